"""faults.md: DNS, TCP."""

import dns
import peer
from case import Case, Cell, raw
from world import BAD, DOMAIN, GOOD


# ---- DNS ------------------------------------------------------------------------------------------------------

def name(number, what, script, cause, words=""):
    """bad.contoso.test is answered so."""
    def setup(world):
        world.names.scripts[BAD] = script
        world.option("--host", f"{BAD}:8443")
        world.good()
    return Case(number, what, setup, Cell("dns", "fail", cause, words))


def d1(world):
    world.only = "autodiscover"
    server = world.front("srv." + DOMAIN, world.exchange(), host=False)
    world.names.add_srv("_autodiscover._tcp." + DOMAIN, dns.srv("srv." + DOMAIN, server.port))


def asked_below(run):
    """Nothing was asked above or beside the mail domain."""
    strangers = [name for name in run.world.names.names() if not ("." + name).endswith("." + DOMAIN)]
    return [f"asked for {strangers}"] if strangers else []


Case("D1", "no A for domain and autodiscover.domain: on to SRV", d1,
     Cell("dns", "skipped", "name-not-found", "does not exist", "autodiscover." + DOMAIN, "autodiscover"),
     Cell("mailbox", "pass", None, "", "srv." + DOMAIN, "autodiscover"), good=None, credentials=1, accepted=True,
     check=asked_below)


def d3(world, alone):
    dead = dns.NameServer(world.next_address())
    dead.default = dns.silence
    world.others.append(dead)
    world.resolvers = [dead.where] + ([] if alone else world.resolvers)
    world.only = "ews,dns"
    world.dead = dead.where.split(":", maxsplit=1)[0]
    world.good()


Case("D3", "the only resolver is silent", lambda world: d3(world, True),
     Cell("dns", "fail", "name-timeout", "no answer", host=GOOD), good=None,
     check=lambda run: [] if run.wall < 1.6 else [f"took {run.wall:.1f} s"])
Case("D3.2", "the first of two resolvers is silent", lambda world: d3(world, False),
     Cell("dns", "pass", host=GOOD),
     check=lambda run: Cell("dns", "fail", "name-timeout", "no answer", run.world.dead, "dns").offences(run))
name("D4.1", "SERVFAIL", dns.rcode(2), "name-server-failure", "SERVFAIL")
name("D4.2", "REFUSED", dns.rcode(5), "name-refused", "REFUSED")
name("D4.3", "FORMERR", dns.rcode(1), "name-format-error", "FORMERR")
name("D4.4", "NXDOMAIN", dns.rcode(3), "name-not-found", "NXDOMAIN")
name("D4.5", "the name exists without an address", lambda question: question.reply(), "name-no-data")
name("D6.1", "a compression pointer to itself", dns.raw(dns.record(dns.A, b"\x7f\0\1\2", b"\xc0\x32")),
     "name-malformed", "pointer")
name("D6.2", "a compression pointer forwards", dns.raw(dns.record(dns.A, b"\x7f\0\1\2", b"\xc0\xf0")),
     "name-malformed", "pointer")
name("D6.3", "a label of more than 63 bytes", dns.raw(dns.record(dns.A, b"\x7f\0\1\2", b"\x50" + b"a" * 80 + b"\0")),
     "name-malformed", "63")
name("D6.4", "a name of more than 255 bytes",
     dns.raw(dns.record(dns.A, b"\x7f\0\1\2", (b"\x3f" + b"a" * 63) * 5 + b"\0")), "name-malformed", "255")
name("D6.5", "RDLENGTH past the end", dns.raw(dns.record(dns.A, b"\x7f\0\1\2", length=9000)), "name-malformed", "end")
name("D6.6", "QDCOUNT 65535", dns.raw(dns.record(dns.A, b"\x7f\0\1\2"), questions=65535), "name-malformed", "question")
name("D6.7", "ANCOUNT 65535, one record", dns.raw(dns.record(dns.A, b"\x7f\0\1\2"), count=65535), "name-malformed")
name("D8.1", "a loop of CNAMEs", dns.aliases(3, True), "name-loop", "alias of itself")
name("D8.2", "a chain of 50 CNAMEs", dns.aliases(50, False), "name-loop", "more than 16 aliases")


def srv_targets(*records, servers=0):
    """_autodiscover._tcp has these records, after those of so many Exchange servers."""
    def setup(world):
        world.only = "autodiscover,dns"
        made = []
        for i in range(servers):
            host = f"s{i}.{DOMAIN}"
            server = world.front(host, world.exchange(), host=False)
            made.append(dns.srv(host, server.port, *((0, 0) if servers == 1 else (5, 7))))
        world.names.add_srv("_autodiscover._tcp." + DOMAIN, *made, *records)
    return setup


Case("D9.1", "SRV with port 0", srv_targets(dns.srv("s0." + DOMAIN, 0)),
     Cell("dns", "fail", None, "port 0", "_autodiscover._tcp." + DOMAIN, "autodiscover"), good=None)
Case("D9.2", "SRV with the target \".\": not offered here", srv_targets(dns.srv(".", 443)),
     Cell("dns", "skipped", None, "not offered", "_autodiscover._tcp." + DOMAIN, "autodiscover"), good=None)
Case("D9.3", "SRV of equal priorities: all are tried", srv_targets(servers=2),
     Cell("mailbox", "pass", None, "", "s0." + DOMAIN, "autodiscover"),
     Cell("mailbox", "pass", None, "", "s1." + DOMAIN, "autodiscover"), good=None, credentials=2, accepted=True)
Case("D9.4", "1,000 SRVs: the best are tried, the rest counted",
     srv_targets(*[dns.srv(f"x{i}.{DOMAIN}", 443, 9, 0) for i in range(999)], servers=1),
     Cell("mailbox", "pass", None, "", "s0." + DOMAIN, "autodiscover"), good=None, credentials=1, accepted=True,
     check=lambda run: Cell("dns", "pass", None, "996 SRV records skipped", f"127.0.{run.world.lane}.1",
                                "dns").offences(run))


def d11(world):
    world.only = "autodiscover"
    server = world.front("attacker.test", world.exchange(schemes=("NTLM", "Basic")), host=False)
    world.names.add_srv("_autodiscover._tcp." + DOMAIN, dns.srv("attacker.test", server.port))
    world.option("--allow-basic")


Case("D11", "SRV to attacker.test, whose certificate is good", d11,
     Cell("auth", "skipped", None, "--allow-host attacker.test", "attacker.test", "autodiscover"), good=None)


def d13(world):
    world.good()
    good = world.healthy[0]

    def answer(question):
        return question.reply(dns.address(good.address)) if question.type == dns.A else (5, question.reply())
    world.names.scripts[GOOD] = answer


def at_once(run):
    row = run.row("ews", GOOD)
    spent = sum(cell["elapsed_ms"] for cell in row["cells"].values()) if row else 10**6
    late = run.world.healthy[0].first_at
    return [] if row and spent < 600 and late else [f"the IPv4 row took {spent} ms"]


Case("D13", "AAAA comes after 5 s, A at once: IPv4 not delayed", d13, Cell("tcp", "pass", host=GOOD), check=at_once)


def d15(world):
    world.address = world.user = "svc@B\u00dcCHER.Test."
    world.only = "ews"
    server = world.front("xn--mhl-hoa.xn--bcher-kva.test", world.exchange(), host=False)
    for spelling in ("M\u00fchl.b\u00fccher.test", "XN--MHL-HOA.XN--BCHER-KVA.TEST", "m\u00fchl.B\u00fccher.TEST."):
        world.option("--host", f"{spelling}:{server.port}")


def one_row(run):
    rows = [row["id"] for row in run.rows(service="ews") if row["host"].startswith("xn--m")]
    strange = [name for name in run.world.names.names() if not name.isascii() or name != name.lower()]
    return ([] if len(rows) == 1 else [f"rows {rows}"]) + ([f"asked for {strange}"] if strange else [])


Case("D15", "IDN, upper case, trailing dot: the same row once", d15,
     Cell("mailbox", "pass", host="xn--mhl-hoa.xn--bcher-kva.test"), good=None, credentials=1, accepted=True,
     check=one_row)


# ---- TCP ------------------------------------------------------------------------------------------------------

def t1(dead_first):
    def setup(world):
        addresses = [world.next_address(), world.next_address()]
        dead, live = addresses if dead_first else addresses[::-1]
        server = world.front(BAD, world.exchange(), address=live)
        world.others.append(peer.BlackHole(dead, server.port))
        world.names.records[BAD] = [(dns.A, dns.address(address)) for address in addresses]
        world.dead, world.live = dead, live
    return setup


def t1_rows(run):
    return Cell("tcp", "fail", "timeout", "no answer to our SYN", address=run.world.dead).offences(run) + \
        Cell("mailbox", "pass", address=run.world.live).offences(run)


for order in (1, 2):
    Case(f"T1.{order}", f"one of two addresses is black-holed, the {'first' if order == 1 else 'second'}",
         t1(order == 1), Cell("dns", "pass"), good=None, credentials=1, accepted=True, check=t1_rows, faster=1.5)


def t2(world):
    closed = peer.Server(world.next_address(), [])
    closed.stop()
    world.names.add(BAD, closed.address)
    world.option("--host", f"{BAD}:{closed.port}")
    world.good()


def unreachable(world):
    """The kernel has no route for TCP to a multicast address."""
    world.names.add(BAD, "224.0.0.1")
    world.option("--host", f"{BAD}:8443")
    world.good()


Case("T2", "a closed port: RST to our SYN", t2, Cell("tcp", "fail", "refused", "refused"))
Case("T2.2", "an address without a route", unreachable, Cell("tcp", "fail", "unreachable"))
raw("T3.1", "accepts, then closes at once", [], Cell("tls", "fail", "closed", "closed"))
raw("T3.2", "accepts, then resets", [peer.wait(0.05), peer.reset], Cell("tls", "fail", "reset", "RST"))
raw("T3.3", "takes our ClientHello, then resets", [peer.read, peer.reset], Cell("tls", "fail", "reset", "RST"))
raw("T4", "accepts and never speaks", [peer.silent], Cell("tls", "fail", "timeout", "no TLS answer"), faster=1.5)


def t8(world):
    world.only = "ews,owa,autodiscover"
    world.timeout = 3.0
    world.front(BAD, world.exchange(), at_once=2)


Case("T8", "serves two connections at once, queues the rest", t8,
     *[Cell("mailbox", "pass", None, "", BAD, service) for service in ("ews", "owa", "autodiscover")],
     good=None, credentials=3, accepted=True)

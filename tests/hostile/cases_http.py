"""faults.md: HTTP."""

import gzip
import zlib

import peer
import web
from case import Case, Cell, exchange, https, raw, says
from world import BAD, DOMAIN

LONG = b"A" * 8000


def head(*headers):
    return b"HTTP/1.1 401 X\r\n" + b"".join(name + b": " + value + b"\r\n" for name, value in headers)


# ---- headers without measure -----------------------------------------------------------------------------------

https("H1", "header lines for ever", [peer.send(head()), peer.flood(b"X-Filler: " + LONG + b"\r\n")],
      Cell("http", "fail", "too-large", "headers"), faster=2)
https("H2", "one header line of 10 MB", [peer.send(head() + b"X-Long: "), peer.flood(LONG, 10)],
      Cell("http", "fail", "too-large", "header"), faster=2)
says("H3.1", "1,000 WWW-Authenticate headers", web.unauthorized(*[f"Scheme{i}" for i in range(1000)], "NTLM"),
     Cell("auth", "fail", "no-scheme", "no authentication scheme in common"))
exchange("H3.2", "1 MB of Negotiate token in the challenge", Cell("auth", "fail", "too-large", "header"),
         leg2=web.unauthorized("NTLM " + "A" * 10**6), options=("--auth", "ntlm"), credentials=0, type1=True,
         good="http")
https("H5", "header drip", [peer.drip(head((b"WWW-Authenticate", b"NTLM")) + b"X-Filler: " + LONG)],
      Cell("http", "fail", "timeout", "no end of the answer"), faster=2.6)
https("H6", "body drip", [peer.send(head((b"Content-Length", b"9000")) + b"\r\n"), peer.drip(LONG)],
      Cell("http", "fail", "timeout", "no end of the answer"), faster=2.6)
https("H7", "a body without length and end", [peer.send(head() + b"\r\n"), peer.flood(LONG)],
      Cell("http", "fail", "too-large", "body"), faster=2)
https("H7.2", "chunks without end", [peer.send(head((b"Transfer-Encoding", b"chunked")) + b"\r\n"),
                                     peer.flood(b"1f40\r\n" + LONG + b"\r\n")],
      Cell("http", "fail", "too-large", "body"), faster=2)
https("H7.3", "one chunk extension without end", [
    peer.send(head((b"Transfer-Encoding", b"chunked")) + b"\r\n5;x="), peer.flood(LONG)],
      Cell("http", "fail", "timeout"), faster=2.6)
for index, (title, headers) in enumerate((
        ("2^63", [(b"Content-Length", b"9223372036854775808")]), ("-1", [(b"Content-Length", b"-1")]),
        ("12abc", [(b"Content-Length", b"12abc")]),
        ("5 and 7", [(b"Content-Length", b"5"), (b"Content-Length", b"7")]),
        ("5, with chunks", [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")])), 1):
    https(f"H8.{index}", f"Content-Length {title}", [peer.send(head(*headers) + b"\r\n5\r\nhello\r\n0\r\n\r\n"),
                                                    peer.over],
          Cell("http", "fail", "malformed", "length"))
https("H8.6", "a chunk size that is no number", [
    peer.send(head((b"Transfer-Encoding", b"chunked")) + b"\r\nxyz\r\nhello\r\n0\r\n\r\n"), peer.silent],
      Cell("http", "fail", "malformed", "chunks"))


# ---- compression that nobody asked for -------------------------------------------------------------------------

def nobody_asked(run):
    asked = [request for server in run.world.all_servers() for request in server.requests
             if "accept-encoding" in request.headers]
    return (["a compressed answer was asked for"] if asked else []) + \
        (["a CPU storm"] if run.cpu > 1.5 else [])


def bomb():
    member = gzip.compress(b"\0" * (64 << 20), 9)
    return web.answer(200, web.XML, ("Content-Encoding", "gzip"), web.NODE, body=member)


exchange("H10.1", "gzip bomb: 64 MiB in 64 KiB", Cell("protocol", "fail", "malformed", "gzip"),
         answers={"ews": bomb()}, accepted=True, check=nobody_asked)
exchange("H10.2", "100 layers of Content-Encoding", Cell("protocol", "fail", "malformed", "gzip"), answers={
    "ews": web.answer(200, web.XML, ("Content-Encoding", ", ".join(["gzip"] * 100)), body=gzip.compress(b"x"))},
         accepted=True, check=nobody_asked)
exchange("H10.3", "truncated gzip", Cell("protocol", "fail", "malformed", "deflate"), answers={
    "ews": web.answer(200, web.XML, ("Content-Encoding", "deflate"), body=zlib.compress(LONG)[:-9])},
         accepted=True, check=nobody_asked)


# ---- no HTTP ---------------------------------------------------------------------------------------------------

https("H12.1", "an empty reply", [peer.over], Cell("http", "fail", "closed", "without an answer"))
https("H12.2", "HTTP/9.9 999", [peer.send(b"HTTP/9.9 999 X\r\nContent-Length: 0\r\n\r\n"), peer.silent],
      Cell("http", "fail", "not-http", "HTTP"))
https("H12.3", "an HTTP/0.9 body", [peer.send(b"<html>hello</html>\r\n"), peer.over],
      Cell("http", "fail", "not-http", "<html>"))
https("H12.4", "binary junk", [peer.send(bytes(range(256)) * 40), peer.over], Cell("http", "fail", "not-http"))
https("H12.5", "an SSH banner", [peer.send(b"SSH-2.0-OpenSSH_9.2\r\n"), peer.over],
      Cell("http", "fail", "not-http", "SSH-2.0"))
https("H12.6", "status 999", [peer.send(b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"), peer.silent],
      Cell("http", "fail", "http-status", "999"))
https("H12.7", "the connection is reset in place of an answer", [peer.reset], Cell("http", "fail", "reset", "RST"))


# ---- redirects -------------------------------------------------------------------------------------------------

def redirects(number, what, location, *cells, **more):
    return says(number, what, web.page(302, "", ("Location", location)), *cells, **more)


redirects("H14.1", "302 to http:// on the same host", f"http://{BAD}/EWS/Exchange.asmx",
          Cell("http", "fail", "redirected", "http://bad"))
redirects("H14.2", "302 to another host", "https://evil.test/EWS/Exchange.asmx",
          Cell("http", "fail", "redirected", "evil.test"))
redirects("H14.3", "302 to another port of the same host", f"https://{BAD}:9/EWS/Exchange.asmx",
          Cell("http", "fail", "redirected", ":9/"))
redirects("H14.4", "302 to OWA's logon form", "/owa/auth/logon.aspx?url=x",
          Cell("http", "fail", "redirected", "logon form"))
redirects("H14.5", "302 without a Location", "", Cell("http", "fail", "redirected", "nowhere"))
redirects("H14.6", "302 with ESC in its Location", "https://evil\x1b[2J.test/\x9b\x7f",
          Cell("http", "fail", "redirected", "evil"))


def after_logon(location):
    return web.page(302, "", ("Location", location), web.NODE)


exchange("H14.7", "302 to another host after the logon", Cell("protocol", "fail", "redirected", "evil.test"),
         answers={"ews": after_logon("https://evil.test/EWS/Exchange.asmx")}, accepted=True)


def few_requests(run):
    count = sum(len(server.requests) for server in run.world.all_servers())
    return [f"{count} requests"] if count > 22 else []


redirects("H15.1", "302 to itself", f"https://{BAD}/EWS/Exchange.asmx", Cell("http", "fail", "redirected", BAD),
          check=few_requests)


def hops(world):
    """Plain HTTP of autodiscover.contoso.test sends on to a chain of 11 places, each to the next."""
    world.only = "autodiscover"
    first = "autodiscover." + DOMAIN
    places = []
    for i in range(11, 0, -1):
        onward = places[-1] if places else f"https://h1.{DOMAIN}:1/autodiscover/autodiscover.xml"
        server = world.front(f"h{i}.{DOMAIN}", lambda *_, to=onward: web.page(302, "", ("Location", to)), host=False)
        places.append(f"https://h{i}.{DOMAIN}:{server.port}/autodiscover/autodiscover.xml")
    plain = world.serve(first, [peer.http(lambda *_: web.page(302, "", ("Location", places[-1])))], host=False)
    world.option("--connect", f"{first}:80:{plain.address}:{plain.port}")


Case("H15.2", "11 hops, beginning at plain HTTP", hops,
     Cell("http", "pass", None, "redirects to", "autodiscover." + DOMAIN, "autodiscover", port=80),
     Cell("http", "fail", "redirected", f"h2.{DOMAIN}", f"h1.{DOMAIN}", "autodiscover"), good=None, check=few_requests)
exchange("H15.3", "RedirectAddr a -> b -> a", Cell("protocol", "warn", None, "svc@b.test", service="autodiscover"),
         services="autodiscover", answers={"autodiscover": web.redirect_address("svc@b.test")}, accepted=True,
         check=few_requests)


# ---- statuses --------------------------------------------------------------------------------------------------

IIS = ("<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\"><html><head><title>{0} - Error</title></head><body>"
       "<div id=\"content\"><h2>{0} - Error</h2><h3>Server Error in Application</h3></div></body></html>")
WORDS = {403: "forbids", 404: "no such path", 405: "method", 407: "proxy", 413: "too large", 440: "forms-based",
         456: "blocked", 500: "application failed", 503: "unavailable"}
for status, words in WORDS.items():
    says(f"H17.{status}", f"status {status} with IIS' body", web.page(status, IIS.format(status), ("Server",
                                                                                                "Microsoft-IIS/10.0")),
         Cell("http", "fail", "http-status", words))
    exchange(f"H17.{status}a", f"status {status} after the logon", Cell("protocol", "fail", "http-status", words),
             answers={"ews": web.page(status, IIS.format(status), web.NODE)}, accepted=True)


# ---- captive portals and load balancers -------------------------------------------------------------------------

def portal(world):
    world.only = "ews,owa,autodiscover"
    world.front(BAD, lambda *_: web.page(200, "<h1>Wi-Fi: please log in</h1>"))
    world.good()


Case("H19.1", "captive portal: 200 and HTML on every path", portal,
     *[Cell("http", "fail", "not-exchange", "portal", service=service) for service in ("ews", "owa")],
     Cell("http", "skipped|warn", "not-exchange", "portal", service="autodiscover"),  # the healthy row has answered
     good="http")
for index, (service, cause) in enumerate((("ews", "not-exchange"), ("autodiscover", "not-exchange")), 2):
    exchange(f"H19.{index}", f"200 and HTML after the logon, {service}", Cell("protocol", "fail", None, "HTML",
                                                                             service=service),
             services=service, answers={service: web.page(200, "<!DOCTYPE html><html><p>hello</p></html>")},
             accepted=True, good=None)

exchange("H22.1", "closes after its NTLM challenge", Cell("auth", "fail", "closed", "kept on one connection"),
         leg2=web.answer(401, ("WWW-Authenticate", "NTLM TlRMTVNTUAAC"), ("Connection", "close"), web.NODE),
         options=("--auth", "ntlm"), credentials=0, type1=True)


def two_back_ends(world):
    """The second leg of NTLM reaches a back end that knows nothing of the first."""
    exchange_a = world.exchange()

    def handler(connection, request):
        value = request.headers.get("authorization", "")
        if len(value) > 120:  # Type 3
            return web.answer(401, ("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", "NTLM"),
                              ("X-FEServer", "EX2"))
        return exchange_a(connection, request)
    world.front(BAD, handler)
    world.option("--auth", "ntlm")


Case("H22.2", "sends NTLM's last leg to another back end", two_back_ends,
     Cell("auth", "fail", "logon-refused", "one connection"), good=None, credentials=1)

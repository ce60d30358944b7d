"""What a case stands in: one name server, a healthy front end, the servers that are to misbehave, the options.

Everything is on 127.0.0.0/8, on ports the kernel gives, without privileges.
"""

import itertools

import dns
import peer
import tls
import web

DOMAIN = "contoso.test"
GOOD, BAD = "good." + DOMAIN, "bad." + DOMAIN


class World:
    def __init__(self, authority, directory, password, lane=1):
        self.lane = lane  # worlds at the same time share no address
        self.authority, self.directory, self.password = authority, directory, password
        self.numbers = itertools.count(2)
        self.servers = {}  # name: server, whose credentials are the case's
        self.healthy = []
        self.names = dns.NameServer(f"127.0.{lane}.1")
        self.others = []  # to stop only
        self.user = self.address = "svc@" + DOMAIN
        self.command = "check"
        self.options = []
        self.resolvers = [self.names.where]
        self.only = "ews"
        self.stdin = None
        self.environment = {}
        self.timeout, self.deadline = 1.0, 4.0
        self.ca = self.file("ca.pem", authority.pem())
        self.password_file = self.file("password", password.encode() + b"\n")

    def file(self, name, data):
        path = f"{self.directory}/{name}"
        with open(path, "wb") as file:
            file.write(data)
        return path

    def next_address(self):
        return f"127.0.{self.lane}.{next(self.numbers)}"

    def context(self, *hosts, **more):
        return tls.context(self.authority.issue(hosts, **more))

    def option(self, *words):
        self.options += words
        return self

    def exchange(self, **more):
        return web.Exchange(self.password, **more)

    # ---- servers ----

    def serve(self, name, steps, *, host=None, port=0, address=None, named=True, **more):
        """A server under a name in the DNS, and (host) as a front end to test. The first of its steps may be a
        tls.context()'s."""
        server = peer.Server(address or self.next_address(), steps, port=port, **more)
        self.servers.setdefault(name, []).append(server)
        if named:
            self.names.add(name, server.address)
        if host is not False:
            self.option("--host", f"{host or name}:{server.port}")
        return server

    def front(self, name, handler, *, hosts=None, **more):
        """The same with TLS and a good certificate, and HTTP by a handler."""
        context = self.context(*(hosts or [name]))
        return self.serve(name, [peer.tls(context), peer.http(handler)], **more)

    def good(self):
        """The healthy front end beside what is broken."""
        server = peer.Server(self.next_address(), [peer.tls(self.context(GOOD)), peer.http(self.exchange())])
        self.healthy.append(server)
        self.names.add(GOOD, server.address)
        self.option("--host", f"{GOOD}:{server.port}")

    def stop(self):
        for server in self.all_servers() + self.healthy + self.others + [self.names]:
            server.stop()

    def all_servers(self):
        return [server for servers in self.servers.values() for server in servers]

    # ---- exreach ----

    def arguments(self):
        words = [*self.command.split(" "), self.address, "--timeout", str(self.timeout), "--deadline",
                 str(self.deadline), "--ca", self.ca, "--profile", "ews-app", "--color", "never"]
        for resolver in self.resolvers:
            words += ["--dns", resolver]
        if self.only:
            words += ["--only", self.only]
        if "-k" in self.options:
            words += ["-u", self.user]
        elif "--anonymous" not in self.options:
            words += ["--password-file", self.password_file, "-u", self.user]
        return words + self.options + ["-vv", "-f", "text", "-f", f"json={self.directory}/survey.json"]

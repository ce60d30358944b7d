"""A KDC that answers with errors, and an LDAP server of a few bytes: RFC 4120, RFC 4511. DER by hand."""

import struct
import time

import ntlm


def der(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def integer(value, tag=2):
    return der(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def text(value, tag=4):
    return der(tag, value.encode() if isinstance(value, str) else value)


# ---- Kerberos --------------------------------------------------------------------------------------------------

def krb_error(code, data=b"", skew=0):
    """KRB-ERROR (RFC 4120 5.9.1)."""
    now = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + skew)).encode()
    realm = der(0x1B, b"CONTOSO.TEST")
    server = der(0x30, der(0xA0, integer(2)), der(0xA1, der(0x30, der(0x1B, b"krbtgt"), realm)))
    fields = [der(0xA0, integer(5)), der(0xA1, integer(30)), der(0xA4, der(0x18, now)), der(0xA5, integer(7)),
              der(0xA6, integer(code)), der(0xA9, realm), der(0xAA, server)]
    if data:
        fields.append(der(0xAC, der(4, data)))
    return der(0x7E, der(0x30, *fields))


def wants_preauth(etype=18):
    """Error 25 with PA-ETYPE-INFO2 and PA-ENC-TIMESTAMP (5.2.7)."""
    info = der(0x30, der(0x30, der(0xA0, integer(etype)), der(0xA1, der(0x1B, b"CONTOSO.TESTsvc"))))
    methods = [der(0x30, der(0xA1, integer(19)), der(0xA2, der(4, info))),
               der(0x30, der(0xA1, integer(2)), der(0xA2, der(4, b"")))]
    return krb_error(25, der(0x30, *methods))


def kdc(*answers):
    """A step: answers one request after the other, over all connections; the last one again and again. A request with
    PA-ENC-TIMESTAMP is a proof."""
    def step(peer):
        data = b""
        while True:
            while len(data) < 4 or len(data) < 4 + struct.unpack_from(">I", data)[0]:
                data += peer.recv()
            size = 4 + struct.unpack_from(">I", data)[0]
            request, data = data[4:size], data[size:]
            if der(0xA1, integer(2)) + b"\xa2" in request:
                peer.server.proofs.append("Kerberos")
            with peer.server.lock:
                number = len(peer.server.requests)
                peer.server.requests.append("KDC request")
            answer = answers[min(number, len(answers) - 1)]
            peer.send(struct.pack(">I", len(answer)) + answer)
    return step


def _principal(*parts):
    """In a credential cache: kind, count, realm, components."""
    return struct.pack(">II", 2 if len(parts) > 1 else 1, len(parts)) + _counted(b"CONTOSO.TEST") + \
        b"".join(_counted(part.encode()) for part in parts)


def _counted(data):
    return struct.pack(">I", len(data)) + data


def _cached(*server):
    """A forged ticket: nobody but a KDC or a service could tell."""
    names = der(0x30, *[der(0x1B, part.encode()) for part in server])
    sealed = der(0x30, der(0xA0, integer(18)), der(0xA2, der(4, b"sealed" * 20)))
    ticket = der(0x61, der(0x30, der(0xA0, integer(5)), der(0xA1, der(0x1B, b"CONTOSO.TEST")),
                           der(0xA2, der(0x30, der(0xA0, integer(2)), der(0xA1, names))), der(0xA3, sealed)))
    now = int(time.time())
    times = struct.pack(">IIII", now - 60, now - 60, now + 3600, now + 7200)
    return _principal("svc") + _principal(*server) + struct.pack(">H", 18) + _counted(b"K" * 32) + times + \
        b"\0" + struct.pack(">III", 0x50E00000, 0, 0) + _counted(ticket) + _counted(b"")


def credential_cache(*services):
    """A FILE cache of version 4 with a ticket-granting ticket and tickets for these services."""
    tickets = [("krbtgt", "CONTOSO.TEST")] + [tuple(service.split("/")) for service in services]
    return b"\x05\x04\0\0" + _principal("svc") + b"".join(_cached(*ticket) for ticket in tickets)


# ---- LDAP ------------------------------------------------------------------------------------------------------

def _read(data, at):
    """Tag, contents, and where the next element begins."""
    tag, length, at = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, at = int.from_bytes(data[at:at + count], "big"), at + count
    if at + length > len(data):
        raise IndexError
    return tag, data[at:at + length], at + length


def result(tag, code=0, words="", referral="", credentials=b""):
    parts = [der(0x0A, bytes([code])), text(""), text(words)]
    if referral:
        parts.append(der(0xA3, text(referral)))
    if credentials:
        parts.append(der(0x87, credentials))
    return der(tag, *parts)


def entry(name, **attributes):
    listed = [der(0x30, text(key), der(0x31, *[text(value) for value in values])) for key, values in attributes.items()]
    return der(0x64, text(name), der(0x30, *listed))


ROOT = entry("", defaultNamingContext=["DC=contoso,DC=test"], dnsHostName=["dc1.contoso.test"],
             supportedSASLMechanisms=["GSSAPI", "GSS-SPNEGO"], isSynchronized=["TRUE"], isGlobalCatalogReady=["TRUE"],
             currentTime=[time.strftime("%Y%m%d%H%M%S.0Z", time.gmtime())])
ACCOUNT = dict(sAMAccountName=["svc"], mail=["svc@contoso.test"], msExchMailboxGuid=[b"0123456789abcdef"],
               homeMDB=["CN=DB1"], showInAddressBook=["CN=All"])


def ldap(bind=result(0x61), found=(entry("CN=svc", **ACCOUNT), result(0x65)), root=(ROOT, result(0x65)), answers=()):
    """A step: rootDSE, an NTLM bind that ends with `bind`, and searches: the first of `answers` whose word the request
    has in it gives the reply, a list or a function of the peer that makes one; all others find `found`."""
    def search(peer, contents):
        for word, replies in answers:
            if word in contents:
                return replies(peer) if callable(replies) else replies
        base = _read(contents, 0)[1]
        scope = contents[_read(contents, 0)[2] + 2]
        return root if not base and scope == 0 else found

    def answer(peer, operation, contents):
        if operation == 0x60:
            token = contents[contents.find(ntlm.SIGNATURE):]
            if token[8:9] == b"\x01":
                return [result(0x61, 14, credentials=ntlm.challenge())]
            peer.server.proofs.append("NTLM" if token.startswith(ntlm.SIGNATURE) else "simple")
            return [bind]
        if operation == 0x63:
            peer.server.requests.append(contents)
            return search(peer, contents)
        if operation == 0x77:
            return [result(0x78, 2, "what is that?")]
        return []

    def step(peer):
        data = b""
        while True:
            try:
                _, message, end = _read(data, 0)
            except IndexError:
                data += peer.recv()
                continue
            data = data[end:]
            _, number, at = _read(message, 0)
            for reply in answer(peer, message[at], _read(message, at)[1]):
                peer.send(der(0x30, der(2, number), reply))
    return step


def referral(*urls):
    """A search result that is a reference (RFC 4511 4.5.3)."""
    return der(0x73, *[text(url) for url in urls])


def paged(cookie=b"", value=None, code=0):
    """The end of a search with the paged results control (RFC 2696); value: instead of a good one."""
    if value is None:
        value = der(0x30, integer(0), text(cookie))
    parts = [text("1.2.840.113556.1.4.319")] + ([text(value)] if value is not False else [])
    return result(0x65, code) + der(0xA0, der(0x30, *parts))

"""faults.md: TLS; and certificates before which no credentials may go (A3)."""

import ssl

from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import peer
import tls
import web
from case import Case, Cell, https, raw
from world import BAD

SERVER_HELLO = b"\x16\x03\x03\x20\x00\x02\x00\x1f\xfc\x03\x03"  # a record of 8 KiB, which never ends


def alert(number, version=3):
    return bytes([21, 3, version, 0, 2, 2, number])


# ---- handshakes that do not come to an end, or are none --------------------------------------------------------

raw("S1.1", "silent after our ClientHello", [peer.read, peer.silent], Cell("tls", "fail", "timeout", "no TLS answer"),
    faster=1.5)
raw("S1.2", "drips its ServerHello", [peer.read, peer.drip(SERVER_HELLO + b"A" * 8192)],
    Cell("tls", "fail", "timeout", "no end of the TLS handshake"), faster=1.5)
raw("S1.3", "sends its ServerHello for ever", [peer.read, peer.flood(SERVER_HELLO + b"A" * 8181)],
    Cell("tls", "fail", "tls-protocol"), faster=1.5)
raw("S2.1", "plain HTTP on the TLS port", [peer.read, peer.send(web.page(400, "no"))],
    Cell("tls", "fail", "not-tls", "HTTP"))
raw("S2.2", "an SSH banner on the TLS port", [peer.send(b"SSH-2.0-OpenSSH_9.2\r\n"), peer.silent],
    Cell("tls", "fail", "not-tls", "SSH-2.0"))
raw("S2.3", "binary junk on the TLS port", [peer.read, peer.send(bytes(range(128, 256)) * 64)],
    Cell("tls", "fail", "not-tls"))


# ---- versions, ciphers, alerts ---------------------------------------------------------------------------------

def handshake(number, what, cell, **more):
    """A server with a good certificate whose context has these properties."""
    def steps(world):
        return [peer.tls(tls.context(world.authority.issue([BAD]), **more)), peer.http(lambda *_: web.page())]
    return raw(number, what, steps, cell)


handshake("S3.1", "TLS 1.0 only", Cell("tls", "fail", None, "TLS"), least=ssl.TLSVersion.TLSv1,
          most=ssl.TLSVersion.TLSv1, ciphers="ALL:@SECLEVEL=0")
raw("S3.2", "alert handshake_failure", [peer.read, peer.send(alert(40))],
    Cell("tls", "fail", "tls-alert", "40, handshake failure"))
handshake("S3.3", "no cipher in common", Cell("tls", "fail", "tls-alert", "handshake failure"),
          most=ssl.TLSVersion.TLSv1_2, ciphers="PSK-AES128-CBC-SHA:@SECLEVEL=0")
raw("S3.4", "alert unrecognized_name", [peer.read, peer.send(alert(112))],
    Cell("tls", "fail", "tls-alert", "112, unrecognized name"))
raw("S3.5", "alert protocol_version", [peer.read, peer.send(alert(70))],
    Cell("tls", "fail", "tls-alert", "70, protocol version"))


# ---- certificates ----------------------------------------------------------------------------------------------

def certificate(number, what, make, cause, words, options=(), outcome="fail", good="mailbox"):
    """An Exchange that takes any logon behind this certificate."""
    def setup(world):
        world.serve(BAD, [peer.tls(tls.context(make(world.authority))), peer.http(world.exchange(
            schemes=("Negotiate", "NTLM", "Basic")))])
        world.option("--allow-basic", *options)
        world.good()
    return Case(number, what, setup, Cell("tls", outcome, cause, words),
                *([Cell("auth", "skipped", None, "did not verify")] if options else []), good=good)


def stranger(authority):
    return tls.Authority(authority.directory, "Nobody's CA").issue([BAD])


def lonely_leaf(authority):
    middle = tls.Authority(authority.directory, "Hostile Test Issuing CA", authority)
    return middle.issue([BAD], aia="http://127.0.0.1/ca.crt")


CERTIFICATES = (
    ("expired", lambda ca: ca.issue([BAD], days=(-9, -2)), "certificate-expired", "expired on"),
    ("not yet valid", lambda ca: ca.issue([BAD], days=(3, 9)), "certificate-not-yet-valid", "not valid before"),
    ("wrong name", lambda ca: ca.issue(["www.contoso.test"]), "certificate-name", "www.contoso.test"),
    ("self-signed", lambda ca: ca.issue([BAD], self_signed=True), "certificate-self-signed", "self-signed"),
    ("unknown CA", stranger, "certificate-untrusted", "Nobody's CA"),
    ("missing intermediate", lonely_leaf, "certificate-incomplete", "Hostile Test Issuing CA"),
    ("wrong extended key usage", lambda ca: ca.issue([BAD], usage=ExtendedKeyUsageOID.CLIENT_AUTH),
     "certificate-purpose", "servers"),
)
for index, (title, maker, reason, said) in enumerate(CERTIFICATES, 1):
    certificate(f"S4.{index}", f"certificate: {title}", maker, reason, said)
for index, (title, maker, reason, said) in enumerate(CERTIFICATES, 1):
    certificate(f"A3.{index}", f"--insecure --allow-basic, certificate: {title}", maker, reason, said, ("--insecure",),
                "warn")


def false_authority(authority):
    """A chain whose middle is an ordinary server's certificate."""
    middle = authority.issue(["not-a-ca.contoso.test"])
    with open(middle, "rb") as file:
        data = file.read()
    fake = tls.Authority(authority.directory)
    fake.certificate = x509.load_pem_x509_certificate(data)
    fake.key = tls.serialization.load_pem_private_key(data, None)
    fake.subject = fake.certificate.subject
    leaf = fake.issue([BAD])
    with open(leaf, "ab") as file:
        file.write(fake.pem())
    return leaf


def false_signature(authority):
    """Says that our authority signed it, but another key did."""
    return tls.Authority(authority.directory, "Hostile Test CA").issue([BAD])


certificate("S4.8", "certificate: signed by one that is no authority", false_authority, "certificate-invalid",
            "invalid CA")
certificate("S4.9", "certificate: a false signature", false_signature, "certificate-invalid", "signature")


def evil_names(authority):
    parts = ((NameOID.ORGANIZATION_NAME, "Con\x1b[31mtoso\x07\r\nX: y", _ASN1Type.UTF8String),
             (NameOID.ORGANIZATIONAL_UNIT_NAME, "K\u00e4se", _ASN1Type.BMPString),
             (NameOID.COMMON_NAME, "\u202etset.osotnoc\u202c\u200f\x9b2J", _ASN1Type.UTF8String))
    name = x509.Name([x509.NameAttribute(oid, text, kind) for oid, text, kind in parts])
    return tls.Authority(authority.directory, name).issue([BAD], subject=x509.Name(list(reversed(list(name)))))


certificate("S8", "ESC, BMPString and RTL override in subject and issuer", evil_names, "certificate-untrusted", "")
for number, version in ((1, ssl.TLSVersion.TLSv1_2), (2, ssl.TLSVersion.TLSv1_3)):
    raw(f"S11.{number}", f"demands a client certificate, {version.name}",
        lambda world, version=version: [
            peer.tls(tls.context(world.authority.issue([BAD]), least=version, most=version, client=world.ca)),
            peer.http(world.exchange())],
        Cell("tls" if number == 1 else "http", "fail", "client-certificate-wanted", "client certificate"))


# ---- the end of TLS --------------------------------------------------------------------------------------------

OPEN_END = web.answer(401, ("WWW-Authenticate", "NTLM"), web.NODE, body=b"half a bo", length=False)
https("S12.1", "body ends without close_notify", [peer.send(OPEN_END), peer.cut],
      Cell("http", "fail", "truncated", "ends too early"))
https("S12.2", "body shorter than Content-Length", [peer.send(web.answer(
    401, ("WWW-Authenticate", "NTLM"), ("Content-Length", "900"), body=b"short", length=False)), peer.over],
      Cell("http", "fail", "truncated", "ends too early"))
https("S12.3", "chunks without the last one", [peer.send(web.answer(
    401, ("WWW-Authenticate", "NTLM"), ("Transfer-Encoding", "chunked"), body=b"5\r\nhello\r\n", length=False)),
    peer.over], Cell("http", "fail", "truncated"))
https("S12.4", "TLS broken by junk within the answer", [
    peer.send(b"HTTP/1.1 401 X\r\nContent-Length: 90\r\n\r\n"), peer.bare(b"no TLS record at all" * 9), peer.silent],
      Cell("http", "fail", "tls-protocol", "TLS"))

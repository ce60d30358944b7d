#!/usr/bin/python3
"""Servers that take a proof of the password and then misbehave: proof_server.py LOG CERT KEY SPEC ...

SPEC is KIND=ADDRESS:PORT=ACT. Every proof that arrives is a line of LOG, "KIND SCHEME"; "ready" on standard output
when all listen.

    http     offers what ACT's first word says: ntlm, negotiate, basic, forms
    ldap     LDAPS with GSS-SPNEGO (NTLM)
    kdc      Kerberos over TCP, the AS exchange only
    bridge   ends TLS with CERT and goes on to ACT, an ADDRESS:PORT, with TLS of its own
    silent   accepts, and says nothing

ACT is what the proof is answered with: silent, close, rst, garbage, for http also refuse (401), gateway (502), portal
(200, a web page), redirect, cut, and badtype2 or closes2, which end NTLM before the proof; for ldap busy, unavailable,
bindings, refuse; for kdc a KRB-ERROR code.
"""
import base64
import socket
import ssl
import struct
import sys
import threading
import time

TYPE2 = (b"NTLMSSP\0" + struct.pack("<IHHII", 2, 14, 14, 56, 0xE2898235) + b"\1\2\3\4\5\6\7\x08" + bytes(8)
         + struct.pack("<HHI", 22, 22, 70) + b"\x0a\0\x63\x45\0\0\0\x0f" + "CONTOSO".encode("utf-16le")
         + struct.pack("<HH", 2, 14) + "CONTOSO".encode("utf-16le") + struct.pack("<HH", 0, 0))


class Done(Exception):
    """This connection is through."""


def reset(stream):
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Done


def common(stream, act):
    """What any kind can do with a proof."""
    if act == "silent":
        time.sleep(600)
    if act == "rst":
        reset(stream)
    if act == "garbage":
        stream.sendall(b"\x00\x00\x00\x10\xff\xfe\xfdSSH-2.0-x\r\n\r\n")
    raise Done


class Proofs:
    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()

    def add(self, kind, scheme):
        with self.lock, open(self.path, "a", encoding="ascii") as file:
            file.write(f"{kind} {scheme}\n")


def exactly(stream, length):
    data = b""
    while len(data) < length:
        piece = stream.recv(length - len(data))
        if not piece:
            raise Done
        data += piece
    return data


# ---- HTTP ---------------------------------------------------------------------------------------------------

def read_request(stream):
    head = b""
    while b"\r\n\r\n" not in head:
        piece = stream.recv(4096)
        if not piece:
            raise Done
        head += piece
    head, _, body = head.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    rest = int(headers.get("content-length", 0)) - len(body)
    body += exactly(stream, rest) if rest > 0 else b""
    return lines[0].split(" ")[1], headers, body


def answer(stream, status, body="", exchange=True, **headers):
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}"]
    lines += ["X-FEServer: FAKE"] if exchange else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    stream.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())


def http_proof(stream, act, scheme):
    page = "<html>welcome</html>"
    if act == "refuse":
        answer(stream, 401, WWW_Authenticate=scheme)
    elif act == "gateway":
        answer(stream, 502, page, exchange=False, Content_Type="text/html")
    elif act == "portal":
        answer(stream, 200, page, exchange=False, Content_Type="text/html")
    elif act == "redirect":
        answer(stream, 302, exchange=False, Location="https://portal.contoso.test/login")
    elif act == "cut":
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<html>")
        raise Done
    else:
        common(stream, act)


def serve_ntlm(stream, scheme, act, value, proofs):
    kind = base64.b64decode(value)[8]
    if kind == 3:
        proofs.add("http", scheme)
        http_proof(stream, act, scheme)
    elif act == "badtype2":
        answer(stream, 401, WWW_Authenticate=f"{scheme} {base64.b64encode(b'NTLMSSP' + bytes(9)).decode()}")
    else:
        close = {"Connection": "close"} if act == "closes2" else {}
        answer(stream, 401, WWW_Authenticate=f"{scheme} {base64.b64encode(TYPE2).decode()}", **close)
        if close:
            raise Done


def serve_http(stream, act, proofs):
    scheme, act = act.split(".")
    name = {"ntlm": "NTLM", "negotiate": "Negotiate", "basic": "Basic"}.get(scheme)
    while True:
        target, headers, _ = read_request(stream)
        _, _, value = headers.get("authorization", "").partition(" ")
        if target.endswith("healthcheck.htm"):
            answer(stream, 200, "200 OK<br/>FAKE")
        elif target == "/owa/auth.owa":
            proofs.add("http", "forms")
            http_proof(stream, act, "forms")
        elif target.startswith("/owa"):
            answer(stream, 302, Location=f"https://{headers['host']}/owa/auth/logon.aspx?replaceCurrent=1&url=x")
        elif name is None:
            answer(stream, 404)
        elif not value:
            answer(stream, 401, WWW_Authenticate=name + (' realm="x"' if scheme == "basic" else ""))
        elif scheme == "basic":
            proofs.add("http", name)
            http_proof(stream, act, name)
        else:
            serve_ntlm(stream, name, act, value, proofs)


# ---- BER and DER --------------------------------------------------------------------------------------------

def tlv(tag, *parts):
    content = b"".join(parts)
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    coded = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(coded)]) + coded + content


def number(value, tag=2):
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(text, tag=4):
    return tlv(tag, text.encode() if isinstance(text, str) else text)


# ---- LDAP (RFC 4511) ----------------------------------------------------------------------------------------

def read_ber(stream):
    head = exactly(stream, 2)
    if head[1] < 128:
        return exactly(stream, head[1])
    return exactly(stream, int.from_bytes(exactly(stream, head[1] & 0x7F), "big"))


def ldap_result(message, tag, code, words="", *more):
    return tlv(0x30, number(message), tlv(tag, number(code, 10), octets(""), octets(words), *more))


def root_dse(message):
    values = {"defaultNamingContext": "DC=contoso,DC=test", "dnsHostName": "dc1.contoso.test",
              "isGlobalCatalogReady": "TRUE", "supportedSASLMechanisms": "GSS-SPNEGO"}
    attributes = [tlv(0x30, octets(name), tlv(0x31, octets(value))) for name, value in values.items()]
    return tlv(0x30, number(message), tlv(0x64, octets(""), tlv(0x30, *attributes)))


def serve_ldap(stream, act, proofs):
    results = {"busy": (51, "busy"), "unavailable": (52, "unavailable"),
               "refuse": (49, "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, "
                              "data 52e, v4f7c"),
               "bindings": (49, "80090346: LdapErr: DSID-0C090597, comment: AcceptSecurityContext error, "
                                "data 80090346, v4f7c")}
    while True:
        message = read_ber(stream)
        identity = int.from_bytes(message[2:2 + message[1]], "big")
        operation = message[2 + message[1]]
        if operation == 0x63:
            stream.sendall(root_dse(identity) + ldap_result(identity, 0x65, 0))
        elif operation == 0x60 and b"NTLMSSP\0\1" in message:
            stream.sendall(ldap_result(identity, 0x61, 14, "", octets(TYPE2, 0x87)))
        elif operation == 0x60 and b"NTLMSSP\0\3" in message:
            proofs.add("ldap", "NTLM")
            if act in results:
                stream.sendall(ldap_result(identity, 0x61, *results[act]))
            else:
                common(stream, act)
        else:
            raise Done


# ---- Kerberos (RFC 4120) ------------------------------------------------------------------------------------

def krb_error(code, data=b""):
    name = tlv(0x30, tlv(0xA0, number(2)), tlv(0xA1, tlv(0x30, octets("krbtgt", 0x1B), octets("CONTOSO.TEST", 0x1B))))
    now = time.strftime("%Y%m%d%H%M%SZ", time.gmtime())
    fields = [tlv(0xA0, number(5)), tlv(0xA1, number(30)), tlv(0xA4, octets(now, 0x18)), tlv(0xA5, number(0)),
              tlv(0xA6, number(code)), tlv(0xA9, octets("CONTOSO.TEST", 0x1B)), tlv(0xAA, name)]
    fields += [tlv(0xAC, octets(data))] if data else []
    return tlv(0x7E, tlv(0x30, *fields))


def pa_data(kind, value):
    return tlv(0x30, tlv(0xA1, number(kind)), tlv(0xA2, octets(value)))


def serve_kdc(stream, act, proofs):
    etypes = tlv(0x30, tlv(0x30, tlv(0xA0, number(18)), tlv(0xA1, octets("CONTOSO.TESTsvc", 0x1B))))
    wanted = tlv(0x30, pa_data(19, etypes), pa_data(2, b""))
    while True:
        request = exactly(stream, struct.unpack(">I", exactly(stream, 4))[0])
        if b"\xa1\x03\x02\x01\x02\xa2" in request:  # padata-type PA-ENC-TIMESTAMP
            proofs.add("kdc", "ENC-TS")
            if not act.isdigit():
                common(stream, act)
            reply = krb_error(int(act))
        else:
            reply = krb_error(25, wanted)
        stream.sendall(struct.pack(">I", len(reply)) + reply)


# ---- the rest -----------------------------------------------------------------------------------------------

def pump(source, sink):
    try:
        while True:
            data = source.recv(16384)
            if not data:
                break
            sink.sendall(data)
    except OSError:
        pass
    for stream in (source, sink):
        try:
            stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve_bridge(stream, act, proofs):
    del proofs
    host, _, port = act.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    behind = context.wrap_socket(socket.create_connection((host, int(port))))
    back = threading.Thread(target=pump, args=(behind, stream), daemon=True)
    back.start()
    pump(stream, behind)
    back.join()


def serve_silent(stream, act, proofs):
    del act, proofs
    while stream.recv(4096):
        pass


SERVERS = {"http": serve_http, "ldap": serve_ldap, "kdc": serve_kdc, "bridge": serve_bridge, "silent": serve_silent}


def serve(kind, act, raw, context, proofs):
    stream = raw
    try:
        if kind in ("http", "ldap", "bridge"):
            stream = context.wrap_socket(raw, server_side=True)
        SERVERS[kind](stream, act, proofs)
    except (Done, OSError):
        pass
    finally:
        stream.close()


def accept(kind, act, listener, context, proofs):
    while True:
        raw, _ = listener.accept()
        threading.Thread(target=serve, args=(kind, act, raw, context, proofs), daemon=True).start()


def main():
    log, certificate, key = sys.argv[1:4]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    proofs = Proofs(log)
    for spec in sys.argv[4:]:
        kind, place, act = spec.split("=")
        address, _, port = place.rpartition(":")
        listener = socket.create_server((address, int(port)), backlog=64)
        threading.Thread(target=accept, args=(kind, act, listener, context, proofs), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()

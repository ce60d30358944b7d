"""MAPI over HTTP ([MS-OXCMAPIHTTP]) by requests: the operations of impacket_client.py on the other transport.

    mapi_http_client.py LAB_DIR [TEST ...]

Run it inside a lab (`lab run`); Extended Protection may be required. In a lab with the switch `mapi-slow` the PENDING tags
must be seen. The last line is `N passed, N failed`.
"""

import struct
import sys
import uuid

import requests
import requests_ntlm
from cryptography.hazmat.backends import openssl  # noqa: F401  brings back the MD4 that NTLM needs

from impacket_client import DISPLAY_NAME, HOST, LEGACY_DN, Lab, Refused, Store, expect, run


class Endpoint:
    """One endpoint of MAPI over HTTP, and a session there."""

    def __init__(self, lab, path, mailbox=None):
        self.url = f"https://{HOST}/mapi/{path}/" + (f"?MailboxId={mailbox}" if mailbox else "")
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = lab.facts["ca_file"]
        self.session.auth = requests_ntlm.HttpNtlmAuth("CONTOSO\\svc", lab.password)
        self.pending = 0

    def post(self, kind, body=b"", drop=(), query="", **headers):
        """The raw answer to a request of this kind."""
        sent = {
            "Content-Type": "application/mapi-http",
            "X-RequestType": kind,
            "X-RequestId": f"{{{uuid.uuid4()}}}:1",
            "X-ClientInfo": "{0EF33C39-49C8-421C-B876-CDF7F2AC3AA0}:123",
            "X-ClientApplication": "Outlook/15.0.4737.1000",
        }
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if name not in drop}
        return self.session.post(self.url + query, body, headers=sent, timeout=20)

    def code(self, *arguments, **how):
        """The X-ResponseCode."""
        answer = self.post(*arguments, **how)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["X-ResponseCode"])

    def call(self, kind, body):
        """The body of an answer without StatusCode, ErrorCode and auxiliary data."""
        answer = self.post(kind, body)
        headers = answer.headers
        assert answer.status_code == 200 and headers.get("X-ResponseCode") == "0", (answer.status_code, headers, answer.text)
        assert headers["Content-Type"] == "application/mapi-http" and headers["X-RequestType"] == kind, headers
        assert headers["X-RequestId"].endswith(":1") and headers["X-ServerApplication"].startswith("Exchange/15."), headers
        head, _, data = answer.content.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0] == b"PROCESSING" and b"DONE" in lines, lines
        self.pending = lines[1 : lines.index(b"DONE")].count(b"PENDING")
        status, error = struct.unpack_from("<LL", data)
        assert status == 0
        if error not in (0, 1):
            raise Refused(error)
        return data[8:]


class HttpStore(Store):
    """The store over MAPI over HTTP."""

    def __init__(self, lab, user, dns, mailbox=None):
        self.dns = dns
        self.endpoint = Endpoint(lab, "emsmdb", mailbox)
        body = dns[user].encode() + b"\0" + struct.pack("<LLLLL", 0, 1252, 1033, 1033, 0)
        answer = self.endpoint.call("Connect", body)
        assert struct.unpack_from("<LLL", answer) == (60000, 6, 10000)
        prefix, _, rest = answer[12:].partition(b"\0")
        assert dns[user].encode().startswith(prefix) and "Service Account".encode("utf-16le") in rest

    def rops(self, operations, handles):
        payload = struct.pack("<H", len(operations) + 2) + operations + struct.pack(f"<{len(handles)}L", *handles)
        buffer = struct.pack("<HHHH", 0, 4, len(payload), len(payload)) + payload
        body = struct.pack("<LL", 3, len(buffer)) + buffer + struct.pack("<LL", 0x18008, 0)
        answer = self.endpoint.call("Execute", body)
        flags, size = struct.unpack_from("<LL", answer)
        output = answer[8 : 8 + size]
        length = struct.unpack_from("<H", output, 8)[0]
        table = output[8 + length :]
        return output[10 : 8 + length], list(struct.unpack(f"<{len(table) // 4}L", table))


class HttpBook:
    """The address book over MAPI over HTTP."""

    STAT = b"\xff" + struct.pack("<9L", 0, 0, 0, 0, 0, 0, 1252, 1033, 1033)

    def __init__(self, lab):
        self.endpoint = Endpoint(lab, "nspi")
        assert len(self.endpoint.call("Bind", struct.pack("<L", 0) + self.STAT + struct.pack("<L", 0))) == 16 + 4

    def resolve(self, *names):
        """What names become: minimal ids, legacy DNs."""
        body = struct.pack("<L", 0) + self.STAT + b"\xff" + struct.pack("<LL", 1, LEGACY_DN)
        body += b"\xff" + struct.pack("<L", len(names)) + b"".join(name.encode("utf-16le") + b"\0\0" for name in names)
        answer = self.endpoint.call("ResolveNames", body + struct.pack("<L", 0))
        assert struct.unpack_from("<LBL", answer) == (1252, 0xFF, len(names))
        ids = list(struct.unpack_from(f"<{len(names)}L", answer, 9))
        at = 9 + 4 * len(names)
        assert struct.unpack_from("<BLL", answer, at) == (0xFF, 1, LEGACY_DN)
        count = struct.unpack_from("<L", answer, at + 9)[0]
        at, found = at + 13, []
        for _ in range(count):
            assert answer[at : at + 2] == b"\0\xff", answer[at:].hex()
            end = at + 2
            while answer[end : end + 2] != b"\0\0":
                end += 2
            found.append(answer[at + 2 : end].decode("utf-16le"))
            at = end + 2
        assert answer[at:] == b"\0\0\0\0"
        return ids, found

    def ids(self, *dns):
        """Minimal ids of legacy DNs."""
        body = struct.pack("<LBL", 0, 0xFF, len(dns)) + b"".join(dn.encode() + b"\0" for dn in dns) + struct.pack("<L", 0)
        answer = self.endpoint.call("DnToMinId", body)
        assert struct.unpack_from("<BL", answer) == (0xFF, len(dns))
        return list(struct.unpack_from(f"<{len(dns)}L", answer, 5))

    def url(self, kind, dn):
        """GetMailboxUrl, GetAddressBookUrl."""
        body = struct.pack("<L", 0) + dn.encode("utf-16le") + b"\0\0" + struct.pack("<L", 0)
        return self.endpoint.call(kind, body)[:-6].decode("utf-16le")


def http_dns(lab):
    names = ("svc", "other", "disabled", "publicfolders")
    return dict(zip(names, HttpBook(lab).resolve(*[f"{name}@contoso.test" for name in names])[1]))


def test_address_book(lab):
    book = HttpBook(lab)
    ids, found = book.resolve("svc@contoso.test", "nobody-there", "hidden@contoso.test", "O")
    assert ids == [2, 0, 0, 1] and len(found) == 1, ids
    mid = book.ids(found[0], "/o=nobody")
    assert mid[0] >= 16 and mid[1] == 0
    stat = b"\xff" + struct.pack("<9L", 0, 0, mid[0], 0, 0, 0, 1252, 1033, 1033)
    body = struct.pack("<L", 0) + stat + b"\xff" + struct.pack("<LLL", 2, DISPLAY_NAME, 0x39000003) + struct.pack("<L", 0)
    answer = book.endpoint.call("GetProps", body)
    name = "Service Account".encode("utf-16le") + b"\0\0"
    values = b"\x1f\0\x01\x30\xff" + name + struct.pack("<LL", 0x39000003, 0)
    assert answer == struct.pack("<LBL", 1252, 0xFF, 2) + values + struct.pack("<L", 0), answer.hex()
    table = book.endpoint.call("GetSpecialTable", struct.pack("<L", 4) + book.STAT + struct.pack("<BLL", 0xFF, 0, 0))
    assert table[:4] == struct.pack("<L", 1200) and "Global Address List".encode("utf-16le") in table
    rows = book.endpoint.call(
        "QueryRows", struct.pack("<L", 0) + book.STAT + struct.pack("<LLBLLL", 0, 50, 0xFF, 1, DISPLAY_NAME, 0)
    )
    assert name in rows and "Hidden".encode("utf-16le") not in rows
    assert len(book.endpoint.call("Unbind", struct.pack("<LL", 0, 0))) == 4


def test_urls(lab):
    book = HttpBook(lab)
    dn = book.resolve("svc@contoso.test")[1][0]
    url = book.url("GetAddressBookUrl", dn)
    assert url.startswith(f"https://{HOST}/mapi/nspi/?MailboxId=") and url.endswith("@contoso.test"), url
    identity = url.partition("MailboxId=")[2]
    server = dn[: dn.index("/cn=Recipients")] + f"/cn=Configuration/cn=Servers/cn={identity}"
    assert book.url("GetMailboxUrl", server) == f"https://{HOST}/mapi/emsmdb/?MailboxId={identity}"
    endpoint = Endpoint(lab, "emsmdb")
    assert endpoint.code("PING", query=f"?MailboxId={identity}") == 0
    assert endpoint.post("PING", query="?MailboxId=00000000-0000-4000-8000-000000000000@contoso.test").status_code == 404


def test_store(lab):
    store = HttpStore(lab, "svc", http_dns(lab))
    logon, folders, rest = store.logon("svc")
    assert store.count(logon, folders[4]) == 2 and rest[1] & 7 == 7
    assert store.children(logon, folders[10])["Voice Mail"][1] == 1
    logon, folders, rest = store.logon("other")
    assert rest[1] & 7 == 3 and store.count(logon, folders[4]) == 2
    expect(0x80070005, store.logon, "disabled")
    logon, folders, _rest = store.logon(None)
    assert store.children(logon, folders[1])["Company Contacts"][1] == 1
    assert store.endpoint.call("Disconnect", struct.pack("<L", 0)) == struct.pack("<L", 0)
    assert store.endpoint.code("Execute", b"") == 10


def test_response_codes(lab):
    endpoint = Endpoint(lab, "emsmdb")
    answer = endpoint.post("PING")
    assert answer.headers["X-ResponseCode"] == "0" and answer.content == b""
    assert endpoint.code("Nonsense") == 5
    assert endpoint.code("PING", drop=("X-RequestId",)) == 7
    assert endpoint.code("PING", Content_Type="text/xml") == 4
    assert endpoint.code("Connect", b"x") == 12
    assert endpoint.code("Execute", b"") == 13
    store = HttpStore(lab, "svc", http_dns(lab))
    cookies = store.endpoint.session.cookies
    assert cookies["MapiContext"].startswith("MAPI") and cookies["MapiSequence"]
    old = {"Cookie": f"MapiContext={cookies['MapiContext']}; MapiSequence={cookies['MapiSequence']}"}
    store.logon("svc")
    cookies.clear()
    assert store.endpoint.code("Execute", b"", **old) == 15
    assert store.endpoint.code("Execute", b"", Cookie=old["Cookie"].partition(";")[0]) == 13
    cookies.clear()
    assert store.endpoint.code("Execute", b"", Cookie="MapiContext=MAPIAAAA1; MapiSequence=1") == 10
    assert store.endpoint.code("Execute", b"", Cookie="MapiContext=x; MapiSequence=1") == 6


def test_diagnostic_page(lab):
    endpoint = Endpoint(lab, "emsmdb")
    page = endpoint.session.get(endpoint.url, timeout=20)
    assert page.status_code == 200 and "svc" in page.text


def test_pending(lab):
    book = HttpBook(lab)
    assert (book.endpoint.pending > 0) == ("mapi-slow" in lab.facts["faults"]), book.endpoint.pending


def main():
    return run(Lab(sys.argv[1]), [value for name, value in globals().items() if name.startswith("test_")])


if __name__ == "__main__":
    sys.exit(main())

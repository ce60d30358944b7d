"""impacket speaks RPC over HTTP with the lab's front end: the address book, the referral, the store.

    impacket_client.py LAB_DIR [TEST ...]

Run it inside the lab (`lab run`). impacket's HTTP logon sends no channel bindings, so the lab must have been started with
the switch `rpc-open`. With the switch `rpc-tcp` RPC over TCP is tried, too. The last line is `N passed, N failed`.
"""

import json
import os
import struct
import subprocess
import sys
import traceback
import warnings

from impacket.dcerpc.v5 import epm, nspi, oxabref, transport
from impacket.dcerpc.v5.dtypes import STR, ULONG, USHORT
from impacket.dcerpc.v5.ndr import NDRCALL, NDRPOINTER, NDRUniConformantArray, NDRUniConformantVaryingArray
from impacket.dcerpc.v5.rpcrt import (
    DCERPCException,
    RPC_C_AUTHN_GSS_NEGOTIATE,
    RPC_C_AUTHN_LEVEL_CONNECT,
    RPC_C_AUTHN_LEVEL_NONE,
    RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
    RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
)
from impacket.http import AUTH_BASIC, AUTH_NTLM
from impacket.krb5 import kerberosv5
from impacket.krb5.ccache import CCache
from impacket.spnego import SPNEGO_NegTokenInit
from impacket.uuid import uuidtup_to_bin

HOST = "mail.contoso.test"
DOMAIN = "CONTOSO"
DISPLAY_NAME, SMTP_ADDRESS, LEGACY_DN = 0x3001001F, 0x39FE001F, 0x3003001F


class Lab:
    """Where the lab is, and who is who in it."""

    def __init__(self, directory):
        with open(os.path.join(directory, "lab.json"), encoding="utf-8") as file:
            self.facts = json.load(file)
        with open(self.facts["password_file"], encoding="utf-8") as file:
            self.password = file.readline().rstrip("\n")

    def connect(self, interface, server, port, level=RPC_C_AUTHN_LEVEL_NONE, scheme=AUTH_NTLM):
        """A bound association with one interface behind the RPC proxy."""
        rpc = transport.DCERPCTransportFactory(f"ncacn_http:{server}[{port},RpcProxy={HOST}:443]")
        rpc.set_credentials("svc", self.password, DOMAIN)
        rpc.set_rpc_proxy_url(f"https://{HOST}/rpc/rpcproxy.dll?{server}:{port}")
        rpc.set_auth_type(scheme)
        dce = rpc.get_dce_rpc()
        dce.set_credentials("svc", self.password, DOMAIN)
        dce.set_auth_level(level)
        dce.connect()
        dce.bind(interface)
        return dce


class GetProps(NDRCALL):
    """NspiGetProps as [MS-OXNSPI] 3.1.4.1.7 has it: impacket's own sends pStat as a unique pointer, which it is not."""

    opnum = 9
    structure = (
        ("hRpc", nspi.handle_t),
        ("dwFlags", ULONG),
        ("pStat", nspi.STAT),
        ("pPropTags", nspi.PPropertyTagArray_r),
    )


class GetPropsResponse(NDRCALL):
    structure = (("ppRows", nspi.PPropertyRow_r), ("ErrorCode", ULONG))


def get_props(dce, handle, identity, *tags):
    """The properties of one object."""
    request = GetProps()
    request["hRpc"] = handle
    request["pStat"]["CurrentRec"] = identity
    request["pStat"]["CodePage"] = nspi.CP_TELETEX
    for tag in tags:
        item = nspi.DWORD()
        item["Data"] = tag
        request["pPropTags"]["aulPropTag"].append(item)
    request["pPropTags"]["cValues"] = len(tags)
    request.fields["pPropTags"].fields["Data"].fields["aulPropTag"].fields["MaximumCount"] = len(tags) + 1
    dce.call(request.opnum, request)
    answer = GetPropsResponse(dce.recv())
    assert answer["ErrorCode"] == 0, hex(answer["ErrorCode"])
    return nspi.simplifyPropertyRow(answer["ppRows"])


def address_book(lab, **how):
    """A bound session of the address book: the association and its handle."""
    dce = lab.connect(nspi.MSRPC_UUID_NSPI, "ex1.contoso.test", 6004, **how)
    return dce, nspi.hNspiBind(dce)["contextHandle"]


def rows(answer):
    """The rows of an answer as dictionaries."""
    return nspi.simplifyPropertyRowSet(answer["ppRows"])


def resolve(dce, handle, *names):
    """What names become: their minimal ids, and the rows of those that are resolved."""
    answer = nspi.hNspiResolveNamesW(dce, handle, pPropTags=[DISPLAY_NAME, SMTP_ADDRESS, LEGACY_DN], paStr=list(names))
    return [id["Data"] for id in answer["ppMIds"]["aulPropTag"]], rows(answer)


# ---- the address book ----


def test_address_book_binds_and_unbinds(lab):
    dce, handle = address_book(lab)
    assert not handle.isNull()
    assert nspi.hNspiUnbind(dce, handle)["ErrorCode"] == 1
    try:
        resolve(dce, handle, "svc")
    except DCERPCException as error:
        assert "context" in str(error).lower(), error
    else:
        raise AssertionError("a closed handle still works")


def test_hierarchy_has_the_global_address_list(lab):
    dce, handle = address_book(lab)
    tables = rows(nspi.hNspiGetSpecialTable(dce, handle))
    assert tables[0][0x3001001F] == "Global Address List", tables
    assert tables[0][0xFFFD0003] == 0 and tables[0][0x30050003] == 0


def test_names_resolve(lab):
    dce, handle = address_book(lab)
    ids, found = resolve(dce, handle, "svc@contoso.test", "nobody-there", "smtp:other@contoso.test", "disabled")
    assert ids == [2, 0, 2, 2], ids
    assert found[0][DISPLAY_NAME] == "Service Account"
    assert found[0][SMTP_ADDRESS] == "svc@contoso.test"
    assert found[0][LEGACY_DN].endswith("-svc")
    assert found[1][SMTP_ADDRESS] == "other@contoso.test"


def test_hidden_accounts_do_not_resolve(lab):
    dce, handle = address_book(lab)
    ids, found = resolve(dce, handle, "hidden@contoso.test")
    assert ids == [0] and not found


def test_names_can_be_ambiguous(lab):
    dce, handle = address_book(lab)
    ids, found = resolve(dce, handle, "O")
    assert ids == [1] and not found, ids


def test_legacy_dn_gives_properties(lab):
    dce, handle = address_book(lab)
    _ids, found = resolve(dce, handle, "svc@contoso.test")
    answer = nspi.hNspiDNToMId(dce, handle, pNames=[found[0][LEGACY_DN], "/o=nobody"])
    ids = [id["Data"] for id in answer["ppOutMIds"]["aulPropTag"]]
    assert ids[0] >= 16 and ids[1] == 0, ids
    row = get_props(dce, handle, ids[0], DISPLAY_NAME, 0x0FFF0102, 0x800F101F)
    assert row[DISPLAY_NAME] == "Service Account"
    assert isinstance(row[0x0FFF0102], nspi.PermanentEntryID)
    assert "SMTP:svc@contoso.test" in row[0x800F101F], row


def test_address_list_is_read(lab):
    dce, handle = address_book(lab)
    names = [row[DISPLAY_NAME] for row in rows(nspi.hNspiQueryRows(dce, handle, pPropTags=[DISPLAY_NAME]))]
    assert "Service Account" in names and "Hidden From Address Lists" not in names, names


def test_every_authentication_level_works(lab):
    levels = (
        RPC_C_AUTHN_LEVEL_NONE,
        RPC_C_AUTHN_LEVEL_CONNECT,
        RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
        RPC_C_AUTHN_LEVEL_PKT_PRIVACY,
    )
    for level in levels:
        dce, handle = address_book(lab, level=level)
        assert resolve(dce, handle, "svc@contoso.test")[0] == [2], level


def test_basic_works_over_http(lab):
    dce, handle = address_book(lab, scheme=AUTH_BASIC)
    assert resolve(dce, handle, "svc@contoso.test")[0] == [2]


# ---- the proxy ----


def refused(lab, server, port, words):
    """The proxy refuses this server and port, with these words in its answer."""
    try:
        lab.connect(nspi.MSRPC_UUID_NSPI, server, port)
    except DCERPCException as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"{server}:{port} exists")


def test_unknown_server_and_port_are_refused(lab):
    refused(lab, "ex9.contoso.test", 6001, "404")
    refused(lab, "00000000-0000-4000-8000-000000000000@contoso.test", 6001, "404")
    refused(lab, "ex1", 593, "0x6ba")


def test_fragments_both_ways(lab):
    dce, handle = address_book(lab, level=RPC_C_AUTHN_LEVEL_PKT_PRIVACY)
    dce.set_max_fragment_size(256)
    ids, found = resolve(dce, handle, *["svc@contoso.test"] * 60)
    assert ids == [2] * 60 and len(found) == 60


# ---- the referral ----


def test_referral(lab):
    dce = lab.connect(oxabref.MSRPC_UUID_OXABREF, "ex1.contoso.test", 6002)
    book, handle = address_book(lab)
    dn = resolve(book, handle, "svc@contoso.test")[1][0][LEGACY_DN]
    server = oxabref.hRfrGetNewDSA(dce, dn)["ppszServer"]
    assert server.endswith("@contoso.test") and len(server) == 36 + len("@contoso.test"), server
    assert not nspi.hNspiBind(lab.connect(nspi.MSRPC_UUID_NSPI, server, 6004))["contextHandle"].isNull()
    root = dn[: dn.index("/cn=Recipients")]
    name = oxabref.hRfrGetFQDNFromServerDN(dce, f"{root}/cn=Configuration/cn=Servers/cn=EX1")["ppszServerFQDN"]
    assert name == "ex1.contoso.test", name


# ---- the store: impacket has no EMSMDB; the calls are described here from [MS-OXCRPC] 3.1.4, the ROPs made by hand ----

EMSMDB = uuidtup_to_bin(("A4F1DB00-CA47-1067-B31F-00DD010662DA", "0.81"))


class ByteArray(NDRUniConformantArray):
    item = "c"


class VaryingByteArray(NDRUniConformantVaryingArray):
    item = "c"


class StringPointer(NDRPOINTER):
    referent = (("Data", STR),)


class EcDoConnectEx(NDRCALL):
    opnum = 10
    structure = (
        ("szUserDN", STR),
        ("ulFlags", ULONG),
        ("ulConMod", ULONG),
        ("cbLimit", ULONG),
        ("ulCpid", ULONG),
        ("ulLcidString", ULONG),
        ("ulLcidSort", ULONG),
        ("ulIcxrLink", ULONG),
        ("usFCanConvertCodePages", USHORT),
        ("version0", USHORT),
        ("version1", USHORT),
        ("version2", USHORT),
        ("pulTimeStamp", ULONG),
        ("rgbAuxIn", ByteArray),
        ("cbAuxIn", ULONG),
        ("pcbAuxOut", ULONG),
    )


class EcDoConnectExResponse(NDRCALL):
    structure = (
        ("pcxh", nspi.handle_t),
        ("pcmsPollsMax", ULONG),
        ("pcRetry", ULONG),
        ("pcmsRetryDelay", ULONG),
        ("picxr", USHORT),
        ("szDNPrefix", StringPointer),
        ("szDisplayName", StringPointer),
        ("server0", USHORT),
        ("server1", USHORT),
        ("server2", USHORT),
        ("best0", USHORT),
        ("best1", USHORT),
        ("best2", USHORT),
        ("pulTimeStamp", ULONG),
        ("rgbAuxOut", VaryingByteArray),
        ("pcbAuxOut", ULONG),
        ("ErrorCode", ULONG),
    )


class EcDoRpcExt2(NDRCALL):
    opnum = 11
    structure = (
        ("pcxh", nspi.handle_t),
        ("pulFlags", ULONG),
        ("rgbIn", ByteArray),
        ("cbIn", ULONG),
        ("pcbOut", ULONG),
        ("rgbAuxIn", ByteArray),
        ("cbAuxIn", ULONG),
        ("pcbAuxOut", ULONG),
    )


class EcDoRpcExt2Response(NDRCALL):
    structure = (
        ("pcxh", nspi.handle_t),
        ("pulFlags", ULONG),
        ("rgbOut", VaryingByteArray),
        ("pcbOut", ULONG),
        ("rgbAuxOut", VaryingByteArray),
        ("pcbAuxOut", ULONG),
        ("pulTransTime", ULONG),
        ("ErrorCode", ULONG),
    )


class EcDoDisconnect(NDRCALL):
    opnum = 1
    structure = (("pcxh", nspi.handle_t),)


class EcDoDisconnectResponse(NDRCALL):
    structure = (("pcxh", nspi.handle_t), ("ErrorCode", ULONG))


class EcDummyRpc(NDRCALL):
    opnum = 6
    structure = ()


class Refused(Exception):
    """A call or an operation that returned an error: the code, and what a logon has behind it."""


def expect(refusal, function, *arguments):
    """It is refused with this code."""
    try:
        function(*arguments)
    except Refused as error:
        assert error.args[0] == refusal, hex(error.args[0])
    else:
        raise AssertionError(f"{function.__name__} is not refused")


class Store:
    """A session of the store as svc, and the operations of it."""

    def __init__(self, lab, user, dn=None, **how):
        self.connect_over(lab.connect(EMSMDB, "ex1.contoso.test", 6001, **how), legacy_dns(lab), user, dn)

    def connect_over(self, dce, dns, user, dn=None):
        """EcDoConnectEx over an association."""
        self.dce, self.dns = dce, dns
        request = EcDoConnectEx()
        request["szUserDN"] = (dn or self.dns[user]) + "\0"
        request["ulCpid"], request["ulLcidString"], request["ulLcidSort"] = 1252, 1033, 1033
        request["ulIcxrLink"] = 0xFFFFFFFF
        request["usFCanConvertCodePages"] = 1
        request["version0"], request["version1"], request["version2"] = 0x0F00, 0x8000 | 4000, 1000
        request["rgbAuxIn"], request["cbAuxIn"], request["pcbAuxOut"] = b"", 0, 0x1008
        self.dce.call(request.opnum, request)
        self.connected = EcDoConnectExResponse(self.dce.recv())
        if self.connected["ErrorCode"]:
            raise Refused(self.connected["ErrorCode"])
        self.handle = self.connected["pcxh"]

    def rops(self, operations, handles):
        """Run these; what they answered, and the handles after it."""
        payload = struct.pack("<H", len(operations) + 2) + operations + struct.pack(f"<{len(handles)}L", *handles)
        buffer = struct.pack("<HHHH", 0, 4, len(payload), len(payload)) + payload
        request = EcDoRpcExt2()
        request["pcxh"], request["pulFlags"], request["pcbOut"] = self.handle, 3, 0x18008
        request["rgbIn"], request["cbIn"] = buffer, len(buffer)
        request["rgbAuxIn"], request["cbAuxIn"], request["pcbAuxOut"] = b"", 0, 0x1008
        self.dce.call(request.opnum, request)
        answer = EcDoRpcExt2Response(self.dce.recv())
        if answer["ErrorCode"]:
            raise Refused(answer["ErrorCode"])
        output = b"".join(answer["rgbOut"])
        _version, flags, size, actual, length = struct.unpack_from("<HHHHH", output)
        assert flags == 4 and size == actual == len(output) - 8, output.hex()
        table = output[8 + length :]
        return output[10 : 8 + length], list(struct.unpack(f"<{len(table) // 4}L", table))

    def logon(self, user, dn=None):
        """The logon's handle, its folder ids and the rest of its answer; `user` None: public folders."""
        dn = (dn or self.dns[user]).encode() + b"\0" if user or dn else b""
        operation = struct.pack("<BBBBLLH", 0xFE, 0, 0, 1 if dn else 0, 0x0100040C, 0, len(dn)) + dn
        answer, handles = self.rops(operation, [0xFFFFFFFF])
        identity, index, code = struct.unpack_from("<BBL", answer)
        assert (identity, index) == (0xFE, 0)
        if code:
            raise Refused(code, answer[6:])
        return handles[0], struct.unpack_from("<13Q", answer, 7), answer[6:7] + answer[111:]

    def open(self, logon, folder):
        """Open a folder: its handle."""
        answer, handles = self.rops(struct.pack("<BBBBQB", 2, 0, 0, 1, folder, 0), [logon, 0xFFFFFFFF])
        code = struct.unpack_from("<L", answer, 2)[0]
        if code:
            raise Refused(code)
        assert answer[:2] == b"\2\1" and len(answer) == 8, answer.hex()
        return handles[1]

    def properties(self, handle, *tags):
        """The bytes of a row of these properties, with its flag."""
        operation = struct.pack(f"<BBBHHH{len(tags)}L", 7, 0, 0, 0, 1, len(tags), *tags)
        answer, _handles = self.rops(operation, [handle])
        assert answer[:6] == b"\7\0\0\0\0\0", answer.hex()
        return answer[6:]

    def count(self, logon, folder):
        """How many items a folder has."""
        row = self.properties(self.open(logon, folder), 0x36020003)
        assert row[0] == 0
        return struct.unpack_from("<L", row, 1)[0]

    def children(self, logon, folder, flags=0):
        """The folders below a folder: names, ids, counts."""
        tags = (0x3001001F, 0x67480014, 0x36020003)
        operations = struct.pack("<BBBBB", 4, 0, 0, 1, flags)
        operations += struct.pack("<BBBBH3L", 0x12, 0, 1, 0, 3, *tags)
        operations += struct.pack("<BBBBBH", 0x15, 0, 1, 0, 1, 100)
        operations += struct.pack("<BBB", 1, 0, 1)
        answer, handles = self.rops(operations, [self.open(logon, folder), 0xFFFFFFFF])
        total = struct.unpack_from("<L", answer, 6)[0]
        assert answer[:6] == b"\4\1\0\0\0\0" and answer[10:17] == b"\x12\1\0\0\0\0\0", answer.hex()
        assert answer[17:24] == b"\x15\1\0\0\0\0\2" and handles[1] == 0xFFFFFFFF, answer.hex()
        found, at = {}, 26
        for _ in range(struct.unpack_from("<H", answer, 24)[0]):
            end = at + 1
            while answer[end : end + 2] != b"\0\0":
                end += 2
            name = answer[at + 1 : end].decode("utf-16le")
            found[name] = struct.unpack_from("<QL", answer, end + 2)
            at = end + 14
        assert at == len(answer) and len(found) == total, answer.hex()
        return found


def legacy_dns(lab):
    """The legacy DNs by account."""
    dce, handle = address_book(lab)
    names = ("svc", "other", "disabled", "publicfolders")
    _ids, found = resolve(dce, handle, *[f"{name}@contoso.test" for name in names])
    return {name: row[LEGACY_DN] for name, row in zip(names, found)}


def test_store_connects(lab):
    store = Store(lab, "svc")
    assert store.connected["szDisplayName"] == "Service Account\0"
    assert store.dns["svc"].startswith(store.connected["szDNPrefix"][:-1])
    assert store.connected["server0"] == 0x0F02 and store.connected["server1"] & 0x8000
    assert store.connected["pcmsPollsMax"] == 60000
    store.dce.call(EcDummyRpc.opnum, EcDummyRpc())
    assert store.dce.recv() == b"\0\0\0\0"
    request = EcDoDisconnect()
    request["pcxh"] = store.handle
    store.dce.call(request.opnum, request)
    assert EcDoDisconnectResponse(store.dce.recv())["pcxh"].isNull()


def test_store_refuses_to_connect_as_a_stranger(lab):
    dns = legacy_dns(lab)
    expect(0x80070005, Store, lab, "disabled")
    expect(0x3EB, Store, lab, None, dns["svc"] + "x")


def test_own_mailbox_opens(lab):
    for level in (RPC_C_AUTHN_LEVEL_NONE, RPC_C_AUTHN_LEVEL_PKT_PRIVACY):
        store = Store(lab, "svc", level=level)
        logon, folders, rest = store.logon("svc")
        assert rest[0] == 1 and rest[1] & 7 == 7 and len(rest) == 2 + 16 + 2 + 16 + 8 + 8 + 4
        assert store.count(logon, folders[4]) == 2  # the Inbox
        names = store.children(logon, folders[3])
        assert names["Inbox"] == (folders[4], 2) and names["Contacts"][1] == 3 and names["Calendar"][1] == 1, names
        assert store.children(logon, folders[10])["Voice Mail"][1] == 1
        assert "Customers" in store.children(logon, folders[3], flags=4)
        assert "Customers" not in names


def test_special_folders_are_where_the_inbox_says(lab):
    store = Store(lab, "svc")
    logon, folders, _rest = store.logon("svc")
    row = store.properties(store.open(logon, folders[4]), 0x36D10102, 0x36D00102)
    assert row[0] == 0 and struct.unpack_from("<H", row, 1)[0] == 46, row.hex()
    long_term_id = row[3 + 22 : 3 + 46]
    answer, _handles = store.rops(struct.pack("<BBB", 0x44, 0, 0) + long_term_id, [logon])
    contacts = struct.unpack_from("<Q", answer, 6)[0]
    assert contacts == store.children(logon, folders[3])["Contacts"][0]
    answer, _handles = store.rops(struct.pack("<BBBQ", 0x43, 0, 0, contacts), [logon])
    assert answer[6:] == long_term_id
    answer, _handles = store.rops(struct.pack("<BBB", 0x27, 0, 0) + b"IPM.Note\0", [logon])
    assert struct.unpack_from("<Q", answer, 6)[0] == folders[4]


def test_missing_properties_are_flagged(lab):
    store = Store(lab, "svc")
    logon, folders, _rest = store.logon("svc")
    row = store.properties(store.open(logon, folders[4]), 0x36020003, 0x12345678 & 0xFFFF0000 | 0x1F)
    assert row == b"\1\0" + struct.pack("<L", 2) + b"\x0a" + struct.pack("<L", 0x8004010F), row.hex()


def test_other_mailboxes_and_public_folders(lab):
    store = Store(lab, "svc")
    logon, folders, rest = store.logon("other")
    assert rest[1] & 7 == 3 and store.count(logon, folders[4]) == 2
    expect(0x80070005, store.logon, "disabled")
    expect(0x3EB, store.logon, None, store.dns["svc"] + "x")
    logon, folders, rest = store.logon(None)
    assert rest[0] == 0 and len(rest) == 1 + 2 + 16 + 16
    assert set(store.children(logon, folders[1])) == {"Company Contacts", "Company Calendar"}


def test_malformed_operations_are_refused(lab):
    store = Store(lab, "svc")
    expect(0x4B6, store.rops, b"\x99\0\0", [0xFFFFFFFF])
    expect(0x4B6, store.rops, b"\xfe\0", [0xFFFFFFFF])
    expect(0x4B9, store.open, 77, 1)
    logon, _folders, _rest = store.logon("svc")
    expect(0x8004010F, store.open, logon, 0x123456)


# ---- RPC over TCP ----


def ticket(lab, service):
    """A service ticket for a name like exchangeMDB/ex1.contoso.test, as impacket keeps it. MIT's programs fetch it."""
    place = os.path.join(lab.facts["dir"], "impacket.ccache")
    environment = os.environ | {"KRB5CCNAME": f"FILE:{place}"}
    subprocess.run(["kinit", "svc"], input=lab.password + "\n", env=environment, stdout=subprocess.DEVNULL, text=True, check=True)
    subprocess.run(["kvno", "-q", service], env=environment, check=True)
    found = CCache.loadFile(place).getCredential(f"{service}@{lab.facts['realm']}", anySPN=False)
    return found.toTGS()


def raw_ap_req(*arguments, original=kerberosv5.getKerberosType1, **keywords):
    """impacket's first token as [MS-KILE] 3.4.5.1 has it: a DCE-style AP-REQ has no GSSAPI header, and MIT takes none."""
    cipher, key, blob = original(*arguments, **keywords)
    token = SPNEGO_NegTokenInit(blob)
    token["MechToken"] = token["MechToken"][token["MechToken"].index(b"\x01\x00\x6e") + 2 :]
    return cipher, key, token.getData()


def tcp_connect(lab, interface, level=RPC_C_AUTHN_LEVEL_PKT_PRIVACY, service=None):
    """A bound association where the endpoint mapper says the interface is; with `service` by a ticket for that name."""
    rpc = transport.DCERPCTransportFactory(epm.hept_map("ex1.contoso.test", interface, protocol="ncacn_ip_tcp"))
    rpc.set_credentials("svc", lab.password, DOMAIN)
    dce = rpc.get_dce_rpc()
    dce.set_credentials("svc", lab.password, DOMAIN)
    if service is not None:
        dce.set_credentials("svc", "", "CONTOSO.TEST", TGS=ticket(lab, service))
        dce.set_auth_type(RPC_C_AUTHN_GSS_NEGOTIATE)
        kerberosv5.getKerberosType1 = raw_ap_req
    dce.set_auth_level(level)
    dce.connect()
    dce.bind(interface)
    return dce


def tcp_test_address_book(lab):
    for level in (RPC_C_AUTHN_LEVEL_CONNECT, RPC_C_AUTHN_LEVEL_PKT_INTEGRITY, RPC_C_AUTHN_LEVEL_PKT_PRIVACY):
        dce = tcp_connect(lab, nspi.MSRPC_UUID_NSPI, level)
        handle = nspi.hNspiBind(dce)["contextHandle"]
        assert resolve(dce, handle, "svc@contoso.test")[0] == [2]


def tcp_test_kerberos(lab):
    for host in ("ex1.contoso.test", "EX1", HOST):
        dce = tcp_connect(lab, nspi.MSRPC_UUID_NSPI, service=f"exchangeAB/{host}")
        assert resolve(dce, nspi.hNspiBind(dce)["contextHandle"], "svc@contoso.test")[0] == [2], host
    dce = tcp_connect(lab, oxabref.MSRPC_UUID_OXABREF, service="exchangeRFR/ex1.contoso.test")
    assert oxabref.hRfrGetNewDSA(dce, legacy_dns(lab)["svc"])["ppszServer"]
    store = Store.__new__(Store)
    store.connect_over(tcp_connect(lab, EMSMDB, service="exchangeMDB/ex1.contoso.test"), legacy_dns(lab), "svc")
    logon, folders, _rest = store.logon("svc")
    assert store.count(logon, folders[4]) == 2


def tcp_test_logon_is_needed(lab):
    dce = tcp_connect(lab, nspi.MSRPC_UUID_NSPI, RPC_C_AUTHN_LEVEL_NONE)
    try:
        nspi.hNspiBind(dce)
    except nspi.DCERPCSessionError as error:
        assert error.error_code == 0x80040111, error
    else:
        raise AssertionError("NspiBind works for nobody")


def tcp_test_wrong_password(lab):
    wrong = Lab(sys.argv[1])
    wrong.password += "x"
    dce = tcp_connect(wrong, nspi.MSRPC_UUID_NSPI)
    try:
        nspi.hNspiBind(dce)
    except DCERPCException as error:
        assert "access_denied" in str(error), error
    else:
        raise AssertionError("a wrong password works")


def tcp_test_store(lab):
    store = Store.__new__(Store)
    store.connect_over(tcp_connect(lab, EMSMDB), legacy_dns(lab), "svc")
    logon, folders, _rest = store.logon("svc")
    assert store.count(logon, folders[4]) == 2
    dce = tcp_connect(lab, oxabref.MSRPC_UUID_OXABREF)
    assert oxabref.hRfrGetNewDSA(dce, store.dns["svc"])["ppszServer"].endswith("@contoso.test")


def run(lab, tests):
    """Run these, or those of them that are named on the command line; the exit code."""
    warnings.filterwarnings("ignore")
    passed = failed = 0
    for test in tests:
        if sys.argv[2:] and test.__name__ not in sys.argv[2:]:
            continue
        try:
            test(lab)
            passed += 1
        except Exception:  # a client's library may raise anything
            failed += 1
            print(f"{test.__name__}: FAILED")
            traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


def main():
    lab = Lab(sys.argv[1])
    kinds = ["test_"] + (["tcp_test_"] if "rpc-tcp" in lab.facts["faults"] else [])
    return run(lab, [value for name, value in globals().items() if name.startswith(tuple(kinds))])


if __name__ == "__main__":
    sys.exit(main())

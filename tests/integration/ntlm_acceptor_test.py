#!/usr/bin/python3
"""Judges our NTLM client by two implementations that are not ours: gss-ntlmssp and impacket.

usage: ntlm_acceptor_test.py PROGRAM     (ntlm_acceptor_test, built from the C file beside this one)

A judge that is not installed is skipped, and said so. The last line is "N passed, N failed".
"""
import glob
import os
import struct
import subprocess
import sys
import tempfile

try:
    from Cryptodome.Cipher import ARC4
    from impacket import ntlm
except ImportError:
    ntlm = None

passed = failed = 0


def check(ok, what):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
    print(f"{'ok' if ok else 'not ok'} - {what}")


def judge_gss(program):
    if not glob.glob("/usr/lib/*/gssntlmssp/gssntlmssp.so") + glob.glob("/etc/gss/mech.d/*ntlm*"):
        print("# gss-ntlmssp is not installed: skipped")
        return
    with tempfile.TemporaryDirectory() as folder:
        users = os.path.join(folder, "users")
        with open(users, "w", encoding="utf-8") as file:
            file.write("CONTOSO:svc:Passw0rdä\n")
        # The plug-in leaks a library context for each it accepts: no leak check of this program.
        environment = dict(os.environ, NTLM_USER_FILE=users, KRB5_CONFIG="/dev/null",
                           KRB5_KTNAME=os.path.join(folder, "none"),
                           ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")
        result = subprocess.run([program], env=environment, capture_output=True, text=True,
                                timeout=60)
    lines = result.stdout.splitlines()
    for line in lines:
        verdict, _, what = line.partition(" - ")
        if verdict in ("ok", "not ok"):
            check(verdict == "ok", what)
        else:
            print(line)
    check(result.returncode == 0 and lines, f"gss-ntlmssp: the program ended well {result.stderr}")


def utf16(text):
    return text.encode("utf-16-le")


def make_challenge(nonce, timestamp):
    """A Type 2 as impacket's structures write it."""
    pairs = ntlm.AV_PAIRS()
    pairs[ntlm.NTLMSSP_AV_DOMAINNAME] = utf16("CONTOSO")
    pairs[ntlm.NTLMSSP_AV_HOSTNAME] = utf16("EX1")
    pairs[ntlm.NTLMSSP_AV_DNS_DOMAINNAME] = utf16("contoso.test")
    pairs[ntlm.NTLMSSP_AV_DNS_HOSTNAME] = utf16("ex1.contoso.test")
    if timestamp:
        pairs[ntlm.NTLMSSP_AV_TIME] = struct.pack("<Q", 133444736000000000)
    message = ntlm.NTLMAuthChallenge()
    message["flags"] = 0xE28A8235
    message["domain_len"] = message["domain_max_len"] = len(utf16("CONTOSO"))
    message["domain_offset"] = 56
    message["challenge"] = nonce
    message["TargetInfoFields_len"] = message["TargetInfoFields_max_len"] = len(pairs)
    message["TargetInfoFields_offset"] = 56 + len(utf16("CONTOSO"))
    message["Version"] = b"\x0a\x00\x63\x45\x00\x00\x00\x0f"
    message["VersionLen"] = 8
    message["domain_name"] = utf16("CONTOSO")
    message["TargetInfoFields"] = pairs
    return message.getData()


def judge_answer(program, what, user, domain, password, bindings, target, timestamp, seal):
    nonce = os.urandom(8)
    challenge = make_challenge(nonce, timestamp)
    lines = subprocess.run(
        [program, "answer", challenge.hex(), user, domain, password,
         bindings.hex() if bindings else "-", target or "-", "seal" if seal else "plain"],
        capture_output=True, text=True, timeout=60, check=True).stdout.split()
    type1, type3, key, text, sealed, signature = (bytes.fromhex(line) for line in lines)

    negotiate = ntlm.NTLMAuthNegotiate()
    negotiate.fromString(type1)
    check(bool(negotiate["flags"] & ntlm.NTLMSSP_NEGOTIATE_SEAL) == seal, f"{what}: Type 1 is read")
    message = ntlm.NTLMAuthChallengeResponse()
    message.fromString(type3)
    flags = message["flags"]
    check(message["user_name"] == utf16(user) and message["domain_name"] == utf16(domain),
          f"{what}: names")
    check(message["lanman"] == bytes(24), f"{what}: no LM response")

    owf = ntlm.NTOWFv2(user, password, domain)
    proof, temp = message["ntlm"][:16], message["ntlm"][16:]
    check(ntlm.hmac_md5(owf, nonce + temp) == proof, f"{what}: NTProofStr")
    base = ntlm.hmac_md5(owf, proof)
    exchange = ntlm.KXKEY(flags, base, message["lanman"], nonce, password, "", "", True)
    check(bool(flags & ntlm.NTLMSSP_NEGOTIATE_KEY_EXCH) == seal, f"{what}: key exchange")
    exported = exchange
    if seal:
        exported = ntlm.generateEncryptedSessionKey(exchange, message["session_key"])
    check(exported == key, f"{what}: session key")
    blank = type3[:72] + bytes(16) + type3[88:]
    check(ntlm.hmac_md5(exported, type1 + challenge + blank) == type3[72:88], f"{what}: MIC")

    pairs = ntlm.AV_PAIRS(temp[28:])
    check(pairs[ntlm.NTLMSSP_AV_FLAGS][1] == struct.pack("<I", 2), f"{what}: MsvAvFlags")
    sent = pairs[ntlm.NTLMSSP_AV_CHANNEL_BINDINGS]
    check(sent is None if not bindings else sent[1] == bindings, f"{what}: channel bindings")
    sent = pairs[ntlm.NTLMSSP_AV_TARGET_NAME]
    check(sent is None if not target else sent[1] == utf16(target), f"{what}: target name")
    if timestamp:
        check(temp[8:16] == pairs[ntlm.NTLMSSP_AV_TIME][1], f"{what}: the server's time")

    if not seal:
        return
    sign_key = ntlm.SIGNKEY(flags, exported)
    handle = ARC4.new(ntlm.SEALKEY(flags, exported)).encrypt
    mine, mac = ntlm.SEAL(flags, sign_key, None, text, text, 0, handle)
    check(mine == sealed and mac.getData() == signature, f"{what}: sealing")


def judge_impacket(program):
    if ntlm is None:
        print("# python3-impacket is not installed: skipped")
        return
    bindings = bytes(range(16))
    for what, *case in (
            ("impacket: plain", "svc", "CONTOSO", "Passw0rd", None, None, True, True),
            ("impacket: UPN", "svc@contoso.test", "", "Passw0rdä", None, None, True, False),
            ("impacket: bindings", "müller", "CONTOSO", "x", bindings, "HTTP/mail.contoso.test",
             True, True),
            ("impacket: bindings, plain", "svc", "CONTOSO", "x", bindings,
             "HTTP/mail.contoso.test", True, False),
            ("impacket: no time", "svc", "CONTOSO", "", bindings, None, False, True)):
        judge_answer(program, what, *case)


def main():
    program = os.path.abspath(sys.argv[1])
    judge_gss(program)
    judge_impacket(program)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())

"""The server's side of NTLM, by hand: challenges, good and broken, and the check of a proof. [MS-NLMP]"""

import base64
import hmac
import os
import struct
import time

FLAGS = 0xE28A8215  # Unicode, NTLM, always sign, extended security, target info, version, 128, key exchange, 56
SIGNATURE = b"NTLMSSP\0"


def md4(data):
    """RFC 1320; hashlib has it only with OpenSSL's legacy provider."""
    mask = 0xFFFFFFFF

    def rotate(value, count):
        value &= mask
        return (value << count | value >> (32 - count)) & mask

    rounds = (
        (lambda x, y, z: (x & y) | (~x & z), 0, (3, 7, 11, 19), list(range(16))),
        (lambda x, y, z: (x & y) | (x & z) | (y & z), 0x5A827999, (3, 5, 9, 13),
         [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15]),
        (lambda x, y, z: x ^ y ^ z, 0x6ED9EBA1, (3, 9, 11, 15),
         [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15]),
    )
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    padded = data + b"\x80" + b"\0" * ((55 - len(data)) % 64) + struct.pack("<Q", 8 * len(data))
    for at in range(0, len(padded), 64):
        words = struct.unpack_from("<16I", padded, at)
        a, b, c, d = state
        for mix, constant, shifts, order in rounds:
            for step, index in enumerate(order):
                a, b, c, d = d, rotate(a + mix(b, c, d) + words[index] + constant, shifts[step % 4]), b, c
        state = [(x + y) & mask for x, y in zip(state, (a, b, c, d))]
    return struct.pack("<4I", *state)


def nt_hash(password):
    return md4(password.encode("utf-16-le"))


def _av(number, value):
    return struct.pack("<HH", number, len(value)) + value


def challenge(nonce=b"\x01\x23\x45\x67\x89\xab\xcd\xef"):
    """Type 2 ([MS-NLMP] 2.2.1.2)."""
    names = {2: "CONTOSO", 1: "EX1", 4: "contoso.test", 3: "ex1.contoso.test", 5: "contoso.test"}
    filetime = int((time.time() + 11644473600) * 10**7)
    info = b"".join(_av(number, text.encode("utf-16-le")) for number, text in names.items())
    info += _av(7, struct.pack("<Q", filetime)) + _av(0, b"")
    target = "CONTOSO".encode("utf-16-le")
    head = SIGNATURE + struct.pack("<IHHII", 2, len(target), len(target), 56, FLAGS) + nonce + b"\0" * 8
    head += struct.pack("<HHI", len(info), len(info), 56 + len(target)) + b"\x0a\0\x7c\x4f\0\0\0\x0f"
    return head + target + info


def _field(token, at):
    length, _, offset = struct.unpack_from("<HHI", token, at)
    return token[offset:offset + length]


def kind(header):
    """What an Authorization value is: "type1", "NTLM", "Kerberos", "Basic", "Bearer" …"""
    scheme, _, value = header.partition(" ")
    if scheme.lower() not in ("ntlm", "negotiate"):
        return scheme
    try:
        token = base64.b64decode(value)
    except ValueError:
        return scheme + "?"
    if token.startswith(SIGNATURE) and len(token) >= 12:
        return "type1" if token[8] == 1 else "NTLM"
    return "Kerberos"


def proves(token, password, nonce=b"\x01\x23\x45\x67\x89\xab\xcd\xef"):
    """Type 3 was made with this password (3.3.2)."""
    answer = _field(token, 20)
    domain, user = (_field(token, at).decode("utf-16-le") for at in (28, 36))
    key = hmac.digest(nt_hash(password), (user.upper() + domain).encode("utf-16-le"), "md5")
    return hmac.compare_digest(hmac.digest(key, nonce + answer[16:], "md5"), answer[:16])


def new_canary():
    """A password that appears nowhere by chance; with bytes that encodings change."""
    return "C4nary%:" + os.urandom(9).hex()

"""Certificates, good and bad, made at start by one private authority; and servers' TLS contexts of them."""

import datetime
import os
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def _now():
    return datetime.datetime.utcnow().replace(microsecond=0)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) if isinstance(text, str) else text


class Authority:
    """A certificate that signs others."""

    def __init__(self, directory, name="Hostile Test CA", issuer=None):
        self.directory, self.key = directory, ec.generate_private_key(ec.SECP256R1())
        self.subject, self.issued = _name(name), 0
        self.certificate = self._sign(issuer or self, x509.CertificateBuilder().subject_name(self.subject)
                                      .public_key(self.key.public_key())
                                      .not_valid_before(_now() - 9 * DAY).not_valid_after(_now() + 900 * DAY)
                                      .add_extension(x509.BasicConstraints(True, None), True))

    @staticmethod
    def _sign(issuer, builder):
        builder = builder.serial_number(x509.random_serial_number()).issuer_name(issuer.subject)
        return builder.sign(issuer.key, hashes.SHA256())

    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, hosts, days=(-1, 90), usage=ExtendedKeyUsageOID.SERVER_AUTH, subject=None, self_signed=False,
              aia=None):
        """PEM of a certificate and its key in one file; returns the path."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = x509.CertificateBuilder().subject_name(_name(subject or hosts[0])).public_key(key.public_key())
        builder = builder.not_valid_before(_now() + days[0] * DAY).not_valid_after(_now() + days[1] * DAY)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        if aia:
            access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS,
                                            x509.UniformResourceIdentifier(aia))
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), False)
        issuer = self
        if self_signed:
            issuer = type("Self", (), {"key": key, "subject": _name(subject or hosts[0])})
        certificate = self._sign(issuer, builder)
        path = os.path.join(self.directory, f"{id(self):x}.{self.issued}.pem")
        self.issued += 1
        with open(path, "wb") as file:
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
            file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))
        return path


def context(path, least=None, most=None, ciphers=None, client=None):
    """A server's context; client: a CA file whose certificates it demands."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if ciphers:
        made.set_ciphers(ciphers)
    if least:
        made.minimum_version = least
    if most:
        made.maximum_version = most
    made.load_cert_chain(path)
    if client:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(client)
    return made

"""The lab's certification authority."""

import datetime
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

YEAR = datetime.timedelta(days=365)
DAY = datetime.timedelta(days=1)


class Issued:
    """A certificate with its key, and the certificate of whoever signed it."""

    def __init__(self, certificate, key, issuer):
        self.certificate = certificate
        self.key = key
        self.issuer = issuer

    def write(self, certificate_path, key_path):
        """Write both as PEM."""
        write(certificate_path, pem(self.certificate))
        write(key_path, key_pem(self.key), 0o600)

    def write_issuer(self, path):
        """Write the issuer's certificate as PEM."""
        write(path, pem(self.issuer))


class Authority:
    """A root, or an authority below one, that signs server certificates; the lab's is kept as ca.pem and ca.key."""

    def __init__(self, certificate, key):
        self.certificate = certificate
        self.key = key

    @classmethod
    def create(cls, name="Contoso Lab CA"):
        """A new root for the next 20 years."""
        key = new_key()
        builder = _authority_builder(name, key).issuer_name(common_name(name))
        return cls(builder.sign(key, hashes.SHA256()), key)

    def subordinate(self, name):
        """A new authority below this one."""
        key = new_key()
        builder = self._signed_by_me(_authority_builder(name, key))
        return Authority(builder.sign(self.key, hashes.SHA256()), key)

    @classmethod
    def load(cls, directory):
        """The root that save() left there."""
        with open(os.path.join(directory, "ca.pem"), "rb") as file:
            certificate = x509.load_pem_x509_certificate(file.read())
        return cls(certificate, load_key(os.path.join(directory, "ca.key")))

    def save(self, directory):
        """Write certificate and key."""
        Issued(self.certificate, self.key, self.certificate).write(
            os.path.join(directory, "ca.pem"), os.path.join(directory, "ca.key")
        )

    def issue(self, hosts, key=None, start=None, end=None, usage=ExtendedKeyUsageOID.SERVER_AUTH, issuer_url=None):
        """A server certificate for these names and addresses; every part of it can be made wrong for a fault.

        `issuer_url` is where it says that this authority's own certificate can be fetched.
        """
        key = key or new_key()
        builder = self._signed_by_me(_builder(hosts[0], key, start or now() - DAY, end or now() + 15 * YEAR))
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if issuer_url:
            place = x509.UniformResourceIdentifier(issuer_url)
            access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        return Issued(builder.sign(self.key, hashes.SHA256()), key, self.certificate)

    def _signed_by_me(self, builder):
        key_identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return builder.issuer_name(self.certificate.subject).add_extension(key_identifier, critical=False)


KEY_USAGES = (
    "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
    "key_cert_sign crl_sign encipher_only decipher_only"
).split()


def now():
    """This moment in UTC, without fractions."""
    return datetime.datetime.utcnow().replace(microsecond=0)


def new_key():
    """RSA, as Exchange uses it."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def load_key(path):
    """A private key from a PEM file."""
    with open(path, "rb") as file:
        return serialization.load_pem_private_key(file.read(), password=None)


def common_name(text):
    """A subject of one common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem(certificate):
    """A certificate's text."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key):
    """A private key's text."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write(path, data, mode=0o644):
    """Write a file that has its mode from the beginning."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _authority_builder(name, key):
    builder = _builder(name, key, now() - DAY, now() + 20 * YEAR)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    usage = dict.fromkeys(KEY_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
    return builder.add_extension(x509.KeyUsage(**usage), critical=True)


def _builder(subject, key, start, end):
    builder = x509.CertificateBuilder().subject_name(common_name(subject)).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _general_name(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)

"""A mail server for tests, with aiosmtpd: `mailbox.py none|starttls|tls CA.pem`.

Writes the certificate to trust into CA.pem, then a line with its port, then each mail that it takes as a line of
JSON, read by Python's own parser. With TLS it takes mail only from lab, whose password is "a b". There is no
mailbox nobody@, and the first mail to later@ is put off.
"""

import datetime
import email
import email.policy
import ipaddress
import json
import socket
import ssl
import sys
import tempfile

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(name, issuer=None):
    """A key and its certificate: an authority's without an issuer, else one for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer_name, issuer_key = (issuer[1].subject, issuer[0]) if issuer else (subject(name), key)
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject(name))
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return key, made.sign(issuer_key, hashes.SHA256())


def subject(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def context(ca_path):
    ca = certificate("Test authority")
    key, own = certificate("mailbox", ca)
    with open(ca_path, "wb") as file:
        file.write(pem(ca[1]))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        plain = serialization.NoEncryption()
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain) + pem(own))
        file.flush()
        made.load_cert_chain(file.name)
    return made


class Mailbox:
    put_off = False

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later@") and not self.put_off:
            self.put_off = True
            return "450 4.2.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        say(
            {
                "ehlo": session.host_name,
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "headers": [[name, str(value)] for name, value in mail.items()],
                "body": mail.get_content(),
                "defects": [repr(defect) for defect in mail.defects],
            }
        )
        return "250 OK"


def say(value):
    print(json.dumps(value), flush=True)


def admit(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"lab", b"a b"))


def main(mode, ca_path):
    settings = {}
    if mode == "starttls":
        settings = {"tls_context": context(ca_path), "require_starttls": True}
    elif mode == "tls":
        # The server does not see that its stream is secured.
        settings = {"ssl_context": context(ca_path), "auth_require_tls": False}
    if mode != "none":
        settings |= {"authenticator": admit, "auth_required": True}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    Controller(Mailbox(), hostname="127.0.0.1", port=port, **settings).start()
    say({"port": port})
    # Until whoever started it has gone.
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

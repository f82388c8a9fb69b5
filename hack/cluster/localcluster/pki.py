"""Certificates and kubeconfig files of one cluster, made once with openssl and kept with its state."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .processes import run

if TYPE_CHECKING:
    from pathlib import Path

DAYS = "3650"


@dataclass(frozen=True)
class Authority:
    """The one certificate authority of a cluster, in a directory."""

    directory: Path

    @property
    def certificate(self) -> Path:
        """The certificate that everybody trusts."""
        return self.directory / "ca.crt"

    def pair(self, name: str) -> tuple[Path, Path]:
        """The certificate and the key called `name`."""
        return self.directory / f"{name}.crt", self.directory / f"{name}.key"

    def create(self) -> None:
        """Make the authority and the key that signs service-account tokens, unless they are there."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificate, key = self.pair("ca")
        if not certificate.exists():
            self._new_key(key)
            run([
                "openssl", "req", "-x509", "-new", "-key", str(key), "-subj", "/CN=asynctask-local",
                "-days", DAYS, "-out", str(certificate),
            ])  # fmt: skip
        service_accounts = self.pair("service-accounts")[1]
        if not service_accounts.exists():
            run(["openssl", "genrsa", "-out", str(service_accounts), "2048"])

    def issue(self, name: str, subject: str, addresses: tuple[str, ...] = ()) -> tuple[Path, Path]:
        """A certificate for clients and servers, unless it is there; `addresses` are names or IP addresses."""
        certificate, key = self.pair(name)
        if certificate.exists():
            return certificate, key
        self._new_key(key)
        extensions = "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n"
        if addresses:
            entries = (("IP:" if part[0].isdigit() else "DNS:") + part for part in addresses)
            extensions += f"subjectAltName={','.join(entries)}\n"
        extension_file = self.directory / f"{name}.ext"
        extension_file.write_text(extensions)
        request = run(["openssl", "req", "-new", "-key", str(key), "-subj", subject])
        authority_certificate, authority_key = self.pair("ca")
        signed = run(
            [
                "openssl", "x509", "-req", "-CA", str(authority_certificate), "-CAkey", str(authority_key),
                "-CAcreateserial", "-days", DAYS, "-extfile", str(extension_file),
            ],
            stdin=request,
        )  # fmt: skip
        certificate.write_text(signed)
        return certificate, key

    def kubeconfig(self, target: Path, name: str, subject: str, server: str) -> Path:
        """A self-contained kubeconfig file for the client `subject`."""
        certificate, key = self.issue(name, subject)
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": server, "certificate-authority-data": _encoded(self.certificate)}}
            ],
            "users": [
                {
                    "name": name,
                    "user": {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)},
                }
            ],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
        text = json.dumps(document, indent=2) + "\n"
        if not target.exists() or target.read_text() != text:
            target.touch(mode=0o600)
            target.write_text(text)
        return target

    def _new_key(self, key: Path) -> None:
        run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)])
        key.chmod(0o600)


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()

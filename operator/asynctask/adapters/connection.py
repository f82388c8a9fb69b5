"""Where the API server is and how to prove who we are: in the cluster, or from a kubeconfig."""

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import yaml

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_REFRESH_SECONDS = 60


class ConnectionProblem(Exception):
    """No usable way to the API server."""


@dataclass
class Connection:
    """A server and credentials. The token file is read again every minute: projected tokens rotate."""

    server: str
    ssl: ssl.SSLContext | bool
    token_file: Path | None = None
    _token: str | None = None
    _read_at: float = field(default=float("-inf"))

    def headers(self) -> dict[str, str]:
        """The authorization header, if the connection uses a token."""
        if self.token_file and monotonic() - self._read_at > TOKEN_REFRESH_SECONDS:
            self._token, self._read_at = self.token_file.read_text().strip(), monotonic()
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}


def connect() -> Connection:
    """Find the API server: `KUBECONFIG` when set, else the pod's service account, else ~/.kube/config.

    Raises ConnectionProblem with what was looked for.
    """
    if path := os.environ.get("KUBECONFIG"):
        return from_kubeconfig(Path(path))
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if host and (SERVICE_ACCOUNT / "token").exists():
        context = ssl.create_default_context(cafile=str(SERVICE_ACCOUNT / "ca.crt"))
        bracketed = f"[{host}]" if ":" in host else host
        return Connection(f"https://{bracketed}:{port}", context, SERVICE_ACCOUNT / "token")
    home = Path.home() / ".kube" / "config"
    if home.exists():
        return from_kubeconfig(home)
    raise ConnectionProblem("no KUBECONFIG, no service account, no ~/.kube/config: nothing says where the cluster is")


def from_kubeconfig(path: Path) -> Connection:
    """Read the current context of a kubeconfig. Client certificates and tokens are understood, exec plugins are not."""
    try:
        config = yaml.safe_load(path.read_text())
        context = _named(config, "contexts", config["current-context"])["context"]
        cluster = _named(config, "clusters", context["cluster"])["cluster"]
        user = _named(config, "users", context["user"])["user"]
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ConnectionProblem(f"{path}: no usable current context ({error!r})") from error
    connection = Connection(cluster["server"], _ssl_context(cluster, user, path.parent))
    if "token" in user:
        connection._token = user["token"]
    elif "tokenFile" in user:
        connection.token_file = path.parent / user["tokenFile"]
    return connection


def _named(config: dict[str, Any], section: str, name: str) -> dict[str, Any]:
    for item in config[section]:
        if item["name"] == name:
            return dict(item)
    raise KeyError(f"{section}: {name}")


def _ssl_context(cluster: dict[str, Any], user: dict[str, Any], base: Path) -> ssl.SSLContext | bool:
    if cluster["server"].startswith("http://"):
        return False
    context = ssl.create_default_context()
    if ca := _data(cluster, "certificate-authority", base):
        context.load_verify_locations(cadata=ca.decode())
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    certificate, key = _data(user, "client-certificate", base), _data(user, "client-key", base)
    if certificate and key:
        with tempfile.NamedTemporaryFile() as both:  # the ssl module takes client certificates from files only
            both.write(certificate + b"\n" + key)
            both.flush()
            context.load_cert_chain(both.name)
    return context


def _data(section: dict[str, Any], key: str, base: Path) -> bytes | None:
    if encoded := section.get(f"{key}-data"):
        return base64.b64decode(str(encoded))
    if path := section.get(key):
        return (base / str(path)).read_bytes()
    return None

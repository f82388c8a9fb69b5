"""Channels made from their config."""

from dataclasses import dataclass
from pathlib import Path

from asynctask.adapters.notify import config as files
from asynctask.adapters.notify.appriser import Apprise
from asynctask.adapters.notify.base import Sender
from asynctask.adapters.notify.config import (
    AnyChannel,
    AppriseConfig,
    BadConfig,
    Config,
    HttpConfig,
    SmsConfig,
    SmtpConfig,
    WebhookConfig,
)
from asynctask.adapters.notify.http import HttpClient, HttpOptions
from asynctask.adapters.notify.sms import Request, SmsGateway
from asynctask.adapters.notify.smtp import MailServer, Smtp
from asynctask.adapters.notify.webhook import Webhook


@dataclass(frozen=True, slots=True)
class Setup:
    """A file that was read, and its channels."""

    config: Config
    senders: dict[str, Sender]
    stamp: tuple[object, ...]
    """Changes when the file or a secret does."""


def load(path: Path) -> Setup:
    """Read the file and its secrets. Raises BadConfig."""
    config = files.parse(files.read(path))
    senders: dict[str, Sender] = {}
    for index, channel in enumerate(config.channels):
        try:
            senders[channel.name] = make(channel, path.parent)
        except BadConfig as error:
            raise BadConfig(f"channels[{index}]: {error}") from None
        except (OSError, ValueError) as error:  # certificates that are none
            raise BadConfig(f"channels[{index}]: {type(error).__name__}") from None
    return Setup(config, senders, stamp(path, config))


def make(channel: AnyChannel, base: Path) -> Sender:
    """One channel. Paths of secrets are taken from the directory of the config file."""

    def secret(name: str) -> str:
        return files.secret(base, name) if name else ""

    named = "" if isinstance(channel, AppriseConfig) else channel.ca_file
    ca_file = str(base / named) if named else ""
    match channel:
        case SmtpConfig():
            return Smtp(
                MailServer(
                    host=channel.host,
                    port=channel.port,
                    sender=channel.sender,
                    security=channel.security,
                    username=channel.username,
                    password=secret(channel.password_file),
                    ca_file=ca_file,
                    timeout=channel.timeout_seconds,
                )
            )
        case WebhookConfig():
            url = channel.url or secret(channel.url_file)
            return Webhook(_client(channel, ca_file), url, secret(channel.secret_file))
        case SmsConfig():
            request = Request(
                url=channel.url,
                method=channel.method,
                headers=channel.headers,
                body=channel.body,
                content_type=channel.content_type,
                accepted=channel.accepted,
                refused=channel.refused,
            )
            secrets = {name: secret(file) for name, file in channel.secret_files.items()}
            return SmsGateway(_client(channel, ca_file), request, secrets)
        case AppriseConfig():
            return Apprise(secret(channel.url_file), channel.timeout_seconds)


def stamp(path: Path, config: Config) -> tuple[object, ...]:
    """What tells whether the file or one of its secrets has changed since."""
    named: list[str] = []
    for channel in config.channels:
        named += [getattr(channel, field, "") for field in ("password_file", "url_file", "secret_file", "ca_file")]
        named += getattr(channel, "secret_files", {}).values()
    return tuple(_stat(each) for each in (path, *(path.parent / name for name in named if name)))


def _stat(path: Path) -> tuple[object, ...]:
    try:
        found = path.stat()
    except OSError:
        return (str(path), None)
    return str(path), found.st_mtime_ns, found.st_ino, found.st_size


def _client(channel: HttpConfig, ca_file: str) -> HttpClient:
    return HttpClient(
        HttpOptions(
            timeout=channel.timeout_seconds,
            allowed=channel.allowed_networks,
            ca_file=ca_file or None,
            connections=channel.concurrency,
        )
    )

"""The file that names the channels: mounted from a ConfigMap or Secret, read anew when it changes.

Secrets are files beside it, or anywhere: the settings hold their paths. A file that can't be used is told with the path
of each field at fault, and what held before goes on holding.
"""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic.alias_generators import to_camel

from asynctask.adapters.notify import templates
from asynctask.api.notification import CHANNEL, Recipient
from asynctask.core.notifications.people import INBOX, Channel
from asynctask.core.notifications.rules import Language, is_mail

MAX_FILE = 1 << 20
MAX_SECRET = 64 << 10


class BadConfig(Exception):
    """The file can't be used. Its text names fields and what is wrong with them, never their values."""


class Strict(BaseModel):
    """Camel case; an unknown field is a mistake. Values stay out of error messages: some are secrets' neighbours."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


class ChannelConfig(Strict):
    """What all channels have."""

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=f"^{CHANNEL}$")]
    """What rules call it."""
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 30
    """An attempt fails after this time."""
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    """Messages sent at once."""
    max_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 120
    """Most messages a minute through this channel."""

    @field_validator("name")
    @classmethod
    def _no_inbox(cls, name: str) -> str:
        if name == INBOX:
            raise ValueError(f"{INBOX} is the name of everybody's inbox")
        return name


class SmtpConfig(ChannelConfig):
    """Mail."""

    kind: Literal["smtp"]
    host: Annotated[str, Field(min_length=1, max_length=253)]
    """The server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """Its port."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`none` sends passwords and mails in the clear."""
    sender: Annotated[str, Field(min_length=3, max_length=320)]
    """Whom mails come from: `Name <address>`."""
    username: str = ""
    """With a password, for servers that want one."""
    password_file: str = ""
    """The file that holds the password."""
    ca_file: str = ""
    """Certificates to trust, instead of the system's."""
    by_default: bool = True
    """Whether people get mail by it when a rule names no channels."""

    @field_validator("sender")
    @classmethod
    def _address(cls, sender: str) -> str:
        from email.utils import parseaddr

        if not is_mail(parseaddr(sender)[1]) or any(c in sender for c in "\r\n"):
            raise ValueError("not `Name <address>`")
        return sender


class HttpConfig(ChannelConfig):
    """What channels over HTTP have."""

    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that may be asked although they are this machine's, its link's or a cloud's own: `127.0.0.0/8`."""
    ca_file: str = ""
    """Certificates to trust, instead of the system's."""

    @field_validator("allowed_networks", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        return tuple(ip_network(each) for each in value) if isinstance(value, list | tuple) else value


class WebhookConfig(HttpConfig):
    """A program that is told of events by signed POSTs."""

    kind: Literal["webhook"]
    url: str = ""
    """Where to."""
    url_file: str = ""
    """The file that holds it, where the URL is itself a secret."""
    secret_file: str = ""
    """The file that holds the key of signatures: `whsec_` and base64, or any text. Absent: not signed."""

    @model_validator(mode="after")
    def _one_url(self) -> "WebhookConfig":
        if bool(self.url) == bool(self.url_file):
            raise ValueError("give either url or urlFile")
        return self


class SmsConfig(HttpConfig):
    """A gateway that sends SMS. URL, headers and body may hold `{phone}`, `{message}`, `{id}`, `{secret.NAME}`."""

    kind: Literal["sms"]
    method: Literal["GET", "POST", "PUT"] = "POST"
    """Of the request."""
    url: Annotated[str, Field(min_length=8, max_length=2000, pattern=r"^https?://[^/{}?#@]+(/.*|\?.*)?$")]
    """Where to; the host is no template."""
    headers: Annotated[dict[str, str], Field(max_length=20)] = Field(default_factory=dict)
    """Headers."""
    body: Annotated[str, Field(max_length=16_384)] = ""
    """The body."""
    content_type: str = "application/json"
    """Of the body; decides how values in it are escaped."""
    secret_files: Annotated[dict[str, str], Field(max_length=20)] = Field(default_factory=dict)
    """Files that hold the secrets, by name."""
    accepted: str = ""
    """A regular expression that the answer holds when the message was taken; absent: any 2xx will do."""
    refused: str = ""
    """A regular expression that the answer holds when this message will never be taken."""
    by_default: bool = False
    """Whether people get SMS by it when a rule names no channels."""

    @field_validator("accepted", "refused")
    @classmethod
    def _pattern(cls, text: str) -> str:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return text

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_|~-]+", name) or not re.fullmatch(r"[\t -~]*", value):
                raise ValueError("a name or value can't stand in a header")
        return headers

    @model_validator(mode="after")
    def _secrets(self) -> "SmsConfig":
        used = templates.secrets_of(self.url, self.body, *self.headers.values())
        if missing := sorted(used - self.secret_files.keys()):
            raise ValueError(f"secretFiles has no {', '.join(missing)}")
        return self


class AppriseConfig(ChannelConfig):
    """Chat and others through apprise: one URL a channel."""

    kind: Literal["apprise"]
    url_file: Annotated[str, Field(min_length=1)]
    """The file that holds apprise's URL: it has the secrets in it."""
    concurrency: Annotated[int, Field(ge=1, le=8)] = 1
    """Processes at once; each takes 60 MB while it sends."""
    max_per_minute: Annotated[int, Field(ge=1, le=600)] = 20
    """Most messages a minute."""


AnyChannel = Annotated[SmtpConfig | WebhookConfig | SmsConfig | AppriseConfig, Field(discriminator="kind")]


class Config(Strict):
    """The file."""

    channels: Annotated[tuple[AnyChannel, ...], Field(max_length=50)] = ()
    """The ways to people and programs."""
    administrators: Annotated[tuple[Recipient, ...], Field(max_length=50)] = ()
    """Who `administrators` are: `user:NAME`, `mail:ADDRESS`, `sms:NUMBER`, `channel:NAME`."""
    groups: Annotated[dict[str, Annotated[tuple[Recipient, ...], Field(max_length=50)]], Field(max_length=500)] = Field(
        default_factory=dict
    )
    """Who is told of reviews for which an approval names a group: by the group's name, in the same forms."""
    built_in_rules: bool = True
    """Whether initiators, reviewers and administrators are told of what they must know, without any rule written."""
    language: Language = "en"
    """Of recipients who chose none."""
    time_zone: str = "UTC"
    """Of recipients who chose none."""
    web_url: Annotated[str, Field(max_length=1000, pattern=r"^(https?://\S+)?$")] = ""
    """Where the web centre is, for links."""
    mail_domains: tuple[str, ...] | None = None
    """Domains that tasks, rules of one namespace and people's own settings may send mail to; absent: any."""
    max_attempts: Annotated[int, Field(ge=1, le=50)] = 12
    """A message is dead after so many attempts,"""
    max_age_hours: Annotated[float, Field(gt=0, le=168)] = 24
    """or after this time."""
    news_age_hours: Annotated[float, Field(gt=0, le=336)] = 72
    """What happened longer ago, while nothing could be told, is told no more."""
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """How long events and messages are kept; inboxes three times as long."""

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, LookupError):
            raise ValueError("not a time zone of the IANA database") from None
        return name

    @field_validator("administrators")
    @classmethod
    def _people(cls, recipients: tuple[str, ...]) -> tuple[str, ...]:
        if unclear := [each for each in recipients if ":" not in each]:
            raise ValueError(f"{unclear[0]} says of nobody who they are")
        return recipients

    @field_validator("groups")
    @classmethod
    def _members(cls, groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, recipients in groups.items():
            if unclear := [each for each in recipients if ":" not in each]:
                raise ValueError(f"{name}: {unclear[0]} says of nobody who they are")
        return groups

    @model_validator(mode="after")
    def _names(self, info: ValidationInfo) -> "Config":
        names = [channel.name for channel in self.channels]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"channels: {', '.join(twice)}: the name is there twice")
        told = {"administrators": self.administrators, **{f"groups.{name}": to for name, to in self.groups.items()}}
        for field, recipients in told.items():
            for each in recipients:
                kind, _, name = each.partition(":")
                if kind == "channel" and name not in names:
                    raise ValueError(f"{field}: there is no channel {name}")
        return self


def known(channel: AnyChannel) -> Channel:
    """What the rules need to know of it."""
    return Channel(channel.name, channel.kind, getattr(channel, "by_default", False))


def parse(text: str) -> Config:
    """The config of a file's text. Raises BadConfig with each field at fault."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BadConfig(f"not YAML{f' (line {mark.line + 1})' if mark else ''}") from None
    if raw is None:
        return Config()
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        faults = (f"{_path(fault['loc'])}: {fault['msg']}" for fault in error.errors(include_url=False)[:20])
        raise BadConfig("; ".join(faults)) from None


def read(path: Path, limit: int = MAX_FILE) -> str:
    """A file's text. Raises BadConfig, naming the file."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise BadConfig(f"{path}: larger than {limit} bytes")
        return data.decode()
    except OSError as error:
        raise BadConfig(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadConfig(f"{path}: not UTF-8") from None


def secret(base: Path, name: str) -> str:
    """What a secret's file holds, without the line break at its end. Paths are taken from where the config is."""
    path = base / name
    text = read(path, MAX_SECRET).strip()
    if not text:
        raise BadConfig(f"{path}: empty")
    return text


def _path(location: tuple[int | str, ...]) -> str:
    kinds = {"smtp", "webhook", "sms", "apprise"}
    steps = [step for index, step in enumerate(location) if not (step in kinds and index == 2)]
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".") or "file"

"""Channels without their servers: the config file, templates, addresses that may not be asked, signatures."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree as ET

import aiosmtplib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynctask.adapters.notify import config as files
from asynctask.adapters.notify import templates
from asynctask.adapters.notify.channels import load, stamp
from asynctask.adapters.notify.config import BadConfig
from asynctask.adapters.notify.guard import ForbiddenAddress, check_address, check_url
from asynctask.adapters.notify.http import retry_after
from asynctask.adapters.notify.smtp import judged
from asynctask.adapters.notify.webhook import key_of, signature

SMTP = "{name: mail, kind: smtp, host: mail.example.com, sender: AsyncTask <asynctask@example.com>}"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "169.254.169.254", "100.100.100.200", "168.63.129.16", "224.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "fd00:ec2::254",
    ],
)  # fmt: skip
def test_this_machine_its_link_and_clouds_own_addresses_may_not_be_asked(address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        check_address(ip_address(address))


@pytest.mark.parametrize(
    "address", ["10.0.0.7", "192.168.1.20", "172.16.0.1", "93.184.216.34", "fd12::7", "2606:4700::1111"]
)
def test_the_estates_own_networks_and_the_world_may(address: str) -> None:
    check_address(ip_address(address))


def test_a_network_can_be_allowed() -> None:
    check_address(ip_address("127.0.0.1"), (ip_network("127.0.0.0/8"),))
    check_address(ip_address("::ffff:127.0.0.1"), (ip_network("127.0.0.0/8"),))
    with pytest.raises(ForbiddenAddress):
        check_address(ip_address("::1"), (ip_network("127.0.0.0/8"),))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://nas/x",
        "gopher://x",
        "//nas/x",
        "http://",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "nonsense",
        "http://[fe80::1%25eth0]/",
    ],
)
def test_urls_that_may_not_be_asked(url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        check_url(url)


@given(st.text(max_size=200))
def test_a_value_stays_in_its_place(value: str) -> None:
    values = {"message": value, "phone": "+49123", "id": "7", "secret.token": "s"}
    try:
        value.encode()
    except UnicodeEncodeError:
        return
    text = '{"to": "{phone}", "text": "{message}", "nested": {"a": 1}}'
    assert json.loads(templates.fill(text, values, templates.in_json)) == {
        "to": "+49123",
        "text": value,
        "nested": {"a": 1},
    }
    query = templates.fill("https://sms.example.com/send?to={phone}&text={message}", values, templates.in_url)
    assert unquote(query.partition("text=")[2]) == value
    assert query.count("&") == 1
    assert parse_qs(templates.fill("a={message}&b=1", values, templates.in_form), keep_blank_values=True)["b"] == ["1"]
    header = templates.fill("Bearer {message}", values, templates.in_header)
    assert "\r" not in header
    assert "\n" not in header
    try:
        ET.fromstring(templates.fill("<m to='{phone}'>{message}</m>", values, templates.in_xml))
    except ET.ParseError:
        assert any(c in "\ufffe\uffff" or "\ud800" <= c <= "\udfff" for c in value)


def test_placeholders_that_are_none_stay_as_they_are() -> None:
    assert templates.fill("{phone} {else} {secret.}", {"phone": "1"}, str) == "1 {else} {secret.}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("channels: [{name: Mail, kind: smtp, host: h, sender: a@b}]", "channels[0].name"),
        ("channels: [{name: mail, kind: pigeon}]", "channels[0]"),
        ("channels: [{name: mail, kind: smtp, host: h}]", "channels[0].sender"),
        ("channels: [{name: mail, kind: smtp, host: h, sender: nobody}]", "channels[0].sender"),
        ("channels: [{name: mail, kind: smtp, host: h, sender: a@b, pasword: x}]", "channels[0].pasword"),
        (f"channels: [{SMTP}, {SMTP}]", "mail"),
        ("channels: [{name: hook, kind: webhook}]", "url"),
        ("channels: [{name: sms, kind: sms, url: 'https://{phone}.example.com/'}]", "channels[0].url"),
        ("channels: [{name: sms, kind: sms, url: 'https://h/{secret.token}'}]", "secretFiles has no token"),
        ("channels: [{name: sms, kind: sms, url: 'https://h/', accepted: '('}]", "channels[0].accepted"),
        ("channels: [{name: inbox, kind: apprise, urlFile: x}]", "channels[0].name"),
        ("administrators: [everybody]", "administrators[0]"),
        ("administrators: [initiator]", "administrators"),
        ("administrators: ['channel:chat']", "there is no channel chat"),
        ("groups: {storage: [everybody]}", "groups.storage[0]"),
        ("groups: {storage: [reviewers]}", "storage: reviewers says of nobody"),
        ("groups: {storage: ['channel:chat']}", "groups.storage: there is no channel chat"),
        ("timeZone: Mars/Olympus", "timeZone"),
        ("language: fr", "language"),
        ("[1, 2]", "file"),
        ("a: [", "line 1"),
    ],
)
def test_a_bad_file_is_told_with_the_field_at_fault(text: str, fault: str) -> None:
    with pytest.raises(BadConfig) as caught:
        files.parse(text)
    assert fault in str(caught.value)


def test_a_mistake_does_not_tell_what_was_written() -> None:
    with pytest.raises(BadConfig) as caught:
        files.parse("channels: [{name: mail, kind: smtp, host: h, sender: a@b.de, port: hunter2}]")
    assert "hunter2" not in str(caught.value)


def test_an_empty_file_names_no_channels() -> None:
    assert files.parse("").channels == ()


def test_secrets_are_read_from_files_beside_it_and_a_change_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "notifications.yaml"
    path.write_text(f"channels: [{SMTP[:-1]}, username: u, passwordFile: password}}]")
    with pytest.raises(BadConfig, match=r"channels\[0\].*password"):
        load(path)
    (tmp_path / "password").write_text("first\n")
    setup = load(path)
    assert list(setup.senders) == ["mail"]
    assert stamp(path, setup.config) == setup.stamp
    (tmp_path / "password").write_text("second one\n")
    assert stamp(path, setup.config) != setup.stamp


def test_signatures_are_those_of_standard_webhooks() -> None:
    secret = base64.b64encode(b"0123456789abcdef01234567").decode()
    expected = base64.b64encode(
        hmac.digest(b"0123456789abcdef01234567", b"msg_1.1700000000.{}", hashlib.sha256)
    ).decode()
    assert signature(key_of(f"whsec_{secret}"), "msg_1", "1700000000", b"{}") == f"v1,{expected}"
    assert key_of("plain") == b"plain"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120),
        ("-1", None),
        ("soon", None),
        ("Tue, 01 Jan 2030 12:02:00 GMT", 120),
        ("Tue, 01 Jan 2019 12:02:00 GMT", 0),
        ("9" * 40, None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, datetime(2030, 1, 1, 12, tzinfo=UTC)) == seconds


def refused(code: int, text: str = "") -> aiosmtplib.SMTPRecipientsRefused:
    return aiosmtplib.SMTPRecipientsRefused([aiosmtplib.SMTPRecipientRefused(code, text, "a@b")])


@pytest.mark.parametrize(
    ("error", "error_class", "is_channel"),
    [
        (refused(550, "5.1.1 no such user"), "permanent", False),
        (refused(451, "4.3.0 try later"), "transient", False),
        (refused(450, "4.7.1 too many messages"), "throttled", False),
        (refused(421), "transient", True),
        (aiosmtplib.SMTPDataError(554, "spam"), "permanent", False),
        (aiosmtplib.SMTPDataError(452, "full"), "transient", False),
        (aiosmtplib.SMTPAuthenticationError(535, "no"), "transient", True),
        (aiosmtplib.SMTPSenderRefused(550, "not you", "x"), "transient", True),
        (aiosmtplib.SMTPConnectError("no"), "transient", True),
        (aiosmtplib.SMTPServerDisconnected("bye"), "transient", True),
        (aiosmtplib.SMTPReadTimeoutError("slow"), "transient", True),
        (aiosmtplib.SMTPHeloError(421, "4.7.0 too many connections"), "throttled", True),
        (ConnectionRefusedError(), "transient", True),
        (ValueError("bad header"), "permanent", False),
    ],
)
def test_what_a_mail_server_means(error: Exception, error_class: str, is_channel: bool) -> None:
    failure = judged(error).failure
    assert (failure.error_class, failure.is_channel) == (error_class, is_channel)

"""Channels against real servers: what each makes of their answers, and what goes over the wire."""

import asyncio
import datetime
import json
import ssl
from ipaddress import ip_network
from pathlib import Path
from time import monotonic

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.sinks import http_server, mail_server

from asynctask.adapters.notify.appriser import Apprise
from asynctask.adapters.notify.base import Outgoing, SendFailed
from asynctask.adapters.notify.http import HttpClient, HttpOptions
from asynctask.adapters.notify.sms import Request, SmsGateway
from asynctask.adapters.notify.smtp import MailServer, Smtp
from asynctask.adapters.notify.webhook import Webhook, key_of, signature
from asynctask.core.notifications.delivery import Failure
from asynctask.core.notifications.events import Event, Kind
from asynctask.core.notifications.wording import Reader, write

EVENT = Event(
    id="task/u1/end/1", kind=Kind.FAILED, time=datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC), namespace="nas", subject="u1",
    name="nightly", task_id="u1", params={"message": "磁盘已满"},
)  # fmt: skip
LOOPBACK = (ip_network("127.0.0.0/8"),)


def outgoing(address: str = "li@example.com") -> Outgoing:
    return Outgoing("m-1", address, write([EVENT], Reader()), (EVENT,))


def client(timeout: float = 5, allowed: tuple[object, ...] = LOOPBACK) -> HttpClient:
    return HttpClient(HttpOptions(timeout, allowed))  # type: ignore[arg-type]


async def failure(sending: object) -> Failure:
    with pytest.raises(SendFailed) as caught:
        await sending  # type: ignore[misc]
    return caught.value.failure


def smtp(port: int, **options: object) -> Smtp:
    server = {
        "host": "127.0.0.1",
        "sender": "AsyncTask <asynctask@example.com>",
        "security": "none",
        "timeout": 5.0,
        **options,
    }
    return Smtp(MailServer(port=port, **server))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(pem + cert.public_bytes(serialization.Encoding.PEM))
    return file


async def test_a_mail_arrives_with_subject_text_and_a_lasting_id() -> None:
    with mail_server() as box:
        for _ in range(2):
            await smtp(box.port).send(outgoing())
    first, again = box.mails
    assert str(first["Subject"]) == "Task nightly failed"
    assert "磁盘已满" in first.get_content()
    assert first["Message-ID"] == again["Message-ID"] == "<m-1@example.com>"
    assert first["Auto-Submitted"] == "auto-generated"
    assert box.recipients == ["li@example.com"] * 2


@pytest.mark.parametrize(
    ("answer", "error_class"),
    [
        ("550 5.1.1 no such user", "permanent"),
        ("451 4.3.0 try later", "transient"),
        ("450 4.7.1 too many", "throttled"),
    ],
)
async def test_what_the_server_says_of_a_recipient_is_his_alone(answer: str, error_class: str) -> None:
    with mail_server() as box:
        box.answers["gone@example.com"] = answer
        failed = await failure(smtp(box.port).send(outgoing("gone@example.com")))
        await smtp(box.port).send(outgoing())
    assert (failed.error_class, failed.is_channel) == (error_class, False)
    assert box.recipients == ["li@example.com"]


async def test_a_mail_server_that_hangs_is_left_in_time() -> None:
    with mail_server() as box:
        box.hang.set()
        started = monotonic()
        failed = await failure(smtp(box.port, timeout=0.5).send(outgoing()))
        assert monotonic() - started < 4
    assert (failed.error_class, failed.is_channel) == ("transient", True)


async def test_no_mail_server_is_the_channels_fault() -> None:
    failed = await failure(smtp(9).send(outgoing()))
    assert (failed.error_class, failed.is_channel) == ("transient", True)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_goes_over_tls_with_a_login(certificate: Path, security: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with mail_server(tls=context, implicit=security == "tls", auth=True) as box:
        options = {"host": "localhost", "security": security, "username": "u", "ca_file": str(certificate)}
        refused = await failure(smtp(box.port, password="wrong", **options).send(outgoing()))
        await smtp(box.port, password="s3cret", **options).send(outgoing())
    assert refused.is_channel
    assert "refused the credentials" in refused.message
    assert "wrong" not in refused.message
    assert len(box.mails) == 1


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with mail_server(tls=context, auth=True) as box:
        failed = await failure(
            smtp(box.port, host="localhost", security="starttls", username="u", password="s3cret").send(outgoing())
        )
    assert failed.is_channel
    assert box.logins == []


async def test_a_webhook_is_signed_and_says_what_happened() -> None:
    async with http_server() as inlet:
        hook = Webhook(client(), f"{inlet.url}/hook?token=t0p", "whsec_c2VjcmV0")
        await hook.send(outgoing())
        await hook.close()
    (request,) = inlet.requests
    expected = signature(key_of("whsec_c2VjcmV0"), "m-1", request.headers["webhook-timestamp"], request.body)
    assert request.headers["webhook-signature"] == expected
    assert request.headers["webhook-id"] == "m-1"
    document = json.loads(request.body)
    assert (document["type"], document["data"]["taskId"]) == ("asynctask.Failed", "u1")


@pytest.mark.parametrize(
    ("status", "error_class", "is_channel"),
    [
        (400, "permanent", False),
        (410, "permanent", False),
        (404, "transient", True),
        (401, "transient", True),
        (500, "transient", True),
        (302, "transient", True),
        (429, "throttled", True),
        (0, "transient", True),
    ],
)
async def test_what_a_receiver_answers_is_classed(status: int, error_class: str, is_channel: bool) -> None:
    async with http_server() as inlet:
        inlet.answers.append(status)
        inlet.headers = {"Location": "http://127.0.0.1:1/elsewhere", "Retry-After": "7"} if status in {302, 429} else {}
        hook = Webhook(client(), f"{inlet.url}/hook?token=t0p", "")
        failed = await failure(hook.send(outgoing()))
        await hook.close()
    assert (failed.error_class, failed.is_channel) == (error_class, is_channel)
    assert failed.retry_after == (7 if status == 429 else None)
    assert "t0p" not in failed.message
    assert len(inlet.requests) == 1


async def test_a_receiver_that_hangs_is_left_in_time() -> None:
    async with http_server() as inlet:
        inlet.hang.set()
        hook = Webhook(client(timeout=0.3), inlet.url, "")
        started = monotonic()
        failed = await failure(hook.send(outgoing()))
        await hook.close()
        assert monotonic() - started < 3
    assert (failed.error_class, failed.is_channel) == ("transient", True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "127.1"])
async def test_this_machine_is_not_asked(host: str) -> None:
    async with http_server() as inlet:
        port = inlet.url.rpartition(":")[2]
        hook = Webhook(client(allowed=()), f"http://{host}:{port}/", "")
        failed = await failure(hook.send(outgoing()))
        await hook.close()
    assert failed.error_class == "permanent" or "can't be resolved" in failed.message
    assert inlet.requests == []


async def test_an_sms_fills_the_gateways_template() -> None:
    async with http_server() as inlet:
        inlet.text = '{"status": "queued"}'
        request = Request(
            url=f"{inlet.url}/send/{{phone}}?key={{secret.key}}",
            headers={"X-Token": "{secret.key}"},
            body='{"to": "{phone}", "text": "{message}", "ref": "{id}"}',
            accepted='"queued"',
        )
        gateway = SmsGateway(client(), request, {"key": "k&y"})
        await gateway.send(outgoing("+49123"))
        await gateway.close()
    (taken,) = inlet.requests
    assert json.loads(taken.body) == {"to": "+49123", "text": "nightly failed: 磁盘已满", "ref": "m-1"}
    assert (taken.query, taken.headers["X-Token"], taken.headers["Idempotency-Key"]) == ("key=k%26y", "k&y", "m-1")


@pytest.mark.parametrize(
    ("text", "error_class"), [('{"status": "invalid"}', "permanent"), ('{"status": "busy"}', "transient")]
)
async def test_a_gateway_may_say_no_with_200(text: str, error_class: str) -> None:
    async with http_server() as inlet:
        inlet.text = text
        gateway = SmsGateway(client(), Request(url=inlet.url, accepted='"queued"', refused='"invalid"'), {})
        assert (await failure(gateway.send(outgoing("+49123")))).error_class == error_class
        await gateway.close()


async def test_chat_goes_through_a_process_of_its_own_and_holds_up_nobody() -> None:
    async with http_server() as inlet:
        inlet.hang.set()
        sending = asyncio.create_task(
            Apprise(f"json://127.0.0.1:{inlet.url.rpartition(':')[2]}/", timeout=20).send(outgoing())
        )
        await inlet.arrived.wait()
        started = monotonic()
        await asyncio.sleep(0)
        assert monotonic() - started < 0.5
        inlet.hang.clear()
        await sending
    (request,) = inlet.requests
    assert json.loads(request.body)["title"] == "Task nightly failed"
    assert json.loads(request.body)["type"] == "failure"


async def test_a_chat_that_refuses_or_makes_no_sense_is_told_apart() -> None:
    async with http_server() as inlet:
        url = f"json://user:t0p@127.0.0.1:{inlet.url.rpartition(':')[2]}/"
        inlet.answers.append(429)
        too_much = await failure(Apprise(url, timeout=20).send(outgoing()))
        inlet.answers.append(401)
        refused = await failure(Apprise(url, timeout=20).send(outgoing()))
        senseless = await failure(Apprise("nonsense://", timeout=20).send(outgoing()))
    failures = (too_much, refused, senseless)
    assert [each.error_class for each in failures] == ["throttled", "transient", "permanent"]
    assert not any("t0p" in each.message for each in failures)


async def test_a_chat_that_takes_too_long_is_left_in_time() -> None:
    started = monotonic()
    failed = await failure(Apprise("json://user:t0p@127.0.0.1:9/", timeout=0.05).send(outgoing()))
    assert monotonic() - started < 4
    assert failed.error_class == "transient"
    assert failed.message == "the service did not answer in 0.05 s"

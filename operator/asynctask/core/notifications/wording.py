"""What a message says: subject, body and a short form, in the recipient's language; one event, or many in a list."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asynctask.core.notifications.events import Event, Kind
from asynctask.core.notifications.formatting import clock, duration, moment, number, one_line
from asynctask.texts import Language, say

MAX_SUBJECT = 150
MAX_SHORT = 280
MAX_LINES = 20
"""Events that a message for several of them lists; of the others it says how many."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent."""

    subject: str
    body: str
    short: str
    """For an SMS."""


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom it is written."""

    language: Language = "en"
    time_zone: str = "UTC"
    web_url: str = ""
    """Where the web centre is; empty: messages bear no links."""


def write(events: Sequence[Event], reader: Reader, total: int | None = None) -> Message:
    """The message for these events. `total` when there were more than are given."""
    if len(events) == 1 and total in {None, 1}:
        return _of_one(events[0], reader)
    return _of_many(events, reader, total or len(events))


def headline(event: Event, reader: Reader) -> str:
    """The event in a line."""
    return one_line(say(f"notification.{event.headline}.subject", _params(event, reader), reader.language), MAX_SUBJECT)


def sentence(event: Event, reader: Reader) -> str:
    """The event in a sentence or two."""
    return say(f"notification.{event.headline}.body", _params(event, reader), reader.language).strip()


def link(event: Event, web_url: str) -> str:
    """Where the web centre shows it."""
    base = web_url.rstrip("/")
    if not base or event.kind is Kind.TEST:
        return base
    if event.schedule and not event.task_id:
        return f"{base}/schedules/{event.namespace}/{event.name}"
    return f"{base}/tasks/{event.task_id}"


def _of_one(event: Event, reader: Reader) -> Message:
    params, language = _params(event, reader), reader.language
    short = one_line(say(f"notification.{event.headline}.short", params, language), MAX_SHORT)
    lines = [sentence(event, reader), "", *_details(event, params, reader)]
    return Message(headline(event, reader), _finish(lines, reader), short)


def _of_many(events: Sequence[Event], reader: Reader, total: int) -> Message:
    language = reader.language
    counts = Counter(event.headline for event in events)
    told = [
        say(f"notification.{kind}.{'one' if count == 1 else 'many'}", {"count": number(count)}, language)
        for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    if (unseen := total - len(events)) > 0:
        told.append(say("notification.group.more", {"count": number(unseen)}, language))
    subject = one_line(say("notification.group.separator", {}, language).join(told), MAX_SUBJECT)
    times = [event.time for event in events]
    span = {
        "first": moment(min(times), reader.time_zone, language),
        "last": moment(max(times), reader.time_zone, language),
    }
    lines = [say("notification.group.intro", span, language), ""]
    for event in events[:MAX_LINES]:
        line = {"time": clock(event.time, reader.time_zone), "subject": headline(event, reader)}
        lines.append(say("notification.group.line", line, language))
    if total > MAX_LINES:
        lines.append(say("notification.group.more", {"count": number(total - MAX_LINES)}, language))
    if reader.web_url:
        lines += ["", _field("link", reader.web_url, language)]
    return Message(subject, _finish(lines, reader), one_line(subject, MAX_SHORT))


def _details(event: Event, params: Mapping[str, str], reader: Reader) -> Iterable[str]:
    if event.kind is Kind.TEST:
        return
    shown = {
        "task": f"{event.namespace}/{event.name}" if event.task_id else "",
        "schedule": f"{event.namespace}/{event.schedule}" if event.schedule else "",
        "type": event.task_type,
        "priority": str(event.priority or ""),
        "initiator": event.initiator,
        "stage": params["stage"],
        "reason": params["reason"],
        "started": params["started"],
        "ended": params["ended"],
        "took": params["took"] if params["ended"] else "",
        "errors": params["errors"] if params["errors"] != "0" else "",
        "expires": params["expires"],
        "link": link(event, reader.web_url) if reader.web_url else "",
    }
    for label, value in shown.items():
        if value:
            yield _field(label, value, reader.language)


def _field(label: str, value: str, language: Language) -> str:
    named = {"label": say(f"notification.label.{label}", {}, language), "value": value}
    return say("notification.label.field", named, language)


def _finish(lines: Sequence[str], reader: Reader) -> str:
    return "\n".join([*lines, "", say("notification.group.footer", {}, reader.language)]) + "\n"


def _params(event: Event, reader: Reader) -> dict[str, str]:
    """All that the texts may name, as words."""
    given = event.params
    started, ended = _time(given.get("started")), _time(given.get("ended"))
    return {
        "name": event.name,
        "namespace": event.namespace,
        "initiator": event.initiator,
        "stage": str(given.get("stage") or ""),
        "reason": str(given.get("reason") or ""),
        "message": _spoken(given.get("message"), reader.language),
        "errors": number(int(given.get("itemErrors") or 0)),
        "started": _told(started, reader),
        "ended": _told(ended, reader),
        "expires": _told(_time(given.get("expires")), reader),
        "verdict": say(f"notification.verdict.{given.get('atExpiry') or 'Reject'}", None, reader.language),
        "took": duration(ended - started, reader.language) if started and ended else "–",
    }


def _spoken(message: Any, language: Language) -> str:
    """A message that comes as one text, or one in each language."""
    if isinstance(message, Mapping):
        return str(message.get(language) or message.get("en") or next(iter(message.values()), ""))
    return str(message or "")


def _told(time: datetime | None, reader: Reader) -> str:
    return moment(time, reader.time_zone, reader.language) if time else ""


def _time(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) and value else None

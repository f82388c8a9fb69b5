"""What a client may follow, as it writes it: `tasks?status=running`, `task:ID`, `logs:ID/STAGE`, `queues`, …"""

import re
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import parse_qs
from uuid import UUID

from asynctask.core.statuses import TaskStatus
from asynctask.core.tasklists import Filter

Kind = Literal["tasks", "task", "logs", "queues", "overview", "notifications"]
PLAIN: frozenset[str] = frozenset(get_args(Kind)) - {"task", "logs"}
MAX_TOPICS = 50
MAX_LENGTH = 1000
MAX_VALUES = 50
STAGE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LISTS = {"namespace", "type", "status", "priority", "queue", "owner", "schedule"}


class BadTopic(ValueError):
    """Not a topic."""


@dataclass(frozen=True)
class Topic:
    """One thing to follow."""

    text: str
    """As the client wrote it: events name it so."""
    kind: Kind
    task: str = ""
    stage: str = ""
    wanted: Filter = field(default_factory=Filter)
    """Of `tasks`: which."""
    tail: int = 100
    """Of `logs`: lines to begin with."""

    @property
    def name(self) -> str:
        """How its events call it: without the filter, which says nothing about what comes."""
        return self.text.partition("?")[0]


def parse(text: str) -> Topic:
    """Read a topic. Raises BadTopic."""
    if len(text) > MAX_LENGTH:
        raise BadTopic(f"at most {MAX_LENGTH} characters")
    head, _, query = text.partition("?")
    kind, _, rest = head.partition(":")
    try:
        asked = parse_qs(query, strict_parsing=True, max_num_fields=20) if query else {}
    except ValueError as error:
        raise BadTopic(str(error)) from None
    if kind == "tasks" and not rest:
        return Topic(text, "tasks", wanted=_filter(asked))
    if kind == "logs":
        task, _, stage = rest.partition("/")
        if stage and not STAGE_NAME.fullmatch(stage):
            raise BadTopic("not the name of a stage")
        return Topic(text, "logs", _uid(task), stage, tail=_tail(asked))
    if asked:
        raise BadTopic("takes no filter")
    if kind == "task":
        return Topic(text, "task", _uid(rest))
    if kind in PLAIN and not rest:
        return Topic(text, kind)  # type: ignore[arg-type]  # PLAIN holds kinds
    raise BadTopic("tasks, task:ID, logs:ID[/STAGE], queues, overview or notifications")


def split(texts: tuple[str, ...]) -> tuple[str, ...]:
    """`tasks,queues` means two topics; a topic with a filter stands alone, for filters have commas."""
    found: list[str] = []
    for text in texts:
        found += [text] if "?" in text else [part for part in text.split(",") if part]
    return tuple(dict.fromkeys(found))


def _filter(asked: dict[str, list[str]]) -> Filter:
    values: dict[str, frozenset[str]] = {}
    text = ""
    for name, given in asked.items():
        if name == "text" and len(given) == 1:
            text = given[0][:100]
            continue
        if name not in _LISTS:
            raise BadTopic(f"no filter `{name[:40]}`")
        values[name] = frozenset(part for value in given for part in value.split(",") if part)
        if len(values[name]) > MAX_VALUES:
            raise BadTopic(f"at most {MAX_VALUES} values")
    try:
        statuses = frozenset(TaskStatus(word) for word in values.get("status", ()))
        priorities = frozenset(int(word) for word in values.get("priority", ()))
    except ValueError as error:
        raise BadTopic(str(error)[:200]) from None
    return Filter(
        namespaces=values.get("namespace"),
        types=values.get("type", frozenset()),
        statuses=statuses,
        priorities=priorities,
        queues=values.get("queue", frozenset()),
        owners=values.get("owner", frozenset()),
        schedules=values.get("schedule", frozenset()),
        text=text,
    )


def _tail(asked: dict[str, list[str]]) -> int:
    if not asked:
        return 100
    text = asked.get("tail", [""])[0]
    if set(asked) != {"tail"} or not re.fullmatch(r"[0-9]{1,4}", text) or int(text) > 1000:
        raise BadTopic("tail: 0 to 1000")
    return int(text)


def _uid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise BadTopic("not the id of a task") from None

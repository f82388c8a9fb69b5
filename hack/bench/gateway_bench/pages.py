"""How long a page of the list of tasks takes, from the request to the last byte, with a million in the archive."""

import random
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import orjson

from lib.figures import percentile

from .stand import NAMESPACE, Gateway

PATH = "/api/v1/tasks"
QUESTIONS: dict[str, dict[str, str]] = {
    "all": {},
    "live namespace": {"namespace": NAMESPACE},
    "status failed": {"status": "failed"},
    "status failed or partial": {"status": "failed,partially_completed"},
    "priority 1": {"priority": "1"},
    "type": {"type": "type-03"},
    "owner": {"owner": "person-100"},
    "namespace": {"namespace": "team-150"},
    "type and status": {"type": "type-15", "status": "cancelled"},
    "a week": {"submittedSince": "2025-05-05T00:00:00Z", "submittedUntil": "2025-05-12T00:00:00Z"},
    "text, frequent": {"text": "checksum"},
    "text, rare": {"text": "needle"},
    "limit 200": {"limit": "200"},
}


@dataclass(frozen=True)
class Answer:
    """How long it took, in milliseconds."""

    question: str
    calls: int
    rows: int
    """Of the last page."""
    p50: float
    p99: float
    most: float


async def measure(gateway: Gateway, calls: int) -> list[Answer]:
    """Each question so many times, one call at a time; then a walk from page to page."""
    found = []
    for name, query in QUESTIONS.items():
        times, rows = [], 0
        for _ in range(calls):
            seconds, page = await _ask(gateway, query)
            times.append(seconds)
            rows = len(page["items"])
        found.append(_answer(name, times, rows))
    found.append(await _walk(gateway, calls))
    return found


async def _walk(gateway: Gateway, calls: int) -> Answer:
    """Pages deep in the list, by cursor."""
    times, cursor, rows = [], "", 0
    query = {"limit": "500", "submittedUntil": f"2025-{random.Random(1).randint(6, 11):02}-01T00:00:00Z"}
    for _ in range(calls):
        seconds, page = await _ask(gateway, {**query, **({"cursor": cursor} if cursor else {})})
        times.append(seconds)
        rows, cursor = len(page["items"]), page.get("nextCursor", "")
    return _answer("walk, 500 rows a page", times, rows)


async def _ask(gateway: Gateway, query: dict[str, str]) -> tuple[float, dict[str, Any]]:
    started = perf_counter()
    async with gateway.session.get(gateway.url + PATH, params=query) as answer:
        raw = await answer.read()
    seconds = perf_counter() - started
    if answer.status != 200:
        raise RuntimeError(f"{query}: {answer.status} {raw[:300]!r}")
    page: dict[str, Any] = orjson.loads(raw)
    return seconds, page


def _answer(name: str, times: list[float], rows: int) -> Answer:
    return Answer(
        question=name,
        calls=len(times),
        rows=rows,
        p50=round(percentile(times, 50) * 1000, 1),
        p99=round(percentile(times, 99) * 1000, 1),
        most=round(max(times) * 1000, 1),
    )

"""What the task centre asks of history."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

from asynctask.adapters.archive import Archive, Position, tasklists
from asynctask.adapters.archive.tasklists import TaskFilter
from lib.figures import percentile

from .estate import START, YEAR, Year

PAGE = 50


ALL = TaskFilter()


@dataclass(frozen=True)
class Question:
    """A list, or what else is asked."""

    name: str
    wanted: TaskFilter = ALL
    anywhere: bool = False
    """A page from anywhere in the year; else the first."""
    vary: Callable[[TaskFilter, random.Random], TaskFilter] | None = None


@dataclass(frozen=True)
class Answer:
    """How long it took, in milliseconds."""

    question: str
    p50: float
    p99: float
    most: float
    short: int
    """Pages that were not full though the list goes on."""


def _teams(number: int) -> frozenset[str]:
    return frozenset(f"team-{team:03}" for team in range(number))


def _some_teams(number: int) -> Callable[[TaskFilter, random.Random], TaskFilter]:
    def vary(wanted: TaskFilter, chance: random.Random) -> TaskFilter:
        return replace(wanted, namespaces=frozenset(f"team-{chance.randrange(200):03}" for _ in range(number)))

    return vary


def _a_week(wanted: TaskFilter, chance: random.Random) -> TaskFilter:
    begin = START + chance.randrange(YEAR)
    return replace(wanted, submit_time_from=begin, submit_time_before=begin + 7 * 86_400_000_000)


QUESTIONS = (
    Question("all"),
    Question("all, anywhere", anywhere=True),
    Question("with those in the cluster", TaskFilter(is_gone=None)),
    Question("in the cluster", TaskFilter(is_gone=False)),
    Question("status, common, anywhere", TaskFilter(task_statuses=("completed",)), anywhere=True),
    Question("status, 5 %, anywhere", TaskFilter(task_statuses=("failed",)), anywhere=True),
    Question("status, 20 in a million", TaskFilter(task_statuses=("invalid",))),
    Question("three statuses, anywhere", TaskFilter(task_statuses=("failed", "cancelled", "invalid")), anywhere=True),
    Question("priority 1, anywhere", TaskFilter(priorities=(1,)), anywhere=True),
    Question("type, anywhere", TaskFilter(task_types=("type-07",)), anywhere=True),
    Question("queue, anywhere", TaskFilter(queues=("queue-3",)), anywhere=True),
    Question("owner, anywhere", TaskFilter(submitted_by=("person-321",)), anywhere=True),
    Question("one namespace, anywhere", vary=_some_teams(1), anywhere=True),
    Question("10 namespaces, anywhere", vary=_some_teams(10), anywhere=True),
    Question("100 namespaces, anywhere", TaskFilter(namespaces=_teams(100)), anywhere=True),
    Question("one namespace, failed", TaskFilter(task_statuses=("failed",)), vary=_some_teams(1), anywhere=True),
    Question("10 namespaces, failed", TaskFilter(task_statuses=("failed",)), vary=_some_teams(10), anywhere=True),
    Question("100 namespaces, priority 1", TaskFilter(_teams(100), priorities=(1,)), anywhere=True),
    Question("type and status", TaskFilter(task_types=("type-15",), task_statuses=("cancelled",)), anywhere=True),
    Question("four filters", TaskFilter(None, ("failed",), ("type-03",), (), ("queue-2",), ("person-007",))),
    Question("nothing fits: type and rare status", TaskFilter(task_types=("type-19",), task_statuses=("invalid",))),
    Question("nothing fits: two common filters", TaskFilter(queues=("queue-0",), submitted_by=("nobody",))),
    Question("a week", vary=_a_week),
    Question("a week, failed, 10 namespaces", TaskFilter(_teams(10), ("failed",)), vary=_a_week),
    Question("text, common", TaskFilter(text="sales"), anywhere=True),
    Question("text, one in 20,000", TaskFilter(text="-012345")),
    Question("text, four in a million", TaskFilter(text="needle")),
    Question("text among the failed", TaskFilter(task_statuses=("failed",), text="checksum"), anywhere=True),
    Question("text of a week", TaskFilter(text="finance-scans"), vary=_a_week),
)  # fmt: skip


async def ask(archive: Archive, question: Question, year: Year, calls: int) -> Answer:
    """Ask it so many times. The first few calls, which open connections and compile statements, don't count."""
    chance = random.Random(year.seed)
    took, short = [], 0
    for number in range(calls + 5):
        wanted = question.vary(question.wanted, chance) if question.vary else question.wanted
        after = Position(START + chance.randrange(YEAR), "") if question.anywhere else None
        begun = perf_counter()
        async with archive.read() as connection:
            page = await tasklists.page(connection, wanted, limit=PAGE, after=after)
        if number >= 5:
            took.append((perf_counter() - begun) * 1000)
            short += page.next is not None and len(page.rows) < PAGE
    return Answer(question.name, percentile(took, 50), percentile(took, 99), max(took), short)

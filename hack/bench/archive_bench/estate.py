"""A year of tasks as an estate would have them, with a few of all that is rare. The same seed gives the same year."""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

YEAR = 365 * 86_400 * 1_000_000
START = 1_735_689_600_000_000
COLUMNS = (
    "task_id", "namespace", "name", "task_type", "submit_time", "priority", "task_status", "task_config", "phase",
    "queue", "submitted_by", "schedule", "message", "stage", "run", "start_time", "end_time", "percent",
    "item_error_count", "update_time", "is_gone", "gone_time", "resource_version", "search_text",
)  # fmt: skip
NULL = "\\N"
_STATUS = {
    "completed": ("Succeeded", 92.9), "failed": ("Failed", 5), "partially_completed": ("Partial", 1.5),
    "cancelled": ("Cancelled", 0.5), "skipped": ("Skipped", 0.098), "invalid": ("Invalid", 0.002),
}  # fmt: skip
_TROUBLES = (
    "connection timed out",
    "no space left on device",
    "permission denied",
    "checksum differs",
    "share is gone",
)


@dataclass(frozen=True)
class Year:
    """What to make."""

    tasks: int = 1_000_000
    live: int = 5_000
    """The newest of them, still in the cluster."""
    seed: int = 1

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The rows of `tasks`, oldest first, as texts."""
        chance = random.Random(self.seed)
        namespaces = _zipf("team-{:03}", 200)
        types = _zipf("type-{:02}", 20)
        queues = _zipf("queue-{}", 10)
        people = _zipf("person-{:03}", 500)
        statuses, weights = zip(*((word, weight) for word, (_, weight) in _STATUS.items()), strict=True)
        words = ("nightly", "weekly", "sales", "finance", "media", "mail", "home", "lab", "projects", "scans")
        for number in range(self.tasks):
            status = chance.choices(statuses, weights)[0]
            time = START + number * (YEAR // self.tasks)
            task_type = _one(chance, types)
            name = f"{chance.choice(words)}-{chance.choice(words)}-{number:07}"
            message = ""
            if status in {"failed", "partially_completed"}:
                message = f"stage copy: {chance.choice(_TROUBLES)}"
            if number % 250_000 == 77:
                message = "needle in the haystack"
            gone = number < self.tasks - self.live
            yield (
                str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                _one(chance, namespaces),
                name,
                task_type,
                str(time),
                str(chance.choices((1, 2, 3, 4, 5), (0.1, 4.9, 80, 10, 5))[0]),
                status,
                '{"sourcePath":"/nas/projects/2025","targetPath":"backup:/2025","verify":true}',
                _STATUS[status][0],
                _one(chance, queues),
                _one(chance, people),
                "",
                message,
                "",
                "1",
                str(time + 5_000_000),
                str(time + 65_000_000),
                "100",
                "0",
                str(time + 66_000_000),
                "1" if gone else "0",
                str(time + 86_400_000_000) if gone else NULL,
                str(1000 + number),
                f"{name} {task_type} {message}".lower(),
            )


@dataclass(frozen=True)
class _Names:
    names: tuple[str, ...]
    weights: tuple[float, ...]


def _zipf(pattern: str, count: int) -> _Names:
    weights, total = [], 0.0
    for number in range(count):
        total += 1 / (number + 1)
        weights.append(total)
    return _Names(tuple(pattern.format(number) for number in range(count)), tuple(weights))


def _one(chance: random.Random, of: _Names) -> str:
    return chance.choices(of.names, cum_weights=of.weights)[0]

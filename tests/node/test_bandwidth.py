"""Three backups of different priority on one limited share, while its limit and a priority change."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic

import pytest
from support.nodepods import Process, Processes
from support.nodetasks import Lab, Share, Task
from support.nodetrees import MEGABYTE, differences, give, make_big_file, make_small_files

from localcluster.processes import holds

FIRST, THEN = 14, 7
PRIORITIES = {"urgent": 1, "normal": 2, "patient": 3}
SIZES = {"urgent": 340, "normal": 190, "patient": 160}
SAMPLE_SECONDS = 0.25
IN_FORCE_SECONDS = 10.0
STEADY_SECONDS = 10.0
"""Over this long a total is compared with the limit: one block of 1 MiB more or less is 1.5 % of 7 MB/s."""
WINDOW_SECONDS = 3.0
"""Over this long a rate is measured when it is asked since when it holds."""


@dataclass
class Meter:
    """What each of some processes has written, over time."""

    processes: dict[str, Process]
    samples: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    _stop: Event = field(default_factory=Event)

    def __enter__(self) -> "Meter":
        self._thread = Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def rates(self, begin: float, end: float) -> dict[str, float]:
        """Megabytes per second of each between two moments."""
        span = [sample for sample in self.samples if begin <= sample[0] <= end]
        (first, before), (last, after) = span[0], span[-1]
        return {name: (after[name] - before[name]) / (last - first) / MEGABYTE for name in self.processes}

    def wait(self, seconds: float) -> dict[str, float]:
        """The rates of the next seconds."""
        begin = monotonic()
        assert holds(lambda: bool(self.samples) and self.samples[-1][0] >= begin + seconds, within=seconds + 5)
        return self.rates(begin, begin + seconds)

    def seconds_until(self, begin: float, is_so: Callable[[dict[str, float]], bool]) -> float:
        """How long after a moment the rates of a window became what they should be, and were so to the window's end."""
        found: list[float] = []

        def found_one() -> bool:
            starts = [time for time, _ in self.samples if begin <= time <= self.samples[-1][0] - WINDOW_SECONDS]
            found.extend(time - begin for time in starts if is_so(self.rates(time, time + WINDOW_SECONDS)))
            return bool(found)

        assert holds(found_one, within=IN_FORCE_SECONDS + WINDOW_SECONDS + 5, every=SAMPLE_SECONDS), self.wait(3)
        return min(found)

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            with contextlib.suppress(OSError):
                written = {name: process.bytes_written for name, process in self.processes.items()}
                self.samples.append((monotonic(), written))


@dataclass(frozen=True)
class Figures:
    """What was measured."""

    steady: dict[str, float]
    limit_seconds: float
    lower: dict[str, float]
    priority_seconds: float
    raised: dict[str, float]


@dataclass(frozen=True)
class Story:
    """The share, the tasks, and the figures."""

    share: Share
    tasks: dict[str, Task]
    figures: Figures


def allowed(task: Task) -> float:
    """What the task's stage may move, by its status."""
    bandwidth = task.stage("content")["status"].get("bandwidth") or {}
    return float(bandwidth.get("allowedBytesPerSecond", 0)) / MEGABYTE


def near(total: float, limit: float) -> bool:
    return 0.9 * limit <= total <= 1.1 * limit


@pytest.fixture(scope="module")
def story(lab: Lab) -> Story:
    share = lab.share("crowded", FIRST)
    for name, size in SIZES.items():
        make_small_files(share.source / name, 60)
        make_big_file(share.source / name / "big.img", size)
        (share.target / name).mkdir()
    give(share.target)
    tasks = {
        name: lab.task(
            name,
            type=lab.type,
            priority=priority,
            config={key: f"{path}/{name}" for key, path in share.config.items()},
        )
        for name, priority in PRIORITIES.items()
    }
    processes = {name: Processes(task.until_runs("content")).main() for name, task in tasks.items()}
    shares = {name: FIRST * weight / 7 for name, weight in zip(PRIORITIES, (4, 2, 1), strict=True)}
    for name, task in tasks.items():
        assert holds(lambda name=name, task=task: allowed(task) == pytest.approx(shares[name], rel=0.1), within=20)  # type: ignore[misc]
    with Meter(processes) as meter:
        steady = meter.wait(STEADY_SECONDS)
        changed = monotonic()
        lab.set_limit(share, THEN)
        limit_seconds = meter.seconds_until(changed, lambda rates: near(sum(rates.values()), THEN))
        lower = meter.wait(STEADY_SECONDS)
        changed = monotonic()
        tasks["patient"].change(priority=1)
        priority_seconds = meter.seconds_until(changed, lambda rates: rates["patient"] >= 0.9 * THEN * 4 / 10)
        raised = meter.wait(STEADY_SECONDS)
    lab.set_limit(share, None)
    return Story(share, tasks, Figures(steady, limit_seconds, lower, priority_seconds, raised))


def test_the_total_is_the_limit(story: Story) -> None:
    assert sum(story.figures.steady.values()) == pytest.approx(FIRST, rel=0.1)


def test_shares_go_by_priority(story: Story) -> None:
    rates = story.figures.steady
    assert rates["urgent"] == pytest.approx(2 * rates["normal"], rel=0.15)
    assert rates["normal"] == pytest.approx(2 * rates["patient"], rel=0.15)


def test_a_new_limit_is_in_force_within_ten_seconds(story: Story) -> None:
    assert story.figures.limit_seconds <= IN_FORCE_SECONDS
    assert sum(story.figures.lower.values()) == pytest.approx(THEN, rel=0.1)


def test_a_new_priority_counts_within_ten_seconds(story: Story) -> None:
    assert story.figures.priority_seconds <= IN_FORCE_SECONDS
    assert sum(story.figures.raised.values()) == pytest.approx(THEN, rel=0.1)


def test_without_a_limit_all_end_and_are_right(story: Story) -> None:
    for task in story.tasks.values():
        task.succeeds()
    for name in story.tasks:
        assert differences(story.share.source / name, story.share.target / name) == ""

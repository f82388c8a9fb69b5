"""The results as Markdown tables."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from statistics import median

from lib.figures import percentile, spread, table

from .backlog import Backlog
from .meter import is_apart
from .runs import Run
from .schedules import Due
from .shapes import Shape

PROCESSES = ("operator", "kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler", "kwok")
Group = dict[tuple[int, Shape], list[Run]]


def throughput(runs: Iterable[Run]) -> str:
    """How much a minute, and the ratio to bare Jobs of the same shape and load."""
    rows = []
    groups = _grouped(runs)
    for (in_flight, shape), group in groups.items():
        bare = groups.get((in_flight, Shape("jobs", shape.steps)), [])
        rows.append(
            [
                shape.label,
                f"{group[0].count}, {_load(in_flight)}",
                str(len(group)),
                spread([run.per_minute for run in group]),
                _ratio(group, bare, lambda run: run.per_minute),
                spread([run.per_minute_settled for run in group]),
                _ratio(group, bare, lambda run: run.per_minute_settled),
                _milliseconds(group, lambda run: run.submit_to_done),
                spread([run.cost.other_cores for run in group], 2),
            ]
        )
    header = ["what", "load", "runs", "per minute", "of bare", "to the last Job's end", "of bare",
              "submit → done p50 / p99 ms", "other load, cores"]  # fmt: skip
    return table(header, rows)


def latencies(runs: Iterable[Run]) -> str:
    """Milliseconds at the arrival of watch events."""
    rows = [
        [
            shape.label,
            _load(in_flight),
            str(len(group)),
            _milliseconds(group, lambda run: run.submit_to_job),
            _milliseconds(group, lambda run: run.submit_to_pod),
            _milliseconds(group, lambda run: run.step_gaps),
            spread([run.cost.other_cores for run in group], 2),
        ]
        for (in_flight, shape), group in _grouped(runs).items()
    ]
    header = ["what", "load", "runs", "submit → Job p50 / p99", "submit → pod created p50 / p99",
              "pod ended → next Job p50 / p99", "other load, cores"]  # fmt: skip
    return table(header, rows)


def processor(runs: Iterable[Run]) -> str:
    """CPU milliseconds per item, by process."""
    rows = []
    groups = _grouped(runs)
    for (in_flight, shape), group in groups.items():
        bare = groups.get((in_flight, Shape("jobs", shape.steps)), [])
        each = [_cpu(group, name) for name in PROCESSES]
        rows.append(
            [
                shape.label,
                _load(in_flight),
                *(f"{value:.1f}" if value else "–" for value in each),
                spread([_all_in(run) for run in group], 1),
                _ratio(group, bare, _all_in),
                spread([run.peak_mib for run in group if run.peak_mib]),
                spread([run.cost.other_cores for run in group], 2),
            ]
        )
    header = ["what", "load", *(name.removeprefix("kube-") for name in PROCESSES), "all in", "of bare",
              "operator's peak memory MiB", "other load, cores"]  # fmt: skip
    return table(header, rows)


def writes(runs: Iterable[Run]) -> str:
    """API writes per item."""
    rows = []
    for (in_flight, shape), group in _grouped(runs).items():
        per_item = _mean(run.cost.writes for run in group), group[0].count
        mine = _mean(run.cost.operator_requests for run in group)
        own = {name: count for name, count in mine.items() if not name.startswith("GET")}
        counted = {name: count for name, count in per_item[0].items() if not is_apart(name)}
        apart = {name: count for name, count in per_item[0].items() if is_apart(name)}
        rows.append(
            [
                shape.label,
                _load(in_flight),
                f"{sum(counted.values()) / group[0].count:.2f}",
                f"{sum(count for name, count in own.items() if not is_apart(name)) / group[0].count:.2f}"
                if own
                else "–",
                _listed(own, group[0].count) or "–",
                _listed(counted, group[0].count),
                _listed(apart, group[0].count),
            ]
        )
    header = ["what", "load", "writes", "of them the operator's", "the operator's own count",
              "all by the server's count", "apart"]  # fmt: skip
    return table(header, rows)


TABLES = {
    "throughput": throughput,
    "latency, ms": latencies,
    "CPU, ms per item": processor,
    "API writes per item": writes,
}


def schedules(runs: list[Due]) -> str:
    """Hundreds due in the same second; a row per run, times since then."""
    rows = []
    for run in runs:
        own = {name: count for name, count in run.cost.operator_requests.items() if not name.startswith("GET")}
        rows.append(
            [
                f"{run.count}",
                *(
                    " / ".join(f"{percentile(seconds, percent):.1f}" for percent in (50, 100))
                    for seconds in (run.to_task, run.to_job, run.to_done)
                ),
                f"{1000 * run.cost.cpu_seconds['operator'] / run.count:.1f}",
                f"{sum(count for name, count in own.items() if not is_apart(name)) / run.count:.2f}",
                _listed(own, run.count),
                f"{run.cost.other_cores:.2f}",
            ]
        )
    header = ["schedules", "task made, p50 / last s", "Job seen, p50 / last s", "done, p50 / last s",
              "operator's CPU ms each", "its writes each", "which", "other load, cores"]  # fmt: skip
    return table(header, rows)


def backlog(result: Backlog) -> str:
    """One queue, one running, the rest waiting."""
    cost = result.cost
    rows = [["tasks queued", f"{result.count:,}"], ["submitted in", f"{result.submit_seconds:.1f} s"]]
    if cost:
        queued = cost.operator_requests.get("PATCH asynctasks", 0) / result.count
        rows += [
            ["operator's writes per queued task", f"{queued:.2f}"],
            ["operator's CPU per queued task", f"{1000 * cost.cpu_seconds['operator'] / result.count:.1f} ms"],
        ]
    rows += [
        ["operator's memory, resident / peak", f"{result.resident_mib:.0f} / {result.peak_mib:.0f} MiB"],
        ["operator's CPU idle", f"{1000 * result.idle_cores:.1f} ms per s"],
        ["admission pass, the scheduler alone, p50 / max", _pair(result.admission_pass, 100, 2)],
        ["pod ended → next task's Job, p50 / p99", _pair(result.hand_overs, 99)],
        *(
            [f"{restart.how}: start → next task's Job", f"{restart.first_action:.2f} s, {restart.resident_mib:.0f} MiB"]
            for restart in result.restarts
        ),
        ["restart with nothing changed: writes", _listed(result.unchanged_writes, 1) or "none"],
        ["restart with nothing changed: CPU, memory",
         f"{result.unchanged_cpu_seconds:.1f} s, {result.unchanged_resident_mib:.0f} MiB"],
        ["a resync: CPU, writes", f"{result.resync_cpu_seconds:.1f} s, {_listed(result.resync_writes, 1) or 'none'}"],
    ]  # fmt: skip
    return table(["what", "measured"], rows)


def _grouped(runs: Iterable[Run]) -> Group:
    groups: Group = defaultdict(list)
    for run in runs:
        groups[run.in_flight, run.shape].append(run)
    return groups


def _load(in_flight: int) -> str:
    return f"{in_flight} in flight" if in_flight else "all at once"


def _ratio(group: list[Run], bare: list[Run], value: Callable[[Run], float]) -> str:
    if not bare or group is bare:
        return "1" if group is bare else "–"
    return f"{median(map(value, group)) / median(map(value, bare)):.2f}"


def _milliseconds(group: list[Run], values: Callable[[Run], list[float]]) -> str:
    """The median over the runs, with their range, of each run's percentiles."""
    known = [values(run) for run in group if values(run)]
    if not known:
        return "–"
    return " / ".join(spread([1000 * percentile(each, percent) for each in known]) for percent in (50, 99))


def _pair(values: list[float], percent: float, digits: int = 0) -> str:
    return f"{1000 * percentile(values, 50):.{digits}f} / {1000 * percentile(values, percent):.{digits}f} ms"


def _cpu(group: list[Run], name: str) -> float:
    return 1000 * median(run.cost.cpu_seconds.get(name, 0.0) / run.count for run in group)


def _all_in(run: Run) -> float:
    return 1000 * sum(run.cost.cpu_seconds.values()) / run.count


def _mean(counts: Iterable[dict[str, float]]) -> dict[str, float]:
    every = list(counts)
    return {name: sum(one.get(name, 0) for one in every) / len(every) for name in {key for one in every for key in one}}


def _listed(counts: dict[str, float], items: int) -> str:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(
        f"{name} {count / items:.2f}".removesuffix(".00") for name, count in ordered if count / items >= 0.005
    )

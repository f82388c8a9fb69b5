"""Tables, and the same as JSON."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from lib.figures import percentile, table

from .costs import Times
from .days import Figures
from .estate import QUEUES, WEIGHTS


def jain(shares: Mapping[str, float]) -> float:
    """Jain's fairness index (Jain, Chiu, Hawe 1984) of what each got for its weight: 1 is fair, 1/n is one has all."""
    values = [amount / WEIGHTS[name] for name, amount in shares.items()]
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else float("nan")


def day_as_json(figures: Figures) -> dict[str, Any]:
    """A day."""
    return {
        "waitSeconds": {
            priority: {"tasks": len(waits), **_spread(waits)} for priority, waits in sorted(figures.waits.items())
        },
        "longestWait": {"seconds": figures.longest[0], "of": figures.longest[1]},
        "displaced": figures.displaced,
        "allEndedAfterHours": round(figures.finished_after / 3600, 1),
        "utilisation": {
            queue.name: {
                "ofTheDay": _ratio(figures.place_seconds[queue.name], figures.room_seconds[queue.name]),
                "underBacklog": _ratio(figures.busy_place_seconds[queue.name], figures.busy_room_seconds[queue.name]),
                "fairness": round(jain(figures.served[queue.name]), 4) if figures.served[queue.name] else None,
            }
            for queue in QUEUES
        },
        "mostWaiting": figures.most_waiting,
        "passes": figures.passes,
        "passMs": {"cpu": _spread(figures.cpu_ms), "clock": _spread(figures.wall_ms)},
        "waitsWithoutReason": figures.unexplained,
    }


def costs_as_json(times: Times) -> dict[str, Any]:
    """Milliseconds per pass."""
    return {
        name: {
            "times": len(measured),
            "cpu": _spread([cpu for cpu, _ in measured]),
            "clock": _spread([clock for _, clock in measured]),
        }
        for name, measured in times.items()
    }


def text(results: dict[str, Any]) -> str:
    """All of it for people."""
    parts = ["\n".join(f"* {name}: {value}" for name, value in results["conditions"].items())]
    if day := results.get("day"):
        parts.append("### a day\n\n" + _day(day))
    if overload := results.get("overload"):
        waits = ", ".join(f"{priority}: {wait:,}" for priority, wait in overload["longestWaitSeconds"].items())
        parts.append(
            f"### ten times what can run\n\n* {overload['tasks']:,} tasks, all served after"
            f" {overload['servedAfterSeconds']:,} s; longest wait in seconds by priority: {waits}\n"
            f"* waits longer than the ageing rule says: {overload['laterThanTheBound']}; the closest came to"
            f" {overload['closestToTheBound']:.1%}"
        )
    if costs := results.get("passes"):
        parts.append(f"### milliseconds per pass, {results['waiting']:,} waiting\n\n{_costs(costs)}")
    return "\n\n".join(parts)


def _day(day: dict[str, Any]) -> str:
    waits = table(
        ("priority", "tasks", "wait p50 s", "wait p99 s", "longest s"),
        (
            (str(priority), f"{row['tasks']:,}", f"{row['p50']:,.0f}", f"{row['p99']:,.0f}", f"{row['max']:,.0f}")
            for priority, row in day["waitSeconds"].items()
        ),
    )
    queues = table(
        ("queue", "places in use", "while as many waited", "fairness (Jain)"),
        (
            (name, f"{row['ofTheDay']:.1%}", f"{row['underBacklog']:.1%}", str(row["fairness"] or "–"))
            for name, row in day["utilisation"].items()
        ),
    )
    cpu, clock = day["passMs"]["cpu"], day["passMs"]["clock"]
    lines = [
        f"* longest wait: {day['longestWait']['seconds']:,.0f} s ({day['longestWait']['of']})",
        f"* displaced: {day['displaced']}; most that waited at once: {day['mostWaiting']:,}; waits without a reason:"
        f" {day['waitsWithoutReason']}; all ended after {day['allEndedAfterHours']} h",
        f"* {day['passes']:,} passes: CPU ms p50 {cpu['p50']:.2f}, p99 {cpu['p99']:.2f}, max {cpu['max']:.2f};"
        f" clock p50 {clock['p50']:.2f}, p99 {clock['p99']:.2f}, max {clock['max']:.2f}",
    ]
    return "\n\n".join((waits, queues, "\n".join(lines)))


def _costs(costs: dict[str, Any]) -> str:
    columns = list(product(("cpu", "clock"), ("p50", "p99", "max")))
    return table(
        ("what", "times", "CPU p50", "CPU p99", "CPU max", "clock p50", "clock p99", "clock max"),
        (
            (name, str(row["times"]), *(f"{row[unit][at]:.2f}" for unit, at in columns))
            for name, row in costs.items()
        ),
    )  # fmt: skip


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "p50": round(percentile(values, 50), 3),
        "p99": round(percentile(values, 99), 3),
        "max": round(max(values, default=float("nan")), 3),
    }


def _ratio(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0

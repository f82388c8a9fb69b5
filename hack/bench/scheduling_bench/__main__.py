"""The command line."""

import argparse
import json
import sys
from pathlib import Path
from time import perf_counter

from lib import machine

from . import costs, overload, report
from .days import Day
from .estate import day

EPILOG = """
what is done
  day      100,000 tasks of 5 priorities and 20 namespaces (4 of them with weight 3) live through a day, noon to noon,
           in simulated time: three queues, one with a window from 22:00 to 06:00, one with quotas and preemption, one
           for the impatient; 60 endpoints with streams and MB/s; every task locks trees. A third comes at full hours.
           Waits are from submit, or the opening of the window, to the first start; utilisation is of maxRunning, while
           the queue is open; fairness is Jain's index of place-seconds by weight, while all namespaces waited in it.
  overload half an hour long ten times as many tasks come as can run; each wait against the bound of the ageing rule
  passes   what a pass costs while 10,000 wait, by what has changed since the last one

  Nothing else is run: no API server, no clock but the simulated one. The same --seed gives the same day.

examples
  hack/bench/scheduling                        a few minutes
  hack/bench/scheduling --quick                a few seconds: fails if something does not work
  hack/bench/scheduling --json --only passes
"""
PARTS = ("day", "passes", "overload")


def main() -> int:
    """Measure and print."""
    options = _options()
    results: dict[str, object] = {
        "conditions": machine.conditions(tasks=f"{options.tasks:,}", seed=str(options.seed)),
        "waiting": options.waiting,
    }
    busy, began = machine.busy_seconds(), perf_counter()
    if "day" in options.only:
        lived = Day(day(options.tasks, options.seed), _progress).live()
        results["day"] = report.day_as_json(lived)
        if lived.unexplained:
            print("bench: a task waits without a reason", file=sys.stderr)
            return 1
    if "overload" in options.only:
        _progress("overload")
        results["overload"] = overload.measure(options.overload, options.seed)
    if "passes" in options.only:
        _progress("passes")
        results["passes"] = report.costs_as_json(costs.measure(options.waiting, options.passes, options.seed))
    took = perf_counter() - began
    results["conditions"]["took"] = f"{took:.0f} s, {(machine.busy_seconds() - busy) / took:.1f} cores in use by all"  # type: ignore[index]
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        print(report.text(results))
    return 0


def _progress(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="hack/bench/scheduling",
        description=Path(__file__).with_name("__init__.py").read_text().strip().strip('"'),
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tasks", type=int, default=100_000, help="tasks of the day (default 100000)")
    parser.add_argument("--waiting", type=int, default=10_000, help="tasks that wait at a pass (default 10000)")
    parser.add_argument("--passes", type=int, default=300, help="passes of each kind (default 300)")
    parser.add_argument("--overload", type=int, default=1800, help="seconds of overload (default 1800)")
    parser.add_argument("--seed", type=int, default=1, help="of the synthetic day (default 1)")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, with commas: {','.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="few tasks, to see that it works")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    options = parser.parse_args()
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if options.quick:
        options.tasks, options.waiting, options.passes = 500, 200, 10
        options.overload = 30
    return options


raise SystemExit(main())

"""A schedule and its tasks in simulated time: looked at when the operator would, killed where a test wants it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from asynctask.api.taskschedule import TaskSchedule
from asynctask.core.mergepatch import difference
from asynctask.core.schedules.decide import decide
from asynctask.core.schedules.facts import Facts, Plan
from asynctask.core.schedules.tasks import line
from asynctask.core.times import stamp

Body = dict[str, Any]
NOON = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)  # a Tuesday


class Killed(Exception):
    """The operator died here."""


class Clockwork:
    """One schedule, made at noon."""

    def __init__(self, schedule: str = "0 * * * *", name: str = "nightly", **spec: Any) -> None:
        template = spec.pop("taskTemplate", {"spec": {"type": "file-backup", "config": {"keep": None}}})
        self.now = NOON
        self.body: Body = {
            "metadata": {
                "name": name,
                "namespace": "nas",
                "uid": "s1",
                "generation": 1,
                "creationTimestamp": stamp(NOON),
            },
            "spec": {"schedule": schedule, "taskTemplate": template, **spec},
            "status": {},
        }
        self.tasks: dict[str, Body] = {}
        self.made: list[tuple[str, datetime]] = []
        self.writes = 0
        self.plan = Plan()
        self.refuses = ""

    # -- what happens

    def change(self, **spec: Any) -> Clockwork:
        """Somebody edits the spec."""
        self.body["spec"] |= spec
        self.body["metadata"]["generation"] += 1
        return self

    def at(self, text: str, *, look: bool = True) -> Clockwork:
        """Let time pass until then (`13:00`, or with a day: `2 03:00`); with `look`, the operator works meanwhile."""
        day, _, hour = text.rpartition(" ")
        until = datetime.fromisoformat(f"2030-01-{int(day or 1):02}T{hour}").replace(tzinfo=UTC)
        return self.pass_until(until, look=look)

    def pass_until(self, until: datetime, *, look: bool = True) -> Clockwork:
        """The same, until a moment."""
        while look and (due := self.look().wake_at) is not None and due <= until:
            self.now = max(due, self.now + timedelta(milliseconds=5))
        self.now = until
        if look:
            self.look()
        return self

    def look(self, killed_after: str = "") -> Plan:
        """One look of the operator; it may be killed after `create` or `status`."""
        raw = deepcopy(self.body)
        facts = Facts(
            self.schedule, raw["spec"]["taskTemplate"]["spec"], tuple(map(line, self.tasks.values())), self.now
        )
        plan = decide(facts)
        if plan.create is not None and self.refuses:
            plan = decide(Facts(facts.schedule, facts.template_spec, facts.tasks, facts.now, refused=self.refuses))
            assert plan.create is None
        self.plan = plan
        for task in plan.cancel:
            self.tasks[task.name]["spec"]["cancel"] = True
            self.writes += 1
        if plan.create is not None:
            self._create(deepcopy(dict(plan.create)))
            if killed_after == "create":
                raise Killed
        patch = difference(self.body["status"], plan.status or {})
        if patch:
            self.writes += 1
            for key, value in patch.items():
                self.body["status"][key] = (
                    {**self.body["status"].get(key, {}), **value} if isinstance(value, dict) else value
                )
            self.body["status"] = {key: value for key, value in self.body["status"].items() if value is not None}
            if killed_after == "status":
                raise Killed
        for task in plan.delete:
            self.writes += 1
            del self.tasks[task.name]
        return plan

    def end(self, name: str = "", *, well: bool = True, look: bool = True) -> Clockwork:
        """A task ends, after an hour by its own account if it has just been made; the only one unless named."""
        task = self.tasks[name or self.active[0]]
        started = task["metadata"]["creationTimestamp"]
        summary = {"type": "Succeeded", "status": "True" if well else "False"}
        task["status"] = {
            "run": task["spec"].get("run", 1), "startTime": started, "completionTime": stamp(self.now), "conditions": [summary],
        }  # fmt: skip
        if look:
            self.look()
        return self

    def _create(self, body: Body) -> None:
        name = body["metadata"]["name"]
        self.writes += 1
        if name in self.tasks:
            return
        body["metadata"] |= {"uid": f"uid-{name}", "creationTimestamp": stamp(self.now)}
        self.tasks[name] = body
        self.made.append((name, self.now))

    # -- what it says

    @property
    def schedule(self) -> TaskSchedule:
        """The schedule as the operator reads it."""
        return TaskSchedule.model_validate(self.body)

    @property
    def status(self) -> Body:
        """What has been written."""
        status: Body = self.body["status"]
        return status

    @property
    def names(self) -> list[str]:
        """The tasks made so far, without the schedule's name."""
        return [name.removeprefix(f"{self.body['metadata']['name']}-") for name, _ in self.made]

    @property
    def active(self) -> list[str]:
        """Tasks that have not ended."""
        return [name for name, task in self.tasks.items() if not task.get("status")]

    def condition(self, kind: str) -> str:
        """Status and reason."""
        found = [c for c in self.status.get("conditions", ()) if c["type"] == kind]
        return f"{found[0]['status']} {found[0]['reason']}" if found else ""

    def message(self, kind: str) -> str:
        """The words of a condition."""
        found: Iterator[str] = (c.get("message", "") for c in self.status.get("conditions", ()) if c["type"] == kind)
        return next(found, "")

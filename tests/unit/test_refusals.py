"""What the API server will not make: told on the task at once, tried again until it is taken."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from support.scenes import Scene, make_task

from asynctask.adapters.cluster import ApiError, Refused
from asynctask.adapters.metrics import OperatorMetrics
from asynctask.adapters.podrefusals import PodRefusals
from asynctask.context import Context
from asynctask.core import evidence
from asynctask.reconcile import Reconciler
from asynctask.scheduling import Scheduler
from asynctask.settings import OperatorSettings

QUOTA = 'jobs.batch "x" is forbidden: exceeded quota: small, requested: count/jobs.batch=1, used: 2, limited: 2'
RIGHTS = 'jobs.batch is forbidden: User "operator" cannot create resource "jobs" in API group "batch"'
KEY = ("team", "nightly")
TWO = make_task().stage("scan", needs=[]).stage("copy", needs=[])
TASK = orjson.loads(TWO.task.model_dump_json(by_alias=True, exclude_none=True))


@pytest.mark.parametrize(("said", "reason"), [(QUOTA, "QuotaExceeded"), (RIGHTS, "CreationRefused")])
@pytest.mark.parametrize("stage", [{}, {"approval": {}}], ids=["a Job", "an approval's Stage"])
def test_a_refusal_is_told_in_the_server_s_words(said: str, reason: str, stage: dict[str, Any]) -> None:
    told = make_task().stage("scan", **stage).creation_refused("scan", said).told()
    assert (told.phase, told.reason, told.actions) == ("Starting", reason, ())
    assert said in told.message
    assert told.condition("Progressing")["reason"] == reason


def test_one_stage_that_is_refused_does_not_hold_up_another() -> None:
    assert TWO.creation_refused("scan", QUOTA).told().actions == ("start copy a1",)


def test_a_refused_job_keeps_its_place_and_can_be_paused() -> None:
    refused = make_task().stage("scan").creation_refused("scan", QUOTA)
    assert refused.told().plan.holds_slot
    assert refused.paused().told().phase == "Paused"


def test_a_task_of_a_task_stage_that_is_refused() -> None:
    scene = make_task().stage("many", task={"tasks": [{"name": "one", "type": "scan"}]}).began("many", phase="Waiting")
    told = scene.creation_refused("many", QUOTA).told()
    assert (told.reason, told.actions) == ("QuotaExceeded", ())


class Server:
    """Takes what it is told to take and keeps it."""

    is_slow = False

    def __init__(self) -> None:
        self.refuses: dict[str, ApiError] = {}
        self.said: list[str] = []
        self.objects: dict[tuple[str, str], dict[str, Any]] = {("asynctasks", KEY[1]): TASK}

    @property
    def status(self) -> dict[str, Any]:
        return dict(self.objects["asynctasks", KEY[1]].get("status", {}))

    @property
    def jobs(self) -> list[str]:
        return [name for plural, name in self.objects if plural == "jobs"]

    async def create(self, resource: Any, _: str, body: dict[str, Any]) -> dict[str, Any]:
        if error := self.refuses.get(resource.plural):
            raise error
        meta = {**body["metadata"], "uid": f"uid-{body['metadata']['name']}"}
        return self._keep(resource.plural, {**body, "metadata": meta})

    async def patch(self, resource: Any, _: str, name: str, body: dict[str, Any], __: str = "") -> dict[str, Any]:
        known = self.objects[resource.plural, name]
        if resource.plural == "stages":
            self.said.append(body["status"]["phase"])
        status = {**known.get("status", {}), **body["status"]}
        return self._keep(resource.plural, {**known, "status": {k: v for k, v in status.items() if v is not None}})

    def _keep(self, plural: str, body: dict[str, Any]) -> dict[str, Any]:
        known = self.objects.get((plural, body["metadata"]["name"]), {"metadata": {"resourceVersion": "100"}})
        version = str(int(known["metadata"]["resourceVersion"]) + len(self.objects))
        meta = {"creationTimestamp": "2030-01-01T12:00:00Z", **body["metadata"], "resourceVersion": version}
        kept = {**body, "metadata": meta}
        self.objects[plural, meta["name"]] = kept
        return kept


@pytest.mark.parametrize("kind", ["jobs", "stages"])
def test_a_refused_task_says_so_at_once_and_goes_on_by_itself(kind: str) -> None:
    async def story() -> None:
        server = Server()
        settings = OperatorSettings(display_delay_seconds=0, queued_display_delay_seconds=0)
        context = Context(settings, server, OperatorMetrics())  # type: ignore[arg-type]  # stands in for the client
        scheduler = Scheduler(context.queue.add)
        reconciler = Reconciler(context, scheduler)
        context.store.apply_task("ADDED", TASK)

        server.refuses[kind] = Refused(403, "Forbidden", QUOTA)
        await reconciler.reconcile(KEY)
        assert not server.jobs
        assert server.status["phase"] == "Starting"
        assert QUOTA in server.status["message"]
        assert [line["reason"] for line in server.status["stages"]] == ["QuotaExceeded"] * 2
        await reconciler.reconcile(KEY)
        assert "Running" not in server.said, "of a Stage whose Job was refused"
        assert context.queue.delayed == 1, "it is tried again after a pause"

        del server.refuses[kind]
        await reconciler.reconcile(KEY)
        assert server.said == (["Starting", "Starting", "Running", "Running"] if kind == "jobs" else [])
        assert len(server.jobs) == 2
        assert server.status["phase"] == "Running"

    asyncio.run(story())


POD_QUOTA = 'Error creating: pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: 2, limited: 2'
POD_SECURITY = 'Error creating: pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
WAITS = make_task().stage("scan").began("scan").job("scan", seconds_ago=60)


@pytest.mark.parametrize(("said", "reason"), [(POD_QUOTA, "QuotaExceeded"), (POD_SECURITY, "PodPending")])
def test_a_refused_pod_is_told_in_the_job_controller_s_words(said: str, reason: str) -> None:
    told = WAITS.pod_refused("scan", said).told()
    assert (told.phase, told.reason) == ("Starting", reason)
    assert said in told.message
    assert "kubectl describe job" in WAITS.told().message


def test_only_jobs_without_a_pod_are_asked_about() -> None:
    def in_vain(scene: Scene) -> int:
        facts = scene.facts
        return len(evidence.in_vain(facts.jobs.values(), facts.pods, facts.now - timedelta(seconds=20)))

    job = make_task().stage("scan").began("scan")
    assert in_vain(WAITS) == 1
    assert in_vain(WAITS.pod("scan", "Failed", exit_code=1)) == 1
    assert in_vain(WAITS.pod("scan", "Pending")) == in_vain(job.job("scan", seconds_ago=19)) == 0
    assert in_vain(job.job("scan", suspend=True)) == in_vain(job.job("scan", condition=("Failed", ""))) == 0


class Events:
    """A namespace's events, and how often they were listed."""

    def __init__(self, failure: ApiError | None = None) -> None:
        self.failure = failure
        self.asked: list[str] = []

    async def pages(self, resource: Any, namespace: str, *, fields: str) -> AsyncIterator[tuple[bytes, str]]:
        self.asked.append(f"{namespace} {resource.plural} {fields}")
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        yield orjson.dumps({"items": [{"regarding": {"uid": "one"}, "note": POD_QUOTA, "type": "Warning"}]}), "7"


def test_events_are_listed_once_for_all_that_ask() -> None:
    async def story() -> None:
        events = Events()
        refusals = PodRefusals(events)  # type: ignore[arg-type]  # stands in for the client
        assert await refusals.of("team", ()) == {}
        assert not events.asked
        answers = await asyncio.gather(*(refusals.of("team", {"one", "two"}) for _ in range(50)))
        assert answers == [{"one": POD_QUOTA}] * 50
        assert events.asked == ["team events reason=FailedCreate"]

    asyncio.run(story())


def test_events_that_may_not_be_read_are_no_obstacle() -> None:
    refusals = PodRefusals(Events(Refused(403, "Forbidden", RIGHTS)))  # type: ignore[arg-type]
    assert asyncio.run(refusals.of("team", {"one"})) == {}

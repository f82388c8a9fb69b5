"""What a task asks admission for: when its turn is, what it takes up, what it locks."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.scenes import NOW, Scene, ago, make_task

from asynctask.api.names import ANNOTATION_DISPLACED_BY, ANNOTATION_DISPLACED_TIME
from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.tasktype import TaskType
from asynctask.core import requests
from asynctask.core.admission.model import EndpointUse, Running, Task
from asynctask.core.facts import Resolved

T = NOW.timestamp()
ONE = make_task().stage("copy")
MARKS = {ANNOTATION_DISPLACED_BY: "Displaced|task urgent", ANNOTATION_DISPLACED_TIME: ago(30)}


def asks(scene: Scene, first_asked: float = T) -> Task:
    assert isinstance(scene.resolved, Resolved)
    return requests.task(scene.facts, scene.resolved, first_asked)


def runs(scene: Scene, first_asked: float = T) -> Running:
    assert isinstance(scene.resolved, Resolved)
    return requests.running(scene.facts, scene.resolved, first_asked)


def endpoint(name: str, path: str, claim: str = "", sub_path: str = "") -> StorageEndpoint:
    volume = {"claimName": claim or name, "subPath": sub_path}
    return StorageEndpoint.model_validate({"metadata": {"name": name}, "spec": {"path": path, "volume": volume}})


def remote(name: str) -> StorageEndpoint:
    server = {"type": "S3", "url": "https://s3.example.com/b"}
    return StorageEndpoint.model_validate({"metadata": {"name": name}, "spec": {"remote": server}})


def using(*endpoints: StorageEndpoint, **config: Any) -> Scene:
    fields = [{"field": name, "access": "Write" if name == "target" else "Read"} for name in config]
    scene = ONE.with_spec(config=config, locations=fields)
    return replace(scene, endpoints={each.metadata.name: each for each in endpoints})


def test_its_turn_is_when_it_was_made_and_its_class_what_its_spec_says() -> None:
    task = asks(ONE.with_spec(priority=2, queueName="bulk"))
    assert (task.key, task.queue, task.priority, task.submitted) == (("team", "nightly"), "bulk", 2, T - 600)


@pytest.mark.parametrize(
    ("scene", "away"),
    [
        pytest.param(ONE, 590, id="it asked ten seconds ago for the first time"),
        pytest.param(
            ONE.with_status(run=1, waiting={"reason": "QueueFull", "queue": "default", "since": ago(500)}), 100,
            id="it has said since when it waits"),
        pytest.param(
            ONE.with_status(run=1, waiting={"reason": "DependencyPending", "since": ago(500)}), 590,
            id="it said that it waits for something else than its turn"),
        pytest.param(
            ONE.began("copy").job("copy", suspend=True, annotations=MARKS), 570, id="it was pushed out"),
    ],
)  # fmt: skip
def test_time_in_which_it_did_not_wait_does_not_age_it(scene: Scene, away: float) -> None:
    assert asks(scene, T - 10).away_seconds == away


def in_hours(scene: Scene, *ranges: str, **more: Any) -> Scene:
    spans = [dict(zip(("start", "end"), each.split("-"), strict=True)) for each in ranges]
    return scene.with_spec(window={"ranges": spans, **more})


@pytest.mark.parametrize(
    ("ranges", "shut"),
    [
        pytest.param(["11:57-20:00"], 200, id="it waited 200 seconds for its window to open"),
        pytest.param(["11:53-11:54", "11:58-20:00"], 240, id="it was shut twice"),
        pytest.param(["08:00-20:00"], 0, id="it was open all the time"),
    ],
)
def test_time_in_which_its_window_is_shut_does_not_age_it(ranges: list[str], shut: float) -> None:
    waiting = {"reason": "OutsideWindow", "queue": "default", "since": ago(380)}
    scene = in_hours(ONE.with_status(run=1, waiting=waiting), *ranges)
    asked = asks(scene)
    assert (asked.submitted, asked.away_seconds, asked.shut_seconds) == (T - 600, 220, shut)


def test_while_its_window_is_open_it_asks_the_same_again_and_again() -> None:
    scene = in_hours(
        ONE.with_status(run=1, waiting={"reason": "OutsideWindow", "queue": "default", "since": ago(380)}),
        "11:57-20:00",
    )
    assert len({asks(replace(scene, now=NOW + timedelta(seconds=more / 3))) for more in range(100)}) == 1


def test_one_that_may_finish_outside_its_hours_has_waited_no_longer_for_that() -> None:
    window = in_hours(ONE, "11:57-11:59", atClose="Finish").began("copy").job("copy", active=1, started_ago=100)
    running = runs(window, T - 600)
    assert (running.started, running.task.shut_seconds) == (T - 100, 420)


def test_a_later_run_takes_its_turn_anew() -> None:
    again = ONE.with_spec(run=2)
    assert asks(again, T - 5).submitted == T - 5
    assert asks(again.began("copy", run=2, seconds_ago=90), T - 5).submitted == T - 90


def test_a_task_takes_up_what_its_stages_request_and_what_it_needs_of_its_endpoints() -> None:
    scene = using(endpoint("photos", "/nas/photos"), remote("cloud"), source="/nas/photos/a", target="cloud:/b")
    scene = scene.with_spec(minMegabytesPerSecond=20)
    assert asks(scene).endpoints == (
        EndpointUse(("team", "cloud"), megabytes_per_second=20), EndpointUse(("team", "photos"), megabytes_per_second=20)
    )  # fmt: skip
    heavy = make_task().stage("copy", job={"image": "x", "resources": {"requests": {"cpu": "2", "memory": "1Ki"}}})
    assert (asks(heavy).cpu_milli, asks(heavy).memory_bytes) == (2000, 1024)


def locks(scene: Scene) -> list[tuple[str, str, str]]:
    return [(each.endpoint[1], each.path, each.access) for each in asks(scene).locations]


def test_what_it_uses_is_locked_as_it_uses_it() -> None:
    scene = using(endpoint("photos", "/nas/photos"), remote("cloud"), source="/nas//photos/a/./b", target="cloud:/c/d")
    assert locks(scene) == [("claim:photos", "/a/b", "Read"), ("cloud", "/c/d", "Write")]


def test_two_names_of_one_share_are_one_share() -> None:
    whole, part = endpoint("all", "/nas/all", "pool"), endpoint("photos", "/nas/photos", "pool", "shares/photos")
    assert locks(using(whole, part, source="/nas/photos/2030", target="/nas/all/shares/photos")) == [
        ("claim:pool", "/shares/photos/2030", "Read"), ("claim:pool", "/shares/photos", "Write")]  # fmt: skip


@pytest.mark.parametrize(
    ("locked", "shown"),
    [
        ("/shares/photos/2030", "/nas/photos/2030"),
        ("/shares/photos/2030/may", "/nas/photos/2030/may"),
        ("/shares", "/nas/photos"),
        ("/b/x", "cloud:/b/x"),
        ("/elsewhere", "/elsewhere"),
    ],
)
def test_a_locked_path_is_told_as_users_know_it(locked: str, shown: str) -> None:
    known = (endpoint("photos", "/nas/photos", "pool", "shares/photos"), remote("cloud"))
    mine = asks(using(*known, source="/nas/photos/2030", target="cloud:/b")).locations
    assert requests.as_users_know_it(locked, mine, [("team", each) for each in known]) == shown


@pytest.mark.parametrize(
    ("own", "of_type", "may_be_pushed_out"),
    [(None, None, True), (False, None, False), (None, False, False), (True, False, True), (False, True, False)],
)
def test_whether_it_may_be_pushed_out_is_its_own_word_or_its_types(
    own: bool | None, of_type: bool | None, may_be_pushed_out: bool
) -> None:
    scene = ONE
    if of_type is not None:
        stages = [{"name": "copy", "job": {"image": "x"}}]
        kind = TaskType.model_validate({"metadata": {"name": "t"}, "spec": {"stages": stages, "preemptible": of_type}})
        scene = replace(make_task().with_spec(type="t"), type=kind)
    if own is not None:
        scene = scene.with_spec(preemptible=own)
    assert asks(scene).preemptible is may_be_pushed_out


@pytest.mark.parametrize("policy", ["Skip", "Fail"])
def test_its_overlap_policy_holds_until_it_has_begun(policy: str) -> None:
    scene = ONE.with_spec(overlapPolicy=policy)
    assert asks(scene).overlap_policy == policy
    assert asks(scene.began("copy")).overlap_policy == "Wait"


def test_what_runs_has_run_since_its_job_started_and_may_have_saved_a_checkpoint() -> None:
    scene = ONE.began("copy", checkpoint={"sequence": 3, "time": ago(7)}).job("copy", active=1, started_ago=40)
    assert (runs(scene).started, runs(scene).checkpoint) == (T - 40, T - 7)
    assert (runs(ONE).started, runs(ONE).checkpoint) == (T, None)


def test_who_was_pushed_out_and_still_stops_is_known_for_one_that_leaves() -> None:
    stops = ONE.began("copy").job("copy", suspend=True, annotations=MARKS).pod("copy", asked_ago=1)
    assert runs(stops).is_leaving
    assert not runs(ONE.began("copy").job("copy", suspend=True, annotations=MARKS)).is_leaving, (
        "it has stopped, and may go on"
    )
    assert not runs(ONE.began("copy").job("copy", suspend=True).pod("copy", asked_ago=1)).is_leaving, "it is paused"
    assert not runs(ONE.running("copy")).is_leaving

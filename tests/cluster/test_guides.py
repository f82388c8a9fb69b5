"""The guides on who runs when, done as they say: their manifests applied, and what they promise looked for."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.api import Refused
from support.estate import Estate
from support.kubelet import Script
from support.operators import OperatorProcess
from support.schedules import tasks_of, told, until

from asynctask.api.kinds import KINDS
from asynctask.api.names import API_VERSION
from asynctask.api.window import Window
from asynctask.core import windows

PROJECT = Path(__file__).parents[2]
MANIFESTS = PROJECT / "docs" / "how-to" / "manifests"
CLUSTER_WIDE = {kind.name: kind.plural for kind in KINDS if not kind.namespaced}
LONG = Script(runs=300, stopping=1)
Body = dict[str, Any]
Apply = Callable[..., list[str]]


@pytest.fixture(scope="module")
def apply(estate: Estate, operator: OperatorProcess) -> Iterator[Apply]:
    """Creates what is in a file, in the estate's namespace; returns the names of its tasks."""
    made: list[str] = []

    def run(file: Path, *only: str) -> list[str]:
        tasks = []
        for body in yaml.safe_load_all(file.read_text()):
            name = body["metadata"]["name"]
            if only and name not in only:
                continue
            body["metadata"].pop("namespace", None)
            estate.api.create(body)
            if plural := CLUSTER_WIDE.get(body["kind"]):
                made.append(f"/apis/{API_VERSION}/{plural}/{name}")
            if body["kind"] == "AsyncTask":
                tasks.append(name)
        return tasks

    run(PROJECT / "charts/asynctask/files/tasktypes/file-backup.yaml")
    run(MANIFESTS / "storage.yaml")
    yield run
    for path in made:
        estate.api.call("DELETE", path)


def stop(estate: Estate, *names: str) -> None:
    for name in names:
        estate.change(name, cancel=True)
    estate.until_all_ended(list(names), within=30)


def until_it_waits(estate: Estate, name: str, reason: str) -> Body:
    """Its `status.waiting`, once it waits for that."""
    task = estate.until_holds(name, lambda t: (t["status"].get("waiting") or {}).get("reason") == reason, why=reason)
    found: Body = task["status"]["waiting"]
    return found


def test_urgent_work_pushes_lesser_work_out(estate: Estate, apply: Apply) -> None:
    estate.kubelet.plays("video", "", LONG)
    apply(MANIFESTS / "urgent-first.yaml", "urgent-first", "video")
    estate.until_running("video", "metadata")
    estate.kubelet.plays("invoices", "", Script(runs=1))
    apply(MANIFESTS / "urgent-first.yaml", "invoices")
    assert until_it_waits(estate, "video", "Displaced")["displacedBy"] == "task invoices of priority 1"
    estate.until("invoices", "True Succeeded", within=40)
    estate.until_running("video", "metadata")
    stop(estate, "video")


def test_of_three_backups_one_runs_one_waits_and_one_is_skipped(estate: Estate, apply: Apply) -> None:
    estate.kubelet.plays("all-photos", "", LONG)
    apply(MANIFESTS / "overlap.yaml", "all-photos")
    estate.until_running("all-photos", "metadata")
    apply(MANIFESTS / "overlap.yaml", "photos-of-may", "all-photos-again")
    assert until_it_waits(estate, "photos-of-may", "LocationLocked")["holder"] == "all-photos"
    assert estate.until("all-photos-again", "False Skipped")["status"]["phase"] == "Skipped"
    estate.change("all-photos", cancel=True)
    estate.until("photos-of-may", "True Succeeded", within=40)


def test_at_night_only(estate: Estate, apply: Apply) -> None:
    apply(MANIFESTS / "night-window.yaml")
    path = f"/apis/{API_VERSION}/taskqueues/night"
    window = Window.model_validate(estate.api.get(path)["spec"]["window"])
    if not windows.is_open([window], datetime.now(UTC)):
        assert until_it_waits(estate, "photos", "OutsideWindow")["earliestStartTime"]
        estate.api.merge(path, {"spec": {"window": None}})
    estate.until("photos", "True Succeeded", within=40)


def test_a_share_is_limited_and_a_rate_promised(estate: Estate, apply: Apply) -> None:
    path = estate.path("storageendpoints", "projects")
    estate.api.merge(path, {"spec": yaml.safe_load((MANIFESTS / "bandwidth.yaml").read_text())["spec"]})
    promised = yaml.safe_load((MANIFESTS / "bandwidth-promise.yaml").read_text())["spec"]
    estate.kubelet.plays("before-the-audit", "", LONG)
    apply(MANIFESTS / "bandwidth-promise.yaml")
    estate.until_running("before-the-audit", "metadata")
    estate.api.merge(path, {"spec": {"limits": {"megabytesPerSecond": 90, "timetable": None}}})
    config = {"source_path": "/nas/projects/sales", "destination_path": "/nas/backup/sales"}
    estate.submit(name="beside-the-audit", **{**promised, "config": config})
    waiting = until_it_waits(estate, "beside-the-audit", "BandwidthUnavailable")
    assert waiting["resource"] == "projects"
    assert "it needs 50 MB/s of storage endpoint projects, and 50 of 90 MB/s are promised" in waiting["message"]
    estate.api.merge(path, {"spec": {"limits": {"megabytesPerSecond": 100}}})
    estate.until("beside-the-audit", "True Succeeded", within=40)
    stop(estate, "before-the-audit")
    estate.api.merge(path, {"spec": {"limits": None}})


def test_each_night_a_backup(estate: Estate, apply: Apply) -> None:
    apply(MANIFESTS / "nightly-backup.yaml")
    path = estate.path("taskschedules", "projects")
    status = until(estate, path, lambda s: told(s, "Ready") == "True Scheduled", "it is ready")
    assert len(status["nextScheduleTimes"]) == 3
    assert told(status, "Fresh") == "Unknown NeverSucceeded"
    estate.api.merge(path, {"spec": {"runNow": 1}})
    status = until(estate, path, lambda s: s.get("lastSuccess"), "the run by hand succeeds", within=40)
    assert told(status, "Fresh").startswith("True ")
    assert "projects-now-1" in tasks_of(estate, "projects")
    estate.api.call("DELETE", path)


def test_one_task_after_another(estate: Estate, apply: Apply) -> None:
    apply(MANIFESTS / "dependencies-after-backup.yaml")
    assert until_it_waits(estate, "second-copy", "DependencyMissing")["holder"] == "nightly"
    apply(MANIFESTS / "file-backup.yaml", "nightly")
    for name in ("nightly", "second-copy"):
        estate.until(name, "True Succeeded", within=40)
    first, then = estate.kubelet.lives_of("nightly"), estate.kubelet.lives_of("second-copy")
    assert max(life.ended or 0 for life in first) <= min(life.begun for life in then)


@pytest.mark.parametrize(
    ("file", "parent"), [("fan-out.yaml", "move-departments"), ("fan-out-folders.yaml", "each-folder")]
)
def test_a_backup_for_each_of_a_list(estate: Estate, apply: Apply, file: str, parent: str) -> None:
    folders = '{"outcome":"succeeded","outputs":{"folders":["sales","research","archive"]}}'
    assert parent == "move-departments" or folders in (MANIFESTS / file).read_text()
    estate.kubelet.plays(parent, "list", Script(message=folders))
    apply(MANIFESTS / file)
    estate.until(parent, "True Succeeded", within=60)
    path = f"{estate.path('asynctasks')}?labelSelector=asynctask.io%2Fstage%3Dcopy"
    found = [task for task in estate.api.get(path)["items"] if task["metadata"]["name"].startswith(parent)]
    sources = sorted(task["spec"]["config"]["source_path"] for task in found)
    assert sources == ["/nas/projects/archive", "/nas/projects/research", "/nas/projects/sales"]


def test_stages_side_by_side_and_a_clean_up(estate: Estate, apply: Apply) -> None:
    apply(MANIFESTS / "stages-clean-up.yaml")
    task = estate.until("frozen-copy", "True Succeeded", within=40)
    phases = {stage["name"]: stage["phase"] for stage in task["status"]["stages"]}
    assert phases.pop("alarm") == "Skipped"
    assert set(phases.values()) == {"Succeeded"}


def test_a_queue_that_takes_one_at_a_time(estate: Estate, apply: Apply) -> None:
    apply(MANIFESTS / "one-at-a-time.yaml")
    names = [f"single-{number}" for number in range(3)]
    for name in names:
        config = {"source_path": f"/nas/projects/{name}", "destination_path": f"/nas/backup/{name}"}
        estate.submit(name=name, type="file-backup", queueName="one-at-a-time", config=config)
    estate.until_all_ended(names, within=60)
    lives = sorted((life for name in names for life in estate.kubelet.lives_of(name)), key=lambda life: life.begun)
    assert len(lives) == 9
    assert all((before.ended or 0) <= after.begun for before, after in itertools.pairwise(lives))


def test_what_a_guide_refuses_is_refused(estate: Estate, apply: Apply) -> None:
    apply(MANIFESTS / "queue-kueue.yaml")
    with pytest.raises(Refused, match="Kueue"):
        estate.api.merge(f"/apis/{API_VERSION}/taskqueues/shared", {"spec": {"maxRunning": 3}})

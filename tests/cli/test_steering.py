"""Pause, resume, cancel, restart, priority, delete: each says what became of it, and may be repeated."""

from cli.conftest import CommandLine
from support.estate import Estate, job
from support.kubelet import Script


def running(estate: Estate, name: str, *more: dict[str, object]) -> str:
    estate.kubelet.plays(name, "copy", Script(runs=600))
    estate.submit(job("copy"), *more, name=name)
    estate.until_running(name, "copy")
    return name


def test_pause_and_resume(run: CommandLine, estate: Estate) -> None:
    running(estate, "paused")
    assert "asynctask/paused paused" in run.here("pause", "paused").out
    estate.until_condition("paused", "Paused", "True Suspended")
    assert "is paused already" in run.here("pause", "paused").out
    assert "asynctask/paused resumed" in run.here("resume", "paused").out
    estate.until_running("paused", "copy")
    assert "is not paused" in run.here("resume", "paused").out
    run.here("cancel", "paused")


def test_cancel_and_restart_from_a_stage(run: CommandLine, estate: Estate) -> None:
    name = "again"
    estate.kubelet.plays(name, "copy", Script(exit_code=65), Script(), Script(exit_code=65), Script())
    estate.submit(job("scan"), job("copy"), name=name)
    estate.until(name, "False PermanentError")
    assert "has ended (Failed); nothing to cancel" in run.here("cancel", name).out
    assert "it has: scan, copy" in run.here("restart", name, "--from", "verify", code=2).err
    assert "restarted from copy" in run.here("restart", name, "--from", "copy").out
    estate.until(name, "True Succeeded")
    assert [life.stage for life in estate.kubelet.lives_of(name)] == ["scan", "copy", "copy"]
    run.here("restart", name, "--from", "copy")  # the same stage once more takes two steps underneath
    estate.until_holds(name, lambda task: task["status"].get("run") == 3, why="the third run")


def test_tasks_are_chosen_by_label(run: CommandLine, estate: Estate) -> None:
    for name in ("red-1", "red-2", "blue"):
        estate.submit(job("copy"), name=name, suspend=True)
        estate.api.merge(estate.path("asynctasks", name), {"metadata": {"labels": {"colour": name.split("-")[0]}}})
    said = run.here("resume", "-l", "colour=red")
    assert sorted(said.out.split("\n"))[1:] == ["asynctask/red-1 resumed", "asynctask/red-2 resumed"]
    assert "say which tasks" in run.here("resume", code=2).err
    assert "say which tasks" in run.here("resume", "blue", "--all", code=2).err


def test_priority(run: CommandLine, estate: Estate) -> None:
    estate.submit(job("copy"), name="urgent", suspend=True)
    assert "has priority 1" in run.here("priority", "urgent", "1").out
    assert estate.task("urgent")["spec"]["priority"] == 1
    run.here("priority", "urgent", "9", code=2)


def test_deleting_what_runs_asks_first(run: CommandLine, estate: Estate) -> None:
    running(estate, "doomed")
    run.here("delete", "doomed", code=1, stdin="n\n")
    assert estate.task("doomed")
    uid = estate.task("doomed")["metadata"]["uid"]
    assert "asynctask/doomed deleted" in run.here("delete", "doomed", "--yes").out
    estate.until_nothing_is_left_of(uid)


def test_a_task_that_there_is_not(run: CommandLine) -> None:
    for command in (
        ["pause"],
        ["resume"],
        ["cancel"],
        ["restart"],
        ["get"],
        ["watch"],
        ["why"],
        ["logs"],
        ["delete", "-y"],
    ):
        said = run.here(*command, "nobody", code=4)
        assert 'asynctasks.asynctask.io "nobody" not found' in said.err, command

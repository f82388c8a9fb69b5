"""Looking: lists, details, waiting reasons, watching, the estate, the doctor."""

import json
import signal

import yaml
from cli.conftest import CommandLine
from support.estate import Estate, job
from support.kubelet import Script

MESSAGE = '{"outcome":"partial","reason":"ItemsFailed","message":"2 of 9 items failed"}'


def test_lists_say_what_kubectl_says(run: CommandLine, estate: Estate) -> None:
    estate.until(estate.submit(job("copy"), name="listed"), "True Succeeded")
    lines = run.here("list").out.splitlines()
    assert lines[0].split() == ["NAME", "PHASE", "STAGE", "PROGRESS", "PRIORITY", "QUEUE", "AGE"]
    (line,) = [line.split() for line in lines if line.startswith("listed ")]
    assert line[1] == "Succeeded"
    assert "MESSAGE" in run.here("list", "-o", "wide").out
    assert "asynctask.asynctask.io/listed" in run.here("list", "-o", "name").out.splitlines()
    assert "listed" in [one["metadata"]["name"] for one in json.loads(run.here("list", "-o", "json").out)["items"]]
    assert yaml.safe_load(run.here("get", "listed", "-o", "yaml").out)["metadata"]["name"] == "listed"
    assert "listed" in run.here("list", "--phase", "succeeded").out
    assert "listed" not in run.here("list", "--phase", "Failed").out
    assert estate.namespace in run("list", "-A").out


def test_details_of_a_failure(run: CommandLine, estate: Estate) -> None:
    estate.kubelet.plays("details", "copy", Script(exit_code=65, message="no such share"))
    estate.until(estate.submit(job("copy"), name="details", config={"where": "/nas/x"}), "False PermanentError")
    out = run.here("get", "details").out
    for said in ("Failed", "stage copy: exit code 65: no such share", "/nas/x", "copy"):
        assert said in out


def test_watching_ends_as_the_task_does(run: CommandLine, estate: Estate) -> None:
    estate.kubelet.plays("fails", "copy", Script(exit_code=65))
    estate.kubelet.plays("half", "copy", Script(exit_code=3, message=MESSAGE))
    for name in ("fails", "half", "goes-well"):
        estate.submit(job("copy"), name=name)
    assert "fails: Failed" in run.here("watch", "fails", code=1).out
    assert "half: Partial" in run.here("watch", "half", code=3).out
    run.here("watch", "goes-well")
    run.here("watch", "goes-well", "half", "fails", code=1)


def test_watching_can_be_left(run: CommandLine, estate: Estate) -> None:
    estate.kubelet.plays("long", "copy", Script(runs=600))
    estate.submit(job("copy"), name="long")
    with run.process("watch", "long", "-n", estate.namespace) as process:
        assert process.stdout
        assert "long:" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    run.here("cancel", "long")


def test_why_a_task_waits(run: CommandLine, estate: Estate) -> None:
    estate.submit(job("copy"), name="held", suspend=True)
    estate.until_condition("held", "Paused", "True Suspended")
    assert "asynctask resume held" in run.here("why", "held").out
    estate.submit(name="strange", type="no-such-type")
    estate.until_condition("strange", "Admitted", "False UnknownType")
    out = run.here("why", "strange").out
    assert "UnknownType" in out
    assert "mend the field" in out


def test_a_decision(run: CommandLine, estate: Estate) -> None:
    estate.submit({"name": "ask", "approval": {"message": {"en": "Delete all?"}}}, job("copy"), name="asked")
    estate.until_holds("asked", lambda task: task["status"].get("stages", [{}])[0].get("object"), why="the stage waits")
    assert "Delete all?" in run.here("review", "list").out
    assert "asynctask review approve asked" in run.here("why", "asked").out
    assert "asked/ask approved" in run.here("review", "approve", "asked", "-m", "fine").out
    estate.until("asked", "True Succeeded")
    assert "waits for a decision" in run.here("review", "reject", "asked", code=4).err


def test_types(run: CommandLine, task_type: str) -> None:
    assert task_type in run("types", "list").out
    out = run("types", "show", task_type).out
    for said in ("Copies things.", "label", "(required)", "count", "3", f"asynctask submit {task_type} -c label="):
        assert said in out


def test_queues(run: CommandLine, estate: Estate) -> None:
    name = f"{estate.namespace}-q"
    body = {"kind": "TaskQueue", "metadata": {"name": name}, "spec": {"maxRunning": 0}}
    estate.api.create(body)
    try:
        estate.submit(job("copy"), name="in-line", queueName=name)
        estate.until_holds("in-line", lambda task: task["status"].get("waiting"), why="it is told that it waits")
        assert name in run("queue", "list").out
        assert "in-line" in run("queue", "get", name).out
        assert f"asynctask queue get {name}" in run.here("why", "in-line").out
        assert "suspended" in run("queue", "suspend", name).out
        assert "resumed" in run("queue", "resume", name).out
        run("queue", "limit", name, "1")
        estate.until("in-line", "True Succeeded")
    finally:
        estate.api.delete(body)


def test_schedules(run: CommandLine, estate: Estate) -> None:
    spec = {"schedule": "0 3 * * *", "timeZone": "Asia/Taipei", "taskTemplate": {"spec": {"stages": [job("copy")]}}}
    body = {"kind": "TaskSchedule", "metadata": {"name": "nightly"}, "spec": spec}
    estate.api.create(body)
    path = estate.path("taskschedules", "nightly")
    estate.api.until(path, lambda found: found.get("status", {}).get("nextScheduleTimes"), within=20, why="next times")
    assert "Asia/Taipei" in run.here("schedule", "list").out
    assert "Next" in run.here("schedule", "get", "nightly").out
    run.here("schedule", "run", "nightly")
    estate.api.until(path, lambda found: found["status"].get("lastTask"), within=20, why="a task is made")
    run.here("schedule", "suspend", "nightly")
    assert "Suspended" in run.here("schedule", "get", "nightly").out
    run.here("schedule", "resume", "nightly")
    estate.api.delete(body)


def test_endpoints(run: CommandLine, estate: Estate) -> None:
    spec = {"path": "/nas/photos", "volume": {"claimName": "photos"}, "limits": {"megabytesPerSecond": 50}}
    body = {"kind": "StorageEndpoint", "metadata": {"name": "photos"}, "spec": spec}
    estate.api.create(body)
    assert "/nas/photos" in run.here("endpoints", "list").out
    assert "50 MB/s" in run.here("endpoints", "show", "photos").out
    assert "its claim photos is missing" in run.here("doctor", "--system", estate.namespace).out
    estate.api.delete(body)


def test_the_doctor_finds_a_silent_operator(run: CommandLine, estate: Estate) -> None:
    assert "the operator leads" in run.here("doctor", "--system", estate.namespace).out
    assert "no operator has ever led" in run.here("doctor", "--system", "default").out


def test_without_a_server(run: CommandLine) -> None:
    nowhere = CommandLine(run.kubeconfig.with_name("absent"), run.namespace)
    assert "no cluster to talk to" in nowhere("list", code=6).err
    assert "Traceback" not in nowhere("list", code=6).err


def test_names_are_completed(run: CommandLine, estate: Estate) -> None:
    estate.submit(job("copy"), name="complete-me", suspend=True)
    words = ["pause", "-n", estate.namespace, "complete"]
    with run.process_of("asynctask.cli.completion", *words) as process:
        out, err = process.communicate(timeout=30)
    assert out.split() == ["complete-me", ":4"], err

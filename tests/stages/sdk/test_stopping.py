"""Signals, power cuts and the stop command, against real processes."""

import json
import signal
import sys

import pytest

from asynctask_stage.testing import run_process

COUNT = """
    first = (stage.checkpoint or {"n": 0})["n"]
    for n in range(first, 10_000):
        stage.check()
        stage.progress(items_done=n + 1)
        stage.save({"n": n + 1, "first": first})
        time.sleep(0.001)
        if n - first == 400 and first:
            break
    return {"first": first}
"""


def far_enough(gateway):
    return gateway.checkpoint and gateway.checkpoint["n"] >= 50


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_a_checkpoint_and_ends_with_143(gateway, make_pod, program, signum):
    pod = make_pod()
    result = run_process(program(COUNT), pod.variables, gateway=gateway, when=far_enough, signum=signum)
    assert result.exit_code == 143, result.output
    assert gateway.completions[-1]["outcome"] == result.termination["outcome"] == "stopped"
    assert gateway.checkpoint["n"] == gateway.completions[-1]["progress"]["itemsDone"]


def test_after_a_power_cut_it_goes_on_from_its_checkpoint(gateway, make_pod, program, workspace):
    path = program(COUNT)
    variables = make_pod(workspace=workspace).variables
    cut = run_process(path, variables, gateway=gateway, when=far_enough, signum=signal.SIGKILL)
    assert cut.exit_code == 137
    assert cut.termination is None
    local = json.loads((workspace / ".asynctask" / "r1-content.json").read_text())["data"]["n"]
    had = max(gateway.checkpoint["n"], local)
    resumed = run_process(path, make_pod(workspace=workspace, attempt=2).variables)
    assert resumed.exit_code == 0, resumed.output
    assert gateway.completions[-1]["outputs"] == {"first": had}


def test_work_that_hangs_in_a_system_call_still_ends_in_time(gateway, make_pod, program, workspace):
    body = """
        stage.register_checkpoint(lambda: {"cursor": "here"})
        stage.progress(items_done=1)
        threading.Thread(target=time.sleep, args=(3600,)).start()
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
    """
    variables = make_pod(workspace=workspace, grace=1.5).variables
    result = run_process(program(body), variables, gateway=gateway, when=lambda seen: seen.reports, timeout=10)
    assert result.exit_code == 143, result.output
    assert gateway.checkpoint == {"cursor": "here"}
    assert gateway.completions[-1]["outcome"] == "stopped"


def test_it_ends_in_time_while_the_gateway_is_away(gateway, make_pod, program, workspace):
    variables = make_pod(workspace=workspace, grace=1.5, patience=60).variables

    def cut_off(seen):
        if far_enough(seen):
            seen.down()
            return True
        return False

    result = run_process(program(COUNT), variables, gateway=gateway, when=cut_off, timeout=10)
    assert result.exit_code == 143, result.output
    assert result.termination["outcome"] == "stopped"
    assert json.loads((workspace / ".asynctask" / "r1-content.json").read_text())["data"]["n"] >= 50


def test_a_thread_left_over_does_not_hold_the_process(gateway, make_pod, program):
    body = "threading.Thread(target=time.sleep, args=(3600,)).start()"
    result = run_process(program(body), make_pod().variables, timeout=10)
    assert result.exit_code == 0, result.output


def test_the_stop_command_is_obeyed(gateway, pod):
    def main(stage):
        stage.register_checkpoint(lambda: {"cursor": "z"})
        gateway.command("stop")
        stage.sleep(60)

    assert pod.run(main) == 143
    assert gateway.checkpoint == {"cursor": "z"}
    assert gateway.completions[-1].items() >= {"outcome": "stopped", "class": None}.items()


def test_work_that_finishes_after_the_stop_has_succeeded(gateway, pod):
    def main(stage):
        gateway.command("stop")
        gateway.wait_for(lambda _seen: stage.stopping)
        return {"n": 1}

    assert pod.run(main) == 0
    assert gateway.completions[-1]["outcome"] == "succeeded"


@pytest.mark.parametrize(("error", "code"), [("BrokenPipeError()", 143), ("asynctask_stage.PermanentError('x')", 65)])
def test_what_breaks_because_of_the_stop_is_a_stop(gateway, make_pod, program, error, code):
    body = f"""
        os.kill(os.getpid(), signal.SIGTERM)
        while not stage.stopping:
            time.sleep(0.01)
        raise {error}
    """
    assert run_process(program(body), make_pod().variables).exit_code == code


def test_the_signal_of_a_forked_worker_is_its_own(make_pod, program):
    body = """
        child = os.fork()
        if not child:
            signal.signal(signal.SIGTERM, lambda *_: None)
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        os.waitpid(child, 0)
        child = os.fork()
        if not child:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        time.sleep(0.1)
        return {"signal": os.WTERMSIG(status), "stopping": stage.stopping}
    """
    result = run_process(program(body), make_pod().variables)
    assert result.exit_code == 0, result.output
    assert result.termination["outputs"] == {"signal": signal.SIGTERM, "stopping": False}


def test_the_decorator_runs_the_program_and_leaves_an_import_alone(gateway, make_pod, tmp_path):
    path = tmp_path / "decorated.py"
    path.write_text("import asynctask_stage\n\n@asynctask_stage.stage\ndef main(stage):\n    return {'n': 1}\n")
    assert run_process(path, make_pod().variables).exit_code == 0
    assert gateway.completions[-1]["outputs"] == {"n": 1}
    load = f"import sys; sys.path.append({str(tmp_path)!r}); import decorated; print(decorated.main)"
    assert "function main" in run_process([sys.executable, "-c", load], {}).output

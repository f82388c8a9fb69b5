"""From exception to class, reason, message and exit code."""

import errno
import os
import subprocess
import sys

import pytest

from asynctask_stage import PermanentError, StageError, ThrottledError, TransientError
from asynctask_stage.testing import run_stage
from asynctask_stage.texts import clip


def ending(error):
    def main(stage):
        raise error

    result = run_stage(main)
    return result.exit_code, result.error_class, result.reason


def os_error(number):
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PermanentError("wrong password"), (65, "permanent", "PermanentError")),
        (PermanentError("wrong password", reason="WrongPassword"), (65, "permanent", "WrongPassword")),
        (TransientError("no route"), (75, "transient", "TransientError")),
        (ThrottledError("429"), (76, "throttled", "Throttled")),
        (StageError("what"), (75, "transient", "StageFailed")),
        (os_error(errno.ENOSPC), (65, "permanent", "NoSpace")),
        (os_error(errno.EDQUOT), (65, "permanent", "NoSpace")),
        (os_error(errno.EACCES), (65, "permanent", "PermissionDenied")),
        (os_error(errno.EPERM), (65, "permanent", "PermissionDenied")),
        (os_error(errno.ENOENT), (65, "permanent", "NotFound")),
        (FileNotFoundError("without a number"), (65, "permanent", "NotFound")),
        (os_error(errno.ETIMEDOUT), (75, "transient", "TimedOut")),
        (TimeoutError(), (75, "transient", "TimedOut")),
        (os_error(errno.ECONNRESET), (75, "transient", "ConnectionLost")),
        (ConnectionResetError(), (75, "transient", "ConnectionLost")),
        (os_error(errno.EIO), (75, "transient", "InputOutputError")),
        (os_error(errno.ESTALE), (75, "transient", "StaleHandle")),
        (os_error(errno.EHOSTDOWN), (75, "transient", "HostUnreachable")),
        (OSError("who knows"), (75, "transient", "OSError")),
        (MemoryError(), (75, "transient", "OutOfMemory")),
        (ZeroDivisionError("x"), (75, "transient", "UnhandledException")),
        (SystemExit(65), (65, "permanent", "Exited")),
        (SystemExit(76), (76, "throttled", "Exited")),
        (SystemExit(1), (75, "transient", "Exited")),
        (SystemExit("bye"), (75, "transient", "Exited")),
        (SystemExit(0), (0, None, None)),
        (SystemExit(3), (3, None, "ItemsFailed")),
        (SystemExit(143), (143, None, "Stopped")),
    ],
)
def test_class_reason_and_exit_code(error, expected):
    assert ending(error) == expected


def test_an_unforeseen_error_says_what_and_where():
    message = run_stage(lambda stage: {"x": 1 / 0}).message
    assert message.startswith("ZeroDivisionError: division by zero (test_errors.py:")


def test_a_command_is_named_without_its_arguments():
    def main(stage):
        subprocess.run([sys.executable, "-c", "raise SystemExit(7)", "--password=hunter2"], check=True)

    result = run_stage(main)
    assert result.reason == "CommandFailed"
    assert result.message.endswith("exited with 7")
    assert "hunter2" not in result.message


def test_messages_are_bounded_and_hide_the_password_of_a_url():
    def main(stage):
        raise TransientError("https://me:hunter2@nas/ " + "x" * 10_000)

    message = run_stage(main).message
    assert message.startswith("https://***@nas/")
    assert len(message.encode()) <= 1024


@pytest.mark.parametrize(
    ("text", "shown"),
    [("é" * 10, "é" * 10), ("é" * 11, "é" * 8 + "…"), ("a\udcff", "a\\xff"), ("a\ud800", "a\\ud800")],
)
def test_every_text_is_cut_to_valid_utf8(text, shown):
    assert clip(text, 20) == shown


@pytest.mark.parametrize("outputs", [[1], {"a": object()}, {"a": float("nan")}, {"a": "x" * 17_000}, {"a": "\udcff"}])
def test_outputs_that_cannot_be_sent_are_permanent(outputs):
    result = run_stage(lambda stage: outputs)
    assert (result.exit_code, result.reason) == (65, "InvalidOutputs")

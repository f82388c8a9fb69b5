"""What can end a stage, and how an exception becomes an error class, a reason and a message.

The class decides what happens next: ``permanent`` is not tried again, ``transient`` is tried later,
``throttled`` later and slower. The reason is one PascalCase word that a person sees everywhere.
"""

import errno
import os
import subprocess
import traceback
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from asynctask_stage import texts


class ErrorClass(StrEnum):
    """Whether, and how, trying again can help."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    THROTTLED = "throttled"


class StageError(Exception):
    """Base of the errors that a stage raises on purpose; use one of the three below."""

    error_class = ErrorClass.TRANSIENT
    default_reason = "StageFailed"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason or self.default_reason


class PermanentError(StageError):
    """Trying again won't help: a wrong configuration, a missing source, a wrong password."""

    error_class = ErrorClass.PERMANENT
    default_reason = "PermanentError"


class TransientError(StageError):
    """Worth trying later: a time-out, a server that restarts."""

    error_class = ErrorClass.TRANSIENT
    default_reason = "TransientError"


class ThrottledError(StageError):
    """The other side asked for fewer requests: later, and slower."""

    error_class = ErrorClass.THROTTLED
    default_reason = "Throttled"


class Stopped(BaseException):
    """The stage was asked to stop: pause, preemption, eviction and cancel look the same.

    Not an ``Exception``, so that ``except Exception`` around the copy of one file does not swallow it.
    """


class Superseded(Stopped):
    """A newer pod has this stage, or the stage is gone: touch nothing any more."""


@dataclass(frozen=True)
class Failure:
    """Why a stage failed, as the protocol says it."""

    error_class: ErrorClass
    reason: str
    message: str


_PERMANENT_ERRNOS = {
    errno.ENOSPC: "NoSpace",
    errno.EDQUOT: "NoSpace",
    errno.EACCES: "PermissionDenied",
    errno.EPERM: "PermissionDenied",
    errno.EROFS: "ReadOnly",
    errno.ENOENT: "NotFound",
    errno.ENOTDIR: "NotADirectory",
    errno.EISDIR: "IsADirectory",
    errno.ENAMETOOLONG: "NameTooLong",
    errno.EFBIG: "FileTooLarge",
    errno.ELOOP: "SymlinkLoop",
    errno.EXDEV: "CrossDevice",
    errno.EOPNOTSUPP: "NotSupported",
}

_TRANSIENT_ERRNOS = {
    errno.ETIMEDOUT: "TimedOut",
    errno.ECONNRESET: "ConnectionLost",
    errno.ECONNABORTED: "ConnectionLost",
    errno.EPIPE: "ConnectionLost",
    errno.ECONNREFUSED: "ConnectionRefused",
    errno.EIO: "InputOutputError",
    errno.ESTALE: "StaleHandle",
    errno.EHOSTDOWN: "HostUnreachable",
    errno.EHOSTUNREACH: "HostUnreachable",
    errno.ENETUNREACH: "HostUnreachable",
    errno.ENETDOWN: "HostUnreachable",
    errno.ENOTCONN: "ConnectionLost",
    errno.EBUSY: "Busy",
    errno.ETXTBSY: "Busy",
    errno.EAGAIN: "Busy",
    errno.EMFILE: "TooManyOpenFiles",
    errno.ENFILE: "TooManyOpenFiles",
    errno.ENOMEM: "OutOfMemory",
}

# For errors made in Python without a number.
_TYPE_ERRNOS: tuple[tuple[type[OSError], int], ...] = (
    (FileNotFoundError, errno.ENOENT),
    (PermissionError, errno.EACCES),
    (NotADirectoryError, errno.ENOTDIR),
    (IsADirectoryError, errno.EISDIR),
    (TimeoutError, errno.ETIMEDOUT),
    (ConnectionRefusedError, errno.ECONNREFUSED),
    (ConnectionError, errno.ECONNRESET),
)


def classify(error: BaseException) -> Failure:
    """The class, reason and bounded message of an exception that left (or would leave) a stage.

    An exception that nobody foresaw is transient: trying again is cheap from a checkpoint, and the retry limits
    of the task end it when it stays.
    """
    if isinstance(error, StageError):
        return Failure(error.error_class, texts.reason(error.reason), texts.message(str(error)))
    if isinstance(error, OSError):
        return _classify_os_error(error)
    if isinstance(error, MemoryError):
        return Failure(ErrorClass.TRANSIENT, "OutOfMemory", "out of memory")
    if isinstance(error, subprocess.CalledProcessError | subprocess.TimeoutExpired):
        return Failure(ErrorClass.TRANSIENT, "CommandFailed", _command_message(error))
    return Failure(ErrorClass.TRANSIENT, "UnhandledException", _last_line(error))


def _classify_os_error(error: OSError) -> Failure:
    number = error.errno
    if number is None:
        number = next((code for kind, code in _TYPE_ERRNOS if isinstance(error, kind)), None)
    message = texts.message(str(error) or type(error).__name__)
    if number in _PERMANENT_ERRNOS:
        return Failure(ErrorClass.PERMANENT, _PERMANENT_ERRNOS[number], message)
    if number in _TRANSIENT_ERRNOS:
        return Failure(ErrorClass.TRANSIENT, _TRANSIENT_ERRNOS[number], message)
    return Failure(ErrorClass.TRANSIENT, "OSError", message)


def _command_message(error: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    """Names the program and how it ended; never its arguments, where passwords hide."""
    command = error.cmd if isinstance(error.cmd, str | bytes | os.PathLike) else next(iter(error.cmd), "command")
    words = os.fsdecode(command).split()
    program = Path(words[0]).name if words else "command"
    if isinstance(error, subprocess.TimeoutExpired):
        return texts.message(f"{program} took longer than {error.timeout:g} s")
    return texts.message(f"{program} exited with {error.returncode}")


def _last_line(error: BaseException) -> str:
    line = traceback.format_exception_only(error)[-1].strip()
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name})" if frames else ""
    return texts.message(line, limit=texts.MESSAGE_BYTES - len(where.encode())) + where

"""What a stage pod is given: environment variables, and the context that the gateway answers with."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, overload

from asynctask_stage.errors import PermanentError

T = TypeVar("T")

DEFAULT_GRACE_SECONDS = 30.0
DEFAULT_PATIENCE_SECONDS = 30.0
DEFAULT_TERMINATION_LOG = Path("/dev/termination-log")

_MISSING: Any = object()


class Config(Mapping[str, Any]):
    """The task's config. A missing field is a ``PermanentError`` (reason ``InvalidConfig``) that names it."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getitem__(self, key: str) -> Any:
        return self.path(key.replace(".", r"\."))

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def get(self, key: str, default: Any = None) -> Any:
        """The field, or ``default`` where the task does not set it."""
        return self._values.get(key, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Config(fields={sorted(self._values)})"  # never the values: they end up in logs

    @overload
    def path(self, path: str) -> Any: ...
    @overload
    def path(self, path: str, kind: type[T]) -> T: ...
    @overload
    def path(self, path: str, kind: type[T], default: T) -> T: ...

    def path(self, path: str, kind: Any = None, default: Any = _MISSING) -> Any:
        r"""The value at a dotted path such as ``limits.files``, checked to be of ``kind`` where one is given.

        A literal dot in a name is written ``\.``. An integer is taken for a float. Without a ``default`` a missing
        field is an error, and a wrong type always is: ``PermanentError``, reason ``InvalidConfig``.
        """
        value: Any = self._values
        for part in re.split(r"(?<!\\)\.", path):
            name = part.replace(r"\.", ".")
            if not isinstance(value, Mapping) or name not in value:
                if default is not _MISSING:
                    return default
                raise PermanentError(f"config.{path} is missing", reason="InvalidConfig")
            value = value[name]
        if kind is None:
            return value
        if kind is float and type(value) is int:
            return float(value)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            found = type(value).__name__
            raise PermanentError(f"config.{path} must be {kind.__name__}, not {found}", reason="InvalidConfig")
        return value


class Outputs(dict[str, dict[str, Any]]):
    """Outputs of earlier stages by stage name. An unknown name is a ``PermanentError``, reason ``MissingOutputs``."""

    def __missing__(self, stage: str) -> dict[str, Any]:
        raise PermanentError(f"there are no outputs of a stage {stage!r}", reason="MissingOutputs")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint and the sequence that orders it among all of its stage, over pods and attempts."""

    sequence: int
    data: dict[str, Any]


@dataclass(frozen=True)
class Context:
    """The answer to ``GET /stage/v1/context``, or what is known of it without a gateway."""

    namespace: str = ""
    task: str = ""
    task_uid: str = ""
    task_type: str = ""
    run: int = 1
    stage: str = "stage"
    attempt: int = 1
    config: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None
    bytes_per_second: float | None = None
    retry_items: str = ""
    """The artifact that lists the items to be tried again, when the run is to deal with nothing else."""
    report_period: float = 5.0
    checkpoint_period: float = 15.0

    def updated(self, body: Mapping[str, Any]) -> "Context":
        """The gateway's answer over what the environment says; fields that a later protocol adds are ignored.

        Raises ``ValueError``, ``TypeError`` or ``KeyError`` when it is no context.
        """
        task = body.get("task") or {}
        checkpoint = body.get("checkpoint")
        return Context(
            namespace=task.get("namespace") or self.namespace,
            task=task.get("name") or self.task,
            task_uid=task.get("uid") or self.task_uid,
            task_type=task.get("type") or self.task_type,
            run=int(body.get("run") or self.run),
            stage=str(body.get("stage") or self.stage),
            attempt=int(body.get("attempt") or self.attempt),
            config=dict(body.get("config") or self.config),
            outputs={name: dict(outputs or {}) for name, outputs in (body.get("outputs") or {}).items()},
            checkpoint=Checkpoint(int(checkpoint["sequence"]), dict(checkpoint["data"] or {})) if checkpoint else None,
            bytes_per_second=body.get("bytesPerSecond"),
            retry_items=str(body.get("retryItems") or ""),
            report_period=_positive(body.get("reportPeriodSeconds"), self.report_period),
            checkpoint_period=_positive(body.get("checkpointPeriodSeconds"), self.checkpoint_period),
        )


@dataclass(frozen=True)
class Environment:
    """The variables of the stage protocol, parsed."""

    context: Context
    gateway_url: str | None
    token_file: Path | None
    workspace: Path | None
    grace: float
    """Seconds between SIGTERM and SIGKILL."""
    patience: float
    """Seconds to wait for an absent gateway at the start and at the end; ``ASYNCTASK_PATIENCE_SECONDS``."""
    termination_log: Path

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> "Environment":
        """Read the variables; a config that is no JSON object is a ``PermanentError``."""
        url = variables.get("ASYNCTASK_GATEWAY_URL", "").strip()
        token_file = variables.get("ASYNCTASK_TOKEN_FILE")
        workspace = variables.get("ASYNCTASK_WORKSPACE")
        return cls(
            context=_context(variables),
            gateway_url=url.rstrip("/") or None,
            token_file=Path(token_file) if token_file else None,
            workspace=Path(workspace) if workspace else None,
            grace=_number(variables, "ASYNCTASK_GRACE_SECONDS", DEFAULT_GRACE_SECONDS),
            patience=_number(variables, "ASYNCTASK_PATIENCE_SECONDS", DEFAULT_PATIENCE_SECONDS),
            termination_log=termination_log(variables),
        )


def termination_log(variables: Mapping[str, str]) -> Path:
    """Where the termination message goes."""
    return Path(variables.get("ASYNCTASK_TERMINATION_LOG") or DEFAULT_TERMINATION_LOG)


def _context(variables: Mapping[str, str]) -> Context:
    try:
        config = json.loads(variables.get("ASYNCTASK_CONFIG") or "{}")
    except ValueError as error:
        raise PermanentError(f"ASYNCTASK_CONFIG is not JSON: {error}", reason="InvalidConfig") from error
    if not isinstance(config, dict):
        raise PermanentError("ASYNCTASK_CONFIG is not a JSON object", reason="InvalidConfig")
    return Context(
        namespace=variables.get("ASYNCTASK_NAMESPACE", ""),
        task=variables.get("ASYNCTASK_TASK", ""),
        task_uid=variables.get("ASYNCTASK_TASK_UID", ""),
        run=_count(variables, "ASYNCTASK_RUN"),
        stage=variables.get("ASYNCTASK_STAGE") or "stage",
        attempt=_count(variables, "ASYNCTASK_ATTEMPT"),
        config=config,
        bytes_per_second=_number(variables, "ASYNCTASK_BYTES_PER_SECOND", 0.0) or None,
    )


def _count(variables: Mapping[str, str], name: str) -> int:
    text = variables.get(name) or "1"
    if not text.isdecimal():
        raise PermanentError(f"{name} is not a number", reason="InvalidEnvironment")
    return int(text)


def _number(variables: Mapping[str, str], name: str, default: float) -> float:
    try:
        return _positive(float(variables.get(name) or default), default)
    except ValueError:
        return default


def _positive(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) and 0 < value < float("inf") else default

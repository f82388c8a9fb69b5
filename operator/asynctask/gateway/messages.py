"""What stages send, checked strictly: a number that is none, or a body too large, is refused with the field's path.

Texts for people are cut to size, not refused: no stage should fail over a long message.
"""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, StrictStr, ValidationError

from asynctask.api.base import Model
from asynctask.api.stage import ItemError
from asynctask.api.status import ErrorClass, Outcome, Progress
from asynctask.gateway.errors import InvalidReport, TooLarge

MAX_CHECKPOINT_BYTES = 32 * 1024
MAX_OUTPUTS_BYTES = 16 * 1024
MAX_ITEM_ERRORS = 100
MAX_LOG_LINES = 100
MAX_LOG_MESSAGE = 4096
LARGEST = 2**53
"""The largest number: beyond it JSON numbers are no longer exact everywhere."""

M = TypeVar("M", bound=Model)


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic turns ValueErrors into its own
    if not math.isfinite(value):
        raise ValueError("must be finite")
    if value < 0:
        raise ValueError("must not be negative")
    if value > LARGEST:
        raise ValueError(f"must be at most {LARGEST}")
    return int(value)


def _reason(value: Any) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", value):
        raise ValueError("must be one PascalCase word")
    return value[0].upper() + value[1:64]


def _cut(limit: int) -> AfterValidator:
    return AfterValidator(lambda text: text if len(text) <= limit else text[: limit - 1] + "…")


def _absent_is_empty(value: Any) -> Any:
    return "" if value is None else value


Number = Annotated[int, BeforeValidator(_number)]
MaybeNumber = Annotated[int | None, BeforeValidator(lambda value: None if value is None else _number(value))]
ReasonWord = Annotated[str, BeforeValidator(_reason)]
ShortMessage = Annotated[StrictStr, BeforeValidator(_absent_is_empty), _cut(1024)]
LogMessage = Annotated[StrictStr, _cut(MAX_LOG_MESSAGE)]
Word = Annotated[StrictStr, _cut(64)]
ItemPath = Annotated[StrictStr, Field(min_length=1), _cut(4096)]
Object = Annotated[dict[str, Any], Field(strict=True)]


class SentProgress(Model):
    """How far the stage says it is."""

    bytes_done: MaybeNumber = None
    bytes_total: MaybeNumber = None
    items_done: MaybeNumber = None
    items_total: MaybeNumber = None
    bytes_per_second: MaybeNumber = None
    remaining_seconds: MaybeNumber = None
    message: ShortMessage = ""

    def stored(self) -> Progress:
        """As the Stage keeps it."""
        return Progress.model_construct(**self.__dict__)


class SentItemError(Model):
    """An item that failed."""

    path: ItemPath
    error_class: ErrorClass = Field(default="permanent", alias="class")
    reason: ReasonWord = ""
    message: ShortMessage = ""

    def stored(self) -> ItemError:
        """As the Stage keeps it."""
        return ItemError.model_construct(**self.__dict__)


class LogLine(Model):
    """A line for the log."""

    time: Word = ""
    level: Word = "info"
    message: LogMessage


class Report(Model):
    """`POST /stage/v1/report`."""

    sequence: Number
    progress: SentProgress | None = None
    used_bytes_per_second: MaybeNumber = None
    checkpoint: Object | None = None
    log: tuple[LogLine, ...] | None = None
    item_errors: Annotated[tuple[SentItemError, ...], Field(max_length=MAX_ITEM_ERRORS)] | None = None
    item_error_count: MaybeNumber = None


class Complete(Model):
    """`POST /stage/v1/complete`."""

    sequence: Number
    outcome: Outcome
    error_class: Literal["permanent", "transient", "throttled"] | None = Field(default=None, alias="class")
    reason: ReasonWord = ""
    message: ShortMessage = ""
    outputs: Object | None = None
    progress: SentProgress | None = None
    item_errors: Annotated[tuple[SentItemError, ...], Field(max_length=MAX_ITEM_ERRORS)] | None = None
    item_error_count: MaybeNumber = None


def parse_report(raw: bytes) -> Report:
    """Read a report. Raises InvalidReport and TooLarge."""
    report = _parse(Report, raw)
    _check_size("checkpoint", report.checkpoint, MAX_CHECKPOINT_BYTES)
    return report


def parse_complete(raw: bytes) -> Complete:
    """Read the end of a stage. Raises InvalidReport and TooLarge."""
    complete = _parse(Complete, raw)
    _check_size("outputs", complete.outputs, MAX_OUTPUTS_BYTES)
    return complete


def _parse(model: type[M], raw: bytes) -> M:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidReport(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise InvalidReport("the body is not a JSON object")
    try:
        return model.model_validate(body)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        message = str(first["msg"]).removeprefix("Value error, ")
        raise InvalidReport(message[:500], field=_path(first["loc"])) from None


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")[:300]


def _check_size(field: str, value: Mapping[str, Any] | None, limit: int) -> None:
    if value is None:
        return
    try:
        size = len(orjson.dumps(value))
    except TypeError:
        raise InvalidReport("is nested too deeply", field=field) from None
    if size > limit:
        raise TooLarge(f"{size} bytes as JSON; at most {limit}", field=field)

"""The author's logger: to stdout, and bounded into the reports."""

import logging
import sys
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any

from asynctask_stage import texts

PENDING = 1000
"""Lines kept while the gateway is away; the oldest go first, and the next report says how many."""


class ReportHandler(logging.Handler):
    """Keeps log records as report entries until a report takes them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._pending: deque[dict[str, Any]] = deque()
        self._mutex = threading.Lock()
        self._dropped = 0
        self._told = 0
        self._notice: dict[str, Any] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record; never raises."""
        try:
            text = record.getMessage()
            if record.exc_info and record.exc_info[0]:
                text += f"\n{logging.Formatter().formatException(record.exc_info)}"
        except Exception:  # noqa: BLE001 - arguments that do not fit must not end the work
            self.handleError(record)
            return
        self._append(record.created, record.levelname.lower(), text)

    def take(self, limit: int) -> list[dict[str, Any]]:
        """The oldest entries."""
        with self._mutex:
            dropped, self._dropped = self._dropped, 0
            self._told = dropped or self._told
            entries = [self._pending.popleft() for _ in range(min(limit - bool(dropped), len(self._pending)))]
        if dropped:
            self._notice = _entry(None, "warning", f"{dropped} earlier log lines were dropped")
            entries.insert(0, self._notice)
        return entries

    def put_back(self, entries: list[dict[str, Any]]) -> None:
        """They were not delivered."""
        with self._mutex:
            if entries and entries[0] is self._notice:
                entries = entries[1:]
                self._dropped += self._told
            self._pending.extendleft(reversed(entries))
            self._trim()

    @property
    def pending_count(self) -> int:
        """How many wait to be sent."""
        return len(self._pending)

    def _append(self, created: float, level: str, text: str) -> None:
        with self._mutex:
            self._pending.append(_entry(created, level, text))
            self._trim()

    def _trim(self) -> None:
        while len(self._pending) > PENDING:
            self._pending.popleft()
            self._dropped += 1


def stage_logger(handler: logging.Handler) -> logging.Logger:
    """``stage.log``: what it gets goes to the reports and, as every other logger's, to the root handlers."""
    logger = logging.getLogger("stage")
    for old in [old for old in logger.handlers if isinstance(old, ReportHandler)]:
        logger.removeHandler(old)
    logger.addHandler(handler)
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    return logger


def to_stdout() -> None:
    """Log to stdout, unless the author has set up logging already."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def _entry(created: float | None, level: str, text: str) -> dict[str, Any]:
    time = datetime.now(UTC) if created is None else datetime.fromtimestamp(created, UTC)
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "level": level,
        "message": texts.message(text, limit=texts.LOG_BYTES),
    }

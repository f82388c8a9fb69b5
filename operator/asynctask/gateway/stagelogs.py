"""Log lines of stages, into the gateway's own log: bounded, and no stage drowns the others."""

import structlog

from asynctask.gateway.limits import Buckets
from asynctask.gateway.live import LiveStage
from asynctask.gateway.messages import MAX_LOG_LINES, LogLine
from asynctask.gateway.metrics import Metrics

LINES_PER_SECOND = 20.0
BURST = 400.0
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}

log = structlog.get_logger("stage")


class StageLogs:
    """Writes what stages send, as fast as they may."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._buckets = Buckets(LINES_PER_SECOND, BURST)

    def write(self, live: LiveStage, attempt: int, lines: tuple[LogLine, ...]) -> None:
        """Write the lines of one report; beyond the limits they are counted and dropped."""
        written = 0
        for line in lines[:MAX_LOG_LINES]:
            if self._buckets.take(live.recorded.uid) > 0:
                break
            log.log(
                LEVELS.get(line.level, LEVELS["info"]),
                line.message,
                namespace=live.namespace,
                task=live.spec.task_name,
                run=live.spec.run,
                stage=live.spec.template.name,
                attempt=attempt,
                time=line.time,
            )
            written += 1
        self._metrics.log_lines.labels("written").inc(written)
        if dropped := len(lines) - written:
            self._metrics.log_lines.labels("dropped").inc(dropped)

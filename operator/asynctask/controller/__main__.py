"""The operator's entry point."""

import sys

import structlog
import uvloop

from asynctask.adapters.connection import ConnectionProblem, connect
from asynctask.adapters.logs import configure
from asynctask.controller.operator import LeadershipLost, Operator
from asynctask.settings import OperatorSettings

log = structlog.get_logger()


async def serve(settings: OperatorSettings) -> int:
    """Run one replica; returns the exit code."""
    try:
        operator = Operator(settings, connect())
    except ConnectionProblem as problem:
        log.error("no cluster", problem=str(problem))  # noqa: TRY400 - the text says it all
        return 2
    try:
        await operator.run()
    except LeadershipLost as lost:
        log.warning("the lead is lost; starting over", reason=str(lost))
        return 1
    except Exception:
        log.exception("the operator failed")
        return 1
    return 0


def main() -> None:
    """Run the operator with settings from the environment."""
    settings = OperatorSettings()
    configure(settings.log_level, settings.log_format)
    sys.exit(uvloop.run(serve(settings)))


if __name__ == "__main__":
    main()

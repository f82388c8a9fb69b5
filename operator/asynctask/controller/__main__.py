"""The operator's entry point."""

import asyncio
import gc
import sys
from collections import deque
from time import monotonic, sleep

import structlog

from asynctask.adapters import memory
from asynctask.adapters.connection import ConnectionProblem, connect
from asynctask.adapters.logs import configure
from asynctask.controller.operator import LeadershipLost, Operator
from asynctask.settings import OperatorSettings

log = structlog.get_logger()


MAX_RESTARTS = 10
RESTARTS_SECONDS = 300.0


async def serve(settings: OperatorSettings) -> int:
    """Run one replica until it is stopped (0), has nothing to run on (2), or should start over (1)."""
    try:
        await Operator(settings, connect()).run()
    except ConnectionProblem as problem:
        log.error("no cluster", problem=str(problem))  # noqa: TRY400 - the text says it all
        return 2
    except LeadershipLost as lost:
        log.warning("the lead is lost; starting over", reason=str(lost))
        return 1
    except Exception:
        log.exception("the operator failed; starting over")
        return 1
    return 0


def main() -> None:
    """Run the operator with settings from the environment.

    kopf gives up on some answers of an API server that is restarting. Everything is made anew then, in this process:
    a restart of the container would wait longer each time.
    """
    settings = OperatorSettings()
    configure(settings.log_level, settings.log_format)
    sys.setswitchinterval(0.001)  # the thread that renews the Lease must not wait long for a busy event loop
    memory.collect_seldom()
    restarts: deque[float] = deque(maxlen=MAX_RESTARTS)
    while (code := asyncio.run(serve(settings))) == 1:
        if len(restarts) == MAX_RESTARTS and monotonic() - restarts[0] < RESTARTS_SECONDS:
            log.error("started over too often; leaving it to whoever runs us")
            break
        restarts.append(monotonic())
        gc.unfreeze()  # what the one before knew goes
        gc.collect()
        sleep(1)
    sys.exit(code)


if __name__ == "__main__":
    main()

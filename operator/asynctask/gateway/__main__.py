"""`python -m asynctask.gateway`: runs until SIGTERM or SIGINT."""

import asyncio
import signal
import sys

import structlog

from asynctask.adapters import logs, memory
from asynctask.adapters.cluster import Cluster
from asynctask.adapters.connection import ConnectionProblem, connect
from asynctask.gateway.app import Gateway
from asynctask.gateway.metrics import Metrics
from asynctask.settings import GatewaySettings

DRAIN_SECONDS = 2.0
"""Between saying "not ready" and refusing calls: the time it takes the cluster to send them elsewhere."""

log = structlog.get_logger("gateway")


async def run(settings: GatewaySettings) -> None:
    """Serve until told to stop."""
    metrics = Metrics()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        Cluster(
            connect(),
            timeout_seconds=settings.request_timeout_seconds,
            observe=metrics.observe_request,
            user_agent="asynctask-gateway",
        ) as cluster,
        Gateway(settings, cluster, metrics) as gateway,
    ):
        log.info("serving", port=gateway.port, api_port=gateway.api_port, metrics_port=gateway.metrics_port)
        await stop.wait()
        gateway.ready = False
        log.info("ending")
        await asyncio.sleep(DRAIN_SECONDS)


def main() -> None:
    """The entry point."""
    memory.give_back()
    settings = GatewaySettings()
    logs.configure(settings.log_level, settings.log_format)
    try:
        asyncio.run(run(settings))
    except ConnectionProblem as problem:
        log.error("can't reach a cluster", error=str(problem))  # noqa: TRY400 - the message says it all
        sys.exit(1)


if __name__ == "__main__":
    main()

"""What one gateway does for all: archive, prune, notify."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from asynctask.adapters.cluster import Cluster
from asynctask.gateway.archiver import pruning
from asynctask.gateway.archiver.archiver import Archiver
from asynctask.gateway.archiver.leading import Leading, Work
from asynctask.gateway.archiver.measures import Measures
from asynctask.gateway.archiver.writer import Writer
from asynctask.settings import GatewaySettings


async def lead(
    cluster: Cluster,
    writer: Writer,
    settings: GatewaySettings,
    registry: CollectorRegistry,
    more: Sequence[Work] = (),
) -> None:
    """Compete for the Lease, for ever, and do it all whenever it is ours. `more` is done beside it."""
    archive, measures = writer.archive, Measures(registry)

    async def follow() -> None:
        await archive.ready()
        await Archiver(cluster, writer, measures, settings.watch_namespaces).run()

    async def prune() -> None:
        await archive.ready()
        await pruning.keep(archive, settings, measures)

    await Leading(cluster.connection, settings, (follow, prune, *more)).run()

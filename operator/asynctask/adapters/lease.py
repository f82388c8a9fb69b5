"""Leader election by a Lease, on a thread of its own: a busy event loop must not cost the lead."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import structlog

from asynctask.adapters.cluster import LEASES, AlreadyExists, ApiError, Cluster, Conflict, NotFound, Observer
from asynctask.adapters.connection import Connection

log = structlog.get_logger()
Body = dict[str, Any]
RETRY_SECONDS = 2.0


class Elector:
    """Competes for the Lease until stopped.

    A leader that could not renew for two thirds of the lease's duration, counted from when it asked, gives up before
    another can take over: the clocks compared are this process's own (monotonic) ones, so clock skew between machines
    does no harm.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        namespace: str,
        name: str,
        identity: str,
        duration_seconds: float,
        renew_seconds: float,
        on_lead: Callable[[], None],
        on_lost: Callable[[], None],
        observe: Observer | None = None,
    ) -> None:
        self._connection = connection
        self._namespace, self._name, self._identity = namespace, name, identity
        self._duration, self._renew = duration_seconds, renew_seconds
        self._on_lead, self._on_lost, self._observe = on_lead, on_lost, observe
        self._stop = threading.Event()
        self._wake: Callable[[], None] | None = None
        self._seen: tuple[str, str] = ("", "")
        self._renewed: Body | None = None
        self._seen_at = monotonic()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.run()), name="lease", daemon=True)

    def start(self) -> None:
        """Begin to compete, on a thread of its own."""
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Give the Lease up, so that another replica leads at once."""
        self._stop.set()
        if self._wake:
            self._wake()
        self._thread.join(seconds)

    async def run(self) -> None:
        """What the thread does: compete until the lead is lost or given up."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop has closed: the lead was lost before
                loop.call_soon_threadsafe(woken.set)

        self._wake = wake
        leads, due = False, 0.0
        async with Cluster(
            self._connection, timeout_seconds=self._renew, observe=self._observe, user_agent="asynctask-lease"
        ) as cluster:
            while not self._stop.is_set():
                asked_at = monotonic()
                mine = await self._asked(cluster, due - asked_at if leads else self._duration)
                if mine:
                    due = asked_at + self._duration * 2 / 3
                if mine and not leads:
                    leads = True
                    self._on_lead()
                if leads and (mine is False or monotonic() >= due):
                    self._on_lost()
                    return
                pause = self._renew if mine else min(RETRY_SECONDS, self._renew)
                with suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), min(pause, due - monotonic()) if leads else pause)
            if leads:
                await self._give_up(cluster)

    async def _asked(self, cluster: Cluster, seconds: float) -> bool | None:
        """Whether the Lease is ours now; None when that can't be told in time."""
        try:
            return await asyncio.wait_for(self._try(cluster), max(0.0, seconds))
        except (ApiError, TimeoutError) as error:
            log.warning("the Lease could not be renewed", error=repr(error)[:200])
        except Exception:
            log.exception("the Lease could not be renewed")
        return None

    async def _try(self, cluster: Cluster) -> bool:
        """Take or renew the Lease; whether it is ours now."""
        renewed, self._renewed = self._renewed, None
        if renewed is not None:
            try:
                return await self._write(cluster, renewed, renewed["spec"]["acquireTime"], 0)
            except (Conflict, NotFound):
                log.info("the Lease is not as it was left")  # an answer that got lost, or another holder: look
        try:
            lease = await cluster.get(LEASES, self._namespace, self._name)
        except NotFound:
            return await self._create(cluster)
        spec = lease.get("spec", {})
        holder = spec.get("holderIdentity") or ""
        state = (holder, str(spec.get("renewTime")))
        if state != self._seen:
            self._seen, self._seen_at = state, monotonic()
        expired = monotonic() - self._seen_at > float(spec.get("leaseDurationSeconds") or self._duration)
        if holder not in {"", self._identity} and not expired:
            return False
        is_mine = holder == self._identity
        try:
            return await self._write(cluster, lease, spec.get("acquireTime") if is_mine else None, not is_mine)
        except Conflict:
            return False

    async def _write(self, cluster: Cluster, lease: Body, acquired: str | None, transitions: int) -> bool:
        """Renew it as it was last seen. What is written now saves the next renewal from reading first."""
        transitions += int(lease.get("spec", {}).get("leaseTransitions") or 0)
        body = {**lease, "spec": self._spec(acquired, transitions)}
        self._renewed = await cluster.replace(LEASES, self._namespace, self._name, body)
        return True

    async def _create(self, cluster: Cluster) -> bool:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": self._spec(_micro_time(), 0),
        }
        try:
            await cluster.create(LEASES, self._namespace, body)
        except AlreadyExists:
            return False
        return True

    async def _give_up(self, cluster: Cluster) -> None:
        try:
            lease = await cluster.get(LEASES, self._namespace, self._name)
            if lease.get("spec", {}).get("holderIdentity") == self._identity:
                lease["spec"] = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
                await cluster.replace(LEASES, self._namespace, self._name, lease)
        except ApiError as error:
            log.warning("the Lease could not be given up", error=str(error)[:200])

    def _spec(self, acquired: str | None, transitions: int) -> Body:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self._duration)),
            "acquireTime": acquired or _micro_time(),
            "renewTime": _micro_time(),
            "leaseTransitions": transitions,
        }


def _micro_time() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

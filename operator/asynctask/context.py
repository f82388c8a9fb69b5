"""What one replica works with: made once at start, passed down."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

from asynctask.adapters.cluster import NAMESPACES, ApiError, Cluster, NotFound, Resource
from asynctask.adapters.echoes import Echoes
from asynctask.adapters.metrics import OperatorMetrics
from asynctask.adapters.podrefusals import PodRefusals
from asynctask.adapters.store import Key, Store
from asynctask.adapters.workqueue import WorkQueue
from asynctask.api import names
from asynctask.core.facts import Limits, PodSettings, Resolved
from asynctask.core.problems import Problem
from asynctask.settings import OperatorSettings

MAX_RESOLVED = 1_500
NAMESPACE_SECONDS = 30.0


@dataclass
class Context:
    """Clients, caches and settings of the operator."""

    settings: OperatorSettings
    cluster: Cluster
    metrics: OperatorMetrics
    store: Store = field(default_factory=Store)
    queue: WorkQueue[Key] = field(default_factory=WorkQueue)
    resolved: "Memo" = field(default_factory=lambda: Memo())
    echoes: Echoes = field(default_factory=Echoes)
    namespaces: dict[str, tuple[float, bool]] = field(default_factory=dict)
    pod_refusals: PodRefusals = field(init=False)

    def __post_init__(self) -> None:
        self.pod_refusals = PodRefusals(self.cluster)

    @property
    def limits(self) -> Limits:
        """Patience."""
        settings = self.settings
        return Limits(
            stuck_pod_seconds=settings.stuck_pod_seconds,
            linger_seconds=settings.lingering_pod_seconds,
            replacement_seconds=settings.replacement_seconds,
        )

    @property
    def pod_settings(self) -> PodSettings:
        """What all stage pods have in common."""
        return PodSettings(self.settings.gateway_url, self.settings.stage_service_account)

    def namespaces_of(self, resource: Resource) -> tuple[str, ...]:
        """The namespaces to list a kind in; one empty name means all, or that the kind has none."""
        return self.settings.watch_namespaces or ("",) if resource.namespaced else ("",)

    def now(self) -> datetime:
        """The time, for decisions."""
        return datetime.now(UTC)

    async def allows_data_owner(self, namespace: str) -> bool:
        """Whether an administrator has allowed the DataOwner profile there; asked anew every half minute."""
        when, allowed = self.namespaces.get(namespace, (float("-inf"), False))
        if monotonic() - when < NAMESPACE_SECONDS:
            return allowed
        try:
            body = await self.cluster.get(NAMESPACES, "", namespace)
            allowed = body["metadata"].get("labels", {}).get(names.DATA_OWNER_LABEL) == "true"
        except NotFound:
            allowed = False
        except ApiError:
            return allowed
        self.namespaces[namespace] = (monotonic(), allowed)
        return allowed


class Memo:
    """Resolved tasks by all that they were resolved from: most of a reconcile's work is the same as last time."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, tuple[object, Resolved | Problem]] = OrderedDict()

    def get(self, uid: str, basis: object) -> Resolved | Problem | None:
        """What was made of the task on this very basis."""
        known = self._found.get(uid)
        return known[1] if known and known[0] == basis else None

    def put(self, uid: str, basis: object, value: Resolved | Problem) -> None:
        """Remember it; the oldest is forgotten."""
        self._found[uid] = (basis, value)
        self._found.move_to_end(uid)
        if len(self._found) > MAX_RESOLVED:
            self._found.popitem(last=False)

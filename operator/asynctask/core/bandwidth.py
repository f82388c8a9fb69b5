"""How much each stage may move: the limit of an endpoint, shared equally among the stages that use it now."""

from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable

LIVE_SECONDS = 15.0
"""A stage that has not been heard of for this long leaves its share to the others."""
MEGABYTE = 1_000_000


class Usage:
    """Which stages use which endpoints, as far as they have been heard of lately. Time is an argument."""

    def __init__(self, live_seconds: float = LIVE_SECONDS) -> None:
        self._live_seconds = live_seconds
        self._users: dict[Hashable, OrderedDict[Hashable, float]] = {}

    def heard_of(self, stage: Hashable, endpoints: Collection[Hashable], now: float) -> None:
        """The stage uses these endpoints now."""
        for endpoint in endpoints:
            users = self._users.setdefault(endpoint, OrderedDict())
            users[stage] = now
            users.move_to_end(stage)

    def ended(self, stage: Hashable, endpoints: Collection[Hashable]) -> None:
        """The stage uses them no more."""
        for endpoint in endpoints:
            users = self._users.get(endpoint)
            if users is not None:
                users.pop(stage, None)
                if not users:
                    del self._users[endpoint]

    def users(self, endpoint: Hashable, now: float) -> int:
        """How many stages use the endpoint."""
        users = self._users.get(endpoint)
        if users is None:
            return 0
        while users:  # the one heard of longest ago comes first
            stage, heard = next(iter(users.items()))
            if now - heard <= self._live_seconds:
                break
            del users[stage]
        if not users:
            del self._users[endpoint]
        return len(users)


def share(endpoints: Iterable[tuple[int, int | None]]) -> int | None:
    """Bytes per second for a stage, given users and limit (MB/s) of each endpoint it uses; None: no limit.

    The smallest share counts: a copy is as fast as the slower of its two ends. Never 0, which would read as "stop".
    """
    shares = [max(1, limit * MEGABYTE // max(1, users)) for users, limit in endpoints if limit is not None]
    return min(shares, default=None)

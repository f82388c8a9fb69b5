"""How much each stage may move: the limits of endpoints, divided among the stages that use them by priority.

Weighted max-min fairness by progressive filling (Bertsekas and Gallager, Data Networks, 6.5.2): all shares rise
together, in step with their weights, until an endpoint is full or a stage has all that it can use; those are settled,
and the rest rises on. So what one stage leaves goes to the others by weight, and a stage that is slowed by one endpoint
takes nothing in vain from another.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import TypeVar

S = TypeVar("S", bound=Hashable)

MEGABYTE = 1_000_000
LEAST_URGENT = 5


def weight(priority: int) -> int:
    """The part of a limit that a priority gets, against others: 16, 8, 4, 2, 1 for 1 to 5."""
    return int(2 ** (LEAST_URGENT - min(max(priority, 1), LEAST_URGENT)))


def room(limit: int | None, promised: Iterable[int]) -> int | None:
    """What of a limit can still be promised, given what running tasks were promised; None: as much as one likes."""
    return None if limit is None else max(0, limit - sum(promised))


@dataclass(frozen=True, slots=True)
class Claim:
    """What a stage may ask of the endpoints that it uses."""

    endpoints: Collection[Hashable]
    weight: float = 1.0
    least: float = 0.0
    """It never gets less, unless more was promised than there is: then all promises shrink alike."""
    most: float = inf
    """It has no use for more."""


def divide(limits: Mapping[Hashable, float], claims: Mapping[S, Claim]) -> dict[S, float]:
    """The share of each stage that uses a limited endpoint. An endpoint's shares add up to its limit at most."""
    users: dict[Hashable, list[S]] = {endpoint: [] for endpoint in limits}
    for stage, claim in claims.items():
        for endpoint in claim.endpoints:
            if endpoint in users:
                users[endpoint].append(stage)
    bounds = _bounds(limits, claims, users)
    left = dict(limits)
    shares: dict[S, float] = {}
    unsettled = {endpoint for endpoint, stages in users.items() if stages}
    while unsettled:
        levels = {}
        for endpoint in unsettled:
            levels[endpoint] = _level(left[endpoint], [bounds[stage] for stage in users[endpoint]])
        fullest = min(unsettled, key=lambda endpoint: levels[endpoint])
        for stage in users[fullest]:
            stage_weight, least, most = bounds[stage]
            shares[stage] = min(most, max(least, stage_weight * levels[fullest]))
            for endpoint in claims[stage].endpoints:
                if endpoint in left:
                    left[endpoint] = max(0.0, left[endpoint] - shares[stage])
        unsettled.discard(fullest)
        for endpoint in list(unsettled):
            users[endpoint] = [stage for stage in users[endpoint] if stage not in shares]
            if not users[endpoint]:
                unsettled.discard(endpoint)
    return shares


Bounds = tuple[float, float, float]


def _bounds(
    limits: Mapping[Hashable, float], claims: Mapping[S, Claim], users: Mapping[Hashable, list[S]]
) -> dict[S, Bounds]:
    """Weight, least and most of each stage, such that all that is least fits."""
    scale = {}
    for endpoint, limit in limits.items():
        promised = sum(claims[stage].least for stage in users[endpoint])
        scale[endpoint] = min(1.0, limit / promised) if promised > 0 else 1.0
    bounds = {}
    for stage in {stage for stages in users.values() for stage in stages}:
        claim = claims[stage]
        mine = [endpoint for endpoint in limits if endpoint in claim.endpoints]
        least = claim.least * min(scale[endpoint] for endpoint in mine)
        most = max(least, min(claim.most, *(limits[endpoint] for endpoint in mine)))
        bounds[stage] = (max(claim.weight, 1e-9), least, most)
    return bounds


def _level(room_left: float, stages: Iterable[Bounds]) -> float:
    """How far shares (weight x level, within bounds) can rise until they take all the room; infinite if they don't."""
    total, slope, at = 0.0, 0.0, 0.0
    turns: list[tuple[float, float]] = []
    for stage_weight, least, most in stages:
        total += least
        turns += [(least / stage_weight, stage_weight), (most / stage_weight, -stage_weight)]
    for turn, change in sorted(turns, key=lambda turn: (turn[0], -turn[1])):  # a rise before the end of one
        reached = total + slope * (turn - at)
        if slope > 0 and reached >= room_left:
            return max(0.0, at + (room_left - total) / slope)
        total, at, slope = reached, turn, max(0.0, slope + change)
    return inf

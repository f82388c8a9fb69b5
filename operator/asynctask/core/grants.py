"""What each stage is told that it may move, so that all of them together stay within the limits while shares change.

Shares follow from what is known now, but a stage goes on with what it was told until it reports again. So a share falls
at once and rises only into room that nobody else holds: what the others were told last, or, where another replica of
the gateway tells them, the larger of what it has published and what they were due of late. Whatever is not known
counts as taken, so missing or old news make shares small, never large.

A stage that does not use what it was told is taken to want a tenth more than it uses; one that does, all it can get.
"""

from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import TypeAlias

from asynctask.core import bandwidth
from asynctask.core.bandwidth import Claim

Endpoint: TypeAlias = Hashable
Stage: TypeAlias = str

SATURATED = 0.95
"""A stage that moves this part of what it was told would move more."""
GROWTH = 1.1
"""Room above what a stage uses; less than 1 / SATURATED would never let it be seen to want more."""
FLOOR = 0.02
"""The part of its fair share that an idle stage keeps, so that it is seen to begin."""
BEGIN_SECONDS = 30.0
"""A stage that has not been heard of keeps its share free for this long: its pod is on its way."""
HEARD_SECONDS = 15.0
"""After this long without a report another replica may be the one that tells it."""
LAG_SECONDS = 7.0
"""So old may the news be that another replica tells a stage by: two reports apart, and a write of progress."""


@dataclass(frozen=True, slots=True)
class Party:
    """A stage that runs, as all replicas know it."""

    endpoints: frozenset[Endpoint]
    weight: float = 1.0
    least: float = 0.0
    """Bytes per second that its task was promised."""
    allowed: float | None = None
    """What it had been told by whichever replica wrote its progress last."""
    used: float | None = None
    """What it used of it."""


@dataclass(slots=True)
class _Known:
    """What this replica knows of a stage."""

    since: float
    heard: float = -inf
    told: float | None = None
    demands: tuple[float, ...] = ()
    """The two newest: a stage that pauses for breath keeps its share."""
    due: deque[tuple[float, float]] = field(default_factory=deque)
    """Falling shares of late, with the times until which they count: the first is the largest."""

    def note(self, share: float, now: float) -> None:
        """Remember what the stage is due now."""
        while self.due and (self.due[-1][0] <= share):
            self.due.pop()
        self.due.append((share, now + LAG_SECONDS))
        while self.due[0][1] < now:
            self.due.popleft()


@dataclass(slots=True)
class _Division:
    limits: Mapping[Endpoint, float] = field(default_factory=dict)
    users: Mapping[Endpoint, list[Stage]] = field(default_factory=dict)
    parties: Mapping[Stage, Party] = field(default_factory=dict)
    shares: Mapping[Stage, float] = field(default_factory=dict)


class Ledger:
    """Who was told what. Everything in it can be lost: shares are then small for as long as a report takes."""

    def __init__(self) -> None:
        self._known: dict[Stage, _Known] = {}
        self._division = _Division()

    def told(self, stage: Stage) -> float | None:
        """What the stage was told here last; None when it never was, or when nothing limited it."""
        known = self._known.get(stage)
        return known.told if known else None

    def is_new(self, stage: Stage) -> bool:
        """Whether the stage was not among those that shares were reckoned for."""
        return stage not in self._division.parties

    def begun(self, stage: Stage, now: float) -> None:
        """A pod takes the stage over: it has used nothing yet, and its predecessor nothing more."""
        if known := self._known.get(stage):
            known.since, known.heard, known.told, known.demands = now, -inf, None, ()

    def heard(self, stage: Stage, used: float | None, now: float) -> None:
        """The stage reports: bytes per second since its last report, None when it cannot say anything new."""
        known = self._known.setdefault(stage, _Known(now))
        known.heard = now
        if used is not None:
            known.demands = (_demand(used, known.told), *known.demands[:1])
        elif not known.demands:
            known.demands = (inf,)

    def divide(self, limits: Mapping[Endpoint, float], parties: Mapping[Stage, Party], now: float) -> None:
        """Reckon the shares anew, among all stages that use these limited endpoints."""
        users: dict[Endpoint, list[Stage]] = {endpoint: [] for endpoint in limits}
        for stage, party in parties.items():
            self._known.setdefault(stage, _Known(now))
            for endpoint in party.endpoints & limits.keys():
                users[endpoint].append(stage)
        for stage in self._known.keys() - parties.keys():
            del self._known[stage]
        weights = {endpoint: sum(parties[stage].weight for stage in stages) for endpoint, stages in users.items()}
        claims = {}
        for stage, party in parties.items():
            fair = min((limits[e] * party.weight / weights[e] for e in party.endpoints & limits.keys()), default=0.0)
            most = max(self._wanted(stage, party, now), FLOOR * fair, party.least)
            claims[stage] = Claim(party.endpoints, party.weight, party.least, most)
        wanted = bandwidth.divide(limits, claims)
        # What nobody is seen to want is handed out too, so that whoever begins to want more need not be seen first.
        rest = {stage: replace(claims[stage], least=share, most=inf) for stage, share in wanted.items()}
        shares = bandwidth.divide(limits, rest)
        for stage, share in shares.items():
            self._known[stage].note(share, now)
        self._division = _Division(limits, users, parties, shares)

    def tell(self, stage: Stage, now: float) -> int | None:
        """What the stage may move from now on; None when nothing limits it. Never 0, which would read as "stop"."""
        division, known = self._division, self._known.setdefault(stage, _Known(now))
        share = division.shares.get(stage)
        if share is None:
            known.told = None
            return None
        party = division.parties[stage]
        before = known.told if known.told is not None else party.allowed or 0.0
        limited = party.endpoints & division.limits.keys()
        room = min(self._room(endpoint, stage, now) for endpoint in limited)
        least = max(min(party.least, share), FLOOR * share)
        told = max(1, int(min(share, max(before, room, least))))
        known.told = float(told)
        return told

    def _wanted(self, stage: Stage, party: Party, now: float) -> float:
        known = self._known[stage]
        if known.demands and (now - known.heard <= HEARD_SECONDS or party.used is None):
            return max(known.demands)
        if party.used is not None:
            return _demand(party.used, party.allowed)
        return inf if now - known.since <= BEGIN_SECONDS else 0.0

    def _room(self, endpoint: Endpoint, stage: Stage, now: float) -> float:
        """What nobody else holds of an endpoint."""
        division = self._division
        return division.limits[endpoint] - sum(
            self._held(other, now) for other in division.users[endpoint] if other != stage
        )

    def _held(self, stage: Stage, now: float) -> float:
        known = self._known[stage]
        if known.told is not None and now - known.heard <= HEARD_SECONDS:
            return known.told
        return max(known.due[0][0], self._division.parties[stage].allowed or 0.0)


def _demand(used: float, allowed: float | None) -> float:
    if allowed is None or used >= SATURATED * allowed:
        return inf
    return used * GROWTH

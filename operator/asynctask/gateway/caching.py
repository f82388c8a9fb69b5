"""A cache of answers that cost a request: bounded, expiring, each answer fetched by one caller for all who wait."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar, cast

from asynctask.gateway.errors import GatewayError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps values for `seconds`, refusals (of that class) for `refusal_seconds`, other exceptions not."""

    def __init__(
        self,
        seconds: float,
        *,
        refusal_seconds: float = 0.0,
        refusal: type[Exception] = GatewayError,
        size: int = 10_000,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._seconds = seconds
        self._refusal_seconds = refusal_seconds
        self._refusal = refusal
        self._size = size
        self._clock = clock
        self._kept: OrderedDict[K, tuple[float, V | Exception]] = OrderedDict()
        self._loading: dict[K, asyncio.Future[V]] = {}

    async def get(self, key: K, load: Callable[[V | None], Awaitable[V]]) -> V:
        """The value of a key, loaded when none is fresh enough. `load` is given the value that went stale, if any."""
        old = self._kept.get(key)
        if old and self._clock() < old[0]:
            self._kept.move_to_end(key)
            if isinstance(old[1], self._refusal):
                raise old[1].with_traceback(None)  # else it would grow with every use
            return cast("V", old[1])
        loading = self._loading.get(key)
        if loading is None:
            stale = cast("V", old[1]) if old and not isinstance(old[1], self._refusal) else None
            loading = asyncio.ensure_future(self._load(key, load, stale))
            self._loading[key] = loading
            loading.add_done_callback(lambda done: self._loaded(key, done))
        return await asyncio.shield(loading)  # one caller that hangs up does not take the answer from the others

    def has(self, key: K) -> bool:
        """Whether a value of the key, not a refusal, would be given without loading."""
        kept = self._kept.get(key)
        return kept is not None and self._clock() < kept[0] and not isinstance(kept[1], self._refusal)

    def forget(self, key: K) -> None:
        """Load anew next time."""
        self._kept.pop(key, None)

    async def _load(self, key: K, load: Callable[[V | None], Awaitable[V]], stale: V | None) -> V:
        try:
            value = await load(stale)
        except self._refusal as refusal:
            self._keep(key, refusal, self._refusal_seconds)
            raise
        self._keep(key, value, self._seconds)
        return value

    def _keep(self, key: K, value: V | Exception, seconds: float) -> None:
        self._kept[key] = (self._clock() + seconds, value)
        self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def _loaded(self, key: K, done: asyncio.Future[V]) -> None:
        del self._loading[key]
        if not done.cancelled():
            done.exception()  # marked as seen: all who waited may have hung up

"""Refusals as sentences for people, made on demand."""

from collections.abc import Callable

from asynctask.api.reasons import Reason
from asynctask.core.admission.model import Key, Refusal

MEBIBYTE = 1024 * 1024


def describe(refusal: Refusal, namespace: str = "") -> str:
    """One sentence. Names of other namespaces' tasks are only told to their own: give the reader's `namespace`."""
    why = _WORDS.get(refusal.reason, _other)(refusal, namespace)
    return f"waiting in queue {refusal.queue}: {why}, {refusal.ahead} ahead of it when this was written"


def _who(key: Key | None, namespace: str) -> str:
    if key is None:
        return "another task"
    return f"task {key[1]}" if key[0] == namespace else "a task of another namespace"


def _full(refusal: Refusal, _: str) -> str:
    return f"{refusal.used} of {refusal.limit} run"


def _of_namespace(refusal: Refusal, _: str) -> str:
    return f"{refusal.used} of {refusal.limit} tasks run that its namespace may have there"


def _of_type(refusal: Refusal, _: str) -> str:
    return f"{refusal.used} of {refusal.limit} tasks of its type run that the queue allows"


def _amount(resource: str, amount: int | None) -> str:
    if amount is None:
        return "?"
    if resource == "quota.cpu":
        return f"{amount / 1000:g} CPUs"
    return f"{amount / MEBIBYTE:,.0f} MiB" if resource == "quota.memory" else str(amount)


def _quota(refusal: Refusal, _: str) -> str:
    needed, used, limit = (
        _amount(refusal.resource, amount) for amount in (refusal.needed, refusal.used, refusal.limit)
    )
    return f"it needs {needed}, and {used} of {limit} are in use ({refusal.resource})"


def _too_large(refusal: Refusal, _: str) -> str:
    needed, limit = (_amount(refusal.resource, amount) for amount in (refusal.needed, refusal.limit))
    return (
        f"it needs {needed}, more than the {limit} of the queue's {refusal.resource}; it can't start before that is"
        " raised or its stages request less"
    )


def _rate(refusal: Refusal, _: str) -> str:
    return f"{refusal.limit} tasks may start there within a minute"


def _endpoint(refusal: Refusal, _: str) -> str:
    return f"{refusal.used} of {refusal.limit} streams of storage endpoint {refusal.resource} are in use"


def _bandwidth(refusal: Refusal, _: str) -> str:
    return (
        f"it needs {refusal.needed} MB/s of storage endpoint {refusal.resource}, and {refusal.used} of {refusal.limit}"
        " MB/s are promised"
    )


def _locked(refusal: Refusal, namespace: str) -> str:
    doing = "waits longer for and goes first to" if refusal.holder_waits else "uses"
    return f"{_who(refusal.holder, namespace)} {doing} {refusal.resource} or a folder above or below it"


def _reserved(refusal: Refusal, namespace: str) -> str:
    return (
        f"{_who(refusal.holder, namespace)} goes first, and what it needs of {refusal.resource} is kept free for it"
        f" ({_amount(refusal.resource, refusal.used)} of {_amount(refusal.resource, refusal.limit)} in use or kept)"
    )


def _new(_: Refusal, __: str) -> str:
    return "its turn has not come"


def _suspended(_: Refusal, __: str) -> str:
    return "somebody has suspended it"


def _busy(refusal: Refusal, _: str) -> str:
    return f"the cluster is too busy to start more ({refusal.resource}: {refusal.used}, and {refusal.limit} is enough)"


def _other(refusal: Refusal, _: str) -> str:
    return f"the queue starts nothing now ({refusal.resource or refusal.reason})"


_WORDS: dict[Reason, Callable[[Refusal, str], str]] = {
    Reason.QUEUED: _new,
    Reason.QUEUE_FULL: _full,
    Reason.QUEUE_SUSPENDED: _suspended,
    Reason.CLUSTER_BUSY: _busy,
    Reason.NAMESPACE_LIMIT_REACHED: _of_namespace,
    Reason.TYPE_LIMIT_REACHED: _of_type,
    Reason.QUEUE_QUOTA_EXCEEDED: _quota,
    Reason.REQUEST_TOO_LARGE: _too_large,
    Reason.START_RATE_LIMITED: _rate,
    Reason.ENDPOINT_BUSY: _endpoint,
    Reason.BANDWIDTH_UNAVAILABLE: _bandwidth,
    Reason.LOCATION_LOCKED: _locked,
    Reason.ROOM_RESERVED: _reserved,
}

"""Decodes Jobs and pods straight from the wire into what the rules read."""

from typing import Any, Generic, TypeVar

import msgspec
import orjson

from asynctask.core.observed import Job, Pod

T = TypeVar("T")


class ListMeta(msgspec.Struct, rename="camel"):
    """Where a list stands in history."""

    resource_version: str = ""


class Items(msgspec.Struct, Generic[T]):
    """One page of a list."""

    metadata: ListMeta
    items: tuple[T, ...] = ()


class Change(msgspec.Struct, Generic[T]):
    """One line of a watch."""

    type: str
    object: T


_job = msgspec.json.Decoder(Job)


def decode_job(body: dict[str, Any]) -> Job:
    """A Job from the API server's answer to our own write."""
    return _job.decode(orjson.dumps(body))


JOB_ITEMS, POD_ITEMS = msgspec.json.Decoder(Items[Job]), msgspec.json.Decoder(Items[Pod])
JOB_CHANGE, POD_CHANGE = msgspec.json.Decoder(Change[Job]), msgspec.json.Decoder(Change[Pod])

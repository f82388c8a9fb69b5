"""What a channel is given, and how it says that it failed."""

from dataclasses import dataclass
from typing import Protocol

from asynctask.core.notifications.delivery import Failure
from asynctask.core.notifications.events import Event
from asynctask.core.notifications.wording import Message


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to one recipient. Whatever is tried again bears the same id, so that the other side can tell."""

    id: str
    address: str
    """Mail address or number; empty where the channel has but one recipient."""
    message: Message
    events: tuple[Event, ...]
    """For programs: the events themselves."""
    count: int = 1
    """How many there are in all."""


class SendFailed(Exception):
    """The message was not taken, or nobody knows whether it was."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Sender(Protocol):
    """One channel."""

    async def send(self, outgoing: Outgoing) -> None:
        """Hand one message over. Raises SendFailed."""

    async def close(self) -> None:
        """Let go of connections."""


def permanent(message: str, *, is_channel: bool = False) -> SendFailed:
    """It will never do."""
    return SendFailed(Failure("permanent", message, None, is_channel))


def transient(message: str, *, is_channel: bool = False) -> SendFailed:
    """It may do later."""
    return SendFailed(Failure("transient", message, None, is_channel))


def throttled(message: str, retry_after: float | None = None, *, is_channel: bool = True) -> SendFailed:
    """It was too much at once."""
    return SendFailed(Failure("throttled", message, retry_after, is_channel))

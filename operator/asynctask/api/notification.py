"""What a task asks to be told of, and to whom."""

from typing import Annotated, Literal

from pydantic import Field

from asynctask.api.base import SET_KEYS, Model

TaskEvent = Literal[
    "Succeeded",
    "PartiallySucceeded",
    "Failed",
    "Cancelled",
    "Invalid",
    "FirstFailure",
    "Recovered",
    "DeadlineAtRisk",
    "ReviewWanted",
    "ReviewExpiring",
]

MAIL = r'[^\s@:,;<>"\\]{1,64}@[A-Za-z0-9.-]{1,253}'
PHONE = r"\+?[0-9]{3,20}"
CHANNEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_FORMS = ("initiator", "administrators", "reviewers", r"user:\S[^\r\n]{0,252}", f"mail:{MAIL}", f"sms:{PHONE}")
RECIPIENT = f"^({'|'.join(_FORMS)}|channel:{CHANNEL})$"
Recipient = Annotated[str, Field(max_length=330, pattern=RECIPIENT)]
"""`initiator`, `administrators`, `reviewers`, `user:NAME`, `mail:ADDRESS`, `sms:NUMBER` or `channel:NAME`."""


class TaskNotification(Model):
    """Who is told of which events of the task, besides what the rules of the administrators say."""

    on: Annotated[tuple[TaskEvent, ...], Field(min_length=1, max_length=10, json_schema_extra=SET_KEYS)]
    """The events. `FirstFailure`: it failed and the run before, or the schedule's task before, had not. `Recovered`: the other way round."""
    to: Annotated[tuple[Recipient, ...], Field(min_length=1, max_length=20, json_schema_extra=SET_KEYS)] = (
        "initiator",
    )
    """To whom: `initiator`, `administrators`, `reviewers`, `user:NAME`, `mail:ADDRESS`, `sms:NUMBER`, or `channel:NAME` for a chat or webhook."""

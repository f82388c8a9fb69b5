"""Human review: how an approval stage is written down, and what people decided on it."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from asynctask.api.base import (
    SET_KEYS,
    Count,
    Message,
    Model,
    Rule,
    Seconds,
    ShortText,
    StageName,
    Text,
    Time,
    rules,
)

PersonName = Annotated[str, Field(min_length=1, max_length=256)]
ArtifactName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$")]
Digest = Annotated[str, Field(max_length=71, pattern=r"^(sha256:[0-9a-f]{64})?$")]
"""Of a file's bytes: `sha256:` and 64 hexadecimal digits."""

MAX_DECISIONS = 32
"""People who may have decided on one stage."""


class Approvers(Model):
    """Who may decide. With neither users nor groups: whoever has the right to (RBAC verb `review` on `stages`)."""

    users: Annotated[tuple[PersonName, ...], Field(max_length=32, json_schema_extra=SET_KEYS)] = ()
    """Names of users, as the cluster authenticates them."""
    groups: Annotated[tuple[PersonName, ...], Field(max_length=32, json_schema_extra=SET_KEYS)] = ()
    """Names of groups; one of them is enough."""


class ItemList(Model):
    """The list whose items are reviewed one by one."""

    stage: StageName
    """The stage that makes the list; it must come before this one."""
    artifact: ArtifactName
    """The artifact that it keeps the list as: JSON lines, an item a line."""


class ApprovalStage(Model):
    """A stage that waits for people."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                rule="!has(self.items) || self.atExpiry == 'Reject'",
                message="a list of items is never approved by nobody: atExpiry must be Reject",
                field_path=".atExpiry",
                reason="FieldValueForbidden",
            ),
            Rule(
                rule="!has(self.approvers) || !has(self.approvers.users) || has(self.approvers.groups)"
                " || self.quorum <= size(self.approvers.users)",
                message="there are not as many approvers as the quorum asks for",
                field_path=".quorum",
            ),
        )
    )

    message: Text = Text()
    """What is to be decided."""
    approvers: Approvers | None = None
    """Who may decide; absent: whoever has the right to."""
    quorum: Annotated[int, Field(ge=1, le=16)] = 1
    """How many different people must approve. One rejection rejects."""
    separation_of_duties: bool = False
    """Whether who submitted the task may not approve it."""
    items: ItemList | None = None
    """A list to review item by item; absent: it is about going on as a whole."""
    expires_after_seconds: Seconds | None = None
    """How long people have to decide, counted from the moment the stage began; for ever when absent."""
    at_expiry: Literal["Reject", "Approve"] = "Reject"
    """What becomes of it when too few have decided by then and nobody rejected."""


class Review(Model):
    """A person's decision on an approval stage."""

    decision: Literal["Approved", "Rejected"]
    """The decision."""
    by: ShortText = ""
    """Who."""
    message: Message = ""
    """In their words."""
    time: Time | None = None
    """When."""
    items_digest: Digest = ""
    """Of the list that was approved: `reviewItems.digest`. An approval of another list than the newest doesn't count."""


class Decision(Review):
    """A decision by somebody who is known: written by the gateway, one for each person, the newest holds."""

    by: PersonName
    """Who."""


class ReviewItems(Model):
    """The list as it was approved, kept as an artifact that nobody changes any more."""

    artifact: ArtifactName
    """Its name."""
    digest: Digest
    """Of its bytes."""
    total: Count = 0
    """Items that there were to review."""
    approved: Count = 0
    """Items that were approved: the lines of the artifact."""
    struck: Count = 0
    """Items that were struck off."""
    bytes: Count = 0
    """Sizes of the approved items together."""


Decisions = Annotated[
    tuple[Decision, ...],
    Field(
        max_length=MAX_DECISIONS,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["by"]},
    ),
]

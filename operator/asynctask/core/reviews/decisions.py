"""What the decisions on an approval stage come to: approved, rejected, expired, or not yet known.

The gateway has asked who somebody is and what they may do before it writes a decision down. Here only that is
checked which a decision shows by itself, so that one which got in on another way counts no more than it should.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from asynctask.api.approval import ApprovalStage, Review, ReviewItems
from asynctask.api.stage import StageStatus
from asynctask.core.times import stamp

Outcome = Literal["Approved", "Rejected", "Expired", "Waiting"]


@dataclass(frozen=True, slots=True)
class Tally:
    """What was decided so far."""

    outcome: Outcome
    approvals: tuple[Review, ...] = ()
    """Those that count, by different people."""
    rejection: Review | None = None
    ignored: tuple[str, ...] = ()
    """Why decisions don't count, for people."""
    due: datetime | None = None
    """Until when people may decide."""
    items: ReviewItems | None = field(default=None)
    """The list that was approved, of a review of items."""

    @property
    def decided_at(self) -> datetime | None:
        """When it was decided, if that is known."""
        if self.rejection:
            return self.rejection.time
        if self.outcome == "Expired":
            return self.due
        return max((review.time for review in self.approvals if review.time), default=None)


def expiry(approval: ApprovalStage, began: datetime) -> datetime | None:
    """Until when people may decide; None: for ever."""
    seconds = approval.expires_after_seconds
    return began + timedelta(seconds=seconds) if seconds else None


def tally(approval: ApprovalStage, status: StageStatus, began: datetime, now: datetime, submitter: str = "") -> Tally:
    """Count. One rejection rejects, whoever else approved: to object must not take a majority."""
    due = expiry(approval, began)
    counted, ignored = [], []
    for review in _newest(status):
        if why := not_counted(approval, review, submitter, due, status.review_items):
            ignored.append(f"the decision by {_who(review)} does not count: {why}")
        else:
            counted.append(review)
    approvals = tuple(review for review in counted if review.decision == "Approved")
    rejection = next((review for review in counted if review.decision == "Rejected"), None)
    outcome: Outcome = "Waiting"
    if rejection:
        outcome = "Rejected"
    elif len(approvals) >= approval.quorum:
        outcome = "Approved"
    elif due and due <= now:
        outcome = "Approved" if approval.at_expiry == "Approve" and not approval.items else "Expired"
    items = status.review_items if approval.items and outcome == "Approved" else None
    return Tally(outcome, approvals, rejection, tuple(ignored), due, items)


def not_counted(
    approval: ApprovalStage, review: Review, submitter: str, due: datetime | None, items: ReviewItems | None
) -> str:
    """Why a decision does not count; empty: it does."""
    if due and review.time and review.time > due:
        return f"it came after {stamp(due)}"
    approvers = approval.approvers
    if approvers and approvers.users and not approvers.groups and review.by not in approvers.users:
        return "not one of the approvers"  # whoever is listed by a group only the gateway can tell
    if review.decision == "Rejected":
        return ""
    if approval.separation_of_duties and submitter and review.by in {submitter, ""}:
        return "who submits a task may not approve it"
    if approval.items and (items is None or not items.digest or review.items_digest != items.digest):
        return "it is about another list than the newest"
    return ""


def _newest(status: StageStatus) -> Sequence[Review]:
    """One decision a person."""
    found: dict[str, Review] = {decision.by: decision for decision in status.reviews}
    if single := status.review:
        known = found.get(single.by)
        if known is None or (single.time and known.time and single.time > known.time):
            found[single.by] = single
    return list(found.values())


def _who(review: Review) -> str:
    return review.by or "somebody"


def in_words(approval: ApprovalStage, result: Tally) -> str:
    """What became of it, in a sentence without its end; `Waiting` has none."""
    if result.rejection:
        words = f": {result.rejection.message}" if result.rejection.message else ""
        return f"rejected by {_who(result.rejection)}{words}"
    names, until = ", ".join(_who(review) for review in result.approvals), stamp(result.due)
    if result.outcome == "Approved":
        if len(result.approvals) < approval.quorum:
            return f"nobody objected until {until}"
        return f"approved by {names}" + (
            f"; {result.items.approved} of {result.items.total} items" if result.items else ""
        )
    if result.outcome == "Expired":
        if result.approvals:
            return f"only {len(result.approvals)} of {approval.quorum} approved until {until}: {names}"
        return f"nobody decided until {until}"
    return ""

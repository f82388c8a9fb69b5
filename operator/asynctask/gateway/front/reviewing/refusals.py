"""What reviewers are refused."""

from asynctask.gateway.front.problems import Conflict, Forbidden, Refusal, Unavailable


class ReviewOver(Conflict):
    """It is decided, or too late. Params: state."""

    code = "ReviewOver"


class NotAnApprover(Forbidden):
    """The stage names who may decide, and the caller is not among them."""

    code = "NotAnApprover"


class OwnSubmission(Forbidden):
    """The stage keeps those apart who submit and who approve."""

    code = "OwnSubmission"


class SubmitterUnknown(Forbidden):
    """The same, of a task of which nobody knows who submitted it."""

    code = "SubmitterUnknown"


class NoItems(Conflict):
    """The stage asks about going on as a whole: it has no list."""

    code = "NoItems"


class ListMissing(Conflict):
    """The stage that makes the list has stored none. Params: artifact."""

    code = "ListMissing"


class ListUnusable(Conflict):
    """The list is no list of items. Params: problem."""

    code = "ListUnusable"


class ListChanged(Conflict):
    """The list is not the one that the review began with."""

    code = "ListChanged"


class NothingToUndo(Conflict):
    """Nothing was done, all was undone, or it is too long ago."""

    code = "NothingToUndo"


class TooManyDecisions(Conflict):
    """No room for one more person's decision."""

    code = "TooManyDecisions"


class ListPreparing(Unavailable):
    """The list is being made ready for review."""

    code = "ListPreparing"


class NoRoomForList(Refusal):
    """The approved list could not be stored. Params: problem."""

    status, code = 507, "NoRoomForList"

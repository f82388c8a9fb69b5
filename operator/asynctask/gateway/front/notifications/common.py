"""What these operations share."""

from contextlib import AbstractAsyncContextManager

from asynctask.adapters.archive import Transaction
from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.cursors import archive_of
from asynctask.gateway.front.problems import Conflict


class TooManyRules(Conflict):
    """No more rules or subscriptions. Params: max."""

    code = "TooManyRules"


class NotDead(Conflict):
    """Only what was given up can be sent again."""

    code = "NotDead"


def reading(call: Call) -> AbstractAsyncContextManager[Transaction]:
    """A connection for reading. Raises NoArchive."""
    return archive_of(call.desk).read()


def writing(call: Call) -> AbstractAsyncContextManager[Transaction]:
    """A transaction. Raises NoArchive."""
    return archive_of(call.desk).begin()

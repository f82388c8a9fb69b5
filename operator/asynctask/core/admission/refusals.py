"""Why a task waits: from what the last pass noted about all that are like it, on demand."""

from asynctask.api.reasons import Reason
from asynctask.core.admission.book import Book
from asynctask.core.admission.ledger import Block
from asynctask.core.admission.lines import Group
from asynctask.core.admission.model import Refusal, Task

NOT_LOOKED_AT = Block(Reason.QUEUED)


def refusal(book: Book, task: Task, number: int, now: float) -> Refusal:
    """The refusal of a task that waits, as of the pass of that number."""
    queue = book.limits.queue(task.queue)
    line = book.lines[task.queue]
    ahead = line.ahead(task.key, queue, lambda: book.running_by_namespace(task.queue), now)
    wait = book.locks.wait(task.key)
    if wait is not None and task.queue not in book.gates:
        return Refusal(
            Reason.LOCATION_LOCKED,
            task.queue,
            ahead,
            wait.location.path,
            holder=wait.holder,
            holder_waits=wait.holder not in book.running,
        )
    group = line.group(task)
    block = line.stop or NOT_LOOKED_AT
    if task.queue not in book.gates and group is not None:
        block = found(book, task, group, number) or block
    earliest = block.earliest
    if block.reason is Reason.START_RATE_LIMITED and earliest is not None:
        earliest += ahead * book.rates[task.queue].interval if task.queue in book.rates else 0.0
    return Refusal(
        block.reason,
        task.queue,
        ahead,
        block.resource,
        block.limit,
        block.used,
        _needed(task, block),
        block.holder,
        holder_waits=block.holder is not None,
        earliest=earliest,
    )


def found(book: Book, task: Task, group: Group, number: int) -> Block | None:
    """What the pass of that number found to stop the task, or would have, had it asked; None: it is not known."""
    if group.kind.passed == number:
        return group.kind.block
    if group.kind.skipped == number:
        return book.limits.block(task, book.taken, book.kept)
    return None


def _needed(task: Task, block: Block) -> int | None:
    """What stops a whole queue was found with another task."""
    if block.resource == "quota.cpu":
        return task.cpu_milli
    return task.memory_bytes if block.resource == "quota.memory" else block.needed

"""The last passes over a tree: hard links, then owner, mode and times of directories."""

import errno
import os

from asynctask_stage.data import attributes, kernel, names, opening
from asynctask_stage.data.entries import Action, Entry, Kind, Loss, State
from asynctask_stage.data.failures import ItemFailed
from asynctask_stage.data.transfers import Transfer

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOSYS})
_EVERY = 4000


def make_links(transfer: Transfer) -> int:
    """Make the hard links; how many have to be copied instead, because the target has no (more) links."""
    where = "action = ? AND state = ?"
    copies = 0
    done: list[int] = []
    for made, entry in enumerate(transfer.catalog.entries(where, (Action.LINK, State.PENDING)), 1):
        try:
            _link(transfer, entry)
            done.append(entry.id)
        except (OSError, ItemFailed) as error:
            if isinstance(error, OSError) and error.errno in _NO_LINKS:
                transfer.catalog.execute(
                    "UPDATE entries SET action = ?, loss = ? WHERE id = ?", (Action.COPY, Loss.HARD_LINK, entry.id)
                )
                transfer.pace.bytes_total += entry.size
                copies += 1
            else:
                transfer.fail(entry, error)
        if made % _EVERY == 0:
            _settle(transfer, done)
    _settle(transfer, done)
    return copies


def _settle(transfer: Transfer, done: list[int]) -> None:
    if done:
        kernel.syncfs(transfer.target.top.fd)
        transfer.catalog.set_states(State.DONE, done)
        transfer.pace.moved(0, items=len(done))
        done.clear()
    transfer.commit()
    transfer.pace.check()


def _link(transfer: Transfer, entry: Entry) -> None:
    leader = transfer.catalog.entry(entry.leader)
    if leader.state not in (State.DONE, State.VERIFIED):
        raise ItemFailed("LinkTargetMissing", f"its content, {names.display(leader.path)}, was not copied")
    from_directory, from_name = names.split(leader.path)
    directory, name = names.split(entry.path)
    source, folder = transfer.target.folder(from_directory), transfer.target.folder(directory)
    temporary = names.temporary(transfer.token, entry.id)
    opening.discard(folder, temporary)
    os.link(from_name, temporary, src_dir_fd=source.fd, dst_dir_fd=folder.fd, follow_symlinks=False)
    os.rename(temporary, name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
    opening.discard(folder, temporary)  # renaming a link over another link to the same file does nothing


def settle_directories(transfer: Transfer) -> None:
    """Give directories that are new, differ or got something new their owner, mode and times, deepest first."""
    changing = (Action.COPY, Action.CREATE, Action.LINK)
    ids = transfer.catalog.execute(
        "SELECT id FROM entries WHERE kind = ? AND state IN (?, ?) AND (action IN (?, ?)"
        " OR id IN (SELECT parent FROM entries WHERE action IN (?, ?, ?))) ORDER BY id DESC",
        (Kind.DIRECTORY, State.PENDING, State.DONE, Action.CREATE, Action.ADJUST, *changing),
    ).fetchall()
    for count, (directory_id,) in enumerate(ids):
        entry = transfer.catalog.entry(directory_id)
        try:
            loss = _settle_directory(transfer, entry)
            transfer.catalog.execute(
                "UPDATE entries SET state = ?, loss = ? WHERE id = ?", (State.DONE, loss, entry.id)
            )
        except OSError as error:
            transfer.failures.add(entry.path, error)
            transfer.catalog.set_states(State.FAILED, [entry.id])
        if count % _EVERY == 0:
            transfer.pace.check()
    kernel.syncfs(transfer.target.top.fd)
    transfer.commit()


def _settle_directory(transfer: Transfer, entry: Entry) -> int:
    target = transfer.target.folder(entry.path)
    given = None
    if entry.xattrs:
        try:
            given = attributes.read_xattrs(transfer.source.folder(entry.path).fd)
        except OSError:
            given = None  # gone from the source meanwhile
    return attributes.apply(target.fd, entry, transfer.abilities, given, strip=entry.xattrs is None)

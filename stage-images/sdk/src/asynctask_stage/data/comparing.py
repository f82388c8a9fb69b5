"""One source entry against what stands at its place in the target: what is to be done."""

import os
import stat

from asynctask_stage.data import attributes
from asynctask_stage.data.attributes import Abilities
from asynctask_stage.data.entries import Action, Entry, Kind, Loss, State, int64, kind_of
from asynctask_stage.data.failures import ItemFailed
from asynctask_stage.data.roots import Folder


def plan(entry: Entry, name: bytes, found: os.stat_result | None, folder: Folder | None, abilities: Abilities) -> Entry:
    """The entry with its action, state and loss, given what ``lstat`` found in the target's ``folder``.

    A file is unchanged when size and time of last change are the same, as for rsync. ``ItemFailed`` where a
    directory of the target stands in the way of something else: whole trees are never removed for that.
    """
    if entry.kind == Kind.SOCKET:
        return entry._replace(action=Action.KEEP, state=State.DONE, loss=Loss.SOCKET)
    if found is None or folder is None:
        return entry._replace(action=_fresh(entry))
    kind = kind_of(found.st_mode)
    if kind != entry.kind:
        if kind == Kind.DIRECTORY:
            raise ItemFailed("TypeConflict", "a directory of this name is in the way in the destination", "permanent")
        return entry._replace(action=_fresh(entry))
    entry = entry._replace(target_size=found.st_size if kind == Kind.FILE else -1, target_ino=int64(found.st_ino))
    if not _same_content(entry, name, found, folder, abilities):
        return entry._replace(action=_fresh(entry))
    differing, lost = _differences(entry, name, found, folder, abilities)
    if differing & ~lost:
        return entry._replace(action=Action.ADJUST)
    return entry._replace(action=Action.KEEP, state=State.DONE, loss=differing & lost)


def _fresh(entry: Entry) -> Action:
    return Action.COPY if entry.kind == Kind.FILE else Action.CREATE


def _same_content(entry: Entry, name: bytes, found: os.stat_result, folder: Folder, abilities: Abilities) -> bool:
    if entry.kind == Kind.FILE:
        return found.st_size == entry.size and abilities.same_time(found.st_mtime_ns, entry.mtime_ns)
    if entry.kind == Kind.SYMLINK:
        return os.readlink(name, dir_fd=folder.fd) == entry.link
    if entry.kind in (Kind.CHARACTER_DEVICE, Kind.BLOCK_DEVICE):
        return found.st_rdev == entry.rdev
    return True


def _differences(
    entry: Entry, name: bytes, found: os.stat_result, folder: Folder, abilities: Abilities
) -> tuple[int, int]:
    """What differs beside the content, and which of it can't be set anyway."""
    lost = abilities.lost(entry) & (Loss.OWNER | Loss.GROUP)
    differing = Loss.NONE
    if found.st_uid != entry.uid:
        differing |= Loss.OWNER
    if found.st_gid != entry.gid:
        differing |= Loss.GROUP
    if entry.kind == Kind.SYMLINK:
        return differing, lost
    mode = stat.S_IMODE(found.st_mode)
    if mode != entry.mode:
        differing |= Loss.MODE
        if not abilities.modes or mode == abilities.mode_of(entry):
            lost |= Loss.MODE
    if entry.kind == Kind.DIRECTORY and not abilities.same_time(found.st_mtime_ns, entry.mtime_ns):
        differing |= Loss.TIMES
    if abilities.xattrs or abilities.acls:
        there = attributes.digest(attributes.read_xattrs(folder.path_of(name)))
        if there != entry.xattrs:
            differing |= Loss.XATTR
    elif entry.xattrs:
        differing |= Loss.XATTR
        lost |= Loss.XATTR
    return differing, lost

"""Owner, mode, times, extended attributes: what the target can take over, and taking it over.

What can't be preserved is counted as a ``Loss`` of the entry; it never passes in silence, and never fails the entry.
"""

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from asynctask_stage.data import kernel, names
from asynctask_stage.data.entries import Entry, Loss
from asynctask_stage.data.roots import Root

ACL_NAMES = frozenset({"system.posix_acl_access", "system.posix_acl_default", "system.nfs4_acl", "system.richacl"})
_NOT_OURS = frozenset({"security.selinux", "security.evm", "security.ima", "system.nfs4acl_xdr"})
"""Labels that belong to the host of the target, not to the data."""

_NO_ATTRIBUTES = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.ENODATA})
_SETID = stat.S_ISUID | stat.S_ISGID

Attributes = dict[str, bytes]


@dataclass(frozen=True)
class Abilities:
    """What this process can preserve in this target."""

    granularity_ns: int = 1
    """Times closer than this are the same: what the target's file system rounds to."""
    owners: bool = True
    """Whether files may be given to anybody."""
    modes: bool = True
    xattrs: bool = True
    acls: bool = True
    clones: bool = False
    """Whether the target's file system can share blocks between files."""
    uid: int = 0
    gid: int = 0
    groups: frozenset[int] = field(default_factory=frozenset)

    def same_time(self, one: int, other: int) -> bool:
        """Whether two times (nanoseconds) are the same to the target."""
        return one == other or abs(one - other) < self.granularity_ns

    def can_give(self, gid: int) -> bool:
        """Whether files may be given to this group."""
        return self.owners or gid == self.gid or gid in self.groups

    def lost(self, entry: Entry) -> int:
        """What of the entry's owner and mode can't arrive; a set-id bit never goes to another owner's file."""
        if self.owners:
            loss = Loss.NONE
        else:
            loss = Loss.OWNER if entry.uid != self.uid else Loss.NONE
            if not self.can_give(entry.gid):
                loss |= Loss.GROUP
        if loss and entry.mode & _SETID:
            loss |= Loss.MODE
        return loss

    def mode_of(self, entry: Entry) -> int:
        """The mode that the copy gets."""
        return entry.mode & ~_SETID if self.lost(entry) & (Loss.OWNER | Loss.GROUP) else entry.mode


def probe(target: Root, token: str) -> Abilities:
    """Find out by trying on two temporary files at the top of the target. ``OSError`` when it can't be written."""
    paths = [names.temporary(token, 0), names.temporary(token, 10**15)]
    fds = []
    try:
        for path in paths:
            _unlink(target, path)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fds.append(os.open(path, flags, 0o600, dir_fd=target.top.fd))
        first, second = fds
        odd = (int(time.time()) | 1) * 10**9 + 123_456_789
        os.utime(first, ns=(odd, odd))
        os.write(first, b"asynctask" * 1000)
        os.utime(first, ns=(odd, odd))
        os.fchmod(first, 0o604)
        return Abilities(
            granularity_ns=_granularity(odd, os.fstat(first).st_mtime_ns),
            modes=stat.S_IMODE(os.fstat(first).st_mode) == 0o604,
            clones=kernel.clone(first, second),
            xattrs=_accepts(first, "user.asynctask", b"1"),
            acls=_accepts(first, "system.posix_acl_access", _SMALL_ACL),
            owners=_may_give(first),
            uid=os.geteuid(),
            gid=os.getegid(),
            groups=frozenset(os.getgroups()),
        )
    finally:
        for fd in fds:
            os.close(fd)
        for path in paths:
            _unlink(target, path)


def read_xattrs(path: bytes | int) -> Attributes:
    """Extended attributes with their values, access lists among them; empty where there is no such thing.

    A path must be one of ``Folder.path_of``: its last component is not followed.
    """
    follow = isinstance(path, int)
    try:
        found = os.listxattr(path, follow_symlinks=follow)
    except OSError as error:
        if error.errno in _NO_ATTRIBUTES:
            return {}
        raise
    values: Attributes = {}
    for name in found:
        if name in _NOT_OURS:
            continue
        try:
            values[name] = os.getxattr(path, name, follow_symlinks=follow)
        except OSError as error:
            if error.errno not in (*_NO_ATTRIBUTES, errno.EPERM, errno.EACCES):
                raise
    return values


def digest(attributes: Attributes) -> bytes | None:
    """What two equal sets of attributes have in common; None for an empty one."""
    if not attributes:
        return None
    state = hashlib.blake2b(digest_size=16)
    for name in sorted(attributes):
        key = os.fsencode(name)
        state.update(b"%d %d " % (len(key), len(attributes[name])) + key + attributes[name])
    return state.digest()


def apply(
    fd: int,
    entry: Entry,
    abilities: Abilities,
    attributes: Attributes | None,
    *,
    strip: bool = False,
    atime_ns: int | None = None,
) -> int:
    """Give the open file or directory the entry's owner, mode, attributes and times; what was lost.

    ``attributes`` are the source's, None to leave them alone; ``strip`` removes others that are there; the time of last
    access becomes ``atime_ns``, or now. The order matters: a change of owner clears set-id bits and capabilities, and
    a change of mode changes an access list.
    """
    loss = abilities.lost(entry)
    if abilities.owners:
        loss |= _try(Loss.OWNER | Loss.GROUP, os.fchown, fd, entry.uid, entry.gid)
    elif not loss & Loss.GROUP:
        loss |= _try(Loss.GROUP, os.fchown, fd, -1, entry.gid)
    mode = entry.mode
    if loss and mode & _SETID:
        mode &= ~_SETID
        loss |= Loss.MODE
    loss |= _try(Loss.MODE, os.fchmod, fd, mode)
    if attributes or strip:
        loss |= _set_xattrs(fd, attributes or {}, strip=strip)
    times = (time.time_ns() if atime_ns is None else atime_ns, entry.mtime_ns)
    return loss | _try(Loss.TIMES, _set_times, fd, times)


def _set_times(fd: int, times: tuple[int, int]) -> None:
    os.utime(fd, ns=times)


def _set_xattrs(fd: int, attributes: Attributes, *, strip: bool) -> int:
    loss = Loss.NONE
    if strip:
        try:
            extra = [name for name in os.listxattr(fd) if name not in attributes and name not in _NOT_OURS]
        except OSError:
            extra = []
        for name in extra:
            loss |= _try(_loss_of(name), os.removexattr, fd, name)
    for name, value in attributes.items():
        loss |= _try(_loss_of(name), os.setxattr, fd, name, value)
    return loss


def _loss_of(name: str) -> int:
    return Loss.ACL if name in ACL_NAMES else Loss.XATTR


def _try(loss: int, call: Callable[..., None], *arguments: Any) -> int:
    """Run ``call``; ``loss`` when the file system or our rights refuse it."""
    try:
        call(*arguments)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE):
            raise
        return loss
    return Loss.NONE


# Version 2, then user, group and other as (tag, permissions, no id): equal to mode 0600, so it changes nothing.
_SMALL_ACL = bytes.fromhex("0200000001000600ffffffff04000000ffffffff20000000ffffffff")


def _accepts(fd: int, name: str, value: bytes) -> bool:
    try:
        os.setxattr(fd, name, value)
    except OSError:
        return False
    return True


def _may_give(fd: int) -> bool:
    """Whether a file can be given away; a file server may refuse even root."""
    try:
        os.fchown(fd, os.geteuid() + 1, os.getegid() + 1)
    except OSError:
        return False
    return os.fstat(fd).st_uid == os.geteuid() + 1


def _granularity(wanted: int, found: int) -> int:
    """The coarsest step that explains the rounding, in nanoseconds."""
    if wanted == found:
        return 1
    return next((step for step in (100, 1000, 10**6, 10**9) if abs(wanted - found) < step), 2 * 10**9)


def _unlink(target: Root, path: bytes) -> None:
    try:
        os.unlink(path, dir_fd=target.top.fd)
    except FileNotFoundError:
        return

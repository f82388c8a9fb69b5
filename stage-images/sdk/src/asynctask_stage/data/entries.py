"""What the catalog knows about one thing in the source tree."""

import stat
from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """What an entry is."""

    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3
    FIFO = 4
    SOCKET = 5
    CHARACTER_DEVICE = 6
    BLOCK_DEVICE = 7


class Action(IntEnum):
    """What the plan does with an entry in the target."""

    KEEP = 0
    """Nothing: it is there, and the same."""
    COPY = 1
    """Copy the content, and everything with it."""
    ADJUST = 2
    """Content is the same; set owner, mode, times and attributes."""
    CREATE = 3
    """Make the directory, symbolic link, pipe or device."""
    LINK = 4
    """Make it a hard link to its leader's copy."""


class State(IntEnum):
    """How far an entry is."""

    PENDING = 0
    DONE = 1
    FAILED = 2
    """An item error says why."""
    VANISHED = 3
    """Deleted from the source after it was listed; no error."""
    VERIFIED = 4
    MISMATCH = 5
    """The target does not hold what was copied; the next run copies it again."""


class Loss:
    """What the target could not take over from the source, as bits of an integer.

    Not an ``IntFlag``: those cost more than the system calls around them.
    """

    NONE = 0
    OWNER = 1
    GROUP = 2
    MODE = 4
    TIMES = 8
    ACL = 16
    XATTR = 32
    HARD_LINK = 64
    DEVICE = 128
    SOCKET = 256


LOSS_NAMES = {
    Loss.OWNER: "owner",
    Loss.GROUP: "group",
    Loss.MODE: "mode",
    Loss.TIMES: "times",
    Loss.ACL: "acl",
    Loss.XATTR: "xattr",
    Loss.HARD_LINK: "hardLink",
    Loss.DEVICE: "device",
    Loss.SOCKET: "socket",
}


class Entry(NamedTuple):
    """One row of the catalog. Times in nanoseconds, sizes in bytes; ``dev`` and ``ino`` as signed 64-bit numbers."""

    id: int
    parent: int
    """Id of the directory that holds it; 0 for the root itself."""
    path: bytes
    """Relative to the root, which is the empty path."""
    kind: int
    size: int
    mtime_ns: int
    mode: int
    """Permission bits only."""
    uid: int
    gid: int
    nlink: int
    dev: int
    ino: int
    rdev: int
    blocks: int
    """Allocated, in units of 512 bytes."""
    link: bytes | None
    """Where a symbolic link points."""
    xattrs: bytes | None
    """Digest of the extended attributes; None when there are none."""
    action: int
    state: int
    loss: int
    target_size: int
    """Size of what it replaces in the target; -1 for nothing."""
    target_ino: int
    leader: int
    """Id of the first entry of its group of hard links; 0 when it is that one, or alone."""
    suspect: int
    """1 when an earlier run found the target's content wrong and has not copied it again."""
    hash: bytes | None
    """blake3 of the content, or of its pieces' hashes in order when it has pieces."""

    @property
    def is_link(self) -> bool:
        """Whether it shares its content with its leader in the target."""
        return self.leader != 0 and self.action != Action.COPY

    @property
    def is_sparse(self) -> bool:
        """Whether it takes less room than its size: it has holes, or is compressed."""
        return self.blocks * 512 < self.size


COLUMNS = Entry._fields

_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
    stat.S_IFCHR: Kind.CHARACTER_DEVICE,
    stat.S_IFBLK: Kind.BLOCK_DEVICE,
}


def kind_of(mode: int) -> Kind:
    """The kind behind ``st_mode``."""
    return _KINDS[stat.S_IFMT(mode)]


def int64(number: int) -> int:
    """``number`` as SQLite can keep it. Some file systems number inodes up to 2**64; times may be beyond 2262."""
    if -(2**63) <= number < 2**63:
        return number
    return number - 2**64 if 2**63 <= number < 2**64 else 2**63 - 1

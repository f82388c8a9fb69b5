"""Putting back what a run has taken: every file to its old name, none over another."""

import os
import stat
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from asynctask_stage.data import candidates, names
from asynctask_stage.data.emptying import FOLDER
from asynctask_stage.data.entries import int64
from asynctask_stage.data.moving import is_same, move_new
from asynctask_stage.data.patterns import Rules
from asynctask_stage.data.quarantine import AREA, RunFolder
from asynctask_stage.data.roots import Folder, Root
from asynctask_stage.errors import PermanentError, classify

BATCH = 500

TellItem = Callable[[bytes, str, str], None]
"""Path, reason, message of an item that could not be put back."""


@dataclass
class Restored:
    """What was put back. Bytes count every name."""

    files: int = 0
    bytes: int = 0
    folders: int = 0
    folders_made: int = 0
    """Folders that somebody had deleted meanwhile."""
    left: int = 0
    """Files that stay in quarantine: their name is taken, or they could not be moved."""
    seen: int = 0


@dataclass(frozen=True)
class _Back:
    number: int
    path: bytes
    size: int
    folder: Folder


@dataclass
class Undo:
    """One undo. It keeps no record: what is still in quarantine is still to be put back."""

    root: Root
    place: RunFolder
    rules: Rules
    tell_item: TellItem
    check: Callable[[], None] = lambda: None
    tell: Callable[[int, int], None] = lambda _done, _total: None
    restored: Restored = field(default_factory=Restored)

    def run(self) -> Restored:
        """Put back everything that ``rules`` take; ``PermanentError`` when the manifest can't be trusted."""
        if self.place.header() is None:
            raise PermanentError(f"{self.place.name} holds no manifest", reason="ManifestDamaged")
        folders: array[int] = array("Q")
        total = 0
        for offset, line in self.place.lines():
            if line.get("kind") == FOLDER:
                folders.append(offset)
            total += "n" in line
        for offset in reversed(folders):
            self.check()
            self._folder(next(self.place.lines(offset))[1])
        self.root.forget()
        batch: list[dict[str, Any]] = []
        for _, line in self.place.lines():
            if line.get("kind") == candidates.FILE:
                batch.append(line)
            if len(batch) >= BATCH:
                self._files(batch, total)
                batch = []
        self._files(batch, total)
        return self.restored

    def _files(self, lines: Sequence[dict[str, Any]], total: int) -> None:
        self.check()
        self.root.forget()
        moved = [back for line in lines if (back := self._file(line)) is not None]
        for back in self._misplaced(moved):
            self._take_back(back)
        self.restored.seen += len(lines)
        self.tell(self.restored.seen, total)

    def _file(self, line: dict[str, Any]) -> _Back | None:
        number, path = self._place_and_path(line)
        found = self.place.find(number)
        if found is None or not self.rules.takes_part(names.text_of(path), is_directory=False):
            return None
        if not stat.S_ISREG(found.st_mode) or int64(found.st_ino) != line.get("inode"):
            self._left(path, "QuarantineChanged", "what lies in the quarantine is not what was taken")
            return None
        directory, name = names.split(path)
        here, number_name = self.place.place(number)
        try:
            folder = self._make_way(directory)
            try:
                move_new(here, number_name, folder, name)
            except FileExistsError:
                if not is_same(here, number_name, folder, name):
                    self._left(path, "NameTaken", "something else has its name now; it stays in quarantine")
                    return None
                os.unlink(number_name, dir_fd=here.fd)  # a crash had left both names
        except OSError as error:
            self._failed(path, error)
            return None
        self.restored.files += 1
        self.restored.bytes += found.st_size
        return _Back(number, path, found.st_size, folder)

    def _folder(self, line: dict[str, Any]) -> None:
        """An emptied folder, with the owner and permissions it had; one that somebody made anew is left as it is."""
        number, path = self._place_and_path(line)
        if self.place.find(number) is None or self.rules.is_selective:
            return
        above, name = names.split(path)
        here, number_name = self.place.place(number)
        try:
            folder = self._make_way(above)
            try:
                move_new(here, number_name, folder, name)
            except FileExistsError:
                if not stat.S_ISDIR(os.stat(name, dir_fd=folder.fd, follow_symlinks=False).st_mode):
                    self._left(path, "NameTaken", "something else has its name now; it stays in quarantine")
                    return
                os.rmdir(number_name, dir_fd=here.fd)
        except OSError as error:
            self._failed(path, error)
            return
        self.restored.folders += 1
        back = _Back(number, path, 0, folder)
        self.root.forget()
        for one in self._misplaced([back]):
            self._take_back(one, is_folder=True)

    def _make_way(self, path: bytes) -> Folder:
        """The folder at ``path``; what is missing of it is made like the folder above it."""
        try:
            return self.root.folder(path)
        except FileNotFoundError:
            above_path, name = names.split(path)
            above = self._make_way(above_path)
            mode = stat.S_IMODE(os.fstat(above.fd).st_mode) & 0o777
            os.mkdir(name, mode, dir_fd=above.fd)
            self.restored.folders_made += 1
            return self.root.folder(path)

    def _misplaced(self, moved: Sequence[_Back]) -> Iterator[_Back]:
        """Those whose folder is no longer where it was: they would lie outside the tree."""
        self.root.forget()
        for back in moved:
            directory = names.split(back.path)[0]
            try:
                now = os.fstat(self.root.folder(directory).fd)
            except OSError:
                yield back
                continue
            then = os.fstat(back.folder.fd)
            if (now.st_dev, now.st_ino) != (then.st_dev, then.st_ino):
                yield back

    def _take_back(self, back: _Back, *, is_folder: bool = False) -> None:
        here, number_name = self.place.place(back.number)
        if is_folder:
            self.restored.folders -= 1
        else:
            self.restored.files -= 1
            self.restored.bytes -= back.size
        try:
            move_new(back.folder, names.split(back.path)[1], here, number_name)
        except OSError as error:
            self._failed(back.path, error)
            return
        self._left(back.path, "FolderMoved", "its folder was moved or replaced meanwhile; it stays in quarantine")

    def _place_and_path(self, line: dict[str, Any]) -> tuple[int, bytes]:
        try:
            number, path = int(line["n"]), candidates.path_of(line)
        except (ValueError, TypeError, KeyError) as error:
            raise PermanentError(f"the manifest of {self.place.name} is damaged", reason="ManifestDamaged") from error
        if number < 0 or AREA in path.split(b"/"):
            raise PermanentError(f"the manifest of {self.place.name} is damaged", reason="ManifestDamaged")
        return number, path

    def _failed(self, path: bytes, error: OSError) -> None:
        failure = classify(error)
        self._left(path, failure.reason, os.strerror(error.errno) if error.errno else failure.message)

    def _left(self, path: bytes, reason: str, message: str) -> None:
        self.restored.left += 1
        self.tell_item(path, reason, message)

"""Writing what was generated, or comparing it with what is committed."""

from collections.abc import Mapping
from pathlib import Path

Files = Mapping[Path, str]


def write(files: Files, stale: frozenset[Path] = frozenset()) -> None:
    """Make the files so; remove the stale ones. A file that is right already keeps its time stamp."""
    for path, text in files.items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    for path in stale:
        path.unlink()


def differences(files: Files, stale: frozenset[Path] = frozenset()) -> list[str]:
    """One sentence for each file that is not what would be generated now."""
    found = []
    for path, text in sorted(files.items()):
        if not path.exists():
            found.append(f"{path}: missing")
        elif path.read_text() != text:
            found.append(f"{path}: differs{_first_difference(path.read_text(), text)}")
    return found + [f"{path}: no kind makes this file any more" for path in sorted(stale)]


def others(directory: Path, pattern: str, wanted: Files) -> frozenset[Path]:
    """Files of the directory that match the pattern and are not among those wanted."""
    return frozenset(path for path in directory.glob(pattern) if path not in wanted)


def _first_difference(committed: str, generated: str) -> str:
    pairs = zip(committed.splitlines(), generated.splitlines(), strict=False)
    for number, (old, new) in enumerate(pairs, start=1):
        if old != new:
            return f" in line {number}: {old.strip()[:100]!r} should be {new.strip()[:100]!r}"
    return " in length"

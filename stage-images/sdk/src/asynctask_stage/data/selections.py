"""Some items of a tree and nothing else: what failed, to be tried again."""

from collections.abc import Collection

from asynctask_stage import texts
from asynctask_stage.data.patterns import Rules


class Selection(Rules):
    """Rules narrowed to these items, all below those that are directories, and the directories that lead to them.

    Paths are compared as item errors spell them: cut to size, bytes that are no UTF-8 shown. Two paths that are spelt
    the same are both taken, so that nothing is left out.
    """

    def __init__(self, rules: Rules, items: Collection[str]) -> None:
        super().__init__()
        self._rules = rules
        self._items = frozenset(items)
        self._above = frozenset(item[:end] for item in self._items for end in _slashes(item))

    @property
    def is_open(self) -> bool:
        """See ``Rules``."""
        return False

    @property
    def is_selective(self) -> bool:
        """See ``Rules``."""
        return self._rules.is_selective

    def takes_part(self, path: str, *, is_directory: bool) -> bool:
        """See ``Rules``."""
        spelt = texts.clip(path, texts.PATH_BYTES)
        return (
            (is_directory and spelt in self._above)
            or spelt in self._items
            or any(texts.clip(path[:end], texts.PATH_BYTES) in self._items for end in _slashes(path))
        ) and self._rules.takes_part(path, is_directory=is_directory)


def _slashes(path: str) -> list[int]:
    return [at for at, character in enumerate(path) if character == "/"]

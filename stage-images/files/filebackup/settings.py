"""The config of a ``file-backup`` task."""

from dataclasses import dataclass
from typing import Any

from asynctask_stage import PermanentError, Stage

VERIFY_MODES = ("hash", "size", "none")


@dataclass(frozen=True)
class Settings:
    """What to copy where, and how."""

    source_path: str
    destination_path: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    one_file_system: bool
    verify: str
    chunk_bytes: int
    threads: int

    @classmethod
    def of(cls, stage: Stage) -> "Settings":
        """Read the stage's config; ``PermanentError``, reason ``InvalidConfig``, names the field at fault."""
        config = stage.config
        verify = config.path("verify", str, "hash")
        if verify not in VERIFY_MODES:
            raise PermanentError(f"config.verify must be one of {', '.join(VERIFY_MODES)}", reason="InvalidConfig")
        return cls(
            source_path=config.path("source_path", str),
            destination_path=config.path("destination_path", str),
            include=_strings(config.path("include", list, []), "include"),
            exclude=_strings(config.path("exclude", list, []), "exclude"),
            one_file_system=config.path("one_file_system", bool, False),
            verify=verify,
            chunk_bytes=_bounded(config.path("chunk_megabytes", int, 64), "chunk_megabytes", 1, 1024) << 20,
            threads=_bounded(config.path("threads", int, 4), "threads", 1, 64),
        )

    @property
    def hashing(self) -> bool:
        """Whether content is hashed while it is copied."""
        return self.verify == "hash"


def _strings(values: list[Any], field: str) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise PermanentError(f"config.{field} must be a list of strings", reason="InvalidConfig")
    return tuple(values)


def _bounded(value: int, field: str, least: int, most: int) -> int:
    if not least <= value <= most:
        raise PermanentError(f"config.{field} must be {least} to {most}, not {value}", reason="InvalidConfig")
    return value

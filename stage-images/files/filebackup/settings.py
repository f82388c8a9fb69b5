"""The config of a ``file-backup`` task."""

from dataclasses import dataclass

from fields import bounded, choice, strings

from asynctask_stage import Stage

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
        return cls(
            source_path=config.path("source_path", str),
            destination_path=config.path("destination_path", str),
            include=strings(config.path("include", list, []), "include"),
            exclude=strings(config.path("exclude", list, []), "exclude"),
            one_file_system=config.path("one_file_system", bool, False),
            verify=choice(config.path("verify", str, "hash"), "verify", VERIFY_MODES),
            chunk_bytes=bounded(config.path("chunk_megabytes", int, 64), "chunk_megabytes", 1, 1024) << 20,
            threads=bounded(config.path("threads", int, 4), "threads", 1, 64),
        )

    @property
    def hashing(self) -> bool:
        """Whether content is hashed while it is copied."""
        return self.verify == "hash"

"""The config of the three task types."""

from dataclasses import dataclass

from fields import bounded, choice, strings

from asynctask_stage import PermanentError, Stage
from asynctask_stage.data.expiry import Limits

AGES = ("modification", "access")
MODES = ("Quarantine", "Delete")
LANGUAGES = ("en", "zh")
LATEST = "latest"
_MANY = 10**15


@dataclass(frozen=True)
class Settings:
    """What expires where, and how much of it may go."""

    root_path: str
    age_days: int
    by_access: bool
    least_bytes: int
    most_bytes: int | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    protected: tuple[str, ...]
    deletes: bool
    """Whether files are deleted for good, and not quarantined."""
    quarantine_days: int
    private: bool
    remove_empty_folders: bool
    limits: Limits
    list_limit: int
    dry_run: bool
    language: str
    threads: int

    @classmethod
    def of(cls, stage: Stage) -> "Settings":
        """Read the stage's config; ``PermanentError``, reason ``InvalidConfig``, names the field at fault."""
        config = stage.config
        most = bounded(config.path("max_file_bytes", int, 0), "max_file_bytes", 0, _MANY)
        return cls(
            root_path=root_path(stage),
            age_days=bounded(config.path("age_days", int), "age_days", 1, 36500),
            by_access=choice(config.path("age_by", str, "modification"), "age_by", AGES) == "access",
            least_bytes=bounded(config.path("min_file_bytes", int, 0), "min_file_bytes", 0, _MANY),
            most_bytes=most or None,
            include=strings(config.path("include", list, []), "include"),
            exclude=strings(config.path("exclude", list, []), "exclude"),
            protected=strings(config.path("protected", list, []), "protected"),
            deletes=choice(config.path("mode", str, "Quarantine"), "mode", MODES) == "Delete",
            quarantine_days=bounded(config.path("quarantine_days", int, 30), "quarantine_days", 0, 36500),
            private=not config.path("shared_quarantine", bool, False),
            remove_empty_folders=config.path("remove_empty_folders", bool, False),
            limits=Limits(
                files=bounded(config.path("limit_files", int, 0), "limit_files", 0, _MANY),
                bytes=bounded(config.path("limit_bytes", int, 0), "limit_bytes", 0, _MANY),
                percent=bounded(config.path("limit_percent", int, 50), "limit_percent", 0, 100),
            ),
            list_limit=bounded(config.path("list_limit", int, 1_000_000), "list_limit", 1, 2_000_000),
            dry_run=config.path("dry_run", bool, False),
            language=choice(config.path("language", str, "en"), "language", LANGUAGES),
            threads=bounded(config.path("threads", int, 4), "threads", 1, 64),
        )


def root_path(stage: Stage) -> str:
    """The folder that is worked in. Never the root of a file system as the pod sees it: that is the image."""
    path = stage.config.path("root_path", str)
    if not path.strip("/."):
        raise PermanentError("config.root_path must name a folder", reason="InvalidConfig")
    return path

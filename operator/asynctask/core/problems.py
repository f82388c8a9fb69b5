"""What is wrong with an object as someone wrote it: a condition for people to read, never a retry loop."""

from dataclasses import dataclass

from asynctask.api.reasons import Reason


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend."""

    reason: Reason
    """Why, for programs."""
    message: str
    """Why, for people."""
    path: str = ""
    """The field at fault, such as `spec.config.source_path`; empty when it is not one field's."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message

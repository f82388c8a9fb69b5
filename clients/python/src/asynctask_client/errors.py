"""What the API refuses, and what keeps it from answering."""

from collections.abc import Mapping, Sequence
from typing import Any


class ApiError(Exception):
    """A refusal: `code` for programs, the message for people, `errors` for the fields at fault (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float = 0.0) -> None:
        self.status = status
        self.code = str(problem.get("code", ""))
        self.params: Mapping[str, Any] = problem.get("params") or {}
        self.errors: Sequence[Mapping[str, Any]] = problem.get("errors") or ()
        self.retry_after = retry_after
        detail = problem.get("detail") or problem.get("title") or f"the API answered {status}"
        fields = "".join(f"\n  {error.get('field')}: {error.get('message')}" for error in self.errors)
        super().__init__(f"{detail}{fields}")


class ApiUnavailable(Exception):
    """No answer came, also after trying again. A change may or may not have been made: repeat it with its key."""

    def __init__(self, message: str, idempotency_key: str | None = None) -> None:
        super().__init__(message)
        self.idempotency_key = idempotency_key

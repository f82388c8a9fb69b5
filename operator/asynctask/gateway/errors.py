"""What the stage API answers when it can't do as asked: the codes of docs/stage-protocol.md."""

from typing import Any

import orjson
from aiohttp import web


class GatewayError(Exception):
    """A refusal that the caller can read. Only the subclasses below are raised."""

    status = 500
    code = "InternalError"

    def __init__(self, message: str, *, field: str = "", retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after = retry_after

    def response(self) -> web.Response:
        """The JSON answer."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.field:
            error["field"] = self.field
        headers = {"Retry-After": str(max(1, round(self.retry_after)))} if self.retry_after else {}
        return web.Response(
            body=orjson.dumps({"error": error}), status=self.status, headers=headers, content_type="application/json"
        )


class InvalidReport(GatewayError):
    """The body is not as the protocol has it; nothing was changed."""

    status, code = 400, "InvalidReport"


class InvalidToken(GatewayError):
    """The token proves nothing, or the pod it is bound to is gone."""

    status, code = 401, "InvalidToken"


class NotAStage(GatewayError):
    """The pod is none of ours."""

    status, code = 403, "NotAStage"


class NoSuchArtifact(GatewayError):
    """No artifact has this name."""

    status, code = 404, "NotFound"


class StaleAttempt(GatewayError):
    """A newer pod has the stage, or the stage is over."""

    status, code = 409, "StaleAttempt"


class StageGone(GatewayError):
    """The stage or its task was deleted."""

    status, code = 410, "StageGone"


class TooLarge(GatewayError):
    """Send less."""

    status, code = 413, "TooLarge"


class TooManyCalls(GatewayError):
    """Come back later."""

    status, code = 429, "TooManyCalls"


class NotNow(GatewayError):
    """The API server or the storage of artifacts can't be used right now, or another pod still has the stage."""

    status, code = 503, "NotNow"


class StorageFull(GatewayError):
    """There is no room left for artifacts."""

    status, code = 507, "StorageFull"

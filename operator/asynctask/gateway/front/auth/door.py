"""The door: from a request's credentials to a caller."""

from aiohttp import web

from asynctask.gateway.front.auth.kubernetes import Tokens
from asynctask.gateway.front.calls import Caller, Desk
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import Unauthenticated

ANYBODY = Caller("system:anonymous", ("system:unauthenticated",))


class Door:
    """Lets in who can say who they are."""

    def __init__(self, desk: Desk) -> None:
        self._development = desk.settings.api_development
        self._tokens = Tokens(desk.cluster, accept_cluster_audience=desk.settings.api_accept_cluster_tokens)

    async def enter(self, request: web.Request, operation: Operation) -> Caller:
        """Who calls. Raises Unauthenticated."""
        authorization = request.headers.get("Authorization", "")
        address = request.remote or ""
        if not authorization:
            if self._development:
                return Caller("development", ("system:masters",), via="development", address=address)
            if operation.public:
                return ANYBODY
            raise Unauthenticated
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated
        return await self._tokens.caller(token.strip(), address)

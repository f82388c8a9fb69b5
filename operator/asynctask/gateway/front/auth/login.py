"""Signing in through the provider: authorization code with PKCE (RFC 7636), state and nonce.

What must be remembered between leaving for the provider and coming back is in a cookie of the browser that left, so
that no other browser can end what this one began, and any replica can.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass
from hashlib import sha256
from urllib.parse import quote, unquote, urlencode

import orjson
from aiohttp import web

from asynctask.gateway.front.auth.oidc import Claims, Provider
from asynctask.gateway.front.auth.sessions import set_cookie
from asynctask.gateway.front.problems import BadRequest, InvalidToken, NotFound
from asynctask.settings import GatewaySettings

COOKIE = "asynctask_login"
SECONDS = 600
PATH = "/api/v1/session"
CALLBACK = f"{PATH}/callback"


class LoginFailed(BadRequest):
    """What came back does not belong to a login that this browser began. Begin again."""

    code = "LoginFailed"


class NoLogin(NotFound):
    """No provider is set up."""

    code = "NoLogin"


@dataclass(frozen=True)
class Departure:
    """A login under way."""

    state: str
    nonce: str
    verifier: str
    back: str
    """Where the browser goes afterwards: a path of ours."""


class Login:
    """The two ends of the way."""

    def __init__(self, settings: GatewaySettings, provider: Provider | None) -> None:
        self._settings = settings
        self._provider = provider

    async def leave(self, back: str) -> tuple[str, str]:
        """Where to send the browser, and the cookie that it takes along. Raises NoLogin and Unavailable."""
        if not self._provider:
            raise NoLogin
        departure = Departure(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(32), back)
        challenge = urlsafe_b64encode(sha256(departure.verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": self._redirect,
            "scope": " ".join(self._settings.oidc_scopes),
            "state": departure.state,
            "nonce": departure.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = await self._provider.endpoint("authorization_endpoint")
        url = endpoint + ("&" if "?" in endpoint else "?") + urlencode(query, quote_via=quote)
        return url, self._cookie(quote(orjson.dumps(asdict(departure)).decode(), safe=""), SECONDS)

    async def arrive(self, request: web.Request, code: str, state: str) -> tuple[Claims, Departure]:
        """Who has come back. Raises LoginFailed, NoLogin and Unavailable."""
        if not self._provider:
            raise NoLogin
        departure = _read(request.cookies.get(COOKIE, ""))
        if not departure or not code or not hmac.compare_digest(departure.state.encode(), state.encode()):
            raise LoginFailed
        try:
            token = await self._provider.redeem(code, departure.verifier, self._redirect)
            claims = await self._provider.verify(token, "")
        except InvalidToken:
            raise LoginFailed from None
        if not hmac.compare_digest(claims.nonce.encode(), departure.nonce.encode()):
            raise LoginFailed
        return claims, departure

    def forget(self) -> str:
        """The Set-Cookie that ends the login."""
        return self._cookie("", 0)

    @property
    def _redirect(self) -> str:
        return self._settings.api_external_url.rstrip("/") + CALLBACK

    def _cookie(self, value: str, seconds: int) -> str:
        secure = not self._settings.api_development
        return set_cookie(COOKIE, value, seconds=seconds, secure=secure, path=PATH)


def _read(cookie: str) -> Departure | None:
    try:
        departure = Departure(**orjson.loads(unquote(cookie)))
    except (ValueError, TypeError):
        return None
    return departure if all(isinstance(value, str) for value in asdict(departure).values()) else None

"""An OpenID Connect provider: real keys, real HTTP, a process of its own.

`python -m front.issuer PORT CLIENT` serves discovery, keys, authorization and tokens, and for tests POST /test/…: make
a token of any claims and algorithm, rotate the keys, or go away for a while.
"""

import asyncio
import hmac
import json
import sys
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

Object = dict[str, Any]


class Issuer:
    """The provider's state."""

    def __init__(self, url: str, client: str) -> None:
        self.url = url
        self.client = client
        self.codes: dict[str, Object] = {}
        self.generation = 0
        self.is_away = False
        self.rotate()

    def rotate(self) -> None:
        """New keys; the old ones are published no more."""
        self.generation += 1
        self.rsa = RSAKey.generate_key(2048, {"kid": f"rsa-{self.generation}", "use": "sig"})
        self.ec = ECKey.generate_key("P-256", {"kid": f"ec-{self.generation}", "use": "sig"})

    def token(self, claims: Object, algorithm: str = "RS256", kid: str = "") -> str:
        """A token; what is not given is as it should be."""
        now = int(time.time())
        whole = {"iss": self.url, "aud": self.client, "iat": now, "exp": now + 600, **claims}
        whole = {name: value for name, value in whole.items() if value is not None}
        key = self.ec if algorithm.startswith("ES") else self.rsa
        header = {"alg": algorithm, "kid": kid or key.kid}
        if algorithm == "none":
            return jwt.encode(header, whole, None, algorithms=["none"])  # type: ignore[arg-type]
        if algorithm.startswith("HS"):  # signed with the public key as if it were a secret
            signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, whole))
            return f"{signed}.{_base64(hmac.digest(self.rsa.as_pem(private=False), signed.encode(), 'sha256'))}"
        return jwt.encode(header, whole, key, algorithms=[algorithm])

    def app(self) -> web.Application:
        """The server."""

        @web.middleware
        async def away(request: web.Request, handler: Any) -> web.StreamResponse:
            if self.is_away and not request.path.startswith("/test/"):
                return web.json_response({}, status=503)
            result: web.StreamResponse = await handler(request)
            return result

        app = web.Application(middlewares=[away])
        app.add_routes(
            [
                web.get("/.well-known/openid-configuration", self.discovery),
                web.get("/keys", self.keys),
                web.get("/authorize", self.authorize),
                web.post("/token", self.redeem),
                web.post("/test/token", self.make),
                web.post("/test/rotate", self.rotated),
                web.post("/test/away", self.went),
            ]
        )
        return app

    async def discovery(self, _: web.Request) -> web.Response:
        """What is where."""
        ends = {name: f"{self.url}/{path}" for name, path in
                (("jwks_uri", "keys"), ("authorization_endpoint", "authorize"), ("token_endpoint", "token"))}  # fmt: skip
        return web.json_response({"issuer": self.url, **ends})

    async def keys(self, _: web.Request) -> web.Response:
        """The public keys, and one that no token may be signed with."""
        published = KeySet([self.rsa, self.ec]).as_dict(private=False)
        published["keys"].append(OctKey.generate_key(256, {"kid": "shared"}).as_dict(private=True))
        return web.json_response(published)

    async def authorize(self, request: web.Request) -> web.Response:
        """Somebody signs in without being asked anything."""
        query = dict(request.query)
        assert query["response_type"] == "code"
        assert query["client_id"] == self.client
        assert query["code_challenge_method"] == "S256"
        code = sha256(str(len(self.codes)).encode()).hexdigest()
        self.codes[code] = query
        target = f"{query['redirect_uri']}?code={code}&state={query['state']}&session_state=x"
        return web.Response(status=302, headers={"Location": target})

    async def redeem(self, request: web.Request) -> web.Response:
        """A code for a token, once, for who has the verifier and the client's secret."""
        form = dict(await request.post())
        begun = self.codes.pop(str(form.get("code")), None)
        challenge = _base64(sha256(str(form.get("code_verifier")).encode()).digest())
        if not begun or begun["code_challenge"] != challenge or begun["redirect_uri"] != form.get("redirect_uri"):
            return web.json_response({"error": "invalid_grant"}, status=400)
        if not request.headers.get("Authorization", "").startswith("Basic "):
            return web.json_response({"error": "invalid_client"}, status=401)
        claims = {"sub": "maria", "groups": ["nas-admins"], "nonce": begun["nonce"]}
        return web.json_response({"id_token": self.token(claims), "token_type": "Bearer", "access_token": "opaque"})

    async def make(self, request: web.Request) -> web.Response:
        """Any token."""
        return web.Response(text=self.token(**await request.json()))

    async def rotated(self, _: web.Request) -> web.Response:
        """New keys."""
        self.rotate()
        return web.Response()

    async def went(self, request: web.Request) -> web.Response:
        """Out of order, or back."""
        self.is_away = (await request.json())["away"]
        return web.Response()


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


async def serve(port: int, client: str) -> None:
    """Until it is killed."""
    runner = web.AppRunner(Issuer(f"http://127.0.0.1:{port}", client).app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))

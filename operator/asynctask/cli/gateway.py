"""AsyncTask's API for commands: history, and reviews of items."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from asynctask.cli.failures import NO_SERVER, NOT_FOUND, REFUSED, USAGE, Failure

Object = dict[str, Any]
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """What the API answered."""

    body: Any
    etag: str


@dataclass(frozen=True)
class Gateway:
    """One API, and a token for it."""

    url: str
    token: str | None

    @classmethod
    def of(cls, url: str | None, token: str | None) -> "Gateway":
        """From the options. Fails without a URL."""
        if not url:
            raise Failure(
                "this needs AsyncTask's API",
                "give --gateway URL or set ASYNCTASK_API_URL; to try it:\n"
                "  kubectl -n asynctask-system port-forward service/asynctask-api 8088:80",
                USAGE,
            )
        return cls(url.rstrip("/"), token)

    def get(self, path: str, **query: Any) -> Answer:
        """Read something."""
        return self._call("GET", path, query, None, {})

    def post(self, path: str, body: Any, if_match: str = "") -> Answer:
        """Change something."""
        return self._call("POST", path, {}, body, {"If-Match": if_match} if if_match else {})

    def pages(self, path: str, most: int, **query: Any) -> Iterator[Object]:
        """The items of a list, up to a number."""
        cursor = None
        while most > 0:
            page = self.get(path, **query, limit=min(most, 100), cursor=cursor).body
            if page.get("archive") == "Unavailable":
                raise Failure(
                    "history can't be read right now; only what is in the cluster could be shown", code=NO_SERVER
                )
            yield from page["items"]
            most -= len(page["items"])
            if not (cursor := page.get("nextCursor")):
                return

    def _call(self, method: str, path: str, query: Mapping[str, Any], body: Any, headers: dict[str, str]) -> Answer:
        import httpx

        headers |= {"Authorization": f"Bearer {self.token}"} if self.token else {}
        params = [(key, one) for key, value in query.items() if value not in (None, "", []) for one in _several(value)]
        try:
            answer = httpx.request(
                method, self.url + path, params=params, json=body, headers=headers, timeout=TIMEOUT_SECONDS
            )
        except httpx.HTTPError as error:
            raise Failure(f"{self.url} can't be reached: {error}", code=NO_SERVER) from None
        if answer.status_code >= 400:
            raise _failure(answer.status_code, answer.content)
        return Answer(answer.json() if answer.content else None, answer.headers.get("ETag", ""))


def _failure(status: int, payload: bytes) -> Failure:
    try:
        problem = json.loads(payload)
        message = str(problem.get("detail") or f"the API answered {status}")
        fields = "\n  ".join(f"{one['field']}: {one['message']}" for one in problem.get("errors", ()))
    except (ValueError, AttributeError, KeyError, TypeError):
        message, fields = f"the API answered {status}", ""
    match status:
        case 401:
            hint = "give --token: kubectl create token ACCOUNT --audience asynctask-api, or an API key"
            return Failure(message, hint, REFUSED)
        case 404:
            return Failure(message, fields, NOT_FOUND)
        case 503:
            return Failure(message, fields, NO_SERVER)
    return Failure(message, fields, REFUSED)


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]

"""Every operation of the API.

Generated from the OpenAPI document by hack/generate."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Literal, cast

from asynctask_client import types


class Operations:
    """The operations, for `Client`."""

    def _call(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None,
        if_match: str | None = None, idempotency_key: str | None = None, raw: bool = False,
    ) -> Any:
        raise NotImplementedError

    @staticmethod
    def _quote(part: str) -> str:
        raise NotImplementedError

    def get_open_api(self) -> dict[str, Any]:
        """This document"""
        return cast("dict[str, Any]", self._call("GET", "/api/v1/openapi.json"))

    def get_session(self) -> types.Session:
        """Who calls, and what they may do where"""
        return cast("types.Session", self._call("GET", "/api/v1/session"))


class AsyncOperations:
    """The operations, for `AsyncClient`."""

    def _call(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None,
        if_match: str | None = None, idempotency_key: str | None = None, raw: bool = False,
    ) -> Awaitable[Any]:
        raise NotImplementedError

    @staticmethod
    def _quote(part: str) -> str:
        raise NotImplementedError

    async def get_open_api(self) -> dict[str, Any]:
        """This document"""
        return cast("dict[str, Any]", await self._call("GET", "/api/v1/openapi.json"))

    async def get_session(self) -> types.Session:
        """Who calls, and what they may do where"""
        return cast("types.Session", await self._call("GET", "/api/v1/session"))

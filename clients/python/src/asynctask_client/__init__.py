"""The client of AsyncTask's API: `Client`, and `AsyncClient` for asyncio. One method for each operation of the API."""

from asynctask_client.clients import AsyncClient, Client
from asynctask_client.errors import ApiError, ApiUnavailable
from asynctask_client.events import Event

__all__ = ["ApiError", "ApiUnavailable", "AsyncClient", "Client", "Event"]

"""A thin, typed client of a session's api: `Client`, and `AsyncClient` for asyncio."""

from penstock_client.asynchronous import AsyncClient
from penstock_client.calls import Part, Rows
from penstock_client.client import Client
from penstock_client.errors import ApiError, ClientError, Unreachable

__all__ = ["Client", "AsyncClient", "Rows", "Part", "ClientError", "ApiError", "Unreachable"]

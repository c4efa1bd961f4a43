"""The log as a stream for people and programs: one source, over WebSocket and server-sent events."""

from penstock_api.streaming.hub import Hub
from penstock_api.streaming.routes import router

__all__ = ["Hub", "router"]

"""WebSocket clients and servers for asyncio, in the shape of websockets.asyncio."""

from .client import ClientConnection, connect
from .connection import Connection, broadcast
from .exceptions import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidStatus,
    ProxyError,
)
from .server import Rejection, Server, ServerConnection, serve, unix_serve

__all__ = [
    "ClientConnection",
    "ConcurrencyError",
    "Connection",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "InvalidStatus",
    "ProxyError",
    "Rejection",
    "Server",
    "ServerConnection",
    "broadcast",
    "connect",
    "serve",
    "unix_serve",
]

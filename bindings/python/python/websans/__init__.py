"""WebSocket (RFC 6455, RFC 7692) at the speed of Rust.

This module does no I/O: bytes in, events out; messages in, bytes out. websans.asyncio has clients and
servers, websans.uvicorn a protocol for uvicorn.
"""

from ._exceptions import (
    BufferFull,
    ConnectionClosing,
    HandshakeError,
    InvalidHandshake,
    ProtocolError,
    SendFailed,
    WebSocketError,
)
from ._websans import (
    AgreedDeflate,
    Binary,
    ClientHandshake,
    Close,
    CloseStatus,
    Config,
    Connection,
    PermessageDeflate,
    Ping,
    Pong,
    Request,
    Response,
    Role,
    ServerHandshake,
    State,
    Text,
)

__all__ = [
    "AgreedDeflate",
    "Binary",
    "BufferFull",
    "ClientHandshake",
    "Close",
    "CloseStatus",
    "Config",
    "Connection",
    "ConnectionClosing",
    "HandshakeError",
    "InvalidHandshake",
    "PermessageDeflate",
    "Ping",
    "Pong",
    "ProtocolError",
    "Request",
    "Response",
    "Role",
    "SendFailed",
    "ServerHandshake",
    "State",
    "Text",
    "WebSocketError",
]

Event = Text | Binary | Ping | Pong | Close

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
    Action,
    AgreedDeflate,
    Binary,
    ClientHandshake,
    Close,
    CloseStatus,
    Config,
    Connection,
    Deadlines,
    PermessageDeflate,
    Ping,
    Pong,
    Request,
    Response,
    Role,
    ServerHandshake,
    Session,
    State,
    Text,
)

__all__ = [
    "Action",
    "AgreedDeflate",
    "Binary",
    "BufferFull",
    "ClientHandshake",
    "Close",
    "CloseStatus",
    "Config",
    "Connection",
    "ConnectionClosing",
    "Deadlines",
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
    "Session",
    "State",
    "Text",
    "WebSocketError",
]

Event = Text | Binary | Ping | Pong | Close

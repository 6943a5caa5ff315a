"""The exceptions of the sans-IO level."""

from __future__ import annotations

__all__ = [
    "BufferFull",
    "ConnectionClosing",
    "HandshakeError",
    "InvalidHandshake",
    "ProtocolError",
    "SendFailed",
    "WebSocketError",
]


class WebSocketError(Exception):
    """What every exception of this package is.

    kind is a word for what went wrong, such as "ReservedBit", which stays the same.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message, kind)
        self.message = message
        self.kind = kind

    def __str__(self) -> str:
        return self.message


class ProtocolError(WebSocketError):
    """The peer broke the protocol or a limit. The connection has failed.

    rule is the section of the RFC that was broken, or the setting. code and reason are those of the
    close frame that goes out; code is 1006 where none can.
    """

    def __init__(self, message: str, kind: str, rule: str, code: int, reason: str) -> None:
        super().__init__(message, kind)
        self.args = (message, kind, rule, code, reason)
        self.rule = rule
        self.code = code
        self.reason = reason


class HandshakeError(WebSocketError):
    """There is no connection, because of what the peer sent in the opening handshake, or did not.

    status is that of the HTTP response that goes out; None where none can.
    """

    def __init__(self, message: str, kind: str, status: int | None) -> None:
        super().__init__(message, kind)
        self.args = (message, kind, status)
        self.status = status


class SendFailed(WebSocketError):
    """The caller asked for what may not be sent. Nothing was sent, and nothing has changed."""


class ConnectionClosing(SendFailed):
    """A close frame was sent or the connection has failed: nothing may be sent after it."""


class BufferFull(SendFailed):
    """Too much waits in data_to_send(). Write it to the transport, then send again."""


class InvalidHandshake(WebSocketError, ValueError):
    """The caller asked for a handshake that may not be sent. Nothing was sent."""

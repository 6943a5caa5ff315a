"""What clients and servers raise beside the exceptions of the sans-IO level."""

from __future__ import annotations

from .. import Close, HandshakeError, Response, WebSocketError


class ConnectionClosed(WebSocketError):
    """The connection is closed. rcvd and sent are the close frames, None where there was none."""

    def __init__(self, rcvd: Close | None, sent: Close | None) -> None:
        if rcvd is not None:
            message = f"received {describe(rcvd)}"
            if sent is not None:
                message += f"; sent {describe(sent)}"
        elif sent is not None:
            message = f"sent {describe(sent)}; no close frame received"
        else:
            message = "no close frame received or sent"
        super().__init__(message, type(self).__name__)
        self.args = (rcvd, sent)
        self.rcvd = rcvd
        self.sent = sent

    @property
    def code(self) -> int:
        """The code of the close frame that was received: 1005 if it had none, 1006 without one."""
        if self.rcvd is None:
            return 1006
        return 1005 if self.rcvd.code is None else self.rcvd.code

    @property
    def reason(self) -> str:
        """The reason of the close frame that was received."""
        return "" if self.rcvd is None else self.rcvd.reason


class ConnectionClosedOK(ConnectionClosed):
    """The connection was closed with 1000, 1001 or without a code, by both close frames."""


class ConnectionClosedError(ConnectionClosed):
    """The connection was closed with another code, or without the closing handshake."""


class ConcurrencyError(WebSocketError, RuntimeError):
    """Two tasks do at once what only one may do, such as receiving."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "ConcurrencyError")
        self.args = (message,)


class InvalidStatus(HandshakeError):
    """The server refused the connection, with this response. Redirections are not followed."""

    def __init__(self, response: Response) -> None:
        message = f"the server refused the connection with status {response.status}"
        super().__init__(message, "Refused", None)
        self.args = (response,)
        self.response = response


class ProxyError(WebSocketError):
    """The proxy did not connect to the server."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "ProxyError")
        self.args = (message,)


def describe(close: Close) -> str:
    code = "1005 (no status received)" if close.code is None else str(close.code)
    return f"{code} {close.reason}".rstrip()

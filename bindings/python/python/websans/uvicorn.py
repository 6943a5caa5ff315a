"""A WebSocket protocol for uvicorn: uvicorn --ws websans.uvicorn:WebSocketProtocol main:app"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from uvicorn.logging import TRACE_LOG_LEVEL
from uvicorn.protocols.utils import (
    ClientDisconnected,
    get_client_addr,
    get_local_addr,
    get_path_with_query_string,
    get_remote_addr,
    is_ssl,
)

from . import (
    Binary,
    Close,
    Config,
    ConnectionClosing,
    HandshakeError,
    PermessageDeflate,
    Request,
    ServerHandshake,
    Text,
)
from ._endpoint import Endpoint

if TYPE_CHECKING:
    from uvicorn.config import Config as UvicornConfig
    from uvicorn.server import ServerState

__all__ = ["WebSocketProtocol"]

# Fields of a denial response that the handshake writes itself.
OWN_FIELDS = (b"connection", b"content-length", b"transfer-encoding", b"upgrade")


class WebSocketProtocol(Endpoint[dict[str, Any]]):
    """The server's end of one WebSocket connection, for uvicorn's setting `ws`.

    It honours ws_max_size, ws_max_queue, ws_ping_interval, ws_ping_timeout and
    ws_per_message_deflate. What uvicorn has no setting for are attributes of the class, to be changed
    in a subclass.
    """

    close_timeout: float | None = 10.0
    """How long to wait for the peer's close frame, in seconds."""

    permessage_deflate: PermessageDeflate = PermessageDeflate(
        server_no_context_takeover=True, client_no_context_takeover=True
    )
    """What to accept of permessage-deflate. By default all connections share one context, so that
    compression takes no memory for each of them."""

    read_ahead: int = 1
    """How many messages may wait for the application before the transport is not read any more. It is 1
    as in uvicorn's own protocols; with more an application that sends and does not receive still sees
    pings answered and the peer's close frame."""

    max_head_size: int = 64 << 10
    """The largest head of a request, in bytes."""

    max_headers: int = 256
    """The most header fields of a request."""

    def __init__(
        self,
        config: UvicornConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        super().__init__(
            _loop or asyncio.get_running_loop(),
            pause_at=self.read_ahead,
            max_queue=max(config.ws_max_queue, self.read_ahead),
            low_queue=0,
            ping_interval=config.ws_ping_interval,
            ping_timeout=config.ws_ping_timeout,
        )
        self.config = config
        self.app: Any = config.loaded_app
        self.logger = logging.getLogger("uvicorn.error")
        self.app_state = app_state
        self.server_state = server_state
        self.handshake: ServerHandshake | None = ServerHandshake(
            Config(
                max_message_size=config.ws_max_size,
                max_head_size=self.max_head_size,
                max_headers=self.max_headers,
                permessage_deflate=self.permessage_deflate if config.ws_per_message_deflate else None,
            )
        )
        self.handshake_complete = False
        self.scope: dict[str, Any] = {}
        self.denial: tuple[int, list[tuple[bytes, bytes]], list[bytes]] | None = None

    # What the transport and the server call.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.server_state.connections.add(cast(Any, self))
        self.trace("WebSocket connection made")

    def connection_lost(self, exc: Exception | None) -> None:
        code = 1006 if self.connection is None else 1005
        self.deliver_last({"type": "websocket.disconnect", "code": code})
        self.server_state.connections.discard(cast(Any, self))
        self.trace("WebSocket connection lost")
        self.handshake_complete = True
        self.lost()
        if exc is None:
            self.transport.close()

    def eof_received(self) -> None:
        """The transport closes itself, and calls connection_lost()."""

    def shutdown(self) -> None:
        """Closes the connection because the server ends: with 1012, or with 500 in the handshake."""
        self.stop_keepalive()
        if self.connection is None:
            self.send_500_response()
        elif not self.close_sent:
            self.deliver({"type": "websocket.disconnect", "code": 1012})
            self.send_close(1012, "")
        self.close_transport()

    # The opening handshake.

    def handshake_received(self, data: bytes) -> None:
        if self.handshake is None:
            return
        self.handshake.receive_data(data)
        if self.scope:
            # The request is with the application. What follows it waits.
            self.early_received(len(data))
            return
        try:
            request = self.handshake.next_request()
        except HandshakeError as error:
            self.logger.warning("Invalid WebSocket handshake: %s", error)
            self.handshake_complete = True
            self.close_sent = True
            data = self.handshake.data_to_send()
            self.handshake = None
            self.end_with(data)
            return
        if request is not None:
            self.scope = self.scope_of(request)
            self.deliver({"type": "websocket.connect"})
            task = self.loop.create_task(self.run_asgi())
            task.add_done_callback(self.server_state.tasks.discard)
            self.server_state.tasks.add(task)

    def scope_of(self, request: Request) -> dict[str, Any]:
        root_path = self.config.root_path
        return {
            "type": "websocket",
            "asgi": {"version": self.config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(self.transport) else "ws",
            "server": get_local_addr(self.transport),
            "client": get_remote_addr(self.transport),
            "root_path": root_path,
            "path": root_path + unquote(request.path),
            "raw_path": root_path.encode("ascii") + request.path.encode("ascii"),
            "query_string": (request.query or "").encode("ascii"),
            "headers": request.headers,
            "subprotocols": request.subprotocols,
            "state": self.app_state.copy(),
            "extensions": {"websocket.http.response": {}},
        }

    async def run_asgi(self) -> None:
        try:
            result = await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except BaseException:
            self.logger.exception("Exception in ASGI application\n")
            self.send_500_response()
        else:
            if not self.handshake_complete:
                self.logger.error("ASGI callable returned without completing handshake.")
                self.send_500_response()
            elif result is not None:
                self.logger.error("ASGI callable should return None, but returned '%s'.", result)
        self.flush()
        if self.close_timer is None:
            self.close_transport()

    def send_500_response(self) -> None:
        if self.handshake is None or self.handshake_complete:
            return
        if self.denial is not None:
            # It was begun, and the application does not end it: what there is goes out.
            self.send_denial()
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            self.reject(500, headers, b"Internal Server Error")

    def reject(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Answers the request with something else than a connection, and closes the transport."""
        if self.handshake is None or not self.scope or self.transport.is_closing():
            return
        given = {name.lower() for name, _ in headers}
        defaults = [it for it in self.server_state.default_headers if it[0].lower() not in given]
        headers = [it for it in defaults + headers if it[0].lower() not in OWN_FIELDS]
        if status in (204, 205, 304):
            body = b""
        self.handshake.reject(status, headers, body)
        self.handshake_complete = True
        self.close_sent = True
        data = self.handshake.data_to_send()
        self.handshake = None
        self.end_with(data)

    def send_denial(self) -> None:
        assert self.denial is not None
        status, headers, body = self.denial
        if b"content-type" not in {name.lower() for name, _ in headers}:
            headers = [*headers, (b"content-type", b"text/plain; charset=utf-8")]
        self.deliver({"type": "websocket.disconnect", "code": 1006})
        self.reject(status, headers, b"".join(body))

    def accept(self, message: Any) -> None:
        subprotocol: str | None = message.get("subprotocol")
        headers = list(self.server_state.default_headers)
        for name, value in message.get("headers", []):
            if name.lower() == b"sec-websocket-protocol":
                subprotocol = subprotocol or value.decode("latin-1")
            else:
                headers.append((name, value))
        if self.handshake is None or self.transport.is_closing():
            return
        connection = self.handshake.accept(subprotocol, headers)
        self.handshake = None
        self.handshake_complete = True
        self.opened(connection)

    # From the peer to the application.

    def message_received(self, event: Text | Binary) -> None:
        # After our close frame messages are of no use, and the peer's close frame comes after them.
        if not self.close_sent:
            key = "text" if type(event) is Text else "bytes"
            self.deliver_message({"type": "websocket.receive", key: event.data})

    async def receive(self) -> dict[str, Any]:
        while not self.queue:
            await self.wait_for_item()
        return self.take_item()

    # From the application to the peer.

    async def send(self, message: Any) -> None:
        if self.write_paused:
            await self.wait_writable()
        if self.disconnected:
            raise ClientDisconnected()
        kind = message["type"]
        if self.connection is not None and not self.close_sent:
            if kind == "websocket.send":
                self.send_message(message)
            elif kind == "websocket.close":
                self.close(message)
            else:
                raise RuntimeError(
                    f"Expected ASGI message 'websocket.send' or 'websocket.close', but got '{kind}'."
                )
        elif self.handshake_complete:
            raise RuntimeError(f"Unexpected ASGI message '{kind}', after sending 'websocket.close'.")
        elif self.denial is not None:
            if kind != "websocket.http.response.body":
                raise RuntimeError(
                    f"Expected ASGI message 'websocket.http.response.body' but got '{kind}'."
                )
            self.denial[2].append(message.get("body", b""))
            if not message.get("more_body", False):
                self.send_denial()
        elif kind == "websocket.accept":
            self.log_answer("[accepted]")
            self.accept(message)
        elif kind == "websocket.close":
            self.log_answer("403")
            self.deliver({"type": "websocket.disconnect", "code": 1006})
            self.reject(403, [], b"")
        elif kind == "websocket.http.response.start":
            status = message["status"]
            if not (200 <= status < 600):
                raise RuntimeError(f"Invalid HTTP status code '{status}' in response.")
            self.log_answer(str(status))
            self.denial = (status, list(message.get("headers", [])), [])
        else:
            raise RuntimeError(
                "Expected ASGI message 'websocket.accept', 'websocket.close' "
                f"or 'websocket.http.response.start' but got '{kind}'."
            )

    def send_message(self, message: Any) -> None:
        assert self.connection is not None
        data = message.get("bytes")
        send: Any = self.connection.send_binary
        if data is None:
            data = message.get("text")
            send = self.connection.send_text
        if data is None:
            return
        try:
            self.send_whole(send, data)
        except ConnectionClosing as error:
            raise ClientDisconnected() from error

    # The closing handshake.

    def close(self, message: Any) -> None:
        if self.transport.is_closing():
            return
        code = message.get("code", 1000)
        reason = message.get("reason", "") or ""
        self.send_close(code, reason)
        self.deliver({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.wait_for_close()
        self.read_to_the_end()

    def ended(self, code: int, reason: str, event: Close | None) -> None:
        if event is None and code == 1011:
            self.trace("WebSocket keepalive ping timeout")
        if not self.close_sent:
            self.deliver({"type": "websocket.disconnect", "code": code, "reason": reason})

    # The log.

    def log_answer(self, answer: str) -> None:
        scope = cast(Any, self.scope)
        address, path = get_client_addr(scope), get_path_with_query_string(scope)
        self.logger.info('%s - "WebSocket %s" ' + answer, address, path)

    def trace(self, text: str) -> None:
        if self.logger.level <= TRACE_LOG_LEVEL:
            client = get_remote_addr(self.transport)
            prefix = f"{client[0]}:{client[1]} - " if client else ""
            self.logger.log(TRACE_LOG_LEVEL, "%s%s", prefix, text)

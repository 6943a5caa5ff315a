"""A WebSocket protocol for uvicorn: uvicorn --ws websans.uvicorn:WebSocketProtocol main:app"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from typing import TYPE_CHECKING, Any, Literal, cast
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
    BufferFull,
    Close,
    Config,
    Connection,
    ConnectionClosing,
    HandshakeError,
    PermessageDeflate,
    Ping,
    Pong,
    ProtocolError,
    Request,
    ServerHandshake,
    Text,
)

if TYPE_CHECKING:
    from uvicorn.config import Config as UvicornConfig
    from uvicorn.server import ServerState

__all__ = ["WebSocketProtocol"]

# How many bytes may wait to be written together with the answers to messages that have arrived.
BATCH_SIZE = 64 << 10

# Fields of a denial response that the handshake writes itself.
OWN_FIELDS = (b"connection", b"content-length", b"transfer-encoding", b"upgrade")


class WebSocketProtocol(asyncio.Protocol):
    """The server's end of one WebSocket connection, for uvicorn's setting `ws`.

    It honours ws_max_size, ws_max_queue, ws_ping_interval, ws_ping_timeout and
    ws_per_message_deflate. What uvicorn has no setting for are attributes of the class, to be changed
    in a subclass.
    """

    close_timeout: float = 10.0
    """How long to wait for the peer's close frame, in seconds."""

    permessage_deflate: PermessageDeflate = PermessageDeflate(
        server_no_context_takeover=True, client_no_context_takeover=True
    )
    """What to accept of permessage-deflate. By default all connections share one context, so that
    compression takes no memory for each of them."""

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
        self.config = config
        self.app: Any = config.loaded_app
        self.loop = _loop or asyncio.get_running_loop()
        self.logger = logging.getLogger("uvicorn.error")
        self.app_state = app_state
        self.server_state = server_state

        # The opening handshake, then the connection.
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.handshake: ServerHandshake | None = ServerHandshake(
            Config(
                max_message_size=config.ws_max_size,
                max_head_size=self.max_head_size,
                max_headers=self.max_headers,
                permessage_deflate=self.permessage_deflate if config.ws_per_message_deflate else None,
            )
        )
        self.connection: Connection | None = None
        self.scope: dict[str, Any] = {}
        self.denial: tuple[int, list[tuple[bytes, bytes]], list[bytes]] | None = None

        # What the peer sent and the application has not received.
        self.queue: deque[dict[str, Any]] = deque()
        self.receivers: deque[asyncio.Future[None]] = deque()
        self.read_paused = False

        # What the application sends.
        self.write_paused = False
        self.senders: deque[asyncio.Future[None]] = deque()
        self.batched = 0
        self.handshake_complete = False
        self.close_sent = False
        self.disconnected = False

        # Deadlines.
        self.close_timer: asyncio.TimerHandle | None = None
        self.ping_timer: asyncio.TimerHandle | None = None
        self.pong_timer: asyncio.TimerHandle | None = None
        self.ping_payload: bytes | None = None
        self.ping_sent_at = 0.0
        self.last_ping_rtt = 0.0

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.server_state.connections.add(cast(Any, self))
        self.trace("WebSocket connection made")

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_keepalive()
        self.stop_close_timer()
        self.deliver({"type": "websocket.disconnect", "code": 1005 if self.handshake_complete else 1006})
        self.server_state.connections.discard(cast(Any, self))
        self.trace("WebSocket connection lost")
        self.handshake_complete = True
        self.disconnected = True
        # A transport that is lost while it is paused never calls resume_writing().
        self.resume_writing()
        if exc is None:
            self.transport.close()

    def eof_received(self) -> None:
        """The transport closes itself, and calls connection_lost()."""

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        wake(self.senders, all_of_them=True)

    def data_received(self, data: bytes) -> None:
        if self.connection is None:
            self.request_received(data)
        else:
            self.connection.receive_data(data)
            self.process_events(self.connection)

    def shutdown(self) -> None:
        """Closes the connection because the server ends: with 1012, or with 500 in the handshake."""
        self.stop_keepalive()
        self.stop_close_timer()
        if self.connection is None:
            self.send_500_response()
        elif not self.close_sent:
            self.close_sent = True
            self.deliver({"type": "websocket.disconnect", "code": 1012})
            self.send_close(1012, "")
        self.transport.close()

    # The opening handshake.

    def request_received(self, data: bytes) -> None:
        if self.handshake is None:
            return
        self.handshake.receive_data(data)
        if self.scope:
            return  # The request is with the application. What follows it waits.
        try:
            request = self.handshake.next_request()
        except HandshakeError as error:
            self.logger.warning("Invalid WebSocket handshake: %s", error)
            self.handshake_complete = True
            self.close_sent = True
            self.transport.write(self.handshake.data_to_send())
            self.handshake = None
            self.transport.close()
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
            self.transport.close()

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
        if self.handshake is None or self.transport.is_closing():
            return
        given = {name.lower() for name, _ in headers}
        defaults = [it for it in self.server_state.default_headers if it[0].lower() not in given]
        headers = [it for it in defaults + headers if it[0].lower() not in OWN_FIELDS]
        if status in (204, 205, 304):
            body = b""
        self.handshake.reject(status, headers, body)
        self.handshake_complete = True
        self.close_sent = True
        self.transport.write(self.handshake.data_to_send())
        self.handshake = None
        self.transport.close()

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
        self.connection = connection
        self.transport.write(connection.data_to_send())
        self.start_keepalive()
        self.process_events(connection)

    # From the peer to the application.

    def process_events(self, connection: Connection) -> None:
        """Hands over what was received, as far as the application keeps up. The rest waits where it
        is, in the connection's buffer, and the transport is not read meanwhile."""
        try:
            for event in connection:
                kind = type(event)
                if kind is Text:
                    self.message_received({"type": "websocket.receive", "text": cast(Text, event).data})
                elif kind is Binary:
                    self.message_received({"type": "websocket.receive", "bytes": cast(Binary, event).data})
                elif kind is Ping:
                    self.flush()
                elif kind is Pong:
                    self.pong_received(cast(Pong, event).payload)
                else:
                    self.close_received(cast(Close, event))
                if self.read_paused and len(self.queue) >= self.config.ws_max_queue:
                    return
        except ProtocolError as error:
            self.fail(error)

    def message_received(self, message: dict[str, Any]) -> None:
        # After our close frame messages are of no use, and the peer's close frame comes after them.
        if self.close_sent:
            return
        busy = bool(self.queue) or not self.receivers
        self.deliver(message)
        if busy and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def deliver(self, message: dict[str, Any]) -> None:
        self.queue.append(message)
        wake(self.receivers)

    async def receive(self) -> dict[str, Any]:
        queue = self.queue
        while not queue:
            receiver = self.loop.create_future()
            self.receivers.append(receiver)
            try:
                await receiver
            except BaseException:
                # What this one was woken for is another's.
                if receiver in self.receivers:
                    self.receivers.remove(receiver)
                elif queue:
                    wake(self.receivers)
                raise
        message = queue.popleft()
        if self.read_paused and not queue:
            self.resume_reading()
        return message

    def resume_reading(self) -> None:
        if self.connection is not None:
            self.process_events(self.connection)
        if self.read_paused and not self.queue:
            self.read_paused = False
            self.transport.resume_reading()

    # From the application to the peer.

    async def send(self, message: Any) -> None:
        while self.write_paused:
            sender = self.loop.create_future()
            self.senders.append(sender)
            try:
                await sender
            finally:
                if sender in self.senders:
                    self.senders.remove(sender)
        if self.disconnected:
            raise ClientDisconnected()
        kind = message["type"]
        if self.connection is not None and not self.close_sent:
            if kind == "websocket.send":
                self.send_message(self.connection, message)
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

    def send_message(self, connection: Connection, message: Any) -> None:
        data = message.get("bytes")
        send: Any = connection.send_binary
        if data is None:
            data = message.get("text")
            send = connection.send_text
        if data is None:
            return
        try:
            send(data)
        except BufferFull:
            self.flush()
            send(data)
        except ConnectionClosing as error:
            raise ClientDisconnected() from error
        if self.queue and self.batched + len(data) < BATCH_SIZE:
            # The application answers several messages at once: they go out in one write.
            if not self.batched:
                self.loop.call_soon(self.flush)
            self.batched += len(data) + 1
        else:
            self.batched = 0
            self.transport.write(connection.data_to_send())

    def flush(self) -> None:
        self.batched = 0
        if self.connection is not None:
            data = self.connection.data_to_send()
            if data and not self.transport.is_closing():
                self.transport.write(data)

    # The closing handshake.

    def close(self, message: Any) -> None:
        if self.transport.is_closing():
            return
        code = message.get("code", 1000)
        reason = message.get("reason", "") or ""
        self.send_close(code, reason)
        self.close_sent = True
        self.deliver({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
            if self.connection is not None:
                self.process_events(self.connection)
        if not self.transport.is_closing():
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def send_close(self, code: int, reason: str) -> None:
        assert self.connection is not None
        try:
            self.connection.send_close(code, reason)
        except ConnectionClosing:
            pass  # The peer was faster, and was answered.
        self.flush()

    def close_received(self, event: Close) -> None:
        self.flush()
        self.stop_keepalive()
        if not self.close_sent:
            code = 1005 if event.code is None else event.code
            self.deliver({"type": "websocket.disconnect", "code": code, "reason": event.reason})
        self.stop_close_timer()
        self.transport.close()

    def fail(self, error: ProtocolError) -> None:
        """The peer broke the protocol, and the close frame that says so goes out."""
        if self.transport.is_closing():
            return
        self.flush()
        self.stop_keepalive()
        if not self.close_sent:
            self.close_sent = True
            self.deliver({"type": "websocket.disconnect", "code": error.code, "reason": error.reason})
        if self.close_timer is not None:
            return
        # What the peer still sends is read until it sees our end: closing at once would reset the
        # connection, and the reset may overtake the close frame.
        if self.transport.can_write_eof():
            self.transport.write_eof()
            if self.read_paused:
                self.read_paused = False
                self.transport.resume_reading()
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
        else:
            self.transport.close()

    def stop_close_timer(self) -> None:
        if self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = None

    # Keepalive.

    def start_keepalive(self) -> None:
        interval = self.config.ws_ping_interval
        if interval is not None and interval > 0:
            delay = max(0.0, interval - self.last_ping_rtt)
            self.ping_timer = self.loop.call_later(delay, self.send_ping)

    def stop_keepalive(self) -> None:
        for timer in (self.ping_timer, self.pong_timer):
            if timer is not None:
                timer.cancel()
        self.ping_timer = self.pong_timer = self.ping_payload = None

    def send_ping(self) -> None:
        self.ping_timer = None
        if self.connection is None or self.close_sent or self.transport.is_closing():
            return
        self.ping_payload = os.urandom(4)
        self.ping_sent_at = self.loop.time()
        try:
            self.connection.send_ping(self.ping_payload)
        except ConnectionClosing:
            return
        self.flush()
        if self.config.ws_ping_timeout is not None:
            self.pong_timer = self.loop.call_later(self.config.ws_ping_timeout, self.pong_missing)
        else:
            self.start_keepalive()

    def pong_received(self, payload: bytes) -> None:
        if self.ping_payload is None or payload != self.ping_payload:
            return
        self.last_ping_rtt = self.loop.time() - self.ping_sent_at
        self.ping_payload = None
        if self.pong_timer is not None:
            self.pong_timer.cancel()
            self.pong_timer = None
            self.start_keepalive()

    def pong_missing(self) -> None:
        self.pong_timer = None
        self.ping_payload = None
        if self.connection is None or self.close_sent or self.transport.is_closing():
            return
        if self.read_paused:
            # The application is late, and the pong may be behind what it has not received.
            self.start_keepalive()
            return
        self.trace("WebSocket keepalive ping timeout")
        reason = "keepalive ping timeout"
        self.close_sent = True
        self.send_close(1011, reason)
        self.deliver({"type": "websocket.disconnect", "code": 1011, "reason": reason})
        self.transport.close()

    # The log.

    def log_answer(self, answer: Literal["[accepted]"] | str) -> None:
        address, path = get_client_addr(cast(Any, self.scope)), get_path_with_query_string(cast(Any, self.scope))
        self.logger.info('%s - "WebSocket %s" ' + answer, address, path)

    def trace(self, text: str) -> None:
        if self.logger.level <= TRACE_LOG_LEVEL:
            client = get_remote_addr(self.transport)
            prefix = f"{client[0]}:{client[1]} - " if client else ""
            self.logger.log(TRACE_LOG_LEVEL, "%s%s", prefix, text)


def wake(waiters: deque[asyncio.Future[None]], all_of_them: bool = False) -> None:
    """Wakes the first of those who wait, or all."""
    while waiters:
        waiter = waiters.popleft()
        if not waiter.done():
            waiter.set_result(None)
            if not all_of_them:
                return

"""Servers: serve()."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from .. import Config, HandshakeError, InvalidHandshake, PermessageDeflate, Request, ServerHandshake, State
from .connection import Connection, Limits
from .exceptions import ConnectionClosed

if TYPE_CHECKING:
    import socket

    from typing_extensions import Self

Compression = str | PermessageDeflate | None


@dataclass
class Rejection:
    """What a server answers a request with instead of accepting it."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


ProcessRequest = Callable[["ServerConnection", Request], "Awaitable[Rejection | None] | Rejection | None"]
SelectSubprotocol = Callable[["ServerConnection", Sequence[str]], "str | None"]
Origin = str | re.Pattern[str] | None


class ServerConnection(Connection):
    """A server's end of a connection. serve() makes it."""

    def __init__(self, server: Server, config: Config, **options: Any) -> None:
        super().__init__(**options)
        self.server = server
        self.handshake: ServerHandshake | None = ServerHandshake(config)
        self.requested: asyncio.Future[None] = self.loop.create_future()
        self.response_headers: list[tuple[str, str]] = []
        """Header fields to add to the response: process_request may append some."""

    def respond(self, status: int, text: str) -> Rejection:
        """A response in plain text, for process_request to return."""
        return Rejection(status, [("Content-Type", "text/plain; charset=utf-8")], text.encode())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.server.begin(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.requested.done():
            self.requested.set_result(None)

    def handshake_received(self, data: bytes) -> None:
        if self.handshake is None:
            return
        self.handshake.receive_data(data)
        if self.request is not None:
            # It is being decided on. What follows it waits.
            self.early_received(len(data))
            return
        try:
            self.request = self.handshake.next_request()
        except HandshakeError as error:
            self.logger.info("opening handshake failed: %s", error)
            self.cause = error
            self.answer_and_close()
            return
        if self.request is not None and not self.requested.done():
            self.requested.set_result(None)

    def answer_and_close(self) -> None:
        assert self.handshake is not None
        data = self.handshake.data_to_send()
        self.handshake = None
        self.end_with(data)

    def accept(self, subprotocol: str | None, headers: list[tuple[str, str]]) -> None:
        assert self.handshake is not None
        connection = self.handshake.accept(subprotocol, headers)
        self.handshake = None
        self.opened(connection)

    def reject(self, rejection: Rejection, headers: list[tuple[str, str]]) -> None:
        if self.handshake is None:
            return
        if self.request is not None:
            self.handshake.reject(rejection.status, headers + list(rejection.headers), rejection.body)
        self.answer_and_close()


class Server:
    """A server that serve() has started.

    `async with` closes it at the end; serve_forever() runs it until it is cancelled.
    """

    def __init__(
        self,
        handler: Callable[[ServerConnection], Awaitable[None]],
        make: Callable[[Server], ServerConnection],
        start: Callable[[Server], Awaitable[asyncio.Server]],
        *,
        process_request: ProcessRequest | None,
        origins: Sequence[Origin] | None,
        select_subprotocol: Callable[[ServerConnection, Sequence[str]], str | None],
        server_header: str | None,
        open_timeout: float | None,
        logger: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        self.handler = handler
        self.make = make
        self.start = start
        self.process_request = process_request
        self.origins = origins
        self.select_subprotocol = select_subprotocol
        self.server_header = server_header
        self.open_timeout = open_timeout
        self.logger = logger
        self.server: asyncio.Server = cast(asyncio.Server, None)
        self.handlers: dict[asyncio.Task[None], ServerConnection] = {}
        self.closing: asyncio.Task[None] | None = None

    @property
    def connections(self) -> set[ServerConnection]:
        """The connections that are open."""
        return {it for it in self.handlers.values() if it.state is State.OPEN}

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """The sockets that it listens on."""
        return self.server.sockets

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that it runs on."""
        return self.server.get_loop()

    def is_serving(self) -> bool:
        """Whether it accepts connections."""
        return self.server.is_serving()

    async def start_serving(self) -> None:
        """Accepts connections, after serve(..., start_serving=False)."""
        await self.server.start_serving()

    async def serve_forever(self) -> None:
        """Accepts connections until it is cancelled, and closes the server then."""
        try:
            await self.server.serve_forever()
        finally:
            self.close()
            await self.wait_closed()

    def close(self, close_connections: bool = True, code: int = 1001, reason: str = "") -> None:
        """Stops accepting, refuses with 503 who has not been accepted, closes the open connections
        with 1001 unless told not to, and waits for their handlers in the background."""
        if self.closing is None:
            work = self.close_all(close_connections, code, reason)
            self.closing = self.server.get_loop().create_task(work)

    async def wait_closed(self) -> None:
        """Waits until close() has done its work."""
        if self.closing is None:
            await self.server.wait_closed()
        else:
            await asyncio.shield(self.closing)

    async def close_all(self, close_connections: bool, code: int, reason: str) -> None:
        self.server.close()
        for connection in list(self.handlers.values()):
            if connection.connection is None:
                connection.reject(Rejection(503, [], b"The server ends.\n"), [])
            elif close_connections:
                connection.begin_close(code, reason)
        while self.handlers:
            await asyncio.wait(list(self.handlers))
        await self.server.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        await self.wait_closed()

    def begin(self, connection: ServerConnection) -> None:
        task = connection.loop.create_task(self.serve(connection))
        self.handlers[task] = connection
        task.add_done_callback(lambda task: self.handlers.pop(task, None))

    async def serve(self, connection: ServerConnection) -> None:
        """The life of one connection. It has no caller, so what it raises is logged here."""
        try:
            await asyncio.wait_for(self.handshake(connection), self.open_timeout)
        except asyncio.TimeoutError:
            self.logger.info("opening handshake timed out")
            connection.transport.abort()
            return
        except Exception:
            self.logger.exception("opening handshake failed")
            connection.reject(Rejection(500, [], b"The server failed.\n"), [])
            return
        if connection.connection is None:
            return
        try:
            async with connection:
                await self.handler(connection)
        except ConnectionClosed as error:
            self.logger.info("connection handler ended: %s", error)
        except Exception:
            self.logger.exception("connection handler failed")

    async def handshake(self, connection: ServerConnection) -> None:
        await connection.requested
        request = connection.request
        if request is None:
            return
        own = [] if self.server_header is None else [("Server", self.server_header)]
        rejection: Any = None
        if self.origins is not None and not allows(self.origins, request.origin):
            rejection = connection.respond(403, "The origin is not allowed.\n")
        elif self.process_request is not None:
            rejection = self.process_request(connection, request)
            if isinstance(rejection, Awaitable):
                rejection = await rejection
        if rejection is None and not self.is_serving():
            rejection = connection.respond(503, "The server ends.\n")
        if connection.handshake is None or connection.disconnected:
            return
        headers = own + connection.response_headers
        if rejection is not None:
            connection.reject(rejection, headers)
            return
        subprotocol = self.select_subprotocol(connection, request.subprotocols)
        connection.accept(subprotocol, headers)


def allows(origins: Sequence[Origin], origin: str | None) -> bool:
    for allowed in origins:
        if allowed is None or origin is None:
            if allowed is origin:
                return True
        elif isinstance(allowed, str):
            if allowed == origin:
                return True
        elif allowed.fullmatch(origin):
            return True
    return False


class serve:  # noqa: N801, it is used as a function
    """Starts a server: `async with serve(handler, host, port) as server`, or `await serve(...)`.

    handler: called for each connection; when it returns the connection is closed.
    origins: the origins that may connect, where None stands for clients that say none.
    subprotocols: those that the server supports, the preferred ones first.
    select_subprotocol: chooses one of those that the client offers, in place of that.
    compression: "deflate", a PermessageDeflate, or None for none.
    process_request: may return a Rejection, for example with connection.respond(404, "...").
    open_timeout, ping_interval, ping_timeout, close_timeout: in seconds, None for no limit.
    max_size: the largest message, in bytes; or that and the largest frame.
    max_queue: how many messages may wait to be received; or that and how few must be left before
        more are read.
    write_limit: how many bytes may wait to be written before send() waits.

    What else is given goes to asyncio's loop.create_server(), such as `ssl`.
    """

    def __init__(
        self,
        handler: Callable[[ServerConnection], Awaitable[None]],
        host: str | Sequence[str] | None = None,
        port: int | None = None,
        *,
        origins: Sequence[Origin] | None = None,
        subprotocols: Sequence[str] | None = None,
        select_subprotocol: SelectSubprotocol | None = None,
        compression: Compression = "deflate",
        process_request: ProcessRequest | None = None,
        server_header: str | None = f"Python/{sys.version_info[0]}.{sys.version_info[1]} websans",
        open_timeout: float | None = 10,
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        close_timeout: float | None = 10,
        max_size: Limits = 1 << 20,
        max_queue: Limits = 16,
        write_limit: int | tuple[int, int | None] = 1 << 15,
        logger: logging.Logger | logging.LoggerAdapter[Any] | None = None,
        unix: bool = False,
        **kwargs: Any,
    ) -> None:
        config = config_of(max_size, compression)
        logger = logger or logging.getLogger("websans.asyncio.server")

        def make(server: Server) -> ServerConnection:
            return ServerConnection(
                server, config, ping_interval=ping_interval, ping_timeout=ping_timeout,
                close_timeout=close_timeout, max_queue=max_queue, write_limit=write_limit, logger=logger,
            )  # fmt: skip

        async def start(server: Server) -> asyncio.Server:
            loop = asyncio.get_running_loop()
            if unix:
                return await loop.create_unix_server(lambda: make(server), **kwargs)
            return await loop.create_server(lambda: make(server), host, port, **kwargs)

        def select(connection: ServerConnection, offered: Sequence[str]) -> str | None:
            if select_subprotocol is not None:
                return select_subprotocol(connection, offered)
            return next((it for it in subprotocols or () if it in offered), None)

        self.server = Server(
            handler, make, start, process_request=process_request, origins=origins,
            select_subprotocol=select, server_header=server_header, open_timeout=open_timeout,
            logger=logger,
        )  # fmt: skip

    async def started(self) -> Server:
        self.server.server = await self.server.start(self.server)
        return self.server

    def __await__(self) -> Generator[Any, None, Server]:
        return self.started().__await__()

    async def __aenter__(self) -> Server:
        return await self.started()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.server.__aexit__(exc_type, exc_value, traceback)


def unix_serve(
    handler: Callable[[ServerConnection], Awaitable[None]], path: str | None = None, **kwargs: Any
) -> serve:
    """serve() on a Unix socket."""
    return serve(handler, unix=True, path=path, **kwargs)


def config_of(max_size: Limits, compression: Compression) -> Config:
    message, frame = max_size if isinstance(max_size, tuple) else (max_size, None)
    if compression == "deflate":
        # As much memory for each connection as websockets takes, which is less than the default.
        compression = PermessageDeflate(
            server_max_window_bits=12, client_max_window_bits=12, mem_level=5
        )
    elif isinstance(compression, str):
        raise ValueError(f"compression is 'deflate', a PermessageDeflate or None, not {compression!r}")
    return Config(max_message_size=message, max_frame_size=frame, permessage_deflate=compression)

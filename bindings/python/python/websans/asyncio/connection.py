"""What a client's and a server's connection have in common."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, cast, overload

from .. import Binary, Close, ConnectionClosing, Request, Response, State, Text
from .._endpoint import Endpoint
from .exceptions import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
)

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self

    Data = str | bytes
    DataLike = str | Buffer

Limits = int | tuple[int | None, int | None] | None


class Connection(Endpoint[Text | Binary]):
    """A WebSocket connection: recv() and send(), or `async for`. connect() and serve() make it.

    Iterating ends when the connection is closed with 1000, with 1001 or without a code, and raises
    ConnectionClosedError when it ends otherwise.
    """

    def __init__(
        self,
        *,
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        close_timeout: float | None = 10,
        max_queue: Limits = 16,
        write_limit: int | tuple[int, int | None] = 1 << 15,
        logger: logging.Logger | logging.LoggerAdapter[Any] | None = None,
    ) -> None:
        high, low = max_queue if isinstance(max_queue, tuple) else (max_queue, None)
        super().__init__(
            asyncio.get_running_loop(),
            pause_at=high,
            max_queue=high,
            low_queue=low if low is not None else 0 if high is None else high // 4,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
        )
        self.close_timeout = close_timeout
        self.write_limit = write_limit if isinstance(write_limit, tuple) else (write_limit, None)
        self.logger = logger or logging.getLogger("websans.asyncio")
        self.request: Request | None = None
        """The request of the opening handshake, at a server."""
        self.response: Response | None = None
        """The response of the opening handshake, at a client."""

        self.receiving = False
        self.stream: object = None
        self.skipping = False
        self.sending_parts: asyncio.Future[None] | None = None
        self.pings: dict[bytes, tuple[asyncio.Future[float], float]] = {}
        self.close_rcvd: Close | None = None
        self.close_frame_sent: Close | None = None
        self.no_more = False
        self.cause: BaseException | None = None
        self.lost_waiter: asyncio.Future[None] = self.loop.create_future()

    # What there is to know.

    @property
    def local_address(self) -> Any:
        """The address of this end, as socket.getsockname() has it."""
        return self.transport.get_extra_info("sockname")

    @property
    def remote_address(self) -> Any:
        """The address of the peer, as socket.getpeername() has it."""
        return self.transport.get_extra_info("peername")

    @property
    def state(self) -> State | None:
        """Where the connection stands; None before the opening handshake is done."""
        if self.disconnected:
            return State.CLOSED
        return None if self.connection is None else self.connection.state

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that was agreed on."""
        return None if self.connection is None else self.connection.subprotocol

    @property
    def latency(self) -> float:
        """The round-trip time of the newest ping that was answered, in seconds; 0.0 before."""
        return self.last_ping_rtt

    @property
    def close_code(self) -> int | None:
        """The code of the close frame that was received; 1006 if the connection was lost without one;
        None while it is open."""
        if self.close_rcvd is not None:
            return 1005 if self.close_rcvd.code is None else self.close_rcvd.code
        return 1006 if self.disconnected else None

    @property
    def close_reason(self) -> str | None:
        """The reason of the close frame that was received; None while the connection is open."""
        if self.close_rcvd is not None:
            return self.close_rcvd.reason
        return "" if self.disconnected else None

    def __repr__(self) -> str:
        return f"<websans.asyncio.{type(self).__name__} {self.state}>"

    # Receiving.

    @overload
    async def recv(self, decode: Literal[True]) -> str: ...
    @overload
    async def recv(self, decode: Literal[False]) -> bytes: ...
    @overload
    async def recv(self, decode: bool | None = None) -> Data: ...
    async def recv(self, decode: bool | None = None) -> Data:
        """Receives a message: a str if it is text, bytes if it is binary.

        decode: True for a str and False for bytes, whatever the message is.

        Cancelling it loses no message. Raises ConnectionClosed, and ConcurrencyError when another
        task receives.
        """
        self.begin_receiving()
        return decoded(await self.next_item(), decode)

    @overload
    def recv_streaming(self, decode: Literal[True]) -> AsyncIterator[str]: ...
    @overload
    def recv_streaming(self, decode: Literal[False]) -> AsyncIterator[bytes]: ...
    @overload
    def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Data]: ...
    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Data]:
        """Receives a message in parts, as they come, so that it need not fit into memory.

        What is left of the message when the iteration is given up is thrown away.
        """
        self.begin_receiving()
        self.stream = stream = object()
        self.in_parts = not self.queue
        if self.connection is not None and self.in_parts and not self.disconnected:
            self.process_events(self.connection)
        try:
            while True:
                if self.stream is not stream:
                    raise ConcurrencyError("the rest of the message was given up")
                part = await self.next_item()
                if part.last:
                    self.stream = None
                    self.in_parts = False
                if part.data or part.first:
                    yield decoded(part, decode)
                if part.last:
                    return
        finally:
            if self.stream is stream:
                self.give_up_stream()

    def begin_receiving(self) -> None:
        if self.receiving:
            raise ConcurrencyError("another task receives already")
        if self.stream is not None:
            self.give_up_stream()

    def give_up_stream(self) -> None:
        self.stream = None
        self.in_parts = False
        self.skipping = True

    async def __aiter__(self) -> AsyncIterator[Data]:
        try:
            while True:
                yield await self.recv()
        except ConnectionClosedOK:
            return

    def message_received(self, event: Text | Binary) -> None:
        self.deliver_message(event)

    async def next_item(self) -> Text | Binary:
        while True:
            while not self.queue:
                if self.no_more and not self.more:
                    raise self.closed()
                self.receiving = True
                try:
                    await self.wait_for_item()
                finally:
                    self.receiving = False
            item = self.take_item()
            if not self.skipping:
                return item
            # What is left of a message that was given up: parts, or a last one that is the rest.
            self.skipping = not item.last

    # Sending.

    async def send(
        self,
        message: DataLike | Iterable[DataLike] | AsyncIterable[DataLike],
        text: bool | None = None,
    ) -> None:
        """Sends a message: a str as text, a bytes-like object as binary, an iterable of those in
        parts.

        text: True to send bytes that are UTF-8 as text, False to send a str as binary.

        It waits while too much is waiting to be written. Raises ConnectionClosed.
        """
        while self.sending_parts is not None:
            await asyncio.shield(self.sending_parts)
        if isinstance(message, (str, bytes)) or is_buffer(message):
            send, data = self.send_method(cast("DataLike", message), text)
            try:
                self.send_whole(send, data)
            except ConnectionClosing as error:
                raise self.closed() from error
            except AttributeError:
                raise self.closed() from None
            if self.write_paused:
                await self.drain()
        elif isinstance(message, dict):
            raise TypeError("a message is a str, a bytes-like object or an iterable of those")
        elif isinstance(message, (AsyncIterable, Iterable)):
            await self.send_parts(message, text)
        else:
            raise TypeError("a message is a str, a bytes-like object or an iterable of those")

    def send_method(self, data: DataLike, text: bool | None) -> tuple[Any, Any]:
        if self.connection is None or self.no_more or self.disconnected:
            raise self.closed()
        if isinstance(data, str):
            if text is False:
                return self.connection.send_binary, data.encode()
            return self.connection.send_text, data
        if not isinstance(data, bytes):
            data = bytes(data)
        return (self.connection.send_text if text else self.connection.send_binary), data

    async def send_parts(
        self, parts: Iterable[DataLike] | AsyncIterable[DataLike], text: bool | None
    ) -> None:
        self.sending_parts = self.loop.create_future()
        kind: type[str] | type[bytes] | None = None
        sent = False
        try:
            async for part in aiter_of(parts):
                if kind is None:
                    kind = str if isinstance(part, str) else bytes
                elif isinstance(part, str) is not (kind is str):
                    raise TypeError("the parts of a message are all str or all bytes-like")
                method, data = self.send_method(part, text)
                try:
                    method(data, last=False)
                except ConnectionClosing as error:
                    raise self.closed() from error
                sent = True
                self.flush()
                if self.write_paused:
                    await self.drain()
            if kind is not None:
                method, data = self.send_method("" if kind is str else b"", text)
                try:
                    method(data, last=True)
                except ConnectionClosing as error:
                    raise self.closed() from error
                self.flush()
        except ConnectionClosed:
            raise
        except BaseException:
            # A message that has begun cannot be taken back, and nothing else may be sent within it.
            if sent:
                self.begin_close(1011, "error in a message sent in parts")
            raise
        finally:
            self.sending_parts.set_result(None)
            self.sending_parts = None

    async def drain(self) -> None:
        await self.wait_writable()
        if self.disconnected:
            raise self.closed()

    async def ping(self, data: DataLike | None = None) -> Awaitable[float]:
        """Sends a ping. The result is a future of the round-trip time in seconds.

        Raises ConnectionClosed, and ConcurrencyError when the same data is on its way already.
        """
        payload = os.urandom(4) if data is None else data.encode() if isinstance(data, str) else bytes(data)
        if payload in self.pings:
            raise ConcurrencyError("a ping with the same data is on its way already")
        self.control("send_ping", payload)
        pong: asyncio.Future[float] = self.loop.create_future()
        self.pings[payload] = (pong, self.loop.time())
        return pong

    async def pong(self, data: DataLike = b"") -> None:
        """Sends a pong that no ping asked for. Raises ConnectionClosed."""
        self.control("send_pong", data.encode() if isinstance(data, str) else bytes(data))

    def control(self, method: str, payload: bytes) -> None:
        if self.connection is None or self.disconnected:
            raise self.closed()
        try:
            getattr(self.connection, method)(payload)
        except ConnectionClosing as error:
            raise self.closed() from error
        self.flush()

    def pong_received(self, payload: bytes) -> None:
        super().pong_received(payload)
        if payload not in self.pings:
            return
        # A pong answers the newest ping, and those before it (RFC 6455 section 5.5.3).
        now = self.loop.time()
        for ping in list(self.pings):
            pong, sent_at = self.pings.pop(ping)
            if not pong.done():
                pong.set_result(now - sent_at)
            if ping == payload:
                self.last_ping_rtt = now - sent_at
                return

    # The end.

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the connection, and waits until it is. Does nothing once it is closed."""
        if self.sending_parts is not None:
            code, reason = 1011, "closed within a message sent in parts"
        self.begin_close(code, reason)
        await self.wait_closed()

    def begin_close(self, code: int, reason: str) -> None:
        if self.connection is None:
            self.transport.abort()
            return
        if not self.close_sent and not self.disconnected:
            self.send_close(code, reason)
            if self.close_frame_sent is None and self.close_rcvd is None:
                self.close_frame_sent = Close(code, reason)
            self.stop_keepalive()
            self.wait_for_close()
        self.read_to_the_end()

    async def wait_closed(self) -> None:
        """Waits until the connection is closed."""
        await asyncio.shield(self.lost_waiter)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close(1000 if exc_type is None else 1011)

    def ended(self, code: int, reason: str, event: Close | None) -> None:
        if event is not None:
            self.close_rcvd = event
            if self.close_frame_sent is None:
                self.close_frame_sent = Close(event.code)
        elif self.close_frame_sent is None:
            self.close_frame_sent = Close(code, reason)
        self.no_more = True
        wake_receivers(self)

    def closed(self) -> ConnectionClosed:
        codes = [close.code for close in (self.close_rcvd, self.close_frame_sent) if close is not None]
        fine = len(codes) == 2 and all(code in (None, 1000, 1001) for code in codes)
        kind = ConnectionClosedOK if fine else ConnectionClosedError
        error = kind(self.close_rcvd, self.close_frame_sent)
        error.__cause__ = self.cause
        return error

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(*self.write_limit)

    def eof_received(self) -> None:
        """The transport closes itself, and calls connection_lost()."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost()
        self.no_more = True
        self.cause = self.cause or exc
        for pong, _ in self.pings.values():
            if not pong.done():
                pong.set_exception(self.closed())
                pong.exception()  # Who does not wait for it is not told.
        self.pings.clear()
        wake_receivers(self)
        if not self.lost_waiter.done():
            self.lost_waiter.set_result(None)


def decoded(item: Text | Binary, decode: bool | None) -> Data:
    data = item.data
    if decode is None:
        return data
    if decode:
        return data if isinstance(data, str) else data.decode()
    return data if isinstance(data, bytes) else data.encode()


def is_buffer(data: object) -> bool:
    if isinstance(data, (bytearray, memoryview)):
        return True
    try:
        memoryview(cast(Any, data))
    except TypeError:
        return False
    return True


async def aiter_of(parts: Iterable[DataLike] | AsyncIterable[DataLike]) -> AsyncIterator[DataLike]:
    if isinstance(parts, AsyncIterable):
        async for part in parts:
            yield part
    else:
        for part in parts:
            yield part


def wake_receivers(connection: Connection) -> None:
    for receiver in connection.receivers:
        if not receiver.done():
            receiver.set_result(None)
    connection.receivers.clear()


def broadcast(
    connections: Iterable[Connection],
    message: DataLike,
    *,
    text: bool | None = None,
) -> None:
    """Sends a message to many connections, without waiting for any. Those that are closing are left
    out. What a slow peer does not take waits in memory, until keepalive ends its connection."""
    for connection in connections:
        if connection.state is State.OPEN and connection.sending_parts is None:
            method, data = connection.send_method(message, text)
            connection.send_whole(method, data)

"""Peers that send without end, read nothing, or say nothing: memory and time stay bounded."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from test_uvicorn import running
from wire import PING, REQUEST, TEXT, frame

from websans.asyncio import Connection, ServerConnection, serve
from websans.uvicorn import WebSocketProtocol

pytestmark = pytest.mark.anyio

# More than the buffers of the kernel hold, and far more than a connection may.
FLOOD = 48 << 20
HEAP = 4 << 20


@contextlib.asynccontextmanager
async def peer(port: int) -> AsyncIterator[socket.socket]:
    """A socket that reads only what a test reads from it."""
    with socket.socket() as sock:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        yield sock


async def opened(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, REQUEST)
    assert (await loop.sock_recv(sock, 4096)).startswith(b"HTTP/1.1 101 ")


async def flood(sock: socket.socket, data: bytes, most: int = FLOOD) -> int:
    """Sends until the other side takes no more for a while, and says how much it took."""
    loop, sent = asyncio.get_running_loop(), 0
    data *= max(1, (1 << 18) // len(data))
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        while sent < most:
            await asyncio.wait_for(loop.sock_sendall(sock, data), 0.5)
            sent += len(data)
    return sent


@contextlib.asynccontextmanager
async def server(handler: Any, **options: Any) -> AsyncIterator[tuple[int, list[Connection]]]:
    made: list[Connection] = []

    async def keep(connection: ServerConnection) -> None:
        made.append(connection)
        await handler(connection)

    async with serve(keep, "127.0.0.1", 0, **options) as started:
        yield started.sockets[0].getsockname()[1], made


async def until_closed(connection: Connection) -> None:
    await connection.wait_closed()


async def test_what_follows_a_request_that_is_decided_on_is_not_hoarded() -> None:
    decided: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    received: list[Any] = []

    async def process(connection: ServerConnection, request: object) -> None:
        await decided

    async def handler(connection: Connection) -> None:
        received.append(await connection.recv())

    async with server(handler, process_request=process) as (port, _), peer(port) as sock:
        await asyncio.get_running_loop().sock_sendall(sock, REQUEST + frame(TEXT, b"early"))
        assert await flood(sock, frame(TEXT, b"x" * 1000)) < FLOOD
        decided.set_result(None)
        assert (await asyncio.get_running_loop().sock_recv(sock, 4096)).startswith(b"HTTP/1.1 101 ")
        while not received:
            await asyncio.sleep(0.01)
    assert received == ["early"]


async def test_uvicorn_does_not_hoard_what_follows_a_request_that_is_decided_on() -> None:
    decided: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    received: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received.append(await receive())
        await decided
        await send({"type": "websocket.accept"})
        received.append(await receive())

    async with running(app) as uri, peer(int(uri.rsplit(":", 1)[1])) as sock:
        await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
        while not received:
            await asyncio.sleep(0.01)  # uvicorn throws away what comes together with the request
        await asyncio.get_running_loop().sock_sendall(sock, frame(TEXT, b"early"))
        assert await flood(sock, frame(TEXT, b"x" * 1000)) < FLOOD
        decided.set_result(None)
        while len(received) < 2:
            await asyncio.sleep(0.01)
    assert [it.get("text") for it in received] == [None, "early"]


async def test_uvicorn_ends_while_a_request_that_is_decided_on_is_followed_by_a_flood() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(await receive())
        seen.append(await receive())

    async with running(app) as uri, peer(int(uri.rsplit(":", 1)[1])) as sock:
        await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
        assert await flood(sock, frame(TEXT, b"x" * 1000)) < FLOOD
    assert [it["type"] for it in seen] == ["websocket.connect", "websocket.disconnect"]


async def test_what_follows_a_violation_is_thrown_away() -> None:
    async with server(until_closed, close_timeout=5) as (port, made), peer(port) as sock:
        await opened(sock)
        await asyncio.get_running_loop().sock_sendall(sock, frame(TEXT, b"\xff"))
        assert await flood(sock, frame(TEXT, b"x" * 1000)) >= FLOOD, "it is read, so that the close frame arrives"
        connection = made[0].connection
        assert connection is not None and connection.unread < HEAP


async def test_pings_of_a_peer_that_does_not_read_are_not_answered_without_end() -> None:
    async with server(until_closed, close_timeout=0.2) as (port, made), peer(port) as sock:
        await opened(sock)
        await flood(sock, frame(PING, b"x" * 125))
        waits = made[0].transport.get_write_buffer_size()
        assert waits < HEAP, "pongs pile up"
        await asyncio.wait_for(made[0].wait_closed(), 10)


@pytest.mark.parametrize("ending", ["close", "keepalive", "violation", "handler"])
async def test_a_peer_that_does_not_read_is_not_waited_for(ending: str) -> None:
    async def handler(connection: Connection) -> None:
        connection.transport.write(b"\x82\x7f" + (64 << 20).to_bytes(8, "big") + bytes(64 << 20))
        if ending == "close":
            await connection.close()
        elif ending != "handler":
            await connection.wait_closed()

    interval = 0.1 if ending == "keepalive" else None
    options: Any = {"close_timeout": 0.3, "ping_interval": interval, "ping_timeout": 0.1}
    async with server(handler, **options) as (port, made), peer(port) as sock:
        await opened(sock)
        if ending == "violation":
            await asyncio.get_running_loop().sock_sendall(sock, frame(TEXT, b"\xff"))
        while not made:
            await asyncio.sleep(0.01)
        await asyncio.wait_for(made[0].wait_closed(), 5)


async def test_uvicorn_does_not_wait_for_a_peer_that_does_not_read() -> None:
    class Impatient(WebSocketProtocol):
        close_timeout = 0.3

    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    class Watched(Impatient):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            ended.set_result(None)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "bytes": bytes(64 << 20)})

    async with running(app, ws=Watched, ws_per_message_deflate=False) as uri:
        async with peer(int(uri.rsplit(":", 1)[1])) as sock:
            await opened(sock)
            await asyncio.wait_for(ended, 5)


async def test_a_server_closes_though_peers_have_not_sent_their_request() -> None:
    async with serve(until_closed, "127.0.0.1", 0) as running_server:
        port = running_server.sockets[0].getsockname()[1]
        async with peer(port) as silent, peer(port) as half:
            await asyncio.get_running_loop().sock_sendall(half, REQUEST[:40])
            await asyncio.sleep(0.1)
            running_server.close()
            await asyncio.wait_for(running_server.wait_closed(), 5)
            assert await asyncio.get_running_loop().sock_recv(silent, 10) == b""


async def test_half_a_close_ends_a_connection_after_what_was_sent_before() -> None:
    received: list[Any] = []

    async def handler(connection: Connection) -> None:
        async for message in connection:
            received.append(message)

    async with server(handler) as (port, made), peer(port) as sock:
        await opened(sock)
        await asyncio.get_running_loop().sock_sendall(sock, frame(TEXT, b"a") + frame(TEXT, b"b"))
        sock.shutdown(socket.SHUT_WR)
        while not made:
            await asyncio.sleep(0.01)
        await asyncio.wait_for(made[0].wait_closed(), 5)
        while len(received) < 2:
            await asyncio.sleep(0.01)
    assert received == ["a", "b"]
    assert made[0].close_code == 1006

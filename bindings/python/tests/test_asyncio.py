"""Clients and servers of websans.asyncio, with each other and with those of websockets."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trustme
import websockets.asyncio.client
import websockets.asyncio.server
from wire import REQUEST, TEXT, frame

import websans
from websans.asyncio import (
    ConcurrencyError,
    Connection,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidStatus,
    ProxyError,
    Rejection,
    broadcast,
    connect,
    serve,
    unix_serve,
)

pytestmark = pytest.mark.anyio


async def echo(connection: Connection) -> None:
    async for message in connection:
        await connection.send(message)


@contextlib.asynccontextmanager
async def server(handler: Any = echo, **options: Any) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0, **options) as running:
        port = running.sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}/"


@pytest.mark.parametrize("compression", ["deflate", None, websans.PermessageDeflate(server_no_context_takeover=True)])
async def test_an_echo(compression: Any) -> None:
    async with server(compression=compression) as uri, connect(uri, compression=compression) as client:
        for message in ("", "grüße", b"", b"\0\xff", "x" * 70_000, b"y" * 1_000_000):
            await client.send(message)
            assert await client.recv() == message
    assert (client.close_code, client.close_reason, client.state) == (1000, "", websans.State.CLOSED)


async def test_with_a_client_of_websockets() -> None:
    async with server(max_size=None) as uri, websockets.asyncio.client.connect(uri, max_size=None) as client:
        for message in ("grüße", b"\0" * 3_000_000):
            await client.send(message)
            assert await client.recv() == message
        await client.send(["in ", "three ", "parts"])
        assert await client.recv() == "in three parts"
        await (await client.ping())
    assert client.close_code == 1000


async def test_with_a_server_of_websockets() -> None:
    async def handler(connection: Any) -> None:
        async for message in connection:
            await connection.send(message)

    async with websockets.asyncio.server.serve(handler, "127.0.0.1", 0) as running:
        uri = f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/"
        async with connect(uri) as client:
            await client.send("grüße" * 1000)
            assert await client.recv() == "grüße" * 1000
            assert await (await client.ping()) > 0 and client.latency > 0
    assert client.close_code == 1000


async def test_messages_in_parts_both_ways() -> None:
    async def handler(connection: Connection) -> None:
        async def parts() -> AsyncIterator[str]:
            async for part in connection.recv_streaming():
                yield f"<{part!s}>"

        await connection.send(parts())

    async with server(handler) as uri, connect(uri) as client:

        async def slowly() -> AsyncIterator[str]:
            for part in ("a", "b", "c"):
                yield part
                await asyncio.sleep(0.05)

        await client.send(slowly())
        assert await client.recv() == "<a><b><c>"


async def test_the_rest_of_a_message_that_is_given_up_is_thrown_away() -> None:
    sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def handler(connection: Connection) -> None:
        async def parts() -> AsyncIterator[bytes]:
            await connection.recv()
            yield b"begin"
            await sent
            yield b"rest"

        await connection.send(parts())
        await connection.send("next")
        await connection.wait_closed()

    async with server(handler, compression=None) as uri, connect(uri) as client:
        await client.send("go on")
        async for part in client.recv_streaming():
            assert part == b"begin"
            break
        sent.set_result(None)
        assert await client.recv() == "next"


async def test_a_connection_ends_in_the_middle_of_a_message_in_parts() -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def handler(connection: Connection) -> None:
        async def parts() -> AsyncIterator[bytes]:
            await connection.recv()
            yield b"begin"
            await never

        await connection.send(parts())

    async with serve(handler, "127.0.0.1", 0, compression=None) as running:
        async with connect(f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/") as client:
            await client.send("go on")
            stream = client.recv_streaming()
            assert await stream.__anext__() == b"begin"
            await client.close()
            with pytest.raises(ConnectionClosed):
                await stream.__anext__()
        never.set_result(None)


async def test_a_decoded_message_and_an_encoded_one() -> None:
    async with server() as uri, connect(uri) as client:
        await client.send("text", text=False)
        assert await client.recv() == b"text"
        await client.send(b"bytes", text=True)
        assert await client.recv(decode=False) == b"bytes"
        await client.send(memoryview(b"view"))
        assert await client.recv(decode=True) == "view"
        for bad in (5, {"a": 1}, None):
            with pytest.raises(TypeError):
                await client.send(bad)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            await client.send(["a", b"b"])  # a message that has begun cannot go on otherwise
        with pytest.raises(ConnectionClosedError):
            await client.recv()


async def test_a_receive_that_is_cancelled_loses_no_message() -> None:
    async with server() as uri, connect(uri) as client:
        for number in range(50):
            await client.send(str(number))
            with contextlib.suppress(asyncio.TimeoutError):
                assert await asyncio.wait_for(client.recv(), 0.0001 * (number % 3)) == str(number)
                continue
            assert await client.recv() == str(number)


async def test_two_receivers_are_an_error() -> None:
    async with server() as uri, connect(uri) as client:
        first = asyncio.ensure_future(client.recv())
        await asyncio.sleep(0)
        with pytest.raises(ConcurrencyError):
            await client.recv()
        await client.send("x")
        assert await first == "x"


@pytest.mark.parametrize(("code", "kind"), [(1000, ConnectionClosedOK), (1001, ConnectionClosedOK), (4000, ConnectionClosedError)])
async def test_the_peer_closes(code: int, kind: Any) -> None:
    async def handler(connection: Connection) -> None:
        await connection.send("last")
        await connection.close(code, "why")

    async with server(handler) as uri:
        client = await connect(uri)
        assert await client.recv() == "last"
        with pytest.raises(kind) as raised:
            await client.recv()
        assert (raised.value.rcvd, raised.value.code, raised.value.reason) == (websans.Close(code, "why"), code, "why")
        with pytest.raises(kind):
            await client.send("late")
        await client.close()
        await client.wait_closed()


async def test_what_was_received_before_the_end_is_still_there() -> None:
    """Also if the transport is gone long before it is received, and the queue is full."""

    async def handler(connection: Connection) -> None:
        for number in range(100):
            await connection.send(str(number))

    async with server(handler) as uri:
        client = await connect(uri, max_queue=4)
        await asyncio.sleep(0.2)
        assert [message async for message in client] == [str(number) for number in range(100)]
        await client.close()


async def test_a_connection_that_is_lost_is_an_error() -> None:
    async def handler(connection: Connection) -> None:
        connection.transport.abort()

    async with server(handler) as uri:
        client = await connect(uri)
        with pytest.raises(ConnectionClosedError) as raised:
            await client.recv()
        assert (raised.value.rcvd, raised.value.sent, raised.value.code) == (None, None, 1006)
        await client.wait_closed()


async def test_a_violation_is_told_to_both_ends() -> None:
    async with server() as uri:
        client = await connect(uri)
        client.transport.write(frame(TEXT, b"\xff"))
        with pytest.raises(ConnectionClosedError) as raised:
            await client.recv()
        assert raised.value.rcvd == websans.Close(1007, "invalid UTF-8")


async def test_a_message_over_the_limit_is_refused() -> None:
    async with server(max_size=1000) as uri, connect(uri) as client:
        await client.send("x" * 1000)
        assert len(await client.recv()) == 1000
        await client.send("x" * 1001)
        with pytest.raises(ConnectionClosedError) as raised:
            await client.recv()
        assert raised.value.code == 1009


async def test_a_slow_reader_stops_the_sender() -> None:
    """Neither end holds more than its queues: the sender waits."""
    sent = 0

    async def handler(connection: Connection) -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionClosed):
            while True:
                await connection.send(b"x" * 100_000)
                sent += 1

    async with server(handler, compression=None) as uri:
        client = await connect(uri, max_queue=2, compression=None)
        await asyncio.sleep(0.3)
        first = sent
        await asyncio.sleep(0.2)
        assert sent == first and first < 200
        for _ in range(first + 1):
            assert len(await client.recv()) == 100_000
        client.transport.abort()


async def test_keepalive_ends_a_silent_connection_and_measures_others() -> None:
    async def handler(connection: Connection) -> None:
        with contextlib.suppress(ConnectionClosed):
            await connection.recv()
        closed.set_result(connection)

    closed: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
    async with server(handler, ping_interval=0.05, ping_timeout=0.1) as uri:
        client = await connect(uri, ping_interval=None)
        await asyncio.sleep(0.3)
        assert client.state == websans.State.OPEN
        client.transport.write = lambda data: None  # type: ignore[method-assign]
        connection = await asyncio.wait_for(closed, 5)
        assert connection.latency > 0
        assert connection.close_frame_sent == websans.Close(1011, "keepalive ping timeout")
        client.transport.abort()


async def test_a_peer_that_does_not_answer_the_close_is_not_waited_for_long() -> None:
    async with server(close_timeout=0.1) as uri:
        client = await connect(uri, close_timeout=0.1)
        client.transport.write = lambda data: None  # type: ignore[method-assign]
        await asyncio.wait_for(client.close(), 2)
        assert client.close_code == 1006


async def test_a_handler_that_fails_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(connection: Connection) -> None:
        raise ValueError("a bug")

    async with server(handler) as uri, connect(uri) as client:
        with pytest.raises(ConnectionClosedError) as raised:
            await client.recv()
        assert raised.value.code == 1011
    assert "connection handler failed" in caplog.text


async def test_requests_are_decided_on() -> None:
    async def process(connection: Any, request: websans.Request) -> Rejection | None:
        await asyncio.sleep(0.01)
        connection.response_headers.append(("X-Path", request.path))
        if request.path == "/missing":
            return connection.respond(404, "Not here.\n")  # type: ignore[no-any-return]
        if request.path == "/bug":
            raise ValueError
        return None

    options: Any = {"process_request": process, "origins": [None, "http://ok"], "subprotocols": ["b", "a"]}
    async with server(**options) as uri:
        async with connect(uri, subprotocols=["a", "b"]) as client:
            assert client.subprotocol == "b"
            assert client.response is not None and client.response.header("x-path") == b"/"
            await client.send("hello")
            assert await client.recv() == "hello"
        for path, origin, status, body in [
            ("missing", None, 404, b"Not here.\n"), ("bug", None, 500, b"The server failed.\n"),
            ("", "http://evil", 403, b"The origin is not allowed.\n"),
        ]:  # fmt: skip
            with pytest.raises(InvalidStatus) as raised:
                await connect(uri + path, origin=origin)
            assert (raised.value.response.status, raised.value.response.body) == (status, body)


async def test_bad_requests_get_an_answer_and_slow_ones_an_end() -> None:
    async with server(open_timeout=0.2) as uri:
        port = int(uri.rsplit(":", 1)[1].strip("/"))
        for request, answer in [
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 426"), (b"\x16\x03\x01\x02\x00", b"HTTP/1.1 400"),
            (REQUEST[:30], b""),
        ]:  # fmt: skip
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            with contextlib.suppress(ConnectionResetError):
                assert (await asyncio.wait_for(reader.read(), 5))[:12] == answer
            writer.close()


async def test_a_server_that_closes_says_1001() -> None:
    async with serve(echo, "127.0.0.1", 0) as running:
        port = running.sockets[0].getsockname()[1]
        client = await connect(f"ws://127.0.0.1:{port}/")
        await client.send("x")
        await client.recv()
        assert len(running.connections) == 1
        running.close()
        with pytest.raises(ConnectionClosedOK) as raised:
            await client.recv()
        assert raised.value.code == 1001
        await running.wait_closed()
        assert not running.is_serving() and not running.connections
        with pytest.raises(OSError):
            await connect(f"ws://127.0.0.1:{port}/")


async def test_a_broadcast_reaches_all_who_are_open() -> None:
    async def handler(connection: Connection) -> None:
        connections.add(connection)
        await connection.wait_closed()

    connections: set[Connection] = set()
    async with server(handler) as uri:
        clients = [await connect(uri) for _ in range(5)]
        await clients[0].close()
        while len(connections) < 5:
            await asyncio.sleep(0.01)
        broadcast(connections, "news")
        assert [await client.recv() for client in clients[1:]] == ["news"] * 4
        for client in clients:
            await client.close()


# asyncio of 3.10 leaves the transport of a handshake that has failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
async def test_over_tls() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with serve(echo, "localhost", 0, ssl=context) as running:
        port = running.sockets[0].getsockname()[1]
        async with connect(f"wss://localhost:{port}/", ssl=trusting) as client:
            await client.send("x" * 300_000)
            assert len(await client.recv()) == 300_000
        with pytest.raises(ssl.SSLError):
            await connect(f"wss://localhost:{port}/")
        with pytest.raises(ValueError):
            await connect(f"ws://localhost:{port}/", ssl=trusting)
    gc.collect()


async def test_over_a_unix_socket(tmp_path: Any) -> None:
    path = str(tmp_path / "socket")
    async with unix_serve(echo, path):
        async with connect("ws://localhost/", unix=True, path=path) as client:
            await client.send("x")
            assert await client.recv() == "x"


async def test_through_an_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        host, port = heads[-1].split(b" ")[1].decode().rsplit(":", 1)
        if port == "1":
            writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            writer.close()
            return
        upstream_reader, upstream = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, upstream), pump(upstream_reader, writer))

    through = await asyncio.start_server(proxy, "127.0.0.1", 0)
    address = f"http://user:p%40ss@127.0.0.1:{through.sockets[0].getsockname()[1]}"
    async with server() as uri:
        async with connect(uri, proxy=address) as client:
            await client.send("x")
            assert await client.recv() == "x"
        assert b"Proxy-Authorization: Basic dXNlcjpwQHNz\r\n" in heads[0]
        monkeypatch.setenv("ws_proxy", address)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with connect(uri) as client:
            await client.send("y")
            assert await client.recv() == "y"
        assert len(heads) == 2
    with pytest.raises(ProxyError, match="403 Forbidden"):
        await connect("ws://127.0.0.1:1/", proxy=address)
    with pytest.raises(ProxyError, match="socks5"):
        await connect("ws://127.0.0.1:1/", proxy="socks5://127.0.0.1:1080")
    through.close()


async def test_connecting_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websans.asyncio.client.backoff", lambda: iter([0.0] * 10))
    requests = 0

    def process(connection: Any, request: websans.Request) -> Any:
        nonlocal requests
        requests += 1
        return connection.respond(503 if requests < 6 else 404, "") if requests % 2 == 0 else None

    async def handler(connection: Connection) -> None:
        await connection.send("hello")
        await connection.close(1011)

    connections = 0
    async with server(handler, process_request=process) as uri:
        with pytest.raises(InvalidStatus) as raised:
            async for client in connect(uri):
                connections += 1
                assert await client.recv() == "hello"
                with contextlib.suppress(ConnectionClosed):
                    await client.recv()
    # Accepted, 503, accepted, 503, accepted, 404: only the last is no trouble of the server.
    assert (requests, connections, raised.value.response.status) == (6, 3, 404)


async def test_a_bad_uri_and_a_bad_compression_are_refused_at_once() -> None:
    with pytest.raises(websans.InvalidHandshake):
        connect("http://localhost/")
    with pytest.raises(ValueError, match="brotli"):
        connect("ws://localhost/", compression="brotli")


async def test_nothing_is_logged_for_what_peers_do(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with server() as uri:
        client = await connect(uri)
        client.transport.abort()
        await client.wait_closed()
        client = await connect(uri)
        client.transport.write(b"\xff" * 100)
        await client.wait_closed()
    assert [record for record in caplog.records if record.name.startswith("websans")] == []

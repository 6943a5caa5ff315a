"""The protocol for uvicorn, and the example, over a real server. uvicorn's own tests run by ./run uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from wire import TEXT, frame

import websans
from websans.uvicorn import WebSocketProtocol

pytestmark = pytest.mark.anyio
EXAMPLES = Path(__file__).parent.parent / "examples"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif message["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})
        else:
            return


@contextlib.asynccontextmanager
async def running(app: Any, ws: Any = WebSocketProtocol, **options: Any) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, ws=ws, lifespan="off", log_level="warning", **options))
    task = asyncio.ensure_future(server._serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 20)
        listener.close()


async def test_an_echo_with_compression() -> None:
    async with running(echo) as uri, connect(uri, max_size=None) as client:
        names = [str(extension) for extension in client.protocol.extensions]
        assert len(names) == 1 and "remote_no_context_takeover" in names[0]
        for message in ("", "grüße" * 1000, b"", b"\0" * 2_000_000):
            await client.send(message)
            assert await client.recv() == message


async def test_the_setting_for_a_string_and_no_compression() -> None:
    async with running(echo, ws="websans.uvicorn:WebSocketProtocol", ws_per_message_deflate=False) as uri:
        async with connect(uri) as client:
            assert client.protocol.extensions == []
            await client.send("x")
            assert await client.recv() == "x"


async def test_a_subclass_may_take_contexts_over() -> None:
    class TakesOver(WebSocketProtocol):
        permessage_deflate = websans.PermessageDeflate(min_size=0)

    async with running(echo, ws=TakesOver) as uri, connect(uri) as client:
        assert client.response is not None
        assert "no_context_takeover" not in client.response.headers["Sec-WebSocket-Extensions"]
        for _ in range(3):
            await client.send("again and again")
            assert await client.recv() == "again and again"


async def test_many_messages_in_one_read_are_answered_in_order() -> None:
    async with running(echo, ws_per_message_deflate=False) as uri, connect(uri, max_queue=None) as client:
        client.transport.write(b"".join(frame(TEXT, b"%d" % number) for number in range(500)))
        assert [await client.recv() for _ in range(500)] == [str(number) for number in range(500)]


async def test_what_is_answered_goes_out_before_a_violation_behind_it_ends_the_connection() -> None:
    async with running(echo) as uri, connect(uri) as client:
        client.transport.write(frame(TEXT, b"first") + frame(TEXT, b"\xff"))
        assert await client.recv() == "first"
        with pytest.raises(ConnectionClosedError) as raised:
            await client.recv()
        assert raised.value.rcvd is not None
        assert (raised.value.rcvd.code, raised.value.rcvd.reason) == (1007, "invalid UTF-8")


async def test_the_limit_is_ws_max_size() -> None:
    async with running(echo, ws_max_size=1000) as uri, connect(uri) as client:
        await client.send("x" * 1000)
        assert await client.recv() == "x" * 1000
        await client.send("x" * 1001)
        with pytest.raises(ConnectionClosedError) as raised:
            await client.recv()
        assert raised.value.rcvd is not None and raised.value.rcvd.code == 1009


async def test_an_application_that_is_late_holds_up_the_peer_and_loses_nothing() -> None:
    received: list[str] = []
    begin = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await begin.wait()
        while (message := await receive())["type"] == "websocket.receive":
            received.append(message["text"])

    async with running(app, ws_max_queue=4) as uri:
        async with connect(uri) as client:
            for number in range(300):
                await client.send(f"{number}")
            client.transport.write_eof()  # the end comes after what was sent
            begin.set()
            with contextlib.suppress(ConnectionClosed):
                await client.recv()
    assert received == [str(number) for number in range(300)]


async def test_an_application_that_only_sends_answers_pings_and_the_close_if_it_reads_ahead() -> None:
    class ReadsAhead(WebSocketProtocol):
        read_ahead = 10

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        with contextlib.suppress(OSError):
            while True:
                await send({"type": "websocket.send", "text": "tick"})
                await asyncio.sleep(0.01)

    async with running(app, ws=ReadsAhead) as uri, connect(uri, close_timeout=60) as client:
        await client.send("nobody receives this")
        await client.recv()
        assert await asyncio.wait_for(await client.ping(), 5) > 0
        await asyncio.wait_for(client.close(), 5)


async def test_keepalive_does_not_end_a_connection_whose_application_is_late() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.sleep(1)
        assert (await receive())["text"] == "first"
        assert (await receive())["text"] == "second"
        await send({"type": "websocket.send", "text": "done"})
        await receive()

    async with running(app, ws_ping_interval=0.1, ws_ping_timeout=0.2) as uri:
        async with connect(uri, ping_interval=None) as client:
            await client.send("first")
            await client.send("second")
            assert await client.recv() == "done"


async def test_a_server_that_ends_says_1012() -> None:
    async with contextlib.AsyncExitStack() as stack:
        server = contextlib.AsyncExitStack()
        uri = await server.enter_async_context(running(echo))
        client = await stack.enter_async_context(connect(uri))
        await client.send("x")
        await client.recv()
        await server.aclose()
        with pytest.raises(ConnectionClosedError) as raised:
            await client.recv()
        assert raised.value.rcvd is not None and raised.value.rcvd.code == 1012


async def test_a_receive_that_is_cancelled_loses_no_message() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            try:
                message = await asyncio.wait_for(receive(), 0.001)
            except asyncio.TimeoutError:
                continue
            if message["type"] == "websocket.disconnect":
                return
            await send({**message, "type": "websocket.send"})

    async with running(app) as uri, connect(uri) as client:
        for number in range(100):
            await client.send(str(number))
            await asyncio.sleep(0.0005 * (number % 4))
        assert [await client.recv() for _ in range(100)] == [str(number) for number in range(100)]


async def test_a_denial_in_parts_with_headers() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = [(b"X-Reason", b"full"), (b"Content-Length", b"99")]
        await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b"come ", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"later"})

    async with running(app) as uri:
        with pytest.raises(InvalidStatus) as raised:
            await connect(uri)
        response = raised.value.response
        assert (response.status_code, response.body, response.headers["X-Reason"]) == (503, b"come later", "full")
        assert response.headers["Content-Length"] == "10"


async def test_the_chat_of_the_examples() -> None:
    spec = importlib.util.spec_from_file_location("chat", EXAMPLES / "chat.py")
    assert spec is not None and spec.loader is not None
    chat = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(chat)
    async with running(chat.app) as uri:
        async with connect(f"{uri}/chat/ann") as ann:
            assert await ann.recv() == "ann has come"
            async with connect(f"{uri}/chat/bob") as bob:
                assert await bob.recv() == "bob has come"
                await bob.send("hello")
                assert [await ann.recv() for _ in range(2)] == ["bob has come", "bob: hello"]
            assert await ann.recv() == "bob has gone"
            # A member who does not read holds up nobody.
            async with connect(f"{uri}/chat/eve", max_queue=1) as eve:
                assert await ann.recv() == "eve has come"
                eve.transport.pause_reading()
                for number in range(20):
                    await ann.send("x" * 50_000)
                    assert await ann.recv() == "ann: " + "x" * 50_000
                eve.transport.abort()
        port = int(uri.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"new WebSocket" in await reader.read()
        writer.close()

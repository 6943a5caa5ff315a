"""The program `proxy`: frames pass as they are, and each end learns how the other has ended."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from echo_checks import closing
from programs import Server, server
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response

from harness.environment import Environment
from harness.suite import Lane, Suite, within
from harness.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    Frame,
    Head,
    RawClient,
    close,
    frame,
    frames,
    random_bytes,
    request,
    response,
    take_frame,
    text_of,
)

suite = Suite("proxy")


@asynccontextmanager
async def proxy(environment: Environment, upstream: str, *arguments: str) -> AsyncIterator[Server]:
    async with server(environment, "proxy", *arguments, upstream, "127.0.0.1:0") as running:
        yield running


class Upstream:
    """The raw end of a connection, as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Head) -> None:
        self.reader, self.writer, self.head = reader, writer, head
        self.received = bytearray()

    async def raw(self, size: int) -> bytes:
        """The next bytes, however long that takes."""
        while len(self.received) < size:
            chunk = await within(20, f"waiting for {size} bytes", self.reader.read(1 << 16))
            assert chunk, f"the connection ended after {bytes(self.received[-50:])!r}"
            self.received += chunk
        taken = bytes(self.received[:size])
        del self.received[:size]
        return taken

    async def frame(self) -> Frame:
        while (taken := take_frame(self.received)) is None:
            chunk = await within(20, "waiting for a frame", self.reader.read(1 << 16))
            assert chunk, f"the connection ended where a frame was expected: {bytes(self.received[-50:])!r}"
            self.received += chunk
        del self.received[: taken[1]]
        return taken[0]


@asynccontextmanager
async def raw_ends(environment: Environment, *extra: str) -> AsyncIterator[tuple[RawClient, Upstream, Server]]:
    """A raw client, a raw server, and the proxy between them; the handshake is done."""
    arrived: asyncio.Queue[Upstream] = asyncio.Queue()
    over = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = Head((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
        writer.write(response(head))
        arrived.put_nowait(Upstream(reader, writer, head))
        await over.wait()
        writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with proxy(environment, url) as running, RawClient(running.port) as client:
        await client.upgrade(*extra)
        yield client, await arrived.get(), running
        over.set()
    listening.close()


@suite.case("websockets on both sides: messages, subprotocol, compression, close codes")
async def messages(environment: Environment) -> None:
    paths = []

    async def echo(ws: ServerConnection) -> None:
        assert ws.request
        paths.append((ws.request.path, ws.request.headers.get("Forwarded"), ws.request.headers.get("X-Own")))
        with suppress(ConnectionClosed):
            async for message in ws:
                await ws.send(message)

    async with serve(echo, "127.0.0.1", 0, subprotocols=["chat"], max_size=None) as listening:  # type: ignore[list-item]
        url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/base/"
        async with proxy(environment, url) as running:
            async with connect(
                running.url(path="/a?b=c"), subprotocols=["other", "chat"], additional_headers={"X-Own": "mine"},  # type: ignore[list-item]
                max_size=None, proxy=None,
            ) as ws:  # fmt: skip
                assert ws.subprotocol == "chat"
                assert ws.response and "permessage-deflate" in ws.response.headers["Sec-WebSocket-Extensions"]
                for message in ("", "x", text_of(1 << 20), b"", random_bytes(3 << 20), "a" * 500_000):
                    await ws.send(message)
                    assert await within(20, "waiting for the echo", ws.recv()) == message
                await within(20, "waiting for the pong", await ws.ping(b"hello"))
                await ws.close(3210, "enough")
                assert ws.protocol.close_rcvd and ws.protocol.close_rcvd.code == 3210, f"{ws.protocol.close_rcvd}"
            assert paths == [("/base/a?b=c", "for=127.0.0.1", "mine")], f"{paths}"


@suite.case("the server closes first: code and reason pass")
async def closed_by_server(environment: Environment) -> None:
    async def leave(ws: ServerConnection) -> None:
        await ws.close(4321, "that was it")

    async with serve(leave, "127.0.0.1", 0) as listening:
        async with proxy(environment, f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}") as running:
            async with connect(running.url(), proxy=None) as ws:
                assert await closing(ws) == 4321
                assert ws.close_reason == "that was it"


@suite.case("frames pass as they are: fragments, reserved bits and opcodes, empty ones; masked anew")
async def as_they_are(environment: Environment) -> None:
    async with raw_ends(environment) as (client, upstream, _):
        sent = [
            frame(TEXT, b"one ", fin=False, rsv=4),
            frame(PING, b"between"),
            frame(CONTINUATION, b"", fin=False),
            frame(CONTINUATION, b"two", fin=True),
            frame(0x3, b"reserved", rsv=3),
            frame(BINARY, random_bytes(70_000)),
            frame(BINARY, random_bytes(200)),
        ]
        for byte in sent[0] + sent[1]:
            await client.send(bytes([byte]))
            await asyncio.sleep(0)
        await client.send(b"".join(sent[2:]))
        (there,) = ([await upstream.frame() for _ in sent],)
        assert there == frames(b"".join(sent)), "the frames have changed on the way up"
        back = [(item.opcode, item.payload, item.fin, item.rsv1) for item in there]
        upstream.writer.write(
            b"".join(frame(op, payload, fin=fin, rsv=4 if rsv1 else 0, masked=False) for op, payload, fin, rsv1 in back)
        )
        for expected in back:
            if expected[0] == PING:
                continue  # RawClient passes over pings
            item = await client.frame()
            assert (item.opcode, item.payload, item.fin, item.rsv1) == expected and not item.masked


@suite.case("masking keys are fresh")
async def keys(environment: Environment) -> None:
    async with raw_ends(environment) as (client, upstream, _):
        await client.send(frame(TEXT, b"same") * 50)
        seen = {(await upstream.raw(10))[2:6] for _ in range(50)}
        assert len(seen) == 50, f"{len(seen)} keys for 50 frames"


@suite.case("a frame of a gigabyte passes while it comes")
async def streaming(environment: Environment) -> None:
    async with raw_ends(environment) as (client, upstream, running):
        before = running.memory()
        await client.send(bytes([0x82, 0xFF]) + (1 << 30).to_bytes(8) + b"\0\0\0\0" + b"begin")
        header = await upstream.raw(14)
        assert header[:10] == bytes([0x82, 0xFF]) + (1 << 30).to_bytes(8)
        begin = await upstream.raw(5)
        assert bytes(a ^ b for a, b in zip(begin, header[10:] * 2)) == b"begin"
        assert running.memory() - before < 4 << 20, "it has set memory aside"


@suite.table("what is slow slows down: {}", ["upstream", "client"], Lane.HEAVY, 60)
async def backpressure(environment: Environment, slow: str) -> None:
    async with raw_ends(environment) as (client, upstream, running):
        before, piece, sent = running.memory(), random_bytes(1 << 20), 0

        async def send() -> None:
            if slow == "upstream":
                await client.send(frame(BINARY, piece))
            else:
                upstream.writer.write(frame(BINARY, piece, masked=False))
                await upstream.writer.drain()

        try:
            while sent < 200:
                async with asyncio.timeout(2):
                    await send()
                sent += 1
        except TimeoutError:
            pass
        assert sent < 60, f"{sent} MiB went to a peer that reads nothing"
        grown = running.memory() - before
        assert grown < 4 << 20, f"it holds {grown >> 10} KiB"
        taker: Callable[[], Awaitable[Frame]] = upstream.frame if slow == "upstream" else client.frame
        for _ in range(sent):
            assert (await within(20, "waiting for what was sent", taker())).payload == piece


@suite.table(
    "the {0[0]} breaks off {0[1]}",
    [(who, when) for who in ("upstream", "client") for when in ("between frames", "within a frame")],
)
async def broken(environment: Environment, row: tuple[str, str]) -> None:
    who, when = row
    async with raw_ends(environment) as (client, upstream, _):
        if who == "upstream":
            upstream.writer.write(frame(TEXT, b"hello", masked=False))
            assert (await client.frame()).payload == b"hello"
            if when == "within a frame":
                upstream.writer.write(bytes([0x82, 100]) + b"some")
            upstream.writer.close()
            rest = await within(20, "waiting for the end", client.rest())
            expected = close(1014, masked=False) if when == "between frames" else bytes([0x82, 100]) + b"some"
            assert rest == expected, f"{rest!r}"
        else:
            await client.send(frame(TEXT, b"hello"))
            assert (await upstream.frame()).payload == b"hello"
            if when == "within a frame":
                await client.send(frame(BINARY, bytes(100))[:50])
            client.end_of_input()
            rest = bytes(upstream.received) + await within(20, "waiting for the end", upstream.reader.read())
            taken = take_frame(rest)
            if when == "between frames":
                assert taken and taken[0].opcode == CLOSE and taken[0].close_code == 1001, f"{rest!r}"
            else:
                assert taken is None and len(rest) == 50, f"{rest!r}"


@suite.case("frames that are masked wrongly end the connection")
async def violations(environment: Environment) -> None:
    async with raw_ends(environment) as (client, upstream, _):
        await client.send(frame(TEXT, b"fine") + frame(TEXT, b"not masked", masked=False))
        assert (await upstream.frame()).payload == b"fine"
        assert (await upstream.frame()).close_code == 1001
        assert (await client.frame()).close_code == 1002
    async with raw_ends(environment) as (client, upstream, _):
        upstream.writer.write(frame(TEXT, b"masked"))
        assert (await client.frame()).close_code == 1014
        assert (await upstream.frame()).close_code == 1002


@suite.table("{0.name} closes both ends with 1001", [signal.SIGINT, signal.SIGTERM])
async def end(environment: Environment, how: signal.Signals) -> None:
    async with raw_ends(environment) as (client, upstream, running):
        running.process.send_signal(how)
        assert (await client.frame()).close_code == 1001
        assert (await upstream.frame()).close_code == 1001
        assert await within(20, "waiting for the end", running.process.wait()) == 0


@suite.case("refusals: the server's pass, and ours")
async def refusals(environment: Environment) -> None:
    def refuse(ws: ServerConnection, _: Request) -> Response:
        return Response(401, "Unauthorized", Headers({"WWW-Authenticate": "Basic", "Content-Length": "8"}), b"not you\n")

    async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=refuse) as listening:
        port = listening.sockets[0].getsockname()[1]
        async with proxy(environment, f"ws://127.0.0.1:{port}") as running:
            try:
                async with connect(running.url(), proxy=None):
                    raise AssertionError("it is accepted")
            except InvalidStatus as refusal:
                answer = refusal.response
                assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Basic", f"{answer}"
                assert answer.body == b"not you\n", f"{answer.body!r}"
            async with RawClient(running.port) as client:
                await client.send(request(Sec_WebSocket_Version="8"))
                assert (await client.head()).status == 426
    async with proxy(environment, f"ws://127.0.0.1:{port}") as running, RawClient(running.port) as client:
        await client.send(request())
        assert (await client.head()).status == 502
        assert "refused" in running.errors(), f"{running.errors()!r}"


@suite.case("what comes right behind the request is not lost")
async def early(environment: Environment) -> None:
    async with raw_ends(environment) as (_, _, running):
        pass
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = Head((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
        writer.write(response(head) + frame(TEXT, b"right behind", masked=False))
        arrived.put_nowait(await reader.readexactly(6 + 5))
        writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with proxy(environment, url) as running, RawClient(running.port) as client:
        await client.send(request() + frame(TEXT, b"early"))
        await client.head()
        assert (await client.frame()).payload == b"right behind"
        taken = take_frame(await within(20, "waiting for the frame", arrived.get()))
        assert taken and taken[0].payload == b"early"
    listening.close()


@suite.case("over TLS to a server of ours")
async def secure(environment: Environment) -> None:
    async with server(environment, "tls_tokio", "--cert", "{cert}", "127.0.0.1:0") as upstream:
        url = f"wss://localhost:{upstream.port}"
        async with proxy(environment, url, "--cacert", str(upstream.cert)) as running:
            async with connect(running.url(), max_size=None, proxy=None) as ws:
                for message in ("hello", os.urandom(1 << 20)):
                    await ws.send(message)
                    assert await within(20, "waiting for the echo", ws.recv()) == message

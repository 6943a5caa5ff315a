"""The echo servers over HTTP/1.1: tokio_echo, tls_blocking, tls_tokio, axum_echo."""

import asyncio
import json
import os
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from programs import Server, server
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from harness.environment import PEERS, Environment, kill
from harness.suite import Lane, Suite, within
from harness.wire import (
    CLOSE,
    TEXT,
    close,
    frame,
    frames,
    random_bytes,
    request,
    text_of,
)

suite = Suite("echo servers")

PLAIN = ("tokio_echo", "axum_echo")
SECURE = ("tls_blocking", "tls_tokio")
SERVERS = PLAIN + SECURE
MESSAGES = ["", "x", "Grüße, 世界 😀", text_of(65536), text_of(1 << 18), b"", bytes(range(256)), random_bytes(1 << 20)]
NODE_CASES = [
    "text comes back, of one to four bytes a character",
    "messages of both kinds come back in order",
    "a text and a binary message of 8 MiB come back",
    "close codes and reasons",
    "a close without a code",
    "exactly 32 MiB come back",
    "one byte over 32 MiB is closed with 1009",
    "fragments with pings in between come back joined",
    'perMessageDeflate: {"serverNoContextTakeover":true,"clientNoContextTakeover":true}',
    'perMessageDeflate: {"serverMaxWindowBits":9}',
]


@asynccontextmanager
async def echo(environment: Environment, name: str) -> AsyncIterator[tuple[Server, str, ssl.SSLContext | None]]:
    """A running echo server, its URL, and how to trust it."""
    if name in SECURE:
        async with server(environment, name, "--cert", "{cert}", "127.0.0.1:0") as running:
            yield running, running.url("wss"), running.tls()
    else:
        async with server(environment, name, "127.0.0.1:0") as running:
            yield running, running.url(), None


async def closing(ws: ClientConnection) -> int | None:
    """The code of the close frame that comes."""
    try:
        while True:
            await within(20, "waiting for the close frame", ws.recv())
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else None


@suite.table("{}: websockets: messages, fragments and pings come back, compressed", SERVERS)
async def messages(environment: Environment, name: str) -> None:
    async with echo(environment, name) as (_, url, tls), connect(url, ssl=tls, max_size=None, proxy=None) as ws:
        assert ws.response and "permessage-deflate" in ws.response.headers["Sec-WebSocket-Extensions"]
        for message in MESSAGES:
            await ws.send(message)
            assert await within(20, "waiting for the echo", ws.recv()) == message, "another message came back"
        await ws.send(["one ", "two ", "thrée"])
        assert await ws.recv() == "one two thrée"
        await within(20, "waiting for the pong", await ws.ping(b"are you there?"))
        for number in range(500):
            await ws.send(str(number))
        for number in range(500):
            assert await ws.recv() == str(number), "out of order"
        await ws.close(3000, "done")
        assert ws.protocol.close_rcvd and ws.protocol.close_rcvd.code == 3000, f"closed with {ws.protocol.close_rcvd}"


@suite.table("{}: ws", SERVERS, Lane.HEAVY, 120)
async def node(environment: Environment, name: str) -> None:
    async with echo(environment, name) as (running, url, _):
        settings = json.dumps({"urls": {"plain": url}, "expectDeflate": True})
        for case in NODE_CASES:
            process = await asyncio.create_subprocess_exec(
                "node", PEERS / "ws_client.mjs", case, settings,
                stdout=asyncio.subprocess.PIPE, env=os.environ | ({"NODE_EXTRA_CA_CERTS": str(running.cert)} if name in SECURE else {}),
            )  # fmt: skip
            try:
                printed, _ = await process.communicate()
            finally:
                await kill(process)
            assert process.returncode == 0, f"{case}: {printed.decode().strip()}"


@suite.table(
    "{0[0]}: {0[1].name} closes with 1001 and exits with 0",
    [(name, how) for name in SERVERS for how in (signal.SIGINT, signal.SIGTERM)],
)
async def end(environment: Environment, row: tuple[str, signal.Signals]) -> None:
    name, how = row
    async with echo(environment, name) as (running, url, tls), connect(url, ssl=tls, proxy=None) as one:
        async with connect(url, ssl=tls, proxy=None) as two:
            for ws in (one, two):
                await ws.send("still here")
                await ws.recv()
            codes = asyncio.gather(closing(one), closing(two))
            await running.ends(how)
            assert await codes == [1001, 1001], f"closed with {codes.result()}"


@suite.table("{}: a silent peer does not hold up its end", SERVERS)
async def silent(environment: Environment, name: str) -> None:
    async with echo(environment, name) as (running, _, tls):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=tls, server_hostname=tls and "127.0.0.1")
        writer.write(request().replace(b"/raw", b"/echo"))
        await reader.readuntil(b"\r\n\r\n")
        _, half = await asyncio.open_connection("127.0.0.1", running.port)
        half.write(b"GE")
        await running.ends()
        writer.close()
        half.close()


@suite.table("{}: what is no WebSocket request is refused", SERVERS)
async def refusals(environment: Environment, name: str) -> None:
    async with echo(environment, name) as (running, _, tls):
        for head, expected in [
            (b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 426 "),
            (request(Sec_WebSocket_Version="8").replace(b"/raw", b"/echo"), b"HTTP/1.1 426 "),
            (request(Sec_WebSocket_Key="short").replace(b"/raw", b"/echo"), b"HTTP/1.1 400 "),
            (request(method="POST").replace(b"/raw", b"/echo"), b"HTTP/1.1 405 "),
        ]:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", running.port, ssl=tls, server_hostname=tls and "127.0.0.1"
            )
            writer.write(head)
            answer = await within(20, "waiting for the end of the refusal", reader.read())
            assert answer.startswith(expected), f"{answer[:60]!r}, not {expected!r}"
            writer.close()


@suite.table("{}: a broken frame is answered with 1002", SERVERS)
async def violation(environment: Environment, name: str) -> None:
    async with echo(environment, name) as (running, _, tls):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=tls, server_hostname=tls and "127.0.0.1")
        writer.write(request().replace(b"/raw", b"/echo") + frame(TEXT, b"fine") + frame(TEXT, b"not masked", masked=False))
        await reader.readuntil(b"\r\n\r\n")
        data = await within(20, "waiting for the end", reader.read())
        *before, last = frames(data)
        # Whoever hands messages on to another task need not wait for its answer.
        assert [item.payload for item in before] in ([b"fine"], []), f"{data!r}"
        assert last.opcode == CLOSE and last.close_code == 1002, f"{data!r}"
        writer.close()


@suite.table("{}: a peer that does not read is not read from, until it does", SERVERS, Lane.HEAVY, 60)
async def deaf(environment: Environment, name: str) -> None:
    async with echo(environment, name) as (running, _, tls):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=tls, server_hostname=tls and "127.0.0.1", limit=1 << 16
        )
        writer.write(request().replace(b"/raw", b"/echo"))
        await reader.readuntil(b"\r\n\r\n")
        before, message, sent = running.memory(), frame(0x2, random_bytes(1 << 20)), 0
        try:
            while sent < 300:
                writer.write(message)
                async with asyncio.timeout(2):
                    await writer.drain()
                sent += 1
        except TimeoutError:
            pass
        assert sent < 100, f"it took {sent} MiB of a peer that reads nothing"
        grown = running.memory() - before
        assert grown < 40 << 20, f"it holds {grown >> 20} MiB"
        writer.write(close(1000))
        rest = await within(30, "waiting for all that was sent", reader.read())
        assert len(rest) > sent << 20, f"{len(rest)} bytes came back of {sent} MiB"
        writer.close()


@suite.case("axum_echo: / is a page, /echo alone upgrades; curl upgrades, too")
async def axum(environment: Environment) -> None:
    async with echo(environment, "axum_echo") as (running, _, _):
        curl = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "5"]
        process = await asyncio.create_subprocess_exec(*curl, running.url("http", "/"), stdout=asyncio.subprocess.PIPE)
        page, _ = await process.communicate()
        assert b"<title>" in page, f"{page!r}"
        headers = [
            word for name in ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13") for word in ("-H", name)
        ]
        headers += ["-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "-H", "Sec-WebSocket-Extensions: permessage-deflate"]
        process = await asyncio.create_subprocess_exec(
            *curl, "--include", "--max-time", "1", *headers, running.url("http"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        head = (await process.communicate())[0].decode().lower()
        assert head.startswith("http/1.1 101 "), f"{head!r}"
        for line in ("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=", "sec-websocket-extensions: permessage-deflate"):
            assert line in head, f"{line} is not in {head!r}"
        try:
            async with connect(running.url(path="/"), proxy=None):
                raise AssertionError("/ upgrades")
        except InvalidStatus as refusal:
            assert refusal.response.status_code == 200

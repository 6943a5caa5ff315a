"""The program `client`: TLS, proxies, pings, binary messages, reconnecting. The rest is checked by interop/run."""

import asyncio
import itertools
import re
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trustme
from programs import Client, net
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from harness.environment import Environment, kill
from harness.suite import Lane, Suite, within
from harness.wire import (
    PING,
    PONG,
    TEXT,
    Head,
    close,
    frame,
    random_bytes,
    response,
    take_frame,
)

suite = Suite("websans")


async def echo(ws: ServerConnection) -> None:
    with suppress(ConnectionClosed):
        async for message in ws:
            await ws.send(message)


@asynccontextmanager
async def echo_server(tls: ssl.SSLContext | None = None, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[int]:
    async with serve(echo, host, port, ssl=tls, max_size=None) as listening:
        yield listening.sockets[0].getsockname()[1]


@suite.table("wss: {}", ["127.0.0.1", "localhost"])
async def wss(environment: Environment, host: str) -> None:
    shared = net(environment)
    async with echo_server(shared.server_tls()) as port:
        async with Client(environment, "websans", "--cacert", str(shared.ca), f"wss://{host}:{port}/") as client:
            for line in ("hello", "", "x" * 100_000, "Grüße"):
                await client.exchanges(line)
            await client.ends()


@suite.case("wss: who is not trusted is not spoken to, but with --insecure")
async def untrusted(environment: Environment) -> None:
    shared = net(environment)
    other = trustme.CA()
    other.cert_pem.write_to_path(shared.scratch / "other.pem")
    elsewhere = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme_file = shared.scratch / "elsewhere.pem"
    ca = trustme.CA()
    ca.cert_pem.write_to_path(trustme_file)
    ca.issue_cert("elsewhere.example").configure_cert(elsewhere)
    async with echo_server(shared.server_tls()) as port, echo_server(elsewhere) as elsewhere_port:
        url, elsewhere_url = f"wss://127.0.0.1:{port}/", f"wss://127.0.0.1:{elsewhere_port}/"
        for arguments, says in [
            (["--cacert", str(shared.scratch / "other.pem"), url], "certificate"),
            (["--cacert", str(trustme_file), elsewhere_url], "certificate"),
            ([url], "certificate"),
        ]:
            async with Client(environment, "websans", *arguments) as client:
                await client.fails(says)
        for insecure in (url, elsewhere_url):
            async with Client(environment, "websans", "--insecure", insecure) as client:
                await client.exchanges("hello")
                await client.ends()


@suite.case("wss: a server without TLS, and certificates that are none, in one line")
async def no_tls(environment: Environment) -> None:
    shared = net(environment)
    async with echo_server() as port:
        async with Client(environment, "websans", "--insecure", f"wss://127.0.0.1:{port}/") as client:
            await client.fails()
    empty = shared.scratch / "empty.pem"
    empty.write_text("nothing\n")
    for path in (empty, Path("/nonexistent.pem")):
        async with Client(environment, "websans", "--cacert", str(path), "wss://127.0.0.1:1/") as client:
            await client.fails(str(path), status=2)


@asynccontextmanager
async def proxy(environment: Environment, kind: str, credentials: str = "") -> AsyncIterator[int]:
    """The third-party proxy `pproxy`, as another process; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    listen = f"{kind}://127.0.0.1:{port}/" + (f"#{credentials}" if credentials else "")
    silent = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pproxy", "-l", listen, stdin=silent, stdout=silent, stderr=silent
    )
    try:
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            except OSError:
                await asyncio.sleep(0.05)
        yield port
    finally:
        await kill(process)


@suite.table("{0[0]} proxy, {0[1]}, {0[2]}", itertools.product(["http", "socks5"], ["ws", "wss"], ["open", "with a password"]))
async def proxied(environment: Environment, row: tuple[str, str, str]) -> None:
    kind, scheme, access = row
    shared = net(environment)
    credentials = "" if access == "open" else "us er:p@ss/word"
    encoded = "" if access == "open" else "us%20er:p%40ss%2Fword@"
    tls = shared.server_tls() if scheme == "wss" else None
    async with echo_server(tls) as port, proxy(environment, kind, credentials) as proxy_port:
        arguments = ["--cacert", str(shared.ca), f"{scheme}://127.0.0.1:{port}/"]
        if credentials:  # first the wrong ones: pproxy lets in whoever was let in before
            for wrong in ("", "us%20er:wrong@"):
                async with Client(
                    environment, "websans", "--proxy", f"{kind}://{wrong}127.0.0.1:{proxy_port}", *arguments
                ) as client:
                    await client.fails("proxy")
        async with Client(environment, "websans", "--proxy", f"{kind}://{encoded}127.0.0.1:{proxy_port}", *arguments) as client:
            await client.exchanges("through a proxy")
            await client.exchanges("x" * 100_000)
            await client.ends()


@suite.table("{} proxy: one that is not there, and one that is none", ["http", "socks5"])
async def no_proxy(environment: Environment, kind: str) -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-x\r\n" * 4)
        await writer.drain()
        await asyncio.sleep(30)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        server = await asyncio.start_server(babble, "127.0.0.1", 0)
        for port in (taken.getsockname()[1], server.sockets[0].getsockname()[1]):
            async with Client(environment, "websans", "--proxy", f"{kind}://127.0.0.1:{port}", "ws://127.0.0.1:1/") as client:
                await client.fails("proxy")
        server.close()


@suite.case("--binary: bytes go out and come back as they are")
async def binary(environment: Environment) -> None:
    data = random_bytes(3 << 20) + b"no end of line"
    async with echo_server() as port, Client(environment, "websans", "--binary", f"ws://127.0.0.1:{port}/") as client:

        async def feed() -> None:
            client.input.write(data)
            await client.input.drain()

        feeding = asyncio.create_task(feed())
        printed = await within(20, "waiting for the bytes", client.output.readexactly(len(data)))
        await feeding
        assert printed == data, "other bytes came back"
        await client.ends()


@asynccontextmanager
async def pinged(answers: int) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers so many pings, then says so. Its URL, and the pings that have come."""
    pings: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(response(Head((await reader.readuntil(b"\r\n\r\n")).decode())))
        received = b""
        while chunk := await reader.read(4096):
            received += chunk
            while taken := take_frame(received):
                received = received[taken[1] :]
                if taken[0].opcode == PING:
                    pings.append(taken[0].payload)
                    if len(pings) <= answers:
                        writer.write(frame(PONG, taken[0].payload, masked=False))
                    if len(pings) == answers:
                        writer.write(frame(TEXT, b"enough", masked=False) + close(1000, masked=False))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", pings
    server.close()


@suite.case("--ping-interval: a server that answers no ping is given up")
async def unanswered_ping(environment: Environment) -> None:
    async with pinged(0) as (url, pings), Client(environment, "websans", "--ping-interval", "0.3", url) as client:
        await client.fails("ping")
        assert len(pings) == 1, f"{len(pings)} pings"


@suite.case("--ping-interval: a server that answers is pinged again", Lane.WAITING, 60)
async def answered_ping(environment: Environment) -> None:
    async with pinged(3) as (url, _), Client(environment, "websans", "--ping-interval", "4", url) as client:
        assert await within(40, "waiting for the third ping", client.output.readline()) == b"enough\n"
        assert await within(20, "waiting for the client to end", client.process.wait()) == 0


@suite.case("--reconnect: a server that goes away and comes back", Lane.WAITING, 60)
async def reconnect(environment: Environment) -> None:
    async with echo_server() as port:
        pass  # nobody listens there now
    async with Client(environment, "websans", "--reconnect", f"ws://127.0.0.1:{port}/") as client:
        await within(20, "waiting for a complaint", client.errors.readline())
        assert re.fullmatch(rb"trying again in .*\n", await client.errors.readline())
        for _ in range(2):
            async with echo_server(port=port):
                await client.exchanges("back again")
        async with echo_server(port=port):
            client.input.close()
            complaint = (await within(20, "waiting for the end", client.errors.read())).decode()
            assert await client.process.wait() == 0, f"{complaint!r}"


@suite.case("Ctrl-C closes with 1001")
async def interrupted(environment: Environment) -> None:
    codes: asyncio.Queue[int | None] = asyncio.Queue()

    async def listen(ws: ServerConnection) -> None:
        await ws.send("ready")
        await ws.wait_closed()
        codes.put_nowait(ws.close_code)

    async with serve(listen, "127.0.0.1", 0) as listening:
        url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        async with Client(environment, "websans", url) as client:
            assert await within(20, "waiting for a message", client.output.readline()) == b"ready\n"
            client.process.send_signal(signal.SIGINT)
            assert await within(20, "waiting for the close", codes.get()) == 1001
            client.process.stdin.close() if client.process.stdin else None
            complaint = await within(20, "waiting for the client to end", client.errors.read())
            assert await client.process.wait() == 0, f"{complaint!r}"
            assert complaint == b"", f"{complaint!r}"


@suite.case("a reader of its output that is slow does not keep it from sending", Lane.HEAVY, 60)
async def slow_reader(environment: Environment) -> None:
    everything: asyncio.Queue[int] = asyncio.Queue()

    async def flood(ws: ServerConnection) -> None:
        async def pour() -> None:
            for _ in range(64):
                await ws.send("x" * 100_000)

        pouring = asyncio.create_task(pour())
        count = 0
        async for _ in ws:
            count += 1
            if count == 1000:
                everything.put_nowait(count)
        await pouring

    async with serve(flood, "127.0.0.1", 0, ping_interval=None) as listening:
        url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        async with Client(environment, "websans", url) as client:
            client.output._limit = 1 << 10  # type: ignore[attr-defined]  # what asyncio reads ahead
            for number in range(1000):
                client.input.write(f"{number} {'y' * 1000}\n".encode())
            await within(20, "waiting for all lines at the server", everything.get())
            client.input.close()
            printed = await within(20, "waiting for all that was printed", client.output.read())
            assert len(printed) == 64 * 100_001, f"{len(printed)} bytes"


@suite.table(
    "a command line that makes no sense: {}",
    [("--nonsense", "ws://a"), (), ("--proxy", "ftp://a", "ws://a"), ("--ping-interval", "-1", "ws://a"), ("ws://a", "ws://b")],
)
async def usage(environment: Environment, arguments: tuple[str, ...]) -> None:
    async with Client(environment, "websans", *arguments) as client:
        await client.fails(status=2)


@suite.case("a host that cannot be found")
async def not_found(environment: Environment) -> None:
    async with Client(environment, "websans", "ws://nowhere.invalid/") as client:
        await client.fails("nowhere.invalid")

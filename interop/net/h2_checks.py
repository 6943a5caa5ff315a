"""WebSockets over HTTP/2 (RFC 8441): h2_echo against PyPI `h2`, Chromium and curl; h2_client against hypercorn and h2_echo."""

import asyncio
import signal
import socket
import sys
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import h2.config
import h2.connection
import h2.events
from h2.settings import SettingCodes
from programs import Client, Server, net, server

from harness.devtools import chromium
from harness.environment import PEERS, Environment, kill
from harness.suite import Lane, Suite, within
from harness.wire import (
    BINARY,
    PING,
    PONG,
    TEXT,
    Frame,
    close,
    frame,
    random_bytes,
    take_frame,
)

suite = Suite("HTTP/2")


class Stream:
    """One stream, and what has come over it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.headers: dict[str, str] | None = None
        self.data = bytearray()
        self.ended = False
        self.reset: int | None = None


class Http2:
    """A client on PyPI `h2`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.streams: dict[int, Stream] = {}
        self.settings_came = False

    async def until(self, condition: object, what: str) -> None:
        """Reads until something holds."""
        assert callable(condition)

        async def read() -> None:
            while not condition():
                self.writer.write(self.connection.data_to_send())
                data = await self.reader.read(1 << 16)
                assert data, "the connection has ended"
                for event in self.connection.receive_data(data):
                    self._take(event)
                self.writer.write(self.connection.data_to_send())

        await within(20, f"waiting for {what}", read())

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RemoteSettingsChanged():
                self.settings_came = True
            case h2.events.ResponseReceived():
                self.streams[event.stream_id].headers = dict(event.headers)  # type: ignore[arg-type]
            case h2.events.DataReceived():
                self.streams[event.stream_id].data += event.data
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self.streams[event.stream_id].ended = True
            case h2.events.StreamReset():
                self.streams[event.stream_id].reset = event.error_code
                self.streams[event.stream_id].ended = True

    async def open(self, port: int, *extra: tuple[str, str], **changed: str | None) -> Stream:
        """An extended CONNECT, and the answer to it. `changed` replaces a pseudo-header, None leaves it out."""
        pseudo = {
            "method": "CONNECT",
            "protocol": "websocket",
            "scheme": "https",
            "path": "/echo",
            "authority": f"127.0.0.1:{port}",
        }
        headers = [(f":{name}", value) for name, value in (pseudo | changed).items() if value is not None]
        if "sec-websocket-version" not in dict(extra):
            headers.append(("sec-websocket-version", "13"))
        stream = Stream(self.connection.get_next_available_stream_id())
        self.streams[stream.number] = stream
        self.connection.send_headers(stream.number, [*headers, *extra])
        await self.until(lambda: stream.headers is not None or stream.ended, "the response")
        return stream

    async def send(self, stream: Stream, data: bytes) -> None:
        while data:
            window = min(self.connection.local_flow_control_window(stream.number), self.connection.max_outbound_frame_size)
            if window == 0:
                before = self.connection.local_flow_control_window(stream.number)
                await self.until(
                    lambda: stream.ended or self.connection.local_flow_control_window(stream.number) > before, "the window"
                )
                assert not stream.ended, f"the stream has ended with {bytes(stream.data[-40:])!r}"
                continue
            self.connection.send_data(stream.number, data[:window])
            data = data[window:]
            self.writer.write(self.connection.data_to_send())
            await self.writer.drain()

    async def frame(self, stream: Stream) -> Frame:
        while (taken := take_frame(stream.data)) is None:
            before = len(stream.data)
            await self.until(lambda: len(stream.data) > before or stream.ended, "a frame")
            assert len(stream.data) > before, f"the stream ended where a frame was expected: {bytes(stream.data[:40])!r}"
        del stream.data[: taken[1]]
        return taken[0]


@asynccontextmanager
async def http2(running: Server) -> AsyncIterator[Http2]:
    tls = running.tls()
    tls.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port, ssl=tls, server_hostname="127.0.0.1")
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
    client = Http2(reader, writer)
    client.connection.initiate_connection()
    await client.until(lambda: client.settings_came, "SETTINGS")
    assert client.connection.remote_settings[SettingCodes.ENABLE_CONNECT_PROTOCOL] == 1
    try:
        yield client
    finally:
        writer.close()


@asynccontextmanager
async def h2_echo(environment: Environment) -> AsyncIterator[Server]:
    async with server(environment, "h2_echo", "--cert", "{cert}", "127.0.0.1:0") as running:
        yield running


@suite.case("h2_echo: the handshake, messages, control frames and the close, by PyPI h2")
async def conversation(environment: Environment) -> None:
    async with h2_echo(environment) as running, http2(running) as client:
        stream = await client.open(
            running.port, ("sec-websocket-protocol", "other, echo"), ("origin", "https://elsewhere.example")
        )
        assert stream.headers and stream.headers[":status"] == "200", f"{stream.headers}"
        assert stream.headers["sec-websocket-protocol"] == "echo"
        for absent in ("upgrade", "connection", "sec-websocket-accept", "sec-websocket-extensions"):
            assert absent not in stream.headers, f"{stream.headers}"
        for opcode, payload in [(TEXT, b"hello"), (BINARY, b""), (TEXT, "Grüße".encode()), (BINARY, random_bytes(70_000))]:
            await client.send(stream, frame(opcode, payload))
            answer = await client.frame(stream)
            assert (answer.opcode, answer.payload, answer.masked) == (opcode, payload, False)
        await client.send(stream, frame(PING, b"there?"))
        answer = await client.frame(stream)
        assert (answer.opcode, answer.payload) == (PONG, b"there?")
        for byte in frame(TEXT, b"one byte in each DATA frame"):
            await client.send(stream, bytes([byte]))
        assert (await client.frame(stream)).payload == b"one byte in each DATA frame"
        await client.send(stream, close(3000))
        answer = await client.frame(stream)
        assert answer.close_code == 3000, f"{answer}"
        await client.until(lambda: stream.ended, "END_STREAM")
        assert stream.reset in (None, 0), f"the stream was reset with {stream.reset}"


@suite.case("h2_echo: permessage-deflate is agreed on and used")
async def deflate(environment: Environment) -> None:
    async with h2_echo(environment) as running, http2(running) as client:
        stream = await client.open(running.port, ("sec-websocket-extensions", "permessage-deflate; server_max_window_bits=10"))
        assert stream.headers
        assert stream.headers["sec-websocket-extensions"] == "permessage-deflate; server_max_window_bits=10", (
            f"{stream.headers}"
        )
        text = b"the same again, " * 1000
        encoder = zlib.compressobj(wbits=-15)
        await client.send(stream, frame(TEXT, (encoder.compress(text) + encoder.flush(zlib.Z_SYNC_FLUSH))[:-4], rsv=4))
        answer = await client.frame(stream)
        assert answer.rsv1 and len(answer.payload) < 1000, f"{len(answer.payload)} bytes, RSV1 {answer.rsv1}"
        assert zlib.decompressobj(wbits=-10).decompress(answer.payload + b"\0\0\xff\xff") == text


@suite.case("h2_echo: many streams over one TCP connection")
async def streams(environment: Environment) -> None:
    async with h2_echo(environment) as running, http2(running) as client:
        opened = [await client.open(running.port) for _ in range(50)]
        for stream in opened:
            await client.send(stream, frame(TEXT, b"to %d" % stream.number))
        for stream in reversed(opened):
            assert (await client.frame(stream)).payload == b"to %d" % stream.number
        for stream in opened[1:]:
            await client.send(stream, close(1000))
            assert (await client.frame(stream)).close_code == 1000
        await client.send(opened[0], frame(TEXT, b"still here"))
        assert (await client.frame(opened[0])).payload == b"still here"


@suite.case("h2_echo: a message of 8 MiB under the flow control of HTTP/2", Lane.HEAVY, 60)
async def large(environment: Environment) -> None:
    async with h2_echo(environment) as running, http2(running) as client:
        stream = await client.open(running.port)
        payload = random_bytes(8 << 20)
        await client.send(stream, frame(BINARY, payload))
        await client.until(lambda: len(stream.data) >= len(payload) + 10, "the echo")
        assert (await client.frame(stream)).payload == payload


@suite.case("h2_echo: a broken frame is answered with 1002, a reset stream is forgotten, the others go on")
async def violation(environment: Environment) -> None:
    async with h2_echo(environment) as running, http2(running) as client:
        broken, reset, fine = [await client.open(running.port) for _ in range(3)]
        await client.send(broken, frame(TEXT, b"not masked", masked=False))
        assert (await client.frame(broken)).close_code == 1002
        client.connection.reset_stream(reset.number, 8)  # CANCEL
        await client.send(fine, frame(TEXT, b"hello"))
        assert (await client.frame(fine)).payload == b"hello"


@suite.case("h2_echo: refusals")
async def refusals(environment: Environment) -> None:
    async with h2_echo(environment) as running, http2(running) as client:
        for changed, extra, status in [
            ({"protocol": "connect-udp"}, [], "501"),
            ({"path": "/nothing"}, [], "404"),
            ({}, [("sec-websocket-version", "8")], "400"),
            ({}, [("sec-websocket-protocol", "a b")], "400"),
            ({"protocol": None, "scheme": None, "path": None}, [], "404"),  # a plain CONNECT
        ]:
            stream = await client.open(running.port, *extra, **changed)
            assert stream.headers and stream.headers[":status"] == status, f"{changed} {extra}: {stream.headers}"
            assert "upgrade" not in stream.headers and "connection" not in stream.headers
            if status == "400" and extra[0][1] == "8":
                assert stream.headers["sec-websocket-version"] == "13"


@suite.table("h2_echo: {0.name} closes every stream with 1001", [signal.SIGINT, signal.SIGTERM])
async def end(environment: Environment, how: signal.Signals) -> None:
    async with h2_echo(environment) as running, http2(running) as client:
        opened = [await client.open(running.port) for _ in range(3)]
        running.process.send_signal(how)
        for stream in opened:
            assert (await client.frame(stream)).close_code == 1001
            await client.send(stream, close(1001))
        for stream in opened:
            await client.until(lambda: stream.ended, "END_STREAM")
        assert await within(20, "waiting for the end", running.process.wait()) == 0


@suite.case("h2_echo: curl gets the page over HTTP/2")
async def curl(environment: Environment) -> None:
    async with h2_echo(environment) as running:
        process = await asyncio.create_subprocess_exec(
            "curl", "--silent", "--show-error", "--include", "--http2", "--noproxy", "*", "--max-time", "5",
            "--cacert", running.cert, running.url("https", "/"), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        answer = (await process.communicate())[0].decode()
        assert answer.startswith("HTTP/2 200") and "<title>" in answer, f"{answer!r}"


@suite.case("h2_echo: a page in Chromium opens WebSockets over the HTTP/2 connection that it came over", Lane.HEAVY, 90)
async def browser(environment: Environment) -> None:
    program = net(environment).browser
    assert program
    names = [
        "text comes back, of one to four bytes a character",
        "binary comes back as ArrayBuffer",
        "messages of both kinds come back in order",
        "a text and a binary message of 8 MiB come back",
        "close codes and reasons",
        "a close without a code",
    ]
    async with h2_echo(environment) as running, chromium(program, "--ignore-certificate-errors") as tab:
        page = await tab.page(running.url("https", "/"))
        source = (PEERS / "websocket_cases.mjs").read_text()
        await page.value(
            f"import('data:text/javascript;charset=utf-8,' + encodeURIComponent({source!r})).then((it) => {{ window.tests = it.cases }})"
        )
        for name in names:
            case = f"window.tests[{name!r}]({{ WebSocket, urls: {{ plain: {running.url('wss')!r} }} }})"
            problem = await page.value(f"{case}.then(() => null, (error) => error.message)")
            assert problem is None, f"{name}: {problem}"
        agreed = await page.value(
            f"""new Promise((resolve) => {{
                const socket = new WebSocket({running.url("wss")!r}, ['other', 'echo']);
                socket.onopen = () => {{ resolve(socket.protocol + ' ' + socket.extensions); socket.close(); }};
                socket.onerror = () => resolve('failed');
            }})"""
        )
        assert agreed.startswith("echo permessage-deflate"), f"agreed on {agreed!r}"
        connections = Path(f"/proc/{running.process.pid}/net/tcp").read_text().count(f":{running.port:04X} ")
        assert connections, "no connection?"


@asynccontextmanager
async def hypercorn(environment: Environment) -> AsyncIterator[int]:
    shared = net(environment)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    silent = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hypercorn", "asgi_echo:app", "--bind", f"127.0.0.1:{port}",
        "--certfile", str(shared.chain), "--keyfile", str(shared.key),
        stdin=silent, stdout=silent, stderr=silent, cwd=Path(__file__).parent,
    )  # fmt: skip
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


@suite.case("h2_client: hypercorn, with a subprotocol", Lane.NORMAL, 60)
async def client_and_hypercorn(environment: Environment) -> None:
    async with hypercorn(environment) as port:
        arguments = ["--cacert", str(net(environment).ca), f"wss://127.0.0.1:{port}/"]
        async with Client(environment, "h2_client", "--subprotocol", "other", "--subprotocol", "echo", *arguments) as client:
            assert await client.hears() == "HTTP/2 echo"
            for line in ("hello", "", "Grüße 😀", "x" * 300_000, "y" * 70_000):
                await client.exchanges(line)
            await client.ends()
        async with Client(environment, "h2_client", *arguments) as client:
            assert await client.hears() == "HTTP/2 None"
            client.input.write(b"close\n")
            await client.fails("4000")


@suite.case("h2_client: h2_echo")
async def client_and_echo(environment: Environment) -> None:
    async with h2_echo(environment) as running:
        async with Client(environment, "h2_client", "--cacert", str(running.cert), running.url("wss")) as client:
            for line in ("hello", "x" * (3 << 20), *(f"line {number}" for number in range(100))):
                await client.exchanges(line)
            await client.ends()
        async with Client(environment, "h2_client", "--insecure", running.url("wss")) as client:
            await client.exchanges("still here")
            running.process.send_signal(signal.SIGINT)
            await client.fails("1001")
            assert await within(20, "waiting for the end", running.process.wait()) == 0


@suite.case("h2_client: what is not trusted, not HTTP/2, or has no WebSockets, in one line")
async def client_refused(environment: Environment) -> None:
    async with h2_echo(environment) as running:
        async with Client(environment, "h2_client", "--cacert", str(net(environment).ca), running.url("wss")) as client:
            await client.fails("certificate")
        async with Client(environment, "h2_client", "--insecure", running.url("wss", "/nothing")) as client:
            await client.fails("404")
    async with server(environment, "tls_tokio", "--cert", "{cert}", "127.0.0.1:0") as running:
        async with Client(environment, "h2_client", "--insecure", running.url("wss")) as client:
            await client.fails("")

    async def without(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        while data := await reader.read(4096):
            connection.receive_data(data)
            writer.write(connection.data_to_send())
        writer.close()

    listening = await asyncio.start_server(without, "127.0.0.1", 0, ssl=net(environment).server_tls("h2"))
    url = f"wss://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    async with Client(environment, "h2_client", "--insecure", url) as client:
        await client.fails("no WebSockets")
    listening.close()

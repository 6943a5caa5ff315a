"""Our client `websans` against servers that break the protocol, and against URLs that are none.

Each must end it within 10 s, standard input open, with one line that says what was wrong.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from re import IGNORECASE, search

from harness.environment import Environment
from harness.program import Client
from harness.suite import Lane, Suite
from harness.wire import BINARY, CLOSE, CONTINUATION, PING, TEXT, Head, close, frame, response

suite = Suite("client → hostile servers")

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HOLD, END, RESET = "hold", "end", "reset"


@dataclass(frozen=True)
class Hostile:
    """A server that answers the request with some bytes, then holds, ends or resets the connection."""

    name: str
    says: str
    """What the one line must match."""
    answer: bytes | Callable[[Head], bytes]
    then: str = HOLD
    prints: str = ""
    body: str = ""
    """What follows the line, of a refusal."""

    def __str__(self) -> str:
        return self.name

    async def script(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = Head((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
        writer.write(self.answer if isinstance(self.answer, bytes) else self.answer(head))
        await writer.drain()
        if self.then == HOLD:
            await asyncio.sleep(60)
        elif self.then == RESET:
            await asyncio.sleep(0.3)  # so that what was written has been read
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@asynccontextmanager
async def listening(script: Script) -> AsyncIterator[str]:
    """The URL of a server that runs the script for each connection."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            await script(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the client went away, or the check is over
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/path"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


def http(status: str, *lines: str, body: str = "") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", body]).encode()


def sends(*data: bytes) -> Callable[[Head], bytes]:
    """Accepts the handshake and sends these bytes in the same write."""
    return lambda head: response(head) + b"".join(data)


def says_101(*extra: str, **changed: str | None) -> Callable[[Head], bytes]:
    """Accepts the handshake, but not quite."""
    return lambda head: response(head, *extra, **changed)


def text(payload: str) -> bytes:
    return frame(TEXT, payload.encode(), masked=False)


HANDSHAKES = [
    Hostile("404 with a body", "404", http("404 Not Found", "Content-Length: 9", body="not here\n"), END, body="not here"),
    Hostile("404 without a length, held open", "404", http("404 Not Found", "Content-Type: text/plain", body="no"), body="no"),
    Hostile("404 in chunks", "404", http("404 Not Found", "Transfer-Encoding: chunked", body="2\r\nno\r\n0\r\n\r\n"), body="no"),
    Hostile("302 with a Location", "302", http("302 Found", "Location: ws://127.0.0.1:1/", "Content-Length: 0")),
    Hostile("401", "401", http("401 Unauthorized", "WWW-Authenticate: Basic", "Content-Length: 0"), END),
    Hostile("200", "200", http("200 OK", "Content-Length: 0")),
    Hostile("503 and a reset", "503", http("503 Service Unavailable", "Content-Length: 0"), RESET),
    Hostile("garbage", "HTTP|response|invalid|malformed", bytes(range(256)) * 4),
    Hostile("another protocol", "HTTP|response|invalid|malformed", b"SSH-2.0-OpenSSH_9.2\r\n"),
    Hostile("an endless head", "head|large|long|limit", b"HTTP/1.1 101 Switching Protocols\r\n" + b"X: y\r\n" * 300_000),
    Hostile("the end of TCP before an answer", "clos|end|EOF", b"", END),
    Hostile("the end of TCP within the head", "clos|end|EOF", b"HTTP/1.1 101 Swi", END),
    Hostile("a reset before an answer", "reset|clos|end", b"", RESET),
    Hostile("a wrong Sec-WebSocket-Accept", "accept", says_101(Sec_WebSocket_Accept="AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
    Hostile("no Sec-WebSocket-Accept", "accept", says_101(Sec_WebSocket_Accept=None)),
    Hostile("no Upgrade header", "upgrade", says_101(Upgrade=None)),
    Hostile("another Upgrade", "upgrade", says_101(Upgrade="h2c")),
    Hostile("no Connection header", "connection", says_101(Connection=None)),
    Hostile("a subprotocol that was not offered", "protocol", says_101("Sec-WebSocket-Protocol: other")),
    Hostile("an extension that was not offered", "extension", says_101("Sec-WebSocket-Extensions: x-unheard-of")),
]

SILENT = [Hostile("no answer", "time|answer|second|deadline", b"")]

FRAMES = [
    Hostile("a masked frame", "mask", sends(frame(TEXT, b"hello"))),
    Hostile(
        "a text, then a masked frame, in one write",
        "mask",
        sends(text("one"), frame(TEXT, b"two"), text("three")),
        prints="one\n",
    ),
    Hostile("RSV1 without an extension", "RSV|reserved|compress", sends(frame(TEXT, b"no", rsv=4, masked=False))),
    Hostile("RSV2", "RSV|reserved", sends(frame(TEXT, b"no", rsv=2, masked=False))),
    Hostile("a reserved opcode", "opcode", sends(frame(3, b"no", masked=False))),
    Hostile("invalid UTF-8", "UTF-?8", sends(text("one"), frame(TEXT, b"\xc3\x28", masked=False), text("two")), prints="one\n"),
    Hostile("a continuation of nothing", "continu|fragment", sends(frame(CONTINUATION, b"no", masked=False))),
    Hostile(
        "a message within a message", "fragment|continu|message", sends(frame(TEXT, b"a", fin=False, masked=False), text("b"))
    ),
    Hostile("a fragmented ping", "fragment|control", sends(frame(PING, b"", fin=False, masked=False))),
    Hostile("a ping of 126 bytes", "control|long|125|large", sends(frame(PING, bytes(126), masked=False))),
    Hostile("a length that is not minimal", "length|minimal", sends(frame(TEXT, b"no", masked=False, length_bytes=8))),
    Hostile("a length with the top bit set", "length|large|limit", sends(bytes([0x82, 127, *[255] * 8]))),
    Hostile("an announced terabyte", "large|big|limit|1009|size", sends(bytes([0x80 | BINARY, 127]) + (1 << 40).to_bytes(8))),
    Hostile("a close frame of one byte", "close", sends(frame(CLOSE, b"x", masked=False))),
    Hostile("the close code 1005 on the wire", "1005|close|code", sends(close(1005, masked=False))),
    Hostile("a close with 1002", "1002", sends(close(1002, b"you did wrong", masked=False))),
    Hostile("a close with two lines of reason", "3000", sends(close(3000, b"one\ntwo\r\nthree", masked=False))),
    Hostile("the end of TCP without a close frame", "clos|end|EOF", sends(text("one")), END, prints="one\n"),
    Hostile("the end of TCP within a frame", "clos|end|EOF", sends(text("one")[:3]), END),
    Hostile("a reset", "reset|clos|end", sends(text("one")), RESET, prints="one\n"),
]


async def ends_with_one_line(environment: Environment, row: Hostile) -> None:
    async with listening(row.script) as url, Client(environment, url) as client:
        outcome = await client.fails(body=row.body)
    assert outcome.printed == row.prints, f"printed {outcome.printed!r}, not {row.prints!r}"
    assert search(row.says, outcome.complaint, IGNORECASE), f"the line does not say it ({row.says}): {outcome.complaint!r}"


suite.table("{}", HANDSHAKES + FRAMES)(ends_with_one_line)
suite.table("{}", SILENT, Lane.WAITING)(ends_with_one_line)


@suite.table(
    "the URL {0[0]!r}",
    [
        ("http://127.0.0.1/", "scheme|url|http"),
        ("ftp://127.0.0.1/", "scheme|url|ftp"),
        ("127.0.0.1:9001", "scheme|url"),
        ("", "scheme|url|empty|value"),
        ("ws://", "host|url"),
        ("ws://:80/", "host|url"),
        ("ws://127.0.0.1/#fragment", "fragment|url|#"),
        ("ws://127.0.0.1 b/", "space|url|host|character|invalid"),
        ("ws://127.0.0.1/a\r\nX-Injected: b", "url|character|invalid"),
        ("ws://[::1", "url|host|bracket|IPv6"),
        ("ws://127.0.0.1:99999/", "port|url"),
        ("ws://127.0.0.1:port/", "port|url"),
    ],
)
async def bad_url(environment: Environment, row: tuple[str, str]) -> None:
    url, says = row
    async with Client(environment, url) as client:
        outcome = await client.fails()
    assert outcome.printed == "", f"printed {outcome.printed!r}"
    assert search(says, outcome.complaint, IGNORECASE), f"the line does not say it ({says}): {outcome.complaint!r}"


@suite.case("a refused connection")
async def refused(environment: Environment) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nothing listens
        async with Client(environment, f"ws://127.0.0.1:{taken.getsockname()[1]}/") as client:
            outcome = await client.fails()
    assert "refused" in outcome.complaint.lower(), f"the line does not say it: {outcome.complaint!r}"


@suite.case("a header with a line break in it is not sent")
async def injected_header(environment: Environment) -> None:
    async with Client(environment, "--header", "X-One: a\r\nX-Two: b", environment.plain.url) as client:
        await client.fails()


@suite.case("an answer dribbled for ever", Lane.WAITING)
async def dribbled(environment: Environment) -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n":
            writer.write(bytes([byte]))
            await asyncio.sleep(0.5)

    async with listening(script) as url, Client(environment, url) as client:
        await client.fails()


@suite.case("a close that is never answered", Lane.WAITING)
async def unanswered_close(environment: Environment) -> None:
    async with listening(Hostile("", "", sends()).script) as url, Client(environment, url) as client:
        client.input.close()
        await client.fails()


@suite.case("a close that is answered late is waited for")
async def late_close(environment: Environment) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = Head((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
        writer.write(response(head))
        await reader.readexactly(6)  # the header of its close frame
        await asyncio.sleep(1)
        writer.write(text("still here") + close(1000, masked=False))
        await reader.read()

    async with listening(script) as url, Client(environment, url) as client:
        outcome = await client.ends(close_input=True)
    outcome.is_clean()
    assert outcome.seconds > 0.9, f"it did not wait for the server's close, but ended after {outcome.seconds:.2f} s"
    assert outcome.printed == "still here\n", f"printed {outcome.printed!r}"


@suite.case("nothing after the server's close is printed")
async def after_close(environment: Environment) -> None:
    hostile = Hostile("", "", sends(text("one"), close(1000, masked=False), text("two")))
    async with listening(hostile.script) as url, Client(environment, url) as client:
        outcome = await client.ends()
    outcome.is_clean()
    assert outcome.printed == "one\n", f"printed {outcome.printed!r}"

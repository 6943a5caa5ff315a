"""Clients that break the protocol, or never come to the point, against echo_server."""

import asyncio
import os
import time
from dataclasses import dataclass

from checks.websockets_client import echoes, open_to
from harness.environment import SMALL_LIMIT, Environment
from harness.suite import Lane, Suite, within
from harness.wire import BINARY, CLOSE, CONTINUATION, KEY, MASKING_KEY, PING, PONG, TEXT, RawClient, close, frame, request

suite = Suite("hostile clients → echo_server")

HELLO = frame(TEXT, b"hello")
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(194)


@dataclass(frozen=True)
class Refused:
    """A request and the statuses that may answer it."""

    name: str
    request: bytes
    statuses: tuple[int, ...] = (400,)

    def __str__(self) -> str:
        return self.name


REQUESTS = [
    Refused("a plain GET", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", (400, 426)),
    Refused("a POST", request(method="POST"), (400, 405)),
    Refused("HTTP/1.0", request(version="HTTP/1.0"), (400, 426, 505)),
    Refused("no Host", request(Host=None)),
    Refused("no Upgrade", request(Upgrade=None), (400, 426)),
    Refused("Upgrade: h2c", request(Upgrade="h2c"), (400, 426)),
    Refused("Connection: close", request(Connection="close"), (400, 426)),
    Refused("no key", request(Sec_WebSocket_Key=None)),
    Refused("a key of 15 bytes", request(Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAA")),
    Refused("a key that is not base64", request(Sec_WebSocket_Key="!" * 24)),
    Refused("two keys", request(f"Sec-WebSocket-Key: {KEY}")),
    Refused("no version", request(Sec_WebSocket_Version=None), (400, 426)),
    Refused("version 12", request(Sec_WebSocket_Version="12"), (426,)),
    Refused("a body", request("Content-Length: 5") + b"hello"),
    Refused("a subprotocol that is no token", request("Sec-WebSocket-Protocol: a b")),
    Refused("2,000 headers", request(*(f"X-{n}: y" for n in range(2000))), (431,)),
    Refused("a head of 1 MiB", request("X-Long: " + "y" * 1024 * 1024), (431,)),
    Refused("garbage lines", os.urandom(64).hex().encode() + b"\r\n\r\n"),
]


@suite.table("{} is refused", REQUESTS)
async def refused(environment: Environment, row: Refused) -> None:
    async with RawClient(environment.plain.port) as peer:
        sending = asyncio.create_task(peer.send(row.request))
        head = await within(5, "waiting for the refusal", peer.head())
        body = await within(5, "waiting for TCP to close after the refusal", peer.rest())
        await asyncio.gather(sending, return_exceptions=True)  # it may be cut off
    assert head.status in row.statuses, f"expected {row.statuses}, got {head.text!r}"
    assert body.strip(), f"the refusal has no body that says why: {head.text!r}"
    assert "close" in (head.header("Connection") or ""), f"no 'Connection: close' in {head.text!r}"
    if head.status == 426:
        assert head.header("Sec-WebSocket-Version") == "13", f"no version in {head.text!r}"
        assert (head.header("Upgrade") or "").lower() == "websocket", f"no Upgrade in {head.text!r}"


@suite.table("garbage that begins with {0[0]:#x} is not waited for", [bytes(8), TLS_HELLO])
async def garbage(environment: Environment, data: bytes) -> None:
    async with RawClient(environment.plain.port) as peer:
        await peer.send(data)
        answer = await within(5, "waiting for TCP to close", peer.rest())
    assert not answer or answer.startswith(b"HTTP/1.1 400"), f"the answer was {answer[:200]!r}"


@suite.case("lists, case and padding in the request do not matter")
async def liberal(environment: Environment) -> None:
    odd = request(Upgrade="h2c, WebSocket", Connection="keep-alive,\tUPGRADE", Sec_WebSocket_Key=f" \t{KEY}  ")
    async with RawClient(environment.plain.port) as peer:
        await peer.send(odd + HELLO)  # the first frame in the same write
        assert (await peer.head()).status == 101, "the upgrade was refused"
        assert (await peer.frame()).payload == b"hello", "the frame sent along with the request was lost"


@suite.case("request and frames come byte by byte")
async def byte_by_byte(environment: Environment) -> None:
    async with RawClient(environment.plain.port) as peer:
        for byte in request() + HELLO:
            await peer.send(bytes([byte]))
        assert (await peer.head()).status == 101, "the upgrade was refused"
        assert (await peer.frame()).payload == b"hello", "another message came back"


@suite.case("an idle connection is cut after 10 s", Lane.WAITING)
async def idle(environment: Environment) -> None:
    started = time.monotonic()
    async with RawClient(environment.plain.port) as peer:
        await within(14, "waiting for TCP to close", peer.rest())
    assert_about_10(time.monotonic() - started)


@suite.case("a head of one byte in half a second is cut after 10 s", Lane.WAITING)
async def slow_head(environment: Environment) -> None:
    async def dribble() -> None:
        for byte in request():
            await peer.send(bytes([byte]))
            await asyncio.sleep(0.5)

    started = time.monotonic()
    async with RawClient(environment.plain.port) as peer:
        dribbling = asyncio.create_task(dribble())
        answer = await within(14, "waiting for TCP to close", peer.rest())
        dribbling.cancel()
        await asyncio.gather(dribbling, return_exceptions=True)
    assert not answer or answer.startswith(b"HTTP/1.1 4"), f"the answer was {answer[:200]!r}"
    assert_about_10(time.monotonic() - started)


def assert_about_10(seconds: float) -> None:
    assert 8 <= seconds <= 13, f"cut after {seconds:.1f} s"


@suite.case("a healthy connection goes on echoing beside all these", Lane.WAITING)
async def healthy(environment: Environment) -> None:
    ends = time.monotonic() + 12
    async with open_to(environment.plain) as peer:
        while time.monotonic() < ends:
            await within(5, "waiting for a healthy connection's echo", echoes(peer, "still well"))
            await asyncio.sleep(0.1)


@dataclass(frozen=True)
class Violation:
    """Bytes that break the protocol and the codes that may close the connection for it."""

    name: str
    data: bytes
    codes: tuple[int, ...] = (1002,)

    def __str__(self) -> str:
        return self.name


VIOLATIONS = [
    Violation("an unmasked frame", frame(TEXT, b"no", masked=False)),
    Violation("an unmasked close", close(1000, masked=False)),
    Violation("RSV1 without an extension", frame(TEXT, b"no", rsv=4)),
    Violation("RSV2", frame(TEXT, b"no", rsv=2)),
    Violation("RSV3 on a ping", frame(PING, b"no", rsv=1)),
    Violation("opcode 3", frame(3, b"no")),
    Violation("opcode 11", frame(11, b"no")),
    Violation("a fragmented ping", frame(PING, b"no", fin=False)),
    Violation("a pong of 126 bytes", frame(PONG, bytes(126))),
    Violation("a continuation of nothing", frame(CONTINUATION, b"no")),
    Violation("a message within a message", frame(TEXT, b"a", fin=False) + frame(TEXT, b"b")),
    Violation("a length of 2 bytes that is not minimal", frame(TEXT, b"no", length_bytes=2)),
    Violation("a length of 8 bytes that is not minimal", frame(TEXT, b"no", length_bytes=8)),
    Violation("a length with the top bit set", bytes([0x82, 255, *[255] * 8]) + MASKING_KEY),
    Violation("an announced terabyte", bytes([0x80 | BINARY, 255]) + (1 << 40).to_bytes(8) + MASKING_KEY, (1009,)),
    Violation(
        "a sum of fragments that would wrap",
        frame(BINARY, bytes(9), fin=False) + bytes([0x80, 255, 127, *[255] * 7]) + MASKING_KEY,
        (1009,),
    ),
    Violation("invalid UTF-8", frame(TEXT, b"\xc3\x28"), (1007,)),
    Violation("invalid UTF-8 in an unfinished message", frame(TEXT, b"abc\xed\xa0\x80", fin=False), (1007,)),
    Violation("UTF-8 cut off at the end of a message", frame(TEXT, b"\xe2\x82"), (1007,)),
    Violation("a close frame of one byte", frame(CLOSE, b"x")),
    Violation("a close reason that is not UTF-8", close(1000, b"\xff"), (1002, 1007)),
    *(Violation(f"the close code {code}", close(code)) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)),
]


@suite.table("{}, after a message in the same write", VIOLATIONS)
async def violation(environment: Environment, row: Violation) -> None:
    async with RawClient(environment.no_deflate.port) as peer:
        await peer.upgrade()
        await peer.send(HELLO + row.data)
        assert (await peer.frame()).payload == b"hello", "the message before the violation was not echoed first"
        code = (await peer.frame()).close_code
        assert code in row.codes, f"closed with {code}, not {row.codes}"
        left = await within(1.5, "waiting for TCP to close after the close frame", peer.rest())
        assert left == b"", f"sent after the close frame: {left[:80]!r}"


@suite.case("endless empty fragments are closed with 1008")
async def empty_fragments(environment: Environment) -> None:
    async with RawClient(environment.small.port) as peer:
        await peer.upgrade()
        endless = frame(BINARY, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * 200_000
        sending = asyncio.create_task(peer.send(endless))
        code = (await within(20, "waiting for the close frame", peer.frame())).close_code
        assert code in (1008, 1009), f"closed with {code}"
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


@suite.table("a close with {} is answered, and TCP closed within a second", [None, 1000, 3000, 4999])
async def close_exchange(environment: Environment, code: int | None) -> None:
    async with RawClient(environment.plain.port) as peer:
        await peer.upgrade()
        await peer.send(HELLO + (frame(CLOSE) if code is None else close(code, b"bye")) + frame(PING, b"no") + HELLO)
        assert (await peer.frame()).payload == b"hello", "the message before the close was not echoed"
        answered = (await peer.frame()).close_code
        assert answered in ((None, 1000) if code is None else (code,)), f"closed with {code}, answered with {answered}"
        left = await within(1.5, "waiting for TCP to close after the close frames", peer.rest())
        assert left == b"", f"sent after the close frame: {left[:80]!r}"
        assert not peer.was_reset, "TCP was reset, not closed"


@suite.case("half-close: the echo still arrives, then TCP ends")
async def half_close(environment: Environment) -> None:
    async with RawClient(environment.plain.port) as peer:
        await peer.upgrade()
        await peer.send(HELLO)
        peer.end_of_input()
        assert (await peer.frame()).payload == b"hello", "another message came back"
        await within(5, "waiting for TCP to close", peer.rest())


@suite.case("ten pings at once get ten pongs in order, before the message they interrupt")
async def pings(environment: Environment) -> None:
    async with RawClient(environment.plain.port) as peer:
        await peer.upgrade()
        bodies = [b"", *(b"ping %d" % n for n in range(8)), bytes(125)]
        between = b"".join(frame(PING, body) for body in bodies)
        await peer.send(frame(TEXT, b"hel", fin=False) + between + frame(CONTINUATION, b"lo"))
        for body in bodies:
            pong = await peer.frame()
            assert (pong.opcode, pong.payload) == (PONG, body), f"expected a pong with {body!r}, got {pong}"
        assert (await peer.frame()).payload == b"hello", "the fragments did not come back joined"


@suite.case("a client that sends and does not read is stopped, and loses nothing", Lane.HEAVY, 60)
async def slow_reader(environment: Environment) -> None:
    messages = [frame(BINARY, bytes([n]) * 65536) for n in range(256)]
    total = 1024  # 64 MiB

    async with RawClient(environment.plain.port) as peer:
        await peer.upgrade()
        progress = 0

        async def send_all() -> None:
            nonlocal progress
            for number in range(total):
                await peer.send(messages[number % 256])
                progress = number + 1

        sending = asyncio.create_task(send_all())
        stalled = -1
        while stalled != progress:
            stalled = progress
            await asyncio.sleep(1)
        for number in range(total):
            reply = await peer.frame()
            assert reply.payload == bytes([number % 256]) * 65536, f"message {number} differs"
        await sending
        assert stalled < total, "echo_server took 64 MiB from a client that reads nothing"


@suite.case("a peer that vanishes in mid-message does no harm")
async def vanishing(environment: Environment) -> None:
    for cut in (1, 5, 40):
        async with RawClient(environment.small.port) as peer:
            await peer.upgrade()
            await peer.send(frame(BINARY, bytes(SMALL_LIMIT))[:cut])
    async with open_to(environment.small) as healthy_peer:
        await echoes(healthy_peer, "still well")

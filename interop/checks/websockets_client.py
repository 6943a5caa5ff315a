"""The `websockets` client from PyPI talks to echo_server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from harness.environment import LIMIT, SMALL_LIMIT, EchoServer, Environment
from harness.suite import Lane, Suite, within
from harness.wire import random_bytes, text_of

suite = Suite("websockets client → echo_server")

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 65537]


def open_to(server: EchoServer, path: str = "", **options: Any) -> connect:
    """A connection without limits or pings of its own."""
    settings: dict[str, Any] = {"proxy": None, "max_size": None, "ping_interval": None, "compression": None}
    return connect(server.url + path, **settings | options)


async def echoes(peer: ClientConnection, message: str | bytes) -> None:
    """Asserts that the message comes back, as the same kind."""
    await peer.send(message)
    reply = await peer.recv()
    assert type(reply) is type(message), f"sent {type(message).__name__}, got {type(reply).__name__}"
    assert reply == message, f"{len(message)} units sent, {len(reply)} other ones came back"


async def closed_with(peer: ClientConnection, code: int) -> None:
    """Asserts that the server closes with this code and sends nothing before."""
    try:
        reply = await peer.recv()
    except ConnectionClosed as closed:
        assert closed.rcvd, "the TCP connection ended without a close frame"
        assert closed.rcvd.code == code, f"expected close code {code}, got {closed.rcvd}"
    else:
        raise AssertionError(f"expected close code {code}, got a message of {len(reply)} units")


@suite.table("text of {} bytes comes back", SIZES)
async def text(environment: Environment, size: int) -> None:
    async with open_to(environment.plain) as peer:
        await echoes(peer, text_of(size))


@suite.table("binary of {} bytes comes back", SIZES)
async def binary(environment: Environment, size: int) -> None:
    async with open_to(environment.plain) as peer:
        await echoes(peer, random_bytes(size))


@suite.table("{} bytes come back", [8 * 1024 * 1024, LIMIT], Lane.HEAVY, 60)
async def large(environment: Environment, size: int) -> None:
    async with open_to(environment.plain) as peer:
        await echoes(peer, random_bytes(size))
        await echoes(peer, text_of(size))


@suite.case("one byte over the limit of 32 MiB is closed with 1009", Lane.HEAVY)
async def over_limit(environment: Environment) -> None:
    peer = await open_to(environment.plain)  # no `async with`: its exit trips over a transport that is gone
    sending = asyncio.create_task(peer.send(random_bytes(LIMIT + 1)))
    await closed_with(peer, 1009)
    await asyncio.gather(sending, return_exceptions=True)  # it may be cut off
    await within(5, "waiting for TCP to close", peer.wait_closed())


@suite.case("--max-message-size is inclusive, for a whole message and for fragments")
async def small_limit(environment: Environment) -> None:
    half = random_bytes(SMALL_LIMIT // 2)
    async with open_to(environment.small) as peer:
        await echoes(peer, random_bytes(SMALL_LIMIT))
        await peer.send([half, half])
        assert await peer.recv() == half + half, "two fragments of half the limit did not come back joined"
        await peer.send([half, half, b"1"])
        await closed_with(peer, 1009)


@suite.table("fragmented {} comes back joined, with pings answered in between", ["text", "binary"])
async def fragmented(environment: Environment, kind: str) -> None:
    text_parts = ["ä", "", "b" * 70000, "ö€"]
    binary_parts = [b"\0", b"", bytes(70000), b"\xff"]
    expected: str | bytes = "".join(text_parts) if kind == "text" else b"".join(binary_parts)

    async with open_to(environment.plain) as peer:

        async def with_pings() -> AsyncIterator[str | bytes]:
            for number in range(4):
                yield text_parts[number] if kind == "text" else binary_parts[number]
                await asyncio.wait_for(await peer.ping(f"between {number}"), 5)

        await peer.send(with_pings())
        assert await peer.recv() == expected, "the fragments did not come back joined"


@suite.case("a message of 65,536 fragments comes back")
async def many_fragments(environment: Environment) -> None:
    async with open_to(environment.plain) as peer:
        await peer.send([b"x"] * 65536)
        assert await peer.recv() == b"x" * 65536, "the fragments did not come back joined"


@suite.case("messages of both kinds come back in order")
async def order(environment: Environment) -> None:
    messages: list[str | bytes] = [text_of(n * 37) if n % 3 else random_bytes(n * 41) for n in range(200)]
    async with open_to(environment.plain) as peer:
        sending = asyncio.create_task(_send_all(peer, messages))
        for number, message in enumerate(messages):
            assert await peer.recv() == message, f"message {number} differs"
        await sending


async def _send_all(peer: ClientConnection, messages: list[str | bytes]) -> None:
    for message in messages:
        await peer.send(message)


@suite.case("50 connections at once, each in order")
async def many(environment: Environment) -> None:
    async def one(number: int) -> None:
        async with open_to(environment.plain, f"path/{number}?query") as peer:
            messages: list[str | bytes] = [f"connection {number}, message {n} " + "." * (n * 97) for n in range(20)]
            await _send_all(peer, messages)
            for message in messages:
                assert await peer.recv() == message, f"connection {number} got another message"

    async with asyncio.timeout(25), asyncio.TaskGroup() as group:
        for number in range(50):
            group.create_task(one(number))


@suite.table(
    "offered the subprotocols {0[0]}, it picks {0[1]}",
    [
        (["chat"], "chat"),
        (["superchat"], "superchat"),
        (["superchat", "chat"], "chat"),
        (["other", "superchat"], "superchat"),
        (["other"], None),
        (["CHAT"], None),
        (None, None),
    ],
)
async def subprotocols(environment: Environment, row: tuple[list[str] | None, str | None]) -> None:
    offered, expected = row
    names = offered and [Subprotocol(name) for name in offered]
    async with open_to(environment.subprotocols, subprotocols=names) as peer:
        assert peer.subprotocol == expected, f"offered {offered}, agreed on {peer.subprotocol}, not on {expected}"
        await echoes(peer, "hello")


@suite.case("a server without subprotocols picks none")
async def no_subprotocol(environment: Environment) -> None:
    async with open_to(environment.plain, subprotocols=[Subprotocol("chat")]) as peer:
        assert peer.subprotocol is None, f"it picked {peer.subprotocol}"


@suite.table("a close with {} is answered with the same code", [1000, 1001, 1003, 1011, 3000, 4999])
async def close_codes(environment: Environment, code: int) -> None:
    async with open_to(environment.plain) as peer:
        await echoes(peer, "before")
        await peer.close(code, "the reason ✓")
        received = peer.protocol.close_rcvd
        assert received, "TCP ended without a close frame"
        assert received.code == code, f"closed with {code}, answered with {received}"
        assert received.reason in ("", "the reason ✓"), f"another reason came back: {received}"

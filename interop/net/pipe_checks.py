"""The program `pipe`: other programs as services."""

import asyncio
import re
import signal
from contextlib import suppress
from pathlib import Path

from echo_checks import closing
from programs import Server, server
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from harness.environment import Environment
from harness.suite import Lane, Suite, within
from harness.wire import random_bytes

suite = Suite("pipe")

LISTEN = ("--listen", "127.0.0.1:0")


async def gone(pid: int) -> None:
    for _ in range(100):
        try:
            state = re.search(r"State:\s+(\w)", Path(f"/proc/{pid}/status").read_text())
        except FileNotFoundError:
            return
        if state and state[1] == "Z":
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"the program {pid} still runs")


async def expect_close(running: Server, code: int, reason: str = "") -> list[str | bytes]:
    """What comes until the connection is closed, which must be with this code and reason."""
    received: list[str | bytes] = []
    async with connect(running.url(), proxy=None) as ws:
        with suppress(ConnectionClosed):
            async for message in ws:
                received.append(message)
        end = ws.protocol.close_rcvd
        assert end and (end.code, reason in end.reason) == (code, True), f"closed with {end}"
    return received


@suite.case("cat: a message is a line, and comes back")
async def lines(environment: Environment) -> None:
    async with server(environment, "pipe", *LISTEN, "cat") as running, connect(running.url(), proxy=None) as ws:
        for line in ("hello", "", "Grüße 😀", "x" * 100_000):
            await ws.send(line)
            assert await within(20, "waiting for the line", ws.recv()) == line
        await ws.send("two\nlines")
        assert [await ws.recv(), await ws.recv()] == ["two", "lines"]


@suite.case("--binary cat: bytes come back, however they are cut")
async def binary(environment: Environment) -> None:
    data = random_bytes(800_000)
    async with server(environment, "pipe", *LISTEN, "--binary", "cat") as running:
        async with connect(running.url(), proxy=None) as ws:
            await ws.send(data)
            await ws.send("and text")
            received = b""
            while len(received) < len(data) + 8:
                message = await within(20, "waiting for bytes", ws.recv())
                assert isinstance(message, bytes)
                received += message
            assert received == data + b"and text"


@suite.table(
    "a program that ends with status {0[1]}: {0[2]}",
    [
        ("echo one; echo two", 0, 1000),
        ("echo one; echo two; exit 3", 3, 1011),
        ("echo one; echo two; kill -9 $$", "SIGKILL", 1011),
    ],
)
async def ends(environment: Environment, row: tuple[str, int | str, int]) -> None:
    script, _, code = row
    async with server(environment, "pipe", *LISTEN, "sh", "-c", script) as running:
        reason = {3: "exit status: 3", "SIGKILL": "signal: 9"}.get(row[1], "")
        assert await expect_close(running, code, reason) == ["one", "two"]


@suite.table(
    "a program that {0[0]} is closed with 1011",
    [
        ("is not there", ("/nonexistent",), "cannot start"),
        ("writes no UTF-8", ("printf", r"\377\n"), "UTF-8"),
        ("writes an endless line", ("cat", "/dev/zero"), "longer"),
    ],
)
async def unfit(environment: Environment, row: tuple[str, tuple[str, ...], str]) -> None:
    async with server(environment, "pipe", *LISTEN, *row[1]) as running:
        assert await expect_close(running, 1011, row[2]) == []


@suite.table(
    "the client leaves a program that {0[0]}",
    [
        ("reads on", "echo $$; exec cat >/dev/null"),
        ("does not look", "echo $$; exec sleep 1000"),
        ("writes on", "echo $$; exec yes"),
        ("will not hear", "trap '' TERM INT HUP; echo $$; while :; do sleep 0.1; done"),
    ],
)
async def client_leaves(environment: Environment, row: tuple[str, str]) -> None:
    async with server(environment, "pipe", *LISTEN, "sh", "-c", row[1]) as running:
        async with connect(running.url(), proxy=None) as ws:
            pid = int(await within(20, "waiting for the process number", ws.recv()))
            ws.transport.abort()
        await gone(pid)
        async with connect(running.url(), proxy=None) as ws:
            pid = int(await within(20, "waiting for the process number", ws.recv()))
        await gone(pid)


@suite.case("a program that writes much and reads nothing", Lane.NORMAL, 60)
async def much(environment: Environment) -> None:
    script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; cat >/dev/null"
    async with server(environment, "pipe", *LISTEN, "sh", "-c", script) as running:
        async with connect(running.url(), proxy=None) as ws:

            async def pour() -> None:
                for _ in range(50):
                    await ws.send("x" * 100_000)

            pouring = asyncio.create_task(pour())
            for number in range(20_000):
                assert await within(20, "waiting for a line", ws.recv()) == f"line {number}"
            await within(20, "waiting for all to be taken", pouring)


@suite.case("a client that does not read holds the program up, and nothing piles up", Lane.HEAVY, 60)
async def deaf(environment: Environment) -> None:
    async with server(environment, "pipe", *LISTEN, "yes", "x" * 1000) as running:
        async with connect(running.url(), max_queue=1, compression=None, proxy=None):
            await asyncio.sleep(1)
            before = running.memory()
            await asyncio.sleep(2)
            grown = running.memory() - before
            assert grown < 4 << 20, f"it has grown by {grown >> 10} KiB"


@suite.case("--max: who comes when all places are taken is closed with 1013")
async def places(environment: Environment) -> None:
    async with server(environment, "pipe", *LISTEN, "--max", "1", "cat") as running:
        async with connect(running.url(), proxy=None) as ws:
            await ws.send("first")
            assert await ws.recv() == "first"
            await expect_close(running, 1013)
        for _ in range(50):  # until the place is free again
            async with connect(running.url(), proxy=None) as ws:
                try:
                    await ws.send("next")
                    assert await within(20, "waiting for the line", ws.recv()) == "next"
                    break
                except ConnectionClosed:
                    await asyncio.sleep(0.1)
        else:
            raise AssertionError("the place is never free again")


@suite.case("pages of other sites are refused, but with --any-origin")
async def origins(environment: Environment) -> None:
    async with server(environment, "pipe", *LISTEN, "cat") as running:
        async with connect(running.url(), origin=f"http://127.0.0.1:{running.port}", proxy=None):  # type: ignore[arg-type]
            pass
        try:
            async with connect(running.url(), origin="http://elsewhere.example", proxy=None):  # type: ignore[arg-type]
                raise AssertionError("it is let in")
        except InvalidStatus as refusal:
            assert refusal.response.status_code == 403
    async with server(environment, "pipe", *LISTEN, "--any-origin", "cat") as running:
        async with connect(running.url(), origin="http://elsewhere.example", proxy=None):  # type: ignore[arg-type]
            pass


@suite.case("REMOTE_ADDR, and arguments that look like options")
async def environment_of_it(environment: Environment) -> None:
    async with server(environment, "pipe", *LISTEN, "sh", "-c", 'echo "$REMOTE_ADDR $1"', "sh", "--max") as running:
        assert await expect_close(running, 1000) == ["127.0.0.1 --max"]


@suite.table("{0.name} closes with 1001, and the program ends", [signal.SIGINT, signal.SIGTERM])
async def end(environment: Environment, how: signal.Signals) -> None:
    async with server(environment, "pipe", *LISTEN, "sh", "-c", "echo $$; exec sleep 1000") as running:
        async with connect(running.url(), proxy=None) as ws:
            pid = int(await within(20, "waiting for the process number", ws.recv()))
            running.process.send_signal(how)
            assert await closing(ws) == 1001
            assert await within(20, "waiting for the end", running.process.wait()) == 0
        await gone(pid)

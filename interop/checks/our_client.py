"""Our client `websans` talks to the servers of `websockets` and `ws`, and to our own echo_server."""

import itertools
import json

from checks.peers import KINDS, WS, server, url
from harness.environment import LIMIT, Environment
from harness.program import Client
from harness.suite import Lane, Suite
from harness.wire import text_of

suite = Suite("client → websockets, ws and echo_server")

LINES = ["hello", "", "Grüße, 世界 😀", " spaces and\ttabs ", "x" * 125, "x" * 126, text_of(65535), text_of(65536)]


@suite.table("{}: each line comes back at once, input open", KINDS)
async def lines(environment: Environment, kind: str) -> None:
    async with server(environment, kind) as port, Client(environment, url(port, "echo")) as client:
        for line in LINES:
            await client.say(line)
            assert await client.hears() == line, f"a line of {len(line)} units came back as another"
        (await client.ends(close_input=True)).is_clean()


@suite.table("{}: a line of 1 MiB comes back", KINDS)
async def long_line(environment: Environment, kind: str) -> None:
    line = text_of(1024 * 1024)
    async with server(environment, kind) as port, Client(environment, url(port, "echo")) as client:
        await client.say(line)
        assert await client.hears() == line, "another line came back"
        (await client.ends(close_input=True)).is_clean()


@suite.table("{}: all lines of a short-lived input come back before the close", [WS, "echo_server"])
async def piped(environment: Environment, kind: str) -> None:
    target = environment.plain.url if kind == "echo_server" else url(environment.ws_server.port, "echo")
    expected = [f"line {number} " + "." * number for number in range(500)]
    async with Client(environment, target) as client:
        for line in expected:
            client.input.write(f"{line}\n".encode())
        outcome = await client.ends(close_input=True)
    outcome.is_clean()
    assert outcome.printed.splitlines() == expected, f"{len(outcome.printed.splitlines())} of {len(expected)} lines came back"


@suite.table("{}: empty input is a clean close", [*KINDS, "echo_server"])
async def no_input(environment: Environment, kind: str) -> None:
    async with server(environment, kind) as port:
        target = environment.plain.url if kind == "echo_server" else url(port, "echo")
        async with Client(environment, target) as client:
            outcome = await client.ends(close_input=True)
    outcome.is_clean()
    assert outcome.printed == "", f"printed {outcome.printed!r}"


@suite.table("{}: fragments are printed as one line", KINDS)
async def fragments(environment: Environment, kind: str) -> None:
    async with server(environment, kind) as port, Client(environment, url(port, "fragments")) as client:
        line = await client.hears()
        assert line == "one two thrée", f"printed {line!r}"
        (await client.ends(close_input=True)).is_clean()


@suite.table("{}: a ping is answered while standard input is silent", KINDS)
async def ping(environment: Environment, kind: str) -> None:
    async with server(environment, kind) as port, Client(environment, url(port, "ping")) as client:
        (await client.ends()).is_clean()


@suite.table("{}: the first subprotocol of the server's is agreed", KINDS)
async def subprotocol(environment: Environment, kind: str) -> None:
    offers = ["--subprotocol", "other", "--subprotocol", "superchat"]
    async with server(environment, kind) as port, Client(environment, *offers, url(port, "info")) as client:
        info = json.loads(await client.hears())
        assert info["subprotocol"] == "superchat", f"agreed on {info['subprotocol']!r}"
        offered = info["headers"]["sec-websocket-protocol"].replace(" ", "")
        assert offered == "other,superchat", f"offered {offered}"
        (await client.ends(close_input=True)).is_clean()


@suite.table("{}: the server sees the extra headers", KINDS)
async def headers(environment: Environment, kind: str) -> None:
    extra = ["--header", "X-Interop: some: value", "--header", "Cookie: a=b; c=d"]
    async with server(environment, kind) as port, Client(environment, *extra, url(port, "info")) as client:
        seen = json.loads(await client.hears())["headers"]
        assert seen.get("x-interop") == "some: value", f"the server saw {seen}"
        assert seen.get("cookie") == "a=b; c=d", f"the server saw {seen}"
        assert seen.get("host") == f"127.0.0.1:{port}", f"the server saw {seen}"
        (await client.ends(close_input=True)).is_clean()


@suite.table("{0[0]}: told to {0[1]}, exit 0, input open", [*itertools.product(KINDS, ["close/1000"]), (WS, "close")])
async def closed_well(environment: Environment, row: tuple[str, str]) -> None:
    kind, path = row
    async with server(environment, kind) as port, Client(environment, url(port, path)) as client:
        outcome = await client.ends()
    outcome.is_clean()
    assert outcome.printed == "", f"printed {outcome.printed!r}"


@suite.table("{0[0]}: closes with {0[1]}, one line, no success", itertools.product(KINDS, [1001, 1011, 3000, 4999]))
async def closed_badly(environment: Environment, row: tuple[str, int]) -> None:
    kind, code = row
    async with server(environment, kind) as port, Client(environment, url(port, f"close/{code}")) as client:
        outcome = await client.fails()
    assert str(code) in outcome.complaint, f"the code {code} is not in {outcome.complaint!r}"
    assert outcome.printed == "", f"printed {outcome.printed!r}"


@suite.case("a message of exactly 32 MiB is printed", Lane.HEAVY, 60)
async def exact_limit(environment: Environment) -> None:
    async with Client(environment, url(environment.ws_server.port, f"send/{LIMIT}")) as client:
        assert await client.hears() == "x" * LIMIT, "another line was printed"
        (await client.ends(close_input=True)).is_clean()


@suite.case("a message one byte over 32 MiB ends it", Lane.HEAVY)
async def over_limit(environment: Environment) -> None:
    async with Client(environment, url(environment.ws_server.port, f"send/{LIMIT + 1}")) as client:
        outcome = await client.fails()
        assert outcome.printed == "", f"printed {len(outcome.printed)} units"

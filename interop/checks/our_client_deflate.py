"""Our `client` and the servers of `websockets` and `ws` exchange compressed messages; a tap sees what was on the wire."""

import itertools
from typing import Any

from checks.compression import HEX, TEXTS, used_as_agreed
from checks.peers import KINDS, server, url
from harness.environment import LIMIT, Environment
from harness.program import Client
from harness.suite import Lane, Suite
from harness.tap import Tap, agreed, tap

suite = Suite("client → websockets and ws, permessage-deflate", deflate=True)

DEFLATE: dict[str, Any] = {}


async def converse(environment: Environment, line: Tap, deflate: dict[str, Any], *flags: str) -> None:
    async with Client(environment, *flags, url(line.port, "echo", deflate)) as client:
        for text in TEXTS:
            await client.say(text)
            assert await client.hears() == text, f"a line of {len(text)} units came back as another"
        (await client.ends(close_input=True)).is_clean()


@suite.table("{}: agreed by default, and used", KINDS)
async def default(environment: Environment, kind: str) -> None:
    async with server(environment, kind, DEFLATE) as port, tap(port) as line:
        await converse(environment, line, DEFLATE)
        parameters = agreed(line.to_client.head)
        assert "client_no_context_takeover" not in parameters, f"agreed was {parameters}"
        used_as_agreed(line.to_server, TEXTS, parameters, "client")


@suite.table("{}: --no-client-context-takeover", KINDS)
async def no_takeover(environment: Environment, kind: str) -> None:
    async with server(environment, kind, DEFLATE) as port, tap(port) as line:
        await converse(environment, line, DEFLATE, "--no-client-context-takeover")
        offer = line.to_server.head.header("Sec-WebSocket-Extensions") or ""
        assert "client_no_context_takeover" in offer, f"offered {offer!r}"
        parameters = agreed(line.to_client.head)
        assert "client_no_context_takeover" in parameters, f"offered {offer!r}, agreed was {parameters}"
        used_as_agreed(line.to_server, TEXTS, parameters, "client")


@suite.table("{}: --no-deflate offers nothing", KINDS)
async def declined(environment: Environment, kind: str) -> None:
    async with server(environment, kind, DEFLATE) as port, tap(port) as line:
        await converse(environment, line, DEFLATE, "--no-deflate")
        offer = line.to_server.head.header("Sec-WebSocket-Extensions")
        assert offer is None, f"offered {offer!r}"
        assert not any(message[0].rsv1 for message in line.to_server.messages()), "RSV1 is set"


@suite.table("{}: a server without the extension", KINDS)
async def not_supported(environment: Environment, kind: str) -> None:
    async with server(environment, kind) as port, tap(port) as line:
        async with Client(environment, url(line.port, "echo")) as client:
            await client.say(HEX)
            assert await client.hears() == HEX, "another line came back"
            (await client.ends(close_input=True)).is_clean()
        assert not any(message[0].rsv1 for message in line.to_server.messages()), "RSV1 is set"


@suite.table("{0[0]}: demands {0[1]}_no_context_takeover", itertools.product(KINDS, ["server", "client"]))
async def demanded_takeover(environment: Environment, row: tuple[str, str]) -> None:
    kind, side = row
    deflate = {f"{side}_no_context_takeover": True}
    async with server(environment, kind, deflate) as port, tap(port) as line:
        await converse(environment, line, deflate)
        parameters = agreed(line.to_client.head)
        assert f"{side}_no_context_takeover" in parameters, f"agreed was {parameters}"
        used_as_agreed(line.to_server, TEXTS, parameters, "client")


@suite.table("{0[0]}: demands client_max_window_bits={0[1]}", itertools.product(KINDS, range(9, 16)))
async def demanded_window(environment: Environment, row: tuple[str, int]) -> None:
    kind, bits = row
    deflate = {"client_max_window_bits": bits}
    async with server(environment, kind, deflate) as port, tap(port) as line:
        await converse(environment, line, deflate)
        parameters = agreed(line.to_client.head)
        assert parameters.get("client_max_window_bits") == str(bits), f"agreed was {parameters}"
        used_as_agreed(line.to_server, TEXTS, parameters, "client")


@suite.table("{}: a bomb of 32 MiB and a byte ends it", KINDS, Lane.HEAVY)
async def bomb(environment: Environment, kind: str) -> None:
    target = f"send/{LIMIT + 1}"
    async with server(environment, kind, DEFLATE) as port, Client(environment, url(port, target, DEFLATE)) as client:
        outcome = await client.fails()
    assert outcome.printed == "", f"printed {len(outcome.printed)} units"

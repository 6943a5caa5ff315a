"""The `websockets` client and echo_server exchange compressed messages; a tap sees what was on the wire."""

import itertools
import re

from websockets.asyncio.client import ClientConnection, connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from checks.compression import HEX, TEXTS, used_as_agreed
from checks.websockets_client import closed_with, echoes, open_to
from harness.environment import LIMIT, SMALL_LIMIT, Environment
from harness.suite import Lane, Suite
from harness.tap import agreed, tap
from harness.wire import random_bytes

suite = Suite("websockets client → echo_server, permessage-deflate", deflate=True)


MESSAGES: list[str | bytes] = [*TEXTS, bytes(20000), random_bytes(5000)]


def deflating(port: int, offer: ClientPerMessageDeflateFactory) -> connect:
    extensions = [offer]
    return connect(
        f"ws://127.0.0.1:{port}/", proxy=None, max_size=None, ping_interval=None, compression=None, extensions=extensions
    )


async def exchange(peer: ClientConnection) -> None:
    for message in MESSAGES:
        await echoes(peer, message)


@suite.table("(server, client)_no_context_takeover: {}", itertools.product([False, True], [False, True]))
async def takeover_modes(environment: Environment, forbidden: tuple[bool, bool]) -> None:
    offer = ClientPerMessageDeflateFactory(*forbidden)
    async with tap(environment.plain.port) as line:
        async with deflating(line.port, offer) as peer:
            await exchange(peer)
        parameters = agreed(line.to_client.head)
        for name, asked in zip(("server_no_context_takeover", "client_no_context_takeover"), forbidden, strict=True):
            assert name in parameters or not asked, f"{name} was asked, agreed was {parameters}"
        used_as_agreed(line.to_client, MESSAGES, parameters, "server")


@suite.table("server_max_window_bits={} is agreed and kept", range(9, 16))
async def server_window(environment: Environment, bits: int) -> None:
    async with tap(environment.plain.port) as line:
        async with deflating(line.port, ClientPerMessageDeflateFactory(server_max_window_bits=bits)) as peer:
            await exchange(peer)
        parameters = agreed(line.to_client.head)
        answered = parameters.get("server_max_window_bits") or ""
        assert re.fullmatch(r"9|1[0-5]", answered) and int(answered) <= bits, f"asked for {bits}, agreed was {parameters}"
        used_as_agreed(line.to_client, MESSAGES, parameters, "server")


@suite.table("client_max_window_bits={} is understood", range(9, 16))
async def client_window(environment: Environment, bits: int) -> None:
    async with tap(environment.plain.port) as line:
        async with deflating(line.port, ClientPerMessageDeflateFactory(client_max_window_bits=bits)) as peer:
            await exchange(peer)
        answered = agreed(line.to_client.head).get("client_max_window_bits", str(bits))
        assert answered and int(answered) <= bits, f"the hint was {bits}, the answer {answered}"


@suite.case("--no-deflate declines the extension")
async def declined(environment: Environment) -> None:
    async with open_to(environment.no_deflate, compression="deflate") as peer:
        assert not peer.protocol.extensions, f"agreed on {peer.protocol.extensions}"
        await exchange(peer)


@suite.case("a fragmented compressed message comes back joined")
async def fragmented(environment: Environment) -> None:
    async with open_to(environment.plain, compression="deflate") as peer:
        await peer.send([HEX, "", HEX, "ä" * 1000])
        assert await peer.recv() == HEX + HEX + "ä" * 1000, "the fragments did not come back joined"


@suite.case("exactly 32 MiB after decompression come back", Lane.HEAVY, 60)
async def exact_limit(environment: Environment) -> None:
    async with open_to(environment.plain, compression="deflate") as peer:
        await echoes(peer, bytes(LIMIT))


@suite.table("{} bytes of zeros, compressed, are closed with 1009", [LIMIT + 1, 33 * 1024 * 1024], Lane.HEAVY)
async def bomb(environment: Environment, size: int) -> None:
    async with open_to(environment.plain, compression="deflate") as peer:
        await peer.send(bytes(size))
        await closed_with(peer, 1009)


@suite.case("a small bomb is measured against --max-message-size")
async def small_bomb(environment: Environment) -> None:
    async with open_to(environment.small, compression="deflate") as peer:
        await echoes(peer, bytes(SMALL_LIMIT))
        await peer.send(bytes(SMALL_LIMIT + 1))
        await closed_with(peer, 1009)

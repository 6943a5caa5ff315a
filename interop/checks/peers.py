"""The third-party servers that our `client` talks to: both do the same, by the path of the URL."""

import json
import urllib.parse
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.typing import Subprotocol

from harness.environment import SUBPROTOCOLS, Environment

WEBSOCKETS, WS = "websockets", "ws"
KINDS = (WEBSOCKETS, WS)


async def _behave(peer: ServerConnection) -> None:
    """What peers/ws_server.mjs does, for the `websockets` server."""
    assert peer.request is not None
    match peer.request.path.partition("?")[0].strip("/").split("/"):
        case ["echo"]:
            async for message in peer:
                await peer.send(message)
        case ["info"]:
            headers = {name.lower(): value for name, value in peer.request.headers.raw_items()}
            await peer.send(json.dumps({"subprotocol": peer.subprotocol, "headers": headers}))
            await peer.wait_closed()
        case ["close", code]:
            await peer.close(int(code), "told to")
        case ["send", size]:
            await peer.send("x" * int(size))
            await peer.wait_closed()
        case ["fragments"]:
            await peer.send(["one ", "two ", "thrée"])
            await peer.wait_closed()
        case ["ping"]:
            await (await peer.ping("are you there?"))
        case _:
            raise AssertionError(f"unknown path {peer.request.path}")


def _select_subprotocol(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((name for name in map(Subprotocol, SUBPROTOCOLS) if name in offered), None)


@asynccontextmanager
async def server(environment: Environment, kind: str, deflate: dict[str, Any] | None = None) -> AsyncIterator[int]:
    """The port of a server; `deflate` holds RFC 7692's parameters, None turns the extension off."""
    if kind == WS:
        yield environment.ws_server.port
        return
    extensions = [] if deflate is None else [ServerPerMessageDeflateFactory(**deflate)]
    async with serve(
        _behave,
        "127.0.0.1",
        0,
        compression=None,
        extensions=extensions,
        select_subprotocol=_select_subprotocol,
        max_size=None,
        ping_interval=None,
    ) as listening:
        yield listening.sockets[0].getsockname()[1]


def url(port: int, path: str, deflate: dict[str, Any] | None = None) -> str:
    """The URL; its query tells the `ws` server what to do about permessage-deflate."""
    query = ""
    if deflate is not None:
        options = {_camel_case(name): value for name, value in deflate.items()}
        query = f"?deflate={urllib.parse.quote(json.dumps(options))}"
    return f"ws://127.0.0.1:{port}/{path}{query}"


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))

"""The client of npm `ws` talks to echo_server: the cases stand in peers/ws_client.mjs."""

import asyncio
import json

from harness.environment import PEERS, SMALL_LIMIT, Environment, kill
from harness.suite import Lane, Suite

PROGRAM = PEERS / "ws_client.mjs"


def page_settings(environment: Environment) -> str:
    """What peers/websocket_cases.mjs must know, as JSON."""
    urls = {
        "plain": environment.plain.url,
        "subprotocols": environment.subprotocols.url,
        "small": environment.small.url,
        "noDeflate": environment.no_deflate.url,
    }
    return json.dumps({"urls": urls, "smallLimit": SMALL_LIMIT, "expectDeflate": environment.settings.expect_deflate})


async def case_names() -> dict[str, list[str]]:
    """The names of the cases that run over `ws`, and of those that run in a browser too (`standard`)."""
    _, printed = await _node("--list")
    names: dict[str, list[str]] = json.loads(printed)
    return names


async def suite() -> Suite:
    found = Suite("ws client → echo_server")
    names = (await case_names())["ws"]
    for lane in (Lane.NORMAL, Lane.HEAVY):
        rows = [name for name in names if ("MiB" in name) is (lane is Lane.HEAVY)]

        @found.table("{}", rows, lane)
        async def run(environment: Environment, name: str) -> None:
            status, printed = await _node(name, page_settings(environment))
            assert status == 0, printed.strip() or f"node ended with {status}"

    return found


async def _node(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec("node", PROGRAM, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        printed, _ = await process.communicate()
    finally:
        await kill(process)
    assert process.returncode is not None
    return process.returncode, printed.decode()

"""echo_server as a process: thousands of connections, and its end."""

import asyncio
import re
import resource
import signal

from harness.environment import Environment
from harness.suite import Lane, Suite, within
from harness.wire import BINARY, RawClient, close, frame

suite = Suite("echo_server as a process")

CONNECTIONS = 2000
HANDSHAKES_AT_ONCE = 100


@suite.case(f"{CONNECTIONS} connections at once, each with its own messages", Lane.HEAVY, 90)
async def thousands(environment: Environment) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft > CONNECTIONS + 200, f"the limit of {soft} descriptors is too low for this check"
    all_open = asyncio.Barrier(CONNECTIONS)
    slots = asyncio.Semaphore(HANDSHAKES_AT_ONCE)

    async def one(number: int) -> None:
        async with RawClient(environment.plain.port) as peer:
            async with slots:
                await peer.upgrade()
            await all_open.wait()
            for size in (10, 300, 5000):
                payload = (b"%d:" % number * size)[:size]
                await peer.send(frame(BINARY, payload))
                assert (await peer.frame()).payload == payload, f"connection {number}: other bytes came back"
            await peer.send(close(1000))
            code = (await peer.frame()).close_code
            assert code == 1000, f"connection {number}: closed with {code}"

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(CONNECTIONS):
                group.create_task(one(number))
    except* (AssertionError, OSError) as problems:
        first = problems.exceptions[0]
        raise AssertionError(f"{len(problems.exceptions)} connections failed, the first with: {first}") from None


@suite.case("every server still runs, and none has complained of itself", Lane.FINAL)
async def still_there(environment: Environment) -> None:
    for server in environment.echo_servers():
        assert server.process.returncode is None, f"it ended with {server.process.returncode}: {server.errors()[-500:]}"
        found = re.search(r".*panicked.*\n.*", server.errors())
        assert not found, f"it panicked: {found and found[0]}"


@suite.case("on SIGTERM it says goodbye to the connections, and ends well", Lane.FINAL)
async def sigterm(environment: Environment) -> None:
    async with RawClient(environment.plain.port) as peer:
        await peer.upgrade()
        for server in environment.echo_servers():
            server.process.send_signal(signal.SIGTERM)
        code = (await within(5, "waiting for the close frame", peer.frame())).close_code
        assert code == 1001, f"closed with {code}"
        await peer.send(close(1001))
        for server in environment.echo_servers():
            status = await within(10, "waiting for the end after SIGTERM", server.process.wait())
            assert status == 0, f"it ended with {status}: {server.errors()[-500:]}"

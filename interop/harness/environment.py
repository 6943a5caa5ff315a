"""What all checks share: the examples under test, running servers, the settings of this run."""

import asyncio
import os
import re
import resource
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

LIMIT = 32 * 1024 * 1024
SMALL_LIMIT = 1000
SUBPROTOCOLS = ("chat", "superchat")
PEERS = Path(__file__).resolve().parents[1] / "peers"


@dataclass(frozen=True)
class Settings:
    """What the command line asks for."""

    echo_server: Path
    client: Path
    browser: str | None
    expect_deflate: bool


class EchoServer:
    """A running `echo_server` on a free port."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, errors: Path) -> None:
        self.process = process
        self.port = port
        self.url = f"ws://127.0.0.1:{port}/"
        self._errors = errors

    @classmethod
    async def start(cls, program: Path, scratch: Path, *arguments: str) -> "EchoServer":
        handle, errors = tempfile.mkstemp(dir=scratch)
        process = await asyncio.create_subprocess_exec(
            program, *arguments, "127.0.0.1:0", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=handle
        )
        os.close(handle)
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        ready = re.fullmatch(r"listening on ws://127\.0\.0\.1:(\d+)\n", line)
        if ready is None:
            await kill(process)
            raise RuntimeError(f"echo_server {' '.join(arguments)} said {line!r}: {Path(errors).read_text()}")
        return cls(process, int(ready[1]), Path(errors))

    def errors(self) -> str:
        """All that it wrote to standard error until now."""
        return self._errors.read_text(errors="replace")


class WsServer:
    """The server on npm `ws`, peers/ws_server.mjs: what it does hangs on the URL."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    @classmethod
    async def start(cls) -> "WsServer":
        process = await asyncio.create_subprocess_exec(
            "node", PEERS / "ws_server.mjs", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        return cls(process, int(await asyncio.wait_for(process.stdout.readline(), 20)))


@dataclass(frozen=True)
class Environment:
    settings: Settings
    plain: EchoServer
    """Started without a flag."""
    subprotocols: EchoServer
    """Knows SUBPROTOCOLS, in this order."""
    small: EchoServer
    """Takes messages of at most SMALL_LIMIT bytes."""
    no_deflate: EchoServer
    """Started with --no-deflate."""
    ws_server: WsServer

    def echo_servers(self) -> list[EchoServer]:
        return [self.plain, self.subprotocols, self.small, self.no_deflate]


@asynccontextmanager
async def environment(settings: Settings) -> AsyncIterator[Environment]:
    """Starts the servers, and ends whatever is left of them afterwards."""
    _raise_descriptor_limit()
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        started: list[EchoServer | WsServer] = []

        async def start(*arguments: str) -> EchoServer:
            started.append(server := await EchoServer.start(settings.echo_server, scratch, *arguments))
            return server

        try:
            plain = await start()
            subprotocols = await start(*(word for name in SUBPROTOCOLS for word in ("--subprotocol", name)))
            small = await start("--max-message-size", str(SMALL_LIMIT))
            no_deflate = await start("--no-deflate")
            started.append(ws_server := await WsServer.start())
            yield Environment(settings, plain, subprotocols, small, no_deflate, ws_server)
        finally:
            for server in started:
                await kill(server.process)


async def kill(process: asyncio.subprocess.Process) -> None:
    """Ends a process if it still runs. `Process.kill` would race with asyncio for its exit status."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    await process.wait()


def _raise_descriptor_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

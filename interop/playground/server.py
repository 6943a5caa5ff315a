"""The playground as a process."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


class Playground:
    """It can be ended, and started again at the same port."""

    def __init__(self, program: Path, *options: str) -> None:
        self.program = program
        self.options = options
        self.port = 0
        self.process: asyncio.subprocess.Process

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            self.program, *self.options, f"127.0.0.1:{self.port}", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
        assert self.process.stdout is not None
        line = (await asyncio.wait_for(self.process.stdout.readline(), 20)).decode()
        ready = re.fullmatch(r"open http://127\.0\.0\.1:(\d+) in a browser\n", line)
        assert ready, f"it said {line!r}"
        self.port = int(ready[1])

    def url(self, path: str = "/", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status."""
        self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), 6)

    def memory(self) -> int:
        """The bytes of its memory that are resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def playground(program: Path, *options: str) -> AsyncIterator[Playground]:
    server = Playground(program, *options)
    await server.start()
    try:
        yield server
    finally:
        if server.process.returncode is None:
            server.process.kill()
        await server.process.wait()

"""The client `websans`, run as a program: a conversation over its standard input and output."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from harness.environment import LIMIT, Environment, kill
from harness.suite import within


@dataclass(frozen=True)
class Outcome:
    status: int
    printed: str
    complaint: str
    seconds: float

    def is_clean(self) -> None:
        assert self.status == 0, f"exit status {self.status}, not 0; standard error: {self.complaint!r}"
        assert self.complaint == "", f"exit 0, yet it complains: {self.complaint!r}"


class Client:
    """A running `websans`; killed, if it still runs, at the end of `async with`."""

    def __init__(self, environment: Environment, *arguments: str) -> None:
        self.program = environment.settings.client
        self.arguments: Sequence[str] = arguments

    async def __aenter__(self) -> Self:
        self.started = time.monotonic()
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            self.program, *self.arguments, stdin=pipe, stdout=pipe, stderr=pipe, limit=LIMIT + 1024
        )
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.input, self.output, self.errors = self.process.stdin, self.process.stdout, self.process.stderr
        return self

    async def __aexit__(self, *_: object) -> None:
        await kill(self.process)

    async def say(self, line: str) -> None:
        self.input.write(f"{line}\n".encode())
        await self.input.drain()

    async def hears(self) -> str:
        """The next line printed, while standard input stays open."""
        line = await within(20, "waiting for a line on standard output", self.output.readline())
        assert line.endswith(b"\n"), f"standard output ended with {line[:80]!r}: {(await self.errors.read()).decode()!r}"
        return line[:-1].decode()

    async def ends(self, *, seconds: float = 10, close_input: bool = False) -> Outcome:
        """How it ends, by itself or after the end of its input."""
        asked = time.monotonic()
        if close_input:
            self.input.close()
        everything = asyncio.gather(self.output.read(), self.errors.read(), self.process.wait())
        printed, complaint, status = await within(seconds, "waiting for the client to end", everything)
        return Outcome(status, printed.decode(), complaint.decode(), time.monotonic() - asked)

    async def fails(self, *, seconds: float = 10, body: str = "") -> Outcome:
        """Asserts that it ends by itself, input open, with no success and one line on standard error, which the
        body of a refusal follows."""
        outcome = await self.ends(seconds=seconds)
        assert outcome.status > 0, f"exit status {outcome.status}, standard error: {outcome.complaint!r}"
        lines = outcome.complaint.splitlines()
        assert lines and lines[0].strip(), "nothing on standard error"
        assert lines[1:] == body.splitlines(), f"not one line and {body!r} on standard error: {outcome.complaint!r}"
        assert "panicked" not in lines[0], f"it panicked: {lines[0]}"
        return outcome

"""The programs of examples/net as processes, and the certificates of third-party servers."""

import asyncio
import os
import re
import signal
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

import trustme

from harness.environment import Environment, kill
from harness.suite import within


@dataclass(frozen=True)
class Net:
    """What all checks share."""

    programs: dict[str, Path]
    browser: str | None
    scratch: Path
    """An empty folder."""
    ca: Path
    """The certificate, in PEM, of who vouches for the third-party servers."""
    chain: Path
    key: Path

    def server_tls(self, *alpn: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


def net(environment: Environment) -> Net:
    """The scheduler of interop/harness hands over whatever it was given."""
    return cast(Net, environment)


def prepare(programs: dict[str, Path], browser: str | None, scratch: Path) -> Net:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(scratch / "ca.pem")
    certificate = ca.issue_cert("localhost", "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(scratch / "chain.pem")
    certificate.private_key_pem.write_to_path(scratch / "key.pem")
    return Net(programs, browser, scratch, scratch / "ca.pem", scratch / "chain.pem", scratch / "key.pem")


class Server:
    """A running server of ours on a free port."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, errors: Path, cert: Path) -> None:
        self.process = process
        self.port = port
        self.cert = cert
        self._errors = errors

    def url(self, scheme: str = "ws", path: str = "/echo") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def tls(self) -> ssl.SSLContext:
        """A client that trusts its certificate and no other."""
        return ssl.create_default_context(cafile=self.cert)

    def errors(self) -> str:
        return self._errors.read_text(errors="replace")

    def memory(self) -> int:
        """The bytes of its memory that are resident."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found, "it has ended"
        return int(found[1]) * 1024

    async def ends(self, how: signal.Signals = signal.SIGINT) -> None:
        """Tells it to end, and asserts that it does that well."""
        self.process.send_signal(how)
        status = await within(20, f"waiting for the end after {how.name}", self.process.wait())
        assert status == 0, f"it ended with {status}: {self.errors()[-500:]}"


@asynccontextmanager
async def server(environment: Environment, name: str, *arguments: str) -> AsyncIterator[Server]:
    """Starts a server; `{cert}` among the arguments is where it is to write its certificate."""
    shared = net(environment)
    handle, errors = tempfile.mkstemp(dir=shared.scratch)
    cert = Path(f"{errors}.pem")
    process = await asyncio.create_subprocess_exec(
        shared.programs[name],
        *(argument.replace("{cert}", str(cert)) for argument in arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=handle,
    )
    os.close(handle)
    try:
        assert process.stdout is not None
        line = (await within(20, f"waiting for {name} to listen", process.stdout.readline())).decode()
        ready = re.fullmatch(r"listening on wss?://127\.0\.0\.1:(\d+)\n", line)
        assert ready, f"{name} said {line!r}: {Path(errors).read_text()}"
        running = Server(process, int(ready[1]), Path(errors), cert)
        yield running
        assert process.returncode in (None, 0), f"{name} ended with {process.returncode}: {running.errors()[-500:]}"
        assert "panicked" not in running.errors(), f"{name}: {running.errors()[-500:]}"
    finally:
        await kill(process)


class Client:
    """A running client of ours: a conversation over its standard input and output."""

    def __init__(self, environment: Environment, name: str, *arguments: str) -> None:
        self.command = [str(net(environment).programs[name]), *arguments]

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        # What the system trusts must not decide what is checked here.
        variables = {name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT")}
        self.process = await asyncio.create_subprocess_exec(
            *self.command, stdin=pipe, stdout=pipe, stderr=pipe, limit=1 << 24, env=variables
        )
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.input, self.output, self.errors = self.process.stdin, self.process.stdout, self.process.stderr
        return self

    async def __aexit__(self, *_: object) -> None:
        await kill(self.process)

    async def hears(self) -> str:
        """The next line that it prints."""
        line = await within(20, "waiting for a line on standard output", self.output.readline())
        assert line.endswith(b"\n"), f"printed {line!r}; standard error: {(await self.errors.read(500))!r}"
        return line[:-1].decode()

    async def exchanges(self, line: str) -> None:
        """Says a line to an echo server."""
        self.input.write(f"{line}\n".encode())
        assert await self.hears() == line, "another line came back"

    async def ends(self) -> None:
        """Asserts that it ends well at the end of its input."""
        self.input.close()
        complaint = (await within(20, "waiting for the client to end", self.errors.read())).decode()
        status = await self.process.wait()
        assert status == 0 and complaint == "", f"exit status {status}: {complaint!r}"

    async def fails(self, says: str = "", status: int = 1) -> None:
        """Asserts that it ends by itself, input open, with one line that says why."""
        complaint = (await within(20, "waiting for the client to end", self.errors.read())).decode()
        ended = await self.process.wait()
        assert ended == status, f"exit status {ended}, not {status}: {complaint!r}"
        assert len(complaint.splitlines()) == 1 and says in complaint, f"it does not say {says!r} in one line: {complaint!r}"

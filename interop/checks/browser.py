"""A page in headless Chromium talks to echo_server with the browser's own WebSocket.

The page (peers/page.html) runs the cases one after the other and posts each result to the server it came from.
"""

import asyncio
import json
import tempfile
import threading
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from checks.ws_client import case_names, page_settings
from harness.environment import PEERS, Environment, Settings
from harness.suite import Lane, Suite, within

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Handler(SimpleHTTPRequestHandler):
    """Serves peers/ and takes the results."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}
    browser: "Browser"

    def do_POST(self) -> None:
        result = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.browser.loop.call_soon_threadsafe(self.browser.take, result)
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Browser:
    """Chromium, started when the first result is asked for."""

    def __init__(self, program: str, profile: str, names: list[str]) -> None:
        self.loop = asyncio.get_running_loop()
        self.results: dict[str, asyncio.Future[str | None]] = {name: self.loop.create_future() for name in names}
        self.process: asyncio.subprocess.Process | None = None
        self._command = [program, *FLAGS, f"--user-data-dir={profile}"]

    async def result(self, environment: Environment, name: str, port: int) -> str | None:
        if self.process is None:
            settings = urllib.parse.quote(page_settings(environment))
            url = f"http://127.0.0.1:{port}/page.html?settings={settings}"
            silent = asyncio.subprocess.DEVNULL
            self.process = await asyncio.create_subprocess_exec(
                *self._command, url, stdin=silent, stdout=silent, stderr=silent, start_new_session=True
            )
        return await within(40, "waiting for the page's result", self.results[name])

    def take(self, result: dict[str, str | None]) -> None:
        self.results[str(result["name"])].set_result(result["problem"])

    async def end(self) -> None:
        if self.process is not None:
            if self.process.returncode is None:
                self.process.terminate()
            await self.process.wait()


@asynccontextmanager
async def suite(settings: Settings) -> AsyncIterator[Suite]:
    """The suite, and the server behind it; empty without a browser."""
    found = Suite("page in Chromium → echo_server")
    if settings.browser is None:
        yield found
        return
    names = (await case_names())["standard"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(settings.browser, profile, names)
        handler = type("BoundHandler", (Handler,), {"browser": browser})
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(PEERS))) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()

            @found.table("{}", names, Lane.HEAVY, 60)
            async def run(environment: Environment, name: str) -> None:
                problem = await browser.result(environment, name, server.server_port)
                assert problem is None, str(problem)

            try:
                yield found
            finally:
                await browser.end()
                server.shutdown()

"""Headless Chromium, driven over its DevTools protocol."""

import asyncio
import base64
import itertools
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from checks.browser import FLAGS

DESKTOP = {"width": 1280, "height": 860, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


class Browser:
    """A running Chromium; what it sends is sorted by the command that it answers."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.complaints: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def command(self, method: str, session: str | None = None, **parameters: object) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        await self._socket.send(json.dumps(message))
        async with asyncio.timeout(20):
            return await answer

    async def page(self, url: str) -> "Page":
        target = (await self.command("Target.createTarget", url="about:blank"))["targetId"]
        session = (await self.command("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log"):
            await page.command(f"{domain}.enable")
        await page.size(DESKTOP)
        await page.command("Page.navigate", url=url)
        await page.until("document.readyState === 'complete'")
        return page

    def stop(self) -> None:
        self._reading.cancel()

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            match message.get("method"):
                case None:
                    answer = self._answers.pop(message["id"])
                    if "error" in message:
                        answer.set_exception(RuntimeError(str(message["error"])))
                    else:
                        answer.set_result(message["result"])
                case "Runtime.exceptionThrown":
                    self.complaints.append(str(message["params"]["exceptionDetails"]))
                case "Log.entryAdded" if message["params"]["entry"]["level"] == "error":
                    self.complaints.append(message["params"]["entry"]["text"])


class Page:
    """A tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    async def command(self, method: str, **parameters: object) -> dict[str, Any]:
        return await self._browser.command(method, self._session, **parameters)

    async def value(self, expression: str) -> Any:
        """What a JavaScript expression is."""
        result = await self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, f"{expression}: {result['exceptionDetails']}"
        return result["result"].get("value")

    async def until(self, expression: str, seconds: float = 10) -> Any:
        """Waits until an expression is true, and returns it."""
        deadline = time.monotonic() + seconds
        while not (value := await self.value(expression)):
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {expression}"
            await asyncio.sleep(0.05)
        return value

    async def text(self, selector: str) -> str:
        return str(await self.value(f"document.querySelector({json.dumps(selector)}).textContent"))

    async def click(self, selector: str) -> None:
        await self.value(f"document.querySelector({json.dumps(selector)}).click()")

    async def key(self, name: str) -> None:
        """Presses a key that types nothing, such as ArrowRight, wherever the focus is."""
        for kind in ("rawKeyDown", "keyUp"):
            await self.command("Input.dispatchKeyEvent", type=kind, key=name, code=name)

    async def fill(self, selector: str, value: str) -> None:
        await self.value(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(value)}")

    async def tab(self, name: str) -> None:
        """Opens one of the playground's tabs, and waits for its connection."""
        await self.click(f"#tab-{name}")
        await self.until(f"document.querySelector('#{name} .wire').dataset.state === 'OPEN'")

    async def to_front(self) -> None:
        """A page behind another one is hidden, and knows it."""
        await self.command("Page.bringToFront")
        await self.until("!document.hidden")

    async def size(self, metrics: dict[str, object]) -> None:
        await self.command("Emulation.setDeviceMetricsOverride", **metrics)

    async def scheme(self, name: str, *, motion: bool = True) -> None:
        features = {"prefers-color-scheme": name, "prefers-reduced-motion": "no-preference" if motion else "reduce"}
        await self.command("Emulation.setEmulatedMedia", features=[{"name": each, "value": value} for each, value in features.items()])

    async def screenshot(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        await self.command("Page.bringToFront")
        await asyncio.sleep(0.4)
        picture = await self.command("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(picture["data"]))


@asynccontextmanager
async def chromium(program: str, *flags: str) -> AsyncIterator[Browser]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        silent = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            program, *FLAGS, *flags, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank",
            stdin=silent, stdout=silent, stderr=silent, start_new_session=True,
        )  # fmt: skip
        try:
            address = Path(profile) / "DevToolsActivePort"
            async with asyncio.timeout(30):
                while not address.exists() or "\n" not in address.read_text():
                    await asyncio.sleep(0.1)
            port, path = address.read_text().split()
            async with connect(f"ws://127.0.0.1:{port}{path}", max_size=None, proxy=None) as socket:
                browser = Browser(socket)
                try:
                    yield browser
                finally:
                    browser.stop()
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

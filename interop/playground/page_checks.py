"""The page in headless Chromium: every tab, a restart of the server, screenshots."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from harness.devtools import DESKTOP, PHONE, Browser, Page, chromium
from server import Playground, playground

SCREENSHOTS = Path(__file__).resolve().parent / "screenshots"
LAST_LINE = "document.querySelector('#echo-log').lastElementChild?.textContent"


def checks(program: Path, chromium_program: str) -> dict[str, Callable[[], Awaitable[str | None]]]:
    def in_browser(check: Callable[[Browser, Playground], Awaitable[str | None]]) -> Callable[[], Awaitable[str | None]]:
        async def run() -> str | None:
            async with playground(program) as server, chromium(chromium_program) as browser:
                remark = await check(browser, server)
                assert not browser.complaints, f"the browser complains: {browser.complaints}"
                return remark

        return run

    return {
        "page: echo, text and binary and a file": in_browser(echo),
        "page: every close code is shown": in_browser(close_codes),
        "page: hello, and its source": in_browser(hello),
        "page: quotes arrive and are drawn": in_browser(quotes),
        "page: two pages chat with one another": in_browser(chat),
        "page: it comes back when the server does": restart(program, chromium_program),
        "page: nothing is wider than a phone, screenshots": in_browser(screenshots),
    }


async def fact(page: Page, name: str) -> str:
    return await page.text(f'[data-fact="{name}"]')


async def echo(browser: Browser, server: Playground) -> None:
    page = await browser.page(server.url())
    await page.tab("echo")
    assert await fact(page, "readyState") == "1 OPEN"
    assert await fact(page, "protocol") == "echo.playground"
    assert "permessage-deflate" in await fact(page, "extensions")
    for text in ("Hello", "Grüße aus 東京 🌍", "x" * 5000):
        await page.fill("#echo-text", text)
        await page.click("#echo-form button")
        await page.until(f"{LAST_LINE}.includes('the same, after')")
        assert text[:100] in await page.value(LAST_LINE)
    await page.click("#echo-random")
    await page.until(f"/256 KiB of binary.*the same/.test({LAST_LINE})")
    await page.value(
        """(() => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(5_000_000).fill(7)], 'seven.bin'));
            document.querySelector('#echo-file').files = files.files;
            document.querySelector('#echo-file').dispatchEvent(new Event('change'));
        })()"""
    )
    await page.until(f"/seven.bin, 4.8 MiB.*the same/.test({LAST_LINE})")
    assert await fact(page, "bufferedAmount") == "0"
    await page.click("#echo-ping")
    await page.until(f"/The pong has come/.test({LAST_LINE})")


async def close_codes(browser: Browser, server: Playground) -> None:
    page = await browser.page(server.url())
    await page.tab("echo")
    codes = "[...document.querySelectorAll('#echo-%s-codes button')].map((it) => it.dataset.code)"
    server_codes = await page.value(codes % "server")
    assert len(server_codes) == 17
    connect = "document.querySelector('#echo .wire button')"
    for number, expected in enumerate(server_codes, 1):
        await page.click(f"#echo-server-codes button:nth-child({number})")
        await page.until(f"document.querySelector('[data-fact=code]').textContent === '{expected}'")
        assert await fact(page, "wasClean") == str(expected != "1006").lower()
        if expected not in ("1005", "1006"):
            assert await fact(page, "reason") != "(none)"
        assert len(await fact(page, "meaning")) > 20, f"{expected} is not explained"
        await page.value(f"{connect}.hidden || {connect}.click()")
        await page.until("document.querySelector('#echo .wire').dataset.state === 'OPEN'")
    for number, expected in enumerate(await page.value(codes % "page"), 1):
        await page.click(f"#echo-page-codes button:nth-child({number})")
        await page.until(f"document.querySelector('[data-fact=code]').textContent === '{expected}'")
        assert await fact(page, "wasClean") == "true"
        await page.value(f"{connect}.hidden || {connect}.click()")
        await page.until("document.querySelector('#echo .wire').dataset.state === 'OPEN'")


async def hello(browser: Browser, server: Playground) -> None:
    page = await browser.page(server.url("/#hello"))
    await page.tab("hello")
    await page.fill("#hello-name", "Ada")
    await page.click("#hello-form button")
    await page.until("document.querySelector('#hello-reply').textContent === 'Hello, Ada!'")
    source = Path(__file__).resolve().parents[2] / "crates" / "playground" / "src" / "services" / "hello.rs"
    assert (await page.text("#hello-source")).strip() == source.read_text().strip()


async def quotes(browser: Browser, server: Playground) -> str:
    page = await browser.page(server.url())
    await page.tab("quotes")
    await page.until("Number(document.querySelector('#quotes-received').textContent) > 50", 20)
    rate = int(await page.text("#quotes-rate"))
    assert 10 <= rate <= 30, f"{rate} rounds a second"
    prices = set()
    for _ in range(10):
        prices.add(await page.text("#quotes-price"))
        await asyncio.sleep(0.1)
    assert len(prices) > 3 and all(re.fullmatch(r"\d+\.\d\d", price) for price in prices), str(prices)
    drawn = await page.value(
        """(() => {
            const canvas = document.querySelector('#quotes-chart');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return data.filter((value, at) => at % 4 === 3 && value > 0).length;
        })()"""
    )
    assert drawn > 5000, f"{drawn} pixels are drawn"
    await page.click(".stocks li:nth-child(4) button")
    await page.until("document.querySelector('#quotes-name').textContent === 'PONG'")
    assert await page.text("#quotes-skipped") == "0"
    await page.click("#quotes-freeze")
    received = int(await page.text("#quotes-received"))
    await page.until("Number(document.querySelector('#quotes-skipped').textContent) > 10")
    await page.until(f"Number(document.querySelector('#quotes-received').textContent) > {received + 60}")
    await page.tab("hello")
    await page.until("document.querySelector('#quotes .wire').dataset.state === 'CLOSED'")
    return f"{rate} rounds a second"


async def enter_chat(page: Page, name: str) -> None:
    await page.click("#tab-chat")
    await page.fill("#chat-name", name)
    await page.click("#chat-join button")
    await page.until("!document.querySelector('#chat-talk').hidden")


async def say(page: Page, text: str) -> None:
    await page.fill("#chat-text", text)
    await page.click("#chat-form button")


def said(name: str, text: str) -> str:
    return (
        "[...document.querySelectorAll('#chat-log li')].some((it) => "
        f"it.querySelector('small')?.textContent.startsWith({json.dumps(name)}) && "
        f"it.querySelector('p')?.textContent === {json.dumps(text)})"
    )


async def chat(browser: Browser, server: Playground) -> None:
    ada, grace = await browser.page(server.url()), await browser.page(server.url())
    await enter_chat(ada, "Ada")
    await say(ada, "<b>first</b>")
    await ada.until(said("Ada", "<b>first</b>"))
    await enter_chat(grace, "Grace")
    await grace.until(said("Ada", "<b>first</b>"))
    await say(grace, "hello back")
    await ada.until(said("Grace", "hello back"))
    people = "[...document.querySelectorAll('#chat-people li')].map((it) => it.textContent).join()"
    for page in (ada, grace):
        await page.until(f"{people} === 'Ada,Grace'")
    await grace.click("#chat-leave")
    await ada.until(f"{people} === 'Ada'")
    await ada.until("document.querySelector('#chat-log').lastElementChild.textContent === 'Grace left.'")
    await enter_chat(grace, "Grace")
    await ada.until(f"{people} === 'Ada,Grace'")


def restart(program: Path, chromium_program: str) -> Callable[[], Awaitable[str | None]]:
    async def run() -> None:
        async with playground(program) as server, chromium(chromium_program) as browser:
            page = await browser.page(server.url())
            await enter_chat(page, "Ada")
            await page.tab("echo")
            assert await server.end() == 0
            await page.until("document.querySelector('[data-fact=code]').textContent === '1001'")
            await page.until("document.querySelector('#echo .wait').textContent.startsWith('again in')")
            await asyncio.sleep(3)
            await server.start()
            for name in ("echo", "chat"):
                await page.until(f"document.querySelector('#{name} .wire').dataset.state === 'OPEN'", 20)
            await page.fill("#echo-text", "back again")
            await page.click("#echo-form button")
            await page.until(f"/back again.*the same/.test({LAST_LINE})")
            await page.tab("chat")
            await say(page, "still Ada")
            await page.until(said("Ada", "still Ada"))

    return run


async def screenshots(browser: Browser, server: Playground) -> str:
    page, other = await browser.page(server.url()), await browser.page(server.url())
    await page.to_front()
    await page.tab("echo")
    for text in ("Hello, WebSocket", "Grüße an alle"):
        await page.fill("#echo-text", text)
        await page.click("#echo-form button")
    await page.click("#echo-random")
    await page.click("#echo-fragments")
    await page.click("#echo-ping")
    await page.until(f"/The pong has come/.test({LAST_LINE})")
    await page.click("#echo-server-codes button:nth-child(2)")
    await page.until("document.querySelector('[data-fact=code]').textContent === '1001'")
    await page.screenshot(SCREENSHOTS / "echo-closed.png")
    await page.value("document.querySelector('#frames li.client button').click()")
    await page.tab("hello")
    await page.fill("#hello-name", "Ada")
    await page.click("#hello-form button")
    for name, each in {"Ada Lovelace": page, "Grace Hopper": other}.items():
        await enter_chat(each, name)
    await say(page, "Hello? Is anybody here?")
    await other.until(said("Ada Lovelace", "Hello? Is anybody here?"))
    await say(other, "I am. Which machine is this?")
    await page.until(said("Grace Hopper", "I am. Which machine is this?"))
    await say(page, "One small binary, and one event loop. Ten thousand of us would share the buffer that this was read into.")
    for tab in ("echo", "hello", "quotes", "chat"):
        await page.tab(tab)
        await asyncio.sleep(1.5)
        for scheme in ("light", "dark"):
            await page.scheme(scheme)
            for device, metrics in {"desktop": DESKTOP, "phone": PHONE}.items():
                await page.size(metrics)
                await page.screenshot(SCREENSHOTS / f"{tab}-{scheme}-{device}.png")
                # A phone makes its view as wide as what is in it, so that `innerWidth` says nothing.
                excess = await page.value("document.documentElement.scrollWidth") - metrics["width"]
                assert excess <= 0, f"{tab} is {excess} px wider than the {device}"
    return f"in {SCREENSHOTS.name}/"

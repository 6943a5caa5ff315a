"""The page in headless Chromium: the frame view, figures, and what makes the page easy to use and to read for everybody."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from harness.devtools import DESKTOP, PHONE, Browser, Page, chromium
from page_checks import enter_chat, fact
from server import Playground, playground

SERVICES = ("echo", "hello", "quotes", "chat")
FRAMES = "[...document.querySelectorAll('#frames ol:not([hidden]) > li')].map((it) => it.firstElementChild.textContent)"


def checks(program: Path, chromium_program: str, axe: Path) -> dict[str, Callable[[], Awaitable[str | None]]]:
    def in_browser(check: Callable[[Browser, Playground], Awaitable[str | None]], *, ends: bool = False) -> Callable[[], Awaitable[str | None]]:
        async def run() -> str | None:
            async with playground(program) as server, chromium(chromium_program) as browser:
                remark = await check(browser, server)
                # A browser complains about each attempt to connect to a server that has ended.
                complaints = [it for it in browser.complaints if not (ends and "ERR_CONNECTION_REFUSED" in it)]
                assert not complaints, f"the browser complains: {complaints}"
                return remark

        return run

    async def barriers(browser: Browser, server: Playground) -> str:
        return await no_barriers(browser, server, axe)

    return {
        "page: frames both ways, with what became of them": in_browser(frames),
        "page: a frame is taken apart": in_browser(anatomy),
        "page: the frame view rests, pauses, and is cleared": in_browser(resting),
        "page: figures of the server": in_browser(figures),
        "page: arrow keys move between tabs": in_browser(arrow_keys),
        "page: close codes are explained without a tooltip": in_browser(explained_codes),
        "page: a blank name is told": in_browser(blank_name),
        "page: a lost connection is told once": in_browser(lost_once, ends=True),
        "page: no card is empty while the server is away": in_browser(no_empty_card, ends=True),
        "page: the chart has times, ticks that stay, and a gap after a freeze": in_browser(chart),
        "page: links to the source and the documentation": in_browser(links),
        "page: axe finds no barrier, light and dark, wide and narrow": in_browser(barriers),
    }


async def find(page: Page, *words: str, seconds: float = 10) -> str:
    """The row of the frame view that has all these words."""
    found = f"{FRAMES}.find((row) => {json.dumps(words)}.every((word) => row.includes(word)))"
    return str(await page.until(found, seconds))


async def frames(browser: Browser, server: Playground) -> None:
    page = await browser.page(server.url())
    await page.tab("echo")
    await find(page, "GET /echo is answered with 101", "echo.playground", "permessage-deflate")
    await page.fill("#echo-text", "again and " * 20)
    await page.click("#echo-form button")
    await find(page, "client", "text", "FIN 1", "RSV1 1", "MASK 1", "to 200 bytes", "handed to the service", "again and again")
    await find(page, "server", "text", "FIN 1", "RSV1 1", "MASK 0", "deflated from 200 to", "again and again")
    await page.fill("#echo-text", "Grüße aus 東京")
    await page.click("#echo-fragments")
    await find(page, "server", "text", "FIN 0", "The first fragment")
    await find(page, "server", "continuation", "FIN 0", "The next fragment")
    await find(page, "server", "ping", "FIN 1", "8 B", "asks for a pong")
    await find(page, "server", "continuation", "FIN 1", "The last fragment")
    await find(page, "client", "pong", "MASK 1", "8 B", "Answers the ping")
    await page.until("[...document.querySelectorAll('#echo-log li')].some((it) => it.textContent.includes('Grüße aus 東京'))")
    await page.click("#echo-server-codes [data-code='4000']")
    await find(page, "server", "close", "CLOSING", "4000 Private Use", "Begins the closing handshake")
    await find(page, "client", "close", "CLOSING → CLOSED", "Answers our close frame")
    await find(page, "TCP is closed, after a close frame each way")
    await find(page, "connection 2", "GET /echo is answered with 101")
    await page.click("#echo-page-codes [data-code='4999']")
    await find(page, "client", "close", "OPEN → CLOSED", "4999", "Begins the closing handshake: a close frame with the same code is queued")
    await page.value("document.querySelector('#echo .wire button').click()")
    await find(page, "connection 3", "GET /echo is answered with 101")
    await page.click("#echo-page-codes [data-code='1009']")
    await find(page, "client", "OPEN → CLOSED", "Fails the connection with 1009", "is over the limit of 8388608")
    await find(page, "server", "close", "1009 Message Too Big", "Says why the connection has failed")
    for name in ("quotes", "chat", "hello"):
        await page.tab(name)
        await find(page, f"GET /{name} is answered with 101")
    assert not any("/echo" in row for row in await page.value(FRAMES)), "a tab shows the frames of another"


async def anatomy(browser: Browser, server: Playground) -> None:
    page = await browser.page(server.url("/#hello"))
    await page.tab("hello")
    await page.fill("#hello-name", "Ada")
    await page.click("#hello-form button")
    await find(page, "server", "“Hello, Ada!”")
    button = "document.querySelector('#frames ol:not([hidden]) li.server button')"
    await page.value(f"{button}.click()")
    assert await page.value(f"{button}.ariaExpanded") == "true"
    parts = await page.value(f"[...{button}.parentElement.querySelectorAll('.field')].map((it) => [...it.children].map((each) => each.textContent))")
    assert [part[:2] for part in parts] == [["1", "FIN"], ["0", "RSV1"], ["00", "RSV2, RSV3"], ["0001", "opcode"], ["0", "MASK"], ["0001011", "length"]], str(parts)
    dump = await page.value(f"{button}.parentElement.querySelector('pre').textContent")
    assert dump.startswith("48 65 6c 6c 6f 2c 20 41 64 61 21") and dump.endswith("Hello, Ada!"), dump
    await page.value(f"{button}.click()")
    assert await page.value(f"{button}.nextElementSibling") is None
    button = "document.querySelector('#frames ol:not([hidden]) li.client button')"
    await page.value(f"{button}.click()")
    text = await page.value(f"{button}.parentElement.textContent")
    assert "masking key" in text and "Payload, unmasked" in text, text


async def resting(browser: Browser, server: Playground) -> None:
    page = await browser.page(server.url("/#hello"))
    await page.tab("hello")

    async def greet(name: str) -> None:
        await page.fill("#hello-name", name)
        await page.click("#hello-form button")
        await page.until(f"document.querySelector('#hello-reply').textContent === 'Hello, {name}!'")

    async def frames_of(name: str) -> list[str]:
        return [row for row in await page.value(FRAMES) if name in row]

    await greet("Ada")
    await find(page, "server", "Hello, Ada!")
    await page.click("#frames summary")
    await page.until("!document.querySelector('#frames').open")
    await greet("Grace")
    await page.click("#frames summary")
    await find(page, "Watched from here on")
    await greet("Joan")
    await find(page, "server", "Hello, Joan!")
    assert not await frames_of("Grace"), "frames came while nobody looked"
    await page.click("#frames-pause")
    await greet("Mary")
    await page.until("/^Go on, [0-9]+ new$/.test(document.querySelector('#frames-pause').textContent)")
    assert not await frames_of("Mary")
    await page.click("#frames-pause")
    assert len(await frames_of("Mary")) == 2
    await page.click("#frames-clear")
    assert await page.value(FRAMES) == []
    assert not await page.value("document.querySelector('#frames-empty').hidden")


async def figures(browser: Browser, server: Playground) -> str:
    page = await browser.page(server.url())
    await page.tab("quotes")
    figure = "document.querySelector('[data-figure={}]').textContent"
    # The one of /echo and the one of /quotes; that which reports them does not count.
    await page.until(f"{figure.format('connections')} === '2'")
    await page.until(f"/^[0-9] in, 2[0-9] out$/.test({figure.format('messages')})")
    await page.until(f"/ in, [0-9.]+k out$/.test({figure.format('bytes')})")
    each = await page.value(figure.format("bytes_each"))
    assert 300 < int(each.removesuffix(" bytes").replace(",", "")) < 5000, each
    return f"{each} for each"


async def arrow_keys(browser: Browser, server: Playground) -> None:
    page = await browser.page(server.url())
    await page.tab("echo")
    await page.value("document.querySelector('#tab-echo').focus()")
    for key, expected in [("ArrowRight", "hello"), ("ArrowRight", "quotes"), ("End", "chat"), ("ArrowRight", "echo"), ("ArrowLeft", "chat"), ("Home", "echo")]:
        await page.key(key)
        await page.until(f"document.activeElement.id === 'tab-{expected}' && !document.querySelector('#{expected}').hidden")
        selected = await page.value("[...document.querySelectorAll('[role=tab]')].filter((it) => it.ariaSelected === 'true' && it.tabIndex === 0).map((it) => it.id)")
        assert selected == [f"tab-{expected}"], f"after {key}: {selected}"


async def explained_codes(browser: Browser, server: Playground) -> None:
    page = await browser.page(server.url())
    await page.tab("echo")
    await page.size(PHONE)
    assert await page.value("document.querySelectorAll('[title]').length") == 0, "there are tooltips"
    words = await page.value("[...document.querySelectorAll('.codes button')].map((it) => it.innerText.replaceAll('\\n', ' '))")
    assert len(words) == 22 and all(len(each) > 9 for each in words), str(words)
    await page.click("#echo-server-codes [data-code='1008']")
    await page.until("document.querySelector('[data-fact=code]').textContent === '1008'")
    assert await fact(page, "meaning") == "Policy Violation. A message breaks a rule of the endpoint, for which no other code fits."


async def blank_name(browser: Browser, server: Playground) -> None:
    page = await browser.page(server.url("/#chat"))
    await page.tab("chat")
    problem = "document.querySelector('#chat-problem')"
    for field, what in [("name", "name"), ("room", "room")]:
        before = await page.value(f"document.querySelector('#chat-{field}').value")
        await page.fill(f"#chat-{field}", "   ")
        await page.click("#chat-join button")
        assert f"The {what} is blank" in await page.value(f"{problem}.innerText")
        assert await page.value("document.activeElement.id") == f"chat-{field}"
        assert await page.value(f"document.querySelector('#chat-{field}').ariaInvalid") == "true"
        await page.fill(f"#chat-{field}", before)
    await page.fill("#chat-name", "\u0001")
    await page.click("#chat-join button")
    await page.until(f"{problem}.innerText.startsWith('The server says: ')")
    await enter_chat(page, "Ada")
    assert await page.value(f"{problem}.textContent") == ""


async def lost_once(browser: Browser, server: Playground) -> None:
    page = await browser.page(server.url())
    await enter_chat(page, "Ada")
    assert await server.end() == 0
    lost = "[...document.querySelectorAll('#chat-log .note')].filter((it) => it.textContent.includes('is lost')).length"
    await page.until(f"{lost} === 1")
    for _ in range(3):
        await page.until("document.querySelector('#chat .wait').textContent.startsWith('again in')")
        await page.click("#chat .wire button")
        await page.until("document.querySelector('#chat .wire').dataset.state === 'CLOSED'")
    assert await page.value(lost) == 1, f"{await page.value(lost)} times"
    await page.fill("#chat-text", "anybody?")
    await page.click("#chat-form button")
    assert "not sent" in await page.value("document.querySelector('#chat-log').lastElementChild.textContent")
    assert await page.value("document.querySelector('#chat-text').value") == "anybody?"
    await server.start()
    await page.until("document.querySelector('#chat-log').textContent.includes('You are here as Ada')", 20)


async def no_empty_card(browser: Browser, server: Playground) -> None:
    page = await browser.page(server.url())
    await page.tab("echo")
    assert await server.end() == 0
    for name in SERVICES:
        await page.click(f"#tab-{name}")
        await page.until(f"document.querySelector('#{name} .wire').dataset.state === 'CLOSED'")
        empty = await page.value(
            f"[...document.querySelectorAll('#{name} .card')].filter((it) => it.checkVisibility() && it.innerText.trim().length < 10).length"
        )
        assert empty == 0, f"{name}: {empty} cards are empty"
    await page.click("#tab-quotes")
    await page.until("document.querySelector('#quotes-empty').innerText.startsWith('No prices: the server does not answer.')")
    assert not await page.value("document.querySelector('#quotes-shown').checkVisibility()")
    await page.click("#tab-chat")
    await page.click("#chat-join button")
    assert (await page.value("document.querySelector('#chat-problem').innerText")).startswith("Not connected. You will join")
    await server.start()
    await page.until("!document.querySelector('#chat-talk').hidden", 20)
    await page.tab("quotes")
    await page.until("document.querySelector('#quotes-shown').checkVisibility()")


async def chart(browser: Browser, server: Playground) -> str:
    page = await browser.page(server.url())
    await page.value(
        """(() => {
            const { fillText } = CanvasRenderingContext2D.prototype;
            window.drawn = [];
            CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
                if (this.canvas.id === 'quotes-chart') window.drawn.push([text, x, y]);
                return fillText.apply(this, arguments);
            };
        })()"""
    )
    await page.tab("quotes")
    times = "window.drawn.map(([text]) => text).filter((text) => / s$|now/.test(text))"
    await page.until(f"{times}.includes('now') && {times}.includes('−5 s')")
    assert "skipped" not in await page.value("window.drawn.map(([text]) => text)")
    # Of prices, each picture may move the line; the ticks stay while the prices are within them.
    scale: dict[str, Any] = await page.value(
        """(async () => {
            const { Scale } = await import('/chart.js');
            const scale = new Scale();
            const seen = [];
            for (let step = 0; step < 200; step += 1) {
                scale.fit(100 + Math.sin(step / 9) / 2, 103 + Math.sin(step / 5) / 2);
                seen.push(scale.ticks.join());
            }
            const round = scale.ticks.every((tick) => Math.abs(tick / scale.step - Math.round(tick / scale.step)) < 1e-9);
            const held = scale.low <= 99.5 && scale.high >= 103.5;
            scale.fit(10, 10.4);
            return { changes: seen.filter((each, at) => at && each !== seen[at - 1]).length, round, held, closer: scale.high - scale.low < 2 };
        })()"""
    )
    assert scale["changes"] <= 2 and scale["round"] and scale["held"] and scale["closer"], str(scale)
    await page.click("#quotes-freeze")
    await page.until("window.drawn.some(([text]) => text === 'skipped')")
    skipped = int(await page.text("#quotes-skipped"))
    assert skipped > 10, str(skipped)
    return f"{skipped} rounds are a gap"


async def links(browser: Browser, server: Playground) -> None:
    page = await browser.page(server.url())
    found = await page.value("[...document.querySelectorAll('a:not([role=tab])')].map((it) => it.getAttribute('href'))")
    assert "https://docs.rs/websans" in found, str(found)
    for name in SERVICES:
        assert found.count(f"/{name}.rs") == 2, str(found)
        assert await page.value(f"fetch('/{name}.rs').then((it) => it.text()).then((it) => it.includes('impl Service for'))")


async def no_barriers(browser: Browser, server: Playground, axe: Path) -> str:
    page = await browser.page(server.url())
    await page.value(f"{axe.read_text()};undefined")
    await page.tab("echo")
    await page.fill("#echo-text", "Hello")
    for button in ("#echo-form button", "#echo-fragments", "#echo-random"):
        await page.click(button)
    await page.until("[...document.querySelectorAll('#echo-log li')].some((it) => /256 KiB of binary.*the same/.test(it.textContent))")
    await page.click("#echo-server-codes [data-code='1001']")
    await page.until("document.querySelector('[data-fact=code]').textContent === '1001'")
    await page.value("document.querySelector('#frames li.client button').click()")
    await enter_chat(page, "Ada")
    rules = 0
    for tab in ("chat leaving", *SERVICES):
        name = tab.split()[0]
        await page.tab(name)
        if tab == "chat leaving":
            await page.click("#chat-leave")
            await page.fill("#chat-name", " ")
            await page.click("#chat-join button")
        for scheme in ("light", "dark"):
            await page.scheme(scheme, motion=False)  # colours that fade would be seen on their way
            for device, metrics in {"desktop": DESKTOP, "phone": PHONE}.items():
                await page.size(metrics)
                await asyncio.sleep(0.2)
                result = await page.value(
                    "axe.run(document, { resultTypes: ['violations'] }).then(({ violations, passes }) => "
                    "({ rules: passes.length, found: violations.map(({ id, nodes }) => [id, nodes.map((it) => it.html.slice(0, 120) + it.failureSummary)]) }))"
                )
                assert not result["found"], f"{tab}, {scheme}, {device}: {json.dumps(result['found'])[:3000]}"
                rules = max(rules, result["rules"])
        if tab == "chat leaving":
            await enter_chat(page, "Ada")
    assert rules > 20, f"only {rules} rules were looked at"
    return f"{rules} rules"

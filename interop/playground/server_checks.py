"""The server, seen without a browser: pages, limits, slow readers, thousands of members, its end."""

import asyncio
import json
import signal
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from harness.wire import CLOSE, PING, TEXT, RawClient, frame, request
from server import Playground, playground

MIB = 1 << 20


def checks(program: Path, load: Path) -> dict[str, Callable[[], Awaitable[str | None]]]:
    def on_server(check: Callable[[Playground], Awaitable[str | None]], *options: str) -> Callable[[], Awaitable[str | None]]:
        async def run() -> str | None:
            async with playground(program, *options) as server:
                remark = await check(server)
                assert server.process.returncode in (None, 0), f"it ended with {server.process.returncode}"
                return remark

        return run

    return {
        "http: the page, its parts, 404, 405, 400, 426, 403": on_server(http),
        "http: a head in pieces, a head that never ends": on_server(odd_heads),
        "echo: text, binary, fragments, compressed, large": on_server(echo),
        "echo: every close code": on_server(close_codes),
        "echo: a reader that stops is not read from": on_server(deaf_echo),
        "quotes: a slow reader is skipped, and memory stands still": on_server(slow_quotes, "--quotes-every", "1"),
        "quotes: a page that draws nothing gets nothing, until it does": on_server(idle_quotes, "--quotes-every", "10"),
        "chat: rooms, names, history, who is there": on_server(chat),
        "chat: a reader that stops is dropped": on_server(deaf_chat),
        "chat: nonsense, and too much": on_server(nonsense),
        "server: frames of one page, byte by byte as they went": on_server(watched_frames),
        "server: a header that is no header is not put down to the frame before it": on_server(watched_bad_header),
        "server: a flood of frames that is watched takes little memory": on_server(watched_flood),
        "server: figures, and who may watch": on_server(server_figures),
        "silence: half a head is dropped after 10 s, no CPU is used": on_server(silence),
        "many who each hold back half of a message": on_server(halves),
        "many who each hold back the end of a large message": on_server(hoarders),
        "SIGTERM: 1001 to everyone, exit status 0": on_server(sigterm),
        "SIGINT: a peer that does not answer does not hold it up": on_server(sigint),
        "load: 10,000 in one room": lambda: crowd(load),
    }


async def get(server: Playground, path: str, *extra: str, method: str = "GET") -> tuple[int, str]:
    async with RawClient(server.port) as peer:
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", *extra, "", ""]
        await peer.send("\r\n".join(lines).encode())
        head = await peer.head()
        return head.status, (await peer.rest()).decode()


async def http(server: Playground) -> None:
    for path, sign in {"/": "<title>", "/app.js": "import", "/style.css": ":root", "/hello.rs": "impl Service", "/?x=1": "<title>"}.items():
        status, body = await get(server, path)
        assert status == 200 and sign in body, f"{path}: {status} {body[:80]!r}"
    for path, method, expected in [("/nothing", "GET", 404), ("/", "POST", 405), ("/echo", "GET", 426), ("/a b", "GET", 400)]:
        status, body = await get(server, path, method=method)
        assert status == expected, f"{method} {path}: {status}, not {expected}"
    for origin, expected in [("http://elsewhere.example", 403), ("null", 403), (f"http://127.0.0.1:{server.port}", 101)]:
        async with RawClient(server.port) as peer:
            await peer.send(request(Host=f"127.0.0.1:{server.port}", Origin=origin).replace(b"/raw", b"/chat"))
            status = (await peer.head()).status
            assert status == expected, f"Origin {origin}: {status}"


async def odd_heads(server: Playground) -> None:
    async with RawClient(server.port) as peer:
        for byte in request().replace(b"/raw", b"/hello") + frame(TEXT, b"Bit"):
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await peer.head()).status == 101
        assert (await peer.frame()).payload == b"Hello, Bit!"
    async with RawClient(server.port) as peer:
        await peer.send(request().replace(b"/raw", b"/hello") + frame(TEXT, b"Early"))
        await peer.head()
        assert (await peer.frame()).payload == b"Hello, Early!"
    async with RawClient(server.port) as peer:
        await peer.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000)
        assert (await peer.head()).status == 400


async def echo(server: Playground) -> None:
    async with connect(server.url("/echo", "ws"), max_size=None, subprotocols=["echo.playground"]) as ws:  # type: ignore[list-item]
        assert ws.subprotocol == "echo.playground"
        assert "permessage-deflate" in ws.response.headers["Sec-WebSocket-Extensions"]
        for message in ("", "x", "Grüße 🌍", "a" * 100_000, b"", bytes(range(256)) * 31_000):
            await ws.send(message)
            assert await ws.recv() == message
        await ws.send(["one ", "two"])
        assert await ws.recv() == "one two"
        for number in range(2000):
            await ws.send(str(number))
        for number in range(2000):
            assert await ws.recv() == str(number)
        await ws.send("/ping")
        assert "pong" in str(await ws.recv())


async def closing(ws: ClientConnection) -> tuple[int | None, str]:
    try:
        while True:
            await asyncio.wait_for(ws.recv(), 10)
    except ConnectionClosed as end:
        return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (None, "")


async def close_codes(server: Playground) -> None:
    for code in (1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 4000, 4999):
        async with connect(server.url("/echo", "ws")) as ws:
            await ws.send(f"/close {code} for a reason")
            assert await closing(ws) == (code, "for a reason")
    for order, expected in [("/close", 1005), ("/drop", None)]:
        async with connect(server.url("/echo", "ws")) as ws:
            await ws.send(order)
            assert (await closing(ws))[0] == expected, order
    async with RawClient(server.port) as peer:
        await peer.send(request().replace(b"/raw", b"/echo"))
        await peer.head()
        await peer.send(struct.pack("!BBQ", 0x82, 0xFF, 8 * MIB + 1) + b"mask")
        assert (await peer.frame()).close_code == 1009
    async with connect(server.url("/echo", "ws")) as ws:
        await ws.send("/close 1005 is not sendable, so it is no order")
        assert "sendable" in str(await ws.recv())


async def deaf_echo(server: Playground) -> str:
    async with RawClient(server.port) as peer:
        await peer.send(request().replace(b"/raw", b"/echo"))
        await peer.head()
        message = frame(0x2, bytes(64 << 10))
        sent = 0
        try:
            async with asyncio.timeout(3):
                while sent < 200 * MIB:
                    await peer.send(message)
                    sent += len(message)
        except TimeoutError:
            pass
        assert sent < 100 * MIB, "it took everything, though nobody read the answers"
        memory = server.memory()
        assert memory < 20 * MIB, f"{memory >> 20} MiB"
        return f"it took {sent >> 20} MiB and stopped; {memory >> 10} KiB resident"


def small_window(port: int) -> socket.socket:
    """A connection that can hold little in flight."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.settimeout(10)
    peer.connect(("127.0.0.1", port))
    return peer


def rounds_in(data: bytes) -> list[int]:
    """The numbers of the rounds in what came; what comes first may be cut."""
    found = []
    for piece in data.split(b'"round":')[1:]:
        digits = piece.split(b"}")[0]
        if digits.isdigit():
            found.append(int(digits))
    return found


async def slow_quotes(server: Playground) -> str:
    peer = small_window(server.port)
    peer.sendall(request().replace(b"/raw", b"/quotes"))
    # The first message with prices comes at a thousand a second; then nothing is read.
    await asyncio.sleep(2)
    before = server.memory()
    await asyncio.sleep(6)
    after = server.memory()
    assert after - before < MIB, f"memory went from {before >> 10} to {after >> 10} KiB"
    fast = 0
    async with connect(server.url("/quotes", "ws")) as ws, asyncio.timeout(5):
        while fast < 500:
            await ws.recv()
            fast += 1
    received = b""
    peer.setblocking(False)
    most = 0
    async with asyncio.timeout(20):
        while most < 1000:
            try:
                received += peer.recv(1 << 16)
            except BlockingIOError:
                await asyncio.sleep(0.005)
            rounds = rounds_in(received)
            most = max((later - earlier - 1 for earlier, later in zip(rounds, rounds[1:])), default=0)
            received = received[-100_000:]
    peer.close()
    return f"{before >> 10} KiB resident, then {after >> 10}; {most} rounds were skipped, and then it went on"


async def idle_quotes(server: Playground) -> None:
    """A page that says what it has drawn, and then does not."""
    async with connect(server.url("/quotes", "ws")) as ws:
        await ws.recv()
        last = 0
        for _ in range(50):
            last = json.loads(await ws.recv())["round"]
            await ws.send(str(last))
        rounds = []
        try:
            while True:
                rounds.append(json.loads(await asyncio.wait_for(ws.recv(), 1))["round"])
        except TimeoutError:
            pass
        assert len(rounds) <= 30, f"{len(rounds)} rounds came, though none was drawn"
        await ws.send(str(rounds[-1]))
        skipped = json.loads(await asyncio.wait_for(ws.recv(), 1))["round"] - rounds[-1]
        assert skipped > 10, f"{skipped} rounds were skipped"


async def join(server: Playground, room: str, name: str) -> tuple[ClientConnection, dict[str, object]]:
    ws = await connect(server.url("/chat", "ws"))
    await ws.send(json.dumps({"join": room, "name": name}))
    return ws, await hear(ws, "history")


async def hear(ws: ClientConnection, key: str) -> dict[str, object]:
    """The next message that has such a field."""
    async with asyncio.timeout(10):
        while True:
            message = json.loads(await ws.recv())
            if key in message:
                return dict(message)


async def chat(server: Playground) -> None:
    ada, _ = await join(server, "lobby", "Ada")
    for number in range(60):
        await asyncio.sleep(0.3 if number % 20 == 19 else 0)
        await ada.send(json.dumps({"say": f"number {number}"}))
        if number % 20 == 19:
            await asyncio.sleep(5)
    bob, welcome = await join(server, "lobby", "Ada")
    history = welcome["history"]
    assert isinstance(history, list) and [line["say"] for line in history] == [f"number {number}" for number in range(10, 60)]
    assert welcome["you"] != "Ada", "two have the same name"
    carl, welcome = await join(server, "elsewhere", "Carl")
    assert welcome["history"] == []
    await bob.send(json.dumps({"say": "hello"}))
    while (message := await hear(ada, "say"))["say"] != "hello":
        pass
    assert message["from"] == welcome["you"] or str(message["from"]).startswith("Ada #")
    while (await hear(ada, "here"))["count"] != 2:
        pass
    await bob.close()
    while not (message := await hear(ada, "here"))["left"]:
        pass
    assert message["count"] == 1
    dora, _ = await join(server, "lobby", "Dora")
    dora.transport.abort()
    while not (message := await hear(ada, "here"))["lost"]:
        pass
    await carl.send(json.dumps({"join": "lobby", "name": "Carl"}))
    assert (await hear(carl, "history"))["room"] == "lobby"
    await ada.close()
    await carl.close()


async def deaf_chat(server: Playground) -> str:
    deaf = small_window(server.port)
    deaf.sendall(request().replace(b"/raw", b"/chat") + frame(TEXT, json.dumps({"join": "lobby", "name": "Deaf"}).encode()))
    lost: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def listen(ws: ClientConnection) -> None:
        async for text in ws:
            message = json.loads(text)
            if "Deaf" in message.get("lost", ()) and not lost.done():
                lost.set_result(message["count"])

    speakers = [(await join(server, "lobby", f"Speaker {number}"))[0] for number in range(20)]
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for speaker in speakers:
            group.create_task(listen(speaker))
        while not lost.done():
            for _ in range(19):
                for speaker in speakers:
                    await speaker.send(json.dumps({"say": "x" * 1900}))
                await asyncio.sleep(0.1)  # or those who listen here would be too slow, too
            await asyncio.wait([lost], timeout=5.2)
        for speaker in speakers:
            await speaker.close()
    assert lost.result() == 20, f"{lost.result()} members are left"
    deaf.close()
    memory = server.memory()
    assert memory < 10 * MIB
    return f"{memory >> 10} KiB resident"


async def nonsense(server: Playground) -> None:
    async with connect(server.url("/chat", "ws")) as ws:
        for text in ("", "{", "[]", "null", '{"say":"not in a room"}', '{"join":"","name":"x"}', '{"join":"x","name":"' + "x" * 40 + '"}', "[" * 5000):
            await ws.send(text)
            await hear(ws, "error")
        await ws.send(json.dumps({"join": "lobby", "name": "\u202eAda </script>"}))
        await hear(ws, "history")
        for _ in range(30):
            await ws.send(json.dumps({"say": "again"}))
        assert (await hear(ws, "error"))["error"] == "not so fast"
        await ws.send(b"binary")
        assert (await closing(ws))[0] == 1003
    async with connect(server.url("/chat", "ws")) as ws:
        await ws.send("x" * 20_000)
        assert (await closing(ws))[0] == 1009


async def frames_until(watcher: ClientConnection, verdict: str) -> list[dict[str, Any]]:
    """What the frame view has got until something has become of a frame."""
    entries: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        while not any(verdict in entry["verdict"] for entry in entries):
            report = json.loads(await watcher.recv())
            assert "error" not in report, report
            entries += report.get("frames", [])
    return entries


async def watched_frames(server: Playground) -> None:
    mine, other = b"?page=00000000000000aa", b"?page=00000000000000ab"
    async with connect(server.url(f"/server{mine.decode()}", "ws")) as watcher:
        await watcher.send("watch")
        # What comes with the head of the request is seen, too.
        async with RawClient(server.port) as peer, RawClient(server.port) as stranger:
            await stranger.send(request().replace(b"/raw", b"/hello" + other) + frame(TEXT, b"Stranger"))
            await stranger.head()
            sent = [frame(TEXT, b"Early"), frame(TEXT, b"A" * 200, fin=False), frame(PING, b"ping"), frame(0, b"B" * 70_000)]
            await peer.send(request().replace(b"/raw", b"/hello" + mine) + sent[0])
            await peer.head()
            received = [await peer.frame()]
            for data in sent[1:3]:
                await peer.send(data)
            received.append(await peer.frame())
            entries = await frames_until(watcher, "Answers the ping")
            await peer.send(sent[3])
            received.append(await peer.frame())
            entries += await frames_until(watcher, "TCP is closed")
    assert not any(b"Stranger".hex() in json.dumps(entry) for entry in entries), "a page sees the frames of another"
    seen = [(entry["frame"], entry["verdict"], entry["state"]) for entry in entries if entry["frame"]]
    from_client = [it for it in seen if it[0]["from"] == "client"]
    for data, (shown, verdict, _) in zip(sent, from_client):
        header = bytes.fromhex(shown["header"])
        assert data.startswith(header), f"{data[:14].hex()} is shown as {shown['header']}"
        key = bytes.fromhex(shown["mask"])
        wire = data[len(header) :]
        assert shown["length"] == len(wire), verdict
        excerpt = bytes(byte ^ key[at % 4] for at, byte in enumerate(wire[:120]))
        assert bytes.fromhex(shown["payload"]) in (excerpt, b""), f"{shown['payload']} is not {excerpt.hex()}"
    verdicts = [verdict for _, verdict, _ in from_client]
    expected = ["A whole text message", "Unmasked, and kept", "A pong with the same payload", "Fails the connection with 1009"]
    assert len(verdicts) == 4 and all(each in verdict for each, verdict in zip(expected, verdicts)), str(verdicts)
    assert [state for _, _, state in from_client] == ["OPEN", "OPEN", "OPEN", "OPEN → CLOSED"]
    from_server = [shown for shown, _, _ in seen if shown["from"] == "server"]
    assert len(from_server) == 3
    for was, shown in zip(received, from_server):
        assert (was.opcode, was.fin, was.payload[:120].hex()) == (shown["opcode"], shown["fin"], shown["payload"])
    assert any("GET /hello is answered with 101" in entry["verdict"] for entry in entries)


async def watched_bad_header(server: Playground) -> None:
    page = "?page=00000000000000ac"
    async with connect(server.url(f"/server{page}", "ws")) as watcher:
        await watcher.send("watch")
        async with RawClient(server.port) as peer:
            await peer.send(request().replace(b"/raw", b"/echo" + page.encode()))
            await peer.head()
            # A length of five bytes that is not in its shortest form (RFC 6455 §5.2).
            await peer.send(frame(TEXT, b"good", fin=False) + b"\x80\xfe\x00\x05")
            entries = await frames_until(watcher, "Fails the connection with 1002")
    good = [entry for entry in entries if entry["frame"] and entry["frame"]["from"] == "client"]
    assert len(good) == 1 and "Fails" not in good[0]["verdict"], str(good)
    failure = [entry for entry in entries if "Fails the connection with 1002" in entry["verdict"]]
    assert len(failure) == 1 and failure[0]["frame"] is None, str(failure)


async def watched_flood(server: Playground) -> str:
    page = "?page=00000000000000aa"
    async with connect(server.url(f"/server{page}", "ws"), max_size=None) as watcher:
        await watcher.send("watch")
        async with RawClient(server.port) as peer:
            await peer.send(request().replace(b"/raw", b"/echo" + page.encode()))
            await peer.head()
            count = 30_000
            most = left_out = shown = largest = 0

            async def listen() -> None:
                nonlocal most, left_out, shown, largest
                async for text in watcher:
                    report = json.loads(text)
                    shown += len(report.get("frames", []))
                    left_out += report.get("left_out", 0)
                    largest = max(largest, len(text))
                    most = max(most, server.memory())

            async def drain() -> None:
                for _ in range(count):
                    assert (await peer.frame()).payload == b"x"

            listening = asyncio.create_task(listen())
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                group.create_task(peer.send(frame(TEXT, b"x") * count))
                group.create_task(drain())
            # It goes on afterwards.
            await peer.send(frame(PING, b"the last"))
            async with asyncio.timeout(10):
                while peer.received.find(b"the last") < 0:
                    await peer.more()
            await asyncio.sleep(0.2)
            listening.cancel()
    assert shown > 100 and left_out > count, f"{shown} were shown, {left_out} left out"
    assert most < 20 * MIB, f"{most >> 20} MiB"
    assert largest < MIB // 4, f"a report of {largest} bytes"
    return f"{shown} frames were shown, {left_out} left out, {most >> 10} KiB resident"


async def server_figures(server: Playground) -> None:
    page = "?page=00000000000000aa"
    async with connect(server.url(f"/server{page}", "ws")) as watcher, connect(server.url("/hello", "ws")) as ws:
        for _ in range(7):
            await ws.send("Ada")
            await ws.recv()
        messages, bytes_sent = [0, 0], 0
        async with asyncio.timeout(10):
            while messages != [7, 7]:
                report = json.loads(await watcher.recv())
                messages = [before + more for before, more in zip(messages, report["messages"])]
                bytes_sent += report["bytes"][1]
        # Of two bytes each is the header, the rest is `Hello, Ada!`; that it was opened counts, too.
        assert bytes_sent > 7 * 13, f"{bytes_sent} bytes"
        assert report["connections"] == 1 and 300 < report["bytes_each"] < 5000, str(report)
        await watcher.send("watch")
        async with connect(server.url(f"/server{page}", "ws")) as second, connect(server.url("/server", "ws")) as nobody:
            for each, problem in [(second, "this page watches already"), (nobody, "say which page you are")]:
                await each.send("watch")
                assert await hear(each, "error") == {"error": problem}
        await watcher.send("rest")
        await watcher.send("watch")
        async with connect(server.url(f"/hello{page}", "ws")) as seen:
            await seen.send("Ada")
            await frames_until(watcher, "A message from the service")


async def silence(server: Playground) -> str:
    async with RawClient(server.port) as slow, connect(server.url("/hello", "ws")) as ws:
        await slow.send(b"GET / HTTP/1.1\r\n")
        before = server.cpu_seconds()
        async with asyncio.timeout(13):
            await slow.rest()
        used = server.cpu_seconds() - before
        assert used < 0.1, f"{used} s of CPU for nothing"
        await ws.send("still here")
        assert await ws.recv() == "Hello, still here!"
    return f"{used:.2f} s of CPU in 10 s"


async def halves(server: Playground) -> str:
    count = 1000
    peers = [RawClient(server.port) for _ in range(count)]
    before = server.memory()
    for peer in peers:
        await peer.__aenter__()
        await peer.send(request().replace(b"/raw", b"/echo"))
        await peer.head()
        await peer.send(struct.pack("!BBQ", 0x82, 0xFF, 8 * MIB) + b"mask" + b"x" * 100)
    await asyncio.sleep(0.5)
    after = server.memory()
    for peer in peers:
        await peer.__aexit__()
    assert after - before < 100 * MIB, f"{(after - before) >> 20} MiB"
    return f"{(after - before) // count} bytes each, of a message that announces 8 MiB"


async def hoarders(server: Playground) -> str:
    count = 60
    held = frame(0x2, bytes(8 * MIB))[:-1]
    peers = [RawClient(server.port) for _ in range(count)]
    most = dropped = 0
    for peer in peers:
        await peer.__aenter__()
        try:
            await peer.send(request().replace(b"/raw", b"/echo"))
            await peer.head()
            await peer.send(held)
        except ConnectionError:
            dropped += 1
        most = max(most, server.memory())
    async with connect(server.url("/hello", "ws")) as ws:
        await ws.send("Ada")
        assert await ws.recv() == "Hello, Ada!"
    for peer in peers:
        await peer.__aexit__()
    assert dropped > 0 and most < 320 * MIB, f"{dropped} of {count} were dropped, {most >> 20} MiB"
    await asyncio.sleep(1)
    after = server.memory()
    assert after < 10 * MIB, f"{after >> 20} MiB are left"
    return f"at most {most >> 20} MiB, {dropped} of {count} dropped; {after >> 10} KiB when they are gone"


async def sigterm(server: Playground) -> None:
    sockets = [await connect(server.url(path, "ws")) for path in ("/echo", "/hello", "/quotes", "/chat") * 50]
    async with RawClient(server.port) as idle:
        server.process.send_signal(signal.SIGTERM)
        ends = await asyncio.gather(*(closing(ws) for ws in sockets))
        assert {code for code, _ in ends} == {1001}, str({code for code, _ in ends})
        assert await idle.rest() == b""
        status = await asyncio.wait_for(server.process.wait(), 5)
        assert status == 0, f"exit status {status}"


async def sigint(server: Playground) -> None:
    async with RawClient(server.port) as mute:
        await mute.send(request().replace(b"/raw", b"/hello"))
        await mute.head()
        status = await server.end(signal.SIGINT)
        assert status == 0, f"exit status {status}"
        got = await mute.frame()
        assert got.opcode == CLOSE and got.close_code == 1001 and got.opcode != PING


async def crowd(load: Path) -> str:
    process = await asyncio.create_subprocess_exec(load, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    output, _ = await process.communicate()
    lines = output.decode().splitlines()
    assert process.returncode == 0, output.decode()
    return "\n       " + "\n       ".join(lines)

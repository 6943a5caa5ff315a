"""A million messages through every part, and memory after it: it must not grow with their number."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Callable

import websans
from websans.asyncio import connect, serve

# What a run may add: fragmentation, and caches of the interpreter. A leak of 10 bytes a message is more.
ALLOWED = 6 << 20


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def pair(deflate: websans.PermessageDeflate | None) -> tuple[websans.Connection, websans.Connection]:
    config = websans.Config(permessage_deflate=deflate)
    client, server = websans.ClientHandshake("ws://localhost/", config=config), websans.ServerHandshake(config)
    server.receive_data(client.data_to_send())
    assert server.next_request() is not None
    accepted = server.accept()
    client.receive_data(accepted.data_to_send())
    assert client.next_response() is not None
    return client.connection(), accepted


def messages(deflate: websans.PermessageDeflate | None) -> Callable[[int], None]:
    client, server = pair(deflate)

    def run(count: int) -> None:
        for number in range(count):
            if number % 3:
                client.send_text(f"message {number} " * 8)
            else:
                client.send_binary(bytearray(b"message") * 20)
            if number % 10 == 0:
                client.send_ping(b"ping")
            server.receive_data(client.data_to_send())
            for event in server:
                if isinstance(event, websans.Text):
                    server.send_text(event.data)
            client.receive_data(server.data_to_send())
            for event in client:
                repr(event)

    return run


def handshakes(count: int) -> None:
    for _ in range(count // 20):
        client, server = pair(None)
        client.send_text("x" * 100)
        server.receive_data(client.data_to_send()[:50])  # left in the middle of a message
        assert server.next_event() is None


def errors(count: int) -> None:
    for _ in range(count // 20):
        server = websans.Connection.server()
        server.receive_data(b"\x81\x00")
        try:
            server.next_event()
        except websans.ProtocolError as error:
            assert error.code == 1002
        for bad in (lambda: server.send_text("late"), lambda: websans.ClientHandshake("http://x/")):
            try:
                bad()
            except websans.WebSocketError:
                pass


def over_asyncio(count: int) -> None:
    async def echo(connection: object) -> None:
        async for message in connection:  # type: ignore[attr-defined]
            await connection.send(message)  # type: ignore[attr-defined]

    async def main() -> None:
        async with serve(echo, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            for _ in range(20):
                async with connect(f"ws://127.0.0.1:{port}/", proxy=None) as connection:
                    for _ in range(count // 400):
                        await connection.send("message " * 20)
                        await connection.recv()

    asyncio.run(main())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_000_000)
    count = parser.parse_args().messages
    takeover = websans.PermessageDeflate(min_size=0)
    without = websans.PermessageDeflate(server_no_context_takeover=True, client_no_context_takeover=True)
    failed = False
    for name, run in [
        ("messages", messages(None)),
        ("compressed messages", messages(takeover)),
        ("compressed messages without context takeover", messages(without)),
        ("handshakes", handshakes),
        ("errors", errors),
        ("asyncio", over_asyncio),
    ]:
        run(max(count // 10, 1000))
        gc.collect()
        before = resident()
        run(count)
        gc.collect()
        grown = resident() - before
        failed |= grown > ALLOWED
        print(f"{name}: {grown / 1024:.0f} KiB after {count} messages", flush=True)
    if failed:
        sys.exit("memory grows")


if __name__ == "__main__":
    main()

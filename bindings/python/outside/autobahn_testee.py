"""What the Autobahn testsuite tests: an echo through websans.asyncio.

autobahn_testee.py server HOST:PORT
autobahn_testee.py client URL AGENT
"""

from __future__ import annotations

import asyncio
import sys

import websans
from websans.asyncio import Connection, ConnectionClosed, connect, serve

DEFLATE = websans.PermessageDeflate(min_size=0)
OPTIONS = {"compression": DEFLATE, "max_size": 1 << 26, "ping_interval": None}


async def echo(connection: Connection) -> None:
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass  # What the testsuite does to a connection is no error of ours.


async def server(address: str) -> None:
    host, port = address.rsplit(":", 1)
    async with serve(echo, host, int(port), **OPTIONS) as running:
        await running.serve_forever()


async def client(url: str, agent: str) -> None:
    async with connect(f"{url}/getCaseCount", **OPTIONS) as connection:
        count = int(await connection.recv())
    for case in range(1, count + 1):
        async with connect(f"{url}/runCase?case={case}&agent={agent}", **OPTIONS) as connection:
            await echo(connection)
    async with connect(f"{url}/updateReports?agent={agent}", **OPTIONS):
        pass


if __name__ == "__main__":
    asyncio.run(server(sys.argv[2]) if sys.argv[1] == "server" else client(sys.argv[2], sys.argv[3]))

"""The echo servers that the benchmark compares: servers.py NAME PORT."""

from __future__ import annotations

import asyncio
import sys
from typing import Any


def uvicorn_server(ws: str, port: int, deflate: bool, loop: str) -> None:
    import uvicorn

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            kind = message["type"]
            if kind == "websocket.receive":
                text = message.get("text")
                if text is not None:
                    await send({"type": "websocket.send", "text": text})
                else:
                    await send({"type": "websocket.send", "bytes": message["bytes"]})
            elif kind == "websocket.connect":
                await send({"type": "websocket.accept"})
            else:
                return

    uvicorn.run(
        app, port=port, ws=ws, loop=loop, lifespan="off", log_level="error",
        ws_per_message_deflate=deflate, ws_ping_interval=20,
    )  # fmt: skip


def websockets_server(serve: Any, port: int, deflate: bool) -> None:
    async def handler(connection: Any) -> None:
        async for message in connection:
            await connection.send(message)

    async def main() -> None:
        compression = "deflate" if deflate else None
        async with serve(handler, "127.0.0.1", port, compression=compression, max_size=1 << 24) as server:
            await server.serve_forever()

    asyncio.run(main())


def aiohttp_server(port: int, deflate: bool) -> None:
    from aiohttp import WSMsgType, web

    async def handler(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=deflate, max_msg_size=1 << 24)
        await ws.prepare(request)
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                await ws.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await ws.send_bytes(message.data)
        return ws

    app = web.Application()
    app.router.add_get("/", handler)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


def picows_server(port: int) -> None:
    import picows

    class Listener(picows.WSListener):  # type: ignore[misc]
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            if frame.msg_type == picows.WSMsgType.CLOSE:
                transport.send_close(frame.get_close_code(), frame.get_close_message())
                transport.disconnect()
            else:
                transport.send(frame.msg_type, frame.get_payload_as_bytes())

    async def main() -> None:
        server = await picows.ws_create_server(lambda request: Listener(), "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(main())


UVICORN = {
    "uvicorn+websans": "websans.uvicorn:WebSocketProtocol",
    "uvicorn+websockets": "websockets-sansio",
    "uvicorn+websockets (legacy)": "websockets",
    "uvicorn+wsproto": "wsproto",
}
OTHERS = ["websans.asyncio", "websockets.asyncio", "aiohttp", "picows"]


def main() -> None:
    name, port, deflate, loop = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "deflate", sys.argv[4]
    if name in UVICORN:
        uvicorn_server(UVICORN[name], port, deflate, loop)
        return
    if loop == "uvloop":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    if name == "websans.asyncio":
        from websans.asyncio import serve

        websockets_server(serve, port, deflate)
    elif name == "websockets.asyncio":
        from websockets.asyncio.server import serve as websockets_serve

        websockets_server(websockets_serve, port, deflate)
    elif name == "aiohttp":
        aiohttp_server(port, deflate)
    elif name == "picows":
        picows_server(port)
    else:
        raise SystemExit(f"no such server: {name}")


if __name__ == "__main__":
    main()

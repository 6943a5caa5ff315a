"""A chat room with FastAPI.

    pip install fastapi uvicorn websans
    uvicorn --ws websans.uvicorn:WebSocketProtocol chat:app

Then open http://127.0.0.1:8000 in two windows.
"""

import asyncio
from collections import deque

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Chat</title>
<ul id="messages"></ul>
<form id="form"><input id="text" autofocus autocomplete="off"><button>Send</button></form>
<script>
  const socket = new WebSocket(location.href.replace("http", "ws") + "chat/" + (prompt("Your name") || "somebody"))
  const show = text => messages.append(Object.assign(document.createElement("li"), { textContent: text }))
  socket.onmessage = event => show(event.data)
  socket.onclose = event => show(`The connection is closed: ${event.code} ${event.reason}`)
  form.onsubmit = event => { event.preventDefault(); socket.send(text.value); text.value = "" }
</script>
"""

# How many messages may wait for a member before it counts as gone.
MAX_WAITING = 100

app = FastAPI()


class Member:
    """Someone in the room. Each has a queue, so that one who reads slowly holds up nobody else."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.waiting: deque[str] = deque()
        self.wake = asyncio.Event()

    def tell(self, text: str) -> None:
        self.waiting.append(text)
        self.wake.set()

    async def write(self) -> None:
        while True:
            await self.wake.wait()
            self.wake.clear()
            while self.waiting:
                await self.socket.send_text(self.waiting.popleft())


room: set[Member] = set()


def tell_all(text: str) -> None:
    for member in list(room):
        if len(member.waiting) >= MAX_WAITING:
            room.discard(member)
        else:
            member.tell(text)


@app.get("/")
async def page() -> HTMLResponse:
    return HTMLResponse(PAGE)


@app.websocket("/chat/{name}")
async def chat(socket: WebSocket, name: str) -> None:
    await socket.accept()
    member = Member(socket)
    writing = asyncio.create_task(member.write())
    room.add(member)
    tell_all(f"{name} has come")
    try:
        while member in room:
            tell_all(f"{name}: {await socket.receive_text()}")
        await socket.close(1008, "too slow")
    except WebSocketDisconnect:
        pass
    finally:
        writing.cancel()
        room.discard(member)
        tell_all(f"{name} has gone")

"""A pytest plugin that takes the WebSocket tests of Starlette and FastAPI over a real server.

Their TestClient calls the application in this process, without a byte on a wire. With this plugin
`websocket_connect` starts uvicorn with websans for the application, and connects to it with the client of
`websockets`, so that both ends and the wire are real.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import contextvars
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import starlette.testclient
import uvicorn
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from websans.uvicorn import WebSocketProtocol

# What cannot be the same over a wire, by the test's name.
DIFFERENT = {
    "test_websocket_headers": "looks for the header fields of the TestClient, not of a client",
    "test_websocket_port": "looks for a port that the TestClient makes up",
    "test_receive_wrong_message_type": "receives what no peer can send",
    "test_websocket_raw_path_without_params": "looks for a scope that the TestClient makes up",
}

used: set[str] = set()


class Session:
    """What the TestClient's session does, over a connection."""

    def __init__(self, app: Any, url: str, subprotocols: Any, headers: dict[str, str], client: Any) -> None:
        self.app, self.url, self.subprotocols, self.headers, self.client = app, url, subprotocols, headers, client
        self.stack = contextlib.ExitStack()

    async def observed(self, scope: Any, receive: Any, send: Any) -> None:
        """The application, of which the TestClient also sees what does not go over a wire: its exceptions,
        and the code of a close before the accept."""

        async def observed_send(message: Any) -> None:
            if message["type"] == "websocket.close" and not self.accepted:
                self.refusal = (message.get("code", 1000), message.get("reason") or "")
            self.accepted |= message["type"] == "websocket.accept"
            await send(message)

        scope["state"].update(self.client.app_state)
        try:
            await self.app(scope, receive, observed_send)
        except Exception as error:
            self.error = error
            raise

    def __enter__(self) -> Session:
        self.accepted, self.refusal, self.error = False, (1000, ""), None
        port = self.stack.enter_context(server(self.observed, self.client))
        url = urljoin("ws://testserver", self.url)
        sock = socket.create_connection(("127.0.0.1", port))
        self.stack.callback(sock.close)
        try:
            self.connection = self.stack.enter_context(
                connect(
                    url.replace("wss:", "ws:"), sock=sock, subprotocols=self.subprotocols,
                    additional_headers=self.headers, user_agent_header="testclient", proxy=None,
                )
            )  # fmt: skip
        except InvalidStatus as error:
            response = error.response
            self.stack.close()
            if self.error is not None:
                raise self.error from None
            if response.status_code == 403 and not response.body:
                raise WebSocketDisconnect(*self.refusal) from None
            own = {b"connection", b"content-length", b"date", b"server"}
            headers = [(k.encode(), v.encode()) for k, v in response.headers.raw_items()]
            denial = WebSocketDenialResponse(
                status_code=response.status_code,
                headers=[it for it in headers if it[0].lower() not in own],
                content=bytes(response.body),
            )
            denial.read()
            raise denial from None
        self.accepted_subprotocol = self.connection.subprotocol
        own = {"connection", "upgrade", "date", "server", "sec-websocket-accept", "sec-websocket-extensions"}
        self.extra_headers = [
            (k.encode(), v.encode())
            for k, v in self.connection.response.headers.raw_items()
            if k.lower() not in own
        ]
        return self

    def __exit__(self, *_: Any) -> None:
        self.connection.close()
        self.stack.close()
        # That the peer has gone is no error of the application: uvicorn does not report it either.
        if self.error is not None and not isinstance(self.error.__context__ or self.error, OSError):
            raise self.error

    def send(self, message: Any) -> None:
        if message["type"] == "websocket.receive":
            self.connection.send(message["text"] if message.get("text") is not None else message["bytes"])
        elif message["type"] == "websocket.disconnect":
            self.connection.close(message.get("code", 1000), message.get("reason") or "")

    def send_text(self, data: str) -> None:
        self.connection.send(data)

    def send_bytes(self, data: bytes) -> None:
        self.connection.send(data)

    def send_json(self, data: Any, mode: str = "text") -> None:
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        self.connection.send(text if mode == "text" else text.encode())

    def close(self, code: int = 1000, reason: str | None = None) -> None:
        self.connection.close(code, reason or "")

    def receive(self) -> Any:
        try:
            data = self.connection.recv(timeout=10)
        except ConnectionClosed as error:
            if self.error is not None:
                raise self.error from None
            code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
            return {"type": "websocket.close", "code": code, "reason": reason}
        return {"type": "websocket.send", "text" if isinstance(data, str) else "bytes": data}

    def _receive(self) -> Any:
        message = self.receive()
        if message["type"] == "websocket.close":
            raise WebSocketDisconnect(message["code"], message["reason"])
        return message

    def receive_text(self) -> str:
        return self._receive()["text"]

    def receive_bytes(self) -> bytes:
        return self._receive()["bytes"]

    def receive_json(self, mode: str = "text") -> Any:
        message = self._receive()
        return json.loads(message["text"] if mode == "text" else message["bytes"].decode())


@contextlib.contextmanager
def server(app: Any, client: Any) -> Iterator[int]:
    """uvicorn in a thread, with the TestClient's application and settings."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, ws=WebSocketProtocol, interface="asgi3", lifespan="off", log_level="critical",
        root_path=client.root_path, timeout_graceful_shutdown=1,
    )  # fmt: skip
    uvicorn_server = uvicorn.Server(config)
    uvicorn_server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]

    def run() -> None:
        asyncio.run(uvicorn_server.serve(sockets=[listener]))

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        uvicorn_server.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive(), "the server does not end"


def websocket_connect(self: Any, url: str, subprotocols: Any = None, **kwargs: Any) -> Session:
    used.add(test)
    headers = {**self.headers, **kwargs.get("headers", {})}
    own = {"accept", "accept-encoding", "connection", "user-agent", "host"}
    headers = {k: v for k, v in headers.items() if k.lower() not in own}
    if kwargs.get("auth"):
        credentials = base64.b64encode(":".join(kwargs["auth"]).encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
    cookies = "; ".join(f"{k}={v}" for k, v in {**self.cookies, **(kwargs.get("cookies") or {})}.items())
    if cookies:
        headers["Cookie"] = cookies
    if kwargs.get("params"):
        url += ("&" if urlsplit(url).query else "?") + "&".join(f"{k}={v}" for k, v in kwargs["params"].items())
    transport = self._transport
    return Session(transport.app, url, subprotocols, headers, transport)


test = ""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    global test
    test = item.nodeid


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    starlette.testclient.TestClient.websocket_connect = websocket_connect  # type: ignore[method-assign,assignment]
    for item in items:
        reason = DIFFERENT.get(getattr(item, "originalname", item.name))
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not used:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.write_line(f"{len(used)} tests connected to a real server")

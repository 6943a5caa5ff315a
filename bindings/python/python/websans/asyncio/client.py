"""Clients: connect()."""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import ssl as ssl_module
import sys
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, cast

from .. import ClientHandshake, Config, HandshakeError
from .connection import Connection, Limits
from .exceptions import InvalidStatus, ProxyError
from .server import Compression, config_of

HeadersLike = Mapping[str, str] | Iterable[tuple[str, str]]


class ClientConnection(Connection):
    """A client's end of a connection. connect() makes it."""

    def __init__(self, handshake: ClientHandshake, **options: Any) -> None:
        super().__init__(**options)
        self.handshake: ClientHandshake | None = handshake
        self.answered: asyncio.Future[None] = self.loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.handshake is not None
        self.transport.write(self.handshake.data_to_send())

    def handshake_received(self, data: bytes) -> None:
        if self.handshake is not None and not self.answered.done():
            self.handshake.receive_data(data)
            self.next_response()

    def eof_received(self) -> None:
        if self.connection is None and self.handshake is not None and not self.answered.done():
            self.handshake.receive_eof()
            self.next_response()

    def next_response(self) -> None:
        assert self.handshake is not None
        try:
            self.response = self.handshake.next_response()
            if self.response is None:
                return
            if not self.response.is_accepted:
                raise InvalidStatus(self.response)
            connection = self.handshake.connection()
        except HandshakeError as error:
            self.answered.set_exception(error)
            return
        self.handshake = None
        self.answered.set_result(None)
        self.opened(connection)

    def closing_done(self) -> None:
        # RFC 6455 section 7.1.1: the server closes the transport first.
        self.wait_for_close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.answered.done():
            error = exc or ConnectionError("the server closed the connection")
            self.answered.set_exception(error)
            self.answered.exception()  # connect() may have given up before.


class connect:  # noqa: N801, it is used as a function
    """Connects to a server: `async with connect(uri) as connection`, or `await connect(uri)`.

    `async for connection in connect(uri)` connects again whenever the connection is lost, with growing
    delays.

    origin: the Origin header field.
    subprotocols: those to offer, the preferred ones first.
    compression: "deflate", a PermessageDeflate, or None for none.
    additional_headers: header fields to send.
    proxy: True for what the environment says (https_proxy and so on), a URL of an HTTP proxy, or None.
    process_exception: with `async for`, returns None for what is worth another try.
    open_timeout, ping_interval, ping_timeout, close_timeout: in seconds, None for no limit.
    max_size: the largest message, in bytes; or that and the largest frame.
    max_queue: how many messages may wait to be received; or that and how few must be left before
        more are read.
    write_limit: how many bytes may wait to be written before send() waits.

    What else is given goes to asyncio's loop.create_connection(), such as `ssl` or `sock`.

    Raises InvalidHandshake for a bad URI, OSError, TimeoutError, HandshakeError for a bad answer, and
    InvalidStatus for a refusal. Redirections are refusals: following one would send credentials to
    where it leads.
    """

    def __init__(
        self,
        uri: str,
        *,
        origin: str | None = None,
        subprotocols: Sequence[str] | None = None,
        compression: Compression = "deflate",
        additional_headers: HeadersLike | None = None,
        user_agent_header: str | None = f"Python/{sys.version_info[0]}.{sys.version_info[1]} websans",
        proxy: str | Literal[True] | None = True,
        process_exception: Callable[[Exception], Exception | None] | None = None,
        open_timeout: float | None = 10,
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        close_timeout: float | None = 10,
        max_size: Limits = 1 << 20,
        max_queue: Limits = 16,
        write_limit: int | tuple[int, int | None] = 1 << 15,
        logger: logging.Logger | logging.LoggerAdapter[Any] | None = None,
        unix: bool = False,
        **kwargs: Any,
    ) -> None:
        self.uri = uri
        self.subprotocols = list(subprotocols or ())
        pairs = additional_headers.items() if isinstance(additional_headers, Mapping) else additional_headers
        self.headers = [*(pairs or ())]
        if origin is not None:
            self.headers.append(("Origin", origin))
        if user_agent_header is not None:
            self.headers.append(("User-Agent", user_agent_header))
        self.config: Config = config_of(max_size, compression)
        self.proxy = proxy
        self.process_exception = process_exception or is_fatal
        self.open_timeout = open_timeout
        self.logger = logger or logging.getLogger("websans.asyncio.client")
        self.options: dict[str, Any] = {
            "ping_interval": ping_interval, "ping_timeout": ping_timeout,
            "close_timeout": close_timeout, "max_queue": max_queue, "write_limit": write_limit,
            "logger": logger,
        }  # fmt: skip
        self.unix = unix
        self.kwargs = kwargs
        self.connection: ClientConnection | None = None
        self.new_handshake()

    def new_handshake(self) -> ClientHandshake:
        return ClientHandshake(
            self.uri, subprotocols=self.subprotocols, headers=self.headers, config=self.config
        )

    async def opened(self) -> ClientConnection:
        try:
            return await asyncio.wait_for(self.open(), self.open_timeout)
        except asyncio.TimeoutError as error:
            raise TimeoutError("the opening handshake timed out") from error

    async def open(self) -> ClientConnection:
        connection = await self.open_transport(self.new_handshake())
        try:
            await asyncio.shield(connection.answered)
        except BaseException:
            connection.transport.abort()
            raise
        return connection

    async def open_transport(self, handshake: ClientHandshake) -> ClientConnection:
        loop = asyncio.get_running_loop()
        kwargs = self.kwargs.copy()
        if handshake.is_secure:
            if kwargs.setdefault("ssl", True) is None:
                raise ValueError("ssl=None does not go with a wss URI")
            kwargs.setdefault("server_hostname", handshake.host)
        elif kwargs.get("ssl") is not None:
            raise ValueError("ssl does not go with a ws URI")

        def make() -> ClientConnection:
            return ClientConnection(handshake, **self.options)

        if self.unix:
            _, connection = await loop.create_unix_connection(make, **kwargs)
            return connection
        if kwargs.get("sock") is None:
            proxy = proxy_for(handshake) if self.proxy is True else self.proxy
            if proxy is not None:
                return await self.open_through(proxy, handshake, make, kwargs)
            kwargs.setdefault("host", handshake.host)
            kwargs.setdefault("port", handshake.port)
        _, connection = await loop.create_connection(make, **kwargs)
        return connection

    async def open_through(
        self,
        proxy: str,
        handshake: ClientHandshake,
        make: Callable[[], ClientConnection],
        kwargs: dict[str, Any],
    ) -> ClientConnection:
        loop = asyncio.get_running_loop()
        tls = {key: kwargs.pop(key) for key in list(kwargs) if key.startswith(("ssl", "server_"))}
        url = urllib.parse.urlsplit(proxy)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ProxyError(f"only http and https proxies are supported, not {url.scheme}")
        transport, tunnel = await loop.create_connection(
            Tunnel, url.hostname, url.port or (443 if url.scheme == "https" else 80),
            ssl=True if url.scheme == "https" else None, **kwargs,
        )  # fmt: skip
        try:
            await tunnel.connect(handshake, url)
            connection = make()
            transport.set_protocol(connection)
            if tls.get("ssl") is not None:
                context = tls.pop("ssl")
                if context is True:
                    context = ssl_module.create_default_context()
                secured = await loop.start_tls(transport, connection, context, **tls)
                assert secured is not None
                transport = secured
        except BaseException:
            transport.abort()
            raise
        connection.connection_made(transport)
        return connection

    def __await__(self) -> Generator[Any, None, ClientConnection]:
        return self.opened().__await__()

    async def __aenter__(self) -> ClientConnection:
        if self.connection is not None:
            raise RuntimeError("connect() is entered once at a time")
        self.connection = await self
        return self.connection

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            await connection.__aexit__(exc_type, exc_value, traceback)

    async def __aiter__(self) -> AsyncIterator[ClientConnection]:
        delays = backoff()
        while True:
            try:
                async with self as connection:
                    yield connection
            except Exception as error:
                fatal = self.process_exception(error)
                if fatal is error:
                    raise
                if fatal is not None:
                    raise fatal from error
                delay = next(delays)
                self.logger.info("connecting again in %.1f s: %s", delay, error)
                await asyncio.sleep(delay)
            else:
                delays = backoff()


def is_fatal(error: Exception) -> Exception | None:
    """What of connect() is worth another try: trouble of the network and of the server."""
    if isinstance(error, (OSError, asyncio.TimeoutError)):
        return None
    if isinstance(error, InvalidStatus) and error.response.status in (500, 502, 503, 504):
        return None
    if isinstance(error, HandshakeError) and error.kind == "Eof":
        return None
    return error


def backoff() -> Generator[float, None, None]:
    """Delays between attempts: at random up to 5 s, so that clients do not come all at once, then
    growing to 90 s."""
    yield random.random() * 5
    delay = 3.1
    while True:
        yield min(delay, 90.0)
        delay *= 1.618


def proxy_for(handshake: ClientHandshake) -> str | None:
    """What the environment says."""
    if urllib.request.proxy_bypass(f"{handshake.host}:{handshake.port}"):
        return None
    proxies = urllib.request.getproxies()
    schemes = ["wss", "https"] if handshake.is_secure else ["ws", "http"]
    found = [proxies[it] for it in [*schemes, "all"] if it in proxies]
    return next((it for it in found if it.startswith(("http:", "https:"))), None)


class Tunnel(asyncio.Protocol):
    """Asks an HTTP proxy for a tunnel (RFC 9110 section 9.3.6)."""

    MAX_HEAD = 16 << 10

    def __init__(self) -> None:
        self.received = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)

    async def connect(self, handshake: ClientHandshake, url: urllib.parse.SplitResult) -> None:
        host = f"[{handshake.host}]" if ":" in handshake.host else handshake.host
        lines = [f"CONNECT {host}:{handshake.port} HTTP/1.1", f"Host: {host}:{handshake.port}"]
        if url.username is not None:
            user, password = urllib.parse.unquote(url.username), urllib.parse.unquote(url.password or "")
            credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {credentials}")
        self.transport.write("\r\n".join([*lines, "", ""]).encode())
        await self.done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.done.done():
            return
        head, end, rest = self.received.partition(b"\r\n\r\n")
        if end:
            version, status, *_ = [*head.split(b"\r\n")[0].split(b" ", 2), b"", b""]
            if not version.startswith(b"HTTP/1.") or not status.startswith(b"2") or len(status) != 3:
                line = head.split(b"\r\n")[0].decode("latin-1")
                self.done.set_exception(ProxyError(f"the proxy answered {line!r}"))
            elif rest:
                # A WebSocket server does not speak first.
                self.done.set_exception(ProxyError("the proxy sent more than its answer"))
            else:
                self.done.set_result(None)
        elif len(self.received) > self.MAX_HEAD:
            self.done.set_exception(ProxyError("the answer of the proxy is too long"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ProxyError("the proxy closed the connection"))

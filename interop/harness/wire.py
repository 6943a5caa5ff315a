"""The WebSocket protocol by hand: what raw peers send, and how they read the answer."""

import asyncio
import base64
import hashlib
import os
import re
import socket
import struct
from dataclasses import dataclass
from typing import Self

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
CONTINUATION = 0x0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
MASKING_KEY = b"\x37\xfa\x21\x3d"


@dataclass(frozen=True)
class Frame:
    opcode: int
    payload: bytes
    fin: bool
    rsv1: bool
    masked: bool

    @property
    def close_code(self) -> int | None:
        """The code of a close frame; None for an empty one."""
        assert self.opcode == CLOSE, f"expected a close frame, got opcode {self.opcode} with {self.payload[:80]!r}"
        return int.from_bytes(self.payload[:2]) if self.payload else None


@dataclass(frozen=True)
class Head:
    """The start line and headers of a request or response."""

    text: str

    @property
    def status(self) -> int:
        found = re.match(r"HTTP/1\.1 (\d{3})", self.text)
        assert found, f"not an HTTP response: {self.text[:200]!r}"
        return int(found[1])

    def header(self, name: str) -> str | None:
        """A header's values, joined with commas."""
        values: list[str] = re.findall(rf"(?im)^{re.escape(name)}[ \t]*:[ \t]*(.*?)[ \t]*\r?$", self.text)
        return ", ".join(values) or None


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True, length_bytes: int | None = None
) -> bytes:
    """The bytes of a frame; `length_bytes` (0, 2 or 8) forces a form of the length."""
    size = len(payload)
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    header = bytearray([fin << 7 | rsv << 4 | opcode, masked << 7])
    header[1] |= {0: size & 0x7F, 2: 126, 8: 127}[length_bytes]
    header += size.to_bytes(length_bytes) if length_bytes else b""
    return bytes(header) + (MASKING_KEY + xor(payload, MASKING_KEY) if masked else payload)


def close(code: int, reason: bytes = b"", *, masked: bool = True) -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason, masked=masked)


def xor(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    stream = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(stream)).to_bytes(size)


def take_frame(data: bytes | bytearray, at: int = 0) -> tuple[Frame, int] | None:
    """The frame that begins at `at` and where it ends, or None while bytes are missing."""
    if len(data) < at + 2:
        return None
    masked, short = data[at + 1] >> 7, data[at + 1] & 0x7F
    length_bytes = {126: 2, 127: 8}.get(short, 0)
    start = at + 2 + length_bytes + 4 * masked
    if len(data) < start:
        return None
    size = int.from_bytes(data[at + 2 : at + 2 + length_bytes]) if length_bytes else short
    if len(data) < start + size:
        return None
    payload = bytes(data[start : start + size])
    if masked:
        payload = xor(payload, bytes(data[start - 4 : start]))
    first = data[at]
    return Frame(first & 0xF, payload, bool(first & 0x80), bool(first & 0x40), bool(masked)), start + size


def frames(data: bytes | bytearray) -> list[Frame]:
    """All the complete frames in `data`."""
    found, at = [], 0
    while taken := take_frame(data, at):
        found.append(taken[0])
        at = taken[1]
    return found


def accept_key(key: str) -> str:
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return base64.b64encode(digest).decode()


def request(*extra: str, method: str = "GET", version: str = "HTTP/1.1", **changed: str | None) -> bytes:
    """An upgrade request. `extra` are more header lines; `changed` replaces a header, None leaves it out."""
    headers: dict[str, str | None] = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [f"{method} /raw {version}", *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join([*lines, *extra, "", ""]).encode()


def response(request_head: Head, *extra: str, **changed: str | None) -> bytes:
    """A server's 101 to the request, with the same knobs as `request`."""
    headers: dict[str, str | None] = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": accept_key(request_head.header("Sec-WebSocket-Key") or ""),
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    lines = ["HTTP/1.1 101 Switching Protocols", *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join([*lines, *extra, "", ""]).encode()


class RawClient:
    """A TCP connection of our own making to a server. Close it with `async with`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.was_reset = False
        self.received = bytearray()
        self.socket = socket.socket()
        self.socket.setblocking(False)

    async def __aenter__(self) -> Self:
        await asyncio.get_running_loop().sock_connect(self.socket, ("127.0.0.1", self.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.socket.close()

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    def end_of_input(self) -> None:
        """Closes our sending direction only."""
        self.socket.shutdown(socket.SHUT_WR)

    async def more(self) -> bool:
        """Waits for more bytes; False at the end of the connection."""
        try:
            chunk = await asyncio.get_running_loop().sock_recv(self.socket, 1 << 16)
        except (ConnectionResetError, BrokenPipeError):
            self.was_reset = True
            return False
        self.received += chunk
        return bool(chunk)

    async def head(self) -> Head:
        while (end := self.received.find(b"\r\n\r\n")) < 0:
            assert await self.more(), f"the connection ended within the head: {bytes(self.received[:200])!r}"
        head = Head(self.received[: end + 2].decode("latin-1"))
        del self.received[: end + 4]
        return head

    async def upgrade(self, *extra: str) -> Head:
        """The whole opening handshake."""
        await self.send(request(*extra))
        head = await self.head()
        assert head.status == 101, f"expected 101, got {head.text!r}"
        return head

    async def frame(self) -> Frame:
        """The next frame, but for pings, with which a server may look after a quiet connection."""
        while True:
            while (taken := take_frame(self.received)) is None:
                assert await self.more(), f"the connection ended where a frame was expected: {bytes(self.received[:80])!r}"
            del self.received[: taken[1]]
            if taken[0].opcode != PING:
                return taken[0]

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        while await self.more():
            pass
        return bytes(self.received)


def random_bytes(size: int) -> bytes:
    """`size` bytes that do not compress, quick for any size: a random block, repeated from far off."""
    block = os.urandom(min(size, 1 << 16))
    return (block * (size // max(len(block), 1) + 1))[:size]


def text_of(size: int) -> str:
    """A text of exactly `size` bytes of UTF-8, with characters of one to four bytes."""
    pattern = "aß語😀"
    count, left = divmod(size, len(pattern.encode()))
    return pattern * count + "x" * left

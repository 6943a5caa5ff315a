"""Frames and handshakes written by hand, so that tests do not prove websans by websans."""

from __future__ import annotations

import struct

import websans

REQUEST = (
    b"GET /chat?room=1 HTTP/1.1\r\n"
    b"Host: server.example.com\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Origin: http://example.com\r\n"
    b"Sec-WebSocket-Protocol: chat, superchat\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0, mask: bytes | None = b"\x37\xfa\x21\x3d") -> bytes:
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    flag = 0x80 if mask else 0
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, flag | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, flag | 126, size)
    else:
        head = struct.pack("!BBQ", first, flag | 127, size)
    if mask:
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        head += mask
    return head + payload


def pair(
    server: websans.Config | None = None, client: websans.Config | None = None
) -> tuple[websans.Connection, websans.Connection]:
    """A server's and a client's connection that have shaken hands."""
    asks, answers = websans.ClientHandshake("ws://localhost/", config=client), websans.ServerHandshake(server)
    answers.receive_data(asks.data_to_send())
    assert answers.next_request() is not None
    accepted = answers.accept()
    asks.receive_data(accepted.data_to_send())
    response = asks.next_response()
    assert response is not None and response.is_accepted
    return accepted, asks.connection()

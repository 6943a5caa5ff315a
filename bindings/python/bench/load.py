"""A load generator that costs little: it writes frames made before, and counts bytes.

It compares every message of the first round with what was sent, and the number of bytes of all.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import struct
import time
import zlib

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
MASK = b"\x37\xfa\x21\x3d"


def frame(opcode: int, payload: bytes, rsv1: bool = False) -> bytes:
    """A masked frame, as a client sends it."""
    first = 0x80 | (0x40 if rsv1 else 0) | opcode
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    mask = MASK * (size // 4 + 1)
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(mask[:size], "big")
    return head + MASK + masked.to_bytes(size, "big")


def deflated(payload: bytes) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -12)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def connect(port: int, deflate: bool) -> tuple[socket.socket, bytes]:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    extension = (
        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" if deflate else b""
    )
    sock.sendall(
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s\r\n" % (port, KEY, extension)
    )
    head = b""
    while b"\r\n\r\n" not in head:
        data = sock.recv(65536)
        if not data:
            raise SystemExit(f"the server refused: {head!r}")
        head += data
    if not head.startswith(b"HTTP/1.1 101"):
        raise SystemExit(f"the server refused: {head!r}")
    if deflate and b"permessage-deflate" not in head:
        raise SystemExit("the server did not agree to permessage-deflate")
    head, _, rest = head.partition(b"\r\n\r\n")
    assert not rest
    return sock, head


def read_frame(sock: socket.socket, timeout: float = 10) -> bytes:
    """One frame of a server, whole."""
    sock.settimeout(timeout)
    data = b""

    def need(n: int) -> None:
        nonlocal data
        while len(data) < n:
            more = sock.recv(1 << 20)
            if not more:
                raise SystemExit("the server closed the connection")
            data += more

    need(2)
    size, head = data[1], 2
    if size == 126:
        need(4)
        size, head = struct.unpack("!H", data[2:4])[0], 4
    elif size == 127:
        need(10)
        size, head = struct.unpack("!Q", data[2:10])[0], 10
    need(head + size)
    assert len(data) == head + size, "more than one frame came"
    return data


def payload_of(size: int) -> bytes:
    """Text like JSON, of which every byte counts and which compresses as such text does."""
    line = "".join(f'{{"id":{i},"name":"user {i * 7919 % 1000}","value":{i * i % 99991}}},' for i in range(size // 40 + 2))
    return line.encode()[:size]


def echo(port: int, size: int, connections: int, pipeline: int, seconds: float, deflate: bool) -> dict:
    payload = payload_of(size)
    sent = deflated(payload) if deflate else payload
    request = frame(1, sent, rsv1=deflate)
    sockets = []
    answer = b""
    for _ in range(connections):
        sock, head = connect(port, deflate)
        sock.sendall(request)
        answer = read_frame(sock)
        check(answer, payload, deflate)
        sockets.append(sock)
    selector = selectors.DefaultSelector()
    waiting = {}
    batch = request * pipeline
    for sock in sockets:
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ, sock)
        waiting[sock] = pipeline if deflate else len(answer) * pipeline
        queue(sock, batch, selector)
    held: dict[socket.socket, bytes] = {}
    count, start = 0, time.perf_counter()
    end = start + seconds
    buffer = bytearray(1 << 20)
    while time.perf_counter() < end or count < connections:
        for key, events in selector.select(1):
            sock = key.data
            if events & selectors.EVENT_WRITE:
                queue(sock, b"", selector)
            if events & selectors.EVENT_READ:
                n = sock.recv_into(buffer)
                if not n:
                    raise SystemExit("the server closed the connection")
                if deflate:
                    # Compressed answers differ in length, so their frames are counted.
                    held[sock] = held.get(sock, b"") + buffer[:n]
                    frames, held[sock] = whole_frames(held[sock])
                    waiting[sock] -= frames
                else:
                    waiting[sock] -= n
                if waiting[sock] <= 0:
                    assert waiting[sock] == 0, "more came than was sent"
                    count += pipeline
                    waiting[sock] = pipeline if deflate else len(answer) * pipeline
                    queue(sock, batch, selector)
    elapsed = time.perf_counter() - start
    for sock in sockets:
        sock.close()
    return {"messages": count, "seconds": elapsed}


def whole_frames(data: bytes) -> tuple[int, bytes]:
    """How many whole frames of a server the bytes begin with, and what is behind those."""
    count = at = 0
    while len(data) - at >= 2:
        size, head = data[at + 1], 2
        if size == 126:
            size, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
        if len(data) - at < head + size:
            break
        at += head + size
        count += 1
    return count, data[at:]


OUT: dict = {}


def queue(sock: socket.socket, data: bytes, selector: selectors.BaseSelector) -> None:
    rest = OUT.pop(sock, b"") + data if sock in OUT else data
    try:
        n = sock.send(rest)
    except BlockingIOError:
        n = 0
    if n < len(rest):
        OUT[sock] = rest[n:]
        selector.modify(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, sock)
    elif selector.get_key(sock).events & selectors.EVENT_WRITE:
        selector.modify(sock, selectors.EVENT_READ, sock)


def check(answer: bytes, payload: bytes, deflate: bool) -> None:
    size = answer[1]
    head = 2 if size < 126 else 4 if size == 126 else 10
    data = answer[head:]
    if answer[0] & 0x40:
        assert deflate
        data = zlib.decompressobj(-15).decompress(data + b"\x00\x00\xff\xff")
    assert data == payload, "the echo is not what was sent"


def memory(port: int, connections: int, size: int, pid: int) -> dict:
    """Resident memory of the server for each connection, after an echo by each."""
    payload = payload_of(size)
    request = frame(1, deflated(payload), rsv1=True)
    before = resident(pid)
    sockets = []
    for _ in range(connections):
        sock, _ = connect(port, deflate=True)
        sock.sendall(request)
        check(read_frame(sock), payload, deflate=True)
        sockets.append(sock)
    time.sleep(1)
    after = resident(pid)
    for sock in sockets:
        sock.close()
    return {"connections": connections, "bytes": (after - before) / connections}


def resident(pid: int) -> int:
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["echo", "memory"])
    parser.add_argument("port", type=int)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--pipeline", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--deflate", action="store_true")
    parser.add_argument("--pid", type=int, default=0)
    given = parser.parse_args()
    if given.what == "echo":
        result = echo(given.port, given.size, given.connections, given.pipeline, given.seconds, given.deflate)
    else:
        result = memory(given.port, given.connections, given.size, given.pid)
    print(json.dumps(result))


if __name__ == "__main__":
    main()

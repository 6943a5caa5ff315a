"""A relay that keeps the bytes which go over it, to see what two real peers said to each other."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.wire import BINARY, CONTINUATION, TEXT, Frame, Head, frames

TAIL = b"\x00\x00\xff\xff"


class Direction:
    """The bytes that went one way: a head, then frames."""

    def __init__(self) -> None:
        self.bytes = bytearray()

    @property
    def head(self) -> Head:
        end = self.bytes.find(b"\r\n\r\n")
        return Head(self.bytes[: end + 2].decode("latin-1"))

    def messages(self) -> list[list[Frame]]:
        """The data messages, each as its frames."""
        found: list[list[Frame]] = []
        for frame in frames(self.bytes[self.bytes.find(b"\r\n\r\n") + 4 :]):
            if frame.opcode in (TEXT, BINARY):
                found.append([frame])
            elif frame.opcode == CONTINUATION:
                found[-1].append(frame)
        return found


class Tap:
    """One connection, tapped."""

    def __init__(self) -> None:
        self.port = 0
        self.to_server = Direction()
        self.to_client = Direction()


@asynccontextmanager
async def tap(port: int) -> AsyncIterator[Tap]:
    """Listens on a port of its own and relays a connection to `port`."""
    line = Tap()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: Direction) -> None:
        try:
            while chunk := await reader.read(1 << 16):
                record.bytes += chunk
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(pump(reader, server_writer, line.to_server), pump(server_reader, writer, line.to_client))
        finally:
            server_writer.close()
            writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()


def inflate(messages: list[list[Frame]], *, window_bits: int, takeover: bool) -> list[bytes]:
    """The payloads of messages, compressed or not, by a decoder that knows no more than the agreed window.

    It takes the output in small pieces: zlib checks distances against the window only between calls.
    """
    payloads = []
    decoder = zlib.decompressobj(wbits=-window_bits)
    for message in messages:
        joined = b"".join(frame.payload for frame in message)
        if message[0].rsv1:
            if not takeover:
                decoder = zlib.decompressobj(wbits=-window_bits)
            try:
                joined = _inflate_message(decoder, joined)
            except zlib.error as error:
                way = f"{window_bits} window bits, takeover: {takeover}"
                raise AssertionError(f"what was sent needs more than the agreed {way}: {error}") from error
        payloads.append(joined)
    return payloads


def _inflate_message(decoder: "zlib._Decompress", compressed: bytes) -> bytes:
    payload = bytearray()
    left = compressed + TAIL
    while piece := decoder.decompress(left, 16):
        payload += piece
        left = decoder.unconsumed_tail
    return bytes(payload)


def agreed(head: Head) -> dict[str, str | None]:
    """The parameters of permessage-deflate in a response."""
    name, *parameters = (part.strip() for part in (head.header("Sec-WebSocket-Extensions") or "").split(";"))
    assert name == "permessage-deflate", f"permessage-deflate was not agreed: {head.text!r}"
    pairs = (parameter.partition("=") for parameter in parameters)
    return {key.strip(): value.strip().strip('"') if equals else None for key, equals, value in pairs}

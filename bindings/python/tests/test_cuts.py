"""Whatever the cuts between reads, events, errors and what goes out are the same."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from wire import BINARY, CLOSE, PING, PONG, TEXT, frame, pair

import websans

DEFLATE = websans.Config(
    max_message_size=5000, max_fragments=20, permessage_deflate=websans.PermessageDeflate(min_size=0)
)


def outcome(server: websans.Connection, pieces: list[bytes], parts: bool = False) -> tuple[list[Any], Any, bytes]:
    """The events, the error that ends them, and what goes out."""
    events: list[Any] = []
    error = None
    out = b""
    for piece in pieces:
        server.receive_data(piece)
        try:
            while (event := server.next_part() if parts else server.next_event()) is not None:
                events.append(event)
        except websans.ProtocolError as raised:
            error = raised.args
        out += server.data_to_send()
    server.receive_eof()
    try:
        while (event := server.next_part() if parts else server.next_event()) is not None:
            events.append(event)
    except websans.ProtocolError as raised:
        error = raised.args
    return events, error, out + server.data_to_send()


def joined(events: list[Any]) -> list[Any]:
    """Parts of messages, as messages. One that has not ended is none."""
    whole: list[Any] = []
    data: Any = None
    for event in events:
        if not isinstance(event, (websans.Text, websans.Binary)):
            whole.append(event)
            continue
        assert event.first is (data is None)
        data = event.data if data is None else data + event.data
        if event.last:
            whole.append(type(event)(data))
            data = None
    return whole


frames = st.one_of(
    st.builds(
        lambda opcode, payload, fin: frame(opcode, payload, fin=fin),
        st.sampled_from([0, 0, TEXT, BINARY]), st.binary(max_size=300), st.booleans(),
    ),
    st.builds(lambda text: frame(TEXT, text.encode()), st.text(max_size=100)),
    st.builds(lambda text, at: b"".join(
        [frame(TEXT, text.encode()[:at], fin=False), frame(PING, b"p"), frame(0, text.encode()[at:])]
    ), st.text(min_size=1, max_size=100), st.integers(0, 100)),
    st.builds(lambda opcode, payload: frame(opcode, payload), st.sampled_from([PING, PONG]), st.binary(max_size=130)),
    st.builds(lambda code, reason: frame(CLOSE, code.to_bytes(2, "big") + reason), st.integers(990, 1020), st.binary(max_size=20)),
    st.builds(lambda opcode, rsv: frame(opcode, b"", rsv=rsv), st.integers(0, 15), st.integers(0, 7)),
    st.binary(max_size=20),
)  # fmt: skip


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(it % (len(data) + 1) for it in at)})
    return [data[start:end] for start, end in zip(places, places[1:])]


@settings(max_examples=400, deadline=None)
@given(st.lists(frames, max_size=12), st.lists(st.integers(0, 10_000), max_size=40))
def test_the_events_are_the_same_for_any_cut(sent: list[bytes], at: list[int]) -> None:
    data = b"".join(sent)
    whole = outcome(websans.Connection.server(DEFLATE), [data])
    assert outcome(websans.Connection.server(DEFLATE), cut(data, at)) == whole


@settings(max_examples=200, deadline=None)
@given(st.lists(frames, max_size=12), st.lists(st.integers(0, 10_000), max_size=40))
def test_parts_are_the_messages(sent: list[bytes], at: list[int]) -> None:
    data = b"".join(sent)
    events, error, out = outcome(websans.Connection.server(DEFLATE), [data])
    in_parts, part_error, part_out = outcome(websans.Connection.server(DEFLATE), cut(data, at), parts=True)
    assert (joined(in_parts), part_error, part_out) == (events, error, out)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=2000), st.binary(max_size=2000)), max_size=10), st.randoms())
def test_compressed_messages_come_through_any_cut(messages: list[Any], choice: random.Random) -> None:
    server, client = pair(DEFLATE, DEFLATE)
    for message in messages:
        (client.send_text if isinstance(message, str) else client.send_binary)(message)
    data = client.data_to_send()
    pieces = cut(data, [choice.randrange(10_000) for _ in range(choice.randrange(30))])
    events, error, out = outcome(server, pieces)
    assert [event.data for event in events] == messages
    assert error[1] == "Eof" and out == b""


def test_byte_by_byte() -> None:
    data = b"".join([
        frame(TEXT, "grüße".encode(), fin=False), frame(PING, b"x"), frame(0, b"!"), frame(BINARY, b"\0" * 200),
        frame(CLOSE, b"\x03\xe8bye"),
    ])  # fmt: skip
    whole = outcome(websans.Connection.server(), [data])
    assert whole[0] == [websans.Ping(b"x"), websans.Text("grüße!"), websans.Binary(b"\0" * 200), websans.Close(1000, "bye")]
    assert outcome(websans.Connection.server(), [bytes([byte]) for byte in data]) == whole

"""RFC 6455 sections 5 to 7 and RFC 7692, through the sans-IO level."""

from __future__ import annotations

import pickle
import zlib

import pytest
from wire import BINARY, CLOSE, PING, PONG, TEXT, frame, pair

import websans
from websans import Binary, Close, Connection, Ping, Pong, State, Text


def test_a_text_message_is_a_str_and_a_binary_one_bytes() -> None:
    server = Connection.server()
    server.receive_data(frame(TEXT, "Hellö".encode()) + frame(BINARY, b"\x00\xff"))
    assert list(server) == [Text("Hellö"), Binary(b"\x00\xff")]
    assert server.next_event() is None


def test_an_incomplete_frame_is_no_event_and_no_error() -> None:
    server = Connection.server()
    data = frame(TEXT, b"Hello")
    for byte in data[:-1]:
        server.receive_data(bytes([byte]))
        assert server.next_event() is None
    server.receive_data(data[-1:])
    assert server.next_event() == Text("Hello")


def test_fragments_are_joined_and_control_frames_come_between() -> None:
    server = Connection.server()
    server.receive_data(frame(TEXT, b"Hel", fin=False) + frame(PING, b"?") + frame(0, b"lo"))
    assert list(server) == [Ping(b"?"), Text("Hello")]
    assert server.data_to_send() == b"\x8a\x01?"


def test_parts_of_a_message_come_as_they_arrive() -> None:
    server = Connection.server()
    data = frame(TEXT, "abcö".encode(), fin=False) + frame(0, b"def")
    server.receive_data(data[:10])  # the half of a character waits
    assert server.next_part() == Text("abc", True, False)
    server.receive_data(data[10:])
    assert server.next_part() == Text("ö", False, False)
    assert server.next_part() == Text("def", False, True)
    assert server.next_part() is None


def test_what_is_left_after_parts_comes_whole() -> None:
    server = Connection.server()
    data = frame(BINARY, b"0123456789")
    server.receive_data(data[:9])
    assert server.next_part() == Binary(b"012", True, False)
    server.receive_data(data[9:])
    event = server.next_event()
    assert isinstance(event, Binary) and event.data == b"3456789"


@pytest.mark.parametrize(
    ("data", "kind", "rule", "code", "reason"),
    [
        (b"\xc1\x80\0\0\0\0", "ReservedBit", "RFC 6455 section 5.2", 1002, "reserved bit"),
        (b"\x83\x80\0\0\0\0", "ReservedOpcode", "RFC 6455 section 5.2", 1002, "reserved opcode"),
        (b"\x81\x05Hello", "UnmaskedFrame", "RFC 6455 section 5.1", 1002, "frame not masked"),
        (frame(PING, b"", fin=False), "FragmentedControl", "RFC 6455 section 5.5", 1002, "fragmented control frame"),
        (frame(PING, b"x" * 126), "ControlTooLong", "RFC 6455 section 5.5", 1002, "control frame too long"),
        (frame(0, b"x"), "UnexpectedContinuation", "RFC 6455 section 5.4", 1002, "unexpected continuation"),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"x"), "ExpectedContinuation", "RFC 6455 section 5.4", 1002, "expected continuation"),
        (frame(CLOSE, b"x"), "CloseBodyOfOneByte", "RFC 6455 section 5.5.1", 1002, "close body of one byte"),
        (frame(CLOSE, b"\x03\xed"), "CloseCode", "RFC 6455 section 7.4", 1002, "invalid close code"),
        (frame(CLOSE, b"\x03\xe8\xff"), "CloseReasonUtf8", "RFC 6455 section 5.5.1", 1007, "invalid UTF-8"),
        (frame(TEXT, b"\xf4\x90"), "InvalidUtf8", "RFC 6455 section 8.1", 1007, "invalid UTF-8"),
        (b"\x82\xff" + bytes([0, 0, 0, 0, 2, 0, 0, 0]) + bytes(4), "MessageTooLarge", "Config.max_message_size", 1009, "message too large"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_says_the_rule_and_what_goes_out(
    data: bytes, kind: str, rule: str, code: int, reason: str
) -> None:
    server = Connection.server()
    server.receive_data(data)
    with pytest.raises(websans.ProtocolError) as raised:
        list(server)
    error = raised.value
    assert (error.kind, error.rule, error.code, error.reason) == (kind, rule, code, reason)
    body = code.to_bytes(2, "big") + reason.encode()
    assert server.data_to_send() == frame(CLOSE, body, mask=None)
    assert server.state is State.CLOSED or server.state == State.CLOSED
    with pytest.raises(websans.ProtocolError) as again:  # it stays
        server.next_event()
    assert again.value.args == error.args
    with pytest.raises(websans.ConnectionClosing):
        server.send_text("late")


def test_events_before_a_violation_come_before_it() -> None:
    server = Connection.server()
    server.receive_data(frame(TEXT, b"first") + frame(PING, b"") + b"\xff\x80\0\0\0\0")
    assert server.next_event() == Text("first")
    assert server.next_event() == Ping(b"")
    with pytest.raises(websans.ProtocolError):
        server.next_event()
    assert server.data_to_send().startswith(b"\x8a\x00\x88")


def test_the_closing_handshake_from_both_ends() -> None:
    server, client = pair()
    server.send_close(1001, "going")
    assert server.state == State.CLOSING
    client.receive_data(server.data_to_send())
    assert client.next_event() == Close(1001, "going")
    server.receive_data(client.data_to_send())
    assert server.next_event() == Close(1001, "")
    for connection in (server, client):
        assert connection.state == State.CLOSED
        status = connection.close_status
        assert status is not None and (status.code, status.clean) == (1001, True)


def test_an_end_without_a_close_frame_comes_after_what_was_received() -> None:
    server = Connection.server()
    server.receive_data(frame(TEXT, b"last"))
    server.receive_eof()
    assert server.next_event() == Text("last")
    with pytest.raises(websans.ProtocolError) as raised:
        server.next_event()
    assert (raised.value.kind, raised.value.code, raised.value.reason) == ("Eof", 1006, "")
    assert server.data_to_send() == b""


def test_an_end_after_the_close_frames_is_no_error() -> None:
    server, client = pair()
    client.send_close()
    server.receive_data(client.data_to_send())
    server.receive_eof()
    assert list(server) == [Close(1000)]
    assert server.next_event() is None


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda ws: ws.send_ping(b"x" * 126), "ControlTooLong"),
        (lambda ws: ws.send_close(1005), "CloseCode"),
        (lambda ws: ws.send_close(None, "why"), "ReasonWithoutCode"),
        (lambda ws: ws.send_close(1000, "x" * 124), "ReasonTooLong"),
    ],
)
def test_what_may_not_be_sent_is_refused_and_changes_nothing(call: object, kind: str) -> None:
    server = Connection.server()
    with pytest.raises(websans.SendFailed) as raised:
        call(server)  # type: ignore[operator]
    assert raised.value.kind == kind
    assert server.data_to_send() == b""
    server.send_text("still")
    assert server.data_to_send() == frame(TEXT, b"still", mask=None)


def test_a_whole_message_does_not_go_into_one_in_parts() -> None:
    server = Connection.server()
    server.send_text("to be ", last=False)
    with pytest.raises(websans.SendFailed) as raised:
        server.send_text("not to be")
    assert raised.value.kind == "MessageInProgress"
    server.send_ping(b"")
    server.send_text("continued", last=True)
    assert server.data_to_send() == b"\x01\x06to be \x89\x00\x80\x09continued"


def test_a_full_buffer_is_an_error_that_passes() -> None:
    server = Connection.server(websans.Config(max_queued=10))
    server.send_binary(b"x" * 20)
    with pytest.raises(websans.BufferFull):
        server.send_binary(b"x")
    server.data_to_send()
    server.send_binary(b"x")


def test_pings_of_a_peer_that_does_not_read_come_to_an_end() -> None:
    server = Connection.server(websans.Config(max_queued_replies=1000))
    with pytest.raises(websans.ProtocolError) as raised:
        for _ in range(100):
            server.receive_data(frame(PING, b"x" * 100))
            server.next_event()
    assert (raised.value.kind, raised.value.code) == ("TooManyReplies", 1008)


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 125, b"x" * 126, b"x" * 65535, b"x" * 65536, b"x" * 1_000_000])
def test_every_length_goes_through(data: bytes) -> None:
    server, client = pair()
    for sent in (data, bytearray(data), memoryview(data)):
        client.send_binary(sent)
        server.receive_data(client.data_to_send())
        assert list(server) == [Binary(data)]
    server.send_text(data)
    client.receive_data(memoryview(server.data_to_send()))
    assert list(client) == [Text(data.decode())]


def test_any_object_with_a_buffer_is_taken() -> None:
    import array

    server = Connection.server()
    server.send_binary(array.array("H", [0x4142, 0x4344]))
    server.send_binary(memoryview(b"abcdef")[::2])
    assert server.data_to_send() == b"\x82\x04BADC\x82\x03ace"
    with pytest.raises(TypeError):
        server.send_binary(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        server.send_binary("text")  # type: ignore[arg-type]


def test_text_that_is_no_utf8_is_not_sent() -> None:
    server = Connection.server()
    with pytest.raises(UnicodeEncodeError):
        server.send_text("\ud800")
    with pytest.raises(UnicodeDecodeError):
        server.send_text(b"\xff")
    assert server.data_to_send() == b""


@pytest.mark.parametrize("takeover", [True, False])
def test_permessage_deflate_both_ways(takeover: bool) -> None:
    deflate = websans.PermessageDeflate(
        server_no_context_takeover=not takeover, client_no_context_takeover=not takeover, min_size=0
    )
    config = websans.Config(permessage_deflate=deflate)
    server, client = pair(config, config)
    agreed = server.permessage_deflate
    assert agreed == client.permessage_deflate and agreed is not None
    assert agreed.server_no_context_takeover is not takeover
    text = "the same words again and again, " * 100
    sizes = []
    for _ in range(3):
        client.send_text(text)
        data = client.data_to_send()
        sizes.append(len(data))
        server.receive_data(data)
        assert list(server) == [Text(text)]
        server.send_text(text)
        client.receive_data(server.data_to_send())
        assert list(client) == [Text(text)]
    assert sizes[0] < len(text) / 10
    assert (sizes[1] < sizes[0]) is takeover
    client.send_text(text, compress=False)
    assert len(client.data_to_send()) > len(text)


def test_a_bomb_is_stopped_at_the_limit() -> None:
    deflate = websans.PermessageDeflate(min_size=0)
    config = websans.Config(permessage_deflate=deflate, max_message_size=10_000)
    server, client = pair(config, config)
    client.send_binary(bytes(1_000_000))
    server.receive_data(client.data_to_send())
    with pytest.raises(websans.ProtocolError) as raised:
        server.next_event()
    assert (raised.value.kind, raised.value.code) == ("MessageTooLarge", 1009)


def test_zlib_understands_what_is_compressed() -> None:
    config = websans.Config(permessage_deflate=websans.PermessageDeflate(min_size=0))
    server, _ = pair(config, config)
    server.send_text("Hello" * 20)
    data = server.data_to_send()
    assert data[0] == 0xC1
    assert zlib.decompressobj(-15).decompress(data[2:] + b"\0\0\xff\xff") == b"Hello" * 20


def test_events_are_values() -> None:
    for event in (Text("a"), Binary(b"a", False, True), Ping(b""), Pong(b"x"), Close(None), Close(1000, "r")):
        assert pickle.loads(pickle.dumps(event)) == event
        assert hash(event) == hash(pickle.loads(pickle.dumps(event)))
        assert eval(repr(event)) == event
    assert Ping(b"x") != Pong(b"x")
    assert Text("1") != Text("2")
    match Text("data"):
        case Text(data, first, True):
            assert (data, first) == ("data", True)
        case _:
            raise AssertionError
    with pytest.raises(AttributeError):
        Text("a").data = "b"  # type: ignore[misc]


def test_exceptions_can_be_pickled() -> None:
    server = Connection.server()
    server.receive_data(b"\x81\x05Hello")
    with pytest.raises(websans.ProtocolError) as raised:
        server.next_event()
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.rule, again.code) == (str(raised.value), raised.value.rule, 1002)


def test_settings_outside_their_range_are_refused() -> None:
    with pytest.raises(ValueError, match="server_max_window_bits is a number from 9 to 15, not 8"):
        websans.PermessageDeflate(server_max_window_bits=8)
    with pytest.raises(OverflowError):
        websans.Config(max_message_size=-1)


def test_unlimited_is_none_and_zero_is_zero() -> None:
    server = Connection.server(websans.Config(max_message_size=0))
    server.receive_data(frame(TEXT, b"") + frame(TEXT, b"x"))
    assert server.next_event() == Text("")
    with pytest.raises(websans.ProtocolError):
        server.next_event()
    assert "max_message_size=None" in repr(websans.Config(max_message_size=None))

"""The whole life of a connection, with a clock made of numbers."""

from __future__ import annotations

from typing import Any

import pytest
from wire import BINARY, CLOSE, PING, PONG, REQUEST, TEXT, frame

import websans
from websans import Action, Close, Deadlines, Ping, Pong, Request, Response, Session, State, Text


def opened(deadlines: Deadlines | None = None, config: websans.Config | None = None) -> Session:
    """A server's session whose opening handshake is done at 1 s."""
    session = Session.server(config, deadlines=deadlines)
    session.receive_data(REQUEST, 1.0)
    assert isinstance(session.next_event(), Request)
    session.accept()
    assert session.data_to_send(1.0).startswith(b"HTTP/1.1 101 ")
    assert session.next_action(1.0) == Action.READ
    return session


def test_a_life_from_the_request_to_the_end_of_the_transport() -> None:
    session = Session.server(now=0.0)
    assert (session.state, session.next_timeout()) == (None, 10.0)
    session.receive_data(REQUEST[:50], 1.0)
    assert session.next_event() is None and session.next_action(1.0) == Action.READ
    session.receive_data(REQUEST[50:] + frame(TEXT, b"early"), 2.0)
    request = session.next_event()
    assert isinstance(request, Request) and request.path == "/chat"
    session.accept("chat", {"X": "1"})
    assert session.next_action(2.0) == Action.WRITE
    assert b"\r\nX: 1\r\n" in session.data_to_send(2.0)
    assert (session.subprotocol, session.state) == ("chat", State.OPEN)
    assert list(session) == [Text("early")]
    session.receive_data(frame(CLOSE, b"\x03\xe8"), 3.0)
    assert list(session) == [Close(1000)]
    assert session.data_to_send(3.0) == frame(CLOSE, b"\x03\xe8", mask=None)
    assert session.next_action(3.0) == Action.SHUT_DOWN  # RFC 6455 section 7.1.1: the server first
    session.shut_down()
    assert session.next_action(3.0) == Action.DRAIN
    session.receive_eof(4.0)
    assert session.next_event() is None
    assert session.next_action(4.0) == Action.CLOSE
    status = session.close_status
    assert status is not None
    assert (status.code, status.reason, status.clean, status.failed) == (1000, "", True, False)


def test_a_client_and_a_server_to_the_end() -> None:
    client = Session.client("ws://localhost/", subprotocols=["chat"], now=0.0)
    server = Session.server(now=0.0)
    for _ in range(2):
        server.receive_data(client.data_to_send(0.0), 0.0)
        for event in server:
            if isinstance(event, Request):
                server.accept(event.subprotocols[0])
        client.receive_data(server.data_to_send(0.0), 0.0)
    response = client.next_event()
    assert isinstance(response, Response) and response.is_accepted
    assert client.subprotocol == "chat"
    client.send_text("bye")
    client.send_close(4000, "done")
    server.receive_data(client.data_to_send(0.0), 0.0)
    assert list(server) == [Text("bye"), Close(4000, "done")]
    client.receive_data(server.data_to_send(0.0), 0.0)
    assert list(client) == [Close(4000, "")]
    assert client.next_action(0.0) == Action.DRAIN  # the server closes the transport first
    assert server.next_action(0.0) == Action.SHUT_DOWN


def test_a_request_that_takes_too_long_is_answered_with_408() -> None:
    session = Session.server(deadlines=Deadlines(handshake=5.0))
    session.receive_data(REQUEST[:10], 4.0)
    assert session.next_event() is None and session.next_timeout() == 5.0
    session.handle_timeout(5.0)
    with pytest.raises(websans.HandshakeError) as raised:
        session.next_event()
    assert (raised.value.kind, raised.value.status) == ("Timeout", 408)
    assert session.data_to_send(5.0).startswith(b"HTTP/1.1 408 ")


def test_a_silent_peer_is_pinged_and_then_given_up() -> None:
    session = opened(Deadlines(ping_interval=20.0, pong=10.0))
    assert session.next_timeout() == 21.0
    session.handle_timeout(21.0)
    assert session.next_event() is None
    ping = session.data_to_send(21.0)
    assert ping[0] == 0x89
    assert session.next_action(21.0) == Action.READ
    assert session.next_timeout() == pytest.approx(31.0, abs=1e-3)
    session.handle_timeout(31.1)
    with pytest.raises(websans.ProtocolError) as raised:
        session.next_event()
    assert (raised.value.kind, raised.value.rule, raised.value.code) == ("Timeout", "Deadlines.pong", 1008)
    assert session.data_to_send(31.1)[:4] == b"\x88" + bytes([2 + len(raised.value.reason)]) + b"\x03\xf0"


def test_a_pong_tells_the_round_trip_time() -> None:
    session = opened(Deadlines(ping_interval=20.0))
    session.handle_timeout(21.0)
    assert session.next_event() is None
    ping = session.data_to_send(21.0)
    session.next_action(21.0)
    session.receive_data(frame(PONG, ping[2:]), 21.25)
    assert list(session) == [Pong(ping[2:])]
    assert session.round_trip_time == pytest.approx(0.25, abs=1e-3)


def test_what_came_in_time_counts_however_late_it_is_looked_at() -> None:
    session = opened(Deadlines(ping_interval=None, message=10.0))
    session.receive_data(frame(BINARY, b"half", fin=False), 2.0)
    assert session.next_event() is None
    session.receive_data(frame(0, b"whole"), 11.0)
    session.handle_timeout(100.0)
    event = session.next_event()
    assert isinstance(event, websans.Binary) and event.data == b"halfwhole"
    assert session.next_event() is None


def test_a_message_that_does_not_end_is_given_up() -> None:
    session = opened(Deadlines(ping_interval=None, message=10.0))
    session.receive_data(frame(BINARY, b"half", fin=False), 2.0)
    assert session.next_event() is None
    for now in (4.0, 8.0, 11.9):
        session.receive_data(frame(PING, b""), now)
        assert list(session) == [Ping(b"")]
        session.data_to_send(now)
    session.handle_timeout(12.1)
    with pytest.raises(websans.ProtocolError) as raised:
        session.next_event()
    assert raised.value.rule == "Deadlines.message"


def test_a_close_that_is_not_answered_comes_to_an_end() -> None:
    session = opened(Deadlines(close=10.0))
    session.send_close(1000)
    session.data_to_send(2.0)
    assert session.next_action(2.0) == Action.READ
    timeout = session.next_timeout()
    assert timeout is not None and timeout == pytest.approx(12.0, abs=1.1)
    session.handle_timeout(timeout)
    with pytest.raises(websans.ProtocolError) as raised:
        session.next_event()
    assert (raised.value.rule, raised.value.code) == ("Deadlines.close", 1006)
    assert session.next_action(timeout) == Action.CLOSE


def test_a_rejection_and_a_bad_answer() -> None:
    session = Session.server()
    with pytest.raises(websans.InvalidHandshake) as early:
        session.accept()
    assert early.value.kind == "NoRequest"
    session.receive_data(REQUEST, 0.0)
    assert isinstance(session.next_event(), Request)
    with pytest.raises(websans.SendFailed):
        session.send_text("before the answer")
    with pytest.raises(websans.InvalidHandshake) as raised:
        session.accept("other")
    assert raised.value.kind == "SubprotocolNotOffered"
    session.reject(404, body=b"Not here.\n")
    assert session.data_to_send(0.0).endswith(b"\r\n\r\nNot here.\n")
    assert session.next_action(0.0) == Action.SHUT_DOWN


def test_a_transport_that_takes_nothing_more_is_still_read() -> None:
    session = opened()
    session.send_text("lost")
    session.write_failed()
    assert session.data_to_send(2.0) == b""
    session.receive_data(frame(TEXT, b"heard"), 2.0)
    assert session.next_event() == Text("heard")


def test_an_end_without_a_close_frame() -> None:
    session = opened()
    session.receive_data(frame(TEXT, b"last"), 2.0)
    session.receive_eof(2.0)
    assert session.next_event() == Text("last")
    with pytest.raises(websans.ProtocolError) as raised:
        session.next_event()
    assert raised.value.kind == "Eof"
    assert session.next_action(2.0) == Action.CLOSE


def test_times_are_seconds_from_zero_on() -> None:
    for bad in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="a time is a number of seconds"):
            Session.server(now=bad)
        with pytest.raises(ValueError, match="a time is a number of seconds"):
            Deadlines(pong=bad)
    assert "close=None" in repr(Deadlines(close=None))


def test_messages_in_parts_both_ways() -> None:
    session = opened()
    session.receive_data(frame(TEXT, b"be", fin=False), 2.0)
    parts: list[Any] = []
    while (part := session.next_part()) is not None:
        parts.append(part)
    session.receive_data(frame(0, b"gin"), 2.0)
    parts += iter(session.next_part, None)
    assert parts == [Text("be", True, False), Text("gin", False, True)]
    session.send_text("be", last=False)
    session.send_text("gin", last=True)
    assert session.data_to_send(2.0) == b"\x01\x02be\x80\x03gin"

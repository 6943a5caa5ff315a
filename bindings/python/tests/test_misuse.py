"""Threads, forks, calls in the wrong order: an exception each time, and never a crash."""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
import time
from typing import Any

import pytest
from wire import REQUEST, TEXT, frame, pair

import websans
from websans import Connection, Text


def in_threads(count: int, work: Any) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive(), "a thread hangs"
    finally:
        sys.setswitchinterval(interval)
    assert not failures, failures


def test_threads_that_send_over_one_connection_lose_nothing() -> None:
    deflate = websans.Config(permessage_deflate=websans.PermessageDeflate(min_size=0), max_queued=None)
    server, client = pair(deflate, deflate)
    # Large enough that other threads run while a message is compressed.
    texts = [str(number) * 100_000 for number in range(4)]
    data: list[bytes] = []

    def work(number: int) -> None:
        for _ in range(20):
            client.send_text(texts[number])

    in_threads(4, work)
    data.append(client.data_to_send())
    server.receive_data(b"".join(data))
    received = [event.data for event in server]
    assert sorted(received) == sorted(texts * 20)


def test_threads_that_read_one_connection_take_each_message_once() -> None:
    server = Connection.server()
    server.receive_data(b"".join(frame(TEXT, b"%d" % number) for number in range(2000)))
    taken: list[str] = []

    def work(_: int) -> None:
        while (event := server.next_event()) is not None:
            assert isinstance(event, Text)
            taken.append(event.data)

    in_threads(4, work)
    assert sorted(map(int, taken)) == list(range(2000))


def test_a_thread_reads_while_another_writes() -> None:
    server, client = pair(websans.Config(max_queued=None), websans.Config(max_queued=None))
    done = threading.Event()
    received: list[Any] = []

    def work(number: int) -> None:
        if number == 0:
            for index in range(3000):
                client.send_text(f"{index}" * (index % 50))
            done.set()
        else:
            while True:
                last = done.is_set()
                server.receive_data(client.data_to_send())
                received.extend(server)
                if last:
                    return

    in_threads(2, work)
    assert [event.data for event in received] == [f"{index}" * (index % 50) for index in range(3000)]


def test_small_messages_do_not_wait_for_other_threads() -> None:
    """However much of them waits: to give the interpreter away for each would take as long as the
    other thread may keep it."""
    server = Connection.server()
    server.receive_data(frame(TEXT, b"x" * 64) * 40_000)
    done = threading.Event()

    def busy() -> None:
        while not done.is_set():
            sum(range(1000))

    thread = threading.Thread(target=busy)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.05)
    thread.start()
    try:
        switches, before = 0, time.perf_counter()
        while server.next_event() is not None:
            now = time.perf_counter()
            switches += now - before > 0.02
            before = now
    finally:
        done.set()
        sys.setswitchinterval(interval)
        thread.join()
    assert switches < 100, "the interpreter is given away for every message"


def test_times_at_the_ends_of_their_range() -> None:
    for now in (0.0, 5e-324, 1e9, 1.8e19):
        session = websans.Session.server(now=now, deadlines=websans.Deadlines(handshake=1.8e19, close=0.0))
        session.receive_data(REQUEST, now)
        assert isinstance(session.next_event(), websans.Request)
        session.accept()
        session.data_to_send(now)
        session.handle_timeout(now)
        assert session.next_event() is None
        session.send_close()
        session.data_to_send(now)
        session.next_action(now)
        session.next_timeout()
    for bad in (-1.0, float("nan"), float("inf"), 1e20):
        with pytest.raises(ValueError):
            websans.Session.server(now=bad)
        with pytest.raises(ValueError):
            websans.Deadlines(pong=bad)


def test_a_finalizer_that_uses_its_connection_does_not_deadlock() -> None:
    server = Connection.server()

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            server.send_text("from a finalizer")
            server.receive_data(frame(TEXT, b"x"))

    gc.set_threshold(1)
    try:
        for _ in range(200):
            Cycle()
            server.receive_data(frame(TEXT, b"y" * 50))
            list(server)
            server.data_to_send()
    finally:
        gc.set_threshold(700, 10, 10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_after_a_fork_connections_of_parent_and_child_mask_differently() -> None:
    """A single connection belongs to one of the two processes: its transport is not there twice."""

    def sent() -> bytes:
        client = Connection.client()
        client.send_text("same")
        return client.data_to_send()

    sent()  # the source of masking keys is in use
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, sent())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        child = file.read()
    parent = sent()
    assert len(parent) == len(child) == 10
    assert parent[2:6] != child[2:6], "the same masking key"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_connection_goes_on_in_the_child_of_a_fork() -> None:
    server, client = pair()
    client.send_text("before")
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            server.receive_data(client.data_to_send())
            client.send_binary(b"in the child")
            server.receive_data(client.data_to_send())
            status = 0 if [event.data for event in server] == ["before", b"in the child"] else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    server.receive_data(client.data_to_send())
    assert list(server) == [Text("before")]


def test_any_order_of_calls_raises_only_what_is_documented() -> None:
    """No panic, no SystemError, no other surprise, whatever is called when."""
    choice = random.Random(4711)
    expected = (websans.WebSocketError, RuntimeError, UnicodeError)

    def bits() -> bytes:
        return choice.choice([b"", frame(TEXT, b"x"), frame(TEXT, b"\xff"), choice.randbytes(choice.randrange(30))])

    calls = [
        lambda ws: ws.receive_data(bits()),
        lambda ws: ws.receive_eof(),
        lambda ws: ws.next_event(),
        lambda ws: ws.next_part(),
        lambda ws: list(ws),
        lambda ws: ws.send_text(choice.choice(["x" * choice.randrange(200), "\ud800"]), last=choice.choice([None, True, False])),
        lambda ws: ws.send_binary(bits(), last=choice.choice([None, True, False]), compress=False),
        lambda ws: ws.send_ping(bits() * 20),
        lambda ws: ws.send_pong(bits()),
        lambda ws: ws.send_close(choice.choice([None, 1000, 1005, 0, 4999, 65535]), "x" * choice.randrange(130)),
        lambda ws: ws.data_to_send(),
        lambda ws: ws.release(),
        lambda ws: (ws.state, ws.role, ws.close_status, ws.subprotocol, ws.permessage_deflate, repr(ws)),
    ]
    handshake_calls = [
        lambda it: it.receive_data(bits()),
        lambda it: it.receive_data(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"),
        lambda it: it.receive_data(b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
        lambda it: it.receive_eof() if choice.random() < 0.1 else None,
        lambda it: it.next_request(),
        lambda it: it.accept(choice.choice([None, "x"])),
        lambda it: it.reject(choice.choice([100, 204, 404]), body=bits()),
        lambda it: it.data_to_send(),
    ]
    session_calls = [
        lambda it: it.receive_data(bits(), choice.random() * 100),
        lambda it: it.receive_data(REQUEST, choice.random()),
        lambda it: it.receive_eof(choice.random()) if choice.random() < 0.1 else None,
        lambda it: it.handle_timeout(choice.choice([0.0, 30.0, 1e9])),
        lambda it: it.next_event(),
        lambda it: it.next_part(),
        lambda it: it.accept(),
        lambda it: it.reject(404) if choice.random() < 0.1 else None,
        lambda it: it.send_text("x", last=choice.choice([None, True, False])),
        lambda it: it.send_close() if choice.random() < 0.2 else None,
        lambda it: it.data_to_send(choice.random() * 100),
        lambda it: it.next_action(choice.random() * 100),
        lambda it: it.shut_down(),
        lambda it: it.write_failed() if choice.random() < 0.1 else None,
        lambda it: (it.next_timeout(), it.state, it.close_status, it.round_trip_time, repr(it)),
    ]
    for make, table in [
        (Connection.server, calls), (Connection.client, calls), (websans.ServerHandshake, handshake_calls),
        (websans.Session.server, session_calls), (lambda: websans.Session.client("ws://x/"), session_calls),
    ]:  # fmt: skip
        for _ in range(300):
            subject = make()
            for _ in range(30):
                try:
                    choice.choice(table)(subject)
                except expected:
                    pass


def test_classes_cannot_be_made_up() -> None:
    for made in (Connection, websans.Request, websans.Response, websans.CloseStatus, websans.State):
        with pytest.raises(TypeError):
            made()
    with pytest.raises(OverflowError):
        Connection.server().send_close(65536)
    with pytest.raises(TypeError):
        Connection.server(5)  # type: ignore[arg-type]

"""What the protocols of asyncio and of uvicorn share: a connection over a transport."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Any, Generic, TypeVar, cast

from . import (
    Binary,
    BufferFull,
    Close,
    Connection,
    ConnectionClosing,
    Ping,
    Pong,
    ProtocolError,
    Text,
)

Item = TypeVar("Item")

# How many bytes may wait to be written together with the answers to messages that have arrived.
BATCH_SIZE = 64 << 10

# When the application counts as late: it has not asked for the next message for so long, in seconds, or
# so many bytes wait behind this one.
LATE = 0.05
LATE_SIZE = 64 << 10

KEEPALIVE_REASON = "keepalive ping timeout"


class Endpoint(asyncio.Protocol, Generic[Item]):
    """An asyncio protocol around a Connection: flow control, keepalive, and the end.

    What the peer sends is made into items in a queue, for the application to take. One message is decoded,
    and what is behind it when the application asks for the next: so what it answers goes out before what
    a violation behind the message obliges to send. When the application is late, as much is decoded as
    the queue may hold, so that pings are answered. The rest waits where it was received, and the
    transport is not read meanwhile.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        pause_at: int | None,
        max_queue: int | None,
        low_queue: int,
        ping_interval: float | None,
        ping_timeout: float | None,
    ) -> None:
        self.loop = loop
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.connection: Connection | None = None

        # What the peer sent and the application has not taken: from how many items on the transport
        # is not read, and nothing decoded, and how few must be left to go on.
        self.pause_at = pause_at
        self.max_queue = max_queue
        self.low_queue = low_queue
        self.queue: deque[Item] = deque()
        self.receivers: deque[asyncio.Future[None]] = deque()
        self.read_paused = False
        self.more = False  # whether something received may wait to be decoded
        self.late_timer = False
        self.after: list[Item] = []
        self.in_parts = False
        self.early = 0  # bytes that came behind a request that is being decided on

        # What the application sends.
        self.write_paused = False
        self.senders: deque[asyncio.Future[None]] = deque()
        self.batched = 0
        self.close_sent = False
        self.disconnected = False

        # Deadlines.
        self.close_timer: asyncio.TimerHandle | None = None
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.ping_timer: asyncio.TimerHandle | None = None
        self.pong_timer: asyncio.TimerHandle | None = None
        self.ping_payload: bytes | None = None
        self.ping_sent_at = 0.0
        self.last_ping_rtt = 0.0

    # What the subclasses do.

    close_timeout: float | None

    def handshake_received(self, data: bytes) -> None:
        """The opening handshake has brought bytes."""
        raise NotImplementedError

    def message_received(self, event: Text | Binary) -> None:
        """A message, or a part of one, which may become an item."""
        raise NotImplementedError

    def ended(self, code: int, reason: str, event: Close | None) -> None:
        """Nothing more comes from the peer: its close frame has come, or it broke the protocol and
        this is what went out, or it is silent."""
        raise NotImplementedError

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.connection is None:
            self.handshake_received(data)
        else:
            self.connection.receive_data(data)
            if not self.queue or self.close_sent:
                self.process_events(self.connection, one=not self.close_sent)
            elif self.connection.unread > LATE_SIZE:
                self.process_events(self.connection)
            else:
                self.decode_later()

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.flush()  # the pongs that have waited
        self.write_paused = False
        wake_all(self.senders)

    def lost(self) -> None:
        """The transport is gone: stops every timer and wakes who waits to send."""
        self.disconnected = True
        self.stop_keepalive()
        self.stop_close_timer()
        # A transport that is lost while it is paused never calls resume_writing().
        self.write_paused = False
        wake_all(self.senders)

    # The opening handshake.

    def opened(self, connection: Connection) -> None:
        """The opening handshake is done, and messages may have come with it."""
        self.connection = connection
        self.flush()
        self.start_keepalive()
        self.process_events(connection, one=True)

    def end_with(self, data: bytes) -> None:
        """Answers a request with something else than a connection, and closes the transport."""
        if data and not self.transport.is_closing():
            self.transport.write(data)
        self.close_transport()

    def early_received(self, size: int) -> None:
        """Stops reading when the peer sends much before it has the answer to its request."""
        self.early += size
        if self.early > LATE_SIZE:
            self.pause_reading()

    # From the peer to the application.

    def process_events(self, connection: Connection, one: bool = False) -> None:
        """Makes items of what was received: of one message, or of as many as the queue may hold."""
        try:
            while True:
                event = connection.next_part() if self.in_parts else connection.next_event()
                kind = type(event)
                if kind is Text or kind is Binary:
                    self.message_received(cast("Text | Binary", event))
                    if one and self.queue:
                        self.more = False
                        if connection.unread:
                            self.decode_later()
                        break
                    if self.read_paused and self.is_full():
                        self.more = True
                        return
                elif event is None:
                    self.more = False
                    break
                elif kind is Ping:
                    # A peer that does not read may not pile up pongs in the transport: they wait in
                    # the connection, which has a limit for them.
                    if not self.write_paused:
                        self.flush()
                elif kind is Pong:
                    self.pong_received(cast(Pong, event).payload)
                else:
                    self.close_received(cast(Close, event))
        except ProtocolError as error:
            self.more = False
            self.fail(error)
        if self.read_paused or self.after:
            self.settle()

    def decode_later(self) -> None:
        """When the application asks for the next message, or when it is late."""
        self.more = True
        if not self.late_timer:
            self.late_timer = True
            self.loop.call_later(LATE, self.decode_late)

    def decode_late(self) -> None:
        self.late_timer = False
        if self.more and self.connection is not None and not self.is_full():
            self.process_events(self.connection)

    def settle(self) -> None:
        """Reads on, once all is decoded and the application has taken most of it."""
        if not self.more and len(self.queue) <= self.low_queue:
            self.unpause_reading()

    def is_full(self) -> bool:
        return self.max_queue is not None and len(self.queue) >= self.max_queue

    def deliver(self, item: Item) -> None:
        self.queue.append(item)
        wake(self.receivers)

    def deliver_message(self, item: Item) -> None:
        """Delivers what the peer may send any number of, and stops reading if that is too much."""
        busy = bool(self.queue) or not self.receivers
        self.deliver(item)
        if self.read_paused or self.pause_at is None or not busy:
            return
        if len(self.queue) >= self.pause_at:
            self.pause_reading()

    def deliver_last(self, item: Item) -> None:
        """Delivers what comes after all that was received."""
        if self.connection is not None and (self.read_paused or self.more):
            self.after.append(item)
        else:
            self.deliver(item)

    async def wait_for_item(self) -> None:
        if self.more and self.connection is not None:
            self.process_events(self.connection, one=True)
            if self.queue:
                return
        receiver = self.loop.create_future()
        self.receivers.append(receiver)
        try:
            await receiver
        except BaseException:
            # What this one was woken for is another's.
            if receiver in self.receivers:
                self.receivers.remove(receiver)
            elif self.queue:
                wake(self.receivers)
            raise

    def take_item(self) -> Item:
        item = self.queue.popleft()
        if self.read_paused:
            self.settle()
        return item

    def pause_reading(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            if not self.disconnected:
                self.transport.pause_reading()

    def unpause_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            if not self.disconnected:
                self.transport.resume_reading()
        while self.after:
            self.deliver(self.after.pop(0))

    # From the application to the peer.

    async def wait_writable(self) -> None:
        while self.write_paused:
            sender = self.loop.create_future()
            self.senders.append(sender)
            try:
                await sender
            finally:
                if sender in self.senders:
                    self.senders.remove(sender)

    def send_whole(self, send: Any, data: Any) -> None:
        """Sends with a method of the connection, and writes now or with the messages to come."""
        try:
            send(data)
        except BufferFull:
            self.flush()
            send(data)
        if (self.more or self.queue) and self.batched + len(data) < BATCH_SIZE:
            # The application answers several messages at once: they go out in one write.
            if not self.batched:
                self.loop.call_soon(self.flush)
            self.batched += len(data) + 1
        else:
            self.flush()

    def flush(self) -> None:
        self.batched = 0
        if self.connection is not None:
            data = self.connection.data_to_send()
            if data and not self.transport.is_closing():
                self.transport.write(data)

    # The closing handshake.

    def send_close(self, code: int, reason: str) -> None:
        """Sends a close frame, unless one was sent before."""
        assert self.connection is not None
        try:
            self.connection.send_close(code, reason)
        except ConnectionClosing:
            pass  # The peer was faster, and was answered.
        self.close_sent = True
        self.flush()

    def wait_for_close(self) -> None:
        """Reads on for the peer's close frame, but not for ever."""
        if self.transport.is_closing() or self.close_timer is not None:
            return
        self.abort_later()

    def close_transport(self) -> None:
        """Closes the transport once it has written what waits, but does not wait for ever for a peer
        that does not read."""
        self.stop_close_timer()
        self.transport.close()
        if not self.disconnected and self.transport.get_write_buffer_size():
            self.abort_later()

    def abort_later(self) -> None:
        if self.close_timeout is not None:
            self.close_timer = self.loop.call_later(self.close_timeout, self.give_up)

    def give_up(self) -> None:
        """The peer had its time. What it does not read is thrown away."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def read_to_the_end(self) -> None:
        """Decodes all there is: the peer's close frame may be behind what nobody takes any more."""
        if self.read_paused and self.connection is not None and not self.transport.is_closing():
            self.pause_at = self.max_queue = None
            self.process_events(self.connection)
            self.unpause_reading()

    def close_received(self, event: Close) -> None:
        self.flush()
        self.stop_keepalive()
        self.ended(1005 if event.code is None else event.code, event.reason, event)
        self.closing_done()

    def closing_done(self) -> None:
        """Both close frames have passed. RFC 6455 section 7.1.1: the server closes the transport."""
        self.close_transport()

    def fail(self, error: ProtocolError) -> None:
        """The peer broke the protocol, and the close frame that says so goes out."""
        if self.disconnected or (self.connection is not None and self.transport.is_closing()):
            return
        self.flush()
        self.stop_keepalive()
        self.ended(error.code, error.reason, None)
        self.close_sent = True
        # What the peer still sends is read until it sees our end: closing at once would reset the
        # connection, and the reset may overtake the close frame.
        if self.close_timer is None and self.transport.can_write_eof():
            self.transport.write_eof()
            self.wait_for_close()
        elif self.close_timer is None:
            self.close_transport()
        if not self.transport.is_closing():
            self.unpause_reading()

    def stop_close_timer(self) -> None:
        if self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = None

    # Keepalive.

    def start_keepalive(self) -> None:
        if self.ping_interval is not None and self.ping_interval > 0:
            delay = max(0.0, self.ping_interval - self.last_ping_rtt)
            self.ping_timer = self.loop.call_later(delay, self.send_keepalive)

    def stop_keepalive(self) -> None:
        for timer in (self.ping_timer, self.pong_timer):
            if timer is not None:
                timer.cancel()
        self.ping_timer = self.pong_timer = self.ping_payload = None

    def send_keepalive(self) -> None:
        self.ping_timer = None
        if self.connection is None or self.close_sent or self.transport.is_closing():
            return
        self.ping_payload = os.urandom(4)
        self.ping_sent_at = self.loop.time()
        try:
            self.connection.send_ping(self.ping_payload)
        except (ConnectionClosing, BufferFull):
            return
        self.flush()
        if self.ping_timeout is not None:
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.pong_missing)
        else:
            self.start_keepalive()

    def pong_received(self, payload: bytes) -> None:
        if self.ping_payload is None or payload != self.ping_payload:
            return
        self.last_ping_rtt = self.loop.time() - self.ping_sent_at
        self.ping_payload = None
        if self.pong_timer is not None:
            self.pong_timer.cancel()
            self.pong_timer = None
            self.start_keepalive()

    def pong_missing(self) -> None:
        self.pong_timer = None
        self.ping_payload = None
        if self.connection is None or self.close_sent or self.transport.is_closing():
            return
        if self.read_paused:
            # The application is late, and the pong may be behind what it has not taken.
            self.start_keepalive()
            return
        self.ended(1011, KEEPALIVE_REASON, None)
        self.send_close(1011, KEEPALIVE_REASON)
        self.close_transport()


def wake(waiters: deque[asyncio.Future[None]]) -> None:
    """Wakes the first of those who wait."""
    while waiters:
        waiter = waiters.popleft()
        if not waiter.done():
            waiter.set_result(None)
            return


def wake_all(waiters: deque[asyncio.Future[None]]) -> None:
    """Wakes all who wait."""
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)

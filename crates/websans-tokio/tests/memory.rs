//! What is allocated, counted. One test in a binary of its own: the counter counts all threads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::alloc::System;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use websans_tokio::websans::{Connection, RecvBuf};
use websans_tokio::{Config, Message, Options, Shutdown, WebSocket};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A transport that brings what it was given, and takes everything.
struct Script(VecDeque<u8>);

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            self.0.shrink_to_fit();
            return Poll::Pending;
        }
        let (next, _) = self.0.as_slices();
        let n = next.len().min(buf.remaining());
        buf.put_slice(&next[..n]);
        self.0.drain(..n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

type Ws = WebSocket<Script>;

fn server(bytes: Vec<u8>) -> Ws {
    let connection = Connection::server(Config::default());
    WebSocket::after_handshake(Script(bytes.into()), connection, RecvBuf::new(), &Options::new())
}

/// A frame of a client, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | 127];
    match payload.len() {
        len @ 0..126 => {
            frame.truncate(1);
            frame.push(0x80 | u8::try_from(len).unwrap());
        }
        len @ 126..65536 => {
            frame[1] = 0x80 | 126;
            frame.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => frame.extend((len as u64).to_be_bytes()),
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// All messages there are, until it waits.
fn receive(ws: &mut Ws) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        match std::pin::pin!(ws.next()).poll(&mut cx) {
            Poll::Ready(message) => messages.push(message.unwrap().unwrap()),
            Poll::Pending => return messages,
        }
    }
}

fn send(ws: &mut Ws, message: Message) {
    let mut cx = Context::from_waker(Waker::noop());
    let sent = std::pin::pin!(ws.send(message)).poll(&mut cx);
    assert!(matches!(sent, Poll::Ready(Ok(()))));
}

/// How much more is allocated after `f` than before it, while what it returned is there.
fn held<T>(f: impl FnOnce() -> T) -> (T, isize) {
    let region = Region::new(ALLOCATOR);
    let result = f();
    let change = region.change();
    let held = change.bytes_allocated.cast_signed() - change.bytes_deallocated.cast_signed();
    (result, held)
}

#[test]
fn what_is_held() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _context = runtime.enter();
    // Sets up what belongs to the thread: its pool of buffers, which grow to what is usual.
    for len in [1, 1000, 20_000, 60_000] {
        let bytes = [frame(0x81, &vec![b'x'; len]), frame(0x82, &vec![0; len])].concat();
        let mut ws = server(bytes);
        for message in receive(&mut ws) {
            send(&mut ws, message);
        }
    }

    an_idle_connection();
    a_connection_that_a_shutdown_can_close();
    small_messages_that_are_kept();
    large_messages_that_are_kept();
    a_small_message_behind_a_large_one();
}

/// The figure in the README, less than which it has to be.
const IDLE: isize = 700;

fn an_idle_connection() {
    let idle = |bytes: Vec<u8>, messages: usize| {
        held(|| {
            let mut ws = server(bytes);
            let received = receive(&mut ws);
            assert_eq!(received.len(), messages);
            for message in received {
                send(&mut ws, message);
            }
            receive(&mut ws);
            ws
        })
    };
    let (fresh, heap) = idle(Vec::new(), 0);
    let all = heap + size_of_val(&fresh).cast_signed();
    println!("an idle connection: {all} bytes, of which {heap} on the heap");
    assert!(all <= IDLE, "{all}");

    // It holds no more after messages of every size.
    for len in [1, 1000, 20_000, 3 << 20] {
        let bytes = [frame(0x81, &vec![b'x'; len]), frame(0x82, &vec![0; len])].concat();
        let before = bytes.capacity().cast_signed();
        let (_ws, after) = idle(bytes, 2);
        assert!(after + before <= heap, "after messages of {len} bytes: {after} + {before}");
    }
}

/// What `Shutdown` says that it costs.
fn a_connection_that_a_shutdown_can_close() {
    let shutdown = Shutdown::new();
    let per_connection = |options: &Options| {
        let (connections, heap) = held(|| {
            let make = |_| {
                let connection = Connection::server(Config::default());
                let script = Script(VecDeque::new());
                let rx = RecvBuf::new();
                let mut ws = WebSocket::after_handshake(script, connection, rx, options);
                receive(&mut ws);
                ws
            };
            (0..1024).map(make).collect::<Vec<_>>()
        });
        drop(connections);
        heap / 1024
    };
    let without = per_connection(&Options::new());
    let with = per_connection(&Options::new().shutdown(&shutdown));
    println!("a shutdown costs a connection {} bytes", with - without);
    assert!(with - without <= 80, "{with} - {without}");
}

fn small_messages_that_are_kept() {
    let bytes: Vec<u8> = (0..1000).flat_map(|_| frame(0x81, &[b'x'; 100])).collect();
    let mut ws = server(bytes);
    let (messages, _) = held(|| receive(&mut ws));
    let (kept, heap) = held(|| {
        let kept: Vec<Message> = messages.into_iter().step_by(100).collect();
        drop(ws);
        kept
    });
    // Those that were dropped are gone, and the ten that are kept hold no buffer.
    assert_eq!(kept.len(), 10);
    assert!(heap <= -(990 * 100), "{heap}");
    let ((), freed) = held(|| drop(kept));
    assert!(freed >= -10 * 200 - 10 * 1000, "{freed}");
}

fn large_messages_that_are_kept() {
    for len in [16 << 10, (16 << 10) + 1, 100_000, 1 << 20, 3 << 20] {
        let payload = vec![b'x'; len];
        for first in [0x81, 0x82] {
            let (head, tail) = payload.split_at(len / 3);
            let whole = frame(first, &payload);
            let fragments = [frame(first & 0x0f, head), frame(0x80, tail)].concat();
            for bytes in [whole, fragments] {
                let mut ws = server(bytes);
                let kept = receive(&mut ws).remove(0);
                drop(ws);
                assert_eq!(kept.as_bytes(), payload);
                let ((), freed) = held(|| drop(kept));
                let most = 2 * len.cast_signed() + 64;
                assert!(-freed <= most, "a message of {len} bytes held {}", -freed);
            }
        }
    }
}

fn a_small_message_behind_a_large_one() {
    for first in [0x81, 0x82] {
        let bytes = [frame(0x82, &vec![0; 1 << 20]), frame(first, &[b'x'; 50])].concat();
        let mut ws = server(bytes);
        let mut messages = receive(&mut ws);
        drop(ws);
        let small = messages.remove(1);
        drop(messages);
        let ((), freed) = held(|| drop(small));
        assert!(-freed <= 150, "50 bytes held {}", -freed);
    }
}

//! Which memory a buffer keeps when it has been emptied: 80 KiB, and more only while it is needed
//! again and again.
//!
//! Sections: none, memory is a promise of this crate

use crate::support::*;
use websans::frame::Opcode;
use websans::{Connection, Event, RecvBuf, Role, SendBuf};

/// What a buffer keeps in any case.
const RETAINED: usize = 80 << 10;

/// What it keeps at most.
const KEPT: usize = 4 << 20;

/// A client's connection with its buffers.
struct Peer {
    ws: Connection,
    rx: RecvBuf,
    tx: SendBuf,
}

impl Peer {
    fn new() -> Self {
        Self { ws: Connection::client(config()), rx: RecvBuf::new(), tx: SendBuf::new() }
    }

    /// Reads all of it: how much memory is held then, and how many reads that took.
    fn receive(&mut self, mut wire: &[u8]) -> (usize, usize) {
        let mut reads = 0;
        while !wire.is_empty() {
            read(&mut self.rx, &mut wire);
            reads += 1;
            while self.ws.next_event(&mut self.rx, &mut self.tx).unwrap().is_some() {}
        }
        self.tx.clear();
        (self.rx.capacity(), reads)
    }

    /// Sends a message: how much memory is held when it is gone.
    fn send(&mut self, len: usize) -> usize {
        self.ws.send_binary(&vec![1; len], &mut self.tx).unwrap();
        self.tx.consume(usize::MAX);
        self.tx.capacity()
    }
}

/// A message to a client.
fn message(len: usize) -> Vec<u8> {
    frame_to(Role::Client, Opcode::BINARY, true, &vec![1; len])
}

fn in_fragments(len: usize, size: usize) -> Vec<u8> {
    let count = len.div_ceil(size);
    let fragment = |i| {
        let opcode = if i == 0 { Opcode::BINARY } else { Opcode::CONTINUATION };
        frame_to(Role::Client, opcode, i + 1 == count, &vec![1; size.min(len - i * size)])
    };
    (0..count).flat_map(fragment).collect()
}

#[test]
fn what_two_large_messages_in_a_row_have_needed_is_kept_until_a_small_one_comes() {
    let pong = frame_to(Role::Client, Opcode::PONG, true, b"");
    for len in [100 << 10, 1 << 20, 2 << 20, 7 << 19] {
        for large in [message(len), in_fragments(len, 4000)] {
            let mut peer = Peer::new();
            assert!(peer.receive(&large).0 <= RETAINED, "the first may be the only one");
            let kept = peer.receive(&large).0;
            if kept <= RETAINED {
                assert!(len > KEPT / 2, "it has grown by doubling: {len}");
                continue;
            }
            assert!((len..=KEPT).contains(&kept), "{kept} for {len}");
            let (again, heap) = measure(|| (0..10).map(|_| peer.receive(&large).0).max());
            assert_eq!((again, heap), (Some(kept), Heap::default()), "{len}");
            assert_eq!(peer.receive(b"").0, kept, "nothing has come");
            assert!(peer.receive(&pong).0 <= RETAINED);
            assert!(peer.receive(&large).0 <= RETAINED, "the first again");
            peer.receive(&large);
            peer.rx.release();
            assert_eq!(peer.rx.capacity(), 0);
        }
    }
}

#[test]
fn whole_messages_up_to_nearly_4_mib_are_kept_room_for() {
    for len in [1 << 20, 5 << 19, 7 << 19] {
        let (mut peer, large) = (Peer::new(), message(len));
        peer.receive(&large);
        assert!((len..=KEPT).contains(&peer.receive(&large).0), "{len}");
    }
}

#[test]
fn large_messages_with_small_ones_between_them_leave_nothing() {
    let small = message(5);
    for len in [100 << 10, 1 << 20, 3 << 20] {
        let (mut peer, large) = (Peer::new(), message(len));
        for _ in 0..3 {
            assert!(peer.receive(&large).0 <= RETAINED, "{len}");
            assert!(peer.send(len) <= RETAINED, "{len}");
            (0..10).for_each(|_| assert!(peer.receive(&small).0 <= RETAINED));
            (0..10).for_each(|_| assert!(peer.send(5) <= RETAINED));
        }
    }
}

#[test]
fn what_two_large_sends_in_a_row_have_needed_is_kept_until_a_small_one() {
    let mut peer = Peer::new();
    for len in [100 << 10, 1 << 20, 3 << 20] {
        assert!(peer.send(len) <= RETAINED, "the first may be the only one");
        let kept = peer.send(len);
        assert!((len..=len + 100).contains(&kept), "{kept} for {len}");
        let (again, heap) = measure(|| (0..10).map(|_| peer.send(len)).max());
        // The test's own message apart.
        assert_eq!((again, heap.held, heap.allocations), (Some(kept), 0, 10));
        assert!(peer.send(5) <= RETAINED);
    }
    (0..4).for_each(|_| assert!(peer.send(5 << 20) <= RETAINED));
}

#[test]
fn large_memory_is_kept_while_a_little_of_the_next_message_always_waits() {
    let wire: Vec<u8> = (0..20).flat_map(|_| in_fragments(1 << 20, 1000)).collect();
    let mut peer = Peer::new();
    let (_, heap) = measure(|| peer.receive(&wire));
    assert!(heap.allocations < 20, "{heap:?}");
}

#[test]
fn very_large_memory_is_never_kept() {
    let mut peer = Peer::new();
    for large in [message(5 << 20), in_fragments(5 << 20, 4000)] {
        (0..4).for_each(|_| assert!(peer.receive(&large).0 <= RETAINED));
        // Not for the beginning of another message either.
        let begun = frame_to(Role::Client, Opcode::BINARY, false, b"x");
        let two = [&large[..], &large, &begun].concat();
        peer.receive(&two);
        let ping = frame_to(Role::Client, Opcode::PING, true, b"");
        (0..10).for_each(|_| assert!(peer.receive(&ping).0 <= KEPT, "{}", peer.rx.capacity()));
        assert_eq!(peer.rx.len(), 1);
        peer.receive(&frame_to(Role::Client, Opcode::CONTINUATION, true, b""));
    }
}

#[test]
fn very_large_memory_goes_while_a_message_is_taken_in_parts() {
    let Peer { mut ws, mut rx, mut tx } = Peer::new();
    rx.extend(&frame_to(Role::Client, Opcode::BINARY, false, &vec![1; 10 << 20]));
    for _ in 0..10 {
        while let Some(event) = ws.next_partial(&mut rx, &mut tx).unwrap() {
            assert!(matches!(event, Event::Binary(_)));
        }
        read(&mut rx, &mut &frame_to(Role::Client, Opcode::CONTINUATION, false, b"x")[..]);
    }
    assert!(rx.capacity() <= KEPT, "{}", rx.capacity());
}

#[test]
fn what_is_cleared_is_not_followed_by_another() {
    let (mut peer, large) = (Peer::new(), message(1 << 20));
    peer.receive(&large);
    peer.rx.extend(&large[..1000]);
    peer.rx.clear();
    peer.ws = Connection::client(config());
    assert!(peer.receive(&large).0 <= RETAINED);
}

#[test]
fn large_fragments_do_not_take_a_read_for_their_headers() {
    for (size, most) in [(8 << 10, 48), (16 << 10, 36), (64 << 10, 20)] {
        let (mut peer, large) = (Peer::new(), in_fragments(1 << 20, size));
        peer.receive(&large);
        let (_, reads) = peer.receive(&large);
        assert!(reads <= most, "{reads} reads for fragments of {size}");
    }
}

#[test]
fn what_always_waits_to_be_sent_has_room_enough_to_be_moved_seldom() {
    for waiting in [1000, 50_000, 80_000, 81_900, 200_000] {
        let Peer { mut ws, mut tx, .. } = Peer::new();
        while tx.as_slice().len() < waiting {
            ws.send_binary(&[1; 100], &mut tx).unwrap();
        }
        for _ in 0..10_000 {
            tx.consume(108);
            ws.send_binary(&[1; 102], &mut tx).unwrap();
        }
        let (waiting, room) = (tx.as_slice().len(), tx.capacity());
        assert!(room >= waiting + waiting / 2 || waiting < 50_000, "{room} for {waiting}");
        assert!(room <= 2 * waiting + 4000, "{room} for {waiting}");
    }
}

#[test]
fn memory_to_send_from_follows_what_waits_down_too() {
    for small in [0, 1000] {
        let (mut ws, mut tx) = (Connection::server(config().max_queued(None)), SendBuf::new());
        ws.send_binary(&vec![1; 16 << 20], &mut tx).unwrap();
        while tx.len() > 1 {
            let n = (tx.as_slice().len() - 1).min(1 << 20);
            tx.consume(n);
            let waiting = tx.as_slice().len();
            assert!(tx.capacity() <= (4 * waiting + 4).max(RETAINED), "{waiting}");
        }
        for _ in 0..small {
            ws.send_binary(b"small", &mut tx).unwrap();
            tx.consume(7);
        }
        assert!(tx.len() == 1 && tx.capacity() <= RETAINED, "{}", tx.capacity());
    }
}

#[test]
fn memory_that_is_kept_for_large_sends_goes_while_small_ones_always_wait() {
    let mut peer = Peer::new();
    peer.send(1 << 20);
    assert!(peer.send(1 << 20) > RETAINED, "it is kept");
    let Peer { mut ws, mut tx, .. } = peer;
    for _ in 0..100_000 {
        ws.send_binary(&[1; 100], &mut tx).unwrap();
        if tx.len() > 10_000 {
            tx.consume(106);
        }
    }
    assert!(tx.capacity() <= RETAINED, "{}", tx.capacity());
}

#[test]
fn large_sends_that_are_written_a_little_at_a_time_are_large_too() {
    let (mut ws, mut tx) = (Connection::server(config()), SendBuf::new());
    let mut kept = 0;
    for _ in 0..4 {
        ws.send_binary(&vec![1; 1 << 20], &mut tx).unwrap();
        while !tx.is_empty() {
            tx.consume(64 << 10);
        }
        kept = tx.capacity();
    }
    assert!((1 << 20..KEPT).contains(&kept), "{kept}");
}

//! The limits of `Config`: what goes over them, and what a hostile peer can make us hold.
//!
//! Sections: RFC 6455 §10.4

use crate::support::*;
use websans::frame::{FrameHeader, Opcode};
use websans::{Connection, Error, Event, RecvBuf, Role, SendBuf, SendError};

#[test]
fn message_limit_is_inclusive_and_applies_to_the_header() {
    let config = config().max_message_size(100);
    for role in ROLES {
        let wire = frame_to(role, Opcode::BINARY, true, &[1; 100]);
        assert_eq!(feed_every_way(role, config, &wire).events, [Owned::Binary(vec![1; 100])]);
        let wire = header_to(role, FrameHeader::new(Opcode::BINARY, 101));
        let got = feed_every_way(role, config.max_frame_size(None), &wire);
        assert_eq!(got.error, Some(Error::MessageTooLarge { len: 101, limit: 100 }));
        assert_eq!(closed_with(&got.output), Some(1009));
    }
}

#[test]
fn message_limit_counts_all_fragments() {
    let config = config().max_message_size(100);
    let mut wire = frame_to(Role::Server, Opcode::BINARY, false, &[1; 30]);
    for _ in 0..3 {
        wire.extend(frame_to(Role::Server, Opcode::CONTINUATION, false, &[1; 30]));
    }
    let got = feed_every_way(Role::Server, config, &wire);
    assert_eq!(got.events, []);
    assert_eq!(got.error, Some(Error::MessageTooLarge { len: 120, limit: 100 }));
    assert_eq!(closed_with(&got.output), Some(1009));
}

#[test]
fn message_limit_the_defaults_are_finite() {
    for (header, error) in [
        (FrameHeader::new(Opcode::BINARY, (16 << 20) + 1), Some(1009)),
        (FrameHeader::new(Opcode::BINARY, 16 << 20), None),
    ] {
        let got = feed(Role::Client, config(), [&header.encode()[..]]);
        assert_eq!(closed_with(&got.output), error);
    }
}

#[test]
fn the_frame_limit_is_the_message_limit_unless_it_is_set() {
    let config = config().max_frame_size(10);
    let got =
        feed(Role::Client, config, [&frame_to(Role::Client, Opcode::TEXT, true, &[b'x'; 11])[..]]);
    assert_eq!(got.error, Some(Error::FrameTooLarge { len: 11, limit: 10 }));
    assert_eq!(closed_with(&got.output), Some(1009));
    let parts = [
        frame_to(Role::Client, Opcode::TEXT, false, &[b'x'; 10]),
        frame_to(Role::Client, Opcode::CONTINUATION, true, &[b'x'; 10]),
    ];
    assert_eq!(feed(Role::Client, config, parts.iter().map(|p| &p[..])).events.len(), 1);
}

#[test]
fn none_means_unlimited_and_0_means_0() {
    let wire = frame_to(Role::Client, Opcode::BINARY, true, b"");
    assert_eq!(feed(Role::Client, config().max_message_size(0), [&wire[..]]).error, None);
    let wire = frame_to(Role::Client, Opcode::BINARY, true, b"x");
    assert!(feed(Role::Client, config().max_message_size(0), [&wire[..]]).error.is_some());
    let none = config().max_fragments(0);
    assert_eq!(
        feed(Role::Client, none, [&wire[..]]).error,
        Some(Error::TooManyFragments { limit: 0 })
    );
    let header = FrameHeader::new(Opcode::BINARY, (1 << 63) - 1).encode();
    let got = feed(Role::Client, config().max_message_size(None), [&header[..]]);
    assert_eq!(got, Transcript::default());
}

/// Sections: RFC 6455 §5.4, §10.4
#[test]
fn empty_fragments_without_end_are_1008() {
    for role in ROLES {
        let mut rx = RecvBuf::new();
        let (mut ws, mut tx) = (connection(role, config()), SendBuf::new());
        rx.extend(&frame_to(role, Opcode::TEXT, false, b""));
        let empty = frame_to(role, Opcode::CONTINUATION, false, b"");
        let (error, heap) = measure(|| {
            (0..200_000).find_map(|_| {
                rx.extend(&empty);
                ws.next_event(&mut rx, &mut tx).err()
            })
        });
        assert_eq!(error, Some(Error::TooManyFragments { limit: 1 << 17 }));
        assert_eq!(closed_with(tx.as_slice()), Some(1008));
        assert!(heap.peak < 128 << 10, "{heap:?}");
    }
}

/// Sections: RFC 6455 §5.4, §10.4
#[test]
fn tiny_fragments_a_million_of_one_byte_is_bounded() {
    let config = config().max_fragments(None);
    let (mut ws, mut rx, mut tx) = (Connection::server(config), RecvBuf::new(), SendBuf::new());
    let mut wire = frame_to(Role::Server, Opcode::BINARY, false, b"x");
    for i in 1..1_000_000 {
        wire.extend(frame_to(Role::Server, Opcode::CONTINUATION, i == 999_999, b"x"));
    }
    let (messages, heap) = measure(|| {
        let mut messages = 0;
        for chunk in wire.chunks(16 << 10) {
            rx.extend(chunk);
            while let Some(event) = ws.next_event(&mut rx, &mut tx).unwrap() {
                let Event::Binary(data) = event else { panic!() };
                assert_eq!(data.len(), 1_000_000);
                messages += 1;
            }
        }
        messages
    });
    assert_eq!(messages, 1);
    assert!(heap.peak < 2_000_000, "no overhead a fragment: {heap:?}");
    assert!(heap.allocations < 30, "{heap:?}");
}

#[test]
fn declared_alloc_an_announced_gibibyte_allocates_nothing() {
    let config = config().max_message_size(None);
    for role in ROLES {
        let (mut ws, mut rx, mut tx) = (connection(role, config), RecvBuf::new(), SendBuf::new());
        let header = header_to(role, FrameHeader::new(Opcode::BINARY, 1 << 30));
        let ((), heap) = measure(|| {
            rx.extend(&header);
            assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
        });
        assert!(heap.peak < 1 << 10, "{heap:?}");
        // And when some of it arrives, a small multiple of that.
        let ((), heap) = measure(|| {
            rx.extend(&[0; 10_000]);
            assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
            rx.extend(&[0; 10_000]);
        });
        assert!(heap.peak < 200_000, "{heap:?}");
    }
}

#[test]
fn memory_stays_within_the_message_limit_and_a_constant() {
    const LIMIT: usize = 1 << 20;
    let config = config().max_message_size(LIMIT as u64).max_fragments(None);
    let one_frame = frame_to(Role::Server, Opcode::BINARY, true, &vec![1; LIMIT]);
    let mut fragments = frame_to(Role::Server, Opcode::BINARY, false, &[1; 1000]);
    while fragments.len() < LIMIT - 20_000 {
        fragments.extend(frame_to(Role::Server, Opcode::CONTINUATION, false, &[1; 1000]));
    }
    for wire in [one_frame, fragments] {
        let (mut ws, mut rx, mut tx) = (Connection::server(config), RecvBuf::new(), SendBuf::new());
        let ((), heap) = measure(|| {
            let mut wire = &wire[..];
            while !wire.is_empty() {
                assert!(read(&mut rx, &mut wire) > 0);
                while ws.next_event(&mut rx, &mut tx).unwrap().is_some() {}
            }
        });
        assert!(heap.peak <= (LIMIT + (128 << 10)) as isize, "{heap:?}");
    }
}

#[test]
fn slow_peer_that_never_reads_gives_full_and_nothing_is_lost() {
    let (mut ws, mut tx) = (Connection::server(config()), SendBuf::new());
    let mut sent = 0;
    let (error, heap) = measure(|| {
        loop {
            match ws.send_binary(&[sent as u8; 1000], &mut tx) {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        }
    });
    let queued = tx.len();
    assert_eq!(error, SendError::Full { queued, limit: 1 << 20 });
    assert!(heap.peak < 4 << 20, "{heap:?}");
    assert_eq!(ws.send_ping(b"", &mut tx), Err(error));
    let all = frames(tx.as_slice());
    assert_eq!(all.len(), sent);
    assert!(all.iter().enumerate().all(|(i, (_, payload))| *payload == [i as u8; 1000]));
    // When the peer reads again, it goes on.
    tx.consume(1000);
    assert_eq!(ws.send_binary(&[0; 5_000_000], &mut tx), Ok(()));
    assert!(ws.send_text("x", &mut tx).is_err());
    assert_eq!(ws.close(None, "", &mut tx), Ok(()), "a close frame is not refused");
}

/// Sections: none, memory is a promise of this crate
#[test]
fn stale_message_state_is_freed_when_the_connection_ends() {
    let (mut ws, mut rx, mut tx) = (Connection::server(config()), RecvBuf::new(), SendBuf::new());
    let ((), heap) = measure(|| {
        rx.extend(&frame_to(Role::Server, Opcode::BINARY, false, &[1; 200_000]));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
        rx.extend(&frame_to(Role::Server, Opcode::CLOSE, true, b""));
        assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
        tx.release();
    });
    assert!(rx.is_empty());
    assert!(heap.held < 1000, "{heap:?}");
}

/// Sections: none, memory is a promise of this crate
#[test]
fn a_buffer_in_mid_message_lent_to_a_connection_with_lower_limits_does_no_harm() {
    let mut first = Connection::client(config());
    let mut second = Connection::client(config().max_message_size(100).max_fragments(1));
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(&frame_to(Role::Client, Opcode::BINARY, false, &[1; 10]));
    assert_eq!(first.next_event(&mut rx, &mut tx), Ok(None));
    rx.extend(&FrameHeader::new(Opcode::CONTINUATION, 17 << 20).encode());
    let error = second.next_event(&mut rx, &mut tx).unwrap_err();
    assert!(matches!(error, Error::MessageTooLarge { limit: 100, .. }), "{error:?}");
}

#[test]
fn memory_stays_within_the_limit_whatever_came_before_in_the_buffer() {
    const LIMIT: usize = 1 << 20;
    let message = |wire: &mut Vec<u8>, len: usize, fragment: usize| {
        for at in (0..len).step_by(fragment) {
            let end = (at + fragment).min(len);
            let opcode = if at == 0 { Opcode::BINARY } else { Opcode::CONTINUATION };
            wire.extend(frame_to(Role::Client, opcode, end == len, &vec![1; end - at]));
        }
    };
    for first in [1000, 10_000, 514_000] {
        for second in [1000, 100_000, LIMIT] {
            let mut wire = Vec::new();
            message(&mut wire, LIMIT, 1000);
            message(&mut wire, 514_000, first);
            message(&mut wire, LIMIT, second);
            let mut ws = Connection::client(config().max_message_size(LIMIT as u64));
            let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
            let (mut input, mut messages) = (&wire[..], 0);
            while !input.is_empty() {
                read(&mut rx, &mut input);
                assert!(rx.capacity() <= LIMIT + (128 << 10), "{} {first} {second}", rx.capacity());
                while ws.next_event(&mut rx, &mut tx).unwrap().is_some() {
                    messages += 1;
                }
            }
            assert_eq!(messages, 3);
        }
    }
}

/// Sections: none, memory is a promise of this crate
#[test]
fn large_memory_is_released_even_if_a_little_always_waits() {
    let mut ws = Connection::client(config());
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(&frame_to(Role::Client, Opcode::BINARY, true, &vec![1; 8 << 20]));
    rx.extend(&[0x89]);
    assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
    for _ in 0..10 {
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
        rx.extend(&[0, 0x89]);
        assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
    }
    assert!(rx.capacity() < 1 << 20, "{}", rx.capacity());
}

/// Sections: none, memory is a promise of this crate
#[test]
fn growing_is_linear_while_nobody_takes_events() {
    let (rx, heap) = measure(|| {
        let mut rx = RecvBuf::new();
        (0..10_000).for_each(|_| rx.extend(&[0x8a; 1000]));
        rx
    });
    assert_eq!(rx.len(), 10_000_000);
    assert!(heap.allocations < 40, "{heap:?}");
}

/// Sections: none, memory is a promise of this crate
#[test]
fn stale_message_a_failed_connection_holds_nothing_and_takes_nothing_more() {
    let mut ws = Connection::server(config().max_queued_replies(0));
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(&frame_to(Role::Server, Opcode::BINARY, false, &vec![1; 1 << 20]));
    rx.extend(&frame_to(Role::Server, Opcode::PING, true, b""));
    let error = ws.next_event(&mut rx, &mut tx).unwrap_err();
    assert_eq!(error, Error::TooManyReplies { limit: 0 });
    for _ in 0..100 {
        assert!(rx.is_empty() && rx.capacity() <= 64 << 10, "{rx:?}");
        rx.extend(&[0; 10_000]);
        assert_eq!(ws.next_event(&mut rx, &mut tx), Err(error));
    }
}

/// Sections: none, memory is a promise of this crate
#[test]
fn what_waits_to_be_sent_takes_at_most_twice_its_size() {
    let (mut ws, mut tx) = (Connection::server(config()), SendBuf::new());
    let mut most = 0;
    for round in 0..20_000 {
        let _ = ws.send_binary(&[1; 1000], &mut tx);
        tx.consume(if round < 1100 { 1 } else { 999 });
        most = most.max(tx.len());
        assert!(tx.capacity() as u64 <= 2 * most + 4000, "{} for {most}", tx.capacity());
    }
}

//! RFC 6455 §5.4 and §5.6: messages and their fragments, whole and in parts.
//!
//! Sections: RFC 6455 §5.4, §6.2

use crate::support::*;
use websans::frame::Opcode;
use websans::{Connection, Error, Event, Part, PartialEvent, RecvBuf, Role, SendBuf};

fn text_frame(role: Role, fin: bool, text: &str) -> Vec<u8> {
    frame_to(role, Opcode::TEXT, fin, text.as_bytes())
}

fn continuation(role: Role, fin: bool, data: &[u8]) -> Vec<u8> {
    frame_to(role, Opcode::CONTINUATION, fin, data)
}

#[test]
fn the_shortest_messages_are_the_same_however_they_are_cut() {
    for role in ROLES {
        let wire = ["", "a", "", "ab"].map(|text| text_frame(role, true, text)).concat();
        let got = feed_every_way(role, config(), &wire);
        assert_eq!(got.events, ["", "a", "", "ab"].map(|text| Owned::Text(text.into())));
    }
}

#[test]
fn fragments_are_joined_with_control_frames_between() {
    for role in ROLES {
        let wire = [
            text_frame(role, false, "one "),
            frame_to(role, Opcode::PONG, true, b"unasked"),
            continuation(role, false, b""),
            continuation(role, false, b"two "),
            frame_to(role, Opcode::PONG, true, b""),
            continuation(role, true, b"three"),
            frame_to(role, Opcode::BINARY, true, &[0, 255]),
            frame_to(role, Opcode::BINARY, true, b""),
            text_frame(role, true, ""),
        ]
        .concat();
        let got = feed_every_way(role, config(), &wire);
        assert_eq!(
            got.events,
            [
                Owned::Pong(b"unasked".into()),
                Owned::Pong(b"".into()),
                Owned::Text("one two three".into()),
                Owned::Binary(vec![0, 255]),
                Owned::Binary(vec![]),
                Owned::Text(String::new()),
            ]
        );
        assert_eq!((got.error, got.output), (None, vec![]));
    }
}

#[test]
fn a_continuation_without_a_message_is_1002() {
    for role in ROLES {
        for fin in [false, true] {
            let got = feed_every_way(role, config(), &continuation(role, fin, b"x"));
            assert_eq!(got.error, Some(Error::UnexpectedContinuation));
            let after = [text_frame(role, true, "a"), continuation(role, fin, b"x")].concat();
            let got = feed(role, config(), [&after[..]]);
            assert_eq!(got.events, [Owned::Text("a".into())]);
            assert_eq!(closed_with(&got.output), Some(1002));
        }
    }
}

#[test]
fn a_new_message_within_another_is_1002() {
    for role in ROLES {
        for opcode in [Opcode::TEXT, Opcode::BINARY] {
            let wire = [text_frame(role, false, "a"), frame_to(role, opcode, true, b"b")].concat();
            let got = feed(role, config(), [&wire[..]]);
            assert_eq!(got.events, []);
            assert_eq!(got.error, Some(Error::ExpectedContinuation { opcode }));
            assert_eq!(closed_with(&got.output), Some(1002));
        }
    }
}

#[test]
fn messages_before_a_violation_are_delivered_and_the_output_stays_in_order() {
    // Autobahn 3.2: a valid message, then a violation, in one read.
    let wire = [text_frame(Role::Server, true, "valid"), vec![0xC1, 0x80, 0, 0, 0, 0]].concat();
    let (mut ws, mut rx, mut tx) = (Connection::server(config()), RecvBuf::new(), SendBuf::new());
    rx.extend(&wire);
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("valid"))));
    ws.send_text("echo", &mut tx).unwrap();
    assert!(ws.next_event(&mut rx, &mut tx).is_err());
    let sent = frames(tx.as_slice());
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].1, b"echo");
    assert_eq!(sent[1].1[..2], 1002_u16.to_be_bytes());
}

#[test]
fn parts_are_handed_out_as_they_arrive_with_first_and_last() {
    let mut ws = Connection::client(config());
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    fn part(data: &[u8], first: bool, last: bool) -> Result<Option<PartialEvent<'_>>, Error> {
        Ok(Some(Event::Binary(Part { data, first, last })))
    }
    rx.extend(&frame_to(Role::Client, Opcode::BINARY, false, b"abc")[..4]);
    assert_eq!(ws.next_partial(&mut rx, &mut tx), part(b"ab", true, false));
    assert_eq!(ws.next_partial(&mut rx, &mut tx), Ok(None));
    assert!(!rx.is_empty(), "a message is incomplete");
    rx.extend(b"c");
    assert_eq!(ws.next_partial(&mut rx, &mut tx), part(b"c", false, false));
    assert_eq!(ws.next_partial(&mut rx, &mut tx), Ok(None));
    rx.extend(&continuation(Role::Client, true, b""));
    assert_eq!(ws.next_partial(&mut rx, &mut tx), part(b"", false, true));
    assert!(rx.is_empty());
}

/// Sections: RFC 6455 §5.6
#[test]
fn parts_of_text_are_cut_between_characters() {
    let text = "aß日🦀";
    let frame = text_frame(Role::Client, true, text);
    let mut ws = Connection::client(config());
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut got = Vec::new();
    for byte in frame.chunks(1) {
        rx.extend(byte);
        while let Some(event) = ws.next_partial(&mut rx, &mut tx).unwrap() {
            let Event::Text(part) = event else { panic!("{event:?}") };
            got.push((part.data.to_owned(), part.first, part.last));
        }
    }
    let expected =
        [("a", true, false), ("ß", false, false), ("日", false, false), ("🦀", false, true)];
    assert_eq!(got, expected.map(|(data, first, last)| (data.to_owned(), first, last)));
}

#[test]
fn after_parts_next_event_returns_the_rest_of_the_message() {
    let mut ws = Connection::client(config());
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(b"\x81\x0aHello");
    assert!(matches!(ws.next_partial(&mut rx, &mut tx), Ok(Some(Event::Text(_)))));
    rx.extend(b"World\x81\x01!");
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("World"))));
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("!"))));
}

/// Sections: none, memory is a promise of this crate
#[test]
fn a_buffer_that_moves_to_another_connection_brings_its_progress_along() {
    let (mut a, mut b) = (Connection::client(config()), Connection::client(config()));
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(b"\x01\x02He\x80\x03ll");
    assert_eq!(a.next_event(&mut rx, &mut tx), Ok(None));
    assert!(!rx.is_empty());
    rx.extend(b"o");
    assert_eq!(b.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("Hello"))));
    assert!(rx.is_empty());
}

/// Sections: none, how payloads are taken is this crate's
#[test]
fn a_large_message_is_taken_out_without_a_copy_and_a_small_one_copied() {
    let mut ws = Connection::client(config());
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let large = vec![9; 300_000];
    let wire = [
        frame_to(Role::Client, Opcode::BINARY, true, &large),
        text_frame(Role::Client, true, "small"),
    ]
    .concat();
    for chunk in wire.chunks(16 << 10) {
        rx.extend(chunk);
        if chunk.len() < 16 << 10 {
            break;
        }
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
    }
    let Some(Event::Binary(lent)) = ws.next_event(&mut rx, &mut tx).unwrap() else { panic!() };
    let place = lent.as_ptr();
    let (taken, heap) = measure(|| rx.take_binary());
    assert_eq!(taken, large);
    assert_eq!(taken.as_ptr(), place, "not copied");
    assert!(heap.peak < 1000, "{heap:?}");
    assert!(taken.capacity() < 2 * taken.len());
    assert_eq!(rx.take_binary(), b"", "taken once");

    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text("small"))));
    let (taken, heap) = measure(|| rx.take_text());
    assert_eq!(taken, "small");
    assert_eq!(heap.held, 5);
}

/// Sections: none, how payloads are taken is this crate's
#[test]
fn taking_a_control_payload_leaves_the_message_in_progress_alone() {
    let mut ws = Connection::client(config());
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let half = vec![b'a'; 40_000];
    rx.extend(&frame_to(Role::Client, Opcode::TEXT, false, &half));
    rx.extend(&frame_to(Role::Client, Opcode::PING, true, b"ping"));
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Ping(b"ping"))));
    assert_eq!(rx.take_binary(), b"ping");
    rx.extend(&continuation(Role::Client, true, &half));
    let Ok(Some(Event::Text(text))) = ws.next_event(&mut rx, &mut tx) else { panic!() };
    assert_eq!(text.len(), 80_000);
}

/// Sections: RFC 6455 §5.4
#[test]
fn quadratic_join_allocations_grow_with_the_logarithm() {
    let work = |fragments: usize| {
        let mut wire = frame_to(Role::Server, Opcode::BINARY, false, &[1; 100]);
        for i in 1..fragments {
            wire.extend(continuation(Role::Server, i + 1 == fragments, &[1; 100]));
        }
        let (mut ws, mut rx, mut tx) =
            (Connection::server(config()), RecvBuf::new(), SendBuf::new());
        let ((), heap) = measure(|| {
            for chunk in wire.chunks(1000) {
                rx.extend(chunk);
                while let Some(event) = ws.next_event(&mut rx, &mut tx).unwrap() {
                    assert_eq!(event, Event::Binary(&vec![1; 100 * fragments][..]));
                }
            }
        });
        heap.allocations
    };
    let (small, large) = (work(1_000), work(64_000));
    assert!(large <= small + 2 * 6 + 2, "doubling: {small} then {large}");
}

/// Sections: none, how payloads are taken is this crate's
#[test]
fn what_is_taken_is_the_payload_of_the_last_event_or_nothing() {
    let mut ws = Connection::client(config());
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    for len in [10, 10_000, 100_000] {
        rx.extend(&frame_to(Role::Client, Opcode::BINARY, true, &vec![1; len]));
        assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
        assert_eq!(rx.take_binary(), b"", "the connection was used since");
    }
    rx.extend(b"\x81\x07secret\xff");
    assert!(ws.next_event(&mut rx, &mut tx).is_err());
    assert_eq!(rx.take_binary(), b"", "it was no event");
}

/// Sections: none, memory is a promise of this crate
#[test]
fn bytes_that_nobody_filled_are_never_received() {
    let mut ws = Connection::client(config());
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(b"\x81\x05Hello");
    assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
    rx.advance(7);
    assert!(rx.is_empty(), "nothing was offered");
    let offered = rx.spare_mut().len();
    rx.advance(usize::MAX);
    rx.advance(usize::MAX);
    assert_eq!(rx.len(), offered);
    rx.clear();
    assert!(rx.is_empty());
}

#[cfg(feature = "bytes")]
/// Sections: none, how payloads are taken is this crate's
#[test]
fn a_message_can_be_taken_as_bytes() {
    let (mut ws, mut rx, mut tx) = (Connection::server(config()), RecvBuf::new(), SendBuf::new());
    rx.extend(&frame_to(Role::Server, Opcode::BINARY, true, b"to be kept"));
    assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
    assert_eq!(rx.take_bytes(), &b"to be kept"[..]);
    assert!(rx.take_bytes().is_empty(), "taken once");
}

/// A fragment that was taken in for a whole message is handed out as soon as parts are asked for.
#[test]
fn parts_begin_with_what_was_taken_in_for_a_whole_message() {
    for (opcode, wire) in [(Opcode::TEXT, &b"caf\xc3"[..]), (Opcode::BINARY, b"1234")] {
        let (mut ws, mut rx, mut tx) =
            (Connection::server(config()), RecvBuf::new(), SendBuf::new());
        rx.extend(&frame_to(Role::Server, opcode, false, wire));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
        let part = match ws.next_partial(&mut rx, &mut tx) {
            Ok(Some(Event::Text(part))) => (part.data.as_bytes(), part.first, part.last),
            Ok(Some(Event::Binary(part))) => (part.data, part.first, part.last),
            other => panic!("{other:?}"),
        };
        // A character that is cut waits for its rest.
        let whole = if opcode == Opcode::TEXT { &wire[..3] } else { wire };
        assert_eq!(part, (whole, true, false));
        assert_eq!(ws.next_partial(&mut rx, &mut tx), Ok(None));
    }
}

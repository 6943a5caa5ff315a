//! What is taken out of a buffer, and how much memory it may keep.
//!
//! Sections: none, how payloads are taken is this crate's

use crate::support::*;
use websans::frame::Opcode;
use websans::{BufferConfig, Connection, Event, RecvBuf, Role, SendBuf};

#[test]
fn text_is_taken_as_it_was_delivered_however_it_came() {
    let text = "größer 🦀 κόσμε".repeat(2000);
    for len in [0, 1, 23, 5000, text.len()] {
        let len = (0..=len).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let text = &text[..len];
        let (first, last) = text.as_bytes().split_at(len / 2);
        let wires = [
            frame_to(Role::Server, Opcode::TEXT, true, text.as_bytes()),
            [
                frame_to(Role::Server, Opcode::TEXT, false, first),
                frame_to(Role::Server, Opcode::CONTINUATION, true, last),
            ]
            .concat(),
        ];
        for wire in wires {
            let (mut ws, mut rx) = (Connection::server(config()), RecvBuf::new());
            for byte_by_byte in [false, true] {
                let mut event = None;
                for cut in wire.chunks(if byte_by_byte { 1000 } else { wire.len() }) {
                    rx.extend(cut);
                    event = ws.next_event(&mut rx, &mut SendBuf::new()).unwrap().map(Owned::from);
                }
                assert_eq!(event, Some(Owned::Text(text.into())));
                assert_eq!(rx.take_text(), text);
                assert_eq!(rx.take_text(), "", "it is gone");
            }
        }
    }
}

#[test]
fn bytes_that_are_no_text_message_are_validated_when_they_are_taken_as_text() {
    let (mut ws, mut rx) = (Connection::server(config()), RecvBuf::new());
    for (payload, text) in [(&b"text"[..], "text"), (b"\xff", "")] {
        rx.extend(&frame_to(Role::Server, Opcode::BINARY, true, payload));
        rx.extend(&frame_to(Role::Server, Opcode::PONG, true, payload));
        for _ in 0..2 {
            assert!(ws.next_event(&mut rx, &mut SendBuf::new()).unwrap().is_some());
            assert_eq!(rx.take_text(), text);
        }
    }
}

#[test]
fn parts_of_text_are_taken_one_by_one() {
    let (mut ws, mut rx) = (Connection::server(config()), RecvBuf::new());
    let wire = frame_to(Role::Server, Opcode::TEXT, true, "ä".repeat(100).as_bytes());
    let mut taken = String::new();
    for cut in wire.chunks(7) {
        rx.extend(cut);
        while let Some(event) = ws.next_partial(&mut rx, &mut SendBuf::new()).unwrap() {
            assert!(matches!(event, Event::Text(_)));
            taken += &rx.take_text();
        }
    }
    assert_eq!(taken, "ä".repeat(100));
}

#[test]
#[cfg(feature = "bytes")]
fn a_byte_string_is_the_same_text() {
    let (mut ws, mut rx) = (Connection::server(config()), RecvBuf::new());
    rx.extend(&frame_to(Role::Server, Opcode::TEXT, true, "größer".as_bytes()));
    assert!(ws.next_event(&mut rx, &mut SendBuf::new()).unwrap().is_some());
    assert_eq!(&*rx.take_byte_string(), "größer");
}

#[test]
fn what_was_not_decoded_can_be_taken_back_at_any_moment() {
    let wire = [
        frame_to(Role::Server, Opcode::TEXT, true, b"message"),
        frame_to(Role::Server, Opcode::CLOSE, true, b""),
        b"behind".to_vec(),
    ]
    .concat();
    for events in 0..3 {
        let (mut ws, mut rx, mut tx) =
            (Connection::server(config()), RecvBuf::new(), SendBuf::new());
        rx.extend(&wire);
        for _ in 0..events {
            assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
        }
        let expected = &wire[[0, 13, 19][events]..];
        assert_eq!(rx.unread(), expected);
        assert_eq!(rx.take_unread(), expected);
        assert!(rx.is_empty() && rx.unread().is_empty());
        assert_eq!(rx.take_binary(), b"", "what was lent before is not");
        // It goes on with what comes next.
        rx.extend(&wire);
        if events < 2 {
            assert_eq!(ws.next_event(&mut rx, &mut tx).unwrap(), Some(Event::Text("message")));
        }
    }
}

#[test]
fn a_buffer_takes_and_keeps_as_much_memory_as_it_is_told() {
    let config = BufferConfig::default();
    for (read_size, least) in [(0, 4 << 10), (20_000, 20_000), (1 << 20, 1 << 20)] {
        let mut rx = RecvBuf::with_config(config.read_size(read_size));
        assert_eq!(rx.capacity(), 0);
        assert_eq!(rx.spare_mut().len(), least);
        rx.release();
        assert_eq!((rx.capacity(), rx.spare_mut().len()), (0, least), "it stays so");
    }
    let message = |len| frame_to(Role::Client, Opcode::BINARY, true, &vec![1; len]);
    for (retained, large, len, kept) in [
        (200_000, 1 << 20, 100_000, [true, true, true]),
        (0, 1 << 20, 10_000, [false, true, true]),
        (0, 0, 10_000, [false, false, false]),
    ] {
        let config = config.retained(retained).retained_for_large(large);
        let (mut rx, mut tx) = (RecvBuf::with_config(config), SendBuf::with_config(config));
        let mut ws = connection(Role::Client, crate::support::config());
        for kept in kept {
            rx.extend(&message(len));
            while ws.next_event(&mut rx, &mut tx).unwrap().is_some() {}
            ws.send_binary(&vec![1; len], &mut tx).unwrap();
            tx.consume(usize::MAX);
            let (rx, tx) = (rx.capacity(), tx.capacity());
            assert_eq!((rx >= len, tx >= len), (kept, kept), "{rx} {tx} {retained}");
        }
    }
}

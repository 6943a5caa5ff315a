//! The reading half and the writing half by themselves.

use crate::support::*;
use websans::frame::Opcode;
use websans::{CloseCode, Connection, Error, Event, Part, RecvBuf, Reply, Role, SendBuf};

#[test]
fn the_halves_say_and_send_what_the_whole_does_by_itself() {
    for role in ROLES {
        let wire = [
            frame_to(role, Opcode::PING, true, b"1"),
            frame_to(role, Opcode::TEXT, true, b"message"),
            frame_to(role, Opcode::PING, true, b"2"),
            frame_to(role, Opcode::CLOSE, true, b"\x03\xe9bye"),
        ]
        .concat();
        let whole = feed(role, config(), [&wire[..]]);
        let (mut reader, mut writer) = connection(role, config()).split();
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        rx.extend(&wire);
        let mut replies: Vec<Reply> = Vec::new();
        let mut events: Vec<Owned> = Vec::new();
        while let Some(event) = reader.next_event(&mut rx).unwrap() {
            replies.extend(event.reply());
            events.push(event.into());
        }
        for reply in &replies {
            writer.reply(reply, &mut tx).unwrap();
        }
        assert_eq!(events, whole.events);
        let plain = |wire: &[u8]| {
            frames(wire).into_iter().map(|(h, p)| (h.opcode(), p)).collect::<Vec<_>>()
        };
        assert_eq!(plain(tx.as_slice()), plain(&whole.output));
    }
}

#[test]
fn an_error_says_the_close_frame_to_send() {
    let (mut reader, mut writer) = Connection::server(config()).split();
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(&[0x81, 0x00]);
    let error = reader.next_event(&mut rx).unwrap_err();
    writer.reply(&error.reply().unwrap(), &mut tx).unwrap();
    assert_eq!(closed_with(tx.as_slice()), Some(1002));
    writer.reply(&error.reply().unwrap(), &mut tx).unwrap();
    assert_eq!(frames(tx.as_slice()).len(), 1, "one close frame");
    assert!(writer.send_text("x", &mut tx).is_err());
    assert_eq!(Error::Eof { within_message: true }.reply(), None);
}

#[test]
fn replies_after_our_close_frame_are_dropped() {
    let (mut reader, mut writer) = Connection::server(config()).split();
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    writer.close(CloseCode::NORMAL_CLOSURE, "", &mut tx).unwrap();
    rx.extend(&frame_to(Role::Server, Opcode::PING, true, b""));
    let reply = reader.next_event(&mut rx).unwrap().unwrap().reply().unwrap();
    writer.reply(&reply, &mut tx).unwrap();
    assert_eq!(frames(tx.as_slice()).len(), 1);
}

#[test]
fn the_halves_run_in_two_threads() {
    let (mut reader, mut writer) = Connection::server(config()).split();
    let (replies, inbox) = std::sync::mpsc::channel::<Reply>();
    let writing = std::thread::spawn(move || {
        let mut tx = SendBuf::new();
        for reply in inbox {
            writer.reply(&reply, &mut tx).unwrap();
        }
        tx.as_slice().to_vec()
    });
    let mut rx = RecvBuf::new();
    rx.extend(&frame_to(Role::Server, Opcode::PING, true, b"across"));
    while let Some(event) = reader.next_event(&mut rx).unwrap() {
        assert_eq!(event, Event::Ping(b"across"));
        replies.send(event.reply().unwrap()).unwrap();
    }
    drop(replies);
    assert_eq!(writing.join().unwrap(), b"\x8a\x06across");
}

#[test]
fn the_halves_know_whether_they_are_open_and_fail_together() {
    let (mut reader, mut writer) = Connection::server(config()).split();
    let (rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    assert!(reader.is_open() && writer.is_open());
    let error = reader.handle_eof(&rx).unwrap_err();
    writer.fail(error, &mut tx);
    assert!(!reader.is_open() && !writer.is_open());
    assert!(tx.is_empty(), "1006 is never on the wire");
    let ws = Connection::join(reader, writer);
    assert_eq!((ws.role(), ws.state()), (Role::Server, websans::State::Closed));
}

#[test]
fn the_reading_half_hands_out_parts() {
    let (mut reader, _) = Connection::server(config()).split();
    let mut rx = RecvBuf::new();
    let wire = frame_to(Role::Server, Opcode::BINARY, true, b"12345");
    for (chunk, data, first, last) in
        [(&wire[..8], &b"12"[..], true, false), (&wire[8..], b"345", false, true)]
    {
        rx.extend(chunk);
        let part = Part { data, first, last };
        assert_eq!(reader.next_partial(&mut rx), Ok(Some(Event::Binary(part))));
    }
    assert_eq!(reader.next_partial(&mut rx), Ok(None));
}

#[test]
fn the_reading_half_hands_out_what_is_whole_as_one_part() {
    let (mut reader, _) = Connection::server(config()).split();
    let mut rx = RecvBuf::new();
    for text in ["", "whole"] {
        rx.extend(&frame_to(Role::Server, Opcode::TEXT, true, text.as_bytes()));
        let part = Part { data: text, first: true, last: true };
        assert_eq!(reader.next_partial(&mut rx), Ok(Some(Event::Text(part))));
    }
}

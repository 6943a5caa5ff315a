//! The reading half and the writing half by themselves.
//!
//! Sections: RFC 6455 §5.5, §6

use crate::support::*;
use websans::frame::{FrameHeader, Opcode};
use websans::{
    CloseCode, Connection, Error, Event, MaskingKeySource, NoEntropy, NotOneConnection, Part,
    RecvBuf, Reply, Role, SendBuf, State,
};

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
    writer.reply(&error.reply(), &mut tx).unwrap();
    assert_eq!(closed_with(tx.as_slice()), Some(1002));
    writer.reply(&error.reply(), &mut tx).unwrap();
    assert_eq!(frames(tx.as_slice()).len(), 1, "one close frame");
    assert!(writer.send_text("x", &mut tx).is_err());
    let silent = Error::Eof { within_message: true }.reply();
    assert_eq!((silent.close_body(), silent.is_failure()), (None, true));
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
fn each_half_tells_the_state_the_role_and_what_was_agreed_on() {
    let wire = frame_to(Role::Server, Opcode::CLOSE, true, b"\x0f\xa0why");
    let (mut reader, mut writer) = Connection::server(config()).split();
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    assert_eq!((reader.state(), writer.state()), (State::Open, State::Open));
    assert_eq!((reader.role(), writer.role()), (Role::Server, Role::Server));
    assert_eq!((reader.subprotocol(), writer.subprotocol()), (None, None));
    assert_eq!(reader.permessage_deflate(), writer.permessage_deflate());
    assert_eq!((reader.close_status(), writer.close_status()), (None, None));
    rx.extend(&wire);
    let reply = reader.next_event(&mut rx).unwrap().unwrap().reply().unwrap();
    assert_eq!((reader.state(), writer.state()), (State::Closing, State::Closing));
    assert!(!reader.close_status().unwrap().clean, "it has not been answered");
    writer.reply(&reply, &mut tx).unwrap();
    assert_eq!((reader.state(), writer.state()), (State::Closed, State::Closed));
    for status in [reader.close_status().unwrap(), writer.close_status().unwrap()] {
        assert_eq!((status.code, status.reason, status.clean), (4000.into(), "why", true));
    }
    assert_eq!(closed_with(tx.as_slice()), Some(4000));
}

#[test]
fn a_failure_of_the_reading_half_is_known_to_the_writing_half() {
    let (mut reader, mut writer) = Connection::server(config()).split();
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    reader.handle_eof();
    let error = reader.next_event(&mut rx).unwrap_err();
    assert_eq!(writer.state(), State::Closed);
    assert!(writer.close_status().unwrap().failed);
    writer.fail(error, &mut tx);
    assert!(!reader.is_open() && !writer.is_open());
    assert!(tx.is_empty(), "1006 is never on the wire");
    let ws = Connection::join(reader, writer).unwrap();
    assert_eq!((ws.role(), ws.state()), (Role::Server, State::Closed));
}

#[test]
fn halves_of_two_connections_are_refused() {
    let (reader, writer) = Connection::server(config()).split();
    let (other_reader, other_writer) = Connection::server(config()).split();
    let NotOneConnection(reader, other_writer) =
        Connection::join(reader, other_writer).unwrap_err();
    assert!(Connection::join(reader, writer).is_ok());
    assert!(Connection::join(other_reader, other_writer).is_ok());
}

#[test]
fn halves_that_were_joined_work_on_and_can_be_split_again() {
    let (reader, writer) = Connection::server(config()).split();
    let mut ws = Connection::join(reader, writer).unwrap();
    let mut tx = SendBuf::new();
    ws.close(CloseCode::NORMAL_CLOSURE, "", &mut tx).unwrap();
    let (reader, writer) = ws.split();
    assert_eq!((reader.state(), writer.state()), (State::Closing, State::Closing));
    assert!(!writer.is_open());
}

/// §5.5.3: only the newest pong need be sent.
#[test]
fn pong_queue_replies_that_are_merged_keep_the_newest_pong_and_the_end() {
    let mut slot = Reply::default();
    assert!(slot.is_empty());
    slot.merge(Reply::ping(b"alive?"));
    for payload in [b"1", b"2", b"3"] {
        slot.merge(Event::<&str, &[u8]>::Ping(payload).reply().unwrap());
    }
    let first = Error::UnexpectedContinuation.reply();
    slot.merge(first);
    slot.merge(Error::Eof { within_message: false }.reply());
    assert_eq!(slot.pong_payload(), Some(&b"3"[..]));
    assert_eq!(slot.ping_payload(), Some(&b"alive?"[..]));
    assert_eq!(slot.close_body(), first.close_body());
    let (_, mut writer) = Connection::server(config()).split();
    let mut tx = SendBuf::new();
    writer.reply(&slot, &mut tx).unwrap();
    let opcodes: Vec<_> = frames(tx.as_slice()).iter().map(|(h, _)| h.opcode()).collect();
    assert_eq!(opcodes, [Opcode::PONG, Opcode::PING, Opcode::CLOSE]);
    assert!(!writer.is_open());
    println!("a reply has {} bytes", size_of::<Reply>());
}

/// §5.5: whatever is asked for, a ping holds at most 125 bytes.
#[test]
fn a_ping_that_is_too_long_is_cut_off() {
    assert_eq!(Reply::ping(&[7; 1000]).ping_payload(), Some(&[7; 125][..]));
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

/// Sections: RFC 6455 §5.5.1
///
/// However a close frame is sent, the other half learns of it.
#[test]
fn a_raw_close_frame_is_known_to_the_reading_half() {
    let (reader, mut writer) = Connection::server(config()).split();
    let header = FrameHeader::new(Opcode::CLOSE, 0);
    writer.send_raw_frame(header, &b""[..], &mut SendBuf::new()).unwrap();
    assert_eq!((reader.state(), writer.state()), (State::Closing, State::Closing));
}

/// Sections: RFC 6455 §7.1.7
///
/// What cannot be sent of a reply does not keep the connection open.
#[test]
fn a_failure_ends_sending_although_the_pong_before_it_cannot_be_sent() {
    for (role, config) in [
        (Role::Server, config().max_queued_replies(0)),
        (Role::Client, config().masking_keys(MaskingKeySource(|_| Err(NoEntropy)))),
    ] {
        let (_, mut writer) = connection(role, config).split();
        let mut tx = SendBuf::new();
        let mut reply = Event::<&str, &[u8]>::Ping(b"1").reply().unwrap();
        reply.merge(Error::UnexpectedContinuation.reply());
        assert!(writer.reply(&reply, &mut tx).is_err());
        assert!(!writer.is_open());
        let close = Some(1002).filter(|_| role == Role::Server);
        assert_eq!(frames(tx.as_slice()).last().and(closed_with(tx.as_slice())), close);
    }
}

/// Sections: RFC 6455 §7.1.6
#[test]
fn a_failure_that_is_told_later_does_not_take_the_peers_reason() {
    let (mut reader, mut writer) = Connection::server(config()).split();
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(&frame_to(Role::Server, Opcode::CLOSE, true, b"\x0f\xa0why"));
    let reply = reader.next_event(&mut rx).unwrap().unwrap().reply().unwrap();
    writer.reply(&reply, &mut tx).unwrap();
    writer.fail(Error::NoEntropy, &mut tx);
    assert_eq!(writer.close_status().unwrap().reason, "why");
}

/// Sections: RFC 6455 §7.1.5, §8.1
///
/// Bad text and a close frame in one read are one failure, and the code is that of the text.
#[test]
fn both_halves_tell_the_error_that_came_before_a_close_frame() {
    let (mut reader, writer) = Connection::server(config()).split();
    let mut rx = RecvBuf::new();
    rx.extend(&frame_to(Role::Server, Opcode::TEXT, false, b"\xff"));
    rx.extend(&frame_to(Role::Server, Opcode::CLOSE, true, &4000_u16.to_be_bytes()));
    assert_eq!(reader.next_event(&mut rx), Err(Error::InvalidUtf8 { valid_up_to: 0 }));
    for status in [reader.close_status().unwrap(), writer.close_status().unwrap()] {
        assert_eq!((status.code.number(), status.failed), (1007, true));
    }
}

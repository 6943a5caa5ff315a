//! Messages, the closing handshake, limits, and what blocks.

use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::util::NonBlockingResult;
use tungstenite::{Error, Message, WebSocket};

use crate::pipe::{Pipe, pair};

fn sockets(config: WebSocketConfig) -> (WebSocket<Pipe>, WebSocket<Pipe>) {
    let (client, server) = pair();
    (
        WebSocket::from_raw_socket(client, Role::Client, Some(config)),
        WebSocket::from_raw_socket(server, Role::Server, Some(config)),
    )
}

/// A client that is sent these bytes.
fn client_of(bytes: &[u8], config: WebSocketConfig) -> WebSocket<Pipe> {
    let (client, _) = sockets(config);
    client.get_ref().input.put(bytes);
    client
}

fn close_frame(code: u16, reason: &str) -> Option<CloseFrame> {
    Some(CloseFrame { code: code.into(), reason: reason.into() })
}

#[test]
fn every_kind_of_message_arrives_as_it_was_sent_however_it_is_cut() {
    let messages = [
        Message::text("Hëllo"),
        Message::text(""),
        Message::binary(vec![7; 100]),
        Message::binary(vec![8; 70_000]),
        Message::text("ä".repeat(40_000)),
        Message::Ping(vec![1, 2].into()),
        Message::Pong(vec![3].into()),
    ];
    for chunk in [1, 2, 3, 7, 1000, usize::MAX] {
        let (mut client, mut server) = sockets(WebSocketConfig::default());
        server.get_ref().input.set_chunk(chunk);
        for message in &messages {
            client.send(message.clone()).unwrap();
        }
        for message in &messages {
            assert_eq!(&server.read().unwrap(), message, "in reads of {chunk}");
        }
        assert!(server.read().no_block().unwrap().is_none());
        assert_eq!(client.read().unwrap(), Message::Pong(vec![1, 2].into()));
    }
}

#[test]
fn a_ping_is_answered_with_the_next_call_and_only_the_newest_waits() {
    let (mut client, mut server) = sockets(WebSocketConfig::default());
    server.get_ref().output.set_room(Some(0));
    for payload in [b"a", b"b"] {
        client.send(Message::Ping(payload[..].into())).unwrap();
        assert!(server.read().unwrap().is_ping());
    }
    server.get_ref().output.set_room(None);
    assert!(server.read().no_block().unwrap().is_none());
    // The first was queued when the second came.
    assert_eq!(server.get_ref().output.log(), b"\x8a\x01a\x8a\x01b");
}

#[test]
fn a_pong_of_the_application_takes_the_place_of_one_that_waits() {
    let (_, mut server) = sockets(WebSocketConfig::default());
    server.get_ref().input.put(b"\x89\x81\0\0\0\0p");
    assert!(server.read().unwrap().is_ping());
    server.write(Message::Pong("mine".into())).unwrap();
    server.flush().unwrap();
    assert_eq!(server.get_ref().output.log(), b"\x8a\x04mine");
}

#[test]
fn what_is_written_waits_until_it_is_much() {
    let (_, mut server) = sockets(WebSocketConfig::default().write_buffer_size(10));
    server.write("12345678".into()).unwrap();
    assert_eq!(server.get_ref().output.log(), b"", "10 bytes are not more than 10");
    server.write("1".into()).unwrap();
    assert_eq!(server.get_ref().output.log().len(), 13);
    server.write("2".into()).unwrap();
    server.flush().unwrap();
    assert_eq!(server.get_ref().output.log(), b"\x81\x012");
}

#[test]
fn a_full_buffer_hands_the_message_back_and_takes_it_later() {
    let config = WebSocketConfig::default().write_buffer_size(0).max_write_buffer_size(20);
    let (_, mut server) = sockets(config);
    server.get_ref().output.set_room(Some(0));
    assert!(server.write("0123456789".into()).no_block().unwrap().is_none(), "queued all the same");
    let Err(Error::WriteBufferFull(message)) = server.write("abcdefghij".into()) else {
        panic!("24 bytes would wait")
    };
    assert_eq!(message.to_text().unwrap(), "abcdefghij");
    server.get_ref().output.set_room(None);
    server.flush().unwrap();
    server.send(*message).unwrap();
    assert_eq!(server.get_ref().output.log(), b"\x81\x0a0123456789\x81\x0aabcdefghij");
}

#[test]
fn a_pong_that_does_not_fit_waits_and_the_reply_to_a_close_frame_always_fits() {
    let config = WebSocketConfig::default().write_buffer_size(0).max_write_buffer_size(12);
    let (_, mut server) = sockets(config);
    server.get_ref().output.set_room(Some(0));
    assert!(server.write("0123456789".into()).no_block().unwrap().is_none());
    server.get_ref().input.put(b"\x89\x81\0\0\0\0p");
    assert!(server.read().unwrap().is_ping());
    server.get_ref().input.put(b"\x88\x80\0\0\0\0");
    assert_eq!(server.read().unwrap(), Message::Close(None));
    server.get_ref().output.set_room(None);
    assert!(matches!(server.read(), Err(Error::ConnectionClosed)));
    assert_eq!(server.get_ref().output.log(), b"\x81\x0a0123456789\x88\x00");
}

#[test]
fn a_server_that_closes_is_done_when_the_client_has_answered() {
    let (mut client, mut server) = sockets(WebSocketConfig::default());
    server.close(close_frame(4000, "bye")).unwrap();
    assert!(server.can_read() && !server.can_write());
    assert!(matches!(
        server.send("more".into()),
        Err(Error::Protocol(ProtocolError::SendAfterClosing))
    ));
    client.write("still on its way".into()).unwrap();
    assert_eq!(client.read().unwrap(), Message::Close(close_frame(4000, "bye")));
    assert!(!client.can_read() && !client.can_write());
    client.flush().unwrap();
    assert_eq!(server.read().unwrap().to_text().unwrap(), "still on its way");
    assert_eq!(server.read().unwrap(), Message::Close(close_frame(4000, "bye")));
    assert!(matches!(server.read(), Err(Error::ConnectionClosed)));
    assert!(matches!(server.read(), Err(Error::AlreadyClosed)));
    assert!(matches!(server.write("x".into()), Err(Error::AlreadyClosed)));
    // The client waits for the server to close the transport (§7.1.1).
    assert!(client.read().no_block().unwrap().is_none());
    client.get_ref().input.end();
    assert!(matches!(client.read(), Err(Error::ConnectionClosed)));
    assert!(matches!(client.read(), Err(Error::AlreadyClosed)));
}

#[test]
fn a_client_that_closes_is_done_at_the_end_of_the_transport() {
    let (mut client, mut server) = sockets(WebSocketConfig::default());
    client.close(None).unwrap();
    assert_eq!(server.read().unwrap(), Message::Close(None));
    assert!(matches!(server.flush(), Err(Error::ConnectionClosed)));
    assert_eq!(client.read().unwrap(), Message::Close(None));
    client.get_ref().input.put(b"\x81\x01x after the close frame is ignored");
    assert!(client.read().no_block().unwrap().is_none());
    client.get_ref().input.end();
    assert!(matches!(client.read(), Err(Error::ConnectionClosed)));
}

#[test]
fn the_end_without_a_close_frame_is_an_error() {
    let mut client = client_of(b"\x81\x05Hel", WebSocketConfig::default());
    client.get_ref().input.end();
    assert!(matches!(
        client.read(),
        Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))
    ));
    assert!(matches!(client.read(), Err(Error::AlreadyClosed)));
}

#[test]
fn a_close_code_that_must_not_be_on_the_wire_is_answered_and_told_as_1002() {
    let (mut client, mut server) = sockets(WebSocketConfig::default());
    client.get_ref().input.put(b"\x88\x02\x03\xed");
    let Message::Close(Some(frame)) = client.read().unwrap() else { panic!() };
    assert_eq!(frame.code, CloseCode::Protocol);
    client.flush().unwrap();
    let Message::Close(Some(frame)) = server.read().unwrap() else { panic!() };
    assert_eq!(frame.code, CloseCode::Protocol);
}

#[test]
fn what_may_not_be_sent_is_refused_and_changes_nothing() {
    let (_, mut server) = sockets(WebSocketConfig::default());
    let long = vec![0; 126];
    for (message, expected) in [
        (Message::Close(close_frame(1006, "")), ProtocolError::InvalidCloseSequence),
        (Message::Close(close_frame(1000, &"x".repeat(124))), ProtocolError::ControlFrameTooBig),
        (Message::Ping(long.clone().into()), ProtocolError::ControlFrameTooBig),
        (Message::Pong(long.into()), ProtocolError::ControlFrameTooBig),
    ] {
        let Err(Error::Protocol(error)) = server.send(message) else { panic!("{expected}") };
        assert_eq!(error, expected);
        assert!(server.can_write());
    }
    server.send("fine".into()).unwrap();
    assert_eq!(server.get_ref().output.log(), b"\x81\x04fine");
}

#[test]
fn violations_have_tungstenites_errors_and_the_peer_is_told() {
    let table: [(&[u8], ProtocolError, u16); 10] = [
        (b"\xf1\x01x", ProtocolError::NonZeroReservedBits, 1002),
        (b"\x83\x00", ProtocolError::InvalidOpcode(3), 1002),
        (b"\x8b\x00", ProtocolError::InvalidOpcode(11), 1002),
        (b"\x81\x81\0\0\0\0x", ProtocolError::MaskedFrameFromServer, 1002),
        (b"\x09\x00", ProtocolError::FragmentedControlFrame, 1002),
        (b"\x89\x7e\x00\x7e", ProtocolError::ControlFrameTooBig, 1002),
        (b"\x80\x00", ProtocolError::UnexpectedContinueFrame, 1002),
        (b"\x01\x00\x81\x00", ProtocolError::ExpectedFragment(Data::Text), 1002),
        (b"\x01\x00\x82\x00", ProtocolError::ExpectedFragment(Data::Binary), 1002),
        (b"\x88\x01x", ProtocolError::InvalidCloseSequence, 1002),
    ];
    for report in [true, false] {
        for (bytes, expected, code) in &table {
            let config = WebSocketConfig::default().report_violations(report);
            let (mut client, mut server) = sockets(config);
            client.get_ref().input.put(bytes);
            for _ in 0..2 {
                let Err(Error::Protocol(error)) = client.read() else { panic!("{expected}") };
                assert_eq!(&error, expected, "again and again");
            }
            assert!(!client.can_read() && !client.can_write());
            if report {
                let Message::Close(Some(frame)) = server.read().unwrap() else { panic!() };
                assert_eq!(u16::from(frame.code), *code);
            } else {
                assert!(server.read().no_block().unwrap().is_none());
            }
        }
    }
}

#[test]
fn text_that_is_not_utf8_and_what_is_too_long_have_errors_of_their_own() {
    let config = WebSocketConfig::default().max_message_size(Some(10)).max_frame_size(Some(8));
    assert!(matches!(client_of(b"\x81\x01\xff", config).read(), Err(Error::Utf8(_))));
    for (bytes, expected) in [
        (&b"\x82\x09"[..], CapacityError::MessageTooLong { size: 9, max_size: 8 }),
        (b"\x02\x06abcdef\x80\x05", CapacityError::MessageTooLong { size: 11, max_size: 10 }),
    ] {
        let Err(Error::Capacity(error)) = client_of(bytes, config).read() else { panic!() };
        assert_eq!(error, expected);
    }
    let Err(Error::Io(error)) = client_of(b"\x82\x7e\x00\x01x", config).read() else { panic!() };
    let source = error.into_inner().unwrap();
    assert!(matches!(source.downcast_ref(), Some(websans::Error::Frame(_))));
}

#[test]
fn limits_change_on_a_live_connection_also_within_a_message() {
    let (mut client, mut server) = sockets(WebSocketConfig::default());
    client.send(Message::Frame(Frame::message("ab", OpCode::Data(Data::Text), false))).unwrap();
    assert!(server.read().no_block().unwrap().is_none());
    server.set_config(|config| config.max_message_size = Some(5));
    client.send(Message::Frame(Frame::message("c", OpCode::Data(Data::Continue), true))).unwrap();
    assert_eq!(server.read().unwrap().to_text().unwrap(), "abc");
    client.send("123456".into()).unwrap();
    assert!(matches!(server.read(), Err(Error::Capacity(_))));
}

#[test]
fn limits_change_where_compression_was_agreed_on_and_its_window_stays() {
    let mut config = WebSocketConfig::default();
    config.extensions.permessage_deflate = Some(Default::default());
    let (mut client, mut server) = sockets(config);
    let text = "the same words, again and again, ".repeat(4);
    for limit in [1000, 200] {
        server.set_config(|config| config.max_message_size = Some(limit));
        client.send(text.as_str().into()).unwrap();
        assert_eq!(server.read().unwrap().to_text().unwrap(), text);
    }
    server.set_config(|config| config.max_frame_size = Some(1));
    client.send(text.as_str().into()).unwrap();
    assert!(matches!(server.read(), Err(Error::Capacity(_))));
    assert_eq!(server.get_config().max_frame_size, Some(1));
}

#[test]
fn a_raw_close_frame_begins_the_closing_handshake() {
    let (mut client, mut server) = sockets(WebSocketConfig::default());
    server.send(Message::Frame(Frame::close(close_frame(4000, "raw")))).unwrap();
    assert!(server.can_read() && !server.can_write());
    assert_eq!(client.read().unwrap(), Message::Close(close_frame(4000, "raw")));
    client.flush().unwrap();
    assert_eq!(server.read().unwrap(), Message::Close(close_frame(4000, "raw")));
    assert!(matches!(server.read(), Err(Error::ConnectionClosed)));
}

#[test]
fn a_raw_frame_is_masked_by_a_client_and_by_nobody_else() {
    for (role, len) in [(Role::Client, 9), (Role::Server, 5)] {
        let (pipe, _) = pair();
        let mut socket = WebSocket::from_raw_socket(pipe, role, None);
        for mask in [None, Some([1, 2, 3, 4])] {
            let mut raw = Frame::message("raw", OpCode::Data(Data::Text), true);
            raw.header_mut().mask = mask;
            socket.send(Message::Frame(raw)).unwrap();
            let sent = socket.get_ref().output.log();
            assert_eq!(sent.len(), len);
            assert_eq!(sent[1], if role == Role::Client { 0x83 } else { 3 });
            assert_ne!(sent.get(2..6), Some(&[1, 2, 3, 4][..]), "every key is fresh");
        }
    }
}

#[test]
fn raw_frames_go_out_as_they_are_and_in_order() {
    let (_, mut server) = sockets(WebSocketConfig::default());
    let mut raw = Frame::message("raw", OpCode::Data(Data::Text), false);
    raw.header_mut().rsv2 = true;
    for message in ["a".into(), Message::Frame(raw), "b".into()] {
        server.write(message).unwrap();
    }
    server.flush().unwrap();
    assert_eq!(server.get_ref().output.log(), b"\x81\x01a\x21\x03raw\x81\x01b");
}

#[test]
fn unmasked_frames_are_accepted_on_request_beside_masked_ones() {
    let wire = b"\x81\x02hi\x89\x80\x01\x02\x03\x04\x81\x81\x01\x00\x00\x00i\x02\x7e\x00\x7f";
    for chunk in [1, 2, 3, 5, 100] {
        let config = WebSocketConfig::default().accept_unmasked_frames(true);
        let (_, mut server) = sockets(config);
        server.get_ref().input.set_chunk(chunk);
        server.get_ref().input.put(wire);
        server.get_ref().input.put(&[7; 127]);
        server.get_ref().input.put(b"\x80\x00");
        assert_eq!(server.read().unwrap(), Message::text("hi"));
        assert!(server.read().unwrap().is_ping());
        assert_eq!(server.read().unwrap(), Message::text("h"));
        assert_eq!(server.read().unwrap(), Message::binary(vec![7; 127]));
    }
    let (_, mut server) = sockets(WebSocketConfig::default());
    server.get_ref().input.put(wire);
    assert!(matches!(server.read(), Err(Error::Protocol(ProtocolError::UnmaskedFrameFromClient))));
}

#[test]
fn bytes_that_were_read_before_come_first() {
    let (client, _) = pair();
    client.input.put(b"lo");
    let part = b"\x81\x05Hel".to_vec();
    let mut client = WebSocket::from_partially_read(client, part, Role::Client, None);
    assert_eq!(client.read().unwrap(), Message::text("Hello"));
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let (mut client, mut server) = sockets(WebSocketConfig::default());
    for len in [10, 10_000, 100_000] {
        client.send(Message::binary(vec![0; len])).unwrap();
        let message = server.read().unwrap();
        server.send(message).unwrap();
        assert_eq!(client.read().unwrap().len(), len);
        for socket in [&mut client, &mut server] {
            assert!(socket.read().no_block().unwrap().is_none());
            let debug = format!("{socket:?}");
            assert!(debug.contains("len: 0, capacity: 0"), "{debug}");
            assert!(debug.contains("queue: None"), "{debug}");
        }
    }
}

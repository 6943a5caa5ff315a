//! RFC 6455 §5.3, §5.4, §6.1: what an endpoint sends.

use std::cell::Cell;

use crate::support::*;
use websans::frame::Opcode;
use websans::{
    Connection, Event, MaskingKeySource, Message, NoEntropy, PreparedMessage, RecvBuf, Role,
    SendBuf, SendError,
};

#[test]
fn frames_are_masked_by_a_client_only_and_lengths_are_minimal() {
    for role in ROLES {
        for len in [0, 1, 125, 126, 127, 0xFFFF, 0x1_0000, 300_000] {
            let payload: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let (mut ws, mut tx) = (connection(role, config()), SendBuf::new());
            ws.send_binary(&payload, &mut tx).unwrap();
            let sent = frames(tx.as_slice());
            assert_eq!(sent.len(), 1);
            let (header, sent) = &sent[0];
            assert_eq!(header.masking_key().is_some(), role == Role::Client);
            assert_eq!((header.opcode(), header.fin()), (Opcode::BINARY, true));
            assert_eq!(*sent, payload, "length {len}");
        }
    }
}

#[test]
fn weak_mask_every_frame_has_a_fresh_key_control_frames_included() {
    thread_local!(static NEXT: Cell<u8> = const { Cell::new(0) });
    let source = MaskingKeySource(|key| {
        NEXT.set(NEXT.get() + 1);
        key.fill(NEXT.get());
        Ok(())
    });
    let mut ws = Connection::client(config().masking_keys(source));
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let prepared = PreparedMessage::new(Message::text("prepared"));
    ws.send_text("a", &mut tx).unwrap();
    ws.send_binary(b"", &mut tx).unwrap();
    ws.send_prepared(&prepared, &mut tx).unwrap();
    ws.send(Message::text("part").part(false), &mut tx).unwrap();
    ws.send_ping(b"ping", &mut tx).unwrap();
    ws.send_pong(b"pong", &mut tx).unwrap();
    ws.send(Message::text("part").part(true), &mut tx).unwrap();
    rx.extend(&frame_to(Role::Client, Opcode::PING, true, b"reply"));
    ws.next_event(&mut rx, &mut tx).unwrap();
    ws.close(None, "", &mut tx).unwrap();
    let keys: Vec<_> =
        frames(tx.as_slice()).iter().map(|(header, _)| header.masking_key().unwrap()).collect();
    assert_eq!(keys, (1..=9).map(|i| [i; 4]).collect::<Vec<_>>());
}

#[cfg(feature = "std")]
#[test]
fn weak_mask_the_default_source_does_not_repeat_itself() {
    let (mut ws, mut tx) = (Connection::client(config().max_queued(None)), SendBuf::new());
    for _ in 0..1000 {
        ws.send_binary(b"", &mut tx).unwrap();
    }
    let keys: std::collections::HashSet<_> =
        frames(tx.as_slice()).iter().map(|(header, _)| header.masking_key().unwrap()).collect();
    assert!(keys.len() > 990, "of 1000 keys {} differ", keys.len());
}

#[test]
fn weak_mask_a_failing_source_is_an_error_and_nothing_is_sent() {
    let config = config().masking_keys(MaskingKeySource(|_| Err(NoEntropy)));
    let (mut ws, mut rx, mut tx) = (Connection::client(config), RecvBuf::new(), SendBuf::new());
    assert_eq!(ws.send_text("x", &mut tx), Err(SendError::NoEntropy));
    assert_eq!(ws.send(Message::text("x").part(false), &mut tx), Err(SendError::NoEntropy));
    assert_eq!(ws.send_ping(b"", &mut tx), Err(SendError::NoEntropy));
    assert_eq!(ws.close(None, "", &mut tx), Err(SendError::NoEntropy));
    rx.extend(&frame_to(Role::Client, Opcode::PING, true, b""));
    assert_eq!(ws.next_event(&mut rx, &mut tx), Err(websans::Error::NoEntropy));
    assert!(tx.is_empty());
    assert_eq!(Connection::server(config).send_text("x", &mut tx), Ok(()), "needs no key");
}

#[test]
fn a_close_frame_is_delivered_even_if_its_answer_cannot_be_masked() {
    let config = config().masking_keys(MaskingKeySource(|_| Err(NoEntropy)));
    let (mut ws, mut rx, mut tx) = (Connection::client(config), RecvBuf::new(), SendBuf::new());
    rx.extend(&frame_to(Role::Client, Opcode::CLOSE, true, &[0x03, 0xe8]));
    let event = ws.next_event(&mut rx, &mut tx).unwrap();
    assert!(matches!(event, Some(Event::Close(_))), "{event:?}");
    assert!(tx.is_empty());
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
}

#[test]
fn a_message_in_parts_becomes_fragments_and_is_not_interleaved() {
    for role in ROLES {
        let (mut ws, mut tx) = (connection(role, config()), SendBuf::new());
        ws.send(Message::text("a").part(false), &mut tx).unwrap();
        let busy = Err(SendError::MessageInProgress { opcode: Opcode::TEXT });
        assert_eq!(ws.send_text("x", &mut tx), busy);
        assert_eq!(ws.send_binary(b"x", &mut tx), busy);
        assert_eq!(ws.send(Message::binary(b"x").part(true), &mut tx), busy);
        let prepared = PreparedMessage::new(Message::text("x"));
        assert_eq!(ws.send_prepared(&prepared, &mut tx), busy);
        ws.send_ping(b"between", &mut tx).unwrap();
        ws.send(Message::text("").part(false), &mut tx).unwrap();
        ws.send(Message::text("b").part(true), &mut tx).unwrap();
        ws.send_binary(b"next", &mut tx).unwrap();
        let sent: Vec<_> = frames(tx.as_slice())
            .into_iter()
            .map(|(header, payload)| (header.opcode(), header.fin(), payload))
            .collect();
        assert_eq!(
            sent,
            [
                (Opcode::TEXT, false, b"a".to_vec()),
                (Opcode::PING, true, b"between".to_vec()),
                (Opcode::CONTINUATION, false, vec![]),
                (Opcode::CONTINUATION, true, b"b".to_vec()),
                (Opcode::BINARY, true, b"next".to_vec()),
            ]
        );
    }
}

#[test]
fn a_single_part_that_is_the_last_is_a_whole_message() {
    let (mut ws, mut tx) = (Connection::server(config()), SendBuf::new());
    ws.send(Message::binary(b"all").part(true), &mut tx).unwrap();
    assert_eq!(tx.as_slice(), b"\x82\x03all");
    assert_eq!(ws.send_text("next", &mut tx), Ok(()));
}

#[test]
fn a_prepared_message_is_the_same_message_from_either_role() {
    let prepared = PreparedMessage::new(Message::binary(&[3; 200]));
    assert_eq!((prepared.opcode(), prepared.payload()), (Opcode::BINARY, &[3; 200][..]));
    for role in ROLES {
        let (mut ws, mut tx) = (connection(role, config()), SendBuf::new());
        ws.send_prepared(&prepared, &mut tx).unwrap();
        let sent = frames(tx.as_slice());
        assert_eq!((sent[0].0.opcode(), &sent[0].1), (Opcode::BINARY, &vec![3; 200]));
    }
}

#[test]
fn a_header_alone_is_for_lengths_below_2_63() {
    let (mut ws, mut tx) = (Connection::server(config()), SendBuf::new());
    let long = ws.send_header(Message::text(""), 1 << 63, &mut tx);
    assert_eq!(long, Err(SendError::PayloadTooLong));
    assert!(tx.is_empty());
    ws.send_header(Message::binary(b"").part(false), 70 << 30, &mut tx).unwrap();
    assert_eq!(tx.as_slice(), b"\x02\x7f\0\0\0\x11\x80\0\0\0");
    assert_eq!(tx.len(), (70 << 30) + 10);
    tx.consume(10);
    while tx.payload_remaining() > 0 {
        tx.consume_payload(usize::MAX); // with 32 bits it takes several
    }
    assert_eq!(ws.send_header(Message::binary(b"").part(true), 0, &mut tx), Ok(()));
    assert_eq!(tx.as_slice(), [0x80, 0x00], "an empty payload has been written already");
}

/// A transport that takes a little at a time, and says every other time that it cannot.
#[cfg(feature = "std")]
struct Slow(Vec<u8>, bool);

#[cfg(feature = "std")]
impl std::io::Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(std::io::ErrorKind::WouldBlock.into());
        }
        let n = bytes.len().min(7000);
        self.0.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
#[cfg(feature = "std")]
fn an_announced_payload_arrives_whole_from_either_role_whatever_the_transport_takes() {
    let payload: Vec<u8> = (0..100_000).map(|i| (i % 251) as u8).collect();
    for role in [Role::Client, Role::Server] {
        let (mut ws, mut tx) = (connection(role, config()), SendBuf::new());
        ws.send_ping(b"before", &mut tx).unwrap();
        ws.send_header(Message::binary(b""), payload.len() as u64, &mut tx).unwrap();
        ws.send_ping(b"behind", &mut tx).unwrap();
        let (mut slow, mut rest) = (Slow(Vec::new(), false), &payload[..]);
        while tx.payload_remaining() > 0 {
            let n = tx.write_with_payload(&mut slow, rest).unwrap_or(0);
            rest = &rest[n..];
            assert!(tx.capacity() <= 2 * ((16 << 10) + 64), "{role:?} {}", tx.capacity());
        }
        assert!(rest.is_empty());
        while tx.write_to(&mut slow).is_err() {}
        assert!(tx.is_empty());
        let other = if role == Role::Client { Role::Server } else { Role::Client };
        let (mut ws, mut rx) = (connection(other, config()), RecvBuf::new());
        rx.extend(&slow.0);
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Ping(b"before"))));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Binary(&payload[..]))));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Ping(b"behind"))));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
    }
}

#[test]
fn an_announced_payload_is_taken_in_up_to_16_kib_and_not_beyond_its_length() {
    for role in [Role::Client, Role::Server] {
        let (mut ws, mut tx) = (connection(role, config()), SendBuf::new());
        assert_eq!(tx.extend_payload(b"none was announced"), 0);
        ws.send_header(Message::binary(b""), 20_000, &mut tx).unwrap();
        let header = tx.as_slice().len();
        assert_eq!(tx.extend_payload(&[7; 30_000]), (16 << 10) - header);
        assert_eq!(tx.extend_payload(&[7; 30_000]), 0, "what is here has to go first");
        tx.consume(usize::MAX);
        if role == Role::Client {
            tx.consume_payload(1000);
        }
        let left = 20_000 - ((16 << 10) - header);
        assert_eq!(tx.payload_remaining(), left as u64, "a client's payload must be masked");
        assert_eq!(tx.extend_payload(&[7; 30_000]), left);
        assert_eq!((tx.payload_remaining(), tx.len()), (0, left as u64));
        assert_eq!(ws.send_header(Message::binary(b""), 1, &mut tx), Ok(()));
    }
}

#[test]
fn pings_go_out_behind_a_large_payload_that_was_announced() {
    let (mut ws, mut tx) = (Connection::server(config()), SendBuf::new());
    ws.send_header(Message::binary(b""), 1 << 40, &mut tx).unwrap();
    assert_eq!(ws.send_ping(b"", &mut tx), Ok(()), "it takes no memory");
    tx.clear();
    assert!(tx.is_empty());
}

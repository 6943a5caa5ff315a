//! RFC 6455 §5.3, §5.4, §6.1: what an endpoint sends.
//!
//! Sections: RFC 6455 §5.2, §5.3, §6.1

use std::cell::Cell;

use crate::support::*;
use websans::frame::{FrameHeader, Opcode};
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

/// Sections: RFC 6455 §5.3, §10.3
#[test]
fn weak_mask_every_frame_has_a_fresh_key_control_frames_included() {
    thread_local!(static NEXT: Cell<u8> = const { Cell::new(0) });
    let source = MaskingKeySource(|keys| {
        for key in keys.chunks_mut(4) {
            NEXT.set(NEXT.get() + 1);
            key.fill(NEXT.get());
        }
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
    // The first two say whose keys they are.
    assert_eq!(keys, (3..=11).map(|i| [i; 4]).collect::<Vec<_>>());
}

#[cfg(feature = "std")]
/// Sections: RFC 6455 §5.3, §10.3
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

/// The key of the opening handshake, and the masking keys of a hundred frames.
#[cfg(all(unix, feature = "std"))]
fn keys_of_a_new_client(tx: &mut SendBuf) -> Vec<u8> {
    let request = websans::Request::new("ws://example.com/").unwrap();
    websans::ClientHandshake::new(&request, config(), tx).unwrap();
    let request = wire(tx);
    let key = b"\r\nSec-WebSocket-Key: ";
    let at = request.windows(key.len()).position(|window| window == key).unwrap() + key.len();
    let mut keys = request[at..at + 24].to_vec();
    tx.consume(usize::MAX);
    let mut ws = Connection::client(config());
    (0..100).for_each(|_| ws.send_binary(b"", tx).unwrap());
    let frames = wire(tx);
    keys.extend(frames.chunks(6).flat_map(|frame| frame[2..].to_vec()));
    tx.consume(usize::MAX);
    keys
}

#[cfg(all(unix, feature = "std"))]
/// Sections: RFC 6455 §5.3, §10.3
#[test]
fn weak_mask_a_process_and_its_child_draw_different_keys() {
    let file = std::env::temp_dir().join(format!("websans-fork-{}", std::process::id()));
    let mut tx = SendBuf::new();
    keys_of_a_new_client(&mut tx); // what was drawn in advance is there now
    match fork::fork().unwrap() {
        fork::Fork::Child => {
            let written = std::fs::write(&file, keys_of_a_new_client(&mut tx));
            std::process::exit(i32::from(written.is_err()));
        }
        fork::Fork::Parent(child) => {
            let ours = keys_of_a_new_client(&mut tx);
            fork::waitpid(child).unwrap();
            let theirs = std::fs::read(&file).unwrap();
            std::fs::remove_file(&file).unwrap();
            assert_eq!((ours.len(), theirs.len()), (424, 424));
            assert_ne!(ours[..24], theirs[..24], "the key of the handshake");
            let ours: std::collections::HashSet<_> = ours[24..].chunks(4).collect();
            let shared = theirs[24..].chunks(4).filter(|key| ours.contains(key)).count();
            assert!(shared < 3, "{shared} of 100 keys are the same");
        }
    }
}

/// Sections: RFC 6455 §5.3, §10.3
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

/// Sections: RFC 6455 §5.5.1
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

/// Sections: RFC 6455 §5.4, §6.1
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

/// Sections: RFC 6455 §5.4
#[test]
fn a_single_part_that_is_the_last_is_a_whole_message() {
    let (mut ws, mut tx) = (Connection::server(config()), SendBuf::new());
    ws.send(Message::binary(b"all").part(true), &mut tx).unwrap();
    assert_eq!(tx.as_slice(), b"\x82\x03all");
    assert_eq!(ws.send_text("next", &mut tx), Ok(()));
}

/// Sections: RFC 6455 §6.1
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

/// Sections: RFC 6455 §5.2
#[test]
fn a_header_alone_is_for_lengths_below_2_63() {
    let (mut ws, mut tx) = (Connection::server(config()), SendBuf::new());
    let long = ws.send_header(Message::text(""), 1 << 63, &mut tx);
    assert_eq!(long, Err(SendError::PayloadTooLong));
    assert!(tx.is_empty());
    ws.send_header(Message::binary(b"").part(false), 70 << 30, &mut tx).unwrap();
    assert_eq!(tx.as_slice(), b"\x02\x7f\0\0\0\x11\x80\0\0\0");
    assert_eq!(tx.len(), (70 << 30) + 10);
    tx.clear();
    assert_eq!(ws.send_header(Message::binary(b"").part(true), 0, &mut tx), Ok(()));
    assert_eq!((tx.as_slice(), tx.payload_remaining()), (&[0x80, 0x00][..], 0));
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
        ws.send(Message::binary(payload.clone()), &mut tx).unwrap();
        let (mut slow, mut rest) = (Slow(Vec::new(), false), &payload[..]);
        while tx.payload_remaining() > 0 {
            rest = &rest[tx.extend_payload(rest)..];
            let _ = tx.write_to(&mut slow);
            assert!(tx.len() <= 2 * payload.len() as u64 + 64, "{role:?} {}", tx.len());
            assert!(tx.capacity() <= 2000, "{role:?} {}", tx.capacity());
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
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Binary(&payload[..]))));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
    }
}

#[test]
fn an_announced_payload_is_taken_in_up_to_16_kib_and_not_beyond_its_length() {
    for role in [Role::Client, Role::Server] {
        let (mut ws, mut tx) = (connection(role, config()), SendBuf::new());
        assert_eq!(tx.extend_payload(b"none was announced"), 0);
        ws.send_header(Message::binary(b""), 20_000, &mut tx).unwrap();
        ws.send_ping(b"behind", &mut tx).unwrap();
        assert_eq!(tx.extend_payload(&[7; 30_000]), 16 << 10);
        assert_eq!(tx.extend_payload(&[7; 30_000]), 0, "what is here has to go first");
        tx.consume(usize::MAX);
        assert!(tx.as_slice().is_empty() && !tx.is_empty(), "the payload is next");
        let left = 20_000 - (16 << 10);
        assert_eq!(tx.payload_remaining(), left as u64);
        assert_eq!(tx.extend_payload(&[7; 30_000]), left);
        assert_eq!(tx.extend_payload(&[7; 30_000]), 0);
        let ping = if role == Role::Client { 12 } else { 8 };
        assert_eq!((tx.payload_remaining(), tx.len()), (0, (left + ping) as u64));
        assert_eq!(ws.send_header(Message::binary(b""), 1, &mut tx), Ok(()));
        tx.consume(usize::MAX);
        assert_eq!((tx.payload_remaining(), tx.len()), (1, 1));
    }
}

/// Sections: none, how payloads are queued is this crate's
#[test]
fn what_waits_behind_an_announced_payload_is_not_moved_for_each_piece_of_it() {
    let (mut ws, mut tx) = (Connection::server(config().max_queued(None)), SendBuf::new());
    ws.send_header(Message::binary(b""), 1 << 20, &mut tx).unwrap();
    ws.send_binary(&[7; 1 << 20], &mut tx).unwrap();
    tx.consume(10);
    assert_eq!(tx.extend_payload(&[1; 1000]), 1000);
    // The piece lies by itself, so that what comes behind it need not make room.
    assert_eq!(tx.as_slice().len(), 1000);
    assert_eq!(tx.slices().map(<[u8]>::len).collect::<Vec<_>>(), [1000]);
    let capacity = tx.capacity();
    let (taken, heap) = measure(|| tx.extend_payload(&[1; 1000]));
    assert_eq!((taken, tx.capacity()), (1000, capacity));
    assert!(heap.peak < 10_000, "{heap:?}");
}

/// Sections: RFC 6455 §5.4
#[test]
fn pings_go_out_behind_a_large_payload_that_was_announced() {
    let (mut ws, mut tx) = (Connection::server(config()), SendBuf::new());
    ws.send_header(Message::binary(b""), 1 << 40, &mut tx).unwrap();
    assert_eq!(ws.send_ping(b"", &mut tx), Ok(()), "it takes no memory");
    tx.clear();
    assert!(tx.is_empty());
}

/// All that waits, in one piece.
fn wire(tx: &SendBuf) -> Vec<u8> {
    tx.slices().flatten().copied().collect()
}

#[test]
fn owned_payloads_from_4_kib_on_are_queued_in_order_without_a_copy() {
    for role in ROLES {
        let (mut ws, mut tx) = (connection(role, config()), SendBuf::new());
        let payload = |len: usize| (0..len).map(|i| (i % 251) as u8).collect::<Vec<u8>>();
        let text = "größer".repeat(1000);
        ws.send_text("first", &mut tx).unwrap();
        ws.send(Message::binary(payload(4095)), &mut tx).unwrap();
        let before = tx.capacity();
        ws.send(Message::binary(payload(4096)), &mut tx).unwrap();
        ws.send(Message::text(text.clone()).part(false), &mut tx).unwrap();
        ws.send_ping(b"between", &mut tx).unwrap();
        ws.send(Message::text(text.clone().into_boxed_str()).part(true), &mut tx).unwrap();
        ws.send_binary(b"last", &mut tx).unwrap();
        assert!(tx.capacity() < 2 * before + 2000, "{} {before}", tx.capacity());
        let expected = [
            (Opcode::TEXT, true, b"first".to_vec()),
            (Opcode::BINARY, true, payload(4095)),
            (Opcode::BINARY, true, payload(4096)),
            (Opcode::TEXT, false, text.clone().into_bytes()),
            (Opcode::PING, true, b"between".to_vec()),
            (Opcode::CONTINUATION, true, text.clone().into_bytes()),
            (Opcode::BINARY, true, b"last".to_vec()),
        ];
        let all = wire(&tx);
        assert_eq!(tx.len(), all.len() as u64);
        let sent: Vec<_> = frames(&all)
            .into_iter()
            .map(|(header, payload)| {
                assert_eq!(header.masking_key().is_some(), role == Role::Client);
                (header.opcode(), header.fin(), payload)
            })
            .collect();
        assert!(sent == expected);
        // Whatever is written at a time, the same comes out.
        for step in [1, 2, 3, 1000, 4096, 5000, 100_000] {
            let (mut ws, mut tx) =
                (connection(role, config().masking_keys(FIXED_KEY)), SendBuf::new());
            for _ in 0..2 {
                ws.send(Message::binary(payload(5000)), &mut tx).unwrap();
                ws.send_text("small", &mut tx).unwrap();
                ws.send(Message::text(text.clone()), &mut tx).unwrap();
                ws.send(Message::text(text.clone()), &mut tx).unwrap();
            }
            let (all, mut out, mut left) = (wire(&tx), Vec::new(), tx.len());
            while !tx.is_empty() {
                let n = tx.as_slice().len().min(step);
                assert!(n > 0);
                out.extend_from_slice(&tx.as_slice()[..n]);
                tx.consume(n);
                left -= n as u64;
                assert_eq!((tx.len(), wire(&tx).len() as u64), (left, left));
            }
            assert!(out == all, "{step}");
        }
    }
}

/// Sections: none, how payloads are queued is this crate's
#[test]
fn an_owned_payload_counts_as_queued() {
    let mut ws = Connection::server(config().max_queued(10_000));
    let mut tx = SendBuf::new();
    ws.send(Message::binary(vec![0; 20_000]), &mut tx).unwrap();
    let full = Err(SendError::Full { queued: 20_004, limit: 10_000 });
    assert_eq!(ws.send_text("x", &mut tx), full);
    assert_eq!(ws.send(Message::binary(vec![0; 20_000]), &mut tx), full);
    tx.consume(10_005);
    assert_eq!(ws.send_text("x", &mut tx), Ok(()));
}

#[test]
fn a_payload_that_others_share_is_masked_in_a_copy() {
    let shared: std::sync::Arc<[u8]> = vec![7; 10_000].into();
    let prepared = PreparedMessage::new(Message::binary(shared.clone()));
    let (mut ws, mut tx) = (Connection::client(config()), SendBuf::new());
    ws.send(Message::binary(shared.clone()), &mut tx).unwrap();
    ws.send_prepared(&prepared, &mut tx).unwrap();
    ws.send(Message::binary(websans::Payload::from_static(&[7; 10_000])), &mut tx).unwrap();
    assert!(shared.iter().all(|byte| *byte == 7));
    ws.send(Message::binary(shared), &mut tx).unwrap();
    let sent = wire(&tx);
    let sent = frames(&sent);
    assert_eq!(sent.len(), 4);
    assert!(sent.iter().all(|(_, payload)| *payload == [7; 10_000]));
}

/// Sections: none, how payloads are queued is this crate's
#[test]
fn a_large_prepared_message_is_queued_without_a_copy() {
    let prepared = PreparedMessage::new(Message::binary(&[3; 100_000]));
    let (mut ws, mut tx) = (Connection::server(config().max_queued(None)), SendBuf::new());
    let ((), heap) = measure(|| {
        for _ in 0..10 {
            ws.send_prepared(&prepared, &mut tx).unwrap();
        }
    });
    assert!(heap.peak < 5000, "{heap:?}");
    assert_eq!((tx.len(), frames(&wire(&tx)).len()), (10 * 100_010, 10));
    tx.consume(usize::MAX);
    assert!(tx.is_empty());
}

/// Sections: none, how payloads are queued is this crate's
#[test]
fn an_owned_payload_is_dropped_as_soon_as_it_is_written() {
    let shared: std::sync::Arc<[u8]> = vec![7; 10_000].into();
    let (mut ws, mut tx) = (Connection::server(config()), SendBuf::new());
    ws.send(Message::binary(shared.clone()), &mut tx).unwrap();
    ws.send_text("behind", &mut tx).unwrap();
    tx.consume(10_003);
    assert_eq!(std::sync::Arc::strong_count(&shared), 2);
    tx.consume(1);
    assert_eq!(std::sync::Arc::strong_count(&shared), 1);
    assert_eq!(tx.as_slice(), b"\x81\x06behind");
    ws.send(Message::binary(shared.clone()), &mut tx).unwrap();
    tx.clear();
    assert_eq!((std::sync::Arc::strong_count(&shared), tx.len()), (1, 0));
}

#[test]
#[cfg(feature = "std")]
fn owned_payloads_go_out_in_one_vectored_write() {
    struct Vectored(Vec<usize>);
    impl std::io::Write for Vectored {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.push(bytes.len());
            Ok(bytes.len())
        }
        fn write_vectored(&mut self, slices: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
            let n = slices.iter().map(|slice| slice.len()).sum();
            self.0.push(n);
            Ok(n)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (mut ws, mut tx) = (Connection::server(config()), SendBuf::new());
    let mut transport = Vectored(Vec::new());
    for _ in 0..3 {
        ws.send_text("small", &mut tx).unwrap();
        ws.send(Message::binary(vec![1; 5000]), &mut tx).unwrap();
    }
    let all = 3 * (7 + 5004);
    assert_eq!(tx.write_to(&mut transport).unwrap(), all);
    assert_eq!(transport.0, [all]);
}

/// Sections: none, it is about the traits of bytes
#[test]
#[cfg(feature = "bytes")]
fn a_send_buf_is_a_buf_and_takes_bytes() {
    use bytes::{Buf, Bytes};
    let data = Bytes::from(vec![5; 10_000]);
    for role in ROLES {
        let (mut ws, mut tx) = (connection(role, config()), SendBuf::new());
        ws.send(Message::binary(data.clone()), &mut tx).unwrap();
        ws.send(Message::text(bytestring::ByteString::from("x".repeat(5000))), &mut tx).unwrap();
        let wire = tx.copy_to_bytes(tx.remaining());
        let sent = frames(&wire);
        assert!(sent[0].1 == data && sent[1].1 == [b'x'; 5000]);
        assert!(tx.is_empty());
    }
}

#[test]
fn a_raw_frame_goes_out_as_it_is_masked_by_a_client_only() {
    for role in ROLES {
        let (mut ws, mut tx) = (connection(role, config()), SendBuf::new());
        for first in 0..=0xFF {
            let opcode = Opcode::new(first);
            if opcode == Opcode::CLOSE {
                continue;
            }
            // The length and the key of the header do not count.
            let header = FrameHeader::new(opcode, 7)
                .with_fin(first & 0x80 != 0)
                .with_rsv1(first & 0x40 != 0)
                .with_rsv2(first & 0x20 != 0)
                .with_rsv3(first & 0x10 != 0)
                .with_masking_key(Some([1, 2, 3, 4]));
            let payload = vec![first; usize::from(first) * 20];
            ws.send_raw_frame(header, &payload, &mut tx).unwrap();
            ws.send_raw_frame(header, payload.clone(), &mut tx).unwrap();
            let all = wire(&tx);
            assert_eq!(all[0], first);
            let sent = frames(&all);
            assert_eq!(sent.len(), 2);
            for (header, sent) in sent {
                assert_eq!(header.masking_key().is_some(), role == Role::Client);
                assert_ne!(header.masking_key(), Some([1, 2, 3, 4]));
                assert!(sent == payload);
            }
            tx.clear();
        }
        // What is checked goes on as if it had not been there.
        ws.send(Message::text("a").part(false), &mut tx).unwrap();
        ws.send_raw_frame(FrameHeader::new(Opcode::BINARY, 0), b"", &mut tx).unwrap();
        ws.send(Message::text("b").part(true), &mut tx).unwrap();
        ws.send_raw_frame(FrameHeader::new(Opcode::CLOSE, 0), b"\x03\xe8", &mut tx).unwrap();
        assert!(ws.state() == websans::State::Closing);
        let raw = ws.send_raw_frame(FrameHeader::new(Opcode::PING, 0), b"", &mut tx);
        assert_eq!(raw, Err(SendError::Closed));
    }
    let mut ws = Connection::server(config().max_queued(1));
    let (mut tx, header) = (SendBuf::new(), FrameHeader::new(Opcode::PING, 0));
    ws.send_raw_frame(header, b"", &mut tx).unwrap();
    let full = Err(SendError::Full { queued: 2, limit: 1 });
    assert_eq!(ws.send_raw_frame(header, b"", &mut tx), full);
}

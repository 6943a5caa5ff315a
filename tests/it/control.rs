//! RFC 6455 §5.5: control frames, and the pongs that pings oblige to.
//!
//! Sections: RFC 6455 §5.5, §5.5.2, §5.5.3

use crate::support::*;
use websans::frame::{FrameHeader, Opcode};
use websans::{Connection, Error, Message, RecvBuf, Role, SendBuf, SendError};

/// Sections: RFC 6455 §5.4, §5.5
#[test]
fn control_shape_fragmented_or_long_is_1002_at_the_header() {
    for role in ROLES {
        for opcode in [Opcode::CLOSE, Opcode::PING, Opcode::PONG] {
            let header = FrameHeader::new(opcode, 0).with_fin(false);
            let got = feed_every_way(role, config(), &header_to(role, header));
            assert_eq!(got.error, Some(Error::FragmentedControl { opcode }));
            assert_eq!(closed_with(&got.output), Some(1002));
            for len in [126, 0x1_0000, 1 << 40] {
                let wire = header_to(role, FrameHeader::new(opcode, len));
                let got = feed_every_way(role, config(), &wire);
                assert_eq!(got.error, Some(Error::ControlTooLong { opcode, len }));
                assert_eq!(closed_with(&got.output), Some(1002));
            }
        }
    }
}

#[test]
fn every_ping_gets_its_pong_in_order_with_its_payload() {
    // Autobahn 2.10
    for role in ROLES {
        let payloads: Vec<Vec<u8>> = (0..10).map(|i| vec![i; usize::from(i) * 13]).collect();
        let wire: Vec<u8> =
            payloads.iter().flat_map(|p| frame_to(role, Opcode::PING, true, p)).collect();
        let got = feed(role, config(), [&wire[..]]);
        assert_eq!(got.events, payloads.iter().cloned().map(Owned::Ping).collect::<Vec<_>>());
        let pongs = frames(&got.output);
        assert!(pongs.iter().all(|(header, _)| header.opcode() == Opcode::PONG && header.fin()));
        assert_eq!(pongs.into_iter().map(|(_, payload)| payload).collect::<Vec<_>>(), payloads);
    }
}

#[test]
fn pings_and_pongs_of_0_and_125_bytes_at_every_split() {
    for role in ROLES {
        for opcode in [Opcode::PING, Opcode::PONG] {
            for len in [0, 1, 125] {
                let wire = frame_to(role, opcode, true, &vec![0xFE; len]);
                let got = feed_every_way(role, config(), &wire);
                assert_eq!(got.events.len(), 1);
                assert_eq!(got.output.is_empty(), opcode == Opcode::PONG);
            }
        }
    }
}

/// Sections: RFC 6455 §5.4, §5.5.2
#[test]
fn a_pong_goes_out_before_the_message_that_the_ping_interrupts_ends() {
    // Autobahn 5.6–5.8
    let (mut ws, mut rx, mut tx) = (Connection::server(config()), RecvBuf::new(), SendBuf::new());
    rx.extend(&frame_to(Role::Server, Opcode::TEXT, false, b"half"));
    rx.extend(&frame_to(Role::Server, Opcode::PING, true, b"now"));
    assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
    assert_eq!(tx.as_slice(), b"\x8a\x03now");
}

/// Sections: RFC 6455 §5.5.3, §10.4
#[test]
fn pong_queue_a_million_pings_with_nothing_drained_is_bounded() {
    for role in ROLES {
        let ping = frame_to(role, Opcode::PING, true, &[7; 125]);
        let (mut ws, mut rx, mut tx) = (connection(role, config()), RecvBuf::new(), SendBuf::new());
        let (error, heap) = measure(|| {
            (0..1_000_000).find_map(|_| {
                rx.extend(&ping);
                ws.next_event(&mut rx, &mut tx).err()
            })
        });
        assert_eq!(error, Some(Error::TooManyReplies { limit: 256 << 10 }));
        assert_eq!(closed_with(tx.as_slice()), Some(1008));
        assert!(tx.len() <= (256 << 10) + 200);
        assert!(heap.peak < 1 << 20, "{heap:?}");
    }
}

/// Sections: RFC 6455 §5.5.3, §10.4
#[test]
fn pong_queue_a_peer_that_reads_may_ping_for_ever() {
    let ping = frame_to(Role::Server, Opcode::PING, true, &[7; 125]);
    let (mut ws, mut rx, mut tx) = (Connection::server(config()), RecvBuf::new(), SendBuf::new());
    // It reads slowly: there is always something left in the buffer.
    for round in 0..100_000 {
        rx.extend(&ping);
        assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some(), "round {round}");
        if tx.len() > 100_000 {
            tx.consume(50_000);
        }
    }
}

/// Sections: RFC 6455 §5.5.3, §10.4
#[test]
fn pong_queue_pongs_that_were_written_do_not_count_while_a_large_message_is() {
    let ping = frame_to(Role::Server, Opcode::PING, true, &[7; 125]);
    let config = config().max_queued(None).max_queued_replies(1270);
    for len in [1000, 1 << 20] {
        let (mut ws, mut rx, mut tx) = (Connection::server(config), RecvBuf::new(), SendBuf::new());
        let pings = |n: usize, ws: &mut Connection, rx: &mut RecvBuf, tx: &mut SendBuf| {
            rx.extend(&ping.repeat(n));
            for i in 0..n {
                assert!(ws.next_event(rx, tx).unwrap().is_some(), "ping {i} of {n}, {len}");
            }
        };
        ws.send_binary(b"", &mut tx).unwrap();
        pings(9, &mut ws, &mut rx, &mut tx);
        tx.consume(3);
        ws.send_binary(&vec![0; len], &mut tx).unwrap();
        pings(1, &mut ws, &mut rx, &mut tx);
        // All but the last pong have gone, and a part of the message.
        tx.consume(9 * 127 + 500);
        pings(9, &mut ws, &mut rx, &mut tx);
        rx.extend(&ping);
        assert!(ws.next_event(&mut rx, &mut tx).is_err(), "ten wait");
    }
}

/// Sections: RFC 6455 §5.5.3, §10.4
#[test]
fn pong_queue_every_ping_of_one_read_of_64_kib_is_answered() {
    for role in ROLES {
        for len in [0, 1, 60, 125] {
            let ping = frame_to(role, Opcode::PING, true, &vec![1; len]);
            let wire = ping.repeat((64 << 10) / ping.len());
            let got = feed(role, config(), [&wire[..]]);
            assert_eq!(got.error, None, "payload of {len}");
            assert_eq!(frames(&got.output).len(), got.events.len());
        }
    }
}

/// Sections: RFC 6455 §5.4
#[test]
fn pong_splice_a_pong_comes_after_a_half_sent_frame() {
    let (mut ws, mut rx, mut tx) = (Connection::server(config()), RecvBuf::new(), SendBuf::new());
    ws.send_binary(&[5; 1000], &mut tx).unwrap();
    let mut wire = tx.as_slice()[..300].to_vec();
    tx.consume(300);
    rx.extend(&frame_to(Role::Server, Opcode::PING, true, b"?"));
    ws.next_event(&mut rx, &mut tx).unwrap();
    wire.extend_from_slice(tx.as_slice());
    let sent = frames(&wire);
    assert_eq!((sent[0].1.len(), &sent[1].1[..]), (1000, &b"?"[..]));
}

/// Sections: RFC 6455 §5.4
#[test]
fn pong_splice_a_pong_waits_for_a_payload_that_is_made_as_it_is_sent() {
    let (mut ws, mut rx, mut tx) = (Connection::server(config()), RecvBuf::new(), SendBuf::new());
    let payload = [5; 1000];
    ws.send_text("before", &mut tx).unwrap();
    ws.send_header(Message::binary(&payload), 1000, &mut tx).unwrap();
    rx.extend(&frame_to(Role::Server, Opcode::PING, true, b"?"));
    ws.next_event(&mut rx, &mut tx).unwrap();
    let again = ws.send_header(Message::binary(b"more"), 4, &mut tx);
    assert_eq!(again, Err(SendError::PayloadPending { remaining: 1000 }));
    assert_eq!(tx.len(), 8 + 4 + 1000 + 3);

    let mut wire = Vec::new();
    wire.extend_from_slice(&tx.as_slice()[..3]);
    tx.consume(3);
    wire.extend_from_slice(tx.as_slice());
    tx.consume(usize::MAX);
    assert!(tx.as_slice().is_empty(), "the payload is next");
    assert!(!tx.is_empty());
    for part in [&payload[..400], &payload[400..]] {
        assert_eq!(tx.extend_payload(part), part.len());
        wire.extend_from_slice(tx.as_slice());
        tx.consume(tx.as_slice().len());
    }
    wire.extend_from_slice(tx.as_slice());
    tx.consume(usize::MAX);
    assert!(tx.is_empty());

    let sent = frames(&wire);
    assert_eq!(sent[0].1, b"before");
    assert_eq!(sent[1].1, payload);
    assert_eq!(sent[2].1, b"?");
}

/// Sections: RFC 6455 §5.5
#[test]
fn application_pings_and_pongs_hold_at_most_125_bytes() {
    for role in ROLES {
        let (mut ws, mut tx) = (connection(role, config()), SendBuf::new());
        let long = [0; 126];
        let error = Err(SendError::ControlTooLong { len: 126 });
        assert_eq!(ws.send_ping(&long, &mut tx), error);
        assert_eq!(ws.send_pong(&long, &mut tx), error);
        assert!(tx.is_empty());
        ws.send_ping(&long[1..], &mut tx).unwrap();
        ws.send_pong(b"", &mut tx).unwrap();
        let sent = frames(tx.as_slice());
        assert_eq!(sent[0].0.opcode(), Opcode::PING);
        assert_eq!(sent[1].0.opcode(), Opcode::PONG);
    }
}

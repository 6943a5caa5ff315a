//! Properties over random conversations.
//!
//! Sections: RFC 6455 §5, §6

use crate::support::*;
use proptest::prelude::*;
use websans::{CloseCode, Connection, Event, Message, RecvBuf, Role, SendBuf, SendError, State};

/// What an application may do.
#[derive(Clone, Debug)]
enum Op {
    Text(String),
    Binary(Vec<u8>),
    Part { data: Vec<u8>, last: bool },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn op() -> impl Strategy<Value = Op> {
    let bytes = |max| prop::collection::vec(any::<u8>(), 0..max);
    prop_oneof![
        ".{0,80}".prop_map(Op::Text),
        bytes(300).prop_map(Op::Binary),
        bytes(40_000).prop_map(Op::Binary),
        (bytes(90), any::<bool>()).prop_map(|(data, last)| Op::Part { data, last }),
        bytes(126).prop_map(Op::Ping),
        bytes(126).prop_map(Op::Pong),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_one_end_sends_the_other_receives_in_order_however_it_is_cut(
        ops in prop::collection::vec(op(), 0..20),
        cuts in prop::collection::vec(1_usize..5000, 1..50),
        client_sends in any::<bool>(),
    ) {
        let (from, to) = if client_sends {
            (Role::Client, Role::Server)
        } else {
            (Role::Server, Role::Client)
        };
        let (mut ws, mut tx) = (connection(from, config().max_queued(None)), SendBuf::new());
        let mut expected = Vec::new();
        let mut parts: Option<Vec<u8>> = None;
        for op in ops {
            match op {
                Op::Text(text) => match ws.send_text(&text, &mut tx) {
                    Ok(()) => expected.push(Owned::Text(text)),
                    Err(error) => {
                        let busy = matches!(error, SendError::MessageInProgress { .. });
                        prop_assert!(parts.is_some() && busy);
                    }
                },
                Op::Binary(data) => match ws.send_binary(&data, &mut tx) {
                    Ok(()) => expected.push(Owned::Binary(data)),
                    Err(_) => prop_assert!(parts.is_some()),
                },
                Op::Part { data, last } => {
                    ws.send(Message::binary(&data).part(last), &mut tx).unwrap();
                    parts.get_or_insert_default().extend(data);
                    if last {
                        expected.extend(parts.take().map(Owned::Binary));
                    }
                }
                Op::Ping(data) => {
                    ws.send_ping(&data, &mut tx).unwrap();
                    expected.push(Owned::Ping(data));
                }
                Op::Pong(data) => {
                    ws.send_pong(&data, &mut tx).unwrap();
                    expected.push(Owned::Pong(data));
                }
            }
        }
        ws.close(CloseCode::NORMAL_CLOSURE, "done", &mut tx).unwrap();
        expected.push(Owned::Close(Some(CloseCode::NORMAL_CLOSURE), "done".into()));

        let mut wire = tx.as_slice();
        let mut chunks = Vec::new();
        for cut in cuts.iter().cycle() {
            if wire.is_empty() {
                break;
            }
            let (chunk, rest) = wire.split_at((*cut).min(wire.len()));
            chunks.push(chunk);
            wire = rest;
        }
        let got = feed(to, config(), chunks.iter().copied());
        prop_assert_eq!(&got.events, &expected);
        prop_assert_eq!(got.error, None);
        // In parts the events are the same, but that control frames come between.
        let got = feed_partial(to, config(), chunks);
        prop_assert_eq!(got.events, expected);
    }

    #[test]
    fn arbitrary_bytes_give_the_same_in_every_cut_and_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        client in any::<bool>(),
        cut in 1_usize..50,
    ) {
        let role = if client { Role::Client } else { Role::Server };
        let config = config().masking_keys(FIXED_KEY);
        let once = feed(role, config, [&bytes[..]]);
        let pieces = feed(role, config, bytes.chunks(cut));
        prop_assert_eq!(&once, &pieces);
        prop_assert_eq!(once, feed_partial(role, config, bytes.chunks(cut)));
    }

    #[test]
    fn plausible_frames_give_the_same_in_every_cut_and_never_panic(
        parts in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..12),
        cut in 1_usize..50,
    ) {
        // Opcodes and FIN at random, everything else as it should be.
        let wire: Vec<u8> = parts
            .iter()
            .flat_map(|(first, payload)| {
                let opcode = websans::frame::Opcode::new([0, 0, 1, 2, 9, 10, 8][usize::from(first % 7)]);
                frame_to(Role::Server, opcode, first & 0x80 != 0, payload)
            })
            .collect();
        let once = feed(Role::Server, config(), [&wire[..]]);
        prop_assert_eq!(&once, &feed(Role::Server, config(), wire.chunks(cut)));
        prop_assert_eq!(once, feed_partial(Role::Server, config(), wire.chunks(cut)));
    }

    #[test]
    fn no_order_of_calls_panics_and_a_closed_connection_sends_nothing(
        calls in prop::collection::vec((0_u8..12, any::<u16>()), 0..40),
        client in any::<bool>(),
    ) {
        let role = if client { Role::Client } else { Role::Server };
        let mut ws: Connection = connection(role, config());
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        for (call, n) in calls {
            let closed = ws.state() != State::Open;
            let before = tx.len();
            let sent = match call {
                0 => ws.send_text("text", &mut tx).is_ok(),
                1 => ws.send(Message::binary(&[0; 9]).part(n % 2 == 0), &mut tx).is_ok(),
                2 => ws.send_ping(&vec![0; usize::from(n % 130)], &mut tx).is_ok(),
                3 => ws.send_header(Message::binary(b""), n.into(), &mut tx).is_ok(),
                4 => ws.close(CloseCode::from(n), "", &mut tx).is_ok(),
                5 => { rx.extend(&n.to_be_bytes()); false }
                6 => {
                    let opcode = websans::frame::Opcode::new(n.to_be_bytes()[1] & 0xB);
                    rx.extend(&frame_to(role, opcode, n % 3 > 0, &vec![0; usize::from(n % 126)]));
                    false
                }
                7 => { let _ = ws.next_event(&mut rx, &mut tx); continue }
                8 => { let _ = ws.next_partial(&mut rx, &mut tx); continue }
                9 => { tx.consume(n.into()); tx.extend_payload(&vec![0; n.into()]); continue }
                10 => { let _ = (rx.take_binary(), rx.advance(usize::from(n % 3))); false }
                _ => { ws.handle_eof(); let _ = ws.next_event(&mut rx, &mut tx); continue }
            };
            if closed {
                prop_assert!(!sent);
            }
            prop_assert!(sent || tx.len() == before);
        }
    }
}

/// Sections: none, it is about borrowing
#[test]
fn an_event_borrows_the_input_only_so_the_connection_can_send_while_it_is_held() {
    let (mut ws, mut rx, mut tx) = (Connection::server(config()), RecvBuf::new(), SendBuf::new());
    rx.extend(&frame_to(Role::Server, websans::frame::Opcode::TEXT, true, b"held"));
    let Some(Event::Text(text)) = ws.next_event(&mut rx, &mut tx).unwrap() else { panic!() };
    ws.send_text(text, &mut tx).unwrap();
    ws.send_text(text, &mut tx).unwrap();
    assert_eq!(text, "held");
}

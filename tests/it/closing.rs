//! RFC 6455 §5.5.1 and §7: the closing handshake in every order, codes and reasons.
//!
//! Sections: RFC 6455 §5.5.1, §7

use crate::support::*;
use websans::frame::{FrameHeader, Opcode};
use websans::{
    CloseCode, CloseFrame, Connection, Error, Event, RecvBuf, Role, SendBuf, SendError, State,
};

struct End {
    ws: Connection,
    rx: RecvBuf,
    tx: SendBuf,
}

impl End {
    fn new(role: Role) -> Self {
        Self { ws: connection(role, config()), rx: RecvBuf::new(), tx: SendBuf::new() }
    }

    fn next(&mut self) -> Result<Option<Owned>, Error> {
        Ok(self.ws.next_event(&mut self.rx, &mut self.tx)?.map(Owned::from))
    }

    fn carry_to(&mut self, other: &mut Self) {
        other.rx.extend(self.tx.as_slice());
        self.tx.consume(usize::MAX);
    }
}

/// The code of the status, and whether it is clean.
fn status(ws: &Connection) -> Option<(CloseCode, bool)> {
    ws.close_status().map(|status| (status.code, status.clean))
}

fn pair() -> (End, End) {
    (End::new(Role::Client), End::new(Role::Server))
}

const NORMAL: CloseCode = CloseCode::NORMAL_CLOSURE;

/// Sections: RFC 6455 §5.5.1, §7.1.2
#[test]
fn ours_first_the_peer_replies_with_the_same_code_and_both_are_clean() {
    let (mut client, mut server) = pair();
    assert_eq!(client.ws.state(), State::Open);
    assert_eq!(client.ws.close_status(), None);
    client.ws.close(CloseCode::from(3999), "enough", &mut client.tx).unwrap();
    assert_eq!(client.ws.state(), State::Closing);
    client.carry_to(&mut server);
    assert_eq!(server.next(), Ok(Some(Owned::Close(Some(3999.into()), "enough".into()))));
    assert_eq!(server.ws.state(), State::Closed);
    server.carry_to(&mut client);
    assert_eq!(client.next(), Ok(Some(Owned::Close(Some(3999.into()), String::new()))));
    for end in [&mut client, &mut server] {
        assert_eq!(end.ws.state(), State::Closed);
        assert_eq!(status(&end.ws), Some((3999.into(), true)));
        assert_eq!(end.next(), Ok(None));
        assert!(end.tx.is_empty(), "one close frame each");
        end.ws.handle_eof();
        assert_eq!(end.next(), Ok(None));
    }
}

/// Sections: RFC 6455 §5.5.1, §7.1.3
#[test]
fn crossed_close_frames_each_end_sends_one_and_sees_the_other() {
    let (mut client, mut server) = pair();
    client.ws.close(NORMAL, "client", &mut client.tx).unwrap();
    server.ws.close(CloseCode::GOING_AWAY, "server", &mut server.tx).unwrap();
    client.carry_to(&mut server);
    server.carry_to(&mut client);
    assert_eq!(server.next(), Ok(Some(Owned::Close(Some(NORMAL), "client".into()))));
    assert_eq!(client.next(), Ok(Some(Owned::Close(Some(CloseCode::GOING_AWAY), "server".into()))));
    assert!(client.tx.is_empty() && server.tx.is_empty());
    assert_eq!((client.ws.state(), server.ws.state()), (State::Closed, State::Closed));
}

/// Sections: RFC 6455 §5.5.1, §7.1.5
#[test]
fn an_empty_close_is_answered_with_an_empty_close_and_counts_as_1005() {
    let (mut client, mut server) = pair();
    client.ws.close(None, "", &mut client.tx).unwrap();
    client.carry_to(&mut server);
    assert_eq!(server.next(), Ok(Some(Owned::Close(None, String::new()))));
    assert_eq!(server.tx.as_slice(), [0x88, 0x00]);
    assert_eq!(status(&server.ws), Some((CloseCode::NO_STATUS_RCVD, true)));
}

/// Sections: RFC 6455 §5.5.1, §6.1
#[test]
fn nothing_can_be_sent_after_a_close_frame_and_nothing_changes() {
    let mut end = End::new(Role::Server);
    end.ws.close(NORMAL, "", &mut end.tx).unwrap();
    let sent = end.tx.as_slice().to_vec();
    assert_eq!(end.ws.send_text("x", &mut end.tx), Err(SendError::Closed));
    assert_eq!(end.ws.send_binary(b"x", &mut end.tx), Err(SendError::Closed));
    assert_eq!(end.ws.send_ping(b"x", &mut end.tx), Err(SendError::Closed));
    assert_eq!(end.ws.send_pong(b"x", &mut end.tx), Err(SendError::Closed));
    assert_eq!(end.ws.close(NORMAL, "", &mut end.tx), Err(SendError::Closed));
    // §5.5.2: a pong is a frame, too.
    end.rx.extend(&frame_to(Role::Server, Opcode::PING, true, b"late"));
    assert_eq!(end.next(), Ok(Some(Owned::Ping(b"late".into()))));
    assert_eq!(end.tx.as_slice(), sent);
}

/// Sections: RFC 6455 §5.5.1
#[test]
fn messages_still_arrive_after_our_close_frame_until_the_peers() {
    let mut end = End::new(Role::Server);
    end.ws.close(NORMAL, "", &mut end.tx).unwrap();
    end.rx.extend(&frame_to(Role::Server, Opcode::TEXT, true, b"on its way"));
    assert_eq!(end.next(), Ok(Some(Owned::Text("on its way".into()))));
}

/// Sections: RFC 6455 §5.5.1
#[test]
fn whatever_follows_the_peers_close_frame_is_ignored() {
    // Autobahn 7.1.3–7.1.6
    for after in [
        frame_to(Role::Server, Opcode::PING, true, b""),
        frame_to(Role::Server, Opcode::TEXT, true, b"x"),
        frame_to(Role::Server, Opcode::CLOSE, true, &1001_u16.to_be_bytes()),
        vec![0xFF; 40],
    ] {
        let close = frame_to(Role::Server, Opcode::CLOSE, true, &1000_u16.to_be_bytes());
        let wire = [close, after].concat();
        let got = feed_every_way(Role::Server, config(), &wire);
        assert_eq!(got.events, [Owned::Close(Some(NORMAL), String::new())]);
        assert_eq!(got.error, None);
        assert_eq!(got.output, [0x88, 0x02, 0x03, 0xe8]);
    }
}

/// Sections: RFC 6455 §5.4, §5.5.1
#[test]
fn a_close_within_a_fragmented_message_is_legal_and_ends_it() {
    let wire = [
        frame_to(Role::Server, Opcode::TEXT, false, b"never ended"),
        frame_to(Role::Server, Opcode::CLOSE, true, &1000_u16.to_be_bytes()),
    ]
    .concat();
    let (mut ws, mut rx, mut tx) = (Connection::server(config()), RecvBuf::new(), SendBuf::new());
    rx.extend(&wire);
    let frame = CloseFrame { code: Some(NORMAL), reason: "" };
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Close(frame))));
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
    assert!(rx.is_empty(), "the unfinished message is freed");
    assert_eq!(closed_with(tx.as_slice()), Some(1000));
}

/// Sections: RFC 6455 §7.1.4, §7.1.5, §7.2.1
#[test]
fn eof_without_a_close_frame_is_unclean_1006_and_final() {
    let mut end = End::new(Role::Server);
    let error = Error::Eof { within_message: false };
    end.ws.handle_eof();
    assert_eq!(end.next(), Err(error));
    assert_eq!(end.ws.state(), State::Closed);
    assert_eq!(status(&end.ws), Some((CloseCode::ABNORMAL_CLOSURE, false)));
    end.ws.handle_eof();
    assert_eq!(end.next(), Err(error));
    assert_eq!(end.ws.send_text("x", &mut end.tx), Err(SendError::Closed));
    assert!(end.tx.is_empty(), "1006 is never on the wire");
}

/// Sections: RFC 6455 §7.1.4, §7.1.5, §7.2.1
#[test]
fn eof_within_a_message_or_a_frame_header_says_so() {
    let whole = frame_to(Role::Server, Opcode::TEXT, true, b"message");
    for end in 1..whole.len() {
        let mut peer = End::new(Role::Server);
        peer.rx.extend(&whole[..end]);
        assert_eq!(peer.next(), Ok(None));
        let error = Error::Eof { within_message: true };
        peer.ws.handle_eof();
        assert_eq!(peer.next(), Err(error));
    }
}

/// Sections: RFC 6455 §7.1.4, §7.1.5, §7.2.1
#[test]
fn eof_after_our_close_frame_but_without_the_peers_is_unclean() {
    let mut end = End::new(Role::Client);
    end.ws.close(NORMAL, "", &mut end.tx).unwrap();
    end.ws.handle_eof();
    assert_eq!(end.next(), Err(Error::Eof { within_message: false }));
    assert!(!end.ws.close_status().unwrap().clean);
}

/// Sections: RFC 6455 §7.1.1
#[test]
fn a_half_closed_peer_can_still_be_sent_to_until_eof_is_reported() {
    let mut end = End::new(Role::Server);
    end.rx.extend(&frame_to(Role::Server, Opcode::TEXT, true, b"last words"));
    assert_eq!(end.next(), Ok(Some(Owned::Text("last words".into()))));
    end.ws.send_text("heard", &mut end.tx).unwrap();
    end.ws.close(CloseCode::GOING_AWAY, "", &mut end.tx).unwrap();
    end.ws.handle_eof();
    assert!(end.next().is_err());
    assert_eq!(frames(end.tx.as_slice()).len(), 2, "what was queued is not lost");
}

/// Sections: RFC 6455 §7.1.4, §7.1.7
#[test]
fn the_state_after_a_failure_is_distinguishable_from_a_clean_close() {
    let mut end = End::new(Role::Server);
    end.rx.extend(&[0x81, 0x00]);
    assert!(end.next().is_err());
    assert_eq!(end.ws.state(), State::Closed);
    assert_eq!(status(&end.ws), Some((CloseCode::PROTOCOL_ERROR, false)));
    assert!(end.ws.close_status().unwrap().failed);
}

#[test]
fn the_status_tells_the_peers_reason_and_what_a_browser_would_say() {
    let mut end = End::new(Role::Server);
    end.rx.extend(&frame_to(Role::Server, Opcode::CLOSE, true, b"\x0f\xa0why"));
    end.next().unwrap();
    let status = end.ws.close_status().unwrap();
    assert_eq!((status.code, status.reason), (4000.into(), "why"));
    let event = status.close_event();
    assert_eq!((event.code, event.reason, event.was_clean), (4000.into(), "why", true));

    // Chromium reports 1006 after invalid UTF-8; the status says which code went out.
    let mut end = End::new(Role::Client);
    end.rx.extend(&frame_to(Role::Client, Opcode::TEXT, true, b"\xff"));
    end.next().unwrap_err();
    let status = end.ws.close_status().unwrap();
    assert_eq!(status.code, CloseCode::INVALID_FRAME_PAYLOAD_DATA);
    let event = status.close_event();
    assert_eq!((event.code, event.was_clean), (CloseCode::ABNORMAL_CLOSURE, false));
}

#[test]
fn a_close_that_could_not_be_answered_is_not_clean() {
    let no_keys = websans::MaskingKeySource(|_| Err(websans::NoEntropy));
    let mut ws = Connection::client(config().masking_keys(no_keys));
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    rx.extend(&frame_to(Role::Client, Opcode::CLOSE, true, &1000_u16.to_be_bytes()));
    assert!(matches!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Close(_)))));
    assert!(tx.is_empty());
    assert_eq!(ws.state(), State::Closed);
    assert_eq!(status(&ws), Some((NORMAL, false)));
    assert_eq!(ws.send_text("x", &mut tx), Err(SendError::Closed));
}

#[test]
fn an_early_eof_loses_no_event() {
    for role in ROLES {
        let mut end =
            End { ws: connection(role, config()), rx: RecvBuf::new(), tx: SendBuf::new() };
        for payload in [b"1", b"2"] {
            end.rx.extend(&frame_to(role, Opcode::BINARY, true, payload));
        }
        end.ws.handle_eof();
        assert_eq!(end.ws.state(), State::Open, "the end comes after what was received");
        assert_eq!(end.next(), Ok(Some(Owned::Binary(b"1".into()))));
        assert_eq!(end.next(), Ok(Some(Owned::Binary(b"2".into()))));
        assert_eq!(end.next(), Err(Error::Eof { within_message: false }));
    }
}

/// What may be on the wire: RFC 6455 §7.4 and the registry of §11.7.
fn sendable(code: u16) -> bool {
    (1000..=1003).contains(&code) || (1007..=1014).contains(&code) || (3000..5000).contains(&code)
}

/// Sections: RFC 6455 §7.4.1, §7.4.2
#[test]
fn bad_close_every_code_from_0_to_5000_received() {
    for code in (0..=5000).chain([9999, 65535]) {
        for role in ROLES {
            let wire = frame_to(role, Opcode::CLOSE, true, &u16::to_be_bytes(code));
            let got = feed(role, config(), [&wire[..]]);
            if sendable(code) {
                assert_eq!(got.events, [Owned::Close(Some(code.into()), String::new())]);
                assert_eq!(closed_with(&got.output), Some(code), "echoed");
            } else {
                assert_eq!(got.events, [], "code {code}");
                assert_eq!(got.error, Some(Error::CloseCode { code: code.into() }));
                assert_eq!(closed_with(&got.output), Some(1002));
            }
        }
    }
}

/// Sections: RFC 6455 §7.4.1, §7.4.2
#[test]
fn bad_close_every_code_from_0_to_5000_sent() {
    for code in (0..=5000).chain([9999, 65535]) {
        let mut end = End::new(Role::Client);
        let result = end.ws.close(CloseCode::from(code), "", &mut end.tx);
        if sendable(code) {
            assert_eq!(result, Ok(()));
            assert_eq!(closed_with(end.tx.as_slice()), Some(code));
        } else {
            assert_eq!(result, Err(SendError::CloseCode { code: code.into() }));
            assert!(end.tx.is_empty());
            assert_eq!(end.ws.state(), State::Open);
        }
    }
}

/// Sections: RFC 6455 §5.5.1, §8.1
#[test]
fn bad_close_bodies_received() {
    let reason = |bytes: &[u8]| [&1000_u16.to_be_bytes(), bytes].concat();
    for role in ROLES {
        let body = |body: &[u8]| frame_to(role, Opcode::CLOSE, true, body);
        let got = feed_every_way(role, config(), &body(&[3]));
        assert_eq!(got.error, Some(Error::CloseBodyOfOneByte));
        assert_eq!(closed_with(&got.output), Some(1002));

        let got = feed_every_way(role, config(), &body(&reason(b"ok\xce\xba\xff")));
        assert_eq!(got.error, Some(Error::CloseReasonUtf8 { valid_up_to: 4 }));
        assert_eq!(closed_with(&got.output), Some(1007));

        let got = feed_every_way(role, config(), &body(&reason(b"cut \xf0\x9f")));
        assert_eq!(got.error, Some(Error::CloseReasonUtf8 { valid_up_to: 4 }));

        let longest = "é".repeat(61) + "x";
        let got = feed_every_way(role, config(), &body(&reason(longest.as_bytes())));
        assert_eq!(got.events, [Owned::Close(Some(NORMAL), longest)]);

        let header = FrameHeader::new(Opcode::CLOSE, 126);
        let got = feed_every_way(role, config(), &header_to(role, header));
        assert_eq!(got.error, Some(Error::ControlTooLong { opcode: Opcode::CLOSE, len: 126 }));
    }
}

/// Sections: RFC 6455 §5.5, §7.1.6
#[test]
fn bad_close_reasons_sent() {
    let mut end = End::new(Role::Server);
    let long = "x".repeat(124);
    assert_eq!(
        end.ws.close(NORMAL, &long, &mut end.tx),
        Err(SendError::ReasonTooLong { len: 124 })
    );
    assert_eq!(end.ws.close(None, "why", &mut end.tx), Err(SendError::ReasonWithoutCode));
    assert!(end.tx.is_empty());
    assert_eq!(end.ws.close(NORMAL, &long[1..], &mut end.tx), Ok(()));
    assert_eq!(end.tx.len(), 2 + 125);
}

/// Sections: RFC 6455 §7.1.7, §8.1
///
/// What is wrong came before the close frame, in the same read.
#[test]
fn a_close_frame_does_not_hide_the_error_before_it() {
    for role in ROLES {
        let text = frame_to(role, Opcode::TEXT, false, b"\xff");
        let close = frame_to(role, Opcode::CLOSE, true, &1000_u16.to_be_bytes());
        let got = feed_every_way(role, config(), &[text, close].concat());
        assert_eq!(got.error, Some(Error::InvalidUtf8 { valid_up_to: 0 }));
        assert_eq!(closed_with(&got.output), Some(1007));
    }
}

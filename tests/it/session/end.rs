//! RFC 6455 §7 in a session: the closing handshake, failures, and the end of the transport.
//!
//! Sections: RFC 6455 §5.5.1, §7.1.1, §7.1.4, §7.2.1

use std::time::Duration;

use websans::frame::Opcode;
use websans::{CloseCode, Deadlines, Error, Io, Role, SessionError};

use super::world::{End, World};
use crate::support::{Owned, ROLES, frame_to};

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const NORMAL: CloseCode = CloseCode::NORMAL_CLOSURE;

fn world() -> World {
    let mut world = World::open(Deadlines::default());
    world.settle();
    world
}

fn eof(within_message: bool) -> Option<SessionError> {
    Some(SessionError::Connection(Error::Eof { within_message }))
}

/// §7.1.1: the server closes TCP first, the client waits for it.
#[test]
fn whoever_begins_the_closing_handshake_the_server_ends_tcp_first() {
    for role in ROLES {
        let mut world = world();
        let end = world.end(role);
        end.ws.close(CloseCode::from(3000), "enough", &mut end.tx).unwrap();
        world.settle();
        for end in [&world.client, &world.server] {
            assert_eq!(end.error, None);
            let status = end.ws.close_status().unwrap();
            assert!(status.clean && !status.failed);
            assert_eq!(status.code, CloseCode::from(3000));
            assert_eq!(end.closed, Some(at(0)));
        }
        let peer = world.end(if role == Role::Client { Role::Server } else { Role::Client });
        assert_eq!(peer.ws.close_status().unwrap().reason, "enough");
        assert!(world.server.asked.contains(&Io::ShutDown));
        assert!(!world.client.asked.contains(&Io::ShutDown), "a client waits");
        assert_eq!(world.client.asked[world.client.asked.len() - 2..], [Io::Drain, Io::Close]);
    }
}

/// §7.1.1: "a client MUST NOT close until it has received" is bounded by a deadline here.
#[test]
fn a_client_does_not_wait_for_ever_for_the_server_to_end_tcp() {
    let mut client = End::open(Role::Client, Deadlines::default().close(at(3)));
    client.ws.close(NORMAL, "", &mut client.tx).unwrap();
    let mut world = World::new(client, End::open(Role::Server, Deadlines::default()));
    world.server.closed = Some(at(0)); // nothing is heard of it
    world.settle();
    let close = frame_to(Role::Client, Opcode::CLOSE, true, &1000_u16.to_be_bytes());
    world.to_client.bytes.extend(close);
    world.settle();
    assert_eq!(world.client.closed, None);
    assert!(world.wait());
    assert_eq!(world.client.closed, Some(at(3)));
    assert_eq!(world.client.error, None, "both close frames have passed");
    assert!(world.client.ws.close_status().unwrap().clean);
}

/// §7.1.7
#[test]
fn after_a_violation_the_peer_is_told_and_the_transport_drained() {
    let mut world = world();
    world.to_server.bytes.extend([0x81, 0x00]); // not masked
    world.client.ws.send_text("on its way", &mut world.client.tx).unwrap();
    world.settle();
    let error = Error::UnmaskedFrame { opcode: Opcode::TEXT };
    assert_eq!(world.server.error, Some(SessionError::Connection(error)));
    assert!(world.server.asked.ends_with(&[Io::ShutDown, Io::Drain, Io::Close]));
    let told = Owned::Close(Some(CloseCode::PROTOCOL_ERROR), "frame not masked".into());
    assert_eq!(world.client.events, [told]);
    assert_eq!(world.client.error, None);
    let status = world.server.ws.close_status().unwrap();
    assert!(status.failed && !status.clean);
    assert_eq!(status.code, CloseCode::PROTOCOL_ERROR);
    assert_eq!(status.close_event().code, CloseCode::ABNORMAL_CLOSURE, "as a browser says it");
}

/// EOF is input, and comes after what is buffered.
#[test]
fn an_early_end_of_the_transport_loses_no_event() {
    for role in ROLES {
        let mut end = End::open(role, Deadlines::default());
        let wire = [
            frame_to(role, Opcode::TEXT, true, b"1"),
            frame_to(role, Opcode::PING, true, b"2"),
            frame_to(role, Opcode::BINARY, true, b"3"),
        ];
        end.rx.extend(&wire.concat());
        end.ws.handle_read(1, at(0));
        end.ws.handle_read(0, at(0));
        end.events();
        assert_eq!(end.events.len(), 3);
        assert_eq!(end.error, eof(false));
        assert!(!end.tx.is_empty(), "the pong is still written: only the peer's side has ended");
    }
}

/// §7.1.5
#[test]
fn an_end_within_a_message_says_so_and_one_after_the_close_frame_is_none() {
    let mut end = End::open(Role::Server, Deadlines::default());
    end.rx.extend(&frame_to(Role::Server, Opcode::TEXT, false, b"half"));
    end.ws.handle_read(0, at(0));
    end.events();
    assert_eq!(end.error, eof(true));
    assert_eq!(end.ws.close_status().unwrap().code, CloseCode::ABNORMAL_CLOSURE);

    let mut end = End::open(Role::Server, Deadlines::default());
    end.rx.extend(&frame_to(Role::Server, Opcode::CLOSE, true, b""));
    end.ws.handle_read(6, at(0));
    end.ws.handle_read(0, at(0));
    end.events();
    assert_eq!(end.error, None);
    assert_eq!(end.ws.close_status().unwrap().code, CloseCode::NO_STATUS_RCVD);
    assert!(!end.ws.close_status().unwrap().clean, "our close frame has not been written");
}

/// A half-close: the peer sends nothing more, and still reads.
#[test]
fn what_was_accepted_for_sending_goes_out_after_the_peers_half_close() {
    let mut world = world();
    world.server.ws.send_text("last words", &mut world.server.tx).unwrap();
    world.to_server.ended = true;
    // The server first sees the end.
    world.server.ws.handle_read(0, at(0));
    world.settle();
    assert_eq!(world.server.error, eof(false));
    assert_eq!(world.client.events[0], Owned::Text("last words".into()));
    assert!(world.server.closed.is_some() && world.client.closed.is_some());
}

/// The peer's close frame explains why writing failed.
#[test]
fn after_a_failed_write_what_the_peer_said_is_still_read() {
    let mut world = world();
    let close = frame_to(Role::Client, Opcode::CLOSE, true, b"\x03\xf1policy");
    world.to_client.bytes.extend(close);
    world.to_client.ended = true;
    world.to_server.broken = true;
    world.client.ws.send_text("lost", &mut world.client.tx).unwrap();
    world.settle();
    let said = Owned::Close(Some(CloseCode::MESSAGE_TOO_BIG), "policy".into());
    assert_eq!(world.client.events, [said]);
    let status = world.client.ws.close_status().unwrap();
    assert_eq!((status.code, status.clean), (CloseCode::MESSAGE_TOO_BIG, false));
    assert!(world.client.closed.is_some());
}

#[test]
fn a_transport_that_dies_ends_both_sides_at_once() {
    for role in ROLES {
        let mut world = world();
        for pipe in [&mut world.to_server, &mut world.to_client] {
            (pipe.ended, pipe.broken) = (true, true);
        }
        let end = world.end(role);
        end.ws.send_text("lost", &mut end.tx).unwrap();
        world.settle();
        assert!(world.client.closed.is_some() && world.server.closed.is_some());
        assert_eq!((world.client.error, world.server.error), (eof(false), eof(false)));
    }
}

/// The other half may be served while one is full.
#[test]
fn a_transport_that_takes_nothing_can_still_be_read() {
    let mut world = world();
    world.to_server.room = Some(0);
    world.client.ws.send_text("waits", &mut world.client.tx).unwrap();
    world.server.ws.send_text("comes", &mut world.server.tx).unwrap();
    world.settle();
    assert_eq!(world.client.events, [Owned::Text("comes".into())]);
}

#[test]
fn a_session_that_is_over_says_nothing_but_close() {
    let mut world = world();
    world.server.ws.close(NORMAL, "", &mut world.server.tx).unwrap();
    world.settle();
    for end in [&mut world.client, &mut world.server] {
        assert!(end.ws.send_text("x", &mut end.tx).is_err());
        end.ws.handle_timeout(at(1 << 40));
        end.events();
        assert_eq!(end.ws.next_io(&end.tx, at(1 << 40)), Io::Close);
        assert_eq!((end.error, end.ws.next_timeout()), (None, None));
        assert!(!end.ws.wants_read());
    }
}

//! RFC 6455 §4 in a session: the opening handshake, and what ends it.
//!
//! Sections: RFC 6455 §4

use std::time::Duration;

use websans::{
    Config, Deadlines, Error, HandshakeError, InvalidHandshake, Io, Rejection, Response, SendError,
    Session, SessionError, SessionEvent,
};

use super::world::{End, Progress, World};
use crate::support::Owned;

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn deadlines() -> Deadlines {
    Deadlines::default().handshake(at(10)).close(at(3))
}

fn config() -> Config {
    Config::default().deadlines(deadlines())
}

/// §4.1, §4.2
#[test]
fn messages_flow_once_both_ends_have_made_the_opening_handshake() {
    let mut world = World::new(End::client(config()), End::server(config()));
    assert_eq!(world.client.ws.send_text("x", &mut world.client.tx), Err(SendError::Connecting));
    assert!(world.client.ws.connection().is_none());
    world.settle();
    assert!(world.client.accepted && world.server.accepted);
    world.client.ws.send_text("Hello", &mut world.client.tx).unwrap();
    world.server.ws.send_binary(b"World", &mut world.server.tx).unwrap();
    world.settle();
    assert_eq!(world.server.events, [Owned::Text("Hello".into())]);
    assert_eq!(world.client.events, [Owned::Binary(b"World".into())]);
}

/// §4.1: the handshake may come in any cut, and messages right behind it.
#[test]
fn what_follows_the_handshake_at_once_is_not_lost() {
    let mut world = World::new(End::client(config()), End::server(config()));
    while !world.server.accepted {
        world.round(websans::Role::Client, 1);
        world.round(websans::Role::Server, 1);
    }
    world.server.ws.send_text("first", &mut world.server.tx).unwrap();
    world.settle();
    assert_eq!(world.client.events, [Owned::Text("first".into())]);
}

/// RFC 9110 §15.5.9
#[test]
fn stale_message_a_silent_client_is_answered_408_and_drained() {
    let patient = Config::default().deadlines(deadlines().handshake(None).write(None));
    let mut world = World::new(End::client(patient), End::server(config()));
    world.to_server.room = Some(0);
    world.settle();
    assert!(world.wait());
    assert_eq!(world.now, at(10));
    let error = SessionError::Handshake(HandshakeError::Timeout);
    assert_eq!(world.server.error, Some(error));
    // What the client wrote never arrives, nor does its end.
    assert_eq!(world.server.asked, [Io::Read, Io::Write, Io::Flush, Io::ShutDown, Io::Drain]);
    assert_eq!(world.client.refused, Some(408));
}

/// §4.2.2
#[test]
fn a_slow_head_does_not_put_the_deadline_off() {
    let mut server = End::server(config());
    for second in 1..=9 {
        server.rx.extend(b"G");
        server.ws.handle_read(1, at(second));
        assert_eq!(server.ws.next_timeout(), Some(at(10)));
    }
}

/// §4.2.2: an application may take its time, within the deadline.
#[test]
fn stale_message_a_request_that_is_never_answered_times_out() {
    let (mut client, mut server) = (End::client(config()), End::server(config()));
    let head = client.tx.as_slice().to_vec();
    client.tx.consume(usize::MAX);
    server.rx.extend(&head);
    server.ws.handle_read(head.len(), at(1));
    let event = server.ws.next_event(&mut server.rx, &mut server.tx).unwrap();
    assert!(matches!(event, Some(SessionEvent::Request(_))));
    server.ws.handle_timeout(at(9));
    assert!(server.ws.next_event(&mut server.rx, &mut server.tx).unwrap().is_none());
    server.ws.handle_timeout(at(10));
    let error = server.ws.next_event(&mut server.rx, &mut server.tx).unwrap_err();
    assert_eq!(error, SessionError::Handshake(HandshakeError::Timeout));
    assert!(server.tx.as_slice().starts_with(b"HTTP/1.1 408 "));
    let rejection = Rejection::new(403).unwrap();
    let late = server.ws.reject(&rejection, &mut server.tx);
    assert_eq!(late, Err(InvalidHandshake::NoRequest));
}

/// §4.2.2: a refusal must arrive: to close TCP at once would reset it.
#[test]
fn a_rejection_is_written_before_the_transport_ends() {
    let (mut client, mut server) = (End::client(config()), End::server(config()));
    let mut world = World::new(End::client(config()), End::server(config()));
    let head = client.tx.as_slice().to_vec();
    server.rx.extend(&head);
    client.tx.consume(usize::MAX);
    server.ws.handle_read(head.len(), at(0));
    match server.ws.next_event(&mut server.rx, &mut server.tx) {
        Ok(Some(SessionEvent::Request(request))) => {
            // A response that cannot be given changes nothing.
            let response = Response::new().subprotocol("not offered");
            let wrong = server.ws.accept(&request, &response, &mut server.tx);
            assert_eq!(wrong, Err(InvalidHandshake::SubprotocolNotOffered));
            let rejection = Rejection::new(403).unwrap().body("no entry").unwrap();
            server.ws.reject(&rejection, &mut server.tx).unwrap();
        }
        event => panic!("{event:?}"),
    }
    assert_eq!(server.ws.send_text("x", &mut server.tx), Err(SendError::Closed));
    (world.client, world.server) = (client, server);
    world.settle();
    assert_eq!(world.client.refused, Some(403));
    let refused = HandshakeError::Refused { status: 403 };
    assert_eq!(world.client.error, Some(SessionError::Handshake(refused)));
    assert_eq!(world.server.error, None, "the application wanted it so");
    assert_eq!(world.server.asked, [Io::Write, Io::Flush, Io::ShutDown, Io::Drain, Io::Close]);
    assert_eq!((world.client.closed, world.server.closed), (Some(at(0)), Some(at(0))));
}

/// §4.2.1
#[test]
fn a_bad_request_is_answered_and_the_transport_closed_within_the_deadline() {
    let mut server = End::server(config());
    server.rx.extend(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    server.ws.handle_read(27, at(0));
    let mut world = World::new(End::client(config()), server);
    // A client that keeps its side open does not hold the server.
    world.client.closed = Some(at(0));
    world.settle();
    assert!(matches!(
        world.server.error,
        Some(SessionError::Handshake(HandshakeError::NotAnUpgrade { .. }))
    ));
    assert_eq!(world.server.closed, None);
    assert!(world.wait());
    assert_eq!(world.server.closed, Some(at(3)));
}

#[test]
fn the_end_of_the_transport_within_a_handshake_is_an_error_after_what_came() {
    for early in [false, true] {
        let (mut client, mut server) = (End::client(config()), End::server(config()));
        let head = client.tx.as_slice().to_vec();
        client.tx.consume(usize::MAX);
        if early {
            // The whole request, and the end at once: it is answered.
            server.rx.extend(&head);
            server.ws.handle_read(head.len(), at(0));
            server.ws.handle_read(0, at(0));
            server.events();
            assert!(server.accepted);
            let eof = Error::Eof { within_message: false };
            assert_eq!(server.error, Some(SessionError::Connection(eof)));
        }
        let mut world = World::new(client, server);
        world.to_server.ended = true;
        world.to_client.ended = !early;
        world.settle();
        assert!(world.server.error.is_some());
        assert!(world.server.closed.is_some() && world.client.closed.is_some());
    }
}

#[test]
fn accepting_needs_a_request() {
    let mut open = End::open(websans::Role::Server, deadlines());
    let rejection = Rejection::new(404).unwrap();
    let error = open.ws.reject(&rejection, &mut open.tx);
    assert_eq!(error, Err(InvalidHandshake::NoRequest));
    let mut server = End::server(config());
    let error = server.ws.reject(&rejection, &mut server.tx);
    assert_eq!(error, Err(InvalidHandshake::NoRequest));
    assert!(server.tx.is_empty());
}

#[test]
fn a_session_is_small() {
    println!("a session has {} bytes", size_of::<Session>());
    assert!(size_of::<Session>() < 512);
}

#[test]
fn nothing_spins_before_the_first_byte() {
    let mut world = World::new(End::server(config()), End::server(config()));
    assert_eq!(world.round(websans::Role::Server, 10), Progress::None);
    assert_eq!(world.server.asked, [Io::Read]);
}

/// A refusal of which only the rest of the body is missing says more than the clock.
#[test]
fn a_refusal_whose_body_does_not_end_in_time_is_a_refusal() {
    let mut client = End::client(config());
    client.tx.consume(usize::MAX);
    let refusal = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 99\r\n\r\nbusy";
    client.rx.extend(refusal);
    client.ws.handle_read(refusal.len(), at(1));
    client.events();
    assert_eq!((client.refused, client.error), (None, None));
    client.ws.handle_timeout(at(10));
    client.events();
    assert_eq!(client.refused, Some(503));
    let refused = HandshakeError::Refused { status: 503 };
    assert_eq!(client.error, Some(SessionError::Handshake(refused)));

    // Without a whole head there is only the clock to tell of.
    let mut client = End::client(config());
    client.rx.extend(b"HTTP/1.1 503");
    client.ws.handle_timeout(at(10));
    client.events();
    assert_eq!(client.error, Some(SessionError::Handshake(HandshakeError::Timeout)));
}

/// A server whose answer cannot be written has nothing to wait for.
#[test]
fn a_transport_that_takes_no_answer_ends_the_handshake_of_a_server() {
    let (client, mut server) = (End::client(config()), End::server(config()));
    let head = client.tx.as_slice();
    server.rx.extend(head);
    server.ws.handle_read(head.len(), at(0));
    let event = server.ws.next_event(&mut server.rx, &mut server.tx).unwrap();
    assert!(matches!(event, Some(SessionEvent::Request(_))));
    server.ws.handle_write_error(&mut server.tx);
    let rejection = Rejection::new(403).unwrap();
    let late = server.ws.reject(&rejection, &mut server.tx);
    assert_eq!(late, Err(InvalidHandshake::NoRequest));
    server.events();
    assert!(matches!(server.error, Some(SessionError::Handshake(HandshakeError::Eof { .. }))));
    assert!(server.tx.is_empty());
    assert_eq!(server.ws.next_io(&server.tx, at(0)), Io::Close);
}

/// A client reads why its request could not be written; if it was accepted all the same, it can
/// send nothing.
#[test]
fn a_client_that_can_write_nothing_more_sends_no_messages() {
    let (mut client, mut server) = (End::client(config()), End::server(config()));
    server.rx.extend(client.tx.as_slice());
    server.events();
    assert!(server.accepted);
    client.ws.handle_write_error(&mut client.tx);
    client.rx.extend(server.tx.as_slice());
    client.events();
    assert!(client.accepted);
    assert_eq!(client.ws.send_text("x", &mut client.tx), Err(SendError::Closed));
    assert!(client.tx.is_empty());
    assert_eq!(client.ws.next_io(&client.tx, at(0)), Io::Read);
    assert_eq!(client.ws.next_timeout(), Some(at(3)), "the end has begun");
}

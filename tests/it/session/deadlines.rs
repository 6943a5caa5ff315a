//! The deadlines of a session, each at its time and not before.
//!
//! Sections: RFC 6455 §7.1.7, §7.2.3

use std::time::Duration;

use websans::frame::Opcode;
use websans::{CloseCode, Deadlines, Error, Io, Message, Role, SessionError, Timeout};

use super::world::{End, Progress, World};
use crate::support::{Owned, closed_with, frame_to, frames};

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn deadlines() -> Deadlines {
    Deadlines::default()
        .ping_interval(at(20))
        .pong(at(5))
        .message(at(60))
        .write(at(30))
        .close(at(3))
}

fn never() -> Deadlines {
    Deadlines::default().ping_interval(None).pong(None).message(None).write(None).close(None)
}

fn timeout(timeout: Timeout) -> Option<SessionError> {
    Some(SessionError::Connection(Error::Timeout(timeout)))
}

/// A server's session, whose peer is the test.
struct Lone(End);

impl Lone {
    fn new(deadlines: Deadlines) -> Self {
        Self(End::open(Role::Server, deadlines))
    }

    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.0.rx.extend(bytes);
        self.0.ws.handle_read(bytes.len(), now);
        self.0.events();
    }

    /// Waits until then, and takes all that is to be written.
    fn wait(&mut self, now: Duration) -> Vec<u8> {
        self.0.ws.handle_timeout(now);
        self.0.events();
        self.written(now)
    }

    fn written(&mut self, now: Duration) -> Vec<u8> {
        let written = self.0.tx.as_slice().to_vec();
        while matches!(self.0.ws.next_io(&self.0.tx, now), Io::Write | Io::Flush) {
            self.0.tx.consume(usize::MAX);
            self.0.ws.handle_written(written.len(), now);
            self.0.ws.handle_flushed(now);
        }
        written
    }
}

fn client_frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    frame_to(Role::Server, opcode, true, payload)
}

/// §5.5.2
#[test]
fn stale_message_a_silent_peer_is_pinged_and_then_given_up_with_1008() {
    let mut lone = Lone::new(deadlines());
    assert_eq!(lone.0.ws.next_timeout(), Some(at(20)));
    assert!(lone.wait(at(19)).is_empty());
    let ping = lone.wait(at(20));
    assert_eq!(frames(&ping)[0].0.opcode(), Opcode::PING);
    assert_eq!(lone.0.ws.next_timeout(), Some(at(25)));
    let close = lone.wait(at(25));
    assert_eq!(closed_with(&close), Some(1008));
    assert_eq!(lone.0.error, timeout(Timeout::Pong));
}

/// §5.5.2
#[test]
fn any_byte_of_the_peer_is_a_sign_of_life() {
    let mut lone = Lone::new(deadlines());
    assert!(!lone.wait(at(20)).is_empty());
    lone.receive(&[0x81], at(24));
    assert_eq!(lone.0.ws.next_timeout(), Some(at(44)));
}

/// §5.5.3
#[test]
fn the_round_trip_time_is_that_of_the_last_ping_that_was_answered() {
    let mut world = World::open(deadlines());
    world.settle();
    assert_eq!(world.client.ws.round_trip_time(), None);
    let mut server = Lone::new(deadlines());
    let ping = server.wait(at(20));
    let payload = frames(&ping)[0].1.clone();
    server.receive(&client_frame(Opcode::PONG, b"unasked"), at(21));
    assert_eq!(server.0.ws.round_trip_time(), None);
    server.receive(&client_frame(Opcode::PONG, &payload), at(22));
    assert_eq!(server.0.ws.round_trip_time(), Some(at(2)));
}

#[test]
fn both_ends_stay_open_for_ever_with_pings() {
    let mut world = World::open(deadlines());
    world.settle();
    for _ in 0..100 {
        assert!(world.wait());
    }
    assert!(world.now > at(900), "{:?}", world.now);
    assert_eq!((world.client.error, world.server.error), (None, None));
    assert!(world.client.ws.round_trip_time().is_some());
}

/// §5.4
#[test]
fn stale_message_a_message_that_trickles_ends_the_connection_with_1008() {
    let mut lone = Lone::new(deadlines());
    lone.receive(&frame_to(Role::Server, Opcode::TEXT, false, b"begin"), at(1));
    for second in [10, 20, 30, 40, 50, 60] {
        lone.receive(&frame_to(Role::Server, Opcode::CONTINUATION, false, b"."), at(second));
    }
    assert_eq!(lone.0.ws.next_timeout(), Some(at(61)));
    let close = lone.wait(at(61));
    assert_eq!(closed_with(&close), Some(1008));
    assert_eq!(lone.0.error, timeout(Timeout::Message));
}

/// §5.4: the time is that of one message, not of all.
#[test]
fn a_message_that_is_complete_stops_the_time() {
    let mut lone = Lone::new(deadlines());
    lone.receive(&frame_to(Role::Server, Opcode::TEXT, false, b"1"), at(1));
    for second in [15, 30, 45, 60, 75] {
        // The end of one and the beginning of the next, in one read.
        let end = frame_to(Role::Server, Opcode::CONTINUATION, true, b"");
        let next = frame_to(Role::Server, Opcode::TEXT, false, b"2");
        lone.receive(&[end, next].concat(), at(second));
    }
    assert_eq!(lone.wait(at(90)), b"");
    assert_eq!(lone.0.error, None);
    assert_eq!(lone.0.events.len(), 5);
}

/// §5.5: a control frame is no message.
#[test]
fn an_incomplete_ping_is_not_an_incomplete_message() {
    let mut lone = Lone::new(deadlines());
    let ping = client_frame(Opcode::PING, b"slowly");
    for round in 0..20 {
        for (index, byte) in ping.iter().enumerate() {
            lone.receive(&[*byte], at(round * 100 + index as u64 * 8));
        }
        lone.wait(at(round * 100 + 99));
    }
    assert_eq!(lone.0.error, None);
}

/// §5.4: parts that were delivered are not held.
#[test]
fn a_message_in_parts_may_take_as_long_as_its_parts_come() {
    let mut end = End::open(Role::Server, deadlines());
    let frame = frame_to(Role::Server, Opcode::BINARY, true, &[7; 100]);
    for (index, byte) in frame.iter().enumerate() {
        let now = at(index as u64 * 10);
        end.rx.extend(&[*byte]);
        end.ws.handle_read(1, now);
        while end.ws.next_partial(&mut end.rx, &mut end.tx).unwrap().is_some() {}
        end.ws.handle_timeout(now);
        assert!(end.ws.next_partial(&mut end.rx, &mut end.tx).unwrap().is_none());
    }
    assert_eq!(end.ws.error(), None);
}

/// A peer that never reads.
#[test]
fn slow_peer_a_write_that_stalls_ends_the_connection() {
    let mut world = World::open(deadlines().ping_interval(None));
    world.settle();
    world.to_client.room = Some(100);
    world.server.ws.send_binary(&[0; 1000], &mut world.server.tx).unwrap();
    world.settle();
    assert_eq!(world.to_client.room, Some(0));
    while world.server.closed.is_none() {
        assert!(world.wait());
    }
    assert_eq!(world.server.error, timeout(Timeout::Write));
    assert_eq!(world.now, at(30));
    assert_eq!(world.server.ws.close_status().unwrap().code, CloseCode::ABNORMAL_CLOSURE);
    assert!(world.server.tx.is_empty(), "what cannot be written is not kept");
}

/// An application that serves a peer only as fast as it reads takes no events while much waits.
#[test]
fn slow_peer_an_application_that_takes_no_events_misses_no_deadline() {
    // The transport takes nothing, or an octet each second, which puts the end off by nothing.
    for (closing, octets) in [(false, 0), (true, 0), (true, 1)] {
        let mut end = End::open(Role::Server, deadlines());
        end.rx.extend(&client_frame(Opcode::TEXT, b"not taken"));
        end.ws.handle_read(15, at(0));
        end.ws.send_binary(&[0; 1000], &mut end.tx).unwrap();
        if closing {
            end.ws.close(CloseCode::NORMAL_CLOSURE, "", &mut end.tx).unwrap();
        }
        let mut over = None;
        for second in 0..60 {
            end.ws.handle_timeout(at(second));
            if end.ws.next_io(&end.tx, at(second)) == Io::Close {
                over.get_or_insert(second);
                continue;
            }
            end.tx.consume(octets);
            end.ws.handle_written(octets, at(second));
        }
        let (error, after) = if closing { (Timeout::Close, 3) } else { (Timeout::Write, 30) };
        assert_eq!((end.ws.error(), over), (timeout(error), Some(after)));
        assert!(!end.ws.close_status().unwrap().clean);
        assert_eq!(end.ws.next_timeout(), None);
    }
}

/// An application that reads only when all is written cannot know what the peer has said meanwhile.
#[test]
fn while_something_waits_to_be_written_the_peer_is_not_waited_for() {
    let mut end = End::open(Role::Server, deadlines());
    end.rx.extend(&frame_to(Role::Server, Opcode::TEXT, false, b"half"));
    end.ws.handle_read(10, at(0));
    end.events();
    end.ws.send_binary(&[0; 400], &mut end.tx).unwrap();
    // The transport takes an octet a second, and meanwhile nothing is read.
    let mut second = 0;
    while !end.tx.is_empty() {
        second += 1;
        end.ws.handle_timeout(at(second));
        end.events();
        assert_eq!((end.error, end.ws.next_io(&end.tx, at(second))), (None, Io::Write));
        assert!(end.ws.next_timeout().unwrap() > at(second), "a reason to wake, and no use");
        end.tx.consume(1);
        end.ws.handle_written(1, at(second));
    }
    assert!(second > 400);
    end.ws.handle_flushed(at(second));
    assert_eq!(end.ws.next_io(&end.tx, at(second)), Io::Read);
    end.rx.extend(&frame_to(Role::Server, Opcode::CONTINUATION, true, b"whole"));
    end.ws.handle_read(11, at(second));
    end.ws.handle_timeout(at(second));
    end.events();
    assert_eq!((end.error, &end.events[..]), (None, &[Owned::Text("halfwhole".into())][..]));
}

/// Its pong lies unread behind a write that stalls.
#[test]
fn a_write_that_stalls_is_not_taken_for_a_pong_that_is_late() {
    let mut lone = Lone::new(deadlines());
    assert!(!lone.wait(at(20)).is_empty());
    lone.0.ws.send_text("small", &mut lone.0.tx).unwrap();
    for second in 21..60 {
        if lone.0.ws.next_io(&lone.0.tx, at(second)) == Io::Write {
            lone.0.ws.handle_written(0, at(second));
        }
        lone.0.ws.handle_timeout(at(second));
        lone.0.events();
        let late = (second >= 51).then_some(timeout(Timeout::Write)).flatten();
        assert_eq!(lone.0.error, late, "{second}");
    }
}

/// An application that is late with its events is not woken for what it has to do anyway.
#[test]
fn spin_a_deadline_that_has_come_is_no_reason_to_wake_again() {
    let mut end = End::open(Role::Server, deadlines());
    assert_eq!(end.ws.next_io(&end.tx, at(0)), Io::Read);
    assert_eq!(end.ws.next_timeout(), Some(at(20)));
    end.ws.handle_timeout(at(20));
    assert_eq!(end.ws.next_timeout(), None);
    end.events();
    assert!(!end.tx.is_empty());
}

/// A peer that reads, if slowly.
#[test]
fn a_transport_that_takes_bytes_now_and_then_is_alive() {
    for deadlines in [deadlines(), deadlines().write(None)] {
        let mut lone = Lone::new(deadlines);
        lone.0.ws.send_binary(&[0; 1000], &mut lone.0.tx).unwrap();
        for second in 0..500 {
            let now = at(second);
            lone.0.ws.handle_timeout(now);
            lone.0.events();
            assert_eq!(lone.0.ws.next_io(&lone.0.tx, now), Io::Write);
            let n = usize::from(second % 4 == 0);
            lone.0.tx.consume(n);
            lone.0.ws.handle_written(n, now);
            lone.0.ws.handle_written(0, now);
        }
        assert_eq!(lone.0.error, None);
    }
}

/// A ping that is due while much waits is no reason to fail.
#[test]
fn a_ping_is_sent_behind_whatever_waits() {
    let mut lone = Lone::new(deadlines().pong(None).write(None));
    lone.0.ws.send_binary(&vec![0; 2 << 20], &mut lone.0.tx).unwrap();
    let before = lone.0.tx.len();
    for second in 1..1000 {
        lone.0.ws.next_io(&lone.0.tx, at(second));
        lone.0.ws.handle_written(0, at(second));
        lone.0.ws.handle_timeout(at(second));
        lone.0.events();
    }
    assert_eq!(lone.0.error, None);
    assert!(lone.0.tx.len() <= before + 8, "one ping waits, not fifty");
}

/// What a peer takes of small messages says nothing: the system buffers them.
#[test]
fn sending_is_no_sign_of_life_of_the_peer() {
    let mut lone = Lone::new(deadlines());
    let mut pinged = false;
    for second in 0..60 {
        let now = at(second);
        lone.0.ws.handle_timeout(now);
        lone.0.events();
        pinged |= frames(lone.0.tx.as_slice()).iter().any(|(h, _)| h.opcode() == Opcode::PING);
        if lone.0.error.is_none() {
            lone.0.ws.send_text("tick", &mut lone.0.tx).unwrap();
        }
        lone.written(now);
    }
    assert!(pinged);
    assert_eq!(lone.0.error, timeout(Timeout::Pong));
}

/// §7.1.1
#[test]
fn stale_message_an_unanswered_close_is_given_up_whatever_else_arrives() {
    let mut lone = Lone::new(deadlines());
    lone.0.ws.close(CloseCode::NORMAL_CLOSURE, "", &mut lone.0.tx).unwrap();
    lone.written(at(5));
    assert_eq!(lone.0.ws.next_timeout(), Some(at(8)));
    lone.receive(&client_frame(Opcode::TEXT, b"still here"), at(7));
    lone.wait(at(7));
    assert_eq!(lone.0.error, None);
    lone.wait(at(8));
    assert_eq!(lone.0.error, timeout(Timeout::Close));
    assert_eq!(lone.0.ws.next_io(&lone.0.tx, at(8)), Io::Close);
    assert_eq!(lone.0.ws.next_timeout(), None);
}

/// A peer that takes an octet now and then cannot hold the end up.
#[test]
fn slow_peer_the_end_takes_no_longer_than_its_deadline() {
    let mut world = World::open(deadlines());
    world.settle();
    world.to_client.room = Some(0);
    world.server.ws.send_binary(&[0; 1000], &mut world.server.tx).unwrap();
    world.settle();
    world.now = at(4);
    world.server.ws.close(CloseCode::GOING_AWAY, "", &mut world.server.tx).unwrap();
    world.settle();
    for second in 5..100 {
        world.to_client.room = Some(1);
        world.wait_until(at(second));
    }
    assert_eq!(world.server.closed, Some(at(7)));
    assert_eq!(world.server.error, timeout(Timeout::Close));
    assert!(!world.server.ws.close_status().unwrap().clean);
}

/// What came in time counts, however late the application looks.
#[test]
fn what_came_in_time_is_not_lost_to_a_late_look() {
    let mut lone = Lone::new(deadlines());
    lone.0.ws.close(CloseCode::NORMAL_CLOSURE, "", &mut lone.0.tx).unwrap();
    lone.written(at(0));
    let message = client_frame(Opcode::TEXT, b"in time");
    let close = client_frame(Opcode::CLOSE, &1000_u16.to_be_bytes());
    lone.0.rx.extend(&[message.repeat(6), close].concat());
    // The loop reads before it looks at the clock, and the clock says that all is too late.
    lone.0.ws.handle_read(1, at(11));
    lone.0.ws.handle_timeout(at(1000));
    lone.0.events();
    assert_eq!(lone.0.events.len(), 7);
    assert_eq!(lone.0.error, None);
    lone.written(at(1000));
    assert!(lone.0.ws.close_status().unwrap().clean);
}

#[test]
fn a_session_that_has_no_deadlines_waits_for_ever() {
    let lone = Lone::new(never());
    assert_eq!(lone.0.ws.next_timeout(), None);
    let lone = Lone::new(Deadlines::default().ping_interval(Duration::MAX).message(None));
    assert_eq!(lone.0.ws.next_timeout(), None);
}

/// A ping interval of zero must not keep a driver from ever waiting.
#[test]
fn spin_pings_do_not_fill_the_time_between_two_moments() {
    for pong in [None, Some(Duration::ZERO), Some(at(5))] {
        let mut lone = Lone::new(deadlines().ping_interval(Duration::ZERO).pong(pong));
        let mut now = at(1);
        for _ in 0..100 {
            lone.wait(now);
            let Some(next) = lone.0.ws.next_timeout() else { break };
            assert!(next > now || lone.0.error.is_some());
            now += Duration::from_micros(500);
        }
    }
}

#[test]
fn time_that_runs_backwards_counts_as_standing_still() {
    let mut lone = Lone::new(deadlines());
    lone.receive(&client_frame(Opcode::TEXT, b"x"), at(10));
    lone.receive(&client_frame(Opcode::TEXT, b"x"), at(5));
    assert_eq!(lone.0.ws.next_timeout(), Some(at(30)));
    assert!(lone.wait(at(3)).is_empty());
}

#[test]
fn deadlines_beyond_the_end_of_time_are_none() {
    let mut end = End::open(Role::Server, deadlines());
    end.ws.handle_read(1, Duration::from_secs(u64::MAX - 1));
    assert_eq!(end.ws.next_timeout(), None);
}

/// The application's own events of a connection are those of the session.
#[test]
fn a_session_sends_what_a_connection_sends() {
    let mut world = World::open(deadlines());
    let (client, tx) = (&mut world.client.ws, &mut world.client.tx);
    client.send(Message::text("in ").part(false), tx).unwrap();
    client.send_ping(b"ping", tx).unwrap();
    client.send_pong(b"pong", tx).unwrap();
    client.connected().unwrap().send(Message::text("parts").part(true), tx).unwrap();
    world.settle();
    let expected =
        [Owned::Ping(b"ping".into()), Owned::Pong(b"pong".into()), Owned::Text("in parts".into())];
    assert_eq!(world.server.events, expected);
    assert_eq!(world.client.events, [Owned::Pong(b"ping".into())]);
    assert_eq!(world.round(Role::Client, 1), Progress::None);
}

//! Every interleaving of what can happen to two sessions, to a depth.
//!
//! Sections: RFC 6455 §7

use std::time::Duration;

use websans::{CloseCode, Deadlines, Error, Role, SessionError, Timeout};

use super::world::World;
use crate::support::{Owned, ROLES};

/// How many things happen before both ends are left to themselves. `WEBSANS_DEPTH` overrides it;
/// 6 takes a minute.
const DEPTH: u32 = 5;

/// At most: the ping interval, the time for a pong, and the time for the end.
const PATIENCE: Duration = Duration::from_secs(20 + 5 + 3);

fn deadlines() -> Deadlines {
    let seconds = Duration::from_secs;
    Deadlines::default()
        .ping_interval(seconds(20))
        .pong(seconds(5))
        .message(seconds(60))
        .write(seconds(10))
        .close(seconds(3))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Send(Role),
    Ping(Role),
    Close(Role),
    /// One round of its loop, in which it reads at most five bytes: it cuts frames.
    Round(Role),
    /// The direction from this end takes nothing more; the second time it does again.
    Stall(Role),
    /// The direction from this end breaks: the other one sees the end of the transport.
    Break(Role),
    Time,
}

const OPS: [Op; 13] = [
    Op::Send(Role::Client),
    Op::Ping(Role::Client),
    Op::Close(Role::Client),
    Op::Round(Role::Client),
    Op::Stall(Role::Client),
    Op::Break(Role::Client),
    Op::Send(Role::Server),
    Op::Ping(Role::Server),
    Op::Close(Role::Server),
    Op::Round(Role::Server),
    Op::Stall(Role::Server),
    Op::Break(Role::Server),
    Op::Time,
];

/// What has happened to each end, in the order of `ROLES`.
#[derive(Debug, Default)]
struct Side {
    sent: usize,
    has_closed: bool,
    stalled: bool,
    broken: bool,
}

fn run(ops: &[Op]) {
    let mut world = World::open(deadlines());
    let mut sides = [Side::default(), Side::default()];
    let index = |role| ROLES.iter().position(|it| *it == role).unwrap();
    for op in ops {
        match *op {
            Op::Send(role) => {
                let end = world.end(role);
                if end.ws.send_text("message", &mut end.tx).is_ok() {
                    sides[index(role)].sent += 1;
                }
            }
            Op::Ping(role) => {
                let end = world.end(role);
                let _ = end.ws.send_ping(b"?", &mut end.tx);
            }
            Op::Close(role) => {
                let end = world.end(role);
                let code = CloseCode::from(3000 + index(role) as u16);
                sides[index(role)].has_closed |= end.ws.close(code, "", &mut end.tx).is_ok();
            }
            Op::Round(role) => {
                world.round(role, 5);
            }
            Op::Stall(role) => {
                let pipe = world.outgoing(role);
                pipe.room = if pipe.room.is_none() { Some(3) } else { None };
                sides[index(role)].stalled = true;
            }
            Op::Break(role) => {
                let pipe = world.outgoing(role);
                (pipe.ended, pipe.broken) = (true, true);
                sides[index(role)].broken = true;
            }
            Op::Time => {
                // As long as it takes a deadline, or two seconds: some come together with others.
                let next = world.next_timeout().unwrap_or(world.now);
                let soon = world.now + Duration::from_secs(2);
                world.wait_until(next.max(world.now).min(soon));
            }
        }
    }
    world.settle();
    // Whoever has not closed does so now.
    for role in ROLES {
        let end = world.end(role);
        let _ = end.ws.close(CloseCode::NORMAL_CLOSURE, "", &mut end.tx);
    }
    world.settle();
    let end = world.now + PATIENCE;
    let mut waits = 0;
    while world.client.closed.is_none() || world.server.closed.is_none() {
        assert!(world.wait(), "nobody is to be woken, and it has not ended: {ops:?} {world:?}");
        waits += 1;
        assert!(waits < 20, "it is woken for nothing: {ops:?} {world:?}");
        assert!(world.now <= end, "it takes too long: {ops:?} {world:?}");
    }
    check(ops, &world, &sides);
}

fn check(ops: &[Op], world: &World, sides: &[Side; 2]) {
    let [client, server] = sides;
    let healthy = !sides.iter().any(|side| side.stalled || side.broken);
    for (end, side, peer, incoming) in [
        (&world.client, client, server, &world.to_client),
        (&world.server, server, client, &world.to_server),
    ] {
        let context = || format!("{ops:?}\n{world:?}");
        let received = end.events.iter().filter(|it| **it == Owned::Text("message".into()));
        let received = received.count();
        assert!(received <= peer.sent, "{}", context());
        let status = end.ws.close_status();
        let closes = end.events.iter().filter(|event| matches!(event, Owned::Close(..)));
        assert!(closes.count() <= 1, "{}", context());
        // An end is clean, or it says why not.
        match (&end.error, status) {
            (None, Some(status)) => assert!(!status.failed, "{}", context()),
            (Some(SessionError::Connection(error)), Some(status)) => {
                assert!(!status.clean || *error == Error::Timeout(Timeout::Close));
            }
            _ => panic!("{}", context()),
        }
        if healthy {
            // Nothing is lost, and both ends agree.
            assert_eq!(received, peer.sent, "{}", context());
            assert_eq!(end.error, None, "{}", context());
            let status = status.unwrap();
            assert!(status.clean, "{}", context());
            let code = match (side.has_closed, peer.has_closed) {
                (_, true) => None, // the peer's, unless it was overtaken by ours
                (true, false) => Some(status.code),
                (false, false) => Some(CloseCode::NORMAL_CLOSURE),
            };
            assert!(code.is_none_or(|code| code == status.code), "{}", context());
        } else if !peer.broken && !side.broken && end.error.is_none() && status.unwrap().clean {
            // Whoever saw a clean end has everything that was sent before it.
            assert_eq!(received, peer.sent, "{}", context());
        }
        // Nothing that can be read is left before a clean end, or the transport would be reset.
        if end.error.is_none() && !side.broken && !peer.broken && status.unwrap().clean {
            assert!(incoming.bytes.is_empty(), "{}", context());
        }
    }
}

/// §7
#[test]
fn both_ends_always_end_with_the_right_status_and_lose_nothing() {
    let depth = std::env::var("WEBSANS_DEPTH").map_or(DEPTH, |depth| depth.parse().unwrap());
    let mut count = 0_u64;
    for length in 0..=depth {
        for number in 0..OPS.len().pow(length) {
            let mut ops = Vec::new();
            let mut rest = number;
            for _ in 0..length {
                ops.push(OPS[rest % OPS.len()]);
                rest /= OPS.len();
            }
            run(&ops);
            count += 1;
        }
    }
    println!("{count} interleavings");
}

//! The deadlines of `Keepalive`, with simulated time.

use std::time::Duration;

use websans::{Keepalive, KeepaliveConfig, Timeout};

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const CONFIG: KeepaliveConfig = KeepaliveConfig {
    handshake: Some(at(10)),
    ping_interval: Some(at(20)),
    pong: Some(at(5)),
    message: Some(at(60)),
    close: Some(at(3)),
};

#[test]
fn stale_message_a_deadline_fires_for_a_silent_handshake() {
    let mut keepalive = Keepalive::new(CONFIG, at(100));
    keepalive.handle_received(at(109)); // a slow head does not put the deadline off
    assert_eq!(keepalive.next_timeout(), Some(at(110)));
    assert_eq!(keepalive.handle_timeout(at(109)), None);
    assert_eq!(keepalive.handle_timeout(at(110)), Some(Timeout::Handshake));
    assert_eq!(keepalive.handle_timeout(at(999)), None, "reported once");
    assert_eq!(keepalive.next_timeout(), None);
}

#[test]
fn stale_message_a_silent_peer_is_pinged_and_then_given_up() {
    let mut keepalive = Keepalive::new(CONFIG, at(0));
    keepalive.handle_open(at(1));
    assert_eq!(keepalive.next_timeout(), Some(at(21)));
    keepalive.handle_received(at(11));
    assert_eq!(keepalive.next_timeout(), Some(at(31)));
    assert_eq!(keepalive.handle_timeout(at(32)), Some(Timeout::Ping));
    assert_eq!(keepalive.next_timeout(), Some(at(37)));
    keepalive.handle_received(at(36)); // any byte shows that it lives
    assert_eq!(keepalive.handle_timeout(at(56)), Some(Timeout::Ping));
    assert_eq!(keepalive.handle_timeout(at(61)), Some(Timeout::Pong));
    assert_eq!(keepalive.next_timeout(), None);
}

#[test]
fn stale_message_an_unanswered_close_is_given_up_whatever_else_arrives() {
    let mut keepalive = Keepalive::new(CONFIG, at(0));
    keepalive.handle_open(at(0));
    keepalive.handle_close(at(5));
    keepalive.handle_received(at(6));
    keepalive.handle_close(at(7));
    keepalive.handle_open(at(7));
    assert_eq!(keepalive.next_timeout(), Some(at(8)));
    assert_eq!(keepalive.handle_timeout(at(8)), Some(Timeout::Close));
    keepalive.handle_close(at(9));
    assert_eq!(keepalive.next_timeout(), None);
}

#[test]
fn parts_that_are_switched_off_never_fire() {
    let off = KeepaliveConfig {
        handshake: None,
        ping_interval: None,
        pong: None,
        message: None,
        close: None,
    };
    let mut keepalive = Keepalive::new(off, at(0));
    assert_eq!(keepalive.next_timeout(), None);
    keepalive.handle_open(at(0));
    assert_eq!(keepalive.handle_timeout(Duration::MAX), None);
    keepalive.handle_close(at(0));
    assert_eq!(keepalive.next_timeout(), None);
}

#[test]
fn time_that_goes_backwards_or_overflows_is_harmless() {
    let mut keepalive = Keepalive::new(CONFIG, Duration::MAX);
    assert_eq!(keepalive.next_timeout(), None, "beyond the end of time");
    keepalive.handle_open(at(0));
    assert_eq!(keepalive.handle_timeout(at(0)), None);
    let mut keepalive = Keepalive::new(CONFIG, at(50));
    keepalive.handle_open(at(40));
    assert_eq!(keepalive.next_timeout(), Some(at(70)));
}

#[test]
fn stale_message_that_trickles_for_ever_is_given_up() {
    let mut keepalive = Keepalive::new(CONFIG, at(0));
    keepalive.handle_open(at(0));
    let mut end = None;
    for now in (0..1000).step_by(19) {
        keepalive.handle_received(at(now));
        keepalive.handle_incomplete(true, at(now));
        end = end.or(keepalive.handle_timeout(at(now)).map(|timeout| (timeout, now)));
    }
    assert_eq!(end, Some((Timeout::Message, 76)), "the first look after 60 s");
    assert_eq!(keepalive.next_timeout(), None);
}

#[test]
fn messages_that_are_finished_put_the_deadline_off() {
    let mut keepalive = Keepalive::new(CONFIG, at(0));
    keepalive.handle_open(at(0));
    for now in (0..1000).step_by(19) {
        keepalive.handle_received(at(now));
        keepalive.handle_incomplete(now % 2 == 0, at(now));
        assert_eq!(keepalive.handle_timeout(at(now)), None);
    }
}

#[test]
fn without_a_deadline_for_pongs_pings_go_on() {
    let mut keepalive = Keepalive::new(KeepaliveConfig { pong: None, ..CONFIG }, at(0));
    keepalive.handle_open(at(0));
    assert_eq!(keepalive.handle_timeout(at(20)), Some(Timeout::Ping));
    assert_eq!(keepalive.handle_timeout(at(40)), Some(Timeout::Ping));
}

#[test]
fn spin_without_an_interval_there_is_one_ping_at_a_moment() {
    let config = KeepaliveConfig { ping_interval: Some(Duration::ZERO), pong: None, ..CONFIG };
    let mut keepalive = Keepalive::new(config, at(0));
    keepalive.handle_open(at(0));
    for second in 1..4 {
        assert_eq!(keepalive.handle_timeout(at(second)), Some(Timeout::Ping));
        assert_eq!(keepalive.handle_timeout(at(second)), None);
    }
}

#[test]
fn a_busy_peer_that_always_has_half_a_message_here_is_not_given_up() {
    let mut keepalive = Keepalive::new(CONFIG, at(0));
    keepalive.handle_open(at(0));
    for now in (0..1000).step_by(19) {
        keepalive.handle_received(at(now));
        keepalive.handle_message(at(now));
        keepalive.handle_incomplete(true, at(now));
        assert_eq!(keepalive.handle_timeout(at(now)), None);
    }
}

#[test]
fn the_defaults_are_what_their_documentation_says() {
    let default = KeepaliveConfig::default();
    let (handshake, ping_interval) = (Some(at(10)), Some(at(20)));
    let (pong, message, close) = (Some(at(20)), Some(at(300)), Some(at(10)));
    let said = KeepaliveConfig { handshake, ping_interval, pong, message, close };
    assert_eq!(default, said);
}

#[test]
fn what_has_expired_stays_so() {
    let mut keepalive = Keepalive::new(CONFIG, at(0));
    assert_eq!(keepalive.handle_timeout(at(99)), Some(Timeout::Handshake));
    keepalive.handle_open(at(99));
    keepalive.handle_received(at(99));
    keepalive.handle_close(at(99));
    assert_eq!((keepalive.next_timeout(), keepalive.handle_timeout(at(9999))), (None, None));
}

//! The helpers over `std::io`.
//!
//! Sections: RFC 6455 §6

use std::io::{self, Write};

use crate::support::*;
use websans::{Config, Connection, RecvBuf, SendBuf};

/// A transport that takes a few bytes at a time and is not ready in between.
struct Slow {
    taken: Vec<u8>,
    ready: bool,
}

impl Write for Slow {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.ready = !self.ready;
        if !self.ready {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = buf.len().min(7);
        self.taken.extend_from_slice(&buf[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn nothing_is_lost_or_repeated_when_the_transport_takes_a_little_at_a_time() {
    let (mut ws, mut tx) = (Connection::server(Config::default()), SendBuf::new());
    let mut slow = Slow { taken: Vec::new(), ready: false };
    for i in 0..200_u8 {
        ws.send_binary(&[i; 20], &mut tx).unwrap();
        match tx.write_to(&mut slow) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => panic!("{result:?}"),
        }
    }
    while !tx.is_empty() {
        let _ = tx.write_to(&mut slow);
    }
    let sent = frames(&slow.taken);
    assert_eq!(sent.len(), 200);
    assert!(sent.iter().zip(0..).all(|((_, payload), i)| *payload == [i; 20]));
}

#[test]
fn a_transport_that_takes_nothing_is_an_error_and_not_a_spin() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Ok(0)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (mut ws, mut tx) = (Connection::server(Config::default()), SendBuf::new());
    ws.send_text("x", &mut tx).unwrap();
    assert_eq!(tx.write_to(&mut Full).unwrap_err().kind(), io::ErrorKind::WriteZero);
    assert_eq!(tx.len(), 3);
}

#[test]
fn an_interrupted_read_is_tried_again_and_the_end_is_0() {
    struct Interrupted<'a>(bool, &'a [u8]);
    impl io::Read for Interrupted<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, false) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.1.read(buf)
        }
    }
    let mut rx = RecvBuf::new();
    let mut transport = Interrupted(true, b"abc");
    assert_eq!(rx.read_from(&mut transport).unwrap(), 3);
    assert_eq!(rx.read_from(&mut transport).unwrap(), 0);
    assert_eq!(rx.len(), 3);
}

/// A payload that is announced, and stays where it is.
/// Sections: none, it is about Debug
#[test]
fn a_debug_form_of_a_buffer_shows_sizes_and_no_contents() {
    let (mut rx, mut tx) = (RecvBuf::default(), SendBuf::default());
    rx.extend(b"secret");
    Connection::server(Config::default()).send_text("secret", &mut tx).unwrap();
    for (debug, len) in [(format!("{rx:?}"), 6), (format!("{tx:?}"), 8)] {
        assert!(debug.contains(&format!("len: {len}")) && !debug.contains("secret"), "{debug}");
        assert!(debug.contains("capacity"), "{debug}");
    }
}

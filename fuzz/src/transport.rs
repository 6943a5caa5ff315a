//! Transports as bad as they may be.

use std::io::{self, ErrorKind, IoSlice, Read, Write};

/// How many of `len` bytes a call for I/O is about.
fn some(calls: &mut usize, len: usize) -> io::Result<usize> {
    *calls += 1;
    if calls.is_multiple_of(3) {
        return Err(ErrorKind::Interrupted.into());
    }
    Ok(len.min(1 + *calls * 611 % 9000))
}

/// A transport that takes some bytes at a time, until it is full, and is interrupted now and then.
#[derive(Debug)]
pub struct Sink {
    /// What it has taken.
    pub wire: Vec<u8>,
    /// How much more it takes.
    pub room: usize,
    calls: usize,
}

impl Sink {
    /// Takes at most `room` bytes, and has memory for `len`.
    pub fn new(len: usize, room: usize) -> Self {
        Self { wire: Vec::with_capacity(len), room, calls: 0 }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let all = slices.iter().map(|slice| slice.len()).sum();
        let len = some(&mut self.calls, all)?.min(self.room);
        if len == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
        self.wire.extend(bytes.take(len));
        self.room -= len;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What gives some bytes at a time, and is interrupted now and then.
#[derive(Debug)]
pub struct Source<'a> {
    rest: &'a [u8],
    calls: usize,
}

impl<'a> Source<'a> {
    /// Gives these bytes, and then the end.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, calls: 0 }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let len = some(&mut self.calls, room.len().min(self.rest.len()))?;
        let (bytes, rest) = self.rest.split_at(len);
        room[..len].copy_from_slice(bytes);
        self.rest = rest;
        Ok(len)
    }
}

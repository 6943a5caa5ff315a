//! A transport in memory that never blocks, and does what it is told.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;

/// Bytes on their way in one direction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(Rc<RefCell<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    bytes: VecDeque<u8>,
    ended: bool,
    /// All that has passed.
    log: Vec<u8>,
    /// How many more bytes the wire takes.
    room: Option<usize>,
    /// How many bytes a read gets at most.
    chunk: Option<usize>,
}

impl Wire {
    pub(crate) fn put(&self, bytes: &[u8]) {
        self.0.borrow_mut().bytes.extend(bytes);
    }

    pub(crate) fn end(&self) {
        self.0.borrow_mut().ended = true;
    }

    pub(crate) fn set_room(&self, room: Option<usize>) {
        self.0.borrow_mut().room = room;
    }

    pub(crate) fn set_chunk(&self, chunk: usize) {
        self.0.borrow_mut().chunk = Some(chunk);
    }

    /// All that has passed since the last call.
    pub(crate) fn log(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().log)
    }
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    pub(crate) input: Wire,
    pub(crate) output: Wire,
}

/// Both ends.
pub(crate) fn pair() -> (Pipe, Pipe) {
    let (a, b) = (Wire::default(), Wire::default());
    (Pipe { input: a.clone(), output: b.clone() }, Pipe { input: b, output: a })
}

impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut inner = self.input.0.borrow_mut();
        if inner.bytes.is_empty() {
            return if inner.ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let n = buf.len().min(inner.chunk.unwrap_or(usize::MAX)).min(inner.bytes.len());
        for (to, from) in buf.iter_mut().zip(inner.bytes.drain(..n)) {
            *to = from;
        }
        Ok(n)
    }
}

impl Write for Pipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut inner = self.output.0.borrow_mut();
        let n = buf.len().min(inner.room.unwrap_or(usize::MAX));
        if n == 0 && !buf.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if let Some(room) = &mut inner.room {
            *room -= n;
        }
        inner.bytes.extend(&buf[..n]);
        inner.log.extend(&buf[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

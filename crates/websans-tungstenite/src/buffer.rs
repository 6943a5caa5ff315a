//! A queue of bytes that is filled from a transport, and read as a cursor.

use std::io::{self, Cursor, Read};

use bytes::Buf;

/// A queue of bytes; each [`read_from`](Self::read_from) takes at most `CHUNK_SIZE` of them.
#[derive(Debug)]
pub struct ReadBuffer<const CHUNK_SIZE: usize> {
    storage: Cursor<Vec<u8>>,
}

impl<const CHUNK_SIZE: usize> ReadBuffer<CHUNK_SIZE> {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(CHUNK_SIZE)
    }

    /// An empty buffer with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::from_partially_read(Vec::with_capacity(capacity))
    }

    /// A buffer with bytes that were read before.
    #[must_use]
    pub fn from_partially_read(part: Vec<u8>) -> Self {
        Self { storage: Cursor::new(part) }
    }

    /// The bytes, and how far they were read.
    #[must_use]
    pub fn as_cursor(&self) -> &Cursor<Vec<u8>> {
        &self.storage
    }

    /// The bytes, and how far they were read.
    pub fn as_cursor_mut(&mut self) -> &mut Cursor<Vec<u8>> {
        &mut self.storage
    }

    /// The bytes that were not read.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<u8> {
        self.forget_read();
        self.storage.into_inner()
    }

    /// Reads once from a transport: how many bytes came, 0 at its end.
    pub fn read_from<S: Read>(&mut self, stream: &mut S) -> io::Result<usize> {
        self.forget_read();
        let bytes = self.storage.get_mut();
        let filled = bytes.len();
        bytes.resize(filled + CHUNK_SIZE, 0);
        let result = stream.read(bytes.get_mut(filled..).unwrap_or_default());
        let n = result.as_ref().map_or(0, |n| (*n).min(CHUNK_SIZE));
        bytes.truncate(filled + n);
        result
    }

    /// What was read makes room.
    fn forget_read(&mut self) {
        let read = usize::try_from(self.storage.position()).unwrap_or(usize::MAX);
        let bytes = self.storage.get_mut();
        bytes.drain(..read.min(bytes.len()));
        self.storage.set_position(0);
    }
}

impl<const CHUNK_SIZE: usize> Buf for ReadBuffer<CHUNK_SIZE> {
    fn remaining(&self) -> usize {
        Buf::remaining(&self.storage)
    }

    fn chunk(&self) -> &[u8] {
        Buf::chunk(&self.storage)
    }

    fn advance(&mut self, n: usize) {
        Buf::advance(&mut self.storage, n);
    }
}

impl<const CHUNK_SIZE: usize> Default for ReadBuffer<CHUNK_SIZE> {
    fn default() -> Self {
        Self::new()
    }
}

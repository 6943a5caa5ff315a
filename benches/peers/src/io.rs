//! The transport that every peer gets: bytes that lie ready in memory, read at most 64 KiB at a
//! time, and a place that takes all that is written, copying it as a socket would.

use std::{
    cell::{Cell, RefCell},
    io::{self, IoSlice, Read, Write},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use tokio::io::ReadBuf;

/// What one read hands over at most.
pub const READ: usize = 64 * 1024;

/// Where copied bytes go, round and round: it stays in cache, so that everybody pays the same.
pub struct Ring {
    bytes: Box<[u8]>,
    at: usize,
}

impl Ring {
    pub fn new() -> Self {
        Self { bytes: vec![0; READ].into(), at: 0 }
    }

    #[inline]
    pub fn put(&mut self, mut data: &[u8]) {
        while data.len() > self.bytes.len() {
            let (head, tail) = data.split_at(self.bytes.len());
            self.bytes.copy_from_slice(head);
            data = tail;
        }
        if data.len() > self.bytes.len() - self.at {
            self.at = 0;
        }
        self.bytes[self.at..self.at + data.len()].copy_from_slice(data);
        self.at += data.len();
    }
}

struct State {
    wire: RefCell<Rc<[u8]>>,
    at: Cell<usize>,
    end: Cell<usize>,
    ring: RefCell<Ring>,
    written: Cell<u64>,
    reads: Cell<usize>,
    writes: Cell<usize>,
    recording: Cell<bool>,
    record: RefCell<Vec<u8>>,
    reader: RefCell<Option<Waker>>,
}

/// A handle to one in-memory transport; clones are the same transport.
#[derive(Clone)]
pub struct Pipe(Rc<State>);

// SAFETY: some peers want `Send` of their stream. This program has one thread: it never starts
// another, and the current-thread runtimes that it enters do not either, so no handle leaves it.
unsafe impl Send for Pipe {}

impl Pipe {
    pub fn new() -> Self {
        Self(Rc::new(State {
            wire: RefCell::new(Rc::new([])),
            at: Cell::new(0),
            end: Cell::new(0),
            ring: RefCell::new(Ring::new()),
            written: Cell::new(0),
            reads: Cell::new(0),
            writes: Cell::new(0),
            recording: Cell::new(false),
            record: RefCell::default(),
            reader: RefCell::default(),
        }))
    }

    /// Lays `wire` ready to be read.
    pub fn load(&self, wire: &Rc<[u8]>) {
        self.load_part(wire, wire.len());
    }

    /// Lays the first `len` bytes of `wire` ready to be read.
    pub fn load_part(&self, wire: &Rc<[u8]>, len: usize) {
        *self.0.wire.borrow_mut() = Rc::clone(wire);
        self.0.end.set(len);
        self.0.at.set(0);
        if let Some(reader) = self.0.reader.take() {
            reader.wake();
        }
    }

    /// Leaves nothing to read.
    pub fn clear(&self) {
        self.0.end.set(0);
        self.0.at.set(0);
    }

    pub fn is_drained(&self) -> bool {
        self.0.at.get() == self.0.end.get()
    }

    /// Hands the next read's bytes to `take`; `false` when there are none.
    #[inline]
    pub fn chunk(&self, take: impl FnOnce(&[u8])) -> bool {
        self.chunk_of(READ, take)
    }

    /// As `chunk`, with reads of at most `max` bytes.
    #[inline]
    pub fn chunk_of(&self, max: usize, take: impl FnOnce(&[u8])) -> bool {
        let at = self.0.at.get();
        let end = self.0.end.get().min(at + max);
        if at == end {
            return false;
        }
        self.count_read();
        self.0.at.set(end);
        take(&self.0.wire.borrow()[at..end]);
        true
    }

    /// Copies as much as one read hands over; 0 when there is nothing.
    #[inline]
    pub fn read_into(&self, buf: &mut [u8]) -> usize {
        let at = self.0.at.get();
        let n = (self.0.end.get() - at).min(READ).min(buf.len());
        self.count_read();
        buf[..n].copy_from_slice(&self.0.wire.borrow()[at..at + n]);
        self.0.at.set(at + n);
        n
    }

    /// Takes all of `data`, as a socket with room would.
    #[inline]
    pub fn put(&self, data: &[u8]) {
        self.0.writes.set(self.0.writes.get() + 1);
        self.append(data);
    }

    #[inline]
    fn append(&self, data: &[u8]) {
        self.0.written.set(self.0.written.get() + data.len() as u64);
        self.0.ring.borrow_mut().put(data);
        if self.0.recording.get() {
            self.keep(data);
        }
    }

    #[cold]
    fn keep(&self, data: &[u8]) {
        self.0.record.borrow_mut().extend_from_slice(data);
    }

    /// Starts to keep what is written.
    pub fn record(&self) {
        self.0.recording.set(true);
        self.0.record.borrow_mut().clear();
    }

    /// Ends the recording and hands out what was written meanwhile.
    pub fn recorded(&self) -> Vec<u8> {
        self.0.recording.set(false);
        std::mem::take(&mut *self.0.record.borrow_mut())
    }

    #[inline]
    fn count_read(&self) {
        self.0.reads.set(self.0.reads.get() + 1);
    }

    /// How often the transport was called for reads and for writes since the last call.
    pub fn calls(&self) -> (usize, usize) {
        (self.0.reads.replace(0), self.0.writes.replace(0))
    }

    /// How many bytes were written since the last call.
    pub fn written(&self) -> u64 {
        self.0.written.replace(0)
    }
}

/// Completes a future that never has to wait, because its transport never does.
///
/// # Panics
/// When the future waits: the peer asked for bytes that nobody sent.
#[inline]
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("waits for bytes that nobody sent"),
    }
}

/// What a poll function answers, when its transport never has to wait.
///
/// # Panics
/// As [`now`].
#[inline]
pub fn ready<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> T {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("waits for bytes that nobody sent"),
    }
}

impl Read for Pipe {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.read_into(buf) {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Pipe {
    #[inline]
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.put(data);
        Ok(data.len())
    }

    #[inline]
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.put_all(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Pipe {
    #[inline]
    fn put_all(&self, slices: &[IoSlice<'_>]) -> usize {
        self.0.writes.set(self.0.writes.get() + 1);
        slices.iter().fold(0, |sum, slice| {
            self.append(slice);
            sum + slice.len()
        })
    }
}

impl tokio::io::AsyncRead for Pipe {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let state = &self.0;
        let at = state.at.get();
        let n = (state.end.get() - at).min(READ).min(buf.remaining());
        self.count_read();
        if n == 0 {
            state.reader.replace(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        buf.put_slice(&state.wire.borrow()[at..at + n]);
        state.at.set(at + n);
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Pipe {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.put(data);
        Poll::Ready(Ok(data.len()))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.put_all(slices)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures::io::AsyncRead for Pipe {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.read_into(buf) {
            0 => Poll::Pending,
            n => Poll::Ready(Ok(n)),
        }
    }
}

impl futures::io::AsyncWrite for Pipe {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.put(data);
        Poll::Ready(Ok(data.len()))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(self.put_all(slices)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl wtx::stream::StreamReader for Pipe {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = wtx::Result<usize>> {
        std::future::poll_fn(move |_| match self.read_into(buf) {
            0 => Poll::Pending,
            n => Poll::Ready(Ok(n)),
        })
    }
}

impl wtx::stream::StreamWriter for Pipe {
    #[inline]
    async fn write_all(&mut self, data: &[u8]) -> wtx::Result<()> {
        self.put(data);
        Ok(())
    }

    #[inline]
    async fn write_all_vectored(&mut self, slices: &[&[u8]]) -> wtx::Result<()> {
        self.0.writes.set(self.0.writes.get() + 1);
        slices.iter().for_each(|slice| self.append(slice));
        Ok(())
    }
}

//! The buffers that a thread keeps for whichever of its connections needs one.
//!
//! A connection holds a buffer while something is half-way: a message that has not arrived whole,
//! bytes that the transport did not take. Else it has none, so that an idle connection costs the
//! memory of its state alone, and one that becomes busy need not allocate.

use std::cell::Cell;

use websans::{RecvBuf, SendBuf};

thread_local! {
    static RECEIVE: Cell<Option<RecvBuf>> = const { Cell::new(None) };
    static SEND: Cell<Option<Box<SendBuf>>> = const { Cell::new(None) };
}

/// Gives `buffer` memory, if it has none and the thread keeps some.
pub(super) fn take_recv(buffer: &mut RecvBuf) {
    if buffer.capacity() == 0 && buffer.is_empty() {
        // The thread may be ending, and its storage gone: then the buffer grows by itself.
        if let Ok(Some(spare)) = RECEIVE.try_with(Cell::take) {
            *buffer = spare;
        }
    }
}

/// Takes the memory back, if nothing is half-way.
pub(super) fn give_recv(buffer: &mut RecvBuf) {
    if buffer.capacity() > 0 && buffer.is_empty() {
        let spare = std::mem::take(buffer);
        let _ = RECEIVE.try_with(|kept| kept.set(Some(spare)));
    }
}

/// A buffer to send with, which the thread keeps or which is new.
#[inline]
pub(super) fn take_send() -> Box<SendBuf> {
    SEND.try_with(Cell::take).ok().flatten().unwrap_or_default()
}

/// Takes it back. Nothing waits in it.
#[inline]
pub(super) fn give_send(buffer: Box<SendBuf>) {
    let _ = SEND.try_with(|kept| kept.set(Some(buffer)));
}

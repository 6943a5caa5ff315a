//! The buffers that a thread keeps for whichever of its connections needs one.
//!
//! A connection holds a buffer while something is half-way: a message that has not arrived whole,
//! bytes that the transport did not take. Else it has none, so that an idle connection costs the
//! memory of its state alone, and one that becomes busy need not allocate.

use std::cell::Cell;

use websans::{RecvBuf, SendBuf};

thread_local! {
    static RECEIVE: Cell<Option<RecvBuf>> = const { Cell::new(None) };
    static SEND: Cell<Option<SendBuf>> = const { Cell::new(None) };
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

/// Below this a buffer for sending is not worth the exchange.
const SMALL: usize = 4 << 10;

/// Gives `buffer` memory for `len` bytes, if it has little and the thread keeps some.
pub(super) fn take_send(buffer: &mut SendBuf, len: usize) {
    if len > SMALL
        && buffer.capacity() <= SMALL
        && buffer.is_empty()
        && let Ok(Some(spare)) = SEND.try_with(Cell::take)
    {
        *buffer = spare;
    }
}

/// Takes much memory back, if nothing waits.
pub(super) fn give_send(buffer: &mut SendBuf) {
    if buffer.capacity() > SMALL && buffer.is_empty() {
        let spare = std::mem::take(buffer);
        let _ = SEND.try_with(|kept| kept.set(Some(spare)));
    }
}

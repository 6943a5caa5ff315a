//! Buffers of each thread, lent to whichever connection has something to read or to write.
//!
//! A connection holds a buffer only while something waits in it, so that an idle one costs none,
//! and a busy thread makes none anew. A buffer of the pool also keeps the contexts of
//! permessage-deflate for connections that do not take theirs over.

use std::cell::RefCell;

use websans::{RecvBuf, SendBuf};

/// How many buffers of each kind a thread keeps.
const KEPT: usize = 4;

/// A buffer with more memory than this is not kept.
const MAX_CAPACITY: usize = 256 << 10;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { recv: Vec::new(), send: Vec::new() }) };
}

// Boxed, as a connection has them: eight bytes while it has none.
#[allow(clippy::vec_box)]
struct Pool {
    recv: Vec<Box<RecvBuf>>,
    send: Vec<Box<SendBuf>>,
}

/// Does nothing while the thread ends, when its pool is gone.
fn with<T>(action: impl FnOnce(&mut Pool) -> T) -> Option<T> {
    POOL.try_with(|pool| pool.try_borrow_mut().ok().map(|mut pool| action(&mut pool))).ok()?
}

pub(crate) fn recv_buf() -> Box<RecvBuf> {
    with(|pool| pool.recv.pop()).flatten().unwrap_or_default()
}

pub(crate) fn send_buf() -> Box<SendBuf> {
    with(|pool| pool.send.pop()).flatten().unwrap_or_default()
}

/// Takes back the buffer if nothing is in it.
pub(crate) fn give_back_recv(slot: &mut Option<Box<RecvBuf>>) {
    if let Some(rx) = slot.take_if(|rx| rx.is_empty())
        && rx.capacity() <= MAX_CAPACITY
    {
        with(|pool| (pool.recv.len() < KEPT).then(|| pool.recv.push(rx)));
    }
}

/// Takes back the buffer if nothing waits in it.
pub(crate) fn give_back_send(slot: &mut Option<Box<SendBuf>>) {
    if let Some(tx) = slot.take_if(|tx| tx.is_empty())
        && tx.capacity() <= MAX_CAPACITY
    {
        with(|pool| (pool.send.len() < KEPT).then(|| pool.send.push(tx)));
    }
}

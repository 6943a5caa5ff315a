//! What the two halves of a connection that was split know of each other.

#[cfg(not(target_has_atomic = "ptr"))]
use alloc::rc::Rc as Arc;
#[cfg(target_has_atomic = "ptr")]
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU8, AtomicU16, Ordering};

use super::Agreed;
use super::state::{ReadEnd, ReadState, WriteState};
use crate::close::CloseCode;

/// One for each connection that is split, held by both halves. Each half publishes its own state
/// in it and reads that of the other half.
#[derive(Clone, Debug)]
pub(super) struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// 0 while reading is open, then the code, with [`FAILED`] after a failure. Only the half that
    /// reads stores it.
    read: AtomicU16,
    /// Only the half that writes stores it.
    write: AtomicU8,
    agreed: Agreed,
}

/// Above every close code, of which none is larger than 4999 (RFC 6455 §7.4.2).
const FAILED: u16 = 1 << 15;

const WRITE_CLOSED: u8 = 1;
const WRITE_ENDED: u8 = 2;

impl Link {
    pub(super) fn new(agreed: Agreed, read: &ReadState, write: WriteState) -> Self {
        let (read_end, write_state) = (AtomicU16::new(0), AtomicU8::new(0));
        let link = Self(Arc::new(Shared { read: read_end, write: write_state, agreed }));
        link.publish_read(read);
        link.publish_write(write);
        link
    }

    pub(super) fn publish_read(&self, state: &ReadState) {
        let end = state.end().map_or(0, |end| {
            if end.failed { end.code.number() | FAILED } else { end.code.number() }
        });
        self.0.read.store(end, Ordering::Release);
    }

    pub(super) fn publish_write(&self, state: WriteState) {
        let state = match state {
            WriteState::Open => 0,
            WriteState::Closed => WRITE_CLOSED,
            WriteState::Ended => WRITE_ENDED,
        };
        self.0.write.store(state, Ordering::Release);
    }

    /// The state of the other half, for the half that reads.
    pub(super) fn write_state(&self) -> WriteState {
        match self.0.write.load(Ordering::Acquire) {
            WRITE_CLOSED => WriteState::Closed,
            WRITE_ENDED => WriteState::Ended,
            _ => WriteState::Open,
        }
    }

    /// How reading has ended, for the half that writes.
    pub(super) fn read_end(&self) -> Option<ReadEnd> {
        match self.0.read.load(Ordering::Acquire) {
            0 => None,
            end => {
                Some(ReadEnd { code: CloseCode::from(end & !FAILED), failed: end & FAILED != 0 })
            }
        }
    }

    pub(super) fn agreed(&self) -> &Agreed {
        &self.0.agreed
    }

    /// Whether this is the link of the same connection.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

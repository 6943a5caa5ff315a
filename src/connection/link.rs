//! What the two halves of a connection that was split know of each other.

#[cfg(not(target_has_atomic = "ptr"))]
use alloc::rc::Rc as Arc;
#[cfg(target_has_atomic = "ptr")]
use alloc::sync::Arc;

use super::Agreed;
use super::state::{ReadState, State, WriteState};
use crate::close::CloseCode;

/// One for each connection that is split, held by both halves. Each half publishes its own state
/// in it and reads that of the other half.
#[derive(Clone, Debug)]
pub(super) struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Each bit is set once and never cleared, since no state is ever left for an earlier one.
    bits: Bits,
    agreed: Agreed,
}

#[cfg(target_has_atomic = "ptr")]
#[derive(Debug, Default)]
struct Bits(core::sync::atomic::AtomicU32);

#[cfg(target_has_atomic = "ptr")]
impl Bits {
    fn set(&self, bits: u32) {
        self.0.fetch_or(bits, core::sync::atomic::Ordering::AcqRel);
    }

    fn load(&self) -> u32 {
        self.0.load(core::sync::atomic::Ordering::Acquire)
    }
}

/// Processors without atomic instructions have one thread, and the halves stay in it.
#[cfg(not(target_has_atomic = "ptr"))]
#[derive(Debug, Default)]
struct Bits(core::cell::Cell<u32>);

#[cfg(not(target_has_atomic = "ptr"))]
impl Bits {
    fn set(&self, bits: u32) {
        self.0.set(self.0.get() | bits);
    }

    fn load(&self) -> u32 {
        self.0.get()
    }
}

const READ_CLOSED: u32 = 1;
const READ_FAILED: u32 = 1 << 1;
const WRITE_CLOSED: u32 = 1 << 2;
const WRITE_ENDED: u32 = 1 << 3;
/// The code of the peer's close frame, or of the failure, stands above these bits.
const CODE_SHIFT: u32 = 16;

impl Link {
    pub(super) fn new(agreed: Agreed, read: &ReadState, write: WriteState) -> Self {
        let link = Self(Arc::new(Shared { bits: Bits::default(), agreed }));
        link.publish_read(read);
        link.publish_write(write);
        link
    }

    pub(super) fn publish_read(&self, state: &ReadState) {
        let (kind, code) = match state {
            ReadState::Open => return,
            ReadState::Closed(code, _) => (READ_CLOSED, *code),
            ReadState::Failed(error) => (READ_FAILED, error.close_code()),
        };
        self.0.bits.set(kind | u32::from(code.number()) << CODE_SHIFT);
    }

    pub(super) fn publish_write(&self, state: WriteState) {
        match state {
            WriteState::Open => {}
            WriteState::Closed => self.0.bits.set(WRITE_CLOSED),
            WriteState::Ended => self.0.bits.set(WRITE_ENDED),
        }
    }

    /// The state of the other half, for the half that reads.
    pub(super) fn write_state(&self) -> WriteState {
        match self.0.bits.load() {
            bits if bits & WRITE_CLOSED != 0 => WriteState::Closed,
            bits if bits & WRITE_ENDED != 0 => WriteState::Ended,
            _ => WriteState::Open,
        }
    }

    /// Whether reading has ended, for the half that writes: with which code, and whether it
    /// failed.
    pub(super) fn read_end(&self) -> Option<(CloseCode, bool)> {
        let bits = self.0.bits.load();
        #[allow(clippy::cast_possible_truncation)] // the code has 16 bits
        let code = CloseCode::from((bits >> CODE_SHIFT) as u16);
        (bits & (READ_CLOSED | READ_FAILED) != 0).then_some((code, bits & READ_FAILED != 0))
    }

    pub(super) fn agreed(&self) -> &Agreed {
        &self.0.agreed
    }

    /// Whether this is the link of the same connection.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl State {
    /// Of the half that writes, and what it knows of the other.
    pub(super) fn of_writer(read_end: Option<(CloseCode, bool)>, write: WriteState) -> Self {
        match (read_end, write) {
            (None, WriteState::Open) => Self::Open,
            (Some((_, true)), _) | (Some(_), WriteState::Closed | WriteState::Ended) => {
                Self::Closed
            }
            _ => Self::Closing,
        }
    }
}

//! One step of reading: what was decoded, as a range of the receive buffer.

use crate::buffer::{Lent, RecvBuf};
use crate::close::CloseFrame;
use crate::event::{Event, Part, PartialEvent};
use crate::frame::Opcode;

/// A decoded event, still as a range of the buffer: the parse loop cannot return a borrow.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub(super) opcode: Opcode,
    pub(super) lent: Lent,
    pub(super) first: bool,
    pub(super) last: bool,
}

impl Step {
    pub(crate) fn opcode(&self) -> Opcode {
        self.opcode
    }

    pub(crate) fn payload<'b>(&self, rx: &'b RecvBuf) -> &'b [u8] {
        rx.bytes(self.lent)
    }

    #[inline]
    pub(crate) fn event<'b>(&self, rx: &'b RecvBuf) -> Event<'b> {
        match self.opcode {
            Opcode::TEXT => Event::Text(rx.text(self.lent)),
            Opcode::BINARY => Event::Binary(rx.bytes(self.lent)),
            _ => self.control_event(rx),
        }
    }

    #[inline]
    pub(crate) fn partial_event<'b>(&self, rx: &'b RecvBuf) -> PartialEvent<'b> {
        let Self { first, last, lent, .. } = *self;
        match self.opcode {
            Opcode::TEXT => Event::Text(Part { data: rx.text(lent), first, last }),
            Opcode::BINARY => Event::Binary(Part { data: rx.bytes(lent), first, last }),
            _ => self.control_event(rx),
        }
    }

    pub(crate) fn control_event<'b, T, B>(&self, rx: &'b RecvBuf) -> Event<'b, T, B> {
        let payload = rx.bytes(self.lent);
        match self.opcode {
            Opcode::PING => Event::Ping(payload),
            Opcode::PONG => Event::Pong(payload),
            _ => Event::Close(self.close_frame(rx)),
        }
    }

    pub(super) fn close_frame<'b>(&self, rx: &'b RecvBuf) -> CloseFrame<'b> {
        // It was decoded before, so that the fallback is never taken.
        CloseFrame::decode(self.payload(rx)).unwrap_or(CloseFrame { code: None, reason: "" })
    }
}

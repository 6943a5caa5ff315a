//! The reading half: from frames to events, with the rules for an endpoint (RFC 6455 §5 and §6.2).

use alloc::boxed::Box;

use super::state::ReadState;
use super::{Agreed, Role};
use crate::buffer::{Lent, PIECE, RecvBuf};
use crate::close::CloseFrame;
use crate::config::Config;
use crate::error::Error;
use crate::event::{Event, Part, PartialEvent};
use crate::frame::{FrameHeader, MAX_CONTROL_PAYLOAD, Opcode};
use crate::mask::Mask;
use crate::message::Limits;

/// The half of a [`Connection`](crate::Connection) that reads. It never writes: what an event
/// obliges to send is [`Event::reply`], what an error obliges to send is [`Error::reply`], and the
/// [`Writer`](crate::Writer) sends it, wherever that runs.
#[derive(Debug)]
pub struct Reader {
    role: Role,
    pub(super) state: ReadState,
    limits: Limits,
    /// Up to which size a message that arrives whole needs no further look.
    max_whole: Option<u64>,
    subprotocol: Option<Box<str>>,
}

/// A decoded event, still as a range of the buffer: the parse loop cannot return a borrow.
#[derive(Clone, Copy)]
pub(super) struct Step {
    opcode: Opcode,
    lent: Lent,
    first: bool,
    last: bool,
}

impl Reader {
    pub(super) fn new(role: Role, config: &Config, agreed: Agreed) -> Self {
        let limits = Limits {
            max_message_size: config.max_message_size,
            max_frame_size: config.max_frame_size.unwrap_or(config.max_message_size),
            max_fragments: config.max_fragments,
        };
        let max_whole = match limits.max_fragments {
            0 => None,
            _ => Some(limits.max_message_size.min(limits.max_frame_size).min(PIECE as u64)),
        };
        let subprotocol = agreed.subprotocol;
        Self { role, state: ReadState::Open, limits, max_whole, subprotocol }
    }

    /// The next event, with messages whole. See
    /// [`Connection::next_event`](crate::Connection::next_event).
    #[inline]
    pub fn next_event<'b>(&mut self, rx: &'b mut RecvBuf) -> Result<Option<Event<'b>>, Error> {
        Ok(self.step(rx, false)?.map(|step| step.event(rx)))
    }

    /// The next event, with messages in parts. See
    /// [`Connection::next_partial`](crate::Connection::next_partial).
    #[inline]
    pub fn next_partial<'b>(
        &mut self,
        rx: &'b mut RecvBuf,
    ) -> Result<Option<PartialEvent<'b>>, Error> {
        Ok(self.step(rx, true)?.map(|step| step.partial_event(rx)))
    }

    /// The transport has ended. See [`Connection::handle_eof`](crate::Connection::handle_eof).
    pub fn handle_eof(&mut self, rx: &RecvBuf) -> Result<(), Error> {
        match self.state {
            ReadState::Open => Err(self.state.fail(Error::Eof { within_message: !rx.is_empty() })),
            ReadState::Closed(_) => Ok(()),
            ReadState::Failed(error) => Err(error),
        }
    }

    /// The subprotocol that was agreed on, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    #[inline]
    pub(super) fn step(&mut self, rx: &mut RecvBuf, partial: bool) -> Result<Option<Step>, Error> {
        match self.state {
            ReadState::Open => {}
            ReadState::Closed(_) => {
                rx.discard();
                return Ok(None);
            }
            ReadState::Failed(error) => return Err(error),
        }
        let result = match self.whole_message(rx) {
            Some((header, header_len)) => Self::take_whole(rx, &header, header_len).map(Some),
            None => self.decode(rx, partial),
        };
        result.map_err(|error| self.fail(error, rx))
    }

    #[cold]
    fn fail(&mut self, error: Error, rx: &mut RecvBuf) -> Error {
        rx.discard();
        self.state.fail(error)
    }

    /// The header of a short message that has arrived whole, in one frame to which nothing can be
    /// objected: what most messages are. [`decode`](Self::decode) would do the same with it, at
    /// twice the cost.
    #[inline]
    fn whole_message(&self, rx: &RecvBuf) -> Option<(FrameHeader, usize)> {
        let wire = rx.unread();
        let (header, header_len) = FrameHeader::decode(wire).ok()??;
        let arrived = (wire.len() - header_len) as u64;
        let whole = header.is_whole_message()
            && header.masking_key().is_some() == (self.role == Role::Server)
            && self.max_whole.is_some_and(|max| header.payload_len() <= arrived.min(max))
            && rx.incoming.is_none();
        whole.then_some((header, header_len))
    }

    #[inline]
    fn take_whole(
        rx: &mut RecvBuf,
        header: &FrameHeader,
        header_len: usize,
    ) -> Result<Step, Error> {
        let opcode = header.opcode();
        let mask = header.masking_key().map_or(Mask::NONE, Mask::new);
        // No longer than `max_whole`, and so than `usize`.
        #[allow(clippy::cast_possible_truncation)]
        let len = header.payload_len() as usize;
        let lent = rx.take_whole(header_len, len, mask, opcode == Opcode::TEXT)?;
        Ok(Step { opcode, lent, first: true, last: true })
    }

    /// Each round consumes a frame header, a payload or both; without enough bytes for that it
    /// returns.
    #[inline(never)]
    fn decode(&mut self, rx: &mut RecvBuf, partial: bool) -> Result<Option<Step>, Error> {
        loop {
            if rx.incoming.payload().remaining() == 0 {
                let Some((header, header_len)) = FrameHeader::decode(rx.unread())? else {
                    rx.settle();
                    return Ok(None);
                };
                self.check(&header)?;
                if header.opcode().is_control() {
                    return self.control(rx, &header, header_len);
                }
                if rx.incoming.begin_frame(&header, &self.limits)? {
                    rx.begin_message(header_len);
                } else {
                    rx.skip(header_len);
                }
            }
            if let Some(step) = Self::data(rx, partial)? {
                return Ok(Some(step));
            }
            if rx.incoming.payload().remaining() > 0 {
                rx.settle();
                return Ok(None);
            }
        }
    }

    /// What an endpoint must refuse of a frame for its header alone, before any payload is
    /// awaited.
    #[inline]
    fn check(&self, header: &FrameHeader) -> Result<(), Error> {
        // Most frames are plain data; why others are not is worked out apart.
        let masked = header.masking_key().is_some();
        if header.is_plain_data() && masked == (self.role == Role::Server) {
            return Ok(());
        }
        self.check_all(header)
    }

    fn check_all(&self, header: &FrameHeader) -> Result<(), Error> {
        let opcode = header.opcode();
        // §5.2: reserved bits need an extension that gives them a meaning.
        if let Some(rsv) = header.reserved_bit() {
            return Err(Error::ReservedBit { rsv, opcode });
        }
        if opcode.is_reserved() {
            return Err(Error::ReservedOpcode { opcode });
        }
        // §5.1: a client masks every frame, a server none.
        match (self.role, header.masking_key()) {
            (Role::Server, None) => return Err(Error::UnmaskedFrame { opcode }),
            (Role::Client, Some(_)) => return Err(Error::MaskedFrame { opcode }),
            _ => {}
        }
        // §5.5: control frames are short and in one piece.
        if opcode.is_control() {
            if !header.fin() {
                return Err(Error::FragmentedControl { opcode });
            }
            if header.payload_len() > MAX_CONTROL_PAYLOAD as u64 {
                return Err(Error::ControlTooLong { opcode, len: header.payload_len() });
            }
        }
        Ok(())
    }

    fn control(
        &mut self,
        rx: &mut RecvBuf,
        header: &FrameHeader,
        header_len: usize,
    ) -> Result<Option<Step>, Error> {
        // At most 139 bytes: they can wait where they are until they are complete.
        let len = usize::try_from(header.payload_len()).unwrap_or(MAX_CONTROL_PAYLOAD);
        if rx.unread().len() < header_len + len {
            rx.settle();
            return Ok(None);
        }
        rx.skip(header_len);
        let lent = rx.consume(len, header.masking_key().map_or(Mask::NONE, Mask::new));
        if header.opcode() == Opcode::CLOSE {
            self.state.close(&CloseFrame::decode(rx.bytes(lent))?);
        }
        Ok(Some(Step { opcode: header.opcode(), lent, first: true, last: true }))
    }

    /// Takes what has arrived of the frame in progress.
    #[inline]
    fn data(rx: &mut RecvBuf, partial: bool) -> Result<Option<Step>, Error> {
        let Some(opcode) = rx.incoming.opcode() else { return Ok(None) };
        let text = opcode == Opcode::TEXT;
        let available = rx.unread().len();
        let (n, mask) = rx.incoming.payload().take(available);
        let delivered = rx.incoming.delivered();
        let invalid = |valid_up_to: usize| Error::InvalidUtf8 {
            valid_up_to: delivered.saturating_add(valid_up_to as u64),
        };
        // §8.1: fails at the first bad byte, not at the end of the message.
        rx.join(n, mask, text).map_err(|error| invalid(error.valid_up_to))?;

        let last = rx.incoming.fin() && rx.incoming.payload().remaining() == 0;
        let len = rx.deliverable(text);
        if last {
            if text && rx.unfinished_character() > 0 {
                return Err(invalid(len));
            }
            rx.incoming.end();
        } else if partial && len > 0 {
            rx.incoming.add_delivered(len);
        } else {
            return Ok(None);
        }
        Ok(Some(Step { opcode, lent: rx.deliver(len), first: delivered == 0, last }))
    }
}

impl Step {
    pub(super) fn opcode(&self) -> Opcode {
        self.opcode
    }

    #[inline]
    pub(super) fn event<'b>(&self, rx: &'b RecvBuf) -> Event<'b> {
        match self.opcode {
            Opcode::TEXT => Event::Text(rx.text(self.lent)),
            Opcode::BINARY => Event::Binary(rx.bytes(self.lent)),
            _ => self.control_event(rx),
        }
    }

    #[inline]
    pub(super) fn partial_event<'b>(&self, rx: &'b RecvBuf) -> PartialEvent<'b> {
        let Self { first, last, lent, .. } = *self;
        match self.opcode {
            Opcode::TEXT => Event::Text(Part { data: rx.text(lent), first, last }),
            Opcode::BINARY => Event::Binary(Part { data: rx.bytes(lent), first, last }),
            _ => self.control_event(rx),
        }
    }

    pub(super) fn control_event<'b, T, B>(&self, rx: &'b RecvBuf) -> Event<'b, T, B> {
        let payload = rx.bytes(self.lent);
        match self.opcode {
            Opcode::PING => Event::Ping(payload),
            Opcode::PONG => Event::Pong(payload),
            // It was decoded before, so that the fallback is never taken.
            _ => Event::Close(
                CloseFrame::decode(payload).unwrap_or(CloseFrame { code: None, reason: "" }),
            ),
        }
    }
}

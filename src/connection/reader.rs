//! The reading half: from frames to events, with the rules for an endpoint (RFC 6455 §5 and §6.2).

use super::link::Link;
use super::state::{CloseStatus, ReadState, State, WriteState};
use super::step::Step;
use super::{Agreed, Role};
use crate::buffer::{PIECE, RecvBuf};
use crate::close::CloseFrame;
use crate::config::{Config, limit};
use crate::deflate::{AgreedDeflate, Inflation, Stopped};
use crate::error::Error;
use crate::event::{Event, PartialEvent};
use crate::frame::{FrameHeader, MAX_CONTROL_PAYLOAD, Opcode};
use crate::mask::Mask;
use crate::message::Limits;

/// How much of a compressed message is handed out as one part at most.
const PARTIAL: usize = 64 << 10;

/// The half of a [`Connection`](crate::Connection) that reads. It never writes: what an event
/// obliges to send is [`Event::reply`], what an error obliges to send is [`Error::reply`], and the
/// [`Writer`](crate::Writer) sends it, wherever that runs.
#[derive(Debug)]
pub struct Reader {
    role: Role,
    pub(super) state: ReadState,
    limits: Limits,
    accept_unmasked_frames: bool,
    /// Below which length a message that arrives whole needs no further look.
    whole_below: u64,
    inflation: Option<Inflation>,
    agreed: Agreed,
    /// No more bytes will come.
    eof: bool,
    /// The other half, if there is one.
    pub(super) link: Option<Link>,
}

impl Reader {
    pub(super) fn new(role: Role, config: &Config, agreed: Agreed) -> Self {
        let limits = Limits {
            max_message_size: config.max_message_size,
            max_frame_size: config.max_frame_size,
            max_fragments: config.max_fragments,
        };
        let whole_below = whole_below(&limits);
        let accept_unmasked_frames = config.accept_unmasked_frames;
        let inflation = agreed.inflation(role);
        Self {
            role,
            state: ReadState::Open,
            limits,
            accept_unmasked_frames,
            whole_below,
            inflation,
            agreed,
            eof: false,
            link: None,
        }
    }

    /// The next event, with messages whole. See
    /// [`Connection::next_event`](crate::Connection::next_event).
    #[inline]
    pub fn next_event<'b>(&mut self, rx: &'b mut RecvBuf) -> Result<Option<Event<'b>>, Error> {
        Ok(self.next_step(rx, false)?.map(|step| step.event(rx)))
    }

    /// The next event, with messages in parts. See
    /// [`Connection::next_partial`](crate::Connection::next_partial).
    #[inline]
    pub fn next_partial<'b>(
        &mut self,
        rx: &'b mut RecvBuf,
    ) -> Result<Option<PartialEvent<'b>>, Error> {
        Ok(self.next_step(rx, true)?.map(|step| step.partial_event(rx)))
    }

    #[inline]
    fn next_step(&mut self, rx: &mut RecvBuf, partial: bool) -> Result<Option<Step>, Error> {
        match self.whole_message(rx)? {
            None => self.step(rx, partial),
            step => Ok(step),
        }
    }

    /// The transport has ended. See [`Connection::handle_eof`](crate::Connection::handle_eof).
    pub fn handle_eof(&mut self) {
        self.eof = true;
    }

    /// Where the connection stands.
    #[must_use]
    pub fn state(&self) -> State {
        State::of(self.state.end(), self.write_state())
    }

    /// How the connection ended, once the peer's close frame has come or the connection failed.
    #[must_use]
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        CloseStatus::of(self.state.end(), self.state.reason(), self.write_state())
    }

    fn write_state(&self) -> WriteState {
        self.link.as_ref().map_or(WriteState::Open, Link::write_state)
    }

    /// Which endpoint this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Changes [`Config::max_message_size`], from the next frame on.
    pub fn set_max_message_size(&mut self, bytes: impl Into<Option<u64>>) {
        self.limits.max_message_size = limit(bytes, u64::MAX);
        self.whole_below = whole_below(&self.limits);
    }

    /// Changes [`Config::max_frame_size`], from the next frame on.
    ///
    /// ```
    /// # use websans::{Config, Connection, Error, RecvBuf};
    /// let (mut reader, _writer) = Connection::client(Config::default()).split();
    /// reader.set_max_frame_size(4);
    /// let mut rx = RecvBuf::new();
    /// rx.extend(b"\x81\x05Hello");
    /// assert_eq!(reader.next_event(&mut rx), Err(Error::FrameTooLarge { len: 5, limit: 4 }));
    /// ```
    pub fn set_max_frame_size(&mut self, bytes: impl Into<Option<u64>>) {
        self.limits.max_frame_size = limit(bytes, u64::MAX);
        self.whole_below = whole_below(&self.limits);
    }

    /// The subprotocol that was agreed on, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.agreed.subprotocol.as_deref()
    }

    /// What was agreed on of permessage-deflate, if it was.
    #[must_use]
    pub fn permessage_deflate(&self) -> Option<AgreedDeflate> {
        self.agreed.deflate
    }

    pub(super) fn agreed(&self) -> &Agreed {
        &self.agreed
    }

    /// Gives back the memory of the decompressor, but for what the peer may still refer to: at
    /// most 32 KiB if it takes over its context, nothing otherwise. While a message is incomplete
    /// it does nothing.
    pub fn release(&mut self) {
        if let Some(inflation) = &mut self.inflation {
            inflation.release();
        }
    }

    /// Whether the peer may still send: it has sent no close frame, and the connection has not
    /// failed.
    #[must_use]
    #[inline]
    pub fn is_open(&self) -> bool {
        matches!(self.state, ReadState::Open)
    }

    /// A short message that has arrived whole, in one frame to which nothing can be objected: what
    /// most messages are. [`step`](Self::step) would do the same with it, at twice the cost.
    #[inline]
    pub(super) fn whole_message(&mut self, rx: &mut RecvBuf) -> Result<Option<Step>, Error> {
        let wire = rx.unread();
        let Ok(Some((header, header_len))) = FrameHeader::decode(wire) else { return Ok(None) };
        let len = header.payload_len();
        if len >= self.whole_below
            || len > (wire.len() - header_len) as u64
            || !header.is_whole_message()
            || header.masking_key().is_some() != (self.role == Role::Server)
            || !rx.incoming.is_none()
            || !self.is_open()
        {
            return Ok(None);
        }
        let opcode = header.opcode();
        let mask = header.masking_key().map_or(Mask::NONE, Mask::new);
        #[allow(clippy::cast_possible_truncation)] // it is not more than has arrived
        match rx.take_whole(header_len, len as usize, mask, opcode == Opcode::TEXT) {
            Ok(lent) => Ok(Some(Step { opcode, lent, first: true, last: true })),
            Err(error) => Err(self.fail(error.into(), rx)),
        }
    }

    /// The next event, whatever it is.
    #[inline(never)]
    pub(super) fn step(&mut self, rx: &mut RecvBuf, partial: bool) -> Result<Option<Step>, Error> {
        match self.state {
            ReadState::Open => match self.decode(rx, partial) {
                // The end of the transport comes after everything that came before it.
                Ok(None) if self.eof => {
                    Err(self.fail(Error::Eof { within_message: !rx.is_empty() }, rx))
                }
                Ok(Some(step)) if step.opcode() == Opcode::CLOSE => {
                    self.state.close(&step.close_frame(rx));
                    self.publish();
                    Ok(Some(step))
                }
                result => result.map_err(|error| self.fail(error, rx)),
            },
            ReadState::Closed(..) => {
                rx.discard();
                Ok(None)
            }
            ReadState::Failed(error) => {
                rx.discard();
                Err(error)
            }
        }
    }

    #[cold]
    fn fail(&mut self, error: Error, rx: &mut RecvBuf) -> Error {
        rx.discard();
        let error = self.state.fail(error);
        self.publish();
        error
    }

    pub(super) fn publish(&self) {
        if let Some(link) = &self.link {
            link.publish_read(&self.state);
        }
    }

    fn decode(&mut self, rx: &mut RecvBuf, partial: bool) -> Result<Option<Step>, Error> {
        rx.forget();
        let result = self.frames(rx, partial);
        // §8.1: text fails as soon as a bad byte has arrived, not at the end of the message. Of what
        // is wrong the first counts, or the error would depend on how the message is cut.
        Self::validate(rx)?;
        result
    }

    /// Fragments are validated together: each by itself would cost more than all the rest.
    fn validate(rx: &mut RecvBuf) -> Result<(), Error> {
        if rx.incoming.opcode() != Some(Opcode::TEXT) || rx.incoming.compressed() {
            return Ok(());
        }
        rx.validate().map_err(|error| Self::invalid(rx, error.valid_up_to))
    }

    fn invalid(rx: &RecvBuf, valid_up_to: usize) -> Error {
        let delivered = rx.incoming.delivered();
        Error::InvalidUtf8 { valid_up_to: delivered.saturating_add(valid_up_to as u64) }
    }

    /// Each round consumes a frame header, a payload or both; without enough bytes for that it
    /// returns.
    fn frames(&mut self, rx: &mut RecvBuf, partial: bool) -> Result<Option<Step>, Error> {
        loop {
            if rx.incoming.at_frame_end() {
                // A fragment that was taken in for a whole message does not wait for more.
                if partial
                    && rx.undelivered() > 0
                    && let Some(step) = self.data(rx, true)?
                {
                    return Ok(Some(step));
                }
                let Some((header, header_len)) = FrameHeader::decode(rx.unread())? else {
                    rx.settle();
                    return Ok(None);
                };
                self.check(&header)?;
                if header.opcode().is_control() {
                    return Self::control(rx, &header, header_len);
                }
                let first = rx.incoming.begin_frame(&header, &self.limits)?;
                match &mut self.inflation {
                    _ if !first => rx.skip(header_len),
                    Some(inflation) if header.rsv1() => rx.begin_compressed(header_len, inflation),
                    _ => rx.begin_message(header_len),
                }
            }
            if let Some(step) = self.data(rx, partial)? {
                return Ok(Some(step));
            }
            if !rx.incoming.at_frame_end() {
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
        // §5.2: reserved bits need an extension that gives them a meaning. RFC 7692 §6 gives one
        // to RSV1 on the first frame of a message, and on no other.
        let begins_message = opcode == Opcode::TEXT || opcode == Opcode::BINARY;
        let rsv1_has_meaning = self.inflation.is_some() && begins_message;
        if let Some(rsv) = header.reserved_bit(rsv1_has_meaning) {
            return Err(Error::ReservedBit { rsv, opcode });
        }
        if opcode.is_reserved() {
            return Err(Error::ReservedOpcode { opcode });
        }
        // §5.1: a client masks every frame, a server none.
        match (self.role, header.masking_key()) {
            (Role::Server, None) if !self.accept_unmasked_frames => {
                return Err(Error::UnmaskedFrame { opcode });
            }
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
            CloseFrame::decode(rx.bytes(lent))?;
        }
        Ok(Some(Step { opcode: header.opcode(), lent, first: true, last: true }))
    }

    /// Takes what has arrived of the frame in progress.
    #[inline]
    fn data(&mut self, rx: &mut RecvBuf, partial: bool) -> Result<Option<Step>, Error> {
        let Some(opcode) = rx.incoming.opcode() else { return Ok(None) };
        let text = opcode == Opcode::TEXT;
        let delivered = rx.incoming.delivered();
        let available = rx.available();
        let (n, mask) = rx.incoming.payload().take(available);
        let arrived = rx.incoming.fin() && rx.incoming.payload().remaining() == 0;
        match &mut self.inflation {
            Some(inflation) if rx.incoming.compressed() => {
                let limit = self.limits.max_message_size;
                let so_far = delivered.saturating_add(rx.undelivered() as u64);
                // One byte more than allowed tells that there is more.
                let left = (limit - so_far.min(limit)).saturating_add(1);
                let most = if partial { PARTIAL } else { usize::MAX };
                let room = usize::try_from(left).map_or(most, |left| left.min(most));
                let stopped = rx.inflate(inflation, n, mask, arrived, room);
                // Of what is wrong the first in the message counts, or the error would depend on
                // how the message is cut.
                if text {
                    rx.validate_inflated().map_err(|error| Self::invalid(rx, error.valid_up_to))?;
                }
                let len = delivered.saturating_add(rx.undelivered() as u64);
                if len > limit {
                    return Err(Error::MessageTooLarge { len, limit });
                }
                rx.incoming.set_inflating(stopped? == Stopped::NeedsRoom);
            }
            _ => rx.join(n, mask, text).map_err(|error| Self::invalid(rx, error.valid_up_to))?,
        }

        let last = arrived && rx.incoming.at_frame_end();
        if !last && !partial {
            return Ok(None);
        }
        Self::validate(rx)?;
        let len = rx.deliverable(text);
        if last && len < rx.undelivered() {
            return Err(Self::invalid(rx, len)); // ends within a character
        }
        if !last && len == 0 {
            return Ok(None);
        }
        let lent = rx.deliver(len);
        if last {
            rx.incoming.end();
        } else {
            rx.incoming.add_delivered(len);
        }
        Ok(Some(Step { opcode, lent, first: delivered == 0, last }))
    }
}

/// Below which length a message that arrives whole needs no further look.
fn whole_below(limits: &Limits) -> u64 {
    match limits.max_fragments {
        0 => 0,
        _ => limits.max_message_size.min(limits.max_frame_size).min(PIECE as u64) + 1,
    }
}

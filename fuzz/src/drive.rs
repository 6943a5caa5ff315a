//! Bytes in, in any cut; a [`Transcript`] out. What [`raw`] checks is the same for both roles.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::time::Duration;

use websans::{
    CloseCode, Config, Connection, Error, Event, Part, PartialEvent, PermessageDeflate, Reader,
    RecvBuf, Reply, Role, SendBuf, SendError, Session, SessionError, SessionEvent, State, Writer,
};

use crate::heap::Meter;
use crate::input::{Cuts, Input};
use crate::wire::{FIXED_KEY, connected_as, connection};
use crate::{Steps, says_why};

/// An event that outlives its buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // as in `Event`
pub enum Owned {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseCode>, String),
}

/// A connection, or its halves, and the replies on their way between them.
#[derive(Debug)]
#[allow(missing_docs, clippy::large_enum_variant)]
pub enum Endpoint {
    Joined(Connection),
    Halves(Reader, Writer, VecDeque<Reply>),
    /// At a time that stands still.
    Session(Session),
}

/// How events are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    /// Messages come in parts.
    pub partial: bool,
    /// In parts and whole by turns.
    pub mixed: bool,
    /// The endpoint is split.
    pub halves: bool,
    /// Bytes come through [`RecvBuf::spare_mut`].
    pub spare: bool,
    /// After each read everything is written, and all memory is released.
    pub release: bool,
    /// Messages are taken out of the buffer.
    pub take: bool,
}

/// All that an endpoint did with the bytes it was fed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Transcript {
    pub events: Vec<Owned>,
    pub output: Vec<u8>,
    pub error: Option<Error>,
    pub eof: Result<(), Error>,
    pub state: State,
    /// The code, and whether it is clean.
    pub close_status: Option<(CloseCode, bool)>,
}

/// What came out of one call: nothing, a part of a message that goes on, or an event.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Got {
    Nothing,
    Part,
    Event(Owned),
}

impl Endpoint {
    fn next_event<'b>(
        &mut self,
        rx: &'b mut RecvBuf,
        tx: &mut SendBuf,
    ) -> Result<Option<Event<'b>>, Error> {
        match self {
            Self::Joined(ws) => ws.next_event(rx, tx),
            Self::Session(ws) => Ok(ws.next_event(rx, tx).map_err(of_connection)?.map(event)),
            Self::Halves(reader, _, replies) => {
                let result = reader.next_event(rx);
                replies.extend(
                    result.map_or_else(|error| Some(error.reply()), |event| event?.reply()),
                );
                result
            }
        }
    }

    fn next_partial<'b>(
        &mut self,
        rx: &'b mut RecvBuf,
        tx: &mut SendBuf,
    ) -> Result<Option<PartialEvent<'b>>, Error> {
        match self {
            Self::Joined(ws) => ws.next_partial(rx, tx),
            Self::Session(ws) => Ok(ws.next_partial(rx, tx).map_err(of_connection)?.map(event)),
            Self::Halves(reader, _, replies) => {
                let result = reader.next_partial(rx);
                replies.extend(
                    result.map_or_else(|error| Some(error.reply()), |event| event?.reply()),
                );
                result
            }
        }
    }

    /// The next event, of which parts are gathered in `message`.
    pub fn next(
        &mut self,
        rx: &mut RecvBuf,
        tx: &mut SendBuf,
        partial: bool,
        message: &mut Option<Vec<u8>>,
        meter: &mut Meter,
    ) -> Result<Got, Error> {
        let event = if partial {
            meter.run(|| self.next_partial(rx, tx))?
        } else {
            let first = message.is_none();
            let whole = |event| match event {
                Event::Text(data) => Event::Text(Part { data, first, last: true }),
                Event::Binary(data) => Event::Binary(Part { data, first, last: true }),
                Event::Ping(payload) => Event::Ping(payload),
                Event::Pong(payload) => Event::Pong(payload),
                Event::Close(frame) => Event::Close(frame),
            };
            meter.run(|| self.next_event(rx, tx))?.map(whole)
        };
        let (data, first, last, text) = match event {
            None => return Ok(Got::Nothing),
            Some(Event::Text(part)) => (part.data.as_bytes(), part.first, part.last, true),
            Some(Event::Binary(part)) => (part.data, part.first, part.last, false),
            Some(Event::Ping(payload)) => return Ok(Got::Event(Owned::Ping(payload.into()))),
            Some(Event::Pong(payload)) => return Ok(Got::Event(Owned::Pong(payload.into()))),
            Some(Event::Close(frame)) => {
                return Ok(Got::Event(Owned::Close(frame.code, frame.reason.into())));
            }
        };
        assert_eq!(first, message.is_none(), "whether it is the first part");
        assert!(last || !data.is_empty(), "a part that says nothing");
        message.get_or_insert_default().extend_from_slice(data);
        let whole = message.take_if(|_| last);
        Ok(whole.map_or(Got::Part, |whole| {
            Got::Event(if text {
                Owned::Text(String::from_utf8(whole).expect("text is UTF-8"))
            } else {
                Owned::Binary(whole)
            })
        }))
    }

    /// The transport has ended, and all events have been taken.
    pub fn eof(&mut self, rx: &mut RecvBuf, tx: &mut SendBuf) -> Result<(), Error> {
        match self {
            Self::Joined(ws) => {
                ws.handle_eof();
                ws.next_event(rx, tx).map(drop)
            }
            Self::Session(ws) => {
                ws.handle_read(0, Duration::ZERO);
                ws.next_event(rx, tx).map(drop).map_err(of_connection)
            }
            Self::Halves(reader, _, _) => {
                reader.handle_eof();
                reader.next_event(rx).map(drop)
            }
        }
    }

    /// The two halves by themselves.
    #[must_use]
    pub fn split(self) -> Self {
        match self {
            Self::Joined(ws) => {
                let (reader, writer) = ws.split();
                Self::Halves(reader, writer, VecDeque::new())
            }
            other => other,
        }
    }

    /// The writing half sends the next reply: which one it was.
    pub fn reply(&mut self, tx: &mut SendBuf) -> Option<(Reply, Result<(), SendError>)> {
        let Self::Halves(_, writer, replies) = self else { return None };
        let reply = replies.pop_front()?;
        Some((reply, writer.reply(&reply, tx)))
    }

    /// What the peer receives of a reply, if that is a frame.
    pub fn event_of(reply: &Reply) -> Option<Owned> {
        if let Some(payload) = reply.pong_payload() {
            return Some(Owned::Pong(payload.into()));
        }
        Some(match reply.close_body()? {
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                Owned::Close(Some(code.into()), str::from_utf8(reason).unwrap().into())
            }
            _ => Owned::Close(None, String::new()),
        })
    }

    /// Gives back what memory can be given back.
    pub fn release(&mut self) {
        match self {
            Self::Joined(ws) => ws.release(),
            Self::Session(ws) => {
                if let Ok(ws) = ws.connected() {
                    ws.release();
                }
            }
            Self::Halves(reader, writer, _) => {
                reader.release();
                writer.release();
            }
        }
    }
}

/// A session of an open connection has no events of the opening handshake.
fn event<T: Debug, B: Debug>(event: SessionEvent<'_, T, B>) -> Event<'_, T, B> {
    match event {
        SessionEvent::Text(text) => Event::Text(text),
        SessionEvent::Binary(data) => Event::Binary(data),
        SessionEvent::Ping(payload) => Event::Ping(payload),
        SessionEvent::Pong(payload) => Event::Pong(payload),
        SessionEvent::Close(frame) => Event::Close(frame),
        event => panic!("{event:?}"),
    }
}

fn of_connection(error: SessionError) -> Error {
    match error {
        SessionError::Connection(error) => error,
        error => panic!("{error}"),
    }
}

/// Feeds the chunks one after the other, and then the end of the transport.
pub fn feed<'a>(
    ws: Connection,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    mode: Mode,
    meter: &mut Meter,
) -> Transcript {
    let mut end = Endpoint::Joined(ws);
    if mode.halves {
        end = end.split();
    }
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let (mut events, mut output, mut error, mut message) = (vec![], vec![], None, None);
    let mut turn = false;
    for chunk in chunks {
        meter.run(|| give(&mut rx, chunk, mode.spare));
        assert!(rx.len() <= chunk.len() || error.is_none(), "it is kept after an error");
        // Every event consumes a header or a part of a payload; inflated text comes in parts of
        // some KiB.
        let mut steps = Steps::at_most(rx.len() + chunk.len() + 300);
        loop {
            steps.step();
            turn = !turn;
            let partial = mode.partial || (mode.mixed && turn);
            let got = end.next(&mut rx, &mut tx, partial, &mut message, meter);
            while let Some((_, sent)) = meter.run(|| end.reply(&mut tx)) {
                sent.expect("there is room for all replies");
            }
            match got {
                Ok(Got::Nothing) => break,
                Ok(Got::Part) => {}
                Ok(Got::Event(event)) => {
                    assert_eq!(error, None, "an event after an error");
                    assert!(!matches!(events.last(), Some(Owned::Close(..))), "after the close");
                    if mode.take && !partial {
                        let taken = meter.run(|| rx.take_binary());
                        check_taken(&event, &taken, mode);
                        meter.run(|| drop(taken));
                    }
                    events.push(event);
                }
                Err(new) => {
                    assert_eq!(*error.get_or_insert(new), new, "sticky");
                    let again = end.next(&mut rx, &mut tx, !partial, &mut None, meter);
                    assert_eq!(again.unwrap_err(), new, "sticky");
                    break;
                }
            }
        }
        if mode.release {
            output.extend_from_slice(tx.as_slice());
            meter.run(|| {
                tx.consume(usize::MAX);
                end.release();
                rx.release();
                tx.release();
            });
            assert_eq!(tx.capacity(), 0);
            assert!(rx.capacity() == 0 || !rx.is_empty());
        } else if rx.is_empty() {
            // For bytes as they come, and for what is inflated; nothing is larger twice in a row.
            assert!(rx.capacity() <= 2 * (80 << 10), "idle, and holds {}", rx.capacity());
        }
    }
    let (eof, state, close_status) = meter.run(|| finish(end, &mut rx, &mut tx));
    output.extend_from_slice(tx.as_slice());
    meter.run(|| drop((rx, tx)));
    Transcript { events, output, error, eof, state, close_status }
}

fn give(rx: &mut RecvBuf, mut chunk: &[u8], spare: bool) {
    if !spare {
        return rx.extend(chunk);
    }
    while !chunk.is_empty() {
        let room = rx.spare_mut();
        assert!((4 << 10..=64 << 10).contains(&room.len()), "{} bytes of room", room.len());
        let n = room.len().min(chunk.len());
        room[..n].copy_from_slice(&chunk[..n]);
        rx.advance(n);
        chunk = &chunk[n..];
    }
}

fn check_taken(event: &Owned, taken: &[u8], mode: Mode) {
    match event {
        _ if mode.mixed => {} // it holds what was left of the message
        Owned::Text(text) => assert_eq!(text.as_bytes(), taken),
        Owned::Binary(data) | Owned::Ping(data) | Owned::Pong(data) => assert_eq!(data, taken),
        Owned::Close(..) => {}
    }
}

/// The end of the transport, after which nothing can be sent.
fn finish(
    end: Endpoint,
    rx: &mut RecvBuf,
    tx: &mut SendBuf,
) -> (Result<(), Error>, State, Option<(CloseCode, bool)>) {
    let Endpoint::Joined(mut ws) = end else {
        return (Ok(()), State::Closed, None);
    };
    let queued = tx.len();
    ws.handle_eof();
    let eof = ws.next_event(rx, tx).map(drop);
    assert_eq!(eof, ws.next_event(rx, tx).map(drop), "sticky");
    assert_eq!(ws.state(), State::Closed);
    assert_eq!(ws.send_text("", tx), Err(SendError::Closed));
    assert_eq!(ws.send_ping(b"", tx), Err(SendError::Closed));
    assert_eq!(ws.close(CloseCode::NORMAL_CLOSURE, "", tx), Err(SendError::Closed));
    assert_eq!(tx.len(), queued, "nothing is sent after the end");
    (eof, ws.state(), ws.close_status().map(|status| (status.code, status.clean)))
}

/// What a `RecvBuf` has room for beside what has arrived.
pub const READ_AHEAD: usize = 132 << 10;

/// Settings that a byte of flags chooses.
#[derive(Clone, Copy, Debug)]
struct Settings {
    config: Config,
    deflate: bool,
    limit: usize,
    few_replies: bool,
}

impl Settings {
    fn new(flags: [bool; 8]) -> Self {
        let [deflate, no_takeover, narrow, small, few, few_replies, ..] = flags;
        let mut config = Config::default().masking_keys(FIXED_KEY).max_queued(None);
        // So much that reserving what is announced would be seen. What is inflated may be as
        // large, whatever has come.
        let limit = if small {
            300
        } else if deflate {
            64 << 10
        } else {
            16 << 20
        };
        config = config.max_message_size(limit);
        if few {
            config = config.max_frame_size(100).max_fragments(3);
        }
        if few_replies {
            config = config.max_queued_replies(64);
        }
        if deflate {
            let bits = if narrow { 9 } else { 15 };
            let deflate = PermessageDeflate::default()
                .client_no_context_takeover(no_takeover)
                .server_no_context_takeover(no_takeover)
                .client_max_window_bits(bits)
                .server_max_window_bits(bits);
            config = config.permessage_deflate(deflate);
        }
        let limit = usize::try_from(limit).unwrap();
        Self { config, deflate, limit, few_replies }
    }

    /// As documented at `RecvBuf`, `SendBuf` and `Config`: 8 times what has arrived is reserved at
    /// most, or the message limit and 128 KiB. While memory grows it is there twice.
    fn check_memory(&self, meter: &Meter, arrived: usize, sent: usize) {
        // Growing keeps the old and the new piece at once; a vector may double.
        let received = 2 * (9 * arrived).min(self.limit + arrived) + READ_AHEAD;
        let contexts = if self.deflate { 3 * self.limit + (256 << 10) } else { 0 };
        let bound = received + 3 * sent + contexts;
        assert!(meter.peak() <= bound, "{} bytes of memory, more than {bound}", meter.peak());
    }
}

/// Raw bytes to an endpoint: the same in every cut and every mode; and within its memory.
pub fn raw(role: Role, data: &[u8]) {
    let mut input = Input(data);
    let settings = Settings::new(input.flags());
    let seed = input.byte();
    let wire = input.rest();
    let run = |seed, mode| {
        let Settings { config, deflate, .. } = settings;
        let mut meter = Meter::default();
        let ws = meter.run(|| match deflate {
            true => connected_as(role, config, config),
            false => connection(role, config),
        });
        let got = feed(ws, Cuts::new(wire, seed), mode, &mut meter);
        settings.check_memory(&meter, wire.len(), got.output.len());
        got
    };
    let expected = run(0, Mode::default());
    if let Some(error) = expected.error {
        says_why(&error);
        assert_eq!(expected.eof, Err(error));
        assert_eq!(expected.close_status.map(|(code, _)| code), Some(error.close_code()));
    }
    let partial = Mode { partial: true, ..Mode::default() };
    let mixed = Mode { mixed: true, take: true, spare: true, ..Mode::default() };
    for (seed, mode) in [
        (0, partial),
        (seed, Mode { take: true, ..Mode::default() }),
        (seed, Mode { spare: true, ..partial }),
        (seed, mixed),
        (1, Mode::default()),
    ] {
        assert_eq!(run(seed, mode), expected, "cut as {seed}, {mode:?}");
    }
    if settings.few_replies {
        return; // what follows depends on how much waits
    }
    let drained = run(seed, Mode { release: true, spare: seed & 8 != 0, ..Mode::default() });
    assert_eq!(drained, expected, "drained and released");
    let halves = run(seed, Mode { halves: true, partial: seed & 16 != 0, ..Mode::default() });
    assert_eq!((halves.events, halves.output, halves.error), {
        (expected.events, expected.output, expected.error)
    });
}

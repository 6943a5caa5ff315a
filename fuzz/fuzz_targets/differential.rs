//! Raw bytes to `websans` and to tungstenite: they must agree on what is refused, and on what is
//! delivered before. Where they may not, and why, stands in [`explained`].

#![no_main]

use std::io::{self, Read, Write};

use tungstenite::protocol::{Role as TheirRole, WebSocket, WebSocketConfig};
use tungstenite::{Error as TheirError, Message, error::ProtocolError};
use websans::frame::FrameError;
use websans::{CloseCode, Config, Error, Role};
use websans_fuzz::Steps;
use websans_fuzz::drive::{Mode, Owned, READ_AHEAD, feed};
use websans_fuzz::heap::{Meter, balanced};
use websans_fuzz::input::{Cuts, Input};
use websans_fuzz::wire::{FIXED_KEY, connection};

const MAX_FRAME: u32 = 10_000;
const MAX_MESSAGE: u32 = 20_000;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let role = if input.byte() & 1 == 0 { Role::Server } else { Role::Client };
    let seed = input.byte();
    let wire = input.rest();
    let (events, end) = theirs(role, wire);
    balanced(|| compare(role, wire, seed, &events, &end));
});

fn compare(role: Role, wire: &[u8], seed: u8, events: &[Owned], end: &End) {
    let config = Config::default()
        .masking_keys(FIXED_KEY)
        .max_frame_size(u64::from(MAX_FRAME))
        .max_message_size(u64::from(MAX_MESSAGE));
    let mut meter = Meter::default();
    let ours = feed(connection(role, config), Cuts::new(wire, seed), Mode::default(), &mut meter);
    let bound = 2 * 9 * wire.len() + 3 * ours.output.len() + READ_AHEAD;
    assert!(meter.peak() <= bound, "{} bytes of memory, more than {bound}", meter.peak());
    if explained(ours.error, &ours.events, events, end) {
        return;
    }
    assert_eq!(ours.events, events, "{:?} and {end:?}", ours.error);
    assert_eq!(ours.error.is_some(), matches!(end, End::Refused(_)), "{:?}, {end:?}", ours.error);
}

/// Every difference that there is, with its reason.
fn explained(error: Option<Error>, ours: &[Owned], theirs: &[Owned], end: &End) -> bool {
    let Some(error) = error else {
        // 1014 was registered in 2013, after RFC 6455; tungstenite does not know it, and delivers
        // 1002 in its place, as for every close code that it does not accept.
        let ends = (ours.split_last(), theirs.split_last());
        let (Some((ours, before)), Some((theirs, before_too))) = ends else { return false };
        let of = |event: &Owned, code| matches!(event, Owned::Close(Some(it), _) if *it == code);
        return before == before_too
            && of(ours, CloseCode::BAD_GATEWAY)
            && of(theirs, CloseCode::PROTOCOL_ERROR);
    };
    match error {
        // §5.2: "the minimal number of bytes MUST be used"; tungstenite does not look.
        Error::Frame(FrameError::NonMinimalLength { .. }) => theirs.starts_with(ours),
        // §7.4: tungstenite delivers such a close frame as if it had said 1002.
        Error::CloseCode { .. } => match theirs.split_last() {
            Some((Owned::Close(Some(CloseCode::PROTOCOL_ERROR), _), before)) => before == ours,
            _ => matches!(end, End::Refused(_)) && theirs == ours,
        },
        // We refuse at the first byte that is wrong (a header, a bad character), tungstenite when
        // the frame is complete, and here it never is.
        _ => matches!(end, End::Waits) && theirs == ours,
    }
}

#[derive(Debug)]
enum End {
    Waits,
    Closed,
    Refused(#[allow(dead_code)] TheirError),
}

struct Transport<'a>(&'a [u8]);

impl Read for Transport<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Transport<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn theirs(role: Role, wire: &[u8]) -> (Vec<Owned>, End) {
    let config = WebSocketConfig::default()
        .read_buffer_size(1 << 10)
        .max_frame_size(Some(MAX_FRAME as usize))
        .max_message_size(Some(MAX_MESSAGE as usize));
    let role = match role {
        Role::Server => TheirRole::Server,
        Role::Client => TheirRole::Client,
    };
    let mut ws = WebSocket::from_raw_socket(Transport(wire), role, Some(config));
    let (mut events, mut steps) = (Vec::new(), Steps::at_most(wire.len() + 2));
    loop {
        steps.step();
        events.push(match ws.read() {
            Ok(Message::Text(text)) => Owned::Text(text.as_str().into()),
            Ok(Message::Binary(data)) => Owned::Binary(data.to_vec()),
            Ok(Message::Ping(payload)) => Owned::Ping(payload.to_vec()),
            Ok(Message::Pong(payload)) => Owned::Pong(payload.to_vec()),
            Ok(Message::Close(None)) => Owned::Close(None, String::new()),
            Ok(Message::Close(Some(frame))) => {
                Owned::Close(Some(u16::from(frame.code).into()), frame.reason.as_str().into())
            }
            Ok(Message::Frame(_)) => unreachable!("reading never gives one"),
            Err(TheirError::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                return (events, End::Waits);
            }
            Err(error) => return (events, End::Refused(error)),
        });
        if let Some(Owned::Close(..)) = events.last() {
            return (events, End::Closed);
        }
    }
}

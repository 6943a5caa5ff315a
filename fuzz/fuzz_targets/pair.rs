//! Two endpoints that do what a list of operations says: every message is delivered whole and in
//! order, or an error says why.

#![no_main]

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

use websans::frame::{MAX_HEADER_LEN, Opcode};
use websans::{
    CloseCode, Config, Connection, Deadlines, Error, Message, PermessageDeflate, PreparedMessage,
    RecvBuf, Role, SendBuf, SendError, Session, State,
};
use websans_fuzz::Steps;
use websans_fuzz::drive::{Endpoint, Got, Owned, READ_AHEAD};
use websans_fuzz::heap::{Meter, balanced};
use websans_fuzz::input::Input;
use websans_fuzz::transport::{Sink, Source};
use websans_fuzz::wire::{FIXED_KEY, connected, connection};

libfuzzer_sys::fuzz_target!(|data: &[u8]| balanced(|| {
    let mut input = Input(data);
    let mut pair = Pair::new(&mut input);
    let mut steps = Steps::at_most(data.len() + 1);
    while !input.is_empty() && !pair.is_dropped {
        steps.step();
        let op = input.byte();
        pair.run(op, &mut input);
    }
    pair.finish();
}));

/// Calls a method of a connection, or of its writing half.
macro_rules! send {
    ($side:expr, $pair:expr, $method:ident($($argument:expr),*)) => {{
        let side = &mut *$side;
        let tx = &mut side.tx;
        let end = &mut side.end;
        $pair.run(|| match end {
            Endpoint::Joined(ws) => ws.$method($($argument,)* tx),
            Endpoint::Session(ws) => ws.connected().unwrap().$method($($argument,)* tx),
            Endpoint::Halves(_, writer, _) => writer.$method($($argument,)* tx),
        })
    }};
}

struct Side {
    role: Role,
    /// The largest message that it takes.
    limit: usize,
    /// Whether pongs may become too many.
    few_replies: bool,
    end: Endpoint,
    rx: RecvBuf,
    tx: SendBuf,
    /// What was sent and has not been received.
    sent: VecDeque<Owned>,
    /// A message that is being sent in parts: whether it is text, and what of it there is.
    parts: Option<(bool, Vec<u8>)>,
    /// What was announced and not written.
    payload: Vec<u8>,
    /// Parts that have been received.
    message: Option<Vec<u8>>,
    /// A close frame was sent.
    has_closed: bool,
    /// The close frame of the peer has come.
    is_closed: bool,
    error: Option<Error>,
}

struct Pair {
    sides: [Side; 2],
    /// Empty buffers that whoever needs some takes.
    shared: Option<(RecvBuf, SendBuf)>,
    max_queued: usize,
    meter: Meter,
    /// What permessage-deflate takes at most.
    contexts: usize,
    /// The most bytes that were under way at a time.
    most: usize,
    is_dropped: bool,
}

impl Pair {
    fn new(input: &mut Input<'_>) -> Self {
        let [deflate, no_takeover, narrow, small, tight, few_replies, shared, sessions] =
            input.flags();
        let limit = if small { 2000 } else { 1 << 20 };
        let max_queued = if tight { 500 } else { usize::MAX };
        let mut config = Config::default()
            .masking_keys(FIXED_KEY)
            .max_message_size(limit as u64)
            .max_queued(max_queued)
            .max_queued_replies(if few_replies { 50 } else { usize::MAX });
        let mut meter = Meter::default();
        let (client, server) = meter.run(|| {
            if !deflate {
                return (connection(Role::Client, config), connection(Role::Server, config));
            }
            let offer = PermessageDeflate::default()
                .client_no_context_takeover(no_takeover)
                .server_no_context_takeover(no_takeover != narrow)
                .client_max_window_bits(if narrow { 9 } else { 15 })
                .mem_level(1)
                .min_size(20);
            config = config.permessage_deflate(offer);
            connected(config, config)
        });
        let side = |role, ws| Side {
            role,
            limit,
            few_replies,
            end: if sessions {
                Endpoint::Session(Session::open(ws, Deadlines::default(), Duration::ZERO))
            } else {
                Endpoint::Joined(ws)
            },
            rx: RecvBuf::new(),
            tx: SendBuf::new(),
            sent: VecDeque::new(),
            parts: None,
            payload: Vec::new(),
            message: None,
            has_closed: false,
            is_closed: false,
            error: None,
        };
        Self {
            sides: [side(Role::Client, client), side(Role::Server, server)],
            shared: shared.then(|| (RecvBuf::new(), SendBuf::new())),
            max_queued,
            meter,
            contexts: if deflate { 1 << 20 } else { 0 },
            most: 0,
            is_dropped: false,
        }
    }

    fn run(&mut self, op: u8, input: &mut Input<'_>) {
        let who = usize::from(op & 1);
        self.swap_buffers(who);
        match op >> 1 & 15 {
            0 => self.send_whole(who, Message::text(text(input))),
            1 => {
                let data = bytes(input);
                let owned = self.meter.run(|| Message::binary(data.clone()));
                self.send_whole(who, owned);
            }
            2 => self.send_whole(who, Message::binary(bytes(input)).uncompressed()),
            3 => self.send_part(who, op, input),
            4 => self.send_prepared(who, input),
            5 => self.announce(who, input),
            6 => self.ping_or_pong(who, op, input),
            7 => self.close(who, input),
            8 => self.carry(who, usize::from(input.byte()), op),
            9 | 10 => self.carry(who, usize::from(input.short()), op),
            11 => self.carry(who, usize::MAX, op),
            12 => self.replies(who, 1),
            13 => self.release(who),
            14 => self.split(who),
            _ if op >> 5 == 7 => self.drop_transport(),
            _ => self.carry(1 - who, usize::MAX, op),
        }
        self.swap_buffers(who);
        self.most = self.most.max(self.under_way());
        // Three pairs of buffers, of which each may lend contexts. What waits is at most twice that
        // in a `SendBuf`, and up to 9 times that in a `RecvBuf`, and twice while it grows.
        let bound = 3 * READ_AHEAD + self.contexts + (3 + 2 * 9) * self.most;
        assert!(self.meter.peak() <= bound, "{} bytes, more than {bound}", self.meter.peak());
    }

    /// What was sent and has not been received, and what of it still lies where it was sent.
    fn under_way(&self) -> usize {
        let of = |side: &Side| {
            let parts = side.parts.as_ref().map_or(0, |(_, message)| message.len());
            let sent = side.sent.iter().map(|event| MAX_HEADER_LEN + size(event)).sum::<usize>();
            parts + sent + usize::try_from(side.tx.len()).unwrap()
        };
        self.sides.iter().map(of).sum()
    }

    /// Empty buffers are interchangeable.
    fn swap_buffers(&mut self, who: usize) {
        if let Some((rx, tx)) = &mut self.shared {
            let side = &mut self.sides[who];
            if side.rx.is_empty() {
                std::mem::swap(&mut side.rx, rx);
            }
            if side.tx.is_empty() {
                std::mem::swap(&mut side.tx, tx);
            }
        }
    }

    fn send_whole(&mut self, who: usize, message: Message<'_>) {
        let side = &mut self.sides[who];
        let before = (side.tx.len(), side.tx.payload_remaining());
        let expected = owned(message.opcode() == Opcode::TEXT, message.payload());
        let result = send!(side, self.meter, send(message));
        if side.check_sent(result, before, self.max_queued) {
            side.sent.push_back(expected);
        }
    }

    fn send_part(&mut self, who: usize, op: u8, input: &mut Input<'_>) {
        let side = &mut self.sides[who];
        let last = op & 64 != 0;
        let is_text = side.parts.as_ref().map_or(op & 128 != 0, |(is_text, _)| *is_text);
        let (some_text, some_bytes) =
            if is_text { (text(input), Vec::new()) } else { (String::new(), bytes(input)) };
        let message =
            if is_text { Message::text(&some_text) } else { Message::binary(&some_bytes) };
        let message = if op & 32 != 0 { message.uncompressed() } else { message };
        let before = (side.tx.len(), side.tx.payload_remaining());
        let result = send!(side, self.meter, send(message.part(last)));
        if side.check_sent(result, before, self.max_queued) {
            side.add_part(is_text, &[some_text.as_bytes(), &some_bytes].concat(), last);
        }
    }

    fn send_prepared(&mut self, who: usize, input: &mut Input<'_>) {
        let text = text(input);
        let prepared = self.meter.run(|| PreparedMessage::new(Message::text(&text)));
        assert_eq!((prepared.opcode(), prepared.payload()), (Opcode::TEXT, text.as_bytes()));
        for side in [who, 1 - who] {
            let side = &mut self.sides[side];
            let before = (side.tx.len(), side.tx.payload_remaining());
            let result = send!(side, self.meter, send_prepared(&prepared));
            if side.check_sent(result, before, self.max_queued) {
                side.sent.push_back(Owned::Text(text.clone()));
            }
        }
        self.meter.run(|| drop(prepared));
    }

    fn announce(&mut self, who: usize, input: &mut Input<'_>) {
        let side = &mut self.sides[who];
        let last = input.byte() & 3;
        let payload = bytes(input);
        let len = payload.len() as u64;
        let message = match last {
            0 => Message::binary(b""),
            last => Message::binary(b"").part(last == 1),
        };
        let before = (side.tx.len(), side.tx.payload_remaining());
        let result = send!(side, self.meter, send_header(message, len));
        if side.check_sent(result, before, self.max_queued) {
            match last {
                0 => side.sent.push_back(Owned::Binary(payload.clone())),
                last => side.add_part(false, &payload, last == 1),
            }
            assert!(side.payload.is_empty());
            side.payload = payload;
        }
    }

    fn ping_or_pong(&mut self, who: usize, op: u8, input: &mut Input<'_>) {
        let side = &mut self.sides[who];
        let payload = vec![b'!'; usize::from(input.byte() % 130)];
        let before = (side.tx.len(), side.tx.payload_remaining());
        let fits = payload.len() <= 125;
        let (result, event) = if op & 32 == 0 {
            (send!(side, self.meter, send_ping(&payload)), Owned::Ping(payload))
        } else {
            (send!(side, self.meter, send_pong(&payload)), Owned::Pong(payload))
        };
        if side.check_sent(result, before, self.max_queued) {
            assert!(fits, "§5.5");
            side.sent.push_back(event);
        }
    }

    fn close(&mut self, who: usize, input: &mut Input<'_>) {
        let side = &mut self.sides[who];
        let number = input.short();
        let code = (number != 0).then(|| CloseCode::from(number));
        let reason = "r".repeat(usize::from(input.byte() % 126));
        let before = (side.tx.len(), side.tx.payload_remaining());
        let result = send!(side, self.meter, close(code, &reason));
        if side.check_sent(result, before, usize::MAX) {
            assert!(code.is_none_or(CloseCode::is_sendable) && reason.len() <= 123);
            assert!(code.is_some() || reason.is_empty());
            side.sent.push_back(Owned::Close(code, reason));
            side.has_closed = true;
        }
    }

    /// `who` writes at most `n` bytes, and the other end reads them.
    fn carry(&mut self, who: usize, n: usize, op: u8) {
        let side = &mut self.sides[who];
        let with_io = op & 128 != 0;
        let wire = if with_io { side.write_by_io(n, &mut self.meter) } else { side.write(n) };
        let Self { sides: [client, server], meter, .. } = self;
        let (from, to) = if who == 0 { (client, server) } else { (server, client) };
        if to.error.is_some() {
            return; // it has closed the transport
        }
        if let Some((rx, tx)) = &mut self.shared {
            if to.rx.is_empty() {
                std::mem::swap(&mut to.rx, rx);
            }
            if to.tx.is_empty() {
                std::mem::swap(&mut to.tx, tx);
            }
        }
        if with_io {
            let mut wire = Source::new(&wire);
            while meter.run(|| to.rx.read_from(&mut wire)).unwrap() > 0 && to.error.is_none() {
                to.deliver(from, op, meter);
            }
        } else {
            meter.run(|| to.rx.extend(&wire));
            to.deliver(from, op, meter);
        }
        if to.is_closed {
            assert!(to.rx.is_empty() && from.sent.is_empty(), "nothing follows a close frame");
        }
    }

    fn replies(&mut self, who: usize, most: usize) {
        for _ in 0..most {
            let side = &mut self.sides[who];
            let Some((reply, result)) = self.meter.run(|| side.end.reply(&mut side.tx)) else {
                return;
            };
            match result {
                Ok(()) => {
                    if let Some(event) = Endpoint::event_of(&reply) {
                        side.has_replied(&event);
                    }
                }
                Err(error) => {
                    assert!(matches!(error, SendError::TooManyReplies { .. }), "{error}");
                    assert!(side.few_replies);
                    self.is_dropped = true; // for the application it is a reason to give up
                }
            }
        }
    }

    fn release(&mut self, who: usize) {
        let Side { end, rx, tx, .. } = &mut self.sides[who];
        self.meter.run(|| {
            end.release();
            rx.release();
            tx.release();
        });
        assert_eq!(tx.capacity() == 0, tx.is_empty());
    }

    /// Splits the connection, or joins its halves again, when no reply is on its way.
    fn split(&mut self, who: usize) {
        let side = &mut self.sides[who];
        let config = Config::default().masking_keys(FIXED_KEY);
        let placeholder = Endpoint::Joined(connection(side.role, config));
        side.end = match std::mem::replace(&mut side.end, placeholder) {
            Endpoint::Halves(reader, writer, replies) if replies.is_empty() => Endpoint::Joined(
                Connection::join(reader, writer).expect("halves of one connection"),
            ),
            end => end.split(),
        };
    }

    /// The transport ends: whoever has no close frame hears of it.
    fn drop_transport(&mut self) {
        for side in &mut self.sides {
            let result = side.end.eof(&mut side.rx, &mut side.tx);
            match (side.error, side.is_closed) {
                (Some(error), _) => assert_eq!(result, Err(error)),
                (None, true) => assert_eq!(result, Ok(())),
                (None, false) => {
                    let Err(Error::Eof { within_message }) = result else { panic!("{result:?}") };
                    assert!(within_message || side.message.is_none());
                }
            }
        }
        for Side { rx, tx, .. } in &mut self.sides {
            rx.clear();
            tx.clear();
            assert!(rx.is_empty() && tx.is_empty() && tx.payload_remaining() == 0);
        }
        self.is_dropped = true;
    }

    /// Everything that was sent arrives.
    fn finish(mut self) {
        let mut steps = Steps::at_most(1000);
        while !self.is_dropped && self.sides.iter().any(|side| !side.is_drained()) {
            steps.step();
            for who in [0, 1] {
                self.replies(who, 1000);
                self.carry(who, usize::MAX, 0);
            }
        }
        let [client, server] = &self.sides;
        for (from, to) in [(client, server), (server, client)] {
            let why = (self.is_dropped, to.error, to.is_closed);
            assert!(from.sent.is_empty() || why != (false, None, false), "{:?}", from.sent);
            let ws = match &to.end {
                Endpoint::Joined(ws) => Some(ws),
                Endpoint::Session(ws) => ws.connection(),
                Endpoint::Halves(..) => None,
            };
            if let (Some(ws), None, false) = (ws, to.error, self.is_dropped) {
                let state = match (to.has_closed, to.is_closed) {
                    (false, false) => State::Open,
                    (true, true) => State::Closed,
                    _ => State::Closing,
                };
                assert_eq!(ws.state(), state);
                assert_eq!(ws.close_status().map(|it| it.clean), to.is_closed.then_some(true));
            }
        }
        let Self { sides, shared, mut meter, .. } = self;
        meter.run(|| drop((sides, shared)));
    }
}

impl Side {
    /// Whether it was sent; if it was not, there must be a reason, and nothing has changed.
    fn check_sent(
        &self,
        result: Result<(), SendError>,
        (before, announced): (u64, u64),
        max_queued: usize,
    ) -> bool {
        let buffered = before - announced;
        let Err(error) = result else {
            assert!(!self.has_closed, "sent after the close frame");
            assert!(buffered < max_queued as u64, "sent over the limit");
            return true;
        };
        assert_eq!(self.tx.len(), before, "{error}, and yet something was queued");
        let is_true = match error {
            SendError::Closed => self.has_closed || self.error.is_some(),
            SendError::Full { queued, limit } => queued == buffered && queued >= limit as u64,
            SendError::MessageInProgress { .. } => self.parts.is_some(),
            SendError::PayloadPending { remaining } => remaining == self.payload.len() as u64,
            SendError::ControlTooLong { len } => len > 125,
            SendError::ReasonTooLong { len } => len > 123,
            SendError::CloseCode { code } => !code.is_sendable(),
            SendError::ReasonWithoutCode => true,
            _ => false,
        };
        assert!(is_true, "{error}");
        false
    }

    fn add_part(&mut self, is_text: bool, data: &[u8], last: bool) {
        let (_, message) = self.parts.get_or_insert((is_text, Vec::new()));
        message.extend_from_slice(data);
        if last {
            let (is_text, message) = self.parts.take().unwrap();
            self.sent.push_back(owned(is_text, &message));
        }
    }

    /// Takes at most `n` bytes for the transport: frames, or the payload that was announced.
    fn write(&mut self, n: usize) -> Vec<u8> {
        let mut wire = Vec::new();
        loop {
            let frames = self.tx.as_slice();
            let len = frames.len().min(n - wire.len());
            wire.extend_from_slice(&frames[..len]);
            self.tx.consume(len);
            let remaining = self.tx.payload_remaining();
            assert_eq!(remaining, self.payload.len() as u64);
            if !self.tx.as_slice().is_empty() || remaining == 0 || wire.len() == n {
                return wire;
            }
            let len = self.payload.len().min(n - wire.len());
            let taken = self.tx.extend_payload(&self.payload[..len]);
            assert_eq!(taken, len.min(16 << 10));
            self.payload.drain(..taken);
        }
    }

    /// The same by [`SendBuf::write_to`].
    fn write_by_io(&mut self, n: usize, meter: &mut Meter) -> Vec<u8> {
        let Self { tx, payload, .. } = self;
        let len = usize::try_from(tx.len()).unwrap();
        let mut to = Sink::new(len, n);
        let mut steps = Steps::at_most(len / 100 + 100);
        while !tx.is_empty() {
            steps.step();
            let taken = meter.run(|| tx.extend_payload(payload));
            payload.drain(..taken);
            if let Err(error) = meter.run(|| tx.write_to(&mut to)) {
                assert_eq!((error.kind(), to.room), (ErrorKind::WouldBlock, 0));
                break;
            }
            assert_eq!(tx.payload_remaining(), payload.len() as u64);
        }
        to.wire
    }

    /// All events that there are.
    fn deliver(&mut self, from: &mut Self, op: u8, meter: &mut Meter) {
        let (take, partial) = (op & 32 != 0, op & 64 != 0);
        let mut steps = Steps::at_most(self.rx.len() + 300);
        loop {
            steps.step();
            let take = take && !partial && self.message.is_none();
            let Self { end, rx, tx, message, .. } = self;
            match end.next(rx, tx, partial, message, meter) {
                Ok(Got::Nothing) => return,
                Ok(Got::Part) => {}
                Ok(Got::Event(event)) => {
                    if take {
                        check_taken(&event, rx, meter);
                    }
                    self.receive(event, from);
                }
                Err(error) => return self.fail(error, from),
            }
        }
    }

    fn receive(&mut self, event: Owned, from: &mut Side) {
        assert_eq!(Some(&event), from.sent.pop_front().as_ref(), "what was sent next");
        match &event {
            Owned::Text(_) | Owned::Binary(_) => assert!(size(&event) <= self.limit),
            Owned::Close(..) => self.is_closed = true,
            Owned::Ping(_) | Owned::Pong(_) => {}
        }
        let reply = match event {
            Owned::Ping(payload) => Owned::Pong(payload),
            Owned::Close(code, _) => Owned::Close(code, String::new()),
            _ => return,
        };
        if let Endpoint::Joined(_) | Endpoint::Session(_) = self.end {
            self.has_replied(&reply);
        }
    }

    fn has_replied(&mut self, reply: &Owned) {
        if !self.has_closed {
            self.has_closed = matches!(reply, Owned::Close(..));
            self.sent.push_back(reply.clone());
        }
    }

    /// An error must say why what was sent did not arrive.
    fn fail(&mut self, error: Error, from: &Side) {
        let is_true = match error {
            Error::MessageTooLarge { .. } => {
                let is_data = |event: &&Owned| matches!(event, Owned::Text(_) | Owned::Binary(_));
                let next = from.sent.iter().find(is_data).map(size);
                let in_parts = from.parts.as_ref().map(|(_, message)| message.len());
                next.or(in_parts).is_some_and(|len| len > self.limit)
            }
            Error::TooManyReplies { .. } => {
                self.few_replies && matches!(from.sent.front(), Some(Owned::Ping(_)))
            }
            _ => false,
        };
        assert!(is_true, "{error}");
        self.error = Some(error);
        self.message = None;
        if let (Endpoint::Joined(_) | Endpoint::Session(_), Some(event)) =
            (&self.end, Endpoint::event_of(&error.reply()))
        {
            self.has_replied(&event);
        }
    }

    fn is_drained(&self) -> bool {
        let no_replies = match &self.end {
            Endpoint::Joined(_) | Endpoint::Session(_) => true,
            Endpoint::Halves(_, _, replies) => replies.is_empty(),
        };
        self.tx.is_empty() && no_replies
    }
}

/// What a message is taken out as is what the event said.
fn check_taken(event: &Owned, rx: &mut RecvBuf, meter: &mut Meter) {
    match event {
        Owned::Text(text) => {
            let taken = meter.run(|| rx.take_text());
            assert_eq!(*text, taken);
            meter.run(|| drop(taken));
        }
        Owned::Binary(data) | Owned::Ping(data) | Owned::Pong(data) => {
            let taken = meter.run(|| rx.take_binary());
            assert_eq!(*data, taken);
            meter.run(|| drop(taken));
        }
        Owned::Close(..) => drop(rx.take_binary()),
    }
    assert!(rx.take_binary().is_empty(), "it is gone");
}

/// How many bytes it carries.
fn size(event: &Owned) -> usize {
    match event {
        Owned::Text(text) => text.len(),
        Owned::Binary(data) | Owned::Ping(data) | Owned::Pong(data) => data.len(),
        Owned::Close(_, reason) => 2 + reason.len(),
    }
}

fn owned(is_text: bool, data: &[u8]) -> Owned {
    match is_text {
        true => Owned::Text(str::from_utf8(data).unwrap().into()),
        false => Owned::Binary(data.into()),
    }
}

fn len(input: &mut Input<'_>) -> usize {
    match input.byte() {
        255 => 70_000,
        240.. => usize::from(input.short() % 20_000),
        len => usize::from(len),
    }
}

fn text(input: &mut Input<'_>) -> String {
    let pattern = ["x", "größer 🦀 ", "κόσμε", "{\"id\":1},"][usize::from(input.byte() % 4)];
    pattern.chars().cycle().take(len(input)).collect()
}

fn bytes(input: &mut Input<'_>) -> Vec<u8> {
    let (mut state, step) = (u32::from(input.byte()), input.byte());
    let next = || {
        // Noise, a run of the same, or something between.
        state = state.wrapping_mul(1_103_515_245).wrapping_add(u32::from(step));
        (state >> 16).to_le_bytes()[0] & step
    };
    std::iter::repeat_with(next).take(len(input)).collect()
}

//! Two ends of a connection, a transport between them that cuts, stalls and dies, and a clock.

use std::collections::VecDeque;
use std::time::Duration;

use websans::{
    ClientHandshake, Config, Connection, Deadlines, Io, RecvBuf, Request, Response, Role, SendBuf,
    ServerHandshake, Session, SessionError, SessionEvent,
};

use crate::support::{FIXED_KEY, Owned, connection};

/// One direction of the transport.
#[derive(Debug, Default)]
pub struct Pipe {
    pub bytes: VecDeque<u8>,
    /// No more bytes will come.
    pub ended: bool,
    /// Writing fails.
    pub broken: bool,
    /// How many more bytes it takes; `None` for any number.
    pub room: Option<usize>,
    /// How many bytes were read from it.
    pub read: usize,
}

/// One end: a session with its buffers, and what it reported.
#[derive(Debug)]
pub struct End {
    pub ws: Session,
    pub rx: RecvBuf,
    pub tx: SendBuf,
    pub events: Vec<Owned>,
    pub error: Option<SessionError>,
    /// The transport was closed when, if it was.
    pub closed: Option<Duration>,
    pub accepted: bool,
    pub refused: Option<u16>,
    /// What the transport was asked to do, without repetitions.
    pub asked: Vec<Io>,
}

/// Whether the transport could do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Some,
    None,
}

impl End {
    pub fn new(ws: Session, tx: SendBuf) -> Self {
        Self {
            ws,
            rx: RecvBuf::new(),
            tx,
            events: Vec::new(),
            error: None,
            closed: None,
            accepted: false,
            refused: None,
            asked: Vec::new(),
        }
    }

    /// Of a handshake that was made elsewhere.
    pub fn open(role: Role, deadlines: Deadlines) -> Self {
        let config = Config::default().masking_keys(FIXED_KEY);
        let ws: Connection = connection(role, config);
        Self::new(Session::open(ws, deadlines, Duration::ZERO), SendBuf::new())
    }

    pub fn server(config: Config) -> Self {
        let handshake = ServerHandshake::new(config);
        Self::new(Session::server(handshake, Duration::ZERO), SendBuf::new())
    }

    pub fn client(config: Config) -> Self {
        let mut tx = SendBuf::new();
        let request = Request::new("ws://server.example.com/chat").unwrap();
        let config = config.masking_keys(FIXED_KEY);
        let handshake = ClientHandshake::new(&request, config, &mut tx).unwrap();
        Self::new(Session::client(handshake, Duration::ZERO), tx)
    }

    /// Takes all events.
    pub fn events(&mut self) {
        loop {
            match self.ws.next_event(&mut self.rx, &mut self.tx) {
                Ok(None) => break,
                Ok(Some(SessionEvent::Request(request))) => {
                    self.ws.accept(&request, &Response::new(), &mut self.tx).unwrap();
                    self.accepted = true;
                }
                Ok(Some(SessionEvent::Accepted(_))) => self.accepted = true,
                Ok(Some(SessionEvent::Refused(response))) => self.refused = Some(response.status()),
                Ok(Some(event)) => self.events.push(owned(event)),
                Err(error) => {
                    assert_eq!(*self.error.get_or_insert(error), error, "sticky");
                    break;
                }
            }
        }
    }

    /// One round of the loop that drives a session, which reads at most `most` bytes.
    pub fn round(
        &mut self,
        incoming: &mut Pipe,
        outgoing: &mut Pipe,
        most: usize,
        now: Duration,
    ) -> Progress {
        if self.closed.is_some() {
            return Progress::None;
        }
        self.events();
        let io = self.ws.next_io(&self.tx, now);
        if self.asked.last() != Some(&io) {
            self.asked.push(io);
        }
        match io {
            Io::Read => self.read(incoming, most, false, now),
            Io::Drain => self.read(incoming, most, true, now),
            Io::Write => {
                if outgoing.broken {
                    self.ws.handle_write_error(&mut self.tx);
                    return Progress::Some;
                }
                let n = self.tx.as_slice().len().min(outgoing.room.unwrap_or(usize::MAX));
                outgoing.bytes.extend(&self.tx.as_slice()[..n]);
                outgoing.room = outgoing.room.map(|room| room - n);
                self.tx.consume(n);
                self.ws.handle_written(n, now);
                if n > 0 {
                    return Progress::Some;
                }
                if self.ws.wants_read() {
                    return self.read(incoming, most, false, now);
                }
                Progress::None
            }
            Io::Flush => {
                self.ws.handle_flushed(now);
                Progress::Some
            }
            Io::ShutDown => {
                outgoing.ended = true;
                self.ws.handle_shut_down();
                Progress::Some
            }
            Io::Close => {
                (outgoing.ended, incoming.broken) = (true, true);
                self.closed = Some(now);
                Progress::Some
            }
        }
    }

    fn read(&mut self, pipe: &mut Pipe, most: usize, drain: bool, now: Duration) -> Progress {
        let n = pipe.bytes.len().min(most);
        if n == 0 && !pipe.ended {
            return Progress::None;
        }
        let bytes: Vec<u8> = pipe.bytes.drain(..n).collect();
        pipe.read += n;
        if !drain {
            self.rx.extend(&bytes);
        }
        self.ws.handle_read(n, now);
        Progress::Some
    }
}

fn owned(event: SessionEvent<'_>) -> Owned {
    match event {
        SessionEvent::Text(text) => Owned::Text(text.into()),
        SessionEvent::Binary(data) => Owned::Binary(data.into()),
        SessionEvent::Ping(payload) => Owned::Ping(payload.into()),
        SessionEvent::Pong(payload) => Owned::Pong(payload.into()),
        SessionEvent::Close(frame) => Owned::Close(frame.code, frame.reason.into()),
        event => panic!("not after the opening handshake: {event:?}"),
    }
}

/// Both ends, and the two directions between them.
#[derive(Debug)]
pub struct World {
    pub client: End,
    pub server: End,
    pub to_server: Pipe,
    pub to_client: Pipe,
    pub now: Duration,
}

impl World {
    pub fn new(client: End, server: End) -> Self {
        let (to_server, to_client) = (Pipe::default(), Pipe::default());
        Self { client, server, to_server, to_client, now: Duration::ZERO }
    }

    pub fn open(deadlines: Deadlines) -> Self {
        Self::new(End::open(Role::Client, deadlines), End::open(Role::Server, deadlines))
    }

    pub fn round(&mut self, role: Role, most: usize) -> Progress {
        let Self { client, server, to_server, to_client, now } = self;
        match role {
            Role::Client => client.round(to_client, to_server, most, *now),
            Role::Server => server.round(to_server, to_client, most, *now),
        }
    }

    pub fn end(&mut self, role: Role) -> &mut End {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    /// The direction that this end writes to.
    pub fn outgoing(&mut self, role: Role) -> &mut Pipe {
        match role {
            Role::Client => &mut self.to_server,
            Role::Server => &mut self.to_client,
        }
    }

    /// Until neither end can do anything at this time.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            let client = self.round(Role::Client, usize::MAX);
            let server = self.round(Role::Server, usize::MAX);
            if (client, server) == (Progress::None, Progress::None) {
                return;
            }
        }
        panic!("it never settles: {self:?}");
    }

    /// When the next deadline of either end passes.
    pub fn next_timeout(&self) -> Option<Duration> {
        let of = |end: &End| end.closed.is_none().then(|| end.ws.next_timeout()).flatten();
        [of(&self.client), of(&self.server)].into_iter().flatten().min()
    }

    /// Lets the time pass to the next deadline: whether there is one.
    pub fn wait(&mut self) -> bool {
        let Some(at) = self.next_timeout() else { return false };
        self.wait_until(at.max(self.now));
        true
    }

    pub fn wait_until(&mut self, at: Duration) {
        self.now = at;
        for end in [&mut self.client, &mut self.server] {
            end.ws.handle_timeout(at);
        }
        self.settle();
    }
}

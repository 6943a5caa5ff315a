//! Waits for sockets, and serves those that are ready.
//!
//! Connections without an incomplete message read through one shared buffer. An event borrows only
//! that buffer, so a service can send to any peer while it holds a message.

mod driver;
mod opening;

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::SockRef;
use websans::{CloseCode, RecvBuf};

use crate::connection::Http;
use crate::http::Site;
use crate::peers::{PeerId, Peers};
use crate::services::Service;

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

/// How many bytes may wait in the system's send buffer for one peer.
const SEND_BUFFER: usize = 64 << 10;

/// How often deadlines are checked.
const SWEEP: Duration = Duration::from_secs(1);

pub(crate) struct EventLoop {
    poll: Poll,
    /// `None` once no more connections are taken.
    listener: Option<TcpListener>,
    stop: Arc<AtomicBool>,
    site: Site,
    services: Vec<Box<dyn Service>>,
    peers: Peers,
    /// The shared buffer for received bytes.
    rx: RecvBuf,
    /// Peers that may have more to read than was read in their turn.
    unfinished: Vec<PeerId>,
    next_sweep: Duration,
}

impl EventLoop {
    pub(crate) fn new(addr: &str, services: Vec<Box<dyn Service>>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::from_std(bind(addr)?);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let stop = Arc::new(AtomicBool::new(false));
        let waker = Waker::new(poll.registry(), WAKER)?;
        let stopping = Arc::clone(&stop);
        ctrlc::set_handler(move || {
            if stopping.swap(true, Ordering::Relaxed) {
                std::process::exit(1); // asked for twice
            }
            let _ = waker.wake();
        })
        .map_err(io::Error::other)?;
        Ok(Self {
            poll,
            listener: Some(listener),
            stop,
            site: Site::new(),
            services,
            peers: Peers::new(),
            rx: RecvBuf::new(),
            unfinished: Vec::new(),
            next_sweep: Duration::ZERO,
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.as_ref().ok_or(ErrorKind::NotConnected)?.local_addr()
    }

    /// Runs until the process is told to stop and every connection has been closed.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match self.poll.poll(&mut events, self.timeout()) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => self.peers.update_clock(),
            }
            for id in mem::take(&mut self.unfinished) {
                self.drive(id);
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => {}
                    Token(id) => self.drive(id),
                }
            }
            self.tick();
            self.settle();
            if self.stop.load(Ordering::Relaxed) {
                if self.listener.take().is_some() {
                    self.say_goodbye();
                }
                // The deadline of the closing handshake bounds how long this takes.
                if self.peers.len() == 0 {
                    return Ok(());
                }
            }
        }
    }

    /// How long the loop may wait for sockets.
    fn timeout(&self) -> Option<Duration> {
        if !self.unfinished.is_empty() {
            return Some(Duration::ZERO);
        }
        let ticks = self.services.iter().filter_map(|service| service.next_tick());
        let sweep = (self.peers.len() > 0).then_some(self.next_sweep);
        let next = ticks.chain(sweep).min()?;
        Some(next.saturating_sub(self.peers.clock()))
    }

    /// Calls the services whose time has come.
    fn tick(&mut self) {
        let now = self.peers.now();
        for service in &mut self.services {
            if service.next_tick().is_some_and(|at| at <= now) {
                service.tick(&mut self.peers);
            }
        }
        if self.next_sweep <= now {
            self.next_sweep = now + SWEEP;
            self.sweep();
            // Accepting may have failed for lack of descriptors.
            self.accept();
        }
    }

    /// Looks at the deadlines of all connections.
    fn sweep(&mut self) {
        let now = self.peers.now();
        for id in self.peers.ids() {
            let next = self.peers.get_mut(id).and_then(|peer| peer.ws.next_timeout());
            if next.is_some_and(|at| at <= now) {
                self.drive_late(id);
            }
        }
    }

    /// Writes what was sent in this turn, and ends the connections that are to end.
    fn settle(&mut self) {
        self.peers.flush();
        while let Some(id) = self.peers.leaving.pop() {
            self.see_off(id);
            self.peers.flush();
        }
    }

    /// Closes every connection with 1001.
    fn say_goodbye(&mut self) {
        for id in self.peers.ids() {
            match self.peers.get_mut(id) {
                Some(peer) if peer.ws.is_open() => {
                    self.peers.close(id, CloseCode::GOING_AWAY, "the server is shutting down");
                }
                Some(peer) if matches!(peer.http, Http::Head(_)) => self.peers.abort(id),
                _ => {}
            }
        }
        self.settle();
    }
}

fn bind(addr: &str) -> io::Result<StdListener> {
    let listener = StdListener::bind(addr).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen at {addr}: {error}"))
    })?;
    listener.set_nonblocking(true)?;
    // All connections inherit it. The system would let megabytes wait for each that does not read.
    SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER)?;
    Ok(listener)
}

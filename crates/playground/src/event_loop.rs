//! Waits for sockets, and serves those that are ready.
//!
//! All connections that have no half of a message read through one buffer. It borrows nothing
//! else: a service that holds a message can send to anyone.

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
use websans::{CloseCode, Event, KeepaliveTimeout, RecvBuf};

use crate::connection::{Peer, Phase};
use crate::http::Site;
use crate::peers::{PeerId, Peers};
use crate::services::Service;

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

/// How much may wait in the system for one peer.
const SEND_BUFFER: usize = 64 << 10;

/// How often one socket is read before it is the next one's turn.
const READS_AT_ONCE: usize = 8;

/// How often deadlines are looked at.
const SWEEP: Duration = Duration::from_secs(1);

pub(crate) struct EventLoop {
    poll: Poll,
    /// `None` once no more connections are taken.
    listener: Option<TcpListener>,
    stop: Arc<AtomicBool>,
    site: Site,
    services: Vec<Box<dyn Service>>,
    peers: Peers,
    /// The one buffer for what comes.
    rx: RecvBuf,
    /// Those who may have more to read than was read at once.
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

    /// Until it is told to stop, and everybody has been told.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match self.poll.poll(&mut events, self.timeout()) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => self.peers.update_clock(),
            }
            for id in mem::take(&mut self.unfinished) {
                self.serve(id);
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => {}
                    Token(id) => self.serve(id),
                }
            }
            self.tick();
            self.settle();
            if self.stop.load(Ordering::Relaxed) {
                if self.listener.take().is_some() {
                    self.say_goodbye();
                }
                // The deadline of the closing handshake sees to it that this comes.
                if self.peers.len() == 0 {
                    return Ok(());
                }
            }
        }
    }

    /// How long there is nothing to do by the clock.
    fn timeout(&self) -> Option<Duration> {
        if !self.unfinished.is_empty() {
            return Some(Duration::ZERO);
        }
        let ticks = self.services.iter().filter_map(|service| service.next_tick());
        let sweep = (self.peers.len() > 0).then_some(self.next_sweep);
        let next = ticks.chain(sweep).min()?;
        Some(next.saturating_sub(self.peers.clock()))
    }

    /// A socket is ready: for what, is found out by trying.
    fn serve(&mut self, id: PeerId) {
        let now = self.peers.now();
        let Some(peer) = self.peers.get_mut(id) else { return };
        let served = match (peer.write(now), &mut peer.phase) {
            (Err(error), _) => Err(error),
            // Who does not read what it gets is not read from, and so it cannot ask for more.
            (Ok(false), _) | (_, Phase::Response { .. } | Phase::Over) => Ok(()),
            (_, Phase::Request { .. }) => self.read_head(id),
            (_, Phase::Open(_)) => self.receive(id),
            (_, Phase::Ending { .. }) => peer.read_to_end(self.rx.spare_mut()).map(|end| {
                if end {
                    self.peers.abort(id);
                }
            }),
        };
        if served.is_err() {
            self.peers.abort(id);
        }
        self.peers.count_memory(id);
    }

    /// Reads from a WebSocket, and hands its service what comes.
    fn receive(&mut self, id: PeerId) -> io::Result<()> {
        let now = self.peers.now();
        let own = self.peers.get_mut(id).and_then(|peer| peer.rx.take());
        let is_own = own.is_some();
        let mut rx = own.map_or_else(|| mem::take(&mut self.rx), |own| *own);
        let result = self.receive_into(id, &mut rx);
        let incomplete = !rx.is_empty();
        match self.peers.get_mut(id) {
            Some(peer @ Peer { phase: Phase::Open(_), .. }) if incomplete => {
                peer.keepalive.handle_incomplete(true, now);
                peer.rx = Some(Box::new(rx));
            }
            Some(peer) if is_own => peer.keepalive.handle_incomplete(false, now),
            _ => {
                rx.clear();
                self.rx = rx;
            }
        }
        result
    }

    fn receive_into(&mut self, id: PeerId, rx: &mut RecvBuf) -> io::Result<()> {
        let now = self.peers.now();
        for _ in 0..READS_AT_ONCE {
            while !self.peers.is_behind(id) {
                match self.peers.next_event(id, rx) {
                    Ok(Some(Event::Close(_))) | Err(_) => return Ok(()),
                    Ok(None) => break,
                    Ok(Some(event)) => {
                        let Some(peer) = self.peers.get_mut(id) else { return Ok(()) };
                        if let Event::Text(_) | Event::Binary(_) = event {
                            // What may be incomplete from now on is another message.
                            peer.keepalive.handle_incomplete(false, now);
                        }
                        let service = peer.service.and_then(|it| self.services.get_mut(it));
                        if let Some(service) = service {
                            service.receive(id, event, &mut self.peers);
                        }
                    }
                }
            }
            let Some(peer) = self.peers.get_mut(id) else { return Ok(()) };
            if !matches!(peer.phase, Phase::Open(_)) || peer.tx.is_some() {
                return Ok(());
            }
            match rx.read_from(&mut peer.socket) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => peer.keepalive.handle_received(now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.unfinished.push(id);
        Ok(())
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
            // There may have been too few descriptors before.
            self.accept();
        }
    }

    /// Looks at everyone's deadlines.
    fn sweep(&mut self) {
        for id in self.peers.ids() {
            let now = self.peers.now();
            let due = self.peers.get_mut(id).and_then(|peer| peer.keepalive.handle_timeout(now));
            match due {
                None => {}
                Some(KeepaliveTimeout::Ping) => self.peers.ping(id, b""),
                Some(KeepaliveTimeout::Message) => {
                    self.peers.close(id, CloseCode::POLICY_VIOLATION, "a message takes too long");
                    self.peers.flush();
                    self.peers.abort(id);
                }
                Some(_) => self.peers.abort(id),
            }
        }
    }

    /// Writes what was sent in this turn, and sees off those who leave.
    fn settle(&mut self) {
        let now = self.peers.now();
        self.peers.flush();
        while let Some(id) = self.peers.leaving.pop() {
            let Some(peer) = self.peers.get_mut(id) else { continue };
            let (service, clean) = (peer.service.take(), peer.closed_cleanly);
            if let Some(service) = service.and_then(|it| self.services.get_mut(it)) {
                service.gone(id, clean, &mut self.peers);
                self.peers.flush();
            }
            let Some(peer) = self.peers.get_mut(id) else { continue };
            if let Phase::Over = peer.phase {
                self.peers.remove(id, self.poll.registry());
            } else if peer.write(now).is_err() {
                self.peers.abort(id);
            } else if let Phase::Ending { .. } = peer.phase {
                // The end may have come together with what was read last.
                self.unfinished.push(id);
            }
        }
    }

    /// Tells everybody that this is the end.
    fn say_goodbye(&mut self) {
        for id in self.peers.ids() {
            match self.peers.get_mut(id).map(|peer| &peer.phase) {
                Some(Phase::Open(_)) => {
                    self.peers.close(id, CloseCode::GOING_AWAY, "the server is shutting down");
                }
                Some(Phase::Request { .. }) => self.peers.abort(id),
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

//! All peers, polite and hostile, on one event loop. Who is gone is replaced by another of its kind.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use fastrand::Rng;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use socket2::SockRef;

use crate::hostile::{Arsenal, Attack, Hostile, Progress};
use crate::polite::Polite;
use crate::server::{PATH, Server};
use crate::{Failure, PATIENCE};

/// As many connect at a time, so that the queue of the server's system suffices.
const AT_ONCE: usize = 40;

/// How often the server's memory and the number of connections are looked at.
const SAMPLE: Duration = Duration::from_millis(500);

/// Hostile peers who do not read have little room, so that what they ask for soon waits at the server.
const SMALL_BUFFER: usize = 8 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Everybody does what they do.
    Busy,
    /// The polite ones begin nothing new.
    Quiet,
    /// The server has been told to stop.
    Stopping,
}

struct Member {
    socket: TcpStream,
    serial: u64,
    connected: bool,
    peer: Peer,
}

enum Peer {
    Polite(Box<Polite>),
    Hostile(Box<Hostile>),
}

/// What became of those who attacked in one way.
#[derive(Clone, Copy, Default)]
struct Tally {
    attacks: u64,
    /// Were ended as they had to be.
    over: u64,
}

pub(crate) struct Crowd {
    pub(crate) stage: Stage,
    pub(crate) failures: Vec<String>,
    poll: Poll,
    members: Slab<Member>,
    timers: BinaryHeap<Reverse<(Duration, usize, u64)>>,
    rng: Rng,
    start: Instant,
    url: String,
    server: std::net::SocketAddr,
    arsenal: Arsenal,
    serial: u64,
    /// Whether all have been there.
    complete: bool,
    next_sample: Duration,
    fewest: usize,
    tallies: Vec<Tally>,
    polite: u64,
    messages: u64,
    bytes: u64,
}

impl Crowd {
    pub(crate) fn new(server: &Server, seed: u64) -> Result<Self, Failure> {
        Ok(Self {
            stage: Stage::Busy,
            failures: Vec::new(),
            poll: Poll::new()?,
            members: Slab::new(),
            timers: BinaryHeap::new(),
            rng: Rng::with_seed(seed),
            start: Instant::now(),
            url: format!("ws://{}{PATH}", server.addr),
            server: server.addr,
            arsenal: Arsenal::new(server.kind, server.addr.to_string()),
            serial: 0,
            complete: false,
            next_sample: Duration::ZERO,
            fewest: usize::MAX,
            tallies: vec![Tally::default(); Attack::ALL.len()],
            polite: 0,
            messages: 0,
            bytes: 0,
        })
    }

    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Until there are so many, half of them hostile, of whom so many are connected.
    pub(crate) fn grow_to(
        &mut self,
        count: usize,
        connected: usize,
        server: &mut Server,
    ) -> Result<(), Failure> {
        let deadline = self.now() + 3 * PATIENCE;
        let mut hostile = Attack::ALL.iter().cycle();
        while self.members.len() < count || self.connected() < connected {
            if self.now() > deadline {
                return Err(format!("only {} have connected", self.connected()).into());
            }
            let waiting = self.members.len() - self.connected();
            for _ in waiting..AT_ONCE {
                if self.members.len() == count {
                    break;
                }
                let polite = self.members.len().is_multiple_of(2);
                self.connect(if polite { None } else { hostile.next().copied() })?;
            }
            self.turn(server)?;
        }
        self.complete = true;
        Ok(())
    }

    pub(crate) fn run_until(&mut self, end: Duration, server: &mut Server) -> Result<(), Failure> {
        while self.now() < end {
            self.turn(server)?;
        }
        Ok(())
    }

    pub(crate) fn wait_until(
        &mut self,
        what: &str,
        server: &mut Server,
        condition: impl Fn(&mut Self, &mut Server) -> bool,
    ) -> Result<(), Failure> {
        let deadline = self.now() + PATIENCE;
        while !condition(self, server) {
            if self.now() > deadline {
                self.print();
                return Err(format!("not within {PATIENCE:?}: {what}; {:?}", self.failures).into());
            }
            self.turn(server)?;
        }
        Ok(())
    }

    pub(crate) fn connected(&self) -> usize {
        self.members.iter().filter(|(_, member)| member.connected).count()
    }

    pub(crate) fn fewest_connected(&self) -> usize {
        self.fewest
    }

    /// Nothing is under way.
    pub(crate) fn is_quiet(&mut self, _: &mut Server) -> bool {
        self.politest().all(Polite::is_quiet)
    }

    /// All the polite ones have been told goodbye.
    pub(crate) fn all_told(&self) -> bool {
        self.politest().next().is_none()
    }

    fn politest(&self) -> impl Iterator<Item = &Polite> {
        self.members.iter().filter_map(|(_, member)| match &member.peer {
            Peer::Polite(polite) => Some(&**polite),
            Peer::Hostile(_) => None,
        })
    }

    /// Those whom the server should have ended, and has not.
    pub(crate) fn overdue(&self) -> Vec<String> {
        let now = self.now();
        let late = self.members.iter().filter_map(|(_, member)| match &member.peer {
            Peer::Hostile(hostile) => Some((hostile.attack, hostile.late(now)?)),
            Peer::Polite(_) => None,
        });
        late.map(|(attack, late)| format!("{attack}: not answered or not ended, {late:.1?} late"))
            .collect()
    }

    pub(crate) fn print(&self) {
        println!(
            "polite: {} peers; {} messages of {} MiB came back",
            self.polite,
            self.messages,
            self.bytes >> 20
        );
        for (attack, tally) in Attack::ALL.iter().zip(&self.tallies) {
            println!(
                "{attack:<48} {:>6} times, {:>6} ended as they had to",
                tally.attacks, tally.over
            );
        }
    }

    fn turn(&mut self, server: &mut Server) -> Result<(), Failure> {
        let now = self.now();
        let next = self.timers.peek().map_or(SAMPLE, |Reverse((at, ..))| at.saturating_sub(now));
        let mut events = Events::with_capacity(1024);
        self.poll.poll(&mut events, Some(next.min(Duration::from_millis(50))))?;
        for event in &events {
            self.serve(event.token().0, false)?;
        }
        let now = self.now();
        while let Some(Reverse((at, id, serial))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            if self.members.get(id).is_some_and(|member| member.serial == serial) {
                self.serve(id, true)?;
            }
        }
        if now >= self.next_sample && self.stage != Stage::Stopping {
            self.next_sample = now + SAMPLE;
            server.resident()?;
            if self.complete && self.stage == Stage::Busy {
                self.fewest = self.fewest.min(self.connected());
            }
        }
        Ok(())
    }

    fn connect(&mut self, attack: Option<Attack>) -> Result<(), Failure> {
        let mut socket = TcpStream::connect(self.server)?;
        let entry = self.members.vacant_entry();
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, Token(entry.key()), interest)?;
        let peer = match attack {
            Some(attack) => {
                let hostile = Hostile::new(attack, &self.arsenal, &mut self.rng);
                Peer::Hostile(Box::new(hostile))
            }
            None => Peer::Polite(Box::new(Polite::new(&self.url, self.rng.fork())?)),
        };
        if matches!(attack, Some(Attack::UnreadPings | Attack::UnreadMessages)) {
            SockRef::from(&socket).set_recv_buffer_size(SMALL_BUFFER)?;
        }
        self.serial += 1;
        entry.insert(Member { socket, serial: self.serial, connected: false, peer });
        Ok(())
    }

    /// A socket is ready, or a time has come (`due`).
    fn serve(&mut self, id: usize, due: bool) -> Result<(), Failure> {
        let now = self.now();
        let Some(member) = self.members.get_mut(id) else { return Ok(()) };
        let mut wake = None;
        if !member.connected {
            if let Some(error) = member.socket.take_error()? {
                return Err(format!("cannot connect: {error}").into());
            }
            if member.socket.peer_addr().is_err() {
                return Ok(()); // not yet
            }
            member.connected = true;
            member.socket.set_nodelay(true)?;
            match &mut member.peer {
                Peer::Polite(_) => {
                    self.polite += 1;
                    wake = Some(Duration::from_millis(self.rng.u64(..500)));
                }
                Peer::Hostile(hostile) => {
                    if let Some(tally) = self.tallies.get_mut(hostile.attack as usize) {
                        tally.attacks += 1;
                    }
                    wake = hostile.connected(now, &mut self.rng);
                }
            }
        }
        let over = match &mut member.peer {
            Peer::Polite(polite) => {
                let before = (polite.messages, polite.bytes);
                let mut result = polite.ready(&mut member.socket, self.stage);
                if let (Ok(true), true, Stage::Busy) = (&result, due, self.stage) {
                    match polite.speak(&mut member.socket) {
                        Ok(next) => wake = Some(next),
                        Err(error) => result = Err(error),
                    }
                }
                self.messages += polite.messages - before.0;
                self.bytes += polite.bytes - before.1;
                if let Err(error) = &result {
                    self.failures.push(format!("a polite peer, after {now:.1?}: {error}"));
                }
                !matches!(result, Ok(true))
            }
            Peer::Hostile(hostile) => {
                match hostile.act(&mut member.socket, now, due, &mut self.rng) {
                    Ok(Progress::GoesOn) => false,
                    Ok(Progress::Wake(after)) => {
                        wake = Some(after);
                        false
                    }
                    // A server that drops a connection may reset it.
                    Ok(Progress::Over) | Err(_) => true,
                }
            }
        };
        if over {
            return self.replace(id);
        }
        if let Some(after) = wake {
            self.timers.push(Reverse((now + after, id, member.serial)));
        }
        Ok(())
    }

    fn replace(&mut self, id: usize) -> Result<(), Failure> {
        let now = self.now();
        let Some(member) = self.members.try_remove(id) else { return Ok(()) };
        let attack = match member.peer {
            Peer::Polite(_) => None,
            Peer::Hostile(hostile) => {
                if self.stage != Stage::Stopping {
                    match hostile.judge(now) {
                        Ok(()) => {
                            if let Some(tally) = self.tallies.get_mut(hostile.attack as usize) {
                                tally.over += 1;
                            }
                        }
                        Err(error) => self.failures.push(format!("{}: {error}", hostile.attack)),
                    }
                }
                Some(hostile.attack)
            }
        };
        drop(member.socket);
        if self.stage == Stage::Stopping { Ok(()) } else { self.connect(attack) }
    }
}

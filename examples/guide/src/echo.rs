//! An echo server on each adapter: the event loops, which are the program's and not the adapter's.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use websans::{
    Config, PermessageDeflate, Response, SendBuf, ServerHandshake, Session, SessionEvent,
};

use crate::{blocking, mio, smol};

/// The largest message of the Autobahn testsuite has 16 MiB.
const MAX_MESSAGE_SIZE: u64 = 64 << 20;

pub(crate) fn config() -> Config {
    Config::default()
        .max_message_size(MAX_MESSAGE_SIZE)
        .permessage_deflate(PermessageDeflate::default().min_size(0))
}

fn session(now: Duration) -> Session {
    Session::server(ServerHandshake::new(config()), now)
}

/// What every one of them does with an event.
pub(crate) fn answer(ws: &mut Session, event: SessionEvent<'_>, tx: &mut SendBuf) {
    let sent = match event {
        SessionEvent::Request(request) => {
            let accepted = ws.accept(&request, &Response::new(), tx);
            return debug_assert_eq!(accepted, Ok(()));
        }
        SessionEvent::Text(text) if ws.is_open() => ws.send_text(text, tx),
        SessionEvent::Binary(data) if ws.is_open() => ws.send_binary(data, tx),
        _ => Ok(()),
    };
    debug_assert_eq!(sent, Ok(()));
}

pub(crate) fn blocking(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (socket, _) = listener.accept()?;
        std::thread::spawn(move || blocking_peer(socket));
    }
}

fn blocking_peer(socket: TcpStream) -> io::Result<()> {
    let (ws, tx) = (session(Duration::ZERO), SendBuf::new());
    let mut peer = blocking::Blocking::new(socket, ws, tx, Duration::from_secs(1))?;
    while peer.step(answer)? {}
    Ok(())
}

pub(crate) fn mio(listener: TcpListener) -> io::Result<()> {
    use ::mio::{Events, Interest, Poll, Token};

    const LISTENER: Token = Token(usize::MAX);
    listener.set_nonblocking(true)?;
    let mut listener = ::mio::net::TcpListener::from_std(listener);
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (start, mut buffers) = (Instant::now(), mio::Buffers::default());
    let (mut peers, mut next) = (std::collections::BTreeMap::new(), 0);
    loop {
        let deadline = peers.values().filter_map(|peer: &mio::Peer| peer.ws.next_timeout()).min();
        poll.poll(&mut events, deadline.map(|at| at.saturating_sub(start.elapsed())))?;
        let now = start.elapsed();
        let ready = events.iter().map(|event| event.token().0);
        let late = |peer: &mio::Peer| peer.ws.next_timeout().is_some_and(|at| at <= now);
        let late = peers.iter().filter(|(_, peer)| late(peer)).map(|(id, _)| *id);
        for id in ready.chain(late).collect::<Vec<_>>() {
            let Some(peer) = peers.get_mut(&id) else { continue };
            if !peer.drive(&mut buffers, now, answer) {
                peers.remove(&id);
            }
        }
        while let Ok((mut socket, _)) = listener.accept() {
            socket.set_nodelay(true)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut socket, Token(next), interest)?;
            peers.insert(next, mio::Peer::new(socket, session(now), None));
            next += 1;
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) fn io_uring(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (socket, _) = listener.accept()?;
        std::thread::spawn(move || io_uring_peer(socket));
    }
}

/// One connection on a ring of its own. A ring can serve any number: `user_data` says which.
#[cfg(target_os = "linux")]
fn io_uring_peer(socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut peer = crate::io_uring::Peer::new(socket, session(Duration::ZERO), SendBuf::new());
    run_io_uring(&mut peer, answer)
}

#[cfg(target_os = "linux")]
pub(crate) fn run_io_uring(
    peer: &mut crate::io_uring::Peer,
    mut handle: impl FnMut(&mut Session, SessionEvent<'_>, &mut SendBuf),
) -> io::Result<()> {
    use ::io_uring::types::{SubmitArgs, Timespec};

    let (start, mut ring) = (Instant::now(), ::io_uring::IoUring::new(2)?);
    while peer.drive((0, &mut ring), start.elapsed(), &mut handle)? {
        let left = peer.ws.next_timeout().map(|at| at.saturating_sub(start.elapsed()));
        let left = left.map_or_else(|| Timespec::new().sec(3600), Timespec::from);
        match ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&left)) {
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => {}
            result => drop(result?),
        }
        let done: Vec<_> = ring.completion().map(|it| (it.user_data(), it.result())).collect();
        for (user_data, result) in done {
            peer.complete(user_data, result, start.elapsed());
        }
    }
    Ok(())
}

pub(crate) fn smol(listener: TcpListener) -> io::Result<()> {
    let listener = ::smol::net::TcpListener::try_from(listener)?;
    ::smol::block_on(async {
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let mut peer = smol::Peer::new(socket, session(Duration::ZERO), SendBuf::new());
            ::smol::spawn(async move { while peer.step(answer).await {} }).detach();
        }
    })
}

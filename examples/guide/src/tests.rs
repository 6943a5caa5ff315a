//! Every adapter talks to every other, as a server and as a client, and to tungstenite.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use tungstenite::Message;
use websans::{
    ClientHandshake, CloseCode, CloseStatus, Config, Deadlines, Error, HandshakeError, Request,
    SendBuf, Session, SessionError, SessionEvent, Timeout,
};

use crate::{blocking, echo, mio, smol};

type Server = fn(TcpListener) -> std::io::Result<()>;
/// Runs a client's session to its end; `handle` is what it does with events.
type Client = fn(TcpStream, Config, &mut Handle<'_>) -> Ended;
type Handle<'a> = dyn FnMut(&mut Session, SessionEvent<'_>, &mut SendBuf) + 'a;

/// How a session ended: its error, and whether it was clean.
#[derive(Debug, PartialEq)]
struct Ended {
    error: Option<SessionError>,
    clean: Option<bool>,
    code: Option<CloseCode>,
}

impl Ended {
    fn of(ws: &Session) -> Self {
        let status: Option<CloseStatus<'_>> = ws.close_status();
        let (clean, code) = (status.map(|it| it.clean), status.map(|it| it.code));
        Self { error: ws.error(), clean, code }
    }
}

const SERVERS: &[(&str, Server)] = &[
    ("blocking", |listener| echo::blocking(&listener)),
    ("mio", echo::mio),
    #[cfg(target_os = "linux")]
    ("io_uring", |listener| echo::io_uring(&listener)),
    ("smol", echo::smol),
];

const CLIENTS: &[(&str, Client)] = &[
    ("blocking", |socket, config, handle| {
        let (ws, tx) = client(&socket, config);
        let mut peer = blocking::Blocking::new(socket, ws, tx, Duration::from_secs(1)).unwrap();
        while peer.step(&mut *handle).unwrap() {}
        Ended::of(&peer.ws)
    }),
    ("mio", |socket, config, handle| {
        let (ws, tx) = client(&socket, config);
        socket.set_nonblocking(true).unwrap();
        let (mut poll, mut events) = (::mio::Poll::new().unwrap(), ::mio::Events::with_capacity(8));
        let mut socket = ::mio::net::TcpStream::from_std(socket);
        let interest = ::mio::Interest::READABLE | ::mio::Interest::WRITABLE;
        poll.registry().register(&mut socket, ::mio::Token(0), interest).unwrap();
        let mut peer = mio::Peer::new(socket, ws, Some(Box::new(tx)));
        let (start, mut buffers) = (Instant::now(), mio::Buffers::default());
        while peer.drive(&mut buffers, start.elapsed(), &mut *handle) {
            let left = peer.ws.next_timeout().map(|at| at.saturating_sub(start.elapsed()));
            poll.poll(&mut events, left).unwrap();
        }
        Ended::of(&peer.ws)
    }),
    #[cfg(target_os = "linux")]
    ("io_uring", |socket, config, handle| {
        let (ws, tx) = client(&socket, config);
        let mut peer = crate::io_uring::Peer::new(socket, ws, tx);
        echo::run_io_uring(&mut peer, handle).unwrap();
        Ended::of(&peer.ws)
    }),
    ("smol", |socket, config, handle| {
        let (ws, tx) = client(&socket, config);
        let mut peer = smol::Peer::new(::smol::net::TcpStream::try_from(socket).unwrap(), ws, tx);
        ::smol::block_on(async { while peer.step(&mut *handle).await {} });
        Ended::of(&peer.ws)
    }),
];

fn client(socket: &TcpStream, config: Config) -> (Session, SendBuf) {
    let request = Request::new(&format!("ws://{}/", socket.peer_addr().unwrap())).unwrap();
    let mut tx = SendBuf::new();
    let handshake = ClientHandshake::new(&request, config, &mut tx).unwrap();
    (Session::client(handshake, Duration::ZERO), tx)
}

fn start(server: Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    // It ends with the tests.
    thread::spawn(move || server(listener));
    addr
}

fn messages() -> Vec<Vec<u8>> {
    let sizes = [0, 1, 125, 126, 65_535, 65_536, 1 << 20, 5 << 20];
    let noise = |len: usize| (0..len).map(|i| ((i * i) >> 7) as u8).collect();
    sizes.into_iter().map(noise).collect()
}

#[test]
fn each_adapter_is_a_server_and_a_client_of_each_other() {
    for (server_name, server) in SERVERS {
        let addr = start(*server);
        for (client_name, client) in CLIENTS {
            let (messages, mut received, mut texts) = (messages(), 0, 0);
            let mut handle = |ws: &mut Session, event: SessionEvent<'_>, tx: &mut SendBuf| {
                match event {
                    SessionEvent::Accepted(_) => {
                        ws.send_ping(b"?", tx).unwrap();
                        return ws.send_text("größer", tx).unwrap();
                    }
                    SessionEvent::Text(text) => {
                        assert_eq!(text, "größer");
                        texts += 1;
                    }
                    SessionEvent::Pong(payload) => return assert_eq!(payload, b"?"),
                    SessionEvent::Binary(data) => {
                        assert!(data == messages[received], "{server_name} and {client_name}");
                        received += 1;
                    }
                    SessionEvent::Close(frame) => {
                        assert_eq!(frame.code, Some(CloseCode::from(3000)));
                        return;
                    }
                    event => panic!("{event:?}"),
                }
                match messages.get(received) {
                    Some(next) => ws.send_binary(next, tx).unwrap(),
                    None => ws.close(CloseCode::from(3000), "enough", tx).unwrap(),
                }
            };
            let ended = client(TcpStream::connect(addr).unwrap(), echo::config(), &mut handle);
            let clean = Ended { error: None, clean: Some(true), code: Some(3000.into()) };
            assert_eq!(ended, clean, "{server_name} and {client_name}");
            assert_eq!((received, texts), (messages.len(), 1));
        }
    }
}

/// A client that is not ours.
#[test]
fn each_server_talks_to_tungstenite() {
    for (name, server) in SERVERS {
        let addr = start(*server);
        let socket = TcpStream::connect(addr).unwrap();
        let (mut ws, _) = tungstenite::client(format!("ws://{addr}/"), socket).unwrap();
        for data in messages() {
            ws.send(Message::Binary(data.clone().into())).unwrap();
            assert!(ws.read().unwrap().into_data() == data, "{name}");
        }
        ws.send(Message::Ping("?".into())).unwrap();
        assert_eq!(ws.read().unwrap(), Message::Pong("?".into()));
        ws.close(None).unwrap();
        assert!(matches!(ws.read(), Ok(Message::Close(_))), "{name}");
        // RFC 6455 §7.1.1: the server ends TCP first.
        let end = ws.read().unwrap_err();
        assert!(matches!(end, tungstenite::Error::ConnectionClosed), "{name}: {end}");
    }
}

/// A server that is not ours, which closes with a code of its own.
#[test]
fn each_client_talks_to_tungstenite() {
    for (name, client) in CLIENTS {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut ws = tungstenite::accept(listener.accept().unwrap().0).unwrap();
            let data = ws.read().unwrap();
            ws.send(data).unwrap();
            ws.close(None).unwrap();
            while ws.read().is_ok() {}
        });
        let mut came = 0;
        let mut handle = |ws: &mut Session, event: SessionEvent<'_>, tx: &mut SendBuf| match event {
            SessionEvent::Accepted(_) => ws.send_binary(&vec![7; 100_000], tx).unwrap(),
            SessionEvent::Binary(data) => came += data.len(),
            _ => {}
        };
        let ended = client(TcpStream::connect(addr).unwrap(), echo::config(), &mut handle);
        let code = Some(CloseCode::NO_STATUS_RCVD);
        assert_eq!(ended, Ended { error: None, clean: Some(true), code }, "{name}");
        assert_eq!(came, 100_000);
        server.join().unwrap();
    }
}

/// A peer that breaks a rule, one that leaves without a word, and one that says nothing.
#[test]
fn each_server_ends_what_has_to_end() {
    use std::io::{Read, Write};

    for (name, server) in SERVERS {
        let addr = start(*server);
        let open = || {
            let mut socket = TcpStream::connect(addr).unwrap();
            // Less than the deadline of the end: the server is to end TCP by itself.
            socket.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
            let request = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
            socket.write_all(request.as_bytes()).unwrap();
            socket
        };
        let rest = |mut socket: TcpStream| {
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).unwrap();
            rest
        };
        let mut socket = open();
        socket.write_all(b"\x81\x00").unwrap(); // not masked
        let rest_of_it = rest(socket);
        assert!(rest_of_it.windows(4).any(|it| it[2..] == 1002_u16.to_be_bytes()), "{name}");

        let socket = open();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(rest(socket).starts_with(b"HTTP/1.1 101 "), "{name}");

        let mut socket = TcpStream::connect(addr).unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert!(rest(socket).starts_with(b"HTTP/1.1 426 "), "{name}");
    }
}

/// Deadlines come, of a peer that says nothing.
#[test]
fn each_client_gives_up_a_server_that_says_nothing() {
    for (name, client) in CLIENTS {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let deadlines = Deadlines::default().handshake(Duration::from_millis(50));
        let ended = client(socket, Config::default().deadlines(deadlines), &mut |_, event, _| {
            panic!("{event:?}");
        });
        assert_eq!(ended.error, Some(HandshakeError::Timeout.into()), "{name}");
    }
}

/// And of one that does not read: each server keeps what it has read, and no more of it.
#[test]
fn each_client_gives_up_a_server_that_does_not_read() {
    for (name, client) in CLIENTS {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let ws = tungstenite::accept(listener.accept().unwrap().0).unwrap();
            thread::park();
            drop(ws);
        });
        let deadlines = Deadlines::default().write(Duration::from_millis(300));
        let config = Config::default().deadlines(deadlines);
        let mut handle = |ws: &mut Session, event: SessionEvent<'_>, tx: &mut SendBuf| {
            if let SessionEvent::Accepted(_) = event {
                ws.send_binary(&vec![0; 64 << 20], tx).unwrap();
            }
        };
        let ended = client(TcpStream::connect(addr).unwrap(), config, &mut handle);
        let error = SessionError::Connection(Error::Timeout(Timeout::Write));
        assert_eq!(ended.error, Some(error), "{name}");
        server.thread().unpark();
        server.join().unwrap();
    }
}

//! The server that the Autobahn testsuite tests: it sends every message back.
//!
//! `autobahn/run server` runs the suite against it.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use websans::{
    Config, Event, Message, PermessageDeflate, RecvBuf, Response, SendBuf, SendError,
    ServerHandshake,
};

/// The testsuite's largest message, and its largest frame, has 16 MiB.
const MAX_MESSAGE_SIZE: u64 = 64 << 20;

/// How long to wait for the peer to close TCP; the testsuite waits for us for a second.
const LINGER: Duration = Duration::from_millis(500);

fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_default();
    if addr.is_empty() || addr.starts_with('-') {
        return Err("usage: autobahn_server ADDR".into());
    }
    let listener = TcpListener::bind(addr)?;
    println!("listening on ws://{}", listener.local_addr()?);
    io::stdout().flush()?;
    for stream in listener.incoming() {
        let stream = stream?;
        // That a connection fails is what most of the tests are about.
        thread::spawn(move || serve(&stream).and_then(|()| close(&stream)));
    }
    Ok(())
}

fn serve(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let config = Config::default()
        .max_message_size(MAX_MESSAGE_SIZE)
        .permessage_deflate(PermessageDeflate::default().min_size(0));
    let mut handshake = ServerHandshake::new(config);
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut ws = loop {
        match handshake.next_request(&mut rx, &mut tx) {
            Ok(Some(request)) => {
                break request.accept(&Response::new(), &mut tx).map_err(io::Error::other)?;
            }
            Ok(None) => {}
            Err(_) => return tx.write_to(&mut stream).map(drop),
        }
        if rx.read_from(&mut stream)? == 0 {
            return Ok(());
        }
    };
    loop {
        let open = loop {
            let message = match ws.next_event(&mut rx, &mut tx) {
                Ok(Some(Event::Text(text))) => Message::text(text),
                Ok(Some(Event::Binary(data))) => Message::binary(data),
                Ok(Some(Event::Ping(_) | Event::Pong(_))) => continue,
                Ok(None) => break true,
                Ok(Some(Event::Close(_))) | Err(_) => break false,
            };
            let mut sent = ws.send(message.clone(), &mut tx);
            if let Err(SendError::Full { .. }) = sent {
                tx.write_to(&mut stream)?;
                sent = ws.send(message, &mut tx);
            }
            sent.map_err(io::Error::other)?;
        };
        // The echoes, the pongs, and at last the close frame.
        tx.write_to(&mut stream)?;
        if !open || rx.read_from(&mut stream)? == 0 {
            return Ok(());
        }
    }
}

/// Closes TCP such that what was written arrives: to close it while something that the peer has
/// sent is unread would reset it, and a reset may overtake the data before it.
fn close(mut stream: &TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let deadline = Instant::now() + LINGER;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        stream.set_read_timeout(Some(left))?;
        if stream.read(&mut [0; 8192])? == 0 {
            return Ok(());
        }
    }
}

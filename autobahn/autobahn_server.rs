//! The server that the Autobahn testsuite tests: it sends every message back.
//!
//! `autobahn/run server` runs the suite against it.

#[path = "../examples/adapters/blocking.rs"]
mod blocking;

use std::error::Error;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use websans::{
    Config, PermessageDeflate, Response, SendBuf, SendError, ServerHandshake, Session, SessionEvent,
};

use blocking::Blocking;

/// The testsuite's largest message, and its largest frame, has 16 MiB.
const MAX_MESSAGE_SIZE: u64 = 64 << 20;

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
        thread::spawn(move || serve(stream));
    }
    Ok(())
}

fn serve(stream: TcpStream) -> io::Result<()> {
    let config = Config::default()
        .max_message_size(MAX_MESSAGE_SIZE)
        .permessage_deflate(PermessageDeflate::default().min_size(0));
    let ws = Session::server(ServerHandshake::new(config), Duration::ZERO);
    let mut peer = Blocking::new(stream, ws, SendBuf::new(), Duration::from_secs(1))?;
    while peer.step(echo)? {}
    Ok(())
}

fn echo(ws: &mut Session, event: SessionEvent<'_>, tx: &mut SendBuf) {
    let sent = match event {
        SessionEvent::Request(request) => {
            ws.accept(&request, &Response::new(), tx).map_err(|_| SendError::Connecting)
        }
        SessionEvent::Text(text) => ws.send_text(text, tx),
        SessionEvent::Binary(data) => ws.send_binary(data, tx),
        _ => Ok(()),
    };
    assert_eq!(sent, Ok(()));
}

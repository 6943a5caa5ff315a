//! The client that the Autobahn testsuite tests: a session over a blocking socket, which sends every
//! message back.
//!
//! `autobahn/run client` runs the suite against it.

#[path = "../examples/adapters/blocking.rs"]
mod blocking;
mod cases;

use std::error::Error;
use std::net::TcpStream;
use std::time::Duration;

use websans::{ClientHandshake, Request, SendBuf, SendError, Session, SessionEvent};

use blocking::Blocking;

fn main() -> Result<(), Box<dyn Error>> {
    cases::run("autobahn_client", echo)
}

fn echo(url: &str) -> Result<Option<String>, Box<dyn Error>> {
    let request = Request::new(url)?;
    let socket = TcpStream::connect((request.uri().host(), request.uri().port()))?;
    let mut tx = SendBuf::new();
    let handshake = ClientHandshake::new(&request, cases::config(), &mut tx)?;
    let ws = Session::client(handshake, Duration::ZERO);
    let mut peer = Blocking::new(socket, ws, tx, Duration::from_secs(1))?;
    let (mut first, mut sent) = (None, Ok(()));
    let mut answer = |ws: &mut Session, event: SessionEvent<'_>, tx: &mut SendBuf| {
        let result = match event {
            SessionEvent::Text(text) => {
                first.get_or_insert_with(|| text.to_owned());
                ws.send_text(text, tx)
            }
            SessionEvent::Binary(data) => ws.send_binary(data, tx),
            _ => Ok(()),
        };
        if !matches!(result, Ok(()) | Err(SendError::Closed)) {
            sent = result;
        }
    };
    while peer.step(&mut answer)? {}
    sent?;
    peer.ws.error().map_or(Ok(first), |error| Err(error.into()))
}

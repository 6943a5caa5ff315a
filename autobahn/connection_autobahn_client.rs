//! The client that the Autobahn testsuite tests: a bare `Connection`, without a session, which sends
//! every message back.
//!
//! `autobahn/run client --testee connection` runs the suite against it.

mod bare;
mod cases;

use std::error::Error;
use std::net::TcpStream;

use websans::{ClientHandshake, RecvBuf, Request, SendBuf};

fn main() -> Result<(), Box<dyn Error>> {
    cases::run("connection_autobahn_client", echo)
}

fn echo(url: &str) -> Result<Option<String>, Box<dyn Error>> {
    let request = Request::new(url)?;
    let mut socket = TcpStream::connect((request.uri().host(), request.uri().port()))?;
    socket.set_nodelay(true)?;
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut handshake = ClientHandshake::new(&request, cases::config(), &mut tx)?;
    tx.write_to(&mut socket)?;
    let ws = loop {
        if let Some(response) = handshake.next_response(&mut rx)? {
            break response.into_connection()?;
        }
        if rx.read_from(&mut socket)? == 0 {
            handshake.handle_eof();
        }
    };
    bare::echo(socket, ws, rx, tx)
}

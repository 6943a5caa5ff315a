//! The server that the Autobahn testsuite tests: a bare `Connection`, without a session, which sends
//! every message back.
//!
//! `autobahn/run server --testee connection` runs the suite against it.

mod bare;

use std::error::Error;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use websans::{Config, PermessageDeflate, RecvBuf, Response, SendBuf, ServerHandshake};

/// The testsuite's largest message, and its largest frame, has 16 MiB.
const MAX_MESSAGE_SIZE: u64 = 64 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_default();
    if addr.is_empty() || addr.starts_with('-') {
        return Err("usage: connection_autobahn_server ADDR".into());
    }
    let listener = TcpListener::bind(addr)?;
    println!("listening on ws://{}", listener.local_addr()?);
    io::stdout().flush()?;
    for socket in listener.incoming() {
        let socket = socket?;
        // That a connection fails is what most of the tests are about.
        thread::spawn(move || serve(socket).map_err(|error| error.to_string()));
    }
    Ok(())
}

fn serve(mut socket: TcpStream) -> Result<(), Box<dyn Error>> {
    socket.set_nodelay(true)?;
    let config = Config::default()
        .max_message_size(MAX_MESSAGE_SIZE)
        .permessage_deflate(PermessageDeflate::default().min_size(0));
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut handshake = ServerHandshake::new(config);
    let ws = loop {
        if let Some(request) = handshake.next_request(&mut rx, &mut tx)? {
            break request.accept(&Response::new(), &mut tx)?;
        }
        if rx.read_from(&mut socket)? == 0 {
            handshake.handle_eof();
        }
    };
    bare::echo(socket, ws, rx, tx).map(drop)
}

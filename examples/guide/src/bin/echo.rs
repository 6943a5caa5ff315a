//! An echo server on blocking sockets, a thread for each: what README shows, with its deadlines.
//!
//! `cargo run -p guide --bin echo -- [ADDR]`

#[path = "../../../adapters/blocking.rs"]
mod blocking;

use std::io;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use websans::{Config, Response, SendBuf, ServerHandshake, Session, SessionEvent};

fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:9001".into());
    let listener = TcpListener::bind(addr)?;
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept()?;
        std::thread::spawn(move || serve(socket));
    }
}

fn serve(socket: TcpStream) -> io::Result<()> {
    let ws = Session::server(ServerHandshake::new(Config::default()), Duration::ZERO);
    let mut peer = blocking::Blocking::new(socket, ws, SendBuf::new(), Duration::from_secs(60))?;
    let mut answer = |ws: &mut Session, event: SessionEvent<'_>, tx: &mut SendBuf| {
        // It fails only after the end has begun, and the session goes on to the end by itself.
        let _ = match event {
            SessionEvent::Request(request) => ws.accept(&request, &Response::new(), tx).is_ok(),
            SessionEvent::Text(text) => ws.send_text(text, tx).is_ok(),
            SessionEvent::Binary(data) => ws.send_binary(data, tx).is_ok(),
            _ => true, // the pong, or the reply to a close frame, is already in tx
        };
    };
    while peer.step(&mut answer)? {}
    Ok(())
}

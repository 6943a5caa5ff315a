//! The programs of this package, and clients that are not ours.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

struct Program {
    process: Child,
    addr: String,
}

impl Program {
    fn start(path: &str) -> Self {
        let mut process =
            Command::new(path).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addr = line.trim().strip_prefix("listening on ws://").expect("where it is").to_owned();
        Self { process, addr }
    }

    fn connect(&self) -> WebSocket<TcpStream> {
        let socket = TcpStream::connect(&self.addr).unwrap();
        tungstenite::client(format!("ws://{}/", self.addr), socket).unwrap().0
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn close(mut ws: WebSocket<TcpStream>) {
    let frame = CloseFrame { code: 3000.into(), reason: "".into() };
    ws.close(Some(frame.clone())).unwrap();
    let closed = std::iter::repeat_with(|| ws.read()).find_map(|message| match message.unwrap() {
        Message::Close(frame) => Some(frame),
        _ => None,
    });
    assert_eq!(closed, Some(Some(frame)));
    assert!(matches!(ws.read(), Err(tungstenite::Error::ConnectionClosed)));
}

#[test]
fn echo() {
    let server = Program::start(env!("CARGO_BIN_EXE_echo"));
    let mut ws = server.connect();
    for message in [Message::text("Hello"), Message::binary(vec![7; 1 << 20])] {
        ws.send(message.clone()).unwrap();
        assert!(ws.read().unwrap() == message);
    }
    close(ws);
}

#[test]
fn chat() {
    let server = Program::start(env!("CARGO_BIN_EXE_chat"));
    let mut members: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for number in 0..100 {
        // Whoever speaks hears itself, and so has entered.
        let speaker = members.get_mut(number % 20).unwrap();
        speaker.send(Message::text(format!("{number}"))).unwrap();
        if number < 20 {
            while speaker.read().unwrap() != Message::text(format!("{number}")) {}
        }
    }
    for member in &mut members {
        while member.read().unwrap() != Message::text("99") {}
    }
    members.into_iter().for_each(close);
}

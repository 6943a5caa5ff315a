//! The client that the Autobahn testsuite tests: it runs every case that the suite's server has,
//! and sends every message back.
//!
//! `autobahn/run client` runs the suite against it.

use std::error::Error;
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use websans::{
    ClientHandshake, Config, Connection, Event, Message, PermessageDeflate, RecvBuf, Request,
    SendBuf, SendError,
};

/// The testsuite's largest message, and its largest frame, has 16 MiB.
const MAX_MESSAGE_SIZE: u64 = 64 << 20;

/// How long to wait for the server to close TCP.
const LINGER: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, agent] = arguments.as_slice() else {
        return Err("usage: autobahn_client URL AGENT".into());
    };
    let (url, agent) = (url.trim_end_matches('/'), percent_encoded(agent));
    let cases: u32 = Client::open(&format!("{url}/getCaseCount"))?.receive_text()?.parse()?;
    for case in 1..=cases {
        // That the connection fails is what most of the cases are about.
        let url = format!("{url}/runCase?case={case}&agent={agent}");
        if let Err(error) = Client::open(&url).and_then(Client::echo) {
            println!("case {case} of {cases}: {error}");
        }
    }
    // It closes the connection when the reports are written.
    Client::open(&format!("{url}/updateReports?agent={agent}"))?.echo()
}

/// What may stand in the value of a query as it is does; the rest is encoded.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

struct Client {
    stream: TcpStream,
    ws: Connection,
    rx: RecvBuf,
    tx: SendBuf,
}

impl Client {
    fn open(url: &str) -> Result<Self, Box<dyn Error>> {
        let config = Config::default()
            .max_message_size(MAX_MESSAGE_SIZE)
            .permessage_deflate(PermessageDeflate::default().min_size(0));
        let request = Request::new(url)?;
        let mut stream = TcpStream::connect((request.uri().host(), request.uri().port()))?;
        stream.set_nodelay(true)?;
        let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let mut handshake = ClientHandshake::new(&request, config, &mut tx)?;
        tx.write_to(&mut stream)?;
        let ws = loop {
            if let Some(response) = handshake.next_response(&mut rx)? {
                break response.into_connection()?;
            }
            if rx.read_from(&mut stream)? == 0 {
                handshake.handle_eof();
            }
        };
        Ok(Self { stream, ws, rx, tx })
    }

    /// The first message.
    fn receive_text(mut self) -> Result<String, Box<dyn Error>> {
        loop {
            while let Some(event) = self.ws.next_event(&mut self.rx, &mut self.tx)? {
                if let Event::Text(text) = event {
                    let text = text.to_owned();
                    self.echo()?;
                    return Ok(text);
                }
            }
            if self.rx.read_from(&mut self.stream)? == 0 {
                self.ws.handle_eof();
            }
        }
    }

    /// Sends every message back until the connection ends, and says how it failed, if it did.
    fn echo(mut self) -> Result<(), Box<dyn Error>> {
        let result = loop {
            let ended = loop {
                let message = match self.ws.next_event(&mut self.rx, &mut self.tx) {
                    Ok(Some(Event::Text(text))) => Message::text(text),
                    Ok(Some(Event::Binary(data))) => Message::binary(data),
                    Ok(Some(Event::Ping(_) | Event::Pong(_))) => continue,
                    Ok(Some(Event::Close(_))) => break Some(Ok(())),
                    Ok(None) => break None,
                    Err(error) => break Some(Err(error.into())),
                };
                let mut sent = self.ws.send(message.clone(), &mut self.tx);
                if let Err(SendError::Full { .. }) = sent {
                    self.tx.write_to(&mut self.stream)?;
                    sent = self.ws.send(message, &mut self.tx);
                }
                sent?;
            };
            // The echoes, the pongs, and at last the close frame.
            self.tx.write_to(&mut self.stream)?;
            if let Some(result) = ended {
                break result;
            }
            if self.rx.read_from(&mut self.stream)? == 0 {
                self.ws.handle_eof();
                return Ok(self.ws.next_event(&mut self.rx, &mut self.tx).map(drop)?);
            }
        };
        // A reset is nothing unusual now.
        let _ = self.await_close();
        result
    }

    /// RFC 6455 §7.1.1: it is for the server to close TCP first.
    fn await_close(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        let deadline = Instant::now() + LINGER;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.stream.set_read_timeout(Some(left))?;
            if self.stream.read(&mut [0; 8192])? == 0 {
                return Ok(());
            }
        }
    }
}

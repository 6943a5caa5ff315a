//! A web page at `/` and its WebSocket services, on one event loop.
//!
//! `cargo run --release -p websans-playground -- --help`
//!
//! ```text
//! main ─► event_loop ─┬─ peers ──┬─ connection   the connections, and sending to them
//!                     │          └─ frames       the frames of connections that a page watches
//!                     ├─ http                    the files of the page
//!                     └─ services                what is done with messages: echo, hello, …
//! ```
//!
//! Nothing grows without bound:
//!
//! - A connection has buffers of its own only while part of a message has come, or while its socket
//!   does not take what is sent. All buffers together have a budget; a connection that needs more is
//!   dropped.
//! - The server does not read from a peer that does not read. When as much waits as its service
//!   allows, the connection is closed with 1008; `/quotes` leaves messages out before that.
//! - The opening handshake, the answer to a ping, a message and the closing handshake have deadlines.
//! - Of the frames that a page watches, a bounded number is kept, each with the beginning of its
//!   payload.
//! - Browsers may connect from pages of this site only. Clients that send no `Origin` may connect.

mod connection;
mod event_loop;
mod figures;
mod frames;
mod http;
mod peers;
mod services;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::{Long, Short, Value, ValueExt};

use self::event_loop::EventLoop;
use self::services::{Chat, Echo, Hello, Quotes, Server};

const HELP: &str = "\
Serves a web page and the WebSocket services /echo, /hello, /quotes, /chat and /server.

Usage: playground [OPTION]... [ADDR]

  ADDR               where to listen [default: 127.0.0.1:8080]; port 0 means any
  --quotes-every MS  how often /quotes sends prices [default: 40]
  --help             print this

Ctrl-C or SIGTERM closes every connection with code 1001, and ends it.
";

struct Options {
    addr: String,
    quotes_every: Duration,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut addr = None;
        let mut quotes_every = 40;
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("quotes-every") => quotes_every = arguments.value()?.parse::<u64>()?,
                Long("help") | Short('h') => {
                    print!("{HELP}");
                    std::process::exit(0);
                }
                Value(value) if addr.is_none() => addr = Some(value.string()?),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(Self {
            addr: addr.unwrap_or_else(|| "127.0.0.1:8080".into()),
            quotes_every: Duration::from_millis(quotes_every.max(1)),
        })
    }
}

fn main() -> ExitCode {
    match Options::parse().map_err(Into::into).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    // Each connection takes a descriptor. If the limit cannot be raised, `accept` fails later.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut event_loop = EventLoop::new(
        &options.addr,
        vec![
            Box::new(Echo),
            Box::new(Hello),
            Box::new(Quotes::new(options.quotes_every)),
            Box::new(Chat::default()),
            Box::<Server>::default(),
        ],
    )?;
    println!("open http://{} in a browser", event_loop.local_addr()?);
    io::stdout().flush()?;
    Ok(event_loop.run()?)
}

//! A web page at `/` and four WebSocket services, on one event loop.
//!
//! `cargo run --release -p websans-playground -- --help`
//!
//! ```text
//! main ─► event_loop ─┬─ peers ── connection   who is connected, and what goes to them
//!                     ├─ http                  the page, until a connection is a WebSocket
//!                     └─ services              what is done with messages: echo, hello, …
//! ```
//!
//! Nothing grows without bound:
//!
//! - A connection has buffers of its own only while part of a message has come, or while its socket
//!   does not take what is sent. All of them together have a budget; who wants more is dropped.
//! - Who does not read what it is sent is not read from. When as much waits as its service allows,
//!   it is closed with 1008; `/quotes` leaves messages out before that.
//! - The opening handshake, the answer to a ping, a message and the closing handshake have deadlines.
//! - Only pages of this site may connect, and whatever sends no `Origin`, which is no browser.

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
Serves a web page and the WebSocket services /echo, /hello, /quotes and /chat.

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
    // Every connection takes a descriptor. If there cannot be more, `accept` will say so.
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

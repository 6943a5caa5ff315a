//! `websans URL`: what standard input brings is sent, and what is received is printed.

use std::error::Error;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use lexopt::prelude::ValueExt;
use tokio::select;
use tokio::sync::mpsc::UnboundedReceiver;
use websans::{CloseCode, SendError, SessionEvent};
use websans_cli::command_line::{Failure, complain};
use websans_cli::link::Link;
use websans_cli::transport::{Transport, interrupts};

use crate::open::{Refused, closed, judge, open, owned};
use crate::options::{self, Target, TargetOptions, seconds};
use crate::stdio::{Input, Item, Output, Style};
use crate::usage;

const HELP: &str = "\
Sends each line of standard input as a text message, and prints each message that it receives as a
line. In a terminal messages are marked with `<` and the prompt is `>`; control characters and
binary messages are shown such that they do no harm there.

Usage: websans [OPTION]... URL

  URL                           such as ws://127.0.0.1:9001/chat or wss://example.com
  -b, --binary                  send what standard input brings as binary messages, however it is
                                cut, and print every message as it is
  -c, --close-code CODE         the code to close with at the end of the input [default: 1000]
  -r, --close-reason TEXT       the reason to close with
  -p, --ping-interval SECONDS   ping a server that has been silent for so long, and give it up
                                when it stays silent for as long again
  -R, --reconnect               when the connection fails, try again, after longer and longer
                                waits; what was sent shortly before may be lost
";

const HELP_END: &str = "
It closes the connection at the end of the input, or with 1001 on Ctrl-C. Exit status 0 means that
the server answered that, or closed with code 1000 or none, or that Ctrl-C ended it, or that nobody
reads what it prints any more; 1 means that something failed, which is told in one line, followed by
the body of a refusal; 2 that the command line makes no sense.
";

/// How long to wait before a connection is tried again, at first and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// A connection that has lasted so long was a good one: the next is tried soon.
const GOOD: Duration = Duration::from_secs(30);

/// From how many bytes on in our buffer the input is not read.
const MAX_QUEUED: u64 = 64 << 10;

type Interrupts = UnboundedReceiver<io::Result<()>>;

struct Options {
    target: Target,
    style: Style,
    close: (CloseCode, String),
    reconnect: bool,
}

fn parse(arguments: lexopt::Parser, overview: &str) -> Result<Options, Failure> {
    let (mut binary, mut reconnect) = (false, false);
    let mut close = (CloseCode::NORMAL_CLOSURE, String::new());
    let help = format!("{overview}{HELP}{}{HELP_END}", options::HELP);
    let target = TargetOptions::parse(arguments, &help, |target, name, arguments| {
        match name {
            "b" | "binary" => binary = true,
            "c" | "close-code" => {
                close.0 = CloseCode::from(arguments.value()?.parse::<u16>().map_err(usage)?);
                if !close.0.is_sendable() {
                    return Err(usage(format!("--close-code: {} may not be sent", close.0)));
                }
            }
            "r" | "close-reason" => close.1 = arguments.value()?.string().map_err(usage)?,
            "p" | "ping-interval" => {
                target.ping_interval = Some(seconds("ping-interval", arguments)?);
            }
            "R" | "reconnect" => reconnect = true,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if close.1.len() > websans::MAX_REASON_LEN {
        let max = websans::MAX_REASON_LEN;
        return Err(usage(format!("--close-reason: more than {max} bytes")));
    }
    let in_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let style = match (binary, in_terminal) {
        (true, _) => Style::Binary,
        (false, true) => Style::Terminal,
        (false, false) => Style::Lines,
    };
    Ok(Options { target, style, close, reconnect })
}

pub(crate) async fn run(arguments: lexopt::Parser, overview: &str) -> Result<(), Failure> {
    let options = parse(arguments, overview)?;
    let mut input = Input::start(options.style)?;
    let mut output = Output::start(options.style)?;
    let result = connect_again(&options, &mut input, &mut output, &mut interrupts()).await;
    // What was received before whatever has gone wrong is printed.
    let printed = output.finish();
    match input.failure() {
        Some(error) => Err(format!("standard input: {error}").into()),
        None => printed.and(result),
    }
}

/// One connection; with `--reconnect` the next ones, until one ends as it should.
async fn connect_again(
    options: &Options,
    input: &mut Input,
    output: &mut Output,
    interrupts: &mut Interrupts,
) -> Result<(), Failure> {
    let mut back_off = BACK_OFF.0;
    loop {
        let start = Instant::now();
        let failure = select! {
            opened = open(&options.target) => match opened {
                Ok(mut link) => match converse(options, &mut link, input, output, interrupts).await {
                    Ok(()) => return Ok(()),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            },
            result = interrupts.recv() => return result.unwrap_or(Ok(())).map_err(Failure::from),
        };
        if !options.reconnect || failure.is::<Final>() {
            return Err(failure);
        }
        if start.elapsed() > GOOD {
            back_off = BACK_OFF.0;
        }
        complain(&failure);
        if let Some(refused) = failure.downcast_ref::<Refused>() {
            refused.show_body();
        }
        crate::stdio::tell(&format!("trying again in {back_off:?}"));
        select! {
            () = tokio::time::sleep(back_off) => {}
            result = interrupts.recv() => return result.unwrap_or(Ok(())).map_err(Failure::from),
        }
        back_off = (back_off * 2).min(BACK_OFF.1);
    }
}

/// Sends and prints until the connection has ended: an error, unless it ends as it should.
///
/// Nothing in it waits for only one thing: a server that does not read is still read from, and one
/// whose messages are not printed yet is still written to.
async fn converse(
    options: &Options,
    link: &mut Link<Box<dyn Transport>>,
    input: &mut Input,
    output: &mut Output,
    interrupts: &mut Interrupts,
) -> Result<(), Failure> {
    let (mut asked_to_end, mut closing, mut unread) = (false, false, false);
    // A message that there is no room for yet.
    let mut unprinted: Option<Vec<u8>> = None;
    let mut end: Option<Result<(), Failure>> = None;
    output.prompt();
    loop {
        while unprinted.is_none() {
            match link.ws.next_event(&mut link.rx, &mut link.tx) {
                Ok(Some(SessionEvent::Text(text))) => unprinted = output.text(text),
                Ok(Some(SessionEvent::Binary(data))) => unprinted = output.binary(data),
                Ok(Some(SessionEvent::Close(frame))) => {
                    let (code, reason) = owned(&frame);
                    if options.target.verbose {
                        output.end_prompt();
                        let who = if closing { "" } else { " by the server" };
                        crate::stdio::tell(&format!("closed{who} with {}", closed(code, &reason)));
                    }
                    // The server repeats our code, so only one of its own choice is judged.
                    end = Some(if closing { Ok(()) } else { judge(code, &reason) });
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    if end.is_none() {
                        end = Some(Err(link.failure(error)));
                    }
                    break;
                }
            }
        }
        let reading = unprinted.is_none();
        let can_send = link.ws.is_open() && !closing && link.tx.len() < MAX_QUEUED;
        let woken = select! {
            room = output.room(), if !reading => match (room, unprinted.take()) {
                (Some(room), Some(message)) => {
                    room.send(message);
                    continue;
                }
                _ => Woken::Unread,
            },
            more = link.step(reading) => if more { continue } else { break },
            item = input.next(), if can_send => Woken::Input(item),
            result = interrupts.recv() => {
                result.unwrap_or(Ok(()))?;
                Woken::Interrupted
            }
        };
        let code = match woken {
            Woken::Input(Some(Item::Text(text))) => {
                link.ws.send_text(&text, &mut link.tx)?;
                output.prompt();
                continue;
            }
            Woken::Input(Some(Item::Binary(data))) => {
                link.ws.send_binary(&data, &mut link.tx)?;
                continue;
            }
            Woken::Input(None) => options.close.0,
            // There is no use in receiving more.
            Woken::Unread => {
                output.discard();
                unread = true;
                CloseCode::GOING_AWAY
            }
            // The second time does not wait for the server.
            Woken::Interrupted if asked_to_end => return Ok(()),
            Woken::Interrupted => {
                asked_to_end = true;
                CloseCode::GOING_AWAY
            }
        };
        if !closing {
            closing = true;
            let reason = if code == options.close.0 { &*options.close.1 } else { "" };
            match link.ws.close(code, reason, &mut link.tx) {
                // The server was first.
                Ok(()) | Err(SendError::Closed) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    let result = end.unwrap_or_else(|| Err("the connection ended without a close frame".into()));
    match result {
        _ if asked_to_end || unread => Ok(()),
        // There is nothing more to send over another one.
        Err(failure) if closing => Err(Final(failure.to_string()).into()),
        result => result,
    }
}

/// What a conversation goes on with, beside the transport.
enum Woken {
    Input(Option<Item>),
    Interrupted,
    /// Nobody reads what is printed.
    Unread,
}

/// A failure that reconnecting cannot fix.
#[derive(Debug)]
struct Final(String);

impl std::fmt::Display for Final {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Final {}

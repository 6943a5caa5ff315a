//! `websans ping URL`: how long the server takes to answer a ping (RFC 6455 §5.5.2).

use std::io::{self, Write};
use std::time::{Duration, Instant};

use lexopt::prelude::ValueExt;
use tokio::select;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use websans::{CloseCode, SessionEvent};
use websans_cli::command_line::Failure;
use websans_cli::transport::{LINGER, interrupts};

use crate::open::{closed, open, owned};
use crate::options::{self, TargetOptions, seconds};
use crate::usage;

const HELP: &str = "\
Pings a WebSocket server, and prints how long each pong took.

Usage: websans ping [OPTION]... URL

  -c, --count N                 how many pings [default: until Ctrl-C]
  -i, --interval SECONDS        how long to wait between two [default: 1]
  -W, --timeout SECONDS         how long a pong may take [default: 10]
";

const HELP_END: &str = "
Exit status 0 means that every ping was answered; 1 that one was not, or that something failed; 2
that the command line makes no sense.
";

/// The figures of those that were answered.
#[derive(Default)]
struct Figures {
    sent: u32,
    times: Vec<Duration>,
}

impl Figures {
    fn print(&self, to: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        let answered = self.times.len();
        writeln!(stdout, "{to}: {} pings, {answered} pongs", self.sent)?;
        let (Some(least), Some(most)) = (self.times.iter().min(), self.times.iter().max()) else {
            return Ok(());
        };
        let all: Duration = self.times.iter().sum();
        let mean = all / u32::try_from(answered).unwrap_or(u32::MAX);
        let [least, mean, most] = [*least, mean, *most].map(milliseconds);
        writeln!(stdout, "round trip: {least} least, {mean} on average, {most} most")
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1000.0)
}

pub(crate) async fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut count = None;
    let (mut every, mut patience) = (Duration::from_secs(1), Duration::from_secs(10));
    let help = format!("{HELP}{}{HELP_END}", options::HELP);
    let target = TargetOptions::parse(arguments, &help, |_, name, arguments| {
        match name {
            "c" | "count" => count = Some(arguments.value()?.parse::<u32>().map_err(usage)?),
            "i" | "interval" => {
                every = seconds("interval", arguments)?.max(Duration::from_millis(1));
            }
            "W" | "timeout" => patience = seconds("timeout", arguments)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let to = target.request.uri().to_string();
    let mut figures = Figures::default();
    let result = ping(&target, count, every, patience, &mut figures).await;
    match figures.print(&to) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    result
}

async fn ping(
    target: &options::Target,
    count: Option<u32>,
    every: Duration,
    patience: Duration,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let mut interrupts = interrupts();
    let mut link = select! {
        opened = open(target) => opened?,
        result = interrupts.recv() => return result.unwrap_or(Ok(())).map_err(Failure::from),
    };
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The pings that are not answered, the oldest first.
    let mut waiting: Vec<(u32, Instant)> = Vec::new();
    let mut result = Ok(());
    'pinging: loop {
        loop {
            match link.ws.next_event(&mut link.rx, &mut link.tx) {
                Ok(Some(SessionEvent::Pong(payload))) => {
                    let number = <[u8; 4]>::try_from(payload).map(u32::from_be_bytes).ok();
                    let place = waiting.iter().position(|(sent, _)| Some(*sent) == number);
                    // A pong also answers the pings before it (§5.5.3); their time is not known.
                    let Some((number, at)) = place.and_then(|n| waiting.drain(..=n).next_back())
                    else {
                        continue;
                    };
                    let time = at.elapsed();
                    figures.times.push(time);
                    let line = format!("pong {number}: {}\n", milliseconds(time));
                    if let Err(error) = io::stdout().write_all(line.as_bytes()) {
                        if error.kind() == io::ErrorKind::BrokenPipe {
                            break 'pinging;
                        }
                        return Err(error.into());
                    }
                }
                Ok(Some(SessionEvent::Close(frame))) => {
                    let (code, reason) = owned(&frame);
                    result =
                        Err(format!("the server closed with {}", closed(code, &reason)).into());
                    break 'pinging;
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    result = Err(link.failure(error));
                    break 'pinging;
                }
            }
        }
        let all_sent = count.is_some_and(|count| figures.sent >= count);
        if all_sent && waiting.is_empty() {
            break;
        }
        let deadline = waiting.first().map(|(_, at)| *at + patience);
        let late = async {
            match deadline {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        select! {
            more = link.step(true) => if !more { break },
            _ = ticks.tick(), if !all_sent => {
                figures.sent += 1;
                link.ws.send_ping(&figures.sent.to_be_bytes(), &mut link.tx)?;
                waiting.push((figures.sent, Instant::now()));
            }
            () = late => {
                result = Err(format!("no pong within {patience:?}").into());
                break;
            }
            ended = interrupts.recv() => {
                ended.unwrap_or(Ok(()))?;
                break;
            }
        }
    }
    // If it cannot be closed it has ended already.
    let _ = link.ws.close(CloseCode::NORMAL_CLOSURE, "", &mut link.tx);
    let end = link.end();
    // A server that answers no ping will hardly answer that.
    let patience = if result.is_ok() { Duration::MAX } else { LINGER };
    let _ = timeout(patience, end).await;
    let lost = figures.sent as usize - figures.times.len() - waiting.len();
    match result {
        Ok(()) if lost > 0 => Err(format!("{lost} pings were not answered").into()),
        result => result,
    }
}

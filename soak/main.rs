//! Hostile peers beside well-behaved ones, over real sockets, against the servers among the
//! examples. README.md says what must hold.
//!
//! ```text
//! main ─┬─ server            the process that is tested: its memory, and its end
//!       └─ crowd ─┬─ polite  sends messages, and compares every byte that comes back
//!                 └─ hostile what can be done to a server, and what it owes who does it
//! ```

mod crowd;
mod hostile;
mod polite;
mod server;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::{Long, Short, ValueExt};

use self::crowd::{Crowd, Stage};
use self::server::{Kind, Server};

const HELP: &str = "\
Connects many peers to the example servers, half of them hostile, and checks that the well-behaved half loses
nothing, that the hostile half gets what it is owed, that a server's memory stays within its bound,
and that it stops cleanly.

Usage: soak [OPTION]...

  --connections N  how many at a time [default: 2000]
  --seconds N      for how long, from when all are there [default: 60]
  --server NAME    only echo_server or only playground, programs beside this one
                   [default: one after the other]
  --seed N         other messages, and other moments [default: 1]
  --help           print this
";

/// How long anything may take that is not a deadline of the server's: machines are busy.
const PATIENCE: Duration = Duration::from_secs(20);

type Failure = Box<dyn Error>;

struct Options {
    connections: usize,
    time: Duration,
    servers: Vec<Kind>,
    seed: u64,
}

impl Options {
    fn parse() -> Result<Option<Self>, Failure> {
        let mut options = Self {
            connections: 2000,
            time: Duration::from_secs(60),
            servers: vec![Kind::EchoServer, Kind::Playground],
            seed: 1,
        };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("connections") => options.connections = arguments.value()?.parse()?,
                Long("seconds") => options.time = Duration::from_secs(arguments.value()?.parse()?),
                Long("server") => options.servers = vec![arguments.value()?.string()?.parse()?],
                Long("seed") => options.seed = arguments.value()?.parse()?,
                Long("help") | Short('h') => {
                    print!("{HELP}");
                    return Ok(None);
                }
                _ => return Err(argument.unexpected().into()),
            }
        }
        Ok(Some(options))
    }
}

fn main() -> ExitCode {
    match Options::parse().and_then(|options| options.map_or(Ok(true), |options| all(&options))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything holds, of every server.
fn all(options: &Options) -> Result<bool, Failure> {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut hold = true;
    for &kind in &options.servers {
        println!("== {}", kind.program());
        hold &= run(kind, options)?;
    }
    Ok(hold)
}

fn run(kind: Kind, options: &Options) -> Result<bool, Failure> {
    let mut server = Server::start(kind)?;
    let before = server.resident()?;
    let mut crowd = Crowd::new(&server, options.seed)?;

    // Some are always between two connections: so there are more.
    let count = options.connections + options.connections / 6;
    crowd.grow_to(count, options.connections, &mut server)?;
    let opened = crowd.now();
    println!("{} peers connected within {opened:.1?}", crowd.connected());
    crowd.run_until(opened + options.time, &mut server)?;
    let least = crowd.fewest_connected();
    let peak = server.peak;
    crowd.stage = Stage::Quiet;
    crowd.wait_until("all messages have come back", &mut server, Crowd::is_quiet)?;

    let mut failures = crowd.overdue();
    if least < options.connections {
        failures.push(format!("only {least} were connected at a time"));
    }
    crowd.stage = Stage::Stopping;
    let asked = crowd.now();
    server.stop()?;
    crowd.wait_until("the server has ended", &mut server, |_, server| server.has_ended())?;
    crowd.wait_until("all have seen it", &mut server, |crowd, _| crowd.all_told())?;
    println!("told to stop, the server ended after {:.1?}", crowd.now().saturating_sub(asked));
    failures.extend(server.bad_end());
    failures.append(&mut crowd.failures);

    let bound = kind.memory(count);
    let grown = peak.saturating_sub(before);
    println!(
        "server memory (resident): {} MiB before, at most {} MiB, which is {} KiB a connection; \
         the bound is {} MiB",
        before >> 20,
        peak >> 20,
        (grown >> 10) / count as u64,
        (before + bound) >> 20,
    );
    if grown > bound {
        failures.push(format!("the server's memory grew by {grown} bytes, more than {bound}"));
    }
    println!("at least {least} connected at any time in {:.0?}", options.time);
    crowd.print();
    for failure in failures.iter().take(20) {
        println!("FAILED: {failure}");
    }
    println!("{}", if failures.is_empty() { "everything holds" } else { "that is not well" });
    Ok(failures.is_empty())
}

//! A client for the command line: it sends what it reads from standard input, and prints what it
//! receives.
//!
//! `cargo run --release -p websans-cli -- --help`

mod arguments;
mod session;
mod stdio;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use websans_cli::command_line::{Failure, complain};

use crate::arguments::Options;
use crate::stdio::{Input, Output};

/// Exit status of a command line that makes no sense.
const USAGE: u8 = 2;

/// How long to wait before a connection is tried again, at first and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// A connection that has lasted so long was a good one: the next is tried soon.
const GOOD: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let options = match Options::parse() {
        Ok(options) => options,
        Err(failure) => {
            complain(&failure);
            return ExitCode::from(USAGE);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.map_err(Failure::from).and_then(|runtime| {
        let result = runtime.block_on(run(&options));
        // Whatever is still being looked up is not waited for.
        runtime.shutdown_background();
        result
    });
    websans_cli::command_line::exit_code(result)
}

async fn run(options: &Options) -> Result<(), Failure> {
    let mut input = Input::start(options.binary)?;
    let output = Output::start(options.binary)?;
    let result = connect_again(options, &mut input, &output).await;
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
    output: &Output,
) -> Result<(), Failure> {
    let mut back_off = BACK_OFF.0;
    loop {
        let start = Instant::now();
        let result = session::run(options, input, output).await;
        let Err(failure) = result else { return Ok(()) };
        if !options.reconnect || failure.is::<Final>() {
            return Err(failure);
        }
        if start.elapsed() > GOOD {
            back_off = BACK_OFF.0;
        }
        complain(&failure);
        let _ = writeln!(io::stderr(), "trying again in {back_off:?}");
        tokio::select! {
            () = tokio::time::sleep(back_off) => {}
            result = websans_cli::transport::ctrl_c() => return Ok(result?),
        }
        back_off = (back_off * 2).min(BACK_OFF.1);
    }
}

/// A failure that another connection would not mend.
#[derive(Debug)]
struct Final(String);

impl std::fmt::Display for Final {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Final {}

//! The command line tool `websans`: a client, a server and an inspector for WebSockets.
//!
//! ```text
//! main ─┬─ talk ─────┬─ options   the way to a server
//!       ├─ ping ─────┴─ open      goes it
//!       ├─ serve ─┬─ pipe         a program for each connection
//!       │         └─ broadcast    a room for all
//!       └─ inspect ─┬─ frames     prints the frames of one direction
//!                   └─ proxy      stands between a client and a server
//! ```
//!
//! `cargo run --release -p websans-cli -- --help`

mod inspect;
mod open;
mod options;
mod ping;
mod serve;
mod stdio;
mod talk;

use std::ffi::OsString;
use std::process::ExitCode;

use websans_cli::command_line::{Failure, complain};

const HELP: &str = "\
A client, a server and an inspector for WebSockets.

Usage: websans [OPTION]... URL             talk to a server, line by line
       websans ping [OPTION]... URL        ping a server
       websans serve SERVICE [OPTION]...   serve echo, broadcast, or a program
       websans inspect SOURCE [OPTION]...  print the frames of a connection or of a record

websans COMMAND --help explains each; `websans --help` and `websans talk --help` the first.

";

/// Exit status of a command line that makes no sense.
const USAGE: u8 = 2;

/// A command line that makes no sense.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// For what is wrong with the command line.
fn usage(problem: impl std::fmt::Display) -> Failure {
    Usage(problem.to_string()).into()
}

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let command = match arguments.first().and_then(|name| name.to_str()) {
        Some(name @ ("talk" | "ping" | "serve" | "inspect")) => name.to_owned(),
        _ => "talk".to_owned(),
    };
    if arguments.first().is_some_and(|name| *name == *command) {
        arguments.remove(0);
    }
    let parser = lexopt::Parser::from_args(arguments);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.map_err(Failure::from).and_then(|runtime| {
        let result = runtime.block_on(async {
            match &*command {
                "ping" => ping::run(parser).await,
                "serve" => serve::run(parser).await,
                "inspect" => inspect::run(parser).await,
                _ => talk::run(parser, HELP).await,
            }
        });
        // A host that is still being looked up, or a read of standard input, is not waited for.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            if let Some(refused) = failure.downcast_ref::<open::Refused>() {
                refused.show_body();
            }
            if failure.is::<Usage>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}

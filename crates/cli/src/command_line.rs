//! What a command line of ours is like: arguments, one line for an error, an exit status.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// Whatever ends a program; it is told in one line.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Exit status 0, or one line on standard error and 1.
#[must_use]
pub fn exit_code(result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    complain(&failure);
    ExitCode::FAILURE
}

/// Says on standard error what went wrong. It may quote a peer: one line, whatever that said.
pub fn complain(failure: &impl Display) {
    let line = failure.to_string().replace(char::is_control, " ");
    let _ = writeln!(io::stderr(), "error: {line}");
}

/// Prints the help and ends the program.
pub fn print_help(help: &str) -> ! {
    print!("{help}");
    std::process::exit(0)
}

/// Tells whoever started a server where it listens, as port 0 means any.
pub fn print_listening(scheme: &str, addr: std::net::SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on {scheme}://{addr}")?;
    stdout.flush()
}

//! What a command line of ours is like: arguments, one line for an error, an exit status.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::{Long, Short, Value, ValueExt};

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

/// The arguments of an echo server.
#[derive(Clone, Debug)]
pub struct ServerArguments {
    /// Where to listen.
    pub addr: String,
    /// Where to write the certificate, for clients that are to trust it.
    pub cert: Option<PathBuf>,
}

impl ServerArguments {
    /// Reads `[--cert FILE] [ADDR]`; the first only if the server has a certificate.
    pub fn parse(help: &str, has_certificate: bool) -> Result<Self, Failure> {
        let (mut addr, mut cert) = (None, None);
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("cert") if has_certificate => cert = Some(PathBuf::from(parser.value()?)),
                Long("help") | Short('h') => print_help(help),
                Value(value) if addr.is_none() => addr = Some(value.string()?),
                _ => return Err(argument.unexpected().into()),
            }
        }
        Ok(Self { addr: addr.unwrap_or_else(|| "127.0.0.1:9001".into()), cert })
    }
}

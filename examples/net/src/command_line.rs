//! What a command line of ours is like: arguments, one line for an error, an exit status.

use std::path::PathBuf;

use lexopt::prelude::{Long, Short, Value, ValueExt};
pub use websans_cli::command_line::{Failure, complain, exit_code, print_help, print_listening};

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

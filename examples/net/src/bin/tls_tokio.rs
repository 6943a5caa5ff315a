//! An echo server for `wss://` URIs: TLS by rustls, over tokio. One task drives a connection
//! (`src/echo.rs`), and does not know that it is over TLS.
//!
//! `cargo run --release -p net --bin tls_tokio -- --help`

use std::io;
use std::process::ExitCode;

use net::command_line::{Failure, ServerArguments, exit_code, print_listening};
use net::{echo, server, tls};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

const HELP: &str = "\
Sends every WebSocket message back, over TLS with a new certificate for localhost.

Usage: tls_tokio [OPTION]... [ADDR]

  ADDR          where to listen [default: 127.0.0.1:9001]; port 0 means any
  --cert FILE   write the certificate there, in PEM, for clients that are to trust it
  --help        print this

Ctrl-C closes every connection with 1001.
";

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run().await)
}

async fn run() -> Result<(), Failure> {
    let arguments = ServerArguments::parse(HELP, true)?;
    let acceptor = TlsAcceptor::from(tls::self_signed(arguments.cert.as_deref(), &["http/1.1"])?);
    let listener = server::listen(&arguments.addr).await?;
    print_listening("wss", listener.local_addr()?)?;
    let handle = |stream, stop| {
        let acceptor = acceptor.clone();
        async move {
            let stream = timeout(tls::DEADLINE, acceptor.accept(stream)).await??;
            match echo::accept(stream, echo::config(), echo::any_origin).await? {
                Some(link) => echo::echo(link, &stop).await,
                None => io::Result::Ok(()),
            }
        }
    };
    server::serve(listener, handle).await
}

//! An echo server on tokio, with a task that drives each connection (`src/split.rs`): the service
//! itself sees a `Stream` and a `Sink`, and knows nothing of sockets.
//!
//! `cargo run --release -p net --bin tokio_echo -- --help`

use std::process::ExitCode;

use futures_util::StreamExt;
use net::command_line::{Failure, ServerArguments, exit_code, print_listening};
use net::split::{Incoming, Outgoing};
use net::{echo, server, split};

const HELP: &str = "\
Sends every WebSocket message back.

Usage: tokio_echo [OPTION]... [ADDR]

  ADDR     where to listen [default: 127.0.0.1:9001]; port 0 means any
  --help   print this

Ctrl-C closes every connection with 1001.
";

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run().await)
}

async fn run() -> Result<(), Failure> {
    let arguments = ServerArguments::parse(HELP, false)?;
    let listener = server::listen(&arguments.addr).await?;
    print_listening("ws", listener.local_addr()?)?;
    let handle = |stream, stop| async move {
        let Some(link) = echo::accept(stream, echo::config(), echo::any_origin).await? else {
            return Ok(());
        };
        let (incoming, outgoing, ended) = split::spawn(link, stop);
        serve(incoming, outgoing).await;
        ended.await
    };
    server::serve(listener, handle).await
}

/// The service. It ends with the connection, however that ends.
async fn serve(incoming: Incoming, outgoing: Outgoing) {
    let _ = incoming.map(Ok).forward(outgoing).await;
}

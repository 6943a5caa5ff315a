//! An echo server behind axum, without axum's own WebSockets: the opening handshake is made over
//! the types of the `http` crate, and hyper hands over the transport.
//!
//! `cargo run --release -p net --bin axum_echo -- --help`

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};
use hyper_util::rt::TokioIo;
use net::command_line::{Failure, ServerArguments, complain, exit_code, print_listening};
use net::{echo, server};
use tokio::select;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use websans::IncomingRequest;
use websans_cli::link::Link;
use websans_cli::transport::ctrl_c;

const HELP: &str = "\
Sends every WebSocket message to /echo back; / is a page.

Usage: axum_echo [OPTION]... [ADDR]

  ADDR     where to listen [default: 127.0.0.1:9001]; port 0 means any
  --help   print this

Ctrl-C closes every connection with 1001.
";

/// How long all connections together may take to close.
const END: Duration = Duration::from_secs(5);

const PAGE: &str = "<!doctype html><title>axum and websans</title>WebSockets are at /echo.\n";

/// The connections, and their end.
#[derive(Clone, Default)]
struct Sockets {
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run().await)
}

async fn run() -> Result<(), Failure> {
    let arguments = ServerArguments::parse(HELP, false)?;
    let listener = server::listen(&arguments.addr).await?;
    print_listening("ws", listener.local_addr()?)?;
    let sockets = Sockets::default();
    let router = Router::new()
        .route("/", get(Html(PAGE)))
        .route("/echo", any(upgrade))
        .with_state(sockets.clone());
    tokio::spawn({
        let stop = sockets.stop.clone();
        async move {
            if let Err(error) = ctrl_c().await {
                complain(&format!("cannot wait for Ctrl-C: {error}"));
            }
            stop.cancel();
        }
    });
    let stopped = sockets.stop.clone().cancelled_owned();
    let served = axum::serve(listener, router).with_graceful_shutdown(stopped);
    let ended = async {
        served.await?;
        sockets.tasks.close();
        sockets.tasks.wait().await;
        io::Result::Ok(())
    };
    let out_of_patience = async {
        sockets.stop.cancelled().await;
        sleep(END).await;
    };
    select! {
        result = ended => Ok(result?),
        () = out_of_patience => Ok(()),
    }
}

async fn upgrade(State(sockets): State<Sockets>, mut request: Request) -> Response {
    let on_upgrade = hyper::upgrade::on(&mut request);
    let accepted = match IncomingRequest::from_http(&request, echo::config()) {
        // Any origin will do: there is nothing here to protect.
        Ok(request) => request.accept_http(&websans::Response::new()),
        Err(error) => {
            let refusal = error.to_http(request.version());
            return refusal.map_or_else(
                || StatusCode::BAD_REQUEST.into_response(),
                IntoResponse::into_response,
            );
        }
    };
    let Ok((response, ws)) = accepted else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    sockets.tasks.spawn(async move {
        let stream = TokioIo::new(on_upgrade.await.map_err(io::Error::other)?);
        echo::echo(Link::open(stream, ws), &sockets.stop).await
    });
    response.map(|()| Body::empty())
}

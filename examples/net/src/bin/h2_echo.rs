//! An echo server over HTTP/2 (RFC 8441): each connection is a stream of HTTP/2, opened by an
//! extended CONNECT request, beside other requests on the same TCP connection. hyper speaks
//! HTTP/2, rustls TLS; the WebSocket itself is driven as over any transport (`src/echo.rs`).
//!
//! `cargo run --release -p net --bin h2_echo -- --help`

use std::convert::Infallible;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use net::command_line::{Failure, ServerArguments, exit_code, print_listening};
use net::{echo, server, tls};
use tokio::net::TcpStream;
use tokio::select;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use websans::IncomingRequest;
use websans_cli::link::Link;

const HELP: &str = "\
Sends every WebSocket message to /echo back, over HTTP/2 and TLS with a new certificate for
localhost; / is a page.

Usage: h2_echo [OPTION]... [ADDR]

  ADDR          where to listen [default: 127.0.0.1:9001]; port 0 means any
  --cert FILE   write the certificate there, in PEM, for clients that are to trust it
  --help        print this

Ctrl-C closes every connection with 1001.
";

/// The only subprotocol that is spoken here, for clients that ask for one.
const SUBPROTOCOL: &str = "echo";

/// How many streams, and so WebSockets, a client may have at once.
const MAX_STREAMS: u32 = 100;

/// After how long without a byte HTTP/2 pings the client.
const PING_INTERVAL: Duration = Duration::from_secs(20);

const PAGE: &str = "<!doctype html><title>HTTP/2 and websans</title>WebSockets are at /echo.\n";

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run().await)
}

async fn run() -> Result<(), Failure> {
    let arguments = ServerArguments::parse(HELP, true)?;
    let acceptor = TlsAcceptor::from(tls::self_signed(arguments.cert.as_deref(), &["h2"])?);
    let listener = server::listen(&arguments.addr).await?;
    print_listening("wss", listener.local_addr()?)?;
    server::serve(listener, |stream, stop| serve(stream, acceptor.clone(), stop)).await
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    stop: CancellationToken,
) -> io::Result<()> {
    let stream = timeout(tls::DEADLINE, acceptor.accept(stream)).await??;
    let sockets = TaskTracker::new();
    let answer = service_fn(|request| {
        let response = answer(request, &sockets, stop.clone());
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .max_concurrent_streams(MAX_STREAMS)
        .enable_connect_protocol() // SETTINGS_ENABLE_CONNECT_PROTOCOL
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    // First the WebSockets close, then HTTP/2 does: many a client sends nothing after GOAWAY.
    let closed = async {
        stop.cancelled().await;
        sockets.close();
        sockets.wait().await;
    };
    let result = select! {
        result = &mut connection => result,
        () = closed => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    result.map_err(io::Error::other)
}

fn answer(
    mut request: Request<Incoming>,
    sockets: &TaskTracker,
    stop: CancellationToken,
) -> Response<String> {
    match (request.method(), request.uri().path()) {
        (&Method::CONNECT, "/echo") => {
            let upgrade = hyper::upgrade::on(&mut request);
            let (response, ws) = match accept(&request) {
                Ok(accepted) => accepted,
                Err(refusal) => return refusal,
            };
            sockets.spawn(async move {
                let stream = TokioIo::new(upgrade.await.map_err(io::Error::other)?);
                echo::echo(Link::open(stream, ws), &stop).await
            });
            response.map(|()| String::new())
        }
        (&Method::GET, "/") => {
            let mut page = Response::new(PAGE.to_owned());
            let html = http::HeaderValue::from_static("text/html");
            page.headers_mut().insert(http::header::CONTENT_TYPE, html);
            page
        }
        _ => status(StatusCode::NOT_FOUND),
    }
}

/// The opening handshake, or what refuses it.
#[expect(clippy::result_large_err, reason = "both are an answer, and as large")]
fn accept(
    request: &Request<Incoming>,
) -> Result<(Response<()>, websans::Connection), Response<String>> {
    let protocol = request.extensions().get::<Protocol>().map_or("", Protocol::as_str);
    // Any origin will do: there is nothing here to protect.
    let accepted = IncomingRequest::from_extended_connect(request, protocol, echo::config());
    let incoming = accepted.map_err(|error| {
        error.to_http(request.version()).unwrap_or_else(|| status(StatusCode::BAD_REQUEST))
    })?;
    let chosen = incoming.choose_subprotocol(&[SUBPROTOCOL]);
    let accepted = incoming.accept_http(&websans::Response::new().subprotocol(chosen));
    accepted.map_err(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
}

fn status(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response
}

//! One echo server on one library: `serve NAME`. It listens at a port of its own choice on
//! 127.0.0.1, and says which.
//!
//! Each is written as its library's own examples are: TCP_NODELAY, the library's defaults, and a loop
//! that receives a message and sends it back. All on tokio run in one thread, as they are given one
//! core.

mod fastwebsockets;
mod mio;
mod sockudo_ws;
mod tokio_tungstenite;
mod tokio_websockets;
mod websans_tokio;

use std::error::Error;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};

type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result {
    let name = std::env::args().nth(1).unwrap_or_default();
    match name.as_str() {
        "mio" => mio::serve(),
        "websans-tokio" => on_tokio(websans_tokio::echo),
        "tokio-tungstenite" => on_tokio(tokio_tungstenite::echo),
        "tokio-tungstenite-forward" => on_tokio(tokio_tungstenite::forward),
        "tokio-websockets" => on_tokio(tokio_websockets::echo),
        "fastwebsockets" => on_tokio(fastwebsockets::echo),
        "sockudo-ws" => on_tokio(sockudo_ws::echo),
        _ => Err(format!("there is no server named {name:?}").into()),
    }
}

/// A listening socket. The harness reads the address from the first line.
fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    listener.set_nonblocking(true)?;
    println!("ws://{}", listener.local_addr()?);
    io::stdout().flush()?;
    Ok(listener)
}

/// Accepts connections for ever, and runs `echo` for each as a task.
fn on_tokio<F, E>(echo: impl Fn(tokio::net::TcpStream) -> F) -> Result
where
    F: Future<Output = Result<(), E>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listen()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let echo = echo(stream);
            tokio::spawn(async move {
                // The load generator resets its connections when it has what it wants, so that
                // errors are the rule here. A wrong echo is for it to see.
                drop(echo.await);
            });
        }
    })
}

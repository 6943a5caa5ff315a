//! The adapters of the guide "Write your own adapter": an echo server on each of them, and tests in
//! which they talk to each other and to tungstenite.
//!
//! `cargo run -p guide -- ADAPTER ADDR`, where the adapter is `blocking`, `mio`, `io_uring` or `smol`

#[path = "../../adapters/blocking.rs"]
mod blocking;
mod echo;
#[cfg(target_os = "linux")]
#[path = "../../adapters/io_uring.rs"]
#[allow(clippy::cast_possible_truncation, clippy::indexing_slicing, unsafe_code)]
mod io_uring;
#[path = "../../adapters/mio.rs"]
#[allow(clippy::match_bool)]
mod mio;
#[path = "../../adapters/smol.rs"]
mod smol;
#[cfg(test)]
mod tests;

use std::io;
use std::net::TcpListener;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let adapter = arguments.next().unwrap_or_default();
    let listener = TcpListener::bind(arguments.next().unwrap_or("127.0.0.1:9001".into()))?;
    println!("listening on ws://{}", listener.local_addr()?);
    match adapter.as_str() {
        "blocking" => echo::blocking(&listener),
        "mio" => echo::mio(listener),
        #[cfg(target_os = "linux")]
        "io_uring" => echo::io_uring(&listener),
        "smol" => echo::smol(listener),
        _ => Err(io::Error::other("usage: guide blocking|mio|io_uring|smol [ADDR]")),
    }
}

//! The server that the Autobahn testsuite tests: it sends every message back.
//!
//! `autobahn/run server --testee tokio` runs the suite against it.

use std::io::Write;

use tokio::net::{TcpListener, TcpStream};
use websans_tokio::{Config, Error, Options, PermessageDeflate};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addr = std::env::args().nth(1).unwrap_or_default();
    if addr.is_empty() || addr.starts_with('-') {
        return Err("usage: tokio_autobahn_server ADDR".into());
    }
    // The testsuite's largest message, and its largest frame, has 16 MiB.
    let config = Config::default()
        .max_message_size(64 << 20)
        .permessage_deflate(PermessageDeflate::default().min_size(0));
    let options = Options::new().config(config);
    let listener = TcpListener::bind(addr).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let options = options.clone();
        // That a connection fails is what most of the tests are about.
        tokio::spawn(async move { echo(stream, &options).await });
    }
}

async fn echo(stream: TcpStream, options: &Options) -> Result<(), Error> {
    let mut ws = options.accept(stream).await?;
    while let Some(message) = ws.next().await {
        ws.send(message?).await?;
    }
    Ok(())
}

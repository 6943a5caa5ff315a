//! A server that sends every message back, and says goodbye to everyone on Ctrl-C.
//!
//! `cargo run --release -p websans-tokio --example tokio_echo_server -- [ADDR]`

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use websans_tokio::{Config, Options, PermessageDeflate, Shutdown};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(&addr).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    std::io::stdout().flush()?;

    let config = Config::default().permessage_deflate(PermessageDeflate::default());
    let shutdown = Shutdown::new();
    let options = Options::new().config(config).shutdown(&shutdown);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, most often: when a connection has ended it works again.
                    eprintln!("cannot take a connection: {error}");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                break;
            }
        };
        let options = options.clone();
        tokio::spawn(async move {
            // A server serves the next one, however this one ended.
            if let Err(error) = echo(stream, &options).await {
                eprintln!("{error}");
            }
        });
    }
    drop(listener);
    shutdown.close(Duration::from_secs(10));
    shutdown.ended().await;
    Ok(())
}

async fn echo(stream: TcpStream, options: &Options) -> Result<(), websans_tokio::Error> {
    stream.set_nodelay(true)?;
    let mut ws = options.accept(stream).await?;
    while let Some(message) = ws.next().await {
        ws.send(message?).await?;
    }
    Ok(())
}

//! A server that sends every message back, and says goodbye to everyone on Ctrl-C.
//!
//! `cargo run --release -p websans-tokio --example tokio_echo_server -- [ADDR]`

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use websans_tokio::{CloseCode, Config, Options, PermessageDeflate};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(&addr).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    std::io::stdout().flush()?;

    let config = Config::default().permessage_deflate(PermessageDeflate::default());
    let options = Options::new().config(config);
    // Every connection holds a receiver: when all are gone, so are the connections.
    let (stop, stopped) = watch::channel(());
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
        let (options, stopped) = (options.clone(), stopped.clone());
        tokio::spawn(async move {
            // A server serves the next one, however this one ended.
            if let Err(error) = echo(stream, &options, stopped).await {
                eprintln!("{error}");
            }
        });
    }
    drop((listener, stopped));
    stop.send_replace(());
    stop.closed().await;
    Ok(())
}

async fn echo(
    stream: TcpStream,
    options: &Options,
    mut stopped: watch::Receiver<()>,
) -> Result<(), websans_tokio::Error> {
    stream.set_nodelay(true)?;
    let mut ws = options.accept(stream).await?;
    loop {
        tokio::select! {
            message = ws.next() => match message {
                Some(message) => ws.send(message?).await?,
                None => return Ok(()),
            },
            _ = stopped.changed() => {
                return ws.close(CloseCode::GOING_AWAY, "the server stops").await;
            }
        }
    }
}

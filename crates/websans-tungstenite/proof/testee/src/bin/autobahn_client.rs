//! Runs the cases of `wstest -m fuzzingserver`: `autobahn_client URL AGENT`.

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Result;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

async fn connect(url: String) -> Result<WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>> {
    Ok(connect_async_with_config(url, Some(testee::config()), true).await?.0)
}

async fn run_case(url: String) -> Result<()> {
    let mut socket = connect(url).await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "ws://127.0.0.1:9001".into());
    let agent = args.next().unwrap_or_else(|| "websans".into());

    let mut socket = connect(format!("{url}/getCaseCount")).await?;
    let mut count = 0;
    while let Some(Ok(message)) = socket.next().await {
        if let Ok(text) = message.to_text() {
            count = text.parse().unwrap_or(count);
        }
    }
    for case in 1..=count {
        if let Err(error) = run_case(format!("{url}/runCase?case={case}&agent={agent}")).await {
            eprintln!("case {case}: {error}");
        }
    }
    run_case(format!("{url}/updateReports?agent={agent}")).await
}

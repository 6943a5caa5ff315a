use futures_util::{SinkExt, StreamExt, TryStreamExt, future};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};

pub async fn echo(stream: TcpStream) -> Result<(), Error> {
    let mut ws = tokio_tungstenite::accept_async(stream).await?;
    while let Some(message) = ws.next().await {
        let message = message?;
        if is_data(&message) {
            ws.send(message).await?;
        }
    }
    Ok(())
}

/// As in its example echo-server.rs: `forward` flushes only when there is nothing more to read.
pub async fn forward(stream: TcpStream) -> Result<(), Error> {
    let ws = tokio_tungstenite::accept_async(stream).await?;
    let (write, read) = ws.split();
    read.try_filter(|message| future::ready(is_data(message))).forward(write).await
}

fn is_data(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}

use tokio::net::TcpStream;
use websans_tokio::Error;

pub async fn echo(stream: TcpStream) -> Result<(), Error> {
    let mut ws = websans_tokio::accept(stream).await?;
    // What is fed goes out before `next` waits for the peer.
    while let Some(message) = ws.next().await {
        ws.feed(message?).await?;
    }
    Ok(())
}

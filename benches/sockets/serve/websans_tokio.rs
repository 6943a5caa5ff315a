use tokio::net::TcpStream;
use websans_tokio::Error;

pub async fn echo(stream: TcpStream) -> Result<(), Error> {
    let mut ws = websans_tokio::accept(stream).await?;
    while let Some(message) = ws.next().await {
        ws.send(message?).await?;
    }
    Ok(())
}

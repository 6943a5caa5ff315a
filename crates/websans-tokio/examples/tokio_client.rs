//! Sends each line of standard input as a text message, and prints what comes: the two halves of a
//! connection in two tasks.
//!
//! `cargo run --release -p websans-tokio --features rustls --example tokio_client -- URL`

use std::error::Error;

use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use websans_tokio::{CloseCode, Message};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: tokio_client URL")?;
    let (mut read, mut write) = websans_tokio::connect(&url).await?.into_split();
    tokio::spawn(async move {
        let mut lines = BufReader::new(stdin()).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            write.send(line).await?;
        }
        write.send_close(CloseCode::NORMAL_CLOSURE, "").await
    });
    while let Some(message) = read.next().await {
        match message? {
            Message::Text(text) => println!("{text}"),
            Message::Binary(data) => println!("{} bytes", data.len()),
        }
    }
    if let Some(frame) = read.close_frame() {
        let code = frame.code.map_or_else(|| "no code".into(), |code| code.to_string());
        eprintln!("closed: {code} {}", frame.reason);
    }
    // A task that waits for a line cannot be stopped: the process ends without it.
    std::process::exit(0);
}

//! The client that the Autobahn testsuite tests: it runs every case that the suite's server has,
//! and sends every message back.
//!
//! `autobahn/run client --testee tokio` runs the suite against it.

use std::error::Error;

use websans_tokio::{Config, Options, PermessageDeflate, Request, Transport, WebSocket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, agent] = arguments.as_slice() else {
        return Err("usage: tokio_autobahn_client URL AGENT".into());
    };
    let url = url.trim_end_matches('/');
    let mut ws = open(&format!("{url}/getCaseCount")).await?;
    let count = ws.next().await.ok_or("no number of cases")??;
    let cases: u32 = count.as_text().unwrap_or_default().parse()?;
    for case in 1..=cases {
        // That the connection fails is what most of the cases are about.
        if let Err(error) = echo(&format!("{url}/runCase?case={case}&agent={agent}")).await {
            println!("case {case} of {cases}: {error}");
        }
    }
    // It closes the connection when the reports are written.
    echo(&format!("{url}/updateReports?agent={agent}")).await
}

async fn echo(url: &str) -> Result<(), Box<dyn Error>> {
    let mut ws = open(url).await?;
    while let Some(message) = ws.next().await {
        ws.send(message?).await?;
    }
    Ok(())
}

async fn open(url: &str) -> Result<WebSocket<Transport>, Box<dyn Error>> {
    // The testsuite's largest message, and its largest frame, has 16 MiB.
    let config = Config::default()
        .max_message_size(64 << 20)
        .permessage_deflate(PermessageDeflate::default().min_size(0));
    Ok(Options::new().config(config).connect(&Request::new(url)?).await?)
}

//! Opens a connection to a server, and says how it was refused or closed.

use std::time::Duration;

use tokio::time::timeout;
use websans::{
    ClientHandshake, CloseCode, CloseFrame, HandshakeError, SendBuf, Session, SessionError,
    SessionEvent,
};
use websans_cli::command_line::Failure;
use websans_cli::connect;
use websans_cli::link::Link;
use websans_cli::transport::Transport;

use crate::options::{PATIENCE, Target};

/// How long the way to the server may take: its name, TCP, a proxy, TLS.
const CONNECT_DEADLINE: Duration = Duration::from_secs(8);

/// How much of a refusal's body is shown.
const MAX_BODY: usize = 4096;

/// Opens a connection to the server.
pub(crate) async fn open(target: &Target) -> Result<Link<Box<dyn Transport>>, Failure> {
    let opened = connect::open(target.request.uri(), target.proxy.as_ref(), &target.tls);
    let opened = timeout(CONNECT_DEADLINE, opened).await;
    let transport = opened
        .map_err(|_| format!("no connection to the server within {CONNECT_DEADLINE:?}"))??;
    let mut tx = SendBuf::new();
    let handshake = ClientHandshake::new(&target.request, target.config, &mut tx)?;
    let mut link = Link::new(transport, Session::client(handshake, Duration::ZERO), tx);
    loop {
        match link.ws.next_event(&mut link.rx, &mut link.tx) {
            Ok(Some(SessionEvent::Accepted(response))) => {
                let subprotocol = response.subprotocol().map(str::to_owned);
                report_opened(target, subprotocol.as_deref(), &link.ws);
                return Ok(link);
            }
            Ok(Some(SessionEvent::Refused(response))) => {
                let location = match response.status() {
                    300..=399 => response.header("Location"),
                    _ => None,
                };
                let refused = Refused {
                    status: response.status(),
                    reason: response.reason().to_owned(),
                    location: location.map(|to| String::from_utf8_lossy(to).into_owned()),
                    body: response.body().to_vec(),
                };
                link.end().await;
                return Err(refused.into());
            }
            Ok(Some(_) | None) => {}
            Err(error) => {
                let failure = match error {
                    SessionError::Handshake(HandshakeError::Timeout) => {
                        format!("the server has not answered within {PATIENCE:?}").into()
                    }
                    error => link.failure(error),
                };
                link.end().await;
                return Err(failure);
            }
        }
        if !link.step(true).await {
            return Err("the connection ended before it was open".into());
        }
    }
}

fn report_opened(target: &Target, subprotocol: Option<&str>, ws: &Session) {
    if !target.verbose {
        return;
    }
    let subprotocol = subprotocol.map_or(String::new(), |name| format!(", subprotocol {name}"));
    let deflate = ws.connection().and_then(websans::Connection::permessage_deflate);
    let deflate = if deflate.is_some() { ", permessage-deflate" } else { "" };
    crate::stdio::tell(&format!("connected to {}{subprotocol}{deflate}", target.request.uri()));
}

/// What the server's close frame means for the exit status.
pub(crate) fn judge(code: Option<CloseCode>, reason: &str) -> Result<(), Failure> {
    match code {
        None | Some(CloseCode::NORMAL_CLOSURE) => Ok(()),
        Some(_) => Err(format!("the server closed with {}", closed(code, reason)).into()),
    }
}

/// A close code and a reason as they are shown.
pub(crate) fn closed(code: Option<CloseCode>, reason: &str) -> String {
    match code {
        None => "no code".to_owned(),
        Some(code) if reason.is_empty() => code.to_string(),
        Some(code) => format!("{code}: {reason:?}"),
    }
}

/// The close frame, as its own.
pub(crate) fn owned(frame: &CloseFrame<'_>) -> (Option<CloseCode>, String) {
    (frame.code, frame.reason.to_owned())
}

/// The server answered the opening handshake with something else than 101.
#[derive(Debug)]
pub(crate) struct Refused {
    status: u16,
    reason: String,
    location: Option<String>,
    body: Vec<u8>,
}

impl Refused {
    /// Shows the body on standard error, as far as it is text.
    pub(crate) fn show_body(&self) {
        let shown = self.body.get(..MAX_BODY).unwrap_or(&self.body);
        let text = String::from_utf8_lossy(shown);
        let text = text.trim_end();
        if !text.is_empty() {
            crate::stdio::tell(&crate::stdio::printable(text));
        }
        if shown.len() < self.body.len() {
            crate::stdio::tell(&format!("… {} bytes in all", self.body.len()));
        }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server refused with status {} {}", self.status, self.reason)?;
        match &self.location {
            Some(location) => write!(f, ": see {location}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refused {}

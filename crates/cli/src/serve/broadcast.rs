//! A room for all connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::select;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use websans::{CloseCode, Message, SessionEvent};

use super::{MAX_QUEUED, Peer, after_close, closing, go_away, stopped};

/// How many messages a connection may be behind.
const BEHIND: usize = 256;

#[derive(Clone, Debug)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
}

#[derive(Clone, Debug)]
pub(super) struct Room {
    said: broadcast::Sender<(u64, Arc<Said>)>,
    next: Arc<AtomicU64>,
}

impl Room {
    pub(super) fn new() -> Self {
        Self { said: broadcast::Sender::new(BEHIND), next: Arc::default() }
    }

    /// Serves a connection until it ends, and says how.
    pub(super) async fn serve(&self, peer: &mut Peer, stop: &mut watch::Receiver<bool>) -> String {
        let me = self.next.fetch_add(1, Ordering::Relaxed);
        let mut heard = self.said.subscribe();
        loop {
            loop {
                let said = match peer.ws.next_event(&mut peer.rx, &mut peer.tx) {
                    Ok(Some(SessionEvent::Text(text))) => Said::Text(text.to_owned()),
                    Ok(Some(SessionEvent::Binary(data))) => Said::Binary(data.to_owned()),
                    Ok(Some(SessionEvent::Close(frame))) => return closing(&frame),
                    Ok(Some(_)) => continue,
                    Ok(None) => break,
                    Err(error) => return peer.failure(error).to_string(),
                };
                // This connection listens, so there is a receiver.
                let _ = self.said.send((me, Arc::new(said)));
            }
            let has_room = peer.ws.is_open() && peer.tx.len() < MAX_QUEUED;
            select! {
                more = peer.step(true) => if !more { return "gone".into() },
                heard = heard.recv(), if has_room => match heard {
                    Ok((from, said)) if from != me => {
                        let message = match &*said {
                            Said::Text(text) => Message::text(text.as_str()),
                            Said::Binary(data) => Message::binary(data.as_slice()),
                        };
                        let sent = peer.ws.send(message, &mut peer.tx);
                        if let Err(error) = sent.or_else(after_close) {
                            return error.to_string();
                        }
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => {
                        let reason = "too slow: messages were lost";
                        let _ = peer.ws.close(CloseCode::TRY_AGAIN_LATER, reason, &mut peer.tx);
                    }
                    // This room holds a sender.
                    Err(RecvError::Closed) => return "the room is closed".into(),
                },
                () = stopped(stop), if peer.ws.is_open() => go_away(peer),
            }
        }
    }
}

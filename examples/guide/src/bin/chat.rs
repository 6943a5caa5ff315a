//! A chat room on smol, with the adapter of the guide: what anyone says goes to everyone.
//!
//! `cargo run -p guide --bin chat -- [ADDR]`

#[path = "../../../adapters/smol.rs"]
mod adapter;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use smol::channel::{Sender, bounded};
use smol::future::{or, pending};
use smol::net::{TcpListener, TcpStream};
use websans::{
    CloseCode, Config, InvalidHandshake, Message, PreparedMessage, Rejection, Response, SendBuf,
    SendError, ServerHandshake, Session, SessionEvent,
};

/// How many messages may wait for a member. One that is further behind is closed.
const WAITING: usize = 100;

/// From so many bytes on that wait for its socket, messages wait for a member.
const BACKLOG: u64 = 64 << 10;

fn main() -> io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:9001".into());
    smol::block_on(async {
        let listener = TcpListener::bind(addr).await?;
        println!("listening on ws://{}", listener.local_addr()?);
        let room = Room::default();
        for id in 0.. {
            let (socket, _) = listener.accept().await?;
            smol::spawn(serve(socket, id, room.clone())).detach();
        }
        Ok(())
    })
}

/// The members. A message is encoded once for all of them.
#[derive(Clone, Default)]
struct Room(Arc<Mutex<HashMap<u64, Sender<Arc<PreparedMessage>>>>>);

impl Room {
    fn enter(&self, id: u64, member: Sender<Arc<PreparedMessage>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, member);
    }

    fn leave(&self, id: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Who does not keep up is no longer a member.
    fn say(&self, text: &str) {
        let message = Arc::new(PreparedMessage::new(Message::text(text)));
        let mut members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|_, member| member.try_send(Arc::clone(&message)).is_ok());
    }
}

enum Next {
    /// The adapter has made a step: whether there will be more.
    Step(bool),
    /// Somebody has said something; `None` for one that is no longer a member.
    Said(Option<Arc<PreparedMessage>>),
}

async fn serve(socket: TcpStream, id: u64, room: Room) {
    let config = Config::default().max_message_size(4 << 10);
    let ws = Session::server(ServerHandshake::new(config), Duration::ZERO);
    let mut peer = adapter::Peer::new(socket, ws, SendBuf::new());
    let (sender, said) = bounded(WAITING);
    let mut sender = Some(sender);
    loop {
        let takes_more = peer.ws.is_open() && peer.tx.len() < BACKLOG;
        let step = peer.step(|ws, event, tx| match event {
            SessionEvent::Request(request) if !request.is_same_origin() => {
                let rejected = Rejection::new(403).and_then(|it| ws.reject(&it, tx));
                debug_assert_eq!(rejected, Ok::<(), InvalidHandshake>(()));
            }
            SessionEvent::Request(request) => {
                let accepted = ws.accept(&request, &Response::new(), tx);
                debug_assert_eq!(accepted, Ok(()));
                if let Some(sender) = sender.take() {
                    room.enter(id, sender);
                }
            }
            SessionEvent::Text(text) => room.say(text),
            _ => {}
        });
        let step = async { Next::Step(step.await) };
        let message = async {
            if !takes_more {
                return pending().await;
            }
            Next::Said(said.recv().await.ok())
        };
        let sent = match or(step, message).await {
            Next::Step(false) => break,
            Next::Step(true) => Ok(()),
            Next::Said(Some(message)) => peer.ws.send_prepared(&message, &mut peer.tx),
            Next::Said(None) => {
                peer.ws.close(CloseCode::POLICY_VIOLATION, "you do not keep up", &mut peer.tx)
            }
        };
        debug_assert!(matches!(sent, Ok(()) | Err(SendError::Closed)), "{sent:?}");
    }
    room.leave(id);
}

//! The smallest service: it greets each peer by the name that it sends.

use websans::SessionEvent;

use super::Service;
use crate::peers::{PeerId, Peers};

pub(crate) struct Hello;

impl Service for Hello {
    fn path(&self) -> &'static str {
        "/hello"
    }

    fn receive(&mut self, from: PeerId, event: SessionEvent<'_>, peers: &mut Peers) {
        if let SessionEvent::Text(name) = event {
            peers.send_text(from, &format!("Hello, {name}!"));
        }
    }
}

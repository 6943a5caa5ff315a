//! Pages that watch their connections, and the figures of the server.
//!
//! A connection whose page watches has a tap. Without one, all that is left of this is a look at
//! whether anybody watches at all.

use std::cell::RefCell;
use std::rc::Rc;

use websans::{IncomingRequest, PreparedMessage, RecvBuf, SessionError, SessionEvent};

use super::{PeerId, Peers};
use crate::connection::{OfPage, Page, Peer};
use crate::figures::Figures;
use crate::frames::{Excerpt, Log, Tap};

/// How many pages may watch at once.
const MAX_PAGES: usize = 64;

/// How many connections of one page are watched.
const MAX_TAPS: usize = 16;

/// What the service that reports uses.
impl Peers {
    /// What this peer sends and gets does not count in the figures, which it reports.
    pub(crate) fn leave_out_of_figures(&mut self, id: PeerId) {
        if let Some(peer) = self.slab.get_mut(id) {
            peer.reports = true;
        }
    }

    /// Sends a message that does not count in the figures.
    pub(crate) fn report(&mut self, to: PeerId, message: &PreparedMessage) {
        let sent = self.with(to, |ws, tx| ws.send_prepared(message, tx));
        self.close_if_full(to, sent);
    }

    pub(crate) fn figures(&self) -> Figures {
        self.figures
    }

    /// How much memory a connection takes, in bytes: the mean of all.
    pub(crate) fn bytes_each(&self) -> usize {
        size_of::<Peer>() + self.memory / self.slab.len().max(1)
    }

    /// Begins to watch the frames of the connections that belong to the same page as this peer.
    ///
    /// Errors: there is no page, it watches already, or too many pages watch.
    pub(crate) fn watch(&mut self, id: PeerId) -> Result<(Page, Rc<RefCell<Log>>), &'static str> {
        let page = self.slab.get(id).and_then(page_of).ok_or("say which page you are")?;
        if self.watching.contains_key(&page) {
            return Err("this page watches already");
        }
        if self.watching.len() >= MAX_PAGES {
            return Err("too many pages watch their frames");
        }
        let log = Rc::new(RefCell::new(Log::default()));
        self.watching.insert(page, Rc::clone(&log));
        for id in self.of_page(page).into_iter().take(MAX_TAPS) {
            let queued = self.with(id, |_, tx| tx.len()).unwrap_or_default();
            if let Some(peer) = self.slab.get_mut(id)
                && let Some(of) = &peer.page
            {
                peer.tap = Some(Box::new(Tap::joined(&log, of.path, &peer.ws, queued)));
            }
        }
        Ok((page, log))
    }

    pub(crate) fn stop_watching(&mut self, page: Page) {
        self.watching.remove(&page);
        for id in self.of_page(page) {
            if let Some(peer) = self.slab.get_mut(id) {
                peer.tap = None;
            }
        }
    }

    /// The connections of a page, but for the one that reports: to report its frames would never
    /// come to an end.
    fn of_page(&self, page: Page) -> Vec<PeerId> {
        let is_of_page = |peer: &Peer| page_of(peer) == Some(page) && !peer.reports;
        let of_page = self.slab.iter().filter(|(_, peer)| is_of_page(peer));
        of_page.map(|(id, _)| id).collect()
    }
}

/// What the event loop tells of a connection, in case somebody watches it.
impl Peers {
    /// A service at `path` has accepted this request.
    pub(crate) fn opened(&mut self, id: PeerId, path: &'static str, request: &IncomingRequest<'_>) {
        let page = request.query().and_then(Page::of);
        let log = page.and_then(|page| self.watching.get(&page)).map(Rc::clone);
        let Some(peer) = self.slab.get_mut(id) else { return };
        peer.page = page.map(|page| Box::new(OfPage { page, path }));
        let (Some(page), Some(log), false) = (page, log, peer.reports) else { return };
        if self.of_page(page).len() > MAX_TAPS {
            return;
        }
        let tap = self.with(id, |ws, tx| Tap::opened(&log, path, request, ws, tx.len()));
        if let Some(peer) = self.slab.get_mut(id) {
            peer.tap = tap.map(Box::new);
        }
    }

    pub(super) fn tell_tap(&mut self, id: PeerId, tell: impl FnOnce(&mut Tap)) {
        if self.watching.is_empty() {
            return;
        }
        if let Some(tap) = self.slab.get_mut(id).and_then(|peer| peer.tap.as_mut()) {
            tell(tap);
        }
    }

    /// A message is about to be queued.
    pub(super) fn expect(&mut self, to: PeerId, message: impl FnOnce() -> Excerpt) {
        self.tell_tap(to, |tap| tap.sending(message()));
    }

    pub(super) fn find_boundary(&mut self, id: PeerId, rx: &RecvBuf) {
        self.tell_tap(id, |tap| tap.find_boundary(rx));
    }

    pub(super) fn judge(
        &mut self,
        id: PeerId,
        event: &Result<Option<SessionEvent<'_>>, SessionError>,
    ) {
        if self.watching.is_empty() {
            return;
        }
        if let Some(Peer { tap: Some(tap), ws, .. }) = self.slab.get_mut(id) {
            tap.judge(event, ws);
        }
    }
}

fn page_of(peer: &Peer) -> Option<Page> {
    peer.page.as_ref().map(|of| of.page)
}

//! A request between the time when it has come and the one when it is answered.

use pyo3::prelude::*;
use websans::{IncomingRequest, InvalidHandshake, RecvBuf, SendBuf};

use crate::buffers::Lent;
use crate::errors;

/// The bytes of a request until it is answered. The core's request borrows the buffer that it was
/// received in; Python answers when it likes, and more may be received meanwhile. So the bytes are
/// kept, and read again for the answer.
pub(crate) struct PendingRequest {
    config: websans::Config,
    stage: Stage,
}

enum Stage {
    /// What was received so far.
    Receiving(Vec<u8>),
    /// The head of the request that waits for its answer.
    Waiting(Vec<u8>),
    /// There is nothing to answer any more.
    Done,
}

impl PendingRequest {
    pub(crate) fn new(config: websans::Config) -> Self {
        Self { config, stage: Stage::Receiving(Vec::new()) }
    }

    /// A client's: no request comes.
    pub(crate) fn none(config: websans::Config) -> Self {
        Self { config, stage: Stage::Done }
    }

    /// Whether a request waits for its answer.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.stage, Stage::Waiting(_))
    }

    /// Takes bytes that the transport has brought.
    pub(crate) fn extend(&mut self, data: &[u8]) {
        if let Stage::Receiving(head) = &mut self.stage {
            head.extend_from_slice(data);
        }
    }

    /// Notes that the request is complete, and that `rest` bytes of what was received follow it.
    pub(crate) fn complete(&mut self, rest: usize) {
        if let Stage::Receiving(head) = &mut self.stage {
            head.truncate(head.len().saturating_sub(rest));
            head.shrink_to_fit();
            self.stage = Stage::Waiting(std::mem::take(head));
        }
    }

    /// Notes that there will be no request to answer.
    pub(crate) fn forget(&mut self) {
        self.stage = Stage::Done;
    }

    /// Answers the request that waits, as it was received. After an error it still waits.
    pub(crate) fn answer<R>(
        &mut self,
        tx: &mut Lent<SendBuf>,
        answer: impl FnOnce(&IncomingRequest<'_>, &mut SendBuf) -> Result<R, InvalidHandshake>,
    ) -> PyResult<R> {
        let no_request = || errors::invalid_handshake(InvalidHandshake::NoRequest);
        let Stage::Waiting(head) = &self.stage else { return Err(no_request()) };
        let mut rx = RecvBuf::new();
        rx.extend(head);
        let mut handshake = websans::ServerHandshake::new(self.config);
        let request = handshake.next_request(&mut rx, tx.fetch());
        let request = request.map_err(errors::handshake)?.ok_or_else(no_request)?;
        let answered = answer(&request, tx.fetch());
        tx.give_back();
        let answered = answered.map_err(errors::invalid_handshake)?;
        self.forget();
        Ok(answered)
    }
}

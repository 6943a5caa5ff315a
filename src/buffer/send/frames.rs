//! What the writing half appends: frames, one reservation and one pass over the payload each.

use alloc::sync::Arc;

use super::{Announced, Piece, SendBuf};
use crate::deflate::{Corrupt, Deflation};
use crate::frame::{EncodedHeader, FrameHeader, MAX_HEADER_LEN};
use crate::mask::Mask;
use crate::payload::{OwnedPayload, Payload};

/// Shorter payloads are copied: that costs less than a slice more in each write, and they pin no
/// memory that may be larger than they are.
const WITHOUT_COPY: usize = 4 << 10;

impl SendBuf {
    /// Appends bytes as they are.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.buf.extend_from_slice(bytes);
    }

    /// Appends a whole, unmasked frame that others send, too.
    pub(crate) fn push_shared(&mut self, frame: &Arc<[u8]>) {
        if frame.len() < WITHOUT_COPY {
            self.push(frame);
        } else {
            self.push_piece(OwnedPayload::Shared(Arc::clone(frame)));
        }
    }

    /// Appends a frame with a copy of its payload.
    #[inline]
    pub(crate) fn push_frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        self.reserve(EncodedHeader::PADDED_LEN + payload.len());
        let encoded = header.encode();
        let begin = self.buf.len() + encoded.len();
        self.buf.extend_from_slice(encoded.padded());
        self.buf.truncate(begin);
        match header.masking_key() {
            None => self.buf.extend_from_slice(payload),
            Some(key) => Mask::new(key).append(payload, &mut self.buf),
        }
    }

    /// Appends a frame.
    #[inline]
    pub(crate) fn push_payload(&mut self, header: &FrameHeader, payload: Payload<'_>) {
        match payload.into_owned() {
            Ok(owned) => self.push_owned(header, owned),
            Err(borrowed) => self.push_frame(header, borrowed),
        }
    }

    /// Appends a frame whose payload is handed over. It stays where it lies, unless it is short, or
    /// must be masked while others see it.
    fn push_owned(&mut self, header: &FrameHeader, payload: OwnedPayload) {
        if payload.as_slice().len() < WITHOUT_COPY {
            return self.push_frame(header, payload.as_slice());
        }
        let payload = match header.masking_key() {
            None => Ok(payload),
            Some(key) => payload.masked(Mask::new(key)),
        };
        match payload {
            Ok(payload) => {
                self.push(&header.encode());
                self.push_piece(payload);
            }
            Err(payload) => self.push_frame(header, payload.as_slice()),
        }
    }

    fn push_piece(&mut self, payload: OwnedPayload) {
        self.pieces_len += payload.as_slice().len();
        self.pieces.push_back(Piece { at: self.buf.len(), payload, sent: 0 });
    }

    /// Appends a frame whose payload is `payload` compressed: the header's length is not known
    /// before, so the longest is left room for, and what is there moved up.
    pub(crate) fn push_compressed(
        &mut self,
        header: FrameHeader,
        payload: &[u8],
        first: bool,
        deflation: &mut Deflation,
    ) -> Result<(), Corrupt> {
        self.reserve(MAX_HEADER_LEN + payload.len() / 2);
        let at = self.buf.len();
        self.buf.resize(at + MAX_HEADER_LEN, 0);
        let result =
            deflation.deflate(&mut self.deflater, payload, first, header.fin(), &mut self.buf);
        if result.is_err() {
            self.buf.truncate(at);
            return result;
        }
        let begin = at + MAX_HEADER_LEN;
        let header = header.with_rsv1(first).with_payload_len((self.buf.len() - begin) as u64);
        let encoded = header.encode();
        let place = self.buf.get_mut(at..).unwrap_or_default();
        for (to, from) in place.iter_mut().zip(encoded.iter()) {
            *to = *from;
        }
        self.buf.copy_within(begin.., at + encoded.len());
        self.buf.truncate(self.buf.len() - (MAX_HEADER_LEN - encoded.len()));
        if let Some(key) = header.masking_key() {
            Mask::new(key).apply(self.buf.get_mut(at + encoded.len()..).unwrap_or_default());
        }
        Ok(())
    }

    /// Appends a header whose payload is made later.
    pub(crate) fn push_header(&mut self, header: &FrameHeader) {
        self.push(&header.encode());
        if header.payload_len() > 0 {
            let mask = header.masking_key().map_or(Mask::NONE, Mask::new);
            let (index, remaining) = (self.pieces.len(), header.payload_len());
            self.announced = Some(Announced { index, remaining, mask });
            self.push_piece(OwnedPayload::Vec(alloc::vec::Vec::new()));
        }
    }

    /// Appends a pong, unless that makes more than `limit` bytes of pongs wait.
    #[inline]
    pub(crate) fn push_pong(&mut self, header: &FrameHeader, payload: &[u8], limit: usize) -> bool {
        let header_len = if header.masking_key().is_some() { 6 } else { 2 };
        let len = header_len + payload.len();
        if self.replies.waiting(self.sent).saturating_add(len) > limit {
            return false;
        }
        self.push_frame(header, payload);
        let end = self.buf.len();
        self.replies.push(end - len, end);
        true
    }
}

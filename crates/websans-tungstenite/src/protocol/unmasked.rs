//! For a server that takes frames which are not masked (`accept_unmasked_frames`): they get the
//! masking key 0 on their way in, with which the payload stays as it is.

use websans::RecvBuf;
use websans::frame::{FrameHeader, MAX_HEADER_LEN};

/// Where in its frames the input stands.
#[derive(Debug, Default)]
pub(super) struct Unmasked {
    /// How many bytes of the payload in progress are to come.
    payload: u64,
    /// A header that is not complete yet.
    header: Vec<u8>,
    /// What a read fills.
    scratch: Vec<u8>,
}

impl Unmasked {
    /// Room for the transport to read into.
    pub(super) fn spare_mut(&mut self) -> &mut [u8] {
        self.scratch.resize(16 << 10, 0);
        &mut self.scratch
    }

    /// Takes the first `n` bytes of that room, with every frame masked.
    pub(super) fn advance(&mut self, n: usize, into: &mut RecvBuf) {
        let scratch = std::mem::take(&mut self.scratch);
        self.extend(scratch.get(..n).unwrap_or(&scratch), into);
        self.scratch = scratch;
    }

    /// Takes bytes, with every frame masked.
    pub(super) fn extend(&mut self, mut bytes: &[u8], into: &mut RecvBuf) {
        while !bytes.is_empty() {
            let of_payload = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
            let (payload, rest) = bytes.split_at(of_payload);
            into.extend(payload);
            self.payload -= of_payload as u64;
            bytes = rest;
            if self.payload > 0 || bytes.is_empty() {
                continue;
            }
            let before = self.header.len();
            let more = bytes.len().min(MAX_HEADER_LEN.saturating_sub(before));
            self.header.extend_from_slice(bytes.get(..more).unwrap_or_default());
            match FrameHeader::decode(&self.header) {
                Ok(None) => return,
                Ok(Some((header, len))) => {
                    let key = header.masking_key().unwrap_or_default();
                    into.extend(&header.with_masking_key(Some(key)).encode());
                    self.payload = header.payload_len();
                    bytes = bytes.get(len.saturating_sub(before)..).unwrap_or_default();
                }
                // The reader finds out what is wrong, and takes nothing that follows.
                Err(_) => {
                    into.extend(&self.header);
                    bytes = bytes.get(more..).unwrap_or_default();
                    self.payload = u64::MAX;
                }
            }
            self.header.clear();
        }
    }
}

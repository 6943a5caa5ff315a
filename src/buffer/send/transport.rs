//! How a transport takes what waits: in vectored writes, and as a `bytes::Buf`.

use super::SendBuf;

impl SendBuf {
    /// All that can be written now, in order, none of it empty: for a vectored write without `std`.
    ///
    /// ```
    /// use websans::{Config, Connection, Message, SendBuf};
    ///
    /// let (mut ws, mut tx) = (Connection::server(Config::default()), SendBuf::new());
    /// ws.send(Message::binary(vec![1; 10_000]), &mut tx)?;
    /// ws.send_text("next", &mut tx)?;
    /// let lengths: Vec<usize> = tx.slices().map(<[u8]>::len).collect();
    /// assert_eq!(lengths, [4, 10_000, 6]);
    /// # Ok::<(), websans::SendError>(())
    /// ```
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        // Nothing goes out behind a payload that is not complete.
        let count = self.announced.map_or(usize::MAX, |payload| payload.index + 1);
        let last = match self.announced {
            None => self.buf.get(self.pieces.back().map_or(self.sent, |piece| piece.at)..),
            Some(_) => None,
        };
        let pieces = self.pieces.iter().take(count).scan(self.sent, |from, piece| {
            let before = self.buf.get(*from..piece.at).unwrap_or_default();
            *from = piece.at;
            Some([before, piece.rest()])
        });
        pieces.flatten().chain(last).filter(|slice| !slice.is_empty())
    }

    /// [`slices`](Self::slices), as many as `into` holds, for a vectored write: how many they are.
    ///
    /// ```
    /// use std::io::{IoSlice, Write};
    /// use websans::{Config, Connection, Message, SendBuf};
    ///
    /// let (mut ws, mut tx) = (Connection::server(Config::default()), SendBuf::new());
    /// ws.send(Message::binary(vec![1; 10_000]), &mut tx)?;
    /// let mut socket = Vec::new();
    /// let mut slices = [IoSlice::new(&[]); 16];
    /// let count = tx.io_slices(&mut slices);
    /// let written = socket.write_vectored(&slices[..count])?;
    /// tx.consume(written);
    /// assert!(tx.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "std")]
    pub fn io_slices<'a>(&'a self, into: &mut [std::io::IoSlice<'a>]) -> usize {
        let filled = into.iter_mut().zip(self.slices()).map(|(to, slice)| {
            *to = std::io::IoSlice::new(slice);
        });
        filled.count()
    }

    /// Writes all that waits, up to what is missing of an announced payload: how many bytes that
    /// was. Payloads that were not copied go out in vectored writes.
    ///
    /// Errors are the transport's; `Interrupted` is tried again, and what was written before an
    /// error (`WouldBlock`, say) is gone from the buffer.
    #[cfg(feature = "std")]
    pub fn write_to(
        &mut self,
        transport: &mut (impl std::io::Write + ?Sized),
    ) -> std::io::Result<usize> {
        let mut written = 0;
        while !self.as_slice().is_empty() {
            let n = if self.pieces.is_empty() {
                write_some(|| transport.write(self.as_slice()))?
            } else {
                let mut slices = [std::io::IoSlice::new(&[]); 32];
                let count = self.io_slices(&mut slices);
                let slices = slices.get(..count).unwrap_or_default();
                write_some(|| transport.write_vectored(slices))?
            };
            self.consume(n);
            written += n;
        }
        Ok(written)
    }
}

#[cfg(feature = "std")]
fn write_some(mut write: impl FnMut() -> std::io::Result<usize>) -> std::io::Result<usize> {
    loop {
        match write() {
            Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// What can be written now.
#[cfg(feature = "bytes")]
impl bytes::Buf for SendBuf {
    fn remaining(&self) -> usize {
        self.slices().map(<[u8]>::len).sum()
    }

    fn chunk(&self) -> &[u8] {
        self.as_slice()
    }

    fn advance(&mut self, n: usize) {
        self.consume(n);
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, into: &mut [std::io::IoSlice<'a>]) -> usize {
        self.io_slices(into)
    }
}

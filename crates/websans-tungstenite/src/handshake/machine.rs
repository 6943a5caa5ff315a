//! Reads a head from the transport, or writes one, in as many calls as it takes.

use std::io::{self, Cursor, Read, Write};

use bytes::Buf;

use super::READ;
use crate::buffer::ReadBuffer;
use crate::error::{Error, ProtocolError, Result};
use crate::util::NonBlockingResult;

/// The longest head. It is read in linear time however it is cut, so that its length is the only
/// thing to limit.
const MAX_HEAD: usize = 64 << 10;

/// A transport, and what is read from it or written to it.
#[derive(Debug)]
pub struct HandshakeMachine<Stream> {
    stream: Stream,
    state: HandshakeState,
}

#[derive(Debug)]
enum HandshakeState {
    Reading {
        buffer: ReadBuffer<READ>,
        /// How much of it there was at the last try to parse it.
        tried: usize,
        /// How much of it has been looked at for an end.
        seen: usize,
    },
    Writing(Cursor<Vec<u8>>),
    Flushing,
}

impl<Stream> HandshakeMachine<Stream> {
    /// Reads from the peer.
    pub fn start_read(stream: Stream) -> Self {
        Self {
            stream,
            state: HandshakeState::Reading { buffer: ReadBuffer::new(), tried: 0, seen: 0 },
        }
    }

    /// Writes to the peer.
    pub fn start_write<D: Into<Vec<u8>>>(stream: Stream, data: D) -> Self {
        Self { stream, state: HandshakeState::Writing(Cursor::new(data.into())) }
    }

    /// The transport.
    pub fn get_ref(&self) -> &Stream {
        &self.stream
    }

    /// The transport.
    pub fn get_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }
}

impl<Stream: Read + Write> HandshakeMachine<Stream> {
    /// Reads once, writes once or flushes once.
    pub fn single_round<Obj: TryParse>(self) -> Result<RoundResult<Obj, Stream>> {
        self.round().map_err(|(error, _)| error)
    }

    /// The same, and the transport with an error.
    pub(super) fn round<Obj: TryParse>(self) -> Result<RoundResult<Obj, Stream>, (Error, Stream)> {
        let Self { mut stream, state } = self;
        match state {
            HandshakeState::Reading { mut buffer, tried, seen } => {
                match buffer.read_from(&mut stream).no_block() {
                    Ok(None) => Ok(RoundResult::WouldBlock(Self {
                        stream,
                        state: HandshakeState::Reading { buffer, tried, seen },
                    })),
                    Ok(Some(0)) => Err((ProtocolError::HandshakeIncomplete.into(), stream)),
                    Ok(Some(_)) => Self::parse(stream, buffer, tried, seen),
                    Err(error) => Err((error.into(), stream)),
                }
            }
            HandshakeState::Writing(mut bytes) => {
                if bytes.has_remaining() {
                    match stream.write(bytes.chunk()).no_block() {
                        Ok(None) => {
                            let state = HandshakeState::Writing(bytes);
                            return Ok(RoundResult::WouldBlock(Self { stream, state }));
                        }
                        Ok(Some(0)) => {
                            let error = io::Error::from(io::ErrorKind::WriteZero);
                            return Err((error.into(), stream));
                        }
                        Ok(Some(n)) => bytes.advance(n.min(bytes.remaining())),
                        Err(error) => return Err((error.into(), stream)),
                    }
                }
                let state = if bytes.has_remaining() {
                    HandshakeState::Writing(bytes)
                } else {
                    HandshakeState::Flushing
                };
                Ok(RoundResult::Incomplete(Self { stream, state }))
            }
            HandshakeState::Flushing => match stream.flush().no_block() {
                Ok(Some(())) => Ok(RoundResult::StageFinished(StageResult::DoneWriting(stream))),
                Ok(None) => {
                    Ok(RoundResult::WouldBlock(Self { stream, state: HandshakeState::Flushing }))
                }
                Err(error) => Err((error.into(), stream)),
            },
        }
    }

    fn parse<Obj: TryParse>(
        stream: Stream,
        mut buffer: ReadBuffer<READ>,
        tried: usize,
        seen: usize,
    ) -> Result<RoundResult<Obj, Stream>, (Error, Stream)> {
        let bytes = buffer.chunk();
        if bytes.len() > MAX_HEAD {
            return Err((Error::AttackAttempt, stream));
        }
        let (len, worth_it) = (bytes.len(), Obj::worth_trying(bytes, tried, seen));
        match if worth_it { Obj::try_parse(bytes) } else { Ok(None) } {
            Ok(Some((size, result))) => {
                buffer.advance(size);
                let tail = buffer.into_vec();
                Ok(RoundResult::StageFinished(StageResult::DoneReading { result, stream, tail }))
            }
            Ok(None) => {
                let tried = if worth_it { len } else { tried };
                let state = HandshakeState::Reading { buffer, tried, seen: len };
                Ok(RoundResult::Incomplete(Self { stream, state }))
            }
            Err(error) => Err((error, stream)),
        }
    }
}

/// How far a round came.
#[derive(Debug)]
pub enum RoundResult<Obj, Stream> {
    /// Not at all: the transport would block.
    WouldBlock(HandshakeMachine<Stream>),
    /// There is more to do.
    Incomplete(HandshakeMachine<Stream>),
    /// All is read, or written.
    StageFinished(StageResult<Obj, Stream>),
}

/// What was read or written.
#[derive(Debug)]
pub enum StageResult<Obj, Stream> {
    /// A head was read.
    DoneReading {
        /// What it says.
        result: Obj,
        /// The transport.
        stream: Stream,
        /// What came after it.
        tail: Vec<u8>,
    },
    /// All is written and flushed.
    DoneWriting(Stream),
}

/// What can be read as a head.
pub trait TryParse: Sized {
    /// The value that `data` begins with, and its length; `None` if it is not complete.
    fn try_parse(data: &[u8]) -> Result<Option<(usize, Self)>>;

    /// Whether `data` can be complete or wrong, given that its first `tried` bytes were neither, and
    /// that its first `seen` bytes were not worth trying.
    #[doc(hidden)]
    fn worth_trying(_data: &[u8], _tried: usize, _seen: usize) -> bool {
        true
    }
}

/// For heads, which end with an empty line: so that the time for all tries is linear in the length,
/// but what is no HTTP is found soon.
pub(super) fn worth_trying_head(data: &[u8], tried: usize, seen: usize) -> bool {
    let unseen = data.get(seen.saturating_sub(2)..).unwrap_or_default();
    tried == 0
        || data.len() >= tried * 2
        || unseen.windows(2).any(|two| two == b"\n\n")
        || unseen.windows(3).any(|three| three == b"\n\r\n")
}

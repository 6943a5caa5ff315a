//! A transport that may be encrypted, chosen when the program runs.

use std::fmt::{self, Debug};
use std::io::{self, Read, Write};
use std::net::TcpStream;
#[cfg(feature = "__rustls-tls")]
use std::ops::Deref;

/// Whether a connection is to be encrypted.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// `ws`
    Plain,
    /// `wss`
    Tls,
}

/// A transport over TCP, which can be told not to wait for more before it sends.
pub trait NoDelay {
    /// Sets `TCP_NODELAY`.
    fn set_nodelay(&mut self, nodelay: bool) -> io::Result<()>;
}

impl NoDelay for TcpStream {
    fn set_nodelay(&mut self, nodelay: bool) -> io::Result<()> {
        Self::set_nodelay(self, nodelay)
    }
}

#[cfg(feature = "native-tls")]
impl<S: Read + Write + NoDelay> NoDelay for native_tls_crate::TlsStream<S> {
    fn set_nodelay(&mut self, nodelay: bool) -> io::Result<()> {
        self.get_mut().set_nodelay(nodelay)
    }
}

#[cfg(feature = "__rustls-tls")]
impl<S, SD, T> NoDelay for rustls::StreamOwned<S, T>
where
    S: Deref<Target = rustls::ConnectionCommon<SD>>,
    SD: rustls::SideData,
    T: Read + Write + NoDelay,
{
    fn set_nodelay(&mut self, nodelay: bool) -> io::Result<()> {
        self.sock.set_nodelay(nodelay)
    }
}

/// A transport that is encrypted, or not.
#[non_exhaustive]
pub enum MaybeTlsStream<S: Read + Write> {
    /// Not encrypted.
    Plain(S),
    /// Encrypted by `native-tls`.
    #[cfg(feature = "native-tls")]
    NativeTls(native_tls_crate::TlsStream<S>),
    /// Encrypted by `rustls`.
    #[cfg(feature = "__rustls-tls")]
    Rustls(rustls::StreamOwned<rustls::ClientConnection, S>),
}

/// The same expression for whichever stream there is.
macro_rules! each {
    ($self:expr, $stream:ident => $result:expr) => {
        match $self {
            Self::Plain($stream) => $result,
            #[cfg(feature = "native-tls")]
            Self::NativeTls($stream) => $result,
            #[cfg(feature = "__rustls-tls")]
            Self::Rustls($stream) => $result,
        }
    };
}

impl<S: Read + Write + Debug> Debug for MaybeTlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(stream) => f.debug_tuple("MaybeTlsStream::Plain").field(stream).finish(),
            #[cfg(feature = "native-tls")]
            Self::NativeTls(stream) => {
                f.debug_tuple("MaybeTlsStream::NativeTls").field(stream).finish()
            }
            #[cfg(feature = "__rustls-tls")]
            Self::Rustls(stream) => f
                .debug_struct("MaybeTlsStream::Rustls")
                .field("conn", &stream.conn)
                .field("sock", &stream.sock)
                .finish(),
        }
    }
}

impl<S: Read + Write> Read for MaybeTlsStream<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        each!(self, stream => stream.read(buf))
    }
}

impl<S: Read + Write> Write for MaybeTlsStream<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        each!(self, stream => stream.write(buf))
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        each!(self, stream => stream.write_vectored(bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        each!(self, stream => stream.flush())
    }
}

impl<S: Read + Write + NoDelay> NoDelay for MaybeTlsStream<S> {
    fn set_nodelay(&mut self, nodelay: bool) -> io::Result<()> {
        each!(self, stream => stream.set_nodelay(nodelay))
    }
}

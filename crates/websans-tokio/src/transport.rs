//! What `connect` opens: TCP, or TLS over it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use websans::WsUri;

use crate::error::Error;
use crate::options::Options;
#[cfg(feature = "rustls")]
use crate::tls;

/// The transport of a connection made by [`connect`](crate::connect).
#[derive(Debug)]
pub struct Transport(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    #[cfg(feature = "rustls")]
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl Transport {
    /// The TCP socket, as for its addresses.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        match &self.0 {
            Kind::Tcp(stream) => stream,
            #[cfg(feature = "rustls")]
            Kind::Tls(stream) => stream.get_ref().0,
        }
    }

    pub(crate) async fn connect(uri: &WsUri, options: &Options) -> Result<Self, Error> {
        #[cfg(not(feature = "rustls"))]
        if uri.is_secure() {
            return Err(Error::TlsMissing);
        }
        let stream = TcpStream::connect((uri.host(), uri.port())).await.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot connect to {}: {error}", uri.authority()))
        })?;
        // Disable Nagle's algorithm: each frame is written whole, so waiting only adds delay.
        stream.set_nodelay(true)?;
        #[cfg(feature = "rustls")]
        if uri.is_secure() {
            let stream = tls::connect(uri, stream, options.tls.as_ref()).await?;
            return Ok(Self(Kind::Tls(Box::new(stream))));
        }
        #[cfg(not(feature = "rustls"))]
        let _ = options;
        Ok(Self(Kind::Tcp(stream)))
    }
}

/// Does the same with whichever stream there is.
macro_rules! with {
    ($transport:expr, $stream:ident => $action:expr) => {
        match &mut $transport.get_mut().0 {
            Kind::Tcp($stream) => {
                let $stream = Pin::new($stream);
                $action
            }
            #[cfg(feature = "rustls")]
            Kind::Tls($stream) => {
                let $stream = Pin::new($stream);
                $action
            }
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        with!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        with!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        with!(self, stream => stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Kind::Tcp(stream) => stream.is_write_vectored(),
            #[cfg(feature = "rustls")]
            Kind::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self, stream => stream.poll_shutdown(cx))
    }
}

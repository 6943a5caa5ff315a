//! What `connect` opens: TCP, or TLS over it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use websans::WsUri;

use crate::error::Error;
use crate::options::Options;

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
}

pub(crate) async fn connect(uri: &WsUri, options: &Options) -> Result<Transport, Error> {
    #[cfg(not(feature = "rustls"))]
    if uri.is_secure() {
        return Err(Error::TlsMissing);
    }
    let stream = TcpStream::connect((uri.host(), uri.port())).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot connect to {}: {error}", uri.authority()))
    })?;
    // Frames are written whole: to wait for more would only delay them.
    stream.set_nodelay(true)?;
    #[cfg(feature = "rustls")]
    if uri.is_secure() {
        return tls::connect(uri, stream, options.tls.clone()).await;
    }
    #[cfg(not(feature = "rustls"))]
    let _ = options;
    Ok(Transport(Kind::Tcp(stream)))
}

#[cfg(feature = "rustls")]
mod tls {
    use std::sync::{Arc, OnceLock};

    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
    use websans::WsUri;

    use super::{Kind, Transport};
    use crate::error::Error;

    pub(super) async fn connect(
        uri: &WsUri,
        stream: TcpStream,
        config: Option<Arc<ClientConfig>>,
    ) -> Result<Transport, Error> {
        let config = match config {
            Some(config) => config,
            None => default_config().map_err(|error| Error::Tls(error.into()))?,
        };
        let name = ServerName::try_from(uri.host().to_owned())
            .map_err(|error| Error::Tls(error.into()))?;
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        Ok(Transport(Kind::Tls(Box::new(stream))))
    }

    /// One for all connections: they resume the sessions of those before.
    fn default_config() -> Result<Arc<ClientConfig>, rustls::Error> {
        static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        if let Some(config) = CONFIG.get() {
            return Ok(Arc::clone(config));
        }
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))))
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

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self, stream => stream.poll_shutdown(cx))
    }
}

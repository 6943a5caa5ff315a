//! A client over TLS, if its URL asks for it.

use std::io::{Read, Write};

use crate::client::{IntoClientRequest, client_with_config, uri_mode};
use crate::error::{Error, Result, TlsError, UrlError};
use crate::handshake::HandshakeError;
use crate::handshake::client::{ClientHandshake, Response};
use crate::protocol::{WebSocket, WebSocketConfig};
use crate::stream::{MaybeTlsStream, Mode};

/// Which kind of TLS, and with which settings.
#[non_exhaustive]
#[allow(missing_debug_implementations)] // as in tungstenite: native-tls has none
pub enum Connector {
    /// None: `wss` is refused.
    Plain,
    /// `native-tls`.
    #[cfg(feature = "native-tls")]
    NativeTls(native_tls_crate::TlsConnector),
    /// `rustls`.
    #[cfg(feature = "__rustls-tls")]
    Rustls(std::sync::Arc<rustls::ClientConfig>),
}

type ConnectError<S> = HandshakeError<ClientHandshake<MaybeTlsStream<S>>>;

/// Makes the opening handshake over `stream`, over TLS before that if the URL is `wss`.
pub fn client_tls<R, S>(
    request: R,
    stream: S,
) -> Result<(WebSocket<MaybeTlsStream<S>>, Response), ConnectError<S>>
where
    R: IntoClientRequest,
    S: Read + Write,
{
    client_tls_with_config(request, stream, None, None)
}

/// [`client_tls`] with settings, and a connector. By default it is `native-tls`, if its feature is on,
/// and `rustls` otherwise.
pub fn client_tls_with_config<R, S>(
    request: R,
    stream: S,
    config: Option<WebSocketConfig>,
    connector: Option<Connector>,
) -> Result<(WebSocket<MaybeTlsStream<S>>, Response), ConnectError<S>>
where
    R: IntoClientRequest,
    S: Read + Write,
{
    let request = request.into_client_request()?;
    let host = request.uri().host().ok_or(Error::Url(UrlError::NoHostName))?;
    // RFC 3986 §3.2.2: the brackets are not part of the address.
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let stream = match uri_mode(request.uri())? {
        Mode::Plain => MaybeTlsStream::Plain(stream),
        Mode::Tls => encrypt(stream, host, connector)?,
    };
    client_with_config(request, stream, config)
}

fn encrypt<S: Read + Write>(
    stream: S,
    host: &str,
    connector: Option<Connector>,
) -> Result<MaybeTlsStream<S>> {
    match connector {
        Some(Connector::Plain) => Err(Error::Url(UrlError::TlsFeatureNotEnabled)),
        #[cfg(feature = "native-tls")]
        Some(Connector::NativeTls(connector)) => native_tls(stream, host, &connector),
        #[cfg(feature = "__rustls-tls")]
        Some(Connector::Rustls(config)) => rustls(stream, host, config),
        #[cfg(feature = "native-tls")]
        None => {
            let connector = native_tls_crate::TlsConnector::new().map_err(TlsError::from)?;
            native_tls(stream, host, &connector)
        }
        #[cfg(not(feature = "native-tls"))]
        None => rustls(stream, host, std::sync::Arc::new(rustls_config()?)),
    }
}

#[cfg(feature = "native-tls")]
fn native_tls<S: Read + Write>(
    stream: S,
    host: &str,
    connector: &native_tls_crate::TlsConnector,
) -> Result<MaybeTlsStream<S>> {
    use native_tls_crate::HandshakeError as E;
    match connector.connect(host, stream) {
        Ok(stream) => Ok(MaybeTlsStream::NativeTls(stream)),
        Err(E::Failure(error)) => Err(TlsError::from(error).into()),
        // What is half-way cannot be handed out by this signature.
        Err(E::WouldBlock(_)) => Err(Error::Io(std::io::ErrorKind::WouldBlock.into())),
    }
}

#[cfg(feature = "__rustls-tls")]
fn rustls<S: Read + Write>(
    stream: S,
    host: &str,
    config: std::sync::Arc<rustls::ClientConfig>,
) -> Result<MaybeTlsStream<S>> {
    let name = rustls_pki_types::ServerName::try_from(host)
        .map_err(|_| TlsError::InvalidDnsName)?
        .to_owned();
    let client = rustls::ClientConnection::new(config, name).map_err(TlsError::from)?;
    Ok(MaybeTlsStream::Rustls(rustls::StreamOwned::new(client, stream)))
}

/// Trusts the roots that the features say.
#[cfg(all(feature = "__rustls-tls", not(feature = "native-tls")))]
fn rustls_config() -> Result<rustls::ClientConfig> {
    #[allow(unused_mut)]
    let mut roots = rustls::RootCertStore::empty();
    #[cfg(feature = "rustls-tls-native-roots")]
    {
        let loaded = rustls_native_certs::load_native_certs();
        for error in &loaded.errors {
            log::warn!("a root certificate of the system cannot be loaded: {error}");
        }
        if cfg!(not(feature = "rustls-tls-webpki-roots")) && loaded.certs.is_empty() {
            let message = format!("no root certificates on this system: {:?}", loaded.errors);
            return Err(std::io::Error::new(std::io::ErrorKind::NotFound, message).into());
        }
        let (added, ignored) = roots.add_parsable_certificates(loaded.certs);
        log::debug!("{added} root certificates of the system, and {ignored} that were ignored");
    }
    #[cfg(feature = "rustls-tls-webpki-roots")]
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Ok(rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

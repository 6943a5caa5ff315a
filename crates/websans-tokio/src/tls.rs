//! TLS for `wss://`, by rustls with ring.

use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use websans::WsUri;

use crate::error::Error;

/// One serves any number of connections, which resume the sessions of those before.
pub(crate) type Config = Arc<ClientConfig>;

pub(crate) async fn connect(
    uri: &WsUri,
    stream: TcpStream,
    config: Option<&Config>,
) -> Result<TlsStream<TcpStream>, Error> {
    let config = match config {
        Some(config) => Arc::clone(config),
        None => default_config()?,
    };
    let name = ServerName::try_from(uri.host().to_owned()).map_err(error)?;
    Ok(TlsConnector::from(config).connect(name, stream).await?)
}

/// Trusts these certificates, in PEM, and no others.
pub(crate) fn trusting(pem: &[u8]) -> Result<Config, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(error)?).map_err(error)?;
    }
    if roots.is_empty() {
        return Err(error("no certificate in PEM was given"));
    }
    with_roots(roots).map_err(error)
}

fn default_config() -> Result<Config, Error> {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = with_roots(roots).map_err(error)?;
    Ok(Arc::clone(CONFIG.get_or_init(|| config)))
}

fn with_roots(roots: RootCertStore) -> Result<Config, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn error(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Tls(error.into())
}

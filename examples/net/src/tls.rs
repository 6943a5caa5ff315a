//! A server's certificate: rustls with `ring`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;

use crate::command_line::Failure;

/// How long the handshake of TLS may take.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// A server's settings, with a new certificate for this machine that nobody has signed but itself.
/// It is written to `cert`, for clients that are to trust it. `alpn` are the protocols spoken over
/// TLS, such as `h2`.
pub fn self_signed(cert: Option<&Path>, alpn: &[&str]) -> Result<Arc<ServerConfig>, Failure> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names)?;
    if let Some(path) = cert {
        std::fs::write(path, made.cert.pem())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    config.alpn_protocols = alpn.iter().map(|name| Vec::from(*name)).collect();
    Ok(Arc::new(config))
}

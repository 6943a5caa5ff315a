//! Extensions of the protocol (RFC 6455 §9), of which there is one: permessage-deflate (RFC 7692).
//!
//! What is not in tungstenite has here the names that it has in its forks with compression.

pub mod compression;

use websans::Connection;

use self::compression::deflate::DeflateConfig;
use crate::protocol::Role;

/// Which extensions an endpoint offers or accepts in its handshake; after the handshake, which were
/// agreed on.
///
/// Given to [`from_raw_socket`](crate::WebSocket::from_raw_socket) it is what was agreed on elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtensionsConfig {
    /// permessage-deflate, with its parameters. Default `None`: it costs memory for each connection,
    /// and compressing secrets together with what others may choose gives the secrets away (CRIME).
    pub permessage_deflate: Option<DeflateConfig>,
}

/// A connection after a handshake that agreed on just this.
pub(crate) fn connection(
    role: Role,
    config: websans::Config,
    agreed: &ExtensionsConfig,
) -> Connection {
    let deflate =
        agreed.permessage_deflate.map(|deflate| (deflate.settings(), deflate.parameters()));
    match (role, deflate) {
        (Role::Server, None) => Connection::server(config),
        (Role::Client, None) => Connection::client(config),
        (Role::Server, Some((settings, agreed))) => {
            Connection::server_with(config.permessage_deflate(settings), agreed)
        }
        (Role::Client, Some((settings, agreed))) => {
            Connection::client_with(config.permessage_deflate(settings), agreed)
        }
    }
}

#[cfg(feature = "handshake")]
mod handshake {
    use http::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_EXTENSIONS};

    use super::ExtensionsConfig;
    use crate::error::{ProtocolError, Result};

    /// For those who make the handshake themselves, as web frameworks do.
    impl ExtensionsConfig {
        /// A client's offer: the value of its `Sec-WebSocket-Extensions`, or `None` where nothing is
        /// offered.
        pub fn offer(&self) -> Result<Option<HeaderValue>> {
            let Some(deflate) = &self.permessage_deflate else { return Ok(None) };
            Ok(Some(HeaderValue::try_from(deflate.settings().offer())?))
        }

        /// A server's answer to what a client's request offers: what is agreed on, and the value of
        /// `Sec-WebSocket-Extensions` in the response. `None` where nothing is agreed on, and the
        /// response has no such field.
        ///
        /// ```
        /// use tungstenite::extensions::{ExtensionsConfig, compression::deflate::DeflateConfig};
        ///
        /// let request = http::Request::get("/chat")
        ///     .header("Sec-WebSocket-Extensions", "permessage-deflate; server_max_window_bits=10")
        ///     .body(())?;
        /// let mut ours = ExtensionsConfig::default();
        /// assert!(ours.accept_offers(request.headers()).is_none());
        ///
        /// ours.permessage_deflate = Some(DeflateConfig::default());
        /// let (agreed, answer) = ours.accept_offers(request.headers()).unwrap();
        /// assert_eq!(answer, "permessage-deflate; server_max_window_bits=10");
        /// assert_eq!(agreed.permessage_deflate.unwrap().server_max_window_bits().get(), 10);
        /// // … send the response, and give a config with `agreed` to `from_raw_socket`.
        /// # Ok::<(), http::Error>(())
        /// ```
        #[must_use]
        pub fn accept_offers(&self, request: &HeaderMap) -> Option<(Self, HeaderValue)> {
            let deflate = self.permessage_deflate.as_ref()?;
            // An offer that cannot be understood is no reason to refuse the connection.
            let (agreed, answer) = deflate.settings().accept_offers(&joined(request)?).ok()??;
            let answer = HeaderValue::try_from(answer).ok()?;
            Some((Self { permessage_deflate: Some(deflate.agreed(agreed)) }, answer))
        }

        /// A client's check of what a server's response agrees to: what is agreed on.
        ///
        /// Errors: [`ProtocolError::InvalidHeader`], when it was not offered, or not like that.
        pub fn agreed_in(&self, response: &HeaderMap) -> Result<Self> {
            let (Some(deflate), Some(answer)) = (&self.permessage_deflate, joined(response)) else {
                return Ok(Self { permessage_deflate: None });
            };
            let agreed = deflate
                .settings()
                .check_answer(&answer)
                .map_err(|_| ProtocolError::InvalidHeader(Box::new(SEC_WEBSOCKET_EXTENSIONS)))?;
            Ok(Self { permessage_deflate: Some(deflate.agreed(agreed)) })
        }
    }

    /// RFC 9110 §5.3: fields of one name are one list.
    fn joined(headers: &HeaderMap) -> Option<Vec<u8>> {
        let values: Vec<&[u8]> =
            headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().map(HeaderValue::as_bytes).collect();
        (!values.is_empty()).then(|| values.join(&b", "[..]))
    }
}

//! The opening handshake (RFC 6455 §4): one HTTP request and its response, after which the same
//! bytes of the transport are frames.
//!
//! CONNECTING is a type of its own, [`ServerHandshake`] or [`ClientHandshake`], that yields what
//! the peer sent, and that in turn becomes a [`Connection`](crate::Connection).

mod accept_key;
mod body;
mod client;
mod error;
mod extensions;
mod fields;
mod head;
#[cfg(feature = "http")]
mod http_bytes;
#[cfg(feature = "http")]
mod http_crate;
mod negotiation;
mod outgoing;
mod request;
mod response;
mod server;
mod uri;

pub use self::accept_key::accept_key;
pub use self::client::ClientHandshake;
pub use self::error::{HandshakeError, HeadPart, InvalidHandshake, InvalidUri};
pub use self::extensions::{Extension, ExtensionParam, ExtensionParams, Extensions};
pub use self::fields::Headers;
pub use self::outgoing::{Rejection, Request, Response};
pub use self::request::IncomingRequest;
pub use self::response::IncomingResponse;
pub use self::server::ServerHandshake;
pub use self::uri::WsUri;

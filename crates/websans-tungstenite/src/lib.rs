#![doc = include_str!("../README.md")]

#[cfg(feature = "handshake")]
pub use http;

pub mod buffer;
#[cfg(feature = "handshake")]
pub mod client;
pub mod error;
pub mod extensions;
#[cfg(feature = "handshake")]
pub mod handshake;
pub mod protocol;
#[cfg(feature = "handshake")]
mod server;
pub mod stream;
#[cfg(all(any(feature = "native-tls", feature = "__rustls-tls"), feature = "handshake"))]
mod tls;
pub mod util;
mod version;

pub use crate::error::{Error, Result};
pub use crate::protocol::frame::Utf8Bytes;
pub use crate::protocol::{Message, WebSocket};
pub use bytes::Bytes;

#[cfg(feature = "handshake")]
pub use crate::client::{ClientRequestBuilder, client, connect};
#[cfg(feature = "handshake")]
pub use crate::handshake::HandshakeError;
#[cfg(feature = "handshake")]
pub use crate::handshake::client::ClientHandshake;
#[cfg(feature = "handshake")]
pub use crate::handshake::server::ServerHandshake;
#[cfg(feature = "handshake")]
pub use crate::server::{accept, accept_hdr, accept_hdr_with_config, accept_with_config};

#[cfg(all(any(feature = "native-tls", feature = "__rustls-tls"), feature = "handshake"))]
pub use crate::tls::{Connector, client_tls, client_tls_with_config};

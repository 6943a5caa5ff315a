#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod handshake;
mod message;
mod options;
mod read_half;
mod shared;
mod transport;
mod websocket;
mod write_half;

use tokio::io::{AsyncRead, AsyncWrite};

pub use bytes::Bytes;
pub use bytestring::ByteString;
#[cfg(feature = "rustls")]
pub use tokio_rustls;
pub use websans;
pub use websans::{
    AgreedDeflate, CloseCode, Config, HandshakeError, IncomingRequest, InvalidHandshake,
    KeepaliveConfig, PermessageDeflate, PreparedMessage, Rejection, Request, Response, SendError,
};

pub use error::{Deadline, Error, Refused};
pub use message::Message;
pub use options::Options;
pub use read_half::ReadHalf;
pub use transport::Transport;
pub use websocket::{CloseFrame, ReuniteError, WebSocket};
pub use write_half::WriteHalf;

/// Connects to a server by its URI, with the defaults: [`Options::connect`].
pub async fn connect(uri: &str) -> Result<WebSocket<Transport>, Error> {
    Options::new().connect(&Request::new(uri)?).await
}

/// Makes a client's opening handshake over a transport that is connected already, with the
/// defaults: [`Options::client`].
pub async fn client<S: AsyncRead + AsyncWrite + Unpin>(
    request: &Request,
    stream: S,
) -> Result<WebSocket<S>, Error> {
    Options::new().client(request, stream).await
}

/// Makes a server's opening handshake, with the defaults: [`Options::accept`].
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Result<WebSocket<S>, Error> {
    Options::new().accept(stream).await
}

#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod driver;
mod error;
mod halves;
mod handshake;
mod message;
mod options;
mod pool;
mod shutdown;
#[cfg(feature = "rustls")]
mod tls;
mod transport;
mod websocket;

use tokio::io::{AsyncRead, AsyncWrite};

pub use bytes::Bytes;
pub use bytestring::ByteString;
pub use websans;
pub use websans::{
    AgreedDeflate, CloseCode, Config, Deadlines, HandshakeError, IncomingRequest, InvalidHandshake,
    PermessageDeflate, PreparedMessage, Rejection, Request, Response, SendError,
};

pub use error::{Deadline, Error, Refused};
pub use halves::{ReadHalf, ReuniteError, WriteHalf};
pub use message::{CloseFrame, Message, Part};
pub use options::Options;
pub use shutdown::Shutdown;
pub use transport::Transport;
pub use websocket::WebSocket;

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

//! A connection after its opening handshake.

mod config;
mod context;
pub mod frame;
mod message;
mod outgoing;
mod spare;

use std::io::{Read, Write};

pub use self::config::WebSocketConfig;
pub use self::context::WebSocketContext;
pub use self::frame::CloseFrame;
pub use self::message::Message;
use crate::error::Result;

/// Which endpoint we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The endpoint that accepted the connection.
    Server,
    /// The endpoint that opened it.
    Client,
}

/// A connection with its transport, which may block or not.
///
/// ```no_run
/// # fn main() -> tungstenite::Result<()> {
/// let (mut socket, _) = tungstenite::connect("ws://127.0.0.1:9001")?;
/// socket.send("Hello".into())?;
/// println!("{}", socket.read()?);
/// socket.close(None)?;
/// while socket.read().is_ok() {}
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WebSocket<Stream> {
    socket: Stream,
    context: WebSocketContext,
}

impl<Stream> WebSocket<Stream> {
    /// Over a transport whose handshake was made elsewhere. `config.extensions` is what it agreed on.
    ///
    /// # Panics
    ///
    /// As [`WebSocketContext::new`].
    pub fn from_raw_socket(stream: Stream, role: Role, config: Option<WebSocketConfig>) -> Self {
        Self { socket: stream, context: WebSocketContext::new(role, config) }
    }

    /// The same, with bytes that were read after the handshake.
    ///
    /// # Panics
    ///
    /// As [`WebSocketContext::new`].
    pub fn from_partially_read(
        stream: Stream,
        part: Vec<u8>,
        role: Role,
        config: Option<WebSocketConfig>,
    ) -> Self {
        let context = WebSocketContext::from_partially_read(part, role, config);
        Self { socket: stream, context }
    }

    /// The transport.
    pub fn into_inner(self) -> Stream {
        self.socket
    }

    /// The transport.
    pub fn get_ref(&self) -> &Stream {
        &self.socket
    }

    /// The transport.
    pub fn get_mut(&mut self) -> &mut Stream {
        &mut self.socket
    }

    /// Changes limits: [`WebSocketContext::set_config`].
    ///
    /// # Panics
    ///
    /// As [`WebSocketContext::new`].
    pub fn set_config(&mut self, set_func: impl FnOnce(&mut WebSocketConfig)) {
        self.context.set_config(set_func);
    }

    /// The settings, with what was agreed on in `extensions`.
    pub fn get_config(&self) -> &WebSocketConfig {
        self.context.get_config()
    }

    /// Whether messages may still come: the peer has not closed, and the connection has not failed.
    pub fn can_read(&self) -> bool {
        self.context.can_read()
    }

    /// Whether messages may still be sent: neither endpoint has closed, and the connection has not
    /// failed.
    pub fn can_write(&self) -> bool {
        self.context.can_write()
    }
}

impl<Stream: Read + Write> WebSocket<Stream> {
    /// The next message: [`WebSocketContext::read`].
    pub fn read(&mut self) -> Result<Message> {
        self.context.read(&mut self.socket)
    }

    /// [`write`](Self::write) and [`flush`](Self::flush).
    pub fn send(&mut self, message: Message) -> Result<()> {
        self.write(message)?;
        self.flush()
    }

    /// Queues a message, and writes what is queued if it has become much:
    /// [`WebSocketContext::write`].
    pub fn write(&mut self, message: Message) -> Result<()> {
        self.context.write(&mut self.socket, message)
    }

    /// Writes what is queued, and flushes the transport: [`WebSocketContext::flush`].
    pub fn flush(&mut self) -> Result<()> {
        self.context.flush(&mut self.socket)
    }

    /// Begins the closing handshake: [`WebSocketContext::close`].
    pub fn close(&mut self, code: Option<CloseFrame>) -> Result<()> {
        self.context.close(&mut self.socket, code)
    }

    /// [`read`](Self::read).
    #[deprecated(note = "Use `read`")]
    pub fn read_message(&mut self) -> Result<Message> {
        self.read()
    }

    /// [`send`](Self::send).
    #[deprecated(note = "Use `send`")]
    pub fn write_message(&mut self, message: Message) -> Result<()> {
        self.send(message)
    }

    /// [`flush`](Self::flush).
    #[deprecated(note = "Use `flush`")]
    pub fn write_pending(&mut self) -> Result<()> {
        self.flush()
    }
}

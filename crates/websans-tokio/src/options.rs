//! What holds for connections.

use websans::{Config, Deadlines};

#[cfg(feature = "rustls")]
use crate::error::Error;
use crate::shutdown::{Member, Shutdown};

/// What holds for a connection, and how to make one with it. One value serves any number of them.
///
/// ```
/// use std::time::Duration;
/// use websans_tokio::{Config, Deadlines, Options, PermessageDeflate};
///
/// let options = Options::new()
///     .config(
///         Config::default()
///             .max_message_size(1 << 20)
///             .permessage_deflate(PermessageDeflate::default()),
///     )
///     .deadlines(Deadlines::default().ping_interval(Duration::from_secs(5)));
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) config: Config,
    pub(crate) deadlines: Deadlines,
    pub(crate) write_buffer: usize,
    pub(crate) shutdown: Option<Shutdown>,
    #[cfg(feature = "rustls")]
    pub(crate) tls: Option<crate::tls::Config>,
}

impl Options {
    /// The defaults, each explained at its setter.
    #[must_use]
    pub fn new() -> Self {
        Self {
            config: Config::default().max_queued(None),
            deadlines: Deadlines::default(),
            write_buffer: 64 << 10,
            shutdown: None,
            #[cfg(feature = "rustls")]
            tls: None,
        }
    }

    /// The limits on what is received, and permessage-deflate. The defaults are those of
    /// [`Config`]: messages of at most 16 MiB, no compression.
    ///
    /// [`write_buffer`](Self::write_buffer) takes the place of [`Config::max_queued`], and
    /// [`deadlines`](Self::deadlines) that of [`Config::deadlines`].
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config.max_queued(None).deadlines(self.deadlines);
        self
    }

    /// The deadlines: of the opening handshake (with name lookup and TLS), of pongs, messages, writes
    /// and of the closing handshake, and how often to ping. They take the place of
    /// [`Config::deadlines`]. The defaults are those of [`Deadlines`].
    #[must_use]
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self.config = self.config.deadlines(deadlines);
        self
    }

    /// How many bytes may wait to be written before sending waits for the transport. Default
    /// 64 KiB; 0 means that every message waits for those before it.
    ///
    /// A message of any size is taken while no more than this waits, so that at most this and one
    /// message is held.
    #[must_use]
    pub fn write_buffer(mut self, bytes: usize) -> Self {
        self.write_buffer = bytes;
        self
    }

    /// Lets this handle close the connections. Default: none does.
    #[must_use]
    pub fn shutdown(mut self, shutdown: &Shutdown) -> Self {
        self.shutdown = Some(shutdown.clone());
        self
    }

    /// Trusts these certificates, in PEM, and no others when [`connect`](Self::connect) speaks TLS.
    /// Default: Mozilla's root certificates.
    ///
    /// For any other need of TLS, such as certificates of a client, hand a stream of your own to
    /// [`client`](Self::client).
    ///
    /// Errors: [`Error::Tls`] where `pem` has no certificate, or one that is malformed.
    #[cfg(feature = "rustls")]
    pub fn trusted_certificates(mut self, pem: &[u8]) -> Result<Self, Error> {
        self.tls = Some(crate::tls::trusting(pem)?);
        Ok(self)
    }
}

impl Options {
    /// The seat of a connection in the group that is closed together, if there is one.
    pub(crate) fn join(&self) -> Option<Member> {
        self.shutdown.as_ref().map(Shutdown::join)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation
    )
)]

extern crate alloc;

mod buffer;
mod close;
mod config;
mod connection;
mod deadlines;
mod deflate;
mod error;
mod event;
pub mod frame;
pub mod guide;
mod handshake;
pub mod mask;
mod masking_key;
mod message;
mod payload;
mod reply;
mod session;
pub mod utf8;

pub use buffer::{BufferConfig, RecvBuf, SendBuf};
pub use close::{CloseCode, CloseFrame, MAX_REASON_LEN};
pub use config::Config;
pub use connection::{
    CloseEvent, CloseStatus, Connection, NotOneConnection, Reader, Role, State, Writer,
};
pub use deadlines::Deadlines;
pub use deflate::{AgreedDeflate, PermessageDeflate};
pub use error::{Error, SendError, Timeout};
pub use event::{Event, Part, PartialEvent};
pub use handshake::*;
pub use masking_key::{MaskingKeySource, NoEntropy};
pub use message::{Message, PreparedMessage};
pub use payload::{Payload, TextPayload};
pub use reply::Reply;
pub use session::{Io, PartialSessionEvent, Session, SessionError, SessionEvent};

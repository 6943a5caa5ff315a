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
mod deflate;
mod error;
mod event;
pub mod frame;
mod handshake;
mod keepalive;
pub mod mask;
mod masking_key;
mod message;
mod payload;
pub mod utf8;

pub use buffer::{BufferConfig, RecvBuf, SendBuf};
pub use close::{CloseCode, CloseFrame, MAX_REASON_LEN};
pub use config::Config;
pub use connection::{CloseStatus, Connection, Reader, Role, State, Writer};
pub use deflate::{AgreedDeflate, PermessageDeflate};
pub use error::{Error, SendError};
pub use event::{Event, Part, PartialEvent, Reply};
pub use handshake::*;
pub use keepalive::{Keepalive, KeepaliveConfig, Timeout};
pub use masking_key::{MaskingKeySource, NoEntropy};
pub use message::{Message, PreparedMessage};
pub use payload::{Payload, TextPayload};

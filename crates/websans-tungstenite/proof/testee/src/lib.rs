//! What server and client have in common. The page on compression is compiled and run as a test:
#![doc = include_str!("../../../COMPRESSION.md")]

use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// permessage-deflate with its defaults, and everything else as tungstenite has it.
pub fn config() -> WebSocketConfig {
    let mut config = WebSocketConfig::default();
    config.extensions.permessage_deflate = Some(Default::default());
    config
}

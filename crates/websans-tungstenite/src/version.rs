//! In what tungstenite 0.29 and 0.30 differ. The build script of the package for 0.29 sets
//! `tungstenite_0_29`.
//!
//! Beside this file it is asked for once: `ProtocolError::InvalidSecWebSocketKey` is new in 0.30.

/// What a server says of a `Sec-WebSocket-Key` that is not 16 bytes in base64: 0.30 refuses it, 0.29
/// takes it as it is.
#[cfg(all(feature = "handshake", not(tungstenite_0_29)))]
pub(crate) fn invalid_key() -> Option<crate::error::ProtocolError> {
    Some(crate::error::ProtocolError::InvalidSecWebSocketKey)
}

#[cfg(all(feature = "handshake", tungstenite_0_29))]
pub(crate) fn invalid_key() -> Option<crate::error::ProtocolError> {
    None
}

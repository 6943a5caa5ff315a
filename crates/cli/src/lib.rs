//! What the command line client stands on, for other programs of this repository that are clients,
//! too. Only the program is meant for others.
//!
//! - [`connect`]: a client's way to the server, through a proxy and through TLS;
//! - [`tls`]: whose certificates a client trusts;
//! - [`link`]: drives a session over a transport of tokio;
//! - [`transport`]: what frames are spoken over;
//! - [`command_line`]: arguments, and what is said when something goes wrong.

pub mod command_line;
pub mod connect;
pub mod link;
pub mod tls;
pub mod transport;

//! WebSockets over tokio.

//! A bare `Connection` over a blocking socket: an echo as the Autobahn testsuite wants it, and no
//! deadlines. Programs for the open network use a `Session`.

use std::error::Error;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use websans::{Connection, Event, Message, RecvBuf, SendBuf, SendError};

/// How long to wait for the peer to close TCP.
const LINGER: Duration = Duration::from_secs(2);

/// Sends every message back until the connection ends. Returns the first text message that came.
pub(crate) fn echo(
    mut socket: TcpStream,
    mut ws: Connection,
    mut rx: RecvBuf,
    mut tx: SendBuf,
) -> Result<Option<String>, Box<dyn Error>> {
    let mut first = None;
    let result = loop {
        let ended = loop {
            let message = match ws.next_event(&mut rx, &mut tx) {
                Ok(Some(Event::Text(text))) => {
                    first.get_or_insert_with(|| text.to_owned());
                    Message::text(text)
                }
                Ok(Some(Event::Binary(data))) => Message::binary(data),
                Ok(Some(Event::Ping(_) | Event::Pong(_))) => continue,
                Ok(Some(Event::Close(_))) => break Some(Ok(first.take())),
                Ok(None) => break None,
                Err(error) => break Some(Err(error.into())),
            };
            let mut sent = ws.send(message.clone(), &mut tx);
            if let Err(SendError::Full { .. }) = sent {
                tx.write_to(&mut socket)?;
                sent = ws.send(message, &mut tx);
            }
            sent?;
        };
        // The echoes, the pongs, and at last the close frame.
        tx.write_to(&mut socket)?;
        if let Some(result) = ended {
            break result;
        }
        if rx.read_from(&mut socket)? == 0 {
            ws.handle_eof();
        }
    };
    // A socket that is closed while something is unread resets TCP, and the reset may overtake what
    // was written. That the peer has reset it first is nothing unusual.
    let _ = socket.shutdown(Shutdown::Write);
    let _ = socket.set_read_timeout(Some(LINGER));
    let _ = io::copy(&mut socket, &mut io::sink());
    result
}

//! The opening handshake, over a transport.

use std::future::poll_fn;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use websans::{
    ClientHandshake, Connection, IncomingRequest, IncomingResponse, RecvBuf, Rejection, Request,
    Response, SendBuf, ServerHandshake,
};

use crate::error::{Error, Refused};
use crate::options::Options;
use crate::shared::poll_read;
use crate::websocket::WebSocket;

pub(crate) async fn client<S: AsyncRead + AsyncWrite + Unpin>(
    request: &Request,
    mut stream: S,
    options: &Options,
) -> Result<WebSocket<S>, Error> {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut handshake = ClientHandshake::new(request, options.config, &mut tx)?;
    write(&mut stream, &mut tx).await?;
    let connection = loop {
        if let Some(response) = handshake.next_response(&mut rx)? {
            break into_connection(response)?;
        }
        if read(&mut stream, &mut rx).await? == 0 {
            handshake.handle_eof();
        }
    };
    Ok(WebSocket::new(stream, connection, rx, tx, options))
}

fn into_connection(response: IncomingResponse<'_>) -> Result<Connection, Error> {
    if response.is_accepted() {
        return Ok(response.into_connection()?);
    }
    let headers = response.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Err(Error::Refused(Box::new(Refused {
        status: response.status(),
        headers: headers.collect(),
        body: response.body().to_owned(),
    })))
}

pub(crate) async fn accept<'a, S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    options: &Options,
    decide: impl FnOnce(&IncomingRequest<'_>) -> Result<Response<'a>, Rejection<'a>>,
) -> Result<WebSocket<S>, Error> {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut handshake = ServerHandshake::new(options.config);
    let accepted = loop {
        match handshake.next_request(&mut rx, &mut tx) {
            Ok(Some(request)) => break answer(&request, decide, &mut tx),
            Ok(None) => {}
            Err(error) => break Err(error.into()),
        }
        if read(&mut stream, &mut rx).await? == 0 {
            handshake.handle_eof();
        }
    };
    write(&mut stream, &mut tx).await?;
    match accepted {
        Ok(connection) => Ok(WebSocket::new(stream, connection, rx, tx, options)),
        Err(error) => {
            // Whatever becomes of the transport, why there is no connection is known.
            let _ = end(stream).await;
            Err(error)
        }
    }
}

fn answer<'a>(
    request: &IncomingRequest<'_>,
    decide: impl FnOnce(&IncomingRequest<'_>) -> Result<Response<'a>, Rejection<'a>>,
    tx: &mut SendBuf,
) -> Result<Connection, Error> {
    match decide(request) {
        Ok(response) => request.accept(&response, tx).map_err(|error| {
            // It is the application that is wrong, and the client need not know how.
            if let Ok(rejection) = Rejection::new(500) {
                request.reject(&rejection, tx);
            }
            error.into()
        }),
        Err(rejection) => {
            request.reject(&rejection, tx);
            Err(Error::Rejected)
        }
    }
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S, rx: &mut RecvBuf) -> io::Result<usize> {
    poll_fn(|cx| poll_read(stream, cx, rx)).await
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, tx: &mut SendBuf) -> io::Result<()> {
    stream.write_all(tx.as_slice()).await?;
    tx.clear();
    tx.release();
    stream.flush().await
}

/// Closes the transport such that what was written arrives: to close TCP while something that the
/// peer has sent is unread would reset it, and a reset may overtake the data before it.
async fn end<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> io::Result<()> {
    stream.shutdown().await?;
    let mut ignored = RecvBuf::new();
    while read(&mut stream, &mut ignored).await? > 0 {
        ignored.clear();
    }
    Ok(())
}

//! The opening handshake, over a transport.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use websans::{
    ClientHandshake, IncomingRequest, IncomingResponse, RecvBuf, Rejection, Request, Response,
    SendBuf, ServerHandshake, Session, SessionEvent,
};

use crate::driver::Driver;
use crate::error::{Deadline, Error, Refused};
use crate::options::Options;
use crate::shutdown::Shutdown;
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// Making connections.
impl Options {
    /// Connects to a server: over TCP, and TLS if the URI begins with `wss://`.
    ///
    /// ```no_run
    /// # async fn f() -> Result<(), websans_tokio::Error> {
    /// use websans_tokio::{Options, Request};
    ///
    /// let request = Request::new("ws://127.0.0.1:9001/chat")?
    ///     .header("Authorization", "Bearer Q2hhdA")?
    ///     .subprotocol("chat")?;
    /// let ws = Options::new().connect(&request).await?;
    /// assert_eq!(ws.subprotocol(), Some("chat"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Errors: [`Error::Io`], [`Error::Handshake`], [`Error::Refused`], [`Error::Timeout`],
    /// [`Error::TlsMissing`], [`Error::Tls`], [`Error::ShuttingDown`].
    pub async fn connect(&self, request: &Request) -> Result<WebSocket<Transport>, Error> {
        let (start, opening) = (Instant::now(), self.opening(request)?);
        let transport = unless_closing(self.shutdown.as_ref(), async {
            Transport::connect(request.uri(), self).await
        });
        let transport = Box::pin(transport);
        let stream = match opening.0.next_timeout().and_then(|at| start.checked_add(at)) {
            None => transport.await,
            Some(at) => {
                timeout_at(at, transport).await.unwrap_or(Err(Error::Timeout(Deadline::Handshake)))
            }
        }?;
        self.finish(opening, stream, start).await
    }

    /// Makes a client's opening handshake over a transport that is connected already: TLS of
    /// another kind, a proxy, a Unix socket.
    ///
    /// A TCP socket is best set to `set_nodelay(true)`: frames are written whole.
    pub async fn client<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        request: &Request,
        stream: S,
    ) -> Result<WebSocket<S>, Error> {
        self.finish(self.opening(request)?, stream, Instant::now()).await
    }

    /// Makes a server's opening handshake, for whatever path and from whatever origin.
    ///
    /// A TCP socket is best set to `set_nodelay(true)`: frames are written whole.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> Result<WebSocket<S>, Error> {
        self.accept_with(stream, |_| Ok(Response::new())).await
    }

    /// Makes a server's opening handshake, and lets the application decide on the request: by its
    /// path, its origin, its header fields. Then this returns the connection, or
    /// [`Error::Rejected`] when the rejection has been sent.
    ///
    /// ```no_run
    /// # async fn f(socket: tokio::net::TcpStream) -> Result<(), websans_tokio::Error> {
    /// use websans_tokio::{Options, Rejection, Response};
    ///
    /// let not_found = Rejection::new(404)?.body("no such service\n")?;
    /// let forbidden = Rejection::new(403)?;
    /// let ws = Options::new()
    ///     .accept_with(socket, |request| match request.path() {
    ///         "/chat" if request.is_same_origin() => {
    ///             Ok(Response::new().subprotocol(request.choose_subprotocol(&["chat"])))
    ///         }
    ///         "/chat" => Err(forbidden),
    ///         _ => Err(not_found),
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn accept_with<'a, S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        decide: impl FnOnce(&IncomingRequest<'_>) -> Result<Response<'a>, Rejection<'a>>,
    ) -> Result<WebSocket<S>, Error> {
        let session = Session::server(ServerHandshake::new(self.config), Duration::ZERO);
        let mut decide = Some(decide);
        let (rx, tx) = (RecvBuf::new(), SendBuf::new());
        let driver = Driver::new(stream, session, rx, tx, Instant::now(), self.join());
        let is_closing = || self.shutdown.as_ref().is_some_and(Shutdown::is_closing);
        let driver = open(driver, |event, session, tx| match (event, decide.take()) {
            (SessionEvent::Request(_), Some(_)) if is_closing() => {
                session.reject(&Rejection::new(503)?, tx)?;
                Err(Error::ShuttingDown)
            }
            (SessionEvent::Request(request), Some(decide)) => answer(&request, decide, session, tx),
            _ => Ok(()),
        });
        Ok(WebSocket::new(driver.await?, self))
    }

    /// A client's session, and the request that it has queued. Its time begins now.
    fn opening(&self, request: &Request) -> Result<(Session, SendBuf), Error> {
        let mut tx = SendBuf::new();
        let handshake = ClientHandshake::new(request, self.config, &mut tx)?;
        Ok((Session::client(handshake, Duration::ZERO), tx))
    }

    async fn finish<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        (session, tx): (Session, SendBuf),
        stream: S,
        start: Instant,
    ) -> Result<WebSocket<S>, Error> {
        let driver = Driver::new(stream, session, RecvBuf::new(), tx, start, self.join());
        let driver = open(driver, |event, _, _| match event {
            SessionEvent::Refused(response) => Err(refused(&response)),
            _ => Ok(()),
        });
        Ok(WebSocket::new(driver.await?, self))
    }
}

/// What `future` returns, unless a shutdown begins before that.
async fn unless_closing<T>(
    shutdown: Option<&Shutdown>,
    future: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Some(shutdown) = shutdown else { return future.await };
    let (mut future, mut begun) = (pin!(future), pin!(shutdown.begun()));
    poll_fn(|cx| match begun.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(Err(Error::ShuttingDown)),
        Poll::Pending => future.as_mut().poll(cx),
    })
    .await
}

/// Drives the opening handshake. It is on the heap while it lasts, so that the future of the caller,
/// which may live for long, does not have room for it.
async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    driver: Driver<S>,
    mut handle: impl FnMut(SessionEvent<'_>, &mut Session, &mut SendBuf) -> Result<(), Error>,
) -> Result<Driver<S>, Error> {
    let mut driver = Box::new(driver);
    let mut failed = None;
    poll_fn(|cx| driver.poll_open(cx, &mut failed, &mut handle)).await?;
    Ok(*driver)
}

fn refused(response: &IncomingResponse<'_>) -> Error {
    let headers = response.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Error::Refused(Box::new(Refused {
        status: response.status(),
        headers: headers.collect(),
        body: response.body().to_owned(),
    }))
}

fn answer<'a>(
    request: &IncomingRequest<'_>,
    decide: impl FnOnce(&IncomingRequest<'_>) -> Result<Response<'a>, Rejection<'a>>,
    session: &mut Session,
    tx: &mut SendBuf,
) -> Result<(), Error> {
    let rejection = match decide(request) {
        Ok(response) => match session.accept(request, &response, tx) {
            Ok(()) => return Ok(()),
            // It is the application that is wrong, and the client need not know how.
            Err(error) => {
                session.reject(&Rejection::new(500)?, tx)?;
                return Err(error.into());
            }
        },
        Err(rejection) => rejection,
    };
    session.reject(&rejection, tx)?;
    Err(Error::Rejected)
}

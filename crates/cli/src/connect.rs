//! A client's way to the server: TCP, through a proxy if there is one, and TLS for `wss`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_socks::tcp::Socks5Stream;
use websans::WsUri;

use crate::command_line::Failure;
use crate::transport::Transport;

/// How long finding the server's addresses may take, and how long trying them all.
const DEADLINE: Duration = Duration::from_secs(4);

/// How long a proxy's answer may be.
const MAX_HEAD: usize = 16 << 10;

/// What stands between us and the server.
#[derive(Clone, Debug)]
pub struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    credentials: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// HTTP/1.1 CONNECT (RFC 9110 §9.3.6).
    Http,
    /// SOCKS5 (RFC 1928); the proxy finds the address of the server.
    Socks5,
}

impl std::str::FromStr for Proxy {
    type Err = Failure;

    /// `http://[USER:PASSWORD@]HOST[:PORT]`, or `socks5://`; the credentials percent-encoded.
    fn from_str(text: &str) -> Result<Self, Failure> {
        let invalid = || Failure::from("a proxy is http://HOST:PORT or socks5://HOST:PORT");
        let uri: http::Uri = text.parse().map_err(|_| invalid())?;
        let (kind, default_port) = match uri.scheme_str() {
            Some("http") => (Kind::Http, 8080),
            Some("socks5" | "socks5h") => (Kind::Socks5, 1080),
            _ => return Err(invalid()),
        };
        let authority = uri.authority().ok_or_else(invalid)?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(String::from);
        let credentials = match authority.as_str().rsplit_once('@') {
            None => None,
            Some((userinfo, _)) => {
                let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
                Some((decoded(user)?, decoded(password)?))
            }
        };
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        Ok(Self { kind, host, port: authority.port_u16().unwrap_or(default_port), credentials })
    }
}

/// Opens what frames are to be spoken over.
pub async fn open(
    uri: &WsUri,
    proxy: Option<&Proxy>,
    tls: &Arc<ClientConfig>,
) -> Result<Box<dyn Transport>, Failure> {
    let stream = match proxy {
        None => tcp(uri.host(), uri.port()).await?,
        Some(proxy) => through(proxy, uri).await?,
    };
    if uri.is_secure() {
        Ok(Box::new(secure(uri, stream, tls).await?))
    } else {
        Ok(Box::new(stream))
    }
}

/// TLS with the server, whose certificate must be for the host of the URI.
pub async fn secure(
    uri: &WsUri,
    stream: TcpStream,
    tls: &Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Failure> {
    let name = ServerName::try_from(uri.host().to_owned())?;
    let connected = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
    connected.map_err(|error| format!("no TLS with {}: {error}", uri.authority()).into())
}

/// Tries each of the addresses that the host's name stands for.
pub async fn tcp(host: &str, port: u16) -> Result<TcpStream, Failure> {
    let not_found =
        |error: &dyn std::fmt::Display| Failure::from(format!("cannot find {host}: {error}"));
    let addresses: Vec<SocketAddr> = timeout(DEADLINE, lookup_host((host, port)))
        .await
        .map_err(|_| not_found(&"no answer in time"))?
        .map_err(|error| not_found(&error))?
        .collect();
    let time = DEADLINE / u32::try_from(addresses.len().max(1))?;
    let mut failure = not_found(&"it has no address");
    for address in addresses {
        let connected = timeout(time, TcpStream::connect(address)).await;
        match connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                // Frames are written whole: to wait for more would only delay them.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = format!("cannot connect to {address}: {error}").into(),
        }
    }
    Err(failure)
}

async fn through(proxy: &Proxy, uri: &WsUri) -> Result<TcpStream, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::from(format!("proxy: {error}"));
    let mut stream = tcp(&proxy.host, proxy.port).await.map_err(|error| failed(&error))?;
    match proxy.kind {
        Kind::Http => {
            let connected = http_connect(&mut stream, proxy, uri).await;
            connected.map_err(|error| failed(&error))?;
            Ok(stream)
        }
        Kind::Socks5 => {
            let target = (uri.host(), uri.port());
            let connected = match &proxy.credentials {
                None => Socks5Stream::connect_with_socket(stream, target).await,
                Some((user, password)) => {
                    Socks5Stream::connect_with_password_and_socket(stream, target, user, password)
                        .await
                }
            };
            connected.map(Socks5Stream::into_inner).map_err(|error| failed(&error))
        }
    }
}

async fn http_connect(stream: &mut TcpStream, proxy: &Proxy, uri: &WsUri) -> Result<(), Failure> {
    let host =
        if uri.host().contains(':') { format!("[{}]", uri.host()) } else { uri.host().into() };
    let place = format!("{host}:{}", uri.port());
    let credentials = proxy.credentials.as_ref().map_or(String::new(), |(user, password)| {
        let basic = STANDARD.encode(format!("{user}:{password}")); // RFC 7617
        format!("Proxy-Authorization: Basic {basic}\r\n")
    });
    let request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{credentials}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    loop {
        if head.len() > MAX_HEAD || stream.read_buf(&mut head).await? == 0 {
            return Err("it has not answered as an HTTP proxy does".into());
        }
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(len) = response.parse(&head)? else { continue };
        return match response.code {
            // RFC 9110 §9.3.6: what follows is of the tunnel; and the server has been asked for
            // nothing yet.
            Some(200..=299) if len == head.len() => Ok(()),
            Some(200..=299) => Err("it has said more than that there is a tunnel".into()),
            code => Err(format!(
                "it refuses with status {} {}",
                code.unwrap_or_default(),
                response.reason.unwrap_or_default()
            )
            .into()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies() -> Result<(), Failure> {
        let proxy: Proxy = "http://proxy.example".parse()?;
        assert_eq!(
            (proxy.kind, proxy.host.as_str(), proxy.port),
            (Kind::Http, "proxy.example", 8080)
        );
        assert_eq!(proxy.credentials, None);
        let proxy: Proxy = "socks5://us%20er:p%40ss%2F:@[::1]:9".parse()?;
        assert_eq!((proxy.kind, proxy.host.as_str(), proxy.port), (Kind::Socks5, "::1", 9));
        assert_eq!(proxy.credentials, Some(("us er".to_owned(), "p@ss/:".to_owned())));
        Ok(())
    }

    #[test]
    fn what_is_no_proxy() {
        for text in
            ["", "proxy.example:8080", "https://proxy.example", "socks4://a", "http://", "/"]
        {
            assert!(text.parse::<Proxy>().is_err(), "{text:?}");
        }
    }
}

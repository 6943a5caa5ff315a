//! A proxy that forwards every byte as it is, but for the fields of the request that name the
//! server, and shows the frames as they pass.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::fs::{File, create_dir_all};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use websans_cli::command_line::{Failure, complain};
use websans_cli::connect;
use websans_cli::transport::interrupts;

use super::frames::Inspector;
use crate::options::Target;
use crate::serve::print_listening;

/// How long the client's request may take.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);

/// How long a request may be.
const MAX_REQUEST: usize = 64 << 10;

pub(super) struct Options {
    pub(super) target: Target,
    pub(super) addr: String,
    /// How much of each payload is shown.
    pub(super) shown: usize,
    /// Where to write what each end sends.
    pub(super) record: Option<PathBuf>,
    pub(super) no_deflate: bool,
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let options = Arc::new(options);
    if let Some(folder) = &options.record {
        let made = create_dir_all(folder).await;
        made.map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    }
    let listener = TcpListener::bind(&options.addr)
        .await
        .map_err(|error| format!("cannot listen at {}: {error}", options.addr))?;
    let mut interrupts = interrupts();
    // So that it is heard from now on.
    tokio::task::yield_now().await;
    print_listening(&format!("ws://{}", listener.local_addr()?))?;
    let (mut tasks, mut number, start) = (JoinSet::new(), 0, Instant::now());
    loop {
        select! {
            result = interrupts.recv() => return result.unwrap_or(Ok(())).map_err(Failure::from),
            _ = tasks.join_next(), if !tasks.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    number += 1;
                    let view = View { number, start };
                    view.show("·", &format!("connected from {from}"));
                    let options = Arc::clone(&options);
                    tasks.spawn(async move {
                        match forward(stream, &options, view).await {
                            Ok(()) => view.show("·", "ended"),
                            Err(failure) => view.show("·", &format!("! {failure}")),
                        }
                    });
                }
                Err(error) => {
                    complain(&format!("cannot take a connection: {error}"));
                    sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
}

/// How the lines of one connection begin.
#[derive(Clone, Copy)]
struct View {
    number: u64,
    start: Instant,
}

impl View {
    fn show(self, mark: &str, line: &str) {
        let seconds = self.start.elapsed().as_secs_f64();
        let line = format!("{seconds:10.6} #{} {mark} {line}\n", self.number);
        // Whoever has read enough still has a proxy.
        let _ = io::Write::write_all(&mut io::stdout().lock(), line.as_bytes());
    }
}

async fn forward(mut client: TcpStream, options: &Options, view: View) -> Result<(), Failure> {
    client.set_nodelay(true)?;
    let request = timeout(REQUEST_DEADLINE, read_head(&mut client)).await;
    let request = request.map_err(|_| "no request in time")??;
    let uri = options.target.request.uri();
    let request = rewrite(&request, uri.authority(), options.no_deflate);
    let mut server = match connect::open(uri, None, &options.target.tls).await {
        Ok(server) => server,
        Err(failure) => {
            let answer =
                b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            client.write_all(answer).await?;
            return Err(failure);
        }
    };
    server.write_all(&request).await?;
    server.flush().await?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = tokio::io::split(server);
    let mut up = Way::new(view, "→", options, "client").await?;
    let mut down = Way::new(view, "←", options, "server").await?;
    up.saw(&request).await?;
    let (up, down) =
        tokio::join!(up.copy(from_client, to_server), down.copy(from_server, to_client));
    up.and(down).map_err(|error| format!("the connection broke: {error}").into())
}

/// Everything up to the end of the head, and what came with it.
async fn read_head(client: &mut TcpStream) -> Result<Vec<u8>, Failure> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if head.len() > MAX_REQUEST || client.read_buf(&mut head).await? == 0 {
            return Err("that was no request".into());
        }
    }
    Ok(head)
}

/// The request as the server is to see it: `Host` names it, and extensions may be taken out.
fn rewrite(request: &[u8], authority: &str, no_extensions: bool) -> Vec<u8> {
    let len = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(0);
    let (head, rest) = request.split_at_checked(len).unwrap_or((request, &[]));
    let mut rewritten = Vec::new();
    for line in head.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        if name.eq_ignore_ascii_case(b"host") {
            rewritten.extend(format!("Host: {authority}\r\n").as_bytes());
        } else if !(no_extensions && name.eq_ignore_ascii_case(b"sec-websocket-extensions")) {
            rewritten.extend(line);
            rewritten.extend(b"\r\n");
        }
    }
    // The last line of the head has its end already.
    rewritten.extend(rest.strip_prefix(b"\r\n").unwrap_or(rest));
    rewritten
}

/// One direction of a connection.
struct Way {
    view: View,
    mark: &'static str,
    inspector: Inspector,
    record: Option<File>,
}

impl Way {
    async fn new(
        view: View,
        mark: &'static str,
        options: &Options,
        end: &str,
    ) -> Result<Self, Failure> {
        let record = match &options.record {
            None => None,
            Some(folder) => {
                let path = folder.join(format!("{}-{end}", view.number));
                let file = File::create(&path).await;
                Some(file.map_err(|error| format!("cannot write {}: {error}", path.display()))?)
            }
        };
        Ok(Self { view, mark, inspector: Inspector::new(options.shown), record })
    }

    /// Shows and records bytes that pass.
    async fn saw(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(record) = &mut self.record {
            record.write_all(bytes).await?;
            record.flush().await?;
        }
        for line in self.inspector.feed(&mut bytes.to_vec()) {
            self.view.show(self.mark, &line);
        }
        Ok(())
    }

    /// Forwards until the end of what comes.
    async fn copy(
        &mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut chunk = vec![0; 64 << 10];
        loop {
            let n = from.read(&mut chunk).await?;
            let bytes = chunk.get(..n).unwrap_or_default();
            if bytes.is_empty() {
                for line in self.inspector.end() {
                    self.view.show(self.mark, &line);
                }
                return to.shutdown().await;
            }
            self.saw(bytes).await?;
            to.write_all(bytes).await?;
            to.flush().await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_the_server_and_is_else_the_same() {
        let request = b"GET /a HTTP/1.1\r\nhost: here\r\nSec-WebSocket-Extensions: x\r\n\r\n\x81";
        let kept = b"GET /a HTTP/1.1\r\nHost: there:1\r\nSec-WebSocket-Extensions: x\r\n\r\n\x81";
        assert_eq!(rewrite(request, "there:1", false), kept);
        assert_eq!(rewrite(request, "there", true), b"GET /a HTTP/1.1\r\nHost: there\r\n\r\n\x81");
    }
}

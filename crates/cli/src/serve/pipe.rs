//! A program for each connection.

use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::select;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use websans::{CloseCode, SessionEvent};

use super::{MAX_QUEUED, Peer, after_close, closing, go_away, stopped};

/// How long a program may go on without its connection.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How long a line of the program may be.
const MAX_LINE: u64 = 32 << 20;

#[derive(Clone, Debug)]
pub(super) struct Program {
    name: OsString,
    arguments: Vec<OsString>,
    binary: bool,
}

/// What the program says.
enum Said {
    Text(String),
    Binary(Vec<u8>),
}

impl Program {
    pub(super) fn new(name: &OsString, arguments: &[OsString], binary: bool) -> Self {
        Self { name: name.clone(), arguments: arguments.to_vec(), binary }
    }

    /// Runs the program for a connection until either ends, and says how.
    pub(super) async fn serve(&self, peer: &mut Peer, stop: &mut watch::Receiver<bool>) -> String {
        let started = Command::new(&self.name)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let pipes = started.map(|mut child| {
            let pipes = (child.stdin.take(), child.stdout.take());
            (child, pipes)
        });
        let (mut child, stdin, stdout) = match pipes {
            Ok((child, (Some(stdin), Some(stdout)))) => (child, stdin, stdout),
            failed => {
                let problem = failed.err().map_or("no pipes".into(), |error| error.to_string());
                let _ = peer.ws.close(CloseCode::INTERNAL_ERROR, "", &mut peer.tx);
                return format!("cannot start {}: {problem}", self.name.to_string_lossy());
            }
        };
        // Each holds one message, and no more.
        let (to_program, from_peer) = mpsc::channel(1);
        let (to_peer, from_program) = mpsc::channel(1);
        let writing = tokio::spawn(write_input(stdin, from_peer));
        let reading = tokio::spawn(read_output(stdout, to_peer, self.binary));
        let ended = self.converse(peer, stop, to_program, from_program, &mut child).await;
        reading.abort();
        // The end of its input lets the program end by itself.
        if timeout(LAST_WORDS, async {
            let _ = writing.await;
            child.wait().await
        })
        .await
        .is_err()
        {
            let _ = child.start_kill();
            let _ = child.wait().await;
        }
        ended
    }

    async fn converse(
        &self,
        peer: &mut Peer,
        stop: &mut watch::Receiver<bool>,
        to_program: mpsc::Sender<Vec<u8>>,
        mut from_program: mpsc::Receiver<Said>,
        child: &mut Child,
    ) -> String {
        let mut unwritten: Option<Vec<u8>> = None;
        let mut deaf = false;
        loop {
            while unwritten.is_none() {
                match peer.ws.next_event(&mut peer.rx, &mut peer.tx) {
                    // A program that reads no more may still speak.
                    Ok(Some(SessionEvent::Text(_) | SessionEvent::Binary(_))) if deaf => {}
                    Ok(Some(SessionEvent::Text(text))) => {
                        let end: &[u8] = if self.binary { b"" } else { b"\n" };
                        unwritten = Some([text.as_bytes(), end].concat());
                    }
                    Ok(Some(SessionEvent::Binary(data))) if self.binary => {
                        unwritten = Some(data.to_owned());
                    }
                    Ok(Some(SessionEvent::Binary(_))) => {
                        let reason = "lines of text are served here";
                        let _ = peer.ws.close(CloseCode::UNSUPPORTED_DATA, reason, &mut peer.tx);
                        deaf = true;
                    }
                    Ok(Some(SessionEvent::Close(frame))) => return closing(&frame),
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => return peer.failure(error).to_string(),
                }
            }
            let reading = unwritten.is_none();
            let can_send = peer.ws.is_open() && peer.tx.len() < MAX_QUEUED;
            select! {
                room = to_program.reserve(), if !reading => match (room, unwritten.take()) {
                    (Ok(room), Some(message)) => room.send(message),
                    _ => deaf = true,
                },
                more = peer.step(reading) => if !more { return "gone".into() },
                said = from_program.recv(), if can_send => {
                    let sent = match said {
                        Some(Said::Text(text)) => peer.ws.send_text(&text, &mut peer.tx),
                        Some(Said::Binary(data)) => peer.ws.send_binary(&data, &mut peer.tx),
                        None => {
                            let (code, reason) = judge(timeout(LAST_WORDS, child.wait()).await.ok().and_then(Result::ok));
                            peer.ws.close(code, &reason, &mut peer.tx)
                        }
                    };
                    if let Err(error) = sent.or_else(after_close) {
                        return error.to_string();
                    }
                }
                () = stopped(stop), if peer.ws.is_open() => go_away(peer),
            }
        }
    }
}

/// The close code and reason for the end of the program's output.
fn judge(ended: Option<ExitStatus>) -> (CloseCode, String) {
    let Some(status) = ended else {
        return (CloseCode::INTERNAL_ERROR, "the program has closed its output".to_owned());
    };
    if status.success() {
        (CloseCode::NORMAL_CLOSURE, String::new())
    } else {
        (CloseCode::INTERNAL_ERROR, format!("the program ended: {status}"))
    }
}

async fn write_input(mut stdin: ChildStdin, mut messages: mpsc::Receiver<Vec<u8>>) {
    while let Some(message) = messages.recv().await {
        // The program may read no more, and still speak.
        if stdin.write_all(&message).await.and(stdin.flush().await).is_err() {
            return;
        }
    }
}

async fn read_output(stdout: ChildStdout, said: mpsc::Sender<Said>, binary: bool) {
    let mut stdout = BufReader::new(stdout);
    loop {
        let mut bytes = Vec::new();
        let read = if binary {
            bytes.reserve(64 << 10);
            stdout.read_buf(&mut bytes).await
        } else {
            (&mut stdout).take(MAX_LINE).read_until(b'\n', &mut bytes).await
        };
        if !matches!(read, Ok(1..)) {
            return;
        }
        let said_now = if binary {
            Said::Binary(bytes)
        } else {
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            }
            Said::Text(String::from_utf8_lossy(&bytes).into_owned())
        };
        if said.send(said_now).await.is_err() {
            return;
        }
    }
}

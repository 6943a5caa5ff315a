//! Standard input and output, each in a thread of its own: systems have no other way to wait for
//! them that works for files, pipes and terminals alike.

use std::io::{self, BufRead, Read, Write};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;
use websans_cli::command_line::Failure;

/// The longest line to send: a file without line ends is not to fill the memory.
const MAX_LINE: u64 = 64 << 20;

/// The largest binary message to send.
const CHUNK: usize = 64 << 10;

/// What is to be sent.
#[derive(Debug)]
pub(crate) enum Item {
    Text(String),
    Binary(Vec<u8>),
}

/// Standard input. It reads one message ahead, and no more.
pub(crate) struct Input {
    items: mpsc::Receiver<io::Result<Item>>,
    /// Why it ended, if that was no end.
    failure: Option<io::Error>,
}

impl Input {
    pub(crate) fn start(binary: bool) -> io::Result<Self> {
        let (sender, items) = mpsc::channel(1);
        thread::Builder::new().spawn(move || {
            let mut stdin = io::stdin().lock();
            loop {
                let item = if binary { read_chunk(&mut stdin) } else { read_line(&mut stdin) };
                let Some(item) = item.transpose() else { return };
                let is_last = item.is_err();
                if sender.blocking_send(item).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self { items, failure: None })
    }

    /// The next message; `None` at the end, even if that is an error.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        match self.items.recv().await {
            Some(Ok(item)) => Some(item),
            Some(Err(error)) => {
                self.failure = Some(error);
                None
            }
            None => None,
        }
    }

    /// Why it ended, if that was no end.
    pub(crate) fn failure(self) -> Option<io::Error> {
        self.failure
    }
}

/// The next line, without its end.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Item>> {
    let mut line = Vec::new();
    if input.take(MAX_LINE + 1).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 > MAX_LINE {
        return Err(io::Error::other(format!("a line is longer than {MAX_LINE} bytes")));
    }
    String::from_utf8(line).map(|line| Some(Item::Text(line))).map_err(io::Error::other)
}

fn read_chunk(input: &mut impl Read) -> io::Result<Option<Item>> {
    let mut chunk = vec![0; CHUNK];
    let n = loop {
        match input.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result?,
        }
    };
    chunk.truncate(n);
    Ok((n > 0).then_some(Item::Binary(chunk)))
}

/// Standard output. It holds one message, and no more.
pub(crate) struct Output {
    binary: bool,
    messages: mpsc::Sender<Vec<u8>>,
    thread: JoinHandle<io::Result<()>>,
}

impl Output {
    /// Text messages end with the end of a line, unless this is for `binary` messages.
    pub(crate) fn start(binary: bool) -> io::Result<Self> {
        let (messages, mut receiver) = mpsc::channel::<Vec<u8>>(1);
        let end: &[u8] = if binary { b"" } else { b"\n" };
        let thread = thread::Builder::new().spawn(move || {
            let mut stdout = io::stdout().lock();
            while let Some(message) = receiver.blocking_recv() {
                stdout.write_all(&message)?;
                stdout.write_all(end)?;
                stdout.flush()?;
            }
            Ok(())
        })?;
        Ok(Self { binary, messages, thread })
    }

    /// Whether binary messages are printed, too.
    pub(crate) fn is_binary(&self) -> bool {
        self.binary
    }

    /// Waits until there is room for a message. An error means that it cannot be printed.
    pub(crate) async fn room(
        &self,
    ) -> Result<mpsc::Permit<'_, Vec<u8>>, mpsc::error::SendError<()>> {
        self.messages.reserve().await
    }

    /// Waits until everything is printed.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        drop(self.messages);
        match self.thread.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("cannot print: {error}").into()),
            Err(_) => Err("cannot print".into()),
        }
    }
}

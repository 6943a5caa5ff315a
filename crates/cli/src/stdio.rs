//! Standard input and output, each in a thread of its own: systems have no other way to wait for
//! them that works for files, pipes and terminals alike.

use std::fmt::Write as _;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;
use websans_cli::command_line::Failure;

/// How messages and lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A line is a message.
    Lines,
    /// As `Lines`, for people: with a prompt, and nothing that controls the terminal.
    Terminal,
    /// Bytes, as they are.
    Binary,
}

/// How many bytes of a binary message are shown in a terminal.
const SHOWN: usize = 32;

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
    pub(crate) fn start(style: Style) -> io::Result<Self> {
        let binary = style == Style::Binary;
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
        // Files of other systems end their lines with CR LF.
        if line.last() == Some(&b'\r') {
            line.pop();
        }
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
    style: Style,
    messages: Option<mpsc::Sender<Vec<u8>>>,
    thread: JoinHandle<io::Result<()>>,
}

impl Output {
    pub(crate) fn start(style: Style) -> io::Result<Self> {
        let (messages, mut receiver) = mpsc::channel::<Vec<u8>>(1);
        let thread = thread::Builder::new().spawn(move || {
            let mut stdout = io::stdout().lock();
            while let Some(message) = receiver.blocking_recv() {
                stdout.write_all(&message)?;
                stdout.flush()?;
            }
            Ok(())
        })?;
        Ok(Self { style, messages: Some(messages), thread })
    }

    /// A text message as it is to be printed.
    pub(crate) fn text(&self, text: &str) -> Option<Vec<u8>> {
        self.messages.as_ref()?;
        Some(match self.style {
            Style::Binary => Vec::from(text),
            Style::Lines => [text.as_bytes(), b"\n"].concat(),
            Style::Terminal => format!("\r\x1b[K< {}\n> ", printable(text)).into_bytes(),
        })
    }

    /// A binary message as it is to be printed. Between lines there is no place for it, which is
    /// told on standard error.
    pub(crate) fn binary(&self, data: &[u8]) -> Option<Vec<u8>> {
        self.messages.as_ref()?;
        match self.style {
            Style::Binary => Some(Vec::from(data)),
            Style::Lines => {
                tell(&format!(
                    "a binary message of {} bytes is not printed: see --binary",
                    data.len()
                ));
                None
            }
            Style::Terminal => {
                let mut shown = String::new();
                for byte in data.iter().take(SHOWN) {
                    // To write to a string cannot fail.
                    let _ = write!(shown, " {byte:02x}");
                }
                let rest = if data.len() > SHOWN { " …" } else { "" };
                let text = format!("\r\x1b[K< [binary, {} bytes]{shown}{rest}\n> ", data.len());
                Some(text.into_bytes())
            }
        }
    }

    /// Shows that a line can be typed.
    pub(crate) fn prompt(&self) {
        if let (Style::Terminal, Some(messages)) = (self.style, &self.messages) {
            // What waits to be printed ends with a prompt.
            let _ = messages.try_send(b"> ".to_vec());
        }
    }

    /// Takes the prompt away before something else is shown.
    pub(crate) fn end_prompt(&self) {
        if self.style == Style::Terminal {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }

    /// Waits until there is room for a message; `None` if it cannot be printed.
    pub(crate) async fn room(&self) -> Option<mpsc::Permit<'_, Vec<u8>>> {
        self.messages.as_ref()?.reserve().await.ok()
    }

    /// Nothing more is printed.
    pub(crate) fn discard(&mut self) {
        self.messages = None;
    }

    /// Waits until everything is printed. That nobody reads it is no failure.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let is_terminal = self.style == Style::Terminal;
        drop(self.messages);
        match self.thread.join() {
            Ok(Ok(())) if is_terminal => {
                let _ = io::stderr().write_all(b"\r\x1b[K");
                Ok(())
            }
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Ok(Err(error)) => Err(format!("cannot print: {error}").into()),
            Err(_) => Err("cannot print".into()),
        }
    }
}

/// Text without what would control a terminal: a peer must not move the cursor, rename the window
/// or paste into the command line.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' | '\t' => shown.push(char),
            char if char.is_control() => shown.extend(char.escape_default()),
            char => shown.push(char),
        }
    }
    shown
}

/// Says something on standard error, if anybody reads it.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints and leaves, with success also where nobody reads it.
pub(crate) fn print_or_leave(text: &str) -> ! {
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => std::process::exit(1),
        _ => std::process::exit(0),
    }
}

/// Prints the version and leaves.
pub(crate) fn version() -> ! {
    print_or_leave(concat!("websans ", env!("CARGO_PKG_VERSION"), "\n"))
}

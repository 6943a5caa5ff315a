//! Turns any program into a WebSocket service, as websocketd does: each connection starts it anew,
//! a message is a line of its standard input, a line of its standard output is a message.
//!
//! `cargo run --release -p net --bin pipe -- --help`

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use lexopt::prelude::{Long, Short, Value, ValueExt};
use net::command_line::{Failure, complain, exit_code, print_help, print_listening};
use net::split::{Incoming, Message, Outgoing};
use net::{echo, server, split};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::select;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use websans::{CloseCode, Config, PermessageDeflate};

const HELP: &str = "\
Starts a program for each WebSocket connection: a message is a line of its standard input, a line
of its standard output is a message. Its standard error is that of this server.

Usage: pipe [OPTION]... PROGRAM [ARGUMENT]...

  --listen ADDR    where to listen [default: 127.0.0.1:9001]; port 0 means any
  --binary         no lines: what it writes is sent as binary messages, however it is cut, and
                   what messages hold is written to it as it is
  --max N          how many may run at once [default: 100]; who comes then is closed with 1013
  --any-origin     serve pages of other sites, too, which browsers let do as their users
  --help           print this

When the client leaves, the program's standard input ends, and if it does not end within a second
it is killed. When it ends, the connection is closed: with 1000, or with 1011 if its exit status is
not 0. Ctrl-C closes every connection with 1001. The program finds the client's address in
REMOTE_ADDR; what it starts itself is its own affair.
";

/// The longest line that is sent as a message, and the largest message that is taken.
const MAX_LINE: usize = 1 << 20;

/// The largest binary message that is sent.
const CHUNK: usize = 64 << 10;

/// How long a program may go on when its client has left.
const MERCY: Duration = Duration::from_secs(1);

struct Options {
    addr: String,
    binary: bool,
    any_origin: bool,
    program: OsString,
    arguments: Vec<OsString>,
    places: Semaphore,
}

impl Options {
    fn parse() -> Result<Self, Failure> {
        let (mut addr, mut binary, mut any_origin) = ("127.0.0.1:9001".to_owned(), false, false);
        let (mut max, mut program) = (100, None);
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("listen") => addr = parser.value()?.string()?,
                Long("binary") => binary = true,
                Long("max") => max = parser.value()?.parse()?,
                Long("any-origin") => any_origin = true,
                Long("help") | Short('h') => print_help(HELP),
                // Everything from the program on is its own.
                Value(value) => {
                    program = Some((value, parser.raw_args()?.collect()));
                    break;
                }
                _ => return Err(argument.unexpected().into()),
            }
        }
        let (program, arguments) = program.ok_or("no program was given; --help tells how")?;
        let places = Semaphore::new(max);
        Ok(Self { addr, binary, any_origin, program, arguments, places })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run().await)
}

async fn run() -> Result<(), Failure> {
    let options = Arc::new(Options::parse()?);
    let listener = server::listen(&options.addr).await?;
    print_listening("ws", listener.local_addr()?)?;
    server::serve(listener, |stream, stop| serve(stream, Arc::clone(&options), stop)).await
}

async fn serve(
    stream: TcpStream,
    options: Arc<Options>,
    stop: CancellationToken,
) -> io::Result<()> {
    let peer = stream.peer_addr()?;
    let config = Config::default()
        .max_message_size(MAX_LINE as u64)
        .permessage_deflate(PermessageDeflate::default());
    let allowed =
        |request: &websans::IncomingRequest<'_>| options.any_origin || request.is_same_origin();
    let Some(link) = echo::accept(stream, config, allowed).await? else {
        return Ok(());
    };
    let (incoming, outgoing, ended) = split::spawn(link, stop);
    // When the connection has ended before it could be told, it does not matter how.
    let _ = match options.places.try_acquire() {
        Err(_) => outgoing.close_with(CloseCode::TRY_AGAIN_LATER, "too many are running").await,
        Ok(_place) => match start(&options, peer) {
            Ok(child) => converse(child, incoming, outgoing, options.binary).await,
            Err(error) => {
                complain(&format!("cannot start {}: {error}", options.program.display()));
                outgoing.close_with(CloseCode::INTERNAL_ERROR, "cannot start the program").await
            }
        },
    };
    ended.await
}

fn start(options: &Options, peer: SocketAddr) -> io::Result<Child> {
    Command::new(&options.program)
        .args(&options.arguments)
        .env("REMOTE_ADDR", peer.ip().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Until the program or the connection ends. Neither direction waits for the other: a program that
/// does not read may still write.
async fn converse(
    mut child: Child,
    incoming: Incoming,
    mut outgoing: Outgoing,
    binary: bool,
) -> Result<(), split::Ended> {
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(split::Ended);
    };
    let ended = {
        let output = async {
            send_output(stdout, &mut outgoing, binary).await?;
            child.wait().await
        };
        select! {
            ended = output => Some(ended),
            () = write_input(incoming, stdin, binary) => None,
        }
    };
    match ended {
        Some(Ok(status)) if status.success() => {
            outgoing.close_with(CloseCode::NORMAL_CLOSURE, "").await
        }
        Some(Ok(status)) => {
            outgoing.close_with(CloseCode::INTERNAL_ERROR, &status.to_string()).await
        }
        Some(Err(error)) => {
            outgoing.close_with(CloseCode::INTERNAL_ERROR, &error.to_string()).await
        }
        // The client has left, and with it the program's input and output.
        None => {
            if timeout(MERCY, child.wait()).await.is_err()
                && let Err(error) = child.kill().await
            {
                complain(&format!("cannot kill {:?}: {error}", child.id()));
            }
            Ok(())
        }
    }
}

/// Writes messages to the program, until the connection ends; a program that takes no more of them
/// may go on without.
async fn write_input(mut incoming: Incoming, stdin: ChildStdin, binary: bool) {
    let mut stdin = Some(stdin);
    while let Some(message) = incoming.next().await {
        let mut bytes = match message {
            Message::Text(text) => text.into_bytes(),
            Message::Binary(data) => data,
        };
        if !binary {
            bytes.push(b'\n');
        }
        if let Some(pipe) = &mut stdin
            && pipe.write_all(&bytes).await.is_err()
        {
            stdin = None;
        }
    }
}

/// Sends what the program writes, to the end of its standard output.
async fn send_output(stdout: ChildStdout, outgoing: &mut Outgoing, binary: bool) -> io::Result<()> {
    let mut stdout = BufReader::new(stdout);
    loop {
        let message =
            if binary { read_chunk(&mut stdout).await } else { read_line(&mut stdout).await };
        let Some(message) = message? else { return Ok(()) };
        outgoing.send(message).await.map_err(io::Error::other)?;
    }
}

/// The next line, without its end.
async fn read_line(stdout: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Message>> {
    let mut line = Vec::new();
    if stdout.take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > MAX_LINE {
        return Err(io::Error::other(format!("a line is longer than {MAX_LINE} bytes")));
    }
    let line = String::from_utf8(line).map_err(|_| io::Error::other("a line is not UTF-8"))?;
    Ok(Some(Message::Text(line)))
}

async fn read_chunk(stdout: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Message>> {
    let mut chunk = Vec::with_capacity(CHUNK);
    let n = stdout.read_buf(&mut chunk).await?;
    Ok((n > 0).then_some(Message::Binary(chunk)))
}

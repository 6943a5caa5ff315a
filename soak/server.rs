//! The process that is tested.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::time::Duration;

use crate::Failure;

/// Where it sends messages back.
pub(crate) const PATH: &str = "/echo";

/// What a message may be, and so what a hostile peer exceeds.
pub(crate) const MAX_MESSAGE_SIZE: u64 = 8 << 20;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Playground,
    EchoServer,
}

impl FromStr for Kind {
    type Err = Failure;

    fn from_str(name: &str) -> Result<Self, Failure> {
        match name {
            "playground" => Ok(Self::Playground),
            "echo_server" => Ok(Self::EchoServer),
            _ => Err(format!("no such server: {name}").into()),
        }
    }
}

impl Kind {
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::Playground => "playground",
            Self::EchoServer => "echo_server",
        }
    }

    /// Where it is, beside this program.
    const fn path(self) -> &'static str {
        match self {
            Self::Playground => "playground",
            Self::EchoServer => "examples/echo_server",
        }
    }

    /// How much memory so many connections may take, beside what the server has anyway.
    pub(crate) const fn memory(self, connections: usize) -> u64 {
        // README, "Memory": a buffer may keep 80 KiB; the messages here that are larger are few, and do
        // not follow each other.
        // What is sent is at most twice what waits, and nothing is read of who does not read, so
        // that it is the echo of one read.
        let buffers = (80 + 64) << 10;
        let (each, all) = match self {
            // Contexts for permessage-deflate are shared, and so are the buffers for messages
            // that come at once: twice a message and its 128 KiB, which doubled to get there.
            Self::Playground => (4 << 10, 4 * (MAX_MESSAGE_SIZE + (128 << 10))),
            // A stack and the contexts of its own; and every bomb grows a message of its own.
            Self::EchoServer => ((128 + 78 + 371) << 10, 64 * MAX_MESSAGE_SIZE),
        };
        connections as u64 * (buffers + each) + all
    }
}

/// The deadlines of both, which are the defaults of `Deadlines`: how long the opening handshake may
/// take.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a peer may be silent: until the ping, and until its pong.
pub(crate) const SILENCE: Duration = Duration::from_secs(20 + 20);

pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) addr: SocketAddr,
    process: Child,
    ended: Option<ExitStatus>,
    /// The most memory that was seen to be resident.
    pub(crate) peak: u64,
}

impl Server {
    pub(crate) fn start(kind: Kind) -> Result<Self, Failure> {
        let program = env::current_exe()?.with_file_name(kind.path());
        let mut command = Command::new(&program);
        if kind == Kind::EchoServer {
            command.args(["--max-message-size", &MAX_MESSAGE_SIZE.to_string()]);
        }
        let mut process = command
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let addr = line.trim().split(['/', ' ']).find_map(|word| word.parse().ok());
        let addr = addr.ok_or("it has not said where it is")?;
        Ok(Self { kind, addr, process, ended: None, peak: 0 })
    }

    /// How many bytes of its memory are resident.
    pub(crate) fn resident(&mut self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let line = line.ok_or("the server is no more")?;
        let bytes = line.trim().trim_end_matches(" kB").parse::<u64>()? << 10;
        self.peak = self.peak.max(bytes);
        Ok(bytes)
    }

    /// Asks it to end.
    pub(crate) fn stop(&self) -> Result<(), Failure> {
        let sent = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status()?;
        if sent.success() { Ok(()) } else { Err("kill has failed".into()) }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.process.try_wait().ok().flatten();
        }
        self.ended.is_some()
    }

    /// What is wrong with how it ended.
    pub(crate) fn bad_end(&self) -> Option<String> {
        match self.ended {
            Some(status) if status.success() => None,
            status => Some(format!("the server ended with {status:?}")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

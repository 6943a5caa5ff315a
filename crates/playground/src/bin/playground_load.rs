//! Fills the playground's chat with ten thousand members, and measures what that costs.
//!
//! `cargo run --release -p websans-playground --features load --bin playground_load -- --help`

use std::env;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::TcpStream as StdStream;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use lexopt::prelude::{Long, Short, ValueExt};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde_json::{Value, json};
use websans::{ClientHandshake, CloseCode, Config, Connection, Event, RecvBuf, Request, SendBuf};

const HELP: &str = "\
Connects to the playground's chat many times, joins all connections in one room, says something,
and prints the server's memory for each connection and the time until all have received it.

Usage: playground_load [OPTION]...

  --connections N  how many [default: 10000]
  --addr ADDR      of a server that runs already; otherwise one is started, from the program
                   `playground` beside this one
  --pid PID        its process, to look at its memory
  --patience SECS  how long each step may take [default: 30]
  --help           print this
";

const ROUNDS: usize = 9;

type Failure = Box<dyn Error>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let (mut addr, mut pid, mut count) = (None, None, 10_000);
    let mut patience = Duration::from_secs(30);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("connections") => count = arguments.value()?.parse::<usize>()?.max(1),
            Long("addr") => addr = Some(arguments.value()?.string()?),
            Long("pid") => pid = Some(arguments.value()?.parse::<u32>()?),
            Long("patience") => {
                patience = Duration::from_secs(arguments.value()?.parse::<u64>()?.max(1));
            }
            Long("help") | Short('h') => {
                print!("{HELP}");
                return Ok(());
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut started = None;
    let addr = match addr {
        Some(addr) => addr,
        None => started.insert(Server::start()?).addr.clone(),
    };
    let pid = pid.or(started.as_ref().map(|server| server.process.id()));
    measure(&addr, pid, count, patience)
}

fn measure(addr: &str, pid: Option<u32>, count: usize, patience: Duration) -> Result<(), Failure> {
    let memory_before = pid.map(resident).transpose()?;
    let start = Instant::now();
    let mut crowd = Crowd::new(addr, count, patience)?;
    println!("connections: {count}, opened in {:.1?}", start.elapsed());

    // The news of who is there reaches everybody once more when all of them are.
    crowd.wait_for_all(|message| message["count"].as_u64() == Some(count as u64))?;
    println!("all have joined and know of each other after {:.1?}", start.elapsed());
    if let (Some(before), Some(pid)) = (memory_before, pid) {
        let after = resident(pid)?;
        println!(
            "server memory: {} KiB before, {} KiB after: {} bytes a connection (resident)",
            before >> 10,
            after >> 10,
            after.saturating_sub(before) / count as u64
        );
    }

    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let text = format!("Can all {count} of you hear me? This is number {round}.");
        let start = Instant::now();
        crowd.say(&text)?;
        crowd.wait_for_all(|message| message["say"].as_str() == Some(&text))?;
        times.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(200));
    }
    times.sort_unstable();
    if let (Some(least), Some(median), Some(most)) =
        (times.first(), times.get(ROUNDS / 2), times.last())
    {
        println!(
            "a message to all {count}: {median:.1?} until the last has it \
            (median of {ROUNDS}; {least:.1?} to {most:.1?})"
        );
    }
    if let Some(pid) = pid {
        println!("server memory after that: {} KiB", resident(pid)? >> 10);
    }
    crowd.leave();
    Ok(())
}

/// All the members. They read through one buffer, and write through one.
struct Crowd {
    poll: Poll,
    members: Vec<Member>,
    rx: RecvBuf,
    tx: SendBuf,
    /// How long each step may take.
    patience: Duration,
}

struct Member {
    socket: TcpStream,
    ws: Connection,
    /// What has come of a message that is not complete.
    rx: Option<Box<RecvBuf>>,
}

impl Crowd {
    /// One after the other, without waiting for what the server says to those who are there.
    fn new(addr: &str, count: usize, patience: Duration) -> Result<Self, Failure> {
        let mut crowd = Self {
            poll: Poll::new()?,
            members: Vec::with_capacity(count),
            rx: RecvBuf::new(),
            tx: SendBuf::new(),
            patience,
        };
        let request = Request::new(&format!("ws://{addr}/chat"))?;
        let deadline = Instant::now() + patience;
        for number in 0..count {
            if Instant::now() > deadline {
                return Err(format!("only {number} connections within {patience:?}").into());
            }
            crowd.join(addr, &request, number)?;
        }
        Ok(crowd)
    }

    fn join(&mut self, addr: &str, request: &Request, number: usize) -> Result<(), Failure> {
        let mut socket = StdStream::connect(addr)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(self.patience))?;
        let (mut rx, tx) = (RecvBuf::new(), &mut self.tx);
        let mut handshake = ClientHandshake::new(request, Config::default(), tx)?;
        tx.write_to(&mut socket)?;
        let mut ws = loop {
            if rx.read_from(&mut socket)? == 0 {
                return Err("the server hung up".into());
            }
            if let Some(response) = handshake.next_response(&mut rx)? {
                break response.into_connection()?;
            }
        };
        let join = json!({ "join": "load", "name": format!("member {number}") });
        ws.send_text(&join.to_string(), tx)?;
        tx.write_to(&mut socket)?;

        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        let token = Token(self.members.len());
        self.poll.registry().register(&mut socket, token, Interest::READABLE)?;
        let rx = (!rx.is_empty()).then(|| Box::new(rx));
        self.members.push(Member { socket, ws, rx });
        Ok(())
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        let Some(speaker) = self.members.first_mut() else { return Ok(()) };
        speaker.ws.send_text(&json!({ "say": text }).to_string(), &mut self.tx)?;
        Ok(self.tx.write_to(&mut speaker.socket).map(drop)?)
    }

    /// Until every member has received a message that is the one.
    fn wait_for_all(&mut self, is_the_one: impl Fn(&Value) -> bool) -> Result<(), Failure> {
        let mut waiting = vec![true; self.members.len()];
        let mut left = waiting.len();
        let mut events = Events::with_capacity(1024);
        let deadline = Instant::now() + self.patience;
        while left > 0 {
            let time = deadline.saturating_duration_since(Instant::now());
            if time.is_zero() {
                return Err(
                    format!("{left} members have not heard within {:?}", self.patience).into()
                );
            }
            self.poll.poll(&mut events, Some(time))?;
            for event in &events {
                let Token(number) = event.token();
                let heard = self.read(number, &is_the_one)?;
                if let (true, Some(waiting @ true)) = (heard, waiting.get_mut(number)) {
                    *waiting = false;
                    left -= 1;
                }
            }
        }
        Ok(())
    }

    /// Reads all that has come for a member: whether the one was among it.
    fn read(
        &mut self,
        number: usize,
        is_the_one: impl Fn(&Value) -> bool,
    ) -> Result<bool, Failure> {
        let Some(member) = self.members.get_mut(number) else { return Ok(false) };
        let mut own = member.rx.take();
        let mut heard = false;
        loop {
            let rx = own.as_deref_mut().unwrap_or(&mut self.rx);
            while let Some(event) = member.ws.next_event(rx, &mut self.tx)? {
                match event {
                    Event::Text(text) => heard |= is_the_one(&serde_json::from_str(text)?),
                    Event::Close(frame) => return Err(format!("closed: {frame:?}").into()),
                    _ => {}
                }
            }
            self.tx.write_to(&mut member.socket)?;
            match rx.read_from(&mut member.socket) {
                Ok(0) => return Err("the server hung up".into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        if own.is_none() && !self.rx.is_empty() {
            own = Some(Box::new(std::mem::take(&mut self.rx)));
        }
        member.rx = own.filter(|rx| !rx.is_empty());
        Ok(heard)
    }

    fn leave(&mut self) {
        for member in &mut self.members {
            // The server notices anyway.
            let _ = member.ws.close(CloseCode::NORMAL_CLOSURE, "", &mut self.tx);
            let _ = self.tx.write_to(&mut member.socket);
        }
    }
}

/// A playground that was started here, and ends here.
struct Server {
    process: Child,
    addr: String,
}

impl Server {
    fn start() -> Result<Self, Failure> {
        let program = env::current_exe()?.with_file_name("playground");
        let mut process = Command::new(&program)
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let addr = line.split(['/', ' ']).nth(3).ok_or("it has not said where it is")?.to_owned();
        Ok(Self { process, addr })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The bytes of a process's memory that are resident.
fn resident(pid: u32) -> Result<u64, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? << 10)
}

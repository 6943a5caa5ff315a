//! The servers: how each is started, and what the system says about it.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, fs, io, thread};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use perf_event::events::Tracepoint;
use perf_event::{Builder, Counter};

use crate::load::Target;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is known of a server before it runs.
pub struct Kind {
    pub name: &'static str,
    /// Whether it belongs to this repository.
    pub ours: bool,
    /// Whether it is a library on tokio.
    pub on_tokio: bool,
    path: &'static str,
    program: Program,
    /// What it is, for the report.
    pub notes: &'static str,
}

enum Program {
    /// By this package's `serve`.
    Serve,
    /// A command, whose parts `run` puts into a variable, separated by tabs.
    Command(&'static str),
}

const fn on_tokio(name: &'static str, notes: &'static str) -> Kind {
    Kind { name, ours: false, on_tokio: true, path: "/", program: Program::Serve, notes }
}

pub const WEBSANS_TOKIO: &str = "websans-tokio";
pub const MIO: &str = "mio";
pub const TUNGSTENITE: &str = "tokio-tungstenite";
pub const UWEBSOCKETS: &str = "uWebSockets";

/// All that can be measured, in the order of the tables.
pub const ALL: [Kind; 10] = [
    Kind {
        ours: true,
        ..on_tokio(WEBSANS_TOKIO, "`accept`, and a loop of `next` and `send`; its defaults")
    },
    Kind {
        name: MIO,
        ours: true,
        on_tokio: false,
        path: "/",
        program: Program::Serve,
        notes: "a mio loop on websans, serve/mio.rs: buffers lent to whichever connection is ready, one write for each read",
    },
    Kind {
        name: "playground",
        ours: true,
        on_tokio: false,
        path: "/echo",
        program: Program::Command("SOCKETS_PLAYGROUND"),
        notes: "the echo of this repository's playground, with its deadlines, limits and budgets; \
                it sets SO_SNDBUF to 64 KiB",
    },
    on_tokio("fastwebsockets", "`FragmentCollector`, and hyper for the opening handshake"),
    on_tokio("sockudo-ws", "`WebSocketStream`, and its example's code for the opening handshake"),
    on_tokio(
        TUNGSTENITE,
        "`accept_async`, and a loop of `next` and `send`, as for all on tokio but the next row",
    ),
    on_tokio(
        "tokio-tungstenite-forward",
        "`StreamExt::forward`, as in its example: it flushes only when there is nothing to read. \
         With tokio-websockets, `forward` writes each message as `send` does",
    ),
    on_tokio("tokio-websockets", "`ServerBuilder`, with the feature `ring`"),
    Kind {
        name: UWEBSOCKETS,
        ours: false,
        on_tokio: false,
        path: "/",
        program: Program::Command("SOCKETS_UWEBSOCKETS"),
        notes: "C++ as its own build makes it (-O3 -march=native -flto), without TLS and zlib; \
                uwebsockets/echo.cpp. Larger payloads and more backpressure than its defaults \
                allow, 16 KiB and 64 KiB, as in its example",
    },
    Kind {
        name: "ws",
        ours: false,
        on_tokio: false,
        path: "/",
        program: Program::Command("SOCKETS_WS"),
        notes: "on node: `WebSocketServer` with its defaults, without the optional `bufferutil`; the time of \
                all of node's threads",
    },
];

impl Kind {
    /// How it is started; `None` if `run` could not make it.
    fn command(&self) -> Option<Command> {
        match self.program {
            Program::Serve => {
                let mut command = Command::new(serve_program().ok()?);
                command.arg(self.name);
                Some(command)
            }
            Program::Command(variable) => {
                let line = env::var(variable).ok().filter(|line| !line.is_empty())?;
                let mut words = line.split('\t');
                let mut command = Command::new(words.next()?);
                command.args(words);
                Some(command)
            }
        }
    }

    pub fn is_here(&self) -> bool {
        self.command().is_some()
    }
}

/// `serve` lies beside this program.
fn serve_program() -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name("serve"))
}

/// One core for the load and one for the server, if there are two.
#[derive(Clone, Copy)]
pub struct Cores {
    load: usize,
    server: usize,
}

impl Cores {
    pub fn choose() -> Result<Self, Box<dyn Error>> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let mut cores =
            (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or_default());
        let load = cores.next().ok_or("there is no core")?;
        Ok(Self { load, server: cores.next_back().unwrap_or(load) })
    }

    pub fn are_two(self) -> bool {
        self.load != self.server
    }

    /// Moves this thread to the core of the load.
    pub fn pin_load(self) -> nix::Result<()> {
        pin(self.load)
    }
}

fn pin(core: usize) -> nix::Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &set)
}

/// A server that runs. It is killed when it is dropped.
pub struct Server {
    pub kind: &'static Kind,
    child: Child,
    addr: SocketAddr,
    /// Kept open: a server that writes more must not fail.
    output: Option<BufReader<ChildStdout>>,
}

impl Server {
    /// Starts it on its core, and waits until it listens.
    pub fn start(kind: &'static Kind, cores: Cores) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new("setpriv");
        // It must not outlive this program, however that ends.
        command.args(["--pdeathsig", "KILL", "--"]);
        let own = kind.command().ok_or("it has not been built")?;
        command.arg(own.get_program()).args(own.get_args());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // A process begins on the cores of the one that starts it, with all its threads.
        pin(cores.server)?;
        let child = command.spawn();
        pin(cores.load)?;
        // From here on it is killed if anything fails.
        let mut server =
            Self { kind, child: child?, addr: ([127, 0, 0, 1], 0).into(), output: None };
        let output = server.child.stdout.take().ok_or("it has no output")?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let (mut output, mut line) = (BufReader::new(output), String::new());
            let result = output.read_line(&mut line).map(|_| (output, line));
            // Nobody takes it if it comes too late.
            let _ = sender.send(result);
        });
        let (output, line) = receiver.recv_timeout(PATIENCE)??;
        server.output = Some(output);
        let port = port(&line);
        let port = port.ok_or_else(|| format!("it did not say where it listens: {line:?}"))?;
        server.addr.set_port(port);
        Ok(server)
    }

    pub fn target(&self) -> Target<'static> {
        Target { addr: self.addr, path: self.kind.path }
    }

    /// The processor time of all its threads so far.
    pub fn cpu_time(&self) -> nix::Result<Duration> {
        Ok(clock_getcpuclockid(pid(&self.child))?.now()?.into())
    }

    /// Its resident memory, in bytes.
    pub fn resident(&self) -> Result<u64, Box<dyn Error>> {
        // `statm` is kept for each core apart, and can be wrong by some pages for each.
        let rollup = fs::read_to_string(self.proc("smaps_rollup"))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.ok_or("smaps_rollup has no Rss")?.trim().parse::<u64>()? * 1024)
    }

    /// Counts its system calls from now on.
    pub fn count_system_calls(&self) -> Result<SystemCalls, Box<dyn Error>> {
        let event = system_call_event()?;
        let mut counters = Vec::new();
        for task in fs::read_dir(self.proc("task"))? {
            let task = task?.file_name().to_string_lossy().parse()?;
            let mut counter = Builder::new(event).include_kernel().observe_pid(task).build()?;
            counter.enable()?;
            counters.push(counter);
        }
        Ok(SystemCalls(counters))
    }

    fn proc(&self, file: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(file)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It fails only if the server has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// The port in a line like "open http://127.0.0.1:8080 in a browser".
fn port(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("127.0.0.1:")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

/// What the kernel counts when a system call begins.
fn system_call_event() -> Result<Tracepoint, Box<dyn Error>> {
    const FOLDERS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
    let read =
        |folder| fs::read_to_string(Path::new(folder).join("events/raw_syscalls/sys_enter/id"));
    let id = FOLDERS.into_iter().find_map(|folder| read(folder).ok());
    let id = id.ok_or("that takes root, and tracefs mounted at /sys/kernel/tracing")?;
    Ok(Tracepoint::with_id(id.trim().parse()?))
}

/// The system calls of the threads that a server had when counting began.
pub struct SystemCalls(Vec<Counter>);

impl SystemCalls {
    pub fn read(&mut self) -> io::Result<u64> {
        self.0.iter_mut().map(Counter::read).sum()
    }
}

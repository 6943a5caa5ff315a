//! `cargo xtask` lists what can be run in this repository; `cargo xtask NAME` runs it.

mod sections;

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

struct Task {
    name: &'static str,
    about: &'static str,
    /// The program and its arguments, relative to the root of the repository. Those of the command
    /// line follow.
    command: &'static [&'static str],
}

const TASKS: &[Task] = &[
    Task { name: "test", about: "the tests of the core crate", command: &["cargo", "test"] },
    Task {
        name: "style",
        about: "formatting, clippy and the documentation, as CI checks them",
        command: &[".ci/run", "style"],
    },
    Task {
        name: "ci",
        about: "everything that CI checks, or the steps that are named (.ci/run says which)",
        command: &[".ci/run"],
    },
    Task {
        name: "cold",
        about: "processor time of the first two commands on a fresh clone",
        command: &[".ci/cold"],
    },
    Task {
        name: "playground",
        about: "the page with four services, at http://127.0.0.1:8080",
        command: &["cargo", "run", "--release", "--package", "websans-playground", "--"],
    },
    Task {
        name: "websans",
        about: "the command line tool",
        command: &["cargo", "run", "--release", "--package", "websans-cli", "--"],
    },
    Task {
        name: "autobahn",
        about: "the Autobahn testsuite; add `server` or `client`",
        command: &["autobahn/run"],
    },
    Task {
        name: "interop",
        about: "third-party peers: Python, Node, Chromium, hostile ones",
        command: &["interop/run"],
    },
    Task {
        name: "interop-net",
        about: "third-party peers of examples/net and of the command line tool",
        command: &["interop/net/run"],
    },
    Task {
        name: "interop-playground",
        about: "the playground and its page in Chromium",
        command: &["interop/playground/run"],
    },
    Task {
        name: "soak",
        about: "thousands of hostile peers beside well-behaved ones",
        command: &["soak/run"],
    },
    Task {
        name: "fuzz",
        about: "fuzzing; add `smoke`, or what fuzz/README.md lists",
        command: &["fuzz/run"],
    },
    Task {
        name: "sanitize",
        about: "the tests under AddressSanitizer and valgrind",
        command: &["fuzz/sanitize"],
    },
    Task { name: "mutants", about: "mutation testing", command: &["fuzz/mutants"] },
    Task {
        name: "bench",
        about: "the benchmarks; add `--bench NAME` for one",
        command: &["cargo", "bench", "--package", "websans-benches"],
    },
    Task {
        name: "instructions",
        about: "instructions for small messages, compared with the record",
        command: &["benches/instructions/run"],
    },
    Task {
        name: "peers",
        about: "benchmarks beside other libraries, in memory",
        command: &["benches/peers/run"],
    },
    Task {
        name: "sockets",
        about: "benchmarks beside other libraries, over TCP",
        command: &["benches/sockets/run"],
    },
];

const SECTIONS: (&str, &str) =
    ("sections", "tests of each section of the RFCs, and the MUSTs that have none");

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut arguments = env::args_os().skip(1);
    let name = arguments.next().unwrap_or_default();
    if name == SECTIONS.0 {
        return match sections::report(&root) {
            Ok(report) => {
                print!("{report}");
                ExitCode::SUCCESS
            }
            Err(problem) => {
                eprintln!("error: {problem}");
                ExitCode::FAILURE
            }
        };
    }
    match TASKS.iter().find(|task| name == task.name) {
        Some(task) => run(task, &root, arguments),
        None => list(&name.to_string_lossy()),
    }
}

fn list(name: &str) -> ExitCode {
    println!("Usage: cargo xtask TASK [ARGUMENT]...\n");
    for task in TASKS {
        println!("  {:<20}{}", task.name, task.about);
        println!("  {:<20}  {}", "", task.command.join(" "));
    }
    println!("  {:<20}{}", SECTIONS.0, SECTIONS.1);
    if matches!(name, "" | "--help" | "-h") {
        return ExitCode::SUCCESS;
    }
    eprintln!("\nerror: there is no task {name:?}");
    ExitCode::from(2)
}

fn run(task: &Task, root: &Path, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some((program, first)) = task.command.split_first() else { return ExitCode::FAILURE };
    // A script of the repository, unless it is a program on the PATH.
    let program = if program.contains('/') { root.join(program) } else { program.into() };
    match Command::new(&program).args(first).args(arguments).current_dir(root).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            ExitCode::from(code.unwrap_or(1))
        }
        Err(error) => {
            eprintln!("error: cannot run {}: {error}", program.display());
            ExitCode::FAILURE
        }
    }
}

//! Stands between a program and those it talks to, and keeps what they say: for `fuzz/record`.
//!
//! ```text
//! tap FOLDER PROGRAM ARGUMENT…
//! ```
//!
//! PROGRAM is a server if one of the arguments is an address, on which the tap listens in its
//! place, and a client if one is a `ws://` URL, to which the tap connects in its place. Of each
//! connection FOLDER has `NAME.to_server` and `NAME.to_client`.

use std::borrow::Cow;
use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::thread;

/// So much of what is said in each direction is kept.
const KEPT: usize = 32 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.len() < 3 {
        return Err("usage: tap FOLDER PROGRAM ARGUMENT...".into());
    }
    let folder = PathBuf::from(arguments.remove(0));
    fs::create_dir_all(&folder)?;
    let program = arguments.remove(0);
    if let Some(url) = arguments.iter_mut().find(|argument| argument.starts_with("ws://")) {
        let server = url["ws://".len()..].trim_end_matches('/').parse()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *url = format!("ws://{}", listener.local_addr()?);
        thread::spawn(move || relay(&listener, server, &folder));
        let status = Command::new(program).args(arguments).status()?;
        process::exit(status.code().unwrap_or(1));
    }
    let is_address = |argument: &&mut String| argument.parse::<SocketAddr>().is_ok();
    let address = arguments.iter_mut().find(is_address).ok_or("no address and no URL")?;
    let listener = TcpListener::bind(std::mem::replace(address, "127.0.0.1:0".into()))?;
    let server = start(&program, &arguments)?;
    println!("listening on ws://{}", listener.local_addr()?);
    io::stdout().flush()?;
    Err(relay(&listener, server, &folder).into())
}

/// Where the server listens. It ends when the tap does, however that ends.
fn start(program: &str, arguments: &[String]) -> Result<SocketAddr, Box<dyn Error>> {
    let mut child = Command::new("bash")
        .args(["-c", r#""$@" & cat; kill $!"#, "bash", program])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    // Its end of the pipe is open as long as this process is.
    std::mem::forget(child.stdin.take());
    let address = line.trim().split_once("ws://").ok_or("it has not said where it is")?.1;
    Ok(address.parse()?)
}

fn relay(listener: &TcpListener, to: SocketAddr, folder: &Path) -> io::Error {
    for (number, client) in listener.incoming().enumerate() {
        let name = folder.join(format!("{}-{number:04}", process::id()));
        let pumps = client.and_then(|client| {
            let here = client.local_addr()?;
            let server = TcpStream::connect(to)?;
            // Servers may insist on a `Host` that names them.
            let host = Some((here.to_string(), to.to_string()));
            pump(client.try_clone()?, server.try_clone()?, name.with_extension("to_server"), host)?;
            pump(server, client, name.with_extension("to_client"), None)
        });
        if let Err(error) = pumps {
            return error;
        }
    }
    io::ErrorKind::UnexpectedEof.into()
}

/// Writes to the one what comes from the other, and to the file; in what comes first it puts the
/// second text in the place of the first.
fn pump(
    mut from: TcpStream,
    mut to: TcpStream,
    name: PathBuf,
    mut edit: Option<(String, String)>,
) -> io::Result<()> {
    let mut file = File::create(name)?;
    to.set_nodelay(true)?;
    thread::spawn(move || {
        let (mut chunk, mut kept) = ([0; 16 << 10], 0);
        // That a connection is reset is the business of those at its ends.
        while let Ok(len @ 1..) = from.read(&mut chunk) {
            let mut said = Cow::Borrowed(&chunk[..len]);
            if let Some((old, new)) = edit.take() {
                said = replace(&said, old.as_bytes(), new.as_bytes()).into();
            }
            let new = said.len().min(KEPT - kept);
            kept += new;
            file.write_all(&said[..new]).expect("cannot write what was said");
            if to.write_all(&said).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    Ok(())
}

fn replace(text: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    match text.windows(old.len()).position(|it| it == old) {
        Some(at) => [&text[..at], new, &text[at + old.len()..]].concat(),
        None => text.to_vec(),
    }
}

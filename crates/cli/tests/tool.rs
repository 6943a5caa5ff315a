//! The program `websans`, as it is started from a command line.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use websans::{CloseCode, Config, Connection, Event, RecvBuf, Response, SendBuf, ServerHandshake};

fn websans(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_websans"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What it does with this input, to its end.
fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = websans(arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that has ended reads nothing.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn assert_fine(output: &Output, stdout: &str) {
    assert_eq!((text(&output.stdout), text(&output.stderr)), (stdout, ""));
    assert_eq!(output.status.code(), Some(0));
}

fn interrupt(child: &Child) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
}

/// A server of this program.
struct Server {
    child: Child,
    url: String,
    /// Open, so that it can print.
    stdout: BufReader<ChildStdout>,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut child = websans(arguments).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").expect(&line).to_owned();
        Self { child, url, stdout }
    }

    fn echo() -> Self {
        Self::start(&["serve", "echo", "-v", "127.0.0.1:0"])
    }

    /// Ends it: what it printed, and what it said.
    fn stop(mut self) -> (String, String) {
        interrupt(&self.child);
        let (mut printed, mut said) = (String::new(), String::new());
        self.stdout.read_to_string(&mut printed).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{said}");
        (printed, said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that does with one connection what no good one would.
fn third_party(
    act: impl FnOnce(TcpStream) -> io::Result<()> + Send + 'static,
) -> (String, thread::JoinHandle<io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    (url, thread::spawn(move || act(listener.accept()?.0)))
}

/// The opening handshake of a server.
fn accept(socket: &mut TcpStream) -> io::Result<(Connection, RecvBuf, SendBuf)> {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut handshake = ServerHandshake::new(Config::default());
    loop {
        assert!(rx.read_from(socket)? > 0);
        if let Some(request) = handshake.next_request(&mut rx, &mut tx).unwrap() {
            let ws = request.accept(&Response::new(), &mut tx).unwrap();
            tx.write_to(socket)?;
            return Ok((ws, rx, tx));
        }
    }
}

/// Reads until the client's close frame, and answers it.
fn until_close(
    socket: &mut TcpStream,
    (ws, rx, tx): &mut (Connection, RecvBuf, SendBuf),
) -> io::Result<Option<CloseCode>> {
    loop {
        while let Some(event) = ws.next_event(rx, tx).unwrap() {
            if let Event::Close(frame) = event {
                let code = frame.code;
                tx.write_to(socket)?;
                return Ok(code);
            }
        }
        if rx.read_from(socket)? == 0 {
            return Ok(None);
        }
    }
}

#[test]
fn a_line_is_a_message() {
    let server = Server::echo();
    assert_fine(&run(&[&server.url], "one\n\nGrüße\nlast".as_bytes()), "one\n\nGrüße\nlast\n");
    assert_fine(&run(&["talk", &server.url], b"one\n"), "one\n");
    assert_fine(&run(&["--no-deflate", &server.url], b""), "");
}

#[test]
fn a_line_that_ends_with_cr_lf_has_no_cr() {
    let server = Server::echo();
    assert_fine(&run(&[&server.url], b"one\r\n\r\nt\rwo\r\r\n"), "one\n\nt\rwo\r\n");
}

#[test]
fn bytes_pass_as_they_are() {
    let server = Server::echo();
    let output = run(&["-b", &server.url], b"\x00\xff\r\n");
    assert_eq!(output.stdout, b"\x00\xff\r\n");
}

#[test]
fn connected_and_closed_are_told_on_standard_error() {
    let server = Server::start(&["serve", "echo", "-v", "-s", "chat", "127.0.0.1:0"]);
    let output = run(&["-v", "-s", "chat", "-c", "4000", "-r", "bye", &server.url], b"x\n");
    let said = text(&output.stderr);
    assert!(said.starts_with(&format!("connected to {}", server.url)), "{said}");
    assert!(said.contains("subprotocol chat, permessage-deflate\n"), "{said}");
    assert!(said.contains("closed with 4000"), "{said}");
    assert_eq!((text(&output.stdout), output.status.code()), ("x\n", Some(0)));
    let (_, said) = server.stop();
    assert!(said.contains("closed with 4000: \"bye\""), "{said}");
}

#[test]
fn ctrl_c_ends_with_0_and_closes_with_1001() {
    let (url, server) = third_party(|mut socket| {
        let mut connection = accept(&mut socket)?;
        connection.0.send_text("ready", &mut connection.2).unwrap();
        connection.2.write_to(&mut socket)?;
        assert_eq!(until_close(&mut socket, &mut connection)?, Some(CloseCode::GOING_AWAY));
        Ok(())
    });
    let mut child = websans(&[&url]).spawn().unwrap();
    let stdin = child.stdin.take();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
    server.join().unwrap().unwrap();
    drop(stdin);
}

#[test]
fn ctrl_c_ends_with_0_while_nothing_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    for command in ["talk", "ping"] {
        let mut child = websans(&[command, &url]).spawn().unwrap();
        let stdin = child.stdin.take();
        let (mut peer, _) = listener.accept().unwrap();
        // The request has been written, so the program waits for Ctrl-C, too.
        let mut first = [0];
        peer.read_exact(&mut first).unwrap();
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)), "{command}");
        drop(stdin);
    }
}

#[test]
fn binary_messages_are_not_dropped_without_a_word() {
    let serve = || {
        third_party(|mut socket| {
            let mut connection = accept(&mut socket)?;
            connection.0.send_binary(b"\x00\x01\x02", &mut connection.2).unwrap();
            connection.2.write_to(&mut socket)?;
            until_close(&mut socket, &mut connection).map(drop)
        })
    };
    let (url, server) = serve();
    let output = run(&[&url], b"");
    let said = text(&output.stderr);
    assert!(said.contains("binary message of 3 bytes") && said.contains("--binary"), "{said}");
    assert_eq!((&*output.stdout, output.status.code()), (&b""[..], Some(0)));
    server.join().unwrap().unwrap();

    let (url, server) = serve();
    assert_eq!(run(&["--binary", &url], b"").stdout, b"\x00\x01\x02");
    server.join().unwrap().unwrap();
}

#[test]
fn a_closed_pipe_is_no_error() {
    let server = Server::echo();
    for arguments in [&["talk", &*server.url][..], &["ping", "-i", "0.001", &server.url]] {
        let mut child = websans(arguments).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdin.write_all(b"one\n").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        drop(stdout);
        // Until it finds out that nobody reads.
        while stdin.write_all(b"more\n").is_ok() && child.try_wait().unwrap().is_none() {}
        let output = child.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert_eq!((said, output.status.code()), ("", Some(0)), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["serve", "--help"]] {
        let mut child = websans(arguments).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
    }
}

#[test]
fn the_body_of_a_refusal_is_shown_without_what_controls_a_terminal() {
    let (url, server) = third_party(|mut socket| {
        let mut rx = RecvBuf::new();
        rx.read_from(&mut socket)?;
        socket.write_all(b"HTTP/1.1 403 No\r\nContent-Length: 14\r\n\r\nnot \x1b[31mtoday")
    });
    let output = run(&[&url], b"");
    let said = text(&output.stderr);
    assert_eq!(said, "error: the server refused with status 403 No\nnot \\u{1b}[31mtoday\n",);
    assert_eq!(output.status.code(), Some(1));
    server.join().unwrap().unwrap();
}

#[test]
fn a_close_code_that_is_no_success_is_told_with_its_reason() {
    let (url, server) = third_party(|mut socket| {
        let mut connection = accept(&mut socket)?;
        let code = CloseCode::INTERNAL_ERROR;
        connection.0.close(code, "out of tea", &mut connection.2).unwrap();
        connection.2.write_to(&mut socket)?;
        until_close(&mut socket, &mut connection).map(drop)
    });
    let mut child = websans(&[&url]).spawn().unwrap();
    let stdin = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert!(said.contains("1011") && said.contains("out of tea"), "{said}");
    assert_eq!((said.lines().count(), output.status.code()), (1, Some(1)));
    server.join().unwrap().unwrap();
    drop(stdin);
}

#[test]
fn ping_prints_each_pong_and_the_figures() {
    let server = Server::echo();
    let output = run(&["ping", "-c", "3", "-i", "0.01", &server.url], b"");
    let printed = text(&output.stdout);
    assert_eq!(printed.matches("pong ").count(), 3, "{printed}");
    assert!(printed.contains("3 pings, 3 pongs\nround trip: "), "{printed}");
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
}

#[test]
fn ping_fails_where_no_pong_comes() {
    let (url, server) = third_party(|mut socket| {
        let _connection = accept(&mut socket)?;
        io::copy(&mut socket, &mut io::sink()).map(drop)
    });
    let output = run(&["ping", "-c", "1", "-W", "0.05", &url], b"");
    assert!(text(&output.stderr).contains("no pong within 50ms"), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
    drop(server); // it ends with the client
}

#[test]
fn a_command_line_that_makes_no_sense_is_2() {
    for arguments in [
        &[][..],
        &["--nonsense", "ws://a"],
        &["http://a"],
        &["ws://a", "ws://b"],
        &["-c", "1006", "ws://a"],
        &["-c", "x", "ws://a"],
        &["-p", "-1", "ws://a"],
        &["-x", "ftp://a", "ws://a"],
        &["--cacert"],
        &["ping"],
        &["ping", "-c", "x", "ws://a"],
        &["ping", "--subprotocol"],
        &["serve"],
        &["serve", "nothing"],
        &["serve", "pipe"],
        &["serve", "echo", "--", "cat"],
        &["inspect"],
        &["inspect", "proxy"],
        &["inspect", "-n", "x", "file"],
    ] {
        let output = run(arguments, b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    }
}

#[test]
fn help_and_version_are_printed() {
    for arguments in [&["--help"][..], &["ping", "-h"], &["serve", "-h"], &["inspect", "-h"]] {
        let output = run(arguments, b"");
        assert!(text(&output.stdout).contains("Usage: websans"), "{output:?}");
        assert_eq!(output.status.code(), Some(0));
    }
    for arguments in [&["--version"][..], &["-V"], &["ping", "-V"]] {
        assert_fine(&run(arguments, b""), concat!("websans ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn broadcast_sends_to_all_others() {
    let server = Server::start(&["serve", "broadcast", "127.0.0.1:0"]);
    let mut clients: Vec<_> = (0..3)
        .map(|_| {
            let mut child = websans(&["-v", &server.url]).spawn().unwrap();
            // Once it is connected it is in the room: the server has answered its request.
            let mut said = BufReader::new(child.stderr.take().unwrap());
            said.read_line(&mut String::new()).unwrap();
            let stdin = child.stdin.take().unwrap();
            (child, stdin, said)
        })
        .collect();
    clients[0].1.write_all(b"hello\n").unwrap();
    let mut heard = Vec::new();
    for (child, ..) in &mut clients[1..] {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        heard.push(line);
    }
    assert_eq!(heard, ["hello\n", "hello\n"]);
    let (first, stdin, _) = clients.remove(0);
    drop(stdin);
    assert_eq!(text(&first.wait_with_output().unwrap().stdout), "", "its own is not sent back");
    drop(clients.into_iter().map(|(mut child, ..)| child.kill()).collect::<Vec<_>>());
}

#[test]
fn pipe_serves_a_program() {
    let server = Server::start(&["serve", "pipe", "127.0.0.1:0", "--", "sh", "-c", "echo hi; cat"]);
    let mut child = websans(&[&server.url]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for (say, hear) in [("", "hi\n"), ("one\n", "one\n"), ("Grüße\n", "Grüße\n")] {
        stdin.write_all(say.as_bytes()).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, hear);
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let server = Server::start(&["serve", "pipe", "-b", "127.0.0.1:0", "--", "cat"]);
    let mut child = websans(&["-b", &server.url]).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"\x00\xff\n").unwrap();
    let mut bytes = [0; 3];
    child.stdout.as_mut().unwrap().read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"\x00\xff\n");
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn pipe_closes_with_what_became_of_the_program() {
    for (script, code, says) in [
        ("echo bye", Some(0), ""),
        ("echo bye; exit 3", Some(1), "1011"),
        ("echo bye; kill -9 $$", Some(1), "signal: 9"),
    ] {
        let server = Server::start(&["serve", "pipe", "127.0.0.1:0", "--", "sh", "-c", script]);
        let mut child = websans(&[&server.url]).spawn().unwrap();
        let stdin = child.stdin.take();
        let output = child.wait_with_output().unwrap();
        assert_eq!((text(&output.stdout), output.status.code()), ("bye\n", code), "{script}");
        assert!(text(&output.stderr).contains(says), "{script}: {output:?}");
        drop(stdin);
    }
    let server = Server::start(&["serve", "pipe", "-v", "127.0.0.1:0", "--", "/nonexistent"]);
    let mut child = websans(&[&server.url]).spawn().unwrap();
    let stdin = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    drop(stdin);
    let (_, said) = server.stop();
    assert!(said.contains("cannot start /nonexistent"), "{said}");
}

#[test]
fn a_page_of_another_site_may_not_use_a_program() {
    let header = ["-H", "Origin: http://evil.example"];
    let program = Server::start(&["serve", "pipe", "127.0.0.1:0", "--", "cat"]);
    let output = run(&[header[0], header[1], &program.url], b"x\n");
    assert!(text(&output.stderr).contains("403"), "{output:?}");
    let open = Server::start(&["serve", "pipe", "--any-origin", "127.0.0.1:0", "--", "cat"]);
    let output = run(&[header[0], header[1], &open.url], b"");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let echo = Server::echo();
    assert_fine(&run(&[header[0], header[1], &echo.url], b"x\n"), "x\n");
}

#[test]
fn a_server_that_ends_says_goodbye() {
    let server = Server::echo();
    let mut child = websans(&[&server.url]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\n").unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    server.stop();
    let output = child.wait_with_output().unwrap();
    assert!(text(&output.stderr).contains("1001"), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn inspect_shows_the_frames_that_pass_and_records_them() {
    let folder = std::env::temp_dir().join(format!("websans-record-{}", std::process::id()));
    let server = Server::echo();
    let record = folder.to_str().unwrap();
    let proxy = Server::start(&[
        "inspect",
        "proxy",
        "--no-deflate",
        "-o",
        record,
        &server.url,
        "127.0.0.1:0",
    ]);
    assert_fine(&run(&[&proxy.url], b"hello\n"), "hello\n");
    let (printed, _) = proxy.stop();
    for line in [
        "→ GET / HTTP/1.1",
        "← HTTP/1.1 101 ",
        "5 bytes \"hello\"",
        "← text         FIN 5 bytes \"hello\"",
        "1000 (Normal Closure)",
    ] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    assert!(!printed.contains(" ! "), "{printed}");
    let [client, server] = ["1-client", "1-server"].map(|name| folder.join(name));
    let output = run(&["inspect", client.to_str().unwrap(), server.to_str().unwrap()], b"");
    let printed = text(&output.stdout);
    assert_eq!(printed.matches("5 bytes \"hello\"").count(), 2, "{printed}");
    assert_eq!(printed.matches(" mask ").count(), 2, "{printed}");
    let from_stdin = run(&["inspect", "-"], &std::fs::read(&server).unwrap());
    assert!(text(&from_stdin.stdout).contains("FIN 5 bytes \"hello\""), "{from_stdin:?}");
    assert_eq!(run(&["inspect", "/nonexistent"], b"").status.code(), Some(1));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn in_a_terminal_there_are_a_prompt_and_marks_and_nothing_that_controls_it() {
    let (url, server) = third_party(|mut socket| {
        let mut connection = accept(&mut socket)?;
        let (ws, _, tx) = &mut connection;
        ws.send_text("a\x1b]0;title\x07b", tx).unwrap();
        ws.send_binary(&[0xab; 40], tx).unwrap();
        tx.write_to(&mut socket)?;
        until_close(&mut socket, &mut connection).map(drop)
    });
    let terminal = nix::pty::openpty(None, None).unwrap();
    let [stdin, stdout, stderr] = [(); 3].map(|()| terminal.slave.try_clone().unwrap());
    let mut child = Command::new(env!("CARGO_BIN_EXE_websans"))
        .arg(&url)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .unwrap();
    drop(terminal.slave);
    let mut terminal = std::fs::File::from(terminal.master);
    let mut shown = Vec::new();
    while !text(&shown).contains("bytes]") {
        let mut chunk = [0; 1024];
        let n = terminal.read(&mut chunk).unwrap();
        shown.extend_from_slice(&chunk[..n]);
    }
    terminal.write_all(b"\x04").unwrap(); // the end of the input
    // The terminal is gone when the program is.
    let _ = terminal.read_to_end(&mut shown);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let shown = text(&shown);
    for part in [
        &*format!("connected to {url}"),
        "> ",
        "< a\\u{1b}]0;title\\u{7}b\r\n",
        "< [binary, 40 bytes] ab ab",
        " …",
        "closed with 1000",
    ] {
        assert!(shown.contains(part), "{part:?}: {shown:?}");
    }
    server.join().unwrap().unwrap();
}

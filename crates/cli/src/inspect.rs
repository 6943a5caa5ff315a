//! `websans inspect`: the frames of a connection that passes through, or of a record of one.

mod frames;
mod proxy;

use std::fs::File;
use std::io::{self, Read, Write};

use websans_cli::command_line::Failure;

use self::frames::Inspector;
use crate::options::{Name, TargetOptions};
use crate::stdio::{print_or_leave, version};
use crate::usage;

const HELP: &str = "\
Prints the frames of WebSocket connections: opcode, FIN and reserved bits, masking key, length, the
beginning of the payload, and what breaks RFC 6455.

Usage: websans inspect proxy [OPTION]... URL [ADDR]
       websans inspect [OPTION]... FILE...

  proxy URL                     forwards connections to this server, as they are, and prints their
                                frames as they pass
  ADDR                          where to listen [default: 127.0.0.1:9002]; port 0 means any
  FILE                          what one end of a connection has sent, with or without the head of
                                its opening handshake; - is standard input. --record writes such
                                files
  -n, --payload BYTES           how much of each payload is shown [default: 64]
  -o, --record FOLDER           proxy: write what each end sends to FOLDER/N-client, FOLDER/N-server
      --no-deflate              proxy: take the offer of permessage-deflate out of each request, so
                                that payloads can be read
      --cacert FILE             proxy: trust the certificates in this file, in PEM, and no others
  -k, --insecure                proxy: trust any certificate
  -h, --help                    print this
  -V, --version                 print the version

A frame that is compressed (RSV1, RFC 7692) is shown as it is on the wire.
";

/// How much of a payload is shown, unless the command line says otherwise.
const SHOWN: usize = 64;

pub(crate) async fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let (mut values, mut shown, mut record, mut no_deflate) = (Vec::new(), SHOWN, None, false);
    let mut target = TargetOptions::new();
    while let Some(argument) = arguments.next().map_err(usage)? {
        let name = match Name::of(argument) {
            Ok(name) => name,
            Err(value) => {
                values.push(value);
                continue;
            }
        };
        match name.as_str() {
            "n" | "payload" => {
                let value = arguments.value().map_err(usage)?;
                let number = value.to_str().and_then(|value| value.parse().ok());
                shown = number.ok_or_else(|| usage("--payload takes a number of bytes"))?;
            }
            "o" | "record" => record = Some(arguments.value().map_err(usage)?.into()),
            "no-deflate" => no_deflate = true,
            "h" | "help" => print_or_leave(HELP),
            "V" | "version" => version(),
            "cacert" | "k" | "insecure" => {
                target.take(&name, &mut arguments)?;
            }
            _ => return Err(name.unexpected()),
        }
    }
    if values.first().is_some_and(|source| source == "proxy") {
        let mut text = values.iter().skip(1).map(|value| value.to_string_lossy().into_owned());
        let target = target.into_target(text.next().as_deref())?;
        let addr = text.next().unwrap_or_else(|| "127.0.0.1:9002".into());
        if text.next().is_some() {
            return Err(usage("inspect proxy takes a URL and an address"));
        }
        return proxy::run(proxy::Options { target, addr, shown, record, no_deflate }).await;
    }
    if values.is_empty() {
        return Err(usage("inspect takes files, or proxy and a URL; see --help"));
    }
    for path in &values {
        let name = path.to_string_lossy();
        let unreadable = |error| format!("cannot read {name}: {error}");
        let result = if path == "-" {
            inspect(io::stdin().lock(), shown)
        } else {
            inspect(File::open(path).map_err(unreadable)?, shown)
        };
        match result {
            // Nobody reads any more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            result => result.map_err(unreadable)?,
        }
    }
    Ok(())
}

/// Prints the frames of what one end has sent.
fn inspect(mut from: impl Read, shown: usize) -> io::Result<()> {
    let mut inspector = Inspector::new(shown);
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    let mut chunk = vec![0; 64 << 10];
    loop {
        let n = from.read(&mut chunk)?;
        let lines = match chunk.get_mut(..n) {
            Some(bytes) if !bytes.is_empty() => inspector.feed(bytes),
            _ => inspector.end(),
        };
        for line in lines {
            writeln!(stdout, "{line}")?;
        }
        if n == 0 {
            return stdout.flush();
        }
    }
}

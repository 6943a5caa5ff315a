//! The command line.

use std::sync::Arc;
use std::time::Duration;

use lexopt::prelude::{Long, Short, Value, ValueExt};
use websans::{Config, PermessageDeflate, Request};
use websans_cli::command_line::{Failure, print_help};
use websans_cli::connect::Proxy;
use websans_cli::tls::{self, Trust};

const HELP: &str = "\
Sends each line of standard input as a text message, and prints each text message that it
receives as a line. Binary messages are passed over.

Usage: client [OPTION]... URL

  URL                           such as ws://127.0.0.1:9001/chat or wss://example.com
  --binary                      send what standard input brings as binary messages, however it is
                                cut, and print every message as it is
  --subprotocol NAME            offer this subprotocol; may be repeated, preferred ones first
  --header 'NAME: VALUE'        send this HTTP header field; may be repeated
  --proxy URL                   go through http://[USER:PASSWORD@]HOST:PORT (CONNECT), or through
                                socks5://[USER:PASSWORD@]HOST:PORT
  --cacert FILE                 trust the certificates in this file, in PEM, and no others
  --insecure                    trust any certificate
  --ping-interval SECONDS       ping a server that has been silent for so long, and give it up
                                when it stays silent for as long again
  --reconnect                   when the connection fails, try again, after longer and longer
                                waits; what was sent shortly before may be lost
  --no-deflate                  do not offer permessage-deflate
  --no-client-context-takeover  compress every message by itself
  --help                        print this

It closes the connection at the end of the input, or with 1001 on Ctrl-C. Exit status 0 means that
this was answered, or that the server closed the connection with code 1000 or none; 1 means that
something failed, which is told in one line; 2 that the command line makes no sense.
";

/// The largest message to print.
const MAX_MESSAGE_SIZE: u64 = 32 << 20;

/// What the command line asks for.
pub(crate) struct Options {
    pub(crate) request: Request,
    pub(crate) config: Config,
    pub(crate) binary: bool,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) ping_interval: Option<Duration>,
    pub(crate) reconnect: bool,
}

impl Options {
    pub(crate) fn parse() -> Result<Self, Failure> {
        let (mut url, mut subprotocols, mut headers) = (None, Vec::new(), Vec::new());
        let (mut proxy, mut trust, mut ping_interval) = (None, Trust::System, None);
        let (mut binary, mut reconnect) = (false, false);
        let mut deflate = Some(PermessageDeflate::default());
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("binary") => binary = true,
                Long("subprotocol") => subprotocols.push(arguments.value()?.string()?),
                Long("header") => headers.push(arguments.value()?.string()?),
                Long("proxy") => {
                    let value = arguments.value()?.string()?;
                    proxy = Some(value.parse().map_err(|error| format!("--proxy: {error}"))?);
                }
                Long("cacert") => trust = Trust::File(arguments.value()?.into()),
                Long("insecure") => trust = Trust::Anybody,
                Long("ping-interval") => {
                    let seconds = arguments.value()?.parse::<f64>()?;
                    let interval = Duration::try_from_secs_f64(seconds);
                    let interval = interval.map_err(|error| format!("--ping-interval: {error}"))?;
                    ping_interval = Some(interval);
                }
                Long("reconnect") => reconnect = true,
                Long("no-deflate") => deflate = None,
                Long("no-client-context-takeover") => {
                    deflate = deflate.map(|deflate| deflate.client_no_context_takeover(true));
                }
                Long("help") | Short('h') => print_help(HELP),
                Value(value) if url.is_none() => url = Some(value.string()?),
                _ => return Err(argument.unexpected().into()),
            }
        }
        let request =
            request(&url.ok_or("no URL was given; --help tells how")?, &subprotocols, &headers)?;
        // Who trusts nobody can still speak without TLS.
        let trust = if request.uri().is_secure() { trust } else { Trust::Anybody };
        Ok(Self {
            request,
            config: Config::default()
                .max_message_size(MAX_MESSAGE_SIZE)
                .permessage_deflate(deflate),
            binary,
            proxy,
            tls: tls::client(&trust, &["http/1.1"])?,
            ping_interval,
            reconnect,
        })
    }
}

fn request(url: &str, subprotocols: &[String], headers: &[String]) -> Result<Request, Failure> {
    let mut request =
        Request::new(url).map_err(|error| format!("{url:?} is no WebSocket URL: {error}"))?;
    for name in subprotocols {
        request =
            request.subprotocol(name).map_err(|error| format!("--subprotocol {name}: {error}"))?;
    }
    for header in headers {
        let (name, value) = header.split_once(':').ok_or("--header takes 'NAME: VALUE'")?;
        request = request
            .header(name, value.trim_matches([' ', '\t']))
            .map_err(|error| format!("--header {name}: {error}"))?;
    }
    Ok(request)
}

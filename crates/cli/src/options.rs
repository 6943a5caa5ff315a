//! Options that every client of this program takes: how to reach the server, and what to offer it.

use std::sync::Arc;
use std::time::Duration;

use lexopt::prelude::{Long, Short, ValueExt};
use websans::{Config, Deadlines, PermessageDeflate, Request};
use websans_cli::command_line::Failure;
use websans_cli::connect::Proxy;
use websans_cli::tls::{self, Trust};

use crate::stdio::{print_or_leave, version};
use crate::usage;

pub(crate) const HELP: &str = "\
  -s, --subprotocol NAME        offer this subprotocol; may be repeated, preferred ones first
  -H, --header 'NAME: VALUE'    send this HTTP header field; may be repeated
  -x, --proxy URL               go through http://[USER:PASSWORD@]HOST:PORT (CONNECT), or through
                                socks5://[USER:PASSWORD@]HOST:PORT
      --cacert FILE             trust the certificates in this file, in PEM, and no others
  -k, --insecure                trust any certificate
      --no-deflate              do not offer permessage-deflate
      --no-client-context-takeover  compress every message by itself
  -v, --verbose                 report the connection and its end on standard error, as in a terminal
  -q, --quiet                   report neither
  -h, --help                    print this
  -V, --version                 print the version
";

/// The largest message to print.
const MAX_MESSAGE_SIZE: u64 = 32 << 20;

/// How long the opening handshake may take, and how long the server may take to close.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);

/// How to reach the server, and what to offer it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) request: Request,
    pub(crate) config: Config,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    /// Whether the connection and its end are told on standard error.
    pub(crate) verbose: bool,
}

/// The options as they are read.
pub(crate) struct TargetOptions {
    subprotocols: Vec<String>,
    headers: Vec<String>,
    proxy: Option<Proxy>,
    trust: Trust,
    deflate: Option<PermessageDeflate>,
    verbose: Option<bool>,
    /// How long a server may be silent, for `--ping-interval`.
    pub(crate) ping_interval: Option<Duration>,
}

impl TargetOptions {
    pub(crate) fn new() -> Self {
        Self {
            subprotocols: Vec::new(),
            headers: Vec::new(),
            proxy: None,
            trust: Trust::System,
            deflate: Some(PermessageDeflate::default()),
            verbose: None,
            ping_interval: None,
        }
    }

    /// Reads a command line: one URL, the options of every client, and those of this one, of which
    /// `own` reads the value. It returns `false` for a name that it does not know.
    pub(crate) fn parse(
        mut arguments: lexopt::Parser,
        help: &str,
        mut own: impl FnMut(&mut Self, &str, &mut lexopt::Parser) -> Result<bool, Failure>,
    ) -> Result<Target, Failure> {
        let (mut options, mut url) = (Self::new(), None);
        while let Some(argument) = arguments.next().map_err(usage)? {
            let name = match Name::of(argument) {
                Ok(name) => name,
                Err(value) if url.is_none() => {
                    url = Some(value.string().map_err(usage)?);
                    continue;
                }
                Err(value) => {
                    return Err(usage(format!("one URL is enough: {}", value.to_string_lossy())));
                }
            };
            match name.as_str() {
                "h" | "help" => print_or_leave(help),
                "V" | "version" => version(),
                _ if own(&mut options, name.as_str(), &mut arguments).map_err(usage)? => {}
                _ if options.take(&name, &mut arguments).map_err(usage)? => {}
                _ => return Err(name.unexpected()),
            }
        }
        options.into_target(url.as_deref())
    }

    /// Reads the value of the option of that name. `false` if it is none of these options.
    pub(crate) fn take(
        &mut self,
        name: &Name,
        arguments: &mut lexopt::Parser,
    ) -> Result<bool, Failure> {
        match name.as_str() {
            "s" | "subprotocol" => self.subprotocols.push(arguments.value()?.string()?),
            "H" | "header" => self.headers.push(arguments.value()?.string()?),
            "x" | "proxy" => {
                let value = arguments.value()?.string()?;
                self.proxy =
                    Some(value.parse().map_err(|error| usage(format!("--proxy: {error}")))?);
            }
            "cacert" => self.trust = Trust::File(arguments.value()?.into()),
            "k" | "insecure" => self.trust = Trust::Anybody,
            "no-deflate" => self.deflate = None,
            "no-client-context-takeover" => {
                self.deflate = self.deflate.map(|deflate| deflate.client_no_context_takeover(true));
            }
            "v" | "verbose" => self.verbose = Some(true),
            "q" | "quiet" => self.verbose = Some(false),
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(crate) fn into_target(self, url: Option<&str>) -> Result<Target, Failure> {
        let url = url.ok_or_else(|| usage("no URL was given; --help explains the options"))?;
        let request = request(url, &self.subprotocols, &self.headers)?;
        // A ws:// URI needs no certificates, so none are loaded.
        let trust = if request.uri().is_secure() { self.trust } else { Trust::Anybody };
        let deadlines = Deadlines::default()
            .handshake(PATIENCE)
            .close(PATIENCE)
            // A person may take any time over a message, and so may a server.
            .message(None)
            .write(None)
            .ping_interval(self.ping_interval)
            .pong(self.ping_interval);
        Ok(Target {
            request,
            config: Config::default()
                .max_message_size(MAX_MESSAGE_SIZE)
                .permessage_deflate(self.deflate)
                .deadlines(deadlines),
            proxy: self.proxy,
            tls: tls::client(&trust, &["http/1.1"]).map_err(usage)?,
            verbose: self
                .verbose
                .unwrap_or_else(|| std::io::IsTerminal::is_terminal(&std::io::stderr())),
        })
    }
}

/// The name of an option, without its dashes, as its own: the value has not been read yet.
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// `Err` with the value where the argument is no option.
    pub(crate) fn of(argument: lexopt::Arg<'_>) -> Result<Self, std::ffi::OsString> {
        match argument {
            Long(name) => Ok(Self(name.to_owned())),
            Short(name) => Ok(Self(name.to_string())),
            lexopt::Arg::Value(value) => Err(value),
        }
    }

    /// The error for an option that is not known.
    pub(crate) fn unexpected(&self) -> Failure {
        let dashes = if self.0.chars().count() == 1 { "-" } else { "--" };
        usage(format!("there is no option {dashes}{}; --help explains those there are", self.0))
    }
}

/// A number of seconds, with fractions, for the option `name`.
pub(crate) fn seconds(name: &str, arguments: &mut lexopt::Parser) -> Result<Duration, Failure> {
    let seconds = arguments.value()?.parse::<f64>().map_err(usage)?;
    Duration::try_from_secs_f64(seconds).map_err(|error| usage(format!("--{name}: {error}")))
}

fn request(url: &str, subprotocols: &[String], headers: &[String]) -> Result<Request, Failure> {
    let mut request = Request::new(url)
        .map_err(|error| usage(format!("{url:?} is no WebSocket URL: {error}")))?;
    for name in subprotocols {
        request = request
            .subprotocol(name)
            .map_err(|error| usage(format!("--subprotocol {name}: {error}")))?;
    }
    for header in headers {
        let (name, value) =
            header.split_once(':').ok_or_else(|| usage("--header takes 'NAME: VALUE'"))?;
        request = request
            .header(name, value.trim_matches([' ', '\t']))
            .map_err(|error| usage(format!("--header {name}: {error}")))?;
    }
    Ok(request)
}

//! What a client does that the Autobahn testsuite tests: it runs every case that the suite's server
//! has, and asks for the reports.

use std::error::Error;

use websans::{Config, PermessageDeflate};

/// The testsuite's largest message, and its largest frame, has 16 MiB.
const MAX_MESSAGE_SIZE: u64 = 64 << 20;

/// What both clients agree to.
pub(crate) fn config() -> Config {
    Config::default()
        .max_message_size(MAX_MESSAGE_SIZE)
        .permessage_deflate(PermessageDeflate::default().min_size(0))
}

/// `echo` connects to a URL, sends every message back until the connection ends, and returns the
/// first text message that came.
pub(crate) fn run(
    name: &str,
    echo: impl Fn(&str) -> Result<Option<String>, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, agent] = arguments.as_slice() else {
        return Err(format!("usage: {name} URL AGENT").into());
    };
    let (url, agent) = (url.trim_end_matches('/'), percent_encoded(agent));
    let cases = echo(&format!("{url}/getCaseCount"))?.ok_or("the server sends no count")?;
    let cases: u32 = cases.parse()?;
    for case in 1..=cases {
        // That the connection fails is what most of the cases are about.
        if let Err(error) = echo(&format!("{url}/runCase?case={case}&agent={agent}")) {
            println!("case {case} of {cases}: {error}");
        }
    }
    // It closes the connection when the reports are written.
    echo(&format!("{url}/updateReports?agent={agent}")).map(drop)
}

/// What may stand in the value of a query as it is does; the rest is encoded.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

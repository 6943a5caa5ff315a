//! The page: as much of HTTP as it takes, a response and then the end of the connection.

use std::collections::HashMap;
use std::rc::Rc;

/// The page, and the source of the services that it talks to.
const FILES: [(&str, &str, &str); 19] = [
    ("/", "text/html", include_str!("page/index.html")),
    ("/style.css", "text/css", include_str!("page/style.css")),
    ("/frames.css", "text/css", include_str!("page/frames.css")),
    ("/app.js", "text/javascript", include_str!("page/app.js")),
    ("/socket.js", "text/javascript", include_str!("page/socket.js")),
    ("/codes.js", "text/javascript", include_str!("page/codes.js")),
    ("/server.js", "text/javascript", include_str!("page/server.js")),
    ("/frames.js", "text/javascript", include_str!("page/frames.js")),
    ("/anatomy.js", "text/javascript", include_str!("page/anatomy.js")),
    ("/echo.js", "text/javascript", include_str!("page/echo.js")),
    ("/hello.js", "text/javascript", include_str!("page/hello.js")),
    ("/quotes.js", "text/javascript", include_str!("page/quotes.js")),
    ("/chart.js", "text/javascript", include_str!("page/chart.js")),
    ("/chat.js", "text/javascript", include_str!("page/chat.js")),
    ("/echo.rs", "text/plain", include_str!("services/echo.rs")),
    ("/hello.rs", "text/plain", include_str!("services/hello.rs")),
    ("/quotes.rs", "text/plain", include_str!("services/quotes.rs")),
    ("/chat.rs", "text/plain", include_str!("services/chat.rs")),
    ("/frames.rs", "text/plain", include_str!("frames.rs")),
];

/// The largest head of a request.
pub(crate) const MAX_HEAD: usize = 16 << 10;

const MAX_HEADERS: usize = 64;

/// The responses, each with its head, made once.
pub(crate) struct Site {
    files: HashMap<&'static str, Rc<[u8]>>,
    not_found: Rc<[u8]>,
    bad_request: Rc<[u8]>,
    wrong_method: Rc<[u8]>,
}

/// What a head asks for.
pub(crate) enum Asked<'b> {
    /// What is to be sent, and then closed.
    Page(Rc<[u8]>),
    /// Something at a path that is not the page's.
    Other(&'b str),
}

impl Site {
    pub(crate) fn new() -> Self {
        let files = FILES
            .into_iter()
            .map(|(path, kind, body)| (path, response("200 OK", kind, body)))
            .collect();
        Self {
            files,
            not_found: response("404 Not Found", "text/plain", "There is nothing here.\n"),
            bad_request: response("400 Bad Request", "text/plain", "That is no HTTP request.\n"),
            wrong_method: response("405 Method Not Allowed", "text/plain", "Only GET, please.\n"),
        }
    }

    pub(crate) fn not_found(&self) -> Rc<[u8]> {
        Rc::clone(&self.not_found)
    }

    pub(crate) fn bad_request(&self) -> Rc<[u8]> {
        Rc::clone(&self.bad_request)
    }

    /// What a whole head asks for.
    pub(crate) fn look_up<'b>(&self, head: &'b [u8]) -> Asked<'b> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let Ok(httparse::Status::Complete(_)) = request.parse(head) else {
            return Asked::Page(self.bad_request());
        };
        let path = request.path.unwrap_or_default();
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        match (self.files.get(path), request.method) {
            (Some(file), Some("GET")) => Asked::Page(Rc::clone(file)),
            (Some(_), _) => Asked::Page(Rc::clone(&self.wrong_method)),
            (None, _) => Asked::Other(path),
        }
    }
}

/// Whether the head ends in what has come, of which the last `new` bytes are new.
pub(crate) fn is_whole(received: &[u8], new: usize) -> bool {
    let from = received.len().saturating_sub(new + 3);
    received.get(from..).is_some_and(|tail| tail.windows(4).any(|end| end == b"\r\n\r\n"))
}

fn response(status: &str, kind: &str, body: &str) -> Rc<[u8]> {
    let length = body.len();
    let allow = if status.starts_with("405") { "Allow: GET\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status}\r\n\
        Content-Type: {kind}; charset=utf-8\r\n\
        Content-Length: {length}\r\n\
        Cache-Control: no-cache\r\n\
        Content-Security-Policy: default-src 'self'; img-src data: blob:; base-uri 'none'; \
        form-action 'none'; frame-ancestors 'none'\r\n\
        X-Content-Type-Options: nosniff\r\n\
        {allow}\
        Connection: close\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat().into()
}

//! HTTP messages as `httparse` sees them.

/// The fields of an HTTP message.
#[derive(Debug)]
pub struct Head(
    /// Names and values, in order.
    pub Vec<(String, Vec<u8>)>,
);

impl Head {
    /// Of a response with that status, and without a body.
    pub fn of_response(wire: &[u8], status: u16) -> Self {
        let (head, body) = Self::read(wire, status);
        assert!(body.is_empty());
        head
    }

    /// Of a response with that status, and its body.
    pub fn read(wire: &[u8], status: u16) -> (Self, &[u8]) {
        let mut room = room(wire);
        let mut response = httparse::Response::new(&mut room);
        let Ok(httparse::Status::Complete(len)) = response.parse(wire) else {
            panic!("no response: {}", wire.escape_ascii());
        };
        assert_eq!((response.version, response.code), (Some(1), Some(status)));
        let fields = response.headers.iter().map(|it| (it.name.into(), it.value.into()));
        (Self(fields.collect()), &wire[len..])
    }

    /// Of a request, after which nothing comes, and the line that it begins with.
    pub fn of_request(wire: &[u8]) -> (String, Self) {
        let mut room = room(wire);
        let mut request = httparse::Request::new(&mut room);
        assert_eq!(request.parse(wire), Ok(httparse::Status::Complete(wire.len())));
        let [method, path] = [request.method, request.path].map(Option::unwrap);
        let line = format!("{method} {path} HTTP/1.{}", request.version.unwrap());
        let fields = request.headers.iter().map(|it| (it.name.into(), it.value.into()));
        (line, Self(fields.collect()))
    }

    /// The values of all fields of that name.
    pub fn all(&self, name: &str) -> Vec<&[u8]> {
        let mine = self.0.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name));
        mine.map(|(_, value)| &value[..]).collect()
    }

    /// Whether a list holds a token.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        let mut elements = self.all(name).into_iter().flat_map(|it| it.split(|byte| *byte == b','));
        elements.any(|it| it.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    }
}

fn room(wire: &[u8]) -> Vec<httparse::Header<'_>> {
    vec![httparse::EMPTY_HEADER; wire.split(|byte| *byte == b'\n').count()]
}

/// RFC 9112 §2.2; `httparse` takes a bare LF, too.
pub fn ends_lines_with_crlf(head: &[u8]) -> bool {
    head.windows(2).all(|pair| pair[1] != b'\n' || pair[0] == b'\r')
}

/// RFC 9110 §5.6.2.
pub fn is_token(text: &str) -> bool {
    let separators = b"()<>@,;:\\\"/[]?={}";
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !separators.contains(&byte))
}

/// A refusal is final and says where it ends. Where there is no status, nothing is said.
pub fn check_answer(output: &[u8], status: Option<u16>) {
    let Some(status) = status else { return assert!(output.is_empty()) };
    let (head, body) = Head::read(output, status);
    assert!(head.has_token("Connection", "close"));
    assert_eq!(head.all("Content-Length"), [body.len().to_string().as_bytes()]);
    assert_eq!(head.all("Sec-WebSocket-Version").len(), usize::from(status == 426));
}

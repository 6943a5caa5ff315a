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

    fn read(wire: &[u8], status: u16) -> (Self, &[u8]) {
        let mut room = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut room);
        let Ok(httparse::Status::Complete(len)) = response.parse(wire) else {
            panic!("no response: {}", wire.escape_ascii());
        };
        assert_eq!((response.version, response.code), (Some(1), Some(status)));
        let fields = response.headers.iter().map(|it| (it.name.into(), it.value.into()));
        (Self(fields.collect()), &wire[len..])
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

/// A refusal is final and says where it ends. Where there is no status, nothing is said.
pub fn check_answer(output: &[u8], status: Option<u16>) {
    let Some(status) = status else { return assert!(output.is_empty()) };
    let (head, body) = Head::read(output, status);
    assert!(head.has_token("Connection", "close"));
    assert_eq!(head.all("Content-Length"), [body.len().to_string().as_bytes()]);
    assert_eq!(head.all("Sec-WebSocket-Version").len(), usize::from(status == 426));
}

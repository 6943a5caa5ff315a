"""RFC 6455 section 4, through the sans-IO level."""

from __future__ import annotations

import pytest
from wire import REQUEST, TEXT, frame

import websans
from websans import ClientHandshake, ServerHandshake, Text


def accepted(extra: bytes = b"", key: bytes = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") -> bytes:
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + key + b"\r\n" + extra + b"\r\n"
    )


def test_the_request_of_the_rfc() -> None:
    handshake = ServerHandshake()
    handshake.receive_data(REQUEST)
    request = handshake.next_request()
    assert request is not None
    assert (request.resource_name, request.path, request.query) == ("/chat?room=1", "/chat", "room=1")
    assert (request.host, request.origin) == ("server.example.com", "http://example.com")
    assert not request.is_same_origin
    assert request.subprotocols == ["chat", "superchat"]
    assert request.header("HOST") == b"server.example.com"
    assert request.headers[0] == (b"host", b"server.example.com")
    connection = handshake.accept("superchat", [("Set-Cookie", "a=b"), (b"X", b"\xff")])
    assert connection.subprotocol == "superchat"
    assert connection.data_to_send() == accepted(
        b"Sec-WebSocket-Protocol: superchat\r\nSet-Cookie: a=b\r\nX: \xff\r\n"
    )
    assert handshake.data_to_send() == b""


@pytest.mark.parametrize("cut", [1, 7, 100])
def test_a_request_in_pieces_with_a_message_behind_it(cut: int) -> None:
    handshake = ServerHandshake()
    data = REQUEST + frame(TEXT, b"early") + frame(TEXT, b"later")
    request = None
    for at in range(0, len(data), cut):
        handshake.receive_data(data[at : at + cut])
        if request is None:
            request = handshake.next_request()
    assert request is not None
    connection = handshake.accept()
    assert list(connection) == [Text("early"), Text("later")]


@pytest.mark.parametrize(
    ("head", "kind", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01", "NotHttp", 400),
        (REQUEST.replace(b"GET", b"POST"), "Method", 405),
        (REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0"), "HttpVersion", 505),
        (REQUEST.replace(b"Upgrade: websocket\r\n", b""), "NotAnUpgrade", 426),
        (REQUEST.replace(b"Version: 13", b"Version: 8"), "Version", 426),
        (REQUEST.replace(b"Sec-WebSocket-Key", b"X"), "MissingHeader", 400),
        (REQUEST.replace(b"Host: server.example.com\r\n", b""), "MissingHeader", 400),
        (REQUEST.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 20000), "HeadTooLarge", 431),
    ],
)
def test_what_is_no_request_is_answered(head: bytes, kind: str, status: int) -> None:
    handshake = ServerHandshake()
    handshake.receive_data(head)
    with pytest.raises(websans.HandshakeError) as raised:
        handshake.next_request()
    assert (raised.value.kind, raised.value.status) == (kind, status)
    assert handshake.data_to_send().startswith(b"HTTP/1.1 %d " % status)
    with pytest.raises(websans.HandshakeError):
        handshake.next_request()
    with pytest.raises(websans.InvalidHandshake):
        handshake.accept()


def test_a_rejection() -> None:
    handshake = ServerHandshake()
    handshake.receive_data(REQUEST)
    assert handshake.next_request() is not None
    handshake.reject(401, {"WWW-Authenticate": "Basic"}, b"Who are you?\n")
    assert handshake.data_to_send() == (
        b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 13\r\n"
        b"WWW-Authenticate: Basic\r\n\r\nWho are you?\n"
    )
    with pytest.raises(websans.InvalidHandshake) as raised:
        handshake.reject(401)
    assert raised.value.kind == "NoRequest"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("other",), "SubprotocolNotOffered"),
        ((None, [("X", "a\r\nSet-Cookie: b")]), "HeaderValue"),
        ((None, [("X: a", "b")]), "HeaderName"),
        ((None, [("Connection", "close")]), "ReservedHeader"),
    ],
)
def test_a_bad_answer_is_refused_and_the_request_still_waits(arguments: tuple[object, ...], kind: str) -> None:
    handshake = ServerHandshake()
    handshake.receive_data(REQUEST)
    assert handshake.next_request() is not None
    with pytest.raises(websans.InvalidHandshake) as raised:
        handshake.accept(*arguments)  # type: ignore[arg-type]
    assert raised.value.kind == kind
    assert handshake.data_to_send() == b""
    handshake.accept("chat")


def test_an_end_within_the_request() -> None:
    handshake = ServerHandshake()
    handshake.receive_data(REQUEST[:20])
    assert handshake.next_request() is None
    handshake.receive_eof()
    with pytest.raises(websans.HandshakeError) as raised:
        handshake.next_request()
    assert (raised.value.kind, raised.value.status) == ("Eof", None)


def test_a_client_asks_for_what_it_was_told_to() -> None:
    handshake = ClientHandshake(
        "wss://[::1]:8443/chat?a=b", subprotocols=("chat",), headers={"Authorization": "Bearer x"}
    )
    assert (handshake.host, handshake.port, handshake.is_secure) == ("::1", 8443, True)
    request = handshake.data_to_send()
    assert request.startswith(b"GET /chat?a=b HTTP/1.1\r\nHost: [::1]:8443\r\n")
    assert b"Sec-WebSocket-Protocol: chat\r\n" in request and b"Authorization: Bearer x\r\n" in request
    assert handshake.data_to_send() == b""


@pytest.mark.parametrize(
    ("uri", "kind"), [("http://x/", "Uri"), ("ws://u:p@x/", "Uri"), ("ws://x/#y", "Uri"), ("ws://x:0/", "Uri")]
)
def test_a_bad_uri_is_refused(uri: str, kind: str) -> None:
    with pytest.raises(websans.InvalidHandshake) as raised:
        ClientHandshake(uri)
    assert raised.value.kind == kind
    assert isinstance(raised.value, ValueError)


def test_a_refusal_has_status_headers_and_body() -> None:
    handshake = ClientHandshake("ws://x/")
    with pytest.raises(RuntimeError):
        handshake.connection()
    handshake.receive_data(b"HTTP/1.1 302 Found\r\nLocation: ws://y/\r\nContent-Length: 4\r\n\r\nbo")
    assert handshake.next_response() is None
    handshake.receive_data(b"dy")
    response = handshake.next_response()
    assert response is not None and not response.is_accepted
    assert (response.status, response.reason, response.body) == (302, "Found", b"body")
    assert response.header("location") == b"ws://y/" and response.body_is_complete
    with pytest.raises(websans.HandshakeError):
        handshake.connection()


def test_an_end_within_the_body_of_a_refusal() -> None:
    handshake = ClientHandshake("ws://x/")
    handshake.receive_data(b"HTTP/1.1 500 Oops\r\nContent-Length: 40\r\n\r\nbo")
    assert handshake.next_response() is None
    handshake.receive_eof()
    response = handshake.next_response()
    assert response is not None and (response.body, response.body_is_complete) == (b"bo", False)


def test_a_response_for_another_key_is_an_error() -> None:
    handshake = ClientHandshake("ws://x/")
    handshake.receive_data(accepted())
    with pytest.raises(websans.HandshakeError) as raised:
        handshake.next_response()
    assert raised.value.kind == "AcceptMismatch"


def test_header_fields_come_in_any_form_of_pairs() -> None:
    for fields in ({"X": "1"}, [("X", "1")], [["X", b"1"]], (it for it in [(b"X", "1")])):
        assert b"\r\nX: 1\r\n" in ClientHandshake("ws://x/", headers=fields).data_to_send()  # type: ignore[arg-type]
    for bad in (5, [5], [("X",)], [("X", "1", "2")], [("X", 5)]):
        with pytest.raises((TypeError, ValueError)):
            ClientHandshake("ws://x/", headers=bad)  # type: ignore[arg-type]

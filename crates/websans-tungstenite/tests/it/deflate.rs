//! permessage-deflate, through the configuration that forks of tungstenite use.

use tungstenite::extensions::compression::deflate::{Compression, DeflateConfig};
use tungstenite::handshake::server::{Callback, Request, Response, ServerHandshake};
use tungstenite::handshake::{HandshakeError, client::ClientHandshake};
use tungstenite::http::HeaderMap;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::util::NonBlockingResult;
use tungstenite::{Error, Message, WebSocket};

use crate::pipe::{Pipe, pair};

const TEXT: &str = "the same words, again and again, the same words, again and again, and again";

fn with(deflate: impl Into<Option<DeflateConfig>>) -> WebSocketConfig {
    let mut config = WebSocketConfig::default();
    config.extensions.permessage_deflate = deflate.into();
    config
}

/// Both ends, after a handshake between them.
fn connect(
    client: WebSocketConfig,
    server: WebSocketConfig,
    callback: impl Callback,
) -> (WebSocket<Pipe>, WebSocket<Pipe>, HeaderMap) {
    let (client_pipe, server_pipe) = pair();
    let request = tungstenite::client::IntoClientRequest::into_client_request("ws://localhost/");
    let handshake = ClientHandshake::start(client_pipe, request.unwrap(), Some(client)).unwrap();
    let Err(HandshakeError::Interrupted(handshake)) = handshake.handshake() else { panic!() };
    let server = ServerHandshake::start(server_pipe, callback, Some(server)).handshake().unwrap();
    let (client, response) = handshake.handshake().unwrap();
    (client, server, response.headers().clone())
}

fn plain(
    _: &Request,
    response: Response,
) -> Result<Response, tungstenite::handshake::server::ErrorResponse> {
    Ok(response)
}

/// What TEXT takes on the wire, each way, the second time.
fn sizes(client: &mut WebSocket<Pipe>, server: &mut WebSocket<Pipe>) -> (usize, usize) {
    let mut sizes = (0, 0);
    for _ in 0..2 {
        client.get_ref().output.log();
        client.send(TEXT.into()).unwrap();
        assert_eq!(server.read().unwrap(), Message::text(TEXT));
        server.get_ref().output.log();
        server.send(TEXT.into()).unwrap();
        assert_eq!(client.read().unwrap(), Message::text(TEXT));
        sizes = (client.get_ref().output.log().len(), server.get_ref().output.log().len());
    }
    sizes
}

#[test]
fn one_line_of_configuration_compresses_both_ways() {
    let config = with(DeflateConfig::default());
    let (mut client, mut server, headers) = connect(config, config, plain);
    assert_eq!(headers["Sec-WebSocket-Extensions"], "permessage-deflate");
    let (from_client, from_server) = sizes(&mut client, &mut server);
    assert!(
        from_client < 20 && from_server < 20,
        "{from_client} and {from_server} of {}",
        TEXT.len()
    );
    assert!(server.get_config().extensions.permessage_deflate.is_some());
}

#[test]
fn nothing_is_compressed_unless_both_want_it() {
    let wanted = with(DeflateConfig::default());
    for (ours, theirs) in [(wanted, with(None)), (with(None), wanted)] {
        let (mut client, mut server, headers) = connect(ours, theirs, plain);
        assert!(!headers.contains_key("Sec-WebSocket-Extensions"));
        let (from_client, from_server) = sizes(&mut client, &mut server);
        assert_eq!((from_client, from_server), (TEXT.len() + 6, TEXT.len() + 2));
        assert!(client.get_config().extensions.permessage_deflate.is_none());
        assert!(server.get_config().extensions.permessage_deflate.is_none());
    }
}

#[test]
fn a_callback_that_takes_the_answer_away_takes_the_compression_away() {
    let config = with(DeflateConfig::default());
    let (mut client, mut server, _) =
        connect(config, config, |_: &Request, mut response: Response| {
            assert_eq!(response.headers()["Sec-WebSocket-Extensions"], "permessage-deflate");
            response.headers_mut().remove("Sec-WebSocket-Extensions");
            Ok(response)
        });
    assert_eq!(sizes(&mut client, &mut server).1, TEXT.len() + 2);
}

#[test]
fn every_parameter_is_agreed_on_and_kept() {
    let base = DeflateConfig::default();
    let mut hard = base;
    hard.compression = Compression::best();
    for (ours, theirs, expected) in [
        (
            base.set_no_context_takeover(Role::Server, true),
            base,
            "permessage-deflate; server_no_context_takeover",
        ),
        (
            base,
            base.set_no_context_takeover(Role::Client, true),
            "permessage-deflate; client_no_context_takeover",
        ),
        (
            base.set_max_window_bits(Role::Server, 9).unwrap(),
            base,
            "permessage-deflate; server_max_window_bits=9",
        ),
        (
            base,
            base.set_max_window_bits(Role::Client, 10).unwrap(),
            "permessage-deflate; client_max_window_bits=10",
        ),
        (hard, hard, "permessage-deflate"),
    ] {
        let (mut client, mut server, headers) = connect(with(ours), with(theirs), plain);
        assert_eq!(headers["Sec-WebSocket-Extensions"], expected);
        sizes(&mut client, &mut server);
        let agreed = |socket: &WebSocket<Pipe>| {
            let agreed = socket.get_config().extensions.permessage_deflate.unwrap();
            (
                (agreed.server_no_context_takeover, agreed.client_no_context_takeover),
                (agreed.server_max_window_bits(), agreed.client_max_window_bits()),
            )
        };
        assert_eq!(agreed(&client), agreed(&server));
    }
    assert!(base.set_max_window_bits(Role::Client, 8).is_err());
    assert!(base.set_max_window_bits(Role::Client, 16).is_err());
}

#[test]
fn what_a_framework_agreed_on_is_handed_in() {
    let mut config = DeflateConfig::default().set_max_window_bits(Role::Server, 9).unwrap();
    for no_context_takeover in [true, false] {
        config.client_no_context_takeover = no_context_takeover;
        config.server_no_context_takeover = no_context_takeover;
        let (client, server) = pair();
        let mut client = WebSocket::from_raw_socket(client, Role::Client, Some(with(config)));
        let mut server = WebSocket::from_raw_socket(server, Role::Server, Some(with(config)));
        let (from_client, _) = sizes(&mut client, &mut server);
        assert!(from_client < TEXT.len(), "compressed");
        assert_eq!(from_client < 20, !no_context_takeover, "{from_client}");
    }
}

#[test]
fn a_compressed_message_over_the_limit_ends_with_1009() {
    let config = with(DeflateConfig::default());
    let (mut client, mut server, _) = connect(config, config.max_message_size(Some(1000)), plain);
    client.send(Message::binary(vec![0; 1000])).unwrap();
    assert_eq!(server.read().unwrap().len(), 1000, "the limit is inclusive");
    client.send(Message::binary(vec![0; 1_000_000])).unwrap();
    assert!(matches!(server.read(), Err(Error::Capacity(_))));
    let Message::Close(Some(frame)) = client.read().unwrap() else { panic!() };
    assert_eq!(u16::from(frame.code), 1009);
}

#[test]
fn corrupt_compressed_data_says_what_it_is() {
    let (client, _) = pair();
    client.input.put(b"\xc1\x03\xff\xff\xff");
    let config = with(DeflateConfig::default());
    let mut client = WebSocket::from_raw_socket(client, Role::Client, Some(config));
    let Err(Error::Io(error)) = client.read() else { panic!() };
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    let source = error.into_inner().unwrap();
    assert_eq!(source.downcast_ref(), Some(&websans::Error::CorruptDeflate));
}

#[test]
fn a_message_that_was_handed_back_is_compressed_when_it_is_sent_again() {
    let config = with(DeflateConfig::default()).write_buffer_size(0).max_write_buffer_size(100);
    let (mut client, mut server, _) = connect(config, config, plain);
    server.get_ref().output.set_room(Some(0));
    assert!(server.write(TEXT.into()).no_block().unwrap().is_none());
    let Err(Error::WriteBufferFull(message)) = server.write(TEXT.into()) else { panic!() };
    server.get_ref().output.set_room(None);
    server.flush().unwrap();
    server.get_ref().output.log();
    server.send(*message).unwrap();
    assert!(server.get_ref().output.log().len() < 20);
    for _ in 0..2 {
        assert_eq!(client.read().unwrap(), Message::text(TEXT));
    }
}

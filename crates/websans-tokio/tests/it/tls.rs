//! `wss://`, against a server with a certificate made here.

use std::sync::Arc;

use crate::support::*;
use tokio::net::TcpListener;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// A server of one connection, and its certificate.
async fn server() -> (String, String, tokio::task::JoinHandle<Option<String>>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let uri = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let stream: TlsStream<_> = TlsAcceptor::from(Arc::new(config)).accept(socket).await.ok()?;
        let mut ws = websans_tokio::accept(stream).await.unwrap();
        while let Some(message) = ws.next().await {
            ws.send(message.unwrap()).await.unwrap();
        }
        Some(ws.close_frame()?.reason.to_string())
    });
    (uri, made.cert.pem(), server)
}

#[tokio::test]
async fn a_certificate_that_is_trusted() {
    let (uri, pem, server) = server().await;
    let options = Options::new().trusted_certificates(pem.as_bytes()).unwrap();
    let mut ws = options.connect(&Request::new(&uri).unwrap()).await.unwrap();
    for message in [Message::from("Hello"), noise(100_000).into()] {
        ws.send(message.clone()).await.unwrap();
        assert_eq!(ws.next().await.unwrap().unwrap(), message);
    }
    ws.close(CloseCode::NORMAL_CLOSURE, "over TLS").await.unwrap();
    assert_eq!(server.await.unwrap().unwrap(), "over TLS");
}

#[tokio::test]
async fn a_certificate_that_is_not() {
    let (uri, _, server) = server().await;
    let error = websans_tokio::connect(&uri).await.unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error:?}");
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    assert!(server.await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_no_certificate_is_an_error() {
    for pem in
        ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        let error = Options::new().trusted_certificates(pem.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::Tls(_)), "{error:?}");
    }
}

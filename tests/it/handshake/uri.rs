//! WebSocket URIs: §3, with RFC 3986 for the parts.
//!
//! Sections: RFC 6455 §3

use websans::{InvalidHandshake, InvalidUri, Request, WsUri};

#[test]
fn uris_that_are_valid() {
    for (uri, secure, host, port, authority, resource_name) in [
        ("ws://example.com", false, "example.com", 80, "example.com", "/"),
        ("wss://example.com", true, "example.com", 443, "example.com", "/"),
        ("WS://Example.COM/", false, "Example.COM", 80, "Example.COM", "/"),
        ("wSs://a:8443/b", true, "a", 8443, "a:8443", "/b"),
        ("ws://a:80/", false, "a", 80, "a", "/"),
        ("ws://a:443/", false, "a", 443, "a:443", "/"),
        ("wss://a:443/", true, "a", 443, "a", "/"),
        ("wss://a:80/", true, "a", 80, "a:80", "/"),
        ("ws://a:/b", false, "a", 80, "a", "/b"),
        ("ws://a:0080", false, "a", 80, "a", "/"),
        ("ws://a:1", false, "a", 1, "a:1", "/"),
        ("ws://a:65535", false, "a", 65535, "a:65535", "/"),
        ("ws://127.0.0.1:9001/", false, "127.0.0.1", 9001, "127.0.0.1:9001", "/"),
        ("ws://[::1]", false, "::1", 80, "[::1]", "/"),
        ("ws://[::1]:9001/a", false, "::1", 9001, "[::1]:9001", "/a"),
        (
            "wss://[2001:DB8::192.0.2.1]/",
            true,
            "2001:DB8::192.0.2.1",
            443,
            "[2001:DB8::192.0.2.1]",
            "/",
        ),
        ("ws://a?b=c", false, "a", 80, "a", "/?b=c"),
        ("ws://a/?b", false, "a", 80, "a", "/?b"),
        ("ws://a/b?", false, "a", 80, "a", "/b"),
        ("ws://a?", false, "a", 80, "a", "/"),
        ("ws://a/b?c?d/e@f:g", false, "a", 80, "a", "/b?c?d/e@f:g"),
        ("ws://a//b/../c;d=e,f", false, "a", 80, "a", "//b/../c;d=e,f"),
        ("ws://a/%20%C3%bc", false, "a", 80, "a", "/%20%C3%bc"),
        ("ws://a_b.~c-d.%41!", false, "a_b.~c-d.%41!", 80, "a_b.~c-d.%41!", "/"),
        (
            "ws://xn--bcher-kva.example/",
            false,
            "xn--bcher-kva.example",
            80,
            "xn--bcher-kva.example",
            "/",
        ),
    ] {
        let parsed: WsUri = uri.parse().unwrap_or_else(|error| panic!("{uri}: {error}"));
        assert_eq!(parsed.is_secure(), secure, "{uri}");
        assert_eq!((parsed.host(), parsed.port()), (host, port), "{uri}");
        assert_eq!(parsed.authority(), authority, "{uri}");
        assert_eq!(parsed.resource_name(), resource_name, "{uri}");
        let written = parsed.to_string();
        assert_eq!(written.parse(), Ok(parsed.clone()), "{written}");
        let port = (parsed.port() != if secure { 443 } else { 80 }).then_some(parsed.port());
        assert_eq!(WsUri::from_parts(secure, host, port, resource_name), Ok(parsed.clone()));
        assert_eq!(Request::from(parsed.clone()).uri(), &parsed);
    }
}

/// What `new URL(…)` of a browser makes of the path and the query (WHATWG URL).
#[test]
fn paths_and_queries_are_serialised_as_browsers_do() {
    for (given, resource_name) in [
        ("/a b", "/a%20b"),
        ("?a b", "/?a%20b"),
        ("/\u{fc}?\u{fc}", "/%C3%BC?%C3%BC"),
        ("/\u{1f600}", "/%F0%9F%98%80"),
        ("/?q=[1]", "/?q=[1]"),
        ("/[1]|2?3|4", "/[1]|2?3|4"),
        ("/a\\b?c\\d", "/a/b?c\\d"),
        ("/\"<>^`{}'", "/%22%3C%3E%5E%60%7B%7D'"),
        ("/?\"<>^`{}'", "/?%22%3C%3E^`{}%27"),
        ("/%", "/%"),
        ("/%4g?%", "/%4g?%"),
        ("/%20%c3", "/%20%c3"),
    ] {
        let uri: WsUri = format!("ws://a{given}").parse().unwrap();
        assert_eq!(uri.resource_name(), resource_name, "{given}");
        assert_eq!(uri.to_string().parse(), Ok(uri), "{given}");
    }
}

#[test]
#[cfg(feature = "idna")]
fn hosts_that_are_not_in_ascii_are_converted() {
    for (host, ascii) in [
        ("b\u{fc}cher.example", "xn--bcher-kva.example"),
        ("B\u{dc}CHER.example", "xn--bcher-kva.example"),
        ("fa\u{df}.de", "xn--fa-hia.de"),
        ("\u{4f8b}\u{3002}jp", "xn--fsq.jp"),
    ] {
        let uri: WsUri = format!("ws://{host}:81/").parse().unwrap();
        assert_eq!((uri.host(), uri.port()), (ascii, 81));
        assert_eq!(WsUri::from_parts(false, host, 81, "/"), Ok(uri));
    }
}

#[test]
#[cfg(feature = "http")]
fn a_uri_of_the_http_crate_is_converted() {
    let uri: http::Uri = "wss://a:8443/b?c".parse().unwrap();
    assert_eq!(WsUri::try_from(&uri).unwrap().to_string(), "wss://a:8443/b?c");
    let uri: http::Uri = "https://a/".parse().unwrap();
    assert_eq!(WsUri::try_from(uri), Err(InvalidUri::Scheme));
}

#[test]
fn uris_that_are_invalid() {
    use InvalidUri::*;
    for (uri, error) in [
        ("", Scheme),
        ("example.com", Scheme),
        ("//example.com", Scheme),
        ("http://example.com", Scheme),
        ("https://example.com", Scheme),
        (" ws://example.com", Scheme),
        ("ws:example.com", Scheme),
        ("ws:/example.com", Scheme),
        ("ws:\\\\example.com", Scheme),
        ("ws://", Host),
        ("ws:///a", Host),
        ("ws://:80/", Host),
        ("ws://a b/", Host),
        ("ws://a\\b/", Host),
        #[cfg(not(feature = "idna"))]
        ("ws://b\u{fc}cher.example/", Host),
        // A slash and a colon that IDNA makes of others.
        ("ws://a\u{ff0f}b/", Host),
        ("ws://a\u{ff1a}80/", Host),
        ("ws://\u{fc}:65536/", if cfg!(feature = "idna") { Port } else { Host }),
        ("ws://a%4/", Host),
        ("ws://a%zz/", Host),
        ("ws://a\"/", Host),
        ("ws://[::1", Host),
        ("ws://[::1]x/", Host),
        ("ws://[::g]/", Host),
        ("ws://[fe80::1%25eth0]/", Host),
        ("ws://[v1.a]/", Host),
        ("ws://[127.0.0.1]/", Host),
        ("ws://[]/", Host),
        ("ws://::1/", Host),
        ("ws://1::2/", Port),
        ("ws://a:0/", Port),
        ("ws://a:65536/", Port),
        ("ws://a:99999999999/", Port),
        ("ws://a:+80/", Port),
        ("ws://a:-1/", Port),
        ("ws://a: 80/", Port),
        ("ws://a:80 /", Port),
        ("ws://a:ws/", Port),
        ("ws://user@a/", Userinfo),
        ("ws://user:password@a:80/", Userinfo),
        ("ws://@a/", Userinfo),
        ("ws://a/#b", Fragment),
        ("ws://a#b", Fragment),
        ("ws://a/b?c#", Fragment),
        ("ws://a/b\tc", ResourceName { at: 2 }),
        ("ws://a/\u{fc}?b\0", ResourceName { at: 5 }),
        ("ws://a?\x7f", ResourceName { at: 1 }),
    ] {
        assert_eq!(uri.parse::<WsUri>(), Err(error), "{uri:?}");
        assert_eq!(WsUri::try_from(uri), Err(error));
        assert_eq!(Request::new(uri).map(drop), Err(InvalidHandshake::Uri(error)));
        assert!(!error.to_string().is_empty());
    }
}

/// Sections: RFC 6455 §3, §4.1
#[test]
fn injection_into_a_uri_is_refused() {
    for character in ["\r", "\n", "\r\nHost: evil", "\0", " ", "\t", "\x7f"] {
        for uri in [format!("ws://a/b{character}c"), format!("ws://a/b?c{character}d")] {
            match uri.parse::<WsUri>() {
                Ok(uri) => assert!(character == " " && uri.resource_name().contains("%20")),
                Err(error) => assert!(matches!(error, InvalidUri::ResourceName { .. })),
            }
        }
        for uri in [
            format!("ws://a{character}b/"),
            format!("ws://a:8{character}0/"),
            format!("ws://a{character}"),
            format!("ws{character}://a"),
        ] {
            assert!(uri.parse::<WsUri>().is_err(), "{uri:?}");
        }
        assert!(WsUri::from_parts(false, &format!("a{character}b"), None, "/").is_err());
        let uri = WsUri::from_parts(false, "a", None, &format!("/{character}"));
        assert_eq!(uri.is_ok(), character == " ");
    }
}

#[test]
fn parts_are_checked_as_uris_are() {
    use InvalidUri::*;
    for (host, port, resource_name, expected) in [
        ("::1", None, "", Ok("ws://[::1]/")),
        ("[::1]", Some(81), "?a", Ok("ws://[::1]:81/?a")),
        ("a", Some(80), "/b", Ok("ws://a/b")),
        ("a", Some(0), "/", Err(Port)),
        ("a:80", None, "/", Err(Host)),
        ("a:", None, "/", Err(Host)),
        ("[::1]:", None, "/", Err(Host)),
        ("a/b", None, "/", Err(Host)),
        ("u@a", None, "/", Err(Host)),
        ("", None, "/", Err(Host)),
        ("a", None, "b", Err(ResourceName { at: 0 })),
        ("a", None, "http://b/", Err(ResourceName { at: 0 })),
        ("a", None, "/b#c", Err(Fragment)),
    ] {
        let uri = WsUri::from_parts(false, host, port, resource_name);
        assert_eq!(uri.map(|uri| uri.to_string()), expected.map(String::from), "{host}");
    }
}

//! What is allocated, counted: nothing for a message that fits the buffer, nothing when idle.
//!
//! Sections: none, memory is a promise of this crate

use crate::support::*;
use websans::frame::Opcode;
use websans::{Connection, Error, Event, Reader, RecvBuf, Role, SendBuf, SendError, Writer};

#[test]
fn sizes_are_what_the_readme_says() {
    assert!(size_of::<Connection>() <= 256, "{}", size_of::<Connection>());
    assert!(size_of::<Reader>() + size_of::<Writer>() <= 256);
    assert!(size_of::<Error>() <= 32, "{}", size_of::<Error>());
    assert!(size_of::<SendError>() <= 32, "{}", size_of::<SendError>());
    assert!(size_of::<Event<'_>>() <= 32, "{}", size_of::<Event<'_>>());
}

/// What `catch_unwind` asks for, with every feature.
#[test]
fn connections_and_buffers_are_unwind_safe_send_and_sync() {
    fn check<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe + Send + Sync>() {}
    check::<Connection>();
    check::<(Reader, Writer)>();
    check::<(RecvBuf, SendBuf)>();
}

#[test]
fn an_unfragmented_message_that_fits_the_buffers_allocates_nothing_in_either_direction() {
    for role in ROLES {
        let (mut ws, mut rx, mut tx) = (connection(role, config()), RecvBuf::new(), SendBuf::new());
        let wire = [
            frame_to(role, Opcode::TEXT, true, "größer".as_bytes()),
            frame_to(role, Opcode::BINARY, true, &[1; 5000]),
            frame_to(role, Opcode::PING, true, b"!"),
        ]
        .concat();
        let mut echo = || {
            let mut input = &wire[..];
            while !input.is_empty() {
                read(&mut rx, &mut input);
                while let Some(event) = ws.next_event(&mut rx, &mut tx).unwrap() {
                    match event {
                        Event::Text(text) => ws.send_text(text, &mut tx).unwrap(),
                        Event::Binary(data) => ws.send_binary(data, &mut tx).unwrap(),
                        _ => {}
                    }
                }
                tx.consume(usize::MAX);
            }
        };
        echo(); // the buffers grow, and the masking key source is set up
        let ((), heap) = measure(|| (0..100).for_each(|_| echo()));
        assert_eq!(heap, Heap::default(), "{role:?}");
    }
}

#[test]
fn a_connection_owns_no_heap_memory_while_it_is_idle() {
    for role in ROLES {
        let (parts, heap) =
            measure(|| (connection(role, config()), RecvBuf::new(), SendBuf::new()));
        assert_eq!(heap, Heap::default());
        let (mut ws, mut rx, mut tx) = parts;
        ws.send_text("sets up the masking key source of this thread", &mut tx).unwrap();
        tx.consume(usize::MAX);
        tx.release();
        let ((), heap) = measure(|| {
            for len in [1 << 10, 64 << 10, 1 << 20] {
                rx.extend(&frame_to(role, Opcode::BINARY, true, &vec![1; len]));
                let Some(Event::Binary(data)) = ws.next_event(&mut rx, &mut tx).unwrap() else {
                    panic!()
                };
                ws.send_binary(data, &mut tx).unwrap();
                assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
                tx.consume(usize::MAX);
                rx.release();
                tx.release();
            }
        });
        assert_eq!(heap.held, 0, "after an echo of 1 MiB");
    }
}

#[test]
fn large_memory_is_released_when_a_large_message_has_been_consumed() {
    let (mut ws, mut rx, mut tx) = (Connection::client(config()), RecvBuf::new(), SendBuf::new());
    rx.extend(&frame_to(Role::Client, Opcode::BINARY, true, &[1; 1 << 20]));
    assert!(ws.next_event(&mut rx, &mut tx).unwrap().is_some());
    assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(None));
    assert!(rx.capacity() <= 64 << 10);
    ws.send_binary(&[1; 1 << 20], &mut tx).unwrap();
    tx.consume(usize::MAX);
    assert!(tx.capacity() <= 64 << 10);
}

#[test]
fn one_empty_buffer_serves_many_connections_in_turn() {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut all: Vec<_> = (0..1000).map(|_| Connection::server(config())).collect();
    for (i, ws) in all.iter_mut().enumerate() {
        let text = i.to_string();
        rx.extend(&frame_to(Role::Server, Opcode::TEXT, true, text.as_bytes()));
        assert_eq!(ws.next_event(&mut rx, &mut tx), Ok(Some(Event::Text(&text[..]))));
        assert!(rx.is_empty());
    }
}

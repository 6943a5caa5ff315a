//! The C library, by its header.

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use crate::Library;

#[repr(C)]
struct Event {
    size: usize,
    kind: i32,
    first: bool,
    last: bool,
    close_code: u16,
    data: *const u8,
    len: usize,
    request: *mut c_void,
    response: *mut c_void,
}

unsafe extern "C" {
    fn websans_config_new() -> *mut c_void;
    fn websans_config_set_max_queued(config: *mut c_void, bytes: u64) -> i32;
    fn websans_recv_buf_new(config: *const c_void) -> *mut c_void;
    fn websans_recv_buf_spare(rx: *mut c_void, data: *mut *mut u8, len: *mut usize) -> i32;
    fn websans_recv_buf_advance(rx: *mut c_void, n: usize) -> i32;
    fn websans_send_buf_new(config: *const c_void) -> *mut c_void;
    fn websans_send_buf_data(tx: *mut c_void, data: *mut *const u8, len: *mut usize) -> i32;
    fn websans_send_buf_consume(tx: *mut c_void, n: usize) -> i32;
    fn websans_connection_new(
        role: i32,
        config: *mut c_void,
        extensions: *const u8,
        len: usize,
        out: *mut *mut c_void,
    ) -> i32;
    fn websans_connection_next_event(
        ws: *mut c_void,
        rx: *mut c_void,
        tx: *mut c_void,
        event: *mut Event,
    ) -> i32;
    fn websans_connection_send_binary(
        ws: *mut c_void,
        data: *const u8,
        len: usize,
        tx: *mut c_void,
    ) -> i32;
}

pub struct C {
    server: *mut c_void,
    client: *mut c_void,
    rx: *mut c_void,
    tx: *mut c_void,
}

fn ok(status: i32) {
    assert_eq!(status, 0);
}

impl C {
    pub fn new() -> Self {
        // SAFETY: as the header says. The handles live as long as the program.
        unsafe {
            let config = websans_config_new();
            ok(websans_config_set_max_queued(config, u64::MAX));
            let (mut server, mut client) = (null_mut(), null_mut());
            ok(websans_connection_new(1, config, null(), 0, &mut server));
            ok(websans_connection_new(0, config, null(), 0, &mut client));
            Self {
                server,
                client,
                rx: websans_recv_buf_new(null()),
                tx: websans_send_buf_new(null()),
            }
        }
    }

    #[inline]
    fn run(&mut self, mut wire: &[u8], mut seen: impl FnMut(&[u8])) -> (usize, usize) {
        let (mut count, mut bytes) = (0, 0);
        let mut event = Event {
            size: size_of::<Event>(),
            kind: 0,
            first: false,
            last: false,
            close_code: 0,
            data: null(),
            len: 0,
            request: null_mut(),
            response: null_mut(),
        };
        while !wire.is_empty() {
            let (mut room, mut len) = (null_mut(), 0);
            // SAFETY: as the header says: the room is filled with no more than it has.
            unsafe {
                ok(websans_recv_buf_spare(self.rx, &mut room, &mut len));
                let n = len.min(wire.len());
                std::ptr::copy_nonoverlapping(wire.as_ptr(), room, n);
                ok(websans_recv_buf_advance(self.rx, n));
                wire = &wire[n..];
            }
            loop {
                // SAFETY: as the header says.
                ok(unsafe {
                    websans_connection_next_event(self.server, self.rx, self.tx, &mut event)
                });
                if event.kind == 0 {
                    break;
                }
                assert_eq!(event.kind, 2);
                // SAFETY: it is lent until the buffer is used again.
                seen(unsafe { std::slice::from_raw_parts(event.data, event.len) });
                count += 1;
                bytes += event.len;
            }
        }
        (count, bytes)
    }
}

impl Library for C {
    fn name(&self) -> &'static str {
        "C"
    }

    fn decode(&mut self, wire: &[u8], seen: &mut dyn FnMut(&[u8])) -> (usize, usize) {
        self.run(wire, seen)
    }

    fn decode_fast(&mut self, wire: &[u8]) -> (usize, usize) {
        self.run(wire, |_| {})
    }

    fn encode(&mut self, client: bool, message: &[u8], times: usize, out: &mut Vec<u8>) {
        let ws = if client { self.client } else { self.server };
        for _ in 0..times {
            // SAFETY: as the header says: what is lent is copied before the buffer is used again.
            unsafe {
                ok(websans_connection_send_binary(ws, message.as_ptr(), message.len(), self.tx));
                let (mut data, mut len) = (null(), 0);
                ok(websans_send_buf_data(self.tx, &mut data, &mut len));
                out.extend_from_slice(std::slice::from_raw_parts(data, len));
                ok(websans_send_buf_consume(self.tx, len));
            }
        }
    }
}

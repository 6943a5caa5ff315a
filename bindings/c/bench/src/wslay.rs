//! wslay, by its event API, with the memory that callbacks read and write in place of a socket.

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

use crate::Library;

#[repr(C)]
struct Received {
    rsv: u8,
    opcode: u8,
    msg: *const u8,
    msg_length: usize,
    status_code: u16,
}

#[repr(C)]
struct Queued {
    opcode: u8,
    msg: *const u8,
    msg_length: usize,
}

type Context = *mut c_void;

#[repr(C)]
struct Callbacks {
    recv: unsafe extern "C" fn(Context, *mut u8, usize, c_int, *mut c_void) -> isize,
    send: unsafe extern "C" fn(Context, *const u8, usize, c_int, *mut c_void) -> isize,
    genmask: unsafe extern "C" fn(Context, *mut u8, usize, *mut c_void) -> c_int,
    frame_start: *const c_void,
    frame_chunk: *const c_void,
    frame_end: *const c_void,
    message: unsafe extern "C" fn(Context, *const Received, *mut c_void),
}

unsafe extern "C" {
    fn wslay_event_context_server_init(
        ctx: *mut Context,
        callbacks: *const Callbacks,
        data: *mut c_void,
    ) -> c_int;
    fn wslay_event_context_client_init(
        ctx: *mut Context,
        callbacks: *const Callbacks,
        data: *mut c_void,
    ) -> c_int;
    fn wslay_event_recv(ctx: Context) -> c_int;
    fn wslay_event_send(ctx: Context) -> c_int;
    fn wslay_event_queue_msg(ctx: Context, message: *const Queued) -> c_int;
    fn wslay_event_set_error(ctx: Context, error: c_int);
    fn wslay_event_config_set_max_recv_msg_length(ctx: Context, length: u64);
}

const WOULDBLOCK: c_int = -401;

struct Data {
    wire: *const u8,
    left: usize,
    count: usize,
    bytes: usize,
    seen: Option<*mut dyn FnMut(&[u8])>,
    out: *mut Vec<u8>,
    key: u32,
}

unsafe extern "C" fn recv(
    ctx: Context,
    buf: *mut u8,
    len: usize,
    _: c_int,
    data: *mut c_void,
) -> isize {
    // SAFETY: `data` is what was given at the beginning, and wslay gives room for `len` bytes.
    unsafe {
        let data = &mut *data.cast::<Data>();
        let n = len.min(data.left);
        if n == 0 {
            wslay_event_set_error(ctx, WOULDBLOCK);
            return -1;
        }
        std::ptr::copy_nonoverlapping(data.wire, buf, n);
        (data.wire, data.left) = (data.wire.add(n), data.left - n);
        n as isize
    }
}

unsafe extern "C" fn send(
    _: Context,
    buf: *const u8,
    len: usize,
    _: c_int,
    data: *mut c_void,
) -> isize {
    // SAFETY: as above; `out` lives during the call.
    unsafe {
        let out = &mut *(*data.cast::<Data>()).out;
        out.extend_from_slice(std::slice::from_raw_parts(buf, len));
        len as isize
    }
}

/// Cheaper than what a client must use: it is wslay's advantage.
unsafe extern "C" fn genmask(_: Context, buf: *mut u8, len: usize, data: *mut c_void) -> c_int {
    // SAFETY: as above.
    unsafe {
        let data = &mut *data.cast::<Data>();
        data.key = data.key.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        std::ptr::copy_nonoverlapping(data.key.to_ne_bytes().as_ptr(), buf, len.min(4));
    }
    0
}

unsafe extern "C" fn message(_: Context, received: *const Received, data: *mut c_void) {
    // SAFETY: as above.
    unsafe {
        let (data, received) = (&mut *data.cast::<Data>(), &*received);
        data.count += 1;
        data.bytes += received.msg_length;
        if let Some(seen) = data.seen {
            (*seen)(std::slice::from_raw_parts(received.msg, received.msg_length));
        }
    }
}

pub struct Wslay {
    server: Context,
    client: Context,
    data: *mut Data,
}

impl Wslay {
    pub fn new() -> Self {
        let callbacks = Callbacks {
            recv,
            send,
            genmask,
            frame_start: null_mut(),
            frame_chunk: null_mut(),
            frame_end: null_mut(),
            message,
        };
        let data = Box::into_raw(Box::new(Data {
            wire: std::ptr::null(),
            left: 0,
            count: 0,
            bytes: 0,
            seen: None,
            out: null_mut(),
            key: 1,
        }));
        let (mut server, mut client) = (null_mut(), null_mut());
        // SAFETY: as wslay's documentation says; all live as long as the program.
        unsafe {
            assert_eq!(wslay_event_context_server_init(&mut server, &callbacks, data.cast()), 0);
            assert_eq!(wslay_event_context_client_init(&mut client, &callbacks, data.cast()), 0);
            wslay_event_config_set_max_recv_msg_length(server, 1 << 30);
        }
        Self { server, client, data }
    }

    fn run(&mut self, wire: &[u8], seen: Option<*mut dyn FnMut(&[u8])>) -> (usize, usize) {
        // SAFETY: nothing else refers to the data while it is not in a call.
        unsafe {
            let data = &mut *self.data;
            (data.wire, data.left, data.count, data.bytes, data.seen) =
                (wire.as_ptr(), wire.len(), 0, 0, seen);
            assert_eq!(wslay_event_recv(self.server), 0);
            let data = &*self.data;
            assert_eq!(data.left, 0);
            (data.count, data.bytes)
        }
    }
}

impl Library for Wslay {
    fn name(&self) -> &'static str {
        "wslay"
    }

    fn decode(&mut self, wire: &[u8], seen: &mut dyn FnMut(&[u8])) -> (usize, usize) {
        // SAFETY: it is used during the call only.
        let seen = unsafe {
            std::mem::transmute::<*mut (dyn FnMut(&[u8]) + '_), *mut (dyn FnMut(&[u8]) + 'static)>(
                seen,
            )
        };
        self.run(wire, Some(seen))
    }

    fn decode_fast(&mut self, wire: &[u8]) -> (usize, usize) {
        self.run(wire, None)
    }

    fn encode(&mut self, client: bool, message: &[u8], times: usize, out: &mut Vec<u8>) {
        let ctx = if client { self.client } else { self.server };
        // SAFETY: as wslay's documentation says; `out` lives during the calls.
        unsafe {
            (*self.data).out = out;
            let queued = Queued { opcode: 2, msg: message.as_ptr(), msg_length: message.len() };
            for _ in 0..times {
                assert_eq!(wslay_event_queue_msg(ctx, &queued), 0);
                assert_eq!(wslay_event_send(ctx), 0);
            }
        }
    }
}

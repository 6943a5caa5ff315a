use std::{
    ffi::{c_int, c_void},
    marker::{PhantomData, PhantomPinned},
    ptr,
    rc::Rc,
};

use super::{Peer, Round};
use crate::{
    io::Pipe,
    keys::Keys,
    workload::{Kind, Message, Role, Sink},
};

pub struct Wslay;

impl Peer for Wslay {
    fn name(&self) -> &'static str {
        "wslay (C)"
    }

    fn package(&self) -> Option<&'static str> {
        None
    }

    fn version(&self) -> Option<String> {
        Some(option_env!("WSLAY_VERSION").unwrap_or("of this system").to_owned())
    }

    fn notes(&self) -> &'static str {
        "The event API with buffering, linked as the system's shared library: outside of the \
         link-time optimization that all others get. No opening handshake, no \
         permessage-deflate. Its masking keys are the caller's: from the kernel, 1024 at a time. \
         Its idle memory is what the C allocator says, with that allocator's own overhead."
    }

    fn decode(&self, pipe: Pipe) -> Option<Round> {
        let mut context = Context::new(pipe, Role::Server);
        Some(Box::new(move |sink| context.run(sink, false)))
    }

    fn encode(&self, pipe: Pipe, role: Role, messages: &Rc<[Message]>) -> Option<Round> {
        let (mut context, messages) = (Context::new(pipe, role), Rc::clone(messages));
        Some(Box::new(move |_| {
            for message in messages.iter() {
                let opcode = if message.kind == Kind::Text { TEXT } else { BINARY };
                context.queue(opcode, &message.data);
                context.send();
            }
        }))
    }

    fn echo(&self, pipe: Pipe) -> Option<Round> {
        let mut context = Context::new(pipe, Role::Server);
        Some(Box::new(move |sink| context.run(sink, true)))
    }

    fn size(&self) -> Option<usize> {
        Some(size_of::<*mut Opaque>())
    }

    fn idle(&self, pipe: &Pipe, sink: &mut Sink) -> Option<usize> {
        // SAFETY: has no precondition.
        let in_use = || unsafe { libc::mallinfo2() }.uordblks;
        let state = Box::new(State::new(pipe.clone()));
        let before = in_use();
        let mut context = Context::with_state(state, Role::Server);
        context.run(sink, true);
        Some(in_use() - before)
    }
}

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const WOULD_BLOCK: c_int = -401;

#[repr(C)]
struct Opaque {
    _data: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

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

#[repr(C)]
struct Callbacks {
    recv: extern "C" fn(*mut Opaque, *mut u8, usize, c_int, *mut c_void) -> isize,
    send: extern "C" fn(*mut Opaque, *const u8, usize, c_int, *mut c_void) -> isize,
    genmask: extern "C" fn(*mut Opaque, *mut u8, usize, *mut c_void) -> c_int,
    on_frame_recv: [Option<extern "C" fn()>; 3],
    on_msg_recv: extern "C" fn(*mut Opaque, *const Received, *mut c_void),
}

unsafe extern "C" {
    fn wslay_event_context_server_init(
        context: *mut *mut Opaque,
        callbacks: *const Callbacks,
        user_data: *mut c_void,
    ) -> c_int;
    fn wslay_event_context_client_init(
        context: *mut *mut Opaque,
        callbacks: *const Callbacks,
        user_data: *mut c_void,
    ) -> c_int;
    fn wslay_event_context_free(context: *mut Opaque);
    fn wslay_event_recv(context: *mut Opaque) -> c_int;
    fn wslay_event_send(context: *mut Opaque) -> c_int;
    fn wslay_event_queue_msg(context: *mut Opaque, message: *const Queued) -> c_int;
    fn wslay_event_set_error(context: *mut Opaque, error: c_int);
}

static CALLBACKS: Callbacks = Callbacks {
    recv: on_recv,
    send: on_send,
    genmask: on_genmask,
    on_frame_recv: [None; 3],
    on_msg_recv: on_message,
};

/// What the callbacks work on.
struct State {
    pipe: Pipe,
    keys: Keys,
    /// Where messages go while the context runs.
    sink: *mut Sink,
    echo: bool,
}

impl State {
    fn new(pipe: Pipe) -> Self {
        Self { pipe, keys: Keys::default(), sink: ptr::null_mut(), echo: false }
    }
}

struct Context {
    raw: *mut Opaque,
    state: *mut State,
}

impl Context {
    fn new(pipe: Pipe, role: Role) -> Self {
        Self::with_state(Box::new(State::new(pipe)), role)
    }

    fn with_state(state: Box<State>, role: Role) -> Self {
        let (mut raw, state) = (ptr::null_mut(), Box::into_raw(state));
        let init = match role {
            Role::Server => wslay_event_context_server_init,
            Role::Client => wslay_event_context_client_init,
        };
        // SAFETY: the callbacks live for ever, the state until `drop`.
        let status = unsafe { init(&raw mut raw, &raw const CALLBACKS, state.cast()) };
        assert_eq!(status, 0, "has memory");
        Self { raw, state }
    }

    fn run(&mut self, sink: &mut Sink, echo: bool) {
        // SAFETY: nobody else refers to the state between calls into the library, and `sink`
        // outlives those of this function.
        unsafe {
            (*self.state).sink = sink;
            (*self.state).echo = echo;
            assert_eq!(wslay_event_recv(self.raw), 0, "reads");
        }
        self.send();
    }

    fn queue(&mut self, opcode: u8, data: &[u8]) {
        queue(self.raw, opcode, data);
    }

    fn send(&mut self) {
        // SAFETY: the context lives until `drop`.
        assert_eq!(unsafe { wslay_event_send(self.raw) }, 0, "sends");
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: both were made in `with_state` and are given back once.
        unsafe {
            wslay_event_context_free(self.raw);
            drop(Box::from_raw(self.state));
        }
    }
}

fn queue(context: *mut Opaque, opcode: u8, data: &[u8]) {
    let message = Queued { opcode, msg: data.as_ptr(), msg_length: data.len() };
    // SAFETY: the library copies the message during the call.
    assert_eq!(unsafe { wslay_event_queue_msg(context, &raw const message) }, 0, "queues");
}

extern "C" fn on_recv(
    context: *mut Opaque,
    buf: *mut u8,
    len: usize,
    _flags: c_int,
    state: *mut c_void,
) -> isize {
    // SAFETY: the library hands over a buffer of its own and the state of `with_state`.
    let (buf, state) =
        unsafe { (std::slice::from_raw_parts_mut(buf, len), &mut *state.cast::<State>()) };
    match state.pipe.read_into(buf) {
        0 => {
            // SAFETY: the context is the one that calls.
            unsafe { wslay_event_set_error(context, WOULD_BLOCK) };
            -1
        }
        n => n.cast_signed(),
    }
}

extern "C" fn on_send(
    _context: *mut Opaque,
    data: *const u8,
    len: usize,
    _flags: c_int,
    state: *mut c_void,
) -> isize {
    // SAFETY: as in `on_recv`.
    unsafe { (*state.cast::<State>()).pipe.put(std::slice::from_raw_parts(data, len)) };
    len.cast_signed()
}

extern "C" fn on_genmask(
    _context: *mut Opaque,
    buf: *mut u8,
    len: usize,
    state: *mut c_void,
) -> c_int {
    // SAFETY: as in `on_recv`.
    unsafe {
        let key = (*state.cast::<State>()).keys.next();
        std::slice::from_raw_parts_mut(buf, len).copy_from_slice(&key);
    }
    0
}

extern "C" fn on_message(context: *mut Opaque, message: *const Received, state: *mut c_void) {
    // SAFETY: as in `on_recv`; `sink` is that of the `run` that is on.
    let (message, state) = unsafe { (&*message, &mut *state.cast::<State>()) };
    // SAFETY: as above.
    let sink = unsafe { &mut *state.sink };
    let kind = match message.opcode {
        TEXT => Kind::Text,
        BINARY => Kind::Binary,
        _ => return,
    };
    let data = match message.msg_length {
        0 => &[],
        // SAFETY: the message is the library's for the time of this call.
        len => unsafe { std::slice::from_raw_parts(message.msg, len) },
    };
    if state.echo {
        sink.echoed(data.len());
        queue(context, message.opcode, data);
    } else {
        sink.put(kind, data);
    }
}

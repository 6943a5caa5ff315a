//! The receive buffer and the send buffer.

use core::ffi::c_void;

use websans::{BufferConfig, RecvBuf, SendBuf};

use crate::boundary::{
    In, Opaque, Out, Outcome, Ptr, guard, guard_or, handles, pointer, sized_structs,
};
use crate::status::{Failure, websans_status};

/// Bytes from the transport on their way to becoming events, and how far decoding has come. Events
/// lend messages out of it.
///
/// It allocates nothing until something arrives, grows with what arrives, and gives back memory over
/// 80 KiB when it has been emptied. While it is empty one buffer can serve any number of connections
/// in turn; keep it with its connection otherwise.
pub struct websans_recv_buf(Opaque);

/// Bytes on their way to the transport, in the order in which they were queued.
pub struct websans_send_buf(Opaque);

/// A received message that was taken out of its buffer.
pub struct websans_owned(Opaque);

handles! {
    websans_recv_buf(0x0052_5842): RecvBuf;
    websans_send_buf(0x0054_5842): SendBuf;
    websans_owned(0x004F_574E): Vec<u8>;
}

/// How much memory a buffer takes and keeps.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct websans_buffer_config {
    /// The size of this struct; `websans_buffer_config_init` sets it.
    pub size: usize,
    /// How much room a read is offered mostly, in bytes, at least 4 KiB. Default 16 KiB and 64 bytes.
    pub read_size: usize,
    /// How much memory a buffer keeps when it has been emptied, in bytes. Default 80 KiB.
    pub retained: usize,
    /// How much memory it keeps instead while large messages follow each other. Default 4 MiB.
    pub retained_for_large: usize,
}

sized_structs!(websans_buffer_config: size_of::<websans_buffer_config>());

/// Sets the size and the defaults.
#[unsafe(no_mangle)]
pub extern "C" fn websans_buffer_config_init(config: Out<websans_buffer_config>) {
    config.set(websans_buffer_config {
        size: size_of::<websans_buffer_config>(),
        read_size: (16 << 10) + 64,
        retained: 80 << 10,
        retained_for_large: 4 << 20,
    });
}

fn config(given: In<websans_buffer_config>) -> Outcome<BufferConfig> {
    let Some(it) = given.read()? else { return Ok(BufferConfig::default()) };
    // More than memory can have would be asked for at the first read.
    if it.read_size > 1 << 30 {
        return Err(Failure::Status(websans_status::Value));
    }
    Ok(BufferConfig::new()
        .read_size(it.read_size)
        .retained(it.retained)
        .retained_for_large(it.retained_for_large))
}

/// An empty receive buffer; NULL stands for the defaults. It returns NULL if a member of the struct
/// is out of range: WEBSANS_STATUS_SIZE, or WEBSANS_STATUS_VALUE for a read size over 1 GiB.
#[unsafe(no_mangle)]
pub extern "C" fn websans_recv_buf_new(
    buffer_config: In<websans_buffer_config>,
) -> Ptr<websans_recv_buf> {
    guard_or(Ptr::NULL, || Ok(Ptr::new(RecvBuf::with_config(config(buffer_config)?))))
}

/// Frees a receive buffer. What events lent out of it must not be used any more. NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn websans_recv_buf_free(rx: Ptr<websans_recv_buf>) {
    rx.free();
}

/// Room for the transport to read into: `*data` and `*len`, mostly 16 KiB. Say with
/// `websans_recv_buf_advance` how much of it was filled.
///
/// What events lent out of the buffer must not be used any more.
#[unsafe(no_mangle)]
pub extern "C" fn websans_recv_buf_spare(
    rx: Ptr<websans_recv_buf>,
    data: Out<*mut u8>,
    len: Out<usize>,
) -> websans_status {
    guard(|| {
        let (data, len) = (data.required()?, len.required()?);
        rx.with(|rx| {
            let spare = rx.spare_mut();
            len.set(spare.len());
            data.set(spare.as_mut_ptr());
            Ok(())
        })
    })
}

/// Says that the first `n` bytes of the room were filled. More than there was counts as all of it,
/// and a second time as none.
#[unsafe(no_mangle)]
pub extern "C" fn websans_recv_buf_advance(rx: Ptr<websans_recv_buf>, n: usize) -> websans_status {
    guard(|| {
        rx.with(|rx| {
            rx.advance(n);
            Ok(())
        })
    })
}

/// Appends bytes that were read elsewhere. `websans_recv_buf_spare` does without this copy.
#[unsafe(no_mangle)]
pub extern "C" fn websans_recv_buf_extend(
    rx: Ptr<websans_recv_buf>,
    data: In<u8>,
    len: usize,
) -> websans_status {
    guard(|| {
        // It may lie in the buffer itself, which may move.
        let bytes = data.slice(len)?.to_vec();
        rx.with(|rx| {
            rx.extend(&bytes);
            Ok(())
        })
    })
}

/// Whether nothing is half-way: no bytes wait, and no message is incomplete. False after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_recv_buf_is_empty(rx: Ptr<websans_recv_buf>) -> bool {
    guard_or(false, || rx.with(|rx| Ok(rx.is_empty())))
}

/// How many bytes it holds that no event has delivered. 0 after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_recv_buf_len(rx: Ptr<websans_recv_buf>) -> usize {
    guard_or(0, || rx.with(|rx| Ok(rx.len())))
}

/// How many bytes of memory it holds. 0 after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_recv_buf_capacity(rx: Ptr<websans_recv_buf>) -> usize {
    guard_or(0, || rx.with(|rx| Ok(rx.capacity())))
}

/// The bytes that have not been decoded: those that follow an opening handshake, for a program that
/// goes on with another protocol. They are lent until the buffer is used again.
#[unsafe(no_mangle)]
pub extern "C" fn websans_recv_buf_unread(
    rx: Ptr<websans_recv_buf>,
    data: Out<*const u8>,
    len: Out<usize>,
) -> websans_status {
    guard(|| {
        let (data, len) = (data.required()?, len.required()?);
        rx.with(|rx| {
            let unread = rx.unread();
            len.set(unread.len());
            data.set(pointer(unread));
            Ok(())
        })
    })
}

/// Gives back all memory, if the buffer is empty.
#[unsafe(no_mangle)]
pub extern "C" fn websans_recv_buf_release(rx: Ptr<websans_recv_buf>) -> websans_status {
    guard(|| {
        rx.with(|rx| {
            rx.release();
            Ok(())
        })
    })
}

/// Throws away what it holds, as when its connection is gone in the middle of a message.
#[unsafe(no_mangle)]
pub extern "C" fn websans_recv_buf_clear(rx: Ptr<websans_recv_buf>) -> websans_status {
    guard(|| {
        rx.with(|rx| {
            rx.clear();
            Ok(())
        })
    })
}

/// Takes the payload of the event that was returned last out of the buffer, so that it outlives it.
/// A large one is handed over without a copy. It is empty when the buffer was used since.
#[unsafe(no_mangle)]
pub extern "C" fn websans_recv_buf_take(
    rx: Ptr<websans_recv_buf>,
    owned: Out<Ptr<websans_owned>>,
) -> websans_status {
    guard(|| {
        let owned = owned.required()?;
        rx.with(|rx| {
            owned.set(Ptr::new(rx.take_binary()));
            Ok(())
        })
    })
}

/// The bytes of a payload that was taken out, until it is freed.
#[unsafe(no_mangle)]
pub extern "C" fn websans_owned_data(
    owned: Ptr<websans_owned>,
    data: Out<*const u8>,
    len: Out<usize>,
) -> websans_status {
    guard(|| {
        let (data, len) = (data.required()?, len.required()?);
        owned.with(|owned| {
            len.set(owned.len());
            data.set(pointer(owned));
            Ok(())
        })
    })
}

/// Frees a payload that was taken out. NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn websans_owned_free(owned: Ptr<websans_owned>) {
    owned.free();
}

/// An empty send buffer; NULL stands for the defaults. NULL and errors as for `websans_recv_buf_new`.
#[unsafe(no_mangle)]
pub extern "C" fn websans_send_buf_new(
    buffer_config: In<websans_buffer_config>,
) -> Ptr<websans_send_buf> {
    guard_or(Ptr::NULL, || Ok(Ptr::new(SendBuf::with_config(config(buffer_config)?))))
}

/// Frees a send buffer, and the payloads that wait in it. NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn websans_send_buf_free(tx: Ptr<websans_send_buf>) {
    tx.free();
}

/// Whether nothing waits to be written. False after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_send_buf_is_empty(tx: Ptr<websans_send_buf>) -> bool {
    guard_or(false, || tx.with(|tx| Ok(tx.is_empty())))
}

/// How many bytes wait to be written. 0 after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_send_buf_len(tx: Ptr<websans_send_buf>) -> u64 {
    guard_or(0, || tx.with(|tx| Ok(tx.len())))
}

/// How many bytes of memory it holds, without payloads that are sent from where they lie. 0 after an
/// error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_send_buf_capacity(tx: Ptr<websans_send_buf>) -> usize {
    guard_or(0, || tx.with(|tx| Ok(tx.capacity())))
}

/// What to write next: as much as lies together. It is lent until the buffer is used again. `*len` is
/// 0 when nothing waits, or when the next bytes of an announced payload are missing.
#[unsafe(no_mangle)]
pub extern "C" fn websans_send_buf_data(
    tx: Ptr<websans_send_buf>,
    data: Out<*const u8>,
    len: Out<usize>,
) -> websans_status {
    guard(|| {
        let (data, len) = (data.required()?, len.required()?);
        tx.with(|tx| {
            let bytes = tx.as_slice();
            len.set(bytes.len());
            data.set(pointer(bytes));
            Ok(())
        })
    })
}

/// The `iovec` of `writev(2)`, as in `<sys/uio.h>`.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct iovec {
    pub iov_base: *mut c_void,
    pub iov_len: usize,
}

/// What to write next, as pieces for `writev`: at most `capacity` of them are put at `pieces`, and
/// how many there are at `*count`. They are lent until the buffer is used again, and not to be
/// written into.
#[unsafe(no_mangle)]
pub extern "C" fn websans_send_buf_iovec(
    tx: Ptr<websans_send_buf>,
    pieces: Out<iovec>,
    capacity: usize,
    count: Out<usize>,
) -> websans_status {
    guard(|| {
        let count = count.required()?;
        tx.with(|tx| {
            let all = tx.slices().map(|slice| iovec {
                iov_base: pointer(slice).cast_mut().cast(),
                iov_len: slice.len(),
            });
            count.set(pieces.fill(capacity, all)?);
            Ok(())
        })
    })
}

/// Says that the next `n` bytes were written. More than could be written counts as all of that.
/// Payloads of which nothing is left are freed.
#[unsafe(no_mangle)]
pub extern "C" fn websans_send_buf_consume(tx: Ptr<websans_send_buf>, n: usize) -> websans_status {
    guard(|| {
        tx.with(|tx| {
            tx.consume(n);
            Ok(())
        })
    })
}

/// How many bytes of a payload that was announced with `…_send_header` are still to be given to
/// `websans_send_buf_extend_payload`. 0 after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_send_buf_payload_remaining(tx: Ptr<websans_send_buf>) -> u64 {
    guard_or(0, || tx.with(|tx| Ok(tx.payload_remaining())))
}

/// Takes the next bytes of the announced payload, masked at a client: `*taken` of them, as there are
/// never more than 16 KiB of it here at once, and none while more than 8 KiB of it wait.
#[unsafe(no_mangle)]
pub extern "C" fn websans_send_buf_extend_payload(
    tx: Ptr<websans_send_buf>,
    data: In<u8>,
    len: usize,
    taken: Out<usize>,
) -> websans_status {
    guard(|| {
        let (bytes, taken) = (data.slice(len)?, taken.required()?);
        tx.with(|tx| {
            check_apart(bytes, tx)?;
            taken.set(tx.extend_payload(bytes));
            Ok(())
        })
    })
}

/// Throws away what waits, as when its connection is gone.
#[unsafe(no_mangle)]
pub extern "C" fn websans_send_buf_clear(tx: Ptr<websans_send_buf>) -> websans_status {
    guard(|| {
        tx.with(|tx| {
            tx.clear();
            Ok(())
        })
    })
}

/// Gives back all memory, if the buffer is empty.
#[unsafe(no_mangle)]
pub extern "C" fn websans_send_buf_release(tx: Ptr<websans_send_buf>) -> websans_status {
    guard(|| {
        tx.with(|tx| {
            tx.release();
            Ok(())
        })
    })
}

/// A payload that lies in the buffer would move while it is copied.
#[inline]
pub(crate) fn check_apart(payload: &[u8], tx: &SendBuf) -> Outcome {
    if payload.is_empty() || tx.is_empty() {
        return Ok(());
    }
    check_pieces(payload, tx)
}

#[inline(never)]
fn check_pieces(payload: &[u8], tx: &SendBuf) -> Outcome {
    let payload = payload.as_ptr_range();
    let overlaps = |slice: &[u8]| {
        let slice = slice.as_ptr_range();
        slice.start < payload.end && payload.start < slice.end
    };
    if tx.slices().any(overlaps) {
        return Err(Failure::Status(websans_status::Aliased));
    }
    Ok(())
}

//! Sessions on a completion API, io_uring: the kernel reads and writes while the program goes on.
//! Each lends it two buffers that nothing touches, moves or frees until it gives them back.

use io_uring::{IoUring, opcode, types::Fd};
use std::{io, mem, net, os::fd::AsRawFd, time::Duration};
use websans::{Io, RecvBuf, SendBuf, Session, SessionEvent};

const BACKLOG: u64 = 64 << 10; // while so much waits to be written no more events are taken
const BUFFER: u32 = 16 << 10;
const READ: usize = 0;
const WRITE: usize = 1;

/// One connection.
pub(crate) struct Peer {
    pub(crate) ws: Session,
    pub(crate) tx: SendBuf,
    rx: RecvBuf,
    socket: net::TcpStream,
    /// To read into and to write out of, and whether the kernel has them.
    buffers: [Vec<u8>; 2],
    lent: [bool; 2],
}

impl Peer {
    pub(crate) fn new(socket: net::TcpStream, ws: Session, tx: SendBuf) -> Self {
        let buffers = [vec![0; BUFFER as usize], vec![0; BUFFER as usize]];
        Self { ws, tx, rx: RecvBuf::new(), socket, buffers, lent: [false; 2] }
    }

    /// Begins what the session wants, as connection `id` of the ring: `false` when it is over. To be
    /// called after all completions, when a deadline has come, and after something was sent.
    pub(crate) fn drive(
        &mut self,
        (id, ring): (u64, &mut IoUring),
        now: Duration,
        mut handle: impl FnMut(&mut Session, SessionEvent<'_>, &mut SendBuf),
    ) -> io::Result<bool> {
        if self.lent != [false; 2] {
            self.ws.handle_timeout(now); // the socket could do no more until now
        }
        loop {
            while self.tx.len() < BACKLOG
                && let Ok(Some(event)) = self.ws.next_event(&mut self.rx, &mut self.tx)
            {
                handle(&mut self.ws, event, &mut self.tx);
            }
            let ([input, output], fd) = (&mut self.buffers, Fd(self.socket.as_raw_fd()));
            let (what, entry) = match self.ws.next_io(&self.tx, now) {
                Io::Read | Io::Drain if !self.lent[READ] => {
                    (READ, opcode::Recv::new(fd, input.as_mut_ptr(), BUFFER).build())
                }
                Io::Write if !self.lent[WRITE] => {
                    let n = io::Read::read(&mut self.tx.as_slice(), output)?;
                    (WRITE, opcode::Send::new(fd, output.as_ptr(), n as u32).build())
                }
                Io::Read | Io::Drain | Io::Write => return Ok(true),
                Io::Close => {
                    let _ = self.socket.shutdown(net::Shutdown::Both); // completes what is lent
                    return Ok(self.lent != [false; 2]);
                }
                Io::Flush | Io::ShutDown => {
                    let _ = self.socket.shutdown(net::Shutdown::Write); // or reading says what is wrong
                    self.ws.handle_shut_down();
                    continue;
                }
            };
            // SAFETY: while a buffer is lent nothing here touches, moves or frees its memory.
            let pushed = unsafe { ring.submission().push(&entry.user_data(id * 2 + what as u64)) };
            pushed.map_err(io::Error::other)?;
            self.lent[what] = true;
        }
    }

    /// The kernel is done with the entry of this `user_data`.
    pub(crate) fn complete(&mut self, user_data: u64, result: i32, now: Duration) {
        let what = (user_data % 2) as usize;
        self.lent[what] = false;
        match usize::try_from(result) {
            n if what == READ => {
                self.rx.extend(&self.buffers[READ][..n.unwrap_or(0)]);
                self.ws.handle_read(n.unwrap_or(0), now); // after an error nothing comes
            }
            Ok(n) => {
                self.tx.consume(n);
                self.ws.handle_written(n, now);
                self.ws.handle_flushed(now); // so that `Io::Flush` never comes
            }
            Err(_) => self.ws.handle_write_error(&mut self.tx),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if self.lent != [false; 2] {
            mem::forget(mem::take(&mut self.buffers)); // the kernel has them
        }
    }
}

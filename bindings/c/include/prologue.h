/*
 * websans: the WebSocket protocol (RFC 6455, RFC 7692) with no I/O in it. Bytes in, events out;
 * messages in, bytes out. The program brings the sockets, TLS and the event loop.
 *
 * This file is made of the sources of the library: change those.
 *
 * THE SHAPE. A program has three things for each connection: a `websans_session`, which is the
 * protocol with its deadlines; a `websans_recv_buf`, where bytes from the peer go; and a
 * `websans_send_buf`, where bytes to the peer come out. It drives them with this loop:
 *
 *     websans_event event = {sizeof event};
 *     for (;;) {
 *         // 1. Take events until there is none, or an error. The loop goes on after an error.
 *         while (websans_session_next_event(session, rx, tx, &event) == WEBSANS_STATUS_OK
 *                && event.kind != WEBSANS_EVENT_KIND_NONE) {
 *             if (event.kind == WEBSANS_EVENT_KIND_REQUEST)
 *                 websans_session_accept(session, NULL, tx);
 *             else if (event.kind == WEBSANS_EVENT_KIND_TEXT)
 *                 websans_session_send_text(session, event.data, event.len, tx);
 *         }
 *         // 2. Do what the transport is to do, and report it.
 *         switch (websans_session_next_io(session, tx, now())) {
 *         case WEBSANS_IO_WRITE:      // write what websans_send_buf_data or _iovec lends, then
 *                                     // websans_send_buf_consume, websans_session_handle_written
 *         case WEBSANS_IO_READ:       // read into what websans_recv_buf_spare lends, then
 *                                     // websans_recv_buf_advance, websans_session_handle_read
 *         case WEBSANS_IO_FLUSH:      // websans_session_handle_flushed
 *         case WEBSANS_IO_SHUT_DOWN:  // shutdown(fd, SHUT_WR), websans_session_handle_shut_down
 *         case WEBSANS_IO_DRAIN:      // read and throw away, websans_session_handle_read
 *         case WEBSANS_IO_CLOSE:      // close(fd); the end
 *         }
 *         // 3. Before waiting for the transport: wait until websans_session_next_timeout at most,
 *         //    and call websans_session_handle_timeout when that has come.
 *     }
 *
 * The folder `examples` has whole programs: a blocking client, a client over OpenSSL, and a server
 * on epoll. `websans_connection` is the protocol without deadlines, for programs that have rules of
 * their own; `websans_frame_header_…` and `websans_mask` are for proxies.
 *
 * ERRORS. Functions return a `websans_status`: 0 is success. `websans_status_text` has a text for
 * each, and `websans_last_error` the numbers, the rule that was broken, the close code and the HTTP
 * status. Misuse is an error, too: NULL, calls out of order, lengths that cannot be, a handle of
 * another type. What cannot be found out is a pointer to memory that is not what this file says:
 * handles and payloads that were freed, and lengths that are more than there is.
 *
 * LENDING. What a function lends (the payload of an event, the room to read into, what to write, the
 * parts of a request) is not copied, and stays until what it was lent from is used again, for
 * anything but looking at it. Texts are UTF-8 with a length and no zero byte behind them.
 *
 * MEMORY. Handles are allocated with malloc by the functions that make them, and are freed by the
 * function `…_free` of their type, never by free(3). Buffers grow with what is in them, and limits
 * in `websans_config` bound what a peer can make a connection hold; when the machine has no memory
 * left, the process is aborted. A payload that is handed over (`websans_message`) is freed by the
 * function that comes with it. Functions that fail leave their results as they were.
 *
 * THREADS. There is no global state, but for the last error, of which each thread has its own. A
 * handle may be used by any thread, by one at a time: programs that share one lock it. Different
 * handles may be used by different threads at the same time. Callbacks run on the thread of the call
 * that they are made from, and must not use the handles of that call, which are busy: an error.
 *
 * ABI. A struct that may grow begins with its size, which the program sets to the `sizeof` that it
 * was compiled with, and its other members to 0 where it does not use them. A newer library takes
 * an older program's structs as they are; an older library refuses only those in which a member is
 * used that it does not know. Other structs, and the numbers of codes, do not change. In enums and
 * codes new values may come.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>


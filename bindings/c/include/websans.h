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

#ifndef WEBSANS_H
#define WEBSANS_H

/**
 * No limit, for limits and for deadlines. 0 means 0.
 */
#define WEBSANS_UNLIMITED UINT64_MAX

/**
 * The longest frame header, in bytes.
 */
#define WEBSANS_MAX_HEADER_LEN 14

/**
 * For `websans_message.flags`: a part of a message, of which more follow.
 */
#define WEBSANS_MESSAGE_PART 1

/**
 * For `websans_message.flags`: the last part of a message that was begun with
 * WEBSANS_MESSAGE_PART.
 */
#define WEBSANS_MESSAGE_LAST_PART 2

/**
 * For `websans_message.flags`: not to be compressed, whatever was agreed on. For secrets, and for
 * what does not compress.
 */
#define WEBSANS_MESSAGE_UNCOMPRESSED 4

/**
 * The opcode of text messages.
 */
#define WEBSANS_TEXT 1

/**
 * The opcode of binary messages.
 */
#define WEBSANS_BINARY 2

/**
 * What a function came to: 0 is success, and everything else is an error. By their hundreds:
 *
 * | codes | who made the error | what holds afterwards |
 * |---|---|---|
 * | 1 to 99 | the program: it misused the library | nothing has happened |
 * | 100 to 199 | the program: it asked to send what cannot be sent | nothing was queued, and the connection goes on |
 * | 200 to 299 | the peer: it broke the protocol or a limit | the connection has failed; a close frame was queued |
 * | 300 to 399 | the peer: the opening handshake failed | there is no connection; a server has queued the answer |
 * | 400 to 499 | the program: it asked for a handshake that cannot be | nothing was queued |
 *
 * Later versions may add codes; a program treats those it does not know by their hundreds.
 */
typedef enum websans_status {
    /**
     * No error.
     */
    WEBSANS_STATUS_OK = 0,
    /**
     * An argument is NULL that must not be.
     */
    WEBSANS_STATUS_NULL = 1,
    /**
     * An argument is not a handle of its type, or was freed.
     */
    WEBSANS_STATUS_HANDLE = 2,
    /**
     * A callback came back to a handle that is in use.
     */
    WEBSANS_STATUS_BUSY = 3,
    /**
     * The size member of a struct was not set, or the struct asks for what this version does not know.
     */
    WEBSANS_STATUS_SIZE = 4,
    /**
     * A length is more than memory can have.
     */
    WEBSANS_STATUS_TOO_LONG = 5,
    /**
     * A text argument is not UTF-8.
     */
    WEBSANS_STATUS_UTF8 = 6,
    /**
     * An argument is not one of the values that it can have.
     */
    WEBSANS_STATUS_VALUE = 7,
    /**
     * The call is out of order: what it needs has not come, or was taken before.
     */
    WEBSANS_STATUS_ORDER = 8,
    /**
     * The payload lies in the buffer that it is to be put into.
     */
    WEBSANS_STATUS_ALIASED = 9,
    /**
     * An error in the library itself; the handles of that call can only be freed.
     */
    WEBSANS_STATUS_PANIC = 10,
    /**
     * The opening handshake is not done.
     */
    WEBSANS_STATUS_SEND_CONNECTING = 100,
    /**
     * The connection is closing or closed.
     */
    WEBSANS_STATUS_SEND_CLOSED = 101,
    /**
     * As much waits to be written as max_queued allows.
     */
    WEBSANS_STATUS_SEND_FULL = 102,
    /**
     * A control frame holds at most 125 bytes of payload.
     */
    WEBSANS_STATUS_SEND_CONTROL_TOO_LONG = 103,
    /**
     * This close code must not be sent.
     */
    WEBSANS_STATUS_SEND_CLOSE_CODE = 104,
    /**
     * A close reason needs a close code.
     */
    WEBSANS_STATUS_SEND_REASON_WITHOUT_CODE = 105,
    /**
     * A close reason holds at most 123 bytes.
     */
    WEBSANS_STATUS_SEND_REASON_TOO_LONG = 106,
    /**
     * A message is being sent in parts and has not ended.
     */
    WEBSANS_STATUS_SEND_MESSAGE_IN_PROGRESS = 107,
    /**
     * An announced payload has not been written.
     */
    WEBSANS_STATUS_SEND_PAYLOAD_PENDING = 108,
    /**
     * A payload must be shorter than 2^63 bytes.
     */
    WEBSANS_STATUS_SEND_PAYLOAD_TOO_LONG = 109,
    /**
     * As many pongs wait as max_queued_replies allows.
     */
    WEBSANS_STATUS_SEND_TOO_MANY_REPLIES = 110,
    /**
     * The compressor failed.
     */
    WEBSANS_STATUS_SEND_DEFLATE = 111,
    /**
     * The source of masking keys failed.
     */
    WEBSANS_STATUS_SEND_NO_ENTROPY = 112,
    /**
     * The length of a frame is not in its shortest form.
     */
    WEBSANS_STATUS_FRAME_LENGTH_NOT_MINIMAL = 200,
    /**
     * The length of a frame has its most significant bit set.
     */
    WEBSANS_STATUS_FRAME_LENGTH_TOP_BIT = 201,
    /**
     * A reserved bit is set.
     */
    WEBSANS_STATUS_RESERVED_BIT = 202,
    /**
     * A reserved opcode.
     */
    WEBSANS_STATUS_RESERVED_OPCODE = 203,
    /**
     * A frame from a client is not masked.
     */
    WEBSANS_STATUS_UNMASKED_FRAME = 204,
    /**
     * A frame from a server is masked.
     */
    WEBSANS_STATUS_MASKED_FRAME = 205,
    /**
     * A control frame is fragmented.
     */
    WEBSANS_STATUS_FRAGMENTED_CONTROL = 206,
    /**
     * A control frame has more than 125 bytes of payload.
     */
    WEBSANS_STATUS_CONTROL_TOO_LONG = 207,
    /**
     * A continuation frame while no message is in progress.
     */
    WEBSANS_STATUS_UNEXPECTED_CONTINUATION = 208,
    /**
     * A new message while another is in progress.
     */
    WEBSANS_STATUS_EXPECTED_CONTINUATION = 209,
    /**
     * A close frame with a body of one byte.
     */
    WEBSANS_STATUS_CLOSE_BODY_OF_ONE_BYTE = 210,
    /**
     * A close code that must not be on the wire.
     */
    WEBSANS_STATUS_CLOSE_CODE = 211,
    /**
     * A close reason is not UTF-8.
     */
    WEBSANS_STATUS_CLOSE_REASON_UTF8 = 212,
    /**
     * A text message is not UTF-8.
     */
    WEBSANS_STATUS_INVALID_UTF8 = 213,
    /**
     * A compressed message is not a valid DEFLATE stream.
     */
    WEBSANS_STATUS_CORRUPT_DEFLATE = 214,
    /**
     * A frame is over max_frame_size.
     */
    WEBSANS_STATUS_FRAME_TOO_LARGE = 215,
    /**
     * A message is over max_message_size.
     */
    WEBSANS_STATUS_MESSAGE_TOO_LARGE = 216,
    /**
     * A message has more frames than max_fragments.
     */
    WEBSANS_STATUS_TOO_MANY_FRAGMENTS = 217,
    /**
     * The peer sends pings and does not read: max_queued_replies.
     */
    WEBSANS_STATUS_TOO_MANY_REPLIES = 218,
    /**
     * No pong could be sent: the source of masking keys failed.
     */
    WEBSANS_STATUS_NO_ENTROPY = 219,
    /**
     * The transport ended without a close frame.
     */
    WEBSANS_STATUS_EOF = 220,
    /**
     * The peer has sent nothing since it was pinged.
     */
    WEBSANS_STATUS_TIMEOUT_PONG = 221,
    /**
     * The peer has not completed a message in time.
     */
    WEBSANS_STATUS_TIMEOUT_MESSAGE = 222,
    /**
     * The transport has taken nothing for too long.
     */
    WEBSANS_STATUS_TIMEOUT_WRITE = 223,
    /**
     * The closing handshake was not done in time.
     */
    WEBSANS_STATUS_TIMEOUT_CLOSE = 224,
    /**
     * The peer broke the protocol in a way that this version has no number for.
     */
    WEBSANS_STATUS_PROTOCOL = 299,
    /**
     * The first bytes from the peer are not HTTP.
     */
    WEBSANS_STATUS_HANDSHAKE_NOT_HTTP = 300,
    /**
     * The head of the request or response is malformed.
     */
    WEBSANS_STATUS_HANDSHAKE_MALFORMED_HEAD = 301,
    /**
     * The version of HTTP cannot be upgraded.
     */
    WEBSANS_STATUS_HANDSHAKE_HTTP_VERSION = 302,
    /**
     * The method of the request is not GET.
     */
    WEBSANS_STATUS_HANDSHAKE_METHOD = 303,
    /**
     * The head is over max_head_size.
     */
    WEBSANS_STATUS_HANDSHAKE_HEAD_TOO_LARGE = 304,
    /**
     * The head has more header fields than max_headers.
     */
    WEBSANS_STATUS_HANDSHAKE_TOO_MANY_HEADERS = 305,
    /**
     * The request has a body.
     */
    WEBSANS_STATUS_HANDSHAKE_BODY = 306,
    /**
     * The request does not ask for a WebSocket connection.
     */
    WEBSANS_STATUS_HANDSHAKE_NOT_AN_UPGRADE = 307,
    /**
     * Sec-WebSocket-Version is not 13.
     */
    WEBSANS_STATUS_HANDSHAKE_VERSION = 308,
    /**
     * A header field is missing.
     */
    WEBSANS_STATUS_HANDSHAKE_MISSING_HEADER = 309,
    /**
     * A header field is there more than once.
     */
    WEBSANS_STATUS_HANDSHAKE_DUPLICATE_HEADER = 310,
    /**
     * A header field has an invalid value.
     */
    WEBSANS_STATUS_HANDSHAKE_INVALID_HEADER = 311,
    /**
     * Sec-WebSocket-Accept does not answer the key that was sent.
     */
    WEBSANS_STATUS_HANDSHAKE_ACCEPT_MISMATCH = 312,
    /**
     * The server chose a subprotocol that was not offered.
     */
    WEBSANS_STATUS_HANDSHAKE_SUBPROTOCOL_NOT_OFFERED = 313,
    /**
     * The server chose an extension that was not offered.
     */
    WEBSANS_STATUS_HANDSHAKE_EXTENSION_NOT_OFFERED = 314,
    /**
     * The parameters of permessage-deflate do not fit what was offered.
     */
    WEBSANS_STATUS_HANDSHAKE_EXTENSION_PARAMETERS = 315,
    /**
     * The server refused the handshake.
     */
    WEBSANS_STATUS_HANDSHAKE_REFUSED = 316,
    /**
     * The request or response has been handed out before.
     */
    WEBSANS_STATUS_HANDSHAKE_FINISHED = 317,
    /**
     * The opening handshake took too long.
     */
    WEBSANS_STATUS_HANDSHAKE_TIMEOUT = 318,
    /**
     * The transport ended within the opening handshake.
     */
    WEBSANS_STATUS_HANDSHAKE_EOF = 319,
    /**
     * The opening handshake failed in a way that this version has no number for.
     */
    WEBSANS_STATUS_HANDSHAKE = 399,
    /**
     * A WebSocket URI begins with ws:// or wss://.
     */
    WEBSANS_STATUS_URI_SCHEME = 400,
    /**
     * A WebSocket URI has no user name.
     */
    WEBSANS_STATUS_URI_USERINFO = 401,
    /**
     * The host of the URI is invalid.
     */
    WEBSANS_STATUS_URI_HOST = 402,
    /**
     * The port of the URI is not a number from 1 to 65535.
     */
    WEBSANS_STATUS_URI_PORT = 403,
    /**
     * A WebSocket URI has no fragment.
     */
    WEBSANS_STATUS_URI_FRAGMENT = 404,
    /**
     * A byte of the path or query has no place there.
     */
    WEBSANS_STATUS_URI_RESOURCE_NAME = 405,
    /**
     * The name of a header field must be a token.
     */
    WEBSANS_STATUS_REQUEST_HEADER_NAME = 410,
    /**
     * The value of a header field must not contain control characters.
     */
    WEBSANS_STATUS_REQUEST_HEADER_VALUE = 411,
    /**
     * This header field is written by the handshake itself.
     */
    WEBSANS_STATUS_REQUEST_RESERVED_HEADER = 412,
    /**
     * A subprotocol must be a token.
     */
    WEBSANS_STATUS_REQUEST_SUBPROTOCOL = 413,
    /**
     * A subprotocol is offered twice.
     */
    WEBSANS_STATUS_REQUEST_DUPLICATE_SUBPROTOCOL = 414,
    /**
     * The client has not offered this subprotocol.
     */
    WEBSANS_STATUS_REQUEST_SUBPROTOCOL_NOT_OFFERED = 415,
    /**
     * A rejection has a status from 200 to 599.
     */
    WEBSANS_STATUS_REQUEST_STATUS = 416,
    /**
     * A response with this status has no body.
     */
    WEBSANS_STATUS_REQUEST_BODY = 417,
    /**
     * The source of masking keys failed.
     */
    WEBSANS_STATUS_REQUEST_NO_ENTROPY = 418,
    /**
     * The handshake asked for is invalid in a way that this version has no number for.
     */
    WEBSANS_STATUS_REQUEST = 499,
} websans_status;

/**
 * What kind of event it is.
 */
typedef enum websans_event_kind {
    /**
     * There is none: the next one takes more bytes, or time.
     */
    WEBSANS_EVENT_KIND_NONE = 0,
    /**
     * A text message, or a part of one.
     */
    WEBSANS_EVENT_KIND_TEXT = 1,
    /**
     * A binary message, or a part of one.
     */
    WEBSANS_EVENT_KIND_BINARY = 2,
    /**
     * A ping, at most 125 bytes. The pong has been queued.
     */
    WEBSANS_EVENT_KIND_PING = 3,
    /**
     * A pong, at most 125 bytes, also one that answers a ping of the session's own.
     */
    WEBSANS_EVENT_KIND_PONG = 4,
    /**
     * The peer's close frame: nothing comes after it. The reply has been queued.
     */
    WEBSANS_EVENT_KIND_CLOSE = 5,
    /**
     * A server's session: the client's request, to be answered with `websans_session_accept` or
     * `websans_session_reject`.
     */
    WEBSANS_EVENT_KIND_REQUEST = 6,
    /**
     * A client's session: the server has accepted, and messages can be sent.
     */
    WEBSANS_EVENT_KIND_ACCEPTED = 7,
    /**
     * A client's session: the server has refused, and the session ends.
     */
    WEBSANS_EVENT_KIND_REFUSED = 8,
} websans_event_kind;

/**
 * Where a connection stands.
 */
typedef enum websans_state {
    /**
     * The opening handshake is not done, or has failed.
     */
    WEBSANS_STATE_CONNECTING = 0,
    /**
     * Messages flow both ways.
     */
    WEBSANS_STATE_OPEN = 1,
    /**
     * One of the two close frames is missing.
     */
    WEBSANS_STATE_CLOSING = 2,
    /**
     * Both close frames have passed, or the connection has failed.
     */
    WEBSANS_STATE_CLOSED = 3,
} websans_state;

/**
 * Which endpoint we are.
 */
typedef enum websans_role {
    /**
     * The endpoint that opened the connection. It masks what it sends.
     */
    WEBSANS_ROLE_CLIENT = 0,
    /**
     * The endpoint that accepted it.
     */
    WEBSANS_ROLE_SERVER = 1,
} websans_role;

/**
 * What the transport is to do next.
 */
typedef enum websans_io {
    /**
     * Write what the send buffer holds, consume what was written, and report it with
     * `websans_session_handle_written`. If the transport takes nothing now, report 0, and wait until
     * it does; where `websans_session_wants_read` says so it may be read meanwhile.
     */
    WEBSANS_IO_WRITE = 0,
    /**
     * Flush the transport, if it has a buffer of its own, and report it with
     * `websans_session_handle_flushed`.
     */
    WEBSANS_IO_FLUSH = 1,
    /**
     * Read into the receive buffer, and report it with `websans_session_handle_read`.
     */
    WEBSANS_IO_READ = 2,
    /**
     * Shut down the transport's write side (`shutdown(fd, SHUT_WR)`, TLS's close_notify), and report
     * it with `websans_session_handle_shut_down`.
     */
    WEBSANS_IO_SHUT_DOWN = 3,
    /**
     * Read, throw away what comes, and report it with `websans_session_handle_read`. To close a TCP
     * socket while something is unread resets the connection, and the reset may overtake what was
     * written.
     */
    WEBSANS_IO_DRAIN = 4,
    /**
     * Close the transport. Nothing comes after this. Also after an error.
     */
    WEBSANS_IO_CLOSE = 5,
} websans_io;

/**
 * A client's side of an opening handshake: it has sent its request and waits for the response.
 */
typedef struct websans_client_handshake websans_client_handshake;

/**
 * The settings of connections. One serves any number of connections: what is made with it takes a
 * copy of it. It may be read by several threads at the same time while none changes it.
 */
typedef struct websans_config websans_config;

/**
 * A connection after its opening handshake, without deadlines. `websans_session` has those.
 */
typedef struct websans_connection websans_connection;

/**
 * A received message that was taken out of its buffer.
 */
typedef struct websans_owned websans_owned;

/**
 * A message encoded once, to be sent to many. It may be used by several threads, one at a time.
 */
typedef struct websans_prepared websans_prepared;

/**
 * Bytes from the transport on their way to becoming events, and how far decoding has come. Events
 * lend messages out of it.
 *
 * It allocates nothing until something arrives, grows with what arrives, and gives back memory over
 * 80 KiB when it has been emptied. While it is empty one buffer can serve any number of connections
 * in turn; keep it with its connection otherwise.
 */
typedef struct websans_recv_buf websans_recv_buf;

/**
 * A client's request. Its parts are lent as long as it is.
 */
typedef struct websans_request websans_request;

/**
 * A server's response. Its parts are lent as long as it is.
 */
typedef struct websans_response websans_response;

/**
 * Bytes on their way to the transport, in the order in which they were queued.
 */
typedef struct websans_send_buf websans_send_buf;

/**
 * A server's side of an opening handshake: it waits for a request.
 */
typedef struct websans_server_handshake websans_server_handshake;

/**
 * A connection from its opening handshake to the end of its transport, with its deadlines.
 */
typedef struct websans_session websans_session;

/**
 * A `ws` or `wss` URI in its parts: where to connect to. Its parts are lent as long as it is.
 */
typedef struct websans_uri websans_uri;

/**
 * How much memory a buffer takes and keeps.
 */
typedef struct websans_buffer_config {
    /**
     * The size of this struct; `websans_buffer_config_init` sets it.
     */
    size_t size;
    /**
     * How much room a read is offered mostly, in bytes, at least 4 KiB. Default 16 KiB and 64 bytes.
     */
    size_t read_size;
    /**
     * How much memory a buffer keeps when it has been emptied, in bytes. Default 80 KiB.
     */
    size_t retained;
    /**
     * How much memory it keeps instead while large messages follow each other. Default 4 MiB.
     */
    size_t retained_for_large;
} websans_buffer_config;

/**
 * Fills `len` bytes at `bytes` with what nobody can foresee, and returns 0; anything else says
 * that it cannot. `context` is what was given beside it. It must not throw, nor jump out.
 */
typedef int (*websans_random_fn)(void *context, uint8_t *bytes, size_t len);

/**
 * permessage-deflate (RFC 7692): what an endpoint offers or accepts, and how it compresses.
 *
 * The first four are the parameters of RFC 7692 section 7.1: what is set here is the most that this
 * endpoint agrees to.
 */
typedef struct websans_deflate {
    /**
     * The size of this struct; `websans_deflate_init` sets it.
     */
    size_t size;
    /**
     * Not 0: the server begins each message with an empty window. Default 0.
     */
    uint8_t server_no_context_takeover;
    /**
     * Not 0: the client begins each message with an empty window. Default 0.
     */
    uint8_t client_no_context_takeover;
    /**
     * The server's largest window as base-2 logarithm, 9 to 15. Default 15.
     */
    uint8_t server_max_window_bits;
    /**
     * The client's largest window as base-2 logarithm, 9 to 15. Default 15.
     */
    uint8_t client_max_window_bits;
    /**
     * How hard to compress, 0 to 9. Default 6.
     */
    uint8_t level;
    /**
     * How much memory the compressor uses beside its window, 1 to 9. Default 8.
     */
    uint8_t mem_level;
    /**
     * From how many bytes on a message is compressed. Default 64.
     */
    size_t min_size;
} websans_deflate;

/**
 * How long each part of a session may take, in nanoseconds; WEBSANS_UNLIMITED for ever.
 */
typedef struct websans_deadlines {
    /**
     * The size of this struct; `websans_deadlines_init` sets it.
     */
    size_t size;
    /**
     * The opening handshake. Default 10 s. A server answers 408 then.
     */
    uint64_t handshake;
    /**
     * Without a byte from the peer, before it is pinged. Default 20 s; at least 1 ms.
     */
    uint64_t ping_interval;
    /**
     * After that ping, without a byte from the peer. Default 20 s.
     */
    uint64_t pong;
    /**
     * A message that is incomplete. Default 300 s.
     */
    uint64_t message;
    /**
     * While something waits and the transport takes nothing. Default 30 s.
     */
    uint64_t write;
    /**
     * From the first close frame or a failure to the end of the transport. Default 10 s.
     */
    uint64_t close;
} websans_deadlines;

/**
 * What the peer sent.
 *
 * `data` points into the receive buffer and is lent until that buffer is used again; connections
 * and send buffers may be used meanwhile, so that a message can be answered from where it lies.
 */
typedef struct websans_event {
    /**
     * The size of this struct, to be set once: `websans_event event = {sizeof event}`.
     */
    size_t size;
    /**
     * What the event is, and which of the following members have a meaning.
     */
    enum websans_event_kind kind;
    /**
     * Text and binary: whether the message begins here. Always true for whole messages.
     */
    bool first;
    /**
     * Text and binary: whether the message ends here. Always true for whole messages.
     */
    bool last;
    /**
     * Close: the code of the close frame, or 1005 if it had none.
     */
    uint16_t close_code;
    /**
     * The payload of text, binary, ping and pong; the reason of a close frame. Text is valid UTF-8,
     * without a zero byte behind it.
     */
    const uint8_t *data;
    /**
     * How many bytes there are at `data`.
     */
    size_t len;
    /**
     * Request: what the client asks for, until it is answered. Otherwise NULL.
     */
    struct websans_request *request;
    /**
     * Accepted and refused: what the server answered, until the session is freed. Otherwise NULL.
     */
    struct websans_response *response;
} websans_event;

/**
 * Called once when the library needs a payload no more: `context`, the payload, and its length as
 * they were given. It may be called from within any function that takes the send buffer, on the
 * thread that calls it. It must not throw, nor jump out, nor use the handles of that call.
 */
typedef void (*websans_free_fn)(void *context, const uint8_t *data, size_t len);

/**
 * A message to be sent, or a part of one.
 *
 * Without `free` the payload is copied. With it the payload is handed over: it is sent from where
 * it lies if it is at least 4 KiB long, not compressed, and sent by a server, and is copied
 * otherwise, since a client must mask it. Either way `free` is called exactly once, also if the
 * message is not sent; only where this struct cannot be read, which is an error
 * WEBSANS_STATUS_NULL or WEBSANS_STATUS_SIZE before anything else, it is not.
 */
typedef struct websans_message {
    /**
     * The size of this struct, to be set: `websans_message message = {sizeof message}`.
     */
    size_t size;
    /**
     * The payload. Text must be UTF-8, and each part of it must be.
     */
    const uint8_t *data;
    /**
     * How many bytes there are at `data`.
     */
    size_t len;
    /**
     * WEBSANS_TEXT or WEBSANS_BINARY.
     */
    uint8_t opcode;
    /**
     * WEBSANS_MESSAGE_…, or 0 for a whole message.
     */
    uint32_t flags;
    /**
     * What frees the payload, or NULL to have it copied.
     */
    websans_free_fn free;
    /**
     * What is handed to `free`.
     */
    void *context;
} websans_message;

/**
 * The header of a frame. Its members are those of RFC 6455 section 5.2, so it does not grow.
 */
typedef struct websans_frame_header {
    /**
     * 1 for the last frame of a message, 0 otherwise.
     */
    uint8_t fin;
    /**
     * The reserved bit RSV1, 0 or 1.
     */
    uint8_t rsv1;
    /**
     * The reserved bit RSV2, 0 or 1.
     */
    uint8_t rsv2;
    /**
     * The reserved bit RSV3, 0 or 1.
     */
    uint8_t rsv3;
    /**
     * 0 to 15.
     */
    uint8_t opcode;
    /**
     * 1 if the payload is masked, 0 otherwise.
     */
    uint8_t masked;
    /**
     * The masking key, if it is.
     */
    uint8_t masking_key[4];
    /**
     * The length of the payload in bytes, below 2^63.
     */
    uint64_t payload_len;
} websans_frame_header;

/**
 * How a connection ended.
 */
typedef struct websans_close_status {
    /**
     * The size of this struct, to be set before the call.
     */
    size_t size;
    /**
     * The code of the peer's close frame, or 1005 if it had none. After a failure the code that went
     * out because of it, or 1006 if none could.
     */
    uint16_t code;
    /**
     * Whether both close frames have passed.
     */
    bool clean;
    /**
     * Whether the connection failed before the peer's close frame came.
     */
    bool failed;
    /**
     * The reason in the peer's close frame, until the connection is used again.
     */
    const uint8_t *reason;
    /**
     * Its length in bytes.
     */
    size_t reason_len;
} websans_close_status;

/**
 * Bytes that are lent, or a text in UTF-8, without a zero byte behind it. `data` is NULL where
 * there is none.
 */
typedef struct websans_bytes {
    /**
     * The first byte.
     */
    const uint8_t *data;
    /**
     * How many there are.
     */
    size_t len;
} websans_bytes;

/**
 * A header field.
 */
typedef struct websans_header {
    /**
     * Its name, whose case does not matter.
     */
    struct websans_bytes name;
    /**
     * Its value.
     */
    struct websans_bytes value;
} websans_header;

/**
 * How a server accepts. All is copied by the call that takes it.
 */
typedef struct websans_accept {
    /**
     * The size of this struct, to be set: `websans_accept accept = {sizeof accept}`.
     */
    size_t size;
    /**
     * The subprotocol, one of those that the client offered; `data` is NULL for none.
     */
    struct websans_bytes subprotocol;
    /**
     * Header fields to be added, such as `Set-Cookie`.
     */
    const struct websans_header *headers;
    /**
     * How many there are.
     */
    size_t header_count;
} websans_accept;

/**
 * How a server rejects. All is copied by the call that takes it.
 */
typedef struct websans_reject {
    /**
     * The size of this struct, to be set: `websans_reject reject = {sizeof reject}`.
     */
    size_t size;
    /**
     * The HTTP status, 200 to 599.
     */
    uint16_t status;
    /**
     * Header fields to be added.
     */
    const struct websans_header *headers;
    /**
     * How many there are.
     */
    size_t header_count;
    /**
     * The body.
     */
    struct websans_bytes body;
} websans_reject;

/**
 * A client's request. All is copied by the call that takes it.
 */
typedef struct websans_connect {
    /**
     * The size of this struct, to be set: `websans_connect connect = {sizeof connect}`.
     */
    size_t size;
    /**
     * The URI, `ws://…` or `wss://…`.
     */
    struct websans_bytes uri;
    /**
     * Header fields to be added, such as `Origin` and `Authorization`.
     */
    const struct websans_header *headers;
    /**
     * How many there are.
     */
    size_t header_count;
    /**
     * The subprotocols that are offered, those preferred first.
     */
    const struct websans_bytes *subprotocols;
    /**
     * How many there are.
     */
    size_t subprotocol_count;
} websans_connect;

/**
 * What went wrong, in full.
 */
typedef struct websans_error {
    /**
     * The size of this struct, to be set before the call: `sizeof(websans_error)`.
     */
    size_t size;
    /**
     * The code.
     */
    enum websans_status status;
    /**
     * Of codes from 200 to 299: the code of the close frame that goes out, and 1006 where none can.
     * Otherwise 0.
     */
    uint16_t close_code;
    /**
     * Of codes from 300 to 399: the status that a server has answered with, or that a client was
     * refused with. Otherwise 0.
     */
    uint16_t http_status;
    /**
     * The rule that was broken: a section of an RFC, or the name of a setting. It lives as long as
     * the library, and is empty where there is none.
     */
    const char *rule;
    /**
     * A sentence with the numbers of this case, cut off where it is longer. It ends with a zero byte.
     */
    uint8_t text[192];
} websans_error;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Sets the size and the defaults.
 */
void websans_buffer_config_init(struct websans_buffer_config *config);

/**
 * An empty receive buffer; NULL stands for the defaults. It returns NULL if a member of the struct
 * is out of range: WEBSANS_STATUS_SIZE, or WEBSANS_STATUS_VALUE for a read size over 1 GiB.
 */
struct websans_recv_buf *websans_recv_buf_new(const struct websans_buffer_config *buffer_config);

/**
 * Frees a receive buffer. What events lent out of it must not be used any more. NULL does nothing.
 */
void websans_recv_buf_free(struct websans_recv_buf *rx);

/**
 * Room for the transport to read into: `*data` and `*len`, mostly 16 KiB. Say with
 * `websans_recv_buf_advance` how much of it was filled.
 *
 * What events lent out of the buffer must not be used any more.
 */
enum websans_status websans_recv_buf_spare(struct websans_recv_buf *rx,
                                           uint8_t **data,
                                           size_t *len);

/**
 * Says that the first `n` bytes of the room were filled. More than there was counts as all of it,
 * and a second time as none.
 */
enum websans_status websans_recv_buf_advance(struct websans_recv_buf *rx,
                                             size_t n);

/**
 * Appends bytes that were read elsewhere. `websans_recv_buf_spare` does without this copy.
 */
enum websans_status websans_recv_buf_extend(struct websans_recv_buf *rx, const uint8_t *data, size_t len);

/**
 * Whether nothing is half-way: no bytes wait, and no message is incomplete. False after an error.
 */
bool websans_recv_buf_is_empty(struct websans_recv_buf *rx);

/**
 * How many bytes it holds that no event has delivered. 0 after an error.
 */
size_t websans_recv_buf_len(struct websans_recv_buf *rx);

/**
 * How many bytes of memory it holds. 0 after an error.
 */
size_t websans_recv_buf_capacity(struct websans_recv_buf *rx);

/**
 * The bytes that have not been decoded: those that follow an opening handshake, for a program that
 * goes on with another protocol. They are lent until the buffer is used again.
 */
enum websans_status websans_recv_buf_unread(struct websans_recv_buf *rx,
                                            const uint8_t **data,
                                            size_t *len);

/**
 * Gives back all memory, if the buffer is empty.
 */
enum websans_status websans_recv_buf_release(struct websans_recv_buf *rx);

/**
 * Throws away what it holds, as when its connection is gone in the middle of a message.
 */
enum websans_status websans_recv_buf_clear(struct websans_recv_buf *rx);

/**
 * Takes the payload of the event that was returned last out of the buffer, so that it outlives it.
 * A large one is handed over without a copy. It is empty when the buffer was used since.
 */
enum websans_status websans_recv_buf_take(struct websans_recv_buf *rx,
                                          struct websans_owned **owned);

/**
 * The bytes of a payload that was taken out, until it is freed.
 */
enum websans_status websans_owned_data(struct websans_owned *owned,
                                       const uint8_t **data,
                                       size_t *len);

/**
 * Frees a payload that was taken out. NULL does nothing.
 */
void websans_owned_free(struct websans_owned *owned);

/**
 * An empty send buffer; NULL stands for the defaults. NULL and errors as for `websans_recv_buf_new`.
 */
struct websans_send_buf *websans_send_buf_new(const struct websans_buffer_config *buffer_config);

/**
 * Frees a send buffer, and the payloads that wait in it. NULL does nothing.
 */
void websans_send_buf_free(struct websans_send_buf *tx);

/**
 * Whether nothing waits to be written. False after an error.
 */
bool websans_send_buf_is_empty(struct websans_send_buf *tx);

/**
 * How many bytes wait to be written. 0 after an error.
 */
uint64_t websans_send_buf_len(struct websans_send_buf *tx);

/**
 * How many bytes of memory it holds, without payloads that are sent from where they lie. 0 after an
 * error.
 */
size_t websans_send_buf_capacity(struct websans_send_buf *tx);

/**
 * What to write next: as much as lies together. It is lent until the buffer is used again. `*len` is
 * 0 when nothing waits, or when the next bytes of an announced payload are missing.
 */
enum websans_status websans_send_buf_data(struct websans_send_buf *tx,
                                          const uint8_t **data,
                                          size_t *len);

/**
 * What to write next, as pieces for `writev`: at most `capacity` of them are put at `pieces`, and
 * how many there are at `*count`. They are lent until the buffer is used again, and not to be
 * written into.
 */
enum websans_status websans_send_buf_iovec(struct websans_send_buf *tx,
                                           struct iovec *pieces,
                                           size_t capacity,
                                           size_t *count);

/**
 * Says that the next `n` bytes were written. More than could be written counts as all of that.
 * Payloads of which nothing is left are freed.
 */
enum websans_status websans_send_buf_consume(struct websans_send_buf *tx, size_t n);

/**
 * How many bytes of a payload that was announced with `…_send_header` are still to be given to
 * `websans_send_buf_extend_payload`. 0 after an error.
 */
uint64_t websans_send_buf_payload_remaining(struct websans_send_buf *tx);

/**
 * Takes the next bytes of the announced payload, masked at a client: `*taken` of them, as there are
 * never more than 16 KiB of it here at once, and none while more than 8 KiB of it wait.
 */
enum websans_status websans_send_buf_extend_payload(struct websans_send_buf *tx,
                                                    const uint8_t *data,
                                                    size_t len,
                                                    size_t *taken);

/**
 * Throws away what waits, as when its connection is gone.
 */
enum websans_status websans_send_buf_clear(struct websans_send_buf *tx);

/**
 * Gives back all memory, if the buffer is empty.
 */
enum websans_status websans_send_buf_release(struct websans_send_buf *tx);

/**
 * The default settings, each explained at its setter. NULL after an error in the library itself.
 */
struct websans_config *websans_config_new(void);

/**
 * Frees settings. Connections that were made with them keep their copies. NULL does nothing.
 */
void websans_config_free(struct websans_config *config);

/**
 * The largest message to receive, in bytes of payload, after decompression. Default 16 MiB. Over
 * it: WEBSANS_STATUS_MESSAGE_TOO_LARGE, close code 1009. It bounds the memory that a peer can make
 * a connection hold.
 */
enum websans_status websans_config_set_max_message_size(struct websans_config *config,
                                                        uint64_t bytes);

/**
 * The largest frame to receive, in bytes of payload. Default: no limit but that of the message.
 * Over it: WEBSANS_STATUS_FRAME_TOO_LARGE, close code 1009.
 */
enum websans_status websans_config_set_max_frame_size(struct websans_config *config,
                                                      uint64_t bytes);

/**
 * The most frames that one message may consist of. Default 131072. Over it:
 * WEBSANS_STATUS_TOO_MANY_FRAGMENTS, close code 1008.
 */
enum websans_status websans_config_set_max_fragments(struct websans_config *config,
                                                     uint64_t frames);

/**
 * Whether a server takes frames that are not masked, which a client must not send (RFC 6455 section
 * 5.1). Default false. Masking keeps scripts in browsers from poisoning the caches of proxies; leave
 * this as it is unless every client is known.
 */
enum websans_status websans_config_set_accept_unmasked_frames(struct websans_config *config,
                                                              bool yes);

/**
 * The most bytes of pongs that may wait in the send buffer. Default 256 KiB. Over it:
 * WEBSANS_STATUS_TOO_MANY_REPLIES, close code 1008. It bounds what a peer can queue that sends
 * pings and does not read.
 */
enum websans_status websans_config_set_max_queued_replies(struct websans_config *config,
                                                          uint64_t bytes);

/**
 * From how many bytes in the send buffer on a send is refused with WEBSANS_STATUS_SEND_FULL.
 * Default 1 MiB. A message of any size is taken while less than this waits, so that a send that was
 * refused succeeds once the peer has read. Pongs and the close frame are not refused.
 */
enum websans_status websans_config_set_max_queued(struct websans_config *config,
                                                  uint64_t bytes);

/**
 * The largest head of an HTTP request or response, in bytes. Default 16 KiB. Over it a server
 * answers 431.
 */
enum websans_status websans_config_set_max_head_size(struct websans_config *config, uint64_t bytes);

/**
 * The most header fields in a head. Default 100. Over it a server answers 431.
 */
enum websans_status websans_config_set_max_headers(struct websans_config *config, uint64_t fields);

/**
 * Where a client takes its masking keys and the key of its handshake from (RFC 6455 section 10.3).
 * The default, which NULL sets again, is a cryptographic generator that the operating system
 * seeds, and again in a child after `fork`.
 *
 * `function` and `context` must stay usable until everything that was made with these settings has
 * been freed. It is called on the thread that sends, or that takes an event.
 */
enum websans_status websans_config_set_random(struct websans_config *config,
                                              websans_random_fn function,
                                              void *context);

/**
 * Sets the size and the defaults.
 */
void websans_deflate_init(struct websans_deflate *deflate);

/**
 * Sets the size and the defaults.
 */
void websans_deadlines_init(struct websans_deadlines *deadlines);

/**
 * Offers or accepts permessage-deflate; NULL, which is the default, does not. A context for each
 * connection costs much more memory than everything else that it holds, and compressing secrets
 * together with what others may choose gives the secrets away (CRIME): send those with
 * WEBSANS_MESSAGE_UNCOMPRESSED.
 *
 * Errors: WEBSANS_STATUS_VALUE if a member is out of its range.
 */
enum websans_status websans_config_set_deflate(struct websans_config *config,
                                               const struct websans_deflate *deflate);

/**
 * How long each part of a session may take; NULL for the defaults. A connection without a session
 * has no deadlines.
 */
enum websans_status websans_config_set_deadlines(struct websans_config *config,
                                                 const struct websans_deadlines *deadlines);

/**
 * A connection whose opening handshake was made elsewhere. `role` is WEBSANS_ROLE_CLIENT or
 * WEBSANS_ROLE_SERVER; a `config` of NULL stands for the defaults. `extensions` is the value of the
 * field `Sec-WebSocket-Extensions` in the response to that handshake, with `extensions_len` 0 for
 * none.
 *
 * Errors: WEBSANS_STATUS_VALUE for another role, WEBSANS_STATUS_HANDSHAKE_… for extensions that
 * could not have been agreed on.
 */
enum websans_status websans_connection_new(int32_t role,
                                           struct websans_config *config,
                                           const uint8_t *extensions,
                                           size_t extensions_len,
                                           struct websans_connection **out);

/**
 * Frees a connection. NULL does nothing.
 */
void websans_connection_free(struct websans_connection *connection);

/**
 * The next event in what has been received, with messages whole; `event->kind` is
 * WEBSANS_EVENT_KIND_NONE when that takes more bytes. What an event obliges to send has been queued
 * in `tx`.
 *
 * Errors from 200 on are final: the close frame that tells the peer has been queued, and every
 * later call returns the same. Events that were returned before are whole and valid.
 */
enum websans_status websans_connection_next_event(struct websans_connection *connection,
                                                  struct websans_recv_buf *rx,
                                                  struct websans_send_buf *tx,
                                                  struct websans_event *event);

/**
 * The next event, with messages in parts: as much as is there, so that a message may be larger than
 * memory. Text is cut between characters. A part may be empty.
 */
enum websans_status websans_connection_next_partial(struct websans_connection *connection,
                                                    struct websans_recv_buf *rx,
                                                    struct websans_send_buf *tx,
                                                    struct websans_event *event);

/**
 * Says that the transport has ended. The end comes after what has been received: once that has been
 * returned, the next event is WEBSANS_STATUS_EOF if there was no close frame.
 */
enum websans_status websans_connection_handle_eof(struct websans_connection *connection);

/**
 * Sends a text message, which is copied. Errors: WEBSANS_STATUS_UTF8, WEBSANS_STATUS_SEND_….
 */
enum websans_status websans_connection_send_text(struct websans_connection *connection,
                                                 const uint8_t *text,
                                                 size_t len,
                                                 struct websans_send_buf *tx);

/**
 * Sends a binary message, which is copied. Errors: WEBSANS_STATUS_SEND_….
 */
enum websans_status websans_connection_send_binary(struct websans_connection *connection,
                                                   const uint8_t *data,
                                                   size_t len,
                                                   struct websans_send_buf *tx);

/**
 * Sends a message or a part of one, copied or handed over. Control frames may be sent between
 * parts, other messages may not.
 */
enum websans_status websans_connection_send(struct websans_connection *connection,
                                            const struct websans_message *message,
                                            struct websans_send_buf *tx);

/**
 * Sends a message that was encoded once for many.
 */
enum websans_status websans_connection_send_prepared(struct websans_connection *connection,
                                                     struct websans_prepared *message,
                                                     struct websans_send_buf *tx);

/**
 * Announces a message, or with `flags` a part of one, whose payload of `len` bytes is made as it is
 * sent: `websans_send_buf_extend_payload` takes it. It is not compressed, and the caller answers
 * for text being UTF-8.
 */
enum websans_status websans_connection_send_header(struct websans_connection *connection,
                                                   uint8_t opcode,
                                                   uint32_t flags,
                                                   uint64_t len,
                                                   struct websans_send_buf *tx);

/**
 * Sends a frame as it is, unchecked: with the FIN bit, the reserved bits and the opcode of `header`.
 * Its length is `len`, and it is masked at a client, whatever `header` says of both.
 */
enum websans_status websans_connection_send_raw_frame(struct websans_connection *connection,
                                                      const struct websans_frame_header *header,
                                                      const uint8_t *data,
                                                      size_t len,
                                                      struct websans_send_buf *tx);

/**
 * Sends a ping with at most 125 bytes of payload.
 */
enum websans_status websans_connection_send_ping(struct websans_connection *connection,
                                                 const uint8_t *data,
                                                 size_t len,
                                                 struct websans_send_buf *tx);

/**
 * Sends a pong that no ping asked for.
 */
enum websans_status websans_connection_send_pong(struct websans_connection *connection,
                                                 const uint8_t *data,
                                                 size_t len,
                                                 struct websans_send_buf *tx);

/**
 * Begins the closing handshake, with a code from 1000 to 1003, 1007 to 1014 or 3000 to 4999, or 0
 * for a close frame without one, and a reason in UTF-8 of at most 123 bytes. Messages may still
 * come until the peer answers. A second time it is WEBSANS_STATUS_SEND_CLOSED.
 */
enum websans_status websans_connection_close(struct websans_connection *connection,
                                             uint16_t code,
                                             const uint8_t *reason,
                                             size_t reason_len,
                                             struct websans_send_buf *tx);

/**
 * Where the connection stands. WEBSANS_STATE_CONNECTING after an error.
 */
enum websans_state websans_connection_state(struct websans_connection *connection);

/**
 * Whether messages can be sent: no close frame was, and the connection has not failed. False after
 * an error.
 */
bool websans_connection_is_open(struct websans_connection *connection);

/**
 * Which endpoint we are. WEBSANS_ROLE_CLIENT after an error.
 */
enum websans_role websans_connection_role(struct websans_connection *connection);

/**
 * How the connection ended. Errors: WEBSANS_STATUS_ORDER while it has not.
 */
enum websans_status websans_connection_close_status(struct websans_connection *connection,
                                                    struct websans_close_status *status);

/**
 * The subprotocol that was agreed on, until the connection is freed; `data` is NULL without one.
 */
enum websans_status websans_connection_subprotocol(struct websans_connection *connection,
                                                   struct websans_bytes *subprotocol);

/**
 * What was agreed on of permessage-deflate: the first four members of the struct, whose size is to
 * be set. Errors: WEBSANS_STATUS_ORDER if nothing was.
 */
enum websans_status websans_connection_deflate(struct websans_connection *connection,
                                               struct websans_deflate *deflate);

/**
 * Changes the largest message to receive, from the next frame on.
 */
enum websans_status websans_connection_set_max_message_size(struct websans_connection *connection,
                                                            uint64_t bytes);

/**
 * Gives back what memory of the compressor and the decompressor can be given back while the
 * connection is idle.
 */
enum websans_status websans_connection_release(struct websans_connection *connection);

/**
 * Reads the header that `data` begins with: the header, and at `*header_len` how many bytes it takes,
 * or 0 if it is not complete yet.
 *
 * Errors: WEBSANS_STATUS_FRAME_LENGTH_NOT_MINIMAL, WEBSANS_STATUS_FRAME_LENGTH_TOP_BIT.
 */
enum websans_status websans_frame_header_decode(const uint8_t *data,
                                                size_t len,
                                                struct websans_frame_header *header,
                                                size_t *header_len);

/**
 * Writes a header: up to 14 bytes at `data`, and how many at `*len`.
 *
 * Errors: WEBSANS_STATUS_VALUE for an opcode over 15 or a length of 2^63 and more.
 */
enum websans_status websans_frame_header_encode(const struct websans_frame_header *header,
                                                uint8_t data[14],
                                                size_t *len);

/**
 * Masks or unmasks the bytes at `data`, which are the bytes from `offset` on of a payload.
 */
enum websans_status websans_mask(uint8_t *data,
                                 size_t len,
                                 const uint8_t masking_key[4],
                                 uint64_t offset);

/**
 * How many of the bytes are whole characters of UTF-8, at `*whole`: less than `len` if the last one
 * is incomplete.
 *
 * Errors: WEBSANS_STATUS_INVALID_UTF8 if they cannot be the beginning of a text; `*whole` is how many
 * bytes before that are valid.
 */
enum websans_status websans_utf8_whole(const uint8_t *data,
                                       size_t len,
                                       size_t *whole);

/**
 * The version of the library, such as "0.1.0". It lives as long as the library.
 */
const char *websans_version(void);

/**
 * Waits for a request. A `config` of NULL stands for the defaults.
 */
enum websans_status websans_server_handshake_new(struct websans_config *config,
                                                 struct websans_server_handshake **out);

/**
 * Frees a handshake. NULL does nothing.
 */
void websans_server_handshake_free(struct websans_server_handshake *handshake);

/**
 * The request, once its head has been received; NULL when that takes more bytes. It is to be
 * answered with `websans_request_accept` or `websans_request_reject`, and freed with
 * `websans_request_free`.
 *
 * Errors: WEBSANS_STATUS_HANDSHAKE_…, final. The HTTP response that tells the client has been queued
 * in `tx`; the transport is to be closed once that is written.
 */
enum websans_status websans_server_handshake_next_request(struct websans_server_handshake *handshake,
                                                          struct websans_recv_buf *rx,
                                                          struct websans_send_buf *tx,
                                                          struct websans_request **out);

/**
 * Notes that the transport will bring no more bytes.
 */
enum websans_status websans_server_handshake_handle_eof(struct websans_server_handshake *handshake);

/**
 * Gives up on a client that has not sent its request in time: queues a response with status 408. The
 * result is WEBSANS_STATUS_HANDSHAKE_TIMEOUT, or the error that came before. Not to be called after
 * the request was answered.
 */
enum websans_status websans_server_handshake_handle_timeout(struct websans_server_handshake *handshake,
                                                            struct websans_send_buf *tx);

/**
 * Accepts: queues the response in `tx` and makes the connection. `accept` of NULL adds nothing. The
 * request must be of a handshake by itself: that of a session is for `websans_session_accept`, and
 * an error WEBSANS_STATUS_ORDER here, as is a request that was answered.
 */
enum websans_status websans_request_accept(struct websans_request *request,
                                           const struct websans_accept *accept,
                                           struct websans_send_buf *tx,
                                           struct websans_connection **out);

/**
 * Rejects: queues the response in `tx`. The transport is to be closed once that is written.
 */
enum websans_status websans_request_reject(struct websans_request *request,
                                           const struct websans_reject *reject,
                                           struct websans_send_buf *tx);

/**
 * Frees a request of a handshake by itself. That of a session belongs to the session, and stays.
 * NULL does nothing.
 */
void websans_request_free(struct websans_request *request);

/**
 * Queues a client's request in `tx`. A `config` of NULL stands for the defaults.
 */
enum websans_status websans_client_handshake_new(const struct websans_connect *connect,
                                                 struct websans_config *config,
                                                 struct websans_send_buf *tx,
                                                 struct websans_client_handshake **out);

/**
 * Frees a handshake. NULL does nothing.
 */
void websans_client_handshake_free(struct websans_client_handshake *handshake);

/**
 * The response, once it has been received; NULL when that takes more bytes. It is to be freed with
 * `websans_response_free`. If its status is 101, `websans_client_handshake_connection` has the
 * connection.
 *
 * Errors: WEBSANS_STATUS_HANDSHAKE_…, final; the transport is to be closed.
 */
enum websans_status websans_client_handshake_next_response(struct websans_client_handshake *handshake,
                                                           struct websans_recv_buf *rx,
                                                           struct websans_response **out);

/**
 * Notes that the transport will bring no more bytes.
 */
enum websans_status websans_client_handshake_handle_eof(struct websans_client_handshake *handshake);

/**
 * The connection, once the server has accepted. Errors: WEBSANS_STATUS_ORDER before that, after a
 * refusal, and the second time.
 */
enum websans_status websans_client_handshake_connection(struct websans_client_handshake *handshake,
                                                        struct websans_connection **out);

/**
 * Frees a response of a handshake by itself. That of a session belongs to the session, and stays.
 * NULL does nothing.
 */
void websans_response_free(struct websans_response *response);

/**
 * Computes the value of `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key` of `key_len`
 * bytes: 28 bytes at `accept`, without a zero byte behind them.
 */
enum websans_status websans_accept_key(const uint8_t *key,
                                       size_t key_len,
                                       uint8_t accept[28]);

/**
 * What is asked for: the path and the query, as sent, such as `/chat?room=1`.
 */
enum websans_status websans_request_resource_name(struct websans_request *request,
                                                  struct websans_bytes *name);

/**
 * The path as sent, without the query. It begins with "/".
 */
enum websans_status websans_request_path(struct websans_request *request, struct websans_bytes *path);

/**
 * The query as sent, without the "?"; `data` is NULL without one.
 */
enum websans_status websans_request_query(struct websans_request *request, struct websans_bytes *query);

/**
 * The host that the client means to talk to, and the port if it is not the default one. Compare it
 * with the names that the server has, or a browser can be deceived into connecting (DNS rebinding).
 */
enum websans_status websans_request_host(struct websans_request *request,
                                         struct websans_bytes *host);

/**
 * The origin of the script that made the request; `data` is NULL without one. Browsers always send
 * it.
 */
enum websans_status websans_request_origin(struct websans_request *request,
                                           struct websans_bytes *origin);

/**
 * Whether no other site's script made this request: its origin is the host, or it has none. False
 * after an error.
 */
bool websans_request_is_same_origin(struct websans_request *request);

/**
 * The value of the first header field of that name, whose case does not matter; `data` is NULL
 * without one.
 */
enum websans_status websans_request_header(struct websans_request *request,
                                           const uint8_t *name,
                                           size_t name_len,
                                           struct websans_bytes *value);

/**
 * How many header fields there are. 0 after an error.
 */
size_t websans_request_header_count(struct websans_request *request);

/**
 * The header field at `index`, in order. Errors: WEBSANS_STATUS_VALUE where there is none.
 */
enum websans_status websans_request_header_at(struct websans_request *request,
                                              size_t index,
                                              struct websans_header *header);

/**
 * How many subprotocols the client offers. 0 after an error.
 */
size_t websans_request_subprotocol_count(struct websans_request *request);

/**
 * The subprotocol at `index`; those that the client prefers come first. Errors:
 * WEBSANS_STATUS_VALUE where there is none.
 */
enum websans_status websans_request_subprotocol_at(struct websans_request *request,
                                                   size_t index,
                                                   struct websans_bytes *subprotocol);

/**
 * How many extensions the client offers. 0 after an error.
 */
size_t websans_request_extension_count(struct websans_request *request);

/**
 * The extension at `index` with its parameters, such as `permessage-deflate;
 * client_max_window_bits`. Errors: WEBSANS_STATUS_VALUE where there is none.
 */
enum websans_status websans_request_extension_at(struct websans_request *request,
                                                 size_t index,
                                                 struct websans_bytes *extension);

/**
 * Reads a URI. Hosts that are not in ASCII are an error.
 */
enum websans_status websans_uri_new(const uint8_t *uri, size_t len, struct websans_uri **out);

/**
 * Frees a URI. NULL does nothing.
 */
void websans_uri_free(struct websans_uri *uri);

/**
 * Whether the scheme is `wss`: the connection is to be made over TLS. False after an error.
 */
bool websans_uri_is_secure(struct websans_uri *uri);

/**
 * The port to connect to. 0 after an error.
 */
uint16_t websans_uri_port(struct websans_uri *uri);

/**
 * The host to connect to, and to verify with TLS. An IPv6 address comes without brackets.
 */
enum websans_status websans_uri_host(struct websans_uri *uri, struct websans_bytes *host);

/**
 * The path and the query, as they are sent.
 */
enum websans_status websans_uri_resource_name(struct websans_uri *uri, struct websans_bytes *name);

/**
 * What the field `Host` says: the host, and the port unless it is the default one.
 */
enum websans_status websans_uri_authority(struct websans_uri *uri, struct websans_bytes *authority);

/**
 * The HTTP status: 101 if the server has accepted. 0 after an error.
 */
uint16_t websans_response_status(struct websans_response *response);

/**
 * The reason phrase, which is often empty.
 */
enum websans_status websans_response_reason(struct websans_response *response,
                                            struct websans_bytes *reason);

/**
 * The subprotocol that the server chose; `data` is NULL without one.
 */
enum websans_status websans_response_subprotocol(struct websans_response *response,
                                                 struct websans_bytes *subprotocol);

/**
 * The value of the first header field of that name, whose case does not matter; `data` is NULL
 * without one.
 */
enum websans_status websans_response_header(struct websans_response *response,
                                            const uint8_t *name,
                                            size_t name_len,
                                            struct websans_bytes *value);

/**
 * How many header fields there are. 0 after an error.
 */
size_t websans_response_header_count(struct websans_response *response);

/**
 * The header field at `index`, in order. Errors: WEBSANS_STATUS_VALUE where there is none.
 */
enum websans_status websans_response_header_at(struct websans_response *response,
                                               size_t index,
                                               struct websans_header *header);

/**
 * The body of a refusal, without the coding of its transfer: at most 64 KiB of it, and what had
 * arrived when the server did not say where it ends.
 */
enum websans_status websans_response_body(struct websans_response *response,
                                          struct websans_bytes *body);

/**
 * Whether the body is all of it, as far as the server said. False after an error.
 */
bool websans_response_body_is_complete(struct websans_response *response);

/**
 * Encodes a message once, to be sent to many: for a server it is the same bytes for every client,
 * and a long one is sent to all of them without a copy.
 *
 * Errors: WEBSANS_STATUS_UTF8 for text that is not; WEBSANS_STATUS_VALUE for another opcode than
 * WEBSANS_TEXT and WEBSANS_BINARY.
 */
enum websans_status websans_prepared_new(uint8_t opcode,
                                         const uint8_t *data,
                                         size_t len,
                                         struct websans_prepared **out);

/**
 * Frees a prepared message. Where it waits to be written it still is. NULL does nothing.
 */
void websans_prepared_free(struct websans_prepared *message);

/**
 * A server's session, which waits for the request. A `config` of NULL stands for the defaults.
 *
 * Times are in nanoseconds since any moment that the program keeps to, such as
 * `clock_gettime(CLOCK_MONOTONIC)`.
 */
enum websans_status websans_session_server(struct websans_config *config,
                                           uint64_t now,
                                           struct websans_session **out);

/**
 * A client's session, whose request has been queued in `tx`. A `config` of NULL stands for the
 * defaults.
 */
enum websans_status websans_session_client(const struct websans_connect *connect,
                                           struct websans_config *config,
                                           struct websans_send_buf *tx,
                                           uint64_t now,
                                           struct websans_session **out);

/**
 * A session of a connection whose opening handshake is done. It takes the connection, which is
 * freed and must not be used any more, unless there is an error. `deadlines` of NULL stands for the
 * defaults.
 */
enum websans_status websans_session_open(struct websans_connection *connection,
                                         const struct websans_deadlines *deadlines,
                                         uint64_t now,
                                         struct websans_session **out);

/**
 * Frees a session, and its request and response. NULL does nothing.
 */
void websans_session_free(struct websans_session *session);

/**
 * The next event, with messages whole; `event->kind` is WEBSANS_EVENT_KIND_NONE when that takes
 * more bytes, or time. What an event obliges to send has been queued in `tx`.
 *
 * Errors from 200 on are final: every later call returns the same. What tells the peer has been
 * queued, and `websans_session_next_io` says how to go on.
 */
enum websans_status websans_session_next_event(struct websans_session *session,
                                               struct websans_recv_buf *rx,
                                               struct websans_send_buf *tx,
                                               struct websans_event *event);

/**
 * The next event, with messages in parts, as `websans_connection_next_partial` has them.
 */
enum websans_status websans_session_next_partial(struct websans_session *session,
                                                 struct websans_recv_buf *rx,
                                                 struct websans_send_buf *tx,
                                                 struct websans_event *event);

/**
 * A server: accepts the client's request, which is freed, and with which the opening handshake is
 * done. `accept` of NULL adds nothing.
 *
 * Errors: WEBSANS_STATUS_ORDER where no request waits for an answer, WEBSANS_STATUS_REQUEST_… where
 * it cannot be accepted so. Nothing is sent then, and it can still be rejected.
 */
enum websans_status websans_session_accept(struct websans_session *session,
                                           const struct websans_accept *accept,
                                           struct websans_send_buf *tx);

/**
 * A server: rejects the client's request, which is freed, and ends the session.
 *
 * Errors: as for `websans_session_accept`.
 */
enum websans_status websans_session_reject(struct websans_session *session,
                                           const struct websans_reject *reject,
                                           struct websans_send_buf *tx);

/**
 * What the transport is to do next, once `websans_session_next_event` has returned all there was.
 */
enum websans_io websans_session_next_io(struct websans_session *session,
                                        struct websans_send_buf *tx,
                                        uint64_t now);

/**
 * Whether the transport may be read while it takes nothing. False after an error.
 */
bool websans_session_wants_read(struct websans_session *session);

/**
 * Reports that the transport was read: `n` bytes are in the receive buffer, or were thrown away.
 * With 0 the transport has ended, and so it has after an error in reading; the end comes after what
 * was received.
 */
enum websans_status websans_session_handle_read(struct websans_session *session,
                                                size_t n,
                                                uint64_t now);

/**
 * Reports that the transport took `n` bytes, which were consumed. 0 says that it takes nothing now.
 */
enum websans_status websans_session_handle_written(struct websans_session *session,
                                                   size_t n,
                                                   uint64_t now);

/**
 * Reports that the transport was flushed, or has no buffer of its own.
 */
enum websans_status websans_session_handle_flushed(struct websans_session *session, uint64_t now);

/**
 * Reports that the write side of the transport was shut down, or that it has none that could be.
 */
enum websans_status websans_session_handle_shut_down(struct websans_session *session);

/**
 * Reports that the transport takes no more bytes: writing, flushing or shutting down has failed.
 * What waits is dropped. What the peer has said is still read, for the close frame that explains it
 * may be there.
 */
enum websans_status websans_session_handle_write_error(struct websans_session *session,
                                                       struct websans_send_buf *tx);

/**
 * Says that it is `now`, and that the transport had nothing more to read and took nothing more until
 * now. To be called when `websans_session_next_timeout` has come; earlier it does no harm. Then
 * `websans_session_next_event` acts on the deadlines that have passed.
 */
enum websans_status websans_session_handle_timeout(struct websans_session *session,
                                                   uint64_t now);

/**
 * When to call `websans_session_handle_timeout`, in nanoseconds on the clock of `now`;
 * WEBSANS_UNLIMITED for never, and after an error.
 */
uint64_t websans_session_next_timeout(struct websans_session *session);

/**
 * Why the session has failed. Errors: WEBSANS_STATUS_ORDER if it has not.
 */
enum websans_status websans_session_error(struct websans_session *session, struct websans_error *error);

/**
 * Sends a text message, which is copied. Errors: WEBSANS_STATUS_UTF8, WEBSANS_STATUS_SEND_….
 */
enum websans_status websans_session_send_text(struct websans_session *session,
                                              const uint8_t *text,
                                              size_t len,
                                              struct websans_send_buf *tx);

/**
 * Sends a binary message, which is copied. Errors: WEBSANS_STATUS_SEND_….
 */
enum websans_status websans_session_send_binary(struct websans_session *session,
                                                const uint8_t *data,
                                                size_t len,
                                                struct websans_send_buf *tx);

/**
 * Sends a message or a part of one, copied or handed over.
 */
enum websans_status websans_session_send(struct websans_session *session,
                                         const struct websans_message *message,
                                         struct websans_send_buf *tx);

/**
 * Sends a message that was encoded once for many.
 */
enum websans_status websans_session_send_prepared(struct websans_session *session,
                                                  struct websans_prepared *message,
                                                  struct websans_send_buf *tx);

/**
 * Announces a payload that is made as it is sent, as `websans_connection_send_header`.
 */
enum websans_status websans_session_send_header(struct websans_session *session,
                                                uint8_t opcode,
                                                uint32_t flags,
                                                uint64_t len,
                                                struct websans_send_buf *tx);

/**
 * Sends a frame as it is, unchecked, as `websans_connection_send_raw_frame`.
 */
enum websans_status websans_session_send_raw_frame(struct websans_session *session,
                                                   const struct websans_frame_header *header,
                                                   const uint8_t *data,
                                                   size_t len,
                                                   struct websans_send_buf *tx);

/**
 * Sends a ping of the application's own; the session pings a silent peer by itself.
 */
enum websans_status websans_session_send_ping(struct websans_session *session,
                                              const uint8_t *data,
                                              size_t len,
                                              struct websans_send_buf *tx);

/**
 * Sends a pong that no ping asked for.
 */
enum websans_status websans_session_send_pong(struct websans_session *session,
                                              const uint8_t *data,
                                              size_t len,
                                              struct websans_send_buf *tx);

/**
 * Begins the closing handshake, as `websans_connection_close`. The loop goes on until
 * `websans_session_next_io` says WEBSANS_IO_CLOSE.
 */
enum websans_status websans_session_close(struct websans_session *session,
                                          uint16_t code,
                                          const uint8_t *reason,
                                          size_t reason_len,
                                          struct websans_send_buf *tx);

/**
 * Where the connection stands: WEBSANS_STATE_CONNECTING before the opening handshake is done, and
 * after an error.
 */
enum websans_state websans_session_state(struct websans_session *session);

/**
 * Whether messages can be sent: the opening handshake is done, and no close frame was sent. False
 * after an error.
 */
bool websans_session_is_open(struct websans_session *session);

/**
 * Which endpoint this is. WEBSANS_ROLE_CLIENT after an error.
 */
enum websans_role websans_session_role(struct websans_session *session);

/**
 * How the connection ended; `clean` only if the transport has taken our close frame. Errors:
 * WEBSANS_STATUS_ORDER while it has not.
 */
enum websans_status websans_session_close_status(struct websans_session *session,
                                                 struct websans_close_status *status);

/**
 * The subprotocol that was agreed on, until the session is freed; `data` is NULL without one.
 * Errors: WEBSANS_STATUS_ORDER before the opening handshake is done.
 */
enum websans_status websans_session_subprotocol(struct websans_session *session,
                                                struct websans_bytes *subprotocol);

/**
 * What was agreed on of permessage-deflate, as `websans_connection_deflate`.
 */
enum websans_status websans_session_deflate(struct websans_session *session,
                                            struct websans_deflate *deflate);

/**
 * Changes the largest message to receive, from the next frame on.
 *
 * Errors: WEBSANS_STATUS_SEND_CONNECTING before the opening handshake is done.
 */
enum websans_status websans_session_set_max_message_size(struct websans_session *session,
                                                         uint64_t bytes);

/**
 * Gives back what memory of the compressor and the decompressor can be given back while the
 * connection is idle.
 */
enum websans_status websans_session_release(struct websans_session *session);

/**
 * The time between the last ping of the session's own that was answered and its pong, in
 * nanoseconds; WEBSANS_UNLIMITED if there was none, and after an error.
 */
uint64_t websans_session_round_trip_time(struct websans_session *session);

/**
 * The text of a code, without the numbers of a case: a string that lives as long as the library,
 * and "unknown code" for a number that is none.
 */
const char *websans_status_text(int32_t status);

/**
 * What the last error on this thread was: of the last function of this library that returned an
 * error, or something in place of one. Functions that succeed leave it as it is.
 *
 * Errors: WEBSANS_STATUS_ORDER if there was none.
 */
enum websans_status websans_last_error(struct websans_error *error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WEBSANS_H */

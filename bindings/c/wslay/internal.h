/* What frame.c and event.c share, and what wslay's tests look at. */
#ifndef WEBSANS_WSLAY_INTERNAL_H
#define WEBSANS_WSLAY_INTERNAL_H

#include <string.h>

#include <websans.h>
#include <wslay/wslay.h>

struct wslay_frame_context {
    struct wslay_frame_callbacks callbacks;
    void *user_data;
    /* Received: what is not used yet is in_begin..in_end. */
    uint8_t in[16384];
    size_t in_begin, in_end;
    int has_header;
    websans_frame_header header;
    uint64_t received;
    /* Sent: the header's bytes from out_begin on are still to go, then the payload. */
    uint8_t out[WEBSANS_MAX_HEADER_LEN];
    size_t out_begin, out_end;
    int in_frame;
    uint8_t masked, key[4];
    uint64_t sent, to_send;
};

/* A message that is being received. */
struct incoming {
    int active;
    uint8_t fin, rsv, opcode;
    uint8_t *data;
    size_t len, capacity;
    /* How much of it frame headers have announced. */
    uint64_t announced;
    /* The beginning of a character whose rest has not come. */
    uint8_t tail[4];
    size_t tail_len;
    /* How many bytes of a close frame have come: the code is not text. */
    uint64_t seen;
};

/* A message that waits to be sent. */
struct outgoing {
    struct outgoing *next;
    uint8_t fin, opcode, rsv;
    int fragmented;
    union wslay_event_msg_source source;
    wslay_event_fragmented_msg_callback read_callback;
    size_t len;
    uint8_t data[];
};

struct queue {
    struct outgoing *first, *last;
};

struct wslay_event_context {
    struct wslay_event_callbacks callbacks;
    void *user_data;
    wslay_frame_context_ptr frame;
    int server, no_buffering, error;
    uint8_t allowed_rsv_bits;
    uint8_t read_enabled, write_enabled;
    uint8_t close_received, close_queued, close_sent;
    uint16_t status_code_received, status_code_sent;
    uint64_t max_recv_msg_length;
    /* The message and the control frame within it. */
    struct incoming incoming[2], *current;
    uint64_t frame_len, frame_seen;
    int in_frame;
    struct queue messages, controls;
    struct outgoing *sending;
    size_t queued_count, queued_len;
    /* Of a fragmented message: the fragment that is being sent. */
    uint8_t fragment[4096];
    size_t fragment_begin, fragment_end;
    int has_fragment;
    uint64_t sent;
};

#endif

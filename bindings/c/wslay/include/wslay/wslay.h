/*
 * wslay's API (its version 1.1.1) on websans: a program that is written for wslay is linked with
 * libwebsans_wslay in its place. Names, types and results are wslay's, whose documentation applies:
 * https://tatsuhiro-t.github.io/wslay/. New programs do better with websans.h.
 *
 * It differs from wslay where that would take more memory than has arrived: a message grows as its
 * payload comes, and is not allocated when its length is announced.
 */
#ifndef WSLAY_H
#define WSLAY_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#define WSLAY_VERSION "1.1.1"

#ifdef __cplusplus
extern "C" {
#endif

enum wslay_error {
    WSLAY_ERR_WANT_READ = -100,
    WSLAY_ERR_WANT_WRITE = -101,
    WSLAY_ERR_PROTO = -200,
    WSLAY_ERR_INVALID_ARGUMENT = -300,
    WSLAY_ERR_INVALID_CALLBACK = -301,
    WSLAY_ERR_NO_MORE_MSG = -302,
    WSLAY_ERR_CALLBACK_FAILURE = -400,
    WSLAY_ERR_WOULDBLOCK = -401,
    WSLAY_ERR_NOMEM = -500
};

enum wslay_status_code {
    WSLAY_CODE_NORMAL_CLOSURE = 1000,
    WSLAY_CODE_GOING_AWAY = 1001,
    WSLAY_CODE_PROTOCOL_ERROR = 1002,
    WSLAY_CODE_UNSUPPORTED_DATA = 1003,
    WSLAY_CODE_NO_STATUS_RCVD = 1005,
    WSLAY_CODE_ABNORMAL_CLOSURE = 1006,
    WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA = 1007,
    WSLAY_CODE_POLICY_VIOLATION = 1008,
    WSLAY_CODE_MESSAGE_TOO_BIG = 1009,
    WSLAY_CODE_MANDATORY_EXT = 1010,
    WSLAY_CODE_INTERNAL_SERVER_ERROR = 1011,
    WSLAY_CODE_TLS_HANDSHAKE = 1015
};

enum wslay_io_flags { WSLAY_MSG_MORE = 1 };

enum wslay_opcode {
    WSLAY_CONTINUATION_FRAME = 0x0,
    WSLAY_TEXT_FRAME = 0x1,
    WSLAY_BINARY_FRAME = 0x2,
    WSLAY_CONNECTION_CLOSE = 0x8,
    WSLAY_PING = 0x9,
    WSLAY_PONG = 0xa
};

#define wslay_is_ctrl_frame(opcode) (((opcode) >> 3) & 1)

#define WSLAY_RSV_NONE ((uint8_t)0)
#define WSLAY_RSV1_BIT (((uint8_t)1) << 2)
#define WSLAY_RSV2_BIT (((uint8_t)1) << 1)
#define WSLAY_RSV3_BIT (((uint8_t)1) << 0)
#define wslay_get_rsv1(rsv) (((rsv) >> 2) & 1)
#define wslay_get_rsv2(rsv) (((rsv) >> 1) & 1)
#define wslay_get_rsv3(rsv) ((rsv)&1)

/* Frames. */

typedef ssize_t (*wslay_frame_send_callback)(const uint8_t *data, size_t len, int flags, void *user_data);
typedef ssize_t (*wslay_frame_recv_callback)(uint8_t *buf, size_t len, int flags, void *user_data);
typedef int (*wslay_frame_genmask_callback)(uint8_t *buf, size_t len, void *user_data);

struct wslay_frame_callbacks {
    wslay_frame_send_callback send_callback;
    wslay_frame_recv_callback recv_callback;
    wslay_frame_genmask_callback genmask_callback;
};

struct wslay_frame_iocb {
    uint8_t fin;
    uint8_t rsv;
    uint8_t opcode;
    uint64_t payload_length;
    uint8_t mask;
    const uint8_t *data;
    size_t data_length;
};

struct wslay_frame_context;
typedef struct wslay_frame_context *wslay_frame_context_ptr;

int wslay_frame_context_init(wslay_frame_context_ptr *ctx, const struct wslay_frame_callbacks *callbacks,
                             void *user_data);
void wslay_frame_context_free(wslay_frame_context_ptr ctx);
ssize_t wslay_frame_send(wslay_frame_context_ptr ctx, struct wslay_frame_iocb *iocb);
ssize_t wslay_frame_write(wslay_frame_context_ptr ctx, struct wslay_frame_iocb *iocb, uint8_t *buf,
                          size_t buflen, size_t *pwpayloadlen);
ssize_t wslay_frame_recv(wslay_frame_context_ptr ctx, struct wslay_frame_iocb *iocb);

/* Events. */

struct wslay_event_context;
typedef struct wslay_event_context *wslay_event_context_ptr;

struct wslay_event_on_msg_recv_arg {
    uint8_t rsv;
    uint8_t opcode;
    const uint8_t *msg;
    size_t msg_length;
    uint16_t status_code;
};

struct wslay_event_on_frame_recv_start_arg {
    uint8_t fin;
    uint8_t rsv;
    uint8_t opcode;
    uint64_t payload_length;
};

struct wslay_event_on_frame_recv_chunk_arg {
    const uint8_t *data;
    size_t data_length;
};

typedef void (*wslay_event_on_msg_recv_callback)(wslay_event_context_ptr ctx,
                                                 const struct wslay_event_on_msg_recv_arg *arg,
                                                 void *user_data);
typedef void (*wslay_event_on_frame_recv_start_callback)(
    wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_start_arg *arg, void *user_data);
typedef void (*wslay_event_on_frame_recv_chunk_callback)(
    wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_chunk_arg *arg, void *user_data);
typedef void (*wslay_event_on_frame_recv_end_callback)(wslay_event_context_ptr ctx, void *user_data);
typedef ssize_t (*wslay_event_recv_callback)(wslay_event_context_ptr ctx, uint8_t *buf, size_t len,
                                             int flags, void *user_data);
typedef ssize_t (*wslay_event_send_callback)(wslay_event_context_ptr ctx, const uint8_t *data, size_t len,
                                             int flags, void *user_data);
typedef int (*wslay_event_genmask_callback)(wslay_event_context_ptr ctx, uint8_t *buf, size_t len,
                                            void *user_data);

struct wslay_event_callbacks {
    wslay_event_recv_callback recv_callback;
    wslay_event_send_callback send_callback;
    wslay_event_genmask_callback genmask_callback;
    wslay_event_on_frame_recv_start_callback on_frame_recv_start_callback;
    wslay_event_on_frame_recv_chunk_callback on_frame_recv_chunk_callback;
    wslay_event_on_frame_recv_end_callback on_frame_recv_end_callback;
    wslay_event_on_msg_recv_callback on_msg_recv_callback;
};

int wslay_event_context_server_init(wslay_event_context_ptr *ctx,
                                    const struct wslay_event_callbacks *callbacks, void *user_data);
int wslay_event_context_client_init(wslay_event_context_ptr *ctx,
                                    const struct wslay_event_callbacks *callbacks, void *user_data);
void wslay_event_context_free(wslay_event_context_ptr ctx);
void wslay_event_config_set_allowed_rsv_bits(wslay_event_context_ptr ctx, uint8_t rsv);
void wslay_event_config_set_no_buffering(wslay_event_context_ptr ctx, int val);
void wslay_event_config_set_max_recv_msg_length(wslay_event_context_ptr ctx, uint64_t val);
void wslay_event_config_set_callbacks(wslay_event_context_ptr ctx,
                                      const struct wslay_event_callbacks *callbacks);
int wslay_event_recv(wslay_event_context_ptr ctx);
int wslay_event_send(wslay_event_context_ptr ctx);
ssize_t wslay_event_write(wslay_event_context_ptr ctx, uint8_t *buf, size_t buflen);

struct wslay_event_msg {
    uint8_t opcode;
    const uint8_t *msg;
    size_t msg_length;
};

union wslay_event_msg_source {
    int fd;
    void *data;
};

typedef ssize_t (*wslay_event_fragmented_msg_callback)(wslay_event_context_ptr ctx, uint8_t *buf, size_t len,
                                                       const union wslay_event_msg_source *source, int *eof,
                                                       void *user_data);

struct wslay_event_fragmented_msg {
    uint8_t opcode;
    union wslay_event_msg_source source;
    wslay_event_fragmented_msg_callback read_callback;
};

int wslay_event_queue_msg(wslay_event_context_ptr ctx, const struct wslay_event_msg *arg);
int wslay_event_queue_msg_ex(wslay_event_context_ptr ctx, const struct wslay_event_msg *arg, uint8_t rsv);
int wslay_event_queue_fragmented_msg(wslay_event_context_ptr ctx,
                                     const struct wslay_event_fragmented_msg *arg);
int wslay_event_queue_fragmented_msg_ex(wslay_event_context_ptr ctx,
                                        const struct wslay_event_fragmented_msg *arg, uint8_t rsv);
int wslay_event_queue_close(wslay_event_context_ptr ctx, uint16_t status_code, const uint8_t *reason,
                            size_t reason_length);
void wslay_event_set_error(wslay_event_context_ptr ctx, int val);
int wslay_event_want_read(wslay_event_context_ptr ctx);
int wslay_event_want_write(wslay_event_context_ptr ctx);
void wslay_event_shutdown_read(wslay_event_context_ptr ctx);
void wslay_event_shutdown_write(wslay_event_context_ptr ctx);
int wslay_event_get_read_enabled(wslay_event_context_ptr ctx);
int wslay_event_get_write_enabled(wslay_event_context_ptr ctx);
int wslay_event_get_close_received(wslay_event_context_ptr ctx);
int wslay_event_get_close_sent(wslay_event_context_ptr ctx);
uint16_t wslay_event_get_status_code_received(wslay_event_context_ptr ctx);
uint16_t wslay_event_get_status_code_sent(wslay_event_context_ptr ctx);
size_t wslay_event_get_queued_msg_count(wslay_event_context_ptr ctx);
size_t wslay_event_get_queued_msg_length(wslay_event_context_ptr ctx);

#ifdef __cplusplus
}
#endif

#endif

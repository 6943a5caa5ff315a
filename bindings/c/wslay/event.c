/* wslay's event API on the frame API beside it. */
#include "internal.h"

static ssize_t recv_for_frame(uint8_t *buf, size_t len, int flags, void *user_data) {
    wslay_event_context_ptr ctx = user_data;
    return ctx->callbacks.recv_callback(ctx, buf, len, flags, ctx->user_data);
}

static ssize_t send_for_frame(const uint8_t *data, size_t len, int flags, void *user_data) {
    wslay_event_context_ptr ctx = user_data;
    return ctx->callbacks.send_callback(ctx, data, len, flags, ctx->user_data);
}

static int genmask_for_frame(uint8_t *buf, size_t len, void *user_data) {
    wslay_event_context_ptr ctx = user_data;
    if (ctx->callbacks.genmask_callback == NULL)
        return -1;
    return ctx->callbacks.genmask_callback(ctx, buf, len, ctx->user_data);
}

static int init(wslay_event_context_ptr *out, const struct wslay_event_callbacks *callbacks, void *user_data,
                int server) {
    struct wslay_frame_callbacks for_frame = {send_for_frame, recv_for_frame, genmask_for_frame};
    wslay_event_context_ptr ctx = calloc(1, sizeof *ctx);

    *out = ctx;
    if (ctx == NULL)
        return WSLAY_ERR_NOMEM;
    if (wslay_frame_context_init(&ctx->frame, &for_frame, ctx) != 0) {
        free(ctx);
        *out = NULL;
        return WSLAY_ERR_NOMEM;
    }
    ctx->callbacks = *callbacks;
    ctx->user_data = user_data;
    ctx->server = server;
    ctx->read_enabled = ctx->write_enabled = 1;
    ctx->current = &ctx->incoming[0];
    ctx->status_code_received = ctx->status_code_sent = WSLAY_CODE_ABNORMAL_CLOSURE;
    ctx->max_recv_msg_length = (1u << 31) - 1;
    return 0;
}

int wslay_event_context_server_init(wslay_event_context_ptr *ctx,
                                    const struct wslay_event_callbacks *callbacks, void *user_data) {
    return init(ctx, callbacks, user_data, 1);
}

int wslay_event_context_client_init(wslay_event_context_ptr *ctx,
                                    const struct wslay_event_callbacks *callbacks, void *user_data) {
    return init(ctx, callbacks, user_data, 0);
}

static void push(struct queue *queue, struct outgoing *message) {
    message->next = NULL;
    if (queue->first == NULL)
        queue->first = message;
    else
        queue->last->next = message;
    queue->last = message;
}

static void push_front(struct queue *queue, struct outgoing *message) {
    message->next = queue->first;
    if (queue->first == NULL)
        queue->last = message;
    queue->first = message;
}

static struct outgoing *pop(struct queue *queue) {
    struct outgoing *message = queue->first;
    if (message != NULL)
        queue->first = message->next;
    return message;
}

void wslay_event_context_free(wslay_event_context_ptr ctx) {
    struct outgoing *message;
    if (ctx == NULL)
        return;
    while ((message = pop(&ctx->messages)) != NULL)
        free(message);
    while ((message = pop(&ctx->controls)) != NULL)
        free(message);
    free(ctx->sending);
    free(ctx->incoming[0].data);
    free(ctx->incoming[1].data);
    wslay_frame_context_free(ctx->frame);
    free(ctx);
}

/* Queueing. */

static int queue(wslay_event_context_ptr ctx, const struct outgoing *message, const uint8_t *data, size_t len) {
    struct outgoing *queued;

    if (len > SIZE_MAX / 2)
        return WSLAY_ERR_INVALID_ARGUMENT;
    queued = malloc(sizeof *queued + len);
    if (queued == NULL)
        return WSLAY_ERR_NOMEM;
    memcpy(queued, message, sizeof *queued);
    queued->len = len;
    if (len > 0)
        memcpy(queued->data, data, len);
    push(wslay_is_ctrl_frame(message->opcode) ? &ctx->controls : &ctx->messages, queued);
    ctx->queued_count++;
    ctx->queued_len += len;
    return 0;
}

int wslay_event_queue_msg_ex(wslay_event_context_ptr ctx, const struct wslay_event_msg *arg, uint8_t rsv) {
    struct outgoing message = {0};

    if (!ctx->write_enabled || ctx->close_queued)
        return WSLAY_ERR_NO_MORE_MSG;
    if ((rsv & ~ctx->allowed_rsv_bits) != 0
        || (wslay_is_ctrl_frame(arg->opcode) && (arg->msg_length > 125 || wslay_get_rsv1(rsv))))
        return WSLAY_ERR_INVALID_ARGUMENT;
    message.fin = 1;
    message.opcode = arg->opcode;
    message.rsv = rsv;
    return queue(ctx, &message, arg->msg, arg->msg_length);
}

int wslay_event_queue_msg(wslay_event_context_ptr ctx, const struct wslay_event_msg *arg) {
    return wslay_event_queue_msg_ex(ctx, arg, WSLAY_RSV_NONE);
}

int wslay_event_queue_fragmented_msg_ex(wslay_event_context_ptr ctx,
                                        const struct wslay_event_fragmented_msg *arg, uint8_t rsv) {
    struct outgoing message = {0};

    if (!ctx->write_enabled || ctx->close_queued)
        return WSLAY_ERR_NO_MORE_MSG;
    if (wslay_is_ctrl_frame(arg->opcode) || (rsv & ~ctx->allowed_rsv_bits) != 0)
        return WSLAY_ERR_INVALID_ARGUMENT;
    message.opcode = arg->opcode;
    message.rsv = rsv;
    message.fragmented = 1;
    message.source = arg->source;
    message.read_callback = arg->read_callback;
    return queue(ctx, &message, NULL, 0);
}

int wslay_event_queue_fragmented_msg(wslay_event_context_ptr ctx,
                                     const struct wslay_event_fragmented_msg *arg) {
    return wslay_event_queue_fragmented_msg_ex(ctx, arg, WSLAY_RSV_NONE);
}

int wslay_event_queue_close(wslay_event_context_ptr ctx, uint16_t status_code, const uint8_t *reason,
                            size_t reason_length) {
    struct wslay_event_msg message = {WSLAY_CONNECTION_CLOSE, NULL, 0};
    uint8_t body[125];
    int r;

    if (!ctx->write_enabled || ctx->close_queued)
        return WSLAY_ERR_NO_MORE_MSG;
    if (reason_length > 123)
        return WSLAY_ERR_INVALID_ARGUMENT;
    if (status_code != 0) { /* a reason needs a code */
        body[0] = (uint8_t)(status_code >> 8);
        body[1] = (uint8_t)status_code;
        if (reason_length > 0)
            memcpy(body + 2, reason, reason_length);
        message.msg = body;
        message.msg_length = 2 + reason_length;
    }
    r = wslay_event_queue_msg(ctx, &message);
    if (r == 0)
        ctx->close_queued = 1;
    return r;
}

/* Receiving. */

/* Reads no more, and tells the peer why. */
static int stop_reading(wslay_event_context_ptr ctx, uint16_t status_code, const uint8_t *reason,
                        size_t reason_length) {
    int r;
    ctx->read_enabled = 0;
    r = wslay_event_queue_close(ctx, status_code, reason, reason_length);
    return r == WSLAY_ERR_NO_MORE_MSG ? 0 : r;
}

/* Whether the next bytes of a text can follow those before. */
static int is_utf8(struct incoming *it, const uint8_t *data, size_t len) {
    size_t whole;

    while (it->tail_len > 0 && len > 0) {
        it->tail[it->tail_len++] = *data++;
        len--;
        if (websans_utf8_whole(it->tail, it->tail_len, &whole) != WEBSANS_STATUS_OK)
            return 0;
        if (whole == it->tail_len)
            it->tail_len = 0;
    }
    if (websans_utf8_whole(data, len, &whole) != WEBSANS_STATUS_OK)
        return 0;
    if (len > whole) {
        it->tail_len = len - whole;
        memcpy(it->tail, data + whole, it->tail_len);
    }
    return 1;
}

static int keep(struct incoming *it, const uint8_t *data, size_t len) {
    if (len > it->capacity - it->len) {
        size_t capacity = it->capacity < 512 ? 1024 : it->capacity * 2;
        uint8_t *grown;
        if (capacity < it->len + len)
            capacity = it->len + len;
        grown = realloc(it->data, capacity);
        if (grown == NULL)
            return WSLAY_ERR_NOMEM;
        it->data = grown;
        it->capacity = capacity;
    }
    if (len > 0)
        memcpy(it->data + it->len, data, len);
    it->len += len;
    return 0;
}

static void forget(struct incoming *it) {
    if (it->capacity > 65536) {
        free(it->data);
        it->data = NULL;
        it->capacity = 0;
    }
    it->active = 0;
    it->len = it->tail_len = 0;
    it->seen = it->announced = 0;
}

/* The first chunk of a frame: 0, or the code to close with. */
static uint16_t begin_frame(wslay_event_context_ptr ctx, const struct wslay_frame_iocb *iocb) {
    int control = wslay_is_ctrl_frame(iocb->opcode);
    struct incoming *it = &ctx->incoming[control];

    if ((iocb->rsv & ~ctx->allowed_rsv_bits) != 0
        || (wslay_get_rsv1(iocb->rsv) && (control || iocb->opcode == WSLAY_CONTINUATION_FRAME)))
        return WSLAY_CODE_PROTOCOL_ERROR;
    switch (iocb->opcode) {
    case WSLAY_TEXT_FRAME:
    case WSLAY_BINARY_FRAME:
        if (it->active)
            return WSLAY_CODE_PROTOCOL_ERROR;
        break;
    case WSLAY_CONTINUATION_FRAME:
        if (!it->active)
            return WSLAY_CODE_PROTOCOL_ERROR;
        break;
    case WSLAY_CONNECTION_CLOSE:
    case WSLAY_PING:
    case WSLAY_PONG:
        break;
    default:
        return WSLAY_CODE_PROTOCOL_ERROR;
    }
    if (!it->active) {
        it->active = 1;
        it->opcode = iocb->opcode;
        it->rsv = iocb->rsv;
    }
    it->fin = iocb->fin;
    ctx->current = it;
    if (it->announced > ctx->max_recv_msg_length
        || iocb->payload_length > ctx->max_recv_msg_length - it->announced)
        return WSLAY_CODE_MESSAGE_TOO_BIG;
    it->announced += iocb->payload_length;
    ctx->frame_len = iocb->payload_length;
    ctx->frame_seen = 0;
    ctx->in_frame = 1;
    return 0;
}

static int is_close_code(uint16_t code) {
    return (code >= 1000 && code <= 1011 && code != 1004 && code != 1005 && code != 1006)
           || (code >= 3000 && code <= 4999);
}

/* A message or a control frame is whole: 0, or an error. */
static int deliver(wslay_event_context_ptr ctx, struct incoming *it) {
    struct wslay_event_on_msg_recv_arg arg = {0};
    int r = 0;

    arg.rsv = it->rsv;
    arg.opcode = it->opcode;
    arg.msg = it->len > 0 ? it->data : NULL;
    arg.msg_length = it->len;
    if (it->opcode == WSLAY_CONNECTION_CLOSE) {
        const uint8_t *reason = it->len > 2 ? it->data + 2 : NULL;
        if (it->len == 1)
            return stop_reading(ctx, WSLAY_CODE_PROTOCOL_ERROR, NULL, 0);
        if (it->len >= 2) {
            arg.status_code = (uint16_t)(it->data[0] << 8 | it->data[1]);
            if (!is_close_code(arg.status_code))
                return stop_reading(ctx, WSLAY_CODE_PROTOCOL_ERROR, NULL, 0);
        }
        ctx->close_received = 1;
        ctx->status_code_received = arg.status_code != 0 ? arg.status_code : WSLAY_CODE_NO_STATUS_RCVD;
        r = stop_reading(ctx, arg.status_code, reason, it->len > 2 ? it->len - 2 : 0);
    } else if (it->opcode == WSLAY_PING) {
        struct wslay_event_msg pong = {WSLAY_PONG, it->data, it->len};
        r = wslay_event_queue_msg(ctx, &pong);
        if (r == WSLAY_ERR_NO_MORE_MSG)
            r = 0;
        if (r != 0)
            ctx->read_enabled = 0;
    }
    if (r == 0 && ctx->callbacks.on_msg_recv_callback != NULL) {
        ctx->error = 0;
        ctx->callbacks.on_msg_recv_callback(ctx, &arg, ctx->user_data);
    }
    return r;
}

/* A chunk of a frame: 0, or an error. */
static int take_chunk(wslay_event_context_ptr ctx, const struct wslay_frame_iocb *iocb) {
    struct incoming *it;
    int is_text, r;

    if (!ctx->in_frame) {
        struct wslay_event_on_frame_recv_start_arg arg = {iocb->fin, iocb->rsv, iocb->opcode,
                                                          iocb->payload_length};
        uint16_t code = begin_frame(ctx, iocb);
        if (code != 0)
            return stop_reading(ctx, code, NULL, 0);
        if (ctx->callbacks.on_frame_recv_start_callback != NULL)
            ctx->callbacks.on_frame_recv_start_callback(ctx, &arg, ctx->user_data);
    }
    it = ctx->current;
    /* What an extension has changed is not text yet. */
    is_text = (it->opcode == WSLAY_TEXT_FRAME && !wslay_get_rsv1(it->rsv))
              || it->opcode == WSLAY_CONNECTION_CLOSE;
    if (is_text) {
        size_t skip = 0;
        if (it->opcode == WSLAY_CONNECTION_CLOSE && it->seen < 2)
            skip = iocb->data_length < 2 - it->seen ? iocb->data_length : (size_t)(2 - it->seen);
        it->seen += iocb->data_length;
        if (!is_utf8(it, iocb->data + skip, iocb->data_length - skip))
            return stop_reading(ctx, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, NULL, 0);
    }
    if (ctx->callbacks.on_frame_recv_chunk_callback != NULL) {
        struct wslay_event_on_frame_recv_chunk_arg arg = {iocb->data, iocb->data_length};
        ctx->callbacks.on_frame_recv_chunk_callback(ctx, &arg, ctx->user_data);
    }
    if (!ctx->no_buffering || wslay_is_ctrl_frame(it->opcode)) {
        r = keep(it, iocb->data, iocb->data_length);
        if (r != 0) {
            ctx->read_enabled = 0;
            return r;
        }
    }
    ctx->frame_seen += iocb->data_length;
    if (ctx->frame_seen < ctx->frame_len)
        return 0;
    ctx->in_frame = 0;
    if (it->fin && is_text && it->tail_len > 0)
        return stop_reading(ctx, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, NULL, 0);
    if (ctx->callbacks.on_frame_recv_end_callback != NULL)
        ctx->callbacks.on_frame_recv_end_callback(ctx, ctx->user_data);
    r = 0;
    if (it->fin) {
        r = deliver(ctx, it);
        forget(it);
    }
    return r;
}

int wslay_event_recv(wslay_event_context_ptr ctx) {
    while (ctx->read_enabled) {
        struct wslay_frame_iocb iocb;
        ssize_t got;
        int r;

        memset(&iocb, 0, sizeof iocb);
        ctx->error = 0;
        got = wslay_frame_recv(ctx->frame, &iocb);
        if (got >= 0) {
            r = take_chunk(ctx, &iocb);
            if (r != 0)
                return r;
        } else if (got == WSLAY_ERR_PROTO) {
            r = stop_reading(ctx, WSLAY_CODE_PROTOCOL_ERROR, NULL, 0);
            if (r != 0)
                return r;
        } else if (got != WSLAY_ERR_WANT_READ || (ctx->error != WSLAY_ERR_WOULDBLOCK && ctx->error != 0)) {
            r = stop_reading(ctx, 0, NULL, 0);
            return r != 0 ? r : WSLAY_ERR_CALLBACK_FAILURE;
        } else {
            break;
        }
    }
    return 0;
}

/* Sending. */

static struct outgoing *next_control(wslay_event_context_ptr ctx) {
    struct outgoing *message;
    while ((message = pop(&ctx->controls)) != NULL) {
        /* Once a close frame is queued, no other control frame goes out. */
        if (!ctx->close_queued || message->opcode == WSLAY_CONNECTION_CLOSE)
            return message;
        ctx->queued_count--;
        ctx->queued_len -= message->len;
        free(message);
    }
    return NULL;
}

/* What is sent next is at ctx->sending: whether there is something. */
static int choose(wslay_event_context_ptr ctx) {
    if (ctx->sending != NULL && !wslay_is_ctrl_frame(ctx->sending->opcode) && !ctx->frame->in_frame
        && ctx->controls.first != NULL) {
        struct outgoing *control = next_control(ctx);
        if (control != NULL) {
            push_front(&ctx->messages, ctx->sending);
            ctx->sending = control;
            ctx->sent = 0;
        }
    }
    if (ctx->sending == NULL) {
        ctx->sending = next_control(ctx);
        if (ctx->sending == NULL)
            ctx->sending = pop(&ctx->messages);
        ctx->sent = 0;
    }
    return ctx->sending != NULL;
}

/* The frame that is sent now; 0 if there is none yet, or an error. */
static int prepare(wslay_event_context_ptr ctx, struct wslay_frame_iocb *iocb) {
    struct outgoing *message = ctx->sending;

    memset(iocb, 0, sizeof *iocb);
    if (message->fragmented && !ctx->has_fragment) {
        int eof = 0;
        ssize_t r = message->read_callback(ctx, ctx->fragment, sizeof ctx->fragment, &message->source, &eof,
                                           ctx->user_data);
        if (r < 0 || (size_t)r > sizeof ctx->fragment) {
            ctx->write_enabled = 0;
            return WSLAY_ERR_CALLBACK_FAILURE;
        }
        if (r == 0 && !eof)
            return 0;
        ctx->fragment_begin = 0;
        ctx->fragment_end = (size_t)r;
        ctx->has_fragment = 1;
        message->fin = eof ? 1 : 0;
    }
    iocb->fin = message->fin;
    iocb->opcode = message->opcode;
    iocb->rsv = message->rsv;
    iocb->mask = !ctx->server;
    if (message->fragmented) {
        iocb->payload_length = ctx->fragment_end;
        iocb->data = ctx->fragment + ctx->fragment_begin;
        iocb->data_length = ctx->fragment_end - ctx->fragment_begin;
    } else {
        iocb->payload_length = message->len;
        iocb->data = message->data + ctx->sent;
        iocb->data_length = message->len - (size_t)ctx->sent;
    }
    return 1;
}

/* So many bytes of the payload have been sent: whether the frame is done. */
static int advance(wslay_event_context_ptr ctx, size_t n) {
    struct outgoing *message = ctx->sending;

    if (message->fragmented) {
        ctx->fragment_begin += n;
        if (ctx->fragment_begin < ctx->fragment_end)
            return 0;
        ctx->has_fragment = 0;
        if (!message->fin) {
            message->opcode = WSLAY_CONTINUATION_FRAME;
            message->rsv &= (uint8_t)~WSLAY_RSV1_BIT; /* it stands on the first frame only */
            return 1;
        }
    } else {
        ctx->sent += n;
        if (ctx->sent < message->len)
            return 0;
    }
    ctx->queued_count--;
    ctx->queued_len -= message->len;
    if (message->opcode == WSLAY_CONNECTION_CLOSE) {
        ctx->write_enabled = 0;
        ctx->close_sent = 1;
        ctx->status_code_sent = message->len >= 2 ? (uint16_t)(message->data[0] << 8 | message->data[1])
                                                  : WSLAY_CODE_NO_STATUS_RCVD;
    }
    free(message);
    ctx->sending = NULL;
    return 1;
}

int wslay_event_send(wslay_event_context_ptr ctx) {
    while (ctx->write_enabled && choose(ctx)) {
        struct wslay_frame_iocb iocb;
        ssize_t sent;
        int r = prepare(ctx, &iocb);

        if (r <= 0)
            return r;
        ctx->error = 0;
        sent = wslay_frame_send(ctx->frame, &iocb);
        if (sent < 0) {
            if (sent == WSLAY_ERR_WANT_WRITE && (ctx->error == WSLAY_ERR_WOULDBLOCK || ctx->error == 0))
                return 0;
            ctx->write_enabled = 0;
            return WSLAY_ERR_CALLBACK_FAILURE;
        }
        if (!advance(ctx, (size_t)sent))
            return 0;
    }
    return 0;
}

ssize_t wslay_event_write(wslay_event_context_ptr ctx, uint8_t *buf, size_t buflen) {
    size_t all = 0;

    while (ctx->write_enabled && choose(ctx)) {
        struct wslay_frame_iocb iocb;
        size_t of_payload;
        ssize_t written;
        int r = prepare(ctx, &iocb);

        if (r == 0)
            break;
        if (r < 0)
            return r;
        written = wslay_frame_write(ctx->frame, &iocb, buf + all, buflen - all, &of_payload);
        if (written < 0)
            return WSLAY_ERR_CALLBACK_FAILURE;
        all += (size_t)written;
        if (written == 0 || !advance(ctx, of_payload))
            break;
    }
    return (ssize_t)all;
}

/* Asking and setting. */

void wslay_event_set_error(wslay_event_context_ptr ctx, int val) {
    ctx->error = val;
}

int wslay_event_want_read(wslay_event_context_ptr ctx) {
    return ctx->read_enabled;
}

int wslay_event_want_write(wslay_event_context_ptr ctx) {
    return ctx->write_enabled
           && (ctx->messages.first != NULL || ctx->controls.first != NULL || ctx->sending != NULL);
}

void wslay_event_shutdown_read(wslay_event_context_ptr ctx) {
    ctx->read_enabled = 0;
}

void wslay_event_shutdown_write(wslay_event_context_ptr ctx) {
    ctx->write_enabled = 0;
}

int wslay_event_get_read_enabled(wslay_event_context_ptr ctx) {
    return ctx->read_enabled;
}

int wslay_event_get_write_enabled(wslay_event_context_ptr ctx) {
    return ctx->write_enabled;
}

int wslay_event_get_close_received(wslay_event_context_ptr ctx) {
    return ctx->close_received;
}

int wslay_event_get_close_sent(wslay_event_context_ptr ctx) {
    return ctx->close_sent;
}

uint16_t wslay_event_get_status_code_received(wslay_event_context_ptr ctx) {
    return ctx->status_code_received;
}

uint16_t wslay_event_get_status_code_sent(wslay_event_context_ptr ctx) {
    return ctx->status_code_sent;
}

size_t wslay_event_get_queued_msg_count(wslay_event_context_ptr ctx) {
    return ctx->queued_count;
}

size_t wslay_event_get_queued_msg_length(wslay_event_context_ptr ctx) {
    return ctx->queued_len;
}

void wslay_event_config_set_allowed_rsv_bits(wslay_event_context_ptr ctx, uint8_t rsv) {
    ctx->allowed_rsv_bits = rsv & WSLAY_RSV1_BIT;
}

void wslay_event_config_set_no_buffering(wslay_event_context_ptr ctx, int val) {
    ctx->no_buffering = val != 0;
}

void wslay_event_config_set_max_recv_msg_length(wslay_event_context_ptr ctx, uint64_t val) {
    ctx->max_recv_msg_length = val;
}

void wslay_event_config_set_callbacks(wslay_event_context_ptr ctx,
                                      const struct wslay_event_callbacks *callbacks) {
    ctx->callbacks = *callbacks;
}

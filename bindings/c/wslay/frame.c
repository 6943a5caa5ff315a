/* wslay's frame API on the frame layer of websans. */
#include "internal.h"

int wslay_frame_context_init(wslay_frame_context_ptr *ctx, const struct wslay_frame_callbacks *callbacks,
                             void *user_data) {
    *ctx = calloc(1, sizeof **ctx);
    if (*ctx == NULL)
        return -1;
    (*ctx)->callbacks = *callbacks;
    (*ctx)->user_data = user_data;
    return 0;
}

void wslay_frame_context_free(wslay_frame_context_ptr ctx) {
    free(ctx);
}

/* Encodes the header of a new frame. */
static int begin_frame(wslay_frame_context_ptr ctx, const struct wslay_frame_iocb *iocb) {
    websans_frame_header header = {0};

    if (wslay_is_ctrl_frame(iocb->opcode) && iocb->payload_length > 125)
        return WSLAY_ERR_INVALID_ARGUMENT;
    header.fin = iocb->fin & 1;
    header.rsv1 = wslay_get_rsv1(iocb->rsv);
    header.rsv2 = wslay_get_rsv2(iocb->rsv);
    header.rsv3 = wslay_get_rsv3(iocb->rsv);
    header.opcode = iocb->opcode & 0xf;
    header.masked = iocb->mask & 1;
    header.payload_len = iocb->payload_length;
    if (header.payload_len >> 63 != 0)
        return WSLAY_ERR_INVALID_ARGUMENT;
    if (header.masked) {
        if (ctx->callbacks.genmask_callback == NULL
            || ctx->callbacks.genmask_callback(header.masking_key, 4, ctx->user_data) != 0)
            return WSLAY_ERR_INVALID_CALLBACK;
    }
    if (websans_frame_header_encode(&header, ctx->out, &ctx->out_end) != WEBSANS_STATUS_OK)
        return WSLAY_ERR_INVALID_ARGUMENT;
    memcpy(ctx->key, header.masking_key, 4);
    ctx->masked = header.masked;
    ctx->out_begin = 0;
    ctx->sent = 0;
    ctx->to_send = iocb->payload_length;
    ctx->in_frame = 1;
    return 0;
}

ssize_t wslay_frame_send(wslay_frame_context_ptr ctx, struct wslay_frame_iocb *iocb) {
    size_t done = 0;

    if (iocb->data_length > iocb->payload_length)
        return WSLAY_ERR_INVALID_ARGUMENT;
    if (!ctx->in_frame) {
        int r = begin_frame(ctx, iocb);
        if (r != 0)
            return r;
    }
    if (ctx->out_begin < ctx->out_end) {
        size_t len = ctx->out_end - ctx->out_begin;
        int flags = iocb->data_length > 0 ? WSLAY_MSG_MORE : 0;
        ssize_t r = ctx->callbacks.send_callback(ctx->out + ctx->out_begin, len, flags, ctx->user_data);
        if (r <= 0)
            return WSLAY_ERR_WANT_WRITE;
        if ((size_t)r > len)
            return WSLAY_ERR_INVALID_CALLBACK;
        ctx->out_begin += (size_t)r;
        if (ctx->out_begin < ctx->out_end)
            return WSLAY_ERR_WANT_WRITE;
    }
    while (done < iocb->data_length) {
        const uint8_t *data = iocb->data + done;
        size_t len = iocb->data_length - done;
        uint8_t masked[4096];
        ssize_t r;
        if (ctx->masked) {
            if (len > sizeof masked)
                len = sizeof masked;
            memcpy(masked, data, len);
            websans_mask(masked, len, ctx->key, ctx->sent);
            data = masked;
        }
        r = ctx->callbacks.send_callback(data, len, 0, ctx->user_data);
        if (r <= 0) {
            if (done == 0)
                return WSLAY_ERR_WANT_WRITE;
            break;
        }
        if ((size_t)r > len)
            return WSLAY_ERR_INVALID_CALLBACK;
        done += (size_t)r;
        ctx->sent += (uint64_t)r;
    }
    if (ctx->sent == ctx->to_send)
        ctx->in_frame = 0;
    return (ssize_t)done;
}

ssize_t wslay_frame_write(wslay_frame_context_ptr ctx, struct wslay_frame_iocb *iocb, uint8_t *buf,
                          size_t buflen, size_t *pwpayloadlen) {
    size_t header_len = 0, len;

    *pwpayloadlen = 0;
    if (iocb->data_length > iocb->payload_length)
        return WSLAY_ERR_INVALID_ARGUMENT;
    if (!ctx->in_frame) {
        /* Before a key is drawn, which is for one frame only. */
        size_t needed = 2 + (iocb->payload_length > 0xffff ? 8 : iocb->payload_length > 125 ? 2 : 0)
                        + (iocb->mask ? 4 : 0);
        int r;
        if (buflen < needed)
            return 0;
        r = begin_frame(ctx, iocb);
        if (r != 0)
            return r;
    }
    if (ctx->out_begin < ctx->out_end) {
        header_len = ctx->out_end - ctx->out_begin;
        if (buflen < header_len)
            return 0;
        memcpy(buf, ctx->out + ctx->out_begin, header_len);
        ctx->out_begin = ctx->out_end;
    }
    len = buflen - header_len < iocb->data_length ? buflen - header_len : iocb->data_length;
    if (len > 0) {
        memcpy(buf + header_len, iocb->data, len);
        if (ctx->masked)
            websans_mask(buf + header_len, len, ctx->key, ctx->sent);
    }
    ctx->sent += len;
    *pwpayloadlen = len;
    if (ctx->sent == ctx->to_send)
        ctx->in_frame = 0;
    return (ssize_t)(header_len + len);
}

/* Whether so many bytes are there, after one more read if it takes one. */
static int bring(wslay_frame_context_ptr ctx, size_t needed) {
    ssize_t r;
    size_t held = ctx->in_end - ctx->in_begin;

    if (held >= needed)
        return 1;
    memmove(ctx->in, ctx->in + ctx->in_begin, held);
    ctx->in_begin = 0;
    ctx->in_end = held;
    r = ctx->callbacks.recv_callback(ctx->in + held, sizeof ctx->in - held, 0, ctx->user_data);
    if (r > 0 && (size_t)r <= sizeof ctx->in - held)
        ctx->in_end += (size_t)r;
    return ctx->in_end >= needed;
}

ssize_t wslay_frame_recv(wslay_frame_context_ptr ctx, struct wslay_frame_iocb *iocb) {
    uint64_t rest;
    size_t len;

    if (!ctx->has_header) {
        size_t needed = 2;
        uint8_t short_len;
        if (!bring(ctx, needed))
            return WSLAY_ERR_WANT_READ;
        short_len = ctx->in[ctx->in_begin + 1] & 0x7f;
        if (wslay_is_ctrl_frame(ctx->in[ctx->in_begin])
            && (short_len > 125 || (ctx->in[ctx->in_begin] & 0x80) == 0))
            return WSLAY_ERR_PROTO;
        needed += short_len == 127 ? 8 : short_len == 126 ? 2 : 0;
        if (!bring(ctx, needed))
            return WSLAY_ERR_WANT_READ;
        needed += (ctx->in[ctx->in_begin + 1] & 0x80) != 0 ? 4 : 0;
        if (!bring(ctx, needed))
            return WSLAY_ERR_WANT_READ;
        if (websans_frame_header_decode(ctx->in + ctx->in_begin, needed, &ctx->header, &len)
            != WEBSANS_STATUS_OK)
            return WSLAY_ERR_PROTO;
        ctx->in_begin += len;
        ctx->has_header = 1;
        ctx->received = 0;
    }
    rest = ctx->header.payload_len - ctx->received;
    if (rest > 0 && !bring(ctx, 1))
        return WSLAY_ERR_WANT_READ;
    len = ctx->in_end - ctx->in_begin;
    if (len > rest)
        len = (size_t)rest;
    iocb->fin = ctx->header.fin;
    iocb->rsv = (uint8_t)(ctx->header.rsv1 << 2 | ctx->header.rsv2 << 1 | ctx->header.rsv3);
    iocb->opcode = ctx->header.opcode;
    iocb->payload_length = ctx->header.payload_len;
    iocb->mask = ctx->header.masked;
    iocb->data = ctx->in + ctx->in_begin;
    iocb->data_length = len;
    if (ctx->header.masked)
        websans_mask(ctx->in + ctx->in_begin, len, ctx->header.masking_key, ctx->received);
    ctx->in_begin += len;
    ctx->received += len;
    if (ctx->received == ctx->header.payload_len)
        ctx->has_header = 0;
    return (ssize_t)len;
}

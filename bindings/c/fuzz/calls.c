/*
 * A fuzz target through the C boundary: the input is a list of calls, with handles that are there or
 * NULL, structs of any size, payloads of any length that there is, and bytes from the network.
 * Whatever comes, every call returns, what is lent can be read, text is UTF-8, and each payload that
 * was handed over is freed once.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <websans.h>

static const uint8_t *input;
static size_t left;
static int handed_over, freed;
static volatile unsigned sink;

static uint8_t byte(void) {
    if (left == 0)
        return 0;
    left--;
    return *input++;
}

/* So many bytes of the input, at most, in memory of their own. */
static uint8_t *some(size_t max, size_t *len) {
    uint8_t *copy;
    *len = byte() % (max + 1);
    if (*len > left)
        *len = left;
    copy = (uint8_t *)malloc(*len + 1);
    memcpy(copy, input, *len);
    input += *len;
    left -= *len;
    return copy;
}

static void need(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

static void read_all(const uint8_t *data, size_t len) {
    size_t i;
    for (i = 0; i < len; i++)
        sink += data[i];
}

static void count_free(void *context, const uint8_t *data, size_t len) {
    read_all(data, len);
    need(context == (void *)&freed, "the context is another one");
    free((void *)(uintptr_t)data);
    freed++;
}

static void look_at(const websans_event *event) {
    size_t whole = 0;
    read_all(event->data, event->len);
    if (event->kind == WEBSANS_EVENT_KIND_TEXT || event->kind == WEBSANS_EVENT_KIND_CLOSE)
        need(websans_utf8_whole(event->data, event->len, &whole) == WEBSANS_STATUS_OK && whole == event->len,
             "text that is not UTF-8");
    if (event->request != NULL) {
        websans_header header;
        size_t i, n = websans_request_header_count(event->request);
        for (i = 0; i <= n; i++)
            if (websans_request_header_at(event->request, i, &header) == WEBSANS_STATUS_OK)
                read_all(header.value.data, header.value.len);
    }
    if (event->response != NULL) {
        websans_bytes body;
        need(websans_response_body(event->response, &body) == WEBSANS_STATUS_OK, "a body");
        read_all(body.data, body.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char open_request[] = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                                       "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    websans_session *session = NULL;
    websans_config *config = websans_config_new();
    websans_recv_buf *rx = websans_recv_buf_new(NULL);
    websans_send_buf *tx = websans_send_buf_new(NULL);
    websans_connection *connection = NULL;
    websans_deflate deflate;
    websans_event event;
    uint64_t now = 0;

    input = data;
    left = size;
    handed_over = freed = 0;
    memset(&event, 0, sizeof event);
    websans_deflate_init(&deflate);
    if (byte() & 1)
        websans_config_set_deflate(config, &deflate);
    websans_config_set_max_message_size(config, 1 << 16);
    websans_session_server(config, now, &session);
    while (left > 0) {
        uint8_t operation = byte(), which = byte();
        websans_session *s = which & 0x80 ? NULL : session;
        websans_recv_buf *r = which & 0x40 ? NULL : rx;
        websans_send_buf *t = which & 0x20 ? NULL : tx;
        size_t len = 0, taken = 0;
        uint8_t *bytes = some(200, &len), *room = NULL;
        const uint8_t *lent = NULL;
        struct iovec pieces[3];
        websans_message message;
        websans_close_status status;
        websans_error error;

        event.size = which & 0x10 ? (size_t)byte() : sizeof event;
        switch (operation % 26) {
        case 0: websans_recv_buf_extend(r, (const uint8_t *)open_request, sizeof open_request - 1); break;
        case 1: websans_recv_buf_extend(r, bytes, len), websans_session_handle_read(s, len, now); break;
        case 2:
            if (websans_recv_buf_spare(r, &room, &taken) == WEBSANS_STATUS_OK) {
                memcpy(room, bytes, len < taken ? len : taken);
                websans_recv_buf_advance(r, (which & 1) ? len : SIZE_MAX - which);
            }
            break;
        case 3:
            if (websans_session_next_event(s, r, t, &event) == WEBSANS_STATUS_OK)
                look_at(&event);
            break;
        case 4:
            if (websans_session_next_partial(s, r, t, &event) == WEBSANS_STATUS_OK)
                look_at(&event);
            break;
        case 5: websans_session_accept(s, NULL, t); break;
        case 6: websans_session_send_text(s, bytes, len, t); break;
        case 7: websans_session_send_binary(s, which & 1 ? NULL : bytes, len, t); break;
        case 8:
            memset(&message, 0, sizeof message);
            message.size = sizeof message;
            message.len = (size_t)byte() << (which % 8);
            message.data = (uint8_t *)calloc(1, message.len + 1);
            message.opcode = which % 4;
            message.flags = byte() % 9;
            message.free = count_free;
            message.context = &freed;
            handed_over++;
            websans_session_send(s, &message, t);
            break;
        case 9: websans_session_send_ping(s, bytes, len, t); break;
        case 10: websans_session_close(s, (uint16_t)(which * 37), bytes, len, t); break;
        case 11: websans_session_send_header(s, which % 4, byte() % 9, len, t); break;
        case 12: websans_send_buf_extend_payload(t, bytes, len, &taken); break;
        case 13: websans_send_buf_consume(t, which & 1 ? SIZE_MAX : len); break;
        case 14:
            if (websans_send_buf_data(t, &lent, &taken) == WEBSANS_STATUS_OK) {
                read_all(lent, taken);
                websans_session_send_binary(s, lent, taken < 100 ? taken : 100, t);
            }
            break;
        case 15:
            if (websans_send_buf_iovec(t, pieces, which % 4, &taken) == WEBSANS_STATUS_OK)
                while (taken-- > 0)
                    read_all((const uint8_t *)pieces[taken].iov_base, pieces[taken].iov_len);
            break;
        case 16: websans_session_next_io(s, t, now); break;
        case 17: websans_session_handle_timeout(s, now += (uint64_t)which << 28); break;
        case 18: websans_session_handle_written(s, len, now), websans_session_handle_flushed(s, now); break;
        case 19: websans_session_handle_write_error(s, t); break;
        case 20: websans_session_handle_read(s, 0, now), websans_session_handle_shut_down(s); break;
        case 21: websans_recv_buf_clear(r), websans_send_buf_clear(t); break;
        case 22:
            if (connection == NULL && websans_connection_new(which % 3, config, NULL, 0, &connection) == WEBSANS_STATUS_OK
                && (which & 8)) {
                websans_session_free(session);
                session = NULL;
                if (websans_session_open(connection, NULL, now, &session) == WEBSANS_STATUS_OK)
                    connection = NULL;
            }
            break;
        case 23:
            if (websans_connection_next_event(connection, r, t, &event) == WEBSANS_STATUS_OK)
                look_at(&event);
            break;
        case 24:
            status.size = sizeof status;
            error.size = sizeof error;
            websans_session_close_status(s, &status);
            if (websans_last_error(&error) == WEBSANS_STATUS_OK)
                need(memchr(error.text, 0, sizeof error.text) != NULL, "a text without an end");
            break;
        default: websans_connection_send_text(connection, bytes, len, t); break;
        }
        free(bytes);
    }
    websans_session_free(session);
    websans_connection_free(connection);
    websans_recv_buf_free(rx);
    websans_send_buf_free(tx);
    websans_config_free(config);
    need(freed == handed_over, "a payload was not freed, or twice");
    return 0;
}

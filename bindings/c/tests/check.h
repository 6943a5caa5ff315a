/* What the tests in C have in common. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <websans.h>

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

/* The status that a call must have. */
#define IS(expected, call)                                                                     \
    do {                                                                                       \
        int is_status = (int)(call);                                                           \
        if (is_status != (int)(expected)) {                                                    \
            fprintf(stderr, "%s:%d: %s is %d (%s)\n", __FILE__, __LINE__, #call, is_status,    \
                    websans_status_text(is_status));                                           \
            exit(1);                                                                           \
        }                                                                                      \
    } while (0)

#define OK(call) IS(WEBSANS_STATUS_OK, call)

#define U8(text) ((const uint8_t *)(text))
#define TEXT(text) U8(text), strlen(text)

static inline websans_bytes bytes_of(const char *text) {
    websans_bytes bytes = {U8(text), strlen(text)};
    return bytes;
}

static inline int same(websans_bytes bytes, const char *text) {
    return bytes.data != NULL && bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

static inline int event_is(const websans_event *event, websans_event_kind kind, const char *text) {
    websans_bytes bytes = {event->data, event->len};
    return event->kind == kind && same(bytes, text);
}

/* Moves all that waits in a send buffer into a receive buffer, in place of a network. */
static inline size_t move_all(websans_send_buf *tx, websans_recv_buf *rx) {
    size_t all = 0;
    for (;;) {
        const uint8_t *data;
        size_t len;
        OK(websans_send_buf_data(tx, &data, &len));
        if (len == 0)
            return all;
        OK(websans_recv_buf_extend(rx, data, len));
        OK(websans_send_buf_consume(tx, len));
        all += len;
    }
}

/* The two ends of a connection. */
typedef struct {
    websans_session *session;
    websans_recv_buf *rx;
    websans_send_buf *tx;
    websans_event event;
} end_point;

static inline websans_status next_event(end_point *it) {
    return websans_session_next_event(it->session, it->rx, it->tx, &it->event);
}

static inline void give(end_point *from, end_point *to, uint64_t now) {
    size_t n = move_all(from->tx, to->rx);
    if (n > 0) {
        OK(websans_session_handle_written(from->session, n, now));
        OK(websans_session_handle_flushed(from->session, now));
        OK(websans_session_handle_read(to->session, n, now));
    }
}

static inline void free_end(end_point *it) {
    websans_session_free(it->session);
    websans_recv_buf_free(it->rx);
    websans_send_buf_free(it->tx);
}

static inline void new_ends(end_point *client, end_point *server, const websans_connect *connect,
                            websans_config *config) {
    end_point *ends[2];
    int i;
    ends[0] = client;
    ends[1] = server;
    for (i = 0; i < 2; i++) {
        memset(ends[i], 0, sizeof *ends[i]);
        ends[i]->rx = websans_recv_buf_new(NULL);
        ends[i]->tx = websans_send_buf_new(NULL);
        ends[i]->event.size = sizeof(websans_event);
    }
    OK(websans_session_client(connect, config, client->tx, 0, &client->session));
    OK(websans_session_server(config, 0, &server->session));
}

static inline websans_connect connect_to_uri(const char *uri) {
    websans_connect connect;
    memset(&connect, 0, sizeof connect);
    connect.size = sizeof connect;
    connect.uri = bytes_of(uri);
    return connect;
}

/* Two ends whose opening handshake is done. */
static inline void open_ends(end_point *client, end_point *server, websans_config *config) {
    websans_connect connect = connect_to_uri("ws://example.com/");
    new_ends(client, server, &connect, config);
    give(client, server, 0);
    OK(next_event(server));
    CHECK(server->event.kind == WEBSANS_EVENT_KIND_REQUEST);
    OK(websans_session_accept(server->session, NULL, server->tx));
    give(server, client, 0);
    OK(next_event(client));
    CHECK(client->event.kind == WEBSANS_EVENT_KIND_ACCEPTED);
    CHECK(websans_session_is_open(client->session) && websans_session_is_open(server->session));
}

#endif

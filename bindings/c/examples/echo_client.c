/*
 * A blocking client: connects to a ws:// URI, sends each further argument as a text message, and
 * prints what comes back.
 *
 *     echo_client ws://127.0.0.1:9001/ Hello World
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <websans.h>

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fail(const char *what) {
    websans_error error;
    error.size = sizeof error;
    if (websans_last_error(&error) == WEBSANS_STATUS_OK)
        fprintf(stderr, "%s: %s (%s)\n", what, (const char *)error.text, error.rule);
    else
        fprintf(stderr, "%s\n", what);
    exit(1);
}

/* A socket that is connected to the host and port of the URI. */
static int connect_to(const char *text) {
    websans_uri *uri;
    websans_bytes host;
    char name[256], port[8];
    struct addrinfo hints, *found, *address;
    int fd = -1, one = 1;

    if (websans_uri_new((const uint8_t *)text, strlen(text), &uri) != WEBSANS_STATUS_OK)
        fail(text);
    if (websans_uri_is_secure(uri)) {
        fprintf(stderr, "this example has no TLS: see tls_client.c\n");
        exit(1);
    }
    websans_uri_host(uri, &host);
    snprintf(name, sizeof name, "%.*s", (int)host.len, (const char *)host.data);
    snprintf(port, sizeof port, "%u", websans_uri_port(uri));
    websans_uri_free(uri);

    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(name, port, &hints, &found) != 0)
        fail("cannot resolve the host");
    for (address = found; address != NULL && fd < 0; address = address->ai_next) {
        fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
        if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd < 0)
        fail("cannot connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* frames are written whole */
    return fd;
}

/* Waits until the socket can be read, at most until the session has to be woken. */
static int wait_readable(int fd, websans_session *session) {
    uint64_t at = websans_session_next_timeout(session), time = now();
    struct pollfd poll_fd = {fd, POLLIN, 0};
    int milliseconds = -1;

    if (at != WEBSANS_UNLIMITED)
        milliseconds = at > time ? (int)((at - time) / 1000000u) + 1 : 0;
    return poll(&poll_fd, 1, milliseconds);
}

/* Reads once: how many bytes came, 0 at the end of the transport, and also after an error. */
static size_t read_some(int fd, websans_recv_buf *rx) {
    uint8_t *room;
    size_t len;
    ssize_t n;

    websans_recv_buf_spare(rx, &room, &len);
    do
        n = read(fd, room, len);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return 0;
    websans_recv_buf_advance(rx, (size_t)n);
    return (size_t)n;
}

int main(int argc, char **argv) {
    websans_recv_buf *rx = websans_recv_buf_new(NULL);
    websans_send_buf *tx = websans_send_buf_new(NULL);
    websans_session *session;
    websans_connect connect;
    websans_event event;
    websans_status status;
    int fd, to_send = 2, to_come = argc - 2, failed = 0;

    if (argc < 2) {
        fprintf(stderr, "usage: echo_client URI [MESSAGE]...\n");
        return 2;
    }
    fd = connect_to(argv[1]);
    memset(&connect, 0, sizeof connect);
    connect.size = sizeof connect;
    connect.uri.data = (const uint8_t *)argv[1];
    connect.uri.len = strlen(argv[1]);
    if (websans_session_client(&connect, NULL, tx, now(), &session) != WEBSANS_STATUS_OK)
        fail(argv[1]);

    event.size = sizeof event;
    for (;;) {
        while ((status = websans_session_next_event(session, rx, tx, &event)) == WEBSANS_STATUS_OK
               && event.kind != WEBSANS_EVENT_KIND_NONE) {
            if (event.kind == WEBSANS_EVENT_KIND_TEXT) {
                printf("%.*s\n", (int)event.len, (const char *)event.data);
                to_come--;
            } else if (event.kind == WEBSANS_EVENT_KIND_REFUSED) {
                websans_bytes body;
                websans_response_body(event.response, &body);
                fprintf(stderr, "refused with %u: %.*s\n",
                        websans_response_status(event.response), (int)body.len,
                        (const char *)body.data);
                failed = 1;
            }
        }
        if (status != WEBSANS_STATUS_OK && !failed) {
            fprintf(stderr, "failed: %s\n", websans_status_text(status));
            failed = 1;
        }
        while (websans_session_is_open(session) && to_send < argc) {
            const uint8_t *text = (const uint8_t *)argv[to_send++];
            if (websans_session_send_text(session, text, strlen((const char *)text), tx)
                != WEBSANS_STATUS_OK)
                fail("cannot send");
        }
        if (websans_session_is_open(session) && to_come == 0)
            websans_session_close(session, 1000, NULL, 0, tx);

        switch (websans_session_next_io(session, tx, now())) {
        case WEBSANS_IO_WRITE: {
            const uint8_t *data;
            size_t len;
            ssize_t n;
            websans_send_buf_data(tx, &data, &len);
            n = send(fd, data, len, MSG_NOSIGNAL);
            if (n > 0) {
                websans_send_buf_consume(tx, (size_t)n);
                websans_session_handle_written(session, (size_t)n, now());
            } else if (n < 0 && errno != EINTR) {
                websans_session_handle_write_error(session, tx);
            }
            break;
        }
        case WEBSANS_IO_FLUSH: /* a socket has nothing to flush */
            websans_session_handle_flushed(session, now());
            break;
        case WEBSANS_IO_READ:
        case WEBSANS_IO_DRAIN:
            if (wait_readable(fd, session) > 0)
                websans_session_handle_read(session, read_some(fd, rx), now());
            else
                websans_session_handle_timeout(session, now());
            break;
        case WEBSANS_IO_SHUT_DOWN:
            shutdown(fd, SHUT_WR);
            websans_session_handle_shut_down(session);
            break;
        case WEBSANS_IO_CLOSE:
            close(fd);
            websans_session_free(session);
            websans_recv_buf_free(rx);
            websans_send_buf_free(tx);
            return failed || to_come != 0;
        }
    }
}

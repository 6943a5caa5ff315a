/* What the Autobahn testsuite tests in the role of a client: an echo. autobahn_client URL AGENT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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

static void need(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "autobahn_client: %s\n", what);
        exit(1);
    }
}

/* One connection, to its end. The last text that came is put at `text`, if it is not NULL; otherwise
   messages are echoed. */
static void converse(const char *text_uri, char *text, size_t room_for_text) {
    websans_recv_buf *rx = websans_recv_buf_new(NULL);
    websans_send_buf *tx = websans_send_buf_new(NULL);
    websans_config *config = websans_config_new();
    websans_session *session;
    websans_deflate deflate;
    websans_connect connecting;
    websans_event event;
    websans_uri *uri;
    websans_bytes host;
    struct sockaddr_in address;
    char name[64];
    int fd = socket(AF_INET, SOCK_STREAM, 0), over = 0;

    websans_deflate_init(&deflate);
    deflate.min_size = 0;
    websans_config_set_deflate(config, &deflate);
    websans_config_set_max_message_size(config, 1 << 26);
    need(websans_uri_new((const uint8_t *)text_uri, strlen(text_uri), &uri) == WEBSANS_STATUS_OK, "URI");
    websans_uri_host(uri, &host);
    snprintf(name, sizeof name, "%.*s", (int)host.len, (const char *)host.data);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(websans_uri_port(uri));
    need(inet_pton(AF_INET, name, &address.sin_addr) == 1, "an address in the URI");
    websans_uri_free(uri);
    need(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "cannot connect");
    memset(&connecting, 0, sizeof connecting);
    connecting.size = sizeof connecting;
    connecting.uri.data = (const uint8_t *)text_uri;
    connecting.uri.len = strlen(text_uri);
    need(websans_session_client(&connecting, config, tx, now(), &session) == WEBSANS_STATUS_OK, "request");
    websans_config_free(config);

    event.size = sizeof event;
    while (!over) {
        const uint8_t *data;
        uint8_t *room;
        size_t len;
        ssize_t n;
        uint64_t at, time;
        struct pollfd poll_fd = {fd, POLLIN, 0};

        while (websans_session_next_event(session, rx, tx, &event) == WEBSANS_STATUS_OK
               && event.kind != WEBSANS_EVENT_KIND_NONE) {
            if (event.kind == WEBSANS_EVENT_KIND_REFUSED)
                need(0, "refused");
            else if (event.kind == WEBSANS_EVENT_KIND_TEXT && text != NULL)
                snprintf(text, room_for_text, "%.*s", (int)event.len, (const char *)event.data);
            else if (event.kind == WEBSANS_EVENT_KIND_TEXT)
                websans_session_send_text(session, event.data, event.len, tx);
            else if (event.kind == WEBSANS_EVENT_KIND_BINARY)
                websans_session_send_binary(session, event.data, event.len, tx);
        }
        switch (websans_session_next_io(session, tx, now())) {
        case WEBSANS_IO_WRITE:
            websans_send_buf_data(tx, &data, &len);
            n = send(fd, data, len, MSG_NOSIGNAL);
            if (n > 0) {
                websans_send_buf_consume(tx, (size_t)n);
                websans_session_handle_written(session, (size_t)n, now());
            } else if (errno != EINTR) {
                websans_session_handle_write_error(session, tx);
            }
            break;
        case WEBSANS_IO_FLUSH:
            websans_session_handle_flushed(session, now());
            break;
        case WEBSANS_IO_READ:
        case WEBSANS_IO_DRAIN:
            at = websans_session_next_timeout(session);
            time = now();
            if (poll(&poll_fd, 1, at > time ? (int)((at - time) / 1000000u) + 1 : 0) <= 0) {
                websans_session_handle_timeout(session, now());
                break;
            }
            websans_recv_buf_spare(rx, &room, &len);
            n = read(fd, room, len);
            websans_recv_buf_advance(rx, n > 0 ? (size_t)n : 0);
            websans_session_handle_read(session, n > 0 ? (size_t)n : 0, now());
            break;
        case WEBSANS_IO_SHUT_DOWN:
            shutdown(fd, SHUT_WR);
            websans_session_handle_shut_down(session);
            break;
        case WEBSANS_IO_CLOSE:
            over = 1;
        }
    }
    close(fd);
    websans_session_free(session);
    websans_recv_buf_free(rx);
    websans_send_buf_free(tx);
}

int main(int argc, char **argv) {
    char uri[512], count[16] = "";
    int i;
    need(argc == 3, "URL AGENT");
    snprintf(uri, sizeof uri, "%s/getCaseCount", argv[1]);
    converse(uri, count, sizeof count);
    need(atoi(count) > 0, "no number of cases");
    for (i = 1; i <= atoi(count); i++) {
        snprintf(uri, sizeof uri, "%s/runCase?case=%d&agent=%s", argv[1], i, argv[2]);
        converse(uri, NULL, 0);
    }
    snprintf(uri, sizeof uri, "%s/updateReports?agent=%s", argv[1], argv[2]);
    converse(uri, NULL, 0);
    return 0;
}

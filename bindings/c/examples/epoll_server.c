/*
 * An echo server on epoll, for Linux: one thread, any number of connections.
 *
 *     epoll_server [--deflate] 127.0.0.1:9001
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <websans.h>

enum { MAX_PIECES = 16, MAX_EVENTS = 256, MAX_FDS = 65536 };

typedef struct {
    int fd;
    uint32_t interest;
    websans_session *session;
    websans_recv_buf *rx;
    websans_send_buf *tx;
} connection;

static connection *all[MAX_FDS]; /* by file descriptor */
static int epoll_fd, last_fd;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int drop(connection *it) {
    all[it->fd] = NULL;
    close(it->fd);
    websans_session_free(it->session), websans_recv_buf_free(it->rx), websans_send_buf_free(it->tx);
    free(it);
    return 0;
}

/* Waits until the socket can be read or written. */
static int watch(connection *it, uint32_t interest) {
    struct epoll_event event;
    event.events = interest;
    event.data.ptr = it;
    if (it->interest != interest)
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, it->fd, &event);
    it->interest = interest;
    return 1;
}

/* Answers what has come. Errors need nothing here: next_io says how the connection ends. */
static void answer(connection *it) {
    websans_event event;
    event.size = sizeof event;
    while (websans_session_next_event(it->session, it->rx, it->tx, &event) == WEBSANS_STATUS_OK
           && event.kind != WEBSANS_EVENT_KIND_NONE) {
        if (event.kind == WEBSANS_EVENT_KIND_REQUEST)
            websans_session_accept(it->session, NULL, it->tx);
        else if (event.kind == WEBSANS_EVENT_KIND_TEXT)
            websans_session_send_text(it->session, event.data, event.len, it->tx);
        else if (event.kind == WEBSANS_EVENT_KIND_BINARY)
            websans_session_send_binary(it->session, event.data, event.len, it->tx);
    }
}

/* Goes as far as the socket lets it. Whether the connection is still there. */
static int drive(connection *it) {
    for (;;) {
        struct iovec pieces[MAX_PIECES];
        struct msghdr message;
        size_t count, len;
        uint8_t *room;
        ssize_t n;

        answer(it);
        switch (websans_session_next_io(it->session, it->tx, now())) {
        case WEBSANS_IO_WRITE:
            websans_send_buf_iovec(it->tx, pieces, MAX_PIECES, &count);
            memset(&message, 0, sizeof message), message.msg_iov = pieces, message.msg_iovlen = count;
            n = sendmsg(it->fd, &message, MSG_NOSIGNAL);
            if (n > 0) {
                websans_send_buf_consume(it->tx, (size_t)n);
                websans_session_handle_written(it->session, (size_t)n, now());
            } else if (errno == EAGAIN) {
                websans_session_handle_written(it->session, 0, now());
                return watch(it, EPOLLOUT); /* who does not read is not read from either */
            } else if (errno != EINTR) {
                websans_session_handle_write_error(it->session, it->tx);
            }
            break;
        case WEBSANS_IO_FLUSH:
            websans_session_handle_flushed(it->session, now());
            break;
        case WEBSANS_IO_READ:
        case WEBSANS_IO_DRAIN:
            websans_recv_buf_spare(it->rx, &room, &len);
            n = read(it->fd, room, len);
            if (n < 0 && errno == EAGAIN)
                return watch(it, EPOLLIN);
            if (n < 0 && errno == EINTR)
                break;
            websans_recv_buf_advance(it->rx, n > 0 ? (size_t)n : 0);
            websans_session_handle_read(it->session, n > 0 ? (size_t)n : 0, now());
            break;
        case WEBSANS_IO_SHUT_DOWN:
            shutdown(it->fd, SHUT_WR);
            websans_session_handle_shut_down(it->session);
            break;
        case WEBSANS_IO_CLOSE:
            return drop(it);
        }
    }
}

static void accept_all(int listener, websans_config *config) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
        struct epoll_event event;
        connection *it;
        if (fd < 0)
            return; /* EAGAIN, or what concerns only this one */
        if (fd >= MAX_FDS || (it = (connection *)calloc(1, sizeof *it)) == NULL) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        all[fd] = it;
        last_fd = fd > last_fd ? fd : last_fd;
        it->fd = fd;
        it->rx = websans_recv_buf_new(NULL);
        it->tx = websans_send_buf_new(NULL);
        websans_session_server(config, now(), &it->session);
        event.events = it->interest = EPOLLIN;
        event.data.ptr = it;
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
            drop(it);
    }
}

/* Wakes those whose deadlines have passed; how many milliseconds until the next one. */
static int wake(void) {
    uint64_t next = WEBSANS_UNLIMITED, time = now(), at;
    int fd;
    for (fd = 0; fd <= last_fd; fd++) {
        if (all[fd] != NULL && websans_session_next_timeout(all[fd]->session) <= time
            && drive(all[fd])) { /* what has come in time counts */
            websans_session_handle_timeout(all[fd]->session, time);
            drive(all[fd]);
        }
        if (all[fd] != NULL && (at = websans_session_next_timeout(all[fd]->session)) < next)
            next = at;
    }
    time = now();
    return next == WEBSANS_UNLIMITED ? -1 : next <= time ? 0 : (int)((next - time) / 1000000u) + 1;
}

int main(int argc, char **argv) {
    websans_config *config = websans_config_new();
    struct epoll_event events[MAX_EVENTS];
    struct sockaddr_in address;
    websans_deflate deflate;
    char *name = argv[argc - 1], *colon = strrchr(name, ':');
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, i, n;

    memset(&address, 0, sizeof address), address.sin_family = AF_INET;
    if (colon == NULL || (*colon = 0, inet_pton(AF_INET, name, &address.sin_addr)) != 1) {
        fprintf(stderr, "usage: epoll_server [--deflate] ADDRESS:PORT\n");
        return 2;
    }
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    websans_deflate_init(&deflate);
    if (argc > 2 && strcmp(argv[1], "--deflate") == 0)
        websans_config_set_deflate(config, &deflate);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    events[0].events = EPOLLIN;
    events[0].data.ptr = NULL;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0
        || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &events[0]) != 0) {
        perror(name);
        return 1;
    }
    for (;;) {
        n = epoll_wait(epoll_fd, events, MAX_EVENTS, wake());
        for (i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listener, config);
            else
                drive((connection *)events[i].data.ptr);
        }
    }
}

/*
 * A client over TLS with OpenSSL: connects to a wss:// URI, sends each further argument as a text
 * message, and prints what comes back. The file of certificates is for servers that the system's
 * certificates do not know.
 *
 *     tls_client wss://127.0.0.1:9001/ certificates.pem Hello
 */
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

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <websans.h>

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* A TLS connection to the host and port of the URI, whose certificate is for that host. */
static SSL *connect_to(const char *text, const char *certificates) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    struct addrinfo hints, *found;
    char name[256], port[8];
    websans_uri *uri;
    websans_bytes host;
    SSL *ssl;
    int fd, one = 1;

    if (websans_uri_new((const uint8_t *)text, strlen(text), &uri) != WEBSANS_STATUS_OK)
        fail("not a WebSocket URI");
    if (!websans_uri_is_secure(uri))
        fail("this example speaks only TLS: see echo_client.c");
    websans_uri_host(uri, &host);
    snprintf(name, sizeof name, "%.*s", (int)host.len, (const char *)host.data);
    snprintf(port, sizeof port, "%u", websans_uri_port(uri));
    websans_uri_free(uri);

    if (context == NULL || SSL_CTX_set_default_verify_paths(context) != 1
        || (certificates[0] != 0 && SSL_CTX_load_verify_locations(context, certificates, NULL) != 1))
        fail("cannot load the certificates");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(name, port, &hints, &found) != 0)
        fail("cannot resolve the host");
    fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0)
        fail("cannot connect");
    freeaddrinfo(found);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);

    ssl = SSL_new(context);
    SSL_CTX_free(context); /* the connection holds it */
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        fail("cannot set up TLS");
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) != 1) { /* not an address */
        SSL_set_tlsext_host_name(ssl, name);
        SSL_set1_host(ssl, name);
    }
    if (SSL_connect(ssl) != 1)
        fail("the TLS handshake failed");
    return ssl;
}

/* Waits until there is something to read, at most until the session has to be woken. */
static int wait_readable(SSL *ssl, websans_session *session) {
    uint64_t at = websans_session_next_timeout(session), time = now();
    struct pollfd poll_fd = {SSL_get_fd(ssl), POLLIN, 0};

    if (SSL_pending(ssl) > 0)
        return 1; /* what TLS has decrypted already, poll does not see */
    if (at == WEBSANS_UNLIMITED)
        return poll(&poll_fd, 1, -1);
    return poll(&poll_fd, 1, at > time ? (int)((at - time) / 1000000u) + 1 : 0);
}

int main(int argc, char **argv) {
    websans_recv_buf *rx = websans_recv_buf_new(NULL);
    websans_send_buf *tx = websans_send_buf_new(NULL);
    websans_session *session;
    websans_connect connect;
    websans_event event;
    websans_status status;
    int to_send = 3, to_come = argc - 3, failed = 0;
    SSL *ssl;

    if (argc < 3) {
        fprintf(stderr, "usage: tls_client URI CERTIFICATES [MESSAGE]...\n");
        return 2;
    }
    ssl = connect_to(argv[1], argv[2]);
    memset(&connect, 0, sizeof connect);
    connect.size = sizeof connect;
    connect.uri.data = (const uint8_t *)argv[1];
    connect.uri.len = strlen(argv[1]);
    if (websans_session_client(&connect, NULL, tx, now(), &session) != WEBSANS_STATUS_OK)
        fail("invalid request");

    event.size = sizeof event;
    for (;;) {
        const uint8_t *data;
        uint8_t *room;
        size_t len;
        int n;

        while ((status = websans_session_next_event(session, rx, tx, &event)) == WEBSANS_STATUS_OK
               && event.kind != WEBSANS_EVENT_KIND_NONE) {
            if (event.kind == WEBSANS_EVENT_KIND_TEXT) {
                printf("%.*s\n", (int)event.len, (const char *)event.data);
                to_come--;
            }
        }
        if (status != WEBSANS_STATUS_OK && !failed) {
            fprintf(stderr, "failed: %s\n", websans_status_text(status));
            failed = 1;
        }
        while (websans_session_is_open(session) && to_send < argc) {
            const char *text = argv[to_send++];
            websans_session_send_text(session, (const uint8_t *)text, strlen(text), tx);
        }
        if (websans_session_is_open(session) && to_come == 0)
            websans_session_close(session, 1000, NULL, 0, tx);

        switch (websans_session_next_io(session, tx, now())) {
        case WEBSANS_IO_WRITE:
            websans_send_buf_data(tx, &data, &len);
            n = SSL_write(ssl, data, len > 1 << 30 ? 1 << 30 : (int)len);
            if (n > 0) {
                websans_send_buf_consume(tx, (size_t)n);
                websans_session_handle_written(session, (size_t)n, now());
            } else {
                websans_session_handle_write_error(session, tx);
            }
            break;
        case WEBSANS_IO_FLUSH: /* SSL_write has passed on all that it took */
            websans_session_handle_flushed(session, now());
            break;
        case WEBSANS_IO_READ:
        case WEBSANS_IO_DRAIN:
            if (wait_readable(ssl, session) <= 0) {
                websans_session_handle_timeout(session, now());
                break;
            }
            websans_recv_buf_spare(rx, &room, &len);
            n = SSL_read(ssl, room, len > 1 << 30 ? 1 << 30 : (int)len);
            websans_recv_buf_advance(rx, n > 0 ? (size_t)n : 0);
            websans_session_handle_read(session, n > 0 ? (size_t)n : 0, now());
            break;
        case WEBSANS_IO_SHUT_DOWN:
            SSL_shutdown(ssl);
            websans_session_handle_shut_down(session);
            break;
        case WEBSANS_IO_CLOSE:
            close(SSL_get_fd(ssl));
            SSL_free(ssl);
            websans_session_free(session);
            websans_recv_buf_free(rx);
            websans_send_buf_free(tx);
            return failed || to_come != 0;
        }
    }
}

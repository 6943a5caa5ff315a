/* Every way to misuse the functions of websans.h that needs no wild pointer: an error each time. */
#include "check.h"

#define NULL_(call) IS(WEBSANS_STATUS_NULL, call)

static void null_is_an_error_everywhere(void) {
    websans_recv_buf *rx = websans_recv_buf_new(NULL);
    websans_send_buf *tx = websans_send_buf_new(NULL);
    websans_config *config = websans_config_new();
    websans_connection *connection;
    websans_session *session;
    websans_connect connect = connect_to_uri("ws://example.com/");
    websans_event event;
    websans_bytes part;
    websans_message message;
    websans_frame_header header;
    uint8_t *room, key[28];
    const uint8_t *data;
    size_t len;

    event.size = sizeof event;
    memset(&header, 0, sizeof header);
    OK(websans_connection_new(WEBSANS_ROLE_SERVER, NULL, NULL, 0, &connection));
    OK(websans_session_server(NULL, 0, &session));

    /* Freeing nothing does nothing. */
    websans_config_free(NULL);
    websans_recv_buf_free(NULL);
    websans_send_buf_free(NULL);
    websans_connection_free(NULL);
    websans_session_free(NULL);
    websans_request_free(NULL);
    websans_response_free(NULL);
    websans_server_handshake_free(NULL);
    websans_client_handshake_free(NULL);
    websans_prepared_free(NULL);
    websans_owned_free(NULL);
    websans_uri_free(NULL);

    NULL_(websans_config_set_max_message_size(NULL, 1));
    NULL_(websans_config_set_max_frame_size(NULL, 1));
    NULL_(websans_config_set_max_fragments(NULL, 1));
    NULL_(websans_config_set_accept_unmasked_frames(NULL, true));
    NULL_(websans_config_set_max_queued_replies(NULL, 1));
    NULL_(websans_config_set_max_queued(NULL, 1));
    NULL_(websans_config_set_max_head_size(NULL, 1));
    NULL_(websans_config_set_max_headers(NULL, 1));
    NULL_(websans_config_set_random(NULL, NULL, NULL));
    NULL_(websans_config_set_deflate(NULL, NULL));
    NULL_(websans_config_set_deadlines(NULL, NULL));
    websans_deflate_init(NULL);
    websans_deadlines_init(NULL);
    websans_buffer_config_init(NULL);

    NULL_(websans_recv_buf_spare(NULL, &room, &len));
    NULL_(websans_recv_buf_spare(rx, NULL, &len));
    NULL_(websans_recv_buf_spare(rx, &room, NULL));
    NULL_(websans_recv_buf_advance(NULL, 1));
    NULL_(websans_recv_buf_extend(NULL, TEXT("x")));
    NULL_(websans_recv_buf_extend(rx, NULL, 1));
    OK(websans_recv_buf_extend(rx, NULL, 0));
    NULL_(websans_recv_buf_unread(NULL, &data, &len));
    NULL_(websans_recv_buf_unread(rx, NULL, &len));
    NULL_(websans_recv_buf_release(NULL));
    NULL_(websans_recv_buf_clear(NULL));
    NULL_(websans_recv_buf_take(NULL, NULL));
    NULL_(websans_recv_buf_take(rx, NULL));
    CHECK(!websans_recv_buf_is_empty(NULL) && websans_recv_buf_len(NULL) == 0);
    CHECK(websans_recv_buf_capacity(NULL) == 0);
    NULL_(websans_owned_data(NULL, &data, &len));
    NULL_(websans_send_buf_data(NULL, &data, &len));
    NULL_(websans_send_buf_data(tx, NULL, &len));
    NULL_(websans_send_buf_data(tx, &data, NULL));
    NULL_(websans_send_buf_iovec(NULL, NULL, 0, &len));
    NULL_(websans_send_buf_iovec(tx, NULL, 0, NULL));
    NULL_(websans_send_buf_iovec(tx, NULL, 1, &len));
    NULL_(websans_send_buf_consume(NULL, 1));
    NULL_(websans_send_buf_clear(NULL));
    NULL_(websans_send_buf_release(NULL));
    NULL_(websans_send_buf_extend_payload(NULL, TEXT("x"), &len));
    NULL_(websans_send_buf_extend_payload(tx, NULL, 1, &len));
    NULL_(websans_send_buf_extend_payload(tx, TEXT("x"), NULL));
    CHECK(!websans_send_buf_is_empty(NULL) && websans_send_buf_len(NULL) == 0);
    CHECK(websans_send_buf_payload_remaining(NULL) == 0 && websans_send_buf_capacity(NULL) == 0);

    NULL_(websans_connection_new(WEBSANS_ROLE_SERVER, NULL, NULL, 0, NULL));
    NULL_(websans_connection_new(WEBSANS_ROLE_SERVER, NULL, NULL, 1, &connection));
    NULL_(websans_connection_next_event(NULL, rx, tx, &event));
    NULL_(websans_connection_next_event(connection, NULL, tx, &event));
    NULL_(websans_connection_next_event(connection, rx, NULL, &event));
    NULL_(websans_connection_next_event(connection, rx, tx, NULL));
    NULL_(websans_connection_next_partial(NULL, rx, tx, &event));
    NULL_(websans_connection_next_partial(connection, rx, tx, NULL));
    NULL_(websans_connection_handle_eof(NULL));
    NULL_(websans_connection_send_text(NULL, TEXT("x"), tx));
    NULL_(websans_connection_send_text(connection, NULL, 1, tx));
    NULL_(websans_connection_send_text(connection, TEXT("x"), NULL));
    NULL_(websans_connection_send_binary(NULL, TEXT("x"), tx));
    NULL_(websans_connection_send_binary(connection, NULL, 1, tx));
    NULL_(websans_connection_send(NULL, NULL, tx));
    NULL_(websans_connection_send(connection, NULL, tx));
    memset(&message, 0, sizeof message);
    message.size = sizeof message;
    message.opcode = WEBSANS_BINARY;
    message.len = 1;
    NULL_(websans_connection_send(connection, &message, tx));
    NULL_(websans_connection_send_prepared(connection, NULL, tx));
    NULL_(websans_connection_send_header(NULL, WEBSANS_TEXT, 0, 1, tx));
    NULL_(websans_connection_send_raw_frame(connection, NULL, NULL, 0, tx));
    NULL_(websans_connection_send_raw_frame(NULL, &header, NULL, 0, tx));
    NULL_(websans_connection_send_ping(NULL, NULL, 0, tx));
    NULL_(websans_connection_send_pong(connection, NULL, 1, tx));
    NULL_(websans_connection_close(NULL, 1000, NULL, 0, tx));
    NULL_(websans_connection_close(connection, 1000, NULL, 1, tx));
    NULL_(websans_connection_close_status(NULL, NULL));
    NULL_(websans_connection_subprotocol(NULL, &part));
    NULL_(websans_connection_subprotocol(connection, NULL));
    NULL_(websans_connection_deflate(NULL, NULL));
    NULL_(websans_connection_set_max_message_size(NULL, 1));
    NULL_(websans_connection_release(NULL));
    CHECK(websans_connection_state(NULL) == WEBSANS_STATE_CONNECTING);
    CHECK(!websans_connection_is_open(NULL));
    CHECK(websans_connection_role(NULL) == WEBSANS_ROLE_CLIENT);

    NULL_(websans_session_server(NULL, 0, NULL));
    NULL_(websans_session_client(NULL, NULL, tx, 0, &session));
    NULL_(websans_session_client(&connect, NULL, NULL, 0, &session));
    NULL_(websans_session_client(&connect, NULL, tx, 0, NULL));
    NULL_(websans_session_open(NULL, NULL, 0, &session));
    NULL_(websans_session_open(connection, NULL, 0, NULL));
    NULL_(websans_session_next_event(NULL, rx, tx, &event));
    NULL_(websans_session_next_event(session, NULL, tx, &event));
    NULL_(websans_session_next_event(session, rx, NULL, &event));
    NULL_(websans_session_next_event(session, rx, tx, NULL));
    NULL_(websans_session_next_partial(session, rx, tx, NULL));
    NULL_(websans_session_accept(NULL, NULL, tx));
    NULL_(websans_session_reject(NULL, NULL, tx));
    NULL_(websans_session_reject(session, NULL, tx));
    CHECK(websans_session_next_io(NULL, tx, 0) == WEBSANS_IO_CLOSE);
    CHECK(websans_session_next_io(session, NULL, 0) == WEBSANS_IO_CLOSE);
    CHECK(!websans_session_wants_read(NULL));
    NULL_(websans_session_handle_read(NULL, 1, 0));
    NULL_(websans_session_handle_written(NULL, 1, 0));
    NULL_(websans_session_handle_flushed(NULL, 0));
    NULL_(websans_session_handle_shut_down(NULL));
    NULL_(websans_session_handle_write_error(NULL, tx));
    NULL_(websans_session_handle_write_error(session, NULL));
    NULL_(websans_session_handle_timeout(NULL, 0));
    CHECK(websans_session_next_timeout(NULL) == WEBSANS_UNLIMITED);
    NULL_(websans_session_error(NULL, NULL));
    NULL_(websans_session_send_text(NULL, TEXT("x"), tx));
    NULL_(websans_session_send_binary(NULL, TEXT("x"), tx));
    NULL_(websans_session_send(session, NULL, tx));
    NULL_(websans_session_send_prepared(session, NULL, tx));
    NULL_(websans_session_send_header(NULL, WEBSANS_TEXT, 0, 1, tx));
    NULL_(websans_session_send_raw_frame(session, NULL, NULL, 0, tx));
    NULL_(websans_session_send_ping(NULL, NULL, 0, tx));
    NULL_(websans_session_send_pong(NULL, NULL, 0, tx));
    NULL_(websans_session_close(NULL, 1000, NULL, 0, tx));
    CHECK(websans_session_state(NULL) == WEBSANS_STATE_CONNECTING);
    CHECK(!websans_session_is_open(NULL) && websans_session_role(NULL) == WEBSANS_ROLE_CLIENT);
    NULL_(websans_session_close_status(NULL, NULL));
    NULL_(websans_session_subprotocol(NULL, &part));
    NULL_(websans_session_deflate(NULL, NULL));
    NULL_(websans_session_set_max_message_size(NULL, 1));
    NULL_(websans_session_release(NULL));
    CHECK(websans_session_round_trip_time(NULL) == WEBSANS_UNLIMITED);

    NULL_(websans_request_path(NULL, &part));
    NULL_(websans_request_resource_name(NULL, &part));
    NULL_(websans_request_query(NULL, &part));
    NULL_(websans_request_host(NULL, &part));
    NULL_(websans_request_origin(NULL, &part));
    NULL_(websans_request_header(NULL, TEXT("x"), &part));
    NULL_(websans_request_header_at(NULL, 0, NULL));
    NULL_(websans_request_subprotocol_at(NULL, 0, &part));
    NULL_(websans_request_extension_at(NULL, 0, &part));
    CHECK(websans_request_header_count(NULL) == 0 && websans_request_subprotocol_count(NULL) == 0);
    CHECK(websans_request_extension_count(NULL) == 0 && !websans_request_is_same_origin(NULL));
    NULL_(websans_request_accept(NULL, NULL, tx, &connection));
    NULL_(websans_request_reject(NULL, NULL, tx));
    CHECK(websans_response_status(NULL) == 0 && websans_response_header_count(NULL) == 0);
    CHECK(!websans_response_body_is_complete(NULL));
    NULL_(websans_response_reason(NULL, &part));
    NULL_(websans_response_subprotocol(NULL, &part));
    NULL_(websans_response_header(NULL, TEXT("x"), &part));
    NULL_(websans_response_header_at(NULL, 0, NULL));
    NULL_(websans_response_body(NULL, &part));
    NULL_(websans_server_handshake_new(NULL, NULL));
    NULL_(websans_server_handshake_next_request(NULL, rx, tx, NULL));
    NULL_(websans_server_handshake_handle_eof(NULL));
    NULL_(websans_server_handshake_handle_timeout(NULL, tx));
    NULL_(websans_client_handshake_new(&connect, NULL, tx, NULL));
    NULL_(websans_client_handshake_next_response(NULL, rx, NULL));
    NULL_(websans_client_handshake_handle_eof(NULL));
    NULL_(websans_client_handshake_connection(NULL, NULL));
    NULL_(websans_prepared_new(WEBSANS_TEXT, TEXT("x"), NULL));
    NULL_(websans_uri_new(TEXT("ws://x/"), NULL));
    NULL_(websans_uri_host(NULL, &part));
    NULL_(websans_uri_authority(NULL, &part));
    NULL_(websans_uri_resource_name(NULL, &part));
    CHECK(websans_uri_port(NULL) == 0 && !websans_uri_is_secure(NULL));
    NULL_(websans_accept_key(NULL, 24, key));
    NULL_(websans_accept_key(TEXT("x"), NULL));
    NULL_(websans_frame_header_decode(NULL, 2, &header, &len));
    NULL_(websans_frame_header_decode(TEXT("x"), NULL, &len));
    NULL_(websans_frame_header_encode(NULL, key, &len));
    NULL_(websans_frame_header_encode(&header, NULL, &len));
    NULL_(websans_mask(NULL, 1, header.masking_key, 0));
    NULL_(websans_mask(key, 1, NULL, 0));
    NULL_(websans_utf8_whole(NULL, 1, &len));
    NULL_(websans_utf8_whole(TEXT("x"), NULL));
    NULL_(websans_last_error(NULL));

    websans_config_free(config);
    websans_connection_free(connection);
    websans_session_free(session);
    websans_recv_buf_free(rx);
    websans_send_buf_free(tx);
}

static void a_handle_of_another_type_is_found_out(void) {
    websans_recv_buf *rx = websans_recv_buf_new(NULL);
    websans_send_buf *tx = websans_send_buf_new(NULL);
    websans_session *session;
    websans_event event;

    event.size = sizeof event;
    OK(websans_session_server(NULL, 0, &session));
    IS(WEBSANS_STATUS_HANDLE, websans_session_next_event((websans_session *)rx, rx, tx, &event));
    IS(WEBSANS_STATUS_HANDLE,
       websans_session_next_event(session, (websans_recv_buf *)(void *)tx, tx, &event));
    /* One that is in use already. */
    IS(WEBSANS_STATUS_BUSY,
       websans_session_next_event(session, rx, (websans_send_buf *)(void *)rx, &event));
    IS(WEBSANS_STATUS_HANDLE,
       websans_connection_close((websans_connection *)(void *)session, 1000, NULL, 0, tx));
    /* It is not freed either. */
    websans_session_free((websans_session *)(void *)rx);
    OK(websans_recv_buf_advance(rx, 0));
    OK(websans_session_next_event(session, rx, tx, &event));
    websans_session_free(session);
    websans_recv_buf_free(rx);
    websans_send_buf_free(tx);
}

static void sizes_that_were_not_set_are_errors(void) {
    websans_recv_buf *rx = websans_recv_buf_new(NULL);
    websans_send_buf *tx = websans_send_buf_new(NULL);
    websans_config *config = websans_config_new();
    websans_connection *connection;
    websans_session *session;
    struct {
        websans_connect known;
        uint64_t later;
    } newer;
    struct {
        websans_event known;
        uint64_t later;
    } event;
    websans_error error;
    websans_deflate deflate;
    size_t sizes[] = {0, 1, sizeof(size_t), 5000, SIZE_MAX, SIZE_MAX / 2};
    size_t i;

    OK(websans_connection_new(WEBSANS_ROLE_SERVER, NULL, NULL, 0, &connection));
    newer.known = connect_to_uri("ws://example.com/");
    websans_deflate_init(&deflate);
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        event.known.size = newer.known.size = error.size = deflate.size = sizes[i];
        IS(WEBSANS_STATUS_SIZE, websans_connection_next_event(connection, rx, tx, &event.known));
        IS(WEBSANS_STATUS_SIZE, websans_session_client(&newer.known, NULL, tx, 0, &session));
        IS(WEBSANS_STATUS_SIZE, websans_last_error(&error));
        IS(WEBSANS_STATUS_SIZE, websans_config_set_deflate(config, &deflate));
    }
    /* A newer program: what this version does not know is an error if it is used. */
    newer.known.size = sizeof newer;
    newer.later = 0;
    OK(websans_session_client(&newer.known, NULL, tx, 0, &session));
    websans_session_free(session);
    newer.later = 1;
    IS(WEBSANS_STATUS_SIZE, websans_session_client(&newer.known, NULL, tx, 0, &session));
    event.known.size = sizeof event;
    event.later = 42;
    OK(websans_connection_next_event(connection, rx, tx, &event.known));
    CHECK(event.later == 42 && event.known.size == sizeof event);
    websans_connection_free(connection);
    websans_config_free(config);
    websans_recv_buf_free(rx);
    websans_send_buf_free(tx);
}

static void lengths_that_cannot_be_are_errors(void) {
    websans_recv_buf *rx = websans_recv_buf_new(NULL);
    websans_send_buf *tx = websans_send_buf_new(NULL);
    websans_connection *connection;
    websans_buffer_config buffers;
    websans_connect connect = connect_to_uri("ws://example.com/");
    websans_session *session;
    websans_frame_header header;
    uint8_t encoded[14];
    size_t len;

    memset(&header, 0, sizeof header);
    OK(websans_connection_new(WEBSANS_ROLE_SERVER, NULL, NULL, 0, &connection));
    IS(WEBSANS_STATUS_TOO_LONG, websans_connection_send_text(connection, U8("x"), SIZE_MAX, tx));
    IS(WEBSANS_STATUS_TOO_LONG, websans_connection_send_binary(connection, U8("x"), SIZE_MAX / 2 + 1, tx));
    IS(WEBSANS_STATUS_TOO_LONG, websans_recv_buf_extend(rx, U8("x"), SIZE_MAX));
    IS(WEBSANS_STATUS_TOO_LONG, websans_mask(encoded, SIZE_MAX, header.masking_key, 0));
    connect.headers = (const websans_header *)(const void *)&connect;
    connect.header_count = SIZE_MAX / 16;
    IS(WEBSANS_STATUS_TOO_LONG, websans_session_client(&connect, NULL, tx, 0, &session));
    IS(WEBSANS_STATUS_SEND_PAYLOAD_TOO_LONG,
       websans_connection_send_header(connection, WEBSANS_BINARY, 0, UINT64_MAX, tx));
    header.payload_len = UINT64_MAX;
    IS(WEBSANS_STATUS_VALUE, websans_frame_header_encode(&header, encoded, &len));
    header.payload_len = 0;
    header.opcode = 16;
    IS(WEBSANS_STATUS_VALUE, websans_frame_header_encode(&header, encoded, &len));
    websans_buffer_config_init(&buffers);
    buffers.read_size = SIZE_MAX;
    CHECK(websans_recv_buf_new(&buffers) == NULL);
    /* More than there was room for counts as all of it; a second time as none. */
    OK(websans_recv_buf_advance(rx, SIZE_MAX));
    CHECK(websans_recv_buf_len(rx) == 0);
    OK(websans_send_buf_consume(tx, SIZE_MAX));
    IS(WEBSANS_STATUS_SEND_CONTROL_TOO_LONG, websans_connection_send_ping(connection, TEXT(
       "0123456789012345678901234567890123456789012345678901234567890123456789"
       "0123456789012345678901234567890123456789012345678901234567890123456789"), tx));
    IS(WEBSANS_STATUS_SEND_CLOSE_CODE, websans_connection_close(connection, 1005, NULL, 0, tx));
    IS(WEBSANS_STATUS_SEND_REASON_WITHOUT_CODE, websans_connection_close(connection, 0, TEXT("x"), tx));
    IS(WEBSANS_STATUS_UTF8, websans_connection_close(connection, 1000, TEXT("\xff"), tx));
    IS(WEBSANS_STATUS_UTF8, websans_connection_send_text(connection, TEXT("\xc3"), tx));
    IS(WEBSANS_STATUS_VALUE, websans_connection_send_header(connection, 0, 0, 1, tx));
    IS(WEBSANS_STATUS_VALUE, websans_connection_send_header(connection, WEBSANS_TEXT, 3, 1, tx));
    IS(WEBSANS_STATUS_VALUE, websans_connection_new(2, NULL, NULL, 0, &connection));
    CHECK(websans_send_buf_is_empty(tx));
    CHECK(strcmp(websans_status_text(-1), "unknown code") == 0);
    websans_connection_free(connection);
    websans_recv_buf_free(rx);
    websans_send_buf_free(tx);
}

static void calls_out_of_order_are_errors(void) {
    websans_connect connect = connect_to_uri("ws://example.com/");
    websans_reject reject;
    websans_close_status status;
    websans_connection *connection;
    websans_deflate deflate;
    websans_error error;
    websans_bytes part;
    end_point client, server;

    memset(&reject, 0, sizeof reject);
    reject.size = sizeof reject;
    reject.status = 400;
    status.size = sizeof status;
    deflate.size = sizeof deflate;
    error.size = sizeof error;
    new_ends(&client, &server, &connect, NULL);
    IS(WEBSANS_STATUS_ORDER, websans_session_accept(server.session, NULL, server.tx));
    IS(WEBSANS_STATUS_ORDER, websans_session_reject(server.session, &reject, server.tx));
    IS(WEBSANS_STATUS_ORDER, websans_session_accept(client.session, NULL, client.tx));
    IS(WEBSANS_STATUS_SEND_CONNECTING, websans_session_send_text(client.session, TEXT("x"), client.tx));
    IS(WEBSANS_STATUS_SEND_CONNECTING, websans_session_close(client.session, 1000, NULL, 0, client.tx));
    IS(WEBSANS_STATUS_SEND_CONNECTING, websans_session_set_max_message_size(client.session, 1));
    IS(WEBSANS_STATUS_ORDER, websans_session_subprotocol(client.session, &part));
    IS(WEBSANS_STATUS_ORDER, websans_session_close_status(client.session, &status));
    IS(WEBSANS_STATUS_ORDER, websans_session_error(client.session, &error));
    give(&client, &server, 0);
    OK(next_event(&server));
    /* A session's request is the session's. */
    IS(WEBSANS_STATUS_ORDER, websans_request_accept(server.event.request, NULL, server.tx, &connection));
    websans_request_free(server.event.request);
    CHECK(websans_request_header_count(server.event.request) > 0);
    OK(websans_session_accept(server.session, NULL, server.tx));
    IS(WEBSANS_STATUS_ORDER, websans_session_accept(server.session, NULL, server.tx));
    IS(WEBSANS_STATUS_ORDER, websans_session_reject(server.session, &reject, server.tx));
    IS(WEBSANS_STATUS_ORDER, websans_session_deflate(server.session, &deflate));
    give(&server, &client, 0);
    OK(next_event(&client));
    websans_response_free(client.event.response);
    CHECK(websans_response_status(client.event.response) == 101);

    /* Double close. */
    OK(websans_session_close(client.session, 1000, NULL, 0, client.tx));
    IS(WEBSANS_STATUS_SEND_CLOSED, websans_session_close(client.session, 1000, NULL, 0, client.tx));
    IS(WEBSANS_STATUS_SEND_CLOSED, websans_session_send_text(client.session, TEXT("x"), client.tx));
    /* Reports that nothing led to. */
    OK(websans_session_handle_flushed(client.session, 5));
    OK(websans_session_handle_shut_down(client.session));
    OK(websans_session_handle_written(client.session, SIZE_MAX, 3));
    OK(websans_session_handle_read(client.session, SIZE_MAX, UINT64_MAX));
    OK(websans_session_handle_timeout(client.session, 0));
    OK(websans_session_handle_write_error(client.session, client.tx));
    OK(websans_session_handle_write_error(client.session, client.tx));
    OK(websans_session_handle_read(client.session, 0, 0));
    OK(websans_session_handle_read(client.session, 0, 0));
    (void)next_event(&client);
    (void)websans_session_next_io(client.session, client.tx, 0);
    free_end(&client);
    free_end(&server);
}

static void a_buffer_is_not_sent_into_itself(void) {
    websans_connection *connection;
    websans_send_buf *tx = websans_send_buf_new(NULL);
    websans_recv_buf *rx = websans_recv_buf_new(NULL);
    const uint8_t *data;
    size_t len, i;

    OK(websans_connection_new(WEBSANS_ROLE_SERVER, NULL, NULL, 0, &connection));
    OK(websans_connection_send_text(connection, TEXT("Hello"), tx));
    OK(websans_send_buf_data(tx, &data, &len));
    IS(WEBSANS_STATUS_ALIASED, websans_connection_send_binary(connection, data, len, tx));
    IS(WEBSANS_STATUS_ALIASED, websans_connection_send_ping(connection, data + 3, 1, tx));
    OK(websans_recv_buf_extend(rx, TEXT("0123456789")));
    for (i = 0; i < 10; i++) { /* it moves, and doubles */
        OK(websans_recv_buf_unread(rx, &data, &len));
        OK(websans_recv_buf_extend(rx, data, len));
    }
    OK(websans_recv_buf_unread(rx, &data, &len));
    CHECK(len == 10240 && memcmp(data + 10230, "0123456789", 10) == 0);
    websans_connection_free(connection);
    websans_send_buf_free(tx);
    websans_recv_buf_free(rx);
}

typedef struct {
    websans_connection *connection;
    websans_send_buf *tx;
    int calls;
} came_back;

static void free_that_comes_back(void *context, const uint8_t *data, size_t len) {
    came_back *it = (came_back *)context;
    const uint8_t *other;
    (void)data, (void)len;
    it->calls++;
    IS(WEBSANS_STATUS_BUSY, websans_send_buf_consume(it->tx, 1));
    IS(WEBSANS_STATUS_BUSY, websans_send_buf_data(it->tx, &other, &len));
    websans_send_buf_free(it->tx); /* which does nothing */
}

static int random_that_comes_back(void *context, uint8_t *bytes, size_t len) {
    came_back *it = (came_back *)context;
    it->calls++;
    memset(bytes, 1, len);
    IS(WEBSANS_STATUS_BUSY, websans_connection_send_text(it->connection, TEXT("x"), it->tx));
    IS(WEBSANS_STATUS_BUSY, websans_send_buf_clear(it->tx));
    CHECK(!websans_connection_is_open(it->connection));
    return 0;
}

static void callbacks_that_come_back_find_the_handles_busy(void) {
    websans_config *config = websans_config_new();
    websans_message message;
    uint8_t *payload = (uint8_t *)calloc(1, 8192);
    came_back it;

    it.calls = 0;
    it.tx = websans_send_buf_new(NULL);
    OK(websans_connection_new(WEBSANS_ROLE_SERVER, NULL, NULL, 0, &it.connection));
    memset(&message, 0, sizeof message);
    message.size = sizeof message;
    message.opcode = WEBSANS_BINARY;
    message.data = payload;
    message.len = 8192;
    message.free = free_that_comes_back;
    message.context = &it;
    OK(websans_connection_send(it.connection, &message, it.tx));
    OK(websans_send_buf_consume(it.tx, 100000));
    CHECK(it.calls == 1 && websans_send_buf_is_empty(it.tx));
    websans_connection_free(it.connection);

    OK(websans_config_set_random(config, random_that_comes_back, &it));
    OK(websans_connection_new(WEBSANS_ROLE_CLIENT, config, NULL, 0, &it.connection));
    OK(websans_connection_send_text(it.connection, TEXT("x"), it.tx));
    CHECK(it.calls >= 2);
    websans_connection_free(it.connection);
    websans_send_buf_free(it.tx);
    websans_config_free(config);
    free(payload);
}

int main(void) {
    websans_error error;
    error.size = sizeof error;
    IS(WEBSANS_STATUS_ORDER, websans_last_error(&error));
    null_is_an_error_everywhere();
    a_handle_of_another_type_is_found_out();
    sizes_that_were_not_set_are_errors();
    lengths_that_cannot_be_are_errors();
    calls_out_of_order_are_errors();
    a_buffer_is_not_sent_into_itself();
    callbacks_that_come_back_find_the_handles_busy();
    puts("misuse: ok");
    return 0;
}

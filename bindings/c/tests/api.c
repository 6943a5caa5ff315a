/* What the functions of websans.h do when they are used as they are meant to be. */
#include "check.h"

static void the_handshake_shows_what_was_asked_and_answered(void) {
    websans_connect connect = connect_to_uri("ws://example.com:8080/chat/a?room=1");
    websans_header sent[2] = {{{0, 0}, {0, 0}}, {{0, 0}, {0, 0}}};
    websans_bytes offered[2] = {{0, 0}, {0, 0}}, part;
    websans_header field;
    websans_accept accept;
    websans_deflate deflate;
    websans_config *config = websans_config_new();
    end_point client, server;
    websans_request *request;

    websans_deflate_init(&deflate);
    deflate.server_no_context_takeover = 1;
    OK(websans_config_set_deflate(config, &deflate));
    sent[0].name = bytes_of("Origin");
    sent[0].value = bytes_of("http://example.com:8080");
    sent[1].name = bytes_of("X-Token");
    sent[1].value = bytes_of("secret");
    offered[0] = bytes_of("chat.v2");
    offered[1] = bytes_of("chat");
    connect.headers = sent;
    connect.header_count = 2;
    connect.subprotocols = offered;
    connect.subprotocol_count = 2;
    new_ends(&client, &server, &connect, config);
    CHECK(websans_session_role(client.session) == WEBSANS_ROLE_CLIENT);
    CHECK(websans_session_role(server.session) == WEBSANS_ROLE_SERVER);
    CHECK(websans_session_state(client.session) == WEBSANS_STATE_CONNECTING);
    CHECK(websans_session_next_timeout(client.session) == 10000000000u);
    give(&client, &server, 0);

    OK(next_event(&server));
    CHECK(server.event.kind == WEBSANS_EVENT_KIND_REQUEST && server.event.response == NULL);
    request = server.event.request;
    OK(websans_request_resource_name(request, &part));
    CHECK(same(part, "/chat/a?room=1"));
    OK(websans_request_path(request, &part));
    CHECK(same(part, "/chat/a"));
    OK(websans_request_query(request, &part));
    CHECK(same(part, "room=1"));
    OK(websans_request_host(request, &part));
    CHECK(same(part, "example.com:8080"));
    OK(websans_request_origin(request, &part));
    CHECK(same(part, "http://example.com:8080"));
    CHECK(websans_request_is_same_origin(request));
    OK(websans_request_header(request, TEXT("x-token"), &part));
    CHECK(same(part, "secret"));
    OK(websans_request_header(request, TEXT("x-none"), &part));
    CHECK(part.data == NULL && part.len == 0);
    CHECK(websans_request_header_count(request) == 9);
    OK(websans_request_header_at(request, 0, &field));
    CHECK(same(field.name, "Host") && same(field.value, "example.com:8080"));
    IS(WEBSANS_STATUS_VALUE, websans_request_header_at(request, 9, &field));
    CHECK(websans_request_subprotocol_count(request) == 2);
    OK(websans_request_subprotocol_at(request, 1, &part));
    CHECK(same(part, "chat"));
    CHECK(websans_request_extension_count(request) == 1);
    OK(websans_request_extension_at(request, 0, &part));
    CHECK(part.len > 18 && memcmp(part.data, "permessage-deflate", 18) == 0);

    memset(&accept, 0, sizeof accept);
    accept.size = sizeof accept;
    accept.subprotocol = bytes_of("other");
    IS(WEBSANS_STATUS_REQUEST_SUBPROTOCOL_NOT_OFFERED,
       websans_session_accept(server.session, &accept, server.tx));
    CHECK(websans_send_buf_is_empty(server.tx));
    accept.subprotocol = bytes_of("chat");
    accept.headers = &sent[1];
    accept.header_count = 1;
    OK(websans_session_accept(server.session, &accept, server.tx));
    OK(websans_session_subprotocol(server.session, &part));
    CHECK(same(part, "chat"));
    give(&server, &client, 0);

    OK(next_event(&client));
    CHECK(client.event.kind == WEBSANS_EVENT_KIND_ACCEPTED);
    CHECK(websans_response_status(client.event.response) == 101);
    OK(websans_response_subprotocol(client.event.response, &part));
    CHECK(same(part, "chat"));
    OK(websans_response_header(client.event.response, TEXT("X-Token"), &part));
    CHECK(same(part, "secret"));
    memset(&deflate, 0, sizeof deflate);
    deflate.size = sizeof deflate;
    OK(websans_session_deflate(client.session, &deflate));
    CHECK(deflate.server_no_context_takeover == 1 && deflate.client_max_window_bits == 15);
    free_end(&client);
    free_end(&server);
    websans_config_free(config);
}

static void a_refusal_comes_with_its_status_fields_and_body(void) {
    websans_connect connect = connect_to_uri("ws://example.com/");
    websans_header field = {bytes_of("Location"), bytes_of("/login")};
    websans_reject reject;
    websans_bytes part;
    websans_error error;
    end_point client, server;

    new_ends(&client, &server, &connect, NULL);
    give(&client, &server, 0);
    OK(next_event(&server));
    memset(&reject, 0, sizeof reject);
    reject.size = sizeof reject;
    reject.status = 101;
    IS(WEBSANS_STATUS_REQUEST_STATUS, websans_session_reject(server.session, &reject, server.tx));
    reject.status = 302;
    reject.headers = &field;
    reject.header_count = 1;
    reject.body = bytes_of("not here");
    OK(websans_session_reject(server.session, &reject, server.tx));
    IS(WEBSANS_STATUS_ORDER, websans_session_reject(server.session, &reject, server.tx));
    give(&server, &client, 0);
    OK(next_event(&client));
    CHECK(client.event.kind == WEBSANS_EVENT_KIND_REFUSED);
    CHECK(websans_response_status(client.event.response) == 302);
    OK(websans_response_body(client.event.response, &part));
    CHECK(same(part, "not here") && websans_response_body_is_complete(client.event.response));
    OK(websans_response_header(client.event.response, TEXT("location"), &part));
    CHECK(same(part, "/login"));
    OK(websans_response_reason(client.event.response, &part));
    CHECK(websans_response_header_count(client.event.response) >= 2);
    IS(WEBSANS_STATUS_HANDSHAKE_REFUSED, next_event(&client));
    error.size = sizeof error;
    OK(websans_session_error(client.session, &error));
    CHECK(error.status == WEBSANS_STATUS_HANDSHAKE_REFUSED && error.http_status == 302);
    CHECK(websans_session_next_io(client.session, client.tx, 0) == WEBSANS_IO_CLOSE);
    free_end(&client);
    free_end(&server);
}

static void messages_are_echoed_and_the_connection_is_closed(void) {
    websans_close_status status;
    end_point client, server;

    open_ends(&client, &server, NULL);
    OK(websans_session_send_text(client.session, TEXT("Hello"), client.tx));
    OK(websans_session_send_binary(client.session, TEXT("\x01\x02"), client.tx));
    OK(websans_session_send_ping(client.session, TEXT("p"), client.tx));
    give(&client, &server, 0);
    OK(next_event(&server));
    CHECK(event_is(&server.event, WEBSANS_EVENT_KIND_TEXT, "Hello"));
    CHECK(server.event.first && server.event.last);
    OK(websans_session_send_text(server.session, server.event.data, server.event.len, server.tx));
    OK(next_event(&server));
    CHECK(event_is(&server.event, WEBSANS_EVENT_KIND_BINARY, "\x01\x02"));
    OK(next_event(&server));
    CHECK(event_is(&server.event, WEBSANS_EVENT_KIND_PING, "p"));
    OK(next_event(&server));
    CHECK(server.event.kind == WEBSANS_EVENT_KIND_NONE);
    give(&server, &client, 0);
    OK(next_event(&client));
    CHECK(event_is(&client.event, WEBSANS_EVENT_KIND_TEXT, "Hello"));
    OK(next_event(&client));
    CHECK(event_is(&client.event, WEBSANS_EVENT_KIND_PONG, "p"));

    status.size = sizeof status;
    IS(WEBSANS_STATUS_ORDER, websans_session_close_status(client.session, &status));
    OK(websans_session_close(client.session, 4000, TEXT("done"), client.tx));
    CHECK(websans_session_state(client.session) == WEBSANS_STATE_CLOSING);
    give(&client, &server, 0);
    OK(next_event(&server));
    CHECK(event_is(&server.event, WEBSANS_EVENT_KIND_CLOSE, "done"));
    CHECK(server.event.close_code == 4000);
    CHECK(websans_session_state(server.session) == WEBSANS_STATE_CLOSED);
    CHECK(websans_session_next_io(server.session, server.tx, 0) == WEBSANS_IO_WRITE);
    give(&server, &client, 0);
    CHECK(websans_session_next_io(server.session, server.tx, 0) == WEBSANS_IO_SHUT_DOWN);
    OK(websans_session_handle_shut_down(server.session));
    CHECK(websans_session_next_io(server.session, server.tx, 0) == WEBSANS_IO_DRAIN);
    OK(next_event(&client));
    CHECK(client.event.kind == WEBSANS_EVENT_KIND_CLOSE);
    OK(websans_session_handle_read(client.session, 0, 0));
    CHECK(websans_session_next_io(client.session, client.tx, 0) == WEBSANS_IO_CLOSE);
    OK(websans_session_handle_read(server.session, 0, 0));
    CHECK(websans_session_next_io(server.session, server.tx, 0) == WEBSANS_IO_CLOSE);
    OK(websans_session_close_status(server.session, &status));
    CHECK(status.code == 4000 && status.clean && !status.failed && status.reason_len == 4);
    free_end(&client);
    free_end(&server);
}

static void an_error_of_the_peer_has_its_rule_and_close_code(void) {
    websans_error error;
    end_point client, server;
    const uint8_t bad[] = {0x83, 0x80, 0, 0, 0, 0};

    open_ends(&client, &server, NULL);
    OK(websans_recv_buf_extend(server.rx, bad, sizeof bad));
    OK(websans_session_handle_read(server.session, sizeof bad, 0));
    IS(WEBSANS_STATUS_RESERVED_OPCODE, next_event(&server));
    error.size = sizeof error;
    OK(websans_last_error(&error));
    CHECK(error.status == WEBSANS_STATUS_RESERVED_OPCODE && error.close_code == 1002);
    CHECK(strcmp(error.rule, "RFC 6455 section 5.2") == 0);
    CHECK(strcmp((const char *)error.text, "reserved opcode 0x3") == 0);
    IS(WEBSANS_STATUS_RESERVED_OPCODE, next_event(&server));
    give(&server, &client, 0);
    OK(next_event(&client));
    CHECK(client.event.kind == WEBSANS_EVENT_KIND_CLOSE && client.event.close_code == 1002);
    free_end(&client);
    free_end(&server);
}

static void parts_come_as_they_arrive_and_go_out_as_they_are_made(void) {
    websans_message message;
    end_point client, server;
    size_t taken;

    open_ends(&client, &server, NULL);
    memset(&message, 0, sizeof message);
    message.size = sizeof message;
    message.opcode = WEBSANS_TEXT;
    message.data = U8("to be ");
    message.len = 6;
    message.flags = WEBSANS_MESSAGE_PART;
    OK(websans_session_send(server.session, &message, server.tx));
    IS(WEBSANS_STATUS_SEND_MESSAGE_IN_PROGRESS,
       websans_session_send_binary(server.session, TEXT("x"), server.tx));
    give(&server, &client, 0);
    OK(websans_session_next_partial(client.session, client.rx, client.tx, &client.event));
    CHECK(event_is(&client.event, WEBSANS_EVENT_KIND_TEXT, "to be "));
    CHECK(client.event.first && !client.event.last);
    OK(websans_session_send_header(server.session, WEBSANS_TEXT, WEBSANS_MESSAGE_LAST_PART, 9, server.tx));
    OK(websans_send_buf_extend_payload(server.tx, TEXT("continued"), &taken));
    CHECK(taken == 9 && websans_send_buf_payload_remaining(server.tx) == 0);
    give(&server, &client, 0);
    OK(websans_session_next_partial(client.session, client.rx, client.tx, &client.event));
    CHECK(event_is(&client.event, WEBSANS_EVENT_KIND_TEXT, "continued"));
    CHECK(!client.event.first && client.event.last);
    free_end(&client);
    free_end(&server);
}

static int freed;

static void count_free(void *context, const uint8_t *data, size_t len) {
    CHECK(context == (void *)&freed && data != NULL);
    (void)len;
    freed++;
    free((void *)(uintptr_t)data);
}

static websans_message handed_over(size_t len, uint8_t opcode, uint8_t fill) {
    uint8_t *data = (uint8_t *)malloc(len);
    websans_message message;
    memset(data, fill, len);
    memset(&message, 0, sizeof message);
    message.size = sizeof message;
    message.data = data;
    message.len = len;
    message.opcode = opcode;
    message.free = count_free;
    message.context = &freed;
    return message;
}

static void a_payload_that_is_handed_over_is_sent_from_where_it_lies_and_freed_once(void) {
    end_point client, server;
    websans_message message;
    struct iovec pieces[4];
    size_t count;

    open_ends(&client, &server, NULL);
    freed = 0;
    message = handed_over(100000, WEBSANS_BINARY, 7);
    OK(websans_session_send(server.session, &message, server.tx));
    CHECK(freed == 0 && websans_send_buf_capacity(server.tx) < 1000);
    OK(websans_session_send_text(server.session, TEXT("after"), server.tx));
    OK(websans_send_buf_iovec(server.tx, pieces, 4, &count));
    CHECK(count == 3 && pieces[0].iov_len == 10 && pieces[1].iov_len == 100000);
    CHECK(pieces[1].iov_base == (const void *)message.data);
    OK(websans_send_buf_iovec(server.tx, pieces, 1, &count));
    CHECK(count == 1);
    OK(websans_send_buf_consume(server.tx, 100000));
    CHECK(freed == 0);
    OK(websans_send_buf_consume(server.tx, 10));
    CHECK(freed == 1);

    /* Short ones and those of a client are copied. */
    message = handed_over(100, WEBSANS_BINARY, 7);
    OK(websans_session_send(server.session, &message, server.tx));
    CHECK(freed == 2);
    message = handed_over(100000, WEBSANS_TEXT, 'x');
    OK(websans_session_send(client.session, &message, client.tx));
    CHECK(freed == 3);
    /* So is it freed where it cannot be sent. */
    message = handed_over(100, WEBSANS_TEXT, 0xff);
    IS(WEBSANS_STATUS_UTF8, websans_session_send(server.session, &message, server.tx));
    CHECK(freed == 4);
    message = handed_over(100, 9, 0);
    IS(WEBSANS_STATUS_VALUE, websans_session_send(server.session, &message, server.tx));
    CHECK(freed == 5);
    message = handed_over(5000, WEBSANS_TEXT, 'x');
    OK(websans_session_send(server.session, &message, server.tx));
    CHECK(freed == 5);
    free_end(&client);
    free_end(&server);
    CHECK(freed == 6);
}

static void compressed_messages_come_out_as_they_were(void) {
    websans_config *config = websans_config_new();
    websans_deflate deflate;
    end_point client, server;
    char text[5000];
    size_t before;

    websans_deflate_init(&deflate);
    OK(websans_config_set_deflate(config, &deflate));
    open_ends(&client, &server, config);
    memset(text, 'a', sizeof text);
    OK(websans_session_send_text(client.session, U8(text), sizeof text, client.tx));
    before = (size_t)websans_send_buf_len(client.tx);
    CHECK(before < 100);
    give(&client, &server, 0);
    OK(next_event(&server));
    CHECK(server.event.len == sizeof text && memcmp(server.event.data, text, sizeof text) == 0);
    OK(websans_session_release(server.session));
    free_end(&client);
    free_end(&server);
    websans_config_free(config);
}

static void deadlines_are_those_of_the_config(void) {
    websans_config *config = websans_config_new();
    websans_deadlines deadlines;
    end_point client, server;

    websans_deadlines_init(&deadlines);
    deadlines.ping_interval = 1000000000u;
    deadlines.pong = 500000000u;
    OK(websans_config_set_deadlines(config, &deadlines));
    open_ends(&client, &server, config);
    CHECK(websans_session_next_timeout(client.session) == 1000000000u);
    OK(websans_session_handle_timeout(client.session, 1000000000u));
    OK(next_event(&client));
    give(&client, &server, 1000000000u);
    OK(next_event(&server));
    CHECK(server.event.kind == WEBSANS_EVENT_KIND_PING && server.event.len == 4);
    give(&server, &client, 1100000000u);
    OK(next_event(&client));
    CHECK(client.event.kind == WEBSANS_EVENT_KIND_PONG);
    CHECK(websans_session_round_trip_time(client.session) == 100000000u);
    OK(websans_session_handle_timeout(client.session, 2100000000u));
    OK(next_event(&client));
    OK(websans_session_handle_timeout(client.session, 2600000000u));
    IS(WEBSANS_STATUS_TIMEOUT_PONG, next_event(&client));
    free_end(&client);
    free_end(&server);
    websans_config_free(config);
}

static int fixed_random(void *context, uint8_t *bytes, size_t len) {
    memset(bytes, *(const uint8_t *)context, len);
    return 0;
}

static int no_random(void *context, uint8_t *bytes, size_t len) {
    (void)context, (void)bytes, (void)len;
    return 1;
}

static void masking_keys_come_from_the_callback_of_the_config(void) {
    websans_config *config = websans_config_new(), *other = websans_config_new();
    websans_connection *one, *two, *none;
    websans_send_buf *tx = websans_send_buf_new(NULL);
    uint8_t first = 1, second = 2;
    const uint8_t *data;
    size_t len;
    const uint8_t masked_1[] = {0x82, 0x81, 1, 1, 1, 1, 'x' ^ 1};
    const uint8_t masked_2[] = {0x82, 0x81, 2, 2, 2, 2, 'x' ^ 2};

    OK(websans_config_set_random(config, fixed_random, &first));
    OK(websans_connection_new(WEBSANS_ROLE_CLIENT, config, NULL, 0, &one));
    OK(websans_config_set_random(config, fixed_random, &second));
    OK(websans_connection_new(WEBSANS_ROLE_CLIENT, config, NULL, 0, &two));
    OK(websans_config_set_random(other, no_random, NULL));
    OK(websans_connection_new(WEBSANS_ROLE_CLIENT, other, NULL, 0, &none));
    OK(websans_connection_send_binary(one, TEXT("x"), tx));
    OK(websans_connection_send_binary(two, TEXT("x"), tx));
    IS(WEBSANS_STATUS_SEND_NO_ENTROPY, websans_connection_send_binary(none, TEXT("x"), tx));
    OK(websans_send_buf_data(tx, &data, &len));
    CHECK(len == 14 && memcmp(data, masked_1, 7) == 0 && memcmp(data + 7, masked_2, 7) == 0);
    websans_connection_free(one);
    websans_connection_free(two);
    websans_connection_free(none);
    websans_config_free(config);
    websans_config_free(other);
    websans_send_buf_free(tx);
}

static void handshakes_by_themselves_make_connections(void) {
    websans_connect connect = connect_to_uri("ws://example.com/x");
    websans_recv_buf *server_rx = websans_recv_buf_new(NULL), *client_rx = websans_recv_buf_new(NULL);
    websans_send_buf *server_tx = websans_send_buf_new(NULL), *client_tx = websans_send_buf_new(NULL);
    websans_server_handshake *server_handshake;
    websans_client_handshake *client_handshake;
    websans_connection *server, *client, *again;
    websans_request *request;
    websans_response *response;
    websans_session *session;
    websans_event event;
    websans_close_status status;
    uint8_t key[28];

    OK(websans_client_handshake_new(&connect, NULL, client_tx, &client_handshake));
    OK(websans_server_handshake_new(NULL, &server_handshake));
    OK(websans_server_handshake_next_request(server_handshake, server_rx, server_tx, &request));
    CHECK(request == NULL);
    move_all(client_tx, server_rx);
    OK(websans_server_handshake_next_request(server_handshake, server_rx, server_tx, &request));
    CHECK(request != NULL);
    OK(websans_request_accept(request, NULL, server_tx, &server));
    IS(WEBSANS_STATUS_ORDER, websans_request_accept(request, NULL, server_tx, &again));
    websans_request_free(request);
    websans_server_handshake_free(server_handshake);
    IS(WEBSANS_STATUS_ORDER, websans_client_handshake_connection(client_handshake, &client));
    move_all(server_tx, client_rx);
    OK(websans_client_handshake_next_response(client_handshake, client_rx, &response));
    CHECK(websans_response_status(response) == 101);
    websans_response_free(response);
    OK(websans_client_handshake_connection(client_handshake, &client));
    IS(WEBSANS_STATUS_ORDER, websans_client_handshake_connection(client_handshake, &again));
    websans_client_handshake_free(client_handshake);

    event.size = sizeof event;
    OK(websans_connection_send_text(client, TEXT("hi"), client_tx));
    move_all(client_tx, server_rx);
    OK(websans_connection_next_event(server, server_rx, server_tx, &event));
    CHECK(event_is(&event, WEBSANS_EVENT_KIND_TEXT, "hi"));
    CHECK(websans_connection_role(server) == WEBSANS_ROLE_SERVER);
    OK(websans_session_open(server, NULL, 0, &session));
    OK(websans_session_send_text(session, TEXT("ho"), server_tx));
    move_all(server_tx, client_rx);
    OK(websans_connection_next_partial(client, client_rx, client_tx, &event));
    CHECK(event_is(&event, WEBSANS_EVENT_KIND_TEXT, "ho"));
    OK(websans_connection_handle_eof(client));
    IS(WEBSANS_STATUS_EOF, websans_connection_next_event(client, client_rx, client_tx, &event));
    status.size = sizeof status;
    OK(websans_connection_close_status(client, &status));
    CHECK(status.failed && status.code == 1006);
    OK(websans_accept_key(TEXT("dGhlIHNhbXBsZSBub25jZQ=="), key));
    CHECK(memcmp(key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28) == 0);
    websans_session_free(session);
    websans_connection_free(client);
    websans_recv_buf_free(server_rx);
    websans_recv_buf_free(client_rx);
    websans_send_buf_free(server_tx);
    websans_send_buf_free(client_tx);
}

static void extensions_that_were_agreed_on_elsewhere_are_used(void) {
    websans_connection *client;
    websans_deflate deflate;
    const char *answer = "permessage-deflate; client_max_window_bits=10";

    OK(websans_connection_new(WEBSANS_ROLE_CLIENT, NULL, TEXT(answer), &client));
    deflate.size = sizeof deflate;
    OK(websans_connection_deflate(client, &deflate));
    CHECK(deflate.client_max_window_bits == 10 && deflate.server_max_window_bits == 15);
    websans_connection_free(client);
    IS(WEBSANS_STATUS_HANDSHAKE_EXTENSION_NOT_OFFERED,
       websans_connection_new(WEBSANS_ROLE_CLIENT, NULL, TEXT("x-other"), &client));
}

static void a_prepared_message_goes_to_many(void) {
    websans_prepared *prepared;
    end_point client, server;
    int i;

    open_ends(&client, &server, NULL);
    OK(websans_prepared_new(WEBSANS_TEXT, TEXT("42.50"), &prepared));
    IS(WEBSANS_STATUS_UTF8, websans_prepared_new(WEBSANS_TEXT, TEXT("\xff"), &prepared));
    for (i = 0; i < 3; i++)
        OK(websans_session_send_prepared(server.session, prepared, server.tx));
    websans_prepared_free(prepared);
    give(&server, &client, 0);
    for (i = 0; i < 3; i++) {
        OK(next_event(&client));
        CHECK(event_is(&client.event, WEBSANS_EVENT_KIND_TEXT, "42.50"));
    }
    free_end(&client);
    free_end(&server);
}

static void a_message_can_be_taken_out_of_the_buffer(void) {
    websans_owned *owned;
    end_point client, server;
    const uint8_t *data;
    size_t len;

    open_ends(&client, &server, NULL);
    OK(websans_session_send_text(server.session, TEXT("kept"), server.tx));
    give(&server, &client, 0);
    OK(next_event(&client));
    OK(websans_recv_buf_take(client.rx, &owned));
    free_end(&client);
    free_end(&server);
    OK(websans_owned_data(owned, &data, &len));
    CHECK(len == 4 && memcmp(data, "kept", 4) == 0);
    websans_owned_free(owned);
}

static void frames_for_proxies(void) {
    const uint8_t wire[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58};
    const uint8_t long_form[] = {0x82, 0x7e, 0x00, 0x01};
    websans_frame_header header;
    uint8_t encoded[14], payload[5];
    size_t n, len, whole;

    for (n = 0; n < 6; n++) {
        OK(websans_frame_header_decode(wire, n, &header, &len));
        CHECK(len == 0);
    }
    OK(websans_frame_header_decode(wire, sizeof wire, &header, &len));
    CHECK(len == 6 && header.fin && header.opcode == 1 && header.masked && header.payload_len == 5);
    OK(websans_frame_header_encode(&header, encoded, &n));
    CHECK(n == 6 && memcmp(encoded, wire, 6) == 0);
    memcpy(payload, wire + 6, 5);
    OK(websans_mask(payload, 2, header.masking_key, 0));
    OK(websans_mask(payload + 2, 3, header.masking_key, 2));
    CHECK(memcmp(payload, "Hello", 5) == 0);
    IS(WEBSANS_STATUS_FRAME_LENGTH_NOT_MINIMAL,
       websans_frame_header_decode(long_form, sizeof long_form, &header, &len));
    OK(websans_utf8_whole(TEXT("a\xc3\xbc\xe2\x82"), &whole));
    CHECK(whole == 3);
    IS(WEBSANS_STATUS_INVALID_UTF8, websans_utf8_whole(TEXT("ab\xff"), &whole));
    CHECK(whole == 2);
}

static void a_uri_has_its_parts(void) {
    websans_uri *uri;
    websans_bytes part;

    OK(websans_uri_new(TEXT("wss://[::1]:9000/a b?c"), &uri));
    CHECK(websans_uri_is_secure(uri) && websans_uri_port(uri) == 9000);
    OK(websans_uri_host(uri, &part));
    CHECK(same(part, "::1"));
    OK(websans_uri_authority(uri, &part));
    CHECK(same(part, "[::1]:9000"));
    OK(websans_uri_resource_name(uri, &part));
    CHECK(same(part, "/a%20b?c"));
    websans_uri_free(uri);
    IS(WEBSANS_STATUS_URI_SCHEME, websans_uri_new(TEXT("http://x/"), &uri));
}

static void raw_frames_are_sent_as_they_are(void) {
    websans_frame_header header;
    websans_connection *server;
    websans_send_buf *tx = websans_send_buf_new(NULL);
    const uint8_t *data;
    size_t len;

    OK(websans_connection_new(WEBSANS_ROLE_SERVER, NULL, NULL, 0, &server));
    memset(&header, 0, sizeof header);
    header.fin = 1;
    header.rsv2 = 1;
    header.opcode = 3;
    OK(websans_connection_send_raw_frame(server, &header, TEXT("raw"), tx));
    OK(websans_send_buf_data(tx, &data, &len));
    CHECK(len == 5 && memcmp(data, "\xa3\x03raw", 5) == 0);
    websans_connection_free(server);
    websans_send_buf_free(tx);
}

int main(void) {
    CHECK(strcmp(websans_version(), "0.1.0") == 0);
    the_handshake_shows_what_was_asked_and_answered();
    a_refusal_comes_with_its_status_fields_and_body();
    messages_are_echoed_and_the_connection_is_closed();
    an_error_of_the_peer_has_its_rule_and_close_code();
    parts_come_as_they_arrive_and_go_out_as_they_are_made();
    a_payload_that_is_handed_over_is_sent_from_where_it_lies_and_freed_once();
    compressed_messages_come_out_as_they_were();
    deadlines_are_those_of_the_config();
    masking_keys_come_from_the_callback_of_the_config();
    handshakes_by_themselves_make_connections();
    extensions_that_were_agreed_on_elsewhere_are_used();
    a_prepared_message_goes_to_many();
    a_message_can_be_taken_out_of_the_buffer();
    frames_for_proxies();
    a_uri_has_its_parts();
    raw_frames_are_sent_as_they_are();
    puts("api: ok");
    return 0;
}

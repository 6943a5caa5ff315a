// An echo server on uWebSockets. It listens at a port of the system's choice on 127.0.0.1, and says
// which. The limits are those of uWebSockets' own EchoServer.cpp, without compression.

#include <cstdio>

#include "App.h"

struct PerSocketData {};

int main() {
    uWS::App()
        .ws<PerSocketData>(
            "/*",
            {
                .compression = uWS::DISABLED,
                .maxPayloadLength = 100 * 1024 * 1024,
                .idleTimeout = 120,
                .maxBackpressure = 100 * 1024 * 1024,
                .message = [](auto *ws, std::string_view message, uWS::OpCode opCode) {
                    ws->send(message, opCode);
                },
            })
        .listen("127.0.0.1", 0, [](auto *socket) {
            if (!socket) {
                std::fputs("cannot listen\n", stderr);
                std::exit(1);
            }
            int port = us_socket_local_port(0, reinterpret_cast<us_socket_t *>(socket));
            std::printf("ws://127.0.0.1:%d\n", port);
            std::fflush(stdout);
        })
        .run();
}

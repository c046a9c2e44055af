// host.cpp URL CA_FILE - runs the example's setup() on a PC.
#include "Arduino.h"
#include "board.h"
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

extern "C" unsigned long millis(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long)(uint32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);      // 32 bits, as on a board
}
extern "C" void delay(unsigned long ms) { usleep((useconds_t)(ms * 1000)); }
size_t Printer::write(const uint8_t *data, size_t len) { return fwrite(data, 1, len, stdout); }
size_t Printer::print(const char *text) { return (size_t)printf("%s", text); }
size_t Printer::println(const char *text) { return (size_t)printf("%s\n", text); }
Printer Serial;

class Socket : public Client {
    int fd = -1;
public:
    int connect(const char *host, uint16_t port) override {
        char service[8];
        struct addrinfo hints, *list;
        memset(&hints, 0, sizeof hints);
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_family = AF_INET;
        snprintf(service, sizeof service, "%d", port);
        if (getaddrinfo(host, service, &hints, &list) != 0) return 0;
        fd = socket(AF_INET, SOCK_STREAM, 0);
        int ok = ::connect(fd, list->ai_addr, list->ai_addrlen) == 0;
        freeaddrinfo(list);
        return ok;
    }
    size_t write(const uint8_t *buf, size_t size) override {
        ssize_t n = send(fd, buf, size < 100 ? size : 100, MSG_NOSIGNAL);
        return n > 0 ? (size_t)n : 0;
    }
    int available() override {
        int n = 0;
        return ioctl(fd, FIONREAD, &n) == 0 ? n : 0;
    }
    int read(uint8_t *buf, size_t size) override { return (int)recv(fd, buf, size, 0); }
    void stop() override { close(fd); fd = -1; }
    uint8_t connected() override {
        char c;
        return fd >= 0 && recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
    }
};
static Socket the_socket;
Client &network = the_socket;
const char *ROOTS, *KEY = "key-of-the-board", *URL;
void boardBegin() {}
bool boardRandom(void *data, size_t len) {
    FILE *f = fopen("/dev/urandom", "rb");
    bool ok = f != NULL && fread(data, 1, len, f) == len;
    if (f != NULL) fclose(f);
    return ok;
}
long long boardTime() { return time(NULL); }

int main(int, char **argv) {
    static char pem[65536];
    FILE *f = fopen(argv[2], "rb");
    if (f == NULL || fread(pem, 1, sizeof pem - 1, f) == 0) return 2;
    fclose(f);
    URL = argv[1];
    ROOTS = pem;
    setup();
    loop();
}

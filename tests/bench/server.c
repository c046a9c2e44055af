/* server.c: serves the stream of stream.h on a loopback socket, one piece at a time and in step with the
   client (side.h). The number of events is in the request's path: /N/... . Prints "PORT SIDE_PORT" and ends
   when its input does. */
#define _GNU_SOURCE 1
#include "stream.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int bound(int type, int *port) {
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, type, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a)) exit(1);
    if (getsockname(fd, (struct sockaddr *)&a, &len)) exit(1);
    *port = ntohs(a.sin_port);
    return fd;
}

/* Reads a request with its body, returns the number in its path, 0 at the end. */
static int read_request(int fd) {
    static char b[65536];
    size_t n = 0;
    for (;;) {
        ssize_t got = read(fd, b + n, sizeof b - 1 - n);
        char *end, *length;
        if (got <= 0) return 0;
        n += (size_t)got;
        b[n] = 0;
        end = strstr(b, "\r\n\r\n");
        length = strcasestr(b, "\r\ncontent-length:");
        if (end == NULL) continue;
        if (length != NULL && (size_t)(end + 4 - b) + strtoul(length + 17, NULL, 10) > n) continue;
        end = strchr(b, '/');
        return end != NULL ? atoi(end + 1) : 0;
    }
}

static int step(int side) {
    struct pollfd p = {side, POLLIN, 0};
    char c;
    if (poll(&p, 1, 10000) != 1) return 0;
    return recv(side, &c, 1, 0) == 1;
}

int main(void) {
    int port, side_port, one = 1, fd;
    int side = bound(SOCK_DGRAM, &side_port), listener = bound(SOCK_STREAM, &port);
    if (listen(listener, 8)) return 1;
    printf("%d %d\n", port, side_port);
    fflush(stdout);
    for (;;) {
        struct pollfd p[2] = {{listener, POLLIN, 0}, {0, POLLIN, 0}};
        int n;
        if (poll(p, 2, -1) < 0 || (p[1].revents & (POLLIN | POLLHUP))) return 0;
        fd = accept(listener, NULL, NULL);
        if (fd < 0) continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        while ((n = read_request(fd)) > 0) {
            static char piece[PIECE_MAX];
            for (int i = 0; i <= n + 1; i++) {
                size_t len = bench_piece(piece, i, n);
                if (i > 1 && !step(side)) return 1;   /* the client has handled piece i - 1 .. */
                usleep(1000);                         /* .. and waits for the next one by now */
                if (send(fd, piece, len, MSG_NOSIGNAL) != (ssize_t)len) break;
            }
        }
        close(fd);
    }
}

/* side.h: how a client tells server.c that it has handled a piece: one datagram each. The server sends the
   next piece a moment later, so that every piece is a read of its own, however slow the client runs. */
#ifndef BENCH_SIDE_H
#define BENCH_SIDE_H
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static inline int side_open(int port) {
    struct sockaddr_in a;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons((unsigned short)port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0 ? fd : -1;
}

static inline void side_step(int fd) {
    (void)!send(fd, "x", 1, 0);
}
#endif

/* test_net_getaddrinfo.c - LLM_USE_GETADDRINFO: the system's look-up in place of the resolver of our own */
#define LLM_USE_GETADDRINFO
#include "t.h"

static int listener(int *port) {
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)(void *)&a, n) != 0 || listen(fd, 5) != 0 ||
        getsockname(fd, (struct sockaddr *)(void *)&a, &n) != 0) exit(1);
    *port = ntohs(a.sin_port);
    return fd;
}

static int open_it(llm_net_conn *c, const char *host, int port) {
    int i, r = 0;
    memset(c, 0, sizeof *c);
    for (i = 0; i < 100 && (r = LLM_NET_OPEN(NULL, c, host, port, 100)) == 0; i++) {}
    return r;
}

int main(void) {
    llm_net_conn c;
    char buf[8], label[71];
    int port, server = listener(&port), peer;
    CHECK_INT(open_it(&c, "127.0.0.1", port), 1);
    LLM_NET_CLOSE(NULL, &c);
    close(accept(server, NULL, NULL));
    CHECK_INT(open_it(&c, "localhost", port), 1);
    CHECK(LLM_NET_FD(NULL, &c) >= 0);
    CHECK_INT(LLM_NET_SEND(NULL, &c, "ping", 4, 1000), 4);
    peer = accept(server, NULL, NULL);
    CHECK(read(peer, buf, 8) == 4 && write(peer, "pong!", 5) == 5);
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, 8, 1000), 5);
    close(peer);
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, 8, 1000), LLM_NET_CLOSED);
    LLM_NET_CLOSE(NULL, &c);
    memset(label, 'a', 70);              /* too long to be asked for on any network */
    label[70] = 0;
    CHECK_INT(open_it(&c, label, port), LLM_NET_NO_HOST);
    CHECK(LLM_NET_WHY(NULL, &c)[0] != 0);
    LLM_NET_CLOSE(NULL, &c);
    close(server);
    CHECK_INT(open_it(&c, "localhost", port), LLM_NET_REFUSED);
    LLM_NET_CLOSE(NULL, &c);
    return t_done();
}

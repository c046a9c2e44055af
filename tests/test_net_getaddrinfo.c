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

/* What getaddrinfo() gives is taken with its family and scope; other families are passed over. */
static void test_addresses(void) {
    struct sockaddr_in6 a6;
    struct sockaddr_in a4;
    struct sockaddr other;
    llmi_ip ip;
    memset(&a6, 0, sizeof a6);
    a6.sin6_family = AF_INET6;
    a6.sin6_scope_id = 3;
    a6.sin6_addr.s6_addr[0] = 0xFE;
    a6.sin6_addr.s6_addr[15] = 0x17;
    CHECK_INT(llmi_ip_from(&ip, (const struct sockaddr *)(const void *)&a6), 1);
    CHECK(ip.v6 && ip.scope == 3 && ip.bytes[0] == 0xFE && ip.bytes[15] == 0x17);
    memset(&a4, 0, sizeof a4);
    a4.sin_family = AF_INET;
    a4.sin_addr.s_addr = htonl(0xC0000207);
    CHECK_INT(llmi_ip_from(&ip, (const struct sockaddr *)(const void *)&a4), 1);
    CHECK(!ip.v6 && ip.scope == 0 && ip.bytes[0] == 192 && ip.bytes[3] == 7 && ip.bytes[4] == 0);
    memset(&other, 0, sizeof other);
    other.sa_family = AF_UNIX;
    CHECK_INT(llmi_ip_from(&ip, &other), 0);
}

int main(void) {
    llm_net_conn c;
    char buf[8], label[71];
    int port, server = listener(&port), peer;
    test_addresses();
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

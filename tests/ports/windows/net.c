/* net.c NAMESERVER: the hooks' defaults on Windows, one by one: clock, random, files; then sockets, the resolver and the
   waiting, against sockets of its own on the loopback address. NAMESERVER is the first one that the system has. It writes
   the system's hosts file: more_windows.sh runs it in a Wine prefix of its own. */
#define LLM_OPENAI_STATIC
#define LLM_DNS_PORT dns_port
static int dns_port = 53;
#define LLM_NO_TLS
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
#include <stdio.h>
#include <time.h>

static int passed, failed;
#define CHECK(x) check((x) != 0, #x, __LINE__)
static void check(int ok, const char *what, int line) {
    if (ok) {
        passed++;
        return;
    }
    failed++;
    printf("net.c:%d: FAILED %s\n", line, what);
}

static void write_file(const char *name, const char *text) {
    FILE *f = fopen(name, "wb");
    if (f == NULL) exit(2);
    fputs(text, f);
    fclose(f);
}

/* A socket on 127.0.0.1; *port is what it got. */
static SOCKET bound(int type, int *port) {
    struct sockaddr_in a;
    int n = sizeof a;
    SOCKET s = socket(AF_INET, type, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(s, (struct sockaddr *)&a, sizeof a) != 0 || getsockname(s, (struct sockaddr *)&a, &n) != 0) exit(2);
    *port = ntohs(a.sin_port);
    return s;
}

static int open_it(llm_net_conn *c, const char *host, int port) {
    int i, r = 0;
    memset(c, 0, sizeof *c);
    for (i = 0; i < 200 && r == 0; i++) r = LLM_NET_OPEN(NULL, c, host, port, 50);
    return r;
}

static void files_and_such(void) {
    char buf[16], other[16];
    uint64_t t = LLM_NOW_MS(NULL);
    int64_t now = LLM_UNIX_TIME(NULL), libc = (int64_t)time(NULL);
    write_file("file.txt", "0123456789");
    CHECK(LLM_FILE_READ(NULL, "file.txt", 0, buf, sizeof buf) == 10 && memcmp(buf, "0123456789", 10) == 0);
    CHECK(LLM_FILE_READ(NULL, "file.txt", 7, buf, 2) == 2 && memcmp(buf, "78", 2) == 0);
    CHECK(LLM_FILE_READ(NULL, "file.txt", 10, buf, 2) == 0);
    CHECK(LLM_FILE_READ(NULL, "file.txt", 1000, buf, 2) == 0);
    CHECK(LLM_FILE_READ(NULL, "none.txt", 0, buf, 2) < 0);
    CHECK(LLM_FILE_READ(NULL, ".", 0, buf, 2) < 0);
    CHECK(now - libc <= 1 && libc - now <= 1);
    LLM_SLEEP_MS(NULL, 60);
    CHECK(LLM_NOW_MS(NULL) - t >= 40 && LLM_NOW_MS(NULL) - t < 5000);
    memset(buf, 0, sizeof buf);
    memset(other, 0, sizeof other);
    CHECK(LLM_RANDOM(NULL, buf, sizeof buf) && LLM_RANDOM(NULL, other, sizeof other));
    CHECK(memcmp(buf, other, sizeof buf) != 0);
}

static void sockets(void) {
    int port, gone, i;
    SOCKET l = bound(SOCK_STREAM, &port), s = bound(SOCK_STREAM, &gone);
    llm_net_conn c, d;
    llm_wait_item items[70];
    char buf[8];
    uint64_t t;
    static const char big[65536];
    long r;
    int size;
    DWORD flags = 0;
    listen(l, 5);
    closesocket(s);
    CHECK(open_it(&c, "127.0.0.1", gone) == LLM_NET_REFUSED);
    CHECK(strcmp(LLM_NET_WHY(NULL, &c), "connection refused") == 0);
    LLM_NET_CLOSE(NULL, &c);

    CHECK(open_it(&c, "127.0.0.1", port) == 1);
    CHECK(LLM_NET_FD(NULL, &c) > 0);
    CHECK(GetHandleInformation((HANDLE)(SOCKET)(unsigned)LLM_NET_FD(NULL, &c), &flags) && (flags & HANDLE_FLAG_INHERIT) == 0);
    s = accept(l, NULL, NULL);
    CHECK(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 0) == 0);
    t = LLM_NOW_MS(NULL);
    CHECK(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 200) == 0);
    CHECK(LLM_NOW_MS(NULL) - t >= 150);
    CHECK(LLM_NET_SEND(NULL, &c, "abc", 3, 1000) == 3);
    CHECK(recv(s, buf, sizeof buf, 0) == 3);
    CHECK(send(s, "xyz", 3, 0) == 3);
    CHECK(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 1000) == 3 && memcmp(buf, "xyz", 3) == 0);

    /* waiting: an idle one, one that has something; then more of them than one look takes */
    CHECK(open_it(&d, "localhost", port) == 1);
    memset(items, 0, sizeof items);
    for (i = 0; i < 70; i++) items[i].wants = LLM_WANT_READ;
    items[0].conn = &d;
    items[69].conn = &c;
    CHECK(LLM_NET_WAIT(NULL, items, 70, 50) == 0);
    send(s, "!", 1, 0);
    CHECK(LLM_NET_WAIT(NULL, items, 70, 2000) == 1 && items[69].ready && !items[0].ready);
    items[1].conn = &c;
    CHECK(LLM_NET_WAIT(NULL, items, 2, 2000) == 1 && items[1].ready && !items[0].ready);
    items[0].wants = LLM_WANT_WRITE;
    CHECK(LLM_NET_WAIT(NULL, items, 2, 2000) == 2);
    LLM_NET_CLOSE(NULL, &d);
    CHECK(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 1000) == 1);

    /* a full pipe takes nothing more, and says so in time */
    size = 4096;
    setsockopt(s, SOL_SOCKET, SO_RCVBUF, (const char *)&size, sizeof size);
    setsockopt((SOCKET)(unsigned)LLM_NET_FD(NULL, &c), SOL_SOCKET, SO_SNDBUF, (const char *)&size, sizeof size);
    for (i = 0, r = 1; i < 10000 && r > 0; i++) r = LLM_NET_SEND(NULL, &c, big, sizeof big, 50);
    CHECK(r == 0);
    LLM_NET_CLOSE(NULL, &c);
    closesocket(s);

    CHECK(open_it(&c, "127.0.0.1", port) == 1);
    (void)accept(l, NULL, NULL);                       /* that of localhost */
    s = accept(l, NULL, NULL);
    closesocket(s);
    CHECK(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 1000) == LLM_NET_CLOSED);
    LLM_NET_CLOSE(NULL, &c);
    closesocket(l);
}

/* The system's hosts file gets this text. */
static void write_hosts(const char *text) {
    char path[MAX_PATH + 32];
    UINT n = GetSystemDirectoryA(path, MAX_PATH);
    if (n == 0 || n >= MAX_PATH) exit(2);
    strcpy(path + n, "\\drivers");
    (void)CreateDirectoryA(path, NULL);
    strcat(path, "\\etc");
    (void)CreateDirectoryA(path, NULL);
    strcat(path, "\\hosts");
    write_file(path, text);
}

/* The name server: one answer, 127.0.0.1, to each query for A, with so many bytes behind it; none to AAAA. */
static void answer(SOCKET s, int more) {
    static unsigned char p[4096];
    struct sockaddr_in from;
    int size = sizeof from, n = recvfrom(s, (char *)p, 512, 0, (struct sockaddr *)&from, &size);
    static const unsigned char rr[16] = {0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 1};
    if (n < 17) return;
    p[2] = 0x81;
    p[3] = 0x80;
    p[7] = p[n - 3] == 1;
    memcpy(p + n, rr, sizeof rr);
    memset(p + n + 16, 0, (size_t)more);
    sendto(s, (const char *)p, p[7] ? n + 16 + more : n, 0, (struct sockaddr *)&from, size);
}

/* Begins to look up api.test, with a name server on this machine in the place of the system's. */
static void ask(llm_net_conn *c) {
    int i;
    memset(c, 0, sizeof *c);
    llmi_net_start(NULL, c, "api.test", LLM_NOW_MS(NULL));
    CHECK(c->state == LLMI_NET_RESOLVE);
    c->servers = 1;
    c->timeout_ms = 100;
    llmi_ip_parse(&c->server[0], "127.0.0.1", 9);
    for (i = 1; i >= 0; i--) {
        llmi_dns_lookup *q = &c->lookup[i];
        llmi_dns_drop(q);
        q->server = q->sent = 0;
        q->bad = 0;
        llmi_dns_ask(NULL, c, q, LLM_NOW_MS(NULL));
    }
}

static void names(const char *system_server) {
    static const char *const no_server = "no name server gave an answer";
    llmi_resolv r;
    llmi_ip ip;
    llm_net_conn c;
    int port, i, more, result = 0;
    u_long on = 1;
    SOCKET l = bound(SOCK_STREAM, &port), s = bound(SOCK_DGRAM, &dns_port);
    listen(l, 5);
    ioctlsocket(s, (long)FIONBIO, &on);
    llmi_resolv_load(NULL, &r, -1);
    CHECK(r.servers >= 1 && r.timeout_ms > 0 && r.attempts > 0 && r.ndots == 1);
    CHECK(llmi_ip_parse(&ip, system_server, strlen(system_server)));
    for (i = 0; i < r.servers && memcmp(r.server[i].bytes, ip.bytes, 16) != 0; i++) {}
    CHECK(i < r.servers);

    write_hosts("# of the test\r\n127.0.0.1 box.test\r\n");
    CHECK(open_it(&c, "box.test", port) == 1);
    LLM_NET_CLOSE(NULL, &c);
    CHECK(llmi_ip_parse(&ip, "fe80::1%7", 9) && ip.scope == 7);

    /* a query over the sockets; an answer longer than any that was asked for, whose whole records are used */
    for (more = 0; more <= 2000; more += 2000) {
        ask(&c);
        for (i = 0, result = 0; i < 100 && result == 0; i++) {
            answer(s, more);
            result = LLM_NET_OPEN(NULL, &c, "api.test", port, 20);
        }
        CHECK(result == 1);
        LLM_NET_CLOSE(NULL, &c);
    }

    /* nobody listens there any more: the system says so, or it takes until the last try */
    closesocket(s);
    ask(&c);
    for (i = 0, result = 0; i < 200 && result == 0; i++) result = LLM_NET_OPEN(NULL, &c, "api.test", port, 50);
    CHECK(result == LLM_NET_NO_HOST && strcmp(LLM_NET_WHY(NULL, &c), no_server) == 0);
    LLM_NET_CLOSE(NULL, &c);
    closesocket(l);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    CHECK(LLM_NET_INIT(NULL));
    files_and_such();
    sockets();
    names(argv[1]);
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

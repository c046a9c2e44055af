/* test_net.c - the POSIX net hooks: numeric addresses, the two files, DNS messages, the resolver against a
   scripted name server, the race between addresses, time-outs, errors, descriptors. Loopback only, no root.
   The clock is a variable; the name server is this thread, which looks at each query before it answers. */
#define _GNU_SOURCE 1
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdarg.h>
#include <string.h>
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

static int t_dns_port = 1;
static const char *t_hosts_file = "data/net/hosts", *t_resolv_file = "data/net/one.conf";
static const char *t_dns_server = "127.0.0.1";
static uint64_t t_now = 1000000;
static int t_real_clock, t_random_fails;
static long t_recvs, t_setopts, t_polls;
static int t_longest;                    /* wait that a poll() was allowed */

static uint64_t t_real_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
static uint64_t t_clock(void) {
    return t_real_clock ? t_real_ms() : t_now;
}
static int t_random(void *buf, size_t n) {
    static uint64_t x = 88172645463325252u;
    unsigned char *p = (unsigned char *)buf;
    while (n-- > 0) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        *p++ = (unsigned char)x;
    }
    return !t_random_fails;
}
static ssize_t t_recv(int fd, void *p, size_t n, int flags) {
    t_recvs++;
    return recv(fd, p, n, flags);
}
static int t_setsockopt(int fd, int level, int name, const void *value, socklen_t n) {
    t_setopts++;
    return setsockopt(fd, level, name, value, n);
}
static int t_poll(struct pollfd *p, nfds_t n, int ms) {
    t_polls++;
    if (ms < 0 || ms > t_longest) t_longest = ms < 0 ? 1000000 : ms;
    return poll(p, n, ms);
}
#define LLM_DNS_PORT t_dns_port
#define LLM_HOSTS_FILE t_hosts_file
#define LLM_RESOLV_CONF t_resolv_file
#define LLM_DNS_SERVER t_dns_server
#define LLM_NOW_MS(ctx) ((void)(ctx), t_clock())
#define LLM_UNIX_TIME(ctx) ((void)(ctx), (int64_t)0)
#define LLM_SLEEP_MS(ctx, ms) ((void)(ctx), (void)(ms))
#define LLM_RANDOM(ctx, buf, n) ((void)(ctx), t_random((buf), (n)))
#define recv t_recv
#define setsockopt t_setsockopt
#define poll t_poll
#include "t.h"
#undef recv
#undef setsockopt
#undef poll

/* ---- helpers ------------------------------------------------------------------------------------------- */

static int fds(void) {
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    if (!d) return 0;
    while (readdir(d)) n++;
    closedir(d);
    return n - 3;                        /* ".", ".." and the folder itself */
}

static int has_epoll(void) {
    return LLMI_HAS_EPOLL;
}

/* A bound socket; port 0 = any, *port gets it. -1 if that cannot be. */
static int bound(int type, const char *ip, int *port) {
    struct sockaddr_storage a;
    struct sockaddr_in *a4 = (struct sockaddr_in *)(void *)&a;
    struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)(void *)&a;
    int v6 = strchr(ip, ':') != NULL, on = 1, fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);
    socklen_t n = v6 ? sizeof *a6 : sizeof *a4;
    if (fd < 0) return -1;
    memset(&a, 0, sizeof a);
    if (v6) {
        a6->sin6_family = AF_INET6;
        a6->sin6_port = htons((uint16_t)*port);
        inet_pton(AF_INET6, ip, &a6->sin6_addr);
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    } else {
        a4->sin_family = AF_INET;
        a4->sin_port = htons((uint16_t)*port);
        inet_pton(AF_INET, ip, &a4->sin_addr);
    }
    if (type == SOCK_STREAM) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)(void *)&a, n) != 0 ||
        getsockname(fd, (struct sockaddr *)(void *)&a, &n) != 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(v6 ? a6->sin6_port : a4->sin_port);
    return fd;
}

static int listener(const char *ip, int *port, int backlog) {
    int fd = bound(SOCK_STREAM, ip, port);
    if (fd >= 0 && listen(fd, backlog) != 0) exit(1);
    return fd;
}

static int ready(int fd, short events, int ms) {
    struct pollfd p;
    p.fd = fd;
    p.events = events;
    p.revents = 0;
    return poll(&p, 1, ms) > 0;
}

static char *peer_of(int fd) {
    static char text[64];
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    if (getpeername(fd, (struct sockaddr *)(void *)&a, &n) != 0) return NULL;
    inet_ntop(a.ss_family, a.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)(void *)&a)->sin_addr :
              (void *)&((struct sockaddr_in6 *)(void *)&a)->sin6_addr, text, sizeof text);
    return text;
}

static int t_port;                       /* of the TCP server */

/* OPEN with time-out 0: it must not wait, in whatever state. */
static int step(llm_net_conn *c, const char *host) {
    int r;
    t_longest = 0;
    r = LLM_NET_OPEN(NULL, c, host, t_port, 0);
    if (t_longest != 0) CHECK_INT(t_longest, 0);
    return r;
}

/* Until OPEN is over; the scripted clock stands. */
static int drive(llm_net_conn *c, const char *host) {
    int i, r = 0;
    for (i = 0; i < 1000 && (r = step(c, host)) == 0; i++) usleep(1000);
    return r;
}

static void close_conn(llm_net_conn *c) {
    LLM_NET_CLOSE(NULL, c);
}

static const char *ip_text(const llmi_ip *ip) {
    static char text[64];
    inet_ntop(ip->v6 ? AF_INET6 : AF_INET, ip->bytes, text, sizeof text);
    return text;
}

static void list_text(const llmi_ip_list *list, char *out) {
    int i;
    out[0] = 0;
    for (i = 0; i < list->n; i++) {
        if (i) strcat(out, ",");
        strcat(out, ip_text(&list->ip[i]));
    }
    if (list->n == 0) strcpy(out, "-");
}

/* ---- I/O-free parts ------------------------------------------------------------------------------------ */

static void test_ip(void) {
    llmi_ip ip;
    CHECK(llmi_ip_parse(&ip, "127.0.0.1", 9) && !ip.v6);
    CHECK_STR(ip_text(&ip), "127.0.0.1");
    CHECK(llmi_ip_parse(&ip, "[2001:db8::7]", 13) && ip.v6 && ip.scope == 0);
    CHECK_STR(ip_text(&ip), "2001:db8::7");
    CHECK(llmi_ip_parse(&ip, "::1", 3) && ip.v6);
    CHECK(llmi_ip_parse(&ip, "fe80::1%12", 10) && ip.scope == 12);
    CHECK(llmi_ip_parse(&ip, "fe80::1%lo", 10) && ip.scope > 0);
    CHECK(!llmi_ip_parse(&ip, "fe80::1%", 8));
    CHECK(!llmi_ip_parse(&ip, "fe80::1%nosuchif0", 17));
    CHECK(!llmi_ip_parse(&ip, "fe80::1%a-name-that-is-too-long", 31));
    CHECK(!llmi_ip_parse(&ip, "", 0));
    CHECK(!llmi_ip_parse(&ip, "[]", 2));
    CHECK(!llmi_ip_parse(&ip, "localhost", 9));
    CHECK(!llmi_ip_parse(&ip, "127.0.0", 7));
}

static void word_log(void *user, int field, const char *word, size_t n) {
    char *log = (char *)user;
    sprintf(log + strlen(log), "%d=%.*s(%d) ", field, n > 40 ? 40 : (int)n, word, (int)n);
}

static void test_words(void) {
    static const char text[] = "one two\tthree # four\n\n ;five\r\n six;seven\neight";
    char log[600], want[600], *big;
    llmi_words w;
    size_t i, n = strlen(text);
    strcpy(want, "0=one(3) 1=two(3) 2=three(5) 0=six(3) 0=eight(5) ");
    for (i = 0; i <= n; i++) {
        log[0] = 0;
        llmi_words_init(&w, word_log, log);
        llmi_words_feed(&w, text, i);
        llmi_words_feed(&w, text + i, n - i);
        llmi_words_feed(&w, "\n", 1);
        CHECK_STR(log, want);
    }
    log[0] = 0;
    llmi_words_init(&w, word_log, log);
    for (i = 0; i < n; i++) llmi_words_feed(&w, text + i, 1);
    llmi_words_feed(&w, "\n", 1);
    CHECK_STR(log, want);

    big = (char *)malloc(300);           /* 256 bytes are a word, 257 are reported as none */
    memset(big, 'x', 300);
    log[0] = 0;
    llmi_words_init(&w, word_log, log);
    llmi_words_feed(&w, big, 256);
    llmi_words_feed(&w, " ", 1);
    llmi_words_feed(&w, big, 257);
    llmi_words_feed(&w, "\n", 1);
    CHECK(strstr(log, "(256) ") && strstr(log, "1=(0) "));
    free(big);
}

static void hosts_of(const char *name, char *v4, char *v6) {
    llmi_hosts h;
    llmi_words w;
    llmi_ip_list list[2];
    memset(&h, 0, sizeof h);
    memset(list, 0, sizeof list);
    h.host = name;
    h.host_len = llmi_dns_host_len(name);
    h.list = list;
    llmi_words_init(&w, llmi_hosts_word, &h);
    llmi_words_file(NULL, &w, t_hosts_file);
    list_text(&list[0], v4);
    list_text(&list[1], v6);
}

static void test_hosts(void) {
    static const struct { const char *name, *v4, *v6; } rows[] = {
        {"good.test", "127.0.0.1", "-"}, {"alias.test", "127.0.0.1", "-"}, {"ALIAS.Test", "127.0.0.1", "-"},
        {"good.test.", "127.0.0.1", "-"}, {"hidden.test", "-", "-"}, {"good6.test", "-", "::1"},
        {"both.test", "127.0.0.1", "::1"}, {"broken.test", "-", "-"}, {"glued.test", "-", "-"},
        {"race.test", "127.0.0.2,127.0.0.1", "-"}, {"upper.test", "127.0.0.2", "-"},
        {"last.test", "127.0.0.9", "-"},
        {"six.test", "127.0.0.1,127.0.0.2,127.0.0.3,127.0.0.4", "-"}, {"after.test", "-", "-"},
        {"good.tes", "-", "-"}, {"127.0.0.1", "-", "-"},
    };
    char v4[200], v6[200];
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        t_case = rows[i].name;
        hosts_of(rows[i].name, v4, v6);
        CHECK_STR(v4, rows[i].v4);
        CHECK_STR(v6, rows[i].v6);
    }
    t_hosts_file = "data/net/no-such-file";
    hosts_of("good.test", v4, v6);
    CHECK_STR(v4, "-");
    t_hosts_file = "/dev/zero";          /* has no end: a limit holds, and one word without end is none */
    hosts_of("good.test", v4, v6);
    CHECK_STR(v4, "-");
    t_hosts_file = "data/net/hosts";
    t_case = "";
}

/* servers, time-out, attempts, ndots, number of domains, the one asked for */
static void resolv_text(const char *file, int want, char *out) {
    llmi_resolv r;
    int i;
    t_resolv_file = file;
    llmi_resolv_load(NULL, &r, want);
    out[0] = 0;
    for (i = 0; i < r.servers; i++) {
        sprintf(out + strlen(out), "%s%s", i ? "," : "", ip_text(&r.server[i]));
        if (r.server[i].scope) sprintf(out + strlen(out), "%%%u", r.server[i].scope);
    }
    sprintf(out + strlen(out), " %d %d %d %d %.*s", r.timeout_ms, r.attempts, r.ndots, r.domains,
            (int)r.domain_len, r.domain);
    t_resolv_file = "data/net/one.conf";
}

static void test_resolv(void) {
    char out[300];
    resolv_text("data/net/one.conf", -1, out);
    CHECK_STR(out, "127.0.0.1 2000 4 1 0 ");
    resolv_text("data/net/two.conf", -1, out);
    CHECK_STR(out, "127.0.0.1,127.0.0.2 1000 2 1 0 ");
    resolv_text("data/net/search.conf", -1, out);
    CHECK_STR(out, "127.0.0.1 30000 1 2 2 ");
    resolv_text("data/net/search.conf", 0, out);
    CHECK_STR(out, "127.0.0.1 30000 1 2 2 corp.example");
    resolv_text("data/net/search.conf", 1, out);
    CHECK_STR(out, "127.0.0.1 30000 1 2 2 lab.example");
    resolv_text("data/net/odd.conf", 0, out);
    CHECK_STR(out, "127.0.0.1 2000 4 1 1 ");
    resolv_text("data/net/four.conf", 0, out);
    CHECK_STR(out, "192.0.2.1,2001:db8::1,fe80::1%3 2000 4 1 1 home.example");
    resolv_text("data/net/no-such-file", 0, out);
    CHECK_STR(out, "127.0.0.1 2000 4 1 0 ");
}

static void test_localhost(void) {
    CHECK(llmi_is_localhost("localhost", 9) && llmi_is_localhost("LocalHost", 9));
    CHECK(llmi_is_localhost("a.localhost", 11) && llmi_is_localhost(".localhost", 10));
    CHECK(!llmi_is_localhost("notlocalhost", 12) && !llmi_is_localhost("localhost.com", 13));
    CHECK(!llmi_is_localhost("ocalhost", 8) && !llmi_is_localhost("", 0));
}

static size_t wire_name(unsigned char out[LLMI_DNS_NAME], const char *name) {
    size_t n = llmi_dns_name_add(out, 0, name, llmi_dns_host_len(name));
    if (n > 0) out[n++] = 0;
    return n;
}

static void test_names(void) {
    unsigned char out[LLMI_DNS_NAME], back[LLMI_DNS_NAME];
    char longest[300];
    size_t n, pos = 0, i;
    CHECK_INT(wire_name(out, "Api.Example.com"), 17);
    CHECK(memcmp(out, "\3api\7example\3com", 17) == 0);
    CHECK_INT(llmi_dns_name_get(out, 17, &pos, back), 17);
    CHECK(pos == 17 && memcmp(out, back, 17) == 0);
    for (i = 0; i < 17; i++) {
        pos = 0;
        CHECK_INT(llmi_dns_name_get(out, i, &pos, back), 0);
    }
    CHECK_INT(wire_name(out, ""), 0);
    CHECK_INT(wire_name(out, "."), 0);
    CHECK_INT(wire_name(out, ".a"), 0);
    CHECK_INT(wire_name(out, "a..b"), 0);
    CHECK_INT(wire_name(out, "a.."), 0);
    CHECK_INT(wire_name(out, "a b"), 0);
    CHECK_INT(wire_name(out, "a\tb"), 0);
    CHECK_INT(wire_name(out, "\xC3\xA4.example"), 0);
    CHECK_INT(wire_name(out, "_x-1.a."), 8);
    memset(longest, 'a', sizeof longest);
    longest[63] = longest[127] = longest[191] = '.';
    longest[253] = 0;                    /* 253 bytes of text are 255 on the wire */
    CHECK_INT(wire_name(out, longest), 255);
    longest[253] = 'a';
    longest[254] = 0;
    CHECK_INT(wire_name(out, longest), 0);
    memset(longest, 'a', 64);
    longest[64] = 0;
    CHECK_INT(wire_name(out, longest), 0);
    longest[63] = 0;
    CHECK_INT(wire_name(out, longest), 65);
    n = wire_name(out, "a");             /* with a search domain behind it */
    n = llmi_dns_name_add(out, n - 1, "b.c", 3);
    CHECK(n == 6 && memcmp(out, "\1a\1b\1c", 6) == 0);
}

static const char *result_name(llmi_dns_result r) {
    static const char *const names[] = {"NOT_OURS", "FOUND", "NO_DATA", "ALIAS", "NO_NAME", "CUT", "BAD"};
    return names[r];
}

typedef struct packet {
    char case_name[40], name[300], type[8], result[12], addrs[100];
    unsigned id;
    unsigned char bytes[1500];
    size_t n;
} packet;

static int next_packet(char **at, packet *k) {
    static char hex[3001];
    size_t i;
    while (**at == '#') *at = strchr(*at, '\n') + 1;
    if (sscanf(*at, "%39s %299s %7s %u %3000s %11s %99s", k->case_name, k->name, k->type, &k->id, hex,
               k->result, k->addrs) != 7) return 0;
    *at = strchr(*at, '\n') + 1;
    k->n = hex[0] == '-' ? 0 : strlen(hex) / 2;
    for (i = 0; i < k->n; i++) {
        unsigned v;
        sscanf(hex + 2 * i, "%2x", &v);
        k->bytes[i] = (unsigned char)v;
    }
    t_case = k->case_name;
    return 1;
}

/* Each packet as it is and cut off at every byte, flush against an unreadable page. A cut one is never ours
   unless the question is whole, and never shows an address that the whole one has not. */
static void one_packet(const packet *k, unsigned type) {
    unsigned char name[LLMI_DNS_NAME];
    char addrs[200], cut_addrs[200], *guarded;
    llmi_ip_list list;
    unsigned char end[LLMI_DNS_NAME];
    size_t end_len;
    size_t name_len = wire_name(name, k->name), i;
    llmi_dns_result r;
    for (i = 0; i <= k->n; i++) {
        guarded = t_guarded((const char *)k->bytes, i);
        r = llmi_dns_answer((unsigned char *)guarded, i, k->id, name, name_len, type, end, &end_len, &list);
        list_text(&list, i == k->n ? addrs : cut_addrs);
        t_unguard(guarded, i);
        if (i == k->n) {
            CHECK_STR(result_name(r), k->result);
            CHECK_STR(addrs, k->addrs);
        } else if (strcmp(k->result, "NOT_OURS") != 0) {
            if (i < 12 + name_len + 4) CHECK(r == LLMI_DNS_NOT_OURS);
            else CHECK(r != LLMI_DNS_NOT_OURS);
            CHECK((r == LLMI_DNS_FOUND) == (list.n > 0));
            if (list.n > 0) CHECK(strncmp(cut_addrs, k->addrs, strlen(cut_addrs)) == 0);
        }
    }
}

static void test_packets(void) {
    char *text = t_read_file("data/net/packets.txt", NULL), *at = text;
    unsigned char name[LLMI_DNS_NAME], out[LLMI_DNS_QUERY];
    static packet k;
    int count = 0;
    while (next_packet(&at, &k)) {
        unsigned type = strcmp(k.type, "A") == 0 ? LLMI_DNS_A : LLMI_DNS_AAAA;
        if (strcmp(k.result, "QUERY") == 0 || strcmp(k.result, "LARGE") == 0) {
            size_t n = llmi_dns_query(out, k.id, name, wire_name(name, k.name), type, k.result[0] == 'L');
            CHECK(n == k.n && memcmp(out, k.bytes, n) == 0);
        } else {
            one_packet(&k, type);
        }
        count++;
    }
    t_case = "";
    CHECK(count > 40);
    free(text);
}

/* Random damage behind the question: nothing is read past the end, there is an end, the packet stays the answer that it
   was, and it has an address exactly if it says so. */
static void test_damage(void) {
    char *text = t_read_file("data/net/packets.txt", NULL), *at = text, *guarded;
    unsigned char name[LLMI_DNS_NAME];
    static packet k;
    llmi_ip_list list;
    unsigned char end[LLMI_DNS_NAME];
    size_t end_len;
    llmi_dns_result result;
    int round, i, tried = 0, found = 0, lost = 0, wrong = 0;
    while (next_packet(&at, &k)) {
        size_t name_len = wire_name(name, k.name);
        unsigned type = strcmp(k.type, "A") == 0 ? LLMI_DNS_A : LLMI_DNS_AAAA;
        int ours = strstr("NOT_OURS QUERY LARGE", k.result) == NULL;
        if (k.n < 40 || k.n <= 12 + name_len + 4) continue;
        for (round = 0; round < 200; round++) {
            unsigned char r[16];
            guarded = t_guarded((const char *)k.bytes, k.n);
            t_random(r, sizeof r);
            for (i = 0; i < 1 + r[0] % 4; i++) {
                size_t where = 12 + name_len + 4;
                size_t to = where + (size_t)(r[2 * i + 1] | r[2 * i + 9] << 8) % (k.n - where);
                guarded[to] = (char)r[2 * i + 2];
            }
            result = llmi_dns_answer((unsigned char *)guarded, k.n, k.id, name, name_len, type, end, &end_len, &list);
            tried++;
            found += result == LLMI_DNS_FOUND;
            lost += result != LLMI_DNS_FOUND && strcmp(k.result, "FOUND") == 0;
            wrong += list.n < 0 || list.n > LLMI_NET_ADDRS || (result == LLMI_DNS_FOUND) != (list.n > 0) ||
                     (result != LLMI_DNS_NOT_OURS) != ours;
            t_unguard(guarded, k.n);
        }
    }
    t_case = "";
    CHECK(tried > 4000 && found > 400 && lost > 400);      /* the damage does something, and not always the same */
    CHECK_INT(wrong, 0);
    free(text);
}

/* ---- the resolver against a scripted name server ------------------------------------------------------- */

static int dns[3];                       /* 127.0.0.1, 127.0.0.2, ::1 (-1 where there is no IPv6), one port */
static int server;                       /* TCP at 127.0.0.1:t_port */

typedef struct query {
    unsigned char p[600];
    size_t n, question;                  /* bytes; of the question */
    unsigned id, type, size;             /* size: of the OPT record, 0 if there is none */
    char name[256];
    int fd;
    struct sockaddr_storage from;
    socklen_t from_len;
} query;

static int take(int fd, query *q, int ms) {
    ssize_t n;
    size_t at = 12, to = 0;
    q->from_len = sizeof q->from;
    q->fd = fd;
    if (!ready(fd, POLLIN, ms)) return 0;
    n = recvfrom(fd, q->p, sizeof q->p, 0, (struct sockaddr *)(void *)&q->from, &q->from_len);
    if (n < 17) return 0;
    q->n = (size_t)n;
    q->id = (unsigned)(q->p[0] << 8 | q->p[1]);
    while (q->p[at] != 0) {
        memcpy(q->name + to, q->p + at + 1, q->p[at]);
        to += q->p[at];
        at += 1u + q->p[at];
        q->name[to++] = '.';
    }
    q->name[to > 0 ? to - 1 : 0] = 0;
    q->type = (unsigned)(q->p[at + 1] << 8 | q->p[at + 2]);
    q->question = at + 5 - 12;
    q->size = q->p[11] ? (unsigned)(q->p[at + 8] << 8 | q->p[at + 9]) : 0;
    return 1;
}

/* Takes the two queries of one lookup from a server, in any order. */
static int take_both(int fd, query *a, query *aaaa) {
    if (!take(fd, a, 1000) || !take(fd, aaaa, 1000)) return 0;
    if (a->type == 28) {
        query t = *a;
        *a = *aaaa;
        *aaaa = t;
    }
    return a->type == 1 && aaaa->type == 28;
}

#define RCODE_TC 0x200

static void put_record(unsigned char *out, size_t *n, unsigned type, const unsigned char *data, size_t size) {
    static const unsigned char rest[] = {0, 1, 0, 0, 0, 60, 0};
    out[(*n)++] = 0xC0;
    out[(*n)++] = 12;
    out[(*n)++] = 0;
    out[(*n)++] = (unsigned char)type;
    memcpy(out + *n, rest, sizeof rest);
    *n += sizeof rest;
    out[(*n)++] = (unsigned char)size;
    memcpy(out + *n, data, size);
    *n += size;
}

/* Answers with the addresses up to NULL. rcode may hold RCODE_TC. */
static void reply(const query *q, int rcode, ...) {
    unsigned char out[1500];
    size_t n = 12 + q->question;
    const char *ip;
    va_list args;
    memset(out, 0, 12);
    memcpy(out, q->p, 2);
    out[2] = (unsigned char)(0x81 | rcode >> 8);
    out[3] = (unsigned char)(0x80 | (rcode & 15));
    out[5] = 1;
    memcpy(out + 12, q->p + 12, q->question);
    va_start(args, rcode);
    while ((ip = va_arg(args, const char *)) != NULL) {
        unsigned char address[16];
        inet_pton(q->type == 28 ? AF_INET6 : AF_INET, ip, address);
        out[7]++;
        put_record(out, &n, q->type, address, q->type == 28 ? 16 : 4);
    }
    va_end(args);
    CHECK_INT(sendto(q->fd, out, n, 0, (const struct sockaddr *)(const void *)&q->from, q->from_len), n);
}

/* Answers with a CNAME and nothing else; with none = 1 also that the target has no such address. */
static void reply_alias(const query *q, const char *target, int none) {
    static const unsigned char soa[22] = {0};
    unsigned char out[600], name[LLMI_DNS_NAME];
    size_t n = 12 + q->question, len = wire_name(name, target);
    memset(out, 0, 12);
    memcpy(out, q->p, 2);
    out[2] = 0x81;
    out[3] = 0x80;
    out[5] = out[7] = 1;
    out[9] = (unsigned char)none;
    memcpy(out + 12, q->p + 12, q->question);
    put_record(out, &n, 5, name, len);
    if (none) put_record(out, &n, 6, soa, sizeof soa);
    CHECK_INT(sendto(q->fd, out, n, 0, (const struct sockaddr *)(const void *)&q->from, q->from_len), n);
}

static void open_servers(void) {
    int try;
    for (try = 0; try < 50; try++) {
        t_dns_port = 0;
        dns[0] = bound(SOCK_DGRAM, "127.0.0.1", &t_dns_port);
        dns[1] = bound(SOCK_DGRAM, "127.0.0.2", &t_dns_port);
        dns[2] = bound(SOCK_DGRAM, "::1", &t_dns_port);
        if (dns[0] >= 0 && dns[1] >= 0) break;
        close(dns[0]);
        close(dns[1]);
        close(dns[2]);
    }
    if (try == 50) exit(1);
    if (dns[2] < 0) printf("no ::1 on this machine: what needs IPv6 is left out\n");
    t_port = 0;
    server = listener("127.0.0.1", &t_port, 100);
}

/* Nothing is left in the name servers' sockets, nor of descriptors. */
static int fds_before;
static void begin(const char *name, const char *conf) {
    query q;
    int i;
    t_case = name;
    t_resolv_file = conf;
    for (i = 0; i < 3; i++) {
        while (dns[i] >= 0 && take(dns[i], &q, 0)) {}
    }
    while (ready(server, POLLIN, 0)) close(accept(server, NULL, NULL));
    fds_before = fds();
}

static void end(llm_net_conn *c) {
    close_conn(c);
    CHECK_INT(fds() - fds_before, 0);
    CHECK_INT(c->state, LLMI_NET_NEW);
}

static void new_conn(llm_net_conn *c) {
    memset(c, 0, sizeof *c);
}

static void test_lookup(void) {
    llm_net_conn c;
    query a, aaaa;
    unsigned serial;
    int fd, cover;

    begin("A and AAAA", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(LLM_NET_FD(NULL, &c), -1);
    CHECK_INT(LLM_NET_TIMER_MS(NULL, &c), 0);
    CHECK_INT(step(&c, "api.example.com"), 0);
    CHECK_INT(c.state, LLMI_NET_RESOLVE);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "waiting for the name server");
    CHECK(take_both(dns[0], &a, &aaaa));
    CHECK_STR(a.name, "api.example.com");
    CHECK_STR(aaaa.name, "api.example.com");
    CHECK(a.id != aaaa.id && a.size == 0);
    CHECK(memcmp(&a.from, &aaaa.from, sizeof(struct sockaddr_in)) != 0);   /* a port for each */
    CHECK_INT(LLM_NET_WANTS(NULL, &c), LLM_WANT_READ);
    CHECK_INT(LLM_NET_TIMER_MS(NULL, &c), has_epoll() ? LLMI_DNS_TIMEOUT_MS : LLMI_NET_BLIND_MS);
    serial = LLM_NET_SERIAL(NULL, &c);
    cover = LLM_NET_FD(NULL, &c);
    CHECK(LLM_NET_SERIAL(NULL, &c) == serial && LLM_NET_FD(NULL, &c) == cover);
    if (has_epoll()) CHECK(cover >= 0 && !ready(cover, POLLIN, 0));
    reply(&aaaa, 0, NULL);
    if (has_epoll()) CHECK(ready(cover, POLLIN, 1000));
    CHECK_INT(step(&c, "api.example.com"), 0);
    CHECK_INT(c.state, LLMI_NET_RESOLVE);
    if (has_epoll()) CHECK(!ready(cover, POLLIN, 0) && LLM_NET_FD(NULL, &c) == cover);
    CHECK_INT(LLM_NET_WANTS(NULL, &c), LLM_WANT_READ);
    reply(&a, 0, "127.0.0.1", NULL);
    CHECK_INT(drive(&c, "api.example.com"), 1);
    CHECK_STR(peer_of(c.fd), "127.0.0.1");
    fd = LLM_NET_FD(NULL, &c);
    CHECK(fd == c.fd && fd >= 0);
    if (has_epoll()) CHECK(LLM_NET_SERIAL(NULL, &c) != serial);
    CHECK_INT(LLM_NET_TIMER_MS(NULL, &c), -1);
    CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_INT(step(&c, "api.example.com"), 1);
    CHECK_INT(fds() - fds_before, 1);
    end(&c);

    begin("IPv4 waits 50 ms for IPv6", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "api.example.com"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply(&a, 0, "127.0.0.1", NULL);
    CHECK_INT(step(&c, "api.example.com"), 0);
    CHECK_INT(c.state, LLMI_NET_RESOLVE);
    CHECK_INT(LLM_NET_TIMER_MS(NULL, &c), 50);
    t_now += 49;
    CHECK_INT(step(&c, "api.example.com"), 0);
    CHECK_INT(c.state, LLMI_NET_RESOLVE);
    t_now += 1;
    CHECK_INT(drive(&c, "api.example.com"), 1);
    end(&c);

    begin("IPv6 does not wait", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "api.example.com"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply(&aaaa, 0, "::1", NULL);
    (void)step(&c, "api.example.com");   /* refused: nobody listens at [::1]; the A answer is still awaited */
    CHECK_INT(c.state, LLMI_NET_CONNECT);
    CHECK_INT(drive(&c, "api.example.com"), 0);
    reply(&a, 0, "127.0.0.1", NULL);
    CHECK_INT(drive(&c, "api.example.com"), 1);
    CHECK_STR(peer_of(c.fd), "127.0.0.1");
    end(&c);

    begin("IPv4 fails while AAAA is awaited, then no AAAA", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "api.example.com"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply(&a, 0, "127.0.0.3", NULL);
    CHECK_INT(step(&c, "api.example.com"), 0);
    t_now += 50;
    CHECK_INT(drive(&c, "api.example.com"), 0);
    CHECK_INT(c.state, LLMI_NET_CONNECT);
    reply(&aaaa, 2, NULL);
    CHECK_INT(drive(&c, "api.example.com"), LLM_NET_REFUSED);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "connection refused");
    CHECK_INT(step(&c, "api.example.com"), LLM_NET_REFUSED);   /* says so again */
    CHECK_INT(fds() - fds_before, 0);
    end(&c);
    if (dns[2] >= 0) {
        begin("a name server with an IPv6 address", "data/net/six.conf");
        new_conn(&c);
        CHECK_INT(step(&c, "api.example.com"), 0);
        CHECK(take_both(dns[2], &a, &aaaa));
        reply(&aaaa, 0, NULL);
        reply(&a, 0, "127.0.0.1", NULL);
        CHECK_INT(drive(&c, "api.example.com"), 1);
        end(&c);
    }
}

static void test_forgery(void) {
    llm_net_conn c;
    query a, aaaa, f;
    int other_port = 0, other = bound(SOCK_DGRAM, "127.0.0.1", &other_port), i;
    begin("forged answers", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "api.example.com"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply(&aaaa, 0, NULL);
    f = a;                               /* wrong id */
    f.p[1] ^= 1;
    reply(&f, 0, "127.0.0.66", NULL);
    f = a;                               /* wrong question: another name, another type */
    f.p[13] ^= 1;
    reply(&f, 0, "127.0.0.66", NULL);
    f = a;
    f.p[12 + f.question - 3] = 28;
    reply(&f, 0, "127.0.0.66", NULL);
    f = a;                               /* from another port, from another address */
    f.fd = other;
    (void)reply(&f, 0, "127.0.0.66", NULL);
    f.fd = dns[1];
    (void)reply(&f, 0, "127.0.0.66", NULL);
    CHECK(sendto(dns[0], "", 0, 0, (struct sockaddr *)(void *)&a.from, a.from_len) == 0);
    CHECK_INT(step(&c, "api.example.com"), 0);
    CHECK_INT(c.state, LLMI_NET_RESOLVE);
    f = a;                               /* a flood does not keep OPEN busy */
    f.p[1] ^= 1;
    for (i = 0; i < 40; i++) reply(&f, 0, "127.0.0.66", NULL);
    t_recvs = 0;
    CHECK_INT(step(&c, "api.example.com"), 0);
    CHECK(t_recvs <= LLMI_DNS_FLOOD + 1);
    while (step(&c, "api.example.com") == 0 && c.state == LLMI_NET_RESOLVE && t_recvs < 100) {}
    CHECK_INT(c.state, LLMI_NET_RESOLVE);
    f = a;                               /* the case of letters does not matter */
    f.p[13] = 'A';
    reply(&f, 0, "127.0.0.1", NULL);
    CHECK_INT(drive(&c, "api.example.com"), 1);
    CHECK_STR(peer_of(c.fd), "127.0.0.1");
    end(&c);
    close(other);
}

/* Sends both queries on, answers both with the rcode and no address, and goes one step further. */
static void answer_both(llm_net_conn *c, const char *host, const char *name, int rcode) {
    query a, aaaa;
    if (CHECK(take_both(dns[0], &a, &aaaa))) {
        CHECK_STR(a.name, name);
        CHECK_STR(aaaa.name, name);
        reply(&a, rcode, NULL);
        reply(&aaaa, rcode, NULL);
    }
    (void)step(c, host);
}

/* An alias whose addresses are not in the answer is asked for: of each family by itself, so often and no more. */
static void test_aliases(void) {
    llm_net_conn c;
    query a, aaaa, q;
    int i;

    begin("aliases over several answers", "data/net/two.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply_alias(&a, "b.example", 0);
    reply_alias(&aaaa, "b.example", 1);  /* it has no IPv6 address: nothing to ask for */
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take(dns[0], &q, 1000) && q.type == 1 && q.id != a.id);
    CHECK_STR(q.name, "b.example");
    reply_alias(&q, "C.Example", 0);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take(dns[0], &a, 1000) && a.type == 1);
    CHECK_STR(a.name, "c.example");
    t_now += 1000;                       /* a server that is silent now: the next one is asked for the alias */
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take(dns[1], &a, 1000) && a.type == 1);
    CHECK_STR(a.name, "c.example");
    reply(&a, RCODE_TC, NULL);           /* cut short: asked for again, not from the beginning */
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take(dns[1], &a, 1000) && a.size == 1232);
    CHECK_STR(a.name, "c.example");
    reply(&a, 0, "127.0.0.1", NULL);
    CHECK_INT(drive(&c, "x.test"), 1);
    CHECK_STR(peer_of(c.fd), "127.0.0.1");
    CHECK(!take(dns[0], &q, 20) && !take(dns[1], &q, 0));
    end(&c);

    begin("aliases in a circle, over several answers", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply(&aaaa, 3, NULL);
    for (i = 0; i < LLMI_DNS_ALIASES; i++) {
        reply_alias(&a, i % 2 ? "x.test" : "y.test", 0);
        CHECK_INT(step(&c, "x.test"), 0);
        CHECK(take(dns[0], &a, 1000));
        CHECK_STR(a.name, i % 2 ? "x.test" : "y.test");
    }
    reply_alias(&a, "y.test", 0);
    CHECK_INT(drive(&c, "x.test"), LLM_NET_NO_HOST);
    CHECK(!take(dns[0], &q, 20));
    end(&c);

    begin("an alias of a name that is not there: the search list goes on", "data/net/search1.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "db.x"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply_alias(&a, "b.example", 0);
    reply_alias(&aaaa, "b.example", 0);
    CHECK_INT(step(&c, "db.x"), 0);
    answer_both(&c, "db.x", "b.example", 3);
    answer_both(&c, "db.x", "db.x.corp.example", 3);
    answer_both(&c, "db.x", "db.x.lab.example", 3);
    CHECK_INT(step(&c, "db.x"), LLM_NET_NO_HOST);
    end(&c);
}

static void test_search(void) {
    llm_net_conn c;
    query q;

    begin("NXDOMAIN", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "no.example"), 0);
    answer_both(&c, "no.example", "no.example", 3);
    CHECK_INT(step(&c, "no.example"), LLM_NET_NO_HOST);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "there is no such host");
    end(&c);

    begin("one label: search list, then as it is", "data/net/search1.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "db"), 0);
    answer_both(&c, "db", "db.corp.example", 3);
    answer_both(&c, "db", "db.lab.example", 0);   /* there, but without address */
    answer_both(&c, "db", "db", 3);
    CHECK_INT(step(&c, "db"), LLM_NET_NO_HOST);
    end(&c);

    begin("a dot: as it is, then search list", "data/net/search1.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "db.x"), 0);
    answer_both(&c, "db.x", "db.x", 3);
    answer_both(&c, "db.x", "db.x.corp.example", 3);
    answer_both(&c, "db.x", "db.x.lab.example", 3);
    CHECK_INT(step(&c, "db.x"), LLM_NET_NO_HOST);
    end(&c);

    begin("ndots:2", "data/net/search.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "db.x"), 0);
    answer_both(&c, "db.x", "db.x.corp.example", 3);
    answer_both(&c, "db.x", "db.x.lab.example", 3);
    answer_both(&c, "db.x", "db.x", 3);
    CHECK_INT(step(&c, "db.x"), LLM_NET_NO_HOST);
    end(&c);

    begin("a dot at the end: never the search list", "data/net/search1.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "db."), 0);
    answer_both(&c, "db.", "db", 3);
    CHECK_INT(step(&c, "db."), LLM_NET_NO_HOST);
    end(&c);

    begin("SERVFAIL ends the search", "data/net/search1.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "db"), 0);
    answer_both(&c, "db", "db.corp.example", 2);
    CHECK_INT(step(&c, "db"), LLM_NET_NO_HOST);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "no name server gave an answer");
    CHECK(!take(dns[0], &q, 20));
    end(&c);

    begin("not a name", "data/net/search1.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "a..b"), LLM_NET_NO_HOST);
    end(&c);
    CHECK_INT(step(&c, ""), LLM_NET_NO_HOST);
    end(&c);
    CHECK(!take(dns[0], &q, 20));

    begin("of more than six search domains six are tried", "data/net/seven.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "db"), 0);
    answer_both(&c, "db", "db.a1", 3);
    answer_both(&c, "db", "db.a2", 3);
    answer_both(&c, "db", "db.a3", 3);
    answer_both(&c, "db", "db.a4", 3);
    answer_both(&c, "db", "db.a5", 3);
    answer_both(&c, "db", "db.a6", 3);
    answer_both(&c, "db", "db", 3);
    CHECK_INT(step(&c, "db"), LLM_NET_NO_HOST);
    end(&c);

    begin("no resolv.conf, and no server in its place", "data/net/no-such-file");
    t_dns_server = "";
    new_conn(&c);
    CHECK_INT(drive(&c, "db.x"), LLM_NET_NO_HOST);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "no name server gave an answer");
    CHECK(!take(dns[0], &q, 20));
    end(&c);
    t_dns_server = "127.0.0.1";

    begin("no resolv.conf: 127.0.0.1", "data/net/no-such-file");
    new_conn(&c);
    CHECK_INT(step(&c, "db.x"), 0);
    answer_both(&c, "db.x", "db.x", 3);
    CHECK_INT(step(&c, "db.x"), LLM_NET_NO_HOST);
    end(&c);
}

static void test_servers(void) {
    llm_net_conn c;
    query a, aaaa, q;
    int i, port, closed;

    begin("a silent server: the next one after its time-out", "data/net/two.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    CHECK_INT(LLM_NET_TIMER_MS(NULL, &c), has_epoll() ? 1000 : 50);
    t_now += 999;
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(!take(dns[0], &q, 0) && !take(dns[1], &q, 20));
    t_now += 1;
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(!take(dns[0], &q, 20));
    CHECK(take_both(dns[1], &q, &aaaa));
    CHECK(q.id != a.id);
    reply(&q, 0, "127.0.0.1", NULL);
    reply(&aaaa, 0, NULL);
    CHECK_INT(drive(&c, "x.test"), 1);
    end(&c);

    begin("both silent: attempts:2 each, then over", "data/net/two.conf");
    new_conn(&c);
    for (i = 0; i < 4; i++) {
        CHECK_INT(step(&c, "x.test"), 0);
        CHECK(take_both(dns[i % 2], &a, &aaaa));
        t_now += 1000;
    }
    CHECK_INT(step(&c, "x.test"), LLM_NET_NO_HOST);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "no name server gave an answer");
    CHECK(!take(dns[0], &q, 20) && !take(dns[1], &q, 0));
    end(&c);

    begin("one server is asked again from the same port: a late answer counts", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    t_now += LLMI_DNS_TIMEOUT_MS;
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take(dns[0], &q, 1000) && take(dns[0], &q, 1000));
    reply(&aaaa, 0, NULL);
    reply(&a, 0, "127.0.0.1", NULL);
    CHECK_INT(drive(&c, "x.test"), 1);
    end(&c);

    begin("SERVFAIL: the next server answers", "data/net/two.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply(&a, 2, NULL);
    reply(&aaaa, 2, NULL);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take_both(dns[1], &q, &aaaa));
    CHECK(q.id != a.id && memcmp(&q.from, &a.from, sizeof(struct sockaddr_in)) != 0);
    reply(&aaaa, 0, NULL);
    reply(&q, 0, "127.0.0.1", NULL);
    CHECK_INT(drive(&c, "x.test"), 1);
    end(&c);

    begin("SERVFAIL from both: over at once", "data/net/two.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    answer_both(&c, "x.test", "x.test", 2);
    CHECK(take_both(dns[1], &a, &aaaa));
    reply(&a, 2, NULL);
    reply(&aaaa, 5, NULL);
    CHECK_INT(drive(&c, "x.test"), LLM_NET_NO_HOST);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "no name server gave an answer");
    CHECK(!take(dns[0], &q, 20) && !take(dns[1], &q, 0));
    end(&c);

    begin("NXDOMAIN is an answer: no other server is asked", "data/net/two.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    answer_both(&c, "x.test", "x.test", 3);
    CHECK_INT(step(&c, "x.test"), LLM_NET_NO_HOST);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "there is no such host");
    CHECK(!take(dns[0], &q, 20) && !take(dns[1], &q, 0));
    end(&c);

    begin("SERVFAIL: the next server at once; AAAA alone may fail", "data/net/two.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply(&a, 0, "127.0.0.1", NULL);
    reply(&aaaa, 2, NULL);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take(dns[1], &aaaa, 1000) && aaaa.type == 28);
    reply(&aaaa, 5, NULL);
    CHECK_INT(drive(&c, "x.test"), 1);
    CHECK(!take(dns[0], &q, 0) && !take(dns[1], &q, 20));
    end(&c);

    begin("nobody at the server's port: over at once", "data/net/one.conf");
    port = t_dns_port;
    t_dns_port = 0;
    closed = bound(SOCK_DGRAM, "127.0.0.1", &t_dns_port);
    CHECK(connect(closed, (struct sockaddr *)(void *)&a.from, a.from_len) == 0);   /* deaf to everyone else */
    new_conn(&c);
    CHECK_INT(drive(&c, "x.test"), LLM_NET_NO_HOST);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "no name server gave an answer");
    close_conn(&c);
    close(closed);
    end(&c);
    t_dns_port = port;

    begin("truncated with an address: used", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply(&aaaa, 0, NULL);
    reply(&a, RCODE_TC, "127.0.0.1", NULL);
    CHECK_INT(drive(&c, "x.test"), 1);
    end(&c);

    begin("longer than what is read, in the middle of a record: the whole ones are used", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply(&aaaa, 0, NULL);
    {
        unsigned char out[1400];
        static const unsigned char ip[] = {127, 0, 0, 1};
        size_t n = 12 + a.question;
        memset(out, 0, sizeof out);
        memcpy(out, a.p, 2);
        out[2] = 0x83;                   /* TC too */
        out[5] = 1;
        memcpy(out + 12, a.p + 12, a.question);
        while (n + 16 <= sizeof out) {
            put_record(out, &n, 1, ip, 4);
            out[7]++;
        }
        CHECK(n > LLMI_DNS_PACKET && (LLMI_DNS_PACKET - 12 - a.question) % 16 != 0);
        CHECK_INT(sendto(a.fd, out, n, 0, (struct sockaddr *)(void *)&a.from, a.from_len), n);
    }
    CHECK_INT(drive(&c, "x.test"), 1);
    CHECK_INT(c.list[0].n, 1);
    end(&c);

    begin("truncated without an address: again with more room", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply(&aaaa, 0, NULL);
    reply(&a, RCODE_TC, NULL);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take(dns[0], &q, 1000) && q.type == 1 && q.size == 1232 && q.id != a.id);
    reply(&q, 0, "127.0.0.1", NULL);
    CHECK_INT(drive(&c, "x.test"), 1);
    end(&c);

    begin("truncated twice: that server is of no use", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply(&aaaa, 0, NULL);
    reply(&a, RCODE_TC, NULL);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take(dns[0], &q, 1000));
    reply(&q, RCODE_TC, NULL);
    CHECK_INT(drive(&c, "x.test"), LLM_NET_NO_HOST);
    end(&c);

    begin("no randomness", "data/net/one.conf");
    t_random_fails = 1;
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), LLM_NET_FAILED);
    CHECK(strstr(LLM_NET_WHY(NULL, &c), "LLM_RANDOM") != NULL);
    CHECK(!take(dns[0], &q, 20));
    end(&c);
    t_random_fails = 0;
}

/* No query goes out for these. */
static void test_without_dns(void) {
    static const char *const names[] = {"127.0.0.1", "localhost", "LOCALHOST.", "a.b.localhost", "good.test",
                                        "ALIAS.test.", "both.test", "[127.0.0.1]"};
    llm_net_conn c;
    query q;
    size_t i;
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        begin(names[i], "data/net/one.conf");
        new_conn(&c);
        CHECK_INT(drive(&c, names[i]), 1);
        CHECK_STR(peer_of(c.fd), "127.0.0.1");
        CHECK(!take(dns[0], &q, 0));
        end(&c);
    }
    begin("localhost needs no files", "data/net/no-such-file");
    t_hosts_file = "data/net/no-such-file";
    new_conn(&c);
    CHECK_INT(drive(&c, "localhost"), 1);
    end(&c);
    t_hosts_file = "data/net/hosts";
}

/* ---- connecting ---------------------------------------------------------------------------------------- */

/* A listener that drops every SYN, since its queue is full. */
typedef struct hole { int fd[24]; int n; } hole;

static int dig(hole *h, const char *ip, int *port) {
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    h->n = 0;
    h->fd[h->n++] = listener(ip, port, 0);
    if (h->fd[0] < 0) return 0;
    getsockname(h->fd[0], (struct sockaddr *)(void *)&a, &n);
    while (h->n < 24) {
        int fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        h->fd[h->n++] = fd;
        if (connect(fd, (struct sockaddr *)(void *)&a, n) != 0 && !ready(fd, POLLOUT, 100)) return 1;
    }
    return 0;
}

/* A port that is free on every address used here, so that one can be a hole and the next a server. */
static int common_port(void) {
    static const char *const ips[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"};
    int try, i, n = dns[2] >= 0 ? 4 : 3;
    for (try = 0; try < 50; try++) {
        int port = 0, fd[4], ok = 1;
        for (i = 0; i < n; i++) ok &= (fd[i] = bound(SOCK_STREAM, ips[i], &port)) >= 0;
        for (i = 0; i < n; i++) {
            if (fd[i] >= 0) close(fd[i]);
        }
        if (ok) return port;
    }
    exit(1);
}

static void fill_in(hole *h) {
    while (h->n > 0) close(h->fd[--h->n]);
}

static void test_refused(void) {
    llm_net_conn c;
    int port = t_port, spare;
    begin("refused", "data/net/one.conf");
    t_port = 0;
    spare = bound(SOCK_STREAM, "127.0.0.1", &t_port);   /* bound, not listening */
    new_conn(&c);
    CHECK_INT(drive(&c, "127.0.0.1"), LLM_NET_REFUSED);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "connection refused");
    close_conn(&c);
    CHECK_INT(drive(&c, "six.test"), LLM_NET_REFUSED);
    close_conn(&c);
    CHECK_INT(drive(&c, "localhost"), LLM_NET_REFUSED);
    close(spare);
    end(&c);
    t_port = port;
}

static void test_families(void) {
    llm_net_conn c;
    int port = common_port(), keep = t_port, both = dns[2] >= 0 ? listener("::1", &port, 10) : -1, four;
    if (both < 0) return;                /* a machine without IPv6 */
    four = listener("127.0.0.1", &port, 10);
    if (four >= 0) {
        begin("both families listen: IPv6 first", "data/net/one.conf");
        t_port = port;
        new_conn(&c);
        CHECK_INT(drive(&c, "both.test"), 1);
        CHECK_STR(peer_of(c.fd), "::1");
        close_conn(&c);
        CHECK_INT(drive(&c, "[::1]"), 1);
        close_conn(&c);
        CHECK_INT(drive(&c, "::1"), 1);
        end(&c);
        close(four);
    }
    close(both);
    begin("a new socket with the number of the one before has a new serial", "data/net/one.conf");
    t_port = keep;                       /* [::1] refuses there */
    new_conn(&c);
    if (step(&c, "both.test") == 0 && c.tried[1][0] == LLMI_TRY_RUNS) {
        int fd = LLM_NET_FD(NULL, &c);
        unsigned serial = LLM_NET_SERIAL(NULL, &c);
        CHECK_INT(drive(&c, "both.test"), 1);
        CHECK(LLM_NET_FD(NULL, &c) == fd && LLM_NET_SERIAL(NULL, &c) != serial);
    }
    end(&c);
}

static void test_race(void) {
    llm_net_conn c;
    hole h2, h3, h6;
    unsigned serial;
    int port = common_port(), keep = t_port, six = 0, fast;
    int dug = dig(&h2, "127.0.0.2", &port);
    CHECK(dug);                          /* the kernel drops a SYN for a full queue */
    if (!dug) return;
    t_port = port;
    fast = listener("127.0.0.1", &port, 10);
    CHECK(fast >= 0);

    begin("the second address starts after 250 ms and wins", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "race.test"), 0);
    CHECK_INT(c.state, LLMI_NET_CONNECT);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "waiting for the server to accept the connection");
    CHECK_INT(LLM_NET_TIMER_MS(NULL, &c), 250);
    CHECK_INT(LLM_NET_WANTS(NULL, &c), LLM_WANT_WRITE);
    CHECK(LLM_NET_FD(NULL, &c) == c.try_fd[0][0]);
    serial = LLM_NET_SERIAL(NULL, &c);
    t_now += 249;
    CHECK_INT(step(&c, "race.test"), 0);
    CHECK_INT(fds() - fds_before, 1);
    CHECK_INT(LLM_NET_TIMER_MS(NULL, &c), 1);
    CHECK(LLM_NET_SERIAL(NULL, &c) == serial);
    t_now += 1;
    CHECK_INT(drive(&c, "race.test"), 1);
    CHECK_STR(peer_of(c.fd), "127.0.0.1");
    CHECK(LLM_NET_SERIAL(NULL, &c) != serial);
    CHECK_INT(fds() - fds_before, 1);
    end(&c);

    begin("the race in one blocking call", "data/net/one.conf");
    t_real_clock = 1;
    new_conn(&c);
    {
        uint64_t start = t_real_ms();
        int calls = 0, r;
        while ((r = LLM_NET_OPEN(NULL, &c, "race.test", t_port, 5000)) == 0 && calls < 20) calls++;
        CHECK_INT(r, 1);
        CHECK(t_real_ms() - start >= 249 && calls <= 3);
    }
    t_real_clock = 0;
    end(&c);

    begin("time-out of OPEN", "data/net/one.conf");
    t_real_clock = 1;
    new_conn(&c);
    {
        uint64_t start = t_real_ms();
        CHECK_INT(LLM_NET_OPEN(NULL, &c, "127.0.0.2", t_port, 60), 0);
        CHECK(t_real_ms() - start >= 55);
        CHECK_INT(step(&c, "127.0.0.2"), 0);
        CHECK_INT(LLM_NET_TIMER_MS(NULL, &c), -1);
    }
    t_real_clock = 0;
    end(&c);

    CHECK(dig(&h3, "127.0.0.3", &port));
    six = dns[2] >= 0 && dig(&h6, "::1", &port);
    begin("families take turns, IPv6 first; one descriptor covers all", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "holes.test"), 0);
    if (six) {
        CHECK(c.tried[1][0] == LLMI_TRY_RUNS && c.tried[0][0] == LLMI_TRY_NOT_YET);
        t_now += 250;
        CHECK_INT(step(&c, "holes.test"), 0);
    }
    CHECK(c.tried[0][0] == LLMI_TRY_RUNS && c.tried[0][1] == LLMI_TRY_NOT_YET);
    if (has_epoll() && six) CHECK(LLM_NET_FD(NULL, &c) == c.cover && !ready(c.cover, POLLIN, 0));
    t_now += 250;
    CHECK_INT(step(&c, "holes.test"), 0);
    CHECK(c.tried[0][1] == LLMI_TRY_RUNS);
    CHECK_INT(LLM_NET_WANTS(NULL, &c), LLM_WANT_READ);
    CHECK_INT(LLM_NET_TIMER_MS(NULL, &c), has_epoll() ? -1 : 50);
    end(&c);                             /* CLOSE in the middle of the race */

    begin("a failed attempt lets the next start at once", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "holes.test"), 0);
    llmi_net_lost(&c, six, 0, ECONNREFUSED);
    CHECK_INT(step(&c, "holes.test"), 0);
    CHECK(c.tried[0][six ? 0 : 1] == LLMI_TRY_RUNS);
    close_conn(&c);
    if (six) {                           /* also while another one runs */
        CHECK_INT(step(&c, "holes.test"), 0);
        t_now += 250;
        CHECK_INT(step(&c, "holes.test"), 0);
        CHECK(c.tried[0][0] == LLMI_TRY_RUNS && c.tried[0][1] == LLMI_TRY_NOT_YET);
        llmi_net_lost(&c, 1, 0, ECONNREFUSED);
        CHECK_INT(step(&c, "holes.test"), 0);
        CHECK(c.tried[0][0] == LLMI_TRY_RUNS && c.tried[0][1] == LLMI_TRY_RUNS);
    }
    end(&c);

    begin("time runs out for one, another refuses", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "127.0.0.2"), 0);
    llmi_net_lost(&c, 0, 0, ETIMEDOUT);
    CHECK_INT(step(&c, "127.0.0.2"), LLM_NET_FAILED);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "the peer does not answer");
    end(&c);
    fill_in(&h2);
    fill_in(&h3);
    if (dns[2] >= 0) fill_in(&h6);
    close(fast);
    t_port = keep;
}

/* An AAAA answer that comes while IPv4 is being tried joins the race. */
static void test_late_answer(void) {
    llm_net_conn c;
    query a, aaaa;
    hole h;
    int port = common_port(), keep = t_port, six = dns[2] >= 0 ? listener("::1", &port, 10) : -1;
    if (six < 0) return;
    if (!CHECK(dig(&h, "127.0.0.2", &port))) return;
    t_port = port;
    begin("late AAAA", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply(&a, 0, "127.0.0.2", NULL);
    CHECK_INT(step(&c, "x.test"), 0);
    t_now += 50;
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK_INT(c.state, LLMI_NET_CONNECT);
    if (has_epoll()) CHECK(LLM_NET_FD(NULL, &c) >= 0 && c.cover >= 0);
    reply(&aaaa, 0, "::1", NULL);
    if (has_epoll()) CHECK(ready(c.cover, POLLIN, 1000));
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK_INT(LLM_NET_TIMER_MS(NULL, &c), 250);
    t_now += 250;
    CHECK_INT(drive(&c, "x.test"), 1);
    CHECK_STR(peer_of(c.fd), "::1");
    end(&c);
    fill_in(&h);
    close(six);
    t_port = keep;
}

static void test_close(void) {
    llm_net_conn c;
    query a, aaaa;
    int i;
    for (i = 0; i < 8; i++) {            /* with and without the set over the sockets */
        begin("CLOSE in every state", "data/net/one.conf");
        new_conn(&c);
        if (i >= 1) CHECK_INT(step(&c, "x.test"), 0);
        if (i == 2) (void)LLM_NET_FD(NULL, &c);
        if (i >= 3) {
            CHECK(take_both(dns[0], &a, &aaaa));
            reply(&aaaa, 0, NULL);
            CHECK_INT(step(&c, "x.test"), 0);
        }
        if (i >= 4) {
            if (i == 5) (void)LLM_NET_FD(NULL, &c);
            reply(&a, 0, i == 7 ? "127.0.0.3" : "127.0.0.1", NULL);
            (void)step(&c, "x.test");
        }
        if (i == 6) CHECK_INT(drive(&c, "x.test"), 1);
        if (i == 7) CHECK_INT(drive(&c, "x.test"), LLM_NET_REFUSED);
        end(&c);
        close_conn(&c);                  /* zeroed again, so even this is harmless */
        end(&c);
    }
}

/* The next descriptor is one too many. */
static void test_no_descriptors(void) {
    struct rlimit old, low;
    llm_net_conn c;
    query a, aaaa;
    int next;
    begin("no descriptors left", "data/net/one.conf");
    new_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    getrlimit(RLIMIT_NOFILE, &old);
    low = old;
    next = dup(0);
    close(next);
    low.rlim_cur = (rlim_t)next;
    setrlimit(RLIMIT_NOFILE, &low);
    CHECK_INT(LLM_NET_FD(NULL, &c), -1);   /* no set: looked at every 50 ms */
    CHECK_INT(LLM_NET_TIMER_MS(NULL, &c), 50);
    reply(&aaaa, 0, NULL);
    reply(&a, 0, "127.0.0.1", NULL);
    CHECK_INT(drive(&c, "x.test"), 1);   /* a query's descriptor is free by now */
    setrlimit(RLIMIT_NOFILE, &old);
    end(&c);

    next = dup(0);
    close(next);
    low.rlim_cur = (rlim_t)next;
    setrlimit(RLIMIT_NOFILE, &low);
    CHECK_INT(step(&c, "127.0.0.1"), LLM_NET_FAILED);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "no socket: too many open files");
    close_conn(&c);
    CHECK_INT(step(&c, "x.test"), 0);    /* no query went out: OPEN wants to be called again at once */
    CHECK_INT(LLM_NET_TIMER_MS(NULL, &c), 0);
    CHECK_INT(step(&c, "x.test"), LLM_NET_NO_HOST);
    setrlimit(RLIMIT_NOFILE, &old);
    end(&c);
}

/* ---- an open connection -------------------------------------------------------------------------------- */

static int connected(llm_net_conn *c) {
    new_conn(c);
    CHECK_INT(drive(c, "127.0.0.1"), 1);
    return accept(server, NULL, NULL);
}

static void on_alarm(int s) {
    (void)s;
}

static void alarm_in(int ms) {
    struct itimerval t;
    memset(&t, 0, sizeof t);
    t.it_value.tv_sec = ms / 1000;
    t.it_value.tv_usec = ms % 1000 * 1000;
    setitimer(ITIMER_REAL, &t, NULL);
}

static void test_recv(void) {
    llm_net_conn c;
    char buf[64];
    uint64_t start;
    int peer, i, on = 0;
    socklen_t n = sizeof on;
    begin("RECV", "data/net/one.conf");
    peer = connected(&c);
    CHECK(getsockopt(c.fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, &n) == 0 && on != 0);
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 0), 0);
    start = t_real_ms();
    t_setopts = 0;
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 40), 0);
    CHECK(t_real_ms() - start >= 30 && t_real_ms() - start < 2000);
    CHECK_INT(t_setopts, 1);
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 40), 0);
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 0), 0);
    CHECK_INT(t_setopts, 1);             /* set only when it changes */
    t_recvs = 0;
    t_polls = 0;
    for (i = 0; i < 10; i++) {           /* one recv per arrival, nothing else */
        CHECK(write(peer, "abc", 3) == 3);
        CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 40), 3);
    }
    for (i = 0; i < 10; i++) {
        CHECK(write(peer, "abc", 3) == 3);
        CHECK(ready(c.fd, POLLIN, 1000));
        CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 0), 3);
    }
    CHECK(t_recvs == 20 && t_polls == 0 && t_setopts == 1);
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, 0, 1000), 0);
    CHECK(write(peer, "last", 4) == 4);
    close(peer);
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 1000), 4);
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 1000), LLM_NET_CLOSED);
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 0), LLM_NET_CLOSED);
    end(&c);
}

/* An event loop has watched the connection, and made it non-blocking; then it is used by functions that wait. */
static void test_made_nonblocking(void) {
    static char big[1 << 20];
    llm_net_conn c;
    char buf[64];
    uint64_t start;
    int peer;
    begin("made non-blocking by others", "data/net/one.conf");
    peer = connected(&c);
    CHECK(fcntl(c.fd, F_SETFL, fcntl(c.fd, F_GETFL) | O_NONBLOCK) == 0);
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 0), 0);
    CHECK((fcntl(c.fd, F_GETFL) & O_NONBLOCK) != 0);   /* nobody waited: it is left as it is */
    start = t_real_ms();
    t_recvs = 0;
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 40), 0);
    CHECK(t_real_ms() - start >= 30);
    CHECK_INT(t_recvs, 2);
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 40), 0);
    CHECK_INT(t_recvs, 3);
    while (LLM_NET_SEND(NULL, &c, big, sizeof big, 0) > 0) {}
    CHECK(fcntl(c.fd, F_SETFL, fcntl(c.fd, F_GETFL) | O_NONBLOCK) == 0);
    start = t_real_ms();
    CHECK_INT(LLM_NET_SEND(NULL, &c, "x", 1, 40), 0);
    CHECK(t_real_ms() - start >= 30);
    close(peer);
    end(&c);
}

static void test_reset(void) {
    llm_net_conn c;
    struct linger linger;
    char buf[64];
    int peer, i;
    long r = 1;
    begin("reset", "data/net/one.conf");
    peer = connected(&c);
    linger.l_onoff = 1;
    linger.l_linger = 0;
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(peer);
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 1000), LLM_NET_FAILED);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "connection reset by the peer");
    for (i = 0; i < 10 && r >= 0; i++) r = LLM_NET_SEND(NULL, &c, "x", 1, 0);   /* and no SIGPIPE */
    CHECK_INT(r, LLM_NET_FAILED);
    CHECK_STR(LLM_NET_WHY(NULL, &c), "connection closed by the peer");
    end(&c);
    CHECK_INT(LLM_NET_SEND(NULL, &c, "x", 1, 0), LLM_NET_FAILED);   /* not open */
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, 1, 0), LLM_NET_FAILED);
}

static void test_send(void) {
    static char big[1 << 20], got[1 << 16];
    llm_net_conn c;
    uint64_t start;
    size_t sent = 0, back = 0;
    long r;
    int peer, shorts = 0;
    begin("SEND against a full socket", "data/net/one.conf");
    peer = connected(&c);
    memset(big, 'b', sizeof big);
    while ((r = LLM_NET_SEND(NULL, &c, big, sizeof big, 0)) > 0) {
        sent += (size_t)r;
        if ((size_t)r < sizeof big) shorts++;
    }
    CHECK_INT(r, 0);
    CHECK(sent > 0 && shorts > 0);
    start = t_real_ms();
    r = LLM_NET_SEND(NULL, &c, big, sizeof big, 40);
    CHECK(r >= 0 && (r > 0 || t_real_ms() - start >= 30));
    sent += (size_t)r;
    while (back < sent) {
        ssize_t k = ready(peer, POLLIN, 2000) ? read(peer, got, sizeof got) : 0;
        if (k <= 0) break;
        back += (size_t)k;
    }
    CHECK(back == sent);
    r = LLM_NET_SEND(NULL, &c, "more", 4, 1000);
    CHECK_INT(r, 4);
    close(peer);
    end(&c);
}

static void test_signals(void) {
    struct sigaction a;
    llm_net_conn c;
    llm_wait_item item;
    hole h;
    char buf[16];
    uint64_t start;
    int peer, port = 0, keep = t_port;
    memset(&a, 0, sizeof a);
    a.sa_handler = on_alarm;
    a.sa_flags = SA_RESTART;             /* even then: a blocking call must see its cancel flag */
    sigaction(SIGALRM, &a, NULL);
    begin("a signal ends the wait", "data/net/one.conf");
    peer = connected(&c);
    start = t_real_ms();
    alarm_in(50);
    CHECK_INT(LLM_NET_RECV(NULL, &c, buf, sizeof buf, 10000), 0);
    item.conn = &c;
    item.wants = LLM_WANT_READ;
    alarm_in(50);
    CHECK_INT(LLM_NET_WAIT(NULL, &item, 1, 10000), 0);
    CHECK(t_real_ms() - start < 5000);
    close(peer);
    end(&c);
    if (CHECK(dig(&h, "127.0.0.2", &port))) {
        t_port = port;
        start = t_real_ms();
        new_conn(&c);
        alarm_in(50);
        CHECK_INT(LLM_NET_OPEN(NULL, &c, "127.0.0.2", t_port, 10000), 0);
        CHECK(t_real_ms() - start < 5000);
        close_conn(&c);
    }
    fill_in(&h);
    t_port = keep;
}

/* ---- waiting for several ------------------------------------------------------------------------------- */

#define MANY 1000
static llm_net_conn many[MANY];
static llm_wait_item items[MANY];
static int ends[MANY];

/* The end of item k has something to say in 30 ms, from another process. */
static void write_later(int k) {
    if (fork() == 0) {
        usleep(30000);
        _exit(write(ends[k], "x", 1) != 1);
    }
}

/* An epoll set made for one wait, as llmi_net_wait_many() does it. */
static int wait_set(llm_wait_item *list, size_t n, int timeout_ms) {
#if LLMI_HAS_EPOLL
    int set = epoll_create1(EPOLL_CLOEXEC), r = llmi_net_wait_set(set, list, n, timeout_ms);
    close(set);
    return r;
#else
    return llmi_net_wait(list, n, timeout_ms);
#endif
}

static void check_wait(size_t n, int (*wait)(llm_wait_item *, size_t, int)) {
    size_t i, k, marked[3];
    char b;
    marked[0] = 0;
    marked[1] = n / 2;
    marked[2] = n - 1;
    for (i = 0; i < n; i++) items[i].ready = 0;
    CHECK_INT(wait(items, n, 0), 0);
    CHECK_INT(wait(items, n, 25), 0);
    write_later((int)n - 1);
    CHECK(wait(items, n, 5000) == 1 && items[n - 1].ready);
    CHECK(read(many[n - 1].fd, &b, 1) == 1);
    for (i = 0; i < 3; i++) CHECK(write(ends[marked[i]], "x", 1) == 1);
    for (i = 0; i < n; i++) items[i].ready = 0;
    CHECK_INT(wait(items, n, 1000), 3);
    for (i = 0, k = 0; i < n; i++) k += (size_t)(items[i].ready != 0);
    CHECK(k == 3 && items[marked[0]].ready && items[marked[1]].ready && items[marked[2]].ready);
    for (i = 0; i < 3; i++) CHECK(read(many[marked[i]].fd, &b, 1) == 1);
    for (i = 0; i < n; i++) items[i].wants = LLM_WANT_WRITE;
    CHECK_INT(wait(items, n, 1000), n);
    for (i = 0; i < n; i++) items[i].wants = LLM_WANT_READ;
    CHECK_INT(wait(items, n, 0), 0);
    while (waitpid(-1, NULL, 0) > 0) {}
}

static void test_wait(void) {
    struct rlimit old, high, low;
    size_t n = MANY, i;
    int sv[2], next;
    begin("WAIT", "data/net/one.conf");
    getrlimit(RLIMIT_NOFILE, &old);
    high = old;
    high.rlim_cur = old.rlim_max < 4096 ? old.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &high);
    if (high.rlim_cur < 2 * MANY + 100) n = (size_t)high.rlim_cur / 2 - 50;
    CHECK(n > 100);
    for (i = 0; i < n; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) != 0) exit(1);
        many[i].state = LLMI_NET_OPENED;
        many[i].fd = sv[0];
        many[i].cover = -1;
        ends[i] = sv[1];
        items[i].conn = &many[i];
        items[i].wants = LLM_WANT_READ;
    }
    check_wait(3, llmi_net_wait);
    check_wait(64, llmi_net_wait);
    check_wait(65, llmi_net_wait);
    check_wait(n, llmi_net_wait);
    check_wait(n, llmi_net_wait_slices);
    check_wait(n, wait_set);
    next = dup(0);                       /* no descriptor for the set: slices */
    close(next);
    low = high;
    low.rlim_cur = (rlim_t)next;
    setrlimit(RLIMIT_NOFILE, &low);
    CHECK_INT(llmi_net_wait_many(items, n, 15), 0);
    CHECK(write(ends[n - 1], "x", 1) == 1);
    CHECK(llmi_net_wait_many(items, n, 1000) == 1 && items[n - 1].ready && !items[0].ready);
    setrlimit(RLIMIT_NOFILE, &high);
    CHECK_INT(llmi_net_wait(items, 0, 0), 0);
    items[1].conn = NULL;                /* nothing open there */
    CHECK_INT(llmi_net_wait(items, 3, 0), 0);
    close(ends[2]);                      /* the end of a stream is something to read */
    CHECK(llmi_net_wait(items, 3, 1000) == 1 && items[2].ready);
    for (i = 0; i < n; i++) {
        if (i != 2) close(ends[i]);
        close_conn(&many[i]);
    }
    setrlimit(RLIMIT_NOFILE, &old);
    CHECK_INT(fds() - fds_before, 0);
}

/* WAIT over a connection that is being opened: the lookup's two sockets count as one item. */
static void test_wait_opening(void) {
    llm_net_conn c;
    llm_wait_item item;
    query a, aaaa;
    if (!has_epoll()) return;
    begin("WAIT while resolving", "data/net/one.conf");
    new_conn(&c);
    item.conn = &c;
    item.wants = LLM_WANT_WRITE;         /* what OPEN waits for is known better here */
    CHECK_INT(step(&c, "x.test"), 0);
    CHECK_INT(LLM_NET_WAIT(NULL, &item, 1, 0), 0);
    CHECK(take_both(dns[0], &a, &aaaa));
    reply(&aaaa, 0, NULL);
    CHECK(LLM_NET_WAIT(NULL, &item, 1, 1000) == 1 && item.ready);
    reply(&a, 0, "127.0.0.1", NULL);
    while (step(&c, "x.test") == 0 && LLM_NET_WAIT(NULL, &item, 1, 1000) == 1) {}
    CHECK_INT(c.state, LLMI_NET_OPENED);
    end(&c);
}

int main(void) {
    int i;
    signal(SIGPIPE, SIG_DFL);
    test_ip();
    test_words();
    test_hosts();
    test_resolv();
    test_localhost();
    test_names();
    test_packets();
    test_damage();
    open_servers();
    test_without_dns();
    test_lookup();
    test_forgery();
    test_aliases();
    test_search();
    test_servers();
    test_refused();
    test_families();
    test_race();
    test_late_answer();
    test_close();
    test_no_descriptors();
    test_recv();
    test_made_nonblocking();
    test_reset();
    test_send();
    test_signals();
    test_wait();
    test_wait_opening();
    t_case = "sizes";
    CHECK(sizeof(llm_net_conn) <= 1280);
    for (i = 0; i < 3; i++) {
        if (dns[i] >= 0) close(dns[i]);
    }
    close(server);
    return t_done();
}

/* test_chaos.c - the chaos proxy itself: known bytes go in at one side, the harmed ones come out at the other. */
/* needs: mock native */
#define T_NO_LIB
#include "t.h"
#include "mock.h"
#include "chaos.h"
#include <errno.h>

enum { MOST = 100000 };

static int server = -1, server_port; /* ours, behind the proxy */

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void limit_ms(int fd, int ms) {
    struct timeval t;
    t.tv_sec = ms / 1000;
    t.tv_usec = (suseconds_t)(ms % 1000) * 1000;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
}

/* How a stream ended after `want` bytes at most: 0 there are more or nobody said, 'F' end of stream, 'R' reset,
   'S' silence. */
static int receive(int fd, char *out, size_t want, size_t *got) {
    *got = 0;
    while (*got < want) {
        ssize_t n = recv(fd, out + *got, want - *got, 0);
        if (n == 0) return 'F';
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 'S';
        if (n < 0) return 'R';
        *got += (size_t)n;
    }
    return 0;
}

typedef struct row {
    const char *rules;
    const char *sent; /* by the side that the rule is about */
    const char *got;  /* by the other side */
    int end;          /* how it ended there */
    int fired;
} row;

/* The response unless it says request. Silence takes 150 ms: nothing has to happen in that time. */
static const row rows[] = {
    {"", "abcdef", "abcdef", 'F', 0},
    {"slice 1", "abcdef", "abcdef", 'F', 0},
    {"slice 4\ndelay 5", "abcdefghij", "abcdefghij", 'F', 0},
    {"cut 0", "abcdef", "", 'F', 1},
    {"cut 1", "abcdef", "a", 'F', 1},
    {"cut 5", "abcdef", "abcde", 'F', 1},
    {"cut 6", "abcdef", "abcdef", 'F', 0}, /* there is no byte 6 */
    {"cut 6\nslice 2", "abcdefghij", "abcdef", 'F', 1},
    {"reset 0", "abcdef", "", 'R', 1},
    {"reset 3", "abcdef", "abc", 'R', 1},
    {"reset 6", "abcdef", "abcdef", 'F', 0},
    {"stall 0", "abcdef", "", 'S', 1},
    {"stall 3", "abcdef", "abc", 'S', 1},
    {"stall 7", "abcdef", "abcdef", 'F', 0},
    {"flip 0", "abcdef", "`bcdef", 'F', 1}, /* 1 << 0 */
    {"flip 1", "abcdef", "a`cdef", 'F', 1}, /* 1 << 1 */
    {"flip 5 0x20", "abcdef", "abcdeF", 'F', 1},
    {"flip 6", "abcdef", "abcdef", 'F', 0},
    {"flip 0 0x20\nflip 2 32\nslice 1", "abcdef", "AbCdef", 'F', 2},
    {"drop 0", "abcdef", "bcdef", 'F', 1},
    {"drop 5", "abcdef", "abcde", 'F', 1},
    {"drop 1\ndrop 3", "abcdef", "acef", 'F', 2},
    {"drop 1\ncut 3", "abcdef", "ac", 'F', 2}, /* counted as they come in */
    {"#1 cut 2", "abcdef", "ab", 'F', 1},
    {"#2 cut 2", "abcdef", "abcdef", 'F', 0},
    {"#2- cut 2", "abcdef", "abcdef", 'F', 0},
    {"response cut 2", "abcdef", "ab", 'F', 1},
    {"request cut 2", "abcdef", "ab", 'F', 1},
    {"request reset 2", "abcdef", "ab", 'R', 1},
    {"request stall 2", "abcdef", "ab", 'S', 1},
    {"request flip 3 1", "abcdef", "abceef", 'F', 1},
    {"request drop 3", "abcdef", "abcef", 'F', 1},
    {"request slice 2\nrequest delay 3", "abcdef", "abcdef", 'F', 0},
    {"request cut 6", "abcdef", "abcdef", 'F', 0},
};

/* A connection through the proxy: the client's end and ours behind it. */
static void join(t_chaos *x, int *client, int *behind) {
    *client = t_mock_connect(x->port);
    *behind = accept(server, NULL, NULL);
    if (*client < 0 || *behind < 0) {
        fprintf(stderr, "no connection through the proxy\n");
        exit(1);
    }
    limit_ms(*client, 3000);
    limit_ms(*behind, 3000);
}

/* 1 if everything is as the row says. */
static int run(t_chaos *x, const row *r) {
    int client, behind, from, to, end, request = strncmp(r->rules, "request", 7) == 0, ok;
    char out[100];
    size_t got;
    t_chaos_set(x, r->rules);
    join(x, &client, &behind);
    from = request ? client : behind;
    to = request ? behind : client;
    if (r->end == 'S') limit_ms(to, 150);
    t_mock_write(from, r->sent, strlen(r->sent));
    if (r->end != 'S') shutdown(from, SHUT_WR); /* a sender that is gone ends a stall */
    end = receive(to, out, sizeof out, &got);
    close(client);
    close(behind);
    t_chaos_report(x);
    ok = end == r->end && got == strlen(r->got) && memcmp(out, r->got, got) == 0 && x->fired == r->fired &&
         x->connections == 1;
    if (!ok) {
        fprintf(stderr, "    '%s': '%.*s' end %c, %ld faults on %ld connections\n", r->rules, (int)got, out,
                end ? end : '-', x->fired, x->connections);
    }
    return ok;
}

static void test_rows(t_chaos *x) {
    size_t i;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        t_case = rows[i].rules;
        CHECK(run(x, &rows[i]));
    }
    t_case = "";
}

/* The check above must be able to fail: rows that are wrong in one thing. */
static void test_wrong_rows(t_chaos *x) {
    static const row wrong[] = {
        {"", "abcdef", "abcde", 'F', 1},        /* a fault is claimed, none was set */
        {"cut 3", "abcdef", "abcd", 'F', 1},    /* one byte more */
        {"cut 3", "abcdef", "abc", 'R', 1},     /* another ending */
        {"flip 2", "abcdef", "abcdef", 'F', 1}, /* the byte as it was */
        {"drop 2", "abcdef", "abdef", 'F', 0},  /* not counted */
    };
    size_t i;
    fprintf(stderr, "(the next %d reports are wanted)\n", (int)(sizeof wrong / sizeof wrong[0]));
    for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) CHECK(!run(x, &wrong[i]));
}

/* What is not harmed goes on while one direction is: a stalled response, a request that still comes through. */
static void test_directions(t_chaos *x) {
    int client, behind;
    char out[10];
    size_t got;
    t_chaos_set(x, "response stall 1");
    join(x, &client, &behind);
    t_mock_write(behind, "xyz", 3);
    CHECK_INT(receive(client, out, 1, &got), 0);
    CHECK_INT(out[0], 'x');
    t_mock_write(client, "still", 5);
    CHECK_INT(receive(behind, out, 5, &got), 0);
    CHECK(memcmp(out, "still", 5) == 0);
    limit_ms(client, 100);
    CHECK_INT(receive(client, out, 1, &got), 'S');
    close(client); /* and the proxy gives up what nobody waits for */
    CHECK_INT(receive(behind, out, 1, &got), 'F');
    close(behind);
    t_chaos_set(x, "request reset 2");
    join(x, &client, &behind);
    t_mock_write(client, "abcd", 4);
    CHECK_INT(receive(client, out, 1, &got), 'R'); /* to both sides */
    CHECK_INT(receive(behind, out, 5, &got), 'R');
    CHECK_INT(got, 2);
    close(client);
    close(behind);
}

/* #N counts connections; A+S gives each its own byte. */
static void test_connections(t_chaos *x) {
    static const char *const want[] = {"bcdef", "abdef", "abcdf", "abcdef", "abcdef"};
    int client, behind, i;
    char out[20];
    size_t got;
    t_chaos_set(x, "#1-4 drop 0+2");
    for (i = 0; i < 5; i++) {
        join(x, &client, &behind);
        t_mock_write(behind, "abcdef", 6);
        shutdown(behind, SHUT_WR);
        CHECK_INT(receive(client, out, sizeof out, &got), 'F');
        CHECK(got == strlen(want[i]) && memcmp(out, want[i], got) == 0);
        close(client);
        close(behind);
    }
    t_chaos_report(x);
    CHECK_INT(x->fired, 3); /* the fourth would be byte 6 */
    CHECK_INT(x->connections, 5);
    t_chaos_set(x, "#1-2 refuse\n#3 hole");
    for (i = 0; i < 3; i++) {
        client = t_mock_connect(x->port);
        CHECK(client >= 0);
        limit_ms(client, 200);
        CHECK_INT(receive(client, out, 1, &got), i < 2 ? 'R' : 'S');
        close(client);
    }
    t_chaos_report(x);
    CHECK_INT(x->fired, 3);
    join(x, &client, &behind);
    t_mock_write(client, "well", 4);
    CHECK_INT(receive(behind, out, 4, &got), 0);
    close(client);
    close(behind);
}

/* 100,000 bytes both ways at once, harmed nowhere and harmed in one byte far behind. */
static void test_volume(t_chaos *x) {
    static char sent[MOST], out[2][MOST + 1];
    int fd[2], k, i;
    size_t done[2] = {0, 0}, got[2] = {0, 0};
    for (i = 0; i < MOST; i++) sent[i] = (char)(i * 7 + i / 256);
    t_chaos_set(x, "response flip 77777 0xFF\nresponse slice 333");
    join(x, &fd[0], &fd[1]);
    while (got[0] < MOST || got[1] < MOST) {
        struct pollfd p[2];
        for (k = 0; k < 2; k++) {
            p[k].fd = fd[k];
            p[k].events = (short)(POLLIN | (done[k] < MOST ? POLLOUT : 0));
        }
        if (poll(p, 2, 5000) <= 0) break;
        for (k = 0; k < 2; k++) {
            ssize_t n;
            if (p[k].revents & POLLOUT && (n = send(fd[k], sent + done[k], MOST - done[k], MSG_DONTWAIT)) > 0)
                done[k] += (size_t)n;
            if (p[k].revents & POLLIN && (n = recv(fd[k], out[k] + got[k], MOST + 1 - got[k], MSG_DONTWAIT)) > 0)
                got[k] += (size_t)n;
        }
    }
    CHECK_INT(got[0], MOST);
    CHECK_INT(got[1], MOST);
    CHECK(memcmp(out[1], sent, MOST) == 0);
    CHECK_INT(out[0][77777] ^ sent[77777], (char)0xFF);
    out[0][77777] = sent[77777];
    CHECK(memcmp(out[0], sent, MOST) == 0);
    t_chaos_report(x);
    CHECK_INT(x->in_bytes[0], MOST);
    CHECK_INT(x->in_bytes[1], MOST);
    close(fd[0]);
    close(fd[1]);
}

static void test_delay(t_chaos *x) {
    int client, behind;
    char out[10];
    size_t got;
    long start;
    t_chaos_set(x, "response slice 2\nresponse delay 40");
    join(x, &client, &behind);
    start = now_ms();
    t_mock_write(behind, "abcdef", 6);
    CHECK_INT(receive(client, out, 2, &got), 0);
    CHECK(now_ms() - start >= 39 && now_ms() - start < 2000);
    CHECK_INT(receive(client, out, 4, &got), 0);
    CHECK(now_ms() - start >= 119 && now_ms() - start < 3000);
    close(client);
    close(behind);
}

/* Connects, and says after how many ms and how it came out: 1 connected, 0 still hanging, -1 refused. */
static int knock(int port, int ms) {
    struct sockaddr_in a;
    struct pollfd p;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), e = 0, r;
    socklen_t len = sizeof e;
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons((unsigned short)port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r = connect(fd, (struct sockaddr *)&a, sizeof a);
    p.fd = fd;
    p.events = POLLOUT;
    if (r != 0 && errno == EINPROGRESS) {
        if (poll(&p, 1, ms) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) == 0)
            r = e;
        else
            r = -2;
    } else if (r != 0) {
        r = errno;
    }
    close(fd);
    return r == 0 ? 1 : r == -2 ? 0 : r == ECONNREFUSED ? -1 : -2;
}

static void test_doors(void) {
    static const char *const closed[] = {"--closed", "0", NULL}, *const later[] = {"--closed", "300", NULL},
                             *const deaf[] = {"--deaf", "0", NULL}, *const heard[] = {"--deaf", "300", NULL};
    t_chaos x;
    int i, client, behind;
    if (!t_chaos_start(&x, server_port, closed)) exit(1);
    CHECK_INT(knock(x.port, 1000), -1);
    t_chaos_stop(&x);
    if (!t_chaos_start(&x, server_port, later)) exit(1);
    CHECK_INT(knock(x.port, 1000), -1);
    for (i = 0; i < 300 && knock(x.port, 1000) != 1; i++) t_mock_sleep(10);
    CHECK(i > 0 && i < 300);
    t_chaos_stop(&x);
    if (!t_chaos_start(&x, server_port, deaf)) exit(1);
    CHECK_INT(knock(x.port, 200), 0);
    t_chaos_stop(&x);
    if (!t_chaos_start(&x, server_port, heard)) exit(1);
    CHECK_INT(knock(x.port, 5000), 1); /* the system repeats the SYN after a second */
    t_chaos_stop(&x);
    i = fcntl(server, F_GETFL);
    fcntl(server, F_SETFL, i | O_NONBLOCK); /* what those have left behind */
    while ((behind = accept(server, NULL, NULL)) >= 0) close(behind);
    fcntl(server, F_SETFL, i);
    if (!t_chaos_start(&x, server_port, NULL)) exit(1);
    join(&x, &client, &behind);
    close(client);
    close(behind);
    t_chaos_stop(&x);
}

static void test_grammar(t_chaos *x) {
    static const char *const bad[] = {
        "cut",        "cut x",   "cut -1", "cut 1 2", "#0 cut 1", "#3-2 cut 1", "#1cut 2",    "flip 1 0",
        "flip 1 256", "slice 0", "burn 1", "cut 1+",  "request",  "refuse 3",   "both cut 1", "#x refuse",
    };
    char answer[200];
    size_t i;
    t_chaos_do(x, "clear", NULL, 0);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        t_case = bad[i];
        CHECK(!t_chaos_do(x, bad[i], answer, sizeof answer));
        CHECK(strncmp(answer, "error ", 6) == 0);
    }
    t_case = "";
}

/* Rules from a file and on the command line, and the record of what came in. */
static void test_files(void) {
    char dir[] = "/tmp/llm_chaos.XXXXXX", script[64], prefix[64], path[96];
    const char *extra[] = {"--script", script, "--record", prefix, "request drop 1", NULL};
    t_chaos x;
    int client, behind;
    char out[10], *seen;
    size_t got;
    FILE *f;
    if (!mkdtemp(dir)) exit(1);
    snprintf(script, sizeof script, "%s/rules", dir);
    snprintf(prefix, sizeof prefix, "%s/seen", dir);
    f = fopen(script, "w");
    if (!f) exit(1);
    fputs("# a comment\n\n  #1 response cut 2\n", f);
    fclose(f);
    if (!t_chaos_start(&x, server_port, extra)) exit(1);
    join(&x, &client, &behind);
    t_mock_write(behind, "abcdef", 6);
    CHECK_INT(receive(client, out, sizeof out, &got), 'F');
    CHECK_INT(got, 2);
    t_mock_write(client, "xyz", 3);
    CHECK_INT(receive(behind, out, 2, &got), 0);
    CHECK(memcmp(out, "xz", 2) == 0);
    close(client);
    CHECK_INT(receive(behind, out, 1, &got), 'F');
    close(behind);
    t_mock_sleep(20);
    snprintf(path, sizeof path, "%s.1.request", prefix);
    seen = t_read_file(path, NULL);
    CHECK_STR(seen, "xyz");
    free(seen);
    unlink(path);
    snprintf(path, sizeof path, "%s.1.response", prefix);
    seen = t_read_file(path, NULL);
    CHECK_STR(seen, "abcdef");
    free(seen);
    unlink(path);
    t_chaos_stop(&x);
    unlink(script);
    rmdir(dir);
}

int main(void) {
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    t_chaos x;
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = socket(AF_INET, SOCK_STREAM, 0);
    if (server < 0 || bind(server, (struct sockaddr *)&a, sizeof a) || listen(server, 100) ||
        getsockname(server, (struct sockaddr *)&a, &len))
        return 1;
    fcntl(server, F_SETFD, FD_CLOEXEC);
    limit_ms(server, 5000);
    server_port = ntohs(a.sin_port);
    if (!t_chaos_start(&x, server_port, NULL)) return 1;
    test_rows(&x);
    test_wrong_rows(&x);
    test_directions(&x);
    test_connections(&x);
    test_volume(&x);
    test_delay(&x);
    test_grammar(&x);
    t_chaos_stop(&x);
    test_files();
    test_doors();
    return t_done();
}

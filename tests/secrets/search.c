/* search.c - looks for the key in all the memory of a program that uses the library.
       search HOLDER [short]
   starts the mock server and HOLDER (holder.c), makes it do everything that touches a key, and whenever it waits reads
   every mapping of the process (heap with what was freed, stack below its pointer, BearSSL's state, stdio) and its
   registers. Any 8 consecutive characters of a key count, as they are or in base64. While a client lives there must be
   one copy between calls and none of a key that was replaced; after llm_client_free() none. Linux.
   Of the registers this shows what they hold while the program waits in read(), where no client lives; not what they held
   during a call. */
#define _GNU_SOURCE 1
#define T_NO_LIB
#include "../t.h"
#include "../mock.h"
#include <elf.h>
#include <errno.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

enum { PART = 8, KEY_LEN = 51, NEEDLES = 4 };

/* ---- what is looked for ------------------------------------------------------------------------------------- */

typedef struct needle {
    char text[4 * KEY_LEN];
    size_t n;
    const char *what;
} needle;

typedef struct secret {
    char key[KEY_LEN + 1];
    needle forms[NEEDLES];      /* as it is, and base64 of it at each place in three bytes */
} secret;

static size_t base64(char *out, const unsigned char *p, size_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t i, k = 0;
    for (i = 0; i + 3 <= n; i += 3) {
        unsigned v = (unsigned)p[i] << 16 | (unsigned)p[i + 1] << 8 | p[i + 2];
        out[k++] = digits[v >> 18];
        out[k++] = digits[v >> 12 & 63];
        out[k++] = digits[v >> 6 & 63];
        out[k++] = digits[v & 63];
    }
    return k;       /* whole groups alone: the rest depends on what follows */
}

static void secret_new(secret *s) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    FILE *f = fopen("/dev/urandom", "rb");
    int i;
    if (!f) exit(1);
    for (i = 0; i < KEY_LEN; i++) s->key[i] = digits[(unsigned)fgetc(f) % 62];
    s->key[KEY_LEN] = 0;
    fclose(f);
    strcpy(s->forms[0].text, s->key);
    s->forms[0].n = KEY_LEN;
    s->forms[0].what = "";
    for (i = 0; i < 3; i++) {    /* i bytes of the first group belong to what stands before the key */
        needle *d = &s->forms[i + 1];
        d->n = base64(d->text, (const unsigned char *)s->key + (3 - i) % 3, (size_t)(KEY_LEN - (3 - i) % 3));
        d->what = " in base64";
    }
}

/* ---- looking ------------------------------------------------------------------------------------------------- */

typedef struct found { int whole, coded, parts; char report[4000]; } found;

/* Two bytes that begin 8 characters of a needle: bit i is needle i. */
static unsigned char *begins;
static const secret *begins_of;

static void look_for_at(const needle *d, const unsigned char *p, size_t n, size_t *i, const char *where, found *f) {
    size_t k, len;
    for (k = 0; k + PART <= d->n; k++) {
        if (memcmp(p + *i, d->text + k, PART)) continue;
        for (len = PART; *i + len < n && k + len < d->n && p[*i + len] == (unsigned char)d->text[k + len]; len++) {}
        if (len == d->n && !*d->what) f->whole++;
        else if (len == d->n) f->coded++;
        else f->parts++;
        snprintf(f->report + strlen(f->report), sizeof f->report - strlen(f->report),
                 "    %lu bytes of the key%s, from its byte %lu, at %s+0x%lx\n", (unsigned long)len, d->what,
                 (unsigned long)k, where, (unsigned long)*i);
        *i += len - 1;
        return;
    }
}

static unsigned long searched, mappings;

static void look(const secret *s, const unsigned char *p, size_t n, const char *where, found *f) {
    size_t i, k;
    int d;
    if (begins_of != s) {
        begins_of = s;
        free(begins);
        begins = (unsigned char *)calloc(65536, 1);
        if (!begins) exit(1);
        for (d = 0; d < NEEDLES; d++) {
            const unsigned char *t = (const unsigned char *)s->forms[d].text;
            for (k = 0; k + PART <= s->forms[d].n; k++) begins[t[k] | t[k + 1] << 8] |= (unsigned char)(1 << d);
        }
    }
    for (i = 0; i + PART <= n; i++) {
        unsigned char which;
        if (p[i] < '+' || (which = begins[p[i] | p[i + 1] << 8]) == 0) continue;
        for (d = 0; d < NEEDLES; d++) {
            if (which >> d & 1) look_for_at(&s->forms[d], p, n, &i, where, f);
        }
    }
    searched += n;
}

/* The general and the vector registers: a core dump holds them too. */
static void look_in_registers(pid_t pid, const secret *s, found *f) {
    static unsigned char regs[16384];
    static const struct { long type; const char *name; } sets[] = {
        {NT_PRSTATUS, "registers"}, {NT_PRFPREG, "floating registers"},
#ifdef NT_X86_XSTATE
        {NT_X86_XSTATE, "vector registers"},
#endif
    };
    size_t i;
    if (ptrace(PTRACE_SEIZE, pid, 0, 0) || ptrace(PTRACE_INTERRUPT, pid, 0, 0) || waitpid(pid, NULL, __WALL) != pid) {
        fprintf(stderr, "search: the registers of process %d cannot be read: %s\n", (int)pid, strerror(errno));
        exit(1);
    }
    for (i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        struct iovec v;
        v.iov_base = regs;
        v.iov_len = sizeof regs;
        if (ptrace(PTRACE_GETREGSET, pid, (void *)sets[i].type, &v) || v.iov_len == 0) {
            fprintf(stderr, "search: the %s of process %d cannot be read: %s\n", sets[i].name, (int)pid, strerror(errno));
            exit(1);
        }
        look(s, regs, v.iov_len, sets[i].name, f);
    }
    CHECK(ptrace(PTRACE_DETACH, pid, 0, 0) == 0);
}

static void look_in_process(pid_t pid, const secret *s, int registers, found *f) {
    char path[64], line[600];
    FILE *maps;
    int mem;
    memset(f, 0, sizeof *f);
    searched = mappings = 0;
    if (registers) look_in_registers(pid, s, f);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    maps = fopen(path, "r");
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    mem = open(path, O_RDONLY | O_CLOEXEC);
    if (!maps || mem < 0) {
        fprintf(stderr, "search: the memory of process %d cannot be read: %s\n", (int)pid, strerror(errno));
        exit(1);
    }
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to, got = 0;
        char mode[8], name[300] = "memory without a name";
        unsigned char *p;
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %299[^\n]", &from, &to, mode, name) < 3) exit(1);
        if (mode[0] != 'r' || !strncmp(name, "[vvar", 5) || !strcmp(name, "[vsyscall]")) continue;    /* the kernel's */
        p = (unsigned char *)malloc(to - from);
        while (p && got < to - from) {
            ssize_t k = pread(mem, p + got, to - from - got, (off_t)(from + got));
            if (k <= 0) break;
            got += (unsigned long)k;
        }
        if (!p || got != to - from) {
            t_case = name;
            CHECK(!"a mapping could be read");
            t_case = "";
        }
        look(s, p, got, name, f);
        mappings++;
        free(p);
    }
    fclose(maps);
    close(mem);
}

/* ---- the program ---------------------------------------------------------------------------------------------- */

static struct { pid_t pid; int to, from; } holder;
static t_mock m;
static secret first, second, password;     /* of the proxy */

static int start_holder(char *path, int closed_port) {
    int a[2], b[2];
    char closed[64];
    char *argv[6];
    snprintf(closed, sizeof closed, "http://127.0.0.1:%d/v1", closed_port);
    argv[0] = path;
    argv[1] = m.http_base;
    argv[2] = m.https_base;
    argv[3] = closed;
    argv[4] = m.ca_file;
    argv[5] = NULL;
    if (pipe(a) || pipe(b)) return 0;
    holder.pid = fork();
    if (holder.pid == 0) {
        dup2(a[0], 0);
        dup2(b[1], 1);
        close(a[0]);
        close(a[1]);
        close(b[0]);
        close(b[1]);
        execv(path, argv);
        _exit(127);
    }
    close(a[0]);
    close(b[1]);
    fcntl(a[1], F_SETFD, FD_CLOEXEC);
    fcntl(b[0], F_SETFD, FD_CLOEXEC);
    holder.to = a[1];
    holder.from = b[0];
    return holder.pid > 0;
}

static char proxy_url[160];

static int tell(char order, const char *text) {
    char frame[256] = {0}, answer[7] = {0};
    size_t n = 0;
    frame[0] = order;
    if (text) memcpy(frame + 1, text, strlen(text));
    strcpy(frame + 80, proxy_url);
    if (write(holder.to, frame, sizeof frame) != (ssize_t)sizeof frame) return 1000;
    while (n < 6) {
        struct pollfd p;
        ssize_t k;
        p.fd = holder.from;
        p.events = POLLIN;
        if (poll(&p, 1, 60000) != 1 || (k = read(holder.from, answer + n, 6 - n)) <= 0) return 1000;
        n += (size_t)k;
    }
    return atoi(answer);
}

/* After every order the memory is looked through: so many whole copies, so many in base64, and no piece of one. */
static void holds_both(const secret *s, int copies, int coded, int registers, const char *when) {
    found f;
    t_case = when;
    look_in_process(holder.pid, s, registers, &f);
    CHECK(mappings > 5 && searched > 1000000);     /* it looked */
    if (!CHECK(f.whole == copies && f.coded == coded && f.parts == 0)) {
        fprintf(stderr, "    %s: %d copies of the key, wanted %d; %d in base64, wanted %d; %d pieces\n%s", when, f.whole, copies,
                f.coded, coded, f.parts, f.report);
    }
    t_case = "";
}

static void holds(const secret *s, int copies, const char *when) {
    holds_both(s, copies, 0, copies == 0, when);    /* between calls a register may have been last used for it */
}

static void order(const char *name, char what, const char *text, int status, int copies) {
    char when[200];
    snprintf(when, sizeof when, "%s, after '%c'", name, what);
    t_case = when;
    CHECK_INT(tell(what, text), status);
    holds(&first, copies, when);
}

enum { OK = 0, AUTH = -12, BAD = -11, TRUNCATED = -32, CONNECTION = -30, CANCELLED = -41, PROTOCOL = -19, USAGE = -43, API = -10, INTERNAL = -46 };

/* A text with every '@' replaced by the key. */
static void script(const char *text) {
    static char out[20000];
    char *to = out;
    for (; *text; text++) {
        if (*text == '@') to = (char *)memcpy(to, first.key, KEY_LEN) + KEY_LEN;
        else *to++ = *text;
    }
    *to = 0;
    if (!t_mock_script(&m, out)) CHECK(!"the mock server takes the script");
}

#define STREAM "exchange\nrole\nchunk one\nwait\nchunk two\nfinish\nusage 9 3\ndone\n"
#define STOP   "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\ndone\n"

/* Everything with one client over one kind of connection. */
static void scenario(const char *name, char kind) {
    t_mock_reset(&m);
    order(name, kind, first.key, OK, 1);
    order(name, 'c', NULL, OK, 1);
    order(name, 's', NULL, OK, 1);
    order(name, 't', NULL, OK, 1);
    order(name, 'e', NULL, OK, 1);
    script("exchange\nstatus 429\nheader Retry-After: 0\nbody {\"error\":{\"message\":\"wait\"}}\nexchange\nreset 0\nexchange\nbrain\n");
    order(name, 'c', NULL, OK, 1);
    script("exchange\ncut 0\nexchange\nbrain\n");        /* a kept connection that has gone stale */
    order(name, 'c', NULL, OK, 1);
    script("exchange\nchunk half\ncut\n");
    order(name, 's', NULL, TRUNCATED, 1);
    script("exchange\nearly\nstatus 401\nbody {\"error\":{\"message\":\"no\"}}\n");
    order(name, 'c', NULL, AUTH, 1);
    script(STREAM);
    order(name, 'x', NULL, CANCELLED, 1);
    /* while calls run: the copy that was sent is wiped already */
    script(STREAM);
    order(name, 'b', NULL, OK, 1);
    order(name, 'k', second.key, OK, 1);                 /* the running call still has the first one */
    holds(&second, 1, "a second key");
    t_mock_continue(&m);
    order(name, 'g', NULL, OK, 0);
    order(name, 'k', first.key, OK, 1);
    holds(&second, 0, "the first key again");
    script("exchange\nwait\nchunk x\nfinish\ndone\n");
    order(name, 'w', NULL, 1, 1);
    order(name, 'a', NULL, CANCELLED, 1);
    script("exchange\nstall 0\n");
    order(name, 'w', NULL, 1, 1);
    order(name, 'a', NULL, CANCELLED, 1);
    order(name, 'i', "sk- this is no key", USAGE, 1);
}

/* A server that says the key back, in every place that the library reads: what came in is gone with the client. */
static const struct { char order; int status; const char *script; } echoes[] = {
    {'c', AUTH, "exchange\nstatus 401\nbody {\"error\":{\"message\":\"Incorrect API key provided: @.\",\"type\":\"@\",\"param\":\"@\"}}\n"},
    {'c', BAD, "exchange\nstatus 400\nheader x-request-id: @\nheader X-Key: @\nbody {\"error\":{\"message\":\"x\",\"code\":\"@\"}}\n"},
    {'c', BAD, "exchange\nstatus 400\nheader Content-Type: text/plain\nbody what is @ meant to be? @\n"},
    {'c', API, "exchange\nstatus 307\nheader Location: https://@/x\n"},
    {'c', OK, "exchange\nbody {\"model\":\"@\",\"@\":\"@\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a @ b @\"},"
              "\"finish_reason\":\"@\"}]}\n"},
    {'c', OK, "exchange\nbody {\"choices\":[{\"index\":0,\"message\":{\"content\":null,\"refusal\":\"@\",\"reasoning_content\":\"@\",\"tool_calls\":"
              "[{\"id\":\"@\",\"type\":\"function\",\"function\":{\"name\":\"f@\",\"arguments\":\"{\\\"k\\\":\\\"@\\\"}\"}}]},\"finish_reason\":\"stop\"}]}\n"},
    {'s', OK, "exchange\nrole\nchunk say @ and\nchunk @@\nchunk  no more\nsplit-every 7\nfinish\ndone\n"},
    {'s', API, "exchange\nrole\nevent {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"@\",\"tool_calls\":[{\"index\":0,\"id\":\"@\","
               "\"function\":{\"name\":\"f\",\"arguments\":\"[\\\"@\\\"\"}}]}}]}\nargs 0 ,\"@\"]\nevent {\"error\":{\"message\":\"@\"}}\n"},
    {'t', OK, "exchange\ntool 0 @ read_temperature\nargs 0 {\"room\":\"@\"}\nfinish tool_calls\ndone\nexchange\nchunk @\nfinish\ndone\n"},
    {'c', PROTOCOL, "exchange\nbody {\"choices\":[{\"message\":{\"content\":\"@\n"},
};

static void scenario_echoes(char kind) {
    size_t i;
    for (i = 0; i < sizeof echoes / sizeof echoes[0]; i++) {
        t_mock_reset(&m);
        script(echoes[i].script);
        t_case = echoes[i].script;
        CHECK_INT(tell(kind, first.key), OK);
        CHECK_INT(tell(echoes[i].order, NULL), echoes[i].status);
        CHECK_INT(tell('f', NULL), OK);
        holds_both(&first, 0, 0, 0, echoes[i].script);
    }
}

/* ---- a proxy: CONNECT for who knows the password --------------------------------------------------------------------- */

static int copy_some(int from, int to) {
    char b[16384];
    ssize_t n = read(from, b, sizeof b), k, sent = 0;
    while (sent < n && (k = write(to, b + sent, (size_t)(n - sent))) > 0) sent += k;
    return n > 0 && sent == n;
}

static void one_tunnel(int fd) {
    char head[4000];
    size_t n = 0;
    struct pollfd p[2];
    int port;
    while (n + 1 < sizeof head && read(fd, head + n, 1) == 1) {
        head[++n] = 0;
        if (n > 3 && !strcmp(head + n - 4, "\r\n\r\n")) break;
    }
    head[n] = 0;
    if (sscanf(head, "CONNECT 127.0.0.1:%d HTTP/1.1", &port) != 1) return;
    /* of its own copy of the secret: as it is sent, "Basic " and the base64 of user:password */
    if (!strstr(head, password.forms[2].text)) {
        static const char no[] = "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n";
        if (write(fd, no, sizeof no - 1) < 0) return;
        shutdown(fd, SHUT_WR);
        return;
    }
    p[0].fd = fd;
    p[1].fd = t_mock_connect(port);
    if (p[1].fd < 0 || write(fd, "HTTP/1.1 200 Go on\r\n\r\n", 22) != 22) return;
    for (;;) {
        p[0].events = p[1].events = POLLIN;
        if (poll(p, 2, 60000) < 1) return;
        if (p[0].revents && !copy_some(p[0].fd, p[1].fd)) return;
        if (p[1].revents && !copy_some(p[1].fd, p[0].fd)) return;
    }
}

/* A child that ends with its parent. Sets *port. */
static void start_proxy(int *port) {
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0), c;
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 10) || getsockname(fd, (struct sockaddr *)&a, &len)) exit(1);
    *port = ntohs(a.sin_port);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGCHLD, SIG_IGN);
        while ((c = accept(fd, NULL, NULL)) >= 0) {
            if (fork() == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                one_tunnel(c);
                _exit(0);
            }
            close(c);
        }
        _exit(0);
    }
    close(fd);
}

/* The password: one copy as it is and one as it is sent, which is wiped once it is sent. */
static void proxied(const char *name) {
    t_mock_reset(&m);
    order(name, 'X', first.key, OK, 1);
    holds_both(&password, 1, 1, 0, name);
    order(name, 'c', NULL, OK, 1);
    order(name, 's', NULL, OK, 1);
    holds_both(&password, 1, 1, 0, "a tunnel");
    script("exchange\nstall 0\n");
    order(name, 'w', NULL, 1, 1);
    holds_both(&password, 1, 1, 0, "a tunnel that waits");
    order(name, 'a', NULL, CANCELLED, 1);
    order(name, 'f', NULL, OK, 0);
    holds(&password, 0, "the end of a tunnel");
    memcpy(strchr(proxy_url, '@') - 2, "no", 2);       /* nearly the password */
    order(name, 'X', first.key, OK, 1);
    order(name, 'c', NULL, CONNECTION, 1);
    order(name, 'f', NULL, OK, 0);
    holds(&password, 0, "a proxy that refuses");
}

/* Enough to meet every wipe, for a header in which one is missing. */
static void short_scenario(const char *name, char kind) {
    t_mock_reset(&m);
    order(name, kind, first.key, OK, 1);
    script("exchange\nwait\nchunk x\nfinish\ndone\n");
    order(name, 'w', NULL, 1, 1);
    order(name, 'a', NULL, CANCELLED, 1);
    order(name, 'k', second.key, OK, 0);
    t_mock_reset(&m);
    order(name, 'c', NULL, OK, 0);
    order(name, 'f', NULL, OK, 0);
    holds(&second, 0, name);
}

int main(int argc, char **argv) {
    int port, fd;
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    if (argc < 2) return 2;
    signal(SIGPIPE, SIG_IGN);
    secret_new(&first);
    secret_new(&second);
    secret_new(&password);
    start_proxy(&port);
    snprintf(proxy_url, sizeof proxy_url, "http://a.user:%s@127.0.0.1:%d", password.key, port);
    if (!t_mock_start(&m, NULL)) return 1;
    /* bound and not listening: refused, and nobody else gets it meanwhile */
    fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &len)) return 1;
    port = ntohs(a.sin_port);
    if (!start_holder(argv[1], port) || tell('0', NULL) != INTERNAL) return 1;
    holds(&first, 0, "before anything");
    if (argc > 2) {
        short_scenario("HTTP", 'H');
        short_scenario("HTTPS", 'S');
        scenario_echoes('H');
    } else {
        scenario("HTTP", 'H');
        order("HTTP", 'f', NULL, OK, 0);
        scenario("HTTPS", 'S');
        order("HTTPS", 'f', NULL, OK, 0);
        scenario("HTTP in a block of memory", 'M');
        order("HTTP in a block of memory", 'f', NULL, OK, 0);
        scenario("HTTPS in a block of memory", 'C');
        order("HTTPS in a block of memory", 'f', NULL, OK, 0);
        order("nobody listens", 'P', first.key, OK, 1);
        order("nobody listens", 'c', NULL, CONNECTION, 1);
        order("nobody listens", 's', NULL, CONNECTION, 1);
        order("nobody listens", 'f', NULL, OK, 0);
        holds(&second, 0, "at the end");
        proxied("HTTPS through a proxy");
        scenario_echoes('H');
        scenario_echoes('S');
    }
    close(holder.to);
    waitpid(holder.pid, NULL, 0);
    t_mock_stop(&m);
    close(fd);
    return t_done();
}

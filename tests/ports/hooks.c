/* hooks.c URL CA_FILE - hooks of the program's own, for more_switches.sh: who calls them, with what, and what becomes of
   what they answer. hooks_doc.h is made from the header's guide: each hook of the groups HOOK_MEMORY, HOOK_CLOCK,
   HOOK_RANDOM, HOOK_ENV, HOOK_FILE, HOOK_LOG, HOOK_NET, HOOK_OPTIONAL that is defined, word by word as it stands there, on
   the function here whose name begins with my_. HOOK_TLS: LLM_NET_TLS, URL is https://, but nobody speaks TLS. */
#define T_NO_LIB
#define _GNU_SOURCE 1
#include "../t.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

static int context;                      /* config.hook_ctx is its address */
#define MUST(x) ((x) ? 1 : t_check(0, #x, __FILE__, __LINE__))    /* not counted: how often a hook is called is no number to rely on */
#define IS_MINE(ctx) MUST((ctx) == (void *)&context)

/* ---- memory: each block remembers its size */
static long mallocs, live, no_memory;
static inline void *my_LLM_MALLOC(void *ctx, size_t n) {
    size_t *p;
    IS_MINE(ctx);
    MUST(n > 0);
    mallocs++;
    if (no_memory) return NULL;
    p = (size_t *)malloc(n + 16);
    if (p == NULL) exit(1);
    *p = n;
    live++;
    return (char *)p + 16;
}
static inline void my_LLM_FREE(void *ctx, void *p, size_t n) {
    IS_MINE(ctx);
    if (!MUST(p != NULL)) return;
    MUST(*(size_t *)(void *)((char *)p - 16) == n);
    live--;
    free((char *)p - 16);
}
static inline void *my_LLM_REALLOC(void *ctx, void *p, size_t old, size_t n) {
    void *q;
    if (!MUST(p != NULL && *(size_t *)(void *)((char *)p - 16) == old)) return NULL;
    q = my_LLM_MALLOC(ctx, n);
    if (q == NULL) return NULL;
    memcpy(q, p, old < n ? old : n);
    my_LLM_FREE(ctx, p, old);
    return q;
}

/* ---- clock */
static long nows, times, sleeps;
static int no_time;
static inline uint64_t my_LLM_NOW_MS(void *ctx) {
    struct timespec t;
    IS_MINE(ctx);
    nows++;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 0xFFFFFFFFu + (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;     /* more than 32 bits */
}
static inline int64_t my_LLM_UNIX_TIME(void *ctx) {
    IS_MINE(ctx);
    times++;
    return no_time ? 0 : (int64_t)time(NULL);
}
static inline void my_LLM_SLEEP_MS(void *ctx, int ms) {
    IS_MINE(ctx);
    MUST(ms > 0);
    sleeps++;
    if (ms > 3) usleep(3000);            /* may return early */
}

/* ---- randomness, environment, files, log */
static long randoms, getenvs, reads, logs;
static int no_random;
static const char *ca_path;
static inline int my_LLM_RANDOM(void *ctx, void *buf, size_t n) {
    FILE *f = fopen("/dev/urandom", "rb");
    int ok = f != NULL && fread(buf, 1, n, f) == n;
    IS_MINE(ctx);
    MUST(n > 0);
    if (f != NULL) fclose(f);
    randoms++;
    return ok && !no_random;
}
static inline const char *my_LLM_GETENV(void *ctx, const char *name) {
    static const char known[] = " OPENAI_API_KEY OPENAI_BASE_URL OPENAI_ORG_ID OPENAI_PROJECT_ID OPENAI_MODEL SSL_CERT_FILE "
        "https_proxy HTTPS_PROXY http_proxy HTTP_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY REQUEST_METHOD ";
    char word[64];
    IS_MINE(ctx);
    getenvs++;
    snprintf(word, sizeof word, " %s ", name);
    if (!MUST(strstr(known, word) != NULL)) fprintf(stderr, "%s\n", name);
    if (strcmp(name, "OPENAI_MODEL") == 0) return "model-of-the-hook";
    if (strcmp(name, "OPENAI_API_KEY") == 0) return "key-of-the-hook";
    return NULL;
}
/* a file that is nowhere but here */
#define NOWHERE "rom:/roots"
static inline long my_LLM_FILE_READ(void *ctx, const char *path, uint64_t offset, void *buf, size_t n) {
    FILE *f;
    long got;
    IS_MINE(ctx);
    MUST(n > 0 && buf != NULL);
    reads++;
    if (strcmp(path, NOWHERE) != 0) return -1;
    f = fopen(ca_path, "rb");
    if (f == NULL || fseek(f, (long)offset, SEEK_SET) != 0) exit(1);
    got = (long)fread(buf, 1, n < 100 ? n : 100, f);        /* fewer than asked for */
    fclose(f);
    return got;
}
static long levels[3];
static const int log_levels[3];          /* the header has their names */
static inline void my_log(void *ctx, int level, const char *text, size_t len, const int *three) {
    IS_MINE(ctx);
    logs++;
    if (level == three[0]) levels[0]++;
    else if (level == three[1]) levels[1]++;
    else if (level == three[2]) levels[2]++;
    else MUST(level < 0);
    MUST(len > 0 && memchr(text, '\n', len) == NULL && memchr(text, 0, len) == NULL);
    MUST(memmem(text, len, "key-of-the", 10) == NULL && memmem(text, len, "one two", 7) == NULL);
}
#define my_LLM_LOG(ctx, level, text, len) my_log((ctx), (level), (text), (len), log_levels)

/* ---- net */
struct my_conn { int fd, opened, opens; };
#define LLM_NET_CONN_OF_THE_HOOKS struct my_conn
struct llm_wait_item;
static long opens, sends, recvs, closes, inits, waits, whys, serials, timers, want_asked;
static int open_now, no_net, secure_seen = -1, url_port;
static int wait_for(int fd, short events, int ms) {
    struct pollfd p;
    p.fd = fd;
    p.events = events;
    p.revents = 0;
    return poll(&p, 1, ms);
}
/* In progress for the first two calls, whatever the network does. */
static inline int my_open(void *ctx, struct my_conn *c, const char *host, int port, int timeout_ms, int secure) {
    struct addrinfo hints, *list = NULL;
    char service[8];
    IS_MINE(ctx);
    secure_seen = secure;
    opens++;
    MUST(strcmp(host, "localhost") == 0);
    MUST(port == url_port);
    MUST(timeout_ms >= 0);
    if (c->opens == 0) {
        MUST(c->fd == 0 && c->opened == 0);                /* it lies zeroed */
        open_now++;
        c->fd = -1;
    }
    if (no_net) return no_net;
    if (++c->opens <= 2) {
        if (timeout_ms > 0) usleep(1000);
        return 0;
    }
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_family = AF_INET;
    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(host, service, &hints, &list) != 0) exit(1);
    c->fd = socket(list->ai_family, list->ai_socktype | SOCK_CLOEXEC, 0);
    if (connect(c->fd, list->ai_addr, list->ai_addrlen) != 0) exit(1);
    freeaddrinfo(list);
    c->opened = 1;
    return 1;
}
#define my_LLM_NET_OPEN(ctx, conn, host, port, timeout_ms) my_open((ctx), (conn), (host), (port), (timeout_ms), -1)
#define my_LLM_NET_OPEN_TLS(ctx, conn, host, port, timeout_ms, secure) \
    my_open((ctx), (conn), (host), (port), (timeout_ms), (secure))
static inline long my_LLM_NET_SEND(void *ctx, struct my_conn *c, const void *buf, size_t n, int timeout_ms) {
    IS_MINE(ctx);
    sends++;
    MUST(c->opened && n > 0 && timeout_ms >= 0);
    if (wait_for(c->fd, POLLOUT, timeout_ms) == 0) return 0;
    return send(c->fd, buf, n < 100 ? n : 100, MSG_NOSIGNAL);   /* fewer than n is fine */
}
static inline long my_recv(void *ctx, struct my_conn *c, void *buf, size_t n, int timeout_ms, long closed, long broken) {
    long got;
    IS_MINE(ctx);
    recvs++;
    MUST(c->opened && n > 0 && timeout_ms >= 0);
    if (wait_for(c->fd, POLLIN, timeout_ms) == 0) return 0;
    got = recv(c->fd, buf, n, 0);
    return got == 0 ? closed : got < 0 ? broken : got;
}
#define my_LLM_NET_RECV(ctx, conn, buf, n, timeout_ms) \
    my_recv((ctx), (conn), (buf), (n), (timeout_ms), LLM_NET_CLOSED, LLM_NET_FAILED)
static inline void my_LLM_NET_CLOSE(void *ctx, struct my_conn *c) {
    IS_MINE(ctx);
    closes++;
    MUST(c->opens > 0 || no_net != 0);
    open_now--;
    if (c->fd >= 0) close(c->fd);
    memset(c, 0x55, sizeof *c);
}
static inline int my_LLM_NET_INIT(void *ctx) { IS_MINE(ctx); inits++; return no_net == 0; }
static inline int my_LLM_NET_FD(void *ctx, struct my_conn *c) { IS_MINE(ctx); return c->opened ? c->fd : -1; }
static inline unsigned my_LLM_NET_SERIAL(void *ctx, struct my_conn *c) { IS_MINE(ctx); serials++; return (unsigned)c->opened; }
static inline int my_wants(void *ctx, struct my_conn *c, int wants) {
    IS_MINE(ctx);
    MUST(!c->opened);
    want_asked++;
    return wants;
}
#define my_LLM_NET_WANTS(ctx, conn) my_wants((ctx), (conn), LLM_WANT_WRITE)
static inline int my_LLM_NET_TIMER_MS(void *ctx, struct my_conn *c) { IS_MINE(ctx); MUST(!c->opened); timers++; return 1; }
static inline const char *my_LLM_NET_WHY(void *ctx, struct my_conn *c) {
    IS_MINE(ctx);
    (void)c;
    whys++;
    return "the cable is out";
}
int my_LLM_NET_WAIT(void *ctx, struct llm_wait_item *items, size_t n, int timeout_ms);

#include "hooks_doc.h"
#define LLM_OPENAI_STATIC
#define LLM_OPENAI_IMPLEMENTATION
#include "llm_openai.h"
static const int log_levels[3] = {LLM_LOG_ERROR, LLM_LOG_INFO, LLM_LOG_DEBUG};

#ifdef HOOK_OPTIONAL
/* written below the include: it looks into the items */
int my_LLM_NET_WAIT(void *ctx, struct llm_wait_item *items, size_t n, int timeout_ms) {
    size_t i;
    int ready = 0;
    IS_MINE(ctx);
    waits++;
    MUST(n == 1);
    for (i = 0; i < n; i++) {
        items[i].ready = 0;
        MUST((items[i].wants & ~(LLM_WANT_READ | LLM_WANT_WRITE)) == 0);
        if (items[i].conn == NULL || !items[i].conn->opened) continue;
        items[i].ready = wait_for(items[i].conn->fd, items[i].wants & LLM_WANT_WRITE ? POLLIN | POLLOUT : POLLIN,
                                  timeout_ms < 0 ? 1000 : timeout_ms) > 0;
        ready += items[i].ready;
    }
    if (ready == 0 && timeout_ms != 0) usleep(1000);       /* what is being opened has no descriptor to wait on */
    return ready;
}
#endif

static char block[512 * 1024];
static llm_config config;
static llm_client *client;
static llm_response answer;
static llm_error error;

static int clients;
static llm_status new_client(void) {
    llm_status s = llm_client_new(&client, &config, &error);
    if (s == LLM_OK) clients++;
    return s;
}
static llm_status say(const char *prompt, const char *model) {
    llm_request r = llm_request_init();
    r.prompt = prompt;
    r.model = model;
    return llm_chat(client, &r, &answer);
}
static void done(void) {
    llm_response_free(&answer);
    llm_client_free(client);
}

int main(int argc, char **argv) {
    static llm_config zero;
    llm_request r = llm_request_init();
    llm_call *call;
    llm_event event;
    llm_status s;
    long before;
    if (argc != 3) return 2;
    url_port = atoi(strrchr(argv[1], ':') + 1);
    ca_path = argv[2];
    config.base_url = argv[1];
    config.hook_ctx = &context;
    config.max_retries = 1;
#ifndef HOOK_TLS
    config.ca_file = argv[2];
#endif
#if defined(HOOK_FILE) && !defined(HOOK_TLS)
    config.ca_file = NOWHERE;
#endif
#ifndef HOOK_ENV
    config.api_key = "key-of-the-program";
    config.model = "m";
#endif

    CHECK_INT(new_client(), LLM_OK);
    /* with llm_wait(), and with the four numbers for an event loop */
    r.prompt = "count to 30";
    CHECK_INT(llm_start(client, &r, &call), LLM_OK);
    while ((s = llm_next(call, &event, 0)) == LLM_OK || s == LLM_PENDING) {
        if (s == LLM_OK) continue;
        (void)llm_call_fd_serial(call);
        (void)llm_call_wants(call);
        (void)llm_call_timeout_ms(call);
        MUST(llm_wait(&call, 1, 1000) >= LLM_OK);
#if defined(HOOK_NET) && !defined(HOOK_OPTIONAL)
        MUST(llm_call_fd(call) == -1);
#elif !defined(HOOK_NET)
        (void)llm_call_fd(call);
#else
        MUST(llm_call_fd(call) >= -1);
#endif
    }
    CHECK_INT(s, LLM_DONE);
    CHECK_INT(llm_finish(call, &answer), LLM_OK);
    CHECK(strstr(answer.content, "1 2 3 4 5 6") == answer.content);
    llm_response_free(&answer);
    CHECK_INT(say("echo: one two three", NULL), LLM_OK);
    if (!CHECK_STR(answer.content, "one two three")) fprintf(stderr, "%s\n", answer.error.message);
#ifdef HOOK_ENV
    CHECK_STR(answer.model, "model-of-the-hook");
#endif
    llm_response_free(&answer);
    CHECK_INT(say("x", "mock:status-503"), LLM_ERR_SERVER);
    CHECK_INT(answer.error.attempts, 2);
    llm_response_free(&answer);
    done();

    /* a block of the program's own: the memory hooks are not called */
    before = mallocs;
    config.memory = block;
    config.memory_size = sizeof block;
    CHECK_INT(new_client(), LLM_OK);
    CHECK_INT(say("echo: from a block", NULL), LLM_OK);
    CHECK_STR(answer.content, "from a block");
    done();
    CHECK_INT(mallocs, before);
    config.memory = NULL;
    config.memory_size = 0;

#ifdef HOOK_MEMORY
    CHECK(mallocs > 5 && live == 0);
    no_memory = 1;
    CHECK_INT(llm_client_new(&client, &config, &error), LLM_ERR_MEMORY);
    CHECK(client == NULL);
    no_memory = 0;
#endif
#ifdef HOOK_CLOCK
    CHECK(nows > 5 && sleeps > 0);
#ifndef HOOK_TLS
    CHECK(times > 0);
    no_time = 1;
    CHECK_INT(new_client(), LLM_OK);
    CHECK_INT(say("x", NULL), LLM_ERR_TLS);
    CHECK(strstr(answer.error.message, "clock") != NULL);
    done();
    config.no_clock = 1;
    CHECK_INT(new_client(), LLM_OK);
    CHECK_INT(say("echo: x", NULL), LLM_OK);
    done();
    no_time = config.no_clock = 0;
#endif
#endif
#if defined(HOOK_RANDOM) && !defined(HOOK_TLS)
    CHECK(randoms > 0);
    no_random = 1;
    CHECK_INT(new_client(), LLM_OK);
    CHECK_INT(say("x", NULL), LLM_ERR_TLS);
    CHECK(strstr(answer.error.message, "random") != NULL);
    done();
    no_random = 0;
#endif
#ifdef HOOK_ENV
    CHECK(getenvs > 5);
#endif
#if defined(HOOK_FILE) && !defined(HOOK_TLS)
    CHECK(reads > 5);
    config.ca_file = "/etc/passwd";        /* the hook says no: the library must not open it by other means */
    CHECK_INT(new_client(), LLM_OK);
    CHECK_INT(say("x", NULL), LLM_ERR_TLS);
    done();
    config.ca_file = NOWHERE;
#endif
#ifdef HOOK_LOG
    CHECK(logs > 3 && levels[0] + levels[1] + levels[2] == logs && levels[2] > 0);
#endif
#ifdef HOOK_NET
    CHECK(opens >= 6 && sends > 4 && recvs > 4 && closes > 1 && open_now == 0);
#ifdef HOOK_TLS
    CHECK_INT(secure_seen, 1);
#endif
#ifdef HOOK_OPTIONAL
    CHECK(waits > 0 && serials > 0 && timers > 0 && want_asked > 0);
    CHECK_INT(inits, clients);
    no_net = LLM_NET_FAILED;
    CHECK_INT(llm_client_new(&client, &config, &error), LLM_ERR_CONNECTION);
    CHECK(client == NULL);
    no_net = 0;
    CHECK_INT(new_client(), LLM_OK);
#else
    CHECK_INT(new_client(), LLM_OK);
#endif
    no_net = LLM_NET_REFUSED;
    CHECK_INT(say("x", NULL), LLM_ERR_CONNECTION);
    no_net = LLM_NET_NO_HOST;
    llm_response_free(&answer);
    CHECK_INT(say("x", NULL), LLM_ERR_CONNECTION);
#ifdef HOOK_OPTIONAL
    CHECK(whys > 0 && strstr(answer.error.message, "the cable is out") != NULL);
#endif
    done();
    no_net = 0;
    CHECK_INT(open_now, 0);
#endif
    config = zero;
    (void)logs;
    (void)no_time;
    return t_done();
}

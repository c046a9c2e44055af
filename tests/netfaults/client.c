/* client.c - a program for more_net.sh: one call in a real process, with the library's own sockets, TLS, environment
   and files, and one line about it; and the few things that a shell cannot do. Built and run by more_net.sh.

       client chat|stream|tools PROMPT [SETTING=VALUE ...]     STATUS http=N attempts=N ms=N text=[..] message=[..]
           connect idle total retries proxy ca allow count max_idle; key, URL and model come from the environment
       client port                 a port of 127.0.0.1 where nobody listens now
       client wait PORT MS         until something listens there
       client script PORT          a script for the mock server whose control port this is, from standard input
       client config PORT LINE     a setting of it
       client reset PORT           it is as at its start
       client stat PORT NAME       one of its counters
       client canned MODE          a server for one canned answer, from standard input: prints its port; MODE is what it
                                   does behind it, `close` or `hold`
       client dns MODE ADDRESS [MS [PORT]]  a name server: prints its port, answers each name with ADDRESS (A or AAAA),
                                   after MS; MODE `answer`, `never`, or `none`: there is no such name

   CLIENT_RESOLV, CLIENT_HOSTS and CLIENT_DNS_PORT name other files and another port for the resolver; CLIENT_LOG is a
   file for LLM_LOG. */
#define _GNU_SOURCE 1
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static const char *setting(const char *name, const char *other) {
    const char *v = getenv(name);
    return v && *v ? v : other;
}
static void log_line(const char *text, size_t len) {
    FILE *f = fopen(setting("CLIENT_LOG", "/dev/null"), "a");
    if (!f) return;
    fprintf(f, "%.*s\n", (int)len, text);
    fclose(f);
}
#define LLM_RESOLV_CONF                setting("CLIENT_RESOLV", "/etc/resolv.conf")
#define LLM_HOSTS_FILE                 setting("CLIENT_HOSTS", "/etc/hosts")
#define LLM_DNS_PORT                   atoi(setting("CLIENT_DNS_PORT", "53"))
#define LLM_LOG(ctx, level, text, len) ((void)(ctx), (void)(level), log_line((text), (len)))
#define T_NO_MEMORY_HOOKS
#include "../t.h"
#include "../mock.h"

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- calls ----------------------------------------------------------------------------------------------- */

static llm_status weather(void *user, const llm_tool_call *call, llm_text *result) {
    (void)user;
    (void)call;
    return llm_text_add(result, "sunny");
}

static int on_event(void *user, const llm_event *ev) {
    (void)user;
    (void)ev;
    return 0;
}

static int calls(int argc, char **argv) {
    llm_config f = llm_config_init();
    llm_request r = llm_request_init();
    llm_response o;
    llm_client *c;
    llm_error e;
    llm_tool t;
    llm_status s = LLM_OK;
    int i, count = 1;
    char *big = NULL;
    memset(&t, 0, sizeof t);
    f.max_retries = -1;
    for (i = 3; i < argc; i++) {
        char *v = strchr(argv[i], '=');
        size_t n;
        if (!v) return 2;
        n = (size_t)(v++ - argv[i]);
#define IS(name) (n == strlen(name) && strncmp(argv[i], name, n) == 0)
        if (IS("connect"))
            f.connect_timeout_ms = atoi(v);
        else if (IS("idle"))
            f.idle_timeout_ms = atoi(v);
        else if (IS("total"))
            f.timeout_ms = atoi(v);
        else if (IS("retries"))
            f.max_retries = atoi(v);
        else if (IS("proxy"))
            f.proxy = v;
        else if (IS("ca"))
            f.ca_file = v;
        else if (IS("allow"))
            f.allow_plaintext_key = atoi(v);
        else if (IS("count"))
            count = atoi(v);
        else if (IS("max_idle"))
            f.max_idle = atoi(v);
        else
            return 2;
    }
    if (llm_client_new(&c, &f, &e) != LLM_OK) {
        printf("%s http=0 attempts=0 ms=0 text=[] message=[%s]\n", llm_status_name(e.status), e.message);
        return 0;
    }
    r.prompt = argv[2];
    if (argv[2][0] == '@') { /* @N: a prompt of N bytes */
        size_t n = (size_t)atol(argv[2] + 1);
        big = (char *)malloc(n + 1);
        if (!big) return 2;
        memset(big, 'x', n);
        big[n] = 0;
        r.prompt = big;
    }
    t.name = "weather";
    t.handler = weather;
    for (i = 0; i < count; i++) {
        long start = now_ms();
        if (strcmp(argv[1], "tools") == 0) {
            r.tools = &t;
            r.tool_count = 1;
            s = llm_chat_with_tools(c, &r, 0, on_event, NULL, &o);
        } else if (strcmp(argv[1], "stream") == 0) {
            s = llm_chat_stream(c, &r, on_event, NULL, &o);
        } else {
            s = llm_chat(c, &r, &o);
        }
        if (i + 1 == count || s != LLM_OK) {
            printf("%s http=%d attempts=%d ms=%ld text=[%s] message=[%s]\n", llm_status_name(s), o.error.http_status,
                   o.error.attempts, now_ms() - start, o.content, o.error.message);
        }
        llm_response_free(&o);
        if (s != LLM_OK) break;
    }
    llm_client_free(c);
    free(big);
    return 0;
}

/* ---- what a shell cannot do ------------------------------------------------------------------------------ */

static int listener(int type, int *port) {
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, type, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_ANY);
    a.sin_port = htons((uint16_t)*port);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &len)) exit(1);
    *port = ntohs(a.sin_port);
    return fd;
}

/* Below the ports that systems give to outgoing connections, so that none takes it before the server does. */
static int free_port(void) {
    unsigned char r[2];
    struct sockaddr_in a;
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM, 0), port, well;
        if (fd < 0 || !llmi_posix_random(r, sizeof r)) exit(1);
        port = 20000 + (r[0] << 8 | r[1]) % 12000;
        a.sin_port = htons((unsigned short)port);
        well = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
        close(fd);
        if (well) return port;
    }
}

static int wait_for(int port, long ms) {
    long start = now_ms();
    while (now_ms() - start < ms) {
        int fd = t_mock_connect(port);
        if (fd >= 0) {
            close(fd);
            return 0;
        }
        t_mock_sleep(20);
    }
    return 1;
}

static size_t all_input(char *p, size_t cap) {
    size_t n = fread(p, 1, cap - 1, stdin);
    p[n] = 0;
    return n;
}

/* Reads a head, then sends the answer: to one connection after the other. */
static int canned(const char *mode) {
    static char answer[65536];
    size_t n = all_input(answer, sizeof answer);
    int port = 0, fd = listener(SOCK_STREAM, &port);
    if (listen(fd, 10)) return 1;
    printf("%d\n", port);
    fflush(stdout);
    for (;;) {
        int one = accept(fd, NULL, NULL);
        char c, last[4] = "";
        if (one < 0) continue;
        while (memcmp(last, "\r\n\r\n", 4) != 0 && recv(one, &c, 1, 0) == 1) {
            memmove(last, last + 1, 3);
            last[3] = c;
        }
        t_mock_write(one, answer, n);
        if (strcmp(mode, "hold") == 0) {
            while (recv(one, &c, 1, 0) == 1) {
            }
        }
        close(one);
    }
}

/* RFC 1035: the question as it came, and one address record if the type fits. */
static int dns(const char *mode, const char *address, int ms, int port) {
    unsigned char b[600], ip[16];
    int fd = listener(SOCK_DGRAM, &port), v6 = inet_pton(AF_INET6, address, ip) == 1;
    if (!v6 && inet_pton(AF_INET, address, ip) != 1) return 2;
    printf("%d\n", port);
    fflush(stdout);
    for (;;) {
        struct sockaddr_in from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(fd, b, 512, 0, (struct sockaddr *)&from, &len);
        size_t at = 12, size = v6 ? 16 : 4;
        int type;
        if (n < 17 || strcmp(mode, "never") == 0) continue;
        while (at < (size_t)n && b[at]) at += b[at] + 1u;
        at += 5;
        if (at > (size_t)n) continue;
        type = b[at - 4] << 8 | b[at - 3];
        b[2] = 0x84;
        b[3] = strcmp(mode, "none") == 0 ? 3 : 0;
        memset(b + 6, 0, 6); /* no answer, no authority, nothing additional */
        if (b[3] == 0 && type == (v6 ? 28 : 1)) {
            static const unsigned char head[10] = {0xC0, 12, 0, 0, 0, 1, 0, 0, 0, 60};
            b[7] = 1;
            memcpy(b + at, head, 10);
            b[at + 3] = (unsigned char)type;
            b[at + 10] = 0;
            b[at + 11] = (unsigned char)size;
            memcpy(b + at + 12, ip, size);
            at += 12 + size;
        }
        if (ms > 0) t_mock_sleep(ms);
        (void)!sendto(fd, b, at, 0, (struct sockaddr *)&from, len);
    }
}

int main(int argc, char **argv) {
    static char script[65536];
    const char *what = argc > 1 ? argv[1] : "";
    t_mock m;
    memset(&m, 0, sizeof m);
    signal(SIGPIPE, SIG_IGN);
    if (argc > 2) m.control_port = atoi(argv[2]);
    if (strcmp(what, "port") == 0) {
        printf("%d\n", free_port());
        return 0;
    }
    if (strcmp(what, "wait") == 0 && argc == 4) return wait_for(atoi(argv[2]), atol(argv[3]));
    if (strcmp(what, "script") == 0 && argc == 3) {
        all_input(script, sizeof script);
        return t_mock_script(&m, script) ? 0 : 1;
    }
    if (strcmp(what, "config") == 0 && argc == 4) return t_mock_config(&m, argv[3]) ? 0 : 1;
    if (strcmp(what, "reset") == 0 && argc == 3) return t_mock_reset(&m) ? 0 : 1;
    if (strcmp(what, "stat") == 0 && argc == 4) {
        printf("%ld\n", t_mock_stat(&m, argv[3]));
        return 0;
    }
    if (strcmp(what, "canned") == 0 && argc == 3) return canned(argv[2]);
    if (strcmp(what, "dns") == 0 && argc >= 4) {
        return dns(argv[2], argv[3], argc > 4 ? atoi(argv[4]) : 0, argc > 5 ? atoi(argv[5]) : 0);
    }
    if (argc >= 3 && (strcmp(what, "chat") == 0 || strcmp(what, "stream") == 0 || strcmp(what, "tools") == 0))
        return calls(argc, argv);
    fprintf(stderr, "see the top of client.c\n");
    return 2;
}

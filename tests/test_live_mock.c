/* needs: bearssl bundle mock native */
/* test_live_mock.c - the whole library against build/mock_server over real sockets, HTTP and HTTPS; and the lines of
   data/inputs.txt that need them. */
#define LLM_RESOLV_CONF "data/net/one.conf" /* 127.0.0.1, where a name server of this test answers */
#define LLM_DNS_PORT    dns_port
static int dns_port = 53;
#include "t.h"
#include "t_cases.h"
#include "inputs.h"
#include "mock.h"
#include <poll.h>
#include <sys/time.h>

#define KEY "sk-0123456789abcdefABCDEF"

static t_mock m;

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static llm_config config(int secure) {
    llm_config f = llm_config_init();
    f.api_key = KEY;
    f.base_url = secure ? m.https_base : m.http_base;
    f.ca_file = m.ca_file;
    f.model = "gpt-4o";
    f.connect_timeout_ms = 10000 * T_SLOW;
    f.idle_timeout_ms = 20000 * T_SLOW; /* no test hangs */
    return f;
}

static llm_client *client(int secure, const llm_config *given) {
    llm_config f = given ? *given : config(secure);
    llm_client *c = NULL;
    llm_error e;
    if (llm_client_new(&c, &f, &e) != LLM_OK) {
        fprintf(stderr, "llm_client_new: %s\n", e.message);
        exit(1);
    }
    return c;
}

static llm_request ask(const char *prompt) {
    llm_request r = llm_request_init();
    r.prompt = prompt;
    return r;
}

static void done(llm_client *c) {
    llm_client_free(c);
    CHECK_INT(t_live, 0);
    t_live = 0;
}

/* Says what went wrong when it is not what was wanted. */
static int is_status(llm_status s, llm_status wanted, const llm_error *e) {
    if (CHECK_INT(s, wanted)) return 1;
    fprintf(stderr, "    %s: %s\n", llm_status_name(s), e->message);
    return 0;
}

/* ---- chat, stream, tools ------------------------------------------------------------------------------------ */

static void test_chat(int secure) {
    llm_client *c = client(secure, NULL);
    llm_request r = ask("echo: hello \xE2\x82\xAC");
    llm_response o;
    int i;
    t_mock_reset(&m);
    for (i = 0; i < 5; i++) {
        is_status(llm_chat(c, &r, &o), LLM_OK, &o.error);
        CHECK_STR(o.content, "hello \xE2\x82\xAC");
        CHECK_INT(o.finish_reason, LLM_FINISH_STOP);
        CHECK(o.usage.known && o.usage.total_tokens == o.usage.input_tokens + o.usage.output_tokens &&
              o.usage.output_tokens > 0);
        CHECK_INT(o.usage.cost_source, LLM_COST_EXACT);
        CHECK(o.usage.cost_usd > 0);
        CHECK(o.request_id[0] != 0);
        llm_response_free(&o);
    }
    CHECK_INT(t_mock_stat(&m, "connections"), 1); /* kept */
    CHECK_INT(t_mock_stat(&m, "requests"), 5);
    CHECK_INT(t_mock_stat(&m, "bad_requests"), 0);
    CHECK_INT(t_mock_stat(&m, "tls_full"), secure);
    { /* the server closes it meanwhile: noticed, a new one, no retry of the caller's */
        t_mock_close_idle(&m);
        is_status(llm_chat(c, &r, &o), LLM_OK, &o.error);
        llm_response_free(&o);
        CHECK_INT(t_mock_stat(&m, "connections"), 2);
        CHECK_INT(t_mock_stat(&m, "tls_resumed"), secure);
    }
    { /* a kept connection that dies when the next request is sent */
        t_mock_script(&m, "exchange\n reset 0\nexchange\n brain\n");
        is_status(llm_chat(c, &r, &o), LLM_OK, &o.error);
        CHECK_STR(o.content, "hello \xE2\x82\xAC");
        llm_response_free(&o);
        CHECK_INT(t_mock_stat(&m, "connections"), 3);
    }
    done(c);
}

typedef struct got {
    int texts;
    char text[400];
} got;

static int next_please(void *user, const llm_event *ev) {
    got *g = (got *)user;
    if (ev->kind != LLM_EVENT_TEXT) return 0;
    strncat(g->text, ev->text, ev->len);
    strcat(g->text, "|");
    g->texts++;
    t_mock_continue(&m);
    return 0;
}

/* The server sends chunk k+1 only when event k was reported: a client that buffers hangs here. */
static void test_stream(int secure, int poll_style) {
    llm_client *c;
    llm_request r = ask("x");
    llm_response o;
    got g;
    memset(&g, 0, sizeof g);
    t_mock_reset(&m);
    t_mock_script(&m, "exchange\nrole\nchunk one\nwait\nchunk two\nwait\nchunk three\nwait\nfinish\nusage 9 3\ndone\n");
    c = client(secure, NULL);
    if (!poll_style) {
        is_status(llm_chat_stream(c, &r, next_please, &g, &o), LLM_OK, &o.error);
    } else {
        llm_call *call;
        llm_event ev;
        llm_status s;
        int rounds = 0;
        CHECK_INT(llm_start(c, &r, &call), LLM_OK);
        while ((s = llm_next(call, &ev, 0)) == LLM_OK || s == LLM_PENDING) {
            struct pollfd p;
            int wants = llm_call_wants(call), ms = llm_call_timeout_ms(call);
            if (s == LLM_OK) {
                next_please(&g, &ev);
                continue;
            }
            p.fd = llm_call_fd(call);
            p.events = (short)((wants & LLM_WANT_READ ? POLLIN : 0) | (wants & LLM_WANT_WRITE ? POLLOUT : 0));
            if (++rounds > 1000) break;
            poll(&p, p.fd >= 0, ms < 0 || ms > 5000 ? 5000 : ms);
        }
        CHECK_INT(s, LLM_DONE);
        CHECK(rounds < 200); /* it waited, and did not spin */
        is_status(llm_finish(call, &o), LLM_OK, &o.error);
    }
    CHECK_STR(g.text, "one|two|three|");
    CHECK_STR(o.content, "onetwothree");
    CHECK_INT(o.usage.output_tokens, 3);
    llm_response_free(&o);
    {
        char *body = t_mock_last_body(&m, 0, NULL);
        CHECK(body && strstr(body, "\"stream_options\":{\"include_usage\":true}"));
        free(body);
        body = t_mock_last_head(&m, 0);
        CHECK(body && strstr(body, "\r\nAuthorization: Bearer " KEY "\r\n"));
        free(body);
    }
    done(c);
}

static llm_status tool(void *user, const llm_tool_call *call, llm_text *result) {
    ++*(int *)user;
    return llm_text_addf(result, "%s says 42", call->name);
}

static void test_tools(int secure) {
    llm_client *c = client(secure, NULL);
    llm_tool t[2];
    llm_request r = ask("what is it like in Oslo?");
    llm_response o;
    llm_conversation *v;
    int runs = 0;
    memset(t, 0, sizeof t);
    t[0].name = "weather";
    t[0].parameters = "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}";
    t[1].name = "clock";
    t[0].handler = t[1].handler = tool;
    t[0].user = t[1].user = &runs;
    r.tools = t;
    r.tool_count = 2;
    t_mock_reset(&m);
    CHECK_INT(llm_conversation_new(c, &v), LLM_OK);
    r.conversation = v;
    is_status(llm_chat_with_tools(c, &r, 0, NULL, NULL, &o), LLM_OK, &o.error);
    CHECK_INT(runs, 2);
    CHECK(strstr(o.content, "says 42") != NULL);
    CHECK_INT(o.iterations, 2);
    CHECK_INT(v->count, 5);
    CHECK_INT(t_mock_stat(&m, "connections"), 1);
    CHECK_INT(t_mock_stat(&m, "bad_requests"), 0);
    llm_response_free(&o);
    r.prompt = NULL;
    r.tool_count = 0;
    CHECK_INT(llm_conversation_add(v, LLM_USER, "echo: and then?"), LLM_OK);
    is_status(llm_chat(c, &r, &o), LLM_OK, &o.error); /* the server takes the conversation as it stands */
    CHECK_STR(o.content, "and then?");
    llm_response_free(&o);
    llm_conversation_free(v);
    done(c);
}

static void test_resumption(void) {
    llm_config f = config(1);
    llm_client *c;
    llm_request r = ask("echo: x");
    llm_response o;
    int i;
    t_mock_reset(&m);
    f.max_idle = -1;
    c = client(1, &f);
    for (i = 0; i < 4; i++) {
        is_status(llm_chat(c, &r, &o), LLM_OK, &o.error);
        llm_response_free(&o);
    }
    CHECK_INT(t_mock_stat(&m, "connections"), 4);
    CHECK_INT(t_mock_stat(&m, "tls_full"), 1);
    CHECK_INT(t_mock_stat(&m, "tls_resumed"), 3);
    done(c);
}

static void test_retry(int secure) {
    llm_client *c = client(secure, NULL);
    llm_request r = ask("echo: at last");
    llm_response o;
    long start = now_ms();
    t_mock_reset(&m);
    t_mock_script(&m, "exchange\nstatus 429\nheader Retry-After: 1\nbody {\"error\":{\"message\":\"slow "
                      "down\",\"code\":\"rate_limit_exceeded\"}}\n"
                      "exchange\nstatus 503\nheader retry-after-ms: 50\nbody <html>\nexchange\nbrain\n");
    is_status(llm_chat(c, &r, &o), LLM_OK, &o.error);
    CHECK_STR(o.content, "at last");
    CHECK(now_ms() - start >= 1040 && now_ms() - start < 5000 * T_SLOW);
    CHECK_INT(t_mock_stat(&m, "requests"), 3);
    CHECK_INT(t_mock_stat(&m, "connections"), 1);
    llm_response_free(&o);
    done(c);
}

/* ---- cuts: promises 3 and 5 ------------------------------------------------------------------------------------ */

static void test_cuts(int secure) {
    static const char answer[] = "role\nchunk Hel\nchunk lo\nfinish\ndone\n";
    llm_config f = config(secure);
    llm_client *c;
    llm_request r = ask("x");
    llm_response o;
    char script[300];
    int reset, n, broke = 0, cut = 0, well = 0;
    f.max_retries = -1;
    c = client(secure, &f);
    for (reset = 0; reset <= 1; reset++) {
        llm_status last = LLM_ERR_CONNECTION;
        for (n = 0; n < 1600; n += n < 250 ? 9 : 23) {
            llm_status s;
            snprintf(script, sizeof script, "exchange\nheader X-Pad: 0123456789\n%s %d\n%s", reset ? "reset" : "cut", n,
                     answer);
            if (!t_mock_script(&m, script)) exit(1);
            s = llm_chat_stream(c, &r, NULL, NULL, &o);
            /* first no answer at all, then half of one, then all that matters; never back. A reset can throw away what
               has arrived, so that with it an earlier ending may come late */
            if (s == LLM_ERR_CONNECTION)
                broke++;
            else if (s == LLM_ERR_TRUNCATED)
                cut++;
            else if (s == LLM_OK)
                well++;
            else
                is_status(s, LLM_OK, &o.error);
            if (!reset) {
                CHECK(!(last == LLM_ERR_TRUNCATED && s == LLM_ERR_CONNECTION) && !(last == LLM_OK && s != LLM_OK));
                last = s;
            }
            CHECK(strncmp(o.content, "Hello", strlen(o.content)) == 0);
            if (s == LLM_OK) CHECK_STR(o.content, "Hello");
            llm_response_free(&o);
            if (s == LLM_OK && !reset && n > 1500) break;
        }
    }
    CHECK(broke > 10 && cut > 5 && well > 3);
    r = ask("echo: fine");
    t_mock_reset(&m);
    is_status(llm_chat(c, &r, &o), LLM_OK, &o.error); /* the client works on */
    llm_response_free(&o);
    done(c);
}

/* A body up to the connection's end: over TLS only close_notify is an end (promise 5). */
static void test_truncation(void) {
    int secure, notify;
    for (secure = 0; secure <= 1; secure++) {
        for (notify = 0; notify <= 1; notify++) {
            llm_client *c = client(secure, NULL);
            llm_request r = ask("x");
            llm_response o;
            char script[300];
            snprintf(script, sizeof script,
                     "exchange\nframing close\nbody {\"choices\":[{\"message\":{\"content\":\"all\"},\"finish_reason\":"
                     "\"stop\"}]}\n%s\n",
                     notify ? "close" : "cut");
            t_mock_reset(&m);
            t_mock_script(&m, script);
            is_status(llm_chat(c, &r, &o), secure && !notify ? LLM_ERR_TRUNCATED : LLM_OK, &o.error);
            CHECK_STR(o.content, "all");
            llm_response_free(&o);
            done(c);
        }
    }
}

static void test_handshake_cuts(void) {
    llm_config f = config(1);
    llm_client *c;
    llm_request r = ask("echo: fine");
    llm_response o;
    char line[80];
    int n, k;
    static const char *const how[] = {"fin", "reset"};
    f.max_retries = -1;
    f.max_idle = -1;
    for (k = 0; k < 2; k++) {
        t_mock_reset(&m);
        t_mock_config(&m, "session-cache 0\n");
        c = client(1, &f);
        for (n = 0; n < 1200; n += 61) {
            llm_status s;
            snprintf(line, sizeof line, "wire-cut %d %s\n", n, how[k]);
            t_mock_config(&m, line);
            s = llm_chat(c, &r, &o);
            CHECK(llm_is(s, LLM_ERR_CONNECTION));
            CHECK(o.error.http_status == 0 && o.content[0] == 0);
            llm_response_free(&o);
        }
        t_mock_reset(&m);
        is_status(llm_chat(c, &r, &o), LLM_OK, &o.error);
        llm_response_free(&o);
        done(c);
    }
}

/* ---- certificates: promise 2 ----------------------------------------------------------------------------------- */

static void test_certificates(void) {
    static const char *const row[][2] = {
        {"ec", "127.0.0.1"},        {"ec", "localhost"},     {"rsa", "127.0.0.1"},          {"p384", "localhost"},
        {"with-root", "localhost"}, {"no-eku", "localhost"}, {"critical-eku", "localhost"}, {"ip-only", "127.0.0.1"},
    };
    size_t i;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) { /* the bad ones are in data/inputs.txt */
        llm_config f = config(1);
        llm_request r = ask("echo: x");
        llm_response o;
        llm_client *c;
        char base[100], line[80];
        t_case = row[i][0];
        t_mock_reset(&m);
        snprintf(line, sizeof line, "cert %s\n", row[i][0]);
        if (!t_mock_config(&m, line)) exit(1);
        snprintf(base, sizeof base, "https://%s:%d/v1", row[i][1], m.https_port);
        f.base_url = base;
        c = client(1, &f);
        is_status(llm_chat(c, &r, &o), LLM_OK, &o.error);
        CHECK_STR(o.content, "x");
        llm_response_free(&o);
        done(c);
    }
    t_case = "";
    { /* no anchors */
        llm_config f = config(1);
        llm_request r = ask("echo: x");
        llm_response o;
        llm_client *c;
        t_mock_reset(&m);
        f.ca_file = "/nonexistent/roots.pem";
        c = client(1, &f);
        is_status(llm_chat(c, &r, &o), LLM_ERR_TLS, &o.error);
        CHECK(strstr(o.error.message, "/nonexistent/roots.pem") != NULL);
        CHECK_INT(t_mock_stat(&m, "requests"), 0);
        llm_response_free(&o);
        done(c);
    }
    { /* plain HTTP to a TLS port: this server sends no alert, it goes away (data/inputs.txt has one that says why) */
        llm_config f = config(0);
        llm_request r = ask("echo: x");
        llm_response o;
        llm_client *c;
        char base[100];
        f.max_retries = -1;
        snprintf(base, sizeof base, "http://127.0.0.1:%d/v1", m.https_port);
        f.base_url = base;
        c = client(0, &f);
        is_status(llm_chat(c, &r, &o), LLM_ERR_CONNECTION, &o.error);
        CHECK(strstr(o.error.message, "127.0.0.1") != NULL && strstr(o.error.message, " before it answered") != NULL);
        llm_response_free(&o);
        done(c);
    }
}

/* ---- data/inputs.txt: promises 2, 3 and 6 ----------------------------------------------------------------------- */

static pid_t dns_pid;

/* A name server that knows no name (RFC 1035 4.1.1: RCODE 3). */
static void start_dns(void) {
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    struct timeval limit = {1, 0};
    pid_t parent = getpid();
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &len)) exit(1);
    dns_port = ntohs(a.sin_port);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    fflush(NULL);
    dns_pid = fork();
    if (dns_pid == 0) {
        while (getppid() == parent) { /* nothing stays behind */
            unsigned char b[600];
            struct sockaddr_in from;
            socklen_t n = sizeof from;
            ssize_t size = recvfrom(fd, b, sizeof b, 0, (struct sockaddr *)&from, &n);
            if (size < 12) continue;
            b[2] = (unsigned char)(b[2] | 0x80);
            b[3] = 0x83;
            (void)!sendto(fd, b, (size_t)size, 0, (struct sockaddr *)&from, n);
        }
        _exit(0);
    }
    close(fd);
}

static void stop_dns(void) {
    if (dns_pid <= 0) return;
    kill(dns_pid, SIGKILL);
    waitpid(dns_pid, NULL, 0);
}

/* A port of this machine where nobody listens. */
static int free_port(void) {
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &len)) exit(1);
    close(fd);
    return ntohs(a.sin_port);
}

static void play(const char *how, int at) {
    char script[1200];
    snprintf(script, sizeof script, "exchange\nheader X-Pad: 0123456789\n%s %d\nbody {\"pad\":\"%0800d\"}\n",
             strcmp(how, "fin") == 0       ? "cut"
             : strcmp(how, "silence") == 0 ? "stall"
                                           : "reset",
             at, 0);
    if (!t_mock_script(&m, script)) exit(1);
}

/* Sets up what the row says. Returns 0 if it is of no known kind; *well is 0 where the address itself is bad. */
static int set_up(const char *in, llm_config *f, char *base, size_t cap, int *well) {
    char a[40], b[40], line[100] = "";
    int n, end = 0;
    *well = 1;
    snprintf(base, cap, "%s", m.https_base);
    if (sscanf(in, "cert %39s %39s%n", a, b, &end) == 2 && !in[end]) {
        snprintf(line, sizeof line, "cert %s\n", a);
        snprintf(base, cap, "https://%s:%d/v1", b, m.https_port);
    } else if (sscanf(in, "tls-max %d%n", &n, &end) == 1 && !in[end]) {
        snprintf(line, sizeof line, "tls-min %d\ntls-max %d\n", n, n);
    } else if (sscanf(in, "tls-alert %d%n", &n, &end) == 1 && !in[end]) {
        snprintf(line, sizeof line, "tls-alert %d\n", n);
    } else if (strcmp(in, "unknown host") == 0) {
        snprintf(base, cap, "https://no-such-host.invalid/v1");
        *well = 0;
    } else if (strcmp(in, "refused") == 0) {
        snprintf(base, cap, "http://127.0.0.1:%d/v1", free_port());
        *well = 0;
    } else if (strcmp(in, "accept reset") == 0 || strcmp(in, "accept fin") == 0) {
        snprintf(base, cap, "%s", m.http_base);
        snprintf(line, sizeof line, "on-accept %s 1\n", in + 7);
    } else if (strcmp(in, "handshake silence") == 0) {
        f->connect_timeout_ms = 400;
        snprintf(line, sizeof line, "on-accept stall 1\n");
    } else if (sscanf(in, "handshake %39s %d%n", a, &n, &end) == 2 && !in[end]) {
        snprintf(line, sizeof line, "wire-cut %d %s\n", n, a);
    } else if (sscanf(in, "%39s %39s %d%n", a, b, &n, &end) == 3 && !in[end]) {
        snprintf(base, cap, "%s", strcmp(a, "https") == 0 ? m.https_base : m.http_base);
        if (strcmp(b, "silence") == 0) f->idle_timeout_ms = 400;
        play(b, n);
    } else {
        return 0;
    }
    return line[0] == 0 || t_mock_config(&m, line);
}

static void test_input(in_row *row) {
    llm_config f = config(1);
    llm_request r = ask("echo: fine");
    llm_response o;
    llm_client *c;
    llm_status s;
    char base[100];
    int well, timed = strcmp(row->status, "LLM_ERR_TIMEOUT") == 0;
    long start;
    if (T_SLOW > 1 && strcmp(row->input, "handshake silence") == 0) { /* 400 ms are too short for any handshake */
        row->done = 1;
        return;
    }
    t_case = row->line;
    t_mock_reset(&m);
    f.max_retries = -1;
    if (!CHECK(set_up(row->input, &f, base, sizeof base, &well))) return;
    f.base_url = base;
    c = client(1, &f);
    start = now_ms();
    s = llm_chat(c, &r, &o);
    in_check(row, s, &o.error);
    if (timed) CHECK(now_ms() - start >= 400 && now_ms() - start < 3000 * T_SLOW);
    CHECK_INT(o.error.attempts, 1);
    CHECK(strstr(o.error.message, KEY) == NULL);
    if (s == LLM_ERR_TLS) {
        CHECK_INT(t_mock_stat(&m, "requests"), 0); /* the key was sent to nobody */
        CHECK_INT(o.error.retryable, strncmp(row->input, "handshake", 9) == 0);
    }
    llm_response_free(&o);
    t_mock_reset(&m);
    s = llm_chat(c, &r, &o); /* the client works on, or says the same again */
    if (well) {
        is_status(s, LLM_OK, &o.error);
        CHECK_STR(o.content, "fine");
    } else {
        in_check(row, s, &o.error);
    }
    llm_response_free(&o);
    done(c);
    t_case = "";
    row->done = 1;
}

static void test_inputs(void) {
    int i;
    in_read();
    for (i = 0; i < in_count; i++) {
        if (strcmp(in_list[i].what, "live") == 0) test_input(&in_list[i]);
    }
    in_check_done(1);
}

/* ---- deadlines on the wall clock, one of each kind: promise 6 --------------------------------------------------- */

static void timed(int secure, int connect_ms, int idle_ms, int total_ms, const char *base, const char *script,
                  const char *says) {
    llm_config f = config(secure);
    llm_request r = ask("x");
    llm_response o;
    llm_client *c;
    long start, took;
    t_case = says;
    if (script && !t_mock_script(&m, script)) exit(1);
    f.max_retries = -1;
    f.connect_timeout_ms = connect_ms;
    f.idle_timeout_ms = idle_ms;
    f.timeout_ms = total_ms;
    if (base) f.base_url = base;
    c = client(secure, &f);
    start = now_ms();
    is_status(llm_chat_stream(c, &r, NULL, NULL, &o), LLM_ERR_TIMEOUT, &o.error);
    took = now_ms() - start;
    if (!CHECK(took >= 400 && took < 3000 * T_SLOW)) fprintf(stderr, "    took %ld ms instead of 400\n", took);
    if (!strstr(o.error.message, says)) CHECK_STR(o.error.message, says);
    llm_response_free(&o);
    done(c);
    t_case = "";
}

static void test_deadlines(void) {
    int secure, full, filler[8], i;
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    char base[64];
    for (secure = 0; secure <= 1; secure++) {
        t_mock_reset(&m);
        timed(secure, 0, 400, 0, NULL, "exchange\nchunk a\nstall\n", "idle_timeout_ms");
        timed(secure, 0, 0, 400, NULL, "exchange\nrepeat 100\nevent {}\ndelay 50\nend-repeat\n",
              "timeout_ms"); /* it trickles */
    }
    t_mock_config(&m, "on-accept stall 1\n");
    timed(1, 400, 0, 0, NULL, NULL, "connect_timeout_ms"); /* silence in the handshake */
    /* a listener whose queue is full answers no SYN */
    full = socket(AF_INET, SOCK_STREAM, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(full, (struct sockaddr *)&a, sizeof a) || listen(full, 0) ||
        getsockname(full, (struct sockaddr *)&a, &len))
        exit(1);
    for (i = 0; i < 8; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(filler[i], (struct sockaddr *)&a, sizeof a);
    }
    t_mock_sleep(20);
    snprintf(base, sizeof base, "http://127.0.0.1:%d/v1", ntohs(a.sin_port));
    timed(0, 400, 0, 0, base, NULL, "connect_timeout_ms");
    for (i = 0; i < 8; i++) close(filler[i]);
    close(full);
    { /* nobody listens there now */
        llm_config f = config(0);
        llm_request r = ask("x");
        llm_response o;
        llm_client *c;
        f.base_url = base;
        f.max_retries = -1;
        c = client(0, &f);
        is_status(llm_chat(c, &r, &o), LLM_ERR_CONNECTION, &o.error);
        CHECK(strstr(o.error.message, "refused") != NULL);
        llm_response_free(&o);
        done(c);
    }
}

static volatile int cancelled;
static void on_alarm(int n) {
    (void)n;
    cancelled = 1;
}

static void test_cancel(int secure) {
    llm_client *c = client(secure, NULL);
    llm_request r = ask("x");
    llm_response o;
    struct itimerval t;
    long start = now_ms();
    t_mock_reset(&m);
    t_mock_script(&m, "exchange\nchunk a\nstall\n");
    cancelled = 0;
    signal(SIGALRM, on_alarm);
    memset(&t, 0, sizeof t);
    t.it_value.tv_sec = 300 * T_SLOW / 1000;
    t.it_value.tv_usec = 300 * T_SLOW % 1000 * 1000;
    setitimer(ITIMER_REAL, &t, NULL);
    r.cancel = &cancelled;
    is_status(llm_chat_stream(c, &r, NULL, NULL, &o), LLM_ERR_CANCELLED, &o.error);
    CHECK(now_ms() - start >= 290 && now_ms() - start < 1500 * T_SLOW);
    CHECK_STR(o.content, "a");
    llm_response_free(&o);
    done(c);
}

/* ---- many at once in one thread ----------------------------------------------------------------------- */

enum { MANY = 50 };

static void test_many(int secure, int with_poll) {
    llm_client *c = client(secure, NULL);
    llm_request r = ask("count to 12");
    llm_call *call[MANY];
    llm_status st[MANY];
    long rounds = 0, start = now_ms();
    int i, left = MANY;
    t_mock_reset(&m);
    t_mock_config(&m, "pace 20\n");
    memset(st, 0, sizeof st);
    for (i = 0; i < MANY; i++) CHECK_INT(llm_start(c, &r, &call[i]), LLM_OK);
    while (left > 0 && ++rounds < 100000) {
        struct pollfd p[MANY];
        llm_call *open[MANY];
        int map[MANY], n = 0, wait = 5000;
        for (i = 0; i < MANY; i++) {
            int wants, ms;
            if (st[i]) continue;
            map[n] = i;
            open[n] = call[i];
            wants = llm_call_wants(call[i]);
            ms = llm_call_timeout_ms(call[i]);
            if (ms >= 0 && ms < wait) wait = ms;
            p[n].fd = llm_call_fd(call[i]);
            p[n].events = (short)((wants & LLM_WANT_READ ? POLLIN : 0) | (wants & LLM_WANT_WRITE ? POLLOUT : 0));
            p[n].revents = 0;
            n++;
        }
        if (with_poll)
            poll(p, (nfds_t)n, wait);
        else
            CHECK(llm_wait(open, (size_t)n, 5000) >= LLM_OK);
        for (i = 0; i < n; i++) {
            llm_event ev;
            llm_status s;
            if (with_poll ? !p[i].revents && llm_call_timeout_ms(open[i]) != 0 : !llm_call_ready(open[i])) continue;
            while ((s = llm_next(open[i], &ev, 0)) == LLM_OK) {
            }
            if (s != LLM_PENDING) st[map[i]] = s, left--;
        }
    }
    CHECK_INT(left, 0);
    for (i = 0; i < MANY; i++) {
        llm_response o;
        is_status(llm_finish(call[i], &o), LLM_OK, &o.error);
        CHECK_STR(o.content, "1 2 3 4 5 6 7 8 9 10 11 12");
        llm_response_free(&o);
    }
    CHECK_INT(t_mock_stat(&m, "connections"), MANY);
    CHECK(now_ms() - start < 15000 * T_SLOW); /* one after the other they take more than 12 seconds on any machine */
    CHECK(rounds < 20000);           /* it waited, and did not spin */
    done(c);
}

/* ---- memory ------------------------------------------------------------------------------------------- */

static char pool[512 * 1024];

static int keys_in_pool(void) {
    const char *p = pool, *end = pool + sizeof pool;
    int n = 0;
    while ((p = (const char *)memmem(p, (size_t)(end - p), KEY, strlen(KEY))) != NULL) n++, p++;
    return n;
}

static int most_keys;
static int count_keys(void *user, const llm_event *ev) {
    int n = keys_in_pool();
    (void)user;
    (void)ev;
    if (n > most_keys) most_keys = n;
    return 0;
}

/* All memory from a block of llm_memory_needed() bytes, and the key in it once, also in the TLS buffers (promise 1). */
static void test_block(int secure) {
    static char prompt[4097];
    llm_config f = config(secure);
    llm_request r;
    llm_response o;
    llm_client *c;
    long before = t_allocs;
    size_t i;
    memset(prompt, 'x', 4096);
    memcpy(prompt, "echo: ", 6);
    for (i = 70; i < 4096; i += 8) prompt[i] = ' ';
    memset(pool, 0, sizeof pool);
    t_mock_reset(&m);
    f.memory = pool + 3;
    f.memory_size = llm_memory_needed(&f);
    CHECK(f.memory_size < sizeof pool - 3);
    c = client(secure, &f);
    r = ask(prompt);
    most_keys = 0;
    is_status(llm_chat_stream(c, &r, count_keys, NULL, &o), LLM_OK, &o.error);
    CHECK(o.content_len > 4000);
    CHECK_INT(most_keys, 1);
    CHECK_INT(t_allocs, before);
    printf("%s, 4 KiB and 4 KiB: llm_memory_needed() %lu, peak %lu\n", secure ? "HTTPS" : "HTTP",
           (unsigned long)f.memory_size, (unsigned long)llm_memory_peak(c));
    llm_response_free(&o);
    CHECK_INT(keys_in_pool(), 1);
    llm_client_free(c);
    CHECK_INT(keys_in_pool(), 0);
}

/* Nothing is allocated per chunk, TLS included (promise 7): twice the chunks, each time on a new connection, cost not one
   allocation more; at most two where the text is kept, whose room doubles. */
typedef struct flat { long events, first; } flat;

static int flat_event(void *user, const llm_event *ev) {
    flat *f = (flat *)user;
    if (ev->kind == LLM_EVENT_TEXT && f->events++ == 0) f->first = t_allocs;
    return 0;
}

static long allocations(int secure, const char *prompt, long events, int discard) {
    llm_client *c = client(secure, NULL);
    llm_request r = ask(prompt);
    llm_response o;
    flat f = {0, 0};
    long all = t_allocs;
    r.discard_text = discard;
    is_status(llm_chat_stream(c, &r, flat_event, &f, &o), LLM_OK, &o.error);
    all = t_allocs - all;
    if (discard) CHECK_INT(t_allocs, f.first); /* none since the first chunk */
    CHECK_INT(f.events, events);
    llm_response_free(&o);
    done(c);
    return all;
}

static void test_flat(int secure) {
    long one, two;
    t_mock_reset(&m);
    one = allocations(secure, "count to 1000", 1000, 1);
    two = allocations(secure, "count to 2000", 2000, 1);
    CHECK(one > 0);
    CHECK_INT(two, one);
    one = allocations(secure, "count to 1000", 1000, 0);
    two = allocations(secure, "count to 2000", 2000, 0);
    CHECK(two - one <= 2);
}

/* Every allocation of a client, a handshake and a stream fails once (promise 4). */
static void test_failing_memory(int secure) {
    llm_request r = ask("echo: a b c");
    long at;
    t_mock_reset(&m);
    for (at = 1; at < 300; at++) {
        llm_config f = config(secure);
        llm_client *c = NULL;
        llm_response o;
        llm_error e;
        llm_status s;
        t_allocs = 0;
        t_fail_at = at;
        s = llm_client_new(&c, &f, &e);
        if (s == LLM_OK) {
            s = llm_chat_stream(c, &r, NULL, NULL, &o);
            t_fail_at = 0;
            CHECK(s == LLM_OK || s == LLM_ERR_MEMORY);
            llm_response_free(&o);
            is_status(llm_chat_stream(c, &r, NULL, NULL, &o), LLM_OK, &o.error); /* usable */
            CHECK_STR(o.content, "a b c");
            llm_response_free(&o);
        } else {
            CHECK_INT(s, LLM_ERR_MEMORY);
        }
        t_fail_at = 0;
        if (s == LLM_OK && t_allocs < at) {
            done(c);
            break;
        }
        done(c);
    }
    CHECK(at > 5 && at < 300);
}

int main(void) {
    int secure;
    start_dns();
    if (!t_mock_start(&m, NULL)) return 1;
    for (secure = 0; secure <= 1; secure++) {
        t_case = secure ? "HTTPS" : "HTTP";
        test_chat(secure);
        test_stream(secure, 0);
        test_stream(secure, 1);
        test_tools(secure);
        test_retry(secure);
        test_cuts(secure);
        test_cancel(secure);
        test_many(secure, 0);
        test_many(secure, 1);
        test_block(secure);
        test_flat(secure);
        test_failing_memory(secure);
    }
    t_case = "";
    test_resumption();
    test_truncation();
    test_handshake_cuts();
    test_certificates();
    test_inputs();
    test_deadlines();
    stop_dns();
    CHECK(t_mock_stop(&m));
    return t_done();
}

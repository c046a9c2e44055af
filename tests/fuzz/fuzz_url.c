/* fuzz_url.c - base URLs, addresses, request heads. The system's inet_pton() is the judge of addresses. */
#include "fuzz.h"
#include <arpa/inet.h>

/* What was read and written again reads the same, and no byte of it can end a line of a request head. */
static void check_url(const llmi_url *u, const char *text) {
    llmi_url v;
    fuzz_text t = {NULL, 0, 0};
    char port[16];
    size_t i;
    fuzz_adds(&t, u->secure ? "https://" : "http://");
    if (u->ip == 6) fuzz_adds(&t, "[");
    fuzz_adds(&t, u->host);
    if (u->ip == 6) fuzz_adds(&t, "]");
    snprintf(port, sizeof port, ":%u", (unsigned)u->port);
    fuzz_adds(&t, port);
    fuzz_add(&t, u->path, u->path_len);
    if (u->query_len) fuzz_adds(&t, "?");
    fuzz_add(&t, u->query, u->query_len);
    for (i = 0; i < t.n; i++) FUZZ_CHECK((unsigned char)t.p[i] > 0x20 && (unsigned char)t.p[i] < 0x7F);
    FUZZ_CHECK(u->port != 0 && u->host[0] != 0 && (u->path_len == 0 || u->path[0] == '/'));
    FUZZ_CHECK(strlen(u->host) < sizeof u->host && u->path >= text && strchr(u->host, '@') == NULL);
    FUZZ_CHECK(llmi_url_parse(&v, t.p, NULL) == LLM_OK && strcmp(v.host, u->host) == 0 && v.port == u->port);
    FUZZ_CHECK(v.ip == u->ip && v.secure == u->secure && v.path_len == u->path_len && v.query_len == u->query_len);
    FUZZ_CHECK(llmi_url_loopback(u) == llmi_url_loopback(&v));
    free(t.p);
}

static void check_head(const llmi_url *u, const char *value) {
    static const char *const names[] = {"X-A", "user-agent", "AUTHORIZATION"};
    llm_header h[2];
    llmi_http_request r;
    llm_text count, t;
    char *buf;
    size_t i, lines = 0;
    memset(&r, 0, sizeof r);
    for (i = 0; i < 2; i++) {
        h[i].name = names[(value[0] & 1) + i];
        h[i].value = value;
        if (!llmi_http_header_ok(h[i].name, value) || llmi_http_header_reserved(h[i].name)) return;
    }
    r.url = u;
    r.method = "POST";
    r.path = "/chat/completions";
    r.stream = value[0] & 2;
    r.content_length = strlen(value);
    r.key = FUZZ_KEY;
    r.key_len = strlen(FUZZ_KEY);
    r.headers = h;
    r.header_count = 2;
    llmi_text_counting(&count);
    llmi_http_write_head(&count, &r);
    buf = (char *)malloc(count.n + 1);
    llmi_text_fixed(&t, buf, count.n + 1);
    llmi_http_write_head(&t, &r);
    FUZZ_CHECK(t.err == LLM_OK && t.n == count.n && memcmp(buf + t.n - 4, "\r\n\r\n", 4) == 0);
    for (i = 0; i + 1 < t.n; i++) {
        lines += buf[i] == '\r' && buf[i + 1] == '\n';
        FUZZ_CHECK(buf[i] != 0 && (buf[i] == '\r') == (buf[i + 1] == '\n'));
    }
    /* request line, Host, Content-Length, Accept, Content-Type, two of ours, those not overridden, the blank one */
    FUZZ_CHECK(lines >= 8 && lines <= 10);
    free(buf);
}

static void check_addresses(const char *s) {
    unsigned char ours[16], theirs[16];
    int a = llmi_ip4_parse(s, strlen(s), ours), b = inet_pton(AF_INET, s, theirs) == 1;
    FUZZ_CHECK(a == b && (!a || memcmp(ours, theirs, 4) == 0));
    a = llmi_ip6_parse(s, strlen(s), ours);
    b = inet_pton(AF_INET6, s, theirs) == 1;
    FUZZ_CHECK(a == b && (!a || memcmp(ours, theirs, 16) == 0));
}

/* As a proxy: what is taken is a host like any other, and its user in base64 is that of a plain encoder; what is refused
   is not repeated. */
static void check_proxy(const char *text) {
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    llmi_proxy p;
    llmi_mem mem;
    llm_error e;
    size_t i, at = 0;
    llmi_mem_init(&mem, NULL, NULL, 0);
    llmi_error_init(&e);
    if (llmi_proxy_parse(&p, &mem, text, "X", &e) != LLM_OK) {
        FUZZ_CHECK(e.status == LLM_ERR_USAGE && strlen(e.message) > 10 && strncmp(e.message, "X: ", 3) == 0);
        for (i = 0; e.message[i]; i++) FUZZ_CHECK((unsigned char)e.message[i] >= 0x20 && (unsigned char)e.message[i] < 0x7F);
    } else if (p.secret) {
        const char *basic = p.secret + p.plain_n + 1;
        FUZZ_CHECK(p.url.host[0] != 0 && p.user_n >= 1 && p.user_n <= p.plain_n && p.secret[p.user_n - 1] == ':');
        FUZZ_CHECK(strlen(p.secret) == p.plain_n && strlen(basic) == (p.plain_n + 2) / 3 * 4);
        for (i = 0; i < p.plain_n * 8; i++) {        /* bit by bit */
            int bit = (unsigned char)p.secret[i / 8] >> (7 - i % 8) & 1;
            at = i / 6;
            FUZZ_CHECK((int)((size_t)(strchr(set, basic[at]) - set) >> (5 - i % 6) & 1) == bit);
        }
        for (at++; basic[at]; at++) FUZZ_CHECK(basic[at] == '=');
    }
    llmi_proxy_free(&p, &mem);
}

static void check_no_proxy(const char *text) {
    static const char *const hosts[] = {"https://a.example.com.", "https://10.1.2.3:81", "https://[2001:db8::1]"};
    llmi_url u;
    size_t i;
    for (i = 0; i < 3; i++) {
        FUZZ_CHECK(llmi_url_parse(&u, hosts[i], NULL) == LLM_OK);
        (void)llmi_proxy_passed_by(&u, text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_string(data, size);
    llmi_url u;
    llm_error e;
    check_proxy(text);
    check_no_proxy(text);
    if (llmi_url_parse(&u, text, &e) == LLM_OK) {
        check_url(&u, text);
        check_head(&u, text);
    } else {
        FUZZ_CHECK(e.status == LLM_ERR_USAGE && u.host[0] == 0 && u.path == NULL);
        if (strlen(text) > 20) FUZZ_CHECK(strstr(e.message, text) == NULL);       /* a key may have been pasted into it */
        llmi_url_parse(&u, "https://a.example/v1", NULL);
        check_head(&u, text);
    }
    check_addresses(text);
    free(text);
    return 0;
}

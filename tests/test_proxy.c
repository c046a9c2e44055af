/* needs: bearssl */
/* test_proxy.c - HTTP proxies on a scripted network: where a proxy comes from, NO_PROXY, CONNECT with every answer at
   every split, TLS through the tunnel against BearSSL's own server, http:// through a proxy, and where user and password
   must not be. */
#include "script.h"

#define KEY    "sk-0123456789abcdefABCDEF"
#define USER   "canary-user"
#define PASS   "canary-pass-77"
#define BASIC  "Y2FuYXJ5LXVzZXI6Y2FuYXJ5LXBhc3MtNzc=" /* printf canary-user:canary-pass-77 | base64 */
#define PROXY  "http://" USER ":" PASS "@proxy.test:3128"
#define ORIGIN "https://a.mock.test/v1"
#define OPENED "HTTP/1.1 200 Connection established\r\n\r\n"
#define STOP() (fprintf(stderr, "%s:%d: cannot go on\n", __FILE__, __LINE__), exit(1))

/* ---- the server behind the tunnel: BearSSL's, with the certificate of *.mock.test ---------------------------------- */

typedef struct blob {
    unsigned char data[8192];
    size_t len;
} blob;

static struct server {
    br_ssl_server_context sc;
    br_skey_decoder_context key;
    br_x509_certificate chain[4];
    blob objects[5];
    unsigned char buf[BR_SSL_BUFSIZE_BIDI];
    int conn; /* 1 + number of the connection that it speaks on, 0 = none */
    t_text got;
    int requests;
} srv;

static void blob_add(void *to, const void *p, size_t n) {
    blob *b = (blob *)to;
    if (b->len + n > sizeof b->data) STOP();
    memcpy(b->data + b->len, p, n);
    b->len += n;
}

static void server_load(const char *path) {
    size_t len, at = 0, n = 0, i;
    char *text = t_read_file(path, &len);
    br_pem_decoder_context pem;
    br_pem_decoder_init(&pem);
    while (at < len) {
        at += br_pem_decoder_push(&pem, text + at, len - at);
        switch (br_pem_decoder_event(&pem)) {
        case BR_PEM_BEGIN_OBJ:
            if (n == 5) STOP();
            br_pem_decoder_setdest(&pem, blob_add, &srv.objects[n]);
            break;
        case BR_PEM_END_OBJ: n++; break;
        case BR_PEM_ERROR: STOP();
        default: break;
        }
    }
    free(text);
    br_skey_decoder_init(&srv.key);
    br_skey_decoder_push(&srv.key, srv.objects[0].data, srv.objects[0].len);
    if (n < 2 || br_skey_decoder_key_type(&srv.key) != BR_KEYTYPE_EC) STOP();
    for (i = 1; i < n; i++) {
        srv.chain[i - 1].data = srv.objects[i].data;
        srv.chain[i - 1].data_len = srv.objects[i].len;
    }
    br_ssl_server_init_full_ec(&srv.sc, srv.chain, n - 1, BR_KEYTYPE_EC, br_skey_decoder_get_ec(&srv.key));
}

/* Answers each whole request that came through TLS. */
static void server_answer(void) {
    static const char body[] = SC_OK_JSON("through");
    char answer[1024];
    char *end = srv.got.n ? strstr(srv.got.p, "\r\n\r\n") : NULL, *len;
    size_t need, n;
    unsigned char *to;
    if (!end) return;
    len = strstr(srv.got.p, "\r\nContent-Length: ");
    if (!len) STOP();
    need = (size_t)(end - srv.got.p) + 4 + strtoul(len + 18, NULL, 10);
    if (srv.got.n < need) return;
    CHECK(strncmp(srv.got.p, "POST /v1/chat/completions HTTP/1.1\r\n", 36) == 0);
    CHECK(strstr(srv.got.p, "\r\nHost: a.mock.test\r\n") != NULL);
    CHECK(strstr(srv.got.p, "\r\nAuthorization: Bearer " KEY "\r\n") != NULL);
    CHECK(strstr(srv.got.p, "Proxy-") == NULL); /* what the proxy may know the server need not */
    srv.got.n = 0;
    srv.requests++;
    snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %lu\r\n\r\n%s",
             (unsigned long)strlen(body), body);
    to = br_ssl_engine_sendapp_buf(&srv.sc.eng, &n);
    if (!to || n < strlen(answer)) STOP();
    memcpy(to, answer, strlen(answer));
    br_ssl_engine_sendapp_ack(&srv.sc.eng, strlen(answer));
    br_ssl_engine_flush(&srv.sc.eng, 0);
}

static int append; /* behind the server's first flight: 1 = two records that nobody asked for, 2 = and SEND fails from then on */

/* What the client sends on a connection once its CONNECT was answered. The answers stand on the last connection. */
static int server_take(sc_conn_t *c, const char *p, size_t n) {
    int id = (int)(c - sc.conn) + 1, i, tunnel = 0, gave = 0;
    for (i = 0; i < sc.reqs; i++) tunnel |= sc.req[i].conn == id - 1 && strncmp(sc.req[i].head, "CONNECT ", 8) == 0;
    if (!tunnel) return 0;
    if (id != sc.conns) STOP();
    if (srv.conn != id) {
        srv.conn = id;
        srv.got.n = 0;
        br_ssl_engine_set_buffer(&srv.sc.eng, srv.buf, sizeof srv.buf, 1);
        br_ssl_engine_inject_entropy(&srv.sc.eng, "this is a test, not a secret", 28);
        br_ssl_server_reset(&srv.sc);
    }
    while (n > 0) {
        size_t k, m;
        unsigned char *to = br_ssl_engine_recvrec_buf(&srv.sc.eng, &k);
        if (!to || k == 0) break; /* it is closed: lost, as in a network */
        if (k > n) k = n;
        memcpy(to, p, k);
        br_ssl_engine_recvrec_ack(&srv.sc.eng, k);
        p += k;
        n -= k;
        while ((to = br_ssl_engine_recvapp_buf(&srv.sc.eng, &m)) != NULL) {
            t_add(&srv.got, (const char *)to, m);
            br_ssl_engine_recvapp_ack(&srv.sc.eng, m);
        }
        server_answer();
        while ((to = br_ssl_engine_sendrec_buf(&srv.sc.eng, &m)) != NULL) {
            sc_give((const char *)to, (long)m);
            br_ssl_engine_sendrec_ack(&srv.sc.eng, m);
            gave = 1;
        }
        if (gave && append) {
            sc_give("\x14\x03\x03\x00\x01\x01\x14\x03\x03\x00\x01\x01", 12);
            if (append == 2) c->send_fail_at = 1;
            append = 0;
        }
    }
    return 1;
}

/* ---- a client, a call ---------------------------------------------------------------------------------------------- */

static void start(void) {
    sc_reset();
    sc.unix_time = 1800000000; /* January 2027: the certificates are in date */
    sc.taker = server_take;
    srv.conn = srv.requests = 0;
}

static llm_config config_of(const char *base_url, const char *proxy) {
    llm_config f = llm_config_init();
    f.api_key = KEY;
    f.base_url = base_url;
    f.model = "m";
    f.proxy = proxy;
    f.ca_file = "data/pki/roots.pem";
    f.max_retries = -1;
    return f;
}

static llm_client *client_of(const char *base_url, const char *proxy) {
    llm_config f = config_of(base_url, proxy);
    return sc_client(&f);
}

/* Neither the key nor what the proxy is told stands there, whole or in part. */
static void no_secret(const char *s, const char *where) {
    static const char *const canary[] = {KEY, USER, PASS, BASIC, "canary", "Y2FuYXJ5"};
    size_t i;
    for (i = 0; i < sizeof canary / sizeof canary[0]; i++) {
        if (!CHECK(strstr(s, canary[i]) == NULL)) fprintf(stderr, "    %s holds %s: %s\n", where, canary[i], s);
    }
}

static void clean(llm_client *c) {
    llm_client_free(c);
    CHECK_INT(t_live, 0);
    CHECK_INT(sc.opens, sc.closes);
    no_secret(sc.log.p, "the log");
    t_live = 0;
}

static void check_error(const llm_error *e) {
    no_secret(e->message, "a message");
    no_secret(e->type, "error.type");
    no_secret(e->code, "error.code");
    no_secret(e->param, "error.param");
    no_secret(e->request_id, "error.request_id");
}

/* words: parts of the text, with ; between them */
static void holds(const char *text, const char *words) {
    char part[200];
    while (*words) {
        size_t n = strcspn(words, ";");
        snprintf(part, sizeof part, "%.*s", (int)n, words);
        if (!CHECK(strstr(text, part) != NULL)) fprintf(stderr, "    is:     %s\n    wanted: %s\n", text, part);
        words += n + (words[n] == ';');
    }
}

enum { POLL = 1, STREAM = 2 };
static llm_status go(llm_client *c, int how, llm_response *o) {
    llm_request r = sc_hi();
    llm_status s;
    if (how & POLL) {
        llm_call *call = NULL;
        llm_error e;
        if (llmi_call_new(c, &r, how & STREAM, 0, &call, &e) != LLM_OK) STOP();
        s = sc_drive(call, NULL, NULL, o);
    } else {
        s = how & STREAM ? llm_chat_stream(c, &r, NULL, NULL, o) : llm_chat(c, &r, o);
    }
    if (s != LLM_OK) check_error(&o->error);
    return s;
}

static llm_status simple(llm_client *c, int how) {
    llm_response o;
    llm_status s = go(c, how, &o);
    if (s == LLM_OK) CHECK_STR(o.content, "through");
    llm_response_free(&o);
    return s;
}

/* ---- config.proxy ---------------------------------------------------------------------------------------------------- */

static void test_values(void) {
    static const struct {
        const char *text, *host;
        int port;
        const char *basic; /* what an independent base64 makes of user:password; NULL = no user */
    } good[] = {
        {"http://proxy.test:3128", "proxy.test", 3128, NULL},
        {"http://proxy.test", "proxy.test", 80, NULL},
        {"http://proxy.test:", "proxy.test", 80, NULL}, /* RFC 3986 3.2.3 */
        {"http://proxy.test:8080/", "proxy.test", 8080, NULL},
        {"HTTP://Proxy.Test:3128", "proxy.test", 3128, NULL},
        {" \t http://proxy.test:3128\r\n", "proxy.test", 3128, NULL},
        {"proxy.test", "proxy.test", 80, NULL},
        {"proxy.test:3128", "proxy.test", 3128, NULL},
        {"localhost:3128", "localhost", 3128, NULL},
        {"10.1.2.3:65535", "10.1.2.3", 65535, NULL},
        {"http://[::1]:3128", "::1", 3128, NULL},
        {"[2001:DB8::1]", "2001:db8::1", 80, NULL},
        {"http://@proxy.test:3128", "proxy.test", 3128, NULL},
        {"http://a:b@proxy.test:3128", "proxy.test", 3128, "YTpi"},
        {"a:b@proxy.test:3128", "proxy.test", 3128, "YTpi"},
        {"http://a@proxy.test:3128", "proxy.test", 3128, "YTo="},
        {"http://:b@proxy.test", "proxy.test", 80, "OmI="},
        {"http://a:@proxy.test", "proxy.test", 80, "YTo="},
        {"http://Aladdin:open%20sesame@proxy.test", "proxy.test", 80, "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, /* RFC 7617 2 */
        {"http://test:123%C2%A3@proxy.test", "proxy.test", 80, "dGVzdDoxMjPCow=="},                   /* RFC 7617 2.1 */
        {"http://a:b:c@proxy.test", "proxy.test", 80, "YTpiOmM="},   /* a password may have colons */
        {"http://a:b%3Ac@proxy.test", "proxy.test", 80, "YTpiOmM="},
        {"http://a:b@c@proxy.test", "proxy.test", 80, "YTpiQGM="},   /* the last '@' ends it, as with curl */
        {"http://a%40b:c%2Fd@proxy.test", "proxy.test", 80, "YUBiOmMvZA=="},
        {PROXY, "proxy.test", 3128, BASIC},
        {"", "", 0, NULL},
        {"  ", "", 0, NULL},
    };
    static const struct {
        const char *text, *words;
    } bad[] = {
        {"https://canary.test:3128", "scheme is not http"},
        {"socks5://" USER ":" PASS "@canary.test:1080", "scheme is not http"},
        {"socks5h://canary.test", "scheme is not http"},
        {"://canary.test", "scheme is not http"},
        {"http://", "there is no host"},
        {"http://" USER ":" PASS "@", "there is no host"},
        {"http://:3128", "there is no host"},
        {"http://canary.test:canary", "port is not a number"},
        {"http://canary.test:0", "port is 0"},
        {"http://canary.test:65536", "above 65535"},
        {"http://canary.test:-1", "port is not a number"},
        {"http://canary .test", "character other than"},
        {"http://canary\xC3\xA9.test", "character other than"},
        {"http://canary.test/canary", "behind host and port;%XX"},
        {"http://canary.test?x", "behind host and port"},
        {"http://canary.test:1#x", "behind host and port"},
        {"http://" USER ":canary/pass@canary.test", "behind host and port;'/'"},
        {"http://" USER ":canary%zzpass@canary.test", "'%'"},
        {"http://" USER ":canary%4@canary.test", "'%'"},
        {"http://" USER ":canary%@canary.test", "'%'"},
        {"http://" USER "%00:x@canary.test", "control character"},
        {"http://" USER ":x%0d%0aCanary:%20y@canary.test", "control character"},
        {"http://" USER ":\x7F@canary.test", "control character"},
        {"http://canary%3Auser:x@canary.test", "user name has a ':'"},
        {"http://[::1", "bracket;not closed"},
        {"http://[::canary]:1", "no IPv6 address"},
        {"http://::1:3128", "an IPv6 address stands in brackets"},
        {"http://1.2.3", "no IPv4 address"},
        {"http://canary..test", "two dots"},
    };
    size_t i;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        llmi_proxy p;
        llmi_mem mem;
        t_case = good[i].text;
        llmi_mem_init(&mem, NULL, NULL, 0);
        CHECK_INT(llmi_proxy_parse(&p, &mem, good[i].text, "config.proxy", NULL), LLM_OK);
        CHECK_STR(p.url.host, good[i].host);
        if (good[i].port) CHECK_INT(p.url.port, good[i].port);
        CHECK((p.secret != NULL) == (good[i].basic != NULL));
        if (p.secret && good[i].basic) {
            CHECK_STR(p.secret + p.plain_n + 1, good[i].basic);
            CHECK_INT(strlen(p.secret), p.plain_n);
            CHECK(p.plain_n + 1 + strlen(good[i].basic) + 1 <= p.secret_size);
        }
        llmi_proxy_free(&p, &mem);
        CHECK_INT(t_live, 0);
    }
    for (i = 0; i < sizeof bad / sizeof bad[0] * 2; i++) {
        llm_config f = config_of(ORIGIN, i & 1 ? NULL : bad[i / 2].text);
        llm_client *c = NULL;
        llm_error e;
        t_case = bad[i / 2].text;
        start();
        if (i & 1) sc.env[0] = "ALL_PROXY", sc.env[1] = bad[i / 2].text;
        CHECK_INT(llm_client_new(&c, &f, &e), LLM_ERR_USAGE);
        holds(e.message, bad[i / 2].words);
        holds(e.message, i & 1 ? "ALL_PROXY: " : "config.proxy: ");
        holds(e.message, "http://[user:password@]host[:port]");
        check_error(&e);
        CHECK(c == NULL && t_live == 0);
    }
    t_case = "";
}

/* ---- the environment ------------------------------------------------------------------------------------------------- */

static void test_environment(void) {
    static const struct {
        const char *base_url, *env[9], *proxy, *host; /* which machine is dialled */
    } row[] = {
        {ORIGIN, {NULL}, NULL, "a.mock.test"},
        {ORIGIN, {"https_proxy", "one.test"}, NULL, "one.test"},
        {ORIGIN, {"HTTPS_PROXY", "two.test"}, NULL, "two.test"},
        {ORIGIN, {"HTTPS_PROXY", "two.test", "https_proxy", "one.test"}, NULL, "one.test"},
        {ORIGIN, {"HTTPS_PROXY", "two.test", "https_proxy", " "}, NULL, "two.test"},
        {ORIGIN, {"http_proxy", "one.test", "HTTP_PROXY", "two.test"}, NULL, "a.mock.test"},
        {ORIGIN, {"all_proxy", "one.test", "ALL_PROXY", "two.test"}, NULL, "one.test"},
        {ORIGIN, {"ALL_PROXY", "two.test"}, NULL, "two.test"},
        {ORIGIN, {"all_proxy", "one.test", "HTTPS_PROXY", "two.test"}, NULL, "two.test"},
        {ORIGIN, {"HTTPS_PROXY", ""}, NULL, "a.mock.test"},
        {ORIGIN, {"HTTPS_PROXY", "two.test"}, "", "a.mock.test"},
        {ORIGIN, {"HTTPS_PROXY", "two.test"}, "three.test", "three.test"},
        {ORIGIN, {"HTTPS_PROXY", "two.test", "NO_PROXY", "mock.test"}, "three.test", "three.test"},
        {ORIGIN, {"HTTPS_PROXY", "two.test", "NO_PROXY", "mock.test"}, NULL, "a.mock.test"},
        {ORIGIN, {"HTTPS_PROXY", "two.test", "no_proxy", "mock.test"}, NULL, "a.mock.test"},
        {ORIGIN, {"HTTPS_PROXY", "two.test", "NO_PROXY", "mock.test", "no_proxy", "x"}, NULL, "two.test"},
        {ORIGIN, {"HTTPS_PROXY", "two.test", "NO_PROXY", "mock.test", "no_proxy", " "}, NULL, "a.mock.test"},
        {ORIGIN, {"HTTPS_PROXY", "two.test", "REQUEST_METHOD", "GET"}, NULL, "two.test"},
        {"http://a.test/v1", {"http_proxy", "one.test"}, NULL, "one.test"},
        {"http://a.test/v1", {"HTTP_PROXY", "two.test"}, NULL, "two.test"},
        {"http://a.test/v1", {"https_proxy", "one.test", "HTTPS_PROXY", "two.test"}, NULL, "a.test"},
        {"http://a.test/v1", {"HTTP_PROXY", "two.test", "REQUEST_METHOD", "GET"}, NULL, "a.test"},
        {"http://a.test/v1", {"HTTP_PROXY", "two.test", "REQUEST_METHOD", ""}, NULL, "a.test"},
        {"http://a.test/v1", {"http_proxy", "one.test", "REQUEST_METHOD", "GET"}, NULL, "one.test"},
        {"http://a.test/v1", {"HTTP_PROXY", "two.test", "REQUEST_METHOD", "GET", "ALL_PROXY", "four.test"}, NULL,
         "four.test"},
        {"http://localhost:1/v1", {"http_proxy", "one.test"}, NULL, "localhost"},
        {"http://a.localhost:1/v1", {"http_proxy", "one.test"}, NULL, "a.localhost"},
        {"http://127.9.9.9:1/v1", {"http_proxy", "one.test", "ALL_PROXY", "socks5://x"}, NULL, "127.9.9.9"},
        {"https://[::1]:1/v1", {"https_proxy", "one.test"}, NULL, "::1"},
        {"http://localhost:1/v1", {NULL}, "one.test", "one.test"}, /* asked for by name */
        {ORIGIN, {"HTTPS_PROXY", "socks5://x", "NO_PROXY", "*"}, NULL, "a.mock.test"}, /* not needed, not looked at */
    };
    size_t i, k;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        llm_config f = config_of(row[i].base_url, row[i].proxy);
        llm_response o;
        llm_client *c;
        char name[40];
        snprintf(name, sizeof name, "row %lu", (unsigned long)i);
        t_case = name;
        start();
        for (k = 0; row[i].env[k]; k++) sc.env[k] = row[i].env[k];
        f.api_key = "";
        c = sc_client(&f);
        CHECK_INT(go(c, 0, &o), LLM_ERR_CONNECTION); /* nobody listens */
        CHECK_STR(sc.host, row[i].host);
        CHECK((strstr(o.error.message, "the proxy ") != NULL) == (strstr(row[i].base_url, row[i].host) == NULL));
        holds(o.error.message, row[i].host);
        llm_response_free(&o);
        clean(c);
    }
    t_case = "";
}

/* The results are what curl's manual (NO_PROXY) and Go's httpproxy.Config say; where these two differ (".x" is x itself
   too, "*" within a list) what curl does. Blocks are Go's, and curl's since 7.86. */
static void test_no_proxy(void) {
    static const struct {
        const char *list, *url;
        int past;
    } row[] = {
        {"", "https://example.com", 0},
        {" , ,, ", "https://example.com", 0},
        {"*", "https://example.com", 1},
        {"other.test,*", "https://example.com", 1},
        {"**", "https://example.com", 0},
        {"example.com", "https://example.com", 1},
        {"EXAMPLE.com", "https://example.COM", 1},
        {"example.com", "https://api.example.com", 1},
        {"example.com", "https://a.b.example.com", 1},
        {"example.com", "https://notexample.com", 0},
        {"example.com", "https://example.com.evil.test", 0},
        {"example.com", "https://example.org", 0},
        {"api.example.com", "https://example.com", 0},
        {"com", "https://example.com", 1},
        {".example.com", "https://example.com", 1},
        {".example.com", "https://api.example.com", 1},
        {".example.com", "https://notexample.com", 0},
        {"*.example.com", "https://api.example.com", 1},
        {"*.example.com", "https://notexample.com", 0},
        {"*example.com", "https://api.example.com", 0},
        {"example.com.", "https://example.com", 1},
        {"example.com", "https://example.com.", 1},
        {".", "https://example.com", 0},
        {"*.", "https://example.com", 0},
        {"a.test,example.com", "https://example.com", 1},
        {"a.test, example.com", "https://example.com", 1},
        {"a.test example.com", "https://example.com", 1},
        {"a.test\texample.com\n", "https://example.com", 1},
        {"a.test,b.test", "https://example.com", 0},
        {"example.com:443", "https://example.com", 1},
        {"example.com:443", "https://example.com:8443", 0},
        {"example.com:8443", "https://api.example.com:8443", 1},
        {"example.com:80", "http://example.com", 1},
        {"example.com:", "https://example.com", 0},
        {"example.com:x", "https://example.com", 0},
        {"example.com:000443", "https://example.com", 0},
        {"*:443", "https://example.com", 1},
        {"*:80", "https://example.com", 0},
        {"10.0.0.1", "https://10.0.0.1", 1},
        {"10.0.0.1", "https://10.0.0.11", 0},
        {"0.0.1", "https://10.0.0.1", 0},
        {".0.0.1", "https://10.0.0.1", 0},
        {"10.0.0.1:443", "https://10.0.0.1", 1},
        {"10.0.0.1:444", "https://10.0.0.1", 0},
        {"10.0.0.1", "https://host10.0.0.1.test", 0},
        {"::ffff:10.0.0.1", "https://10.0.0.1", 1},
        {"10.0.0.1", "https://[::ffff:10.0.0.1]", 1},
        {"2001:db8::1", "https://[2001:db8::1]", 1},
        {"2001:db8::1", "https://[2001:DB8:0:0:0:0:0:1]", 1},
        {"[2001:db8::1]", "https://[2001:db8::1]", 1},
        {"[2001:db8::1]:443", "https://[2001:db8::1]", 1},
        {"[2001:db8::1]:444", "https://[2001:db8::1]", 0},
        {"2001:db8::1", "https://[2001:db8::2]", 0},
        {"[2001:db8::1", "https://[2001:db8::1]", 0},
        {"10.0.0.0/8", "https://10.255.0.1", 1},
        {"10.0.0.0/8", "https://11.0.0.1", 0},
        {"10.9.9.9/8", "https://10.1.0.1", 1},
        {"192.168.0.0/23", "https://192.168.1.255", 1},
        {"192.168.0.0/23", "https://192.168.2.0", 0},
        {"192.168.1.7/32", "https://192.168.1.7", 1},
        {"192.168.1.7/32", "https://192.168.1.6", 0},
        {"192.168.1.6/31", "https://192.168.1.7", 1},
        {"0.0.0.0/0", "https://8.8.8.8", 1},
        {"0.0.0.0/0", "https://[2001:db8::1]", 0},
        {"0.0.0.0/0", "https://example.com", 0},
        {"10.0.0.0/33", "https://10.0.0.0", 0},
        {"10.0.0.0/", "https://10.0.0.0", 0},
        {"10.0.0.0/x", "https://10.0.0.0", 0},
        {"10.0.0.0/-1", "https://10.0.0.0", 0},
        {"10.0.0/8", "https://10.0.0.1", 0},
        {"2001:db8::/32", "https://[2001:db8:ffff::1]", 1},
        {"2001:db8::/33", "https://[2001:db8:ffff::1]", 0},
        {"2001:db8::/33", "https://[2001:db8:7fff::1]", 1},
        {"2001:db8::/128", "https://[2001:db8::]", 1},
        {"2001:db8::/129", "https://[2001:db8::]", 0},
        {"::/0", "https://[2001:db8::1]", 1},
        {"::/0", "https://10.0.0.1", 0},
        {"::ffff:0:0/96", "https://10.0.0.1", 1},
        {"fe80::/10", "https://[febf::1]", 1},
        {"fe80::/10", "https://[fec0::1]", 0},
        {"10.0.0.0/8:443", "https://10.0.0.1", 1},
        {"10.0.0.0/8:444", "https://10.0.0.1", 0},
        {"example.com/8", "https://example.com", 0},
        {"xn--bcher-kva.test", "https://XN--bcher-kva.test", 1},
        {"under_score.test", "https://under_score.test", 1},
    };
    size_t i;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        llmi_url u;
        char name[120];
        char *list = t_guarded(row[i].list, strlen(row[i].list) + 1);
        snprintf(name, sizeof name, "NO_PROXY='%s' %s", row[i].list, row[i].url);
        t_case = name;
        CHECK_INT(llmi_url_parse(&u, row[i].url, NULL), LLM_OK);
        CHECK_INT(llmi_proxy_passed_by(&u, list), row[i].past);
        t_unguard(list, strlen(row[i].list) + 1);
    }
    t_case = "";
}

/* ---- the tunnel ------------------------------------------------------------------------------------------------------ */

#define AGENT "User-Agent: llm_openai.h/" LLM_VERSION_STRING "\r\n"

static void test_connect_head(void) {
    static const llm_header h[] = {{"api-key", "canary-header"}, {"user-agent", "mine/1"}, {"X-A", "b"}};
    static const struct {
        const char *base_url, *proxy;
        size_t headers;
        const char *wanted;
    } row[] = {
        {ORIGIN, "proxy.test", 0,
         "CONNECT a.mock.test:443 HTTP/1.1\r\nHost: a.mock.test:443\r\n" AGENT "\r\n"},
        {"https://A.mock.test:8443/x", PROXY, 0,
         "CONNECT a.mock.test:8443 HTTP/1.1\r\nHost: a.mock.test:8443\r\n" AGENT "Proxy-Authorization: Basic " BASIC
         "\r\n\r\n"},
        {"https://[2001:db8::1]/v1?a=b", "proxy.test", 1,
         "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n" AGENT "\r\n"},
        {ORIGIN, "proxy.test", 3,
         "CONNECT a.mock.test:443 HTTP/1.1\r\nHost: a.mock.test:443\r\nuser-agent: mine/1\r\n\r\n"},
    };
    size_t i;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        llm_config f = config_of(row[i].base_url, row[i].proxy);
        llm_client *c;
        start();
        sc_conn();
        sc_await();
        sc_close();
        f.headers = h;
        f.header_count = row[i].headers;
        f.organization = "canary-org";
        c = sc_client(&f);
        CHECK_INT(simple(c, 0), LLM_ERR_CONNECTION);
        CHECK_INT(sc.reqs, 1);
        if (sc.reqs) CHECK_STR(sc.req[0].head, row[i].wanted);
        clean(c);
    }
}

/* To the end of the tunnel's making, with a server behind it that is silent: the ClientHello is sent, nothing else. */
static void opens_at(size_t split) {
    llm_client *c = client_of(ORIGIN, PROXY);
    llm_request r = sc_hi();
    llm_call *call;
    llm_event ev;
    sc.taker = NULL;
    sc.split_at = split;
    if (llm_start(c, &r, &call) != LLM_OK) STOP();
    while (CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING) && call->state < LLMI_CALL_HANDSHAKE && sc_tick(call)) {}
    CHECK_INT(call->state, LLMI_CALL_HANDSHAKE);
    CHECK(sc.conn[0].in.n > 50 && (unsigned char)sc.conn[0].in.p[0] == 22);
    CHECK_INT(sc.reqs, 1);
    (void)llm_finish(call, NULL);
    clean(c);
}

/* Every answer that opens the tunnel, at every split, byte by byte and at once, driven in each way. */
static void test_opens(void) {
    static const char *const reply[] = {
        OPENED,
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 299 \n\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nProxy-Agent: x\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    };
    size_t i, at;
    int how;
    for (i = 0; i < sizeof reply / sizeof reply[0]; i++) {
        size_t n = strlen(reply[i]);
        char name[100];
        for (at = 1; at <= n; at++) {
            snprintf(name, sizeof name, "reply %lu, split %lu", (unsigned long)i, (unsigned long)at);
            t_case = name;
            start();
            sc_conn();
            sc_await();
            sc_give(reply[i], (long)n);
            opens_at(at);
        }
        for (how = 0; how < 4; how++) {
            llm_client *c;
            snprintf(name, sizeof name, "reply %lu, way %d", (unsigned long)i, how);
            t_case = name;
            start();
            sc_conn();
            sc_await();
            sc_give(reply[i], (long)n);
            if (how & 2) sc.recv_max = sc.send_max = 1;
            c = client_of(ORIGIN, PROXY);
            CHECK_INT(simple(c, how & POLL), LLM_OK);
            CHECK_STR(sc.host, "proxy.test");
            CHECK_INT(sc.port, 3128);
            CHECK_INT(simple(c, how & POLL), LLM_OK); /* the tunnel is kept */
            CHECK_INT(sc.opens, 1);
            CHECK_INT(srv.requests, 2);
            CHECK_INT(sc.reqs, 1);
            CHECK(!sc_holds(sc.req[0].all.p, sc.req[0].all.n, KEY));
            clean(c);
        }
    }
    t_case = "";
}

/* Every answer that does not. */
static void test_refusals(void) {
    static const struct {
        const char *reply;
        llm_status status;
        int retryable;
        long retry_after;
        const char *words;
    } row[] = {
        {"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
         LLM_ERR_CONNECTION, 0, -1,
         "the proxy proxy.test port 3128;a.mock.test port 443;HTTP 407;does not accept user and password of config.proxy"},
        {"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<html>" BASIC, LLM_ERR_CONNECTION, 0, -1,
         "proxy.test port 3128;HTTP 403;does not allow;a.mock.test port 443"},
        {"HTTP/1.1 405 x\r\n\r\n", LLM_ERR_CONNECTION, 0, -1, "HTTP 405;does not allow"},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", LLM_ERR_CONNECTION, 0, -1, "HTTP 400;config.proxy"},
        {"HTTP/1.1 404 x\r\n\r\n", LLM_ERR_CONNECTION, 0, -1, "HTTP 404;no tunnel;host and port of config.proxy"},
        {"HTTP/1.1 302 x\r\nLocation: http://" USER "/\r\n\r\n", LLM_ERR_CONNECTION, 0, -1, "HTTP 302;no tunnel"},
        {"HTTP/1.1 500 x\r\n\r\n", LLM_ERR_CONNECTION, 0, -1, "HTTP 500"},
        {"HTTP/1.1 501 x\r\n\r\n", LLM_ERR_CONNECTION, 0, -1, "HTTP 501"},
        {"HTTP/1.1 502 x\r\n\r\n", LLM_ERR_CONNECTION, 1, -1, "HTTP 502;did not reach the server"},
        {"HTTP/1.1 503 " BASIC "\r\nRetry-After: 7\r\nx-request-id: " BASIC "\r\n\r\n", LLM_ERR_CONNECTION, 1, 7000,
         "HTTP 503;did not reach"},
        {"HTTP/1.1 504 x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", LLM_ERR_CONNECTION, 1, -1, "HTTP 504"},
        {"HTTP/1.0 429 x\r\nretry-after-ms: 20\r\n\r\n", LLM_ERR_CONNECTION, 1, 20, "HTTP 429;fewer requests"},
        {"HTTP/1.1 101 x\r\n\r\n", LLM_ERR_CONNECTION, 0, -1, "did not answer as an HTTP proxy does"},
        {"HTTP/2 200\r\n\r\n", LLM_ERR_CONNECTION, 0, -1, "did not answer as an HTTP proxy does;proxy.test port 3128"},
        {"SSH-2.0-OpenSSH " BASIC "\r\n", LLM_ERR_CONNECTION, 0, -1, "not HTTP"},
        {"<html>", LLM_ERR_CONNECTION, 0, -1, "not HTTP"},
        {"\x15\x03\x03", LLM_ERR_CONNECTION, 0, -1, "did not answer as an HTTP proxy does"},
        {"HTTP/1.1 099 x\r\n\r\n", LLM_ERR_CONNECTION, 0, -1, "did not answer as an HTTP proxy does"},
        {"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", LLM_ERR_CONNECTION, 0, -1, "did not answer as an HTTP proxy does"},
        {"HTTP/1.1 200 OK\r\n folded\r\n\r\n", LLM_ERR_CONNECTION, 0, -1, "did not answer as an HTTP proxy does"},
    };
    size_t i, at;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        size_t n = strlen(row[i].reply);
        for (at = 0; at <= n; at++) {
            llm_response o;
            llm_client *c;
            t_case = row[i].reply;
            start();
            sc_conn();
            sc_await();
            sc_give(row[i].reply, (long)n);
            sc_close();
            sc.split_at = at;
            if (at == 0) sc.recv_max = 1;
            c = client_of(ORIGIN, PROXY);
            CHECK_INT(go(c, at & 1 ? POLL : 0, &o), row[i].status);
            CHECK_INT(o.error.retryable, row[i].retryable);
            CHECK_INT(o.error.retry_after_ms, row[i].retry_after);
            CHECK_INT(o.error.http_status, 0);
            CHECK_STR(o.error.request_id, "");
            holds(o.error.message, row[i].words);
            llm_response_free(&o);
            clean(c);
        }
    }
    t_case = "";
}

static void next_conn(void *user, const llm_error *why, int64_t delay) {
    int *n = (int *)user;
    (void)why;
    (void)delay;
    ++*n;
    sc_conn();
    sc_await();
    sc_give(OPENED, -1);
}

static void test_retried(void) {
    static const char *const reply[] = {
        "HTTP/1.1 503 x\r\nRetry-After: 3\r\n\r\n", "HTTP/1.1 502 x\r\n\r\n", "", "HTTP/1.1 2", "HTTP/1.1 407 x\r\n\r\n"};
    size_t i;
    for (i = 0; i < 5; i++) {
        llm_config f = config_of(ORIGIN, PROXY);
        llm_response o;
        llm_client *c;
        int retries = 0;
        uint64_t before;
        t_case = reply[i];
        start();
        sc_conn();
        sc_await();
        sc_give(reply[i], -1);
        if (i & 1) sc_close();
        else sc_rst();
        f.max_retries = 2;
        f.on_retry = next_conn;
        f.on_retry_user = &retries;
        c = sc_client(&f);
        before = sc.now;
        CHECK_INT(go(c, 0, &o), i == 4 ? LLM_ERR_CONNECTION : LLM_OK);
        CHECK_INT(retries, i == 4 ? 0 : 1);
        CHECK_INT(o.error.attempts, i == 4 ? 1 : 2);
        if (i == 0) CHECK(sc.now - before >= 3000);
        llm_response_free(&o);
        clean(c);
    }
    t_case = "";
}

static void test_breaks(void) {
    static const struct {
        const char *reply;
        int rst;
        const char *words;
    } row[] = {
        {"", 0, "the proxy proxy.test closed the connection before it answered"},
        {"", 1, "the connection to the proxy proxy.test broke before it answered"},
        {"HTTP/1.1 200 OK\r\n", 0, "the proxy proxy.test closed the connection within the response head"},
        {"HTTP/1.1 200 OK\r\n", 1, "the connection to the proxy proxy.test broke within the response head"},
        {"HTTP/1.1 100 x\r\n\r\n", 0, "the proxy proxy.test closed"},
    };
    size_t i;
    int how;
    for (i = 0; i < 2 * sizeof row / sizeof row[0]; i++) {
        llm_response o;
        llm_client *c;
        how = i & 1 ? POLL : 0;
        start();
        sc_conn();
        sc_await();
        sc_give(row[i / 2].reply, -1);
        if (row[i / 2].rst) sc_rst();
        else sc_close();
        c = client_of(ORIGIN, PROXY);
        CHECK_INT(go(c, how, &o), LLM_ERR_CONNECTION);
        CHECK_INT(o.error.retryable, 1);
        holds(o.error.message, row[i / 2].words);
        llm_response_free(&o);
        clean(c);
    }
    /* SEND fails: what the proxy has said before is the reason, if there is one */
    for (i = 0; i < 4; i++) {
        llm_response o;
        llm_client *c;
        how = i & 1 ? POLL : 0;
        start();
        sc_conn()->send_fail_at = 20;
        if (i & 2) sc_give("HTTP/1.1 403 x\r\n\r\n", -1);
        c = client_of(ORIGIN, PROXY);
        CHECK_INT(go(c, how, &o), LLM_ERR_CONNECTION);
        holds(o.error.message, i & 2 ? "HTTP 403" : "the connection to the proxy proxy.test broke while the request was sent");
        llm_response_free(&o);
        clean(c);
    }
    /* a head without an end, interim answers without one */
    for (i = 0; i < 2; i++) {
        llm_response o;
        llm_client *c;
        int k;
        start();
        sc_conn();
        sc_await();
        if (i == 0) sc_give("HTTP/1.1 200 OK\r\n", -1);
        for (k = 0; k < 4000; k++) sc_give(i == 0 ? "A: b\r\n" : "HTTP/1.1 100 x\r\n\r\n", -1);
        c = client_of(ORIGIN, PROXY);
        CHECK_INT(go(c, 0, &o), LLM_ERR_LIMIT);
        CHECK_INT(o.error.retryable, 0);
        holds(o.error.message, "the proxy proxy.test port 3128;LLM_MAX_HEAD");
        llm_response_free(&o);
        clean(c);
    }
    /* the tunnel opens and then there is no server, or one that is not who it should be */
    start();
    sc_conn();
    sc_await();
    sc_give(OPENED, -1);
    sc_give("HTTP/1.1 400 speak TLS", -1);
    {
        llm_client *c = client_of(ORIGIN, PROXY);
        llm_response o;
        CHECK_INT(go(c, 0, &o), LLM_ERR_TLS);
        holds(o.error.message, "a.mock.test");
        llm_response_free(&o);
        clean(c);
    }
    start();
    sc_conn();
    sc_await();
    sc_give(OPENED, -1);
    sc_close();
    {
        llm_client *c = client_of(ORIGIN, PROXY);
        llm_response o;
        llm_status s = go(c, 0, &o);
        CHECK(llm_is(s, LLM_ERR_CONNECTION));
        holds(o.error.message, "a.mock.test");
        llm_response_free(&o);
        clean(c);
    }
    start();
    sc_conn();
    sc_await();
    sc_give(OPENED, -1);
    {
        /* the proxy's name is in the certificate, the server's is not */
        llm_client *c = client_of("https://elsewhere.test/v1", "a.mock.test:3128");
        llm_response o;
        CHECK_INT(go(c, 0, &o), LLM_ERR_TLS);
        holds(o.error.message, "elsewhere.test");
        llm_response_free(&o);
        clean(c);
    }
}

static void test_deadlines(void) {
    static const char *const words[] = {"no connection to the proxy proxy.test within connect_timeout_ms (2000 ms)",
                                        "no answer to CONNECT from the proxy proxy.test within connect_timeout_ms (2000",
                                        "no answer to CONNECT from the proxy proxy.test within",
                                        "no answer to CONNECT from the proxy proxy.test within",
                                        "no TLS session with a.mock.test within connect_timeout_ms"};
    int place, how;
    for (place = 0; place < 5; place++) {
        for (how = 0; how < 2; how++) {
            llm_config f = config_of(ORIGIN, PROXY);
            llm_response o;
            llm_client *c;
            uint64_t before;
            int i;
            start();
            sc_conn();
            if (place == 0) sc.conn[0].open_ms = -1;
            if (place == 1) sc.conn[0].send_block_at = 30;
            sc_await();
            if (place == 3) {                       /* a trickle does not help */
                for (i = 0; i < 100; i++) {
                    sc_give("HTTP/1.1 100 x\r\n\r\n", -1);
                    sc_pause(400);
                }
            }
            if (place == 4) {
                sc.taker = NULL;
                sc_pause(1500);
                sc_give(OPENED, -1);
            }
            f.connect_timeout_ms = 2000;
            f.idle_timeout_ms = 60000;
            c = sc_client(&f);
            before = sc.now;
            CHECK_INT(go(c, how ? POLL : 0, &o), LLM_ERR_TIMEOUT);
            CHECK(sc.now - before >= 2000 && sc.now - before <= 2050);
            CHECK_INT(o.error.retryable, 1);
            holds(o.error.message, words[place]);
            llm_response_free(&o);
            clean(c);
        }
    }
}

static void test_open_errors(void) {
    static const struct {
        int result;
        const char *words;
    } row[] = {
        {LLM_NET_NO_HOST, "no address for the proxy proxy.test;Check config.proxy"},
        {LLM_NET_REFUSED, "the proxy proxy.test refused the connection on port 3128"},
        {LLM_NET_FAILED, "cannot connect to the proxy proxy.test port 3128"},
    };
    size_t i;
    for (i = 0; i < 3; i++) {
        llm_response o;
        llm_client *c;
        start();
        sc_conn()->open_result = row[i].result;
        c = client_of(ORIGIN, PROXY);
        CHECK_INT(go(c, 0, &o), LLM_ERR_CONNECTION);
        holds(o.error.message, row[i].words);
        llm_response_free(&o);
        clean(c);
    }
}

/* What llm_call_fd(), _wants() and _timeout_ms() say in the new state. */
static void test_event_loop(void) {
    llm_request r = sc_hi();
    llm_client *c;
    llm_call *call;
    llm_event ev;
    start();
    sc_conn()->send_block_at = 40;
    sc_await();
    c = client_of(ORIGIN, PROXY);
    CHECK_INT(llm_start(c, &r, &call), LLM_OK);
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING);
    CHECK_INT(call->state, LLMI_CALL_TUNNEL);
    CHECK_INT(llm_call_wants(call), LLM_WANT_WRITE);
    CHECK(llm_call_fd(call) >= 0);
    CHECK_INT(llm_call_timeout_ms(call), 10000);
    sc.now += 4000;
    CHECK_INT(llm_call_timeout_ms(call), 6000);
    sc.conn[0].send_block_at = 0;
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING);
    CHECK_INT(call->state, LLMI_CALL_TUNNEL);
    CHECK_INT(llm_call_wants(call), LLM_WANT_READ);
    CHECK_INT(llm_call_timeout_ms(call), 6000);
    sc_give("HTTP/1.1 200 x\r\n", -1);
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING);
    CHECK_INT(llm_call_wants(call), LLM_WANT_READ);
    sc.taker = NULL; /* the server is silent */
    sc_give("\r\n", -1);
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING);
    CHECK_INT(call->state, LLMI_CALL_HANDSHAKE);
    CHECK_INT(llm_call_wants(call), LLM_WANT_READ);
    CHECK_INT(llm_call_timeout_ms(call), 6000); /* one deadline for all of it */
    CHECK_INT(llm_finish(call, NULL), LLM_ERR_CANCELLED);
    /* cancelled inside the tunnel's making */
    sc_conn();
    CHECK_INT(llm_start(c, &r, &call), LLM_OK);
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING);
    CHECK_INT(call->state, LLMI_CALL_TUNNEL);
    CHECK_INT(llm_finish(call, NULL), LLM_ERR_CANCELLED);
    clean(c);
}

/* A kept tunnel that has died is replaced at once, by a new CONNECT. */
static int stale_take(sc_conn_t *c, const char *p, size_t n) {
    if (c == &sc.conn[0] && srv.requests == 1 && srv.conn == 1) { /* the second request: a reset, and a new connection */
        sc_rst();
        sc_conn();
        sc_await();
        sc_give(OPENED, -1);
        srv.conn = 99;
        return 1;
    }
    if (srv.conn == 99 && c == &sc.conn[0]) return 1;
    return server_take(c, p, n);
}

static void test_stale(void) {
    llm_client *c;
    llm_response o;
    start();
    sc.taker = stale_take;
    sc_conn();
    sc_await();
    sc_give(OPENED, -1);
    c = client_of(ORIGIN, PROXY);
    CHECK_INT(simple(c, 0), LLM_OK);
    CHECK_INT(go(c, 0, &o), LLM_OK);
    CHECK_INT(o.error.attempts, 1);
    llm_response_free(&o);
    CHECK_INT(sc.opens, 2);
    CHECK_INT(sc.reqs, 2); /* two CONNECTs */
    clean(c);
}

/* ---- http:// through a proxy ------------------------------------------------------------------------------------------ */

static void test_http(void) {
    static const struct {
        const char *base_url, *line, *host;
    } row[] = {
        {"http://a.test/v1", "POST http://a.test/v1/chat/completions HTTP/1.1\r\n", "\r\nHost: a.test\r\n"},
        {"http://A.test:80", "POST http://a.test/chat/completions HTTP/1.1\r\n", "\r\nHost: a.test\r\n"},
        {"http://a.test:8080/x?y=z", "POST http://a.test:8080/x/chat/completions?y=z HTTP/1.1\r\n",
         "\r\nHost: a.test:8080\r\n"},
        {"http://[2001:DB8::1]:81/v1", "POST http://[2001:db8::1]:81/v1/chat/completions HTTP/1.1\r\n",
         "\r\nHost: [2001:db8::1]:81\r\n"},
    };
    size_t i;
    int with_user;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        for (with_user = 0; with_user < 2; with_user++) {
            llm_config f = config_of(row[i].base_url, with_user ? PROXY : "proxy.test:3128");
            llm_client *c;
            start();
            sc_conn();
            sc_answer(200, "", SC_OK_JSON("through"));
            sc_answer(200, "", SC_OK_JSON("through"));
            f.allow_plaintext_key = 1;
            c = sc_client(&f);
            CHECK_INT(simple(c, 0), LLM_OK);
            CHECK_INT(simple(c, POLL), LLM_OK); /* kept */
            CHECK_INT(sc.opens, 1);
            CHECK_STR(sc.host, "proxy.test");
            CHECK_INT(sc.port, 3128);
            CHECK(strncmp(sc.req[0].head, row[i].line, strlen(row[i].line)) == 0);
            CHECK(strstr(sc.req[0].head, row[i].host) != NULL);
            CHECK((strstr(sc.req[0].head, "\r\nProxy-Authorization: Basic " BASIC "\r\n") != NULL) == with_user);
            CHECK(strstr(sc.req[0].head, "\r\nAuthorization: Bearer " KEY "\r\n") != NULL);
            clean(c);
        }
    }
}

static void test_http_errors(void) {
    static const struct {
        int status;
        const char *head, *body;
        llm_status wanted;
        int http;
        const char *words;
    } row[] = {
        {407, "Proxy-Authenticate: Basic\r\n", "<html>" BASIC, LLM_ERR_CONNECTION, 0,
         "the proxy proxy.test port 3128;HTTP 407;config.proxy"},
        {403, "", "<html><h1>denied</h1> to " USER ":" PASS " or " BASIC " or " PASS, LLM_ERR_PERMISSION, 403,
         "HTTP 403 from a.test through the proxy proxy.test: denied;***"},
        {503, "Content-Type: text/plain\r\n", "Basic " BASIC, LLM_ERR_SERVER, 503, "Basic ***"},
        {400, "", "{\"error\":{\"message\":\"" BASIC "\",\"type\":\"" BASIC "\",\"code\":\"" PASS "\",\"param\":\"" USER ":" PASS "\"}}",
         LLM_ERR_BAD_REQUEST, 400, "***"},
        {302, "Location: http://" PASS ".test/\r\nx-request-id: " BASIC "\r\n", "", LLM_ERR_API, 302, "redirects to http://***.test"},
    };
    size_t i;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        llm_config f = config_of("http://a.test/v1", PROXY);
        llm_response o;
        llm_client *c;
        start();
        sc_conn();
        sc_answer(row[i].status, row[i].head, row[i].body);
        f.api_key = "";
        c = sc_client(&f);
        CHECK_INT(go(c, i & 1 ? POLL : 0, &o), row[i].wanted);
        CHECK_INT(o.error.http_status, row[i].http);
        holds(o.error.message, row[i].words);
        no_secret(o.request_id, "request_id");
        llm_response_free(&o);
        clean(c);
    }
    start(); /* who closed? the machine that we speak with */
    sc_conn();
    sc_await();
    sc_close();
    {
        llm_config f = config_of("http://a.test/v1", PROXY);
        llm_response o;
        llm_client *c;
        f.api_key = "";
        c = sc_client(&f);
        CHECK_INT(go(c, 0, &o), LLM_ERR_CONNECTION);
        holds(o.error.message, "the proxy proxy.test closed the connection");
        llm_response_free(&o);
        clean(c);
    }
    start(); /* a 407 of the server behind a tunnel, or of one without a proxy, is the server's */
    sc_conn();
    sc_answer(407, "", "{\"error\":{\"message\":\"odd\"}}");
    {
        llm_client *c = client_of("http://127.0.0.1/v1", "");
        llm_response o;
        CHECK_INT(go(c, 0, &o), LLM_ERR_API);
        CHECK_INT(o.error.http_status, 407);
        llm_response_free(&o);
        clean(c);
    }
}

/* A text that is cut in the middle of what the proxy was told: what is left of it is told to nobody. */
static void test_echo_is_cut(void) {
    static const char *const secret[] = {BASIC, USER ":" PASS, PASS};
    char body[700];
    size_t i, pad;
    int json;
    for (i = 0; i < 3; i++) {
        for (json = 0; json < 2; json++) {
            for (pad = json ? 460 : 150; pad < (json ? 515 : 205); pad++) {
                llm_config f = config_of("http://a.test/v1", PROXY);
                llm_request r = sc_hi();
                llm_response o;
                llm_client *c;
                start();
                sc_conn();
                memset(body, '-', sizeof body);
                snprintf(body + pad, sizeof body - pad, "%s%s", secret[i], json ? "\"}}" : " more");
                if (json) memcpy(body, "{\"error\":{\"message\":\"", 21);
                sc_answer(400, "Content-Type: text/plain\r\n", body);
                f.api_key = "";
                c = sc_client(&f);
                CHECK_INT(llm_chat(c, &r, &o), LLM_ERR_BAD_REQUEST);
                CHECK(strlen(o.error.message) > 150);
                if (!CHECK(!strstr(o.error.message, "canary-u") && !strstr(o.error.message, "canary-pas") &&
                           !strstr(o.error.message, "Y2FuYXJ5"))) {
                    fprintf(stderr, "    %s\n", o.error.message);
                }
                llm_response_free(&o);
                clean(c);
            }
        }
    }
}

/* Where a key may go over http://. */
static void test_plain_key(void) {
    static const struct {
        const char *base_url, *proxy, *key;
        int allow;
        const char *words; /* NULL = good */
    } row[] = {
        {"http://127.0.0.1/v1", "", KEY, 0, NULL},
        {"http://127.0.0.1/v1", "127.0.0.1:3128", KEY, 0, NULL},
        {"http://localhost/v1", "[::1]:3128", KEY, 0, NULL},
        {"http://127.0.0.1/v1", "proxy.test", KEY, 0, "the proxy proxy.test is not loopback;allow_plaintext_key"},
        {"http://127.0.0.1/v1", "proxy.test", KEY, 1, NULL},
        {"http://127.0.0.1/v1", "proxy.test", "", 0, NULL},
        {"http://a.test/v1", "127.0.0.1:3128", KEY, 0, "a.test is not loopback"},
        {"http://a.test/v1", "127.0.0.1:3128", KEY, 1, NULL},
        {"http://a.test/v1", "proxy.test", "", 0, NULL},
        {ORIGIN, "proxy.test", KEY, 0, NULL},
    };
    size_t i;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        llm_config f = config_of(row[i].base_url, row[i].proxy);
        llm_client *c = NULL;
        llm_error e;
        start();
        f.api_key = row[i].key;
        f.allow_plaintext_key = row[i].allow;
        CHECK_INT(llm_client_new(&c, &f, &e), row[i].words ? LLM_ERR_USAGE : LLM_OK);
        if (row[i].words) holds(e.message, row[i].words);
        clean(c);
        f.api_key = "";                 /* the same for a key that comes later */
        CHECK_INT(llm_client_new(&c, &f, &e), LLM_OK);
        CHECK_INT(llm_client_set_key(c, row[i].key), row[i].words ? LLM_ERR_USAGE : LLM_OK);
        if (row[i].words) holds(llm_last_error(c)->message, row[i].words);
        clean(c);
    }
}

/* ---- user and password in memory --------------------------------------------------------------------------------------- */

static char pool[512 * 1024];

static int count(const char *s) {
    const char *p = pool, *end = pool + sizeof pool;
    int n = 0;
    while ((p = (const char *)memmem(p, (size_t)(end - p), s, strlen(s))) != NULL) n++, p++;
    return n;
}

static void test_secret_in_memory(void) {
    int secure, end;
    for (secure = 0; secure < 2; secure++) {
        for (end = 0; end < 3; end++) { /* finished while sending, while waiting, after the answer */
            llm_config f = config_of(secure ? ORIGIN : "http://a.test/v1", NULL);
            llm_request r = sc_hi();
            llm_client *c;
            llm_call *call;
            llm_event ev;
            llm_status s;
            memset(pool, 0, sizeof pool);
            start();
            sc.env[0] = "ALL_PROXY";
            sc.env[1] = PROXY;
            sc_conn()->send_block_at = end == 0 ? 150 : 0;
            if (end == 2 && secure) {
                sc_await();
                sc_give("HTTP/1.1 407 x\r\n\r\n", -1);
            }
            if (end == 2 && !secure) sc_answer(503, "", "{}");
            f.memory = pool;
            f.memory_size = sizeof pool;
            f.allow_plaintext_key = 1;
            c = sc_client(&f);
            CHECK_INT(count(PASS), 1); /* one lasting copy, in its two forms */
            CHECK_INT(count(BASIC), 1);
            CHECK_INT(llm_start(c, &r, &call), LLM_OK);
            CHECK_INT(count(BASIC), 1);
            while ((s = llm_next(call, &ev, 0)) == LLM_OK) {}
            CHECK_INT(s, end == 2 ? (secure ? LLM_ERR_CONNECTION : LLM_ERR_SERVER) : LLM_PENDING);
            CHECK_INT(count(BASIC), end == 0 ? 2 : 1); /* being sent; sent */
            CHECK_INT(count(PASS), 1);
            CHECK_INT(count(KEY), end == 0 && !secure ? 2 : 1);
            (void)llm_finish(call, NULL);
            CHECK_INT(count(BASIC), 1);
            CHECK_INT(count(PASS), 1);
            llm_client_free(c);
            CHECK_INT(count(BASIC), 0);
            CHECK_INT(count(PASS), 0);
            CHECK_INT(count(KEY), 0);
            CHECK_INT(count("canary"), 0);
            CHECK_INT(count("Y2FuYXJ5"), 0);
            no_secret(sc.log.p, "the log");
        }
    }
}

/* What llm_memory_needed() says is enough for a call through a proxy. */
static void test_memory_needed(void) {
    static char name[2000], proxy[2100];
    int big;
    for (big = 0; big < 2; big++) {
        llm_config f = config_of(ORIGIN, PROXY);
        llm_client *c;
        memset(name, 'x', sizeof name - 1);
        snprintf(proxy, sizeof proxy, "http://%s:" PASS "@proxy.test", name);
        if (big) f.proxy = proxy;
        start();
        sc_conn();
        sc_await();
        sc_give(OPENED, -1);
        f.memory = pool;
        f.memory_size = llm_memory_needed(&f);
        CHECK(f.memory_size < sizeof pool);
        c = sc_client(&f);
        CHECK_INT(simple(c, 0), LLM_OK);
        CHECK(llm_memory_peak(c) < f.memory_size);
        llm_client_free(c);
    }
}

/* ---- every failure ----------------------------------------------------------------------------------------------------- */

enum { JOB_TUNNEL, JOB_REFUSED, JOB_RETRY, JOB_HTTP, JOBS };

static llm_status job(int which, long *allocs, int *made) {
    static const char *const base[] = {ORIGIN, ORIGIN, ORIGIN, "http://a.test/v1"};
    llm_config f = config_of(base[which], PROXY);
    llm_client *c = NULL;
    llm_error e;
    llm_response o;
    llm_status s;
    int retries = 0;
    long from = t_allocs;
    sc_conn();
    if (which == JOB_HTTP) {
        sc_answer(200, "", SC_OK_JSON("through"));
    } else {
        sc_await();
        sc_give(which == JOB_REFUSED ? "HTTP/1.1 407 x\r\n\r\n" : which == JOB_RETRY ? "HTTP/1.1 503 x\r\n\r\n" : OPENED, -1);
    }
    f.allow_plaintext_key = 1;
    if (which == JOB_RETRY) {
        f.max_retries = 1;
        f.on_retry = next_conn;
        f.on_retry_user = &retries;
    }
    s = llm_client_new(&c, &f, &e);
    *made = s == LLM_OK;
    if (s == LLM_OK) {
        s = go(c, 0, &o);
        llm_response_free(&o);
    } else {
        check_error(&e);
    }
    *allocs = t_allocs - from;
    t_fail_at = 0;
    if (c && s != LLM_OK && which != JOB_REFUSED) { /* the client is usable */
        sc.hooks = -1000000;
        sc_conn();
        sc.opens = sc.conns - 1;
        if (which == JOB_HTTP) sc_answer(200, "", SC_OK_JSON("through"));
        else {
            sc_await();
            sc_give(OPENED, -1);
        }
        CHECK_INT(go(c, 0, &o), LLM_OK);
        llm_response_free(&o);
    }
    llm_client_free(c);
    CHECK_INT(t_live, 0);
    t_live = 0;
    no_secret(sc.log.p, "the log");
    return s;
}

static void test_failing_memory(void) {
    int which, made;
    long at, allocs, all, tried;
    for (which = 0; which < JOBS; which++) {
        llm_status well = which == JOB_REFUSED ? LLM_ERR_CONNECTION : LLM_OK, s;
        t_fail_at = 0;
        start();
        CHECK_INT(job(which, &all, &made), well);
        for (at = 1, tried = 0; at <= all; at++, tried++) {
            char name[64];
            snprintf(name, sizeof name, "job %d, allocation %ld of %ld", which, at, all);
            t_case = name;
            start();
            t_allocs = 0;
            t_fail_at = at;
            s = job(which, &allocs, &made);
            CHECK(allocs >= at); /* it was reached */
            CHECK(s == LLM_ERR_MEMORY || s == well || s == LLM_ERR_TLS);
        }
        CHECK(tried > 5);
        printf("job %d: %ld allocations failed\n", which, tried);
    }
    t_case = "";
}

static void test_failing_network(void) {
    static const int with[] = {LLM_NET_FAILED, LLM_NET_CLOSED, 0, -77, 0x7FFFFFFF};
    size_t w;
    int which, made;
    long at, allocs, hooks;
    for (w = 0; w < sizeof with / sizeof with[0]; w++) {
        for (which = 0; which < JOBS; which++) {
            llm_status well = which == JOB_REFUSED ? LLM_ERR_CONNECTION : LLM_OK, s;
            start();
            CHECK_INT(job(which, &allocs, &made), well);
            hooks = sc.hooks;
            for (at = 1; at <= hooks; at++) {
                char name[64];
                snprintf(name, sizeof name, "job %d, hook call %ld says %d", which, at, with[w]);
                t_case = name;
                start();
                sc.fail_at = at;
                sc.fail_with = with[w];
                s = job(which, &allocs, &made);
                CHECK(sc.failed_in != 0);
                if (with[w] == 0) CHECK_INT(s, well);
                else CHECK(s == well || llm_is(s, LLM_ERR_CONNECTION));
            }
        }
    }
    t_case = "";
}

/* Records behind the server's flight wait until TLS has sent its own; when it cannot send any more that is the end,
   and not a loop in which no deadline is looked at. */
static void test_appended(void) {
    int mode, poll;
    for (mode = 1; mode <= 2; mode++) {
        for (poll = 0; poll < 2; poll++) {
            llm_client *c;
            llm_response o;
            start();
            sc_conn();
            sc_await();
            sc_give(OPENED, -1);
            append = mode;
            c = client_of(ORIGIN, "http://proxy.test:3128");
            CHECK_INT(go(c, poll ? POLL : 0, &o), LLM_ERR_TLS);
            CHECK_INT(append, 0);
            llm_response_free(&o);
            llm_client_free(c);
        }
    }
}

/* A user of one letter is no word to be taken out of what a server says. */
static void test_short_user(void) {
    llm_config f;
    llm_client *c;
    llm_response o;
    start();
    sc.taker = NULL;
    sc_conn();
    sc_answer(400, "", "{\"error\":{\"message\":\"please write the type: string, code: x\",\"type\":\"invalid\"}}");
    f = config_of("http://api.test/v1", "http://e@proxy.test:3128");
    f.allow_plaintext_key = 1;
    c = sc_client(&f);
    CHECK_INT(go(c, 0, &o), LLM_ERR_BAD_REQUEST);
    CHECK(strstr(o.error.message, "please write the type: string, code: x") != NULL);
    llm_response_free(&o);
    llm_client_free(c);
}

int main(void) {
    server_load("data/pki/wildcard.pem");
    test_values();
    test_environment();
    test_no_proxy();
    test_connect_head();
    test_opens();
    test_refusals();
    test_retried();
    test_breaks();
    test_deadlines();
    test_open_errors();
    test_event_loop();
    test_stale();
    test_http();
    test_http_errors();
    test_echo_is_cut();
    test_plain_key();
    test_secret_in_memory();
    test_memory_needed();
    test_appended();
    test_short_user();
    test_failing_memory();
    test_failing_network();
    free(srv.got.p);
    return t_done();
}

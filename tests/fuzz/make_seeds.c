/* make_seeds.c - first inputs of each fuzzer, made from the test data: make_seeds DATA OUT writes OUT/seeds/NAME/N for
   each, and OUT/fuzz_roots.h, which fuzz_x509.c includes. */
#define T_NO_LIB
#include "../t.h"
#include "../t_cases.h"
#include <ctype.h>
#include <dirent.h>
#include <sys/stat.h>

static const char *data_dir, *out_dir;
static int written;

static void seed(const char *name, const char *head, size_t head_n, const char *p, size_t n) {
    char path[600];
    FILE *f;
    unsigned long h = 5381;
    size_t i;
    for (i = 0; i < head_n; i++) h = h * 33 + (unsigned char)head[i];
    for (i = 0; i < n; i++) h = h * 33 + (unsigned char)p[i];
    snprintf(path, sizeof path, "%s/seeds/%s", out_dir, name);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/seeds/%s/%016lx", out_dir, name, h);
    f = fopen(path, "wb");
    if (!f || (head_n && fwrite(head, 1, head_n, f) != head_n) || (n && fwrite(p, 1, n, f) != n) || fclose(f)) {
        fprintf(stderr, "cannot write %s\n", path);
        exit(1);
    }
    written++;
}

static char *data_file(const char *name, size_t *n) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", data_dir, name);
    return t_read_file(path, n);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------- */

static void json_seeds(void) {
    static const char *const more[] = {
        "{\"a\":{\"b\":1,\"c~/\":[1,2,{\"\":true}]},\"a\":{\"b\":[null,\"x\"]}}", "[1e308,1.7976931348623157e308,4.9e-324,0.1,-0,123456789012345678]",
        "\"\\ud83d\\ude00\\ud83d x \\udc00 \\u0000\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}",
        "[2.2250738585072011e-308,9007199254740993,179769313486231580793728971405301e277]", "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
        "\xEF\xBB\xBF 1234567890123456789012345678901234567890123456789012345678901234567890 "
    };
    char *file = data_file("json/texts.txt", NULL), *line, *save = NULL;
    size_t i;
    for (line = strtok_r(file, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *p = line, *q;
        t_text t = {NULL, 0, 0};
        int blanks = 0;
        if (*line == '#') continue;
        while (*p && blanks < 2) blanks += *p++ == ' ';
        t_add(&t, "", 0);
        for (q = p; *q; q++) {
            char c = *q;
            if (c == '%' && q[1] && q[2]) {
                char hex[3] = {q[1], q[2], 0};
                c = (char)strtol(hex, NULL, 16);
                q += 2;
            }
            t_add(&t, &c, 1);
        }
        seed("json", written % 2 ? "\x03\x05" : "\x00\x00", 2, t.p, t.n);
        free(t.p);
    }
    for (i = 0; i < sizeof more / sizeof more[0]; i++) seed("json", "\x03\x01", 2, more[i], strlen(more[i]));
    free(file);
}

/* ---- cases of t_cases.h ------------------------------------------------------------------------------------------------- */

static void case_seeds(const char *file_name, const char *name, const char *head, size_t head_n) {
    char *file = data_file(file_name, NULL);
    const char *at = file;
    static t_block b;
    while (t_next_block(&at, &b)) {
        if (b.input.n < 6000) seed(name, head, head_n, b.input.p, b.input.n);
    }
    free(file);
}

static void add_escaped(t_text *t, const char *p, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) {
        t_add(t, p + i, 1);
        if ((unsigned char)p[i] == 0xFF) t_add(t, p + i, 1);
    }
}

/* Chat answers: as bodies, as whole calls, with and without chunks and ends. */
static void chat_seeds(const char *file_name) {
    char *file = data_file(file_name, NULL);
    const char *at = file;
    static t_block b;
    int n = 0;
    while (t_next_block(&at, &b)) {
        int sse = strncmp(b.name, "sse", 3) == 0, json = strncmp(b.name, "json", 4) == 0, status = sse || json ? 200 : atoi(b.name);
        char head[300], options[8] = {0, 0, 0, 2, 0, 0, 0, 0};
        t_text t = {NULL, 0, 0};
        n++;
        if (b.input.n > 5000) continue;
        head[0] = (char)(sse ? 0 : json ? (n & 1 ? 5 : 13) : 6);
        head[1] = (char)(n * 5);
        seed("stream", head, 2, b.input.p, b.input.n);
        options[0] = (char)((n & 3) | (sse ? 4 : n & 4));
        options[1] = (char)(n % 3 == 0 ? 0 : n * 7);
        snprintf(head, sizeof head, "HTTP/1.1 %d Said\r\nContent-Type: %s\r\n%s", status, sse ? "text/event-stream" : "application/json",
                 status == 429 ? "retry-after-ms: 50\r\nx-request-id: req_1\r\n" : "");
        t_adds(&t, head);
        if (n % 3 == 0) {
            t_adds(&t, "\r\n");
            add_escaped(&t, b.input.p, b.input.n);
            t_adds(&t, n % 2 ? "\xFF" "c" : "\xFF" "r");
        } else if (n % 3 == 1) {
            snprintf(head, sizeof head, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", b.input.n);
            t_adds(&t, head);
            add_escaped(&t, b.input.p, b.input.n);
            t_adds(&t, "\r\n\xFF" "p\x03" "0\r\n\r\n");
        } else {
            snprintf(head, sizeof head, "Content-Length: %zu\r\n\r\n", b.input.n);
            t_adds(&t, head);
            add_escaped(&t, b.input.p, b.input.n / 2);
            t_adds(&t, "\xFF" "p\x08");
            add_escaped(&t, b.input.p + b.input.n / 2, b.input.n - b.input.n / 2);
        }
        seed("call", options, 8, t.p, t.n);
        free(t.p);
    }
    free(file);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define DELTA(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"

static void call_seeds(void) {
    static const char *const scripts[] = {
        "\xFF" "o\x01" "\xFF" "n" OK_HEAD DELTA("a") "data: [DONE]\n\n",
        "\xFF" "o\x02",
        OK_HEAD DELTA("CANARY-REPLY-51c7") "\xFF" "r",
        "HTTP/1.1 302 Found\r\nLocation: https://u:sk-sk-CANARY-sk-sk-CANARX@other.example/sk-sk-CANARY-sk-sk-CANARX?q\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 308 Go\r\nLocation: https://sk-sk-CANARY-sk-sk-CANARX.example/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 307 Go\r\nLocation: /v2\r\nContent-Length: 2\r\n\r\n{}\xFF" "wHTTP/1.1 301 Go\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 429 No\r\nretry-after-ms: 30\r\nContent-Length: 0\r\n\r\n\xFF" "wHTTP/1.1 503 No\r\nretry-after: 1\r\nContent-Length: 0\r\n\r\n"
        "\xFF" "w" OK_HEAD DELTA("third") "data: [DONE]\n\n\xFF" "c",
        "\xFF" "o\x50" OK_HEAD DELTA("a") "\xFF" "r",
        "\xFF" "e" "HTTP/1.1 401 No\r\nContent-Length: 36\r\n\r\n{\"error\":{\"message\":\"no such key\"}}\r\n\xFF" "c",
        "\xFF" "s\x05" "\xFF" "e" "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\n{}",
        "\xFF" "b\x04" OK_HEAD DELTA("sk-sk-CANARY-sk-") "\xFF" "p\x02" DELTA("sk-CANARX sk-sk-CANARY-sk-sk-sk-sk-CANARY-sk-sk-CANARX") "data: [DONE]\n\n\xFF" "c",
        "HTTP/1.1 503 No\r\nretry-after: 1\r\nContent-Length: 0\r\n\r\n\xFF" "wHTTP/1.1 429 No\r\nx-should-retry: false\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 500 sk-sk-CANARY-sk-sk-CANARX\r\nContent-Length: 60\r\nx-request-id: sk-sk-CANARY-sk-sk-CANARX\r\n\r\n"
        "{\"error\":{\"message\":\"key sk-sk-CANARY-sk-sk-CANARX is bad\"}}",
        "\xFF" "c\xFF" "n\xFF" "r\xFF" "n" "HTTP/1.1 100 Continue\r\n\r\n" OK_HEAD DELTA("x") "\xFF" "p\xFE" DELTA("y") "\xFF" "c"
    };
    static const char options[][9] = {"\x00\x00\x00\x02\0\0\0\0", "\x04\x05\x50\x03\0\0\0\0", "\x05\x01\0\x57\0\0\xC2\0", "\x06\0\0\x02\x90\0\0\0",
                                      "\x07\0\0\x02\0\xA8\0\xC3"};
    size_t i, k;
    for (i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        for (k = 0; k < sizeof options / sizeof options[0]; k++) {
            char proxy[8];
            seed("call", options[k], 8, scripts[i], strlen(scripts[i]));
            memcpy(proxy, options[k], 8);
            proxy[4] = 64;           /* through a proxy */
            if (k == 0) seed("call", proxy, 8, scripts[i], strlen(scripts[i]));
        }
    }
}

/* The same over TLS: as it is, changed at each stage of the handshake and behind it, to servers that are not good, and as
   raw bytes. */
static void https_seeds(void) {
    static const char *const scripts[] = {
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 71\r\n\r\n"
        "{\"choices\":[{\"message\":{\"content\":\"fine\"},\"finish_reason\":\"stop\"}]}    ",
        OK_HEAD DELTA("one ") "\xFF" "p\x02" DELTA("two") "data: [DONE]\n\n\xFF" "c",
        OK_HEAD DELTA("cut off") "\xFF" "c",
        "HTTP/1.1 401 No\r\nContent-Length: 36\r\n\r\n{\"error\":{\"message\":\"no such key\"}}\xFF" "n\xFF" "r",
        "\xFF" "b\x10" OK_HEAD DELTA("stuck") "data: [DONE]\n\n\xFF" "c",
        "\xFF" "s\x04", "\xFF" "s\x30" "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\n{}", "\xFF" "b\x04" "\xFF" "r",
        "\xFF" "b\x40" "\xFF" "c", "\xFF" "c",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 71\r\n\r\n"
        "{\"choices\":[{\"message\":{\"content\":\"fine\"},\"finish_reason\":\"stop\"}]}    \xFF" "c"
    };
    static const unsigned short at[] = {0, 3, 5, 60, 100, 700, 1100, 1150, 1200, 1230, 1260, 1300, 1400, 1500};
    static const char raw[] = "\x16\x03\x03\x00\x2C\x02\x00\x00\x28\x03\x03" "01234567890123456789012345678901" "\x00\xC0\x2B\x00\x00\x00"
        "\x15\x03\x03\x00\x02\x02\x28";
    static const char *const proxies[] = {
        "HTTP/1.1 200 Connection established\r\n\r\n\x15\x03\x03",
        "HTTP/1.1 100 x\r\n\r\nHTTP/1.0 299 y\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK",
        "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 1\r\n\r\ny",
        "HTTP/1.1 503 x\r\nRetry-After: 1\r\n\r\n\xFF" "nHTTP/1.1 502 x\r\n\r\n",
        "HTTP/1.1 2\xFF" "c", "\xFF" "r", "\xFF" "c", "HTTP/1.1 200 OK\r\n\xFF" "p\xFF", "SSH-2.0-x\r\n", "<html>"
    };
    char options[8];
    size_t i, k;
    for (i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        for (k = 0; k < sizeof at / sizeof at[0]; k++) {
            memset(options, 0, sizeof options);
            options[0] = (char)(k % 4 | (i ? 4 : 0) | (k % 3 ? 8 : 0) | (k % 5 ? 0 : 0x40));
            options[1] = (char)(k % 4 == 1 ? 200 : 0);
            options[2] = (char)(k % 4 == 3 ? 11 : 0);
            options[4] = (char)(k % 8);
            options[5] = (char)(k * 16 + i);
            options[6] = (char)(at[k] >> 8);
            options[7] = (char)at[k];
            seed("https", options, 8, scripts[i], strlen(scripts[i]));
        }
        for (k = 0; k < 8; k++) {
            memset(options, 0, sizeof options);
            options[3] = (char)(0x20 | (k & 3) << 6 | k >> 2 | (k % 3) << 1);
            seed("https", options, 8, scripts[i], strlen(scripts[i]));
            options[3] = 0;
            options[4] = (char)(200 + k * 4);
            seed("https", options, 8, scripts[i], strlen(scripts[i]));
        }
    }
    for (k = 0; k < 4; k++) {
        memset(options, 0, sizeof options);
        options[0] = (char)(0x30 | k);
        seed("https", options, 8, raw, sizeof raw - 1 - k * 7);
        seed("https", options, 8, "\x15\x03\x03\x00\x02\x01\x00", 7);
        seed("https", options, 8, "HTTP/1.1 400 this is not TLS\r\n\r\n", k == 0 ? 33 : 4);
    }
    for (k = 0; k < sizeof proxies / sizeof proxies[0]; k++) {
        memset(options, 0, sizeof options);
        options[0] = (char)(0x30 | k % 4);
        options[2] = (char)200;
        options[3] = (char)(k & 1);
        seed("https", options, 8, proxies[k], strlen(proxies[k]));
        options[0] = (char)(k % 4 | 4);
        seed("https", options, 8, scripts[k % 4], strlen(scripts[k % 4]));
    }
}

#define CALL(id, name, args) "{\"index\":0,\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":\"" args "\"}}"
#define JSON_CALLS(list) "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[" list "]},\"finish_reason\":\"tool_calls\"}]," \
    "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}"
#define SSE_CALLS(list) "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[" list "]}}]}\n\n" \
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n"

/* The key, which begins with its own end, in one delta and cut by several. */
static void key_seeds(void) {
    static const char *const streams[] = {
        DELTA("sk-sk-CANARY-sk-sk-CANARY-sk-sk-CANARX!") "data: [DONE]\n\n",
        DELTA("a sk-sk-sk-CANARY-sk-") DELTA("sk-CANARY-sk-sk-CAN") DELTA("ARX") DELTA(" sk-sk-CANARY-sk") "data: [DONE]\n\n",
        "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"sk-sk-CANARY-sk-sk-CANARX\",\"refusal\":\"sk-sk-CANARY-sk-sk-CANARX\","
        "\"tool_calls\":[{\"index\":0,\"id\":\"sk-sk-CANARY-sk-sk-CANARX\",\"function\":{\"name\":\"sk-sk-CANARY-sk-sk-CANARX\","
        "\"arguments\":\"sk-sk-CANARY-sk-sk-CANARX\"}}]}}]}\n\ndata: [DONE]\n\n"
    };
    size_t i;
    for (i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        seed("stream", "\x00\x04", 2, streams[i], strlen(streams[i]));
        seed("stream", "\x00\x09", 2, streams[i], strlen(streams[i]));
    }
}

static void tools_seeds(void) {
    static const char *const answers[] = {
        JSON_CALLS(CALL("c1", "echo", "{\\\"a\\\":1}") "," CALL("c2", "fail", "")) "\xFE{\"choices\":[{\"message\":{\"content\":\"done\"}}]}",
        JSON_CALLS(CALL("", "none", "[") "," CALL("c2", "stop", "{}")),
        JSON_CALLS(CALL("c1", "echo", "{}")) "\xFE" JSON_CALLS(CALL("c2", "echo", "nonsense")) "\xFE" JSON_CALLS(CALL("c3", "", "1")),
        "{\"choices\":[{\"message\":{\"content\":\"cut\",\"tool_calls\":[" CALL("c1", "echo", "{") "]},\"finish_reason\":\"length\"}]}",
        SSE_CALLS(CALL("c1", "echo", "{\\\"a\\\":")) "\xFE" DELTA("done") "data: [DONE]\n\n",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[" CALL("c1", "echo", "") "]}}]}\n\ndata: {\"choices\":[{\"delta\":{\"tool_calls\":"
        "[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}}]}\n\ndata: [DONE]\n\n\xFE" DELTA("x") "\xFE",
        "{\"error\":{\"message\":\"no\"}}"
    };
    size_t i;
    int k;
    for (i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        int sse = answers[i][0] == 'd';
        for (k = 0; k < 8; k++) {
            char options[4] = {0, 0, 0, 0};
            options[0] = (char)(k | (sse ? 8 : 0) | (k & 1) << 4 | (k % 4) << 5);
            options[1] = (char)(k * 9);
            options[2] = (char)(k == 5 ? 150 : 0);
            options[3] = (char)(k == 6 ? 170 : k == 7 ? 226 : 0);
            seed("tools", options, 4, answers[i], strlen(answers[i]));
        }
    }
}

/* Answers that send the same piece until every limit is passed: what a call holds must not grow with them. */
static void endless_seeds(void) {
    static const char thirty[] = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"thirty bytes of an answer's text\"}}]}\n\n";
    static const char event[] = "thirty bytes of an event's data ";
    static const char args[] = "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"echo\","
        "\"arguments\":\"thirty bytes of a call's arguments\"}}]}}]}\n\n";
    static const char *const pieces[] = {thirty, event, args, "X-Head: thirty bytes of a head's line\r\n"};
    static const char *const heads[] = {OK_HEAD "\xFF" "p\x01", OK_HEAD "data: \xFF" "p\x01", OK_HEAD "\xFF" "p\x01",
                                        "HTTP/1.1 200 OK\r\n\xFF" "p\x01"};
    char options[8], script[1000], big[601];
    size_t i, k;
    memset(options, 0, sizeof options);
    for (i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        snprintf(script, sizeof script, "%s%s\xFF" "x\xFF" "\xFF" "c", heads[i], pieces[i]);
        for (k = 0; k < 4; k++) {
            options[0] = (char)(k | 4);
            seed("call", options, 8, script, strlen(script));
            seed("https", options, 8, script, strlen(script));
        }
        if (i == 3) break;
        seed("stream", "\xE0\x04", 2, pieces[i], strlen(pieces[i]));
        seed("stream", "\xE0\x09", 2, pieces[i], strlen(pieces[i]));
        seed("stream", "\xE8\x04", 2, pieces[i], strlen(pieces[i]));
        seed("tools", "\x0F\x40\0\x9F", 4, pieces[i], strlen(pieces[i]));
        seed("tools", "\x0C\0\0\x9F", 4, pieces[i], strlen(pieces[i]));
    }
    /* ever more rounds with answers that are whole: the conversation of a loop has the limit of a request */
    memset(big, 'x', 600);
    big[600] = 0;
    snprintf(script, sizeof script, "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":"
             "{\"name\":\"echo\",\"arguments\":\"\\\"%s\\\"\"}}]}}]}\n\ndata: [DONE]\n\n", big);
    {
        t_text t = {NULL, 0, 0};
        for (k = 0; k < 7; k++) {
            t_adds(&t, script);
            t_adds(&t, "\xFE");
        }
        seed("tools", "\xEF\0\0\0", 4, t.p, t.n);
        seed("tools", "\xFC\0\0\0", 4, t.p, t.n);
        free(t.p);
    }
}

static void url_seeds(void) {
    static const char *const urls[] = {
        "https://api.openai.com/v1", "http://localhost:8080", "http://127.0.0.1:80/v1/?a=b&c=%20", "https://[::1]:8443/", "http://[2001:db8::192.0.2.1]/x",
        "HTTPS://API.Example.COM.:443/a/b//", "https://user:pw@host/", "http://0x7f.1/", "http://1.2.3.4.5/", "http://host:65536/", "http://-a.b/",
        "http://us%65r:p%40ss@proxy.test:3128/", "a:b@[::1]", "socks5://u:p@host:1080",
        "*.example.com:443, 10.0.0.0/8 [2001:db8::1]:443,2001:db8::/32,.localhost,*", "::ffff:127.0.0.1", "1:2:3:4:5:6:7:8", "255.255.255.255", "fe80::", "01.2.3.4", "http://a_b.localhost/p?q=1#f"
    };
    size_t i;
    for (i = 0; i < sizeof urls / sizeof urls[0]; i++) seed("url", "", 0, urls[i], strlen(urls[i]));
}

/* ---- certificates ---------------------------------------------------------------------------------------------------------- */

static int base64(int c) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c ? strchr(letters, c) : NULL;
    return p ? (int)(p - letters) : -1;
}

/* The certificates of a PEM text one behind the other; each alone as a seed of the walker. */
static void pem_to_der(const char *text, t_text *out) {
    const char *p = text;
    while ((p = strstr(p, "-----BEGIN CERTIFICATE-----")) != NULL) {
        size_t from = out->n;
        unsigned acc = 0;
        int bits = 0;
        for (p += 27; *p && *p != '-'; p++) {
            int v = base64(*p);
            if (v < 0) continue;
            acc = acc << 6 | (unsigned)v;
            bits += 6;
            if (bits >= 8) {
                char c = (char)(acc >> (bits -= 8));
                t_add(out, &c, 1);
            }
        }
        seed("pem", "\x05\x00\x00", 3, out->p + from, out->n - from);
    }
}

static void cert_seeds(const char *folder) {
    char path[600];
    struct dirent *e;
    DIR *d;
    int n = 0;
    snprintf(path, sizeof path, "%s/%s", data_dir, folder);
    d = opendir(path);
    if (!d) exit(1);
    while ((e = readdir(d)) != NULL) {
        t_text der = {NULL, 0, 0};
        size_t size, len = strlen(e->d_name), k;
        char *text, name[400];
        if (len < 4 || strcmp(e->d_name + len - 4, ".pem") != 0) continue;
        snprintf(name, sizeof name, "%s/%s", folder, e->d_name);
        text = data_file(name, &size);
        if (size < 8000) seed("pem", n % 2 ? "\x11\x07\x03" : "\x00\x00\x00", 3, text, size);
        pem_to_der(text, &der);
        for (k = 0; k < 5 && der.n > 0 && der.n < 8000; k++) {
            static const char options[][4] = {"\x00\x00\x00", "\x09\x21\x00", "\x14\x40\x00", "\x02\x03\x01", "\xC0\x00\x00"};
            seed("x509", options[k], 3, der.p, der.n);
        }
        /* a CA that says it is none, and an extension that is not critical */
        for (k = 0; k + 6 < der.n && der.n < 8000; k++) {
            if (memcmp(der.p + k, "\x30\x03\x01\x01\xFF", 5) == 0) der.p[k + 4] = 0;
            else if (memcmp(der.p + k, "\x01\x01\xFF\x04", 4) == 0) der.p[k + 2] = 1;
        }
        if (der.n > 0 && der.n < 8000) seed("x509", "\x00\x07\x00", 3, der.p, der.n);
        n++;
        free(der.p);
        free(text);
    }
    closedir(d);
}

/* A text as the lines of a C string. */
static void c_string(FILE *f, const char *name) {
    char *text = data_file(name, NULL), *p;
    for (p = strtok(text, "\r\n"); p; p = strtok(NULL, "\r\n")) {
        if (!strchr(p, '"') && !strchr(p, '\\')) fprintf(f, "    \"%s\\n\"\n", p);
    }
    free(text);
}

/* The certificate behind the line "# NAME ", as PEM in a copy; free() it. NULL: there is none. */
static char *case_cert(const char *certs, const char *name, size_t n) {
    char mark[60];
    const char *p, *end;
    snprintf(mark, sizeof mark, "\n# %.*s ", (int)n, name);
    p = strstr(certs, mark);
    if (!p || (p = strstr(p, "-----BEGIN")) == NULL || (end = strstr(p, "-----END CERTIFICATE-----\n")) == NULL) return NULL;
    return strndup(p, (size_t)(end + 26 - p));
}

/* The chains of tls/cases.txt. */
static void chain_seeds(void) {
    char *file = data_file("tls/cases.txt", NULL), *certs = data_file("tls/cases_certs.pem", NULL), *line, *save = NULL;
    for (line = strtok_r(file, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        t_text der = {NULL, 0, 0};
        char *p = strchr(line, '|'), *end = p ? strchr(p + 1, '|') : NULL;
        if (line[0] == '#' || !end) continue;
        for (p++; p < end; p += strcspn(p, " |")) {
            char *pem;
            p += strspn(p, " ");
            pem = p < end ? case_cert(certs, p, strcspn(p, " |")) : NULL;
            if (pem) pem_to_der(pem, &der);
            free(pem);
        }
        if (der.n > 0 && der.n < 8000) seed("x509", "\x30\x00\x00", 3, der.p, der.n);
        free(der.p);
    }
    free(certs);
    free(file);
}

static void roots_header(void) {
    static const char *const files[] = {"pki/roots.pem", "tls/roots.pem"};
    /* a good one, and those that may issue no server's certificate, or not the one of this host, or not at any depth */
    static const char *const cases[] = {"r", "not-ca-r", "no-sign-r", "eku-client-r", "nc-r-other", "path0-r"};
    static const char *const servers[] = {"pki/ec.pem", "pki/wrong-name.pem", "pki/expired.pem", "pki/unknown-ca.pem", "pki/client-auth.pem",
                                          "pki/no-intermediate.pem", "pki/self-signed.pem", "pki/cn-only.pem"};
    char path[600];
    char *text, *p;
    size_t i;
    FILE *f;
    snprintf(path, sizeof path, "%s/fuzz_roots.h", out_dir);
    f = fopen(path, "w");
    if (!f) exit(1);
    fprintf(f, "static const char fuzz_roots[] =\n");
    for (i = 0; i < 2; i++) c_string(f, files[i]);
    p = data_file("tls/cases_certs.pem", NULL);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *line;
        text = case_cert(p, cases[i], strlen(cases[i]));
        if (!text) exit(1);
        for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) fprintf(f, "    \"%s\\n\"\n", line);
        free(text);
    }
    free(p);
    text = data_file("pki/pins.txt", NULL);
    p = strstr(text, "leaf-ec ");
    if (!p) exit(1);
    fprintf(f, "    ;\nstatic const char fuzz_pin[] = \"%.*s\";\n", (int)strcspn(p + 8, "\r\n"), p + 8);
    free(text);
    fprintf(f, "enum { FUZZ_SERVERS = %d };\nstatic const char *const fuzz_servers[FUZZ_SERVERS] = {\n", (int)(sizeof servers / sizeof servers[0]));
    for (i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        if (i) fprintf(f, "    ,\n");
        c_string(f, servers[i]);
    }
    fprintf(f, "};\nstatic const char fuzz_root[] =\n");      /* of the good one, alone: it is read at each start */
    c_string(f, "pki/root-ec.pem");
    fprintf(f, "    ;\n");
    fclose(f);
}

/* ---- DNS ------------------------------------------------------------------------------------------------------------------- */

static void packet_seeds(void) {
    char *file = data_file("net/packets.txt", NULL), *line, *save = NULL;
    int n = 0;
    for (line = strtok_r(file, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        t_text t = {NULL, 0, 0};
        char *p = line, options[2];
        int blanks = 0;
        if (*line == '#') continue;
        while (*p && blanks < 4) blanks += *p++ == ' ';      /* case name type id packet .. */
        for (; isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1]); p += 2) {
            char hex[3] = {p[0], p[1], 0}, c = (char)strtol(hex, NULL, 16);
            t_add(&t, &c, 1);
        }
        options[0] = 0;
        options[1] = (char)(n++ % 16);
        if (t.n > 0) seed("dns", options, 2, t.p, t.n);
        free(t.p);
    }
    free(file);
}

static void dns_seeds(void) {
    static const char *const confs[] = {"net/four.conf", "net/odd.conf", "net/search.conf", "net/six.conf", "net/two.conf"};
    static const unsigned char a[] = {   /* an answer with a CNAME and two addresses; the head is made right by the fuzzer */
        0x12, 0x34, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 0,
        3, 'a', 'p', 'i', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0, 0, 1, 0, 1,
        0xC0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, 'x', 0xC0, 16,
        0xC0, 45, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1,
        0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 2};
    size_t n, i;
    char *text = data_file("net/hosts", &n);
    seed("dns", "\x02\x03", 2, text, n < 4000 ? n : 4000);
    free(text);
    seed("dns", "\x02\x01", 2, "192.0.2.1 A.test b # a.test\n::1\ta.test\nfe80::1%lo a.test\n1.2.3 a.test\n", 69);
    for (i = 0; i < sizeof confs / sizeof confs[0]; i++) {
        text = data_file(confs[i], &n);
        seed("dns", "\x03\x02", 2, text, n < 4000 ? n : 4000);
        free(text);
    }
    seed("dns", "\x00\x04", 2, (const char *)a, sizeof a);
    seed("dns", "\x00\x05", 2, (const char *)a, sizeof a);
    packet_seeds();
}

/* A socket that connects at once and cannot be made to wait; ways for system calls to end: mostly good, then each of the failures somewhere. */
static void dial_seeds(void) {
    char no[80];
    unsigned x = 12345, host, k, i;
    for (host = 0; host < 8; host++) {
        for (k = 0; k < 48; k++) {
            char options[3], calls[80];
            options[0] = (char)(host | (k & 3) << 3 | (k & 4) << 3);
            options[1] = (char)(k * 5 + host);
            options[2] = (char)(k == 7 ? 3 : 0);
            for (i = 0; i < sizeof calls; i++) {
                x = x * 1103515245u + 12345u;
                calls[i] = (char)((x >> 16 & 255) < k * 2 ? 240 + (x >> 24 & 15) : x >> 24 & 31);
            }
            seed("dial", options, 3, calls, sizeof calls);
        }
    }
    for (i = 30; i < 50; i++) {              /* a set that cannot be waited for, after so many calls that went well */
        memset(no, 0, i);
        memset(no + i, 0xFE, 4);
        seed("dial", "\x04\x48\0", 3, no, i + 4);
    }
    memset(no, 2, sizeof no);                /* no such name, each time */
    seed("dial", "\x35\x03\0", 3, no, sizeof no);
    seed("dial", "\x34\x07\0", 3, no, sizeof no);
    seed("dial", "\x04\x84\0", 3, "\0", 1);   /* silence, and no descriptor that shows all sockets */
    seed("dial", "\0\0\0", 3, "\0\0\4\xFF", 4);
    seed("dial", "\0\0\0", 3, "\0\0\4\0\xFF", 5);
}

int main(int argc, char **argv) {
    char path[600];
    if (argc != 3) {
        fprintf(stderr, "make_seeds DATA OUT\n");
        return 2;
    }
    data_dir = argv[1];
    out_dir = argv[2];
    snprintf(path, sizeof path, "%s/seeds", out_dir);
    mkdir(path, 0777);
    roots_header();
    json_seeds();
    case_seeds("http/responses.txt", "http", "\x03\x00", 2);
    case_seeds("http/responses.txt", "call", "\x04\x00\x00\x02\0\0\0\0", 8);
    case_seeds("sse/events.txt", "sse", "\x03", 1);
    chat_seeds("chat/accumulate.txt");
    chat_seeds("chat/edges.txt");
    chat_seeds("chat/endings.txt");
    chat_seeds("chat/providers.txt");
    chat_seeds("chat/statuses.txt");
    call_seeds();
    https_seeds();
    key_seeds();
    tools_seeds();
    endless_seeds();
    url_seeds();
    cert_seeds("pki");
    cert_seeds("tls");
    chain_seeds();
    dns_seeds();
    dial_seeds();
    printf("%d seeds\n", written);
    return written > 500 ? 0 : 1;
}

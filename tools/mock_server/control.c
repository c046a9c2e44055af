/* What tests and users ask the server itself: settings, counters, the last requests, wait points. */
#define _POSIX_C_SOURCE 200809L
#include "server.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- settings: "--NAME VALUE" on the command line, "NAME VALUE" in POST /__mock/config ---- */

static int number(const char *s, long low, long high, long *out) {
    char *end;
    long v = strtol(s, &end, 10);
    if (end == s || *end || v < low || v > high) return -1;
    *out = v;
    return 0;
}

static int millis(const char *s, long *us) {
    char *end;
    double v = strtod(s, &end);
    if (end == s || *end || v < 0 || v > 1e7) return -1;
    *us = (long)(v * 1000);
    return 0;
}

static int set_cert(const char *value, buf *error) {
    buf path = {0};
    if (strchr(value, '/'))
        buf_str(&path, value);
    else
        buf_fmt(&path, "%s/%s.pem", srv.folder, value);
    const identity *id = tls_identity(path.p, error);
    buf_free(&path);
    if (!id) return -1;
    srv.set.id = id;
    return 0;
}

static int ending(const char *word, op_kind *out) {
    static const struct {
        const char *word;
        op_kind kind;
    } t[] = {{"fin", OP_FIN}, {"reset", OP_RESET}, {"stall", OP_STALL}, {"close", OP_CLOSE}};
    for (int i = 0; i < 4; i++) {
        if (!strcmp(word, t[i].word)) {
            *out = t[i].kind;
            return 0;
        }
    }
    return -1;
}

/* wire-cut N fin|reset|stall, or off */
static int set_wire_cut(const char *value) {
    char word[16] = "fin";
    long n;
    if (!strcmp(value, "off")) {
        srv.set.wire_cut = -1;
        return 0;
    }
    if (sscanf(value, "%ld %15s", &n, word) < 1 || n < 0) return -1;
    srv.set.wire_cut = n;
    return ending(word, &srv.set.wire_how);
}

/* on-accept fin|reset|stall [COUNT] */
static int set_on_accept(const char *value) {
    char word[16] = "";
    op_kind how;
    long n = 1;
    if (sscanf(value, "%15s %ld", word, &n) < 1 || n < 0 || ending(word, &how)) return -1;
    srv.set.accept_how = (int)how;
    srv.set.accept_count = n;
    return 0;
}

static int set_small(const char *name, const char *value) {
    settings *s = &srv.set;
    long n = 0;
    int bad;
    if (!strcmp(name, "tls-min")) {
        bad = number(value, 10, 12, &n);
        if (!bad) s->tls_min = (int)n;
    } else if (!strcmp(name, "tls-max")) {
        bad = number(value, 10, 12, &n);
        if (!bad) s->tls_max = (int)n;
    } else if (!strcmp(name, "session-cache")) {
        bad = number(value, 0, 1, &n);
        if (!bad) s->session_cache = (int)n;
        tls_cache_clear();
    } else if (!strcmp(name, "tls-alert")) {
        bad = number(value, 0, 255, &n);
        if (!bad) s->tls_alert = (int)n;
    } else if (!strcmp(name, "burst")) {
        bad = number(value, 0, 1, &n);
        if (!bad) s->burst = (int)n;
    } else if (!strcmp(name, "record-max")) {
        bad = number(value, 0, 1 << 20, &n);
        if (!bad) s->record_max = (size_t)n;
    } else if (!strcmp(name, "keepalive-max")) {
        bad = number(value, 0, 1000000, &s->keepalive_max);
    } else if (!strcmp(name, "pace")) {
        bad = millis(value, &s->pace_us);
    } else if (!strcmp(name, "idle-close")) {
        bad = millis(value, &s->idle_us);
    } else {
        return 1;
    }
    return bad;
}

int set_option(const char *name, const char *value, buf *error) {
    int bad = set_small(name, value);
    if (bad == 1) {
        if (!strcmp(name, "cert")) return set_cert(value, error);
        if (!strcmp(name, "wire-cut"))
            bad = set_wire_cut(value);
        else if (!strcmp(name, "on-accept"))
            bad = set_on_accept(value);
        else if (!strcmp(name, "key")) {
            bad = strlen(value) >= sizeof srv.set.key;
            if (!bad) strcpy(srv.set.key, value);
        } else {
            buf_fmt(error, "unknown setting: %s\n", name);
            return -1;
        }
    }
    if (bad) buf_fmt(error, "bad value for %s: %s\n", name, value);
    return bad ? -1 : 0;
}

static void config(const char *body, size_t len, control_answer *a) {
    char *text = mem_str(body, len), *p = text;
    while (p && *p && a->status == 200) {
        char *nl = strchr(p, '\n'), *line = p;
        if (nl) *nl = 0;
        p = nl ? nl + 1 : NULL;
        line[strcspn(line, "\r")] = 0;
        char *value = strchr(line, ' ');
        if (!*line || *line == '#') continue;
        if (value) *value++ = 0;
        if (set_option(line, value ? value : "", &a->body)) a->status = 400;
    }
    free(text);
}

/* ---- counters and requests ---- */

static void put_stats(buf *o) {
    const stats *s = &srv.st;
    const struct {
        const char *name;
        uint64_t n;
    } t[] = {{"connections", s->connections},
             {"http_connections", s->http_connections},
             {"https_connections", s->https_connections},
             {"tls_full", s->tls_full},
             {"tls_resumed", s->tls_resumed},
             {"tls_failed", s->tls_failed},
             {"requests", s->requests},
             {"responses", s->responses},
             {"bad_requests", s->bad_requests},
             {"client_aborts", s->client_aborts},
             {"bytes_in", s->bytes_in},
             {"bytes_out", s->bytes_out},
             {"script_misses", s->script_misses},
             {"script_left", (uint64_t)script_left(srv.sc)},
             {"open", (uint64_t)s->open},
             {"waiting", (uint64_t)s->waiting}};
    buf_str(o, "{");
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        buf_fmt(o, "\"%s\":%llu,", t[i].name, (unsigned long long)t[i].n);
    buf_str(o, "\"bad_reason\":");
    buf_json(o, s->bad_reason, strlen(s->bad_reason));
    buf_str(o, ",\"tls\":");
    buf_json(o, s->tls_last, strlen(s->tls_last));
    buf_str(o, "}\n");
}

/* NAME=value of the query, or NULL; the caller frees it */
static char *query(const char *target, const char *name) {
    const char *p = strchr(target, '?');
    size_t k = strlen(name);
    while (p) {
        p++;
        if (!strncmp(p, name, k) && p[k] == '=') return mem_str(p + k + 1, strcspn(p + k + 1, "&"));
        p = strchr(p, '&');
    }
    return NULL;
}

static const seen *seen_of(const char *target) {
    char *back = query(target, "back");
    unsigned long n = back ? strtoul(back, NULL, 10) : 0;
    free(back);
    if (n >= srv.seen_count || n >= SEEN_MAX) return NULL;
    return &srv.last[(srv.seen_count - 1 - n) % SEEN_MAX];
}

static void put_seen(const seen *s, buf *o) {
    buf_fmt(o, "{\"at_us\":%llu,\"connection\":%lu,\"secure\":%s,\"head\":", (unsigned long long)s->at_us,
            s->conn, s->secure ? "true" : "false");
    buf_json(o, s->head.p, s->head.len);
    buf_fmt(o, ",\"body_length\":%lu,\"body\":", (unsigned long)s->body.len);
    buf_json(o, s->body.p, s->body.len);
    buf_str(o, "}\n");
}

static void last(const char *path, const char *target, control_answer *a) {
    const seen *s = seen_of(target);
    if (!s) {
        a->status = 404;
        buf_str(&a->body, "no such request\n");
    } else if (!strcmp(path, "last")) {
        put_seen(s, &a->body);
    } else {
        const buf *b = !strcmp(path, "last-head") ? &s->head : &s->body;
        a->type = "application/octet-stream";
        buf_put(&a->body, b->p, b->len);
    }
}

static void reset(void) {
    long open = srv.st.open, waiting = srv.st.waiting;
    script_release(srv.sc);
    srv.sc = NULL;
    srv.set = srv.set_at_start;
    memset(&srv.st, 0, sizeof srv.st);
    srv.st.open = open;
    srv.st.waiting = waiting;
    srv.seen_count = 0;
    tls_cache_clear();
    wait_clear();
}

static void load(const char *body, size_t len, control_answer *a) {
    script *s = script_read(body, len, NULL, &a->body);
    if (!s) {
        a->status = 400;
        return;
    }
    script_release(srv.sc);
    srv.sc = s;
    wait_clear();
}

static void go_on(const char *target) {
    char *name = query(target, "name"), *n = query(target, "n");
    wait_continue(name ? name : "", n ? strtol(n, NULL, 10) : 1);
    free(name);
    free(n);
}

void control_request(const char *method, const char *target, const char *body, size_t len,
                     control_answer *a) {
    char path[64];
    int get = !strcmp(method, "GET");
    snprintf(path, sizeof path, "%.*s", (int)strcspn(target + 8, "?"), target + 8);
    if (get && !strcmp(path, "stats"))
        put_stats(&a->body);
    else if (get && !strncmp(path, "last", 4))
        last(path, target, a);
    else if (get)
        a->status = 404;
    else if (!strcmp(path, "reset"))
        reset();
    else if (!strcmp(path, "script"))
        load(body, len, a);
    else if (!strcmp(path, "config"))
        config(body, len, a);
    else if (!strcmp(path, "continue"))
        go_on(target);
    else if (!strcmp(path, "close-idle"))
        conn_close_idle();
    else if (!strcmp(path, "quit"))
        srv.quit = 1;
    else
        a->status = 404;
    if (a->status != 200 && strcmp(a->type, "application/octet-stream")) a->type = "text/plain";
    if (!a->body.len && a->status == 404)
        buf_str(&a->body, "no such control request\n");
    else if (!a->body.len && strcmp(a->type, "application/octet-stream"))
        buf_str(&a->body, "{}\n");
}

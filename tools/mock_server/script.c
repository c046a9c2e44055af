/* The script: a list of exchanges, one directive a line. README.md beside this file has the grammar. */
#define _POSIX_C_SOURCE 200809L
#include "server.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct maker {
    script *s;
    exchange *x;
    const char *folder;
    size_t open[REPEAT_DEPTH]; /* indices of open repeats */
    int open_count;
    chunk_meta meta;
    const char *error;
} maker;

static void fail(maker *m, const char *why) {
    if (!m->error) m->error = why;
}

static op *op_add(maker *m, op_kind kind) {
    exchange *x = m->x;
    op *ops = mem_get((x->op_count + 1) * sizeof *ops);
    if (x->op_count) memcpy(ops, x->ops, x->op_count * sizeof *ops);
    free(x->ops);
    x->ops = ops;
    op *o = &ops[x->op_count++];
    o->kind = kind;
    return o;
}

static void op_data(maker *m, op_kind kind, const char *p, size_t n) {
    op *o = op_add(m, kind);
    o->data = mem_str(p, n);
    o->len = n;
    o->count_mark = m->open_count > 0 && strstr(o->data, "{i}") != NULL;
}

/* C escapes: \n \r \t \\ \xHH; any other backslash stays. */
static void unescape(const char *s, buf *out) {
    buf_put(out, "", 0);
    for (; *s; s++) {
        if (*s != '\\') {
            buf_put(out, s, 1);
            continue;
        }
        unsigned v;
        s++;
        if (*s == 'n')
            buf_put(out, "\n", 1);
        else if (*s == 'r')
            buf_put(out, "\r", 1);
        else if (*s == 't')
            buf_put(out, "\t", 1);
        else if (*s == '\\')
            buf_put(out, "\\", 1);
        else if (*s == 'x' && sscanf(s + 1, "%2x", &v) == 1 && s[1] && s[2]) {
            char c = (char)v;
            buf_put(out, &c, 1);
            s += 2;
        } else {
            buf_put(out, "\\", 1);
            s--;
        }
    }
}

static int whole(maker *m, const char *s, long low, long *out) {
    char *end;
    long v = strtol(s, &end, 10);
    if (end == s || *end || v < low) {
        fail(m, "a number is expected");
        return 0;
    }
    *out = v;
    return 1;
}

/* Cuts the next word off *at; NULL at the end. */
static char *word_next(char **at) {
    char *p = *at;
    if (!p) return NULL;
    char *blank = strchr(p, ' ');
    if (blank) *blank++ = 0;
    *at = blank;
    return p;
}

static long millis(maker *m, const char *s) { /* decimals are fine; in microseconds */
    char *end;
    double v = strtod(s, &end);
    if (end == s || *end || v < 0 || v > 1e7) {
        fail(m, "milliseconds are expected");
        return 0;
    }
    return (long)(v * 1000);
}

static void exchange_add(maker *m, const char *name) {
    exchange *ex = mem_get((m->s->count + 1) * sizeof *ex);
    if (m->s->count) memcpy(ex, m->s->ex, m->s->count * sizeof *ex);
    free(m->s->ex);
    m->s->ex = ex;
    m->x = &ex[m->s->count++];
    if (*name) m->x->name = mem_str(name, strlen(name));
    m->x->length = m->x->cut_at = m->x->idle_us = -1;
    m->x->times = 1;
}

static void event_op(maker *m, const char *text, size_t n) {
    buf b = {0};
    buf_str(&b, "data: ");
    buf_put(&b, text, n);
    buf_str(&b, "\n\n");
    op_data(m, OP_BODY, b.p, b.len);
    buf_free(&b);
}

static void delta_op(maker *m, const char *delta, const char *finish) {
    buf b = {0};
    chat_chunk(&b, &m->meta, 0, delta, finish);
    event_op(m, b.p, b.len);
    buf_free(&b);
}

static void content_op(maker *m, const char *text, size_t n) {
    buf b = {0};
    buf_str(&b, "{\"content\":");
    buf_json(&b, text, n);
    buf_str(&b, "}");
    delta_op(m, b.p, NULL);
    buf_free(&b);
}

/* tool INDEX ID NAME | args INDEX TEXT */
static void tool_op(maker *m, char *rest, int first) {
    char *at = rest;
    char *index = word_next(&at), *id = first ? word_next(&at) : NULL;
    buf b = {0};
    if (!index || !at) {
        fail(m, first ? "tool INDEX ID NAME" : "args INDEX TEXT");
        return;
    }
    buf_fmt(&b, "{\"tool_calls\":[{\"index\":%s,", index);
    if (first) {
        buf_str(&b, "\"id\":");
        buf_json(&b, id, strlen(id));
        buf_str(&b, ",\"type\":\"function\",\"function\":{\"name\":");
        buf_json(&b, at, strlen(at));
        buf_str(&b, ",\"arguments\":\"\"}}]}");
    } else {
        buf_str(&b, "\"function\":{\"arguments\":");
        buf_json(&b, at, strlen(at));
        buf_str(&b, "}}]}");
    }
    delta_op(m, b.p, NULL);
    buf_free(&b);
}

static void usage_op(maker *m, const char *rest) {
    usage u = {0, 0, 0};
    buf b = {0};
    if (sscanf(rest, "%ld %ld %ld", &u.prompt, &u.completion, &u.cached) < 2) {
        fail(m, "usage PROMPT COMPLETION [CACHED]");
        return;
    }
    chat_usage_chunk(&b, &m->meta, &u);
    event_op(m, b.p, b.len);
    buf_free(&b);
}

static void file_op(maker *m, const char *path) {
    buf b = {0}, full = {0};
    if (*path != '/' && m->folder) buf_fmt(&full, "%s/", m->folder);
    buf_str(&full, path);
    if (file_read(full.p, &b))
        fail(m, "the file cannot be read");
    else
        op_data(m, OP_BODY, b.p ? b.p : "", b.len);
    buf_free(&b);
    buf_free(&full);
}

static int step_text(maker *m, const char *word, char *rest, size_t n) {
    buf b = {0};
    if (!strcmp(word, "body"))
        op_data(m, OP_BODY, rest, n);
    else if (!strcmp(word, "event"))
        event_op(m, rest, n);
    else if (!strcmp(word, "chunk"))
        content_op(m, rest, n);
    else if (!strcmp(word, "raw")) {
        unescape(rest, &b);
        op_data(m, OP_RAW, b.p, b.len);
    } else if (!strcmp(word, "xbody")) {
        unescape(rest, &b);
        op_data(m, OP_BODY, b.p, b.len);
    } else if (!strcmp(word, "xevent")) {
        unescape(rest, &b);
        event_op(m, b.p, b.len);
    } else if (!strcmp(word, "xchunk")) {
        unescape(rest, &b);
        content_op(m, b.p, b.len);
    } else if (!strcmp(word, "role"))
        delta_op(m, "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}", NULL);
    else if (!strcmp(word, "tool"))
        tool_op(m, rest, 1);
    else if (!strcmp(word, "args"))
        tool_op(m, rest, 0);
    else if (!strcmp(word, "finish"))
        delta_op(m, "{}", *rest ? rest : "stop");
    else if (!strcmp(word, "usage"))
        usage_op(m, rest);
    else if (!strcmp(word, "done"))
        event_op(m, "[DONE]", 6);
    else if (!strcmp(word, "body-file"))
        file_op(m, rest);
    else
        return 0;
    buf_free(&b);
    return 1;
}

static op_kind ending(const char *word) {
    return !strcmp(word, "cut") ? OP_FIN : !strcmp(word, "reset") ? OP_RESET : OP_STALL;
}

static int step_flow(maker *m, const char *word, const char *rest) {
    exchange *x = m->x;
    if (!strcmp(word, "head"))
        op_add(m, OP_HEAD);
    else if (!strcmp(word, "brain"))
        op_add(m, OP_BRAIN);
    else if (!strcmp(word, "close"))
        op_add(m, OP_CLOSE);
    else if (!strcmp(word, "delay")) {
        long us = millis(m, rest);
        op_add(m, OP_DELAY)->num = us;
    } else if (!strcmp(word, "wait"))
        op_data(m, OP_WAIT, rest, strlen(rest));
    else if (!strcmp(word, "cut") || !strcmp(word, "reset") || !strcmp(word, "stall")) {
        if (!*rest)
            op_add(m, ending(word));
        else if (whole(m, rest, 0, &x->cut_at))
            x->cut_kind = ending(word);
    } else if (!strcmp(word, "repeat")) {
        long n = 0;
        whole(m, rest, 0, &n);
        if (m->open_count == REPEAT_DEPTH)
            fail(m, "repeats nested too deep");
        else
            m->open[m->open_count++] = x->op_count;
        op_add(m, OP_REPEAT)->num = n;
    } else if (!strcmp(word, "end-repeat")) {
        if (!m->open_count) {
            fail(m, "end-repeat without repeat");
            return 1;
        }
        size_t from = m->open[--m->open_count];
        x->ops[from].jump = x->op_count;
        op_add(m, OP_END)->jump = from;
    } else
        return 0;
    return 1;
}

static void splits(maker *m, char *rest) {
    char *word;
    while ((word = word_next(&rest)) != NULL) {
        exchange *x = m->x;
        long at;
        if (!*word) continue;
        if (!whole(m, word, 1, &at)) return;
        if (x->split_count && x->split[x->split_count - 1] >= at) {
            fail(m, "split offsets must ascend");
            return;
        }
        long *grown = realloc(x->split, (x->split_count + 1) * sizeof *grown);
        if (!grown) abort();
        x->split = grown;
        x->split[x->split_count++] = at;
    }
}

static void set_status(maker *m, const char *rest) {
    char *end;
    long v = strtol(rest, &end, 10);
    if (v < 100 || v > 999) {
        fail(m, "a status is 100 to 999");
        return;
    }
    m->x->status = (int)v;
    m->x->reason = mem_str(*end ? end + 1 : end, *end ? strlen(end + 1) : 0);
}

static void set_framing(maker *m, const char *rest) {
    static const struct {
        const char *word;
        framing f;
    } words[] = {
        {"length", FRAME_LENGTH}, {"chunked", FRAME_CHUNKED}, {"close", FRAME_CLOSE}, {"none", FRAME_NONE}};
    for (int i = 0; i < 4; i++) {
        if (!strcmp(rest, words[i].word)) {
            m->x->frame = words[i].f;
            return;
        }
    }
    fail(m, "framing is length, chunked, close or none");
}

static int setting(maker *m, const char *word, char *rest) {
    exchange *x = m->x;
    long n = 0;
    if (!strcmp(word, "method"))
        x->method = mem_str(rest, strlen(rest));
    else if (!strcmp(word, "path"))
        x->path = mem_str(rest, strlen(rest));
    else if (!strcmp(word, "times"))
        x->times = !strcmp(rest, "always") ? -1 : whole(m, rest, 1, &n) ? n : 1;
    else if (!strcmp(word, "status"))
        set_status(m, rest);
    else if (!strcmp(word, "header"))
        buf_fmt(&x->headers, "%s\r\n", rest);
    else if (!strcmp(word, "plain-head"))
        x->plain_head = 1;
    else if (!strcmp(word, "framing"))
        set_framing(m, rest);
    else if (!strcmp(word, "content-length"))
        whole(m, rest, 0, &x->length);
    else if (!strcmp(word, "chunk-size"))
        x->chunk_max = whole(m, rest, 1, &n) ? (size_t)n : 0;
    else if (!strcmp(word, "chunk-ext"))
        x->chunk_ext = mem_str(rest, strlen(rest));
    else if (!strcmp(word, "trailer"))
        buf_fmt(&x->trailers, "%s\r\n", rest);
    else if (!strcmp(word, "early"))
        x->early = 1;
    else if (!strcmp(word, "split"))
        splits(m, rest);
    else if (!strcmp(word, "split-every"))
        whole(m, rest, 1, &x->split_every);
    else if (!strcmp(word, "split-delay"))
        x->split_us = millis(m, rest);
    else if (!strcmp(word, "idle-close"))
        x->idle_us = millis(m, rest);
    else
        return 0;
    return 1;
}

static void exchange_end(maker *m) {
    exchange *x = m->x;
    if (!x) return;
    if (m->open_count) fail(m, "repeat without end-repeat");
    int flow = 0, body = 0, thinks = 0;
    for (size_t i = 0; i < x->op_count; i++) {
        op_kind k = x->ops[i].kind;
        thinks |= k == OP_BRAIN;
        body |= k == OP_BODY;
        flow |= k == OP_BODY && (x->ops[i].len > 6 && !memcmp(x->ops[i].data, "data: ", 6));
    }
    if (thinks && body) fail(m, "brain stands alone: no body steps beside it");
    if (x->frame == FRAME_AUTO && !thinks) x->frame = flow ? FRAME_CHUNKED : FRAME_LENGTH;
    x->sse = flow;
    x->brain = thinks;
    if (thinks && x->early) fail(m, "brain needs the body: not with early");
    if (!x->status && !thinks) x->status = 200;
    m->x = NULL;
    m->open_count = 0;
}

/* body <<WORD: lines up to WORD. Returns where reading goes on. */
static const char *here_document(maker *m, const char *word, const char *p, const char *end, long *line) {
    buf b = {0};
    buf_put(&b, "", 0);
    size_t k = strlen(word);
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t n = nl ? (size_t)(nl - p) : (size_t)(end - p);
        const char *next = nl ? nl + 1 : end;
        ++*line;
        if (n == k && !memcmp(p, word, k)) {
            op_data(m, OP_BODY, b.p, b.len);
            buf_free(&b);
            return next;
        }
        buf_put(&b, p, (size_t)(next - p));
        p = next;
    }
    buf_free(&b);
    fail(m, "the end of the <<text is missing");
    return p;
}

static void directive(maker *m, char *text) {
    char *rest = text + strcspn(text, " ");
    size_t n;
    if (*rest) *rest++ = 0;
    n = strlen(rest);
    if (!strcmp(text, "exchange")) {
        exchange_end(m);
        exchange_add(m, rest);
    } else if (!m->x) {
        fail(m, "a script begins with: exchange [NAME]");
    } else if (!setting(m, text, rest) && !step_flow(m, text, rest) && !step_text(m, text, rest, n)) {
        fail(m, "unknown directive");
    }
}

script *script_read(const char *text, size_t len, const char *folder, buf *error) {
    maker m;
    memset(&m, 0, sizeof m);
    m.s = mem_get(sizeof *m.s);
    m.s->refs = 1;
    m.folder = folder;
    strcpy(m.meta.id, "chatcmpl-script");
    strcpy(m.meta.model, "mock");
    m.meta.created = 1760000000;
    const char *p = text, *end = text + len;
    long line = 0;
    while (p < end && !m.error) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        const char *stop = nl ? nl : end;
        while (p < stop && (*p == ' ' || *p == '\t')) p++;
        size_t n = (size_t)(stop - p);
        if (n && p[n - 1] == '\r') n--;
        char *copy = mem_str(p, n);
        p = nl ? nl + 1 : end;
        line++;
        if (m.x && !strncmp(copy, "body <<", 7) && copy[7])
            p = here_document(&m, copy + 7, p, end, &line);
        else if (n && copy[0] != '#')
            directive(&m, copy);
        free(copy);
    }
    if (!m.error) exchange_end(&m);
    if (m.error) {
        buf_fmt(error, "line %ld: %s\n", line, m.error);
        script_release(m.s);
        return NULL;
    }
    return m.s;
}

void script_release(script *s) {
    if (!s || --s->refs > 0) return;
    for (size_t i = 0; i < s->count; i++) {
        exchange *x = &s->ex[i];
        for (size_t k = 0; k < x->op_count; k++) free(x->ops[k].data);
        free(x->ops);
        free(x->name);
        free(x->method);
        free(x->path);
        free(x->reason);
        free(x->chunk_ext);
        free(x->split);
        buf_free(&x->headers);
        buf_free(&x->trailers);
    }
    free(s->ex);
    free(s);
}

/* The next exchange of the scenario `name` (NULL = the unnamed ones) that takes this request. *used_up: there
   were some. only_early: it is taken only if it answers before the body. */
exchange *script_find(script *s, const char *name, const char *method, const char *path, int only_early,
                      int *used_up) {
    *used_up = 0;
    for (size_t i = 0; s && i < s->count; i++) {
        exchange *x = &s->ex[i];
        if (name ? !x->name || strcmp(x->name, name) : x->name != NULL) continue;
        if (x->method && strcmp(x->method, method)) continue;
        if (x->path && strcmp(x->path, path)) continue;
        if (x->times < 0 || x->used < x->times) {
            if (only_early && !x->early) return NULL;
            x->used++;
            return x;
        }
        *used_up = 1;
    }
    return NULL;
}

long script_left(const script *s) {
    long n = 0;
    for (size_t i = 0; s && i < s->count; i++) {
        if (s->ex[i].times > 0) n += s->ex[i].times - s->ex[i].used;
    }
    return n;
}

void op_text(const op *o, long i, buf *out) {
    const char *p = o->data, *mark;
    if (!o->count_mark) {
        buf_put(out, p, o->len);
        return;
    }
    while ((mark = strstr(p, "{i}")) != NULL) {
        buf_put(out, p, (size_t)(mark - p));
        buf_fmt(out, "%ld", i);
        p = mark + 3;
    }
    buf_put(out, p, o->len - (size_t)(p - o->data));
}

size_t script_length(const exchange *x) {
    long i[REPEAT_DEPTH];
    int depth = 0;
    size_t sum = 0;
    buf b = {0};
    for (size_t pc = 0; pc < x->op_count; pc++) {
        const op *o = &x->ops[pc];
        if (o->kind == OP_REPEAT) {
            if (o->num == 0)
                pc = o->jump;
            else
                i[depth++] = 0;
        } else if (o->kind == OP_END) {
            if (++i[depth - 1] < x->ops[o->jump].num)
                pc = o->jump;
            else
                depth--;
        } else if (o->kind == OP_BODY) {
            if (!o->count_mark) {
                sum += o->len;
                continue;
            }
            b.len = 0;
            op_text(o, depth ? i[depth - 1] : 0, &b);
            sum += b.len;
        }
    }
    buf_free(&b);
    return sum;
}

/* A strict JSON reader (RFC 8259, UTF-8 checked, names unique) into a table of nodes. */
#include "server.h"
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 512

typedef struct reader {
    jdoc *d;
    const char *s;
    size_t n, i;
} reader;

static int fail(reader *r, const char *why) {
    if (!r->d->error) {
        r->d->error = why;
        r->d->at = r->i;
    }
    return 0;
}

static void blanks(reader *r) {
    while (r->i < r->n && strchr(" \t\r\n", r->s[r->i]) && r->s[r->i]) r->i++;
}

static int hex4(const char *p, unsigned *out) {
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        unsigned x;
        if (c >= '0' && c <= '9')
            x = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            x = (unsigned)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            x = (unsigned)(c - 'A' + 10);
        else
            return 0;
        v = v * 16 + x;
    }
    *out = v;
    return 1;
}

/* Past the opening quote; leaves i behind the closing one. */
static int string(reader *r, const char **text, size_t *len) {
    size_t start = r->i;
    while (r->i < r->n && r->s[r->i] != '"') {
        unsigned char c = (unsigned char)r->s[r->i];
        unsigned u;
        if (c < 0x20) return fail(r, "control character in a string");
        if (c == '\\') {
            if (r->i + 1 >= r->n) return fail(r, "string without an end");
            char e = r->s[r->i + 1];
            if (e == 'u') {
                if (r->i + 6 > r->n || !hex4(r->s + r->i + 2, &u)) return fail(r, "bad \\u escape");
                r->i += 6;
            } else if (e && strchr("\"\\/bfnrt", e)) {
                r->i += 2;
            } else {
                return fail(r, "bad escape");
            }
            continue;
        }
        int k = utf8_len((const unsigned char *)r->s + r->i, r->n - r->i);
        if (!k) return fail(r, "invalid UTF-8");
        r->i += (size_t)k;
    }
    if (r->i >= r->n) return fail(r, "string without an end");
    *text = r->s + start;
    *len = r->i - start;
    r->i++;
    return 1;
}

static int digits(reader *r) {
    size_t start = r->i;
    while (r->i < r->n && r->s[r->i] >= '0' && r->s[r->i] <= '9') r->i++;
    return r->i > start;
}

static int number(reader *r) {
    if (r->s[r->i] == '-') r->i++;
    if (r->i < r->n && r->s[r->i] == '0')
        r->i++;
    else if (!digits(r))
        return fail(r, "bad number");
    if (r->i < r->n && r->s[r->i] == '.') {
        r->i++;
        if (!digits(r)) return fail(r, "bad number");
    }
    if (r->i < r->n && (r->s[r->i] == 'e' || r->s[r->i] == 'E')) {
        r->i++;
        if (r->i < r->n && (r->s[r->i] == '+' || r->s[r->i] == '-')) r->i++;
        if (!digits(r)) return fail(r, "bad number");
    }
    return 1;
}

static int node_add(jdoc *d, int parent, jtype type) {
    if (d->count == d->cap) {
        int cap = d->cap ? d->cap * 2 : 64;
        jnode *n = mem_get((size_t)cap * sizeof *n);
        if (d->count) memcpy(n, d->n, (size_t)d->count * sizeof *n);
        free(d->n);
        d->n = n;
        d->cap = cap;
    }
    int k = d->count++;
    jnode *x = &d->n[k];
    x->type = type;
    x->parent = parent;
    x->child = x->last = x->next = -1;
    if (parent >= 0) {
        jnode *p = &d->n[parent];
        if (p->last >= 0)
            d->n[p->last].next = k;
        else
            p->child = k;
        p->last = k;
        p->count++;
    }
    return k;
}

static int scalar(reader *r, jnode *x) {
    static const struct {
        const char *word;
        jtype type;
    } words[] = {{"null", J_NULL}, {"false", J_FALSE}, {"true", J_TRUE}};
    char c = r->s[r->i];
    size_t start = r->i;
    if (c == '"') {
        r->i++;
        x->type = J_STR;
        return string(r, &x->text, &x->len);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        x->type = J_NUM;
        if (!number(r)) return 0;
        x->text = r->s + start;
        x->len = r->i - start;
        return 1;
    }
    for (int i = 0; i < 3; i++) {
        size_t k = strlen(words[i].word);
        if (r->n - r->i >= k && memcmp(r->s + r->i, words[i].word, k) == 0) {
            x->type = words[i].type;
            x->text = r->s + start;
            x->len = k;
            r->i += k;
            return 1;
        }
    }
    return fail(r, "unexpected character");
}

static int same_name(const jdoc *d, int parent, const char *key, size_t len) {
    for (int k = d->n[parent].child; k >= 0; k = d->n[k].next) {
        if (d->n[k].key_len == len && memcmp(d->n[k].key, key, len) == 0) return 1;
    }
    return 0;
}

static int member_name(reader *r, int parent, const char **key, size_t *len) {
    if (r->i >= r->n || r->s[r->i] != '"') return fail(r, "a member needs a name");
    r->i++;
    if (!string(r, key, len)) return 0;
    if (r->d->n[parent].count < 256 && same_name(r->d, parent, *key, *len))
        return fail(r, "a name occurs twice");
    blanks(r);
    if (r->i >= r->n || r->s[r->i] != ':') return fail(r, "':' expected");
    r->i++;
    blanks(r);
    return 1;
}

/* After a value: closes what ends here. Returns the container that goes on, -1 at the end, -2 on error. */
static int after_value(reader *r, int at, int *depth) {
    for (;;) {
        if (at < 0) return -1;
        blanks(r);
        if (r->i >= r->n) return fail(r, "text ends inside a value") - 2;
        char c = r->s[r->i++];
        jnode *x = &r->d->n[at];
        if (c == ',') {
            blanks(r);
            return at;
        }
        if (c != (x->type == J_OBJ ? '}' : ']')) return fail(r, "',' or an end expected") - 2;
        x->len = (size_t)(r->s + r->i - x->text);
        --*depth;
        at = x->parent;
    }
}

int json_read(jdoc *d, const char *s, size_t n) {
    reader r = {d, s, n, 0};
    int at = -1, depth = 0;
    memset(d, 0, sizeof *d);
    blanks(&r);
    for (;;) {
        const char *key = NULL;
        size_t key_len = 0;
        if (at >= 0 && d->n[at].type == J_OBJ && !member_name(&r, at, &key, &key_len)) return 0;
        if (r.i >= n) return fail(&r, "a value is missing");
        int k = node_add(d, at, J_NULL);
        d->n[k].key = key;
        d->n[k].key_len = key_len;
        char c = s[r.i];
        if (c == '{' || c == '[') {
            d->n[k].type = c == '{' ? J_OBJ : J_ARR;
            d->n[k].text = s + r.i++;
            if (++depth > DEPTH_MAX) return fail(&r, "nested too deep");
            blanks(&r);
            if (r.i < n && s[r.i] == (c == '{' ? '}' : ']')) {
                r.i++;
                d->n[k].len = (size_t)(s + r.i - d->n[k].text);
                depth--;
            } else {
                at = k;
                continue;
            }
        } else if (!scalar(&r, &d->n[k])) {
            return 0;
        }
        at = after_value(&r, at, &depth);
        if (at == -2) return 0;
        if (at == -1) break;
    }
    blanks(&r);
    if (r.i < n) return fail(&r, "bytes after the JSON text");
    return 1;
}

void json_free(jdoc *d) {
    free(d->n);
    d->n = NULL;
    d->count = d->cap = 0;
}

const jnode *json_child(const jdoc *d, const jnode *node) {
    return node && node->child >= 0 ? &d->n[node->child] : NULL;
}

const jnode *json_next(const jdoc *d, const jnode *node) {
    return node && node->next >= 0 ? &d->n[node->next] : NULL;
}

const jnode *json_get(const jdoc *d, const jnode *object, const char *name) {
    size_t k = strlen(name);
    if (!object || object->type != J_OBJ) return NULL;
    for (const jnode *x = json_child(d, object); x; x = json_next(d, x)) {
        if (x->key_len == k && memcmp(x->key, name, k) == 0) return x;
    }
    return NULL;
}

static void put_code_point(buf *out, unsigned u) {
    char c[4];
    if (u < 0x80) {
        c[0] = (char)u;
        buf_put(out, c, 1);
    } else if (u < 0x800) {
        c[0] = (char)(0xc0 | u >> 6);
        c[1] = (char)(0x80 | (u & 63));
        buf_put(out, c, 2);
    } else if (u < 0x10000) {
        c[0] = (char)(0xe0 | u >> 12);
        c[1] = (char)(0x80 | (u >> 6 & 63));
        c[2] = (char)(0x80 | (u & 63));
        buf_put(out, c, 3);
    } else {
        c[0] = (char)(0xf0 | u >> 18);
        c[1] = (char)(0x80 | (u >> 12 & 63));
        c[2] = (char)(0x80 | (u >> 6 & 63));
        c[3] = (char)(0x80 | (u & 63));
        buf_put(out, c, 4);
    }
}

void json_text(const jnode *x, buf *out) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    buf_put(out, "", 0);
    for (size_t i = 0; x && x->type == J_STR && i < x->len;) {
        unsigned u = 0, v = 0;
        if (x->text[i] != '\\') {
            buf_put(out, x->text + i++, 1);
            continue;
        }
        char e = x->text[i + 1];
        if (e != 'u') {
            const char *p = strchr(from, e);
            buf_put(out, p ? to + (p - from) : x->text + i + 1, 1);
            i += 2;
            continue;
        }
        hex4(x->text + i + 2, &u);
        i += 6;
        if (u >= 0xd800 && u < 0xdc00 && i + 6 <= x->len && x->text[i] == '\\' && x->text[i + 1] == 'u' &&
            hex4(x->text + i + 2, &v) && v >= 0xdc00 && v < 0xe000) {
            u = 0x10000 + ((u - 0xd800) << 10) + (v - 0xdc00);
            i += 6;
        }
        put_code_point(out, u >= 0xd800 && u < 0xe000 ? 0xfffd : u);
    }
}

int json_is(const jnode *x, const char *text) {
    size_t k = strlen(text);
    return x && x->type == J_STR && x->len == k && memcmp(x->text, text, k) == 0;
}

double json_num(const jnode *x, double otherwise) {
    char t[64];
    if (!x || x->type != J_NUM || x->len >= sizeof t) return otherwise;
    memcpy(t, x->text, x->len);
    t[x->len] = 0;
    return strtod(t, NULL);
}

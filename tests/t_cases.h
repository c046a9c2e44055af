/* t_cases.h - golden event logs kept as text files, and feeding a parser at every split. After t.h.
   A file is a list of cases; lines starting with '#' are comments:
       == name (RFC section or reason)
       | text        input: the text and CR LF
       > text        input: the text alone
       * 30 text     input: the text 30 times
       = line        expected log, line by line
   In the input \r \n \t \0 \\ \xHH stand for their bytes. */
#ifndef T_CASES_H
#define T_CASES_H

typedef struct t_text { char *p; size_t n, cap; } t_text;

static inline void t_add(t_text *t, const char *p, size_t n) {
    if (t->n + n + 1 > t->cap) {
        t->cap = (t->n + n + 1) * 2;
        t->p = (char *)realloc(t->p, t->cap);
        if (!t->p) exit(1);
    }
    memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = 0;
}

static inline void t_adds(t_text *t, const char *s) {
    t_add(t, s, strlen(s));
}

/* The bytes so that they can stand in a log line. */
static inline void t_add_escaped(t_text *t, const char *p, size_t n) {
    size_t i;
    char b[8];
    for (i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == '\n') t_adds(t, "\\n");
        else if (c == '\r') t_adds(t, "\\r");
        else if (c == '\t') t_adds(t, "\\t");
        else if (c == '\\') t_adds(t, "\\\\");
        else if (c >= 0x20 && c < 0x7F) t_add(t, p + i, 1);
        else {
            snprintf(b, sizeof b, "\\x%02X", c);
            t_adds(t, b);
        }
    }
}

static inline void t_add_raw(t_text *t, const char *p, const char *end) {
    while (p < end) {
        char c = *p++;
        if (c == '\\' && p < end) {
            c = *p++;
            if (c == 'r') c = '\r';
            else if (c == 'n') c = '\n';
            else if (c == 't') c = '\t';
            else if (c == '0') c = 0;
            else if (c == 'x') {
                char hex[3] = {p[0], p[1], 0};
                c = (char)strtoul(hex, NULL, 16);
                p += 2;
            }
        }
        t_add(t, &c, 1);
    }
}

typedef struct t_block { char name[160]; t_text input, wanted; } t_block;

/* Reads the case at *at and moves it; 0 at the end of the file. */
static inline int t_next_block(const char **at, t_block *b) {
    const char *p = *at;
    b->input.n = b->wanted.n = 0;
    t_add(&b->input, "", 0);
    t_add(&b->wanted, "", 0);
    while (*p && strncmp(p, "== ", 3) != 0) p = strchr(p, '\n') ? strchr(p, '\n') + 1 : p + strlen(p);
    if (!*p) return 0;
    snprintf(b->name, sizeof b->name, "%.*s", (int)strcspn(p + 3, "\n"), p + 3);
    p += strcspn(p, "\n");
    while (*p == '\n' && strncmp(p, "\n== ", 4) != 0) {
        const char *end, *text;
        p++;
        end = p + strcspn(p, "\n");
        text = p + (end - p > 2 ? 2 : end - p);
        if (*p == '|') {
            t_add_raw(&b->input, text, end);
            t_add(&b->input, "\r\n", 2);
        } else if (*p == '>') {
            t_add_raw(&b->input, text, end);
        } else if (*p == '*') {
            char *rest;
            long n = strtol(text, &rest, 10);
            while (n-- > 0) t_add_raw(&b->input, rest + 1, end);
        } else if (*p == '=') {
            t_add(&b->wanted, text, (size_t)(end - text));
            t_add(&b->wanted, "\n", 1);
        } else if (*p && *p != '#' && *p != '\n') {
            fprintf(stderr, "case \"%s\": a line starts with '%c'\n", b->name, *p);
            exit(1);
        }
        p = end;
    }
    *at = *p ? p + 1 : p;
    return 1;
}

/* Where fed bytes are put: flush against a page that cannot be read. */
static char *t_edge;
static inline const char *t_at_edge(const char *p, size_t n) {
    enum { MOST = 1 << 20 };
    if (!t_edge) {
        char *zero = (char *)calloc(1, MOST);
        if (!zero) exit(1);
        t_edge = t_guarded(zero, MOST) + MOST;
        free(zero);
    }
    if (n > MOST) exit(1);
    if (n) memcpy(t_edge - n, p, n);
    return t_edge - n;
}
#endif

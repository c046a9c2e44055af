/* t_canary.h - no key and no prompt comes out of the library, in any suite: t.h includes this, so that it needs no doing.
   Every key that a suite gives to a client, a proxy's password and every text that is asked are noted as they pass. From then on no eight
   consecutive characters of a key may be in a log line or an error, no twelve in an event or a response (a server may
   count to 9), and of no prompt, tool's result or answer the first 64 bytes, or all of it if it is shorter, in a log line;
   fewer than eight bytes are no more than a word. run.sh looks for the keys in all that the suite prints.

   A suite that lets a server say a part of a key, which nobody can use, says so: t_canary_parts_ok = 1 until it is over.
   A LLM_LOG of the suite's own calls t_log() too. The functions that the suites call instead are in t_wrap.h. */
#ifndef T_CANARY_H
#define T_CANARY_H

enum { T_PART = 8, T_PART_SAID = 12, T_PROMPTS = 128, T_SAID = 8, T_PROMPT_PART = 64, T_KEY_MAX = 400, T_LOG_NEAR = 4096 };

typedef struct t_key_text { char text[T_KEY_MAX]; size_t n; } t_key_text;
typedef struct t_prompt_text { char text[T_PROMPT_PART]; size_t n; } t_prompt_text;
static t_key_text *t_keys;                         /* all that there were */
static t_prompt_text t_prompts[T_PROMPTS];         /* the last ones */
static t_prompt_text t_said[T_SAID];               /* what the last events said */
static int t_key_count, t_key_cap, t_prompt_count, t_prompt_next, t_said_next;
static unsigned char t_key_begins[65536];          /* two bytes that begin a part of a key */
static unsigned char t_key_parts[65536];           /* a sum of the eight of one */
static int t_canary_parts_ok;                      /* 1: events and responses may hold a part of a key */
static long t_log_lines;
static char t_log_tail[65536];                     /* the last lines, for what is asked of them later */
static size_t t_log_n;

static inline unsigned t_part_sum(const char *p) {
    unsigned h = 0;
    int i;
    for (i = 0; i < T_PART; i++) h = h * 31 + (unsigned char)p[i];
    return (h ^ h >> 16) & 65535;
}

/* The first `part` consecutive characters of a key in p[0..n) (0: a whole key), or NULL. */
static inline const char *t_find_key(const char *p, size_t n, size_t part) {
    size_t i, k;
    int s;
    for (i = 0; i + T_PART <= n; i++) {
        if (!t_key_begins[(unsigned char)p[i] | (unsigned)(unsigned char)p[i + 1] << 8]) continue;
        if (!t_key_parts[t_part_sum(p + i)]) continue;
        for (s = 0; s < t_key_count; s++) {
            size_t len = part == 0 || part > t_keys[s].n ? t_keys[s].n : part;
            for (k = 0; k + len <= t_keys[s].n; k++) {
                if (n - i >= len && memcmp(p + i, t_keys[s].text + k, len) == 0) return p + i;
            }
        }
    }
    return NULL;
}

/* What is found is not shown. */
static inline void t_leak(const char *what, const char *where) {
    t_failed++;
    fprintf(stderr, "LEAK: %s in %s%s%s\n", what, where, t_case[0] ? ", " : "", t_case);
}

static inline void t_no_key_n(const char *p, size_t n, size_t part, const char *where) {
    if (t_key_count > 0 && p != NULL && t_find_key(p, n, part) != NULL) t_leak("a key", where);
}

/* Of what a server said. */
static inline void t_no_key(const char *s, size_t n, const char *where) {
    t_no_key_n(s, n, t_canary_parts_ok ? 0 : T_PART_SAID, where);
}

static inline void t_no_key_s(const char *s, const char *where) {
    if (s != NULL) t_no_key(s, strlen(s), where);
}

static inline int t_holds_text(const char *p, size_t n, const char *s, size_t len) {
    return len >= T_PART && n >= len && memmem(p, n, s, len) != NULL;
}

static void t_forget_keys(void) {                  /* a leak checker counts them otherwise */
    free(t_keys);
}

static inline void t_note_key(const char *key) {
    size_t n, k;
    int i;
    if (key == NULL) return;
    while (*key == ' ' || *key == '\t' || *key == '\n' || *key == '\r') key++;
    n = strcspn(key, " \t\r\n");
    if (n < T_PART) return;      /* too short to be told from a word: the header says so */
    if (n > T_KEY_MAX) n = T_KEY_MAX;
    for (i = 0; i < t_key_count; i++) {
        if (t_keys[i].n == n && memcmp(t_keys[i].text, key, n) == 0) return;
    }
    if (t_key_count == t_key_cap) {
        if (t_keys == NULL) (void)atexit(t_forget_keys);
        t_key_cap = t_key_cap ? 2 * t_key_cap : 64;
        t_keys = (t_key_text *)realloc(t_keys, (size_t)t_key_cap * sizeof *t_keys);
        if (t_keys == NULL) abort();
    }
    memcpy(t_keys[t_key_count].text, key, n);
    t_keys[t_key_count++].n = n;
    for (k = 0; k + T_PART <= n; k++) {
        t_key_begins[(unsigned char)key[k] | (unsigned)(unsigned char)key[k + 1] << 8] = 1;
        t_key_parts[t_part_sum(key + k)] = 1;
    }
    if (getenv("T_KEYS_FILE") != NULL) {              /* for run.sh */
        FILE *f = fopen(getenv("T_KEYS_FILE"), "a");
        if (f) {
            fprintf(f, "%.*s\n", (int)n, key);
            fclose(f);
        }
    }
}

/* User and password of a proxy: the password as it is written and as it is meant, and both as they are sent, in base64. */
static inline void t_note_proxy(const char *proxy) {
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char plain[200], sent[300];
    const char *start, *at = NULL, *p;
    size_t n = 0, k = 0, i;
    if (proxy == NULL) return;
    start = strstr(proxy, "://") != NULL ? strstr(proxy, "://") + 3 : proxy;
    for (p = start; *p != 0 && *p != '/'; p++) {
        if (*p == '@') at = p;
    }
    if (at == NULL || (size_t)(at - start) >= sizeof plain) return;
    for (p = start; p < at; p++) {
        char hex[3] = {0, 0, 0};
        if (*p == '%' && at - p > 2) {
            memcpy(hex, p + 1, 2);
            plain[n++] = (char)strtoul(hex, NULL, 16);
            p += 2;
        } else {
            plain[n++] = *p;
        }
    }
    plain[n] = 0;
    for (i = 0; i + 3 <= n; i += 3) {
        unsigned v = (unsigned)(unsigned char)plain[i] << 16 | (unsigned)(unsigned char)plain[i + 1] << 8 | (unsigned char)plain[i + 2];
        size_t b;
        for (b = 0; b < 4; b++) sent[k++] = set[v >> (18 - 6 * b) & 63];
    }
    sent[k] = 0;
    t_note_key(sent);
    if (strchr(plain, ':') != NULL) t_note_key(strchr(plain, ':') + 1);
    p = (const char *)memchr(start, ':', (size_t)(at - start));
    if (p != NULL) {
        memcpy(sent, p + 1, (size_t)(at - p - 1));
        sent[at - p - 1] = 0;
        t_note_key(sent);
    }
}

static inline void t_note_prompt_n(const char *s, size_t n) {
    int i;
    if (s == NULL || n < T_PART) return;
    if (n > T_PROMPT_PART) n = T_PROMPT_PART;
    for (i = 0; i < t_prompt_count; i++) {
        if (t_prompts[i].n == n && memcmp(t_prompts[i].text, s, n) == 0) return;
    }
    i = t_prompt_next++ % T_PROMPTS;
    memcpy(t_prompts[i].text, s, n);
    t_prompts[i].n = n;
    if (t_prompt_count < T_PROMPTS) t_prompt_count++;
}

static inline void t_note_prompt(const char *s) {
    if (s != NULL) t_note_prompt_n(s, strlen(s));
}

/* An answer that is known must not be in the last `near` bytes of the log (0: in all that is kept). */
static inline void t_no_answer_in_log_n(const char *s, size_t n, size_t near) {
    size_t from = near > 0 && t_log_n > near ? t_log_n - near : 0;
    if (n > T_PROMPT_PART) n = T_PROMPT_PART;
    if (s != NULL && t_holds_text(t_log_tail + from, t_log_n - from, s, n)) t_leak("an answer", "the log");
}

/* What an event says: not in the log before it, nor in the lines that follow. */
static inline void t_note_said(const char *s, size_t n) {
    t_prompt_text *t;
    if (s == NULL || n < T_PART) return;
    t_no_answer_in_log_n(s, n, T_LOG_NEAR);
    t = &t_said[t_said_next++ % T_SAID];
    t->n = n < T_PROMPT_PART ? n : T_PROMPT_PART;
    memcpy(t->text, s, t->n);
}

/* Every log line comes here, from a LLM_LOG of the suite's own too. */
static inline void t_log(int level, const char *p, size_t n) {
    size_t i;
    int s;
    (void)level;
    t_log_lines++;
    if (t_key_count > 0 && t_find_key(p, n, T_PART) != NULL) t_leak("a key", "a log line");
    for (s = 0; s < t_prompt_count; s++) {
        if (t_holds_text(p, n, t_prompts[s].text, t_prompts[s].n)) t_leak("a prompt", "a log line");
    }
    for (s = 0; s < T_SAID; s++) {
        if (t_holds_text(p, n, t_said[s].text, t_said[s].n)) t_leak("an answer", "a log line");
    }
    for (i = 0; i < n; i++) {
        if ((unsigned char)p[i] < 0x20) t_leak("a control character", "a log line");
    }
    if (p[n] != 0) t_leak("no NUL", "a log line");
    if (n + 1 >= sizeof t_log_tail) return;
    if (t_log_n + n + 1 >= sizeof t_log_tail) t_log_n = 0;
    memcpy(t_log_tail + t_log_n, p, n);
    t_log_tail[t_log_n + n] = '\n';
    t_log_n += n + 1;
}

#endif

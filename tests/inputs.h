/* inputs.h - data/inputs.txt, the bad inputs by name, for the suites that run them: what | input | status | words.
   Rows whose `what` is live need real sockets and belong to test_live_mock.c, all others to test_inputs.c. After
   t_cases.h. */
#ifndef INPUTS_H
#define INPUTS_H

enum { IN_CAP = 400, IN_ROWS = 400 };

typedef struct in_row {
    char what[40], input[IN_CAP], status[40], words[IN_CAP], line[100];
    int done; /* a suite has run it */
} in_row;

static in_row in_list[IN_ROWS];
static int in_count;

static inline void in_strip(char *out, size_t cap, const char *p, size_t n) {
    while (n && (*p == ' ' || *p == '\t')) p++, n--;
    while (n && (p[n - 1] == ' ' || p[n - 1] == '\t')) n--;
    if (n >= cap) {
        fprintf(stderr, "data/inputs.txt: too long: %.*s\n", (int)n, p);
        exit(1);
    }
    memcpy(out, p, n);
    out[n] = 0;
}

/* The end of the field at p: a bar with blanks around it, or the end of the line. */
static inline const char *in_field(const char *p, const char *line, const char *end) {
    while (p < end && !(p[0] == '|' && (p + 1 == end || p[1] == ' ') && (p == line || p[-1] == ' '))) p++;
    return p;
}

static inline void in_read_row(const char *line, const char *end) {
    in_row *r = &in_list[in_count++];
    char *out[4];
    size_t cap[4];
    const char *p = line, *q;
    int i;
    if (in_count == IN_ROWS) exit(1);
    out[0] = r->what, cap[0] = sizeof r->what;
    out[1] = r->input, cap[1] = sizeof r->input;
    out[2] = r->status, cap[2] = sizeof r->status;
    out[3] = r->words, cap[3] = sizeof r->words;
    for (i = 0; i < 4; i++, p = q + 1) {
        q = in_field(p, line, end);
        in_strip(out[i], cap[i], p, (size_t)(q - p));
        if ((q == end) != (i == 3)) {
            fprintf(stderr, "data/inputs.txt: not a line of four: %.*s\n", (int)(end - line), line);
            exit(1);
        }
    }
    snprintf(r->line, sizeof r->line, "%.*s", (int)(end - line < 99 ? end - line : 99), line);
}

static inline void in_read(void) {
    char *text = t_read_file("data/inputs.txt", NULL), *p = text, *end;
    for (; *p; p = *end ? end + 1 : end) {
        end = p + strcspn(p, "\n");
        if (*p != '#' && p != end) in_read_row(p, end);
    }
    free(text);
}

/* Every word of the row stands in the text. A row for an error has to name at least one. */
static inline void in_check_words(const in_row *r, const char *words, const char *text) {
    const char *p = words;
    if (strcmp(r->status, "LLM_OK") != 0 && !CHECK(*p != 0)) fprintf(stderr, "    the text is: %s\n", text);
    while (*p) {
        char word[IN_CAP];
        size_t n = strcspn(p, ";");
        in_strip(word, sizeof word, p, n);
        if (strstr(text, word))
            t_passed++;
        else
            t_check_str(text, word, "the text holds the words", __FILE__, __LINE__);
        p += n + (p[n] == ';');
    }
}

static inline int in_check_status(const in_row *r, llm_status s, const llm_error *e) {
    if (!t_check_str(llm_status_name(s), r->status, "the status", __FILE__, __LINE__)) {
        fprintf(stderr, "    the message is: %s\n", e->message);
        return 0;
    }
    if (s < 0) CHECK_INT(e->status, s);
    return 1;
}

static inline void in_check(const in_row *r, llm_status s, const llm_error *e) {
    if (in_check_status(r, s, e) && s < 0) in_check_words(r, r->words, e->message);
}

/* No row of this suite was left out. */
static inline void in_check_done(int live) {
    int i, rows = 0;
    for (i = 0; i < in_count; i++) {
        if ((strcmp(in_list[i].what, "live") == 0) != live) continue;
        rows++;
        t_case = in_list[i].line;
        CHECK(in_list[i].done);
    }
    t_case = "";
    CHECK(rows > 0);
}
#endif

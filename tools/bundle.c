/*
 * bundle.c: puts the needed part of BearSSL into llm_openai.h, so that one file is the whole library.
 *
 *   bundle HEADER OUT          HEADER with BearSSL between its markers; only the files that it needs
 *   bundle --all OUT           all of BearSSL through the same transformations, alone (tests compile this)
 *   bundle --rename FILE OUT   a program that uses BearSSL's names, made to fit the output of --all
 *   before these may stand:    --bearssl DIR (unpacked source), --unaligned (turns on BearSSL's unaligned
 *                              accesses, which break C's aliasing rules: for the one test that must fail)
 *
 * What happens to the source:
 *   - Files are chosen by following br_ names from HEADER through functions, inline functions and macros. The
 *     preprocessor is not asked, so the choice is the same on every platform. BearSSL keeps one function per
 *     file, so whole files are the right grain.
 *   - Conditions that hang on fixed macros (fixed_macros below) are resolved and dead branches are left out:
 *     no code for an operating system, for POWER8, or for unaligned access remains.
 *   - br_ becomes llmi_br_, BR_ becomes LLMI_BR_; a name that one file keeps to itself also gets the file's
 *     name. Macros of one file are undefined after it, all others at the end of HEADER's implementation.
 *   - Every function and object gets internal linkage on its first declaration: "static" in C, a namespace
 *     without a name in C++. Declarations of what is left out are left out, others stand under the #if of the
 *     definition.
 *   - The T0 interpreters share one context type: upstream reads one struct type through another, which
 *     separate object files hide and one translation unit does not.
 *   - C++ gets the pointer casts that C does without.
 *   - Cortex-M0, M3 and M23 get the code whose time does not depend on secrets there (short_products below).
 *   - The largest curve is P-384 where LLM_TLS_SMALL says that there is no P-521.
 *   - Comments go, except those that mark a case that falls through. The licence is kept.
 */
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory and messages ------------------------------------------------------------------------------- */

static void fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("bundle: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/* Nothing is freed: the program is over in a moment. */
static void *grow(void *old, size_t size) {
    void *p = realloc(old, size ? size : 1);
    if (!p) {
        fail("out of memory");
    }
    return p;
}

static char *copy_part(const char *s, size_t n) {
    char *p = grow(NULL, n + 1);
    memcpy(p, s, n);
    p[n] = 0;
    return p;
}

static char *join(const char *a, const char *b, const char *c) {
    size_t la = strlen(a), lb = strlen(b), lc = strlen(c);
    char *p = grow(NULL, la + lb + lc + 1);
    memcpy(p, a, la);
    memcpy(p + la, b, lb);
    memcpy(p + la + lb, c, lc + 1);
    return p;
}

typedef struct text {
    char *s;
    size_t n, cap;
} text;

static void add_part(text *t, const char *s, size_t n) {
    if (t->cap - t->n <= n) {
        t->cap = (t->cap + n + 64) * 2;
        t->s = grow(t->s, t->cap);
    }
    memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = 0;
}

static void add(text *t, const char *s) {
    add_part(t, s, strlen(s));
}

static int starts(const char *s, const char *with) {
    return strncmp(s, with, strlen(with)) == 0;
}

static int ends(const char *s, const char *with) {
    size_t n = strlen(s), m = strlen(with);
    return n >= m && strcmp(s + n - m, with) == 0;
}

static char *read_file(const char *path) {
    text t = {NULL, 0, 0};
    char part[65536];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f) {
        fail("cannot open %s", path);
    }
    add(&t, "");
    while ((n = fread(part, 1, sizeof part, f)) > 0) {
        add_part(&t, part, n);
    }
    if (ferror(f)) {
        fail("cannot read %s", path);
    }
    fclose(f);
    return t.s;
}

/* ---- a map from strings to strings; also serves as a set ----------------------------------------------- */

typedef struct entry {
    const char *key, *value;
    struct entry *next;
} entry;

typedef struct map {
    entry *bucket[1024];
} map;

static entry **find_place(map *m, const char *key) {
    unsigned h = 5381;
    const char *s;
    entry **e;
    for (s = key; *s; s++) {
        h = h * 33 + (unsigned char)*s;
    }
    for (e = &m->bucket[h % 1024]; *e && strcmp((*e)->key, key) != 0; e = &(*e)->next) {
    }
    return e;
}

static const char *get(map *m, const char *key) {
    entry *e = *find_place(m, key);
    return e ? e->value : NULL;
}

static void put(map *m, const char *key, const char *value) {
    entry **place = find_place(m, key);
    if (!*place) {
        *place = grow(NULL, sizeof **place);
        (*place)->key = key;
        (*place)->next = NULL;
    }
    (*place)->value = value;
}

static map *new_map(void) {
    map *m = grow(NULL, sizeof *m);
    memset(m, 0, sizeof *m);
    return m;
}

/* ---- tokens -------------------------------------------------------------------------------------------- */

typedef enum token_kind {
    SPACE,   /* blanks, line ends, and comments where they are not kept */
    COMMENT, /* only with keep_comments, and the ones that mark a fall-through */
    LITERAL, /* string or character constant */
    NAME,
    NUMBER,
    PUNCT,    /* one character, or "->" or "##" */
    DIRECTIVE /* a whole preprocessor line with its continuation lines, without the line end */
} token_kind;

typedef struct token {
    token_kind kind;
    const char *s;
} token;

typedef struct tokens {
    token *at;
    size_t n, cap;
} tokens;

static void push(tokens *t, token_kind kind, const char *s) {
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 256;
        t->at = grow(t->at, t->cap * sizeof *t->at);
    }
    t->at[t->n].kind = kind;
    t->at[t->n].s = s;
    t->n++;
}

static int is_name_char(int c) {
    return isalnum(c) || c == '_';
}

static int is(const token *t, const char *s) {
    return t->kind != LITERAL && strcmp(t->s, s) == 0;
}

static size_t comment_length(const char *s) {
    const char *e;
    if (s[1] == '/') {
        return strcspn(s, "\n");
    }
    e = strstr(s + 2, "*/");
    if (!e) {
        fail("a comment is not closed");
    }
    return (size_t)(e + 2 - s);
}

static int is_comment(const char *s) {
    return s[0] == '/' && (s[1] == '*' || s[1] == '/');
}

/* Also true for a longer comment that has the words in it, as long as it is a short one. */
static int marks_fall_through(const char *s, size_t n) {
    size_t i;
    for (i = 0; n < 60 && i + 12 <= n; i++) {
        if ((s[i] == 'f' || s[i] == 'F') && starts(s + i + 1, "all through")) {
            return 1;
        }
    }
    return 0;
}

static size_t literal_length(const char *s) {
    size_t n = 1;
    while (s[n] && s[n] != s[0] && s[n] != '\n') {
        n += s[n] == '\\' && s[n + 1] ? 2 : 1;
    }
    return s[n] ? n + 1 : n;
}

/* The logical line at s, its comments replaced by a blank. */
static size_t read_directive(const char *s, int keep_comments, text *out) {
    size_t n = 0, m;
    add(out, "");
    while (s[n] && s[n] != '\n') {
        if (is_comment(s + n) && !keep_comments) {
            n += comment_length(s + n);
            add(out, " ");
            continue;
        }
        m = s[n] == '\\' && s[n + 1] ? 2 : 1;
        if (is_comment(s + n)) {
            m = comment_length(s + n);
        } else if (s[n] == '"' || s[n] == '\'') {
            m = literal_length(s + n);
        }
        add_part(out, s + n, m);
        n += m;
    }
    while (out->n && isspace((unsigned char)out->s[out->n - 1])) {
        out->s[--out->n] = 0;
    }
    return n;
}

static tokens lex(const char *s, int keep_comments, int directives) {
    tokens out = {NULL, 0, 0};
    int line_start = directives;
    size_t n;
    while (*s) {
        token_kind kind = PUNCT;
        n = 1;
        if (isspace((unsigned char)*s)) {
            kind = SPACE;
            n = strspn(s, " \t\r\n\v\f");
            line_start = directives && (line_start || memchr(s, '\n', n));
        } else if (is_comment(s)) {
            n = comment_length(s);
            kind = COMMENT;
            if (!keep_comments) {
                int marks = marks_fall_through(s, n);
                push(&out, marks ? COMMENT : SPACE, marks ? "/* fall through */" : " ");
                s += n;
                continue;
            }
        } else if (*s == '#' && line_start) {
            text line = {NULL, 0, 0};
            s += read_directive(s, keep_comments, &line);
            push(&out, DIRECTIVE, line.s);
            continue;
        } else {
            line_start = 0;
            if (*s == '"' || *s == '\'') {
                kind = LITERAL;
                n = literal_length(s);
            } else if (isalpha((unsigned char)*s) || *s == '_') {
                kind = NAME;
                while (is_name_char((unsigned char)s[n])) {
                    n++;
                }
            } else if (isdigit((unsigned char)*s)) {
                kind = NUMBER;
                while (is_name_char((unsigned char)s[n]) || s[n] == '.') {
                    n++;
                }
            } else if (starts(s, "->") || starts(s, "##")) {
                n = 2;
            }
        }
        push(&out, kind, copy_part(s, n));
        s += n;
    }
    return out;
}

static void print_tokens(text *out, const tokens *t, size_t from, size_t to) {
    for (; from < to; from++) {
        add(out, t->at[from].s);
    }
}

/* The next token from i on that is neither blank nor comment. */
static size_t skip_blank(const tokens *t, size_t i) {
    while (i < t->n && (t->at[i].kind == SPACE || t->at[i].kind == COMMENT)) {
        i++;
    }
    return i;
}

/* A copy without blanks and comments, ended by some empty tokens so that looking ahead is safe. */
static tokens significant(const tokens *t, size_t from, size_t to) {
    tokens out = {NULL, 0, 0};
    size_t i;
    for (i = from; i < to; i++) {
        if (t->at[i].kind != SPACE && t->at[i].kind != COMMENT && t->at[i].kind != DIRECTIVE) {
            push(&out, t->at[i].kind, t->at[i].s);
        }
    }
    for (i = 0; i < 8; i++) {
        push(&out, PUNCT, "");
    }
    out.n -= 8;
    return out;
}

/* Splits "#  word rest" and returns the word; *rest is what follows it. */
static const char *directive_word(const char *line, const char **rest) {
    size_t n;
    line++;
    line += strspn(line, " \t");
    n = strspn(line, "abcdefghijklmnopqrstuvwxyz");
    *rest = line + n + strspn(line + n, " \t");
    return copy_part(line, n);
}

/* The macro that a directive defines, or NULL. */
static const char *defined_macro(const char *line) {
    const char *rest;
    size_t n = 0;
    if (strcmp(directive_word(line, &rest), "define") != 0) {
        return NULL;
    }
    while (is_name_char((unsigned char)rest[n])) {
        n++;
    }
    return copy_part(rest, n);
}

/* ---- conditions that hang on fixed macros -------------------------------------------------------------- */

static struct {
    const char *name;
    int value;
} fixed_macros[] = {
    {"BR_LE_UNALIGNED", 0}, /* first: --unaligned sets it */
    {"BR_BE_UNALIGNED", 0},   {"BR_ENABLE_INTRINSICS", 1}, {"BR_POWER8", 0},         {"BR_POWER8_LE", 0},
    {"BR_POWER8_BE", 0},      {"BR_POWER_ASM_MACROS", 0},  {"BR_RDRAND", 0},         {"BR_USE_URANDOM", 0},
    {"BR_USE_WIN32_RAND", 0}, {"BR_USE_UNIX_TIME", 0},     {"BR_USE_WIN32_TIME", 0},
};

static const char *const undefined_macros[] = {"__cplusplus", "BR_DOXYGEN_IGNORE", "INNER_H__", "CONFIG_H__"};

static int is_undefined_macro(const char *name) {
    size_t i;
    for (i = 0; i < sizeof undefined_macros / sizeof undefined_macros[0]; i++) {
        if (strcmp(name, undefined_macros[i]) == 0) {
            return 1;
        }
    }
    return starts(name, "BR_BEARSSL_") && ends(name, "_H__");
}

static int is_fixed_macro(const char *name, int *value) {
    size_t i;
    for (i = 0; i < sizeof fixed_macros / sizeof fixed_macros[0]; i++) {
        if (strcmp(name, fixed_macros[i].name) == 0) {
            *value = fixed_macros[i].value;
            return 1;
        }
    }
    *value = 0;
    return is_undefined_macro(name);
}

/* 0, 1, or UNKNOWN with what is left to ask the compiler */
#define UNKNOWN 2

typedef struct answer {
    int value;
    const char *condition;
} answer;

static answer known(int value) {
    answer a;
    a.value = value;
    a.condition = value ? "1" : "0";
    return a;
}

static answer unknown(const char *condition) {
    answer a;
    a.value = UNKNOWN;
    a.condition = condition;
    return a;
}

static answer eval_or(const tokens *t, size_t *i);

static answer eval_unary(const tokens *t, size_t *i) {
    int value;
    answer a;
    const token *now = &t->at[*i];
    if (is(now, "!")) {
        ++*i;
        a = eval_unary(t, i);
        return a.value == UNKNOWN ? unknown(join("!", a.condition, "")) : known(!a.value);
    }
    if (is(now, "(")) {
        ++*i;
        a = eval_or(t, i);
        ++*i;
        return a.value == UNKNOWN ? unknown(join("(", a.condition, ")")) : a;
    }
    ++*i;
    if (is(now, "defined")) {
        int paren = is(&t->at[*i], "(");
        const char *name = t->at[*i + (size_t)paren].s;
        *i += paren ? 3 : 1;
        if (is_fixed_macro(name, &value)) {
            return known(!is_undefined_macro(name));
        }
        return unknown(join("defined ", name, ""));
    }
    if (now->kind == NAME && is_fixed_macro(now->s, &value)) {
        return known(value);
    }
    if (is(now, "0") || is(now, "1")) {
        return known(is(now, "1"));
    }
    return unknown(now->s);
}

/* A comparison or sum is not looked into: its text is taken as it stands. */
static answer eval_compare(const tokens *t, size_t *i) {
    size_t from = *i;
    int depth = 0;
    answer a = eval_unary(t, i);
    text whole = {NULL, 0, 0};
    if (*i >= t->n || is(&t->at[*i], "&") || is(&t->at[*i], "|") || is(&t->at[*i], ")")) {
        return a;
    }
    for (; *i < t->n; ++*i) {
        const token *now = &t->at[*i];
        if (depth == 0 && (is(now, "&") || is(now, "|") || is(now, ")"))) {
            break;
        }
        depth += is(now, "(") ? 1 : is(now, ")") ? -1 : 0;
    }
    for (; from < *i; from++) {
        const token *next = &t->at[from + 1];
        int two = from + 1 < *i && t->at[from].kind == PUNCT && next->kind == PUNCT &&
                  strchr("<>=!", t->at[from].s[0]);
        add(&whole, t->at[from].s);
        if (from + 1 < *i && !two && !is(&t->at[from], "(") && !is(next, ")")) {
            add(&whole, " ");
        }
    }
    return unknown(whole.s);
}

/* Joins operands by op; `strong` is the value that decides (1 for ||, 0 for &&). */
static answer eval_chain(const tokens *t, size_t *i, answer (*operand)(const tokens *, size_t *),
                         const char *op, int strong) {
    answer all = operand(t, i);
    while (*i < t->n && t->at[*i].s[0] == op[0]) {
        answer next;
        *i += 2;
        next = operand(t, i);
        if (all.value == strong || next.value == strong) {
            all = known(strong);
        } else if (all.value == UNKNOWN && next.value == UNKNOWN) {
            all = unknown(join(all.condition, join(" ", op, " "), next.condition));
        } else if (all.value != UNKNOWN) {
            all = next;
        }
    }
    return all;
}

static answer eval_and(const tokens *t, size_t *i) {
    return eval_chain(t, i, eval_compare, "&&", 0);
}

static answer eval_or(const tokens *t, size_t *i) {
    return eval_chain(t, i, eval_and, "||", 1);
}

static answer eval_condition(const char *word, const char *rest) {
    text flat = {NULL, 0, 0};
    tokens raw, t;
    size_t i = 0;
    if (strcmp(word, "ifdef") == 0 || strcmp(word, "ifndef") == 0) {
        add(&flat, word[2] == 'd' ? "defined " : "!defined ");
    }
    add(&flat, rest);
    for (i = 0; i < flat.n; i++) {
        if (flat.s[i] == '\\' || flat.s[i] == '\n') {
            flat.s[i] = ' ';
        }
    }
    raw = lex(flat.s, 0, 0);
    t = significant(&raw, 0, raw.n);
    i = 0;
    return eval_or(&t, &i);
}

typedef struct level {
    int outer_live; /* the code around this #if stays */
    int live;       /* the code here stays */
    int decided;    /* a branch that is surely taken was seen: the rest goes */
    int written;    /* an #if was written, so #else and #endif must be too */
} level;

static const char *resolve_branch(level *l, const char *word, const char *rest) {
    answer a;
    if (!l->outer_live || l->decided) {
        l->live = 0;
        return NULL;
    }
    if (strcmp(word, "else") == 0) {
        l->live = 1;
        l->decided = 1;
        return l->written ? "#else" : NULL;
    }
    a = eval_condition(word, rest);
    l->live = a.value != 0;
    l->decided = a.value == 1;
    if (a.value != UNKNOWN) {
        return a.value && l->written ? "#else" : NULL;
    }
    word = l->written ? "#elif " : "#if ";
    l->written = 1;
    return join(word, a.condition, "");
}

/* Resolves conditions, removes what is surely left out, and lines about fixed macros and include guards. */
static tokens resolve_conditions(const tokens *in, const char *path) {
    tokens out = {NULL, 0, 0};
    level stack[64];
    size_t i, depth = 0;
    stack[0].live = 1;
    for (i = 0; i < in->n; i++) {
        const char *line = in->at[i].s, *word, *rest;
        int value;
        level *l = &stack[depth];
        if (in->at[i].kind != DIRECTIVE) {
            if (l->live) {
                push(&out, in->at[i].kind, line);
            }
            continue;
        }
        word = directive_word(line, &rest);
        if (starts(word, "if")) {
            if (++depth == 64) {
                fail("%s: conditions are nested too deep", path);
            }
            stack[depth].outer_live = l->live;
            stack[depth].decided = stack[depth].written = 0;
            line = resolve_branch(&stack[depth], word, rest);
        } else if (strcmp(word, "elif") == 0 || strcmp(word, "else") == 0) {
            line = resolve_branch(l, word, rest);
        } else if (strcmp(word, "endif") == 0) {
            line = l->written ? "#endif" : NULL;
            depth--;
        } else if (!l->live || (defined_macro(line) && is_fixed_macro(defined_macro(line), &value))) {
            line = NULL;
        }
        if (line) {
            push(&out, DIRECTIVE, line);
        }
    }
    if (depth) {
        fail("%s: an #if is not closed", path);
    }
    return out;
}

/* ---- the source as file-scope units -------------------------------------------------------------------- */

typedef enum unit_kind {
    FUNCTION, /* with its body */
    PROTOTYPE,
    OBJECT, /* a definition */
    EXTERN, /* a declaration of an object */
    TYPE
} unit_kind;

typedef struct unit {
    unit_kind kind;
    size_t from, to; /* tokens; `to` is one past the closing ; or } */
    const char *name, *tag;
    const char *size;      /* OBJECT: number of elements, if an array */
    const char *condition; /* of the #if around it, or "" */
    int is_static;
} unit;

typedef struct source {
    const char *path, *stem; /* "src/ec/ec_prime_i31.c", "ec_prime_i31" */
    tokens t;
    unit *unit;
    size_t units;
    map local;           /* names that the file keeps to itself -> their new names */
    const char **macros; /* all that it defines */
    size_t macro_count;
    int keep;
} source;

static source *sources; /* the .c files */
static size_t source_count;
static source *headers; /* in the order in which they go out */
static size_t header_count;

static map owner_of;       /* name of a function or object -> path of its .c file */
static map condition_of;   /* the same -> "condition" under which it is defined */
static map size_of;        /* name of an array -> its number of elements */
static map inline_text;    /* name of an inline function or macro of a header -> its text */
static map header_private; /* a name in the headers that has no br_ prefix -> its new name */
static map member_type; /* name of a pointer member of a struct -> type that it points to, "" if ambiguous */
static map needed;

static const char t0_struct[] = "struct { uint32_t * dp ; uint32_t * rp ; const unsigned char * ip ; }";

static const char *words(const tokens *s, size_t from, size_t to) {
    text t = {NULL, 0, 0};
    add(&t, "");
    for (; from < to; from++) {
        add(&t, s->at[from].s);
        if (from + 1 < to) {
            add(&t, " ");
        }
    }
    return t.s;
}

/* The number of initialisers between the braces that start at s->at[i]. */
static const char *count_elements(const tokens *s, size_t i) {
    int depth = 0, commas = 0, something = 0;
    char number[32];
    for (; i < s->n; i++) {
        if (is(&s->at[i], "{") || is(&s->at[i], "(")) {
            depth++;
        } else if (is(&s->at[i], "}") || is(&s->at[i], ")")) {
            if (--depth == 0) {
                break;
            }
        } else if (is(&s->at[i], ",") && depth == 1) {
            commas++;
            something = 0;
            continue;
        }
        if (depth > 1 || !is(&s->at[i], "{")) {
            something = 1; /* a last comma may stand after the last element */
        }
    }
    sprintf(number, "%d", commas + something);
    return copy_part(number, strlen(number));
}

static size_t find(const tokens *s, const char *what) {
    size_t i;
    for (i = 0; i < s->n && !is(&s->at[i], what); i++) {
    }
    return i;
}

/* Names a function: the word before the parentheses that end at s->at[end]. */
static const char *function_name(const tokens *s, size_t end) {
    int depth = 0;
    do {
        depth += is(&s->at[end], ")") ? 1 : is(&s->at[end], "(") ? -1 : 0;
    } while (depth && end--);
    return end && end < s->n ? s->at[end - 1].s : "";
}

/* Whether "static" stands outside all parentheses before the first { or =. */
static int says_static(const tokens *s) {
    size_t i;
    int depth = 0;
    for (i = 0; i < s->n && !is(&s->at[i], "{") && !is(&s->at[i], "="); i++) {
        depth += is(&s->at[i], "(") ? 1 : is(&s->at[i], ")") ? -1 : 0;
        if (depth == 0 && is(&s->at[i], "static")) {
            return 1;
        }
    }
    return 0;
}

/* Fills in kind and name of the unit whose tokens are s. */
static void classify(unit *u, const tokens *s) {
    size_t brace = find(s, "{"), equal = find(s, "="), paren = find(s, "("), square = find(s, "["), i;
    u->is_static = says_static(s);
    u->name = u->tag = u->size = NULL;
    u->kind = TYPE;
    if (equal < brace) {
        u->kind = OBJECT;
        i = square < equal ? square : equal;
        u->name = s->at[i - 1].s;
        if (square < equal) {
            u->size =
                is(&s->at[square + 1], "]") ? count_elements(s, equal + 1) : words(s, square + 1, square + 2);
        }
    } else if (is(&s->at[0], "typedef")) {
        /* the last name, or the one in "(*name)(...)" */
        for (i = 0; i + 2 < s->n && !(is(&s->at[i], "(") && is(&s->at[i + 1], "*") && brace == s->n); i++) {
        }
        u->name = i + 2 < s->n ? s->at[i + 2].s : s->at[s->n - 2].s;
        if (is(&s->at[s->n - 2], ")") && brace == s->n && i + 2 >= s->n) {
            u->name = function_name(s, s->n - 2);
        }
        if (brace < s->n && brace == 3) {
            u->tag = s->at[2].s;
        }
    } else if (brace < s->n && brace && is(&s->at[brace - 1], ")")) {
        u->kind = FUNCTION;
        u->name = function_name(s, brace - 1);
    } else if (brace == s->n && paren < s->n && s->n > 2 && is(&s->at[s->n - 2], ")")) {
        u->kind = PROTOTYPE;
        u->name = function_name(s, s->n - 2);
    } else if (is(&s->at[0], "extern") && brace == s->n) {
        u->kind = EXTERN;
        u->name = s->at[(square < s->n ? square : s->n - 1) - 1].s;
    } else if (brace < s->n && brace < 3) {
        u->tag = s->at[brace - 1].s;
    } else if (u->is_static && s->n > 2) {
        u->kind = OBJECT;
        u->name = s->at[(square < s->n ? square : s->n - 1) - 1].s;
    }
}

/* The conditions of the open #ifs, joined. */
static const char *all_conditions(const char *const *open, size_t depth) {
    text t = {NULL, 0, 0};
    size_t i;
    add(&t, "");
    for (i = 0; i < depth; i++) {
        if (depth > 1) {
            add(&t, i ? " && (" : "(");
        }
        add(&t, open[i]);
        if (depth > 1) {
            add(&t, ")");
        }
    }
    return t.s;
}

static void follow_directive(const char *line, const char **open, size_t *depth) {
    const char *rest, *word = directive_word(line, &rest);
    if (starts(word, "if")) {
        open[(*depth)++] = rest;
    } else if (strcmp(word, "elif") == 0) {
        open[*depth - 1] = join(join("!(", open[*depth - 1], ") && ("), rest, ")");
    } else if (strcmp(word, "else") == 0) {
        open[*depth - 1] = join("!(", open[*depth - 1], ")");
    } else if (strcmp(word, "endif") == 0) {
        --*depth;
    }
}

static void add_unit(source *f, unit *u) {
    tokens s = significant(&f->t, u->from, u->to);
    classify(u, &s);
    f->unit = grow(f->unit, (f->units + 1) * sizeof *f->unit);
    f->unit[f->units++] = *u;
}

static void split_into_units(source *f) {
    const char *open[64];
    size_t i, open_count = 0;
    int depth = 0, started = 0, code = 0;
    unit u;
    memset(&u, 0, sizeof u);
    for (i = 0; i < f->t.n; i++) {
        const token *now = &f->t.at[i];
        if (now->kind == DIRECTIVE) {
            follow_directive(now->s, open, &open_count);
            continue;
        }
        if (now->kind == SPACE || now->kind == COMMENT) {
            continue;
        }
        if (!started) {
            u.from = i;
            started = 1;
            code = 0;
        }
        if (is(now, "{")) {
            if (depth++ == 0) {
                tokens before = significant(&f->t, u.from, i);
                code = before.n && is(&before.at[before.n - 1], ")") && find(&before, "=") == before.n;
                u.condition = all_conditions(open, open_count);
            }
        } else if (is(now, "}")) {
            depth--;
        }
        if (depth == 0 && (is(now, ";") || (is(now, "}") && code))) {
            if (is(now, ";")) {
                u.condition = all_conditions(open, open_count);
            }
            u.to = i + 1;
            add_unit(f, &u);
            started = 0;
        }
    }
}

/* ---- pointer casts that C++ asks for ------------------------------------------------------------------- */

static int is_type_word(const char *s) {
    static const char *const basic[] = {"char",     "int",      "unsigned", "size_t",
                                        "uint16_t", "uint32_t", "uint64_t"};
    size_t i;
    for (i = 0; i < sizeof basic / sizeof basic[0]; i++) {
        if (strcmp(s, basic[i]) == 0) {
            return 1;
        }
    }
    return starts(s, "br_");
}

/* The words of the type before the * at s->at[star], or NULL if that is not a declaration. */
static const char *pointed_type(const tokens *s, size_t star) {
    size_t from = star;
    while (from && (is_type_word(s->at[from - 1].s) || is(&s->at[from - 1], "const") ||
                    is(&s->at[from - 1], "unsigned"))) {
        from--;
    }
    if (from == star || s->at[star - 1].kind != NAME) {
        return NULL;
    }
    return words(s, from, star);
}

/* What is known at one place inside a function: untyped pointers, and what the others point to. */
typedef struct scope {
    map *untyped, *typed;
    const char *declaring; /* type of the declaration that is being read */
} scope;

/* Notes the declarator that begins with the * at s->at[i]. */
static void note_pointer(scope *in, const tokens *s, size_t i, map *typed) {
    const token *name = &s->at[i + 1], *end = &s->at[i + 2];
    const char *type;
    if (name->kind != NAME || !(is(end, ",") || is(end, ";") || is(end, ")") || is(end, "="))) {
        return;
    }
    if (i && is(&s->at[i - 1], "void")) {
        put(in->untyped, name->s, "");
        return;
    }
    type = pointed_type(s, i);
    in->declaring = type ? type : in->declaring;
    if ((type || (i && is(&s->at[i - 1], ","))) && in->declaring) {
        const char *before = get(typed, name->s);
        put(typed, name->s,
            before && strcmp(before, in->declaring) != 0 && typed == &member_type ? "" : in->declaring);
    }
}

/* The cast that belongs before the argument or right-hand side s->at[i], or NULL. */
static const char *cast_for(scope *in, const tokens *s, size_t i) {
    const char *type = NULL;
    if (i >= 2 && is(&s->at[i - 1], "=") && s->at[i].kind == NAME && is(&s->at[i + 1], ";") &&
        get(in->untyped, s->at[i].s)) {
        int is_member = i >= 3 && (is(&s->at[i - 3], ".") || is(&s->at[i - 3], "->"));
        type = get(is_member ? &member_type : in->typed, s->at[i - 2].s);
        return type && type[0] ? join("(", type, " *)") : NULL;
    }
    if (i >= 2 && is(&s->at[i - 1], "(")) {
        const char *callee = s->at[i - 2].s;
        int simple = is(&s->at[i], "(") || is(&s->at[i + 1], ")") || is(&s->at[i + 1], ",");
        if (strcmp(callee, "_mm_loadu_si128") == 0 && simple) {
            return "(const __m128i *)";
        }
        if (strcmp(callee, "_mm_storeu_si128") == 0 && simple) {
            return "(__m128i *)";
        }
        if (strcmp(callee, "strlen") == 0 && get(in->untyped, s->at[i].s)) {
            return "(const char *)";
        }
    }
    return NULL;
}

static void push_text(tokens *out, const char *s) {
    tokens t = lex(s, 0, 0);
    size_t i;
    for (i = 0; i < t.n; i++) {
        push(out, t.at[i].kind, t.at[i].s);
    }
}

static void add_casts(tokens *t) {
    tokens s = significant(t, 0, t->n), out = {NULL, 0, 0};
    scope in;
    size_t i = 0, j;
    int depth = 0;
    in.untyped = new_map();
    in.typed = new_map();
    in.declaring = NULL;
    for (j = 0; j < t->n; j++) {
        const char *cast;
        if (t->at[j].kind == SPACE || t->at[j].kind == COMMENT || t->at[j].kind == DIRECTIVE) {
            push(&out, t->at[j].kind, t->at[j].s);
            continue;
        }
        if (is(&s.at[i], "{")) {
            depth++;
        } else if (is(&s.at[i], "}") && --depth == 0) {
            in.untyped = new_map();
            in.typed = new_map();
        } else if (is(&s.at[i], ";")) {
            in.declaring = NULL;
        } else if (is(&s.at[i], "*")) {
            note_pointer(&in, &s, i, in.typed);
        }
        cast = cast_for(&in, &s, i);
        if (cast) {
            push_text(&out, cast);
        }
        push(&out, t->at[j].kind, t->at[j].s);
        i++;
    }
    *t = out;
}

/* The same inside macros. */
static void add_casts_to_all(tokens *t) {
    size_t i;
    for (i = 0; i < t->n; i++) {
        if (t->at[i].kind == DIRECTIVE && defined_macro(t->at[i].s)) {
            tokens inner = lex(t->at[i].s, 0, 0);
            text line = {NULL, 0, 0};
            add_casts(&inner);
            print_tokens(&line, &inner, 0, inner.n);
            t->at[i].s = line.s;
        }
    }
    add_casts(t);
}

/* Learns what the pointer members of a header's structs point to. */
static void note_members(source *f) {
    scope in;
    size_t i, j;
    in.untyped = new_map();
    in.typed = new_map();
    for (i = 0; i < f->units; i++) {
        tokens s = significant(&f->t, f->unit[i].from, f->unit[i].to);
        in.declaring = NULL;
        for (j = 0; f->unit[i].kind == TYPE && j < s.n; j++) {
            if (is(&s.at[j], ";")) {
                in.declaring = NULL;
            } else if (is(&s.at[j], "*")) {
                note_pointer(&in, &s, j, &member_type);
            }
        }
    }
}

/* ---- reading a source file ----------------------------------------------------------------------------- */

/* Removes #include of BearSSL's own headers. */
static void drop_local_includes(tokens *t) {
    size_t i, n = 0;
    for (i = 0; i < t->n; i++) {
        const char *rest = "";
        if (t->at[i].kind == DIRECTIVE && strcmp(directive_word(t->at[i].s, &rest), "include") == 0 &&
            rest[0] == '"') {
            continue;
        }
        t->at[n++] = t->at[i];
    }
    t->n = n;
}

/* Replaces `what`, where it is not the end of a longer word. */
static char *replace_words(const char *s, const char *what, const char *by) {
    text out = {NULL, 0, 0};
    const char *at, *from = s;
    add(&out, "");
    for (at = strstr(s, what); at; at = strstr(at + strlen(what), what)) {
        if (at == s || !is_name_char((unsigned char)at[-1])) {
            add_part(&out, from, (size_t)(at - from));
            add(&out, by);
            from = at + strlen(what);
        }
    }
    add(&out, from);
    return out.s;
}

/* Whether the struct at t->at[i] is the registers of a T0 interpreter; *end is the token after its brace. */
static int is_t0_struct(const tokens *t, size_t i, size_t *end) {
    size_t j, words_seen = 0;
    tokens body;
    for (j = i; j < t->n && words_seen < 17; j++) {
        words_seen += t->at[j].kind != SPACE && t->at[j].kind != COMMENT;
    }
    *end = j;
    body = significant(t, i, j);
    return strcmp(words(&body, 0, body.n), t0_struct) == 0;
}

/*
 * One type for the registers of all T0 interpreters. Headers have a member "struct {...} cpu", each
 * interpreter has a "typedef struct {...} t0_context" of its own: the member gets the shared type, the
 * typedef goes.
 */
static void unify_t0_context(tokens *t) {
    size_t i, end;
    tokens out = {NULL, 0, 0};
    for (i = 0; i < t->n; i++) {
        token now = t->at[i];
        if (is(&now, "typedef") && is_t0_struct(t, skip_blank(t, i + 1), &end) &&
            is(&t->at[skip_blank(t, end)], "t0_context")) {
            for (i = end; !is(&t->at[i], ";"); i++) {
            }
            continue;
        }
        if (is(&now, "struct") && is_t0_struct(t, i, &end)) {
            now.kind = NAME;
            now.s = "br_t0_context";
            i = end - 1;
        } else if (is(&now, "t0_context")) {
            now.s = "br_t0_context";
        } else if (now.kind == DIRECTIVE) {
            now.s = replace_words(now.s, "t0_context", "br_t0_context");
        }
        push(&out, now.kind, now.s);
    }
    *t = out;
}

static void load(source *f, const char *root, const char *path) {
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    char *code = read_file(join(root, "/", path));
    tokens all;
    size_t i;
    memset(f, 0, sizeof *f);
    code = replace_words(code, "unsigned __int128", "br_uint128");
    code = replace_words(code, "asm volatile", "__asm__ __volatile__");
    /* what is used of it; the whole costs a compiler a third of its time for this file */
    code = replace_words(code, "#include <x86intrin.h>", "#include <smmintrin.h>\n#include <wmmintrin.h>");
    all = lex(code, 0, 1);
    f->path = path;
    f->stem = copy_part(base, strcspn(base, "."));
    f->t = resolve_conditions(&all, path);
    drop_local_includes(&f->t);
    unify_t0_context(&f->t);
    add_casts_to_all(&f->t);
    split_into_units(f);
    for (i = 0; i < f->t.n; i++) {
        const char *macro = f->t.at[i].kind == DIRECTIVE ? defined_macro(f->t.at[i].s) : NULL;
        if (macro && !starts(macro, "__")) {
            f->macros = grow(f->macros, (f->macro_count + 1) * sizeof *f->macros);
            f->macros[f->macro_count++] = macro;
        }
    }
}

/* ---- choosing the files -------------------------------------------------------------------------------- */

static void define_name(source *f, const char *name, const char *condition) {
    const char *before = get(&owner_of, name);
    if (before && strcmp(before, f->path) != 0) {
        fail("%s is defined in %s and in %s", name, before, f->path);
    }
    /* Defined twice in one file means: in an #if and in its #else. */
    put(&condition_of, name, before ? "" : condition);
    put(&owner_of, name, f->path);
}

static void note_definitions(source *f) {
    size_t i;
    for (i = 0; i < f->units; i++) {
        unit *u = &f->unit[i];
        if ((u->kind == FUNCTION || u->kind == OBJECT) && !u->is_static) {
            define_name(f, u->name, u->condition);
            if (u->size) {
                put(&size_of, u->name, u->size);
            }
        }
    }
    /* The entry points of the T0 interpreters are defined through a macro. */
    for (i = 0; i < f->t.n; i++) {
        if (is(&f->t.at[i], "T0_DEFENTRY")) {
            tokens s = significant(&f->t, i, f->t.n);
            define_name(f, s.at[2].s, "");
        }
    }
}

static void note_header(source *f) {
    size_t i;
    for (i = 0; i < f->units; i++) {
        unit *u = &f->unit[i];
        if (u->kind == FUNCTION) {
            text t = {NULL, 0, 0};
            print_tokens(&t, &f->t, u->from, u->to);
            put(&inline_text, u->name, t.s);
        }
    }
    for (i = 0; i < f->t.n; i++) {
        const char *macro = f->t.at[i].kind == DIRECTIVE ? defined_macro(f->t.at[i].s) : NULL;
        if (macro) {
            const char *before = get(&inline_text, macro);
            put(&inline_text, macro, before ? join(before, "\n", f->t.at[i].s) : f->t.at[i].s);
        }
    }
}

static source *source_at(const char *path) {
    size_t i;
    for (i = 0; i < source_count && strcmp(sources[i].path, path) != 0; i++) {
    }
    return &sources[i];
}

/* Names still to be followed. */
static const char **todo;
static size_t todo_count;

static void need(const char *name) {
    if (!get(&needed, name) && (get(&owner_of, name) || get(&inline_text, name))) {
        put(&needed, name, "");
        todo = grow(todo, (todo_count + 1) * sizeof *todo);
        todo[todo_count++] = name;
    }
}

static void need_names_in(const tokens *t) {
    size_t i, j;
    for (i = 0; i < t->n; i++) {
        if (t->at[i].kind == NAME) {
            need(t->at[i].s);
        } else if (t->at[i].kind == DIRECTIVE) {
            tokens inner = lex(t->at[i].s, 0, 0);
            for (j = 0; j < inner.n; j++) {
                need(inner.at[j].kind == NAME ? inner.at[j].s : "");
            }
        }
    }
}

static void follow_needs(void) {
    while (todo_count) {
        const char *name = todo[--todo_count], *path = get(&owner_of, name),
                   *inlined = get(&inline_text, name);
        if (inlined) {
            tokens t = lex(inlined, 0, 0);
            need_names_in(&t);
        }
        if (path && !source_at(path)->keep) {
            source_at(path)->keep = 1;
            need_names_in(&source_at(path)->t);
        }
    }
}

/* ---- new names ----------------------------------------------------------------------------------------- */

/* prefix, name, and the stem of the file that keeps the name to itself, if one does */
static const char *private_name(const char *prefix, const char *name, const char *stem) {
    if (starts(name, "br_") || starts(name, "BR_")) {
        name += 3;
    }
    return stem ? join(join(prefix, name, "_"), stem, "") : join(prefix, name, "");
}

static void name_local(source *f, const char *prefix, const char *name) {
    const char *made;
    if (!name || strcmp(name, "br_t0_context") == 0) {
        return;
    }
    made = private_name(prefix, name, f->stem);
    if (get(&owner_of, made + strlen("llmi_"))) {
        fail("%s: the name %s, made of %s, is taken", f->path, made, name);
    }
    put(&f->local, name, made);
}

/* A name that is a macro in one branch of the file and a function in another is named as the function. */
static void name_locals(source *f) {
    size_t i;
    for (i = 0; i < f->macro_count; i++) {
        name_local(f, "LLMI_BR_", f->macros[i]);
    }
    for (i = 0; i < f->units; i++) {
        unit *u = &f->unit[i];
        if (u->kind == TYPE || u->is_static) {
            name_local(f, "llmi_br_", u->name);
            name_local(f, "llmi_br_", u->tag);
        }
    }
}

static void name_in_headers(const char *prefix, const char *name) {
    if (name && !starts(name, "br_") && !starts(name, "BR_")) {
        put(&header_private, name, private_name(prefix, name, NULL));
    }
}

static void name_header_private(source *f) {
    size_t i;
    for (i = 0; i < f->units; i++) {
        name_in_headers("llmi_br_", f->unit[i].name);
        name_in_headers("llmi_br_", f->unit[i].tag);
    }
    for (i = 0; i < f->macro_count; i++) {
        name_in_headers("LLMI_BR_", f->macros[i]);
    }
}

/* The new name of one word. A word after . or -> is a member: those are renamed by prefix only. */
static const char *new_name(map *local, const char *name, int is_member) {
    const char *found = NULL;
    if (local && !is_member) {
        found = get(local, name);
        found = found ? found : get(&header_private, name);
    }
    if (!found && starts(name, "br_")) {
        found = join("llmi_", name, "");
    } else if (!found && starts(name, "BR_")) {
        found = join("LLMI_", name, "");
    }
    return found ? found : name;
}

static void rename_all(tokens *t, map *local, int keep_comments) {
    size_t i;
    const char *before = "", *rest;
    for (i = 0; i < t->n; i++) {
        token *now = &t->at[i];
        if (now->kind == NAME) {
            now->s = new_name(local, now->s, strcmp(before, ".") == 0 || strcmp(before, "->") == 0);
        } else if (now->kind == DIRECTIVE && strcmp(directive_word(now->s, &rest), "include") != 0) {
            text line = {NULL, 0, 0};
            tokens inner = lex(now->s, keep_comments, 0);
            rename_all(&inner, local, keep_comments);
            print_tokens(&line, &inner, 0, inner.n);
            now->s = line.s;
        }
        if (now->kind != SPACE && now->kind != COMMENT) {
            before = now->s;
        }
    }
}

/* ---- writing ------------------------------------------------------------------------------------------- */

/* Macros, by their new names, that BearSSL's part defines and that live to the end of the implementation. */
static const char **lasting;
static size_t lasting_count;

static void note_lasting(const char *name) {
    size_t i;
    for (i = 0; i < lasting_count; i++) {
        if (strcmp(lasting[i], name) == 0) {
            return;
        }
    }
    lasting = grow(lasting, (lasting_count + 1) * sizeof *lasting);
    lasting[lasting_count++] = name;
}

static const char prologue[] = "#if defined __GNUC__ || defined __clang__\n"
                               "#pragma GCC diagnostic push\n"
                               "#pragma GCC diagnostic ignored \"-Wunused-function\"\n"
                               "#pragma GCC diagnostic ignored \"-Wunused-const-variable\"\n"
                               "#pragma GCC diagnostic ignored \"-Wconversion\"\n"
                               "#pragma GCC diagnostic ignored \"-Wsign-conversion\"\n"
                               "#pragma GCC diagnostic ignored \"-Wcast-qual\"\n"
                               "#pragma GCC diagnostic ignored \"-Wshadow\"\n"
                               "#pragma GCC diagnostic ignored \"-Wundef\"\n"
                               "#ifdef __clang__ /* takes no comment for a fall-through in C */\n"
                               "#pragma GCC diagnostic ignored \"-Wimplicit-fallthrough\"\n"
                               "#endif\n"
                               "#endif\n"
                               "#include <limits.h>\n"
                               "#include <stddef.h>\n"
                               "#include <stdint.h>\n"
                               "#include <string.h>\n"
                               "/* Internal linkage for functions is \"static\". Objects that are declared "
                               "first and defined later need more:\n"
                               "   C has no \"extern\" for them and C++ no second \"static\". */\n"
                               "#ifdef __cplusplus\n"
                               "#define LLMI_BR_DECLARE extern\n"
                               "#define LLMI_BR_DEFINE\n"
                               "#define LLMI_BR_OPEN extern \"C++\" { namespace {\n"
                               "#define LLMI_BR_CLOSE }}\n"
                               "#else\n"
                               "#define LLMI_BR_DECLARE static\n"
                               "#define LLMI_BR_DEFINE static\n"
                               "#define LLMI_BR_OPEN\n"
                               "#define LLMI_BR_CLOSE\n"
                               "#endif\n"
                               "LLMI_BR_OPEN\n";

static const char *const own_macros[] = {"LLMI_BR_DECLARE", "LLMI_BR_DEFINE", "LLMI_BR_OPEN",
                                         "LLMI_BR_CLOSE"};

static const char shared_types[] = "#if LLMI_BR_INT128\n"
                                   "__extension__ typedef unsigned __int128 llmi_br_uint128;\n"
                                   "#endif\n"
                                   "typedef struct {\n"
                                   "\tuint32_t *dp;\n"
                                   "\tuint32_t *rp;\n"
                                   "\tconst unsigned char *ip;\n"
                                   "} llmi_br_t0_context;\n";

/* What the unnamed namespace holds is of one file alone; structs of ours that hold it are too, which g++ doubts. */
static const char epilogue[] = "LLMI_BR_CLOSE\n"
                               "#if defined __GNUC__ || defined __clang__\n"
                               "#pragma GCC diagnostic pop\n"
                               "#endif\n"
                               "#if defined __cplusplus && defined __GNUC__ && !defined __clang__\n"
                               "#pragma GCC diagnostic ignored \"-Wsubobject-linkage\"\n"
                               "#endif\n";

static const char *const always_included[] = {"<limits.h>", "<stddef.h>", "<stdint.h>", "<string.h>"};

/* A directive on a line of its own. System headers must not end up inside a namespace. */
static void print_directive(text *out, const char *line) {
    const char *rest, *word = directive_word(line, &rest);
    size_t i;
    if (strcmp(word, "include") == 0) {
        for (i = 0; i < sizeof always_included / sizeof always_included[0]; i++) {
            if (starts(rest, always_included[i])) {
                return;
            }
        }
        line = join("LLMI_BR_CLOSE\n", line, "\nLLMI_BR_OPEN");
    }
    add(out, "\n");
    add(out, line);
    add(out, "\n");
}

static void print_code(text *out, const tokens *t, size_t from, size_t to) {
    for (; from < to; from++) {
        if (t->at[from].kind == DIRECTIVE) {
            print_directive(out, t->at[from].s);
        } else {
            add(out, t->at[from].s);
        }
    }
}

static const char *renamed_condition(const char *condition) {
    tokens t = lex(condition, 0, 0);
    map none;
    text out = {NULL, 0, 0};
    memset(&none, 0, sizeof none);
    rename_all(&t, &none, 0);
    print_tokens(&out, &t, 0, t.n);
    return out.s;
}

static int is_kept(const char *name) {
    const char *path = get(&owner_of, name);
    return path && source_at(path)->keep;
}

/* A declaration of a function or object that is defined in a .c file. */
static void print_declaration(text *out, const source *f, const unit *u) {
    const char *condition = get(&condition_of, u->name), *size = get(&size_of, u->name);
    size_t i = u->from;
    if (condition[0]) {
        add(out, "\n#if ");
        add(out, renamed_condition(condition));
        add(out, "\n");
    }
    if (is(&f->t.at[i], "extern")) {
        i = skip_blank(&f->t, i + 1);
    }
    add(out, u->kind == EXTERN ? "LLMI_BR_DECLARE " : "static ");
    for (; i < u->to; i++) {
        print_code(out, &f->t, i, i + 1);
        if (u->kind == EXTERN && size && is(&f->t.at[i], "[") &&
            is(&f->t.at[skip_blank(&f->t, i + 1)], "]")) {
            add(out, size);
        }
    }
    if (condition[0]) {
        add(out, "\n#endif\n");
    }
}

static void print_directives_only(text *out, const source *f, const unit *u) {
    size_t i;
    for (i = u->from; i < u->to; i++) {
        if (f->t.at[i].kind == DIRECTIVE) {
            print_directive(out, f->t.at[i].s);
        }
    }
}

static void print_definition(text *out, const source *f, const unit *u) {
    size_t i = u->from;
    while (!is(&f->t.at[i], "const")) {
        if (++i == u->to) {
            fail("%s: %s can be written to; BearSSL has no such object", f->path, u->name);
        }
    }
    print_code(out, &f->t, u->from, i);
    add(out, "LLMI_BR_DEFINE ");
    print_code(out, &f->t, i, u->to);
}

static void print_unit(text *out, const source *f, const unit *u, int is_header, int all) {
    if ((u->kind == PROTOTYPE || u->kind == EXTERN) && !u->is_static) {
        if (is_kept(u->name)) {
            print_declaration(out, f, u);
        } else {
            print_directives_only(out, f, u);
        }
    } else if (is_header && u->kind == FUNCTION && !all && !get(&needed, u->name)) {
        print_directives_only(out, f, u);
    } else if (u->kind == OBJECT && !u->is_static) {
        print_definition(out, f, u);
    } else {
        print_code(out, &f->t, u->from, u->to);
    }
}

/* The file from its first declaration on. */
static void print_units(text *out, const source *f, int is_header, int all) {
    size_t i, at = f->units ? f->unit[0].from : f->t.n;
    for (i = 0; i < f->units; i++) {
        print_code(out, &f->t, at, f->unit[i].from);
        print_unit(out, f, &f->unit[i], is_header, all);
        at = f->unit[i].to;
    }
    print_code(out, &f->t, at, f->t.n);
}

/* What stands before the first declaration. In inner.h that is what it finds out about the compiler. */
static void print_top(text *out, const source *f) {
    print_code(out, &f->t, 0, f->units ? f->unit[0].from : f->t.n);
}

static void print_c_file(text *out, source *f, int all) {
    size_t i, j;
    for (i = 0; i < f->t.n; i++) {
        if (!all && f->t.at[i].kind == DIRECTIVE && strstr(f->t.at[i].s, "##")) {
            fail("%s pastes names together, which the renaming does not see: %s", f->path, f->t.at[i].s);
        }
    }
    add(out, join("\n/* BearSSL: ", f->path, " */\n"));
    rename_all(&f->t, &f->local, 0);
    print_top(out, f);
    print_units(out, f, 0, all);
    for (i = 0; i < f->macro_count; i++) {
        for (j = 0; strcmp(f->macros[j], f->macros[i]) != 0; j++) {
        }
        if (j == i) {
            add(out, join("\n#undef ", get(&f->local, f->macros[i]), "\n"));
        }
    }
}

/* No blank lines, no blanks at the end of a line. */
static void tidy(text *t, size_t from) {
    size_t i, n = from;
    for (i = from; i < t->n; i++) {
        if (t->s[i] == '\n') {
            while (n > from && (t->s[n - 1] == ' ' || t->s[n - 1] == '\t' || t->s[n - 1] == '\r')) {
                n--;
            }
            if (n == from || t->s[n - 1] == '\n') {
                continue;
            }
        }
        t->s[n++] = t->s[i];
    }
    t->n = n;
    t->s[n] = 0;
}

/* The first comment of bearssl.h: copyright and MIT notice. */
static void print_licence(text *out, const char *root) {
    const char *s = read_file(join(root, "/inc/bearssl.h", ""));
    const char *start = strstr(s, "/*");
    if (!start || !strstr(start, "Permission is hereby granted")) {
        fail("no licence at the start of inc/bearssl.h");
    }
    add(out, "/*\n * BearSSL 0.6, cut down to what is needed here by tools/bundle.c. Its licence:\n *\n");
    add_part(out, strchr(start, '\n') + 1, comment_length(start) - (size_t)(strchr(start, '\n') + 1 - start));
    add(out, "\n");
}

static void print_bearssl(text *out, const char *root, int all) {
    source *inner = &headers[header_count - 1];
    map none;
    size_t i, j, from;
    memset(&none, 0, sizeof none);
    for (i = 0; i < sizeof own_macros / sizeof own_macros[0]; i++) {
        note_lasting(own_macros[i]);
    }
    for (i = 0; i < header_count; i++) {
        rename_all(&headers[i].t, &none, 0);
        for (j = 0; j < headers[i].macro_count; j++) {
            note_lasting(new_name(&none, headers[i].macros[j], 0));
        }
    }
    print_licence(out, root);
    from = out->n;
    add(out, prologue);
    print_top(out, inner);
    add(out, "\n");
    add(out, shared_types);
    for (i = 0; i + 1 < header_count; i++) {
        add(out, join("\n/* BearSSL: ", headers[i].path, " */\n"));
        print_top(out, &headers[i]);
        print_units(out, &headers[i], 1, all);
    }
    add(out, "\n/* BearSSL: src/inner.h */\n");
    print_units(out, inner, 1, all);
    for (i = 0; i < source_count; i++) {
        if (sources[i].keep) {
            print_c_file(out, &sources[i], all);
        }
    }
    add(out, "\n");
    add(out, epilogue);
    tidy(out, from);
}

static void print_undefs(text *out) {
    size_t i;
    for (i = 0; i < lasting_count; i++) {
        add(out, join("#undef ", lasting[i], "\n"));
    }
}

/* ---- the program --------------------------------------------------------------------------------------- */

static const char *const header_order[] = {"inc/bearssl_hash.h",  "inc/bearssl_hmac.h", "inc/bearssl_kdf.h",
                                           "inc/bearssl_block.h", "inc/bearssl_rand.h", "inc/bearssl_prf.h",
                                           "inc/bearssl_aead.h",  "inc/bearssl_rsa.h",  "inc/bearssl_ec.h",
                                           "inc/bearssl_x509.h",  "inc/bearssl_ssl.h",  "inc/bearssl_pem.h",
                                           "inc/bearssl.h",       "src/inner.h"};

static const char **paths;
static size_t path_count;

static void find_c_files(const char *root, const char *folder, int deeper) {
    struct dirent *d;
    DIR *dir = opendir(join(root, "/", folder));
    if (!dir) {
        fail("no folder %s/%s (make -C tools bearssl gets BearSSL's source)", root, folder);
    }
    while ((d = readdir(dir)) != NULL) {
        const char *path = join(folder, "/", copy_part(d->d_name, strlen(d->d_name)));
        if (ends(path, ".c")) {
            paths = grow(paths, (path_count + 1) * sizeof *paths);
            paths[path_count++] = path;
        } else if (deeper && !strchr(d->d_name, '.')) {
            find_c_files(root, path, 0);
        }
    }
    closedir(dir);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void load_bearssl(const char *root) {
    size_t i;
    header_count = sizeof header_order / sizeof header_order[0];
    headers = grow(NULL, header_count * sizeof *headers);
    for (i = 0; i < header_count; i++) {
        load(&headers[i], root, header_order[i]);
        note_members(&headers[i]);
        note_header(&headers[i]);
        name_header_private(&headers[i]);
    }
    find_c_files(root, "src", 1);
    qsort(paths, path_count, sizeof *paths, by_name);
    source_count = path_count;
    sources = grow(NULL, source_count * sizeof *sources);
    for (i = 0; i < source_count; i++) {
        load(&sources[i], root, paths[i]);
        note_definitions(&sources[i]);
    }
    for (i = 0; i < source_count; i++) {
        name_locals(&sources[i]);
    }
}

/* A file that is right already keeps its date, so that nothing is built again because of it. */
static void write_file(const char *path, const text *t) {
    char *temporary = join(path, ".tmp", "");
    FILE *f = fopen(path, "rb");
    if (f) {
        fclose(f);
        if (strcmp(read_file(path), t->s) == 0) {
            return;
        }
    }
    f = fopen(temporary, "wb");
    if (!f || fwrite(t->s, 1, t->n, f) != t->n || fclose(f) != 0 || rename(temporary, path) != 0) {
        fail("cannot write %s", path);
    }
}

/* Cuts s at a marker pair: *before ends behind the first marker, *after starts with the second. */
static void cut(const char *path, const char *s, const char *begin, const char *end, const char **before,
                const char **after) {
    const char *b = strstr(s, begin), *e = b ? strstr(b, end) : NULL;
    if (!e || strstr(b + 1, begin) || strstr(e + 1, end)) {
        fail("%s must have the markers %s and %s once each, in this order", path, begin, end);
    }
    *before = copy_part(s, (size_t)(b - s) + strlen(begin));
    *after = e;
}

static void add_renamed(text *out, const char *s, map *local) {
    tokens t = lex(s, 1, 1);
    rename_all(&t, local, 1);
    print_tokens(out, &t, 0, t.n);
}

/* LLM_TLS_SMALL has no P-521: what BearSSL's functions put on the stack for a curve gets by with less. */
static void limit_curves(text *out) {
    static const char size[] = "#define LLMI_BR_MAX_EC_SIZE   528\n";
    const char *at = strstr(out->s, size);
    char *rest;
    if (!at) {
        fail("BR_MAX_EC_SIZE is not 528");
    }
    rest = copy_part(at, strlen(at));
    out->n = (size_t)(at - out->s);
    add(out, "#ifdef LLM_TLS_SMALL\n#define LLMI_BR_MAX_EC_SIZE   384\n#else\n");
    add_part(out, size, sizeof size - 1);
    add(out, "#endif\n");
    add(out, rest + sizeof size - 1);
}

/* Cortex-M0, M0+ and M23 have no multiplication of 32 by 32 bits to 64, and that of the M3 takes a time that depends on
   the numbers. BearSSL's code with shorter products is for them; it takes no more room. */
static const char short_products[] =
    "#if !defined(LLMI_BR_LOMUL) && (defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_7M__) || \\\n"
    "                                defined(__ARM_ARCH_8M_BASE__))\n"
    "#define LLMI_BR_LOMUL 1\n"
    "#endif\n";

static void print_limited(text *out, const char *root, int all) {
    add(out, short_products);
    print_bearssl(out, root, all);
    limit_curves(out);
}

static void bundle_header(text *out, const char *path, const char *root) {
    const char *s = read_file(path), *top, *rest, *middle, *bottom;
    tokens t;
    size_t i, kept = 0;
    cut(path, s, "/* BEGIN BEARSSL */", "/* END BEARSSL */", &top, &rest);
    cut(path, rest, "/* BEGIN BEARSSL UNDEF */", "/* END BEARSSL UNDEF */", &middle, &bottom);
    t = lex(top, 0, 1);
    need_names_in(&t);
    t = lex(rest, 0, 1);
    need_names_in(&t);
    follow_needs();
    for (i = 0; i < source_count; i++) {
        kept += (size_t)sources[i].keep;
    }
    if (!kept) {
        fail("%s uses no function of BearSSL", path);
    }
    add_renamed(out, top, NULL);
    add(out, "\n");
    print_limited(out, root, 0);
    add_renamed(out, middle, NULL);
    add(out, "\n");
    print_undefs(out);
    add_renamed(out, bottom, NULL);
    printf("%lu of %lu files of BearSSL\n", (unsigned long)kept, (unsigned long)source_count);
}

static void bundle_all(text *out, const char *root) {
    size_t i;
    for (i = 0; i < source_count; i++) {
        sources[i].keep = 1;
    }
    add(out, "#ifndef BEARSSL_ALL_H\n#define BEARSSL_ALL_H\n");
    print_limited(out, root, 1);
    add(out, "#endif\n");
}

/* A program for the output of --all: that file instead of BearSSL's headers, and the new names. */
static void rename_program(text *out, const char *path) {
    map none;
    memset(&none, 0, sizeof none);
    add_renamed(out, read_file(path), &none);
    out->s = replace_words(replace_words(out->s, "\"inner.h\"", "\"bearssl_all.h\""), "\"bearssl.h\"",
                           "\"bearssl_all.h\"");
    out->n = strlen(out->s);
}

int main(int argc, char **argv) {
    const char *root = "../build/bearssl", *mode = "";
    text out = {NULL, 0, 0};
    int i = 1;
    for (; i < argc && starts(argv[i], "--"); i++) {
        if (strcmp(argv[i], "--bearssl") == 0 && i + 1 < argc) {
            root = argv[++i];
        } else if (strcmp(argv[i], "--unaligned") == 0) {
            fixed_macros[0].value = 1;
        } else {
            mode = argv[i];
        }
    }
    add(&out, "");
    if (strcmp(mode, "--all") == 0 && argc - i == 1) {
        load_bearssl(root);
        bundle_all(&out, root);
    } else if (strcmp(mode, "--rename") == 0 && argc - i == 2) {
        load_bearssl(root);
        rename_program(&out, argv[i]);
    } else if (!mode[0] && argc - i == 2) {
        load_bearssl(root);
        bundle_header(&out, argv[i], root);
    } else {
        fail("usage: bundle [--bearssl DIR] HEADER OUT | --all OUT | --rename FILE OUT");
    }
    write_file(argv[argc - 1], &out);
    return 0;
}

/* load.c - many streams at once in one thread against build/mock_server, with faults.

       load [STREAMS [SECONDS [SEED [DEFECT]]]]        300 20 1

   Driven by llm_wait(), and by an epoll loop of its own that knows only llm_call_fd(), llm_call_fd_serial(),
   llm_call_wants() and llm_call_timeout_ms(). Every stream has a scenario, and a text that no other stream has. It must
   end in one of the ways that the scenario allows, and its text must be whole, or the beginning of the whole. Memory,
   descriptors and wake-ups are bounded, processor time while nothing comes. The plan depends on the seed alone, what
   meets what on the machine. DEFECT is one that must make it fail: the server sends a piece twice, or leaves one out;
   the caller asks far too often, loses a response, a descriptor or memory, or keeps some.
   more_load.sh builds and runs it. */
#define T_MOCK_SECONDS 300 /* a thousand handshakes may come first */
#include "../t.h"
#include "../mock.h"
#include <dirent.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#define WRONG(what) t_check(0, (what), __FILE__, __LINE__)

/* ---- chance, time, and what the process holds --------------------------------------------------------------- */

static uint64_t seed_at;

static unsigned chance(unsigned n) { /* 0 .. n-1; xorshift64* */
    seed_at ^= seed_at >> 12;
    seed_at ^= seed_at << 25;
    seed_at ^= seed_at >> 27;
    return (unsigned)((seed_at * 2685821657736338717ull) >> 33) % n;
}

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long cpu_ms(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (long)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000 + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1000;
}

static long rss_kb(void) {
    FILE *f = fopen("/proc/self/statm", "r");
    long pages = 0, all = 0;
    if (f && fscanf(f, "%ld %ld", &all, &pages) != 2) pages = 0;
    if (f) fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int descriptors(void) {
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n;
}

/* ---- scenarios ---------------------------------------------------------------------------------------------- */

enum {
    E_OK, E_TRUNCATED, E_TIMEOUT, E_CONNECTION, E_TLS, E_SERVER, E_RATE, E_CANCELLED, E_AUTH, E_API, E_PROTOCOL,
    E_OTHER, ENDINGS
};
static const llm_status statuses[ENDINGS] = {
    LLM_OK, LLM_ERR_TRUNCATED, LLM_ERR_TIMEOUT, LLM_ERR_CONNECTION, LLM_ERR_TLS, LLM_ERR_SERVER, LLM_ERR_RATE_LIMIT,
    LLM_ERR_CANCELLED, LLM_ERR_AUTH, LLM_ERR_API, LLM_ERR_PROTOCOL, LLM_ERR};

#define B(e) (1u << (e))
#define BROKEN (B(E_OK) | B(E_TRUNCATED) | B(E_CONNECTION))

enum {
    PLAIN, SPLIT, SLOW, LATE, IDLE, RATE_ONCE, DOWN_ONCE, BROKEN_ONCE, RATE, DOWN, DENIED, CUT, RESET, STALL, UNCLEAN,
    NO_FINISH, ERROR_INSIDE, BAD_JSON, TOOLS, TOOLS_CUT, BIG, BIG_EARLY, DEADLINE, CANCEL, EARLY, LET_GO, KINDS
};
typedef struct kind {
    const char *name;
    unsigned weight;
    unsigned allowed[2]; /* HTTP, HTTPS */
} kind;
static const kind kinds[KINDS] = {
    {"plain", 12, {B(E_OK), B(E_OK)}},
    {"split", 10, {B(E_OK), B(E_OK)}},             /* at every few bytes                                  */
    {"slow", 10, {B(E_OK), B(E_OK)}},              /* a pause before each chunk                           */
    {"late", 5, {B(E_OK), B(E_OK)}},               /* a pause before the head                             */
    {"idle-close", 5, {B(E_OK), B(E_OK)}},         /* the kept connection is closed soon after the answer */
    {"429-once", 6, {B(E_OK), B(E_OK)}},           /* with Retry-After, then an answer                    */
    {"500-once", 5, {B(E_OK), B(E_OK)}},
    {"broken-once", 5, {B(E_OK), B(E_OK)}},        /* reset or closed before the answer, then an answer   */
    {"429", 3, {B(E_RATE), B(E_RATE)}},
    {"500", 3, {B(E_SERVER), B(E_SERVER)}},
    {"401", 3, {B(E_AUTH), B(E_AUTH)}},
    {"cut", 7, {BROKEN, BROKEN | B(E_TLS)}},       /* at any byte                                         */
    {"reset", 7, {BROKEN, BROKEN | B(E_TLS)}},
    {"stall", 4, {B(E_OK) | B(E_TIMEOUT), B(E_OK) | B(E_TIMEOUT)}},
    {"unclean", 4, {B(E_OK), B(E_OK)}},            /* complete, ended by the connection, no close_notify  */
    {"no-finish", 4, {B(E_OK), B(E_TRUNCATED)}},   /* the same without finish reason and [DONE]           */
    {"error-inside", 3, {B(E_SERVER), B(E_SERVER)}},
    {"bad-json", 3, {B(E_PROTOCOL), B(E_PROTOCOL)}},
    {"tools", 7, {B(E_OK), B(E_OK)}},
    {"tools-cut", 3, {BROKEN, BROKEN | B(E_TLS)}}, /* the second round is cut                             */
    {"big", 4, {B(E_OK), B(E_OK)}},                /* the request, so that sending has to wait            */
    {"big-early", 3, {B(E_API) | B(E_CONNECTION), B(E_API) | B(E_CONNECTION) | B(E_TLS)}}, /* 413, unread */
    {"deadline", 4, {B(E_OK) | B(E_TIMEOUT), B(E_OK) | B(E_TIMEOUT)}},
    {"cancel", 5, {B(E_OK) | B(E_CANCELLED), B(E_OK) | B(E_CANCELLED)}},
    {"early", 5, {B(E_OK) | B(E_CANCELLED), B(E_OK) | B(E_CANCELLED)}}, /* finished after some pieces    */
    {"let-go", 5, {B(E_OK) | B(E_CANCELLED), B(E_OK) | B(E_CANCELLED)}} /* finished at some time         */
};

typedef struct plan {
    int kind;
    long id;
    int parts;
    int act_ms;     /* deadline, cancel, let go    */
    int act_parts;  /* early                       */
} plan;

static long endings[KINDS][ENDINGS];

/* ---- the script: what the server does to each stream -------------------------------------------------------- */

typedef struct string { char *p; size_t n, cap; } string;

static void put(string *s, const char *format, ...) {
    char line[256];
    va_list a;
    int n;
    va_start(a, format);
    n = vsnprintf(line, sizeof line, format, a);
    va_end(a);
    if (n < 0 || (size_t)n >= sizeof line) abort();
    while (s->n + (size_t)n + 1 > s->cap) {
        s->cap = s->cap ? 2 * s->cap : 65536;
        s->p = (char *)realloc(s->p, s->cap);
        if (!s->p) abort();
    }
    memcpy(s->p + s->n, line, (size_t)n + 1);
    s->n += (size_t)n;
}

static const char *defect = "";

static int planted(const char *what) {
    return strcmp(defect, what) == 0;
}

static long pieces; /* at most so many writes the server was told to make: each may cost the client a wake-up */

static void put_parts(string *s, const plan *p, double pause_ms) {
    put(s, "role\nrepeat %d\n", planted("lost") && p->parts > 1 ? p->parts - 1 : p->parts);
    if (pause_ms > 0) put(s, "delay %.1f\n", pause_ms);
    put(s, "chunk %ld-{i}\xE2\x82\xAC|\nend-repeat\n", p->id);
    if (planted("twice")) put(s, "chunk %ld-%d\xE2\x82\xAC|\n", p->id, p->parts - 1);
    pieces += p->parts + 6;
}

static void put_end(string *s, const plan *p) {
    put(s, "finish stop\nusage 7 %d\ndone\n", p->parts);
}

static void put_refusal(string *s, const plan *p, int times, int status, const char *type) {
    put(s, "exchange s%ld\ntimes %d\nstatus %d\nheader retry-after-ms: %u\n", p->id, times, status, 1 + chance(120));
    put(s, "body {\"error\":{\"message\":\"no, %ld\",\"type\":\"%s\",\"param\":null,\"code\":null}}\n", p->id, type);
}

static void put_tool_round(string *s, const plan *p) {
    put(s, "exchange s%ld\nrole\ntool 0 call_%ld note\nargs 0 {\"id\":\nargs 0 %ld}\n", p->id, p->id, p->id);
    put(s, "finish tool_calls\nusage 5 5\ndone\n");
}

/* Offsets of faults are anywhere in the head or the chunks, and sometimes behind the end. */
static unsigned put_offset(const plan *p) {
    return chance(5) == 0 ? chance(700) : 600 + chance((unsigned)p->parts * 230 + 400);
}

static void put_stream(string *s, const plan *p, int chaos) {
    int often = chaos ? 20 : 1, again = p->kind == CUT || p->kind == RESET || p->kind == TOOLS_CUT ||
        p->kind == BIG_EARLY;
    if (p->kind == TOOLS || p->kind == TOOLS_CUT) put_tool_round(s, p);
    if (p->kind == RATE_ONCE) put_refusal(s, p, 1, 429, "requests");
    if (p->kind == DOWN_ONCE) put_refusal(s, p, 1, chance(2) ? 500 : 503, "server_error");
    if (p->kind == BROKEN_ONCE) put(s, "exchange s%ld\n%s 0\nbody x\n", p->id, chance(2) ? "cut" : "reset");
    if (p->kind == RATE) put_refusal(s, p, 20, 429, "requests");
    if (p->kind == DOWN) put_refusal(s, p, 20, 500, "server_error");
    if (p->kind == DENIED) put_refusal(s, p, often, 401, "invalid_request_error");
    if (p->kind == RATE || p->kind == DOWN || p->kind == DENIED) return;
    /* once: nothing may be asked twice */
    put(s, "exchange s%ld\ntimes %d\n", p->id, again ? 20 : p->kind == STALL ? 1 : often);
    if (p->kind == BIG_EARLY) {
        put(s, "early\nstatus 413\nheader x-should-retry: false\nbody {\"error\":{\"message\":\"too big\"}}\n");
        return;
    }
    if (p->kind == SPLIT) {
        unsigned every = 1 + chance(chance(2) ? 9 : 300);
        put(s, "split-every %u\nchunk-size %u\n", every, 1 + chance(400));
        if (every > 40) put(s, "split-delay 0.3\n");
        pieces += (long)(p->parts * 260 + 1500) / (long)every;
    }
    if (p->kind == CUT || p->kind == TOOLS_CUT) put(s, "cut %u\n", put_offset(p));
    if (p->kind == RESET) put(s, "reset %u\n", put_offset(p));
    if (p->kind == STALL) put(s, "stall %u\n", put_offset(p));
    if (p->kind == IDLE) put(s, "idle-close %u\n", chance(30));
    if (p->kind == UNCLEAN || p->kind == NO_FINISH) put(s, "framing close\n");
    if (p->kind == PLAIN && chance(8) == 0) put(s, "header Connection: close\n");
    if (p->kind == LATE) put(s, "delay %u\n", 20 + chance(400));
    put_parts(s, p, p->kind == SLOW || p->kind >= DEADLINE ? 1 + chance(300) / 10.0 : 0);
    if (p->kind == ERROR_INSIDE) {
        put(s, "event {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":\"server_error\"}}\n");
    }
    if (p->kind == BAD_JSON) put(s, "event {\"choices\":[{\"index\":0,]}\n");
    if (p->kind != NO_FINISH) put_end(s, p);
    if (p->kind == UNCLEAN || p->kind == NO_FINISH) put(s, "cut\n");
    if (p->kind != STALL) return;
    put(s, "exchange s%ld\ntimes 8\n", p->id); /* a silence before the answer is retried, one within it is not */
    put_parts(s, p, 0);
    put_end(s, p);
}

/* ---- streams ------------------------------------------------------------------------------------------------ */

typedef struct stream {
    llm_call *call; /* NULL: the slot is free */
    plan plan;
    int secure, chaos;
    llm_client *client;
    llm_conversation *conversation;
    char *text; /* what the whole must be */
    size_t len, at;
    char *prompt; /* a big one, or NULL */
    int texts, tools, retries, over;
    int tool_bad;
    volatile int cancel;
    long act_at, due; /* -1 never */
    int fd, wants;
    unsigned serial;
} stream;

typedef struct figures {
    long streams, events, retries, nexts, empty, waits, adds, dels, gone;
} figures;
static figures fig;

static void say(const stream *s, const char *what) {
    fprintf(stderr, "    stream %ld, %s, %s: %s\n", s->plan.id, kinds[s->plan.kind].name, s->secure ? "https" : "http",
            what);
}

static void nested(stream *s) {
    llm_request r = llm_request_init();
    llm_response o;
    r.model = "mock:nested";
    r.prompt = "from a handler";
    r.timeout_ms = 30000;
    if (!CHECK(s->chaos || llm_chat(s->client, &r, &o) == LLM_OK)) say(s, o.error.message);
    if (!s->chaos) llm_response_free(&o);
}

static llm_status note(void *user, const llm_tool_call *call, llm_text *result) {
    stream *s = (stream *)user;
    double id = -1;
    s->tools++;
    if (llm_json_number(call->arguments, "/id", &id) != LLM_OK || (long)id != s->plan.id) s->tool_bad = 1;
    if (s->plan.id % 8 == 0) nested(s);
    return llm_text_addf(result, "noted %d", (int)s->plan.id);
}

#define BIG_PROMPT 600000

static void begin(stream *s, llm_client *client, int secure, int chaos, const plan *p) {
    static const llm_tool tool = {"note", "takes a number down", "{\"type\":\"object\"}", 0, NULL, NULL};
    llm_request r = llm_request_init();
    llm_tool mine = tool;
    char model[32], key[48];
    int i, loop = p->kind == TOOLS || p->kind == TOOLS_CUT;
    llm_status st;
    memset(s, 0, sizeof *s);
    s->plan = *p;
    s->client = client;
    s->secure = secure;
    s->chaos = chaos;
    s->fd = -1;
    s->act_at = s->due = -1;
    s->text = (char *)malloc((size_t)p->parts * 32 + 1);
    if (!s->text) abort();
    for (i = 0; i < p->parts; i++) {
        s->len += (size_t)snprintf(s->text + s->len, 32, "%ld-%d\xE2\x82\xAC|", p->id, i);
    }
    if (chance(20) == 0) {
        snprintf(key, sizeof key, "sk-load-%ld-of-many-keys", p->id);
        CHECK_INT(llm_client_set_key(client, key), LLM_OK);
    }
    snprintf(model, sizeof model, "mock:s%ld", p->id);
    mine.handler = note;
    mine.user = s;
    r.model = model;
    r.prompt = "tell me of wild-geese";
    if (p->kind == BIG || p->kind == BIG_EARLY) {
        s->prompt = (char *)malloc(BIG_PROMPT + 1);
        if (!s->prompt) abort();
        memset(s->prompt, 'a', BIG_PROMPT);
        s->prompt[BIG_PROMPT] = 0;
        r.prompt = s->prompt;
        pieces += BIG_PROMPT / 1024;
    }
    if (p->kind == CANCEL) r.cancel = &s->cancel;
    if (p->kind == DEADLINE) r.timeout_ms = p->act_ms;
    if (p->kind == CANCEL || p->kind == LET_GO) s->act_at = now_ms() + p->act_ms;
    if (loop && p->id % 2) {
        CHECK_INT(llm_conversation_new(client, &s->conversation), LLM_OK);
        r.conversation = s->conversation;
    }
    r.tools = loop ? &mine : NULL;
    r.tool_count = loop ? 1 : 0;
    st = loop ? llm_start_with_tools(client, &r, 4, &s->call) : llm_start(client, &r, &s->call);
    if (!CHECK_INT(st, LLM_OK)) {
        fprintf(stderr, "    %s\n", llm_last_error(client)->message);
        exit(1);
    }
    free(s->prompt); /* it is read only until here */
    s->prompt = NULL;
    fig.streams++;
}

static unsigned allowed(const stream *s) {
    unsigned a = kinds[s->plan.kind].allowed[s->secure];
    if (!s->chaos) return a;
    if (s->plan.kind == RATE_ONCE) a |= B(E_RATE); /* the last attempt after two that broke */
    if (s->plan.kind == DOWN_ONCE) a |= B(E_SERVER);
    return a | BROKEN | B(E_TLS) | B(E_TIMEOUT);
}

/* The descriptor must be out of the caller's loop by now. */
static void end(stream *s, llm_status st) {
    const kind *k = &kinds[s->plan.kind];
    llm_response o;
    llm_event ev;
    llm_status got;
    int e, ok = 1, loop = s->plan.kind == TOOLS || s->plan.kind == TOOLS_CUT;
    if (s->over) ok &= CHECK(llm_next(s->call, &ev, 0) == st); /* it repeats, and no event comes */
    got = llm_finish(s->call, &o);
    s->call = NULL;
    if (st == LLM_DONE) st = LLM_OK;
    ok &= CHECK(got == o.status && (s->over ? got == st : got == LLM_ERR_CANCELLED));
    for (e = 0; e < E_OTHER && statuses[e] != got; e++) {}
    endings[s->plan.kind][e]++;
    ok &= CHECK(allowed(s) & B(e));
    ok &= CHECK(s->at <= s->len && (got != LLM_OK || s->at == s->len));
    /* a round with tools has no text; what it ends with is in the response */
    ok &= CHECK(o.content_len == s->at && memcmp(o.content, s->text, s->at) == 0 && o.content[s->at] == 0);
    ok &= CHECK(!s->tool_bad && (!loop || s->tools == 1 || got != LLM_OK || s->chaos));
    if (got == LLM_OK) {
        ok &= CHECK(o.finish_reason == (s->plan.kind == NO_FINISH ? LLM_FINISH_NONE : LLM_FINISH_STOP));
        if (!loop) ok &= CHECK_INT(o.error.attempts, s->retries + 1);
        if (!s->chaos && (s->plan.kind == RATE_ONCE || s->plan.kind == DOWN_ONCE)) ok &= CHECK_INT(s->retries, 1);
        if (loop && !s->chaos) ok &= CHECK_INT(o.iterations, 2); /* a round that broke is answered otherwise */
    }
    if (got == LLM_ERR_CONNECTION || got == LLM_ERR_RATE_LIMIT) ok &= CHECK(s->at == 0);
    if (!s->chaos && got == LLM_ERR_RATE_LIMIT) ok &= CHECK_INT(s->retries, 2);
    if (planted("memory") && s->plan.id % 16 == 0) (void)t_malloc(100000); /* is never freed */
    if (!ok) {
        fprintf(stderr, "    stream %ld, %s, %s: %s, %zu of %zu bytes, %zu in the response, %d retries: %s\n",
                s->plan.id, k->name, s->secure ? "https" : "http", llm_status_name(got), s->at, s->len, o.content_len,
                s->retries, o.error.message);
    }
    if (!planted("response") || s->plan.id % 16) llm_response_free(&o);
    llm_conversation_free(s->conversation);
    s->conversation = NULL;
    free(s->text);
    s->text = NULL;
}

static void look(stream *s, const llm_event *ev) {
    fig.events++;
    if (ev->kind == LLM_EVENT_TEXT) {
        s->texts++;
        if (s->at + ev->len > s->len || memcmp(s->text + s->at, ev->text, ev->len)) {
            WRONG("a text that is another's, lost or twice");
            say(s, "its text is wrong");
        }
        s->at += ev->len;
    } else if (ev->kind == LLM_EVENT_RETRY) {
        s->retries++;
        fig.retries++;
        CHECK(ev->error && ev->error->status < 0 && ev->delay_ms >= 0);
    }
}

/* Everything that is there. 0 = the stream is over, *st says how, or is to be let go. */
static int pump(stream *s, llm_status *st) {
    llm_event ev;
    int first, more_often;
    for (more_often = planted("often") ? 200 : 0; more_often > 0; more_often--) {
        fig.nexts++;
        if (llm_next(s->call, &ev, 0) == LLM_OK) look(s, &ev);
    }
    for (first = 1;; first = 0) {
        *st = llm_next(s->call, &ev, 0);
        fig.nexts++;
        if (*st == LLM_PENDING) {
            /* those of whom bytes come or go without making an event do not count */
            fig.empty += first && s->plan.kind != SPLIT && s->plan.kind != BIG && s->plan.kind != BIG_EARLY;
            return 1;
        }
        if (*st != LLM_OK) {
            s->over = 1;
            return 0;
        }
        look(s, &ev);
        if (s->plan.kind == EARLY && s->texts >= s->plan.act_parts) return 0;
    }
}

/* What a scenario does of its own accord at its time. 0 = the stream is to be let go. */
static int act(stream *s, long now) {
    if (s->act_at < 0 || now < s->act_at) return 1;
    s->act_at = -1;
    if (s->plan.kind == LET_GO) return 0;
    s->cancel = 1;
    s->due = now; /* who sets the flag in the same thread need not wait for it to be seen */
    return 1;
}

/* ---- a round: one script, many streams, so many at a time --------------------------------------------------- */

typedef struct round_ {
    t_mock *m;
    llm_client **clients; /* [0] HTTP, [1] HTTPS; NULL: none */
    stream *slots;
    int slot_count;
    plan *plans;
    int plan_count, plan_at;
    int chaos;
    int active;
    int poller; /* -1: llm_wait() */
} round_;

static long next_id = 1;

static void plans_make(round_ *r, int only) {
    static const char nest[] = "exchange nested\ntimes always\nchunk nested\nfinish stop\ndone\n";
    string s = {NULL, 0, 0};
    unsigned sum = 0;
    int i, k;
    for (k = 0; k < KINDS; k++) sum += kinds[k].weight;
    put(&s, "%s", nest);
    for (i = 0; i < r->plan_count; i++) {
        plan *p = &r->plans[i];
        unsigned at = chance(sum);
        memset(p, 0, sizeof *p);
        for (k = 0; at >= kinds[k].weight; k++) at -= kinds[k].weight;
        p->kind = only >= 0 ? only : k;
        p->id = next_id++;
        p->parts = 1 + (int)chance(chance(10) == 0 ? 200 : 40);
        p->act_ms = 1 + (int)chance(700);
        p->act_parts = 1 + (int)chance((unsigned)p->parts);
        if (only < 0) put_stream(&s, p, r->chaos);
    }
    r->plan_at = 0;
    if (only < 0 && !t_mock_script(r->m, s.p)) exit(1);
    free(s.p);
}

static int more(round_ *r, stream *s) {
    int secure;
    if (r->plan_at == r->plan_count) return 0;
    secure = !r->clients[0] ? 1 : !r->clients[1] ? 0 : (int)chance(2);
    begin(s, r->clients[secure], secure, r->chaos, &r->plans[r->plan_at++]);
    r->active++;
    return 1;
}

/* ---- the driver with llm_wait() ----------------------------------------------------------------------------- */

static void wait_turn(round_ *r, stream *s) {
    llm_status st = LLM_OK;
    if (pump(s, &st)) return;
    end(s, st);
    r->active--;
    more(r, s);
}

static void run_wait(round_ *r) {
    llm_call **calls = (llm_call **)malloc((size_t)r->slot_count * sizeof *calls);
    stream **who = (stream **)malloc((size_t)r->slot_count * sizeof *who);
    int i, n;
    if (!calls || !who) abort();
    for (i = 0; i < r->slot_count; i++) more(r, &r->slots[i]);
    while (r->active) {
        long now = now_ms(), nearest = -1;
        llm_status st;
        for (i = n = 0; i < r->slot_count; i++) {
            stream *s = &r->slots[i];
            while (s->call && !act(s, now)) {
                end(s, LLM_PENDING);
                r->active--;
                more(r, s);
            }
            if (!s->call) continue;
            if (s->act_at >= 0 && (nearest < 0 || s->act_at < nearest)) nearest = s->act_at;
            who[n] = s;
            calls[n++] = s->call;
        }
        if (n == 0) break;
        st = llm_wait(calls, (size_t)n, nearest < 0 ? -1 : nearest > now ? (int)(nearest - now) : 0);
        fig.waits++;
        if (!CHECK(st == LLM_OK || st == LLM_PENDING)) {
            fprintf(stderr, "    %s\n", llm_last_error(r->clients[0] ? r->clients[0] : r->clients[1])->message);
            exit(1);
        }
        for (i = 0; i < n; i++) {
            if (llm_call_ready(calls[i])) wait_turn(r, who[i]);
        }
    }
    free(calls);
    free(who);
}

/* ---- the driver with epoll ---------------------------------------------------------------------------------- */

/* A socket that the library has closed has left the set by itself; only then may removing it fail. */
static void unregister(round_ *r, stream *s, int must) {
    if (s->fd < 0) return;
    fig.dels++;
    if (epoll_ctl(r->poller, EPOLL_CTL_DEL, s->fd, NULL) != 0) {
        fig.gone++;
        if (!CHECK(!must && (errno == EBADF || errno == ENOENT))) say(s, strerror(errno));
    }
    s->fd = -1;
}

static void register_(round_ *r, stream *s) {
    struct epoll_event e;
    int fd = llm_call_fd(s->call), wants = llm_call_wants(s->call), ms;
    unsigned serial = llm_call_fd_serial(s->call);
    if (s->fd >= 0 && (fd != s->fd || serial != s->serial)) unregister(r, s, 0);
    memset(&e, 0, sizeof e);
    e.data.ptr = s;
    e.events = (wants & LLM_WANT_READ ? (uint32_t)EPOLLIN : 0) | (wants & LLM_WANT_WRITE ? (uint32_t)EPOLLOUT : 0);
    if (fd >= 0 && s->fd < 0) {
        fig.adds++;
        if (!CHECK(epoll_ctl(r->poller, EPOLL_CTL_ADD, fd, &e) == 0)) say(s, strerror(errno));
    } else if (fd >= 0 && wants != s->wants) {
        if (!CHECK(epoll_ctl(r->poller, EPOLL_CTL_MOD, fd, &e) == 0)) say(s, strerror(errno));
    }
    s->fd = fd;
    s->serial = serial;
    s->wants = wants;
    ms = llm_call_timeout_ms(s->call);
    s->due = ms < 0 ? -1 : now_ms() + ms;
    if (fd < 0 && ms < 0) {
        WRONG("neither a descriptor nor a time to wait for");
        say(s, "would hang");
    }
}

static void poll_turn(round_ *r, stream *s, int let_go) {
    llm_status st = LLM_PENDING;
    if (!let_go && pump(s, &st)) {
        register_(r, s);
        return;
    }
    unregister(r, s, !s->over);
    end(s, st);
    r->active--;
    if (more(r, s)) register_(r, s);
}

static void run_poll(round_ *r) {
    struct epoll_event e[256];
    int i, n;
    for (i = 0; i < r->slot_count; i++) {
        if (more(r, &r->slots[i])) register_(r, &r->slots[i]);
    }
    while (r->active) {
        long now = now_ms(), nearest = -1;
        for (i = 0; i < r->slot_count; i++) {
            stream *s = &r->slots[i];
            if (!s->call) continue;
            if (s->due >= 0 && (nearest < 0 || s->due < nearest)) nearest = s->due;
            if (s->act_at >= 0 && (nearest < 0 || s->act_at < nearest)) nearest = s->act_at;
        }
        n = epoll_wait(r->poller, e, 256, nearest < 0 ? -1 : nearest > now ? (int)(nearest - now) : 0);
        fig.waits++;
        if (n < 0 && errno != EINTR) abort();
        for (i = 0; i < n; i++) {
            stream *s = (stream *)e[i].data.ptr;
            if (!s->call || s->fd < 0) {
                WRONG("a stale descriptor in the set");
                continue;
            }
            poll_turn(r, s, 0);
        }
        now = now_ms();
        for (i = 0; i < r->slot_count; i++) {
            stream *s = &r->slots[i];
            if (!s->call) continue;
            if (!act(s, now)) poll_turn(r, s, 1);
            else if (s->due >= 0 && now >= s->due) poll_turn(r, s, 0);
        }
    }
}

/* ---- phases ------------------------------------------------------------------------------------------------- */

static int streams = 300;
static t_mock server;

static llm_client *client_make(const char *base, int idle_ms) {
    llm_config f = llm_config_init();
    llm_client *c = NULL;
    llm_error e;
    f.api_key = "sk-load-the-first-key";
    f.base_url = base;
    f.ca_file = server.ca_file;
    f.connect_timeout_ms = 60000 + 300 * streams;
    f.idle_timeout_ms = idle_ms;
    f.max_idle = streams / 4;
    if (llm_client_new(&c, &f, &e) != LLM_OK) {
        fprintf(stderr, "llm_client_new: %s\n", e.message);
        exit(1);
    }
    return c;
}

/* 0: as many as there can be. */
static void descriptors_limit(int n) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return;
    limit.rlim_cur = n ? (rlim_t)n : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

typedef struct phase_ {
    const char *name;
    int http, https, epoll, chaos; /* chaos: 1 connections are cut, 2 there are too few descriptors */
} phase_;

/* Connections are cut within the handshake or later, or as soon as they are accepted; t_mock_reset() ends it. */
static void chaos_set(void) {
    char lines[128];
    const char *how[2] = {"fin", "reset"};
    snprintf(lines, sizeof lines, "wire-cut %u %s\non-accept %s %d\n", 200 + chance(6000), how[chance(2)],
             how[chance(2)], streams / 5);
    if (!t_mock_config(&server, lines)) exit(1);
}

static void figures_check(long cpu) {
    /* a wake-up for each write of the server's at the most, and so many for connecting, retries and endings */
    long bound = pieces + fig.events + 40 * fig.streams + 12 * fig.retries;
    printf("    %ld streams, %ld events, %ld retries; %ld llm_next(), %ld of them for nothing, %ld waits; cpu %ld ms, "
           "%.3f ms a stream\n", fig.streams, fig.events, fig.retries, fig.nexts, fig.empty, fig.waits, cpu,
           (double)cpu / (double)fig.streams);
    CHECK(fig.nexts <= bound);
    CHECK(fig.empty <= 12 * fig.streams + 8 * fig.retries + fig.events / 4);
    CHECK(fig.waits <= bound);
    CHECK(fig.events > fig.streams);
    if (fig.adds) printf("    epoll: %ld added, %ld removed, %ld of them had gone with their socket\n", fig.adds,
                         fig.dels, fig.gone);
}

enum { WARM = 3, MEASURED = 4, SLACK_KB = 2048, KEPT = 1 << 20 };

/* For the defect "kept": memory that grows with every round, is in no hook's count, and is freed at the end, so that
   nothing but the process's size between rounds shows it. */
static void *keep(void *list) {
    void **one = (void **)malloc(KEPT);
    if (!one) abort();
    memset(one, 1, KEPT);
    *one = list;
    return one;
}

static void phase(const phase_ *f, long ms) {
    void *grown = NULL;
    round_ r;
    llm_client *clients[2] = {NULL, NULL};
    char named[64];
    long until = now_ms() + ms, cpu = cpu_ms(), rss = 0, rss_end = 0, blocks = 0, most = 0, n;
    int rounds = 0, before = descriptors(), idle_ms = 1000 + 5 * streams, i;
    memset(&r, 0, sizeof r);
    memset(&fig, 0, sizeof fig);
    pieces = 0;
    t_mock_reset(&server);
    if (f->chaos == 2) descriptors_limit(before + 20 + streams * 3 / 5);
    snprintf(named, sizeof named, "http://localhost:%d/v1", server.http_port);
    if (f->http) clients[0] = client_make(f->epoll ? named : server.http_base, idle_ms);
    if (f->https) clients[1] = client_make(server.https_base, idle_ms);
    r.m = &server;
    r.clients = clients;
    r.chaos = f->chaos != 0;
    r.slot_count = streams;
    r.plan_count = streams;
    r.slots = (stream *)calloc((size_t)r.slot_count, sizeof *r.slots);
    r.plans = (plan *)calloc((size_t)r.plan_count, sizeof *r.plans);
    r.poller = f->epoll ? epoll_create1(EPOLL_CLOEXEC) : -1;
    if (!r.slots || !r.plans) abort();
    do {
        plans_make(&r, -1);
        if (f->chaos == 1) chaos_set();
        if (f->epoll) run_poll(&r);
        else run_wait(&r);
        rounds++;
        if (planted("descriptor")) (void)dup(0);
        CHECK(descriptors() <= before + 1 + 2 * (streams / 4) + 2);
        if (planted("kept")) grown = keep(grown);
        /* Without the kept connections every round must leave the same: blocks of the library's equal, and no more of
           the process than WARM rounds have left, but for SLACK_KB that the C library's heap may scatter. */
        for (i = 0; i < 2; i++) {
            while (clients[i] && llmi_conn_yield(clients[i])) {}
        }
        n = rss_kb();
        if (rounds <= WARM) {
            if (n > rss) rss = n;
            blocks = t_live;
        } else {
            CHECK_INT(t_live, blocks);
            if (n > most) most = n;
            rss_end = n;
        }
    } while (now_ms() < until || rounds < WARM + MEASURED);
    for (i = 0; i < 2; i++) llm_client_free(clients[i]);
    descriptors_limit(0);
    if (f->epoll) close(r.poller);
    free(r.slots);
    free(r.plans);
    printf("%s: %d at once, %d rounds\n", f->name, streams, rounds);
    figures_check(cpu_ms() - cpu);
    printf("    memory between rounds: %ld blocks; resident %ld KiB after %d rounds, %ld at the end, %ld at the most\n",
           blocks, rss, WARM, rss_end, most);
    CHECK(rounds >= WARM + MEASURED);
    CHECK(rss_end <= rss + SLACK_KB);
    while (grown) {
        void *next = *(void **)grown;
        free(grown);
        grown = next;
    }
    CHECK_INT(descriptors(), before);
    CHECK_INT(t_live, 0);
    t_live = 0;
    if (!CHECK_INT(t_mock_stat(&server, "bad_requests"), 0)) {
        char *stats = t_mock_ask(&server, "GET", "stats", NULL);
        fprintf(stderr, "    %s\n", stats ? stats : "no statistics");
        free(stats);
    }
    fflush(stdout);
}

/* All streams wait for a server that says nothing: nobody may wake up. */
static void quiet(int secure, int epoll) {
    round_ r;
    llm_client *clients[2] = {NULL, NULL};
    struct epoll_event e[64];
    llm_call **calls = (llm_call **)calloc((size_t)streams, sizeof *calls);
    long until, cpu, waits = 0;
    int i, ready = 0;
    memset(&r, 0, sizeof r);
    memset(&fig, 0, sizeof fig);
    t_mock_reset(&server);
    t_mock_script(&server, "exchange quiet\ntimes always\nwait quiet\nchunk late\nfinish stop\ndone\n");
    clients[secure] = client_make(secure ? server.https_base : server.http_base, 60000 + 300 * streams);
    r.m = &server;
    r.clients = clients;
    r.slot_count = r.plan_count = streams;
    r.slots = (stream *)calloc((size_t)streams, sizeof *r.slots);
    r.poller = epoll_create1(EPOLL_CLOEXEC);
    if (!r.slots || !calls) abort();
    for (i = 0; i < streams; i++) {
        llm_request q = llm_request_init();
        q.model = "mock:quiet";
        q.prompt = "say nothing";
        r.slots[i].fd = -1;
        if (!CHECK_INT(llm_start(clients[secure], &q, &r.slots[i].call), LLM_OK)) exit(1);
        calls[i] = r.slots[i].call;
    }
    until = now_ms() + 60000 + 300 * streams;
    while (t_mock_stat(&server, "waiting") < streams && now_ms() < until) {
        llm_status st;
        (void)llm_wait(calls, (size_t)streams, 20);
        for (i = 0; i < streams; i++) (void)pump(&r.slots[i], &st);
    }
    CHECK_INT(t_mock_stat(&server, "waiting"), streams);
    for (i = 0; i < streams && epoll; i++) register_(&r, &r.slots[i]);
    fig.nexts = 0;
    cpu = cpu_ms();
    until = now_ms() + 1000;
    while (now_ms() < until) {
        int left = (int)(until - now_ms());
        if (epoll) ready += epoll_wait(r.poller, e, 64, left);
        else ready += llm_wait(calls, (size_t)streams, left) == LLM_OK;
        if (++waits > 1000) break;
    }
    cpu = cpu_ms() - cpu;
    printf("silence, %s, %s: %d at once, %ld waits, %d wake-ups in a second, cpu %ld ms\n",
           secure ? "https" : "http", epoll ? "epoll" : "llm_wait", streams, waits, ready, cpu);
    CHECK_INT(ready, 0);
    CHECK(waits <= 3);
    CHECK(cpu <= 100);
    for (i = 0; i < streams; i++) {
        unregister(&r, &r.slots[i], 1);
        CHECK_INT(llm_finish(r.slots[i].call, NULL), LLM_ERR_CANCELLED);
    }
    llm_client_free(clients[secure]);
    close(r.poller);
    free(r.slots);
    free(calls);
    CHECK_INT(t_live, 0);
    t_live = 0;
    fflush(stdout);
}

static void table(void) {
    long all[ENDINGS] = {0};
    int k, e;
    for (k = 0; k < KINDS; k++) {
        long n = 0;
        for (e = 0; e < ENDINGS; e++) n += endings[k][e];
        printf("%-13s %6ld:", kinds[k].name, n);
        for (e = 0; e < ENDINGS; e++) {
            const char *name = llm_status_name(statuses[e]);
            if (endings[k][e]) printf(" %s %ld", e ? name + 8 : "OK", endings[k][e]);
            all[e] += endings[k][e];
        }
        printf("\n");
    }
    printf("all:");
    for (e = 0; e < E_OTHER; e++) printf(" %s %ld", e ? llm_status_name(statuses[e]) + 8 : "OK", all[e]);
    printf(" others %ld", all[E_OTHER]);
    printf("\n");
}

int main(int argc, char **argv) {
    static const phase_ phases[] = {
        {"llm_wait, http", 1, 0, 0, 0},
        {"llm_wait, https", 0, 1, 0, 0},
        {"epoll, http and https", 1, 1, 1, 0},
        {"epoll, http and https, connections cut at random", 1, 1, 1, 1},
        {"llm_wait, http, too few descriptors", 1, 0, 0, 2}};
    static const char *const more_args[] = {"--lifetime", "3600", NULL};
    const long seconds = argc > 2 ? atol(argv[2]) : 20;
    unsigned long seed = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
    int i, n = (int)(sizeof phases / sizeof phases[0]);
    if (argc > 1) streams = atoi(argv[1]);
    if (streams < 4 || seconds < 1) {
        fprintf(stderr, "load [STREAMS [SECONDS [SEED [DEFECT]]]]\n");
        return 2;
    }
    seed_at = (uint64_t)seed * 0x9E3779B97F4A7C15ull + 1;
    descriptors_limit(0);
    alarm((unsigned)seconds * 8 + 600); /* a stream that hangs must not hang the suite */
    if (!t_mock_start(&server, more_args)) return 1;
    printf("%d streams, %ld seconds, seed %lu\n", streams, seconds, seed);
    if (argc > 4) { /* one short phase shows it */
        defect = argv[4];
        phase(&phases[2], seconds * 1000);
        CHECK(t_mock_stop(&server));
        return t_done();
    }
    for (i = 0; i < 4; i++) quiet(i / 2, i % 2);
    for (i = 0; i < n; i++) phase(&phases[i], seconds * 1000);
    table();
    CHECK(t_mock_stop(&server));
    return t_done();
}

/* test_call.c - the engine on a scripted network and clock: retries, deadlines, cancelling, kept connections, early
   answers, event loops, the key in memory, memory from a block, and every failure of an allocation or a net hook. */
#include "script.h"

#define KEY                 "sk-0123456789abcdefABCDEF"
#define BUSY                "{\"error\":{\"message\":\"busy\"}}"
#define SERVER_ERROR(extra) sc_answer(500, extra, BUSY)

/* ---- what on_retry and the events say --------------------------------------------------------------------- */

typedef struct seen {
    int retries, events, texts, cancel_at;
    int64_t delay[16], event_delay[16];
    llm_status why[16];
    int attempts[16];
    char text[256];
} seen;

static void on_retry(void *user, const llm_error *why, int64_t delay) {
    seen *s = (seen *)user;
    if (s->retries == 16) exit(1);
    s->delay[s->retries] = delay;
    s->attempts[s->retries] = why->attempts;
    s->why[s->retries++] = why->status;
}

static int on_event(void *user, const llm_event *ev) {
    seen *s = (seen *)user;
    if (ev->kind == LLM_EVENT_RETRY) {
        CHECK(ev->error != NULL && ev->error->status < 0);
        s->event_delay[s->events++ % 16] = ev->delay_ms;
    } else if (ev->kind == LLM_EVENT_TEXT) {
        strncat(s->text, ev->text, ev->len < 100 ? ev->len : 100);
        if (++s->texts == s->cancel_at) return 1;
    }
    return 0;
}

/* One chat or stream, blocking or not, on the script as it stands; leaves the response to the caller. */
enum { STREAM = 1, POLL = 2 };
static llm_status go(llm_client *c, int how, seen *s, const llm_request *request, llm_response *o) {
    llm_request r = request ? *request : sc_hi();
    llm_call *call = NULL;
    llm_error e;
    if (how & POLL) {
        if (llmi_call_new(c, &r, how & STREAM, 0, &call, &e) != LLM_OK) exit(1);
        return sc_drive(call, on_event, s, o);
    }
    return how & STREAM ? llm_chat_stream(c, &r, on_event, s, o) : llm_chat(c, &r, o);
}

static llm_status simple(llm_client *c, int how) {
    seen s;
    llm_response o;
    llm_status st;
    memset(&s, 0, sizeof s);
    st = go(c, how, &s, NULL, &o);
    llm_response_free(&o);
    return st;
}

static void clean(llm_client *c) {
    llm_client_free(c);
    CHECK_INT(t_live, 0);
    CHECK_INT(sc.opens, sc.closes);
    CHECK(strstr(sc.log.p, KEY) == NULL); /* promise 1: not in the log */
    CHECK(strstr(sc.log.p, SC_PROMPT) == NULL);
    t_live = 0;
}

/* ---- retries ------------------------------------------------------------------------------------------------ */

static void test_retry_statuses(void) {
    static const struct {
        int status;
        const char *head, *body;
        int requests;
        llm_status last;
    } row[] = {
        {408, "", BUSY, 3, LLM_ERR_TIMEOUT},
        {409, "", BUSY, 3, LLM_ERR_CONFLICT},
        {429, "", BUSY, 3, LLM_ERR_RATE_LIMIT},
        {500, "", BUSY, 3, LLM_ERR_SERVER},
        {502, "", "<html>", 3, LLM_ERR_SERVER},
        {503, "", "", 3, LLM_ERR_SERVER},
        {529, "", BUSY, 3, LLM_ERR_SERVER},
        {400, "", BUSY, 1, LLM_ERR_BAD_REQUEST},
        {401, "", BUSY, 1, LLM_ERR_AUTH},
        {403, "", BUSY, 1, LLM_ERR_PERMISSION},
        {404, "", BUSY, 1, LLM_ERR_NOT_FOUND},
        {413, "", BUSY, 1, LLM_ERR_API},
        {422, "", BUSY, 1, LLM_ERR_BAD_REQUEST},
        {425, "", BUSY, 1, LLM_ERR_API},
        {302, "Location: http://x.example/\r\n", "", 1, LLM_ERR_API},
        {402, "", BUSY, 1, LLM_ERR_QUOTA},
        {400, "x-should-retry: true\r\n", BUSY, 3, LLM_ERR_BAD_REQUEST},
        {500, "x-should-retry: false\r\n", BUSY, 1, LLM_ERR_SERVER},
        {400, "x-should-retry: True\r\n", BUSY, 1, LLM_ERR_BAD_REQUEST},
        {429, "", "{\"error\":{\"message\":\"no credit\",\"code\":\"insufficient_quota\"}}", 1, LLM_ERR_QUOTA},
        {429, "x-should-retry: true\r\n", "{\"error\":{\"code\":\"insufficient_quota\"}}", 1, LLM_ERR_QUOTA},
        {503, "Connection: close\r\n", BUSY, 3, LLM_ERR_SERVER},
    };
    size_t i;
    int how, k;
    char name[64];
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        for (how = 0; how < 4; how++) {
            llm_config f = llm_config_init();
            llm_response o;
            llm_client *c;
            seen s;
            memset(&s, 0, sizeof s);
            sc_reset();
            for (k = 0; k < 4; k++) {
                sc_conn();
                sc_answer(row[i].status, row[i].head, row[i].body);
                if (strstr(row[i].head, "close")) continue;
                sc_answer(row[i].status, row[i].head, row[i].body);
                sc_answer(row[i].status, row[i].head, row[i].body);
            }
            f.on_retry = on_retry;
            f.on_retry_user = &s;
            c = sc_client(&f);
            snprintf(name, sizeof name, "HTTP %d %.30s, way %d", row[i].status, row[i].head, how);
            t_case = name;
            CHECK_INT(go(c, how, &s, NULL, &o), row[i].last);
            CHECK_INT(sc.reqs, row[i].requests);
            CHECK_INT(o.error.attempts, row[i].requests);
            CHECK_INT(s.retries, row[i].requests - 1);
            CHECK_INT(s.events, how ? row[i].requests - 1 : 0);
            if (s.retries == 2) {
                CHECK_INT(s.delay[0], 500);
                CHECK_INT(s.delay[1], 1000);
                CHECK_INT(s.attempts[0], 1);
                CHECK_INT(s.attempts[1], 2);
                CHECK_INT(s.why[0], row[i].last);
                CHECK_INT(sc.now - 1000000, 1500);
                if (how) CHECK_INT(s.event_delay[1], 1000);
                CHECK(sc.reqs == 3 && strcmp(sc.req[0].all.p, sc.req[2].all.p) == 0); /* sent again as it was */
            } else {
                CHECK_INT(sc.now, 1000000);
            }
            llm_response_free(&o);
            clean(c);
        }
    }
    t_case = "";
}

static void test_retry_after(void) {
    static const struct {
        const char *head;
        long delay;
        long said;
    } row[] = {
        /* -1: no retry; said: error.retry_after_ms */
        {"Retry-After: 2\r\n", 2000, 2000},
        {"retry-after-ms: 250\r\n", 250, 250},
        {"retry-after-ms: 250\r\nRetry-After: 7\r\n", 250, 250},
        {"Retry-After: 7\r\nretry-after-ms: 250\r\n", 250, 250},
        {"retry-after-ms: soon\r\nRetry-After: 1\r\n", 1000, 1000},
        {"Retry-After: 0.2\r\n", 200, 200},
        {"Retry-After: Sun, 06 Nov 1994 08:49:47 GMT\r\n", 10000, 10000},
        {"Retry-After: Sunday, 06-Nov-94 08:49:47 GMT\r\n", 10000, 10000},
        {"Retry-After: Sun Nov  6 08:49:47 1994\r\n", 10000, 10000},
        {"Retry-After: Sun, 06 Nov 1994 08:00:00 GMT\r\n", 500, -1},
        {"Retry-After: 0\r\n", 0, 0},
        {"retry-after-ms: 0\r\n", 0, 0},
        {"Retry-After: -10\r\n", 500, -1},
        {"Retry-After: soon\r\n", 500, -1},
        {"Retry-After: 1abc\r\n", 500, -1},
        {"Retry-After: inf\r\n", 500, -1},
        {"Retry-After: nan\r\n", 500, -1},
        {"Retry-After: \r\n", 500, -1},
        {"Retry-After: 61\r\n", 61000, 61000},
        {"Retry-After: 120\r\n", 120000, 120000},
        {"Retry-After: 121\r\n", -1, 121000},
        {"Retry-After: 121\r\nx-should-retry: true\r\n", -1, 121000},
        {"Retry-After: 99999999999999999999999999\r\n", -1, -2},
        {"Retry-After: Sun, 06 Nov 2094 08:49:37 GMT\r\n", -1, -2},
    };
    size_t i;
    int status;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        for (status = 429; status <= 503; status += 74) {
            llm_config f = llm_config_init();
            llm_response o;
            llm_client *c;
            llm_request r = sc_hi();
            seen s;
            memset(&s, 0, sizeof s);
            t_case = row[i].head;
            sc_reset();
            sc_conn();
            sc_answer(status, row[i].head, BUSY);
            sc_answer(200, "", SC_OK_JSON("yes"));
            f.on_retry = on_retry;
            f.on_retry_user = &s;
            c = sc_client(&f);
            if (row[i].delay >= 0) {
                CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
                CHECK_INT(s.retries, 1);
                CHECK_INT(s.delay[0], row[i].delay);
                CHECK_INT(sc.now - 1000000, row[i].delay);
                CHECK_INT(o.status, LLM_OK);
            } else {
                CHECK_INT(llm_chat(c, &r, &o), status == 429 ? LLM_ERR_RATE_LIMIT : LLM_ERR_SERVER);
                CHECK_INT(s.retries, 0);
                CHECK_INT(sc.reqs, 1);
                if (row[i].said > 0) CHECK(strstr(o.error.message, " 121 seconds ") != NULL);
                CHECK(strstr(o.error.message, "LLM_MAX_RETRY_AFTER_MS") != NULL);
                if (row[i].said == -2)
                    CHECK(o.error.retry_after_ms > 120000);
                else
                    CHECK_INT(o.error.retry_after_ms, row[i].said);
            }
            llm_response_free(&o);
            clean(c);
        }
    }
    t_case = "";
}

/* However long the server's own words are, the wait that it asks for is told, and no character is cut. */
static void test_retry_after_is_told(void) {
    int n, lead;
    for (n = 340; n < 520; n++) {
        for (lead = 0; lead < 2; lead++) {
            char body[1200];
            size_t at = (size_t)sprintf(body, "{\"error\":{\"message\":\"%s", lead ? "x" : ""), bad = 0, i;
            llm_client *c;
            llm_request r = sc_hi();
            llm_response o;
            for (i = 0; i < (size_t)n / 2; i++) at += (size_t)sprintf(body + at, "\xC3\xA9");
            sprintf(body + at, "\"}}");
            sc_reset();
            sc_conn();
            sc_answer(429, "retry-after-ms: 120001\r\n", body);
            c = sc_client(NULL);
            CHECK_INT(llm_chat(c, &r, &o), LLM_ERR_RATE_LIMIT);
            CHECK(strstr(o.error.message, "\xC3\xA9. ") != NULL); /* the last character is whole */
            CHECK(strstr(o.error.message, ". A wait of 121 seconds is asked for, more than LLM_MAX_RETRY_AFTER_MS") != NULL);
            for (i = 0; o.error.message[i]; i += bad) CHECK((bad = llmi_utf8_next(o.error.message + i, strlen(o.error.message) - i, &at)) > 0);
            llm_response_free(&o);
            clean(c);
        }
    }
}

static void test_backoff(void) {
    static const int64_t most[8] = {500, 1000, 2000, 4000, 8000, 8000, 8000, 8000};
    int random, i;
    for (random = 0; random <= 256; random += 64) {
        llm_config f = llm_config_init();
        llm_client *c;
        seen s;
        memset(&s, 0, sizeof s);
        sc_reset();
        sc.random = (unsigned char)(random == 256 ? 255 : random);
        sc.random_fails = random == 128;
        for (i = 0; i < 9; i++) {
            sc_conn();
            SERVER_ERROR("");
        }
        f.max_retries = 8;
        f.on_retry = on_retry;
        f.on_retry_user = &s;
        c = sc_client(&f);
        CHECK_INT(simple(c, 0), LLM_ERR_SERVER);
        CHECK_INT(s.retries, 8);
        for (i = 0; i < s.retries; i++) {
            CHECK(s.delay[i] <= most[i] && s.delay[i] >= most[i] * 3 / 4);
            if (random == 0 || random == 128) CHECK_INT(s.delay[i], most[i]);
            if (random == 256) CHECK(s.delay[i] < most[i] * 76 / 100);
        }
        clean(c);
    }
}

/* promise 5: nothing delivered twice. */
static void test_no_retry_after_an_event(void) {
    int how, k;
    for (how = STREAM; how <= (STREAM | POLL); how += POLL) {
        for (k = 0; k < 4; k++) {
            llm_response o;
            llm_client *c;
            llm_status wanted = k == 3 ? LLM_OK : LLM_ERR_TRUNCATED;
            seen s;
            memset(&s, 0, sizeof s);
            sc_reset();
            sc_conn();
            sc_await();
            if (k < 3) sc_give(SC_SSE_HEAD, -1);
            if (k < 2) sc_chunk_s(SC_DELTA("once"));
            if (k == 0)
                sc_close();
            else
                sc_rst();
            sc_conn();
            sc_stream(SC_DELTA("twice") SC_STOP SC_DONE);
            c = sc_client(NULL);
            CHECK_INT(go(c, how, &s, NULL, &o), wanted); /* k == 2: a head came: no retry; k == 3: none came */
            CHECK_INT(sc.reqs, k == 3 ? 2 : 1);
            CHECK_STR(s.text, k < 2 ? "once" : k == 3 ? "twice" : "");
            CHECK_STR(o.content, s.text); /* partial answers are kept */
            CHECK_INT(o.usage.known, 0);  /* unknown, not zero */
            llm_response_free(&o);
            clean(c);
        }
    }
}

static void test_connection_errors(void) {
    static const struct {
        int open_result;
        llm_status status;
        const char *says;
    } row[] = {
        {LLM_NET_REFUSED, LLM_ERR_CONNECTION, "refused"},
        {LLM_NET_NO_HOST, LLM_ERR_CONNECTION, "no address"},
        {LLM_NET_FAILED, LLM_ERR_CONNECTION, "cannot connect"},
        {-99, LLM_ERR_CONNECTION, "cannot connect"},
    };
    size_t i;
    int how, k;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        for (how = 0; how < 4; how++) {
            llm_response o;
            llm_client *c;
            seen s;
            memset(&s, 0, sizeof s);
            sc_reset();
            for (k = 0; k < 3; k++) sc_conn()->open_result = row[i].open_result;
            c = sc_client(NULL);
            CHECK_INT(go(c, how, &s, NULL, &o), row[i].status);
            CHECK(strstr(o.error.message, row[i].says) != NULL);
            CHECK(strstr(o.error.message, "127.0.0.1") != NULL);
            CHECK_INT(o.error.attempts, 3);
            CHECK_INT(o.error.http_status, 0);
            CHECK_INT(sc.opens, 3);
            llm_response_free(&o);
            CHECK_INT(simple(c, how), LLM_ERR_CONNECTION); /* still in order */
            clean(c);
        }
    }
    /* a reset, or the end, before the first byte of the answer and within its head */
    for (k = 0; k < 4; k++) {
        llm_response o;
        llm_client *c;
        seen s;
        memset(&s, 0, sizeof s);
        sc_reset();
        sc_conn();
        sc_await();
        if (k & 2) sc_give("HTTP/1.1 200 O", -1);
        if (k & 1)
            sc_close();
        else
            sc_rst();
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("yes"));
        c = sc_client(NULL);
        CHECK_INT(go(c, 0, &s, NULL, &o), LLM_OK);
        CHECK_INT(sc.reqs, 2);
        CHECK_STR(o.content, "yes");
        llm_response_free(&o);
        clean(c);
    }
}

/* ---- deadlines: promise 6 ----------------------------------------------------------------------------------- */

enum { AT_OPEN, AT_SEND, AT_HEAD, AT_HALF_HEAD, AT_ERROR_BODY, AT_BODY, AT_EVENT, AT_WAIT, PLACES };
static const char *const place_name[] = {"open",       "send", "head",  "half a head",
                                         "error body", "body", "event", "retry wait"};

/* A server that is silent from there on; trickle: sends a byte every so many milliseconds instead. */
static void silent_at(int place, int trickle) {
    sc_conn_t *k;
    int i;
    sc_reset();
    k = sc_conn();
    if (place == AT_OPEN) {
        k->open_ms = -1;
        k = sc_conn();
        k->open_ms = -1;
    }
    if (place == AT_SEND) k->send_block_at = 40;
    sc_await();
    if (place == AT_HALF_HEAD) sc_give("HTTP/1.1 200 OK\r\nX-A: ", -1);
    if (place == AT_ERROR_BODY)
        sc_give("HTTP/1.1 400 No\r\nContent-Length: 100000\r\n\r\n{\"error\":{\"message\":\"", -1);
    if (place >= AT_BODY && place < AT_WAIT) sc_give(SC_SSE_HEAD "10000\r\n", -1);
    if (place == AT_EVENT) sc_give(SC_DELTA("once"), -1);
    if (place == AT_WAIT) {
        SERVER_ERROR("Retry-After: 100\r\n");
        k->at = k->first + 1; /* the await above is SERVER_ERROR's */
    }
    for (i = 0; trickle && i < 300; i++) {
        sc_pause(trickle);
        sc_give(place == AT_BODY ? ":" : "x", -1);
    }
    if (place == AT_WAIT) {
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("too late"));
    }
}

static void test_deadlines(void) {
    int place, how, trickle;
    for (place = 0; place < PLACES; place++) {
        t_case = place_name[place];
        for (how = STREAM; how <= (STREAM | POLL); how += POLL) {
            llm_config f = llm_config_init();
            llm_request r = sc_hi();
            llm_response o;
            llm_client *c;
            uint64_t start, ms = 5000;
            seen s;
            /* connect and idle: exactly when they are due, and the message names the setting */
            memset(&s, 0, sizeof s);
            silent_at(place, 0);
            f.connect_timeout_ms = 5000;
            f.idle_timeout_ms = 7000;
            f.max_retries = -1;
            if (place != AT_WAIT) {
                c = sc_client(&f);
                start = sc.now;
                ms = place == AT_OPEN ? 5000 : 7000;
                if (place == AT_ERROR_BODY) { /* the status was said: it tells more than the silence after it */
                    CHECK_INT(go(c, how, &s, &r, &o), LLM_ERR_BAD_REQUEST);
                } else {
                    CHECK_INT(go(c, how, &s, &r, &o), LLM_ERR_TIMEOUT);
                    CHECK(strstr(o.error.message, place == AT_OPEN ? "connect_timeout_ms" : "idle_timeout_ms") != NULL);
                    CHECK_INT(o.error.retryable, 1);
                }
                CHECK_INT(sc.now - start, ms);
                CHECK_STR(o.content, place == AT_EVENT ? "once" : "");
                llm_response_free(&o);
                clean(c);
            }
            /* total, with the others switched off; also against a server that trickles */
            for (trickle = 0; trickle <= 900; trickle += 900) {
                if (trickle && (place == AT_HEAD || place == AT_OPEN || place == AT_SEND)) continue;
                memset(&s, 0, sizeof s);
                silent_at(place, place == AT_WAIT ? 0 : trickle);
                f.connect_timeout_ms = trickle ? 0 : -1;
                f.idle_timeout_ms = trickle ? 2000 : -1;
                f.max_retries = 1;
                c = sc_client(&f);
                r.timeout_ms = 9000;
                start = sc.now;
                if (place ==
                    AT_WAIT) { /* the wait would outlast the deadline: the answer that is known is better now */
                    CHECK_INT(go(c, how, &s, &r, &o), LLM_ERR_SERVER);
                    CHECK_INT(sc.now - start, 0);
                } else if (place == AT_ERROR_BODY) {
                    CHECK_INT(go(c, how, &s, &r, &o), LLM_ERR_BAD_REQUEST);
                    CHECK_INT(sc.now - start, 9000);
                } else {
                    CHECK_INT(go(c, how, &s, &r, &o), LLM_ERR_TIMEOUT);
                    CHECK_INT(sc.now - start, 9000);
                    CHECK(strstr(o.error.message, "timeout_ms") != NULL);
                }
                llm_response_free(&o);
                clean(c);
            }
        }
    }
    t_case = "";
}

/* A slow line up: each byte that is taken is progress. One that takes nothing for as long as idle_timeout_ms is none. */
static void test_slow_upload(void) {
    static char prompt[3000];
    int how, blocks;
    memset(prompt, 'p', sizeof prompt - 1);
    for (how = 0; how <= POLL; how += POLL) {
        for (blocks = 0; blocks <= 1; blocks++) {
            llm_config f = llm_config_init();
            llm_request r = sc_hi();
            llm_response o;
            llm_client *c;
            seen s;
            uint64_t start;
            memset(&s, 0, sizeof s);
            sc_reset();
            sc_conn()->send_block_at = blocks ? 1000 : 0;
            sc_answer(200, "", SC_OK_JSON("got it"));
            sc.send_max = 100;
            sc.send_every = 900;
            f.idle_timeout_ms = 1000;
            f.max_retries = -1;
            r.prompt = prompt;
            c = sc_client(&f);
            start = sc.now;
            CHECK_INT(go(c, how, &s, &r, &o), blocks ? LLM_ERR_TIMEOUT : LLM_OK);
            if (blocks) CHECK_INT(sc.now - start, 9 * 900 + 1000);
            else CHECK(sc.now - start > 29 * 900);
            llm_response_free(&o);
            clean(c);
        }
    }
}

/* An error body without end: its beginning is enough. */
static void test_endless_error(void) {
    static char chunk[1200];
    int how, i;
    memset(chunk, 'x', sizeof chunk - 1);
    memcpy(chunk, "400\r\n", 5);
    memcpy(chunk + 5 + 1024, "\r\n", 3);
    for (how = 0; how <= (STREAM | POLL); how++) {
        llm_config f = llm_config_init();
        llm_response o;
        llm_client *c;
        seen s;
        uint64_t start;
        memset(&s, 0, sizeof s);
        sc_reset();
        sc_conn();
        sc_await();
        sc_give("HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n", -1);
        for (i = 0; i < 1000; i++) {
            sc_pause(100);
            sc_give(chunk, -1);
        }
        f.max_retries = -1;
        c = sc_client(&f);
        start = sc.now;
        CHECK_INT(go(c, how, &s, NULL, &o), LLM_ERR_AUTH);
        CHECK_INT(sc.now - start, 65 * 100); /* 64 KiB and one chunk more */
        CHECK_INT(sc.closes, 1);
        llm_response_free(&o);
        clean(c);
    }
}

/* finish_reason has come: a deadline that ends the wait for usage and [DONE] ends no answer that lacks anything
   (promise 5). Without finish_reason it is a time-out, with the text that came. */
static void test_silence_after_finish(void) {
    int how, finish, kind;
    for (how = STREAM; how <= (STREAM | POLL); how += POLL) {
        for (finish = 0; finish <= 1; finish++) {
            for (kind = 0; kind < 3; kind++) { /* idle; total; total against a server that trickles */
                llm_config f = llm_config_init();
                llm_response o;
                llm_client *c;
                seen s;
                uint64_t start;
                int i;
                memset(&s, 0, sizeof s);
                sc_reset();
                sc_conn();
                sc_await();
                sc_give(SC_SSE_HEAD "10000\r\n" SC_DELTA("all of it"), -1);
                if (finish)
                    sc_give("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", -1);
                for (i = 0; kind == 2 && i < 50; i++) {
                    sc_pause(300);
                    sc_give(":\n", -1);
                }
                f.max_retries = 1;
                f.idle_timeout_ms = kind == 0 ? 3000 : 700;
                f.timeout_ms = kind == 0 ? 0 : 3000;
                if (kind == 1) f.idle_timeout_ms = -1;
                c = sc_client(&f);
                start = sc.now;
                CHECK_INT(go(c, how, &s, NULL, &o), finish ? LLM_OK : LLM_ERR_TIMEOUT);
                CHECK_INT(sc.now - start, 3000);
                CHECK_STR(o.content, "all of it");
                CHECK_INT(o.finish_reason, finish ? LLM_FINISH_STOP : LLM_FINISH_NONE);
                CHECK_INT(o.usage.known, 0);
                CHECK_INT(o.error.status, finish ? LLM_OK : LLM_ERR_TIMEOUT);
                llm_response_free(&o);
                clean(c);
            }
        }
    }
}

/* One delta brings reasoning, text and finish_reason, and the deadline passes before the second of its two events is
   asked for: it is told all the same. */
static void test_late_between_events(void) {
    llm_config f = llm_config_init();
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    llm_call *call;
    llm_event ev;
    llm_status s;
    sc_reset();
    sc_conn();
    sc_stream("data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"why\",\"content\":\"so\"},"
              "\"finish_reason\":\"stop\"}]}\n\n");
    f.timeout_ms = 3000;
    c = sc_client(&f);
    CHECK_INT(llm_start(c, &r, &call), LLM_OK);
    while ((s = llm_next(call, &ev, 0)) == LLM_PENDING && sc_tick(call)) {}
    CHECK_INT(s, LLM_OK);
    CHECK_INT(ev.kind, LLM_EVENT_REASONING);
    sc_clock(sc.now + 5000); /* the caller takes its time */
    CHECK_INT(llm_next(call, &ev, 0), LLM_OK);
    CHECK_INT(ev.kind, LLM_EVENT_TEXT);
    CHECK_INT(ev.len, 2);
    CHECK_INT(llm_next(call, &ev, 0), LLM_DONE);
    CHECK_INT(llm_finish(call, &o), LLM_OK);
    CHECK_STR(o.content, "so");
    CHECK_STR(o.reasoning, "why");
    llm_response_free(&o);
    clean(c);
}

/* The notice of a retry comes when the attempt has failed, not when the wait after it is over. */
static void test_notice_after_silence(void) {
    llm_config f = llm_config_init();
    llm_request r = sc_hi();
    llm_client *c;
    llm_call *call;
    llm_event ev;
    llm_status s;
    uint64_t start;
    sc_reset();
    sc_conn();
    sc_await();
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("later"));
    f.idle_timeout_ms = 3000;
    f.max_retries = 1;
    c = sc_client(&f);
    start = sc.now;
    CHECK_INT(llm_start(c, &r, &call), LLM_OK);
    while ((s = llm_next(call, &ev, 0)) == LLM_PENDING && sc_tick(call)) {}
    CHECK_INT(s, LLM_OK);
    CHECK_INT(ev.kind, LLM_EVENT_RETRY);
    CHECK_INT(ev.error->status, LLM_ERR_TIMEOUT);
    CHECK_INT(sc.now - start, 3000);
    CHECK_INT(llm_finish(call, NULL), LLM_ERR_CANCELLED);
    clean(c);
}

static void test_deadline_over_attempts(void) {
    llm_config f = llm_config_init();
    llm_response o;
    llm_client *c;
    seen s;
    int k;
    memset(&s, 0, sizeof s);
    sc_reset();
    for (k = 0; k < 4; k++) { /* each attempt takes 400 ms: 0-400, 900-1300, then the wait of 1000 does not fit */
        sc_conn();
        sc_await();
        sc_pause(400);
        sc_give("HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", -1);
    }
    f.timeout_ms = 2200;
    f.max_retries = 9;
    c = sc_client(&f);
    CHECK_INT(go(c, STREAM, &s, NULL, &o), LLM_ERR_SERVER);
    CHECK_INT(o.error.attempts, 2);
    CHECK(sc.now - 1000000 <= 2200);
    llm_response_free(&o);
    clean(c);
    /* the deadline ends the second attempt, which hangs */
    memset(&s, 0, sizeof s);
    sc_reset();
    sc_conn();
    SERVER_ERROR("");
    sc_await();
    c = sc_client(&f);
    CHECK_INT(go(c, STREAM | POLL, &s, NULL, &o), LLM_ERR_TIMEOUT);
    CHECK_INT(sc.now - 1000000, 2200);
    CHECK_INT(o.error.attempts, 2);
    llm_response_free(&o);
    clean(c);
    /* negative means none: an hour is fine */
    sc_reset();
    sc_conn()->open_ms = 3600000;
    sc_await();
    sc_pause(3600000);
    sc_give("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", -1);
    f.timeout_ms = f.idle_timeout_ms = f.connect_timeout_ms = -1;
    c = sc_client(&f);
    CHECK_INT(simple(c, 0), LLM_ERR_PROTOCOL);
    CHECK(sc.now - 1000000 >= 7200000);
    clean(c);
    /* the defaults: 10 s to connect, 600 s of silence, no bound on the whole */
    sc_reset();
    sc_conn()->open_ms = -1;
    f = llm_config_init();
    f.max_retries = -1;
    c = sc_client(&f);
    CHECK_INT(simple(c, 0), LLM_ERR_TIMEOUT);
    CHECK_INT(sc.now - 1000000, 10000);
    clean(c);
    sc_reset();
    sc_conn();
    sc_await();
    c = sc_client(&f);
    CHECK_INT(simple(c, 0), LLM_ERR_TIMEOUT);
    CHECK_INT(sc.now - 1000000, 600000);
    clean(c);
}

/* ---- cancelling ---------------------------------------------------------------------------------------------- */

static void test_cancel_flag(void) {
    int place, how;
    for (place = 0; place < PLACES; place++) {
        for (how = 0; how < 4; how++) {
            volatile int flag = 0;
            llm_request r = sc_hi();
            llm_response o;
            llm_client *c;
            seen s;
            memset(&s, 0, sizeof s);
            t_case = place_name[place];
            silent_at(place, 0);
            sc.flag = &flag;
            sc.flag_at = sc.now + 12345;
            r.cancel = &flag;
            c = sc_client(NULL);
            CHECK_INT(go(c, how, &s, &r, &o), LLM_ERR_CANCELLED);
            if (place == AT_OPEN)
                CHECK(sc.now > 1010000); /* the second attempt; the wait between them is cancelled as well */
            CHECK(sc.now >= sc.flag_at && sc.now - sc.flag_at <= 100);
            CHECK_INT(o.error.retryable, 0);
            llm_response_free(&o);
            sc.flag = NULL;
            if (place != AT_WAIT) CHECK_INT(sc.opens, sc.closes); /* not kept */
            clean(c);
        }
    }
    t_case = "";
}

static void test_cancel_by_event(void) {
    int how;
    for (how = STREAM; how <= (STREAM | POLL); how += POLL) {
        llm_response o;
        llm_client *c;
        seen s;
        memset(&s, 0, sizeof s);
        s.cancel_at = 2;
        sc_reset();
        sc_conn();
        sc_stream(SC_DELTA("one ") SC_DELTA("two") SC_DELTA("three") SC_STOP SC_DONE);
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("yes"));
        c = sc_client(NULL);
        CHECK_INT(go(c, how, &s, NULL, &o), LLM_ERR_CANCELLED);
        CHECK_INT(s.texts, 2);
        CHECK(strncmp(o.content, "one two", 7) == 0); /* partial answers are kept */
        CHECK_INT(o.error.status, LLM_ERR_CANCELLED);
        llm_response_free(&o);
        CHECK_INT(simple(c, 0), LLM_OK); /* on a new connection: the old one is mid-answer */
        CHECK_INT(sc.opens, 2);
        clean(c);
    }
    { /* llm_finish() in every stage, with and without out */
        int stop;
        for (stop = 0; stop < 60; stop++) {
            llm_request r = sc_hi();
            llm_response o;
            llm_event ev;
            llm_call *call;
            llm_client *c;
            llm_status s = LLM_PENDING;
            int i;
            sc_reset();
            sc.recv_max = 11;
            sc.send_max = 31;
            sc_conn()->open_ms = 3;
            sc_stream(SC_DELTA("one ") SC_DELTA("two") SC_STOP SC_DONE);
            c = sc_client(NULL);
            CHECK_INT(llm_start(c, &r, &call), LLM_OK);
            for (i = 0; i < stop; i++) {
                s = llm_next(call, &ev, 0);
                if (s == LLM_PENDING) sc_tick(call);
            }
            if (stop & 1) {
                CHECK_INT(llm_finish(call, NULL), s == LLM_DONE ? LLM_OK : LLM_ERR_CANCELLED);
                if (s != LLM_DONE) CHECK_INT(llm_last_error(c)->status, LLM_ERR_CANCELLED);
            } else {
                CHECK_INT(llm_finish(call, &o), s == LLM_DONE ? LLM_OK : LLM_ERR_CANCELLED);
                if (s == LLM_DONE) CHECK_STR(o.content, "one two");
                llm_response_free(&o);
            }
            clean(c);
        }
        CHECK(stop == 60);
    }
}

/* What a call left in the client's error does not stand beside a later one's. */
static void test_older_error(void) {
    llm_config f = llm_config_init();
    llm_request r = sc_hi();
    llm_response o;
    llm_call *call;
    llm_client *c;
    int how;
    f.max_retries = -1;
    for (how = 0; how < 3; how++) {
        sc_reset();
        sc_conn();
        sc_answer(500, "x-request-id: older\r\nretry-after: 7\r\n", "{}");
        c = sc_client(&f);
        CHECK_INT(llm_start(c, &r, &call), LLM_OK);
        CHECK_INT(sc_drive(call, NULL, NULL, NULL), LLM_ERR_SERVER);
        CHECK_INT(llm_last_error(c)->http_status, 500);
        CHECK_STR(llm_last_error(c)->request_id, "older");
        if (how == 0) CHECK_INT(llm_start(c, NULL, &call), LLM_ERR_USAGE);
        if (how == 1) CHECK_INT(llm_start_with_tools(c, NULL, 0, &call), LLM_ERR_USAGE);
        if (how == 2) {
            CHECK_INT(llm_chat(c, NULL, &o), LLM_ERR_USAGE);
            CHECK_INT(o.error.http_status, 0);
            llm_response_free(&o);
        }
        CHECK_INT(llm_last_error(c)->http_status, 0);
        CHECK_INT(llm_last_error(c)->attempts, 0);
        CHECK_INT(llm_last_error(c)->retry_after_ms, -1);
        CHECK_STR(llm_last_error(c)->request_id, "");
        clean(c);
    }
    CHECK_INT(llm_chat(NULL, &r, &o), LLM_ERR_USAGE);
    CHECK_INT(o.error.retry_after_ms, -1);
    CHECK_STR(o.content, "");
    llm_response_free(&o);
    CHECK_INT(llm_chat(NULL, &r, NULL), LLM_ERR_USAGE);
}

/* ---- kept connections ---------------------------------------------------------------------------------------- */

static void test_keep_alive(void) {
    llm_config f = llm_config_init();
    llm_client *c;
    llm_response o;
    seen s;
    int how, i, k;
    for (how = 0; how < 4; how++) { /* one connection for all */
        sc_reset();
        sc_conn();
        for (i = 0; i < 5; i++) {
            if (how & STREAM)
                sc_stream(SC_DELTA("x") SC_STOP SC_DONE);
            else
                sc_answer(200, "", SC_OK_JSON("x"));
        }
        c = sc_client(NULL);
        for (i = 0; i < 5; i++) CHECK_INT(simple(c, how), LLM_OK);
        CHECK_INT(sc.opens, 1);
        CHECK_INT(sc.reqs, 5);
        clean(c);
    }
    /* an error answer is read to its end and its connection kept */
    sc_reset();
    sc_conn();
    sc_answer(404, "", BUSY);
    sc_answer(200, "", SC_OK_JSON("x"));
    c = sc_client(NULL);
    CHECK_INT(simple(c, 0), LLM_ERR_NOT_FOUND);
    CHECK_INT(simple(c, 0), LLM_OK);
    CHECK_INT(sc.opens, 1);
    clean(c);
    /* Connection: close, HTTP/1.0, and a body up to the connection's end are not kept */
    for (i = 0; i < 3; i++) {
        sc_reset();
        sc_conn();
        if (i == 0)
            sc_answer(200, "Connection: close\r\n", SC_OK_JSON("x"));
        else {
            sc_await();
            sc_give(i == 1 ? "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"
                           : "HTTP/1.1 200 OK\r\n\r\n" SC_OK_JSON("x"),
                    -1);
            if (i == 2) sc_close();
        }
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("x"));
        c = sc_client(NULL);
        CHECK_INT(simple(c, 0), i == 1 ? LLM_ERR_API : LLM_OK);
        CHECK_INT(sc.closes, 1);
        CHECK_INT(simple(c, 0), LLM_OK);
        CHECK_INT(sc.opens, 2);
        clean(c);
    }
    /* max_idle < 0: none is kept */
    f.max_idle = -1;
    sc_reset();
    for (i = 0; i < 2; i++) {
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("x"));
    }
    c = sc_client(&f);
    CHECK_INT(simple(c, 0), LLM_OK);
    CHECK_INT(sc.closes, 1);
    CHECK_INT(simple(c, 0), LLM_OK);
    CHECK_INT(sc.opens, 2);
    clean(c);
    /* three calls at once, max_idle 2: one of the three is closed */
    {
        llm_call *call[3];
        llm_request r = sc_hi();
        sc_reset();
        for (i = 0; i < 3; i++) {
            sc_conn();
            sc_stream(SC_DELTA("x") SC_STOP SC_DONE);
        }
        c = sc_client(NULL);
        for (i = 0; i < 3; i++) {
            llm_event ev;
            CHECK_INT(llm_start(c, &r, &call[i]), LLM_OK);
            CHECK_INT(llm_next(call[i], &ev, 0), LLM_OK);
        }
        for (i = 0; i < 3; i++) CHECK_INT(sc_drive(call[i], NULL, NULL, NULL), LLM_OK);
        CHECK_INT(sc.opens, 3);
        CHECK_INT(sc.closes, 1);
        clean(c);
    }
    /* memory is short: of two kept connections the one that has waited for longer is closed */
    {
        llm_call *call[2];
        llm_request r = sc_hi();
        sc_reset();
        for (i = 0; i < 2; i++) {
            sc_conn();
            sc_stream(SC_DELTA("x") SC_STOP SC_DONE);
        }
        c = sc_client(NULL);
        for (i = 0; i < 2; i++) {
            llm_event ev;
            CHECK_INT(llm_start(c, &r, &call[i]), LLM_OK);
            CHECK_INT(llm_next(call[i], &ev, 0), LLM_OK);
        }
        for (i = 0; i < 2; i++) CHECK_INT(sc_drive(call[i], NULL, NULL, NULL), LLM_OK);
        CHECK_INT(c->idle_count, 2);
        for (i = 0; i < 2; i++) {
            CHECK_INT(sc.conn[i].closed, 0);
            CHECK_INT(llmi_conn_yield(c), 1);
            CHECK_INT(sc.conn[i].closed, 1);
            CHECK_INT(c->idle_count, 1 - i);
        }
        CHECK_INT(llmi_conn_yield(c), 0);
        clean(c);
    }
    /* the last chunk comes after [DONE]: the connection is good if it comes by the next request, or 100 ms after it
       where the caller waits anyway, even byte by byte; else unused */
    for (i = 0; i < 5; i++) {
        static const int late[] = {50, 50, 95, 105, 2000};
        llm_event ev;
        llm_call *call;
        sc_reset();
        sc_conn();
        sc_await();
        sc_give(SC_SSE_HEAD, -1);
        sc_chunk_s(SC_DELTA("x") SC_DONE);
        sc_pause(late[i]);
        for (k = 0; k < 5; k++) {
            sc_give(&"0\r\n\r\n"[k], 1);
            if (i > 0) sc_pause(1);
        }
        sc_answer(200, "", SC_OK_JSON("x"));
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("x"));
        c = sc_client(NULL);
        CHECK_INT(simple(c, STREAM), LLM_OK);
        if (i == 0) sc_clock(sc.now + 60);
        if (i == 1) {      /* one that does not wait */
            llm_request r = sc_hi();
            CHECK_INT(llm_start(c, &r, &call), LLM_OK);
            CHECK_INT(llm_next(call, &ev, 0), LLM_OK);
            CHECK_INT(sc_drive(call, NULL, NULL, NULL), LLM_OK);
        } else {
            CHECK_INT(simple(c, 0), LLM_OK);
        }
        CHECK_INT(sc.opens, i == 0 || i == 2 ? 1 : 2);
        clean(c);
    }
    /* two that are both late: one is waited for, and no longer than the caller waits or 100 ms */
    for (i = 0; i < 2; i++) {
        static const int waits[] = {10, -1}, most[] = {10, 100};
        llm_call *call[2];
        llm_event ev;
        llm_request r = sc_hi();
        uint64_t before;
        sc_reset();
        for (k = 0; k < 2; k++) {
            sc_conn();
            sc_await();
            sc_give(SC_SSE_HEAD, -1);
            sc_chunk_s(SC_DELTA("x") SC_STOP SC_DONE);
            sc_pause(2000);
            sc_give("0\r\n\r\n", -1);
        }
        sc_conn();
        sc_stream(SC_DELTA("x") SC_STOP SC_DONE);
        c = sc_client(NULL);
        for (k = 0; k < 2; k++) {
            CHECK_INT(llm_start(c, &r, &call[k]), LLM_OK);
            CHECK_INT(llm_next(call[k], &ev, 0), LLM_OK);
        }
        for (k = 0; k < 2; k++) CHECK_INT(sc_drive(call[k], NULL, NULL, NULL), LLM_OK);
        CHECK_INT(c->idle_count, 2);
        before = sc.now;
        CHECK_INT(llm_start(c, &r, &call[0]), LLM_OK);
        CHECK_INT(llm_next(call[0], &ev, waits[i]), LLM_OK);
        CHECK(sc.now - before >= (uint64_t)most[i] && sc.now - before <= (uint64_t)most[i] + 1);
        CHECK_INT(sc_drive(call[0], NULL, NULL, NULL), LLM_OK);
        CHECK_INT(sc.opens, 3);
        clean(c);
    }
    /* bytes behind an answer never become the next one: a whole answer in them is not taken */
    for (i = 0; i < 2; i++) {
        sc_reset();
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("first"));
        if (i) sc_pause(10);
        sc_give("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", -1);
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("second"));
        c = sc_client(NULL);
        memset(&s, 0, sizeof s);
        CHECK_INT(go(c, 0, &s, NULL, &o), LLM_OK);
        CHECK_STR(o.content, "first");
        llm_response_free(&o);
        sc_clock(sc.now + 20);
        CHECK_INT(go(c, 0, &s, NULL, &o), LLM_OK);
        CHECK_STR(o.content, "second");
        llm_response_free(&o);
        clean(c);
    }
}

/* A retry may meet another kept connection that is dead: that is no attempt either. */
static void test_stale_twice(void) {
    llm_config f = llm_config_init();
    llm_response o;
    llm_client *c;
    seen s;
    memset(&s, 0, sizeof s);
    f.max_retries = 1;
    f.on_retry = on_retry;
    f.on_retry_user = &s;
    sc_reset();
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("x"));
    sc_await();
    sc_close();
    sc_conn();
    sc_answer(429, "retry-after-ms: 5\r\n", "{}");
    sc_await();
    sc_close();
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("b"));
    c = sc_client(&f);
    CHECK_INT(simple(c, 0), LLM_OK);
    CHECK_INT(go(c, 0, &s, NULL, &o), LLM_OK);
    CHECK_STR(o.content, "b");
    CHECK_INT(s.retries, 1);
    CHECK_INT(sc.opens, 3);
    llm_response_free(&o);
    clean(c);
}

static void test_stale(void) {
    int how, k;
    for (how = 0; how < 4; how++) {
        for (k = 0; k < 4; k++) { /* closed or reset, when the request has come or between the two */
            llm_config f = llm_config_init();
            llm_response o;
            llm_client *c;
            seen s;
            memset(&s, 0, sizeof s);
            f.max_retries = -1;
            f.on_retry = on_retry;
            f.on_retry_user = &s;
            sc_reset();
            sc_conn();
            if (how & STREAM)
                sc_stream(SC_DELTA("x") SC_STOP SC_DONE);
            else
                sc_answer(200, "", SC_OK_JSON("x"));
            if (k & 1) sc_await();
            if (k & 2)
                sc_rst();
            else
                sc_close();
            sc_conn();
            if (how & STREAM)
                sc_stream(SC_DELTA("fresh") SC_STOP SC_DONE);
            else
                sc_answer(200, "", SC_OK_JSON("fresh"));
            c = sc_client(&f);
            CHECK_INT(simple(c, how), LLM_OK);
            CHECK_INT(go(c, how, &s, NULL, &o), LLM_OK);
            CHECK_STR(o.content, "fresh");
            CHECK_INT(s.retries, 0); /* no attempt of the caller's: not counted, not told */
            CHECK_INT(sc.opens, 2);
            CHECK_INT(sc.now, 1000000);
            llm_response_free(&o);
            clean(c);
        }
    }
    { /* once: when the fresh one breaks as well, that is an attempt */
        llm_config f = llm_config_init();
        llm_response o;
        llm_client *c;
        seen s;
        memset(&s, 0, sizeof s);
        f.max_retries = -1;
        sc_reset();
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("x"));
        sc_await();
        sc_close();
        sc_conn();
        sc_await();
        sc_close();
        c = sc_client(&f);
        CHECK_INT(simple(c, 0), LLM_OK);
        CHECK_INT(go(c, 0, &s, NULL, &o), LLM_ERR_CONNECTION);
        CHECK_INT(o.error.attempts, 1);
        CHECK_INT(sc.opens, 2);
        llm_response_free(&o);
        clean(c);
    }
    { /* two kept ones, both dead: a fresh one takes the place of the first that was tried */
        llm_config f = llm_config_init();
        llm_request r = sc_hi();
        llm_call *call[2];
        llm_client *c;
        int i;
        f.max_retries = -1;
        sc_reset();
        for (i = 0; i < 2; i++) {
            sc_conn();
            sc_stream(SC_DELTA("x") SC_STOP SC_DONE);
            sc_await();
            sc_rst();
        }
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("x"));
        c = sc_client(&f);
        for (i = 0; i < 2; i++) {
            llm_event ev;
            CHECK_INT(llm_start(c, &r, &call[i]), LLM_OK);
            CHECK_INT(llm_next(call[i], &ev, 0), LLM_OK);
        }
        for (i = 0; i < 2; i++) CHECK_INT(sc_drive(call[i], NULL, NULL, NULL), LLM_OK);
        CHECK_INT(sc.closes, 0);
        CHECK_INT(simple(c, 0), LLM_OK);
        CHECK_INT(sc.opens, 3);
        clean(c);
    }
    { /* a byte of an answer came: not stale, a broken answer */
        llm_config f = llm_config_init();
        llm_client *c;
        f.max_retries = -1;
        sc_reset();
        sc_conn();
        sc_answer(200, "", SC_OK_JSON("x"));
        sc_await();
        sc_give("H", -1);
        sc_close();
        c = sc_client(&f);
        CHECK_INT(simple(c, 0), LLM_OK);
        CHECK_INT(simple(c, 0), LLM_ERR_CONNECTION);
        CHECK_INT(sc.opens, 1);
        clean(c);
    }
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static void test_early_answer(void) {
    static char big[200000];
    int how, k;
    memset(big, 'x', sizeof big - 1);
    for (how = 0; how < 4; how++) {
        for (k = 0; k < 3; k++) {
            llm_request r = sc_hi();
            llm_response o;
            llm_client *c;
            sc_conn_t *n;
            seen s;
            memset(&s, 0, sizeof s);
            r.prompt = big;
            sc_reset();
            sc.send_max = 5000;
            n = sc_conn();
            if (k == 0)
                n->send_fail_at = 30001; /* the server answers and resets: sending fails */
            else
                n->send_block_at = 30000; /* it answers and reads no more */
            sc_pause(k == 2 ? 500 : 0);
            sc_give("HTTP/1.1 413 Too Large\r\nContent-Type: application/json\r\nContent-Length: 37\r\n", -1);
            if (k != 1) sc_give("Connection: close\r\n", -1); /* it may also forget to say so */
            sc_give("\r\n{\"error\":{\"message\":\"it is too big\"}}", -1);
            if (k != 1) sc_rst();
            sc_conn();
            sc_answer(200, "", SC_OK_JSON("x"));
            c = sc_client(NULL);
            CHECK_INT(go(c, how, &s, &r, &o), LLM_ERR_API);
            CHECK_INT(o.error.http_status, 413);
            CHECK(strstr(o.error.message, "it is too big") != NULL);
            CHECK_INT(sc.opens, 1);
            llm_response_free(&o);
            CHECK_INT(simple(c, 0), LLM_OK); /* not on that connection: it waits for the rest of the body */
            CHECK_INT(sc.opens, 2);
            CHECK(sc.now <= 1003000); /* nor tried on it */
            clean(c);
        }
        { /* it fails, and there is no answer */
            llm_request r = sc_hi();
            llm_response o;
            llm_client *c;
            seen s;
            memset(&s, 0, sizeof s);
            r.prompt = big;
            sc_reset();
            sc_conn()->send_fail_at = 1000;
            sc_conn();
            if (how & STREAM)
                sc_stream(SC_DELTA("x") SC_STOP);
            else
                sc_answer(200, "", SC_OK_JSON("x"));
            c = sc_client(NULL);
            CHECK_INT(go(c, how, &s, &r, &o), LLM_OK);
            CHECK_STR(o.content, "x");
            llm_response_free(&o);
            clean(c);
        }
        { /* 100 Continue while the sending is blocked is no answer: it goes on */
            llm_request r = sc_hi();
            llm_response o;
            llm_client *c;
            seen s;
            memset(&s, 0, sizeof s);
            r.prompt = big;
            sc_reset();
            sc.send_max = 1000;
            sc_conn();
            sc_give("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", -1);
            if (how & STREAM)
                sc_stream(SC_DELTA("x") SC_STOP);
            else
                sc_answer(200, "", SC_OK_JSON("x"));
            c = sc_client(NULL);
            CHECK_INT(go(c, how, &s, &r, &o), LLM_OK);
            CHECK_STR(o.content, "x");
            CHECK_INT(sc.reqs, 1);
            llm_response_free(&o);
            clean(c);
        }
    }
}

static void test_short_writes(void) {
    size_t max;
    int how;
    char *first = NULL;
    for (max = 0; max < 4; max++) {
        for (how = 0; how < 4; how += 2) {
            llm_client *c;
            sc_reset();
            sc.send_max = max;
            sc_conn();
            sc_answer(200, "", SC_OK_JSON("x"));
            c = sc_client(NULL);
            CHECK_INT(simple(c, how), LLM_OK);
            CHECK_INT(sc.reqs, 1);
            if (!first) first = strdup(sc.req[0].all.p);
            CHECK_STR(sc.req[0].all.p, first);
            clean(c);
        }
    }
    CHECK(first != NULL && strstr(first, "\r\nAuthorization: Bearer " KEY "\r\n") != NULL);
    free(first);
}

static void test_odd_answers(void) {
    static const struct {
        const char *answer;
        llm_status status;
        const char *says;
    } row[] = {
        {"HTTP/1.1 204 No Content\r\n\r\n", LLM_ERR_PROTOCOL, "JSON"},
        {"HTTP/1.1 304 Not Modified\r\n\r\n", LLM_ERR_API, "304"},
        {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08", LLM_ERR_PROTOCOL,
         "compressed"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", LLM_ERR_PROTOCOL, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", LLM_ERR_PROTOCOL, ""},
        {"SSH-2.0-OpenSSH_9.2\r\n", LLM_ERR_PROTOCOL, ""},
        {"\x15\x03\x01\x00\x02\x02\x0a", LLM_ERR_PROTOCOL, ""},
        {"HTTP/1.1 307 Away\r\nLocation: https://evil.example:444/path?q=1\r\nContent-Length: 0\r\n\r\n", LLM_ERR_API,
         "https://evil.example:444"},
        {"HTTP/1.1 302 Away\r\nLocation: /v2/chat\r\nContent-Length: 0\r\n\r\n", LLM_ERR_API, "redirects"},
        {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", LLM_ERR_PROTOCOL, ""},
    };
    size_t i;
    int how;
    for (i = 0; i < sizeof row / sizeof row[0]; i++) {
        for (how = 0; how < 4; how++) {
            llm_response o;
            llm_client *c;
            seen s;
            memset(&s, 0, sizeof s);
            t_case = row[i].answer;
            sc_reset();
            sc_conn();
            sc_await();
            sc_give(row[i].answer, -1);
            sc_close();
            sc_conn();
            sc_answer(200, "", SC_OK_JSON("x"));
            c = sc_client(NULL);
            CHECK_INT(go(c, how, &s, NULL, &o), row[i].status);
            if (!strstr(o.error.message, row[i].says)) CHECK_STR(o.error.message, row[i].says);
            CHECK_INT(sc.reqs, 1); /* promise 1: the key goes to no other origin */
            CHECK_INT(sc.opens, 1);
            llm_response_free(&o);
            CHECK_INT(simple(c, 0), LLM_OK);
            clean(c);
        }
    }
    t_case = "";
}

/* Eight characters of the key, in a row. */
static int holds_part(const char *text) {
    char part[9] = {0};
    size_t i;
    for (i = 0; i + 8 < sizeof KEY; i++) {
        memcpy(part, &KEY[i], 8);
        if (strstr(text, part) != NULL) return 1;
    }
    return 0;
}

/* A server that sends the key back in a header field that the caller is told: not whole, and not its beginning where the
   field is longer than what is kept of it. */
static void test_key_in_fields(void) {
    static const struct {
        const char *before, *after; /* and between them letters, before the key or behind it */
    } field[] = {{"x-request-id: ", KEY "-tail"}, {"x-request-id: " KEY, "-tail"}, {"Location: https://", KEY "-tail/x"}};
    char pad[256], line[600];
    llm_response o;
    llm_client *c;
    size_t i, n;
    int status;
    for (i = 0; i < 3; i++) {
        for (n = 0; n < 255; n++) {
            for (status = i < 2 ? 200 : 307; status <= (i < 2 ? 500 : 307); status += 300) {
                seen s;
                memset(&s, 0, sizeof s);
                memset(pad, 'a', n);
                pad[n] = 0;
                snprintf(line, sizeof line, "%s%s%s\r\n", field[i].before, pad, field[i].after);
                sc_reset();
                sc_conn();
                sc_answer(status, line, SC_OK_JSON("x"));
                c = sc_client(NULL);
                (void)go(c, 0, &s, NULL, &o);
                CHECK(!holds_part(o.request_id) && !holds_part(o.error.request_id) && !holds_part(o.error.message));
                llm_response_free(&o);
                clean(c);
            }
        }
    }
}

/* Pointers that are NULL although their count says otherwise, and the like. */
static void test_null_arguments(void) {
    llm_request r[4];
    llm_message m[2];
    llm_tool_call tc;
    llm_response o;
    llm_call *call = NULL;
    llm_client *c;
    int i;
    sc_reset();
    c = sc_client(NULL);
    memset(m, 0, sizeof m);
    memset(&tc, 0, sizeof tc);
    for (i = 0; i < 4; i++) r[i] = sc_hi();
    r[0].message_count = 1;
    r[1].tool_count = 1;
    m[0].role = LLM_ASSISTANT;
    m[0].tool_call_count = 1;
    r[2].messages = &m[0];
    r[2].message_count = 1;
    m[1].role = LLM_ASSISTANT;
    m[1].tool_calls = &tc; /* neither id nor name */
    m[1].tool_call_count = 1;
    r[3].messages = &m[1];
    r[3].message_count = 1;
    for (i = 0; i < 4; i++) {
        CHECK_INT(llm_chat(c, &r[i], &o), LLM_ERR_USAGE);
        CHECK(strstr(o.error.message, "request.") != NULL);
        llm_response_free(&o);
        CHECK_INT(llm_start(c, &r[i], &call), LLM_ERR_USAGE);
        CHECK_INT(llm_last_error(c)->status, LLM_ERR_USAGE);
    }
    CHECK_INT(llm_chat(c, NULL, &o), LLM_ERR_USAGE);
    llm_response_free(&o);
    CHECK_INT(llm_chat(c, &r[0], NULL), LLM_ERR_USAGE);
    CHECK_INT(llm_start(c, NULL, &call), LLM_ERR_USAGE);
    CHECK_INT(llm_start(c, &r[0], NULL), LLM_ERR_USAGE);
    CHECK_INT(llm_start(NULL, &r[0], &call), LLM_ERR_USAGE);
    CHECK_INT(llm_start_with_tools(c, NULL, 0, &call), LLM_ERR_USAGE);
    CHECK_INT(llm_client_new(NULL, NULL, NULL), LLM_ERR_USAGE);
    CHECK_INT(sc.opens, 0);
    clean(c);
}

static void test_request_head(void) {
    llm_config f = llm_config_init();
    llm_header h[2];
    llm_client *c;
    llm_response o;
    seen s;
    memset(&s, 0, sizeof s);
    h[0].name = "X-Mine";
    h[0].value = "a b";
    h[1].name = "user-agent";
    h[1].value = "me/1";
    f.headers = h;
    f.header_count = 2;
    f.organization = "org-1";
    f.project = "proj_1";
    f.base_url = "http://localhost:99/base/v1/?x=1";
    sc_reset();
    sc_conn();
    sc_answer(200, "x-request-id: req-7\r\n", SC_OK_JSON("x"));
    c = sc_client(&f);
    CHECK_INT(go(c, 0, &s, NULL, &o), LLM_OK);
    CHECK_STR(o.request_id, "req-7");
    CHECK_STR(sc.host, "localhost");
    CHECK_INT(sc.port, 99);
    CHECK(sc.reqs == 1 &&
          strncmp(sc.req[0].head, "POST /base/v1/chat/completions?x=1 HTTP/1.1\r\nHost: localhost:99\r\n", 65) == 0);
    CHECK(strstr(sc.req[0].head, "\r\nX-Mine: a b\r\n") != NULL);
    CHECK(strstr(sc.req[0].head, "\r\nuser-agent: me/1\r\n") != NULL);
    CHECK(strstr(sc.req[0].head, "User-Agent:") == NULL);
    CHECK(strstr(sc.req[0].head, "\r\nOpenAI-Organization: org-1\r\n") != NULL);
    CHECK(strstr(sc.req[0].head, "\r\nOpenAI-Project: proj_1\r\n") != NULL);
    CHECK(strstr(sc.req[0].head, "\r\nContent-Type: application/json\r\n") != NULL);
    CHECK(strstr(sc.req[0].head, "Idempotency-Key") == NULL);
    llm_response_free(&o);
    clean(c);
    /* "" is no key: no Authorization */
    sc_reset();
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("x"));
    f = llm_config_init();
    f.api_key = "";
    c = sc_client(&f);
    CHECK_INT(simple(c, 0), LLM_OK);
    CHECK(strstr(sc.req[0].head, "Authorization") == NULL);
    clean(c);
    /* the environment, and a setting that wins over it */
    sc_reset();
    sc.env[0] = "OPENAI_API_KEY", sc.env[1] = " sk-from-the-environment\n";
    sc.env[2] = "OPENAI_BASE_URL", sc.env[3] = "http://127.0.0.1:77";
    sc.env[4] = "OPENAI_MODEL", sc.env[5] = "env-model";
    sc.env[6] = "OPENAI_ORG_ID", sc.env[7] = "env-org";
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("x"));
    f = llm_config_init();
    f.organization = "mine";
    CHECK_INT(llm_client_new(&c, &f, NULL), LLM_OK);
    CHECK_INT(simple(c, 0), LLM_OK);
    CHECK_INT(sc.port, 77);
    CHECK(strncmp(sc.req[0].head, "POST /chat/completions HTTP/1.1\r\n", 33) == 0);
    CHECK(strstr(sc.req[0].head, "Authorization: Bearer sk-from-the-environment\r\n") != NULL);
    CHECK(strstr(sc.req[0].head, "OpenAI-Organization: mine\r\n") != NULL);
    CHECK(strstr(sc.req[0].body, "\"model\":\"env-model\"") != NULL);
    clean(c);
}

static void test_request_body(void) {
    llm_request r = llm_request_init();
    llm_message m[3];
    llm_tool_call tc;
    llm_tool t[2];
    llm_client *c;
    llm_response o;
    llm_config f = llm_config_init();
    llm_conversation *conv;
    sc_reset();
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("x"));
    sc_answer(200, "", SC_OK_JSON("x"));
    sc_stream(SC_DELTA("x") SC_STOP);
    sc_stream(SC_DELTA("x") SC_STOP);
    sc_answer(200, "", SC_OK_JSON("x"));
    c = sc_client(NULL);
    memset(m, 0, sizeof m);
    memset(t, 0, sizeof t);
    memset(&tc, 0, sizeof tc);
    tc.id = "call_1";
    tc.name = "add";
    tc.arguments = "{\"a\":1}";
    m[0] = llm_msg(LLM_DEVELOPER, "dev");
    m[0].name = "bob";
    m[1] = llm_msg(LLM_ASSISTANT, NULL);
    m[1].tool_calls = &tc;
    m[1].tool_call_count = 1;
    m[2] = llm_msg(LLM_TOOL, "7");
    m[2].tool_call_id = "call_1";
    t[0].name = "add";
    t[0].description = "adds \"two\"";
    t[0].parameters = "{\"type\":\"object\"}";
    t[0].strict = 1;
    t[1].name = "now";
    CHECK_INT(llm_conversation_new(c, &conv), LLM_OK);
    CHECK_INT(llm_conversation_add(conv, LLM_USER, "earlier"), LLM_OK);
    r.model = "big";
    r.system = "sys";
    r.conversation = conv;
    r.messages = m;
    r.message_count = 3;
    r.prompt = "line\n\"q\" \xC3\xA9 \xFF!";
    r.temperature = llm_num(0.5);
    r.top_p = llm_num(1);
    r.max_tokens = 10;
    r.n = 2;
    r.tools = t;
    r.tool_count = 2;
    r.tool_choice = "add";
    r.response_format = "{\"type\":\"json_object\"}";
    r.reasoning_effort = "low";
    r.stop = "END";
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    llm_response_free(&o);
    /* order: system, conversation, messages, prompt; invalid UTF-8 goes out as U+FFFD */
    CHECK_STR(
        sc.req[0].body,
        "{\"model\":\"big\",\"temperature\":0.5,\"top_p\":1,\"max_tokens\":10,\"n\":2,\"reasoning_effort\":\"low\","
        "\"response_format\":{\"type\":\"json_object\"},\"stop\":\"END\",\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"add\","
        "\"description\":\"adds "
        "\\\"two\\\"\",\"parameters\":{\"type\":\"object\"},\"strict\":true}},{\"type\":\"function\",\"function\":"
        "{\"name\":\"now\"}}],\"messages\":[{\"role\":\"system\",\"content\":\"sys\"},{\"role\":\"user\",\"content\":"
        "\"earlier\"},"
        "{\"role\":\"developer\",\"content\":\"dev\",\"name\":\"bob\"},{\"role\":\"assistant\",\"content\":null,\"tool_"
        "calls\":"
        "[{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"add\",\"arguments\":\"{\\\"a\\\":1}\"}}]},{"
        "\"role\":\"tool\","
        "\"content\":\"7\",\"tool_call_id\":\"call_1\"},{\"role\":\"user\",\"content\":\"line\\n\\\"q\\\" \xC3\xA9 "
        "\xEF\xBF\xBD!\"}],"
        "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"add\"}}}");
    llm_conversation_free(conv);
    /* extra_json wins, also over the model; max_tokens 0 is not sent; raw stop */
    r = llm_request_init();
    r.prompt = "hi, wild-geese";
    r.stop = "[\"a\",\"b\"]";
    r.temperature = llm_num(0.7);
    r.extra_json = " { \"temperature\" : 0.1, \"seed\":7 , \"model\":\"other\" } ";
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    llm_response_free(&o);
    CHECK(strstr(sc.req[1].body, "0.7") == NULL);
    CHECK(strstr(sc.req[1].body, "\"temperature\" : 0.1, \"seed\":7 , \"model\":\"other\"") != NULL);
    CHECK(strstr(sc.req[1].body, "\"model\":\"m\"") == NULL);
    CHECK(strstr(sc.req[1].body, "max_tokens") == NULL);
    CHECK(strstr(sc.req[1].body, "\"stop\":[\"a\",\"b\"]") != NULL);
    CHECK(strstr(sc.req[1].body, "stream") == NULL);
    /* a stream asks for its usage, unless told not to */
    r = sc_hi();
    CHECK_INT(llm_chat_stream(c, &r, NULL, NULL, &o), LLM_OK);
    llm_response_free(&o);
    CHECK_STR(sc.req[2].body,
              "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":"
              "[{\"role\":\"user\",\"content\":\"" SC_PROMPT "\"}]}");
    r.no_stream_usage = 1;
    r.max_tokens = 3;
    r.max_tokens_key = "max_output";
    CHECK_INT(llm_chat_stream(c, &r, NULL, NULL, &o), LLM_OK);
    llm_response_free(&o);
    CHECK_STR(
        sc.req[3].body,
        "{\"model\":\"m\",\"stream\":true,\"max_output\":3,\"messages\":[{\"role\":\"user\",\"content\":\"" SC_PROMPT "\"}]}");
    /* content as raw JSON */
    m[0] = llm_msg(LLM_USER, NULL);
    m[0].content_json = "[{\"type\":\"text\",\"text\":\"x\"}]";
    r = llm_request_init();
    r.messages = m;
    r.message_count = 1;
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    llm_response_free(&o);
    CHECK_STR(sc.req[4].body,
              "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]}");
    clean(c);
    /* to OpenAI itself the limit has another name */
    sc_reset();
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("x"));
    f.base_url = "http://api.openai.com/v1";
    f.allow_plaintext_key = 1;
    c = sc_client(&f);
    r = sc_hi();
    r.max_tokens = 3;
    CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
    llm_response_free(&o);
    CHECK(strstr(sc.req[0].body, "\"max_completion_tokens\":3") != NULL);
    clean(c);
}

/* ---- event loops --------------------------------------------------------------------------------------------- */

static void test_event_loop(void) {
    llm_request r = sc_hi();
    llm_call *call;
    llm_event ev;
    llm_client *c;
    llm_response o;
    unsigned serial, next;
    sc_reset();
    sc_conn()->open_ms = 40;
    sc_await();
    sc_pause(1000);
    sc_give("HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", -1);
    sc_conn();
    sc_conn();
    sc_conn();
    sc.opens = 0;
    c = sc_client(NULL);
    CHECK_INT(llm_start(c, &r, &call), LLM_OK);
    CHECK_INT(sc.opens, 0); /* nothing the network can cause is in llm_start() */
    CHECK_INT(llm_call_fd(call), -1);
    CHECK_INT(llm_call_timeout_ms(call), 0);
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING);
    CHECK_INT(sc.now, 1000000);
    CHECK_INT(llm_call_fd(call), -1);
    CHECK(llm_call_timeout_ms(call) > 0 && llm_call_timeout_ms(call) <= 50); /* nothing to poll: look again soon */
    sc_clock(sc.now + 40);
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING); /* sent; waits for the answer */
    CHECK_INT(sc.reqs, 1);
    CHECK(llm_call_fd(call) >= 0);
    CHECK_INT(llm_call_wants(call), LLM_WANT_READ);
    CHECK_INT(llm_call_timeout_ms(call), 600000);
    serial = llm_call_fd_serial(call);
    CHECK(serial != 0);
    sc_clock(sc.now + 1000);
    CHECK_INT(llm_next(call, &ev, 0), LLM_OK);
    CHECK_INT(ev.kind, LLM_EVENT_RETRY);
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING);
    CHECK_INT(llm_call_fd(call), -1); /* retry wait */
    CHECK_INT(llm_call_wants(call), 0);
    CHECK_INT(llm_call_timeout_ms(call), 500);
    sc_clock(sc.now + 499);
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING);
    CHECK_INT(llm_call_timeout_ms(call), 1);
    CHECK_INT(sc.opens, 1);
    sc_clock(sc.now + 1);
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING);
    CHECK_INT(sc.reqs, 2);
    next = llm_call_fd_serial(call);
    CHECK(next != serial); /* register it again */
    CHECK_INT(llm_finish(call, &o), LLM_ERR_CANCELLED);
    llm_response_free(&o);
    clean(c);
    /* a deadline of the caller's wait */
    sc_reset();
    sc_conn();
    sc_await();
    c = sc_client(NULL);
    CHECK_INT(llm_start(c, &r, &call), LLM_OK);
    CHECK_INT(llm_next(call, &ev, 1234), LLM_PENDING);
    CHECK_INT(sc.now, 1001234);
    CHECK_INT(llm_next(call, &ev, 0), LLM_PENDING);
    CHECK_INT(sc.now, 1001234);
    CHECK_INT(llm_next(NULL, &ev, 0), LLM_ERR_USAGE);
    CHECK_INT(llm_next(call, NULL, 0), LLM_ERR_USAGE);
    CHECK_INT(llm_finish(call, NULL), LLM_ERR_CANCELLED);
    CHECK_INT(llm_finish(NULL, &o), LLM_ERR_USAGE);
    CHECK_STR(o.content, "");
    llm_response_free(&o);
    clean(c);
    /* the end repeats */
    sc_reset();
    sc_conn();
    sc_stream(SC_DELTA("x") SC_STOP SC_DONE);
    c = sc_client(NULL);
    CHECK_INT(llm_start(c, &r, &call), LLM_OK);
    CHECK_INT(llm_next(call, &ev, -1), LLM_OK);
    CHECK_INT(llm_next(call, &ev, -1), LLM_DONE);
    CHECK_INT(llm_next(call, &ev, -1), LLM_DONE);
    CHECK_INT(llm_next(call, &ev, 0), LLM_DONE);
    CHECK_INT(llm_call_fd(call), -1);
    CHECK_INT(llm_finish(call, NULL), LLM_OK);
    clean(c);
    sc_reset();
    sc_conn();
    sc_answer(404, "", BUSY);
    c = sc_client(NULL);
    CHECK_INT(llm_start(c, &r, &call), LLM_OK);
    CHECK_INT(llm_next(call, &ev, -1), LLM_ERR_NOT_FOUND);
    CHECK_INT(llm_next(call, &ev, 0), LLM_ERR_NOT_FOUND);
    CHECK_INT(llm_finish(call, &o), LLM_ERR_NOT_FOUND);
    llm_response_free(&o);
    clean(c);
}

static void test_wait(void) {
    enum { N = 12 };
    llm_call *call[N];
    llm_config f = llm_config_init();
    llm_request r = sc_hi();
    llm_client *c, *other;
    llm_status done[N];
    int i, open = N, rounds = 0;
    memset(done, 0, sizeof done);
    sc_reset();
    for (i = 0; i < N; i++) {
        sc_conn()->open_ms = 5 + i % 3 * 10;
        if (i == 5) { /* one that is refused at first, and waits for its retry */
            SERVER_ERROR("Connection: close\r\nRetry-After: 3\r\n");
            continue;
        }
        sc_await();
        sc_pause(100 * (N - i));
        sc_give(SC_SSE_HEAD, -1);
        sc_chunk_s(SC_DELTA("x"));
        sc_pause(50);
        sc_chunk_s(SC_STOP);
        sc_give("0\r\n\r\n", -1);
    }
    sc_conn();
    sc_stream(SC_DELTA("x") SC_STOP);
    f.max_idle = -1;
    c = sc_client(&f);
    for (i = 0; i < N; i++) CHECK_INT(llm_start(c, &r, &call[i]), LLM_OK);
    CHECK_INT(llm_wait(call, N, 0), LLM_OK); /* all can go on at once */
    for (i = 0; i < N; i++) CHECK(llm_call_ready(call[i]));
    while (open > 0 && ++rounds < 1000) {
        llm_call *left[N];
        int map[N], n = 0;
        for (i = 0; i < N; i++) {
            if (!done[i]) map[n] = i, left[n++] = call[i];
        }
        CHECK(llm_wait(left, (size_t)n, -1) >= LLM_OK);
        for (i = 0; i < n; i++) {
            llm_event ev;
            llm_status s;
            if (!llm_call_ready(left[i])) continue;
            while ((s = llm_next(left[i], &ev, 0)) == LLM_OK) {
            }
            if (s != LLM_PENDING) done[map[i]] = s, open--;
        }
    }
    CHECK(rounds < 100); /* it waited, and did not spin */
    for (i = 0; i < N; i++) {
        llm_response o;
        CHECK_INT(done[i], LLM_DONE);
        CHECK_INT(llm_finish(call[i], &o), LLM_OK);
        CHECK_STR(o.content, "x");
        llm_response_free(&o);
    }
    clean(c);
    /* time is up; wrong use */
    sc_reset();
    sc_conn();
    sc_await();
    c = sc_client(NULL);
    other = sc_client(NULL);
    CHECK_INT(llm_start(c, &r, &call[0]), LLM_OK);
    {
        llm_event ev;
        CHECK_INT(llm_next(call[0], &ev, 0), LLM_PENDING);
    }
    CHECK_INT(llm_wait(call, 1, 777), LLM_PENDING);
    CHECK_INT(sc.now, 1000777);
    CHECK_INT(llm_call_ready(call[0]), 0);
    CHECK_INT(llm_start(other, &r, &call[1]), LLM_OK);
    CHECK_INT(llm_wait(call, 2, 0), LLM_ERR_USAGE);
    CHECK_INT(llm_wait(call, 0, 0), LLM_ERR_USAGE);
    CHECK_INT(llm_wait(NULL, 1, 0), LLM_ERR_USAGE);
    CHECK_INT(llm_finish(call[0], NULL), LLM_ERR_CANCELLED);
    CHECK_INT(llm_finish(call[1], NULL), LLM_ERR_CANCELLED);
    llm_client_free(other);
    clean(c);
}

/* ---- the key in memory: promise 1 ------------------------------------------------------------------------------ */

#define KEY_B "sk-B-9876543210-zyxwvut"
static char pool[256 * 1024];

static int count(const char *key) {
    const char *p = pool, *end = pool + sizeof pool;
    int n = 0;
    while ((p = (const char *)memmem(p, (size_t)(end - p), key, strlen(key))) != NULL) n++, p++;
    return n;
}

static void test_key_in_memory(void) {
    llm_config f = llm_config_init();
    llm_request r = sc_hi();
    llm_call *a, *b;
    llm_client *c;
    llm_event ev;
    memset(pool, 0, sizeof pool);
    sc_reset();
    sc_conn()->send_block_at = 100; /* the head is not sent whole */
    sc_conn();
    sc_await();
    sc_conn();
    SERVER_ERROR("");
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("x"));
    f.memory = pool;
    f.memory_size = sizeof pool;
    c = sc_client(&f);
    CHECK_INT(count(KEY), 1); /* one lasting copy */
    CHECK_INT(llm_start(c, &r, &a), LLM_OK);
    CHECK_INT(count(KEY), 1); /* not in the body that waits */
    CHECK_INT(llm_next(a, &ev, 0), LLM_PENDING);
    CHECK_INT(count(KEY), 2); /* being sent */
    CHECK_INT(llm_finish(a, NULL), LLM_ERR_CANCELLED);
    CHECK_INT(count(KEY), 1);
    CHECK_INT(llm_start(c, &r, &a), LLM_OK);
    CHECK_INT(llm_next(a, &ev, 0), LLM_PENDING);
    CHECK_INT(sc.reqs, 1);
    CHECK_INT(count(KEY), 1); /* sent: wiped from the buffer, though the answer has not come */
    CHECK_INT(llm_client_set_key(c, KEY_B), LLM_OK);
    CHECK_INT(count(KEY), 1); /* the running call still has it, for a retry */
    CHECK_INT(count(KEY_B), 1);
    CHECK_INT(llm_start(c, &r, &b), LLM_OK);
    CHECK_INT(llm_next(b, &ev, 0), LLM_OK);
    CHECK_INT(ev.kind, LLM_EVENT_RETRY);
    CHECK(strstr(sc.req[1].head, "Bearer " KEY_B "\r\n") != NULL);
    CHECK_INT(count(KEY_B), 1); /* wiped while it waits for its retry */
    CHECK_INT(llm_finish(a, NULL), LLM_ERR_CANCELLED);
    CHECK_INT(count(KEY), 0); /* the last call that had it is over */
    CHECK_INT(llm_finish(b, NULL), LLM_ERR_CANCELLED);
    CHECK_INT(llm_client_set_key(c, "a b"), LLM_ERR_USAGE);
    CHECK_INT(llm_client_set_key(c, NULL), LLM_ERR_USAGE);
    CHECK_INT(count(KEY_B), 1);
    CHECK_INT(simple(c, 0), LLM_OK);
    CHECK(strstr(sc.req[2].head, "Bearer " KEY_B "\r\n") != NULL);
    CHECK_INT(count(KEY_B), 1);
    llm_client_free(c);
    CHECK_INT(count(KEY_B), 0); /* wiped on free */
    CHECK_INT(count(KEY), 0);
    CHECK(strstr(sc.log.p, "sk-") == NULL);
    CHECK(sc.log.n > 0);
    /* an answer that comes before the head was sent whole: what was to be sent of it is wiped as well */
    memset(pool, 0, sizeof pool);
    sc_reset();
    sc_conn()->send_block_at = 150;
    sc_give(SC_SSE_HEAD, -1);
    sc_chunk_s(SC_DELTA("x"));
    c = sc_client(&f);
    CHECK_INT(llm_start(c, &r, &a), LLM_OK);
    CHECK_INT(llm_next(a, &ev, -1), LLM_OK);
    CHECK_INT(ev.kind, LLM_EVENT_TEXT);
    CHECK_INT(count(KEY), 1);
    CHECK_INT(llm_finish(a, NULL), LLM_ERR_CANCELLED);
    llm_client_free(c);
    CHECK_INT(count(KEY), 0);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* Enough connections for several rounds of anything. */
static void serve_all(void) {
    int i, k;
    sc_reset();
    for (i = 0; i < 10; i++) {
        sc_conn();
        for (k = 0; k < 8; k++) {
            sc_await();
            sc_give(SC_SSE_HEAD, -1);
            sc_chunk_s("data: {\"id\":\"r1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"some "
                       "text\",\"reasoning\":\"hm\"}}]}\n\n");
            sc_chunk_s("data: "
                       "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{"
                       "\"name\":\"f\","
                       "\"arguments\":\"{}\"}}]}}]}\n\n");
            sc_chunk_s(SC_STOP SC_DONE);
            sc_give("0\r\n\r\n", -1);
        }
    }
}

static llm_status handler(void *user, const llm_tool_call *call, llm_text *result) {
    (void)user;
    (void)call;
    return llm_text_add(result, "the tool's result");
}

enum { JOB_CHAT, JOB_STREAM, JOB_PULL, JOB_TOOLS, JOB_CONVERSATION, JOBS };

/* One use of the library from the client to its end. Every step may fail; the last status is returned. */
static llm_status job(int which, llm_client *c) {
    llm_request r = sc_hi();
    llm_response o;
    llm_status s = LLM_OK;
    llm_tool t;
    llm_conversation *conv = NULL;
    llm_call *call = NULL;
    memset(&t, 0, sizeof t);
    t.name = "f";
    t.handler = handler;
    if (which == JOB_CHAT) {
        s = llm_chat(c, &r, &o);
        llm_response_free(&o);
    } else if (which == JOB_STREAM) {
        s = llm_chat_stream(c, &r, NULL, NULL, &o);
        CHECK_INT(o.status, s);
        llm_response_free(&o);
    } else if (which == JOB_PULL) {
        s = llm_start(c, &r, &call);
        if (s == LLM_OK) {
            s = sc_drive(call, NULL, NULL, &o);
            llm_response_free(&o);
        } else {
            CHECK_INT(llm_last_error(c)->status, s);
            CHECK(call == NULL);
        }
    } else {
        s = llm_conversation_new(c, &conv);
        if (s == LLM_OK && which == JOB_CONVERSATION) s = llm_conversation_add(conv, LLM_SYSTEM, "be brief");
        if (s == LLM_OK && which == JOB_CONVERSATION) s = llm_conversation_add_tool_result(conv, "c0", "x");
        if (s == LLM_OK) {
            size_t before = conv->count;
            r.tools = &t;
            r.tool_count = 1;
            r.conversation = conv;
            s = llm_chat_with_tools(c, &r, 2, NULL, NULL, &o);
            if (s < 0 && s != LLM_ERR_MAX_ITERATIONS)
                CHECK(conv->count == before || conv->count == before + 3 ||
                      conv->count == before + 5); /* whole rounds */
            llm_response_free(&o);
        }
        llm_conversation_free(conv);
    }
    return s;
}

static void test_failing_memory(void) { /* promise 4 */
    int which;
    long at, most = 0;
    for (which = 0; which < JOBS; which++) {
        for (at = 1; at < 400; at++) {
            llm_config f = llm_config_init();
            llm_client *c = NULL;
            llm_error e;
            llm_status s;
            char name[64];
            int failed;
            snprintf(name, sizeof name, "job %d, allocation %ld", which, at);
            t_case = name;
            serve_all();
            f.api_key = KEY;
            f.base_url = "http://127.0.0.1:1/v1";
            f.model = "m";
            t_allocs = 0;
            t_fail_at = at;
            s = llm_client_new(&c, &f, &e);
            if (s != LLM_OK) {
                CHECK_INT(s, LLM_ERR_MEMORY);
                CHECK_INT(e.status, LLM_ERR_MEMORY);
                CHECK(c == NULL);
                CHECK(e.message[0] != 0);
            } else {
                s = job(which, c);
                failed = t_allocs >= at;
                if (failed)
                    CHECK(s == LLM_ERR_MEMORY || s == LLM_OK || (which >= JOB_TOOLS && s == LLM_ERR_MAX_ITERATIONS));
                else
                    CHECK(s == (which >= JOB_TOOLS ? LLM_ERR_MAX_ITERATIONS : LLM_OK));
                t_fail_at = 0;
                CHECK(job(which, c) ==
                      (which >= JOB_TOOLS ? LLM_ERR_MAX_ITERATIONS : LLM_OK)); /* the client is usable */
            }
            t_fail_at = 0;
            llm_client_free(c);
            CHECK_INT(t_live, 0);
            CHECK_INT(sc.opens, sc.closes);
            t_live = 0;
            if (s != LLM_ERR_MEMORY && t_allocs < at) break;
            if (at > most) most = at;
        }
        CHECK(at > 5 && at < 400);
    }
    t_case = "";
    t_fail_at = 0;
}

static void test_failing_network(void) { /* promise 4 */
    static const int with[] = {LLM_NET_FAILED, LLM_NET_CLOSED, LLM_NET_REFUSED, LLM_NET_NO_HOST, 0, -77, 0x7FFFFFFF};
    size_t w;
    int which;
    long at;
    for (w = 0; w < sizeof with / sizeof with[0]; w++) {
        for (which = 0; which < JOBS; which++) {
            for (at = 1; at < 400; at++) {
                llm_config f = llm_config_init();
                llm_client *c;
                llm_status s, well = which >= JOB_TOOLS ? LLM_ERR_MAX_ITERATIONS : LLM_OK;
                char name[64];
                snprintf(name, sizeof name, "job %d, hook call %ld says %d", which, at, with[w]);
                t_case = name;
                serve_all();
                sc.recv_max = 60;
                f.max_retries = -1;
                c = sc_client(&f);
                sc.fail_at = at;
                sc.fail_with = with[w];
                s = job(which, c);
                if (sc.hooks < at || with[w] == 0)
                    CHECK_INT(s, well);
                else
                    CHECK(s == well || llm_is(s, LLM_ERR_CONNECTION));
                if (sc.hooks >= at && sc.failed_in == 'o' && with[w] != 0) CHECK_INT(s, LLM_ERR_CONNECTION);
                at = sc.hooks < at ? 10000 : at;
                sc.fail_at = 0;
                CHECK_INT(job(which, c), well);
                clean(c);
            }
            CHECK(at >= 10000);
        }
    }
    t_case = "";
}

static void test_block(void) {
    llm_config f = llm_config_init();
    size_t size, worked = 0;
    int which, shift;
    long before = t_allocs;
    /* every size: works, or says so */
    for (which = 0; which < JOBS; which++) {
        worked = 0;
        for (size = 0; size < 64 * 1024; size += size < 2048 ? 32 : 96) {
            llm_client *c = NULL;
            llm_error e;
            llm_status s;
            shift = (int)(size % 9); /* any alignment */
            serve_all();
            f.api_key = KEY;
            f.base_url = "http://127.0.0.1:1/v1";
            f.model = "m";
            f.memory = pool + 100 + shift;
            f.memory_size = size;
            memset(pool, 0x5A, sizeof pool);
            s = llm_client_new(&c, &f, &e);
            if (s == LLM_OK) {
                s = job(which, c);
                CHECK(llm_memory_peak(c) <= size);
                if (s != LLM_ERR_MEMORY) CHECK_INT(s, which >= JOB_TOOLS ? LLM_ERR_MAX_ITERATIONS : LLM_OK);
                if (s != LLM_ERR_MEMORY)
                    worked++;
                else if (worked)
                    CHECK_INT(s, LLM_OK); /* more is never worse */
            } else {
                CHECK_INT(s, LLM_ERR_MEMORY);
            }
            llm_client_free(c);
            CHECK(pool[99 + shift] == 0x5A &&
                  pool[100 + shift + (long)size] == 0x5A); /* nothing beside the block was written */
            CHECK_INT(sc.opens, sc.closes);
            CHECK_INT(count(KEY), 0);
        }
        CHECK(worked > 10);
    }
    CHECK_INT(t_allocs, before); /* LLM_MALLOC was not called */
    {                            /* llm_memory_needed(): one streamed call with a request and an answer of 4 KiB */
        static char text[4097];
        t_text sse = {NULL, 0, 0};
        llm_request r = sc_hi();
        llm_response o;
        llm_client *c = NULL;
        int i;
        memset(text, 'x', 4096);
        for (i = 0; i < 256; i++) t_adds(&sse, SC_DELTA("a piece of text "));
        t_adds(&sse, SC_STOP SC_DONE);
        sc_reset();
        sc_conn();
        sc_stream(sse.p);
        f.memory = pool + 1;
        f.memory_size = llm_memory_needed(&f);
        CHECK(f.memory_size < sizeof pool);
        CHECK_INT(llm_client_new(&c, &f, NULL), LLM_OK);
        r.prompt = text;
        CHECK_INT(llm_chat_stream(c, &r, NULL, NULL, &o), LLM_OK);
        CHECK_INT(o.content_len, 4096);
        CHECK(llm_memory_peak(c) > 8192 && llm_memory_peak(c) <= f.memory_size);
        printf("a streamed call of 4 KiB and 4 KiB: llm_memory_needed() %lu, peak %lu\n", (unsigned long)f.memory_size,
               (unsigned long)llm_memory_peak(c));
        llm_response_free(&o);
        llm_client_free(c);
        free(sse.p);
        CHECK(llm_memory_needed(NULL) > 0);
    }
}

/* Callbacks may start other calls on the same client. */
static int nested_event(void *user, const llm_event *ev) {
    llm_client *c = (llm_client *)user;
    llm_request r = sc_hi();
    llm_response o;
    if (ev->kind == LLM_EVENT_TEXT) {
        CHECK_INT(llm_chat(c, &r, &o), LLM_OK);
        CHECK_STR(o.content, "inner");
        llm_response_free(&o);
    }
    return 0;
}

static void test_nested(void) {
    llm_request r = sc_hi();
    llm_response o;
    llm_client *c;
    sc_reset();
    sc_conn();
    sc_stream(SC_DELTA("one ") SC_DELTA("two") SC_STOP SC_DONE);
    sc_conn();
    sc_answer(200, "", SC_OK_JSON("inner"));
    sc_answer(200, "", SC_OK_JSON("inner"));
    c = sc_client(NULL);
    CHECK_INT(llm_chat_stream(c, &r, nested_event, c, &o), LLM_OK);
    CHECK_STR(o.content, "one two");
    CHECK_INT(sc.opens, 2);
    llm_response_free(&o);
    clean(c);
    CHECK_INT(llm_chat(NULL, &r, &o), LLM_ERR_USAGE);
    CHECK_INT(o.status, LLM_ERR_USAGE);
    CHECK_STR(o.content, "");
    llm_response_free(&o);
    CHECK_INT(llm_last_error(NULL)->status, LLM_ERR_USAGE);
    llm_client_free(NULL);
    llm_response_free(NULL);
}

int main(void) {
    test_retry_statuses();
    test_retry_after();
    test_retry_after_is_told();
    test_backoff();
    test_no_retry_after_an_event();
    test_connection_errors();
    test_deadlines();
    test_slow_upload();
    test_endless_error();
    test_silence_after_finish();
    test_late_between_events();
    test_notice_after_silence();
    test_deadline_over_attempts();
    test_cancel_flag();
    test_cancel_by_event();
    test_older_error();
    test_keep_alive();
    test_stale();
    test_stale_twice();
    test_early_answer();
    test_short_writes();
    test_odd_answers();
    test_key_in_fields();
    test_null_arguments();
    test_request_head();
    test_request_body();
    test_event_loop();
    test_wait();
    test_key_in_memory();
    test_failing_memory();
    test_failing_network();
    test_block();
    test_nested();
    sc_reset();
    return t_done();
}

/* two_threads.c [ROUNDS [DEFECT]]: two clients in two threads at once, each with a chat, a streamed chat, a polled one
   and a tool loop over HTTPS against build/mock_server. For more_dynamic.sh: under ThreadSanitizer it shows that two
   clients share nothing that is written; under valgrind, with the default malloc, that nothing unwritten is read and
   nothing is lost. DEFECT is one that the tools must find here: race, leak or late. */
#define T_NO_LIB
#include "../t.h"
#include "../mock.h"
#define LLM_OPENAI_IMPLEMENTATION

#define KEY "sk-0123456789abcdefABCDEF"

/* No part of the key in a log line; t_canary.h keeps lists, which is not for two threads. */
static inline void log_line(const char *p, size_t n) {
    size_t i;
    for (i = 0; n >= 8 && i + 8 < sizeof KEY; i++) {
        if (memmem(p, n, KEY + i, 8) != NULL) abort();
    }
}
#define LLM_LOG(ctx, level, p, n) ((void)(ctx), (void)(level), log_line((p), (n)))

#include "llm_openai.h"
#include <pthread.h>

enum { THREADS = 2 };
static const char *defect = "";
static int shared; /* of both threads: only the planted race writes it */

typedef struct worker {
    pthread_t thread;
    const t_mock *mock;
    pthread_barrier_t *start;
    int number, rounds, tool_runs, texts;
    int passed, failed; /* t.h's own counters are not for threads */
    char text[200];
} worker;

static void check(worker *w, int ok, const char *what, const llm_error *e) {
    if (ok) {
        w->passed++;
    } else {
        w->failed++;
        fprintf(stderr, "thread %d: FAILED %s: %s\n", w->number, what, e ? e->message : "");
    }
}

static int on_event(void *user, const llm_event *event) {
    worker *w = (worker *)user;
    if (event->kind != LLM_EVENT_TEXT) return 0;
    w->texts++;
    if (strlen(w->text) + event->len < sizeof w->text) strncat(w->text, event->text, event->len);
    return 0;
}

static llm_status on_tool(void *user, const llm_tool_call *call, llm_text *result) {
    ((worker *)user)->tool_runs++;
    return llm_text_addf(result, "%s says 42", call->name);
}

static void one_chat(worker *w, llm_client *c) {
    llm_request r = llm_request_init();
    llm_response o;
    char prompt[80], wanted[40];
    const char *late;
    snprintf(wanted, sizeof wanted, "this is thread %d", w->number);
    snprintf(prompt, sizeof prompt, "echo: %s", wanted);
    r.prompt = prompt;
    check(w, llm_chat(c, &r, &o) == LLM_OK, "chat", &o.error);
    check(w, strcmp(o.content, wanted) == 0, "the chat's text", NULL);
    check(w, o.usage.known && o.usage.cost_usd > 0, "the chat's cost", NULL);
    late = o.content;
    if (strcmp(defect, "leak")) llm_response_free(&o);
    if (!strcmp(defect, "late")) check(w, late[0] == 't', "a text that is gone", NULL);
    r.model = "no-such-model";
    check(w, llm_chat(c, &r, &o) == LLM_ERR_NOT_FOUND, "a model that is not there", &o.error);
    llm_response_free(&o);
}

static void one_stream(worker *w, llm_client *c) {
    llm_request r = llm_request_init();
    llm_response o;
    r.prompt = "count to 12";
    w->texts = 0;
    w->text[0] = 0;
    check(w, llm_chat_stream(c, &r, on_event, w, &o) == LLM_OK, "stream", &o.error);
    check(w, w->texts >= 12 && strcmp(w->text, "1 2 3 4 5 6 7 8 9 10 11 12") == 0, "the stream's pieces", NULL);
    check(w, strcmp(o.content, w->text) == 0, "the stream's text", NULL);
    llm_response_free(&o);
}

static void one_polled(worker *w, llm_client *c) {
    llm_request r = llm_request_init();
    llm_response o;
    llm_event event;
    llm_call *call;
    llm_status s;
    r.prompt = "count to 5";
    s = llm_start(c, &r, &call);
    check(w, s == LLM_OK, "llm_start", llm_last_error(c));
    if (s != LLM_OK) return;
    do {
        if (llm_wait(&call, 1, 5000) < 0) break;
        while ((s = llm_next(call, &event, 0)) == LLM_OK) continue;
    } while (s == LLM_PENDING);
    check(w, s == LLM_DONE, "llm_next", NULL);
    check(w, llm_finish(call, &o) == LLM_OK, "llm_finish", &o.error);
    check(w, strcmp(o.content, "1 2 3 4 5") == 0, "the polled text", NULL);
    llm_response_free(&o);
}

static void one_tool_loop(worker *w, llm_client *c) {
    llm_conversation *talk = NULL;
    llm_request r = llm_request_init();
    llm_response o;
    llm_tool t;
    memset(&t, 0, sizeof t);
    t.name = "weather";
    t.parameters = "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}";
    t.handler = on_tool;
    t.user = w;
    w->tool_runs = 0;
    r.prompt = "what is it like in Oslo?";
    r.tools = &t;
    r.tool_count = 1;
    check(w, llm_conversation_new(c, &talk) == LLM_OK, "llm_conversation_new", llm_last_error(c));
    r.conversation = talk;
    check(w, llm_chat_with_tools(c, &r, 0, on_event, w, &o) == LLM_OK, "tool loop", &o.error);
    check(w, w->tool_runs == 1 && strstr(o.content, "says 42") != NULL, "the tool's result", NULL);
    llm_response_free(&o);
    llm_conversation_free(talk);
}

static void *work(void *arg) {
    worker *w = (worker *)arg;
    llm_config f = llm_config_init();
    llm_client *c = NULL;
    llm_error e;
    int i;
    f.api_key = KEY;
    f.base_url = w->mock->https_base;
    f.ca_file = w->mock->ca_file;
    f.model = "gpt-4o";
    f.max_retries = -1;
    pthread_barrier_wait(w->start);
    /* here, where nothing orders the threads: later their sockets may, by the numbers that they take over */
    if (!strcmp(defect, "race")) shared++;
    for (i = 0; i < w->rounds; i++) { /* a new client each time, so that beginnings and ends overlap as well */
        llm_status s = llm_client_new(&c, &f, &e);
        check(w, s == LLM_OK, "llm_client_new", &e);
        if (s != LLM_OK) return NULL;
        one_chat(w, c);
        one_stream(w, c);
        one_polled(w, c);
        one_tool_loop(w, c);
        llm_client_free(c);
    }
    return NULL;
}

int main(int argc, char **argv) {
    static worker list[THREADS];
    pthread_barrier_t start;
    t_mock m;
    int i;
    if (argc > 2) defect = argv[2];
    if (!t_mock_start(&m, NULL) || pthread_barrier_init(&start, NULL, THREADS)) return 1;
    for (i = 0; i < THREADS; i++) {
        list[i].mock = &m;
        list[i].start = &start;
        list[i].number = i + 1;
        list[i].rounds = argc > 1 ? atoi(argv[1]) : 1;
        if (pthread_create(&list[i].thread, NULL, work, &list[i])) return 1;
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(list[i].thread, NULL);
        t_passed += list[i].passed;
        t_failed += list[i].failed;
    }
    pthread_barrier_destroy(&start);
    CHECK_INT(t_mock_stat(&m, "bad_requests"), 0);
    CHECK(t_mock_stop(&m));
    return t_done();
}

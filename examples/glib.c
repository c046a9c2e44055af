/* glib.c: a call as a GSource, for programs with a GLib main loop (GTK, GStreamer). Every argument is a question; 16
   at a time are asked, beside a timer and a signal of the program. Needs GLib 2.36 (Debian: libglib2.0-dev).

       cc -std=c99 -Os -I../build glib.c llm_openai.c $(pkg-config --cflags --libs glib-2.0) -o glib
       OPENAI_API_KEY=... ./glib "Why is the sky blue?" "How does a computer learn the time?" */
#include "llm_openai.h"
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define AT_ONCE 16

typedef struct question {
    GSource   source;    /* must be the first member */
    llm_call *call;
    gpointer  tag;       /* of the descriptor in the source, NULL = none */
    unsigned  serial;    /* of the descriptor */
    int       wants;
    int       number;
} question;

static GMainLoop *loop;
static llm_client *client;
static GList *questions;   /* that run */
static char **texts;
static int count, asked, good, wakeups, ticks;

static GIOCondition condition(int wants) {
    return (GIOCondition)((wants & LLM_WANT_READ ? G_IO_IN | G_IO_HUP | G_IO_ERR : 0) |
                          (wants & LLM_WANT_WRITE ? G_IO_OUT | G_IO_ERR : 0));
}

/* Brings the descriptor in the source up to date. Called at once after llm_start() and llm_next(): before anything else
   can open a descriptor, which may get the number of one that the call has closed. */
static void watch(question *q) {
    int fd = llm_call_fd(q->call), wants = llm_call_wants(q->call);
    unsigned serial = llm_call_fd_serial(q->call);
    if (q->tag != NULL && (fd < 0 || serial != q->serial)) {
        g_source_remove_unix_fd(&q->source, q->tag);
        q->tag = NULL;
    }
    if (fd >= 0 && q->tag == NULL) q->tag = g_source_add_unix_fd(&q->source, fd, condition(wants));
    else if (fd >= 0 && wants != q->wants) g_source_modify_unix_fd(&q->source, q->tag, condition(wants));
    q->serial = serial;
    q->wants = wants;
}

/* The same for the time: before the loop waits again is early enough. */
static void set_time(question *q) {
    int ms = llm_call_timeout_ms(q->call);
    g_source_set_ready_time(&q->source, ms < 0 ? -1 : g_get_monotonic_time() + ms * (gint64)1000);
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data);

/* The next question, if there is one. */
static void begin(void) {
    /* no prepare, no check: GLib looks at the descriptor and the time itself */
    static GSourceFuncs functions = {NULL, NULL, dispatch, NULL, NULL, NULL};
    llm_request request = {0};
    llm_call *call;
    question *q;
    while (asked < count) {
        request.prompt = texts[asked++];
        if (llm_start(client, &request, &call) == LLM_OK) {
            q = (question *)g_source_new(&functions, sizeof *q);   /* zeroed */
            q->call = call;
            q->number = asked;
            questions = g_list_prepend(questions, q);
            g_source_attach(&q->source, NULL);
            watch(q);
            set_time(q);
            return;
        }
        fprintf(stderr, "glib: %d: %s\n", asked, llm_last_error(client)->message);
    }
}

/* The call is over, or is to be: its descriptor leaves the loop first. */
static void end(question *q) {
    llm_response answer;
    g_source_destroy(&q->source);
    if (llm_finish(q->call, &answer) == LLM_OK) printf("%d: %s\n", q->number, answer.content);
    else fprintf(stderr, "glib: %d: %s: %s\n", q->number, llm_status_name(answer.status), answer.error.message);
    good += answer.status == LLM_OK;
    llm_response_free(&answer);
    questions = g_list_remove(questions, q);
    g_source_unref(&q->source);
}

/* Takes what has come, and does not wait. */
static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data) {
    question *q = (question *)source;
    llm_event event;
    llm_status status;
    (void)callback;
    (void)data;
    wakeups++;
    do {
        status = llm_next(q->call, &event, 0);
        watch(q);
    } while (status == LLM_OK);
    if (status == LLM_PENDING) {
        set_time(q);
        return G_SOURCE_CONTINUE;
    }
    end(q);
    begin();
    if (questions == NULL) g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

static gboolean tick(gpointer data) {
    (void)data;
    ticks++;
    fprintf(stderr, "glib: %u run, %d of %d were asked\n", g_list_length(questions), asked, count);
    return G_SOURCE_CONTINUE;
}

static gboolean interrupted(gpointer data) {
    (void)data;
    while (questions != NULL) end((question *)questions->data);
    g_main_loop_quit(loop);
    return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv) {
    llm_config config = {0};
    llm_error error;
    int i;

    config.model = getenv("OPENAI_MODEL") != NULL ? getenv("OPENAI_MODEL") : "gpt-6-luna";
    if (llm_client_new(&client, &config, &error) != LLM_OK) {
        fprintf(stderr, "glib: %s\n", error.message);
        return 1;
    }
    texts = argv + 1;
    count = argc - 1;
    loop = g_main_loop_new(NULL, FALSE);
    g_timeout_add(500, tick, NULL);
    g_unix_signal_add(SIGINT, interrupted, NULL);
    for (i = 0; i < AT_ONCE; i++) begin();
    if (questions != NULL) g_main_loop_run(loop);
    printf("[%d of %d good, %d wake-ups, %d ticks]\n", good, count, wakeups, ticks);
    g_main_loop_unref(loop);
    llm_client_free(client);
    return good != count;
}

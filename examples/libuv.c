/* libuv.c: every argument is a question; 16 at a time are asked and answered in one libuv loop, which has a timer and a
   signal of its own beside them. A uv_poll_t belongs to one descriptor for good, so a call gets a new one whenever
   llm_call_fd_serial() changes: at another attempt, say. Needs libuv 1 (Debian: libuv1-dev).

       cc -std=c99 -Os -I../build libuv.c llm_openai.c -luv -o libuv
       OPENAI_API_KEY=... ./libuv "Why is the sky blue?" "How does a computer learn the time?" */
#define _GNU_SOURCE
#include "llm_openai.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#define AT_ONCE 16

typedef struct question {
    llm_call  *call;    /* NULL: it is over */
    uv_poll_t *poll;    /* NULL = none; in the heap, for uv_close() ends only in a later round of the loop */
    unsigned   serial;  /* of its descriptor */
    int        wants;
    uv_timer_t timer;   /* llm_next() is called then even if nothing comes */
    int        number;
} question;

static uv_loop_t *loop;
static uv_timer_t clock_timer;
static uv_signal_t interrupt;
static llm_client *client;
static question questions[AT_ONCE];
static char **texts;
static int count, asked, running, good, wakeups, ticks;

static void advance(question *q);

static void on_closed(uv_handle_t *handle) {
    free(handle);
}

static void unwatch(question *q) {
    if (q->poll != NULL) uv_close((uv_handle_t *)q->poll, on_closed);
    q->poll = NULL;
}

static void on_ready(uv_poll_t *poll, int status, int events) {
    question *q = (question *)poll->data;
    (void)events;
    wakeups++;
    if (status < 0) q->wants = 0;   /* libuv has stopped it: if llm_next() finds nothing wrong, it is started again */
    advance(q);
}

static void on_due(uv_timer_t *timer) {
    wakeups++;
    advance((question *)timer->data);
}

/* Brings the descriptor in the loop up to date. Called at once after llm_start() and llm_next(): before anything else
   can open a descriptor, which may get the number of one that the call has closed. 0 = refused by the system: the
   call must end. */
static int watch(question *q) {
    int fd = llm_call_fd(q->call), wants = llm_call_wants(q->call), r = 0;
    unsigned serial = llm_call_fd_serial(q->call);
    if (fd < 0 || serial != q->serial) unwatch(q);
    if (fd >= 0 && q->poll == NULL) {
        q->poll = (uv_poll_t *)calloc(1, sizeof *q->poll);
        r = q->poll == NULL ? UV_ENOMEM : uv_poll_init(loop, q->poll, fd);
        if (r == 0) {
            q->poll->data = q;
        } else {
            free(q->poll);
            q->poll = NULL;
        }
        q->wants = 0;
    }
    if (q->poll != NULL && wants != q->wants) {
        r = uv_poll_start(q->poll, (wants & LLM_WANT_READ ? UV_READABLE : 0) |
                                   (wants & LLM_WANT_WRITE ? UV_WRITABLE : 0), on_ready);
    }
    if (r != 0) fprintf(stderr, "libuv: %d: %s\n", q->number, uv_strerror(r));
    q->serial = serial;
    q->wants = wants;
    return r == 0;
}

/* The same for the timer: before the loop waits again is early enough. */
static void set_timer(question *q) {
    int ms = llm_call_timeout_ms(q->call);
    uv_update_time(loop);   /* else the time counts from where this round of the loop began */
    if (ms < 0) uv_timer_stop(&q->timer);
    else uv_timer_start(&q->timer, on_due, (uint64_t)ms, 0);
}

/* The call is over, or is to be: its descriptor leaves the loop first. */
static void end(question *q) {
    llm_response answer;
    unwatch(q);
    uv_timer_stop(&q->timer);
    if (llm_finish(q->call, &answer) == LLM_OK) printf("%d: %s\n", q->number, answer.content);
    else fprintf(stderr, "libuv: %d: %s: %s\n", q->number, llm_status_name(answer.status), answer.error.message);
    good += answer.status == LLM_OK;
    llm_response_free(&answer);
    q->call = NULL;
    running--;
}

/* The next question, if there is one. */
static void begin(question *q) {
    llm_request request = {0};
    while (asked < count) {
        request.prompt = texts[asked++];
        q->number = asked;
        if (llm_start(client, &request, &q->call) == LLM_OK) {
            running++;
            if (watch(q)) {
                set_timer(q);
                return;
            }
            end(q);
        } else {
            fprintf(stderr, "libuv: %d: %s\n", q->number, llm_last_error(client)->message);
        }
    }
}

/* Without a question left nothing keeps the loop: uv_run() returns. */
static void end_all(void) {
    int i;
    for (i = 0; i < AT_ONCE; i++) {
        if (questions[i].call != NULL) end(&questions[i]);
        uv_close((uv_handle_t *)&questions[i].timer, NULL);
    }
    uv_close((uv_handle_t *)&clock_timer, NULL);
    uv_close((uv_handle_t *)&interrupt, NULL);
}

/* Takes what has come, and does not wait. */
static void advance(question *q) {
    llm_event event;
    llm_status status;
    int watched;
    do {
        status = llm_next(q->call, &event, 0);
        watched = watch(q);
    } while (status == LLM_OK && watched);
    if (status == LLM_PENDING && watched) {
        set_timer(q);
        return;
    }
    end(q);
    begin(q);
    if (running == 0) end_all();
}

static void on_tick(uv_timer_t *timer) {
    (void)timer;
    ticks++;
    fprintf(stderr, "libuv: %d run, %d of %d were asked\n", running, asked, count);
}

static void on_interrupt(uv_signal_t *signal, int number) {
    (void)signal;
    (void)number;
    end_all();
}

int main(int argc, char **argv) {
    llm_config config = {0};
    llm_error error;
    int i;

    config.model = getenv("OPENAI_MODEL") != NULL ? getenv("OPENAI_MODEL") : "gpt-6-luna";
    if (llm_client_new(&client, &config, &error) != LLM_OK) {
        fprintf(stderr, "libuv: %s\n", error.message);
        return 1;
    }
    loop = uv_default_loop();
    texts = argv + 1;
    count = argc - 1;
    uv_timer_init(loop, &clock_timer);
    uv_timer_start(&clock_timer, on_tick, 500, 500);
    uv_signal_init(loop, &interrupt);
    uv_signal_start(&interrupt, on_interrupt, SIGINT);
    for (i = 0; i < AT_ONCE; i++) {
        uv_timer_init(loop, &questions[i].timer);
        questions[i].timer.data = &questions[i];
        begin(&questions[i]);
    }
    if (running == 0) end_all();
    uv_run(loop, UV_RUN_DEFAULT);
    printf("[%d of %d good, %d wake-ups, %d ticks]\n", good, count, wakeups, ticks);
    uv_loop_close(loop);
    llm_client_free(client);
    return good != count;
}

/* epoll.c: very many streams at once, in one thread, on Linux. The loop is an ordinary one: a timer that shows how
   far it is and a descriptor for Ctrl-C, which ends what still runs, are in it beside the streams. All that the
   library asks of a loop stands in watch() and advance().

       cc -std=c99 -Os -I../build epoll.c llm_openai.c -o epoll
       ulimit -n 4096
       OPENAI_API_KEY=... ./epoll 1000 "In one sentence: what is special about the number"

   A third argument is how many run at a time: ./epoll 1000 "..." 50 */
#define _GNU_SOURCE
#include "llm_openai.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

typedef struct stream {
    llm_call *call;   /* NULL: it is over */
    int       fd;     /* what is in the set for it, -1 = nothing */
    unsigned  serial;
    int       wants;
    long long due;    /* llm_next() is called then even if nothing comes; -1 = no need */
    int       number;
} stream;

static llm_client *client;
static const char *question = "In one sentence: what is special about the number";
static int set, total, asked, running, good, retries;

static long long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int control(int what, int fd, int wants, void *who) {
    struct epoll_event e;
    memset(&e, 0, sizeof e);
    if (wants & LLM_WANT_READ) e.events |= EPOLLIN;
    if (wants & LLM_WANT_WRITE) e.events |= EPOLLOUT;
    e.data.ptr = who;
    return epoll_ctl(set, what, fd, &e);
}

/* Brings the set up to date. Called at once after llm_start() and llm_next(): before anything else can open a
   descriptor, which may get the number of one that the call has closed. 0 = it is refused: the call must end. */
static int watch(stream *s) {
    int fd = llm_call_fd(s->call), wants = llm_call_wants(s->call), ms = llm_call_timeout_ms(s->call), r = 0;
    unsigned serial = llm_call_fd_serial(s->call);
    if (s->fd >= 0 && (fd < 0 || serial != s->serial)) {
        control(EPOLL_CTL_DEL, s->fd, 0, NULL);   /* fails if the call has closed it: then it is out already */
        s->fd = -1;
    }
    if (fd >= 0 && s->fd < 0) r = control(EPOLL_CTL_ADD, fd, wants, s);
    else if (fd >= 0 && wants != s->wants) r = control(EPOLL_CTL_MOD, fd, wants, s);
    if (r != 0) fprintf(stderr, "epoll: %d: epoll_ctl: %s\n", s->number, strerror(errno));
    s->fd = fd;
    s->serial = serial;
    s->wants = wants;
    s->due = ms < 0 ? -1 : now_ms() + ms;
    return r == 0;
}

/* The call is over, or is to be: its descriptor leaves the set first. */
static void end(stream *s) {
    llm_response answer;
    if (s->fd >= 0) control(EPOLL_CTL_DEL, s->fd, 0, NULL);
    if (llm_finish(s->call, &answer) == LLM_OK) printf("%d: %s\n", s->number, answer.content);
    else fprintf(stderr, "epoll: %d: %s: %s\n", s->number, llm_status_name(answer.status), answer.error.message);
    good += answer.status == LLM_OK;
    running--;
    llm_response_free(&answer);
    s->call = NULL;
}

/* The next question, if there is one. The loop makes the first step, for it is due at once. */
static void begin(stream *s) {
    llm_request request = {0};
    char prompt[400];
    while (asked < total) {
        snprintf(prompt, sizeof prompt, "%s %d", question, ++asked);
        request.prompt = prompt;   /* read until llm_start() returns */
        s->number = asked;
        s->fd = -1;
        if (llm_start(client, &request, &s->call) == LLM_OK) {
            running++;
            if (watch(s)) return;
            end(s);
        } else {
            fprintf(stderr, "epoll: %d: %s\n", s->number, llm_last_error(client)->message);
        }
    }
}

/* Takes what has come, and does not wait. */
static void advance(stream *s) {
    llm_event event;
    llm_status status;
    int watched;
    if (s->call == NULL) return;
    do {
        status = llm_next(s->call, &event, 0);
        watched = watch(s);
        if (status == LLM_OK && event.kind == LLM_EVENT_RETRY) retries++;
    } while (status == LLM_OK && watched);
    if (status == LLM_PENDING && watched) return;
    end(s);
    begin(s);
}

/* Until the first due stream; -1 = none is. */
static int time_left(const stream *s, int n) {
    long long first = -1, now = now_ms();
    for (; n-- > 0; s++) {
        if (s->call != NULL && s->due >= 0 && (first < 0 || s->due < first)) first = s->due;
    }
    return first < 0 ? -1 : first <= now ? 0 : first - now > 60000 ? 60000 : (int)(first - now);
}

int main(int argc, char **argv) {
    int i, k, n, wakeups = 0, ticks = 0, stop = 0, timer, signals;
    const struct itimerspec period = {{0, 500000000}, {0, 500000000}};
    stream *streams;
    struct epoll_event ready[64];
    unsigned long long times;
    llm_config config = {0};
    llm_error error;
    sigset_t mask;

    config.model = getenv("OPENAI_MODEL") != NULL ? getenv("OPENAI_MODEL") : "gpt-6-luna";
    total = argc > 1 && atoi(argv[1]) > 0 ? atoi(argv[1]) : 10;
    if (argc > 2) question = argv[2];
    n = argc > 3 && atoi(argv[3]) > 0 ? atoi(argv[3]) : total;
    streams = (stream *)calloc((size_t)n, sizeof *streams);
    if (streams == NULL || llm_client_new(&client, &config, &error) != LLM_OK) {
        fprintf(stderr, "epoll: %s\n", streams == NULL ? "out of memory" : error.message);
        free(streams);
        return 1;
    }
    set = epoll_create1(EPOLL_CLOEXEC);
    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    control(EPOLL_CTL_ADD, signals, LLM_WANT_READ, &signals);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    timerfd_settime(timer, 0, &period, NULL);
    control(EPOLL_CTL_ADD, timer, LLM_WANT_READ, &timer);

    for (i = 0; i < n; i++) begin(&streams[i]);
    while (running > 0 && !stop) {
        long long now;
        k = epoll_wait(set, ready, 64, time_left(streams, n));
        wakeups++;
        for (i = 0; i < k; i++) {
            if (ready[i].data.ptr == &signals) {
                stop = 1;
            } else if (ready[i].data.ptr == &timer) {
                if (read(timer, &times, sizeof times) > 0) ticks++;
                fprintf(stderr, "epoll: %d run, %d of %d were asked\n", running, asked, total);
            } else {
                advance((stream *)ready[i].data.ptr);
            }
        }
        for (i = 0, now = now_ms(); i < n; i++) {
            if (streams[i].call != NULL && streams[i].due >= 0 && streams[i].due <= now) advance(&streams[i]);
        }
    }
    for (i = 0; i < n; i++) {
        if (streams[i].call != NULL) end(&streams[i]);
    }
    printf("[%d of %d good, %d retries, %d wake-ups, %d of them of the timer]\n", good, total, retries, wakeups, ticks);
    llm_client_free(client);
    close(timer);
    close(signals);
    close(set);
    free(streams);
    return good != total;
}

/* poll.c: asks every line of its input at once, with plain poll(), on any POSIX system. The loop waits for the input
   and for a clock of its own beside the answers: questions can be typed while answers come. The array is made anew for
   each wait, so that no stale descriptor can stand in it, and llm_call_fd_serial() is not needed.

       cc -std=c99 -Os -I../build poll.c llm_openai.c -o poll
       OPENAI_API_KEY=... ./poll < questions.txt */
#define _DEFAULT_SOURCE
#include "llm_openai.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST 64   /* questions at once; the input is not read while so many run */

typedef struct question { llm_call *call; int number; } question;

static llm_client *client;
static question asked[MOST];
static int running, number, failed;
static char line[4096];
static size_t len;

static void ask(const char *text) {
    llm_request request = {0};
    request.prompt = text;
    asked[running].number = ++number;
    if (llm_start(client, &request, &asked[running].call) == LLM_OK) {
        running++;
    } else {
        fprintf(stderr, "poll: %d: %s\n", number, llm_last_error(client)->message);
        failed++;
    }
}

/* Asks the whole lines that are there, as long as there is room. */
static void ask_lines(void) {
    char *end;
    while (running < MOST && (end = (char *)memchr(line, '\n', len)) != NULL) {
        *end++ = 0;
        if (line[0] != 0) ask(line);
        len -= (size_t)(end - line);
        memmove(line, end, len);
    }
}

/* Takes what has come, and does not wait. 1: it goes on. */
static int advance(question *q) {
    llm_event event;
    llm_response answer;
    llm_status status;
    while ((status = llm_next(q->call, &event, 0)) == LLM_OK) {}
    if (status == LLM_PENDING) return 1;
    if (llm_finish(q->call, &answer) == LLM_OK) {
        printf("%d: %s\n", q->number, answer.content);
        fflush(stdout);
    } else {
        fprintf(stderr, "poll: %d: %s: %s\n", q->number, llm_status_name(answer.status), answer.error.message);
        failed++;
    }
    llm_response_free(&answer);
    return 0;
}

int main(void) {
    llm_config config = {0};
    llm_error error;
    struct pollfd p[MOST + 1];
    int input = 1, wakeups = 0, seconds = 0, i;
    time_t shown = time(NULL);

    config.model = getenv("OPENAI_MODEL") != NULL ? getenv("OPENAI_MODEL") : "gpt-6-luna";
    if (llm_client_new(&client, &config, &error) != LLM_OK) {
        fprintf(stderr, "poll: %s\n", error.message);
        return 1;
    }
    while (input || running > 0) {
        int wait = 1000;   /* the clock of this program */
        for (i = 0; i < running; i++) {
            int wants = llm_call_wants(asked[i].call), ms = llm_call_timeout_ms(asked[i].call);
            p[i].fd = llm_call_fd(asked[i].call);   /* -1, which poll() passes over, between two attempts */
            p[i].events = (short)((wants & LLM_WANT_READ ? POLLIN : 0) | (wants & LLM_WANT_WRITE ? POLLOUT : 0));
            p[i].revents = 0;
            if (ms >= 0 && ms < wait) wait = ms;
        }
        p[running].fd = input && running < MOST ? 0 : -1;
        p[running].events = POLLIN;
        p[running].revents = 0;
        poll(p, (nfds_t)running + 1, wait);
        wakeups++;
        if (time(NULL) != shown) {
            shown = time(NULL);
            seconds++;
            fprintf(stderr, "poll: %d answers are awaited\n", running);
        }
        if (p[running].revents != 0) {
            ssize_t n = read(0, line + len, sizeof line - 1 - len);
            if (n > 0) len += (size_t)n;
            else input = 0;
            /* the last line may have no end, and one that is too long is cut */
            if (len > 0 && memchr(line, '\n', len) == NULL && (!input || len == sizeof line - 1)) line[len++] = '\n';
        }
        for (i = running; i-- > 0;) {   /* backwards: the last one takes the place of one that is over */
            int due = llm_call_timeout_ms(asked[i].call) == 0;
            if ((p[i].revents != 0 || due) && !advance(&asked[i])) asked[i] = asked[--running];
        }
        ask_lines();
    }
    printf("[%d asked, %d failed, %d s, %d wake-ups]\n", number, failed, seconds, wakeups);
    llm_client_free(client);
    return failed != 0;
}

/* host.c - what the component wants of ESP-IDF, on a PC. $HOST_ADDRESSES are the addresses of every name, such as
   "127.0.0.2 127.0.0.1"; nobody answers at one with a - in front. */
#include <fcntl.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "esp_random.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

void esp_fill_random(void *buf, size_t len) {
    FILE *f = fopen("/dev/urandom", "rb");
    if (f == NULL || fread(buf, 1, len, f) != len) abort();
    fclose(f);
}
int64_t esp_timer_get_time(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
void vTaskDelay(TickType_t ticks) {
    usleep(ticks * 10000);
}

/* a listener whose queue is full: further connections are not answered */
static void silence(const struct addrinfo *a) {
    int i, s = socket(a->ai_family, SOCK_STREAM, 0);
    if (bind(s, a->ai_addr, a->ai_addrlen) != 0 || listen(s, 0) != 0) abort();
    for (i = 0; i < 3; i++) {
        s = socket(a->ai_family, SOCK_STREAM, 0);
        fcntl(s, F_SETFL, O_NONBLOCK);
        (void)!connect(s, a->ai_addr, a->ai_addrlen);
    }
}

int host_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list) {
    char words[200], *word;
    const char *addresses = getenv("HOST_ADDRESSES");
    if (addresses == NULL) return getaddrinfo(name, service, hints, list);
    snprintf(words, sizeof words, "%s", addresses);
    for (word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        int silent = *word == '-';
        if (getaddrinfo(word + silent, service, hints, list) != 0) abort();
        if (silent) silence(*list);
        list = &(*list)->ai_next;
    }
    return 0;
}

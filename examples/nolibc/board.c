/* board.c: the hooks by system calls, and where the program begins. */
#include "board.h"
#include "llm_openai.h"
#include <string.h>

int main(void);

/* ---- system calls of Linux on x86-64: a result from -4095 to -1 is an error --------------------------------- */
enum {
    SYS_WRITE = 1, SYS_CLOSE = 3, SYS_POLL = 7, SYS_NANOSLEEP = 35, SYS_SOCKET = 41, SYS_CONNECT = 42,
    SYS_SENDTO = 44, SYS_RECVFROM = 45, SYS_SETSOCKOPT = 54, SYS_GETSOCKOPT = 55, SYS_EXIT = 60,
    SYS_CLOCK_GETTIME = 228, SYS_GETRANDOM = 318
};
enum { EINTR_ = 4, EAGAIN_ = 11, ECONNREFUSED_ = 111, EINPROGRESS_ = 115 };

static long call6(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static long call3(long number, long a, long b, long c) {
    return call6(number, a, b, c, 0, 0, 0);
}

/* ---- clock, random, output ---------------------------------------------------------------------------------- */
typedef struct { int64_t s, ns; } timespec64;

uint64_t board_now_ms(void) {
    timespec64 t = {0, 0};
    (void)call3(SYS_CLOCK_GETTIME, 1, (long)&t, 0);    /* CLOCK_MONOTONIC */
    return (uint64_t)t.s * 1000 + (uint64_t)t.ns / 1000000;
}

int64_t board_unix_time(void) {
    timespec64 t = {0, 0};
    (void)call3(SYS_CLOCK_GETTIME, 0, (long)&t, 0);    /* CLOCK_REALTIME */
    return t.s;
}

void board_sleep(int ms) {
    timespec64 t;
    t.s = ms / 1000;
    t.ns = (int64_t)(ms % 1000) * 1000000;
    (void)call3(SYS_NANOSLEEP, (long)&t, 0, 0);
}

int board_random(void *data, size_t len) {
    unsigned char *p = (unsigned char *)data;
    while (len > 0) {
        long got = call3(SYS_GETRANDOM, (long)p, len < 256 ? (long)len : 256, 0);
        if (got > 0) {
            p += got;
            len -= (size_t)got;
        } else if (got != -EINTR_) {
            return 0;
        }
    }
    return 1;
}

void board_print(const char *text, size_t len) {
    while (len > 0) {
        long done = call3(SYS_WRITE, 1, (long)text, (long)len);
        if (done <= 0) return;
        text += done;
        len -= (size_t)done;
    }
}

/* ---- the connection ----------------------------------------------------------------------------------------- */
typedef struct { int fd; short events, revents; } pollfd;
enum { READABLE = 1, WRITABLE = 4 };

/* 1 = ready, or failed, which the next call tells */
static int wait_for(int fd, int what, int timeout_ms) {
    pollfd p;
    p.fd = fd;
    p.events = (short)what;
    p.revents = 0;
    return call3(SYS_POLL, (long)&p, 1, timeout_ms) > 0;
}

/* "localhost" or four numbers with dots: there is nobody to ask for other names. In the order of the network. */
static int address_of(const char *host, unsigned char out[4]) {
    int i, n;
    if (strlen(host) == 9 && memcmp(host, "localhost", 9) == 0) host = "127.0.0.1";
    for (i = 0; i < 4; i++) {
        if (*host < '0' || *host > '9') return 0;
        for (n = 0; *host >= '0' && *host <= '9' && n < 256; host++) n = n * 10 + (*host - '0');
        if (n > 255 || *host != (i < 3 ? '.' : 0)) return 0;
        out[i] = (unsigned char)n;
        host++;
    }
    return 1;
}

/* AF_INET, SOCK_STREAM that never waits and is not inherited; TCP_NODELAY */
static int dial(board_conn *c, const unsigned char ip[4], int port) {
    unsigned char a[16] = {2, 0};                      /* struct sockaddr_in: family in the order of this machine */
    int on = 1;
    long r = call3(SYS_SOCKET, 2, 1 | 04000 | 02000000, 0);
    if (r < 0) return LLM_NET_FAILED;
    c->fd = (int)r;
    c->opened = 1;
    (void)call6(SYS_SETSOCKOPT, c->fd, 6, 1, (long)&on, sizeof on, 0);
    a[2] = (unsigned char)(port >> 8);
    a[3] = (unsigned char)port;
    memcpy(a + 4, ip, 4);
    r = call3(SYS_CONNECT, c->fd, (long)a, sizeof a);
    if (r == -ECONNREFUSED_) return LLM_NET_REFUSED;
    return r == 0 || r == -EINPROGRESS_ ? 0 : LLM_NET_FAILED;
}

int board_open(board_conn *c, const char *host, int port, int timeout_ms) {
    unsigned char ip[4];
    int error = 0, len = sizeof error;
    if (!c->opened) {
        int r;
        if (!address_of(host, ip)) return LLM_NET_NO_HOST;
        r = dial(c, ip, port);
        if (r != 0) return r;
    }
    if (!wait_for(c->fd, WRITABLE, timeout_ms)) return 0;
    (void)call6(SYS_GETSOCKOPT, c->fd, 1, 4, (long)&error, (long)&len, 0);     /* SOL_SOCKET, SO_ERROR */
    if (error == ECONNREFUSED_) return LLM_NET_REFUSED;
    return error == 0 ? 1 : LLM_NET_FAILED;
}

/* The socket never waits by itself. First tried, as most times there is something; then waited for, tried again. */
static long transfer(long number, board_conn *c, long data, size_t len, int flags, int what, int timeout_ms) {
    long r = call6(number, c->fd, data, (long)len, flags, 0, 0);
    if (r == -EAGAIN_ && timeout_ms > 0 && wait_for(c->fd, what, timeout_ms)) {
        r = call6(number, c->fd, data, (long)len, flags, 0, 0);
    }
    if (r == -EAGAIN_ || r == -EINTR_) return 0;
    return r >= 0 ? r : LLM_NET_FAILED;
}

long board_send(board_conn *c, const void *data, size_t len, int timeout_ms) {
    return transfer(SYS_SENDTO, c, (long)data, len, 0x4000, WRITABLE, timeout_ms);     /* MSG_NOSIGNAL */
}

/* 0 bytes of recv() are the end of the connection, which the hook says in another way than "nothing yet". */
long board_receive(board_conn *c, void *data, size_t len, int timeout_ms) {
    long r = call6(SYS_RECVFROM, c->fd, (long)data, (long)len, 0, 0, 0);
    if (r == -EAGAIN_ && timeout_ms > 0 && wait_for(c->fd, READABLE, timeout_ms)) {
        r = call6(SYS_RECVFROM, c->fd, (long)data, (long)len, 0, 0, 0);
    }
    if (r == -EAGAIN_ || r == -EINTR_) return 0;
    return r > 0 ? r : r == 0 ? LLM_NET_CLOSED : LLM_NET_FAILED;
}

void board_close(board_conn *c) {
    if (c->opened) (void)call3(SYS_CLOSE, c->fd, 0, 0);
    c->opened = 0;
}

/* ---- the beginning ------------------------------------------------------------------------------------------ */
void board_start(void) {}
void board_report(void) {}

void begin(void);
__asm__(".globl _start\n_start:\n\txorl %ebp, %ebp\n\tandq $-16, %rsp\n\tcall begin\n\thlt\n");
void begin(void) {
    (void)call3(SYS_EXIT, main(), 0, 0);
}

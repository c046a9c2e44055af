/* chaos.h - the chaos proxy as a child process, for tests in C. After mock.h.
   Needs build/chaos_proxy, made by `make -C tools chaos`; the environment variable CHAOS_PROXY names another one.

       t_chaos x;
       if (!t_chaos_start(&x, m.http_port, NULL)) return 1;
       t_chaos_set(&x, "response cut 100");         (several rules: a line each)
       ... use x.port ...
       t_chaos_report(&x);                          x.connections, x.fired, x.in[0], x.in[1]
       t_chaos_stop(&x);

   Rules and options: the top of tools/chaos_proxy/chaos_proxy.c. */
#ifndef T_CHAOS_H
#define T_CHAOS_H

typedef struct t_chaos {
    pid_t pid;
    int in, out; /* its standard input and output */
    int port;
    long connections, open, fired; /* of the last report */
    long in_bytes[2];              /* of the newest connection: request, response */
} t_chaos;

static inline int t_chaos_line(t_chaos *x, char *line, size_t cap) {
    size_t n = 0;
    struct pollfd p;
    p.fd = x->out;
    p.events = POLLIN;
    while (n + 1 < cap && poll(&p, 1, 10000) == 1 && read(x->out, line + n, 1) == 1 && line[n] != '\n') n++;
    line[n] = 0;
    return n > 0;
}

static inline void t_chaos_stop(t_chaos *x) {
    if (x->pid <= 0) return;
    close(x->in);
    close(x->out);
    kill(x->pid, SIGKILL); /* it holds nothing */
    waitpid(x->pid, NULL, 0);
    x->pid = 0;
}

/* extra: further arguments up to a NULL, or NULL. Returns 1, or 0 with a word on standard error. */
static inline int t_chaos_start(t_chaos *x, int to_port, const char *const *extra) {
    const char *args[32], *path = getenv("CHAOS_PROXY");
    char to[40], line[100];
    int in[2], out[2], n = 0;
    memset(x, 0, sizeof *x);
    if (!path || !*path)
        path = access("build/chaos_proxy", X_OK) == 0 ? "build/chaos_proxy" : "../build/chaos_proxy";
    snprintf(to, sizeof to, "127.0.0.1:%d", to_port);
    args[n++] = path;
    args[n++] = "--to";
    args[n++] = to;
    args[n++] = "--stdin";
    args[n++] = "--lifetime";
    args[n++] = "600";
    while (extra && *extra && n < 31) args[n++] = *extra++;
    args[n] = NULL;
    if (pipe(in) || pipe(out)) return 0;
    fcntl(in[1], F_SETFD, FD_CLOEXEC);
    fcntl(out[0], F_SETFD, FD_CLOEXEC);
    fflush(NULL);
    x->pid = fork();
    if (x->pid == 0) {
        char *argv[32];
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[0]);
        close(out[1]);
        memcpy(argv, args, sizeof argv); /* execv takes them without const */
        execv(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    x->in = in[1];
    x->out = out[0];
    if (x->pid > 0 && t_chaos_line(x, line, sizeof line) &&
        sscanf(line, "chaos_proxy: 127.0.0.1:%d", &x->port) == 1)
        return 1;
    fprintf(stderr, "%s did not start (make -C tools chaos)\n", path);
    t_chaos_stop(x);
    return 0;
}

/* One command: 1 if the answer is "ok". answer, if given, gets it whatever it is. */
static inline int t_chaos_do(t_chaos *x, const char *command, char *answer, size_t cap) {
    char line[200] = "";
    size_t n = strlen(command);
    if (write(x->in, command, n) != (ssize_t)n || write(x->in, "\n", 1) != 1 || !t_chaos_line(x, line, sizeof line))
        snprintf(line, sizeof line, "error no answer");
    if (answer) snprintf(answer, cap, "%s", line);
    return strcmp(line, "ok") == 0;
}

/* These rules, a line each, instead of all others; connections count from 1 again. A rule that is wrong ends the
   test: nothing would be harmed, and everything would look well. */
static inline void t_chaos_set(t_chaos *x, const char *lines) {
    char one[200], answer[200];
    int ok = t_chaos_do(x, "clear", answer, sizeof answer);
    while (ok && *lines) {
        size_t n = strcspn(lines, "\n");
        if (n > 0 && n < sizeof one) {
            memcpy(one, lines, n);
            one[n] = 0;
            ok = t_chaos_do(x, one, answer, sizeof answer);
        }
        lines += n + (lines[n] == '\n');
    }
    if (ok) return;
    fprintf(stderr, "chaos proxy: '%s': %s\n", lines, answer);
    exit(1);
}

static inline void t_chaos_report(t_chaos *x) {
    char line[200];
    t_chaos_do(x, "report", line, sizeof line);
    if (sscanf(line, "connections %ld open %ld request %ld response %ld fired %ld", &x->connections, &x->open,
               &x->in_bytes[0], &x->in_bytes[1], &x->fired) != 5) {
        fprintf(stderr, "chaos proxy: report: %s\n", line);
        exit(1);
    }
}

#endif

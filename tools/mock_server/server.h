/* mock_server: what its parts share. One process, one thread, every socket non-blocking. */
#ifndef MOCK_SERVER_H
#define MOCK_SERVER_H

#include <stddef.h>
#include <stdint.h>

/* ---- util.c: growing buffers, clock ---- */
typedef struct buf {
    char *p; /* len bytes and a zero byte; NULL while empty and never used */
    size_t len;
    size_t cap;
} buf;

void *mem_get(size_t n); /* zeroed; leaves the program when there is no memory */
char *mem_str(const char *s, size_t n);
void buf_put(buf *b, const void *p, size_t n);
void buf_str(buf *b, const char *s);
void buf_fmt(buf *b, const char *format, ...);
void buf_json(buf *b, const char *s,
              size_t n);         /* as a JSON string with its quotes; bad UTF-8 becomes U+FFFD */
void buf_drop(buf *b, size_t n); /* removes n bytes from the front */
void buf_free(buf *b);
uint64_t now_us(void); /* monotonic */
int utf8_len(const unsigned char *p,
             size_t n);                    /* bytes of the well-formed character at p, 0 if there is none */
int file_read(const char *path, buf *out); /* 0 on success */

/* ---- json.c: strict reader into a flat node table ---- */
typedef enum jtype { J_NULL, J_FALSE, J_TRUE, J_NUM, J_STR, J_ARR, J_OBJ } jtype;

typedef struct jnode {
    jtype type;
    const char *text; /* raw text; of a string without its quotes */
    size_t len;
    const char *key; /* raw text of the member's name, NULL outside an object */
    size_t key_len;
    int parent, child, last, next; /* indices, -1 = none */
    int count;                     /* members or elements */
} jnode;

typedef struct jdoc {
    jnode *n;
    int count, cap;
    const char *error; /* what is wrong, NULL if nothing */
    size_t at;         /* where */
} jdoc;

int json_read(jdoc *d, const char *s, size_t n); /* 1 = one valid JSON text; call json_free() in both cases */
void json_free(jdoc *d);
const jnode *json_get(const jdoc *d, const jnode *object, const char *name);
const jnode *json_child(const jdoc *d, const jnode *node);
const jnode *json_next(const jdoc *d, const jnode *node);
void json_text(const jnode *string, buf *out); /* decoded */
int json_is(const jnode *string, const char *text);
double json_num(const jnode *node, double otherwise);

/* ---- script.c ---- */
typedef enum op_kind {
    OP_HEAD,   /* sends the head now; else it goes out with the first piece of the body */
    OP_BODY,   /* data through the framing */
    OP_RAW,    /* data as it stands */
    OP_DELAY,  /* num microseconds */
    OP_WAIT,   /* until somebody continues point `data` */
    OP_FIN,    /* ends the connection without close_notify */
    OP_RESET,  /* RST */
    OP_CLOSE,  /* ends the connection in order, close_notify included */
    OP_STALL,  /* says nothing more and keeps the connection open */
    OP_REPEAT, /* num times up to the op with index jump */
    OP_END,    /* end of a repeat that began at jump */
    OP_BRAIN   /* the built-in answer */
} op_kind;

typedef struct op {
    op_kind kind;
    char *data;
    size_t len;
    long num;
    size_t jump;
    int count_mark; /* data holds {i} */
} op;

typedef enum framing { FRAME_AUTO, FRAME_LENGTH, FRAME_CHUNKED, FRAME_CLOSE, FRAME_NONE } framing;

typedef struct exchange {
    char *name, *method, *path; /* NULL = any */
    int status;
    char *reason;
    buf headers;
    int plain_head; /* no default headers */
    int sse;        /* the body is made of events */
    int brain;      /* the built-in answer is the body */
    framing frame;
    long length;      /* Content-Length to claim, -1 = the true one */
    size_t chunk_max; /* HTTP chunk size, 0 = one chunk a step */
    char *chunk_ext;
    buf trailers;
    int early;        /* answer after the head, read no body */
    long times, used; /* times < 0: for ever */
    long *split;      /* ascending offsets in the response */
    size_t split_count;
    long split_every, split_us;
    long cut_at; /* -1 = nowhere */
    op_kind cut_kind;
    long idle_us; /* closes the kept connection after that, -1 = no */
    op *ops;
    size_t op_count;
} exchange;

typedef struct script {
    int refs;
    exchange *ex;
    size_t count;
} script;

#define REPEAT_DEPTH 4

script *script_read(const char *text, size_t len, const char *folder,
                    buf *error); /* NULL: error says line and reason */
void script_release(script *s);
exchange *script_find(script *s, const char *name, const char *method, const char *path, int only_early,
                      int *used_up);
long script_left(const script *s);
size_t script_length(const exchange *x); /* bytes of the body */
void op_text(const op *o, long i, buf *out);

/* ---- brain.c: what the API would say ---- */
typedef struct chunk_meta {
    char id[40];
    char model[96];
    long created;
    int usage_null; /* "usage":null in every chunk */
    int obfuscate;
} chunk_meta;

typedef struct usage {
    long prompt, completion, cached;
} usage;

void chat_chunk(buf *out, const chunk_meta *m, int index, const char *delta, const char *finish);
void chat_usage_chunk(buf *out, const chunk_meta *m, const usage *u);
void api_error(buf *out, const char *message, const char *type, const char *param, const char *code);

typedef struct brain_call {
    char id[32];
    char *name;
    char *args;
} brain_call;

typedef struct brain {
    int status;
    int stream;
    buf body; /* the whole answer when it is no stream */
    /* stream */
    chunk_meta meta;
    usage use;
    int include_usage;
    int n;
    char *text;
    size_t text_len, at; /* at: where the next piece starts */
    long count_to, counted;
    long max_pieces, pieces;
    brain_call *calls;
    int call_count, call_at, call_step;
    int phase; /* 0 role, 1 content, 2 finish, 3 usage, 4 done, 5 nothing left */
    int turn;  /* choice whose chunk comes next */
} brain;

void brain_start(brain *b, const char *method, const char *path, const char *body, size_t len);
int brain_next(brain *b, buf *out); /* 1 = one more event was put into out */
void brain_free(brain *b);
char *brain_scenario(const char *body, size_t len); /* NAME of model "mock:NAME", or NULL */

/* ---- tls.c ---- */
typedef struct identity identity;
typedef struct tls tls;

identity *tls_identity(const char *path, buf *error); /* loaded once, kept */
tls *tls_new(const identity *id, int min_version, int max_version, int use_cache);
void tls_free(tls *t);
int tls_up(tls *t); /* the handshake is over */
int tls_resumed(const tls *t);
int tls_closed(const tls *t); /* the engine is done, by close_notify or error */
int tls_error(const tls *t);
void tls_describe(tls *t, char *out, size_t cap); /* "version suite sni" */
/* Pumps. Each returns > 0 bytes moved, 0 nothing to do. */
size_t tls_take(tls *t, buf *out);                /* plaintext that has arrived */
size_t tls_give(tls *t, const char *p, size_t n); /* one record of plaintext to send */
const unsigned char *tls_out(tls *t, size_t *n);  /* bytes for the socket, NULL if none */
void tls_out_done(tls *t, size_t n);
unsigned char *tls_in(tls *t, size_t *n); /* room for bytes of the socket, NULL if none */
void tls_in_done(tls *t, size_t n);
void tls_end(tls *t); /* queues close_notify */
void tls_cache_clear(void);

/* ---- conn.c ---- */
typedef enum side { SIDE_HTTP, SIDE_HTTPS, SIDE_CONTROL } side;

typedef struct settings {
    char key[256]; /* "" = no Authorization is asked for */
    const identity *id;
    int tls_min, tls_max;
    int session_cache;
    int tls_alert;  /* answer a ClientHello with this fatal alert, 0 = off */
    int accept_how; /* 0 serve, else OP_FIN, OP_RESET, OP_STALL, for the next accept_count connections */
    long accept_count;
    long keepalive_max; /* requests a connection, 0 = no limit */
    long idle_us;       /* closes kept connections, 0 = never */
    long wire_cut;      /* bytes sent on a TLS connection until wire_how, -1 = off */
    op_kind wire_how;
    size_t record_max; /* most plaintext bytes in one TLS record or write, 0 = as it comes */
    long pace_us;      /* between events of the built-in brain */
    int burst;         /* the brain's events go out together */
} settings;

typedef struct stats {
    uint64_t connections, http_connections, https_connections;
    uint64_t tls_full, tls_resumed, tls_failed;
    uint64_t requests, responses, bad_requests, client_aborts;
    uint64_t bytes_in, bytes_out;
    uint64_t script_misses;
    long open, waiting;
    char bad_reason[160];
    char tls_last[160];
} stats;

typedef struct seen {
    buf head, body;
    uint64_t at_us;
    unsigned long conn;
    int secure;
} seen;

#define SEEN_MAX 32

typedef struct conn conn;

typedef struct server {
    settings set, set_at_start;
    stats st;
    script *sc;
    seen last[SEEN_MAX]; /* ring; seen_count requests were kept */
    unsigned long seen_count;
    conn *conns;
    unsigned long conn_serial;
    char folder[1024]; /* where the PEM files lie */
    int quit;
    int verbose;
    uint64_t started_us;
} server;

extern server srv;

void conn_accept(int fd, side from);
void conn_event(conn *c, int readable, int writable, int gone);
uint64_t conn_timers(void); /* runs what is due; the next time, or UINT64_MAX */
int conn_fd(const conn *c, int *want_read, int *want_write);
unsigned *conn_watched(conn *c); /* where the loop keeps what it has registered */
void conn_close_idle(void);
void conn_close_all(void);
void wait_continue(const char *name, long n);
void wait_clear(void);

/* ---- control.c ---- */
typedef struct control_answer {
    int status;
    const char *type;
    buf body;
} control_answer;

int set_option(const char *name, const char *value, buf *error); /* 0 on success */
void control_request(const char *method, const char *target, const char *body, size_t len, control_answer *a);

/* ---- main.c ---- */
void loop_watch(conn *c);  /* after its wants may have changed */
void loop_forget(conn *c); /* before its descriptor is closed */

#endif

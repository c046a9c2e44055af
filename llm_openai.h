/* llm_openai.h - v0.1.0 - OpenAI-compatible LLM client in one C99 header - MIT licence (end of file)

   Chat completion, streaming, a tool loop, token usage and cost in USD, errors that can be acted on. HTTP/1.1,
   server-sent events and JSON are written here; TLS is BearSSL's. No other package, no thread, no global state, no
   hidden allocation.

   Do this in ONE C or C++ file, before any other #include:

       #define LLM_OPENAI_IMPLEMENTATION
       #include "llm_openai.h"

   and this wherever you use it:

       #include "llm_openai.h"

   Build: build/llm_openai.h (made by `make -C tools bundle`) holds BearSSL and needs nothing else:
       cc -std=c99 -Os app.c llm_openai.c -o app
   This file as it is needs BearSSL 0.6 beside it:
       cc -std=c99 -Os -I bearssl/inc app.c llm_openai.c libbearssl.a -o app
   For Windows add -lws2_32 -liphlpapi -lbcrypt -lcrypt32.
   C99 or later; as C++ the declarations are C++98 and the implementation C++11.

   It does not do: TLS 1.3, HTTP/2, SOCKS, the Responses API, Azure's dated API, compression, certificate revocation.

   Map. Every section starts with its tag; each uses only sections above it.
     >>api-types     statuses, configuration, request, response
     >>api           functions
     >>platform      what there is on this system
     >>hooks         default hooks: memory, clock, randomness, environment, files
     >>util          checked sizes, UTF-8, memory, growing text, formatter
     >>error         statuses by class, filling an llm_error, redaction
     >>json-read     incremental tokenizer
     >>json-write    numbers, JSON pointer, checks, text functions
     >>url           base URL, IP addresses
     >>http          request head, response reader
     >>sse           server-sent events
     >>net           default net hooks: sockets, resolver, address race
     >>tls           TLS over BearSSL, trust anchors, names, pins
     >>pricing       price table and cost
     >>conversation  messages that own their strings
     >>reply         the answer as it grows
     >>wire-chat     Chat Completions in and out
     >>client        settings, the key, kept connections
     >>call          the engine
     >>tools         the tool loop
     >>public        thin functions
     >>end           history, licence

   ============================================================================================================
   QUICK START

   One question:

       #include "llm_openai.h"
       #include <stdio.h>
       int main(void) {
           llm_config config = {0};                 // key, URL and model from OPENAI_API_KEY, _BASE_URL, _MODEL
           llm_request request = {0};
           llm_response response;
           llm_client *client;
           llm_error error;
           config.model = "gpt-6-luna";
           if (llm_client_new(&client, &config, &error) != LLM_OK) {
               fprintf(stderr, "%s\n", error.message);
               return 1;
           }
           request.prompt = "Why is the sky blue?";
           if (llm_chat(client, &request, &response) == LLM_OK) puts(response.content);
           else fprintf(stderr, "%s\n", response.error.message);
           llm_response_free(&response);
           llm_client_free(client);
           return 0;
       }

   Streaming: llm_chat_stream() with a function that gets each piece; or pull them, which never calls back:

       #include "llm_openai.h"
       #include <stdio.h>
       void ask(llm_client *client, const llm_request *request) {
           llm_call *call;
           llm_event event;
           if (llm_start(client, request, &call) != LLM_OK) return;        // llm_last_error(client)
           while (llm_next(call, &event, -1) == LLM_OK) {
               if (event.kind == LLM_EVENT_TEXT) fwrite(event.text, 1, event.len, stdout);
           }
           llm_finish(call, NULL);
       }

   With an event loop: llm_next(call, &event, 0) until LLM_PENDING, then wait for llm_call_fd(), llm_call_wants() and
   llm_call_timeout_ms(). Or llm_wait() over many calls.

   Tools: give each llm_tool a handler, call llm_chat_with_tools(). The handler writes its result into an llm_text.

   ============================================================================================================
   OPTIONS: define them before the include that has LLM_OPENAI_IMPLEMENTATION

   Hooks. Each gets ctx = llm_config.hook_ctx first, is called only by the thread that called the library, and evaluates
   each argument once. The members of a group are defined all or not at all.

   LLM_MALLOC(ctx, n), LLM_REALLOC(ctx, p, old, n), LLM_FREE(ctx, p, n)      default: malloc, realloc, free
       void *, NULL = no memory. old and n are what was asked for. n > 0, p is never NULL. Not called with
       config.memory.
   LLM_NO_MALLOC                                                            presence: no default, config.memory only
   LLM_NOW_MS(ctx), LLM_UNIX_TIME(ctx), LLM_SLEEP_MS(ctx, ms)               default: clock_gettime, time, nanosleep;
                                                                            of Windows: see WINDOWS
       uint64_t of a clock that never goes back (extend a counter that wraps); int64_t seconds since 1970, 0 = there
       is no clock; waits about ms > 0 milliseconds, and may return early.
   LLM_RANDOM(ctx, buf, n)                                                  default: getrandom, /dev/urandom
       int, 1 = all n bytes are filled from a cryptographic source, 0 = they are not: the call fails. No default
       elsewhere but on Windows.
   LLM_GETENV(ctx, name)                                                    default: getenv
       const char *, NULL = not set. LLM_NO_ENV: always NULL.
   LLM_FILE_READ(ctx, path, offset, buf, n)                                 default: open, pread, close
       long: bytes read, 0 = end of file, < 0 = error. Stateless. LLM_NO_FILES: always an error.
   LLM_LOG(ctx, level, text, len)                                           default: none
       level LLM_LOG_ERROR, _INFO, _DEBUG; a finished line without its end. Never the key, a prompt or an answer.

   LLM_NET_CONN                                                             default: POSIX or Windows sockets, all of it
       Type of one connection's state. It lies zeroed at a stable address from before OPEN until after CLOSE.
   LLM_NET_OPEN(ctx, conn, host, port, timeout_ms)
       1 open; 0 in progress, call again with the same arguments; LLM_NET_NO_HOST, LLM_NET_REFUSED, LLM_NET_FAILED.
       Waits at most timeout_ms, 0 = not at all.
   LLM_NET_SEND(ctx, conn, buf, n, timeout_ms), LLM_NET_RECV(ctx, conn, buf, n, timeout_ms)
       > 0 bytes (fewer than n is fine), 0 nothing within timeout_ms, LLM_NET_CLOSED the peer closed in order,
       LLM_NET_FAILED. Never 0 after the peer closed: the call would wait for its deadline. Fewer than n from RECV: an
       event loop waits for LLM_NET_FD next, so keep nothing back. After 0 from SEND the next SEND of conn has the same
       buf, bytes and n, as TLS libraries want it, after fewer than n the rest of them; or CLOSE comes.
   LLM_NET_CLOSE(ctx, conn)
       Legal in any state, called once.
   LLM_NET_TLS                                                              define as 1: the net hooks do TLS themselves
       LLM_NET_OPEN then has a last argument `secure`; with 1 it must have checked chain and name before it returns 1.
       LLM_NET_UNTRUSTED is LLM_ERR_TLS and not tried again: the certificate, the name, no common version. BearSSL is
       not compiled; pins, anchors and a proxy in the config are LLM_ERR_USAGE.
   Optional, beside the group:
   LLM_NET_FD(ctx, conn)           int for your event loop, -1 = none (default of hooks of your own). On Windows the
                                   SOCKET, as int
   LLM_NET_SERIAL(ctx, conn)       unsigned, counts up with each new descriptor; default 0
   LLM_NET_WANTS(ctx, conn)        while OPEN is in progress: LLM_WANT_READ | LLM_WANT_WRITE; default both
   LLM_NET_TIMER_MS(ctx, conn)     while OPEN is in progress: call it again after so many ms, -1 = no need (default)
   LLM_NET_WHY(ctx, conn)          const char *, what went wrong, as part of a sentence; default ""
   LLM_NET_WAIT(ctx, items, n, timeout_ms)
       Of llm_wait(): sets ready in the llm_wait_item array; number ready, 0 time is up, < 0 error. Default with
       hooks of your own: sleeps at most 10 ms and says all may be ready.
       typedef struct llm_wait_item { LLM_NET_CONN *conn; int wants; int ready; } llm_wait_item; declared inside the
       implementation: declare your function with `struct llm_wait_item *`. conn may be NULL; wants is LLM_WANT_READ |
       LLM_WANT_WRITE; set ready to 1 or 0.
   LLM_NET_INIT(ctx)               int, called by llm_client_new(); 0 = failed; default 1

   Switches: presence macros. Each drops code; none changes a struct. Functions that are off return LLM_ERR_USAGE.
   LLM_OPENAI_IMPLEMENTATION       makes the implementation: in one file of the program
   LLM_NO_TLS                      no BearSSL: http:// only, for a pipe that is secured already
   LLM_NO_SOCKETS                  no default net hooks
   LLM_NO_PRICING                  no price table: cost is LLM_COST_UNKNOWN
   LLM_NO_TOOLS                    no tool loop
   LLM_NO_PROXY                    no HTTP proxy: 5.6 kB less on x86-64 with -Os
   LLM_NO_FILES                    no file is read: trust comes from memory
   LLM_NO_ENV                      no environment variable is read
   LLM_NO_MESSAGES                 llm_error.message is what the server said, else the name of the status, for TLS with
                                   the number of BearSSL behind it: 18.3 kB less on a Cortex-M3 with -Os
   LLM_TLS_SMALL                   one slower code for P-256 and P-384, neither P-521 nor X25519, no ChaCha20-Poly1305;
                                   records of a handshake may have 9 kB: on a Cortex-M3 with -Os 13.6 kB less, 4.6 kB
                                   less of memory with the usual record buffer, 1.0 kB less of stack
   LLM_USE_GETADDRINFO             names by getaddrinfo(): it blocks every call of the thread and ignores deadlines
   LLM_OPENAI_STATIC               every function static: for one file that uses it all, with _IMPLEMENTATION
   LLM_API                         decoration of the public functions; default extern

   Limits: value macros. Exceeding one is LLM_ERR_LIMIT, unless said otherwise.
   LLM_MAX_HEAD                    bytes of a response head with its trailers                 64 KiB
   LLM_MAX_HEADERS                 header lines of a response                                 128
   LLM_MAX_BODY                    bytes of a body that is not a stream                       64 MiB
   LLM_MAX_EVENT                   bytes of a server-sent event                   16 MiB, freestanding 64 KiB
   LLM_MAX_TEXT                    bytes that a response keeps; also of a tool's result       64 MiB
   LLM_MAX_REQUEST                 bytes of a request body                                    64 MiB
   LLM_MAX_JSON_DEPTH              nested arrays and objects, 8 to 1024                       64
   LLM_MAX_CHOICES                 choices of a response                                      128
   LLM_MAX_TOOL_CALLS              tool calls of a choice                                     128
   LLM_MAX_RETRY_AFTER_MS          a server that asks for more is not asked again             120,000
   LLM_MAX_CA_BYTES                bytes of a file of CA certificates                         8 MiB
   LLM_MEMO_SIZE                   bytes remembered of what a stream repeats, three times     320, freestanding 1 (off)
   LLM_READ_SIZE                   receive buffer of a connection                             4096, freestanding 1024

   Places:
   LLM_CA_FILES                    string literals, comma between: the systems' usual paths of CA certificates;
                                   Windows: unless you define it, the system's certificate store in their place
   LLM_CA_PEM                      string literal with PEM text, used when no file is found; default none
   LLM_HOSTS_FILE                  "/etc/hosts"; Windows: drivers\etc\hosts in the system directory
   LLM_RESOLV_CONF                 "/etc/resolv.conf"; Windows: none, the interfaces' settings
   LLM_DNS_SERVER                  "127.0.0.1": where resolv.conf names none
   LLM_DNS_PORT                    53

   ============================================================================================================
   OWNERSHIP
   The config's strings are copied. What the request points to is read until llm_start() returns. anchors, ca_pem, pins,
   prices, headers, memory and hook_ctx are borrowed until llm_client_free(). An event's pointers live until the next
   llm_next() or llm_finish() of the call, a response's until llm_response_free(). Free responses, conversations and
   calls before their client. An *out is set in any case, also on failure: what came before it is kept beside the error.

   ERRORS
   Statuses are values with a class: llm_is(status, LLM_ERR_RATE_LIMIT). llm_error.message says what failed, on what,
   and what to do. llm_error.retryable: the same request may succeed later. The library has retried already: 408,
   409, 429 and 5xx, failed connections and time-outs, twice by default, after the time that the server asked for, or
   0.5, 1, 2, 4, 8 seconds less up to a quarter; never once a 2xx head came, never without credit left.
   Endings of an answer: finish_reason or [DONE] came: LLM_OK. The body ended in order without either: LLM_OK with
   LLM_FINISH_NONE if anything came, else LLM_ERR_TRUNCATED. It broke off: LLM_ERR_TRUNCATED, with what came.

   THREADS
   One thread at a time per client and what belongs to it. Clients are independent. No global state, no thread, no
   signal handler; SIGPIPE does not occur with the default hooks.

   WINDOWS
   Every hook has its default there too: Winsock, BCryptGenRandom, GetTickCount64, CreateFileA (paths are in the ANSI
   code page, as argv and getenv() give them). Where nothing else says whom to trust, it is who stands in the user's
   certificate store ROOT, not in Disallowed, and may vouch for servers; a root that Windows trusts for older
   certificates only is not taken. Windows puts some roots there only when one of its own programs
   first meets them: with a CA file of your own you know what you trust. Tested under Wine; MSVC was not tried.

   PROXIES
   config.proxy is http://[user[:password]@]host[:port], port 80 if none is given; "" is none. NULL is the environment:
   https_proxy or HTTPS_PROXY for an https:// base URL, http_proxy or HTTP_PROXY (not beside REQUEST_METHOD: there a
   web client may have set it) for an http:// one, then all_proxy or ALL_PROXY; not for loopback hosts, nor for what
   no_proxy or NO_PROXY lists: names with all below them, addresses, blocks like 10.0.0.0/8, each with :port or
   without, or *. An https:// server is reached through a tunnel (CONNECT), so that the proxy sees its name and port
   and nothing else. An http:// request is the proxy's to read: with a key it is refused like any other http://.
   User and password go to the proxy as Basic, in clear; they are kept like the key. A tunnel that the proxy refuses is
   LLM_ERR_CONNECTION with http_status 0: its 403 is no word of the API's. connect_timeout_ms covers it. With http://
   only its 407 can be told from what the server says.

   STREAMING
   States of a call: START, OPEN, TUNNEL (of a proxy), HANDSHAKE, SEND, HEAD, BODY, TAIL, DONE; WAIT before another
   attempt; FAILED. The diagram stands at >>call. Text is told as it comes; tool calls when they are whole, at the end
   of the answer. A piece is never empty, never cut inside a character, and told once.

   TLS AND TRUST
   TLS 1.2, ECDHE with AES-GCM or ChaCha20-Poly1305, no renegotiation. The certificate must chain to an anchor, be in
   date, be for a server, and name the host (or its IP address): there is no switch to go on without. Anchors are
   looked for in config.anchors, ca_pem, ca_file, $SSL_CERT_FILE, LLM_CA_FILES, LLM_CA_PEM: the first that is given.
   None is LLM_ERR_TLS. One that is no CA vouches for that very certificate only. config.pins adds: one key of the
   chain must be among them. A device without a clock says config.no_clock. Revocation is not checked.

   THE KEY
   One lasting copy in memory, wiped on llm_client_free(); the copy in the send buffer is wiped once it is sent; every
   block is wiped before it goes to LLM_FREE, as a server may say the key. It is in no log, error, response or event,
   even if the server echoes it (keys of fewer than 8 characters excepted: "none" must not mutilate an answer). It is
   not sent over http:// to a host that is not loopback unless config.allow_plaintext_key. Redirects are not followed.

   PRICES
   llm_usage.cost_usd is the provider's own figure if it sent one, else tokens times the price of the response's model,
   in integers of 1e-12 USD, by service tier, context length, cached, written and audio tokens. cost_source says how
   good it is; LLM_COST_UNKNOWN is not 0. The table is of llm_prices_date(); config.prices comes before it.
   ============================================================================================================ */

#if defined(LLM_OPENAI_IMPLEMENTATION) && defined(__STRICT_ANSI__) && !defined(_WIN32) && \
    !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE) && !defined(_DEFAULT_SOURCE)
  #define _POSIX_C_SOURCE 200809L  /* -std=c99 hides the socket calls; this must precede the first libc header */
  #define _DEFAULT_SOURCE 1
#endif
#ifndef LLM_OPENAI_H
#define LLM_OPENAI_H

/* ============================================================================================================
   >>api-types                                                          statuses, configuration, request, response
   ============================================================================================================ */

#include <stddef.h>
#include <stdint.h>

#define LLM_VERSION_MAJOR 0
#define LLM_VERSION_MINOR 1
#define LLM_VERSION_PATCH 0
#define LLM_VERSION_STRING "0.1.0"

#if defined(LLM_OPENAI_STATIC) && !defined(LLM_OPENAI_IMPLEMENTATION)
  #error "llm_openai.h: LLM_OPENAI_STATIC needs LLM_OPENAI_IMPLEMENTATION in the same file."
#endif

/* Decoration of every public function. Define it yourself for a DLL export, say. */
#ifndef LLM_API
  #ifdef LLM_OPENAI_STATIC
    #if defined(__GNUC__) || defined(__clang__)
      #define LLM_API static __attribute__((unused))
    #else
      #define LLM_API static
    #endif
  #else
    #define LLM_API extern
  #endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Every status: X(name, value, parent). Values never change once published. An error is an LLM_ERR_ whose parents
   say what kind it is: llm_is(s, LLM_ERR_RATE_LIMIT) is true for LLM_ERR_QUOTA too. */
#define LLM_STATUS_MAP(X) \
    X(LLM_OK,                  0,  LLM_OK)             /* done, or an event is there                            */ \
    X(LLM_PENDING,             1,  LLM_PENDING)        /* nothing yet: wait, then call again                    */ \
    X(LLM_DONE,                2,  LLM_DONE)           /* the call is over and all went well                    */ \
    X(LLM_ERR,                -1,  LLM_ERR)            /* base of all errors                                    */ \
    X(LLM_ERR_API,            -10, LLM_ERR)            /* the server said no, or said no answer; other 3xx, 4xx */ \
    X(LLM_ERR_BAD_REQUEST,    -11, LLM_ERR_API)        /* 400, 422                                              */ \
    X(LLM_ERR_AUTH,           -12, LLM_ERR_API)        /* 401: the key                                          */ \
    X(LLM_ERR_PERMISSION,     -13, LLM_ERR_API)        /* 403                                                   */ \
    X(LLM_ERR_NOT_FOUND,      -14, LLM_ERR_API)        /* 404: model or path                                    */ \
    X(LLM_ERR_CONFLICT,       -15, LLM_ERR_API)        /* 409                                                   */ \
    X(LLM_ERR_RATE_LIMIT,     -16, LLM_ERR_API)        /* 429: slow down                                        */ \
    X(LLM_ERR_QUOTA,          -17, LLM_ERR_RATE_LIMIT) /* 429, 402: no credit; a retry is useless               */ \
    X(LLM_ERR_SERVER,         -18, LLM_ERR_API)        /* 5xx                                                   */ \
    X(LLM_ERR_PROTOCOL,       -19, LLM_ERR_API)        /* broken HTTP, JSON or SSE                              */ \
    X(LLM_ERR_CONNECTION,     -30, LLM_ERR)            /* name, connect, proxy, reset before an answer          */ \
    X(LLM_ERR_TLS,            -31, LLM_ERR_CONNECTION) /* handshake, certificate, name                          */ \
    X(LLM_ERR_TRUNCATED,      -32, LLM_ERR_CONNECTION) /* the answer broke off; what came is in the response    */ \
    X(LLM_ERR_TIMEOUT,        -40, LLM_ERR)            /* connect, idle or total deadline; HTTP 408             */ \
    X(LLM_ERR_CANCELLED,      -41, LLM_ERR)            /* by the caller                                         */ \
    X(LLM_ERR_MEMORY,         -42, LLM_ERR)            /* an allocation failed                                  */ \
    X(LLM_ERR_USAGE,          -43, LLM_ERR)            /* wrong call or configuration; nothing was sent         */ \
    X(LLM_ERR_LIMIT,          -44, LLM_ERR)            /* an LLM_MAX_ was exceeded                              */ \
    X(LLM_ERR_MAX_ITERATIONS, -45, LLM_ERR)            /* the tool loop reached its bound                       */ \
    X(LLM_ERR_INTERNAL,       -46, LLM_ERR)            /* a bug in this library                                 */

#define LLM_STATUS_ENUM(name, value, parent) name = value,
typedef enum llm_status {
    LLM_STATUS_MAP(LLM_STATUS_ENUM)
    LLM_STATUS_FORCE_INT = 0x7fffffff   /* never returned: fixes the size of the type */
} llm_status;
#undef LLM_STATUS_ENUM

/* 1 if s is kind, or stands below it. */
LLM_API int         llm_is(llm_status s, llm_status kind);
/* "LLM_ERR_AUTH". Static text, never NULL. */
LLM_API const char *llm_status_name(llm_status s);

/* What went wrong. Plain memory: nothing to free, copy it as you like. Never holds the key. */
typedef struct llm_error {
    llm_status status;
    int        http_status;      /* of the server; 0 = no answer came. A refused tunnel has none: see message  */
    int        retryable;        /* 1 = the same request may succeed later                                  */
    char       message[512];     /* for a person: what failed, on what, what to do. UTF-8, may be shortened */
    char       type[64];         /* error.type, error.code, error.param of the answer, "" if absent         */
    char       code[64];
    char       param[64];
    char       request_id[128];  /* x-request-id                                                            */
    int64_t    retry_after_ms;   /* what the server asked for; -1 = it did not                              */
    int        attempts;         /* requests sent or tried                                                  */
} llm_error;

typedef struct llm_header { const char *name; const char *value; } llm_header;

/* One trust anchor: a CA certificate in DER. It stays yours and must outlive the client. */
typedef struct llm_anchor { const unsigned char *cert_der; size_t cert_der_len; } llm_anchor;

/* Where a cost comes from, weakest first; a sum has the weakest of its parts. */
typedef enum llm_cost_source {
    LLM_COST_UNKNOWN = 0,   /* no usage, or no price: cost_usd is 0 and means nothing             */
    LLM_COST_PREFIX,        /* a guess: the price of the longest known id that this id starts with */
    LLM_COST_SNAPSHOT,      /* the id without its date                                             */
    LLM_COST_EXACT,         /* the id itself                                                       */
    LLM_COST_PROVIDER       /* the server said what it charged                                     */
} llm_cost_source;

/* Prices in USD per 1M tokens. input and output: 0 is free. In every other rate 0 or less means "not given", so that
   {"my-model", 1.0, 0.5, 2.0} is a whole row. Cached and written tokens without a rate cost the input rate of their
   tier or context length; any other rate that is needed and missing makes the cost unknown (-1). For cached tokens
   that are free write 1e-9: it rounds to nothing. A cost is computed in whole 1e-12 USD per token.
   llm_price_lookup() answers a rate that does not exist as -1. */
typedef struct llm_price {
    const char *model;
    double input, cached_input, output;
    double cache_write;                       /* instead of input, for tokens written to the cache         */
    double audio_input, audio_output;
    double flex_input, flex_cached_input, flex_output;                 /* service tiers of the response    */
    double priority_input, priority_cached_input, priority_output;
    int64_t long_context_tokens;              /* more input tokens than this: the whole request costs ..   */
    double long_input, long_cached_input, long_cache_write, long_output;
} llm_price;

typedef enum llm_api { LLM_API_CHAT = 0, LLM_API_RESPONSES = 1 } llm_api;

typedef struct llm_client llm_client;
typedef struct llm_call llm_call;
typedef struct llm_conversation llm_conversation;
typedef struct llm_text llm_text;     /* a growing text: the result of a tool handler */

/* Settings of a client. All zero = defaults. A NULL string is looked up in the environment, then defaulted.
   Strings are copied; anchors, ca_pem, pins, prices, headers and memory are borrowed until llm_client_free(). */
typedef struct llm_config {
    const char *api_key;             /* OPENAI_API_KEY; "" sends no Authorization (local servers)                  */
    const char *base_url;            /* OPENAI_BASE_URL, "https://api.openai.com/v1"                               */
    const char *organization;        /* OPENAI_ORG_ID                                                              */
    const char *project;             /* OPENAI_PROJECT_ID                                                          */
    const char *model;               /* OPENAI_MODEL; a request's model comes first                                */
    llm_api     api;                 /* LLM_API_CHAT; the other one is LLM_ERR_USAGE in this version               */
    const char *azure_api_version;   /* LLM_ERR_USAGE in this version: use Azure's /openai/v1/ base URL            */
    int         connect_timeout_ms;  /* name, connect, proxy, handshake: 0 = 10 s, negative = none                 */
    int         idle_timeout_ms;     /* between two bytes: 0 = 600 s, negative = none                              */
    int         timeout_ms;          /* the whole call with its retries: 0 or negative = none                      */
    int         max_retries;         /* 0 = 2, negative = none                                                     */
    const llm_header *headers;       /* sent with every request, instead of the library's own of the same name     */
    size_t      header_count;
    const char *proxy;               /* http://[user[:password]@]host[:port], with %XX in user and password; "" =  */
                                     /* none; NULL = HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY: see PROXIES     */
    const llm_anchor *anchors;       /* trust: the first that is given of anchors, ca_pem, ca_file, $SSL_CERT_FILE, */
    size_t      anchor_count;        /* LLM_CA_FILES, LLM_CA_PEM. None found is LLM_ERR_TLS.                        */
    const char *ca_pem;              /* PEM text                                                                   */
    size_t      ca_pem_len;          /* 0 = up to its NUL                                                          */
    const char *ca_file;             /* path of a PEM file                                                         */
    const char *const *pins;         /* "sha256/BASE64" of a SubjectPublicKeyInfo in the chain; any one must match */
    size_t      pin_count;
    int         no_clock;            /* 1 = do not check certificate dates: only for devices that have no clock    */
    int         allow_plaintext_key; /* 1 = http:// may carry the key to a host that is not loopback               */
    size_t      tls_in_size;         /* record buffers: 0 = 16709; smaller needs a server that honours             */
    size_t      tls_out_size;        /* max_fragment_length. Out: 0 = 4181 (597 when tls_in_size is smaller)       */
    int         max_idle;            /* kept connections: 0 = 2, negative = none                                   */
    const llm_price *prices;         /* searched before the built-in table                                         */
    size_t      price_count;
    void       *hook_ctx;            /* first argument of every hook                                               */
    void       *memory;              /* all memory comes from this block: LLM_MALLOC is never called               */
    size_t      memory_size;
    void      (*on_retry)(void *user, const llm_error *why, int64_t delay_ms);   /* before each wait               */
    void       *on_retry_user;
} llm_config;

typedef enum llm_role { LLM_USER, LLM_SYSTEM, LLM_DEVELOPER, LLM_ASSISTANT, LLM_TOOL } llm_role;

typedef struct llm_tool_call {   /* begin with = {0}: members may be added */
    const char *id;
    const char *name;
    const char *arguments;      /* JSON text as the model wrote it; not checked unless a handler is called */
    const char *extra_content;  /* raw JSON that some servers want back with the call (Gemini); NULL = none */
} llm_tool_call;

typedef struct llm_message {
    llm_role    role;
    const char *content;        /* NULL = null                                       */
    const char *name;
    const char *tool_call_id;   /* LLM_TOOL: which call this answers                 */
    const llm_tool_call *tool_calls;   /* LLM_ASSISTANT                              */
    size_t      tool_call_count;
    const char *content_json;   /* raw JSON (content parts), instead of content      */
} llm_message;

/* Runs a tool. Put the result in `result` (llm_text_add() and friends) and return LLM_OK. Another status becomes
   a tool message that tells the model of the failure; LLM_ERR_CANCELLED stops the loop. `call` is valid during the
   handler. The handler may start other calls on the client; it must not finish this one. */
typedef llm_status (*llm_tool_fn)(void *user, const llm_tool_call *call, llm_text *result);

typedef struct llm_tool {
    const char *name;           /* 1 to 64 of A-Z a-z 0-9 _ -                         */
    const char *description;
    const char *parameters;     /* JSON Schema; NULL = no parameters                  */
    int         strict;
    llm_tool_fn handler;        /* only the tool loop calls it                        */
    void       *user;
} llm_tool;

typedef struct llm_number { int set; double value; } llm_number;

/* One request. Zero what you do not use. Order on the wire: system, conversation, messages, prompt.
   All that it points to is read only until llm_start() returns, but for `cancel`, handlers and their `user`. */
typedef struct llm_request {
    const char *model;
    const char *prompt;               /* a user message                                                        */
    const char *system;               /* a system message                                                      */
    const llm_message *messages;
    size_t      message_count;
    llm_conversation *conversation;
    llm_number  temperature, top_p;   /* NaN and infinities are LLM_ERR_USAGE                                  */
    int         max_tokens;           /* 0 = not sent. Sent as max_completion_tokens to api.openai.com, as     */
    const char *max_tokens_key;       /* max_tokens elsewhere, unless this names another key                   */
    const llm_tool *tools;
    size_t      tool_count;
    const char *tool_choice;          /* "auto", "none", "required", a tool's name, or raw JSON ('{' first)    */
    const char *response_format;      /* raw JSON                                                              */
    const char *reasoning_effort;
    const char *stop;                 /* one string, or raw JSON ('[' first)                                   */
    int         n;                    /* choices; 0 = not sent                                                 */
    const char *extra_json;           /* an object merged into the body; wins over the fields above            */
    int         no_stream_usage;      /* 1 = do not ask a stream for its usage                                 */
    int         discard_text;         /* 1 = events only: text is not kept, content stays ""                   */
    int         timeout_ms;           /* instead of the client's; negative = none                              */
    const volatile int *cancel;       /* non-zero cancels within 100 ms; a signal handler may set it           */
} llm_request;

typedef enum llm_finish_reason {
    LLM_FINISH_NONE, LLM_FINISH_STOP, LLM_FINISH_LENGTH, LLM_FINISH_TOOL_CALLS, LLM_FINISH_CONTENT_FILTER,
    LLM_FINISH_OTHER
} llm_finish_reason;

/* Tokens. Parts are contained in their wholes: cached_tokens in input_tokens, reasoning_tokens in output_tokens. */
typedef struct llm_usage {
    int64_t input_tokens, output_tokens, total_tokens;
    int64_t cached_tokens, cache_write_tokens, reasoning_tokens, audio_input_tokens, audio_output_tokens;
    int     known;                /* 0 = the server never said: the counts are no zeros, they are unknown   */
    char    service_tier[16];     /* of the response                                                        */
    double  cost_usd;
    llm_cost_source cost_source;
} llm_usage;

typedef struct llm_choice {
    int         index;
    const char *content;          /* "" never NULL                     */
    size_t      content_len;
    const char *refusal;          /* NULL = none                       */
    const char *reasoning;        /* NULL = none                       */
    const llm_tool_call *tool_calls;
    size_t      tool_call_count;
    llm_finish_reason finish_reason;
} llm_choice;

/* A whole answer. The library sets all of it, also on failure: what came before is kept beside the error.
   Its strings live until llm_response_free(), which must come before llm_client_free(). */
typedef struct llm_response {
    llm_status  status;           /* LLM_OK or the error                                                    */
    llm_error   error;
    const char *content;          /* choices[0]; "" never NULL, NUL-terminated                              */
    size_t      content_len;
    const char *refusal, *reasoning;
    const llm_tool_call *tool_calls;
    size_t      tool_call_count;
    llm_finish_reason finish_reason;
    llm_usage   usage;            /* of all rounds, with the tool loop                                      */
    const char *id, *model, *request_id;   /* "" if unknown                                                 */
    int         iterations;       /* requests that the tool loop sent, else 1                               */
    const llm_choice *choices;
    size_t      choice_count;
    void       *internal;
} llm_response;

typedef enum llm_event_kind {
    LLM_EVENT_TEXT, LLM_EVENT_REASONING, LLM_EVENT_REFUSAL,   /* text, len: a piece                             */
    LLM_EVENT_TOOL_CALL,      /* tool_call: whole                                                               */
    LLM_EVENT_TOOL_RESULT,    /* tool_call, and text, len: what the model is told                               */
    LLM_EVENT_RETRY           /* error, delay_ms: this attempt failed, the next one starts after the delay      */
} llm_event_kind;

/* All pointers are valid until the next llm_next() or llm_finish() of the call. */
typedef struct llm_event {
    llm_event_kind kind;
    int            choice;
    const char    *text;          /* not NUL-terminated */
    size_t         len;
    const llm_tool_call *tool_call;
    const llm_error *error;
    int64_t        delay_ms;
} llm_event;

/* Returns 0 to go on; anything else cancels the call with LLM_ERR_CANCELLED. */
typedef int (*llm_event_fn)(void *user, const llm_event *event);

#define LLM_WANT_READ  1
#define LLM_WANT_WRITE 2

/* ============================================================================================================
   >>api                                                                                              functions
   Threads: one thread at a time may use a client and what belongs to it; different clients are independent.
   A function without the word "blocks" never waits. Every function may return LLM_ERR_MEMORY, and LLM_ERR_USAGE
   when an argument that must not be NULL is NULL.
   ============================================================================================================ */

/* What `= {0}` is in C, for C++. */
LLM_API llm_config  llm_config_init(void);
LLM_API llm_request llm_request_init(void);
LLM_API llm_message llm_msg(llm_role role, const char *content);
LLM_API llm_number  llm_num(double value);

/* Makes a client. config may be NULL. Nothing is sent; trust anchors are looked for at the first handshake.
   Errors: LLM_ERR_USAGE (no key, a bad URL, key or header: the message names it). error may be NULL. */
LLM_API llm_status  llm_client_new(llm_client **out, const llm_config *config, llm_error *error);
/* Closes kept connections, wipes the key, frees all. NULL is harmless. Free calls, conversations and responses
   first. */
LLM_API void        llm_client_free(llm_client *client);
/* Replaces the key for calls started from now on and wipes the old one. LLM_ERR_USAGE: not a key. */
LLM_API llm_status  llm_client_set_key(llm_client *client, const char *key);
/* The error of the last function of this client that failed and had no other place for it. Never NULL. */
LLM_API const llm_error *llm_last_error(const llm_client *client);
/* Bytes that config.memory should hold for one streamed call with these settings and a 4 KiB request and answer. */
LLM_API size_t      llm_memory_needed(const llm_config *config);
/* The most bytes that this client held at once. */
LLM_API size_t      llm_memory_peak(const llm_client *client);
/* "0.1.0" */
LLM_API const char *llm_version(void);

/* One chat completion. Blocks until the whole answer is there, or a deadline.
   Returns LLM_OK, or any error but LLM_ERR_MAX_ITERATIONS. *out is set in any case; free it. */
LLM_API llm_status  llm_chat(llm_client *client, const llm_request *request, llm_response *out);
/* The same, streamed: on_event (may be NULL) sees the pieces as they come. If it returns anything but 0 the call ends
   with LLM_ERR_CANCELLED. */
LLM_API llm_status  llm_chat_stream(llm_client *client, const llm_request *request, llm_event_fn on_event,
                                    void *user, llm_response *out);
/* The tool loop: asks, runs the handlers of the tools that the model calls, sends their results, until the model
   calls none. At most max_iterations requests (0 = 10), then LLM_ERR_MAX_ITERATIONS with the last text.
   on_event may be NULL: then the answers are not streamed. Blocks. n > 1 is LLM_ERR_USAGE. */
LLM_API llm_status  llm_chat_with_tools(llm_client *client, const llm_request *request, int max_iterations,
                                        llm_event_fn on_event, void *user, llm_response *out);
/* Frees what a response holds and zeroes it. A second free is harmless. */
LLM_API void        llm_response_free(llm_response *response);

/* The same, non-blocking or pull style. llm_start() checks the request and builds the body; what the network can
   cause is reported by llm_next(). The answer is streamed. Errors: LLM_ERR_USAGE; see llm_last_error(). */
LLM_API llm_status  llm_start(llm_client *client, const llm_request *request, llm_call **out);
LLM_API llm_status  llm_start_with_tools(llm_client *client, const llm_request *request, int max_iterations,
                                         llm_call **out);
/* Goes on with a call. LLM_OK: *event is set. LLM_PENDING: none yet. LLM_DONE: over. < 0: failed. The last two repeat.
   Blocks at most timeout_ms (0 = not at all, negative = until one of the others). */
LLM_API llm_status  llm_next(llm_call *call, llm_event *event, int timeout_ms);
/* Ends a call, cancels it if it still runs (LLM_ERR_CANCELLED), and always frees it. out may be NULL. */
LLM_API llm_status  llm_finish(llm_call *call, llm_response *out);
/* Waits until one of these calls of one client can go on, at most timeout_ms (negative = no bound). LLM_OK: look at
   llm_call_ready(); LLM_PENDING: time is up. Blocks. */
LLM_API llm_status  llm_wait(llm_call *const *calls, size_t count, int timeout_ms);
LLM_API int         llm_call_ready(const llm_call *call);
/* For an event loop of yours. Read all four after every llm_start() and llm_next(); call llm_next(call, &event, 0)
   until LLM_PENDING, then wait; take the descriptor out of your loop before llm_finish(). Taking one out whose serial
   has changed may fail, because the call has closed it: ignore that. */
LLM_API int         llm_call_fd(const llm_call *call);          /* -1 while nothing is open (retry wait)           */
LLM_API unsigned    llm_call_fd_serial(const llm_call *call);   /* changes with every new socket, even if its number
                                                                   does not: register it again                     */
LLM_API int         llm_call_wants(const llm_call *call);       /* LLM_WANT_READ | LLM_WANT_WRITE, level-triggered */
LLM_API int         llm_call_timeout_ms(const llm_call *call);  /* -1 none, 0 call llm_next() now                  */

/* A conversation owns its messages, in the client's memory. An add that fails changes nothing.
   llm_chat(), llm_chat_stream() and llm_start() only read it: add the prompt and the answer yourself.
   llm_chat_with_tools() appends the prompt, every complete round and the final answer. */
LLM_API llm_status  llm_conversation_new(llm_client *client, llm_conversation **out);
LLM_API void        llm_conversation_free(llm_conversation *conversation);
LLM_API llm_status  llm_conversation_add(llm_conversation *conversation, llm_role role, const char *text);
LLM_API llm_status  llm_conversation_add_response(llm_conversation *conversation, const llm_response *response);
LLM_API llm_status  llm_conversation_add_tool_result(llm_conversation *conversation, const char *tool_call_id,
                                                     const char *text);

/* The price of a model: own prices first, then the built-in table for the client's host (client NULL: OpenAI's).
   LLM_COST_UNKNOWN leaves *out zero. */
LLM_API llm_cost_source llm_price_lookup(const llm_client *client, const char *model, llm_price *out);
/* USD, by service tier, context length, cached, written and audio tokens. -1 if usage->known is 0 or a rate that it
   needs is unknown. */
LLM_API double      llm_cost(const llm_price *price, const llm_usage *usage);
/* "2026-11-22": the day of the built-in table. */
LLM_API const char *llm_prices_date(void);

/* JSON for tool handlers. A pointer is RFC 6901 ("/a/0/b"; "" is the whole). Each function checks the whole text.
   LLM_ERR_USAGE: absent or another type. LLM_ERR_PROTOCOL: no JSON. LLM_ERR_LIMIT: too deep, or cap too small. */
typedef enum llm_json_type {
    LLM_JSON_NULL, LLM_JSON_BOOL, LLM_JSON_NUMBER, LLM_JSON_STRING, LLM_JSON_ARRAY, LLM_JSON_OBJECT
} llm_json_type;
typedef struct llm_json { llm_json_type type; const char *text; size_t len; } llm_json;   /* a slice of the input */
LLM_API llm_status  llm_json_get(const char *json, size_t len, const char *pointer, llm_json *out);
LLM_API llm_status  llm_json_string(const char *json, const char *pointer, char *buf, size_t cap);  /* unescaped, NUL */
LLM_API llm_status  llm_json_number(const char *json, const char *pointer, double *out);
LLM_API llm_status  llm_json_bool(const char *json, const char *pointer, int *out);

/* Appending to a text. Errors stick: LLM_ERR_MEMORY, LLM_ERR_LIMIT or LLM_ERR_USAGE comes back from this and all later
   calls. */
LLM_API llm_status  llm_text_add(llm_text *text, const char *s);
LLM_API llm_status  llm_text_add_json_string(llm_text *text, const char *s, size_t len);   /* with its quotes */
LLM_API llm_status  llm_text_add_number(llm_text *text, double value);   /* shortest that reads back the same */
/* Our own small formatter: %s %d %lld %zu %%, and %q = a JSON string. No flags, no widths; anything else is
   LLM_ERR_USAGE. */
LLM_API llm_status  llm_text_addf(llm_text *text, const char *format, ...);

/* What net hooks of your own return beside 1, 0 and numbers of bytes: see OPTIONS. Here, as they may stand in a file of
   their own. */
#define LLM_NET_CLOSED  (-1)       /* SEND, RECV: the peer closed in order                   */
#define LLM_NET_FAILED  (-2)       /* anything else                                          */
#define LLM_NET_REFUSED (-3)       /* OPEN: there is the host, but nobody listens            */
#define LLM_NET_NO_HOST (-4)       /* OPEN: the name has no address, or could not be resolved */
#define LLM_NET_UNTRUSTED (-5)     /* OPEN with LLM_NET_TLS: another attempt would end the same */

#ifdef __cplusplus
}
#endif
#endif /* LLM_OPENAI_H */
/* ============================================================================================================
   IMPLEMENTATION
   ============================================================================================================ */
#ifdef LLM_OPENAI_IMPLEMENTATION
#ifndef LLM_OPENAI_C      /* a second include in the same file is harmless */
#define LLM_OPENAI_C

/* ============================================================================================================
   >>platform                                                  what there is, normalised to 0/1 once: LLMI_HAS_x
   ============================================================================================================ */

#if defined(__STDC_HOSTED__) && __STDC_HOSTED__ == 1
  #define LLMI_HOSTED 1
#else
  #define LLMI_HOSTED 0
#endif
#if LLMI_HOSTED && (defined(__unix__) || defined(__unix) || defined(__APPLE__))
  #define LLMI_POSIX 1
#else
  #define LLMI_POSIX 0
#endif
#if LLMI_HOSTED && defined(_WIN32)
  #define LLMI_WINDOWS 1
#else
  #define LLMI_WINDOWS 0
#endif

/* A hook group is given whole, or not at all: half of one is a mistake that would only show at run time. */
#if defined(LLM_MALLOC) && defined(LLM_REALLOC) && defined(LLM_FREE)
  #define LLMI_OWN_MEMORY 1
#elif defined(LLM_MALLOC) || defined(LLM_REALLOC) || defined(LLM_FREE)
  #error "llm_openai.h: define all of LLM_MALLOC, LLM_REALLOC and LLM_FREE, or none."
#else
  #define LLMI_OWN_MEMORY 0
#endif
#if defined(LLM_NET_CONN) && defined(LLM_NET_OPEN) && defined(LLM_NET_SEND) && defined(LLM_NET_RECV) && \
    defined(LLM_NET_CLOSE)
  #define LLMI_OWN_NET 1
#elif defined(LLM_NET_CONN) || defined(LLM_NET_OPEN) || defined(LLM_NET_SEND) || defined(LLM_NET_RECV) || \
    defined(LLM_NET_CLOSE)
  #error "llm_openai.h: define all of LLM_NET_CONN, LLM_NET_OPEN, _SEND, _RECV and _CLOSE, or none."
#else
  #define LLMI_OWN_NET 0
#endif
#if !LLMI_OWN_NET && (defined(LLM_NET_FD) || defined(LLM_NET_WAIT) || defined(LLM_NET_INIT) || defined(LLM_NET_TLS))
  #error "llm_openai.h: LLM_NET_FD, LLM_NET_WAIT, LLM_NET_INIT and LLM_NET_TLS go with net hooks of your own."
#endif
#if defined(LLM_NOW_MS) && defined(LLM_UNIX_TIME) && defined(LLM_SLEEP_MS)
  #define LLMI_OWN_CLOCK 1
#elif defined(LLM_NOW_MS) || defined(LLM_UNIX_TIME) || defined(LLM_SLEEP_MS)
  #error "llm_openai.h: define all of LLM_NOW_MS, LLM_UNIX_TIME and LLM_SLEEP_MS, or none."
#else
  #define LLMI_OWN_CLOCK 0
#endif

#ifdef LLM_NET_TLS
  #if LLM_NET_TLS + 0 != 1
    #error "llm_openai.h: define LLM_NET_TLS as 1, or not at all."
  #endif
  #define LLMI_NET_SECURE 1       /* the net hooks speak TLS themselves */
#else
  #define LLMI_NET_SECURE 0
#endif
#if defined(LLM_NO_TLS) || LLMI_NET_SECURE
  #define LLMI_HAS_TLS 0
#else
  #define LLMI_HAS_TLS 1
#endif
#if (LLMI_POSIX || LLMI_WINDOWS) && !LLMI_OWN_NET && !defined(LLM_NO_SOCKETS)
  #define LLMI_HAS_SOCKETS 1
#else
  #define LLMI_HAS_SOCKETS 0
#endif
#define LLMI_HAS_NET (LLMI_HAS_SOCKETS || LLMI_OWN_NET)
#if defined(LLM_NO_PROXY) || LLMI_NET_SECURE
  #define LLMI_HAS_PROXY 0
#else
  #define LLMI_HAS_PROXY 1
#endif
#ifdef LLM_NO_PRICING
  #define LLMI_HAS_PRICING 0
#else
  #define LLMI_HAS_PRICING 1
#endif
#ifdef LLM_NO_TOOLS
  #define LLMI_HAS_TOOLS 0
#else
  #define LLMI_HAS_TOOLS 1
#endif
#ifdef LLM_NO_MESSAGES
  #define LLMI_HAS_MESSAGES 0
#else
  #define LLMI_HAS_MESSAGES 1
#endif
#if defined(LLM_NO_FILES) || !(LLMI_POSIX || LLMI_WINDOWS || defined(LLM_FILE_READ))
  #define LLMI_HAS_FILES 0
#else
  #define LLMI_HAS_FILES 1
#endif
#if defined(LLM_NO_ENV) || !(LLMI_HOSTED || defined(LLM_GETENV))
  #define LLMI_HAS_ENV 0
#else
  #define LLMI_HAS_ENV 1
#endif
#if LLMI_WINDOWS && LLMI_HAS_TLS && LLMI_HAS_FILES && !defined(LLM_CA_FILES)
  #define LLMI_HAS_STORE 1        /* the system keeps CA certificates in a store of its own */
#else
  #define LLMI_HAS_STORE 0
#endif
#ifdef LLM_LOG
  #define LLMI_HAS_LOG 1
#else
  #define LLMI_HAS_LOG 0
#endif

#include <string.h>
#include <stdarg.h>
#if LLMI_HOSTED
  #include <stdlib.h>
#endif
#if LLMI_WINDOWS
  #ifndef WIN32_LEAN_AND_MEAN
    #define WIN32_LEAN_AND_MEAN   /* else windows.h brings sockets of its own, which are not these */
    #define LLMI_LEAN
  #endif
  #if LLMI_HAS_SOCKETS
    #include <winsock2.h>
    #include <ws2tcpip.h>
    #include <iphlpapi.h>         /* name servers, if_nametoindex */
  #endif
  #include <windows.h>
  #ifndef LLM_RANDOM
    #include <bcrypt.h>
  #endif
  #if LLMI_HAS_STORE
    #include <wincrypt.h>
  #endif
  #ifdef LLMI_LEAN
    #undef WIN32_LEAN_AND_MEAN
  #endif
#endif
#if LLMI_POSIX
  #include <errno.h>
  #include <fcntl.h>
  #include <time.h>
  #include <unistd.h>
  #ifdef __linux__
    #include <sys/random.h>
  #endif
  #if LLMI_HAS_SOCKETS
    #include <sys/types.h>
    #include <sys/socket.h>
    #include <sys/time.h>
    #include <netinet/in.h>
    #include <netinet/tcp.h>
    #include <arpa/inet.h>
    #include <net/if.h>      /* if_nametoindex: fe80::1%eth0 */
    #include <poll.h>
    #ifdef __linux__
      #include <sys/epoll.h>
    #endif
    #ifdef LLM_USE_GETADDRINFO
      #include <netdb.h>
    #endif
    #if !defined(MSG_NOSIGNAL) && !defined(SO_NOSIGPIPE) || !defined(MSG_DONTWAIT)
      #error "llm_openai.h: include it first in its .c file (a libc header came before it), or use -std=gnu99."
    #endif
  #endif
  #if !LLMI_OWN_CLOCK && !defined(CLOCK_MONOTONIC)
    #error "llm_openai.h: include it first in its .c file (a libc header came before it), or use -std=gnu99."
  #endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Every private function. A program that uses half of them must not be warned of the rest. */
#if defined(__GNUC__) || defined(__clang__)
  #define LLMI_FN static __attribute__((unused))
#else
  #define LLMI_FN static
#endif

/* ---- limits: value macros, each can be defined before the include ------------------------------------------ */
#ifndef LLM_MAX_HEAD               /* bytes of one response head, 1xx answers and trailers included */
  #define LLM_MAX_HEAD (64 * 1024)
#endif
#ifndef LLM_MAX_HEADERS            /* header lines of one response, trailers included */
  #define LLM_MAX_HEADERS 128
#endif
#ifndef LLM_MAX_BODY               /* bytes of one response body that is not a stream */
  #define LLM_MAX_BODY ((size_t)64 * 1024 * 1024)
#endif
#ifndef LLM_MAX_EVENT              /* bytes of one server-sent event */
  #if LLMI_HOSTED
    #define LLM_MAX_EVENT ((size_t)16 * 1024 * 1024)
  #else
    #define LLM_MAX_EVENT ((size_t)64 * 1024)
  #endif
#endif
#ifndef LLM_MAX_TEXT               /* bytes that one response keeps: text, reasoning, tool arguments, all together */
  #define LLM_MAX_TEXT ((size_t)64 * 1024 * 1024)
#endif
#ifndef LLM_MAX_REQUEST            /* bytes of one request body */
  #define LLM_MAX_REQUEST ((size_t)64 * 1024 * 1024)
#endif
#ifndef LLM_MAX_JSON_DEPTH         /* nested arrays and objects, 8 to 1024 */
  #define LLM_MAX_JSON_DEPTH 64
#endif
#ifndef LLM_MAX_CHOICES            /* choices of one response */
  #define LLM_MAX_CHOICES 128
#endif
#ifndef LLM_MAX_TOOL_CALLS         /* tool calls of one choice */
  #define LLM_MAX_TOOL_CALLS 128
#endif
#if LLM_MAX_JSON_DEPTH < 8 || LLM_MAX_JSON_DEPTH > 1024
  #error "llm_openai.h: LLM_MAX_JSON_DEPTH must be 8 to 1024."
#endif
#ifndef LLM_MAX_RETRY_AFTER_MS     /* a server that asks for a longer wait is not asked again */
  #define LLM_MAX_RETRY_AFTER_MS 120000
#endif
#ifndef LLM_MEMO_SIZE              /* bytes remembered of each part that a stream's events repeat: speed for RAM */
  #if LLMI_HOSTED
    #define LLM_MEMO_SIZE 320
  #else
    #define LLM_MEMO_SIZE 1
  #endif
#endif
#define LLMI_HAS_MEMO (LLM_MEMO_SIZE > 1)
#ifndef LLM_READ_SIZE              /* receive buffer of one connection: one RECV asks for at most this */
  #if LLMI_HOSTED
    #define LLM_READ_SIZE 4096
  #else
    #define LLM_READ_SIZE 1024
  #endif
#endif

/* ---- the net hooks' types -------------------------------------------------------------------------------------- */
/* One entry of LLM_NET_WAIT: set ready to 1 when conn can go on as wanted. */
#if LLMI_HAS_SOCKETS
typedef struct llm_net_conn llm_net_conn;
#define LLM_NET_CONN llm_net_conn
#elif !LLMI_OWN_NET
typedef struct llm_net_conn { int unused; } llm_net_conn;
#define LLM_NET_CONN llm_net_conn
#endif
typedef struct llm_wait_item { LLM_NET_CONN *conn; int wants; int ready; } llm_wait_item;

/* ============================================================================================================
   >>hooks                                                   defaults of all hooks but net (see >>net for those)
   Default macros evaluate every argument, so that a user's definition written the same way compiles.
   ============================================================================================================ */

#if !LLMI_OWN_MEMORY
  #if LLMI_HOSTED && !defined(LLM_NO_MALLOC)
    #define LLM_MALLOC(ctx, n)          ((void)(ctx), malloc(n))
    #define LLM_REALLOC(ctx, p, old, n) ((void)(ctx), (void)(old), realloc((p), (n)))
    #define LLM_FREE(ctx, p, n)         ((void)(ctx), (void)(n), free(p))
  #else   /* config.memory is then the only source */
    #define LLM_MALLOC(ctx, n)          ((void)(ctx), (void)(n), (void *)0)
    #define LLM_REALLOC(ctx, p, old, n) ((void)(ctx), (void)(p), (void)(old), (void)(n), (void *)0)
    #define LLM_FREE(ctx, p, n)         ((void)(ctx), (void)(p), (void)(n))
  #endif
#endif

#if !LLMI_OWN_CLOCK
  #if LLMI_POSIX
LLMI_FN uint64_t llmi_posix_now_ms(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0) return 0;
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

LLMI_FN void llmi_posix_sleep_ms(int ms) {
    struct timespec t;
    if (ms <= 0) return;
    t.tv_sec = ms / 1000;
    t.tv_nsec = (long)(ms % 1000) * 1000000L;
    (void)nanosleep(&t, NULL);   /* cut short by a signal is right: the caller looks at its cancel flag */
}
    #define LLM_NOW_MS(ctx)       ((void)(ctx), llmi_posix_now_ms())
    #define LLM_UNIX_TIME(ctx)    ((void)(ctx), (int64_t)time(NULL))
    #define LLM_SLEEP_MS(ctx, ms) ((void)(ctx), llmi_posix_sleep_ms(ms))
  #elif LLMI_WINDOWS
/* Not time(), whose type has 32 bits on some. */
LLMI_FN int64_t llmi_windows_unix_time(void) {
    FILETIME t;                        /* 100 ns since 1601 */
    GetSystemTimeAsFileTime(&t);
    return (int64_t)(((uint64_t)t.dwHighDateTime << 32 | t.dwLowDateTime) / 10000000u) - 11644473600;
}
    #define LLM_NOW_MS(ctx)       ((void)(ctx), (uint64_t)GetTickCount64())
    #define LLM_UNIX_TIME(ctx)    ((void)(ctx), llmi_windows_unix_time())
    #define LLM_SLEEP_MS(ctx, ms) ((void)(ctx), Sleep((DWORD)(ms)))
  #elif LLMI_HAS_NET
    #error "llm_openai.h: this system has no default clock: define LLM_NOW_MS, LLM_UNIX_TIME and LLM_SLEEP_MS."
  #else
    #define LLM_NOW_MS(ctx)       ((void)(ctx), (uint64_t)0)
    #define LLM_UNIX_TIME(ctx)    ((void)(ctx), (int64_t)0)
    #define LLM_SLEEP_MS(ctx, ms) ((void)(ctx), (void)(ms))
  #endif
#endif

#ifndef LLM_RANDOM
  #if LLMI_POSIX
/* The kernel's generator: a system call where there is one (it works in an empty chroot), else the device. */
LLMI_FN int llmi_posix_random(void *buf, size_t n) {
    unsigned char *p = (unsigned char *)buf;
    int fd;
#ifdef __linux__
    while (n > 0) {
        ssize_t got = getrandom(p, n > 256 ? 256 : n, 0);
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        } else if (errno != EINTR) {
            break;
        }
    }
    if (n == 0) return 1;
#endif
    fd = open("/dev/urandom", O_RDONLY);
    if (fd < 0) return 0;
    while (n > 0) {
        ssize_t got = read(fd, p, n);
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            break;
        }
    }
    (void)close(fd);
    return n == 0;
}
    #define LLM_RANDOM(ctx, buf, n) ((void)(ctx), llmi_posix_random((buf), (n)))
  #elif LLMI_WINDOWS
LLMI_FN int llmi_windows_random(void *buf, size_t n) {
    return n <= 0x7FFFFFFF &&
           BCryptGenRandom(NULL, (unsigned char *)buf, (ULONG)n, BCRYPT_USE_SYSTEM_PREFERRED_RNG) == 0;
}
    #define LLM_RANDOM(ctx, buf, n) ((void)(ctx), llmi_windows_random((buf), (n)))
  #elif LLMI_HAS_NET && LLMI_HAS_TLS
    #error "llm_openai.h: this system has no default source of randomness: define LLM_RANDOM."
  #else
    #define LLM_RANDOM(ctx, buf, n) ((void)(ctx), (void)(buf), (void)(n), 0)
  #endif
#endif

#if LLMI_HAS_ENV && !defined(LLM_GETENV)
  #define LLM_GETENV(ctx, name) ((void)(ctx), (const char *)getenv(name))
#elif !LLMI_HAS_ENV
  #undef LLM_GETENV
  #define LLM_GETENV(ctx, name) ((void)(ctx), (void)(name), (const char *)0)
#endif

#if LLMI_HAS_FILES && !defined(LLM_FILE_READ) && LLMI_WINDOWS
LLMI_FN long llmi_windows_file_read(const char *path, size_t offset, void *buf, size_t n) {
    HANDLE f = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                           OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    OVERLAPPED at;                     /* with a handle like this one: from there */
    DWORD got = 0, n32 = n < 0x40000000 ? (DWORD)n : 0x40000000;
    int end;
    if (f == INVALID_HANDLE_VALUE) return -1;
    memset(&at, 0, sizeof at);
    at.Offset = (DWORD)(offset & 0xFFFFFFFF);
    at.OffsetHigh = (DWORD)((uint64_t)offset >> 32);
    end = !ReadFile(f, buf, n32, &got, &at) && GetLastError() != ERROR_HANDLE_EOF;
    (void)CloseHandle(f);
    return end ? -1 : (long)got;
}
  #define LLM_FILE_READ(ctx, path, offset, buf, n) ((void)(ctx), llmi_windows_file_read((path), (offset), (buf), (n)))
#elif LLMI_HAS_FILES && !defined(LLM_FILE_READ)
LLMI_FN long llmi_posix_file_read(const char *path, size_t offset, void *buf, size_t n) {
    int fd = open(path, O_RDONLY);
    ssize_t got;
    if (fd < 0) return -1;
    do got = pread(fd, buf, n, (off_t)offset);
    while (got < 0 && errno == EINTR);
    (void)close(fd);
    return (long)got;
}
  #define LLM_FILE_READ(ctx, path, offset, buf, n) ((void)(ctx), llmi_posix_file_read((path), (offset), (buf), (n)))
#elif !LLMI_HAS_FILES
  #undef LLM_FILE_READ
  #define LLM_FILE_READ(ctx, path, offset, buf, n) \
    ((void)(ctx), (void)(path), (void)(offset), (void)(buf), (void)(n), -1L)
#endif

/* Levels of LLM_LOG. The text is finished; it never holds the key, a prompt or an answer. */
#define LLM_LOG_ERROR 1
#define LLM_LOG_INFO  2
#define LLM_LOG_DEBUG 3
#if !LLMI_HAS_LOG
  #define LLM_LOG(ctx, level, text, len) ((void)(ctx), (void)(level), (void)(text), (void)(len))
#endif

/* ============================================================================================================
   >>util                          checked sizes, ASCII, UTF-8, wipe, memory, the growing text and its formatter
   ============================================================================================================ */

/* Both return 1 and set *out, or return 0 when the result does not fit. */
LLMI_FN int llmi_add_ok(size_t a, size_t b, size_t *out) {
    *out = a + b;
    return a <= (size_t)-1 - b;
}

LLMI_FN int llmi_mul_ok(size_t a, size_t b, size_t *out) {
    *out = a * b;
    return b == 0 || a <= (size_t)-1 / b;
}

LLMI_FN size_t llmi_min(size_t a, size_t b) {
    return a < b ? a : b;
}

LLMI_FN int llmi_is_digit(int c) {
    return c >= '0' && c <= '9';
}

LLMI_FN int llmi_is_blank(int c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

LLMI_FN int llmi_lower(int c) {
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* RFC 9110 5.6.2: the bytes of a header name. */
LLMI_FN int llmi_is_tchar(int c) {
    static const char other[] = "!#$%&'*+-.^_`|~";
    size_t i;
    if (llmi_is_digit(c) || (llmi_lower(c) >= 'a' && llmi_lower(c) <= 'z')) return 1;
    for (i = 0; i < sizeof other - 1; i++) {
        if (c == other[i]) return 1;
    }
    return 0;
}

/* Value of a hexadecimal digit, -1 if it is none. */
LLMI_FN int llmi_hex(int c) {
    if (llmi_is_digit(c)) return c - '0';
    c = llmi_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

LLMI_FN int llmi_streq(const char *a, const char *b) {
    size_t n = strlen(a);
    return n == strlen(b) && memcmp(a, b, n) == 0;
}

/* p[0..n) is the word, letter for letter, or but for ASCII case. */
LLMI_FN int llmi_is(const char *p, size_t n, const char *word) {
    return n == strlen(word) && memcmp(p, word, n) == 0;
}

LLMI_FN int llmi_is_nocase(const char *p, size_t n, const char *word) {
    size_t i;
    if (n != strlen(word)) return 0;
    for (i = 0; i < n; i++) {
        if (llmi_lower((unsigned char)p[i]) != llmi_lower((unsigned char)word[i])) return 0;
    }
    return 1;
}

/* The volatile write keeps the compiler from dropping it as a dead store. */
LLMI_FN void llmi_wipe(void *p, size_t n) {
    volatile unsigned char *v = (volatile unsigned char *)p;
#if defined(__GNUC__)
    typedef unsigned long __attribute__((may_alias)) word;      /* every block that is freed comes here */
    for (; n > 0 && (uintptr_t)v % sizeof(word) != 0; n--) *v++ = 0;
    for (; n >= sizeof(word); n -= sizeof(word), v += sizeof(word)) *(volatile word *)(volatile void *)v = 0;
#endif
    while (n-- > 0) *v++ = 0;
}

/* memcpy() leaves what it moved in vector registers, and the dynamic linker saves those on the stack. */
LLMI_FN void llmi_copy_secret(char *to, const char *from, size_t n) {
    const volatile char *v = from;
    while (n-- > 0) *to++ = *v++;
}

/* memchr() is not among the five functions that a freestanding program has to have. end if it is not there. */
LLMI_FN const char *llmi_find(const char *p, const char *end, char c) {
    const unsigned long ones = ~0ul / 255, high = ones * 128;
    while ((size_t)(end - p) >= sizeof(long)) {
        unsigned long w;
        memcpy(&w, p, sizeof w);
        w ^= ones * (unsigned char)c;
        if (((w - ones) & ~w & high) != 0) break;
        p += sizeof w;
    }
    while (p < end && *p != c) p++;
    return p;
}

/* First byte of [p, end) that a JSON string or UTF-8 check must look at: control, '"', '\\' or above 0x7F.
   One word at a time. Exclusive-or with 2 takes '"' to 0x20 and keeps control characters below it, so that one
   subtraction finds both. A borrow can flag a byte too many, but only above one that is rightly flagged (in a
   little-endian word: behind it), so the lowest flag is exact; in the other byte order the byte loop finds the place.
   inline: most strings are short, and the call would cost half as much as the scan. */
LLMI_FN inline const char *llmi_plain_end(const char *p, const char *end) {
    const unsigned long ones = ~0ul / 255;
    while ((size_t)(end - p) >= sizeof(long)) {
        unsigned long w;
        memcpy(&w, p, sizeof w);
        w = (((w ^ (ones * 2)) - ones * 0x21) | ((w ^ (ones * '\\')) - ones) | w) & (ones * 128);
        if (w != 0) {
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return p + ((unsigned)__builtin_ctzl(w) >> 3);
#else
            break;
#endif
        }
        p += sizeof w;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\') p++;
    return p;
}

/* Bytes of the well-formed UTF-8 sequence at p (Unicode table 3-7), n > 0. Otherwise 0, and *bad is the length of the
   maximal ill-formed part (1 to 3), or *bad = 0 when the n bytes are a well-formed beginning. */
LLMI_FN size_t llmi_utf8_next(const char *s, size_t n, size_t *bad) {
    const unsigned char *p = (const unsigned char *)s;
    unsigned lo = 0x80, hi = 0xBF;
    size_t need, i;
    *bad = 1;
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4) return 0;
    need = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (p[0] == 0xE0) lo = 0xA0;   /* no overlong forms, no surrogates, nothing above U+10FFFF */
    if (p[0] == 0xED) hi = 0x9F;
    if (p[0] == 0xF0) lo = 0x90;
    if (p[0] == 0xF4) hi = 0x8F;
    for (i = 1; i < need; i++) {
        if (i == n) {
            *bad = 0;
            return 0;
        }
        if (p[i] < lo || p[i] > hi) {
            *bad = i;
            return 0;
        }
        lo = 0x80;
        hi = 0xBF;
    }
    return need;
}

/* Writes the code point (no surrogate, at most U+10FFFF), returns its length. */
LLMI_FN size_t llmi_utf8_put(char out[4], uint32_t c) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* ---- memory ------------------------------------------------------------------------------------------------
   Either the LLM_MALLOC hooks, or config.memory: a list of blocks in address order, each with a header of one unit.
   First fit, neighbours that are free are joined on the way; the last block grows in place. */
#define LLMI_UNIT (2 * sizeof(void *))   /* alignment of every block: enough for any type used here */

typedef struct llmi_block { size_t size; size_t used; } llmi_block;   /* size: bytes behind the header */

typedef struct llmi_mem {
    void  *ctx;         /* for the hooks                                  */
    char  *pool;        /* aligned start of config.memory, NULL = hooks   */
    size_t pool_size;
    size_t used, peak;  /* bytes handed out, without headers              */
} llmi_mem;

LLMI_FN void llmi_mem_init(llmi_mem *m, void *ctx, void *memory, size_t size) {
    memset(m, 0, sizeof *m);
    m->ctx = ctx;
    if (memory != NULL) {
        size_t skip = (LLMI_UNIT - (size_t)((uintptr_t)memory % LLMI_UNIT)) % LLMI_UNIT;
        size = size > skip ? (size - skip) / LLMI_UNIT * LLMI_UNIT : 0;
        m->pool = (char *)memory + skip;
        m->pool_size = size;
        if (size > LLMI_UNIT) {
            llmi_block *b = (llmi_block *)(void *)m->pool;
            b->size = size - LLMI_UNIT;
            b->used = 0;
        }
    }
}

LLMI_FN llmi_block *llmi_pool_next(const llmi_mem *m, llmi_block *b) {
    char *next = (char *)b + LLMI_UNIT + b->size;
    return next < m->pool + m->pool_size ? (llmi_block *)(void *)next : NULL;
}

/* Joins the free blocks behind b with it. b need not be free: its caller may want to grow it. */
LLMI_FN void llmi_pool_join(const llmi_mem *m, llmi_block *b) {
    llmi_block *next;
    while ((next = llmi_pool_next(m, b)) != NULL && !next->used) b->size += LLMI_UNIT + next->size;
}

/* Cuts b to n bytes (a multiple of the unit) when the rest can be a block. */
LLMI_FN void llmi_pool_cut(llmi_block *b, size_t n) {
    if (b->size - n > LLMI_UNIT) {
        llmi_block *rest = (llmi_block *)(void *)((char *)b + LLMI_UNIT + n);
        rest->size = b->size - n - LLMI_UNIT;
        rest->used = 0;
        b->size = n;
    }
}

LLMI_FN void *llmi_pool_alloc(llmi_mem *m, size_t n) {
    llmi_block *b = m->pool_size > LLMI_UNIT ? (llmi_block *)(void *)m->pool : NULL;
    if (!llmi_add_ok(n, LLMI_UNIT - 1, &n)) return NULL;
    n = n / LLMI_UNIT * LLMI_UNIT;
    for (; b != NULL; b = llmi_pool_next(m, b)) {
        if (b->used) continue;
        llmi_pool_join(m, b);
        if (b->size >= n) {
            llmi_pool_cut(b, n);
            b->used = 1;
            return (char *)b + LLMI_UNIT;
        }
    }
    return NULL;
}

/* Grows in place if the room behind is free. Shrinking always works. */
LLMI_FN int llmi_pool_resize(llmi_mem *m, void *p, size_t n) {
    llmi_block *b = (llmi_block *)(void *)((char *)p - LLMI_UNIT);
    size_t old = b->size;
    if (!llmi_add_ok(n, LLMI_UNIT - 1, &n)) return 0;
    n = n / LLMI_UNIT * LLMI_UNIT;
    llmi_pool_join(m, b);
    if (b->size >= n) {
        llmi_pool_cut(b, n);
        return 1;
    }
    llmi_pool_cut(b, old);
    return 0;
}

/* NULL = no memory. n > 0. The bytes are not zeroed. */
LLMI_FN void *llmi_mem_alloc(llmi_mem *m, size_t n) {
    void *p = m->pool != NULL ? llmi_pool_alloc(m, n) : LLM_MALLOC(m->ctx, n);
    if (p != NULL) {
        m->used += n;
        if (m->used > m->peak) m->peak = m->used;
    }
    return p;
}

LLMI_FN void *llmi_mem_zalloc(llmi_mem *m, size_t n) {
    void *p = llmi_mem_alloc(m, n);
    if (p != NULL) memset(p, 0, n);
    return p;
}

/* n is what was asked for. p may be NULL (then n is 0). Wiped: a server can say the key back, and what it says is in
   more places than could be listed. */
LLMI_FN void llmi_mem_free(llmi_mem *m, void *p, size_t n) {
    if (p == NULL) return;
    llmi_wipe(p, n);
    m->used -= n;
    if (m->pool != NULL) {
        ((llmi_block *)(void *)((char *)p - LLMI_UNIT))->used = 0;
    } else {
        LLM_FREE(m->ctx, p, n);
    }
}

/* On failure the old block is untouched. p may be NULL (then old is 0). */
LLMI_FN void *llmi_mem_realloc(llmi_mem *m, void *p, size_t old, size_t n) {
    void *q;
    if (p == NULL) return llmi_mem_alloc(m, n);
    if (m->pool == NULL) {
        q = LLM_REALLOC(m->ctx, p, old, n);
    } else if (llmi_pool_resize(m, p, n)) {
        q = p;
    } else {
        q = llmi_pool_alloc(m, n);
        if (q != NULL) {
            memcpy(q, p, llmi_min(old, n));
            llmi_wipe(p, old);
            ((llmi_block *)(void *)((char *)p - LLMI_UNIT))->used = 0;
        }
    }
    if (q != NULL) {
        m->used = m->used - old + n;
        if (m->used > m->peak) m->peak = m->used;
    }
    return q;
}

/* The same for bytes that a server may have sent: LLM_REALLOC would leave them where they were. */
LLMI_FN void *llmi_mem_grow(llmi_mem *m, void *p, size_t old, size_t n) {
    void *q;
    if (p == NULL || m->pool != NULL) return llmi_mem_realloc(m, p, old, n);
    q = llmi_mem_alloc(m, n);
    if (q != NULL) {
        memcpy(q, p, llmi_min(old, n));
        llmi_mem_free(m, p, old);
    }
    return q;
}

/* ---- text: one growing byte string, everywhere --------------------------------------------------------------
   Three kinds. Growing: mem is set. Fixed: mem is NULL and p is the caller's buffer; what does not fit is cut off and
   err is LLM_ERR_LIMIT. Counting: mem and p are NULL; n alone moves. An error sticks, so callers look once, at the end.
   There is always room for a NUL behind the last byte. */
struct llm_text {
    llmi_mem  *mem;
    char      *p;
    size_t     n;      /* bytes in it                        */
    size_t     cap;    /* bytes allocated, the NUL included  */
    size_t     max;    /* n never exceeds it                 */
    llm_status err;    /* LLM_OK, LLM_ERR_MEMORY, _LIMIT, _USAGE */
};

LLMI_FN void llmi_text_init(llm_text *t, llmi_mem *mem, size_t max) {
    memset(t, 0, sizeof *t);
    t->mem = mem;
    t->max = max;
}

/* cap > 0, the NUL included. */
LLMI_FN void llmi_text_fixed(llm_text *t, char *buf, size_t cap) {
    memset(t, 0, sizeof *t);
    t->p = buf;
    t->cap = cap;
    t->max = cap - 1;
    buf[0] = 0;
}

LLMI_FN void llmi_text_counting(llm_text *t) {
    memset(t, 0, sizeof *t);
    t->max = (size_t)-1;
}

LLMI_FN void llmi_text_free(llm_text *t) {
    if (t->mem != NULL) llmi_mem_free(t->mem, t->p, t->cap);
    t->p = NULL;
    t->n = t->cap = 0;
    t->err = LLM_OK;
}

/* Makes room for n more bytes and the NUL. A growing text doubles, so appending is linear in all. */
LLMI_FN int llmi_text_reserve(llm_text *t, size_t n) {
    size_t want, cap;
    char *p;
    if (t->err != LLM_OK) return 0;
    if (!llmi_add_ok(t->n, n, &want) || want > t->max) {
        t->err = LLM_ERR_LIMIT;
        return 0;
    }
    if (want < t->cap || (t->mem == NULL && t->p == NULL)) return 1;
    if (t->mem == NULL || want == (size_t)-1) {
        t->err = LLM_ERR_LIMIT;
        return 0;
    }
    cap = t->cap < 32 ? 64 : t->cap <= (size_t)-1 / 2 ? t->cap * 2 : want + 1;
    if (cap <= want) cap = want + 1;
    p = (char *)llmi_mem_grow(t->mem, t->p, t->cap, cap);
    if (p == NULL && cap > want + 1) {   /* less than twice as much may still fit into a small pool */
        cap = want + 1;
        p = (char *)llmi_mem_grow(t->mem, t->p, t->cap, cap);
    }
    if (p == NULL) {
        t->err = LLM_ERR_MEMORY;
        return 0;
    }
    t->p = p;
    t->cap = cap;
    return 1;
}

LLMI_FN void llmi_text_put(llm_text *t, const char *s, size_t n) {
    if (n == 0) return;      /* s may be NULL then */
    if (t->n < t->cap && n < t->cap - t->n && t->err == LLM_OK && n <= t->max - t->n) {   /* the usual case */
        memcpy(t->p + t->n, s, n);
        t->n += n;
        return;
    }
    if (!llmi_text_reserve(t, n)) {
        if (t->mem != NULL || t->p == NULL || t->n >= t->max) return;
        n = llmi_min(n, t->max - t->n);  /* a fixed text keeps what fits */
    }
    if (t->p != NULL) memcpy(t->p + t->n, s, n);
    t->n += n;
}

/* See llmi_copy_secret(). */
LLMI_FN void llmi_text_put_secret(llm_text *t, const char *s, size_t n) {
    if (!llmi_text_reserve(t, n)) return;
    if (t->p != NULL) llmi_copy_secret(t->p + t->n, s, n);
    t->n += n;
}

LLMI_FN void llmi_text_puts(llm_text *t, const char *s) {
    llmi_text_put(t, s, strlen(s));
}

LLMI_FN void llmi_text_putc(llm_text *t, char c) {
    llmi_text_put(t, &c, 1);
}

LLMI_FN void llmi_text_uint(llm_text *t, uint64_t v) {
    char d[20];
    size_t i = sizeof d;
    do d[--i] = (char)('0' + (int)(v % 10));
    while ((v /= 10) != 0);
    llmi_text_put(t, d + i, sizeof d - i);
}

LLMI_FN void llmi_text_int(llm_text *t, int64_t v) {
    if (v < 0) llmi_text_putc(t, '-');
    llmi_text_uint(t, v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v);
}

/* NUL-terminated view, "" when nothing was ever put. Valid until the next put. */
LLMI_FN const char *llmi_text_cstr(llm_text *t) {
    if (t->p == NULL) return "";
    t->p[t->n] = 0;
    return t->p;
}

/* A JSON string with its quotes (RFC 8259 7). Invalid UTF-8 becomes U+FFFD, one for each maximal ill-formed part. */
LLMI_FN void llmi_text_quote(llm_text *t, const char *s, size_t n) {
    const char *end = s + n;
    llmi_text_putc(t, '"');
    while (s < end) {
        const char *run = s;
        size_t bad, len;
        unsigned char c;
        s = llmi_plain_end(s, end);
        llmi_text_put(t, run, (size_t)(s - run));
        if (s == end) break;
        c = (unsigned char)*s;
        if (c >= 0x80) {
            len = llmi_utf8_next(s, (size_t)(end - s), &bad);
            if (len != 0) {
                llmi_text_put(t, s, len);
            } else {
                llmi_text_put(t, "\xEF\xBF\xBD", 3);
                len = bad != 0 ? bad : (size_t)(end - s);
            }
            s += len;
        } else {
            char esc[6];
            static const char hex[] = "0123456789abcdef";
            len = 2;
            esc[0] = '\\';
            switch (c) {
            case '"': case '\\': esc[1] = (char)c; break;
            case '\n': esc[1] = 'n'; break;
            case '\r': esc[1] = 'r'; break;
            case '\t': esc[1] = 't'; break;
            default:
                memcpy(esc, "\\u00", 4);
                esc[4] = hex[c >> 4];
                esc[5] = hex[c & 15];
                len = 6;
                break;
            }
            llmi_text_put(t, esc, len);
            s++;
        }
    }
    llmi_text_putc(t, '"');
}

/* The formatter of llm_text_addf() and of every message: %s %d %lld %zu %q %%. Small libcs drop some of these in
   silence, so there is no printf. Returns 0 at a directive it does not know. */
LLMI_FN int llmi_text_vaddf(llm_text *t, const char *format, va_list args) {
    const char *f = format;
    while (*f != 0) {
        const char *run = f;
        const char *s;
        while (*f != 0 && *f != '%') f++;
        llmi_text_put(t, run, (size_t)(f - run));
        if (*f == 0) break;
        f++;
        if (*f == '%') {
            llmi_text_putc(t, '%');
        } else if (*f == 's' || *f == 'q') {
            s = va_arg(args, const char *);
            if (s == NULL) s = "(null)";
            if (*f == 's') llmi_text_puts(t, s);
            else llmi_text_quote(t, s, strlen(s));
        } else if (*f == 'd') {
            llmi_text_int(t, va_arg(args, int));
        } else if (f[0] == 'z' && f[1] == 'u') {
            llmi_text_uint(t, va_arg(args, size_t));
            f++;
        } else if (f[0] == 'l' && f[1] == 'l' && f[2] == 'd') {
            llmi_text_int(t, (int64_t)va_arg(args, long long));
            f += 2;
        } else {
            return 0;
        }
        f++;
    }
    return 1;
}

LLMI_FN void llmi_text_addf(llm_text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)llmi_text_vaddf(t, format, args);
    va_end(args);
}

/* ============================================================================================================
   >>error                                       statuses by name and class, filling an llm_error, keeping the key out
   ============================================================================================================ */

LLM_API const char *llm_status_name(llm_status s) {
#define LLMI_NAME(name, value, parent) case name: return #name;
    switch (s) {
        LLM_STATUS_MAP(LLMI_NAME)
    default: return "LLM_ERR_UNKNOWN";
    }
#undef LLMI_NAME
}

LLMI_FN llm_status llmi_status_parent(llm_status s) {
#define LLMI_PARENT(name, value, parent) case name: return parent;
    switch (s) {
        LLM_STATUS_MAP(LLMI_PARENT)
    default: return s;
    }
#undef LLMI_PARENT
}

LLM_API int llm_is(llm_status s, llm_status kind) {
    llm_status up;
    while (s != kind && (up = llmi_status_parent(s)) != s) s = up;
    return s == kind;
}

/* The same request may succeed later. What the server says (x-should-retry) comes before this. */
LLMI_FN int llmi_status_retryable(llm_status s) {
    return s == LLM_ERR_CONNECTION || s == LLM_ERR_TRUNCATED || s == LLM_ERR_TIMEOUT || s == LLM_ERR_RATE_LIMIT ||
           s == LLM_ERR_CONFLICT || s == LLM_ERR_SERVER;
}

LLMI_FN void llmi_error_init(llm_error *e) {
    memset(e, 0, sizeof *e);
    e->retry_after_ms = -1;
}

/* Copies into a field of fixed size; cuts between two characters, never inside one. */
LLMI_FN void llmi_copy_cut(char *out, size_t cap, const char *s, size_t n) {
    if (n >= cap) {
        n = cap - 1;
        while (n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80) n--;
    }
    memcpy(out, s, n);
    out[n] = 0;
}

/* Sets status, message and retryable; http_status, request_id, retry_after_ms and attempts stay. e may be NULL.
   Returns s, so that `return llmi_fail(...)` is the usual form. */
LLMI_FN llm_status llmi_vfail(llm_error *e, llm_status s, const char *format, va_list args) {
    char buf[sizeof e->message];
    llm_text t;
    if (e == NULL) return s;
    llmi_text_fixed(&t, buf, sizeof buf);
    (void)llmi_text_vaddf(&t, format, args);
    e->status = s;
    e->retryable = llmi_status_retryable(s);
    e->type[0] = e->code[0] = e->param[0] = 0;
    llmi_copy_cut(e->message, t.err == LLM_OK ? sizeof e->message : sizeof e->message - 4, buf, t.n);
    if (t.err != LLM_OK) memcpy(e->message + strlen(e->message), "...", 4);
    return s;
}

LLMI_FN llm_status llmi_fail(llm_error *e, llm_status s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    s = llmi_vfail(e, s, format, args);
    va_end(args);
    return s;
}

#if !LLMI_HAS_MESSAGES
LLMI_FN llm_status llmi_fail_bare(llm_error *e, llm_status s) {
    return llmi_fail(e, s, "%s", llm_status_name(s));
}
/* What only a text needs is dead code now, and the compiler leaves it out with the text. */
#define llmi_fail(e, s, ...) (0 ? (llmi_fail)(e, s, __VA_ARGS__) : llmi_fail_bare(e, s))
#endif

LLMI_FN llm_status llmi_fail_memory(llm_error *e) {
    return llmi_fail(e, LLM_ERR_MEMORY, "out of memory: give config.memory more room, or look at LLM_MALLOC");
}

/* Replaces every whole occurrence of the secret by "***" in place; a text that was cut off may also end in the
   beginning of one: eight or more bytes of it go too. Returns the new length. What stood behind it in s[0..n) is wiped:
   an error is plain memory, and callers copy all of it. */
LLMI_FN size_t llmi_redact(char *s, size_t n, const char *secret, size_t secret_len, int cut_off) {
    size_t from = 0, to = 0, part;
    if (secret_len == 0 || n == 0) return n;      /* s may be NULL */
    while (from < n) {
        if (n - from >= secret_len && s[from] == secret[0] && memcmp(s + from, secret, secret_len) == 0) {
            memset(s + to, '*', llmi_min(secret_len, 3));
            to += llmi_min(secret_len, 3);
            from += secret_len;
        } else {
            s[to++] = s[from++];
        }
    }
    for (part = cut_off ? llmi_min(secret_len - 1, to) : 0; part >= 8; part--) {
        if (memcmp(s + to - part, secret, part) == 0) {
            to -= part;
            break;
        }
    }
    llmi_wipe(s + to, n - to);
    return to;
}

/* The class of an HTTP status, RFC 9110 15. The one place where this is decided. */
LLMI_FN llm_status llmi_status_of_http(int http) {
    switch (http) {
    case 400: case 422: return LLM_ERR_BAD_REQUEST;
    case 401: return LLM_ERR_AUTH;
    case 402: return LLM_ERR_QUOTA;
    case 403: return LLM_ERR_PERMISSION;
    case 404: return LLM_ERR_NOT_FOUND;
    case 408: return LLM_ERR_TIMEOUT;
    case 409: return LLM_ERR_CONFLICT;
    case 429: return LLM_ERR_RATE_LIMIT;
    default: return http >= 500 && http <= 599 ? LLM_ERR_SERVER : LLM_ERR_API;
    }
}

/* The class that an error code of the API names, LLM_OK if it is not known: an error inside a 200 has no other. */
LLMI_FN llm_status llmi_status_of_code(const char *code) {
    static const struct { const char *code; llm_status status; } known[] = {
        {"invalid_api_key", LLM_ERR_AUTH},
        {"insufficient_quota", LLM_ERR_QUOTA},
        {"credit_balance_exhausted", LLM_ERR_QUOTA},
        {"billing_hard_limit_reached", LLM_ERR_QUOTA},
        {"rate_limit_exceeded", LLM_ERR_RATE_LIMIT},
        {"rate_limit_error", LLM_ERR_RATE_LIMIT},
        {"slow_down", LLM_ERR_RATE_LIMIT},
        {"server_error", LLM_ERR_SERVER},
        {"internal_error", LLM_ERR_SERVER},
        {"server_is_overloaded", LLM_ERR_SERVER},
        {"overloaded_error", LLM_ERR_SERVER},
        {"model_not_found", LLM_ERR_NOT_FOUND},
        {"context_length_exceeded", LLM_ERR_BAD_REQUEST},
        {"unsupported_parameter", LLM_ERR_BAD_REQUEST},
        {"unsupported_value", LLM_ERR_BAD_REQUEST},
        {"invalid_request_error", LLM_ERR_BAD_REQUEST},
        {"content_filter", LLM_ERR_BAD_REQUEST},
    };
    size_t i;
    if (code[0] >= '4' && code[0] <= '5' && strlen(code) == 3 && llmi_is_digit(code[1]) && llmi_is_digit(code[2])) {
        return llmi_status_of_http((code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0'));
    }
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (llmi_streq(known[i].code, code)) return known[i].status;
    }
    return LLM_OK;
}

/* Status and body of an answer to one status: a code is more exact where it says that a retry is useless. */
LLMI_FN llm_status llmi_status_of_answer(int http, const char *code) {
    llm_status by_code = llmi_status_of_code(code);
    if (http < 300) return by_code == LLM_OK ? LLM_ERR_API : by_code;
    if (http == 429 && by_code == LLM_ERR_QUOTA) return LLM_ERR_QUOTA;
    return llmi_status_of_http(http);
}

/* ============================================================================================================
   >>json-read                                        incremental tokenizer: RFC 8259, strict; bytes in, events out
   The input comes in pieces of any size; every way of cutting it gives the same events, once the STRING pieces of one
   string are put together. No recursion, no allocation, no lookahead: what a piece leaves unfinished is in the struct,
   which is plain data and can be copied between two events.
   Strings are checked to be UTF-8 everywhere, also where they are skipped. A lone half of a surrogate pair is U+FFFD.
   ============================================================================================================ */

#define LLMI_JSON_KEY_MAX 64
#define LLMI_JSON_BUF 64       /* also the longest number that is kept whole */

typedef enum llmi_json_event {
    LLMI_JSON_MORE,            /* all input is used: give more, or ask llmi_json_end()                              */
    LLMI_JSON_OBJECT,
    LLMI_JSON_OBJECT_END,
    LLMI_JSON_ARRAY,
    LLMI_JSON_ARRAY_END,
    LLMI_JSON_KEY,             /* text, len: whole and unescaped. Longer than LLMI_JSON_KEY_MAX: len is one more    */
    LLMI_JSON_STRING,          /* text, len: the next piece, unescaped, may be empty; last = 1: the string ends     */
    LLMI_JSON_NUMBER,          /* text, len: as written. Longer than LLMI_JSON_BUF: its beginning, and cut = 1      */
    LLMI_JSON_TRUE,
    LLMI_JSON_FALSE,
    LLMI_JSON_NULL,
    LLMI_JSON_ERROR            /* status, why, pos say what and where; comes again at every call                    */
} llmi_json_event;

typedef enum llmi_json_state {
    LLMI_JS_START,             /* nothing yet: a byte order mark, or the value                                      */
    LLMI_JS_VALUE,             /* a value must come                                                                 */
    LLMI_JS_FIRST,             /* behind '[': a value, or ']'                                                       */
    LLMI_JS_MEMBER,            /* behind '{': a key, or '}'                                                         */
    LLMI_JS_KEY,               /* behind ',' in an object: a key                                                    */
    LLMI_JS_COLON,             /* behind a key                                                                      */
    LLMI_JS_AFTER,             /* behind a value: ',' or the end of what is open; at depth 0 the text is complete   */
    LLMI_JS_IN_KEY,            /* from here on a token is open, and blanks are no longer skipped                    */
    LLMI_JS_IN_STRING,
    LLMI_JS_IN_NUMBER,
    LLMI_JS_IN_WORD,           /* true, false, null, or the byte order mark: step bytes are there                   */
    LLMI_JS_FAILED
} llmi_json_state;

typedef struct llmi_json {
    const char   *text;        /* of the last event: into the input, or into buf; valid until the next call         */
    size_t        len;
    const char   *why;         /* ERROR: a sentence without a full stop, static                                     */
    uint64_t      pos;         /* bytes read so far; ERROR: the place of the byte that is wrong                     */
    llm_status    status;      /* ERROR: LLM_ERR_PROTOCOL or LLM_ERR_LIMIT                                          */
    int           depth;       /* open arrays and objects                                                           */
    int           skip;        /* nothing is reported until depth is skip - 1 again and a value is over; 0 = off    */
    uint16_t      high;        /* see llmi_json_init()                                                              */
    uint16_t      unit;        /* the \u escape that is being read                                                  */
    unsigned char state;       /* llmi_json_state                                                                   */
    unsigned char step;        /* place inside the open token                                                       */
    unsigned char word;        /* 0 true, 1 false, 2 null, 3 the byte order mark                                    */
    unsigned char n;           /* bytes in buf                                                                      */
    unsigned char parts;       /* bytes in part: the beginning of a UTF-8 sequence                                  */
    unsigned char last, cut;
    unsigned char keep_half;
    unsigned char in_object;   /* the innermost open container is an object                                         */
    char          part[4];
    unsigned char outer[(LLM_MAX_JSON_DEPTH + 7) / 8];   /* in_object of the levels around it, one bit each        */
    char          buf[LLMI_JSON_BUF + 8];
} llmi_json;

/* A surrogate pair may be cut in two by the sender: "\ud83d" in one string, "\ude00" in the next of the same kind.
   With keep_half = 1 (set it after init) a string that ends in a high half does not end in U+FFFD; at its last piece
   `high` is that half (0 = none), yours to keep. To go on with it, set `high` right after the KEY of the next such
   string: it is then read as if that escape stood at its front. If another value than a string follows, nothing
   happens and your half is still to be used. The reader itself never carries a half from one string to another. */
LLMI_FN void llmi_json_init(llmi_json *j) {
    memset(j, 0, sizeof *j);
}

LLMI_FN llmi_json_event llmi_json_fail(llmi_json *j, llm_status status, const char *why) {
    j->state = LLMI_JS_FAILED;
    j->status = status;
    j->why = why;
    return LLMI_JSON_ERROR;
}
#if !LLMI_HAS_MESSAGES
#define llmi_json_fail(j, status, why) (llmi_json_fail)(j, status, 0 ? (why) : "")
#endif

/* Over plain bytes and whole, well-formed UTF-8 sequences. */
LLMI_FN const char *llmi_json_run(const char *p, const char *end) {
    size_t n, bad;
    for (;;) {
        if (p < end && (unsigned char)*p < 0x80) p = llmi_plain_end(p, end);
        if (p == end || (unsigned char)*p < 0x80) return p;
        n = llmi_utf8_next(p, (size_t)(end - p), &bad);
        if (n == 0) return p;
        p += n;
    }
}

/* Keeps bytes of a string for buf. A value's string always has room here; a key that has none is too long. */
LLMI_FN void llmi_json_keep(llmi_json *j, const char *s, size_t n) {
    if (j->skip != 0) return;
    if (j->n + n > LLMI_JSON_KEY_MAX) {
        j->n = LLMI_JSON_KEY_MAX + 1;
        return;
    }
    memcpy(j->buf + j->n, s, n);
    j->n = (unsigned char)(j->n + n);
}

LLMI_FN void llmi_json_keep_char(llmi_json *j, uint32_t c) {
    char out[4];
    llmi_json_keep(j, out, llmi_utf8_put(out, c));
}

/* A high half that no low half followed. */
LLMI_FN void llmi_json_drop_half(llmi_json *j) {
    if (j->high != 0) llmi_json_keep_char(j, 0xFFFD);
    j->high = 0;
}

/* One byte of an escape, behind the backslash. step: 1 = its letter, 2 to 5 = a digit of \u. 0 = not allowed. */
LLMI_FN int llmi_json_escape(llmi_json *j, unsigned char c) {
    static const char letters[] = "\"\"\\\\//b\bf\fn\nr\rt\t";   /* pairs: the letter, what it stands for */
    uint32_t u;
    int digit;
    if (j->step == 1) {
        const char *l = letters;
        j->unit = 0;
        j->step = 2;
        if (c == 'u') return 1;
        while (*l != 0 && *l != (char)c) l += 2;
        if (*l == 0) return 0;
        llmi_json_drop_half(j);
        llmi_json_keep(j, l + 1, 1);
        j->step = 0;
        return 1;
    }
    digit = llmi_hex(c);
    if (digit < 0) return 0;
    u = (uint32_t)j->unit * 16 + (uint32_t)digit;
    j->unit = (uint16_t)u;
    if (++j->step < 6) return 1;
    j->step = 0;
    if ((u & 0xFC00) == 0xDC00 && j->high != 0) {
        u = 0x10000 + (((uint32_t)j->high - 0xD800) << 10) + (u - 0xDC00);
        j->high = 0;
    }
    llmi_json_drop_half(j);
    if ((u & 0xFFFFFC00u) == 0xD800) j->high = (uint16_t)u;
    else llmi_json_keep_char(j, (u & 0xFFFFFC00u) == 0xDC00 ? 0xFFFD : u);
    return 1;
}

/* One more byte of a UTF-8 sequence that an earlier piece of input began. 0 = ill-formed. */
LLMI_FN int llmi_json_part(llmi_json *j, char c) {
    size_t bad, n;
    j->part[j->parts++] = c;
    n = llmi_utf8_next(j->part, j->parts, &bad);
    if (n != 0) {               /* not before it is whole: an ill-formed one tells nothing, however it is cut */
        llmi_json_drop_half(j);
        llmi_json_keep(j, j->part, n);
        j->parts = 0;
    }
    return n != 0 || bad == 0;
}

LLMI_FN llmi_json_event llmi_json_piece(llmi_json *j, int last) {
    j->text = j->buf;
    j->len = j->n;
    j->last = (unsigned char)last;
    j->n = 0;
    return LLMI_JSON_STRING;
}

/* One byte at *p that is no plain run: the beginning or the middle of an escape or of a cut UTF-8 sequence.
   NULL = fine, else what is wrong with it. */
LLMI_FN const char *llmi_json_string_byte(llmi_json *j, const char *p, const char *end) {
    unsigned char c = (unsigned char)*p;
    size_t bad;
    if (j->step != 0) return llmi_json_escape(j, c) ? NULL : "a string holds an escape that does not exist";
    if (j->parts == 0) {
        if (c == '\\') {
            j->step = 1;
            return NULL;
        }
        if (c < 0x20) return "a string holds a control character that is not escaped";
        (void)llmi_utf8_next(p, (size_t)(end - p), &bad);
        if (bad != 0) return "a string is not UTF-8";
    }
    if (llmi_json_part(j, (char)c)) return NULL;
    j->pos -= (uint64_t)j->parts - 1;   /* the fault is where the sequence begins */
    return "a string is not UTF-8";
}

/* A string or key is over at *pp. */
LLMI_FN llmi_json_event llmi_json_string_over(llmi_json *j, const char **pp, const char *end, int key) {
    if (!key) {
        j->state = LLMI_JS_AFTER;
        return LLMI_JSON_STRING;
    }
    if (j->len > LLMI_JSON_KEY_MAX) j->len = LLMI_JSON_KEY_MAX + 1;
    j->state = LLMI_JS_COLON;
    if (*pp < end && **pp == ':') {
        ++*pp;
        j->state = LLMI_JS_VALUE;
    }
    return LLMI_JSON_KEY;
}

/* Reads on in a string or key. Short runs between escapes are put together in buf, so that a string full of escapes
   does not fall to pieces of one byte. */
LLMI_FN llmi_json_event llmi_json_in_string(llmi_json *j, const char **pp, const char *end, int key) {
    const char *p = *pp, *q, *why;
    size_t n;
    while (p < end && (key || j->n <= LLMI_JSON_BUF - 8)) {
        if (j->step == 0 && j->parts == 0) {
            q = llmi_json_run(p, end);
            n = (size_t)(q - p);
            if (n > 0) {
                llmi_json_drop_half(j);
                if (j->n == 0 && !key && j->skip == 0 && (n >= 32 || q == end || *q == '"')) {
                    j->last = q < end && *q == '"';   /* long enough, or all there is: handed out as it stands */
                    j->text = p;
                    j->len = n;
                    *pp = q + j->last;
                    return j->last ? llmi_json_string_over(j, pp, end, 0) : LLMI_JSON_STRING;
                }
                if (!key && j->skip == 0 && j->n + n > LLMI_JSON_BUF) break;
                llmi_json_keep(j, p, n);
                p = q;
                continue;
            }
            if (*p == '"') {
                if (key || !j->keep_half) llmi_json_drop_half(j);
                *pp = p + 1;
                (void)llmi_json_piece(j, 1);
                return llmi_json_string_over(j, pp, end, key);
            }
        }
        why = llmi_json_string_byte(j, p, end);
        if (why != NULL) {      /* what came before it is reported first, as if it had been an input of its own */
            *pp = p;
            (void)llmi_json_fail(j, LLM_ERR_PROTOCOL, why);
            return !key && j->n > 0 ? llmi_json_piece(j, 0) : LLMI_JSON_ERROR;
        }
        p++;
    }
    *pp = p;
    return !key && j->n > 0 ? llmi_json_piece(j, 0) : LLMI_JSON_MORE;
}

/* Where a number can stand (step). It may end in those that LLMI_JN_WHOLE names. */
enum { LLMI_JN_START, LLMI_JN_MINUS, LLMI_JN_ZERO, LLMI_JN_INT, LLMI_JN_DOT, LLMI_JN_FRAC, LLMI_JN_E, LLMI_JN_SIGN,
       LLMI_JN_EXP };
#define LLMI_JN_WHOLE(step) \
    ((1u << LLMI_JN_ZERO | 1u << LLMI_JN_INT | 1u << LLMI_JN_FRAC | 1u << LLMI_JN_EXP) >> (step) & 1u)

/* The place behind byte c; LLMI_JN_START = the number does not go on with it. */
LLMI_FN unsigned llmi_json_number_step(unsigned step, unsigned c) {
    static const unsigned char next[LLMI_JN_EXP + 1][6] = {
        /*            0             1-9           .            e          -              +            */
        /* START */ {LLMI_JN_ZERO, LLMI_JN_INT,  0,           0,         LLMI_JN_MINUS, 0},
        /* MINUS */ {LLMI_JN_ZERO, LLMI_JN_INT,  0,           0,         0,             0},
        /* ZERO  */ {0,            0,            LLMI_JN_DOT, LLMI_JN_E, 0,             0},
        /* INT   */ {LLMI_JN_INT,  LLMI_JN_INT,  LLMI_JN_DOT, LLMI_JN_E, 0,             0},
        /* DOT   */ {LLMI_JN_FRAC, LLMI_JN_FRAC, 0,           0,         0,             0},
        /* FRAC  */ {LLMI_JN_FRAC, LLMI_JN_FRAC, 0,           LLMI_JN_E, 0,             0},
        /* E     */ {LLMI_JN_EXP,  LLMI_JN_EXP,  0,           0,         LLMI_JN_SIGN,  LLMI_JN_SIGN},
        /* SIGN  */ {LLMI_JN_EXP,  LLMI_JN_EXP,  0,           0,         0,             0},
        /* EXP   */ {LLMI_JN_EXP,  LLMI_JN_EXP,  0,           0,         0,             0},
    };
    if (c - '0' < 10) return next[step][c != '0'];
    if (c == '.') return next[step][2];
    if ((c | 32) == 'e') return next[step][3];
    if (c == '-') return next[step][4];
    return c == '+' ? next[step][5] : (unsigned)LLMI_JN_START;
}

/* Reads on in a number. It is over at the first byte that is not of it; until then it is kept in buf. */
LLMI_FN llmi_json_event llmi_json_in_number(llmi_json *j, const char **pp, const char *end) {
    const char *s = *pp, *p = s;
    unsigned step = j->step, next;
    size_t n, room = (size_t)LLMI_JSON_BUF - j->n;
    for (; p < end; p++) {
        unsigned c = (unsigned char)*p;
        if (step == LLMI_JN_INT && c - '0' < 10) continue;
        next = llmi_json_number_step(step, c);
        if (next == LLMI_JN_START) break;
        step = next;
    }
    *pp = p;
    j->step = (unsigned char)step;
    n = (size_t)(p - s);
    if (n > room) {
        n = room;
        j->cut = 1;
    }
    j->text = s;
    j->len = n;
    if (p == end || j->n > 0) {
        memcpy(j->buf + j->n, s, n);
        j->n = (unsigned char)(j->n + n);
        j->text = j->buf;
        j->len = j->n;
        if (p == end) return LLMI_JSON_MORE;
    }
    if (!LLMI_JN_WHOLE(step) || llmi_is_digit((unsigned char)*p)) {
        return llmi_json_fail(j, LLM_ERR_PROTOCOL, "a number is malformed");
    }
    j->state = LLMI_JS_AFTER;
    return LLMI_JSON_NUMBER;
}

/* Reads on in true, false, null, or in the byte order mark (which is no event). */
LLMI_FN llmi_json_event llmi_json_in_word(llmi_json *j, const char **pp, const char *end) {
    static const char words[4][6] = {"true", "false", "null", "\xEF\xBB\xBF"};
    const char *p = *pp, *w = words[j->word] + j->step;
    while (p < end && *p == *w) {
        p++;
        if (*++w == 0) {
            *pp = p;
            j->state = j->word == 3 ? LLMI_JS_VALUE : LLMI_JS_AFTER;
            return j->word == 3 ? LLMI_JSON_MORE : (llmi_json_event)(LLMI_JSON_TRUE + j->word);
        }
    }
    *pp = p;
    j->step = (unsigned char)(w - words[j->word]);
    return p == end ? LLMI_JSON_MORE : llmi_json_fail(j, LLM_ERR_PROTOCOL, "true, false or null is misspelt");
}

/* What is wrong with a byte that cannot stand where it does. */
LLMI_FN llmi_json_event llmi_json_misplaced(llmi_json *j) {
    const char *why = j->state <= LLMI_JS_FIRST ? "a value must stand here"
                    : j->state <= LLMI_JS_KEY ? "a key in double quotes must stand here"
                    : j->state == LLMI_JS_COLON ? "a colon must stand behind a key"
                    : j->depth > 0 ? "a comma or the end of the array or object must stand here"
                    : "something stands behind the JSON text";
    return llmi_json_fail(j, LLM_ERR_PROTOCOL, why);
}

LLMI_FN llmi_json_event llmi_json_open(llmi_json *j, int object) {
    unsigned char *level = &j->outer[j->depth / 8];
    unsigned bit = 1u << (j->depth % 8);
    if (j->depth >= LLM_MAX_JSON_DEPTH) {
        return llmi_json_fail(j, LLM_ERR_LIMIT, "arrays and objects are nested deeper than LLM_MAX_JSON_DEPTH");
    }
    *level = (unsigned char)(j->in_object ? *level | bit : *level & ~bit);
    j->depth++;
    j->in_object = (unsigned char)object;
    j->high = 0;
    j->state = object ? LLMI_JS_MEMBER : LLMI_JS_FIRST;
    return object ? LLMI_JSON_OBJECT : LLMI_JSON_ARRAY;
}

LLMI_FN llmi_json_event llmi_json_close(llmi_json *j, int object) {
    if (j->depth == 0 || j->in_object != object ||
        (j->state != LLMI_JS_AFTER && j->state != LLMI_JS_MEMBER && j->state != LLMI_JS_FIRST)) {
        return llmi_json_misplaced(j);
    }
    j->depth--;
    j->in_object = (j->outer[j->depth / 8] >> (j->depth % 8)) & 1;
    j->state = LLMI_JS_AFTER;
    return object ? LLMI_JSON_OBJECT_END : LLMI_JSON_ARRAY_END;
}

/* One byte between tokens: no blank, no quote, no comma. MORE = used up, or a token opens with it: see the state. */
LLMI_FN llmi_json_event llmi_json_between(llmi_json *j, unsigned c) {
    if (c == '}' || c == ']') return llmi_json_close(j, c == '}');
    if (c == ':' && j->state == LLMI_JS_COLON) {
        j->state = LLMI_JS_VALUE;
        return LLMI_JSON_MORE;
    }
    if (j->state > LLMI_JS_FIRST) return llmi_json_misplaced(j);
    if (c == '{' || c == '[') return llmi_json_open(j, c == '{');
    if (c - '0' < 10 || c == '-') {
        j->state = LLMI_JS_IN_NUMBER;
    } else if (c == 't' || c == 'f' || c == 'n' || (c == 0xEF && j->state == LLMI_JS_START)) {
        j->state = LLMI_JS_IN_WORD;
        j->word = (unsigned char)(c == 't' ? 0 : c == 'f' ? 1 : c == 'n' ? 2 : 3);
    } else {
        return llmi_json_misplaced(j);
    }
    j->step = j->n = j->cut = 0;
    return LLMI_JSON_MORE;
}

/* Reads on in the token that is open. */
LLMI_FN llmi_json_event llmi_json_token(llmi_json *j, const char **pp, const char *end) {
    switch (j->state) {
    case LLMI_JS_IN_KEY: return llmi_json_in_string(j, pp, end, 1);
    case LLMI_JS_IN_STRING: return llmi_json_in_string(j, pp, end, 0);
    case LLMI_JS_IN_NUMBER: return llmi_json_in_number(j, pp, end);
    case LLMI_JS_IN_WORD: return llmi_json_in_word(j, pp, end);
    default: return LLMI_JSON_ERROR;
    }
}

/* A quote where a string or key may begin. The usual one is whole and plain: it is handed out as it stands. */
LLMI_FN llmi_json_event llmi_json_quote(llmi_json *j, const char **pp, const char *end) {
    const char *p = *pp + 1, *q = llmi_plain_end(p, end);
    int key = j->state >= LLMI_JS_MEMBER;
    if (q < end && *q == '"' && j->high == 0) {
        j->text = p;
        j->len = (size_t)(q - p);
        j->last = 1;
        *pp = q + 1;
        return llmi_json_string_over(j, pp, end, key);
    }
    j->step = j->n = 0;
    j->state = key ? LLMI_JS_IN_KEY : LLMI_JS_IN_STRING;
    *pp = p;
    return LLMI_JSON_MORE;
}

/* The next event of [*pp, end); *pp moves behind what was used. */
LLMI_FN llmi_json_event llmi_json_next(llmi_json *j, const char **pp, const char *end) {
    const char *p = *pp;
    llmi_json_event e;
    for (;;) {
        unsigned c;
        if (p == end) {
            e = j->state == LLMI_JS_FAILED ? LLMI_JSON_ERROR : LLMI_JSON_MORE;
            break;
        }
        c = (unsigned char)*p;
        if (j->state >= LLMI_JS_IN_KEY) {
            e = llmi_json_token(j, &p, end);
        } else if (c == '"' && j->state < LLMI_JS_COLON) {
            e = llmi_json_quote(j, &p, end);
        } else if (c == ',' && j->state == LLMI_JS_AFTER && j->depth > 0) {
            p++;
            j->high = 0;
            j->state = j->in_object ? LLMI_JS_KEY : LLMI_JS_VALUE;
            continue;
        } else if (c <= ' ' && llmi_is_blank((int)c)) {
            p++;
            if (j->state == LLMI_JS_START) j->state = LLMI_JS_VALUE;   /* a byte order mark comes before any blank */
            continue;
        } else {
            e = llmi_json_between(j, c);
            if (e != LLMI_JSON_ERROR && j->state < LLMI_JS_IN_KEY) p++;
        }
        if (e == LLMI_JSON_MORE) continue;
        if (j->skip == 0 || e == LLMI_JSON_ERROR) break;
        if (j->state == LLMI_JS_AFTER && j->depth < j->skip) j->skip = 0;
    }
    j->pos += (uint64_t)(p - *pp);
    *pp = p;
    return e;
}

/* Right after KEY, OBJECT or ARRAY (or init): the rest of that value is checked, but not reported, its END neither.
   The next event is what follows it. */
LLMI_FN void llmi_json_skip(llmi_json *j) {
    if (j->state <= LLMI_JS_VALUE || j->state == LLMI_JS_COLON) j->skip = j->depth + 1;
    else if (j->state == LLMI_JS_FIRST || j->state == LLMI_JS_MEMBER) j->skip = j->depth;
}

/* No more input comes. 1 = there was one complete JSON text; a number that it ends in (no byte behind it, so there was
   no event) is in text, len, cut. 0 = status and why are set. */
LLMI_FN int llmi_json_end(llmi_json *j) {
    if (j->depth == 0 && j->state == LLMI_JS_IN_NUMBER && LLMI_JN_WHOLE(j->step)) {
        j->text = j->buf;
        j->len = j->n;
        j->state = LLMI_JS_AFTER;
    }
    if (j->depth == 0 && j->state == LLMI_JS_AFTER) return 1;
    if (j->state == LLMI_JS_FAILED) return 0;
    (void)llmi_json_fail(j, LLM_ERR_PROTOCOL, j->state <= LLMI_JS_VALUE && j->depth == 0 ?
        "there is no JSON text, only blanks" : "the JSON text breaks off");
    return 0;
}

/* ============================================================================================================
   >>json-write                    numbers in and out, exactly; JSON pointer (RFC 6901); checks of whole texts; text
   Numbers are converted with integers alone: no printf, no strtod, and no trust in how the machine's floating point
   rounds. A double is only taken apart and put together by its 64 bits (IEEE 754 binary64).
   ============================================================================================================ */

/* A JSON number in decimal: its digits as they stand in the text, with the point left out, times 10^exp10. */
typedef struct llmi_decimal {
    const char *p, *end;   /* first digit that is not 0, end of the digits (a point may stand between) */
    int64_t     count;     /* digits in [p, end); 0 = the number is zero                               */
    int64_t     exp10;
    int         minus;
} llmi_decimal;

LLMI_FN void llmi_decimal_read(llmi_decimal *d, const char *s, size_t n) {
    const char *end = s + n;
    int64_t e = 0;
    int point = 0, minus = 0;
    memset(d, 0, sizeof *d);
    if (s < end && *s == '-') {
        d->minus = 1;
        s++;
    }
    d->p = s;
    for (; s < end && (llmi_is_digit((unsigned char)*s) || *s == '.'); s++) {
        if (*s == '.') {
            point = 1;
            continue;
        }
        d->exp10 -= point;
        if (d->count == 0) d->p = s;
        if (d->count > 0 || *s != '0') d->count++;
    }
    d->end = s;
    if (s < end) s++;   /* the e */
    if (s < end && (*s == '-' || *s == '+')) minus = *s++ == '-';
    for (; s < end && llmi_is_digit((unsigned char)*s); s++) {
        if (e < (int64_t)1 << 58) e = e * 10 + (*s - '0');   /* beyond that it exceeds the digits of any text */
    }
    d->exp10 += minus ? -e : e;
}

/* The value times 10^digits, rounded to an integer, halves away from zero. *exact = 1: nothing was rounded.
   0 = it does not fit. */
LLMI_FN int llmi_decimal_scaled(const llmi_decimal *d, int digits, int64_t *out, int *exact) {
    const uint64_t max = ((uint64_t)1 << 63) - (d->minus ? 0 : 1);
    const char *p = d->p;
    int64_t whole = d->count + d->exp10 + digits, i;   /* how many digits stand before the point now */
    uint64_t v = 0;
    int up = 0;
    *exact = 1;
    *out = 0;
    if (d->count == 0) return 1;
    if (whole > 19) return 0;
    for (i = 0; i < whole || p < d->end; i++) {
        unsigned digit = 0;
        if (p < d->end && *p == '.') p++;
        if (p < d->end) digit = (unsigned)(*p++ - '0');
        if (i < whole) {
            if (v > (max - digit) / 10) return 0;
            v = v * 10 + digit;
        } else if (digit != 0) {
            *exact = 0;
            if (i == whole) up = digit >= 5;
        }
    }
    if (up && v == max) return 0;
    v += (uint64_t)up;
    *out = !d->minus ? (int64_t)v : v == 0 ? 0 : -(int64_t)(v - 1) - 1;
    return 1;
}

/* s[0..n) is a JSON number. 0 = it does not fit, or has a fraction: 12.0 and 1.2e1 are integers, 12.5 is none. */
LLMI_FN int llmi_json_int(const char *s, size_t n, int64_t *out) {
    llmi_decimal d;
    int exact;
    llmi_decimal_read(&d, s, n);
    return llmi_decimal_scaled(&d, 0, out, &exact) && exact;
}

/* Value * 10^digits as an integer, halves away from zero. 0 = it does not fit. */
LLMI_FN int llmi_json_scaled(const char *s, size_t n, int digits, int64_t *out) {
    llmi_decimal d;
    int exact;
    llmi_decimal_read(&d, s, n);
    return llmi_decimal_scaled(&d, digits, out, &exact);
}

/* ---- natural numbers of any size, least word first; the caller's array must be large enough ------------------ */
typedef struct llmi_big {
    uint32_t *w;
    int       n;    /* words, none of leading zeros: 0 is n = 0 */
} llmi_big;

LLMI_FN void llmi_big_set(llmi_big *b, uint32_t *words, uint64_t v) {
    b->w = words;
    b->n = 0;
    for (; v != 0; v >>= 32) b->w[b->n++] = (uint32_t)v;
}

LLMI_FN void llmi_big_muladd(llmi_big *b, uint32_t factor, uint32_t add) {
    uint64_t carry = add;
    int i;
    for (i = 0; i < b->n; i++) {
        carry += (uint64_t)b->w[i] * factor;
        b->w[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) b->w[b->n++] = (uint32_t)carry;
}

LLMI_FN void llmi_big_mul5(llmi_big *b, int power) {
    for (; power >= 13; power -= 13) llmi_big_muladd(b, 1220703125u, 0);
    for (; power > 0; power--) llmi_big_muladd(b, 5, 0);
}

LLMI_FN void llmi_big_shl(llmi_big *b, int bits) {
    int words = bits / 32;
    if (b->n == 0) return;
    if (words > 0) {
        memmove(b->w + words, b->w, (size_t)b->n * sizeof *b->w);
        memset(b->w, 0, (size_t)words * sizeof *b->w);
        b->n += words;
    }
    if (bits % 32 != 0) llmi_big_muladd(b, (uint32_t)1 << (bits % 32), 0);
}

LLMI_FN int llmi_big_cmp(const llmi_big *a, const llmi_big *b) {
    int i = a->n;
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    while (i-- > 0) {
        if (a->w[i] != b->w[i]) return a->w[i] < b->w[i] ? -1 : 1;
    }
    return 0;
}

/* out = a - b; a is not smaller. out may be a. */
LLMI_FN void llmi_big_sub(llmi_big *out, const llmi_big *a, const llmi_big *b) {
    uint64_t borrow = 0;
    int i;
    for (i = 0; i < a->n; i++) {
        uint64_t less = borrow + (i < b->n ? b->w[i] : 0);
        borrow = a->w[i] < less;
        out->w[i] = (uint32_t)(a->w[i] - less);
    }
    while (i > 0 && out->w[i - 1] == 0) i--;
    out->n = i;
}

LLMI_FN int llmi_big_bits(const llmi_big *b) {
    int bits = b->n * 32;
    uint32_t top = b->n > 0 ? b->w[b->n - 1] : 0;
    for (; bits > 0 && top < (uint32_t)1 << 31; top <<= 1) bits--;
    return bits;
}

/* More digits than this cannot move a result across the middle of two doubles; that some are not 0 still can. */
#define LLMI_DOUBLE_DIGITS 770
#define LLMI_DOUBLE_WORDS 86      /* 5^1120, or 771 digits, and two words to spare */

/* a/b, a and b not 0, as q * 2^*e2: q has 64 bits, the lowest also stands for all that is below it. Ruins a and b. */
LLMI_FN uint64_t llmi_big_divide(llmi_big *a, llmi_big *b, int *e2) {
    int shift = llmi_big_bits(b) - llmi_big_bits(a), i;
    uint64_t q = 0;
    if (shift > 0) llmi_big_shl(a, shift);
    if (shift < 0) llmi_big_shl(b, -shift);
    if (llmi_big_cmp(a, b) < 0) {
        llmi_big_shl(a, 1);
        shift++;
    }
    for (i = 0; i < 64; i++) {      /* now 1 <= a/b < 2 */
        q <<= 1;
        if (llmi_big_cmp(a, b) >= 0) {
            llmi_big_sub(a, a, b);
            q |= 1;
        }
        llmi_big_shl(a, 1);
    }
    *e2 = -shift - 63;
    return q | (a->n != 0);
}

/* The double nearest to q * 2^e2, halves to even. q has its top bit set. 0 = it would be infinite. */
LLMI_FN int llmi_double_put(uint64_t q, int e2, int minus, double *out) {
    int drop = 11;      /* 64 bits to 53; more where the exponent ends */
    uint64_t bits = 0, half;
    if (e2 + drop < -1074) drop = -1074 - e2;
    if (drop <= 64) {
        half = (uint64_t)1 << (drop - 1);
        bits = drop == 64 ? 0 : q >> drop;
        if ((q & half) != 0 && ((q & (half - 1)) != 0 || (bits & 1) != 0)) bits++;
        /* bit 52 of a normal number is the exponent's 1, and a carry out of it is one more, as it must be */
        if (e2 + drop > 1023 - 52) return 0;
        bits += (uint64_t)(e2 + drop + 1074) << 52;
    }
    if (bits >= (uint64_t)0x7FF << 52) return 0;
    bits |= (uint64_t)minus << 63;
    memcpy(out, &bits, sizeof *out);
    return 1;
}

/* s[0..n) is a JSON number: the nearest double, halves to even, whatever its length. 0 = too large for a double. */
LLMI_FN int llmi_json_double(const char *s, size_t n, double *out) {
    uint32_t words[2][LLMI_DOUBLE_WORDS];
    llmi_big a, b;
    llmi_decimal d;
    int64_t left;
    uint64_t q;
    int e2, exp10, more = 0;
    llmi_decimal_read(&d, s, n);
    left = d.count < LLMI_DOUBLE_DIGITS ? d.count : LLMI_DOUBLE_DIGITS;
    if (d.count + d.exp10 > 310) left = d.count == 0 ? 0 : -1;
    if (d.count + d.exp10 < -330) left = 0;
    if (left <= 0) {
        if (left < 0) return 0;
        return llmi_double_put((uint64_t)1 << 63, -2000, d.minus, out);
    }
    llmi_big_set(&a, words[0], 0);
    d.exp10 += d.count - left;
    for (s = d.p; s < d.end; s++) {
        if (*s == '.') continue;
        if (left > 0) {
            uint32_t digit = (uint32_t)(*s - '0');
            left--;
            llmi_big_muladd(&a, 10, digit);
        } else if (*s != '0') {
            more = 1;
        }
    }
    if (more) {      /* one digit that says: a little more than this */
        llmi_big_muladd(&a, 10, 1);
        d.exp10--;
    }
    exp10 = (int)d.exp10;
    llmi_big_set(&b, words[1], 1);
    llmi_big_mul5(exp10 < 0 ? &b : &a, exp10 < 0 ? -exp10 : exp10);
    q = llmi_big_divide(&a, &b, &e2);
    return llmi_double_put(q, e2 + exp10, d.minus, out);
}

/* What the next digit of a number that is printed depends on: r/s < 1 is what is left of it, m/s half the distance to
   the next double below. The distance above is the same, or twice that where the exponent changes (uneven). */
typedef struct llmi_dragon {
    llmi_big r, s, m, t;
    int      uneven, even;      /* even: a reader rounds halves to it, so the exact middle reads back, too */
    uint32_t words[4][32];
} llmi_dragon;

/* r + the half distance above has reached s. */
LLMI_FN int llmi_dragon_high(llmi_dragon *d) {
    if (llmi_big_cmp(&d->r, &d->s) >= 0) return 1;
    llmi_big_sub(&d->t, &d->s, &d->r);
    if (d->uneven && llmi_big_cmp(&d->t, &d->m) > 0) llmi_big_sub(&d->t, &d->t, &d->m);
    return llmi_big_cmp(&d->t, &d->m) < d->even;
}

/* Sets r, s and m for the double with these bits (positive, not 0). Returns point: it is 0.D1D2.. * 10^point. */
LLMI_FN int llmi_dragon_begin(llmi_dragon *d, uint64_t bits) {
    uint64_t f = bits & (((uint64_t)1 << 52) - 1);
    int e2 = (int)(bits >> 52), k, log2;
    d->uneven = f == 0 && e2 > 1;
    d->even = (f & 1) == 0;
    if (e2 > 0) f |= (uint64_t)1 << 52;
    else e2 = 1;
    e2 -= 1075;                 /* the number is f * 2^e2 */
    llmi_big_set(&d->r, d->words[0], f);
    llmi_big_set(&d->s, d->words[1], 1);
    llmi_big_set(&d->m, d->words[2], 1);
    llmi_big_set(&d->t, d->words[3], 0);
    log2 = e2 + llmi_big_bits(&d->r) - 1;
    /* floor(log10) or a little less: 1233/4096 is just below log10(2), 1234/4096 above */
    k = log2 >= 0 ? log2 * 1233 / 4096 : -((-log2 * 1234 + 4095) / 4096);
    llmi_big_mul5(k >= 0 ? &d->s : &d->r, k >= 0 ? k : -k);
    if (k < 0) llmi_big_mul5(&d->m, -k);
    llmi_big_shl(&d->r, 1 + d->uneven + (e2 > k ? e2 - k : 0));
    llmi_big_shl(&d->s, 1 + d->uneven + (e2 < k ? k - e2 : 0));
    llmi_big_shl(&d->m, e2 > k ? e2 - k : 0);
    for (; llmi_dragon_high(d); k++) llmi_big_muladd(&d->s, 10, 0);
    return k;
}

/* The fewest digits that read back as the double, and of those the nearest to it (Steele and White 1990, Dragon4).
   Returns how many: at most 17. */
LLMI_FN int llmi_double_digits(uint64_t bits, char digits[17], int *point) {
    llmi_dragon d;
    int n = 0, low, high, above;
    *point = llmi_dragon_begin(&d, bits);
    do {
        char digit = '0';
        llmi_big_muladd(&d.r, 10, 0);
        llmi_big_muladd(&d.m, 10, 0);
        for (; llmi_big_cmp(&d.r, &d.s) >= 0; digit++) llmi_big_sub(&d.r, &d.r, &d.s);
        low = llmi_big_cmp(&d.r, &d.m) < d.even;
        high = llmi_dragon_high(&d);
        if (low && high) {          /* both digits would do: the nearer one */
            llmi_big_sub(&d.t, &d.s, &d.r);
            above = llmi_big_cmp(&d.r, &d.t);
            high = above > 0 || (above == 0 && (digit & 1) != 0);
        }
        digits[n++] = (char)(digit + high);
    } while (!low && !high);
    return n;
}

/* The shortest decimal that reads back as v. v is finite. Integers below 1e16 have neither point nor exponent. */
LLMI_FN void llmi_text_double(llm_text *t, double v) {
    char digits[17];
    uint64_t bits;
    int n, point, i;
    memcpy(&bits, &v, sizeof bits);
    if (bits >> 63 != 0) llmi_text_putc(t, '-');
    bits &= ~(uint64_t)0 >> 1;
    if (bits == 0) {
        llmi_text_putc(t, '0');
        return;
    }
    n = llmi_double_digits(bits, digits, &point);
    if (point > -4 && point <= 16) {
        if (point <= 0) llmi_text_putc(t, '0');
        for (i = point < 0 ? point : 0; i < n || i < point; i++) {
            if (i == point) llmi_text_putc(t, '.');
            llmi_text_putc(t, i < 0 || i >= n ? '0' : digits[i]);
        }
        return;
    }
    llmi_text_putc(t, digits[0]);
    if (n > 1) llmi_text_putc(t, '.');
    llmi_text_put(t, digits + 1, (size_t)n - 1);
    llmi_text_putc(t, 'e');
    llmi_text_int(t, point - 1);
}

/* ---- whole texts --------------------------------------------------------------------------------------------- */

/* The first byte of a value at or behind p: over blanks, the byte order mark, and the comma or colon before it. */
LLMI_FN const char *llmi_json_at(const char *p, const char *end) {
    while (p < end && (llmi_is_blank(*p) || *p == ',' || *p == ':' || (unsigned char)*p >= 0x80)) p++;
    return p;
}

LLMI_FN llm_json_type llmi_json_type_of(char first) {
    switch (first) {
    case '{': return LLM_JSON_OBJECT;
    case '[': return LLM_JSON_ARRAY;
    case '"': return LLM_JSON_STRING;
    case 't': case 'f': return LLM_JSON_BOOL;
    case 'n': return LLM_JSON_NULL;
    default: return LLM_JSON_NUMBER;
    }
}

/* LLM_OK: json[0..n) is one whole JSON text, *type (may be NULL) says of what. Else LLM_ERR_PROTOCOL or _LIMIT. */
LLMI_FN llm_status llmi_json_status(const char *json, size_t n, llm_json_type *type) {
    const char *p = json, *end = json + n;
    llmi_json j;
    llmi_json_init(&j);
    llmi_json_skip(&j);
    (void)llmi_json_next(&j, &p, end);
    if (!llmi_json_end(&j)) return j.status;
    if (type != NULL) *type = llmi_json_type_of(*llmi_json_at(json, end));
    return LLM_OK;
}

LLMI_FN int llmi_json_check(const char *json, size_t n, llm_json_type *type) {
    return llmi_json_status(json, n, type) == LLM_OK;
}

LLMI_FN int llmi_json_is_object(const char *json, size_t n) {
    llm_json_type type;
    return llmi_json_check(json, n, &type) && type == LLM_JSON_OBJECT;
}

/* 1 = the object has a member of its own with this key (at most LLMI_JSON_KEY_MAX bytes, no '\0' in it). */
LLMI_FN int llmi_json_has(const char *object, size_t n, const char *key) {
    const char *p = object, *end = object + n;
    llmi_json j;
    llmi_json_init(&j);
    if (llmi_json_next(&j, &p, end) != LLMI_JSON_OBJECT) return 0;
    while (llmi_json_next(&j, &p, end) == LLMI_JSON_KEY) {
        if (j.len <= LLMI_JSON_KEY_MAX && llmi_is(j.text, j.len, key)) return 1;
        llmi_json_skip(&j);
    }
    return 0;
}

/* What stands between the braces of a text that is an object, without blanks around it. */
LLMI_FN const char *llmi_json_members(const char *object, size_t n, size_t *inner_len) {
    const char *p = object, *end = object + n;
    while (p < end && *p++ != '{') {}
    while (end > p && *--end != '}') {}
    p = llmi_json_at(p, end);
    while (end > p && llmi_is_blank(end[-1])) end--;
    *inner_len = (size_t)(end - p);
    return p;
}

/* ---- JSON pointer, RFC 6901 ------------------------------------------------------------------------------------
   A token is what stands behind a '/'. Keys are compared unescaped. Of equal keys the last one counts, as in Python
   and JavaScript. */
typedef struct llmi_pointer {
    const char *token;      /* its '/': what is looked for in the container that is searched now                */
    int         depth;      /* of that container; 0 = none is open                                              */
    int         in_array;
    size_t      next;       /* in_array: index of the next element                                              */
    int         wanted;     /* the next value is the one that the token names                                   */
    int         found;      /* *out is set; a later member of the same name replaces it                         */
} llmi_pointer;

LLMI_FN int llmi_pointer_valid(const char *p) {
    if (*p != 0 && *p != '/') return 0;
    for (; *p != 0; p++) {
        if (*p == '~' && p[1] != '0' && p[1] != '1') return 0;
    }
    return 1;
}

LLMI_FN const char *llmi_pointer_next(const char *token) {
    do token++;
    while (*token != 0 && *token != '/');
    return token;
}

/* The quoted key at s is the token. It may be longer than a KEY event holds, so it is read again, as a string. */
LLMI_FN int llmi_pointer_is_key(const char *token, const char *s, const char *end) {
    const char *t = token + 1;
    llmi_json j;
    size_t i;
    llmi_json_init(&j);
    do {
        if (llmi_json_next(&j, &s, end) != LLMI_JSON_STRING) return 0;
        for (i = 0; i < j.len; i++, t++) {
            char c = *t;
            if (c == 0 || c == '/') return 0;
            if (c == '~') c = *++t == '0' ? '~' : '/';
            if (c != j.text[i]) return 0;
        }
    } while (!j.last);
    return *t == 0 || *t == '/';
}

/* The index that the token names; no index (no digits only, a leading 0, "-", too large): a number that never comes. */
LLMI_FN size_t llmi_pointer_index(const char *token) {
    const char *t = token + 1, *end = llmi_pointer_next(token);
    size_t v = 0;
    if (t == end || (*t == '0' && end - t > 1)) return (size_t)-1;
    for (; t < end; t++) {
        if (!llmi_is_digit((unsigned char)*t) || !llmi_mul_ok(v, 10, &v)) return (size_t)-1;
        if (!llmi_add_ok(v, (size_t)(*t - '0'), &v)) return (size_t)-1;
    }
    return v;
}

/* A value begins with event e. */
typedef enum llmi_pointer_step {
    LLMI_POINTER_PASS,      /* not on the path */
    LLMI_POINTER_INTO,      /* a container on the path: it is searched now */
    LLMI_POINTER_FOUND
} llmi_pointer_step;

LLMI_FN llmi_pointer_step llmi_pointer_value(llmi_pointer *w, const llmi_json *j, llmi_json_event e) {
    int wanted = w->in_array ? w->next == llmi_pointer_index(w->token) : w->wanted;
    const char *rest = w->depth == 0 ? w->token : llmi_pointer_next(w->token);
    w->wanted = 0;
    if (w->in_array && w->next != (size_t)-1) w->next++;
    if (!wanted) return LLMI_POINTER_PASS;
    if (*rest == 0) return LLMI_POINTER_FOUND;
    if (e != LLMI_JSON_OBJECT && e != LLMI_JSON_ARRAY) return LLMI_POINTER_PASS;
    w->token = rest;
    w->depth = j->depth;
    w->in_array = e == LLMI_JSON_ARRAY;
    w->next = 0;
    return LLMI_POINTER_INTO;
}

/* Reads to the end of the value that began with event e. (llmi_json_skip() would not say where it ends.) */
LLMI_FN void llmi_pointer_pass(llmi_json *j, llmi_json_event e, const char **p, const char *end) {
    int depth = j->depth - (e == LLMI_JSON_OBJECT || e == LLMI_JSON_ARRAY);
    while (j->depth > depth || (e == LLMI_JSON_STRING && !j->last)) {
        e = llmi_json_next(j, p, end);
        if (e == LLMI_JSON_ERROR || e == LLMI_JSON_MORE) break;
    }
}

/* The container that was searched is over: back to the one around it. */
LLMI_FN void llmi_pointer_up(llmi_pointer *w, const llmi_json *j) {
    w->depth--;
    if (w->depth == 0) return;
    do w->token--;
    while (*w->token != '/');
    w->in_array = !j->in_object;
    w->next = (size_t)-1;       /* an array holds an index once */
}

LLMI_FN void llmi_pointer_found(llmi_pointer *w, llm_json *out, const char *from, const char *to) {
    w->found = 1;
    out->type = llmi_json_type_of(*from);
    out->text = from;
    out->len = (size_t)(to - from);
}

/* *out is the value as it stands in json[0..len). The whole text is checked. error may be NULL. */
LLMI_FN llm_status llmi_json_get(const char *json, size_t len, const char *pointer, llm_json *out, llm_error *error) {
    const char *p = json, *end = json + len, *from;
    llmi_json_event e;
    llmi_pointer w;
    llmi_json j;
    memset(out, 0, sizeof *out);
    memset(&w, 0, sizeof w);
    if (!llmi_pointer_valid(pointer)) {
        return llmi_fail(error, LLM_ERR_USAGE, "%q is no JSON pointer: it begins with '/', and ~ is ~0, / is ~1",
                         pointer);
    }
    w.token = pointer;
    w.wanted = 1;
    llmi_json_init(&j);
    for (;;) {
        from = p;
        e = llmi_json_next(&j, &p, end);
        if (e == LLMI_JSON_MORE || e == LLMI_JSON_ERROR) break;
        from = llmi_json_at(from, p);
        if (e == LLMI_JSON_KEY) {
            w.wanted = llmi_pointer_is_key(w.token, from, p);
            if (w.wanted) w.found = 0;
        } else if (e == LLMI_JSON_OBJECT_END || e == LLMI_JSON_ARRAY_END) {
            llmi_pointer_up(&w, &j);
        } else {
            llmi_pointer_step step = llmi_pointer_value(&w, &j, e);
            if (step != LLMI_POINTER_INTO) llmi_pointer_pass(&j, e, &p, end);
            if (step == LLMI_POINTER_FOUND) llmi_pointer_found(&w, out, from, p);
        }
    }
    if (!llmi_json_end(&j)) {
        memset(out, 0, sizeof *out);
        return llmi_fail(error, j.status, "%s at byte %lld", j.why, (long long)j.pos);
    }
    if (w.depth == 0 && w.wanted && *pointer == 0) llmi_pointer_found(&w, out, llmi_json_at(json, end), end);
    if (!w.found) {
        memset(out, 0, sizeof *out);
        return llmi_fail(error, LLM_ERR_USAGE, "the JSON text has nothing at %q", pointer);
    }
    return LLM_OK;
}

/* ---- public ---------------------------------------------------------------------------------------------------- */

LLM_API llm_status llm_json_get(const char *json, size_t len, const char *pointer, llm_json *out) {
    if (json == NULL || pointer == NULL || out == NULL) return LLM_ERR_USAGE;
    return llmi_json_get(json, len, pointer, out, NULL);
}

/* As llm_json_get(), of a text up to its NUL and of one type. */
LLMI_FN llm_status llmi_json_get_type(const char *json, const char *pointer, llm_json_type type, llm_json *v) {
    llm_status s;
    if (json == NULL || pointer == NULL) return LLM_ERR_USAGE;
    s = llmi_json_get(json, strlen(json), pointer, v, NULL);
    return s == LLM_OK && v->type != type ? LLM_ERR_USAGE : s;
}

/* A string that holds a '\0' of its own is LLM_ERR_USAGE: use llm_json_get(). buf is "" after any error. */
LLM_API llm_status llm_json_string(const char *json, const char *pointer, char *buf, size_t cap) {
    const char *p, *end;
    llm_json v;
    llm_text t;
    llmi_json j;
    llm_status s;
    if (buf == NULL) return LLM_ERR_USAGE;
    if (cap > 0) buf[0] = 0;
    s = llmi_json_get_type(json, pointer, LLM_JSON_STRING, &v);
    if (s != LLM_OK) return s;
    if (cap == 0) return LLM_ERR_LIMIT;
    llmi_text_fixed(&t, buf, cap);
    p = v.text;
    end = v.text + v.len;
    llmi_json_init(&j);
    do {
        (void)llmi_json_next(&j, &p, end);
        llmi_text_put(&t, j.text, j.len);
    } while (!j.last && t.err == LLM_OK);
    s = t.err;
    if (s == LLM_OK && strlen(llmi_text_cstr(&t)) != t.n) s = LLM_ERR_USAGE;
    buf[s == LLM_OK ? t.n : 0] = 0;
    return s;
}

/* LLM_ERR_LIMIT: the number is larger than any double. */
LLM_API llm_status llm_json_number(const char *json, const char *pointer, double *out) {
    llm_json v;
    llm_status s;
    if (out == NULL) return LLM_ERR_USAGE;
    s = llmi_json_get_type(json, pointer, LLM_JSON_NUMBER, &v);
    if (s == LLM_OK && !llmi_json_double(v.text, v.len, out)) s = LLM_ERR_LIMIT;
    return s;
}

LLM_API llm_status llm_json_bool(const char *json, const char *pointer, int *out) {
    llm_json v;
    llm_status s;
    if (out == NULL) return LLM_ERR_USAGE;
    s = llmi_json_get_type(json, pointer, LLM_JSON_BOOL, &v);
    if (s == LLM_OK) *out = v.text[0] == 't';
    return s;
}

/* A wrong call sticks as well: a text that lacks a part is not a result. */
LLMI_FN llm_status llmi_text_misused(llm_text *t) {
    if (t->err == LLM_OK) t->err = LLM_ERR_USAGE;
    return t->err;
}

LLM_API llm_status llm_text_add(llm_text *text, const char *s) {
    if (text == NULL) return LLM_ERR_USAGE;
    if (text->err != LLM_OK) return text->err;
    if (s == NULL) return llmi_text_misused(text);
    llmi_text_puts(text, s);
    return text->err;
}

LLM_API llm_status llm_text_add_json_string(llm_text *text, const char *s, size_t len) {
    if (text == NULL) return LLM_ERR_USAGE;
    if (text->err != LLM_OK) return text->err;
    if (s == NULL && len > 0) return llmi_text_misused(text);
    llmi_text_quote(text, s != NULL ? s : "", len);
    return text->err;
}

LLM_API llm_status llm_text_add_number(llm_text *text, double value) {
    uint64_t bits;
    if (text == NULL) return LLM_ERR_USAGE;
    if (text->err != LLM_OK) return text->err;
    memcpy(&bits, &value, sizeof bits);
    if ((bits >> 52 & 0x7FF) == 0x7FF) return llmi_text_misused(text);   /* JSON has no NaN and no infinity */
    llmi_text_double(text, value);
    return text->err;
}

LLM_API llm_status llm_text_addf(llm_text *text, const char *format, ...) {
    va_list args;
    int known;
    if (text == NULL) return LLM_ERR_USAGE;
    if (text->err != LLM_OK) return text->err;
    if (format == NULL) return llmi_text_misused(text);
    va_start(args, format);
    known = llmi_text_vaddf(text, format, args);
    va_end(args);
    return known ? text->err : llmi_text_misused(text);
}

/* ============================================================================================================
   >>url                                                base URL (RFC 3986), IP addresses as text (RFC 3986, 4291)
   Stricter than the RFC where two readers could see two hosts: no user info, no escapes in a host, a host that
   ends in a number is an address of four decimals or an error. No message repeats the text: a key may have been
   pasted into it.
   ============================================================================================================ */

typedef struct llmi_url {
    int         secure;       /* https                                                                      */
    int         ip;           /* host is 0 a name, 4 an IPv4, 6 an IPv6 address                             */
    uint16_t    port;         /* never 0                                                                    */
    char        host[256];    /* lower case, no brackets, a final dot stays                                 */
    const char *path;         /* into the text: "" or "/v1", no '/' at its end                              */
    size_t      path_len;
    const char *query;        /* into the text, without the '?'                                             */
    size_t      query_len;
} llmi_url;

/* RFC 3986 3.2.2 IPv4address: four decimals without leading zeros. "127.1" and "010.0.0.1" are none. */
LLMI_FN int llmi_ip4_parse(const char *s, size_t n, unsigned char out[4]) {
    size_t i = 0, part;
    for (part = 0; part < 4; part++) {
        size_t start;
        unsigned v = 0;
        if (part > 0 && (i == n || s[i++] != '.')) return 0;
        start = i;
        for (; i < n && i - start < 3 && llmi_is_digit((unsigned char)s[i]); i++) {
            v = v * 10 + (unsigned)(s[i] - '0');
        }
        if (i == start || v > 255 || (s[start] == '0' && i - start > 1)) return 0;
        out[part] = (unsigned char)v;
    }
    return i == n;
}

/* RFC 3986 3.2.2 IPv6address, RFC 4291 2.2: at most one "::", which stands for one group or more; the last two
   groups may be an IPv4 address. No zone. */
LLMI_FN int llmi_ip6_parse(const char *s, size_t n, unsigned char out[16]) {
    size_t i = 0, at = 0, gap = 17;   /* bytes written; where "::" stands, 17 = nowhere */
    memset(out, 0, 16);
    if (n >= 2 && s[0] == ':' && s[1] == ':') {
        gap = 0;
        i = 2;
    }
    while (i < n) {
        size_t start = i;
        unsigned v = 0;
        while (i < n && i - start < 4 && llmi_hex((unsigned char)s[i]) >= 0) {
            v = v * 16 + (unsigned)llmi_hex((unsigned char)s[i++]);
        }
        if (i < n && s[i] == '.') {
            if (at > 12 || !llmi_ip4_parse(s + start, n - start, out + at)) return 0;
            at += 4;
            break;
        }
        if (i == start || at > 14) return 0;
        out[at++] = (unsigned char)(v >> 8);
        out[at++] = (unsigned char)(v & 255);
        if (i == n) break;
        if (s[i++] != ':' || i == n) return 0;   /* a single ':' ends no address */
        if (s[i] == ':') {
            if (gap != 17) return 0;
            gap = at;
            i++;
        }
    }
    if (gap == 17) return at == 16;
    if (at > 14) return 0;
    memmove(out + 16 - (at - gap), out + gap, at - gap);
    memset(out + gap, 0, 16 - at);
    return 1;
}

/* A whole number at the end of a host, decimal or 0x: inet_aton() and browsers would read an address. */
LLMI_FN int llmi_url_ends_in_number(const char *s, size_t n) {
    size_t i = n, digits = 0;
    while (i > 0 && s[i - 1] != '.') i--;
    if (n - i >= 2 && s[i] == '0' && s[i + 1] == 'x') {
        for (i += 2; i < n && llmi_hex((unsigned char)s[i]) >= 0; i++) {}
        return i == n;
    }
    while (i < n && llmi_is_digit((unsigned char)s[i])) i++, digits++;
    return i == n && digits > 0;
}

/* Letters, digits, '-' and '_' in labels of 1 to 63, 253 in all; one dot may follow. NULL, or what is wrong. */
LLMI_FN const char *llmi_url_name_error(const char *s, size_t n) {
    size_t i, label = 0;
    if (n > 0 && s[n - 1] == '.') n--;
    if (n == 0) return "there is no host";
    if (n > 253) return "the host name is longer than 253 bytes";
    for (i = 0; i <= n; i++) {
        if (i < n && s[i] != '.') {
            int c = (unsigned char)s[i];
            if (!llmi_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '_') {
                return "the host name has a character other than letters, digits, '-', '_' and '.'";
            }
            if (c == '-' && label == 0) return "a part of the host name starts with '-'";
            label++;
            continue;
        }
        if (label == 0) return "the host name has two dots in a row, or starts with one";
        if (label > 63) return "a part of the host name is longer than 63 bytes";
        if (s[i - 1] == '-') return "a part of the host name ends with '-'";
        label = 0;
    }
    return llmi_url_ends_in_number(s, n) ? "the host is no IPv4 address (four decimals 0 to 255) but ends like one"
                                         : NULL;
}

/* Sets host and ip from s[0..n), brackets included. NULL, or what is wrong. */
LLMI_FN const char *llmi_url_set_host(llmi_url *u, const char *s, size_t n) {
    unsigned char ip[16];
    size_t i;
    if (n > 0 && s[0] == '[') {
        s++;
        n -= 2;
        if (!llmi_ip6_parse(s, n, ip)) return "the address in brackets is no IPv6 address";
        u->ip = 6;
    } else if (llmi_ip4_parse(s, n, ip)) {
        u->ip = 4;
    }
    if (n == 0) return "there is no host";
    if (n >= sizeof u->host) return "the host name is longer than 253 bytes";
    for (i = 0; i < n; i++) u->host[i] = (char)llmi_lower((unsigned char)s[i]);
    u->host[n] = 0;
    return u->ip != 0 ? NULL : llmi_url_name_error(u->host, n);
}

/* s[0..n) is what stands between "//" and the path. NULL, or what is wrong. */
LLMI_FN const char *llmi_url_authority(llmi_url *u, const char *s, size_t n) {
    size_t host = 0, i;
    uint32_t port = 0;
    for (i = 0; i < n; i++) {
        if (s[i] == '@') return "it has a user name or password; the key belongs into api_key";
    }
    if (n > 0 && s[0] == '[') {
        while (host < n && s[host] != ']') host++;
        if (host == n) return "the bracket of the IPv6 address is not closed";
        host++;
        if (host < n && s[host] != ':') return "there is something between the closing bracket and the port";
    } else {
        while (host < n && s[host] != ':') host++;
        for (i = host + 1; i < n; i++) {
            if (s[i] == ':') return "it has more than one ':'; an IPv6 address stands in brackets";
        }
    }
    for (i = host + 1; i < n; i++) {
        if (!llmi_is_digit((unsigned char)s[i])) return "the port is not a number";
        port = port * 10 + (uint32_t)(s[i] - '0');
        if (port > 65535) return "the port is above 65535";
    }
    if (host + 1 < n) {   /* RFC 3986 3.2.3: an empty port is the default one */
        if (port == 0) return "the port is 0";
        u->port = (uint16_t)port;
    }
    return llmi_url_set_host(u, s, host);
}

/* Only what RFC 3986 2 lets stand in path and query, '%' with its two digits. NULL, or what is wrong. */
LLMI_FN const char *llmi_url_text_error(const char *s) {
    static const char others[] = "-._~!$&'()*+,;=:@/?";
    for (; *s != 0; s++) {
        int c = (unsigned char)*s;
        size_t i = 0;
        if (llmi_is_digit(c) || (llmi_lower(c) >= 'a' && llmi_lower(c) <= 'z')) continue;
        if (c == '%') {
            if (llmi_hex((unsigned char)s[1]) < 0 || llmi_hex((unsigned char)s[2]) < 0) {
                return "a '%' is not followed by two hexadecimal digits";
            }
            continue;
        }
        while (others[i] != 0 && others[i] != c) i++;
        if (others[i] == 0) return "path or query has a character that must be written as %XX";
    }
    return NULL;
}

/* NULL, or what is wrong with the text. */
LLMI_FN const char *llmi_url_read(llmi_url *u, const char *text) {
    const char *s, *why;
    size_t n = 0;
    for (s = text; *s != 0; s++) {
        int c = (unsigned char)*s;
        if (c == ' ' || c == '\t') return "it has a blank";
        if (c < 0x20 || c == 0x7F) return "it has a line end or a control character";
        if (c >= 0x80) return "it has a character outside ASCII; write a host name in its xn-- form";
        if (c == '#') return "it has a fragment ('#')";
    }
    while (text[n] != 0 && (llmi_is_tchar((unsigned char)text[n]))) n++;
    s = text + n;
    if (n == 0 || memcmp(s, "://", strlen(s) < 3 ? strlen(s) + 1 : 3) != 0) {
        return "it does not start with https:// or http://";
    }
    if (llmi_is_nocase(text, n, "https")) u->secure = 1;
    else if (!llmi_is_nocase(text, n, "http")) return "its scheme is neither https nor http";
    u->port = u->secure ? 443 : 80;
    s += 3;
    for (n = 0; s[n] != 0 && s[n] != '/' && s[n] != '?'; n++) {}
    why = llmi_url_authority(u, s, n);
    if (why != NULL) return why;
    s += n;
    why = llmi_url_text_error(s);
    if (why != NULL) return why;
    for (n = 0; s[n] != 0 && s[n] != '?'; n++) {}
    u->path = s;
    u->path_len = n;
    u->query = s + n + (s[n] == '?');
    u->query_len = strlen(u->query);
    while (u->path_len > 0 && s[u->path_len - 1] == '/') u->path_len--;
    return NULL;
}

/* LLM_OK, or LLM_ERR_USAGE and all of *u zero. The text must live as long as *u. */
LLMI_FN llm_status llmi_url_parse(llmi_url *u, const char *text, llm_error *e) {
    const char *why;
    memset(u, 0, sizeof *u);
    why = llmi_url_read(u, text);
    if (why == NULL) return LLM_OK;
    memset(u, 0, sizeof *u);
    return llmi_fail(e, LLM_ERR_USAGE, "base_url: %s", why);
}

/* What is sent there does not leave this machine: localhost and names below it (RFC 6761 6.3; the resolver must
   not ask a server for them), 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104. */
LLMI_FN int llmi_url_loopback(const llmi_url *u) {
    static const unsigned char one[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    static const unsigned char mapped[13] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127};
    unsigned char ip[16];
    size_t n = strlen(u->host);
    if (u->ip == 4) return llmi_ip4_parse(u->host, n, ip) && ip[0] == 127;
    if (u->ip == 6) {
        return llmi_ip6_parse(u->host, n, ip) && (memcmp(ip, one, 16) == 0 || memcmp(ip, mapped, 13) == 0);
    }
    if (n > 0 && u->host[n - 1] == '.') n--;
    return n >= 9 && memcmp(u->host + n - 9, "localhost", 9) == 0 && (n == 9 || u->host[n - 10] == '.');
}

/* ---- the proxy: where it is, and what goes past it ------------------------------------------------------------ */
#if LLMI_HAS_PROXY
typedef struct llmi_proxy {
    llmi_url    url;          /* host "" = no proxy                                                          */
    const char *from;         /* "config.proxy", or the variable's name                                      */
    char       *secret;       /* "user:password", a NUL, the same in base64; NULL = none. The one lasting copy */
    size_t      secret_size;
    size_t      plain_n;      /* of "user:password"                                                          */
    size_t      user_n;       /* of "user:"                                                                  */
} llmi_proxy;

LLMI_FN void llmi_proxy_free(llmi_proxy *p, llmi_mem *mem) {
    llmi_mem_free(mem, p->secret, p->secret_size);
    p->secret = NULL;
    p->secret_size = 0;
}

/* RFC 7617: "user:password", without control characters; a ':' ends the user. NULL, or what is wrong. */
LLMI_FN const char *llmi_proxy_user(llmi_proxy *p, const char *s, size_t n) {
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = p->secret;
    size_t i, k = 0;
    for (i = 0; i < n; i++) {
        int c = (unsigned char)s[i];
        if (c == '%') {
            int high = i + 2 < n ? llmi_hex((unsigned char)s[++i]) : -1;
            int low = high >= 0 ? llmi_hex((unsigned char)s[++i]) : -1;
            if (low < 0) return "in user or password a '%' is not followed by two hexadecimal digits";
            c = high * 16 + low;
            if (c == ':' && p->user_n == 0) return "the user name has a ':'";
        }
        if (c < 0x20 || c == 0x7F) return "user or password has a control character";
        out[k++] = (char)c;
        if (c == ':' && p->user_n == 0) p->user_n = k;
    }
    if (p->user_n == 0) {
        out[k++] = ':';
        p->user_n = k;
    }
    p->plain_n = k;
    out[k] = 0;
    for (i = 0; i < p->plain_n; i += 3) {           /* RFC 4648 4 */
        uint32_t v = 0;
        size_t b;
        for (b = 0; b < 3; b++) v = v << 8 | (i + b < p->plain_n ? (unsigned char)out[i + b] : 0u);
        for (b = 0; b < 4; b++) out[++k] = i + b > p->plain_n ? '=' : set[v >> (18 - 6 * b) & 63];
    }
    out[++k] = 0;
    return NULL;
}

/* User and password as they are sent. */
LLMI_FN const char *llmi_proxy_basic(const llmi_proxy *p, size_t *n) {
    *n = (p->plain_n + 2) / 3 * 4;
    return p->secret + p->plain_n + 1;
}

/* [http://][user[:password]@]host[:port][/] with blanks around it or without; nothing is no proxy. No message repeats
   any of it. On failure the proxy still has to be freed. */
LLMI_FN llm_status llmi_proxy_parse(llmi_proxy *p, llmi_mem *mem, const char *s, const char *from, llm_error *e) {
    const char *why = NULL;
    size_t n = strlen(s), i = 0, user = 0;
    memset(p, 0, sizeof *p);
    p->from = from;
    while (llmi_is_blank(*s)) s++, n--;
    while (n > 0 && llmi_is_blank(s[n - 1])) n--;
    if (n == 0) return LLM_OK;
    while (i < n && llmi_is_tchar((unsigned char)s[i])) i++;
    if (n - i >= 3 && memcmp(s + i, "://", 3) == 0) {
        if (!llmi_is_nocase(s, i, "http")) why = "its scheme is not http, the only way to a proxy that is possible";
        s += i + 3;
        n -= i + 3;
    }
    for (i = 0; i < n && s[i] != '/' && s[i] != '?' && s[i] != '#'; i++) {
        if (s[i] == '@') user = i + 1;
    }
    if (why == NULL && i < n && !llmi_is(s + i, n - i, "/")) {
        why = "something stands behind host and port; in user or password write '/', '?' and '#' as %XX";
    }
    p->url.port = 80;
    if (why == NULL) why = llmi_url_authority(&p->url, s + user, i - user);
    if (why == NULL && user > 1) {
        p->secret_size = user + 1 + (user + 2) / 3 * 4 + 1;
        p->secret = (char *)llmi_mem_alloc(mem, p->secret_size);
        if (p->secret == NULL) {
            p->secret_size = 0;
            return llmi_fail_memory(e);
        }
        why = llmi_proxy_user(p, s, user - 1);
    }
    if (why == NULL) return LLM_OK;
    return llmi_fail(e, LLM_ERR_USAGE, "%s: %s. It has to be http://[user:password@]host[:port]", from, why);
}

/* A decimal number of 1 to 5 digits, -1 if it is none. */
LLMI_FN int32_t llmi_proxy_number(const char *s, size_t n) {
    int32_t v = 0;
    size_t i;
    for (i = 0; i < n && i < 5 && llmi_is_digit((unsigned char)s[i]); i++) v = v * 10 + (s[i] - '0');
    return n > 0 && i == n ? v : -1;
}

/* An address, brackets or not; an IPv4 one as ::ffff:a.b.c.d. Returns its bits as written, 0: it is none. */
LLMI_FN int llmi_proxy_address(const char *s, size_t n, unsigned char out[16]) {
    memset(out, 0, 10);
    out[10] = out[11] = 0xFF;
    if (llmi_ip4_parse(s, n, out + 12)) return 32;
    if (n >= 2 && s[0] == '[' && s[n - 1] == ']') s++, n -= 2;
    return llmi_ip6_parse(s, n, out) ? 128 : 0;
}

/* Whether one entry of NO_PROXY names the host and port: "*", a domain (with what is below it), an address, a block
   of addresses; ":port" may follow. */
LLMI_FN int llmi_proxy_entry(const llmi_url *u, const char *s, size_t n) {
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    unsigned char ours[16], theirs[16];
    size_t host = strlen(u->host), i, colon = 0, colons = 0;
    int width;
    for (i = 0; i < n; i++) {
        if (s[i] == ':') colon = i, colons++;
    }
    if (colons == 1 || (colons > 0 && s[colon - 1] == ']')) {
        if (llmi_proxy_number(s + colon + 1, n - colon - 1) != u->port) return 0;
        n = colon;
    }
    if (n == 1 && s[0] == '*') return 1;
    for (i = 0; i < n && s[i] != '/'; i++) {}
    width = llmi_proxy_address(s, i, theirs);
    if (width != 0) {
        int32_t bits = i < n ? llmi_proxy_number(s + i + 1, n - i - 1) : width;
        size_t at = 0;
        if (llmi_proxy_address(u->host, host, ours) == 0 || bits < 0 || bits > width) return 0;
        if ((memcmp(ours, mapped, 12) == 0) != (memcmp(theirs, mapped, 12) == 0)) return 0;   /* ::/0 is IPv6 only */
        for (bits += 128 - width; bits >= 8 && ours[at] == theirs[at]; bits -= 8) at++;
        return bits < 8 && (bits == 0 || (ours[at] ^ theirs[at]) >> (8 - bits) == 0);
    }
    if (i < n || u->ip != 0) return 0;
    if (n > 1 && s[0] == '*' && s[1] == '.') s++, n--;
    if (n > 0 && s[0] == '.') s++, n--;
    if (n > 0 && s[n - 1] == '.') n--;
    if (u->host[host - 1] == '.') host--;
    if (n == 0 || n > host || (n < host && u->host[host - n - 1] != '.')) return 0;
    for (i = 0; i < n && llmi_lower((unsigned char)s[i]) == u->host[host - n + i]; i++) {}
    return i == n;
}

/* list: entries with commas or blanks between them. */
LLMI_FN int llmi_proxy_passed_by(const llmi_url *u, const char *list) {
    while (*list != 0) {
        size_t n = 0;
        while (list[n] != 0 && list[n] != ',' && !llmi_is_blank(list[n])) n++;
        if (n > 0 && llmi_proxy_entry(u, list, n)) return 1;
        list += n + (list[n] != 0);
    }
    return 0;
}
#endif

/* ============================================================================================================
   >>http                                   HTTP/1.1 request head and incremental response reader (RFC 9110, 9112)
   Bytes in, events out: no I/O, no allocation, no line buffer. Strict, with these choices:
   - A bare LF ends a line of the head (9112 2.2 allows it), never one of the chunked coding or its trailers.
   - Folded lines are refused, though 9112 5.2 wants them joined: no server of this API folds, and it is how lines
     are smuggled. So are blanks before a colon, and control bytes in a value other than tab and DEL.
   - Content-Length may come twice, or as a list, if all values are equal (9112 6.3); beside Transfer-Encoding it
     is refused. Transfer-Encoding is "chunked", once, on HTTP/1.1, or refused.
   - A status line may lack the blank that stands before an empty reason.
   - A chunk size has at most 16 digits, its line at most LLMI_HTTP_MAX_CHUNK_LINE bytes. Framing may cost
     LLMI_HTTP_FRAMING bytes; each byte of body gives up to 8 back: one-byte chunks pass, floods of extensions do
     not.
   ============================================================================================================ */

#define LLMI_HTTP_MAX_CHUNK_LINE 256
#define LLMI_HTTP_FRAMING (64 * 1024)

/* ---- request ------------------------------------------------------------------------------------------------ */
typedef struct llmi_http_request {
    const llmi_url *url;
    const char *method, *path;             /* path starts with '/', is joined to url->path; NULL: CONNECT   */
    int         to_proxy;                  /* the target is the whole URL (RFC 9112 3.2.2)                  */
    const char *proxy_auth;                /* base64                                                        */
    size_t      proxy_auth_len;            /* 0 = none                                                      */
    int         stream;
    size_t      content_length;
    const char *key;                       /* not NUL-terminated                                            */
    size_t      key_len;                   /* 0 = no Authorization                                          */
    const char *organization, *project;    /* NULL or "" = not sent                                         */
    const llm_header *headers;             /* each passed llmi_http_header_ok() and is not reserved         */
    size_t      header_count;
} llmi_http_request;

/* A token, and a value of visible ASCII, blanks and tabs. */
LLMI_FN int llmi_http_header_ok(const char *name, const char *value) {
    if (name == NULL || value == NULL || *name == 0) return 0;
    for (; *name != 0; name++) {
        if (!llmi_is_tchar((unsigned char)*name)) return 0;
    }
    for (; *value != 0; value++) {
        if (((unsigned char)*value < 0x20 && *value != '\t') || (unsigned char)*value > 0x7E) return 0;
    }
    return 1;
}

/* Names that decide framing, routing or the connection: a user's header must not have one of them. */
LLMI_FN int llmi_http_header_reserved(const char *name) {
    static const char *const names[] = {"Connection", "Content-Length", "Expect", "Host", "Keep-Alive",
                                        "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
                                        "Transfer-Encoding", "Upgrade"};
    size_t i;
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (llmi_is_nocase(name, strlen(name), names[i])) return 1;
    }
    return 0;
}

/* One of our own headers, unless the user gave one of that name. What stands behind `before` is a secret. */
LLMI_FN void llmi_http_put(llm_text *t, const llmi_http_request *r, const char *name, const char *before,
                           const char *value, size_t n) {
    size_t i;
    for (i = 0; i < r->header_count; i++) {
        if (llmi_is_nocase(r->headers[i].name, strlen(r->headers[i].name), name)) return;
    }
    llmi_text_puts(t, name);
    llmi_text_puts(t, ": ");
    llmi_text_puts(t, before);
    if (*before != 0) llmi_text_put_secret(t, value, n);
    else llmi_text_put(t, value, n);
    llmi_text_puts(t, "\r\n");
}

/* Host and port; the default port left out, unless it must be there. */
LLMI_FN void llmi_http_put_authority(llm_text *t, const llmi_url *u, int with_port) {
    if (u->ip == 6) llmi_text_putc(t, '[');
    llmi_text_puts(t, u->host);
    if (u->ip == 6) llmi_text_putc(t, ']');
    if (with_port || u->port != (u->secure ? 443 : 80)) {
        llmi_text_putc(t, ':');
        llmi_text_uint(t, u->port);
    }
}

/* RFC 9112 3.2.1: the base URL's path, the path of the call, the base URL's query. */
LLMI_FN void llmi_http_put_target(llm_text *t, const llmi_http_request *r) {
    const char *s = r->path;
#if LLMI_HAS_PROXY
    if (s != NULL && r->to_proxy) llmi_text_puts(t, "http://");
    if (s == NULL || r->to_proxy) llmi_http_put_authority(t, r->url, s == NULL);
    if (s == NULL) return;    /* RFC 9112 3.2.3 */
#endif
    llmi_text_put(t, r->url->path, r->url->path_len);
    llmi_text_puts(t, r->path);
    if (r->url->query_len == 0) return;
    while (*s != 0 && *s != '?') s++;
    llmi_text_putc(t, *s == '?' ? '&' : '?');
    llmi_text_put(t, r->url->query, r->url->query_len);
}

/* All up to and with the blank line. The one place that writes the key: wipe the text once it is sent. */
LLMI_FN void llmi_http_write_head(llm_text *t, const llmi_http_request *r) {
    static const char agent[] = "llm_openai.h/" LLM_VERSION_STRING;
    static const char json[] = "application/json", both[] = "text/event-stream, application/json";
    const int connect = LLMI_HAS_PROXY && r->path == NULL;
    int body = r->content_length > 0 || !llmi_streq(r->method, "GET");
    size_t i;
    llmi_text_puts(t, r->method);
    llmi_text_putc(t, ' ');
    llmi_http_put_target(t, r);
    llmi_text_puts(t, " HTTP/1.1\r\n");
    llmi_text_puts(t, "Host: ");       /* RFC 9110 7.2: as in the URL */
    llmi_http_put_authority(t, r->url, connect);
    llmi_text_puts(t, "\r\n");
    llmi_http_put(t, r, "User-Agent", "", agent, sizeof agent - 1);
    if (LLMI_HAS_PROXY && r->proxy_auth_len > 0) {
        llmi_http_put(t, r, "Proxy-Authorization", "Basic ", r->proxy_auth, r->proxy_auth_len);
    }
    if (connect) body = 0;
    else if (r->stream) llmi_http_put(t, r, "Accept", "", both, sizeof both - 1);
    else llmi_http_put(t, r, "Accept", "", json, sizeof json - 1);
    if (body) {
        llmi_http_put(t, r, "Content-Type", "", json, sizeof json - 1);
        llmi_text_puts(t, "Content-Length: ");
        llmi_text_uint(t, r->content_length);
        llmi_text_puts(t, "\r\n");
    }
    if (r->key_len > 0) llmi_http_put(t, r, "Authorization", "Bearer ", r->key, r->key_len);
    if (r->organization != NULL && *r->organization != 0) {
        llmi_http_put(t, r, "OpenAI-Organization", "", r->organization, strlen(r->organization));
    }
    if (r->project != NULL && *r->project != 0) {
        llmi_http_put(t, r, "OpenAI-Project", "", r->project, strlen(r->project));
    }
    for (i = 0; i < r->header_count; i++) {      /* a proxy gets nothing of what is for the server */
        const llm_header *h = &r->headers[i];
        if (connect && !llmi_is_nocase(h->name, strlen(h->name), "User-Agent")) continue;
        llmi_text_puts(t, h->name);
        llmi_text_puts(t, ": ");
        llmi_text_puts(t, h->value);
        llmi_text_puts(t, "\r\n");
    }
    llmi_text_puts(t, "\r\n");
}

/* ---- response ----------------------------------------------------------------------------------------------- */
typedef enum llmi_http_event {
    LLMI_HTTP_MORE,     /* the input is used up                                                     */
    LLMI_HTTP_HEAD,     /* the final head is complete: the fields are set                           */
    LLMI_HTTP_BODY,     /* body, body_len: a slice of the input, never empty                        */
    LLMI_HTTP_END,      /* the message is complete, bytes after it are left; repeats                */
    LLMI_HTTP_ERROR     /* error_status, why; repeats                                               */
} llmi_http_event;

/* What is awaited. Up to LLMI_HTTP_BLANK_LF a head or trailers are read, up to LLMI_HTTP_DATA_LF chunk framing. */
typedef enum llmi_http_state {
    LLMI_HTTP_STATUS,       /* byte `pos` of "HTTP/1.1 200"                                         */
    LLMI_HTTP_REASON,       /* the end of the status line                                           */
    LLMI_HTTP_STATUS_LF,    /* the LF after its CR                                                  */
    LLMI_HTTP_LINE,         /* a header line, or the blank one                                      */
    LLMI_HTTP_NAME,         /* more of a header name, or its colon                                  */
    LLMI_HTTP_VALUE,        /* more of a value, or the end of its line                              */
    LLMI_HTTP_VALUE_LF,     /* the LF after its CR                                                  */
    LLMI_HTTP_BLANK_LF,     /* the LF of the blank line                                             */
    LLMI_HTTP_SIZE,         /* digits of a chunk size; pos of them are read                         */
    LLMI_HTTP_BEFORE_EXT,   /* the ';' after blanks behind the size                                 */
    LLMI_HTTP_EXT,          /* more of the extensions, or the CR                                    */
    LLMI_HTTP_EXT_QUOTED,   /* the closing quote inside an extension                                */
    LLMI_HTTP_EXT_ESCAPED,  /* the byte after a backslash inside quotes                             */
    LLMI_HTTP_SIZE_LF,      /* the LF that ends a chunk's first line                                */
    LLMI_HTTP_DATA_CR,      /* CR LF after a chunk's data                                           */
    LLMI_HTTP_DATA_LF,
    LLMI_HTTP_DATA,         /* `left` more bytes of this chunk                                      */
    LLMI_HTTP_LENGTH,       /* `left` more bytes of body                                            */
    LLMI_HTTP_UNTIL_CLOSE,  /* body without an end of its own                                       */
    LLMI_HTTP_DONE,         /* nothing: the message is complete                                     */
    LLMI_HTTP_BROKEN        /* nothing: why says what came                                          */
} llmi_http_state;

/* Header fields that are looked at. */
typedef enum llmi_http_field {
    LLMI_HTTP_F_OTHER, LLMI_HTTP_F_CONNECTION, LLMI_HTTP_F_CONTENT_ENCODING, LLMI_HTTP_F_CONTENT_LENGTH,
    LLMI_HTTP_F_CONTENT_TYPE, LLMI_HTTP_F_LOCATION, LLMI_HTTP_F_RETRY_AFTER, LLMI_HTTP_F_RETRY_AFTER_MS,
    LLMI_HTTP_F_TRANSFER_ENCODING, LLMI_HTTP_F_REQUEST_ID, LLMI_HTTP_F_SHOULD_RETRY
} llmi_http_field;

/* What the header lines of one head said about framing; judged when all of them are there. */
#define LLMI_HTTP_HAS_LENGTH   1u
#define LLMI_HTTP_BAD_LENGTH   2u
#define LLMI_HTTP_LENGTHS      4u     /* two that differ              */
#define LLMI_HTTP_HAS_CODING   8u
#define LLMI_HTTP_BAD_CODING   16u    /* not just chunked             */
#define LLMI_HTTP_COMPRESSED   32u
#define LLMI_HTTP_CLOSE        64u
#define LLMI_HTTP_KEEP         128u
#define LLMI_HTTP_RETRY_MS     256u   /* retry-after-ms was good      */

typedef struct llmi_http {
    llmi_http_state state;
    int         status;             /* 0 until there is one; valid from LLMI_HTTP_HEAD on                   */
    int         started;            /* a byte came                                                          */
    int         keep_alive;         /* after LLMI_HTTP_END the connection can carry another request         */
    int         sse, json;          /* by Content-Type: text/event-stream; application/json or +json        */
    int         should_retry;       /* x-should-retry: -1 absent, 0, 1                                      */
    llm_status  error_status;
    const char *why;                /* of an error: a sentence, static                                      */
    const char *body;               /* of LLMI_HTTP_BODY, until the input goes                              */
    size_t      body_len;
    int64_t     retry_after_ms;     /* -1 none, 0 now; can be huge: compare before adding                   */
    int64_t     retry_after_at;     /* unix seconds of an HTTP-date, 0 none, a past one is > 0 too          */
    uint64_t    left;               /* Content-Length, or bytes of this chunk or body still to come         */
    int32_t     framing;            /* what chunk framing may still cost                                    */
    size_t      head_left;          /* of LLM_MAX_HEAD                                                      */
    unsigned    lines;              /* header lines so far                                                  */
    unsigned    flags;
    unsigned    pos;                /* bytes of the status line, digits or bytes of a chunk's first line    */
    llmi_http_field field;
    unsigned char minor, trailer;   /* of HTTP/1.x; reading trailers                                        */
    unsigned char connect;          /* of a proxy: the message ends with its head (RFC 9110 9.3.6)          */
    unsigned char name_len, value_len, value_over;   /* over: more than blanks did not fit                  */
    char        name[20];           /* what came of it, if not at once; 20 bytes are none of ours           */
    char        value[160];
    char        request_id[128];
    char        location[96];       /* origin of an absolute Location, without user info; "" none           */
} llmi_http;

LLMI_FN void llmi_http_init(llmi_http *h) {
    memset(h, 0, sizeof *h);
    h->state = LLMI_HTTP_STATUS;
    h->should_retry = -1;
    h->retry_after_ms = -1;
    h->head_left = (size_t)LLM_MAX_HEAD;
    h->framing = LLMI_HTTP_FRAMING;
}

/* Always returns LLMI_HTTP_ERROR. */
LLMI_FN llmi_http_event llmi_http_break(llmi_http *h, llm_status s, const char *why) {
    h->state = LLMI_HTTP_BROKEN;
    h->error_status = s;
    h->why = why;
    h->keep_alive = 0;
    return LLMI_HTTP_ERROR;
}

#if !LLMI_HAS_MESSAGES
#define llmi_http_break(h, s, why) (llmi_http_break)(h, s, 0 ? (why) : "")
#endif

LLMI_FN void llmi_http_bad(llmi_http *h, const char *why) {
    (void)llmi_http_break(h, LLM_ERR_PROTOCOL, why);
}
#if !LLMI_HAS_MESSAGES
#define llmi_http_bad(h, why) (llmi_http_bad)(h, 0 ? (why) : "")
#endif

LLMI_FN int llmi_http_is_blank(int c) {
    return c == ' ' || c == '\t';
}

/* First byte below `least`, which is at most 0x80. Blocks of 32 bytes, then of 8; a borrow can flag a byte too
   many, so the byte loop decides. */
LLMI_FN const char *llmi_http_below(const char *p, const char *end, unsigned char least) {
    const uint64_t ones = ~(uint64_t)0 / 255, high = ones * 128, low = ones * least;
    for (;;) {
        const char *stop = p + ((end - p) & ~(ptrdiff_t)31);
        uint64_t a, b, c, d;
        for (; p != stop; p += 32) {
            memcpy(&a, p, 8);
            memcpy(&b, p + 8, 8);
            memcpy(&c, p + 16, 8);
            memcpy(&d, p + 24, 8);
            if ((((a - low) | (b - low) | (c - low) | (d - low)) & high) == 0) continue;   /* plain ASCII */
            a = ((a - low) & ~a) | ((b - low) & ~b) | ((c - low) & ~c) | ((d - low) & ~d);
            if ((a & high) != 0) break;
        }
        for (; end - p >= 8; p += 8) {
            memcpy(&a, p, 8);
            if (((a - low) & ~a & high) != 0) break;
        }
        stop = end - p > 8 ? p + 8 : end;
        while (p < stop && (unsigned char)*p >= least) p++;
        if (p < stop || p == end) return p;
    }
}

/* ---- values ------------------------------------------------------------------------------------------------- */
/* RFC 9110 8.6, one value or a list of equal ones. */
LLMI_FN void llmi_http_length(llmi_http *h, const char *p, const char *end) {
    if (h->value_over) h->flags |= LLMI_HTTP_BAD_LENGTH;
    for (;;) {
        const char *start = p;
        uint64_t v = 0;
        for (; p < end && llmi_is_digit((unsigned char)*p); p++) {
            unsigned d = (unsigned)(*p - '0');
            if (v > (~(uint64_t)0 - d) / 10) h->flags |= LLMI_HTTP_BAD_LENGTH;
            v = v * 10 + d;
        }
        if (p == start) h->flags |= LLMI_HTTP_BAD_LENGTH;
        if ((h->flags & LLMI_HTTP_HAS_LENGTH) != 0 && h->left != v) h->flags |= LLMI_HTTP_LENGTHS;
        h->flags |= LLMI_HTTP_HAS_LENGTH;
        h->left = v;
        while (p < end && llmi_http_is_blank(*p)) p++;
        if (p == end) return;
        if (*p++ != ',') {
            h->flags |= LLMI_HTTP_BAD_LENGTH;
            return;
        }
        while (p < end && llmi_http_is_blank(*p)) p++;
    }
}

/* RFC 9110 7.6.1. What does not fit could hold a close: the connection is then not kept. */
LLMI_FN void llmi_http_connection(llmi_http *h, const char *p, const char *end) {
    if (h->value_over) h->flags |= LLMI_HTTP_CLOSE;
    while (p < end) {
        const char *word, *last;
        while (p < end && (*p == ',' || llmi_http_is_blank(*p))) p++;
        word = p;
        while (p < end && *p != ',') p++;
        last = p;
        while (last > word && llmi_http_is_blank(last[-1])) last--;
        if (llmi_is_nocase(word, (size_t)(last - word), "close")) h->flags |= LLMI_HTTP_CLOSE;
        if (llmi_is_nocase(word, (size_t)(last - word), "keep-alive")) h->flags |= LLMI_HTTP_KEEP;
    }
}

LLMI_FN void llmi_http_content_type(llmi_http *h, const char *p, const char *end) {
    const char *last = p;
    while (last < end && *last != ';') last++;
    while (last > p && llmi_http_is_blank(last[-1])) last--;
    h->sse = llmi_is_nocase(p, (size_t)(last - p), "text/event-stream");
    h->json = llmi_is_nocase(p, (size_t)(last - p), "application/json") ||
              (last - p > 5 && llmi_is_nocase(last - 5, 5, "+json"));
}

/* Keeps "https://host:port": what came before an '@' can be a password, path and query can be anything. */
LLMI_FN void llmi_http_location(llmi_http *h, const char *p, const char *end) {
    const char *host = p, *last;
    size_t scheme, n;
    while (host < end && llmi_is_tchar((unsigned char)*host)) host++;
    if (host == p || end - host < 3 || memcmp(host, "://", 3) != 0) return;
    host += 3;
    scheme = (size_t)(host - p);
    for (last = host; last < end && *last > ' ' && *last < 0x7F; last++) {
        if (*last == '/' || *last == '?' || *last == '#' || *last == '\\') break;
        if (*last == '@') host = last + 1;
    }
    n = (size_t)(last - host);
    if ((last == end && h->value_over) || scheme + n >= sizeof h->location) return;
    memcpy(h->location, p, scheme);
    memcpy(h->location + scheme, host, n);
    h->location[scheme + n] = 0;
}

/* Days since 1970-01-01 of a day in the Gregorian calendar. */
LLMI_FN int64_t llmi_http_days(int64_t year, int month, int day) {
    static const short before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t y = year - (month <= 2);   /* leap days up to and with the last February */
    return year * 365 + y / 4 - y / 100 + y / 400 + before[month - 1] + day - 1 - 719527;
}

/* p[0..n) is digits; -1 if not. */
LLMI_FN int llmi_http_digits(const char *p, size_t n) {
    int v = 0;
    for (; n > 0; p++, n--) {
        if (!llmi_is_digit((unsigned char)*p)) return -1;
        v = v * 10 + (*p - '0');
    }
    return v;
}

/* "08:49:37", in seconds; -1 if it is not a time. 60 is a leap second. */
LLMI_FN int llmi_http_clock(const char *p) {
    int h = llmi_http_digits(p, 2), m = llmi_http_digits(p + 3, 2), s = llmi_http_digits(p + 6, 2);
    if (h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60 || p[2] != ':' || p[5] != ':') return -1;
    return h * 3600 + m * 60 + s;
}

/* Length of the day's name at p[0..n), short or in full; 0 if it is none. */
LLMI_FN size_t llmi_http_weekday(const char *p, size_t n) {
    static const char *const days[7] = {"Monday", "Tuesday", "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};
    size_t name = 0, d;
    while (name < n && p[name] >= 'A' && p[name] <= 'z') name++;
    for (d = 0; d < 7; d++) {
        if (name == 3 ? memcmp(p, days[d], 3) == 0 : llmi_is(p, name, days[d])) return name;
    }
    return 0;
}

/* Unix seconds, at least 1; 0 if there is no such day. mon is the month's name, clock the second of the day. */
LLMI_FN int64_t llmi_http_moment(int year, const char *mon, int day, int clock) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const unsigned char lengths[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int month = 0;
    int64_t at;
    while (month < 12 && memcmp(mon, months + 3 * month, 3) != 0) month++;
    if (month == 12 || year < 0 || clock < 0 || day < 1 || day > lengths[month]) return 0;
    if (month == 1 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))) return 0;
    at = llmi_http_days(year, month + 1, day) * 86400 + clock;
    return at > 0 ? at : 1;
}

/* RFC 9110 5.6.7, all three forms; 0 if it is none. A year of two digits below 70 is 20xx: the rule of the RFC
   needs today's date. */
LLMI_FN int64_t llmi_http_date(const char *p, size_t n) {
    size_t name = llmi_http_weekday(p, n);
    int year;
    if (name == 0) return 0;
    p += name;
    n -= name;
    if (name == 3 && n == 26 && memcmp(p, ", ", 2) == 0 && p[4] == ' ' && p[8] == ' ' && p[13] == ' ' &&
        memcmp(p + 22, " GMT", 4) == 0) {                  /* Sun, 06 Nov 1994 08:49:37 GMT */
        year = llmi_http_digits(p + 9, 4);
        return llmi_http_moment(year, p + 5, llmi_http_digits(p + 2, 2), llmi_http_clock(p + 14));
    }
    if (name > 3 && n == 24 && memcmp(p, ", ", 2) == 0 && p[4] == '-' && p[8] == '-' && p[11] == ' ' &&
        memcmp(p + 20, " GMT", 4) == 0) {                  /* Sunday, 06-Nov-94 08:49:37 GMT */
        year = llmi_http_digits(p + 9, 2);
        if (year >= 0) year += year < 70 ? 2000 : 1900;
        return llmi_http_moment(year, p + 5, llmi_http_digits(p + 2, 2), llmi_http_clock(p + 12));
    }
    if (name == 3 && n == 21 && p[0] == ' ' && p[4] == ' ' && p[7] == ' ' && p[16] == ' ') {
        int one = p[5] == ' ';                             /* Sun Nov  6 08:49:37 1994 */
        year = llmi_http_digits(p + 17, 4);
        return llmi_http_moment(year, p + 1, llmi_http_digits(p + 5 + one, one ? 1 : 2), llmi_http_clock(p + 8));
    }
    return 0;
}

/* Digits, with a fraction or without, times scale (1 or 1000), cut to a whole number, capped. -1: all else. */
LLMI_FN int64_t llmi_http_number(const char *p, const char *end, int64_t scale) {
    const int64_t most = (int64_t)(~(uint64_t)0 >> 1);
    int64_t v = 0;
    int digits = 0, dot = 0;
    for (; p < end; p++) {
        if (*p == '.' && !dot) {
            dot = 1;
        } else if (!llmi_is_digit((unsigned char)*p)) {
            return -1;
        } else {
            int64_t d = *p - '0';
            digits = 1;
            if (dot) {
                scale /= 10;
                v = v <= most - d * scale ? v + d * scale : most;
            } else {
                d *= scale;
                v = v <= (most - d) / 10 ? v * 10 + d : most;
            }
        }
    }
    return digits ? v : -1;
}

LLMI_FN void llmi_http_retry_after(llmi_http *h, const char *p, const char *end) {
    int64_t ms;
    if ((h->flags & LLMI_HTTP_RETRY_MS) != 0 || h->value_over) return;
    ms = llmi_http_number(p, end, 1000);
    h->retry_after_ms = ms;
    h->retry_after_at = ms < 0 ? llmi_http_date(p, (size_t)(end - p)) : 0;
}

/* OpenAI's own, finer form of Retry-After: wins over it wherever it stands. */
LLMI_FN void llmi_http_retry_after_ms(llmi_http *h, const char *p, const char *end) {
    int64_t ms = h->value_over ? -1 : llmi_http_number(p, end, 1);
    if (ms < 0) return;
    h->retry_after_ms = ms;
    h->retry_after_at = 0;
    h->flags |= LLMI_HTTP_RETRY_MS;
}

LLMI_FN void llmi_http_request_id(llmi_http *h, const char *p, const char *end) {
    size_t n = 0;
    for (; p < end && n < sizeof h->request_id - 1; p++) {
        if (*p > ' ' && *p < 0x7F) h->request_id[n++] = *p;
    }
    h->request_id[n] = 0;
}

LLMI_FN llmi_http_field llmi_http_which(const char *name, size_t n) {
    static const struct { unsigned char len; char name[19]; llmi_http_field field; } known[] = {
        {10, "connection", LLMI_HTTP_F_CONNECTION},
        {16, "content-encoding", LLMI_HTTP_F_CONTENT_ENCODING},
        {14, "content-length", LLMI_HTTP_F_CONTENT_LENGTH},
        {12, "content-type", LLMI_HTTP_F_CONTENT_TYPE},
        {8, "location", LLMI_HTTP_F_LOCATION},
        {11, "retry-after", LLMI_HTTP_F_RETRY_AFTER},
        {14, "retry-after-ms", LLMI_HTTP_F_RETRY_AFTER_MS},
        {17, "transfer-encoding", LLMI_HTTP_F_TRANSFER_ENCODING},
        {12, "x-request-id", LLMI_HTTP_F_REQUEST_ID},
        {14, "x-should-retry", LLMI_HTTP_F_SHOULD_RETRY},
    };
    size_t i;
    if (n < 8 || n > 17) return LLMI_HTTP_F_OTHER;   /* most lines */
    for (i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].len == n && llmi_is_nocase(name, n, known[i].name)) return known[i].field;
    }
    return LLMI_HTTP_F_OTHER;
}

/* A header line is complete. */
LLMI_FN void llmi_http_take(llmi_http *h) {
    const char *p = h->value, *end = p + h->value_len;
    while (end > p && llmi_http_is_blank(end[-1])) end--;
    switch (h->field) {
    case LLMI_HTTP_F_CONNECTION: llmi_http_connection(h, p, end); break;
    case LLMI_HTTP_F_CONTENT_LENGTH: llmi_http_length(h, p, end); break;
    case LLMI_HTTP_F_CONTENT_TYPE: llmi_http_content_type(h, p, end); break;
    case LLMI_HTTP_F_LOCATION: llmi_http_location(h, p, end); break;
    case LLMI_HTTP_F_RETRY_AFTER: llmi_http_retry_after(h, p, end); break;
    case LLMI_HTTP_F_RETRY_AFTER_MS: llmi_http_retry_after_ms(h, p, end); break;
    case LLMI_HTTP_F_REQUEST_ID: llmi_http_request_id(h, p, end); break;
    case LLMI_HTTP_F_CONTENT_ENCODING:
        if (p != end && (h->value_over || !llmi_is_nocase(p, (size_t)(end - p), "identity"))) {
            h->flags |= LLMI_HTTP_COMPRESSED;
        }
        break;
    case LLMI_HTTP_F_TRANSFER_ENCODING:
        if ((h->flags & LLMI_HTTP_HAS_CODING) != 0 || h->value_over ||
            !llmi_is_nocase(p, (size_t)(end - p), "chunked")) {
            h->flags |= LLMI_HTTP_BAD_CODING;
        }
        h->flags |= LLMI_HTTP_HAS_CODING;
        break;
    case LLMI_HTTP_F_SHOULD_RETRY:
        if (llmi_is(p, (size_t)(end - p), "true")) h->should_retry = 1;
        else if (llmi_is(p, (size_t)(end - p), "false")) h->should_retry = 0;
        break;
    case LLMI_HTTP_F_OTHER: default: break;
    }
    h->state = LLMI_HTTP_LINE;
}

/* ---- the head ----------------------------------------------------------------------------------------------- */
/* An interim answer: forget what its lines said, not what they cost. */
LLMI_FN void llmi_http_next_head(llmi_http *h) {
    size_t head_left = h->head_left;
    unsigned lines = h->lines;
    unsigned char connect = h->connect;
    llmi_http_init(h);
    h->connect = connect;
    h->started = 1;
    h->head_left = head_left;
    h->lines = lines;
}

/* RFC 9112 6.3, in its order. */
LLMI_FN void llmi_http_head_end(llmi_http *h) {
    unsigned f = h->flags;
    int no_body = h->status == 204 || h->status == 304;
    if (h->trailer) {
        h->state = LLMI_HTTP_DONE;
        return;
    }
    if (h->status == 101) {
        llmi_http_bad(h, "the server switched to another protocol (status 101)");
        return;
    }
    if (h->status < 200) {
        llmi_http_next_head(h);
        return;
    }
    if (h->connect) {
        h->state = LLMI_HTTP_DONE;
        return;
    }
    h->keep_alive = (f & LLMI_HTTP_CLOSE) == 0 && (h->minor == 1 || (f & LLMI_HTTP_KEEP) != 0);
    if (no_body) {
        /* a 204 that announces a body may be followed by one */
        if (h->status == 204 && ((f & (LLMI_HTTP_HAS_CODING | LLMI_HTTP_BAD_LENGTH)) != 0 || h->left > 0)) {
            h->keep_alive = 0;
        }
        h->left = 0;
        h->state = LLMI_HTTP_LENGTH;
    } else if ((f & LLMI_HTTP_HAS_CODING) != 0) {
        h->state = LLMI_HTTP_SIZE;
        h->left = 0;
        h->pos = 0;
        if ((f & LLMI_HTTP_HAS_LENGTH) != 0) {
            llmi_http_bad(h, "the response has both Content-Length and Transfer-Encoding");
        } else if (h->minor == 0) {
            llmi_http_bad(h, "the response is HTTP/1.0 with Transfer-Encoding");
        } else if ((f & LLMI_HTTP_BAD_CODING) != 0) {
            llmi_http_bad(h, "the response has a Transfer-Encoding other than chunked");
        }
    } else if ((f & LLMI_HTTP_HAS_LENGTH) != 0) {
        h->state = LLMI_HTTP_LENGTH;
        if ((f & LLMI_HTTP_BAD_LENGTH) != 0) {
            llmi_http_bad(h, "the response has a Content-Length that is no number");
        } else if ((f & LLMI_HTTP_LENGTHS) != 0) {
            llmi_http_bad(h, "the response has two different Content-Lengths");
        }
    } else {
        h->state = LLMI_HTTP_UNTIL_CLOSE;
        h->keep_alive = 0;
    }
    if (!no_body && (f & LLMI_HTTP_COMPRESSED) != 0 && h->state != LLMI_HTTP_BROKEN) {
        llmi_http_bad(h, "the response is compressed (Content-Encoding), which was not asked for");
    }
}

/* RFC 9112 4: "HTTP/1.", digit, blank, three digits. */
LLMI_FN void llmi_http_status_byte(llmi_http *h, int c) {
    static const char form[] = "HTTP/1.";
    unsigned pos = h->pos++;
    if (pos < 7) {
        if (c == form[pos]) return;
    } else if (pos == 7) {
        h->minor = (unsigned char)(c - '0');
        if (c == '0' || c == '1') return;
        llmi_http_bad(h, "the response is neither HTTP/1.0 nor HTTP/1.1");
        return;
    } else if (pos == 8) {
        if (c == ' ') return;
    } else if (pos < 12) {
        h->status = h->status * 10 + (c - '0');
        if (llmi_is_digit(c) && (pos < 11 || (h->status >= 100 && h->status < 600))) return;
        h->status = 0;
        llmi_http_bad(h, "the response has no status from 100 to 599");
        return;
    } else if (c == ' ' || c == '\r' || c == '\n') {
        h->state = c == ' ' ? LLMI_HTTP_REASON : c == '\r' ? LLMI_HTTP_STATUS_LF : LLMI_HTTP_LINE;
        return;
    }
    if (pos == 0 && c == 0x15) llmi_http_bad(h, "the server speaks TLS on this port: use https://");
    else if (pos < 9) llmi_http_bad(h, "the answer is not HTTP/1.1");
    else llmi_http_bad(h, "the status line of the response is malformed");
}

LLMI_FN const char *llmi_http_read_name(llmi_http *h, const char *p, const char *end) {
    const char *name = p;
    size_t n;
    for (; p < end; p++) {
        unsigned c = (unsigned char)*p;
        if ((c | 0x20) - 'a' < 26 || c == '-') continue;
        if (c == ':' || !llmi_is_tchar((int)c)) break;
    }
    n = (size_t)(p - name);
    if (p == end || h->name_len > 0) {   /* in more than one piece: the rare case needs a copy */
        n = llmi_min(n, sizeof h->name - h->name_len);
        memcpy(h->name + h->name_len, name, n);
        n = h->name_len = (unsigned char)(h->name_len + n);
        name = h->name;
    }
    if (p == end) return p;
    if (*p != ':' || n == 0) {
        int blank = n > 0 && llmi_http_is_blank(*p);
        if (blank) llmi_http_bad(h, "the response has a blank before the colon of a header");
        else llmi_http_bad(h, "the response has a header line without a name and a colon");
        return p;
    }
    h->field = h->trailer ? LLMI_HTTP_F_OTHER : llmi_http_which(name, n);
    h->value_len = h->value_over = 0;
    h->state = LLMI_HTTP_VALUE;
    return p + 1;
}

/* Appends to the value that is kept, without blanks before it. */
LLMI_FN void llmi_http_keep(llmi_http *h, const char *p, const char *end) {
    size_t n;
    if (h->value_len == 0) {
        while (p < end && llmi_http_is_blank(*p)) p++;
    }
    n = llmi_min((size_t)(end - p), sizeof h->value - h->value_len);
    memcpy(h->value + h->value_len, p, n);
    h->value_len = (unsigned char)(h->value_len + n);
    for (p += n; p < end; p++) {
        if (!llmi_http_is_blank(*p)) h->value_over = 1;
    }
}

LLMI_FN const char *llmi_http_read_value(llmi_http *h, const char *p, const char *end) {
    const char *run = p;
    for (;;) {
        p = llmi_http_below(p, end, 0x20);
        if (p == end || *p != '\t') break;
        p++;
    }
    if (h->field != LLMI_HTTP_F_OTHER) llmi_http_keep(h, run, p);
    if (p == end) return p;
    if (*p == '\r') {
        h->state = LLMI_HTTP_VALUE_LF;
    } else if (*p == '\n' && !h->trailer) {
        llmi_http_take(h);
    } else {
        llmi_http_bad(h, *p == '\n' ? "the response has a bare line feed in its trailers"
                                    : "the response has a control character in a header");
        return p;
    }
    return p + 1;
}

/* At the start of a line. */
LLMI_FN const char *llmi_http_read_line(llmi_http *h, const char *p) {
    if (*p == '\r') {
        h->state = LLMI_HTTP_BLANK_LF;
        return p + 1;
    }
    if (*p == '\n' && !h->trailer) {
        llmi_http_head_end(h);
        return p + 1;
    }
    if (llmi_http_is_blank(*p)) {
        llmi_http_bad(h, "the response has a folded header line");
    } else if (h->lines >= LLM_MAX_HEADERS) {
        (void)llmi_http_break(h, LLM_ERR_LIMIT, "the response has more header lines than LLM_MAX_HEADERS");
    } else {
        h->lines++;
        h->name_len = 0;
        h->state = LLMI_HTTP_NAME;
    }
    return p;
}

/* Heads and trailers, until the state is another or the input is used up. */
LLMI_FN const char *llmi_http_read_head(llmi_http *h, const char *p, const char *end) {
    while (p < end && h->state <= LLMI_HTTP_BLANK_LF) {
        switch (h->state) {
        case LLMI_HTTP_STATUS:
            llmi_http_status_byte(h, (unsigned char)*p++);
            break;
        case LLMI_HTTP_REASON:
            p = llmi_http_below(p, end, 0x20);
            if (p == end) break;
            if (*p == '\r') h->state = LLMI_HTTP_STATUS_LF;
            else if (*p == '\n') h->state = LLMI_HTTP_LINE;
            else if (*p != '\t') llmi_http_bad(h, "the status line of the response is malformed");
            p++;
            break;
        case LLMI_HTTP_LINE:
            p = llmi_http_read_line(h, p);
            break;
        case LLMI_HTTP_NAME:
            p = llmi_http_read_name(h, p, end);
            break;
        case LLMI_HTTP_VALUE:
            p = llmi_http_read_value(h, p, end);
            break;
        case LLMI_HTTP_STATUS_LF: case LLMI_HTTP_VALUE_LF: case LLMI_HTTP_BLANK_LF: default:
            if (*p++ != '\n') llmi_http_bad(h, "the response has a bare carriage return in its head");
            else if (h->state == LLMI_HTTP_STATUS_LF) h->state = LLMI_HTTP_LINE;
            else if (h->state == LLMI_HTTP_VALUE_LF) llmi_http_take(h);
            else llmi_http_head_end(h);
            break;
        }
    }
    return p;
}

/* ---- the body ----------------------------------------------------------------------------------------------- */
/* The first line of a chunk is complete: RFC 9112 7.1. */
LLMI_FN void llmi_http_chunk(llmi_http *h) {
    int32_t framing = h->framing - (int32_t)h->pos - 4;
    framing += h->left < 4096 ? (int32_t)h->left * 8 : 4096 * 8;
    h->framing = framing < LLMI_HTTP_FRAMING ? framing : LLMI_HTTP_FRAMING;
    if (h->left == 0) {
        h->trailer = 1;
        h->state = LLMI_HTTP_LINE;
    } else if (framing < 0) {
        llmi_http_bad(h, "the response has far more chunk framing than content");
    } else {
        h->state = LLMI_HTTP_DATA;
    }
}

/* One byte of a chunk's first line after the digits. RFC 9112 7.1.1; a quoted text cannot hold a line end. */
LLMI_FN void llmi_http_ext_byte(llmi_http *h, int c) {
    if (++h->pos > LLMI_HTTP_MAX_CHUNK_LINE) {
        llmi_http_bad(h, "the response has a chunk extension longer than 256 bytes");
    } else if (c == 0x7F || (c < 0x20 && c != '\t' && (c != '\r' || h->state != LLMI_HTTP_EXT))) {
        llmi_http_bad(h, "the response has a control character in a chunk extension");
    } else if (c == '\r') {
        h->state = LLMI_HTTP_SIZE_LF;
    } else if (h->state == LLMI_HTTP_BEFORE_EXT) {
        if (c == ';') h->state = LLMI_HTTP_EXT;
        else if (!llmi_http_is_blank(c)) llmi_http_bad(h, "the response has a malformed chunk size");
    } else if (h->state == LLMI_HTTP_EXT_ESCAPED) {
        h->state = LLMI_HTTP_EXT_QUOTED;
    } else if (c == '"') {
        h->state = h->state == LLMI_HTTP_EXT ? LLMI_HTTP_EXT_QUOTED : LLMI_HTTP_EXT;
    } else if (c == '\\' && h->state == LLMI_HTTP_EXT_QUOTED) {
        h->state = LLMI_HTTP_EXT_ESCAPED;
    }
}

/* Digits of a chunk size, and the line end if it is there. */
LLMI_FN const char *llmi_http_read_size(llmi_http *h, const char *p, const char *end) {
    const char *stop = (size_t)(end - p) > 16 - h->pos ? p + (16 - h->pos) : end;
    uint64_t left = h->left;
    for (; p < stop; p++) {
        unsigned d = (unsigned char)*p - (unsigned)'0';
        if (d > 9) {
            d = ((unsigned char)*p | 0x20u) - 'a';
            if (d > 5) break;
            d += 10;
        }
        left = left << 4 | d;
        h->pos++;
    }
    h->left = left;
    if (p == end) return p;
    if (*p == '\r' && h->pos > 0) {
        if (end - p > 1 && p[1] == '\n') {
            llmi_http_chunk(h);
            return p + 2;
        }
        h->state = LLMI_HTTP_SIZE_LF;
        return p + 1;
    }
    if (h->pos > 0 && (*p == ';' || llmi_http_is_blank(*p))) {
        h->state = LLMI_HTTP_BEFORE_EXT;
    } else if (h->pos == 16 && llmi_hex((unsigned char)*p) >= 0) {
        llmi_http_bad(h, "the response has a chunk size of more than 16 digits");
    } else {
        llmi_http_bad(h, "the response has a malformed chunk size");
    }
    return p;
}

/* Everything between two runs of chunk data, or the input's end. */
LLMI_FN const char *llmi_http_read_framing(llmi_http *h, const char *p, const char *end) {
    while (p < end) {
        switch (h->state) {
        case LLMI_HTTP_SIZE:
            p = llmi_http_read_size(h, p, end);
            break;
        case LLMI_HTTP_DATA_CR:
            if (end - p > 1 && p[0] == '\r' && p[1] == '\n') {
                h->pos = 0;   /* left is 0 */
                h->state = LLMI_HTTP_SIZE;
                p += 2;
                break;
            }
            h->state = LLMI_HTTP_DATA_LF;
            if (*p++ != '\r') llmi_http_bad(h, "the response has a chunk that is longer than its size");
            break;
        case LLMI_HTTP_DATA_LF:
            h->state = LLMI_HTTP_SIZE;
            h->pos = 0;
            if (*p++ != '\n') llmi_http_bad(h, "the response has a chunk that is longer than its size");
            break;
        case LLMI_HTTP_SIZE_LF:
            if (*p++ == '\n') llmi_http_chunk(h);
            else llmi_http_bad(h, "the response has a malformed chunk size");
            break;
        case LLMI_HTTP_BEFORE_EXT: case LLMI_HTTP_EXT: case LLMI_HTTP_EXT_QUOTED: case LLMI_HTTP_EXT_ESCAPED:
            llmi_http_ext_byte(h, (unsigned char)*p++);
            break;
        default:
            return p;
        }
    }
    return p;
}

/* Goes on at *p and moves it. Call until LLMI_HTTP_MORE, then give it the bytes that came after these. */
LLMI_FN llmi_http_event llmi_http_next(llmi_http *h, const char **p, const char *end) {
    size_t n;
    if (h->state <= LLMI_HTTP_DATA_LF && h->state > LLMI_HTTP_BLANK_LF) {
        *p = llmi_http_read_framing(h, *p, end);
    }
    if (h->state <= LLMI_HTTP_BLANK_LF) {
        const char *from = *p, *stop = (size_t)(end - from) > h->head_left ? from + h->head_left : end;
        int trailer = h->trailer;
        if (from == end) return LLMI_HTTP_MORE;
        h->started = 1;
        *p = llmi_http_read_head(h, from, stop);
        if (h->state == LLMI_HTTP_BROKEN) return LLMI_HTTP_ERROR;
        h->head_left -= (size_t)(*p - from);
        if (h->state > LLMI_HTTP_BLANK_LF) return trailer ? LLMI_HTTP_END : LLMI_HTTP_HEAD;
        if (*p == end) return LLMI_HTTP_MORE;
        return llmi_http_break(h, LLM_ERR_LIMIT, "the head of the response is larger than LLM_MAX_HEAD");
    }
    if (h->state == LLMI_HTTP_BROKEN) return LLMI_HTTP_ERROR;
    if (h->state == LLMI_HTTP_DONE || (h->state == LLMI_HTTP_LENGTH && h->left == 0)) {
        h->state = LLMI_HTTP_DONE;
        return LLMI_HTTP_END;
    }
    n = (size_t)(end - *p);
    if (n == 0) return LLMI_HTTP_MORE;
    h->body = *p;
    h->body_len = n;
    *p = end;
    if (h->state == LLMI_HTTP_UNTIL_CLOSE) return LLMI_HTTP_BODY;
    if (n >= h->left) {
        n = h->body_len = (size_t)h->left;
        *p = h->body + n;
        if (h->state == LLMI_HTTP_DATA) h->state = LLMI_HTTP_DATA_CR;
    }
    h->left -= n;
    return LLMI_HTTP_BODY;
}

/* The connection ended. clean: by FIN, or close_notify with TLS. A body is complete once its last chunk came,
   though no trailer did (RFC 9112 8). */
LLMI_FN llmi_http_event llmi_http_eof(llmi_http *h, int clean) {
    if (h->state == LLMI_HTTP_BROKEN) return LLMI_HTTP_ERROR;
    h->keep_alive = 0;
    if (h->state == LLMI_HTTP_DONE || h->trailer || (h->state == LLMI_HTTP_UNTIL_CLOSE && clean) ||
        (h->state == LLMI_HTTP_LENGTH && h->left == 0)) {
        h->state = LLMI_HTTP_DONE;
        return LLMI_HTTP_END;
    }
    if (!h->started) {
        return llmi_http_break(h, LLM_ERR_CONNECTION, "the server closed the connection without an answer");
    }
    if (h->state <= LLMI_HTTP_BLANK_LF) {
        return llmi_http_break(h, LLM_ERR_CONNECTION, "the connection ended inside the head of the response");
    }
    return llmi_http_break(h, LLM_ERR_TRUNCATED, "the connection ended before the end of the response");
}

/* ============================================================================================================
   >>sse                                    server-sent events (WHATWG HTML 9.2.6): bytes in, pieces of payload out
   Nothing is copied: a payload is passed on as it comes, in slices of the input. Only its start is held back
   while it can still become [DONE]: blanks, those six bytes, blanks.
   More lenient than the standard, as servers need it: an event at the end of the input needs no blank line; one
   without data, or with blanks only, is not reported, unless its name is "error". id and retry are ignored.
   ============================================================================================================ */

typedef enum llmi_sse_event {
    LLMI_SSE_MORE,      /* the input is used up                                                             */
    LLMI_SSE_DATA,      /* data, len: a piece, never empty; first = 1 if it is the first of its event       */
    LLMI_SSE_EVENT,     /* the event is complete; name. Without any LLMI_SSE_DATA only if it has no data    */
    LLMI_SSE_DONE,      /* the payload was [DONE]                                                           */
    LLMI_SSE_ERROR      /* an event is longer than LLM_MAX_EVENT (LLM_ERR_LIMIT); repeats                   */
} llmi_sse_event;

/* What is awaited: */
typedef enum llmi_sse_state {
    LLMI_SSE_START,     /* a byte order mark, pos bytes of it were there                                    */
    LLMI_SSE_LINE,      /* a line, or the blank one that ends the event                                     */
    LLMI_SSE_FIELD,     /* byte pos of "data" or "event", or the colon                                      */
    LLMI_SSE_COLON,     /* the one blank that may follow the colon                                          */
    LLMI_SSE_VALUE,     /* more of the value, or the line's end                                             */
    LLMI_SSE_SKIP,      /* the end of a line that means nothing                                             */
    LLMI_SSE_DISPATCH,  /* nothing: the event is over, what was held back is out                            */
    LLMI_SSE_BROKEN     /* nothing: the limit was passed                                                    */
} llmi_sse_state;

typedef struct llmi_sse {
    llmi_sse_state state;
    int         first;
    const char *data;            /* into the input, or into this struct: until the next call              */
    size_t      len;
    size_t      size;            /* bytes of this event's data lines                                      */
    size_t      line;            /* bytes of this line                                                    */
    int         lf;              /* a CR ended the last line: an LF belongs to it                         */
    int         in_event;        /* the line's field is "event", else "data"                              */
    int         any;             /* there was a data line                                                 */
    int         join;            /* an LF is due between two of them                                      */
    int         open;            /* a piece was given out, nothing is held back any more                  */
    int         over;            /* the event was reported: the next call starts afresh                   */
    unsigned    pos;             /* in BOM or field name                                                  */
    unsigned    match;           /* bytes of "[DONE]" in held                                             */
    unsigned char held_len, name_len;
    char        held[24];        /* at most 16 blanks before it; more are dropped, as JSON does           */
    char        name[32];        /* NUL-terminated, what fits                                             */
} llmi_sse;

LLMI_FN void llmi_sse_init(llmi_sse *s) {
    memset(s, 0, sizeof *s);
}

/* Ready for the next event; the name stays for the caller. */
LLMI_FN llmi_sse_event llmi_sse_finish(llmi_sse *s, llmi_sse_event event) {
    s->state = LLMI_SSE_LINE;
    s->size = s->line = 0;
    s->any = s->join = s->open = 0;
    s->match = 0;
    s->held_len = 0;
    s->over = 1;
    return event;
}

LLMI_FN llmi_sse_event llmi_sse_give(llmi_sse *s, const char *p, size_t n) {
    s->data = p;
    s->len = n;
    s->first = !s->open;
    s->open = 1;
    return LLMI_SSE_DATA;
}

/* First CR or LF. */
LLMI_FN const char *llmi_sse_line_end(const char *p, const char *end) {
    for (;;) {
        p = llmi_http_below(p, end, 0x0E);
        if (p == end || *p == '\n' || *p == '\r') return p;
        p++;
    }
}

/* 1: the payload, this byte included, can still be [DONE] or empty, and the byte is held back. */
LLMI_FN int llmi_sse_hold(llmi_sse *s, char c) {
    static const char done[] = "[DONE]";
    if (c == ' ' || c == '\t' || c == '\n') {
        if (s->match != 0 && s->match != 6) return 0;
        if (s->held_len < (s->match == 0 ? 16 : sizeof s->held)) s->held[s->held_len++] = c;
        return 1;
    }
    if (s->match == 6 || c != done[s->match]) return 0;
    s->match++;
    s->held[s->held_len++] = c;
    return 1;
}

/* More of a data line. LLMI_SSE_MORE: no piece; the input, or the line, is at its end. */
LLMI_FN llmi_sse_event llmi_sse_payload(llmi_sse *s, const char **p, const char *end) {
    const char *from;
    if (s->join) {
        if (s->open) {
            s->join = 0;
            return llmi_sse_give(s, "\n", 1);
        }
        if (!llmi_sse_hold(s, '\n')) return llmi_sse_give(s, s->held, s->held_len);
        s->join = 0;
    }
    from = *p;
    if (!s->open) {
        while (*p < end && **p != '\n' && **p != '\r' && llmi_sse_hold(s, **p)) ++*p;
        s->line += (size_t)(*p - from);
        if (*p == end || **p == '\n' || **p == '\r') return LLMI_SSE_MORE;
        if (s->held_len > 0) return llmi_sse_give(s, s->held, s->held_len);
        from = *p;
    }
    *p = llmi_sse_line_end(from, end);
    s->line += (size_t)(*p - from);
    return *p == from ? LLMI_SSE_MORE : llmi_sse_give(s, from, (size_t)(*p - from));
}

/* More of the event's name. */
LLMI_FN void llmi_sse_read_name(llmi_sse *s, const char **p, const char *end) {
    const char *from = *p;
    *p = llmi_sse_line_end(from, end);
    s->line += (size_t)(*p - from);
    for (; from < *p && s->name_len < sizeof s->name - 1; from++) s->name[s->name_len++] = *from;
    s->name[s->name_len] = 0;
}

/* The field name is complete. */
LLMI_FN void llmi_sse_read_field(llmi_sse *s) {
    if (s->in_event) {
        s->name_len = 0;
        s->name[0] = 0;
    } else {
        s->join = s->any;
        s->any = 1;
    }
}

/* Field name and colon of a line. */
LLMI_FN const char *llmi_sse_read_line(llmi_sse *s, const char *p, const char *end) {
    static const char bom[] = "\xEF\xBB\xBF";
    const char *from = p;
    while (p < end && s->state < LLMI_SSE_VALUE) {
        char c = *p;
        const char *word = s->in_event ? "event" : "data";
        size_t len = s->in_event ? 5 : 4;
        switch (s->state) {
        case LLMI_SSE_START:
            if (c == bom[s->pos]) {
                p++;
                if (++s->pos == 3) s->state = LLMI_SSE_LINE;
            } else {
                s->state = s->pos == 0 ? LLMI_SSE_LINE : LLMI_SSE_SKIP;
            }
            break;
        case LLMI_SSE_LINE:
            if (c == '\n' || c == '\r') return p;
            if (end - p > 5 && memcmp(p, "data: ", 6) == 0) {   /* nearly all lines */
                s->in_event = 0;
                llmi_sse_read_field(s);
                s->state = LLMI_SSE_VALUE;
                p += 6;
                break;
            }
            s->in_event = c == 'e';
            s->pos = 0;
            s->state = c == 'd' || c == 'e' ? LLMI_SSE_FIELD : LLMI_SSE_SKIP;
            break;
        case LLMI_SSE_FIELD:
            if (s->pos < len && c == word[s->pos]) {
                s->pos++;
                p++;
            } else if (s->pos == len && (c == ':' || c == '\n' || c == '\r')) {
                llmi_sse_read_field(s);
                s->state = c == ':' ? LLMI_SSE_COLON : LLMI_SSE_VALUE;
                p += c == ':';
            } else {
                s->state = LLMI_SSE_SKIP;
            }
            break;
        case LLMI_SSE_COLON: default:
            s->state = LLMI_SSE_VALUE;
            p += c == ' ';
            break;
        }
    }
    s->line += (size_t)(p - from);
    return p;
}

/* The blank line. LLMI_SSE_MORE: nothing to report. */
LLMI_FN llmi_sse_event llmi_sse_blank(llmi_sse *s) {
    if (s->open) return llmi_sse_finish(s, LLMI_SSE_EVENT);
    if (s->match == 6) return llmi_sse_finish(s, LLMI_SSE_DONE);
    if (s->match > 0) {
        s->state = LLMI_SSE_DISPATCH;
        return llmi_sse_give(s, s->held, s->held_len);
    }
    return llmi_sse_finish(s, llmi_streq(s->name, "error") ? LLMI_SSE_EVENT : LLMI_SSE_MORE);
}

/* At the end of a line: *p is CR or LF. */
LLMI_FN llmi_sse_event llmi_sse_end_line(llmi_sse *s, const char **p) {
    s->lf = *(*p)++ == '\r';
    if (s->state == LLMI_SSE_LINE) return llmi_sse_blank(s);
    if (s->state == LLMI_SSE_VALUE && !s->in_event) s->size += s->line;   /* other lines leave nothing */
    s->line = 0;
    s->state = LLMI_SSE_LINE;
    return LLMI_SSE_MORE;
}

LLMI_FN void llmi_sse_fresh(llmi_sse *s) {
    s->over = 0;
    s->name_len = 0;
    s->name[0] = 0;
}

/* Goes on at *p and moves it. Call until LLMI_SSE_MORE, then give it the bytes that came after these. */
LLMI_FN llmi_sse_event llmi_sse_next(llmi_sse *s, const char **p, const char *end) {
    if (s->state == LLMI_SSE_DISPATCH) return llmi_sse_finish(s, LLMI_SSE_EVENT);
    while (*p < end && s->state != LLMI_SSE_BROKEN) {
        const char *stop = end;
        size_t used;
        llmi_sse_event event = LLMI_SSE_MORE;
        if (s->over) llmi_sse_fresh(s);
        if (s->lf) {
            s->lf = 0;
            if (**p == '\n') {
                ++*p;
                continue;
            }
        }
        /* a field name may pass the limit by its few bytes, but no line starts beyond it */
        if (s->state < LLMI_SSE_VALUE && s->size < LLM_MAX_EVENT) *p = llmi_sse_read_line(s, *p, end);
        used = s->size + s->line;
        if (used >= LLM_MAX_EVENT) stop = *p;
        else if ((size_t)(end - *p) > LLM_MAX_EVENT - used) stop = *p + (LLM_MAX_EVENT - used);
        if (s->state == LLMI_SSE_SKIP) {
            const char *from = *p;
            *p = llmi_sse_line_end(from, stop);
            s->line += (size_t)(*p - from);
        } else if (s->state == LLMI_SSE_VALUE && s->in_event) {
            llmi_sse_read_name(s, p, stop);
        } else if (s->state == LLMI_SSE_VALUE) {
            event = llmi_sse_payload(s, p, stop);
            if (event != LLMI_SSE_MORE) {
                if (*p < end && (**p == '\n' || **p == '\r') && !s->join) (void)llmi_sse_end_line(s, p);
                return event;
            }
        }
        if (*p < end && (**p == '\n' || **p == '\r')) {
            event = llmi_sse_end_line(s, p);
            if (event != LLMI_SSE_MORE) return event;
        } else if (*p < end && *p == stop) {
            s->state = LLMI_SSE_BROKEN;
        }
    }
    return s->state == LLMI_SSE_BROKEN ? LLMI_SSE_ERROR : LLMI_SSE_MORE;
}

/* The input is over. LLMI_SSE_EVENT: an event with data was not reported yet (a payload that is the beginning of
   [DONE] was not given out); LLMI_SSE_DONE: it is [DONE]; else LLMI_SSE_MORE, or LLMI_SSE_ERROR again. */
LLMI_FN llmi_sse_event llmi_sse_eof(llmi_sse *s) {
    llmi_sse_event event;
    if (s->state == LLMI_SSE_BROKEN) return LLMI_SSE_ERROR;
    if (s->over) llmi_sse_fresh(s);
    event = llmi_sse_blank(s);
    return event == LLMI_SSE_DATA ? llmi_sse_finish(s, LLMI_SSE_EVENT) : event;
}


/* ===========================================================================================================
   >>net                          TCP and DNS with POSIX or Windows sockets: the default behind the net hooks
   RFC 1035 and 2181 (DNS), 6761 6.3 (localhost), 6891 (larger answers), 8305 (the race between addresses).

   LLM_NET_OPEN goes NEW -> RESOLVE -> CONNECT -> OPEN, one step at each call; with time-out 0 it never waits.
   Names are looked up here and not by getaddrinfo(), which cannot be interrupted, stops every other stream of
   the thread for seconds and warns in a glibc -static link. Looked at, in this order: a numeric address,
   localhost, the hosts file, the name servers of resolv.conf (A and AAAA at once over UDP, a socket of its
   own, port and id for each). nsswitch, mDNS and NIS are not; who needs them defines LLM_USE_GETADDRINFO.
   Of resolv.conf count nameserver (3), search and domain (6 names), options timeout, attempts and ndots. An alias
   whose addresses are not in the answer is asked for.
   On Windows the name servers are those of the interfaces that are up; there is no resolv.conf unless
   LLM_RESOLV_CONF is defined. Its search lists, LLMNR and rules for single domains are not looked at either.
   Nothing is cached, neither answers nor failures: kept connections make lookups rare. DNS over TCP is not
   spoken: an answer cut short is used as far as it came, and if no address came the query is sent again with
   room for 1,232 bytes (RFC 6891).

   LLM_USE_GETADDRINFO: names are looked up by getaddrinfo() inside LLM_NET_OPEN, which then blocks every call
   of the thread, ignores deadlines and cancelling while it looks, and keeps a glibc program from being fully
   static.

   Also overridable: LLM_HOSTS_FILE, LLM_RESOLV_CONF, LLM_DNS_SERVER (asked where resolv.conf names nobody or
   cannot be read; "" = none) and LLM_DNS_PORT. With LLM_NO_FILES neither file is read.

   Optional, for event loops, outside the group, with defaults for net hooks of your own:
     LLM_NET_WANTS(ctx, conn)     while OPEN is in progress: LLM_WANT_READ | LLM_WANT_WRITE to wait for
                                  (default both)
     LLM_NET_TIMER_MS(ctx, conn)  while OPEN is in progress: call it again after so many ms even if nothing
                                  came (a query to repeat, the next address to try); -1 = no need (default)
     LLM_NET_SERIAL(ctx, conn)    counts up whenever LLM_NET_FD shows another socket, which may have the
                                  number of the one before (default 0)
     LLM_NET_WHY(ctx, conn)       what went wrong or is waited for, as part of a sentence for messages, never
                                  NULL; static text; ask before CLOSE (default "")
   ======================================================================================================== */
#if LLMI_HAS_SOCKETS

#if defined(LLM_NET_WANTS) || defined(LLM_NET_TIMER_MS) || defined(LLM_NET_SERIAL) || defined(LLM_NET_WHY)
  #error "llm_openai.h: LLM_NET_WANTS, _TIMER_MS, _SERIAL and _WHY go with net hooks of your own."
#endif

#ifdef LLM_USE_GETADDRINFO
  #define LLMI_HAS_RESOLVER 0
#else
  #define LLMI_HAS_RESOLVER 1
#endif
/* On x86-64 the kernel's struct epoll_event is packed. glibc says so to compilers that it knows, to tcc it does not. */
#if defined(__linux__) && (defined(__GNUC__) || defined(__clang__) || !defined(__x86_64__))
  #define LLMI_HAS_EPOLL 1
#else
  #define LLMI_HAS_EPOLL 0
#endif
#ifdef MSG_NOSIGNAL
  #define LLMI_NET_QUIET MSG_NOSIGNAL
#else
  #define LLMI_NET_QUIET 0             /* SO_NOSIGPIPE does it; Windows has no signals */
#endif

/* ---- what differs between POSIX and Windows ------------------------------------------------------------- */

#if LLMI_WINDOWS
  #define LLMI_E(name) WSAE##name
  #define LLMI_NET_ERROR ((int)WSAGetLastError())
  #define LLMI_SOCKET(fd) ((SOCKET)(unsigned)(fd))       /* handles have 32 bits; 64-bit Windows widens them */
  #define LLMI_NET_CLOSE(fd) closesocket(LLMI_SOCKET(fd))
  #define LLMI_IO_LEN(n) ((int)(n))
  #define LLMI_NET_TRY 0               /* no call of these sockets ever waits */
  #define LLMI_POLLIN 1
  #define LLMI_POLLOUT 4
  #define LLMI_POLL(p, n, ms) llmi_net_poll((p), (int)(n), (ms))
typedef struct llmi_pollfd { int fd; short events, revents; } llmi_pollfd;

/* poll() by select(): WSAPoll() says nothing of a connection that failed, before Windows 10 of 2020. Such a one shows
   in the third set. At most FD_SETSIZE of them. */
LLMI_FN int llmi_net_poll(llmi_pollfd *p, int n, int ms) {
    fd_set set[3];
    struct timeval t;
    int i, ready = 0, some = 0;
    FD_ZERO(&set[0]);
    FD_ZERO(&set[1]);
    FD_ZERO(&set[2]);
    for (i = 0; i < n; i++) {
        p[i].revents = 0;
        if (p[i].fd < 0) continue;
        some = 1;
        if (p[i].events & LLMI_POLLIN) FD_SET(LLMI_SOCKET(p[i].fd), &set[0]);
        if ((p[i].events & LLMI_POLLOUT) == 0) continue;
        FD_SET(LLMI_SOCKET(p[i].fd), &set[1]);
        FD_SET(LLMI_SOCKET(p[i].fd), &set[2]);        /* of the others it would tell urgent data, which nobody reads */
    }
    t.tv_sec = ms / 1000;
    t.tv_usec = ms % 1000 * 1000;
    if (!some) Sleep(ms < 0 ? INFINITE : (DWORD)ms);     /* select() refuses sets without a socket */
    else if (select(0, &set[0], &set[1], &set[2], ms < 0 ? NULL : &t) < 0) return -1;
    for (i = 0; i < n && some; i++) {
        SOCKET s = LLMI_SOCKET(p[i].fd);
        if (p[i].fd < 0) continue;
        if (FD_ISSET(s, &set[0]) || FD_ISSET(s, &set[2])) p[i].revents = (short)(p[i].revents | LLMI_POLLIN);
        if (FD_ISSET(s, &set[1]) || FD_ISSET(s, &set[2])) p[i].revents = (short)(p[i].revents | LLMI_POLLOUT);
        ready += p[i].revents != 0;
    }
    return ready;
}

/* Not inherited by a program that is started, and never waiting. */
LLMI_FN int llmi_net_socket(int family, int type) {
    SOCKET s = WSASocketA(family, type, 0, NULL, 0, WSA_FLAG_OVERLAPPED | 0x80 /* WSA_FLAG_NO_HANDLE_INHERIT */);
    u_long on = 1;
    if (s == INVALID_SOCKET) return -1;
    if (ioctlsocket(s, (long)FIONBIO, &on) != 0) {
        (void)closesocket(s);
        return -1;
    }
    return (int)s;
}

/* Kept until the program ends, as others in it may count on it too. */
LLMI_FN int llmi_net_init(void) {
    WSADATA data;
    return WSAStartup(MAKEWORD(2, 2), &data) == 0;
}
  #define LLM_NET_INIT(ctx) ((void)(ctx), llmi_net_init())
#else
  #define LLMI_E(name) E##name
  #define LLMI_NET_ERROR errno
  #define LLMI_SOCKET(fd) (fd)
  #define LLMI_NET_CLOSE(fd) close(fd)
  #define LLMI_IO_LEN(n) (n)
  #define LLMI_NET_TRY MSG_DONTWAIT
  #define LLMI_POLLIN POLLIN
  #define LLMI_POLLOUT POLLOUT
  #define LLMI_POLL(p, n, ms) poll((p), (nfds_t)(n), (ms))
typedef struct pollfd llmi_pollfd;

/* Not inherited by a program that a fork starts, and not blocking yet. */
LLMI_FN int llmi_net_socket(int family, int type) {
#if defined(SOCK_CLOEXEC) && defined(SOCK_NONBLOCK)
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
    int fd = socket(family, type, 0);
    if (fd >= 0) {
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
#endif
#ifdef SO_NOSIGPIPE
    if (fd >= 0) {
        int on = 1;
        (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
    }
#endif
    return fd;
}
#endif

/* The call would have had to wait, or a signal came: no failure. */
LLMI_FN int llmi_net_later(int e) {
#if LLMI_WINDOWS
    return e == WSAEWOULDBLOCK || e == WSAEINTR;
#else
    return e == EAGAIN || e == EWOULDBLOCK || e == EINTR;
#endif
}

#if !defined(LLM_HOSTS_FILE) && !LLMI_WINDOWS
  #define LLM_HOSTS_FILE "/etc/hosts"
#endif
#if !defined(LLM_RESOLV_CONF) && !LLMI_WINDOWS
  #define LLM_RESOLV_CONF "/etc/resolv.conf"
#endif
#ifndef LLM_DNS_SERVER                 /* where resolv.conf names none, or cannot be read */
  #define LLM_DNS_SERVER "127.0.0.1"
#endif
#ifndef LLM_DNS_PORT
  #define LLM_DNS_PORT 53
#endif

#define LLMI_NET_ADDRS 4               /* kept of each family                                         */
#define LLMI_NET_STAGGER_MS 250        /* RFC 8305 5: head start of one address over the next         */
#define LLMI_NET_SLICE 64              /* sockets that one poll() of LLM_NET_WAIT looks at            */
#define LLMI_NET_BLIND_MS 50           /* where no descriptor covers all sockets: look this often     */
#define LLMI_DNS_DELAY_MS 50           /* RFC 8305 3: an IPv4 answer waits so long for the IPv6 one   */
#define LLMI_DNS_SERVERS 3
#define LLMI_DNS_SEARCH 6              /* domains of the search list that are tried                   */
#define LLMI_DNS_TIMEOUT_MS 2000       /* resolv.conf says otherwise: for one try. 5 s as elsewhere   */
#define LLMI_DNS_ATTEMPTS 4            /* would be half of the usual connect time for one lost packet */
#define LLMI_DNS_NAME 255              /* longest name on the wire, RFC 1035 2.3.4                    */
#define LLMI_DNS_QUERY 300             /* head, name, type and class, OPT record                      */
#define LLMI_DNS_PACKET 1232           /* longest answer that is read                                 */
#define LLMI_DNS_FLOOD 16              /* datagrams read in one step                                  */
#define LLMI_DNS_ALIASES 8             /* asked for one after the other; as many in one answer        */
#define LLMI_NET_FILE_MAX ((size_t)16 * 1024 * 1024)

typedef struct llmi_ip {
    unsigned char bytes[16];           /* the first 4 for IPv4 */
    int           v6;
    unsigned      scope;               /* interface of a link-local IPv6 address, 0 = none */
} llmi_ip;

typedef struct llmi_ip_list {
    llmi_ip ip[LLMI_NET_ADDRS];
    int     n;
} llmi_ip_list;

typedef enum llmi_net_try {
    LLMI_TRY_NOT_YET,                  /* owns nothing                                */
    LLMI_TRY_RUNS,                     /* owns fd, which becomes writable in the end  */
    LLMI_TRY_FAILED                    /* owns nothing                                */
} llmi_net_try;

typedef enum llmi_dns_state {
    LLMI_DNS_IDLE,                     /* not asked: numeric address or hosts file; owns nothing   */
    LLMI_DNS_SENT,                     /* owns fd; an answer or again_at is awaited                */
    LLMI_DNS_ANSWERED,                 /* addresses, or the word that there are none; owns nothing */
    LLMI_DNS_UNANSWERED                /* no server gave a usable answer; owns nothing             */
} llmi_dns_state;

typedef struct llmi_dns_lookup {       /* one query, for A or for AAAA */
    llmi_dns_state state;
    int            fd;                 /* connected to server                          */
    unsigned       id;
    int            server;             /* index                                        */
    int            sent;               /* datagrams, all servers                       */
    unsigned       bad;                /* bit per server: answered with an error       */
    int            large;              /* asks for answers of up to LLMI_DNS_PACKET    */
    int            aliases;            /* followed                                     */
    uint64_t       again_at;           /* then the next server is asked                */
    size_t         name_len;
    unsigned char  name[LLMI_DNS_NAME];   /* on the wire, lower case                   */
} llmi_dns_lookup;

typedef enum llmi_net_state {
    LLMI_NET_NEW,                      /* zeroed; owns nothing                                            */
    LLMI_NET_RESOLVE,                  /* no address was tried yet; owns the sockets of the lookups       */
    LLMI_NET_CONNECT,                  /* at least one was; owns the sockets of the race and of lookups   */
    LLMI_NET_OPENED,                   /* owns fd: connected, blocking                                    */
    LLMI_NET_DEAD                      /* OPEN failed, and says so again; owns nothing                    */
} llmi_net_state;

struct llm_net_conn {
    llmi_net_state  state;
    int             result;            /* DEAD: of OPEN                                                     */
    int             fd;                /* OPENED                                                            */
    int             cover;             /* RESOLVE, CONNECT: epoll set over all sockets, made when asked for */
    int             no_cover;          /* it could not be made                                              */
    unsigned        serial;
    int             recv_ms, send_ms;  /* time-outs that the socket has                                     */
    int             refused;           /* one address at least                                              */
    const char     *why;
    llmi_ip_list    list[2];           /* addresses: [0] IPv4, [1] IPv6                                     */
    llmi_net_try    tried[2][LLMI_NET_ADDRS];
    int             try_fd[2][LLMI_NET_ADDRS];
    int             last;              /* family that was tried last                                        */
    uint64_t        next_at;           /* the next address need not wait longer for those that run          */
#if LLMI_HAS_RESOLVER
    llmi_dns_lookup lookup[2];         /* [0] A, [1] AAAA                                                   */
    uint64_t        delay_until;       /* IPv4 addresses wait for the AAAA answer                           */
    llmi_ip         server[LLMI_DNS_SERVERS];
    int             servers, attempts, timeout_ms;
    int             candidate;         /* which form of the name is asked for: search list                  */
#endif
};

/* ---- addresses and the two files, I/O-free ------------------------------------------------------------- */

/* Numeric address, also in brackets, also with the %zone of a link-local one. */
LLMI_FN int llmi_ip_parse(llmi_ip *ip, const char *s, size_t n) {
    const char *zone;
    char name[IF_NAMESIZE];
    memset(ip, 0, sizeof *ip);
    if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
        s++;
        n -= 2;
    }
    if (n == 0) return 0;
    if (llmi_ip4_parse(s, n, ip->bytes)) return 1;
    zone = (const char *)memchr(s, '%', n);
    if (zone != NULL) {
        size_t len = n - (size_t)(zone - s) - 1, i;
        if (len == 0 || len >= sizeof name) return 0;
        memcpy(name, zone + 1, len);
        name[len] = 0;
        for (i = 0; i < len && llmi_is_digit(name[i]) && ip->scope < 100000000; i++) {
            ip->scope = ip->scope * 10 + (unsigned)(name[i] - '0');
        }
        if (i < len) ip->scope = if_nametoindex(name);
        if (ip->scope == 0) return 0;
        n = (size_t)(zone - s);
    }
    ip->v6 = 1;
    return llmi_ip6_parse(s, n, ip->bytes);
}

/* Adds it unless it is there already or the list is full. */
LLMI_FN void llmi_ip_add(llmi_ip_list *list, const llmi_ip *ip) {
    int i;
    for (i = 0; i < list->n; i++) {
        if (memcmp(list->ip[i].bytes, ip->bytes, 16) == 0 && list->ip[i].scope == ip->scope) return;
    }
    if (list->n < LLMI_NET_ADDRS) list->ip[list->n++] = *ip;
}

#if LLMI_HAS_RESOLVER
/* Bytes of the name without the dot at its end, which only says that no search domain goes behind. */
LLMI_FN size_t llmi_dns_host_len(const char *host) {
    size_t n = strlen(host);
    return n > 0 && host[n - 1] == '.' ? n - 1 : n;
}

/* RFC 6761 6.3: these never leave the machine, whatever a file or a server says. */
LLMI_FN int llmi_is_localhost(const char *host, size_t n) {
    return n >= 9 && llmi_is_nocase(host + n - 9, 9, "localhost") && (n == 9 || host[n - 10] == '.');
}

/* Words of a configuration file, fed in pieces of any size. fn gets the number of the word in its line; n = 0
   stands for a word that was too long. '#' and ';' start a comment. */
typedef void (*llmi_word_fn)(void *user, int field, const char *word, size_t n);

typedef struct llmi_words {
    llmi_word_fn fn;
    void        *user;
    int          field;
    int          comment;
    size_t       n;                    /* one more than there is room: too long */
    char         word[LLMI_DNS_NAME + 1];
} llmi_words;

LLMI_FN void llmi_words_init(llmi_words *w, llmi_word_fn fn, void *user) {
    memset(w, 0, sizeof *w);
    w->fn = fn;
    w->user = user;
}

LLMI_FN void llmi_words_end(llmi_words *w) {
    if (w->n > 0) {
        w->fn(w->user, w->field, w->word, w->n <= sizeof w->word ? w->n : 0);
        w->field++;
    }
    w->n = 0;
}

LLMI_FN void llmi_words_feed(llmi_words *w, const char *p, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) {
        char c = p[i];
        if (c == '\n') {
            llmi_words_end(w);
            w->field = w->comment = 0;
        } else if (w->comment) {
            continue;
        } else if (c == '#' || c == ';') {
            llmi_words_end(w);
            w->comment = 1;
        } else if (c == ' ' || (c >= '\t' && c <= '\r')) {
            llmi_words_end(w);
        } else {
            if (w->n < sizeof w->word) w->word[w->n] = c;
            if (w->n <= sizeof w->word) w->n++;
        }
    }
}

/* The hosts file: an address, then names. Every line that names the host counts. */
typedef struct llmi_hosts {
    const char   *host;
    size_t        host_len;
    llmi_ip_list *list;                /* two: IPv4, IPv6 */
    int           valid;               /* ip is the address of this line */
    llmi_ip       ip;
} llmi_hosts;

LLMI_FN void llmi_hosts_word(void *user, int field, const char *word, size_t n) {
    llmi_hosts *h = (llmi_hosts *)user;
    size_t i;
    if (field == 0) {
        h->valid = llmi_ip_parse(&h->ip, word, n);
        return;
    }
    if (!h->valid || n != h->host_len) return;
    for (i = 0; i < n; i++) {
        if (llmi_lower((unsigned char)word[i]) != llmi_lower((unsigned char)h->host[i])) return;
    }
    llmi_ip_add(&h->list[h->ip.v6], &h->ip);
}

/* resolv.conf. Of a search list only one domain is kept, the one with the number want (-1 = none): the few
   names that need the next one read the file again, and the list takes no memory. */
typedef struct llmi_resolv {
    llmi_ip server[LLMI_DNS_SERVERS];
    int     servers;
    int     timeout_ms, attempts, ndots;
    int     key;                       /* of this line: first letter of its keyword, 0 = another one */
    int     want, domains;
    size_t  domain_len;
    char    domain[LLMI_DNS_NAME + 1];
} llmi_resolv;

LLMI_FN void llmi_resolv_init(llmi_resolv *r, int want) {
    memset(r, 0, sizeof *r);
    r->timeout_ms = LLMI_DNS_TIMEOUT_MS;
    r->attempts = LLMI_DNS_ATTEMPTS;
    r->ndots = 1;
    r->want = want;
}

/* "name:" and a number within lo..hi (outside: the nearer end). Sets *out if this is the option. */
LLMI_FN void llmi_resolv_option(const char *word, size_t n, const char *name, int lo, int hi, int *out) {
    size_t i = strlen(name);
    int v = 0;
    if (n <= i || memcmp(word, name, i) != 0) return;
    for (; i < n; i++) {
        if (!llmi_is_digit(word[i])) return;
        if (v < 100000) v = v * 10 + (word[i] - '0');
    }
    *out = v < lo ? lo : v > hi ? hi : v;
}

LLMI_FN void llmi_resolv_key(llmi_resolv *r, const char *word, size_t n) {
    r->key = llmi_is(word, n, "nameserver") ? 'n' : llmi_is(word, n, "search") ? 's' :
             llmi_is(word, n, "domain") ? 'd' : llmi_is(word, n, "options") ? 'o' : 0;
    if (r->key == 's' || r->key == 'd') {   /* the last of these lines counts */
        r->domains = 0;
        r->domain_len = 0;
    }
}

LLMI_FN void llmi_resolv_word(void *user, int field, const char *word, size_t n) {
    llmi_resolv *r = (llmi_resolv *)user;
    int seconds = 0;
    if (field == 0) {
        llmi_resolv_key(r, word, n);
    } else if (r->key == 'n' && field == 1 && r->servers < LLMI_DNS_SERVERS) {
        if (llmi_ip_parse(&r->server[r->servers], word, n)) r->servers++;
    } else if ((r->key == 's' || (r->key == 'd' && field == 1)) && r->domains < LLMI_DNS_SEARCH) {
        if (r->domains++ == r->want) {
            memcpy(r->domain, word, n);
            r->domain_len = n > 0 && word[n - 1] == '.' ? n - 1 : n;
        }
    } else if (r->key == 'o') {
        llmi_resolv_option(word, n, "timeout:", 1, 30, &seconds);
        if (seconds > 0) r->timeout_ms = seconds * 1000;
        llmi_resolv_option(word, n, "attempts:", 1, 5, &r->attempts);
        llmi_resolv_option(word, n, "ndots:", 0, 15, &r->ndots);
    }
}

/* ---- DNS messages, I/O-free ---------------------------------------------------------------------------- */

/* Adds the labels of s[0..n) to a wire name of `at` bytes that has no end yet. Returns its new length, 0 if
   this cannot be a name. */
LLMI_FN size_t llmi_dns_name_add(unsigned char out[LLMI_DNS_NAME], size_t at, const char *s, size_t n) {
    size_t i = 0;
    while (i < n) {
        size_t from = i, len_at = at++;
        for (; i < n && s[i] != '.'; i++) {
            if (s[i] <= ' ' || s[i] >= 0x7F || at >= LLMI_DNS_NAME - 1) return 0;
            out[at++] = (unsigned char)llmi_lower(s[i]);
        }
        if (i == from || i - from > 63 || (i < n && ++i == n)) return 0;
        out[len_at] = (unsigned char)(at - len_at - 1);
    }
    return at;
}

LLMI_FN unsigned llmi_dns_u16(const unsigned char *p) {
    return (unsigned)p[0] << 8 | p[1];
}

LLMI_FN size_t llmi_dns_put16(unsigned char *out, size_t at, unsigned v) {
    out[at] = (unsigned char)(v >> 8);
    out[at + 1] = (unsigned char)(v & 0xFF);
    return at + 2;
}

#define LLMI_DNS_A     1u
#define LLMI_DNS_CNAME 5u
#define LLMI_DNS_SOA   6u
#define LLMI_DNS_AAAA  28u
#define LLMI_DNS_TYPE(f) ((f) ? LLMI_DNS_AAAA : LLMI_DNS_A)

/* A query with one question, recursion desired. name is on the wire, its end included. Returns the length. */
LLMI_FN size_t llmi_dns_query(unsigned char out[LLMI_DNS_QUERY], unsigned id, const unsigned char *name,
                              size_t name_len, unsigned type, int large) {
    size_t at = llmi_dns_put16(out, 0, id);
    memset(out + at, 0, 10);
    out[2] = 1;                                  /* RD */
    out[5] = 1;                                  /* one question */
    out[11] = large ? 1 : 0;                     /* one additional record: OPT, RFC 6891 6.1.2 */
    memcpy(out + 12, name, name_len);
    at = llmi_dns_put16(out, 12 + name_len, type);
    at = llmi_dns_put16(out, at, 1);             /* class IN */
    if (large) {
        out[at++] = 0;
        at = llmi_dns_put16(out, at, 41);
        at = llmi_dns_put16(out, at, LLMI_DNS_PACKET);
        memset(out + at, 0, 6);
        at += 6;
    }
    return at;
}

/* Reads the name at *pos and moves *pos behind it. out gets it without pointers, in lower case. Returns its
   length, 0 if it is broken. A pointer must lead to before all that was read of this name, so it ends. */
LLMI_FN size_t llmi_dns_name_get(const unsigned char *p, size_t n, size_t *pos,
                                 unsigned char out[LLMI_DNS_NAME]) {
    size_t at = *pos, low = at, len = 0, i;
    int jumped = 0;
    while (at < n) {
        size_t c = p[at];
        if (c >= 0xC0) {
            if (n - at < 2) return 0;
            c = (size_t)llmi_dns_u16(p + at) & 0x3FFF;
            if (!jumped) *pos = at + 2;
            jumped = 1;
            if (c >= low) return 0;
            at = low = c;
        } else {
            if (c > 63 || n - at - 1 < c || len + 1 + c > LLMI_DNS_NAME) return 0;
            out[len++] = (unsigned char)c;
            for (i = 0; i < c; i++) out[len++] = (unsigned char)llmi_lower(p[at + 1 + i]);
            at += 1 + c;
            if (c == 0) {
                if (!jumped) *pos = at;
                return len;
            }
        }
    }
    return 0;
}

typedef enum llmi_dns_result {
    LLMI_DNS_NOT_OURS,                 /* no answer to this query: someone else's, or a forger's     */
    LLMI_DNS_FOUND,                    /* at least one address                                       */
    LLMI_DNS_NO_DATA,                  /* the name is there, but has no address of this family       */
    LLMI_DNS_ALIAS,                    /* of a name that the server says nothing about               */
    LLMI_DNS_NO_NAME,                  /* NXDOMAIN                                                   */
    LLMI_DNS_CUT,                      /* truncated before the first address                         */
    LLMI_DNS_BAD                       /* SERVFAIL, REFUSED, ... or records that cannot be read      */
} llmi_dns_result;

/* Reads the record at *pos: owner, type (0 if its class is not IN), *size bytes at *data. 0 if broken. */
LLMI_FN int llmi_dns_record(const unsigned char *p, size_t n, size_t *pos, unsigned char owner[LLMI_DNS_NAME],
                            size_t *owner_len, unsigned *type, size_t *data, size_t *size) {
    *owner_len = llmi_dns_name_get(p, n, pos, owner);
    if (*owner_len == 0 || n - *pos < 10) return 0;
    *type = llmi_dns_u16(p + *pos + 2) == 1 ? llmi_dns_u16(p + *pos) : 0;
    *size = llmi_dns_u16(p + *pos + 8);
    *data = *pos + 10;
    if (n - *data < *size) return 0;
    *pos = *data + *size;
    return 1;
}

/* One pass over `count` answers for the records of the name cur. Addresses go to the list; a CNAME replaces
   cur, and the caller makes another pass. Returns 1 if there was one, -1 if a record is broken (those before
   it count). */
LLMI_FN int llmi_dns_pass(const unsigned char *p, size_t n, size_t pos, unsigned count, unsigned type,
                          unsigned char cur[LLMI_DNS_NAME], size_t *cur_len, llmi_ip_list *list) {
    unsigned char name[LLMI_DNS_NAME];
    size_t len, data, size, alias = 0;
    unsigned t, want = type == LLMI_DNS_A ? 4 : 16;
    for (; count > 0; count--) {
        llmi_ip ip;
        if (!llmi_dns_record(p, n, &pos, name, &len, &t, &data, &size)) return -1;
        if (len != *cur_len || memcmp(name, cur, len) != 0) continue;
        if (t == type && size == want) {
            memset(&ip, 0, sizeof ip);
            ip.v6 = type == LLMI_DNS_AAAA;
            memcpy(ip.bytes, p + data, size);
            llmi_ip_add(list, &ip);
        } else if (t == LLMI_DNS_CNAME && alias == 0) {
            alias = data;
        }
    }
    if (alias == 0) return 0;
    *cur_len = llmi_dns_name_get(p, n, &alias, cur);
    return *cur_len != 0 ? 1 : -1;
}

/* The server knows that there is no address: an SOA record behind the answers (RFC 2308 2.2). */
LLMI_FN int llmi_dns_says_none(const unsigned char *p, size_t n, size_t pos) {
    unsigned char name[LLMI_DNS_NAME];
    size_t len, data, size;
    unsigned t, count = llmi_dns_u16(p + 6) + llmi_dns_u16(p + 8);
    for (; count > 0; count--) {
        if (!llmi_dns_record(p, n, &pos, name, &len, &t, &data, &size)) return 0;
        if (t == LLMI_DNS_SOA) return 1;
    }
    return 0;
}

/* What the datagram p[0..n) says to the query (id, name, type). Id and question must be the same (RFC 5452
   9.1); the connected socket has compared addresses and ports. cur gets the name at the end of the aliases. */
LLMI_FN llmi_dns_result llmi_dns_answer(const unsigned char *p, size_t n, unsigned id,
                                        const unsigned char *name, size_t name_len, unsigned type,
                                        unsigned char cur[LLMI_DNS_NAME], size_t *cur_len, llmi_ip_list *list) {
    size_t pos = 12;
    int hops, more = 1;
    list->n = 0;
    if (n < 12 || llmi_dns_u16(p) != id) return LLMI_DNS_NOT_OURS;
    if ((p[2] & 0xF8) != 0x80 || llmi_dns_u16(p + 4) != 1) return LLMI_DNS_NOT_OURS;
    *cur_len = llmi_dns_name_get(p, n, &pos, cur);
    if (*cur_len != name_len || memcmp(cur, name, name_len) != 0 || n - pos < 4) return LLMI_DNS_NOT_OURS;
    if (llmi_dns_u16(p + pos) != type || llmi_dns_u16(p + pos + 2) != 1) return LLMI_DNS_NOT_OURS;
    if ((p[3] & 0x0F) == 3) return LLMI_DNS_NO_NAME;
    if ((p[3] & 0x0F) != 0) return LLMI_DNS_BAD;
    for (hops = 0; hops < LLMI_DNS_ALIASES && more > 0 && list->n == 0; hops++) {
        more = llmi_dns_pass(p, n, pos + 4, llmi_dns_u16(p + 6), type, cur, cur_len, list);
    }
    if (list->n > 0) return LLMI_DNS_FOUND;
    if ((p[2] & 0x02) != 0) return LLMI_DNS_CUT;
    if (more != 0) return LLMI_DNS_BAD;
    return hops > 1 && !llmi_dns_says_none(p, n, pos + 4) ? LLMI_DNS_ALIAS : LLMI_DNS_NO_DATA;
}
#endif /* LLMI_HAS_RESOLVER */

/* ---- sockets ------------------------------------------------------------------------------------------- */

LLMI_FN const char *llmi_net_errno(int e) {
    switch (e) {
    case LLMI_E(CONNREFUSED):  return "connection refused";
    case LLMI_E(TIMEDOUT):     return "the peer does not answer";
    case LLMI_E(NETUNREACH):   return "no route to this network";
    case LLMI_E(HOSTUNREACH):  return "no route to this host";
    case LLMI_E(ADDRNOTAVAIL): return "no local address or port for this connection";
    case LLMI_E(CONNRESET):    return "connection reset by the peer";
    case LLMI_E(ACCES):        return "not permitted (firewall?)";
    case LLMI_E(MFILE):        return "no socket: too many open files";
    case LLMI_E(NOBUFS):       return "no socket: the system is out of memory";
    case LLMI_E(AFNOSUPPORT):  return "the system does not have this address family";
#if LLMI_WINDOWS
    case WSAECONNABORTED:      return "connection given up by this system, or reset by the peer";
    case WSANOTINITIALISED:    return "sockets are not initialised: create a client first";
#else
    case EPIPE:  return "connection closed by the peer";
    case EPERM:  return "not permitted (firewall?)";
    case ENFILE: return "no socket: too many open files";
    case ENOMEM: return "no socket: the system is out of memory";
#endif
    default:            return "network failure";
    }
}

/* connect() to ip and port: 1 done, 0 in progress, -1 failed (LLMI_NET_ERROR). */
LLMI_FN int llmi_net_dial(int fd, const llmi_ip *ip, int port) {
    struct sockaddr_in a4;
    struct sockaddr_in6 a6;
    int r;
    if (ip->v6) {
        memset(&a6, 0, sizeof a6);
        a6.sin6_family = AF_INET6;
        a6.sin6_port = htons((uint16_t)port);
        a6.sin6_scope_id = ip->scope;
        memcpy(&a6.sin6_addr, ip->bytes, 16);
        r = connect(LLMI_SOCKET(fd), (const struct sockaddr *)(const void *)&a6, sizeof a6);
    } else {
        memset(&a4, 0, sizeof a4);
        a4.sin_family = AF_INET;
        a4.sin_port = htons((uint16_t)port);
        memcpy(&a4.sin_addr, ip->bytes, 4);
        r = connect(LLMI_SOCKET(fd), (const struct sockaddr *)(const void *)&a4, sizeof a4);
    }
    if (r == 0) return 1;
#if LLMI_WINDOWS
    return WSAGetLastError() == WSAEWOULDBLOCK ? 0 : -1;
#else
    return errno == EINPROGRESS || errno == EINTR ? 0 : -1;   /* after EINTR it goes on by itself */
#endif
}

/* The other way round, of an address that the system has given. 0: another family. */
LLMI_FN int llmi_ip_from(llmi_ip *ip, const struct sockaddr *a) {
    memset(ip, 0, sizeof *ip);
    if (a->sa_family == AF_INET6) {
        struct sockaddr_in6 a6;
        memcpy(&a6, a, sizeof a6);
        ip->v6 = 1;
        ip->scope = (unsigned)a6.sin6_scope_id;
        memcpy(ip->bytes, &a6.sin6_addr, 16);
    } else if (a->sa_family == AF_INET) {
        struct sockaddr_in a4;
        memcpy(&a4, a, sizeof a4);
        memcpy(ip->bytes, &a4.sin_addr, 4);
    } else {
        return 0;
    }
    return 1;
}

/* While OPEN is in progress: its sockets and what each waits for. Returns how many there are. */
#define LLMI_NET_SOCKETS (2 * LLMI_NET_ADDRS + 2)
LLMI_FN int llmi_net_sockets(const llm_net_conn *c, llmi_pollfd out[LLMI_NET_SOCKETS]) {
    int f, i, n = 0;
    if (c->state != LLMI_NET_RESOLVE && c->state != LLMI_NET_CONNECT) return 0;
    memset(out, 0, LLMI_NET_SOCKETS * sizeof out[0]);
    for (f = 0; f < 2; f++) {
#if LLMI_HAS_RESOLVER
        if (c->lookup[f].state == LLMI_DNS_SENT && c->lookup[f].fd >= 0) {
            out[n].fd = c->lookup[f].fd;
            out[n++].events = LLMI_POLLIN;
        }
#endif
        for (i = 0; i < c->list[f].n; i++) {
            if (c->tried[f][i] == LLMI_TRY_RUNS) {
                out[n].fd = c->try_fd[f][i];
                out[n++].events = LLMI_POLLOUT;
            }
        }
    }
    return n;
}

LLMI_FN void llmi_net_cover_add(llm_net_conn *c, int fd, short events) {
#if LLMI_HAS_EPOLL
    struct epoll_event e;
    if (c->cover >= 0) {
        memset(&e, 0, sizeof e);
        e.events = events == LLMI_POLLIN ? (uint32_t)EPOLLIN : (uint32_t)EPOLLOUT;
        if (epoll_ctl(c->cover, EPOLL_CTL_ADD, fd, &e) == 0) return;
        (void)close(c->cover);           /* a set with a hole is worse than none */
        c->cover = -1;
        c->no_cover = 1;
    }
#else
    (void)fd;
    (void)events;
#endif
    c->serial++;
}

/* The descriptor to wait on: the socket, or while several are open a set over them; -1 if there is none. */
LLMI_FN int llmi_net_fd(llm_net_conn *c) {
    llmi_pollfd s[LLMI_NET_SOCKETS];
    int n, i;
    if (c->state == LLMI_NET_OPENED) return c->fd;
    n = llmi_net_sockets(c, s);
    if (n == 0) return -1;
    if (c->cover >= 0) return c->cover;
    if (n == 1) return s[0].fd;
#if LLMI_HAS_EPOLL
    c->cover = epoll_create1(EPOLL_CLOEXEC);
    c->no_cover = c->cover < 0;
    c->serial++;
    for (i = 0; i < n && c->cover >= 0; i++) llmi_net_cover_add(c, s[i].fd, s[i].events);
#else
    (void)i;
#endif
    return c->cover;
}

/* Right whichever of the two is asked first. */
LLMI_FN unsigned llmi_net_serial(llm_net_conn *c) {
    (void)llmi_net_fd(c);
    return c->serial;
}

LLMI_FN int llmi_net_wants(const llm_net_conn *c) {
    llmi_pollfd s[LLMI_NET_SOCKETS];
    int n = llmi_net_sockets(c, s);
    if (n == 0) return LLM_WANT_READ | LLM_WANT_WRITE;
    return n > 1 || c->cover >= 0 || s[0].events == LLMI_POLLIN ? LLM_WANT_READ : LLM_WANT_WRITE;
}

/* Gives up every socket but the one to keep (-1 = none), and the set over them. */
LLMI_FN void llmi_net_drop_all(llm_net_conn *c, int keep) {
    llmi_pollfd s[LLMI_NET_SOCKETS];
    int n = llmi_net_sockets(c, s);
    while (n-- > 0) {
        if (s[n].fd != keep) (void)LLMI_NET_CLOSE(s[n].fd);
    }
    if (c->state != LLMI_NET_NEW && c->cover >= 0) {
        (void)LLMI_NET_CLOSE(c->cover);
        c->cover = -1;
        c->serial++;
    }
}

LLMI_FN void llmi_net_fail(llm_net_conn *c, int result, const char *why) {
    llmi_net_drop_all(c, -1);
    c->state = LLMI_NET_DEAD;
    c->result = result;
    c->why = why;
}

/* ---- resolving ----------------------------------------------------------------------------------------- */
#if LLMI_HAS_RESOLVER

/* Feeds a file to a reader of words; a file that is not there is an empty one. */
LLMI_FN void llmi_words_file(void *ctx, llmi_words *w, const char *path) {
    char buf[4096];
    size_t at = 0;
    long got;
    (void)ctx;
    while (at < LLMI_NET_FILE_MAX && (got = LLM_FILE_READ(ctx, path, at, buf, sizeof buf)) > 0) {
        if ((size_t)got > sizeof buf) break;   /* a hook that breaks its contract has filled nothing */
        llmi_words_feed(w, buf, (size_t)got);
        at += (size_t)got;
    }
    llmi_words_feed(w, "\n", 1);
}

#ifdef LLM_RESOLV_CONF
LLMI_FN void llmi_resolv_system(void *ctx, llmi_resolv *r) {
    llmi_words w;
    llmi_words_init(&w, llmi_resolv_word, r);
    llmi_words_file(ctx, &w, LLM_RESOLV_CONF);
}
#else
/* Windows: the servers of every interface that is up. fec0::/10 are stand-ins that nobody listens on. */
LLMI_FN void llmi_resolv_system(void *ctx, llmi_resolv *r) {
    union { uint64_t align; IP_ADAPTER_ADDRESSES first; char bytes[16 * 1024]; } list;
    const IP_ADAPTER_ADDRESSES *a;
    const IP_ADAPTER_DNS_SERVER_ADDRESS *d;
    IP_ADAPTER_ADDRESSES *first = &list.first;
    ULONG result;
    ULONG size = sizeof list, skip = GAA_FLAG_SKIP_UNICAST | GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST |
                 GAA_FLAG_SKIP_FRIENDLY_NAME;
    (void)ctx;
    result = GetAdaptersAddresses(AF_UNSPEC, skip, NULL, first, &size);
    if (result == ERROR_BUFFER_OVERFLOW) {     /* many interfaces */
        first = (IP_ADAPTER_ADDRESSES *)HeapAlloc(GetProcessHeap(), 0, size);
        if (first == NULL) return;
        result = GetAdaptersAddresses(AF_UNSPEC, skip, NULL, first, &size);
    }
    for (a = result == NO_ERROR ? first : NULL; a != NULL; a = a->Next) {
        for (d = a->OperStatus == IfOperStatusUp ? a->FirstDnsServerAddress : NULL; d != NULL; d = d->Next) {
            llmi_ip ip;
            int i = 0;
            if (!llmi_ip_from(&ip, d->Address.lpSockaddr)) continue;
            if (ip.v6 && ip.bytes[0] == 0xFE && (ip.bytes[1] & 0xC0) == 0xC0) continue;
            while (i < r->servers && memcmp(&r->server[i], &ip, sizeof ip) != 0) i++;
            if (i == r->servers && i < LLMI_DNS_SERVERS) r->server[r->servers++] = ip;
        }
    }
    if (first != &list.first) (void)HeapFree(GetProcessHeap(), 0, first);
}
#endif

LLMI_FN void llmi_resolv_load(void *ctx, llmi_resolv *r, int want) {
    llmi_resolv_init(r, want);
    llmi_resolv_system(ctx, r);
    if (r->servers == 0) r->servers = llmi_ip_parse(&r->server[0], LLM_DNS_SERVER, strlen(LLM_DNS_SERVER));
}

/* Puts the form of the name that c->candidate stands for into name. A name with enough dots is first asked for
   as it is, then with each search domain behind it; one with fewer dots the other way round. 1 done, 0 there is
   no such form, -1 it would be too long: try the next. */
LLMI_FN int llmi_dns_candidate(void *ctx, llm_net_conn *c, const char *host, unsigned char name[LLMI_DNS_NAME],
                               size_t *name_len) {
    llmi_resolv r;
    size_t len = llmi_dns_host_len(host), i;
    int dots = 0, k = c->candidate;
    for (i = 0; i < len; i++) dots += host[i] == '.';
    llmi_resolv_load(ctx, &r, -1);
    if (host[len] == '.') {
        if (k > 0) return 0;
    } else if (dots >= r.ndots) {
        k--;                             /* now the number of the search domain, -1 = as it is */
    }
    if (host[len] != '.' && k >= 0) {
        llmi_resolv_load(ctx, &r, k);
        if (k > r.domains || (k == r.domains && dots >= r.ndots)) return 0;
    }
    memcpy(c->server, r.server, sizeof c->server);
    c->servers = r.servers;
    c->attempts = r.attempts;
    c->timeout_ms = r.timeout_ms;
    *name_len = llmi_dns_name_add(name, 0, host, len);
    if (*name_len == 0) return 0;
    if (r.domain_len > 0) *name_len = llmi_dns_name_add(name, *name_len, r.domain, r.domain_len);
    if (*name_len == 0) return -1;
    name[(*name_len)++] = 0;
    return 1;
}

LLMI_FN void llmi_dns_drop(llmi_dns_lookup *q) {
    if (q->state == LLMI_DNS_SENT && q->fd >= 0) (void)LLMI_NET_CLOSE(q->fd);
    q->fd = -1;
}

/* Sends the query to its server; a fresh socket gets a port from the system and an id from LLM_RANDOM. */
LLMI_FN int llmi_dns_send(void *ctx, llm_net_conn *c, llmi_dns_lookup *q, uint64_t now) {
    unsigned char buf[LLMI_DNS_QUERY], id[2];
    const llmi_ip *server = &c->server[q->server];
    size_t n;
    (void)ctx;
    if (q->fd < 0) {
        if (!LLM_RANDOM(ctx, id, sizeof id)) {
            llmi_net_fail(c, LLM_NET_FAILED, "no random numbers for DNS ids: look at LLM_RANDOM");
            return 0;
        }
        q->id = llmi_dns_u16(id);
        q->fd = llmi_net_socket(server->v6 ? AF_INET6 : AF_INET, SOCK_DGRAM);
        if (q->fd < 0) return 0;
        if (llmi_net_dial(q->fd, server, LLM_DNS_PORT) < 0) return 0;
        llmi_net_cover_add(c, q->fd, LLMI_POLLIN);
    }
    n = llmi_dns_query(buf, q->id, q->name, q->name_len, LLMI_DNS_TYPE(q == &c->lookup[1]), q->large);
    if (send(LLMI_SOCKET(q->fd), (const char *)buf, LLMI_IO_LEN(n), LLMI_NET_QUIET | LLMI_NET_TRY) < 0 &&
        !llmi_net_later(LLMI_NET_ERROR)) {
        return 0;
    }
    q->sent++;
    q->again_at = now + (uint64_t)c->timeout_ms;
    return 1;
}

/* Asks q->server, or the next one that is not known to be bad. */
LLMI_FN void llmi_dns_ask(void *ctx, llm_net_conn *c, llmi_dns_lookup *q, uint64_t now) {
    int k;
    for (k = 0; k < c->servers && q->sent < c->attempts * c->servers; k++) {
        if ((q->bad >> q->server & 1) == 0) {
            q->state = LLMI_DNS_SENT;
            if (llmi_dns_send(ctx, c, q, now)) return;
            if (c->state == LLMI_NET_DEAD) return;
            q->bad |= 1u << q->server;
        }
        llmi_dns_drop(q);
        q->server = (q->server + 1) % c->servers;
    }
    llmi_dns_drop(q);
    q->state = LLMI_DNS_UNANSWERED;
}

/* Time is up. The only server is asked again on the same socket, so that its late answer still counts. */
LLMI_FN void llmi_dns_again(void *ctx, llm_net_conn *c, llmi_dns_lookup *q, uint64_t now) {
    if (c->servers > 1) {
        llmi_dns_drop(q);
        q->server = (q->server + 1) % c->servers;
    }
    llmi_dns_ask(ctx, c, q, now);
}

LLMI_FN void llmi_dns_found(llm_net_conn *c, int f, const llmi_ip_list *list, uint64_t now) {
    int i;
    for (i = 0; i < list->n; i++) llmi_ip_add(&c->list[f], &list->ip[i]);
    if (f == 0 && c->lookup[1].state == LLMI_DNS_SENT) c->delay_until = now + LLMI_DNS_DELAY_MS;
}

LLMI_FN void llmi_dns_receive(void *ctx, llm_net_conn *c, int f, uint64_t now) {
    llmi_dns_lookup *q = &c->lookup[f];
    unsigned char p[LLMI_DNS_PACKET], cur[LLMI_DNS_NAME];
    size_t cur_len;
    llmi_ip_list list;
    int k;
    for (k = 0; k < LLMI_DNS_FLOOD && q->state == LLMI_DNS_SENT; k++) {
        long n = (long)recv(LLMI_SOCKET(q->fd), (char *)p, sizeof p, LLMI_NET_TRY);
        llmi_dns_result r = LLMI_DNS_BAD;       /* nobody listens there, or no way there */
#if LLMI_WINDOWS
        if (n < 0 && LLMI_NET_ERROR == WSAEMSGSIZE) n = (long)sizeof p;     /* too long: its beginning is there */
#endif
        if (n < 0 && llmi_net_later(LLMI_NET_ERROR)) return;
        if (n >= 0) {
            r = llmi_dns_answer(p, (size_t)n, q->id, q->name, q->name_len, LLMI_DNS_TYPE(f), cur, &cur_len, &list);
        }
        if (r == LLMI_DNS_NOT_OURS) continue;
        llmi_dns_drop(q);
        if (r == LLMI_DNS_CUT && !q->large) {
            q->large = 1;
            llmi_dns_ask(ctx, c, q, now);
        } else if (r == LLMI_DNS_ALIAS && q->aliases < LLMI_DNS_ALIASES) {
            memcpy(q->name, cur, cur_len);
            q->name_len = cur_len;
            q->aliases++;
            q->sent = q->large = 0;
            llmi_dns_ask(ctx, c, q, now);
        } else if (r == LLMI_DNS_CUT || r == LLMI_DNS_BAD) {
            q->bad |= 1u << q->server;
            llmi_dns_ask(ctx, c, q, now);
        } else {
            q->state = LLMI_DNS_ANSWERED;
            if (r == LLMI_DNS_FOUND) llmi_dns_found(c, f, &list, now);
        }
    }
}

/* Sends both queries for the next form of the name. */
LLMI_FN void llmi_dns_start(void *ctx, llm_net_conn *c, const char *host, uint64_t now) {
    unsigned char name[LLMI_DNS_NAME];
    size_t name_len;
    int f, r;
    while ((r = llmi_dns_candidate(ctx, c, host, name, &name_len)) < 0) c->candidate++;
    if (r == 0) {
        llmi_net_fail(c, LLM_NET_NO_HOST, "there is no such host");
        return;
    }
    c->candidate++;
    for (f = 1; f >= 0 && c->state != LLMI_NET_DEAD; f--) {
        memset(&c->lookup[f], 0, sizeof c->lookup[f]);
        memcpy(c->lookup[f].name, name, name_len);
        c->lookup[f].name_len = name_len;
        c->lookup[f].fd = -1;
        llmi_dns_ask(ctx, c, &c->lookup[f], now);
    }
}

LLMI_FN void llmi_dns_step(void *ctx, llm_net_conn *c, const char *host, uint64_t now) {
    int f;
    for (f = 0; f < 2 && c->state != LLMI_NET_DEAD; f++) {
        llmi_dns_lookup *q = &c->lookup[f];
        if (q->state == LLMI_DNS_SENT) llmi_dns_receive(ctx, c, f, now);
        if (q->state == LLMI_DNS_SENT && now >= q->again_at) llmi_dns_again(ctx, c, q, now);
    }
    if (c->state != LLMI_NET_RESOLVE || c->list[0].n + c->list[1].n > 0) return;
    if (c->lookup[0].state == LLMI_DNS_SENT || c->lookup[1].state == LLMI_DNS_SENT) return;
    if (c->lookup[0].state == LLMI_DNS_UNANSWERED || c->lookup[1].state == LLMI_DNS_UNANSWERED) {
        llmi_net_fail(c, LLM_NET_NO_HOST, "no name server gave an answer");
    } else {
        llmi_dns_start(ctx, c, host, now);
    }
}

LLMI_FN void llmi_hosts_system(void *ctx, llmi_words *w) {
#ifdef LLM_HOSTS_FILE
    llmi_words_file(ctx, w, LLM_HOSTS_FILE);
#else
    static const char below[] = "\\drivers\\etc\\hosts";
    char path[MAX_PATH + sizeof below];
    UINT n = GetSystemDirectoryA(path, MAX_PATH);
    if (n == 0 || n >= MAX_PATH) return;
    memcpy(path + n, below, sizeof below);
    llmi_words_file(ctx, w, path);
#endif
}

/* Everything that needs no name server. */
LLMI_FN void llmi_net_lookup(void *ctx, llm_net_conn *c, const char *host, uint64_t now) {
    llmi_hosts h;
    llmi_words w;
    memset(&h, 0, sizeof h);
    h.host = host;
    h.host_len = llmi_dns_host_len(host);
    h.list = c->list;
    if (llmi_is_localhost(host, h.host_len)) {
        c->list[0].n = c->list[1].n = 1;
        c->list[1].ip[0].v6 = 1;
        c->list[1].ip[0].bytes[15] = 1;
        c->list[0].ip[0].bytes[0] = 127;
        c->list[0].ip[0].bytes[3] = 1;
        return;
    }
    llmi_words_init(&w, llmi_hosts_word, &h);
    llmi_hosts_system(ctx, &w);
    if (c->list[0].n + c->list[1].n == 0) llmi_dns_start(ctx, c, host, now);
}
#else
LLMI_FN void llmi_net_lookup(void *ctx, llm_net_conn *c, const char *host, uint64_t now) {
    struct addrinfo hints, *first = NULL, *a;
    int e;
    (void)ctx;
    (void)now;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    e = getaddrinfo(host, NULL, &hints, &first);
    for (a = e == 0 ? first : NULL; a != NULL; a = a->ai_next) {
        llmi_ip ip;
        if (llmi_ip_from(&ip, a->ai_addr)) llmi_ip_add(&c->list[ip.v6], &ip);
    }
    if (e == 0) freeaddrinfo(first);
    if (c->list[0].n + c->list[1].n > 0) return;
    llmi_net_fail(c, LLM_NET_NO_HOST,
                  e == EAI_AGAIN ? "no name server gave an answer" : "there is no such host");
}
#endif

/* ---- connecting: the race, RFC 8305 5 ------------------------------------------------------------------ */

/* A lookup whose answer may still bring addresses. */
LLMI_FN int llmi_net_lookups(const llm_net_conn *c) {
#if LLMI_HAS_RESOLVER
    return (c->lookup[0].state == LLMI_DNS_SENT) + (c->lookup[1].state == LLMI_DNS_SENT);
#else
    (void)c;
    return 0;
#endif
}

LLMI_FN int llmi_net_count(const llm_net_conn *c, llmi_net_try what) {
    int f, i, n = 0;
    for (f = 0; f < 2; f++) {
        for (i = 0; i < c->list[f].n; i++) n += c->tried[f][i] == what;
    }
    return n;
}

/* When the next address may be tried, 0 = at once. Only asked while there is one. */
LLMI_FN uint64_t llmi_net_next_at(const llm_net_conn *c) {
#if LLMI_HAS_RESOLVER
    if (c->state == LLMI_NET_RESOLVE && c->list[1].n == 0 && c->lookup[1].state == LLMI_DNS_SENT) {
        return c->delay_until;
    }
#endif
    return llmi_net_count(c, LLMI_TRY_RUNS) > 0 ? c->next_at : 0;
}

LLMI_FN void llmi_net_lost(llm_net_conn *c, int f, int i, int e) {
    if (c->try_fd[f][i] >= 0) (void)LLMI_NET_CLOSE(c->try_fd[f][i]);
    c->tried[f][i] = LLMI_TRY_FAILED;
    c->next_at = 0;
    if (e == LLMI_E(CONNREFUSED)) c->refused = 1;
    c->why = llmi_net_errno(c->refused ? LLMI_E(CONNREFUSED) : e);
}

LLMI_FN void llmi_net_won(llm_net_conn *c, int f, int i) {
    int fd = c->try_fd[f][i];
#if LLMI_POSIX
    int flags = fcntl(fd, F_GETFL);
#endif
    llmi_net_drop_all(c, fd);
    c->fd = fd;
    c->why = "";
    c->state = LLMI_NET_OPENED;
#if LLMI_POSIX
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0) {
        (void)LLMI_NET_CLOSE(fd);
        llmi_net_fail(c, LLM_NET_FAILED, "the socket cannot be made blocking");
    }
#endif
}

LLMI_FN void llmi_net_try_one(llm_net_conn *c, int f, int i, int port, uint64_t now) {
    const llmi_ip *ip = &c->list[f].ip[i];
    int on = 1, r, fd = llmi_net_socket(ip->v6 ? AF_INET6 : AF_INET, SOCK_STREAM);
    c->state = LLMI_NET_CONNECT;
    c->last = f;
    c->try_fd[f][i] = fd;
    if (fd < 0) {
        llmi_net_lost(c, f, i, LLMI_NET_ERROR);
        return;
    }
    (void)setsockopt(LLMI_SOCKET(fd), IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
    r = llmi_net_dial(fd, ip, port);
    if (r < 0) {
        llmi_net_lost(c, f, i, LLMI_NET_ERROR);
        return;
    }
    c->tried[f][i] = LLMI_TRY_RUNS;
    llmi_net_cover_add(c, fd, LLMI_POLLOUT);
    c->next_at = now + LLMI_NET_STAGGER_MS;
    if (r > 0) llmi_net_won(c, f, i);
}

/* Looks which of the running ones are done. */
LLMI_FN void llmi_net_check(llm_net_conn *c) {
    int f, i;
    for (f = 0; f < 2; f++) {
        for (i = 0; i < c->list[f].n && c->state == LLMI_NET_CONNECT; i++) {
            llmi_pollfd p;
            int e = 0;
            socklen_t n = sizeof e;
            if (c->tried[f][i] != LLMI_TRY_RUNS) continue;
            p.fd = c->try_fd[f][i];
            p.events = LLMI_POLLOUT;
            p.revents = 0;
            if (LLMI_POLL(&p, 1, 0) <= 0) continue;
            if (getsockopt(LLMI_SOCKET(p.fd), SOL_SOCKET, SO_ERROR, (char *)&e, &n) != 0) e = LLMI_NET_ERROR;
            if (e == 0) llmi_net_won(c, f, i);
            else llmi_net_lost(c, f, i, e);
        }
    }
}

LLMI_FN void llmi_net_race(llm_net_conn *c, int port, uint64_t now) {
    int f, i;
    llmi_net_check(c);
    while (c->state == LLMI_NET_RESOLVE || c->state == LLMI_NET_CONNECT) {
        if (llmi_net_count(c, LLMI_TRY_NOT_YET) == 0 || now < llmi_net_next_at(c)) break;
        f = !c->last;                    /* the families take turns */
        for (i = 0; i < c->list[f].n && c->tried[f][i] != LLMI_TRY_NOT_YET; i++) {}
        if (i == c->list[f].n) {
            f = c->last;
            for (i = 0; c->tried[f][i] != LLMI_TRY_NOT_YET; i++) {}
        }
        llmi_net_try_one(c, f, i, port, now);
    }
    if (c->state == LLMI_NET_CONNECT && llmi_net_lookups(c) == 0 &&
        llmi_net_count(c, LLMI_TRY_FAILED) == c->list[0].n + c->list[1].n) {
        llmi_net_fail(c, c->refused ? LLM_NET_REFUSED : LLM_NET_FAILED, c->why);
    }
}

/* ---- the hooks ----------------------------------------------------------------------------------------- */

LLMI_FN void llmi_net_start(void *ctx, llm_net_conn *c, const char *host, uint64_t now) {
    llmi_ip ip;
    memset(c, 0, sizeof *c);
    c->state = LLMI_NET_RESOLVE;
    c->fd = c->cover = -1;
    if (llmi_ip_parse(&ip, host, strlen(host))) {
        llmi_ip_add(&c->list[ip.v6], &ip);
    } else {
        llmi_net_lookup(ctx, c, host, now);
    }
}

LLMI_FN int llmi_net_step(void *ctx, llm_net_conn *c, const char *host, int port) {
    uint64_t now = LLM_NOW_MS(ctx);
    if (c->state == LLMI_NET_OPENED) return 1;
    if (c->state == LLMI_NET_NEW) {
        llmi_net_start(ctx, c, host, now);
#if LLMI_HAS_RESOLVER
    } else {
        llmi_dns_step(ctx, c, host, now);
#endif
    }
    llmi_net_race(c, port, now);
    if (c->state == LLMI_NET_OPENED) return 1;
    return c->state == LLMI_NET_DEAD ? c->result : 0;
}

/* Milliseconds until OPEN has something to do of its own accord, -1 = only when a socket is ready. */
LLMI_FN int llmi_net_timer(void *ctx, const llm_net_conn *c) {
    uint64_t now = LLM_NOW_MS(ctx), at = (uint64_t)-1;
    int f;
    if (c->state == LLMI_NET_NEW) return 0;
    if (c->state != LLMI_NET_RESOLVE && c->state != LLMI_NET_CONNECT) return -1;
    if (llmi_net_lookups(c) + c->list[0].n + c->list[1].n == 0) return 0;   /* the next form of the name */
#if LLMI_HAS_RESOLVER
    for (f = 0; f < 2; f++) {
        if (c->lookup[f].state == LLMI_DNS_SENT && c->lookup[f].again_at < at) at = c->lookup[f].again_at;
    }
#else
    (void)f;
#endif
    if (llmi_net_count(c, LLMI_TRY_NOT_YET) > 0 && llmi_net_next_at(c) < at) at = llmi_net_next_at(c);
    return at == (uint64_t)-1 ? -1 : at <= now ? 0 : (int)(at - now);
}

/* The same for a caller who waits on LLM_NET_FD: it may have been unable to show all sockets. */
LLMI_FN int llmi_net_timer_ms(void *ctx, const llm_net_conn *c) {
    llmi_pollfd s[LLMI_NET_SOCKETS];
    int ms = llmi_net_timer(ctx, c);
    if (llmi_net_sockets(c, s) < 2 || c->cover >= 0 || (LLMI_HAS_EPOLL && !c->no_cover)) return ms;
    return ms < 0 || ms > LLMI_NET_BLIND_MS ? LLMI_NET_BLIND_MS : ms;
}

/* 1 open, 0 in progress, LLM_NET_NO_HOST, _REFUSED, _FAILED. Waits once: may return 0 before its time. */
LLMI_FN int llmi_net_open(void *ctx, llm_net_conn *c, const char *host, int port, int timeout_ms) {
    llmi_pollfd s[LLMI_NET_SOCKETS];
    int timer, r = llmi_net_step(ctx, c, host, port);
    if (r != 0 || timeout_ms <= 0) return r;
    timer = llmi_net_timer(ctx, c);
    if (timer >= 0 && timer < timeout_ms) timeout_ms = timer;
    if (LLMI_POLL(s, llmi_net_sockets(c, s), timeout_ms) < 0) return 0;
    return llmi_net_step(ctx, c, host, port);
}

/* How send() or recv() is to be called: 0 = it waits, for as long as the socket was told: a system call only when that
   is another time than before. Where the socket cannot be told, the wait is made here. */
LLMI_FN int llmi_net_timeout(const llm_net_conn *c, int option, int *set_ms, int timeout_ms) {
    llmi_pollfd p;
#if LLMI_POSIX
    struct timeval t;
    if (timeout_ms <= 0) return MSG_DONTWAIT;
    if (timeout_ms == *set_ms) return 0;
    t.tv_sec = timeout_ms / 1000;
    t.tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000;
    if (setsockopt(c->fd, SOL_SOCKET, option, &t, sizeof t) == 0) {
        *set_ms = timeout_ms;
        return 0;
    }
#else
    (void)set_ms;
    if (timeout_ms <= 0) return LLMI_NET_TRY;
#endif
    p.fd = c->fd;
    p.events = option == SO_RCVTIMEO ? LLMI_POLLIN : LLMI_POLLOUT;
    p.revents = 0;
    (void)LLMI_POLL(&p, 1, timeout_ms);
    return LLMI_NET_TRY;
}

/* What a failed send or recv means: 0 nothing yet, also after a signal (the caller has a cancel flag). */
LLMI_FN long llmi_net_result(llm_net_conn *c) {
    int e = LLMI_NET_ERROR;
    if (llmi_net_later(e)) return 0;
    c->why = llmi_net_errno(e);
    return LLM_NET_FAILED;
}

/* After a wait that failed at once. Event loops make non-blocking what they watch (libuv does), and a kept connection
   may have been in one. 1: the socket blocks again, so that the wait can be made. */
LLMI_FN int llmi_net_reblock(const llm_net_conn *c, int timeout_ms) {
#if LLMI_WINDOWS
    (void)c;             /* no socket blocks there: the wait was made by poll */
    (void)timeout_ms;
    return 0;
#else
    int flags;
    if (timeout_ms <= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) return 0;
    flags = fcntl(c->fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK) != 0 && fcntl(c->fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
#endif
}

#define LLMI_NET_MOST ((size_t)1 << 30)   /* for one send or recv: the result must fit a long */

LLMI_FN long llmi_net_send(llm_net_conn *c, const void *buf, size_t n, int timeout_ms) {
    long r;
    if (c->state != LLMI_NET_OPENED) return LLM_NET_FAILED;
    do {
        r = (long)send(LLMI_SOCKET(c->fd), (const char *)buf, LLMI_IO_LEN(llmi_min(n, LLMI_NET_MOST)),
                       LLMI_NET_QUIET | llmi_net_timeout(c, SO_SNDTIMEO, &c->send_ms, timeout_ms));
    } while (r < 0 && llmi_net_reblock(c, timeout_ms));
    return r >= 0 ? r : llmi_net_result(c);
}

LLMI_FN long llmi_net_recv(llm_net_conn *c, void *buf, size_t n, int timeout_ms) {
    long r;
    if (c->state != LLMI_NET_OPENED) return LLM_NET_FAILED;
    if (n == 0) return 0;
    do {
        r = (long)recv(LLMI_SOCKET(c->fd), (char *)buf, LLMI_IO_LEN(llmi_min(n, LLMI_NET_MOST)),
                       llmi_net_timeout(c, SO_RCVTIMEO, &c->recv_ms, timeout_ms));
    } while (r < 0 && llmi_net_reblock(c, timeout_ms));
    if (r > 0) return r;
    return r == 0 ? LLM_NET_CLOSED : llmi_net_result(c);
}

LLMI_FN void llmi_net_close(llm_net_conn *c) {
    llmi_net_drop_all(c, -1);
    if (c->state == LLMI_NET_OPENED) (void)LLMI_NET_CLOSE(c->fd);
    memset(c, 0, sizeof *c);
}

LLMI_FN const char *llmi_net_why(const llm_net_conn *c) {
    if (c->state == LLMI_NET_RESOLVE) return "waiting for the name server";
    if (c->state == LLMI_NET_CONNECT) return "waiting for the server to accept the connection";
    return c->why != NULL ? c->why : "";
}

/* ---- waiting for several ------------------------------------------------------------------------------- */

LLMI_FN int llmi_net_item(const llm_wait_item *item, short *events) {
    int wants;
    *events = 0;
    if (item->conn == NULL) return -1;
    wants = item->conn->state == LLMI_NET_OPENED ? item->wants : llmi_net_wants(item->conn);
    if (wants & LLM_WANT_READ) *events = (short)(*events | LLMI_POLLIN);
    if (wants & LLM_WANT_WRITE) *events = (short)(*events | LLMI_POLLOUT);
    return llmi_net_fd(item->conn);
}

/* One poll() over at most LLMI_NET_SLICE of them. */
LLMI_FN int llmi_net_wait_slice(llm_wait_item *items, size_t n, int timeout_ms) {
    llmi_pollfd p[LLMI_NET_SLICE];
    size_t i;
    int r;
    memset(p, 0, sizeof p);
    for (i = 0; i < n; i++) p[i].fd = llmi_net_item(&items[i], &p[i].events);
    r = LLMI_POLL(p, n, timeout_ms);
    if (r < 0) return LLMI_NET_ERROR == LLMI_E(INTR) ? 0 : LLM_NET_FAILED;
    for (i = 0; i < n; i++) items[i].ready = p[i].fd >= 0 && p[i].revents != 0;
    return r;
}

/* One look at all of them, slice by slice. */
LLMI_FN int llmi_net_wait_look(llm_wait_item *items, size_t n) {
    size_t at;
    int r, ready = 0;
    for (at = 0; at < n; at += LLMI_NET_SLICE) {
        r = llmi_net_wait_slice(items + at, llmi_min(n - at, LLMI_NET_SLICE), 0);
        if (r < 0) return r;
        ready += r;
    }
    return ready;
}

/* Looks every 10 ms. */
LLMI_FN int llmi_net_wait_slices(llm_wait_item *items, size_t n, int timeout_ms) {
    int ms, r, left = timeout_ms;
    for (;;) {
        r = llmi_net_wait_look(items, n);
        if (r != 0 || left == 0) return r;
        ms = left < 0 || left > 10 ? 10 : left;
        if (LLMI_POLL(NULL, 0, ms) < 0) return 0;
        if (left > 0) left -= ms;
    }
}

#if LLMI_HAS_EPOLL
/* Any number: an epoll set for this one wait, n + 3 system calls, no memory. ONESHOT: each is told once. */
LLMI_FN int llmi_net_wait_set(int set, llm_wait_item *items, size_t n, int timeout_ms) {
    struct epoll_event e[LLMI_NET_SLICE];
    size_t i;
    int got, k, ready = 0;
    for (i = 0; i < n; i++) {
        short events;
        int fd = llmi_net_item(&items[i], &events);
        if (fd < 0) continue;
        memset(&e[0], 0, sizeof e[0]);
        e[0].events = (uint32_t)EPOLLONESHOT | (events & LLMI_POLLIN ? (uint32_t)EPOLLIN : 0) |
                      (events & LLMI_POLLOUT ? (uint32_t)EPOLLOUT : 0);
        e[0].data.u64 = i;
        if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &e[0]) != 0) return LLM_NET_FAILED;
    }
    do {
        got = epoll_wait(set, e, LLMI_NET_SLICE, ready > 0 ? 0 : timeout_ms);
        if (got < 0 && ready == 0 && errno != EINTR) return LLM_NET_FAILED;
        for (k = 0; k < got; k++) items[e[k].data.u64].ready = 1;
        if (got > 0) ready += got;
    } while (got == LLMI_NET_SLICE);
    return ready;
}
#endif

/* More than one slice. A busy program finds something at the first look. An idle one waits with a set, which
   takes longer to make; where none can be had (no epoll, too many open files) it looks again and again. */
LLMI_FN int llmi_net_wait_many(llm_wait_item *items, size_t n, int timeout_ms) {
    int ready = llmi_net_wait_look(items, n);
#if LLMI_HAS_EPOLL
    int set;
#endif
    if (ready != 0 || timeout_ms == 0) return ready;
#if LLMI_HAS_EPOLL
    set = epoll_create1(EPOLL_CLOEXEC);
    if (set >= 0) {
        ready = llmi_net_wait_set(set, items, n, timeout_ms);
        (void)close(set);
        return ready;
    }
#endif
    return llmi_net_wait_slices(items, n, timeout_ms);
}

/* Until one is ready, timeout_ms are over (-1 = no limit) or a signal came. An item whose conn is NULL or has
   no descriptor is passed over. Returns how many are ready, < 0 on failure. Up to 64 cost one poll(). */
LLMI_FN int llmi_net_wait(llm_wait_item *items, size_t n, int timeout_ms) {
    size_t i;
    for (i = 0; i < n; i++) items[i].ready = 0;
    if (n <= LLMI_NET_SLICE) return llmi_net_wait_slice(items, n, timeout_ms);
    return llmi_net_wait_many(items, n, timeout_ms);
}

#define LLM_NET_OPEN(ctx, conn, host, port, timeout_ms) \
    llmi_net_open((ctx), (conn), (host), (port), (timeout_ms))
#define LLM_NET_SEND(ctx, conn, buf, n, timeout_ms) \
    ((void)(ctx), llmi_net_send((conn), (buf), (n), (timeout_ms)))
#define LLM_NET_RECV(ctx, conn, buf, n, timeout_ms) \
    ((void)(ctx), llmi_net_recv((conn), (buf), (n), (timeout_ms)))
#define LLM_NET_CLOSE(ctx, conn)                    ((void)(ctx), llmi_net_close(conn))
#define LLM_NET_FD(ctx, conn)                       ((void)(ctx), llmi_net_fd(conn))
#define LLM_NET_WAIT(ctx, items, n, timeout_ms)     ((void)(ctx), llmi_net_wait((items), (n), (timeout_ms)))
#define LLM_NET_WANTS(ctx, conn)                    ((void)(ctx), llmi_net_wants(conn))
#define LLM_NET_TIMER_MS(ctx, conn)                 llmi_net_timer_ms((ctx), (conn))
#define LLM_NET_SERIAL(ctx, conn)                   ((void)(ctx), llmi_net_serial(conn))
#define LLM_NET_WHY(ctx, conn)                      ((void)(ctx), llmi_net_why(conn))

#elif !LLMI_OWN_NET   /* nothing to move bytes with: every call fails, the parsers can still be used */
#define LLM_NET_OPEN(ctx, conn, host, port, timeout_ms) \
    ((void)(ctx), (void)(conn), (void)(host), (void)(port), (void)(timeout_ms), LLM_NET_FAILED)
#define LLM_NET_SEND(ctx, conn, buf, n, timeout_ms) \
    ((void)(ctx), (void)(conn), (void)(buf), (void)(n), (void)(timeout_ms), (long)LLM_NET_FAILED)
#define LLM_NET_RECV(ctx, conn, buf, n, timeout_ms) \
    ((void)(ctx), (void)(conn), (void)(buf), (void)(n), (void)(timeout_ms), (long)LLM_NET_FAILED)
#define LLM_NET_CLOSE(ctx, conn) ((void)(ctx), (void)(conn))
#endif

/* What is optional beside net hooks of your own. */
#ifdef LLM_NET_FD
  #define LLMI_HAS_FD 1
#else
  #define LLMI_HAS_FD 0
  #define LLM_NET_FD(ctx, conn) ((void)(ctx), (void)(conn), -1)
#endif
#ifdef LLM_NET_WAIT
  #define LLMI_HAS_WAIT 1
#else
  #define LLMI_HAS_WAIT 0
  #define LLM_NET_WAIT(ctx, items, n, timeout_ms) \
    ((void)(ctx), (void)(items), (void)(n), (void)(timeout_ms), LLM_NET_FAILED)
#endif
#ifndef LLM_NET_INIT
  #define LLM_NET_INIT(ctx) ((void)(ctx), 1)
#endif
#ifndef LLM_NET_WANTS
  #define LLM_NET_WANTS(ctx, conn) ((void)(ctx), (void)(conn), LLM_WANT_READ | LLM_WANT_WRITE)
#endif
#ifndef LLM_NET_TIMER_MS
  #define LLM_NET_TIMER_MS(ctx, conn) ((void)(ctx), (void)(conn), -1)
#endif
#ifndef LLM_NET_SERIAL
  #define LLM_NET_SERIAL(ctx, conn) ((void)(ctx), (void)(conn), 0u)
#endif
#ifndef LLM_NET_WHY
  #define LLM_NET_WHY(ctx, conn) ((void)(ctx), (void)(conn), "")
#endif
/* ============================================================================================================
   >>tls                                   TLS 1.2 client over BearSSL: engine pump, trust anchors, names, errors

   Bytes in, bytes out: no socket is touched here. Trust is read through LLM_FILE_READ and LLM_GETENV, the date comes
   from LLM_UNIX_TIME, entropy from LLM_RANDOM.

   A chain is checked by BearSSL's "minimal" engine behind a filter of ours, which sees each byte of each certificate
   first and walks it as DER while it passes (no certificate is ever held whole). The filter adds what the engine
   lacks: anchors found on demand, addresses in the certificate, extendedKeyUsage, nameConstraints, pins, which date
   is wrong, a bound for the length of the chain, and no "*.com". Both must agree. tests/data/tls/cases.txt has all
   rules, with the reason for each.

   nameConstraints (RFC 5280 4.2.1.10) are checked for the host that is asked for, which is the one name that is
   believed: dNSName and iPAddress. With any other form in them the chain is refused.

   Not checked: revocation (CRL, OCSP), the dates of a trust anchor itself.
   ============================================================================================================ */
#if LLMI_HAS_TLS

#ifdef __cplusplus
}
#endif
/* BEGIN BEARSSL */
#include "bearssl.h"
/* END BEARSSL */
#ifdef __cplusplus
extern "C" {
#endif

/* Where a system keeps its CA certificates: a list of string literals, tried in this order; NULL =
   nowhere. */
#if LLMI_HAS_STORE
  #define LLM_CA_FILES NULL
#elif !defined(LLM_CA_FILES)
  #define LLM_CA_FILES \
    "/etc/ssl/certs/ca-certificates.crt",                 /* Debian, Ubuntu, Arch, Alpine */ \
    "/etc/pki/tls/certs/ca-bundle.crt",                   /* Fedora, RHEL                 */ \
    "/etc/ssl/ca-bundle.pem",                             /* openSUSE                     */ \
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  /* CentOS, RHEL 7               */ \
    "/etc/ssl/cert.pem"                                   /* Alpine, BSD, macOS           */
#endif
#ifndef LLM_MAX_CA_BYTES           /* bytes read of one file or text of CA certificates */
  #define LLM_MAX_CA_BYTES ((size_t)8 * 1024 * 1024)
#endif

#define LLMI_TLS_IN_MIN  837       /* BearSSL's least record buffers: 512 bytes of data and the most overhead */
#define LLMI_TLS_OUT_MIN 597
#define LLMI_TLS_IN_FULL 16709     /* from here on any record fits */
#define LLMI_TLS_SESSION_S 86400   /* RFC 5246 F.1.4: a session is not used for longer than a day */

/* ---- certificates ------------------------------------------------------------------------------------------
   A walker over one certificate (RFC 5280 4.1) that is given its bytes in any pieces. It refuses what is not DER in
   the parts it reads: it must never see another structure than BearSSL does. */

/* What the walker expects next. */
typedef enum llmi_cert_at {
    LLMI_CERT_BAD,          /* no certificate; stays so                            */
    LLMI_CERT_START,        /* the outer SEQUENCE                                  */
    LLMI_CERT_TBS,
    LLMI_CERT_VERSION,      /* [0], or the serial number of a version 1            */
    LLMI_CERT_SERIAL,
    LLMI_CERT_SIGALG,
    LLMI_CERT_ISSUER,
    LLMI_CERT_VALIDITY,
    LLMI_CERT_NOT_BEFORE,
    LLMI_CERT_NOT_AFTER,
    LLMI_CERT_SUBJECT,
    LLMI_CERT_SPKI,
    LLMI_CERT_ALG,
    LLMI_CERT_ALG_OID,
    LLMI_CERT_ALG_PARAM,
    LLMI_CERT_KEY,
    LLMI_CERT_TAIL,         /* unique ids, then [3] with the extensions            */
    LLMI_CERT_EXTS,
    LLMI_CERT_EXT,
    LLMI_CERT_EXT_OID,
    LLMI_CERT_CRITICAL,     /* a BOOLEAN, or the value at once                     */
    LLMI_CERT_EXT_VALUE,
    LLMI_CERT_EKU,
    LLMI_CERT_EKU_OID,
    LLMI_CERT_SAN,
    LLMI_CERT_SAN_NAME,
    LLMI_CERT_BC,
    LLMI_CERT_BC_CA,
    LLMI_CERT_BC_PATH,
    LLMI_CERT_KU,
    LLMI_CERT_NC,
    LLMI_CERT_NC_LIST,      /* [0] permitted, [1] excluded                         */
    LLMI_CERT_NC_TREE,
    LLMI_CERT_NC_BASE,
    LLMI_CERT_OUTER_ALG,    /* the signature's algorithm once more                 */
    LLMI_CERT_REST,         /* the signature: skipped                              */
    LLMI_CERT_NOTHING,      /* the enclosing element must end here                 */
    LLMI_CERT_DONE          /* complete; a further byte is an error                */
} llmi_cert_at;

/* What is to be done with the content of the element whose header was just read. */
typedef enum llmi_cert_mode {
    LLMI_CERT_TAG,          /* between two elements: a tag is awaited              */
    LLMI_CERT_LEN,          /* first byte of a length                              */
    LLMI_CERT_LEN_MORE,     /* further bytes of a length                           */
    LLMI_CERT_SKIP,         /* content is passed over (and hashed or captured)     */
    LLMI_CERT_VALUE         /* content is collected in val                         */
} llmi_cert_mode;

/* Several can fall on one byte. */
typedef enum llmi_cert_event {
    LLMI_CERT_NONE = 0,
    LLMI_CERT_HAVE_START = 1,   /* the last byte of notBefore was taken                     */
    LLMI_CERT_HAVE_KEY = 2,     /* issuer, subject and key are known                        */
    LLMI_CERT_CRITICAL_EXT = 4, /* this byte marks an extension critical that is known here */
    LLMI_CERT_STAR = 8,         /* this byte is a '*' at the beginning of a dNSName         */
    LLMI_CERT_HAVE_TBS = 16     /* all that is signed is known                              */
} llmi_cert_event;

enum {
    LLMI_EXT_OTHER = 0, LLMI_EXT_BC = 1, LLMI_EXT_SAN = 2, LLMI_EXT_EKU = 4, LLMI_EXT_NC = 8, LLMI_EXT_KU = 16
};
enum { LLMI_KEY_NONE, LLMI_KEY_RSA, LLMI_KEY_EC };
enum { LLMI_NC_PERMITTED = 1, LLMI_NC_INSIDE = 2, LLMI_NC_EXCLUDED = 4, LLMI_NC_UNKNOWN = 8 };

#define LLMI_CERT_DEPTH 10  /* certificate, tbs, [3], list, extension, value, SEQUENCE, [0], subtree, base */

typedef struct llmi_date { uint32_t days, seconds; } llmi_date;   /* BearSSL's: days since 1 January of year 0 */

typedef struct llmi_cert {
    unsigned char at, mode, tag, more, depth;
    unsigned char hashing;                  /* depth + 1 of the element that is hashed, 0 = none  */
    unsigned char capturing;                /* likewise for what goes to store                    */
    unsigned char event;
    unsigned char light;                    /* for the index: it takes what the full walk takes    */
    unsigned char in_tbs;
    uint32_t pos, len;
    uint32_t end[LLMI_CERT_DEPTH];          /* of the open elements                               */
    unsigned char next[LLMI_CERT_DEPTH];    /* what follows each                                  */
    unsigned char what[LLMI_CERT_DEPTH];    /* what each is                                       */
    unsigned char val[64];                  /* content of a small element; val_len may be larger  */
    uint32_t val_len;
    br_sha256_context sha, tbs_sha;
    /* results */
    unsigned char issuer[32], subject[32], spki[32], tbs[32], alg[32];   /* SHA-256               */
    llmi_date not_before, not_after;
    unsigned char v3, key_kind, curve, has_key;
    unsigned char ext, exts;                /* the extension being read, all that were seen       */
    unsigned char is_ca, eku_ok, no_sign, critical;
    unsigned char path;                     /* CA certificates allowed below + 1; 0 = no limit    */
    unsigned char nc, nc_excluded;          /* LLMI_NC_; in [1] of them just now                  */
    unsigned char ip_match, dns_names;
    char dns_name[64];                      /* the first one, for a message                       */
    const unsigned char *ip;                /* wanted address, ip_len 4 or 16; 0 = none           */
    size_t ip_len;
    const char *name;                       /* wanted name in lower case, if no address is wanted */
    unsigned char *store;                   /* gets the subject's DER and the key's bits, if set  */
    size_t store_size, dn_len, stored;
} llmi_cert;

LLMI_FN void llmi_cert_init(llmi_cert *c) {
    memset(c, 0, sizeof *c);
    c->at = LLMI_CERT_START;
}

LLMI_FN int llmi_cert_bad(llmi_cert *c) {
    c->at = LLMI_CERT_BAD;
    return 0;
}

/* p[0..n) digits as a number. -1: not all are digits. */
LLMI_FN int llmi_cert_digits(const unsigned char *p, size_t n) {
    int v = 0;
    for (; n > 0; n--, p++) {
        if (!llmi_is_digit(*p)) return -1;
        v = v * 10 + (*p - '0');
    }
    return v;
}

LLMI_FN uint32_t llmi_date_days(uint32_t year, uint32_t month, uint32_t day) {
    static const unsigned short before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint32_t leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    uint32_t days = year * 365 + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    return days + before[month - 1] + (month > 2 ? leap : 0) + day - 1;
}

/* UTCTime or GeneralizedTime (RFC 5280 4.1.2.5); a fraction of a second is passed over. */
LLMI_FN int llmi_date_read(llmi_date *d, int tag, const unsigned char *p, size_t n) {
    size_t digits = tag == 0x17 ? 2 : 4;
    int year, month, day, hour, minute, second;
    if (n < digits + 11 || n > 32 || p[n - 1] != 'Z') return 0;
    year = llmi_cert_digits(p, digits);
    p += digits;
    month = llmi_cert_digits(p, 2);
    day = llmi_cert_digits(p + 2, 2);
    hour = llmi_cert_digits(p + 4, 2);
    minute = llmi_cert_digits(p + 6, 2);
    second = llmi_cert_digits(p + 8, 2);
    if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 60) return 0;
    if (tag == 0x17) year += year < 50 ? 2000 : 1900;
    d->days = llmi_date_days((uint32_t)year, (uint32_t)month, (uint32_t)day);
    d->seconds = (uint32_t)(hour * 3600 + minute * 60 + second);
    return 1;
}

LLMI_FN llmi_date llmi_date_of_unix(int64_t t) {
    llmi_date d;
    d.days = (uint32_t)(t / 86400 + 719528);
    d.seconds = (uint32_t)(t % 86400);
    return d;
}

LLMI_FN int llmi_date_less(const llmi_date *a, const llmi_date *b) {
    return a->days != b->days ? a->days < b->days : a->seconds < b->seconds;
}

/* "2026-11-22" */
LLMI_FN void llmi_date_text(const llmi_date *d, char out[11]) {
    uint32_t year = d->days / 366, month = 12, day, v[3], i;
    while (year < 9999 && llmi_date_days(year + 1, 1, 1) <= d->days) year++;
    while (month > 1 && llmi_date_days(year, month, 1) > d->days) month--;
    day = d->days - llmi_date_days(year, month, 1) + 1;
    v[0] = year;
    v[1] = month;
    v[2] = day;
    memset(out, '-', 10);
    for (i = 4; i-- > 0; v[0] /= 10) out[i] = (char)('0' + (int)(v[0] % 10));
    for (i = 1; i < 3; i++) {
        out[i * 3 + 2] = (char)('0' + (int)(v[i] / 10 % 10));
        out[i * 3 + 3] = (char)('0' + (int)(v[i] % 10));
    }
    out[10] = 0;
}

LLMI_FN int llmi_cert_val_is(const llmi_cert *c, const char *bytes, size_t n) {
    return c->val_len == n && memcmp(c->val, bytes, n) == 0;
}

/* An extension may occur once only (RFC 5280 4.2): of two the engine and we might believe different ones. */
LLMI_FN int llmi_cert_extension(llmi_cert *c) {
    c->ext = LLMI_EXT_OTHER;
    c->critical = 0;
    if (c->val_len != 3 || memcmp(c->val, "\x55\x1D", 2) != 0) return 1;
    switch (c->val[2]) {
    case 15: c->ext = LLMI_EXT_KU; break;
    case 17: c->ext = LLMI_EXT_SAN; break;
    case 19: c->ext = LLMI_EXT_BC; break;
    case 30: c->ext = LLMI_EXT_NC; break;
    case 37: c->ext = LLMI_EXT_EKU; break;
    default: return 1;
    }
    if ((c->exts & c->ext) != 0) return llmi_cert_bad(c);
    c->exts = (unsigned char)(c->exts | c->ext);
    return 1;
}

LLMI_FN int llmi_cert_name_byte(int b) {
    return llmi_is_digit(b) || (b >= 'a' && b <= 'z') || b == '.' || b == '-' || b == '_';
}

/* Keeps the first name for a message, with '?' for bytes that no host name has, so that it can be shown. */
LLMI_FN void llmi_cert_dns_name(llmi_cert *c) {
    size_t i, n = 0;
    c->dns_names = 1;
    if (c->dns_name[0] != 0) return;
    for (i = 0; i < c->val_len && i < sizeof c->val && n + 1 < sizeof c->dns_name; i++) {
        int b = llmi_lower(c->val[i]);
        c->dns_name[n++] = (char)(llmi_cert_name_byte(b) || b == '*' ? b : '?');
    }
    c->dns_name[n] = 0;
}

/* The host is name, or stands below it; ".name": below it only (RFC 5280 4.2.1.10). */
LLMI_FN int llmi_cert_below(const char *host, const unsigned char *name, size_t n) {
    size_t len = strlen(host), i;
    if (n > len) return 0;
    host += len - n;
    for (i = 0; i < n; i++) {
        if (host[i] != llmi_lower(name[i])) return 0;
    }
    return n == 0 || n == len || name[0] == '.' || host[-1] == '.';
}

/* A base that no host could match, such as "*.example", would exclude nothing. */
LLMI_FN int llmi_cert_base_ok(const unsigned char *p, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) {
        if (!llmi_cert_name_byte(llmi_lower(p[i]))) return 0;
        if (p[i] == '.' && (i + 1 == n || p[i + 1] == '.')) return 0;
    }
    return 1;
}

/* One base of nameConstraints: is the host in it? A name says nothing of an address, nor the other way round; of other
   forms it is not known whether the certificate keeps to them. */
LLMI_FN void llmi_cert_constraint(llmi_cert *c) {
    size_t i;
    int in;
    if (c->tag == 0x82 && c->val_len <= sizeof c->val && llmi_cert_base_ok(c->val, (size_t)c->val_len)) {
        if (c->ip_len > 0 || c->name == NULL) return;
        in = llmi_cert_below(c->name, c->val, (size_t)c->val_len);
    } else if (c->tag == 0x87 && (c->val_len == 8 || c->val_len == 32)) {
        if (c->ip_len == 0) return;
        in = c->val_len == c->ip_len * 2;
        for (i = 0; in && i < c->ip_len; i++) in = ((c->val[i] ^ c->ip[i]) & c->val[c->ip_len + i]) == 0;
    } else {
        c->nc |= LLMI_NC_UNKNOWN;
        return;
    }
    if (!c->nc_excluded) c->nc |= LLMI_NC_PERMITTED;
    if (in) c->nc = (unsigned char)(c->nc | (c->nc_excluded ? LLMI_NC_EXCLUDED : LLMI_NC_INSIDE));
}

LLMI_FN void llmi_cert_algorithm(llmi_cert *c) {
    if (llmi_cert_val_is(c, "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01", 9)) c->key_kind = LLMI_KEY_RSA;
    else if (llmi_cert_val_is(c, "\x2A\x86\x48\xCE\x3D\x02\x01", 7)) c->key_kind = LLMI_KEY_EC;
}

LLMI_FN void llmi_cert_curve(llmi_cert *c) {
    if (c->key_kind != LLMI_KEY_EC) return;
    if (llmi_cert_val_is(c, "\x2A\x86\x48\xCE\x3D\x03\x01\x07", 8)) c->curve = BR_EC_secp256r1;
    else if (llmi_cert_val_is(c, "\x2B\x81\x04\x00\x22", 5)) c->curve = BR_EC_secp384r1;
    else if (llmi_cert_val_is(c, "\x2B\x81\x04\x00\x23", 5)) c->curve = BR_EC_secp521r1;
}

/* The element `what` has ended. */
LLMI_FN int llmi_cert_closed(llmi_cert *c, int what) {
    size_t n = c->val_len <= sizeof c->val ? (size_t)c->val_len : sizeof c->val;
    unsigned char alg[32];
    switch (what) {
    case LLMI_CERT_TBS:
        if (!c->light) br_sha256_out(&c->tbs_sha, c->tbs);
        c->in_tbs = 0;
        c->event |= LLMI_CERT_HAVE_TBS;
        break;
    case LLMI_CERT_SIGALG:
        br_sha256_out(&c->sha, c->alg);
        break;
    case LLMI_CERT_OUTER_ALG:   /* RFC 5280 4.1.1.2: the same as within */
        br_sha256_out(&c->sha, alg);
        if (memcmp(alg, c->alg, sizeof alg) != 0) return llmi_cert_bad(c);
        break;
    case LLMI_CERT_ISSUER:
        if (!c->light) br_sha256_out(&c->sha, c->issuer);
        break;
    case LLMI_CERT_SUBJECT:
        br_sha256_out(&c->sha, c->subject);
        c->dn_len = c->stored;
        break;
    case LLMI_CERT_SPKI:
        if (!c->light) br_sha256_out(&c->sha, c->spki);
        c->event |= LLMI_CERT_HAVE_KEY;
        break;
    case LLMI_CERT_KEY: c->has_key = 1; break;
    case LLMI_CERT_NOT_BEFORE:
        if (!llmi_date_read(&c->not_before, c->tag, c->val, n)) return llmi_cert_bad(c);
        c->event |= LLMI_CERT_HAVE_START;
        break;
    case LLMI_CERT_NOT_AFTER:
        if (!llmi_date_read(&c->not_after, c->tag, c->val, n)) return llmi_cert_bad(c);
        break;
    case LLMI_CERT_VALIDITY:
    case LLMI_CERT_NC_TREE:
    case LLMI_CERT_EXT: return c->at == LLMI_CERT_NOTHING ? 1 : llmi_cert_bad(c);   /* no part is missing */
    case LLMI_CERT_ALG_OID: llmi_cert_algorithm(c); break;
    case LLMI_CERT_ALG_PARAM: llmi_cert_curve(c); break;
    case LLMI_CERT_EXT_OID: return llmi_cert_extension(c);
    case LLMI_CERT_CRITICAL:
        if (c->val_len != 1) return llmi_cert_bad(c);
        c->critical = c->val[0] != 0;
        if (c->critical && (c->ext == LLMI_EXT_EKU || c->ext == LLMI_EXT_NC)) c->event |= LLMI_CERT_CRITICAL_EXT;
        break;
    case LLMI_CERT_EKU_OID:   /* serverAuth, anyExtendedKeyUsage */
        if (llmi_cert_val_is(c, "\x2B\x06\x01\x05\x05\x07\x03\x01", 8) ||
            llmi_cert_val_is(c, "\x55\x1D\x25\x00", 4)) c->eku_ok = 1;
        break;
    case LLMI_CERT_SAN_NAME:
        if (c->tag == 0x87 && c->ip_len > 0 && c->val_len == c->ip_len && memcmp(c->val, c->ip, c->ip_len) == 0) {
            c->ip_match = 1;
        }
        if (c->tag == 0x82) llmi_cert_dns_name(c);
        break;
    case LLMI_CERT_BC_CA: c->is_ca = c->tag == 0x01 && c->val_len == 1 && c->val[0] != 0; break;
    case LLMI_CERT_BC_PATH:   /* a chain that is longer than this is none of ours */
        c->path = (unsigned char)(c->val_len == 1 && c->val[0] < 0x7F ? c->val[0] + 1 : 0x80);
        break;
    case LLMI_CERT_KU: c->no_sign = c->val_len < 2 || (c->val[1] & 0x04) == 0; break;   /* keyCertSign */
    case LLMI_CERT_NC_BASE: llmi_cert_constraint(c); break;
    default: break;
    }
    return 1;
}

/* One row of the grammar: an element with this tag is entered, collected or skipped; `next` follows it. */
typedef struct llmi_cert_rule { unsigned char at, tag, mode, child, next; } llmi_cert_rule;

/* A state that has several rows takes the first whose tag fits; tag 0 is any. */
LLMI_FN const llmi_cert_rule *llmi_cert_find_rule(int at, int tag) {
    static const llmi_cert_rule rules[] = {
        {LLMI_CERT_START,      0x30, LLMI_CERT_TAG,   LLMI_CERT_TBS,        LLMI_CERT_DONE},
        {LLMI_CERT_TBS,        0x30, LLMI_CERT_TAG,   LLMI_CERT_VERSION,    LLMI_CERT_OUTER_ALG},
        {LLMI_CERT_VERSION,    0xA0, LLMI_CERT_SKIP,  LLMI_CERT_NOTHING,    LLMI_CERT_SERIAL},
        {LLMI_CERT_VERSION,    0x02, LLMI_CERT_SKIP,  LLMI_CERT_NOTHING,    LLMI_CERT_SIGALG},
        {LLMI_CERT_SERIAL,     0x02, LLMI_CERT_SKIP,  LLMI_CERT_NOTHING,    LLMI_CERT_SIGALG},
        {LLMI_CERT_SIGALG,     0x30, LLMI_CERT_SKIP,  LLMI_CERT_NOTHING,    LLMI_CERT_ISSUER},
        {LLMI_CERT_ISSUER,     0x30, LLMI_CERT_SKIP,  LLMI_CERT_NOTHING,    LLMI_CERT_VALIDITY},
        {LLMI_CERT_VALIDITY,   0x30, LLMI_CERT_TAG,   LLMI_CERT_NOT_BEFORE, LLMI_CERT_SUBJECT},
        {LLMI_CERT_NOT_BEFORE, 0x17, LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_NOT_AFTER},
        {LLMI_CERT_NOT_BEFORE, 0x18, LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_NOT_AFTER},
        {LLMI_CERT_NOT_AFTER,  0x17, LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_NOTHING},
        {LLMI_CERT_NOT_AFTER,  0x18, LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_NOTHING},
        {LLMI_CERT_SUBJECT,    0x30, LLMI_CERT_SKIP,  LLMI_CERT_NOTHING,    LLMI_CERT_SPKI},
        {LLMI_CERT_SPKI,       0x30, LLMI_CERT_TAG,   LLMI_CERT_ALG,        LLMI_CERT_TAIL},
        {LLMI_CERT_ALG,        0x30, LLMI_CERT_TAG,   LLMI_CERT_ALG_OID,    LLMI_CERT_KEY},
        {LLMI_CERT_ALG_OID,    0x06, LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_ALG_PARAM},
        {LLMI_CERT_ALG_PARAM,  0,    LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_NOTHING},
        {LLMI_CERT_KEY,        0x03, LLMI_CERT_SKIP,  LLMI_CERT_NOTHING,    LLMI_CERT_NOTHING},
        {LLMI_CERT_TAIL,       0x81, LLMI_CERT_SKIP,  LLMI_CERT_NOTHING,    LLMI_CERT_TAIL},
        {LLMI_CERT_TAIL,       0x82, LLMI_CERT_SKIP,  LLMI_CERT_NOTHING,    LLMI_CERT_TAIL},
        {LLMI_CERT_TAIL,       0xA3, LLMI_CERT_TAG,   LLMI_CERT_EXTS,       LLMI_CERT_NOTHING},
        {LLMI_CERT_EXTS,       0x30, LLMI_CERT_TAG,   LLMI_CERT_EXT,        LLMI_CERT_NOTHING},
        {LLMI_CERT_EXT,        0x30, LLMI_CERT_TAG,   LLMI_CERT_EXT_OID,    LLMI_CERT_EXT},
        {LLMI_CERT_EXT_OID,    0x06, LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_CRITICAL},
        {LLMI_CERT_CRITICAL,   0x01, LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_EXT_VALUE},
        {LLMI_CERT_EXT_VALUE,  0x04, LLMI_CERT_SKIP,  LLMI_CERT_NOTHING,    LLMI_CERT_NOTHING},
        {LLMI_CERT_EKU,        0x30, LLMI_CERT_TAG,   LLMI_CERT_EKU_OID,    LLMI_CERT_NOTHING},
        {LLMI_CERT_EKU_OID,    0x06, LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_EKU_OID},
        {LLMI_CERT_SAN,        0x30, LLMI_CERT_TAG,   LLMI_CERT_SAN_NAME,   LLMI_CERT_NOTHING},
        {LLMI_CERT_SAN_NAME,   0,    LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_SAN_NAME},
        {LLMI_CERT_BC,         0x30, LLMI_CERT_TAG,   LLMI_CERT_BC_CA,      LLMI_CERT_NOTHING},
        {LLMI_CERT_BC_CA,      0x01, LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_BC_PATH},
        {LLMI_CERT_BC_CA,      0x02, LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_NOTHING},
        {LLMI_CERT_BC_PATH,    0x02, LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_NOTHING},
        {LLMI_CERT_KU,         0x03, LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_NOTHING},
        {LLMI_CERT_NC,         0x30, LLMI_CERT_TAG,   LLMI_CERT_NC_LIST,    LLMI_CERT_NOTHING},
        {LLMI_CERT_NC_LIST,    0xA0, LLMI_CERT_TAG,   LLMI_CERT_NC_TREE,    LLMI_CERT_NC_LIST},
        {LLMI_CERT_NC_LIST,    0xA1, LLMI_CERT_TAG,   LLMI_CERT_NC_TREE,    LLMI_CERT_NC_LIST},
        {LLMI_CERT_NC_TREE,    0x30, LLMI_CERT_TAG,   LLMI_CERT_NC_BASE,    LLMI_CERT_NC_TREE},
        {LLMI_CERT_NC_BASE,    0,    LLMI_CERT_VALUE, LLMI_CERT_NOTHING,    LLMI_CERT_NOTHING},
        {LLMI_CERT_OUTER_ALG,  0x30, LLMI_CERT_SKIP,  LLMI_CERT_NOTHING,    LLMI_CERT_REST},
        {LLMI_CERT_REST,       0,    LLMI_CERT_SKIP,  LLMI_CERT_NOTHING,    LLMI_CERT_REST},
    };
    size_t i;
    for (i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].at == at && (rules[i].tag == tag || rules[i].tag == 0)) return &rules[i];
    }
    return NULL;
}

/* A header is complete: tag and len are set, pos stands at the content. */
LLMI_FN int llmi_cert_open(llmi_cert *c) {
    static const llmi_cert_rule enter[] = {
        {LLMI_EXT_BC, 0, 0, LLMI_CERT_BC, 0}, {LLMI_EXT_SAN, 0, 0, LLMI_CERT_SAN, 0},
        {LLMI_EXT_EKU, 0, 0, LLMI_CERT_EKU, 0}, {LLMI_EXT_NC, 0, 0, LLMI_CERT_NC, 0},
        {LLMI_EXT_KU, 0, 0, LLMI_CERT_KU, 0},
    };
    const llmi_cert_rule *r;
    uint32_t room = c->depth > 0 ? c->end[c->depth - 1] - c->pos : 0xFFFFFFu;
    size_t i;
    int mode, child;
    if (c->at == LLMI_CERT_CRITICAL && c->tag == 0x04) c->at = LLMI_CERT_EXT_VALUE;
    r = llmi_cert_find_rule(c->at, c->tag);
    if (r == NULL || c->len > room || c->depth == LLMI_CERT_DEPTH) return llmi_cert_bad(c);
    mode = r->mode;
    child = r->child;
    for (i = 0; c->at == LLMI_CERT_EXT_VALUE && i < sizeof enter / sizeof enter[0]; i++) {
        if (enter[i].at == c->ext) {
            mode = LLMI_CERT_TAG;
            child = enter[i].child;
        }
    }
    if (c->at == LLMI_CERT_VERSION && c->tag == 0xA0) c->v3 = 1;
    if (c->at == LLMI_CERT_NC_LIST) c->nc_excluded = c->tag == 0xA1;
    if ((c->at == LLMI_CERT_NC || c->at == LLMI_CERT_NC_LIST) && c->len == 0) return llmi_cert_bad(c);
    c->end[c->depth] = c->pos + c->len;
    c->next[c->depth] = r->next;
    c->what[c->depth] = c->at;
    c->depth++;
    if (c->at == LLMI_CERT_KEY && c->store != NULL) c->capturing = c->depth;
    c->at = (unsigned char)child;
    c->mode = (unsigned char)mode;
    c->val_len = 0;
    return 1;
}

/* Takes n bytes that lie within the innermost element. */
LLMI_FN void llmi_cert_take(llmi_cert *c, const unsigned char *p, size_t n) {
    if (c->hashing != 0) br_sha256_update(&c->sha, p, n);
    if (c->in_tbs) br_sha256_update(&c->tbs_sha, p, n);
    if (c->capturing != 0) {
        if (n <= c->store_size - c->stored) {
            memcpy(c->store + c->stored, p, n);
            c->stored += n;
        } else {
            c->store_size = 0;   /* too large for an anchor: see llmi_trust_try */
            c->stored = 0;
            c->capturing = 0;
        }
    }
    if (c->mode == LLMI_CERT_VALUE && c->val_len < sizeof c->val) {
        memcpy(c->val + c->val_len, p, llmi_min(n, sizeof c->val - c->val_len));
    }
    if (c->mode == LLMI_CERT_VALUE) c->val_len += (uint32_t)n;
    c->pos += (uint32_t)n;
}

/* What is hashed is hashed from its tag on: as it stands in the certificate. */
LLMI_FN void llmi_cert_tag(llmi_cert *c, unsigned char b) {
    c->tag = b;
    if (c->at == LLMI_CERT_TBS && !c->light) {
        br_sha256_init(&c->tbs_sha);
        c->in_tbs = 1;
    }
    if (c->at == LLMI_CERT_SUBJECT || c->at == LLMI_CERT_SIGALG || c->at == LLMI_CERT_OUTER_ALG ||
        (!c->light && (c->at == LLMI_CERT_ISSUER || c->at == LLMI_CERT_SPKI))) {
        br_sha256_init(&c->sha);
        c->hashing = (unsigned char)(c->depth + 1);
        if (c->at == LLMI_CERT_SUBJECT && c->store != NULL) c->capturing = c->hashing;
    }
    c->mode = LLMI_CERT_LEN;
    if ((b & 0x1F) == 0x1F) (void)llmi_cert_bad(c);
}

/* One byte of a header. A length must be written as short as it can be, and below 2^24. */
LLMI_FN int llmi_cert_header(llmi_cert *c, unsigned char b) {
    if (c->mode == LLMI_CERT_LEN) {
        c->len = b;
        if (b < 0x80) return llmi_cert_open(c);
        c->len = 0;
        c->more = (unsigned char)(b & 0x7F);
        c->mode = LLMI_CERT_LEN_MORE;
        return c->more >= 1 && c->more <= 3 ? 1 : llmi_cert_bad(c);
    }
    if (c->len == 0 && b == 0) return llmi_cert_bad(c);
    c->len = c->len << 8 | b;
    if (--c->more > 0) return 1;
    return c->len >= 0x80 ? llmi_cert_open(c) : llmi_cert_bad(c);
}

/* Closes what ends at pos, innermost first. */
LLMI_FN void llmi_cert_close(llmi_cert *c) {
    while (c->depth > 0 && c->mode != LLMI_CERT_LEN && c->mode != LLMI_CERT_LEN_MORE &&
           c->end[c->depth - 1] == c->pos) {
        int what = c->what[c->depth - 1];
        if (c->hashing == c->depth) c->hashing = 0;
        if (c->capturing == c->depth) c->capturing = 0;
        if (!llmi_cert_closed(c, what)) return;
        c->depth--;
        c->at = c->next[c->depth];
        c->mode = LLMI_CERT_TAG;
    }
    if (c->depth > 0 && c->end[c->depth - 1] == c->pos) (void)llmi_cert_bad(c);   /* a header without its content */
}

/* Walks over p[0..n) until an event or the end; returns how far. The event's byte is the last one taken.
   An error stays in c->at. */
LLMI_FN size_t llmi_cert_feed(llmi_cert *c, const unsigned char *p, size_t n, int *event) {
    size_t i = 0, k;
    c->event = LLMI_CERT_NONE;
    while (i < n && c->event == LLMI_CERT_NONE && c->at != LLMI_CERT_BAD) {
        k = 1;
        if (c->at == LLMI_CERT_DONE) {
            (void)llmi_cert_bad(c);
        } else if (c->mode == LLMI_CERT_SKIP || c->mode == LLMI_CERT_VALUE) {
            int first = c->val_len == 0 && c->what[c->depth - 1] == LLMI_CERT_SAN_NAME;
            k = first ? 1 : llmi_min(n - i, c->end[c->depth - 1] - c->pos);
            llmi_cert_take(c, p + i, k);
            if (first && c->tag == 0x82 && c->val[0] == '*') c->event |= LLMI_CERT_STAR;
            llmi_cert_close(c);
        } else {
            unsigned char b = p[i];
            int mode = c->mode;
            if (mode == LLMI_CERT_TAG) llmi_cert_tag(c, b);
            llmi_cert_take(c, &b, 1);
            if (mode != LLMI_CERT_TAG) (void)llmi_cert_header(c, b);
            if (c->at != LLMI_CERT_BAD) llmi_cert_close(c);
        }
        i += k;
    }
    *event = c->event;
    return c->at == LLMI_CERT_BAD ? n : i;
}

/* ---- where trust comes from ------------------------------------------------------------------------------ */

typedef enum llmi_trust_kind {
    LLMI_TRUST_NONE,        /* not looked for yet, or given up                      */
    LLMI_TRUST_DER,         /* config.anchors; the index holds their numbers        */
    LLMI_TRUST_TEXT,        /* PEM in memory; the index holds offsets               */
    LLMI_TRUST_FILE,        /* PEM in a file, read again for each look-up           */
    LLMI_TRUST_STORE        /* of the system, likewise; the index holds numbers     */
} llmi_trust_kind;

/* An anchor is found by the first bytes of its subject's SHA-256; then it is read and compared in full. */
typedef struct llmi_trust_entry { uint32_t hash, offset; } llmi_trust_entry;

/* One per client. */
typedef struct llmi_tls_shared {
    llmi_mem   *mem;
    const llm_anchor *anchors;      /* borrowed from the configuration, as are ca_pem, ca_file and pins */
    size_t      anchor_count;
    const char *ca_pem;
    size_t      ca_pem_len;
    const char *ca_file;
    const char *const *pins;
    size_t      pin_count;
    int         no_clock;
    size_t      in_size, out_size;
    int         kind;               /* llmi_trust_kind                                                  */
    const char *text;               /* LLMI_TRUST_TEXT                                                  */
    size_t      text_len;
    const char *path;               /* LLMI_TRUST_FILE                                                  */
    char       *env_path;           /* own copy of $SSL_CERT_FILE: the environment may change           */
    size_t      env_path_size;
    llmi_trust_entry *index;
    size_t      index_count, index_room;
    int         has_session;        /* the last session, for the same host                              */
    int64_t     session_time;
    br_ssl_session_parameters session;
    const char *session_host;       /* of whoever made the connection                                   */
} llmi_tls_shared;

/* Reads PEM (RFC 7468) from text or file in pieces. CRLF, a byte order mark, text between the certificates
   and a last line without its end are all fine. */
typedef struct llmi_pem {
    const llmi_tls_shared *s;
    unsigned char *buf;             /* LLMI_TRUST_FILE: where pieces are read to                        */
    size_t      buf_size;
    const char *p;                  /* the piece, of it [i..n) is still to be read                      */
    size_t      n, i, offset;       /* offset of p[0] in the whole                                      */
    int         at_end, failed;     /* failed: a file that cannot be read                               */
    int         inside;             /* between BEGIN and END of a certificate                           */
    int         bad;                /* what is inside is no base64, or no certificate                   */
    int         line;               /* bytes of this line in word; -1 = the line is of no interest      */
    char        word[40];
    size_t      begin;              /* offset of the BEGIN line                                         */
    uint32_t    acc;
    int         bits, pad;
    unsigned char der[96];          /* decoded, not yet given to the walker                             */
    size_t      der_len;
} llmi_pem;

LLMI_FN void llmi_pem_init(llmi_pem *r, const llmi_tls_shared *s, size_t offset, void *buf, size_t size) {
    memset(r, 0, sizeof *r);
    r->s = s;
    r->buf = (unsigned char *)buf;
    r->buf_size = size;
    r->offset = offset;
    r->p = "";
}

/* The next piece. 0 at the end and on failure. */
LLMI_FN int llmi_pem_more(llmi_pem *r) {
    long got;
    r->offset += r->n;
    r->i = r->n = 0;
    if (r->s->kind == LLMI_TRUST_TEXT) {
        if (r->offset >= r->s->text_len) return 0;
        r->p = r->s->text + r->offset;
        r->n = r->s->text_len - r->offset;
        return 1;
    }
    got = LLM_FILE_READ(r->s->mem->ctx, r->s->path, r->offset, r->buf, r->buf_size);
    if (got < 0 || (size_t)got > r->buf_size) r->failed = 1;
    if (got <= 0 || r->failed) return 0;
    r->p = (const char *)r->buf;
    r->n = (size_t)got;
    return 1;
}

/* -1: no base64. */
LLMI_FN int llmi_base64_value(int c) {
    static const signed char values['z' - '+' + 1] = {
        62, -1, -1, -1, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1, -1, 0, 1, 2, 3,
        4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1,
        -1, -1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
        49, 50, 51
    };
    return c >= '+' && c <= 'z' ? values[c - '+'] : -1;
}

LLMI_FN void llmi_pem_flush(llmi_pem *r, llmi_cert *c) {
    size_t i = 0;
    int event;
    while (i < r->der_len) i += llmi_cert_feed(c, r->der + i, r->der_len - i, &event);
    if (c->at == LLMI_CERT_BAD) r->bad = 1;
    r->der_len = 0;
}

LLMI_FN void llmi_pem_base64(llmi_pem *r, llmi_cert *c, int b) {
    int v = llmi_base64_value(b);
    if (b == '=') {
        r->pad = 1;
        return;
    }
    if (v < 0 || r->pad) {
        if (b != ' ' && b != '\t') r->bad = 1;
        return;
    }
    r->acc = r->acc << 6 | (uint32_t)v;
    r->bits += 6;
    if (r->bits < 8) return;
    r->bits -= 8;
    r->der[r->der_len++] = (unsigned char)(r->acc >> r->bits);
    if (r->der_len == sizeof r->der) llmi_pem_flush(r, c);
}

/* Decodes as many base64 characters as there are in a row, but for the first that is something else: the
   greater part of a file of anchors goes through here. */
LLMI_FN void llmi_pem_run(llmi_pem *r, llmi_cert *c) {
    uint32_t acc = r->acc;
    int bits = r->bits, v;
    while (r->i < r->n && (v = llmi_base64_value((unsigned char)r->p[r->i])) >= 0) {
        r->i++;
        acc = acc << 6 | (uint32_t)v;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        r->der[r->der_len++] = (unsigned char)(acc >> bits);
        if (r->der_len == sizeof r->der) llmi_pem_flush(r, c);
    }
    r->acc = acc;
    r->bits = bits;
}

/* A line that began with '-' is complete. 1: a certificate is whole, 0: go on. */
LLMI_FN int llmi_pem_line(llmi_pem *r, llmi_cert *c) {
    size_t n = (size_t)r->line;
    int whole;
    while (n > 0 && (r->word[n - 1] == ' ' || r->word[n - 1] == '\t')) n--;
    if (llmi_is(r->word, n, "-----BEGIN CERTIFICATE-----") ||
        llmi_is(r->word, n, "-----BEGIN X509 CERTIFICATE-----")) {
        unsigned char *store = c->store, light = c->light;
        const unsigned char *ip = c->ip;
        const char *name = c->name;
        size_t size = c->store_size, ip_len = c->ip_len;
        llmi_cert_init(c);
        c->light = light;
        c->ip = ip;
        c->ip_len = ip_len;
        c->name = name;
        c->store = store;
        c->store_size = size;
        r->inside = 1;
        r->bad = r->bits = r->pad = 0;
        r->der_len = 0;
        return 0;
    }
    whole = r->inside && (llmi_is(r->word, n, "-----END CERTIFICATE-----") ||
                          llmi_is(r->word, n, "-----END X509 CERTIFICATE-----"));
    r->inside = 0;
    if (!whole) return 0;
    llmi_pem_flush(r, c);
    return !r->bad && c->at == LLMI_CERT_DONE && c->has_key;
}

/* One byte; '\n' stands for the end of the input too. 1: a certificate is whole. */
LLMI_FN int llmi_pem_byte(llmi_pem *r, llmi_cert *c, char b) {
    if (b == '\n' || b == '\r') {
        int whole = r->line > 0 ? llmi_pem_line(r, c) : 0;
        r->line = 0;
        return whole;
    }
    if (r->line == 0) {
        size_t at = r->offset + r->i;
        if (at < 3 && (unsigned char)b == (at == 0 ? 0xEF : at == 1 ? 0xBB : 0xBF)) return 0;
        if (b == ' ' || b == '\t') return 0;
        if (b == '-') {
            if (!r->inside) r->begin = at;
            r->word[r->line++] = b;
            return 0;
        }
        r->line = -1;
    }
    if (r->line < 0) {
        if (r->inside) llmi_pem_base64(r, c, (unsigned char)b);
    } else if ((size_t)r->line < sizeof r->word) {
        r->word[r->line++] = b;   /* a longer line fills the word and so equals none of ours */
    }
    return 0;
}

/* Reads on to the next certificate that is one. 0: there is none, or r->failed. */
LLMI_FN int llmi_pem_next(llmi_pem *r, llmi_cert *c) {
    for (;;) {
        while (r->i < r->n) {
            int whole = llmi_pem_byte(r, c, r->p[r->i]);
            r->i++;
            if (whole) return 1;
            if (r->inside && r->line < 0 && !r->pad) llmi_pem_run(r, c);
        }
        if (r->at_end || r->offset + r->n > LLM_MAX_CA_BYTES) return 0;
        if (!llmi_pem_more(r)) {
            r->at_end = 1;
            return llmi_pem_byte(r, c, '\n');
        }
    }
}

LLMI_FN uint32_t llmi_trust_hash(const unsigned char *subject) {
    return (uint32_t)subject[0] << 24 | (uint32_t)subject[1] << 16 | (uint32_t)subject[2] << 8 | subject[3];
}

/* Can be an anchor: a key that can verify something. */
LLMI_FN int llmi_trust_usable(const llmi_cert *c) {
    return c->key_kind == LLMI_KEY_RSA || (c->key_kind == LLMI_KEY_EC && c->curve != 0);
}

LLMI_FN int llmi_trust_put(llmi_tls_shared *s, const llmi_cert *c, size_t offset) {
    if (!llmi_trust_usable(c)) return 1;
    if (s->index_count == s->index_room) {
        size_t room = s->index_room == 0 ? 16 : s->index_room * 2, unit = sizeof *s->index;
        llmi_trust_entry *p = (llmi_trust_entry *)llmi_mem_alloc(s->mem, room * unit);
        if (p == NULL) return 0;
        if (s->index_count > 0) memcpy(p, s->index, s->index_count * unit);
        llmi_mem_free(s->mem, s->index, s->index_room * unit);
        s->index = p;
        s->index_room = room;
    }
    s->index[s->index_count].hash = llmi_trust_hash(c->subject);
    s->index[s->index_count].offset = (uint32_t)offset;
    s->index_count++;
    return 1;
}

LLMI_FN void llmi_trust_clear(llmi_tls_shared *s) {
    llmi_mem_free(s->mem, s->index, s->index_room * sizeof *s->index);
    s->index = NULL;
    s->index_count = s->index_room = 0;
    s->kind = LLMI_TRUST_NONE;
}

LLMI_FN int llmi_cert_walk(llmi_cert *c, const unsigned char *der, size_t n) {
    size_t i = 0;
    int event;
    while (i < n) i += llmi_cert_feed(c, der + i, n - i, &event);
    return c->at == LLMI_CERT_DONE && c->has_key;
}

LLMI_FN llm_status llmi_trust_index_der(llmi_tls_shared *s, llm_error *e) {
    size_t i;
    s->kind = LLMI_TRUST_DER;
    for (i = 0; i < s->anchor_count; i++) {
        llmi_cert c;
        llmi_cert_init(&c);
        c.light = 1;
        if (s->anchors[i].cert_der == NULL ||
            !llmi_cert_walk(&c, s->anchors[i].cert_der, s->anchors[i].cert_der_len)) {
            llmi_trust_clear(s);
            return llmi_fail(e, LLM_ERR_TLS, "config.anchors[%zu] is not one whole X.509 certificate in DER", i);
        }
        if (!llmi_trust_put(s, &c, i)) {
            llmi_trust_clear(s);
            return llmi_fail_memory(e);
        }
    }
    return LLM_OK;
}

/* Indexes s->text or s->path. *found: certificates, -1 = not readable. */
LLMI_FN llm_status llmi_trust_index_pem(llmi_tls_shared *s, int kind, int *found, llm_error *e) {
    size_t size = kind == LLMI_TRUST_FILE ? 4096 : 0;
    void *buf = NULL;
    llm_status status = LLM_OK;
    llmi_pem r;
    llmi_cert c;
    s->kind = kind;
    if (size > 0 && (buf = llmi_mem_alloc(s->mem, size)) == NULL) {
        s->kind = LLMI_TRUST_NONE;
        return llmi_fail_memory(e);
    }
    llmi_pem_init(&r, s, 0, buf, size);
    llmi_cert_init(&c);
    c.light = 1;
    while (llmi_pem_next(&r, &c)) {
        if (!llmi_trust_put(s, &c, r.begin)) {
            status = llmi_fail_memory(e);
            break;
        }
    }
    llmi_mem_free(s->mem, buf, size);
    *found = r.failed ? -1 : (int)s->index_count;
    if (status == LLM_OK && r.offset + r.n > LLM_MAX_CA_BYTES && !r.failed) {
        status = llmi_fail(e, LLM_ERR_LIMIT, "the CA certificates are larger than LLM_MAX_CA_BYTES (%zu)",
                           (size_t)LLM_MAX_CA_BYTES);
    }
    if (status != LLM_OK || *found <= 0) llmi_trust_clear(s);
    return status;
}

/* A source that was named must be good: there is no falling back to another trust than was asked for. */
LLMI_FN llm_status llmi_trust_named(llmi_tls_shared *s, int kind, const char *name, llm_error *e) {
    int found;
    llm_status status = llmi_trust_index_pem(s, kind, &found, e);
    if (status != LLM_OK || found > 0) return status;
    if (kind == LLMI_TRUST_TEXT) {
        return llmi_fail(e, LLM_ERR_TLS, "%s holds no usable CA certificate in PEM form (BEGIN CERTIFICATE)", name);
    }
    return llmi_fail(e, LLM_ERR_TLS, found < 0 ? "the file of CA certificates %q (%s) cannot be read"
                     : "the file %q (%s) holds no usable CA certificate in PEM form (BEGIN CERTIFICATE)",
                     s->path, name);
}

LLMI_FN llm_status llmi_trust_env(llmi_tls_shared *s, const char *path, llm_error *e) {
    llmi_mem_free(s->mem, s->env_path, s->env_path_size);
    s->env_path_size = strlen(path) + 1;
    s->env_path = (char *)llmi_mem_alloc(s->mem, s->env_path_size);
    if (s->env_path == NULL) {
        s->env_path_size = 0;
        return llmi_fail_memory(e);
    }
    memcpy(s->env_path, path, s->env_path_size);
    s->path = s->env_path;
    return llmi_trust_named(s, LLMI_TRUST_FILE, "$SSL_CERT_FILE", e);
}

#if LLMI_HAS_STORE
/* Is serverAuth in this list of purposes (DER), which Windows has put beside a certificate? 1 also where it cannot be
   read, fallback where there is none. */
LLMI_FN int llmi_trust_store_names(const CERT_CONTEXT *cert, DWORD property, int fallback) {
    unsigned char list[1024];
    DWORD n = sizeof list, i;
    if (!CertGetCertificateContextProperty(cert, property, list, &n)) {
        return GetLastError() == (DWORD)CRYPT_E_NOT_FOUND ? fallback : 1;
    }
    for (i = 0; i + 10 <= n; i++) {
        if (memcmp(list + i, "\x06\x08\x2B\x06\x01\x05\x05\x07\x03\x01", 10) == 0) return 1;
    }
    return 0;
}

/* Distrusted roots stay in the store, with a mark: disallowed since a date (104), for some purposes (122), for
   certificates issued after a date (126, for the purposes in 127 or all). After which date does not matter here. */
LLMI_FN int llmi_trust_store_marked(const CERT_CONTEXT *cert) {
    DWORD n;
    if (CertGetCertificateContextProperty(cert, 104, NULL, &n) || llmi_trust_store_names(cert, 122, 0)) return 1;
    return CertGetCertificateContextProperty(cert, 126, NULL, &n) && llmi_trust_store_names(cert, 127, 1);
}

/* Some roots of the store are there to sign programs or mail: one that says for what must name TLS servers. */
LLMI_FN int llmi_trust_store_serves(const CERT_CONTEXT *cert, HCERTSTORE disallowed) {
    union { CERT_ENHKEY_USAGE usage; char bytes[2048]; } u;
    const CERT_CONTEXT *twin = NULL;
    DWORD size = sizeof u, i;
    if (llmi_trust_store_marked(cert)) return 0;
    if (disallowed != NULL) {
        twin = CertFindCertificateInStore(disallowed, X509_ASN_ENCODING, 0, CERT_FIND_EXISTING, cert, NULL);
    }
    if (twin != NULL) {
        (void)CertFreeCertificateContext(twin);
        return 0;
    }
    if (!CertGetEnhancedKeyUsage(cert, 0, &u.usage, &size)) return GetLastError() == (DWORD)CRYPT_E_NOT_FOUND;
    if (u.usage.cUsageIdentifier == 0) return GetLastError() == (DWORD)CRYPT_E_NOT_FOUND;   /* any; else none */
    for (i = 0; i < u.usage.cUsageIdentifier; i++) {
        const char *oid = u.usage.rgpszUsageIdentifier[i];
        if (llmi_is(oid, strlen(oid), "1.3.6.1.5.5.7.3.1")) return 1;
    }
    return 0;
}

/* The certificate with this number, walked; 0: it is not there. The store is opened each time, as a file would be. */
LLMI_FN int llmi_trust_store_fetch(size_t number, llmi_cert *c) {
    HCERTSTORE store = CertOpenSystemStoreA(0, "ROOT"), disallowed;
    const CERT_CONTEXT *cert = NULL;
    size_t i;
    int ok = 0;
    if (store == NULL) return 0;
    disallowed = CertOpenSystemStoreA(0, "Disallowed");
    for (i = 0; (cert = CertEnumCertificatesInStore(store, cert)) != NULL; i++) {
        if (i < number) continue;
        ok = llmi_trust_store_serves(cert, disallowed) && llmi_cert_walk(c, cert->pbCertEncoded, cert->cbCertEncoded);
        (void)CertFreeCertificateContext(cert);
        break;
    }
    if (disallowed != NULL) (void)CertCloseStore(disallowed, 0);
    (void)CertCloseStore(store, 0);
    return ok;
}

/* Indexes the store. *found: certificates, -1 = it cannot be opened. */
LLMI_FN llm_status llmi_trust_index_store(llmi_tls_shared *s, int *found, llm_error *e) {
    HCERTSTORE store = CertOpenSystemStoreA(0, "ROOT"), disallowed;
    const CERT_CONTEXT *cert = NULL;
    llm_status status = LLM_OK;
    size_t i;
    *found = -1;
    if (store == NULL) return LLM_OK;
    disallowed = CertOpenSystemStoreA(0, "Disallowed");
    s->kind = LLMI_TRUST_STORE;
    for (i = 0; (cert = CertEnumCertificatesInStore(store, cert)) != NULL; i++) {
        llmi_cert c;
        llmi_cert_init(&c);
        c.light = 1;
        if (!llmi_cert_walk(&c, cert->pbCertEncoded, cert->cbCertEncoded)) continue;
        if (!llmi_trust_store_serves(cert, disallowed) || llmi_trust_put(s, &c, i)) continue;
        (void)CertFreeCertificateContext(cert);
        status = llmi_fail_memory(e);
        break;
    }
    if (disallowed != NULL) (void)CertCloseStore(disallowed, 0);
    (void)CertCloseStore(store, 0);
    *found = (int)s->index_count;
    if (status != LLM_OK || *found == 0) llmi_trust_clear(s);
    return status;
}
#endif

/* The systems' usual files or its store, then the certificates built in. */
LLMI_FN llm_status llmi_trust_default(llmi_tls_shared *s, llm_error *e) {
    static const char *const files[] = {LLM_CA_FILES, NULL};
    char places[LLMI_HAS_MESSAGES ? sizeof e->message : 1];
    llm_text t;
    size_t i;
    int found;
    llm_status status;
    llmi_text_fixed(&t, places, sizeof places);
    for (i = 0; LLMI_HAS_FILES && files[i] != NULL; i++) {
        s->path = files[i];
        status = llmi_trust_index_pem(s, LLMI_TRUST_FILE, &found, e);
        if (status != LLM_OK || found > 0) return status;
        if (LLMI_HAS_MESSAGES) {
            llmi_text_addf(&t, "%s (%s), ", files[i], found < 0 ? "cannot be read" : "no certificate in it");
        }
    }
#if LLMI_HAS_STORE
    status = llmi_trust_index_store(s, &found, e);
    if (status != LLM_OK || found > 0) return status;
    llmi_text_addf(&t, "the certificate store ROOT (%s), ", found < 0 ? "cannot be opened" : "no certificate in it");
#endif
#ifdef LLM_CA_PEM
    s->text = LLM_CA_PEM;
    s->text_len = strlen(s->text);
    status = llmi_trust_index_pem(s, LLMI_TRUST_TEXT, &found, e);
    if (status != LLM_OK || found > 0) return status;
    if (LLMI_HAS_MESSAGES) llmi_text_puts(&t, "LLM_CA_PEM (no certificate in it)");
#else
    if (LLMI_HAS_MESSAGES) llmi_text_puts(&t, "LLM_CA_PEM (not built in)");
#endif
    return llmi_fail(e, LLM_ERR_TLS, "no trusted CA certificates. Looked at: config.anchors, ca_pem, ca_file, "
                     "$SSL_CERT_FILE (not set), %s. Install ca-certificates or set config.ca_file",
                     llmi_text_cstr(&t));
}

/* Finds out whom to trust, if that is not known yet: the first source that is given. */
LLMI_FN llm_status llmi_trust_load(llmi_tls_shared *s, llm_error *e) {
    const char *env;
    if (s->kind != LLMI_TRUST_NONE) return LLM_OK;
    if (s->anchor_count > 0) return llmi_trust_index_der(s, e);
    if (s->ca_pem != NULL) {
        s->text = s->ca_pem;
        s->text_len = s->ca_pem_len != 0 ? s->ca_pem_len : strlen(s->ca_pem);
        return llmi_trust_named(s, LLMI_TRUST_TEXT, "config.ca_pem", e);
    }
    if (s->ca_file != NULL) {
        s->path = s->ca_file;
        return llmi_trust_named(s, LLMI_TRUST_FILE, "config.ca_file", e);
    }
    env = LLM_GETENV(s->mem->ctx, "SSL_CERT_FILE");
    if (env != NULL && env[0] != 0) return llmi_trust_env(s, env, e);
    return llmi_trust_default(s, e);
}

LLMI_FN void llmi_tls_shared_init(llmi_tls_shared *s, llmi_mem *mem, const llm_config *config) {
    memset(s, 0, sizeof *s);
    s->mem = mem;
    s->anchors = config->anchors;
    s->anchor_count = config->anchors != NULL ? config->anchor_count : 0;
    s->ca_pem = config->ca_pem;
    s->ca_pem_len = config->ca_pem_len;
    s->ca_file = config->ca_file;
    s->pins = config->pins;
    s->pin_count = config->pins != NULL ? config->pin_count : 0;
    s->no_clock = config->no_clock;
    s->in_size = config->tls_in_size != 0 ? config->tls_in_size : LLMI_TLS_IN_FULL;
    s->out_size = config->tls_out_size;
    if (s->out_size == 0) s->out_size = s->in_size < LLMI_TLS_IN_FULL ? LLMI_TLS_OUT_MIN : 4181;
}

LLMI_FN void llmi_tls_forget_session(llmi_tls_shared *s) {
    llmi_wipe(&s->session, sizeof s->session);
    s->has_session = 0;
}

LLMI_FN void llmi_tls_shared_free(llmi_tls_shared *s) {
    if (s->mem == NULL) return;
    llmi_tls_forget_session(s);
    llmi_trust_clear(s);
    llmi_mem_free(s->mem, s->env_path, s->env_path_size);
    s->env_path = NULL;
    s->env_path_size = 0;
}

/* ---- pins ------------------------------------------------------------------------------------------------ */

/* "sha256/" and 32 bytes in base64. out may be NULL. */
LLMI_FN int llmi_tls_pin_read(const char *pin, unsigned char *out) {
    uint32_t acc = 0;
    size_t i, n = 0;
    int bits = 0;
    if (pin == NULL || strlen(pin) != 7 + 44 || memcmp(pin, "sha256/", 7) != 0 || pin[50] != '=') return 0;
    for (i = 7; i < 50; i++) {
        int v = llmi_base64_value((unsigned char)pin[i]);
        if (v < 0) return 0;
        acc = acc << 6 | (uint32_t)v;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        if (out != NULL) out[n] = (unsigned char)(acc >> bits);
        n++;
    }
    return n == 32 && (acc & 3) == 0;
}

LLMI_FN int llmi_tls_pin_ok(const char *pin) {
    return llmi_tls_pin_read(pin, NULL);
}

LLMI_FN int llmi_tls_pinned(const llmi_tls_shared *s, const unsigned char *spki) {
    unsigned char want[32];
    size_t i;
    for (i = 0; i < s->pin_count; i++) {
        if (llmi_tls_pin_read(s->pins[i], want) && memcmp(want, spki, 32) == 0) return 1;
    }
    return 0;
}

/* ---- the filter before BearSSL's engine ------------------------------------------------------------------ */

/* Why we refuse a chain that the engine may have accepted. */
typedef enum llmi_tls_why {
    LLMI_WHY_NONE,
    LLMI_WHY_CERT,          /* a certificate is no DER, or has an extension twice         */
    LLMI_WHY_LONG,          /* more certificates than LLMI_TLS_CHAIN                      */
    LLMI_WHY_NAME,          /* the address is not in the certificate                      */
    LLMI_WHY_NO_SAN,        /* the name stands in the common name only                    */
    LLMI_WHY_USAGE,         /* extendedKeyUsage without serverAuth                        */
    LLMI_WHY_CONSTRAINTS,   /* nameConstraints of a form that is not checked              */
    LLMI_WHY_OUTSIDE,       /* nameConstraints without the host                           */
    LLMI_WHY_PATH,          /* basicConstraints allow fewer CA certificates below         */
    LLMI_WHY_WEAK,          /* of an anchor only: RSA below 2048 bits                     */
    LLMI_WHY_NO_CA,         /* of an anchor only                                          */
    LLMI_WHY_NO_SIGN,       /* of an anchor only: keyUsage without keyCertSign            */
    LLMI_WHY_SIGNATURE,     /* of an anchor only: it was offered                          */
    LLMI_WHY_PIN,           /* of an anchor only: not pinned, and nothing before it       */
    LLMI_WHY_TRUST,         /* the file of anchors cannot be read any more                */
    LLMI_WHY_MEMORY         /* while it was read again                                    */
} llmi_tls_why;

#define LLMI_TLS_CHAIN   15     /* certificates of a server: each costs a signature, and it is the server that asks */
#ifdef LLM_TLS_SMALL
#define LLMI_TLS_ANCHORS 2      /* with one subject but different keys */
#define LLMI_TLS_STORE   1280   /* their names and keys: two RSA-4096 keys and names of 110 bytes */
#else
#define LLMI_TLS_ANCHORS 4
#define LLMI_TLS_STORE   2304
#endif

typedef struct llmi_tls_x509 {
    const br_x509_class *vtable;            /* first: BearSSL knows this struct by it                  */
    br_x509_minimal_context engine;
    llmi_tls_shared *shared;
    llmi_cert cert;
    const char *name;                       /* the engine checks this name: BearSSL's copy, in lower case, without
                                               a dot at its end; "" = ip is checked here               */
    unsigned char ip[16];
    size_t ip_len;
    llmi_date now;
    int why;
    int done;                               /* an anchor was reached: what follows does not matter     */
    int depth;                              /* number of the certificate, 0 = the server's own         */
    int bad_depth;                          /* of the one that `why` or a date speaks of               */
    int refused;                            /* the engine said yes and we no: `why` is the reason      */
    int expired, not_yet;
    llmi_date bad_date;                     /* the date that is passed, or not reached                 */
    int hide_star;                          /* the name ends after its second label: "*.com" is none   */
    int pinned;
    int anchor_why;                         /* why the anchor with the right name did not do           */
    br_x509_trust_anchor anchors[LLMI_TLS_ANCHORS];
    size_t anchor_count, store_used;
    unsigned char store[LLMI_TLS_STORE];
    char dns_name[64];                      /* first name in the server's certificate                  */
} llmi_tls_x509;

LLMI_FN void llmi_x509_refuse(llmi_tls_x509 *x, int why) {
    if (x->why != LLMI_WHY_NONE) return;
    x->why = why;
    x->bad_depth = x->depth;
}

/* Takes one DER element with a short or long length from *p. */
LLMI_FN int llmi_der_take(const unsigned char **p, const unsigned char *end, int tag, unsigned char **v, size_t *n) {
    const unsigned char *q = *p;
    size_t len, k;
    if (end - q < 2 || q[0] != tag) return 0;
    len = q[1];
    q += 2;
    if (len >= 0x80) {
        k = len & 0x7F;
        if (k < 1 || k > 3 || (size_t)(end - q) < k) return 0;
        for (len = 0; k > 0; k--) len = len << 8 | *q++;
    }
    if ((size_t)(end - q) < len) return 0;
    *v = (unsigned char *)(uintptr_t)q;   /* BearSSL's key structs point to non-const bytes that it only reads */
    *n = len;
    *p = q + len;
    return 1;
}

/* The key's bits, as they stand in the store behind the name. 0: no key that can be used. */
LLMI_FN int llmi_trust_key(br_x509_pkey *k, const llmi_cert *c, unsigned char *bits, size_t n) {
    const unsigned char *p = bits + 1, *end = bits + n;
    unsigned char *seq;
    size_t len;
    if (n < 2 || bits[0] != 0) return 0;
    if (c->key_kind == LLMI_KEY_EC) {
        k->key_type = BR_KEYTYPE_EC;
        k->key.ec.curve = c->curve;
        k->key.ec.q = bits + 1;
        k->key.ec.qlen = n - 1;
        return 1;
    }
    if (!llmi_der_take(&p, end, 0x30, &seq, &len) || p != end) return 0;
    p = seq;
    k->key_type = BR_KEYTYPE_RSA;
    if (!llmi_der_take(&p, end, 0x02, &k->key.rsa.n, &k->key.rsa.nlen) ||
        !llmi_der_take(&p, end, 0x02, &k->key.rsa.e, &k->key.rsa.elen) || p != end) return 0;
    while (k->key.rsa.nlen > 0 && *k->key.rsa.n == 0) {
        k->key.rsa.n++;
        k->key.rsa.nlen--;
    }
    return k->key.rsa.nlen >= 256;   /* a root of less than 2048 bits is no better than such a leaf */
}

LLMI_FN int llmi_trust_same_key(const br_x509_pkey *a, const br_x509_pkey *b) {
    if (a->key_type != b->key_type) return 0;
    if (a->key_type == BR_KEYTYPE_EC) {
        return a->key.ec.curve == b->key.ec.curve && a->key.ec.qlen == b->key.ec.qlen &&
               memcmp(a->key.ec.q, b->key.ec.q, a->key.ec.qlen) == 0;
    }
    return a->key.rsa.nlen == b->key.rsa.nlen && memcmp(a->key.rsa.n, b->key.rsa.n, a->key.rsa.nlen) == 0 &&
           a->key.rsa.elen == b->key.rsa.elen && memcmp(a->key.rsa.e, b->key.rsa.e, a->key.rsa.elen) == 0;
}

/* The host is not within the nameConstraints, or that cannot be said. */
LLMI_FN int llmi_cert_nc_why(const llmi_cert *c) {
    if ((c->nc & LLMI_NC_UNKNOWN) != 0) return LLMI_WHY_CONSTRAINTS;
    if ((c->nc & LLMI_NC_EXCLUDED) != 0) return LLMI_WHY_OUTSIDE;
    return (c->nc & (LLMI_NC_PERMITTED | LLMI_NC_INSIDE)) == LLMI_NC_PERMITTED ? LLMI_WHY_OUTSIDE : LLMI_WHY_NONE;
}

/* May c, with `below` certificates of CAs below it, end the chain? (RFC 5280 6.1.1 d, RFC 5937 3.2) */
LLMI_FN int llmi_trust_judge(const llmi_cert *c, int below) {
    int is_root = memcmp(c->issuer, c->subject, 32) == 0;
    if (!c->is_ca && (c->v3 || !is_root)) return LLMI_WHY_NO_CA;   /* a root of version 1 has no basicConstraints */
    if (c->no_sign) return LLMI_WHY_NO_SIGN;
    if ((c->exts & LLMI_EXT_EKU) != 0 && !c->eku_ok) return LLMI_WHY_USAGE;
    if (c->path != 0 && below >= c->path) return LLMI_WHY_PATH;
    return llmi_cert_nc_why(c);
}

/* c is a certificate of the trust store with the subject looked for, its name and key behind
   x->store_used. */
LLMI_FN void llmi_trust_add(llmi_tls_x509 *x, const llmi_cert *c, unsigned flags) {
    br_x509_trust_anchor *a = &x->anchors[x->anchor_count];
    unsigned char *dn = x->store + x->store_used;
    size_t i;
    int why;
    if (c->store_size == 0 || x->anchor_count == LLMI_TLS_ANCHORS || c->stored <= c->dn_len) return;
    if (flags == 0 && memcmp(c->tbs, x->cert.tbs, 32) != 0) return;   /* trusted is this one and none with its key */
    memset(a, 0, sizeof *a);
    a->flags = flags;
    a->dn.data = dn;
    a->dn.len = c->dn_len;
    why = flags == 0 ? LLMI_WHY_NONE : llmi_trust_judge(c, x->depth);
    if (why == LLMI_WHY_NONE && !llmi_trust_key(&a->pkey, c, dn + c->dn_len, c->stored - c->dn_len)) {
        why = LLMI_WHY_WEAK;
    }
    /* With no pinned key in the chain so far only a pinned anchor may end it. */
    if (why == LLMI_WHY_NONE && x->shared->pin_count > 0 && !x->pinned && !llmi_tls_pinned(x->shared, c->spki)) {
        why = LLMI_WHY_PIN;
    }
    x->anchor_why = why != LLMI_WHY_NONE ? why : LLMI_WHY_SIGNATURE;
    if (why != LLMI_WHY_NONE) return;
    for (i = 0; i < x->anchor_count; i++) {
        if (x->anchors[i].flags == flags && llmi_trust_same_key(&x->anchors[i].pkey, &a->pkey)) return;
    }
    x->anchor_count++;
    x->store_used += c->stored;
}

/* A new walk, for the host of this connection. */
LLMI_FN void llmi_x509_want(const llmi_tls_x509 *x, llmi_cert *c) {
    llmi_cert_init(c);
    c->ip = x->ip;
    c->ip_len = x->ip_len;
    c->name = x->name;
}

/* Reads the certificate of one index entry behind x->store_used. 0: it is not there any more. */
LLMI_FN int llmi_trust_fetch(llmi_tls_x509 *x, uint32_t offset, llmi_cert *c) {
    const llmi_tls_shared *s = x->shared;
    unsigned char buf[512];
    llmi_pem r;
    llmi_x509_want(x, c);
    c->store = x->store + x->store_used;
    c->store_size = sizeof x->store - x->store_used;
    if (s->kind == LLMI_TRUST_DER) {
        return llmi_cert_walk(c, s->anchors[offset].cert_der, s->anchors[offset].cert_der_len);
    }
#if LLMI_HAS_STORE
    if (s->kind == LLMI_TRUST_STORE) return llmi_trust_store_fetch(offset, c);
#endif
    llmi_pem_init(&r, s, offset, buf, sizeof buf);
    return llmi_pem_next(&r, c) && r.begin == offset;
}

/* Offers the engine the anchors with this subject. 0: an entry of the index did not lead to its
   certificate. */
LLMI_FN int llmi_trust_find(llmi_tls_x509 *x, const unsigned char *subject, unsigned flags) {
    const llmi_tls_shared *s = x->shared;
    uint32_t hash = llmi_trust_hash(subject);
    llmi_cert c;
    size_t i;
    for (i = 0; i < s->index_count; i++) {
        if (s->index[i].hash != hash) continue;
        if (!llmi_trust_fetch(x, s->index[i].offset, &c) || llmi_trust_hash(c.subject) != hash) return 0;
        if (memcmp(c.subject, subject, 32) == 0) llmi_trust_add(x, &c, flags);
    }
    return 1;
}

/* Offers the engine what is in the trust store under this subject, beside what it was offered before. */
LLMI_FN void llmi_x509_look_up(llmi_tls_x509 *x, const unsigned char *subject, unsigned flags) {
    size_t count = x->anchor_count, used = x->store_used;
    int again;
    for (again = 0; again < 2; again++) {
        llm_status status = llmi_trust_load(x->shared, NULL);
        x->anchor_count = count;
        x->store_used = used;
        if (status != LLM_OK) {
            llmi_x509_refuse(x, status == LLM_ERR_MEMORY ? LLMI_WHY_MEMORY : LLMI_WHY_TRUST);
            break;
        }
        if (llmi_trust_find(x, subject, flags)) {
            x->engine.trust_anchors = x->anchors;
            x->engine.trust_anchors_num = x->anchor_count;
            return;
        }
        llmi_trust_clear(x->shared);   /* the file has changed: read it anew, once */
    }
    llmi_x509_refuse(x, LLMI_WHY_TRUST);
    x->engine.trust_anchors_num = 0;
}

/* Issuer, subject and key are known: whoever could have signed the certificate is looked up. */
LLMI_FN void llmi_x509_have_key(llmi_tls_x509 *x) {
    if (llmi_tls_pinned(x->shared, x->cert.spki)) x->pinned = 1;
    x->anchor_count = x->store_used = 0;
    x->anchor_why = LLMI_WHY_NONE;
    llmi_x509_look_up(x, x->cert.issuer, BR_X509_TA_CA);
}

LLMI_FN llmi_tls_x509 *llmi_x509_of(const br_x509_class **ctx) {
    return (llmi_tls_x509 *)(void *)ctx;
}

/* Fewer than two dots: a wildcard for it would be one for a whole top-level domain. */
LLMI_FN int llmi_x509_short_name(const char *name) {
    const char *end = name + strlen(name), *dot = llmi_find(name, end, '.');
    return dot == end || llmi_find(dot + 1, end, '.') == end;
}

LLMI_FN void llmi_x509_start_chain(const br_x509_class **ctx, const char *server_name) {
    llmi_tls_x509 *x = llmi_x509_of(ctx);
    (void)server_name;   /* SNI; what is checked is x->name, also where no SNI is sent */
    x->why = LLMI_WHY_NONE;
    x->done = x->depth = x->bad_depth = x->refused = x->expired = x->not_yet = x->pinned = 0;
    x->anchor_why = LLMI_WHY_NONE;
    x->dns_name[0] = 0;
    x->hide_star = llmi_x509_short_name(x->name);
    x->engine.vtable->start_chain(&x->engine.vtable, x->ip_len > 0 ? NULL : x->name);
}

LLMI_FN void llmi_x509_start_cert(const br_x509_class **ctx, uint32_t length) {
    llmi_tls_x509 *x = llmi_x509_of(ctx);
    if (x->done) return;
    if (x->depth == LLMI_TLS_CHAIN) {
        llmi_x509_refuse(x, LLMI_WHY_LONG);
        x->engine.err = BR_ERR_X509_NOT_TRUSTED;
        x->done = 1;
        return;
    }
    llmi_x509_want(x, &x->cert);
    x->engine.trust_anchors_num = 0;
    x->engine.vtable->start_cert(&x->engine.vtable, length);
}

LLMI_FN void llmi_x509_pass(llmi_tls_x509 *x, const unsigned char *p, size_t n) {
    if (n > 0) x->engine.vtable->append(&x->engine.vtable, p, n);
}

/* Shows the engine another byte than the certificate has, while the byte that is really there goes into the
   hash that the signature is verified against: the signature still covers every original byte.
   - FALSE for TRUE, where an extendedKeyUsage or nameConstraints is marked critical: the engine does not know
     them and would refuse them; we do, and check them (llmi_x509_judge).
   - '!', which is in no host name, for a '*' that the engine must not take for a wildcard.
   last: it is the last byte that is signed; the engine has stopped hashing behind it. */
LLMI_FN void llmi_x509_pass_as(llmi_tls_x509 *x, unsigned char b, unsigned char shown, int last) {
    br_x509_minimal_context *m = &x->engine;
    if (m->err != 0 || !m->do_mhash) {
        llmi_x509_pass(x, &b, 1);
        return;
    }
    br_multihash_update(&m->mhash, &b, 1);
    m->do_mhash = 0;
    llmi_x509_pass(x, &shown, 1);
    m->do_mhash = (unsigned char)!last;
}

LLMI_FN void llmi_x509_append(const br_x509_class **ctx, const unsigned char *p, size_t n) {
    llmi_tls_x509 *x = llmi_x509_of(ctx);
    while (n > 0 && !x->done) {
        int event;
        size_t k = llmi_cert_feed(&x->cert, p, n, &event);
        int hide = (event & LLMI_CERT_STAR) != 0 && x->hide_star;
        llmi_x509_pass(x, p, k - 1);   /* an event speaks of the last byte; a walk that ended badly has none */
        if (x->engine.err == 0) {      /* else it is refused already, and only read for the message */
            if ((event & LLMI_CERT_HAVE_KEY) != 0) llmi_x509_have_key(x);
            /* the server's own certificate may be trusted directly */
            if ((event & LLMI_CERT_HAVE_TBS) != 0 && x->depth == 0) llmi_x509_look_up(x, x->cert.subject, 0);
        }
        /* no clock: the engine's date is the beginning of each certificate's own validity */
        if ((event & LLMI_CERT_HAVE_START) != 0 && x->shared->no_clock) {
            br_x509_minimal_set_time(&x->engine, x->cert.not_before.days, x->cert.not_before.seconds);
        }
        if (hide || (event & LLMI_CERT_CRITICAL_EXT) != 0) {
            llmi_x509_pass_as(x, p[k - 1], (unsigned char)(hide ? '!' : 0), (event & LLMI_CERT_HAVE_TBS) != 0);
        } else {
            llmi_x509_pass(x, p + k - 1, 1);
        }
        p += k;
        n -= k;
    }
}

/* What the engine does not check, for a certificate that has been read whole. */
LLMI_FN void llmi_x509_judge(llmi_tls_x509 *x) {
    const llmi_cert *c = &x->cert;
    if (c->at != LLMI_CERT_DONE) llmi_x509_refuse(x, LLMI_WHY_CERT);
    if (!x->shared->no_clock && !x->expired && !x->not_yet) {
        x->expired = llmi_date_less(&c->not_after, &x->now);
        x->not_yet = llmi_date_less(&x->now, &c->not_before);
        if (x->expired || x->not_yet) {
            x->bad_depth = x->depth;
            x->bad_date = x->expired ? c->not_after : c->not_before;
        }
    }
    if (x->depth == 0) {
        memcpy(x->dns_name, c->dns_name, sizeof x->dns_name);
        if (x->ip_len > 0 && !c->ip_match) llmi_x509_refuse(x, LLMI_WHY_NAME);
        if (x->ip_len == 0 && !c->dns_names) llmi_x509_refuse(x, LLMI_WHY_NO_SAN);
    }
    if ((c->exts & LLMI_EXT_EKU) != 0 && !c->eku_ok) llmi_x509_refuse(x, LLMI_WHY_USAGE);
    if (x->depth > 0 && c->path != 0 && x->depth > c->path) llmi_x509_refuse(x, LLMI_WHY_PATH);
    if (llmi_cert_nc_why(c) != LLMI_WHY_NONE) llmi_x509_refuse(x, llmi_cert_nc_why(c));
}

LLMI_FN void llmi_x509_end_cert(const br_x509_class **ctx) {
    llmi_tls_x509 *x = llmi_x509_of(ctx);
    if (x->done) return;
    llmi_x509_judge(x);
    x->engine.vtable->end_cert(&x->engine.vtable);
    x->done = x->engine.err == BR_ERR_X509_OK;
    x->depth++;
}

LLMI_FN unsigned llmi_x509_end_chain(const br_x509_class **ctx) {
    llmi_tls_x509 *x = llmi_x509_of(ctx);
    unsigned err = x->engine.vtable->end_chain(&x->engine.vtable);
    /* exactly one of the two has checked a name */
    if (err == 0 && x->ip_len == 0 && x->engine.server_name == NULL) llmi_x509_refuse(x, LLMI_WHY_NAME);
    x->refused = err == 0 && x->why != LLMI_WHY_NONE;
    return x->refused ? (unsigned)BR_ERR_X509_NOT_TRUSTED : err;
}

LLMI_FN const br_x509_pkey *llmi_x509_get_pkey(const br_x509_class *const *ctx, unsigned *usages) {
    const llmi_tls_x509 *x = (const llmi_tls_x509 *)(const void *)ctx;
    if (x->why != LLMI_WHY_NONE || x->engine.err != BR_ERR_X509_OK) return NULL;
    return x->engine.vtable->get_pkey(&x->engine.vtable, usages);
}

LLMI_FN const br_x509_class *llmi_x509_class(void) {
    static const br_x509_class filter = {
        sizeof(llmi_tls_x509), llmi_x509_start_chain, llmi_x509_start_cert, llmi_x509_append, llmi_x509_end_cert,
        llmi_x509_end_chain, llmi_x509_get_pkey
    };
    return &filter;
}

/* ---- host names ------------------------------------------------------------------------------------------ */

/* Splits a host into what is checked: an address (then name is "" and no SNI is sent), or a name without its
   trailing dot. 0: neither. The host may stand in brackets. */
LLMI_FN int llmi_tls_host(const char *host, char name[256], unsigned char ip[16], size_t *ip_len) {
    size_t n = strlen(host), i, label = 0;
    *ip_len = 0;
    name[0] = 0;
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        *ip_len = llmi_ip6_parse(host + 1, n - 2, ip) ? 16 : 0;
        return *ip_len != 0;
    }
    if (llmi_ip4_parse(host, n, ip)) *ip_len = 4;
    else if (llmi_ip6_parse(host, n, ip)) *ip_len = 16;
    if (*ip_len != 0) return 1;
    if (n > 0 && host[n - 1] == '.') n--;
    if (n == 0 || n > 253) return 0;
    for (i = 0; i < n; i++) {
        int b = llmi_lower((unsigned char)host[i]);
        label = b == '.' ? 0 : label + 1;
        if (label > 63 || (b == '.' && (i == 0 || host[i - 1] == '.'))) return 0;
        if (!llmi_is_digit(b) && (b < 'a' || b > 'z') && b != '-' && b != '_' && b != '.') return 0;
        name[i] = (char)b;
    }
    name[n] = 0;
    return 1;
}

/* ---- the connection -------------------------------------------------------------------------------------- */

typedef enum llmi_tls_state {
    LLMI_TLS_HANDSHAKE,     /* raw bytes go both ways                                       */
    LLMI_TLS_OPEN,          /* plaintext too                                                */
    LLMI_TLS_CLOSED,        /* close_notify came and everything before it was read          */
    LLMI_TLS_FAILED         /* llmi_tls_fail() says why                                     */
} llmi_tls_state;

/* One per connection: one block, with both record buffers behind it. */
typedef struct llmi_tls {
    br_ssl_client_context client;
#ifdef LLM_TLS_SMALL
    br_ec_impl ec;              /* BearSSL's, without P-521                                 */
#endif
    llmi_tls_x509 *x509;        /* NULL: the handshake is over, and its memory in other use */
    llmi_tls_shared *shared;
    size_t size;                /* of the block                                             */
    const char *host;           /* as the user wrote it; the caller's                       */
    int    opened;              /* the handshake was completed                              */
    int    offered;             /* a session was offered to the server                      */
    const char *broke;          /* for llmi_tls_fail: the connection did not end in order; "" = no more is known */
} llmi_tls;

#ifdef LLM_TLS_SMALL
/* BearSSL has the same choice inside: 15-bit words where BR_LOMUL says that long multiplications are slow. */
#if (defined(LLMI_BR_LOMUL) && LLMI_BR_LOMUL) || (defined(BR_LOMUL) && BR_LOMUL)
  #define LLMI_TLS_EC    (&br_ec_prime_i15)
  #define LLMI_TLS_ECDSA br_ecdsa_i15_vrfy_asn1
#else
  #define LLMI_TLS_EC    (&br_ec_prime_i31)
  #define LLMI_TLS_ECDSA br_ecdsa_i31_vrfy_asn1
#endif
#endif

LLMI_FN int llmi_tls_has_aes(void) {
    return br_aes_x86ni_ctr_get_vtable() != NULL && br_ghash_pclmul_get() != NULL;
}

/* ECDHE and AEAD only. Without AES in hardware ChaCha20 is several times faster. */
LLMI_FN void llmi_tls_suites(br_ssl_engine_context *eng) {
    static const uint16_t aes_first[] = {
        BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
    };
#ifdef LLM_TLS_SMALL
    br_ssl_engine_set_suites(eng, aes_first, 4);
#else
    static const uint16_t chacha_first[] = {
        BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
    };
    br_ssl_engine_set_suites(eng, llmi_tls_has_aes() ? aes_first : chacha_first, 6);
#endif
}

/* The profile: TLS 1.2; X25519, P-256, P-384, P-521; RSA (PKCS#1) and ECDSA with SHA-256, SHA-384 and
   SHA-512. SHA-1 is not enabled, so no signature that uses it is accepted. */
LLMI_FN void llmi_tls_profile(llmi_tls *t) {
    static const struct { int id; const br_hash_class *impl; } hashes[] = {
        {br_sha256_ID, &br_sha256_vtable}, {br_sha384_ID, &br_sha384_vtable}, {br_sha512_ID, &br_sha512_vtable}
    };
    br_ssl_engine_context *eng = &t->client.eng;
    br_x509_minimal_context *m = &t->x509->engine;
    size_t i;
    br_ssl_client_zero(&t->client);
    br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
    llmi_tls_suites(eng);
    br_x509_minimal_init(m, &br_sha256_vtable, NULL, 0);
    br_ssl_engine_set_default_rsavrfy(eng);
#ifdef LLM_TLS_SMALL
    t->ec = *LLMI_TLS_EC;
    t->ec.supported_curves = (uint32_t)1 << BR_EC_secp256r1 | (uint32_t)1 << BR_EC_secp384r1;
    br_ssl_engine_set_ec(eng, &t->ec);
    br_ssl_engine_set_ecdsa(eng, LLMI_TLS_ECDSA);
#else
    br_ssl_engine_set_default_ecdsa(eng);
    br_ssl_engine_set_default_chapol(eng);
#endif
    br_x509_minimal_set_rsa(m, br_ssl_engine_get_rsavrfy(eng));
    br_x509_minimal_set_ecdsa(m, br_ssl_engine_get_ec(eng), br_ssl_engine_get_ecdsa(eng));
    br_x509_minimal_set_minrsa(m, 256);
    for (i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        br_ssl_engine_set_hash(eng, hashes[i].id, hashes[i].impl);
        br_x509_minimal_set_hash(m, hashes[i].id, hashes[i].impl);
    }
    br_ssl_engine_set_prf_sha256(eng, &br_tls12_sha256_prf);
    br_ssl_engine_set_prf_sha384(eng, &br_tls12_sha384_prf);
    br_ssl_engine_set_default_aes_gcm(eng);
    br_ssl_engine_add_flags(eng, BR_OPT_NO_RENEGOTIATION);
    t->x509->vtable = llmi_x509_class();
    br_ssl_engine_set_x509(eng, &t->x509->vtable);
}

/* A connection is one block: this struct, the buffer for records out, the one for records in, the X.509 state. The last
   is of use in the handshake only: config.memory gets it back after it. With LLM_TLS_SMALL it lies in the end of a
   large buffer for records in, which gets that place then: a record of the handshake may have 9,000 bytes and more. */
#define LLMI_TLS_SHAKE 9000
LLMI_FN int llmi_tls_shares(const llmi_tls_shared *s) {
#ifdef LLM_TLS_SMALL
    return s->in_size >= LLMI_TLS_SHAKE + LLMI_UNIT + sizeof(llmi_tls_x509);
#else
    (void)s;
    return 0;
#endif
}

/* BearSSL derives the record size that it asks the server for (max_fragment_length, RFC 6066 4) from the
   smaller of the two buffers; only the one for input matters. With room for any record it must not ask at
   all: servers would send 512 bytes at a time. The field is read when the ClientHello is written. */
LLMI_FN void llmi_tls_buffers(llmi_tls *t) {
    br_ssl_engine_context *eng = &t->client.eng;
    const llmi_tls_shared *s = t->shared;
    unsigned char *out = (unsigned char *)(t + 1), *in = out + s->out_size;
    size_t in_size = s->in_size;
    unsigned log = 14;
    if (llmi_tls_shares(s)) in_size = (size_t)((unsigned char *)t->x509 - in);
    br_ssl_engine_set_buffers_bidi(eng, in, in_size, out, s->out_size);
    if (s->in_size < LLMI_TLS_IN_FULL) {
        for (log = 12; log > 9 && s->in_size < ((size_t)1 << log) + 325; ) log--;
    }
    eng->log_max_frag_len = (unsigned char)log;
}

LLMI_FN llm_status llmi_tls_start(llmi_tls *t, const char *name, llm_error *e) {
    llmi_tls_shared *s = t->shared;
    int64_t now = LLM_UNIX_TIME(s->mem->ctx);
    unsigned char seed[48];
    int resume;
    if (now <= 0 && !s->no_clock) {
        return llmi_fail(e, LLM_ERR_TLS, "the clock is not set, so certificates cannot be checked: set the device's "
                         "clock (LLM_UNIX_TIME gave 0), or config.no_clock if it has none");
    }
    llmi_tls_profile(t);
    if (!s->no_clock) {
        t->x509->now = llmi_date_of_unix(now);
        br_x509_minimal_set_time(&t->x509->engine, t->x509->now.days, t->x509->now.seconds);
    }
    if (!LLM_RANDOM(s->mem->ctx, seed, sizeof seed)) {
        llmi_wipe(seed, sizeof seed);
        return llmi_fail(e, LLM_ERR_TLS, "no random numbers: LLM_RANDOM failed, so no connection can be made safe");
    }
    br_ssl_engine_inject_entropy(&t->client.eng, seed, sizeof seed);
    llmi_wipe(seed, sizeof seed);
    llmi_tls_buffers(t);
    resume = s->has_session && llmi_streq(s->session_host, t->host) &&
             (now <= 0 || (now >= s->session_time && now - s->session_time < LLMI_TLS_SESSION_S));
    if (resume) br_ssl_engine_set_session_parameters(&t->client.eng, &s->session);
    t->offered = resume;
    if (!br_ssl_client_reset(&t->client, t->x509->ip_len > 0 ? NULL : name, resume)) {
        return llmi_fail(e, LLM_ERR_INTERNAL, "TLS could not be started (BearSSL error %d)",
                         br_ssl_engine_last_error(&t->client.eng));
    }
    return LLM_OK;
}

LLMI_FN void llmi_tls_free(llmi_tls *t) {
    if (t != NULL) llmi_mem_free(t->shared->mem, t, t->size);
}

/* Bytes of one connection. 0: the sizes do not fit a size_t. */
LLMI_FN size_t llmi_tls_size(const llmi_tls_shared *s) {
    size_t n, x509 = llmi_tls_shares(s) ? 0 : sizeof(llmi_tls_x509) + LLMI_UNIT;
    if (!llmi_add_ok(s->in_size, s->out_size, &n) || !llmi_add_ok(n, sizeof(llmi_tls) + x509, &n)) return 0;
    return n;
}

/* A new connection to the host (a name or an address); its ClientHello is ready to be sent. Reads the trust
   anchors when that has not been done. LLM_ERR_TLS, LLM_ERR_MEMORY, LLM_ERR_USAGE, LLM_ERR_LIMIT. */
LLMI_FN llm_status llmi_tls_new(llmi_tls **out, llmi_tls_shared *s, const char *host, llm_error *e) {
    size_t size = llmi_tls_size(s), i;
    llm_status status;
    char *name;
    llmi_tls *t;
    *out = NULL;
    if (s->in_size < LLMI_TLS_IN_MIN || s->out_size < LLMI_TLS_OUT_MIN || size == 0) {
        return llmi_fail(e, LLM_ERR_USAGE, "config.tls_in_size must be at least %d and tls_out_size at least %d",
                         LLMI_TLS_IN_MIN, LLMI_TLS_OUT_MIN);
    }
    for (i = 0; i < s->pin_count; i++) {
        if (!llmi_tls_pin_ok(s->pins[i])) {
            return llmi_fail(e, LLM_ERR_USAGE, "config.pins[%zu] must be \"sha256/\" and 44 characters of base64", i);
        }
    }
    status = llmi_trust_load(s, e);
    if (status != LLM_OK) return status;
    t = (llmi_tls *)llmi_mem_zalloc(s->mem, size);
    if (t == NULL) return llmi_fail_memory(e);
    t->shared = s;
    t->size = size;
    t->host = host;
    t->x509 = (llmi_tls_x509 *)(void *)((char *)t + (size - sizeof *t->x509) / LLMI_UNIT * LLMI_UNIT);
    t->x509->shared = s;
    t->x509->name = t->client.eng.server_name;
    name = (char *)(t + 1);      /* the buffer for records out has no other use before llmi_tls_start() has copied it */
    if (!llmi_tls_host(host, name, t->x509->ip, &t->x509->ip_len)) {
        status = llmi_fail(e, LLM_ERR_USAGE, "%q is no host name that a certificate can be checked for: letters, "
                           "digits, '-', '_' and '.', or an IP address (names in other scripts in their xn-- form)",
                           host);
    } else {
        status = llmi_tls_start(t, name, e);
    }
    if (status != LLM_OK) {
        llmi_tls_free(t);
        return status;
    }
    *out = t;
    return LLM_OK;
}

/* shutdown_recv tells a close_notify that was received: BearSSL reports "closed" only after its own has been
   sent, which may never be possible. */
LLMI_FN int llmi_tls_closed_clean(llmi_tls *t) {
    return t->client.eng.shutdown_recv && br_ssl_engine_last_error(&t->client.eng) == BR_ERR_OK;
}

/* The server encrypts: its certificate was used, and there is no other handshake (BR_OPT_NO_RENEGOTIATION). In a
   resumed session the answer may stand right behind its Finished: the buffer has its full length by then. */
LLMI_FN void llmi_tls_drop_x509(llmi_tls *t) {
    llmi_tls_shared *s = t->shared;
    int shares = llmi_tls_shares(s);
    if (t->x509 == NULL || (!shares && s->mem->pool == NULL)) return;
    llmi_wipe(t->x509, sizeof *t->x509);
    t->x509 = NULL;
    t->client.eng.x509ctx = NULL;
    if (shares) {
        t->client.eng.ibuf_len = s->in_size;
    } else {
        size_t n = sizeof *t + s->in_size + s->out_size;
        (void)llmi_mem_realloc(s->mem, t, t->size, n);     /* of config.memory: in place */
        t->size = n;
    }
}

LLMI_FN llmi_tls_state llmi_tls_get_state(llmi_tls *t) {
    unsigned s = br_ssl_engine_current_state(&t->client.eng);
    if (t->client.eng.incrypt) llmi_tls_drop_x509(t);
    if ((s & (BR_SSL_SENDAPP | BR_SSL_RECVAPP)) != 0) t->opened = 1;
    if (br_ssl_engine_last_error(&t->client.eng) != BR_ERR_OK) return LLMI_TLS_FAILED;
    if ((s & BR_SSL_RECVAPP) != 0) return LLMI_TLS_OPEN;
    if (t->client.eng.shutdown_recv || s == BR_SSL_CLOSED) return LLMI_TLS_CLOSED;
    return t->opened ? LLMI_TLS_OPEN : LLMI_TLS_HANDSHAKE;
}

/* Bytes from the peer. Returns how many were taken: fewer than n when plaintext must be read first
   (llmi_tls_read), or when raw bytes must be sent first, or in a state that takes none. */
LLMI_FN size_t llmi_tls_put_raw(llmi_tls *t, const char *p, size_t n) {
    size_t done = 0, room;
    while (done < n) {
        unsigned char *buf = br_ssl_engine_recvrec_buf(&t->client.eng, &room);
        if (buf == NULL || room == 0) break;
        room = llmi_min(room, n - done);
        memcpy(buf, p + done, room);
        br_ssl_engine_recvrec_ack(&t->client.eng, room);
        if (!t->opened) (void)llmi_tls_get_state(t);
        done += room;
    }
    return done;
}

/* Bytes for the peer: NULL and 0 when there are none. Valid until the next call on t. */
LLMI_FN const char *llmi_tls_raw_out(llmi_tls *t, size_t *n) {
    return (const char *)br_ssl_engine_sendrec_buf(&t->client.eng, n);
}

LLMI_FN void llmi_tls_raw_sent(llmi_tls *t, size_t n) {
    if (n > 0) br_ssl_engine_sendrec_ack(&t->client.eng, n);
}

/* Plaintext in; returns how much was taken: 0 = send raw_out first. llmi_tls_flush() ends the record. */
LLMI_FN size_t llmi_tls_write(llmi_tls *t, const char *p, size_t n) {
    size_t done = 0, room;
    while (done < n) {
        unsigned char *buf = br_ssl_engine_sendapp_buf(&t->client.eng, &room);
        if (buf == NULL || room == 0) break;
        room = llmi_min(room, n - done);
        llmi_copy_secret((char *)buf, p + done, room);    /* the head is in it */
        br_ssl_engine_sendapp_ack(&t->client.eng, room);
        done += room;
    }
    return done;
}

LLMI_FN void llmi_tls_flush(llmi_tls *t) {
    br_ssl_engine_flush(&t->client.eng, 0);
}

/* Plaintext out, where BearSSL decrypted it: NULL and 0 when there is none. Valid until the next call on
   t. */
LLMI_FN const char *llmi_tls_read(llmi_tls *t, size_t *n) {
    return (const char *)br_ssl_engine_recvapp_buf(&t->client.eng, n);
}

LLMI_FN void llmi_tls_read_done(llmi_tls *t, size_t n) {
    if (n > 0) br_ssl_engine_recvapp_ack(&t->client.eng, n);
}

/* Queues a close_notify. What was not read is dropped first: BearSSL 0.6 does not close before that. The
   caller sends raw_out once and does not wait for the peer's answer. */
LLMI_FN void llmi_tls_close(llmi_tls *t) {
    size_t n;
    while (br_ssl_engine_recvapp_buf(&t->client.eng, &n) != NULL) br_ssl_engine_recvapp_ack(&t->client.eng, n);
    br_ssl_engine_close(&t->client.eng);
}

/* After the handshake: the session may be resumed by the next connection to this host. */
LLMI_FN void llmi_tls_keep_session(llmi_tls *t) {
    llmi_tls_shared *s = t->shared;
    br_ssl_session_parameters p;
    int same;
    if (llmi_tls_get_state(t) == LLMI_TLS_FAILED || !t->opened) return;
    br_ssl_engine_get_session_parameters(&t->client.eng, &p);
    same = t->offered && s->has_session && p.session_id_len == s->session.session_id_len &&
           memcmp(p.session_id, s->session.session_id, p.session_id_len) == 0;
    if (!same) {   /* a resumed one keeps its age */
        llmi_tls_forget_session(s);
        if (p.session_id_len > 0) {
            s->session = p;
            s->has_session = 1;
            s->session_time = LLM_UNIX_TIME(s->mem->ctx);
            s->session_host = t->host;
        }
    }
    llmi_wipe(&p, sizeof p);
}

/* ---- errors ---------------------------------------------------------------------------------------------- */

/* The same may go well later. */
LLMI_FN int llmi_tls_may_pass(int err) {
    int alert = err >= BR_ERR_RECV_FATAL_ALERT ? err & 255 : 0;
    return err == BR_ERR_BAD_MAC || err == BR_ERR_RESUME_MISMATCH || err == BR_ERR_IO ||
           alert == 20 || alert == 80 || alert == 90;      /* bad_record_mac, internal_error, user_canceled */
}

#if LLMI_HAS_MESSAGES
/* One row for each code of BearSSL that has a text of its own. */
typedef struct llmi_tls_text { int code; const char *text; } llmi_tls_text;

LLMI_FN const llmi_tls_text *llmi_tls_find_text(const llmi_tls_text *list, size_t n, int code) {
    size_t i;
    for (i = 0; i < n && list[i].code != code; i++) continue;
    return i < n ? &list[i] : NULL;
}

LLMI_FN const llmi_tls_text *llmi_tls_error_text(int code) {
    static const llmi_tls_text list[] = {
        {BR_ERR_BAD_PARAM, "a parameter was refused by the TLS engine (a bug in this library)"},
        {BR_ERR_BAD_STATE, "the TLS engine was used in a wrong state (a bug in this library)"},
        {BR_ERR_UNSUPPORTED_VERSION, "the server did not answer with TLS 1.2 but with an older version"},
        {BR_ERR_BAD_VERSION, "the server changed the TLS version within the connection"},
        {BR_ERR_BAD_LENGTH, "the server sent a TLS record of an impossible length"},
        {BR_ERR_TOO_LARGE, "the server sent a TLS record larger than our buffer: it does not honour "
                              "max_fragment_length, so leave config.tls_in_size at its default"},
        {BR_ERR_BAD_MAC, "a TLS record was damaged on its way"},
        {BR_ERR_NO_RANDOM, "no random numbers: look at LLM_RANDOM"},
        {BR_ERR_UNKNOWN_TYPE, "the server sent something that is not TLS: it speaks no TLS at all on this port "
                                 "(is it http:// ?)"},
        {BR_ERR_UNEXPECTED, "the server sent a TLS message that was not expected"},
        {BR_ERR_BAD_CCS, "the server sent a bad ChangeCipherSpec message"},
        {BR_ERR_BAD_ALERT, "the server sent a bad alert message"},
        {BR_ERR_BAD_HANDSHAKE, "the server sent a bad handshake message"},
        {BR_ERR_OVERSIZED_ID, "the server sent a session id that is too long"},
        {BR_ERR_BAD_CIPHER_SUITE, "the server chose a cipher suite that we did not offer"},
        {BR_ERR_BAD_COMPRESSION, "the server chose compression, which we did not offer"},
        {BR_ERR_BAD_FRAGLEN, "the server answered max_fragment_length with another size than was asked for: leave "
                                "config.tls_in_size at its default"},
        {BR_ERR_BAD_SECRENEG, "the server's renegotiation_info is wrong"},
        {BR_ERR_EXTRA_EXTENSION, "the server sent a TLS extension that we did not ask for"},
        {BR_ERR_BAD_SNI, "the server's answer to the server name is wrong"},
        {BR_ERR_BAD_HELLO_DONE, "the server sent a bad ServerHelloDone message"},
        {BR_ERR_LIMIT_EXCEEDED, "the server's key exchange is larger than this build can handle"},
        {BR_ERR_BAD_FINISHED, "the handshake was tampered with, or the server made a mistake in it "
                                 "(Finished is wrong)"},
        {BR_ERR_RESUME_MISMATCH, "the server resumed a session with other parameters"},
        {BR_ERR_INVALID_ALGORITHM, "the server chose an algorithm or a curve that this build does not have"},
        {BR_ERR_BAD_SIGNATURE, "the server could not prove that it owns its certificate (bad signature)"},
        {BR_ERR_WRONG_KEY_USAGE, "the server's key may not be used for this cipher suite (keyUsage lacks "
                                    "digitalSignature)"},
        {BR_ERR_NO_CLIENT_AUTH, "the server asks for a client certificate, which is not supported"},
        {BR_ERR_IO, "the connection broke"},
        {BR_ERR_X509_EMPTY_CHAIN, "the server sent no certificate"},
        {BR_ERR_X509_UNSUPPORTED, "the server's certificates use an algorithm that is not accepted (accepted: "
                                     "RSA PKCS#1 and ECDSA on P-256, P-384, P-521, with SHA-256, SHA-384 or "
                                     "SHA-512; not SHA-1 or MD5)"},
        {BR_ERR_X509_LIMIT_EXCEEDED, "a key or signature in the server's certificates is too large (RSA is "
                                        "limited to 4096 bits)"},
        {BR_ERR_X509_WRONG_KEY_TYPE, "a certificate is signed with another kind of key than its issuer has"},
        {BR_ERR_X509_BAD_SIGNATURE, "the signature on a certificate is wrong"},
        {BR_ERR_X509_TIME_UNKNOWN, "the clock is not set: check the device's clock (LLM_UNIX_TIME)"},
        {BR_ERR_X509_EXPIRED, "a certificate is not valid at this date: check the device's clock"},
        {BR_ERR_X509_DN_MISMATCH, "the server sends its certificates in the wrong order: each must be followed "
                                     "by its issuer's"},
        {BR_ERR_X509_CRITICAL_EXTENSION, "a certificate has a critical extension that this build cannot check"},
        {BR_ERR_X509_NOT_CA, "a certificate of the chain is signed by one that is no CA"},
        {BR_ERR_X509_FORBIDDEN_KEY_USAGE, "a certificate is used for what its keyUsage forbids"},
        {BR_ERR_X509_WEAK_PUBLIC_KEY, "a certificate has an RSA key below 2048 bits, which is not safe"},
        {BR_ERR_X509_NOT_TRUSTED, "the server's certificate is not signed by a CA that you trust, or the server "
                                     "does not send the intermediate certificate. For a private CA set "
                                     "config.ca_file or ca_pem"}
    };
    if (code >= BR_ERR_X509_INVALID_VALUE && code <= BR_ERR_X509_BAD_TIME && code != BR_ERR_X509_EMPTY_CHAIN) {
        static const llmi_tls_text malformed = {0, "a certificate of the server is malformed"};
        return &malformed;
    }
    return llmi_tls_find_text(list, sizeof list / sizeof list[0], code);
}

/* Alerts, RFC 5246 7.2.2, RFC 6066 9, RFC 7301 3.2, RFC 8446 6.2. */
LLMI_FN const llmi_tls_text *llmi_tls_alert_text(int alert) {
    static const llmi_tls_text list[] = {
        {10, "unexpected_message"},
        {20, "bad_record_mac"},
        {21, "decryption_failed"},
        {22, "record_overflow"},
        {30, "decompression_failure"},
        {40, "handshake_failure: the server found nothing in common; it may require TLS 1.3 (this build speaks TLS "
                "1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305)"},
        {41, "no_certificate"},
        {42, "bad_certificate"},
        {43, "unsupported_certificate"},
        {44, "certificate_revoked"},
        {45, "certificate_expired"},
        {46, "certificate_unknown"},
        {47, "illegal_parameter"},
        {48, "unknown_ca"},
        {49, "access_denied"},
        {50, "decode_error"},
        {51, "decrypt_error"},
        {60, "export_restriction"},
        {70, "protocol_version: the server may require TLS 1.3; this build speaks TLS 1.2"},
        {71, "insufficient_security: the server may require TLS 1.3 or other ciphers; this build speaks TLS 1.2"},
        {80, "internal_error: the server has a problem of its own"},
        {86, "inappropriate_fallback"},
        {90, "user_canceled"},
        {100, "no_renegotiation"},
        {109, "missing_extension"},
        {110, "unsupported_extension"},
        {111, "certificate_unobtainable"},
        {112, "unrecognized_name: the server has no such host; check the base URL"},
        {113, "bad_certificate_status_response"},
        {114, "bad_certificate_hash_value"},
        {115, "unknown_psk_identity"},
        {116, "certificate_required: the server asks for a client certificate, which is not supported"},
        {120, "no_application_protocol: the server wants another protocol than HTTP/1.1"}
    };
    return llmi_tls_find_text(list, sizeof list / sizeof list[0], alert);
}

/* What to do about an alert whose name says too little. proven: the server's certificate had been accepted. */
LLMI_FN const char *llmi_tls_alert_advice(int alert, int proven, int opened) {
    if (opened && (alert == 40 || alert == 100)) {
        return ": it may have asked for a new handshake (renegotiation), which is refused";
    }
    if ((proven && !opened) || (alert >= 41 && alert <= 46) || alert == 48 || alert == 49 || alert == 111 ||
        alert == 113 || alert == 114) {
        return ": the server wants a client certificate, which is not supported, or something between has its own";
    }
    return ": the server, or something between that reads along, breaks off the handshake; its log says why";
}

/* "the server's certificate", or which of the others. */
LLMI_FN void llmi_tls_which(llm_text *t, int depth) {
    if (depth == 0) llmi_text_puts(t, "the server's certificate");
    else llmi_text_addf(t, "certificate number %d of the server's chain", depth + 1);
}

LLMI_FN void llmi_tls_say_date(llm_text *t, const llmi_tls_x509 *x) {
    char day[11], now[11];
    llmi_date_text(&x->bad_date, day);
    llmi_date_text(&x->now, now);
    llmi_tls_which(t, x->bad_depth);
    llmi_text_addf(t, x->expired ? " expired on %s" : " is not valid before %s", day);
    llmi_text_addf(t, "; today is %s by the clock of this device: check the device's clock", now);
}

LLMI_FN void llmi_tls_say_name(llm_text *t, const llmi_tls_x509 *x, const char *host) {
    llmi_text_addf(t, "the certificate is not for %s", host);
    if (x->dns_name[0] != 0) llmi_text_addf(t, " but for %s", x->dns_name);
    if (x->ip_len > 0) llmi_text_puts(t, " (an address must stand in its subjectAltName as iPAddress)");
    llmi_text_puts(t, ": check the host of the base URL");
}

/* What is wrong with a certificate, behind its name. */
LLMI_FN const char *llmi_tls_fault(int why) {
    switch (why) {
    case LLMI_WHY_CONSTRAINTS: return " has nameConstraints that this build cannot check, so it is refused";
    case LLMI_WHY_OUTSIDE: return " has nameConstraints that do not allow ";
    case LLMI_WHY_PATH: return " allows fewer CA certificates below it (path length)";
    case LLMI_WHY_WEAK: return " has an RSA key below 2048 bits";
    case LLMI_WHY_NO_CA: return " is marked as no CA, so it vouches for itself only";
    case LLMI_WHY_NO_SIGN: return " may not sign certificates (keyUsage lacks keyCertSign)";
    case LLMI_WHY_USAGE: return " may not be used for servers (extendedKeyUsage lacks serverAuth)";
    default: return " is malformed";
    }
}

/* The engine was content, we are not; or we know better. */
LLMI_FN void llmi_tls_say_refused(llm_text *t, const llmi_tls_x509 *x, const char *host) {
    switch (x->why) {
    case LLMI_WHY_NAME: llmi_tls_say_name(t, x, host); break;
    case LLMI_WHY_NO_SAN:
        llmi_text_addf(t, "the server's certificate names no host in subjectAltName (the common name does not count), "
                       "so it is not for %s: check the host of the base URL", host);
        break;
    case LLMI_WHY_LONG:
        llmi_text_addf(t, "the server sends more than %d certificates", LLMI_TLS_CHAIN);
        break;
    default:
        llmi_tls_which(t, x->bad_depth);
        llmi_text_puts(t, llmi_tls_fault(x->why));
        if (x->why == LLMI_WHY_OUTSIDE) llmi_text_puts(t, host);
        break;
    }
}

/* An anchor with the right name was no help. */
LLMI_FN void llmi_tls_say_anchor(llm_text *t, int why, const char *host) {
    if (why == LLMI_WHY_PIN) {
        llmi_text_puts(t, "no key in the server's chain matches config.pins: the server's keys have changed, or "
                       "somebody else answers in its place");
    } else if (why == LLMI_WHY_SIGNATURE) {
        llmi_text_puts(t, "the signature on the last certificate is not by the CA of the same name that you trust: the "
                       "CA has another key now, or somebody uses its name");
    } else {
        llmi_text_puts(t, "the CA certificate that you trust for it cannot be used: it");
        llmi_text_puts(t, llmi_tls_fault(why));
        if (why == LLMI_WHY_OUTSIDE) llmi_text_puts(t, host);
    }
}

/* What the filter knows better than the engine. 0: nothing. */
LLMI_FN int llmi_tls_say_why(llm_text *t, const llmi_tls_x509 *x, int err, const char *host) {
    if (x->why == LLMI_WHY_TRUST) {
        llmi_text_puts(t, "the CA certificates cannot be read any more");
        if (x->shared->path != NULL) llmi_text_addf(t, " (%s)", x->shared->path);
    } else if (err == BR_ERR_X509_EXPIRED && (x->expired || x->not_yet)) {
        llmi_tls_say_date(t, x);
    } else if (err == BR_ERR_X509_BAD_SERVER_NAME && x->why != LLMI_WHY_NO_SAN) {
        llmi_tls_say_name(t, x, host);
    } else if (x->refused || err == BR_ERR_X509_BAD_SERVER_NAME || x->why == LLMI_WHY_LONG ||
               (err == BR_ERR_X509_NOT_CA && (x->why == LLMI_WHY_PATH || x->why == LLMI_WHY_CERT))) {
        llmi_tls_say_refused(t, x, host);
    } else if ((err == BR_ERR_X509_NOT_TRUSTED || err == BR_ERR_X509_DN_MISMATCH) && x->anchor_why != LLMI_WHY_NONE) {
        llmi_tls_say_anchor(t, x->anchor_why, host);
    } else {
        return 0;
    }
    return 1;
}

LLMI_FN void llmi_tls_say(llm_text *t, const llmi_tls *tls, int err, const char *host) {
    const llmi_tls_x509 *x = tls->x509;
    int proven = tls->opened || x == NULL || x->done;
    const llmi_tls_text *row;
    const char *colon, *end;
    if (x != NULL && llmi_tls_say_why(t, x, err, host)) return;
    if (err >= BR_ERR_RECV_FATAL_ALERT) {
        int sent = err >= BR_ERR_SEND_FATAL_ALERT, alert = err & 255;
        row = llmi_tls_alert_text(alert);
        llmi_text_addf(t, sent ? "we refused the connection with alert %d" : "the server refused with alert %d",
                       alert);
        if (row != NULL) llmi_text_puts(t, ", ");
        end = row != NULL ? row->text + strlen(row->text) : NULL;
        colon = row != NULL ? llmi_find(row->text, end, ':') : end;
        if (colon != end && !(alert == 40 && proven)) {
            llmi_text_puts(t, row->text);
        } else {   /* handshake_failure has its text for one that comes before anything was agreed on */
            if (colon != end) llmi_text_put(t, row->text, (size_t)(colon - row->text));
            else if (row != NULL) llmi_text_puts(t, row->text);
            llmi_text_puts(t, sent ? ": what it sent is not what TLS allows"
                           : llmi_tls_alert_advice(alert, proven, tls->opened));
        }
    } else {
        row = llmi_tls_error_text(err);
        if (row != NULL) llmi_text_puts(t, row->text);
        else llmi_text_addf(t, "error %d of the TLS engine", err);
    }
}
#endif

/* Fills e for a connection in state FAILED; in another state: the peer went away during the handshake.
   Always an error, mostly LLM_ERR_TLS. A session that was offered is forgotten: the next connection begins
   anew. */
LLMI_FN llm_status llmi_tls_fail(llmi_tls *t, llm_error *e, const char *host) {
    llmi_tls_shared *s = t->shared;
    int err = br_ssl_engine_last_error(&t->client.eng);
#if LLMI_HAS_MESSAGES
    char buf[sizeof e->message];
    llm_text text;
    llmi_text_fixed(&text, buf, sizeof buf);
#endif
    if (t->offered) llmi_tls_forget_session(s);
    /* the file or store may have got the missing CA meanwhile: the next connection reads it again */
    if (err == BR_ERR_X509_NOT_TRUSTED && s->kind >= LLMI_TRUST_FILE) llmi_trust_clear(s);
    if (t->x509 != NULL && t->x509->why == LLMI_WHY_MEMORY) return llmi_fail_memory(e);
    /* the version is looked at before the type: in the bytes of no record it is the wrong thing to speak of */
    if (err == BR_ERR_UNSUPPORTED_VERSION && t->client.eng.ibuf[1] != 3) err = BR_ERR_UNKNOWN_TYPE;
    /* handshake_failure in a record of an older version: it had chosen that, and found no cipher for it */
    if (err == BR_ERR_RECV_FATAL_ALERT + 40 && !t->opened && t->client.eng.ibuf[1] == 3 && t->client.eng.ibuf[2] < 3) {
        err = BR_ERR_UNSUPPORTED_VERSION;
    }
#if LLMI_HAS_MESSAGES
    if (err == BR_ERR_OK) {
        llmi_text_puts(&text, t->broke == NULL ? "the server closed the connection"
                       : "the connection was reset or lost");
        llmi_text_puts(&text, " during the handshake");
        if (t->broke != NULL && t->broke[0] != 0) llmi_text_addf(&text, ": %s", t->broke);
        llmi_text_puts(&text, " (the server may require TLS 1.3; this build speaks TLS 1.2)");
    } else {
        llmi_tls_say(&text, t, err, host);
    }
    (void)llmi_fail(e, LLM_ERR_TLS, "TLS with %s failed: %s", host, llmi_text_cstr(&text));
#else
    (void)(llmi_fail)(e, LLM_ERR_TLS, "%s %d", llm_status_name(LLM_ERR_TLS), err);     /* a BR_ERR_ number */
    (void)host;
#endif
    if (e != NULL) e->retryable = err == BR_ERR_OK || llmi_tls_may_pass(err);
    return LLM_ERR_TLS;
}
#endif /* LLMI_HAS_TLS */

/* ============================================================================================================
   >>pricing                                                      the price table, finding a model in it, the cost

   Rates are whole picodollars (1e-12 USD) per token: 1,000,000 of them are one USD per 1M tokens. Every
   published rate is a whole number of them, a sum of tokens times rates is exact, and an int64_t holds 9.2
   million USD. Doubles stand only in llm_price and in what llm_cost() returns.

   Finding: a wrong price is worse than none. An id is a row when it is the row's id or an alias of it, letter
   case aside (LLM_COST_EXACT), or is that and a date (LLM_COST_SNAPSHOT). An id that merely begins like a
   known one is LLM_COST_PREFIX, and a guess: gpt-4o-realtime-preview is not priced like gpt-4o. Each
   provider's ids are looked up at its own hosts only, since the same model costs something else elsewhere.

   A cost is what the tokens cost at the list price. It is too low where more is charged than usage tells:
   calls of built-in tools and searches, storage, cache writes kept for 12 hours, regional hosts (10 % more
   for some models), and DeepSeek's peak hours (the table has the off-peak rates).
   ============================================================================================================ */

/* No row: every rate unknown. */
LLMI_FN void llmi_price_none(llm_price *p) {
    memset(p, 0, sizeof *p);
    p->input = p->cached_input = p->output = p->cache_write = p->audio_input = p->audio_output = -1;
    p->flex_input = p->flex_cached_input = p->flex_output = -1;
    p->priority_input = p->priority_cached_input = p->priority_output = -1;
    p->long_input = p->long_cached_input = p->long_cache_write = p->long_output = -1;
}

/* The double that is nearest to pico / 1e12, -1 for what is unknown. In integers: on a processor without doubles their
   division and addition would take 2 kB. */
LLMI_FN double llmi_price_usd(int64_t pico) {
    const uint64_t one = (uint64_t)1000000 * 1000000, top = (uint64_t)1 << 53;
    uint64_t m, rest;
    int shift = 0, half;
    double d;
    if (pico <= 0) return pico < 0 ? -1.0 : 0.0;
    if (sizeof d != sizeof m) return (double)pico / 1e12;    /* no IEEE 754 of 64 bits, as on AVR */
    m = (uint64_t)pico / one;
    rest = (uint64_t)pico % one;
    for (; m < top; shift++) {
        rest <<= 1;
        m = m << 1 | (rest >= one);
        if (rest >= one) rest -= one;
    }
    half = (int)(m & 1);
    m >>= 1;
    m += (uint64_t)half;      /* never a tie: a number of 1e-12 that has an end has it 12 bits behind the point */
    m += (uint64_t)(1023 + 52 - (shift - 1) - 1) << 52;      /* the leading bit of m adds the last 1 */
    memcpy(&d, &m, sizeof d);
    return d;
}

#if LLMI_HAS_PRICING

/* ---- the built-in table: no pointers, so that it needs no relocation and stays in flash ---------------- */
typedef struct llmi_price_row {
    uint32_t input, cached, output;           /* cached 0: no such rate                                     */
    uint8_t  flex, priority, longer, extra;   /* 1, 2, .. is a row of the tables below; 0: no such rates    */
} llmi_price_row;

typedef struct llmi_price_tier { uint32_t input, cached, output; } llmi_price_tier;
typedef struct llmi_price_long { uint32_t above, input, cached, write, output; } llmi_price_long;
typedef struct llmi_price_extra { uint32_t write, audio_input, audio_output; } llmi_price_extra;

/* Written by tools/prices/prices.pl from prices.json, where the sources and their dates are. Edit that. */
/* BEGIN GENERATED: prices */
#define LLMI_PRICE_DATE "2026-11-22"
#define LLMI_PRICE_OPENAI_ROWS 91   /* the first; other providers' come behind */

static const char llmi_price_ids[] =
    "gpt-6.2-astra\0" "gpt-6.2-sol\0" "gpt-6.1-sol\0" "gpt-6.1-terra\0" "gpt-6-astra\0" "gpt-6-sol\0"
    "gpt-6-luna\0" "gpt-5.6-sol\0" "gpt-5.6-terra\0" "gpt-5.6-luna\0" "gpt-5.6-cyber\0"
    "gpt-daybreak-blue-latest\0" "gpt-daybreak-red-latest\0" "chat-latest\0" "gpt-5.5\0" "gpt-5.5-pro\0"
    "gpt-5.4\0" "gpt-5.4-mini\0" "gpt-5.4-nano\0" "gpt-5.4-pro\0" "gpt-5.3-codex\0" "gpt-5.3-codex-spark\0"
    "gpt-5.2\0" "gpt-5.2-pro\0" "gpt-5.1\0" "gpt-5\0" "gpt-5-mini\0" "gpt-5-nano\0" "gpt-5-pro\0"
    "gpt-5-search-api\0" "gpt-4.1\0" "gpt-4.1-mini\0" "gpt-4o\0" "gpt-4o-mini\0" "o3\0" "o3-pro\0"
    "gpt-audio\0" "gpt-audio-1.5\0" "gpt-audio-mini\0" "text-embedding-3-small\0" "text-embedding-3-large\0"
    "text-embedding-ada-002\0" "ft:gpt-4.1-2025-04-14\0" "ft:gpt-4.1-mini-2025-04-14\0"
    "ft:gpt-4.1-nano-2025-04-14\0" "ft:gpt-4o-2024-08-06\0" "ft:gpt-4o-mini-2024-07-18\0"
    "ft:gpt-3.5-turbo-0125\0" "ft:gpt-3.5-turbo-1106\0" "ft:gpt-3.5-turbo-0613\0" "ft:o4-mini-2025-04-16\0"
    "ft:davinci-002\0" "ft:babbage-002\0" "gpt-4.1-nano\0" "gpt-4o-2024-05-13\0" "o4-mini\0" "o3-mini\0"
    "o1\0" "o1-pro\0" "gpt-4-turbo\0" "gpt-4\0" "gpt-3.5-turbo\0" "gpt-3.5-turbo-1106\0"
    "gpt-3.5-turbo-0613\0" "gpt-3.5-turbo-16k\0" "gpt-3.5-turbo-instruct\0" "gpt-4-32k\0"
    "gpt-4.5-preview\0" "o1-mini\0" "o1-preview\0" "chatgpt-4o-latest\0" "gpt-5-codex\0"
    "gpt-5.1-codex-max\0" "gpt-5-chat-latest\0" "gpt-5.1-chat-latest\0" "gpt-5.2-chat-latest\0"
    "gpt-5.3-chat-latest\0" "gpt-5.1-codex\0" "gpt-5.1-codex-mini\0" "gpt-5.2-codex\0" "codex-mini-latest\0"
    "o3-deep-research\0" "o4-mini-deep-research\0" "computer-use-preview\0" "gpt-4o-search-preview\0"
    "gpt-4o-mini-search-preview\0" "gpt-4o-audio-preview\0" "gpt-4o-audio-preview-2024-10-01\0"
    "gpt-4o-mini-audio-preview\0" "davinci-002\0" "babbage-002\0" "deepseek-flash\0" "deepseek-v4-pro\0"
    "openai/gpt-oss-120b\0" "openai/gpt-oss-20b\0" "openai/gpt-oss-safeguard-20b\0"
    "llama-3.3-70b-versatile\0" "llama-3.1-8b-instant\0" "qwen/qwen3-32b\0"
    "meta-llama/llama-4-scout-17b-16e-instruct\0" "qwen/qwen3.8-27b\0" "mistral-large-4\0"
    "mistral-large-2512\0" "mistral-medium-latest\0" "mistral-medium-2604\0" "mistral-small-2603\0"
    "codestral-2508\0" "devstral-2512\0" "ministral-3b-2512\0" "ministral-8b-2512\0" "ministral-14b-2512\0"
    "magistral-medium-latest\0" "grok-4.7\0" "grok-4.6\0" "grok-4.5\0" "grok-4.3\0" "grok-build-0.1\0"
    "grok-4.20-0309-reasoning\0" "grok-4.20-0309-non-reasoning\0" "gemini-2.5-pro\0" "gemini-2.5-flash\0"
    "gemini-2.5-flash-lite\0" "gemini-3-flash-preview\0" "gemini-3.1-pro-preview\0"
    "gemini-3.1-flash-lite\0" "gemini-3.5-flash\0" "gemini-3.5-flash-lite\0" "gemini-3.6-flash\0"
    "gemini-3.7-flash\0" "gemini-3.8-flash\0" "gemini-4-argon\0" "openai/gpt-oss-120b\0" "zai-org/GLM-5.2\0"
    "MiniMaxAI/MiniMax-M3\0" "Qwen/Qwen3.6-Plus\0" "Qwen/Qwen3.5-9B\0" "deepseek-ai/DeepSeek-V4.1-Flash\0"
    "gpt-oss-120b\0";

static const llmi_price_row llmi_price_rows[] = {   /* in the order of the ids */
    /* input,   cached,    output, flex, priority, long, extra */
    {   8000000,   400000,  40000000,  0,  1,  1,  1 },   /* gpt-6.2-astra */
    {   2000000,   100000,  10000000,  0,  2,  2,  2 },   /* gpt-6.2-sol */
    {   2000000,   100000,  10000000,  3,  2,  2,  2 },   /* gpt-6.1-sol */
    {   1000000,    50000,   5000000,  4,  5,  3,  3 },   /* gpt-6.1-terra */
    {  10000000,  1000000,  50000000,  6,  7,  4,  4 },   /* gpt-6-astra */
    {   2000000,   200000,  10000000,  8,  9,  5,  2 },   /* gpt-6-sol */
    {    100000,    10000,    500000, 10, 11,  6,  5 },   /* gpt-6-luna */
    {   4000000,   400000,  20000000, 12, 13,  7,  6 },   /* gpt-5.6-sol */
    {   2000000,   200000,  12000000, 14, 15,  8,  2 },   /* gpt-5.6-terra */
    {    200000,    20000,   1200000, 16, 17,  9,  7 },   /* gpt-5.6-luna */
    {  12500000,  1250000,  75000000,  0,  0,  0,  8 },   /* gpt-5.6-cyber */
    {   4000000,   400000,  20000000,  0,  0,  7,  6 },   /* gpt-daybreak-blue-latest */
    {  12500000,  1250000,  75000000,  0,  0,  0,  8 },   /* gpt-daybreak-red-latest */
    {   5000000,   500000,  30000000,  0,  0,  0,  0 },   /* chat-latest */
    {   5000000,   500000,  30000000, 18, 19, 10,  0 },   /* gpt-5.5 */
    {  30000000,        0, 180000000, 20,  0, 11,  0 },   /* gpt-5.5-pro */
    {   2500000,   250000,  15000000, 21, 22, 12,  0 },   /* gpt-5.4 */
    {    750000,    75000,   4500000, 23, 24,  0,  0 },   /* gpt-5.4-mini */
    {    200000,    20000,   1250000, 25,  0,  0,  0 },   /* gpt-5.4-nano */
    {  30000000,        0, 180000000, 20,  0, 11,  0 },   /* gpt-5.4-pro */
    {   1750000,   175000,  14000000,  0, 26,  0,  0 },   /* gpt-5.3-codex */
    {   1750000,   175000,  14000000,  0,  0,  0,  0 },   /* gpt-5.3-codex-spark */
    {   1750000,   175000,  14000000, 27, 26,  0,  0 },   /* gpt-5.2 */
    {  21000000,        0, 168000000,  0,  0,  0,  0 },   /* gpt-5.2-pro */
    {   1250000,   125000,  10000000, 28, 29,  0,  0 },   /* gpt-5.1 */
    {   1250000,   125000,  10000000, 28, 29,  0,  0 },   /* gpt-5 */
    {    250000,    25000,   2000000, 30, 31,  0,  0 },   /* gpt-5-mini */
    {     50000,     5000,    400000, 32,  0,  0,  0 },   /* gpt-5-nano */
    {  15000000,        0, 120000000,  0,  0,  0,  0 },   /* gpt-5-pro */
    {   1250000,   125000,  10000000,  0,  0,  0,  0 },   /* gpt-5-search-api */
    {   2000000,   500000,   8000000,  0, 33,  0,  0 },   /* gpt-4.1 */
    {    400000,   100000,   1600000,  0, 34,  0,  0 },   /* gpt-4.1-mini */
    {   2500000,  1250000,  10000000,  0, 35,  0,  0 },   /* gpt-4o */
    {    150000,    75000,    600000,  0, 36,  0,  0 },   /* gpt-4o-mini */
    {   2000000,   500000,   8000000, 37, 33,  0,  0 },   /* o3 */
    {  20000000,        0,  80000000,  0,  0,  0,  0 },   /* o3-pro */
    {   2500000,        0,  10000000,  0,  0,  0,  9 },   /* gpt-audio */
    {   2500000,        0,  10000000,  0,  0,  0,  9 },   /* gpt-audio-1.5 */
    {    600000,        0,   2400000,  0,  0,  0, 10 },   /* gpt-audio-mini */
    {     20000,        0,         0,  0,  0,  0,  0 },   /* text-embedding-3-small */
    {    130000,        0,         0,  0,  0,  0,  0 },   /* text-embedding-3-large */
    {    100000,        0,         0,  0,  0,  0,  0 },   /* text-embedding-ada-002 */
    {   3000000,   750000,  12000000,  0,  0,  0,  0 },   /* ft:gpt-4.1-2025-04-14 */
    {    800000,   200000,   3200000,  0,  0,  0,  0 },   /* ft:gpt-4.1-mini-2025-04-14 */
    {    200000,    50000,    800000,  0,  0,  0,  0 },   /* ft:gpt-4.1-nano-2025-04-14 */
    {   3750000,  1875000,  15000000,  0,  0,  0,  0 },   /* ft:gpt-4o-2024-08-06 */
    {    300000,   150000,   1200000,  0,  0,  0,  0 },   /* ft:gpt-4o-mini-2024-07-18 */
    {   3000000,        0,   6000000,  0,  0,  0,  0 },   /* ft:gpt-3.5-turbo-0125 */
    {   3000000,        0,   6000000,  0,  0,  0,  0 },   /* ft:gpt-3.5-turbo-1106 */
    {   3000000,        0,   6000000,  0,  0,  0,  0 },   /* ft:gpt-3.5-turbo-0613 */
    {   4000000,  1000000,  16000000,  0,  0,  0,  0 },   /* ft:o4-mini-2025-04-16 */
    {  12000000,        0,  12000000,  0,  0,  0,  0 },   /* ft:davinci-002 */
    {   1600000,        0,   1600000,  0,  0,  0,  0 },   /* ft:babbage-002 */
    {    100000,    25000,    400000,  0, 38,  0,  0 },   /* gpt-4.1-nano */
    {   5000000,        0,  15000000,  0, 39,  0,  0 },   /* gpt-4o-2024-05-13 */
    {   1100000,   275000,   4400000, 40, 41,  0,  0 },   /* o4-mini */
    {   1100000,   550000,   4400000,  0,  0,  0,  0 },   /* o3-mini */
    {  15000000,  7500000,  60000000,  0,  0,  0,  0 },   /* o1 */
    { 150000000,        0, 600000000,  0,  0,  0,  0 },   /* o1-pro */
    {  10000000,        0,  30000000,  0,  0,  0,  0 },   /* gpt-4-turbo */
    {  30000000,        0,  60000000,  0,  0,  0,  0 },   /* gpt-4 */
    {    500000,        0,   1500000,  0,  0,  0,  0 },   /* gpt-3.5-turbo */
    {   1000000,        0,   2000000,  0,  0,  0,  0 },   /* gpt-3.5-turbo-1106 */
    {   1500000,        0,   2000000,  0,  0,  0,  0 },   /* gpt-3.5-turbo-0613 */
    {   3000000,        0,   4000000,  0,  0,  0,  0 },   /* gpt-3.5-turbo-16k */
    {   1500000,        0,   2000000,  0,  0,  0,  0 },   /* gpt-3.5-turbo-instruct */
    {  60000000,        0, 120000000,  0,  0,  0,  0 },   /* gpt-4-32k */
    {  75000000, 37500000, 150000000,  0,  0,  0,  0 },   /* gpt-4.5-preview */
    {   1100000,   550000,   4400000,  0,  0,  0,  0 },   /* o1-mini */
    {  15000000,  7500000,  60000000,  0,  0,  0,  0 },   /* o1-preview */
    {   5000000,        0,  15000000,  0,  0,  0,  0 },   /* chatgpt-4o-latest */
    {   1250000,   125000,  10000000,  0,  0,  0,  0 },   /* gpt-5-codex */
    {   1250000,   125000,  10000000,  0,  0,  0,  0 },   /* gpt-5.1-codex-max */
    {   1250000,   125000,  10000000,  0,  0,  0,  0 },   /* gpt-5-chat-latest */
    {   1250000,   125000,  10000000,  0, 29,  0,  0 },   /* gpt-5.1-chat-latest */
    {   1750000,   175000,  14000000,  0, 26,  0,  0 },   /* gpt-5.2-chat-latest */
    {   1750000,   175000,  14000000,  0, 26,  0,  0 },   /* gpt-5.3-chat-latest */
    {   1250000,   125000,  10000000,  0, 29,  0,  0 },   /* gpt-5.1-codex */
    {    250000,    25000,   2000000,  0, 31,  0,  0 },   /* gpt-5.1-codex-mini */
    {   1750000,   175000,  14000000,  0, 26,  0,  0 },   /* gpt-5.2-codex */
    {   1500000,   375000,   6000000,  0,  0,  0,  0 },   /* codex-mini-latest */
    {  10000000,  2500000,  40000000,  0,  0,  0,  0 },   /* o3-deep-research */
    {   2000000,   500000,   8000000,  0,  0,  0,  0 },   /* o4-mini-deep-research */
    {   3000000,        0,  12000000,  0,  0,  0,  0 },   /* computer-use-preview */
    {   2500000,        0,  10000000,  0,  0,  0,  0 },   /* gpt-4o-search-preview */
    {    150000,        0,    600000,  0,  0,  0,  0 },   /* gpt-4o-mini-search-preview */
    {   2500000,        0,  10000000,  0,  0,  0, 11 },   /* gpt-4o-audio-preview */
    {   2500000,        0,  10000000,  0,  0,  0, 12 },   /* gpt-4o-audio-preview-2024-10-01 */
    {    150000,        0,    600000,  0,  0,  0, 10 },   /* gpt-4o-mini-audio-preview */
    {   2000000,        0,   2000000,  0,  0,  0,  0 },   /* davinci-002 */
    {    400000,        0,    400000,  0,  0,  0,  0 },   /* babbage-002 */
    {    150000,     3000,    600000,  0,  0,  0,  0 },   /* deepseek-flash */
    {    660000,    22000,   1980000,  0,  0,  0,  0 },   /* deepseek-v4-pro */
    {    150000,    75000,    600000,  0,  0,  0,  0 },   /* openai/gpt-oss-120b */
    {     75000,    37500,    300000,  0,  0,  0,  0 },   /* openai/gpt-oss-20b */
    {     75000,    37500,    300000,  0,  0,  0,  0 },   /* openai/gpt-oss-safeguard-20b */
    {    590000,        0,    790000,  0,  0,  0,  0 },   /* llama-3.3-70b-versatile */
    {     50000,        0,     80000,  0,  0,  0,  0 },   /* llama-3.1-8b-instant */
    {    290000,        0,    590000,  0,  0,  0,  0 },   /* qwen/qwen3-32b */
    {    110000,        0,    340000,  0,  0,  0,  0 },   /* meta-llama/llama-4-scout-17b-16e-instruct */
    {    800000,        0,   4000000,  0,  0,  0,  0 },   /* qwen/qwen3.8-27b */
    {    700000,    70000,   2100000,  0,  0,  0,  0 },   /* mistral-large-4 */
    {    500000,    50000,   1500000,  0,  0,  0,  0 },   /* mistral-large-2512 */
    {   1500000,   150000,   7500000,  0,  0,  0,  0 },   /* mistral-medium-latest */
    {   1500000,   150000,   7500000,  0,  0,  0,  0 },   /* mistral-medium-2604 */
    {    150000,    15000,    600000,  0,  0,  0,  0 },   /* mistral-small-2603 */
    {    300000,    30000,    900000,  0,  0,  0,  0 },   /* codestral-2508 */
    {    400000,    40000,   2000000,  0,  0,  0,  0 },   /* devstral-2512 */
    {    100000,    10000,    100000,  0,  0,  0,  0 },   /* ministral-3b-2512 */
    {    150000,    15000,    150000,  0,  0,  0,  0 },   /* ministral-8b-2512 */
    {    200000,    20000,    200000,  0,  0,  0,  0 },   /* ministral-14b-2512 */
    {   2000000,   200000,   5000000,  0,  0,  0,  0 },   /* magistral-medium-latest */
    {   2000000,   500000,   6000000,  0,  0, 13,  0 },   /* grok-4.7 */
    {   2000000,   500000,   6000000,  0,  0, 13,  0 },   /* grok-4.6 */
    {   2000000,   300000,   6000000,  0,  0, 14,  0 },   /* grok-4.5 */
    {   1250000,   200000,   2500000,  0,  0, 15,  0 },   /* grok-4.3 */
    {   1000000,   200000,   2000000,  0,  0, 16,  0 },   /* grok-build-0.1 */
    {   1250000,   200000,   2500000,  0,  0, 15,  0 },   /* grok-4.20-0309-reasoning */
    {   1250000,   200000,   2500000,  0,  0, 15,  0 },   /* grok-4.20-0309-non-reasoning */
    {   1250000,   125000,  10000000,  0,  0, 17,  0 },   /* gemini-2.5-pro */
    {    300000,    30000,   2500000,  0,  0,  0,  0 },   /* gemini-2.5-flash */
    {    100000,    10000,    400000,  0,  0,  0,  0 },   /* gemini-2.5-flash-lite */
    {    500000,    50000,   3000000,  0,  0,  0,  0 },   /* gemini-3-flash-preview */
    {   2000000,   200000,  12000000,  0,  0, 18,  0 },   /* gemini-3.1-pro-preview */
    {    250000,    25000,   1500000,  0,  0,  0,  0 },   /* gemini-3.1-flash-lite */
    {   1500000,   150000,   9000000,  0,  0,  0,  0 },   /* gemini-3.5-flash */
    {    300000,    30000,   2500000,  0,  0,  0,  0 },   /* gemini-3.5-flash-lite */
    {    750000,    75000,   3750000,  0,  0,  0,  0 },   /* gemini-3.6-flash */
    {    750000,    75000,   3750000,  0,  0,  0,  0 },   /* gemini-3.7-flash */
    {    750000,    75000,   3750000,  0,  0,  0,  0 },   /* gemini-3.8-flash */
    {   2000000,   100000,  10000000,  0,  0,  0,  0 },   /* gemini-4-argon */
    {    150000,        0,    600000,  0,  0,  0,  0 },   /* openai/gpt-oss-120b */
    {   1400000,   260000,   4400000,  0,  0,  0,  0 },   /* zai-org/GLM-5.2 */
    {    300000,    60000,   1200000,  0,  0,  0,  0 },   /* MiniMaxAI/MiniMax-M3 */
    {    500000,        0,   3000000,  0,  0,  0,  0 },   /* Qwen/Qwen3.6-Plus */
    {    170000,        0,    250000,  0,  0,  0,  0 },   /* Qwen/Qwen3.5-9B */
    {    300000,     6000,   1200000,  0,  0,  0,  0 },   /* deepseek-ai/DeepSeek-V4.1-Flash */
    {    350000,        0,    750000,  0,  0,  0,  0 },   /* gpt-oss-120b */
};
static const llmi_price_tier llmi_price_tiers[] = {   /* input, cached, output */
    {  16000000,    800000,  80000000 },   /*  1  gpt-6.2-astra, priority */
    {   4000000,    200000,  20000000 },   /*  2  gpt-6.2-sol, priority */
    {   1000000,     50000,   5000000 },   /*  3  gpt-6.1-sol, flex */
    {    500000,     25000,   2500000 },   /*  4  gpt-6.1-terra, flex */
    {   2000000,    100000,  10000000 },   /*  5  gpt-6.1-terra, priority */
    {   5000000,    500000,  25000000 },   /*  6  gpt-6-astra, flex */
    {  20000000,   2000000, 100000000 },   /*  7  gpt-6-astra, priority */
    {   1000000,    100000,   5000000 },   /*  8  gpt-6-sol, flex */
    {   4000000,    400000,  20000000 },   /*  9  gpt-6-sol, priority */
    {     50000,      5000,    250000 },   /* 10  gpt-6-luna, flex */
    {    200000,     20000,   1000000 },   /* 11  gpt-6-luna, priority */
    {   2000000,    200000,  10000000 },   /* 12  gpt-5.6-sol, flex */
    {   8000000,    800000,  40000000 },   /* 13  gpt-5.6-sol, priority */
    {   1000000,    100000,   6000000 },   /* 14  gpt-5.6-terra, flex */
    {   4000000,    400000,  24000000 },   /* 15  gpt-5.6-terra, priority */
    {    100000,     10000,    600000 },   /* 16  gpt-5.6-luna, flex */
    {    400000,     40000,   2400000 },   /* 17  gpt-5.6-luna, priority */
    {   2500000,    250000,  15000000 },   /* 18  gpt-5.5, flex */
    {  12500000,   1250000,  75000000 },   /* 19  gpt-5.5, priority */
    {  15000000,         0,  90000000 },   /* 20  gpt-5.5-pro, flex */
    {   1250000,    130000,   7500000 },   /* 21  gpt-5.4, flex */
    {   5000000,    500000,  30000000 },   /* 22  gpt-5.4, priority */
    {    375000,     37500,   2250000 },   /* 23  gpt-5.4-mini, flex */
    {   1500000,    150000,   9000000 },   /* 24  gpt-5.4-mini, priority */
    {    100000,     10000,    625000 },   /* 25  gpt-5.4-nano, flex */
    {   3500000,    350000,  28000000 },   /* 26  gpt-5.3-codex, priority */
    {    875000,     87500,   7000000 },   /* 27  gpt-5.2, flex */
    {    625000,     62500,   5000000 },   /* 28  gpt-5.1, flex */
    {   2500000,    250000,  20000000 },   /* 29  gpt-5.1, priority */
    {    125000,     12500,   1000000 },   /* 30  gpt-5-mini, flex */
    {    450000,     45000,   3600000 },   /* 31  gpt-5-mini, priority */
    {     25000,      2500,    200000 },   /* 32  gpt-5-nano, flex */
    {   3500000,    875000,  14000000 },   /* 33  gpt-4.1, priority */
    {    700000,    175000,   2800000 },   /* 34  gpt-4.1-mini, priority */
    {   4250000,   2125000,  17000000 },   /* 35  gpt-4o, priority */
    {    250000,    125000,   1000000 },   /* 36  gpt-4o-mini, priority */
    {   1000000,    250000,   4000000 },   /* 37  o3, flex */
    {    200000,     50000,    800000 },   /* 38  gpt-4.1-nano, priority */
    {   8750000,         0,  26250000 },   /* 39  gpt-4o-2024-05-13, priority */
    {    550000,    137500,   2200000 },   /* 40  o4-mini, flex */
    {   2000000,    500000,   8000000 },   /* 41  o4-mini, priority */
};
static const llmi_price_long llmi_price_longs[] = {   /* above, input, cached, write, output */
    {    272000,  16000000,    800000,  20000000,  60000000 },   /*  1  gpt-6.2-astra */
    {    272000,   4000000,    200000,   5000000,  15000000 },   /*  2  gpt-6.2-sol */
    {    272000,   2000000,    100000,   2500000,   7500000 },   /*  3  gpt-6.1-terra */
    {    272000,  20000000,   2000000,  25000000,  75000000 },   /*  4  gpt-6-astra */
    {    272000,   4000000,    400000,   5000000,  15000000 },   /*  5  gpt-6-sol */
    {    272000,    200000,     20000,    250000,    750000 },   /*  6  gpt-6-luna */
    {    272000,   8000000,    800000,  10000000,  30000000 },   /*  7  gpt-5.6-sol */
    {    272000,   4000000,    400000,   5000000,  18000000 },   /*  8  gpt-5.6-terra */
    {    272000,    400000,     40000,    500000,   1800000 },   /*  9  gpt-5.6-luna */
    {    272000,  10000000,   1000000,         0,  45000000 },   /* 10  gpt-5.5 */
    {    272000,  60000000,         0,         0, 270000000 },   /* 11  gpt-5.5-pro */
    {    272000,   5000000,    500000,         0,  22500000 },   /* 12  gpt-5.4 */
    {    199999,   4000000,   1000000,         0,  12000000 },   /* 13  grok-4.7 */
    {    199999,   4000000,    600000,         0,  12000000 },   /* 14  grok-4.5 */
    {    199999,   2500000,    400000,         0,   5000000 },   /* 15  grok-4.3 */
    {    199999,   2000000,    400000,         0,   4000000 },   /* 16  grok-build-0.1 */
    {    200000,   2500000,    250000,         0,  15000000 },   /* 17  gemini-2.5-pro */
    {    200000,   4000000,    400000,         0,  18000000 },   /* 18  gemini-3.1-pro-preview */
};
static const llmi_price_extra llmi_price_extras[] = {   /* cache write, audio input, audio output */
    {  10000000,         0,         0 },   /*  1  gpt-6.2-astra */
    {   2500000,         0,         0 },   /*  2  gpt-6.2-sol */
    {   1250000,         0,         0 },   /*  3  gpt-6.1-terra */
    {  12500000,         0,         0 },   /*  4  gpt-6-astra */
    {    125000,         0,         0 },   /*  5  gpt-6-luna */
    {   5000000,         0,         0 },   /*  6  gpt-5.6-sol */
    {    250000,         0,         0 },   /*  7  gpt-5.6-luna */
    {  15625000,         0,         0 },   /*  8  gpt-5.6-cyber */
    {         0,  32000000,  64000000 },   /*  9  gpt-audio */
    {         0,  10000000,  20000000 },   /* 10  gpt-audio-mini */
    {         0,  40000000,  80000000 },   /* 11  gpt-4o-audio-preview */
    {         0, 100000000, 200000000 },   /* 12  gpt-4o-audio-preview-2024-10-01 */
};

static const char llmi_price_aliases[] =
    "gpt-5.6\0" "text-embedding-ada-002-v2\0" "gpt-4-turbo-preview\0" "gpt-4-0125-preview\0"
    "gpt-4-1106-preview\0" "gpt-4-vision-preview\0" "gpt-4-1106-vision-preview\0" "gpt-4-0613\0"
    "gpt-4-0314\0" "gpt-3.5-turbo-0125\0" "gpt-35-turbo\0" "gpt-35-turbo-0125\0" "gpt-35-turbo-1106\0"
    "gpt-3.5-turbo-0301\0" "gpt-35-turbo-0613\0" "gpt-35-turbo-0301\0" "gpt-3.5-turbo-16k-0613\0"
    "gpt-35-turbo-16k\0" "gpt-35-turbo-16k-0613\0" "gpt-3.5-turbo-instruct-0914\0" "gpt-4-32k-0314\0"
    "gpt-4-32k-0613\0" "codex-mini\0" "deepseek-v4-flash\0" "deepseek-v4-flash-vision-exp\0";
static const uint8_t llmi_price_alias_rows[] = {
    7, 41, 59, 59, 59, 59, 59, 60, 60, 61, 61, 61, 62, 63, 63, 63, 64, 64, 64, 65,
    66, 66, 80, 91, 91,
};

static const char llmi_price_hosts[] =
    "api.deepseek.com\0" "api.groq.com\0" "api.mistral.ai\0" "api.x.ai\0"
    "generativelanguage.googleapis.com\0" "api.together.xyz\0" "api.together.ai\0" "api.cerebras.ai\0";
static const uint8_t llmi_price_host_rows[][2] = {   /* first row, one behind the last */
    { 91, 93 },   /* api.deepseek.com */
    { 93, 101 },   /* api.groq.com */
    { 101, 112 },   /* api.mistral.ai */
    { 112, 119 },   /* api.x.ai */
    { 119, 131 },   /* generativelanguage.googleapis.com */
    { 131, 137 },   /* api.together.xyz */
    { 131, 137 },   /* api.together.ai */
    { 137, 138 },   /* api.cerebras.ai */
};
/* END GENERATED: prices */

/* The place of the word s[0..n) in a list of names from entry `from` on, -1 if it is not there. Each name has
   its NUL; the list ends with an empty one. */
LLMI_FN int llmi_price_index(const char *list, int from, const char *s, size_t n) {
    int i;
    for (i = 0; *list != 0; i++) {
        if (i >= from && llmi_is_nocase(s, n, list)) return i;
        list += strlen(list) + 1;
    }
    return -1;
}

/* Where an id is looked up: the user's own table, and the rows of the provider that the host belongs to. */
typedef struct llmi_price_tables {
    const llm_price *own;
    size_t own_count;
    int first, end;
} llmi_price_tables;

/* A provider's host is one of the listed names or a sub-domain of one (us-east-1.api.x.ai). Every other host
   has OpenAI's rows: its own, Azure's, openrouter.ai (openai/ before the id), gateways and proxies on the
   loopback. */
LLMI_FN void llmi_price_provider(llmi_price_tables *t, const char *host) {
    const char *name = llmi_price_hosts;
    size_t n, len, i;
    t->first = 0;
    t->end = LLMI_PRICE_OPENAI_ROWS;
    if (host == NULL) return;
    n = strlen(host);
    if (n > 0 && host[n - 1] == '.') n--;
    for (i = 0; *name != 0; i++, name += len + 1) {
        len = strlen(name);
        if (n < len || (n > len && host[n - len - 1] != '.')) continue;
        if (!llmi_is_nocase(host + (n - len), len, name)) continue;
        t->first = llmi_price_host_rows[i][0];
        t->end = llmi_price_host_rows[i][1];
        return;
    }
}

/* The row with this id or alias, -1 if there is none. */
LLMI_FN int llmi_price_row_of(const llmi_price_tables *t, const char *id, size_t n) {
    int i = llmi_price_index(llmi_price_ids, t->first, id, n);
    if (i >= 0 && i < t->end) return i;
    for (i = 0; (i = llmi_price_index(llmi_price_aliases, i, id, n)) >= 0; i++) {
        int row = llmi_price_alias_rows[i];
        if (row >= t->first && row < t->end) return row;
    }
    return -1;
}

LLMI_FN double llmi_price_rate(uint32_t pico) {
    return pico == 0 ? -1.0 : pico / 1e6;
}

LLMI_FN void llmi_price_unpack_tier(unsigned index, double *input, double *cached, double *output) {
    const llmi_price_tier *tier = &llmi_price_tiers[index - 1];
    *input = llmi_price_rate(tier->input);
    *cached = llmi_price_rate(tier->cached);
    *output = llmi_price_rate(tier->output);
}

LLMI_FN void llmi_price_unpack(int index, llm_price *out) {
    const llmi_price_row *row = &llmi_price_rows[index];
    const char *id = llmi_price_ids;
    while (index-- > 0) id += strlen(id) + 1;
    llmi_price_none(out);
    out->model = id;
    out->input = row->input / 1e6;
    out->cached_input = llmi_price_rate(row->cached);
    out->output = row->output / 1e6;
    if (row->flex != 0) {
        llmi_price_unpack_tier(row->flex, &out->flex_input, &out->flex_cached_input, &out->flex_output);
    }
    if (row->priority != 0) {
        llmi_price_unpack_tier(row->priority, &out->priority_input, &out->priority_cached_input,
                               &out->priority_output);
    }
    if (row->longer != 0) {
        const llmi_price_long *longer = &llmi_price_longs[row->longer - 1];
        out->long_context_tokens = longer->above;
        out->long_input = llmi_price_rate(longer->input);
        out->long_cached_input = llmi_price_rate(longer->cached);
        out->long_cache_write = llmi_price_rate(longer->write);
        out->long_output = llmi_price_rate(longer->output);
    }
    if (row->extra != 0) {
        const llmi_price_extra *extra = &llmi_price_extras[row->extra - 1];
        out->cache_write = llmi_price_rate(extra->write);
        out->audio_input = llmi_price_rate(extra->audio_input);
        out->audio_output = llmi_price_rate(extra->audio_output);
    }
}

/* ---- finding ------------------------------------------------------------------------------------------- */

/* In a table of the user's a 0 is "not given"; llm_price_lookup() answers -1. So is NaN. */
LLMI_FN void llmi_price_absent(double *rate) {
    if (!(*rate > 0)) *rate = -1;
}

LLMI_FN int llmi_price_own(const llmi_price_tables *t, const char *id, size_t n, llm_price *out) {
    size_t i;
    for (i = 0; i < t->own_count; i++) {
        if (t->own[i].model != NULL && llmi_is_nocase(id, n, t->own[i].model)) break;
    }
    if (i == t->own_count) return 0;
    *out = t->own[i];
    if (!(out->input >= 0)) out->input = -1;   /* these two may be 0: a model that is free */
    if (!(out->output >= 0)) out->output = -1;
    llmi_price_absent(&out->cached_input);
    llmi_price_absent(&out->cache_write);
    llmi_price_absent(&out->audio_input);
    llmi_price_absent(&out->audio_output);
    llmi_price_absent(&out->flex_input);
    llmi_price_absent(&out->flex_cached_input);
    llmi_price_absent(&out->flex_output);
    llmi_price_absent(&out->priority_input);
    llmi_price_absent(&out->priority_cached_input);
    llmi_price_absent(&out->priority_output);
    llmi_price_absent(&out->long_input);
    llmi_price_absent(&out->long_cached_input);
    llmi_price_absent(&out->long_cache_write);
    llmi_price_absent(&out->long_output);
    return 1;
}

LLMI_FN int llmi_price_builtin(const llmi_price_tables *t, const char *id, size_t n, llm_price *out) {
    int row = llmi_price_row_of(t, id, n);
    if (row < 0) return 0;
    llmi_price_unpack(row, out);
    return 1;
}

LLMI_FN void llmi_price_skip(const char **id, size_t *n, const char *prefix) {
    size_t len = strlen(prefix);
    if (*n > len && llmi_is_nocase(*id, len, prefix)) {
        *id += len;
        *n -= len;
    }
}

typedef enum llmi_price_form {
    LLMI_PRICE_REFUSED,   /* no id of any table looks so, and nothing is guessed from it           */
    LLMI_PRICE_TUNED,     /* ft:base, cut off behind the base: its own row or nothing              */
    LLMI_PRICE_PLAIN      /* may have a date, may begin like a known id                            */
} llmi_price_form;

/* Makes of an id as it is sent or answered one as tables have it. Another vendor's path and a ':' behind the
   id (gateways have :free, :batch, :extended) change the price, so they are no ids of a table here. */
LLMI_FN llmi_price_form llmi_price_clean(const char **id, size_t *n, int openai) {
    size_t i;
    if (*n == 0 || *n > 128) return LLMI_PRICE_REFUSED;
    for (i = 0; i < *n; i++) {
        if ((unsigned char)(*id)[i] < 0x21 || (unsigned char)(*id)[i] > 0x7E) return LLMI_PRICE_REFUSED;
    }
    if (openai) {
        llmi_price_skip(id, n, "openrouter/");
        llmi_price_skip(id, n, "openai/");
    } else {
        llmi_price_skip(id, n, "models/");   /* as Gemini's list of models writes its ids */
    }
    for (i = 0; i < *n; i++) {
        if ((*id)[i] == '/' && openai) return LLMI_PRICE_REFUSED;
    }
    if (*n >= 3 && llmi_is_nocase(*id, 3, "ft:")) {
        for (i = 3; i < *n && (*id)[i] != ':'; i++) {}
        *n = i;
        return LLMI_PRICE_TUNED;
    }
    for (i = 0; i < *n; i++) {
        if ((*id)[i] == ':') return LLMI_PRICE_REFUSED;
    }
    return LLMI_PRICE_PLAIN;
}

/* The number that n digits at s are, -1 if one of them is none. */
LLMI_FN int llmi_price_digits(const char *s, size_t n) {
    int v = 0;
    for (; n > 0; n--, s++) {
        if (!llmi_is_digit((unsigned char)*s)) return -1;
        v = v * 10 + (*s - '0');
    }
    return v;
}

/* The length of the id without the -YYYY-MM-DD or -YYYYMMDD that it ends with, n if it ends with none. */
LLMI_FN size_t llmi_price_undated(const char *id, size_t n) {
    const char *end = id + n;
    int dashes = n > 11 && end[-11] == '-' && end[-6] == '-' && end[-3] == '-';
    size_t len = dashes ? 11 : 9;
    int year, month, day;
    if (!dashes && !(n > 9 && end[-9] == '-')) return n;
    year = llmi_price_digits(dashes ? end - 10 : end - 8, 4);
    month = llmi_price_digits(dashes ? end - 5 : end - 4, 2);
    day = llmi_price_digits(end - 2, 2);
    if (year < 2020 || year > 2099 || month < 1 || month > 12 || day < 1 || day > 31) return n;
    return n - len;
}

/* The price of a model. The user's table comes first, by id and by id with a date, then the built-in one; a
   guess comes last, from the longest id in either. A row of the user's also matches an id that the built-in
   tables refuse ("qwen3:8b"), as it stands. host is the base URL's, NULL means OpenAI's. out is always set;
   it may be NULL. */
LLMI_FN llm_cost_source llmi_price_find(const llm_price *own, size_t own_count, const char *host,
                                        const char *model, llm_price *out) {
    llmi_price_tables t;
    llm_price unused;
    llmi_price_form form;
    size_t n = model != NULL ? strlen(model) : 0, stem;
    if (out == NULL) out = &unused;
    llmi_price_none(out);
    t.own = own;
    t.own_count = own != NULL ? own_count : 0;
    llmi_price_provider(&t, host);
    if (n > 0 && llmi_price_own(&t, model, n, out)) return LLM_COST_EXACT;

    form = llmi_price_clean(&model, &n, t.first == 0);
    if (form == LLMI_PRICE_REFUSED) return LLM_COST_UNKNOWN;
    stem = form == LLMI_PRICE_PLAIN ? llmi_price_undated(model, n) : n;
    if (llmi_price_undated(model, stem) != stem) stem = n;   /* two dates are no snapshot */
    if (llmi_price_own(&t, model, n, out)) return LLM_COST_EXACT;
    if (stem < n && llmi_price_own(&t, model, stem, out)) return LLM_COST_SNAPSHOT;
    if (llmi_price_builtin(&t, model, n, out)) return LLM_COST_EXACT;
    if (stem < n && llmi_price_builtin(&t, model, stem, out)) return LLM_COST_SNAPSHOT;
    if (form == LLMI_PRICE_TUNED) return LLM_COST_UNKNOWN;

    while (--n > 0) {
        if (model[n] != '-') continue;
        if (llmi_price_own(&t, model, n, out)) return LLM_COST_PREFIX;
        if (llmi_price_builtin(&t, model, n, out)) return LLM_COST_PREFIX;
    }
    return LLM_COST_UNKNOWN;
}

/* ---- the cost ------------------------------------------------------------------------------------------ */

/* Picodollars per token; -1: unknown. */
typedef struct llmi_price_rates { int64_t input, cached, write, output; } llmi_price_rates;

/* The rate of USD per 1M tokens. 0 is free. -1 for what is negative, NaN or beyond a billion. */
LLMI_FN int64_t llmi_price_pico(double usd) {
    return usd >= 0 && usd <= 1e9 ? (int64_t)(usd * 1e6 + 0.5) : -1;
}

/* The same for a rate of which 0 says that it is not given. */
LLMI_FN int64_t llmi_price_given(double usd) {
    return usd > 0 ? llmi_price_pico(usd) : -1;
}

/* Tokens read from and written to the cache cost the input rate where they have none of their own. */
LLMI_FN llmi_price_rates llmi_price_column(int64_t input, double cached, double write, int64_t output) {
    llmi_price_rates r;
    r.input = input;
    r.cached = cached > 0 ? llmi_price_pico(cached) : input;
    r.write = write > 0 ? llmi_price_pico(write) : input;
    r.output = output;
    return r;
}

/* rate * num / den, rounded. -1 if a part is unknown or the product does not fit. */
LLMI_FN int64_t llmi_price_scale(int64_t rate, int64_t num, int64_t den) {
    if (rate < 0 || num < 0 || den < 0) return -1;
    if (rate == den) return num;
    if (den == 0 || (num > 0 && rate > (INT64_MAX - den) / num)) return -1;
    return (rate * num + den / 2) / den;
}

/* A tier changes the rates of a long context and of cache writes as it changes the plain ones. */
LLMI_FN void llmi_price_apply(llmi_price_rates *r, const llmi_price_rates *tier,
                              const llmi_price_rates *plain) {
    r->input = llmi_price_scale(r->input, tier->input, plain->input);
    r->cached = llmi_price_scale(r->cached, tier->cached, plain->cached);
    r->write = llmi_price_scale(r->write, tier->input, plain->input);
    r->output = llmi_price_scale(r->output, tier->output, plain->output);
}

typedef enum llmi_price_tier_name {
    LLMI_PRICE_TIER_PLAIN,      /* none said, or a name for the usual one                                  */
    LLMI_PRICE_TIER_FLEX,
    LLMI_PRICE_TIER_PRIORITY,
    LLMI_PRICE_TIER_BATCH,      /* no answer says so; a program that runs batches does: half of everything */
    LLMI_PRICE_TIER_UNKNOWN     /* scale is paid in advance; ultrafast and any other have no rates here    */
} llmi_price_tier_name;

LLMI_FN llmi_price_tier_name llmi_price_tier_of(const llm_usage *u) {
    const char *s = u->service_tier;
    size_t n = 0;
    while (n < sizeof u->service_tier && s[n] != 0) n++;
    if (n == 0 || llmi_is(s, n, "default") || llmi_is(s, n, "auto") || llmi_is(s, n, "standard") ||
        llmi_is(s, n, "on_demand")) return LLMI_PRICE_TIER_PLAIN;
    if (llmi_is(s, n, "flex")) return LLMI_PRICE_TIER_FLEX;
    if (llmi_is(s, n, "priority") || llmi_is(s, n, "fast")) return LLMI_PRICE_TIER_PRIORITY;
    if (llmi_is(s, n, "batch")) return LLMI_PRICE_TIER_BATCH;
    return LLMI_PRICE_TIER_UNKNOWN;
}

LLMI_FN llmi_price_rates llmi_price_select(const llm_price *p, llmi_price_tier_name name, int longer) {
    llmi_price_rates plain, tier, r;
    plain = llmi_price_column(llmi_price_pico(p->input), p->cached_input, p->cache_write,
                              llmi_price_pico(p->output));
    r = plain;
    if (longer) {
        r = llmi_price_column(llmi_price_given(p->long_input), p->long_cached_input, p->long_cache_write,
                              llmi_price_given(p->long_output));
    }
    switch (name) {
    case LLMI_PRICE_TIER_PLAIN:
        return r;
    case LLMI_PRICE_TIER_FLEX:
        tier = llmi_price_column(llmi_price_given(p->flex_input), p->flex_cached_input, 0,
                                 llmi_price_given(p->flex_output));
        break;
    case LLMI_PRICE_TIER_PRIORITY:
        tier = llmi_price_column(llmi_price_given(p->priority_input), p->priority_cached_input, 0,
                                 llmi_price_given(p->priority_output));
        break;
    case LLMI_PRICE_TIER_BATCH:   /* one half */
        tier = llmi_price_column(1, 0, 0, 1);
        plain = llmi_price_column(2, 0, 0, 2);
        break;
    case LLMI_PRICE_TIER_UNKNOWN:
    default:
        tier = llmi_price_column(-1, 0, 0, -1);
        break;
    }
    llmi_price_apply(&r, &tier, &plain);
    return r;
}

/* Part of a whole that a server reported: never negative, never more than what is left of the whole. */
LLMI_FN int64_t llmi_price_take(int64_t part, int64_t *left) {
    if (part < 0) part = 0;
    if (part > *left) part = *left;
    *left -= part;
    return part;
}

/* Adds to a sum that stays -1 once it is unknown. A rate counts only if there are tokens. */
LLMI_FN void llmi_price_add(int64_t *sum, int64_t tokens, int64_t rate) {
    if (*sum < 0 || tokens == 0) return;
    if (rate < 0 || (rate > 0 && tokens > (INT64_MAX - *sum) / rate)) *sum = -1;
    else *sum += tokens * rate;
}

/* Picodollars, -1: unknown. The details are parts of the whole, so they are taken off, not added; the dearest
   come first, so that details which contradict the whole do not make it cheap. */
LLMI_FN int64_t llmi_price_cost(const llm_price *p, const llm_usage *u) {
    int64_t in, out, cached, written, audio_in, audio_out, sum = 0;
    llmi_price_tier_name tier;
    llmi_price_rates r;
    int longer;
    if (p == NULL || u == NULL || !u->known || u->input_tokens < 0 || u->output_tokens < 0) return -1;
    in = u->input_tokens;
    out = u->output_tokens;
    /* some servers leave the reasoning out of their output tokens, but not out of the total */
    if (u->total_tokens > in && u->total_tokens - in > out) out = u->total_tokens - in;
    tier = llmi_price_tier_of(u);
    longer = p->long_context_tokens > 0 && in > p->long_context_tokens;
    r = llmi_price_select(p, tier, longer);

    audio_in = llmi_price_take(u->audio_input_tokens, &in);
    written = llmi_price_take(u->cache_write_tokens, &in);
    cached = llmi_price_take(u->cached_tokens, &in);
    audio_out = llmi_price_take(u->audio_output_tokens, &out);
    llmi_price_add(&sum, in, r.input);
    llmi_price_add(&sum, cached, r.cached);
    llmi_price_add(&sum, written, r.write);
    llmi_price_add(&sum, out, r.output);
    /* audio has one price: none for a tier or a long context */
    longer |= tier != LLMI_PRICE_TIER_PLAIN;
    llmi_price_add(&sum, audio_in, longer ? -1 : llmi_price_given(p->audio_input));
    llmi_price_add(&sum, audio_out, longer ? -1 : llmi_price_given(p->audio_output));
    return sum;
}

LLM_API const char *llm_prices_date(void) {
    return LLMI_PRICE_DATE;
}

#else /* LLM_NO_PRICING */

LLMI_FN llm_cost_source llmi_price_find(const llm_price *own, size_t own_count, const char *host,
                                        const char *model, llm_price *out) {
    (void)own;
    (void)own_count;
    (void)host;
    (void)model;
    if (out != NULL) llmi_price_none(out);
    return LLM_COST_UNKNOWN;
}

LLMI_FN int64_t llmi_price_cost(const llm_price *p, const llm_usage *u) {
    (void)p;
    (void)u;
    return -1;
}

LLM_API const char *llm_prices_date(void) {
    return "";
}

#endif

LLM_API double llm_cost(const llm_price *price, const llm_usage *usage) {
    return llmi_price_usd(llmi_price_cost(price, usage));
}

/* ============================================================================================================
   >>conversation                                       messages that own their strings, independent of a wire format
   ============================================================================================================ */

typedef struct llmi_message { llm_message m; void *block; size_t size; } llmi_message;   /* m points into block */

struct llm_conversation {
    llmi_mem     *mem;
    llm_error    *error;     /* the client's last error */
    llmi_message *list;
    size_t        count, cap;
};

LLMI_FN void llmi_conversation_init(llm_conversation *c, llmi_mem *mem, llm_error *error) {
    memset(c, 0, sizeof *c);
    c->mem = mem;
    c->error = error;
}

/* Forgets the messages behind the first n. */
LLMI_FN void llmi_conversation_cut(llm_conversation *c, size_t n) {
    while (c->count > n) {
        c->count--;
        llmi_mem_free(c->mem, c->list[c->count].block, c->list[c->count].size);
    }
}

LLMI_FN void llmi_conversation_clear(llm_conversation *c) {
    llmi_conversation_cut(c, 0);
    llmi_mem_free(c->mem, c->list, c->cap * sizeof *c->list);
    c->list = NULL;
    c->cap = 0;
}

/* Copies s to *at and moves *at behind its NUL. With *at NULL only *size grows. */
LLMI_FN const char *llmi_pack(char **at, size_t *size, const char *s) {
    size_t n;
    char *to = *at;
    if (s == NULL) return NULL;
    n = strlen(s) + 1;
    *size += n;
    if (to == NULL) return NULL;
    memcpy(to, s, n);
    *at = to + n;
    return to;
}

/* Packs m's strings and tool calls into block (NULL: only counts), and sets *out. Returns the size. */
LLMI_FN size_t llmi_message_pack(llm_message *out, const llm_message *m, char *block) {
    size_t size = m->tool_call_count * sizeof(llm_tool_call), i;
    llm_tool_call *calls = (llm_tool_call *)(void *)block;
    char *at = block == NULL ? NULL : block + size;
    *out = *m;
    out->content = llmi_pack(&at, &size, m->content);
    out->name = llmi_pack(&at, &size, m->name);
    out->tool_call_id = llmi_pack(&at, &size, m->tool_call_id);
    out->content_json = llmi_pack(&at, &size, m->content_json);
    out->tool_calls = m->tool_call_count != 0 ? calls : NULL;
    for (i = 0; i < m->tool_call_count; i++) {
        llm_tool_call c;
        c.id = llmi_pack(&at, &size, m->tool_calls[i].id);
        c.name = llmi_pack(&at, &size, m->tool_calls[i].name);
        c.arguments = llmi_pack(&at, &size, m->tool_calls[i].arguments);
        c.extra_content = llmi_pack(&at, &size, m->tool_calls[i].extra_content);
        if (block != NULL) calls[i] = c;
    }
    return size;
}

/* Appends a deep copy. On LLM_ERR_MEMORY nothing has changed. */
LLMI_FN llm_status llmi_conversation_push(llm_conversation *c, const llm_message *m) {
    llmi_message *slot;
    llm_message unused;
    size_t size = llmi_message_pack(&unused, m, NULL);
    void *block;
    if (c->count == c->cap) {
        size_t cap = c->cap == 0 ? 8 : c->cap * 2;
        llmi_message *list =
            (llmi_message *)llmi_mem_realloc(c->mem, c->list, c->cap * sizeof *list, cap * sizeof *list);
        if (list == NULL) return llmi_fail_memory(c->error);
        c->list = list;
        c->cap = cap;
    }
    if (size == 0) size = 1;
    block = llmi_mem_alloc(c->mem, size);
    if (block == NULL) return llmi_fail_memory(c->error);
    slot = &c->list[c->count];
    (void)llmi_message_pack(&slot->m, m, (char *)block);
    slot->block = block;
    slot->size = size;
    c->count++;
    return LLM_OK;
}

/* ============================================================================================================
   >>reply                                                      the answer as it grows, whatever wire format it comes in
   Nothing here is allocated at the end: the arrays that the caller will see grow together with ours.
   ============================================================================================================ */

enum { LLMI_TEXT, LLMI_REASONING, LLMI_REFUSAL, LLMI_CHANNELS };

/* Keeps the key out of what a server echoes, also when it comes in pieces. `matched` bytes of the secret were just
   seen; those from the eighth on are held back until it is clear what they are. Fewer are let through, so that an
   ordinary "s" at the end of a piece does not wait for the next one. */
#define LLMI_SCRUB_FREE 7
typedef struct llmi_scrub { size_t matched; } llmi_scrub;

typedef struct llmi_secret { const char *p; size_t n; } llmi_secret;   /* n 0: nothing to keep out */

/* The longest end of secret[0..m) that is also its beginning, shorter than m. */
LLMI_FN size_t llmi_scrub_border(const char *secret, size_t m) {
    size_t k = m - 1;
    while (k > 0 && memcmp(secret, secret + m - k, k) != 0) k--;
    return k;
}

LLMI_FN size_t llmi_scrub_held(size_t matched) {
    return matched > LLMI_SCRUB_FREE ? matched - LLMI_SCRUB_FREE : 0;
}

/* One byte that may belong to the secret. */
LLMI_FN void llmi_scrub_byte(llmi_scrub *s, const llmi_secret *k, llm_text *out, char c) {
    while (s->matched > 0 && k->p[s->matched] != c) {
        size_t m = s->matched, down = llmi_scrub_border(k->p, m);
        size_t was = m - llmi_scrub_held(m), now = m - llmi_scrub_held(down);
        if (now > was) llmi_text_put(out, k->p + was, now - was);
        s->matched = down;
    }
    if (k->p[s->matched] == c) s->matched++;
    if (llmi_scrub_held(s->matched) == 0) llmi_text_putc(out, c);
    if (s->matched == k->n) {
        llmi_text_put(out, "***", 3);
        s->matched = 0;
    }
}

/* Appends p[0..n) to out without the secret. */
LLMI_FN void llmi_scrub_put(llmi_scrub *s, const llmi_secret *k, llm_text *out, const char *p, size_t n) {
    const char *end = p + n;
    if (k->n == 0) {
        llmi_text_put(out, p, n);
        return;
    }
    while (p < end) {
        if (s->matched == 0) {
            const char *stop = llmi_find(p, end, k->p[0]);
            llmi_text_put(out, p, (size_t)(stop - p));
            p = stop;
            if (p == end) break;
        }
        llmi_scrub_byte(s, k, out, *p++);
    }
}

/* No more comes: what was held back was no secret. */
LLMI_FN void llmi_scrub_end(llmi_scrub *s, const llmi_secret *k, llm_text *out) {
    size_t held = llmi_scrub_held(s->matched);
    if (held > 0) llmi_text_put(out, k->p + s->matched - held, held);
    s->matched = 0;
}

typedef struct llmi_tool_slot {     /* a tool call while it grows */
    int64_t    index;               /* as the server numbers it, -1 = it does not */
    llm_text   id, name, arguments, extra;
    llmi_scrub scrub;
} llmi_tool_slot;

typedef struct llmi_choice {
    int            index;
    llm_text       text[LLMI_CHANNELS];
    llmi_scrub     scrub[LLMI_CHANNELS];
    uint32_t       high[LLMI_CHANNELS];    /* half of a surrogate pair that waits for the other */
    llmi_tool_slot *tools;
    llm_tool_call  *calls;                 /* what the caller sees of tools; same capacity */
    size_t         tool_count, tool_cap;
    llm_finish_reason finish;
} llmi_choice;

typedef struct llmi_reply {
    llmi_mem    *mem;
    llmi_choice *choices;
    llm_choice  *view;                     /* what the caller sees of choices; same capacity */
    size_t       count, cap;
    unsigned     serial;                   /* for ids that the server did not give */
    int          discard;                  /* texts are events only */
    size_t       kept;                     /* bytes of all texts and tool calls: LLM_MAX_TEXT bounds them */
    int          got;                      /* something that a caller can use has come: text or a tool call */
    llm_usage    usage;
    int64_t      cost_pico;                /* as the provider says, 1e-12 USD; -1 = it does not; in the end ours  */
    char         id[128], model[128], request_id[128];
} llmi_reply;

LLMI_FN void llmi_reply_init(llmi_reply *r, llmi_mem *mem, unsigned serial, int discard) {
    memset(r, 0, sizeof *r);
    r->mem = mem;
    r->serial = serial;
    r->discard = discard;
    r->cost_pico = -1;
}

LLMI_FN void llmi_reply_clear(llmi_reply *r) {
    size_t i, k;
    for (i = 0; i < r->count; i++) {
        llmi_choice *c = &r->choices[i];
        for (k = 0; k < LLMI_CHANNELS; k++) llmi_text_free(&c->text[k]);
        for (k = 0; k < c->tool_count; k++) {
            llmi_text_free(&c->tools[k].id);
            llmi_text_free(&c->tools[k].name);
            llmi_text_free(&c->tools[k].arguments);
            llmi_text_free(&c->tools[k].extra);
        }
        llmi_mem_free(r->mem, c->tools, c->tool_cap * sizeof *c->tools);
        llmi_mem_free(r->mem, c->calls, c->tool_cap * sizeof *c->calls);
    }
    llmi_mem_free(r->mem, r->choices, r->cap * sizeof *r->choices);
    llmi_mem_free(r->mem, r->view, r->cap * sizeof *r->view);
    r->choices = NULL;
    r->view = NULL;
    r->count = r->cap = 0;
}

/* Room for one more element in two arrays of the same capacity. On failure both stay usable with the old one. */
LLMI_FN int llmi_grow_pair(llmi_mem *mem, void **a, size_t a_size, void **b, size_t b_size, size_t *cap, size_t first) {
    size_t n = *cap == 0 ? first : *cap * 2;
    void *p = llmi_mem_alloc(mem, n * a_size);
    void *q = p == NULL ? NULL : llmi_mem_alloc(mem, n * b_size);
    if (q == NULL) {
        llmi_mem_free(mem, p, n * a_size);
        return 0;
    }
    if (*cap != 0) {
        memcpy(p, *a, *cap * a_size);
        memcpy(q, *b, *cap * b_size);
        llmi_mem_free(mem, *a, *cap * a_size);
        llmi_mem_free(mem, *b, *cap * b_size);
    }
    *a = p;
    *b = q;
    *cap = n;
    return 1;
}

/* The choice with this index; made if there is none. NULL: *why is LLM_ERR_MEMORY, or LLM_ERR_LIMIT when there would be
   too many. */
LLMI_FN llmi_choice *llmi_reply_choice(llmi_reply *r, int index, llm_status *why) {
    llmi_choice *c;
    size_t i;
    for (i = 0; i < r->count; i++) {
        if (r->choices[i].index == index) return &r->choices[i];
    }
    *why = LLM_ERR_LIMIT;
    if (r->count >= LLM_MAX_CHOICES) return NULL;
    *why = LLM_ERR_MEMORY;
    if (r->count == r->cap) {
        void *a = r->choices, *b = r->view;
        if (!llmi_grow_pair(r->mem, &a, sizeof *r->choices, &b, sizeof *r->view, &r->cap, 1)) return NULL;
        r->choices = (llmi_choice *)a;
        r->view = (llm_choice *)b;
    }
    /* in the order of their indexes, whatever order they come in */
    for (i = r->count; i > 0 && r->choices[i - 1].index > index; i--) r->choices[i] = r->choices[i - 1];
    r->count++;
    c = &r->choices[i];
    memset(c, 0, sizeof *c);
    c->index = index;
    for (i = 0; i < LLMI_CHANNELS; i++) llmi_text_init(&c->text[i], r->mem, LLM_MAX_TEXT);
    return c;
}

LLMI_FN llmi_tool_slot *llmi_choice_new_tool(llmi_reply *r, llmi_choice *c, llm_status *why) {
    llmi_tool_slot *t;
    *why = LLM_ERR_LIMIT;
    if (c->tool_count >= LLM_MAX_TOOL_CALLS) return NULL;
    *why = LLM_ERR_MEMORY;
    if (c->tool_count == c->tool_cap) {
        void *a = c->tools, *b = c->calls;
        if (!llmi_grow_pair(r->mem, &a, sizeof *c->tools, &b, sizeof *c->calls, &c->tool_cap, 2)) return NULL;
        c->tools = (llmi_tool_slot *)a;
        c->calls = (llm_tool_call *)b;
    }
    t = &c->tools[c->tool_count++];
    memset(t, 0, sizeof *t);
    t->index = -1;
    llmi_text_init(&t->id, r->mem, LLM_MAX_TEXT);
    llmi_text_init(&t->name, r->mem, LLM_MAX_TEXT);
    llmi_text_init(&t->arguments, r->mem, LLM_MAX_TEXT);
    llmi_text_init(&t->extra, r->mem, LLM_MAX_TEXT);
    return t;
}

/* Where a piece of a tool call belongs. The index is right unless a new id says that this is another call: some proxies
   give every call the index 0, some give none. No index and no id: the last one goes on, unless another name comes. */
LLMI_FN llmi_tool_slot *llmi_choice_tool(llmi_reply *r, llmi_choice *c, int64_t index, const char *id, size_t id_len,
                                         int has_name, llm_status *why) {
    llmi_tool_slot *t;
    size_t i;
    for (i = c->tool_count; id_len > 0 && i > 0; i--) {
        t = &c->tools[i - 1];
        if (t->id.n == id_len && memcmp(t->id.p, id, id_len) == 0) return t;
    }
    for (i = c->tool_count; index >= 0 && i > 0; i--) {
        t = &c->tools[i - 1];
        if (t->index == index && (id_len == 0 || t->id.n == 0)) return t;
        if (t->index == index) break;      /* the same index with another id: a new call */
    }
    if (index < 0 && id_len == 0 && c->tool_count > 0) {
        t = &c->tools[c->tool_count - 1];
        if (!has_name || t->name.n == 0) return t;
    }
    t = llmi_choice_new_tool(r, c, why);
    if (t != NULL) t->index = index;
    return t;
}

/* A call without an id could not be answered: nine letters and digits, which every server takes. */
LLMI_FN void llmi_tool_make_id(const llmi_reply *r, const llmi_choice *c, size_t at, llm_text *id) {
    static const char hex[] = "0123456789abcdef";
    unsigned v = (unsigned)c->index * LLM_MAX_TOOL_CALLS + (unsigned)at;
    unsigned s = r->serial;
    char out[9];
    int i;
    out[0] = 'c';
    for (i = 0; i < 4; i++) {
        out[4 - i] = hex[s & 15];
        out[8 - i] = hex[v & 15];
        s >>= 4;
        v >>= 4;
    }
    llmi_text_put(id, out, sizeof out);
}

/* No more comes for this channel: what was held back is let go. Returns how many bytes that added. */
LLMI_FN size_t llmi_choice_flush(llmi_reply *r, llmi_choice *c, int channel, const llmi_secret *secret) {
    llm_text *t = &c->text[channel];
    size_t before;
    if (r->discard) t->n = 0;
    before = t->n;
    llmi_scrub_end(&c->scrub[channel], secret, t);
    if (c->high[channel] != 0) llmi_text_put(t, "\xEF\xBF\xBD", 3);
    c->high[channel] = 0;
    return t->n - before;
}

/* A text for the caller: NULL if nothing came, unless it must be "". */
LLMI_FN const char *llmi_reply_cstr(llm_text *t, int never_null) {
    return t->n == 0 ? (never_null ? "" : NULL) : llmi_text_cstr(t);
}

/* Ends the tool calls of a choice: each gets its id, and calls[] is what the caller sees. */
LLMI_FN llm_status llmi_choice_close_tools(llmi_reply *r, llmi_choice *c, const llmi_secret *secret) {
    llm_status status = LLM_OK;
    size_t k;
    for (k = 0; k < c->tool_count; k++) {
        llmi_tool_slot *t = &c->tools[k];
        llmi_scrub_end(&t->scrub, secret, &t->arguments);
        t->id.n = llmi_redact(t->id.p, t->id.n, secret->p, secret->n, 0);
        t->name.n = llmi_redact(t->name.p, t->name.n, secret->p, secret->n, 0);
        if (t->id.n == 0) llmi_tool_make_id(r, c, k, &t->id);
        if (t->id.err != LLM_OK) status = t->id.err;
        if (t->arguments.err != LLM_OK) status = t->arguments.err;
        c->calls[k].id = llmi_text_cstr(&t->id);
        c->calls[k].name = llmi_text_cstr(&t->name);
        c->calls[k].arguments = llmi_text_cstr(&t->arguments);
        c->calls[k].extra_content = llmi_reply_cstr(&t->extra, 0);
    }
    return status;
}

/* The answer is over, well or not: fills the view. Harmless when repeated. */
LLMI_FN llm_status llmi_reply_close(llmi_reply *r, const llmi_secret *secret) {
    llm_status status = LLM_OK;
    size_t i;
    int k;
    for (i = 0; i < r->count; i++) {
        llmi_choice *c = &r->choices[i];
        llm_choice *v = &r->view[i];
        llm_status s = llmi_choice_close_tools(r, c, secret);
        if (s != LLM_OK) status = s;
        for (k = 0; k < LLMI_CHANNELS; k++) {
            (void)llmi_choice_flush(r, c, k, secret);
            if (r->discard) c->text[k].n = 0;
            if (c->text[k].err != LLM_OK) status = c->text[k].err;
        }
        memset(v, 0, sizeof *v);
        v->index = c->index;
        v->content = llmi_reply_cstr(&c->text[LLMI_TEXT], 1);
        v->content_len = c->text[LLMI_TEXT].n;
        v->reasoning = llmi_reply_cstr(&c->text[LLMI_REASONING], 0);
        v->refusal = llmi_reply_cstr(&c->text[LLMI_REFUSAL], 0);
        v->tool_calls = c->tool_count != 0 ? c->calls : NULL;
        v->tool_call_count = c->tool_count;
        v->finish_reason = c->finish;
    }
    return status;
}

LLMI_FN int llmi_reply_finished(const llmi_reply *r) {
    size_t i;
    for (i = 0; i < r->count; i++) {
        if (r->choices[i].finish == LLM_FINISH_NONE) return 0;
    }
    return r->count > 0;
}

/* ============================================================================================================
   >>wire-chat                              Chat Completions: response and deltas in, request body out; no I/O
   A wire format is two things: a writer of the body, and a reader that turns JSON events into a llmi_reply. Another
   format is another pair over the same llmi_reply and llm_request.

   `message` of a whole answer and `delta` of a stream are the same to the reader. What a choice object holds is
   collected in `scratch` and committed when the object closes, because its index may stand last. Pieces of text are
   told to the caller right then; tool calls when the answer is over, for only then are they whole.
   ============================================================================================================ */

enum {                          /* where in the text the reader is: one entry of its stack */
    LLMI_IN_LIST,               /* [root, ..]: some servers wrap an error so */
    LLMI_IN_ROOT, LLMI_IN_CHOICES, LLMI_IN_CHOICE, LLMI_IN_DELTA, LLMI_IN_PARTS, LLMI_IN_PART, LLMI_IN_TOOLS,
    LLMI_IN_TOOL, LLMI_IN_FUNCTION, LLMI_IN_USAGE, LLMI_IN_USAGE_INPUT, LLMI_IN_USAGE_OUTPUT, LLMI_IN_X_GROQ,
    LLMI_IN_ERROR, LLMI_IN_COUNT
};

enum {                          /* the member whose value comes next */
    LLMI_F_NONE,
    LLMI_F_ID, LLMI_F_MODEL, LLMI_F_TIER, LLMI_F_OBJECT, LLMI_F_CHOICES, LLMI_F_USAGE, LLMI_F_X_GROQ, LLMI_F_ERROR,
    LLMI_F_INDEX, LLMI_F_DELTA, LLMI_F_FINISH, LLMI_F_TEXT, LLMI_F_REASONING, LLMI_F_REASONING_2, LLMI_F_REFUSAL,
    LLMI_F_TOOLS, LLMI_F_TOOL_INDEX, LLMI_F_TOOL_ID, LLMI_F_FUNCTION, LLMI_F_NAME, LLMI_F_ARGUMENTS, LLMI_F_EXTRA,
    LLMI_F_INPUT, LLMI_F_OUTPUT, LLMI_F_TOTAL, LLMI_F_CACHED, LLMI_F_CACHE_WRITE, LLMI_F_AUDIO_IN, LLMI_F_AUDIO_OUT,
    LLMI_F_REASONED, LLMI_F_USAGE_INPUT, LLMI_F_USAGE_OUTPUT, LLMI_F_COST, LLMI_F_TICKS,
    LLMI_F_MESSAGE, LLMI_F_TYPE, LLMI_F_CODE, LLMI_F_PARAM, LLMI_F_DETAIL
};

typedef struct llmi_field { unsigned char in, field, len; const char *name; } llmi_field;
#define LLMI_FIELD(in, field, name) {in, field, sizeof(name) - 1, name}
static const llmi_field llmi_fields[] = {   /* sorted by `in`: the first of each is found once */
    LLMI_FIELD(LLMI_IN_ROOT, LLMI_F_CHOICES, "choices"),
    LLMI_FIELD(LLMI_IN_ROOT, LLMI_F_ID, "id"),
    LLMI_FIELD(LLMI_IN_ROOT, LLMI_F_MODEL, "model"),
    LLMI_FIELD(LLMI_IN_ROOT, LLMI_F_USAGE, "usage"),
    LLMI_FIELD(LLMI_IN_ROOT, LLMI_F_TIER, "service_tier"),
    LLMI_FIELD(LLMI_IN_ROOT, LLMI_F_ERROR, "error"),
    LLMI_FIELD(LLMI_IN_ROOT, LLMI_F_OBJECT, "object"),
    LLMI_FIELD(LLMI_IN_ROOT, LLMI_F_X_GROQ, "x_groq"),
    LLMI_FIELD(LLMI_IN_ROOT, LLMI_F_MESSAGE, "message"),
    LLMI_FIELD(LLMI_IN_ROOT, LLMI_F_TYPE, "type"),
    LLMI_FIELD(LLMI_IN_ROOT, LLMI_F_CODE, "code"),
    LLMI_FIELD(LLMI_IN_ROOT, LLMI_F_PARAM, "param"),
    LLMI_FIELD(LLMI_IN_ROOT, LLMI_F_DETAIL, "detail"),
    LLMI_FIELD(LLMI_IN_CHOICE, LLMI_F_INDEX, "index"),
    LLMI_FIELD(LLMI_IN_CHOICE, LLMI_F_DELTA, "delta"),
    LLMI_FIELD(LLMI_IN_CHOICE, LLMI_F_DELTA, "message"),
    LLMI_FIELD(LLMI_IN_CHOICE, LLMI_F_FINISH, "finish_reason"),
    LLMI_FIELD(LLMI_IN_DELTA, LLMI_F_TEXT, "content"),
    LLMI_FIELD(LLMI_IN_DELTA, LLMI_F_TOOLS, "tool_calls"),
    LLMI_FIELD(LLMI_IN_DELTA, LLMI_F_REASONING, "reasoning_content"),
    LLMI_FIELD(LLMI_IN_DELTA, LLMI_F_REASONING_2, "reasoning"),
    LLMI_FIELD(LLMI_IN_DELTA, LLMI_F_REFUSAL, "refusal"),
    LLMI_FIELD(LLMI_IN_PART, LLMI_F_TEXT, "text"),
    LLMI_FIELD(LLMI_IN_PART, LLMI_F_REFUSAL, "refusal"),
    LLMI_FIELD(LLMI_IN_TOOL, LLMI_F_TOOL_INDEX, "index"),
    LLMI_FIELD(LLMI_IN_TOOL, LLMI_F_TOOL_ID, "id"),
    LLMI_FIELD(LLMI_IN_TOOL, LLMI_F_FUNCTION, "function"),
    LLMI_FIELD(LLMI_IN_TOOL, LLMI_F_FUNCTION, "custom"),
    LLMI_FIELD(LLMI_IN_TOOL, LLMI_F_EXTRA, "extra_content"),
    LLMI_FIELD(LLMI_IN_FUNCTION, LLMI_F_NAME, "name"),
    LLMI_FIELD(LLMI_IN_FUNCTION, LLMI_F_ARGUMENTS, "arguments"),
    LLMI_FIELD(LLMI_IN_FUNCTION, LLMI_F_ARGUMENTS, "input"),
    LLMI_FIELD(LLMI_IN_USAGE, LLMI_F_INPUT, "prompt_tokens"),
    LLMI_FIELD(LLMI_IN_USAGE, LLMI_F_OUTPUT, "completion_tokens"),
    LLMI_FIELD(LLMI_IN_USAGE, LLMI_F_TOTAL, "total_tokens"),
    LLMI_FIELD(LLMI_IN_USAGE, LLMI_F_USAGE_INPUT, "prompt_tokens_details"),
    LLMI_FIELD(LLMI_IN_USAGE, LLMI_F_USAGE_OUTPUT, "completion_tokens_details"),
    LLMI_FIELD(LLMI_IN_USAGE, LLMI_F_CACHED, "prompt_cache_hit_tokens"),
    LLMI_FIELD(LLMI_IN_USAGE, LLMI_F_COST, "cost"),
    LLMI_FIELD(LLMI_IN_USAGE, LLMI_F_TICKS, "cost_in_usd_ticks"),
    LLMI_FIELD(LLMI_IN_USAGE_INPUT, LLMI_F_CACHED, "cached_tokens"),
    LLMI_FIELD(LLMI_IN_USAGE_INPUT, LLMI_F_CACHE_WRITE, "cache_write_tokens"),
    LLMI_FIELD(LLMI_IN_USAGE_INPUT, LLMI_F_AUDIO_IN, "audio_tokens"),
    LLMI_FIELD(LLMI_IN_USAGE_OUTPUT, LLMI_F_REASONED, "reasoning_tokens"),
    LLMI_FIELD(LLMI_IN_USAGE_OUTPUT, LLMI_F_AUDIO_OUT, "audio_tokens"),
    LLMI_FIELD(LLMI_IN_X_GROQ, LLMI_F_USAGE, "usage"),
    LLMI_FIELD(LLMI_IN_X_GROQ, LLMI_F_ERROR, "error"),
    LLMI_FIELD(LLMI_IN_ERROR, LLMI_F_MESSAGE, "message"),
    LLMI_FIELD(LLMI_IN_ERROR, LLMI_F_TYPE, "type"),
    LLMI_FIELD(LLMI_IN_ERROR, LLMI_F_CODE, "code"),
    LLMI_FIELD(LLMI_IN_ERROR, LLMI_F_PARAM, "param"),
};
#undef LLMI_FIELD

#define LLMI_WIRE_DEPTH 12           /* nested contexts: list root choices choice delta tools tool function */

/* The events of a stream differ in their text alone. Equal bytes from an equal state lead to an equal state, so one
   memcmp stands for the parse of what comes before the text, between it and the end of its choice, and behind that. */
enum { LLMI_MEMO_HEAD, LLMI_MEMO_MIDDLE, LLMI_MEMO_TAIL, LLMI_MEMOS, LLMI_MEMO_NONE = LLMI_MEMOS };

typedef struct llmi_memo {
    size_t        n;                 /* 0 = nothing remembered           */
    int           from;              /* json.depth where it starts       */
    int           field, depth;      /* where it leads to                */
    llmi_json     json;
    unsigned char stack[LLMI_WIRE_DEPTH];
    char          bytes[LLM_MEMO_SIZE];
} llmi_memo;

typedef struct llmi_part { size_t at, n; uint32_t high; int set; } llmi_part;   /* of scratch */

typedef struct llmi_delta_tool { int64_t index; llmi_part id, name, arguments, extra; } llmi_delta_tool;

enum { LLMI_PART_REASONING_2 = LLMI_CHANNELS, LLMI_PARTS };

typedef struct llmi_delta {          /* one choice object, until it closes */
    int64_t           index;         /* -1 = not given */
    llmi_part         part[LLMI_PARTS];
    llmi_delta_tool  *tools;
    size_t            tool_count, tool_cap;
    llm_finish_reason finish;
} llmi_delta;

typedef struct llmi_wire {
    llmi_reply        *reply;
    const llmi_secret *secret;
    llm_error         *error;        /* what the server says went wrong, or what is wrong with its answer */
    llmi_json          json;
    unsigned char      stack[LLMI_WIRE_DEPTH];
    int                depth;        /* contexts on the stack */
    int                field;        /* LLMI_F_ of the value that comes */
    int                in_string;    /* within a string of which a piece was seen */
    int                raw;          /* copying a value as it stands until json.depth is raw_depth */
    int                raw_depth;
    int                raw_done;     /* the string that ends is such a value */
    size_t             value_at;     /* where in scratch the value starts */
    llm_text           scratch;
    llmi_delta         delta;
    llm_usage          usage;
    int64_t            cost_pico;
    int                whole;        /* one JSON text, not a stream of them: set by the owner */
    int                error_body;   /* only the error is looked for, no JSON is no fault: set by the owner */
    int                saw_choices;
    int                has_error;    /* the text holds an error object */
    int                has_message;  /* `error` was given a message, maybe at the top level only */
    llm_status         status;       /* LLM_OK until the reader fails */
    /* pieces of text that the caller has not been told yet: from[] to the end of the text */
    llmi_choice       *told;
    int                pending;      /* bit for each channel */
    size_t             from[LLMI_CHANNELS];
#if LLMI_HAS_MEMO
    llmi_memo          memo[LLMI_MEMOS];
#endif
    int64_t            memo_index;   /* delta.index at the end of LLMI_MEMO_HEAD                     */
    int                segment;      /* the LLMI_MEMO_ that may start right here                     */
    int                learning;     /* the LLMI_MEMO_ that started at learn_from, in this input     */
    int                learn_depth;
    const char        *learn_from;
} llmi_wire;

LLMI_FN void llmi_wire_init(llmi_wire *w, llmi_reply *reply, const llmi_secret *secret, llm_error *error) {
    memset(w, 0, sizeof *w);
    w->reply = reply;
    w->secret = secret;
    w->error = error;
    llmi_text_init(&w->scratch, reply->mem, LLM_MAX_TEXT);
    llmi_json_init(&w->json);
    w->segment = w->learning = LLMI_MEMO_NONE;
}

LLMI_FN void llmi_wire_free(llmi_wire *w) {
    if (w->reply == NULL) return;
    llmi_text_free(&w->scratch);
    llmi_mem_free(w->reply->mem, w->delta.tools, w->delta.tool_cap * sizeof *w->delta.tools);
    w->delta.tools = NULL;
    w->delta.tool_cap = w->delta.tool_count = 0;
}

/* A new JSON text starts. What the reply holds stays. */
LLMI_FN void llmi_wire_begin(llmi_wire *w) {
    llmi_json_init(&w->json);
    w->depth = 0;
    w->field = LLMI_F_NONE;
    w->in_string = w->raw = 0;
    w->scratch.n = 0;
    w->segment = w->learning = LLMI_MEMO_NONE;
}

LLMI_FN int llmi_wire_fail(llmi_wire *w, llm_status s, const char *what) {
    w->status = w->error_body ? s : llmi_fail(w->error, s, "%s", what);
    return 0;
}

/* What stood beside an error, or in the event before it, is not the error's own. */
LLMI_FN void llmi_wire_no_error_fields(llmi_wire *w) {
    w->error->type[0] = w->error->code[0] = w->error->param[0] = 0;
}

LLMI_FN int llmi_wire_no_memory(llmi_wire *w, llm_status s) {
    if (s == LLM_ERR_MEMORY) w->status = llmi_fail_memory(w->error);
    else llmi_wire_fail(w, s, "the answer is larger than LLM_MAX_TEXT, LLM_MAX_CHOICES or LLM_MAX_TOOL_CALLS allows");
    return 0;
}

/* ---- commit: a choice object has closed ----------------------------------------------------------------- */

LLMI_FN void llmi_delta_reset(llmi_delta *d) {
    memset(d->part, 0, sizeof d->part);
    d->index = -1;
    d->tool_count = 0;
    d->finish = LLM_FINISH_NONE;
}

/* n more bytes are about to be kept. */
LLMI_FN int llmi_wire_may_keep(llmi_wire *w, size_t n) {
    if (!llmi_add_ok(w->reply->kept, n, &w->reply->kept) || w->reply->kept > LLM_MAX_TEXT) {
        return llmi_wire_no_memory(w, LLM_ERR_LIMIT);
    }
    return 1;
}

LLMI_FN int llmi_wire_commit_text(llmi_wire *w, llmi_choice *c, int channel, const llmi_part *part) {
    llm_text *t = &c->text[channel];
    const char *s = "";
    if (!part->set) return 1;
    if (part->n > 0) s = w->scratch.p + part->at;
    if (w->reply->discard) t->n = 0;
    else if (!llmi_wire_may_keep(w, part->n)) return 0;
    w->from[channel] = t->n;
    if (channel == LLMI_TEXT && w->whole && t->p == NULL && part->at == 0 && part->n > 4096) {
        /* a whole answer at once, and the last use of scratch: it moves, so as not to be there twice */
        *t = w->scratch;
        t->n = llmi_redact(t->p, part->n, w->secret->p, w->secret->n, 0);
        llmi_text_init(&w->scratch, w->reply->mem, LLM_MAX_TEXT);
    } else {
        llmi_scrub_put(&c->scrub[channel], w->secret, t, s, part->n);
    }
    c->high[channel] = part->high;
    if (t->err != LLM_OK) {
        if (!w->whole) t->n = w->from[channel];      /* half a piece of a stream is neither told nor kept */
        return llmi_wire_no_memory(w, t->err);
    }
    if (t->n > w->from[channel]) {
        w->pending |= 1 << channel;
        w->reply->got = 1;
    }
    return 1;
}

LLMI_FN int llmi_wire_commit_tool(llmi_wire *w, llmi_choice *c, const llmi_delta_tool *d) {
    const char *s = w->scratch.p;
    llm_status why = LLM_OK;
    llmi_tool_slot *t;
    if (s == NULL) s = "";
    if (!llmi_wire_may_keep(w, d->id.n + d->name.n + d->arguments.n + d->extra.n)) return 0;
    if (w->whole) t = llmi_choice_new_tool(w->reply, c, &why);      /* not in pieces: each is a call of its own */
    else t = llmi_choice_tool(w->reply, c, d->index, s + d->id.at, d->id.n, d->name.n > 0, &why);
    if (t == NULL) return llmi_wire_no_memory(w, why);
    w->reply->got = 1;
    if (d->id.n > 0 && t->id.n == 0) llmi_text_put(&t->id, s + d->id.at, d->id.n);
    if (d->name.n > 0) {                      /* repeated by some servers: the last one holds */
        t->name.n = 0;
        llmi_text_put(&t->name, s + d->name.at, d->name.n);
    }
    if (d->extra.n > 0) {
        t->extra.n = 0;
        llmi_text_put(&t->extra, s + d->extra.at, d->extra.n);
        t->extra.n = llmi_redact(t->extra.p, t->extra.n, w->secret->p, w->secret->n, 0);
    }
    llmi_scrub_put(&t->scrub, w->secret, &t->arguments, s + d->arguments.at, d->arguments.n);
    if (t->extra.err != LLM_OK) return llmi_wire_no_memory(w, t->extra.err);
    if (t->id.err != LLM_OK) return llmi_wire_no_memory(w, t->id.err);
    if (t->name.err != LLM_OK) return llmi_wire_no_memory(w, t->name.err);
    if (t->arguments.err != LLM_OK) return llmi_wire_no_memory(w, t->arguments.err);
    return 1;
}

LLMI_FN int llmi_wire_commit(llmi_wire *w) {
    llmi_delta *d = &w->delta;
    llm_status why = LLM_OK;
    llmi_choice *c;
    size_t i;
    int index = d->index < 0 ? 0 : d->index < LLM_MAX_CHOICES ? (int)d->index : -1;
    if (index < 0) return llmi_wire_fail(w, LLM_ERR_PROTOCOL, "the server sent a choice whose index is out of range");
    c = llmi_reply_choice(w->reply, index, &why);
    if (c == NULL) return llmi_wire_no_memory(w, why);
    w->told = c;
    for (i = 0; i < d->tool_count; i++) {
        if (!llmi_wire_commit_tool(w, c, &d->tools[i])) return 0;
    }
    /* some servers send the same reasoning under two names: one is enough */
    if (d->part[LLMI_REASONING].n == 0 && d->part[LLMI_PART_REASONING_2].set) {
        d->part[LLMI_REASONING] = d->part[LLMI_PART_REASONING_2];
    }
    if (!llmi_wire_commit_text(w, c, LLMI_REASONING, &d->part[LLMI_REASONING])) return 0;
    if (!llmi_wire_commit_text(w, c, LLMI_REFUSAL, &d->part[LLMI_REFUSAL])) return 0;
    if (!llmi_wire_commit_text(w, c, LLMI_TEXT, &d->part[LLMI_TEXT])) return 0;
    if (d->finish != LLM_FINISH_NONE) c->finish = d->finish;
    return 1;
}

/* ---- values --------------------------------------------------------------------------------------------- */

LLMI_FN llm_finish_reason llmi_finish_of(const char *s, size_t n) {
    if (n == 0) return LLM_FINISH_NONE;
    if (llmi_is(s, n, "stop")) return LLM_FINISH_STOP;
    if (llmi_is(s, n, "length")) return LLM_FINISH_LENGTH;
    if (llmi_is(s, n, "tool_calls") || llmi_is(s, n, "function_call")) return LLM_FINISH_TOOL_CALLS;
    if (llmi_is(s, n, "content_filter")) return LLM_FINISH_CONTENT_FILTER;
    return LLM_FINISH_OTHER;
}

/* Copies a short text out of the answer, without the key. */
LLMI_FN void llmi_wire_copy(const llmi_wire *w, char *out, size_t cap, char *s, size_t n) {
    n = llmi_redact(s, n, w->secret->p, w->secret->n, 0);
    llmi_copy_cut(out, cap, s, n);
}

/* A field that all events of a stream repeat. One that says something new ends what was remembered with the old. */
LLMI_FN void llmi_wire_label(llmi_wire *w, char *out, size_t cap, char *s, size_t n) {
    if (n == 0) return;
#if LLMI_HAS_MEMO
    if (!llmi_is(s, n, out)) w->memo[LLMI_MEMO_HEAD].n = 0;
#endif
    llmi_wire_copy(w, out, cap, s, n);
}

/* Which part of the delta a text field fills, NULL for other fields. */
LLMI_FN llmi_part *llmi_wire_part(llmi_wire *w) {
    llmi_delta_tool *t = w->delta.tool_count > 0 ? &w->delta.tools[w->delta.tool_count - 1] : NULL;
    switch (w->field) {
    case LLMI_F_TEXT: return &w->delta.part[LLMI_TEXT];
    case LLMI_F_REASONING: return &w->delta.part[LLMI_REASONING];
    case LLMI_F_REASONING_2: return &w->delta.part[LLMI_PART_REASONING_2];
    case LLMI_F_REFUSAL: return &w->delta.part[LLMI_REFUSAL];
    case LLMI_F_TOOL_ID: return t == NULL ? NULL : &t->id;
    case LLMI_F_NAME: return t == NULL ? NULL : &t->name;
    case LLMI_F_ARGUMENTS: return t == NULL ? NULL : &t->arguments;
    case LLMI_F_EXTRA: return t == NULL || !w->raw_done ? NULL : &t->extra;
    default: return NULL;
    }
}

/* A string has ended: scratch from value_at. */
LLMI_FN void llmi_wire_string(llmi_wire *w) {
    size_t n = w->scratch.n - w->value_at;
    char none[1] = {0};
    char *s = n > 0 ? w->scratch.p + w->value_at : none;
    llmi_part *part = llmi_wire_part(w);
    int in = w->stack[w->depth - 1];
    if (part != NULL) {
        if (in == LLMI_IN_PART && part->set && part->at + part->n == w->value_at) {
            part->n += n;                    /* content as a list of parts: their texts in a row */
        } else if (in == LLMI_IN_PART && part->set && llmi_text_reserve(&w->scratch, part->n)) {
            /* another part stands between: the text moves behind it */
            memmove(w->scratch.p + w->value_at + part->n, w->scratch.p + w->value_at, n);
            memcpy(w->scratch.p + w->value_at, w->scratch.p + part->at, part->n);
            w->scratch.n += part->n;
            part->at = w->value_at;
            part->n += n;
        } else {
            part->at = w->value_at;
            part->n = n;
        }
        part->set = 1;
        part->high = w->json.high;
        if (in == LLMI_IN_DELTA && part->high == 0) w->segment = LLMI_MEMO_MIDDLE;
        return;
    }
    switch (w->field) {
    case LLMI_F_ID: llmi_wire_label(w, w->reply->id, sizeof w->reply->id, s, n); break;
    case LLMI_F_MODEL: llmi_wire_label(w, w->reply->model, sizeof w->reply->model, s, n); break;
    case LLMI_F_TIER:
        llmi_wire_label(w, w->reply->usage.service_tier, sizeof w->reply->usage.service_tier, s, n);
        break;
    case LLMI_F_FINISH: w->delta.finish = llmi_finish_of(s, n); break;
    case LLMI_F_OBJECT: if (llmi_is(s, n, "error")) w->has_error = 1; break;
    case LLMI_F_ERROR:
    case LLMI_F_DETAIL:
    case LLMI_F_MESSAGE:
        if (w->field == LLMI_F_ERROR && n > 0) w->has_error = 1;
        if (n == 0 || (in == LLMI_IN_ROOT && w->has_message && w->field != LLMI_F_ERROR)) break;
        llmi_wire_copy(w, w->error->message, sizeof w->error->message, s, n);
        w->has_message = 1;
        break;
    case LLMI_F_TYPE: llmi_wire_copy(w, w->error->type, sizeof w->error->type, s, n); break;
    case LLMI_F_CODE: llmi_wire_copy(w, w->error->code, sizeof w->error->code, s, n); break;
    case LLMI_F_PARAM: llmi_wire_copy(w, w->error->param, sizeof w->error->param, s, n); break;
    default: break;
    }
    w->scratch.n = w->value_at;
}

LLMI_FN void llmi_wire_number(llmi_wire *w) {
    const char *s = w->json.text;
    size_t n = w->json.len;
    int64_t v = -1;
    int whole = !w->json.cut && llmi_json_int(s, n, &v);
    if (w->field == LLMI_F_CODE) {
        llmi_copy_cut(w->error->code, sizeof w->error->code, s, n);
        return;
    }
    if (w->field == LLMI_F_COST) {
        if (w->json.cut || !llmi_json_scaled(s, n, 12, &w->cost_pico) || w->cost_pico < 0) w->cost_pico = -1;
        return;
    }
    if (w->field == LLMI_F_ERROR) w->has_error = whole && v != 0;
    if (!whole || v < 0) {
        if (w->field == LLMI_F_INDEX) w->delta.index = LLM_MAX_CHOICES;   /* refused when the choice closes */
        return;
    }
    switch (w->field) {
    case LLMI_F_INDEX: w->delta.index = v; break;
    case LLMI_F_TOOL_INDEX:
        if (w->delta.tool_count > 0 && v < 100000) w->delta.tools[w->delta.tool_count - 1].index = v;
        break;
    case LLMI_F_INPUT: w->usage.input_tokens = v; w->usage.known = 1; break;
    case LLMI_F_OUTPUT: w->usage.output_tokens = v; w->usage.known = 1; break;
    case LLMI_F_TOTAL: w->usage.total_tokens = v; break;
    case LLMI_F_CACHED: w->usage.cached_tokens = v; break;
    case LLMI_F_CACHE_WRITE: w->usage.cache_write_tokens = v; break;
    case LLMI_F_AUDIO_IN: w->usage.audio_input_tokens = v; break;
    case LLMI_F_AUDIO_OUT: w->usage.audio_output_tokens = v; break;
    case LLMI_F_REASONED: w->usage.reasoning_tokens = v; break;
    case LLMI_F_TICKS: w->cost_pico = v <= INT64_MAX / 100 ? v * 100 : -1; break;
    default: break;
    }
}

/* A usage object has ended. The last one that says something holds: some servers send one with every chunk, some a null
   afterwards; none of them is added up. */
LLMI_FN void llmi_wire_take_usage(llmi_wire *w) {
    llm_usage *u = &w->reply->usage;
    if (w->cost_pico >= 0) w->reply->cost_pico = w->cost_pico;
    if (w->learning == LLMI_MEMO_HEAD) w->learning = LLMI_MEMO_NONE;   /* has an effect: must not be skipped */
    if (!w->usage.known) return;
    if (w->usage.total_tokens == 0 && w->usage.input_tokens <= INT64_MAX - w->usage.output_tokens) {
        w->usage.total_tokens = w->usage.input_tokens + w->usage.output_tokens;
    }
    memcpy(w->usage.service_tier, u->service_tier, sizeof u->service_tier);
    *u = w->usage;
}

/* ---- memo ----------------------------------------------------------------------------------------------- */

LLMI_FN void llmi_memo_start(llmi_wire *w, int which, const char *p) {
    w->learning = which;
    w->learn_from = p;
    w->learn_depth = w->json.depth;
}

#if LLMI_HAS_MEMO
/* What was read since llmi_memo_start() had no effect but on the state, or the same effect again: keeps it. */
LLMI_FN void llmi_memo_keep(llmi_wire *w, const char *p) {
    llmi_memo *m = &w->memo[w->learning];
    size_t n = (size_t)(p - w->learn_from);
    if (n == 0 || n > sizeof m->bytes) return;
    memcpy(m->bytes, w->learn_from, n);
    memcpy(m->stack, w->stack, sizeof m->stack);
    m->n = n;
    m->from = w->learn_depth;
    m->field = w->field;
    m->depth = w->depth;
    m->json = w->json;
}

/* 1 = the input goes on as remembered: it is skipped, and the state is what it leads to. */
LLMI_FN int llmi_memo_replay(llmi_wire *w, int which, const char **p, const char *end) {
    const llmi_memo *m = &w->memo[which];
    uint64_t pos = w->json.pos;
    if (m->n == 0 || m->from != w->json.depth || (size_t)(end - *p) < m->n || memcmp(*p, m->bytes, m->n) != 0) return 0;
    w->json = m->json;
    w->json.pos = pos + m->n;
    w->field = m->field;
    w->depth = m->depth;
    memcpy(w->stack, m->stack, sizeof w->stack);
    *p += m->n;
    return 1;
}
#else
LLMI_FN void llmi_memo_keep(llmi_wire *w, const char *p) {
    (void)w;
    (void)p;
}

LLMI_FN int llmi_memo_replay(llmi_wire *w, int which, const char **p, const char *end) {
    (void)w;
    (void)which;
    (void)p;
    (void)end;
    return 0;
}
#endif

/* ---- structure ------------------------------------------------------------------------------------------ */

LLMI_FN int llmi_wire_push(llmi_wire *w, int in) {
    if (w->depth == LLMI_WIRE_DEPTH) return llmi_wire_fail(w, LLM_ERR_LIMIT, "the answer nests too deep");
    w->stack[w->depth++] = (unsigned char)in;
    w->field = LLMI_F_NONE;
    return 1;
}

/* Copies a value as it stands into scratch: arguments that are an object, a detail that is a list. */
LLMI_FN void llmi_wire_start_raw(llmi_wire *w, char first) {
    w->raw = 1;
    w->raw_depth = w->json.depth - 1;
    w->value_at = w->scratch.n;
    llmi_text_putc(&w->scratch, first);
}

LLMI_FN int llmi_wire_new_tool(llmi_wire *w) {
    llmi_delta *d = &w->delta;
    if (d->tool_count == d->tool_cap) {
        size_t cap = d->tool_cap == 0 ? 2 : d->tool_cap * 2;
        llmi_delta_tool *t;
        if (d->tool_count >= LLM_MAX_TOOL_CALLS) return llmi_wire_no_memory(w, LLM_ERR_LIMIT);
        t = (llmi_delta_tool *)llmi_mem_realloc(w->reply->mem, d->tools, d->tool_cap * sizeof *t, cap * sizeof *t);
        if (t == NULL) return llmi_wire_no_memory(w, LLM_ERR_MEMORY);
        d->tools = t;
        d->tool_cap = cap;
    }
    memset(&d->tools[d->tool_count], 0, sizeof d->tools[0]);
    d->tools[d->tool_count++].index = -1;
    return 1;
}

LLMI_FN int llmi_wire_object(llmi_wire *w) {
    int in = w->depth > 0 ? (int)w->stack[w->depth - 1] : (int)LLMI_IN_LIST;
    switch (in) {
    case LLMI_IN_LIST: return llmi_wire_push(w, LLMI_IN_ROOT);
    case LLMI_IN_CHOICES:
        llmi_delta_reset(&w->delta);
        w->scratch.n = 0;
        return llmi_wire_push(w, LLMI_IN_CHOICE);
    case LLMI_IN_TOOLS: return llmi_wire_new_tool(w) && llmi_wire_push(w, LLMI_IN_TOOL);
    case LLMI_IN_PARTS: return llmi_wire_push(w, LLMI_IN_PART);
    default: break;
    }
    switch (w->field) {
    case LLMI_F_DELTA: return llmi_wire_push(w, LLMI_IN_DELTA);
    case LLMI_F_FUNCTION: return llmi_wire_push(w, LLMI_IN_FUNCTION);
    case LLMI_F_USAGE_INPUT: return llmi_wire_push(w, LLMI_IN_USAGE_INPUT);
    case LLMI_F_USAGE_OUTPUT: return llmi_wire_push(w, LLMI_IN_USAGE_OUTPUT);
    case LLMI_F_X_GROQ: return llmi_wire_push(w, LLMI_IN_X_GROQ);
    case LLMI_F_USAGE:
        memset(&w->usage, 0, sizeof w->usage);
        w->cost_pico = -1;
        return llmi_wire_push(w, LLMI_IN_USAGE);
    case LLMI_F_ERROR:
        w->has_error = 1;
        llmi_wire_no_error_fields(w);
        return llmi_wire_push(w, LLMI_IN_ERROR);
    case LLMI_F_ARGUMENTS:
    case LLMI_F_EXTRA:
    case LLMI_F_DETAIL: llmi_wire_start_raw(w, '{'); return 1;
    default: llmi_json_skip(&w->json); return 1;
    }
}

LLMI_FN int llmi_wire_array(llmi_wire *w) {
    if (w->depth == 0) return llmi_wire_push(w, LLMI_IN_LIST);
    switch (w->field) {
    case LLMI_F_CHOICES:
        w->saw_choices = 1;
        return llmi_wire_push(w, LLMI_IN_CHOICES);
    case LLMI_F_TOOLS: return llmi_wire_push(w, LLMI_IN_TOOLS);
    case LLMI_F_TEXT:
        if (w->stack[w->depth - 1] == LLMI_IN_DELTA) return llmi_wire_push(w, LLMI_IN_PARTS);
        llmi_json_skip(&w->json);
        return 1;
    case LLMI_F_ARGUMENTS:
    case LLMI_F_DETAIL: llmi_wire_start_raw(w, '['); return 1;
    default: llmi_json_skip(&w->json); return 1;
    }
}

LLMI_FN int llmi_wire_close(llmi_wire *w, const char *p) {
    int in = w->stack[--w->depth];
    w->field = LLMI_F_NONE;
    if (in == LLMI_IN_CHOICE) {
        if (w->learning == LLMI_MEMO_MIDDLE) llmi_memo_keep(w, p);
        w->segment = LLMI_MEMO_TAIL;
        return llmi_wire_commit(w);
    }
    if (in == LLMI_IN_USAGE) llmi_wire_take_usage(w);
    return 1;
}

/* The channel's unfinished surrogate half of the last piece goes on in the string that starts now. */
LLMI_FN void llmi_wire_join_half(llmi_wire *w) {
    int channel = w->field == LLMI_F_TEXT ? LLMI_TEXT : w->field == LLMI_F_REFUSAL ? LLMI_REFUSAL : LLMI_REASONING;
    int64_t index = w->delta.index < 0 ? 0 : w->delta.index;
    size_t i;
    w->json.keep_half = 1;
    w->json.high = 0;
    for (i = 0; i < w->reply->count; i++) {
        if (w->reply->choices[i].index == index) w->json.high = (uint16_t)w->reply->choices[i].high[channel];
    }
}

LLMI_FN int llmi_wire_delta_clean(const llmi_wire *w) {
    return w->scratch.n == 0 && w->delta.tool_count == 0 && !w->delta.part[LLMI_TEXT].set &&
           !w->delta.part[LLMI_REASONING].set && !w->delta.part[LLMI_REFUSAL].set &&
           !w->delta.part[LLMI_PART_REASONING_2].set && w->delta.finish == LLM_FINISH_NONE && !w->has_error &&
           !w->has_message;
}

LLMI_FN void llmi_wire_key(llmi_wire *w, const char *p) {
    static const unsigned char first[LLMI_IN_COUNT + 1] = {
        0, 0, 13, 13, 17, 22, 22, 24, 24, 29, 32, 40, 43, 45, 47, 51};
    int in = w->stack[w->depth - 1];
    const llmi_field *f = &llmi_fields[first[in]], *end = &llmi_fields[first[in + 1]];
    while (f < end && !(f->len == w->json.len && f->name[0] == w->json.text[0] &&
                        memcmp(f->name, w->json.text, f->len) == 0)) f++;
    if (f == end || (w->error_body && f->field < LLMI_F_ERROR)) {
        w->field = LLMI_F_NONE;
        llmi_json_skip(&w->json);
        if (w->learning == LLMI_MEMO_TAIL && in == LLMI_IN_ROOT) llmi_memo_keep(w, p);
        return;
    }
    w->field = f->field;
    w->json.keep_half = 0;
    w->json.high = 0;
    if (f->field < LLMI_F_TEXT || f->field > LLMI_F_REFUSAL) return;
    if (w->learning == LLMI_MEMO_HEAD && in == LLMI_IN_DELTA && llmi_wire_delta_clean(w)) {
        llmi_memo_keep(w, p);
        w->memo_index = w->delta.index;
    }
    w->learning = LLMI_MEMO_NONE;
    llmi_wire_join_half(w);
}

/* One event of the tokenizer. 0: w->status says why. */
LLMI_FN int llmi_wire_take(llmi_wire *w, llmi_json_event ev, const char *p) {
    /* behind the text only nulls and ends have no effect */
    if (w->learning != LLMI_MEMO_HEAD && ev != LLMI_JSON_KEY && ev != LLMI_JSON_NULL && ev != LLMI_JSON_OBJECT_END &&
        ev != LLMI_JSON_ARRAY_END) {
        w->learning = LLMI_MEMO_NONE;
    }
    switch (ev) {
    case LLMI_JSON_KEY: llmi_wire_key(w, p); return 1;
    case LLMI_JSON_OBJECT: return llmi_wire_object(w);
    case LLMI_JSON_ARRAY: return llmi_wire_array(w);
    case LLMI_JSON_OBJECT_END:
    case LLMI_JSON_ARRAY_END: return llmi_wire_close(w, p);
    case LLMI_JSON_STRING:
        if (w->depth == 0) return 1;
        if (!w->in_string) w->value_at = w->scratch.n;
        w->in_string = !w->json.last;
        llmi_text_put(&w->scratch, w->json.text, w->json.len);
        if (w->scratch.err != LLM_OK) return llmi_wire_no_memory(w, w->scratch.err);
        if (w->json.last) llmi_wire_string(w);
        return 1;
    case LLMI_JSON_NUMBER: if (w->depth > 0) llmi_wire_number(w); return 1;
    case LLMI_JSON_TRUE: if (w->field == LLMI_F_ERROR) w->has_error = 1; return 1;
    case LLMI_JSON_FALSE:
    case LLMI_JSON_NULL: return 1;
    case LLMI_JSON_ERROR:
        if (w->error_body) return llmi_wire_fail(w, w->json.status, "");
        w->status = llmi_fail(w->error, w->json.status, "the server's JSON is %s: %s at byte %lld",
                              w->json.status == LLM_ERR_LIMIT ? "over a limit" : "broken", w->json.why,
                              (long long)w->json.pos);
        return 0;
    case LLMI_JSON_MORE:
    default: return 1;
    }
}

/* A value that is copied as it stands. */
LLMI_FN int llmi_wire_take_raw(llmi_wire *w, llmi_json_event ev, const char *from, const char *p) {
    if (ev == LLMI_JSON_ERROR) return llmi_wire_take(w, ev, p);
    llmi_text_put(&w->scratch, from, (size_t)(p - from));
    if (w->scratch.err != LLM_OK) return llmi_wire_no_memory(w, w->scratch.err);
    if (w->json.depth == w->raw_depth) {
        w->raw = 0;
        w->json.high = 0;
        w->raw_done = 1;
        llmi_wire_string(w);
        w->raw_done = 0;
    }
    return 1;
}

typedef enum llmi_wire_result {
    LLMI_WIRE_MORE,      /* the input is used up                  */
    LLMI_WIRE_EVENT,     /* ask llmi_wire_event() until it says 0 */
    LLMI_WIRE_FAILED     /* w->status, *w->error                  */
} llmi_wire_result;

/* A segment may start here: skips it if it is as remembered, else learns it. */
LLMI_FN int llmi_wire_segment(llmi_wire *w, const char **p, const char *end) {
    int which = w->segment;
    w->segment = LLMI_MEMO_NONE;
    if (!llmi_memo_replay(w, which, p, end)) {
        llmi_memo_start(w, which, *p);
        return 1;
    }
    w->learning = LLMI_MEMO_NONE;
    if (which != LLMI_MEMO_MIDDLE) return 1;
    w->segment = LLMI_MEMO_TAIL;
    return llmi_wire_commit(w);
}

LLMI_FN llmi_wire_result llmi_wire_next(llmi_wire *w, const char **p, const char *end) {
    llmi_json_event ev = LLMI_JSON_NULL;
    if (w->status != LLM_OK) return LLMI_WIRE_FAILED;
    do {
        const char *from;
        int ok = w->segment == LLMI_MEMO_NONE || llmi_wire_segment(w, p, end);
        if (w->pending) return LLMI_WIRE_EVENT;          /* what was kept is told before what failed behind it */
        if (!ok) return LLMI_WIRE_FAILED;
        from = *p;
        ev = llmi_json_next(&w->json, p, end);
        ok = w->raw ? llmi_wire_take_raw(w, ev, from, *p) : llmi_wire_take(w, ev, *p);
        if (w->pending) return LLMI_WIRE_EVENT;
        if (!ok) return LLMI_WIRE_FAILED;
    } while (ev != LLMI_JSON_MORE);
    w->learning = LLMI_MEMO_NONE;
    return LLMI_WIRE_MORE;
}

/* The first piece of a new JSON text of a stream. */
LLMI_FN void llmi_wire_first(llmi_wire *w, const char **p, const char *end) {
    llmi_wire_begin(w);
    llmi_wire_no_error_fields(w);
    w->has_message = 0;
    if (!llmi_memo_replay(w, LLMI_MEMO_HEAD, p, end)) {
        llmi_memo_start(w, LLMI_MEMO_HEAD, *p);
        return;
    }
    llmi_delta_reset(&w->delta);
    w->delta.index = w->memo_index;
    w->saw_choices = 1;
    llmi_wire_join_half(w);
}

/* The JSON text is over. 0: it was not whole, w->status. */
LLMI_FN int llmi_wire_end(llmi_wire *w) {
    if (w->status != LLM_OK) return 0;
    if (!llmi_json_end(&w->json)) return llmi_wire_take(w, LLMI_JSON_ERROR, NULL);
    return 1;
}

/* The next piece that the caller was not told yet. */
LLMI_FN int llmi_wire_event(llmi_wire *w, llm_event *ev) {
    static const unsigned char order[LLMI_CHANNELS] = {LLMI_REASONING, LLMI_REFUSAL, LLMI_TEXT};
    static const llm_event_kind kind[LLMI_CHANNELS] = {LLM_EVENT_TEXT, LLM_EVENT_REASONING, LLM_EVENT_REFUSAL};
    int i;
    for (i = 0; i < LLMI_CHANNELS; i++) {
        int channel = order[i];
        if (!(w->pending & 1 << channel)) continue;
        w->pending &= ~(1 << channel);
        memset(ev, 0, sizeof *ev);
        ev->kind = kind[channel];
        ev->choice = w->told->index;
        ev->text = w->told->text[channel].p + w->from[channel];
        ev->len = w->told->text[channel].n - w->from[channel];
        return 1;
    }
    return 0;
}

/* A whole answer broke off: the text that came of it is kept. (Of a stream only whole deltas are: what the caller was
   told is what the response holds.) */
LLMI_FN void llmi_wire_salvage(llmi_wire *w) {
    int i = 0;
    while (i < w->depth && w->stack[i] != LLMI_IN_CHOICE) i++;
    if (i == w->depth || w->status == LLM_ERR_MEMORY || w->status == LLM_ERR_LIMIT) return;
    if (!w->raw && w->in_string && llmi_wire_part(w) != NULL) {
        w->json.high = 0;
        llmi_wire_string(w);
    }
    for (; i < w->depth; i++) {               /* half a tool call is of no use, whole ones are kept */
        if (w->stack[i] == LLMI_IN_TOOL) w->delta.tool_count--;
    }
    (void)llmi_wire_commit(w);
    w->pending = 0;
    w->depth = 0;
}

/* ---- the request body ------------------------------------------------------------------------------------------
   The messages stand last, so that the tool loop appends to them; only tool_choice comes behind. */

typedef struct llmi_body {
    llm_text   *t;
    const char *extra;         /* members that win over ours */
    size_t      extra_len;
    int         comma;
} llmi_body;

/* Starts a member, unless extra_json has it. */
LLMI_FN int llmi_body_key(llmi_body *b, const char *key) {
    if (b->extra != NULL && llmi_json_has(b->extra, b->extra_len, key)) return 0;
    if (b->comma) llmi_text_putc(b->t, ',');
    llmi_text_quote(b->t, key, strlen(key));
    llmi_text_putc(b->t, ':');
    b->comma = 1;
    return 1;
}

LLMI_FN void llmi_body_string(llmi_body *b, const char *key, const char *value) {
    if (value != NULL && llmi_body_key(b, key)) llmi_text_quote(b->t, value, strlen(value));
}

LLMI_FN void llmi_body_raw(llmi_body *b, const char *key, const char *json) {
    if (json != NULL && llmi_body_key(b, key)) llmi_text_puts(b->t, json);
}

LLMI_FN void llmi_body_number(llmi_body *b, const char *key, llm_number v) {
    if (v.set && llmi_body_key(b, key)) llmi_text_double(b->t, v.value);
}

LLMI_FN void llmi_body_int(llmi_body *b, const char *key, int v) {
    if (v > 0 && llmi_body_key(b, key)) llmi_text_int(b->t, v);
}

LLMI_FN void llmi_chat_tools(llmi_body *b, const llm_request *r) {
    size_t i;
    if (r->tool_count == 0 || !llmi_body_key(b, "tools")) return;
    for (i = 0; i < r->tool_count; i++) {
        const llm_tool *tool = &r->tools[i];
        llmi_text_puts(b->t, i == 0 ? "[" : ",");
        llmi_text_addf(b->t, "{\"type\":\"function\",\"function\":{\"name\":%q", tool->name);
        if (tool->description != NULL) llmi_text_addf(b->t, ",\"description\":%q", tool->description);
        if (tool->parameters != NULL) llmi_text_addf(b->t, ",\"parameters\":%s", tool->parameters);
        if (tool->strict) llmi_text_puts(b->t, ",\"strict\":true");
        llmi_text_puts(b->t, "}}");
    }
    llmi_text_putc(b->t, ']');
}

/* One message, without a comma. Content that a role may not lack is "". */
LLMI_FN void llmi_chat_message(llm_text *t, const llm_message *m) {
    static const char *const role[] = {"user", "system", "developer", "assistant", "tool"};
    size_t i;
    llmi_text_addf(t, "{\"role\":%q,\"content\":", role[m->role]);
    if (m->content_json != NULL) llmi_text_puts(t, m->content_json);
    else if (m->role == LLM_ASSISTANT && (m->content == NULL || (m->content[0] == 0 && m->tool_call_count > 0))) {
        llmi_text_puts(t, "null");
    } else {
        llmi_text_addf(t, "%q", m->content == NULL ? "" : m->content);
    }
    if (m->name != NULL) llmi_text_addf(t, ",\"name\":%q", m->name);
    if (m->tool_call_id != NULL) llmi_text_addf(t, ",\"tool_call_id\":%q", m->tool_call_id);
    for (i = 0; i < m->tool_call_count; i++) {
        const llm_tool_call *c = &m->tool_calls[i];
        llmi_text_addf(t, "%s{\"id\":%q,\"type\":\"function\",\"function\":{\"name\":%q,\"arguments\":%q}",
                       i == 0 ? ",\"tool_calls\":[" : ",", c->id, c->name, c->arguments == NULL ? "" : c->arguments);
        if (c->extra_content != NULL) llmi_text_addf(t, ",\"extra_content\":%s", c->extra_content);
        llmi_text_putc(t, '}');
    }
    if (m->tool_call_count > 0) llmi_text_putc(t, ']');
    llmi_text_putc(t, '}');
}

LLMI_FN void llmi_chat_append(llm_text *t, const llm_message *m, int *count) {
    if ((*count)++ > 0) llmi_text_putc(t, ',');
    llmi_chat_message(t, m);
}

LLMI_FN void llmi_chat_messages(llm_text *t, const llm_request *r) {
    llm_message m;
    size_t i;
    int count = 0;
    memset(&m, 0, sizeof m);
    if (r->system != NULL) {
        m.role = LLM_SYSTEM;
        m.content = r->system;
        llmi_chat_append(t, &m, &count);
    }
    for (i = 0; r->conversation != NULL && i < r->conversation->count; i++) {
        llmi_chat_append(t, &r->conversation->list[i].m, &count);
    }
    for (i = 0; i < r->message_count; i++) llmi_chat_append(t, &r->messages[i], &count);
    if (r->prompt != NULL) {
        m.role = LLM_USER;
        m.content = r->prompt;
        llmi_chat_append(t, &m, &count);
    }
}

/* Forces a call: sent again each round it would never let the model answer. */
LLMI_FN int llmi_chat_choice_forced(const char *choice) {
    char mode[9];
    if (choice == NULL || llmi_streq(choice, "auto") || llmi_streq(choice, "none")) return 0;
    return !(choice[0] == '{' && llm_json_string(choice, "/allowed_tools/mode", mode, sizeof mode) == LLM_OK &&
             llmi_streq(mode, "auto"));
}

LLMI_FN void llmi_chat_choice(llmi_body *b, const char *choice) {
    if (choice == NULL || !llmi_body_key(b, "tool_choice")) return;
    if (choice[0] == '{') llmi_text_puts(b->t, choice);
    else if (llmi_streq(choice, "auto") || llmi_streq(choice, "none") || llmi_streq(choice, "required")) {
        llmi_text_quote(b->t, choice, strlen(choice));
    } else {
        llmi_text_addf(b->t, "{\"type\":\"function\",\"function\":{\"name\":%q}}", choice);
    }
}

/* Appends the whole body to t. *messages_end: where another message would go. The request was checked. */
LLMI_FN void llmi_chat_body(llm_text *t, const llm_request *r, const char *model, const char *host, int stream,
                            size_t *messages_end) {
    static const char openai[] = "api.openai.com";
    size_t n = strlen(host), k = sizeof openai - 1;
    int is_openai = n >= k && llmi_is(host + n - k, k, openai) && (n == k || host[n - k - 1] == '.');
    llmi_body b;
    b.t = t;
    b.extra = r->extra_json;
    b.extra_len = r->extra_json == NULL ? 0 : strlen(r->extra_json);
    b.comma = 0;
    llmi_text_putc(t, '{');
    llmi_body_string(&b, "model", model);
    if (stream) {
        llmi_body_raw(&b, "stream", "true");
        if (!r->no_stream_usage) llmi_body_raw(&b, "stream_options", "{\"include_usage\":true}");
    }
    llmi_body_number(&b, "temperature", r->temperature);
    llmi_body_number(&b, "top_p", r->top_p);
    llmi_body_int(&b,
                  r->max_tokens_key != NULL ? r->max_tokens_key
                  : is_openai               ? "max_completion_tokens"
                                            : "max_tokens",
                  r->max_tokens);
    llmi_body_int(&b, "n", r->n);
    llmi_body_string(&b, "reasoning_effort", r->reasoning_effort);
    llmi_body_raw(&b, "response_format", r->response_format);
    if (r->stop != NULL && r->stop[0] == '[') llmi_body_raw(&b, "stop", r->stop);
    else llmi_body_string(&b, "stop", r->stop);
    llmi_chat_tools(&b, r);
    if (r->extra_json != NULL) {
        size_t inner_len;
        const char *inner = llmi_json_members(r->extra_json, b.extra_len, &inner_len);
        if (inner_len > 0) {
            if (b.comma) llmi_text_putc(t, ',');
            llmi_text_put(t, inner, inner_len);
            b.comma = 1;
        }
    }
    *messages_end = 0;
    if (llmi_body_key(&b, "messages")) {
        llmi_text_putc(t, '[');
        llmi_chat_messages(t, r);
        *messages_end = t->n;
        llmi_text_putc(t, ']');
    }
    llmi_chat_choice(&b, r->tool_choice);
    llmi_text_putc(t, '}');
}

/* ============================================================================================================
   >>client                                          settings resolved and checked once; the key; kept connections
   ============================================================================================================ */

/* The key is shared by the client and its running calls, so that llm_client_set_key() can wipe the old one as soon as
   the last call that was started with it is over. This is the one lasting copy. */
typedef struct llmi_key {
    llmi_secret secret;        /* what is kept out of texts: n is 0 for a key too short to be recognised */
    size_t      n;
    int         users;
    char        text[1];       /* n bytes and a NUL */
} llmi_key;

#define LLMI_SECRET_MIN 8      /* "ollama" or "none" as a key must not mutilate answers */

typedef struct llmi_conn {
    struct llmi_conn *next;    /* in the client's list of kept connections                           */
    LLM_NET_CONN net;          /* zeroed until OPEN; at a stable address                             */
    int          opened;       /* OPEN was called: CLOSE must be                                     */
    int          requests;     /* answered on it: 0 = fresh                                          */
    int          draining;     /* the answer was over before its last bytes came                     */
    int          eof;          /* LLM_NET_CLOSED or LLM_NET_FAILED, 0 while it is open               */
    int          no_send;      /* SEND has failed: only RECV is of use now                           */
    int          last_fd;
    unsigned     last_net;     /* LLM_NET_SERIAL                                                     */
    unsigned     serial;       /* see llm_call_fd_serial()                                           */
    size_t       at, end;      /* bytes of buf that were not used yet                                */
    llmi_http    http;
#if LLMI_HAS_TLS
    llmi_tls    *tls;          /* NULL for http://                                                   */
#endif
    char         buf[LLM_READ_SIZE];
} llmi_conn;

struct llm_client {
    llmi_mem    mem;
    llm_config  config;        /* resolved; strings point into `strings`, but not the key            */
    char       *strings;
    size_t      strings_size;
    llmi_url    url;
#if LLMI_HAS_PROXY
    llmi_proxy  proxy;
#endif
    llmi_key   *key;
    llm_error   error;         /* llm_last_error()                                                   */
    llmi_conn  *idle;          /* kept connections, the last used first                              */
    int         idle_count;
    unsigned    serial;        /* sockets opened so far                                              */
    unsigned    calls;         /* calls started so far                                               */
    llm_wait_item *items;      /* of llm_wait()                                                      */
    size_t      item_cap;
#if LLMI_HAS_TLS
    llmi_tls_shared tls;
#endif
};

LLMI_FN void llmi_log(llm_client *c, int level, const char *format, ...) {
#if LLMI_HAS_LOG
    char buf[256];
    llm_text t;
    va_list args;
    llmi_text_fixed(&t, buf, sizeof buf);
    va_start(args, format);
    (void)llmi_text_vaddf(&t, format, args);
    va_end(args);
    LLM_LOG(c->mem.ctx, level, llmi_text_cstr(&t), t.n);
#else
    (void)c;
    (void)level;
    (void)format;
#endif
}

/* ---- the key -------------------------------------------------------------------------------------------- */

LLMI_FN void llmi_key_release(llmi_mem *mem, llmi_key *k) {
    if (k == NULL || --k->users > 0) return;
    llmi_mem_free(mem, k, sizeof *k + k->n);
}

/* Blanks around a key are a habit of shells and files; anything else but visible ASCII is refused, unseen. */
LLMI_FN llm_status llmi_key_new(llmi_key **out, llmi_mem *mem, const char *text, llm_error *e) {
    llmi_key *k;
    size_t n, i;
    while (llmi_is_blank(*text)) text++;
    n = strlen(text);
    while (n > 0 && llmi_is_blank(text[n - 1])) n--;
    for (i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x21 || (unsigned char)text[i] > 0x7E) {
            return llmi_fail(e, LLM_ERR_USAGE, "the API key holds a blank, a line end or a byte that is not ASCII at "
                             "position %zu: copy it again", i);
        }
    }
    k = (llmi_key *)llmi_mem_alloc(mem, sizeof *k + n);
    if (k == NULL) return llmi_fail_memory(e);
    llmi_copy_secret(k->text, text, n);
    k->text[n] = 0;
    k->n = n;
    k->users = 1;
    k->secret.p = k->text;
    k->secret.n = n >= LLMI_SECRET_MIN ? n : 0;
    *out = k;
    return LLM_OK;
}

/* ---- settings ------------------------------------------------------------------------------------------- */

LLMI_FN int llmi_or(int value, int fallback) {
    return value == 0 ? fallback : value;
}

/* The setting, else the environment (a blank value counts as none), else NULL. */
LLMI_FN const char *llmi_setting(void *ctx, const char *given, const char *variable) {
    const char *v = given != NULL ? given : LLM_GETENV(ctx, variable);
    const char *p = v;
    if (v == NULL || given != NULL) return v;
    while (llmi_is_blank(*p)) p++;
    return *p == 0 ? NULL : v;
}

/* What is not in this version or build is refused by name: silently going without a proxy would be worse. */
LLMI_FN llm_status llmi_config_refuse(const llm_config *c, llm_error *e) {
#if !LLMI_HAS_PROXY
    if (c->proxy != NULL && c->proxy[0] != 0) {
        return llmi_fail(e, LLM_ERR_USAGE, LLMI_NET_SECURE
                         ? "config.proxy cannot be used with LLM_NET_TLS: the net hooks make the connection"
                         : "config.proxy: this build goes through no proxy (LLM_NO_PROXY)");
    }
#endif
    if (c->api != LLM_API_CHAT) {
        return llmi_fail(e, LLM_ERR_USAGE,
                         "config.api: LLM_API_RESPONSES is not supported by this version; use LLM_API_CHAT");
    }
    if (c->azure_api_version != NULL) {
        return llmi_fail(e, LLM_ERR_USAGE, "config.azure_api_version is not supported by this version; use Azure's "
                         "/openai/v1/ base URL");
    }
#if LLMI_NET_SECURE
    if (c->anchors != NULL || c->ca_pem != NULL || c->ca_file != NULL || c->pin_count != 0) {
        return llmi_fail(e, LLM_ERR_USAGE,
                         "config.anchors, ca_pem, ca_file and pins cannot be used with LLM_NET_TLS: the net "
                         "hooks check the certificate");
    }
#endif
    return LLM_OK;
}

LLMI_FN llm_status llmi_config_headers(const llm_config *c, llm_error *e) {
    size_t i;
    for (i = 0; i < c->header_count; i++) {
        const llm_header *h = &c->headers[i];
        if (h->name == NULL || h->value == NULL || !llmi_http_header_ok(h->name, h->value)) {
            return llmi_fail(e, LLM_ERR_USAGE,
                             "config.headers[%zu]: a name is made of letters, digits and -_.!#$%%&'*+^`|~, a "
                             "value of visible ASCII, blanks and tabs; a line end is in neither",
                             i);
        }
        if (llmi_http_header_reserved(h->name)) {
            return llmi_fail(e, LLM_ERR_USAGE, "config.headers[%zu]: %s is set by the library", i, h->name);
        }
    }
    if (c->organization != NULL && !llmi_http_header_ok("x", c->organization)) {
        return llmi_fail(e, LLM_ERR_USAGE, "config.organization (OPENAI_ORG_ID) is not visible ASCII");
    }
    if (c->project != NULL && !llmi_http_header_ok("x", c->project)) {
        return llmi_fail(e, LLM_ERR_USAGE, "config.project (OPENAI_PROJECT_ID) is not visible ASCII");
    }
    return LLM_OK;
}

/* config.proxy; else the environment's, unless the host is loopback or NO_PROXY names it. */
LLMI_FN llm_status llmi_client_proxy(llm_client *c, const char *given, llm_error *e) {
#if LLMI_HAS_PROXY
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY",
                                        "all_proxy", "ALL_PROXY"};
    void *ctx = c->mem.ctx;
    const char *from = "config.proxy", *list;
    size_t i;
    c->config.proxy = NULL;            /* it may hold a password: nothing keeps it but c->proxy */
    if (given == NULL) {
        if (llmi_url_loopback(&c->url)) return LLM_OK;
        list = llmi_setting(ctx, NULL, "no_proxy");
        if (list == NULL) list = llmi_setting(ctx, NULL, "NO_PROXY");
        if (list != NULL && llmi_proxy_passed_by(&c->url, list)) return LLM_OK;
        for (i = 0; i < 6 && given == NULL; i++) {
            if (i < 4 && c->url.secure != (i < 2)) continue;
            if (i == 3 && LLM_GETENV(ctx, "REQUEST_METHOD") != NULL) continue;   /* a CGI's client may have set it */
            given = llmi_setting(ctx, NULL, from = names[i]);
        }
        if (given == NULL) return LLM_OK;
    }
    return llmi_proxy_parse(&c->proxy, &c->mem, given, from, e);
#else
    (void)c;
    (void)given;
    (void)e;
    return LLM_OK;
#endif
}

/* The proxy that is on the way, NULL if there is none. */
LLMI_FN const llmi_url *llmi_client_via(const llm_client *c) {
#if LLMI_HAS_PROXY
    if (c->proxy.url.host[0] != 0) return &c->proxy.url;
#endif
    (void)c;
    return NULL;
}

/* What the user has to look at when the other end is not there. */
LLMI_FN const char *llmi_client_named(const llm_client *c) {
#if LLMI_HAS_PROXY
    if (llmi_client_via(c) != NULL) return c->proxy.from;
#endif
    (void)c;
    return "base_url";
}

/* Where the key may go. */
LLMI_FN llm_status llmi_client_key_safe(const llm_client *c, size_t key_len, llm_error *e) {
    const llmi_url *via = llmi_client_via(c);
    if (c->url.secure || key_len == 0 || c->config.allow_plaintext_key) return LLM_OK;
    if (!llmi_url_loopback(&c->url)) {
        return llmi_fail(e, LLM_ERR_USAGE,
                         "base_url is http:// and %s is not loopback: the key would be readable on the way. "
                         "Use https://, or set config.allow_plaintext_key",
                         c->url.host);
    }
    if (via != NULL && !llmi_url_loopback(via)) {
        return llmi_fail(e, LLM_ERR_USAGE,
                         "base_url is http:// and the proxy %s is not loopback: the key would be readable there. "
                         "Use https://, no proxy (config.proxy \"\"), or set config.allow_plaintext_key",
                         via->host);
    }
    return LLM_OK;
}

/* What the build can do, and where the key may go. */
LLMI_FN llm_status llmi_client_check(const llm_client *c, llm_error *e) {
    const llm_config *f = &c->config;
    llm_status s;
    size_t i;
    if (!LLMI_HAS_NET) {
        return llmi_fail(e, LLM_ERR_USAGE,
                         "this build has no network: define the LLM_NET_ hooks, or build without LLM_NO_SOCKETS");
    }
    if (c->url.secure && !LLMI_HAS_TLS && !LLMI_NET_SECURE) {
        return llmi_fail(e, LLM_ERR_USAGE,
                         "this build has no TLS (LLM_NO_TLS): base_url must be http://, for a pipe that is "
                         "secured already");
    }
    s = llmi_client_key_safe(c, c->key->n, e);
    if (s != LLM_OK) return s;
#if LLMI_HAS_TLS
    for (i = 0; i < f->pin_count; i++) {
        if (f->pins == NULL || f->pins[i] == NULL || !llmi_tls_pin_ok(f->pins[i])) {
            return llmi_fail(e, LLM_ERR_USAGE, "config.pins[%zu] is not \"sha256/\" and 44 characters of base64", i);
        }
    }
#else
    (void)f;
    (void)i;
#endif
    return LLM_OK;
}

/* Copies the strings and sets the defaults: from here on config holds what is really used. */
LLMI_FN llm_status llmi_client_resolve(llm_client *c, const char *base_url, llm_error *e) {
    llm_config *f = &c->config;
    const char *from[6];
    const char **to[6];
    size_t size = 0, i;
    char *at = NULL;
    from[0] = base_url, to[0] = &f->base_url;
    from[1] = llmi_setting(f->hook_ctx, f->organization, "OPENAI_ORG_ID"), to[1] = &f->organization;
    from[2] = llmi_setting(f->hook_ctx, f->project, "OPENAI_PROJECT_ID"), to[2] = &f->project;
    from[3] = llmi_setting(f->hook_ctx, f->model, "OPENAI_MODEL"), to[3] = &f->model;
    from[4] = f->ca_file, to[4] = &f->ca_file;
    from[5] = NULL, to[5] = &f->api_key;
    for (i = 0; i < 6; i++) (void)llmi_pack(&at, &size, from[i]);
    c->strings = (char *)llmi_mem_alloc(&c->mem, size);
    if (c->strings == NULL) return llmi_fail_memory(e);
    c->strings_size = size;
    at = c->strings;
    for (i = 0; i < 6; i++) *to[i] = llmi_pack(&at, &size, from[i]);
    f->connect_timeout_ms = llmi_or(f->connect_timeout_ms, 10000);
    f->idle_timeout_ms = llmi_or(f->idle_timeout_ms, 600000);
    f->max_retries = llmi_or(f->max_retries, 2);
    f->max_idle = llmi_or(f->max_idle, 2);
    return llmi_config_headers(f, e);
}

/* ---- connections ---------------------------------------------------------------------------------------- */

LLMI_FN void llmi_conn_free(llm_client *c, llmi_conn *n) {
#if LLMI_HAS_TLS
    if (n->tls != NULL) {
        size_t len;
        const char *out;
        if (!n->eof && !n->no_send) {   /* tells the peer that this end is no attack; does not wait for its answer */
            llmi_tls_close(n->tls);
            out = llmi_tls_raw_out(n->tls, &len);
            if (len > 0) (void)LLM_NET_SEND(c->mem.ctx, &n->net, out, len, 0);
        }
        llmi_tls_free(n->tls);
    }
#endif
    if (n->opened) LLM_NET_CLOSE(c->mem.ctx, &n->net);
    llmi_mem_free(&c->mem, n, sizeof *n);
}

LLMI_FN int llmi_conn_secure(const llmi_conn *n) {
#if LLMI_HAS_TLS
    return n->tls != NULL;
#else
    (void)n;
    return 0;
#endif
}

/* A descriptor may change while a name is resolved and addresses are tried: each new one gets a new serial. Only for
   callers that ask: with the default hooks the question may cost an epoll set. */
LLMI_FN void llmi_conn_renumber(llm_client *c, llmi_conn *n) {
    int fd = LLM_NET_FD(c->mem.ctx, &n->net);
    unsigned net = LLM_NET_SERIAL(c->mem.ctx, &n->net);
    if (fd != n->last_fd || net != n->last_net) {
        n->last_fd = fd;
        n->last_net = net;
        n->serial = ++c->serial;
    }
}

/* Receives into buf, waiting at most wait_ms. > 0 bytes; 0 none; < 0: n->eof says which. *drained is set when there is
   no more at the moment. */
LLMI_FN long llmi_conn_fill(llm_client *c, llmi_conn *n, int wait_ms, int *drained) {
    long got;
    size_t room;
    if (n->eof) return n->eof;
    if (n->at == n->end) n->at = n->end = 0;
    room = sizeof n->buf - n->end;
    if (room == 0) return 0;
    got = (long)LLM_NET_RECV(c->mem.ctx, &n->net, n->buf + n->end, room, wait_ms);
    if (got < 0) {
        n->eof = got == LLM_NET_CLOSED ? LLM_NET_CLOSED : LLM_NET_FAILED;
        return n->eof;
    }
    if ((size_t)got > room) {      /* a hook that breaks its contract must not break us */
        n->eof = LLM_NET_FAILED;
        return n->eof;
    }
    n->end += (size_t)got;
    *drained = (size_t)got < room;
    return got;
}

/* The bytes of the answer that are there. Pushes what was received through TLS as far as it goes. */
LLMI_FN const char *llmi_conn_peek(llmi_conn *n, size_t *len) {
#if LLMI_HAS_TLS
    if (n->tls != NULL) {
        for (;;) {
            const char *p = llmi_tls_read(n->tls, len);
            size_t took;
            if (*len > 0) return p;
            if (n->at == n->end) return n->buf;        /* never NULL: callers add to it */
            took = llmi_tls_put_raw(n->tls, n->buf + n->at, n->end - n->at);
            n->at += took;
            if (took == 0) {
                p = llmi_tls_read(n->tls, len);
                return *len > 0 ? p : n->buf;
            }
        }
    }
#endif
    *len = n->end - n->at;
    return n->buf + n->at;
}

LLMI_FN void llmi_conn_took(llmi_conn *n, size_t len) {
    if (len == 0) return;
#if LLMI_HAS_TLS
    if (n->tls != NULL) {
        llmi_tls_read_done(n->tls, len);
        return;
    }
#endif
    n->at += len;
}

/* Hands what TLS wants to send to the network. 1 all sent, 0 not yet, < 0 failed. */
LLMI_FN int llmi_conn_flush(llm_client *c, llmi_conn *n, int wait_ms) {
#if LLMI_HAS_TLS
    while (n->tls != NULL) {
        size_t len;
        const char *p = llmi_tls_raw_out(n->tls, &len);
        long sent;
        if (len == 0) break;
        sent = n->no_send ? -1 : (long)LLM_NET_SEND(c->mem.ctx, &n->net, p, len, wait_ms);
        if (sent < 0 || (size_t)sent > len) {
            n->no_send = 1;
            return -1;
        }
        if (sent == 0) return 0;
        llmi_tls_raw_sent(n->tls, (size_t)sent);
    }
#else
    (void)c;
    (void)n;
    (void)wait_ms;
#endif
    return 1;
}

/* Sends request bytes. > 0 taken, 0 not yet, < 0 failed. */
LLMI_FN long llmi_conn_send(llm_client *c, llmi_conn *n, const char *p, size_t len, int wait_ms) {
    long sent;
#if LLMI_HAS_TLS
    if (n->tls != NULL) {
        size_t took = llmi_tls_write(n->tls, p, len);
        int flushed;
        if (took == len) llmi_tls_flush(n->tls);
        flushed = llmi_conn_flush(c, n, wait_ms);
        if (flushed < 0 || llmi_tls_get_state(n->tls) != LLMI_TLS_OPEN) return -1;
        return (long)took;
    }
#endif
    sent = (long)LLM_NET_SEND(c->mem.ctx, &n->net, p, len, wait_ms);
    if (sent >= 0 && (size_t)sent <= len) return sent;
    n->no_send = 1;
    return -1;
}

/* The end of the connection was in order: nothing of the answer can be missing. */
LLMI_FN int llmi_conn_closed_clean(llmi_conn *n) {
#if LLMI_HAS_TLS
    if (n->tls != NULL) return llmi_tls_closed_clean(n->tls);
#endif
    return n->eof == LLM_NET_CLOSED;
}

#define LLMI_LAST_BYTES_MS 100     /* so long they are waited for: less than a new connection over a slow line takes */

/* Reads the last bytes of an answer that was left early (the final chunk, say), if they are there or come within
   wait_ms: a slow line brings them later than [DONE]. 1 = the connection stands right before the next answer;
   -1 = they are still on their way; 0 = it is of no more use. */
LLMI_FN int llmi_conn_drained(llm_client *c, llmi_conn *n, int wait_ms) {
    uint64_t until = wait_ms > 0 ? LLM_NOW_MS(c->mem.ctx) + (uint64_t)wait_ms : 0, now;
    int drained = 0, rounds = 0, left;
    size_t len;
    while (n->draining) {
        const char *start = llmi_conn_peek(n, &len), *p = start;
        switch (llmi_http_next(&n->http, &p, start + len)) {
        case LLMI_HTTP_END: n->draining = 0; break;
        case LLMI_HTTP_ERROR: return 0;
        case LLMI_HTTP_MORE:
            if (len > 0) break;
            now = until > 0 ? LLM_NOW_MS(c->mem.ctx) : 0;
            left = now < until && until - now <= (uint64_t)wait_ms ? (int)(until - now) : 0;   /* a clock may go back */
            if (rounds > 4) return 0;
            if (left == 0 && (drained || llmi_conn_fill(c, n, 0, &drained) == 0)) return ++n->draining > 8 ? 0 : -1;
            if (left > 0) (void)llmi_conn_fill(c, n, left, &drained);
            if (n->eof) return 0;
            if (left == 0 || !drained) rounds++;
            break;
        default: break;
        }
        llmi_conn_took(n, (size_t)(p - start));
    }
    /* whatever comes unasked, its end too, is no answer to the next request */
    (void)llmi_conn_peek(n, &len);
    if (len > 0 || n->at != n->end || llmi_conn_fill(c, n, 0, &drained) != 0) return 0;
#if LLMI_HAS_TLS
    if (n->tls != NULL && llmi_tls_get_state(n->tls) != LLMI_TLS_OPEN) return 0;
#endif
    return 1;
}

/* A kept connection that is still good, or NULL. One whose last bytes are on their way stays for a later call; if there
   is no other, a caller that waits waits for the youngest such, once. */
LLMI_FN llmi_conn *llmi_conn_reuse(llm_client *c, int wait_ms) {
    llmi_conn **at = &c->idle, **late = NULL, *n;
    int drained, wait = 0;
    while ((n = *at) != NULL) {
        int first = n->draining == 1;
        drained = llmi_conn_drained(c, n, wait);
        if (drained < 0) {
            if (first && late == NULL) late = at;
            at = &n->next;
        } else {
            *at = n->next;
            c->idle_count--;
            n->next = NULL;
            if (drained) return n;
            llmi_conn_free(c, n);
        }
        if (wait > 0) break;
        if (*at == NULL && late != NULL && wait_ms > 0) {
            at = late;
            wait = wait_ms < LLMI_LAST_BYTES_MS ? wait_ms : LLMI_LAST_BYTES_MS;
        }
    }
    return NULL;
}

/* Memory is short: the connection that was kept for longest gives way. 0: none is kept. */
LLMI_FN int llmi_conn_yield(llm_client *c) {
    llmi_conn **at = &c->idle;
    if (*at == NULL) return 0;
    while ((*at)->next != NULL) at = &(*at)->next;
    llmi_conn_free(c, *at);
    *at = NULL;
    c->idle_count--;
    return 1;
}

/* One that has ended (n->eof) never comes here: its answer was not read to its end, or sending had failed before. */
LLMI_FN void llmi_conn_keep(llm_client *c, llmi_conn *n) {
    if (!n->http.keep_alive || c->idle_count >= c->config.max_idle) {
        llmi_conn_free(c, n);
        return;
    }
    n->requests++;
    n->next = c->idle;
    c->idle = n;
    c->idle_count++;
}

/* ============================================================================================================
   >>call                                          the one engine: a request from its body to its answer, with retries

     START -> OPEN -> (TUNNEL) -> HANDSHAKE -> SEND -> HEAD -> BODY -> TAIL -> DONE
       |        `--------`------------`---------`------`--------`-- failed -> WAIT -> START, or FAILED
       `-- kept connection ----------------------^

   Each step does at most one wait, in a net hook or in LLM_SLEEP_MS. Blocking functions call steps with a time to wait,
   non-blocking ones with 0.
   ============================================================================================================ */

typedef enum llmi_call_state {
    LLMI_CALL_START,       /* no connection; takes a kept one or makes one                                        */
    LLMI_CALL_OPEN,        /* waits for LLM_NET_OPEN; the connect deadline runs                                   */
    LLMI_CALL_TUNNEL,      /* CONNECT goes out from `text`, then waits for its answer; the connect deadline runs  */
    LLMI_CALL_HANDSHAKE,   /* waits for TLS records; the connect deadline runs                                    */
    LLMI_CALL_SEND,        /* `text` goes out from `sent` on; the idle deadline runs from here                    */
    LLMI_CALL_HEAD,        /* waits for the final response head; `text` is kept for another attempt               */
    LLMI_CALL_BODY,        /* body and data point into the connection's buffer; nothing is received before both
                              are used up. `text` is gone, but for the tool loop                                  */
    LLMI_CALL_TAIL,        /* the answer is complete: the last events are given out                               */
    LLMI_CALL_WAIT,        /* no connection; waits until retry_at                                                 */
    LLMI_CALL_DONE,        /* over, well: no connection                                                           */
    LLMI_CALL_FAILED       /* over, error says why: no connection                                                 */
} llmi_call_state;

typedef enum llmi_step {
    LLMI_STEP_AGAIN,       /* something happened: step again                        */
    LLMI_STEP_BLOCKED,     /* nothing to do until the network or the clock moves on */
    LLMI_STEP_EVENT        /* *event is set                                         */
} llmi_step;

struct llmi_loop;          /* of the tool loop */

struct llm_call {
    llm_client     *client;
    llmi_key       *key;
    llmi_call_state state;
    llmi_conn      *conn;
    llm_text        text;            /* [room for the head][body]: one block, so that one SEND takes both     */
    size_t          head_room;       /* where the body starts                                                 */
    size_t          head_at;         /* where this attempt's head starts (or CONNECT's); it ends at head_room */
    size_t          sent;            /* bytes from head_at on that are sent                                   */
    size_t          messages_end;    /* where another message would be written                                */
    int             head_has_key;    /* the key or the proxy's password stands in text now                    */
    int             keep_text;       /* the tool loop needs it after the answer                               */
    int             send_failed;     /* the peer may still have answered: try to receive                      */
    int             unsent;          /* the answer came before the request was sent                           */
    int             stream;
    int             discard;
    int             stale_once;      /* a kept connection was found dead: the next one is fresh               */
    int             fresh;           /* take no kept connection                                               */
    int             delivered;       /* an event that is no retry notice reached the caller: no more retries  */
    int             ready;           /* llm_wait()                                                            */
    int             blocked;         /* the last step had to wait                                             */
    int             filled;          /* this step has received something: the clock is looked at before the next  */
    int             drained;         /* RECV gave less than was asked: there is no more at the moment               */
    int             retries_left;
    int             attempts;
    int             connect_ms, idle_ms;       /* negative = none */
    int             has_deadline;
    const volatile int *cancel;
    uint64_t        deadline;        /* of the whole call                                                     */
    uint64_t        state_since;     /* connect deadline counts from here                                     */
    uint64_t        last_byte;       /* idle deadline counts from here                                        */
    uint64_t        retry_at;
    int64_t         retry_delay;
    int             retry_told;      /* the notice was given out                                              */
    size_t          taken;           /* bytes of the connection's that body and data lie in                   */
    const char     *body, *body_end; /* of the current read, after HTTP framing                               */
    const char     *data, *data_end; /* of that, after SSE framing                                            */
    size_t          body_size;       /* of a body that is not a stream                                        */
    int             in_event;        /* a piece of an SSE event was read                                      */
    int             done_seen;       /* [DONE]                                                                */
    size_t          tail_choice;     /* next to be looked at in TAIL                                          */
    int             tail_channel;
    size_t          tail_tool;
    char            raw[200];        /* beginning of an error body, for those that are no JSON                */
    size_t          raw_n;
    int             raw_html, raw_tag;
    llmi_sse        sse;
    llmi_reply      reply;
    llmi_reply     *last;            /* where reply goes in the end: made at the start, so that the end cannot fail */
    llmi_wire       wire;
    llm_error       error;
    char            model[128];      /* as asked for                                                          */
    int             head_seen;       /* the final response head was read: its body comes */
    struct llmi_loop *loop;
};

LLMI_FN uint64_t llmi_now(const llm_client *c) {
    return LLM_NOW_MS(c->mem.ctx);
}

/* ---- the request is checked and written ----------------------------------------------------------------- */

LLMI_FN llm_status llmi_check_json(const char *json, int object, const char *what, llm_error *e) {
    llm_json_type type = LLM_JSON_NULL;
    if (json == NULL) return LLM_OK;
    if (!llmi_json_check(json, strlen(json), &type) || (object && type != LLM_JSON_OBJECT) ||
        (unsigned char)json[0] == 0xEF) {      /* a byte order mark would end up inside the body */
        return llmi_fail(e, LLM_ERR_USAGE, "%s is not %s", what, object ? "a JSON object" : "valid JSON");
    }
    return LLM_OK;
}

LLMI_FN int llmi_finite(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (bits >> 52 & 0x7FF) != 0x7FF;
}

LLMI_FN int llmi_tool_name_ok(const char *s) {
    size_t i;
    for (i = 0; s[i] != 0; i++) {
        int c = (unsigned char)s[i];
        if (!llmi_is_digit(c) && !(llmi_lower(c) >= 'a' && llmi_lower(c) <= 'z') && c != '_' && c != '-') return 0;
    }
    return i >= 1 && i <= 64;
}

LLMI_FN llm_status llmi_check_tools(const llm_request *r, llm_error *e) {
    size_t i, k;
    int known = r->tool_choice == NULL || r->tool_choice[0] == '{' || llmi_streq(r->tool_choice, "auto") ||
                llmi_streq(r->tool_choice, "none") || llmi_streq(r->tool_choice, "required");
    for (i = 0; i < r->tool_count; i++) {
        const llm_tool *t = &r->tools[i];
        if (t->name == NULL || !llmi_tool_name_ok(t->name)) {
            return llmi_fail(e, LLM_ERR_USAGE, "request.tools[%zu].name must be 1 to 64 of A-Z a-z 0-9 _ -", i);
        }
        for (k = 0; k < i; k++) {
            if (llmi_streq(r->tools[k].name, t->name)) {
                return llmi_fail(e, LLM_ERR_USAGE, "request.tools holds %s twice", t->name);
            }
        }
        if (llmi_check_json(t->parameters, 1, "a tool's parameters", e) != LLM_OK) {
            return llmi_fail(e, LLM_ERR_USAGE, "request.tools[%zu].parameters (%s) is not a JSON object", i, t->name);
        }
        known |= !known && llmi_streq(t->name, r->tool_choice);
    }
    if (!known && r->tool_count > 0)
        return llmi_fail(e, LLM_ERR_USAGE, "request.tool_choice names no tool of the request");
    if (r->tool_choice != NULL && r->tool_choice[0] == '{') {
        return llmi_check_json(r->tool_choice, 1, "request.tool_choice", e);
    }
    return LLM_OK;
}

LLMI_FN llm_status llmi_check_message(const llm_message *m, size_t at, llm_error *e) {
    size_t i;
    if ((unsigned)m->role > (unsigned)LLM_TOOL) {
        return llmi_fail(e, LLM_ERR_USAGE, "request.messages[%zu].role is no llm_role", at);
    }
    if (m->role == LLM_TOOL && m->tool_call_id == NULL) {
        return llmi_fail(e, LLM_ERR_USAGE, "request.messages[%zu] is a tool message without tool_call_id", at);
    }
    if (m->tool_call_count > 0 && m->tool_calls == NULL) {
        return llmi_fail(e, LLM_ERR_USAGE, "request.messages[%zu].tool_calls is NULL", at);
    }
    for (i = 0; i < m->tool_call_count; i++) {
        if (llmi_check_json(m->tool_calls[i].extra_content, 1, "a tool call's extra_content", e) != LLM_OK) {
            return LLM_ERR_USAGE;
        }
        if (m->tool_calls[i].id == NULL || m->tool_calls[i].name == NULL) {
            return llmi_fail(e, LLM_ERR_USAGE, "request.messages[%zu].tool_calls[%zu] has no id or no name", at, i);
        }
    }
    return llmi_check_json(m->content_json, 0, "a message's content_json", e);
}

LLMI_FN llm_status llmi_check_request(const llm_client *c, const llm_request *r, llm_error *e) {
    static const char *const own[] = {"stream", "stream_options"};
    size_t i;
    llm_status s;
    if (r->model == NULL && c->config.model == NULL &&
        !(r->extra_json != NULL && llmi_json_has(r->extra_json, strlen(r->extra_json), "model"))) {
        return llmi_fail(e, LLM_ERR_USAGE, "no model: set request.model, config.model or OPENAI_MODEL");
    }
    if (r->max_tokens < 0)
        return llmi_fail(e, LLM_ERR_USAGE, "request.max_tokens is negative: 0 is not sent, 1 is the least");
    if (r->n < 0) return llmi_fail(e, LLM_ERR_USAGE, "request.n is negative");
    if ((r->temperature.set && !llmi_finite(r->temperature.value)) || (r->top_p.set && !llmi_finite(r->top_p.value))) {
        return llmi_fail(e, LLM_ERR_USAGE,
                         "request.temperature or request.top_p is not a finite number: JSON has no NaN");
    }
    if ((r->messages == NULL && r->message_count > 0) || (r->tools == NULL && r->tool_count > 0)) {
        return llmi_fail(e, LLM_ERR_USAGE, "request.messages or request.tools is NULL but its count is not 0");
    }
    if (r->max_tokens_key != NULL && r->max_tokens_key[0] == 0) {
        return llmi_fail(e, LLM_ERR_USAGE, "request.max_tokens_key is empty");
    }
    if ((s = llmi_check_json(r->extra_json, 1, "request.extra_json", e)) != LLM_OK) return s;
    for (i = 0; r->extra_json != NULL && i < sizeof own / sizeof own[0]; i++) {
        if (llmi_json_has(r->extra_json, strlen(r->extra_json), own[i])) {
            return llmi_fail(e, LLM_ERR_USAGE, "request.extra_json may not set %s: choose the function instead, or "
                             "request.no_stream_usage", own[i]);
        }
    }
    if ((s = llmi_check_json(r->response_format, 1, "request.response_format", e)) != LLM_OK) return s;
    if (r->stop != NULL && r->stop[0] == '[' && (s = llmi_check_json(r->stop, 0, "request.stop", e)) != LLM_OK)
        return s;
    if ((s = llmi_check_tools(r, e)) != LLM_OK) return s;
    for (i = 0; i < r->message_count; i++) {
        if ((s = llmi_check_message(&r->messages[i], i, e)) != LLM_OK) return s;
    }
    if (r->prompt == NULL && r->system == NULL && r->message_count == 0 &&
        (r->conversation == NULL || r->conversation->count == 0) &&
        !(r->extra_json != NULL && llmi_json_has(r->extra_json, strlen(r->extra_json), "messages"))) {
        return llmi_fail(e, LLM_ERR_USAGE,
                         "the request holds no message: set request.prompt, messages or conversation");
    }
    return LLM_OK;
}

/* The head of the request, or of the CONNECT before it. */
LLMI_FN void llmi_call_head(llm_call *call, llm_text *t, size_t content_length, int tunnel) {
    const llm_config *f = &call->client->config;
    llmi_http_request h;
    memset(&h, 0, sizeof h);
    h.url = &call->client->url;
    h.headers = f->headers;
    h.header_count = f->header_count;
#if LLMI_HAS_PROXY
    h.to_proxy = llmi_client_via(call->client) != NULL && !h.url->secure;
    if (call->client->proxy.secret != NULL && (tunnel || h.to_proxy)) {
        h.proxy_auth = llmi_proxy_basic(&call->client->proxy, &h.proxy_auth_len);
    }
    if (tunnel) {
        h.method = "CONNECT";
        llmi_http_write_head(t, &h);
        return;
    }
#else
    (void)tunnel;
#endif
    h.method = "POST";
    h.path = "/chat/completions";
    h.stream = call->stream;
    h.content_length = content_length;
    h.key = call->key->text;
    h.key_len = call->key->n;
    h.organization = f->organization;
    h.project = f->project;
    llmi_http_write_head(t, &h);
}

/* Room for a head in front of the body that is written next. */
LLMI_FN void llmi_call_make_room(llm_call *call) {
    llm_text count;
    size_t n;
    llmi_text_counting(&count);
    llmi_call_head(call, &count, (size_t)-1, 0);
    n = count.n;
    if (call->client->url.secure && llmi_client_via(call->client) != NULL) {
        llmi_text_counting(&count);
        llmi_call_head(call, &count, 0, 1);
        if (count.n > n) n = count.n;
    }
    call->head_room = n;
    if (llmi_text_reserve(&call->text, n)) {
        memset(call->text.p, ' ', n);
        call->text.n = n;
    }
}

/* Writes this attempt's head right in front of the body: the only place where the key stands in a buffer. 0: it is
   longer than at the start of the call, because a borrowed header was changed. */
LLMI_FN int llmi_call_write_head(llm_call *call, int tunnel) {
    size_t body = call->text.n - call->head_room;
    llm_text t;
    char first = call->text.p[call->head_room];
    llmi_text_counting(&t);
    llmi_call_head(call, &t, body, tunnel);
    if (t.n > call->head_room) {
        (void)llmi_fail(&call->error, LLM_ERR_USAGE, "config.headers was changed while a call was running");
        return 0;
    }
    call->head_at = call->head_room - t.n;
    llmi_text_fixed(&t, call->text.p + call->head_at, t.n + 1);
    llmi_call_head(call, &t, body, tunnel);
    call->text.p[call->head_room] = first;      /* the fixed text's NUL stood on it */
    call->head_has_key = 1;
    call->sent = 0;
    return 1;
}

LLMI_FN void llmi_call_wipe_head(llm_call *call) {
    if (!call->head_has_key) return;
    llmi_wipe(call->text.p + call->head_at, call->head_room - call->head_at);
    call->head_has_key = 0;
}

/* ---- endings -------------------------------------------------------------------------------------------- */

/* Gives the connection up: keeps it when the answer was read to its end, or nearly. */
LLMI_FN void llmi_call_drop(llm_call *call, int keep) {
    llmi_conn *n = call->conn;
    if (n == NULL) return;
    llmi_conn_took(n, call->taken);
    call->taken = 0;
    call->conn = NULL;
    call->body = call->body_end = call->data = call->data_end = NULL;
    if (keep && !call->unsent && !call->send_failed) llmi_conn_keep(call->client, n);
    else llmi_conn_free(call->client, n);
}

LLMI_FN void llmi_call_end(llm_call *call, llmi_call_state state) {
    llm_status s;
    llmi_call_wipe_head(call);
    if (state == LLMI_CALL_FAILED && !call->stream) llmi_wire_salvage(&call->wire);
    s = llmi_reply_close(&call->reply, &call->key->secret);
    if (state == LLMI_CALL_DONE && s != LLM_OK) {
        (void)llmi_wire_no_memory(&call->wire, s);
        state = LLMI_CALL_FAILED;
    }
    call->error.attempts = call->attempts;
    if (call->reply.request_id[0] != 0)
        memcpy(call->error.request_id, call->reply.request_id, sizeof call->error.request_id);
    call->state = state;
    if (state == LLMI_CALL_FAILED) {
        llmi_log(call->client, LLM_LOG_ERROR, "%s after %d attempts", llm_status_name(call->error.status),
                 call->attempts);
    }
}

/* 0.5, 1, 2, 4, 8, 8 .. seconds, less up to a quarter: clients that failed together do not come back together. */
LLMI_FN int64_t llmi_call_backoff(llm_call *call) {
    int n = call->attempts - 1;
    int64_t base = n >= 4 ? 8000 : (int64_t)500 << n;
    unsigned char r[2] = {0, 0};
    if (!LLM_RANDOM(call->client->mem.ctx, r, sizeof r)) r[0] = r[1] = 0;
    return base - base * (r[0] * 256 + r[1]) / (4 * 65536);
}

/* The wait that is asked for is longer than ours may be: how long it is belongs into the message. */
LLMI_FN void llmi_call_add_wait(llm_error *e) {
#if LLMI_HAS_MESSAGES
    llm_text t;
    size_t n = strlen(e->message);
    if (n > sizeof e->message - 100) {
        n = sizeof e->message - 100;
        while (n > 0 && ((unsigned char)e->message[n] & 0xC0) == 0x80) n--;
        while (n > 0 && (e->message[n - 1] == '.' || e->message[n - 1] == ' ')) n--;
    }
    llmi_text_fixed(&t, e->message + n, sizeof e->message - n);
    llmi_text_addf(&t, ". A wait of %lld seconds is asked for, more than LLM_MAX_RETRY_AFTER_MS",
                   (long long)(e->retry_after_ms / 1000 + (e->retry_after_ms % 1000 != 0)));
    (void)llmi_text_cstr(&t);
#else
    (void)e;
#endif
}

/* This attempt has failed, call->error says how: another one, or the end. */
LLMI_FN llmi_step llmi_call_attempt_failed(llm_call *call) {
    llm_error *e = &call->error;
    llm_client *c = call->client;
    uint64_t now = llmi_now(c);
    int64_t delay;
    int again = e->retryable && call->retries_left > 0 && !call->delivered && call->state < LLMI_CALL_BODY &&
                call->text.n > call->head_room;
    llmi_call_wipe_head(call);
    llmi_call_drop(call, 0);
    e->attempts = call->attempts;
    delay = e->retry_after_ms >= 0 ? e->retry_after_ms : llmi_call_backoff(call);
    if (e->retry_after_ms > LLM_MAX_RETRY_AFTER_MS && e->retryable) {
        llmi_call_add_wait(e);
        again = 0;
    }
    if (again && call->has_deadline && now + (uint64_t)delay >= call->deadline) again = 0;
    if (!again) {
        llmi_call_end(call, LLMI_CALL_FAILED);
        return LLMI_STEP_AGAIN;
    }
    call->retries_left--;
    call->stale_once = 0;           /* the next attempt may meet another one */
    call->retry_delay = delay;
    call->retry_at = now + (uint64_t)delay;
    call->retry_told = 0;
    call->state = LLMI_CALL_WAIT;
    llmi_log(c, LLM_LOG_INFO, "%s, attempt %d: next in %lld ms", llm_status_name(e->status), call->attempts,
             (long long)delay);
    if (c->config.on_retry != NULL) c->config.on_retry(c->config.on_retry_user, e, delay);
    return LLMI_STEP_AGAIN;
}

/* The end, whatever retries are left. */
LLMI_FN llmi_step llmi_call_fail_now(llm_call *call) {
    llmi_call_drop(call, 0);
    llmi_call_end(call, LLMI_CALL_FAILED);
    return LLMI_STEP_AGAIN;
}

/* The machine that is spoken to, with words to stand before its name: within a tunnel it is the server. */
LLMI_FN const llmi_url *llmi_call_peer(const llm_call *call, const char **the) {
    const llmi_url *via = llmi_client_via(call->client);
    *the = "";
    if (via == NULL || (call->client->url.secure && call->state > LLMI_CALL_TUNNEL)) return &call->client->url;
    *the = "the proxy ";
    return via;
}

/* The connection broke before a byte of the answer: a kept one had probably been closed by the server long ago, which
   is no attempt of ours; a fresh one takes its place at once. */
LLMI_FN llmi_step llmi_call_broke(llm_call *call) {
    llmi_conn *n = call->conn;
    const char *when, *the, *host = llmi_call_peer(call, &the)->host;
    if (n->requests > 0 && !call->stale_once && call->state <= LLMI_CALL_HEAD && !n->http.started) {
        llmi_log(call->client, LLM_LOG_DEBUG, "kept connection was closed; opening a new one");
        llmi_call_wipe_head(call);
        call->stale_once = call->fresh = 1;
        call->attempts--;
        llmi_call_drop(call, 0);
        call->state = LLMI_CALL_START;
        return LLMI_STEP_AGAIN;
    }
#if LLMI_HAS_TLS
    if (n->tls != NULL && (call->state == LLMI_CALL_HANDSHAKE || llmi_tls_get_state(n->tls) == LLMI_TLS_FAILED)) {
        if (n->eof != LLM_NET_CLOSED) n->tls->broke = LLM_NET_WHY(call->client->mem.ctx, &n->net);
        (void)llmi_tls_fail(n->tls, &call->error, call->client->url.host);
        return llmi_call_attempt_failed(call);
    }
#endif
    when = call->send_failed ? "while the request was sent"
         : n->http.started ? "within the response head" : "before it answered";
    if (n->eof == LLM_NET_CLOSED) {
        (void)llmi_fail(&call->error, LLM_ERR_CONNECTION, "%s%s closed the connection %s", the, host, when);
    } else {
        const char *why = LLM_NET_WHY(call->client->mem.ctx, &n->net);
        (void)llmi_fail(&call->error, LLM_ERR_CONNECTION, "the connection to %s%s broke %s%s%s", the, host, when,
                        why[0] ? ": " : "", why);
    }
    return llmi_call_attempt_failed(call);
}

/* ---- deadlines ------------------------------------------------------------------------------------------ */

/* Milliseconds until `ms` after `since`; 0 when that is past, -1 when ms is negative (none). */
LLMI_FN int64_t llmi_left(uint64_t now, uint64_t since, int ms) {
    uint64_t passed = now > since ? now - since : 0;     /* since may be taken after now */
    if (ms < 0) return -1;
    return passed >= (uint64_t)ms ? 0 : (int64_t)((uint64_t)ms - passed);
}

/* The nearest deadline of the state, -1 none. */
LLMI_FN int64_t llmi_call_left(const llm_call *call, uint64_t now) {
    int64_t left = -1, total;
    switch (call->state) {
    case LLMI_CALL_OPEN:
    case LLMI_CALL_TUNNEL:
    case LLMI_CALL_HANDSHAKE: left = llmi_left(now, call->state_since, call->connect_ms); break;
    case LLMI_CALL_SEND:
    case LLMI_CALL_HEAD:
    case LLMI_CALL_BODY: left = llmi_left(now, call->last_byte, call->idle_ms); break;
    case LLMI_CALL_WAIT: left = call->retry_at > now ? (int64_t)(call->retry_at - now) : 0; break;
    default: break;
    }
    if (call->has_deadline) {
        total = call->deadline > now ? (int64_t)(call->deadline - now) : 0;
        if (left < 0 || total < left) left = total;
    }
    return left;
}

/* ---- steps: connecting and sending ---------------------------------------------------------------------- */

LLMI_FN llmi_step llmi_step_start(llm_call *call, int wait_ms) {
    llm_client *c = call->client;
    llmi_conn *n = NULL;
    call->attempts++;
    call->send_failed = call->unsent = call->head_seen = 0;
    if (!call->fresh) n = llmi_conn_reuse(c, wait_ms);
    call->fresh = 0;
    if (n == NULL) {
        do n = (llmi_conn *)llmi_mem_zalloc(&c->mem, sizeof *n);
        while (n == NULL && llmi_conn_yield(c));
        if (n == NULL) {
            (void)llmi_fail_memory(&call->error);
            return llmi_call_fail_now(call);
        }
        n->last_fd = -1;
    }
    llmi_http_init(&n->http);
    call->conn = n;
    call->drained = 0;
    call->state_since = call->last_byte = llmi_now(c);
    call->state = LLMI_CALL_OPEN;
    if (n->requests > 0) {
        if (!llmi_call_write_head(call, 0)) return llmi_call_fail_now(call);
        call->state = LLMI_CALL_SEND;
    }
    return LLMI_STEP_AGAIN;
}

/* The way to the server is open. */
LLMI_FN llmi_step llmi_call_opened(llm_call *call) {
    llm_client *c = call->client;
#if LLMI_HAS_TLS
    if (c->url.secure) {
        llm_status s;
        do s = llmi_tls_new(&call->conn->tls, &c->tls, c->url.host, &call->error);
        while (s == LLM_ERR_MEMORY && llmi_conn_yield(c));
        if (s != LLM_OK) return call->error.retryable ? llmi_call_attempt_failed(call) : llmi_call_fail_now(call);
        call->state = LLMI_CALL_HANDSHAKE;
        return LLMI_STEP_AGAIN;
    }
#endif
    if (!llmi_call_write_head(call, 0)) return llmi_call_fail_now(call);
    call->last_byte = llmi_now(c);
    call->state = LLMI_CALL_SEND;
    return LLMI_STEP_AGAIN;
}

LLMI_FN llmi_step llmi_step_open(llm_call *call, int wait_ms) {
    llm_client *c = call->client;
    llmi_conn *n = call->conn;
    const char *the;
    const llmi_url *to = llmi_call_peer(call, &the);
    int r;
    n->opened = 1;
#if LLMI_NET_SECURE
    r = LLM_NET_OPEN(c->mem.ctx, &n->net, c->url.host, c->url.port, wait_ms, c->url.secure);
#else
    r = LLM_NET_OPEN(c->mem.ctx, &n->net, to->host, to->port, wait_ms);
#endif
    if (r == 0) return LLMI_STEP_BLOCKED;
    if (r != 1) {
        const char *why = LLM_NET_WHY(c->mem.ctx, &n->net);
        n->eof = LLM_NET_FAILED;
        if (r == LLM_NET_NO_HOST) {
            (void)llmi_fail(&call->error, LLM_ERR_CONNECTION,
                            "no address for %s%s%s%s. Check %s and the name server", the, to->host,
                            why[0] ? ": " : "", why, llmi_client_named(c));
        } else if (r == LLM_NET_REFUSED) {
            (void)llmi_fail(&call->error, LLM_ERR_CONNECTION,
                            "%s%s refused the connection on port %d: is %s running?", the, to->host,
                            (int)to->port, the[0] ? "it" : "the server");
#if LLMI_NET_SECURE
        } else if (r == LLM_NET_UNTRUSTED) {
            (void)llmi_fail(&call->error, LLM_ERR_TLS, "no trusted connection to %s port %d%s%s", to->host,
                            (int)to->port, why[0] ? ": " : "", why);
            return llmi_call_fail_now(call);
#endif
        } else {
            (void)llmi_fail(&call->error, LLM_ERR_CONNECTION, "cannot connect to %s%s port %d%s%s", the, to->host,
                            (int)to->port, why[0] ? ": " : "", why);
        }
        return llmi_call_attempt_failed(call);
    }
    llmi_log(c, LLM_LOG_DEBUG, "connected to %s%s", the, to->host);
    if (the[0] != 0 && c->url.secure) {
        if (!llmi_call_write_head(call, 1)) return llmi_call_fail_now(call);
        n->http.connect = 1;
        call->state = LLMI_CALL_TUNNEL;
        return LLMI_STEP_AGAIN;
    }
    return llmi_call_opened(call);
}

#if LLMI_HAS_TLS
LLMI_FN llmi_step llmi_step_handshake(llm_call *call, int wait_ms) {
    llm_client *c = call->client;
    llmi_conn *n = call->conn;
    llmi_tls_state state;
    size_t took;
    int flushed;
    if (n->at < n->end) {
        took = llmi_tls_put_raw(n->tls, n->buf + n->at, n->end - n->at);
        n->at += took;
    }
    flushed = llmi_conn_flush(c, n, wait_ms);      /* an alert too: the server should know why */
    state = llmi_tls_get_state(n->tls);
    if (state == LLMI_TLS_FAILED) {
        (void)llmi_tls_fail(n->tls, &call->error, c->url.host);
        return call->error.retryable ? llmi_call_attempt_failed(call) : llmi_call_fail_now(call);
    }
    if (state == LLMI_TLS_CLOSED) return llmi_call_broke(call);
    if (flushed == 0) return LLMI_STEP_BLOCKED;
    if (state == LLMI_TLS_OPEN) {
        llmi_tls_keep_session(n->tls);
        if (!llmi_call_write_head(call, 0)) return llmi_call_fail_now(call);
        call->last_byte = llmi_now(c);
        call->state = LLMI_CALL_SEND;
        return LLMI_STEP_AGAIN;
    }
    call->send_failed |= flushed < 0;
    if (n->at < n->end) {           /* what is left is taken once TLS has sent: never, where it cannot send any more */
        return call->send_failed ? llmi_call_broke(call) : LLMI_STEP_AGAIN;
    }
    {
        long got = call->drained && wait_ms == 0 && !call->send_failed ? 0
                 : llmi_conn_fill(c, n, call->send_failed ? 0 : wait_ms, &call->drained);
        if (got > 0) call->last_byte = llmi_now(c);
        if (got > 0) return LLMI_STEP_AGAIN;
        /* where SEND has failed an alert may still say why, but nobody waits for one */
        return got < 0 || call->send_failed ? llmi_call_broke(call) : LLMI_STEP_BLOCKED;
    }
}
#endif

LLMI_FN llmi_step llmi_step_send(llm_call *call, int wait_ms) {
    llm_client *c = call->client;
    llmi_conn *n = call->conn;
    size_t total = call->text.n - call->head_at;
    long sent = 0, got;
    if (call->sent < total) {
        sent = llmi_conn_send(c, n, call->text.p + call->head_at + call->sent, total - call->sent, wait_ms);
    } else {
        int flushed = llmi_conn_flush(c, n, wait_ms);
        if (flushed > 0) {
            llmi_call_wipe_head(call);
            llmi_log(c, LLM_LOG_DEBUG, "request sent, %zu bytes", total);
            call->last_byte = llmi_now(c);
            call->state = LLMI_CALL_HEAD;
            return LLMI_STEP_AGAIN;
        }
        sent = flushed;
    }
    if (sent > 0) {
        call->sent += (size_t)sent;
        if (call->sent >= call->head_room - call->head_at && !llmi_conn_secure(n)) llmi_call_wipe_head(call);
        call->last_byte = llmi_now(c);
        return LLMI_STEP_AGAIN;
    }
    if (sent < 0) {                 /* an early 401 or 413 is an answer: look for it before giving up */
        llmi_call_wipe_head(call);
        call->send_failed = 1;
        call->state = LLMI_CALL_HEAD;
        return LLMI_STEP_AGAIN;
    }
    got = llmi_conn_fill(c, n, 0, &call->drained);
    if (got != 0) {                 /* it may also answer, or go away, instead of reading on */
        call->unsent = 1;
        call->send_failed = got < 0;
        if (got < 0) llmi_call_wipe_head(call);
        call->state = LLMI_CALL_HEAD;
        return LLMI_STEP_AGAIN;
    }
    return LLMI_STEP_BLOCKED;
}

/* ---- steps: the answer ---------------------------------------------------------------------------------- */

/* What a person should do about a status, "" where the server's own words must do. */
LLMI_FN const char *llmi_advice(llm_status s) {
    switch (s) {
    case LLM_ERR_AUTH: return ". Check the API key (config.api_key or OPENAI_API_KEY)";
    case LLM_ERR_PERMISSION: return ". The key may not use this model, project or region";
    case LLM_ERR_NOT_FOUND: return ". Check the model's name and base_url";
    case LLM_ERR_QUOTA: return ". No credit is left: retrying is useless";
    case LLM_ERR_RATE_LIMIT: return ". Wait, or send less";
    default: return "";
    }
}

/* A body that is no JSON may be in any encoding, and its beginning may end inside a character. */
LLMI_FN void llmi_call_only_utf8(char *s, size_t n) {
    size_t i = 0, bad;
    while (i < n) {
        size_t len = llmi_utf8_next(s + i, n - i, &bad);
        if (len == 0) s[i] = '?';
        i += len == 0 ? 1 : len;
    }
}

/* The server's sentence goes on with ours: its own full stop would stand in the middle. */
LLMI_FN void llmi_call_trim_stop(char *s) {
    size_t n = strlen(s);
    while (n > 0 && (s[n - 1] == '.' || llmi_is_blank(s[n - 1]))) s[--n] = 0;
}

/* When the answer says that it is worth to try again. */
LLMI_FN void llmi_call_retry_after(llm_call *call) {
    const llmi_http *h = &call->conn->http;
    llm_error *e = &call->error;
    int64_t now, at;
    e->retry_after_ms = h->retry_after_ms;
    if (e->retry_after_ms >= 0 || h->retry_after_at <= 0) return;
    now = (int64_t)LLM_UNIX_TIME(call->client->mem.ctx);
    at = h->retry_after_at - now;
    if (at > 0 && now > 0) e->retry_after_ms = at < INT64_MAX / 1000 ? at * 1000 : INT64_MAX;
}

/* Keeps the proxy's user and password out of a text that the other end wrote, which with http:// may be the proxy.
   Returns the new length. */
LLMI_FN size_t llmi_call_hide(const llm_call *call, char *s, size_t n, int cut) {
#if LLMI_HAS_PROXY
    const llmi_proxy *p = &call->client->proxy;
    const char *basic;
    size_t basic_n;
    if (p->secret == NULL) return n;
    basic = llmi_proxy_basic(p, &basic_n);
    if (p->plain_n >= LLMI_SECRET_MIN) n = llmi_redact(s, n, p->secret, p->plain_n, cut);
    if (basic_n >= LLMI_SECRET_MIN) n = llmi_redact(s, n, basic, basic_n, cut);
    if (p->plain_n - p->user_n >= LLMI_SECRET_MIN) {
        n = llmi_redact(s, n, p->secret + p->user_n, p->plain_n - p->user_n, cut);
    }
#else
    (void)call;
    (void)s;
    (void)cut;
#endif
    return n;
}

/* The same for a field of fixed size: a full one may have been cut. */
LLMI_FN void llmi_call_hide_field(const llm_call *call, char *s, size_t cap) {
    size_t n = strlen(s);
    s[llmi_call_hide(call, s, n, n + 1 == cap)] = 0;
}

/* An error body or object has been read into call->error (message, type, code, param): makes the final error of it. */
LLMI_FN void llmi_call_api_error(llm_call *call, int http) {
    llm_error *e = &call->error;
    const llmi_http *h = &call->conn->http;
    llm_error was;
    char message[sizeof e->message];
    llm_status s;
    llmi_call_hide_field(call, e->message, sizeof e->message);
    llmi_call_hide_field(call, e->type, sizeof e->type);
    llmi_call_hide_field(call, e->code, sizeof e->code);
    llmi_call_hide_field(call, e->param, sizeof e->param);
    was = *e;
    s = llmi_status_of_answer(http, e->code[0] != 0 ? e->code : e->type);
    if (call->wire.has_message) {
        memcpy(message, e->message, sizeof message);
    } else {
        size_t n = llmi_redact(call->raw, call->raw_n, call->key->secret.p, call->key->secret.n, 1);
        n = llmi_call_hide(call, call->raw, n, 1);
        llmi_call_only_utf8(call->raw, n);
        llmi_copy_cut(message, sizeof message, call->raw, n);
    }
    llmi_call_trim_stop(message);
    if (http < 300) {
        (void)llmi_fail(e, s, "%s reported an error: %s%s", call->client->url.host, message[0] ? message : "no message",
                        llmi_advice(s));
    } else if (http < 400) {
        char to[sizeof h->location];
        memcpy(to, h->location, sizeof to);
        to[llmi_redact(to, strlen(to), call->key->secret.p, call->key->secret.n, 1)] = 0;
        llmi_call_hide_field(call, to, sizeof to);
        (void)llmi_fail(e, s,
                        "HTTP %d: %s redirects%s%s. Redirects are not followed: set base_url to the right address",
                        http, call->client->url.host, to[0] ? " to " : " without naming a target", to);
    } else {   /* what an http:// proxy says of its own looks like the server's word */
        const llmi_url *via = call->client->url.secure ? NULL : llmi_client_via(call->client);
        (void)llmi_fail(e, s, "HTTP %d from %s%s%s: %s%s", http, call->client->url.host,
                        via != NULL ? " through the proxy " : "", via != NULL ? via->host : "",
                        message[0] ? message : "no message", llmi_advice(s));
    }
#if !LLMI_HAS_MESSAGES
    if (message[0] != 0) memcpy(e->message, message, sizeof e->message);
#endif
    memcpy(e->type, was.type, sizeof e->type);
    memcpy(e->code, was.code, sizeof e->code);
    memcpy(e->param, was.param, sizeof e->param);
    e->http_status = http;
    llmi_call_retry_after(call);
    if (h->should_retry >= 0 && s != LLM_ERR_QUOTA) e->retryable = h->should_retry;
}

/* The final head is there. */
LLMI_FN llmi_step llmi_call_take_head(llm_call *call) {
    const llmi_http *h = &call->conn->http;
    llm_client *c = call->client;
    size_t id_len;
    call->head_seen = 1;
    if (call->unsent) llmi_call_wipe_head(call);
    memcpy(call->reply.request_id, h->request_id, sizeof call->reply.request_id);
    id_len = strlen(call->reply.request_id);
    id_len = llmi_redact(call->reply.request_id, id_len, call->key->secret.p, call->key->secret.n,
                         id_len == sizeof call->reply.request_id - 1);
    memset(call->reply.request_id + id_len, 0, sizeof call->reply.request_id - id_len);
    llmi_call_hide_field(call, call->reply.request_id, sizeof call->reply.request_id);
    memcpy(call->error.request_id, call->reply.request_id, sizeof call->error.request_id);
    call->error.http_status = h->status;
    call->wire.has_error = call->wire.has_message = 0;
    call->error.message[0] = call->error.type[0] = call->error.code[0] = call->error.param[0] = 0;
    call->raw_n = 0;
    call->raw_html = call->raw_tag = 0;
    call->body_size = 0;
    llmi_log(c, LLM_LOG_DEBUG, "HTTP %d", h->status);
    llmi_wire_begin(&call->wire);
    call->wire.whole = !h->sse;
    call->wire.error_body = h->status >= 300;
    llmi_sse_init(&call->sse);
    if (h->status >= 200 && h->status < 300 && !call->keep_text) {
        llmi_text_free(&call->text);
        call->head_room = 0;
    }
    call->state = h->status < 300 ? LLMI_CALL_BODY : LLMI_CALL_HEAD;
    return LLMI_STEP_AGAIN;
}

/* The next event of the response: from bytes that are there, else from one try to receive some (call->filled).
   LLMI_HTTP_MORE: *step says whether it is worth to try again, *over that nothing more will come. */
LLMI_FN llmi_http_event llmi_call_receive(llm_call *call, int wait_ms, llmi_step *step, int *over) {
    llmi_conn *n = call->conn;
    *over = 0;
    *step = LLMI_STEP_AGAIN;
    for (;;) {
        size_t len;
        long got;
        const char *start, *p;
        llmi_http_event ev;
        llmi_conn_took(n, call->taken);
        start = p = llmi_conn_peek(n, &len);
        ev = llmi_http_next(&n->http, &p, start + len);
        call->taken = (size_t)(p - start);
        if (ev != LLMI_HTTP_MORE) return ev;
        if (len > 0) continue;
        if (call->filled) return ev;
#if LLMI_HAS_TLS
        if (n->tls != NULL) {
            llmi_tls_state s = llmi_tls_get_state(n->tls);
            if (s == LLMI_TLS_CLOSED || s == LLMI_TLS_FAILED) {
                if (!n->eof) n->eof = s == LLMI_TLS_CLOSED ? LLM_NET_CLOSED : LLM_NET_FAILED;
                *over = 1;
                return ev;
            }
        }
#endif
        /* what was read may have an answer of TLS itself, an alert, and the server may wait for it */
        (void)llmi_conn_flush(call->client, n, 0);
        got = call->drained && wait_ms == 0 ? 0 : llmi_conn_fill(call->client, n, wait_ms, &call->drained);
        *over = got < 0;
        if (got == 0) *step = LLMI_STEP_BLOCKED;
        if (got <= 0) return ev;
        call->filled = 1;
        call->last_byte = llmi_now(call->client);
    }
}

/* The response breaks the rules of HTTP. */
LLMI_FN void llmi_call_bad_http(llm_call *call) {
    const llmi_http *h = &call->conn->http;
    (void)llmi_fail(&call->error, h->error_status, "%s: %s%s", call->client->url.host, h->why,
                    h->error_status == LLM_ERR_PROTOCOL ? ". Is that an OpenAI-compatible API?" : "");
    call->error.http_status = h->status;
}

/* An error body is over, or as much of it as came. */
LLMI_FN llmi_step llmi_call_refused(llm_call *call, int keep) {
    int http = call->conn->http.status;
    (void)llmi_wire_end(&call->wire);           /* whether it was JSON at all does not matter */
    call->wire.status = LLM_OK;
    llmi_call_api_error(call, http);
    if (keep) llmi_call_drop(call, 1);
    return llmi_call_attempt_failed(call);
}

/* A piece of an error body: read as JSON, its beginning kept for those that are none. */
LLMI_FN void llmi_call_error_bytes(llm_call *call, const char *p, size_t n) {
    const char *end = p + n, *q = p;
    size_t i;
    for (i = 0; i < n && call->raw_n < sizeof call->raw; i++) {
        char c = p[i];
        int blank = (unsigned char)c <= 0x20 || c == 0x7F;
        if (call->raw_n == 0 && c == '<') call->raw_html = 1;
        if (call->raw_html && (c == '<' || call->raw_tag)) {      /* a page: its words, not its tags */
            call->raw_tag = c != '>';
            blank = 1;
        }
        if (blank && (call->raw_n == 0 || call->raw[call->raw_n - 1] == ' ')) continue;
        call->raw[call->raw_n++] = (char)(blank ? ' ' : c);
    }
    while (call->wire.status == LLM_OK && q < end) {
        (void)llmi_wire_next(&call->wire, &q, end);
    }
}

#if LLMI_HAS_PROXY
/* What to do when the proxy does not let us through. The ends of sentences that begin with its name and status. */
LLMI_FN const char *llmi_proxy_advice(int http, int has_user) {
    switch (http) {
    case 407: return has_user ? "it does not accept user and password of " : "it wants user and password in ";
    case 403: case 405: return "it does not allow this host and port. Another proxy is set in ";
    case 429: return "it wants fewer requests. It is the proxy of ";
    case 502: case 503: case 504: return "it did not reach the server. It is the proxy of ";
    default: return "that is no tunnel. Check the host and port of ";
    }
}

/* The proxy's answer is final, and it is no. Its status is not the server's: http_status stays 0. */
LLMI_FN llmi_step llmi_call_proxy_refused(llm_call *call) {
    const llmi_proxy *p = &call->client->proxy;
    int http = call->conn->http.status;
    (void)llmi_fail(&call->error, LLM_ERR_CONNECTION, "the proxy %s port %d answered for %s port %d with HTTP %d: %s%s",
                    p->url.host, (int)p->url.port, call->client->url.host, (int)call->client->url.port, http,
                    llmi_proxy_advice(http, p->secret != NULL), p->from);
    call->error.retryable = http == 429 || (http >= 502 && http <= 504);
    llmi_call_retry_after(call);
    return llmi_call_attempt_failed(call);
}

/* RFC 9110 9.3.6: sends CONNECT, then waits for the head of the answer. What follows a 2xx comes from the server. */
LLMI_FN llmi_step llmi_step_tunnel(llm_call *call, int wait_ms) {
    llmi_conn *n = call->conn;
    const llmi_url *via = &call->client->proxy.url;
    size_t total = call->head_room - call->head_at;
    llmi_step step;
    int over;
    if (call->sent < total) {
        long sent = llmi_conn_send(call->client, n, call->text.p + call->head_at + call->sent, total - call->sent,
                                   wait_ms);
        if (sent == 0) return LLMI_STEP_BLOCKED;
        call->send_failed = sent < 0;      /* it may have answered all the same */
        call->sent = sent < 0 ? total : call->sent + (size_t)sent;
        if (call->sent == total) llmi_call_wipe_head(call);
        return LLMI_STEP_AGAIN;
    }
    switch (llmi_call_receive(call, call->send_failed ? 0 : wait_ms, &step, &over)) {
    case LLMI_HTTP_HEAD: break;
    case LLMI_HTTP_ERROR:
        (void)llmi_fail(&call->error, n->http.error_status == LLM_ERR_LIMIT ? LLM_ERR_LIMIT : LLM_ERR_CONNECTION,
                        "the proxy %s port %d did not answer as an HTTP proxy does: %s. Check %s", via->host,
                        (int)via->port, n->http.why, call->client->proxy.from);
        call->error.retryable = 0;
        return llmi_call_attempt_failed(call);
    default:
        return over || (step == LLMI_STEP_BLOCKED && call->send_failed) ? llmi_call_broke(call) : step;
    }
    if (n->http.status >= 300) return llmi_call_proxy_refused(call);
    llmi_log(call->client, LLM_LOG_DEBUG, "tunnel to %s", call->client->url.host);
    llmi_conn_took(n, call->taken);
    call->taken = 0;
    call->send_failed = 0;
    llmi_http_init(&n->http);
    return llmi_call_opened(call);
}
#endif

/* Waits for the final head, and for the body of an error: until then another attempt is possible. */
LLMI_FN llmi_step llmi_step_head(llm_call *call, int wait_ms) {
    llmi_conn *n = call->conn;
    int waits_to_send = call->unsent && !call->head_seen && !call->send_failed;
    llmi_step step;
    int over;
    switch (llmi_call_receive(call, waits_to_send ? 0 : wait_ms, &step, &over)) {
    case LLMI_HTTP_HEAD:
#if LLMI_HAS_PROXY
        if (n->http.status == 407 && llmi_client_via(call->client) != NULL && !call->client->url.secure) {
            return llmi_call_proxy_refused(call);
        }
#endif
        return llmi_call_take_head(call);
    case LLMI_HTTP_BODY:
        call->body_size += n->http.body_len;
        llmi_call_error_bytes(call, n->http.body, n->http.body_len);
        return call->body_size > 65536 ? llmi_call_refused(call, 0) : LLMI_STEP_AGAIN;   /* enough of it */
    case LLMI_HTTP_END: return llmi_call_refused(call, 1);
    case LLMI_HTTP_ERROR:
        llmi_call_bad_http(call);
        return llmi_call_attempt_failed(call);
    case LLMI_HTTP_MORE:
    default: break;
    }
    if (over && call->head_seen) return llmi_call_refused(call, 0);
    if (over || (step == LLMI_STEP_BLOCKED && call->send_failed && !n->http.started)) return llmi_call_broke(call);
    if (step == LLMI_STEP_BLOCKED && waits_to_send) {      /* only a 1xx came: go on sending */
        call->unsent = 0;
        call->state = LLMI_CALL_SEND;
        return LLMI_STEP_AGAIN;
    }
    return step;
}

/* The answer is over, and it was in order. */
LLMI_FN llmi_step llmi_call_complete(llm_call *call, int keep) {
    llmi_call_drop(call, keep);
    call->tail_choice = call->tail_tool = 0;
    call->tail_channel = 0;
    call->state = LLMI_CALL_TAIL;
    return LLMI_STEP_AGAIN;
}

/* An error object within a 2xx answer. */
LLMI_FN llmi_step llmi_call_error_inside(llm_call *call) {
    llmi_call_api_error(call, call->conn->http.status);
    return llmi_call_fail_now(call);
}

/* finish_reason or [DONE] has come: what is missing is usage at most. */
LLMI_FN int llmi_call_answered(const llm_call *call) {
    return call->done_seen || (call->stream && llmi_reply_finished(&call->reply));
}

LLMI_FN llmi_step llmi_call_truncated(llm_call *call, const char *how) {
    if (llmi_call_answered(call)) return llmi_call_complete(call, 0);
    (void)llmi_fail(&call->error, LLM_ERR_TRUNCATED, "the answer of %s %s; what came is in the response",
                    call->client->url.host, how);
    call->error.http_status = call->conn->http.status;
    return llmi_call_fail_now(call);
}

/* One server-sent event is complete. 0 = the call has ended. */
LLMI_FN int llmi_call_event_over(llm_call *call, int named_error) {
    int had = call->in_event;
    call->in_event = 0;
    if (had && call->wire.error_body) named_error = 1;     /* a name behind the data comes too late */
    if (had && !named_error && !llmi_wire_end(&call->wire)) {
        call->error.http_status = call->conn->http.status;
        (void)llmi_call_fail_now(call);
        return 0;
    }
    if (named_error || call->wire.has_error) {
        (void)llmi_call_error_inside(call);
        return 0;
    }
    return 1;
}

/* The body is over; clean = it was complete by its framing. */
LLMI_FN llmi_step llmi_call_body_over(llm_call *call, int clean, int keep) {
    if (call->conn->http.sse) {
        llmi_sse_event ev = clean ? llmi_sse_eof(&call->sse) : LLMI_SSE_MORE;
        if (ev == LLMI_SSE_DONE) call->done_seen = 1;
        if (ev == LLMI_SSE_EVENT && call->in_event && !llmi_json_end(&call->wire.json)) {
            return llmi_call_truncated(call, "ended in the middle of an event");
        }
        if (ev == LLMI_SSE_EVENT && !llmi_call_event_over(call, llmi_streq(call->sse.name, "error")))
            return LLMI_STEP_AGAIN;
        if (!clean) return llmi_call_truncated(call, "broke off");
        if (!call->done_seen && !llmi_reply_finished(&call->reply) && !call->reply.got) {
            return llmi_call_truncated(call, "ended before there was any text");
        }
        return llmi_call_complete(call, keep);
    }
    if (!clean) return llmi_call_truncated(call, "broke off");
    if (!llmi_wire_end(&call->wire)) {
        call->error.http_status = call->conn->http.status;
        return llmi_call_fail_now(call);
    }
    if (call->wire.has_error) return llmi_call_error_inside(call);
    if (!call->wire.saw_choices) {
        (void)llmi_fail(&call->error, LLM_ERR_API,
                        "%s answered with HTTP %d and JSON that holds no choices: is base_url an "
                        "OpenAI-compatible API?",
                        call->client->url.host, call->conn->http.status);
        call->error.http_status = call->conn->http.status;
        return llmi_call_fail_now(call);
    }
    return llmi_call_complete(call, keep);
}

/* Takes one piece of what lies between the network and the caller: data, else body. 0 = both are used up. */
LLMI_FN int llmi_call_digest(llm_call *call, llm_event *event, llmi_step *step) {
    *step = LLMI_STEP_AGAIN;
    if (call->wire.pending) {
        if (llmi_wire_event(&call->wire, event)) {
            if (call->stream) {
                call->delivered = 1;
                *step = LLMI_STEP_EVENT;
            }
            return 1;
        }
    }
    if (call->data < call->data_end && call->wire.error_body) {      /* event: error, with JSON or not */
        llmi_call_error_bytes(call, call->data, (size_t)(call->data_end - call->data));
        call->data = call->data_end;
        return 1;
    }
    if (call->data < call->data_end) {
        if (llmi_wire_next(&call->wire, &call->data, call->data_end) == LLMI_WIRE_FAILED) {
            if (!call->conn->http.sse && !call->conn->http.json && call->error.status == LLM_ERR_PROTOCOL) {
                (void)llmi_fail(&call->error, LLM_ERR_PROTOCOL,
                                "%s answered with HTTP %d and something that is no JSON: is "
                                "base_url an OpenAI-compatible API?",
                                call->client->url.host, call->conn->http.status);
            }
            call->error.http_status = call->conn->http.status;
            *step = llmi_call_fail_now(call);
        }
        return 1;
    }
    if (call->body == call->body_end) return 0;
    if (!call->conn->http.sse) {
        call->data = call->body;
        call->data_end = call->body = call->body_end;
        return 1;
    }
    switch (llmi_sse_next(&call->sse, &call->body, call->body_end)) {
    case LLMI_SSE_DATA:
        call->data = call->sse.data;
        call->data_end = call->data + call->sse.len;
        if (call->sse.first) {
            llmi_wire_first(&call->wire, &call->data, call->data_end);
            call->wire.error_body = llmi_streq(call->sse.name, "error");
        }
        call->in_event = 1;
        break;
    case LLMI_SSE_EVENT:
        (void)llmi_call_event_over(call, llmi_streq(call->sse.name, "error"));
        break;
    case LLMI_SSE_DONE: {
        llmi_conn *n = call->conn;
        call->done_seen = 1;
        n->draining = 1;
        while (call->body < call->body_end && llmi_is_blank(*call->body)) call->body++;   /* the LF of CR LF */
        *step = llmi_call_complete(call, call->body == call->body_end);
        break;
    }
    case LLMI_SSE_ERROR:
        (void)llmi_fail(&call->error, LLM_ERR_LIMIT, "%s sent an event of more than LLM_MAX_EVENT (%zu) bytes",
                        call->client->url.host, (size_t)LLM_MAX_EVENT);
        *step = llmi_call_fail_now(call);
        break;
    case LLMI_SSE_MORE:
    default: break;
    }
    return 1;
}

LLMI_FN llmi_step llmi_step_body(llm_call *call, llm_event *event, int wait_ms) {
    llmi_conn *n = call->conn;
    llmi_step step;
    int over;
    for (;;) {
        while (llmi_call_digest(call, event, &step)) {
            if (step == LLMI_STEP_EVENT || call->state != LLMI_CALL_BODY) return step;
        }
        switch (llmi_call_receive(call, wait_ms, &step, &over)) {
        case LLMI_HTTP_BODY:
            call->body = n->http.body;
            call->body_end = call->body + n->http.body_len;
            call->body_size += n->http.body_len;
            if (n->http.sse || call->body_size <= LLM_MAX_BODY) continue;
            (void)llmi_fail(&call->error, LLM_ERR_LIMIT, "the answer of %s is larger than LLM_MAX_BODY",
                            call->client->url.host);
            return llmi_call_fail_now(call);
        case LLMI_HTTP_END: return llmi_call_body_over(call, 1, 1);
        case LLMI_HTTP_ERROR:
            llmi_call_bad_http(call);
            return llmi_call_fail_now(call);
        case LLMI_HTTP_HEAD:
        case LLMI_HTTP_MORE:
        default: break;
        }
        if (!over) return step;
        return llmi_call_body_over(call, llmi_http_eof(&n->http, llmi_conn_closed_clean(n)) == LLMI_HTTP_END, 0);
    }
}

/* What was held back, then the tool calls: now they are whole. */
LLMI_FN llmi_step llmi_step_tail(llm_call *call, llm_event *event) {
    llmi_reply *r = &call->reply;
    while (call->stream && call->tail_choice < r->count) {
        llmi_choice *c = &r->choices[call->tail_choice];
        if (call->tail_channel < LLMI_CHANNELS) {
            int k = call->tail_channel++;
            size_t added = llmi_choice_flush(r, c, k, &call->key->secret);
            if (added == 0) continue;
            call->wire.told = c;
            call->wire.from[k] = c->text[k].n - added;
            call->wire.pending = 1 << k;
            call->delivered = 1;
            (void)llmi_wire_event(&call->wire, event);
            return LLMI_STEP_EVENT;
        }
        if (call->tail_tool == 0 && llmi_choice_close_tools(r, c, &call->key->secret) != LLM_OK) break;
        if (call->tail_tool < c->tool_count) {
            memset(event, 0, sizeof *event);
            event->kind = LLM_EVENT_TOOL_CALL;
            event->choice = c->index;
            event->tool_call = &c->calls[call->tail_tool++];
            call->delivered = 1;
            return LLMI_STEP_EVENT;
        }
        call->tail_choice++;
        call->tail_channel = 0;
        call->tail_tool = 0;
    }
    llmi_error_init(&call->error);
    llmi_call_end(call, LLMI_CALL_DONE);
    return LLMI_STEP_AGAIN;
}

LLMI_FN llmi_step llmi_step_wait(llm_call *call, llm_event *event, int wait_ms) {
    llm_client *c = call->client;
    uint64_t now = llmi_now(c);
    if (!call->retry_told) {
        call->retry_told = 1;
        memset(event, 0, sizeof *event);
        event->kind = LLM_EVENT_RETRY;
        event->error = &call->error;
        event->delay_ms = call->retry_delay;
        return LLMI_STEP_EVENT;
    }
    if (now >= call->retry_at) {
        llmi_error_init(&call->error);
        call->state = LLMI_CALL_START;
        return LLMI_STEP_AGAIN;
    }
    if (wait_ms > 0) LLM_SLEEP_MS(c->mem.ctx, wait_ms);
    return LLMI_STEP_BLOCKED;
}

LLMI_FN llmi_step llmi_call_step(llm_call *call, llm_event *event, int wait_ms) {
    switch (call->state) {
    case LLMI_CALL_START: return llmi_step_start(call, wait_ms);
    case LLMI_CALL_OPEN: return llmi_step_open(call, wait_ms);
#if LLMI_HAS_PROXY
    case LLMI_CALL_TUNNEL: return llmi_step_tunnel(call, wait_ms);
#endif
#if LLMI_HAS_TLS
    case LLMI_CALL_HANDSHAKE: return llmi_step_handshake(call, wait_ms);
#endif
    case LLMI_CALL_SEND: return llmi_step_send(call, wait_ms);
    case LLMI_CALL_HEAD: return llmi_step_head(call, wait_ms);
    case LLMI_CALL_BODY: return llmi_step_body(call, event, wait_ms);
    case LLMI_CALL_TAIL: return llmi_step_tail(call, event);
    case LLMI_CALL_WAIT: return llmi_step_wait(call, event, wait_ms);
    default:
        (void)llmi_fail(&call->error, LLM_ERR_INTERNAL, "the call is in a state that does not exist");
        return llmi_call_fail_now(call);
    }
}

/* 1 = a deadline or the cancel flag ended this attempt or the call. left: llmi_call_left(). */
LLMI_FN int llmi_call_expired(llm_call *call, uint64_t now, int64_t left) {
    const char *the, *host = llmi_call_peer(call, &the)->host;
    int late;
    if (call->cancel != NULL && *call->cancel != 0) {
        (void)llmi_fail(&call->error, LLM_ERR_CANCELLED, "cancelled by request.cancel");
        (void)llmi_call_fail_now(call);
        return 1;
    }
    if (left != 0 || call->state == LLMI_CALL_TAIL) return 0;      /* a complete answer is not late */
    late = call->has_deadline && now >= call->deadline;
    if (call->state == LLMI_CALL_BODY && (late || call->blocked) && llmi_call_answered(call)) {
        if (call->wire.pending) return 0;      /* what has come is told first */
        (void)llmi_call_complete(call, 0);
        return 1;
    }
    if (call->state == LLMI_CALL_HEAD && call->head_seen && (late || call->blocked)) {
        (void)llmi_call_refused(call, 0);      /* an error whose body does not end: it says enough */
        return 1;
    }
    if (late) {
        (void)llmi_fail(&call->error, LLM_ERR_TIMEOUT, "the call was not over within timeout_ms");
        (void)llmi_call_fail_now(call);
        return 1;
    }
    /* the idle deadline is over only when a look at the network found nothing: the caller may have been the slow one */
    if (call->state == LLMI_CALL_WAIT || (call->state >= LLMI_CALL_SEND && !call->blocked)) return 0;
    if (call->state < LLMI_CALL_SEND) {
        const char *why = call->state == LLMI_CALL_OPEN ? LLM_NET_WHY(call->client->mem.ctx, &call->conn->net) : "";
        (void)llmi_fail(&call->error, LLM_ERR_TIMEOUT, "no %s %s%s within connect_timeout_ms (%d ms)%s%s",
                        call->state == LLMI_CALL_OPEN ? "connection to"
                        : call->state == LLMI_CALL_TUNNEL ? "answer to CONNECT from" : "TLS session with",
                        the, host, call->connect_ms, why[0] ? ": " : "", why);
    } else {
        (void)llmi_fail(&call->error, LLM_ERR_TIMEOUT, "%s%s sent nothing for idle_timeout_ms (%d ms)", the, host,
                        call->idle_ms);
    }
    (void)llmi_call_attempt_failed(call);
    return 1;
}

/* How long a step may wait: until the caller's limit or the next deadline, in coarse steps, because each new value
   costs a system call; 100 ms when a flag must be looked at. */
LLMI_FN int llmi_call_wait_ms(const llm_call *call, int64_t left, int64_t caller_left) {
    int64_t most = call->cancel != NULL ? 100 : 1000;
    if (left < 0 || left > most) left = most;
    if (caller_left >= 0 && caller_left < left) left = caller_left;
    return (int)left;
}

#define LLMI_BURST 64      /* receives of one llm_next(call, event, 0) without an event: then others get their turn */

/* One round of the engine: LLM_OK an event, LLM_PENDING, LLM_DONE, or the error. */
LLMI_FN llm_status llmi_call_next(llm_call *call, llm_event *event, int timeout_ms) {
    llm_client *c = call->client;
    uint64_t start = llmi_now(c), now = start;
    int burst = 0;
    call->drained = 0;
    call->blocked = 0;
    for (;;) {
        int64_t left, caller_left = llmi_left(now, start, timeout_ms);
        llmi_step step;
        if (call->state == LLMI_CALL_DONE) return LLM_DONE;
        if (call->state == LLMI_CALL_FAILED) return call->error.status;
        left = llmi_call_left(call, now);
        if (llmi_call_expired(call, now, left)) {
            call->blocked = 0;      /* there is something to do: a last event, a retry notice */
            continue;
        }
        if (call->blocked && caller_left == 0) return LLM_PENDING;
        call->blocked = 0;
        call->filled = 0;
        step = llmi_call_step(call, event, llmi_call_wait_ms(call, left, caller_left));
        if (step == LLMI_STEP_EVENT) return LLM_OK;
        if (step == LLMI_STEP_BLOCKED) {
            call->blocked = 1;
            if (timeout_ms != 0) {
                now = llmi_now(c);
                call->drained = 0;
            }
        } else {
            if (call->last_byte > now) now = call->last_byte;
            if (timeout_ms == 0 && call->filled && ++burst == LLMI_BURST) return LLM_PENDING;
        }
    }
}

/* ---- start and end -------------------------------------------------------------------------------------- */

LLMI_FN void llmi_call_free(llm_call *call) {
    llm_client *c = call->client;
    llmi_call_wipe_head(call);
    llmi_call_drop(call, 0);
    llmi_text_free(&call->text);
    llmi_wire_free(&call->wire);
    llmi_reply_clear(&call->reply);
    llmi_mem_free(&c->mem, call->last, call->last == NULL ? 0 : sizeof *call->last);
    llmi_key_release(&c->mem, call->key);
    llmi_mem_free(&c->mem, call, sizeof *call);
}

/* The body stands: the next attempt is the first. Also of each round of the tool loop. */
LLMI_FN void llmi_call_rewind(llm_call *call) {
    llm_client *c = call->client;
    llmi_error_init(&call->error);
    call->state = LLMI_CALL_START;
    call->retries_left = c->config.max_retries < 0 ? 0 : c->config.max_retries;
    call->attempts = call->stale_once = call->fresh = call->done_seen = call->in_event = call->delivered = 0;
    llmi_reply_init(&call->reply, &c->mem, ++c->calls, call->discard);
    llmi_wire_init(&call->wire, &call->reply, &call->key->secret, &call->error);
}

LLMI_FN llm_status llmi_call_new(llm_client *c, const llm_request *r, int stream, int keep_text, llm_call **out,
                                 llm_error *e) {
    const char *model = r->model != NULL ? r->model : c->config.model;
    int total = r->timeout_ms != 0 ? r->timeout_ms : c->config.timeout_ms;
    llm_call *call;
    llm_status s = llmi_check_request(c, r, e);
    if (s != LLM_OK) return s;
    call = (llm_call *)llmi_mem_zalloc(&c->mem, sizeof *call);
    if (call == NULL) return llmi_fail_memory(e);
    call->client = c;
    call->key = c->key;
    call->key->users++;
    call->stream = stream;
    call->discard = r->discard_text;
    call->keep_text = keep_text;
    call->cancel = r->cancel;
    call->connect_ms = c->config.connect_timeout_ms;
    call->idle_ms = c->config.idle_timeout_ms;
    if (model != NULL) llmi_copy_cut(call->model, sizeof call->model, model, strlen(model));
    if (total > 0) {
        call->has_deadline = 1;
        call->deadline = llmi_now(c) + (uint64_t)total;
    }
    llmi_text_init(&call->text, &c->mem, LLM_MAX_REQUEST);
    llmi_call_make_room(call);
    llmi_chat_body(&call->text, r, model, c->url.host, stream, &call->messages_end);
    llmi_call_rewind(call);
    s = call->text.err;
    if (s == LLM_OK) call->last = (llmi_reply *)llmi_mem_alloc(&c->mem, sizeof *call->last);
    if (s == LLM_OK && call->last != NULL) {
        *out = call;
        return LLM_OK;
    }
    llmi_call_free(call);
    if (s == LLM_ERR_LIMIT) return llmi_fail(e, s, "the request is larger than LLM_MAX_REQUEST");
    return llmi_fail_memory(e);
}

/* What the call cost, into its usage: the provider's word first, then the response's model, then the request's. */
LLMI_FN void llmi_call_cost(llm_call *call) {
    const llm_config *f = &call->client->config;
    llm_usage *u = &call->reply.usage;
    llm_price price;
    llm_cost_source source = LLM_COST_UNKNOWN;
    int64_t pico = call->reply.cost_pico;
    if (pico >= 0) {
        source = LLM_COST_PROVIDER;
    } else if (u->known) {
        if (call->reply.model[0] != 0) {
            source = llmi_price_find(f->prices, f->price_count, call->client->url.host, call->reply.model, &price);
        }
        if (source == LLM_COST_UNKNOWN && call->model[0] != 0) {
            source = llmi_price_find(f->prices, f->price_count, call->client->url.host, call->model, &price);
        }
        pico = source == LLM_COST_UNKNOWN ? -1 : llmi_price_cost(&price, u);
    }
    u->cost_source = pico < 0 ? LLM_COST_UNKNOWN : source;
    u->cost_usd = pico < 0 ? 0.0 : llmi_price_usd(pico);
    call->reply.cost_pico = pico;
}

/* Moves the reply into *out, with the status and error of the call. */
LLMI_FN void llmi_call_fill(llm_call *call, llm_response *out) {
    llmi_reply *r = call->last;
    call->last = NULL;
    memset(out, 0, sizeof *out);
    out->content = out->id = out->model = out->request_id = "";
    out->error = call->error;
    out->iterations = 1;
    llmi_call_cost(call);
    out->usage = call->reply.usage;
    *r = call->reply;
    llmi_reply_init(&call->reply, &call->client->mem, 0, 0);
    out->internal = r;
    out->status = call->error.status;
    out->id = r->id;
    out->model = r->model;
    out->request_id = r->request_id;
    out->choices = r->view;
    out->choice_count = r->count;
    if (r->count > 0) {
        const llm_choice *v = &r->view[0];
        out->content = v->content;
        out->content_len = v->content_len;
        out->refusal = v->refusal;
        out->reasoning = v->reasoning;
        out->tool_calls = v->tool_calls;
        out->tool_call_count = v->tool_call_count;
        out->finish_reason = v->finish_reason;
    }
}

/* ============================================================================================================
   >>tools                                     the tool loop: rounds of the engine with the handlers between them
   Every tool call of a round gets an answer: of its handler, or of us when there is no such tool, when its arguments
   are no JSON, when the handler fails. A truncated answer runs no handler: its arguments may be cut.
   ============================================================================================================ */

typedef enum llmi_loop_state {
    LLMI_LOOP_ASK,       /* the engine works on a request; the tools of its answer are not looked at yet */
    LLMI_LOOP_RUN,       /* the answer calls tools: `next` is the one whose handler runs next            */
    LLMI_LOOP_OVER       /* ended: call->state says how                                                  */
} llmi_loop_state;

typedef struct llmi_handler { llm_tool_fn fn; void *user; const char *name; } llmi_handler;

struct llmi_loop {
    llmi_loop_state state;
    llmi_handler   *handlers;       /* one block: the handlers, then their names */
    size_t          handler_count, handlers_size;
    int             iterations, max_iterations;
    size_t          next;
    llm_text        result;         /* what the model is told of the tool that ran last */
    llm_text        tail;           /* of the body, behind the messages                 */
    llm_text        prompt;         /* to be appended to the conversation               */
    int             has_prompt;
    llm_conversation *conversation; /* the caller's, NULL if none       */
    llm_conversation  round;        /* what this round will append to it */
    llm_usage       usage;          /* of the rounds that are over */
    int64_t         cost_pico;      /* of them, 1e-12 USD             */
    int             usage_rounds;
};

#if LLMI_HAS_TOOLS

LLMI_FN void llmi_loop_free(llm_call *call) {
    struct llmi_loop *l = call->loop;
    llmi_mem *mem = &call->client->mem;
    if (l == NULL) return;
    llmi_mem_free(mem, l->handlers, l->handlers_size);
    llmi_text_free(&l->result);
    llmi_text_free(&l->tail);
    llmi_text_free(&l->prompt);
    llmi_conversation_clear(&l->round);
    llmi_mem_free(mem, l, sizeof *l);
    call->loop = NULL;
}

/* Copies the names: the request need not outlive llm_start_with_tools(). */
LLMI_FN int llmi_loop_take_tools(struct llmi_loop *l, llmi_mem *mem, const llm_request *r) {
    size_t size = r->tool_count * sizeof(llmi_handler), i;
    char *at = NULL;
    for (i = 0; i < r->tool_count; i++) (void)llmi_pack(&at, &size, r->tools[i].name);
    if (size == 0) return 1;
    l->handlers = (llmi_handler *)llmi_mem_alloc(mem, size);
    if (l->handlers == NULL) return 0;
    l->handlers_size = size;
    l->handler_count = r->tool_count;
    at = (char *)l->handlers + r->tool_count * sizeof(llmi_handler);
    for (i = 0; i < r->tool_count; i++) {
        l->handlers[i].fn = r->tools[i].handler;
        l->handlers[i].user = r->tools[i].user;
        l->handlers[i].name = llmi_pack(&at, &size, r->tools[i].name);
    }
    return 1;
}

/* The loop must be able to append messages and to choose the rest itself. */
LLMI_FN llm_status llmi_loop_check(const llm_request *r, llm_error *e) {
    static const char *const ours[] = {"messages", "n", "tool_choice", "tools"};
    size_t i;
    if (r->discard_text && r->conversation != NULL) {
        return llmi_fail(e, LLM_ERR_USAGE,
                         "request.discard_text keeps no text that the tool loop could add to the conversation");
    }
    if (r->n > 1) return llmi_fail(e, LLM_ERR_USAGE, "the tool loop follows one choice: request.n must be 0 or 1");
    for (i = 0; r->extra_json != NULL && i < sizeof ours / sizeof ours[0]; i++) {
        if (llmi_json_is_object(r->extra_json, strlen(r->extra_json)) &&
            llmi_json_has(r->extra_json, strlen(r->extra_json), ours[i])) {
            return llmi_fail(e, LLM_ERR_USAGE,
                             "request.extra_json may not set %s in the tool loop: use the field of llm_request",
                             ours[i]);
        }
    }
    for (i = 0; i < r->tool_count && r->tools != NULL; i++) {
        if (r->tools[i].handler == NULL) return llmi_fail(e, LLM_ERR_USAGE, "request.tools[%zu] has no handler", i);
    }
    return LLM_OK;
}

LLMI_FN llm_status llmi_loop_new(llm_client *c, const llm_request *r, int max_iterations, int stream, llm_call **out,
                                 llm_error *e) {
    struct llmi_loop *l;
    llm_call *call;
    llm_status s = llmi_loop_check(r, e);
    if (s != LLM_OK) return s;
    if (max_iterations < 0) return llmi_fail(e, LLM_ERR_USAGE, "max_iterations is negative: 0 is 10");
    s = llmi_call_new(c, r, stream, 1, &call, e);
    if (s != LLM_OK) return s;
    l = (struct llmi_loop *)llmi_mem_zalloc(&c->mem, sizeof *l);
    if (l == NULL) {
        llmi_call_free(call);
        return llmi_fail_memory(e);
    }
    call->loop = l;
    l->max_iterations = max_iterations == 0 ? 10 : max_iterations;
    l->iterations = 1;
    l->conversation = r->conversation;
    llmi_conversation_init(&l->round, &c->mem, &call->error);
    llmi_text_init(&l->result, &c->mem, LLM_MAX_TEXT);
    llmi_text_init(&l->tail, &c->mem, LLM_MAX_REQUEST);
    llmi_text_init(&l->prompt, &c->mem, LLM_MAX_REQUEST);
    if (llmi_chat_choice_forced(r->tool_choice)) llmi_text_puts(&l->tail, "],\"tool_choice\":\"auto\"}");
    else llmi_text_put(&l->tail, call->text.p + call->messages_end, call->text.n - call->messages_end);
    if (r->conversation != NULL && r->prompt != NULL) {
        l->has_prompt = 1;
        llmi_text_puts(&l->prompt, r->prompt);
    }
    if (!llmi_loop_take_tools(l, &c->mem, r) || l->tail.err != LLM_OK || l->prompt.err != LLM_OK) {
        llmi_loop_free(call);
        llmi_call_free(call);
        return llmi_fail_memory(e);
    }
    *out = call;
    return LLM_OK;
}

LLMI_FN void llmi_loop_sum(int64_t *sum, int64_t n) {
    *sum = n > INT64_MAX - *sum ? INT64_MAX : *sum + n;
}

/* Adds this round's usage. A sum is known when all its parts are; its cost is as good as the weakest part's. */
LLMI_FN void llmi_loop_add_usage(struct llmi_loop *l, const llmi_reply *r) {
    const llm_usage *u = &r->usage;
    llm_usage *sum = &l->usage;
    if (l->usage_rounds++ == 0) {
        *sum = *u;
        l->cost_pico = r->cost_pico;
        return;
    }
    llmi_loop_sum(&sum->input_tokens, u->input_tokens);
    llmi_loop_sum(&sum->output_tokens, u->output_tokens);
    llmi_loop_sum(&sum->total_tokens, u->total_tokens);
    llmi_loop_sum(&sum->cached_tokens, u->cached_tokens);
    llmi_loop_sum(&sum->cache_write_tokens, u->cache_write_tokens);
    llmi_loop_sum(&sum->reasoning_tokens, u->reasoning_tokens);
    llmi_loop_sum(&sum->audio_input_tokens, u->audio_input_tokens);
    llmi_loop_sum(&sum->audio_output_tokens, u->audio_output_tokens);
    sum->known &= u->known;
    memcpy(sum->service_tier, u->service_tier, sizeof sum->service_tier);
    if (u->cost_source < sum->cost_source) sum->cost_source = u->cost_source;
    if (l->cost_pico < 0 || r->cost_pico < 0) l->cost_pico = -1;
    else llmi_loop_sum(&l->cost_pico, r->cost_pico);
    sum->cost_usd = sum->cost_source == LLM_COST_UNKNOWN ? 0.0 : llmi_price_usd(l->cost_pico);
}

LLMI_FN llmi_step llmi_loop_fail(llm_call *call, llm_status s) {
    call->loop->state = LLMI_LOOP_OVER;
    if (s == LLM_ERR_MEMORY) (void)llmi_fail_memory(&call->error);
    else if (s == LLM_ERR_LIMIT)
        (void)llmi_fail(&call->error, s,
                        "the conversation is larger than LLM_MAX_REQUEST, or a tool's "
                        "result than LLM_MAX_TEXT");
    call->state = LLMI_CALL_FAILED;
    return LLMI_STEP_AGAIN;
}

/* A message of this round: into the body of the next request, and for the conversation. */
LLMI_FN llm_status llmi_loop_message(llm_call *call, const llm_message *m) {
    struct llmi_loop *l = call->loop;
    llmi_text_putc(&call->text, ',');
    llmi_chat_message(&call->text, m);
    if (call->text.err != LLM_OK) return call->text.err;
    return l->conversation == NULL ? LLM_OK : llmi_conversation_push(&l->round, m);
}

/* The model's own turn, as it must be shown to it again. */
LLMI_FN llm_status llmi_loop_assistant(llm_call *call, const llm_choice *v) {
    llm_message m;
    llmi_choice *c = &call->reply.choices[0];
    size_t i;
    memset(&m, 0, sizeof m);
    m.role = LLM_ASSISTANT;
    m.content = v->content;
    m.tool_calls = v->tool_calls;
    m.tool_call_count = v->tool_call_count;
    for (i = 0; i < c->tool_count; i++) {
        if (c->calls[i].name[0] == 0) c->calls[i].name = "unnamed_tool";   /* an API refuses an empty one */
    }
    return llmi_loop_message(call, &m);
}

/* The round is whole: it goes to the caller's conversation, all or nothing. */
LLMI_FN llm_status llmi_loop_commit(llm_call *call) {
    struct llmi_loop *l = call->loop;
    llm_conversation *c = l->conversation;
    size_t before, i;
    llm_message m;
    llm_status s = LLM_OK;
    if (c == NULL) return LLM_OK;
    before = c->count;
    if (l->has_prompt) {
        memset(&m, 0, sizeof m);
        m.content = llmi_text_cstr(&l->prompt);
        s = llmi_conversation_push(c, &m);
    }
    for (i = 0; s == LLM_OK && i < l->round.count; i++) s = llmi_conversation_push(c, &l->round.list[i].m);
    if (s != LLM_OK) llmi_conversation_cut(c, before);
    else l->has_prompt = 0;
    llmi_conversation_cut(&l->round, 0);
    return s;
}

/* The engine has an answer. */
LLMI_FN llm_status llmi_loop_answered(llm_call *call) {
    struct llmi_loop *l = call->loop;
    const llm_choice *v = call->reply.count > 0 ? &call->reply.view[0] : NULL;
    llm_status s;
    llm_message m;
    int cut = v != NULL && (v->finish_reason == LLM_FINISH_LENGTH || v->finish_reason == LLM_FINISH_CONTENT_FILTER);
    llmi_call_cost(call);
    llmi_loop_add_usage(l, &call->reply);
    if (v == NULL || v->tool_call_count == 0 || cut) {
        l->state = LLMI_LOOP_OVER;
        if (v == NULL || v->tool_call_count > 0) return LLM_OK;
        memset(&m, 0, sizeof m);
        m.role = LLM_ASSISTANT;
        m.content = v->content;
        if (l->conversation != NULL && (s = llmi_conversation_push(&l->round, &m)) != LLM_OK) return s;
        return llmi_loop_commit(call);
    }
    call->text.n = call->messages_end;
    s = llmi_loop_assistant(call, v);
    l->next = 0;
    l->state = LLMI_LOOP_RUN;
    return s;
}

LLMI_FN const llmi_handler *llmi_loop_handler(const struct llmi_loop *l, const char *name) {
    size_t i;
    for (i = 0; i < l->handler_count; i++) {
        if (llmi_streq(l->handlers[i].name, name)) return &l->handlers[i];
    }
    return NULL;
}

LLMI_FN void llmi_loop_no_such_tool(struct llmi_loop *l, const char *name) {
    size_t i;
    llmi_text_addf(&l->result, "Error: there is no tool %q. The tools are:", name);
    for (i = 0; i < l->handler_count; i++) llmi_text_addf(&l->result, "%s %q", i == 0 ? "" : ",", l->handlers[i].name);
    if (l->handler_count == 0) llmi_text_puts(&l->result, " none");
}

/* Runs one tool: l->result is what the model is told. LLM_ERR_CANCELLED and LLM_ERR_MEMORY end the loop. */
LLMI_FN llm_status llmi_loop_run(llm_call *call, const llm_tool_call *asked) {
    struct llmi_loop *l = call->loop;
    const llmi_handler *h = llmi_loop_handler(l, asked->name);
    llm_tool_call one = *asked;
    llm_status s;
    l->result.n = 0;
    l->result.err = LLM_OK;
    if (one.arguments[0] == 0) one.arguments = "{}";     /* a tool without parameters */
    if (h == NULL) {
        llmi_loop_no_such_tool(l, asked->name);
    } else if (!llmi_json_check(one.arguments, strlen(one.arguments), NULL)) {
        llmi_text_addf(&l->result, "Error: the arguments of %q are not valid JSON. Call it again with valid JSON.",
                       one.name);
    } else {
        s = h->fn(h->user, &one, &l->result);
        if (s == LLM_ERR_CANCELLED) {
            return llmi_fail(&call->error, s, "the handler of %s cancelled the loop", h->name);
        }
        if (s != LLM_OK && l->result.err == LLM_OK) {
            llm_text why = l->result;                    /* what it wrote may say why */
            llmi_text_init(&l->result, &call->client->mem, LLM_MAX_TEXT);
            llmi_text_addf(&l->result, "Error: the tool %q failed (%s). ", one.name, llm_status_name(s));
            if (why.n > 0) llmi_text_put(&l->result, why.p, why.n);
            llmi_text_free(&why);
        }
    }
    if (l->result.err == LLM_ERR_USAGE) {                /* llm_text_addf() with a format that it does not know */
        l->result.err = LLM_OK;
        l->result.n = 0;
        llmi_text_addf(&l->result, "Error: the tool %q failed.", one.name);
    }
    return l->result.err;
}

/* The next tool of the round, or the next round. */
LLMI_FN llmi_step llmi_loop_step(llm_call *call, llm_event *event) {
    struct llmi_loop *l = call->loop;
    llm_choice *v = &call->reply.view[0];
    llm_status s;
    llm_message m;
    if (call->cancel != NULL && *call->cancel != 0) {
        (void)llmi_fail(&call->error, LLM_ERR_CANCELLED, "cancelled by request.cancel");
        return llmi_loop_fail(call, LLM_ERR_CANCELLED);
    }
    if (call->has_deadline && llmi_now(call->client) >= call->deadline) {
        (void)llmi_fail(&call->error, LLM_ERR_TIMEOUT, "the call was not over within timeout_ms");
        return llmi_loop_fail(call, LLM_ERR_TIMEOUT);
    }
    if (l->next < v->tool_call_count) {
        const llm_tool_call *asked = &v->tool_calls[l->next++];
        s = llmi_loop_run(call, asked);
        if (s == LLM_OK) {
            memset(&m, 0, sizeof m);
            m.role = LLM_TOOL;
            m.content = llmi_text_cstr(&l->result);
            m.tool_call_id = asked->id;
            s = llmi_loop_message(call, &m);
        }
        if (s != LLM_OK) return llmi_loop_fail(call, s);
        memset(event, 0, sizeof *event);
        event->kind = LLM_EVENT_TOOL_RESULT;
        event->tool_call = asked;
        event->text = llmi_text_cstr(&l->result);
        event->len = l->result.n;
        return LLMI_STEP_EVENT;
    }
    call->messages_end = call->text.n;
    llmi_text_put(&call->text, l->tail.p, l->tail.n);
    if (call->text.err != LLM_OK) return llmi_loop_fail(call, call->text.err);
    s = llmi_loop_commit(call);
    if (s != LLM_OK) return llmi_loop_fail(call, s);
    if (l->iterations >= l->max_iterations) {
        (void)llmi_fail(&call->error, LLM_ERR_MAX_ITERATIONS,
                        "the model still calls tools after %d requests (max_iterations)", l->iterations);
        return llmi_loop_fail(call, LLM_ERR_MAX_ITERATIONS);
    }
    l->iterations++;
    l->state = LLMI_LOOP_ASK;
    llmi_wire_free(&call->wire);
    llmi_reply_clear(&call->reply);
    llmi_call_rewind(call);
    return LLMI_STEP_AGAIN;
}

/* llm_next() of a call with tools. */
LLMI_FN llm_status llmi_loop_next(llm_call *call, llm_event *event, int timeout_ms) {
    struct llmi_loop *l = call->loop;
    uint64_t start = llmi_now(call->client);
    llm_status s;
    for (;;) {
        if (l->state == LLMI_LOOP_OVER) return call->state == LLMI_CALL_DONE ? LLM_DONE : call->error.status;
        if (l->state == LLMI_LOOP_RUN) {
            if (llmi_loop_step(call, event) == LLMI_STEP_EVENT) return LLM_OK;
            continue;
        }
        s = llmi_call_next(call, event,
                           timeout_ms < 0 ? -1 : (int)llmi_left(llmi_now(call->client), start, timeout_ms));
        if (s == LLM_OK || s == LLM_PENDING) return s;
        if (s == LLM_DONE) {
            s = llmi_loop_answered(call);
            if (s != LLM_OK) (void)llmi_loop_fail(call, s);
        } else {
            llmi_call_cost(call);
            llmi_loop_add_usage(l, &call->reply);
            l->state = LLMI_LOOP_OVER;
        }
    }
}

#else

LLMI_FN void llmi_loop_free(llm_call *call) {
    (void)call;
}

LLMI_FN llm_status llmi_loop_new(llm_client *c, const llm_request *r, int max_iterations, int stream, llm_call **out,
                                 llm_error *e) {
    (void)c;
    (void)r;
    (void)max_iterations;
    (void)stream;
    (void)out;
    return llmi_fail(e, LLM_ERR_USAGE, "this build has no tool loop (LLM_NO_TOOLS)");
}

LLMI_FN llm_status llmi_loop_next(llm_call *call, llm_event *event, int timeout_ms) {
    return llmi_call_next(call, event, timeout_ms);
}

#endif

/* The caller ends it early. */
LLMI_FN void llmi_loop_cancelled(llm_call *call) {
    if (call->loop == NULL) return;
#if LLMI_HAS_TOOLS
    if (call->loop->state == LLMI_LOOP_ASK) {
        llmi_call_cost(call);
        llmi_loop_add_usage(call->loop, &call->reply);
    }
#endif
    call->loop->state = LLMI_LOOP_OVER;
}

/* ============================================================================================================
   >>public                                                                 thin functions over the sections above
   ============================================================================================================ */

LLM_API llm_config llm_config_init(void) {
    llm_config c;
    memset(&c, 0, sizeof c);
    return c;
}

LLM_API llm_request llm_request_init(void) {
    llm_request r;
    memset(&r, 0, sizeof r);
    return r;
}

LLM_API llm_message llm_msg(llm_role role, const char *content) {
    llm_message m;
    memset(&m, 0, sizeof m);
    m.role = role;
    m.content = content;
    return m;
}

LLM_API llm_number llm_num(double value) {
    llm_number n;
    n.set = 1;
    n.value = value;
    return n;
}

LLM_API const char *llm_version(void) {
    return LLM_VERSION_STRING;
}

/* ---- client --------------------------------------------------------------------------------------------- */

LLMI_FN llm_status llmi_client_open(llm_client *c, llm_error *e) {
    const llm_config given = c->config;
    const char *base_url = llmi_setting(given.hook_ctx, given.base_url, "OPENAI_BASE_URL");
    const char *key = llmi_setting(given.hook_ctx, given.api_key, "OPENAI_API_KEY");
    llm_status s = llmi_config_refuse(&given, e);
    if (s != LLM_OK) return s;
    if (key == NULL) {
        return llmi_fail(e, LLM_ERR_USAGE,
                         "no API key: set config.api_key or OPENAI_API_KEY (\"\" for a server that needs none)");
    }
    if (base_url == NULL) base_url = "https://api.openai.com/v1";
    s = llmi_key_new(&c->key, &c->mem, key, e);
    if (s == LLM_OK) s = llmi_client_resolve(c, base_url, e);
    if (s == LLM_OK) s = llmi_url_parse(&c->url, c->config.base_url, e);
    if (s == LLM_OK) s = llmi_client_proxy(c, given.proxy, e);
    if (s == LLM_OK) s = llmi_client_check(c, e);
    if (s == LLM_OK && !LLM_NET_INIT(c->mem.ctx)) {
        s = llmi_fail(e, LLM_ERR_CONNECTION, "the network could not be started (LLM_NET_INIT)");
    }
#if LLMI_HAS_TLS
    if (s == LLM_OK) llmi_tls_shared_init(&c->tls, &c->mem, &c->config);
#endif
    return s;
}

LLM_API llm_status llm_client_new(llm_client **out, const llm_config *config, llm_error *error) {
    llm_config empty = llm_config_init();
    llm_error local;
    llmi_mem mem;
    llm_client *c;
    llm_status s;
    if (error == NULL) error = &local;
    llmi_error_init(error);
    if (out == NULL) return llmi_fail(error, LLM_ERR_USAGE, "llm_client_new: out is NULL");
    *out = NULL;
    if (config == NULL) config = &empty;
    llmi_mem_init(&mem, config->hook_ctx, config->memory, config->memory_size);
    c = (llm_client *)llmi_mem_zalloc(&mem, sizeof *c);
    if (c == NULL) return llmi_fail_memory(error);
    c->mem = mem;
    c->config = *config;
    llmi_error_init(&c->error);
    s = llmi_client_open(c, error);
    if (s != LLM_OK) {
        llm_client_free(c);
        return s;
    }
    *out = c;
    return LLM_OK;
}

LLM_API void llm_client_free(llm_client *client) {
    llmi_mem mem;
    llmi_conn *n;
    if (client == NULL) return;
    while ((n = client->idle) != NULL) {
        client->idle = n->next;
        llmi_conn_free(client, n);
    }
#if LLMI_HAS_TLS
    if (client->tls.mem != NULL) llmi_tls_shared_free(&client->tls);
#endif
    mem = client->mem;
    llmi_key_release(&mem, client->key);
#if LLMI_HAS_PROXY
    llmi_proxy_free(&client->proxy, &mem);
#endif
    llmi_mem_free(&mem, client->strings, client->strings_size);
    llmi_mem_free(&mem, client->items, client->item_cap * sizeof *client->items);
    llmi_mem_free(&mem, client, sizeof *client);
}

LLM_API llm_status llm_client_set_key(llm_client *client, const char *key) {
    llmi_key *k;
    llm_status s;
    if (client == NULL) return LLM_ERR_USAGE;
    if (key == NULL) return llmi_fail(&client->error, LLM_ERR_USAGE, "llm_client_set_key: key is NULL");
    s = llmi_key_new(&k, &client->mem, key, &client->error);
    if (s != LLM_OK) return s;
    s = llmi_client_key_safe(client, k->n, &client->error);
    if (s != LLM_OK) {
        llmi_key_release(&client->mem, k);
        return s;
    }
    llmi_key_release(&client->mem, client->key);
    client->key = k;
    return LLM_OK;
}

LLM_API const llm_error *llm_last_error(const llm_client *client) {
    static const llm_error none = {LLM_ERR_USAGE, 0, 0, "there is no client", "", "", "", "", -1, 0};
    return client == NULL ? &none : &client->error;
}

LLM_API size_t llm_memory_needed(const llm_config *config) {
    llm_config c = config == NULL ? llm_config_init() : *config;
    size_t n = sizeof(llm_client) + sizeof(llm_call) + sizeof(llmi_conn) + 24 * LLMI_UNIT;
#if LLMI_HAS_TLS
    const char *url = llmi_setting(c.hook_ctx, c.base_url, "OPENAI_BASE_URL");
    if (url == NULL || llmi_is_nocase(url, llmi_min(strlen(url), 5), "https")) {
        size_t in = c.tls_in_size != 0 ? c.tls_in_size : LLMI_TLS_IN_FULL;
        size_t out = c.tls_out_size != 0 ? c.tls_out_size : in < LLMI_TLS_IN_FULL ? LLMI_TLS_OUT_MIN : 4181;
        n += sizeof(llmi_tls) + sizeof(llmi_tls_x509) + in + out + 2048;      /* and the index of some 150 anchors */
    }
#endif
    n += 4096 + 1024;                 /* request: body and head           */
    n += 2 * 4096 + 2048;             /* answer: doubling keeps up to two */
    if (c.proxy != NULL) n += 3 * strlen(c.proxy);
    return n + c.pin_count * 32;
}

LLM_API size_t llm_memory_peak(const llm_client *client) {
    return client == NULL ? 0 : client->mem.peak;
}

/* ---- calls ---------------------------------------------------------------------------------------------- */

/* A call that could not be started: nothing of an older error may stand beside the new one. */
LLMI_FN llm_status llmi_not_started(llm_client *client, llm_status s) {
    llm_error *e = &client->error;
    e->http_status = e->attempts = 0;
    e->retry_after_ms = -1;
    e->request_id[0] = 0;
    return s;
}

LLM_API llm_status llm_start(llm_client *client, const llm_request *request, llm_call **out) {
    llm_status s;
    if (out != NULL) *out = NULL;
    if (client == NULL) return LLM_ERR_USAGE;
    if (request == NULL || out == NULL)
        return llmi_not_started(client, llmi_fail(&client->error, LLM_ERR_USAGE, "llm_start: request or out is NULL"));
    s = llmi_call_new(client, request, 1, 0, out, &client->error);
    return s == LLM_OK ? s : llmi_not_started(client, s);
}

LLM_API llm_status llm_start_with_tools(llm_client *client, const llm_request *request, int max_iterations,
                                        llm_call **out) {
    llm_status s;
    if (out != NULL) *out = NULL;
    if (client == NULL) return LLM_ERR_USAGE;
    if (request == NULL || out == NULL) {
        s = llmi_fail(&client->error, LLM_ERR_USAGE, "llm_start_with_tools: request or out is NULL");
    } else {
        s = llmi_loop_new(client, request, max_iterations, 1, out, &client->error);
    }
    return s == LLM_OK ? s : llmi_not_started(client, s);
}

LLM_API llm_status llm_next(llm_call *call, llm_event *event, int timeout_ms) {
    if (call == NULL) return LLM_ERR_USAGE;
    if (event == NULL) return llmi_fail(&call->client->error, LLM_ERR_USAGE, "llm_next: event is NULL");
    call->ready = 0;
    return call->loop != NULL ? llmi_loop_next(call, event, timeout_ms) : llmi_call_next(call, event, timeout_ms);
}

LLM_API llm_status llm_finish(llm_call *call, llm_response *out) {
    llm_status s;
    llm_client *c;
    if (call == NULL) {
        if (out != NULL) {
            memset(out, 0, sizeof *out);
            out->content = out->id = out->model = out->request_id = "";
            out->status = llmi_fail(&out->error, LLM_ERR_USAGE, "llm_finish: call is NULL");
        }
        return LLM_ERR_USAGE;
    }
    c = call->client;
    if ((call->state != LLMI_CALL_DONE && call->state != LLMI_CALL_FAILED) ||
        (call->loop != NULL && call->loop->state != LLMI_LOOP_OVER)) {
        (void)llmi_fail(&call->error, LLM_ERR_CANCELLED, "the call was finished before it was over");
        (void)llmi_call_fail_now(call);
        llmi_loop_cancelled(call);
    }
    s = call->error.status;
    if (out != NULL) {
        llmi_call_fill(call, out);
        s = out->status;
        if (call->loop != NULL) {
            out->usage = call->loop->usage;
            out->iterations = call->loop->iterations;
        }
    } else if (s != LLM_OK) {
        c->error = call->error;
    }
    llmi_loop_free(call);
    llmi_call_free(call);
    return s;
}

/* The blocking functions: one loop over llm_next(). */
LLMI_FN llm_status llmi_run(llm_call *call, llm_event_fn on_event, void *user, llm_response *out) {
    llm_event event;
    llm_status s;
    while ((s = llm_next(call, &event, -1)) == LLM_OK || s == LLM_PENDING) {
        if (s == LLM_OK && on_event != NULL && on_event(user, &event) != 0) {
            (void)llmi_fail(&call->error, LLM_ERR_CANCELLED, "cancelled by the event function");
            (void)llmi_call_fail_now(call);
            llmi_loop_cancelled(call);
            break;
        }
    }
    return llm_finish(call, out);
}

/* No error lies on the stack here: llmi_run() is below all that is deep. */
LLMI_FN llm_status llmi_chat(llm_client *client, const llm_request *request, int tools, int max_iterations, int stream,
                             llm_event_fn on_event, void *user, llm_response *out) {
    static const char null[] = "the client, the request or out is NULL";
    llm_call *call = NULL;
    llm_status s = LLM_ERR_USAGE;
    if (client != NULL) {
        if (request == NULL || out == NULL) s = llmi_fail(&client->error, s, null);
        else if (tools) s = llmi_loop_new(client, request, max_iterations, stream, &call, &client->error);
        else s = llmi_call_new(client, request, stream, 0, &call, &client->error);
        if (s == LLM_OK) return llmi_run(call, on_event, user, out);
        (void)llmi_not_started(client, s);
    }
    if (out == NULL) return s;
    memset(out, 0, sizeof *out);
    out->content = out->id = out->model = out->request_id = "";
    llmi_error_init(&out->error);
    if (client != NULL) out->error = client->error;
    else (void)llmi_fail(&out->error, s, null);
    out->status = s;
    return s;
}

LLM_API llm_status llm_chat(llm_client *client, const llm_request *request, llm_response *out) {
    return llmi_chat(client, request, 0, 0, 0, NULL, NULL, out);
}

LLM_API llm_status llm_chat_stream(llm_client *client, const llm_request *request, llm_event_fn on_event, void *user,
                                   llm_response *out) {
    return llmi_chat(client, request, 0, 0, 1, on_event, user, out);
}

LLM_API llm_status llm_chat_with_tools(llm_client *client, const llm_request *request, int max_iterations,
                                       llm_event_fn on_event, void *user, llm_response *out) {
    return llmi_chat(client, request, 1, max_iterations, on_event != NULL, on_event, user, out);
}

LLM_API void llm_response_free(llm_response *response) {
    llmi_reply *r;
    if (response == NULL) return;
    r = (llmi_reply *)response->internal;
    if (r != NULL) {
        llmi_mem *mem = r->mem;
        llmi_reply_clear(r);
        llmi_mem_free(mem, r, sizeof *r);
    }
    memset(response, 0, sizeof *response);
    response->content = response->id = response->model = response->request_id = "";
}

/* ---- event loops ---------------------------------------------------------------------------------------- */

/* The connection can be waited for: it is open, and nothing is left to do without it. */
LLMI_FN int llmi_call_waits(const llm_call *call) {
    return call->blocked && call->conn != NULL && (call->loop == NULL || call->loop->state == LLMI_LOOP_ASK);
}

LLM_API int llm_call_fd(const llm_call *call) {
    if (call == NULL || call->conn == NULL || !call->conn->opened) return -1;
    llmi_conn_renumber(call->client, call->conn);
    return call->conn->last_fd;
}

LLM_API unsigned llm_call_fd_serial(const llm_call *call) {
    if (call == NULL || call->conn == NULL || !call->conn->opened) return 0;
    llmi_conn_renumber(call->client, call->conn);
    return call->conn->serial;
}

LLM_API int llm_call_wants(const llm_call *call) {
    if (call == NULL || call->conn == NULL) return 0;
    switch (call->state) {
    case LLMI_CALL_OPEN: return LLM_NET_WANTS(call->client->mem.ctx, &call->conn->net);
    case LLMI_CALL_TUNNEL: return call->head_has_key ? LLM_WANT_WRITE : LLM_WANT_READ;     /* CONNECT unsent: write */
    case LLMI_CALL_SEND: return LLM_WANT_READ | LLM_WANT_WRITE;
#if LLMI_HAS_TLS
    case LLMI_CALL_HANDSHAKE:
    case LLMI_CALL_HEAD:
    case LLMI_CALL_BODY: {
        size_t n = 0;
        if (call->conn->tls != NULL && !call->conn->no_send) (void)llmi_tls_raw_out(call->conn->tls, &n);
        return n > 0 ? LLM_WANT_READ | LLM_WANT_WRITE : LLM_WANT_READ;
    }
#else
    case LLMI_CALL_HEAD:
    case LLMI_CALL_BODY: return LLM_WANT_READ;
#endif
    default: return 0;
    }
}

LLM_API int llm_call_timeout_ms(const llm_call *call) {
    int64_t left, timer;
    if (call == NULL) return -1;
    if (!call->blocked || (call->loop != NULL && call->loop->state != LLMI_LOOP_ASK)) return 0;
    if (call->cancel != NULL && *call->cancel != 0) return 0;
    left = llmi_call_left(call, llmi_now(call->client));
    if (call->state == LLMI_CALL_OPEN) {
        timer = LLM_NET_TIMER_MS(call->client->mem.ctx, &call->conn->net);
        if (timer >= 0 && (left < 0 || timer < left)) left = timer;
    }
    if (call->cancel != NULL && (left < 0 || left > 100)) left = 100;
    if (call->conn != NULL && llm_call_fd(call) < 0 && (left < 0 || left > 50))
        left = 50; /* nothing to poll: look again */
    return left > 0x7FFFFFFF ? 0x7FFFFFFF : (int)left;
}

LLM_API int llm_call_ready(const llm_call *call) {
    return call != NULL && call->ready;
}

/* Marks the calls that need no network, and returns how many there are. *left becomes the nearest timer. */
LLMI_FN size_t llmi_wait_look(llm_call *const *calls, size_t count, int64_t *left) {
    size_t i, ready = 0;
    for (i = 0; i < count; i++) {
        int t = llm_call_timeout_ms(calls[i]);
        calls[i]->ready = t == 0;
        ready += t == 0;
        if (t >= 0 && (*left < 0 || t < *left)) *left = t;
    }
    return ready;
}

/* One wait, until the nearest timer of a call or at most left ms (-1: no bound). > 0: some are ready. */
LLMI_FN int llmi_wait_once(llm_client *c, llm_call *const *calls, size_t count, int64_t left) {
    size_t i, n = 0;
    int r;
    if (llmi_wait_look(calls, count, &left) > 0) return 1;
    for (i = 0; i < count; i++) {
        if (!llmi_call_waits(calls[i])) continue;
        c->items[n].conn = &calls[i]->conn->net;
        c->items[n].wants = llm_call_wants(calls[i]);
        c->items[n++].ready = 0;
    }
#if LLMI_HAS_WAIT
    r = LLM_NET_WAIT(c->mem.ctx, c->items, n, (int)(left > 0x7FFFFFFF ? 0x7FFFFFFF : left));
#else           /* nothing tells us: look again soon */
    if (left != 0) LLM_SLEEP_MS(c->mem.ctx, left < 0 || left > 10 ? 10 : (int)left);
    for (i = 0; i < n; i++) c->items[i].ready = 1;
    r = n > 0;
#endif
    if (r < 0) return r;
    r = 0;
    for (i = 0, n = 0; i < count; i++) {
        calls[i]->ready = llm_call_timeout_ms(calls[i]) == 0;
        if (llmi_call_waits(calls[i])) calls[i]->ready |= c->items[n++].ready || llm_call_fd(calls[i]) < 0;
        r |= calls[i]->ready;
    }
    return r;
}

LLM_API llm_status llm_wait(llm_call *const *calls, size_t count, int timeout_ms) {
    llm_client *c;
    size_t i;
    uint64_t start;
    int64_t left;
    int r;
    if (calls == NULL || count == 0 || calls[0] == NULL) return LLM_ERR_USAGE;
    c = calls[0]->client;
    for (i = 0; i < count; i++) {
        if (calls[i] == NULL || calls[i]->client != c) {
            return llmi_fail(&c->error, LLM_ERR_USAGE, "llm_wait: calls[%zu] is NULL or of another client", i);
        }
    }
    if (c->item_cap < count) {
        llm_wait_item *items = (llm_wait_item *)llmi_mem_alloc(&c->mem, count * sizeof *items);
        if (items == NULL) return llmi_fail_memory(&c->error);
        llmi_mem_free(&c->mem, c->items, c->item_cap * sizeof *items);
        c->items = items;
        c->item_cap = count;
    }
    start = llmi_now(c);
    do {
        left = llmi_left(llmi_now(c), start, timeout_ms);
        r = llmi_wait_once(c, calls, count, left);
    } while (r == 0 && left != 0);
    if (r < 0) return llmi_fail(&c->error, LLM_ERR_CONNECTION, "llm_wait: the descriptors cannot be waited for");
    return r > 0 ? LLM_OK : LLM_PENDING;
}

/* ---- conversation --------------------------------------------------------------------------------------- */

LLM_API llm_status llm_conversation_new(llm_client *client, llm_conversation **out) {
    llm_conversation *c;
    if (out != NULL) *out = NULL;
    if (client == NULL) return LLM_ERR_USAGE;
    if (out == NULL) return llmi_fail(&client->error, LLM_ERR_USAGE, "llm_conversation_new: out is NULL");
    c = (llm_conversation *)llmi_mem_alloc(&client->mem, sizeof *c);
    if (c == NULL) return llmi_fail_memory(&client->error);
    llmi_conversation_init(c, &client->mem, &client->error);
    *out = c;
    return LLM_OK;
}

LLM_API void llm_conversation_free(llm_conversation *conversation) {
    if (conversation == NULL) return;
    llmi_conversation_clear(conversation);
    llmi_mem_free(conversation->mem, conversation, sizeof *conversation);
}

LLM_API llm_status llm_conversation_add(llm_conversation *conversation, llm_role role, const char *text) {
    llm_message m = llm_msg(role, text);
    if (conversation == NULL) return LLM_ERR_USAGE;
    if (text == NULL || (unsigned)role >= (unsigned)LLM_TOOL) {
        return llmi_fail(conversation->error, LLM_ERR_USAGE,
                         "llm_conversation_add: text is NULL, or the role needs another function");
    }
    return llmi_conversation_push(conversation, &m);
}

LLM_API llm_status llm_conversation_add_response(llm_conversation *conversation, const llm_response *response) {
    llm_message m = llm_msg(LLM_ASSISTANT, NULL);
    if (conversation == NULL) return LLM_ERR_USAGE;
    if (response == NULL || response->content == NULL) {
        return llmi_fail(conversation->error, LLM_ERR_USAGE, "llm_conversation_add_response: there is no response");
    }
    m.content = response->content;
    m.tool_calls = response->tool_calls;
    m.tool_call_count = response->tool_call_count;
    return llmi_conversation_push(conversation, &m);
}

LLM_API llm_status llm_conversation_add_tool_result(llm_conversation *conversation, const char *tool_call_id,
                                                    const char *text) {
    llm_message m = llm_msg(LLM_TOOL, text);
    if (conversation == NULL) return LLM_ERR_USAGE;
    if (tool_call_id == NULL || text == NULL) {
        return llmi_fail(conversation->error, LLM_ERR_USAGE,
                         "llm_conversation_add_tool_result: tool_call_id or text is NULL");
    }
    m.tool_call_id = tool_call_id;
    return llmi_conversation_push(conversation, &m);
}

LLM_API llm_cost_source llm_price_lookup(const llm_client *client, const char *model, llm_price *out) {
    llm_price none;
    llm_cost_source s = LLM_COST_UNKNOWN;
    if (out == NULL) out = &none;
    if (model != NULL && client != NULL) {
        s = llmi_price_find(client->config.prices, client->config.price_count, client->url.host, model, out);
    } else if (model != NULL) {
        s = llmi_price_find(NULL, 0, NULL, model, out);
    }
    if (s == LLM_COST_UNKNOWN) memset(out, 0, sizeof *out);
    return s;
}

#ifdef __cplusplus
}
#endif

/* ============================================================================================================
   >>end                                                                 private macros end here; history; licence
   ============================================================================================================ */

#ifndef LLMI_KEEP_MACROS     /* tests call private functions and need them */
/* BEGIN BEARSSL UNDEF */
/* END BEARSSL UNDEF */
#undef LLMI_HOSTED
#undef LLMI_POSIX
#undef LLMI_WINDOWS
#undef LLMI_HAS_STORE
#undef LLMI_LEAN
#undef LLMI_E
#undef LLMI_NET_ERROR
#undef LLMI_SOCKET
#undef LLMI_NET_CLOSE
#undef LLMI_IO_LEN
#undef LLMI_NET_TRY
#undef LLMI_POLLIN
#undef LLMI_POLLOUT
#undef LLMI_POLL
#undef LLMI_OWN_MEMORY
#undef LLMI_OWN_NET
#undef LLMI_OWN_CLOCK
#undef LLMI_NET_SECURE
#undef LLMI_HAS_TLS
#undef LLMI_HAS_SOCKETS
#undef LLMI_HAS_NET
#undef LLMI_HAS_PROXY
#undef LLMI_HAS_PRICING
#undef LLMI_HAS_TOOLS
#undef LLMI_HAS_FILES
#undef LLMI_HAS_MESSAGES
#undef LLMI_HAS_MEMO
#undef LLMI_HAS_ENV
#undef LLMI_HAS_LOG
#undef LLMI_FN
#undef LLMI_UNIT
#undef LLMI_JSON_KEY_MAX
#undef LLMI_JSON_BUF
#undef LLMI_JN_WHOLE
#undef LLMI_DOUBLE_DIGITS
#undef LLMI_DOUBLE_WORDS
#undef LLMI_HTTP_MAX_CHUNK_LINE
#undef LLMI_HTTP_FRAMING
#undef LLMI_HTTP_HAS_LENGTH
#undef LLMI_HTTP_BAD_LENGTH
#undef LLMI_HTTP_LENGTHS
#undef LLMI_HTTP_HAS_CODING
#undef LLMI_HTTP_BAD_CODING
#undef LLMI_HTTP_COMPRESSED
#undef LLMI_HTTP_CLOSE
#undef LLMI_HTTP_KEEP
#undef LLMI_HTTP_RETRY_MS
#undef LLMI_HAS_RESOLVER
#undef LLMI_HAS_EPOLL
#undef LLMI_NET_QUIET
#undef LLMI_NET_ADDRS
#undef LLMI_NET_STAGGER_MS
#undef LLMI_NET_SLICE
#undef LLMI_NET_BLIND_MS
#undef LLMI_DNS_DELAY_MS
#undef LLMI_DNS_SERVERS
#undef LLMI_DNS_SEARCH
#undef LLMI_DNS_TIMEOUT_MS
#undef LLMI_DNS_ATTEMPTS
#undef LLMI_DNS_NAME
#undef LLMI_DNS_QUERY
#undef LLMI_DNS_PACKET
#undef LLMI_DNS_FLOOD
#undef LLMI_DNS_ALIASES
#undef LLMI_NET_FILE_MAX
#undef LLMI_DNS_A
#undef LLMI_DNS_CNAME
#undef LLMI_DNS_SOA
#undef LLMI_DNS_AAAA
#undef LLMI_DNS_TYPE
#undef LLMI_NET_SOCKETS
#undef LLMI_NET_MOST
#undef LLMI_HAS_FD
#undef LLMI_HAS_WAIT
#undef LLMI_TLS_IN_MIN
#undef LLMI_TLS_OUT_MIN
#undef LLMI_TLS_IN_FULL
#undef LLMI_TLS_SESSION_S
#undef LLMI_CERT_DEPTH
#undef LLMI_TLS_ANCHORS
#undef LLMI_TLS_CHAIN
#undef LLMI_TLS_STORE
#undef LLMI_TLS_SHAKE
#undef LLMI_TLS_EC
#undef LLMI_TLS_ECDSA
#undef LLMI_PRICE_DATE
#undef LLMI_PRICE_OPENAI_ROWS
#undef LLMI_SCRUB_FREE
#undef LLMI_WIRE_DEPTH
#undef LLMI_SECRET_MIN
#undef LLMI_LAST_BYTES_MS
#undef LLMI_BURST
#undef llmi_fail
#undef llmi_json_fail
#undef llmi_http_break
#undef llmi_http_bad
#endif /* LLMI_KEEP_MACROS */

#endif /* LLM_OPENAI_C */
#endif /* LLM_OPENAI_IMPLEMENTATION */

/* VERSIONS
   Semantic versioning. Public names and their meaning change only with MAJOR (before 1.0: MINOR); names that start with
   llmi_ or LLMI_ are private and may change with any version. Struct fields may be added: zero what you do not use, and
   compile all files of a program against the same version.

   0.1.0  2026-11-22  first version

   LICENCE

   MIT License

   Copyright (c) 2026 llm_openai.h authors

   Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
   documentation files (the "Software"), to deal in the Software without restriction, including without limitation
   the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
   permit persons to whom the Software is furnished to do so, subject to the following conditions:

   The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
   Software.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
   WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
   COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
   OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE. */

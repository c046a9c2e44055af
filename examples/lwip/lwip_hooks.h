/* lwip_hooks.h - the net hooks of llm_openai.h over lwIP's raw API (NO_SYS = 1: no operating system, no sockets). To
   use them, copy lwip_hooks.c and this file, include this one before llm_openai.h where LLM_OPENAI_IMPLEMENTATION is
   defined, and write, for your board,

       int   lwip_port_start(void);     1 = lwip_init() was called, and there is an interface that is up and has an
                                        address, and a name server (dns_setserver()). Every llm_client_new() calls it
       void  lwip_port_poll(void);      gives frames that have come to the interface, calls sys_check_timeouts()
       void  lwip_port_idle(void);      waits for the next interrupt, at most some milliseconds
       u32_t sys_now(void);             lwIP's own clock, in milliseconds

   The hooks pump the stack by lwip_port_poll() as long as they wait, and so does lwip_hook_sleep(). All calls come from
   the one thread that runs the library; no callback of lwIP may come from an interrupt, which is lwIP's rule too.

   lwipopts.h needs LWIP_DNS, LWIP_TCP, LWIP_UDP. What it sizes: TCP_WND is what a server may send unread, and every
   connection holds that much memory for it. PBUF_POOL_SIZE is for frames on their way in: those that the driver holds
   and those that came out of order (TCP_OOSEQ_MAX_PBUFS); however much is unread, the hooks keep none. TCP_SND_BUF and
   MEM_SIZE hold what was sent until it is acknowledged. */
#ifndef LWIP_HOOKS_H
#define LWIP_HOOKS_H
#include <stddef.h>
#include <stdint.h>
#include "lwip/tcp.h"
#include "lwip/ip_addr.h"

int  lwip_port_start(void);
void lwip_port_poll(void);
void lwip_port_idle(void);

typedef enum lwip_hook_state {
    LWIP_HOOK_NEW = 0,       /* zeroed: nothing has begun              */
    LWIP_HOOK_RESOLVE,       /* dns_gethostbyname() will call back     */
    LWIP_HOOK_RESOLVED,
    LWIP_HOOK_CONNECT,       /* tcp_connect() will call back           */
    LWIP_HOOK_OPEN,
    LWIP_HOOK_CLOSED,        /* the peer sends no more; rx may be left */
    LWIP_HOOK_NO_HOST,
    LWIP_HOOK_REFUSED,
    LWIP_HOOK_BROKEN         /* lwIP has freed pcb, or never had one   */
} lwip_hook_state;

typedef struct lwip_hook_conn {
    lwip_hook_state state;
    struct tcp_pcb *pcb;     /* ours until tcp_close(), tcp_abort() or the error callback          */
    ip_addr_t       address;
    void           *lookup;  /* who gets the answer of the name server; outlives us if it is late  */
    size_t          rx_at, rx_len;
    unsigned char   rx[TCP_WND];     /* a ring: received, not yet read                             */
} lwip_hook_conn;

/* with the results of the net hooks; host is read only in the first call */
int  lwip_hook_open(lwip_hook_conn *c, const char *host, int port, int timeout_ms);
long lwip_hook_send(lwip_hook_conn *c, const void *data, size_t len, int timeout_ms);
long lwip_hook_recv(lwip_hook_conn *c, void *data, size_t len, int timeout_ms);
void lwip_hook_close(lwip_hook_conn *c);
void lwip_hook_sleep(int ms);

#define LLM_NET_INIT(ctx)                               ((void)(ctx), lwip_port_start())
#define LLM_NET_CONN                                    lwip_hook_conn
#define LLM_NET_OPEN(ctx, conn, host, port, timeout_ms) \
    ((void)(ctx), lwip_hook_open((conn), (host), (port), (timeout_ms)))
#define LLM_NET_SEND(ctx, conn, buf, n, timeout_ms)     ((void)(ctx), lwip_hook_send((conn), (buf), (n), (timeout_ms)))
#define LLM_NET_RECV(ctx, conn, buf, n, timeout_ms)     ((void)(ctx), lwip_hook_recv((conn), (buf), (n), (timeout_ms)))
#define LLM_NET_CLOSE(ctx, conn)                        ((void)(ctx), lwip_hook_close(conn))
#define LLM_SLEEP_MS(ctx, ms)                           ((void)(ctx), lwip_hook_sleep(ms))
#endif

/* lwipopts.h - what lwIP needs for one or two HTTPS connections and the names of their servers. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H
#define NO_SYS                    1
#define SYS_LIGHTWEIGHT_PROT      0
#define LWIP_SOCKET               0
#define LWIP_NETCONN              0
#define LWIP_IPV4                 1
#define LWIP_IPV6                 0
#define LWIP_TCP                  1
#define LWIP_UDP                  1
#define LWIP_RAW                  0
#define LWIP_DNS                  1
#define LWIP_DHCP                 0          /* the address of examples/lwip is fixed */
#define IP_REASSEMBLY             0          /* TCP sends no packet that would be taken apart */
#define IP_FRAG                   0
#define LWIP_STATS                0
#define LWIP_CHECKSUM_ON_COPY     1

#define MEM_ALIGNMENT             4
#define MEM_SIZE                  (5 * 1024) /* what was sent and is not acknowledged: TCP_SND_BUF and heads */
#define PBUF_POOL_SIZE            3          /* frames that come in, for TCP_WND; the hooks give each back at once */
#define TCP_OOSEQ_MAX_PBUFS       2          /* of one connection, behind one that was lost              */
#define MEMP_NUM_TCP_PCB          4
#define MEMP_NUM_TCP_PCB_LISTEN   1
#define MEMP_NUM_UDP_PCB          4          /* a question to a name server takes one, from a random port */
#define TCP_MSS                   1460
#define TCP_WND                   (3 * TCP_MSS)      /* each connection of the hooks has a ring of this size */
#define TCP_SND_BUF               (2 * TCP_MSS)
#define TCP_SND_QUEUELEN          8
#define MEMP_NUM_TCP_SEG          16
#define DNS_TABLE_SIZE            2
#endif

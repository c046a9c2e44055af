/* lwipopts.h - to compile the component against lwIP's own headers, with BSD sockets as ESP-IDF's lwipopts.h has them:
   no names of lwIP's for close(), fcntl() and select(), which are the C library's there; lwip/ gives the others. */
#include <sys/time.h>
#define NO_SYS                    0
#define LWIP_SOCKET               1
#define LWIP_NETCONN              1
#define LWIP_DNS                  1
#define LWIP_COMPAT_SOCKETS       0
#define LWIP_POSIX_SOCKETS_IO_NAMES 0
#define LWIP_TIMEVAL_PRIVATE      0

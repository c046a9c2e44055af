/* lwip/sockets.h - the names of sockets as functions, in front of lwIP's own header, as ESP-IDF puts them there. */
#ifndef ESP_SOCKETS_H
#define ESP_SOCKETS_H
#include_next "lwip/sockets.h"
static inline int socket(int domain, int type, int protocol) { return lwip_socket(domain, type, protocol); }
static inline int connect(int s, const struct sockaddr *a, socklen_t n) { return lwip_connect(s, a, n); }
static inline ssize_t send(int s, const void *p, size_t n, int flags) { return lwip_send(s, p, n, flags); }
static inline ssize_t recv(int s, void *p, size_t n, int flags) { return lwip_recv(s, p, n, flags); }
static inline int getsockopt(int s, int level, int name, void *p, socklen_t *n) {
    return lwip_getsockopt(s, level, name, p, n);
}
#endif

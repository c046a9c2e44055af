/* lwip/netdb.h - see sockets.h. */
#ifndef ESP_NETDB_H
#define ESP_NETDB_H
#include_next "lwip/netdb.h"
static inline void freeaddrinfo(struct addrinfo *list) { lwip_freeaddrinfo(list); }
static inline int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list) {
    return lwip_getaddrinfo(name, service, hints, list);
}
#endif

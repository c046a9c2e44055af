/* a stand-in: the names of the PC, or what the suite says they are (host.c) */
#include <netdb.h>
int host_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list);
#define getaddrinfo host_getaddrinfo

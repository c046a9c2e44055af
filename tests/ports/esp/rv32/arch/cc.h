#include <sys/time.h>
#define LWIP_RAND() 4u

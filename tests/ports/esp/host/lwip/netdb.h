/* a stand-in: the names of the PC */
#include <netdb.h>

/* board.h - what the example wants of its user; here a PC: host.cpp */
#include <Client.h>
extern Client &network;
extern const char *ROOTS, *KEY, *URL;
void boardBegin();
bool boardRandom(void *data, size_t len);
long long boardTime();

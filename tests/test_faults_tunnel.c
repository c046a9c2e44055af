/* test_faults_tunnel.c - test_faults.c over HTTPS through a proxy: CONNECT, then handshakes and resumed sessions. */
/* needs: bearssl */
#define F_TUNNEL 1
#include "test_faults.c"

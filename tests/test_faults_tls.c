/* test_faults_tls.c - test_faults.c over HTTPS: handshakes, resumed sessions, trust from text, file and environment. */
/* needs: bearssl */
#include "test_faults.c"

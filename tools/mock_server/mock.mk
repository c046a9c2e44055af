# The mock server: build/mock_server. Included by tools/Makefile, so paths are from there.
MOCK_BUILD := ../build
MOCK_SOURCES := $(addprefix mock_server/,main.c conn.c control.c script.c brain.c tls.c json.c util.c)
MOCK_WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual \
                 -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wimplicit-fallthrough

.PHONY: mock
mock: libbearssl
	@$(MAKE) --no-print-directory $(MOCK_BUILD)/mock_server

# -isystem: BearSSL's headers are not ours to warn about.
$(MOCK_BUILD)/mock_server: $(MOCK_SOURCES) mock_server/server.h mock_server/mock.mk $(MOCK_BUILD)/libbearssl.a
	$(CC) -std=c99 $(MOCK_WARNINGS) $(CFLAGS) $(MOCK_CFLAGS) -DMOCK_PKI='"$(abspath ../tests/data/pki)"' \
	    -isystem $(MOCK_BUILD)/bearssl/inc -o $@.tmp $(MOCK_SOURCES) $(MOCK_BUILD)/libbearssl.a
	@mv $@.tmp $@

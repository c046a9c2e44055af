# The chaos proxy: build/chaos_proxy. Included by tools/Makefile, so paths are from there.
CHAOS_WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual \
                  -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wimplicit-fallthrough

.PHONY: chaos
chaos: ../build/chaos_proxy

../build/chaos_proxy: chaos_proxy/chaos_proxy.c chaos_proxy/chaos.mk
	@mkdir -p ../build
	$(CC) -std=c99 $(CHAOS_WARNINGS) $(CFLAGS) -o $@.tmp $<
	@mv $@.tmp $@

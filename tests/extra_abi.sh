#!/bin/sh
# extra_abi.sh: every unit suite, those with TLS too, on all five processors of more_abi.sh. About a quarter of an hour on
# two idle cores.
cd "$(dirname "$0")" || exit 1
ABIS=${ABIS:-s390x mips armhf aarch64 i686} SUITES=all exec sh more_abi.sh

#!/bin/sh
# Compiles argon2 for processors with AVX2 in place of the ready-made one, which any processor runs and which takes
# twice as long: `deploy/images/argon2.sh PIP…`, with the words that call pip. MARCH=x86-64 leaves what there is.
# The library says which processors it is for: on an older one the loader refuses it with a sentence, and auth does not start.
set -e
MARCH=${MARCH-x86-64-v3}
[ "$(uname -m)" = x86_64 ] && [ "$MARCH" != x86-64 ] || exit 0
bindings=$("$@" freeze | grep '^argon2-cffi-bindings==')
export CFLAGS="-O3 -march=$MARCH" LDFLAGS="-Wl,-z,$MARCH"
"$@" install --quiet --disable-pip-version-check --no-deps --force-reinstall --no-binary argon2-cffi-bindings "$bindings"

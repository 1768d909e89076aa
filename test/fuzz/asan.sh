#!/bin/sh
# Every decoder on an engine that is compiled with AddressSanitizer (gcc's, with Debian's libasan8), beside Node:
# `npm run fuzz:asan -- --seconds 600`. Shows first that an overflow within the engine is seen. What AddressSanitizer
# reports ends the engine, and that is a difference.
set -eu
cd "$(dirname "$0")/../.."

triple=$(uname -m)-unknown-linux-gnu
variable=$(echo "$triple" | tr - _)
# The engine's own pools are off in such a build, so that each block is watched; it forgets its heap in the end, which
# is no leak.
export "CFLAGS_$variable=-fsanitize=address -fno-omit-frame-pointer -g -O1" ASAN_OPTIONS=detect_leaks=0:abort_on_error=0
CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_STRIP=none \
  RUSTFLAGS="-C linker=$PWD/test/fuzz/asanLinker.sh" cargo build --quiet --locked --release --manifest-path runtime/Cargo.toml \
  --target-dir runtime/target/asan --target "$triple" --features address-sanitizer --bin evaluate
evaluate=runtime/target/asan/$triple/release/evaluate

status=0
said=$("$evaluate" planted-overflow 2>&1) || status=$?
case $said in
  *"AddressSanitizer: heap-buffer-overflow"*JS_NewStringLen*) ;;
  *) status=0 ;;
esac
if [ "$status" = 0 ]; then
  echo "asan.sh: the planted overflow was not found: $said" >&2
  exit 2
fi
echo "AddressSanitizer sees an overflow in the engine"
exec node test/differential/main.ts --evaluate "$evaluate" "$@"

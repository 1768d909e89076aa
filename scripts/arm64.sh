#!/bin/sh
# The runtime and the agent for arm64, run by qemu-user: the runtime's tests, the unit tests on it, and the version of
# the executable. Needs what the cross-build needs (scripts/build.ts says what is missing) and Debian's qemu-user.
set -eu
cd "$(dirname "$0")/.."
triple=aarch64-unknown-linux-musl
emulator=$(command -v qemu-aarch64)
flags=-specs=/usr/lib/aarch64-linux-musl/musl-gcc.specs

node scripts/build.ts --target "$triple"
"$emulator" "dist/$triple/azure-init" --version --verbose | tee /dev/stderr | grep -q "$triple"

export CC_aarch64_unknown_linux_musl=aarch64-linux-gnu-gcc CFLAGS_aarch64_unknown_linux_musl="$flags" \
  CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=aarch64-linux-gnu-gcc \
  CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER="$emulator"
cargo build --quiet --locked --release --manifest-path runtime/Cargo.toml --target "$triple" --bin evaluate
evaluate=$PWD/runtime/target/$triple/release/evaluate
launcher=$(mktemp)
trap 'rm -f "$launcher"' EXIT
printf '#!/bin/sh\nexec %s %s "$@"\n' "$emulator" "$evaluate" >"$launcher"
chmod 755 "$launcher"
node test/native/main.ts --evaluate "$launcher"
cargo test --locked --no-fail-fast --manifest-path runtime/Cargo.toml --target "$triple"

#!/bin/sh
# cc for asan.sh: AddressSanitizer's library has to be the first one, and Rust's own link arguments come last.
exec cc -Wl,--no-as-needed -lasan "$@"

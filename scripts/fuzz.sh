#!/bin/sh
# Runs every fuzz target from its seeds for some seconds, two at a time. What crashes one is left in the build folder as
# crash-…, its output is shown, and the script fails.
#
#   scripts/fuzz.sh [SECONDS] [BUILD]      60 seconds each, in build/asan
set -eu
cd "$(dirname "$0")/.."
seconds="${1:-60}"
build="${2:-build/asan}"
[ -d "$build/tests/fuzz" ] || { echo "fuzz: $build holds no fuzz targets: cmake --preset asan && cmake --build --preset asan" >&2; exit 1; }
work="$build/asan-runs"
mkdir -p "$work"

one() {
  name="$1"
  [ -x "$build/tests/fuzz/${name}_fuzz" ] || { echo "fuzz: $name is SKIPPED: this build has no such target"; return 0; }
  mkdir -p "$work/$name"  # what it finds; the seeds stay as they are
  # Time and memory limits are part of the test: bytes from outside must not hold the program up or fill the machine.
  if "$build/tests/fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=20000 -print_final_stats=1 \
      -artifact_prefix="$work/$name-" "$work/$name" "tests/fuzz/corpus/$name" > "$work/$name.log" 2>&1; then
    echo "fuzz: $name passed ($(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log") inputs in $seconds s)"
  else
    echo "fuzz: $name FAILED:"
    tail -n 40 "$work/$name.log"
    return 1
  fi
}

failed=0
set -- tests/fuzz/*_fuzz.cc
while [ $# -gt 0 ]; do
  first="$(basename "$1" _fuzz.cc)"; shift
  one "$first" > "$work/$first.result" 2>&1 & first_pid=$!
  second=""
  if [ $# -gt 0 ]; then
    second="$(basename "$1" _fuzz.cc)"; shift
    one "$second" > "$work/$second.result" 2>&1 & second_pid=$!
  fi
  wait "$first_pid" || failed=$((failed + 1))
  cat "$work/$first.result"
  if [ -n "$second" ]; then
    wait "$second_pid" || failed=$((failed + 1))
    cat "$work/$second.result"
  fi
done
[ "$failed" = 0 ]

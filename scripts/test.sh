#!/bin/sh
# Runs the tests of a finished build, and says at the end how many single tests passed, failed and were skipped, and why:
# ctest counts programs, and hides what a program skips. What failed is shown once more, last, without all that passed.
#
#   scripts/test.sh BUILD [JOBS] [CTEST ARGUMENTS…]
#
# Writes the counts ("passed failed skipped") to BUILD/test-counts, and what failed to BUILD/test-failures.
set -eu
build="${1:?usage: test.sh BUILD [JOBS]}"
jobs="${2:-1}"
[ $# -ge 2 ] && shift 2 || shift
status=0
ctest --test-dir "$build" -j "$jobs" "$@" || status=$?

: > "$build/test-failures"
awk '
  # One block a ctest test: a GoogleTest program tells its own counts, anything else counts as one.
  function close_test() {
    if (name == "") return
    if (!counted) { if (ok) passed++; else failed++ }
    else if (!ok && !told_failed) failed++  # it ended badly after or outside its tests
    # Where it ended within a test, or outside of all: from there on.
    if (!ok && !told_failed) { printf "--- %s ended so:\n", name > failures; tell() }
  }
  function keep(line) { if (length(line) > 500) line = substr(line, 1, 500) "…"; lines[kept++] = line }
  function tell(  i) {
    for (i = 0; i < kept; i++) if (i < 40 || i >= kept - 30) print lines[i] > failures; else if (i == 40) print "[…]" > failures
    kept = 0
  }
  /^[0-9]+\/[0-9]+ Testing: / { close_test(); name = $3; ok = 0; counted = 0; told_failed = 0; kept = 0 }
  /^\[ RUN      \] / { kept = 0 }
  { keep($0) }
  /^\[  FAILED  \] [^0-9].*\([0-9]+ ms\)$/ { printf "--- of %s:\n", name > failures; tell() }
  /^\[  PASSED  \] [0-9]+ tests?\./ { passed += $4; counted = 1 }
  /^\[  FAILED  \] [0-9]+ tests?, listed below/ { failed += $4; told_failed = 1 }
  /^\[  SKIPPED \] [0-9]+ tests?, listed below/ { skipped += $4 }
  /: Skipped$/ { getline; if ($0 != "") reasons[$0]++ }
  /^Test Passed\.|^Test Pass Reason:/ { ok = 1 }  # the latter where a pattern in the output decides
  END {
    close_test()
    close(failures)
    while ((getline line < failures) > 0) print line
    for (reason in reasons) printf "  skipped %d: %s\n", reasons[reason], reason
    printf "%s: %d tests passed, %d failed, %d skipped\n", build, passed, failed, skipped
    print passed + 0, failed + 0, skipped + 0 > counts
  }' build="$build" counts="$build/test-counts" failures="$build/test-failures" "$build/Testing/Temporary/LastTest.log"
exit "$status"

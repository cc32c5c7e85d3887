#!/bin/sh
# Formats every C++ source with .clang-format; with --check only says which differ, and fails if any does.
# The result depends on clang-format's version: 14, Debian 12's, is the one that counts.
set -eu
cd "$(dirname "$0")/.."
tool=clang-format-14
command -v "$tool" >/dev/null 2>&1 || tool=clang-format
command -v "$tool" >/dev/null 2>&1 || { echo "format: clang-format 14 is missing: sh scripts/setup.sh --ci" >&2; exit 1; }

files() { find include src apps python tests bench examples -name '*.cc' -o -name '*.cu' -o -name '*.h' | sort; }
case "${1:-}" in
  "") files | xargs "$tool" -i ;;
  --check) files | xargs "$tool" --dry-run -Werror ;;
  *) echo "format: unknown argument '$1'; usage: sh scripts/format.sh [--check]" >&2; exit 2 ;;
esac

#!/bin/sh
# Writes DIR/train.txt and DIR/test.txt from English that a fresh machine has: the licences that every Debian system
# carries. One paragraph a line. The Mozilla Public License 2.0 is kept out of train.txt: it is what a run is judged by.
# Where there are no such licences, Tekio's own LICENSE and documentation are taken instead (then README.md is kept out).
set -eu
out="${1:?usage: starter_text.sh DIR}"
root="$(cd "$(dirname "$0")/.." && pwd)"
licences=/usr/share/common-licenses
mkdir -p "$out"

paragraphs() { awk 'BEGIN { RS = "" } { gsub(/[[:space:]]+/, " "); sub(/^ /, ""); if (length($0) > 20) print }' "$@"; }

if [ -f "$licences/MPL-2.0" ] && [ -f "$licences/GPL-3" ]; then
  set --
  for file in "$licences"/*; do
    [ -L "$file" ] || [ "$file" = "$licences/MPL-2.0" ] || set -- "$@" "$file"
  done
  held="$licences/MPL-2.0"
else
  echo "starter text: no licences in $licences: using Tekio's own LICENSE and documentation"
  set -- "$root"/LICENSE "$root"/docs/*.md "$root"/CONTRIBUTING.md
  held="$root/README.md"
fi
# train.txt is written last and by renaming: where it exists, both are whole.
paragraphs "$held" > "$out/test.txt"
paragraphs "$@" > "$out/train.txt.part"
mv "$out/train.txt.part" "$out/train.txt"

#!/bin/sh
# Makes every file again that a script of this folder made: golden files, seeds of the fuzz targets, tiny model, example reviews,
# Unicode tables. About three minutes.
#
#   sh scripts/golden/make_all.sh PYTHON              in their places
#   sh scripts/golden/make_all.sh PYTHON --check      aside, and says which differ from those in their places; fails if any does
#
# PYTHON is one that has requirements.txt installed. Where TEKIO_DATA is not set, what needs the film reviews and the original
# tokenizer (random streams, masks, batches) is left out, and said to be. The Unicode tables need the network: pip
# downloads their source.
set -eu
usage="usage: sh scripts/golden/make_all.sh PYTHON [--check]"
python=$(command -v "${1:?$usage}") || { echo "make_all: $1 is no program; $usage" >&2; exit 2; }
case "$python" in /*) ;; *) python="$PWD/$python" ;; esac
case "${2:-}" in
  "" | --check) ;;
  *) echo "make_all: unknown argument '$2'; $usage" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/../.."
export PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore
out=.
if [ "${2:-}" = --check ]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
  mkdir -p "$out/src/text" "$out/tests/golden/compute" "$out/tests/golden/data" "$out/tests/golden/text" "$out/tests/golden/train"
  cp tests/golden/text/word_piece.json "$out/tests/golden/text/"  # kept where nothing but the reference's draws differs
  cp tests/golden/data/whole_words.json "$out/tests/golden/data/"  # what transformers 4 made of it is kept
fi

# make SCRIPT ARGUMENTS…
make() {
  script=$1
  shift
  echo "make_all: $script"
  "$python" "scripts/golden/$script" "$@"
}
make make_tokenizer_golden.py "$out/tests/golden/text"
make make_byte_level_golden.py "$out/tests/golden/text"
make make_japanese_golden.py "$out/tests/golden/text"
make make_unigram_golden.py "$out/tests/golden/text"
make make_word_piece_golden.py "$out/tests/golden/text/word_piece.json"
make make_data_golden.py "$out/tests/golden/data/readers.json"
make make_whole_word_golden.py "$out/tests/golden/data/whole_words.json"
make make_span_golden.py "$out/tests/golden/data/spans.json"
make make_parquet_golden.py "$out/tests/golden/parquet"
make make_compute_golden.py "$out/tests/golden/compute/adamw.json"
make make_rotary_golden.py "$out/tests/golden/compute/rotary.json"
make make_fill_golden.py "$out/tests/golden/model/fill-mask"
make make_model_golden.py "$out/tests/golden"
make make_schedule_golden.py "$out/tests/golden/train/schedules.json"
make make_callback_golden.py "$out/tests/golden/train/callbacks.json"
if [ -n "${TEKIO_DATA:-}" ]; then
  make make_training_golden.py "$out/tests/golden"
else
  echo "make_all: TEKIO_DATA is not set: make_training_golden.py is left out"
fi
make make_fuzz_seeds.py "$out/tests/fuzz/corpus"
make make_reviews.py "$out/examples/reviews"
make make_tiny_model.py "$out/examples/tiny-model"
make make_unicode_tables.py --out "$out/src/text"
make make_python_unicode_tables.py --out "$out/src/text"

[ "$out" != . ] || exit 0
made=0 differ=0
for file in $(cd "$out" && find . -type f | sed 's|^\./||' | sort); do
  made=$((made + 1))
  cmp "$out/$file" "$file" || differ=$((differ + 1))
done
echo "make_all: $made files made, $differ differ"
[ "$differ" = 0 ]

// A tool for comparisons with the reference (scripts/compare/compare_word_piece.py): trains on the text of stdin and
// writes the vocabulary as JSON to stdout. OPTIONS.json has members of WordPieceOptions by their names, and may have
// "entries", what a run of the reference gave: then what that run drew is drawn again.
//
//   tekio_train_vocabulary OPTIONS.json < text > entries.json
#include <tekio/error.h>

#include <cstdio>

#include "base/json.h"
#include "word_piece_training.h"

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("usage: tekio_train_vocabulary OPTIONS.json < text > entries.json\n", stderr);
    return 2;
  }
  std::string text;
  char buffer[1 << 16];
  for (size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, stdin)) > 0;) text.append(buffer, got);
  try {
    const tekio::Json json = tekio::read_json(arguments[1]);
    const tekio::WordPieceOptions options = tekio::test::training_options(json);
    const auto drawn = tekio::test::drawn_letters(json.value("entries", std::vector<std::string>()), options);
    std::puts(tekio::Json(tekio::test::train_on(text, options, drawn, 2)).dump().c_str());
  } catch (const tekio::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}

// A tool for comparisons with the reference (scripts/compare/compare_tokenizer.py): reads texts from stdin, each a
// 32-bit length and its bytes, and writes what encode() gives to stdout, each text as n, then n ids, n word ids, 2n
// offsets (all 32 bits). Beside it runs TextEncoder on the same texts and stops with exit code 3 if its ids or word
// starts differ.
//
//   tekio_dump_encodings FOLDER < texts > encodings
//   tekio_dump_encodings FOLDER --time < texts          times TextEncoder: MB/s, tokens
#include <tekio/error.h>
#include <tekio/tokenizer.h>
#include <cstdio>
#include <cstring>

#include "base/stopwatch.h"
#include "text/text_encoder.h"

namespace {

bool read(void* to, size_t size) { return std::fread(to, 1, size, stdin) == size; }

bool next_text(std::string& text) {
  uint32_t length = 0;
  if (!read(&length, sizeof length)) return false;
  text.resize(length);
  return read(text.data(), length);
}

template <typename T>
void write(const std::vector<T>& values) {
  std::fwrite(values.data(), sizeof(T), values.size(), stdout);
}

int time_encoder(const tekio::Tokenizer& tokenizer) {
  std::vector<std::string> texts;
  size_t bytes = 0;
  for (std::string text; next_text(text); bytes += text.size()) texts.push_back(text);
  tekio::TextEncoder encoder(tokenizer);
  for (int round = 0; round < 5; ++round) {
    std::vector<int32_t> ids;
    std::vector<uint8_t> starts;
    size_t tokens = 0;
    const tekio::Stopwatch watch;
    for (const std::string& text : texts) {
      ids.clear();
      starts.clear();
      encoder.append(text, ids, starts);
      tokens += ids.size();
    }
    const double seconds = watch.seconds();
    std::printf("%zu texts, %zu bytes, %zu tokens: %.3f s, %.1f MB/s, %.1f M tokens/s\n", texts.size(), bytes, tokens,
                seconds, static_cast<double>(bytes) / seconds / 1e6, static_cast<double>(tokens) / seconds / 1e6);
  }
  return 0;
}

int dump(const tekio::Tokenizer& tokenizer) {
  tekio::TextEncoder encoder(tokenizer);
  std::vector<int32_t> ids;
  std::vector<uint8_t> starts;
  size_t number = 0;
  for (std::string text; next_text(text); ++number) {
    const tekio::Encoding e = tokenizer.encode(text);
    ids.clear();
    starts.clear();
    encoder.append(text, ids, starts);
    bool equal = ids == e.ids && starts.size() == ids.size();
    for (size_t i = 0; equal && i < ids.size(); ++i)
      equal = starts[i] == (e.word_ids[i] >= 0 && (i == 0 || e.word_ids[i] != e.word_ids[i - 1]) ? 1 : 0);
    if (!equal) {
      std::fprintf(stderr, "TextEncoder differs from encode() on text %zu\n", number);
      return 3;
    }
    write(std::vector{static_cast<uint32_t>(e.ids.size())});
    write(e.ids);
    write(e.word_ids);
    write(e.offsets);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  static_assert(sizeof(std::pair<int32_t, int32_t>) == 8);
  if (argc < 2 || argc > 3 || (argc == 3 && std::strcmp(argv[2], "--time") != 0)) {
    std::fprintf(stderr, "usage: %s FOLDER [--time] < texts\n", argv[0]);
    return 2;
  }
  try {
    const tekio::Tokenizer tokenizer = tekio::Tokenizer::from_pretrained(argv[1]);
    return argc == 3 ? time_encoder(tokenizer) : dump(tokenizer);
  } catch (const tekio::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

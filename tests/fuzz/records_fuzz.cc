// Data files: the input's first byte picks the kind of file, the rest is its content. Every row is read.
#include <tekio/dataset.h>

#include <iterator>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  static const fuzz::Folder folder;
  static const char* const kNames[] = {"a.txt", "a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt.gz", "a.jsonl.zst"};
  if (size == 0) return 0;
  const auto path = folder.write(kNames[data[0] % std::size(kNames)], fuzz::as_text(data + 1, size - 1));
  const int done = fuzz::refused_or_done([&] {
    const auto rows = load_dataset(path)["train"];
    int64_t count = 0;
    rows.for_each([&](const Row&) { ++count; });
    if (count != rows.size()) std::abort();
  });
  std::filesystem::remove(path);
  return done;
}

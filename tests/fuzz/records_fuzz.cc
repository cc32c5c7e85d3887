// Data files: the input's first byte picks the kind of file and how it is read, the rest is its content. Every row is
// read, and there are as many as are counted.
#include <tekio/dataset.h>

#include <iterator>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  static const fuzz::ScratchFolder folder(fuzz::kInMemory);
  static const struct {
    const char* name;
    ReadOptions options;
  } kinds[] = {{"a.txt", {}},
               {"a.jsonl", {}},
               {"a.json", {}},
               {"a.csv", {}},
               {"a.tsv", {}},
               {"a.txt.gz", {}},
               {"a.jsonl.zst", {}},
               {"b.json", {.json_field = "a"}},
               {"c.json", {.json_field = "a.b", .bad_rows = BadRows::skip}},
               {"b.jsonl", {.text_column = "a.b", .bad_rows = BadRows::skip}},
               {"b.csv", {.csv_separator = ';'}},
               {"c.csv", {.header = false, .bad_rows = BadRows::skip}},
               {"d.csv", {.column_names = {"a", "text"}}},
               {"b.txt", {.sample_by = SampleBy::paragraph}},
               {"c.txt", {.sample_by = SampleBy::document}},
               {"c.jsonl", {.text_column = "a", .words = Words::list, .bad_rows = BadRows::skip}},
               {"d.txt.bz2", {}},
               {"d.txt.xz", {}}};
  if (size == 0) return 0;
  const auto& kind = kinds[data[0] % std::size(kinds)];
  const auto path = folder.write(kind.name, fuzz::as_text(data + 1, size - 1));
  const int done = fuzz::refused_or_done([&] {
    const auto rows = load_dataset(path, kind.options)["train"];
    int64_t count = 0;
    rows.for_each([&](const Row&) { ++count; });
    if (count != rows.size()) std::abort();
    (void)rows.text_column();
  });
  std::filesystem::remove(path);
  return done;
}

// Parquet and Arrow files, told apart by their first bytes: all columns of every row are read, then the text column
// alone, of texts and of lists of words. Arrow C++ itself is not instrumented; that it ends the process is what is
// looked for.
#include <stdlib.h>
#include <tekio/dataset.h>

#include "data/record_parser.h"
#include "fuzz.h"

// A row of nulls takes no bytes: a small file may hold billions.
constexpr int64_t kMostRows = 1'000'000;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  static const fuzz::ScratchFolder folder(fuzz::kInMemory);
  static const bool set = (setenv("TEKIO_ARROW_MODULE", TEKIO_ARROW_MODULE, 0), true);
  (void)set;
  const std::string_view bytes = fuzz::as_text(data, size);
  const auto path = folder.write(bytes.starts_with("PAR1") ? "a.parquet" : "a.arrow", bytes);
  const int done = fuzz::refused_or_done([&] {
    const auto rows = load_dataset(path)["train"];
    if (rows.size() > kMostRows) return;
    int64_t count = 0;
    rows.for_each([&](const Row&) { ++count; });
    if (count != rows.size()) std::abort();
  });
  for (const ReadOptions& read : {ReadOptions{.bad_rows = BadRows::skip},
                                  {.text_column = "text", .words = Words::list, .bad_rows = BadRows::skip}})
    fuzz::refused_or_done([&] {
      const auto rows = load_dataset(path, read)["train"];
      if (rows.size() > kMostRows) return;
      SourceReader reader(DatasetSource::of(rows), Columns::text);
      RecordParser parser(*DatasetSource::of(rows).files);
      for (Block block; reader.next(block);)
        for (const Record& record : block.records) (void)parser.text(block, record);
    });
  std::filesystem::remove(path);
  return done;
}

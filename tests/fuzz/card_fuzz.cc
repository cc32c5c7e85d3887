// A repository's README.md: any bytes give configurations and patterns, or are refused; patterns match or do not, in
// little time.
#include <algorithm>

#include "data/repository/choose_files.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  static const std::vector<std::string> names = {".h/x.csv",   "README.md",        "__s/b.csv",  "d/e/f/train-1.jsonl",
                                                 "data/a.csv", "data/test/b.json", "en/a b.tsv", "train.jsonl.gz",
                                                 "x/[y].txt",  "zoo.parquet"};
  return fuzz::refused_or_done([&] {
    const DatasetCard card = read_card(fuzz::as_text(data, size), "", "ID");
    for (const DatasetConfig& config : card.configs) {
      fuzz::refused_or_done([&] {
        const ChosenFiles chosen = choose_files(names, card, config.name, "ID");
        with_parameters(*chosen.config, chosen.splits.front().format, {}, "ID");
        for (const ChosenSplit& split : chosen.splits)
          for (const std::string& file : split.files)
            if (!std::binary_search(names.begin(), names.end(), file)) std::abort();
      });
    }
    fuzz::refused_or_done([&] { choose_files(names, card, "", "ID"); });
  });
}

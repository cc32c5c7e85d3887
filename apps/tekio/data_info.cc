// tekio data info: the splits of a dataset.
#include "base/log.h"
#include "data/source.h"
#include "inputs.h"

namespace tekio::cli {
namespace {

class DataInfo final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "data info",
        .summary = "shows a dataset's splits, rows and columns",
        .usage = "D…",
        .description =
            "D is a file (.txt .jsonl .json .csv .tsv, also .gz .zst .bz2 .xz; .parquet .arrow), a folder of them, a "
            "folder "
            "laid out like "
            "the Large Movie Review Dataset, or the id of a dataset on the Hub. D:SPLIT is one split, D:train[:10%] "
            "some of its rows. Several are joined split by split.",
        .examples = {"tekio data info ./imdb", "tekio data info stanfordnlp/imdb",
                     "tekio data info reviews.jsonl.zst --json"},
        .max_positionals = -1};
  }

  void add_options(OptionTable& table) override { add_read_options(table, read_); }

  void check(const OptionTable&, const std::vector<std::string>& positionals) override {
    if (positionals.empty()) fail(ErrorKind::usage, "tekio data info needs {}", kDataKinds);
  }

  int run(const OptionTable&, const std::vector<std::string>& positionals, Output& out) override {
    const DatasetDict data = open_data(positionals, read_, common.hub);
    OrderedJson splits = OrderedJson::object();
    for (const auto& [name, split] : data.splits()) {
      if (read_.bad_rows == BadRows::skip) tell_rows(split, read_);
      const Files& files = *DatasetSource::of(split).files;
      for (size_t group = 0; group < files.groups(); ++group) files.check_head(group);
      const std::vector<std::string> columns = split.columns();
      if (common.json)
        splits[name] = {{"rows", split.size()}, {"columns", columns}, {"bytes", split.bytes()}};
      else
        out.line(fmt::format("{:<16} {:>17}   {:>10}   {}", printable(name), counted(split.size(), "row"),
                             bytes_text(split.bytes()), printable(fmt::format("{}", fmt::join(columns, ", ")), 200)));
    }
    if (common.json) out.json({{"splits", splits}});
    return 0;
  }

 private:
  ReadOptions read_;
};

}  // namespace

std::unique_ptr<Command> make_data_info() { return std::make_unique<DataInfo>(); }

}  // namespace tekio::cli

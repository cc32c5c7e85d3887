// tekio data head: a dataset's first rows, or the first after the reference's shuffle.
#include "inputs.h"

namespace tekio::cli {
namespace {

class DataHead final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "data head",
        .summary = "shows a dataset's first rows",
        .usage = "D [--split S] [-n N] [--shuffle_seed SEED]",
        .description =
            "Prints rows with all their columns; with --shuffle_seed those that Hugging Face datasets' shuffle(seed) "
            "puts "
            "first. --json prints a list of rows, "
            "every value as the source has it.",
        .examples = {"tekio data head ./imdb --split train -n 3 --shuffle_seed 42", "tekio data head notes.txt --json"},
        .max_positionals = -1};
  }

  void add_options(OptionTable& table) override {
    add_read_options(table, read_);
    table.add("split", &split_, "the split; else train, or the only one there is").called("S");
    table.add("n", &count_, "rows").at_least(0).short_name('n');
    table.add("shuffle_seed", &shuffle_seed_, "shows the rows in the order of Hugging Face datasets' shuffle(seed)")
        .called("SEED");
  }

  void check(const OptionTable&, const std::vector<std::string>& positionals) override {
    if (positionals.empty()) fail(ErrorKind::usage, "tekio data head needs {}", kDataKinds);
  }

  int run(const OptionTable&, const std::vector<std::string>& positionals, Output& out) override {
    const DatasetDict data = open_data(positionals, read_, common.hub);
    const std::string name = split_.empty() ? choose_split(data, {"train"}) : split_;
    const Dataset& rows = data[name];
    bool first = true;
    for (const Row& row : (shuffle_seed_ ? rows.shuffle(*shuffle_seed_) : rows).take(count_)) {
      std::string text;
      for (const auto& [column, value] : row.columns) {
        const std::string key = OrderedJson(column).dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
        text += (text.empty() ? "" : ", ") + key + ": " + value;
      }
      // One row a line: the plain form is JSON lines, which people can read as well.
      out.write(common.json ? (first ? "[\n{" : ",\n{") : "{");
      out.write(text);
      out.write(common.json ? "}" : "}\n");
      first = false;
    }
    if (common.json) out.write(first ? "[]\n" : "\n]\n");
    return 0;
  }

 private:
  ReadOptions read_;
  std::string split_;
  int64_t count_ = 3;
  std::optional<uint64_t> shuffle_seed_;
};

}  // namespace

std::unique_ptr<Command> make_data_head() { return std::make_unique<DataHead>(); }

}  // namespace tekio::cli

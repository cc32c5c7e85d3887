// tekio data list: the corpora that the installation brings along, with what their licences ask to be told.
#include "base/log.h"
#include "bundled.h"
#include "inputs.h"

namespace tekio::cli {
namespace {

class DataList final : public Command {
 public:
  CommandText text() const override {
    return {.name = "data list",
            .summary = "lists the bundled corpora with their licences",
            .usage = "",
            .description =
                "The names are taken wherever data is asked for: --data cooking, tekio data head film --split test. A "
                "file or folder of the same name here comes first.",
            .examples = {"tekio data list", "tekio data list --json"}};
  }

  void add_options(OptionTable&) override {}

  int run(const OptionTable&, const std::vector<std::string>&, Output& out) override {
    OrderedJson list = OrderedJson::array();
    for (const BundledCorpus& corpus : bundled_corpora()) {
      const DatasetDict data = load_dataset({corpus.folder.string()});
      OrderedJson splits = OrderedJson::object();
      std::vector<std::string> rows;
      for (const auto& [name, split] : data.splits()) {
        splits[name] = {{"rows", split.size()}, {"bytes", split.bytes()}};
        rows.push_back(fmt::format("{} {}", name, counted(split.size(), "row")));
      }
      if (common.json) {
        list.push_back({{"name", corpus.name},
                        {"title", corpus.title},
                        {"licence", corpus.licence},
                        {"attribution", corpus.attribution},
                        {"path", corpus.folder.string()},
                        {"splits", splits}});
        continue;
      }
      out.folded_line(fmt::format("{:<9} {}", corpus.name, corpus.title));
      out.folded_line(fmt::format("{:<9} {}", "", fmt::join(rows, ", ")));
      out.folded_line(fmt::format("{:<9} licence: {}", "", corpus.licence));
      out.folded_line(fmt::format("{:<9} {}", "", corpus.attribution));
    }
    if (common.json) out.json({{"corpora", list}});
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_data_list() { return std::make_unique<DataList>(); }

}  // namespace tekio::cli

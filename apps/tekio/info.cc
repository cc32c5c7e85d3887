// tekio info: what a model folder holds.

#include "base/log.h"
#include "inputs.h"
#include "model/result_json.h"

namespace tekio::cli {
namespace {

class Info final : public Command {
 public:
  CommandText text() const override {
    return {.name = "info",
            .summary = "shows what a model folder holds",
            .usage = "[M]",
            .description =
                "Family, sizes, parameters (tied ones counted once), special tokens, the longest input, and which "
                "tensors the files lack or hold in "
                "excess. M is a folder or the id of a model on the Hub; without M: the bundled model.",
            .examples = {"tekio info ./distilbert-base-uncased", "tekio info run --json"},
            .max_positionals = 1};
  }

  void add_options(OptionTable& table) override { model_.add_to(table, true); }

  void check(const OptionTable&, const std::vector<std::string>& positionals) override {
    if (positionals.empty()) return;
    if (!model_.model.empty() && model_.model != positionals[0])
      fail(ErrorKind::usage, "--model {} contradicts the argument {}: both name the model", printable(model_.model),
           printable(positionals[0]));
    model_.model = positionals[0];
  }

  int run(const OptionTable&, const std::vector<std::string>&, Output& out) override {
    const ModelPlace place = model_.place(common.hub, model_and_perhaps_tokenizer);
    const ModelInfo info = MaskedLM::from_pretrained(place.folder.string(), common.loading()).info();
    OrderedJson report = {{"path", ""}, {"name", place.name}};
    report.update(json_of(info));
    report["path"] = place.folder.string();
    for (const char* key : {"tokenizer_entries", "special_tokens", "mask_token"}) report[key] = nullptr;
    if (has_tokenizer(place.folder)) {
      const Tokenizer tokenizer = model_.open_tokenizer(place, common.hub);
      report["max_length"] = longest_input(info, tokenizer);
      report["tokenizer_entries"] = tokenizer.vocabulary_size();
      report["special_tokens"] = OrderedJson::object();
      for (const int32_t id : tokenizer.all_special_ids()) report["special_tokens"][tokenizer.id_to_token(id)] = id;
      report["mask_token"] = tokenizer.mask_token();
    }
    if (common.json)
      out.json(report);
    else
      print(report, info, out);
    return 0;
  }

 private:
  static std::vector<std::string> model_and_perhaps_tokenizer(const std::vector<std::string>& names) {
    return Tokenizer::is_among(names) ? hub::model_and_tokenizer_files(names) : hub::model_files(names);
  }

  // A folder of weights alone is still a model. One whose tokenizer is damaged is not passed over.
  bool has_tokenizer(const std::filesystem::path& folder) const {
    return !model_.tokenizer.empty() || Tokenizer::is_in(folder);
  }

  static void print(const OrderedJson& report, const ModelInfo& info, Output& out) {
    const bool tokenizer = !report["tokenizer_entries"].is_null();
    out.line(fmt::format("path         {}", printable(report["path"].get<std::string>(), 4096)));
    out.line(fmt::format("family       {}", info.family));
    out.line(fmt::format("parameters   {}", with_commas(info.parameters)));
    out.line(fmt::format("sizes        {}, {} wide, {}, {} inner", counted(info.layers, "layer"), info.hidden_size,
                         counted(info.heads, "head"), info.intermediate_size));
    out.line(fmt::format("vocabulary   {} rows, {}", with_commas(info.vocabulary),
                         tokenizer ? with_commas(report["tokenizer_entries"].get<int64_t>()) + " tokenizer entries"
                                   : std::string("no tokenizer in this folder")));
    out.line(fmt::format("longest      {} tokens", report["max_length"].get<int64_t>()));
    std::string tokens;
    if (tokenizer)
      for (const auto& [token, id] : report["special_tokens"].items())
        tokens += fmt::format("{}{} {}", tokens.empty() ? "" : ", ", printable(token), id.get<int32_t>());
    if (tokenizer) out.line(fmt::format("special      {}", tokens));
    out.line(fmt::format("missing      {}", list_of(info.missing)));
    out.line(fmt::format("unused       {}", list_of(info.unexpected)));
  }

  static std::string list_of(const std::vector<std::string>& names) {
    if (names.empty()) return "none";
    std::string text = counted(static_cast<int64_t>(names.size()), "tensor");
    for (const std::string& name : names) text += "\n             " + printable(name, 200);
    return text;
  }

  ModelOptions model_;
};

}  // namespace

std::unique_ptr<Command> make_info() { return std::make_unique<Info>(); }

}  // namespace tekio::cli

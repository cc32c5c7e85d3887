// tekio fill: the reference's fill-mask pipeline, one text or many.
#include "inputs.h"
#include "lines.h"
#include "model/result_json.h"

namespace tekio::cli {
namespace {

constexpr size_t kWhole = std::string::npos;  // shown without being cut

class Fill final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "fill",
        .summary = "fills the masks of texts",
        .usage = "[--model M] [--top_k 5] [--targets a,b] [TEXT…]",
        .description =
            "Shows the likeliest tokens for each mask of each TEXT; without TEXT, of each line of standard input. "
            "Without --model: the bundled one. --json prints what the fill-mask pipeline of Hugging Face transformers "
            "returns: for one text a list of predictions (a list of such lists where it has several masks), for "
            "several texts a list of these. Several texts are computed together, so a score may differ from that of "
            "the text alone in what rounding leaves.",
        .examples = {"tekio fill --model distilbert-base-uncased \"This is a great [MASK].\"",
                     "tekio fill --model run --targets film,idea --json \"This is a great [MASK].\"",
                     "tekio fill --model run < texts.txt"},
        .max_positionals = -1};
  }

  void add_options(OptionTable& table) override {
    model_.add_to(table, true);
    table.add("top_k", &options_.top_k, "predictions for a mask").at_least(0);
    table.add("targets", &targets_, "scores only these words, separated by commas").called("a,b");
  }

  void check(const OptionTable& table, const std::vector<std::string>&) override {
    for (size_t begin = 0; begin <= targets_.size();) {
      const size_t end = std::min(targets_.find(',', begin), targets_.size());
      if (end > begin) options_.targets.push_back(targets_.substr(begin, end - begin));
      begin = end + 1;
    }
    if (table.given("targets") && options_.targets.empty())
      fail(ErrorKind::usage, "--targets names no word, expected words separated by commas");
  }

  int run(const OptionTable&, const std::vector<std::string>& positionals, Output& out) override {
    std::vector<std::string> texts = positionals;
    if (texts.empty()) {
      options_.source = "standard input";
      note_standard_input();
      read_lines(0, options_.source.c_str(), [&](std::string_view line, int64_t) { texts.emplace_back(line); });
    }
    if (texts.empty())
      fail(ErrorKind::input, "there is no text to fill: pass one as an argument or lines on standard input");

    const OpenModel opened = model_.open(common);
    const std::vector<std::vector<std::vector<Prediction>>> lists =
        FillMask(opened.model, opened.tokenizer).all(texts, options_);
    if (common.json)
      print_json(lists, out);
    else
      print(texts, lists, out);
    return 0;
  }

 private:
  static void print_json(const std::vector<std::vector<std::vector<Prediction>>>& texts, Output& out) {
    OrderedJson results = OrderedJson::array();
    for (const auto& masks : texts) results.push_back(json_of(masks));
    out.json(texts.size() == 1 ? results[0] : results);
  }

  static void print(const std::vector<std::string>& texts,
                    const std::vector<std::vector<std::vector<Prediction>>>& lists, Output& out) {
    for (size_t text = 0; text < texts.size(); ++text) {
      if (texts.size() > 1) out.line(printable(texts[text], kWhole));
      const auto& masks = lists[text];
      for (size_t i = 0; i < masks.size(); ++i) {
        if (masks.size() > 1) out.line(fmt::format("mask {}", i + 1));
        for (const Prediction& p : masks[i])
          out.line(
              fmt::format("{:.4f}  {:<16} {}", p.score, printable(p.token_str, kWhole), printable(p.sequence, kWhole)));
      }
    }
  }

  ModelOptions model_;
  FillOptions options_;
  std::string targets_;
};

}  // namespace

std::unique_ptr<Command> make_fill() { return std::make_unique<Fill>(); }

}  // namespace tekio::cli

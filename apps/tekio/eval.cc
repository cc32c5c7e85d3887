// tekio eval: a model's perplexity and accuracy on a text, on frozen masks, so that the figures are the same each time;
// or several models' on the same masks, with what their losses differ by. One model is in memory at a time.
#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "data/mask_options.h"
#include "data/shared_chunks.h"
#include "data/standard_input.h"
#include "inputs.h"
#include "model/model_folder.h"
#include "ranks.h"
#include "terminal.h"
#include "train/on_ranks.h"
#include "train/report.h"
#include "train/result_json.h"

namespace tekio::cli {
namespace {

constexpr size_t kMostModels = 8;

// A model before its weights are read.
struct Candidate {
  ModelOptions options;
  std::string name;  // as it was given
  ModelPlace place;
  Tokenizer tokenizer;
};

// What a model made of the chunks.
struct Evaluated {
  std::string name;
  EvaluationReport report;
  ChunkLosses each;
};

// `text` in at most `width` columns: its end, which tells paths apart.
std::string shortened(const std::string& text, size_t width) {
  if (text.size() <= width) return text;
  size_t begin = text.size() - (width - 1);
  while (begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) ++begin;  // a whole character
  return "…" + text.substr(begin);
}

std::string padded(const std::string& text, size_t width) {
  const auto columns = static_cast<size_t>(columns_of(text));
  return text + std::string(columns < width ? width - columns : 0, ' ');
}

// Two models can be compared where a text is the same ids to both.
void check_same_vocabulary(const Candidate& first, const Candidate& other) {
  const Tokenizer &a = first.tokenizer, &b = other.tokenizer;
  if (a.digest() == b.digest()) return;
  const std::string names = fmt::format("{} and {}", printable(first.name, 300), printable(other.name, 300));
  constexpr const char* kRemedy = "compare models of one vocabulary, or name the tokenizer of both with --tokenizer";
  if (a.vocabulary_size() != b.vocabulary_size())
    fail(ErrorKind::input, "the models {} have different vocabularies, of {} and {} entries: {}", names,
         a.vocabulary_size(), b.vocabulary_size(), kRemedy);
  for (int32_t id = 0; id < a.vocabulary_size(); ++id)
    if (const std::string here = a.id_to_token(id), there = b.id_to_token(id); here != there)
      fail(ErrorKind::input, "the models {} have different vocabularies, the id {} is '{}' and '{}': {}", names, id,
           printable(here, 40), printable(there, 40), kRemedy);
  fail(ErrorKind::input,
       "the tokenizers of the models {} have the same vocabulary but split text in different ways: {}", names, kRemedy);
}

class Eval final : public Command {
 public:
  CommandText text() const override {
    return {.name = "eval",
            .summary = "evaluates models: perplexity and accuracy on a text",
            .usage = "[--model M]… --data D [--max_chunks N]",
            .description =
                "Masks the text once, as --seed decides, and shows how well the model fills it in. Evaluates on D's "
                "split validation, else test, else train; PATH:SPLIT picks another. Without --model: the bundled one. "
                "Several models (--model repeated, up to 8) get the same masks, and each is compared with the first: "
                "the difference of their losses with its paired 95 % interval. Their vocabularies must be the same.",
            .examples = {"tekio eval --model run --data ./imdb --max_chunks 1000",
                         "tekio eval --model run --data ./imdb:unsupervised --json",
                         "tekio eval --model distilbert-base-uncased --model run --data ./imdb"},
            .on_ranks = OnRanks::together};
  }

  void add_options(OptionTable& table) override {
    model_.add_to(table, true, &models_);
    table.add("data", &data_, "the text: files, a folder, the id of a dataset on the Hub; D:SPLIT, D:test[:10%]")
        .called("D")
        .short_name('d')
        .alias("validation_file")
        .alias("dataset_name");
    table.add("max_chunks", &options_.max_chunks, "no more than the first N chunks; 0: all")
        .at_least(0)
        .alias("max_eval_samples");
    table.add("per_device_eval_batch_size", &options_.batch_size, "chunks in a batch")
        .at_least(1)
        .at_most(1 << 16)
        .alias("batch_size");
    add_read_options(table, read_);
    add_word_options(table, read_);
    add_chunk_options(table, chunks_);
    add_masking_options(table, options_);
    table.add("masking_rng", &options_.masking_rng, masking_rng_names(),
              "where the masks come from: counters, or the random stream of Hugging Face transformers");
  }

  void check(const OptionTable& table, const std::vector<std::string>&) override {
    check_word_options(table);
    check_masking_options(table, options_);
    if (data_.empty()) fail(ErrorKind::usage, "--data is missing: tekio eval needs {}", kDataKinds);
    if (models_.size() > kMostModels)
      fail(ErrorKind::usage, "--model is given {} times, expected at most {} models to compare", models_.size(),
           kMostModels);
  }

  int run(const OptionTable& table, const std::vector<std::string>&, Output& out) override {
    return run_on_ranks(table, common, [&](Communicator& ranks) { return run_as_one_of(ranks, out); });
  }

 private:
  int run_as_one_of(Communicator& ranks, Output& out) {
    const std::vector<Candidate> candidates = find_models();
    settle_chunks(candidates);
    std::string split;
    const Chunks chunks = open_chunks(ranks, candidates.front().tokenizer, split);
    options_.seed = common.seed;
    std::vector<Evaluated> models;
    for (const Candidate& candidate : candidates) models.push_back(evaluate_one(candidate, chunks, ranks));
    if (ranks.rank() > 0) return 0;
    world_size_ = ranks.size();
    if (models.size() == 1)
      show_one(models.front().report, split, out);
    else
      show_several(models, split, out);
    return 0;
  }

  // All of them, their tokenizers compared, before the first one's weights are read.
  std::vector<Candidate> find_models() const {
    std::vector<std::string> named = models_;
    if (named.empty()) named.emplace_back();  // the bundled one
    std::vector<Candidate> candidates;
    for (const std::string& name : named) {
      ModelOptions options = model_;
      options.model = name;
      const ModelPlace place = options.place(common.hub);
      candidates.push_back({options, name, place, options.open_tokenizer(place, common.hub)});
      check_same_vocabulary(candidates.front(), candidates.back());
    }
    return candidates;
  }

  void settle_chunks(const std::vector<Candidate>& candidates) {
    int64_t longest = candidates.front().tokenizer.model_max_length();
    for (const Candidate& candidate : candidates)
      longest = std::min({longest, candidate.tokenizer.model_max_length(),
                          open_model_folder(candidate.place.folder).config.longest_input()});
    chunks_.chunk_size = capped_chunk_size(chunks_.chunk_size, longest);
    chunks_.use_cache = !common.no_cache;
    chunks_.threads = common.threads;
    chunks_.words = options_.word_bounds();
  }

  // The first rank decides; those that have the same files help it to tokenize them.
  Chunks open_chunks(Communicator& ranks, const Tokenizer& tokenizer, std::string& split) {
    SharedChunks shared(data_ranks(ranks), tokenizer, chunks_);
    if (ranks.rank() > 0) {
      const Json found = shared.follow([&](const Json& name) -> std::optional<Dataset> {
        if (std::ranges::any_of(data_, is_standard_input)) return std::nullopt;
        return open_data(data_, read_, common.hub)[name.get<std::string>()];
      });
      return shared.chunks(found);
    }
    const DatasetDict data = open_data(data_, read_, common.hub);
    split = choose_split(data, {"validation", "test", "train"});
    const Chunks chunks = shared.cut(data[split], split);
    if (chunks.size() == 0)
      fail(ErrorKind::input,
           "split {} is too short for a single chunk of {} tokens; pass a smaller --chunk_size or more text",
           printable(split), chunks_.chunk_size);
    warn_of_words_without_space(read_, tokenizer);
    warn_of_long_words(options_, chunks, tokenizer);
    column_ = tell_rows(data[split], read_);
    skipped_rows_ = data[split].skipped_rows();
    if (ranks.size() > 1) shared.finish(shared.described(chunks));
    return chunks;
  }

  Evaluated evaluate_one(const Candidate& candidate, const Chunks& chunks, Communicator& ranks) const {
    const OpenModel opened = candidate.options.open(common);
    Evaluated evaluated{.name = candidate.name, .report = {}, .each = {}};
    evaluated.report = evaluate(opened.model, opened.tokenizer, chunks, options_, &evaluated.each, ranks);
    return evaluated;
  }

  void show_one(const EvaluationReport& report, const std::string& split, Output& out) const {
    if (common.json) {
      OrderedJson document = json_of(report);
      document["split"] = split;
      document["text_column"] = column_;
      document["skipped_rows"] = skipped_rows_;
      document["seconds"] = report.seconds;
      document["world_size"] = world_size_;
      return out.json(document);
    }
    out.folded_line(fmt::format("perplexity {} · {} · loss {:.4f} · {} of split {} · {} · {:.1f} s",
                                perplexity_text(report), accuracy_text(report), report.loss,
                                counted(report.chunks, "chunk"), printable(split),
                                counted(report.masked_tokens, "masked token"), report.seconds));
  }

  void show_several(const std::vector<Evaluated>& models, const std::string& split, Output& out) const {
    const Evaluated& first = models.front();
    OrderedJson list = OrderedJson::array(), differences = OrderedJson::array();
    std::vector<std::string> lines;
    const size_t names = name_columns(out);
    for (size_t i = 0; i < models.size(); ++i) {
      const EvaluationReport& report = models[i].report;
      OrderedJson& entry = list.emplace_back(OrderedJson{{"model", models[i].name}});
      entry.update(json_of(report));
      entry["seconds"] = report.seconds;
      lines.push_back(fmt::format("{}  {}{:>11.2f} {:>8.2f} % {:>8.4f}", i + 1,
                                  padded(shortened(printable(models[i].name, 4096), names), names), report.perplexity,
                                  100 * report.accuracy, report.loss));
      if (i == 0) continue;
      const LossDifference d = loss_difference(models[i].each, first.each);
      differences.push_back({{"model", models[i].name},
                             {"against", first.name},
                             {"eval_loss", d.loss},
                             {"low", d.low},
                             {"high", d.high}});
      lines.back() += fmt::format("  {:>+8.4f}", d.loss);
      if (std::isfinite(d.high)) lines.back() += fmt::format(" ± {:.4f}", d.high - d.loss);
    }
    if (common.json) {
      out.json({{"models", list},
                {"differences", differences},
                {"split", split},
                {"text_column", column_},
                {"skipped_rows", skipped_rows_},
                {"world_size", world_size_}});
      return;
    }
    out.folded_line(fmt::format("   {}{:>11} {:>10} {:>8}  {}", padded("model", names), "perplexity", "accuracy",
                                "loss", "loss against 1"),
                    3);
    for (const std::string& line : lines) out.folded_line(line, 3);
    out.folded_line(fmt::format("{} of split {}, {}", counted(first.report.chunks, "chunk"), printable(split),
                                counted(first.report.masked_tokens, "masked token")),
                    0);
    out.folded_line("the same masks for all; ±: paired 95 % interval", 0);
  }

  // Names give way where the terminal is narrow.
  static size_t name_columns(const Output& out) {
    constexpr int64_t kFigures = 53, kLeast = 10, kMost = 25;
    return static_cast<size_t>(std::clamp(out.width().value_or(kFigures + kMost) - kFigures, kLeast, kMost));
  }

  ModelOptions model_;
  std::vector<std::string> models_, data_;
  ReadOptions read_;
  ChunkOptions chunks_;
  EvaluationOptions options_;
  int world_size_ = 1;
  std::string column_;  // that the text was taken from
  int64_t skipped_rows_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_eval() { return std::make_unique<Eval>(); }

}  // namespace tekio::cli

// tekio export: a model in another format, with what that changed.
#include <tekio/export.h>

#include "data/mask_options.h"
#include "inputs.h"

namespace tekio::cli {
namespace {

class Export final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "export",
        .summary = "writes a model as an ONNX file",
        .usage = "--format onnx [RUN] --output_dir D [--dtype f32|int8] [--data T]",
        .description =
            "Makes the folder D with model.onnx, config.json and the tokenizer's files. RUN: a run's folder, a "
            "model's, or "
            "a Hub id; without it the bundled model. The file takes input_ids and attention_mask, and token_type_ids "
            "where the model tells types "
            "apart "
            "(int64, batch and length free), and gives logits (float32, batch x length x vocabulary). --dtype int8 "
            "keeps "
            "matrices and the word table in eight bits, for a quarter of the size. The file is computed before it is "
            "written, and compared with the model: with --data also its perplexity on that text, on frozen masks.",
        .examples = {"tekio export --format onnx run --output_dir run-onnx",
                     "tekio export --format onnx run --output_dir run-int8 --dtype int8 --data reviews"},
        .max_positionals = 1};
  }

  void add_options(OptionTable& table) override {
    table.group("Export");
    table.add("format", &format_, "what to write").one_of({"onnx"});
    table.add("output_dir", &folder_, "the folder to make: missing or empty").called("D");
    table.add("dtype", &options_.precision,
              {{"f32", ExportOptions::Precision::f32}, {"int8", ExportOptions::Precision::int8}},
              "what matrices are kept as");
    model_.add_to(table, true);
    table.group("Comparison");
    table.add("data", &data_, "text on which perplexity before and after is measured").called("T");
    table.add("max_chunks", &options_.evaluation.max_chunks, "chunks of it that are taken; 0: all").at_least(0);
    add_read_options(table, read_);
    add_chunk_options(table, chunks_);
    add_masking_options(table, options_.evaluation);
    table.add("masking_rng", &options_.evaluation.masking_rng, masking_rng_names(),
              "where the masks come from: counters, or the random stream of Hugging Face transformers");
  }

  void check(const OptionTable& table, const std::vector<std::string>& positionals) override {
    check_masking_options(table, options_.evaluation);
    if (!table.given("format")) fail(ErrorKind::usage, "--format is missing, expected --format onnx");
    if (folder_.empty()) fail(ErrorKind::usage, "--output_dir is missing: the folder to make");
    if (positionals.empty()) return;
    if (!model_.model.empty() && model_.model != positionals[0])
      fail(ErrorKind::usage, "--model {} contradicts the argument {}: both name the model", printable(model_.model),
           printable(positionals[0]));
    model_.model = positionals[0];
  }

  int run(const OptionTable&, const std::vector<std::string>&, Output& out) override {
    const OpenModel opened = model_.open(common);
    if (!data_.empty()) options_.chunks = cut(opened);
    options_.evaluation.seed = common.seed;
    const ExportReport report = export_onnx(opened.model, opened.tokenizer, folder_, options_);
    if (common.json) {
      OrderedJson document = {{"path", report.path}, {"max_logit_difference", report.max_logit_difference}};
      if (report.perplexity)
        document["perplexity"] = {{"before", report.perplexity->before}, {"after", report.perplexity->after}};
      out.json(document);
      return 0;
    }
    std::string line = fmt::format("{} · largest difference of a logit {:.2g}", printable(report.path, 300),
                                   report.max_logit_difference);
    if (report.perplexity)
      line += fmt::format(" · perplexity {:.4f} → {:.4f}", report.perplexity->before, report.perplexity->after);
    out.folded_line(line);
    return 0;
  }

 private:
  Chunks cut(const OpenModel& opened) {
    const DatasetDict data = open_data(data_, read_, common.hub);
    const std::string split = choose_split(data, {"validation", "test", "train"});
    chunks_.chunk_size = capped_chunk_size(chunks_.chunk_size, longest_input(opened.info, opened.tokenizer));
    chunks_.use_cache = !common.no_cache;
    chunks_.threads = common.threads;
    chunks_.words = options_.evaluation.word_bounds();
    Chunks chunks = chunk(data[split], opened.tokenizer, chunks_);
    tell_rows(data[split], read_);
    if (chunks.size() == 0)
      fail(ErrorKind::input,
           "split {} is too short for a single chunk of {} tokens; pass a smaller --chunk_size or more text",
           printable(split), chunks_.chunk_size);
    return chunks;
  }

  std::string format_, folder_;
  ModelOptions model_;
  std::vector<std::string> data_;
  ReadOptions read_;
  ChunkOptions chunks_;
  ExportOptions options_{.evaluation = {.batch_size = 8, .max_chunks = 100}};
};

}  // namespace

std::unique_ptr<Command> make_export() { return std::make_unique<Export>(); }

}  // namespace tekio::cli

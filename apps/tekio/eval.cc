// tekio eval: a model's perplexity and accuracy on a text, on frozen masks, so that the figures are the same each time.
#include <cmath>

#include "base/log.h"
#include "bundled.h"
#include "inputs.h"

namespace tekio::cli {
namespace {

class Eval final : public Command {
 public:
  CommandText text() const override {
    return {.name = "eval",
            .summary = "tells a model's perplexity and accuracy on a text",
            .usage = "[--model M] --data D [--max_chunks N]",
            .description =
                "Masks the text once, as --seed decides, and tells how well the model fills it in. Judges by D's split "
                "validation, else test, else "
                "train; PATH:SPLIT picks another. Without --model: the bundled one.",
            .examples = {"tekio eval --model run --data ./imdb --max_chunks 1000",
                         "tekio eval --model run --data ./imdb:unsupervised --json"}};
  }

  void add_options(OptionTable& table) override {
    model_.add_to(table, true);
    table.add("data", &data_, "the text: files, a folder, PATH:SPLIT")
        .called("D")
        .short_name('d')
        .alias("validation_file")
        .alias("dataset_name");
    table.add("max_chunks", &options_.max_chunks, "judges by no more than the first N chunks; 0: all")
        .at_least(0)
        .alias("max_eval_samples");
    table.add("per_device_eval_batch_size", &options_.batch_size, "chunks in a batch")
        .at_least(1)
        .at_most(1 << 16)
        .alias("batch_size");
    add_read_options(table, read_);
    add_chunk_options(table, chunks_);
    add_masking_options(table, options_);
    table.add("masking_rng", &options_.masking_rng,
              {{"counter", MaskingRng::counter}, {"torch", MaskingRng::torch}, {"torch-cpu", MaskingRng::torch_cpu}},
              "where the masks come from: counters, or the reference stack's own stream");
  }

  void check(const OptionTable&, const std::vector<std::string>&) override {
    if (data_.empty()) fail(ErrorKind::usage, "--data is missing: tekio eval needs files or a folder of text");
  }

  int run(const OptionTable&, const std::vector<std::string>&, Output& out) override {
    if (model_.model.empty()) model_.model = bundled_model("--model");
    const auto [place, tokenizer, model, info] = model_.open("eval", common);
    chunks_.chunk_size = capped_chunk_size(chunks_.chunk_size, longest_input(info, tokenizer));
    chunks_.use_cache = !common.no_cache;
    chunks_.threads = common.threads;
    const DatasetDict data = open_data(data_, read_);
    const std::string split = choose_split(data, {"validation", "test", "train"});
    const Chunks chunks = chunk(data[split], tokenizer, chunks_);
    const std::string column = tell_rows(data[split], read_);
    if (chunks.size() == 0)
      fail(ErrorKind::input,
           "split {} is too short for a single chunk of {} tokens; pass a smaller --chunk_size or more text", split,
           chunks_.chunk_size);

    options_.seed = common.seed;
    const EvaluationReport report = evaluate(model, tokenizer, chunks, options_);
    if (common.json) {
      out.json({{"eval_loss", report.loss},
                {"eval_loss_reference", report.reference_loss},
                {"perplexity", report.perplexity},
                {"perplexity_interval", report.perplexity_interval},
                {"accuracy", report.accuracy},
                {"eval_chunks", report.chunks},
                {"masked_tokens", report.masked_tokens},
                {"split", split},
                {"text_column", column},
                {"skipped_rows", data[split].skipped_rows()},
                {"seconds", report.seconds}});
    } else {
      const std::string interval =
          std::isfinite(report.perplexity_interval) ? fmt::format(" ± {:.4f}", report.perplexity_interval) : "";
      out.line(fmt::format("perplexity {:.4f}{} · accuracy {:.2f} % · loss {:.6f} · {} of split {} · {} · {:.1f} s",
                           report.perplexity, interval, 100 * report.accuracy, report.loss,
                           counted(report.chunks, "chunk"), split, counted(report.masked_tokens, "masked token"),
                           report.seconds));
    }
    return 0;
  }

 private:
  ModelOptions model_;
  std::vector<std::string> data_;
  ReadOptions read_;
  ChunkOptions chunks_;
  EvaluationOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_eval() { return std::make_unique<Eval>(); }

}  // namespace tekio::cli

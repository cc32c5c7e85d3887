// A model's file and how far it is from the model.
#include <tekio/export.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>

#include "base/error.h"
#include "base/file.h"
#include "data/order.h"
#include "model/family.h"
#include "model/masked_lm.h"
#include "onnx/build.h"
#include "onnx/run.h"
#include "onnx/write.h"

namespace tekio {
namespace {

// The batch as the file takes it: padded on the right.
onnx::Feed padded(const Batch& batch, const ModelConfig& config) {
  onnx::Feed feed{.batch = batch.sequences(), .length = 0, .inputs = {}};
  for (size_t k = 0; k + 1 < batch.offsets.size(); ++k)
    feed.length = std::max<int64_t>(feed.length, batch.offsets[k + 1] - batch.offsets[k]);
  const auto size = static_cast<size_t>(feed.batch * feed.length);
  std::vector<int64_t> ids(size, std::max(config.padding_id, 0)), mask(size), types(size);
  for (size_t k = 0; k + 1 < batch.offsets.size(); ++k)
    for (auto token = static_cast<size_t>(batch.offsets[k]); token < static_cast<size_t>(batch.offsets[k + 1]);
         ++token) {
      const size_t place = k * static_cast<size_t>(feed.length) + token - static_cast<size_t>(batch.offsets[k]);
      ids[place] = batch.input_ids[token];
      mask[place] = 1;
      if (!batch.type_ids.empty()) types[place] = batch.type_ids[token];
    }
  feed.inputs = {{"input_ids", std::move(ids)}, {"attention_mask", std::move(mask)}};
  if (config.type_vocabulary > 1) feed.inputs["token_type_ids"] = std::move(types);
  return feed;
}

double loss_of(std::span<const float> logits, int32_t label) {
  const float largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float value : logits) sum += std::exp(double{value} - largest);
  return std::log(sum) + largest - logits[static_cast<size_t>(label)];
}

// What the model and the file make of batches.
class Comparison {
 public:
  Comparison(MaskedLMImpl& model, const onnx::Graph& graph) : model_(model), graph_(graph) {}

  void add(const Batch& batch) {
    const ModelConfig& config = model_.model().config();
    const auto columns = static_cast<size_t>(config.vocabulary);
    const onnx::Feed feed = padded(batch, config);
    const std::lock_guard lock(model_.mutex());
    const std::vector<float> rows = run_graph(graph_, feed, model_.model().backend());
    const std::span<const float> own = model_.logits(batch);
    size_t sequence = 0;
    for (size_t i = 0; i < batch.masked_rows.size(); ++i) {
      const int32_t token = batch.masked_rows[i];
      while (token >= batch.offsets[sequence + 1]) ++sequence;
      const auto row =
          sequence * static_cast<size_t>(feed.length) + static_cast<size_t>(token - batch.offsets[sequence]);
      const std::span<const float> here = own.subspan(i * columns, columns);
      const std::span<const float> there = std::span(rows).subspan(row * columns, columns);
      for (size_t j = 0; j < columns; ++j) largest_ = std::max(largest_, std::abs(double{here[j]} - there[j]));
      before_ += loss_of(here, batch.labels[i]);
      after_ += loss_of(there, batch.labels[i]);
      ++rows_;
    }
  }
  double largest_difference() const { return largest_; }
  ExportReport::Perplexity perplexity() const {
    if (rows_ == 0)
      fail(ErrorKind::input, "no token of the text was masked, so there is no perplexity; give more text");
    const auto rows = static_cast<double>(rows_);
    return {std::exp(before_ / rows), std::exp(after_ / rows)};
  }

 private:
  MaskedLMImpl& model_;
  const onnx::Graph& graph_;
  double largest_ = 0, before_ = 0, after_ = 0;
  int64_t rows_ = 0;
};

// Three sequences of different lengths, of tokens from all over the vocabulary, each of them predicted.
Batch arbitrary_batch(const ModelConfig& config) {
  Batch batch;
  batch.offsets = {0};
  int64_t next = 1;
  for (const int64_t length : {31, 5, 17}) {
    for (int64_t i = 0; i < std::min(length, config.longest_input()); ++i) {
      next = (next * 48271 + 11) % 2147483647;
      batch.input_ids.push_back(static_cast<int32_t>(next % config.vocabulary));
    }
    batch.offsets.push_back(static_cast<int32_t>(batch.input_ids.size()));
  }
  batch.masked_rows.resize(batch.input_ids.size());
  std::iota(batch.masked_rows.begin(), batch.masked_rows.end(), 0);
  batch.labels = batch.input_ids;
  return batch;
}

void compare_on(const Chunks& chunks, const EvaluationOptions& options, const Tokenizer& tokenizer,
                Comparison& comparison) {
  std::vector<int64_t> first(
      static_cast<size_t>(options.max_chunks > 0 ? std::min(options.max_chunks, chunks.size()) : chunks.size()));
  std::iota(first.begin(), first.end(), int64_t{0});
  RunMasking masking({options}, MaskingVocabulary::of(tokenizer));
  EvaluationBatches batches(masking, chunks.select(std::move(first)), options.batch_size, EvalMasking::frozen);
  batches.start(0);
  while (const auto next = batches.next()) comparison.add(next->batch);
}

void require_empty(const fs::path& folder) {
  if (fs::exists(folder) && !(fs::is_directory(folder) && fs::is_empty(folder)))
    fail(ErrorKind::usage, "{} is there already; name a folder that is missing or empty",
         printable(folder.string(), 300));
}

}  // namespace

ExportReport export_onnx(const MaskedLM& model, const Tokenizer& tokenizer, const std::filesystem::path& folder,
                         const ExportOptions& options) {
  MaskedLMImpl& impl = MaskedLMImpl::of(model);
  const MlmNetwork& network = std::as_const(impl.model());
  if (!network.backend().memory().on_host())
    fail(ErrorKind::usage, "the model is on {}; open it on the processor to write it as ONNX",
         network.backend().name());
  impl.check_tokenizer(tokenizer);
  require_empty(folder);
  const ModelConfig& config = network.config();
  const onnx::Graph graph = onnx::build_graph(config, network.weights(), options.precision);
  Comparison comparison(impl, graph);
  ExportReport report{.path = (folder / "model.onnx").string()};
  if (options.chunks) {
    compare_on(*options.chunks, options.evaluation, tokenizer, comparison);
    report.perplexity = comparison.perplexity();
  } else {
    comparison.add(arbitrary_batch(config));
  }
  report.max_logit_difference = comparison.largest_difference();
  write_folder_atomically(folder, [&](const fs::path& inside) {
    onnx::write_onnx(inside / "model.onnx", graph, table_of(config.family).shown, onnx::kOpset);
    write_atomically(inside / "config.json", config.to_json());
    tokenizer.save_pretrained(inside);
  });
  return report;
}

}  // namespace tekio

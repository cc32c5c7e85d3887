#include "warm_fill.h"

#include <algorithm>
#include <mutex>

#include "base/error.h"
#include "base/stopwatch.h"
#include "bench.h"
#include "compute/backend.h"
#include "memory_rate.h"
#include "model/flops.h"
#include "model/masked_lm.h"

namespace tekio::cli {
namespace {

constexpr int64_t kWarmUp = 3;
constexpr double kSecondsOfEach = 0.5;

// In seconds.
template <typename Work>
std::vector<double> times_of(const Work& work, int64_t repeats) {
  for (int64_t i = 0; i < kWarmUp; ++i) work();
  std::vector<double> seconds;
  const Stopwatch all;
  while (static_cast<int64_t>(seconds.size()) < repeats || all.seconds() < kSecondsOfEach) {
    const Stopwatch watch;
    work();
    seconds.push_back(watch.seconds());
  }
  return seconds;
}

// Ids of all of the vocabulary, the middle one masked: which one they are changes no time.
Batch masked_text(const ModelConfig& config, int64_t length, int32_t mask) {
  Batch batch{.offsets = {0, static_cast<int32_t>(length)}};
  for (int64_t i = 0; i < length; ++i) batch.input_ids.push_back(static_cast<int32_t>(i * 7919 % config.vocabulary));
  batch.type_ids.assign(batch.input_ids.size(), 0);
  batch.masked_rows = {static_cast<int32_t>(length / 2)};
  batch.input_ids[static_cast<size_t>(length / 2)] = mask;
  batch.labels = {0};
  return batch;
}

}  // namespace

OrderedJson measure_warm_fill(const OpenModel& opened, const Common& common, const std::string& text,
                              const std::vector<int64_t>& lengths, int64_t repeats) {
  const FillMask fill_mask(opened.model, opened.tokenizer);
  MaskedLM model = opened.model;
  MaskedLMImpl& impl = MaskedLMImpl::of(model);
  const ModelConfig& config = impl.model().config();
  for (const int64_t length : lengths)
    if (length > config.longest_input())
      fail(ErrorKind::input, "--chunk_size {}: the model takes at most {} tokens", length, config.longest_input());
  const DType type = impl.filling();
  // A pass reads each matrix once; for a single token it multiplies and adds once for each of their numbers, which is
  // two operations, and training does three times as much.
  const double bytes = flops_per_chunk(config, 1, 1) / 6 * static_cast<double>(size_of(type));

  double rate = 0;
  OrderedJson rows = OrderedJson::array();
  {
    const std::lock_guard lock(impl.mutex());
    const std::unique_ptr<Backend> plain = make_backend(common.device, impl.pool());
    rate = measure_read_rate(*plain);
    for (const int64_t length : lengths) {
      const Batch batch = masked_text(config, length, *opened.tokenizer.mask_id());
      const std::vector<double> seconds = times_of([&] { impl.probabilities(batch); }, repeats);
      rate = std::max(rate, measure_read_rate(*plain));
      rows.push_back({{"tokens", length},
                      {"milliseconds", 1e3 * median(seconds)},
                      {"fastest", 1e3 * *std::min_element(seconds.begin(), seconds.end())}});
    }
  }
  for (OrderedJson& row : rows)
    row["share_of_memory_limit"] = bytes / (rate * 1e9) / (row["milliseconds"].get<double>() * 1e-3);
  std::vector<Prediction> answer;
  const std::vector<double> seconds = times_of([&] { answer = fill_mask.all(text).front(); }, repeats);
  return {{"what", "warm fill"},
          {"model", opened.place.folder.string()},
          {"device", common.device},
          {"dtype", tekio::name_of(type)},
          {"threads", impl.pool().threads()},
          {"weight_mib", bytes / (1 << 20)},
          {"read_gb_per_second", rate},
          {"lengths", rows},
          {"text", text},
          {"text_tokens", opened.tokenizer.encode(text).ids.size()},
          {"text_milliseconds", 1e3 * median(seconds)},
          {"token", answer.front().token},
          {"sequence", answer.front().sequence}};
}

}  // namespace tekio::cli

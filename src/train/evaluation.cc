// The loss that we report does not depend on how the set is cut into batches; the reference's does (it averages the
// batches' means, weighted by sequences), so that figure is kept beside it.
#include "train/evaluation.h"

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/log.h"
#include "base/stopwatch.h"
#include "base/worker_thread.h"

namespace tekio {

void LossSums::add(std::span<const double> losses, std::span<const int64_t> masked, int64_t hits) {
  const double loss = std::accumulate(losses.begin(), losses.end(), 0.0);
  const int64_t count = std::accumulate(masked.begin(), masked.end(), int64_t{0});
  each_.losses.insert(each_.losses.end(), losses.begin(), losses.end());
  each_.masked.insert(each_.masked.end(), masked.begin(), masked.end());
  masked_ += count;
  hits_ += hits;
  if (count > 0) by_sequences_ += static_cast<double>(losses.size()) * (loss / static_cast<double>(count));
}

EvaluationReport LossSums::report() const {
  EvaluationReport r;
  const std::vector<double>& losses = each_.losses;
  const auto n = static_cast<double>(losses.size());
  r.chunks = static_cast<int64_t>(losses.size());
  r.masked_tokens = masked_;
  r.loss = std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(masked_);
  r.perplexity = std::exp(r.loss);
  r.accuracy = static_cast<double>(hits_) / static_cast<double>(masked_);
  r.reference_loss = by_sequences_ / n;
  double squares = 0, informed = 0;
  for (size_t k = 0; k < losses.size(); ++k) {
    if (each_.masked[k] > 0) ++informed;
    const double residual = losses[k] - r.loss * static_cast<double>(each_.masked[k]);
    squares += residual * residual;
  }
  const double error =
      informed > 1 ? std::sqrt(informed / (informed - 1) * squares) / static_cast<double>(masked_) : INFINITY;
  r.perplexity_interval = r.perplexity * 1.96 * error;
  return r;
}

Evaluator::Evaluator(ModelLease& lease, RunMasking& masking, const Chunks& chunks, int64_t batch_size, EvalMasking kind)
    : lease_(lease), batches_(masking, chunks, batch_size, kind), chunks_(chunks.size()) {}

std::optional<EvaluationReport> Evaluator::run(uint64_t number, const std::function<bool()>& interrupted,
                                               ChunkLosses* each) {
  const Stopwatch watch;
  Progress progress(" evaluating", batches_.batches(), "tokens");
  LossSums sums;
  std::vector<double> losses;
  std::vector<int64_t> masked;
  int64_t tokens = 0, done = 0;
  batches_.start(number);
  MadeAhead<std::optional<CollatedBatch>> batches([this] { return batches_.next(); });
  while (const std::optional<CollatedBatch> next = batches.take()) {
    batches.begin();
    const Batch& batch = next->batch;
    losses.assign(static_cast<size_t>(batch.sequences()), 0);
    masked.assign(losses.size(), 0);
    size_t sequence = 0;
    for (const int32_t row : batch.masked_rows) {
      while (row >= batch.offsets[sequence + 1]) ++sequence;
      ++masked[sequence];
    }
    lease_.ensure_fits(batch);
    LabelLoss found;
    if (!batch.masked_rows.empty()) found = lease_.model().evaluate(batch, losses);
    sums.add(losses, masked, found.hits);
    progress.update(++done, tokens += batch.tokens());
    if (interrupted()) return std::nullopt;
  }
  if (sums.masked() == 0)
    fail(ErrorKind::input,
         "no token of {} was masked, so there is no perplexity; give more evaluation text or a "
         "larger --mlm_probability",
         counted(chunks_, "evaluation chunk"));
  EvaluationReport report = sums.report();
  if (!std::isfinite(report.perplexity))
    fail(ErrorKind::input,
         "the loss on {} is {}, too large or no number: the model's weights are damaged, or its "
         "training has diverged; load the model from a sound copy, or try a lower --learning_rate",
         counted(chunks_, "evaluation chunk"), report.loss);
  if (each != nullptr) *each = sums.each();
  report.seconds = watch.seconds();
  return report;
}

namespace {

// The 97.5 % point of Student's t with n degrees of freedom: beyond a few, Abramowitz and Stegun 26.7.5.
double student_t(int64_t n) {
  constexpr double kFew[] = {12.706205, 4.302653, 3.182446, 2.776445};
  if (n <= 4) return kFew[n - 1];
  constexpr double z = 1.959963985, z2 = z * z;
  const auto v = static_cast<double>(n);
  return z * (1 + (z2 + 1) / (4 * v) + ((5 * z2 + 16) * z2 + 3) / (96 * v * v) +
              (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * v * v * v));
}

}  // namespace

LossDifference loss_difference(const ChunkLosses& model, const ChunkLosses& against) {
  const size_t chunks = model.losses.size();
  if (model.masked != against.masked || chunks != against.losses.size() || chunks != model.masked.size() || chunks == 0)
    fail(ErrorKind::usage,
         "two evaluations of other chunks or masks cannot be compared: {} chunks and {}; evaluate both models with the "
         "same tokenizer, chunks and options",
         chunks, against.losses.size());
  const auto masked = static_cast<double>(std::accumulate(model.masked.begin(), model.masked.end(), int64_t{0}));
  std::vector<double> differences(chunks);
  for (size_t k = 0; k < chunks; ++k) differences[k] = model.losses[k] - against.losses[k];
  const double sum = std::accumulate(differences.begin(), differences.end(), 0.0);
  LossDifference d{.loss = sum / masked};
  // Each chunk left out in turn. One that holds all masked tokens leaves nothing to compare.
  std::vector<double> without(chunks);
  for (size_t k = 0; k < chunks; ++k)
    without[k] = (sum - differences[k]) / (masked - static_cast<double>(model.masked[k]));
  const auto n = static_cast<double>(chunks);
  const double mean = std::accumulate(without.begin(), without.end(), 0.0) / n;
  double squares = 0;
  for (const double value : without) squares += (value - mean) * (value - mean);
  double half = chunks > 1 ? student_t(static_cast<int64_t>(chunks) - 1) * std::sqrt((n - 1) / n * squares) : INFINITY;
  if (!std::isfinite(half)) half = INFINITY;
  d.low = d.loss - half;
  d.high = d.loss + half;
  return d;
}

}  // namespace tekio

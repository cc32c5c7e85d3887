// The loss that we report does not depend on how the set is cut into batches; the reference's does (it averages the
// batches' means, weighted by sequences), so that figure is kept beside it.
#include "train/evaluation.h"

#include <chrono>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/log.h"

namespace tekio {

void LossSums::add(std::span<const double> losses, std::span<const int64_t> masked, int64_t hits) {
  const double loss = std::accumulate(losses.begin(), losses.end(), 0.0);
  const int64_t count = std::accumulate(masked.begin(), masked.end(), int64_t{0});
  losses_.insert(losses_.end(), losses.begin(), losses.end());
  counts_.insert(counts_.end(), masked.begin(), masked.end());
  masked_ += count;
  hits_ += hits;
  if (count > 0) by_sequences_ += static_cast<double>(losses.size()) * (loss / static_cast<double>(count));
}

EvaluationReport LossSums::report() const {
  EvaluationReport r;
  const auto n = static_cast<double>(losses_.size());
  r.chunks = static_cast<int64_t>(losses_.size());
  r.masked_tokens = masked_;
  r.loss = std::accumulate(losses_.begin(), losses_.end(), 0.0) / static_cast<double>(masked_);
  r.perplexity = std::exp(r.loss);
  r.accuracy = static_cast<double>(hits_) / static_cast<double>(masked_);
  r.reference_loss = by_sequences_ / n;
  double squares = 0;
  for (size_t k = 0; k < losses_.size(); ++k) {
    const double residual = losses_[k] - r.loss * static_cast<double>(counts_[k]);
    squares += residual * residual;
  }
  const double error = n > 1 ? std::sqrt(n / (n - 1) * squares) / static_cast<double>(masked_) : INFINITY;
  r.perplexity_interval = r.perplexity * 1.96 * error;
  return r;
}

Evaluator::Evaluator(ModelLease& lease, RunMasking& masking, const Chunks& chunks, int64_t batch_size, EvalMasking kind)
    : lease_(lease), batches_(masking, chunks, batch_size, kind), chunks_(chunks.size()) {}

std::optional<EvaluationReport> Evaluator::run(uint64_t number, const std::function<bool()>& interrupted) {
  const auto begun = std::chrono::steady_clock::now();
  Progress progress(" evaluating", batches_.batches(), "tokens");
  LossSums sums;
  std::vector<double> losses;
  std::vector<int64_t> masked;
  int64_t tokens = 0, done = 0;
  batches_.start(number);
  while (const std::optional<CollatedBatch> next = batches_.next()) {
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
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return report;
}

}  // namespace tekio

// The loss that we report does not depend on how the set is cut into batches; the reference's does (it averages the
// batches' means, weighted by sequences), so that figure is kept beside it.
#include "train/evaluation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/statistics.h"
#include "base/stopwatch.h"
#include "base/worker_thread.h"
#include "train/chunk_losses.h"

namespace tekio {

void LossSums::add(const ChunkLosses& batch) {
  const double loss = std::accumulate(batch.losses.begin(), batch.losses.end(), 0.0);
  const int64_t count = std::accumulate(batch.masked.begin(), batch.masked.end(), int64_t{0});
  each_.losses.insert(each_.losses.end(), batch.losses.begin(), batch.losses.end());
  each_.masked.insert(each_.masked.end(), batch.masked.begin(), batch.masked.end());
  each_.tokens.insert(each_.tokens.end(), batch.tokens.begin(), batch.tokens.end());
  masked_ += count;
  if (count > 0) by_sequences_ += static_cast<double>(batch.losses.size()) * (loss / static_cast<double>(count));
}

EvaluationReport LossSums::report() const {
  EvaluationReport r;
  const std::vector<double>& losses = each_.losses;
  const auto n = static_cast<double>(losses.size());
  r.chunks = static_cast<int64_t>(losses.size());
  r.masked_tokens = masked_;
  r.loss = std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(masked_);
  r.perplexity = std::exp(r.loss);
  const auto hits = std::ranges::count_if(each_.tokens, [](const MaskedToken& token) { return token.hit; });
  r.accuracy = static_cast<double>(hits) / static_cast<double>(masked_);
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

namespace {

[[noreturn]] void fail_damaged(std::string_view record) {
  fail(ErrorKind::comms, "a rank sent {} where its part of an evaluation was due",
       counted(static_cast<int64_t>(record.size()), "byte"));
}

}  // namespace

/// What a batch adds, as ranks tell each other.
struct Evaluator::BatchSums {
  ChunkLosses each;
  int64_t tokens = 0;

  std::string to_record(int signal) const {
    const std::array head = {int64_t{signal}, tokens};
    return std::string(reinterpret_cast<const char*>(head.data()), sizeof head) + to_bytes(each);
  }
  /// Returns what to_record() was told.
  int take(std::string_view record) {
    std::array<int64_t, 2> head;
    if (record.size() < sizeof head) fail_damaged(record);
    std::memcpy(head.data(), record.data(), sizeof head);
    tokens = head[1];
    auto losses = chunk_losses_in(record.substr(sizeof head));
    if (!losses) fail_damaged(record);
    each = std::move(*losses);
    return static_cast<int>(head[0]);
  }
};

Evaluator::Evaluator(ModelLease& lease, RunMasking& masking, const Chunks& chunks, int64_t batch_size, EvalMasking kind,
                     Communicator& ranks)
    : lease_(lease), batches_(masking, chunks, batch_size, kind), chunks_(chunks.size()), ranks_(ranks) {}

/// `rows`: what each came to.
Evaluator::BatchSums Evaluator::sums_of(const Batch& batch, const RowLosses& rows) {
  BatchSums sums{.each = {}, .tokens = batch.tokens()};
  ChunkLosses& each = sums.each;
  each.losses.assign(static_cast<size_t>(batch.sequences()), 0);
  each.masked.assign(each.losses.size(), 0);
  each.tokens.reserve(rows.size());
  size_t sequence = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    while (batch.masked_rows[i] >= batch.offsets[sequence + 1]) ++sequence;
    ++each.masked[sequence];
    each.losses[sequence] += rows[i].loss;
    each.tokens.push_back({batch.labels[i], batch.masked_rows[i] - batch.offsets[sequence],
                           static_cast<float>(rows[i].loss), static_cast<float>(rows[i].confidence), rows[i].hits > 0});
  }
  return sums;
}

/// Of all batches, in their order. In each round every rank evaluates one of its own, and all learn what came of it; a
/// device of one rank goes from one to the next for some rounds.
std::optional<std::vector<Evaluator::BatchSums>> Evaluator::all_sums(uint64_t number,
                                                                     const std::function<int()>& told) {
  const int64_t all = batches_.batches(), rounds = divided_up(all, ranks_.size());
  const auto share_of_rank = [&](int64_t rank) {
    return NumberRange{std::min(rank * rounds, all), std::min((rank + 1) * rounds, all)};
  };
  const NumberRange own = share_of_rank(ranks_.rank());
  batches_.start(number);
  MadeAhead<std::optional<CollatedBatch>> made([this, own, all, next = int64_t{0}]() mutable {
    for (; next < own.begin; ++next) batches_.skip();
    if (next < own.end) return ++next, batches_.next();
    for (; next < all; ++next) batches_.skip();  // others' draws come before those of whatever follows
    return std::optional<CollatedBatch>();
  });
  Progress progress(" evaluating", all, "tokens");
  std::vector<BatchSums> sums(static_cast<size_t>(all));
  int64_t tokens = 0, done = 0, learned = 0;
  const auto learn = [&](const BatchSums& of_round) {  // whether to go on
    const std::vector<std::string> records = ranks_.gather(of_round.to_record(told()));
    bool interrupted = false;
    for (size_t rank = 0; rank < records.size(); ++rank) {
      BatchSums of_rank;
      interrupted = of_rank.take(records[rank]) != 0 || interrupted;
      tokens += of_rank.tokens;
      const NumberRange its = share_of_rank(static_cast<int64_t>(rank));
      if (learned < its.size()) ++done, sums[static_cast<size_t>(its.begin + learned)] = std::move(of_rank);
    }
    ++learned;
    progress.update(done, tokens);
    return !interrupted;
  };

  Backend& backend = lease_.model().backend();
  const size_t at_once = ranks_.size() == 1 && !backend.memory().on_host() ? 16 : 1;
  std::vector<std::pair<std::optional<CollatedBatch>, RowLosses>> begun;
  for (int64_t round = 0; round < rounds; ++round) {
    begun.emplace_back(made.take(), RowLosses());
    made.begin();
    if (const auto& batch = begun.back().first) {
      lease_.ensure_fits(batch->batch);
      begun.back().second = lease_.model().evaluate(batch->batch);
    }
    if (begun.size() < at_once && round + 1 < rounds) continue;
    backend.wait();
    for (const auto& [batch, rows] : begun)
      if (!learn(batch ? sums_of(batch->batch, rows) : BatchSums())) return std::nullopt;
    begun.clear();
  }
  return sums;
}

std::optional<EvaluationReport> Evaluator::run(uint64_t number, const std::function<int()>& told, ChunkLosses* each) {
  const Stopwatch watch;
  const std::optional<std::vector<BatchSums>> batches = all_sums(number, told);
  if (!batches) return std::nullopt;
  LossSums sums;
  for (const BatchSums& batch : *batches) sums.add(batch.each);
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

// The norm is over all tensors, tied ones once: the arena's gaps are 0 and add nothing.
#include "train/optimizer.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "base/error.h"

namespace tekio {
namespace {

/// Errors: comms (of a rank's record are fewer bytes left).
void require_rest(const std::vector<std::string>& records, size_t rank, size_t used, size_t bytes, const char* of) {
  if (records[rank].size() - used < bytes)
    fail(ErrorKind::comms, "rank {} sent {} bytes of {} where {} or more were due: the ranks do different things", rank,
         records[rank].size(), of, used + bytes);
}

}  // namespace

int64_t Optimizer::moment_bytes(const ModelConfig& config, int sharers, int rank) {
  return 2 * Arena::size_of_tensor(DType::f32, {ArenaShares(config, sharers).count_of(rank)});
}

int64_t Optimizer::most_moment_bytes(const ModelConfig& config, int sharers) {
  int64_t most = 0;
  for (int rank = 0; rank < sharers; ++rank) most = std::max(most, moment_bytes(config, sharers, rank));
  return most;
}

Optimizer::Optimizer(Backend& backend, const ModelConfig& config, const OptimizerOptions& options, RankSums* sharers)
    : backend_(backend),
      options_(options),
      sharers_(sharers != nullptr && sharers->ranks().size() > 1 ? sharers : nullptr),
      all_(config, is_shared() ? sharers->ranks().size() : 1),
      rank_(is_shared() ? sharers->ranks().rank() : 0) {
  static constexpr const char* kPurposes[] = {"first moments", "second moments"};
  for (size_t i = 0; i < 2; ++i) {
    if (is_shared())
      shares_[i] = Arena(Arena::size_of_tensor(DType::f32, {all_.count_of(rank_)}), kPurposes[i], backend.memory());
    else
      whole_[i] = std::make_unique<ParameterSet>(config, kPurposes[i], backend.memory());
  }
  int64_t blocks = 1;  // one at least: what other ranks have found
  for (const auto& run : own_runs({0, all_.count()})) blocks += norm_blocks(run.size());
  results_ = Arena(Arena::size_of_tensor(DType::f64, {blocks}) + Arena::size_of_tensor(DType::f64, {kClipping}),
                   "the gradients' norm", backend.memory());
  squares_ = results_.take(DType::f64, {blocks});
  clipping_ = results_.take(DType::f64, {kClipping});
}

std::vector<ArenaShares::Run> Optimizer::own_runs(ArenaRange range) const {
  std::vector<ArenaShares::Run> runs = all_.runs(range);
  std::erase_if(runs, [&](const ArenaShares::Run& run) { return run.rank != rank_; });
  return runs;
}

Tensor Optimizer::part(Moment moment, int64_t begin, int64_t end) {
  const auto i = static_cast<size_t>(moment);
  const Tensor share =
      is_shared() ? Tensor(shares_[i].data(), DType::f32, {all_.count_of(rank_)}) : whole_[i]->flat_to_change();
  const int64_t place = all_.place_of(begin);
  return share.rows(place, place + end - begin);
}

Tensor Optimizer::squares(ConstTensor gradients) {
  int64_t blocks = 0;
  for (const auto& run : own_runs({0, all_.count()})) {
    const int64_t end = blocks + norm_blocks(run.size());
    backend_.squared_norms(squares_.rows(blocks, end), gradients.rows(run.begin, run.end));
    blocks = end;
  }
  return squares_.rows(0, blocks);
}

std::vector<double> Optimizer::host_copy(ConstTensor sums) {
  std::vector<double> copy(static_cast<size_t>(sums.numel()));
  backend_.memory().read(copy.data(), sums.data, sums.bytes());
  return copy;
}

/// Each rank's blocks are of its own share; all are added in their order in the arena.
double Optimizer::squared_norm(const ParameterSet& gradients) {
  const std::vector<double> own = host_copy(squares(gradients.flat()));
  if (!is_shared()) return std::accumulate(own.begin(), own.end(), 0.0);
  const std::vector<std::string> records =
      sharers_->ranks().gather({reinterpret_cast<const char*>(own.data()), own.size() * sizeof(double)});
  std::vector<size_t> used(records.size(), 0);
  double sum = 0;
  for (const auto& run : all_.runs()) {
    const auto rank = static_cast<size_t>(run.rank);
    for (int64_t begin = run.begin; begin < run.end; begin += kNormBlock, used[rank] += sizeof(double)) {
      double of_block = 0;
      require_rest(records, rank, used[rank], sizeof of_block, "sums of squares");
      std::memcpy(&of_block, records[rank].data() + used[rank], sizeof of_block);
      sum += of_block;
    }
  }
  return sum;
}

void Optimizer::update(ParameterSet& weights, const ParameterSet& gradients, double learning_rate, int64_t step,
                       std::optional<double> squared_norm) {
  if (is_shared() && !squared_norm) squared_norm = this->squared_norm(gradients);
  if (squared_norm) {
    const Tensor whole = squares_.rows(0, 1);
    backend_.memory().write(whole.data, &*squared_norm, whole.bytes());
    backend_.clip(clipping_, whole, options_.max_grad_norm);
  } else {
    backend_.clip(clipping_, squares(gradients.flat()), options_.max_grad_norm);
  }
  AdamWStep adamw{.learning_rate = learning_rate,
                  .beta1 = options_.beta1,
                  .beta2 = options_.beta2,
                  .epsilon = options_.epsilon,
                  .weight_decay = 0,
                  .step = step};
  const Tensor w = weights.flat_to_change();
  const ConstTensor g = gradients.flat();
  for (const auto& piece : weights.pieces()) {
    adamw.weight_decay = piece.decays ? options_.weight_decay : 0;
    for (const auto& [begin, end, rank] : own_runs({piece.begin, piece.end}))
      backend_.adamw(w.rows(begin, end), part(Moment::first, begin, end), part(Moment::second, begin, end),
                     g.rows(begin, end), clipping_, adamw);
  }
  if (is_shared()) {
    sharers_->begin_exchange_of_shares(w.values(), all_.parts({0, all_.count()}));
    sharers_->wait();
  }
}

void Optimizer::collect(Moment moment, ParameterSet* into) {
  TEKIO_CHECK(is_shared(), "all moments are here");
  constexpr int64_t kMost = 1 << 20;  // numbers at a time, so that records take little memory
  auto* const to = into != nullptr ? reinterpret_cast<char*>(into->flat_to_change().f32()) : nullptr;
  for (int64_t first = 0; first < all_.count(); first += kMost) {
    const ArenaRange here{first, std::min(first + kMost, all_.count())};
    std::string record;
    for (const auto& [begin, end, rank] : own_runs(here)) {
      const Tensor own = part(moment, begin, end);
      record.resize(record.size() + static_cast<size_t>(own.bytes()));
      backend_.memory().read(record.data() + record.size() - own.bytes(), own.data, own.bytes());
    }
    std::vector<std::string> records = sharers_->ranks().gather(record);
    if (to == nullptr) continue;
    std::vector<size_t> used(records.size(), 0);
    for (const ArenaShares::Run& run : all_.runs(here)) {
      const auto rank = static_cast<size_t>(run.rank);
      const size_t bytes = static_cast<size_t>(run.size()) * sizeof(float);
      require_rest(records, rank, used[rank], bytes, "moments");
      std::memcpy(to + run.begin * size_of(DType::f32), records[rank].data() + used[rank], bytes);
      used[rank] += bytes;
    }
  }
}

void Optimizer::take(Moment moment, const ParameterSet& from) {
  for (const auto& [begin, end, rank] : own_runs({0, all_.count()})) {
    const Tensor own = part(moment, begin, end);
    backend_.memory().write(own.data, from.flat().f32() + begin, own.bytes());
  }
}

}  // namespace tekio

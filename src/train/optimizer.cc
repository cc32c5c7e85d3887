// The norm is over all tensors, tied ones once: the arena's gaps are 0 and add nothing.
#include "train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"

namespace tekio {
namespace {

/// What gradients are multiplied by so that their norm is at most `limit`. The reference divides by norm + 1e-6, in
/// float32.
float clipping_scale(double norm, double limit) {
  if (limit == 0) return 1;
  return std::min(1.0f, static_cast<float>(limit) / (static_cast<float>(norm) + 1e-6f));
}

/// A rank's share of a set's arena.
ArenaRange share_in(const ModelConfig& config, int sharers, int rank) {
  const Share share = share_of(static_cast<size_t>(ParameterSet::flat_count(config)), rank, sharers);
  return {static_cast<int64_t>(share.begin), static_cast<int64_t>(share.end)};
}

}  // namespace

int64_t Optimizer::moment_bytes(const ModelConfig& config, int sharers, int rank) {
  const ArenaRange share = share_in(config, sharers, rank);
  return 2 * Arena::size_of_tensor(DType::f32, {share.end - share.begin});
}

int64_t Optimizer::most_moment_bytes(const ModelConfig& config, int sharers) {
  int64_t most = 0;
  for (int rank = 0; rank < sharers; ++rank) most = std::max(most, moment_bytes(config, sharers, rank));
  return most;
}

Optimizer::Optimizer(Backend& backend, const ModelConfig& config, const OptimizerOptions& options,
                     Communicator* sharers)
    : backend_(backend),
      options_(options),
      sharers_(sharers != nullptr && sharers->size() > 1 ? sharers : nullptr),
      count_(ParameterSet::flat_count(config)),
      share_(is_shared() ? share_in(config, sharers->size(), sharers->rank()) : share_in(config, 1, 0)) {
  static constexpr const char* kPurposes[] = {"first moments", "second moments"};
  const int64_t bytes = Arena::size_of_tensor(DType::f32, {share_.end - share_.begin});
  for (size_t i = 0; i < 2; ++i) {
    if (is_shared())
      shares_[i] = Arena(bytes, kPurposes[i], backend.memory());
    else
      whole_[i] = std::make_unique<ParameterSet>(config, kPurposes[i], backend.memory());
  }
}

Tensor Optimizer::part(Moment moment, int64_t begin, int64_t end) {
  const auto i = static_cast<size_t>(moment);
  const Tensor share =
      is_shared() ? Tensor(shares_[i].data(), DType::f32, {share_.end - share_.begin}) : whole_[i]->flat_to_change();
  return share.rows(begin - share_.begin, end - share_.begin);
}

/// What of [begin, end) is in the own share.
ArenaRange Optimizer::within_share(int64_t begin, int64_t end) const {
  const int64_t from = std::clamp(begin, share_.begin, share_.end);
  return {from, std::clamp(end, from, share_.end)};
}

double Optimizer::update(ParameterSet& weights, const ParameterSet& gradients, double learning_rate, int64_t step) {
  const double norm = std::sqrt(backend_.squared_norm(gradients.flat()));
  if (!std::isfinite(norm)) return norm;
  AdamWStep adamw{.learning_rate = learning_rate,
                  .beta1 = options_.beta1,
                  .beta2 = options_.beta2,
                  .epsilon = options_.epsilon,
                  .weight_decay = 0,
                  .step = step,
                  .gradient_scale = clipping_scale(norm, options_.max_grad_norm)};
  const Tensor w = weights.flat_to_change();
  const ConstTensor g = gradients.flat();
  for (const auto& piece : weights.pieces()) {
    adamw.weight_decay = piece.decays ? options_.weight_decay : 0;
    const auto [begin, end] = within_share(piece.begin, piece.end);
    if (begin < end)
      backend_.adamw(w.rows(begin, end), part(Moment::first, begin, end), part(Moment::second, begin, end),
                     g.rows(begin, end), adamw);
  }
  if (is_shared()) exchange_shares(w);
  return norm;
}

void Optimizer::exchange_shares(Tensor weights) {
  Memory& memory = backend_.memory();
  if (memory.on_host()) {
    sharers_->begin_exchange_of_shares(weights.values());
    return sharers_->wait();
  }
  std::vector<float> staged(static_cast<size_t>(weights.numel()));
  const Tensor own = weights.rows(share_.begin, share_.end);
  memory.read(staged.data() + share_.begin, own.data, own.bytes());
  sharers_->begin_exchange_of_shares(staged);
  sharers_->wait();
  memory.write(weights.data, staged.data(), weights.bytes());
}

void Optimizer::collect(Moment moment, ParameterSet* into) {
  TEKIO_CHECK(is_shared(), "all moments are here");
  constexpr int64_t kMost = 1 << 20;  // numbers at a time, so that records take little memory
  auto* to = into != nullptr ? reinterpret_cast<char*>(into->flat_to_change().f32()) : nullptr;
  for (int64_t begin = 0; begin < count_; begin += kMost) {
    const auto [own_begin, own_end] = within_share(begin, std::min(begin + kMost, count_));
    const Tensor own = part(moment, own_begin, own_end);
    std::string record(static_cast<size_t>(own.bytes()), '\0');
    backend_.memory().read(record.data(), own.data, own.bytes());
    for (const std::string& theirs : sharers_->gather(record))
      if (to != nullptr) to = std::ranges::copy(theirs, to).out;
  }
}

void Optimizer::take(Moment moment, const ParameterSet& from) {
  const Tensor own = part(moment, share_.begin, share_.end);
  backend_.memory().write(own.data, from.flat().f32() + share_.begin, own.bytes());
}

}  // namespace tekio

// The passes of a masked language model. The last layer and the head run on masked rows only: no other row's logits
// enter the loss, so loss and gradients are exactly those of the whole (a test holds it).
#include "model/mlm_network.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "model/activations.h"
#include "model/vocabulary.h"

namespace tekio {
namespace {

// What tokenizers and data of the wrong model can cause is an input error; the packing itself is ours.
void check_batch(const Batch& batch, const ModelConfig& config) {
  const int64_t n = batch.tokens();
  TEKIO_CHECK(!batch.offsets.empty() && batch.offsets.front() == 0 && batch.offsets.back() == n &&
                  std::ranges::is_sorted(batch.offsets),
              "offsets do not cut {} tokens", n);
  TEKIO_CHECK(batch.labels.size() == batch.masked_rows.size() &&
                  (batch.type_ids.empty() || batch.type_ids.size() == batch.input_ids.size()),
              "{} labels for {} rows, {} type ids for {} tokens", batch.labels.size(), batch.masked_rows.size(),
              batch.type_ids.size(), n);
  TEKIO_CHECK(std::ranges::adjacent_find(batch.masked_rows, std::greater_equal<>()) == batch.masked_rows.end() &&
                  (batch.masked_rows.empty() || (batch.masked_rows.front() >= 0 && batch.masked_rows.back() < n)),
              "masked rows are not ascending token numbers below {}", n);
  for (size_t k = 0; k + 1 < batch.offsets.size(); ++k)
    if (const int32_t length = batch.offsets[k + 1] - batch.offsets[k]; length > config.longest_input())
      fail(ErrorKind::input, "a sequence has {} tokens, but the model has only {} positions; shorten or chunk the text",
           length, config.longest_input());
  const auto check_ids = [](std::span<const int32_t> ids, int64_t end, const char* what, const char* table) {
    for (size_t i = 0; i < ids.size(); ++i)
      if (ids[i] < 0 || ids[i] >= end)
        fail(ErrorKind::input,
             "{} {} (number {}) is outside the model's {} of {}; were tokenizer and model made for each other?", what,
             ids[i], i, table, end);
  };
  check_ids(batch.input_ids, config.vocabulary, "token id", "vocabulary");
  check_ids(batch.labels, config.vocabulary, "label", "vocabulary");
  if (config.type_vocabulary > 0) check_ids(batch.type_ids, config.type_vocabulary, "token type", "token types");
}

const EncoderBlock& block_of(const ModelConfig& config) {
  return config.pre_norm ? pre_norm_block() : post_norm_block();
}

// Rows of the position table, as the reference counts them (its create_position_ids_from_input_ids, for RoBERTa's kin).
void count_positions(const ModelConfig& config, const Batch& batch, std::vector<int32_t>& positions) {
  positions.resize(config.position_rows() > 0 ? batch.input_ids.size() : 0);
  if (positions.empty()) return;
  for (size_t k = 0; k + 1 < batch.offsets.size(); ++k) {
    int32_t next = config.position_rule == PositionRule::behind_padding ? config.padding_id + 1 : 0;
    for (auto i = static_cast<size_t>(batch.offsets[k]); i < static_cast<size_t>(batch.offsets[k + 1]); ++i) {
      const bool is_padding =
          config.position_rule == PositionRule::behind_padding && batch.input_ids[i] == config.padding_id;
      positions[i] = is_padding ? config.padding_id : next++;
    }
  }
}

Pass make_pass(const ModelConfig& config, Backend& backend, const Batch& batch, std::span<const int32_t> rows,
               std::vector<int32_t>& positions, const Dropouts& dropouts) {
  count_positions(config, batch, positions);
  const bool padding_is_apart = config.position_rule == PositionRule::behind_padding;
  Pass pass{.be = backend,
            .config = config,
            .sequences = {batch.offsets, batch.first_key},
            .tokens = {.ids = batch.input_ids,
                       .positions = positions,
                       .word_padding = config.padding_id,
                       .position_padding = padding_is_apart ? config.padding_id : -1},
            .rows = rows,
            .dropouts = dropouts};
  if (config.type_vocabulary > 0)
    pass.tokens.type_ids = batch.type_ids;  // DistilBERT has no use for them, like the reference's
  return pass;
}

// h.logits[r,V] = norm(act(x w^T + b)) decoder^T + bias, x[r,C] being the masked rows of the encoder's output.
void head_forward(const Pass& p, const NetworkWeights& w, HeadKept& h, ConstTensor x) {
  p.be.linear_activation(h.activated, h.transform, x, w.transform.weight, w.transform.bias,
                         p.config.head_activation);              // [r,E]
  p.be.norm(h.y, h.norm, h.activated, w.head_norm);              // [r,E]
  p.be.linear(h.logits, h.y, w.decoder.weight, w.decoder.bias);  // [r,V]
}

// From d_logits, in h.logits, to d_x[r,C].
void head_backward(const Pass& p, const NetworkWeights& w, WeightsOf<Tensor>& d_w, HeadKept& h, Tensor d_x,
                   ConstTensor x) {
  const Tensor d_decoder = d_w.decoder.weight ? d_w.decoder.weight : d_w.word.weight;         // tied
  p.be.linear_backward(h.d_a, d_decoder, d_w.decoder.bias, h.logits, h.y, w.decoder.weight);  // d_a: of y
  p.be.norm_backward(h.d_b, {d_w.head_norm.weight, d_w.head_norm.bias}, h.d_a, h.norm,
                     w.head_norm);  // d_b: of activated
  p.be.linear_activation_backward(d_x, d_w.transform.weight, d_w.transform.bias, h.d_b, h.transform, x,
                                  w.transform.weight, p.config.head_activation);
}

// Tells which parts of the gradients are final.
class FinalRanges {
 public:
  FinalRanges(const ModelConfig& config, const ParameterSet& gradients, const BackwardOptions& how)
      : config_(config), parts_(gradients.parts()), how_(how) {}
  void head() const {
    tell(parts_.head);
    if (how_.looked_up != nullptr && config_.tied) tell(parts_.word);
  }
  void layer(int64_t layer) const {
    const int64_t own = config_.weights_of_layer(layer);
    for (int64_t before = 0; before < layer; ++before)
      if (config_.weights_of_layer(before) == own) return;  // which adds to them yet
    tell(parts_.layers[static_cast<size_t>(own)]);
  }
  void embedding() const {
    tell(parts_.tables);
    if (how_.looked_up == nullptr) tell(parts_.word);
    tell(parts_.small);
  }
  void all() const {
    head();
    for (int64_t i = config_.layers; i-- > 0;) layer(i);
    embedding();
  }

 private:
  void tell(ArenaRange range) const {
    if (how_.on_final && range.begin < range.end) how_.on_final(range);
  }
  const ModelConfig& config_;
  const ArenaParts& parts_;
  const BackwardOptions& how_;
};

// The same tokens by their numbers among those that are looked up.
TableRows among(const LookedUp& looked_up, const TableRows& tokens, std::vector<int32_t>& numbers) {
  const auto number_of = [&](int32_t id) {
    const auto at = std::lower_bound(looked_up.ids.begin(), looked_up.ids.end(), id);
    return at != looked_up.ids.end() && *at == id ? static_cast<int32_t>(at - looked_up.ids.begin()) : -1;
  };
  numbers.resize(tokens.ids.size());
  std::ranges::transform(tokens.ids, numbers.begin(), number_of);
  TableRows rows = tokens;
  rows.ids = numbers;
  rows.word_padding = number_of(tokens.word_padding);
  return rows;
}

}  // namespace

MlmNetwork::MlmNetwork(ModelConfig config, Backend& backend)
    : config_(std::move(config)),
      backend_(backend),
      weights_(std::make_unique<ParameterSet>(config_, "weights", backend.memory())) {}

MlmNetwork::~MlmNetwork() = default;

void MlmNetwork::grow_vocabulary(int64_t rows, uint64_t seed, ThreadPool& pool) {
  ModelConfig larger = config_;
  larger.set_vocabulary(rows);
  auto weights = std::make_unique<ParameterSet>(larger, "weights", backend_.memory());
  tekio::grow_vocabulary(*weights_, *weights, seed, pool);
  activations_.reset();
  gradients_.reset();
  prepared_.reset();
  config_ = std::move(larger);
  weights_ = std::move(weights);
}

void MlmNetwork::prepare(const BatchLimits& limits, bool training, DType type) {
  TEKIO_CHECK(type == DType::f32 || backend_.has_bf16(), "{} has no bf16", backend_.name());
  ++preparations_;
  activations_.reset();  // before the new one, so that both never stand in memory together
  if (!training) gradients_.reset();
  if (!prepared_ || prepared_->type() != type) {
    prepared_.reset();
    prepared_ = std::make_unique<PreparedWeights>(*weights_, backend_, type);
    prepared_stale_ = true;
  }
  if (training && !gradients_) gradients_ = std::make_unique<ParameterSet>(config_, "gradients", backend_.memory());
  activations_ = std::make_unique<Activations>(config_, limits, training, type, backend_);
}

namespace {

// The back ends' tables of angles: one for each base.
int64_t rotary_bytes(const ModelConfig& config, int64_t length) {
  std::set<double> bases;
  for (int64_t layer = 0; layer < config.layers; ++layer)
    if (const double theta = config.attention_of(layer).rope_theta; theta > 0) bases.insert(theta);
  return static_cast<int64_t>(bases.size()) * length * (config.width / config.heads) * size_of(DType::f32);
}

}  // namespace

MemoryPlan MlmNetwork::plan(const ModelConfig& config, const Backend& backend, const BatchLimits& limits, bool training,
                            bool explicit_dropout, DType type) {
  MemoryPlan plan;
  plan.add("weights", ParameterSet::bytes(config));
  if (type == DType::bf16) plan.add("bf16 weights", PreparedWeights::bytes(config, backend, type));
  if (training) plan.add("gradients", ParameterSet::bytes(config));
  Activations::add_to(plan, config, backend, limits, training, type);
  if (const int64_t bytes = rotary_bytes(config, limits.length); bytes > 0) plan.add("rotary positions", bytes);
  if (training && explicit_dropout)
    plan.add("dropout decisions", DrawnDropout::bytes(config, limits.sequences, limits.length));
  return plan;
}

const NetworkWeights& MlmNetwork::prepared() {
  if (prepared_stale_) prepared_->refresh();
  prepared_stale_ = false;  // not before: it may be interrupted
  return prepared_->get();
}

bool MlmNetwork::fits(const Batch& batch) const { return activations_ && activations_->fits(batch); }

bool MlmNetwork::fits(const Batch& batch, DType type) const { return fits(batch) && activations_->type == type; }

void MlmNetwork::clear_gradients() {
  TEKIO_CHECK(gradients_ != nullptr, "not prepared for training");
  backend_.zero(gradients_->flat_to_change());
}

Tensor MlmNetwork::logits(const Batch& batch) {
  check_fits(batch);
  return logits_of(batch, batch.masked_rows);
}

void MlmNetwork::check_fits(const Batch& batch) const {
  check_batch(batch, config_);
  TEKIO_CHECK(fits(batch), "a batch of {} tokens and {} masked rows is larger than planned", batch.tokens(),
              batch.masked_rows.size());
}

Tensor MlmNetwork::logits_of(const Batch& batch, std::span<const int32_t> rows) {
  activations_->forwarded = false;
  PassMemory memory = activations_->cut(batch.tokens(), static_cast<int64_t>(rows.size()));
  if (!rows.empty()) run_forward(make_pass(config_, backend_, batch, rows, activations_->positions, {}), memory);
  return memory.head.logits;
}

/// From the batch to memory.head.logits; activations are kept for backward if training was prepared.
void MlmNetwork::run_forward(const Pass& pass, PassMemory& memory) {
  const NetworkWeights& w = prepared();
  const int64_t n = pass.sequences.tokens(), r = static_cast<int64_t>(pass.rows.size());
  embedding_forward(pass, w, memory.embedding, memory.scratch, memory.embedded);
  const EncoderBlock& block = block_of(config_);
  Tensor x = memory.embedded;
  for (size_t layer = 0; layer < w.layers.size(); ++layer) {
    LayerKept kept = activations_->cut_layer(layer, n, r);
    EncoderScratch& scratch = pass.is_last(static_cast<int64_t>(layer)) ? memory.last_scratch : memory.scratch;
    block.forward(pass, static_cast<int64_t>(layer), w.layers[layer], kept, scratch, x);
    x = kept.y;
  }
  head_forward(pass, w, memory.head, x);
}

RowLosses MlmNetwork::evaluate(const Batch& batch) {
  check_fits(batch);
  if (batch.masked_rows.empty()) return RowLosses();
  Activations& a = *activations_;
  a.choose_rows(batch, backend_);
  const Tensor each = a.whole.head.each.rows(0, static_cast<int64_t>(batch.masked_rows.size()));
  backend_.vocabulary_loss({}, each, {}, logits_of(batch, a.rows), a.labels, config_.vocabulary, 1.0f);
  return RowLosses(backend_.memory().read_later(each.f64(), each.numel()));
}

void MlmNetwork::forward(const Batch& batch, const StepRandom& random) {
  check_batch(batch, config_);
  TEKIO_CHECK(fits(batch) && activations_->training,
              "a batch of {} tokens and {} masked rows is larger than planned, or training was not prepared",
              batch.tokens(), batch.masked_rows.size());
  Activations& a = *activations_;
  a.dropouts = {.config = &config_, .seed = random.seed, .step = random.step};
  if (random.stream != nullptr) {
    draw_dropout(batch, *random.stream);  // also where nothing is masked: the reference draws all the same
    a.dropouts.drawn = a.drawn.get();
  }
  a.forwarded = true;
  if (batch.masked_rows.empty()) return;
  a.choose_rows(batch, backend_);
  PassMemory memory = a.cut(batch.tokens(), static_cast<int64_t>(a.rows.size()));
  run_forward(make_pass(config_, backend_, batch, a.rows, a.positions, a.dropouts), memory);
}

void MlmNetwork::draw_dropout(const Batch& batch, TorchStream& stream) {
  Activations& a = *activations_;
  if (!a.drawn)
    a.drawn = std::make_unique<DrawnDropout>(DrawnDropout::bytes(config_, a.limits.sequences, a.limits.length));
  a.drawn->draw(config_, batch, stream);
}

void MlmNetwork::skip_dropout(const Batch& batch, const StepRandom& random) {
  TEKIO_CHECK(activations_ && !activations_->forwarded, "skipped between forward and backward, or without memory");
  if (random.stream != nullptr) draw_dropout(batch, *random.stream);
}

void MlmNetwork::for_each_final_range(const BackwardOptions& how) const {
  FinalRanges(config_, *gradients_, how).all();
}

void MlmNetwork::backward(const Batch& batch, float scale, Tensor loss, const BackwardOptions& how) {
  TEKIO_CHECK(activations_ && activations_->forwarded, "backward without its forward");
  Activations& a = *activations_;
  a.forwarded = false;
  const FinalRanges final_ranges(config_, *gradients_, how);
  if (batch.masked_rows.empty()) {
    if (loss) backend_.zero(loss);
    return final_ranges.all();
  }
  const Pass pass = make_pass(config_, backend_, batch, a.rows, a.positions, a.dropouts);
  const int64_t n = batch.tokens(), r = static_cast<int64_t>(a.rows.size());
  PassMemory memory = a.cut(n, r);
  const NetworkWeights& w = prepared_->get();  // as forward had them
  WeightsOf<Tensor>& d_w = gradients_->tensors_to_change();
  backend_.vocabulary_loss(loss, {}, memory.head.logits, memory.head.logits, a.labels, config_.vocabulary, scale);
  head_backward(pass, w, d_w, memory.head, memory.last_scratch.d_y, a.cut_layer(w.layers.size() - 1, n, r).y);
  final_ranges.head();
  const EncoderBlock& block = block_of(config_);
  for (size_t layer = w.layers.size(); layer-- > 0;) {
    const Tensor x = layer > 0 ? a.cut_layer(layer - 1, n, r).y : memory.embedded;
    EncoderScratch& scratch = pass.is_last(static_cast<int64_t>(layer)) ? memory.last_scratch : memory.scratch;
    const auto own = static_cast<size_t>(config_.weights_of_layer(static_cast<int64_t>(layer)));
    block.backward(pass, static_cast<int64_t>(layer), w.layers[layer], d_w.layers[own], a.cut_layer(layer, n, r),
                   scratch, x);
    final_ranges.layer(static_cast<int64_t>(layer));
  }
  const LookedUp* const apart = how.looked_up;
  embedding_backward(pass, w, d_w, memory.embedding, memory.scratch, memory.scratch.*block.d_embedded,
                     apart != nullptr ? apart->gradients : d_w.word.weight,
                     apart != nullptr ? among(*apart, pass.tokens, a.looked_up) : pass.tokens);
  final_ranges.embedding();
}

}  // namespace tekio

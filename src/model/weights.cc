// A model's tensors laid out and named. All that AdamW decays (matrices, embeddings) comes first in the arena, then all
// that it does not (biases, norms): so the flat arena has just two pieces, and each is one long loop for the optimizer.
#include "model/weights.h"

#include <algorithm>

#include "model/family.h"

namespace tekio {
namespace {

WeightsOf<Tensor> without_numbers(const ModelConfig& config) {
  WeightsOf<Tensor> weights;
  weights.layers.resize(static_cast<size_t>(config.weight_layers()));
  return weights;
}

// Calls visit(tensor, shape, role) for every tensor of the arena. What a model lacks has no rows, or is the head's
// matrix where that is the word embeddings.
template <typename Visit>
void for_each_slot(const ModelConfig& config, WeightsOf<Tensor>& weights, Visit&& visit) {
  using Shape = std::initializer_list<int64_t>;
  for_each_module(
      [&](const Module& module, PairOf<Tensor>& pair) {
        const int64_t rows = extent_of(config, module.rows), columns = extent_of(config, module.columns);
        if (rows == 0) return;
        const bool is_norm = module.kind == Module::Kind::norm;
        if (is_norm)
          visit(pair.weight, Shape{rows}, TensorRole::norm_weight);
        else if (!(config.tied && &pair == &weights.decoder))
          visit(pair.weight, Shape{rows, columns}, TensorRole::matrix);
        if (has_bias(config, module)) visit(pair.bias, Shape{rows}, TensorRole::bias);
      },
      weights);
}

// The reference's names, in the schema's order: that of BERT's and DistilBERT's named_parameters().
std::vector<TensorToChange> name_tensors(const ModelConfig& config, WeightsOf<Tensor> weights) {
  const TensorNames& names = table_of(config.family).names;
  std::vector<TensorToChange> named;
  std::string next_prefix;  // of the layer behind, whose name a pre-norm layer's second norm has
  const auto name_of = [&](const Module& module, const std::string& prefix, int64_t part) {
    const auto field = module.names[static_cast<size_t>(part)];
    if (field == &TensorNames::norm2 && names.final_norm != nullptr)
      return next_prefix.empty() ? std::string(names.final_norm) : next_prefix + names.norm2;
    TEKIO_CHECK(names.*field != nullptr, "{} has no name for a module", table_of(config.family).shown);
    return prefix + names.*field;
  };
  const auto add = [&](const Module& module, const std::string& prefix, const PairOf<Tensor>& pair) {
    if (!pair.weight) return;
    const int64_t parts = module.parts(names);
    const int64_t rows = pair.weight.dim[0] / parts;
    const TensorRole role = module.kind == Module::Kind::norm ? TensorRole::norm_weight : TensorRole::matrix;
    for (int64_t part = 0; part < parts; ++part) {
      const std::string name = name_of(module, prefix, part);
      const auto of_part = [&](const Tensor& whole) {
        return parts == 1 ? whole : whole.rows(part * rows, (part + 1) * rows);
      };
      named.push_back({name + ".weight", of_part(pair.weight), role});
      if (pair.bias) named.push_back({name + ".bias", of_part(pair.bias), TensorRole::bias});
    }
  };
  for_each_module_of_embedding([&](const Module& module, PairOf<Tensor>& pair) { add(module, "", pair); }, weights);
  for (size_t i = 0; i < weights.layers.size(); ++i) {
    const std::string prefix = layer_prefix(names, static_cast<int64_t>(i), config.inner_layers);
    next_prefix =
        i + 1 < weights.layers.size() ? layer_prefix(names, static_cast<int64_t>(i) + 1, config.inner_layers) : "";
    for_each_module_of_layer([&](const Module& module, PairOf<Tensor>& pair) { add(module, prefix, pair); },
                             weights.layers[i]);
  }
  const TensorToChange head_bias{names.head_bias, weights.decoder.bias, TensorRole::bias};
  if (names.head_bias_first && head_bias.tensor) named.push_back(head_bias);
  for_each_module_of_head(
      [&](const Module& module, PairOf<Tensor>& pair) {
        if (&pair != &weights.decoder) add(module, "", pair);
      },
      weights);
  if (weights.decoder.weight) named.push_back({names.decoder, weights.decoder.weight, TensorRole::matrix});
  if (!names.head_bias_first && head_bias.tensor) named.push_back(head_bias);
  return named;
}

// Cuts an arena into a model's tensors; `pieces` says where decay changes.
WeightsOf<Tensor> cut(const ModelConfig& config, Arena& arena, std::vector<ParameterSet::Piece>& pieces) {
  WeightsOf<Tensor> tensors = without_numbers(config);
  arena.reset();
  pieces.clear();
  for (const bool wanted : {true, false}) {
    const int64_t begin = arena.used() / size_of(DType::f32);
    for_each_slot(config, tensors, [&](Tensor& field, std::initializer_list<int64_t> shape, TensorRole role) {
      if (decays(role) == wanted) field = arena.take(DType::f32, shape);
    });
    pieces.push_back({begin, arena.used() / size_of(DType::f32), wanted});
  }
  return tensors;
}

// Where the parts of a set lie, which cut() has laid out from `begin` on.
ArenaParts parts_of(const WeightsOf<Tensor>& tensors, const void* begin,
                    const std::vector<ParameterSet::Piece>& pieces) {
  const auto at = [&](const Tensor& tensor) {
    return static_cast<const float*>(tensor.data) - static_cast<const float*>(begin);
  };
  ArenaParts parts;
  parts.small = {pieces.back().begin, pieces.back().end};
  parts.head = {at(tensors.transform.weight), parts.small.begin};
  int64_t end = parts.head.begin;
  for (size_t i = tensors.layers.size(); i-- > 0;) {
    parts.layers.insert(parts.layers.begin(), {at(tensors.layers[i].qkv.weight), end});
    end = parts.layers.front().begin;
  }
  const Tensor* behind_words = nullptr;
  for (const Tensor* table : {&tensors.position.weight, &tensors.type.weight, &tensors.project.weight})
    if (behind_words == nullptr && *table) behind_words = table;
  parts.tables = {behind_words != nullptr ? at(*behind_words) : end, end};
  parts.word = {at(tensors.word.weight), parts.tables.begin};
  return parts;
}

// The same places, to be read only.
EncoderWeights to_read(WeightsOf<Tensor>& tensors) {
  EncoderWeights read;
  read.layers.resize(tensors.layers.size());
  for_each_module(
      [](const Module&, PairOf<ConstTensor>& to, const PairOf<Tensor>& from) {
        to = {from.weight, from.bias};
      },
      read, tensors);
  return read;
}

}  // namespace

bool has_bias(const ModelConfig& config, const Module& module) {
  switch (module.bias) {
    case Module::Bias::never:
      return false;
    case Module::Bias::always:
      return true;
    case Module::Bias::attention:
      return config.biases.attention;
    case Module::Bias::feed_forward:
      return config.biases.feed_forward;
    case Module::Bias::norm:
      return config.biases.norms;
    case Module::Bias::transform:
      return config.biases.transform;
    case Module::Bias::decoder:
      return config.biases.decoder;
  }
  TEKIO_CHECK(false, "bias {}", static_cast<int>(module.bias));
  return false;
}

int64_t extent_of(const ModelConfig& config, Extent extent) {
  switch (extent) {
    case Extent::none:
      return 0;
    case Extent::width:
      return config.width;
    case Extent::three_widths:
      return 3 * config.width;
    case Extent::inner:
      return config.inner;
    case Extent::up:
      return config.gated ? 2 * config.inner : config.inner;
    case Extent::embedding_width:
      return config.embedding_width;
    case Extent::projected:
      return config.projects ? config.width : 0;
    case Extent::vocabulary:
      return config.vocabulary;
    case Extent::positions:
      return config.position_rows();
    case Extent::token_types:
      return config.type_vocabulary;
  }
  TEKIO_CHECK(false, "extent {}", static_cast<int>(extent));
  return 0;
}

int64_t ParameterSet::bytes(const ModelConfig& config) {
  WeightsOf<Tensor> shapes = without_numbers(config);
  int64_t total = 0;
  for_each_slot(config, shapes, [&](Tensor&, std::initializer_list<int64_t> shape, TensorRole) {
    total += Arena::size_of_tensor(DType::f32, shape);
  });
  return total;
}

ParameterSet::ParameterSet(const ModelConfig& config, const std::string& purpose, Memory& memory)
    : config_(config), memory_(memory), arena_(bytes(config), purpose, memory) {
  if (!memory.on_host()) host_arena_ = Arena(bytes(config), fmt::format("the host's copy of {}", purpose));
  lay_out();
}

void ParameterSet::lay_out() {
  tensors_ = cut(config_, arena_, pieces_);
  read_tensors_ = to_read(tensors_);
  parts_ = parts_of(tensors_, arena_.data(), pieces_);
  flat_ = Tensor(arena_.data(), DType::f32, {arena_.used() / size_of(DType::f32)});
  named_ = name_tensors(config_, memory_.on_host() ? tensors_ : cut(config_, host_arena_, pieces_));
  read_named_.assign(named_.begin(), named_.end());
}

const EncoderWeights& ParameterSet::tensors() const {
  bring_to_back_end();
  return read_tensors_;
}

WeightsOf<Tensor>& ParameterSet::tensors_to_change() {
  flat_to_change();
  return tensors_;
}

ConstTensor ParameterSet::flat() const {
  TEKIO_CHECK(!borrows(), "{} tensors are borrowed", owners_.size());
  bring_to_back_end();
  return flat_;
}

Tensor ParameterSet::flat_to_change() {
  flat();
  if (!memory_.on_host()) newer_ = Newer::back_ends;
  return flat_;
}

const std::vector<NamedTensor>& ParameterSet::named() const {
  bring_to_processor();
  return read_named_;
}

const std::vector<TensorToChange>& ParameterSet::named_to_change() {
  TEKIO_CHECK(!borrows(), "{} tensors are borrowed", owners_.size());
  bring_to_processor();
  if (!memory_.on_host()) newer_ = Newer::processors;
  return named_;
}

std::vector<TensorToChange> ParameterSet::named_by_back_end() const { return name_tensors(config_, tensors_); }

void ParameterSet::bring_to_back_end() const {
  if (newer_ != Newer::processors) return;
  const std::vector<TensorToChange> theirs = named_by_back_end();
  for (size_t i = 0; i < named_.size(); ++i)
    memory_.write(theirs[i].tensor.data, named_[i].tensor.data, named_[i].tensor.bytes());
  newer_ = Newer::neither;
}

void ParameterSet::bring_to_processor() const {
  if (newer_ != Newer::back_ends) return;
  const std::vector<TensorToChange> theirs = named_by_back_end();
  for (size_t i = 0; i < named_.size(); ++i)
    memory_.read(named_[i].tensor.data, theirs[i].tensor.data, named_[i].tensor.bytes());
  newer_ = Newer::neither;
}

bool ParameterSet::borrow(size_t index, const float* numbers, std::shared_ptr<const void> owner) {
  bring_to_processor();
  const Tensor before = named_.at(index).tensor;
  auto* const place = const_cast<float*>(numbers);  // only to be read, as borrow() says
  bool whole = !memory_.on_host();                  // else the back end reads it there
  if (!whole) {
    for_each_slot(config_, tensors_, [&](Tensor& field, std::initializer_list<int64_t>, TensorRole) {
      if (field.data != before.data || field.numel() != before.numel()) return;
      field.data = place;
      whole = true;
    });
    read_tensors_ = to_read(tensors_);
  }
  if (!whole) return false;
  named_[index].tensor.data = place;
  read_named_[index].tensor.data = place;
  if (!memory_.on_host()) newer_ = Newer::processors;
  owners_.push_back(std::move(owner));
  return true;
}

void ParameterSet::make_writable() {
  if (!borrows()) return;
  const std::vector<NamedTensor> before = read_named_;
  lay_out();
  for (size_t i = 0; i < named_.size(); ++i)
    if (named_[i].tensor.data != before[i].tensor.data)
      std::ranges::copy(before[i].tensor.values(), named_[i].tensor.values().begin());
  owners_.clear();
}

int64_t ParameterSet::count() const {
  int64_t numbers = 0;
  for (const TensorToChange& tensor : named_) numbers += tensor.tensor.numel();
  return numbers;
}

}  // namespace tekio

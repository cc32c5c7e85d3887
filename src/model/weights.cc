// A model's tensors laid out and named. All that AdamW decays (matrices, embeddings) comes first in the arena, then all
// that it does not (biases, norms): so the flat arena has just two pieces, and each is one long loop for the optimizer.
#include "model/weights.h"

#include <algorithm>

#include "model/family.h"

namespace tekio {
namespace {

// Calls visit(field, shape, decays) for every tensor of the arena. q, k and v are one tensor here.
template <typename Visit>
void for_each_slot(const ModelConfig& c, WeightsOf<Tensor>& w, Visit&& visit) {
  using Shape = std::initializer_list<int64_t>;
  const auto norm = [&](NormOf<Tensor>& n) {
    visit(n.weight, Shape{c.width}, false);
    visit(n.bias, Shape{c.width}, false);
  };
  visit(w.word, Shape{c.vocabulary, c.width}, true);
  visit(w.position, Shape{c.max_positions, c.width}, true);
  if (c.type_vocabulary > 0) visit(w.type, Shape{c.type_vocabulary, c.width}, true);
  norm(w.embedding_norm);
  w.layers.resize(static_cast<size_t>(c.layers));
  for (LayerOf<Tensor>& layer : w.layers) {
    visit(layer.qkv, Shape{3 * c.width, c.width}, true);
    visit(layer.qkv_bias, Shape{3 * c.width}, false);
    visit(layer.out, Shape{c.width, c.width}, true);
    visit(layer.out_bias, Shape{c.width}, false);
    norm(layer.norm1);
    visit(layer.up, Shape{c.inner, c.width}, true);
    visit(layer.up_bias, Shape{c.inner}, false);
    visit(layer.down, Shape{c.width, c.inner}, true);
    visit(layer.down_bias, Shape{c.width}, false);
    norm(layer.norm2);
  }
  visit(w.transform, Shape{c.width, c.width}, true);
  visit(w.transform_bias, Shape{c.width}, false);
  norm(w.head_norm);
  if (!c.tied) visit(w.decoder, Shape{c.vocabulary, c.width}, true);
  visit(w.head_bias, Shape{c.vocabulary}, false);
}

// The reference's names, in the order of its named_parameters().
std::vector<TensorToChange> name_tensors(const ModelConfig& c, const WeightsOf<Tensor>& w) {
  const TensorNames& names = table_of(c.family).names;
  std::vector<TensorToChange> named;
  const auto linear = [&](const std::string& name, const Tensor& weight, const Tensor& bias) {
    named.push_back({name + ".weight", weight, true});
    named.push_back({name + ".bias", bias, false});
  };
  const auto norm = [&](const std::string& name, const NormOf<Tensor>& n) {
    named.push_back({name + ".weight", n.weight, false});
    named.push_back({name + ".bias", n.bias, false});
  };
  const auto embedding = [&](const std::string& name, const Tensor& table) {
    named.push_back({name + ".weight", table, true});
  };

  embedding(names.word, w.word);
  embedding(names.position, w.position);
  if (w.type) embedding(names.type, w.type);
  norm(names.embedding_norm, w.embedding_norm);
  for (size_t i = 0; i < w.layers.size(); ++i) {
    const LayerOf<Tensor>& layer = w.layers[i];
    const std::string prefix = names.layer + std::to_string(i) + ".";
    const char* parts[] = {names.query, names.key, names.value};
    for (int64_t part = 0; part < 3; ++part) {
      const int64_t begin = part * c.width, end = begin + c.width;
      linear(prefix + parts[part], layer.qkv.rows(begin, end), layer.qkv_bias.rows(begin, end));
    }
    linear(prefix + names.out, layer.out, layer.out_bias);
    norm(prefix + names.norm1, layer.norm1);
    linear(prefix + names.up, layer.up, layer.up_bias);
    linear(prefix + names.down, layer.down, layer.down_bias);
    norm(prefix + names.norm2, layer.norm2);
  }
  if (names.head_bias_first) named.push_back({names.head_bias, w.head_bias, false});
  linear(names.transform, w.transform, w.transform_bias);
  norm(names.head_norm, w.head_norm);
  if (w.decoder) named.push_back({names.decoder, w.decoder, true});
  if (!names.head_bias_first) named.push_back({names.head_bias, w.head_bias, false});
  return named;
}

// Cuts an arena into a model's tensors; `pieces` says where decay changes.
WeightsOf<Tensor> cut(const ModelConfig& config, Arena& arena, std::vector<ParameterSet::Piece>& pieces) {
  WeightsOf<Tensor> tensors;
  arena.reset();
  pieces.clear();
  for (const bool wanted : {true, false}) {
    const int64_t begin = arena.used() / size_of(DType::f32);
    for_each_slot(config, tensors, [&](Tensor& field, std::initializer_list<int64_t> shape, bool decays) {
      if (decays == wanted) field = arena.take(DType::f32, shape);
    });
    pieces.push_back({begin, arena.used() / size_of(DType::f32), wanted});
  }
  return tensors;
}

}  // namespace

int64_t ParameterSet::bytes(const ModelConfig& config) {
  WeightsOf<Tensor> shapes;
  int64_t total = 0;
  for_each_slot(config, shapes, [&](Tensor&, std::initializer_list<int64_t> shape, bool) {
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
  read_tensors_ = tensors_;
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
    for_each_slot(config_, tensors_, [&](Tensor& field, std::initializer_list<int64_t>, bool) {
      if (field.data != before.data || field.numel() != before.numel()) return;
      field.data = place;
      whole = true;
    });
    read_tensors_ = tensors_;
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

// A model's tensors, as a struct (schema.h) for those that compute and as a list of names for those that load, save and
// initialise. Weights lie in one flat arena, so the optimizer, norms and checkpoints see a few long pieces. Where a
// back end computes in memory that the processor must not touch, a set lies there, and has a copy on the host.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compute/arena.h"
#include "compute/backend.h"
#include "model/schema.h"

namespace tekio {

/// A module's tensors; what it lacks is absent. T is ConstTensor, to read, or Tensor, to change.
template <typename T>
struct PairOf {
  T weight, bias;
};
template <typename T>
using WeightsOf = ModelOf<PairOf<T>, PairOf<T>, PairOf<T>>;
using EncoderWeights = WeightsOf<ConstTensor>;

/// What a tensor is, from which follows how it begins and whether it decays.
enum class TensorRole : uint8_t { matrix, norm_weight, bias };  // matrix: embeddings, too
/// Whether AdamW's weight decay applies.
constexpr bool decays(TensorRole role) { return role == TensorRole::matrix; }

/// One tensor as files name it.
template <typename T>
struct NamedOf {
  std::string name;
  T tensor;
  TensorRole role;
  template <typename Other>
  operator NamedOf<Other>() const {  // NOLINT(google-explicit-constructor)
    return {name, tensor, role};
  }
};
using NamedTensor = NamedOf<ConstTensor>;
using TensorToChange = NamedOf<Tensor>;

/// A part of a set's arena, in numbers.
struct ArenaRange {
  int64_t begin = 0, end = 0;
};
/// Where a set's tensors lie in its arena, by when backward is done with their gradients. Together, in this order but
/// for the head, which lies before the small ones, these are all of the arena.
struct ArenaParts {
  ArenaRange word;                 ///< the word table
  ArenaRange tables;               ///< the other tables, and what projects their sum
  std::vector<ArenaRange> layers;  ///< the matrices of each layer that has weights of its own
  ArenaRange head;                 ///< its matrices, but for one that is the word table
  ArenaRange small;                ///< all biases and norms: what AdamW does not decay
};

/// A set of tensors of a model's shape in one flat float32 arena: weights, or gradients, or a moment.
///
/// It has two sides, the back end's and the processor's; in the host's memory they are one. Each function below brings
/// its side up to date with what was changed on the other, and those that give something to change take it that it will
/// be: ask anew after the other side has had its turn, as what was given before may be out of date.
class ParameterSet {
 public:
  /// Zeros in `memory`, which must be the one of the back end that computes with them, and outlive this.
  ParameterSet(const ModelConfig& config, const std::string& purpose, Memory& memory = host_memory());
  /// The sizes that this was made for.
  const ModelConfig& config() const { return config_; }

  /// For the back end.
  const EncoderWeights& tensors() const;
  WeightsOf<Tensor>& tensors_to_change();
  /// The whole arena as one tensor, gaps (alignment, always 0) included. A bug while something is borrowed.
  ConstTensor flat() const;
  Tensor flat_to_change();

  /// For the processor: every tensor by its reference name, in an order of the schema's; what files hold
  /// in parts (q, k, v) are slices.
  const std::vector<NamedTensor>& named() const;
  const std::vector<TensorToChange>& named_to_change();

  /// Lets the processor's side of a named tensor be `numbers` (as many as it has, aligned as floats; a mapped file's,
  /// say), which `owner` keeps in memory; the host's pages for it are then never touched. Until make_writable() nobody
  /// may write to it. False, and nothing done, where a back end that reads it in place has it as a part of a larger
  /// tensor.
  bool borrow(size_t index, const float* numbers, std::shared_ptr<const void> owner);
  bool borrows() const { return !owners_.empty(); }
  const std::vector<std::shared_ptr<const void>>& owners() const { return owners_; }
  /// Copies what is borrowed into the host's arena: the views of it point elsewhere from then on.
  void make_writable();
  /// The same arena cut where decay changes: for AdamW.
  struct Piece {
    int64_t begin, end;
    bool decays;
  };
  const std::vector<Piece>& pieces() const { return pieces_; }
  /// Numbers of the arena, its gaps among them.
  static int64_t flat_count(const ModelConfig& config) { return bytes(config) / size_of(DType::f32); }
  /// The same arena cut by modules.
  const ArenaParts& parts() const { return parts_; }
  /// Numbers that files count: tied tensors once, no gaps.
  int64_t count() const;
  static int64_t bytes(const ModelConfig& config);

 private:
  enum class Newer { neither, processors, back_ends };
  void lay_out();
  void bring_to_back_end() const;
  void bring_to_processor() const;
  /// What the back end has, in the order of named_.
  std::vector<TensorToChange> named_by_back_end() const;

  ModelConfig config_;
  Memory& memory_;
  Arena arena_, host_arena_;  // the latter empty where the former is in the host's memory
  WeightsOf<Tensor> tensors_;
  EncoderWeights read_tensors_;
  std::vector<TensorToChange> named_;
  std::vector<NamedTensor> read_named_;
  std::vector<Piece> pieces_;
  ArenaParts parts_;
  Tensor flat_;
  std::vector<std::shared_ptr<const void>> owners_;  // of what is borrowed
  mutable Newer newer_ = Newer::neither;             // which side; neither, always, where they are one
};

}  // namespace tekio

// The reference back end: the specification of every op, as plain loops with double sums. One file a topic; cpu/ has
// the same file names.
#pragma once

#include "compute/backend.h"

namespace tekio {

class RefBackend final : public Backend {
 public:
  std::string name() const override { return "ref"; }
  Bf16 bf16_products() const override { return Bf16::slow; }
  int64_t matrix_bytes(int64_t rows, int64_t columns) const override { return rows * columns * size_of(DType::bf16); }

 protected:
  TEKIO_RUNS_EVERY_VERB
};

/// A tensor's elements, of either dtype: read exactly, written rounded once.
class ConstNumbers {
 public:
  ConstNumbers(const ConstTensor& t) : data_(t.data), dtype_(t.dtype) {}  // NOLINT: a view
  ConstNumbers(const Matrix& w) : data_(w.data), dtype_(w.dtype) {}       // NOLINT: ours lie row by row
  double operator[](int64_t i) const {
    return dtype_ == DType::f32 ? static_cast<const float*>(data_)[i] : static_cast<const bf16*>(data_)[i];
  }

 private:
  const void* data_;
  DType dtype_;
};
class Numbers : public ConstNumbers {
 public:
  Numbers(const Tensor& t) : ConstNumbers(ConstTensor(t)), data_(t.data), dtype_(t.dtype) {}  // NOLINT: a view
  void set(int64_t i, double value) const {
    if (dtype_ == DType::f32)
      static_cast<float*>(data_)[i] = static_cast<float>(value);
    else
      static_cast<bf16*>(data_)[i] = bf16(static_cast<float>(value));
  }

 private:
  void* data_;
  DType dtype_;
};

/// What dropout multiplies an element by: 0, or 1/(1-rate); 1 where it is off.
/// `index`: the element's place in drop.kept, if that is there.
inline double dropout_factor(const Dropout& drop, const DropoutRow& row, int64_t column, int64_t index) {
  if (!drop.on()) return 1;
  const bool kept = drop.kept != nullptr
                        ? drop.kept[index] != 0
                        : (kept_bits(drop, row, static_cast<uint32_t>(column / 8)) >> (column % 8) & 1) != 0;
  return kept ? drop.scale() : 0;
}

}  // namespace tekio

// A tensor is a view: where the elements are, of which dtype, in what shape. Row-major and contiguous, never owning;
// the memory comes from an Arena (or a mapped file). Shape letters, everywhere: B batch, T length, C width, H heads, L
// layers, V vocabulary, n tokens, r masked rows, O outputs, I inputs.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "base/error.h"
#include "compute/bf16.h"

namespace tekio {

/// float64 is that of results alone: sums of losses and of squares, which a verb leaves for the host or another verb.
enum class DType : uint8_t { f32, bf16, f64 };
constexpr int64_t size_of(DType type) { return type == DType::f32 ? 4 : type == DType::bf16 ? 2 : 8; }
const char* name_of(DType type);

template <typename Void>
struct BasicTensor {
  Void* data = nullptr;
  DType dtype = DType::f32;
  int rank = 0;
  std::array<int64_t, 4> dim{};

  BasicTensor() = default;
  BasicTensor(Void* memory, DType type, std::initializer_list<int64_t> shape)
      : data(memory), dtype(type), rank(static_cast<int>(shape.size())) {
    TEKIO_CHECK(shape.size() <= dim.size(), "rank {}", shape.size());
    int i = 0;
    for (const int64_t d : shape) dim[static_cast<size_t>(i++)] = d;
  }
  template <typename Other>  // a Tensor is a ConstTensor too
  requires(std::is_const_v<Void> && !std::is_const_v<Other>) BasicTensor(const BasicTensor<Other>& other)
      : data(other.data), dtype(other.dtype), rank(other.rank), dim(other.dim) {}

  int64_t numel() const {
    int64_t count = 1;
    for (int i = 0; i < rank; ++i) count *= dim[static_cast<size_t>(i)];
    return count;
  }
  int64_t bytes() const { return numel() * size_of(dtype); }
  explicit operator bool() const { return data != nullptr; }

  using Float = std::conditional_t<std::is_const_v<Void>, const float, float>;
  /// The elements as float32; a bug if the tensor is of another dtype.
  Float* f32() const {
    TEKIO_CHECK(dtype == DType::f32, "tensor of {}", name_of(dtype));
    return static_cast<Float*>(data);
  }
  using Rounded = std::conditional_t<std::is_const_v<Void>, const bf16, bf16>;
  /// The elements as bf16; a bug if the tensor is of another dtype.
  Rounded* b16() const {
    TEKIO_CHECK(dtype == DType::bf16, "tensor of {}", name_of(dtype));
    return static_cast<Rounded*>(data);
  }
  using Double = std::conditional_t<std::is_const_v<Void>, const double, double>;
  /// The elements as float64; a bug if the tensor is of another dtype.
  Double* f64() const {
    TEKIO_CHECK(dtype == DType::f64, "tensor of {}", name_of(dtype));
    return static_cast<Double*>(data);
  }
  std::span<Float> values() const { return {f32(), static_cast<size_t>(numel())}; }

  /// Rows [begin, end) of the first dimension.
  BasicTensor rows(int64_t begin, int64_t end) const {
    TEKIO_CHECK(rank >= 1 && 0 <= begin && begin <= end && end <= dim[0], "rows {}..{} of {}", begin, end,
                shape_text());
    BasicTensor part = *this;
    part.dim[0] = end - begin;
    using Byte = std::conditional_t<std::is_const_v<Void>, const char, char>;
    part.data = static_cast<Byte*>(data) + begin * (dim[0] > 0 ? bytes() / dim[0] : 0);
    return part;
  }
  bool same_shape(const BasicTensor& other) const {
    if (rank != other.rank) return false;
    for (int i = 0; i < rank; ++i)
      if (dim[static_cast<size_t>(i)] != other.dim[static_cast<size_t>(i)]) return false;
    return true;
  }
  /// "[128, 768] f32", for messages.
  std::string shape_text() const {
    std::string text = "[";
    for (int i = 0; i < rank; ++i) text += (i > 0 ? ", " : "") + std::to_string(dim[static_cast<size_t>(i)]);
    return text + "] " + name_of(dtype);
  }
};

using Tensor = BasicTensor<void>;
using ConstTensor = BasicTensor<const void>;

}  // namespace tekio

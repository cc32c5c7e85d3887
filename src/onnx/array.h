// The values of a graph that is being computed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "onnx/graph.h"

namespace tekio::onnx {

using Shape = std::vector<int64_t>;
inline int64_t count_of(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

template <typename T>
constexpr Type type_of() {
  if constexpr (std::is_same_v<T, float>) return Type::f32;
  if constexpr (std::is_same_v<T, uint8_t>) return Type::u8;
  if constexpr (std::is_same_v<T, int8_t>) return Type::i8;
  if constexpr (std::is_same_v<T, int32_t>) return Type::i32;
  if constexpr (std::is_same_v<T, int64_t>) return Type::i64;
  return Type::boolean;
}

/// A row-major tensor of any type. Copies share their elements, which are written only by who has just made them.
struct Array {
  Type type = Type::f32;
  Shape shape;

  Array() = default;
  /// Zeros.
  Array(Type of, Shape sizes)
      : type(of),
        shape(std::move(sizes)),
        own_(std::make_shared<std::vector<std::byte>>(static_cast<size_t>(count_of(shape) * size_of(of)))),
        bytes_(*own_) {}
  template <typename T>
  static Array of(Shape sizes) {
    return {type_of<T>(), std::move(sizes)};
  }
  /// The constant's own elements.
  static Array of(const Constant& constant) {
    Array array;
    array.type = constant.type;
    array.shape = constant.shape;
    array.bytes_ = constant.bytes;
    return array;
  }

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  int64_t count() const { return count_of(shape); }
  std::span<const std::byte> bytes() const { return bytes_; }
  std::span<std::byte> edit_bytes() { return *own_; }
  template <typename T>
  std::span<const T> view() const {
    TEKIO_CHECK(type == type_of<T>(), "elements of type {}", static_cast<int>(type));
    return {reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }
  template <typename T>
  std::span<T> edit() {
    TEKIO_CHECK(own_ && type == type_of<T>(), "elements of type {}", static_cast<int>(type));
    return {reinterpret_cast<T*>(own_->data()), own_->size() / sizeof(T)};
  }

 private:
  std::shared_ptr<std::vector<std::byte>> own_;
  std::span<const std::byte> bytes_;
};

}  // namespace tekio::onnx

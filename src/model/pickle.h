// What data.pkl of a pytorch_model.bin says: which tensor lies where in which storage. Pickle is a program for a stack
// machine that may call anything; this one builds plain values, calls the few functions that state dictionaries are
// made of, and refuses every other by name. Nothing is ever imported or run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace tekio {

/// A view into a storage: element i,j,… is number offset + i * strides[0] + j * strides[1] + … of it.
struct PickledTensor {
  std::string storage;  ///< its key: the archive's entry data/KEY
  std::string dtype;    ///< safetensors' name
  int64_t storage_numbers = 0;
  int64_t offset = 0;
  std::vector<int64_t> shape, strides;

  int64_t numel() const;
  bool contiguous() const;
};

/// Bytes that a number of that safetensors dtype takes in a PyTorch storage.
int64_t storage_item_size(const std::string& dtype);

/// The tensors of a state dictionary, by name. A dictionary that wraps it under "state_dict" or "model" is looked into.
/// Errors (input): anything but the opcodes and globals of a state dictionary, a tensor that reaches outside its
/// storage.
std::map<std::string, PickledTensor> unpickle_state_dict(std::span<const std::byte> pickle, const std::string& where);

/// What a file of before PyTorch 1.6 says: five pickles in a row (a magic number, a version, the writer's byte order,
/// the state dictionary, the storages' keys), then each storage as a count of numbers (8 bytes) and the numbers.
struct PickleSequence {
  std::map<std::string, PickledTensor> tensors;
  std::vector<PickledTensor> storages;  ///< key, dtype and count, in the order of their bytes
  size_t end = 0;                       ///< where the first of them begins
};
/// Whether a file begins with that magic number.
bool is_pickle_sequence(std::span<const std::byte> file);
/// Errors (input): as above; another byte order, a storage that was never described.
PickleSequence unpickle_sequence(std::span<const std::byte> file, const std::string& where);

}  // namespace tekio

// Tensors are spans of the mapped file where they lie row by row; others (TensorFlow's converted weights are transposed
// views) are gathered once.
#include "model/torch_file.h"

#include <cstring>

#include "base/error.h"
#include "base/foreign_file.h"
#include "model/zip.h"

namespace tekio {
namespace {

// Copies a strided view's items to `to`, row-major.
void gather(const PickledTensor& tensor, int64_t item, std::span<const std::byte> storage, std::byte* to) {
  std::vector<int64_t> index(tensor.shape.size(), 0);
  int64_t from = tensor.offset;
  for (int64_t i = 0, count = tensor.numel(); i < count; ++i) {
    std::memcpy(to + i * item, storage.data() + from * item, static_cast<size_t>(item));
    for (size_t d = index.size(); d-- > 0;) {  // an odometer
      from += tensor.strides[d];
      if (++index[d] < tensor.shape[d]) break;
      from -= tensor.strides[d] * tensor.shape[d];
      index[d] = 0;
    }
  }
}

void refuse_other_forms(std::span<const std::byte> bytes, const std::string& where) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (const std::string foreign = foreign_content(text.substr(0, kForeignBytes)); !foreign.empty())
    fail(ErrorKind::input, "{} {}", where, foreign);
  if (text.size() > 262 && text.substr(257, 5) == "ustar")
    fail(ErrorKind::input,
         "{} is a tar archive, as PyTorch wrote before 0.2, which is not read; load it in PyTorch and save it again",
         where);
  if (!text.starts_with("PK"))
    fail(ErrorKind::input, "{} is not a PyTorch file: it is neither a ZIP archive nor a sequence of pickles", where);
}

// The folder that all entries of an archive lie in: wherever data.pkl is.
std::string root_of(const StoredZip& zip, const std::string& where) {
  constexpr std::string_view kPickle = "data.pkl";
  const std::string* found = nullptr;
  for (const auto& [name, entry] : zip.entries()) {
    const size_t slash = name.find('/');
    if (slash == std::string::npos || name.substr(slash + 1) != kPickle) continue;
    if (found != nullptr)
      fail(ErrorKind::input, "{} holds two archives: {} and {}", where, printable(*found), printable(name));
    found = &name;
  }
  if (found == nullptr) fail(ErrorKind::input, "{} is not a PyTorch file: it holds no data.pkl", where);
  return found->substr(0, found->size() - kPickle.size());
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

struct TorchFile::Archive {
  std::map<std::string, PickledTensor> tensors;
  std::map<std::string, std::span<const std::byte>> storages;

  static Archive of_zip(std::span<const std::byte> bytes, const std::string& where) {
    const StoredZip zip(bytes, where);
    const std::string root = root_of(zip, where);
    if (zip.entries().contains(root + "byteorder"))
      if (const auto order = as_text(zip.read(root + "byteorder")); order != "little")
        fail(ErrorKind::input, "{} has byte order \"{}\"; only \"little\" is read", where, printable(order));
    Archive archive{.tensors = unpickle_state_dict(zip.read(root + "data.pkl"), where), .storages = {}};
    for (const auto& [name, tensor] : archive.tensors)
      if (!archive.storages.contains(tensor.storage))
        archive.storages[tensor.storage] = zip.read(root + "data/" + tensor.storage);
    return archive;
  }

  static Archive of_sequence(std::span<const std::byte> bytes, const std::string& where) {
    PickleSequence sequence = unpickle_sequence(bytes, where);
    Archive archive{.tensors = std::move(sequence.tensors), .storages = {}};
    size_t at = sequence.end;
    const auto take = [&](uint64_t count, const std::string& key) {
      if (count > bytes.size() - at)
        fail(ErrorKind::input, "{} is cut off: {} bytes follow where storage {} needs {}", where, bytes.size() - at,
             printable(key), count);
      const auto part = bytes.subspan(at, static_cast<size_t>(count));
      at += static_cast<size_t>(count);
      return part;
    };
    for (const PickledTensor& storage : sequence.storages) {
      int64_t count = 0;
      std::memcpy(&count, take(sizeof count, storage.storage).data(), sizeof count);
      if (count != storage.storage_numbers)
        fail(ErrorKind::input, "{}: storage {} has {} numbers, but its tensors say {}", where,
             printable(storage.storage), count, storage.storage_numbers);
      archive.storages[storage.storage] =
          take(static_cast<uint64_t>(count) * static_cast<uint64_t>(storage_item_size(storage.dtype)), storage.storage);
    }
    for (const auto& [name, tensor] : archive.tensors)
      if (!archive.storages.contains(tensor.storage))
        fail(ErrorKind::input, "{}: storage {} of tensor {} is not in the file", where, printable(tensor.storage),
             printable(name));
    return archive;
  }
};

TorchFile::TorchFile(const std::filesystem::path& path) : file_(path) {
  parse(file_.bytes(), printable(path.string(), 300));
}

TorchFile::TorchFile(std::span<const std::byte> bytes, const std::string& where) { parse(bytes, where); }

void TorchFile::parse(std::span<const std::byte> bytes, const std::string& where) {
  const bool sequence = is_pickle_sequence(bytes);
  if (!sequence) refuse_other_forms(bytes, where);
  const Archive archive = sequence ? Archive::of_sequence(bytes, where) : Archive::of_zip(bytes, where);
  for (const auto& [name, tensor] : archive.tensors)
    add(name, tensor, archive.storages.at(tensor.storage), bytes.size(), where);
}

void TorchFile::add(const std::string& name, const PickledTensor& tensor, std::span<const std::byte> storage,
                    size_t file_bytes, const std::string& where) {
  const int64_t item = storage_item_size(tensor.dtype);
  if (storage.size() != static_cast<uint64_t>(tensor.storage_numbers) * static_cast<uint64_t>(item))
    fail(ErrorKind::input, "{}: storage {} of tensor {} has {} bytes, expected {} numbers of {}", where,
         printable(tensor.storage), printable(name), storage.size(), tensor.storage_numbers, tensor.dtype);
  const auto size = static_cast<size_t>(tensor.numel() * item);
  StoredTensor& stored = tensors_[name];
  stored = {tensor.dtype, tensor.shape, {}};
  if (tensor.contiguous()) {
    stored.bytes = storage.subspan(static_cast<size_t>(tensor.offset * item), size);
    return;
  }
  // Many names for one storage could ask for any amount of memory; honest files need at most their own size.
  gathered_bytes_ += size;
  if (gathered_bytes_ > 2 * file_bytes)
    fail(ErrorKind::input, "{}: its transposed tensors would take more than twice the file's {} bytes; refused", where,
         file_bytes);
  gathered_.push_back(std::make_unique<std::byte[]>(size));
  gather(tensor, item, storage, gathered_.back().get());
  stored.bytes = {gathered_.back().get(), size};
}

}  // namespace tekio

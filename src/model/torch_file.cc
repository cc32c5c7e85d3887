// Tensors are spans of the mapped file where they lie row by row; others (TensorFlow's converted weights are transposed
// views) are gathered once.
#include "model/torch_file.h"

#include <cstring>

#include "base/error.h"
#include "model/pickle.h"
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

void refuse_old_forms(std::span<const std::byte> bytes, const std::string& where) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  constexpr std::string_view kLegacyMagic("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
  const bool legacy = text.starts_with(kLegacyMagic), tar = text.size() > 262 && text.substr(257, 5) == "ustar";
  if (legacy || tar)
    fail(
        ErrorKind::input,
        "{} is of the form that PyTorch wrote before 1.6 ({}), which is not read; load it in PyTorch and save it again",
        where, legacy ? "a sequence of pickles" : "a tar archive");
  if (!text.starts_with("PK"))
    fail(ErrorKind::input, "{} is not a PyTorch file: expected a ZIP archive; cut off, or a pointer file of git-lfs?",
         where);
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

}  // namespace

TorchFile::TorchFile(const std::filesystem::path& path) : file_(path) {
  parse(file_.bytes(), printable(path.string(), 300));
}

TorchFile::TorchFile(std::span<const std::byte> bytes, const std::string& where) { parse(bytes, where); }

void TorchFile::parse(std::span<const std::byte> bytes, const std::string& where) {
  refuse_old_forms(bytes, where);
  const StoredZip zip(bytes, where);
  const std::string root = root_of(zip, where);
  if (zip.entries().contains(root + "byteorder")) {
    const auto order = zip.read(root + "byteorder");
    const std::string_view text(reinterpret_cast<const char*>(order.data()), order.size());
    if (text != "little")
      fail(ErrorKind::input, "{} has byte order \"{}\"; only \"little\" is read", where, printable(text));
  }
  std::map<std::string, std::span<const std::byte>> storages;
  size_t gathered_bytes = 0;
  for (const auto& [name, tensor] : unpickle_state_dict(zip.read(root + "data.pkl"), where)) {
    auto storage = storages.find(tensor.storage);
    if (storage == storages.end())
      storage = storages.emplace(tensor.storage, zip.read(root + "data/" + tensor.storage)).first;
    const int64_t item = storage_item_size(tensor.dtype);
    if (storage->second.size() != static_cast<uint64_t>(tensor.storage_numbers) * static_cast<uint64_t>(item))
      fail(ErrorKind::input, "{}: storage {} of tensor {} has {} bytes, expected {} numbers of {}", where,
           printable(tensor.storage), printable(name), storage->second.size(), tensor.storage_numbers, tensor.dtype);
    const auto size = static_cast<size_t>(tensor.numel() * item);
    StoredTensor& stored = tensors_[name];
    stored = {tensor.dtype, tensor.shape, {}};
    if (tensor.contiguous()) {
      stored.bytes = storage->second.subspan(static_cast<size_t>(tensor.offset * item), size);
    } else {
      // Many names for one storage could ask for any amount of memory; honest files need at most their own size.
      gathered_bytes += size;
      if (gathered_bytes > 2 * bytes.size())
        fail(ErrorKind::input, "{}: its transposed tensors would take more than twice the file's {} bytes; refused",
             where, bytes.size());
      gathered_.push_back(std::make_unique<std::byte[]>(size));
      gather(tensor, item, storage->second, gathered_.back().get());
      stored.bytes = {gathered_.back().get(), size};
    }
  }
}

}  // namespace tekio

// Finding and opening weights. An index names its files itself, so the names are held to the folder.
#include "model/weight_files.h"

#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/foreign_file.h"
#include "base/json.h"

namespace tekio {
namespace {

constexpr size_t kMostShards = 10'000;

// An index's "weight_map": tensor name to file name.
std::map<std::string, std::string> read_index(const std::filesystem::path& path) {
  const std::string where = printable(path.string(), 300);
  if (const std::string foreign = foreign_content_of(path); !foreign.empty())
    fail(ErrorKind::input, "{} {}", where, foreign);
  const Json document = read_json(path);
  if (!document.is_object() || !document.contains("weight_map") || !document["weight_map"].is_object())
    fail(ErrorKind::input, "{}: expected an object with a \"weight_map\"", where);
  std::map<std::string, std::string> files;
  for (const auto& [name, file] : document["weight_map"].items()) {
    if (!file.is_string())
      fail(ErrorKind::input, "{}: the file of tensor {} must be a string, got {}", where, printable(name),
           file.type_name());
    const std::filesystem::path part = file.get<std::string>();
    if (part.empty() || part.filename() != part || part == "." || part == "..")
      fail(ErrorKind::input, "{}: tensor {} lies in \"{}\"; only files of the same folder are read", where,
           printable(name), printable(part.string()));
    files[name] = part.string();
  }
  return files;
}

}  // namespace

WeightFiles::WeightFiles(const std::filesystem::path& folder) {
  constexpr const char* kForms[] = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                    "pytorch_model.bin.index.json"};
  for (const char* form : kForms) {
    path_ = folder / form;
    if (is_missing(path_)) continue;
    if (path_.extension() == ".json") {
      open_index(path_);
    } else {
      open(path_);
    }
    return;
  }
  for (const char* form : kForms)
    if (const std::string link = dangling_link(folder / form); !link.empty())
      fail(ErrorKind::input, "{} {}; download the model again", printable((folder / form).string(), 300), link);
  fail(ErrorKind::input, "no weights in {}: looked for {}, {}, {} and {}", printable(folder.string(), 300), kForms[0],
       kForms[1], kForms[2], kForms[3]);
}

void WeightFiles::open(const std::filesystem::path& file) {
  const bool is_torch = file.extension() == ".bin";
  const auto& opened = is_torch ? torch_.emplace_back(file).tensors() : safetensors_.emplace_back(file).tensors();
  for (const auto& [name, tensor] : opened) {
    const auto [at, fresh] = tensors_.emplace(name, Found{&tensor, printable(file.string(), 300)});
    if (!fresh)
      fail(ErrorKind::input, "tensor {} stands in both {} and {}", printable(name), at->second.file,
           printable(file.string(), 300));
  }
}

void WeightFiles::open_index(const std::filesystem::path& index) {
  const auto files = read_index(index);
  std::set<std::string> names;
  for (const auto& [tensor, file] : files) names.insert(file);
  if (names.size() > kMostShards)
    fail(ErrorKind::input, "{} names {} files; at most {} are opened", printable(index.string(), 300), names.size(),
         kMostShards);
  safetensors_.reserve(names.size());  // tensors are pointed at
  torch_.reserve(names.size());
  for (const std::string& name : names) {
    const std::filesystem::path file = index.parent_path() / name;
    if (is_missing(file)) {
      const std::string link = dangling_link(file);
      fail(ErrorKind::input, "{} names the file {}, which {}; download the model again", printable(index.string(), 300),
           printable(name), link.empty() ? "is not beside it" : link);
    }
    open(file);
  }
  for (const auto& [tensor, file] : files)
    if (const auto found = tensors_.find(tensor);
        found == tensors_.end() || std::filesystem::path(found->second.file).filename() != printable(file))
      fail(ErrorKind::input, "{} says that tensor {} is in {}, but it is not", printable(index.string(), 300),
           printable(tensor), printable(file));
}

}  // namespace tekio

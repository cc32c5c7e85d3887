// A folder is opened whole before a model is made of it, since its weights tell what an old config.json does not: the
// family, and whether the head has a matrix of its own.
#include "model/model_folder.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "model/family.h"
#include "model/tensor_matching.h"

namespace tekio {
namespace {

std::string shape_text(std::span<const int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }
std::span<const int64_t> shape_of(const ConstTensor& tensor) {
  return {tensor.dim.data(), static_cast<size_t>(tensor.rank)};
}

void check_shapes(const MatchedTensors& matched, const ParameterSet& weights) {
  std::vector<std::string> wrong;
  for (const NamedTensor& tensor : weights.named()) {
    const auto found = matched.find(tensor.name);
    if (found == matched.end() || std::ranges::equal(found->second.second.tensor->shape, shape_of(tensor.tensor)))
      continue;
    wrong.push_back(fmt::format("tensor {} in {} has shape {}, expected {} by config.json",
                                printable(found->second.first), found->second.second.file,
                                shape_text(found->second.second.tensor->shape), shape_text(shape_of(tensor.tensor))));
  }
  if (wrong.empty()) return;
  const std::string others =
      wrong.size() > 1 ? fmt::format("; {} more tensors do not fit either", wrong.size() - 1) : "";
  fail(ErrorKind::input, "{}{}: config and weights are of different models", wrong.front(), others);
}

}  // namespace

LoadReport load_weights(std::shared_ptr<const WeightFiles> opened, const ModelConfig& config, ParameterSet& weights,
                        uint64_t seed, Reading reading) {
  const WeightFiles& files = *opened;
  LoadReport report;
  const MatchedTensors matched = match_tensors(files, config, weights, report);
  check_shapes(matched, weights);
  if (matched.empty()) {
    const std::string example =
        files.tensors().empty() ? "nothing" : "such as " + printable(files.tensors().begin()->first);
    fail(ErrorKind::input, "{} holds none of the tensors of a {} model: it holds {}, expected such as {}",
         printable(files.path().string(), 300), table_of(config.family).shown, example, weights.named().front().name);
  }
  const std::vector<TensorToChange>& tensors = weights.named_to_change();
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorToChange& tensor = tensors[i];
    const auto found = matched.find(tensor.name);
    if (found == matched.end()) {
      report.missing.push_back(tensor.name);
      report.starts.insert(start_of(config, tensor));
      initialize_tensor(config, tensor, seed, i);
      continue;
    }
    const auto& [file_name, stored] = found->second;
    const float* const in_place = reading == Reading::borrowed ? float32_in_place(*stored.tensor) : nullptr;
    if (in_place != nullptr && weights.borrow(i, in_place, opened)) continue;
    to_float32(*stored.tensor, tensor.tensor.values(), fmt::format("{}: tensor {}", stored.file, printable(file_name)));
    if (reading == Reading::borrowed && stored.tensor->mapped) drop_pages(stored.tensor->bytes);
  }
  const TensorNames& names = table_of(config.family).names;
  const auto lacks = [&](const std::string& name) {
    return std::ranges::find(report.missing, name) != report.missing.end();
  };
  report.head_missing = lacks(std::string(names.transform) + ".weight");
  report.decoder_missing = lacks(names.decoder);
  return report;
}

OpenedFolder open_model_folder(const std::filesystem::path& folder) {
  OpenedFolder opened;
  const auto open_files = [&] {
    if (!opened.files) opened.files = std::make_shared<const WeightFiles>(folder);
    return opened.files;
  };
  opened.config = ModelConfig::from_folder(folder, [&] { return family_of_tensors(*open_files()); });
  open_files();  // a config that is wrong is told first
  if (opened.config.tied && has_own_decoder(*opened.files, opened.config.family)) {
    opened.config.untie();
    opened.config.notes.push_back(fmt::format(
        "{}: {} differs from the word embeddings, so the head keeps it as a matrix of its own, though config.json does "
        "not say \"tie_word_embeddings\": false",
        printable(opened.files->path().string(), 300), table_of(opened.config.family).names.decoder));
  }
  return opened;
}

LoadReport load_weights(const std::filesystem::path& folder, const ModelConfig& config, ParameterSet& weights,
                        uint64_t seed, Reading reading) {
  return load_weights(std::make_shared<const WeightFiles>(folder), config, weights, seed, reading);
}

std::vector<WrittenFile> save_model(const std::filesystem::path& folder, const ModelConfig& config,
                                    const ParameterSet& weights) {
  std::vector<TensorToSave> tensors;
  for (const NamedTensor& tensor : weights.named()) {
    const auto shape = shape_of(tensor.tensor);
    tensors.push_back({tensor.name, "F32", {shape.begin(), shape.end()}, std::as_bytes(tensor.tensor.values())});
  }
  // The reference's untied head has a bias of its own; its other one then enters nothing.
  const TensorNames& names = table_of(config.family).names;
  if (!config.tied && names.decoder_bias != nullptr) {
    TensorToSave copy = *std::ranges::find(tensors, names.head_bias, &TensorToSave::name);
    copy.name = names.decoder_bias;
    tensors.push_back(std::move(copy));
  }
  return {write_safetensors(folder / "model.safetensors", std::move(tensors)),
          write_atomically(folder / "config.json", config.to_json())};
}

}  // namespace tekio

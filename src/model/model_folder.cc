// How files' tensors meet the model's. Names vary (old norms' gamma and beta, bare encoders without their prefix,
// decoders' copies of tied tensors); the rules are the reference's, in PARITY.md 1.8. One differs on purpose: where a
// file's decoder differs from its word embeddings, transformers 5 unties them; we keep them tied, take the embeddings
// and say so.
#include "model/model_folder.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/random/counter.h"
#include "model/family.h"
#include "model/weight_files.h"

namespace tekio {
namespace {

std::string shape_text(std::span<const int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }
std::span<const int64_t> shape_of(const ConstTensor& tensor) {
  return {tensor.dim.data(), static_cast<size_t>(tensor.rank)};
}

// The model's name for a file's tensor; nothing if it has none.
std::optional<std::string> model_name(std::string name, const std::set<std::string>& known, const std::string& prefix) {
  constexpr std::string_view kGamma = "LayerNorm.gamma", kBeta = "LayerNorm.beta";
  if (name.ends_with(kGamma)) name.replace(name.size() - 5, 5, "weight");
  if (name.ends_with(kBeta)) name.replace(name.size() - 4, 4, "bias");
  if (name.starts_with(prefix) && known.contains(name.substr(prefix.size()))) return name.substr(prefix.size());
  if (known.contains(prefix + name)) return prefix + name;
  if (known.contains(name)) return name;
  return std::nullopt;
}

// Buffers that older versions saved: numbers in order, zeros.
bool is_buffer(std::string_view name) {
  return name.ends_with(".position_ids") || name.ends_with("embeddings.token_type_ids");
}

bool same_numbers(const StoredTensor& a, const StoredTensor& b, const std::string& where) {
  if (a.shape != b.shape) return false;
  if (a.dtype == b.dtype)
    return a.bytes.size() == b.bytes.size() && std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
  size_t count = 1;
  for (const int64_t d : a.shape) count *= static_cast<size_t>(d);
  std::vector<float> left(count), right(count);
  to_float32(a, left, where);
  to_float32(b, right, where);
  return left == right;
}

using Matched = std::map<std::string, std::pair<std::string, WeightFiles::Found>>;  // model's name: file's name, tensor

// A tied tensor's copy counts only where the tensor itself is not in the file.
void settle_tie(Matched& matched, const char* copy, const std::string& original, LoadReport& report) {
  const auto found = copy != nullptr ? matched.find(copy) : matched.end();
  if (found == matched.end()) return;
  const auto kept = matched.find(original);
  if (kept == matched.end()) {
    matched[original] = found->second;
  } else if (const auto& [file_name, copied] = found->second;
             !same_numbers(*copied.tensor, *kept->second.second.tensor, file_name)) {
    report.notes.push_back(
        fmt::format("{} and {} are one tensor in this model, but differ in {}: {} is taken, the other dropped",
                    printable(kept->second.first), printable(file_name), copied.file, printable(kept->second.first)));
  }
  matched.erase(copy);
}

Matched match(const WeightFiles& files, const ModelConfig& config, const ParameterSet& weights, LoadReport& report) {
  const FamilyTable& table = table_of(config.family);
  std::set<std::string> known;
  for (const NamedTensor& tensor : weights.named()) known.insert(tensor.name);
  known.insert(table.names.tied_matrix);
  if (table.names.tied_bias != nullptr) known.insert(table.names.tied_bias);

  Matched matched;
  for (const auto& [name, found] : files.tensors()) {
    const auto target = model_name(name, known, table.base_prefix);
    if (!target) {
      if (!is_buffer(name)) report.unexpected.push_back(name);
      continue;
    }
    const auto [at, fresh] = matched.emplace(*target, std::pair(name, found));
    if (!fresh)
      fail(ErrorKind::input, "{}: {} and {} are both tensor {}", found.file, printable(at->second.first),
           printable(name), *target);
  }
  settle_tie(matched, table.names.tied_matrix, std::string(table.names.word) + ".weight", report);
  settle_tie(matched, table.names.tied_bias, table.names.head_bias, report);
  return matched;
}

void check_shapes(const Matched& matched, const ParameterSet& weights) {
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

// Standard normal numbers by Box and Muller, four from each Philox block; `stream` is the tensor's number.
void fill_normal(std::span<float> out, double deviation, uint64_t seed, uint64_t stream) {
  constexpr double kTwoPi = 6.283185307179586;
  const RandomKey key = random_key(seed, stream);
  for (size_t block = 0; block * 4 < out.size(); ++block) {
    const RandomWords words =
        random_words(key, {static_cast<uint32_t>(block), static_cast<uint32_t>(uint64_t{block} >> 32), 0,
                           static_cast<uint32_t>(RandomUse::weights) << 24});
    for (size_t pair = 0; pair < 2; ++pair) {
      const double radius = std::sqrt(-2 * std::log((words[2 * pair] + 1.0) * 0x1p-32)),
                   angle = kTwoPi * words[2 * pair + 1] * 0x1p-32;
      const size_t i = block * 4 + pair * 2;
      if (i < out.size()) out[i] = static_cast<float>(deviation * radius * std::cos(angle));
      if (i + 1 < out.size()) out[i + 1] = static_cast<float>(deviation * radius * std::sin(angle));
    }
  }
}

// Row p's numbers 2i and 2i+1: sine and cosine of p / 10000^(2i / C).
void fill_sinusoidal(const Tensor& table) {
  const int64_t width = table.dim[1];
  for (int64_t p = 0; p < table.dim[0]; ++p)
    for (int64_t j = 0; j < width; ++j) {
      const double angle =
          static_cast<double>(p) / std::pow(10000.0, static_cast<double>(j / 2 * 2) / static_cast<double>(width));
      table.f32()[p * width + j] = static_cast<float>(j % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
}

void initialize(const ModelConfig& config, const TensorToChange& tensor, uint64_t seed, uint64_t stream) {
  const std::span<float> values = tensor.tensor.values();
  const TensorNames& names = table_of(config.family).names;
  if (config.sinusoidal_positions && tensor.name == std::string(names.position) + ".weight") {
    fill_sinusoidal(tensor.tensor);
  } else if (tensor.decays) {
    fill_normal(values, config.initializer_range, seed, stream);
    const bool is_word = tensor.name == std::string(names.word) + ".weight";
    if (is_word && config.padding_id >= 0)
      std::ranges::fill(tensor.tensor.rows(config.padding_id, config.padding_id + 1).values(), 0.0f);
  } else {
    std::ranges::fill(values, tensor.name.ends_with(".weight") ? 1.0f : 0.0f);  // a norm's weight; else a bias
  }
}

// "a.3.b" as {"a.*.b", 3}; {name, -1} if no part is a number.
std::pair<std::string, int64_t> split_number(const std::string& name) {
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    const size_t end = name.find_first_not_of("0123456789", dot + 1);
    if (end == std::string::npos || end == dot + 1 || end - dot > 7 || name[end] != '.') continue;
    return {name.substr(0, dot + 1) + "*" + name.substr(end), std::stoll(name.substr(dot + 1, end - dot - 1))};
  }
  return {name, -1};
}

// Names that differ only by their layer become one: "layer.{0-5}.x".
std::vector<std::string> collapse_layers(const std::vector<std::string>& names) {
  std::vector<std::pair<std::string, std::set<int64_t>>> groups;
  for (const std::string& name : names) {
    const auto [pattern, number] = split_number(name);
    auto group = std::ranges::find(groups, pattern, &std::pair<std::string, std::set<int64_t>>::first);
    if (group == groups.end()) group = groups.insert(groups.end(), {pattern, {}});
    if (number >= 0) group->second.insert(number);
  }
  std::vector<std::string> collapsed;
  for (auto& [pattern, numbers] : groups) {
    if (!numbers.empty()) {
      std::string ranges;
      for (auto at = numbers.begin(); at != numbers.end();) {
        const int64_t first = *at;
        int64_t last = first;
        while (++at != numbers.end() && *at == last + 1) last = *at;
        ranges += fmt::format("{}{}", ranges.empty() ? "" : ",",
                              first == last ? std::to_string(first) : fmt::format("{}-{}", first, last));
      }
      pattern.replace(pattern.find('*'), 1, numbers.size() > 1 ? "{" + ranges + "}" : ranges);
    }
    collapsed.push_back(printable(pattern, 200));
  }
  return collapsed;
}

}  // namespace

std::string LoadReport::table() const {
  if (missing.empty() && unexpected.empty()) return "";
  std::vector<std::pair<std::string, const char*>> rows;
  for (const std::string& name : collapse_layers(missing)) rows.emplace_back(name, "missing: initialised afresh");
  for (const std::string& name : collapse_layers(unexpected)) rows.emplace_back(name, "not used");
  size_t width = 6;
  for (const auto& [name, status] : rows) width = std::max(width, name.size());
  std::string text = fmt::format("{:{}} | status", "tensor", width);
  for (const auto& [name, status] : rows) text += fmt::format("\n{:{}} | {}", name, width, status);
  return text;
}

LoadReport load_weights(const std::filesystem::path& folder, const ModelConfig& config, ParameterSet& weights,
                        uint64_t seed, Reading reading) {
  const auto opened = std::make_shared<const WeightFiles>(folder);
  const WeightFiles& files = *opened;
  LoadReport report;
  const Matched matched = match(files, config, weights, report);
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
      initialize(config, tensor, seed, i);
      continue;
    }
    const auto& [file_name, stored] = found->second;
    const float* const in_place = reading == Reading::borrowed ? float32_in_place(*stored.tensor) : nullptr;
    if (in_place != nullptr && weights.borrow(i, in_place, opened)) continue;
    to_float32(*stored.tensor, tensor.tensor.values(), fmt::format("{}: tensor {}", stored.file, printable(file_name)));
    if (reading == Reading::borrowed && stored.tensor->mapped) drop_pages(stored.tensor->bytes);
  }
  const std::string transform = std::string(table_of(config.family).names.transform) + ".weight";
  report.head_missing = std::ranges::find(report.missing, transform) != report.missing.end();
  return report;
}

void initialize_weights(const ModelConfig& config, ParameterSet& weights, uint64_t seed) {
  uint64_t stream = 0;
  for (const TensorToChange& tensor : weights.named_to_change()) initialize(config, tensor, seed, stream++);
}

void save_model(const std::filesystem::path& folder, const ModelConfig& config, const ParameterSet& weights) {
  std::vector<TensorToSave> tensors;
  for (const NamedTensor& tensor : weights.named()) {
    const auto shape = shape_of(tensor.tensor);
    tensors.push_back({tensor.name, "F32", {shape.begin(), shape.end()}, std::as_bytes(tensor.tensor.values())});
  }
  write_safetensors(folder / "model.safetensors", std::move(tensors));
  write_atomically(folder / "config.json", config.to_json());
}

void check_vocabulary(int64_t tokenizer_entries, const ModelConfig& config, const std::string& folder) {
  // Embeddings are often padded to a multiple of up to 128 for speed; a larger difference is none of that.
  constexpr int64_t kPadding = 128;
  const std::string matrix = std::string(table_of(config.family).names.word) + ".weight";
  if (tokenizer_entries > config.vocabulary)
    fail(ErrorKind::input,
         "vocabulary has {} entries but {} has {} rows (model in {}): tokenizer and weights are from different models; "
         "pass --tokenizer with the folder that the weights were trained with",
         tokenizer_entries, matrix, config.vocabulary, printable(folder, 300));
  if (tokenizer_entries <= config.vocabulary - kPadding)
    warn(fmt::format(
        "vocabulary has {} entries but {} has {} rows (model in {}), so {} rows can never be used: are tokenizer and "
        "weights from different models?",
        tokenizer_entries, matrix, config.vocabulary, printable(folder, 300), config.vocabulary - tokenizer_entries));
}

}  // namespace tekio

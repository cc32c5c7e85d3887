// BERT's head has its bias under two names, which are one where the head is tied. Where they differ, the reference's
// newer version computes with the decoder's, and so do we.
#include "model/tensor_matching.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.h"

namespace tekio {
namespace {

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
    return a.bytes.size() == b.bytes.size() &&
           (a.bytes.data() == b.bytes.data() || std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0);
  size_t count = 1;
  for (const int64_t d : a.shape) count *= static_cast<size_t>(d);
  std::vector<float> left(count), right(count);
  to_float32(a, left, where);
  to_float32(b, right, where);
  return left == right;
}

std::string word_matrix(const FamilyTable& table) { return std::string(table.names.word) + ".weight"; }

MatchedTensors match_names(const WeightFiles& files, const std::set<std::string>& known, const FamilyTable& table,
                           std::vector<std::string>* unexpected) {
  MatchedTensors matched;
  for (const auto& [name, found] : files.tensors()) {
    const auto target = model_name(name, known, table.base_prefix);
    if (!target) {
      if (unexpected != nullptr && !is_buffer(name)) unexpected->push_back(name);
      continue;
    }
    const auto [at, fresh] = matched.emplace(*target, std::pair(name, found));
    if (!fresh)
      fail(ErrorKind::input, "{}: {} and {} are both tensor {}", found.file, printable(at->second.first),
           printable(name), *target);
  }
  return matched;
}

// A tied matrix's copy counts only where the word embeddings themselves are not in the file.
void join_decoder(MatchedTensors& matched, const FamilyTable& table, LoadReport& report) {
  auto copy = matched.extract(table.names.decoder);
  if (copy.empty()) return;
  const auto kept = matched.find(word_matrix(table));
  const auto& [file_name, found] = copy.mapped();
  if (kept == matched.end())
    matched.emplace(word_matrix(table), copy.mapped());
  else if (!same_numbers(*found.tensor, *kept->second.second.tensor, file_name))
    report.unexpected.push_back(file_name);  // the weights were made without one: open_model_folder() asks first
}

// `tied`: as config.json says. A head that has a matrix of its own without that has its one bias in both versions.
void join_bias(MatchedTensors& matched, const FamilyTable& table, bool tied, LoadReport& report) {
  if (table.names.decoder_bias == nullptr) return;
  auto copy = matched.extract(table.names.decoder_bias);
  const auto own = matched.find(table.names.head_bias);
  if (copy.empty()) {
    if (!tied && own != matched.end())
      report.notes.push_back(
          fmt::format("{} has no {}: {} is taken for it (Hugging Face transformers 4 does so, 5 starts at 0)",
                      own->second.second.file, table.names.decoder_bias, printable(own->second.first)));
    return;
  }
  const auto& [file_name, found] = copy.mapped();
  if (own != matched.end() && !same_numbers(*found.tensor, *own->second.second.tensor, file_name))
    report.notes.push_back(
        fmt::format("{} and {} differ in {}: the latter is taken, as Hugging Face transformers 5 does",
                    printable(own->second.first), printable(file_name), found.file));
  matched.insert_or_assign(table.names.head_bias, copy.mapped());
}

// The first layer's queries, as a bare encoder's file names them.
std::string bare_query(const FamilyTable& table) {
  return fmt::format("{}{}.weight", layer_prefix(table.names, 0, 1), table.names.query)
      .substr(std::string_view(table.base_prefix).size());
}

}  // namespace

MatchedTensors match_tensors(const WeightFiles& files, const ModelConfig& config, const ParameterSet& weights,
                             LoadReport& report) {
  const FamilyTable& table = table_of(config.family);
  std::set<std::string> known = {table.names.decoder};
  for (const NamedTensor& tensor : weights.named()) known.insert(tensor.name);
  if (table.names.decoder_bias != nullptr) known.insert(table.names.decoder_bias);
  MatchedTensors matched = match_names(files, known, table, &report.unexpected);
  if (config.tied) join_decoder(matched, table, report);
  const JsonReader document(config.document, "config.json");
  join_bias(matched, table, document.boolean("tie_word_embeddings").value_or(true), report);
  return matched;
}

std::optional<Family> family_of_tensors(const WeightFiles& files) {
  std::optional<Family> found;
  std::string_view prefix;  // several families have RoBERTa's: the first of them serves all
  for (const FamilyTable& table : families()) {
    const std::string bare = bare_query(table);
    // Bare BERT encoders, RoBERTa's and ELECTRA's have the same names, but not the same positions.
    const bool own_layers = std::ranges::none_of(families(), [&](const FamilyTable& other) {
      return std::string_view(other.base_prefix) != table.base_prefix && bare_query(other) == bare;
    });
    if (table.base_prefix == prefix ||
        !(files.tensors().contains(table.base_prefix + bare) || (own_layers && files.tensors().contains(bare))))
      continue;
    if (found) return std::nullopt;
    found = table.family;
    prefix = table.base_prefix;
  }
  return found;
}

bool has_own_decoder(const WeightFiles& files, Family family) {
  const FamilyTable& table = table_of(family);
  const MatchedTensors both = match_names(files, {table.names.decoder, word_matrix(table)}, table, nullptr);
  if (both.size() < 2) return false;
  const auto& [file_name, found] = both.at(table.names.decoder);
  return !same_numbers(*found.tensor, *both.at(word_matrix(table)).second.tensor, file_name);
}

}  // namespace tekio

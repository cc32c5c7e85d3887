// Which files of a model's repository are wanted; the order of weights is that of model/weight_files.cc.
#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"
#include "hub/fetch.h"

namespace tekio::hub {
namespace {

constexpr std::array<std::string_view, 10> kTokenizer = {"tokenizer.json",
                                                         "tokenizer_config.json",
                                                         "special_tokens_map.json",
                                                         "added_tokens.json",
                                                         "vocab.txt",
                                                         "vocab.json",
                                                         "merges.txt",
                                                         "spiece.model",
                                                         "sentencepiece.bpe.model",
                                                         "tokenizer.model"};

constexpr std::array<std::string_view, 12> kWeightEndings = {".safetensors", ".bin",  ".h5",        ".msgpack",
                                                             ".ot",          ".onnx", ".onnx_data", ".pt",
                                                             ".pth",         ".ckpt", ".gguf",      ".tflite"};

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// "model-00001-of-00002.safetensors"
bool is_shard(std::string_view name, std::string_view stem, std::string_view ending) {
  return name.starts_with(fmt::format("{}-", stem)) && name.ends_with(ending) &&
         name.find("-of-") != std::string_view::npos && name.find('/') == std::string_view::npos;
}

std::vector<std::string> weights(const std::vector<std::string>& names) {
  struct Form {
    std::string_view stem, ending;
  };
  for (const Form form : {Form{"model", ".safetensors"}, Form{"pytorch_model", ".bin"}}) {
    const std::string whole = fmt::format("{}{}", form.stem, form.ending), index = whole + ".index.json";
    if (has(names, whole)) return {whole};
    if (!has(names, index)) continue;
    std::vector<std::string> shards = {index};
    for (const std::string& name : names)
      if (is_shard(name, form.stem, form.ending)) shards.push_back(name);
    return shards;
  }
  fail(
      ErrorKind::input,
      "the repository holds no weights that can be read: expected model.safetensors or pytorch_model.bin, or either in "
      "shards with an index");
}

}  // namespace

std::vector<std::string> config_file(const std::vector<std::string>& names) {
  if (!has(names, "config.json"))
    fail(ErrorKind::input, "the repository holds no config.json: it is no model that can be opened");
  return {"config.json"};
}

std::vector<std::string> model_files(const std::vector<std::string>& names) {
  std::vector<std::string> wanted = config_file(names);
  for (std::string& name : weights(names)) wanted.push_back(std::move(name));
  return wanted;
}

std::vector<std::string> tokenizer_files(const std::vector<std::string>& names) {
  std::vector<std::string> wanted;
  for (const std::string_view name : kTokenizer)
    if (has(names, name)) wanted.emplace_back(name);
  if (wanted.empty()) fail(ErrorKind::input, "the repository holds no tokenizer: expected tokenizer.json or vocab.txt");
  if (has(names, "config.json")) wanted.emplace_back("config.json");  // says which class a bare vocab.txt means
  return wanted;
}

std::vector<std::string> model_and_tokenizer_files(const std::vector<std::string>& names) {
  std::vector<std::string> wanted = model_files(names);
  for (std::string& name : tokenizer_files(names))
    if (!has(wanted, name)) wanted.push_back(std::move(name));
  return wanted;
}

std::vector<std::string> files_asked_for() {
  std::vector<std::string> names(kTokenizer.begin(), kTokenizer.end());
  for (const char* name : {"config.json", "adapter_config.json", "chat_template.jinja", "model.safetensors",
                           "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"})
    names.emplace_back(name);
  return names;
}

std::vector<std::string> model_repository_files(const std::vector<std::string>& names) {
  std::vector<std::string> wanted = model_files(names);
  for (const std::string& name : names) {
    const bool is_weights = std::any_of(kWeightEndings.begin(), kWeightEndings.end(),
                                        [&](std::string_view ending) { return name.ends_with(ending); });
    if (!is_weights && !has(wanted, name)) wanted.push_back(name);
  }
  return wanted;
}

}  // namespace tekio::hub

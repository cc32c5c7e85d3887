// What a folder's settings files say of its tokenizer: tokenizer_config.json, special_tokens_map.json,
// added_tokens.json, and the model's config.json.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "text/tables.h"
#include "text/tokenizer_json.h"

namespace tekio {

/// Whether the file is there. Errors: input (a link that leads nowhere).
bool has_file(const fs::path& path);
/// A file that is there, as its name promises. Errors: input (a pointer or a page stands in its place), io.
MappedFile open_file(const fs::path& path);

/// The files, merged as the reference merges them.
struct TokenizerSettings {
  fs::path folder;
  Json config;        // tokenizer_config.json
  Json model_config;  // config.json
  Json special_map;   // special_tokens_map.json; empty where tokenizer_config.json has added_tokens_decoder
  Json added_legacy;  // added_tokens.json; likewise

  /// Errors: input (a file is no JSON object), io.
  explicit TokenizerSettings(const fs::path& path);

  std::string where(const char* file = "tokenizer_config.json") const { return (folder / file).string(); }
  JsonReader reader() const { return {config, where()}; }
  JsonReader model_reader() const { return {model_config, where("config.json")}; }

  /// What special_tokens_map.json and tokenizer_config.json say under a key, the former first; nullptr if nothing.
  const Json* find(const std::string& key) const;
  /// The class that the files name; empty if none.
  std::string class_name() const;
  std::string model_type() const { return model_reader().string("model_type").value_or(""); }
  /// "tokenization_notes.NotesTokenizer": code of the folder's own that its tokenizer asks for (auto_map); else empty.
  std::string own_code() const;
};

/// Fills the tables' roles and further special tokens, by what the settings name and else by the class's defaults, and
/// appends all tokens that the settings list. Errors: input.
void read_special_tokens(const TokenizerSettings& settings, TokenizerTables& tables, std::vector<AddedToken>& tokens);

/// do_lower_case and its kin. Errors: input.
BertNormalization bert_normalization(const TokenizerSettings& settings, const TokenizerClass& of_class);
/// ALBERT's steps before its charsmap, by do_lower_case and keep_accents. Errors: input.
std::vector<NormalizationStep> albert_normalization(const TokenizerSettings& settings);

}  // namespace tekio

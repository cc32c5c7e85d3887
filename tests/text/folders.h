// Folders for tests: made under the test's own temporary folder, filled from golden files and strings.
#pragma once

#include <gtest/gtest.h>

#include <tekio/error.h>
#include <tekio/tokenizer.h>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "support/scratch_folder.h"

namespace tekio::test {

inline fs::path golden(const std::string& name) { return fs::path(TEKIO_GOLDEN_DIR) / "text" / name; }

/// An empty folder that nobody else has.
inline fs::path fresh_folder() {
  static const ScratchFolder all;
  static int number = 0;
  const fs::path path = all.path() / std::to_string(number++);
  fs::create_directories(path);
  return path;
}

/// A folder with these files: names and contents.
inline fs::path folder(std::span<const std::pair<std::string, std::string>> files) {
  const fs::path path = fresh_folder();
  for (const auto& [name, content] : files) std::ofstream(path / name, std::ios::binary) << content;
  return path;
}
inline fs::path folder(std::initializer_list<std::pair<const char*, std::string>> files) {
  const fs::path path = fresh_folder();
  for (const auto& [name, content] : files) std::ofstream(path / name, std::ios::binary) << content;
  return path;
}

/// The same of a golden file's object.
inline fs::path folder_of(const Json& files) {
  std::vector<std::pair<std::string, std::string>> list;
  for (const auto& [name, content] : files.items()) list.emplace_back(name, content.get<std::string>());
  return folder(list);
}

inline Tokenizer load(const fs::path& path) { return Tokenizer::from_pretrained(path.string()); }

/// The golden vocabulary with BERT's class and further settings ("\"do_lower_case\":false").
inline Tokenizer bert(const std::string& settings = "") {
  return load(folder({{"vocab.txt", read_text(golden("vocab.txt"))},
                      {"tokenizer_config.json",
                       "{\"tokenizer_class\":\"BertTokenizer\"" + (settings.empty() ? "" : "," + settings) + "}"}}));
}

/// The message of the error that `call` throws; the test fails if it throws none, or another kind.
template <typename Call>
std::string message_of(ErrorKind kind, Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(kind)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

/// "6162" as "ab".
inline std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

inline std::vector<std::string> tokens_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::string> tokens;
  for (const int32_t id : tokenizer.encode(text, {.add_special_tokens = false}).ids)
    tokens.push_back(tokenizer.id_to_token(id));
  return tokens;
}

}  // namespace tekio::test

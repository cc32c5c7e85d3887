#include "text/settings.h"

#include <algorithm>

#include "base/error.h"
#include "base/foreign_file.h"

namespace tekio {
namespace {

Json read_object(const fs::path& path) {
  if (!has_file(path)) return Json::object();
  const MappedFile file = open_file(path);
  Json json = parse_json(file.text(), path.string());
  if (!json.is_object()) fail(ErrorKind::input, "{}: expected a JSON object, got {}", path.string(), json.type_name());
  return json;
}

// "[MASK]" of a JSON value that is a string or an object with "content"; nothing for other kinds.
std::optional<std::string> token_text(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_object() && json.contains("content") && json["content"].is_string())
    return json["content"].get<std::string>();
  return std::nullopt;
}

// Collects the tokens that the settings name: those that are listed with ids, those with a role, and special ones
// without.
class SpecialTokens {
 public:
  SpecialTokens(const TokenizerSettings& settings, TokenizerTables& tables, std::vector<AddedToken>& tokens)
      : settings_(settings), tables_(tables), tokens_(tokens) {}

  void read() {
    std::vector<AddedToken> listed;
    list_decoder(listed);
    list_legacy(listed);
    std::stable_sort(listed.begin(), listed.end(),
                     [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
    tokens_.insert(tokens_.end(), listed.begin(), listed.end());
    note_roles();
    note_further();
  }

 private:
  static AddedToken blank(bool special) {
    AddedToken token;
    token.special = special;
    token.normalized = !special;
    return token;
  }

  void list_decoder(std::vector<AddedToken>& listed) const {
    const Json* decoder = settings_.reader().find("added_tokens_decoder");
    if (decoder == nullptr) return;
    const std::string place = settings_.where() + ": added_tokens_decoder";
    if (!decoder->is_object()) fail(ErrorKind::input, "{} must be an object", place);
    for (const auto& [id, json] : decoder->items()) {
      AddedToken token = parse_added_token(json, blank(false), place);
      const bool number = !id.empty() && id.size() < 10 && id.find_first_not_of("0123456789") == std::string::npos;
      if (!number) fail(ErrorKind::input, "{}: the id {} is not a whole number", place, printable(id));
      token.id = static_cast<int32_t>(std::stol(id));
      listed.push_back(std::move(token));
    }
  }

  void list_legacy(std::vector<AddedToken>& listed) const {
    for (const auto& [content, id] : settings_.added_legacy.items()) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= static_cast<uint64_t>(Vocabulary::kIdLimit))
        fail(ErrorKind::input, "{}: the id of {} does not lie in [0, {})", settings_.where("added_tokens.json"),
             printable(content), Vocabulary::kIdLimit);
      AddedToken token = blank(false);
      token.content = content;
      token.id = id.get<int32_t>();
      listed.push_back(std::move(token));
    }
  }

  // `strips`: what is given as a mere string takes the white space before it along.
  std::string note(const Json& json, const std::string& place, bool strips = false) {
    AddedToken token = blank(true);
    token.lstrip = strips;
    if (json.is_object()) token.normalized = true, token.lstrip = false;  // the defaults of an object that does not say
    token = parse_added_token(json, token, place);
    token.special = true;
    token.id = -1;
    if (std::none_of(tokens_.begin(), tokens_.end(), [&](const AddedToken& t) { return t.content == token.content; }))
      tokens_.push_back(token);
    return token.content;
  }

  void note_roles() {
    const TokenizerClass* known = tables_.known_class;
    for (int role = 0; role < kRoles; ++role) {
      const bool strips =
          role == kMask && known != nullptr &&
          (known->kind == TokenizerClass::Kind::mpnet || known->kind == TokenizerClass::Kind::camembert);
      if (const Json* json = settings_.find(kRoleNames[role]))
        tables_.roles[role] = note(*json, settings_.where() + ": " + kRoleNames[role], strips);
      else if (known != nullptr && *known->roles()[role] != 0)
        tables_.roles[role] = note(Json(known->roles()[role]), settings_.where(), strips);
    }
  }

  void note_further() {
    const auto further = [&](const Json& json, const std::string& place) {
      tables_.further_special.push_back(note(json, place));
    };
    if (tables_.known_class != nullptr && tables_.known_class->kind == TokenizerClass::Kind::splinter &&
        settings_.find("question_token") == nullptr)
      further(Json("[QUESTION]"), settings_.where());
    if (tables_.known_class != nullptr && tables_.known_class->kind == TokenizerClass::Kind::camembert &&
        has_file(settings_.folder / "tokenizer.json") && settings_.find("additional_special_tokens") == nullptr &&
        settings_.find("extra_special_tokens") == nullptr)
      for (const char* unused : {"<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"}) further(Json(unused), settings_.where());
    for (const Json* source : {&settings_.config, &settings_.special_map})
      for (const auto& [key, value] : source->items())
        if (key.ends_with("_token") && std::find(kRoleNames.begin(), kRoleNames.end(), key) == kRoleNames.end() &&
            token_text(value))
          further(value, settings_.where() + ": " + key);
    for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
      const Json* list = settings_.find(key);
      if (list == nullptr) continue;
      if (!list->is_array() && !list->is_object())
        fail(ErrorKind::input, "{}: {} must be a list, got {}", settings_.where(), key, list->type_name());
      for (const Json& json : *list) further(json, settings_.where() + ": " + key);
    }
  }

  const TokenizerSettings& settings_;
  TokenizerTables& tables_;
  std::vector<AddedToken>& tokens_;
};

}  // namespace

bool has_file(const fs::path& path) {
  if (const std::string link = dangling_link(path); !link.empty()) fail(ErrorKind::input, "{} {}", path.string(), link);
  return fs::exists(path);
}

MappedFile open_file(const fs::path& path) {
  MappedFile file(path);
  if (const std::string foreign = foreign_content(file.text().substr(0, kForeignBytes)); !foreign.empty())
    fail(ErrorKind::input, "{} {}", path.string(), foreign);
  return file;
}

TokenizerSettings::TokenizerSettings(const fs::path& path)
    : folder(path),
      config(read_object(path / "tokenizer_config.json")),
      model_config(read_object(path / "config.json")),
      special_map(Json::object()),
      added_legacy(Json::object()) {
  if (config.contains("added_tokens_decoder")) return;
  special_map = read_object(path / "special_tokens_map.json");
  added_legacy = read_object(path / "added_tokens.json");
}

const Json* TokenizerSettings::find(const std::string& key) const {
  if (const Json* value = JsonReader(special_map, where("special_tokens_map.json")).find(key.c_str())) return value;
  return reader().find(key.c_str());
}

std::string TokenizerSettings::class_name() const {
  auto name = reader().string("tokenizer_class");
  if (!name) name = model_reader().string("tokenizer_class");
  if (!name) return "";
  // transformers 5 writes BERT's class into DistilBERT's folders. Its third column, token_type_ids, is one that
  // DistilBERT of transformers 4 refuses; DistilBERT's own class differs in nothing else, and both versions open it.
  if ((name == "BertTokenizer" || name == "BertTokenizerFast") && model_type() == "distilbert")
    return "DistilBertTokenizer";
  return *name;
}

std::string TokenizerSettings::own_code() const {
  for (const Json* file : {&config, &model_config}) {
    const auto map = file->find("auto_map");
    if (map == file->end()) continue;
    const Json code = map->is_object() ? map->value("AutoTokenizer", Json()) : *map;
    if (code.is_string()) return code.get<std::string>();
    if (code.is_array())  // a slow and a fast class
      for (auto one = code.rbegin(); one != code.rend(); ++one)
        if (one->is_string()) return one->get<std::string>();
  }
  return "";
}

void read_special_tokens(const TokenizerSettings& settings, TokenizerTables& tables, std::vector<AddedToken>& tokens) {
  SpecialTokens(settings, tables, tokens).read();
}

BertNormalization bert_normalization(const TokenizerSettings& settings, const TokenizerClass& of_class) {
  const JsonReader reader = settings.reader();
  BertNormalization bert;
  bert.lowercase = reader.boolean("do_lower_case").value_or(true);
  bert.strip_accents = reader.boolean("strip_accents");
  bert.handle_chinese_chars = reader.boolean("tokenize_chinese_chars").value_or(true);
  if (of_class.kind == TokenizerClass::Kind::funnel) bert.clean_text = reader.boolean("clean_text").value_or(true);
  return bert;
}

std::vector<NormalizationStep> albert_normalization(const TokenizerSettings& settings) {
  const JsonReader reader = settings.reader();
  std::vector<NormalizationStep> steps = {ReplaceNormalization{Pattern::string("``"), "\""},
                                          ReplaceNormalization{Pattern::string("''"), "\""}};
  if (!reader.boolean("keep_accents").value_or(false)) {
    steps.push_back(UnicodeNormalization{UnicodeForm::nfkd});
    steps.push_back(StripAccentsNormalization{});
  }
  if (reader.boolean("do_lower_case").value_or(true)) steps.push_back(LowercaseNormalization{});
  return steps;
}

}  // namespace tekio

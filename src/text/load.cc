// Tokenizer::from_pretrained: which files count for what. The surprising fact: for BERT's classes the reference builds
// the normalizer anew from tokenizer_config.json, defaults included, whatever tokenizer.json says (a file with
// lowercase=false is lowercased where tokenizer_config.json does not say do_lower_case=false). Only
// PreTrainedTokenizerFast trusts tokenizer.json.
#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "text/tables.h"
#include "text/tokenizer_json.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace tekio {
namespace {

// Classes whose constructor is BERT's, and the model types whose tokenizer it is where no class is named.
const std::set<std::string, std::less<>> kBertClasses = {
    "BertTokenizer",     "DistilBertTokenizer",  "ElectraTokenizer",  "MobileBertTokenizer",
    "ConvBertTokenizer", "SqueezeBertTokenizer", "LayoutLMTokenizer", "RetriBertTokenizer"};
const std::map<std::string, std::string, std::less<>> kClassOfModel = {
    {"bert", "BertTokenizer"},       {"distilbert", "DistilBertTokenizer"}, {"electra", "BertTokenizer"},
    {"mobilebert", "BertTokenizer"}, {"convbert", "BertTokenizer"},         {"squeezebert", "BertTokenizer"},
    {"layoutlm", "BertTokenizer"},   {"retribert", "BertTokenizer"}};
constexpr const char* kGenericClass = "PreTrainedTokenizerFast";

Json read_object(const fs::path& path) {
  if (!fs::exists(path)) return Json::object();
  Json json = read_json(path);
  if (!json.is_object()) fail(ErrorKind::input, "{}: expected a JSON object, got {}", path.string(), json.type_name());
  return json;
}

// One token a line, its id the line's number. As the reference does: white space at a line's end is no part of the
// token, and of equal lines the last counts (the ids of the others are then nobody's).
Vocabulary read_vocabulary(const fs::path& path) {
  const MappedFile file(path);
  const std::string_view text = file.text();
  std::vector<std::string_view> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    std::string storage;
    if (sanitize(line, storage).data() != line.data())
      fail(ErrorKind::input, "{}:{}: not valid UTF-8: {}", path.string(), lines.size() + 1, printable(line));
    while (unicode::ends_with(line, unicode::kWhiteSpace)) {
      const char* at = line.data() + line.size();
      decode_utf8_before(at);
      line = line.substr(0, static_cast<size_t>(at - line.data()));
    }
    lines.push_back(line);
    if (static_cast<int64_t>(lines.size()) > Vocabulary::kIdLimit)
      fail(ErrorKind::input, "{}: more than {} lines", path.string(), Vocabulary::kIdLimit);
    begin = end + 1;
  }
  if (lines.empty()) fail(ErrorKind::input, "{}: the vocabulary is empty", path.string());
  Vocabulary vocabulary;
  vocabulary.reserve(lines.size(), text.size());
  for (size_t i = lines.size(); i-- > 0;) vocabulary.add(lines[i], static_cast<int32_t>(i));
  return vocabulary;
}

// The settings files of a folder, merged as the reference merges them.
struct Settings {
  fs::path folder;
  Json config;        // tokenizer_config.json
  Json model_config;  // config.json
  Json special_map;   // special_tokens_map.json; empty where tokenizer_config.json has added_tokens_decoder
  Json added_legacy;  // added_tokens.json; likewise

  explicit Settings(const fs::path& path)
      : folder(path),
        config(read_object(path / "tokenizer_config.json")),
        model_config(read_object(path / "config.json")),
        special_map(Json::object()),
        added_legacy(Json::object()) {
    if (config.contains("added_tokens_decoder")) return;
    special_map = read_object(path / "special_tokens_map.json");
    added_legacy = read_object(path / "added_tokens.json");
  }
  std::string where(const char* file = "tokenizer_config.json") const { return (folder / file).string(); }
  JsonReader reader() const { return {config, where()}; }

  // What special_tokens_map.json and tokenizer_config.json say under a key, the former first; nullptr if nothing.
  const Json* find(const std::string& key) const {
    if (const Json* value = JsonReader(special_map, where("special_tokens_map.json")).find(key.c_str())) return value;
    return reader().find(key.c_str());
  }
};

// Empty if no file says or implies a class.
std::string class_name(const Settings& settings) {
  auto name = settings.reader().string("tokenizer_class");
  const JsonReader model(settings.model_config, settings.where("config.json"));
  const std::string model_type = model.string("model_type").value_or("");
  if (!name) name = model.string("tokenizer_class");
  if (name && name->ends_with("Fast") && *name != kGenericClass) name->resize(name->size() - 4);
  // transformers 5 writes BERT's class into DistilBERT's folders. Its third column, token_type_ids, is one that
  // DistilBERT of transformers 4 refuses; DistilBERT's own class differs in nothing else, and both versions open it.
  if (name == "BertTokenizer" && model_type == "distilbert") return "DistilBertTokenizer";
  if (name) return *name;
  const auto known = kClassOfModel.find(model_type);
  return known == kClassOfModel.end() ? "" : known->second;
}

// "[MASK]" of a JSON value that is a string or an object with "content"; nothing for other kinds.
std::optional<std::string> token_text(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  if (json.is_object() && json.contains("content") && json["content"].is_string())
    return json["content"].get<std::string>();
  return std::nullopt;
}

// Collects the tokens that the settings name: those with a role, and special ones without.
void read_special_tokens(const Settings& settings, Tokenizer::Tables& tables, std::vector<AddedToken>& tokens) {
  const auto special = [](bool special_token) {
    AddedToken token;
    token.special = special_token;
    token.normalized = !special_token;
    return token;
  };
  const auto note = [&](const Json& json, const std::string& place) {
    AddedToken token = special(true);
    if (json.is_object()) token.normalized = true;  // the default of an object that does not say
    token = parse_added_token(json, token, place);
    token.special = true;
    token.id = -1;
    if (std::none_of(tokens.begin(), tokens.end(), [&](const AddedToken& t) { return t.content == token.content; }))
      tokens.push_back(token);
    return token.content;
  };
  std::vector<AddedToken> listed;
  if (const Json* decoder = settings.reader().find("added_tokens_decoder")) {
    const std::string place = settings.where() + ": added_tokens_decoder";
    if (!decoder->is_object()) fail(ErrorKind::input, "{} must be an object", place);
    for (const auto& [id, json] : decoder->items()) {
      AddedToken token = parse_added_token(json, special(false), place);
      const bool number = !id.empty() && id.size() < 10 && id.find_first_not_of("0123456789") == std::string::npos;
      if (!number) fail(ErrorKind::input, "{}: the id {} is not a whole number", place, printable(id));
      token.id = static_cast<int32_t>(std::stol(id));
      listed.push_back(std::move(token));
    }
  }
  for (const auto& [content, id] : settings.added_legacy.items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= static_cast<uint64_t>(Vocabulary::kIdLimit))
      fail(ErrorKind::input, "{}: the id of {} does not lie in [0, {})", settings.where("added_tokens.json"),
           printable(content), Vocabulary::kIdLimit);
    AddedToken token = special(false);
    token.content = content;
    token.id = id.get<int32_t>();
    listed.push_back(std::move(token));
  }
  std::stable_sort(listed.begin(), listed.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  tokens.insert(tokens.end(), listed.begin(), listed.end());

  for (int role = 0; role < kRoles; ++role) {
    const Json* json = settings.find(kRoleNames[role]);
    if (json != nullptr)
      tables.roles[role] = note(*json, settings.where() + ": " + kRoleNames[role]);
    else if (tables.bert_class && *kBertRoles[role] != 0)
      tables.roles[role] = note(Json(kBertRoles[role]), settings.where());
  }
  const auto further = [&](const Json& json, const std::string& place) {
    tables.further_special.push_back(note(json, place));
  };
  for (const Json* source : {&settings.config, &settings.special_map})
    for (const auto& [key, value] : source->items())
      if (key.ends_with("_token") && std::find(kRoleNames.begin(), kRoleNames.end(), key) == kRoleNames.end() &&
          token_text(value))
        further(value, settings.where() + ": " + key);
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    const Json* list = settings.find(key);
    if (list == nullptr) continue;
    if (!list->is_array() && !list->is_object())
      fail(ErrorKind::input, "{}: {} must be a list, got {}", settings.where(), key, list->type_name());
    for (const Json& json : *list) further(json, settings.where() + ": " + key);
  }
}

BertNormalization bert_normalization(const Settings& settings) {
  const JsonReader reader = settings.reader();
  BertNormalization bert;
  bert.lowercase = reader.boolean("do_lower_case").value_or(true);
  bert.strip_accents = reader.boolean("strip_accents");
  bert.handle_chinese_chars = reader.boolean("tokenize_chinese_chars").value_or(true);
  return bert;
}

Pipeline read_pipeline(const fs::path& folder) {
  const fs::path json = folder / "tokenizer.json", vocabulary = folder / "vocab.txt";
  if (fs::exists(json)) {
    const MappedFile file(json);
    return parse_tokenizer_json(file.text(), json.string());
  }
  if (fs::exists(vocabulary)) {
    Pipeline pipeline;
    pipeline.model = WordPiece(read_vocabulary(vocabulary), "[UNK]", "##", 100);
    pipeline.decoder = WordPieceDecoder{};
    return pipeline;
  }
  const bool other = fs::exists(folder / "merges.txt") || fs::exists(folder / "sentencepiece.bpe.model") ||
                     fs::exists(folder / "spiece.model");
  fail(ErrorKind::input, "{} has neither tokenizer.json nor vocab.txt{}", folder.string(),
       other ? "; of tokenizers without tokenizer.json, only WordPiece (vocab.txt) can be read" : "");
}

}  // namespace

Tokenizer Tokenizer::from_pretrained(const std::string& folder) {
  const fs::path path(folder);
  if (!fs::exists(path)) fail(ErrorKind::io, "{}: no such folder", folder);
  if (!fs::is_directory(path))
    fail(ErrorKind::io, "{}: expected a folder with tokenizer.json or vocab.txt, got a file", folder);
  Pipeline pipeline = read_pipeline(path);
  const Settings settings(path);
  const bool has_json = fs::exists(path / "tokenizer.json");
  const std::string where = (path / (has_json ? "tokenizer.json" : "vocab.txt")).string();

  auto tables = std::make_shared<Tables>();
  const std::string name = class_name(settings);
  tables->bert_class = kBertClasses.contains(name) || (name.empty() && !has_json);
  tables->tokenizer_class = !tables->bert_class ? kGenericClass : name.empty() ? "BertTokenizer" : name;
  tables->config = settings.config;
  tables->model_max_length = settings.reader().integer("model_max_length").value_or(INT64_MAX);
  tables->clean_up = settings.reader().boolean("clean_up_tokenization_spaces").value_or(false);
  tables->ignore_special = settings.reader().boolean("split_special_tokens").value_or(false);

  std::vector<AddedToken> tokens;
  read_special_tokens(settings, *tables, tokens);
  if (name.empty() && has_json)  // nothing says what kind this is: take the roles that the tokens' names speak of
    for (int role = 0; role < kRoles; ++role)
      for (const AddedToken& token : pipeline.added)
        if (token.special && tables->roles[role].empty() && token.content == kBertRoles[role])
          tables->roles[role] = token.content;

  tables->normalizer = tables->bert_class ? Normalizer({bert_normalization(settings)}) : std::move(pipeline.normalizer);
  tables->pre_tokenizer = tables->bert_class && !pipeline.has_pre_tokenizer ? PreTokenizer({PreTokenizerStep::bert})
                                                                            : std::move(pipeline.pre_tokenizer);
  tables->decoder = tables->bert_class && !pipeline.decoder ? WordPieceDecoder{} : pipeline.decoder;
  tables->model = std::move(pipeline.model);
  if (tables->bert_class && !has_json && tables->model.unknown_token() != tables->roles[kUnknown])
    tables->model = std::move(tables->model).with_unknown_token(tables->roles[kUnknown]);
  // What the settings say of a token that tokenizer.json lists as well counts only where they describe it whole.
  std::vector<AddedToken> all = std::move(pipeline.added);
  for (AddedToken& token : tokens) {
    const bool known =
        std::any_of(all.begin(), all.end(), [&](const AddedToken& t) { return t.content == token.content; });
    if (!known || token.id >= 0) all.push_back(std::move(token));
  }
  tables->add_tokens(std::move(all), where);

  tables->templates = std::move(pipeline.templates);
  const auto cls = tables->id_of(tables->roles[kCls]), sep = tables->id_of(tables->roles[kSep]);
  if (tables->bert_class && !pipeline.has_template && cls && sep)
    tables->templates = Template::bert(tables->roles[kCls], *cls, tables->roles[kSep], *sep);
  tables->list_special_ids();

  return Tokenizer(std::move(tables));
}

}  // namespace tekio

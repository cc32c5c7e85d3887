// Tokenizer::from_pretrained: which files count for what. The surprising fact: BERT's classes of transformers 5 take
// the vocabulary and the added tokens out of tokenizer.json and build all else anew from tokenizer_config.json,
// defaults included (a file with lowercase=false is lowercased where tokenizer_config.json does not say
// do_lower_case=false). Only the generic class (PreTrainedTokenizerFast) trusts tokenizer.json.
#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "hub/locate.h"
#include "text/settings.h"
#include "text/step_json.h"
#include "text/tables.h"
#include "text/tokenizer_json.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace tekio {
namespace {

// One token a line, its id the line's number. As the reference does: white space at a line's end is no part of the
// token, and of equal lines the last counts (the ids of the others are then nobody's).
Vocabulary read_vocabulary(const fs::path& path) {
  const MappedFile file = open_file(path);
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

Pipeline read_pipeline(const fs::path& folder, bool has_json) {
  const fs::path json = folder / "tokenizer.json", vocabulary = folder / "vocab.txt";
  if (has_json) return parse_tokenizer_json(open_file(json).text(), json.string());
  if (has_file(vocabulary)) {
    Pipeline pipeline;
    pipeline.model = {WordPiece(read_vocabulary(vocabulary), "[UNK]", "##", WordPiece::kMaxInputChars)};
    return pipeline;
  }
  const bool other = fs::exists(folder / "merges.txt") || fs::exists(folder / "sentencepiece.bpe.model") ||
                     fs::exists(folder / "spiece.model");
  fail(ErrorKind::input, "{} has neither tokenizer.json nor vocab.txt{}", folder.string(),
       other ? "; of tokenizers without tokenizer.json, only WordPiece (vocab.txt) can be read" : "");
}

// The class of BERT's whose tokenizer this is; nullptr where tokenizer.json says all. Errors: input (another class).
const TokenizerClass* resolve_class(const TokenizerSettings& settings, bool has_json) {
  const std::string name = settings.class_name(), code = settings.own_code(), type = settings.model_type();
  const TokenizerClass* known = find_tokenizer_class(name);
  if (!code.empty() && known == nullptr)
    fail(ErrorKind::input,
         "{}: the tokenizer is code of the folder's own ({}, by \"auto_map\"), which Tekio does not run{}",
         settings.where(), printable(code), name.empty() ? "" : fmt::format(" (tokenizer_class {})", printable(name)));
  if (!code.empty())
    warn(fmt::format("{}: the code {} that \"auto_map\" names is not run; the tokenizer is read as {}",
                     settings.where(), printable(code), name));
  if (known != nullptr) return known;
  if (name.empty()) {
    if (const TokenizerClass* of_model = tokenizer_class_of_model(type)) return of_model;
    if (has_json) return nullptr;
    if (type.empty()) return find_tokenizer_class("BertTokenizer");
    fail(ErrorKind::input,
         "{} names no tokenizer_class, and the tokenizer of model_type {} is none that Tekio knows; vocab.txt alone "
         "does "
         "not say how text is split",
         settings.where(), printable(type));
  }
  if (!is_generic_class(name))
    fail(ErrorKind::input,
         "{}: the tokenizer_class {} is none that Tekio knows; it reads BERT's (BertTokenizer and others that split "
         "text "
         "as it does), and PreTrainedTokenizerFast where tokenizer.json says how text is split",
         settings.where(), printable(name));
  if (!has_json)
    fail(ErrorKind::input,
         "{}: the tokenizer_class {} needs tokenizer.json, which {} lacks; vocab.txt alone does not say how text is "
         "split",
         settings.where(), printable(name), settings.folder.string());
  return nullptr;
}

bool says_otherwise(const Json& normalizer, const BertNormalization& bert, const std::string& where) {
  if (!normalizer.is_object() || normalizer.value("type", Json()) != "BertNormalizer") return true;
  const Normalizer parsed = parse_normalizer(normalizer, where);
  const auto& said = std::get<BertNormalization>(parsed.steps().at(0));
  return said.clean_text != bert.clean_text || said.handle_chinese_chars != bert.handle_chinese_chars ||
         said.lowercase != bert.lowercase ||
         said.strip_accents.value_or(said.lowercase) != bert.strip_accents.value_or(bert.lowercase);
}

// Tells which of tokenizer.json's components do not count since the class makes its own.
void warn_of_overruled(const Pipeline& file, bool other_model, const Tokenizer::Tables& tables,
                       const std::string& where) {
  std::vector<std::string> parts;
  if (says_otherwise(file.normalizer, *tables.settings_of_class(), where)) parts.push_back("normalizer");
  if (!file.pre_tokenizer.is_object() || file.pre_tokenizer.value("type", Json()) != "BertPreTokenizer")
    parts.push_back("pre_tokenizer");
  if (other_model) parts.push_back("model's settings");
  if (!file.post_processor.is_null() &&
      json_of(parse_post_processor(file.post_processor, where)) != json_of(tables.templates))
    parts.push_back("post_processor");
  if (parts.empty()) return;
  std::string list = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) list += (i + 1 < parts.size() ? ", " : " and ") + parts[i];
  const bool several = parts.size() > 1 || parts[0].ends_with('s');
  warn(
      fmt::format("{}: its {} {} of {}, which makes its own, as in Hugging Face transformers 5; with "
                  "\"tokenizer_class\": \"{}\" in "
                  "tokenizer_config.json the file counts as it is",
                  where, list, several ? "are not those" : "is not that", tables.tokenizer_class, kGenericClass));
}

// Puts the pipeline of a class of BERT's, made from the vocabulary and the settings, into the tables. Says whether the
// model had other settings of its own.
bool take_bert_pipeline(SubwordModel model, const TokenizerSettings& settings, Tokenizer::Tables& tables) {
  tables.normalizer = Normalizer({bert_normalization(settings, *tables.known_class)});
  tables.pre_tokenizer = PreTokenizer({BertPreTokenization{}});
  tables.decoder = Decoder({WordPieceDecoding{}});
  const std::string& unknown = tables.roles[kUnknown];
  auto word_piece = std::get<WordPiece>(std::move(model).take());
  const bool other = word_piece.prefix() != "##" || word_piece.unknown_token() != unknown ||
                     word_piece.max_input_chars_per_word() != WordPiece::kMaxInputChars;
  tables.model = {std::move(word_piece).with_settings(unknown, "##", WordPiece::kMaxInputChars)};
  return other;
}

// Those of tokenizer.json and those of the settings. What the settings say of a token that the former lists as well
// counts only where they describe it whole.
std::vector<AddedToken> joined(std::vector<AddedToken> of_file, std::vector<AddedToken> of_settings) {
  for (AddedToken& token : of_settings) {
    const bool known =
        std::any_of(of_file.begin(), of_file.end(), [&](const AddedToken& t) { return t.content == token.content; });
    if (!known || token.id >= 0) of_file.push_back(std::move(token));
  }
  return of_file;
}

}  // namespace

Tokenizer Tokenizer::from_pretrained(const std::string& folder) {
  const fs::path path = hub::model_folder(folder, hub::tokenizer_files);
  if (!fs::is_directory(path))
    fail(ErrorKind::io, "{}: expected a folder with tokenizer.json or vocab.txt, got a file", folder);
  const bool has_json = has_file(path / "tokenizer.json");
  Pipeline file = read_pipeline(path, has_json);
  const TokenizerSettings settings(path);
  const std::string where = (path / (has_json ? "tokenizer.json" : "vocab.txt")).string();

  auto tables = std::make_shared<Tables>();
  tables->known_class = resolve_class(settings, has_json);
  const TokenizerClass* known = tables->known_class;
  tables->tokenizer_class = known != nullptr ? known->name : kGenericClass;
  tables->config = settings.config;
  tables->model_max_length = settings.reader().integer("model_max_length").value_or(INT64_MAX);
  tables->clean_up = settings.reader().boolean("clean_up_tokenization_spaces").value_or(false);
  tables->ignore_special = settings.reader().boolean("split_special_tokens").value_or(false);

  std::vector<AddedToken> tokens;
  read_special_tokens(settings, *tables, tokens);
  if (known == nullptr && settings.class_name().empty())  // take the roles that the tokens' names speak of
    for (int role = 0; role < kRoles; ++role)
      for (const AddedToken& token : file.added)
        if (token.special && tables->roles[role].empty() && token.content == kBertRoles[role])
          tables->roles[role] = token.content;

  // The class's own pipeline, or the file's.
  const bool own = known != nullptr && (!has_json || known->keeps == TokenizerClass::Keeps::vocabulary);
  bool other_model = false;
  if (own) {
    other_model = take_bert_pipeline(std::move(file.model), settings, *tables);
  } else {
    tables->normalizer = parse_normalizer(file.normalizer, where + ": normalizer");
    tables->pre_tokenizer = parse_pre_tokenizer(file.pre_tokenizer, where + ": pre_tokenizer");
    tables->decoder = parse_decoder(file.decoder, where + ": decoder");
    tables->model = std::move(file.model);
  }
  tables->add_tokens(joined(std::move(file.added), std::move(tokens)), where);
  tables->list_special_ids();
  tables->templates = own || (known != nullptr && known->keeps == TokenizerClass::Keeps::steps)
                          ? tables->class_template()
                          : parse_post_processor(file.post_processor, where + ": post_processor");
  if (own && has_json) warn_of_overruled(file, other_model, *tables, where);
  return Tokenizer(std::move(tables));
}

}  // namespace tekio

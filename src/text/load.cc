// Tokenizer::from_pretrained: which files count for what. The surprising fact: many classes of transformers 5 take the
// vocabulary and the added tokens out of tokenizer.json and build all else anew from tokenizer_config.json,
// defaults included (a file with lowercase=false is lowercased where tokenizer_config.json does not say
// do_lower_case=false). Only the generic class (PreTrainedTokenizerFast) trusts tokenizer.json.
#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/system_error.h"
#include "hub/locate.h"
#include "text/class_pipeline.h"
#include "text/models/model_json.h"
#include "text/sentencepiece.h"
#include "text/settings.h"
#include "text/step_json.h"
#include "text/tables.h"
#include "text/tokenizer_json.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace tekio {
namespace {

// One token a line, its id the line's number. As the reference does: white space at a line's end is no part of the
// token (of a slow tokenizer's it is, but for what ends lines), and of equal lines the last counts (the ids of the
// others are then nobody's).
Vocabulary read_vocabulary(const MappedFile& file, const fs::path& path, bool slow) {
  const std::string_view text = file.text();
  std::vector<std::string_view> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(slow ? text.find_first_of("\r\n", begin) : text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    std::string storage;
    if (sanitize(line, storage).data() != line.data())
      fail(ErrorKind::input, "{}:{}: not valid UTF-8: {}", path.string(), lines.size() + 1, printable(line));
    while (!slow && unicode::ends_with(line, unicode::kWhiteSpace)) {
      const char* at = line.data() + line.size();
      decode_utf8_before(at);
      line = line.substr(0, static_cast<size_t>(at - line.data()));
    }
    lines.push_back(line);
    if (static_cast<int64_t>(lines.size()) > Vocabulary::kIdLimit)
      fail(ErrorKind::input, "{}: more than {} lines", path.string(), Vocabulary::kIdLimit);
    begin = end + (slow && text.substr(end, 2) == "\r\n" ? 2 : 1);
  }
  if (lines.empty()) fail(ErrorKind::input, "{}: the vocabulary is empty", path.string());
  Vocabulary vocabulary;
  vocabulary.reserve(lines.size(), text.size());
  for (size_t i = lines.size(); i-- > 0;) vocabulary.add(lines[i], static_cast<int32_t>(i));
  return vocabulary;
}

// The file that a folder's vocabulary is in.
const char* main_file(const fs::path& folder, const TokenizerClass* known, bool has_json) {
  if (has_json) return "tokenizer.json";
  if (known == nullptr) return sentencepiece_file(nullptr);
  if (!known->is_unigram()) return known->is_byte_level() ? "vocab.json" : "vocab.txt";
  const bool other = !has_file(folder / sentencepiece_file(known)) && has_file(folder / sentencepiece_file(nullptr));
  return sentencepiece_file(other ? nullptr : known);
}

// What the folder's files say: tokenizer.json, or those of the class. `roles`: see read_sentencepiece().
Pipeline read_pipeline(const fs::path& folder, const TokenizerClass* known, bool has_json,
                       std::array<std::string, kRoles>& roles) {
  const fs::path main = folder / main_file(folder, known, has_json);
  if (has_json) return parse_tokenizer_json(open_file(main).text(), main.string());
  const auto required = [&](const fs::path& path) {
    if (!has_file(path) && known != nullptr && known->kind == TokenizerClass::Kind::japanese)
      fail(ErrorKind::input, "{} lacks {}, which the tokenizer_class {} needs", folder.string(),
           path.filename().string(), known->name);
    if (!has_file(path))
      fail(ErrorKind::input, "{} has neither tokenizer.json nor {}, one of which the tokenizer_class {} needs",
           folder.string(), path.filename().string(), known != nullptr ? known->name : kGenericClass);
    return path;
  };
  const MappedFile file = open_file(required(main));
  Pipeline pipeline;
  if (known == nullptr || known->is_unigram()) {
    pipeline = read_sentencepiece(file.text(), known, roles, main.string());
  } else if (known->is_byte_level()) {
    const fs::path merges = required(folder / "merges.txt");
    pipeline.model = {parse_bpe_files(file.text(), main.string(), open_file(merges).text(), merges.string())};
  } else {
    const bool slow = known->kind == TokenizerClass::Kind::japanese;
    pipeline.model = {WordPiece(read_vocabulary(file, main, slow), "[UNK]", "##", WordPiece::kMaxInputChars)};
  }
  return pipeline;
}

void check_files(const fs::path& folder) {
  if (Tokenizer::is_in(folder)) return;
  fail(ErrorKind::input,
       "{} has neither tokenizer.json nor vocab.txt, nor vocab.json with merges.txt, nor SentencePiece's "
       "sentencepiece.bpe.model, spiece.model or tokenizer.model",
       folder.string());
}

// The first of the files without which there is no tokenizer, other than tokenizer.json.
const char* vocabulary_file(const fs::path& folder) {
  for (const char* name : {"vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model"})
    if (has_file(folder / name)) return name;
  return "tokenizer.model";
}

// The class whose pipeline this tokenizer has; nullptr where tokenizer.json says all. Errors: input (another class).
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
  const bool says_all = has_json || has_file(settings.folder / sentencepiece_file(nullptr));
  if (says_all && is_model_of_generic_class(type)) return nullptr;
  if (known != nullptr) return known;
  if (name.empty()) {
    if (const TokenizerClass* of_model = tokenizer_class_of_model(type)) return of_model;
    if (has_json) return nullptr;
    const bool lines = has_file(settings.folder / "vocab.txt");
    if (type.empty() && lines) return find_tokenizer_class("BertTokenizer");
    fail(ErrorKind::input, "{} names no tokenizer_class{}; {} alone does not say how text is split", settings.where(),
         type.empty() ? ""
                      : fmt::format(", and the tokenizer of model_type {} is none that Tekio knows", printable(type)),
         vocabulary_file(settings.folder));
  }
  if (!is_generic_class(name))
    fail(ErrorKind::input,
         "{}: the tokenizer_class {} is none that Tekio knows; it reads BERT's and RoBERTa's (BertTokenizer, "
         "RobertaTokenizer and others that split text as they do), BertJapaneseTokenizer, XLMRobertaTokenizer, "
         "CamembertTokenizer and AlbertTokenizer, and PreTrainedTokenizerFast where tokenizer.json says how text is "
         "split",
         settings.where(), printable(name));
  if (!says_all)
    fail(ErrorKind::input,
         "{}: the tokenizer_class {} needs tokenizer.json, which {} lacks; {} alone does not say how text is split",
         settings.where(), printable(name), settings.folder.string(), vocabulary_file(settings.folder));
  return nullptr;
}

// The control and user-defined pieces of a file of SentencePiece are the further special tokens, where the settings
// list none.
void take_special_pieces(Pipeline& file, const TokenizerSettings& settings, TokenizerTables& tables,
                         std::vector<AddedToken>& tokens) {
  const bool listed =
      settings.find("additional_special_tokens") != nullptr || settings.find("extra_special_tokens") != nullptr;
  for (AddedToken& token : file.added) {
    if (listed) continue;
    const auto& roles = tables.roles;
    token.special = token.special || std::find(roles.begin(), roles.end(), token.content) != roles.end();
    tables.further_special.push_back(token.content);
    tokens.push_back(std::move(token));
  }
  file.added.clear();
  // The roles that the file fills.
  for (const Role role : {kBos, kEos, kUnknown}) {
    const std::string& content = tables.roles[role];
    const bool known =
        std::any_of(tokens.begin(), tokens.end(), [&](const AddedToken& t) { return t.content == content; });
    if (content.empty() || known) continue;
    AddedToken token;
    token.content = content;
    token.special = true;
    tokens.push_back(std::move(token));
  }
}

// What the generic class puts around texts where no tokenizer.json says it.
Template template_of_ends(const TokenizerSettings& settings, const TokenizerTables& tables) {
  Template result;
  const auto put = [&](const char* key, Role role, bool front) {
    const auto id = tables.id_of_role(role);
    if (!settings.reader().boolean(key).value_or(false) || !id) return;
    result.single.insert(front ? result.single.begin() : result.single.end(), template_token(tables.roles[role], *id));
    const auto second = std::find_if(result.pair.begin(), result.pair.end(),
                                     [](const TemplatePiece& p) { return p.kind == TemplatePiece::Kind::second; });
    result.pair.insert(second, template_token(tables.roles[role], *id, front ? 1 : 0));
    result.pair.insert(front ? result.pair.begin() : result.pair.end(),
                       template_token(tables.roles[role], *id, front ? 0 : 1));
  };
  put("add_eos_token", kEos, false);
  put("add_bos_token", kBos, true);
  return result;
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

// Gives tokens the roles that their names speak of.
void take_roles_of_names(const std::vector<AddedToken>& tokens, std::array<std::string, kRoles>& roles) {
  for (const RoleNames* names : {&kBertRoles, &kRobertaRoles})
    for (int role = 0; role < kRoles; ++role)
      for (const AddedToken& token : tokens)
        if (token.special && roles[role].empty() && token.content == (*names)[role]) roles[role] = token.content;
}

}  // namespace

Tokenizer Tokenizer::from_pretrained(const std::string& folder) {
  const fs::path path = hub::model_folder(folder, hub::tokenizer_files);
  if (!fs::is_directory(path))
    fail({std::errc::not_a_directory, folder}, "{}: expected a folder with a tokenizer's files, got a file", folder);
  check_files(path);
  const bool is_there = has_file(path / "tokenizer.json");
  const TokenizerSettings settings(path);
  auto tables = std::make_shared<TokenizerTables>();
  tables->known_class = resolve_class(settings, is_there);
  const bool has_json = is_there && !tables->is_slow();
  const TokenizerClass* known = tables->known_class;
  const std::string where = (path / main_file(path, known, has_json)).string();
  tables->tokenizer_class = known != nullptr ? known->name : kGenericClass;
  tables->config = settings.config;
  tables->model_max_length = settings.reader().integer("model_max_length").value_or(INT64_MAX);
  tables->clean_up = settings.reader().boolean("clean_up_tokenization_spaces").value_or(false);
  tables->ignore_special = settings.reader().boolean("split_special_tokens").value_or(false);

  std::vector<AddedToken> tokens;
  read_special_tokens(settings, *tables, tokens);
  Pipeline file = read_pipeline(path, known, has_json, tables->roles);
  const bool has_pieces = !has_json && (known == nullptr || known->is_unigram());
  if (has_pieces) take_special_pieces(file, settings, *tables, tokens);
  if (known == nullptr && settings.class_name().empty()) take_roles_of_names(file.added, tables->roles);

  // The class's own pipeline, or the file's.
  const bool own = known != nullptr && (!has_json || known->keeps == TokenizerClass::Keeps::vocabulary);
  bool other_model = false;
  if (own) {
    other_model = take_class_pipeline(file, settings, *tables, where);
  } else {
    tables->normalizer = parse_normalizer(file.normalizer, where + ": normalizer");
    tables->pre_tokenizer = parse_pre_tokenizer(file.pre_tokenizer, where + ": pre_tokenizer");
    tables->decoder = parse_decoder(file.decoder, where + ": decoder");
    tables->model = std::move(file.model);
  }
  tables->add_tokens(joined(std::move(file.added), std::move(tokens)), where);
  tables->list_special_ids();
  if (own || (known != nullptr && known->keeps == TokenizerClass::Keeps::steps))
    tables->templates = template_of_class(file, settings, *tables, where);
  else
    tables->templates = has_pieces ? template_of_ends(settings, *tables)
                                   : parse_post_processor(file.post_processor, where + ": post_processor");
  if (own && has_json) warn_of_overruled(file, other_model, *tables, where);
  return Tokenizer(std::move(tables));
}

}  // namespace tekio

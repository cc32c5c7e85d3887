// Where a dictionary is found: mecab_kwargs name one by what Python's package of it is called (mecab_dic), or by
// MeCab's own options (mecab_option). A name is looked up in an environment variable, then where Debian has nearly the
// same dictionary; nothing is searched.
#include "text/japanese_tokenizer.h"

#include <algorithm>
#include <array>

#include "base/environment.h"
#include "base/error.h"
#include "base/log.h"

namespace tekio {
namespace {

struct KnownDictionary {
  std::string_view name;
  const char* variable;  // of the environment
  const char* place;     // Debian's; "": it has none with these words
  const char* package;
  const char* module;  // Python's,
  bool downloads;      // which has the dictionary only then
};
constexpr KnownDictionary kDictionaries[] = {
    {"ipadic", "TEKIO_IPADIC", "/var/lib/mecab/dic/ipadic-utf8", "mecab-ipadic-utf8", "ipadic", false},
    {"unidic_lite", "TEKIO_UNIDIC_LITE", "", "", "unidic_lite", false},
    {"unidic", "TEKIO_UNIDIC", "", "", "unidic", true}};

bool is_dictionary(const fs::path& folder) { return fs::exists(folder / "sys.dic") && fs::exists(folder / "dicrc"); }

/// Commands for a shell: in an environment of its own, as Debian lets pip install nowhere else.
std::string how_to_get(const KnownDictionary& one) {
  return fmt::format(
      "python3 -m venv ~/mecab && ~/mecab/bin/pip install {}{} && export {}=$(~/mecab/bin/python -c \"import {}; "
      "print({}.DICDIR)\")",
      one.name, one.downloads ? fmt::format(" && ~/mecab/bin/python -m {} download", one.module) : "", one.variable,
      one.module, one.module);
}

std::string folder_of(std::string_view name, const std::string& where) {
  const auto* known = std::find_if(std::begin(kDictionaries), std::end(kDictionaries),
                                   [&](const KnownDictionary& one) { return one.name == name; });
  if (known == std::end(kDictionaries))
    fail(ErrorKind::input, "{}: mecab_dic must be ipadic, unidic_lite, unidic or null, got {}", where, printable(name));
  if (const std::string named = environment(known->variable); !named.empty()) {
    if (!is_dictionary(named))
      fail(ErrorKind::input, "{} names {}, which is no folder with a dictionary of MeCab's (dicrc and sys.dic)",
           known->variable, printable(named, 300));
    return named;
  }
  if (*known->place != 0 && is_dictionary(known->place)) {
    warn(
        fmt::format("{}: words are cut by Debian's {}, which knows one word more (\u4ee4\u548c) than the dictionary "
                    "that Hugging Face transformers takes; for its ids: {}",
                    where, known->package, how_to_get(*known)));
    return known->place;
  }
  const std::string install =
      *known->place != 0
          ? fmt::format("install Debian's package {} (there is nothing at {}), or: ", known->package, known->place)
          : "";
  fail(ErrorKind::input, "{}: words are cut by MeCab with the dictionary {}, which is not here; to get it: {}{}", where,
       name, install, how_to_get(*known));
}

struct MecabOption {
  char letter;
  std::string_view name;
  bool has_value;
  enum class Effect { dictionary, settings, words, none } effect;
};
using Effect = MecabOption::Effect;
constexpr MecabOption kMecabOptions[] = {
    {'d', "dicdir", true, Effect::dictionary},       {'r', "rcfile", true, Effect::settings},
    {'u', "userdic", true, Effect::dictionary},      {'M', "max-grouping-size", true, Effect::words},
    {'O', "output-format-type", true, Effect::none}, {'F', "node-format", true, Effect::none},
    {'U', "unk-format", true, Effect::none},         {'B', "bos-format", true, Effect::none},
    {'E', "eos-format", true, Effect::none},         {'S', "eon-format", true, Effect::none},
    {'x', "unk-feature", true, Effect::none},        {'b', "input-buffer-size", true, Effect::none},
    {'l', "lattice-level", true, Effect::none},      {'C', "allocate-sentence", false, Effect::none}};

struct GivenOption {
  const MecabOption* option;
  std::string value;
};

// "-dDIR", "-d DIR", "--dicdir=DIR", "--dicdir DIR".
std::vector<GivenOption> parse_options(const std::string& text, const std::string& where) {
  const std::vector<std::string> parts = split_command(text, where);
  std::vector<GivenOption> given;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string_view part = parts[i];
    const bool is_long = part.starts_with("--");
    const std::string_view name =
        is_long ? part.substr(2, part.find('=') - 2) : part.substr(std::min<size_t>(part.size(), 1));
    const auto* option = std::find_if(std::begin(kMecabOptions), std::end(kMecabOptions), [&](const MecabOption& one) {
      return is_long ? one.name == name : part.starts_with('-') && name.starts_with(one.letter);
    });
    if (option == std::end(kMecabOptions))
      fail(ErrorKind::input,
           "{}: mecab_option: {} is not supported; those are that name a dictionary (-d, -u, -r), -M, and those that "
           "format MeCab's output",
           where, printable(part));
    std::string value(is_long ? part.substr(std::min(part.size(), 2 + name.size() + 1)) : name.substr(1));
    const bool follows = option->has_value && (is_long ? part.find('=') == std::string_view::npos : value.empty());
    if (follows && i + 1 == parts.size())
      fail(ErrorKind::input, "{}: mecab_option: {} needs a value", where, printable(part));
    if (follows) value = parts[++i];
    given.push_back({option, std::move(value)});
  }
  return given;
}

bool begins_with(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

// Whether a path leads into the model's folder, by its name or by what links on its way lead to, or into any folder
// that the Hub's cache holds.
bool is_from_a_model(const fs::path& file, const fs::path& folder) {
  const auto ways = [](const fs::path& path) {
    std::error_code ignored;
    const fs::path by_name = fs::absolute(path, ignored).lexically_normal();  // "/a/b/" where that ends in a slash
    return std::array{by_name.has_filename() ? by_name : by_name.parent_path(), fs::weakly_canonical(path, ignored)};
  };
  const auto is_of_the_hub = [](const fs::path& part) { return part.string().starts_with("models--"); };
  const auto homes = ways(folder);
  for (const fs::path& way : ways(file)) {
    if (begins_with(way, homes[0]) || begins_with(way, homes[1])) return true;
    if (std::any_of(way.begin(), way.end(), is_of_the_hub)) return true;
  }
  return false;
}

// MeCab takes a dictionary's word for what its memory holds, so a stranger's folder must not bring one. A path that
// depends on the working folder could lead to what came with the model; "$(" MeCab replaces, and quotes it removes.
void check_dictionary(const std::string& file, const fs::path& folder, const std::string& where) {
  const fs::path normal = fs::path(file).lexically_normal();
  const bool odd = file.size() > 4'000 || file.find_first_of("\"$") != std::string::npos ||
                   std::any_of(file.begin(), file.end(), [](unsigned char c) { return c < 0x20; });
  if (odd || !normal.is_absolute() || begins_with(normal, "/proc") || begins_with(normal, "/dev"))
    fail(ErrorKind::input,
         "{}: mecab_option names the dictionary {}; expected an absolute path without quotes, $ and control characters",
         where, printable(file, 300));
  if (is_from_a_model(file, folder))
    fail(ErrorKind::input,
         "{}: mecab_option names {}, which lies in the model's own folder, or in another that was downloaded: MeCab "
         "trusts "
         "its dictionaries, so move it to another place if you do",
         where, printable(file, 300));
}

// Of files that MeCab takes apart at commas, and trims: the same list without what it would drop.
std::string checked_dictionaries(const MecabOption& option, const std::string& value, const fs::path& folder,
                                 const std::string& where) {
  std::string checked;
  for (size_t begin = 0; begin <= value.size();) {
    const size_t end = option.letter == 'u' ? std::min(value.find(',', begin), value.size()) : value.size();
    std::string file = value.substr(begin, end - begin);
    file.erase(file.find_last_not_of(" \t") + 1);
    file.erase(0, std::min(file.find_first_not_of(" \t"), file.size()));
    check_dictionary(file, folder, where);
    checked += (begin > 0 ? "," : "") + file;
    begin = end + 1;
  }
  return checked;
}

// A file of settings can name dictionaries too, and without a dictionary of its own MeCab takes the working folder's.
void check_settings_file(const std::string& value, const std::string& where) {
  if (value != "/dev/null" && value != "/etc/mecabrc")
    fail(ErrorKind::input,
         "{}: mecab_option: -r {} is not supported, as a file of settings can name any dictionary; expected /dev/null "
         "or /etc/mecabrc",
         where, printable(value, 300));
}

// MeCab counts a word's bytes in 16 bits.
void check_grouping(const std::string& value, const std::string& where) {
  const bool number = !value.empty() && value.size() < 6 && value.find_first_not_of("0123456789") == std::string::npos;
  if (!number || std::stoi(value) > 10'000)
    fail(ErrorKind::input, "{}: mecab_option: -M must be a number in [0, 10000], got {}", where, printable(value));
}

std::vector<std::string> mecab_arguments(const JsonReader& mecab, const Json& kwargs, const fs::path& folder,
                                         const std::string& where) {
  std::vector<std::string> arguments;
  const auto name =
      kwargs.contains("mecab_dic") ? mecab.string("mecab_dic") : std::optional<std::string>("unidic_lite");
  if (name) {
    const std::string dictionary = folder_of(*name, where), rc = dictionary + "/mecabrc";
    arguments = {"-d", dictionary, "-r", fs::exists(rc) ? rc : "/dev/null"};
  }
  bool no_settings = false, has_dictionary = name.has_value();
  for (GivenOption& given : parse_options(mecab.string("mecab_option").value_or(""), where)) {
    const Effect effect = given.option->effect;
    if (effect == Effect::none) continue;
    if (effect == Effect::dictionary) given.value = checked_dictionaries(*given.option, given.value, folder, where);
    if (effect == Effect::settings) check_settings_file(given.value, where);
    if (effect == Effect::words) check_grouping(given.value, where);
    no_settings |= effect == Effect::settings && given.value == "/dev/null";
    has_dictionary |= given.option->letter == 'd';
    arguments.insert(arguments.end(), {std::string("-") + given.option->letter, given.value});
  }
  if (no_settings && !has_dictionary)
    fail(ErrorKind::input, "{}: mecab_option has -r /dev/null, but no -d that names a dictionary", where);
  return arguments;
}

std::shared_ptr<const Mecab> open_mecab(const TokenizerSettings& settings, bool& normalize_text) {
  const std::string where = settings.where() + ": mecab_kwargs";
  const Json* found = settings.reader().find("mecab_kwargs");
  const Json kwargs = found != nullptr ? *found : Json::object();
  if (!kwargs.is_object()) fail(ErrorKind::input, "{} must be an object, got {}", where, kwargs.type_name());
  for (const auto& [key, value] : kwargs.items())
    if (key != "mecab_dic" && key != "mecab_option" && key != "normalize_text")
      fail(ErrorKind::input, "{}: {} is none of mecab_dic, mecab_option and normalize_text", where, printable(key));
  const JsonReader reader(kwargs, where);
  normalize_text = reader.boolean("normalize_text").value_or(!kwargs.contains("normalize_text"));
  return std::make_shared<Mecab>(mecab_arguments(reader, kwargs, settings.folder, where), where);
}

JapaneseWords::Kind word_kind(const TokenizerSettings& settings) {
  if (!settings.reader().boolean("do_word_tokenize").value_or(true)) return JapaneseWords::Kind::whole;
  const std::string type = settings.reader().string("word_tokenizer_type").value_or("basic");
  if (type == "mecab") return JapaneseWords::Kind::mecab;
  if (type == "basic") return JapaneseWords::Kind::basic;
  if (type == "sudachi" || type == "jumanpp")
    fail(ErrorKind::input,
         "{}: word_tokenizer_type is {}: of the programs that find Japanese words, Tekio knows MeCab alone; take a "
         "model "
         "whose words are MeCab's (word_tokenizer_type mecab), or cut the text into words beforehand and use basic",
         settings.where(), type);
  fail(ErrorKind::input, "{}: word_tokenizer_type must be mecab or basic, got {}", settings.where(), printable(type));
}

bool cuts_characters(const TokenizerSettings& settings) {
  if (!settings.reader().boolean("do_subword_tokenize").value_or(true))
    fail(ErrorKind::input,
         "{}: do_subword_tokenize is false: a tokenizer whose tokens are whole words is not supported",
         settings.where());
  const std::string type = settings.reader().string("subword_tokenizer_type").value_or("wordpiece");
  if (type == "character" || type == "wordpiece") return type == "character";
  fail(ErrorKind::input, "{}: subword_tokenizer_type must be wordpiece or character{}", settings.where(),
       type == "sentencepiece" ? "; sentencepiece behind words is not supported" : ", got " + printable(type));
}

std::set<std::string> never_split_words(const TokenizerSettings& settings, const TokenizerTables& tables) {
  std::set<std::string> words(tables.further_special.begin(), tables.further_special.end());
  for (const std::string& token : tables.roles)
    if (!token.empty()) words.insert(token);
  const Json* list = settings.reader().find("never_split");
  if (list == nullptr) return words;
  const bool good =
      list->is_array() && std::all_of(list->begin(), list->end(), [](const Json& j) { return j.is_string(); });
  if (!good) fail(ErrorKind::input, "{}: never_split must be a list of strings", settings.where());
  for (const Json& word : *list) words.insert(word.get<std::string>());
  return words;
}

}  // namespace

std::vector<std::string> split_command(std::string_view text, const std::string& where) {
  std::vector<std::string> parts;
  bool begun = false;  // a part, which may be empty where it is quoted
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (quote == 0 && space) {
      begun = false;
      continue;
    }
    if (!begun) parts.emplace_back();
    begun = true;
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      const char next = text[++i];
      if (quote == '"' && next != '"' && next != '\\') parts.back() += c;
      parts.back() += next;
    } else {
      parts.back() += c;
    }
  }
  if (quote != 0) fail(ErrorKind::input, "{}: the quote {} in {} is not closed", where, quote, printable(text));
  return parts;
}

void take_japanese_pipeline(WordPiece model, const TokenizerSettings& settings, TokenizerTables& tables) {
  JapaneseWords::Settings words;
  words.kind = word_kind(settings);
  words.characters = cuts_characters(settings);
  words.lowercase = settings.reader().boolean("do_lower_case").value_or(false);
  words.never_split = never_split_words(settings, tables);
  if (words.kind == JapaneseWords::Kind::mecab) words.mecab = open_mecab(settings, words.normalize_text);
  tables.normalizer = Normalizer();
  tables.pre_tokenizer = PreTokenizer({JapaneseWordSplitting{std::make_shared<JapaneseWords>(std::move(words))}});
  tables.decoder = Decoder({PlainWordPieceDecoding{}});
  const std::string& unknown = tables.roles[kUnknown];
  if (std::get<JapaneseWordSplitting>(tables.pre_tokenizer.steps()[0]).words->settings().characters)
    tables.model = {Characters(std::move(model).take_vocabulary(), unknown)};
  else
    tables.model = {std::move(model).with_settings(unknown, "##", WordPiece::kMaxInputChars)};
}

}  // namespace tekio

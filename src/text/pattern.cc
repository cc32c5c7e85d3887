// A compiled expression is only read by searches, so that threads share it. The steps of a search are limited: a
// pattern whose steps grow exponentially with the text ends in an error.
#include "text/pattern.h"

#include <oniguruma.h>

#include "base/error.h"
#include "base/library.h"
#include "text/unicode_steps.h"
#include "text/utf8.h"

namespace tekio {
namespace {

constexpr size_t kLongestPattern = 4096;              // bytes
constexpr unsigned long kStepsAtOnePlace = 10000000;  // Oniguruma's own limit, and so the reference's
constexpr unsigned long kStepsInOneSearch = 20000000;
constexpr unsigned int kStackEntries = 1 << 20;  // some 50 MB

struct Oniguruma {
  decltype(&::onig_initialize) initialize;
  decltype(&::onig_new) make;
  decltype(&::onig_free) free;
  decltype(&::onig_error_code_to_str) error_text;
  decltype(&::onig_region_new) make_region;
  decltype(&::onig_region_free) free_region;
  decltype(&::onig_new_match_param) make_limits;
  decltype(&::onig_free_match_param) free_limits;
  decltype(&::onig_initialize_match_param) begin_limits;
  decltype(&::onig_set_match_stack_limit_size_of_match_param) limit_stack;
  decltype(&::onig_set_retry_limit_in_match_of_match_param) limit_match;
  decltype(&::onig_set_retry_limit_in_search_of_match_param) limit_search;
  decltype(&::onig_search_with_param) search;
  OnigEncodingType* utf8;
  OnigSyntaxType** syntax;
};

// Loaded, not linked: it brings a regexec() of its own, which others of the process would call for the C library's.
const Oniguruma& oniguruma() {
  static const Oniguruma functions = [] {
    const Library library("libonig.so.5", "libonig5", "a tokenizer's regular expressions are not understood");
    const auto f = library.table<Oniguruma>(
        std::pair("onig_initialize", &Oniguruma::initialize), std::pair("onig_new", &Oniguruma::make),
        std::pair("onig_free", &Oniguruma::free), std::pair("onig_error_code_to_str", &Oniguruma::error_text),
        std::pair("onig_region_new", &Oniguruma::make_region), std::pair("onig_region_free", &Oniguruma::free_region),
        std::pair("onig_new_match_param", &Oniguruma::make_limits),
        std::pair("onig_free_match_param", &Oniguruma::free_limits),
        std::pair("onig_initialize_match_param", &Oniguruma::begin_limits),
        std::pair("onig_set_match_stack_limit_size_of_match_param", &Oniguruma::limit_stack),
        std::pair("onig_set_retry_limit_in_match_of_match_param", &Oniguruma::limit_match),
        std::pair("onig_set_retry_limit_in_search_of_match_param", &Oniguruma::limit_search),
        std::pair("onig_search_with_param", &Oniguruma::search), std::pair("OnigEncodingUTF8", &Oniguruma::utf8),
        std::pair("OnigDefaultSyntax", &Oniguruma::syntax));
    OnigEncoding encodings[] = {f.utf8};
    f.initialize(encodings, 1);
    return f;
  }();
  return functions;
}

const OnigUChar* bytes_of(std::string_view text) { return reinterpret_cast<const OnigUChar*>(text.data()); }

std::string message_of(int code, OnigErrorInfo* info = nullptr) {
  OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int length = info != nullptr ? oniguruma().error_text(text, code, info) : oniguruma().error_text(text, code);
  return printable({reinterpret_cast<const char*>(text), static_cast<size_t>(length)});
}

struct RegionDeleter {
  void operator()(OnigRegion* region) const { oniguruma().free_region(region, 1); }
};
struct ParametersDeleter {
  void operator()(OnigMatchParam* parameters) const { oniguruma().free_limits(parameters); }
};

// A property with the characters that the library is too old to know: as members of a class in brackets.
std::string members_of(char property) {
  const bool letters = property == 'L';
  const auto* later = letters ? unicode::kLaterLetters : unicode::kLaterNumbers;
  std::string members = fmt::format("\\p{{{}}}", property);
  for (size_t i = 0; i < (letters ? unicode::kLaterLetterCount : unicode::kLaterNumberCount); ++i)
    members += fmt::format("\\x{{{:X}}}-\\x{{{:X}}}", static_cast<uint32_t>(later[i].first),
                           static_cast<uint32_t>(later[i].last));
  return members;
}

// What versions of Oniguruma understand differently is spelt out: letters and numbers, which are more in newer ones,
// and
// [:punct:], which inside brackets has symbols too since some version.
std::string spell_out(std::string_view pattern) {
  constexpr std::string_view kClass = "[:punct:]", kOthers = "[:^punct:]";
  std::string result;
  int depth = 0;  // of brackets
  for (size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view rest = pattern.substr(i);
    const bool letters = rest.substr(1).starts_with("p{L}") || rest.substr(1).starts_with("P{L}");
    const bool numbers = rest.substr(1).starts_with("p{N}") || rest.substr(1).starts_with("P{N}");
    if (rest[0] == '\\' && (letters || numbers)) {
      const std::string members = members_of(letters ? 'L' : 'N');
      if (rest[1] == 'P')
        result += "[^" + members + "]";
      else
        result += depth > 0 ? members : "[" + members + "]";
      i += 4;
    } else if (rest[0] == '\\') {
      result += rest.substr(0, 2);
      ++i;
    } else if (depth > 0 && rest.starts_with(kClass)) {
      result += "\\p{P}\\p{S}";
      i += kClass.size() - 1;
    } else if (depth > 0 && rest.starts_with(kOthers)) {
      result += "[^\\p{P}\\p{S}]";
      i += kOthers.size() - 1;
    } else {
      depth += rest[0] == '[';
      depth -= rest[0] == ']' && depth > 0;
      result += rest[0];
    }
  }
  return result;
}

size_t after_character(std::string_view text, size_t at) {
  if (at >= text.size()) return at + 1;
  const char* next = text.data() + at;
  decode_utf8(next);
  return static_cast<size_t>(next - text.data());
}

}  // namespace

struct Pattern::Compiled {
  regex_t* regex = nullptr;

  Compiled() = default;
  ~Compiled() {
    if (regex != nullptr) oniguruma().free(regex);
  }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
};

Pattern Pattern::string(std::string text) { return Pattern(std::move(text)); }

Pattern Pattern::regex(std::string text, const std::string& where) {
  if (text.size() > kLongestPattern)
    fail(ErrorKind::input, "{}: a regular expression of {} bytes is too long: at most {}", where, text.size(),
         kLongestPattern);
  auto compiled = std::make_shared<Compiled>();
  OnigErrorInfo info;
  const std::string spelt = spell_out(text);
  const int code = oniguruma().make(&compiled->regex, bytes_of(spelt), bytes_of(spelt) + spelt.size(), ONIG_OPTION_NONE,
                                    oniguruma().utf8, *oniguruma().syntax, &info);
  if (code != ONIG_NORMAL) {
    compiled->regex = nullptr;
    fail(ErrorKind::input, "{}: {} is not a regular expression: {}", where, printable(text), message_of(code, &info));
  }
  Pattern pattern(std::move(text));
  pattern.compiled_ = std::move(compiled);
  return pattern;
}

void Pattern::find(std::string_view text, std::vector<Match>& matches) const {
  matches.clear();
  if (!is_regex()) {
    if (text_.empty()) {
      for (size_t at = 0; at <= text.size(); at = after_character(text, at)) matches.push_back({at, at});
      return;
    }
    for (size_t at = text.find(text_); at != text.npos; at = text.find(text_, at + text_.size()))
      matches.push_back({at, at + text_.size()});
    return;
  }
  const std::unique_ptr<OnigRegion, RegionDeleter> region(oniguruma().make_region());
  const std::unique_ptr<OnigMatchParam, ParametersDeleter> parameters(oniguruma().make_limits());
  oniguruma().begin_limits(parameters.get());
  oniguruma().limit_stack(parameters.get(), kStackEntries);
  oniguruma().limit_match(parameters.get(), kStepsAtOnePlace);
  oniguruma().limit_search(parameters.get(), kStepsInOneSearch);
  const OnigUChar *begin = bytes_of(text), *end = begin + text.size();
  for (size_t from = 0; from <= text.size();) {
    const int code = oniguruma().search(compiled_->regex, begin, end, begin + from, end, region.get(), ONIG_OPTION_NONE,
                                        parameters.get());
    if (code == ONIG_MISMATCH) return;
    if (code < 0)
      fail(ErrorKind::input, "the regular expression {} cannot be looked for in this text: {}", printable(text_),
           message_of(code));
    const Match match{static_cast<size_t>(region->beg[0]), static_cast<size_t>(region->end[0])};
    if (match.begin == match.end && !matches.empty() && matches.back().end == match.end) {
      from = after_character(text, from);  // an empty match where the one before ended
      continue;
    }
    matches.push_back(match);
    from = match.end;
  }
}

}  // namespace tekio

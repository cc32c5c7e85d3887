#include "base/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "base/library.h"

namespace tekio {
namespace {

struct Yaml {
  decltype(&::yaml_parser_initialize) initialize;
  decltype(&::yaml_parser_delete) destroy;
  decltype(&::yaml_parser_set_encoding) set_encoding;
  decltype(&::yaml_parser_set_input_string) set_input;
  decltype(&::yaml_parser_parse) parse;
  decltype(&::yaml_event_delete) delete_event;
};

const Yaml& yaml() {
  static const Yaml functions = [] {
    const Library library("libyaml-0.so.2", "libyaml-0-2",
                          "what a dataset's README.md says of its files cannot be read");
    return library.table<Yaml>(
        std::pair("yaml_parser_initialize", &Yaml::initialize), std::pair("yaml_parser_delete", &Yaml::destroy),
        std::pair("yaml_parser_set_encoding", &Yaml::set_encoding),
        std::pair("yaml_parser_set_input_string", &Yaml::set_input), std::pair("yaml_parser_parse", &Yaml::parse),
        std::pair("yaml_event_delete", &Yaml::delete_event));
  }();
  return functions;
}

struct Event {
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  Event(Event&& other) noexcept : is(other.is) { other.is = {}; }
  ~Event() { yaml().delete_event(&is); }
  yaml_event_t is{};
};

std::string text_of(const yaml_char_t* text) { return text == nullptr ? "" : reinterpret_cast<const char*>(text); }

bool means_nothing(std::string_view plain) {
  constexpr std::array<std::string_view, 5> kNull = {"", "~", "null", "Null", "NULL"};
  return std::find(kNull.begin(), kNull.end(), plain) != kNull.end();
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& where, int64_t first_line) : where_(where), first_line_(first_line) {
    if (yaml().initialize(&parser_) == 0) fail(ErrorKind::io, "no memory is left to read {}", where_);
    yaml().set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml().set_input(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~Reader() { yaml().destroy(&parser_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Json document() {
    next();  // the stream's start
    if (next().is.type == YAML_STREAM_END_EVENT) return nullptr;
    Json found = node(next(), 0);
    next();  // the document's end
    if (const Event end = next(); end.is.type != YAML_STREAM_END_EVENT)
      fail_at(end.is.start_mark, "a second document begins there, expected one");
    return found;
  }

 private:
  struct Anchor {
    Json node;
    int64_t bytes = 0;
    bool open = true;  // still being read: an alias within it would have no end
  };

  [[noreturn]] void fail_at(const yaml_mark_t& mark, std::string_view what) const {
    fail(ErrorKind::input, "{}:{}:{}: {}", where_, first_line_ + static_cast<int64_t>(mark.line), mark.column + 1,
         what);
  }

  Event next() {
    Event event;
    if (yaml().parse(&parser_, &event.is) == 0) {
      const std::string problem = parser_.problem == nullptr ? "it is no YAML" : parser_.problem;
      // The reader's own problems (bytes that are no UTF-8, control characters) have no mark but an offset.
      fail_at(parser_.error == YAML_READER_ERROR ? parser_.mark : parser_.problem_mark, printable(problem, 200));
    }
    return event;
  }

  void spend(const yaml_mark_t& mark, int64_t bytes) {
    spent_ += bytes;
    if (spent_ > kLargestYaml) fail_at(mark, "with its aliases unfolded it is larger than any description of data is");
  }

  Json node(const Event& event, int depth) {
    const yaml_mark_t mark = event.is.start_mark;
    if (depth > kDeepestYaml) fail_at(mark, fmt::format("it is nested deeper than {}", kDeepestYaml));
    if (event.is.type == YAML_ALIAS_EVENT) return aliased(event);
    const yaml_char_t* name = event.is.type == YAML_SCALAR_EVENT           ? event.is.data.scalar.anchor
                              : event.is.type == YAML_SEQUENCE_START_EVENT ? event.is.data.sequence_start.anchor
                                                                           : event.is.data.mapping_start.anchor;
    const int64_t before = spent_;
    spend(mark, 64);
    if (name == nullptr) return content(event, depth);
    const std::string anchor = text_of(name);
    anchors_[anchor] = {};
    Json found = content(event, depth);
    spend(mark, spent_ - before);  // it is kept once more
    anchors_[anchor] = {found, (spent_ - before) / 2, false};
    return found;
  }

  Json aliased(const Event& event) {
    const auto anchor = anchors_.find(text_of(event.is.data.alias.anchor));
    if (anchor == anchors_.end()) fail_at(event.is.start_mark, "an alias without its anchor");
    if (anchor->second.open) fail_at(event.is.start_mark, "an alias for what it stands in itself");
    spend(event.is.start_mark, anchor->second.bytes);
    return anchor->second.node;
  }

  Json content(const Event& event, int depth) {
    if (event.is.type == YAML_SCALAR_EVENT) return scalar(event);
    if (event.is.type == YAML_SEQUENCE_START_EVENT) {
      Json list = Json::array();
      for (;;) {
        const Event item = next();
        if (item.is.type == YAML_SEQUENCE_END_EVENT) return list;
        list.push_back(node(item, depth + 1));
      }
    }
    TEKIO_CHECK(event.is.type == YAML_MAPPING_START_EVENT, "event {}", static_cast<int>(event.is.type));
    return mapping(depth);
  }

  Json mapping(int depth) {
    Json map = Json::object(), merged = Json::array();
    for (;;) {
      const Event key = next();
      if (key.is.type == YAML_MAPPING_END_EVENT) break;
      const yaml_mark_t mark = key.is.start_mark;
      const Json name = node(key, depth + 1);
      if (!name.is_string() && !name.is_null()) fail_at(mark, "a key that is itself a list or a mapping");
      Json value = node(next(), depth + 1);
      if (name == "<<") {
        if (value.is_array())
          for (Json& one : value) merged.push_back(std::move(one));
        else
          merged.push_back(std::move(value));
      } else {
        map[name.is_null() ? "" : name.get<std::string>()] = std::move(value);
      }
    }
    for (const Json& from : merged)
      if (from.is_object())
        for (const auto& [name, value] : from.items())
          if (!map.contains(name)) map[name] = value;
    return map;
  }

  Json scalar(const Event& event) {
    const auto& found = event.is.data.scalar;
    std::string text(reinterpret_cast<const char*>(found.value), found.length);
    spend(event.is.start_mark, static_cast<int64_t>(text.size()));
    const std::string tag = text_of(found.tag);
    constexpr std::string_view kStandard = "tag:yaml.org,2002:";
    if (!tag.empty() && tag != "!" && (!tag.starts_with(kStandard) || tag.starts_with("tag:yaml.org,2002:python")))
      fail_at(event.is.start_mark, fmt::format("the tag {} means nothing here", printable(tag)));
    if (tag.empty() && found.style == YAML_PLAIN_SCALAR_STYLE && means_nothing(text)) return nullptr;
    return text;
  }

  const std::string& where_;
  const int64_t first_line_;
  yaml_parser_t parser_{};
  std::map<std::string, Anchor> anchors_;
  int64_t spent_ = 0;
};

}  // namespace

Json parse_yaml(std::string_view text, const std::string& where, int64_t first_line) {
  if (text.empty()) return nullptr;  // libyaml wants a pointer
  return Reader(text, where, first_line).document();
}

}  // namespace tekio

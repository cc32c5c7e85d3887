#include "serve/fill_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "model/result_json.h"

namespace tekio::serve {
namespace {

[[noreturn]] void refuse(const std::string& sentence) { throw Refusal(400, sentence); }

std::string kind_of(const Json& value) {
  if (value.is_null()) return "null";
  return value.is_object()  ? "an object"
         : value.is_array() ? "a list"
                            : printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 60);
}

std::vector<std::string> texts_of(const Json& list, const char* name, size_t most) {
  if (list.size() > most) refuse(fmt::format("{} has {} entries; expected {} at most", name, list.size(), most));
  std::vector<std::string> texts;
  for (const Json& each : list) {
    if (!each.is_string()) refuse(fmt::format("{} holds {}; expected texts", name, kind_of(each)));
    texts.push_back(each.get<std::string>());
  }
  return texts;
}

void read_parameters(const Json& parameters, const RequestLimits& limits, FillOptions& options) {
  if (!parameters.is_object()) refuse(fmt::format("parameters is {}; expected an object", kind_of(parameters)));
  for (const auto& [key, value] : parameters.items()) {
    if (value.is_null()) continue;
    if (key == "top_k") {
      const bool is_in_range = value.is_number_integer() &&
                               !(value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) &&
                               value.get<int64_t>() >= 1 && value.get<int64_t>() <= limits.vocabulary;
      if (!is_in_range)
        refuse(fmt::format("top_k is {}; expected a whole number from 1 to {}", kind_of(value), limits.vocabulary));
      options.top_k = value.get<int64_t>();
    } else if (key == "targets") {
      if (value.is_string())
        options.targets = {value.get<std::string>()};
      else if (value.is_array())
        options.targets = texts_of(value, "targets", limits.targets);
      else
        refuse(fmt::format("targets is {}; expected a word or a list of words", kind_of(value)));
      if (options.targets.empty()) refuse("targets is empty; expected words, or no targets");
      if (std::ranges::find(options.targets, "") != options.targets.end())
        refuse("targets holds an empty text; expected words");
    } else {
      refuse(fmt::format("the parameter {} is not known; expected top_k or targets", printable(key, 60)));
    }
  }
}

uint64_t answer_bytes(const FillRequest& request, const RequestLimits& limits) {
  auto predictions = static_cast<uint64_t>(request.options.top_k);
  if (!request.options.targets.empty()) predictions = std::min<uint64_t>(predictions, request.options.targets.size());
  uint64_t bytes = 0;
  for (const std::string& text : request.inputs) bytes += limits.size(text, predictions);
  return bytes;
}

/// As a list of JSON, without having it all in between: a tree of it is many times as large.
template <typename Items, typename Append>
void append_list(std::string& out, const Items& items, const Append& append) {
  out += '[';
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ',';
    append(items[i]);
  }
  out += ']';
}

}  // namespace

FillRequest parse_fill_request(std::string_view body, const RequestLimits& limits) {
  if (body.empty()) refuse("the body is empty; expected an object with \"inputs\"");
  Json document;
  try {
    document = parse_json(body, "the body");
  } catch (const Error& error) {
    refuse(error.what());
  }
  if (!document.is_object())
    refuse(fmt::format("the body is {}; expected an object with \"inputs\"", kind_of(document)));
  FillRequest request;
  for (const auto& [key, value] : document.items()) {
    if (key == "parameters" && !value.is_null()) read_parameters(value, limits, request.options);
    if (key != "inputs" && key != "parameters" && key != "options")
      refuse(fmt::format("{} is not known; expected inputs and parameters", printable(key, 60)));
  }
  const auto inputs = document.find("inputs");
  if (inputs == document.end()) refuse("inputs is missing: a text with a mask, or a list of such");
  request.is_list = inputs->is_array();
  if (inputs->is_string())
    request.inputs = {inputs->get<std::string>()};
  else if (request.is_list)
    request.inputs = texts_of(*inputs, "inputs", limits.texts);
  else
    refuse(fmt::format("inputs is {}; expected a text or a list of texts", kind_of(*inputs)));
  if (request.inputs.empty()) refuse("inputs is an empty list; expected texts");
  request.answer_bytes = answer_bytes(request, limits);
  if (request.answer_bytes > limits.answer)
    refuse(fmt::format("the answer would have up to {} MB; expected {} MB at most: ask for fewer texts, masks or top_k",
                       request.answer_bytes / 1'000'000, limits.answer / 1'000'000));
  return request;
}

std::string answer_to(const FillRequest& request, std::span<const Filled::value_type> filled) {
  std::string answer;
  answer.reserve(request.answer_bytes);  // grown piece by piece it would need up to three times the memory
  const auto add_prediction = [&](const Prediction& prediction) {
    answer += json_of(prediction).dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  };
  const auto add_mask = [&](const std::vector<Prediction>& predictions) {
    append_list(answer, predictions, add_prediction);
  };
  const auto add_text = [&](const Filled::value_type& masks) {
    masks.size() == 1 ? add_mask(masks.front()) : append_list(answer, masks, add_mask);
  };
  request.is_list&& filled.size() > 1 ? append_list(answer, filled, add_text) : add_text(filled.front());
  return answer;
}

std::string error_body(std::string_view sentence) {
  return Json{{"error", sentence}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tekio::serve

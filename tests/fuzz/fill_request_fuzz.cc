// The body of a request to tekio serve: any bytes are a request within its limits or are refused by 400 or, where a
// text is too long, by 422, with a sentence that is JSON again; a request that is taken is answered by JSON.
#include "base/json.h"
#include "fuzz.h"
#include "serve/answer_size.h"
#include "serve/fill_request.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t count) {
  using namespace tekio;
  static const serve::AnswerSize size(Tokenizer::from_pretrained(TEKIO_TOKENIZER), 1'000, 64);
  static const serve::RequestLimits limits{.vocabulary = 1'000, .size = size, .texts = 8, .targets = 8};
  serve::FillRequest request;
  try {
    request = serve::parse_fill_request(fuzz::as_text(data, count), limits);
  } catch (const serve::Refusal& refused) {
    check(refused.status == 400 || refused.status == 422);
    check(parse_json(serve::error_body(refused.what()), "error").at("error").is_string());
    return 0;
  }
  check(!request.inputs.empty() && request.inputs.size() <= limits.texts);
  check(request.options.targets.size() <= limits.targets);
  check(request.options.top_k >= 1 && request.options.top_k <= limits.vocabulary);
  serve::Filled filled;
  for (const std::string& text : request.inputs)
    filled.push_back({{{.score = 0.5f, .token = 1, .token_str = text, .sequence = text}}});
  const Json answer = parse_json(serve::answer_to(request, filled), "answer");
  check(answer.is_array() && (request.inputs.size() == 1 || answer.size() == request.inputs.size()));
  return 0;
}

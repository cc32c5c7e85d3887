#include "serve/served_model.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/silence.h"
#include "model/masked_lm.h"
#include "serve/answer_size.h"

namespace tekio::serve {
namespace {

/// The status by which a text is refused; 200: it can be filled.
int status_of(const std::string& text, const Tokenizer& tokenizer, int64_t longest) {
  const std::vector<int32_t> ids = tokenizer.encode(text).ids;
  if (static_cast<int64_t>(ids.size()) > longest) return 422;
  return std::ranges::find(ids, *tokenizer.mask_id()) == ids.end() ? 400 : 200;
}

/// The status that says whose fault it is.
int status_of(const Error& error, const Tokenizer& tokenizer, int64_t longest, std::span<const std::string> texts,
              const FillOptions& options) {
  if (error.kind() != ErrorKind::input) return 500;
  int status = 200;
  for (const std::string& text : texts) status = std::max(status, status_of(text, tokenizer, longest));
  return status > 200 ? status : !options.targets.empty() ? 400 : 500;
}

}  // namespace

ServedModel serve_model(std::string name, const MaskedLM& model, const Tokenizer& tokenizer,
                        std::function<void(const std::function<void()>&)> in_turn) {
  const ModelInfo info = model.info();
  auto fill = [fill_mask = FillMask(model, tokenizer), tokenizer, longest = info.max_length,
               in_turn = std::move(in_turn)](std::span<const std::string> texts, const FillOptions& options) {
    const Silence warnings;  // they are of clients' texts: anybody could fill the log
    try {
      Filled filled;
      const auto work = [&] { filled = fill_mask.all(texts, options); };
      in_turn ? in_turn(work) : work();
      return filled;
    } catch (const Error& error) {
      throw Refusal(status_of(error, tokenizer, longest, texts, options), error.what());
    }
  };
  auto can_fill = [tokenizer, longest = info.max_length](const std::string& text) {
    return status_of(text, tokenizer, longest) == 200;
  };
  return {.name = std::move(name),
          .family = info.family,
          .mask_token = tokenizer.mask_token(),
          .dtype = name_of(model.impl().fill_in_fastest().taken.type),
          .vocabulary = info.vocabulary,
          .max_length = info.max_length,
          .answer_size = AnswerSize(tokenizer, info.vocabulary, info.max_length),
          .desk = std::make_unique<Desk>(std::move(fill), std::move(can_fill))};
}

}  // namespace tekio::serve

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

bool has_mask(const std::string& text, const Tokenizer& tokenizer) {
  const std::vector<int32_t> ids = tokenizer.encode(text).ids;
  return std::ranges::find(ids, *tokenizer.mask_id()) != ids.end();
}

/// The status that says whose fault it is.
int status_of(const Error& error, const Tokenizer& tokenizer, std::span<const std::string> texts,
              const FillOptions& options) {
  if (error.kind() != ErrorKind::input) return 500;
  const bool is_clients = !options.targets.empty() || !std::ranges::all_of(texts, [&](const std::string& text) {
    return has_mask(text, tokenizer);
  });
  return is_clients ? 400 : 500;
}

}  // namespace

ServedModel serve_model(std::string name, const MaskedLM& model, const Tokenizer& tokenizer,
                        std::function<void(const std::function<void()>&)> in_turn) {
  const ModelInfo info = model.info();
  auto fill = [fill_mask = FillMask(model, tokenizer), tokenizer, in_turn = std::move(in_turn)](
                  std::span<const std::string> texts, const FillOptions& options) {
    const Silence warnings;  // they are of clients' texts: anybody could fill the log
    try {
      Filled filled;
      const auto work = [&] { filled = fill_mask.all(texts, options); };
      in_turn ? in_turn(work) : work();
      return filled;
    } catch (const Error& error) {
      throw Refusal(status_of(error, tokenizer, texts, options), error.what());
    }
  };
  auto can_fill = [tokenizer](const std::string& text) { return has_mask(text, tokenizer); };
  return {.name = std::move(name),
          .family = info.family,
          .mask_token = tokenizer.mask_token(),
          .dtype = name_of(MaskedLMImpl::of(model).fill_in_fastest().taken.type),
          .vocabulary = info.vocabulary,
          .max_length = info.max_length,
          .answer_size = AnswerSize(tokenizer, info.vocabulary, info.max_length),
          .desk = std::make_unique<Desk>(std::move(fill), std::move(can_fill))};
}

}  // namespace tekio::serve

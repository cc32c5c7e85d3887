#include "serve/served_model.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/silence.h"
#include "model/masked_lm.h"

namespace tekio::serve {
namespace {

/// The status that says whose fault it is.
int status_of(const Error& error, const Tokenizer& tokenizer, int64_t longest, std::span<const std::string> texts,
              const FillOptions& options) {
  if (error.kind() != ErrorKind::input) return 500;
  bool is_too_long = false, has_no_mask = false;
  for (const std::string& text : texts) {
    const std::vector<int32_t> ids = tokenizer.encode(text).ids;
    is_too_long = is_too_long || static_cast<int64_t>(ids.size()) > longest;
    has_no_mask = has_no_mask || std::ranges::find(ids, *tokenizer.mask_id()) == ids.end();
  }
  return is_too_long ? 422 : has_no_mask || !options.targets.empty() ? 400 : 500;
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
  return {.name = std::move(name),
          .family = info.family,
          .mask_token = tokenizer.mask_token(),
          .dtype = name_of(model.impl().fill_in_fastest().taken.type),
          .vocabulary = info.vocabulary,
          .max_length = info.max_length,
          .desk = std::make_unique<Desk>(std::move(fill))};
}

}  // namespace tekio::serve

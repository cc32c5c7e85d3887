// What a client asks of a model, and what it gets: the bodies that the Hub's inference API and the reference's pipeline
// have.
#pragma once

#include <tekio/masked_lm.h>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tekio::serve {

/// Why a request is refused: an HTTP status and a sentence for whoever sent it.
struct Refusal : std::runtime_error {
  Refusal(int number, const std::string& sentence) : std::runtime_error(sentence), status(number) {}
  int status;
};

struct FillRequest {
  std::vector<std::string> inputs;
  bool is_list = false;  ///< `inputs` was a list: of several texts the answer is one too
  FillOptions options;
  uint64_t answer_bytes = 0;  ///< of the answer, at most
};

/// What a request may ask for.
struct RequestLimits {
  int64_t vocabulary;  ///< the most that top_k may be
  /// At most so many bytes of an answer are predictions for each of a text's masks.
  std::function<uint64_t(const std::string& text, uint64_t predictions)> size;
  size_t texts = 128;            ///< in `inputs`
  size_t targets = 10'000;       ///< words
  uint64_t answer = 64'000'000;  ///< bytes of the answer
};

/// {"inputs": "…" | ["…"], "parameters": {"top_k": 5, "targets": "…" | ["…"]}}; further parameters are refused, the
/// Hub's "options" (wait_for_model and the like) have no effect. Errors: Refusal 400.
FillRequest parse_fill_request(std::string_view body, const RequestLimits& limits);

/// Predictions of texts: [text][mask][prediction].
using Filled = std::vector<std::vector<std::vector<Prediction>>>;

/// The answer as the pipeline shapes it: a list of predictions for one mask, of lists for several, one more list
/// around those where several texts were asked for. `filled`: of the request's inputs.
std::string answer_to(const FillRequest& request, std::span<const Filled::value_type> filled);

/// {"error": "…"}
std::string error_body(std::string_view sentence);

}  // namespace tekio::serve

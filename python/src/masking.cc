// The reference's collators: which tokens of a rectangle are hidden, drawn from its own random streams.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "binding.h"
#include "data/masking.h"
#include "gil.h"

namespace tekio::python {
namespace {

/// The streams that collators without a seed share, as the reference's do with their process's.
struct SharedStreams {
  std::mutex mutex;
  std::unique_ptr<ReferenceStreams> streams = std::make_unique<ReferenceStreams>(std::random_device()());
};

SharedStreams& shared_streams() {
  static SharedStreams shared;
  return shared;
}

void set_rule(CollatorOptions& options, const std::string& rule) {
  options.whole_word_mask = rule != "tokens";
  if (rule == "offsets") options.whole_word_rule = WholeWordRule::offsets;
  if (rule == "legacy") options.whole_word_rule = WholeWordRule::legacy;
}

using Rectangle = nb::ndarray<const int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

class TokenMasker {
 public:
  TokenMasker(const Tokenizer& tokenizer, const std::string& rule, double probability, double replaced, double random,
              std::optional<uint64_t> seed)
      : vocabulary_(MaskingVocabulary::of(tokenizer)) {
    options_.mlm_probability = probability;
    options_.mask_replace_prob = replaced;
    options_.random_replace_prob = random;
    options_.masking_rng = MaskingRng::torch;
    set_rule(options_, rule);
    if (seed) own_ = std::make_unique<ReferenceStreams>(*seed);
  }

  /// [rows, width] each; specials and words may be absent. Gives ids and labels.
  nb::tuple mask(const Rectangle& ids, const std::optional<Rectangle>& specials,
                 const std::optional<Rectangle>& words) {
    const size_t rows = ids.shape(0), width = ids.shape(1);
    for (const auto* other : {&specials, &words})
      if (*other && ((*other)->shape(0) != rows || (*other)->shape(1) != width))
        fail(ErrorKind::usage, "input_ids are {} x {}, but what goes with them is {} x {}", rows, width,
             (*other)->shape(0), (*other)->shape(1));
    std::vector<uint8_t> special;
    if (specials)
      for (size_t i = 0; i < rows * width; ++i) special.push_back(specials->data()[i] != 0);
    std::vector<MaskingRow> list;
    for (size_t i = 0; i < rows; ++i) {
      MaskingRow row{.ids = {ids.data() + i * width, width}};
      if (specials) row.special_tokens_mask = {special.data() + i * width, width};
      if (words) row.word_ids = {words->data() + i * width, width};
      list.push_back(row);
    }
    Batch batch;
    {
      const GilReleased released;
      batch = collate(list);
    }
    std::vector<int64_t> masked(batch.input_ids.begin(), batch.input_ids.end()), labels(rows * width, -100);
    for (size_t i = 0; i < batch.masked_rows.size(); ++i)
      labels[static_cast<size_t>(batch.masked_rows[i])] = batch.labels[i];
    return nb::make_tuple(array_of(std::move(masked), {rows, width}), array_of(std::move(labels), {rows, width}));
  }

 private:
  Batch collate(const std::vector<MaskingRow>& rows) {
    if (own_) {
      const std::lock_guard lock(mutex_);
      return ReferenceCollator(options_, vocabulary_, *own_).collate(rows, false).batch;
    }
    SharedStreams& shared = shared_streams();
    const std::lock_guard lock(shared.mutex);
    return ReferenceCollator(options_, vocabulary_, *shared.streams).collate(rows, false).batch;
  }

  MaskingVocabulary vocabulary_;
  CollatorOptions options_;
  std::mutex mutex_;
  std::unique_ptr<ReferenceStreams> own_;
};

}  // namespace

void bind_masking(nb::module_& m) {
  nb::class_<TokenMasker>(m, "TokenMasker")
      .def(nb::init<const Tokenizer&, const std::string&, double, double, double, std::optional<uint64_t>>(),
           nb::arg("tokenizer"), nb::arg("rule"), nb::arg("probability"), nb::arg("mask_replace_prob"),
           nb::arg("random_replace_prob"), nb::arg("seed").none())
      .def("mask", &TokenMasker::mask, nb::arg("ids"), nb::arg("specials").none(), nb::arg("words").none());
  m.def(
      "set_seed",
      [](uint64_t seed) {
        SharedStreams& shared = shared_streams();
        const std::lock_guard lock(shared.mutex);
        *shared.streams = ReferenceStreams(seed);
      },
      nb::arg("seed"));
}

}  // namespace tekio::python

// Sizes are odd on purpose: a vector kernel's remainder loops are what differs between processors.
#include "self_test.h"

#include <functional>

#include "base/random/counter.h"

namespace tekio::cli {
namespace {

constexpr int64_t kTokens = 37, kWidth = 40, kInner = 72, kHeads = 4, kVocabulary = 101;
constexpr double kTolerance = 1e-4;  // relative to a result's largest magnitude; float32 sums over up to 101 numbers

// Tensors that own their numbers, each with its own.
class Numbers {
 public:
  Tensor make(std::initializer_list<int64_t> shape) {
    Tensor tensor(nullptr, DType::f32, shape);
    storage_.push_back(std::make_unique<std::vector<float>>(static_cast<size_t>(tensor.numel())));
    tensor.data = storage_.back()->data();
    uint32_t i = 0;
    const RandomKey key = random_key(1, storage_.size());
    for (float& x : tensor.values()) x = to_unit_float(random_words(key, {i++, 0, 0, 0})[0]) - 0.5f;
    return tensor;
  }

 private:
  std::vector<std::unique_ptr<std::vector<float>>> storage_;
};

}  // namespace

std::vector<SelfTestResult> self_test(std::unique_ptr<Backend> tried) {
  const auto both = make_checking_backend(make_ref_backend(), std::move(tried), kTolerance);
  Backend& be = *both;
  Numbers numbers;
  const std::vector<int32_t> offsets = {0, 5, 6, static_cast<int32_t>(kTokens)};
  const Sequences sequences{offsets};
  const Dropout drop{.rate = 0.1f, .seed = 1, .step = 1, .site = 1};
  std::vector<int32_t> ids, labels;
  for (int32_t i = 0; i < kTokens; ++i)
    ids.push_back(i * 7 % static_cast<int32_t>(kVocabulary)),
        labels.push_back(i * 11 % static_cast<int32_t>(kVocabulary));

  const Tensor x = numbers.make({kTokens, kWidth}), y = numbers.make({kTokens, kWidth}),
               d_y = numbers.make({kTokens, kWidth}), d_x = numbers.make({kTokens, kWidth}),
               d_branch = numbers.make({kTokens, kWidth});
  const Tensor w = numbers.make({kInner, kWidth}), d_w = numbers.make({kInner, kWidth}), b = numbers.make({kInner}),
               d_b = numbers.make({kInner});
  const Tensor inner = numbers.make({kTokens, kInner}), d_inner = numbers.make({kTokens, kInner}),
               kept_inner = numbers.make({kTokens, kInner});
  const Tensor qkv = numbers.make({kTokens, 3 * kWidth}), d_qkv = numbers.make({kTokens, 3 * kWidth});
  const Tensor kept_attention = numbers.make({Backend::attention_kept_size(sequences, kHeads)});
  const Tensor word = numbers.make({kVocabulary, kWidth}), position = numbers.make({64, kWidth}),
               d_word = numbers.make({kVocabulary, kWidth}), d_position = numbers.make({64, kWidth});
  const Tensor logits = numbers.make({kTokens, kVocabulary}), d_logits = numbers.make({kTokens, kVocabulary});
  const Tensor norm_weight = numbers.make({kWidth}), norm_bias = numbers.make({kWidth}),
               d_norm_weight = numbers.make({kWidth}), d_norm_bias = numbers.make({kWidth});
  const NormKept kept_norm{numbers.make({kTokens, kWidth}), numbers.make({kTokens})};
  const NormWeights norm{norm_weight, norm_bias, 1e-12f};
  const Tensor parameters = numbers.make({1001}), moment1 = numbers.make({1001}), moment2 = numbers.make({1001}),
               gradients = numbers.make({1001});
  for (float& v : moment2.values()) v = v * v;

  const std::vector<std::pair<const char*, std::function<void()>>> ops = {
      {"embed", [&] { be.embed(y, ids, {}, sequences, word, position, Tensor()); }},
      {"embed_backward", [&] { be.embed_backward(d_word, d_position, Tensor(), d_y, ids, {}, sequences, 0); }},
      {"linear", [&] { be.linear(inner, x, w, b); }},
      {"linear_backward", [&] { be.linear_backward(d_x, d_w, d_b, d_inner, x, w); }},
      {"linear_activation", [&] { be.linear_activation(inner, kept_inner, x, w, b, Activation::gelu); }},
      {"linear_activation_backward",
       [&] { be.linear_activation_backward(d_x, d_w, d_b, d_inner, kept_inner, x, w, Activation::gelu); }},
      {"attention", [&] { be.attention(y, kept_attention, qkv, kHeads, sequences, drop); }},
      {"attention_backward", [&] { be.attention_backward(d_qkv, d_y, kept_attention, qkv, kHeads, sequences, drop); }},
      {"residual_norm", [&] { be.residual_norm(y, kept_norm, x, d_branch, norm, sequences, drop); }},
      {"residual_norm_backward",
       [&] {
         be.residual_norm_backward(d_x, d_branch, {d_norm_weight, d_norm_bias}, d_y, kept_norm, norm, sequences, drop);
       }},
      {"vocabulary_loss", [&] { be.vocabulary_loss(d_logits, logits, labels, 0.1f); }},
      {"softmax_rows", [&] { be.softmax_rows(logits); }},
      {"squared_norm", [&] { be.squared_norm(gradients); }},
      {"adamw",
       [&] {
         be.adamw(parameters, moment1, moment2, gradients, {1e-3, 0.9, 0.999, 1e-8, 0.01, 3, 0.5f});
       }},
  };
  std::vector<SelfTestResult> results;
  for (const auto& [name, run] : ops) {
    SelfTestResult& result = results.emplace_back(SelfTestResult{name, ""});
    try {
      run();
    } catch (const Error& error) {
      result.problem = error.what();
    }
  }
  return results;
}

}  // namespace tekio::cli

// The inside of MaskedLM: a model with the threads and the back end that it runs on. Training and the program reach it
// through of().
#pragma once

#include <tekio/masked_lm.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "compute/backend.h"
#include "model/arithmetic.h"
#include "model/mlm_network.h"
#include "model/model_folder.h"

namespace tekio {

class MaskedLMImpl {
 public:
  static MaskedLMImpl& of(const MaskedLM& model) { return *model.impl_; }
  static MaskedLM wrap(std::shared_ptr<MaskedLMImpl> impl) { return MaskedLM(std::move(impl)); }

  /// Makes a back end that may use the pool's threads; the pool outlives it.
  using MakeBackend = std::function<std::unique_ptr<Backend>(ThreadPool& pool)>;
  /// A folder's weights, on the device of the options or on another back end.
  MaskedLMImpl(const std::string& folder, const LoadOptions& options);
  MaskedLMImpl(const std::string& folder, const LoadOptions& options, const MakeBackend& make);
  /// Fresh weights; `path` is where the config was read from.
  MaskedLMImpl(ModelConfig config, std::string path, const LoadOptions& options);

  const std::string& path() const { return path_; }
  ThreadPool& pool() { return pool_; }
  MlmNetwork& model() { return model_; }
  const LoadReport& report() const { return report_; }
  /// A model computes one thing at a time.
  std::mutex& mutex() { return mutex_; }
  /// Logits [r,V] of the batch's masked rows, or their softmax, row after row; memory grows where the batch needs more
  /// than was prepared. Valid until the next call. The caller holds mutex().
  std::span<const float> logits(const Batch& batch);
  std::span<const float> probabilities(const Batch& batch);
  /// Kept by whoever looks at the weights where they lie; as long as somebody does, they must stay there.
  std::shared_ptr<const void> lend_weights(std::shared_ptr<MaskedLMImpl> self);
  bool weights_are_lent() const { return !lent_.expired(); }
  /// check_vocabulary(), or check_new_vocabulary(), for a tokenizer that is to be used with this model; what was told
  /// once is not told again.
  void check_tokenizer(const Tokenizer& tokenizer);
  /// What runs, those that are compared with the reference's or others, compute in; decided when it is first asked.
  const ArithmeticChoice& arithmetic(bool compared);
  /// What masks are filled in: float32, unless --dtype asks for bf16.
  DType filling() const { return filling_; }
  /// From now on masks are filled in what runs compute in where --dtype leaves it open. Says what that is and why.
  const ArithmeticChoice& fill_in_fastest();
  /// What a run was begun in is what it goes on in, where that is here and --dtype does not say otherwise.
  void go_on_in(const Arithmetic& arithmetic);

 private:
  MaskedLMImpl(OpenedFolder opened, const std::string& folder, const LoadOptions& options, const MakeBackend& make);
  Tensor run(const Batch& batch);
  std::span<const float> on_host(const Tensor& rows);
  Tensor in_float32(const Tensor& rows);

  std::string path_;
  const bool pretrained_;  // its weights were read
  NumberFormat format_;
  DType filling_ = format_ == NumberFormat::bf16 ? DType::bf16 : DType::f32;
  std::mutex choice_mutex_;
  std::optional<ArithmeticChoice> choices_[2];  // of runs that are not compared, and of those that are
  ThreadPool pool_;
  std::unique_ptr<Backend> backend_;
  MlmNetwork model_;
  LoadReport report_;
  std::vector<float> host_rows_;  // of a pass whose rows the processor cannot read as they lie
  Arena float32_rows_;            // of a pass in bf16
  std::mutex mutex_;
  std::weak_ptr<const void> lent_;
  std::atomic<int64_t> checked_entries_ = -1;  // of the tokenizer that was checked last
};

}  // namespace tekio

// The inside of MaskedLM: a model with the threads and the back end that it runs on. Training and the program reach it
// through MaskedLM::impl().
#pragma once

#include <tekio/masked_lm.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "compute/backend.h"
#include "model/mlm_network.h"
#include "model/model_folder.h"

namespace tekio {

/// As --dtype spells it.
const char* name_of(NumberFormat format);
/// The kind of number to train or evaluate with; `compared`: the run is to be compared with the reference's. Errors
/// (device): bf16 where the processor does not multiply it.
DType working_type(NumberFormat format, const Backend& backend, bool compared);
/// Why a run that is not compared works in that kind, as a clause.
std::string reason_for_working_type(NumberFormat format, const Backend& backend);

class MaskedLM::Impl {
 public:
  /// Makes a back end that may use the pool's threads; the pool outlives it.
  using MakeBackend = std::function<std::unique_ptr<Backend>(ThreadPool& pool)>;
  /// A folder's weights, on the device of the options or on another back end.
  Impl(const std::string& folder, const LoadOptions& options);
  Impl(const std::string& folder, const LoadOptions& options, const MakeBackend& make);
  /// Fresh weights; `path` is where the config was read from.
  Impl(ModelConfig config, std::string path, const LoadOptions& options);

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
  /// check_vocabulary() for a tokenizer that is to be used with this model; what was told once is not told again.
  void check_tokenizer(const Tokenizer& tokenizer);
  DType working_type(bool compared) const { return tekio::working_type(format_, *backend_, compared); }

 private:
  Impl(OpenedFolder opened, const std::string& folder, const LoadOptions& options, const MakeBackend& make);
  Tensor run(const Batch& batch);
  std::span<const float> on_host(const Tensor& rows);
  Tensor in_float32(const Tensor& rows);

  std::string path_;
  NumberFormat format_;
  ThreadPool pool_;
  std::unique_ptr<Backend> backend_;
  MlmNetwork model_;
  LoadReport report_;
  std::vector<float> host_rows_;  // of a pass whose rows the processor cannot read as they lie
  Arena float32_rows_;            // of a pass in bf16
  std::mutex mutex_;
  std::atomic<int64_t> checked_entries_ = -1;  // of the tokenizer that was checked last
};

}  // namespace tekio

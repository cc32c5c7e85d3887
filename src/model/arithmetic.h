// What a model computes in: float32 or bf16, and where a processor can multiply bf16 in several ways, by which. Where
// that is left to Tekio it is what makes a training step fastest here, which is measured: no flag of a processor tells.
// (An Intel core with AVX-512 BF16 and without AMX multiplies bf16 at half the rate of float32.)
#pragma once

#include <tekio/masked_lm.h>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compute/backend.h"
#include "model/config.h"

namespace tekio {

/// As --dtype spells it.
const char* name_of(NumberFormat format);

struct Arithmetic {
  DType type = DType::f32;
  std::string kernel = {};  ///< one of Backend::bf16_kernels(); empty where there is no choice
  bool operator==(const Arithmetic&) const = default;
};

/// How fast a training step is in it.
struct StepRate {
  Arithmetic arithmetic;
  double gflops = 0;  ///< of the operations that flops_per_chunk() counts; a multiply-add is 2
};

/// The fastest of those in `type`, if that is given. Of those within 2 % of it the one that is named first here: bf16
/// by amx, by avx512, float32, bf16 by fma; so that two runs do not differ by a hair. There must be one.
StepRate fastest(std::span<const StepRate> rates, std::optional<DType> type = std::nullopt);

struct ArithmeticChoice {
  Arithmetic taken;
  std::string reason;           ///< a clause
  std::vector<StepRate> rates;  ///< what was measured; empty where nothing had to be

  /// "bf16 (AVX-512 BF16, 182 against 95 GFLOP/s)", "f32".
  std::string text() const;
};

/// What to compute in. `compared`: a run that is to be compared with the reference's is in float32 unless it is asked
/// for something else. `measured` is called where the answer depends on it. Errors (device): bf16 where the back end
/// does not have it.
ArithmeticChoice choose_arithmetic(NumberFormat format, const Backend& backend, bool compared,
                                   const std::function<std::vector<StepRate>()>& measured);

/// The rates on this processor of steps of a model of these sizes, on so many threads: those that this process knows
/// already, those that another has left in the cache, or measured now (less than a second for small models; more at
/// DistilBERT's width) and left there, unless other work disturbed it. A cache that cannot be read or written is none.
std::vector<StepRate> step_rates(const ModelConfig& config, int threads);
/// Measured now, whatever is known, and left in the cache.
std::vector<StepRate> measure_step_rates(const ModelConfig& config, int threads);

}  // namespace tekio

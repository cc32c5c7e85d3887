// Which of the processor's instructions are used. The environment's TEKIO_CPU_FEATURES sets a limit to all that
// computes (own kernels and oneDNN), so that a processor can be tried as a lesser one; oneDNN's own variable,
// ONEDNN_MAX_CPU_ISA, limits float32 products and what multiplies bf16.
#pragma once

#include <string>

namespace tekio {

/// Applies TEKIO_CPU_FEATURES ("plain", "avx2", "avx512", "avx512_bf16" or "amx"), once a process and before anything
/// is computed; whoever computes calls it. Errors: usage (another word).
void limit_cpu_features();

struct ProcessorReport {
  std::string model;     ///< as /proc/cpuinfo names it; empty if it does not
  std::string kernels;   ///< the instruction set that own kernels run with: "AVX-512", "AVX2" or "plain code"
  std::string products;  ///< who multiplies float32 and who bf16, where it can be, and with which instructions
};
ProcessorReport describe_processor();

/// The setting of the environment that keeps this processor from multiplying bf16 though it could,
/// "TEKIO_CPU_FEATURES=plain"; empty where none does.
std::string bf16_limit();

}  // namespace tekio

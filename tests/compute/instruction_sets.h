// The back end's own kernels on processors with fewer instructions than this one: Highway chooses among those that were
// compiled, and can be made to choose lesser ones. (What multiplies is an
// argument of the back end, or for float32 set in the environment: CMakeLists.txt.)
#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <array>
#include <cstdint>

#include "compute/cpu/bf16_kernel.h"

namespace tekio::test {

/// The instruction sets that src/compute/CMakeLists.txt has kernels compiled for, best first.
constexpr std::array<int64_t, 3> kInstructionSets = {HWY_AVX3, HWY_AVX2, HWY_SCALAR};

inline bool processor_has(int64_t set) { return set == HWY_SCALAR || (hwy::SupportedTargets() & set) != 0; }

/// While it lives, kernels are those for `set`, as on a processor that has nothing better.
class OnlyInstructionSet {
 public:
  explicit OnlyInstructionSet(int64_t set) {
    hwy::SetSupportedTargetsForTest(set);
    hwy::GetChosenTarget().Update(set);
  }
  ~OnlyInstructionSet() {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  OnlyInstructionSet(const OnlyInstructionSet&) = delete;
  OnlyInstructionSet& operator=(const OnlyInstructionSet&) = delete;
};

/// body() with the kernels for each instruction set that this processor has; failures name it.
template <typename Body>
void with_each_instruction_set(const Body& body) {
  kernels::instructions();  // chosen once a process, by what the processor has, which is not to be a test's set
  for (const int64_t set : kInstructionSets) {
    if (!processor_has(set)) continue;  // InstructionSets.* says so
    SCOPED_TRACE(hwy::TargetName(set));
    const OnlyInstructionSet only(set);
    body();
  }
}

}  // namespace tekio::test

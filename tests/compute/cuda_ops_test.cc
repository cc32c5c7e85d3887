// The CUDA back end's kernels against ref, carried out by the processor (tests/emulated_cuda): every op case, and the
// same bits again.
#include <gtest/gtest.h>

#include <cstring>

#include "compute/cuda/cuda_backend.h"
#include "compute/op_rig.h"
#include "compute/outcome.h"

namespace tekio::test {
namespace {

class EmulatedCuda : public testing::TestWithParam<OpCase> {};
INSTANTIATE_TEST_SUITE_P(Odd, EmulatedCuda, testing::ValuesIn(kOddCases), test_name);
INSTANTIATE_TEST_SUITE_P(OddBf16, EmulatedCuda, testing::ValuesIn(in_bf16(kOddCases)), test_name);

TEST_P(EmulatedCuda, IsRef) {
  const auto be = std::make_unique<cuda::CudaBackend>();
  expect_near(run(GetParam(), *be), run(GetParam(), *make_ref_backend()), tolerance_of(GetParam()));
}

}  // namespace
}  // namespace tekio::test

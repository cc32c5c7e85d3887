// The CUDA back end against ref: every op case. On a GPU where there is one; without, the same tests run on kernels
// that the processor carries out (tests/emulated_cuda).
#include <gtest/gtest.h>

#include "compute/cuda.h"
#include "compute/op_rig.h"
#include "compute/outcome.h"
#include "compute/wide_logits.h"

namespace tekio::test {
namespace {

TEST(Cuda, IsThere) {
  if (!cuda_problem().empty()) GTEST_SKIP() << "there is no usable GPU: op cases and models are not tested on one";
}

std::vector<OpCase> where_there_is_a_gpu(std::vector<OpCase> cases) {
  if (!cuda_problem().empty()) cases.clear();
  return cases;
}

class CudaTest : public testing::TestWithParam<OpCase> {
 protected:
  const std::unique_ptr<Backend> ref_ = make_ref_backend();
};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CudaTest);  // Cuda.IsThere tells
INSTANTIATE_TEST_SUITE_P(cuda, CudaTest, testing::ValuesIn(where_there_is_a_gpu(kOddCases)), test_name);
INSTANTIATE_TEST_SUITE_P(cuda_bf16, CudaTest, testing::ValuesIn(where_there_is_a_gpu(in_bf16(kOddCases))), test_name);

TEST_P(CudaTest, IsRefAndTheSameBitsAgain) {
  const std::unique_ptr<Backend> cuda = make_hosted_backend(make_cuda_backend());
  const Outcome got = run(GetParam(), *cuda);
  expect_near(got, run(GetParam(), *ref_), tolerance_of(GetParam()));
  expect_same_bits(run(GetParam(), *cuda), got);
}

TEST(Cuda, TakesWideRowsOfLogits) {
  if (!cuda_problem().empty()) GTEST_SKIP() << "there is no usable GPU";
  const std::unique_ptr<Backend> cuda = make_hosted_backend(make_cuda_backend());
  EXPECT_EQ(cuda->logits_width(30522), 30528);
  for (const DType type : {DType::f32, DType::bf16}) expect_wide_as_narrow(*cuda, type, *make_ref_backend());
}

}  // namespace
}  // namespace tekio::test

// What happens where the GPU fails: a sentence, and nothing worse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "compute/arena.h"
#include "compute/cuda.h"
#include "cuda_runtime.h"
#include "support/results.h"

namespace tekio::test {
namespace {

TEST(CudaFailure, IsToldInOneSentenceThoughMemoryIsGivenBackAfterwards) {
  const std::unique_ptr<Backend> cuda = make_cuda_backend();
  std::optional<Arena> arena(std::in_place, 4096, "a test", cuda->memory());
  const Tensor x = arena->take(DType::f32, {64});
  cuda->zero(x);
  emulated_fail(cudaErrorLaunchFailure);
  std::string message;
  try {
    const Arena another = std::move(*arena);  // given back on the way out, while the GPU fails
    squared_norm(*cuda, x);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::device);
    message = error.what();
  }
  EXPECT_THAT(message, testing::HasSubstr("the GPU failed at"));
  EXPECT_THAT(message, testing::HasSubstr("cudaErrorLaunchFailure"));
  emulated_fail(cudaSuccess);
}

TEST(CudaFailure, WhatWasOnItsWayIsSentAgain) {
  const std::unique_ptr<Backend> cuda = make_hosted_backend(make_cuda_backend());
  std::vector<float> x = {1, 2, 3, 4}, y(2);
  const std::vector<int32_t> rows = {1, 3};
  const Tensor from(x.data(), DType::f32, {4, 1}), to(y.data(), DType::f32, {2, 1});
  emulated_fail(cudaErrorLaunchFailure);
  EXPECT_THROW(cuda->gather_rows(to, from, rows), Error);
  emulated_fail(cudaSuccess);
  cuda->gather_rows(to, from, rows);
  EXPECT_THAT(y, testing::ElementsAre(2, 4));
}

TEST(CudaFailure, WhyThereIsNoGpuAndWhatIsMissing) {
  using testing::HasSubstr;
  emulated_device(0, 9, 1 << 30);
  EXPECT_THAT(cuda_problem(), HasSubstr("there is no usable NVIDIA GPU (none was found): use device cpu"));
  emulated_device(-1, 9, 1 << 30);
  EXPECT_THAT(cuda_problem(), HasSubstr("the driver knows CUDA 12.4, this build needs 13: update the driver"));
  emulated_device(1, 8, 1 << 30);
  EXPECT_THAT(cuda_problem(), HasSubstr("has compute capability 8.0; this build is for 9.0 and later"));
  emulated_device(1, 9, 64 << 20);
  const std::unique_ptr<Backend> cuda = make_cuda_backend();
  try {
    const Arena arena(100 << 20, "the activations", cuda->memory());
    ADD_FAILURE() << "there was room";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::device);
    EXPECT_THAT(error.what(), HasSubstr("the activations needs 105 MB of the GPU's memory, but only 67.1 MB of"));
  }
  emulated_device(1, 9, size_t{80} << 30);
  EXPECT_EQ(cuda_problem(), "");
}

TEST(CudaFailure, SizesThatTheKernelsAreNotMadeForAreTold) {
  const std::unique_ptr<Backend> cuda = make_hosted_backend(make_cuda_backend());
  std::vector<float> numbers(3 * 5000);
  const auto tensor = [&](std::initializer_list<int64_t> shape) { return Tensor(numbers.data(), DType::f32, shape); };
  const auto message_of = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::device);
      return error.what();
    }
    return "nothing was thrown";
  };
  EXPECT_EQ(message_of([&] {
              cuda->norm(tensor({1, 5000}), {tensor({1, 5000}), tensor({1})}, tensor({1, 5000}),
                         {tensor({5000}), tensor({5000}), 1e-5f});
            }),
            "norm: rows of 5000 numbers, but the GPU's norms take at most 4096: use device cpu");
  const std::vector<int32_t> offsets = {0, 1};
  EXPECT_EQ(message_of([&] {
              cuda->attention(tensor({1, 160}), tensor({1, 1, 2}), tensor({1, 480}), {1}, Sequences{offsets}, {});
            }),
            "attention: heads of 160 numbers, but the GPU's attention takes at most 128: use device cpu");
}

}  // namespace
}  // namespace tekio::test

// What happens where the GPU fails: a sentence, and nothing worse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "compute/arena.h"
#include "compute/cuda.h"
#include "cuda_runtime.h"

namespace tekio {
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
    cuda->squared_norm(x);
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

}  // namespace
}  // namespace tekio

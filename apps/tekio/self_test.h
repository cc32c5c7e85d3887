// A short check that this machine computes right: each back end's ops on small inputs, held against the reference back
// end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compute/backend.h"

namespace tekio::cli {

struct SelfTestResult {
  std::string op;
  std::string problem;  ///< empty: within tolerance
};

/// Runs a training step's verbs, forward and backward, on `tried` and on the reference back end, with activations and
/// matrices of `type`, which `tried` must have.
std::vector<SelfTestResult> self_test(std::unique_ptr<Backend> tried, DType type);

}  // namespace tekio::cli

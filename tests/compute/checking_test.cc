// The checking back end: right ones pass through every op case, a wrong one is caught at every op that it gets wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/thread_pool.h"
#include "compute/forwarding.h"
#include "compute/op_rig.h"

namespace tekio::test {
namespace {

TEST(Checking, RightBackEndsPassAndTrustedResultsComeOut) {
  ThreadPool pool(2);
  const auto checking = make_checking_backend(make_ref_backend(), make_cpu_backend(pool), 1e-4);
  EXPECT_EQ(checking->name(), "cpu checked against ref");
  const auto ref = make_ref_backend();
  for (const OpCase& c : kOddCases) {
    SCOPED_TRACE(c.text());
    OpRig checked(c), alone(c);
    for (auto [rig, be] : {std::pair{&checked, checking.get()}, std::pair{&alone, ref.get()}}) {
      rig->forward(*be);
      if (rig->has_backward()) rig->backward(*be);
    }
    EXPECT_EQ(checked.objective(), alone.objective());
    for (size_t i = 0; i < checked.results().size(); ++i)
      EXPECT_EQ(*checked.results()[i].values, *alone.results()[i].values) << checked.results()[i].name;
  }
}

// ref with one op wrong: the last number of its last output is a little off.
class WrongBackend final : public EveryVerbAlike<WrongBackend, ForwardingBackend> {
 public:
  /// `figure`: the one of vocabulary_loss' that is wrong.
  explicit WrongBackend(std::string wrong, int64_t figure = 0)
      : WrongBackend(std::move(wrong), figure, make_ref_backend()) {}
  std::string name() const override { return "wrong"; }

  template <typename Verb>
  void run_any(const Verb& op) {
    ForwardingBackend::run(op);
    if (op.name() == wrong_) spoil(last_output(op));
  }
  void run_any(const verb::CopyMatrices& op) { ForwardingBackend::run(op); }
  void run_any(const verb::VocabularyLoss& op) {
    ForwardingBackend::run(op);
    if (wrong_ == op.name()) op.sum.f64()[figure_] += 0.1;
  }

 private:
  WrongBackend(std::string wrong, int64_t figure, std::unique_ptr<Backend> ref)
      : EveryVerbAlike(*ref), wrong_(std::move(wrong)), figure_(figure), ref_(std::move(ref)) {}
  template <typename Verb>
  static Tensor last_output(Verb op) {
    Tensor last;
    op.operands([&](const auto& operand) {
      if constexpr (std::is_same_v<decltype(operand), const Tensor&>)
        if (operand) last = operand;
    });
    return last;
  }
  static void spoil(Tensor t) {
    if (t.numel() == 0) return;
    if (t.dtype == DType::f64)
      t.f64()[t.numel() - 1] *= 1.01;
    else if (t.dtype == DType::f32)
      t.values().back() += 0.1f;
    else
      t.b16()[t.numel() - 1] = bf16(t.b16()[t.numel() - 1] + 0.5f);
  }
  std::string wrong_;
  int64_t figure_;
  std::unique_ptr<Backend> ref_;
};

TEST(Checking, AWrongOpIsNamed) {
  struct Case {
    const char* wrong;
    Op op;
    int64_t figure = 0;
  };
  const Case kOps[] = {{"embed", Op::embed},
                       {"embed_backward", Op::embed},
                       {"norm", Op::norm},
                       {"norm", Op::head_norm},
                       {"residual_norm", Op::residual_norm},
                       {"norm_backward", Op::norm},
                       {"norm_backward", Op::head_norm},
                       {"residual_norm_backward", Op::residual_norm},
                       {"add_norm", Op::add_norm},
                       {"add_norm_backward", Op::add_norm},
                       {"linear", Op::linear},
                       {"linear_gated", Op::linear_gated},
                       {"gated_linear_backward", Op::gated_linear},
                       {"rotate", Op::rotate},
                       {"linear_activation", Op::linear_activation},
                       {"linear_backward", Op::linear},
                       {"linear_activation_backward's activation", Op::linear_activation},
                       {"attention", Op::attention},
                       {"attention_backward", Op::attention},
                       {"gather_rows", Op::gather_rows},
                       {"gather_rows_backward", Op::gather_rows},
                       {"vocabulary_loss", Op::vocabulary_loss, 0},
                       {"vocabulary_loss", Op::vocabulary_loss, 1},
                       {"vocabulary_loss", Op::vocabulary_loss, 2},
                       {"softmax_rows", Op::softmax_rows},
                       {"zero", Op::zero},
                       {"add", Op::add},
                       {"squared_norms", Op::squared_norm},
                       {"clip", Op::squared_norm},
                       {"adamw", Op::adamw}};
  for (const auto& [wrong, op, figure] : kOps) {
    SCOPED_TRACE(fmt::format("{}, {}", wrong, figure));
    const auto checking =
        make_checking_backend(make_ref_backend(), std::make_unique<WrongBackend>(wrong, figure), 1e-3);
    const OpCase c =
        *std::find_if(kOddCases.begin(), kOddCases.end(), [op = op](const OpCase& each) { return each.op == op; });
    OpRig rig(c);
    try {
      rig.forward(*checking);
      rig.backward(*checking);
      ADD_FAILURE() << "not caught";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::bug);
      EXPECT_THAT(e.what(), testing::StartsWith(std::string(wrong) + ": "));
      EXPECT_THAT(e.what(), testing::HasSubstr("wrong gives "));
    }
  }
}

}  // namespace
}  // namespace tekio::test

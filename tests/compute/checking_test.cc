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
class WrongBackend : public ForwardingBackend {
 public:
  explicit WrongBackend(std::string wrong) : WrongBackend(std::move(wrong), make_ref_backend()) {}
  std::string name() const override { return "wrong"; }

 protected:
  void do_embed(Tensor y, const TableRows& rows, ConstTensor word, ConstTensor position, ConstTensor type) override {
    ForwardingBackend::do_embed(y, rows, word, position, type);
    spoil("embed", y);
  }
  void do_embed_backward(Tensor d_word, Tensor d_position, Tensor d_type, ConstTensor d_y,
                         const TableRows& rows) override {
    ForwardingBackend::do_embed_backward(d_word, d_position, d_type, d_y, rows);
    spoil("embed_backward", d_position);
  }
  void do_norm(Tensor sum, Tensor y, NormKept kept, ConstTensor x, ConstTensor branch, NormWeights w,
               const Sequences* s, const Dropout& drop) override {
    ForwardingBackend::do_norm(sum, y, kept, x, branch, w, s, drop);
    spoil(sum ? "add_norm" : branch ? "residual_norm" : "norm", kept.rstd);
  }
  void do_norm_backward(Tensor d_x, Tensor d_branch, NormGradients d_w, ConstTensor d_y, NormKept kept, NormWeights w,
                        const Sequences* s, const Dropout& drop, Into into) override {
    ForwardingBackend::do_norm_backward(d_x, d_branch, d_w, d_y, kept, w, s, drop, into);
    spoil(into == Into::add ? "add_norm_backward" : d_branch ? "residual_norm_backward" : "norm_backward", d_w.weight);
  }
  void do_linear(Tensor y, Tensor kept, ConstTensor x, const Matrix& w, ConstTensor b, const Activation* act) override {
    ForwardingBackend::do_linear(y, kept, x, w, b, act);
    spoil(act == nullptr ? "linear" : y.same_shape(kept) ? "linear_activation" : "linear_gated", y);
  }
  void do_linear_backward(Tensor d_x, Tensor d_w, Tensor d_b, ConstTensor d_y, ConstTensor x, const Matrix& w,
                          Into into) override {
    ForwardingBackend::do_linear_backward(d_x, d_w, d_b, d_y, x, w, into);
    spoil("linear_backward", d_w);
  }
  void do_activation_backward(Tensor d_y, ConstTensor kept, Activation act) override {
    ForwardingBackend::do_activation_backward(d_y, kept, act);
    spoil("linear_activation_backward's activation", d_y);
  }
  void do_activation_linear_backward(Tensor d_kept, Tensor activated, Tensor d_w, Tensor d_b, ConstTensor d_y,
                                     ConstTensor kept, const Matrix& w, Activation act) override {
    ForwardingBackend::do_activation_linear_backward(d_kept, activated, d_w, d_b, d_y, kept, w, act);
    spoil(activated.same_shape(d_kept) ? "activation_linear_backward" : "gated_linear_backward", activated);
  }
  void do_rotate(Tensor x, int64_t columns, const Rotation& rotation, const Sequences& s) override {
    ForwardingBackend::do_rotate(x, columns, rotation, s);
    spoil("rotate", x);
  }
  void do_attention(Tensor y, Tensor kept, ConstTensor q, ConstTensor kv, const AttentionShape& shape,
                    const Sequences& s, const Dropout& drop) override {
    ForwardingBackend::do_attention(y, kept, q, kv, shape, s, drop);
    spoil("attention", y);
  }
  void do_attention_backward(Tensor d_q, Tensor d_kv, ConstTensor d_y, ConstTensor kept, ConstTensor q, ConstTensor kv,
                             const AttentionShape& shape, const Sequences& s, const Dropout& drop) override {
    ForwardingBackend::do_attention_backward(d_q, d_kv, d_y, kept, q, kv, shape, s, drop);
    spoil("attention_backward", d_q);
  }
  void do_gather_rows(Tensor y, ConstTensor x, std::span<const int32_t> rows) override {
    ForwardingBackend::do_gather_rows(y, x, rows);
    spoil("gather_rows", y);
  }
  void do_gather_rows_backward(Tensor d_x, ConstTensor d_y, std::span<const int32_t> rows, Into into) override {
    ForwardingBackend::do_gather_rows_backward(d_x, d_y, rows, into);
    spoil("gather_rows_backward", d_x);
  }
  LabelLoss do_vocabulary_loss(Tensor d_logits, ConstTensor logits, std::span<const int32_t> labels,
                               float scale) override {
    LabelLoss found = ForwardingBackend::do_vocabulary_loss(d_logits, logits, labels, scale);
    if (wrong_ == "vocabulary_loss") found.loss += 0.1;
    if (wrong_ == "vocabulary_loss's hits") ++found.hits;
    return found;
  }
  void do_softmax_rows(Tensor logits) override {
    ForwardingBackend::do_softmax_rows(logits);
    spoil("softmax_rows", logits);
  }
  void do_zero(Tensor x) override {
    ForwardingBackend::do_zero(x);
    spoil("zero", x);
  }
  double do_squared_norm(ConstTensor x) override {
    return ForwardingBackend::do_squared_norm(x) * (wrong_ == "squared_norm" ? 1.01 : 1);
  }
  void do_adamw(Tensor parameters, Tensor moment1, Tensor moment2, ConstTensor gradients,
                const AdamWStep& step) override {
    ForwardingBackend::do_adamw(parameters, moment1, moment2, gradients, step);
    spoil("adamw", moment2);
  }

 private:
  WrongBackend(std::string wrong, std::unique_ptr<Backend> ref)
      : ForwardingBackend(*ref), wrong_(std::move(wrong)), ref_(std::move(ref)) {}
  void spoil(const char* op, Tensor t) const {
    if (op != wrong_ || t.numel() == 0) return;
    if (t.dtype == DType::f32)
      t.values().back() += 0.1f;
    else
      t.b16()[t.numel() - 1] = bf16(t.b16()[t.numel() - 1] + 0.5f);
  }
  std::string wrong_;
  std::unique_ptr<Backend> ref_;
};

TEST(Checking, AWrongOpIsNamed) {
  const std::pair<const char*, Op> kOps[] = {{"embed", Op::embed},
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
                                             {"vocabulary_loss", Op::vocabulary_loss},
                                             {"vocabulary_loss's hits", Op::vocabulary_loss},
                                             {"softmax_rows", Op::softmax_rows},
                                             {"zero", Op::zero},
                                             {"squared_norm", Op::squared_norm},
                                             {"adamw", Op::adamw}};
  for (const auto& [wrong, op] : kOps) {
    SCOPED_TRACE(wrong);
    const auto checking = make_checking_backend(make_ref_backend(), std::make_unique<WrongBackend>(wrong), 1e-3);
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

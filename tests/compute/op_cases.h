// ONE table of op cases: it drives correctness (every back end against ref), gradient checks (ref against central
// differences) and the micro benchmarks (bench/ops_bench.cc). op_rig.h runs a case.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "compute/backend.h"

namespace tekio::test {

enum class Op {
  embed,
  norm,
  head_norm,
  residual_norm,
  add_norm,
  linear,
  linear_activation,
  activation_linear,
  linear_gated,
  gated_linear,
  rotate,
  rotate_some,
  attention,
  attention_some,
  gather_rows,
  vocabulary_loss,
  softmax_rows,
  zero,
  add,
  squared_norm,
  adamw
};
inline const char* name_of(Op op) {
  constexpr const char* kNames[] = {"embed",
                                    "norm",
                                    "head_norm",
                                    "residual_norm",
                                    "add_norm",
                                    "linear",
                                    "linear_activation",
                                    "activation_linear",
                                    "linear_gated",
                                    "gated_linear",
                                    "rotate",
                                    "rotate_some",
                                    "attention",
                                    "attention_some",
                                    "gather_rows",
                                    "vocabulary_loss",
                                    "softmax_rows",
                                    "zero",
                                    "add",
                                    "squared_norm",
                                    "adamw"};
  return kNames[static_cast<int>(op)];
}
inline const char* name_of(Activation act) {
  constexpr const char* kNames[] = {"gelu", "gelu_new", "gelu_fast", "quick_gelu", "relu", "silu", "tanh", "mish"};
  return kNames[static_cast<int>(act)];
}

struct OpCase {
  Op op;
  std::vector<int32_t> lengths = {1};  // the packed sequences; n is their sum
  int64_t in = 1, out = 1;  // widths: C, or I and O; out is also the vocabulary, and how many rows gather_rows,
                            // rotate_some and attention_some work on
  int64_t heads = 1;
  int64_t window = 0;             // attention's
  float rate = 0;                 // of dropout
  bool explicit_dropout = false;  // decisions given, not drawn
  Activation act = Activation::gelu;
  Into into = Into::overwrite;
  DType type = DType::f32;  // of activations and matrices
  bool optional = true;     // whether optional arguments are there: bias, d_x, d_b, token types, d_logits, d_branch
  bool positions = true;    // whether embed has a table of them

  int64_t n() const { return std::accumulate(lengths.begin(), lengths.end(), int64_t{0}); }
  std::string text() const {
    std::string text = fmt::format("{}/n{}_in{}_out{}", name_of(op), n(), in, out);
    if (lengths.size() > 1) text += fmt::format("_B{}", lengths.size());
    if (heads > 1) text += fmt::format("_H{}", heads);
    if (window > 0) text += fmt::format("_window{}", window);
    if (op == Op::linear_activation || op == Op::activation_linear || op == Op::linear_gated || op == Op::gated_linear)
      text += fmt::format("_{}", name_of(act));
    if (rate > 0) text += explicit_dropout ? "_given_dropout" : "_dropout";
    if (into == Into::add) text += "_add";
    if (!optional) text += "_bare";
    if (!positions) text += "_without_positions";
    if (type == DType::bf16) text += "_bf16";
    return text;
  }
};

// Shapes that break things: nothing, one, odd widths, more than one block, sequences of many lengths.
inline const std::vector<OpCase> kOddCases = {
    {.op = Op::embed, .lengths = {5, 1, 0, 7}, .in = 33, .out = 11},
    {.op = Op::embed, .lengths = {5, 1, 7}, .in = 33, .out = 11, .optional = false},
    {.op = Op::embed, .lengths = {70, 128}, .in = 770, .out = 300},
    {.op = Op::embed, .lengths = {}, .in = 16, .out = 4},
    {.op = Op::embed, .lengths = {5, 1, 7}, .in = 33, .out = 11, .optional = false, .positions = false},
    {.op = Op::embed, .lengths = {5, 1, 7}, .in = 33, .out = 11, .positions = false},
    {.op = Op::norm, .lengths = {3, 4}, .in = 8, .rate = 0.25f},
    {.op = Op::norm, .lengths = {1}, .in = 1},
    {.op = Op::norm, .lengths = {1, 36}, .in = 770, .rate = 0.1f},
    {.op = Op::norm, .lengths = {20, 17}, .in = 33, .rate = 0.5f, .explicit_dropout = true},
    {.op = Op::norm, .lengths = {}, .in = 16},
    {.op = Op::norm, .lengths = {3, 4}, .in = 8, .rate = 0.25f, .optional = false},
    {.op = Op::norm, .lengths = {90, 37}, .in = 770, .optional = false},
    {.op = Op::head_norm, .lengths = {5}, .in = 7},
    {.op = Op::head_norm, .lengths = {301}, .in = 768},
    {.op = Op::head_norm, .lengths = {}, .in = 7},
    {.op = Op::residual_norm, .lengths = {3, 4}, .in = 8, .rate = 0.25f},
    {.op = Op::residual_norm, .lengths = {37}, .in = 770, .rate = 0.1f},
    {.op = Op::residual_norm, .lengths = {0, 1, 512, 3}, .in = 129, .rate = 0.1f},
    {.op = Op::residual_norm, .lengths = {9, 8}, .in = 33, .rate = 0.5f, .explicit_dropout = true},
    {.op = Op::residual_norm, .lengths = {6}, .in = 20},
    {.op = Op::residual_norm, .lengths = {}, .in = 20},
    {.op = Op::residual_norm, .lengths = {6}, .in = 20, .rate = 0.1f, .optional = false},
    {.op = Op::add_norm, .lengths = {3, 4}, .in = 8, .rate = 0.25f},
    {.op = Op::add_norm, .lengths = {37}, .in = 770, .rate = 0.1f},
    {.op = Op::add_norm, .lengths = {0, 1, 512, 3}, .in = 129},
    {.op = Op::add_norm, .lengths = {9, 8}, .in = 33, .rate = 0.5f, .explicit_dropout = true},
    {.op = Op::add_norm, .lengths = {6}, .in = 20, .optional = false},
    {.op = Op::add_norm, .lengths = {90, 37}, .in = 770, .optional = false},
    {.op = Op::add_norm, .lengths = {}, .in = 20},
    {.op = Op::linear, .lengths = {5}, .in = 7, .out = 6},
    {.op = Op::linear, .lengths = {5}, .in = 7, .out = 6, .into = Into::add},
    {.op = Op::linear, .lengths = {1}, .in = 33, .out = 7},
    {.op = Op::linear, .lengths = {3}, .in = 1, .out = 1, .optional = false},
    {.op = Op::linear, .lengths = {}, .in = 64, .out = 64},
    {.op = Op::linear, .lengths = {130}, .in = 257, .out = 401, .into = Into::add},
    {.op = Op::linear, .lengths = {301}, .in = 96, .out = 1003, .optional = false},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::gelu},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::gelu_new},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::gelu_fast},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::quick_gelu},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::relu},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::silu},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::tanh},
    {.op = Op::linear_activation, .lengths = {5}, .in = 7, .out = 9, .act = Activation::mish},
    {.op = Op::linear_activation, .lengths = {131}, .in = 65, .out = 390, .optional = false},
    {.op = Op::activation_linear, .lengths = {5}, .in = 7, .out = 9, .act = Activation::gelu},
    {.op = Op::activation_linear, .lengths = {5}, .in = 7, .out = 9, .act = Activation::silu, .optional = false},
    {.op = Op::activation_linear, .lengths = {131}, .in = 390, .out = 65, .act = Activation::relu},
    {.op = Op::activation_linear, .lengths = {}, .in = 7, .out = 9},
    {.op = Op::linear_gated, .lengths = {5}, .in = 7, .out = 9, .act = Activation::gelu},
    {.op = Op::linear_gated, .lengths = {5}, .in = 7, .out = 9, .act = Activation::silu, .optional = false},
    {.op = Op::linear_gated, .lengths = {131}, .in = 65, .out = 390, .act = Activation::relu, .optional = false},
    {.op = Op::linear_gated, .lengths = {}, .in = 7, .out = 9},
    {.op = Op::gated_linear, .lengths = {5}, .in = 7, .out = 9, .act = Activation::gelu},
    {.op = Op::gated_linear, .lengths = {5}, .in = 7, .out = 9, .act = Activation::silu, .optional = false},
    {.op = Op::gated_linear, .lengths = {3}, .in = 17, .out = 2, .act = Activation::mish},
    {.op = Op::gated_linear, .lengths = {131}, .in = 390, .out = 65, .act = Activation::tanh},
    {.op = Op::gated_linear, .lengths = {}, .in = 7, .out = 9},
    {.op = Op::rotate, .lengths = {4, 0, 1, 3}, .in = 12, .heads = 2},
    {.op = Op::rotate, .lengths = {5}, .in = 2, .heads = 1},
    {.op = Op::rotate, .lengths = {40, 513}, .in = 128, .heads = 2},
    {.op = Op::rotate, .lengths = {}, .in = 12, .heads = 2},
    {.op = Op::rotate_some, .lengths = {4, 0, 1, 30}, .in = 12, .out = 5, .heads = 2},
    {.op = Op::rotate_some, .lengths = {300, 200}, .in = 132, .out = 77, .heads = 3},
    {.op = Op::attention, .lengths = {4, 1, 3}, .in = 8, .heads = 2},
    {.op = Op::attention, .lengths = {4, 1, 0, 7}, .in = 8, .heads = 2, .window = 2},
    {.op = Op::attention,
     .lengths = {9, 20},
     .in = 24,
     .heads = 3,
     .window = 5,
     .rate = 0.5f,
     .explicit_dropout = true},
    {.op = Op::attention, .lengths = {200, 33}, .in = 24, .heads = 3, .window = 1},
    {.op = Op::attention, .lengths = {300, 65, 130}, .in = 64, .heads = 1, .window = 64, .rate = 0.1f},
    {.op = Op::attention, .lengths = {700}, .in = 32, .heads = 1, .window = 20, .rate = 0.1f},
    {.op = Op::attention, .lengths = {65, 40}, .in = 64, .heads = 2, .window = 64, .rate = 0.1f},
    {.op = Op::attention, .lengths = {700}, .in = 8, .heads = 1, .rate = 0.1f},
    {.op = Op::attention, .lengths = {4, 0, 3}, .in = 8, .heads = 2, .rate = 0.25f},
    {.op = Op::attention, .lengths = {17, 33}, .in = 96, .heads = 3, .rate = 0.1f},
    {.op = Op::attention, .lengths = {9, 20}, .in = 24, .heads = 3, .rate = 0.5f, .explicit_dropout = true},
    {.op = Op::attention, .lengths = {128, 40}, .in = 128, .heads = 2, .rate = 0.1f},
    {.op = Op::attention, .lengths = {300}, .in = 64, .heads = 1, .rate = 0.1f},
    {.op = Op::attention, .lengths = {513}, .in = 8, .heads = 1},
    {.op = Op::attention, .lengths = std::vector<int32_t>(33, 5), .in = 24, .heads = 4, .rate = 0.1f},
    {.op = Op::attention, .lengths = {}, .in = 8, .heads = 1},
    {.op = Op::attention_some, .lengths = {4, 1, 0, 3}, .in = 8, .out = 5, .heads = 2},
    {.op = Op::attention_some,
     .lengths = {9, 20},
     .in = 24,
     .out = 7,
     .heads = 3,
     .rate = 0.5f,
     .explicit_dropout = true},
    {.op = Op::attention_some, .lengths = {128, 40}, .in = 128, .out = 21, .heads = 2, .rate = 0.1f},
    {.op = Op::attention_some, .lengths = {300}, .in = 64, .out = 150, .heads = 1, .rate = 0.1f},
    {.op = Op::attention_some, .lengths = {2, 60}, .in = 16, .out = 1, .heads = 2},
    {.op = Op::attention_some, .lengths = std::vector<int32_t>(33, 3), .in = 20, .out = 40, .heads = 4},
    {.op = Op::attention_some, .lengths = {4, 1, 0, 9}, .in = 8, .out = 5, .heads = 2, .window = 2},
    {.op = Op::attention_some,
     .lengths = {9, 20},
     .in = 24,
     .out = 7,
     .heads = 3,
     .window = 4,
     .rate = 0.5f,
     .explicit_dropout = true},
    {.op = Op::attention_some, .lengths = {300, 90}, .in = 64, .out = 60, .heads = 2, .window = 30, .rate = 0.1f},
    {.op = Op::attention_some, .lengths = {900}, .in = 16, .out = 5, .heads = 2, .window = 64},
    {.op = Op::gather_rows, .lengths = {9}, .in = 5, .out = 4},
    {.op = Op::gather_rows, .lengths = {9}, .in = 5, .out = 4, .into = Into::add},
    {.op = Op::gather_rows, .lengths = {200}, .in = 33, .out = 71},
    {.op = Op::gather_rows, .lengths = {9}, .in = 5, .out = 0},
    {.op = Op::vocabulary_loss, .lengths = {3}, .out = 11},
    {.op = Op::vocabulary_loss, .lengths = {1}, .out = 1},
    {.op = Op::vocabulary_loss, .lengths = {17}, .out = 30522},
    {.op = Op::vocabulary_loss, .lengths = {17}, .out = 1124, .optional = false},
    {.op = Op::vocabulary_loss, .lengths = {}, .out = 30522},
    {.op = Op::softmax_rows, .lengths = {5}, .out = 1003},
    {.op = Op::zero, .lengths = {777}, .in = 1003},
    {.op = Op::add, .lengths = {777}, .in = 1003},
    {.op = Op::add, .lengths = {1}, .in = 3},
    {.op = Op::add, .lengths = {}, .in = 3},
    {.op = Op::squared_norm, .lengths = {777}, .in = 1003},
    {.op = Op::squared_norm, .lengths = {1}, .in = 3},
    {.op = Op::adamw, .lengths = {777}, .in = 1003},
    {.op = Op::adamw, .lengths = {1}, .in = 3},
};

// The same cases in bf16, of the ops that work on activations.
inline std::vector<OpCase> in_bf16(const std::vector<OpCase>& cases) {
  std::vector<OpCase> rounded;
  for (OpCase c : cases) {
    if (c.op == Op::softmax_rows || c.op == Op::zero || c.op == Op::add || c.op == Op::squared_norm ||
        c.op == Op::adamw)
      continue;
    c.type = DType::bf16;
    rounded.push_back(c);
  }
  return rounded;
}

// Shapes of a longer ModernBERT-base: 4 chunks of 1,024 tokens.
inline std::vector<OpCase> long_cases() {
  const std::vector<int32_t> batch(4, 1024);
  return {
      {.op = Op::attention, .lengths = std::vector<int32_t>(4, 512), .in = 768, .heads = 12, .rate = 0.1f},
      {.op = Op::attention, .lengths = batch, .in = 768, .heads = 12},
      {.op = Op::attention, .lengths = batch, .in = 768, .heads = 12, .window = 64},
      {.op = Op::attention_some, .lengths = batch, .in = 768, .out = 614, .heads = 12, .window = 64},
      {.op = Op::attention, .lengths = {8192}, .in = 768, .heads = 12},
      {.op = Op::attention, .lengths = {8192}, .in = 768, .heads = 12, .window = 64},
      {.op = Op::rotate, .lengths = batch, .in = 768, .heads = 12},
      {.op = Op::add_norm, .lengths = batch, .in = 768, .optional = false},
      {.op = Op::linear_gated, .lengths = batch, .in = 768, .out = 1152, .optional = false},
      {.op = Op::gated_linear, .lengths = batch, .in = 1152, .out = 768, .optional = false},
  };
}

// Shapes that users meet: DistilBERT-base and BERT-base, 16 chunks of 128 tokens, 15 % masked.
inline std::vector<OpCase> everyday_cases() {
  const std::vector<int32_t> batch(16, 128), masked = {307};
  return {
      {.op = Op::embed, .lengths = batch, .in = 768, .out = 30522, .optional = false},
      {.op = Op::norm, .lengths = batch, .in = 768, .rate = 0.1f},
      {.op = Op::residual_norm, .lengths = batch, .in = 768, .rate = 0.1f},
      {.op = Op::linear, .lengths = batch, .in = 768, .out = 768},
      {.op = Op::linear, .lengths = batch, .in = 768, .out = 2304},
      {.op = Op::linear_activation, .lengths = batch, .in = 768, .out = 3072},
      {.op = Op::linear, .lengths = batch, .in = 3072, .out = 768},
      {.op = Op::activation_linear, .lengths = batch, .in = 3072, .out = 768},
      {.op = Op::linear, .lengths = masked, .in = 768, .out = 30522},
      {.op = Op::attention, .lengths = batch, .in = 768, .heads = 12, .rate = 0.1f},
      {.op = Op::attention_some, .lengths = batch, .in = 768, .out = 307, .heads = 12, .rate = 0.1f},
      {.op = Op::head_norm, .lengths = masked, .in = 768},
      {.op = Op::gather_rows, .lengths = batch, .in = 768, .out = 307},
      {.op = Op::vocabulary_loss, .lengths = masked, .out = 30522},
      {.op = Op::zero, .lengths = {65536}, .in = 1024},
      {.op = Op::add, .lengths = {65536}, .in = 1024},
      {.op = Op::squared_norm, .lengths = {65536}, .in = 1024},
      {.op = Op::adamw, .lengths = {65536}, .in = 1024},
  };
}

}  // namespace tekio::test

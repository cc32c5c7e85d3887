// Self-attention within each packed sequence, specified: for every sequence and head, p = softmax(q k^T / sqrt(d)) is
// kept, y = dropout(p) v. Backward, with m = dropout's factors: d_p = m (d_y v^T), d_s = p (d_p - sum_keys(p d_p)), d_q
// = d_s k / sqrt(d), d_k = d_s^T q / sqrt(d), d_v = (m p)^T d_y. In bf16 the products' factors are rounded before they
// are used, as a back end must that multiplies bf16: p, m p, and d_s / sqrt(d).
#include <algorithm>
#include <cmath>
#include <vector>

#include "compute/ref/ref_backend.h"
#include "compute/walk.h"

namespace tekio {
namespace {

// Where one sequence and head has its numbers in q, k and v, by (row of the op or token of the sequence, column).
struct Head {
  SequenceRows rows;
  int64_t size, width;                                     // d, C
  int64_t q_begin, q_stride, k_begin, v_begin, kv_stride;  // of the op's row 0; of the sequence's token 0
  int64_t kept;                                            // where its [rows, T] block begins in `kept`
  int64_t decisions;                                       // where its [T, T] block begins in drop.kept
  DropoutRow row;

  int64_t q(int64_t i, int64_t c) const { return q_begin + i * q_stride + c; }
  int64_t k(int64_t j, int64_t c) const { return k_begin + j * kv_stride + c; }
  int64_t v(int64_t j, int64_t c) const { return v_begin + j * kv_stride + c; }
  int64_t y(int64_t i, int64_t c) const { return i * width + row.head * size + c; }
};

template <typename Body>
void for_heads(int64_t width, bool apart, int64_t heads, const Sequences& s, const Body& body) {
  int64_t kept = 0, decisions = 0;
  const int64_t size = width / heads, q_stride = apart ? width : 3 * width, kv_stride = apart ? 2 * width : 3 * width;
  for (int64_t k = 0; k < s.count(); ++k) {
    const SequenceRows rows = rows_of(s, k);
    for (int64_t h = 0; h < heads; ++h) {
      const int64_t keys = rows.first_token * kv_stride + (apart ? 0 : width) + h * size;
      body(Head{rows,
                size,
                width,
                h * size,
                q_stride,
                keys,
                keys + width,
                kv_stride,
                kept,
                decisions,
                {s.first_key + static_cast<uint64_t>(k), static_cast<uint32_t>(h), 0}});
      kept += (rows.end - rows.begin) * rows.length;
      decisions += rows.length * rows.length;
    }
  }
}

// What dropout multiplies the probabilities of the query at `position` by.
double factor(const Dropout& drop, const Head& at, int64_t position, int64_t key) {
  DropoutRow row = at.row;
  row.position = static_cast<uint32_t>(position);
  return dropout_factor(drop, row, key, at.decisions + position * at.rows.length + key);
}

double rounded(double value, DType type) {
  const auto single = static_cast<float>(value);
  return type == DType::f32 ? value : bf16(single);
}

// The op's row i of a head: its position within the sequence.
int64_t position_of(const Sequences& s, const Head& at, int64_t i) {
  return (s.some.empty() ? i : s.some[static_cast<size_t>(i)]) - at.rows.first_token;
}

}  // namespace

void RefBackend::do_attention(Tensor y, Tensor kept, ConstTensor q, ConstTensor kv, int64_t heads, const Sequences& s,
                              const Dropout& drop) {
  const ConstNumbers queries(q), others(kv ? kv : q);
  const Numbers out(y), probabilities(kept);
  for_heads(y.dim[1], static_cast<bool>(kv), heads, s, [&](const Head& at) {
    const int64_t length = at.rows.length;
    std::vector<double> p(static_cast<size_t>(length)), mixed(static_cast<size_t>(at.size));
    for (int64_t i = at.rows.begin; i < at.rows.end; ++i) {
      for (int64_t j = 0; j < length; ++j) {
        double score = 0;
        for (int64_t c = 0; c < at.size; ++c) score += queries[at.q(i, c)] * others[at.k(j, c)];
        p[static_cast<size_t>(j)] = score / std::sqrt(at.size);
      }
      const double most = *std::max_element(p.begin(), p.end());
      double sum = 0;
      for (double& value : p) sum += value = std::exp(value - most);
      std::fill(mixed.begin(), mixed.end(), 0.0);
      for (int64_t j = 0; j < length; ++j) {
        const int64_t cell = at.kept + (i - at.rows.begin) * length + j;
        probabilities.set(cell, p[static_cast<size_t>(j)] / sum);
        const double dropped =
            rounded(p[static_cast<size_t>(j)] / sum * factor(drop, at, position_of(s, at, i), j), y.dtype);
        for (int64_t c = 0; c < at.size; ++c) mixed[static_cast<size_t>(c)] += dropped * others[at.v(j, c)];
      }
      for (int64_t c = 0; c < at.size; ++c) out.set(at.y(i, c), mixed[static_cast<size_t>(c)]);
    }
  });
}

void RefBackend::do_attention_backward(Tensor d_q, Tensor d_kv, ConstTensor d_y, ConstTensor kept, ConstTensor q,
                                       ConstTensor kv, int64_t heads, const Sequences& s, const Dropout& drop) {
  const ConstNumbers queries(q), others(kv ? kv : q), d_out(d_y), p(kept);
  const Numbers d_queries(d_q), d_others(d_kv ? d_kv : d_q);
  for_heads(d_y.dim[1], static_cast<bool>(kv), heads, s, [&](const Head& at) {
    const int64_t length = at.rows.length;
    const auto cells = static_cast<size_t>(length * at.size);
    std::vector<double> own(static_cast<size_t>(at.size)), d_k(cells), d_v(cells), d_p(static_cast<size_t>(length));
    for (int64_t i = at.rows.begin; i < at.rows.end; ++i) {
      const int64_t row = at.kept + (i - at.rows.begin) * length;
      double inner = 0;
      for (int64_t j = 0; j < length; ++j) {
        const double m = factor(drop, at, position_of(s, at, i), j), dropped = rounded(m * p[row + j], d_y.dtype);
        double sum = 0;
        for (int64_t c = 0; c < at.size; ++c) {
          sum += d_out[at.y(i, c)] * others[at.v(j, c)];
          d_v[static_cast<size_t>(j * at.size + c)] += dropped * d_out[at.y(i, c)];
        }
        d_p[static_cast<size_t>(j)] = m * sum;
        inner += p[row + j] * d_p[static_cast<size_t>(j)];
      }
      std::fill(own.begin(), own.end(), 0.0);
      for (int64_t j = 0; j < length; ++j) {
        const double d_s = rounded(p[row + j] * (d_p[static_cast<size_t>(j)] - inner) / std::sqrt(at.size), d_y.dtype);
        for (int64_t c = 0; c < at.size; ++c) {
          own[static_cast<size_t>(c)] += d_s * others[at.k(j, c)];
          d_k[static_cast<size_t>(j * at.size + c)] += d_s * queries[at.q(i, c)];
        }
      }
      for (int64_t c = 0; c < at.size; ++c) d_queries.set(at.q(i, c), own[static_cast<size_t>(c)]);
    }
    for (int64_t j = 0; j < length; ++j) {
      for (int64_t c = 0; c < at.size; ++c) {
        d_others.set(at.k(j, c), d_k[static_cast<size_t>(j * at.size + c)]);
        d_others.set(at.v(j, c), d_v[static_cast<size_t>(j * at.size + c)]);
      }
    }
  });
}

}  // namespace tekio

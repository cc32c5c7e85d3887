// Self-attention within each packed sequence, specified: for every sequence and head, p = softmax(q k^T / sqrt(d)), y =
// dropout(p) v. Backward, with m = dropout's factors: d_p = m (d_y v^T), d_s = p (d_p - sum_keys(p d_p)), d_q = d_s k /
// sqrt(d), d_k = d_s^T q / sqrt(d), d_v = (m p)^T d_y. A key that a query does not see has p = 0. In bf16 the products'
// factors are rounded before they are used, as a back end must that multiplies bf16: p, m p, and d_s / sqrt(d).
// Backward computes p in double from the scores, as forward does, and not from what forward kept, and rounds it to the
// activations' kind.
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
  int64_t decisions;                                       // where its [T, T] block begins in drop.kept
  DropoutRow row;

  int64_t q(int64_t i, int64_t c) const { return q_begin + i * q_stride + c; }
  int64_t k(int64_t j, int64_t c) const { return k_begin + j * kv_stride + c; }
  int64_t v(int64_t j, int64_t c) const { return v_begin + j * kv_stride + c; }
  int64_t y(int64_t i, int64_t c) const { return i * width + row.head * size + c; }
};

template <typename Body>
void for_heads(int64_t width, bool apart, int64_t heads, const Sequences& s, const Body& body) {
  int64_t decisions = 0;
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
                decisions,
                {s.first_key + static_cast<uint64_t>(k), static_cast<uint32_t>(h), 0}});
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

// The softmax of a row's scores.
struct Softmax {
  KeyRange keys{};        // that the query sees
  double most = 0;        // q k^T's largest number
  double sum = 0;         // of the exponentials
  std::vector<double> p;  // of each key
};
void attend(Softmax& row, const AttentionShape& shape, const ConstNumbers& queries, const ConstNumbers& keys,
            const Head& at, int64_t i, int64_t position) {
  const double root = std::sqrt(at.size);
  row.keys = keys_of(shape, position, at.rows.length);
  row.p.assign(static_cast<size_t>(at.rows.length), 0);
  const std::span<double> seen =
      std::span(row.p).subspan(static_cast<size_t>(row.keys.begin), static_cast<size_t>(row.keys.end - row.keys.begin));
  for (int64_t j = row.keys.begin; j < row.keys.end; ++j)
    for (int64_t c = 0; c < at.size; ++c) row.p[static_cast<size_t>(j)] += queries[at.q(i, c)] * keys[at.k(j, c)];
  row.most = *std::max_element(seen.begin(), seen.end());
  row.sum = 0;
  for (double& value : seen) row.sum += value = std::exp(value / root - row.most / root);
  for (double& value : seen) value /= row.sum;
}

}  // namespace

void RefBackend::run(const verb::Attention& op) {
  const ConstNumbers queries(op.q), others(op.kv ? op.kv : op.q);
  const Numbers out(op.y);
  for_heads(op.y.dim[1], static_cast<bool>(op.kv), op.shape.heads, op.s, [&](const Head& at) {
    Softmax row;
    std::vector<double> mixed(static_cast<size_t>(at.size));
    for (int64_t i = at.rows.begin; i < at.rows.end; ++i) {
      const int64_t position = position_of(op.s, at, i);
      attend(row, op.shape, queries, others, at, i, position);
      float* const keeps = op.kept.f32() + 2 * (i * op.shape.heads + at.row.head);
      keeps[0] = static_cast<float>(row.most);
      keeps[1] = static_cast<float>(1 / row.sum);
      std::fill(mixed.begin(), mixed.end(), 0.0);
      for (int64_t j = row.keys.begin; j < row.keys.end; ++j) {
        const double dropped = rounded(row.p[static_cast<size_t>(j)] * factor(op.drop, at, position, j), op.y.dtype);
        for (int64_t c = 0; c < at.size; ++c) mixed[static_cast<size_t>(c)] += dropped * others[at.v(j, c)];
      }
      for (int64_t c = 0; c < at.size; ++c) out.set(at.y(i, c), mixed[static_cast<size_t>(c)]);
    }
  });
}

void RefBackend::run(const verb::AttentionBackward& op) {
  const ConstNumbers queries(op.q), others(op.kv ? op.kv : op.q), d_out(op.d_y);
  const Numbers d_queries(op.d_q), d_others(op.d_kv ? op.d_kv : op.d_q);
  for_heads(op.d_y.dim[1], static_cast<bool>(op.kv), op.shape.heads, op.s, [&](const Head& at) {
    const int64_t length = at.rows.length;
    const auto cells = static_cast<size_t>(length * at.size);
    Softmax row;
    std::vector<double>& p = row.p;
    std::vector<double> own(static_cast<size_t>(at.size)), d_k(cells), d_v(cells), d_p(static_cast<size_t>(length));
    for (int64_t i = at.rows.begin; i < at.rows.end; ++i) {
      const int64_t position = position_of(op.s, at, i);
      attend(row, op.shape, queries, others, at, i, position);
      double inner = 0;
      for (int64_t j = row.keys.begin; j < row.keys.end; ++j) {
        const auto key = static_cast<size_t>(j);
        p[key] = rounded(static_cast<float>(p[key]), op.d_y.dtype);
        const double m = factor(op.drop, at, position, j), dropped = rounded(m * p[key], op.d_y.dtype);
        double sum = 0;
        for (int64_t c = 0; c < at.size; ++c) {
          sum += d_out[at.y(i, c)] * others[at.v(j, c)];
          d_v[static_cast<size_t>(j * at.size + c)] += dropped * d_out[at.y(i, c)];
        }
        d_p[key] = m * sum;
        inner += p[key] * d_p[key];
      }
      std::fill(own.begin(), own.end(), 0.0);
      for (int64_t j = row.keys.begin; j < row.keys.end; ++j) {
        const auto key = static_cast<size_t>(j);
        const double d_s = rounded(p[key] * (d_p[key] - inner) / std::sqrt(at.size), op.d_y.dtype);
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

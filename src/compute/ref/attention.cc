// Self-attention within each packed sequence, specified: for every sequence and head, p = softmax(q k^T / sqrt(d)) is
// kept, y = dropout(p) v. Backward, with m = dropout's factors: d_p = m (d_y v^T), d_s = p (d_p - sum_keys(p d_p)), d_q
// = d_s k / sqrt(d), d_k = d_s^T q / sqrt(d), d_v = (m p)^T d_y.
#include <algorithm>
#include <cmath>
#include <vector>

#include "compute/ref/ref.h"

namespace tekio {
namespace {

// One sequence and head: where its numbers lie.
struct Head {
  int64_t begin, length, size, width;  // first token, T, d, C
  const float *q, *k, *v;              // of token 0 of the sequence; rows are 3C apart
  int64_t kept;                        // where its [T,T] block begins in `kept`
  uint64_t key;
  uint32_t index;
};

template <typename Body>
void for_heads(ConstTensor qkv, int64_t heads, const Sequences& s, const Body& body) {
  int64_t kept = 0;
  const int64_t width = qkv.dim[1] / 3, size = width / heads;
  for (int64_t k = 0; k < s.count(); ++k) {
    const int64_t begin = s.offsets[static_cast<size_t>(k)], length = s.offsets[static_cast<size_t>(k) + 1] - begin;
    for (int64_t h = 0; h < heads; ++h, kept += length * length) {
      const float* q = qkv.f32() + begin * 3 * width + h * size;
      body(Head{begin, length, size, width, q, q + width, q + 2 * width, kept, s.first_key + static_cast<uint64_t>(k),
                static_cast<uint32_t>(h)});
    }
  }
}

double dot(const float* a, const float* b, int64_t size) {
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

double factor(const Dropout& drop, const Head& head, int64_t query, int64_t key) {
  return dropout_factor(drop, {head.key, head.index, static_cast<uint32_t>(query)}, key,
                        head.kept + query * head.length + key);
}

}  // namespace

void RefBackend::do_attention(Tensor y, Tensor kept, ConstTensor qkv, int64_t heads, const Sequences& s,
                              const Dropout& drop) {
  for_heads(qkv, heads, s, [&](const Head& at) {
    std::vector<double> p(static_cast<size_t>(at.length)), mixed(static_cast<size_t>(at.size));
    for (int64_t i = 0; i < at.length; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < at.length; ++j)
        p[static_cast<size_t>(j)] = dot(at.q + i * 3 * at.width, at.k + j * 3 * at.width, at.size) / std::sqrt(at.size);
      const double most = *std::max_element(p.begin(), p.end());
      for (double& value : p) sum += value = std::exp(value - most);
      std::fill(mixed.begin(), mixed.end(), 0.0);
      for (int64_t j = 0; j < at.length; ++j) {
        const double probability = p[static_cast<size_t>(j)] / sum, dropped = probability * factor(drop, at, i, j);
        kept.f32()[at.kept + i * at.length + j] = static_cast<float>(probability);
        for (int64_t c = 0; c < at.size; ++c) mixed[static_cast<size_t>(c)] += dropped * at.v[j * 3 * at.width + c];
      }
      float* out = y.f32() + (at.begin + i) * at.width + at.index * at.size;
      for (int64_t c = 0; c < at.size; ++c) out[c] = static_cast<float>(mixed[static_cast<size_t>(c)]);
    }
  });
}

void RefBackend::do_attention_backward(Tensor d_qkv, ConstTensor d_y, ConstTensor kept, ConstTensor qkv, int64_t heads,
                                       const Sequences& s, const Dropout& drop) {
  for_heads(qkv, heads, s, [&](const Head& at) {
    const auto cells = static_cast<size_t>(at.length * at.size);
    std::vector<double> d_q(cells), d_k(cells), d_v(cells), d_p(static_cast<size_t>(at.length));
    for (int64_t i = 0; i < at.length; ++i) {
      const float* d_out = d_y.f32() + (at.begin + i) * at.width + at.index * at.size;
      const float* p = kept.f32() + at.kept + i * at.length;
      double inner = 0;
      for (int64_t j = 0; j < at.length; ++j) {
        const double m = factor(drop, at, i, j);
        d_p[static_cast<size_t>(j)] = m * dot(d_out, at.v + j * 3 * at.width, at.size);
        inner += p[j] * d_p[static_cast<size_t>(j)];
        for (int64_t c = 0; c < at.size; ++c) d_v[static_cast<size_t>(j * at.size + c)] += m * p[j] * d_out[c];
      }
      for (int64_t j = 0; j < at.length; ++j) {
        const double d_s = p[j] * (d_p[static_cast<size_t>(j)] - inner) / std::sqrt(at.size);
        for (int64_t c = 0; c < at.size; ++c) {
          d_q[static_cast<size_t>(i * at.size + c)] += d_s * at.k[j * 3 * at.width + c];
          d_k[static_cast<size_t>(j * at.size + c)] += d_s * at.q[i * 3 * at.width + c];
        }
      }
    }
    for (int64_t i = 0; i < at.length; ++i) {
      float* out = d_qkv.f32() + (at.begin + i) * 3 * at.width + at.index * at.size;
      for (int64_t c = 0; c < at.size; ++c) {
        const auto cell = static_cast<size_t>(i * at.size + c);
        out[c] = static_cast<float>(d_q[cell]);
        out[at.width + c] = static_cast<float>(d_k[cell]);
        out[2 * at.width + c] = static_cast<float>(d_v[cell]);
      }
    }
  });
}

}  // namespace tekio

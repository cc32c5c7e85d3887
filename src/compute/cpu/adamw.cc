// AdamW over a flat piece: one pass, bound by memory (28 bytes a parameter), to the bit what compute/adamw.h says.
#include "compute/adamw.h"

#include "compute/cpu/cpu_backend.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/cpu/adamw.cc"
#include <hwy/foreach_target.h>

#include "compute/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tekio::HWY_NAMESPACE {

void adamw_piece(float* p, float* m, float* v, const float* g, int64_t count, float gradient_scale,
                 const AdamWCoefficients& k) {
  int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR  // where MulAdd rounds once, as std::fma does
  const auto lanes = static_cast<int64_t>(hn::Lanes(F()));
  const VF scale = set(gradient_scale), decay = set(k.decay), beta2 = set(k.beta2), epsilon = set(k.epsilon);
  const VF one_minus_beta1 = set(k.one_minus_beta1), one_minus_beta2 = set(k.one_minus_beta2);
  const VF step_size = set(k.step_size), correction2_root = set(k.correction2_root);
  for (const Whole io; i + lanes <= count; i += lanes) {
    const VF gradient = hn::Mul(io.load(g + i), scale), m_before = io.load(m + i);
    const VF m_now = hn::MulAdd(one_minus_beta1, hn::Sub(gradient, m_before), m_before);
    const VF v_now = hn::MulAdd(hn::Mul(one_minus_beta2, gradient), gradient, hn::Mul(beta2, io.load(v + i)));
    const VF below = hn::Add(hn::Div(hn::Sqrt(v_now), correction2_root), epsilon);
    io.store(m_now, m + i);
    io.store(v_now, v + i);
    io.store(hn::Sub(hn::Mul(io.load(p + i), decay), hn::Div(hn::Mul(step_size, m_now), below)), p + i);
  }
#endif
  for (; i < count; ++i) adamw_element(p[i], m[i], v[i], g[i], gradient_scale, k);
}

}  // namespace tekio::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tekio {
HWY_EXPORT(adamw_piece);

void CpuBackend::run(const verb::AdamW& op) {
  const auto& clipping = *reinterpret_cast<const Clipping*>(op.clipping.f64());
  if (!is_taken(clipping)) return;
  const AdamWCoefficients coefficients(op.step);
  for_pieces(op.parameters.numel(), 1 << 16, [&](int64_t begin, int64_t end, int) {
    HWY_DYNAMIC_DISPATCH(adamw_piece)
    (op.parameters.f32() + begin, op.moment1.f32() + begin, op.moment2.f32() + begin, op.gradients.f32() + begin,
     end - begin, static_cast<float>(clipping.scale), coefficients);
  });
}

}  // namespace tekio
#endif  // HWY_ONCE

// Back ends made of others: one that hands every verb on, the base of those that watch or change some of them, and what
// makes one template out of a function a verb, for those that treat all alike.
#pragma once

#include <string>

#include "compute/backend.h"

namespace tekio {

/// A back end of this base that changes some verbs only needs `using ForwardingBackend::run;` beside its own.
class ForwardingBackend : public Backend {
 public:
  /// `inner` must outlive this.
  explicit ForwardingBackend(Backend& inner) : inner_(inner) {}
  std::string name() const override { return inner_.name(); }
  Bf16 bf16_products() const override { return inner_.bf16_products(); }
  std::vector<std::string> bf16_kernels() const override { return inner_.bf16_kernels(); }
  void use_bf16_kernel(const std::string& name) override { inner_.use_bf16_kernel(name); }
  Memory& memory() override { return inner_.memory(); }
  void wait() override { inner_.wait(); }
  int64_t rows_to_compute(int64_t rows, int64_t most) const override { return inner_.rows_to_compute(rows, most); }
  int64_t logits_width(int64_t vocabulary) const override { return inner_.logits_width(vocabulary); }
  int64_t matrix_bytes(int64_t rows, int64_t columns) const override { return inner_.matrix_bytes(rows, columns); }

 protected:
#define TEKIO_HAND_ON(Verb) \
  void run(const verb::Verb& op) override { inner_.run(op); }
  TEKIO_FOR_EACH_VERB(TEKIO_HAND_ON)
#undef TEKIO_HAND_ON

 private:
  Backend& inner_;
};

/// Runs every verb by Derived::run_any(op), a template or what overloads it. Base: Backend, or a back end of others.
template <typename Derived, typename Base>
class EveryVerbAlike : public Base {
 protected:
  using Base::Base;

#define TEKIO_RUN_ANY(Verb) \
  void run(const verb::Verb& op) override { static_cast<Derived*>(this)->run_any(op); }
  TEKIO_FOR_EACH_VERB(TEKIO_RUN_ANY)
#undef TEKIO_RUN_ANY
};

}  // namespace tekio

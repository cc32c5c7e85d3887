// One table an activation, filled from the specification's formulas.
#include "compute/cpu/activation_table.h"

#include <array>
#include <bit>
#include <memory>
#include <mutex>

#include "compute/activation.h"

namespace tekio {

const uint32_t* activation_table(Activation act) {
  constexpr size_t kActivations = static_cast<size_t>(Activation::mish) + 1, kNumbers = 1 << 16;
  static std::array<std::once_flag, kActivations> made;
  static std::array<std::unique_ptr<uint32_t[]>, kActivations> tables;
  const auto i = static_cast<size_t>(act);
  std::call_once(made[i], [&] {
    tables[i] = std::make_unique<uint32_t[]>(kNumbers);
    for (uint32_t bits = 0; bits < kNumbers; ++bits) {
      const auto [value, slope] = activation_at(act, double{std::bit_cast<float>(bits << 16)});
      tables[i][bits] =
          static_cast<uint32_t>(bf16(static_cast<float>(slope)).bits) << 16 | bf16(static_cast<float>(value)).bits;
    }
  });
  return tables[i].get();
}

}  // namespace tekio

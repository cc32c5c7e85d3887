#include "model/kept_rates.h"

#include <xxhash.h>

#include <cmath>

#include "base/cache_folder.h"
#include "base/error.h"
#include "base/file.h"

namespace tekio {
namespace {

std::string name_of_file(const Json& key) {
  const std::string text = key.dump();
  return fmt::format("{:016x}.json", XXH3_64bits(text.data(), text.size()));
}

}  // namespace

KeptRates::KeptRates(fs::path folder, Json key)
    : folder_(std::move(folder)), path_(folder_ / name_of_file(key)), key_(std::move(key)) {}

std::optional<std::vector<StepRate>> KeptRates::read() const {
  constexpr size_t kMostBytes = 1 << 16;
  try {
    const Json document = parse_json(read_text(path_, kMostBytes), "");
    if (document.at("key") != key_) return std::nullopt;
    std::vector<StepRate> rates;
    for (const Json& rate : document.at("rates")) {
      const auto dtype = rate.at("dtype").get<std::string>();
      const auto gflops = rate.at("gflops").get<double>();
      if ((dtype != "f32" && dtype != "bf16") || !std::isfinite(gflops) || gflops <= 0) return std::nullopt;
      rates.push_back({{dtype == "f32" ? DType::f32 : DType::bf16, rate.at("kernel").get<std::string>()}, gflops});
    }
    return rates;
  } catch (const std::exception&) {  // whatever is wrong with it, it is measured anew
    return std::nullopt;
  }
}

void KeptRates::write(const std::vector<StepRate>& rates) const {
  Json document = {{"key", key_}, {"rates", Json::array()}};
  for (const StepRate& rate : rates)
    document["rates"].push_back(
        {{"dtype", tekio::name_of(rate.arithmetic.type)}, {"kernel", rate.arithmetic.kernel}, {"gflops", rate.gflops}});
  if (make_private_folder(folder_).empty()) write_atomically(path_, pretty_json(document));
}

}  // namespace tekio

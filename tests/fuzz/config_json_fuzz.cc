// config.json: any bytes give a valid configuration or are refused; a valid one writes itself as one that reads back.
#include "base/json.h"
#include "fuzz.h"
#include "model/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  return fuzz::refused_or_done([&] {
    const auto config = ModelConfig::from_json(parse_json(fuzz::as_text(data, size), "config.json"), "config.json");
    const auto again = ModelConfig::from_json(parse_json(config.to_json(), "written"), "written");
    if (again.width != config.width || again.layers != config.layers || again.vocabulary != config.vocabulary)
      std::abort();
  });
}

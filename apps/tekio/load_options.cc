#include "load_options.h"

namespace tekio::cli {

void add_spellings_of_devices(Option& device) {
  device.one_of({"auto", "cpu", "cuda", "ref"}).numbered_too("cuda").spelled_also("gpu", "cuda");
}

void add_spellings_of_dtypes(Option& dtype) {
  dtype.spelled_also("float32", "f32").spelled_also("fp32", "f32").spelled_also("bfloat16", "bf16");
  for (const char* half : {"float16", "fp16", "f16"})
    dtype.refusing(half,
                   "its range is too small to train without scaling losses; bf16 has float32's range: --dtype bf16");
}

}  // namespace tekio::cli

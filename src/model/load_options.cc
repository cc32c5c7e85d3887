#include "model/load_options.h"

namespace tekio {

const Names<NumberFormat>& number_format_names() {
  static const Names<NumberFormat> names = {
      {"auto", NumberFormat::automatic}, {"f32", NumberFormat::f32}, {"bf16", NumberFormat::bf16}};
  return names;
}

}  // namespace tekio

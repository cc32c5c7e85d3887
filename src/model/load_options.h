// The options of opening a model, described: see base/option_text.h.
#pragma once

#include <tekio/masked_lm.h>

#include "base/option_text.h"

namespace tekio {

const Names<NumberFormat>& number_format_names();

template <typename Options, typename Walker>
void walk_load_options(Options& o, Walker& walk) {
  walk.option({"device", "what computes (gpu is cuda; cuda:1 the second GPU); auto: the processor"}, o.device);
  walk.choice({"dtype",
               "dtype of the arithmetic (also float32, fp32, bfloat16); auto: for training, evaluation and "
               "serving what is measured to be faster here, else f32"},
              o.dtype, number_format_names());
  walk.option(
      {"threads", "processor threads; 0: as many as this process may use", OptionRange::at_least(0).at_most(1024)},
      o.threads);
  walk.option({"seed", "decides every random choice", OptionRange::at_least(0).at_most(4294967295.0)}, o.seed);
}

}  // namespace tekio

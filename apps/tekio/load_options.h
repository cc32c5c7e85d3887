// --device, --dtype, --threads, --seed: of all commands, and of Python's from_pretrained().
#pragma once

#include "bind_options.h"
#include "model/load_options.h"

namespace tekio::cli {

/// The command line's spellings of them, and what is said of values that it does not take.
void add_spellings_of_devices(Option& device);
void add_spellings_of_dtypes(Option& dtype);

/// `options` has the members of LoadOptions. Without dtype where the table has an option of that name.
template <typename Options>
void add_load_options(OptionTable& table, Options& options) {
  const bool has_dtype = table.has("dtype");
  BindOptions bind(table, has_dtype ? BindOptions::Instead{{"dtype", nullptr}} : BindOptions::Instead{});
  walk_load_options(options, bind);
  add_spellings_of_devices(table.at("device"));
  if (!has_dtype) add_spellings_of_dtypes(table.at("dtype"));
}

}  // namespace tekio::cli

// Models: logits of many sequences, weights where they lie, masks filled.
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "binding.h"
#include "dist/rank_sums.h"
#include "hub/locate.h"
#include "interrupts.h"
#include "load_options.h"
#include "named_options.h"
#include "path.h"
#include "values.h"

namespace tekio::python {
namespace {

/// LoadOptions by name, with the command line's spellings.
struct LoadArguments : NamedOptions {
  LoadArguments() : NamedOptions("from_pretrained") { cli::add_load_options(table_, values); }
  LoadOptions values;
};

/// A process that is one of several has a GPU of its own.
LoadOptions own(LoadOptions options) {
  if (options.device == "cuda") options.device = own_device(processes(), options.device);
  return options;
}

nb::object info_of(const MaskedLM& model) { return value_of(to_json(model.info())); }

using Numbers = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

/// Logits [tokens, vocabulary] of sequences that lie one after the other, `offsets` where each begins and the last
/// ends.
nb::object logits_of(const MaskedLM& model, const Numbers& ids, const Numbers& types, const Numbers& offsets) {
  const auto span = [](const Numbers& numbers) { return std::span(numbers.data(), numbers.shape(0)); };
  std::vector<float> logits;
  {
    const ReleasedCall released;
    logits = model.logits_of({.input_ids = span(ids), .offsets = span(offsets), .type_ids = span(types)});
  }
  const size_t tokens = ids.shape(0), width = tokens == 0 ? 0 : logits.size() / tokens;
  return array_of(std::move(logits), {tokens, width});
}

/// Arrays of the weights where they lie, which must not be written to. They keep what they point at.
nb::dict state_dict_of(const MaskedLM& model) {
  std::vector<WeightView> weights;
  {
    const ReleasedCall released;  // whoever has the model may be waiting for Python's lock
    weights = model.state_dict();
  }
  nb::dict dict;
  for (const WeightView& weight : weights) {
    const nb::capsule owner(new std::shared_ptr<const void>(weight.owner),
                            [](void* p) noexcept { delete static_cast<std::shared_ptr<const void>*>(p); });
    const std::vector<size_t> shape(weight.shape.begin(), weight.shape.end());
    dict[weight.name.c_str()] =
        nb::cast(nb::ndarray<nb::numpy, const float>(weight.values, shape.size(), shape.data(), owner));
  }
  return dict;
}

nb::list fill(const FillMask& fill_mask, const std::vector<std::string>& texts, int64_t top_k,
              const std::vector<std::string>& targets) {
  std::vector<std::vector<std::vector<Prediction>>> all;
  {
    const ReleasedCall released;
    all = fill_mask.all(texts, {.top_k = top_k, .targets = targets});
  }
  nb::list lists;
  for (const auto& masks : all) {
    nb::list of_text;
    for (const auto& predictions : masks) {
      nb::list of_mask;
      for (const Prediction& p : predictions)
        of_mask.append(
            dict_of({{"score", p.score}, {"token", p.token}, {"token_str", p.token_str}, {"sequence", p.sequence}}));
      of_text.append(of_mask);
    }
    lists.append(of_text);
  }
  return lists;
}

}  // namespace

void bind_model(nb::module_& m) {
  nb::class_<LoadArguments, NamedOptions>(m, "LoadOptions").def(nb::init<>());
  nb::class_<MaskedLM>(m, "MaskedLM")
      .def_static(
          "from_pretrained",
          [](const Path& name, const LoadArguments& options, bool offline, const Path& cache) {
            const std::filesystem::path folder =
                hub::model_folder(name.bytes, hub::model_files, {offline, cache.bytes});
            return MaskedLM::from_pretrained(folder.string(), own(options.values));
          },
          nb::arg("name"), nb::arg("options"), nb::arg("offline"), nb::arg("cache"), WithoutGil())
      .def_static(
          "from_config",
          [](const Path& config, const LoadArguments& options) {
            return MaskedLM::from_config(config.bytes, own(options.values));
          },
          nb::arg("config"), nb::arg("options"), WithoutGil())
      .def("num_parameters", &MaskedLM::num_parameters)
      .def("info", &info_of)
      .def("logits", &logits_of, nb::arg("ids"), nb::arg("types"), nb::arg("offsets"))
      .def("state_dict", &state_dict_of)
      .def("resize_token_embeddings", &MaskedLM::resize_token_embeddings, nb::arg("rows"), nb::arg("seed"),
           nb::call_guard<GilReleased>())
      .def(
          "save_pretrained", [](const MaskedLM& model, const Path& folder) { model.save_pretrained(folder.bytes); },
          nb::arg("folder"), WithoutGil());
  nb::class_<FillMask>(m, "FillMask")
      .def(nb::init<MaskedLM, Tokenizer>(), nb::arg("model"), nb::arg("tokenizer"))
      .def("all", &fill, nb::arg("texts"), nb::arg("top_k"), nb::arg("targets"));
}

}  // namespace tekio::python

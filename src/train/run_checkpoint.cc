// Files' checksums come from whoever writes them: nothing is read back for the record.
#include "train/run_checkpoint.h"

#include <fmt/ranges.h>
#include <tekio/masked_lm.h>
#include <algorithm>
#include <iterator>

#include "base/checksum.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/system_error.h"
#include "model/model_folder.h"
#include "model/safetensors.h"
#include "text/tables.h"
#include "train/model_lease.h"
#include "train/options_json.h"
#include "train/run_folder.h"

namespace tekio {
namespace {

constexpr int64_t kForm = 2, kOldestForm = 1;
constexpr const char* kStateFile = "training_state.json";
constexpr const char* kMoments = "optimizer.safetensors";
constexpr const char* kMaskingState = "masking_state.bin";
constexpr const char* kFirstMoment = "exp_avg.";
constexpr const char* kSecondMoment = "exp_avg_sq.";

/// Of a document's compact text: numbers and keys come back from a file as they went in.
std::string checksum_of_document(const Json& document) {
  const std::string text = document.dump(-1, ' ', false, Json::error_handler_t::replace);
  return checksum_text(checksum_of(std::as_bytes(std::span(text))));
}

Json describe(const std::vector<WrittenFile>& files) {
  Json described = Json::object();
  for (const WrittenFile& file : files)
    described[file.name] = {{"bytes", file.bytes}, {"xxh3", checksum_text(file.checksum)}};
  return described;
}

WrittenFile save_moments(const fs::path& path, const ParameterSet& moment1, const ParameterSet& moment2) {
  std::vector<TensorToSave> tensors;
  const auto add = [&](const ParameterSet& moments, const char* prefix) {
    for (const NamedTensor& named : moments.named()) {
      const ConstTensor& t = named.tensor;
      tensors.push_back(
          {prefix + named.name, "F32", {t.dim.begin(), t.dim.begin() + t.rank}, std::as_bytes(t.values())});
    }
  };
  add(moment1, kFirstMoment);
  add(moment2, kSecondMoment);
  return write_safetensors(path, std::move(tensors));
}

Json read_record(const fs::path& folder) {
  const std::string shown = printable(folder.string(), 300);
  if (!fs::is_directory(folder))
    fail({std::errc::no_such_file_or_directory, folder}, "there is no checkpoint {}", shown);
  if (!fs::is_regular_file(folder / kStateFile)) {
    if (fs::exists(folder / "optimizer.pt"))
      fail(ErrorKind::input,
           "{} is a checkpoint of Hugging Face transformers, whose optimizer state is not read; open it as a model "
           "to start from its weights",
           shown);
    fail(ErrorKind::input, "{} is no checkpoint: it has no {}", shown, kStateFile);
  }
  Json record = read_json(folder / kStateFile);
  const Json form = record.is_object() ? record.value("tekio_checkpoint", Json()) : Json();
  if (!form.is_number_integer() || form < kOldestForm || form > kForm || !record.value("files", Json()).is_object())
    fail(ErrorKind::input, "{} is not of a form that this version reads (tekio_checkpoint {} to {})",
         (folder / kStateFile).string(), kOldestForm, kForm);
  const Json written = record.value("xxh3", Json());
  record.erase("xxh3");
  if (written != checksum_of_document(record))
    fail(ErrorKind::input, "the checkpoint is damaged: {} is not what was written",
         printable((folder / kStateFile).string(), 300));
  return record;
}

Json state_of_form_1(const Json& record) {
  const Json& options = record.at("options");
  const bool compared = options.at("masking_rng") != "counter", words = options.at("whole_word_mask").get<bool>();
  return RunState::from_form_1(record.at("state"), compared ? MaskingRng::torch : MaskingRng::counter,
                               options.at(words ? "wwm_probability" : "mlm_probability").get<double>());
}

/// `numbers`: Chunks::ids or Chunks::word_ids.
std::string digest_of(const Chunks& chunks, std::vector<int32_t> (Chunks::*numbers)(int64_t) const) {
  constexpr int64_t kSample = 256;  // evenly spread: enough to tell two corpora, splits or tokenizers apart
  Checksum checksum;
  const int64_t count = std::min(kSample, chunks.size());
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<int32_t> some = (chunks.*numbers)(i * chunks.size() / count);
    checksum.add(std::as_bytes(std::span(some)));
  }
  return checksum_text(checksum.value());
}

}  // namespace

std::string digest_of_chunks(const Chunks& chunks) { return digest_of(chunks, &Chunks::ids); }

std::string digest_of_words(const Chunks& chunks, const MaskOptions& masking) {
  const bool by_words = masking.whole_word_mask || masking.masking == Masking::span;
  return by_words ? digest_of(chunks, &Chunks::word_ids) : "";
}

RunIdentity RunIdentity::of(const TrainingOptions& options, const Chunks::Split& data, const MaskedLM& model,
                            const Backend& backend, int ranks) {
  const Arithmetic& arithmetic = arithmetic_of(model, options.masking_rng).taken;
  Json recorded = options_to_json(options);
  recorded["dtype"] = name_of(arithmetic.type);
  recorded["bf16_kernel"] = arithmetic.kernel;
  if (ranks > 1) recorded[kWorldSize] = ranks;
  return {.options = std::move(recorded),
          .train_chunks = data.train.size(),
          .eval_chunks = data.test.size(),
          .train_digest = digest_of_chunks(data.train),
          .eval_digest = digest_of_chunks(data.test),
          .train_word_digest = digest_of_words(data.train, options),
          .eval_word_digest = digest_of_words(data.test, options),
          .family = model.info().family,
          .device = backend.name(),
          .dtype = name_of(arithmetic.type),
          .bf16_kernel = arithmetic.kernel,
          .parameters =
              std::as_const(MaskedLMImpl::of(model).model()).weights().count()};  // as checkpoints have always had it
}

void save_checkpoint(const fs::path& folder, const CheckpointParts& p) {
  write_folder_atomically(folder, [&](const fs::path& temporary) {
    std::vector<WrittenFile> files = save_model(temporary, p.config, p.weights);
    std::ranges::move(save_tokenizer(TokenizerTables::of(p.tokenizer), temporary), std::back_inserter(files));
    files.push_back(save_moments(temporary / kMoments, p.moment1, p.moment2));
    if (!p.masking_state.empty()) files.push_back(write_atomically(temporary / kMaskingState, p.masking_state));
    files.push_back(write_atomically(temporary / "trainer_state.json", p.trainer_state));
    Json record = {{"tekio_checkpoint", kForm},
                   {"options", p.identity.options},
                   {"data",
                    {{"train_chunks", p.identity.train_chunks},
                     {"train_digest", p.identity.train_digest},
                     {"eval_chunks", p.identity.eval_chunks},
                     {"eval_digest", p.identity.eval_digest},
                     {"train_word_digest", p.identity.train_word_digest},
                     {"eval_word_digest", p.identity.eval_word_digest}}},
                   {"model", {{"family", p.identity.family}, {"parameters", p.identity.parameters}}},
                   {"device", p.identity.device},
                   {"dtype", p.identity.dtype},
                   {"bf16_kernel", p.identity.bf16_kernel},
                   {"state", p.state.to_json()},
                   {"files", describe(files)}};
    record["xxh3"] = checksum_of_document(record);
    write_atomically(temporary / kStateFile, pretty_json(record));
  });
}

void verify_checkpoint(const fs::path& folder) {
  const Json record = read_record(folder);
  for (const auto& [name, file] : record.at("files").items()) {
    const fs::path path = folder / fs::path(name).filename();
    const std::string shown = printable(path.string(), 300);
    const JsonReader described(file, (folder / kStateFile).string());
    if (!fs::is_regular_file(path)) fail(ErrorKind::input, "the checkpoint is damaged: {} is missing", shown);
    const MappedFile mapped(path);
    const int64_t bytes = described.integer("bytes").value_or(-1);
    if (static_cast<int64_t>(mapped.size()) != bytes)
      fail(ErrorKind::input, "the checkpoint is damaged: {} has {} bytes, {} were written", shown, mapped.size(),
           bytes);
    const std::string found = checksum_text(checksum_of(mapped.bytes())),
                      expected = described.string("xxh3").value_or("");
    if (found != expected)
      fail(ErrorKind::input, "the checkpoint is damaged: {} is not what was written (checksum {}, expected {})", shown,
           found, printable(expected));
  }
  read_checkpoint(folder);  // a damaged record says so here, where another checkpoint can still be tried
}

CheckpointRecord read_checkpoint(const fs::path& folder) {
  const Json json = read_record(folder);
  const std::string where = (folder / kStateFile).string();
  CheckpointRecord record;
  try {
    record.identity = {.options = json.at("options"),
                       .train_chunks = json.at("data").at("train_chunks").get<int64_t>(),
                       .eval_chunks = json.at("data").at("eval_chunks").get<int64_t>(),
                       .train_digest = json.at("data").at("train_digest").get<std::string>(),
                       .eval_digest = json.at("data").at("eval_digest").get<std::string>(),
                       .train_word_digest = json.at("data").value("train_word_digest", ""),
                       .eval_word_digest = json.at("data").value("eval_word_digest", ""),
                       .family = json.at("model").at("family").get<std::string>(),
                       .device = json.at("device").get<std::string>(),
                       .dtype = json.at("dtype").get<std::string>(),
                       .bf16_kernel = json.value("bf16_kernel", ""),
                       .parameters = json.at("model").at("parameters").get<int64_t>()};
    record.form = json.at("tekio_checkpoint").get<int64_t>();
    record.state = RunState::from_json(record.form == 1 ? state_of_form_1(json) : json.at("state"), where);
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::input, "{} does not hold a run's state: {}", where, printable(error.what(), 200));
  }
  if (fs::exists(folder / kMaskingState)) record.masking_state = read_text(folder / kMaskingState);
  return record;
}

namespace {

/// Of the newest checkpoint that the options may resume and that can be read.
std::optional<RunIdentity> identity_to_resume(const TrainingOptions& options) {
  std::vector<fs::path> folders;
  if (options.resume_from_checkpoint == "auto")
    for (const int64_t step : checkpoints_in(options.output_dir))
      folders.insert(folders.begin(), checkpoint_in(options.output_dir, step));
  else if (!options.resume_from_checkpoint.empty())
    folders.emplace_back(options.resume_from_checkpoint);
  for (const fs::path& folder : folders) {
    try {
      return read_checkpoint(folder).identity;
    } catch (const std::exception&) {  // told when the run is taken up, or an older one goes on
    }
  }
  return std::nullopt;
}

}  // namespace

Json recorded_options(const TrainingOptions& options) {
  const std::optional<RunIdentity> before = identity_to_resume(options);
  return before ? before->options : Json();
}

void go_on_as_before(const MaskedLM& model, const TrainingOptions& options) {
  const std::optional<RunIdentity> before = identity_to_resume(options);
  if (before && before->device == MaskedLMImpl::of(model).model().backend().name())
    MaskedLMImpl::of(model).go_on_in(
        {before->dtype == name_of(DType::bf16) ? DType::bf16 : DType::f32, before->bf16_kernel});
}

void restore_weights(const fs::path& folder, const ModelConfig& config, ParameterSet& weights) {
  const LoadReport report = load_weights(folder, config, weights, /*seed=*/0);
  if (!report.missing.empty())
    fail(ErrorKind::input, "the checkpoint {} lacks {}: it was written for another model", folder.string(),
         report.missing.front());
}

void restore_moment(const fs::path& folder, Moment moment, ParameterSet& all) {
  const SafetensorsFile file(folder / kMoments);
  const std::string where = (folder / kMoments).string();
  const char* const prefix = moment == Moment::first ? kFirstMoment : kSecondMoment;
  for (const TensorToChange& named : all.named_to_change()) {
    const auto it = file.tensors().find(prefix + named.name);
    if (it == file.tensors().end())
      fail(ErrorKind::input, "{} lacks {}{}: it was written for another model", where, prefix, named.name);
    const Tensor& t = named.tensor;
    if (it->second.dtype != "F32" || it->second.shape != std::vector<int64_t>(t.dim.begin(), t.dim.begin() + t.rank))
      fail(ErrorKind::input, "{}{} in {} has shape [{}], expected {}: it was written for another model", prefix,
           named.name, where, fmt::join(it->second.shape, ", "), t.shape_text());
    to_float32(it->second, t.values(), where);
  }
}

void check_same_run(const RunIdentity& before, const RunIdentity& now, const std::string& where) {
  OptionChanges changes = compare_options(before.options, now.options);
  const auto compare_data = [&](const char* which, int64_t had, const std::string& had_digest, int64_t has,
                                const std::string& has_digest) {
    if (had != has || had_digest != has_digest)
      changes.forbidden.push_back(fmt::format("the {} data had {} chunks (digest {}) and has {} ({})", which, had,
                                              printable(had_digest), has, has_digest));
  };
  compare_data("training", before.train_chunks, before.train_digest, now.train_chunks, now.train_digest);
  compare_data("evaluation", before.eval_chunks, before.eval_digest, now.eval_chunks, now.eval_digest);
  const auto compare_words = [&](const char* which, const std::string& had, const std::string& has) {
    if (!had.empty() && !has.empty() && had != has)
      changes.forbidden.push_back(fmt::format("the {} data's words began elsewhere", which));
  };
  compare_words("training", before.train_word_digest, now.train_word_digest);
  compare_words("evaluation", before.eval_word_digest, now.eval_word_digest);
  if (before.family != now.family || before.parameters != now.parameters)
    changes.forbidden.push_back(fmt::format("the model was a {} of {} parameters and is a {} of {}",
                                            printable(before.family), with_commas(before.parameters), now.family,
                                            with_commas(now.parameters)));
  if (before.device != now.device)
    changes.told.push_back(fmt::format("the device was {} and is {}", printable(before.device), now.device));
  if (before.dtype != now.dtype)
    changes.told.push_back(fmt::format("the number format was {} and is {}", printable(before.dtype), now.dtype));
  else if (before.bf16_kernel != now.bf16_kernel && !before.bf16_kernel.empty())
    changes.told.push_back(
        fmt::format("bf16 was multiplied by {} and is by {}", printable(before.bf16_kernel), now.bf16_kernel));
  if (!changes.forbidden.empty())
    fail(ErrorKind::usage,
         "{} cannot be resumed, since it is of another run: {}; give what it was written with, or begin anew", where,
         fmt::join(changes.forbidden, ", "));
  if (!changes.told.empty())
    warn(fmt::format("resuming {} with changes, so the run will not end with the bits it would have had: {}", where,
                     fmt::join(changes.told, ", ")));
}

}  // namespace tekio

// The public face of a model: opening a folder, telling what it lacked, starting afresh, saving. Everything else is
// MlmNetwork's.
#include <tekio/masked_lm.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/system_error.h"
#include "hub/locate.h"
#include "model/family.h"
#include "model/masked_lm.h"
#include "model/modern_config.h"
#include "model/vocabulary.h"

namespace tekio {
namespace {

int checked_threads(const LoadOptions& options) {
  if (options.threads < 0) fail(ErrorKind::usage, "{} threads; expected 0 (all processors) or more", options.threads);
  return options.threads;
}

OpenedFolder open_folder(const std::string& folder) {
  if (!std::filesystem::is_directory(folder))
    fail({std::filesystem::exists(folder) ? std::errc::not_a_directory : std::errc::no_such_file_or_directory, folder},
         "no model folder {}", printable(folder, 300));
  return open_model_folder(folder);
}

ModelConfig read_config_alone(const std::string& config) {
  if (std::filesystem::is_directory(config)) return ModelConfig::from_folder(config);
  if (!std::filesystem::exists(config))
    fail({std::errc::no_such_file_or_directory, config}, "no model config {}", printable(config, 300));
  return ModelConfig::from_json(read_json(config), printable(config, 300));
}

// Told before it is asked for: a config.json may ask for any amount, and no smaller batch helps then.
ModelConfig with_room(ModelConfig config, Backend& backend, const std::string& folder) {
  const int64_t bytes = ParameterSet::bytes(config);
  const std::optional<int64_t> available = backend.memory().on_host() ? available_memory() : std::nullopt;
  if (available && bytes > *available)
    fail(ErrorKind::device,
         "{}: the config asks for {} layers of width {} and {} words, whose weights take {} of memory, but only {} are "
         "free; take a smaller model",
         printable(folder, 300), with_commas(config.layers), with_commas(config.width), with_commas(config.vocabulary),
         bytes_text(static_cast<uint64_t>(bytes)), bytes_text(static_cast<uint64_t>(*available)));
  return config;
}

void report_loading(const LoadReport& report, const ModelConfig& config, const std::string& folder, uint64_t seed) {
  const std::string where = printable(folder, 300);
  for (const std::string& sentence : config.notes) note(sentence);
  for (const std::string& sentence : report.notes) warn(sentence);
  if (const std::string missing = report.missing_sentence(config, where, seed); !missing.empty()) warn(missing);
  if (const std::string unexpected = report.unexpected_sentence(where); !unexpected.empty()) note(unexpected);
}

}  // namespace

MaskedLMImpl::MaskedLMImpl(const std::string& folder, const LoadOptions& options)
    : MaskedLMImpl(folder, options, [&](ThreadPool& pool) { return make_backend(options.device, pool); }) {}

MaskedLMImpl::MaskedLMImpl(const std::string& folder, const LoadOptions& options, const MakeBackend& make)
    : MaskedLMImpl(open_folder(folder), folder, options, make) {}

MaskedLMImpl::MaskedLMImpl(OpenedFolder opened, const std::string& folder, const LoadOptions& options,
                           const MakeBackend& make)
    : path_(folder),
      pretrained_(true),
      format_(options.dtype),
      pool_(checked_threads(options)),
      backend_(make(pool_)),
      model_(with_room(std::move(opened.config), *backend_, folder), *backend_),
      report_(load_weights(opened.files, model_.config(), model_.weights(), options.seed, Reading::borrowed)) {
  report_loading(report_, model_.config(), folder, options.seed);
  if (format_ == NumberFormat::bf16) arithmetic(/*compared=*/false);  // filling masks asks no more
}

MaskedLMImpl::MaskedLMImpl(ModelConfig config, std::string path, const LoadOptions& options)
    : path_(std::move(path)),
      pretrained_(false),
      format_(options.dtype),
      pool_(checked_threads(options)),
      backend_(make_backend(options.device, pool_)),
      model_(with_room(std::move(config), *backend_, path_), *backend_) {
  if (format_ == NumberFormat::bf16) arithmetic(/*compared=*/false);
  initialize_weights(model_.config(), model_.weights(), options.seed);
  for (const std::string& sentence : model_.config().notes) note(sentence);
}

const ArithmeticChoice& MaskedLMImpl::arithmetic(bool compared) {
  const std::lock_guard lock(choice_mutex_);
  std::optional<ArithmeticChoice>& choice = choices_[compared ? 1 : 0];
  if (!choice) {
    choice =
        choose_arithmetic(format_, *backend_, compared, [&] { return step_rates(model_.config(), pool_.threads()); });
    if (!choice->taken.kernel.empty()) backend_->use_bf16_kernel(choice->taken.kernel);
  }
  return *choice;
}

const ArithmeticChoice& MaskedLMImpl::fill_in_fastest() {
  const ArithmeticChoice& choice = arithmetic(/*compared=*/false);
  const std::lock_guard lock(mutex_);
  filling_ = choice.taken.type;
  return choice;
}

void MaskedLMImpl::go_on_in(const Arithmetic& arithmetic) {
  const DType asked = format_ == NumberFormat::bf16 ? DType::bf16 : DType::f32;
  if (format_ != NumberFormat::automatic && asked != arithmetic.type) return;
  const std::vector<std::string> here = backend_->bf16_kernels();
  if (arithmetic.kernel.empty() ? arithmetic.type == DType::bf16 && (!backend_->has_bf16() || !here.empty())
                                : std::ranges::find(here, arithmetic.kernel) == here.end())
    return;
  const std::lock_guard lock(choice_mutex_);
  for (std::optional<ArithmeticChoice>& choice : choices_)
    choice = {arithmetic, "the run that is resumed was begun in it", {}};
  if (!arithmetic.kernel.empty()) backend_->use_bf16_kernel(arithmetic.kernel);
}

void MaskedLMImpl::check_tokenizer(const Tokenizer& tokenizer) {
  const int64_t entries = tokenizer.vocabulary_size();
  if (entries == checked_entries_) return;
  (pretrained_ ? check_vocabulary : check_new_vocabulary)(tokenizer, model_.config(), path_);
  checked_entries_ = entries;
}

std::span<const float> MaskedLMImpl::logits(const Batch& batch) { return on_host(run(batch)); }

std::span<const float> MaskedLMImpl::probabilities(const Batch& batch) {
  const Tensor rows = in_float32(run(batch));
  backend_->softmax_rows(rows, model_.config().vocabulary);
  return on_host(rows);
}

std::shared_ptr<const void> MaskedLMImpl::lend_weights(std::shared_ptr<MaskedLMImpl> self) {
  if (auto lent = lent_.lock()) return lent;
  struct Lent {
    std::shared_ptr<MaskedLMImpl> model;
    std::vector<std::shared_ptr<const void>> files;  // that they may be read from
  };
  const auto made = std::make_shared<const Lent>(Lent{std::move(self), std::as_const(model_).weights().owners()});
  lent_ = made;
  return made;
}

Tensor MaskedLMImpl::run(const Batch& batch) {
  if (!model_.fits(batch, filling_)) {
    int64_t longest = 0;
    for (size_t k = 0; k + 1 < batch.offsets.size(); ++k)
      longest = std::max<int64_t>(longest, batch.offsets[k + 1] - batch.offsets[k]);
    // In steps, so that texts of many lengths do not each ask for memory of their own.
    const BatchLimits limits = {.sequences = batch.sequences(),
                                .length = (longest + 63) / 64 * 64,
                                .masked_rows = (static_cast<int64_t>(batch.masked_rows.size()) + 7) / 8 * 8};
    if (longest <= model_.config().longest_input())  // else MlmNetwork refuses it, before it costs memory
      model_.prepare(limits, /*training=*/false, filling_);
  }
  return model_.logits(batch);
}

/// A number for each entry of the vocabulary, for the processor to read: where they lie, if it can.
std::span<const float> MaskedLMImpl::on_host(const Tensor& rows) {
  Memory& memory = backend_->memory();
  const int64_t width = rows.dim[1], vocabulary = model_.config().vocabulary;
  if (rows.dtype == DType::f32 && memory.on_host() && width == vocabulary) return rows.values();
  const auto count = static_cast<size_t>(rows.numel());
  if (rows.dtype == DType::f32) {
    host_rows_.resize(count);
    memory.read(host_rows_.data(), rows.data, rows.bytes());
  } else {
    std::vector<bf16> halves(count);
    memory.read(halves.data(), rows.data, rows.bytes());
    host_rows_.assign(halves.begin(), halves.end());
  }
  for (int64_t row = 1; row < rows.dim[0] && width != vocabulary; ++row)
    std::copy_n(host_rows_.begin() + row * width, vocabulary, host_rows_.begin() + row * vocabulary);
  host_rows_.resize(static_cast<size_t>(rows.dim[0] * vocabulary));
  return host_rows_;
}

/// The same numbers for verbs that work on float32 alone.
Tensor MaskedLMImpl::in_float32(const Tensor& rows) {
  if (rows.dtype == DType::f32) return rows;
  const std::initializer_list<int64_t> shape = {rows.dim[0], model_.config().vocabulary};
  float32_rows_ = Arena(Arena::size_of_tensor(DType::f32, shape), "scores", backend_->memory());
  const Tensor wide = float32_rows_.take(DType::f32, shape);
  backend_->memory().write(wide.data, on_host(rows).data(), wide.bytes());
  return wide;
}

MaskedLM::MaskedLM(std::shared_ptr<MaskedLMImpl> impl) : impl_(std::move(impl)) {}

MaskedLM MaskedLM::from_pretrained(const std::string& folder, const LoadOptions& options) {
  return MaskedLM(std::make_shared<MaskedLMImpl>(hub::model_folder(folder, hub::model_files).string(), options));
}

MaskedLM MaskedLM::from_config(const std::string& config, const LoadOptions& options) {
  return MaskedLM(std::make_shared<MaskedLMImpl>(read_config_alone(config), config, options));
}

// The reference's untied head has two biases of one size, which are one here, and two in files: save_model().
int64_t MaskedLM::num_parameters() const {
  const ModelConfig& config = impl_->model().config();
  const bool two_biases = !config.tied && table_of(config.family).names.decoder_bias != nullptr;
  return std::as_const(impl_->model()).weights().count() + (two_biases ? config.vocabulary : 0);
}

ModelInfo MaskedLM::info() const {
  const ModelConfig& config = impl_->model().config();
  return {.path = impl_->path(),
          .family = table_of(config.family).shown,
          .layers = config.layers / config.inner_layers,
          .hidden_size = config.width,
          .heads = config.heads,
          .intermediate_size = config.inner,
          .vocabulary = config.vocabulary,
          .max_length = config.longest_input(),
          .parameters = num_parameters(),
          .missing = impl_->report().missing,
          .unexpected = impl_->report().unexpected};
}

void MaskedLM::resize_token_embeddings(int64_t rows, uint64_t seed) {
  const std::lock_guard lock(impl_->mutex());
  MlmNetwork& model = impl_->model();
  if (rows > model.config().vocabulary && impl_->weights_are_lent())
    fail(ErrorKind::usage,
         "resize_token_embeddings moves the weights, but what state_dict() gave still points at them; let go of it "
         "first");
  if (rows < model.config().vocabulary)
    fail(ErrorKind::usage, "resize_token_embeddings to {} rows; the model has {}, and rows are not removed", rows,
         model.config().vocabulary);
  if (rows > model.config().vocabulary) model.grow_vocabulary(rows, seed, impl_->pool());
}

namespace {

constexpr int32_t kPassTokens = 1024;  // all of their logits are in memory at once

void check_sequences(const PackedSequences& sequences) {
  const auto& [ids, offsets, types] = sequences;
  if (!types.empty() && types.size() != ids.size())
    fail(ErrorKind::input, "{} token types for {} tokens", types.size(), ids.size());
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != static_cast<int64_t>(ids.size()))
    fail(ErrorKind::input, "the sequences' offsets must go from 0 to {}, the number of tokens", ids.size());
  for (size_t i = 1; i < offsets.size(); ++i)
    if (offsets[i] <= offsets[i - 1])
      fail(ErrorKind::input, "sequence {} begins at token {} and ends at {}; expected at least one token", i - 1,
           offsets[i - 1], offsets[i]);
}

/// Sequences [first, last), every token of which is looked at.
Batch all_rows_of(const PackedSequences& sequences, size_t first, size_t last) {
  const int32_t begin = sequences.offsets[first], end = sequences.offsets[last];
  const auto part = [&](std::span<const int32_t> numbers) {
    return std::vector(numbers.begin() + begin, numbers.begin() + end);
  };
  Batch batch{.input_ids = part(sequences.input_ids)};
  if (!sequences.type_ids.empty()) batch.type_ids = part(sequences.type_ids);
  for (size_t i = first; i <= last; ++i) batch.offsets.push_back(sequences.offsets[i] - begin);
  batch.masked_rows.resize(batch.input_ids.size());
  std::iota(batch.masked_rows.begin(), batch.masked_rows.end(), 0);
  batch.labels.assign(batch.input_ids.size(), 0);  // of no use here
  return batch;
}

}  // namespace

std::vector<float> MaskedLM::logits_of(const PackedSequences& sequences) const {
  check_sequences(sequences);
  std::vector<float> logits;
  const std::span<const int32_t> offsets = sequences.offsets;
  for (size_t first = 0; first + 1 < offsets.size();) {
    size_t last = first + 1;
    while (last + 1 < offsets.size() && offsets[last + 1] - offsets[first] <= kPassTokens) ++last;
    const Batch batch = all_rows_of(sequences, first, last);
    const std::lock_guard lock(impl_->mutex());
    const std::span<const float> rows = impl_->logits(batch);
    if (first == 0) logits.reserve(rows.size() / batch.input_ids.size() * sequences.input_ids.size());
    logits.insert(logits.end(), rows.begin(), rows.end());
    first = last;
  }
  return logits;
}

std::vector<float> MaskedLM::logits(std::span<const int32_t> ids, std::span<const int32_t> type_ids) const {
  const std::vector<int32_t> offsets = {0, static_cast<int32_t>(ids.size())};
  const auto sequences = std::span(offsets).first(ids.empty() ? 1 : 2);
  return logits_of({.input_ids = ids, .offsets = sequences, .type_ids = type_ids});
}

std::vector<WeightView> MaskedLM::state_dict() const {
  const std::lock_guard lock(impl_->mutex());
  const std::shared_ptr<const void> owner = impl_->lend_weights(impl_);
  std::vector<WeightView> views;
  for (const NamedTensor& named : std::as_const(impl_->model()).weights().named()) {
    const auto& [data, dtype, rank, dim] = named.tensor;
    views.push_back({named.name, std::vector(dim.begin(), dim.begin() + rank), named.tensor.f32(), owner});
  }
  return views;
}

void MaskedLM::save_pretrained(const std::filesystem::path& folder) const {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail_system({error, folder}, "cannot make the folder {}: {}", printable(folder.string(), 300));
  const std::lock_guard lock(impl_->mutex());
  warn_of_older_version(impl_->model().config());
  save_model(folder, impl_->model().config(), std::as_const(impl_->model()).weights());
}

}  // namespace tekio

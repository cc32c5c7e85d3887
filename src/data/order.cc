// The order of events is that of the reference's Trainer: see next_update() and EvaluationBatches::start() for what is
// drawn when.
#include "data/order.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace tekio {
namespace {

Json twister_to_json(const Twister::State& state) {
  std::string words;
  for (const uint32_t word : state.words) words += fmt::format("{:08x}", word);
  return {{"next", state.next}, {"words", words}};
}

Json streams_to_json(const ReferenceStreams& streams) {
  return {{"torch", twister_to_json(streams.torch.state())},
          {"numpy", twister_to_json(streams.numpy.state())},
          {"python", twister_to_json(streams.python.state())}};
}

const Json& member(const Json& document, const char* key, const std::string& where) {
  const Json* found = JsonReader(document, where).find(key);
  if (found == nullptr)
    fail(ErrorKind::input, "{}: the random state lacks {}; resume from another checkpoint", where, key);
  return *found;
}

Twister::State twister_from_json(const Json& document, const std::string& where) {
  const JsonReader reader(document, where);
  const int64_t next = reader.integer("next").value_or(-1);
  const std::string words = reader.string("words").value_or("");
  Twister::State state{};
  state.next = static_cast<uint32_t>(next);
  bool whole = next >= 0 && next <= Twister::kWords && words.size() == 8 * Twister::kWords;
  for (size_t i = 0; whole && i < Twister::kWords; ++i) {
    const char* const begin = words.data() + 8 * i;
    whole = std::from_chars(begin, begin + 8, state.words[i], 16).ptr == begin + 8;
  }
  if (!whole)
    fail(ErrorKind::input,
         "{}: the random state is damaged: expected {} words of 8 hexadecimal digits and a place among them; resume "
         "from another checkpoint",
         where, Twister::kWords);
  return state;
}

void streams_from_json(ReferenceStreams& streams, const Json& document, const std::string& where) {
  streams.torch.set_state(twister_from_json(member(document, "torch", where), where));
  streams.numpy.set_state(twister_from_json(member(document, "numpy", where), where));
  // An earlier version's checkpoint has none: its runs did not draw from it.
  if (const Json* python = JsonReader(document, where).find("python"))
    streams.python.set_state(twister_from_json(*python, where));
}

int64_t parts(int64_t whole, int64_t part) { return (whole + part - 1) / part; }

}  // namespace

RunMasking::RunMasking(const CollatorOptions& options, const MaskingVocabulary& vocabulary)
    : options_(options), vocabulary_(vocabulary) {
  if (rng() == MaskingRng::counter) {
    collator_ = make_counter_collator(options, vocabulary);
    return;
  }
  streams_ = std::make_unique<ReferenceStreams>(options.seed);
  collator_ = make_reference_collator(options, vocabulary, *streams_);
}

TrainingBatches::TrainingBatches(RunMasking& masking, Chunks chunks, const TrainingOrder& order)
    : masking_(masking), chunks_(std::move(chunks)), order_(order) {
  TEKIO_CHECK(order.batch_size > 0 && order.accumulation > 0, "{} chunks, {} micro-batches", order.batch_size,
              order.accumulation);
}

int64_t TrainingBatches::batches_per_epoch() const { return parts(chunks_.size(), order_.batch_size); }
int64_t TrainingBatches::updates_per_epoch() const { return parts(batches_per_epoch(), order_.accumulation); }

void TrainingBatches::start_epoch(int64_t epoch) {
  epoch_ = epoch;
  updates_done_ = collated_ = 0;
  ahead_.reset();
  before_ahead_.reset();
  permutation_ =
      TorchStream(order_.data_seed.value_or(order_.seed) + static_cast<uint64_t>(epoch)).randperm(chunks_.size());
}

CollatedBatch TrainingBatches::collate_next() {
  const int64_t update = epoch_ * updates_per_epoch() + collated_ / order_.accumulation;
  const int64_t begin = collated_++ * order_.batch_size;
  const int64_t count = std::min(order_.batch_size, chunks_.size() - begin);
  const auto numbers = std::span(permutation_).subspan(static_cast<size_t>(begin), static_cast<size_t>(count));
  return masking_.collator().collate(chunks_, numbers,
                                     {.epoch = static_cast<uint64_t>(epoch_),
                                      .checksums = order_.checksums,
                                      .rate = order_.rate ? std::optional(order_.rate(update)) : std::nullopt});
}

void TrainingBatches::collate_ahead() {
  before_ahead_ = *masking_.streams();
  ahead_ = collate_next();
}

std::vector<CollatedBatch> TrainingBatches::next_update() {
  std::vector<CollatedBatch> update;
  if (updates_done_ == updates_per_epoch()) return update;
  ReferenceStreams* const streams = masking_.streams();
  if (streams != nullptr && collated_ == 0) streams->torch.random_int64();  // a loader's start: its workers' base seed
  if (ahead_) update.push_back(std::move(*std::exchange(ahead_, std::nullopt)));
  const int64_t end = std::min(batches_per_epoch(), (updates_done_ + 1) * order_.accumulation);
  while (collated_ < end) update.push_back(collate_next());
  before_ahead_.reset();
  if (streams != nullptr && end < batches_per_epoch()) collate_ahead();
  ++updates_done_;
  uint64_t sequences = 0;
  for (CollatedBatch& micro : update) {
    micro.batch.first_key = sequences;
    sequences += static_cast<uint64_t>(micro.batch.sequences());
  }
  return update;
}

std::string TrainingBatches::state() const {
  if (masking_.streams() == nullptr) return {};
  Json document = streams_to_json(*masking_.streams());
  if (before_ahead_) document["before_look_ahead"] = streams_to_json(*before_ahead_);
  return document.dump();
}

void TrainingBatches::resume(int64_t epoch, int64_t updates_done, std::string_view state, const std::string& where) {
  if (updates_done < 0 || updates_done > updates_per_epoch())
    fail(ErrorKind::input,
         "{}: {} updates of epoch {} are done, but an epoch has {}; resume with the data and batch sizes of the run",
         where, updates_done, epoch, updates_per_epoch());
  ReferenceStreams* const streams = masking_.streams();
  if (state.empty() != (streams == nullptr))
    fail(ErrorKind::input, "{}: the checkpoint is of a run with {}; resume with that", where,
         state.empty() ? "--masking_rng counter" : "--masking_rng torch or torch-cpu");
  start_epoch(epoch);
  updates_done_ = updates_done;
  collated_ = std::min(batches_per_epoch(), updates_done * order_.accumulation);
  if (streams == nullptr) return;
  const Json document = parse_json(state, where);
  if (updates_done > 0 && updates_done < updates_per_epoch()) {
    streams_from_json(*streams, member(document, "before_look_ahead", where), where);
    collate_ahead();
  }
  streams_from_json(*streams, document, where);
}

EvaluationBatches::EvaluationBatches(RunMasking& masking, Chunks chunks, int64_t batch_size, EvalMasking kind,
                                     bool checksums)
    : masking_(masking),
      chunks_(std::move(chunks)),
      batch_size_(batch_size),
      fresh_(kind == EvalMasking::fresh),
      checksums_(checksums) {
  TEKIO_CHECK(batch_size > 0, "{}", batch_size);
  if (masking.streams() == nullptr)
    counter_ = make_counter_collator(masking.options(), masking.vocabulary(), RandomUse::evaluation_mask);
  else if (!fresh_)
    frozen_ = std::make_unique<FrozenReferenceMasks>(masking.options(), masking.vocabulary(), chunks_);
}

int64_t EvaluationBatches::batches() const { return parts(chunks_.size(), batch_size_); }

void EvaluationBatches::start(uint64_t number) {
  next_ = 0;
  pass_ = fresh_ ? number + 1 : 0;
  if (frozen_)
    frozen_->rewind();
  else if (masking_.streams() != nullptr)
    masking_.streams()->torch.random_int64();  // a loader's start, here too
}

std::optional<CollatedBatch> EvaluationBatches::next() {
  const int64_t count = std::min(batch_size_, chunks_.size() - next_);
  if (count <= 0) return std::nullopt;
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::generate(numbers.begin(), numbers.end(), [&] { return next_++; });
  if (frozen_) return frozen_->next(count, checksums_);
  return (counter_ ? *counter_ : masking_.collator())
      .collate(chunks_, numbers, {.epoch = pass_, .checksums = checksums_});
}

}  // namespace tekio

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

TrainingBatches::TrainingBatches(RunMasking& masking, Chunks chunks, const UpdatePlan& plan, const TrainingOrder& order)
    : masking_(masking), chunks_(std::move(chunks)), plan_(plan), order_(order) {
  TEKIO_CHECK(plan.chunks() == chunks_.size(), "a plan of {} chunks for {}", plan.chunks(), chunks_.size());
}

/// Draws nothing of the run's streams.
void TrainingBatches::start_epoch(int64_t epoch) {
  epoch_ = epoch;
  permutation_ =
      TorchStream(order_.data_seed.value_or(order_.seed) + static_cast<uint64_t>(epoch)).randperm(chunks_.size());
}

/// Micro-batch `number` of `update`.
CollatedBatch TrainingBatches::collate(const Update& update, int64_t number) {
  const NumberRange places = plan_.chunks_of(update.first_batch + number);
  const auto numbers =
      std::span(permutation_).subspan(static_cast<size_t>(places.begin), static_cast<size_t>(places.size()));
  CollatedBatch made =
      masking_.collator().collate(chunks_, numbers,
                                  {.epoch = static_cast<uint64_t>(update.epoch),
                                   .checksums = order_.checksums,
                                   .rate = order_.rate ? std::optional(order_.rate(update.step)) : std::nullopt});
  made.batch.first_key = static_cast<uint64_t>(number * plan_.batch_size());  // all before it are whole
  return made;
}

/// The first of an update that is yet to come.
void TrainingBatches::collate_ahead(const Update& update) {
  before_ahead_ = *masking_.streams();
  ahead_ = collate(update, 0);
}

UpdateBatches TrainingBatches::next_update() {
  const Update update = plan_.update(updates_done_);
  if (epoch_ != update.epoch) start_epoch(update.epoch);
  ReferenceStreams* const streams = masking_.streams();
  if (streams != nullptr && update.first_batch == 0)
    streams->torch.random_int64();  // a loader's start: its workers' base seed
  const NumberRange wanted = streams != nullptr ? NumberRange{0, update.batches} : update.share(order_.rank);
  UpdateBatches made{.update = update, .first = wanted.begin, .batches = {}};
  for (int64_t number = wanted.begin; number < wanted.end; ++number)
    made.batches.push_back(number == 0 && ahead_ ? std::move(*std::exchange(ahead_, std::nullopt))
                                                 : collate(update, number));
  before_ahead_.reset();
  const Update next = plan_.update(++updates_done_);
  if (streams != nullptr && next.epoch == update.epoch) collate_ahead(next);
  return made;
}

TrainingBatches::Streams TrainingBatches::streams() const {
  if (masking_.streams() == nullptr) return {};
  return {.now = *masking_.streams(), .before_look_ahead = before_ahead_};
}

std::string TrainingBatches::to_text(const Streams& streams) {
  if (!streams.now) return {};
  Json document = streams_to_json(*streams.now);
  if (streams.before_look_ahead) document["before_look_ahead"] = streams_to_json(*streams.before_look_ahead);
  return document.dump();
}

void TrainingBatches::resume(int64_t updates_done, std::string_view state, const std::string& where) {
  TEKIO_CHECK(updates_done >= 0, "{} updates done", updates_done);
  ReferenceStreams* const streams = masking_.streams();
  if (state.empty() != (streams == nullptr))
    fail(ErrorKind::input, "{}: the checkpoint is of a run with {}; resume with that", where,
         state.empty() ? message("--masking_rng counter") : message("--masking_rng torch or torch-cpu"));
  updates_done_ = updates_done;
  ahead_.reset();
  before_ahead_.reset();
  if (streams == nullptr) return;
  const Json document = parse_json(state, where);
  if (const Update next = plan_.update(updates_done); next.first_batch > 0) {
    streams_from_json(*streams, member(document, "before_look_ahead", where), where);
    start_epoch(next.epoch);
    collate_ahead(next);
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

int64_t EvaluationBatches::batches() const { return divided_up(chunks_.size(), batch_size_); }

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

void EvaluationBatches::skip() {
  if (counter_)
    next_ = std::min(next_ + batch_size_, chunks_.size());
  else
    next();
}

}  // namespace tekio

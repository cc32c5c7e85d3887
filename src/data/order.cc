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
  return {{"torch", twister_to_json(streams.torch.state())}, {"numpy", twister_to_json(streams.numpy.state())}};
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

struct TrainingBatches::Impl {
  RunMasking& masking;
  Chunks chunks;
  TrainingOrder order;
  int64_t epoch = 0;
  int64_t updates_done = 0;
  int64_t collated = 0;                // batches of this epoch
  std::vector<int64_t> permutation;    // this epoch's chunks
  std::optional<CollatedBatch> ahead;  // reference's streams: the first batch of the update to come
  std::optional<ReferenceStreams> before_ahead;

  int64_t batches() const { return parts(chunks.size(), order.batch_size); }
  int64_t updates() const { return parts(batches(), order.accumulation); }

  void begin(int64_t which) {
    epoch = which;
    updates_done = collated = 0;
    ahead.reset();
    before_ahead.reset();
    permutation =
        TorchStream(order.data_seed.value_or(order.seed) + static_cast<uint64_t>(which)).randperm(chunks.size());
  }

  CollatedBatch collate_next() {
    const int64_t begin = collated++ * order.batch_size;
    const int64_t count = std::min(order.batch_size, chunks.size() - begin);
    const auto numbers = std::span(permutation).subspan(static_cast<size_t>(begin), static_cast<size_t>(count));
    return masking.collator_->collate(chunks, numbers, static_cast<uint64_t>(epoch), order.checksums);
  }

  void collate_ahead() {
    before_ahead = *masking.streams_;
    ahead = collate_next();
  }
};

TrainingBatches::TrainingBatches(RunMasking& masking, Chunks chunks, const TrainingOrder& order)
    : impl_(new Impl{.masking = masking,
                     .chunks = std::move(chunks),
                     .order = order,
                     .permutation = {},
                     .ahead = {},
                     .before_ahead = {}}) {
  TEKIO_CHECK(order.batch_size > 0 && order.accumulation > 0, "{} chunks, {} micro-batches", order.batch_size,
              order.accumulation);
}
TrainingBatches::~TrainingBatches() = default;

int64_t TrainingBatches::batches_per_epoch() const { return impl_->batches(); }
int64_t TrainingBatches::updates_per_epoch() const { return impl_->updates(); }
void TrainingBatches::start_epoch(int64_t epoch) { impl_->begin(epoch); }

std::vector<CollatedBatch> TrainingBatches::next_update() {
  Impl& s = *impl_;
  std::vector<CollatedBatch> update;
  if (s.updates_done == s.updates()) return update;
  ReferenceStreams* const streams = s.masking.streams_.get();
  if (streams != nullptr && s.collated == 0) streams->torch.random_int64();  // a loader's start: its workers' base seed
  if (s.ahead) update.push_back(std::move(*std::exchange(s.ahead, std::nullopt)));
  const int64_t end = std::min(s.batches(), (s.updates_done + 1) * s.order.accumulation);
  while (s.collated < end) update.push_back(s.collate_next());
  s.before_ahead.reset();
  if (streams != nullptr && end < s.batches()) s.collate_ahead();
  ++s.updates_done;
  uint64_t sequences = 0;
  for (CollatedBatch& micro : update) {
    micro.batch.first_key = sequences;
    sequences += static_cast<uint64_t>(micro.batch.sequences());
  }
  return update;
}

std::string TrainingBatches::state() const {
  if (!impl_->masking.streams_) return {};
  Json document = streams_to_json(*impl_->masking.streams_);
  if (impl_->before_ahead) document["before_look_ahead"] = streams_to_json(*impl_->before_ahead);
  return document.dump();
}

void TrainingBatches::resume(int64_t epoch, int64_t updates_done, std::string_view state, const std::string& where) {
  Impl& s = *impl_;
  if (updates_done < 0 || updates_done > s.updates())
    fail(ErrorKind::input,
         "{}: {} updates of epoch {} are done, but an epoch has {}; resume with the data and batch sizes of the run",
         where, updates_done, epoch, s.updates());
  ReferenceStreams* const streams = s.masking.streams_.get();
  if (state.empty() != (streams == nullptr))
    fail(ErrorKind::input, "{}: the checkpoint is of a run with {}; resume with that", where,
         state.empty() ? "--masking_rng counter" : "--masking_rng torch or torch-cpu");
  s.begin(epoch);
  s.updates_done = updates_done;
  s.collated = std::min(s.batches(), updates_done * s.order.accumulation);
  if (streams == nullptr) return;
  const Json document = parse_json(state, where);
  if (updates_done > 0 && updates_done < s.updates()) {
    streams_from_json(*streams, member(document, "before_look_ahead", where), where);
    s.collate_ahead();
  }
  streams_from_json(*streams, document, where);
}

struct EvaluationBatches::Impl {
  RunMasking& masking;
  Chunks chunks;
  int64_t batch_size;
  bool fresh, checksums;
  std::unique_ptr<Collator> counter;             // counter: masks of their own, no training batch's
  std::unique_ptr<FrozenReferenceMasks> frozen;  // reference's streams
  int64_t next = 0;                              // chunk
  uint64_t pass = 0;                             // 0: frozen
};

EvaluationBatches::EvaluationBatches(RunMasking& masking, Chunks chunks, int64_t batch_size, EvalMasking kind,
                                     bool checksums)
    : impl_(new Impl{masking, std::move(chunks), batch_size, kind == EvalMasking::fresh, checksums, nullptr, nullptr}) {
  TEKIO_CHECK(batch_size > 0, "{}", batch_size);
  if (!masking.streams_)
    impl_->counter = make_counter_collator(masking.options_, masking.vocabulary_, RandomUse::evaluation_mask);
  else if (!impl_->fresh)
    impl_->frozen = std::make_unique<FrozenReferenceMasks>(masking.options_, masking.vocabulary_, impl_->chunks);
}
EvaluationBatches::~EvaluationBatches() = default;

int64_t EvaluationBatches::batches() const { return parts(impl_->chunks.size(), impl_->batch_size); }

void EvaluationBatches::start(uint64_t number) {
  impl_->next = 0;
  impl_->pass = impl_->fresh ? number + 1 : 0;
  if (impl_->frozen)
    impl_->frozen->rewind();
  else if (impl_->masking.streams_)
    impl_->masking.streams_->torch.random_int64();  // a loader's start, here too
}

std::optional<CollatedBatch> EvaluationBatches::next() {
  Impl& s = *impl_;
  const int64_t count = std::min(s.batch_size, s.chunks.size() - s.next);
  if (count <= 0) return std::nullopt;
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::generate(numbers.begin(), numbers.end(), [&] { return s.next++; });
  if (s.frozen) return s.frozen->next(count, s.checksums);
  return (s.counter ? s.counter : s.masking.collator_)->collate(s.chunks, numbers, s.pass, s.checksums);
}

}  // namespace tekio

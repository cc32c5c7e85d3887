// The life of a run in order; how it begins, is evaluated and ends is in files of their own.
#include "train/trainer.h"

#include <span>
#include <utility>

#include "base/error.h"
#include "base/stopwatch.h"

namespace tekio {

Trainer::Trainer(MaskedLM& model, const Tokenizer& tokenizer, const Chunks::Split& data, const TrainingOptions& o,
                 Communicator& ranks)
    : data_(data),
      options_(o),
      handle_(model),
      ranks_(ranks),
      stop_(ranks, o.should_stop),
      model_(MaskedLMImpl::of(model).model()),
      schedule_(o, data.train.size(), ranks.size()),
      journal_(model, tokenizer, data, o, schedule_, ranks),
      state_(journal_.state()),
      masking_({o}, MaskingVocabulary::of(tokenizer)),
      batches_(masking_, data.train, schedule_, o, ranks.rank()),
      step_(model_, masking_, schedule_, data, o, ranks) {
  if (!evaluates() && o.eval_strategy != Interval::no)
    fail(ErrorKind::input,
         "there is no chunk to evaluate on: the evaluation text is shorter than one chunk; give more text or pass "
         "--eval_strategy no");
}

AdaptReport Trainer::run() {
  try {
    begin();
    stop_.agree();
    if (!stops()) train();
  } catch (...) {
    if (state_.step == 0) journal_.abandon();
    throw;
  }
  journal_.wait_for_checkpoints();
  journal_.end_training();
  return stops() ? stopped(batches_.state()) : finish();
}

void Trainer::train() {
  const int64_t resumed = state_.step;
  if (state_.evaluation_due)
    evaluate_and_save(
        {.evaluate = true, .save = schedule_.after_update(resumed).save || schedule_.after_epoch(resumed).save});
  while (training_goes_on()) {
    const std::vector<UpdateResult> results = updates();
    const UpdateResult& result = results.back();
    for (const UpdateResult& before : std::span(results).first(results.size() - 1)) {  // nothing follows those
      journal_.record(before);
      journal_.show_progress(before);
    }
    stop_.learn(result.stop);
    journal_.record(result);
    journal_.show_progress(result);
    follow(result, schedule_.after_update(state_.step), options_.on_update);
    if (schedule_.epoch_ends_after(state_.step) || journal_.stops_early())
      follow(result, schedule_.after_epoch(state_.step), options_.on_epoch_end);
  }
  if (stops() && !journal_.is_saved()) save(batches_.state());
  journal_.clear_progress();
}

/// What follows an update, or an epoch's last one once more; the callback has a say in it.
void Trainer::follow(const UpdateResult& result, RunControl control, const Callback& callback) {
  ask(control, [&](RunControl& c) {
    if (callback) callback(journal_.point(result), c);
  });
  if (control.log && std::exchange(logged_step_, state_.step) != state_.step)
    lending(options_.on_log != nullptr, [&] { journal_.log(result, control.evaluate && evaluates()); });
  evaluate_and_save(control);
}

/// As many updates, one at least, as can be done before somebody wants to know what came of them.
std::vector<UpdateResult> Trainer::updates() {
  const Stopwatch watch;
  int64_t step = state_.step;
  do {
    const Stopwatch waiting;
    const UpdateBatches update = batches_.next();
    state_.batch_seconds += waiting.seconds();
    if (step == state_.step) enter(RunPhase::updating);
    step_.begin(*lease_, update, stop_);
  } while (!wants_to_know(++step));
  std::vector<UpdateResult> results = step_.finish();
  for (UpdateResult& result : results) result.seconds = watch.seconds() / static_cast<double>(results.size());
  return results;
}

/// Whether more follows the update of this number than the next.
bool Trainer::wants_to_know(int64_t step) {
  constexpr int64_t kMostAhead = 32;  // so often, at least, a run looks whether it diverged
  return !step_.runs_ahead() || is_asked_ || step - state_.step == kMostAhead || step == schedule_.updates() ||
         schedule_.is_followed(step) || stops();
}

bool Trainer::training_goes_on() { return state_.step < schedule_.updates() && !journal_.stops_early() && !stops(); }

void Trainer::enter(RunPhase phase) {
  if (options_.on_phase && ranks_.rank() == 0) options_.on_phase(phase, state_.step);
}

/// Rank 0's callback may change what follows, for all ranks.
void Trainer::ask(RunControl& control, const std::function<void(RunControl&)>& callback) {
  if (!is_asked_) return;
  if (ranks_.rank() == 0) lease_->lend([&] { callback(control); });
  std::string answer;
  for (const bool wish : {control.log, control.evaluate, control.save, control.stop}) answer += wish ? '1' : '0';
  answer = ranks_.broadcast(answer);
  if (answer.size() != 4)
    fail(ErrorKind::comms, "rank 0 sent {} bytes of wishes where 4 were due: the ranks do different things",
         answer.size());
  control = {.log = answer[0] == '1', .evaluate = answer[1] == '1', .save = answer[2] == '1', .stop = answer[3] == '1'};
  if (control.stop) journal_.end_early();
}

void Trainer::lending(bool calls, const std::function<void()>& work) {
  if (calls && lease_)
    lease_->lend(work);
  else
    work();
}

void Trainer::save(const std::string& masking_state) {
  const bool goes_on = training_goes_on();
  lending(options_.on_save != nullptr, [&] { journal_.save(step_.optimizer(), masking_state, goes_on); });
}

}  // namespace tekio

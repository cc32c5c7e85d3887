// A run that was stopped, killed or robbed of its disk goes on as if nothing had happened: the same bits at the end.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <set>
#include <thread>

#include "base/checksum.h"
#include "base/random/counter.h"
#include "model/masked_lm.h"
#include "model/safetensors.h"
#include "tiny.h"
#include "train/optimizer.h"
#include "train/run_checkpoint.h"

namespace tekio::test {
namespace {

using ::testing::HasSubstr;

struct ResumeMode {
  const char* name;
  MaskingRng rng;
  bool whole_word = false;
  EvalMasking eval_masking = EvalMasking::frozen;
  int64_t accumulate = 1;
  std::optional<double> initial = std::nullopt;  ///< masked share of the first update
  WholeWordRule rule = WholeWordRule::words;
  Masking masking = Masking::token;
};

/// Signals as a program may take them for a wish to stop: held back from the time that this is made.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t held;
    sigemptyset(&held);
    for (const int signal : {SIGINT, SIGTERM}) sigaddset(&held, signal);
    pthread_sigmask(SIG_BLOCK, &held, nullptr);
  }
  static int received() {
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGINT) == 1 ? SIGINT : sigismember(&pending, SIGTERM) == 1 ? SIGTERM : 0;
  }
};

class Resume : public TinyRun {
 protected:
  /// Ten updates with a checkpoint after each and an evaluation after every second.
  TrainingOptions often(const std::string& run, const ResumeMode& mode = {"", MaskingRng::counter}) const {
    TrainingOptions o = options(run);
    o.masking_rng = mode.rng;
    o.whole_word_mask = mode.whole_word;
    o.whole_word_rule = mode.rule;
    o.masking = mode.masking;
    o.initial_mlm_probability = o.initial_wwm_probability = mode.initial;
    o.eval_masking = mode.eval_masking;
    o.per_device_train_batch_size = 8 / mode.accumulate;
    o.gradient_accumulation_steps = mode.accumulate;
    o.save_strategy = o.eval_strategy = Interval::steps;
    o.save_steps = 1;
    o.eval_steps = 2;
    o.logging_steps = 3;
    o.trace = (folder_ / (run + ".jsonl")).string();
    return o;
  }
  std::string model_bytes(const std::string& run) const { return bytes(folder_ / run / "model.safetensors"); }

  /// Everything in the log history but what a clock says.
  Json history(const std::string& run) const {
    Json entries = json(folder_ / run / "trainer_state.json")["log_history"];
    for (Json& entry : entries)
      for (const char* timed : {"eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "train_runtime",
                                "train_samples_per_second", "train_steps_per_second"})
        entry.erase(timed);
    return entries;
  }

  /// Runs `o` in a child process and returns its wait status; `during` is called in the parent, at once or, if so
  /// wished, when the child holds signals back.
  int in_child(TrainingOptions o, const std::function<void(pid_t)>& during, bool once_held = false) const {
    int held[2];
    if (pipe(held) != 0) throw std::runtime_error("no pipe");
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("no child process");  // kill(-1) would go to everyone
    close(held[child == 0 ? 0 : 1]);
    if (child == 0) {
      const HeldSignals signals;
      close(held[1]);
      std::signal(SIGXFSZ, SIG_IGN);  // a file that reached its size limit is then an error like any other
      o.should_stop = HeldSignals::received;
      try {
        const AdaptReport r = adapt_fresh(o);
        _exit(r.stopped == 0 ? 0 : 128 + r.stopped);
      } catch (const Error& error) {
        _exit(exit_code(error.kind()));
      } catch (...) {
        _exit(99);
      }
    }
    char none = 0;
    if (once_held && read(held[0], &none, 1) < 0) throw std::runtime_error("the pipe cannot be read");
    close(held[0]);
    during(child);
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  }
};

class ResumeModes : public Resume, public ::testing::WithParamInterface<ResumeMode> {};

TEST_P(ResumeModes, EveryCheckpointLeadsToTheSameEnd) {
  const AdaptReport whole = adapt_fresh(often("whole", GetParam()));
  const auto whole_trace = lines(folder_ / "whole.jsonl");
  ASSERT_EQ(whole_trace.size(), 10u);
  for (const int64_t step : {1, 3, 4, 5, 6, 9, 10}) {  // mid-epoch, an epoch's end, beside evaluations, the end
    const std::string run = "from" + std::to_string(step);
    TrainingOptions o = often(run, GetParam());
    o.resume_from_checkpoint = (folder_ / "whole" / ("checkpoint-" + std::to_string(step))).string();
    const AdaptReport r = adapt_fresh(o);
    EXPECT_EQ(model_bytes(run), model_bytes("whole")) << step;
    EXPECT_EQ(history(run), history("whole")) << step;
    EXPECT_EQ(r.before.loss, whole.before.loss);
    EXPECT_EQ(r.after.loss, whole.after.loss);
    EXPECT_EQ(r.train_loss, whole.train_loss);
    EXPECT_EQ(r.evaluations.size(), whole.evaluations.size());
    const auto trace = lines(o.trace);
    ASSERT_EQ(trace.size(), static_cast<size_t>(10 - step));
    for (size_t i = 0; i < trace.size(); ++i) EXPECT_EQ(trace[i], whole_trace[i + static_cast<size_t>(step)]);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Modes, ResumeModes,
    ::testing::Values(ResumeMode{"counter", MaskingRng::counter}, ResumeMode{"torch", MaskingRng::torch},
                      ResumeMode{"torch_cpu", MaskingRng::torch_cpu},
                      ResumeMode{"counter_words", MaskingRng::counter, true},
                      ResumeMode{"torch_words", MaskingRng::torch, true},
                      ResumeMode{"counter_fresh", MaskingRng::counter, false, EvalMasking::fresh},
                      ResumeMode{"torch_cpu_fresh_accumulating", MaskingRng::torch_cpu, false, EvalMasking::fresh, 2},
                      ResumeMode{"counter_falling", MaskingRng::counter, false, EvalMasking::frozen, 1, 0.6},
                      ResumeMode{"torch_falling_fresh", MaskingRng::torch, false, EvalMasking::fresh, 2, 0.6},
                      ResumeMode{"torch_words_rising", MaskingRng::torch, true, EvalMasking::frozen, 2, 0.05},
                      ResumeMode{"torch_legacy", MaskingRng::torch, true, EvalMasking::fresh, 1, 0.6,
                                 WholeWordRule::legacy},
                      ResumeMode{"spans", MaskingRng::counter, false, EvalMasking::fresh, 2, 0.6, WholeWordRule::words,
                                 Masking::span}),
    [](const auto& given) { return std::string(given.param.name); });

class Kills : public Resume, public ::testing::WithParamInterface<ResumeMode> {
 protected:
  static constexpr uint32_t kTrials = 80;
  /// Lives of some length, each trial's about a tenth longer: several end within the run on a fast machine, and it gets
  /// done on a busy one.
  static std::chrono::microseconds life(uint32_t stream, uint32_t trial) {
    const double share = random_words(random_key(stream, trial), {})[0] / 4294967296.0;
    return std::chrono::microseconds(static_cast<int64_t>(2000 * std::pow(1.1, trial) * (0.5 + share)));
  }
  /// On a busy machine a run may be done before it was met often enough.
  void forget(const TrainingOptions& o) const {
    fs::remove_all(o.output_dir);
    fs::remove(o.trace);
  }
};

TEST_P(Kills, AtAnyMomentCostNothing) {
  adapt_fresh(often("whole", GetParam()));
  TrainingOptions o = often("killed", GetParam());
  o.resume_from_checkpoint = "auto";
  int kills = 0, status = -1;
  for (uint32_t trial = 0; trial < kTrials && (status != 0 || kills < 4); ++trial) {
    if (status == 0) forget(o);
    status = in_child(o, [&](pid_t child) {
      std::this_thread::sleep_for(life(5, trial));
      kill(child, SIGKILL);
    });
    kills += WIFSIGNALED(status);
    ASSERT_TRUE(WIFSIGNALED(status) || status == 0) << "exit code " << WEXITSTATUS(status);
  }
  ASSERT_EQ(status, 0);
  EXPECT_GT(kills, 3);
  EXPECT_EQ(model_bytes("killed"), model_bytes("whole"));
  EXPECT_EQ(history("killed"), history("whole"));
  EXPECT_EQ(bytes(folder_ / "killed.jsonl"), bytes(folder_ / "whole.jsonl"));
  for (const auto& entry : fs::directory_iterator(folder_ / "killed"))
    EXPECT_NE(entry.path().filename().string().front(), '.') << entry.path();
}

TEST_P(Kills, TermSavesAtAnyMoment) {
  TrainingOptions o = often("whole", GetParam());
  o.save_strategy = Interval::no;  // so that the only checkpoints are those of the signals
  adapt_fresh(o);
  o = often("stopped", GetParam());
  o.save_strategy = Interval::no;
  o.resume_from_checkpoint = "auto";
  int stops = 0, status = -1;
  for (uint32_t trial = 0; trial < kTrials && (status != 0 || stops < 2); ++trial) {
    if (status == 0) forget(o);
    const int by = trial % 2 ? SIGTERM : SIGINT;
    const auto stop = [&](pid_t child) {
      std::this_thread::sleep_for(life(6, trial));
      kill(child, by);
    };
    // Before they are held back they still kill; on a busy machine all might come so early, but for these.
    status = in_child(o, stop, /*once_held=*/trial % 3 == 0);
    ASSERT_TRUE(status == 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 128 + by) ||
                (WIFSIGNALED(status) && WTERMSIG(status) == by))
        << status;
    stops += WIFEXITED(status) && status != 0;
  }
  ASSERT_EQ(status, 0);
  EXPECT_GT(stops, 1);
  EXPECT_EQ(model_bytes("stopped"), model_bytes("whole"));
  EXPECT_EQ(history("stopped"), history("whole"));
}

INSTANTIATE_TEST_SUITE_P(Modes, Kills,
                         ::testing::Values(ResumeMode{"counter", MaskingRng::counter},
                                           ResumeMode{"torch_cpu_fresh", MaskingRng::torch_cpu, false,
                                                      EvalMasking::fresh}),
                         [](const auto& given) { return std::string(given.param.name); });

TEST_F(Resume, BeingToldToStopFinishesTheUpdateAndSaves) {
  TrainingOptions o = often("run");
  o.save_strategy = Interval::epoch;
  int told = 0;
  o.should_stop = [&] { return std::exchange(told, 0); };  // says it once
  o.on_evaluation = [&](const EvaluationPoint& r, RunControl&) {
    if (r.step == 4) told = 42;
  };
  const AdaptReport r = adapt_fresh(o);
  EXPECT_EQ(r.stopped, 42);
  EXPECT_EQ(r.steps, 4);
  EXPECT_TRUE(fs::exists(folder_ / "run" / "checkpoint-4" / "training_state.json"));
  EXPECT_FALSE(fs::exists(folder_ / "run" / "model.safetensors"));  // not finished
  o.on_evaluation = nullptr;
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { adapt_fresh(o); }), HasSubstr("update 4"));
  o.resume_from_checkpoint = "auto";
  EXPECT_EQ(adapt_fresh(o).stopped, 0);
  TrainingOptions whole = often("whole");
  whole.save_strategy = Interval::epoch;
  adapt_fresh(whole);
  EXPECT_EQ(model_bytes("run"), model_bytes("whole"));
}

TEST_F(Resume, ASignalBeforeTheFirstUpdateHasNothingToSave) {
  struct sigaction before {
  }, after{};
  sigaction(SIGTERM, nullptr, &before);
  TrainingOptions o = often("run");
  const int status = in_child(o, [&](pid_t child) {
    const fs::path marker = folder_ / "run" / "metrics.jsonl";
    while (!fs::exists(marker)) std::this_thread::sleep_for(std::chrono::microseconds(50));
    kill(child, SIGINT);
  });
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 130) << status;
  o.resume_from_checkpoint = "auto";
  adapt_fresh(o);
  adapt_fresh(often("whole"));
  EXPECT_EQ(model_bytes("run"), model_bytes("whole"));
  sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

TEST_F(Resume, AnEvaluationThatIsPutOffIsMadeUpFor) {
  const auto fresh_evaluation = [&](TrainingOptions& o) {
    o.eval_masking = EvalMasking::fresh;
    o.masking_rng = MaskingRng::torch;
    o.save_strategy = Interval::no;
    o.per_device_eval_batch_size = 2;
  };
  TrainingOptions o = often("whole");
  fresh_evaluation(o);
  adapt_fresh(o);
  o = often("run");
  fresh_evaluation(o);
  {
    int told = 0;
    o.should_stop = [&] { return told; };
    o.on_update = [&](const UpdatePoint& update, RunControl&) { told = update.step == 2; };  // an evaluation is due
    const AdaptReport r = adapt_fresh(o);
    EXPECT_EQ(r.stopped, 1);
    ASSERT_EQ(r.steps, 2);
    EXPECT_TRUE(r.evaluations.empty());
  }
  EXPECT_TRUE(json(folder_ / "run" / "checkpoint-2" / "training_state.json")["state"]["evaluation_due"].get<bool>());
  o.should_stop = nullptr, o.on_update = nullptr;
  o.resume_from_checkpoint = "auto";
  adapt_fresh(o);
  EXPECT_EQ(model_bytes("run"), model_bytes("whole"));
  EXPECT_EQ(history("run"), history("whole"));
}

TEST_F(Resume, AFullDiskLeavesTheEarlierCheckpoints) {
  TrainingOptions o = often("run");
  o.save_strategy = o.eval_strategy = Interval::epoch;
  o.on_evaluation = [](const EvaluationPoint& r, RunControl&) {
    const rlimit limit = {.rlim_cur = 50'000, .rlim_max = RLIM_INFINITY};  // model.safetensors has 160,000 bytes
    if (r.step == 10) setrlimit(RLIMIT_FSIZE, &limit);
  };
  const int status = in_child(o, [](pid_t) {});
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), exit_code(ErrorKind::io));
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(o.output_dir)) left.push_back(entry.path().filename().string());
  EXPECT_THAT(
      left, ::testing::UnorderedElementsAre("options.json", "metrics.jsonl", "evaluation-before.bin", "checkpoint-5"));
  o.on_evaluation = nullptr;
  o.resume_from_checkpoint = "auto";
  adapt_fresh(o);
  TrainingOptions whole = often("whole");
  whole.save_strategy = whole.eval_strategy = Interval::epoch;
  adapt_fresh(whole);
  EXPECT_EQ(model_bytes("run"), model_bytes("whole"));
}

TEST_F(Resume, ADiskThatFillsBesideTrainingEndsTheRunAllTheSame) {
  TrainingOptions o = often("run");
  o.on_evaluation = [](const EvaluationPoint& r, RunControl&) {
    const rlimit limit = {.rlim_cur = 50'000, .rlim_max = RLIM_INFINITY};
    if (r.step == 4) setrlimit(RLIMIT_FSIZE, &limit);
  };
  const int status = in_child(o, [](pid_t) {});
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), exit_code(ErrorKind::io));
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(o.output_dir)) left.push_back(entry.path().filename().string());
  std::erase(left, "checkpoint-3");  // which may have been under way
  EXPECT_THAT(left, ::testing::UnorderedElementsAre("options.json", "metrics.jsonl", "evaluation-before.bin",
                                                    "checkpoint-1", "checkpoint-2"));
  o.on_evaluation = nullptr;
  o.resume_from_checkpoint = "auto";
  adapt_fresh(o);
  adapt_fresh(often("whole"));
  EXPECT_EQ(model_bytes("run"), model_bytes("whole"));
}

TEST_F(Resume, WhatIsLeftOfAModelThatCannotBeSavedIsTold) {
  const struct {
    std::string run, resumed;
    Interval save;
    const char* left;
  } cases[] = {{"none", "", Interval::no, "what this run has learnt is lost, as no checkpoint was kept"},
               {"each", "", Interval::epoch, "checkpoint-10 holds the run: make room and go on with resume"},
               {"each", "checkpoint-5", Interval::no, "what was learnt after "}};
  for (const auto& c : cases) {
    const fs::path folder = folder_ / c.run;
    TrainingOptions o = often(c.run);
    o.eval_strategy = Interval::epoch;
    o.save_strategy = c.save;
    if (!c.resumed.empty()) o.resume_from_checkpoint = (folder / c.resumed).string();
    o.on_evaluation = [&](const EvaluationPoint&, RunControl&) {
      fs::create_directories(folder / "model.safetensors" / "in the way");
    };
    EXPECT_THAT(message_of(ErrorKind::io, [&] { adapt_fresh(o); }),
                ::testing::AllOf(HasSubstr("the trained model was not saved: cannot write "),
                                 HasSubstr("model.safetensors: Is a directory; "), HasSubstr(c.left)));
    for (const auto& entry : fs::directory_iterator(folder)) EXPECT_FALSE(is_temporary(entry.path())) << entry.path();
    EXPECT_FALSE(fs::exists(folder / "config.json"));
    EXPECT_FALSE(fs::exists(folder / "all_results.json"));
    fs::remove_all(folder / "model.safetensors");
  }
}

TEST_F(Resume, AModelWithoutRoomIsToldBeforeItIsTrained) {
  TrainingOptions o = options();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit limit = {.rlim_cur = 50'000, .rlim_max = RLIM_INFINITY};
    std::signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    bool evaluated = false;
    o.on_evaluation = [&](const EvaluationPoint&, RunControl&) { evaluated = true; };
    const std::string message = message_of(ErrorKind::io, [&] { adapt_fresh(o); });
    _exit(!evaluated && message.find("there is no room in " + o.output_dir +
                                     " for the trained model of 1.2 MB: File too "
                                     "large; make room or name another folder") == 0
              ? 0
              : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_FALSE(fs::exists(o.output_dir));
}

TEST_F(Resume, AUpdateMayBeCutOtherwise) {
  adapt_fresh(often("whole"));
  TrainingOptions o = often("other", {"", MaskingRng::counter, false, EvalMasking::frozen, 4});
  o.resume_from_checkpoint = (folder_ / "whole" / "checkpoint-3").string();
  adapt_fresh(o);
  const auto whole = lines(folder_ / "whole.jsonl"), other = lines(o.trace);
  ASSERT_EQ(other.size(), 7u);
  EXPECT_EQ(other[0]["batches"].size(), 4u);
  for (size_t i = 0; i < other.size(); ++i)
    EXPECT_NEAR(other[i]["loss"].get<double>(), whole[i + 3]["loss"].get<double>(), 2e-6);
}

/// A run of ten updates whose checkpoints are then spoilt.
class Damage : public Resume {
 protected:
  void SetUp() override {
    Resume::SetUp();
    adapt_fresh(often("run"));
    fs::remove(folder_ / "run" / "all_results.json");
    good_ = model_bytes("run");
  }
  fs::path file(int step, const char* name) const {
    return folder_ / "run" / ("checkpoint-" + std::to_string(step)) / name;
  }
  void flip(const fs::path& path, int64_t at) const {
    std::fstream f(path, std::ios::in | std::ios::out | std::ios::binary);
    f.seekg(at, at < 0 ? std::ios::end : std::ios::beg);
    const auto place = f.tellg();
    const int c = f.get();
    f.seekp(place);
    f.put(static_cast<char>(c ^ 0x10));
  }
  std::string refusal(int step) const {
    TrainingOptions o = often("run");
    o.resume_from_checkpoint = file(step, "").parent_path().string();
    return message_of(ErrorKind::input, [&] { adapt_fresh(o); });
  }
  std::string good_;
};

TEST_F(Damage, EveryFileOfACheckpointIsInItsRecord) {
  const Json files = json(file(3, "training_state.json"))["files"];
  std::set<std::string> written, recorded = {"training_state.json"};
  for (const auto& entry : fs::directory_iterator(file(3, "").parent_path())) {
    written.insert(entry.path().filename().string());
    const Json& record = files.value(entry.path().filename().string(), Json());
    if (record.is_null()) continue;
    const std::string held = bytes(entry.path());
    EXPECT_EQ(record["bytes"], held.size()) << entry.path();
    EXPECT_EQ(record["xxh3"], checksum_text(checksum_of(std::as_bytes(std::span(held))))) << entry.path();
  }
  for (const auto& [name, record] : files.items()) recorded.insert(name);
  EXPECT_EQ(recorded, written);
}

TEST_F(Damage, IsFoundWhereverItIs) {
  flip(file(3, "model.safetensors"), -1000);
  EXPECT_THAT(refusal(3), AllOf(HasSubstr("damaged"), HasSubstr("model.safetensors")));
  fs::resize_file(file(4, "optimizer.safetensors"), 5000);
  EXPECT_THAT(refusal(4), AllOf(HasSubstr("optimizer.safetensors"), HasSubstr("5000 bytes")));
  fs::remove(file(5, "config.json"));
  EXPECT_THAT(refusal(5), AllOf(HasSubstr("config.json"), HasSubstr("missing")));
  std::string record = bytes(file(6, "training_state.json"));
  const size_t at = record.find("\"step\": 6");
  ASSERT_NE(at, std::string::npos);
  record[at + 8] = '5';
  std::ofstream(file(6, "training_state.json")) << record;
  EXPECT_THAT(refusal(6), AllOf(HasSubstr("damaged"), HasSubstr("training_state.json")));
  fs::resize_file(file(7, "training_state.json"), 100);
  EXPECT_THAT(refusal(7), HasSubstr("not valid JSON"));
  fs::remove(file(8, "training_state.json"));
  EXPECT_THAT(refusal(8), HasSubstr("no checkpoint"));
  std::ofstream(file(8, "optimizer.pt")) << "torch's";
  EXPECT_THAT(refusal(8), HasSubstr("open it as a model to start from its weights"));
  std::ofstream(file(9, "training_state.json")) << R"({"tekio_checkpoint": 3, "files": {}})";
  EXPECT_THAT(refusal(9), HasSubstr("not of a form"));
}

/// Checksums are right here, and what they cover is not what is needed.
TEST_F(Damage, WhatIsWholeAndDoesNotFitIsRefused) {
  Json record = json(file(3, "training_state.json"));
  record.erase("data");
  record.erase("xxh3");
  const std::string text = record.dump();
  record["xxh3"] = checksum_text(checksum_of(std::as_bytes(std::span(text))));
  std::ofstream(file(3, "training_state.json")) << record;
  EXPECT_THAT(refusal(3), AllOf(HasSubstr("training_state.json does not hold a run's state: "), HasSubstr("'data'")));

  MaskedLM handle = model();
  MlmNetwork& m = MaskedLMImpl::of(handle).model();
  Optimizer optimizer(m.backend(), m.config(), {});
  const auto refusal_of = [&](const char* name, const std::function<void(std::vector<TensorToSave>&)>& spoil) {
    const SafetensorsFile whole(file(4, name));
    std::vector<TensorToSave> tensors;
    for (const auto& [key, tensor] : whole.tensors())
      tensors.push_back({key, tensor.dtype, tensor.shape, tensor.bytes});
    const std::vector<TensorToSave> good = tensors;
    spoil(tensors);
    write_safetensors(file(4, name), std::move(tensors));
    const std::string message = message_of(ErrorKind::input, [&] {
      const fs::path checkpoint = file(4, "").parent_path();
      restore_weights(checkpoint, m.config(), m.weights());
      restore_moment(checkpoint, Moment::first, optimizer.moment1());
    });
    write_safetensors(file(4, name), good);
    return message;
  };
  EXPECT_THAT(refusal_of("model.safetensors", [](auto& tensors) { tensors.pop_back(); }),
              HasSubstr("checkpoint-4 lacks vocab_transform.weight: it was written for another model"));
  EXPECT_THAT(refusal_of("optimizer.safetensors", [](auto& tensors) { tensors.erase(tensors.begin()); }),
              AllOf(HasSubstr("optimizer.safetensors lacks exp_avg."), HasSubstr("it was written for another model")));
  EXPECT_THAT(
      refusal_of("optimizer.safetensors", [](auto& tensors) { tensors[0].shape.insert(tensors[0].shape.begin(), 1); }),
      AllOf(HasSubstr("has shape [1, "), HasSubstr("expected ["), HasSubstr("it was written for another model")));
}

TEST_F(Damage, AutoGoesOnFromTheNewestThatIsWhole) {
  flip(file(10, "model.safetensors"), -5);
  fs::remove(file(9, "optimizer.safetensors"));
  TrainingOptions o = often("run");
  o.resume_from_checkpoint = "auto";
  adapt_fresh(o);
  EXPECT_EQ(lines(o.trace).size(), 10u);  // 8 kept, 2 made again
  EXPECT_EQ(model_bytes("run"), good_);
}

TEST_F(Damage, AutoDoesNotBeginAnewBehindOnesBack) {
  for (int step = 1; step <= 10; ++step) flip(file(step, "model.safetensors"), -5);
  TrainingOptions o = often("run");
  o.resume_from_checkpoint = "auto";
  EXPECT_THAT(message_of(ErrorKind::input, [&] { adapt_fresh(o); }),
              AllOf(HasSubstr("none of 10 checkpoints in "), HasSubstr("overwrite_output_dir")));
}

TEST_F(Damage, WhatIsNotThereIsAnIoError) {
  TrainingOptions o = often("elsewhere");
  o.resume_from_checkpoint = (folder_ / "none").string();
  EXPECT_THAT(message_of(ErrorKind::io, [&] { adapt_fresh(o); }), HasSubstr("there is no checkpoint"));
  EXPECT_FALSE(fs::exists(o.output_dir));
}

TEST_F(Damage, AnotherRunIsRefused) {
  TrainingOptions o = often("run");
  o.resume_from_checkpoint = "auto";
  o.seed = 43;
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { adapt_fresh(o); }), HasSubstr("seed was 42 and is 43"));
  o.seed = 42;
  o.max_steps = 7;
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { adapt_fresh(o); }), HasSubstr("10 updates into its run"));
  o.max_steps = -1;
  MaskedLM m = model();
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { adapt(m, tokenizer(), split(39, 12), o); }),
              HasSubstr("training data had 40 chunks"));
  MaskedLM bert = MaskedLM::from_pretrained(TEKIO_GOLDEN_DIR "/tiny-bert", {.device = "ref", .threads = 1});
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { adapt(bert, tokenizer(), split(), o); }),
              HasSubstr("the model was a DistilBERT"));
}

TEST_F(Damage, ABestModelThatStayedBehindIsSoughtAnew) {
  TrainingOptions o = often("other");
  o.resume_from_checkpoint = file(6, "").parent_path().string();
  o.save_steps = 2;
  o.load_best_model_at_end = true;
  const AdaptReport r = adapt_fresh(o);
  const int64_t best = json(folder_ / "other" / "trainer_state.json")["best_global_step"].get<int64_t>();
  EXPECT_GT(best, 6);
  EXPECT_EQ(model_bytes("other"),
            bytes(folder_ / "other" / ("checkpoint-" + std::to_string(best)) / "model.safetensors"));
  EXPECT_EQ(r.evaluations.size(), 5u);
}

TEST_F(Damage, AFinishedRunGoesOn) {
  adapt_fresh([&] {
    TrainingOptions o = often("run");
    o.overwrite_output_dir = true;
    return o;
  }());
  TrainingOptions o = often("run");
  o.resume_from_checkpoint = "auto";
  o.num_train_epochs = 3;
  EXPECT_EQ(adapt_fresh(o).steps, 15);
  EXPECT_EQ(json(folder_ / "run" / "all_results.json")["epoch"], 3.0);
}

TEST_F(Damage, OtherOptionsAreToldAndTakenUp) {
  TrainingOptions o = often("other");
  o.resume_from_checkpoint = file(5, "").parent_path().string();
  o.learning_rate = 2e-3;
  const AdaptReport r = adapt_fresh(o);
  EXPECT_EQ(r.steps, 10);
  EXPECT_NE(model_bytes("other"), good_);
}

}  // namespace
}  // namespace tekio::test

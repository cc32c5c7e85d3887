// What a run writes line by line, its state as JSON, and which folders it takes.
#include <gmock/gmock.h>

#include "tiny.h"
#include "train/line_log.h"
#include "train/run_folder.h"
#include "train/run_state.h"

namespace tekio::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Files : public TinyRun {
 protected:
  /// A folder that looks like a run's, with checkpoints (whose content does not matter here).
  void make_run(std::initializer_list<int> checkpoints, bool finished = false) {
    fs::create_directories(run_);
    std::ofstream(run_ / "options.json") << R"({"tekio_format": 1})";
    for (const int step : checkpoints) fs::create_directories(run_ / ("checkpoint-" + std::to_string(step)));
    if (finished) std::ofstream(run_ / "all_results.json") << "{}";
  }
  std::string refusal(const TrainingOptions& o) {
    return message_of(ErrorKind::usage, [&] { const RunFolder folder(o); });
  }
  void SetUp() override {
    TinyRun::SetUp();
    run_ = folder_ / "run";
  }
  fs::path run_;
};

TEST_F(Files, LinesAreKeptUpToTheResumedStep) {
  const fs::path path = folder_ / "log.jsonl";
  {
    LineLog log(path, 0);
    for (int step = 1; step <= 5; ++step) log.append({{"step", step}, {"loss", 0.1 * step}});
  }
  std::ofstream(path, std::ios::app) << R"({"step": 6, "lo)";  // torn by a kill
  {
    LineLog log(path, 3);
    log.append({{"step", 4}, {"again", true}});
  }
  const std::vector<Json> all = lines(path);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[2]["step"], 3);
  EXPECT_TRUE(all[3]["again"].get<bool>());
  { LineLog log(path, 0); }
  EXPECT_EQ(fs::file_size(path), 0u);  // a run from the beginning begins anew
}

TEST_F(Files, ALineThatCannotBeWrittenIsAnIoError) {
  message_of(ErrorKind::io, [&] { LineLog log(folder_ / "none" / "log", 0); });
  message_of(ErrorKind::io, [&] {
    LineLog log("/dev/full", 0), moved = std::move(log);
    moved.append({{"step", 1}});
  });
}

TEST_F(Files, TheStateComesBackAsItWas) {
  RunState s;
  s.step = 7, s.tokens = 123, s.total_flos = 1e18 / 3, s.update_seconds = 0.1, s.run_seconds = 0.7;
  s.batch_seconds = 0.01, s.checkpoint_seconds = 0.3;
  s.loss = {1.0 / 3, 70}, s.loss_since_log = {0.1 + 0.2, 20}, s.loss_since_evaluation = {1e-17, 10};
  s.steps_without_masked_tokens = 2;
  s.evaluation_due = true, s.evaluations_done = 3, s.best_loss = 2.0 / 7, s.best_step = 6;
  s.evaluations_without_gain = 1;
  s.before = EvaluationReport{.loss = 6.1,
                              .perplexity = std::exp(6.1),
                              .accuracy = 1.0 / 3,
                              .reference_loss = 6.2,
                              .perplexity_interval = INFINITY,
                              .chunks = 9,
                              .masked_tokens = 44,
                              .seconds = 1};
  s.general_before = s.before;
  s.evaluations.push_back({.epoch = 1, .step = 5, .train_loss = 3, .evaluation = *s.before});
  s.prompts.push_back({.text = "a [MASK]", .before = {{0.25f, 7, "b", "a b"}}, .after = {}});
  s.log_history.push_back({{"step", 1}});
  const std::string text = s.to_json().dump();
  const RunState back = RunState::from_json(Json::parse(text), "here");
  EXPECT_EQ(back.to_json().dump(), text);
  EXPECT_EQ(back.loss_since_log.sum, 0.1 + 0.2);
  EXPECT_EQ(back.general_before->masked_tokens, 44);
  EXPECT_EQ(back.before->perplexity, std::exp(6.1));
  EXPECT_EQ(back.before->perplexity_interval, INFINITY);
  EXPECT_EQ(back.before->accuracy, 1.0 / 3);
  EXPECT_EQ(back.prompts.at(0).before.at(0).sequence, "a b");
  Json earlier = s.to_json();
  earlier.erase("batch_seconds"), earlier.erase("checkpoint_seconds");
  EXPECT_EQ(RunState::from_json(earlier, "here").checkpoint_seconds, 0);
  Json broken = s.to_json();
  broken.erase("tokens");
  EXPECT_THAT(message_of(ErrorKind::input, [&] { RunState::from_json(broken, "here"); }),
              AllOf(HasSubstr("here does not hold a run's state: "), HasSubstr("'tokens' not found")));
}

TEST_F(Files, AnEarlierFormsLossesAreMeansOverUpdates) {
  Json form_1 = RunState{.step = 10, .tokens = 1000}.to_json();
  for (const char* key : {"loss", "loss_since_evaluation", "steps_without_masked_tokens", "general_before"})
    form_1.erase(key);
  form_1["loss_total"] = 50.0, form_1["loss_since_log"] = 12.0, form_1["logged_step"] = 7;
  form_1["loss_since_report"] = 4.0, form_1["reported_step"] = 9;
  form_1["epochs"] = Json::array(), form_1["evaluations"] = 2;
  const RunState weighted = RunState::from_json(RunState::from_form_1(form_1, MaskingRng::counter, 0.2), "here");
  EXPECT_EQ(weighted.loss.mean(), 5);
  EXPECT_EQ(weighted.loss.weight, 200) << "the tokens' share that is masked";
  EXPECT_EQ(weighted.loss_since_log.mean(), 4);
  EXPECT_EQ(weighted.loss_since_evaluation.weight, 20);
  EXPECT_EQ(weighted.evaluations_done, 2);
  const RunState compared = RunState::from_json(RunState::from_form_1(form_1, MaskingRng::torch, 0.2), "here");
  EXPECT_EQ(compared.loss.weight, 10) << "each update weighs the same";
}

TEST_F(Files, TheNextFreeName) {
  const auto next = [&](const char* name) {
    return next_free_name(folder_ / name).lexically_relative(folder_).string();
  };
  EXPECT_EQ(next("run"), "run-2") << "whether it is there or not";
  fs::create_directories(folder_ / "run-2");
  fs::create_symlink("nowhere", folder_ / "run-3");
  EXPECT_EQ(next("run"), "run-4");
  EXPECT_EQ(next("run/"), "run-4");
  EXPECT_EQ(next("run-2"), "run-4");
  EXPECT_EQ(next("run-9"), "run-10");
  EXPECT_EQ(next("bert-base-finetuned-2024"), "bert-base-finetuned-2025");
  EXPECT_EQ(next("run-02"), "run-02-2");
  EXPECT_EQ(next("7"), "7-2");
  EXPECT_EQ(next("-7"), "-7-2");
  EXPECT_EQ(next("run-99999999999"), "run-99999999999-2");
  EXPECT_EQ(next_free_name("run").string(), "run-2") << "relative as it was given";
}

TEST_F(Files, NewAndEmptyFoldersAreTaken) {
  const RunFolder none(options());
  EXPECT_FALSE(fs::exists(run_));  // looking writes nothing
  fs::create_directories(run_);
  RunFolder empty(options());
  EXPECT_EQ(empty.checkpoint_to_resume(), std::nullopt);
  empty.claim();
  empty.begin({{"seed", 1}});
  EXPECT_EQ(json(run_ / "options.json")["tekio_format"], 1);
}

TEST_F(Files, ForeignFilesAreRefusedEvenToOverwriting) {
  fs::create_directories(run_);
  std::ofstream(run_ / "thesis.txt") << "years of work";
  TrainingOptions o = options();
  EXPECT_THAT(refusal(o), AllOf(HasSubstr("output_dir"), HasSubstr("thesis.txt")));
  o.overwrite_output_dir = true;
  EXPECT_THAT(refusal(o), HasSubstr("thesis.txt"));
  std::ofstream(run_ / "options.json") << "{}";  // someone else's
  EXPECT_THAT(refusal(o), HasSubstr("not a run's"));
  std::ofstream(run_ / "options.json") << "{";
  EXPECT_THAT(refusal(o), HasSubstr("not a run's"));
}

TEST_F(Files, AFileIsNoFolder) {
  std::ofstream(run_) << "x";
  EXPECT_THAT(refusal(options()), HasSubstr("is a file"));
}

TEST_F(Files, AFinishedRunIsRefusedUnlessOverwritten) {
  make_run({10}, /*finished=*/true);
  std::ofstream(run_ / "notes.txt") << "mine";
  std::ofstream(run_ / "run.json") << "{}";
  TrainingOptions o = options();
  EXPECT_THAT(refusal(o),
              HasSubstr("finished run; name another folder, output_dir " + run_.string() + "-2 say, or pass"));
  o.overwrite_output_dir = true;
  RunFolder folder(o);
  folder.claim();
  folder.begin(Json::object());
  EXPECT_FALSE(fs::exists(run_ / "checkpoint-10"));
  EXPECT_FALSE(fs::exists(run_ / "all_results.json"));
  EXPECT_FALSE(fs::exists(run_ / "run.json"));
  EXPECT_TRUE(fs::exists(run_ / "notes.txt"));  // what is not a run's stays
  EXPECT_TRUE(fs::exists(run_ / "previous-run" / "checkpoint-10"));
  folder.end();
  EXPECT_FALSE(fs::exists(run_ / "previous-run"));
}

TEST_F(Files, AnOverwrittenRunOutlivesRunsThatCameToNothing) {
  make_run({10}, /*finished=*/true);
  std::ofstream(run_ / "model.safetensors") << "the only copy";
  TrainingOptions o = options();
  o.overwrite_output_dir = true;
  for (int broken_off = 0; broken_off < 2; ++broken_off) {
    RunFolder folder(o);
    folder.claim();
    folder.begin(Json::object());  // and is killed before end()
    fs::create_directory(run_ / "checkpoint-3");
    EXPECT_EQ(read_text(run_ / "previous-run" / "model.safetensors"), "the only copy");
  }
}

TEST_F(Files, OneRunAtATimeHasTheFolder) {
  RunFolder first(options()), second(options());  // both have looked and found it free
  first.claim();
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { second.claim(); }),
              AllOf(HasSubstr("output_dir"), HasSubstr("is in use: another run writes into it")));
  EXPECT_THAT(refusal(options()), HasSubstr("is in use"));
  TrainingOptions o = options();
  o.resume_from_checkpoint = "auto";
  EXPECT_THAT(refusal(o), HasSubstr("is in use"));
  o.resume_from_checkpoint.clear();
  o.overwrite_output_dir = true;
  EXPECT_THAT(refusal(o), HasSubstr("is in use"));
}

TEST_F(Files, ARunThatCameBetweenLookingAndTakingIsSeen) {
  RunFolder second(options());
  {
    RunFolder first(options());
    first.claim();
    make_run({7});
  }
  EXPECT_THAT(message_of(ErrorKind::usage, [&] { second.claim(); }), HasSubstr("stopped at update 7"));
}

TEST_F(Files, AFolderThatWasTakenAndNotUsedIsGone) {
  TrainingOptions o = options();
  o.output_dir = (folder_ / "a" / "b" / "").string();
  {
    RunFolder folder(o);
    folder.claim();
    EXPECT_TRUE(fs::exists(folder_ / "a" / "b"));
  }
  EXPECT_FALSE(fs::exists(folder_ / "a"));
  fs::create_directory(run_);
  { RunFolder(options()).claim(); }
  EXPECT_TRUE(fs::is_empty(run_)) << "it was there before";
  std::ofstream(run_ / ".tekio-lock") << "";  // of a run that was killed before it wrote anything
  RunFolder(options()).claim();
  EXPECT_TRUE(fs::is_empty(run_));
}

TEST_F(Files, ATraceDoesNotDestroyWhatIsNoTrace) {
  const fs::path file = run_.string() + "-trace";
  std::ofstream(file) << "a corpus\n";
  try {
    LineLog::refuse_foreign(file, "trace");
    FAIL() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), HasSubstr("is not a log of updates (it begins with \"a corpus\")"));
  }
  std::ofstream(file) << "{\"step\": 1}\n";
  LineLog::refuse_foreign(file, "trace");
  fs::remove(file);
  LineLog::refuse_foreign(file, "trace");
}

TEST_F(Files, AFinishedRunWithoutCheckpointsCannotBeResumed) {
  make_run({}, /*finished=*/true);
  TrainingOptions o = options();
  o.resume_from_checkpoint = "auto";
  EXPECT_THAT(refusal(o),
              HasSubstr("finished run; name another folder, output_dir " + run_.string() + "-2 say, or pass"));
}

TEST_F(Files, AStoppedRunIsResumedOrOverwrittenBothOnPurpose) {
  make_run({3, 12});
  TrainingOptions o = options();
  EXPECT_THAT(refusal(o),
              AllOf(HasSubstr("update 12"), HasSubstr("resume_from_checkpoint"), HasSubstr("overwrite_output_dir")));
  o.resume_from_checkpoint = "auto";
  EXPECT_EQ(RunFolder(o).checkpoints().size(), 2u);
  o.overwrite_output_dir = true;
  EXPECT_THAT(refusal(o), HasSubstr("give one of the two"));
  o.resume_from_checkpoint = (run_ / "checkpoint-3").string();
  EXPECT_THAT(refusal(o), HasSubstr("give one of the two"));
}

TEST_F(Files, AStoppedRunWithoutCheckpointsBeginsAnew) {
  make_run({});
  const RunFolder folder(options());
  EXPECT_TRUE(folder.checkpoints().empty());
}

TEST_F(Files, CheckpointsAreKnownByTheirExactNames) {
  make_run({2, 10, 9});
  for (const char* name : {"checkpoint-", "checkpoint-03", "checkpoint-4x", "checkpoint--5"})
    fs::create_directories(run_ / name);
  std::ofstream(run_ / "checkpoint-77") << "a file";
  TrainingOptions o = options();
  o.overwrite_output_dir = true;
  EXPECT_THAT(RunFolder(o).checkpoints(), ElementsAre(2, 9, 10));
}

TEST_F(Files, RotationKeepsTheNewestAndTheBest) {
  TrainingOptions o = options();
  o.overwrite_output_dir = true;
  const auto left = [&](int64_t limit, int64_t saved, int64_t best) {
    fs::remove_all(run_);
    make_run({1, 2, 3, 4, 5});
    const RunFolder folder(o);
    folder.rotate(limit, saved, best);
    return folder.checkpoints();
  };
  EXPECT_THAT(left(0, 5, 1), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(left(3, 5, 0), ElementsAre(3, 4, 5));
  EXPECT_THAT(left(3, 5, 1), ElementsAre(1, 4, 5));
  EXPECT_THAT(left(2, 5, 2), ElementsAre(2, 5));
  EXPECT_THAT(left(1, 5, 2), ElementsAre(2, 5));  // the best is no reason to lose the newest
  EXPECT_THAT(left(1, 5, 5), ElementsAre(5));
  EXPECT_THAT(left(1, 3, 0), ElementsAre(3));  // what was just saved is the newest, whatever its number
  for (const auto& entry : fs::directory_iterator(run_)) EXPECT_NE(entry.path().filename().string().front(), '.');
}

TEST_F(Files, WhatCannotBeMadeIsAnIoError) {
  TrainingOptions o = options();
  o.output_dir = "/proc/none/run";
  RunFolder folder(o);
  EXPECT_THAT(message_of(ErrorKind::io, [&] { folder.claim(); }),
              HasSubstr("cannot write output_dir /proc/none/run: No such file or directory"));
  o.output_dir = (folder_ / std::string(300, 'n')).string();
  EXPECT_THAT(message_of(ErrorKind::io, [&] { const RunFolder unreadable(o); }),
              AllOf(HasSubstr("cannot read output_dir"), HasSubstr("File name too long")));
}

}  // namespace
}  // namespace tekio::test

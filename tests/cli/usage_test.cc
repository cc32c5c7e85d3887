// What users are told when a command line is wrong: always exit code 2, one sentence, the option's name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <sstream>

#include "program.h"

namespace tekio::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Case {
  std::vector<std::string> arguments;
  const char* message;
};

void PrintTo(const Case& c, std::ostream* out) {
  for (const std::string& argument : c.arguments) *out << argument << ' ';
}

class Usage : public testing::TestWithParam<Case> {};

TEST_P(Usage, IsRefusedInOneSentence) {
  const Result result = run(GetParam().arguments);
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, StartsWith("tekio: "));
  EXPECT_THAT(result.err, HasSubstr(GetParam().message));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

const std::string M = model_folder();

INSTANTIATE_TEST_SUITE_P(
    Program, Usage,
    testing::Values(
        Case{{}, "no command given"}, Case{{"adpat"}, "no command 'adpat', did you mean 'adapt'?"},
        Case{{"xyzxyz"}, "no command 'xyzxyz' ("}, Case{{"data"}, "tekio: data needs a command of its own"},
        Case{{"data", "ifno"}, "did you mean 'data info'?"},
        Case{{"data", "--json"}, "tekio: data needs a command of its own"}, Case{{"--json"}, "no command '--json'"},
        Case{{"--verson"}, "unknown option --verson, did you mean --version?"},
        Case{{"-version"}, "unknown option -version, did you mean --version?"},
        Case{{"--hepl"}, "unknown option --hepl, did you mean --help?"},
        Case{{"dta", "info"}, "no command 'dta', did you mean 'data info'?"},
        Case{{"adpat", "--data", "x"}, "no command 'adpat', did you mean 'adapt'?"},
        Case{{"tokenizer"}, "tekio: tokenizer needs a command of its own"},
        Case{{"push"}, "push needs a run folder and the id of a repository on the Hub"},
        Case{{"trian"}, "no command 'trian', did you mean 'train'?"},
        Case{{"finetune"}, "no command 'finetune', did you mean 'adapt'?"}, Case{{"evaluate"}, "did you mean 'eval'?"},
        Case{{"version"}, "did you mean '--version'?"}, Case{{"decode"}, "did you mean 'tokenize --decode'?"},
        Case{{"bench", "stpe"}, "no command 'bench stpe', did you mean 'bench step'?"},
        Case{{"info", "a", "b"}, "'b' is one argument too many; usage: tekio info [M]"},
        Case{{"eval", "text.txt"}, "one argument too many"}, Case{{"tell\x1bme\n"}, "no command 'tell\\x1bme\\x0a'"}));

INSTANTIATE_TEST_SUITE_P(
    Common, Usage,
    testing::Values(
        Case{{"doctor", "--device", "tpu"}, "--device is 'tpu', expected one of auto, cpu, cuda, ref, cuda:N"},
        Case{{"doctor", "--device", "GPU"}, "cpu, cuda, ref, cuda:N, did you mean cuda?"},
        Case{{"doctor", "--device", "CUDA"}, "did you mean cuda?"},
        Case{{"doctor", "--device", "CPU"}, "did you mean cpu?"},
        Case{{"doctor", "--dtype", "BFloat16"}, "did you mean bf16?"},
        Case{{"doctor", "--device", "cuda:"}, "--device is 'cuda:', expected one of auto"},
        Case{{"doctor", "--device", "cuda:-1"}, "--device is 'cuda:-1', expected one of auto"},
        Case{{"doctor", "--device", "cuda:N"}, "--device is 'cuda:N', expected one of auto"},
        Case{{"doctor", "--dtype", "f16"}, "--dtype is 'f16'"},
        Case{{"doctor", "--dtype", "float16"},
             "--dtype is 'float16', which is not supported: its range is too small to "
             "train without scaling losses; bf16 has float32's range: --dtype bf16"},
        Case{{"doctor", "--dtype", "fp16"}, "--dtype is 'fp16', which is not"},
        Case{{"doctor", "--dtype", "float64"}, "expected one of auto, f32, bf16"},
        Case{{"doctor", "--threads", "-1"}, "--threads is '-1'"},
        Case{{"doctor", "--threads", "two"}, "--threads is 'two'"}, Case{{"doctor", "--seed", "-1"}, "--seed is '-1'"},
        Case{{"doctor", "--seed", "4294967296"}, "--seed is '4294967296'"},
        Case{{"doctor", "--seed"}, "--seed needs a value"}, Case{{"doctor", "--jsn"}, "did you mean --json?"}));

INSTANTIATE_TEST_SUITE_P(
    Missing, Usage,
    testing::Values(Case{{"eval", "--model", M}, "--data is missing"},
                    Case{{"pretrain", "--config", M + "/config.json", "--tokenizer", M}, "--data is missing"},

                    Case{{"data", "info"}, "needs files"}, Case{{"data", "head"}, "needs files"},
                    Case{{"data", "chunks", "--model", M}, "needs files"},
                    Case{{"bench", "tokenize", "--model", M}, "needs a file of text"},
                    Case{{"bench", "data", "--model", M}, "needs files or a folder"},
                    Case{{"eval", "--max_chunks", "5"},
                         "--data is missing: tekio eval needs files or a folder of text, a name on the Hub, or a "
                         "bundled corpus (tekio data list)"},
                    Case{{"cache"}, "tekio: cache needs a command of its own"},
                    Case{{"fill", "--model_revision", "x", "a [MASK]"}, "--model_revision needs --model"},
                    Case{{"bench", "step", "--compare_reference="}, "--compare_reference names no program"},
                    Case{{"adapt", "--validation_file", "x"}, "--validation_file needs --train_file or --data"}));

INSTANTIATE_TEST_SUITE_P(
    Contradictions, Usage,
    testing::Values(
        Case{{"adapt", "--data", "a", "--train_file", "b"}, "--data contradicts --train_file"},
        Case{{"adapt", "--model", "a", "--model_name_or_path", "b"}, "two names of one option"},
        Case{{"adapt", "--train_size", "5", "--validation_split_percentage", "7"},
             "--train_size contradicts --validation_split_percentage"},
        Case{{"adapt", "--data", "a", "--test_size", "5", "--validation_file", "b"},
             "--test_size contradicts --validation_file"},
        Case{{"adapt", "--data", "a", "--trace", "-"}, "--trace is '-', but standard output is for the result"},
        Case{{"adapt", "--data", "a", "--json", "--trace=-"}, "--trace is '-'"},
        Case{{"adapt", "--model_revision", "x"}, "--model_revision needs --model"},
        Case{{"adapt", "--data", "a", "--line_by_line", "--pad_to_max_length", "--masking_rng", "torch", "--quiet"},
             "--pad_to_max_length cannot be honoured with --masking_rng torch"},
        Case{{"adapt", "--device", "ref", "--logging_strategy", "steps"}, "--logging_strategy steps"},
        Case{{"tokenize", "--model", M, "--ids", "--decode"}, "--ids contradicts --decode"},
        Case{{"tokenize", "--model", M, "--tokens", "--decode"}, "--tokens contradicts --decode"},
        Case{{"tokenize", "--model", M, "--ids", "--tokens"}, "--tokens contradicts --ids"},
        Case{{"tokenize", "--model", M, "--text", "a", "b.txt"}, "--text contradicts the argument b.txt"},
        Case{{"cache", "clear", "--older_than", "x"}, "--older_than is 'x', expected a number"},
        Case{{"data", "chunks", "x", "--model", M, "--train_size", "3"}, "--train_size and --test_size need --export"},
        Case{{"data", "chunks", "x", "--model", M, "--export", "d", "--split_seed", "3"},
             "--split_seed needs --train_size or --test_size"},
        Case{{"data", "chunks", "x", "--model", M, "--export", "d", "--line_by_line"},
             "--export contradicts --line_by_line"},
        Case{{"bench", "step", "--pairs", "3"}, "--pairs needs --compare_reference"},
        Case{{"bench", "fill", "--model", M, "--pairs", "3"}, "--pairs needs --compare_reference"},
        Case{{"bench", "step", "--reference_mode", "bf16"}, "--reference_mode needs --compare_reference"},
        Case{{"bench", "data", "x", "--model", M, "--line_by_line", "--compare_reference", "p"},
             "--compare_reference contradicts --line_by_line"},
        Case{{"info", "a", "--model", "b"}, "--model b contradicts the argument a"},
        Case{{"fill", "--model", M, "--targets", ",", "a [MASK]"}, "--targets names no word"},
        Case{{"adapt", "--load_best_model_at_end", "--save_strategy", "no"}, "--load_best_model_at_end"},
        Case{{"adapt", "--early_stopping_patience", "2", "--eval_strategy", "no"}, "--early_stopping_patience"},
        Case{{"adapt", "--masking", "span", "--whole_word_mask"}, "--whole_word_mask contradicts --masking span"},
        Case{{"adapt", "--masking", "span", "--masking_rng", "torch"},
             "--masking span contradicts --masking_rng torch"},
        Case{{"eval", "--data", "x", "--masking", "span", "--masking_rng", "torch-cpu"}, "--masking span contradicts"},
        Case{{"data", "chunks", "x", "--masking", "span", "--whole_word_mask"}, "contradicts --masking span"},
        Case{{"adapt", "--masking", "word"}, "--masking is 'word', which is not supported: pass --whole_word_mask"},
        Case{{"adapt", "--masking", "spam"}, "--masking is 'spam', expected one of token, span, did you mean span?"},
        Case{{"adapt", "--masking", "span", "--span_geometric_p", "0"}, "--span_geometric_p is '0'"},
        Case{{"adapt", "--masking", "span", "--max_span_length", "0"}, "--max_span_length is '0'"},
        Case{{"adapt", "--masking", "span", "--max_span_length", "1e3"}, "--max_span_length is '1e3'"},
        Case{{"adapt", "--geometric_p", "0.2"}, "did you mean --span_geometric_p"},
        Case{{"adapt", "--whole_word_rule", "legacy"}, "--whole_word_rule needs --whole_word_mask"},
        Case{{"eval", "--data", "x", "--whole_word_rule", "offsets"}, "--whole_word_rule needs --whole_word_mask"},
        Case{{"data", "chunks", "x", "--whole_word_rule", "offsets"}, "--whole_word_rule needs --whole_word_mask"}));

INSTANTIATE_TEST_SUITE_P(
    Ranges, Usage,
    testing::Values(Case{{"adapt", "--learning_rate", "-1"}, "--learning_rate is '-1', expected a number >= 0"},
                    Case{{"adapt", "--mlm_probability", "1.5"}, "--mlm_probability is '1.5'"},
                    Case{{"adapt", "--mlm_probability", "0"}, "--mlm_probability is '0'"},
                    Case{{"adapt", "--mlm_probability", "0.3:0"},
                         "--mlm_probability is '0.3:0', expected a number > 0 and <= 1, or two, FIRST:LAST"},
                    Case{{"adapt", "--mlm_probability", "0.3:0.2:0.1"}, "--mlm_probability is '0.3:0.2:0.1'"},
                    Case{{"adapt", "--mlm_probability", ":0.1"}, "--mlm_probability is ':0.1'"},
                    Case{{"pretrain", "--wwm_probability", "1.5:0.2"}, "--wwm_probability is '1.5:0.2'"},
                    Case{{"eval", "--mlm_probability", "0.3:0.15"},
                         "--mlm_probability is '0.3:0.15', expected a number > 0 and <= 1 (it may change only where a "
                         "model is trained, by tekio adapt or pretrain)"},
                    Case{{"data", "chunks", "--wwm_probability", "0.3:0.15"},
                         "(it may change only where a model is trained"},
                    Case{{"eval", "--mlm_probability", "0.3:no"}, "is '0.3:no', expected a number > 0 and <= 1"},
                    Case{{"adapt", "--learning_rate", "1e-4:1e-5"}, "--learning_rate is '1e-4:1e-5'"},
                    Case{{"adapt", "--num_train_epochs", "0"}, "--num_train_epochs is '0'"},
                    Case{{"adapt", "--max_steps", "0"}, "--max_steps is '0', expected an integer >= 1, or -1"},
                    Case{{"adapt", "--max_steps", "-2"}, "--max_steps is '-2'"},
                    Case{{"adapt", "--per_device_train_batch_size", "0"}, "--per_device_train_batch_size is '0'"},
                    Case{{"adapt", "--lr_scheduler_type", "linaer"}, "did you mean linear?"},
                    Case{{"adapt", "--warmup_steps", "1.5"}, "--warmup_steps is 1.5"},
                    Case{{"adapt", "--dropout", "1"}, "--dropout is '1', expected a number >= 0 and < 1"},
                    Case{{"adapt", "--adam_beta1", "1"}, "--adam_beta1 is '1', expected a number >= 0 and < 1"},
                    Case{{"adapt", "--adam_beta2", "1"}, "--adam_beta2 is '1'"},
                    Case{{"adapt", "--chunk_size", "0"}, "--chunk_size is '0'"},
                    Case{{"adapt", "--validation_split_percentage", "100"}, "--validation_split_percentage is '100'"},
                    Case{{"adapt", "--save_strategy", "best"}, "--save_strategy is 'best'"},
                    Case{{"adapt", "--eval_masking", "thawed"}, "--eval_masking is 'thawed'"},
                    Case{{"adapt", "--masking_rng", "torch-gpu"}, "--masking_rng is 'torch-gpu'"},
                    Case{{"adapt", "--learning-rate"}, "--learning-rate needs a value"},
                    Case{{"bench", "step", "--max_steps", "0"}, "--max_steps is '0'"},
                    Case{{"bench", "step", "--per_device_train_batch_size", "0"}, "--per_device_train_batch_size is"},
                    Case{{"bench", "step", "--max_seq_length", "0"}, "--max_seq_length is '0'"},
                    Case{{"bench", "step", "--reference_mode", "fp16"}, "--reference_mode is 'fp16'"},
                    Case{{"bench", "fill", "--model", M, "--repeats", "0"}, "--repeats is '0'"},
                    Case{{"bench", "step", "--max_stesp", "3"}, "did you mean --max_steps?"},
                    Case{{"fill", "--model", M, "--top_k", "-1", "a"}, "--top_k is '-1'"},
                    Case{{"eval", "--model", M, "--max_chunks", "-1"}, "--max_chunks is '-1'"},
                    Case{{"data", "head", "x", "-n", "-2"}, "-n is '-2'"},
                    Case{{"adapt", "--learning_rate", "nan", "--data", "x"}, "--learning_rate is 'nan'"}));

// Other tools' words are the option itself: what is said of it names the word that was used.
INSTANTIATE_TEST_SUITE_P(
    Aliases, Usage,
    testing::Values(
        Case{{"adapt", "--lr", "1", "--learning_rate", "2"},
             "--lr 1 contradicts --learning_rate 2: they are two names"},
        Case{{"train", "--lr", "-1"}, "--lr is '-1', expected a number >= 0"},
        Case{{"adapt", "--epochs", "0"}, "--epochs is '0', expected a number > 0"},
        Case{{"adapt", "--epochs", "1", "--num_train_epochs", "2"}, "--epochs 1 contradicts --num_train_epochs 2"},
        Case{{"adapt", "--batch_size", "x"}, "tekio: --batch_size is 'x', expected an integer >= 1\n"},
        Case{{"adapt", "-m", "a", "--model", "b"}, "-m a contradicts --model b"},
        Case{{"adapt", "-o", "a", "--output_dir", "b"}, "-o a contradicts --output_dir b"},
        Case{{"adapt", "-o"}, "-o needs a value"}, Case{{"fill", "-o", "x"}, "unknown option -o ("},
        Case{{"adapt", "-output", "x"}, "did you mean --output_dir?"},
        Case{{"adapt", "-orun"}, "unknown option -orun, did you mean -o run?"},
        Case{{"adapt", "--o", "run"}, "unknown option --o, did you mean -o?"},
        Case{{"adapt", "--gpu"}, "unknown option --gpu, did you mean --device cuda?"},
        Case{{"adapt", "--max_length", "8"}, "did you mean --chunk_size?"},
        Case{{"adapt", "--learning", "8"}, "unknown option --learning, did you mean --learning_rate?"},
        Case{{"fill", "--chunk_size", "8"}, "unknown option --chunk_size, which is an option of tekio adapt"}));

TEST(Usage, TheLastOfTwoModelsCountsAndThatIsSaid) {
  const Result result = run({"tokenize", "--model", "/none", "-m", model_folder(), "--model", "/none/too", "--text",
                             "the", "--model", model_folder(), "--ids"});
  EXPECT_EQ(result.code, 2) << "two names of one option with different values";
  const Result twice = run({"tokenize", "--model", "/none", "--model", model_folder(), "--text", "the", "--ids"});
  EXPECT_EQ(twice.code, 0) << twice.err;
  EXPECT_THAT(twice.err, HasSubstr("tekio: warning: --model is given twice, as /none and as"));
}

// What run_mlm.py has and this version cannot do is refused with the reason, never passed over.
INSTANTIATE_TEST_SUITE_P(
    RunMlm, Usage,
    testing::Values(Case{{"adapt", "--fp16"},
                         "--fp16 true cannot be honoured: arithmetic is in f32 or bf16: --dtype bf16"},
                    Case{{"adapt", "--fp16", "true"}, "--fp16 true cannot be honoured"},
                    Case{{"adapt", "--no_do_train"}, "--do_train false cannot be honoured"},
                    Case{{"adapt", "--do_eval", "false"}, "--do_eval false cannot be honoured"},
                    Case{{"adapt", "--do_predict"}, "--do_predict"},
                    Case{{"adapt", "--report_to", "wandb"},
                         "--report_to is 'wandb', which is not supported: its own library reads"},
                    Case{{"adapt", "--optim", "adafactor"}, "--optim adafactor"},
                    Case{{"adapt", "--push_to_hub", "--offline"}, "needs the network"},
                    Case{{"adapt", "--label_smoothing_factor", "0.1"}, "--label_smoothing_factor 0.1"},
                    Case{{"adapt", "--deepspeed", "x.json"}, "--deepspeed x.json"},
                    Case{{"adapt", "--config_overrides", "n=1"}, "--config_overrides"},
                    Case{{"adapt", "--metric_for_best_model", "accuracy"}, "--metric_for_best_model accuracy"},
                    Case{{"adapt", "--use_cpu", "--device", "cuda"}, "--device cuda contradicts --use_cpu"},
                    Case{{"adapt", "--bf16", "--dtype", "f32"}, "--dtype f32 contradicts --bf16"}));

TEST(Problems, AreToldAllAtOnce) {
  EXPECT_EQ(run({"adapt", "--learning_rat", "1", "--threads", "x", "--quite", "--seed", "-1", "--dropout"}).err,
            "tekio: unknown option --learning_rat, did you mean --learning_rate?; unknown option --quite, did you mean "
            "--quiet?; --dropout needs a value: a number >= 0 and < 1; --threads is 'x', expected an integer from 0 to "
            "1024; --seed is '-1', expected an integer from 0 to 4294967295 ('tekio adapt --help' lists all)\n");
  const std::string several =
      run({"adapt", "--data", "a", "--train_file", "b", "--fp16", "--fsdp", "full_shard", "--warmup_steps", "1.5",
           "--trace", "-", "--early_stopping_patience", "2", "--eval_strategy", "no"})
          .err;
  for (const char* part :
       {"--fp16 true cannot be honoured", "--fsdp full_shard cannot be honoured", "--data contradicts --train_file",
        "--trace is '-'", "--warmup_steps is 1.5", "--early_stopping_patience needs evaluations"})
    EXPECT_THAT(several, HasSubstr(part));
}

TEST(ConfigFile, SpellsNumberFormatsAsUsersDo) {
  const ScratchFolder folder;
  for (const auto& [spelled, meant] : {std::pair{"float32", "f32"}, {"fp32", "f32"}, {"bfloat16", "bf16"}}) {
    const std::string line = std::string("dtype = \"") + meant + "\"\n";
    EXPECT_THAT(run({"doctor", "--dtype", spelled, "--dump_config"}).out, HasSubstr(line));
    const std::string file = folder.write("c.toml", std::string("dtype = '") + spelled + "'\n");
    EXPECT_THAT(run({"doctor", "--config", file, "--dump_config"}).out, HasSubstr(line));
  }
}

TEST(Aliases, AreTheOptionItself) {
  const ScratchFolder folder;
  const std::vector<std::string> ours = {"--learning_rate",
                                         "1e-3",
                                         "--num_train_epochs",
                                         "1",
                                         "--per_device_train_batch_size",
                                         "4",
                                         "--per_device_eval_batch_size",
                                         "4",
                                         "--model",
                                         M,
                                         "--data",
                                         "d",
                                         "--output_dir",
                                         "run",
                                         "--dump_config"};
  std::vector<std::string> named = ours;
  named.insert(named.begin(), "adapt");
  const std::string expected = run(named).out;
  EXPECT_THAT(expected, HasSubstr("per_device_eval_batch_size = 4\n"));
  EXPECT_EQ(
      run({"train", "--lr", "1e-3", "--epochs=1", "--batch-size", "4", "-m", M, "-d", "d", "-o=run", "--dump_config"})
          .out,
      expected);
  const std::string file = folder.write(
      "c.toml", "lr = 0.001\nepochs = 1\nbatch_size = 4\ndata = ['d']\noutput_dir = 'run'\nmodel = '" + M + "'\n");
  EXPECT_EQ(run({"adapt", "--config", file, "--dump_config"}).out, expected);
  EXPECT_THAT(run({"adapt", "--config", file, "--dump_config", "--learning_rate", "0.5", "--batch_size", "2"}).out,
              testing::AllOf(HasSubstr("learning_rate = 0.5\n"), HasSubstr("per_device_train_batch_size = 2\n"),
                             HasSubstr("per_device_eval_batch_size = 2\n")))
      << "the command line wins";
  for (const std::vector<std::string>& two :
       {std::vector<std::string>{"--per_device_eval_batch_size", "8", "--batch_size", "4"},
        std::vector<std::string>{"--batch_size", "4", "--per_device_eval_batch_size", "8"}}) {
    std::vector<std::string> command = {"adapt", "-d", "d", "--dump_config"};
    command.insert(command.end(), two.begin(), two.end());
    EXPECT_THAT(run(command).out, testing::AllOf(HasSubstr("per_device_train_batch_size = 4\n"),
                                                 HasSubstr("per_device_eval_batch_size = 8\n")))
        << "an option's own name comes before one that several have";
  }
  const Result both = run({"adapt", "--config", folder.write("d.toml", "lr = 0.5\nlearning_rate = 0.25\n")});
  EXPECT_EQ(both.code, 2);
  EXPECT_THAT(both.err, HasSubstr("d.toml:2: learning_rate contradicts lr: they are two names of one option"));
  EXPECT_EQ(run({"adapt", "--lr", "1e-3", "--learning_rate", "0.001", "-m", M, "-m", M, "--dump_config"}).code, 0)
      << "equal values contradict nothing";
  EXPECT_THAT(run({"adapt", "--lr", "1", "--lr", "2", "--dump_config"}).out, HasSubstr("learning_rate = 2"))
      << "the last of equal names counts, as in the reference stack's scripts";
  for (const auto& [gpu, meant] : {std::pair("gpu", "cuda"), {"cuda", "cuda"}, {"cuda:0", "cuda:0"}}) {
    const Result device = run({"doctor", "--device", gpu, "--dump_config"});
    if (device.code == 0)
      EXPECT_THAT(device.out, HasSubstr(std::string("device = \"") + meant + "\"\n"));
    else
      EXPECT_EQ(device.code, 5) << gpu << device.err;
  }
  EXPECT_EQ(run({"help", "train"}).out, run({"adapt", "--help"}).out);
  const std::string help = run({"adapt", "--help"}).out;
  for (const char* shown : {"-m, --model", "-d, --data", "-o, --output_dir", "--lr)", "--epochs)", "--batch_size)"})
    EXPECT_THAT(help, HasSubstr(shown));
}

TEST(ConfigFile, ProblemsAreUsageErrors) {
  const ScratchFolder folder;
  const std::string file = folder.write("c.toml", "learning_rat = 1\n");
  const Result result = run({"adapt", "--config", file});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("c.toml:1: unknown option 'learning_rat', did you mean learning_rate?"));
  EXPECT_EQ(run({"adapt", "--config", folder / "none.toml"}).code, 4);
}

TEST(ConfigFile, DumpIsReadBack) {
  const ScratchFolder folder;
  const Result first = run({"adapt", "--model", M, "--data", "a b", "--learning-rate", "3e-4", "--masking_rng",
                            "torch-cpu", "--whole_word_mask", "--dump-config"});
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("learning_rate = 0.0003\n"));
  EXPECT_THAT(first.out, HasSubstr("masking_rng = \"torch-cpu\"\n"));
  EXPECT_THAT(first.out, HasSubstr("data = [\"a b\"]\n"));
  const std::string file = folder.write("c.toml", first.out);
  EXPECT_EQ(run({"adapt", "--config", file, "--dump_config"}).out, first.out);
  const auto json = run({"adapt", "--config", file, "--dump_config", "--json", "--learning_rate", "0.5"}).json();
  EXPECT_EQ(json["learning_rate"], 0.5) << "the command line wins";
  EXPECT_EQ(json["whole_word_mask"], true);
  EXPECT_EQ(json["per_device_train_batch_size"], 64);
}

TEST(ConfigFile, KeepsAShareThatChanges) {
  const ScratchFolder folder;
  const Result first = run({"adapt", "--mlm_probability", "0.3:0.15", "--dump-config"});
  EXPECT_THAT(first.out, HasSubstr("mlm_probability = \"0.3:0.15\"\n"));
  EXPECT_THAT(first.out, HasSubstr("wwm_probability = 0.2\n"));
  const std::string file = folder.write("c.toml", first.out);
  EXPECT_EQ(run({"adapt", "--config", file, "--dump_config"}).out, first.out);
  const auto json = run({"adapt", "--config", file, "--mlm_probability", "0.2", "--dump_config", "--json"}).json();
  EXPECT_EQ(json["mlm_probability"], 0.2) << "the command line wins whole";
  const Result wrong = run({"adapt", "--config", folder.write("d.toml", "mlm_probability = \"0.3:2\"\n")});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("d.toml:1: mlm_probability is '0.3:2', expected a number > 0 and <= 1, or two"));
  const Result elsewhere = run({"eval", "--config", file});
  EXPECT_EQ(elsewhere.code, 2);
  EXPECT_THAT(elsewhere.err, HasSubstr("it may change only where a model is trained"));
}

TEST(Help, StandsForTheProgramAndEveryCommand) {
  const Result program = run({"--help"});
  EXPECT_EQ(program.code, 0);
  EXPECT_EQ(program.err, "");
  for (const char* name : {"adapt", "fill", "eval", "tokenize", "data info", "data head", "data chunks", "info",
                           "bench step", "bench tokenize", "bench data", "bench fill", "doctor"}) {
    EXPECT_THAT(program.out, HasSubstr(name));
    std::vector<std::string> arguments;
    std::stringstream words(name);
    for (std::string word; words >> word;) arguments.push_back(word);
    arguments.emplace_back("--help");
    const Result help = run(arguments);
    EXPECT_EQ(help.code, 0) << name;
    EXPECT_THAT(help.out, StartsWith(std::string("usage: tekio ") + name));
    EXPECT_THAT(help.out, HasSubstr("\nExamples\n  "));
    EXPECT_THAT(help.out, HasSubstr("--json"));
  }
  EXPECT_THAT(run({"adapt", "--learning_rate", "-1", "-h"}).out, HasSubstr("--learning_rate X"));
  EXPECT_EQ(run({"help", "data", "info"}).out, run({"data", "info", "--help"}).out);
  EXPECT_EQ(run({"data", "info", "--help=true"}).out, run({"data", "info", "--help"}).out);
  EXPECT_THAT(run({"data", "--help"}).out, HasSubstr("data chunks"));
  EXPECT_THAT(program.out, HasSubstr("\n  push "));
}

// Whatever COLUMNS says, no line of any help is wider: options, choices, usage, examples.
TEST(Help, FitsTheTerminal) {
  const auto columns = [](const std::string& line) {
    return std::count_if(line.begin(), line.end(),
                         [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  };
  std::vector<std::vector<std::string>> commands = {{}, {"data"}, {"bench"}, {"cache"}};
  std::istringstream listed(run({"--help"}, {.environment = {{"COLUMNS", "200"}}}).out);
  bool in_list = false;
  for (std::string line; std::getline(listed, line);) {
    if (line == "Commands") in_list = true;
    if (!in_list || !line.starts_with("  ")) {
      if (in_list && line.empty()) break;
      continue;
    }
    std::istringstream words(line.substr(0, line.find("  ", 2)));
    commands.emplace_back();
    for (std::string word; words >> word;) commands.back().push_back(word);
  }
  EXPECT_GE(commands.size(), 20u);
  for (const int width : {60, 80, 110})
    for (std::vector<std::string> command : commands) {
      command.emplace_back("--help");
      std::istringstream help(run(command, {.environment = {{"COLUMNS", std::to_string(width)}}}).out);
      for (std::string line; std::getline(help, line);)
        EXPECT_LE(columns(line), width) << command.front() << " " << line;
    }
}

TEST(Version, IsTold) { EXPECT_EQ(run({"--version"}).out, "tekio " TEKIO_VERSION "\n"); }

}  // namespace
}  // namespace tekio::test

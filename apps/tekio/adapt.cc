// tekio adapt: trains a model that exists; without --model the bundled one.
#include "bundled.h"
#include "training_command.h"

namespace tekio::cli {
namespace {

class Adapt final : public TrainingCommand {
 public:
  Adapt() : TrainingCommand("finetuned") { model_.grows = true; }

  CommandText text() const override {
    return {.name = "adapt",
            .summary = "trains a masked language model on a domain's text",
            .usage = "[--model M] [--data D…] [--output_dir RUN] [options]",
            .description =
                "Evaluates a model on text that it will not see, trains it on a domain's text, evaluates it again, and "
                "saves "
                "it as a folder that "
                "AutoModelForMaskedLM.from_pretrained opens. Trains on split train; evaluates on what --test_size cuts "
                "off, else by split "
                "validation, else test, else by the last --validation_split_percentage of the rows. Without --model: "
                "the bundled one, and the options that suit it. Without --data either: one of the bundled corpora, "
                "which 'tekio data list' lists. run_mlm.py's options are understood too, see docs/cli.md.",
            .examples = {"tekio adapt --data medicine",
                         "tekio adapt --model ./distilbert-base-uncased --data ./imdb --train_size 10000 --test_size "
                         "1000 --output_dir run",
                         "tekio adapt --model distilbert-base-uncased --train_file notes.txt --validation_file "
                         "held-out.txt --line_by_line",
                         "tekio adapt --model M --data D --output_dir run --resume_from_checkpoint",
                         "tekio adapt --model M --data D --dry_run"},
            .aliases = {"train"},
            .on_ranks = OnRanks::together};
  }

 private:
  void add_model_options(OptionTable& table) override {
    model_.add_to(table, true);
    table.at("model").first_in_help();
    if (const auto file = bundled_options()) table.set_defaults("model", *file);
  }

  void check_model_options(const OptionTable& table) const override {
    if (table.given("model_revision") && model_.model.empty()) fail(ErrorKind::usage, "--model_revision needs --model");
  }

  Origin find() override {
    bundled_ = model_.model.empty();
    const ModelPlace place = model_.place(common.hub);
    return {place, named_option("model") + " " + (bundled_ ? place.folder.string() : model_.model)};
  }

  OpenModel open(const Origin&) const override { return model_.open(common); }

  // A model of the user's own is not trained on a text that nobody asked for.
  std::vector<std::string> default_data() const override {
    if (!bundled_)
      fail(ErrorKind::usage,
           "--data is missing: pass files or a folder of text, or the name of a bundled corpus ('tekio data list')");
    return {default_corpus("data").name};
  }

  ModelOptions model_;
  bool bundled_ = false;
};

}  // namespace

std::unique_ptr<Command> make_adapt() { return std::make_unique<Adapt>(); }

}  // namespace tekio::cli

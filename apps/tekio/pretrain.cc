// tekio pretrain: trains a model from nothing: sizes from a config.json, weights fresh, the tokenizer from a folder.
#include <filesystem>

#include "model/masked_lm.h"
#include "model/vocabulary.h"
#include "text/tables.h"
#include "training_command.h"

namespace tekio::cli {
namespace fs = std::filesystem;
namespace {

// "mini" for mini/config.json, "small" for small.json.
std::string name_of_config(const fs::path& file) {
  if (file.filename() != "config.json") return file.stem().string();
  std::error_code ignored;
  return fs::weakly_canonical(file, ignored).parent_path().filename().string();
}

class Pretrain final : public TrainingCommand {
 public:
  Pretrain() : TrainingCommand("pretrained") {}

  CommandText text() const override {
    return {
        .name = "pretrain",
        .summary = "trains a masked language model from nothing",
        .usage = "--config CONFIG.json --tokenizer DIR --data D… [--output_dir RUN] [options]",
        .description =
            "Makes a model of the sizes that a config.json says, with fresh weights as --seed draws them, and trains "
            "it on a text as adapt does, with adapt's options: it is evaluated before, in between and after, and saved "
            "as a folder that AutoModelForMaskedLM.from_pretrained opens and that adapt takes as --model. Before "
            "training its perplexity is about the number of its vocabulary's entries. Nothing is bundled: config, "
            "tokenizer and text are required. See docs/pretraining.md.",
        .examples = {"tekio pretrain --config small.json --tokenizer ./distilbert-base-uncased --data ./wiki "
                     "--output_dir run --learning_rate 5e-4 --warmup_ratio 0.06 --num_train_epochs 10",
                     "tekio pretrain --config small.json --tokenizer T --data D --output_dir run "
                     "--resume_from_checkpoint",
                     "tekio pretrain --config small.json --tokenizer T --data D --dry_run"},
        .on_ranks = OnRanks::together};
  }

 private:
  void add_model_options(OptionTable& table) override {
    table
        .add("config_name", &config_,
             "the model's config.json, a folder that holds one, or the id of a model on the Hub; --config "
             "CONFIG.json means the same")
        .called("CONFIG")
        .takes_json_config()
        .first_in_help();
    table.add("tokenizer", &tokenizer_, "the tokenizer: a folder, or the id of a model on the Hub")
        .called("DIR")
        .alias("tokenizer_name")
        .first_in_help();
    table.add("cache_dir", &cache_dir_, "the Hub's cache; else as HF_HUB_CACHE and HF_HOME say").called("DIR");
  }

  void check_model_options(const OptionTable&) const override {
    if (config_.empty())
      fail(ErrorKind::usage, "--config is missing: tekio pretrain needs the config.json of the model to make");
    if (tokenizer_.empty())
      fail(ErrorKind::usage, "--tokenizer is missing: tekio pretrain needs the folder of a tokenizer");
  }

  Origin find() override {
    std::error_code ignored;
    if (config_.ends_with(".json") || fs::is_regular_file(config_, ignored))
      return {{name_of_config(config_), config_}, named_option("config") + " " + config_};
    ModelPlace place = find_model(config_, hub::config_file, common.hub, named_option("config"));
    place.from_hub = false;  // its sizes are, the model is not
    return {place, named_option("config") + " " + config_};
  }

  OpenModel open(const Origin& origin) const override {
    const std::string config = origin.place.folder.string();
    const fs::path tokenizer_folder =
        find_model(tokenizer_, hub::tokenizer_files, common.hub, named_option("tokenizer")).folder;
    const Tokenizer tokenizer = Tokenizer::from_pretrained(tokenizer_folder.string());
    const MaskedLM model = MaskedLM::from_config(config, common.loading());
    const ModelInfo info = model.info();
    MaskedLMImpl::of(model).check_tokenizer(tokenizer);
    require_same_padding(tokenizer, MaskedLMImpl::of(model).model().config(), printable(config, 300));
    return {origin.place, limited_to_positions(tokenizer, MaskedLMImpl::of(model).model().config()), model, info};
  }

  // The padding's row begins with zeros, and where positions are counted behind it, its id in a text takes no position.
  static void require_same_padding(const Tokenizer& tokenizer, const ModelConfig& config, const std::string& where) {
    const std::optional<int32_t> padding = TokenizerTables::of(tokenizer).id_of_role(kPad);
    if (!padding || config.padding_id < 0 || *padding == config.padding_id) return;
    fail(ErrorKind::input, "pad_token_id is {} in {}, but the tokenizer's padding token {} is number {}: set it to {}",
         config.padding_id, where, printable(TokenizerTables::of(tokenizer).roles[kPad]), *padding, *padding);
  }

  std::vector<std::string> default_data() const override {
    fail(ErrorKind::usage, "--data is missing: tekio pretrain needs {}", kDataKinds);
  }

  std::string config_, tokenizer_, cache_dir_;
};

}  // namespace

std::unique_ptr<Command> make_pretrain() { return std::make_unique<Pretrain>(); }

}  // namespace tekio::cli

// tekio tokenizer train: a vocabulary from a corpus, saved as a tokenizer's folder.
#include <algorithm>
#include <map>

#include "base/file.h"
#include "base/log.h"
#include "base/stopwatch.h"
#include "base/system_error.h"
#include "inputs.h"

namespace tekio::cli {
namespace {

class TokenizerTrain final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "tokenizer train",
        .summary = "trains a WordPiece, byte-level BPE or Unigram vocabulary on a corpus",
        .usage = "--data D… --output_dir DIR [--model_type bpe|unigram] [--vocab_size 30000]",
        .description =
            "Counts the words of split train (or the only split there is) and merges frequent pairs of pieces, as "
            "Hugging Face's BertWordPieceTokenizer does, or with --model_type bpe its ByteLevelBPETokenizer, whose "
            "vocabularies RoBERTa and ModernBERT have. With --model_type unigram it estimates the frequencies of many "
            "pieces and takes out those that are missed least, as its UnigramTrainer does: the vocabularies of "
            "SentencePiece, XLM-RoBERTa and ALBERT. DIR becomes a tokenizer's folder, which AutoTokenizer "
            "opens; a tokenizer that lies there already is replaced.",
        .examples = {"tekio tokenizer train --data notes.txt.zst --vocab_size 8000 --output_dir my-tokenizer",
                     "tekio tokenizer train --data notes.txt.zst --model_type bpe --output_dir my-roberta-tokenizer",
                     "tekio tokenizer train --data notes.txt.zst --model_type unigram --output_dir my-xlm-tokenizer",
                     "tekio tokenizer train --data ./imdb:unsupervised --lowercase false --output_dir cased"}};
  }

  void add_options(OptionTable& table) override {
    table.add("data", &data_, "files or folders of text, ids of datasets on the Hub; D:SPLIT, D:train[:10%]")
        .called("D")
        .short_name('d');
    table.add("output_dir", &output_dir_, "the folder that the tokenizer is saved in").called("DIR").short_name('o');
    add_read_options(table, read_);
    table.add("model_type", &model_type_,
              {{"wordpiece", ModelType::wordpiece}, {"bpe", ModelType::bpe}, {"unigram", ModelType::unigram}},
              "the kind of vocabulary: BERT's WordPiece, RoBERTa's byte-level BPE, or XLM-RoBERTa's Unigram");
    table.add("vocab_size", &options_.vocab_size, "entries of the vocabulary, special tokens and alphabet included")
        .at_least(1)
        .at_most(1 << 22);
    table.add("min_frequency", &options_.min_frequency, "pairs that occur less often are not merged").at_least(0);
    table
        .add("limit_alphabet", &options_.limit_alphabet,
             "characters in the alphabet, the most frequent ones; words lose all others")
        .at_least(1);
    table.add("initial_alphabet", &options_.initial_alphabet,
              "characters that the alphabet has however rare they are, written one after another");
    table
        .add("special_tokens", &options_.special_tokens,
             "the tokens that get the first ids, in this order; with --model_type bpe or unigram by default <s> <pad> "
             "</s> <unk> <mask>")
        .called("TOKEN");
    table.add("lowercase", &options_.lowercase,
              "makes no difference between capitals and small letters; with --model_type bpe or unigram by default "
              "false");
    table.add("add_prefix_space", &add_prefix_space_,
              "takes a text's first word for what it is behind a space (--model_type bpe)");
    table.add("strip_accents", &accents_,
              {{"auto", Accents::as_case}, {"true", Accents::strip}, {"false", Accents::keep}},
              "leaves accents out; auto: where --lowercase is true");
    table.add("handle_chinese_chars", &options_.handle_chinese_chars, "takes each Chinese character for a word");
    table.add("model_max_length", &options_.model_max_length, "what the tokenizer says of the model's longest input")
        .at_least(1);
  }

  void check(const OptionTable& table, const std::vector<std::string>&) override {
    if (data_.empty()) fail(ErrorKind::usage, "--data is missing: tekio tokenizer train needs {}", kDataKinds);
    if (output_dir_.empty())
      fail(ErrorKind::usage, "--output_dir is missing: the folder that the tokenizer is saved in");
    if (accents_ != Accents::as_case) options_.strip_accents = accents_ == Accents::strip;
    struct Own {
      const char* name;
      std::vector<ModelType> types;
    };
    const Own own[] = {
        {"limit_alphabet", {ModelType::wordpiece}}, {"initial_alphabet", {ModelType::wordpiece, ModelType::unigram}},
        {"strip_accents", {ModelType::wordpiece}},  {"handle_chinese_chars", {ModelType::wordpiece}},
        {"add_prefix_space", {ModelType::bpe}},     {"min_frequency", {ModelType::wordpiece, ModelType::bpe}}};
    for (const auto& [name, types] : own)
      if (table.given(name) && std::find(types.begin(), types.end(), model_type_) == types.end())
        fail(ErrorKind::usage, "{} goes with --model_type {}{} alone; leave it out", named_option(name),
             kTypeNames.at(types[0]), types.size() > 1 ? fmt::format(" and {}", kTypeNames.at(types[1])) : "");
    if (model_type_ == ModelType::wordpiece) return;
    if (!table.given("lowercase")) options_.lowercase = false;
    if (!table.given("special_tokens")) options_.special_tokens = BpeOptions{}.special_tokens;
  }

  int run(const OptionTable&, const std::vector<std::string>&, Output& out) override {
    const Stopwatch watch;
    const fs::path folder = output_dir_;
    refuse_other_files(folder);
    options_.threads = common.threads;
    const DatasetDict data = open_data(data_, read_, common.hub);
    const Dataset& split = data[choose_split(data, {"train"})];
    const TrainedTokenizer trained = train(split);
    tell_rows(split, read_);
    save(trained.tokenizer, folder);
    const double seconds = watch.seconds();
    const int64_t size = trained.tokenizer.vocabulary_size();
    if (size > options_.vocab_size)
      warn(
          message("the vocabulary has {} entries, more than --vocab_size {}: special tokens and alphabet alone are "
                  "as many{}",
                  with_commas(size), with_commas(options_.vocab_size),
                  model_type_ == ModelType::wordpiece ? message("; a smaller --limit_alphabet makes it smaller") : ""));
    else if (size < options_.vocab_size && model_type_ == ModelType::unigram)
      warn(
          message("the vocabulary has {} entries, less than --vocab_size {}: there are no more pieces; more text "
                  "makes it larger",
                  with_commas(size), with_commas(options_.vocab_size)));
    else if (size < options_.vocab_size)
      warn(options_.min_frequency > 1
               ? message(
                     "the vocabulary has {} entries, less than --vocab_size {}: no further pair occurs {} times; more "
                     "text or a smaller --min_frequency makes it larger",
                     with_commas(size), with_commas(options_.vocab_size), with_commas(options_.min_frequency))
               : message("the vocabulary has {} entries, less than --vocab_size {}: there are no more pairs; more "
                         "text makes it larger",
                         with_commas(size), with_commas(options_.vocab_size)));
    if (common.json)
      out.json({{"path", folder.string()},
                {"vocab_size", size},
                {"rows", trained.rows},
                {"words", trained.distinct_words},
                {"word_occurrences", trained.words},
                {"seconds", seconds}});
    else
      out.line(folder.string());
    note(fmt::format("{} from {} ({} in {}) in {:.2f} s", counted(size, "entry", "entries"),
                     counted(trained.distinct_words, "different word"), with_commas(trained.words),
                     counted(trained.rows, "row"), seconds));
    return 0;
  }

 private:
  enum class Accents { as_case, strip, keep };
  enum class ModelType { wordpiece, bpe, unigram };
  static inline const std::map<ModelType, const char*> kTypeNames = {
      {ModelType::wordpiece, "wordpiece"}, {ModelType::bpe, "bpe"}, {ModelType::unigram, "unigram"}};

  TrainedTokenizer train(const Dataset& split) const {
    if (model_type_ == ModelType::bpe) return train_byte_level_bpe(split, bpe_options());
    if (model_type_ == ModelType::unigram) return train_unigram(split, unigram_options());
    return train_word_piece(split, options_);
  }

  UnigramOptions unigram_options() const {
    return {.vocab_size = options_.vocab_size,
            .initial_alphabet = options_.initial_alphabet,
            .special_tokens = options_.special_tokens,
            .lowercase = options_.lowercase,
            .model_max_length = options_.model_max_length,
            .threads = options_.threads};
  }

  BpeOptions bpe_options() const {
    return {.vocab_size = options_.vocab_size,
            .min_frequency = options_.min_frequency,
            .special_tokens = options_.special_tokens,
            .lowercase = options_.lowercase,
            .add_prefix_space = add_prefix_space_,
            .model_max_length = options_.model_max_length,
            .threads = options_.threads};
  }

  static void refuse_other_files(const fs::path& folder) {
    if (is_missing(folder)) return;
    std::error_code error;
    fs::directory_iterator at(folder, error);
    if (error)
      fail(ErrorKind::usage, "--output_dir {} is no folder that can be read: {}", printable(folder.string(), 300),
           error.message());
    for (const fs::directory_iterator end; at != end; at.increment(error)) {
      const std::string name = at->path().filename().string();
      if (std::ranges::find(Tokenizer::files(), name) == Tokenizer::files().end())
        fail(ErrorKind::usage,
             "--output_dir {} holds {}, which is no tokenizer's file; give a new folder, an empty one, or one that "
             "holds "
             "a tokenizer alone",
             printable(folder.string(), 300), printable(name));
    }
    if (error) fail_system({error, folder}, "cannot read {}: {}", printable(folder.string(), 300));
  }

  static void save(const Tokenizer& tokenizer, const fs::path& folder) {
    const fs::path named = folder.has_filename() ? folder : folder.parent_path();  // "out/" is "out"
    const fs::path parent = fs::absolute(named).parent_path();
    std::error_code error;
    fs::create_directories(parent, error);
    if (error) fail_system({error, parent}, "cannot make the folder {}: {}", printable(parent.string(), 300));
    remove_stale_temporaries(parent);
    write_folder_atomically(named, [&](const fs::path& temporary) { tokenizer.save_pretrained(temporary); });
  }

  ReadOptions read_;
  WordPieceOptions options_;
  std::vector<std::string> data_;
  std::string output_dir_;
  Accents accents_ = Accents::as_case;
  ModelType model_type_ = ModelType::wordpiece;
  bool add_prefix_space_ = false;
};

}  // namespace

std::unique_ptr<Command> make_tokenizer_train() { return std::make_unique<TokenizerTrain>(); }

}  // namespace tekio::cli

// tekio data chunks: what a model is trained on, counted, shown, or written out as arrays.
#include <tekio/masking.h>

#include "base/file.h"
#include "base/log.h"
#include "base/system_error.h"
#include "data/npy.h"
#include "inputs.h"

namespace tekio::cli {
namespace {

class DataChunks final : public Command {
 public:
  CommandText text() const override {
    return {.name = "data chunks",
            .summary = "tokenizes a dataset and cuts it into chunks",
            .usage = "D [--model M] [--chunk_size 128] [--split S] [--show I] [--show_masked I] [--export DIR]",
            .description =
                "Counts each split's rows, tokens and chunks, cut as Hugging Face's group_texts cuts them. --show "
                "prints a chunk as "
                "text, --show_masked also as the model "
                "sees it in the first epoch. --export writes DIR/SPLIT.npy, a [chunks, tokens] array; with "
                "--train_size or --test_size instead "
                "DIR/train.npy and DIR/test.npy, Hugging Face datasets' train_test_split(seed) of one split.",
            .examples =
                {"tekio data chunks ./imdb --model distilbert-base-uncased --json",
                 "tekio data chunks ./imdb --model M --show 1 --show_masked 1",
                 "tekio data chunks ./imdb --model M --export arrays --train_size 10000 --test_size 1000 --seed 42"},
            .max_positionals = -1};
  }

  void add_options(OptionTable& table) override {
    model_.add_to(table, false);
    add_read_options(table, read_);
    add_word_options(table, read_);
    add_chunk_options(table, chunks_);
    table.add("split", &split_, "this split only").called("S");
    table.add("show", &show_, "prints this chunk (from 0) of the split, train if none is named").called("I");
    table.add("show_masked", &show_masked_, "prints this chunk as it is and masked").called("I");
    table.add("export", &export_, "writes the chunks into this folder").called("DIR");
    table.add("train_size", &train_size_, "chunks in DIR/train.npy; 0: what --test_size leaves").at_least(0);
    table.add("test_size", &test_size_, "chunks in DIR/test.npy; 0: what --train_size leaves").at_least(0);
    table
        .add("split_seed", &split_seed_,
             "decides which chunks --train_size and --test_size draw, if it is to differ from --seed")
        .at_most(4294967295.0);
    add_masking_options(table, mask_);
  }

  void check(const OptionTable& table, const std::vector<std::string>& positionals) override {
    check_word_options(table);
    check_masking_options(table, mask_);
    if (positionals.empty()) fail(ErrorKind::usage, "tekio data chunks needs {}", kDataKinds);
    if (export_.empty() && (train_size_ > 0 || test_size_ > 0))
      fail(ErrorKind::usage, "--train_size and --test_size need --export: they decide what is written");
    if (split_seed_ && train_size_ == 0 && test_size_ == 0)
      fail(ErrorKind::usage, "--split_seed needs --train_size or --test_size: it decides what these draw");
    if (!export_.empty() && chunks_.line_by_line)
      fail(ErrorKind::usage,
           "--export contradicts --line_by_line: lines have different lengths, an array's rows have not");
  }

  int run(const OptionTable&, const std::vector<std::string>& positionals, Output& out) override {
    const Tokenizer tokenizer = Tokenizer::from_pretrained(model_.tokenizer_folder(common.hub).string());
    chunks_.use_cache = !common.no_cache;
    chunks_.threads = common.threads;
    chunks_.words = mask_.word_bounds();
    warn_of_words_without_space(read_, tokenizer);
    const DatasetDict data = open_data(positionals, read_, common.hub);
    const bool cut_in_two = train_size_ > 0 || test_size_ > 0, shows = show_ || show_masked_;
    // What one split is wanted for is done with train unless one is named; counting and a plain export take them all.
    const std::string single = !split_.empty() ? split_ : shows || cut_in_two ? choose_split(data, {"train"}) : "";

    std::map<std::string, Chunks> cut;
    OrderedJson splits = OrderedJson::object(), written = OrderedJson::object();
    for (const auto& [name, rows] : data.splits()) {
      if (!single.empty() && name != single) continue;
      const Chunks chunks = chunk(rows, tokenizer, chunks_);
      splits[name] = {{"rows", chunks.rows()},
                      {"tokens", chunks.tokens()},
                      {"chunks", chunks.size()},
                      {"text_column", tell_rows(rows, read_)},
                      {"skipped_rows", rows.skipped_rows()}};
      if (!common.json && !shows)
        out.line(fmt::format("{:<16} {:>17} {:>21} {:>19} of {}", printable(name), counted(chunks.rows(), "row"),
                             counted(chunks.tokens(), "token"), counted(chunks.size(), "chunk"), chunks.chunk_size()));
      cut.emplace(name, chunks);
    }
    if (!single.empty()) data[single];  // fails, with the names there are, if it is none of them
    if (show_masked_) warn_of_long_words(mask_, cut.at(single), tokenizer);

    if (!export_.empty()) {
      std::error_code error;
      fs::create_directories(export_, error);
      if (error) fail_system({error, export_}, "cannot make the folder {}: {}", printable(export_, 300));
      const auto write = [&](const std::string& name, const Chunks& chunks) {
        TEKIO_CHECK(!name.starts_with('.') && name.find('/') == std::string::npos, "split {}", printable(name));
        const fs::path path = fs::path(export_) / (name + ".npy");
        write_npy(path, chunks);
        written[name] = {{"path", path.string()}, {"chunks", chunks.size()}};
        note(fmt::format("wrote {} ({})", printable(path.string(), 4096), counted(chunks.size(), "chunk")));
      };
      if (cut_in_two) {
        const Chunks::Split split = cut.at(single).train_test_split(
            {.train_size = train_size_, .test_size = test_size_, .seed = split_seed_.value_or(common.seed)});
        write("train", split.train);
        write("test", split.test);
      } else {
        for (const auto& [name, chunks] : cut) write(name, chunks);
      }
    }

    OrderedJson document = {{"splits", splits}};
    if (!written.empty()) document["export"] = written;
    if (show_) show(cut.at(single), tokenizer, *show_, false, document["show"], out);
    if (show_masked_) show(cut.at(single), tokenizer, *show_masked_, true, document["show_masked"], out);
    if (common.json) out.json(document);
    return 0;
  }

 private:
  void show(const Chunks& chunks, const Tokenizer& tokenizer, uint64_t number, bool masked, OrderedJson& document,
            Output& out) {
    if (number >= static_cast<uint64_t>(chunks.size()))
      fail(ErrorKind::usage, "--show{} is {}, but the split has {}, numbered from 0", masked ? "_masked" : "", number,
           counted(chunks.size(), "chunk"));
    const auto index = static_cast<int64_t>(number);
    document = {{"chunk", index}, {"text", tokenizer.decode(chunks.ids(index))}};
    if (!common.json) out.line(document["text"].get<std::string>());
    if (!masked) return;
    mask_.seed = common.seed;
    const MaskedChunk hidden = mask(chunks, {index}, tokenizer, mask_).front();
    document["masked"] = tokenizer.decode(hidden.input_ids);
    document["input_ids"] = hidden.input_ids;
    document["labels"] = hidden.labels;
    if (!common.json) out.line(document["masked"].get<std::string>());
  }

  ModelOptions model_;
  ReadOptions read_;
  ChunkOptions chunks_;
  MaskOptions mask_;
  std::string split_, export_;
  std::optional<uint64_t> show_, show_masked_, split_seed_;
  int64_t train_size_ = 0, test_size_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_data_chunks() { return std::make_unique<DataChunks>(); }

}  // namespace tekio::cli

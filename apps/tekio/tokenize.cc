// tekio tokenize: texts to ids and back. Texts are encoded in blocks on all threads and written in their order.
#include <fcntl.h>
#include <unistd.h>

#include <charconv>

#include "base/system_error.h"
#include "base/thread_pool.h"
#include "data/standard_input.h"
#include "inputs.h"
#include "lines.h"

namespace tekio::cli {
namespace {

void append_number(std::string& out, int64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

std::string ids_line(const Encoding& encoding, bool json) {
  std::string out = json ? "[" : "";
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    if (i > 0) out += json ? ", " : " ";
    append_number(out, encoding.ids[i]);
  }
  return out + (json ? "]" : "");
}

// {"input_ids": [...], "word_ids": [null, 0, ...], "offsets": [[0, 0], ...]}
std::string encoding_line(const Encoding& encoding) {
  std::string out = "{\"input_ids\": " + ids_line(encoding, true) + ", \"word_ids\": [";
  for (size_t i = 0; i < encoding.word_ids.size(); ++i) {
    if (i > 0) out += ", ";
    if (encoding.word_ids[i] == Encoding::kNoWord)
      out += "null";
    else
      append_number(out, encoding.word_ids[i]);
  }
  out += "], \"offsets\": [";
  for (size_t i = 0; i < encoding.offsets.size(); ++i) {
    out += i > 0 ? ", [" : "[";
    append_number(out, encoding.offsets[i].first);
    out += ", ";
    append_number(out, encoding.offsets[i].second);
    out += "]";
  }
  return out + "]}";
}

// The pieces: [CLS] the cook ##ed soup [SEP]
std::string tokens_line(const Tokenizer& tokenizer, const Encoding& encoding, bool json) {
  OrderedJson tokens = OrderedJson::array();
  std::string out;
  for (const int32_t id : encoding.ids) {
    const std::string token = tokenizer.id_to_token(id);
    if (json)
      tokens.push_back(token);
    else
      out += (out.empty() ? "" : " ") + printable(token, std::string::npos);
  }
  return json ? tokens.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) : out;
}

std::vector<int32_t> parse_ids(const Tokenizer& tokenizer, std::string_view line, const std::string& where,
                               int64_t number) {
  std::vector<int32_t> ids;
  const char* at = line.data();
  const char* const end = at + line.size();
  for (;;) {
    while (at < end && (*at == ' ' || *at == '\t')) ++at;
    if (at == end) return ids;
    int32_t id = 0;
    const auto [next, error] = std::from_chars(at, end, id);
    if (error != std::errc() || id < 0 || (next < end && *next != ' ' && *next != '\t'))
      fail(ErrorKind::input, "{}:{}: expected ids separated by blanks, got '{}'", where, number,
           printable(std::string_view(at, static_cast<size_t>(end - at)), 40));
    try {
      tokenizer.id_to_token(id);  // decode() leaves out what is no token's, as the reference does; here it is a mistake
    } catch (const Error& none) {
      fail(ErrorKind::input, "{}:{}: {}; pass the model that the ids were made with", where, number, none.what());
    }
    ids.push_back(id);
    at = next;
  }
}

class Tokenize final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "tokenize",
        .summary = "turns texts into a model's token ids, and back",
        .usage = "[--model M] [--text T… | FILE…]",
        .description =
            "Prints a JSON object for each text: what --text gives, else a line of a .txt file or of standard input "
            "(without FILE), the text column of other files. Special tokens are included. --tokens prints the "
            "pieces, --ids the ids only; --decode turns lines of ids back into text. With --json: one JSON list. "
            "Without --model: the bundled one.",
        .examples = {"tekio tokenize --tokens --text \"a case of metoprolol\"",
                     "echo \"This is a great [MASK].\" | tekio tokenize --model distilbert-base-uncased",
                     "tekio tokenize --model M --ids reviews.jsonl.zst > ids.txt",
                     "tekio tokenize --model M --decode ids.txt"},
        .max_positionals = -1};
  }

  void add_options(OptionTable& table) override {
    model_.add_to(table, false);
    table.add("text", &texts_, "a text instead of files; can be repeated").called("T");
    table.add("tokens", &tokens_, "prints the pieces, separated by blanks");
    table.add("ids", &ids_, "prints ids only, separated by blanks");
    table.add("decode", &decode_, "turns lines of ids back into text");
    table.add("no_special_tokens", &no_special_tokens_,
              "leaves out what the tokenizer puts around a text; with --decode: special tokens");
    add_read_options(table, read_);
  }

  void check(const OptionTable& table, const std::vector<std::string>& files) override {
    if (ids_ && decode_) fail(ErrorKind::usage, "--ids contradicts --decode: one makes ids, the other takes them");
    if (tokens_ && decode_) fail(ErrorKind::usage, "--tokens contradicts --decode: one makes pieces, the other text");
    if (tokens_ && ids_) fail(ErrorKind::usage, "--tokens contradicts --ids: a line holds pieces or ids");
    if (!texts_.empty() && !files.empty())
      fail(ErrorKind::usage, "--text contradicts the argument {}: the text is given or read from files",
           printable(files[0], 300));
    from_input_ = files.empty() && !table.given("text");
  }

  int run(const OptionTable&, const std::vector<std::string>& files, Output& out) override {
    const Tokenizer tokenizer = Tokenizer::from_pretrained(model_.tokenizer_folder(common.hub).string());
    ThreadPool pool(common.threads);
    Writer writer{out, pool, common.json};
    if (from_input_) note_standard_input();
    if (decode_)
      decode(tokenizer, files, writer);
    else
      encode(tokenizer, files, writer);
    writer.finish();
    return 0;
  }

 private:
  // Gathers texts, turns a block of them into lines on all threads, writes them in order.
  struct Writer {
    Output& out;
    ThreadPool& pool;
    bool json;
    std::function<void(std::string&)> work = nullptr;  // nullptr: lines are put ready
    std::vector<std::string> block = {};
    size_t bytes = 0;
    bool first = true;

    void put(std::string text) {
      bytes += text.size();
      block.push_back(std::move(text));
      if (bytes >= (size_t{1} << 20) || block.size() >= 4096) flush();
    }
    void flush() {
      if (work)
        pool.for_each(static_cast<int64_t>(block.size()), [&](int64_t i, int) { work(block[static_cast<size_t>(i)]); });
      for (const std::string& line : block) {
        if (json) out.write(first ? "[\n" : ",\n");
        out.write(line);
        if (!json) out.write("\n");
        first = false;
      }
      block.clear();
      bytes = 0;
    }
    void finish() {
      flush();
      if (json) out.write(first ? "[]\n" : "\n]\n");
    }
  };

  void decode(const Tokenizer& tokenizer, const std::vector<std::string>& files, Writer& writer) const {
    const DecodeOptions options{.skip_special_tokens = no_special_tokens_};
    const auto put = [&](const std::string& where) {
      return [&, where](std::string_view line, int64_t number) {
        const std::string text = tokenizer.decode(parse_ids(tokenizer, line, where, number), options);
        writer.put(common.json ? OrderedJson(text).dump(-1, ' ', false, OrderedJson::error_handler_t::replace) : text);
      };
    };
    for (size_t i = 0; i < texts_.size(); ++i) put("--text")(texts_[i], static_cast<int64_t>(i) + 1);
    if (from_input_) read_lines(0, "standard input", put("standard input"));
    for (const std::string& file : files)
      if (is_standard_input(file))
        read_lines(0, "standard input", put("standard input"));
      else
        read_file(file, put(printable(file, 300)));
  }

  void encode(const Tokenizer& tokenizer, const std::vector<std::string>& files, Writer& writer) {
    writer.work = [&](std::string& text) {
      const Encoding encoding = tokenizer.encode(text, {.add_special_tokens = !no_special_tokens_});
      text = ids_      ? ids_line(encoding, common.json)
             : tokens_ ? tokens_line(tokenizer, encoding, common.json)
                       : encoding_line(encoding);
    };
    for (size_t i = 0; i < texts_.size(); ++i) {
      require_utf8(texts_[i], message("--text {}", i + 1), "set the terminal to UTF-8, or give a file");
      writer.put(texts_[i]);
    }
    const bool as_typed = from_input_ && ::isatty(STDIN_FILENO) == 1;  // else as the argument "-"
    if (as_typed)
      read_lines(0, "standard input", [&](std::string_view line, int64_t number) {
        require_utf8(line, fmt::format("line {} of standard input", number));
        writer.put(std::string(line));
      });
    for (const std::string& file : from_input_ && !as_typed ? std::vector<std::string>{"-"} : files) {
      const DatasetDict data = open_data({file}, read_, common.hub);
      for (const auto& [name, split] : data.splits()) {
        tell_rows(split, read_);
        for_each_text(split, [&](std::string_view text) { writer.put(std::string(text)); });
      }
    }
  }

  static void read_file(const std::string& path, const std::function<void(std::string_view, int64_t)>& use) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail_system({last_error(), path}, "cannot open {}: {}", printable(path, 300));
    struct Closer {
      int descriptor;
      ~Closer() { ::close(descriptor); }
    } closer{descriptor};
    read_lines(descriptor, path.c_str(), use);
  }

  ModelOptions model_;
  ReadOptions read_;
  std::vector<std::string> texts_;
  bool ids_ = false, tokens_ = false, decode_ = false, no_special_tokens_ = false, from_input_ = false;
};

}  // namespace

std::unique_ptr<Command> make_tokenize() { return std::make_unique<Tokenize>(); }

}  // namespace tekio::cli

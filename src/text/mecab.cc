// A search is a tagger and a lattice. Lattices grow with the texts that they have seen, so one that has seen a very
// long text is not kept.
#include "text/mecab.h"

#include <mecab.h>
#include <xxhash.h>

#include <algorithm>
#include <mutex>

#include "base/error.h"
#include "base/file.h"
#include "base/library.h"
#include "base/log.h"

namespace tekio {
namespace {

struct MecabFunctions {
  decltype(&::mecab_strerror) error;
  decltype(&::mecab_model_new) make_model;
  decltype(&::mecab_model_destroy) free_model;
  decltype(&::mecab_model_dictionary_info) dictionaries;
  decltype(&::mecab_model_new_tagger) make_tagger;
  decltype(&::mecab_destroy) free_tagger;
  decltype(&::mecab_model_new_lattice) make_lattice;
  decltype(&::mecab_lattice_destroy) free_lattice;
  decltype(&::mecab_lattice_set_sentence2) set_sentence;
  decltype(&::mecab_parse_lattice) parse;
  decltype(&::mecab_lattice_strerror) lattice_error;
  decltype(&::mecab_lattice_get_bos_node) first_node;
};

const MecabFunctions& mecab_library() {
  static const MecabFunctions functions = [] {
    const Library library("libmecab.so.2", "libmecab2", "Japanese text is not cut into words");
    using F = MecabFunctions;
    return library.table<F>(
        std::pair("mecab_strerror", &F::error), std::pair("mecab_model_new", &F::make_model),
        std::pair("mecab_model_destroy", &F::free_model), std::pair("mecab_model_dictionary_info", &F::dictionaries),
        std::pair("mecab_model_new_tagger", &F::make_tagger), std::pair("mecab_destroy", &F::free_tagger),
        std::pair("mecab_model_new_lattice", &F::make_lattice), std::pair("mecab_lattice_destroy", &F::free_lattice),
        std::pair("mecab_lattice_set_sentence2", &F::set_sentence), std::pair("mecab_parse_lattice", &F::parse),
        std::pair("mecab_lattice_strerror", &F::lattice_error),
        std::pair("mecab_lattice_get_bos_node", &F::first_node));
  }();
  return functions;
}

bool is_utf8(std::string_view charset) {
  std::string letters;
  for (const char c : charset)
    if (c != '-' && c != '_') letters += static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  return letters == "utf8";
}

// MeCab's reason in one line; it begins with the place in its source.
std::string mecab_reason(const char* text) { return text == nullptr ? "no reason given" : printable(text, 300); }

// What the words depend on: of the folder of the system dictionary, the files that MeCab opens; user dictionaries.
std::vector<fs::path> dictionary_files(const mecab_dictionary_info_t* dictionary) {
  std::vector<fs::path> files;
  for (; dictionary != nullptr; dictionary = dictionary->next) {
    const fs::path file = dictionary->filename;
    files.push_back(file);
    if (dictionary->type == MECAB_SYS_DIC)
      for (const char* name : {"unk.dic", "matrix.bin", "char.bin"}) files.push_back(file.parent_path() / name);
  }
  return files;
}

}  // namespace

struct Mecab::State {
  struct ModelDeleter {
    void operator()(mecab_model_t* made) const { mecab_library().free_model(made); }
  };
  struct TaggerDeleter {
    void operator()(mecab_t* tagger) const { mecab_library().free_tagger(tagger); }
  };
  struct LatticeDeleter {
    void operator()(mecab_lattice_t* lattice) const { mecab_library().free_lattice(lattice); }
  };

  struct Search {
    std::unique_ptr<mecab_t, TaggerDeleter> tagger;
    std::unique_ptr<mecab_lattice_t, LatticeDeleter> lattice;
  };

  std::unique_ptr<mecab_model_t, ModelDeleter> model;
  std::mutex mutex;
  std::vector<Search> idle;
  std::vector<std::string> arguments;
  std::once_flag hashed;
  std::string digest;

  Search take() {
    {
      const std::lock_guard lock(mutex);
      if (!idle.empty()) {
        Search search = std::move(idle.back());
        idle.pop_back();
        return search;
      }
    }
    Search made{std::unique_ptr<mecab_t, TaggerDeleter>(mecab_library().make_tagger(model.get())),
                std::unique_ptr<mecab_lattice_t, LatticeDeleter>(mecab_library().make_lattice(model.get()))};
    TEKIO_CHECK(made.tagger != nullptr && made.lattice != nullptr, "MeCab: {}",
                mecab_reason(mecab_library().error(nullptr)));
    return made;
  }
  void give_back(Search search) {
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(search));
  }
};

Mecab::Mecab(const std::vector<std::string>& arguments, const std::string& where) : state_(std::make_unique<State>()) {
  state_->arguments = arguments;
  std::vector<std::string> all = {"tekio"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& argument : all) pointers.push_back(argument.data());
  state_->model.reset(mecab_library().make_model(static_cast<int>(pointers.size()), pointers.data()));
  if (state_->model == nullptr)
    fail(ErrorKind::input, "{}: MeCab cannot open the dictionary: {}", where,
         mecab_reason(mecab_library().error(nullptr)));
  for (const auto* dictionary = mecab_library().dictionaries(state_->model.get()); dictionary != nullptr;
       dictionary = dictionary->next)
    if (!is_utf8(dictionary->charset))
      fail(ErrorKind::input, "{}: MeCab's dictionary {} is in {}, not in UTF-8: name one in UTF-8 (ipadic-utf8, say)",
           where, printable(dictionary->filename, 300), printable(dictionary->charset));
}

Mecab::~Mecab() = default;

void Mecab::find(std::string_view text, std::vector<Word>& words) const {
  constexpr size_t kKept = size_t{1} << 20;     // bytes of a text whose lattice is kept
  constexpr size_t kLongest = size_t{8} << 20;  // a lattice takes some 200 times the text's memory
  words.clear();
  text = text.substr(0, text.find('\0'));
  if (text.empty()) return;
  if (text.size() > kLongest)
    fail(ErrorKind::input, "a text of {} bytes is too long for MeCab: at most {}; cut it into paragraphs",
         with_commas(static_cast<int64_t>(text.size())), with_commas(static_cast<int64_t>(kLongest)));
  State::Search search = state_->take();
  mecab_library().set_sentence(search.lattice.get(), text.data(), text.size());
  if (mecab_library().parse(search.tagger.get(), search.lattice.get()) == 0)
    fail(ErrorKind::input, "MeCab cannot cut a text of {} bytes into words: {}", text.size(),
         mecab_reason(mecab_library().lattice_error(search.lattice.get())));
  const auto* node = mecab_library().first_node(search.lattice.get());
  for (node = node->next; node != nullptr && node->stat != MECAB_EOS_NODE; node = node->next) {
    const auto begin = static_cast<size_t>(node->surface - text.data());
    TEKIO_CHECK(begin <= text.size() && node->length <= text.size() - begin, "MeCab's word at byte {}", begin);
    words.push_back({begin, begin + node->length});
  }
  if (text.size() <= kKept) state_->give_back(std::move(search));
}

const std::string& Mecab::digest() const {
  std::call_once(state_->hashed, [this] {
    std::string all;
    const std::vector<std::string>& arguments = state_->arguments;
    for (auto it = arguments.begin(); it != arguments.end(); ++it)
      if (*it == "-M") all += *it + *std::next(it);  // all others name files
    for (const fs::path& file : dictionary_files(mecab_library().dictionaries(state_->model.get()))) {
      const MappedFile content(file);
      const XXH128_hash_t hash = XXH3_128bits(content.bytes().data(), content.size());
      all += fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
    }
    const XXH128_hash_t hash = XXH3_128bits(all.data(), all.size());
    state_->digest = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  });
  return state_->digest;
}

}  // namespace tekio

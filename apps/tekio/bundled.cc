// The program knows no path of the machine that built it: share/tekio is found from where the program lies.
#include "bundled.h"

#include <algorithm>

#include "base/environment.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace tekio::cli {
namespace fs = std::filesystem;
namespace {

fs::path set_folder;  // set_share_folder()'s

constexpr const char* kModel = "tekio-small-uncased";

// share/tekio/PART, if the installation has it.
std::optional<fs::path> shared(const fs::path& part) {
  const auto share = share_folder();
  std::error_code ignored;
  if (!share || !fs::exists(*share / part, ignored)) return std::nullopt;
  return *share / part;
}

[[noreturn]] void fail_without(const std::string& option, const char* what, const char* instead) {
  const auto share = share_folder();
  fail(ErrorKind::usage, "{} is missing, and this installation has no bundled {} ({}); pass {}", named_option(option),
       what, share ? "nothing in " + printable(share->string(), 300) : std::string("no share/tekio folder"), instead);
}

std::string required(const Json& corpus, const char* key, const std::string& where) {
  const auto text = JsonReader(corpus, where).string(key);
  if (!text || text->empty()) fail(ErrorKind::input, "{}: a corpus has no \"{}\"", where, key);
  return *text;
}

struct Listed {
  std::vector<BundledCorpus> corpora;
  std::string by_default;
};

Listed list_corpora() {
  Listed listed;
  const auto path = shared(fs::path("corpora") / "corpora.json");
  if (!path) return listed;
  const std::string where = printable(path->string(), 300);
  const Json document = read_json(*path);
  const JsonReader reader(document, where);
  listed.by_default = reader.string("default").value_or("");
  const Json* corpora = reader.find("corpora");
  if (corpora == nullptr || !corpora->is_array()) fail(ErrorKind::input, "{}: expected a list \"corpora\"", where);
  for (const Json& each : *corpora) {
    BundledCorpus corpus{.name = required(each, "name", where),
                         .title = required(each, "title", where),
                         .licence = required(each, "licence", where),
                         .attribution = required(each, "attribution", where),
                         .prompts = {},
                         .folder = {}};
    if (const Json* prompts = JsonReader(each, where).find("prompts"); prompts != nullptr)
      for (const Json& prompt : *prompts)
        if (prompt.is_string()) corpus.prompts.push_back(prompt.get<std::string>());
    corpus.folder = path->parent_path() / fs::path(corpus.name).filename();
    listed.corpora.push_back(std::move(corpus));
  }
  return listed;
}

std::optional<BundledCorpus> find_named(const std::vector<BundledCorpus>& corpora, const std::string& name) {
  const auto found = std::ranges::find(corpora, name, &BundledCorpus::name);
  if (found == corpora.end()) return std::nullopt;
  return *found;
}

}  // namespace

std::optional<fs::path> share_folder() {
  if (const std::string set = environment("TEKIO_SHARE"); !set.empty()) return fs::path(set);
  if (!set_folder.empty()) return set_folder;
  std::error_code ignored;
  const fs::path folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  if (folder.empty()) return std::nullopt;
  for (const fs::path& beside : {folder.parent_path(), folder})  // PREFIX/bin/tekio; a build folder
    if (const fs::path share = beside / "share" / "tekio"; fs::is_directory(share, ignored)) return share;
  return std::nullopt;
}

void set_share_folder(const fs::path& folder) { set_folder = folder; }

std::string bundled_model(const std::string& option) {
  if (shared(fs::path(kModel) / "config.json")) return shared(kModel)->string();
  fail_without(option, "model", "a model folder or the id of one in the Hub's cache");
}

std::optional<fs::path> bundled_model_named(const std::string& name) {
  return name == kModel && shared(fs::path(kModel) / "config.json") ? shared(kModel) : std::nullopt;
}

std::optional<fs::path> bundled_options() { return shared("adapt.toml"); }

std::vector<BundledCorpus> bundled_corpora() { return list_corpora().corpora; }

std::optional<BundledCorpus> bundled_corpus(const std::string& spec) {
  return find_named(bundled_corpora(), spec.substr(0, spec.find(':')));
}

BundledCorpus default_corpus(const std::string& option) {
  const Listed listed = list_corpora();
  if (auto corpus = find_named(listed.corpora, listed.by_default)) return *corpus;
  fail_without(option, "text", "files or a folder of text");
}

}  // namespace tekio::cli

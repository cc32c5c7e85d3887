#include "train/publish.h"

#include <tekio/tokenizer.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/system_error.h"
#include "hub/client.h"
#include "hub/fetch.h"
#include "train/model_card.h"
#include "train/run_record.h"

namespace tekio {
namespace {

constexpr const char* kCard = "README.md";
// Of a run, beside model and tokenizer: what the reference's Trainer leaves in its folder and pushes, and what stands
// for its pickled arguments.
constexpr const char* kRecords[] = {"all_results.json", "eval_results.json", "train_results.json", "trainer_state.json",
                                    "metrics.jsonl",    "options.json",      "options.toml",       kRunRecord};
constexpr const char* kFurther[] = {"generation_config.json", "LICENSE", "LICENSE.md", "LICENSE.txt", "NOTICE"};

/// A link must not carry a file of this machine along that nobody meant: it may lead to the folder itself, or, in the
/// Hub's cache, to that cache's blobs.
void check_link(const fs::path& folder, const std::string& name) {
  std::error_code error;
  const fs::path home = fs::canonical(folder, error), target = fs::canonical(folder / name, error);
  const auto lies_below = [&](const fs::path& place) {
    const fs::path relative = target.lexically_relative(place);
    return !relative.empty() && *relative.begin() != "..";
  };
  const bool cached =
      home.parent_path().filename() == "snapshots" && lies_below(home.parent_path().parent_path() / "blobs");
  if (!cached && !lies_below(home))
    fail(ErrorKind::input, "{} is a link to {}, outside of the folder, so it is not pushed: put the file itself there",
         printable((folder / name).string(), 300), printable(target.string(), 300));
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  try {
    for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  } catch (const fs::filesystem_error& error) {
    fail_system({error.code(), folder}, "cannot read {}: {}", printable(folder.string(), 300));
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Which of a folder's files are a model's.
std::vector<std::string> chosen(const fs::path& folder, const std::vector<std::string>& all) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const std::string& name : all)
    if (fs::is_regular_file(folder / name, ignored)) names.push_back(name);
  std::vector<std::string> wanted;
  try {
    wanted = hub::model_files(names);
  } catch (const Error& error) {
    fail(ErrorKind::input,
         "{} holds no model to push: expected config.json and weights (model.safetensors or "
         "pytorch_model.bin)",
         printable(folder.string(), 300));
  }
  const auto add = [&](std::string_view name) {
    if (has(names, name) && !has(wanted, name)) wanted.emplace_back(name);
  };
  for (const char* name : Tokenizer::files()) add(name);
  for (const char* name : kRecords) add(name);
  for (const char* name : kFurther) add(name);
  add(kCard);
  return wanted;
}

/// What the Hub says of a repository, and, if it calls it otherwise now, that; null where it says nothing.
Json ask_about(hub::Client& client, const std::string& id, hub::RepoType type, CardSubject& subject) {
  const auto repository = hub::parse_repository(id, type);
  if (!repository) return {};
  try {
    Json info = parse_json(client.get(hub::api_path(*repository), *repository).body, id);
    const std::string now = info.value("id", id);
    if (now != id && hub::parse_repository(now, type)) subject.moved[id] = now;
    return info;
  } catch (const Error&) {
  } catch (const Json::exception&) {}
  return {};
}

/// What the Hub knows of what a run began with: as the reference, the model's license; also its language, and the names
/// that models and datasets have there. A card can do without, so nothing here fails.
void add_facts(const hub::Settings& settings, const fs::path& folder, CardSubject& subject) {
  const RunSources sources = run_sources(folder);
  hub::Client client(settings);
  for (const std::string& id : sources.datasets) ask_about(client, id, hub::RepoType::dataset, subject);
  const Json info = ask_about(client, sources.model, hub::RepoType::model, subject);
  const Json data = info.is_object() && info.contains("cardData") ? info["cardData"] : Json();
  if (!data.is_object()) return;
  if (data.contains("license") && data["license"].is_string()) subject.license = data["license"].get<std::string>();
  Json languages = data.contains("language") ? data["language"] : Json();
  if (!languages.is_array()) languages = Json::array({languages});
  for (const Json& language : languages)
    if (language.is_string()) subject.languages.push_back(language.get<std::string>());
}

}  // namespace

std::vector<std::string> names_to_publish() {
  return {"config.json", "model.safetensors", kCard, "tokenizer.json", "options.json"};
}

Publication publish(const hub::Settings& settings, const hub::Repository& repository, const fs::path& folder,
                    const hub::UploadOptions& options) {
  const std::vector<std::string> all = names_in(folder), names = chosen(folder, all);
  Publication result;
  for (const std::string& name : all)
    if (!has(names, name) && !is_temporary(name)) result.left_out.push_back(name);
  std::vector<hub::UploadFile> files;
  for (const std::string& name : names) {
    check_link(folder, name);
    files.push_back({.path = name, .file = folder / name});
  }
  const hub::Repository whole = hub::with_owner(settings, repository);
  if (!has(names, kCard)) {
    CardSubject subject{.repository = whole.id, .license = "", .languages = {}, .moved = {}};
    add_facts(settings, folder, subject);
    files.push_back({.path = kCard, .text = model_card(folder, subject)});
    result.card_written = true;
  }
  result.uploaded = hub::upload(settings, whole, files, options);
  return result;
}

}  // namespace tekio

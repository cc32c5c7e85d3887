#include "data/repository/hub_dataset.h"

#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/system_error.h"
#include "data/file_kinds.h"
#include "data/repository/choose_files.h"
#include "data/split_slice.h"
#include "hub/clients.h"

namespace tekio {
namespace fs = std::filesystem;
namespace {

constexpr const char* kConverted = "refs/convert/parquet";

/// A file, but no more of it than its head may have: a README.md may go on for long.
std::string read_beginning(const fs::path& path) {
  std::string text(kLongestCardHead + 1, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file) fail_system({last_error(), path}, "cannot read {}: {}", printable(path.string(), 300));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::binary_search(names.begin(), names.end(), name);
}

/// What is known of the repository that is being opened.
struct Opening {
  hub::Settings settings;
  hub::Repository repository;
  hub::Listing listing;
  std::string what;  // as messages name it
  std::shared_ptr<hub::Clients> clients;
};

Opening look_up(const hub::Settings& settings, const hub::Repository& repository) {
  hub::Listing listing = hub::list_files(settings, repository);
  hub::Repository home = hub::at_home(repository, listing);
  return {settings, std::move(home), std::move(listing), hub::shown(repository),
          std::make_shared<hub::Clients>(settings)};
}

DatasetCard card_of(const Opening& opening) {
  const auto fetch = [&](const std::vector<std::string>& names) {
    std::vector<std::string> there;
    for (const std::string& name : names)
      if (has(opening.listing.names, name)) there.push_back(name);
    if (!there.empty()) hub::fetch_files(opening.settings, opening.repository, opening.listing.commit, there);
  };
  const auto text = [&](const char* name) {
    return has(opening.listing.names, name) ? read_beginning(opening.listing.folder / name) : "";
  };
  fetch({".huggingface.yaml", "README.md"});
  DatasetCard card = read_card(text("README.md"), text(".huggingface.yaml"), opening.what);
  // It says nothing of files, but where one configuration alone is described, that one is meant.
  constexpr const char* kInfos = "dataset_infos.json";
  if (card.configs.size() > 1 && card.described.size() == 1 && has(opening.listing.names, kInfos)) {
    fetch({kInfos});
    add_described(card, parse_json(text(kInfos), fmt::format("{} of {}", kInfos, opening.what)), opening.what);
  }
  return card;
}

/// "NAME.py" of "org/NAME".
bool is_script(const Opening& opening) {
  return std::any_of(opening.listing.names.begin(), opening.listing.names.end(), [&](const std::string& name) {
    for (const std::string& id : {opening.listing.id, opening.repository.id})
      if (name == id.substr(id.rfind('/') + 1) + ".py") return true;
    return false;
  });
}

FileKind kind_of_format(std::string_view format) {
  return format == "csv"       ? FileKind::csv
         : format == "json"    ? FileKind::json
         : format == "parquet" ? FileKind::parquet
         : format == "arrow"   ? FileKind::arrow
                               : FileKind::text;
}

/// Tells what the reference passes over without a word.
void tell_of(const ChosenSplit& split, const std::string& what) {
  if (split.left_out > 0)
    note(fmt::format("{}: split {}: {} of other formats than {} left out", what, printable(split.name),
                     counted(static_cast<int64_t>(split.left_out), "file"), split.format));
  std::vector<std::string> sorted = split.files;
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
    warn(
        fmt::format("{}: several patterns of split {} match {}, so its rows are there several times, as Hugging Face "
                    "datasets has them",
                    what, printable(split.name), printable(*twice, 200)));
}

/// The footer of a Parquet file, which mostly fits the first try.
std::shared_ptr<const FileEnd> footer_of(const Opening& opening, const std::string& name) {
  constexpr uint64_t kFirst = uint64_t{64} << 10, kLongest = uint64_t{64} << 20;
  if (opening.settings.offline) return nullptr;
  const auto tail = [&](uint64_t bytes) {
    return opening.clients->lend([&](hub::Client& client) {
      return hub::fetch_tail(client, opening.repository, opening.listing.commit, name, bytes);
    });
  };
  hub::FileTail end = tail(kFirst);
  const uint64_t wanted = footer_bytes(end.bytes);
  if (wanted > kLongest || wanted > end.size) return nullptr;
  if (wanted > end.bytes.size()) end = tail(wanted);
  return std::make_shared<const FileEnd>(end.size, end.bytes);
}

HubDataset::Split split_of(const Opening& opening, ChosenSplit& chosen) {
  tell_of(chosen, opening.what);
  HubDataset::Split split{chosen.name, {}, {}};
  const auto shared = std::make_shared<const Opening>(opening);
  for (const std::string& name : chosen.files) {
    const NameVerdict verdict = judge_name(name);
    if (!verdict.kind && !verdict.refusal.empty())
      fail(ErrorKind::input, "{}: {}: {}", opening.what, printable(name, 200), verdict.refusal);
    split.files.push_back({.path = opening.listing.folder / name,
                           .kind = verdict.kind.value_or(kind_of_format(chosen.format)),
                           .packing = verdict.packing});
    if (split.files.back().kind == FileKind::parquet)
      split.files.back().end = [shared, name] { return footer_of(*shared, name); };
  }
  split.fetch = [settings = opening.settings, repository = opening.repository, commit = opening.listing.commit,
                 names = std::move(chosen.files)] { hub::fetch_files(settings, repository, commit, names); };
  return split;
}

HubDataset made_of(const Opening& opening, ChosenFiles chosen, const ReadOptions& options) {
  for (const std::string& split : chosen.empty)
    warn(split.starts_with("partial-")
             ? fmt::format("{}: of split {} the Hub's copy holds the first 5 GB only, it is left out", opening.what,
                           printable(split.substr(8)))
             : fmt::format("{}: split {} has no data files, it is left out", opening.what, printable(split)));
  HubDataset dataset{opening.listing.id, opening.listing.commit, options, {}};
  if (chosen.config != nullptr)
    dataset.options = with_parameters(*chosen.config, chosen.splits.front().format, options, opening.what);
  for (ChosenSplit& split : chosen.splits) dataset.splits.push_back(split_of(opening, split));
  return dataset;
}

hub::Repository copy_of(const Opening& script) {
  hub::Repository copy = script.repository;
  copy.revision = kConverted;
  return copy;
}

HubDataset open_converted(const Opening& script, const ReadOptions& options) {
  if (script.repository.revision != "main")
    fail(ErrorKind::input,
         "{} is a script, which is never run; the Hub has a copy of its newest revision as Parquet: leave the revision "
         "out",
         script.what);
  try {
    const Opening opening = look_up(script.settings, copy_of(script));
    if (!is_converted(opening.listing.names))
      fail(ErrorKind::input, "{} holds no files CONFIGURATION/SPLIT/0000.parquet", opening.what);
    return made_of(opening, choose_converted(opening.listing.names, options.config_name, opening.what), options);
  } catch (const Error& error) {
    fail_as(error, fmt::format("{} is a script, which is never run, and of its copy as Parquet: {}", script.what,
                               error.what()));
  }
}

}  // namespace

std::optional<HubName> parse_hub_name(const std::string& spec) {
  const auto colon = find_split_colon(spec);
  const std::string name = spec.substr(0, colon.value_or(spec.size()));
  const NameVerdict verdict = judge_name(name);
  if (verdict.kind || verdict.packing != Packing::none || !verdict.refusal.empty() || !verdict.remedy.empty())
    return std::nullopt;
  auto repository = hub::parse_repository(name, hub::RepoType::dataset);
  if (!repository) return std::nullopt;
  return HubName{std::move(*repository), colon ? spec.substr(*colon + 1) : ""};
}

HubDataset open_hub_dataset(const hub::Settings& settings, const hub::Repository& repository,
                            const ReadOptions& options) {
  const Opening opening = look_up(settings, repository);
  const std::vector<std::string>& names = opening.listing.names;
  if (opening.listing.id != repository.id)
    note(fmt::format("{} is {} now", printable(repository.id, 200), printable(opening.listing.id, 200)));
  if (is_converted(names)) return made_of(opening, choose_converted(names, options.config_name, opening.what), options);
  const DatasetCard card = card_of(opening);
  if (card.configs.empty() && is_script(opening)) return open_converted(opening, options);
  return made_of(opening, choose_files(names, card, options.config_name, opening.what, !opening.listing.is_whole),
                 options);
}

std::optional<hub::Snapshot> fetch_converted(const hub::Settings& settings, const hub::Repository& repository) {
  const Opening opening = look_up(settings, repository);
  if (repository.revision != "main" || is_converted(opening.listing.names) || !is_script(opening) ||
      !card_of(opening).configs.empty())
    return std::nullopt;
  const hub::Repository copy = copy_of(opening);
  try {
    hub::list_files(settings, copy);
  } catch (const Error& error) {
    warn(fmt::format("{} is a script, which is never run, and of its copy as Parquet: {}", opening.what, error.what()));
    return std::nullopt;
  }
  return hub::fetch(settings, copy, [](const std::vector<std::string>& names) { return names; });
}

}  // namespace tekio

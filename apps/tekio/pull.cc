// tekio pull: a repository's files into the Hub's cache.
#include "base/log.h"
#include "command.h"
#include "data/repository/hub_dataset.h"
#include "hub/fetch.h"
#include "transfer.h"

namespace tekio::cli {
namespace {

class Pull final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "pull",
        .summary = "fetches a model or a dataset from the Hub",
        .usage = "ID[@REV] [--repo_type model|dataset] [--all]",
        .description =
            "Puts a repository's files into the Hub's cache, where Tekio and Hugging Face's libraries find them, also "
            "without a network, and prints the folder. Of a model: everything but weights in forms that are not "
            "needed (safetensors go before PyTorch's); --all: those, too. Of a dataset that is a script: the Hub's "
            "copy as Parquet, too. Files that are there are not fetched again; "
            "an interrupted fetch goes on where it stopped. REV is a branch, a tag or a commit. Other commands fetch "
            "what they need by themselves.",
        .examples = {"tekio pull distilbert-base-uncased", "tekio pull stanfordnlp/imdb --repo_type dataset",
                     "tekio pull org/private-model@v2 --json"},
        .max_positionals = 1,
        .on_ranks = OnRanks::each};
  }

  void add_options(OptionTable& table) override {
    table.add("repo_type", &type_, "what ID names").one_of({"model", "dataset"});
    table.add("all", &all_, "all files, weights in every form");
    table.add("cache_dir", &cache_dir_, "the Hub's cache; else as HF_HUB_CACHE and HF_HOME say").called("DIR");
  }

  void check(const OptionTable&, const std::vector<std::string>& positionals) override {
    if (positionals.empty())
      fail(ErrorKind::usage, "pull needs the id of a repository on the Hub: tekio pull ID[@REV]");
    const auto type = type_ == "model" ? hub::RepoType::model : hub::RepoType::dataset;
    const auto repository = hub::parse_repository(positionals[0], type);
    if (!repository)
      fail(ErrorKind::usage,
           "{} is no id of a repository on the Hub, expected NAME or OWNER/NAME, with @REVISION perhaps",
           printable(positionals[0], 200));
    repository_ = *repository;
  }

  int run(const OptionTable&, const std::vector<std::string>&, Output& out) override {
    hub::Settings settings = hub::Settings::from_environment(common.hub);
    settings.on_progress = transfer_bar("fetching");
    const hub::Snapshot snapshot =
        hub::fetch(settings, repository_, [this](const auto& names) { return choose(names); });
    if (!snapshot.is_whole)
      warn(
          fmt::format("{}: these are the files that the cache holds; whether they are all cannot be known without the "
                      "Hub",
                      hub::shown(repository_)));
    std::optional<hub::Snapshot> copy;
    if (repository_.type == hub::RepoType::dataset) copy = fetch_converted(settings, repository_);
    if (!common.json) {
      out.line(snapshot.folder.string());
      return 0;
    }
    OrderedJson report = described(snapshot);
    if (copy) report["parquet"] = described(*copy);
    out.json(report);
    return 0;
  }

 private:
  static OrderedJson described(const hub::Snapshot& snapshot) {
    return {{"path", snapshot.folder.string()},
            {"revision", snapshot.commit},
            {"files", snapshot.files},
            {"complete", snapshot.is_whole}};
  }

  std::vector<std::string> choose(const std::vector<std::string>& names) const {
    if (all_ || repository_.type == hub::RepoType::dataset) return names;
    try {
      return hub::model_repository_files(names);
    } catch (const Error& error) {
      fail(error.kind(), "{}; --all fetches its files as they are", error.what());
    }
  }

  std::string type_ = "model", cache_dir_;
  bool all_ = false;
  hub::Repository repository_;
};

}  // namespace

std::unique_ptr<Command> make_pull() { return std::make_unique<Pull>(); }

}  // namespace tekio::cli

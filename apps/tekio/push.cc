// tekio push: a run's model, card and figures to a repository on the Hub.
#include "base/log.h"
#include "base/system_error.h"
#include "command.h"
#include "inputs.h"
#include "train/publish.h"
#include "transfer.h"

namespace tekio::cli {
namespace {

namespace fs = std::filesystem;

class Push final : public Command {
 public:
  CommandText text() const override {
    return {.name = "push",
            .summary = "sends a run's model to the Hub",
            .usage = "RUN ID [--private] [--message TEXT] [--overwrite]",
            .description =
                "Makes the repository where there is none and sends in one commit: the model, its tokenizer, the run's "
                "figures and options, and a model card that is written from them; a README.md in RUN goes instead of "
                "that. Checkpoints and other files stay. What is there already is not sent again. ID is NAME (of the "
                "token's owner) or OWNER/NAME; RUN is a run folder, or any folder that opens as a model. Needs a token "
                "with the right to write: HF_TOKEN, or 'hf auth login'. A repository that holds what was not pushed "
                "from here is left as it is.",
            .examples = {"tekio push run my-model --private", "tekio push run/checkpoint-500 org/my-model",
                         "tekio push run org/my-model --message 'Three epochs' --json"},
            .max_positionals = 2};
  }

  void add_options(OptionTable& table) override {
    table.add("private", &options_.is_private, "makes a repository that only its owner sees");
    table.add("message", &options_.message, "the commit's first line").alias("commit_message");
    table.add("overwrite", &options_.overwrite, "replaces files that were not pushed from here");
  }

  void check(const OptionTable&, const std::vector<std::string>& positionals) override {
    if (positionals.size() < 2)
      fail(ErrorKind::usage, "push needs a run folder and the id of a repository on the Hub: tekio push RUN ID");
    const auto repository = hub::parse_repository(positionals[1], hub::RepoType::model);
    if (!repository || repository->revision != "main")
      fail(ErrorKind::usage,
           "{} is no id of a repository to push to, expected NAME or OWNER/NAME (letters, digits, - _ .)",
           printable(positionals[1], 200));
    repository_ = *repository;
    if (options_.message.empty()) fail(ErrorKind::usage, "--message is empty, but a commit needs one");
  }

  int run(const OptionTable&, const std::vector<std::string>& positionals, Output& out) override {
    const fs::path folder = folder_of(positionals[0]);
    open(folder);
    hub::Settings settings = hub::Settings::from_environment(common.hub);
    settings.on_progress = transfer_bar("pushing");
    const Publication done = publish(settings, repository_, folder, options_);
    settings.on_progress = nullptr;
    report(done, out);
    return 0;
  }

 private:
  fs::path folder_of(const std::string& run) const {
    std::error_code ignored;
    if (!fs::exists(run, ignored))
      fail({std::errc::no_such_file_or_directory, run}, "there is no run folder {}", printable(run, 300));
    return find_model(run, hub::model_files, common.hub, "RUN").folder;
  }

  // Whoever fetches it must be able to.
  void open(const fs::path& folder) const {
    MaskedLM::from_pretrained(folder.string(), {.threads = common.threads});
    if (Tokenizer::is_in(folder))
      Tokenizer::from_pretrained(folder.string());
    else
      warn(fmt::format("{} has no tokenizer: the model is pushed without, and pipelines will not open it",
                       printable(folder.string(), 300)));
  }

  void report(const Publication& done, Output& out) const {
    const hub::Uploaded& uploaded = done.uploaded;
    if (common.json) {
      out.json({{"repository", uploaded.repository},
                {"url", uploaded.url},
                {"commit", uploaded.commit},
                {"sent", {{"files", uploaded.sent}, {"bytes", uploaded.sent_bytes}}},
                {"unchanged", {{"files", uploaded.unchanged}, {"bytes", uploaded.unchanged_bytes}}},
                {"ignored", uploaded.ignored},
                {"left_out", done.left_out},
                {"card_written", done.card_written}});
      return;
    }
    const auto files = [](const std::vector<std::string>& names, uint64_t bytes) {
      return fmt::format("{}, {}", counted(static_cast<int64_t>(names.size()), "file"), bytes_text(bytes));
    };
    out.line(printable(uploaded.url, 4096));
    out.line(
        fmt::format("commit   {}{}", uploaded.commit, uploaded.sent.empty() ? ", which has all of it already" : ""));
    out.line(fmt::format("sent     {}", files(uploaded.sent, uploaded.sent_bytes)));
    if (!uploaded.unchanged.empty())
      out.line(fmt::format("skipped  {}: there already", files(uploaded.unchanged, uploaded.unchanged_bytes)));
    if (!uploaded.ignored.empty())
      out.line(fmt::format("skipped  {}: named in the repository's .gitignore", names_of(uploaded.ignored)));
    if (!done.left_out.empty()) out.line(fmt::format("left     {}: no part of a model", names_of(done.left_out)));
  }

  static std::string names_of(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + printable(name, 200);
    return text;
  }

  hub::Repository repository_;
  hub::UploadOptions options_{.message = "Upload with Tekio"};
};

}  // namespace

std::unique_ptr<Command> make_push() { return std::make_unique<Push>(); }

}  // namespace tekio::cli

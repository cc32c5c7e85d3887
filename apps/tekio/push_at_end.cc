#include "push_at_end.h"

#include <algorithm>

#include "base/log.h"
#include "base/user_path.h"
#include "transfer.h"

namespace tekio::cli {

PushAtEnd::PushAtEnd(const TrainingArguments::Hub& hub, const std::string& output_dir, const hub::CallSettings& call,
                     const std::string& message)
    : settings_(hub::Settings::from_environment(call)), options_{.is_private = hub.is_private, .message = message} {
  if (!hub.token.empty()) settings_.token = hub.token;
  if (std::any_of(settings_.token.begin(), settings_.token.end(), [](unsigned char c) { return c <= ' ' || c > '~'; }))
    tekio::fail(ErrorKind::usage, "--hub_token holds characters that no token has");
  const std::string id = hub.model_id.empty() ? last_part(output_dir) : hub.model_id;
  const auto repository = hub::parse_repository(id, hub::RepoType::model);
  if (!repository || repository->revision != "main")
    tekio::fail(ErrorKind::usage, "{} {} is no name of a repository on the Hub{}",
                hub.model_id.empty() ? std::string("the run folder's name") : named_option("hub_model_id"),
                printable(id, 200),
                hub.model_id.empty() ? tekio::message(": pass --hub_model_id")
                                     : ", expected NAME or OWNER/NAME (letters, digits, - _ .)");
  repository_ = hub::prepare_upload(settings_, *repository, names_to_publish(), options_, /*make=*/false);
}

void PushAtEnd::prepare() { hub::prepare_upload(settings_, repository_, names_to_publish(), options_); }

void PushAtEnd::push(const std::string& run_dir) {
  run_dir_ = run_dir;
  settings_.on_progress = transfer_bar("pushing");
  try {
    done_ = publish(settings_, repository_, run_dir, options_);
  } catch (const Error& error) {
    reason_ = error.what();
  }
  settings_.on_progress = nullptr;
  if (done_) note(fmt::format(" pushed   {}", printable(url(), 300)));
}

void PushAtEnd::fail() const {
  tekio::fail(ErrorKind::io, "the run is whole in {}, but it was not pushed: {}; push it with: tekio push {} {}{}",
              printable(run_dir_, 300), reason_, printable(shell_word(run_dir_), 300), repository_.id,
              options_.is_private ? " --private" : "");
}

std::string PushAtEnd::url() const { return settings_.endpoint + "/" + repository_.id; }

OrderedJson PushAtEnd::to_json() const {
  if (!done_) return nullptr;
  return {{"repository", done_->uploaded.repository}, {"url", done_->uploaded.url}, {"commit", done_->uploaded.commit}};
}

}  // namespace tekio::cli

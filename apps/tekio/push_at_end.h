// --push_to_hub: what a run is pushed to, looked at before training, so that hours of work do not end in a refusal.
#pragma once

#include <optional>
#include <string>

#include "hub/upload.h"
#include "options.h"
#include "train/publish.h"
#include "training_options.h"

namespace tekio::cli {

class PushAtEnd {
 public:
  /// Asks the Hub whose the token is and what the repository holds; changes nothing there. Errors: usage (no token,
  /// offline, no name that a repository can have), io (what the Hub refuses).
  PushAtEnd(const TrainingArguments::Hub& hub, const std::string& output_dir, const hub::CallSettings& call,
            const std::string& message = "End of training");  // the reference's message

  /// Makes the repository where there is none. Errors: io.
  void prepare();
  /// Pushes a run that is whole. Where it does not go, the reason is kept for fail().
  void push(const std::string& run_dir);
  bool has_failed() const { return !reason_.empty(); }
  /// Errors: io, always: the run is whole but was not pushed, why, and how to do that.
  [[noreturn]] void fail() const;

  std::string url() const;
  /// {"repository", "url", "commit"}; null where it did not go.
  OrderedJson to_json() const;

 private:
  hub::Settings settings_;
  hub::Repository repository_;
  hub::UploadOptions options_;
  std::optional<Publication> done_;
  std::string run_dir_, reason_;
};

}  // namespace tekio::cli

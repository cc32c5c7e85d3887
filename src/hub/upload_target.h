// The repository that something is pushed to: whose it is, whether it is there, what its branch is, and what the Hub's
// refusals mean to who wants to write.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "hub/client.h"
#include "hub/upload.h"

namespace tekio::hub {

class UploadTarget {
 public:
  UploadTarget(const Settings& settings, const Repository& repository, const UploadOptions& options)
      : client_(settings), repository_(repository), options_(options) {}

  /// Whose token it is, and so whose a name without an owner is. Errors: io.
  const Repository& identify();
  /// Looks, as prepare_upload() says, and makes the repository if that is wanted. Errors: io.
  Repository prepare(const std::vector<std::string>& names, bool make);
  /// The branch as it is now; false where there is no such repository. Errors: io.
  bool look();

  Client& client() { return client_; }
  const Settings& settings() const { return client_.settings(); }
  const Repository& repository() const { return repository_; }
  const UploadOptions& options() const { return options_; }
  /// The branch's last commit, as of the last look.
  const std::string& parent() const { return parent_; }
  /// Whether that was pushed from here, or may be replaced all the same.
  bool is_known() const;
  [[noreturn]] void fail_unknown(const std::vector<std::string>& names) const;

  HttpAnswer post(const std::string& path, const std::string& body, const char* type, const std::string& what,
                  const std::function<bool()>& arrived = nullptr);
  /// Says what an answer that is no success means.
  [[noreturn]] void refuse(const HttpAnswer& answer, const std::string& what) const;
  Json answer_of(const HttpAnswer& answer, const std::string& path) const {
    return parse_json(answer.body, shown_url(settings().endpoint + path));
  }
  std::string endpoint() const { return shown_url(settings().endpoint); }
  std::string page() const {
    return fmt::format("{}/{}{}", settings().endpoint, repository_.type == RepoType::model ? "" : "datasets/",
                       repository_.id);
  }

 private:
  void create();
  HttpAnswer get(const std::string& path, const std::string& what) {
    return client_.send({.method = "GET", .url = settings().endpoint + path}, what);
  }

  Client client_;
  Repository repository_;
  const UploadOptions& options_;
  std::string parent_;
  std::vector<std::string> there_;  // the branch's files
  bool is_private_ = false;
};

}  // namespace tekio::hub

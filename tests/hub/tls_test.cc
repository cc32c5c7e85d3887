// Over https: whose certificates are trusted, and that nothing leaves it for http.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "hub/client.h"
#include "hub/fetch.h"
#include "hub/hub_server.h"
#include "hub/upload.h"
#include "support/scratch_folder.h"

namespace tekio::hub {
namespace {

using nlohmann::json;
using test::HubServer;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kBothHosts = "IP:127.0.0.1,IP:127.0.0.2";
constexpr const char* kBundles[] = {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"};

bool openssl(const std::string& arguments) {
  return std::system(fmt::format("openssl {} >/dev/null 2>&1", arguments).c_str()) == 0;
}

/// Makes certificates as a company would that signs them itself.
class Authority {
 public:
  explicit Authority(const char* name) {
    made_ =
        openssl(fmt::format("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {0}/ca.key "
                            "-out {0}/ca.pem -subj /CN={1} -days 2",
                            folder(), name));
  }
  bool made() const { return made_; }
  std::string folder() const { return scratch_.path().string(); }
  std::string bundle() const { return folder() + "/ca.pem"; }
  /// A certificate with its key for a name ("IP:127.0.0.1"); one that is `expired` ended two days ago.
  std::string certificate(const std::string& host, bool expired = false) const {
    const std::string stem = fmt::format("{}/{}", folder(), ++count_);
    std::ofstream(stem + ".ext") << "subjectAltName=" << host << "\n";
    std::ofstream(stem + ".cnf") << "[ca]\ndefault_ca=own\n[own]\ndatabase=" << stem
                                 << ".index\nnew_certs_dir=" << folder()
                                 << "\nrand_serial=yes\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n";
    std::ofstream(stem + ".index") << "";
    const char* const span = expired ? "-startdate 20200101000000Z -enddate 20200102000000Z" : "-days 2";
    const bool made =
        openssl(
            fmt::format("req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {0}.key -out {0}.csr "
                        "-subj /CN=hub",
                        stem)) &&
        openssl(fmt::format("ca -batch -notext -config {0}.cnf -extfile {0}.ext -cert {1}/ca.pem -keyfile {1}/ca.key "
                            "-in {0}.csr -out {0}.crt {2}",
                            stem, folder(), span));
    EXPECT_TRUE(made) << host;
    std::ofstream(stem + ".pem") << std::ifstream(stem + ".crt").rdbuf() << std::ifstream(stem + ".key").rdbuf();
    return stem + ".pem";
  }

 private:
  const test::ScratchFolder scratch_;
  bool made_ = false;
  mutable int count_ = 0;
};

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : kBundles) {
      if (const char* value = std::getenv(name)) before_.emplace_back(name, value);
      ::unsetenv(name);
    }
    if (!openssl("version")) GTEST_SKIP() << "there is no program openssl, which makes certificates";
    authority_.emplace("Tekio-Test");
    ASSERT_TRUE(authority_->made());
    server_.add("models/m/config.json", "{}");
    server_.add("models/m/model.safetensors", weights_);
  }
  void TearDown() override {
    for (const char* name : kBundles) ::unsetenv(name);
    for (const auto& [name, value] : before_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  void start(const std::string& certificate, bool plain_cdn = false) {
    std::vector<std::string> options = {"--token", "hf_right", "--certificate", certificate};
    if (plain_cdn) options.emplace_back("--plain_cdn");
    server_.start(options);
    ASSERT_TRUE(server_.endpoint().starts_with("https://")) << server_.endpoint();
  }
  void trust(const std::string& bundle, const char* variable = "SSL_CERT_FILE") const {
    ::setenv(variable, bundle.c_str(), 1);
  }
  Settings settings() const {
    Settings settings = server_.settings();
    settings.token = "hf_right";
    return settings;
  }
  /// What fetching ends with; "" if it does well.
  std::string message() const {
    try {
      const Snapshot snapshot = fetch(settings(), {RepoType::model, "m"}, model_files);
      EXPECT_EQ(read_text(snapshot.folder / "model.safetensors"), weights_);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::io);
      return error.what();
    }
    return "";
  }
  void expect_no_token_in(const json& log, const char* host) const {
    for (const json& entry : log) EXPECT_TRUE(entry["host"] != host || entry["authorization"].is_null()) << entry;
  }

  std::string weights_ = std::string(300'000, 'w');
  std::optional<Authority> authority_;
  HubServer server_;

 private:
  std::vector<std::pair<std::string, std::string>> before_;
};

TEST_F(Tls, TrustsWhomTheEnvironmentNames) {
  start(authority_->certificate(kBothHosts));
  ASSERT_TRUE(openssl("rehash " + authority_->folder()));
  for (const char* name : kBundles)
    for (const std::string& place : {authority_->bundle(), authority_->folder()}) {
      trust(place, name);
      EXPECT_EQ(message(), "") << name << " " << place;
      ::unsetenv(name);
      const json log = server_.take_log();
      EXPECT_EQ(log.size(), 5u);  // the listing, two HEAD, two contents
      expect_no_token_in(log, "cdn");
      fs::remove_all(server_.cache());
    }
}

TEST_F(Tls, WhoIsNotTrustedIsToldOnce) {
  start(authority_->certificate(kBothHosts));
  const Authority other("Somebody-Else");
  ASSERT_TRUE(other.made());
  for (const bool has_other : {false, true}) {
    if (has_other) trust(other.bundle());
    EXPECT_THAT(message(),
                AllOf(HasSubstr(server_.endpoint()), HasSubstr("certificate is not trusted"), HasSubstr("issuer"),
                      HasSubstr("SSL_CERT_FILE"), Not(HasSubstr("tries")), Not(HasSubstr("hf_right"))));
  }
  trust(other.bundle(), "REQUESTS_CA_BUNDLE");  // which goes before the other
  trust(authority_->bundle());
  EXPECT_THAT(message(), HasSubstr("trusted are those in REQUESTS_CA_BUNDLE (" + other.bundle() + ")"));
  EXPECT_THAT(server_.take_log(), IsEmpty());
  EXPECT_FALSE(fs::exists(server_.cache() / "models--m" / "blobs"));
}

TEST_F(Tls, AnExpiredCertificateIsNotTrusted) {
  start(authority_->certificate(kBothHosts, /*expired=*/true));
  trust(authority_->bundle());
  EXPECT_THAT(message(), AllOf(HasSubstr("certificate is not trusted"), HasSubstr("expired")));
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

TEST_F(Tls, AnotherHostsCertificateIsNotTrusted) {
  trust(authority_->bundle());
  start(authority_->certificate("DNS:elsewhere.example"));
  EXPECT_THAT(message(), AllOf(HasSubstr("certificate is not trusted"), HasSubstr("127.0.0.1")));
  EXPECT_THAT(server_.take_log(), IsEmpty());
}

TEST_F(Tls, AVariableThatNamesNoCertificatesIsNamed) {
  start(authority_->certificate(kBothHosts));
  const std::string junk = authority_->folder() + "/junk";
  std::ofstream(junk) << "no certificate\n";
  for (const std::string& place : {junk, std::string("/nowhere/ca.pem")}) {
    trust(place, "REQUESTS_CA_BUNDLE");
    EXPECT_THAT(message(), AllOf(HasSubstr("REQUESTS_CA_BUNDLE is " + place), HasSubstr("no certificates")));
  }
}

TEST_F(Tls, WhatIsCutOffGoesOn) {
  start(authority_->certificate(kBothHosts));
  trust(authority_->bundle());
  server_.set_faults({{{"match", "^GET cdn /cdn/"}, {"kind", "cut"}, {"after", 100'000}},
                      {{"match", "^GET cdn /cdn/"}, {"kind", "cut"}, {"after", 1}}});
  EXPECT_EQ(message(), "");
  const json log = server_.take_log();
  EXPECT_EQ(log.back()["range"], "bytes=100001-");
}

TEST_F(Tls, HttpsStaysHttps) {
  start(authority_->certificate(kBothHosts), /*plain_cdn=*/true);
  trust(authority_->bundle());
  EXPECT_THAT(message(), AllOf(HasSubstr(server_.cdn()), HasSubstr("a fetch that began with https stays with it"),
                               Not(HasSubstr("sig=secret"))));
  for (const json& entry : server_.take_log()) EXPECT_EQ(entry["host"], "endpoint") << entry;
  // Not for metadata either, though it is the same machine.
  for (const char* what : {"/api/", "^HEAD"}) {
    const std::string elsewhere = server_.control_url() + "/api/models/m/revision/main";
    server_.set_faults({{{"match", what}, {"kind", "redirect"}, {"to", elsewhere}, {"times", 100}}});
    EXPECT_THAT(message(), HasSubstr(server_.control_url()));
    for (const json& entry : server_.take_log())
      EXPECT_EQ(entry["authorization"], "Bearer hf_right") << entry;  // all to the endpoint, none over http
  }
}

TEST_F(Tls, NothingIsPushedOverHttp) {
  start(authority_->certificate(kBothHosts), /*plain_cdn=*/true);
  trust(authority_->bundle());
  const fs::path file = server_.cache() / "model.safetensors";
  fs::create_directories(file.parent_path());
  write_atomically(file, std::string(5000, 'x'));  // that the server has not
  const std::vector<UploadFile> files = {{.path = "model.safetensors", .file = file}};
  try {
    upload(settings(), {RepoType::model, "org/new"}, files, {.message = "First"});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_THAT(error.what(), AllOf(HasSubstr(server_.cdn()), HasSubstr("https")));
  }
  for (const json& entry : server_.take_log()) EXPECT_EQ(entry["host"], "endpoint") << entry;
  EXPECT_EQ(server_.repositories()["models/org/new"]["history"].size(), 1u);
}

TEST_F(Tls, AServerWithoutItIsToldSo) {
  HubServer plain;
  plain.add("models/m/config.json", "{}");
  plain.start();
  Settings settings = plain.settings();
  settings.endpoint = "https" + plain.endpoint().substr(4);
  try {
    fetch(settings, {RepoType::model, "m"}, model_files);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_THAT(error.what(), AllOf(HasSubstr(settings.endpoint), HasSubstr("SSL")));
  }
}

}  // namespace
}  // namespace tekio::hub

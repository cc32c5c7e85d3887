#include "serve/service_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "support/log_capture.h"
#include "support/notify_socket.h"
#include "support/scratch_folder.h"

namespace tekio::serve {
namespace {

class ServiceManager : public ::testing::Test {
 protected:
  void TearDown() override { ::unsetenv("NOTIFY_SOCKET"); }
  static void set(const std::string& name) { ::setenv("NOTIFY_SOCKET", name.c_str(), 1); }
  test::LogCapture log_;
};

TEST_F(ServiceManager, IsToldByPathOrName) {
  const test::ScratchFolder scratch;
  const std::string own = "@tekio-test-" + std::to_string(::getpid());
  for (const std::string& name :
       {(scratch.path() / "notify").string(), own, own + std::string(108 - own.size(), 'a')}) {
    const test::NotifySocket manager(name);
    set(name);
    tell_service_manager("READY=1\nSTATUS=serving");
    tell_service_manager("STOPPING=1");
    EXPECT_EQ(manager.told(), "READY=1\nSTATUS=serving") << name;
    EXPECT_EQ(manager.told(), "STOPPING=1") << name;
    EXPECT_EQ(manager.told(), "") << name;
  }
  EXPECT_EQ(log_.text(), "");
}

TEST_F(ServiceManager, IsNobodyWhereNoneIsNamed) {
  tell_service_manager("READY=1");
  set("");
  tell_service_manager("READY=1");
  EXPECT_EQ(log_.text(), "");
}

TEST_F(ServiceManager, SaysWhereNobodyTakesIt) {
  for (const auto& [name, problem] : {std::pair("/nonexistent/notify", "No such file or directory"),
                                      {"@tekio-test-nobody", "Connection refused"},
                                      {"notify", "expected a path or @NAME of at most 108 bytes"}}) {
    set(name);
    const test::LogCapture log;
    tell_service_manager("READY=1\nSTATUS=serving");
    EXPECT_EQ(log.text(), "warning: the service manager at NOTIFY_SOCKET=" + std::string(name) +
                              " was not told READY=1: " + problem + "\n");
  }
  set("/" + std::string(200, 'a'));
  tell_service_manager("READY=1");
  EXPECT_THAT(log_.text(), ::testing::HasSubstr("at most 108 bytes"));
}

}  // namespace
}  // namespace tekio::serve

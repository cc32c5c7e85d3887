// fork and exec by hand: tests need closed descriptors and signals at a chosen moment, which no library call gives.
#include "program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>

#include "base/error.h"
#include "options.h"

namespace tekio::test {
namespace fs = std::filesystem;

namespace {

/// The program's own tables are tested, too: their messages are the program's.
[[maybe_unused]] const bool has_dashes = (name_options_by(cli::with_dashes), true);

}  // namespace

nlohmann::ordered_json Result::json() const {
  auto document = nlohmann::ordered_json::parse(out, nullptr, false);
  if (document.is_discarded()) {
    ADD_FAILURE() << "standard output is no JSON document: " << out.substr(0, 400)
                  << "\nstandard error: " << err.substr(0, 400);
    return nlohmann::ordered_json::object();
  }
  return document;
}

Running::Running(const std::vector<std::string>& arguments, const Start& start) : input_(start.input) {
  std::signal(SIGPIPE, SIG_IGN);
  int in[2], out[2], err[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  if (start.terminal > 0) {
    winsize size{};
    size.ws_col = start.terminal, size.ws_row = 24;
    if (::openpty(&err[0], &err[1], nullptr, nullptr, &size) != 0) throw std::runtime_error("openpty");
    for (const int end : err) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  } else if (::pipe2(err, O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe");
  }
  std::vector<std::string> all = {TEKIO_PROGRAM};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> texts;
  for (std::string& text : all) texts.push_back(text.data());
  texts.push_back(nullptr);
  process_ = ::fork();
  if (process_ < 0) throw std::runtime_error("fork");
  if (process_ == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    if (start.terminal > 0 && (::setsid() < 0 || ::ioctl(2, TIOCSCTTY, 0) != 0)) ::_exit(125);
    if (start.output_to_terminal) ::dup2(err[1], 1);
    if (!start.output_file.empty()) ::dup2(::open(start.output_file.c_str(), O_WRONLY | O_CREAT, 0644), 1);
    if (start.close_input) ::close(0);
    if (start.close_output) ::close(1);
    // A shell's background jobs are begun without ears for some.
    for (const int signal : {SIGPIPE, SIGINT, SIGQUIT}) std::signal(signal, SIG_DFL);
    std::signal(SIGHUP, start.nohup ? SIG_IGN : SIG_DFL);
    ::setenv("HF_HUB_OFFLINE", "1", 1);  // no test asks the network but those of the Hub, which say so
    for (const auto& [name, value] : start.environment) ::setenv(name.c_str(), value.c_str(), 1);
    if (!start.folder.empty() && ::chdir(start.folder.c_str()) != 0) ::_exit(126);
    ::execv(TEKIO_PROGRAM, texts.data());
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  ::close(err[1]);
  in_ = in[1];
  out_ = out[0];
  err_ = err[0];
  ::fcntl(in_, F_SETFL, O_NONBLOCK);
  if (input_.empty()) ::close(std::exchange(in_, -1));
}

Running::~Running() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  for (const int descriptor : {in_, out_, err_})
    if (descriptor >= 0) ::close(descriptor);
}

// Moves what there is to move; false once both outputs have ended.
bool Running::read_some(int timeout_ms) {
  pollfd waits[3] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}, {in_, POLLOUT, 0}};  // negative descriptors are skipped
  ::poll(waits, 3, timeout_ms);
  char block[1 << 16];
  for (int i = 0; i < 2; ++i) {
    if (waits[i].fd < 0 || waits[i].revents == 0) continue;
    const ssize_t got = ::read(waits[i].fd, block, sizeof block);
    if (got > 0)
      (i == 0 ? result_.out : result_.err).append(block, static_cast<size_t>(got));
    else
      ::close(std::exchange(i == 0 ? out_ : err_, -1));
  }
  if (in_ >= 0 && waits[2].revents != 0) {
    const ssize_t put = ::write(in_, input_.data(), input_.size());
    if (put > 0) input_.erase(0, static_cast<size_t>(put));
    if (put < 0 || input_.empty()) ::close(std::exchange(in_, -1));
  }
  return out_ >= 0 || err_ >= 0;
}

bool Running::wait_for(std::string_view text) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (result_.err.find(text) == std::string::npos)
    if (!read_some(100) || std::chrono::steady_clock::now() > end) return result_.err.find(text) != std::string::npos;
  return true;
}

void Running::signal(int number) const { ::kill(process_, number); }

void Running::type(std::string_view keys) const {
  if (::write(err_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) ADD_FAILURE() << "not typed";
}

void Running::hang_up() { ::close(std::exchange(err_, -1)); }

Result Running::finish() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (read_some(100))
    if (std::chrono::steady_clock::now() > end) {
      ADD_FAILURE() << "the program did not end";
      ::kill(process_, SIGKILL);
    }
  int status = 0;
  ::waitpid(std::exchange(process_, -1), &status, 0);
  result_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  return result_;
}

Result run(const std::vector<std::string>& arguments, const Start& start) { return Running(arguments, start).finish(); }

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string model_folder() { return TEKIO_EXAMPLE_MODEL; }

std::string sentences(int count, unsigned seed) {
  static const char* const words[] = {
      "the", "license",    "work", "copy", "of",   "this", "software", "may",        "be", "used",   "under", "terms",
      "and", "conditions", "you",  "must", "give", "any",  "other",    "recipients", "a",  "source", "code",  "form"};
  std::mt19937 random(seed);
  std::string text;
  for (int i = 0; i < count; ++i) {
    for (int k = 0; k < 14; ++k) text += std::string(k > 0 ? " " : "") + words[random() % std::size(words)];
    text += ".\n";
  }
  return text;
}

}  // namespace tekio::test

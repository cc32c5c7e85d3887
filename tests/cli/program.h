// Runs the built program as a shell would, and keeps what it said.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/scratch_folder.h"

namespace tekio::test {

struct Result {
  int code = -1;  ///< the exit code, or 1000 + the signal that killed it
  std::string out, err;
  /// out as JSON; a test failure if it is none.
  nlohmann::ordered_json json() const;
};

struct Start {
  std::string input;                               ///< standard input; closed after it
  bool close_input = false, close_output = false;  ///< no descriptor 0, no descriptor 1 at all
  std::string output_file;                         ///< standard output goes there, /dev/full say
  std::map<std::string, std::string> environment;  ///< in addition
  std::string folder;                              ///< working folder
  unsigned short terminal = 0;  ///< columns of the terminal that standard error is, which is the program's own; 0: none
  bool output_to_terminal = false;  ///< standard output is that terminal, too: Result::err has both
  bool nohup = false;               ///< SIGHUP is ignored from the start
};

/// Runs `tekio ARGUMENTS`; killed after two minutes.
Result run(const std::vector<std::string>& arguments, const Start& start = {});

/// A run that goes on beside the test.
class Running {
 public:
  Running(const std::vector<std::string>& arguments, const Start& start = {});
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  /// Waits until standard error holds `text`; false if the program ended without.
  bool wait_for(std::string_view text);
  /// What standard error held when it was last waited for.
  const std::string& said() const { return result_.err; }
  void signal(int number) const;
  /// What a key at the terminal sends: "\x03" is Ctrl-C.
  void type(std::string_view keys) const;
  /// The terminal goes.
  void hang_up();
  Result finish();

 private:
  bool read_some(int timeout_ms);
  int process_ = -1, out_ = -1, err_ = -1, in_ = -1;  // err_: the terminal's outer end, where there is one
  std::string input_;
  Result result_;
};

std::string read_file(const std::string& path);
/// A small model with random weights: examples/tiny-model.
std::string model_folder();
/// English sentences, `count` lines, different from one `seed` to the next.
std::string sentences(int count, unsigned seed = 1);

}  // namespace tekio::test

// The one exception type of Tekio. Thrown where a fact is first known; the program maps `kind` to its exit code.
//
//   try { auto model = tekio::MaskedLM::from_pretrained("./my-model"); }
//   catch (const tekio::Error& e) { std::cerr << e.what() << '\n'; return tekio::exit_code(e.kind()); }
#pragma once

#include <stdexcept>
#include <string>

namespace tekio {

enum class ErrorKind {
  usage,   ///< an option or argument is wrong: unknown, out of range, contradicting another (exit code 2)
  input,   ///< the model, tokenizer or data is at fault (3)
  io,      ///< disk or network failed (4)
  device,  ///< the device is absent or failed, or memory ran out (5)
  comms,   ///< communication between processes failed (6): a process of the run is missing or has left
  bug,     ///< an assumption of Tekio itself did not hold (70)
};

/// What went wrong, in one sentence: what, got, expected, where, what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

/// The program's exit code for an error: usage 2, input 3, io 4, device 5, comms 6, bug 70.
int exit_code(ErrorKind kind) noexcept;

}  // namespace tekio

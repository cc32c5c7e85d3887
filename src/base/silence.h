// Work whose warnings concern nobody here: a client's, say, who could fill the log with them.
#pragma once

namespace tekio {

/// While it lives, nothing that its thread says by base/log.h is heard.
class Silence {
 public:
  Silence();
  ~Silence();
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  const bool before_;
};

}  // namespace tekio

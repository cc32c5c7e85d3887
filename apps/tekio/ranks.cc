#include "ranks.h"

#include "dist/join.h"
#include "terminal_log.h"

namespace tekio::cli {

int run_on_ranks(Common& common, const std::function<int(Communicator& ranks)>& body) {
  const std::unique_ptr<Communicator> ranks = join();
  if (ranks->size() > 1 && common.threads == 0) common.threads = ranks->processors();
  if (ranks->rank() > 0) set_silent();
  try {
    return body(*ranks);
  } catch (const std::exception& error) {
    ranks->leave(error.what());
    throw;
  }
}

}  // namespace tekio::cli

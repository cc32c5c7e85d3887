// What this user pushed last from here to which repository: by that a later push knows whether the branch is still as
// it was left. Kept in Settings::pushed, a small file a repository; a convenience: without it a push asks for
// --overwrite.
#pragma once

#include <string>

#include "hub/repository.h"
#include "hub/settings.h"

namespace tekio::hub {

struct PushRecord {
  std::string commit;      ///< the last one that was pushed; empty where none is known
  bool under_way = false;  ///< a further one had been begun when its push ended: it may have been made
};

PushRecord read_push_record(const Settings& settings, const Repository& repository);
/// Does what it can: no error where that is nothing.
void keep_push_record(const Settings& settings, const Repository& repository, const PushRecord& record);

}  // namespace tekio::hub

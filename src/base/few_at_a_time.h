// Work that mostly waits for somebody else, a server say: a few of many things at a time, each by a thread.
#pragma once

#include <cstddef>
#include <functional>

namespace tekio {

/// Does the thing of this number.
using NumberedWork = std::function<void(size_t i)>;

/// Has every i < count done, up to `most` at a time and begun in order, by what make_worker() gives each thread. Where
/// one throws, no further one is begun; of those that threw, the first one's exception (by i, not by time) is thrown
/// when all have ended, so that the same trouble is told of whichever was met first.
void few_at_a_time(size_t count, size_t most, const std::function<NumberedWork()>& make_worker);

}  // namespace tekio

#include "text/tokenized_words.h"

#include "base/error.h"
#include "base/log.h"

namespace tekio {

void check_places(uint64_t tokens) {
  if (tokens > UINT32_MAX)
    fail(ErrorKind::input,
         "the corpus has too many distinct words: {} letters in all, at most {}; train on a part of it",
         with_commas(static_cast<int64_t>(tokens)), with_commas(UINT32_MAX));
}

}  // namespace tekio

// The Large Movie Review Dataset as its authors pack it (aclImdb_v1.tar.gz): one file a review,
// SPLIT/{neg,pos}/NUMBER_STARS.txt and train/unsup/NUMBER_0.txt.
#pragma once

#include "data/layout.h"

namespace tekio {

/// Its splits train, test and unsupervised, negative reviews first; empty if the folder is not laid out so.
/// Errors: input (a file in it whose name has no number), io.
SplitFiles find_reviews(const std::filesystem::path& folder);

}  // namespace tekio

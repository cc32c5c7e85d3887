// The kind of an error that may be none of Tekio's own.
#pragma once

#include <tekio/error.h>
#include <exception>

namespace tekio {

/// An Error's own; device where memory ran out, io where files could not be used, else bug.
ErrorKind kind_of(const std::exception& error) noexcept;

}  // namespace tekio

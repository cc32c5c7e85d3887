// Environment variables.
#pragma once

#include <cstdlib>
#include <string>

namespace tekio {

/// A variable's value; empty where it is not set, which nothing here tells from one set to nothing.
inline std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace tekio

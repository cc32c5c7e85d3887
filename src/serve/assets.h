// The page's files and the description of the interface, embedded at build (cmake/TekioEmbed.cmake).
#pragma once

#include <string_view>

namespace tekio::serve::assets {

extern const std::string_view kPage, kScript, kStyle, kOpenApi;

}  // namespace tekio::serve::assets

// The digests by which the Hub names content: SHA-256 of what git-lfs keeps, git's blob SHA-1 of the rest. By
// libcrypto, loaded when it is first needed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace tekio::hub {

class Digest {
 public:
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;
  ~Digest();
  enum class Kind { sha256, git_blob };
  /// `size`: of the whole content; git's blobs are hashed with it in front.
  Digest(Kind kind, uint64_t size);
  void update(std::string_view bytes);
  /// As hexadecimal digits, in lower case. Ends the digest.
  std::string hex();

 private:
  evp_md_ctx_st* context_;  ///< libcrypto's EVP_MD_CTX
};

/// Which digest a blob's name is: 64 or 40 hexadecimal digits; nullopt: none, as with servers that have names of their
/// own.
std::optional<Digest::Kind> digest_kind(std::string_view name);
/// Of a whole file. Errors: io.
std::string digest_of(const std::filesystem::path& file, Digest::Kind kind);

}  // namespace tekio::hub

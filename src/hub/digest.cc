#include "hub/digest.h"

#include <openssl/evp.h>

#include <array>

#include "base/error.h"
#include "base/file.h"
#include "base/library.h"

namespace tekio::hub {
namespace {

struct Crypto {
  decltype(&::EVP_MD_CTX_new) make;
  decltype(&::EVP_MD_CTX_free) free;
  decltype(&::EVP_sha1) sha1;
  decltype(&::EVP_sha256) sha256;
  decltype(&::EVP_DigestInit_ex) begin;
  decltype(&::EVP_DigestUpdate) update;
  decltype(&::EVP_DigestFinal_ex) end;
};

const Crypto& crypto() {
  static const Crypto functions = [] {
    const Library library("libcrypto.so.3", "libssl3", "nothing can be fetched");
    return library.table<Crypto>(
        std::pair("EVP_MD_CTX_new", &Crypto::make), std::pair("EVP_MD_CTX_free", &Crypto::free),
        std::pair("EVP_sha1", &Crypto::sha1), std::pair("EVP_sha256", &Crypto::sha256),
        std::pair("EVP_DigestInit_ex", &Crypto::begin), std::pair("EVP_DigestUpdate", &Crypto::update),
        std::pair("EVP_DigestFinal_ex", &Crypto::end));
  }();
  return functions;
}

}  // namespace

Digest::Digest(Kind kind, uint64_t size) : context_(crypto().make()) {
  const bool begun = context_ != nullptr &&
                     crypto().begin(context_, kind == Kind::sha256 ? crypto().sha256() : crypto().sha1(), nullptr) == 1;
  if (!begun) {
    crypto().free(context_);
    fail(ErrorKind::io, "libcrypto.so.3 refuses to hash; what is fetched cannot be verified without it");
  }
  if (kind == Kind::git_blob) update(fmt::format("blob {}", size) + '\0');
}

Digest::~Digest() { crypto().free(context_); }

void Digest::update(std::string_view bytes) { crypto().update(context_, bytes.data(), bytes.size()); }

std::string Digest::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned count = 0;
  crypto().end(context_, bytes.data(), &count);
  std::string text;
  for (unsigned i = 0; i < count; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

std::optional<Digest::Kind> digest_kind(std::string_view name) {
  if (name.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  if (name.size() == 64) return Digest::Kind::sha256;
  return name.size() == 40 ? std::optional(Digest::Kind::git_blob) : std::nullopt;
}

std::string digest_of(const fs::path& file, Digest::Kind kind) {
  const MappedFile mapped(file);
  Digest digest(kind, mapped.size());
  digest.update(mapped.text());
  return digest.hex();
}

}  // namespace tekio::hub

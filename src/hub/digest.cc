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
    Crypto f{};
    library.find("EVP_MD_CTX_new", f.make);
    library.find("EVP_MD_CTX_free", f.free);
    library.find("EVP_sha1", f.sha1);
    library.find("EVP_sha256", f.sha256);
    library.find("EVP_DigestInit_ex", f.begin);
    library.find("EVP_DigestUpdate", f.update);
    library.find("EVP_DigestFinal_ex", f.end);
    return f;
  }();
  return functions;
}

EVP_MD_CTX* of(const std::shared_ptr<void>& context) { return static_cast<EVP_MD_CTX*>(context.get()); }

}  // namespace

Digest::Digest(Kind kind, uint64_t size)
    : context_(crypto().make(), [](void* context) { crypto().free(static_cast<EVP_MD_CTX*>(context)); }) {
  const bool begun =
      context_ != nullptr &&
      crypto().begin(of(context_), kind == Kind::sha256 ? crypto().sha256() : crypto().sha1(), nullptr) == 1;
  if (!begun) fail(ErrorKind::io, "libcrypto.so.3 refuses to hash; what is fetched cannot be verified without it");
  if (kind == Kind::git_blob) update(fmt::format("blob {}", size) + '\0');
}

void Digest::update(std::string_view bytes) { crypto().update(of(context_), bytes.data(), bytes.size()); }

std::string Digest::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned count = 0;
  crypto().end(of(context_), bytes.data(), &count);
  std::string text;
  for (unsigned i = 0; i < count; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

std::string digest_of(const fs::path& file, Digest::Kind kind) {
  const MappedFile mapped(file);
  Digest digest(kind, mapped.size());
  digest.update(mapped.text());
  return digest.hex();
}

}  // namespace tekio::hub

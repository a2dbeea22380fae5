// The only file that sees xxHash.
#include "common/base/digest.h"

#include <xxhash.h>

#include <cstring>

#include "common/base/check.h"

namespace extfarm {
namespace {

Digest from_xxh(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  Digest out;
  std::memcpy(out.bytes.data(), canonical.digest, out.bytes.size());
  return out;
}

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

Digest digest_of(std::string_view content) { return from_xxh(XXH3_128bits(content.data(), content.size())); }

std::string to_hex(const Digest& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(32);
  for (auto byte : digest.bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

Result<Digest> digest_from_hex(std::string_view text) {
  Digest out;
  if (text.size() != 32) return failure(ErrorCode::kMalformed, "a digest has 32 hex digits");
  for (std::size_t i = 0; i < 16; ++i) {
    const int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) return failure(ErrorCode::kMalformed, "a digest has 32 hex digits");
    out.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return out;
}

struct Hasher::State {
  XXH3_state_t* xxh = XXH3_createState();
  ~State() { XXH3_freeState(xxh); }
};

Hasher::Hasher() : state_(std::make_unique<State>()) {
  FARM_CHECK(state_->xxh != nullptr);
  XXH3_128bits_reset(state_->xxh);
}
Hasher::~Hasher() = default;

void Hasher::add(std::string_view bytes) { XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size()); }

void Hasher::add_field(std::string_view bytes) {
  const std::uint64_t size = bytes.size();
  add({reinterpret_cast<const char*>(&size), sizeof size});
  add(bytes);
}

Digest Hasher::finish() const { return from_xxh(XXH3_128bits_digest(state_->xxh)); }

}  // namespace extfarm

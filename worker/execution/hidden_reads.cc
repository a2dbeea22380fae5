#include "worker/execution/hidden_reads.h"

namespace extfarm {
namespace {

constexpr std::size_t kMostKnown = 1 << 16;  // 3 MB; the headers of many builds

bool has_directive(const std::string& text) {
  return text.find(".incbin") != std::string::npos || text.find(".include") != std::string::npos;
}

}  // namespace

std::string HiddenReads::first_in(const std::set<std::string>& paths, DigestCache& digests) {
  for (const auto& path : paths) {
    const auto digest = digests.digest(path);
    if (!digest) continue;
    if (known_.size() >= kMostKnown) known_.clear();
    const auto [it, is_new] = known_.try_emplace(*digest);
    if (is_new) {
      const auto text = filesystem_.read(path);
      it->second = !text || has_directive(*text);
    }
    if (it->second) return path;
  }
  return {};
}

}  // namespace extfarm

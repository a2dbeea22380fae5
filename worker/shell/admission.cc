#include "worker/shell/admission.h"

#include <algorithm>

#include "common/transport/keys.h"

namespace extfarm {
namespace {

constexpr Duration kLookEvery = std::chrono::seconds(1);

}  // namespace

Admission::Admission(std::string key_folder, std::string own_key, std::vector<std::string> keys)
    : key_folder_(std::move(key_folder)), own_key_(std::move(own_key)), keys_(std::move(keys)) {}

std::optional<std::vector<std::string>> Admission::changed(Timestamp now) {
  if (looked_ && now - *looked_ < kLookEvery) return std::nullopt;
  looked_ = now;
  const std::string path = key_folder_ + "/authorized_keys";
  const auto stamp = PosixFilesystem().stat(path);
  // One that is still being written has a new stamp at the next look; a young one is read again.
  if (stamp == seen_ && (!stamp || is_settled(*stamp))) return std::nullopt;
  const bool is_new = stamp != seen_;
  seen_ = stamp;
  if (!stamp) {
    complaint_ = path + " is away; the keys that were in it stay admitted until it is back";
    return std::nullopt;
  }
  auto keys = load_or_make_authorized_keys(key_folder_, own_key_);
  if (!keys) {
    if (is_new) complaint_ = keys.error().message;
    return std::nullopt;
  }
  if (*keys == keys_) return std::nullopt;
  keys_ = std::move(*keys);
  return keys_;
}

bool Admission::admits(const std::string& key) const { return std::find(keys_.begin(), keys_.end(), key) != keys_.end(); }

std::optional<std::string> Admission::take_complaint() { return std::exchange(complaint_, std::nullopt); }

}  // namespace extfarm

#include "worker/execution/input_arrival.h"

#include <algorithm>
#include <filesystem>

#include "common/system/filesystem.h"
#include "worker/execution/attempt.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> differs(const std::string& path) {
  return failure(ErrorCode::kRefused, path + " is not here as the submitting host sees it");
}

}  // namespace

Result<void> take_part(Attempt& attempt, const InputPart& part, DigestCache& digests) {
  const auto& pinned = attempt.action.pinned;
  const auto wanted = std::find_if(pinned.begin(), pinned.end(), [&](const auto& p) { return p.path == part.path; });
  const bool is_last = part.offset_bytes + part.bytes.size() == part.size_bytes;
  if (wanted == pinned.end() || !part.found || (part.bytes.empty() && !is_last)) return differs(part.path);
  const auto place = attempt.view ? attempt.view->place_of(part.path) : std::nullopt;
  if (!place) return failure(ErrorCode::kRefused, part.path + " lies outside the view and differs here");
  // Beside the view until it is whole: should the file appear after all, a part must not hide it.
  const std::string arrival = attempt.folder + "/input-" + std::to_string(wanted - pinned.begin());
  auto& arrived_bytes = attempt.arriving.at(part.path).size_bytes;
  if (auto written = append_part(arrival, arrived_bytes, part.bytes); !written) return written;
  arrived_bytes += part.bytes.size();
  if (!is_last) return {};
  if (digests.digest(arrival) != wanted->digest) return differs(part.path);
  std::error_code failed;
  fs::create_directories(fs::path(*place).parent_path(), failed);
  fs::rename(arrival, *place, failed);
  if (failed) return failure(ErrorCode::kIo, "cannot place " + part.path + " in the view: " + failed.message());
  attempt.supplied.insert(part.path);
  return {};
}

}  // namespace extfarm

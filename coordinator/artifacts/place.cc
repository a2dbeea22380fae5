#include "coordinator/artifacts/place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <filesystem>
#include <utility>

namespace extfarm::artifacts {
namespace {

namespace fs = std::filesystem;

// Asked of the open folder itself; of its name only where there is no /proc.
std::string real_name(int folder, const fs::path& name) {
  std::string real(PATH_MAX, '\0');
  const auto length = ::readlink(("/proc/self/fd/" + std::to_string(folder)).c_str(), real.data(), real.size());
  if (length > 0) return real.substr(0, static_cast<std::size_t>(length));
  std::error_code failed;
  const auto resolved = fs::canonical(name, failed);
  return failed ? std::string() : resolved.string();
}

}  // namespace

tl::unexpected<Error> io_failure(const std::string& attempted, const std::string& path) {
  return failure(ErrorCode::kIo, "cannot " + attempted + " " + path + ": " + std::strerror(errno) +
                                     "; make room or rights there and build again");
}

tl::unexpected<Error> refusal(const std::string& output, const std::string& why) {
  return failure(ErrorCode::kRefused, "the output " + output + " " + why);
}

std::vector<std::string> resolved(const std::vector<std::string>& roots) {
  std::vector<std::string> out;
  for (const auto& root : roots) {
    std::error_code failed;
    auto real = fs::weakly_canonical(root, failed);
    if (!failed) out.push_back(real.string());
  }
  return out;
}

bool lies_within(const std::string& path, const std::vector<std::string>& roots) {
  return std::any_of(roots.begin(), roots.end(), [&](const std::string& root) {
    return path.starts_with(root) && (path.size() == root.size() || root == "/" || path[root.size()] == '/');
  });
}

Result<Place> Place::open(const std::string& path, const std::vector<std::string>& roots) {
  fs::path parent = fs::path(path).parent_path();
  std::vector<std::string> missing;
  const auto open_parent = [&] { return Descriptor(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)); };
  Descriptor folder = open_parent();
  while (folder.get() < 0 && errno == ENOENT && parent.has_relative_path()) {
    missing.push_back(parent.filename().string());
    parent = parent.parent_path();
    folder = open_parent();
  }
  if (folder.get() < 0) return io_failure("make the folder of", path);
  if (!lies_within(real_name(folder.get(), parent), roots))
    return refusal(path, "lies outside the build's folders");
  for (auto name = missing.rbegin(); name != missing.rend(); ++name) {
    if (::mkdirat(folder.get(), name->c_str(), 0777) != 0 && errno != EEXIST) return io_failure("make the folder of", path);
    Descriptor next(::openat(folder.get(), name->c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (next.get() < 0) return io_failure("make the folder of", path);
    folder = std::move(next);
  }
  return Place(std::move(folder), fs::path(path).filename().string());
}

}  // namespace extfarm::artifacts

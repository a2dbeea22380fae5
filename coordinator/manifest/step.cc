#include "coordinator/manifest/step.h"

#include <algorithm>
#include <filesystem>

namespace extfarm::manifest {

std::string absolute_normal(std::string_view path, std::string_view folder) {
  std::string out;
  if (!path.starts_with('/') && folder != "/") out = folder;
  while (!path.empty()) {
    const auto piece = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), piece.size() + 1));
    if (piece.empty() || piece == ".") continue;
    if (piece == "..")
      out.erase(out.empty() ? 0 : out.rfind('/'));
    else
      out.append("/").append(piece);
  }
  return out.empty() ? "/" : out;
}

Result<std::string> folder_of(const std::string& path) {
  std::error_code unknown;
  const std::string here = std::filesystem::current_path(unknown).string();
  if (unknown)
    return failure(ErrorCode::kIo, "cannot tell the current folder, to read " + path + ": " +
                                       unknown.message() + "; change to a folder that exists");
  std::error_code absent;
  const std::string whole = absolute_normal(path, here);
  const bool is_descriptor = whole == "/dev/stdin" || whole.starts_with("/dev/fd/") || whole.starts_with("/proc/");
  if (is_descriptor || (std::filesystem::exists(path, absent) && !std::filesystem::is_regular_file(path, absent)))
    return here;
  return absolute_normal(whole + "/..", "/");
}

}  // namespace extfarm::manifest

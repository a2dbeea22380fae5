#include "coordinator/shell/masquerade.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "common/compiler/command_line.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

bool is_farmed(const std::string& name) {
  const auto kind = read_command_line({name, "-c", "x.c"}).kind;
  return kind == ActionKind::kCompile || kind == ActionKind::kArchive;
}

}  // namespace

Result<void> make_masquerade(const std::string& folder, const std::string& launcher,
                             const std::string& search_path, const std::vector<std::string>& tools) {
  if (::access(launcher.c_str(), X_OK) != 0) {
    return failure(ErrorCode::kNotFound,
                   "cannot masquerade: " + launcher + " is not there; install it beside extfarm");
  }
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return failure(ErrorCode::kIo, "cannot make " + folder + ": " + failed.message());
  std::istringstream folders(search_path);
  for (std::string place; std::getline(folders, place, ':');) {
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(place, unreadable)) {
      const std::string name = entry.path().filename().string();
      const bool is_tool = std::find(tools.begin(), tools.end(), name) != tools.end();
      if ((!is_tool && !is_farmed(name)) || ::access(entry.path().c_str(), X_OK) != 0) continue;
      fs::create_symlink(launcher, folder + "/" + name, failed);
      if (failed && failed != std::errc::file_exists)
        return failure(ErrorCode::kIo, "cannot make the link " + folder + "/" + name + ": " + failed.message());
    }
  }
  return {};
}

}  // namespace extfarm

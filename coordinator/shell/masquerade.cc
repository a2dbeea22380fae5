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

Result<void> make_folder(const std::string& folder, const std::string& launcher) {
  if (::access(launcher.c_str(), X_OK) != 0) {
    return failure(ErrorCode::kNotFound,
                   "cannot put links before the command's programs: " + launcher + " is not there; install it beside extfarm");
  }
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return failure(ErrorCode::kIo, "cannot make " + folder + ": " + failed.message());
  return {};
}

}  // namespace

Result<void> make_masquerade(const std::string& folder, const std::string& launcher,
                             const std::string& search_path, const std::vector<std::string>& tools) {
  if (const auto made = make_folder(folder, launcher); !made) return made;
  std::error_code failed;
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

Result<void> make_link(const std::string& folder, const std::string& name, const std::string& launcher) {
  if (const auto made = make_folder(folder, launcher); !made) return made;
  const std::string link = folder + "/" + name, fresh = link + "." + std::to_string(::getpid());
  std::error_code failed;
  if (fs::read_symlink(link, failed) == launcher) return {};
  fs::create_symlink(launcher, fresh, failed);
  if (!failed) fs::rename(fresh, link, failed);
  if (failed) return failure(ErrorCode::kIo, "cannot make the link " + link + ": " + failed.message());
  return {};
}

}  // namespace extfarm

#include "coordinator/shell/runtime_folder.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <ctime>
#include <filesystem>
#include <string_view>

#include "common/system/filesystem.h"
#include "coordinator/front_door/front_door.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kName = "extfarm-", kDoor = "/door";
constexpr std::size_t kRandomLetters = 6;
constexpr std::time_t kSettled = 60;  // seconds; by then a coordinator listens, or never will

// One whose door is deserted.  Other folders of that name are none of ours.
bool is_abandoned(const std::string& folder) {
  struct stat found {};
  return ::lstat(folder.c_str(), &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == ::geteuid() &&
         std::time(nullptr) - found.st_mtime >= kSettled && front_door::is_deserted(folder + std::string(kDoor));
}

// On a network another host's coordinator looks deserted from here: nothing is cleared there.
void remove_abandoned(const std::string& parent) {
  if (is_on_network(parent)) return;
  std::error_code failed;
  for (fs::directory_iterator it(parent, failed), end; !failed && it != end; it.increment(failed)) {
    const auto name = it->path().filename().string();
    if (!name.starts_with(kName) || name.size() != kName.size() + kRandomLetters) continue;
    std::error_code ignored;
    if (is_abandoned(it->path().string())) fs::remove_all(it->path(), ignored);
  }
}

}  // namespace

RuntimeFolder::RuntimeFolder() {
  const char* tmp = std::getenv("TMPDIR");
  const std::string parent = tmp != nullptr && std::strlen(tmp) < 60 ? tmp : "/tmp";
  remove_abandoned(parent);
  path_ = parent + "/" + std::string(kName) + std::string(kRandomLetters, 'X');
  if (::mkdtemp(path_.data()) == nullptr) path_.clear();
}

RuntimeFolder::~RuntimeFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

std::string RuntimeFolder::door() const { return path_ + std::string(kDoor); }

}  // namespace extfarm

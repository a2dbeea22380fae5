#include "launcher/search_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

namespace extfarm {
namespace {

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool is_program(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// The same file, whatever it is called here; or a link to another copy of it.
bool is_this_program(const std::string& path) {
  struct stat own {}, other {};
  if (::stat(path.c_str(), &other) != 0) return false;
  if (::stat("/proc/self/exe", &own) == 0 && own.st_dev == other.st_dev && own.st_ino == other.st_ino) return true;
  char real[PATH_MAX];
  return ::realpath(path.c_str(), real) != nullptr && base_name(real) == "extfarm-cc";
}

// Calls `visit` with each folder until it returns false; an empty one is ".".
template <class Visit>
void for_each_folder(const std::string& path, Visit visit) {
  for (std::size_t at = 0; at <= path.size() && !path.empty();) {
    const auto end = std::min(path.find(':', at), path.size());
    if (!visit(path.substr(at, end - at))) return;
    at = end + 1;
  }
}

std::string inside(const std::string& folder, const std::string& name) {
  return (folder.empty() ? "." : folder) + "/" + name;
}

}  // namespace

std::string without_masquerades(const std::string& path, const std::string& name) {
  std::string out;
  bool is_first = true;
  for_each_folder(path, [&](const std::string& folder) {
    if (is_this_program(inside(folder, base_name(name)))) return true;
    out += (is_first ? "" : ":") + folder;
    is_first = false;
    return true;
  });
  return out;
}

std::optional<std::string> find_program(const std::string& path, const std::string& name) {
  if (name.find('/') != std::string::npos) return is_program(name) ? std::optional(name) : std::nullopt;
  std::optional<std::string> found;
  for_each_folder(path, [&](const std::string& folder) {
    if (is_program(inside(folder, name))) found = inside(folder, name);
    return !found;
  });
  return found;
}

std::string real_name(const std::string& path, const std::string& name) {
  char real[PATH_MAX];
  const auto found = find_program(path, name);
  return base_name(found && ::realpath(found->c_str(), real) != nullptr ? real : name);
}

}  // namespace extfarm

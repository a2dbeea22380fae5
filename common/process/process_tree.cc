// Reads /proc/<pid>/task/*/children.  A process that ends meanwhile is skipped.
#include "common/process/process_tree.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace extfarm {

std::vector<int> descendants_of(int pid) {
  namespace fs = std::filesystem;
  std::vector<int> out;
  std::vector<int> unread = {pid};
  while (!unread.empty()) {
    const int parent = unread.back();
    unread.pop_back();
    std::error_code gone;
    fs::directory_iterator task("/proc/" + std::to_string(parent) + "/task", gone);
    for (; !gone && task != fs::directory_iterator(); task.increment(gone)) {
      std::ifstream children(task->path() / "children");
      for (int child = 0; children >> child;) {
        out.push_back(child);
        unread.push_back(child);
      }
    }
  }
  return out;
}

}  // namespace extfarm

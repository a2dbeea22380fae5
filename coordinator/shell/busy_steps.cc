#include "coordinator/shell/busy_steps.h"

#include <filesystem>
#include <fstream>
#include <vector>

namespace extfarm {
namespace {

std::vector<int> children_of(int pid) {
  const auto id = std::to_string(pid);
  std::ifstream file("/proc/" + id + "/task/" + id + "/children");
  std::vector<int> out;
  for (int child; file >> child;) out.push_back(child);
  return out;
}

}  // namespace

std::size_t busy_step_count(int pid, const std::string& launcher) {
  std::size_t count = 0;
  std::vector<int> waiting = children_of(pid);
  while (!waiting.empty()) {
    const int next = waiting.back();
    waiting.pop_back();
    const auto children = children_of(next);
    waiting.insert(waiting.end(), children.begin(), children.end());
    std::error_code gone;
    const auto program = std::filesystem::read_symlink("/proc/" + std::to_string(next) + "/exe", gone);
    if (children.empty() && !gone && program != launcher) ++count;
  }
  return count;
}

}  // namespace extfarm

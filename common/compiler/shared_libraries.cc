#include "common/compiler/shared_libraries.h"

#include <dlfcn.h>
#include <elf.h>
#include <sys/auxv.h>

#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

#include "common/compiler/tool_question.h"

namespace extfarm {
namespace {

using Libraries = std::vector<std::pair<std::string, std::string>>;

bool is_elf(const std::string& path) {
  std::array<char, SELFMAG> magic{};
  std::ifstream(path, std::ios::binary).read(magic.data(), magic.size());
  return std::string_view(magic.data(), magic.size()) == ELFMAG;
}

// Lines of "name => path (address)"; others are passed over.
void read_into(Libraries& out, const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string name, arrow, path;
    if (fields >> name >> arrow >> path && arrow == "=>") out.emplace_back(name, path);
  }
}

}  // namespace

std::string own_loader() {
  const auto base = ::getauxval(AT_BASE);
  Dl_info loader{};
  return base != 0 && ::dladdr(reinterpret_cast<const void*>(base), &loader) != 0 ? loader.dli_fname : "";
}

Libraries shared_libraries_of(ProcessRunner& runner, const std::string& loader, const std::vector<std::string>& programs) {
  Libraries out;
  std::vector<std::string> others;
  for (const auto& program : programs) {
    if (!is_elf(program)) continue;
    const auto exit = loader.empty() ? std::nullopt : ask_tool(runner, loader, {"--list", program});
    if (exit && exit->exit_code == 0) {
      read_into(out, exit->stdout_bytes);
    } else {
      others.push_back(program);
    }
  }
  if (others.empty()) return out;
  // A program without libraries makes its exit code 1; of the others it has said all the same.
  const auto exit = ask_tool(runner, "/usr/bin/ldd", others);
  if (exit && exit->exit_code <= 1) read_into(out, exit->stdout_bytes);
  return out;
}

}  // namespace extfarm

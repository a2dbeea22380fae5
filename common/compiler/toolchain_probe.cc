#include "common/compiler/toolchain_probe.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "common/compiler/command_line.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;
using Parts = std::vector<std::pair<std::string, std::string>>;  // name, path

constexpr Duration kPatience = std::chrono::seconds(10);
constexpr const char* kPrograms[] = {"cc1", "cc1plus", "f951", "collect2", "lto1", "as", "ld"};

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

bool is_compiler(const std::string& driver) {
  return read_command_line({driver, "-c", "x.c"}).kind == ActionKind::kCompile;
}

// Every regular file below `folder`, in the order of its relative name.
std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (fs::recursive_directory_iterator it(folder, failed), end; it != end; it.increment(failed)) {
    if (it->path().filename() == "__pycache__")
      it.disable_recursion_pending();
    else if (it->is_regular_file(failed))
      files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<Toolchain> ToolchainProbe::probe(const ToolchainSpec& spec) {
  if (::access(spec.driver.c_str(), X_OK) != 0) {
    return failure(ErrorCode::kNotFound, "there is no program " + spec.driver);
  }
  auto& parts = component_paths_[spec.driver];
  if (parts.empty()) {
    std::error_code failed;
    parts.emplace_back("driver", fs::canonical(spec.driver, failed).string());
    if (is_compiler(spec.driver)) {
      for (const char* name : kPrograms) {
        ProcessRequest request;
        request.program = spec.driver;
        request.argv = {spec.driver, std::string("-print-prog-name=") + name};
        request.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"LC_ALL", "C"}};
        request.cwd = "/";
        const auto exit = runner_.run(request, kPatience);
        if (!exit || exit->exit_code != 0) continue;
        std::string path = trimmed(exit->stdout_bytes);
        if (path.find('/') == std::string::npos) path = "/usr/bin/" + path;
        const auto resolved = fs::canonical(path, failed);
        if (!failed) parts.emplace_back(name, resolved.string());
      }
    }
  }
  Toolchain out;
  out.spec = spec;
  const auto add = [&](const std::string& name, const std::string& path, const Digest& digest) {
    out.components.push_back({name, path, digest});
  };
  for (const auto& [name, path] : parts) {
    const auto digest = digests_.digest(path);
    if (!digest) return failure(ErrorCode::kNotFound, "cannot read " + path + ", a part of " + spec.driver);
    add(name, path, *digest);
  }
  for (const auto& path : spec.extra_paths) {
    if (!fs::exists(path))
      return failure(ErrorCode::kNotFound, "there is no " + path + ", which " + spec.driver + " needs");
    if (!fs::is_directory(path)) {
      add(path, path, digests_.digest(path).value_or(Digest{}));
      continue;
    }
    Hasher hasher;
    for (const auto& file : files_below(path)) {
      hasher.add_field(file.lexically_relative(path).string());
      hasher.add_field(to_hex(digests_.digest(file.string()).value_or(Digest{})));
    }
    add(path, path, hasher.finish());
  }
  Hasher hasher;
  for (const auto& component : out.components) {
    hasher.add_field(component.name);
    hasher.add_field(to_hex(component.digest));
  }
  out.digest = hasher.finish();
  return out;
}

}  // namespace extfarm

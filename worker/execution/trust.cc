#include "worker/execution/trust.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "common/compiler/command_line.h"
#include "common/compiler/driver_options.h"
#include "common/compiler/response_file.h"
#include "common/model/environment.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSearchedFor[] = {"as", "ld", "ld.bfd", "ld.gold", "ld.lld", "lld", "collect2", "cc1", "cc1plus"};

bool is_trusted(const fs::path& path, const std::vector<std::string>& trusted_prefixes) {
  std::error_code failed;
  const auto real = fs::canonical(path, failed);
  return !failed && lies_below_any(real.string(), trusted_prefixes);
}

// What the system would read otherwise than it is judged here; nullopt when all is as it seems.
std::optional<std::string> ambiguity(const Action& action) {
  const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  if (action.argv.empty()) return "its command has no words";
  for (const auto& word : action.argv) {
    if (has_nul(word)) return "a word of its command has a NUL byte in it";
  }
  for (const auto& [name, value] : action.environment) {
    if (has_nul(name) || has_nul(value)) return "its environment has a NUL byte in it";
    if (name.find('=') != std::string::npos) return "its environment has the name " + name + ", with a value in it";
  }
  // Paths that this worker joins to folders of its own.
  const auto leads_elsewhere = [&](const fs::path& path) {
    return has_nul(path.native()) || !path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end();
  };
  std::vector<std::string> paths = {action.cwd};
  paths.insert(paths.end(), action.outputs.begin(), action.outputs.end());
  paths.insert(paths.end(), action.view_roots.begin(), action.view_roots.end());
  for (const auto& pinned : action.pinned) paths.push_back(pinned.path);
  for (const auto& path : paths) {
    if (has_nul(path)) return "one of its paths has a NUL byte in it";
    if (leads_elsewhere(path)) return "its path " + path + " is relative or has .. in it";
  }
  return std::nullopt;
}

// With more than one job gcc's link-time compiles are a makefile, in which its words are make's and the shell's.
void link_with_one_job(std::vector<std::string>& argv, const std::string& program) {
  if (program.find("clang") != std::string::npos || read_command_line(argv).kind == ActionKind::kCompile) return;
  for (auto& word : argv) {
    if (word.starts_with("-flto=")) word = "-flto=1";
  }
}

}  // namespace

bool is_out_of_reach(const std::string& path, const std::vector<std::string>& trusted_prefixes) {
  if (lies_below_any("/", trusted_prefixes)) return true;
  if (!path.starts_with('/')) return false;
  fs::path folder = "/";
  for (const auto& name : fs::path(path).relative_path()) {
    std::error_code failed;
    const std::string real = fs::canonical(folder, failed).string();
    if (failed) return false;
    folder /= name;
    if (real == "/" || lies_below_any(real, trusted_prefixes)) continue;
    const bool is_on_the_way = std::any_of(trusted_prefixes.begin(), trusted_prefixes.end(),
                                           [&](const std::string& prefix) { return lies_below_any(prefix, {real}); });
    if (!is_on_the_way || fs::is_symlink(folder, failed)) return false;
  }
  return true;
}

std::optional<std::string> trusted_name(const std::string& path, const std::vector<std::string>& trusted_prefixes) {
  std::error_code failed;
  const auto real = fs::canonical(path, failed).string();
  if (failed || !lies_below_any(real, trusted_prefixes)) return std::nullopt;
  return is_out_of_reach(path, trusted_prefixes) ? path : real;
}

bool lies_below_any(const std::string& path, const std::vector<std::string>& folders) {
  return std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
    if (folder == "/") return true;
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
  });
}

std::optional<std::string> untrusted_code(const std::vector<std::string>& argv, const std::string& program,
                                          const std::string& cwd,
                                          const std::vector<std::string>& trusted_prefixes) {
  std::vector<std::string> real_argv = argv;
  real_argv[0] = program;
  for (const auto& [option, path] : loaded_code(real_argv)) {
    // A plain word names a plug-in in gcc's own folder.
    const bool is_own_plugin = option == "-fplugin" && path.find_first_of("/.") == std::string::npos;
    const bool anything_goes = lies_below_any("/", trusted_prefixes);
    const auto whole = fs::path(cwd) / path;
    if (is_own_plugin || anything_goes) continue;
    if (is_trusted(whole, trusted_prefixes) && is_out_of_reach(whole.string(), trusted_prefixes)) continue;
    return "it would load " + (path.empty() ? "code" : path) + " into the compiler (" + option +
           "), which is not, or by a way that others may change, below a folder that this worker trusts";
  }
  return std::nullopt;
}

std::optional<std::string> restrict_search_path(std::vector<std::pair<std::string, std::string>>& environment,
                                                const std::vector<std::string>& trusted_prefixes) {
  const auto path = std::find_if(environment.begin(), environment.end(),
                                 [](const auto& variable) { return variable.first == "PATH"; });
  if (path == environment.end() || lies_below_any("/", trusted_prefixes)) return std::nullopt;
  std::string kept;
  std::istringstream folders(path->second);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto name = folder.starts_with('/') ? trusted_name(folder, trusted_prefixes) : std::nullopt;
    if (name) {
      kept += (kept.empty() ? "" : ":") + *name;
      continue;
    }
    for (const auto* program : kSearchedFor) {
      const std::string found = (folder.empty() ? "." : folder) + "/" + program;
      if (::access(found.c_str(), X_OK) == 0)
        return "its PATH has " + found + ", which is not below a folder that this worker trusts";
    }
  }
  path->second = kept.empty() ? "/usr/bin:/bin" : kept;
  return std::nullopt;
}

std::optional<std::string> make_trustworthy(Action& action, const std::string& program,
                                            const std::vector<std::string>& trusted_prefixes, bool only_compilers,
                                            const Filesystem& filesystem) {
  if (auto odd = ambiguity(action)) return odd;
  for (const auto& [name, value] : action.environment) {
    if (!environment_matters(name)) return "its environment has " + name + ", which no compiler should see";
  }
  // Whatever kind the coordinator calls it, and whatever name its first word has.
  const bool is_compiler_by_name = read_command_line({program, "-c", "x.c"}).kind != ActionKind::kOther ||
                                   read_command_line({program, "rcs", "x.a", "x.o"}).kind == ActionKind::kArchive;
  if (only_compilers && !is_compiler_by_name) return "this worker runs only compilers, and " + program + " is none";
  const bool is_compiler = is_compiler_by_name || read_command_line(action.argv).kind != ActionKind::kOther;
  if (!is_compiler) return std::nullopt;
  auto expanded = expand_response_files(action.argv, action.cwd, filesystem);
  if (!expanded) return expanded.error().message;
  action.argv = std::move(expanded->argv);
  link_with_one_job(action.argv, program);
  if (auto reason = untrusted_code(action.argv, program, action.cwd, trusted_prefixes)) return reason;
  return restrict_search_path(action.environment, trusted_prefixes);
}

}  // namespace extfarm

#include "coordinator/freshness/freshness.h"

#include <sys/stat.h>

#include <filesystem>
#include <unordered_set>

namespace extfarm::freshness {
namespace {

// Why the inputs call for a run; empty when they do not.
std::string reason_in_inputs(const Action& action, const Recorded& recorded, DigestCache& digests) {
  std::unordered_set<std::string> accounted_for;
  for (const auto& input : recorded.inputs) {
    const auto now = digests.digest(input.path);
    if (!now) return input.path + " is gone";
    if (*now != input.digest) return input.path + " changed";
    accounted_for.insert(input.path);
  }
  for (const auto& output : recorded.outputs) accounted_for.insert(output.path);
  // Declared, but absent or unseen when the result was made.
  for (const auto& path : action.inputs) {
    if (!accounted_for.contains(path) && digests.digest(path))
      return path + " was not an input of the last run";
  }
  return {};
}

std::string reason_in_outputs(const Recorded& recorded, DigestCache& digests) {
  for (const auto& output : recorded.outputs) {
    if (output.kind == OutputKind::kRemoved) continue;
    const std::string changed = "its output " + output.path + " was changed";
    struct stat st {};
    if (::lstat(output.path.c_str(), &st) != 0) return "its output " + output.path + " is gone";
    if (output.kind == OutputKind::kFolder) {
      if (!S_ISDIR(st.st_mode)) return changed;
    } else if (output.kind == OutputKind::kSymlink) {
      std::error_code failed;
      const auto target = std::filesystem::read_symlink(output.path, failed);
      if (failed || target.native() != output.link_target) return changed;
    } else if (!S_ISREG(st.st_mode) || digests.digest(output.path) != output.digest) {
      return changed;
    }
  }
  return {};
}

}  // namespace

Digest fingerprint_of_command(const Action& action) {
  Hasher hasher;
  const auto add_all = [&](const std::vector<std::string>& words) {
    hasher.add_field(std::to_string(words.size()));
    for (const auto& word : words) hasher.add_field(word);
  };
  add_all(action.argv);
  hasher.add_field(action.program);
  hasher.add_field(action.cwd);
  hasher.add_field(std::to_string(action.environment.size()));
  for (const auto& [name, value] : action.environment) {
    hasher.add_field(name);
    hasher.add_field(value);
  }
  hasher.add_field(action.stdin_bytes);
  hasher.add_field(to_hex(action.toolchain_digest));
  return hasher.finish();
}

Verdict judge(const Action& action, const Recorded* recorded, DigestCache& digests) {
  if (recorded == nullptr) return {false, "never built"};
  if (recorded->fingerprint_of_command != fingerprint_of_command(action)) {
    return {false, "its command, environment or toolchain changed"};
  }
  for (const auto& reason :
       {reason_in_inputs(action, *recorded, digests), reason_in_outputs(*recorded, digests)}) {
    if (!reason.empty()) return {false, reason};
  }
  return {true, "up to date"};
}

}  // namespace extfarm::freshness

#include "coordinator/freshness/freshness.h"

#include <sys/stat.h>

namespace extfarm::freshness {

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
  for (const auto& input : recorded->inputs) {
    const auto now = digests.digest(input.path);
    if (!now) return {false, input.path + " is gone"};
    if (*now != input.digest) return {false, input.path + " changed"};
  }
  for (const auto& output : recorded->outputs) {
    struct stat st {};
    if (output.kind == OutputKind::kRemoved) continue;
    if (::lstat(output.path.c_str(), &st) != 0) return {false, "its output " + output.path + " is gone"};
    if (output.kind != OutputKind::kFile) continue;
    if (digests.digest(output.path) != output.digest)
      return {false, "its output " + output.path + " was changed"};
  }
  return {true, "up to date"};
}

}  // namespace extfarm::freshness

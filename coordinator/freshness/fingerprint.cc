#include "coordinator/freshness/fingerprint.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

namespace extfarm::freshness {
namespace {

// To be raised when results of earlier versions are no longer to be believed, as those of Fortran were not: their modules
// were not attested.
constexpr std::string_view kRevision = "2";

enum class Field { kProgram, kArgument, kFolder, kEnvironment, kStdin, kToolchain };

// What only changes how a message looks, and for compilers the language of messages.
bool decides(const Action& action, std::string_view variable) {
  static constexpr std::array<std::string_view, 4> kLooks = {"TERM", "COLUMNS", "HOME", "EXTFARM_COLOR"};
  if (std::find(kLooks.begin(), kLooks.end(), variable) != kLooks.end()) return false;
  const bool is_language = variable.starts_with("LC_") || variable.starts_with("LANG");
  return !is_language || action.kind == ActionKind::kCythonize;
}

// The only place that says what a fingerprint covers.
template <class Visit>
void for_each_field(const Action& action, Visit visit) {
  visit(Field::kProgram, std::string_view(), std::string_view(action.program));
  for (const auto& word : action.argv) visit(Field::kArgument, std::string_view(), std::string_view(word));
  visit(Field::kFolder, std::string_view(), std::string_view(action.cwd));
  for (const auto& [name, value] : action.environment) {
    if (decides(action, name)) visit(Field::kEnvironment, std::string_view(name), std::string_view(value));
  }
  visit(Field::kStdin, std::string_view(), std::string_view(action.stdin_bytes));
  const auto& tool = action.toolchain_digest.bytes;
  visit(Field::kToolchain, std::string_view(),
        std::string_view(reinterpret_cast<const char*>(tool.data()), tool.size()));
}

using Values = std::map<std::string, std::string, std::less<>>;

Values values_of(const Action& action, Field wanted) {
  Values out;
  for_each_field(action, [&](Field field, std::string_view name, std::string_view value) {
    if (field == wanted) out.emplace(name, value);
  });
  return out;
}

// What `of` has more often than `than`, in its order.
std::vector<std::string> surplus(const std::vector<std::string>& of, const std::vector<std::string>& than) {
  std::map<std::string_view, int> rest;
  for (const auto& word : than) ++rest[word];
  std::vector<std::string> out;
  for (const auto& word : of) {
    if (--rest[word] < 0) out.push_back(word);
  }
  return out;
}

std::string difference_of_arguments(const Action& before, const Action& now) {
  const auto added = surplus(now.argv, before.argv), removed = surplus(before.argv, now.argv);
  const std::string start = "its command changed: ";
  if (added.empty() && removed.empty()) return start + "its arguments have another order";
  const auto list = [](const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
  };
  if (removed.empty()) return start + list(added) + (added.size() == 1 ? " was added" : " were added");
  if (added.empty()) return start + list(removed) + (removed.size() == 1 ? " was removed" : " were removed");
  return start + list(removed) + " became " + list(added);
}

std::string difference_of_toolchains(const std::vector<ToolchainComponent>& before,
                                     const std::vector<ToolchainComponent>& now) {
  const std::string start = "its toolchain changed: ";
  for (const auto& part : now) {
    const auto same = [&](const ToolchainComponent& old) { return old.name == part.name; };
    const auto old = std::find_if(before.begin(), before.end(), same);
    if (old == before.end() || old->digest != part.digest) return start + part.path + " differs";
  }
  return before.empty() ? "its toolchain changed" : start + before.back().path + " is gone";
}

}  // namespace

Digest fingerprint_of(const Action& action) {
  Hasher hasher;
  hasher.add_field(kRevision);
  for_each_field(action, [&](Field field, std::string_view name, std::string_view value) {
    const char kind = static_cast<char>('a' + static_cast<int>(field));
    hasher.add({&kind, 1});
    hasher.add_field(name);
    hasher.add_field(value);
  });
  return hasher.finish();
}

std::string difference(const Action& before, const Action& now,
                       const std::vector<ToolchainComponent>& old_parts,
                       const std::vector<ToolchainComponent>& new_parts) {
  if (before.argv != now.argv) return difference_of_arguments(before, now);
  if (before.program != now.program) return "its command changed: " + before.program + " became " + now.program;
  if (before.cwd != now.cwd) return "its folder changed: " + before.cwd + " became " + now.cwd;
  const auto old_values = values_of(before, Field::kEnvironment), values = values_of(now, Field::kEnvironment);
  for (const auto* one : {&values, &old_values}) {
    for (const auto& [name, value] : *one) {
      const auto& other = one == &values ? old_values : values;
      const auto it = other.find(name);
      if (it == other.end() || it->second != value) return "the environment variable " + name + " changed";
    }
  }
  if (before.stdin_bytes != now.stdin_bytes) return "its options changed";
  if (before.toolchain_digest != now.toolchain_digest) return difference_of_toolchains(old_parts, new_parts);
  return "an earlier version of extfarm recorded it";
}

}  // namespace extfarm::freshness

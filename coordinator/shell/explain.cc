#include "coordinator/shell/explain.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "common/model/byte_strings.h"
#include "coordinator/farm/action_intake.h"
#include "coordinator/farm/action_record.h"
#include "coordinator/farm/build_memory.h"

namespace extfarm {
namespace {

constexpr std::size_t kExamples = 3;
// Which command and environment the next build will ask for, only the build itself can tell.
constexpr const char* kFresh = "up to date, if it is asked for as before";

struct Found {
  records::Identity identity;
  Action action;
};

std::string main_output(const Action& action) {
  return action.outputs.empty() ? action.argv.back() : action.outputs.front();
}

std::vector<Found> find_target(const records::Records& records, const std::string& root, const std::string& target) {
  std::set<records::Identity> identities;
  for (const auto& name : {target, absolute_path(target, root)}) {
    for (const auto& identity : records.identities_named(name)) identities.insert(identity);
  }
  std::vector<Found> out;
  for (const auto& identity : identities) {
    const auto text = records.command(identity);
    if (auto action = text ? action_from(*text) : std::nullopt) out.push_back({identity, std::move(*action)});
  }
  std::sort(out.begin(), out.end(), [](const Found& a, const Found& b) {
    return std::pair(a.action.kind, main_output(a.action)) < std::pair(b.action.kind, main_output(b.action));
  });
  return out;
}

void say_unknown(const records::Records& records, BuildMemory& memory, const std::string& target) {
  std::string examples;
  std::size_t count = 0;
  for (const auto& identity : records.identities()) {
    const auto text = records.command(identity);
    const auto action = text ? action_from(*text) : std::nullopt;
    if (!action || action->outputs.empty()) continue;
    if (++count > kExamples) break;
    examples += (examples.empty() ? "" : ", ") + memory.shown(action->outputs.front());
  }
  std::fprintf(stderr,
               "extfarm: nothing is known of %s; name an output, a source or an extension of a build in this folder"
               "%s%s\n",
               target.c_str(), examples.empty() ? "" : ", such as ", examples.c_str());
}

std::string last_build(const records::Records& records, const records::Identity& identity) {
  const auto build = records.last_build();
  const auto verdict = records.verdict(identity);
  if (verdict && verdict->build == build) {
    return verdict->is_restored ? "an earlier result was put in place, because " + verdict->reason
                                : "ran, because " + verdict->reason;
  }
  return records.was_fresh(build, identity) ? "up to date" : "did not ask for it";
}

}  // namespace

int explain(const std::string& project_root, const std::vector<std::string>& targets) {
  const auto opened = records::Records::open(project_root + "/.extfarm/state.sqlite",
                                             records::Database::Access::kReadOnly);
  if (!opened) {
    std::fprintf(stderr, "extfarm: %s; build here first: extfarm run -- …\n", opened.error().message.c_str());
    return 1;
  }
  auto& records = **opened;
  PosixFilesystem filesystem;
  DigestCache digests(filesystem);
  ProcessRunner runner;
  ToolchainProbe probe(runner, digests);
  BuildMemory memory(project_root, filesystem, digests, records, runner, probe);
  memory.restore();
  int exit_code = 0;
  for (const auto& target : targets) {
    auto found = find_target(records, project_root, target);
    if (found.empty()) {
      say_unknown(records, memory, target);
      exit_code = 1;
    }
    for (auto& [identity, action] : found) {
      std::string now;
      if (const auto toolchain = probe.probe(action.toolchain)) {
        action.toolchain_digest = toolchain->digest;
        const auto verdict = memory.judge(action, identity).verdict;
        now = verdict.fresh ? kFresh : "would run, because " + verdict.reason;
      } else {
        now = "would fail: " + toolchain.error().message;
      }
      std::printf("%s (%s%s%s)\n  last build: %s\n  now: %s\n", memory.shown(main_output(action)).c_str(),
                  name_of(action.kind), action.group.empty() ? "" : ", ", action.group.c_str(),
                  last_build(records, identity).c_str(), now.c_str());
    }
  }
  return exit_code;
}

int explain_local(const std::string& project_root) {
  const std::string file = project_root + "/.extfarm/ran-locally.json";
  const auto text = PosixFilesystem().read(file);
  if (!text) {
    std::fprintf(stderr, "extfarm: %s; build here first: extfarm run -- …\n", text.error().message.c_str());
    return 1;
  }
  try {
    const auto build = nlohmann::json::parse(*text);
    const auto count = build.at("count").get<std::uint64_t>();
    std::printf("%llu %s locally in the last build\n", static_cast<unsigned long long>(count),
                count == 1 ? "command ran" : "commands ran");
    for (const auto& [reason, times] : build.at("reasons").items()) {
      std::printf("%llu × %s\n", static_cast<unsigned long long>(times.get<std::uint64_t>()), reason.c_str());
      for (const auto& local : build.at("commands")) {
        if (local.at("reason") != reason || local.at("argv").empty()) continue;
        std::string line;
        for (const auto& word : local.at("argv")) line += (line.empty() ? "" : " ") + bytes_from(word);
        std::printf("  %s (in %s)\n", line.c_str(), bytes_from(local.at("cwd")).c_str());
      }
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "extfarm: cannot read %s (%s); another version of extfarm wrote it. Build here again\n",
                 file.c_str(), e.what());
    return 1;
  }
  return 0;
}

}  // namespace extfarm

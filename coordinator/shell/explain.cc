#include "coordinator/shell/explain.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/model/byte_strings.h"
#include "coordinator/farm/build_memory.h"
#include "coordinator/shell/known_actions.h"

namespace extfarm {
namespace {

using nlohmann::ordered_json;

constexpr int kExplainSchema = 1;
// Which command and environment the next build will ask for, only the build itself can tell.
constexpr const char* kFresh = "up to date, if it is asked for as before";

// `state` is for programs, doc/json.md lists them; `reason` is empty where none is needed.
struct Stand {
  const char* state;
  std::string reason;
};

Stand last_build(const records::Records& records, const records::Identity& identity) {
  const auto build = records.last_build();
  const auto verdict = records.verdict(identity);
  if (verdict && verdict->build == build) return {verdict->is_restored ? "restored" : "ran", verdict->reason};
  return {records.was_fresh(build, identity) ? "fresh" : "not_asked", ""};
}

Stand now(BuildMemory& memory, ToolchainProbe& probe, KnownAction& known) {
  const auto toolchain = probe.probe(known.action.toolchain);
  if (!toolchain) return {"would_fail", toolchain.error().message};
  known.action.toolchain_digest = toolchain->digest;
  const auto verdict = memory.judge(known.action, known.identity).verdict;
  return {verdict.fresh ? "fresh" : "would_run", verdict.fresh ? "" : verdict.reason};
}

std::string sentence(const Stand& stand, bool is_now) {
  const std::string state = stand.state;
  if (state == "restored") return "an earlier result was put in place, because " + stand.reason;
  if (state == "ran") return "ran, because " + stand.reason;
  if (state == "not_asked") return "did not ask for it";
  if (state == "would_run") return "would run, because " + stand.reason;
  if (state == "would_fail") return "would fail: " + stand.reason;
  return is_now ? kFresh : "up to date";
}

ordered_json json_of(const Stand& stand) {
  return {{"state", stand.state}, {"reason", ordered_json(bytes_to(stand.reason))}};
}

}  // namespace

int explain(const std::string& project_root, const std::vector<std::string>& targets, bool as_json) {
  const auto opened = open_records(project_root);
  if (!opened) return 1;
  auto& records = **opened;
  PosixFilesystem filesystem;
  DigestCache digests(filesystem);
  ProcessRunner runner;
  ToolchainProbe probe(runner, digests);
  BuildMemory memory(project_root, filesystem, digests, records, runner, probe);
  memory.restore();
  int exit_code = 0;
  auto told = ordered_json::array();
  for (const auto& target : targets) {
    auto found = known_actions(records, project_root, target);
    if (found.empty()) {
      say_unknown(records, project_root, target);
      exit_code = 1;
    }
    auto actions = ordered_json::array();
    for (auto& known : found) {
      const auto before = last_build(records, known.identity);
      const auto then = now(memory, probe, known);
      auto json = json_of(known, project_root);
      json["last_build"] = json_of(before);
      json["now"] = json_of(then);
      actions.push_back(std::move(json));
      if (as_json) continue;
      std::printf("%s (%s%s%s)\n  last build: %s\n  now: %s\n", memory.shown(main_output(known.action)).c_str(),
                  name_of(known.action.kind), known.action.group.empty() ? "" : ", ", known.action.group.c_str(),
                  sentence(before, false).c_str(), sentence(then, true).c_str());
    }
    told.push_back({{"target", ordered_json(bytes_to(target))}, {"actions", std::move(actions)}});
  }
  if (as_json) print_json({{"schema", kExplainSchema}, {"targets", std::move(told)}});
  return exit_code;
}

int explain_local(const std::string& project_root, bool as_json) {
  const std::string file = project_root + "/.extfarm/ran-locally.json";
  const auto text = PosixFilesystem().read(file);
  if (!text) {
    std::fprintf(stderr, "extfarm: %s; build here first: extfarm run -- …\n", text.error().message.c_str());
    return 1;
  }
  try {
    const auto build = ordered_json::parse(*text);
    if (as_json) {
      print_json(build);
      return 0;
    }
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

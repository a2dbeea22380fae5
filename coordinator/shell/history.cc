#include "coordinator/shell/history.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "common/model/byte_strings.h"
#include "coordinator/reporting/progress.h"
#include "coordinator/shell/known_actions.h"

namespace extfarm {
namespace {

using nlohmann::ordered_json;

constexpr int kHistorySchema = 1;
constexpr std::size_t kSlowestShown = 20;
constexpr double kMebibyte = 1024.0 * 1024.0;

struct PastAction {
  KnownAction known;
  std::vector<records::Run> runs;  // the oldest first
  double median_seconds = 0;
  double behind_seconds = 0;  // the longest chain of actions that wait for it
  std::uint64_t peak_memory_bytes = 0;
};

// Those that have run, the slowest first.
std::vector<PastAction> past_of(const records::Records& records, std::vector<KnownAction> actions) {
  std::vector<PastAction> out;
  for (auto& known : actions) {
    auto runs = records.runs(known.identity);
    if (runs.empty()) continue;
    const auto identity = known.identity;
    out.push_back({std::move(known), std::move(runs), records.predicted_seconds(identity).value_or(0),
                   records.tail_seconds(identity), records.peak_memory_bytes(identity)});
  }
  std::sort(out.begin(), out.end(), [](const PastAction& a, const PastAction& b) {
    return std::pair(-a.median_seconds, main_output(a.known.action)) <
           std::pair(-b.median_seconds, main_output(b.known.action));
  });
  return out;
}

ordered_json json_of(const PastAction& past, const std::string& root) {
  auto out = json_of(past.known, root);
  out["median_seconds"] = past.median_seconds;
  out["behind_seconds"] = past.behind_seconds;
  out["peak_memory_bytes"] = past.peak_memory_bytes;
  out["runs"] = ordered_json::array();
  for (const auto& run : past.runs) {
    out["runs"].push_back({{"run_seconds", run.run_seconds},
                           {"peak_memory_bytes", run.peak_memory_bytes},
                           {"host", ordered_json(bytes_to(run.host))}});
  }
  return out;
}

void print_as_json(const records::Records& records, const std::string& root, const std::vector<PastAction>& past) {
  ordered_json out = {{"schema", kHistorySchema}, {"actions", ordered_json::array()}, {"hosts", ordered_json::array()}};
  for (const auto& action : past) out["actions"].push_back(json_of(action, root));
  for (const auto& host : records.hosts())
    out["hosts"].push_back({{"host", ordered_json(bytes_to(host))}, {"speed", records.host_speed(host).value_or(1)}});
  print_json(out);
}

// Names go to a terminal, and a worker says what its host is called.
std::string shown_host(const records::Run& run) {
  return run.host.empty() ? "(not known)" : reporting::printable(run.host);
}

std::string shown_output(const PastAction& past, const std::string& root) {
  return reporting::printable(shown_path(main_output(past.known.action), root));
}

void print_runs(const PastAction& past, const std::string& root) {
  const auto& action = past.known.action;
  std::printf("%s (%s%s%s)\n  median %.2f s, then %.2f s of actions behind it\n",
              shown_output(past, root).c_str(), name_of(action.kind), action.group.empty() ? "" : ", ",
              reporting::printable(action.group).c_str(), past.median_seconds, past.behind_seconds);
  for (const auto& run : past.runs)
    std::printf("  %8.2f s %8.1f MiB  %s\n", run.run_seconds, static_cast<double>(run.peak_memory_bytes) / kMebibyte,
                shown_host(run).c_str());
}

void print_slowest(const records::Records& records, const std::string& root, const std::vector<PastAction>& past) {
  const auto count = std::min(past.size(), kSlowestShown);
  std::size_t width = std::string("last host").size();
  for (std::size_t i = 0; i < count; ++i) width = std::max(width, shown_host(past[i].runs.back()).size());
  const int host_width = static_cast<int>(width);
  std::printf("%8s %8s %4s  %-*s  %s\n", "median s", "peak MiB", "runs", host_width, "last host", "output");
  for (std::size_t i = 0; i < count; ++i) {
    std::printf("%8.2f %8.1f %4zu  %-*s  %s\n", past[i].median_seconds,
                static_cast<double>(past[i].peak_memory_bytes) / kMebibyte, past[i].runs.size(), host_width,
                shown_host(past[i].runs.back()).c_str(), shown_output(past[i], root).c_str());
  }
  if (past.size() > kSlowestShown)
    std::printf("… and %zu more, none slower: extfarm history --json has them\n", past.size() - kSlowestShown);
  for (const auto& host : records.hosts())
    std::printf("host %s: speed %.2f\n", reporting::printable(host).c_str(), records.host_speed(host).value_or(1));
}

}  // namespace

int show_history(const std::string& project_root, const std::vector<std::string>& targets, bool as_json) {
  const auto opened = open_records(project_root);
  if (!opened) return 1;
  const auto& records = **opened;
  int exit_code = 0;
  std::vector<KnownAction> actions;
  if (targets.empty()) actions = all_known_actions(records);
  std::set<records::Identity> chosen;
  for (const auto& target : targets) {
    auto found = known_actions(records, project_root, target);
    if (found.empty()) {
      say_unknown(records, project_root, target);
      exit_code = 1;
    }
    for (auto& known : found) {
      if (chosen.insert(known.identity).second) actions.push_back(std::move(known));
    }
  }
  const auto past = past_of(records, std::move(actions));
  if (as_json) {
    print_as_json(records, project_root, past);
  } else if (targets.empty()) {
    print_slowest(records, project_root, past);
  } else {
    for (const auto& action : past) print_runs(action, project_root);
  }
  return exit_code;
}

}  // namespace extfarm

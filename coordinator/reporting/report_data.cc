#include "coordinator/reporting/report_data.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <unordered_map>
#include <utility>

#include "coordinator/reporting/longest_chain.h"
#include "coordinator/reporting/page_parts.h"

namespace extfarm::reporting {
namespace {

using nlohmann::json;

constexpr std::size_t kMostCommands = 2000;       // of those that ran locally; ran-locally.json has more
constexpr std::size_t kLongestCommandBytes = 400;

std::string dumped(const json& value) {
  return safe_in_script(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

// What many attempts share is said once.
class Names {
 public:
  std::size_t place_of(std::string_view name) {
    const auto [it, is_new] = places_.try_emplace(name, names_.size());
    if (is_new) names_.push_back(name);
    return it->second;
  }
  const std::vector<std::string_view>& all() const { return names_; }

 private:
  std::unordered_map<std::string_view, std::size_t> places_;
  std::vector<std::string_view> names_;
};

// A tenth of a millisecond is less than a pixel ever shows.
double rounded(double seconds) { return std::round(seconds * 1e4) / 1e4; }

json row_of(const LoggedAttempt& attempt, Timestamp start, Names& names) {
  const auto since_start = [&](Timestamp t) { return rounded(seconds(t - start)); };
  return {attempt.action,
          attempt.title,
          names.place_of(attempt.kind),
          names.place_of(attempt.group),
          names.place_of(attempt.worker),
          names.place_of(attempt.host),
          attempt.slot,
          since_start(attempt.ready),
          since_start(attempt.started),
          since_start(attempt.finished),
          since_start(attempt.published),
          rounded(seconds(attempt.run_time)),
          rounded(seconds(attempt.cpu_time)),
          attempt.bytes_returned,
          names.place_of(attempt.outcome),
          names.place_of(attempt.reason),
          attempt.counted ? 1 : 0};
}

// Those that joined, then any that are known from an attempt alone.
json workers_json(const BuildLog& log) {
  json out = json::array();
  std::set<std::string> known;
  const auto add = [&](const LoggedWorker& worker) {
    if (!known.insert(worker.id).second) return;
    out.push_back({{"id", worker.id},
                   {"host", worker.host},
                   {"slots", worker.slots},
                   {"actions", worker.actions},
                   {"run", worker.run_seconds},
                   {"quarantined", worker.quarantined},
                   {"speed", worker.speed}});
  };
  for (const auto& worker : log.workers) add(worker);
  for (const auto& attempt : log.attempts) add({std::string(attempt.worker), std::string(attempt.host), 0, 0, 0, false});
  return out;
}

std::string words_of(const LoggedLocal& local) {
  std::string out;
  for (const auto& word : local.argv) {
    out += (out.empty() ? "" : " ") + word;
    if (out.size() > kLongestCommandBytes) return out.substr(0, kLongestCommandBytes) + " …";
  }
  return out;
}

// Why something ran locally, most frequent first, with the commands that are known.
json local_json(const BuildLog& log) {
  std::map<std::string, json> commands;
  for (std::size_t i = 0; i < std::min(log.local.size(), kMostCommands); ++i) {
    if (!log.local[i].argv.empty()) commands[log.local[i].reason].push_back(words_of(log.local[i]));
  }
  std::vector<std::pair<std::string, std::uint64_t>> reasons(log.local_reasons.begin(), log.local_reasons.end());
  std::stable_sort(reasons.begin(), reasons.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  json out = json::array();
  for (const auto& [reason, times] : reasons) {
    const auto took = log.local_seconds.find(reason);
    const auto known = commands.find(reason);
    out.push_back({{"why", reason},
                   {"times", times},
                   {"seconds", took != log.local_seconds.end() ? took->second : 0.0},
                   {"commands", known != commands.end() ? known->second : json::array()}});
  }
  return out;
}

}  // namespace

void write_report_data(const BuildLog& log, const Figures& figures, std::ostream& out) {
  Names names;
  out << "{\"rows\":[";
  const char* before = "\n";
  for (const auto& attempt : log.attempts)
    out << std::exchange(before, ",\n") << dumped(row_of(attempt, log.first_submission, names));
  const json rest = {
      {"columns", {"action", "title", "kind", "group", "worker", "host", "slot", "ready", "start", "end", "home_at",
                   "run", "cpu", "bytes", "outcome", "why", "counted"}},
      {"named", {"kind", "group", "worker", "host", "outcome", "why"}},
      {"names", names.all()},
      {"workers", workers_json(log)},
      {"chain", longest_chain(log.attempts).actions},
      {"farm_wall", figures.farm_wall},
      {"local", local_json(log)}};
  out << "]," << dumped(rest).substr(1);
}

}  // namespace extfarm::reporting

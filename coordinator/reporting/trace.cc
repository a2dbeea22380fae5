// trace.json, for chrome://tracing and Perfetto: a process for each worker, a
// thread for each slot, times in microseconds from the build's start.
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <utility>

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {
namespace {

using nlohmann::ordered_json;

constexpr double kMicrosecondsPerSecond = 1e6;

ordered_json name_event(const char* what, int process, std::uint32_t thread, std::string_view name) {
  return {{"name", what}, {"ph", "M"}, {"pid", process}, {"tid", thread}, {"args", {{"name", name}}}};
}

ordered_json attempt_event(const BuildLog& log, const LoggedAttempt& attempt, int process) {
  const auto micros = [&](Timestamp t) { return kMicrosecondsPerSecond * seconds(t - log.started); };
  return {{"name", attempt.title},
          {"cat", attempt.kind},
          {"ph", "X"},
          {"pid", process},
          {"tid", attempt.slot},
          {"ts", micros(attempt.sent)},
          {"dur", kMicrosecondsPerSecond * seconds(attempt.finished - attempt.sent)},
          {"args",
           {{"action", attempt.action},
            {"group", attempt.group},
            {"outcome", attempt.outcome},
            {"counted", attempt.counted},
            {"run_ms", 1e3 * seconds(attempt.run_time)},
            {"cpu_ms", 1e3 * seconds(attempt.cpu_time)},
            {"bytes_returned", attempt.bytes_returned},
            {"peak_memory_bytes", attempt.peak_memory_bytes},
            {"guess_ms", 1e3 * attempt.guess_seconds},
            {"after", attempt.after},
            {"ready_us", micros(attempt.ready)},
            {"submitted_us", micros(attempt.submitted)},
            {"published_us", micros(attempt.published)}}}};
}

}  // namespace

// An event a line, each written as it is made: as one value, twenty thousand
// attempts would take 80 MB.
void write_trace(const BuildLog& log, std::ostream& out) {
  out << "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [";
  const char* before = "\n";
  const auto put = [&](const ordered_json& event) {
    out << std::exchange(before, ",\n") << event.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  };
  std::map<std::string_view, int> processes;
  std::set<std::pair<int, std::uint32_t>> threads;
  for (const auto& attempt : log.attempts) {
    const auto [it, is_new] = processes.emplace(attempt.worker, static_cast<int>(processes.size()) + 1);
    const int process = it->second;
    if (is_new) put(name_event("process_name", process, 0, attempt.worker));
    if (threads.emplace(process, attempt.slot).second)
      put(name_event("thread_name", process, attempt.slot, "slot " + std::to_string(attempt.slot)));
    put(attempt_event(log, attempt, process));
  }
  out << "\n]}\n";
}

}  // namespace extfarm::reporting

// trace.json, for chrome://tracing and Perfetto: a process for each worker, a
// thread for each slot, times in microseconds from the build's start.  Perfetto
// takes thread 0 for the system's and every other number for one thread of the
// whole trace, so each slot has a number of its own.
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <unordered_set>
#include <utility>

#include "coordinator/reporting/build_log.h"
#include "coordinator/reporting/longest_chain.h"

namespace extfarm::reporting {
namespace {

using nlohmann::ordered_json;

constexpr double kMicrosecondsPerSecond = 1e6;

ordered_json fact(const char* what, int process, int thread, ordered_json arguments) {
  return {{"name", what}, {"ph", "M"}, {"pid", process}, {"tid", thread}, {"args", std::move(arguments)}};
}

constexpr int kThreadsOfProcess = 100'000;  // more than a worker has slots

int thread_of(int process, const LoggedAttempt& attempt) {
  return process * kThreadsOfProcess + static_cast<int>(attempt.slot) + 1;
}

ordered_json attempt_event(const BuildLog& log, const LoggedAttempt& attempt, int process, bool is_in_chain) {
  const auto micros = [&](Timestamp t) { return kMicrosecondsPerSecond * seconds(t - log.started); };
  return {{"name", attempt.title},
          {"cat", attempt.kind},
          {"ph", "X"},
          {"pid", process},
          {"tid", thread_of(process, attempt)},
          {"ts", micros(attempt.started)},
          {"dur", kMicrosecondsPerSecond * seconds(attempt.finished - attempt.started)},
          {"args",
           {{"action", attempt.action},
            {"group", attempt.group},
            {"outcome", attempt.outcome},
            {"counted", attempt.counted},
            {"longest_chain", is_in_chain},
            {"run_ms", 1e3 * seconds(attempt.run_time)},
            {"cpu_ms", 1e3 * seconds(attempt.cpu_time)},
            {"bytes_returned", attempt.bytes_returned},
            {"peak_memory_bytes", attempt.peak_memory_bytes},
            {"guess_ms", 1e3 * attempt.guess_seconds},
            {"after", attempt.after},
            {"ready_us", micros(attempt.ready)},
            {"submitted_us", micros(attempt.submitted)},
            {"sent_us", micros(attempt.sent)},
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
  const auto chain = longest_chain(log.attempts).actions;
  const std::unordered_set<std::uint64_t> in_chain(chain.begin(), chain.end());
  std::map<std::string_view, int> processes;
  std::set<int> threads;
  for (const auto& attempt : log.attempts) {
    const auto [it, is_new] = processes.emplace(attempt.worker, static_cast<int>(processes.size()) + 1);
    const int process = it->second, thread = thread_of(process, attempt);
    if (is_new) put(fact("process_name", process, thread, {{"name", attempt.worker}}));
    if (threads.insert(thread).second) {
      put(fact("thread_name", process, thread, {{"name", "slot " + std::to_string(attempt.slot + 1)}}));
      put(fact("thread_sort_index", process, thread, {{"sort_index", attempt.slot}}));
    }
    put(attempt_event(log, attempt, process, attempt.counted && in_chain.contains(attempt.action)));
  }
  out << "\n]}\n";
}

}  // namespace extfarm::reporting

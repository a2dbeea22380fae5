// Build logs for the tests of this room, down to hostile file names.
#pragma once

#include <cmath>
#include <sstream>
#include <string>

#include "coordinator/reporting/build_log.h"

namespace extfarm::reporting {

inline Timestamp at(double s) { return {from_seconds(s)}; }

// An attempt that was sent at once, and published as soon as it had finished.
inline LoggedAttempt attempt_of(std::uint64_t action, double start, double run, std::string_view kind,
                                const std::string& title, std::vector<std::uint64_t> after = {}) {
  LoggedAttempt out;
  out.action = action;
  out.kind = kind;
  out.title = title;
  out.group = "pkg.ext";
  out.worker = "lab01-4711";
  out.host = "lab01";
  out.submitted = out.ready = out.sent = out.started = at(start);
  out.finished = out.published = at(start + run);
  out.run_time = from_seconds(run);
  out.outcome = "succeeded";
  out.after = std::move(after);
  return out;
}

// Two slots on one host; 1 → 2 → 3 is the longest chain (1 + 4 + 2 seconds),
// 4 runs beside it (3 seconds); 10 seconds of work, done in 8.
inline BuildLog small_build() {
  BuildLog log;
  log.project_root = "/home/ada/project";
  log.command = "python3 setup.py build_ext --inplace";
  log.started = at(100);
  log.first_submission = at(101);
  log.last_publication = at(109);
  log.ended = at(110);
  log.attempts = {attempt_of(1, 101, 1, "cythonize", "a.c"), attempt_of(2, 102, 4, "compile", "a.o", {1}),
                  attempt_of(3, 107, 2, "link", "a.so", {2}), attempt_of(4, 101, 3, "compile", "b.o")};
  log.attempts[3].slot = 1;
  log.total = 5;
  log.fresh = 1;
  log.on_workers = 4;
  log.workers = {{"lab01-4711", "lab01", 2, 4, 10.0, false}};
  return log;
}

// A build of 40 extensions on three hosts.
inline BuildLog large_build() {
  BuildLog log = small_build();
  log.attempts.clear();
  log.workers = {{"lab01-4711", "lab01", 4, 0, 0, false},
                 {"lab02-812", "lab02", 4, 0, 0, false},
                 {"laptop-3301", "laptop", 2, 0, 0, false}};
  std::vector<std::vector<double>> busy_until;
  for (const auto& worker : log.workers) busy_until.emplace_back(worker.slots, 101.0);
  std::uint64_t action = 0;
  const char* kinds[] = {"cythonize", "compile", "link"};
  const double weight[] = {0.5, 2.2, 0.15};
  std::vector<double> ready(40, 101.0);
  for (int step = 0; step < 3; ++step) {
    for (int extension = 0; extension < 40; ++extension) {
      std::size_t w = 0, s = 0;
      for (std::size_t i = 0; i < busy_until.size(); ++i)
        for (std::size_t j = 0; j < busy_until[i].size(); ++j)
          if (busy_until[i][j] < busy_until[w][s]) w = i, s = j;
      const double run = weight[step] * (1 + 2.0 * std::abs(std::sin(extension * 1.7)));
      const double start = std::max(busy_until[w][s], ready[extension]);
      const std::string name = "Cython/Compiler/Module" + std::to_string(extension);
      ++action;
      auto attempt =
          attempt_of(action, start, run, kinds[step],
                     name + (step == 0   ? ".c"
                             : step == 1 ? ".o"
                                         : ".so"),
                     step == 0 ? std::vector<std::uint64_t>{} : std::vector<std::uint64_t>{action - 40});
      attempt.group = log.keep("Cython.Compiler.Module" + std::to_string(extension));
      attempt.worker = log.workers[w].id;
      attempt.host = log.workers[w].host;
      attempt.slot = static_cast<std::uint32_t>(s);
      attempt.submitted = at(ready[extension]);
      attempt.published = at(start + run + 0.01);
      attempt.cpu_time = from_seconds(run * 0.97);
      attempt.bytes_returned = 120000;
      busy_until[w][s] = ready[extension] = start + run + 0.01;
      if (extension == 17 && step == 1) {
        attempt.counted = false;
        attempt.outcome = "inputs_differ";
      }
      log.workers[w].actions += 1;
      log.workers[w].run_seconds += run;
      log.last_publication = std::max(log.last_publication, attempt.published);
      attempt.reason = log.keep(step == 0 ? "never built" : "/home/ada/project/" + name + ".c changed");
      log.attempts.push_back(attempt);
    }
  }
  log.ended = log.last_publication + from_seconds(0.6);
  log.total = 128;
  log.fresh = 8;
  log.on_workers = 119;
  log.retried = log.inputs_differ = 1;
  log.passed_through = 14;
  log.local_reasons = {{"preprocesses only", 11}, {"reads stdin", 3}};
  for (int i = 0; i < 200; ++i) log.dispatch_ms.push_back(0.4 + i * 0.01);
  return log;
}

inline std::string trace_of(const BuildLog& log) {
  std::ostringstream out;
  write_trace(log, out);
  return out.str();
}

inline std::string page_of(const BuildLog& log) {
  std::ostringstream out;
  write_report(log, out);
  return out.str();
}

}  // namespace extfarm::reporting

// What happened in one build, for people: filled by the shell, read by the
// summary, last-build.json, trace.json, report.html and the progress line.
#pragma once

#include <cstdint>
#include <deque>
#include <iosfwd>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/timestamp.h"

namespace extfarm::reporting {

// Kept small: there may be a hundred thousand.  The views are constants, or kept by the log.
struct LoggedAttempt {
  std::uint64_t action = 0;
  std::string_view group;
  std::string_view kind;    // "compile", …
  std::string title;        // the main output's path relative to the project, or argv
  std::string_view worker;  // worker id, e.g. "lab01-4711"
  std::string_view host;
  Timestamp submitted, ready, sent, finished, published;  // ready: could have been sent
  std::uint32_t slot = 0;  // of that worker, from 0; this and `started`, in that slot, by place_in_slots()
  Timestamp started;
  Duration memory_wait{0};  // between ready and sent, for want of memory
  Duration run_time{0};
  Duration cpu_time{0};
  std::uint64_t bytes_returned = 0;
  std::uint64_t peak_memory_bytes = 0;
  double guess_seconds = 0;          // from its source; 0: its duration was remembered
  std::string_view outcome;          // OutcomeClass name, or "stopped"
  std::string_view reason;           // why the action had to run
  bool counted = true;               // false: a retried or rejected attempt
  std::vector<std::uint64_t> after;  // actions it followed (same group, or by pinned input)
};

struct LoggedCompile {  // absolute paths
  std::string cwd;
  std::vector<std::string> argv;
  std::string source, output;
};

struct LoggedLocal {  // a command that the front end ran itself
  std::string cwd;
  std::vector<std::string> argv;  // empty where the front end only counted it
  std::string reason;
};

struct OfferChange {  // from then on the worker offers so many slots to all its coordinators
  Timestamp since;
  std::uint32_t slots = 0;
};

struct LoggedWorker {
  std::string id, host;
  std::uint32_t slots = 0;
  std::uint64_t actions = 0;
  double run_seconds = 0;
  bool quarantined = false;
  double speed = 1;             // among the hosts of this build, as learned
  std::uint64_t memory_bytes = 0;
  Timestamp joined{};           // before the first submission: there from the start
  std::vector<OfferChange> offers = {};  // in order; none: always all
};

struct BuildLog {
  BuildLog() = default;
  BuildLog(BuildLog&&) = default;
  BuildLog& operator=(BuildLog&&) = default;
  // A view that lasts as long as this log.
  std::string_view keep(std::string text) { return *kept.insert(std::move(text)).first; }

  std::string project_root, command;
  std::string status = "ok";  // "ok", "failed", "cancelled"
  int exit_code = 0;
  Timestamp started, first_submission, last_publication, ended;
  std::uint64_t total = 0, fresh = 0, restored = 0, on_workers = 0, passed_through = 0, failed = 0, retried = 0,
                backups = 0;
  std::uint64_t inputs_differ = 0, toolchain_differs = 0;
  std::uint64_t inputs_changed = 0;  // results of commands while which an input was written; published, and made again next time
  struct Compared {  // with --verify
    std::uint64_t repeated = 0, agreed = 0, differed = 0, not_reproducible = 0, unanswered = 0;
  } compared;
  std::uint64_t wrong_results = 0;  // of hosts that were found wrong; made again next time
  std::uint64_t bytes_returned = 0;
  double coordinator_cpu_seconds = 0;
  std::vector<double> dispatch_ms;  // ready to sent, one per dispatch
  std::deque<LoggedAttempt> attempts;
  std::vector<LoggedWorker> workers;
  std::vector<LoggedCompile> compiles;  // all that were asked for, run or not
  std::uint64_t fresh_here = 0;         // up to date among those that never go to a worker
  std::vector<LoggedLocal> local;        // the first of them
  std::map<std::string, std::uint64_t> local_reasons;  // why something ran locally → how often
  std::map<std::string, double> local_seconds;  // by the same reasons, of the commands that told
  double command_cpu_seconds = 0;  // of the build's command with all its children, whatever they did
  std::set<std::string> kept;      // what views of the attempts show
};

// When its command began: after it was sent it may have waited in the worker's queue.
Timestamp start_of(const LoggedAttempt&);
// Before a log is written: no two attempts of a worker are in one slot at a time.
void place_in_slots(BuildLog&);

// Where the slots' time went, in slot-seconds; the sum is slots × farm wall.
struct SlotTime {
  double work = 0;           // of the counted attempts
  double critical_path = 0;  // nothing was ready, and no schedule avoids it: the longest chain is too long
  double nothing_ready = 0;  // nor was anything ready here, but a better order or an earlier request helps
  double dispatch = 0;       // something was ready, or handed over and not started
  double memory = 0;         // something was ready and had no memory
  double retries = 0;        // attempts that came to nothing
  double transfers = 0;      // nothing was ready but results were on their way
  double absent = 0;         // workers that came later, or had given slots back
  double sum() const {
    return work + critical_path + nothing_ready + dispatch + memory + retries + transfers + absent;
  }
};

struct Figures {
  double wall = 0;           // seconds from start to end
  double farm_wall = 0;      // from first submission to last publication
  double run_total = 0;      // of the counted attempts
  double critical_path = 0;  // longest chain by `after`
  double lower_bound = 0;    // max(work / slots, longest chain, memory × time / memory), each by the hosts' speeds
  double efficiency = 0;     // lower_bound / farm_wall; 1 when nothing ran
  double local = 0;          // seconds that ran here and were no probe, as far as they are known
  double probes = 0;         // seconds of a build's questions to its compiler, likewise
  double farmed_share = 0;   // run_total / (run_total + local); 1 when nothing ran
  std::uint32_t slots = 0;
  double dispatch_p50_ms = 0, dispatch_p99_ms = 0;
  SlotTime slot_time;
};
Figures figures_of(const BuildLog&);

// Counts a command that ran locally; keeps the first ten thousand of them.
void log_local(BuildLog&, LoggedLocal);

std::string last_build_json(const BuildLog&);  // DESIGN section 10's schema 1
std::string ran_locally_json(const BuildLog&);  // how many, why, and the commands that are known
// Of many thousand attempts these are long texts: they are written as they are made.
void write_trace(const BuildLog&, std::ostream&);   // Chrome trace format; one process per worker, one thread per slot
void write_report(const BuildLog&, std::ostream&);  // one self-contained page
// A few lines for the end of the build: counts, figures, where the report lies.
std::string summary_text(const BuildLog&, const std::string& report_path);

}  // namespace extfarm::reporting

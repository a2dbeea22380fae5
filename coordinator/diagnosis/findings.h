// What the doctor's facts mean, each with what to do about it.  Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/diagnosis/facts.h"

namespace extfarm::diagnosis {

enum class Level { kOk, kWarning, kProblem };
enum class Subject {
  kKeys,
  kRendezvous,
  kFolder,
  kTools,
  kConnection,
  kSlots,
  kView,
  kScratch,
  kClock,
  kDisk
};

struct Finding {
  Level level = Level::kOk;
  std::string where;  // a host
  Subject subject = Subject::kKeys;
  std::string what;
  std::string remedy;             // empty when it is ok
  bool is_configuration = false;  // of this user's keys or folders, and not of a worker
};

struct Thresholds {
  // Clocks that are kept right differ by less; what make compares are seconds.
  Duration clocks_differ = std::chrono::seconds(2);
  // A large compile or a link with debug information writes as much.
  std::uint64_t scratch_per_slot_bytes = 256ull << 20;
  std::uint64_t least_scratch_bytes = 64ull << 20;
  // Records and the store of earlier results, which by itself grows to 2 GB.
  std::uint64_t disk_bytes = 2ull << 30, least_disk_bytes = 64ull << 20;
};

std::vector<Finding> findings_on(const HostFacts&, const std::vector<WorkerFacts>&, const Thresholds& = {});
std::vector<Finding> findings_on(const WorkerFacts&, const HostFacts&, const Thresholds& = {});

// 0 without a problem; 78 when one is of keys or configuration, else 75.
int exit_code_of(const std::vector<Finding>&);

// A line for each finding, and how many there are of each level.
std::string text_of(const std::vector<Finding>&);
// {"schema": 1, "exit_code": 0, "findings": [{"level", "where", "subject", "what", "remedy"}]}
std::string json_of(const std::vector<Finding>&);

}  // namespace extfarm::diagnosis

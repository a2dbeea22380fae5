// Whether hosts agree: some results are made again on another host and compared.
// Says what to repeat where, and whom to believe; starts nothing.  Pure.
//
// Two runs that agree count only when they lie further apart than the second
// that a compiled-in time of day changes with.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/timestamp.h"
#include "common/model/action.h"
#include "common/model/outcome.h"
#include "coordinator/reporting/build_log.h"

namespace extfarm {

// Everything of a result that another host's must equal: outputs, words, exit code.
Digest digest_of_result(const Outcome&);

class Canary {
 public:
  using CaseId = std::uint64_t;
  struct Repeat {
    CaseId id = 0;
    Action action;
    std::set<std::string> not_on;   // hosts
    std::optional<std::string> on;  // this one, in place of all that are not ruled out
  };
  struct Verdict {
    Action action;
    std::vector<std::string> wrong;  // hosts, no two alike
    std::string right;               // the host that made what the others agree on; empty: that is not known
  };
  using Counts = reporting::BuildLog::Compared;

  // N in 1,000 actions, other ones for each `salt`.
  Canary(std::uint32_t per_thousand, std::uint64_t salt) : per_thousand_(per_thousand), salt_(salt) {}
  bool is_on() const { return per_thousand_ > 0; }
  bool chooses(const Digest& identity) const;

  // A result that was published.  `is_local`: by the submitting host, which is right by definition.
  void add(Timestamp now, const Action&, const std::string& host, bool is_local, const Outcome&);
  // What is to be repeated now.
  std::vector<Repeat> due(Timestamp now);
  // The end of a repeat.
  void answer(Timestamp now, CaseId, const std::string& host, bool is_local, const Outcome&);
  // No host could make it.
  void give_up(Timestamp now, CaseId);
  std::vector<Verdict> take_verdicts();
  bool is_idle() const { return cases_.empty(); }
  std::optional<Timestamp> next_deadline() const;
  const Counts& counts() const { return counts_; }

 private:
  struct Run {
    std::string host;
    Digest result;
    bool is_local = false;
  };
  struct Case {
    Action action;
    std::vector<AttestedInput> inputs;
    std::vector<Run> runs;
    std::optional<std::string> on;    // nobody else is there: one of the two shall say it again
    std::optional<Timestamp> due_at;  // empty: it is being made
  };
  void judge_three(CaseId, const Case&);
  void end(CaseId, std::uint64_t& count);
  void accuse(CaseId, const Case&, std::vector<std::string> wrong, std::string right);

  std::uint32_t per_thousand_;
  std::uint64_t salt_;
  std::map<CaseId, Case> cases_;
  std::vector<Verdict> verdicts_;
  Counts counts_;
  CaseId next_ = 1;
};

}  // namespace extfarm

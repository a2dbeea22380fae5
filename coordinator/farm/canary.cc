#include "coordinator/farm/canary.h"

#include <algorithm>
#include <utility>

namespace extfarm {
namespace {

constexpr Duration kFurtherApart = std::chrono::milliseconds(1100);  // than the second that __TIME__ shows

std::vector<AttestedInput> sorted(std::vector<AttestedInput> inputs) {
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

}  // namespace

Digest digest_of_result(const Outcome& outcome) {
  Hasher hasher;
  hasher.add_field(name_of(outcome.outcome_class));
  hasher.add_field(std::to_string(outcome.exit_code));
  hasher.add_field(outcome.stdout_bytes);
  hasher.add_field(outcome.stderr_bytes);
  auto outputs = outcome.attestation.outputs;
  std::sort(outputs.begin(), outputs.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  for (const auto& output : outputs) {
    hasher.add_field(output.path);
    hasher.add_field(std::to_string(static_cast<int>(output.kind)) + " " + std::to_string(output.mode) + " " +
                     std::to_string(output.size_bytes) + " " + to_hex(output.digest));
    hasher.add_field(output.link_target);
  }
  return hasher.finish();
}

bool Canary::chooses(const Digest& identity) const {
  if (!is_on()) return false;
  Hasher hasher;
  hasher.add_field(to_hex(identity));
  hasher.add_field(std::to_string(salt_));
  return std::hash<Digest>()(hasher.finish()) % 1000 < per_thousand_;
}

void Canary::add(Timestamp now, const Action& action, const std::string& host, bool is_local, const Outcome& outcome) {
  Case& one = cases_[next_++];
  one.action = action;
  one.inputs = sorted(outcome.attestation.inputs);
  one.runs.push_back({host, digest_of_result(outcome), is_local});
  one.due_at = now;
}

std::vector<Canary::Repeat> Canary::due(Timestamp now) {
  std::vector<Repeat> out;
  for (auto& [id, one] : cases_) {
    if (!one.due_at || *one.due_at > now) continue;
    one.due_at.reset();
    Repeat repeat{id, one.action, {}, one.on};
    for (const auto& run : one.runs) repeat.not_on.insert(run.host);
    out.push_back(std::move(repeat));
  }
  return out;
}

std::optional<Timestamp> Canary::next_deadline() const {
  std::optional<Timestamp> next;
  for (const auto& [id, one] : cases_) {
    if (one.due_at) next = next ? std::min(*next, *one.due_at) : *one.due_at;
  }
  return next;
}

void Canary::end(CaseId id, std::uint64_t& count) {
  ++count;
  cases_.erase(id);
}

void Canary::accuse(CaseId id, const Case& one, std::vector<std::string> wrong, std::string right) {
  std::sort(wrong.begin(), wrong.end());
  wrong.erase(std::unique(wrong.begin(), wrong.end()), wrong.end());
  verdicts_.push_back({one.action, std::move(wrong), std::move(right)});
  end(id, counts_.differed);
}

void Canary::answer(Timestamp now, CaseId id, const std::string& host, bool is_local, const Outcome& outcome) {
  const auto found = cases_.find(id);
  if (found == cases_.end()) return;
  Case& one = found->second;
  if (sorted(outcome.attestation.inputs) != one.inputs) return end(id, counts_.unanswered);  // somebody has edited
  ++counts_.repeated;
  one.runs.push_back({host, digest_of_result(outcome), is_local});
  if (one.runs.size() == 3) return judge_three(id, one);
  if (one.runs[0].result == one.runs[1].result) return end(id, counts_.agreed);
  one.due_at = now + kFurtherApart;
}

// The third is another host's, or one of the two again.
void Canary::judge_three(CaseId id, const Case& one) {
  const auto& runs = one.runs;
  const auto& third = runs[2];
  const bool agrees = std::any_of(runs.begin(), runs.begin() + 2, [&](const Run& run) { return run.result == third.result; });
  if (!agrees) return end(id, counts_.not_reproducible);
  const auto again = std::find_if(runs.begin(), runs.begin() + 2, [&](const Run& run) { return run.host == third.host; });
  const auto local = std::find_if(runs.begin(), runs.end(), [](const Run& run) { return run.is_local; });
  const bool nobody_knows = again != runs.begin() + 2 && again->result == third.result && local == runs.end();
  const auto& believed = local != runs.end() ? local->result : third.result;
  std::vector<std::string> wrong;
  std::string right;
  for (const auto& run : runs) {
    if (nobody_knows || run.result != believed)
      wrong.push_back(run.host);
    else if (right.empty())
      right = run.host;
  }
  accuse(id, one, std::move(wrong), std::move(right));
}

void Canary::give_up(Timestamp now, CaseId id) {
  const auto found = cases_.find(id);
  if (found == cases_.end()) return;
  Case& one = found->second;
  if (one.runs.size() < 2 || one.on) return end(id, counts_.unanswered);
  const bool second_is_local = one.runs[1].is_local;
  one.on = one.runs[second_is_local ? 1 : 0].host;
  one.due_at = now + kFurtherApart;
}

std::vector<Canary::Verdict> Canary::take_verdicts() { return std::exchange(verdicts_, {}); }

}  // namespace extfarm

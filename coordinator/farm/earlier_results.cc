#include "coordinator/farm/earlier_results.h"

#include "common/system/clock.h"
#include "coordinator/artifacts/artifacts.h"

namespace extfarm {

using freshness::Recorded;

bool EarlierResults::put_in_place(const Action& action, const Attestation& result) {
  if (!artifacts::check_outputs(result, action.view_roots)) return false;
  std::vector<std::string> contents(result.outputs.size());
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const auto& output = result.outputs[i];
    if (output.kind != OutputKind::kFile) continue;
    auto content = reader_->content(output.digest, output.size_bytes);
    if (!content) return false;
    contents[i] = std::move(*content);
  }
  return artifacts::publish(result, contents, action.view_roots).has_value();
}

std::optional<Recorded> EarlierResults::restore(const Action& action, const records::Identity& identity,
                                                const Digest& fingerprint) {
  if (!reader_) return std::nullopt;
  for (const auto& stored : reader_->results(fingerprint)) {
    const Attestation result{stored.inputs, stored.outputs};
    if (!memory_.would_repeat(action, fingerprint, result, stored.bystanders)) continue;
    const auto started_ns = realtime_ns();
    if (!put_in_place(action, result)) continue;
    return memory_.record(action, identity, result, stored.stdout_bytes, stored.stderr_bytes, started_ns);
  }
  return std::nullopt;
}

void EarlierResults::keep(const Recorded& recorded, double run_seconds) {
  if (!writer_) return;
  store::StoredResult result;
  const Attestation attestation = memory_.attestation_of(recorded);
  result.inputs = attestation.inputs;
  result.outputs = attestation.outputs;
  result.bystanders = recorded.bystanders;
  result.stdout_bytes = recorded.stdout_bytes;
  result.stderr_bytes = recorded.stderr_bytes;
  result.run_seconds = run_seconds;
  writer_->add(recorded.fingerprint, std::move(result));
}

std::vector<std::string> EarlierResults::finish() {
  std::vector<std::string> out;
  if (writer_) {
    if (const auto kept = writer_->finish(); !kept)
      out.push_back("not all results are kept for later builds: " + kept.error().message);
  }
  if (reader_) {
    const auto& counts = reader_->counts();
    if (const auto damaged = counts.objects_poisoned + counts.results_unreadable; damaged > 0)
      out.push_back(std::to_string(damaged) + " damaged entries of the store were left out; their actions were built");
  }
  return out;
}

}  // namespace extfarm

#include "worker/execution/attempt.h"

#include <filesystem>
#include <utility>

#include "worker/execution/trust.h"
#include "worker/execution/verdict_on_exit.h"

namespace extfarm {
namespace {

// Errors: kIo when what was read is not known, kRefused when it cannot be.
Result<void> attest(const Attempt& attempt, const Filesystem& filesystem, DigestCache& digests, HiddenReads& hidden,
                    Attestation& attestation) {
  std::set<std::string> settled = attempt.supplied;  // their digests were checked when they came
  for (const auto& output : attempt.outputs) settled.insert(output.attested.path);
  if (attempt.exit.exit_code != 0) {
    // It lists nothing; but that a source was not here must not pass for the user's error.
    for (const auto& path : attempt.action.inputs) {
      if (!settled.contains(path)) attestation.inputs.push_back({path, digests.digest(path).value_or(Digest{})});
    }
    return {};
  }
  const auto inputs = list_inputs(attempt.action, attempt.command, attempt.outputs, attempt.listing, filesystem);
  if (!inputs) return tl::unexpected(inputs.error());
  const bool is_unlisted = attempt.command.assembles_unlisted;
  for (const auto& path : inputs->read) {
    const bool is_known = settled.contains(path) || lies_below_any(path, {attempt.folder});
    if (is_known && !is_unlisted) continue;
    const auto digest = digests.digest(path);
    if (!digest) continue;
    if (is_unlisted && hidden.are_in(path, *digest))
      return failure(ErrorCode::kRefused, path + " has .incbin or .include, and what those read " +
                                              attempt.action.argv[0] + " does not tell here");
    if (!is_known) attestation.inputs.push_back({path, *digest});
  }
  for (const auto& path : inputs->missed) {
    if (!settled.contains(path) && !filesystem.stat(path)) attestation.inputs.push_back({path, Digest{}});
  }
  return {};
}

}  // namespace

Result<void> collect(Attempt& attempt) {
  if (attempt.view) {
    auto outputs = collect_outputs(attempt.view->roots());
    if (!outputs) return tl::unexpected(outputs.error());
    for (auto& output : *outputs) {
      if (!attempt.supplied.contains(output.attested.path)) attempt.outputs.push_back(std::move(output));
    }
  }
  for (const auto& redirected : attempt.redirected) {
    std::error_code unknown;  // then collect_file says it
    if (std::filesystem::status(redirected.stored_at, unknown).type() == std::filesystem::file_type::not_found) continue;
    auto output = collect_file(redirected.stored_at, redirected.path);
    if (!output) return tl::unexpected(output.error());
    attempt.outputs.push_back(std::move(*output));
  }
  return {};
}

Outcome outcome_of(const Attempt& attempt, const Filesystem& filesystem, DigestCache& digests,
                   HiddenReads& hidden) {
  const auto& exit = attempt.exit;
  Outcome outcome;
  outcome.exit_code = exit.signal != 0 ? 128 + exit.signal : exit.exit_code;
  outcome.run_time = exit.run_time;
  outcome.cpu_time = exit.cpu_time;
  outcome.peak_memory_bytes = exit.peak_memory_bytes;
  outcome.stdout_bytes = exit.stdout_bytes;
  outcome.stderr_bytes = exit.stderr_bytes;
  outcome.outcome_class = verdict_on(exit).outcome_class;
  if (const auto attested = attest(attempt, filesystem, digests, hidden, outcome.attestation); !attested) {
    const bool is_refused = attested.error().code == ErrorCode::kRefused;
    outcome.outcome_class = is_refused ? OutcomeClass::kRefused : OutcomeClass::kInfrastructure;
    outcome.reason = attested.error().message;
  }
  for (const auto& output : attempt.outputs) outcome.attestation.outputs.push_back(output.attested);
  return outcome;
}

}  // namespace extfarm

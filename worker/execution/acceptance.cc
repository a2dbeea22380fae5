#include "worker/execution/acceptance.h"

#include <filesystem>

#include "worker/execution/trust.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

std::string does_not_run(const std::string& program) {
  return "this worker does not run " + program + "; start it with --trust for its folder";
}

}  // namespace

Result<Toolchain> Acceptance::ask(const ToolchainSpec& spec) {
  std::error_code absent;
  if (!fs::exists(spec.driver, absent)) return probe_.probe(spec);  // says so
  const auto name = trusted_name(spec.driver, settings_.trusted_prefixes);
  if (!name) return failure(ErrorCode::kRefused, does_not_run(spec.driver));
  auto named = spec;
  named.driver = *name;
  auto toolchain = probe_.probe(named);
  if (toolchain) toolchain->spec = spec;
  return toolchain;
}

std::optional<Outcome> Acceptance::refusal(Attempt& attempt) {
  Outcome outcome;
  outcome.outcome_class = OutcomeClass::kRefused;
  std::error_code failed;
  const auto name = trusted_name(attempt.action.program, settings_.trusted_prefixes);
  if (!name) {
    outcome.reason = does_not_run(attempt.action.program);
    return outcome;
  }
  attempt.action.program = *name;
  attempt.program = fs::canonical(*name, failed).string();
  if (auto distrust = make_trustworthy(attempt.action, attempt.program, settings_.trusted_prefixes,
                                       settings_.only_compilers, filesystem_)) {
    outcome.reason = *distrust;
    return outcome;
  }
  for (const auto& root : attempt.action.view_roots) {
    const std::string real = fs::canonical(root, failed).string();
    if (!failed && real == root && lies_below_any(real, settings_.permitted_roots)) continue;
    outcome.reason =
        failed ? "the folder " + root + " is not there on this worker; is the shared filesystem mounted?"
               : "this worker makes no view of " + root + "; start it with --root for it";
    return outcome;
  }
  return refusal_of_toolchain(attempt.action);
}

std::optional<Outcome> Acceptance::refusal_of_toolchain(const Action& action) {
  if (action.toolchain_digest.is_zero()) return std::nullopt;
  const auto toolchain = ask(action.toolchain);
  if (toolchain && toolchain->digest == action.toolchain_digest) return std::nullopt;
  Outcome outcome;
  const bool is_refused = !toolchain && toolchain.error().code == ErrorCode::kRefused;
  outcome.outcome_class = is_refused ? OutcomeClass::kRefused : OutcomeClass::kToolchainDiffers;
  outcome.reason = toolchain ? action.toolchain.driver + " is another one here" : toolchain.error().message;
  return outcome;
}

}  // namespace extfarm

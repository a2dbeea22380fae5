#include "worker/execution/attempt.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/system/clock.h"
#include "worker/execution/trust.h"
#include "worker/execution/verdict_on_exit.h"

namespace extfarm {
namespace {

// A digest is taken after the command has read the file.  Where the file became
// another one meanwhile (edited; or this host's mount saw late that it had been)
// nobody knows which of the two was read.  What was never seen before is trusted
// below the view's roots, for there the submitting host sees an edit itself.
bool may_have_changed(const Attempt& attempt, const std::string& path, const Filesystem& filesystem,
                      const DigestCache& digests) {
  switch (digests.met_since(path, attempt.launched)) {
    case DigestCache::Met::kBefore: return false;
    case DigestCache::Met::kNewContent: return true;
    case DigestCache::Met::kNewFile: break;
  }
  if (lies_below_any(path, attempt.action.view_roots)) return false;
  const auto stamp = filesystem.stat(path);
  return stamp && std::max(stamp->mtime_ns, stamp->ctime_ns) >= attempt.launched_realtime_ns;
}

tl::unexpected<Error> changed_meanwhile(const std::string& path) {
  return failure(ErrorCode::kUnavailable, path + " changed on that host while the command ran");
}

// Errors: kIo when what was read is not known, kRefused when it cannot be, kNotFound when a command that failed has not
// said it, kUnavailable when it was not the same all the time.
Result<void> attest(const Attempt& attempt, const Filesystem& filesystem, DigestCache& digests, HiddenReads& hidden,
                    Attestation& attestation) {
  std::set<std::string> settled = attempt.supplied;  // their digests were checked when they came
  for (const auto& output : attempt.outputs) settled.insert(output.attested.path);
  if (attempt.exit.exit_code != 0) {
    // That a source was not here must not pass for the user's error.
    for (const auto& path : attempt.action.inputs) {
      if (!settled.contains(path) && !digests.digest(path)) attestation.inputs.push_back({path, Digest{}});
    }
    if (!has_own_list(attempt.action, attempt.command, attempt.outputs, filesystem)) {
      return failure(ErrorCode::kNotFound, "it failed on a worker, and did not tell what it had read there");
    }
  }
  const auto inputs = list_inputs(attempt.action, attempt.command, attempt.outputs, attempt.listing, filesystem);
  if (!inputs) return tl::unexpected(inputs.error());
  const bool is_unlisted = attempt.command.assembles_unlisted;
  for (const auto& path : inputs->read) {
    const bool is_known = settled.contains(path) || lies_below_any(path, {attempt.folder});
    if (is_known && !is_unlisted) continue;
    const auto place = attempt.supplied.contains(path) ? *attempt.view->place_of(path) : path;  // where it was read
    const auto digest = digests.digest(place);
    if (!digest) continue;
    if (is_unlisted && hidden.are_in(place, *digest))
      return failure(ErrorCode::kRefused, path + " has .incbin or .include, and what those read " +
                                              attempt.action.argv[0] + " does not tell here");
    if (is_known) continue;
    attestation.inputs.push_back({path, *digest});
    if (may_have_changed(attempt, path, filesystem, digests)) return changed_meanwhile(path);
  }
  for (const auto& path : inputs->missed) {
    if (!settled.contains(path) && !filesystem.stat(path)) attestation.inputs.push_back({path, Digest{}});
  }
  return {};
}

OutcomeClass class_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kRefused: return OutcomeClass::kRefused;
    case ErrorCode::kNotFound: return OutcomeClass::kFailedUnlisted;
    case ErrorCode::kUnavailable: return OutcomeClass::kInputsDiffer;
    default: return OutcomeClass::kInfrastructure;
  }
}

}  // namespace

void look_at_inputs(Attempt& attempt, DigestCache& digests) {
  for (const auto* paths : {&attempt.action.inputs, &attempt.action.changed}) {
    for (const auto& path : *paths) digests.digest(path);
  }
  attempt.launched = digests.begin_moment();
  attempt.launched_realtime_ns = realtime_ns();
}

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

Result<void> collect_modules(Attempt& attempt, const Filesystem& filesystem) {
  const auto& command = attempt.command;
  const bool has_list = attempt.listing || !command.depfile.empty();
  if (!command.makes_modules || attempt.exit.exit_code != 0 || !has_list) return {};
  const auto modules = list_modules(attempt.action, command, attempt.outputs, attempt.listing, filesystem);
  if (!modules) return tl::unexpected(modules.error());
  for (const auto& path : *modules) {
    const bool is_written = std::any_of(attempt.outputs.begin(), attempt.outputs.end(),
                                        [&](const auto& output) { return output.attested.path == path; });
    // One that is not there was written through a link, and is among the outputs by its other name.
    const bool is_left = !is_written && !attempt.supplied.contains(path) && filesystem.stat(path);
    if (!is_left || !lies_below_any(path, attempt.action.view_roots)) continue;
    const std::string copy = attempt.folder + "/module-" + std::to_string(attempt.outputs.size());
    std::error_code failed;
    std::filesystem::copy_file(path, copy, failed);
    if (failed) return failure(ErrorCode::kIo, "cannot read " + path + ", a module that was made: " + failed.message());
    auto output = collect_file(copy, path);
    if (!output) return tl::unexpected(output.error());
    attempt.outputs.push_back(std::move(*output));
  }
  return {};
}

Result<PrivateView> view_for_listing(const Attempt& attempt, MountTable& mounts) {
  namespace fs = std::filesystem;
  const std::string folder = attempt.folder + "/listing";
  std::error_code failed;
  fs::create_directories(folder, failed);
  auto out = PrivateView::prepare(attempt.action.view_roots, folder, {}, mounts);
  if (!out) return out;
  for (const auto& path : attempt.supplied) {
    const std::string from = *attempt.view->place_of(path), to = *out->place_of(path);
    fs::create_directories(fs::path(to).parent_path(), failed);
    fs::create_hard_link(from, to, failed);
    if (failed) return failure(ErrorCode::kIo, "cannot show " + path + " to the run that lists: " + failed.message());
  }
  return out;
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
    outcome.outcome_class = class_of(attested.error().code);
    outcome.reason = attested.error().message;
  }
  for (const auto& output : attempt.outputs) outcome.attestation.outputs.push_back(output.attested);
  return outcome;
}

}  // namespace extfarm

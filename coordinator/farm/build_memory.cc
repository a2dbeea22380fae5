#include "coordinator/farm/build_memory.h"

#include <algorithm>

#include "coordinator/farm/action_record.h"

namespace extfarm {

using freshness::Recorded;

BuildMemory::BuildMemory(const std::string& project_root, const Filesystem& filesystem, DigestCache& digests,
                         records::Records& records, ProcessRunner& runner, ToolchainProbe& probe)
    : records_(records),
      probe_(probe),
      search_folders_(runner),
      filesystem_(filesystem),
      project_root_(project_root),
      judge_(project_root, filesystem, digests) {}

void BuildMemory::restore() {
  records_.for_each_file([&](std::uint32_t id, std::string path, std::string_view content) {
    if (auto version = freshness::decode_version(id, std::move(path), content)) judge_.versions().restore(*version);
  });
  records_.for_each_search([&](std::uint32_t id, const std::string&, std::string_view content) {
    if (auto searched = freshness::decode_search(content)) judge_.searches().restore(id, std::move(*searched));
  });
}

void BuildMemory::begin_build() {
  restore();
  const auto skew = clock_skew_ns(project_root_ + "/.extfarm");  // a file made beside the sources would change their folder
  const auto root = filesystem_.stat(project_root_);
  if (skew && root) judge_.set_clock_skew(root->device, *skew);
  build_ = records_.begin_build();
  fresh_.clear();
}

Judgement BuildMemory::judge(const Action& action, const records::Identity& identity) {
  return judge(action, identity, freshness::fingerprint_of(action));
}

Judgement BuildMemory::judge(const Action& action, const records::Identity& identity, const Digest& fingerprint) {
  Judgement out;
  out.fingerprint = fingerprint;
  if (const auto bytes = records_.published(identity)) {
    auto recorded = freshness::decode_recorded(*bytes);
    const auto known = [&](freshness::VersionId id) { return judge_.versions().knows(id); };
    const auto known_output = [&](const freshness::RecordedOutput& output) { return known(output.version); };
    if (recorded && std::all_of(recorded->inputs.begin(), recorded->inputs.end(), known) &&
        std::all_of(recorded->outputs.begin(), recorded->outputs.end(), known_output)) {
      out.recorded = std::move(*recorded);
    }
  }
  out.verdict = judge_.judge(action, out.fingerprint, out.recorded ? &*out.recorded : nullptr,
                             [&] { return difference(action, identity); });
  return out;
}

std::string BuildMemory::difference(const Action& action, const records::Identity& identity) {
  const auto text = records_.command(identity);
  const auto before = text ? action_from(*text) : std::nullopt;
  if (!before) return "its command changed";
  const auto old_parts = components_from(records_.toolchain(before->toolchain_digest).value_or("[]"));
  const auto now = probe_.probe(action.toolchain);
  return freshness::difference(*before, action, old_parts, now ? now->components : std::vector<ToolchainComponent>{});
}

void BuildMemory::note(const Action& action, const records::Identity& identity, const freshness::Verdict& verdict,
                       bool is_restored) {
  if (verdict.fresh) {
    note_fresh(identity);
    return;
  }
  records_.set_verdict(identity, {build_, verdict.reason, is_restored});
  if (records_.command(identity)) return;
  // Also what never succeeds shall be found by name.
  std::vector<std::string> names = action.outputs;
  names.insert(names.end(), action.inputs.begin(), action.inputs.end());
  if (!action.group.empty()) names.push_back(action.group);
  records_.set_command(identity, text_of(action), names);
}

bool BuildMemory::would_repeat(const Action& action, const Digest& fingerprint, const Attestation& result,
                               const std::vector<std::uint64_t>& bystanders) {
  return judge_.would_repeat(action, fingerprint, result, search_folders_.folders_of(action), bystanders);
}

Recorded BuildMemory::record(const Action& action, const records::Identity& identity, const Attestation& attestation,
                             const std::string& stdout_bytes, const std::string& stderr_bytes,
                             std::int64_t started_ns) {
  forget(attestation);
  Recorded recorded = judge_.witness(action, freshness::fingerprint_of(action), attestation,
                                     search_folders_.folders_of(action), started_ns);
  recorded.stdout_bytes = stdout_bytes;
  recorded.stderr_bytes = stderr_bytes;
  save();  // the versions before what refers to them
  records_.set_published(identity, freshness::encode(recorded));
  std::vector<std::string> names = action.inputs;
  for (const auto& output : attestation.outputs) names.push_back(output.path);
  if (!action.group.empty()) names.push_back(action.group);
  records_.set_command(identity, text_of(action), names);
  if (!records_.toolchain(action.toolchain_digest)) {
    if (const auto toolchain = probe_.probe(action.toolchain))
      records_.set_toolchain(action.toolchain_digest, text_of(toolchain->components));
  }
  return recorded;
}

void BuildMemory::forget(const Attestation& attestation) {
  for (const auto& output : attestation.outputs) judge_.forget(output.path);
}

Attestation BuildMemory::attestation_of(const Recorded& recorded) const {
  Attestation out;
  const auto& versions = judge_.versions();
  for (const auto id : recorded.inputs) out.inputs.push_back({std::string(versions.path(id)), versions.digest(id)});
  for (const auto& output : recorded.outputs) {
    out.outputs.push_back({std::string(versions.path(output.version)), output.kind, output.mode, output.size_bytes,
                           versions.digest(output.version), output.link_target});
  }
  return out;
}

std::vector<freshness::WatchList::Number> BuildMemory::watch(const Action& action, const Recorded& recorded,
                                                             freshness::WatchList& list) {
  std::vector<freshness::WatchList::Number> out;
  if (!judge_.watch(action, recorded, list, out)) return {};
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

bool BuildMemory::has_made(const Recorded& recorded, const std::vector<std::string>& paths) {
  const auto& versions = judge_.versions();
  return std::all_of(paths.begin(), paths.end(), [&](const std::string& path) {
    return std::any_of(recorded.outputs.begin(), recorded.outputs.end(),
                       [&](const auto& output) { return versions.path(output.version) == path; });
  });
}

void BuildMemory::save() {
  for (const auto& version : judge_.versions().take_unsaved())
    records_.set_file(version.id, version.path, freshness::encode(version));
  for (const auto& [id, searched] : judge_.searches().take_unsaved()) records_.set_search(id, freshness::encode(searched));
}

void BuildMemory::end_build() {
  if (build_ == 0) return;  // nothing was asked
  save();
  records_.set_fresh(build_, fresh_);
  records_.flush();
}

}  // namespace extfarm

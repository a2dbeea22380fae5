#include "coordinator/artifacts/artifacts.h"

#include <algorithm>
#include <filesystem>

#include "coordinator/artifacts/place.h"
#include "coordinator/artifacts/staging.h"

namespace extfarm::artifacts {
namespace {

namespace fs = std::filesystem;

// Strictly: a folder does not lie below itself.
bool lies_below(const fs::path& path, const fs::path& folder) {
  const auto relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != ".." && relative != ".";
}

// Where the symlink leads, once it is made; a later step would write through it.
bool leads_within(const AttestedOutput& link, const std::vector<std::string>& real_roots) {
  std::error_code failed;
  const auto parent = fs::weakly_canonical(fs::path(link.path).parent_path(), failed);
  if (failed || link.link_target.empty() || link.link_target.find('\0') != std::string::npos) return false;
  const auto target = fs::weakly_canonical(parent / link.link_target, failed);
  return !failed && lies_within(target.string(), real_roots);
}

}  // namespace

Result<void> check_inputs(const Attestation& attestation, DigestCache& digests) {
  const auto is_same = [&](const AttestedInput& input) {
    return digests.digest(input.path).value_or(Digest{}) == input.digest;
  };
  for (const auto& input : attestation.inputs) {
    if (is_same(input)) continue;
    digests.forget(input.path);
    if (is_same(input)) continue;
    return failure(ErrorCode::kRefused, input.path +
                                            " differs between that host and this one (a stale cache, " +
                                            "or another version of it)");
  }
  return {};
}

Result<void> check_outputs(const Attestation& attestation, const std::vector<std::string>& view_roots) {
  const auto real_roots = resolved(view_roots);
  for (const auto& output : attestation.outputs) {
    const fs::path path = output.path;
    if (path.is_relative()) return refusal(output.path, "is a relative path");
    const bool is_plain =
        path == path.lexically_normal() && path.has_filename() && output.path.find('\0') == std::string::npos;
    std::error_code failed;
    const fs::path real =
        is_plain ? fs::weakly_canonical(path.parent_path(), failed) / path.filename() : path;
    const bool is_inside = is_plain && !failed &&
                           std::any_of(view_roots.begin(), view_roots.end(), [&](const std::string& root) {
                             const auto real_root = fs::weakly_canonical(root, failed);
                             return !failed && lies_below(path, root) && lies_below(real, real_root);
                           });
    if (!is_inside) return refusal(output.path, "lies outside the build's folders");
    if ((output.mode & 06000) != 0) return refusal(output.path, "is setuid or setgid");
    if (output.kind == OutputKind::kSymlink && !leads_within(output, real_roots))
      return refusal(output.path, "is a symlink that leads outside the build's folders");
  }
  return {};
}

Result<void> publish(const Attestation& attestation, const std::vector<std::string>& contents,
                     const std::vector<std::string>& view_roots) {
  const auto& outputs = attestation.outputs;
  if (contents.size() != outputs.size()) {
    return failure(ErrorCode::kRefused, "a result of " + std::to_string(outputs.size()) +
                                            " outputs came with " + std::to_string(contents.size()) +
                                            " contents");
  }
  Staging staging(attestation, view_roots);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].kind != OutputKind::kFile) continue;
    if (auto added = staging.add(i, contents[i]); !added) return added;
  }
  return staging.publish();
}

}  // namespace extfarm::artifacts

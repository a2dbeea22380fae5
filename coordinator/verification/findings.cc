#include "coordinator/verification/findings.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/system/filesystem.h"

namespace extfarm::verification {
namespace {

constexpr const char* kDiffersAnyway = "differs between two plain builds too";
constexpr const char* kKeptApart = "an extension's own object; a plain build has the next extension overwrite it";

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kFile: return "file";
    case Kind::kFolder: return "folder";
    case Kind::kLink: return "link";
    case Kind::kNone: break;
  }
  return "nothing";
}

// "extfarm/NAME/" taken out of a path; empty when it has none.
std::string without_own_folder(const std::string& path) {
  constexpr std::string_view kFolder = "/extfarm/";
  const auto at = path.find(kFolder);
  if (at == std::string::npos) return {};
  const auto end = path.find('/', at + kFolder.size());
  return end == std::string::npos ? path.substr(0, at) : path.substr(0, at) + path.substr(end);
}

Result<Explanation> explain_file(const std::string& path, const std::string& plain_top, const std::string& farmed_top,
                                 const Evidence& evidence) {
  const PosixFilesystem files;
  const auto plain = files.read(plain_top + "/" + path), farmed = files.read(farmed_top + "/" + path);
  if (!plain) return tl::unexpected(plain.error());
  if (!farmed) return tl::unexpected(farmed.error());
  return explain_bytes(path, *plain, *farmed, evidence);
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

Result<Evidence> evidence_of(const std::vector<Difference>& differences, const std::string& plain_top,
                             const std::string& farmed_top, Period plain, Period farmed) {
  Evidence out{plain, farmed, {}};
  const PosixFilesystem files;
  for (const auto& difference : differences) {
    if (!difference.path.ends_with(".gcno")) continue;
    const auto left = coverage_stamp(files.read(plain_top + "/" + difference.path).value_or("")),
               right = coverage_stamp(files.read(farmed_top + "/" + difference.path).value_or(""));
    if (!left.empty() && !right.empty()) out.coverage_stamps.emplace_back(left, right);
  }
  return out;
}

// What can be said without reading a byte; nullopt when bytes have to tell.
std::optional<Finding> judge_entry(const BuiltTree& tree, const Difference& difference) {
  const Entry &plain = difference.plain, &farmed = difference.farmed;
  if (plain.kind == Kind::kNone) {
    const auto elsewhere = without_own_folder(difference.path);
    const bool is_apart = !elsewhere.empty() && tree.plain.contains(elsewhere);
    return Finding{difference, tree.path, is_apart ? kKeptApart : "only the farmed build has it", is_apart};
  }
  if (farmed.kind == Kind::kNone) return Finding{difference, tree.path, "only the plain build has it", false};
  if (plain.kind != farmed.kind)
    return Finding{difference, tree.path, fmt::format("a {} and a {}", name_of(plain.kind), name_of(farmed.kind)), false};
  if (plain.mode != farmed.mode)
    return Finding{difference, tree.path, fmt::format("modes {:o} and {:o}", plain.mode, farmed.mode), false};
  if (plain.target != farmed.target)
    return Finding{difference, tree.path, "links to " + plain.target + " and to " + farmed.target, false};
  return std::nullopt;
}

// The findings that are known, or those that are not, below a title; empty when
// there are none.  Objects kept apart are hundreds in numpy and all alike: the first stands for them.
std::string lines_of(const std::vector<Finding>& findings, bool known) {
  const auto is_apart = [](const Finding& finding) { return finding.is_known && finding.cause == kKeptApart; };
  const auto apart_count = std::count_if(findings.begin(), findings.end(), is_apart);
  std::string out;
  bool has_shown_apart = false;
  for (const auto& finding : findings) {
    if (finding.is_known != known || (is_apart(finding) && has_shown_apart)) continue;
    if (out.empty()) out = known ? "\nDifferences with a known cause\n" : "\nDifferences that nothing explains\n";
    out += fmt::format("  {:<56}  {}", finding.difference.path, finding.cause);
    if (is_apart(finding) && apart_count > 1) out += fmt::format(" ({} more like it)", apart_count - 1);
    has_shown_apart |= is_apart(finding);
    out += '\n';
  }
  return out;
}

}  // namespace

Result<std::vector<Finding>> find_differences(const BuiltTree& tree, Period plain, Period farmed) {
  const auto differences = differences_between(tree.plain_top, tree.plain, tree.farmed_top, tree.farmed);
  if (!differences) return tl::unexpected(differences.error());
  const auto evidence = evidence_of(*differences, tree.plain_top, tree.farmed_top, plain, farmed);
  std::vector<Finding> out;
  std::vector<std::size_t> followers;
  bool something_to_follow = false;
  for (const auto& difference : *differences) {
    if (auto judged = judge_entry(tree, difference)) {
      out.push_back(std::move(*judged));
      continue;
    }
    const auto why = explain_file(difference.path, tree.plain_top, tree.farmed_top, *evidence);
    if (!why) return tl::unexpected(why.error());
    Finding finding{difference, tree.path, joined(why->causes), !why->causes.empty()};
    if (!finding.is_known) finding.cause = fmt::format("differs from byte {} on", why->first_unexplained);
    if (why->follows_only) followers.push_back(out.size());
    something_to_follow |= finding.is_known && !why->follows_only;
    out.push_back(std::move(finding));
  }
  for (const auto index : followers) {
    out[index].is_known = something_to_follow;
    out[index].cause = something_to_follow ? std::string(kBuildId) + " that follows from the files above"
                                           : std::string(kBuildId) + ", and nothing else differs";
  }
  return out;
}

Result<void> ask_second_plain(std::vector<Finding>& findings, const BuiltTree& tree, Period plain,
                              const std::string& second_top, const Listing& second, Period second_plain) {
  BuiltTree pair{tree.path, tree.plain_top, second_top, tree.before, tree.plain, second};
  const auto between_plain = find_differences(pair, plain, second_plain);
  if (!between_plain) return tl::unexpected(between_plain.error());
  for (auto& finding : findings) {
    if (finding.is_known || finding.top != tree.path) continue;
    const bool differs_anyway =
        std::any_of(between_plain->begin(), between_plain->end(), [&](const Finding& other) {
          return !other.is_known && other.difference.path == finding.difference.path;
        });
    if (!differs_anyway) continue;
    finding.is_known = true;
    finding.cause = kDiffersAnyway;
  }
  return {};
}

bool has_unknown(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) { return !finding.is_known; });
}

std::string report(const std::vector<Finding>& findings, const Figures& figures) {
  const auto known = static_cast<std::uint64_t>(
      std::count_if(findings.begin(), findings.end(), [](const Finding& finding) { return finding.is_known; }));
  std::string out = fmt::format("\nextfarm verify: {}\n", figures.command);
  out += fmt::format("  plain build    {:8.1f} s  {:6} files written\n", figures.plain_seconds, figures.plain_written);
  out += fmt::format("  farmed build   {:8.1f} s  {:6} files written\n", figures.farmed_seconds, figures.farmed_written);
  out += fmt::format("  identical      {:10}\n  known causes   {:10}\n  unexplained    {:10}\n", figures.identical, known,
                     findings.size() - known);
  out += lines_of(findings, true) + lines_of(findings, false);
  if (has_unknown(findings)) {
    out += figures.asked_second_plain ? "\nNot the same. Two plain builds are alike where this one is not.\n"
                                      : "\nNot the same.\n";
  } else if (figures.plain_written + figures.farmed_written == 0) {
    out += "\nThe command wrote no file, so nothing was compared. Clean the tree and try again.\n";
  } else {
    out += findings.empty() ? "\nThe same, to the byte.\n" : "\nThe same, but for known causes.\n";
  }
  return out;
}

}  // namespace extfarm::verification

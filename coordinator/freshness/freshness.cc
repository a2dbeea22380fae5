#include "coordinator/freshness/freshness.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

namespace extfarm::freshness {
namespace {

// The digest of no file: what is recorded with it has changed, whatever is there.
constexpr Digest kNobodyKnows = [] {
  Digest out;
  out.bytes.fill(0xff);
  return out;
}();

std::string_view folder_of(std::string_view path) { return path.substr(0, path.rfind('/')); }
std::string_view file_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Of an earlier result: no file that lies here now was there, those that were are its bystanders; and the answers to its
// questions are among its inputs.
constexpr std::int64_t kBeforeAllFiles = 0;

bool is_systems(std::string_view path) {
  static constexpr std::string_view kFolders[] = {"/usr/include", "/usr/lib", "/usr/local/include"};
  return std::any_of(std::begin(kFolders), std::end(kFolders), [&](std::string_view folder) {
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
  });
}

// Search order of a compile: beside the including files first.  System headers
// name each other by what the system's folders hold, so those are not beside.
SearchFolders with_folders_beside(const Action& action, const Attestation& attestation,
                                  const std::vector<std::string>& search_folders) {
  SearchFolders out;
  if (action.kind == ActionKind::kCompile) {
    std::set<std::string_view> folders;
    for (const auto& input : attestation.inputs) folders.insert(folder_of(input.path));
    for (const auto folder : folders) {
      if (!is_systems(folder)) out.folders.emplace_back(folder);
    }
  }
  out.beside_count = static_cast<std::uint32_t>(out.folders.size());
  out.folders.insert(out.folders.end(), search_folders.begin(), search_folders.end());
  // Fortran's own modules lie in the last folder of all, which no driver names.
  for (const auto& input : attestation.inputs) {
    if (!input.path.ends_with(".mod") || !is_systems(input.path)) continue;
    const std::string folder(folder_of(input.path));
    if (std::find(out.folders.begin(), out.folders.end(), folder) == out.folders.end()) out.folders.push_back(folder);
  }
  return out;
}

}  // namespace

std::string Judge::shown(std::string_view path) const {
  const bool is_below = path.size() > root_.size() + 1 && path.starts_with(root_) && path[root_.size()] == '/';
  return std::string(is_below ? path.substr(root_.size() + 1) : path);
}

bool Judge::is_accounted_for(const std::string& path, const Recorded& recorded) const {
  const auto index = versions_.known_index(path);
  if (!index) return false;
  const auto has_path = [&](VersionId id) { return versions_.path_index(id) == *index; };
  return std::any_of(recorded.inputs.begin(), recorded.inputs.end(), has_path) ||
         std::any_of(recorded.outputs.begin(), recorded.outputs.end(),
                     [&](const RecordedOutput& output) { return has_path(output.version); });
}

// Why the inputs call for a run; empty when they do not.
std::string Judge::reason_in_inputs(const Action& action, const Recorded& recorded) {
  for (const VersionId id : recorded.inputs) {
    switch (versions_.state(id)) {
      case FileVersions::State::kSame: continue;
      case FileVersions::State::kGone: return shown(versions_.path(id)) + " is gone";
      case FileVersions::State::kAppeared:
        return "the new file " + shown(versions_.path(id)) + " was looked for";
      default: return shown(versions_.path(id)) + " changed";
    }
  }
  for (const auto& path : action.inputs) {  // declared, but unseen when the result was made
    if (!is_accounted_for(path, recorded) && filesystem_.stat(path))
      return shown(path) + " was not an input of the last run";
  }
  return {};
}

std::vector<std::string> Judge::changed_inputs(const Recorded& recorded) {
  std::vector<std::string> out;
  for (const VersionId id : recorded.inputs) {
    const auto state = versions_.state(id);
    if (state != FileVersions::State::kSame && state != FileVersions::State::kGone) out.emplace_back(versions_.path(id));
  }
  return out;
}

const IncludeLines& Judge::includes_of(const Action& action, VersionId id) {
  const std::string path(versions_.path(id));
  const auto read = [&](IncludeLines& out) -> const IncludeLines& {
    const auto text = filesystem_.read(path);
    out = text ? read_include_lines(*text) : IncludeLines{};
    if (!text) out.has_computed = true;
    return out;
  };
  if (std::find(action.inputs.begin(), action.inputs.end(), path) != action.inputs.end()) {
    auto& [known, includes] = includes_of_source_;
    return std::exchange(known, id) == id ? includes : read(includes);
  }
  const auto [it, is_new] = includes_.try_emplace(id);
  return is_new ? read(it->second) : it->second;
}

bool Judge::is_reached(const Action& action, const Recorded& recorded, const Earlier& earlier) {
  if (action.kind != ActionKind::kCompile) return true;
  if (includes_by_option(action.argv)) return true;
  const auto& searched = searches_.searched(recorded.search);
  const auto path_begin = searched.folders.begin() + searched.beside_count;
  const bool is_on_path = std::find(path_begin, searched.folders.end(), earlier.folder) != searched.folders.end();
  bool is_named = false;
  for (const VersionId id : recorded.inputs) {
    if (versions_.digest(id).is_zero()) continue;
    const auto& includes = includes_of(action, id);
    const std::string beside(folder_of(versions_.path(id)));
    if (includes.has_computed && (is_on_path || beside == earlier.folder)) return true;
    for (const auto& line : includes.lines) {
      is_named = is_named || file_of(line.name) == file_of(earlier.name);
      if (line.name != earlier.name) continue;
      if (line.is_quoted && beside == earlier.folder) return true;
      if (is_on_path && !(line.is_quoted && searches_.exists(beside, line.name))) return true;
    }
  }
  return !is_named;  // read in another way: .incbin, Fortran's include and modules
}

std::string Judge::reason_in_search(const Action& action, const Recorded& recorded) {
  if (recorded.search == 0 || !searches_.knows(recorded.search)) return {};
  const auto& bystanders = recorded.bystanders;
  for (const VersionId id : recorded.inputs) {
    if (versions_.digest(id).is_zero()) continue;
    for (const auto& earlier :
         searches_.earlier_than(recorded.search, versions_.path(id), versions_.path_index(id))) {
      const auto path = earlier.path();
      if (std::find(bystanders.begin(), bystanders.end(), path_hash(path)) != bystanders.end()) continue;
      if (!is_accounted_for(path, recorded) && is_reached(action, recorded, earlier))
        return "the new file " + shown(path) + " comes before " + shown(versions_.path(id));
    }
  }
  return {};
}

std::string Judge::reason_in_outputs(const Recorded& recorded) {
  for (const auto& output : recorded.outputs) {
    if (output.kind == OutputKind::kRemoved) continue;
    const std::string path(versions_.path(output.version));
    const std::string gone = "its output " + shown(path) + " is gone";
    const std::string changed = "its output " + shown(path) + " was changed";
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0) return gone;
    if (output.kind == OutputKind::kFile) {
      if (!S_ISREG(st.st_mode) || versions_.state(output.version) != FileVersions::State::kSame) return changed;
      continue;
    }
    if (output.kind == OutputKind::kFolder) {
      if (!S_ISDIR(st.st_mode)) return changed;
      continue;
    }
    std::error_code failed;
    const auto target = std::filesystem::read_symlink(path, failed);
    if (failed || target.native() != output.link_target) return changed;
  }
  return {};
}

Verdict Judge::judge(const Action& action, const Digest& fingerprint, const Recorded* recorded,
                     const std::function<std::string()>& difference) {
  if (recorded == nullptr) return {false, "it was never built"};
  if (recorded->fingerprint != fingerprint) return {false, difference(), changed_inputs(*recorded)};
  auto reason = reason_in_inputs(action, *recorded);
  if (reason.empty()) reason = reason_in_search(action, *recorded);
  if (reason.empty()) reason = reason_in_outputs(*recorded);
  if (reason.empty()) return {true, "up to date"};
  return {false, std::move(reason), changed_inputs(*recorded)};
}

bool Judge::watch(const Action& action, const Recorded& recorded, WatchList& list,
                  std::vector<WatchList::Number>& numbers) {
  const auto add = [&](VersionId id) {
    const auto known = list.number_of(id);
    numbers.push_back(known ? *known : list.add_version(id, versions_.path(id), versions_.stamp(id)));
  };
  for (const VersionId id : recorded.inputs) add(id);
  for (const auto& output : recorded.outputs) {
    if (output.kind == OutputKind::kRemoved) continue;
    if (output.kind != OutputKind::kFile) return false;
    add(output.version);
  }
  for (const auto& path : action.inputs) {  // declared, and not there
    if (!is_accounted_for(path, recorded)) numbers.push_back(list.add_file(path, std::nullopt));
  }
  return true;
}

// The answers to __has_include: what it finds is an input, for it must stay; where it finds nothing, each
// place is an input that is not there.  What the system's own headers ask is left out.
void Judge::add_questions(const Action& action, Recorded& recorded, std::int64_t started_ns) {
  const auto& searched = searches_.searched(recorded.search);
  std::vector<VersionId> answers;
  const auto ask = [&](const IncludeLine& line, std::string_view beside) {
    std::vector<std::string> places(searched.folders.begin() + searched.beside_count, searched.folders.end());
    if (line.is_quoted) places.insert(places.begin(), std::string(beside));
    for (const auto& place : places) {
      const std::string path = place + "/" + line.name;
      const auto stamp = searches_.exists(place, line.name) ? versions_.stamp_now(path) : std::nullopt;
      const bool is_found = stamp && stamp->is_regular;
      if (is_found && is_accounted_for(path, recorded)) break;
      const bool is_new = is_found && was_written_since(*stamp, started_ns);
      answers.push_back(versions_.intern(path, is_new ? kNobodyKnows : is_found ? versions_.digest_now(path) : Digest{}));
      if (is_found) break;
    }
  };
  std::vector<VersionId> own;
  std::copy_if(recorded.inputs.begin(), recorded.inputs.end(), std::back_inserter(own), [&](VersionId id) {
    return !versions_.digest(id).is_zero() && !is_systems(versions_.path(id));
  });
  std::vector<std::string_view> asking_by_macro;  // the folders of those that do
  for (const VersionId id : own) {
    const auto beside = folder_of(versions_.path(id));
    const auto& includes = includes_of(action, id);
    for (const auto& line : includes.lines) {
      if (line.is_question) ask(line, beside);
    }
    if (includes.has_computed_question) asking_by_macro.push_back(beside);
  }
  if (!asking_by_macro.empty()) {
    auto defined = defined_names(action.argv);
    for (const VersionId id : own) {
      const auto& more = includes_of(action, id).defined;
      defined.insert(defined.end(), more.begin(), more.end());
    }
    for (const auto beside : asking_by_macro) {
      for (const auto& line : defined) ask(line, beside);
    }
  }
  recorded.inputs.insert(recorded.inputs.end(), answers.begin(), answers.end());
  std::sort(recorded.inputs.begin(), recorded.inputs.end());
  recorded.inputs.erase(std::unique(recorded.inputs.begin(), recorded.inputs.end()), recorded.inputs.end());
}

// A digest is taken after the command has read the file: one that was written
// in between may have had other bytes when it was read.
bool Judge::was_written_since(const FileStamp& stamp, std::int64_t started_ns) const {
  const auto skew_ns = stamp.device == skew_device_ ? skew_ns_ : 0;
  return std::max(stamp.mtime_ns, stamp.ctime_ns) >= started_ns + skew_ns;
}

Recorded Judge::witness(const Action& action, const Digest& fingerprint, const Attestation& attestation,
                        const std::vector<std::string>& search_folders, std::int64_t started_ns) {
  Attestation known = attestation;
  const auto is_pinned = [&](const AttestedInput& input) {  // this build made it, before the command ran
    return std::any_of(action.pinned.begin(), action.pinned.end(), [&](const auto& pinned) {
      return pinned.path == input.path && pinned.digest == input.digest;
    });
  };
  for (auto& input : known.inputs) {
    if (is_pinned(input)) continue;
    const auto stamp = versions_.stamp_now(input.path);
    if (stamp && was_written_since(*stamp, started_ns)) input.digest = kNobodyKnows;
  }
  return as_attested(action, fingerprint, known, search_folders, started_ns);
}

Recorded Judge::as_attested(const Action& action, const Digest& fingerprint, const Attestation& attestation,
                            const std::vector<std::string>& search_folders, std::int64_t started_ns) {
  Recorded out;
  out.fingerprint = fingerprint;
  for (const auto& input : attestation.inputs) out.inputs.push_back(versions_.intern(input.path, input.digest));
  // Bytes that came to the worker in a message are not attested; they are this host's own.
  for (const auto& pinned : action.pinned) out.inputs.push_back(versions_.intern(pinned.path, pinned.digest));
  std::sort(out.inputs.begin(), out.inputs.end());
  out.inputs.erase(std::unique(out.inputs.begin(), out.inputs.end()), out.inputs.end());
  for (const auto& output : attestation.outputs) {
    out.outputs.push_back({versions_.intern(output.path, output.digest), output.kind, output.mode, output.size_bytes,
                           output.link_target});
  }
  if (search_folders.empty() && action.kind != ActionKind::kCompile) return out;
  out.search = searches_.intern(with_folders_beside(action, attestation, search_folders));
  if (action.kind == ActionKind::kCompile && started_ns != kBeforeAllFiles) add_questions(action, out, started_ns);
  for (const VersionId id : out.inputs) {
    if (versions_.digest(id).is_zero()) continue;
    for (const auto& earlier : searches_.earlier_than(out.search, versions_.path(id), versions_.path_index(id))) {
      const auto path = earlier.path();
      const auto stamp = versions_.stamp_now(path);
      // It may have come after the command had looked: then the next build shall look again.
      if (stamp && was_written_since(*stamp, started_ns) && !is_accounted_for(path, out)) continue;
      out.bystanders.push_back(path_hash(path));
    }
  }
  std::sort(out.bystanders.begin(), out.bystanders.end());
  out.bystanders.erase(std::unique(out.bystanders.begin(), out.bystanders.end()), out.bystanders.end());
  return out;
}

bool Judge::would_repeat(const Action& action, const Digest& fingerprint, const Attestation& result,
                         const std::vector<std::string>& search_folders,
                         const std::vector<std::uint64_t>& bystanders) {
  for (const auto& input : result.inputs) {
    if (versions_.digest_now(input.path) != input.digest) return false;
  }
  Recorded then = as_attested(action, fingerprint, result, search_folders, kBeforeAllFiles);
  then.bystanders = bystanders;
  return reason_in_inputs(action, then).empty() && reason_in_search(action, then).empty();
}

std::string Judge::written_meanwhile(const Recorded& recorded) const {
  for (const VersionId id : recorded.inputs) {
    if (versions_.digest(id) == kNobodyKnows) return shown(versions_.path(id));
  }
  return {};
}

void Judge::look_again() {
  versions_.look_again();
  searches_.look_again();
}

void Judge::forget(const std::string& path) {
  versions_.forget(path);
  searches_.forget(path);
}

}  // namespace extfarm::freshness

// Below the store's folder (SharedFolder has the rule for access rights):
//
//   objects/ab/<digest>   the content of an output; ab are the first two hex digits
//   results/ab/<key>      the results of the command with that key, newest
//                         first, as text (stored_result.cc)
//   tmp/<host>-<pid>-<n>  a file before it is renamed to its place
//   sums                  seconds since 1970 and bytes: the last listing's, then what each build added
//
// Objects and results are single zstd frames with content size and checksum
// (zstdcat shows them).  An object's content must also have its name's digest,
// the results their command's key.  Nothing is synced to the disk: what a
// crash of the host cuts short fails these checks and is removed.
//
// But for the sums, files are never changed, only replaced or removed:
//   - Two processes that add results of one command at once both read, then
//     both replace; one of the results may be lost and will be built again.
//   - A result may name an object that was removed since.  content() says so.
//   - A file that somebody else removed first is removed.
//   - Of two that remove a damaged file, the later may remove its successor.
//
// The mtime of a file is the last time it was used, give or take
// StorePolicy::use_is_recorded_after.
#include "coordinator/store/store.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "coordinator/store/compression.h"

namespace extfarm::store {
namespace {

std::string name_in(const char* part, const Digest& digest) {
  const std::string hex = to_hex(digest);
  return std::string(part) + "/" + hex.substr(0, 2) + "/" + hex;
}
std::string object_name(const Digest& digest) { return name_in("objects", digest); }
std::string results_name(const Digest& key) { return name_in("results", key); }

constexpr const char* kSums = "sums";
constexpr std::uint64_t kLongestSums = 1 << 16;  // some thousand builds

std::int64_t now_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}
std::string sum_line(std::uint64_t bytes) { return std::to_string(now_seconds()) + " " + std::to_string(bytes) + "\n"; }

Result<void> check_contents(const StoredResult& result, const std::vector<std::string>& contents) {
  if (contents.size() != result.outputs.size()) {
    return failure(ErrorCode::kInvalid, "a result of " + std::to_string(result.outputs.size()) +
                                            " outputs was to be stored with " +
                                            std::to_string(contents.size()) + " contents");
  }
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const auto& output = result.outputs[i];
    if (output.kind != OutputKind::kFile) continue;
    if (contents[i].size() != output.size_bytes || digest_of(contents[i]) != output.digest)
      return failure(ErrorCode::kInvalid, "the content of " + output.path + " is not what its result says");
  }
  return {};
}

bool writes_more_than(std::uint64_t largest_bytes, const StoredResult& result) {
  return std::any_of(result.outputs.begin(), result.outputs.end(), [&](const AttestedOutput& output) {
    return output.kind == OutputKind::kFile && output.size_bytes > largest_bytes;
  });
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::string& folder, std::uint64_t limit_bytes,
                                           const StorePolicy& policy) {
  auto opened = SharedFolder::open(folder, {"objects", "results", "tmp"});
  if (!opened) return tl::unexpected(opened.error());
  return std::unique_ptr<Store>(new Store(std::move(*opened), limit_bytes, policy));
}

std::vector<StoredResult> Store::results(const Digest& command_key) {
  const std::string name = results_name(command_key);
  const auto frame = folder_.read(name, longest_frame_bytes(policy_.largest_results_bytes));
  if (!frame && frame.error().code == ErrorCode::kNotFound) return {};
  auto text = frame.and_then(
      [&](const std::string& bytes) { return decompress(bytes, policy_.largest_results_bytes); });
  auto read = text.and_then([&](const std::string& json) { return results_from(json, command_key); });
  if (!read) {
    ++counts_.results_unreadable;
    if (read.error().code == ErrorCode::kMalformed) static_cast<void>(folder_.remove(name));
    return {};
  }
  folder_.note_use(name, policy_.use_is_recorded_after);
  return std::move(*read);
}

tl::unexpected<Error> Store::poisoned(const std::string& name, const std::string& why) {
  ++counts_.objects_poisoned;
  static_cast<void>(folder_.remove(name));  // what stays is found again next time
  return failure(ErrorCode::kMalformed,
                 "removed the damaged " + folder_.path() + "/" + name + " (" + why + "); it is built again");
}

Result<std::string> Store::content(const Digest& digest, std::uint64_t size_bytes) {
  const std::string name = object_name(digest);
  if (size_bytes > policy_.largest_output_bytes)
    return failure(ErrorCode::kNotFound, name + " would be larger than what is stored");
  auto frame = folder_.read(name, longest_frame_bytes(size_bytes));
  if (!frame && frame.error().code == ErrorCode::kMalformed) return poisoned(name, frame.error().message);
  if (!frame) return frame;
  auto bytes = decompress(*frame, size_bytes);
  if (!bytes) return poisoned(name, bytes.error().message);
  if (bytes->size() != size_bytes || digest_of(*bytes) != digest)
    return poisoned(name, "its content is another's");
  folder_.note_use(name, policy_.use_is_recorded_after);
  return bytes;
}

std::string Store::text_that_fits(const Digest& command_key, std::vector<StoredResult> results) const {
  if (results.size() > policy_.most_results_per_command) results.resize(policy_.most_results_per_command);
  for (; !results.empty(); results.pop_back()) {
    std::string text = text_of(command_key, results);
    if (text.size() <= policy_.largest_results_bytes) return text;
  }
  return "";
}

Result<void> Store::add(const Digest& command_key, const StoredResult& result,
                        const std::vector<std::string>& contents) {
  if (auto agree = check_contents(result, contents); !agree) return agree;
  std::vector<StoredResult> all = results(command_key);
  all.erase(std::remove_if(all.begin(), all.end(),
                           [&](const StoredResult& old) { return have_equal_inputs(old, result); }),
            all.end());
  all.insert(all.begin(), result);
  const std::string text = text_that_fits(command_key, std::move(all));
  if (text.empty() || writes_more_than(policy_.largest_output_bytes, result)) {
    ++counts_.results_too_large;
    return {};
  }
  Staging staging(folder_);  // the result last: whoever finds it finds its contents
  const auto stage = [&](const std::string& name, const std::string& bytes) {
    return compress(bytes, policy_.compression_level).and_then([&](const std::string& frame) {
      added_bytes_ += frame.size();
      return staging.add(name, frame);
    });
  };
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const auto& output = result.outputs[i];
    if (output.kind != OutputKind::kFile) continue;
    const std::string name = object_name(output.digest);
    if (folder_.note_use(name, policy_.use_is_recorded_after)) continue;
    if (auto added = stage(name, contents[i]); !added) return added;
  }
  if (auto added = stage(results_name(command_key), text); !added) return added;
  return staging.publish();
}

void Store::remove_dead_temporaries() {
  std::vector<std::string> dead;
  static_cast<void>(folder_.list("tmp", 0, [&](const SharedFolder::Found& file) {
    if (SharedFolder::age_seconds(file.mtime_ns) > policy_.temporary_is_dead_after.count()) dead.push_back(file.name);
  }));
  for (const auto& name : dead) {
    if (folder_.remove(name)) ++counts_.temporaries_removed;
  }
}

Result<void> Store::trim() {
  remove_dead_temporaries();
  std::deque<Stored> found;
  std::uint64_t total_bytes = 0;
  for (const bool is_result : {false, true}) {
    const auto listed = folder_.list(is_result ? "results" : "objects", 1, [&](const SharedFolder::Found& file) {
      const auto digest = digest_from_hex(std::string_view(file.name).substr(file.name.rfind('/') + 1));
      if (!digest) return;  // somebody's own files in the folder stay
      found.push_back({file.mtime_ns, is_result, *digest, file.size_bytes});
      total_bytes += file.size_bytes;
    });
    if (!listed) return listed;
  }
  const auto outcome = remove_oldest(found, total_bytes);
  added_bytes_ = 0;
  Staging sums(folder_);  // that they cannot be written costs the next build a listing
  if (sums.add(kSums, sum_line(total_bytes))) static_cast<void>(sums.publish());
  return outcome;
}

Result<void> Store::remove_oldest(std::deque<Stored>& found, std::uint64_t& total_bytes) {
  if (total_bytes <= limit_bytes_) return {};

  std::sort(found.begin(), found.end());
  const std::uint64_t goal_bytes = limit_bytes_ / 100 * policy_.trimmed_to_percent;
  Result<void> outcome;
  for (const auto& file : found) {
    if (total_bytes <= goal_bytes) break;
    if (auto removed = folder_.remove(file.is_result ? results_name(file.digest) : object_name(file.digest)); !removed) {
      if (outcome) outcome = removed;
      continue;
    }
    total_bytes -= file.size_bytes;
    counts_.bytes_removed += file.size_bytes;
    ++(file.is_result ? counts_.results_removed : counts_.objects_removed);
  }
  return total_bytes <= limit_bytes_ ? Result<void>{} : outcome;
}

std::optional<std::uint64_t> Store::most_bytes_there() const {
  const auto text = folder_.read(kSums, kLongestSums);
  if (!text) return std::nullopt;
  std::istringstream lines(*text);
  std::uint64_t total_bytes = 0;
  std::int64_t first_seconds = 0, seconds = 0;
  for (std::uint64_t bytes = 0; lines >> seconds >> bytes; total_bytes += bytes) {
    if (first_seconds == 0) first_seconds = seconds;
  }
  const auto age = std::chrono::seconds(now_seconds() - first_seconds);
  if (!lines.eof() || age < std::chrono::seconds(0) || age > policy_.sums_hold_for) return std::nullopt;
  return total_bytes;
}

Result<void> Store::trim_when_due() {
  const auto before = most_bytes_there();
  if (!before || *before + added_bytes_ > limit_bytes_) return trim();
  if (!folder_.append(kSums, sum_line(std::exchange(added_bytes_, 0)))) return trim();
  return {};
}

}  // namespace extfarm::store

#include "worker/execution/output_collection.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common/system/file_digest.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

bool is_whiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0); }

Result<CollectedOutput> collect_one(const std::string& upper_path, const std::string& path,
                                    const struct stat& st) {
  CollectedOutput out;
  out.attested.path = path;
  out.attested.mode = st.st_mode & 07777;
  if (is_whiteout(st)) {
    out.attested.kind = OutputKind::kRemoved;
    out.attested.mode = 0;
  } else if (S_ISDIR(st.st_mode)) {
    out.attested.kind = OutputKind::kFolder;
  } else if (S_ISLNK(st.st_mode)) {
    std::error_code failed;
    out.attested.kind = OutputKind::kSymlink;
    out.attested.link_target = fs::read_symlink(upper_path, failed).string();
    out.attested.digest = digest_of(out.attested.link_target);
  } else if (S_ISREG(st.st_mode)) {
    return collect_file(upper_path, path);
  } else {
    return failure(ErrorCode::kRefused, "the command made " + path + ", which is a device, socket or pipe");
  }
  return out;
}

// Made anew by the command where a folder was: nothing shows through from below.
bool hides_lower(const std::string& upper_folder) {
  char value = 0;
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
    if (::lgetxattr(upper_folder.c_str(), name, &value, 1) == 1 && value == 'y') return true;
  }
  return false;
}

// What of the lower folder has no successor in the upper one, contents first.
void collect_hidden(const std::string& lower_folder, const std::string& upper_folder, bool all_of_it,
                    std::vector<CollectedOutput>& out) {
  std::error_code failed;
  std::vector<fs::directory_entry> entries(fs::directory_iterator(lower_folder, failed), {});
  std::sort(entries.begin(), entries.end());
  for (const auto& entry : entries) {
    struct stat st {};
    const std::string successor = upper_folder + "/" + entry.path().filename().string();
    if (!all_of_it && ::lstat(successor.c_str(), &st) == 0) continue;
    if (entry.symlink_status(failed).type() == fs::file_type::directory)
      collect_hidden(entry.path().string(), successor, true, out);
    CollectedOutput gone;
    gone.attested.path = entry.path().string();
    gone.attested.kind = OutputKind::kRemoved;
    out.push_back(std::move(gone));
  }
}

Result<void> collect_below(const ViewRoot& view, const std::string& relative,
                           std::vector<CollectedOutput>& out) {
  std::error_code failed;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(view.upper + relative, failed)) {
    names.push_back(entry.path().filename().string());
  }
  if (failed)
    return failure(ErrorCode::kIo, "cannot read " + view.upper + relative + ": " + failed.message());
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    const std::string below = relative + "/" + name, upper_path = view.upper + below,
                      path = view.root + below;
    struct stat st {};
    if (::lstat(upper_path.c_str(), &st) != 0)
      return failure(ErrorCode::kIo, "cannot read " + upper_path + ": " + std::strerror(errno));
    const bool is_folder = S_ISDIR(st.st_mode);
    struct stat lower {};
    const bool existed = is_folder && ::stat(path.c_str(), &lower) == 0 && S_ISDIR(lower.st_mode);
    if (!existed) {
      auto one = collect_one(upper_path, path, st);
      if (!one) return tl::unexpected(one.error());
      out.push_back(std::move(*one));
    }
    if (!is_folder) continue;
    if (existed && hides_lower(upper_path)) collect_hidden(path, upper_path, false, out);
    if (auto nested = collect_below(view, below, out); !nested) return nested;
  }
  return {};
}

}  // namespace

Result<CollectedOutput> collect_file(const std::string& stored_at, const std::string& path) {
  struct stat st {};
  if (::lstat(stored_at.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) {
    return failure(ErrorCode::kIo, "cannot read " + stored_at + ": " + std::strerror(errno));
  }
  const auto content = digest_of_file(stored_at);
  if (!content) return tl::unexpected(content.error());
  CollectedOutput out;
  out.stored_at = stored_at;
  out.attested.path = path;
  out.attested.mode = st.st_mode & 07777;
  out.attested.size_bytes = content->size_bytes;
  out.attested.digest = content->digest;
  return out;
}

Result<std::vector<CollectedOutput>> collect_outputs(const std::vector<ViewRoot>& views) {
  std::vector<CollectedOutput> out;
  for (const auto& view : views) {
    if (auto done = collect_below(view, "", out); !done) return tl::unexpected(done.error());
  }
  return out;
}

void remove_tree(const std::string& folder) {
  std::error_code ignored;
  for (fs::recursive_directory_iterator it(folder, ignored), end; !ignored && it != end;
       it.increment(ignored)) {
    // Overlayfs leaves folders without permissions in its work folder.
    if (it->is_directory(ignored) && !it->is_symlink(ignored)) ::chmod(it->path().c_str(), 0700);
  }
  fs::remove_all(folder, ignored);
}

}  // namespace extfarm

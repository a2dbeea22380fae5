#include "coordinator/artifacts/artifacts.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>
#include <string_view>

#include "coordinator/artifacts/place.h"

namespace extfarm::artifacts {
namespace {

namespace fs = std::filesystem;

// Strictly: a folder does not lie below itself.
bool lies_below(const fs::path& path, const fs::path& folder) {
  const auto relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != ".." && relative != ".";
}

tl::unexpected<Error> io_failure(const std::string& attempted, const std::string& path) {
  return failure(ErrorCode::kIo, "cannot " + attempted + " " + path + ": " + std::strerror(errno) +
                                     "; make room or rights there and build again");
}

tl::unexpected<Error> refusal(const AttestedOutput& output, const std::string& why) {
  return failure(ErrorCode::kRefused, "the output " + output.path + " " + why);
}

constexpr std::string_view kTemporaryMark = ".extfarm-";  // and process, and number

bool is_temporary(std::string_view name) {
  const auto mark = name.rfind(kTemporaryMark);
  if (mark == std::string_view::npos || mark == 0) return false;
  const auto numbers = name.substr(mark + kTemporaryMark.size());
  const auto dash = numbers.find('-');
  return dash != std::string_view::npos && dash > 0 && dash + 1 < numbers.size() &&
         numbers.find_first_not_of("0123456789-") == std::string_view::npos;
}

// What a killed coordinator left there, once in this process's life.  Should
// another one write there at this moment, its attempt fails and is repeated.
void sweep(const std::string& path, const Place& place) {
  static std::set<std::string> swept;
  if (!swept.insert(fs::path(path).parent_path().string()).second) return;
  const int fd = ::openat(place.folder(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* folder = fd < 0 ? nullptr : ::fdopendir(fd);
  if (folder == nullptr) {
    if (fd >= 0) ::close(fd);
    return;
  }
  while (const dirent* entry = ::readdir(folder)) {
    if (is_temporary(entry->d_name)) ::unlinkat(place.folder(), entry->d_name, 0);
  }
  ::closedir(folder);
}

// Files under temporary names, which vanish unless they are renamed.
class Staging {
 public:
  explicit Staging(const std::vector<std::string>& roots) : roots_(roots) {}
  ~Staging() {
    for (const auto& file : files_) {
      if (const auto place = Place::open(file.path, roots_)) ::unlinkat(place->folder(), file.temporary.c_str(), 0);
    }
  }
  Result<void> add(const AttestedOutput& output, const std::string& content) {
    static unsigned counter = 0;
    const auto place = Place::open(output.path, roots_);
    if (!place) return tl::unexpected(place.error());
    sweep(output.path, *place);
    const std::string temporary =
        std::string(place->name()) + std::string(kTemporaryMark) + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    if (output.kind == OutputKind::kSymlink) {
      if (::symlinkat(output.link_target.c_str(), place->folder(), temporary.c_str()) != 0)
        return io_failure("make the symlink", output.path);
      files_.push_back({temporary, output.path});
      return {};
    }
    const int fd = ::openat(place->folder(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return io_failure("create", output.path);
    files_.push_back({temporary, output.path});
    bool ok = write_all(fd, content) && ::fchmod(fd, output.mode & 0777) == 0;
    const int first_errno = errno;
    if (::close(fd) != 0 && ok)
      ok = false;
    else
      errno = first_errno;
    if (!ok) return io_failure("write", output.path);
    return {};
  }
  Result<void> rename_all() {
    while (!files_.empty()) {
      const auto& file = files_.back();
      const auto place = Place::open(file.path, roots_);
      if (!place) return tl::unexpected(place.error());
      if (::renameat(place->folder(), file.temporary.c_str(), place->folder(), place->name()) != 0)
        return io_failure("publish", file.path);
      files_.pop_back();
    }
    return {};
  }

 private:
  struct Staged {
    std::string temporary, path;  // both in one folder
  };
  static bool write_all(int fd, std::string_view rest) {
    while (!rest.empty()) {
      const ssize_t n = ::write(fd, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  const std::vector<std::string>& roots_;
  std::vector<Staged> files_;
};

// What lies at the output's path now must be something it may replace.
Result<void> check_place(const AttestedOutput& output) {
  struct stat st {};
  if (::lstat(output.path.c_str(), &st) != 0) return {};
  if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) return {};
  if (!S_ISDIR(st.st_mode)) return refusal(output, "is a device, pipe or socket here");
  if (output.kind == OutputKind::kFolder) return {};
  std::error_code failed;
  if (output.kind == OutputKind::kRemoved && fs::is_empty(output.path, failed) && !failed) return {};
  return refusal(output, "would take the place of a whole folder");
}

Result<void> make_folder(const AttestedOutput& output, const std::vector<std::string>& roots) {
  const auto place = Place::open(output.path, roots);
  if (!place) return tl::unexpected(place.error());
  struct stat st {};
  if (::fstatat(place->folder(), place->name(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) return {};
  ::unlinkat(place->folder(), place->name(), 0);  // never make or change what a symlink leads to
  if (::mkdirat(place->folder(), place->name(), 0777) == 0) return {};
  return io_failure("make the folder", output.path);
}

// Removals, and the modes of folders: those last, for a folder may take its own write permission away.
Result<void> settle(const AttestedOutput& output, const std::vector<std::string>& roots) {
  if (output.kind != OutputKind::kRemoved && output.kind != OutputKind::kFolder) return {};
  struct stat st {};
  if (output.kind == OutputKind::kRemoved && ::lstat(output.path.c_str(), &st) != 0 && errno == ENOENT) return {};
  const auto place = Place::open(output.path, roots);
  if (!place) return tl::unexpected(place.error());
  if (output.kind == OutputKind::kFolder) {
    if (::fchmodat(place->folder(), place->name(), output.mode & 0777, AT_SYMLINK_NOFOLLOW) == 0) return {};
    return io_failure("set the mode of", output.path);
  }
  bool is_gone = ::unlinkat(place->folder(), place->name(), 0) == 0;
  if (!is_gone && (errno == EISDIR || errno == EPERM))
    is_gone = ::unlinkat(place->folder(), place->name(), AT_REMOVEDIR) == 0;
  if (is_gone || errno == ENOENT) return {};
  return io_failure("remove", output.path);
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
    if (path.is_relative()) return refusal(output, "is a relative path");
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
    if (!is_inside) return refusal(output, "lies outside the build's folders");
    if ((output.mode & 06000) != 0) return refusal(output, "is setuid or setgid");
    if (output.kind == OutputKind::kSymlink && !leads_within(output, real_roots))
      return refusal(output, "is a symlink that leads outside the build's folders");
  }
  return {};
}

Result<void> publish(const Attestation& attestation, const std::vector<std::string>& contents,
                     const std::vector<std::string>& view_roots) {
  const auto roots = resolved(view_roots);
  const auto& outputs = attestation.outputs;
  if (contents.size() != outputs.size()) {
    return failure(ErrorCode::kRefused, "a result of " + std::to_string(outputs.size()) +
                                            " outputs came with " + std::to_string(contents.size()) +
                                            " contents");
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (const auto place = check_place(outputs[i]); !place) return place;
    if (outputs[i].kind != OutputKind::kFile) continue;
    if (contents[i].size() != outputs[i].size_bytes || digest_of(contents[i]) != outputs[i].digest)
      return refusal(outputs[i], "did not arrive as it was attested");
  }
  for (const auto& output : outputs) {
    if (output.kind != OutputKind::kFolder) continue;
    if (auto made = make_folder(output, roots); !made) return made;
  }
  Staging staging(roots);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].kind != OutputKind::kFile && outputs[i].kind != OutputKind::kSymlink) continue;
    if (auto added = staging.add(outputs[i], contents[i]); !added) return added;
  }
  if (auto renamed = staging.rename_all(); !renamed) return renamed;
  for (const auto& output : outputs) {
    if (auto settled = settle(output, roots); !settled) return settled;
  }
  return {};
}

}  // namespace extfarm::artifacts

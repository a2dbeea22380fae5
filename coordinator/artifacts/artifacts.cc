#include "coordinator/artifacts/artifacts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>

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

// Files under temporary names, which vanish unless they are renamed.
class Staging {
 public:
  ~Staging() {
    for (const auto& file : files_) ::unlink(file.temporary.c_str());
  }
  Result<void> add(const AttestedOutput& output, const std::string& content) {
    static unsigned counter = 0;
    std::error_code ignored;
    fs::create_directories(fs::path(output.path).parent_path(), ignored);
    const std::string temporary =
        output.path + ".extfarm-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    if (output.kind == OutputKind::kSymlink) {
      if (::symlink(output.link_target.c_str(), temporary.c_str()) != 0)
        return io_failure("make the symlink", output.path);
      files_.push_back({temporary, output.path});
      return {};
    }
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return io_failure("create", temporary);
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
      if (::rename(file.temporary.c_str(), file.path.c_str()) != 0) return io_failure("publish", file.path);
      files_.pop_back();
    }
    return {};
  }

 private:
  struct Staged {
    std::string temporary, path;
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

Result<void> make_folder(const AttestedOutput& output) {
  struct stat st {};
  std::error_code failed;
  if (::lstat(output.path.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return {};
  ::unlink(output.path.c_str());  // never make or change what a symlink leads to
  fs::create_directories(output.path, failed);
  if (!failed) return {};
  errno = failed.value();
  return io_failure("make the folder", output.path);
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
  }
  return {};
}

Result<void> publish(const Attestation& attestation, const std::vector<std::string>& contents, Filesystem&) {
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
    if (auto made = make_folder(output); !made) return made;
  }
  Staging staging;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].kind != OutputKind::kFile && outputs[i].kind != OutputKind::kSymlink) continue;
    if (auto added = staging.add(outputs[i], contents[i]); !added) return added;
  }
  if (auto renamed = staging.rename_all(); !renamed) return renamed;
  for (const auto& output : outputs) {
    if (output.kind == OutputKind::kRemoved && ::remove(output.path.c_str()) != 0 && errno != ENOENT)
      return io_failure("remove", output.path);
    // Last, for a folder may take its own write permission away.
    if (output.kind == OutputKind::kFolder && ::chmod(output.path.c_str(), output.mode & 0777) != 0)
      return io_failure("set the mode of", output.path);
  }
  return {};
}

}  // namespace extfarm::artifacts

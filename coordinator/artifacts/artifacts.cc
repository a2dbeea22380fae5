#include "coordinator/artifacts/artifacts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace extfarm::artifacts {
namespace {

namespace fs = std::filesystem;

bool lies_below(const fs::path& path, const fs::path& folder) {
  const auto relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

// Where `path` really leads: its nearest existing parent, resolved.
fs::path real_parent(const fs::path& path) {
  std::error_code failed;
  return fs::weakly_canonical(path.parent_path(), failed);
}

Error io_error(const std::string& attempted, const std::string& path) {
  return {ErrorCode::kIo, "cannot " + attempted + " " + path + ": " + std::strerror(errno)};
}

// Temporary files that vanish unless they were renamed.
struct Staged {
  std::string temporary, path;
};
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
        return tl::unexpected(io_error("make", output.path));
      files_.push_back({temporary, output.path});
      return {};
    }
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return tl::unexpected(io_error("create", temporary));
    files_.push_back({temporary, output.path});
    std::string_view rest = content;
    bool ok = true;
    while (ok && !rest.empty()) {
      const ssize_t n = ::write(fd, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      ok = n > 0;
      if (ok) rest.remove_prefix(static_cast<std::size_t>(n));
    }
    ok = ok && ::fchmod(fd, output.mode & 0777) == 0;
    ok = ::close(fd) == 0 && ok;
    if (!ok) return tl::unexpected(io_error("write", output.path));
    return {};
  }
  Result<void> rename_all() {
    while (!files_.empty()) {
      const auto& file = files_.back();
      if (::rename(file.temporary.c_str(), file.path.c_str()) != 0)
        return tl::unexpected(io_error("publish", file.path));
      files_.pop_back();
    }
    return {};
  }

 private:
  std::vector<Staged> files_;
};

}  // namespace

Result<void> check_inputs(const Attestation& attestation, DigestCache& digests) {
  for (const auto& input : attestation.inputs) {
    if (digests.digest(input.path) == input.digest) continue;
    digests.forget(input.path);
    if (digests.digest(input.path) == input.digest) continue;
    return failure(ErrorCode::kRefused, input.path + " is another file there than here");
  }
  return {};
}

Result<void> check_outputs(const Attestation& attestation, const std::vector<std::string>& view_roots) {
  for (const auto& output : attestation.outputs) {
    const fs::path path = output.path;
    if (path.is_relative())
      return failure(ErrorCode::kRefused, "the output " + output.path + " is a relative path");
    const fs::path real = real_parent(path.lexically_normal()) / path.filename();
    const bool inside =
        path == path.lexically_normal() &&
        std::any_of(view_roots.begin(), view_roots.end(), [&](const std::string& root) {
          std::error_code failed;
          return lies_below(path, root) && lies_below(real, fs::weakly_canonical(root, failed));
        });
    if (!inside)
      return failure(ErrorCode::kRefused, "the output " + output.path + " lies outside the build's folders");
    if ((output.mode & 06000) != 0)
      return failure(ErrorCode::kRefused, "the output " + output.path + " is setuid or setgid");
  }
  return {};
}

Result<void> publish(const Attestation& attestation, const std::vector<std::string>& contents, Filesystem&) {
  const auto& outputs = attestation.outputs;
  if (contents.size() != outputs.size()) return failure(ErrorCode::kRefused, "contents are missing");
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    struct stat st {};
    if (::lstat(outputs[i].path.c_str(), &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) &&
        !S_ISDIR(st.st_mode)) {
      return failure(ErrorCode::kRefused, "the output " + outputs[i].path + " is a device or pipe here");
    }
    if (outputs[i].kind != OutputKind::kFile) continue;
    if (contents[i].size() != outputs[i].size_bytes || digest_of(contents[i]) != outputs[i].digest) {
      return failure(ErrorCode::kRefused,
                     "the bytes of " + outputs[i].path + " did not arrive as they were attested");
    }
  }
  Staging staging;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].kind != OutputKind::kFile && outputs[i].kind != OutputKind::kSymlink) continue;
    if (auto added = staging.add(outputs[i], contents[i]); !added) return added;
  }
  for (const auto& output : outputs) {
    if (output.kind == OutputKind::kRemoved) ::unlink(output.path.c_str());
    if (output.kind != OutputKind::kFolder) continue;
    std::error_code failed;
    fs::create_directories(output.path, failed);
    ::chmod(output.path.c_str(), output.mode & 0777);
  }
  return staging.rename_all();
}

}  // namespace extfarm::artifacts

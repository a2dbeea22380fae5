#include "coordinator/artifacts/staging.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "common/system/filesystem.h"
#include "coordinator/artifacts/place.h"

namespace extfarm::artifacts {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporaryMark = ".extfarm-";  // and process, and number

// Temporary files that a Staging of this process still needs.
std::set<std::string>& needed() {
  static std::set<std::string> names;
  return names;
}

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
    if (is_temporary(entry->d_name) && !needed().contains(entry->d_name)) ::unlinkat(place.folder(), entry->d_name, 0);
  }
  ::closedir(folder);
}

// What lies at the output's path now must be something it may replace.
Result<void> check_place(const AttestedOutput& output) {
  struct stat st {};
  if (::lstat(output.path.c_str(), &st) != 0) return {};
  if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) return {};
  if (!S_ISDIR(st.st_mode)) return refusal(output.path, "is a device, pipe or socket here");
  if (output.kind == OutputKind::kFolder) return {};
  std::error_code failed;
  if (output.kind == OutputKind::kRemoved && fs::is_empty(output.path, failed) && !failed) return {};
  return refusal(output.path, "would take the place of a whole folder");
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

// A Fortran module that is there already: its compiler leaves it as it is, with its time, and so is it left here.
bool is_left(const AttestedOutput& output, const Place& place) {
  if (!output.path.ends_with(".mod") && !output.path.ends_with(".smod")) return false;
  struct stat st {};
  if (::fstatat(place.folder(), place.name(), &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) return false;
  return static_cast<std::uint64_t>(st.st_size) == output.size_bytes && PosixFilesystem().digest(output.path) == output.digest;
}

}  // namespace

Staging::Staging(const Attestation& attestation, const std::vector<std::string>& view_roots)
    : outputs_(attestation.outputs), roots_(resolved(view_roots)) {
  for (const auto& output : outputs_) {
    if (output.kind == OutputKind::kFolder) folders_.insert(output.path);
  }
}

Staging::~Staging() {
  for (const auto& staged : staged_) {
    if (const auto place = Place::open(staged.beside, roots_)) ::unlinkat(place->folder(), staged.name.c_str(), 0);
    needed().erase(staged.name);
  }
}

// Where the output belongs; or, as long as the folder there is still to be made, beside that one.
std::string Staging::beside(const AttestedOutput& output) const {
  const auto is_to_be_made = [&](const fs::path& folder) {
    std::error_code absent;
    return folders_.contains(folder.string()) && fs::symlink_status(folder, absent).type() != fs::file_type::directory;
  };
  fs::path folder = fs::path(output.path).parent_path();
  while (is_to_be_made(folder)) folder = folder.parent_path();
  return (folder / fs::path(output.path).filename()).string();
}

// Chooses a temporary name for outputs_[index], the last of staged_ from now on.
Result<Place> Staging::choose_name(std::size_t index) {
  static unsigned counter = 0;
  const std::string path = beside(outputs_[index]);
  auto place = Place::open(path, roots_);
  if (!place) return place;
  sweep(path, *place);
  staged_.push_back({index, path,
                     std::string(place->name()) + std::string(kTemporaryMark) + std::to_string(::getpid()) + "-" +
                         std::to_string(counter++)});
  needed().insert(staged_.back().name);
  return place;
}

Result<void> Staging::begin_file(std::size_t index) {
  if (auto ended = end_file(); !ended) return ended;
  const auto place = choose_name(index);
  if (!place) return tl::unexpected(place.error());
  file_ = Descriptor(
      ::openat(place->folder(), staged_.back().name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file_.get() < 0) return io_failure("create", outputs_[index].path);
  hasher_.emplace();
  return {};
}

Result<void> Staging::end_file() {
  if (file_.get() < 0) return {};
  auto& staged = staged_.back();
  staged.digest = hasher_->finish();
  const auto& output = outputs_[staged.index];
  const bool has_mode = ::fchmod(file_.get(), output.mode & 0777) == 0;
  if (!has_mode || !file_.close()) return io_failure("write", output.path);
  return {};
}

Result<void> Staging::add(std::size_t index, std::string_view bytes) {
  if (file_.get() < 0 || staged_.back().index != index) {
    if (auto begun = begin_file(index); !begun) return begun;
  }
  if (!write_all(file_.get(), bytes)) return io_failure("write", outputs_[index].path);
  hasher_->add(bytes);
  staged_.back().size_bytes += bytes.size();
  return {};
}

Result<void> Staging::add_empty_files() {
  std::vector<bool> is_there(outputs_.size());
  for (const auto& staged : staged_) is_there[staged.index] = true;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].kind != OutputKind::kFile || outputs_[i].size_bytes > 0 || is_there[i]) continue;
    if (auto added = add(i, ""); !added) return added;
  }
  return end_file();
}

Result<void> Staging::add_symlinks() {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].kind != OutputKind::kSymlink) continue;
    const auto place = choose_name(i);
    if (!place) return tl::unexpected(place.error());
    if (::symlinkat(outputs_[i].link_target.c_str(), place->folder(), staged_.back().name.c_str()) != 0)
      return io_failure("make the symlink", outputs_[i].path);
  }
  return {};
}

// Every file is there as it was attested, and may go where it belongs.
Result<void> Staging::check() const {
  std::vector<const Staged*> arrived(outputs_.size());
  for (const auto& staged : staged_) arrived[staged.index] = &staged;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (const auto place = check_place(outputs_[i]); !place) return place;
    if (outputs_[i].kind != OutputKind::kFile) continue;
    if (arrived[i] == nullptr || arrived[i]->size_bytes != outputs_[i].size_bytes || arrived[i]->digest != outputs_[i].digest)
      return refusal(outputs_[i].path, "did not arrive as it was attested");
  }
  return {};
}

Result<void> Staging::rename_all() {
  for (const auto& staged : staged_) {
    const auto& path = outputs_[staged.index].path;
    const auto to = Place::open(path, roots_);
    if (!to) return tl::unexpected(to.error());
    std::optional<Result<Place>> elsewhere;
    if (staged.beside != path) elsewhere = Place::open(staged.beside, roots_);
    const auto& from = elsewhere ? *elsewhere : to;
    if (!from) return tl::unexpected(from.error());
    if (is_left(outputs_[staged.index], *to)) continue;  // its temporary file goes with the others
    if (::renameat(from->folder(), staged.name.c_str(), to->folder(), to->name()) != 0) return io_failure("publish", path);
  }
  return {};
}

Result<void> Staging::publish() {
  if (auto added = add_empty_files(); !added) return added;
  if (auto checked = check(); !checked) return checked;
  for (const auto& output : outputs_) {
    if (output.kind != OutputKind::kFolder) continue;
    if (auto made = make_folder(output, roots_); !made) return made;
  }
  if (auto added = add_symlinks(); !added) return added;
  if (auto renamed = rename_all(); !renamed) return renamed;
  for (const auto& output : outputs_) {
    if (auto settled = settle(output, roots_); !settled) return settled;
  }
  return {};
}

}  // namespace extfarm::artifacts

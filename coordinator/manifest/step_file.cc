#include "coordinator/manifest/step_file.h"

#include <sys/stat.h>

#include "coordinator/manifest/compilation_database.h"
#include "coordinator/manifest/manifest.h"

namespace extfarm::manifest {

std::optional<StepFile::Stamp> StepFile::stamp() const {
  struct stat st {};
  if (::stat(path_.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return std::nullopt;
  return Stamp{st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec};
}

bool StepFile::can_read_again() const { return stamp().has_value(); }

Result<void> StepFile::read(const TakeStep& take) {
  if (!first_stamp_) first_stamp_ = stamp();
  const TakeStep and_keep_header = [&](const Header& header, Step&& step) {
    if (!header_) header_ = header;
    return take(header, std::move(step));
  };
  return format_ == Format::kManifest ? read_manifest(path_, and_keep_header)
                                      : read_compilation_database(path_, and_keep_header);
}

Result<const Header*> StepFile::header() {
  if (header_) return &*header_;
  const auto read_one = read([](const Header&, Step&&) -> Result<void> {
    return failure(ErrorCode::kInvalid, "the first step is enough");
  });
  if (!header_ && !read_one) return tl::unexpected(read_one.error());
  if (!header_) header_.emplace();  // no step at all
  return &*header_;
}

Result<void> StepFile::check_unchanged() {
  const auto now = stamp();
  if (!first_stamp_) first_stamp_ = now;
  if (now && now == first_stamp_) return {};
  return failure(ErrorCode::kInvalid, path_ + " changed while it was read; build again");
}

Result<Step> StepFile::step(const RecordPlace& place) {
  const auto held = header();
  if (!held) return tl::unexpected(held.error());
  if (auto same = check_unchanged(); !same) return tl::unexpected(same.error());
  if (!source_) source_ = std::make_unique<ByteSource>(path_);
  return format_ == Format::kManifest ? read_manifest_step(*source_, **held, place)
                                      : read_compilation_database_step(*source_, **held, place);
}

}  // namespace extfarm::manifest

#include "coordinator/manifest/step_file.h"

#include <sys/stat.h>

#include <filesystem>

#include "coordinator/manifest/compilation_database.h"
#include "coordinator/manifest/manifest.h"

namespace extfarm::manifest {

StepFile::Stamp StepFile::stamp() const {
  struct stat st {};
  if (::fstat(source_->descriptor(), &st) != 0) return {};
  return Stamp{st.st_size, st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec};
}

bool StepFile::can_read_again() const {
  std::error_code unknown;
  return std::filesystem::is_regular_file(path_, unknown);
}

void StepFile::open() {
  if (source_ || !can_read_again()) return;
  source_ = std::make_unique<ByteSource>(path_);
  first_stamp_ = stamp();
}

Result<void> StepFile::read(const TakeStep& take) {
  open();
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

Result<Step> StepFile::step(const RecordPlace& place) {
  const auto held = header();
  if (!held) return tl::unexpected(held.error());
  if (!source_ || stamp() != first_stamp_)
    return failure(ErrorCode::kInvalid, path_ + " changed while it was read; build again");
  return format_ == Format::kManifest ? read_manifest_step(*source_, **held, place)
                                      : read_compilation_database_step(*source_, **held, place);
}

}  // namespace extfarm::manifest

#include "coordinator/manifest/byte_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace extfarm::manifest {

constexpr std::size_t kChunkBytes = 64 << 10;

ByteSource::ByteSource(std::string path) : path_(std::move(path)), chunk_(kChunkBytes) {
  cursor_ = end_ = counted_ = chunk_.data();
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail("open", errno);
}

ByteSource::~ByteSource() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void ByteSource::fail(const char* attempted, int error_number) {
  const std::string hint = error_number == ENOENT   ? "name a file that exists"
                           : error_number == EISDIR ? "name a file in it"
                           : error_number == EACCES ? "make it readable for this user"
                                                    : "check the disk and the path";
  error_ = Error{ErrorCode::kIo, "cannot " + std::string(attempted) + " " + path_ + ": " +
                                     std::strerror(error_number) + "; " + hint};
}

bool ByteSource::refill() {
  if (error_ || limit_exceeded_) return false;
  if (offset() - mark_ > kLimitBytes) {
    limit_exceeded_ = true;
    return false;
  }
  ssize_t count;
  // The old chunk stays until its lines are counted.
  count_lines_before(end_);
  do {
    count = ::read(descriptor_, chunk_.data(), chunk_.size());
  } while (count < 0 && errno == EINTR);
  if (count <= 0) {
    if (count < 0) fail("read", errno);
    return false;
  }
  base_ += static_cast<std::uint64_t>(end_ - chunk_.data());
  cursor_ = counted_ = chunk_.data();
  end_ = cursor_ + count;
  return true;
}

void ByteSource::seek(std::uint64_t offset, std::size_t line) {
  if (offset >= base_ && offset <= base_ + static_cast<std::uint64_t>(end_ - chunk_.data())) {
    cursor_ = counted_ = chunk_.data() + (offset - base_);
  } else if (::lseek(descriptor_, static_cast<off_t>(offset), SEEK_SET) < 0) {
    fail("read", errno);
  } else {
    base_ = offset;
    cursor_ = end_ = counted_ = chunk_.data();
  }
  line_ = line;
  line_start_ = mark_ = offset;
}

void ByteSource::count_lines_before(const char* where) {
  while (counted_ < where) {
    const char* newline = std::find(counted_, where, '\n');
    if (newline != where) {
      ++line_;
      line_start_ = base_ + static_cast<std::uint64_t>(newline + 1 - chunk_.data());
      ++newline;
    }
    counted_ = newline;
  }
}

Place ByteSource::place(std::size_t back) {
  const auto read_count = static_cast<std::size_t>(cursor_ - chunk_.data());
  if (read_count > back + 1) count_lines_before(cursor_ - back - 1);
  const std::uint64_t after = offset() - std::min<std::uint64_t>(back, offset());
  return Place{line_, static_cast<std::size_t>(after > line_start_ ? after - line_start_ : 1)};
}

}  // namespace extfarm::manifest

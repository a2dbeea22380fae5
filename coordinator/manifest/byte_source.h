// Reads a file front to back, in chunks, and knows the line and column of
// the byte read last.  Knows nothing of what the bytes mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace extfarm::manifest {

struct Place {
  std::size_t line = 1, column = 1;  // from 1; columns count bytes
};

class ByteSource {
 public:
  // `path` may be a pipe.  A file that cannot be read is an empty one, and
  // error() says why.
  explicit ByteSource(std::string path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  const std::string& path() const { return path_; }
  int descriptor() const { return descriptor_; }  // negative when it cannot be opened
  bool exhausted() { return cursor_ == end_ && !refill(); }
  char current() const { return *cursor_; }  // only when not exhausted
  void advance() { ++cursor_; }

  // Of the byte `back` before the one read last.
  Place place(std::size_t back = 0);
  // Of the byte read next.
  std::uint64_t offset() const { return base_ + static_cast<std::uint64_t>(cursor_ - chunk_.data()); }
  // Goes on at `offset`, which lies in line `line`; the file must not be a pipe.
  void seek(std::uint64_t offset, std::size_t line);
  // What was read so far is done with: bytes count anew towards the limit.
  void mark() { mark_ = offset(); }
  // More bytes than an action may take were read since the last mark(); the
  // source then says it is exhausted.
  bool limit_exceeded() const { return limit_exceeded_; }
  const std::optional<Error>& error() const { return error_; }

  // Far above any command line (the kernel's limit is 6 MiB) plus a sensible
  // stdin, far below a machine's memory.
  static constexpr std::size_t kLimitBytes = std::size_t{16} << 20;

 private:
  bool refill();
  void count_lines_before(const char* where);
  void fail(const char* attempted, int error_number);

  std::string path_;
  int descriptor_ = -1;
  std::vector<char> chunk_;
  const char *cursor_, *end_, *counted_;  // lines are counted up to `counted_`
  std::uint64_t base_ = 0;                // offset of the chunk in the file
  std::size_t line_ = 1;
  std::uint64_t line_start_ = 0, mark_ = 0;
  bool limit_exceeded_ = false;
  std::optional<Error> error_;
};

// The source as the pair of iterators that a parser asks for; the end is the
// one made by default.
class ByteIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  ByteIterator() = default;
  explicit ByteIterator(ByteSource& source) : source_(&source) {}
  char operator*() const { return source_->current(); }
  ByteIterator& operator++() {
    source_->advance();
    return *this;
  }
  ByteIterator operator++(int) {
    const auto before = *this;
    source_->advance();
    return before;
  }
  bool operator==(const ByteIterator& other) const { return at_end() == other.at_end(); }

 private:
  bool at_end() const { return source_ == nullptr || source_->exhausted(); }
  ByteSource* source_ = nullptr;
};

}  // namespace extfarm::manifest

// A growing sequence in segments of many elements: what is in it stays where it
// is, and growing copies nothing.  std::deque's segments are half a kilobyte,
// so that in a large one each access waits for memory twice.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace extfarm {

template <class T, std::size_t kSegmentBytes = 16384>
class Segmented {
 public:
  std::size_t size() const { return size_; }
  // Of an element that is there.
  T& operator[](std::size_t i) { return segments_[i / kPerSegment][i % kPerSegment]; }
  const T& operator[](std::size_t i) const { return segments_[i / kPerSegment][i % kPerSegment]; }
  // So many at least; new ones are as T{}.
  void grow_to(std::size_t size) {
    while (segments_.size() * kPerSegment < size) segments_.push_back(std::make_unique<T[]>(kPerSegment));
    if (size > size_) size_ = size;
  }
  T& push_back(const T& value) {
    grow_to(size_ + 1);
    return (*this)[size_ - 1] = value;
  }

 private:
  static constexpr std::size_t per_segment() {
    std::size_t count = 1;
    while (2 * count * sizeof(T) <= kSegmentBytes) count *= 2;
    return count;
  }
  static constexpr std::size_t kPerSegment = per_segment();
  std::vector<std::unique_ptr<T[]>> segments_;
  std::size_t size_ = 0;
};

}  // namespace extfarm

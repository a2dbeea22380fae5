// Ids in the order of their keys, equal keys in the order of ids: a heap of four
// children to each entry, so that they share a cache line.  Knows where each id
// is, hence takes any of them out or gives it another key without a search.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace extfarm::scheduling {

// Where ids are, for all heaps of which an id is in one at most.  Ids are
// counted from 1: a gap costs four bytes.
template <class Id>
class HeapPositions {
 public:
  static constexpr std::uint32_t kNowhere = UINT32_MAX;
  std::uint32_t operator[](Id id) const { return id.value < at_.size() ? at_[id.value] : kNowhere; }
  void make_room_for(Id id) {
    if (at_.size() <= id.value) at_.resize(id.value + 1, kNowhere);
  }
  void set(Id id, std::size_t position) { at_[id.value] = static_cast<std::uint32_t>(position); }
  void forget(Id id) { at_[id.value] = kNowhere; }

 private:
  std::vector<std::uint32_t> at_;
};

template <class Key, class Id>
class IndexedHeap {
 public:
  using Entry = std::pair<Key, Id>;

  explicit IndexedHeap(HeapPositions<Id>& positions) : positions_(positions) {}
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  const Entry& top() const { return entries_.front(); }  // of one that is not empty
  const std::vector<Entry>& entries() const { return entries_; }  // in no order

  bool contains(Id id) const {
    const std::size_t at = positions_[id];
    return at < entries_.size() && entries_[at].second == id;
  }

  // Of an id that is in no heap.
  void insert(Key key, Id id) {
    positions_.make_room_for(id);
    entries_.emplace_back(key, id);
    sift_up(entries_.size() - 1, {key, id});
  }
  // False: it was not in it.
  bool erase(Id id) {
    if (!contains(id)) return false;
    const std::size_t at = positions_[id];
    positions_.forget(id);
    const Entry last = entries_.back();
    entries_.pop_back();
    if (at < entries_.size()) place(at, last);
    return true;
  }
  // Of an id that is in it.
  void move(Id id, Key key) { place(positions_[id], {key, id}); }

 private:
  static constexpr std::size_t kChildren = 4;

  void put(std::size_t at, const Entry& entry) {
    entries_[at] = entry;
    positions_.set(entry.second, at);
  }
  void place(std::size_t at, const Entry& entry) {
    if (at > 0 && entry < entries_[(at - 1) / kChildren])
      sift_up(at, entry);
    else
      sift_down(at, entry);
  }
  void sift_up(std::size_t at, Entry entry) {
    while (at > 0) {
      const std::size_t parent = (at - 1) / kChildren;
      if (!(entry < entries_[parent])) break;
      put(at, entries_[parent]);
      at = parent;
    }
    put(at, entry);
  }
  void sift_down(std::size_t at, Entry entry) {
    for (;;) {
      const std::size_t first = kChildren * at + 1;
      if (first >= entries_.size()) break;
      std::size_t least = first;
      const std::size_t end = std::min(first + kChildren, entries_.size());
      for (std::size_t child = first + 1; child < end; ++child) {
        if (entries_[child] < entries_[least]) least = child;
      }
      if (!(entries_[least] < entry)) break;
      put(at, entries_[least]);
      at = least;
    }
    put(at, entry);
  }

  HeapPositions<Id>& positions_;
  std::vector<Entry> entries_;
};

}  // namespace extfarm::scheduling

// Adds results to a store in a thread of its own, so that a slow file server
// holds up no build.  The outputs are read where they were published, not kept
// in memory meanwhile; one that was changed since is not stored.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "coordinator/store/store.h"

namespace extfarm::store {

class StoreWriter {
 public:
  // The store is this thread's alone from now on.
  explicit StoreWriter(std::unique_ptr<Store> store);
  // What still waits is dropped.
  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  // Returns at once.  Output paths are absolute.
  void add(const Digest& command_key, StoredResult);
  // Waits until everything is stored, then trims the store if anything was.
  // Nothing can be added afterwards.  Error: the first that adding or trimming
  // met; after a failed write nothing more was tried.
  Result<void> finish();
  // After finish().
  std::uint64_t stored_count() const { return stored_count_; }

 private:
  using Waiting = std::pair<Digest, StoredResult>;
  void run();
  void keep(const Waiting&);

  std::unique_ptr<Store> store_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;  // guarded by mutex_, like is_ending_
  bool is_ending_ = false;
  Result<void> outcome_;  // the thread's until it is joined, like stored_count_
  std::uint64_t stored_count_ = 0;
  std::thread thread_;
};

}  // namespace extfarm::store

// The heap and the ready queue against what a sorted set would give.
#include "coordinator/scheduling/ready_queue.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace extfarm::scheduling {
namespace {

TEST(IndexedHeap, GivesWhatASortedSetGivesWhateverIsDoneToIt) {
  HeapPositions<ActionId> positions;
  IndexedHeap<double, ActionId> heap(positions);
  std::set<std::pair<double, ActionId>> sorted;
  std::vector<double> keys(200, -1);
  std::mt19937 dice(7);
  for (int step = 0; step < 20000; ++step) {
    const ActionId id{dice() % 199 + 1};
    double& key = keys[id.value];
    const double next = dice() % 50;  // many are equal
    ASSERT_EQ(heap.contains(id), key >= 0);
    if (key < 0) {
      heap.insert(next, id);
    } else if (sorted.erase({key, id}); dice() % 2 == 0) {
      heap.move(id, next);
    } else {
      ASSERT_TRUE(heap.erase(id));
      ASSERT_FALSE(heap.erase(id));
      key = -1;
      continue;
    }
    key = next;
    sorted.emplace(key, id);
    ASSERT_EQ(heap.top(), *sorted.begin());
    ASSERT_EQ(heap.size(), sorted.size());
  }
}

TEST(ReadyQueue, APassGoesByLevelOverAllQueuesWhetherOrNotWhatItTakesIsErased) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 dice(seed);
    ReadyQueue queue;
    std::set<std::pair<double, ActionId>> sorted;
    std::vector<QueueKey> keys(61);
    for (std::uint64_t i = 1; i <= 60; ++i) {
      keys[i].memory = static_cast<MemoryClass>(dice() % 3);
      const double level = dice() % 20;
      queue.insert(keys[i], level, {i});
      sorted.emplace(-level, ActionId{i});
    }
    std::size_t left = 0;
    {
      ReadyQueue::Pass pass(queue, [](const QueueKey&) { return true; });
      for (const auto& [level, id] : sorted) {
        const auto next = pass.take();
        ASSERT_TRUE(next) << seed;
        ASSERT_EQ(next->first, id) << seed;
        if (dice() % 3 == 0)
          queue.erase(next->second, next->first);
        else
          ++left;
        pass.go_on();
      }
      EXPECT_FALSE(pass.take());
    }
    EXPECT_EQ(queue.size(), left);
  }
}

TEST(ReadyQueue, AQueueThatDoesNotGoOnIsLeftAlone) {
  ReadyQueue queue;
  const QueueKey small{0, false, 1}, large{0, false, 9};
  queue.insert(large, 9, {1});
  queue.insert(large, 8, {2});
  queue.insert(small, 7, {3});
  ReadyQueue::Pass pass(queue, [](const QueueKey&) { return true; });
  EXPECT_EQ(pass.take()->first, ActionId{1});
  EXPECT_EQ(pass.take()->first, ActionId{3});
  pass.go_on();
  EXPECT_FALSE(pass.take());
}

}  // namespace
}  // namespace extfarm::scheduling

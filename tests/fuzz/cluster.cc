// What builds say of their needs, what is offered to them, what Slurm prints:
// whatever is taken is within bounds, and is read again as it is written.
#include "coordinator/clusters/demand_note.h"
#include "coordinator/clusters/slurm_words.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm::clusters;
  const auto text = extfarm::fuzz::text_of(data, size);
  if (const auto note = read_demand_note(text)) {
    FARM_CHECK(note->queued_seconds >= 0 && note->queued_seconds <= 1e12 && !note->build.empty());
    const auto again = read_demand_note(text_of(*note));
    FARM_CHECK(again && again->width == note->width && again->workers.size() == note->workers.size());
  }
  if (const auto offer = read_offer(text)) FARM_CHECK(read_offer(text_of(*offer))->slots == offer->slots);
  for (const auto& job : read_queue(text)) {
    FARM_CHECK(job.id.find_first_not_of("0123456789_") == std::string::npos);  // words for scancel
    FARM_CHECK(!job.time_left || job.time_left->count() >= 0);
    static_cast<void>(meaning_of(job));
  }
  if (const auto id = read_submitted(text)) FARM_CHECK(id->find_first_not_of("0123456789") == std::string::npos);
  FARM_CHECK(read_most_in_array(text) > 0);
  static_cast<void>(read_label(text));
  return 0;
}

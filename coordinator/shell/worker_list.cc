#include "coordinator/shell/worker_list.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/model/byte_strings.h"
#include "common/transport/beacon.h"
#include "coordinator/shell/known_actions.h"

namespace extfarm {
namespace {

constexpr int kWorkersSchema = 1;

}  // namespace

int list_workers(const std::string& rendezvous) {
  const auto reading = read_beacons(rendezvous);
  for (const auto& complaint : reading.complaints) std::fprintf(stderr, "extfarm: %s\n", complaint.c_str());
  for (const auto& beacon : reading.beacons) {
    std::printf("%-20s %-28s %3u slots  %s%s%s\n", beacon.host.c_str(), beacon.endpoint.c_str(), beacon.slots,
                beacon.name.c_str(), beacon.label.empty() ? "" : "  ", beacon.label.c_str());
    if (!beacon.offer_reason.empty())
      std::printf("%-20s %u of %u slots: %s\n", "", beacon.offered_slots, beacon.slots, beacon.offer_reason.c_str());
  }
  if (reading.beacons.empty()) {
    std::printf("No worker has announced itself in %s.\nStart one on each lab machine: extfarm-worker\n",
                rendezvous.c_str());
  }
  return 0;
}

int list_workers_as_json(const std::string& rendezvous) {
  using nlohmann::ordered_json;
  const auto reading = read_beacons(rendezvous);
  ordered_json out = {{"schema", kWorkersSchema},
                      {"rendezvous", ordered_json(bytes_to(rendezvous))},
                      {"workers", ordered_json::array()},
                      {"complaints", ordered_json::array()}};
  for (const auto& beacon : reading.beacons) {
    out["workers"].push_back({{"id", beacon.name},
                              {"host", beacon.host},
                              {"endpoint", beacon.endpoint},
                              {"slots", beacon.slots},
                              {"offered_slots", beacon.offered_slots},
                              {"offer_reason", ordered_json(bytes_to(beacon.offer_reason))},
                              {"label", ordered_json(bytes_to(beacon.label))},
                              {"protocol_version", beacon.protocol_version},
                              {"public_key", beacon.public_key}});
  }
  for (const auto& complaint : reading.complaints) out["complaints"].push_back(ordered_json(bytes_to(complaint)));
  print_json(out);
  return 0;
}

}  // namespace extfarm

#include "coordinator/shell/worker_list.h"

#include <nlohmann/json.hpp>

#include "common/model/byte_strings.h"
#include "common/transport/beacon.h"
#include "coordinator/shell/known_actions.h"

namespace extfarm {
namespace {

constexpr int kJsonSchema = 1;

}  // namespace

int list_workers_as_json(const std::string& rendezvous) {
  using nlohmann::ordered_json;
  const auto reading = read_beacons(rendezvous);
  ordered_json out = {{"schema", kJsonSchema},
                      {"rendezvous", ordered_json(bytes_to(rendezvous))},
                      {"workers", ordered_json::array()},
                      {"complaints", ordered_json::array()}};
  for (const auto& beacon : reading.beacons) {
    out["workers"].push_back({{"id", beacon.name},
                              {"host", beacon.host},
                              {"endpoint", beacon.endpoint},
                              {"slots", beacon.slots},
                              {"protocol_version", beacon.protocol_version},
                              {"public_key", beacon.public_key}});
  }
  for (const auto& complaint : reading.complaints) out["complaints"].push_back(ordered_json(bytes_to(complaint)));
  print_json(out);
  return 0;
}

}  // namespace extfarm

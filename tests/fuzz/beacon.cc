// Beacon files: what is read is what write_beacon writes, so it is written
// and read again to the same; what is refused has one complaint.
#include "common/transport/beacon.h"

#include <filesystem>
#include <fstream>
#include <limits>

#include "tests/fuzz/input.h"
#include "tests/fuzz/own_folder.h"

namespace {

bool are_equal(const extfarm::Beacon& a, const extfarm::Beacon& b) {
  return a.protocol_version == b.protocol_version && a.name == b.name && a.endpoint == b.endpoint &&
         a.public_key == b.public_key && a.host == b.host && a.slots == b.slots && a.epoch == b.epoch &&
         a.offered_slots == b.offered_slots && a.offer_reason == b.offer_reason && a.label == b.label;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace extfarm;
  const std::string path = fuzz::own_folder() + "/w.json";
  std::ofstream(path, std::ios::binary) << fuzz::text_of(data, size);
  auto reading = read_beacons(fuzz::own_folder());
  std::filesystem::remove(path);
  FARM_CHECK(reading.beacons.size() + reading.complaints.size() == 1);
  if (reading.beacons.empty()) return 0;
  auto& beacon = reading.beacons.front();
  FARM_CHECK(beacon.public_key.size() == 40);
  FARM_CHECK(beacon.name.find('\0') == std::string::npos && beacon.endpoint.find('\0') == std::string::npos);
  if (beacon.name.find('/') != std::string::npos || beacon.name.size() > 200 || beacon.name.starts_with('.')) return 0;
  FARM_CHECK(write_beacon(fuzz::own_folder(), beacon));
  const auto again = read_beacons(fuzz::own_folder());
  remove_beacon(fuzz::own_folder(), beacon);
  FARM_CHECK(again.beacons.size() == 1 && are_equal(again.beacons.front(), beacon));
  return 0;
}

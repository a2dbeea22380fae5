#include "common/transport/beacon.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace extfarm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uintmax_t kLargestBeaconBytes = 64 << 10;

}  // namespace

Result<void> write_beacon(const std::string& folder, const Beacon& beacon) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  const json object{{"protocol_version", beacon.protocol_version},
                    {"name", beacon.name},
                    {"endpoint", beacon.endpoint},
                    {"public_key", beacon.public_key},
                    {"host", beacon.host},
                    {"slots", beacon.slots},
                    {"epoch", beacon.epoch}};
  const std::string path = folder + "/" + beacon.name + ".json", temporary = folder + "/." + beacon.name;
  std::ofstream file(temporary);
  file << object.dump(2) << "\n";
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    return failure(ErrorCode::kIo, "cannot announce this worker in " + folder + ": " + std::strerror(errno) +
                                       "; name a folder that can be written with --rendezvous");
  }
  return {};
}

void remove_beacon(const std::string& folder, const Beacon& beacon) {
  ::unlink((folder + "/" + beacon.name + ".json").c_str());
}

BeaconReading read_beacons(const std::string& folder) {
  BeaconReading reading;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent)) {
    if (entry.path().extension() != ".json" || entry.path().filename().string()[0] == '.') continue;
    try {
      if (entry.file_size() > kLargestBeaconBytes) throw std::runtime_error("it is larger than 64 KiB");
      std::ifstream file(entry.path());
      const json object = json::parse(file);
      Beacon beacon;
      beacon.protocol_version = object.at("protocol_version").get<std::uint32_t>();
      beacon.name = object.at("name").get<std::string>();
      beacon.endpoint = object.at("endpoint").get<std::string>();
      beacon.public_key = object.at("public_key").get<std::string>();
      beacon.host = object.at("host").get<std::string>();
      beacon.slots = object.at("slots").get<std::uint32_t>();
      beacon.epoch = object.at("epoch").get<std::uint64_t>();
      reading.beacons.push_back(beacon);
    } catch (const std::exception& e) {
      if (!fs::exists(entry.path(), absent)) continue;  // its worker ended while it was read
      reading.complaints.push_back("the beacon " + entry.path().string() + " cannot be read (" + e.what() +
                                   "); remove it, its worker writes a new one when it starts");
    }
  }
  std::sort(reading.beacons.begin(), reading.beacons.end(),
            [](const Beacon& a, const Beacon& b) { return a.name < b.name; });
  return reading;
}

}  // namespace extfarm
